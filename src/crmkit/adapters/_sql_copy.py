"""Many rows at once: COPY where the driver is psycopg, ordinary INSERTs elsewhere."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert

__all__ = ["insert_events"]

# Fewer rows are not worth another command.
_COPY = 50


def insert_events(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Store rows that hold a value for each of their columns; all rows hold the same ones."""
    if not rows:
        return
    if connection.dialect.driver == "psycopg" and len(rows) >= _COPY:
        _copy(connection, table, rows)
    else:
        connection.execute(insert(table), list(rows))


def _copy(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    names = [column.name for column in table.columns]
    quote = connection.dialect.identifier_preparer
    target = f"{quote.format_table(table)} ({', '.join(map(quote.quote, names))})"
    driver: Any = connection.connection.driver_connection
    from psycopg import Error

    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
            for row in rows:
                copy.write_row([row[name] for name in names])
    except Error as error:
        # As SQLAlchemy would tell it.
        raise _translated(connection, error) from error


def _translated(connection: Connection, error: Exception) -> Exception:
    from sqlalchemy.exc import DBAPIError

    dbapi: Any = connection.dialect.dbapi
    return DBAPIError.instance("COPY", None, error, dbapi.Error, dialect=connection.dialect)
