"""What type checkers see of the seams: a class that inherits nothing is a store if its methods are.

Run by mypy and pyright, never executed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, assert_type

from crmkit.adapters.memory import MemoryBlobStore, MemoryEventStore, MemoryRecordStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.events import Event
from crmkit.protocols import BlobStore, EventStore, Query, Record, Recorded, RecordStore


class Events:
    """A third party's event store."""

    def append(self, events: Iterable[Event], *, unless: Query | None = None, after: int = 0) -> int:
        """Store."""
        return after + len(list(events)) + (unless is None)

    def read(self, query: Query | None = None, *, after: int = 0, limit: int | None = None) -> Iterator[Recorded]:
        """Read."""
        yield from ()

    def verify(self) -> list[str]:
        """Check."""
        return []


class Records:
    """A third party's record store."""

    def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the protocol's word
        """Look up."""
        return Record(kind, id, 1, {})

    def put(self, kind: str, id: str, value: Mapping[str, Any], *, expected: int | None = None) -> int:  # noqa: A002 - same
        """Store."""
        return len(value) + (expected or 0)

    def find(self, kind: str, where: Mapping[str, Any] | None = None) -> list[Record]:
        """Search."""
        return []

    def delete(self, kind: str, id: str, *, expected: int | None = None) -> bool:  # noqa: A002 - same
        """Remove."""
        return expected is None


class Blobs:
    """A third party's blob store."""

    def get(self, name: str) -> bytes | None:
        """Look up."""
        return name.encode()

    def put(self, name: str, data: bytes) -> None:
        """Store."""

    def swap(self, name: str, data: bytes, *, expected: bytes | None) -> bool:
        """Replace."""
        return data == expected

    def delete(self, name: str) -> bool:
        """Remove."""
        return bool(name)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Names."""
        yield prefix


class Half:
    """No event store: it cannot be read."""

    def append(self, events: Iterable[Event]) -> int:
        """Store."""
        return len(list(events))


def seams() -> None:
    """Structure is enough, and half of it is not."""
    events: EventStore = Events()
    records: RecordStore = Records()
    blobs: BlobStore = Blobs()
    half: EventStore = Half()  # type: ignore[assignment] # it lacks `read`, `verify` and the condition
    assert_type([one.event for one in events.read(Query(cases=["D-1"], types="Moved"))], list[Event])
    assert_type(records.get("customer", "C-1"), Record | None)
    assert_type(blobs.get("segment/1"), bytes | None)
    assert_type(half.append([]), int)


def our_own() -> None:
    """The stores that come with the library fit the seams."""
    sqlite = SqliteStore("crm.db")
    events: tuple[EventStore, ...] = (MemoryEventStore(), sqlite.events)
    records: tuple[RecordStore, ...] = (MemoryRecordStore(), sqlite.records)
    blobs: tuple[BlobStore, ...] = (MemoryBlobStore(), sqlite.blobs)
    assert_type([store.append([]) for store in events], list[int])
    assert_type([store.get("customer", "C-1") for store in records], list[Record | None])
    assert_type([store.get("segment/1") for store in blobs], list[bytes | None])
