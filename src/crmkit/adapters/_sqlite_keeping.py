"""What a SQLite store offers besides: to be moved as a whole, and to forget.

Rules for this file: parts of the classes of `crmkit.adapters.sqlite`, which say where they lie.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from crmkit.adapters._raw import as_bytes, found_in, places_in_file
from crmkit.adapters._sqlite_schema import record_check
from crmkit.adapters.memory import refuse_other_facts
from crmkit.adapters.sqlite_file import Database, bound
from crmkit.errors import Conflict, NotFound, Unavailable
from crmkit.events import checksum, fields_to_json, from_json, to_json
from crmkit.protocols import Record, Recorded
from crmkit.values import Fields

__all__ = ["SqliteErasable", "SqliteMovable", "SqliteScrubbable"]


class SqliteErasable:
    """Events that may be rewritten."""

    _database: Database
    _tenant: str

    def rewrite(self, changed: Iterable[Recorded]) -> None:
        """See `ErasableEvents.rewrite`."""
        rows = [(one, bound((to_json(one.event),))[0]) for one in changed]
        with self._database.writing() as connection:
            # What is overwritten is overwritten in the file, too.
            connection.execute("PRAGMA secure_delete = ON")
            for one, body in rows:
                found = self._database.all(
                    "SELECT body FROM events WHERE tenant = ? AND position = ?", (self._tenant, one.position)
                )
                if not found:
                    raise NotFound("position", str(one.position))
                refuse_other_facts(from_json(found[0][0]), one)
                connection.execute(
                    "UPDATE events SET body = ?, checksum = ? WHERE tenant = ? AND position = ?",
                    (body, checksum(body), self._tenant, one.position),
                )


class SqliteMovable:
    """Records that can be listed, and put back as they were."""

    _database: Database
    _tenant: str

    def kinds(self) -> Iterator[str]:
        """See `MovableRecords.kinds`."""
        rows = self._database.all("SELECT DISTINCT kind FROM records WHERE tenant = ? ORDER BY kind", (self._tenant,))
        return iter([kind for (kind,) in rows])

    def restore(self, record: Record) -> None:
        """See `MovableRecords.restore`."""
        row = bound((self._tenant, record.kind, record.id, fields_to_json(Fields(record.value))))
        with self._database.writing() as connection:
            statement = "SELECT version FROM records WHERE tenant = ? AND kind = ? AND id = ?"
            for (version,) in self._database.all(statement, row[:3]):
                raise Conflict(version, f"{record.kind} {record.id!r} at version 0")
            tenant, kind, name, body = row
            check = record_check(tenant, kind, name, record.version, body)
            connection.execute(
                "INSERT INTO records (tenant, kind, id, body, version, checksum) VALUES (?, ?, ?, ?, ?, ?)",
                (*row, record.version, check),
            )


class SqliteScrubbable:
    """A file that can forget, and say whose it is."""

    _database: Database
    _tenant: str

    def tenants(self) -> Iterator[str]:
        """Whoever has something in the file, in order."""
        statement = (
            "SELECT tenant FROM events UNION SELECT tenant FROM records UNION SELECT tenant FROM blobs ORDER BY 1"
        )
        return iter([name for (name,) in self._database.all(statement)])

    def scrub(self) -> None:
        """See `Scrubbable.scrub`: VACUUM with secure_delete, and an empty write-ahead log.

        Nobody else may use the file meanwhile.
        """
        if self._database.read_only:
            raise Unavailable(str(self._database.path), "was opened for reading only", "open it without read_only=True")
        connection = self._database.connection
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("VACUUM")
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            where, why = str(self._database.path), "somebody else is reading it: old pages are still in its log"
            raise Unavailable(where, why, "scrub it when nobody uses it")

    def traces(self, needles: Iterable[bytes]) -> Iterator[str]:
        """See `Scrubbable.traces`: the rows of this tenant, then the file, its log and its index, byte by byte."""
        wanted = [*needles]
        for name, statement in (
            ("events, position", "SELECT position, id, key, cas, type, body FROM events WHERE tenant = ?"),
            ("records", "SELECT id, kind, body FROM records WHERE tenant = ?"),
            ("blobs", "SELECT name, body FROM blobs WHERE tenant = ?"),
        ):
            for row in self._database.connection.execute(statement, (self._tenant,)):
                if any(found_in(as_bytes(value), wanted) for value in row):
                    yield f"{self._database.path}, {name} {row[0]}"
        for ending in ("", "-wal", "-shm"):
            file = Path(f"{self._database.path}{ending}")
            yield from (f"{file}, byte {place}" for place in places_in_file(file, wanted))
