"""Stores in one SQLite file: the embedded default.

    store = SqliteStore("crm.db")
    desk = Desk(store.events, pipeline, clock)

Write-ahead log, synchronous=FULL, BEGIN IMMEDIATE, a checksum for each event. Several threads and processes may share a
file. SQLite before 3.51.3 can corrupt a file when several connections run checkpoints by hand: leave that to it.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from crmkit.adapters._logs import conflict, damaged, log_of, repeated
from crmkit.adapters._sqlite_backup import copy
from crmkit.adapters._sqlite_checks import flaws
from crmkit.adapters._sqlite_keeping import SqliteErasable, SqliteMovable, SqliteScrubbable
from crmkit.adapters._sqlite_schema import blob_check, record_check
from crmkit.adapters.memory import first_result, refuse_reuse
from crmkit.adapters.sqlite_file import Database, Durability, bound
from crmkit.errors import Conflict, Damaged, InvalidValue
from crmkit.events import Event, Unknown, checksum, fields_from_json, fields_to_json, from_json, payload, to_json
from crmkit.protocols import Query, Record, Recorded
from crmkit.values import Fields

__all__ = ["SqliteBlobStore", "SqliteEventStore", "SqliteRecordStore", "SqliteStore"]

_LOG = log_of("sqlite")
# Rows fetched in one go: small enough to be gentle, large enough to be quick.
_PAGE = 1000
_INSERT = "INSERT INTO events (tenant, id, key, cas, type, body, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)"
# No position lies beyond what the column holds.
_LAST = 2**63 - 1
# SQLite takes 32,766 values in one statement.
_MOST_NAMES = 30_000


class SqliteStore(SqliteScrubbable):
    """Events, records and blobs of one tenant in one file.

    Args:
        path: the file; it is made if it is not there.
        tenant: whose data; nothing of another tenant is ever read or written.
        durability: "full" survives a power loss; "normal", five times faster, may lose the last commits.
        read_only: whoever writes is refused; the file is neither made nor brought up to date.

    Raises:
        InputError: if the file is something else, newer, or cannot be opened.
    """

    def __init__(
        self, path: str | Path, *, tenant: str = "default", durability: Durability = "full", read_only: bool = False
    ) -> None:
        self._database, self._tenant = Database(path, durability, read_only=read_only), tenant
        self.events = SqliteEventStore(self._database, tenant)
        self.records = SqliteRecordStore(self._database, tenant)
        self.blobs = SqliteBlobStore(self._database, tenant)

    def verify(self) -> Iterator[str]:
        """Check the whole file, whichever tenant it is about; one line for each damage found, none when all is well.

        Pages and indexes are checked by SQLite, tables against how they are made, every row against its checksum.
        """
        return flaws(self._database)

    def backup(self, path: str | Path, *, compact: bool = False) -> None:
        """Copy the whole file, of all tenants, to another, while others may write.

        The copy is checked, and has its name only when it is complete and on the disk.

        Args:
            path: the new file.
            compact: leave out what was freed (VACUUM INTO): smaller, slower.

        Raises:
            InputError: if there is such a file, or the copy cannot be made.
        """
        copy(self._database.connection, Path(path), compact=compact)

    def close(self) -> None:
        """Close the file, in all threads."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SqliteEventStore(SqliteErasable):
    """The `EventStore` of a `SqliteStore`."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database, self._tenant = database, tenant
        self._plain_tenant = tenant.isascii()

    def append(self, events: Iterable[Event], *, unless: Query | None = None, after: int = 0) -> int:
        """See `EventStore.append`."""
        new = list(events)
        rows = [self._row(event) for event in new]
        try:
            return self._append(rows, unless, after)
        except (Conflict, sqlite3.IntegrityError) as error:
            # The same again is no conflict. What is stored stays stored: it may be looked up afterwards.
            again = first_result(new, self._stored)
            if again is not None:
                return repeated(_LOG, self._database.path, again)
            if isinstance(error, sqlite3.IntegrityError):
                refuse_reuse(new, self._stored)
            conflict(_LOG, self._database.path, error)
            raise

    def _append(self, rows: list[tuple[Any, ...]], unless: Query | None, after: int) -> int:
        with self._database.writing() as connection:
            if unless is not None:
                self._refuse(unless, after)
            if not rows:
                return self._last()
            connection.executemany(_INSERT, rows)
            last: int = connection.execute("SELECT last_insert_rowid()").fetchone()[0]
        return last

    def _last(self) -> int:
        rows = self._database.all(
            "SELECT position FROM events WHERE tenant = ? ORDER BY position DESC LIMIT 1", (self._tenant,)
        )
        return rows[0][0] if rows else 0

    def read(self, query: Query | None = None, *, after: int = 0, limit: int | None = None) -> Iterator[Recorded]:
        """See `EventStore.read`; read in pages, so that appending while reading is safe."""
        where, values = _where(query)
        left = limit
        while left is None or left > 0:
            page = _PAGE if left is None else min(left, _PAGE)
            rows = self._page(where, (self._tenant, min(after, _LAST), *values, page))
            for position, body, stored in rows:
                yield Recorded(position, self._event(position, body, stored))
            if len(rows) < page:
                return
            after = rows[-1][0]
            left = None if left is None else left - len(rows)

    def verify(self) -> Iterator[str]:
        """See `EventStore.verify`: SQLite's own check finds torn pages, ours finds changed texts."""
        return flaws(self._database, self._tenant)

    def _page(self, where: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        rest = f"FROM events WHERE tenant = ? AND position > ?{where} ORDER BY position LIMIT ?"
        try:
            return self._database.all(f"SELECT position, body, checksum {rest}", values)
        except Damaged:
            # A text that is no longer UTF-8 cannot be read as one; as bytes it can, and then its position is known.
            rows = self._database.all(f"SELECT position, CAST(body AS BLOB), CAST(checksum AS BLOB) {rest}", values)
            return [(position, *(text.decode("utf-8", "replace") for text in texts)) for position, *texts in rows]

    def _row(self, event: Event) -> tuple[Any, ...]:
        body = to_json(event)
        named = event.named if isinstance(event, Unknown) else event.type
        row = (self._tenant, event.id, event.key, event.case, named, body, checksum(body))
        # Each text of the row is in the body, too, but the tenant's, and looking at one costs less than looking at all.
        if not (body.isascii() and self._plain_tenant):
            bound(row)
        return row

    def _stored(self, event: Event) -> tuple[int, str] | None:
        # Two lookups by index; an OR over both columns would scan.
        for column, value in (("id", event.id), ("key", event.key)):
            statement = f"SELECT position, body, checksum FROM events WHERE tenant = ? AND {column} = ?"
            rows = [] if value is None else self._database.all(statement, (self._tenant, value))
            if rows:
                return rows[0][0], payload(self._event(*rows[0]))
        return None

    def _refuse(self, unless: Query, after: int) -> None:
        where, values = _where(unless)
        rows = self._database.all(
            f"SELECT position FROM events WHERE tenant = ? AND position > ?{where} ORDER BY position LIMIT 1",
            (self._tenant, min(after, _LAST), *values),
        )
        if rows:
            raise Conflict(rows[0][0], str(unless))

    def _event(self, position: int, body: str, stored: str) -> Event:
        place = f"{self._database.path}, events"
        if checksum(body) != stored:
            raise damaged(_LOG, place, position, "the text no longer matches its checksum")
        try:
            return from_json(body)
        except InvalidValue as error:
            raise damaged(_LOG, place, position, str(error)) from None


def _where(query: Query | None) -> tuple[str, list[str]]:
    """The conditions of a query, and their values."""
    parts: list[str] = []
    values: list[str] = []
    if query is not None:
        for column, wanted in (("cas", query.cases), ("type", query.types), ("key", query.keys)):
            if wanted is not None:
                parts.append(f" AND {column} IN ({', '.join('?' * len(wanted))})")
                values += sorted(wanted)
    if len(values) > _MOST_NAMES:
        raise InvalidValue("query", f"{len(values)} names", f"are more than {_MOST_NAMES}; ask in parts")
    return "".join(parts), values


class SqliteRecordStore(SqliteMovable):
    """The `RecordStore` of a `SqliteStore`."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database, self._tenant = database, tenant

    def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the field's word
        """See `RecordStore.get`."""
        statement = "SELECT id, version, body, checksum FROM records WHERE tenant = ? AND kind = ? AND id = ?"
        for row in self._database.all(statement, (self._tenant, kind, id)):
            return self._record(kind, row)
        return None

    def put(self, kind: str, id: str, value: Mapping[str, Any], *, expected: int | None = None) -> int:  # noqa: A002 - as above
        """See `RecordStore.put`."""
        body = fields_to_json(Fields(value))
        row = bound((self._tenant, kind, id, body))
        with self._database.writing() as connection:
            version = self._expected(kind, id, expected) + 1
            check = record_check(self._tenant, kind, id, version, body)
            connection.execute(
                "INSERT OR REPLACE INTO records (tenant, kind, id, body, version, checksum) VALUES (?, ?, ?, ?, ?, ?)",
                (*row, version, check),
            )
        return version

    def find(self, kind: str, where: Mapping[str, Any] | None = None) -> Iterator[Record]:
        """See `RecordStore.find`."""
        wanted = Fields(where or {})
        statement = "SELECT id, version, body, checksum FROM records WHERE tenant = ? AND kind = ? ORDER BY id"
        for row in self._database.all(statement, (self._tenant, kind)):
            record = self._record(kind, row)
            if all(name in record.value and record.value[name] == wanted[name] for name in wanted):
                yield record

    def _record(self, kind: str, row: tuple[Any, ...]) -> Record:
        name, version, body, check = row
        if record_check(self._tenant, kind, name, version, body) != check:
            why = f"{kind} {name!r} no longer matches its checksum"
            raise damaged(_LOG, f"{self._database.path}, records", 0, why)
        return Record(kind, name, version, fields_from_json(body))

    def delete(self, kind: str, id: str, *, expected: int | None = None) -> bool:  # noqa: A002 - as above
        """See `RecordStore.delete`."""
        with self._database.writing() as connection:
            self._expected(kind, id, expected)
            statement = "DELETE FROM records WHERE tenant = ? AND kind = ? AND id = ?"
            return connection.execute(statement, bound((self._tenant, kind, id))).rowcount > 0

    def _expected(self, kind: str, id: str, expected: int | None) -> int:  # noqa: A002 - as above
        stored = self.get(kind, id)
        version = stored.version if stored else 0
        if expected is not None and expected != version:
            raise Conflict(version, f"{kind} {id!r} at version {expected}")
        return version


class SqliteBlobStore:
    """The `BlobStore` of a `SqliteStore`."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database, self._tenant = database, tenant

    def get(self, name: str) -> bytes | None:
        """See `BlobStore.get`."""
        statement = "SELECT body, checksum FROM blobs WHERE tenant = ? AND name = ?"
        for body, check in self._database.all(statement, (self._tenant, name)):
            if blob_check(self._tenant, name, body) != check:
                why = f"{name!r} no longer matches its checksum"
                raise damaged(_LOG, f"{self._database.path}, blobs", 0, why)
            return bytes(body)
        return None

    def put(self, name: str, data: bytes) -> None:
        """See `BlobStore.put`."""
        row = self._row(name, data)
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO blobs (tenant, name, body, checksum) VALUES (?, ?, ?, ?)", row)

    def swap(self, name: str, data: bytes, *, expected: bytes | None) -> bool:
        """See `BlobStore.swap`."""
        tenant, name, data, check = row = self._row(name, data)
        with self._database.writing() as connection:
            if expected is None:
                statement = "INSERT OR IGNORE INTO blobs (tenant, name, body, checksum) VALUES (?, ?, ?, ?)"
                return connection.execute(statement, row).rowcount > 0
            statement = "UPDATE blobs SET body = ?, checksum = ? WHERE tenant = ? AND name = ? AND body = ?"
            return connection.execute(statement, (data, check, tenant, name, bytes(expected))).rowcount > 0

    def _row(self, name: str, data: bytes) -> tuple[str, str, bytes, int]:
        bound((self._tenant, name))
        data = bytes(data)
        return self._tenant, name, data, blob_check(self._tenant, name, data)

    def delete(self, name: str) -> bool:
        """See `BlobStore.delete`."""
        row = bound((self._tenant, name))
        with self._database.writing() as connection:
            return connection.execute("DELETE FROM blobs WHERE tenant = ? AND name = ?", row).rowcount > 0

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `BlobStore.list`."""
        rows = self._database.all("SELECT name FROM blobs WHERE tenant = ? ORDER BY name", (self._tenant,))
        return iter([name for (name,) in rows if name.startswith(prefix)])
