"""One SQLite file: its connections, transactions that never lose an update, and what is said when the disk fails.

Rules for this file: every write goes through `Database.writing`; nothing else says BEGIN or COMMIT.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from crmkit.adapters import _sqlite_schema as schema
from crmkit.adapters._logs import log_of
from crmkit.adapters._sqlite_backup import synced
from crmkit.adapters._sqlite_turns import Turnstile, nap
from crmkit.errors import CrmkitError, Damaged, InputError, InvalidValue, OutcomeUnknown, Unavailable

__all__ = ["Database", "Durability", "bound"]

#: "full" survives a power loss; "normal" may lose the last commits.
Durability: TypeAlias = Literal["full", "normal"]

T = TypeVar("T")

_LOG = log_of("sqlite")
_PATIENCE = 30.0
# A shorter waiting for the lock is not worth telling.
_LONG_S = 1.0
# Of a connection, at most. A batch touches pages all over the indexes: with SQLite's 2 MiB a file of 100,000 events
# writes and reads the same ones again and again, about a tenth of what an append costs.
_CACHE_KIB = 8192
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_TORN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# Messages about a damaged file may quote it, and then Python cannot read them.
_TROUBLE = (sqlite3.Error, UnicodeDecodeError)
_REASONS = {
    sqlite3.SQLITE_BUSY: ("another process holds the lock", "let it finish, and try again"),
    sqlite3.SQLITE_LOCKED: ("another connection holds the lock", "let it finish, and try again"),
    sqlite3.SQLITE_FULL: ("the disk is full", "make room, and try again"),
    sqlite3.SQLITE_READONLY: ("may only be read", "open it for writing, where this user may write"),
    sqlite3.SQLITE_CANTOPEN: ("the file or its log cannot be opened", "look at the rights of the file and its folder"),
    sqlite3.SQLITE_IOERR: ("the disk failed", "look at the disk, and try again"),
}


class Database:
    """A file with one connection a thread.

    Args:
        path: the file; it is made if it is not there.
        durability: "full" survives a power loss; "normal" may lose the last commits, never the file.
        read_only: nothing is ever written, nor made.

    Raises:
        InputError: if the file is something else, newer, or cannot be opened.
    """

    def __init__(self, path: str | Path, durability: Durability, *, read_only: bool = False) -> None:
        if durability not in ("full", "normal"):
            raise InvalidValue("durability", durability, "is neither 'full' nor 'normal'; less would lose the file")
        self.path = Path(path)
        self.read_only = read_only
        self._durability = durability
        self._lock = threading.Lock()
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._turns: list[Turnstile] = []
        self._process = os.getpid()
        try:
            if read_only:
                self._look()
            else:
                self._prepare()
        except _TROUBLE as error:
            self.close()
            raise InputError(str(self.path), f"cannot be used as a store: {error}") from None
        except CrmkitError as error:
            self.close()
            if isinstance(error, InputError):
                raise
            raise InputError(str(self.path), f"cannot be used as a store: {error}") from None

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        if os.getpid() != self._process:
            # A fork must not use, nor close, what its parent has open.
            self._inherited = self._local, self._all, self._turns
            self._lock, self._local, self._all, self._turns = threading.Lock(), threading.local(), [], []
            self._process = os.getpid()
        made: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if made is None:
            made = self._local.connection = self._connected()
        return made

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query.

        Raises:
            Damaged: if the file itself is torn.
            Unavailable: if it cannot be read for another reason.
        """
        given = bound(values)
        try:
            return self._patient(lambda: self.connection.execute(statement, given).fetchall())
        except _TROUBLE as error:
            raise self._told(error) from error

    def stream(self, statement: str) -> Generator[tuple[Any, ...]]:
        """The rows of a query that takes no values, one by one, all of one moment.

        Raises:
            Damaged: if the file itself is torn.
            Unavailable: if it cannot be read for another reason.
        """
        try:
            with contextlib.closing(self.connection.execute(statement)) as cursor:
                yield from cursor
        except _TROUBLE as error:
            raise self._told(error) from error

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """A transaction that holds the write lock from its first statement.

        Deferred transactions read before they lock, and then fail or lose updates; BEGIN IMMEDIATE waits its turn.

        Raises:
            IntegrityError: as SQLite raised it: what it means only the caller can say.
            OutcomeUnknown: if the commit itself failed.
            Unavailable: if nothing was stored: the disk is full, the file may only be read, or stays locked.
            Damaged: if the file itself is torn.
        """
        if self.read_only:
            raise Unavailable(str(self.path), "was opened for reading only", "open it without read_only=True")
        try:
            connection = self.connection
            with self._turnstile.held():
                self._patient(lambda: connection.execute("BEGIN IMMEDIATE"), nap_s=0.001)
        except _TROUBLE as error:
            raise self._told(error) from error
        try:
            yield connection
        except sqlite3.IntegrityError:
            _undo(connection)
            raise
        except _TROUBLE as error:
            _undo(connection)
            raise self._told(error) from error
        except BaseException:
            _undo(connection)
            raise
        self._commit(connection)

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            # Without room, or the lock, nothing was written to the end; after any other failure nobody can know.
            certain = _code(error) in (*_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY)
            _undo(connection)
            if certain:
                raise self._told(error) from error
            _LOG.error("a commit failed: nobody knows whether it is stored", extra=self._about(error))
            raise OutcomeUnknown(f"{self.path}: {error}") from error

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            while self._all:
                self._all.pop().close()
            while self._turns:
                self._turns.pop().close()
            self._local = threading.local()

    @property
    def _turnstile(self) -> Turnstile:
        made: Turnstile | None = getattr(self._local, "turnstile", None)
        if made is None:
            made = self._local.turnstile = Turnstile(self.path)
            with self._lock:
                self._turns.append(made)
        return made

    def _connected(self, how: str = "") -> sqlite3.Connection:
        name, uri = (f"{self.path.absolute().as_uri()}?mode=ro{how}", True) if self.read_only else (self.path, False)
        # SQLite's own waiting takes ever longer steps, and so favours whoever has come last: we wait ourselves.
        # Threads never share a connection; another thread only closes it.
        made = sqlite3.connect(name, timeout=0.0, isolation_level=None, check_same_thread=False, uri=uri)
        with self._lock:
            self._all.append(made)
        # Whoever makes the file just now locks it for a moment, readers out.
        self._patient(lambda: made.execute(f"PRAGMA synchronous = {self._durability}"))
        made.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        return made

    def _look(self) -> None:
        """Open for reading; where the log cannot be opened, and there is none, the file itself is all there is."""
        try:
            schema.refuse_foreign(self.connection, self.path)
        except sqlite3.OperationalError:
            log = self.path.with_name(self.path.name + "-wal")
            if not self.path.exists() or (log.exists() and log.stat().st_size):
                raise
            self.close()
            self._local.connection = self._connected("&immutable=1")
            schema.refuse_foreign(self.connection, self.path)
        version = schema.version_of(self.connection)
        if version < schema.VERSION:
            why = f"is empty, or of an older crmkit (schema {version}), which cannot be brought up to date by reading"
            raise InputError(str(self.path), why, "open it once for writing")

    def _prepare(self) -> None:
        connection = self.connection
        self._patient(lambda: schema.refuse_foreign(connection, self.path))
        # SQLite goes on without a log, and says so, where it cannot have one: then FULL would not keep the last commit.
        (mode,) = self._patient(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone())
        if mode != "wal":
            todo = "look at the disk, and do not use a network file system"
            raise Unavailable(str(self.path), "its write-ahead log cannot be used", todo)
        if self._patient(lambda: schema.version_of(connection)) < schema.VERSION:
            with self.writing():
                # Another process may have done it while we waited for the lock.
                was = schema.version_of(connection)
                if was < schema.VERSION:
                    schema.make(connection, datetime.now(UTC).isoformat(timespec="seconds"))
                    changed = {"store": str(self.path), "was": was, "schema": schema.VERSION}
                    _LOG.info("tables were brought up to date" if was else "tables were made", extra=changed)
        schema.refuse_foreign(connection, self.path)
        if self._durability == "full":
            self._settle()

    def _settle(self) -> None:
        """Put on the disk what is in the log already.

        A process may have been killed between writing a commit and making sure of it. Whoever opens the file next finds
        that commit, and may answer "it is stored" from it: then it must be so after a power loss, too.
        """
        log = self.path.with_name(self.path.name + "-wal")
        try:
            if log.exists() and log.stat().st_size:
                synced(log)
                synced(self.path.absolute().parent)
        except OSError as error:
            raise Unavailable(str(self.path), f"the disk failed ({error.strerror}); nothing was stored") from None

    def _patient(self, work: Callable[[], T], *, nap_s: float = 0.01) -> T:
        began = time.monotonic()
        naps = 0
        while True:
            try:
                done = work()
            except sqlite3.OperationalError as error:
                if _code(error) not in _BUSY or time.monotonic() > began + _PATIENCE:
                    raise
                naps += 1
                nap(nap_s)
            else:
                if naps:
                    self._waited(time.monotonic() - began)
                return done

    def _waited(self, seconds: float) -> None:
        if seconds > _LONG_S:
            _LOG.warning("waited long for the lock", extra={"store": str(self.path), "seconds": round(seconds, 3)})

    def _about(self, error: sqlite3.Error | UnicodeDecodeError) -> dict[str, str]:
        return {"store": str(self.path), "error": getattr(error, "sqlite_errorname", type(error).__name__)}

    def _told(self, error: sqlite3.Error | UnicodeDecodeError) -> CrmkitError:
        code = _code(error)
        if code in _TORN or code is None:
            # Without a code it is Python that could not read what SQLite gave it.
            _LOG.error("the file is damaged", extra=self._about(error))
            return Damaged(str(self.path), 0, str(error))
        _LOG.warning("the file cannot be used", extra=self._about(error))
        why, todo = _REASONS.get(code, (str(error), ""))
        return Unavailable(str(self.path), f"{why} ({error}); nothing was stored", todo)


def bound(values: Sequence[Any]) -> Sequence[Any]:
    """Values as SQLite can keep them.

    Raises:
        InvalidValue: for a text that UTF-8 cannot hold (a lone surrogate).
    """
    for value in values:
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise InvalidValue("text", value, "holds half of a character and cannot be stored") from None
    return values


def _code(error: Exception) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _undo(connection: sqlite3.Connection) -> None:
    # SQLite may have undone it by itself, and a disk that fails once may fail twice.
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
