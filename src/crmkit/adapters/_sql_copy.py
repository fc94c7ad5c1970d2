"""What psycopg does faster than others: many rows by COPY, and one row with its position in one statement."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, Table, insert

from crmkit.adapters.sql_schema import Tables

__all__ = ["append_one", "insert_events"]

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


def append_one(connection: Connection, tables: Tables, row: dict[str, Any]) -> int | None:
    """Take the next position of a tenant and store its event there; one round trip, prepared by the driver.

    Returns:
        The position; None if the driver is another one, or the tenant is new.
    """
    if connection.dialect.driver != "psycopg":
        return None
    quote = connection.dialect.identifier_preparer
    names = ", ".join(map(quote.quote, row))
    statement = (
        f"WITH taken AS (UPDATE {quote.format_table(tables.tenants)} SET position = position + 1 "  # noqa: S608 - names only
        f"WHERE tenant = %s RETURNING position) INSERT INTO {quote.format_table(tables.events)} (position, {names}) "
        f"SELECT taken.position, {', '.join(['%s'] * len(row))} FROM taken RETURNING position"
    )
    driver: Any = connection.connection.driver_connection
    from psycopg import Error

    try:
        found = driver.execute(statement, [row["tenant"], *row.values()]).fetchone()
    except Error as error:
        raise _translated(connection, error) from error
    return None if found is None else int(found[0])


def _copy(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    names = [column.name for column in table.columns]
    quote = connection.dialect.identifier_preparer
    target = f"{quote.format_table(table)} ({', '.join(map(quote.quote, names))})"
    driver: Any = connection.connection.driver_connection
    from psycopg import Error

    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types([_types(column) for column in table.columns])
            for values in map(itemgetter(*names), rows):
                copy.write_row(values)
    except Error as error:
        # As SQLAlchemy would tell it.
        raise _translated(connection, error) from error


def _types(column: Column[Any]) -> str:
    """As PostgreSQL calls it."""
    return (
        "bytea" if isinstance(column.type, LargeBinary) else "int8" if isinstance(column.type, BigInteger) else "text"
    )


def _translated(connection: Connection, error: Exception) -> Exception:
    from sqlalchemy.exc import DBAPIError

    dbapi: Any = connection.dialect.dbapi
    return DBAPIError.instance("COPY", None, error, dbapi.Error, dialect=connection.dialect)
