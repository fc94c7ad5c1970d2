"""What a store in a database offers besides: to be moved as a whole, and to forget.

Rules for this file: parts of the classes of `crmkit.adapters.sql`, which say where they lie.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from crmkit.adapters._raw import as_bytes, found_in
from crmkit.adapters.memory import refuse_other_facts
from crmkit.adapters.sql_binding import Binding
from crmkit.adapters.sql_schema import Tables, digest, original, readable
from crmkit.errors import Conflict, NotFound
from crmkit.events import checksum, fields_to_json, from_json, to_json
from crmkit.protocols import Record, Recorded
from crmkit.values import Fields

__all__ = ["SqlErasable", "SqlMovable", "SqlScrubbable"]


class SqlErasable:
    """Events that may be rewritten."""

    _binding: Binding
    _tables: Tables
    _tenant: bytes

    def rewrite(self, changed: Iterable[Recorded]) -> None:
        """See `ErasableEvents.rewrite`."""
        new = [*changed]
        self._binding.writing(lambda connection: self._rewrite(connection, new))

    def _rewrite(self, connection: Connection, changed: Iterable[Recorded]) -> None:
        events = self._tables.events
        for one in changed:
            here = (events.c.tenant == self._tenant, events.c.position == one.position)
            stored = connection.scalar(select(events.c.body).where(*here).with_for_update())
            if stored is None:
                raise NotFound("position", str(one.position))
            refuse_other_facts(from_json(stored), one)
            body = to_json(one.event)
            connection.execute(update(events).where(*here).values(body=body, checksum=checksum(body)))


class SqlMovable:
    """Records that can be listed, and put back as they were."""

    _binding: Binding
    _table: Table
    _tenant: bytes

    def kinds(self) -> Iterator[str]:
        """See `MovableRecords.kinds`."""
        columns = self._table.c
        statement = select(columns.kind).where(columns.tenant == self._tenant).distinct()
        return iter(sorted(map(original, self._binding.reading(lambda one: one.scalars(statement).all()))))

    def restore(self, record: Record) -> None:
        """See `MovableRecords.restore`."""
        body = fields_to_json(Fields(record.value))
        digest(body)
        row = {"tenant": self._tenant, "kind_digest": digest(record.kind), "id_digest": digest(record.id),
               "kind": readable(record.kind), "id": readable(record.id), "version": record.version,
               "body": body}  # fmt: skip
        self._binding.writing(lambda connection: self._restore(connection, row, f"{record.kind} {record.id!r}"))

    def _restore(self, connection: Connection, row: dict[str, Any], name: str) -> None:
        here = [self._table.c[part] == row[part] for part in ("tenant", "kind_digest", "id_digest")]
        version = connection.scalar(select(self._table.c.version).where(*here).with_for_update())
        if version is not None:
            raise Conflict(version, f"{name} at version 0")
        connection.execute(insert(self._table).values(row))


class SqlScrubbable:
    """Tables that can forget, and say whose they are."""

    _binding: Binding
    _tenant: bytes
    tables: Tables

    def tenants(self) -> Iterator[str]:
        """Whoever has appended an event, in order; of others only digests are known."""
        statement = select(self.tables.tenants.c.name)
        return iter(sorted(map(original, self._binding.reading(lambda one: one.scalars(statement).all()))))

    def scrub(self) -> None:
        """See `Scrubbable.scrub`: the tables are written anew (VACUUM FULL, OPTIMIZE TABLE, VACUUM).

        The server's own logs (WAL archives, binary logs, backups) are beyond its reach. It needs an `Engine`.

        Raises:
            InvalidValue: if the store is bound to the host's transaction, in which no table can be written anew.
        """
        self._binding.rewritten([self.tables.events, self.tables.records, self.tables.blobs])

    def traces(self, needles: Iterable[bytes]) -> Iterator[str]:
        """See `Scrubbable.traces`: every column of every row of this tenant."""
        wanted = [*needles]
        for table, name in (
            (self.tables.events, "position"), (self.tables.records, "id"), (self.tables.blobs, "name"),
        ):  # fmt: skip
            for row in self._binding.each(select(table).where(table.c.tenant == self._tenant)):
                if any(found_in(as_bytes(value), wanted) for value in row):
                    yield f"{self._binding}, {table.name}, {name} {row._mapping[name]}"  # noqa: SLF001 - its public name
