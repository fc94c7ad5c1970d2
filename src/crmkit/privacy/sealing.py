"""Stores that hide personal fields under a key for each person: whoever deletes the key erases the fields everywhere.

    events = SealedEvents(store.events, ring, person=contact_of, fields=["note", "phone"])
    records = SealedRecords(store.records, ring, fields={"contact": ["name", "emails"]})

Cases, types, instants, keys and all other fields stay as they are, so that everything can be counted, filtered and
measured without any key. A field whose key is gone reads as `crmkit.privacy.ERASED`. Backups, replicas, feeds and
archives hold the hidden form, and forget together with the store.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

from crmkit.errors import Damaged, InvalidValue
from crmkit.events import Event, fields_from_json, fields_to_json
from crmkit.privacy.subjects import ERASED
from crmkit.protocols import Cipher, ErasableEvents, EventStore, Query, Record, Recorded, RecordStore
from crmkit.values import Fields

__all__ = ["SealedEvents", "SealedRecords"]

_MARK = "sealed for"


def _names(names: str | Iterable[str]) -> frozenset[str]:
    return frozenset([names] if isinstance(names, str) else names)


def _names_by_kind(fields: Mapping[str, str | Iterable[str]]) -> dict[str, frozenset[str]]:
    return {kind: _names(names) for kind, names in fields.items()}


def _record_id(record: Record) -> str | None:
    return record.id


@attrs.frozen
class SealedEvents:
    """An `EventStore` that hides fields in `data` before they are stored, and shows them to who reads through it.

    Attributes:
        events: the store.
        cipher: hides and shows.
        person: whose fields an event holds: their id, or None for nobody's. It must go by what is not hidden.
        fields: which fields of `data`.
    """

    events: EventStore
    cipher: Cipher
    person: Callable[[Event], str | None]
    fields: frozenset[str] = attrs.field(converter=_names)

    def append(self, events: Iterable[Event], *, unless: Query | None = None, after: int = 0) -> int:
        """See `EventStore.append`.

        Raises:
            NotFound: if the key of a person was erased: nothing may be stored about them any more.
        """
        return self.events.append([self._sealed(event) for event in events], unless=unless, after=after)

    def read(self, query: Query | None = None, *, after: int = 0, limit: int | None = None) -> Iterator[Recorded]:
        """See `EventStore.read`.

        Raises:
            Damaged: if a hidden field was changed, or stands in another place than it was stored in.
        """
        for recorded in self.events.read(query, after=after, limit=limit):
            event = recorded.event
            yield attrs.evolve(recorded, event=attrs.evolve(event, data=_shown(self.cipher, event.data, _place(event))))

    def verify(self) -> Iterable[str]:
        """See `EventStore.verify`: the checksums are those of the hidden form, and need no key."""
        return self.events.verify()

    def rewrite(self, changed: Iterable[Recorded]) -> None:
        """See `ErasableEvents.rewrite`; what is shown as erased already stays hidden for ever.

        Raises:
            NotFound: if the key of a person was erased.
        """
        assert isinstance(self.events, ErasableEvents)  # noqa: S101 - what is asked for is what the store below has
        self.events.rewrite([attrs.evolve(one, event=self._sealed(one.event)) for one in changed])

    def _sealed(self, event: Event) -> Event:
        person = self.person(event)
        if person is None:
            return event
        return attrs.evolve(event, data=_hidden(self.cipher, person, event.data, _place(event), self.fields))


@attrs.frozen
class SealedRecords:
    """A `RecordStore` that hides fields of some kinds before they are stored, and shows them to who reads through it.

    Attributes:
        records: the store.
        cipher: hides and shows.
        fields: which fields of which kinds.
        person: whose a record is: their id, or None for nobody's; its own id if not given.
    """

    records: RecordStore
    cipher: Cipher
    fields: Mapping[str, frozenset[str]] = attrs.field(converter=_names_by_kind)
    person: Callable[[Record], str | None] = _record_id

    def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the field's word
        """See `RecordStore.get`."""
        found = self.records.get(kind, id)
        return None if found is None else self._opened(found)

    def put(self, kind: str, id: str, value: Mapping[str, Any], *, expected: int | None = None) -> int:  # noqa: A002 - as above
        """See `RecordStore.put`.

        Raises:
            NotFound: if the key of the person was erased: nothing may be stored about them any more.
        """
        record = Record(kind, id, 0, Fields(value))
        person = self.person(record) if kind in self.fields else None
        hidden = value
        if person is not None:
            hidden = _hidden(self.cipher, person, Fields(value), _where(kind, id), self.fields[kind])
        return self.records.put(kind, id, hidden, expected=expected)

    def find(self, kind: str, where: Mapping[str, Any] | None = None) -> Iterator[Record]:
        """See `RecordStore.find`; hidden fields may be asked for, too: all records of the kind are then read."""
        wanted = Fields(where or {})
        open_ = {name: value for name, value in wanted.items() if name not in self.fields.get(kind, ())}
        for record in self.records.find(kind, open_):
            shown = self._opened(record)
            if all(name in shown.value and shown.value[name] == wanted[name] for name in wanted):
                yield shown

    def delete(self, kind: str, id: str, *, expected: int | None = None) -> bool:  # noqa: A002 - as above
        """See `RecordStore.delete`."""
        return self.records.delete(kind, id, expected=expected)

    def _opened(self, record: Record) -> Record:
        return attrs.evolve(record, value=_shown(self.cipher, record.value, _where(record.kind, record.id)))


def _place(event: Event) -> bytes:
    return f"event\0{event.id}".encode("utf-8", "surrogatepass")


def _where(kind: str, id_: str) -> bytes:
    return f"record\0{kind}\0{id_}".encode("utf-8", "surrogatepass")


def _hidden(cipher: Cipher, person: str, value: Mapping[str, Any], place: bytes, names: frozenset[str]) -> Fields:
    """Fields with some of them hidden."""
    hidden: dict[str, Any] = {}
    for name, part in value.items():
        if _is_hidden(part):
            raise InvalidValue(f"field {name!r}", part, "looks like a hidden one, and would be taken for it")
        if name in names and part != ERASED:
            text = fields_to_json(Fields(value=part)).encode("utf-8", "surrogatepass")
            sealed = cipher.seal(person, text, place=_inside(place, name))
            part = {_MARK: person, "bytes": b64encode(sealed).decode()}  # noqa: PLW2901 - the same field, hidden
        hidden[name] = part
    return Fields(hidden)


def _shown(cipher: Cipher, value: Mapping[str, Any], place: bytes) -> Fields:
    """Fields with nothing hidden but what nobody can read any more."""
    shown: dict[str, Any] = {}
    for name, part in value.items():
        if _is_hidden(part):
            try:
                sealed = b64decode(part["bytes"], validate=True)
            except ValueError:
                raise Damaged("sealed field", 0, f"{name!r} is no sealed text") from None
            text = cipher.unseal(part[_MARK], sealed, place=_inside(place, name))
            part = ERASED if text is None else fields_from_json(text.decode("utf-8", "surrogatepass"))["value"]  # noqa: PLW2901 - the same field, shown
        shown[name] = part
    return Fields(shown)


def _is_hidden(value: Any) -> bool:
    return isinstance(value, Mapping) and {*value} == {_MARK, "bytes"}


def _inside(place: bytes, name: str) -> bytes:
    return place + b"\0" + name.encode("utf-8", "surrogatepass")
