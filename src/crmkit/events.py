"""Facts: what happened, in past participles. Facts are appended and never changed; everything else is derived.

The text form of an event is canonical JSON. A type this version does not know is kept as it came (`Unknown`), so a
newer writer and an older reader can share a store.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any, ClassVar

import attrs

from crmkit.errors import InvalidValue
from crmkit.values import EMPTY, Fields, aware, from_micros
from crmkit.values._fields import from_plain
from crmkit.values._texts import WRITER, parsed, text_of, writer_of

__all__ = [
    "Approved",
    "ApproverAdded",
    "Breached",
    "Edited",
    "Event",
    "Found",
    "Linked",
    "Migrated",
    "Moved",
    "Opened",
    "Rejected",
    "Requested",
    "Returned",
    "Unknown",
    "Warned",
    "Withdrawn",
    "checksum",
    "fields_from_json",
    "fields_to_json",
    "from_json",
    "known_types",
    "payload",
    "to_json",
]


def _aware(at: datetime) -> datetime:
    return aware(at)


def _fields(data: Mapping[str, Any]) -> Fields:
    return data if isinstance(data, Fields) else Fields(data)


# A frozen class with a dict can be built from checked values without its constructor (see values._trusted).
@attrs.frozen(kw_only=True, slots=False)
class Event:
    """What all facts share.

    Attributes:
        id: unique in the store; the pipeline numbers the events of a case: "D-1#3".
        case: the case it belongs to.
        at: when it happened (aware).
        recorded: when we came to know it (aware); the store's `append` never changes it.
        who: the person who did it.
        on_behalf_of: the person in whose place they did it.
        definition: the hash of the pipeline version that decided it.
        cause: the id of the event or command that led to it.
        key: the idempotency key of the command.
        data: the open fields it sets.
    """

    type: ClassVar[str] = "Event"
    id: str
    case: str
    at: datetime = attrs.field(converter=_aware)
    recorded: datetime = attrs.field(converter=_aware)
    who: str | None = None
    on_behalf_of: str | None = None
    definition: str | None = None
    cause: str | None = None
    key: str | None = None
    data: Fields = attrs.field(default=EMPTY, converter=_fields)


@attrs.frozen(kw_only=True, slots=False)
class Opened(Event):
    """A case was opened.

    Attributes:
        stage: the stage it starts in.
        parent: the case that it is a part of, such as the deal of a quotation approval.
    """

    type = "Opened"
    stage: str
    parent: str | None = None


@attrs.frozen(kw_only=True, slots=False)
class Moved(Event):
    """A case moved on, back, out, or in again.

    It carries the whole interval that it ends, so that no reader has to look for the event before it.

    Attributes:
        move: the name of the move.
        origin: the stage it left.
        entered: when it had entered that stage (aware).
        held_by: who held the case when it entered that stage.
        stage: the stage it is in now.
    """

    type = "Moved"
    move: str
    origin: str
    entered: datetime = attrs.field(converter=_aware)
    held_by: str | None = None
    stage: str


@attrs.frozen(kw_only=True, slots=False)
class Edited(Event):
    """Fields of a case were changed without a move; `data` holds the new values."""

    type = "Edited"


@attrs.frozen(kw_only=True, slots=False)
class Linked(Event):
    """A child case was opened for a case.

    Attributes:
        link: which of the links of the definition it is.
        child: the child case.
    """

    type = "Linked"
    link: str
    child: str


@attrs.frozen(kw_only=True, slots=False)
class Migrated(Event):
    """A case was moved to another version of its definition, `definition`.

    Attributes:
        origin: the stage it was in.
        stage: the stage it is in now; if that is the same one, its stay goes on.
        previous: the hash of the version it was pinned to.
    """

    type = "Migrated"
    origin: str
    stage: str
    previous: str | None = None


@attrs.frozen(kw_only=True, slots=False)
class Found(Event):
    """A rule was not kept, or could not be judged, and did not stop what was done.

    Attributes:
        rule: the rule.
        rules: the version of the set that judged.
        severity: how bad it is: "error", "warning" or "info".
        verdict: what the rule said: "false", "null" or "unknown".
        shadow: whether the set was only tried out.
    """

    type = "Found"
    rule: str
    rules: str
    severity: str = "warning"
    verdict: str = "false"
    shadow: bool = False


@attrs.frozen(kw_only=True, slots=False)
class Warned(Event):
    """A time limit is near; one fact for each clock, cycle and share.

    Attributes:
        clock: the clock.
        cycle: which run of it, from 1.
        due: when its time is up (aware).
        share: the share of the time that was used up, in percent.
    """

    type = "Warned"
    clock: str
    cycle: int
    due: datetime = attrs.field(converter=_aware)
    share: int


@attrs.frozen(kw_only=True, slots=False)
class Breached(Event):
    """A time limit has passed; one fact for each clock and cycle.

    Attributes:
        clock: the clock.
        cycle: which run of it, from 1.
        due: when its time was up (aware).
    """

    type = "Breached"
    clock: str
    cycle: int
    due: datetime = attrs.field(converter=_aware)


@attrs.frozen(kw_only=True, slots=False)
class _OfApproval(Event):
    """What the facts of an approval share: which one it is."""

    approval: str


@attrs.frozen(kw_only=True, slots=False)
class Requested(_OfApproval):
    """An approval was asked for.

    Attributes:
        approval: which one.
        panels: who is to decide, in order, as plain data.
        covers: the fields whose content is approved; "*" is all of them.
        content: the hash of what they held.
        repeated: what becomes of people who stand in several panels.
        separate: whether nobody may act in two panels.
    """

    type = "Requested"
    panels: tuple[Fields, ...] = ()
    covers: tuple[str, ...] = ()
    content: str = ""
    repeated: str = "each"
    separate: bool = False


@attrs.frozen(kw_only=True, slots=False)
class Approved(_OfApproval):
    """Somebody approved, for themselves or `on_behalf_of` another."""

    type = "Approved"


@attrs.frozen(kw_only=True, slots=False)
class Rejected(_OfApproval):
    """Somebody said no, and perhaps why."""

    type = "Rejected"
    reason: str = ""


@attrs.frozen(kw_only=True, slots=False)
class Returned(_OfApproval):
    """A request was sent back: to a panel, from 1, that decides again, or to whoever asked (0)."""

    type = "Returned"
    panel: int = 0
    reason: str = ""


@attrs.frozen(kw_only=True, slots=False)
class ApproverAdded(_OfApproval):
    """Whoever had to decide called in another, to decide before them, or after them."""

    type = "ApproverAdded"
    approver: str
    before: bool = True


@attrs.frozen(kw_only=True, slots=False)
class Withdrawn(_OfApproval):
    """Whoever asked for an approval no longer wants it."""

    type = "Withdrawn"


@attrs.frozen(kw_only=True, slots=False)
class Unknown(Event):
    """A fact of a type this version does not know; it survives a round trip unchanged.

    Attributes:
        named: the type as written.
        extra: its own attributes, in their stored form.
    """

    type = "Unknown"
    named: str
    extra: str = "{}"


_KNOWN: Mapping[str, type[Event]] = {
    kind.type: kind
    for kind in (
        Opened, Moved, Edited, Linked, Migrated, Found, Warned, Breached, Requested, Approved, Rejected, Returned,
        ApproverAdded, Withdrawn,
    )
}  # fmt: skip
# A fact that sets no fields may go without any of its own: the garbage collector passes over a dictionary of nothing
# but texts and instants, and with a hundred thousand facts in memory that is a third of what a move costs.
Event.data = EMPTY
_SHARED = frozenset(field.name for field in attrs.fields(Event))
_INSTANTS = frozenset({"at", "recorded", "entered", "due"})


def known_types(more: Iterable[type[Event]] = ()) -> Mapping[str, type[Event]]:
    """The event types of this version, with a host's own added; pass it to `from_json`."""
    return {**_KNOWN, **{kind.type: kind for kind in more}}


def to_json(event: Event) -> str:
    """Canonical JSON: sorted keys, no blanks, exact values."""
    kind: Any = type(event)
    return _writer(kind)(event)


def from_json(text: str, types: Mapping[str, type[Event]] = _KNOWN) -> Event:
    """The event of its text form.

    Raises:
        InvalidValue: if the text is no event; never a bare decoding error.
    """
    try:
        plain = parsed(text)
    except (ValueError, RecursionError) as error:
        raise InvalidValue("stored event", text, f"is not readable: {error}") from None
    if not isinstance(plain, dict) or not isinstance(plain.get("type"), str):
        raise InvalidValue("stored event", text, "has no type")
    try:
        return _structured(plain, types)
    except (TypeError, KeyError, AttributeError, OverflowError) as error:
        raise InvalidValue("stored event", text, f"lacks a part: {error}") from None


def fields_to_json(fields: Fields) -> str:
    """Fields alone as JSON, for adapters that keep records."""
    return text_of(fields)


def fields_from_json(text: str) -> Fields:
    """The fields of their text form.

    Raises:
        InvalidValue: if the text holds no fields.
    """
    try:
        plain = parsed(text)
    except (ValueError, RecursionError) as error:
        raise InvalidValue("stored fields", text, f"are not readable: {error}") from None
    fields = from_plain(plain)
    if not isinstance(fields, Fields):
        raise InvalidValue("stored fields", text, "are no object")
    return fields


def payload(event: Event) -> str:
    """What must be the same for a retry to be the same: everything but `recorded`, which a retry cannot repeat."""
    kind: Any = type(event)
    return _writer(kind, without="recorded")(event)


def checksum(text: str) -> str:
    """The first 16 hex digits of SHA-256 of a stored text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@cache
def _writer(kind: type[Event], without: str = "") -> Callable[[Any], str]:
    # None and an empty mapping are the defaults: leaving them out keeps old checksums when a field is added.
    if not issubclass(kind, Unknown):
        return writer_of(kind, _INSTANTS, {without})
    shared = writer_of(kind, _INSTANTS, {"named", "extra"})

    def write(event: Unknown) -> str:
        plain = {**json.loads(event.extra), **json.loads(shared(event)), "type": event.named}
        return WRITER.encode({name: value for name, value in plain.items() if name != without})

    return write


def _structured(plain: dict[str, Any], types: Mapping[str, type[Event]]) -> Event:
    kind = types.get(named := plain.pop("type"))
    values: dict[str, Any] = {}
    if kind is None:
        extra = {name: plain.pop(name) for name in [*plain] if name not in _SHARED}
        kind = Unknown
        values = {"named": named, "extra": json.dumps(extra, sort_keys=True, separators=(",", ":"), ensure_ascii=False)}
    for name, value in plain.items():
        values[name] = from_micros(value) if name in _INSTANTS else from_plain(value)
    return kind(**values)
