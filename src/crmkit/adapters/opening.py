"""Open a store by what people write: the path of a SQLite file, or the URL of a database."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from crmkit.errors import ExtraMissing, InputError
from crmkit.protocols import Store

__all__ = ["open_store"]


@contextmanager
def open_store(place: str, *, tenant: str = "default", create: bool = False) -> Generator[Store]:
    """A store, closed at the end of the block.

    Args:
        place: a path, or a URL as SQLAlchemy takes it: `postgresql+psycopg://user@host/database`.
        tenant: whose data.
        create: whether to make the file, or the tables, if they are not there.

    Raises:
        InputError: if there is no such file and none is to be made, or no such database.
        ExtraMissing: for a URL without SQLAlchemy.
        Unavailable: if the database cannot be reached.
    """
    if "://" in place:
        yield from _database(place, tenant, create=create)
        return
    from crmkit.adapters.sqlite import SqliteStore

    if not create and not Path(place).is_file():
        raise InputError(place, "is no file")
    with SqliteStore(place, tenant=tenant) as store:
        yield store


def _database(url: str, tenant: str, *, create: bool) -> Generator[Store]:
    try:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    except ImportError:
        raise ExtraMissing("sqlalchemy", "sql", "a store in a database") from None
    from crmkit.adapters.sql import SqlStore

    try:
        engine = create_engine(url)
    except ModuleNotFoundError as error:
        reason = f"needs the driver {error.name}, which is not installed"
        remedy = "install it, or name another: postgresql+psycopg://, mariadb+pymysql://"
        raise InputError("the URL of the store", reason, remedy) from None
    except NoSuchModuleError:
        remedy = "write postgresql+psycopg://, mariadb+pymysql:// or sqlite:///"
        raise InputError("the URL of the store", "names a kind of database that nobody knows", remedy) from None
    except ArgumentError as error:
        # The URL may hold a password: it is not repeated.
        raise InputError("the URL of the store", f"cannot be used: {_first_line(error, url)}") from None
    try:
        store = SqlStore(engine, tenant=tenant)
        if create:
            store.create()
        yield store
    finally:
        engine.dispose()


def _first_line(error: Exception, url: str) -> str:
    return str(error).splitlines()[0].replace(url, "…")
