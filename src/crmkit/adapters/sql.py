"""Stores in a database that the host already runs, through SQLAlchemy: PostgreSQL, MariaDB, SQLite (extra `sql`).

    store = SqlStore(engine)                  # transactions of our own
    store.create()

    with Session(engine) as session, session.begin():
        session.add(order)                    # the host's row and our fact
        Desk(SqlStore(session).events, pipeline, clock).move("D-1", "sign")   # are committed together, or not at all

Appends of one tenant take turns: each takes the next positions from the row of its tenant and holds that row until its
transaction ends. So positions are those of commits, without gaps, and a reader never has to look back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from crmkit.adapters._logs import conflict, damaged, log_of, repeated
from crmkit.adapters._sql_copy import append_one, insert_events
from crmkit.adapters._sql_keeping import SqlErasable, SqlMovable, SqlScrubbable
from crmkit.adapters.memory import Stored, first_result, refuse_reuse
from crmkit.adapters.sql_binding import Bind, Binding
from crmkit.adapters.sql_schema import SCHEMA_VERSION, Tables, digest, original, readable, tables, type_digest
from crmkit.errors import Conflict, Damaged, InputError, InvalidValue
from crmkit.events import Event, checksum, fields_from_json, fields_to_json, from_json, payload, to_json
from crmkit.protocols import Query, Record, Recorded
from crmkit.values import Fields

__all__ = ["SqlBlobStore", "SqlEventStore", "SqlRecordStore", "SqlStore"]

_LOG = log_of("sql")
# Rows fetched in one go.
_PAGE = 2000
# No position lies beyond what the column holds.
_LAST = 2**63 - 1
# Names looked up in one go.
_LOOK_UP = 500
# What every driver takes in one statement.
_MOST_NAMES = 30_000


class SqlStore(SqlScrubbable):
    """Events, records and blobs of one tenant in a database.

    Args:
        bind: an `Engine`: every append is a transaction. A `Connection` or an ORM `Session`: everything happens in the
            host's transaction, and only the host commits.
        tenant: whose data; nothing of another tenant is ever read or written.
        prefix: what the names of the tables begin with.
        schema: the database's schema they live in.

    Raises:
        InvalidValue: if `bind` is something else.
    """

    def __init__(
        self, bind: Bind, *, tenant: str = "default", prefix: str = "crmkit_", schema: str | None = None
    ) -> None:
        self._binding, self._tenant = Binding(bind), digest(tenant)
        self.tables = tables(prefix=prefix, schema=schema)
        self.events = SqlEventStore(self._binding, self.tables, tenant)
        self.records = SqlRecordStore(self._binding, self.tables, tenant)
        self.blobs = SqlBlobStore(self._binding, self.tables, tenant)

    def create(self) -> None:
        """Make the tables that are not there; a host with migrations of its own uses `sql_schema.tables` instead.

        Raises:
            InputError: if the tables were made by a newer crmkit.
            Unavailable: if the database cannot be reached, or does not allow it.
        """
        self._binding.writing(self._create)

    def _create(self, connection: Connection) -> None:
        self.tables.metadata.create_all(connection)
        version = self.tables.schema.c.version
        found = connection.scalar(select(func.max(version)))
        if found is None:
            connection.execute(insert(self.tables.schema).values(version=SCHEMA_VERSION))
            _LOG.info("tables were made", extra={"store": str(self._binding), "schema": SCHEMA_VERSION})
        elif found > SCHEMA_VERSION:
            why = f"was made by a newer crmkit (schema {found}, this one knows {SCHEMA_VERSION})"
            raise InputError(str(self._binding), why, "upgrade crmkit")


class SqlEventStore(SqlErasable):
    """The `EventStore` of a `SqlStore`."""

    def __init__(self, binding: Binding, made: Tables, tenant: str) -> None:
        self._binding, self._tables, self._name, self._tenant = binding, made, tenant, digest(tenant)

    def append(self, events: Iterable[Event], *, unless: Query | None = None, after: int = 0) -> int:
        """See `EventStore.append`."""
        new = list(events)
        rows = [self._row(event) for event in new]
        condition = None if unless is None else self._broken(unless, after)
        try:
            return self._binding.writing(lambda connection: self._append(connection, rows, unless, condition))
        except (Conflict, IntegrityError) as error:
            # The same again is no conflict. What is stored stays stored: it may be looked up afterwards.
            stored = self._stored(new)
            again = first_result(new, stored)
            if again is not None:
                return repeated(_LOG, self._binding, again)
            if isinstance(error, IntegrityError):
                refuse_reuse(new, stored)
            conflict(_LOG, self._binding, error)
            raise

    def read(self, query: Query | None = None, *, after: int = 0, limit: int | None = None) -> Iterator[Recorded]:
        """See `EventStore.read`; read in pages, so that appending while reading is safe."""
        statement = self._rows(query)
        left = limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(left, _PAGE)
            page = self._page(statement, after, size)
            for position, body, stored in page:
                yield Recorded(position, self._event(position, body, stored))
            if len(page) < size:
                return
            after = page[-1][0]
            left = None if left is None else left - len(page)

    def verify(self) -> Iterator[str]:
        """See `EventStore.verify`: texts against their checksums, positions against the count, keys against texts."""
        columns = self._tables.events.c
        statement = self._rows(None).add_columns(columns.id_digest, columns.key_digest, columns.case_digest)
        after = 0
        while page := self._page(statement, after, _PAGE):
            for position, body, stored, *digests in page:
                if position != after + 1:
                    yield f"{self._place}, position {after + 1}: {position - after - 1} events are missing"
                after = position
                try:
                    event = self._event(position, body, stored)
                except Damaged as damage:
                    yield str(damage)
                    continue
                if [*map(_optional, digests)] != _digests(event):
                    yield str(Damaged(self._place, position, "its id, key or case does not match its text"))
        last = self._binding.reading(self._last)
        if after != last:
            yield f"{self._place}, position {after + 1}: {last - after} events are missing"

    def _append(
        self, connection: Connection, rows: Sequence[dict[str, Any]], unless: Query | None, broken: Select[Any] | None
    ) -> int:
        if broken is None and len(rows) == 1:
            at_once = append_one(connection, self._tables, rows[0])
            if at_once is not None:
                return at_once
        last = self._next(connection, len(rows)) if rows else self._last(connection)
        if broken is not None:
            found = connection.scalar(broken)
            if found is not None:
                raise Conflict(found, str(unless))
        first = last - len(rows) + 1
        insert_events(connection, self._tables.events, [row | {"position": first + n} for n, row in enumerate(rows)])
        return last

    def _next(self, connection: Connection, count: int) -> int:
        """Take the next positions: the row of the tenant is ours until the transaction ends."""
        tenants = self._tables.tenants
        mine = tenants.c.tenant == self._tenant
        statement = update(tenants).where(mine).values(position=tenants.c.position + count)
        while True:
            if connection.dialect.update_returning:
                last = connection.scalar(statement.returning(tenants.c.position))
            else:
                done = connection.execute(statement).rowcount
                last = connection.scalar(select(tenants.c.position).where(mine)) if done else None
            if last is not None:
                return int(last)
            self._enrol(connection)

    def _enrol(self, connection: Connection) -> None:
        """The first append of a tenant, which another may be making, too."""
        try:
            with connection.begin_nested():
                connection.execute(
                    insert(self._tables.tenants).values(tenant=self._tenant, name=readable(self._name), position=0)
                )
        except IntegrityError:
            return

    def _last(self, connection: Connection) -> int:
        tenants = self._tables.tenants
        return connection.scalar(select(tenants.c.position).where(tenants.c.tenant == self._tenant)) or 0

    def _row(self, event: Event) -> dict[str, Any]:
        body = to_json(event)
        id_digest, key_digest, case_digest = _digests(event)
        named = getattr(event, "named", event.type)
        return {
            "tenant": self._tenant, "id_digest": id_digest, "key_digest": key_digest, "case_digest": case_digest,
            "type_digest": type_digest(named), "case_id": readable(event.case), "type": readable(named), "body": body,
            "checksum": checksum(body),
        }  # fmt: skip

    def _rows(self, query: Query | None) -> Any:
        columns = self._tables.events.c
        return select(columns.position, columns.body, columns.checksum).where(*self._where(query))

    def _page(self, statement: Any, after: int, size: int) -> Sequence[Any]:
        position = self._tables.events.c.position
        page = statement.where(position > min(after, _LAST)).order_by(position).limit(size)
        return self._binding.reading(lambda connection: connection.execute(page).all())

    def _where(self, query: Query | None) -> list[ColumnElement[bool]]:
        columns = self._tables.events.c
        parts: list[ColumnElement[bool]] = [columns.tenant == self._tenant]
        if query is not None:
            wanted = ((columns.case_digest, query.cases), (columns.type_digest, query.types),
                      (columns.key_digest, query.keys))  # fmt: skip
            size = sum(len(names) for _, names in wanted if names is not None)
            if size > _MOST_NAMES:
                raise InvalidValue("query", f"{size} names", f"are more than {_MOST_NAMES}; ask in parts")
            parts += [column.in_([digest(name) for name in names]) for column, names in wanted if names is not None]
        return parts

    def _broken(self, unless: Query, after: int) -> Select[Any]:
        """The first event that breaks a condition, as committed now: not as a snapshot of the host's remembers it."""
        position = self._tables.events.c.position
        found = select(position).where(*self._where(unless), position > min(after, _LAST)).order_by(position).limit(1)
        # On PostgreSQL and SQLite the row of the tenant could not have been taken with an old snapshot.
        return found.with_for_update(read=True) if self._binding.dialect in ("mysql", "mariadb") else found

    def _stored(self, new: Sequence[Event]) -> Stored:
        """Who has the ids and keys of these events: asked for by hundreds, for one by one they would take minutes."""
        columns = self._tables.events.c
        taken: dict[tuple[str, bytes], tuple[int, str]] = {}
        for name, column, wanted in (
            ("id", columns.id_digest, [digest(event.id) for event in new]),
            ("key", columns.key_digest, [digest(event.key) for event in new if event.key is not None]),
        ):
            for begin in range(0, len(wanted), _LOOK_UP):
                some = self._rows(None).where(column.in_(wanted[begin : begin + _LOOK_UP])).add_columns(column)
                for position, body, check, key in self._page(some, 0, _LOOK_UP):
                    taken[name, bytes(key)] = position, payload(self._event(position, body, check))

        def found(event: Event) -> tuple[int, str] | None:
            by_id = taken.get(("id", digest(event.id)))
            return by_id if by_id or event.key is None else taken.get(("key", digest(event.key)))

        return found

    @property
    def _place(self) -> str:
        return f"{self._binding}, {self._tables.events.name}"

    def _event(self, position: int, body: str, stored: str) -> Event:
        if checksum(body) != stored:
            raise damaged(_LOG, self._place, position, "the text no longer matches its checksum")
        try:
            return from_json(body)
        except InvalidValue as error:
            raise damaged(_LOG, self._place, position, str(error)) from None


def _digests(event: Event) -> list[bytes | None]:
    """Of the id, the key and the case."""
    return [digest(event.id), None if event.key is None else digest(event.key), digest(event.case)]


def _optional(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


class SqlRecordStore(SqlMovable):
    """The `RecordStore` of a `SqlStore`."""

    def __init__(self, binding: Binding, made: Tables, tenant: str) -> None:
        self._binding, self._table, self._tenant = binding, made.records, digest(tenant)

    def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the field's word
        """See `RecordStore.get`."""
        columns = self._table.c
        statement = select(columns.version, columns.body).where(self._at(kind, id))
        row = self._binding.reading(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else Record(kind, id, row[0], fields_from_json(row[1]))

    def put(self, kind: str, id: str, value: Mapping[str, Any], *, expected: int | None = None) -> int:  # noqa: A002 - as above
        """See `RecordStore.put`."""
        body = fields_to_json(Fields(value))
        digest(body)
        while True:
            try:
                return self._binding.writing(lambda connection: self._put(connection, (kind, id), body, expected))
            except IntegrityError:
                # Two made the same record at once: now there is one to be replaced.
                continue

    def _put(self, connection: Connection, name: tuple[str, str], body: str, expected: int | None) -> int:
        version = self._expected(connection, name, expected) + 1
        kind, id_ = name
        if version > 1:
            connection.execute(update(self._table).where(self._at(kind, id_)).values(version=version, body=body))
            return version
        row = {"tenant": self._tenant, "kind_digest": digest(kind), "id_digest": digest(id_), "kind": readable(kind),
               "id": readable(id_), "version": 1, "body": body}  # fmt: skip
        connection.execute(insert(self._table).values(row))
        return 1

    def find(self, kind: str, where: Mapping[str, Any] | None = None) -> Iterator[Record]:
        """See `RecordStore.find`."""
        wanted = Fields(where or {})
        columns = self._table.c
        statement = select(columns.id, columns.version, columns.body).where(
            columns.tenant == self._tenant, columns.kind_digest == digest(kind)
        )
        rows = self._binding.reading(lambda connection: connection.execute(statement).all())
        for id_, version, body in sorted((original(row[0]), row[1], row[2]) for row in rows):
            value = fields_from_json(body)
            if all(name in value and value[name] == wanted[name] for name in wanted):
                yield Record(kind, id_, version, value)

    def delete(self, kind: str, id: str, *, expected: int | None = None) -> bool:  # noqa: A002 - as above
        """See `RecordStore.delete`."""
        return self._binding.writing(lambda connection: self._delete(connection, (kind, id), expected))

    def _delete(self, connection: Connection, name: tuple[str, str], expected: int | None) -> bool:
        self._expected(connection, name, expected)
        return connection.execute(delete(self._table).where(self._at(*name))).rowcount > 0

    def _at(self, kind: str, id: str) -> ColumnElement[bool]:  # noqa: A002 - as above
        of = self._table.c
        return and_(of.tenant == self._tenant, of.kind_digest == digest(kind), of.id_digest == digest(id))

    def _expected(self, connection: Connection, name: tuple[str, str], expected: int | None) -> int:
        # Locked, so that nobody writes between our look and our change.
        statement = select(self._table.c.version).where(self._at(*name)).with_for_update()
        version = connection.scalar(statement) or 0
        if expected is not None and expected != version:
            raise Conflict(version, f"{name[0]} {name[1]!r} at version {expected}")
        return int(version)


class SqlBlobStore:
    """The `BlobStore` of a `SqlStore`."""

    def __init__(self, binding: Binding, made: Tables, tenant: str) -> None:
        self._binding, self._table, self._tenant = binding, made.blobs, digest(tenant)

    def get(self, name: str) -> bytes | None:
        """See `BlobStore.get`."""
        statement = select(self._table.c.body).where(self._at(name))
        found = self._binding.reading(lambda connection: connection.scalar(statement))
        return None if found is None else bytes(found)

    def put(self, name: str, data: bytes) -> None:
        """See `BlobStore.put`."""
        row = {"tenant": self._tenant, "name_digest": digest(name), "name": readable(name), "body": bytes(data)}
        while True:
            try:
                return self._binding.writing(lambda connection: self._put(connection, name, row))
            except IntegrityError:
                # Two made the same name at once: now there is one to be replaced.
                continue

    def _put(self, connection: Connection, name: str, row: Mapping[str, Any]) -> None:
        there = connection.scalar(select(literal(1)).where(self._at(name)).with_for_update())
        if there:
            connection.execute(update(self._table).where(self._at(name)).values(body=row["body"]))
        else:
            connection.execute(insert(self._table).values(row))

    def swap(self, name: str, data: bytes, *, expected: bytes | None) -> bool:
        """See `BlobStore.swap`."""
        row = {"tenant": self._tenant, "name_digest": digest(name), "name": readable(name), "body": bytes(data)}
        try:
            return self._binding.writing(lambda connection: self._swap(connection, name, row, expected))
        except IntegrityError:
            return False

    def _swap(self, connection: Connection, name: str, row: Mapping[str, Any], expected: bytes | None) -> bool:
        if expected is None:
            connection.execute(insert(self._table).values(row))
            return True
        # Locked, so that nobody writes between our look and our change.
        found = connection.scalar(select(self._table.c.body).where(self._at(name)).with_for_update())
        if found is None or bytes(found) != expected:
            return False
        connection.execute(update(self._table).where(self._at(name)).values(body=row["body"]))
        return True

    def delete(self, name: str) -> bool:
        """See `BlobStore.delete`."""
        statement = delete(self._table).where(self._at(name))
        return self._binding.writing(lambda connection: connection.execute(statement).rowcount) > 0

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `BlobStore.list`."""
        statement = select(self._table.c.name).where(self._table.c.tenant == self._tenant)
        names = self._binding.reading(lambda connection: connection.scalars(statement).all())
        return iter(sorted(name for name in map(original, names) if name.startswith(prefix)))

    def _at(self, name: str) -> ColumnElement[bool]:
        return and_(self._table.c.tenant == self._tenant, self._table.c.name_digest == digest(name))
