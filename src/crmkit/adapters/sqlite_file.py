"""One SQLite file: its schema, its connections, and transactions that never lose an update.

Rules for this file: every write goes through `Database.writing`; nothing else says BEGIN or COMMIT.
"""

import random
import sqlite3
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

from crmkit.errors import Damaged, InputError, InvalidValue, OutcomeUnknown

__all__ = ["Database", "Durability", "bound"]

#: "full" survives a power loss; "normal" may lose the last commits.
Durability: TypeAlias = Literal["full", "normal"]

_VERSION = 1
_APPLICATION = 0x63726D6B  # "crmk": tells our files from others
_PATIENCE = 30.0

# Texts are compared byte by byte (BINARY is SQLite's default), so keys that differ in case or blanks stay apart.
_SCHEMA = """
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL, id TEXT NOT NULL, key TEXT, cas TEXT NOT NULL, type TEXT NOT NULL,
    body TEXT NOT NULL, checksum TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_id ON events (tenant, id);
CREATE UNIQUE INDEX events_by_key ON events (tenant, key) WHERE key IS NOT NULL;
CREATE INDEX events_by_case ON events (tenant, cas, position);
CREATE TABLE records (
    tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE blobs (
    tenant TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (tenant, name)
) STRICT;
"""


class Database:
    """A file with one connection a thread.

    Args:
        path: the file; it is made if it is not there.
        durability: "full" survives a power loss; "normal" may lose the last commits, never the file.

    Raises:
        InputError: if the file is something else, newer, or cannot be opened.
    """

    def __init__(self, path: str | Path, durability: Durability) -> None:
        if durability not in ("full", "normal"):
            raise InvalidValue("durability", durability, "is neither 'full' nor 'normal'; less would lose the file")
        self.path = Path(path)
        self._durability = durability
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        try:
            self._prepare()
        except sqlite3.Error as error:
            self.close()
            raise InputError(str(self.path), f"cannot be used as a store: {error}") from None
        except InputError:
            self.close()
            raise

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        made: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if made is None:
            made = self._local.connection = self._connected()
        return made

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query.

        Raises:
            Damaged: if the file itself is torn.
        """
        try:
            return self.connection.execute(statement, bound(values)).fetchall()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise Damaged(str(self.path), 0, str(error)) from error
            raise

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """A transaction that holds the write lock from its first statement.

        Deferred transactions read before they lock, and then fail or lose updates; BEGIN IMMEDIATE waits its turn.

        Raises:
            OutcomeUnknown: if the commit itself failed.
        """
        connection = self.connection
        _begin(connection)
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        try:
            connection.commit()
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.rollback()
            raise OutcomeUnknown(str(error)) from error

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            while self._all:
                self._all.pop().close()
            self._local = threading.local()

    def _connected(self) -> sqlite3.Connection:
        # Threads never share a connection; another thread only closes it.
        made = sqlite3.connect(self.path, timeout=5.0, isolation_level=None, check_same_thread=False)
        with self._lock:
            self._all.append(made)
        made.execute(f"PRAGMA synchronous = {self._durability}")
        return made

    def _prepare(self) -> None:
        connection = self.connection
        self._check(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        if self._version(connection) == 0:
            with self.writing():
                # Another process may have made the schema while we waited for the lock.
                if self._version(connection) == 0:
                    for statement in _SCHEMA.split(";\n"):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                    connection.execute(f"PRAGMA user_version = {_VERSION}")
        self._check(connection)

    def _version(self, connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version

    def _check(self, connection: sqlite3.Connection) -> None:
        version = self._version(connection)
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and owner != _APPLICATION:
            raise InputError(str(self.path), "is a database of another program", "give a file of its own")
        if version > _VERSION:
            why = f"was written by a newer crmkit (schema {version}, this one knows {_VERSION})"
            raise InputError(str(self.path), why, "upgrade crmkit")


def bound(values: Sequence[Any]) -> Sequence[Any]:
    """Values as SQLite can keep them.

    Raises:
        InvalidValue: for a text that UTF-8 cannot hold (a lone surrogate).
    """
    for value in values:
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise InvalidValue("text", value, "holds half of a character and cannot be stored") from None
    return values


def _begin(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > deadline:
                raise
            # SQLite's own waiting is not fair; a little jitter gives everybody a turn.
            time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - not a secret
        else:
            return
