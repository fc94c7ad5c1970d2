"""Stores in memory: the readable reference that every other adapter is compared with."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import RLock
from typing import Any, TypeAlias

from crmkit.errors import Conflict, InvalidValue, KeyReused, NotFound
from crmkit.events import Event, payload
from crmkit.protocols import Query, Record, Recorded
from crmkit.values import Fields

__all__ = [
    "MemoryBlobStore",
    "MemoryEventStore",
    "MemoryRecordStore",
    "MemoryStore",
    "Stored",
    "first_result",
    "names_of",
    "refuse_other_facts",
    "refuse_reuse",
]


class MemoryEventStore:
    """An `EventStore` that forgets when the process ends."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._named: dict[str, int] = {}
        self._lock = RLock()

    def append(self, events: Iterable[Event], *, unless: Query | None = None, after: int = 0) -> int:
        """See `EventStore.append`."""
        new = list(events)
        with self._lock:
            again = first_result(new, self._position_of)
            if again is not None:
                return again
            if unless is not None:
                for position, event in enumerate(self._events[after:], after + 1):
                    if unless.matches(event):
                        raise Conflict(position, str(unless))
            refuse_reuse(new, self._position_of)
            for event in new:
                self._events.append(event)
                self._named.update(dict.fromkeys(names_of(event), len(self._events)))
            return len(self._events)

    def read(self, query: Query | None = None, *, after: int = 0, limit: int | None = None) -> Iterator[Recorded]:
        """See `EventStore.read`; what is appended while reading is not in it."""
        with self._lock:
            events = self._events[max(after, 0) :]
        found = 0
        for position, event in enumerate(events, max(after, 0) + 1):
            if limit is not None and found >= limit:
                return
            if query is None or query.matches(event):
                found += 1
                yield Recorded(position, event)

    def verify(self) -> Iterator[str]:
        """See `EventStore.verify`: memory does not rot."""
        return iter(())

    def rewrite(self, changed: Iterable[Recorded]) -> None:
        """See `ErasableEvents.rewrite`."""
        new = list(changed)
        with self._lock:
            for one in new:
                if not 0 < one.position <= len(self._events):
                    raise NotFound("position", str(one.position))
                refuse_other_facts(self._events[one.position - 1], one)
            for one in new:
                self._events[one.position - 1] = one.event

    def _position_of(self, event: Event) -> tuple[int, str] | None:
        for name in names_of(event):
            if name in self._named:
                position = self._named[name]
                return position, payload(self._events[position - 1])
        return None


def names_of(event: Event) -> tuple[str, ...]:
    """What may be stored only once: the event's id, and its idempotency key if it has one."""
    return (f"id {event.id}",) if event.key is None else (f"id {event.id}", f"key {event.key}")


#: From an event to the position and payload of the stored one that has its id or key; None if none has.
Stored: TypeAlias = Callable[[Event], tuple[int, str] | None]


def first_result(new: Sequence[Event], stored: Stored) -> int | None:
    """The position of the first append of the same events; None if they are not all stored with the same payload.

    This and `refuse_reuse` are the one place that says what "the same again" means, for every adapter.

    Args:
        new: what is to be appended.
        stored: from an event to the position and payload of the stored one that has its id or key; None if none has.
    """
    found = [stored(event) for event in new]
    same = [known[0] for known, event in zip(found, new, strict=True) if known and known[1] == payload(event)]
    return max(same) if new and len(same) == len(new) else None


def refuse_reuse(new: Sequence[Event], stored: Stored) -> None:
    """Refuse ids and keys that are taken.

    Raises:
        KeyReused: if one is stored already, or appears twice in `new`.
    """
    seen: set[str] = set()
    for event in new:
        known = stored(event)
        if known is not None or seen & {*names_of(event)}:
            raise KeyReused(event.key or event.id, known[0] if known else 0)
        seen.update(names_of(event))


def refuse_other_facts(stored: Event, changed: Recorded) -> None:
    """Refuse to put another fact in the place of a stored one; its other texts may differ.

    Raises:
        InvalidValue: if id, key, case, type or an instant differs.
    """
    for name in ("id", "key", "case", "at", "recorded"):
        if getattr(stored, name) != getattr(changed.event, name):
            why = f"is not the {name} of the event at position {changed.position}"
            raise InvalidValue(name, getattr(changed.event, name), why)
    was, now = (getattr(event, "named", event.type) for event in (stored, changed.event))
    if was != now:
        raise InvalidValue("type", now, f"is not the type of the event at position {changed.position}, {was!r}")


class MemoryRecordStore:
    """A `RecordStore` that forgets when the process ends."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], Record] = {}
        self._lock = RLock()

    def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the field's word
        """See `RecordStore.get`."""
        return self._records.get((kind, id))

    def put(self, kind: str, id: str, value: Mapping[str, Any], *, expected: int | None = None) -> int:  # noqa: A002 - as above
        """See `RecordStore.put`."""
        with self._lock:
            version = self._expected(kind, id, expected)
            self._records[kind, id] = Record(kind, id, version + 1, Fields(value))
            return version + 1

    def find(self, kind: str, where: Mapping[str, Any] | None = None) -> Iterator[Record]:
        """See `RecordStore.find`."""
        wanted = Fields(where or {})
        with self._lock:
            records = sorted((r for r in self._records.values() if r.kind == kind), key=_id)
        return (r for r in records if all(name in r.value and r.value[name] == wanted[name] for name in wanted))

    def delete(self, kind: str, id: str, *, expected: int | None = None) -> bool:  # noqa: A002 - as above
        """See `RecordStore.delete`."""
        with self._lock:
            self._expected(kind, id, expected)
            return self._records.pop((kind, id), None) is not None

    def kinds(self) -> Iterator[str]:
        """See `MovableRecords.kinds`."""
        with self._lock:
            return iter(sorted({kind for kind, _ in self._records}))

    def restore(self, record: Record) -> None:
        """See `MovableRecords.restore`."""
        with self._lock:
            self._expected(record.kind, record.id, 0)
            self._records[record.kind, record.id] = Record(record.kind, record.id, record.version, Fields(record.value))

    def _expected(self, kind: str, id: str, expected: int | None) -> int:  # noqa: A002 - as above
        stored = self._records.get((kind, id))
        version = stored.version if stored else 0
        if expected is not None and expected != version:
            raise Conflict(version, f"{kind} {id!r} at version {expected}")
        return version


def _id(record: Record) -> str:
    return record.id


class MemoryBlobStore:
    """A `BlobStore` that forgets when the process ends."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._lock = RLock()

    def get(self, name: str) -> bytes | None:
        """See `BlobStore.get`."""
        return self._blobs.get(name)

    def put(self, name: str, data: bytes) -> None:
        """See `BlobStore.put`."""
        with self._lock:
            self._blobs[name] = bytes(data)

    def swap(self, name: str, data: bytes, *, expected: bytes | None) -> bool:
        """See `BlobStore.swap`."""
        with self._lock:
            if self._blobs.get(name) != expected:
                return False
            self._blobs[name] = bytes(data)
            return True

    def delete(self, name: str) -> bool:
        """See `BlobStore.delete`."""
        with self._lock:
            return self._blobs.pop(name, None) is not None

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `BlobStore.list`."""
        with self._lock:
            return iter(sorted(name for name in self._blobs if name.startswith(prefix)))


class MemoryStore:
    """Events, records and blobs that are forgotten when the process ends."""

    def __init__(self) -> None:
        self.events = MemoryEventStore()
        self.records = MemoryRecordStore()
        self.blobs = MemoryBlobStore()
