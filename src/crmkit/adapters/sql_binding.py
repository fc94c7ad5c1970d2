"""What a `SqlStore` is bound to: an engine, whose transactions are ours, or the host's connection, whose are not.

Rules for this file: nothing else begins, commits or rolls back; what the driver raises leaves as an error of crmkit.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, Row, Select, Table
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from crmkit.adapters._logs import log_of
from crmkit.errors import InvalidValue, OutcomeUnknown, Unavailable

__all__ = ["Bind", "Binding"]

#: What a store may be given.
Bind: TypeAlias = Engine | Connection | Session

T = TypeVar("T")
_LOG = log_of("sql")
_PATIENCE = 30.0
# Rows fetched in one go where all are read.
_SOME = 500
# What writes a table (or a file) anew.
_REWRITE = {"postgresql": "VACUUM (FULL)", "mysql": "OPTIMIZE TABLE", "mariadb": "OPTIMIZE TABLE", "sqlite": "VACUUM"}
# SQLSTATE: serialization failure, deadlock, lock not available.
_BUSY_STATES = frozenset({"40001", "40P01", "55P03"})
# MariaDB: lock wait timeout, deadlock, record changed since it was read, no such savepoint: a deadlock has ended the
# transaction and all of its savepoints, and that is noticed on the way back to one of them.
_BUSY_NUMBERS = frozenset({1205, 1213, 1020, 1305})
# MariaDB: access denied, unknown database, no connection by socket or network, unknown host.
_AWAY = frozenset({1044, 1045, 1698, 2002, 2003, 2005})
_MISSING_STATES, _MISSING_NUMBERS = frozenset({"42P01", "3F000"}), frozenset({1146, 1049})


class Binding:
    """Runs work in a transaction.

    With an engine each piece of work is a transaction, tried again for half a minute while the database is busy. With
    a connection or a session it is a savepoint in the host's transaction, which only the host commits; a busy database
    has then ended that transaction, and only the host can begin it again.

    Args:
        bind: an `Engine`, a `Connection` or an ORM `Session`.

    Raises:
        InvalidValue: for anything else.
    """

    def __init__(self, bind: Bind) -> None:
        if not isinstance(bind, (Engine, Connection, Session)):
            raise InvalidValue("bind", type(bind).__name__, "is no SQLAlchemy Engine, Connection or Session")
        self._bind = bind

    @property
    def dialect(self) -> str:
        """The database: "sqlite", "postgresql", "mariadb", "mysql" ..."""
        engine = self._bind.get_bind() if isinstance(self._bind, Session) else self._bind
        return engine.dialect.name

    def __str__(self) -> str:
        engine = self._bind.get_bind() if isinstance(self._bind, Session) else self._bind
        url = (engine.engine if isinstance(engine, Connection) else engine).url
        return url.render_as_string(hide_password=True)

    def reading(self, work: Callable[[Connection], T]) -> T:
        """Run work that changes nothing."""
        try:
            if isinstance(self._bind, Engine):
                with self._bind.connect() as connection:
                    return work(connection)
            return work(self._host())
        except DBAPIError as error:
            raise self._refusal(error) from error

    def each(self, statement: Select[Any]) -> Iterator[Row[Any]]:
        """The rows of a query, some at a time."""
        try:
            if isinstance(self._bind, Engine):
                with self._bind.connect() as connection:
                    yield from connection.execution_options(yield_per=_SOME).execute(statement)
            else:
                yield from self._host().execute(statement, execution_options={"yield_per": _SOME})
        except DBAPIError as error:
            raise self._refusal(error) from error

    def rewritten(self, tables: Iterable[Table]) -> None:
        """Write tables anew, outside of any transaction, so that what was deleted is no longer in their files.

        Raises:
            InvalidValue: if bound to the host's transaction, or if nobody knows how this database does it.
        """
        command = _REWRITE.get(self.dialect)
        if command is None or not isinstance(self._bind, Engine):
            raise InvalidValue("scrub", str(self), "needs an Engine on PostgreSQL, MariaDB or SQLite")
        try:
            with self._bind.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if self.dialect == "sqlite":
                    connection.exec_driver_sql("PRAGMA secure_delete = ON")
                    connection.exec_driver_sql(command)
                    return
                for table in tables:
                    name = connection.dialect.identifier_preparer.format_table(table)
                    connection.exec_driver_sql(f"{command} {name}")
        except DBAPIError as error:
            raise self._refusal(error) from error

    def writing(self, work: Callable[[Connection], T]) -> T:
        """Run work whose changes are kept all together, or not at all.

        Raises:
            IntegrityError: as the driver raised it: what it means only the work can say.
            OutcomeUnknown: if the commit itself failed.
            Unavailable: if the database cannot be reached, or stays locked.
        """
        if isinstance(self._bind, Engine):
            return self._transaction(self._bind, work)
        connection = self._host()
        try:
            _begin(connection)
            with connection.begin_nested():
                return work(connection)
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise self._refusal(error) from error

    def _transaction(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        deadline, tries = time.monotonic() + _PATIENCE, 0
        while True:
            try:
                return _once(engine, work)
            except IntegrityError:
                raise
            except DBAPIError as error:
                if not _busy(error) or time.monotonic() > deadline:
                    raise self._refusal(error) from error
                tries += 1
                _LOG.info("the database was busy: trying again", extra={**self._about(error), "tries": tries})
                # Whoever was in the way is given a moment, and not all come back at once.
                time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - not a secret

    def _host(self) -> Connection:
        if isinstance(self._bind, Session):
            return self._bind.connection()
        assert isinstance(self._bind, Connection)  # noqa: S101 - engines are served elsewhere
        return self._bind

    def _about(self, error: DBAPIError) -> dict[str, str]:
        orig: Any = error.orig
        name = getattr(orig, "sqlite_errorname", None) or _state(orig) or _number(orig) or type(orig).__name__
        return {"store": str(self), "error": str(name)}

    def _refusal(self, error: DBAPIError) -> Unavailable:
        _LOG.warning("the database cannot be used", extra=self._about(error))
        return Unavailable(str(self), _said(error.orig), _todo(error))


def _once(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            _begin(connection)
            result = work(connection)
        except BaseException:
            transaction.rollback()
            raise
        try:
            transaction.commit()
        except DBAPIError as error:
            # A transaction that could not be put in order with others has not happened; of all else nobody knows.
            if _busy(error):
                raise
            raise OutcomeUnknown(str(error.orig)) from error
        return result


def _begin(connection: Connection) -> None:
    """On SQLite a transaction must hold the lock before it reads, or it may find at the end that it read in vain.

    The driver would begin one only at the first change: a savepoint before that would commit what it should not.
    """
    if connection.dialect.name == "sqlite":
        if not connection.in_transaction():
            connection.begin()
        driver: Any = connection.connection.driver_connection
        if not driver.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")


def _said(orig: Any) -> str:
    """What a driver said, in one line."""
    args: Sequence[Any] = getattr(orig, "args", ())
    # Drivers of MariaDB give a number and a text.
    text = args[1] if len(args) > 1 and isinstance(args[0], int) else str(orig)
    return " ".join(str(text).split()) or type(orig).__name__


def _todo(error: DBAPIError) -> str:
    orig: Any = error.orig
    if _missing(error):
        return "make the tables with SqlStore.create(), or by the host's migrations"
    # Where nobody was reached, or let in, psycopg has no SQLSTATE.
    nobody = isinstance(error, OperationalError) and _state(orig) is None and _number(orig) is None
    if _number(orig) in _AWAY or (nobody and not isinstance(orig, sqlite3.Error)):
        return "look at host, port, user, password and database, and whether the server runs"
    return ""


def _busy(error: DBAPIError) -> bool:
    orig: Any = error.orig
    if isinstance(orig, sqlite3.Error):
        return orig.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return _state(orig) in _BUSY_STATES or _number(orig) in _BUSY_NUMBERS


def _missing(error: DBAPIError) -> bool:
    orig: Any = error.orig
    if isinstance(orig, sqlite3.Error):
        return "no such table" in str(orig)
    return _state(orig) in _MISSING_STATES or _number(orig) in _MISSING_NUMBERS


def _state(orig: Any) -> str | None:
    """SQLSTATE, as psycopg and others tell it."""
    return getattr(orig, "sqlstate", None) or getattr(orig, "pgcode", None)


def _number(orig: Any) -> int | None:
    """The error number, as drivers of MariaDB tell it."""
    args = getattr(orig, "args", ())
    return args[0] if args and isinstance(args[0], int) else None
