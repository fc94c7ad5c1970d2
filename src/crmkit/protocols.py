"""Plug in here. Each protocol is a handful of methods; its docstring ends with the suite that proves an implementation.

Rules for this file: no base class to inherit, no default behaviour, no import of an adapter.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import attrs

from crmkit.events import Event

__all__ = [
    "BlobStore",
    "Cipher",
    "ErasableEvents",
    "EventStore",
    "MovableRecords",
    "Notice",
    "Query",
    "Record",
    "RecordStore",
    "Recorded",
    "Scrubbable",
    "Store",
    "Transport",
]


def _names(values: Iterable[str] | None) -> frozenset[str] | None:
    if isinstance(values, str):
        return frozenset([values])
    return None if values is None else frozenset(values)


@attrs.frozen
class Query:
    """Which events: those that satisfy every part that is given; `Query()` is all of them.

    Attributes:
        cases: their case is one of these.
        types: their type is one of these.
        keys: their idempotency key is one of these.
    """

    cases: frozenset[str] | None = attrs.field(default=None, converter=_names)
    types: frozenset[str] | None = attrs.field(default=None, converter=_names)
    keys: frozenset[str] | None = attrs.field(default=None, converter=_names)

    def matches(self, event: Event) -> bool:
        """Whether an event is one of them."""
        named = getattr(event, "named", event.type)
        return (
            (self.cases is None or event.case in self.cases)
            and (self.types is None or named in self.types)
            and (self.keys is None or event.key in self.keys)
        )

    def __str__(self) -> str:
        parts = [
            f"{name} in {sorted(wanted)}"
            for name, wanted in (("case", self.cases), ("type", self.types), ("key", self.keys))
            if wanted is not None
        ]
        return " and ".join(parts) or "any event"


@attrs.frozen
class Recorded:
    """An event at its place in the store.

    Attributes:
        position: 1-based, rising; gaps are possible.
        event: the fact.
    """

    position: int
    event: Event


@runtime_checkable
class EventStore(Protocol):
    """Where facts are kept.

    Prove it with `crmkit.testing.contracts.EventStoreContract`.
    """

    def append(self, events: Iterable[Event], *, unless: Query | None = None, after: int = 0) -> int:
        """Store events, all or none, and return the position of the last one.

        Events that are all stored already, each id and idempotency key with the same payload, change nothing: the
        position of the first append comes back, whatever `unless` says.

        Args:
            events: in order; an empty run stores nothing and returns the last position of the store.
            unless: refuse if an event that matches exists after position `after`. It may name other cases: a rule
                that read more than its own case puts what it read into the condition.
            after: the last position the decision has seen.

        Raises:
            Conflict: if the condition does not hold.
            KeyReused: if the condition holds and a key or an event id is stored already with another payload.
            OutcomeUnknown: if the commit neither succeeded nor failed for sure.
        """
        ...

    def read(self, query: Query | None = None, *, after: int = 0, limit: int | None = None) -> Iterable[Recorded]:
        """Events in order of position.

        A reader that has seen position n never later finds a smaller one that it had not seen.

        Raises:
            Damaged: if an event no longer matches its checksum.
        """
        ...

    def verify(self) -> Iterable[str]:
        """Check everything that is stored; one line for each damage found, none when all is well."""
        ...


@attrs.frozen
class Record:
    """A versioned record.

    Attributes:
        kind: "customer", "document" ...
        id: unique within its kind.
        version: 1 after the first `put`, one more after each.
        value: plain fields.
    """

    kind: str
    id: str
    version: int
    value: Mapping[str, Any]


@runtime_checkable
class RecordStore(Protocol):
    """Where things that may change are kept: customers, contacts, documents.

    Prove it with `crmkit.testing.contracts.RecordStoreContract`.
    """

    def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the field's word
        """The record, or None."""
        ...

    def put(self, kind: str, id: str, value: Mapping[str, Any], *, expected: int | None = None) -> int:  # noqa: A002 - as above
        """Store a record and return its new version.

        Args:
            kind: its kind.
            id: its id.
            value: plain fields, as `Fields` takes them.
            expected: the version that must be stored now (0: none); None writes over anything.

        Raises:
            Conflict: if another version is stored; `position` is that version.
        """
        ...

    def find(self, kind: str, where: Mapping[str, Any] | None = None) -> Iterable[Record]:
        """Records of a kind whose fields equal all of `where`, in order of id."""
        ...

    def delete(self, kind: str, id: str, *, expected: int | None = None) -> bool:  # noqa: A002 - as above
        """Remove a record; whether there was one.

        Raises:
            Conflict: if `expected` is given and another version is stored.
        """
        ...


@runtime_checkable
class BlobStore(Protocol):
    """Where bytes are kept: search segments, journal segments, attachments.

    Prove it with `crmkit.testing.contracts.BlobStoreContract`.
    """

    def get(self, name: str) -> bytes | None:
        """The bytes, or None."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Store bytes under a name, over whatever was there, in one piece."""
        ...

    def swap(self, name: str, data: bytes, *, expected: bytes | None) -> bool:
        """Store bytes under a name if `expected` is what is stored there now; whether it was.

        Of several that expect the same, one succeeds: what several writers build on has to be replaced like this.

        Args:
            name: the name.
            data: the new bytes.
            expected: the bytes that must be there; None: there must be none.
        """
        ...

    def delete(self, name: str) -> bool:
        """Remove a name; whether it was there."""
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Names that start with `prefix`, sorted."""
        ...


class Store(Protocol):
    """Events, records and blobs that belong together: those of one tenant."""

    @property
    def events(self) -> EventStore:
        """Its facts."""
        ...

    @property
    def records(self) -> RecordStore:
        """Its records."""
        ...

    @property
    def blobs(self) -> BlobStore:
        """Its bytes."""
        ...


@runtime_checkable
class MovableRecords(Protocol):
    """What a `RecordStore` may offer besides, so that all of it can be taken elsewhere.

    Prove it with `crmkit.testing.keeping.check_movable_records`.
    """

    def kinds(self) -> Iterable[str]:
        """The kinds of which there are records, sorted."""
        ...

    def restore(self, record: Record) -> None:
        """Store a record with the version it had elsewhere.

        Raises:
            Conflict: if there is such a record already; `position` is its version.
        """
        ...


@runtime_checkable
class ErasableEvents(Protocol):
    """What an `EventStore` may offer besides, so that what facts tell of a person can be erased.

    Prove it with `crmkit.testing.keeping.check_erasable_events`.
    """

    def rewrite(self, changed: Iterable[Recorded]) -> None:
        """Put other texts in the place of stored events, all or none.

        Position, id, key, case, type and both instants stay: whoever counts finds what was there before. An append of
        an old text again is refused from then on, like that of any other payload.

        Raises:
            NotFound: if there is no event at a position.
            InvalidValue: if one of those that stay differs.
        """
        ...


@runtime_checkable
class Scrubbable(Protocol):
    """What a `Store` on a disk may offer besides: that what was erased is no longer in its files either."""

    def scrub(self) -> None:
        """Write the files anew, without what was overwritten or deleted.

        Raises:
            Unavailable: if somebody else is using the store.
        """
        ...

    def traces(self, needles: Iterable[bytes]) -> Iterable[str]:
        """The places in the raw bytes of rows and files where one of the texts stands; one line for each place."""
        ...


@runtime_checkable
class Cipher(Protocol):
    """Hides what is about a person under a key of their own; without the key nobody can read it any more.

    The same bytes in the same place come out the same, so that an append that is repeated is recognised.
    """

    def seal(self, person: str, data: bytes, *, place: bytes) -> bytes:
        """Hide bytes.

        Args:
            person: whose they are; their key is made when it is first needed.
            data: the bytes.
            place: where they stand; they cannot be read in any other place.

        Raises:
            NotFound: if the key of this person was erased.
        """
        ...

    def unseal(self, person: str, data: bytes, *, place: bytes) -> bytes | None:
        """The bytes; None if the key was erased.

        Raises:
            Damaged: if they were not sealed for this person and place, or were changed.
        """
        ...


@attrs.frozen
class Notice:
    """Somebody is to be told what happened in a discussion.

    Attributes:
        to: the id of the person.
        discussion: the id of the discussion.
        topic: its topic.
        fact: what happened.
        text: the same in words.
        token: what an answer brings back to say where it belongs: letters and digits of ASCII, and dots; empty where
            no answer is awaited.
        follows: what it answers, the oldest first: the tokens of what the person was told, and the ids of mails that
            they wrote themself, which have an `@`.
    """

    to: str
    discussion: str
    topic: str
    fact: Event
    text: str = ""
    token: str = ""
    follows: tuple[str, ...] = ()


@runtime_checkable
class Transport(Protocol):
    """What tells people: mail, chat, a bell on a page.

    It may be given the same notice twice; `fact.id` and `to` tell.
    """

    def send(self, notice: Notice) -> None:
        """Tell a person.

        Raises:
            Unavailable: if it cannot be told now; the same notice may be given again.
        """
        ...
