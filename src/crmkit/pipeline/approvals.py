"""Approvals: who has to agree before a case moves on, to what exactly, and what became of it.

A request is a run of panels. Each panel is decided by its own mode; when it says yes the next one sits, and when the
last one has said yes the request is granted. What was approved is hashed: once a covered field holds something else,
the grant is void. All of it is computed from facts (`Requested`, `Approved`, ...).
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Literal, TypeAlias

import attrs

from crmkit.events import (
    Approved,
    ApproverAdded,
    Event,
    Rejected,
    Requested,
    Returned,
    Withdrawn,
    fields_to_json,
)
from crmkit.values import EMPTY, Fields

__all__ = ["Approval", "Mode", "Panel", "Request", "Sitting", "Status", "answered", "content_of"]

#: How a panel decides: all agree; any one; all, one after the other; at least `quorum` people, or weights, agree.
Mode: TypeAlias = Literal["all", "any", "sequence", "quorum", "weighted"]
#: What became of a request.
Status: TypeAlias = Literal["pending", "granted", "rejected", "returned", "withdrawn"]


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def _weights(values: Mapping[str, int]) -> Fields:
    return values if isinstance(values, Fields) else Fields(values)


def _panels(values: "Panel | Iterable[Panel]") -> "tuple[Panel, ...]":
    return (values,) if isinstance(values, Panel) else tuple(values)


@attrs.frozen
class Panel:
    """Who decides together, and how.

    Attributes:
        people: named people.
        roles: everybody who has one of these roles when the approval is asked for.
        fields: whoever these fields of the case name.
        mode: how they decide; see `Mode`.
        quorum: for "quorum" how many must agree, for "weighted" how much weight.
        weights: for "weighted", from a person to their weight; 1 where not given.
        empty: what to do if nobody is found: "refuse" the request, "pass" the panel over, or "ask" the `deputies`.
        deputies: whom to ask instead.
        own: what to do about whoever asks: "skip" them, "allow" them to decide, or ask their "superior" instead.
    """

    people: tuple[str, ...] = attrs.field(default=(), converter=_names)
    roles: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    fields: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    mode: Mode = attrs.field(default="any", kw_only=True)
    quorum: int = attrs.field(default=1, kw_only=True)
    weights: Fields = attrs.field(default=EMPTY, converter=_weights, kw_only=True)
    empty: Literal["refuse", "pass", "ask"] = attrs.field(default="refuse", kw_only=True)
    deputies: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    own: Literal["skip", "allow", "superior"] = attrs.field(default="skip", kw_only=True)


@attrs.frozen
class Approval:
    """An approval that moves may ask for.

    Attributes:
        name: unique in its pipeline.
        panels: who decides, in order.
        covers: the fields that are approved; a later change of one of them voids the grant. "*" is all of them.
        when: a condition in FEEL: where it is not true, no approval is needed.
        repeated: what becomes of people who stand in several panels: they decide "each" time, the "first" time for
            all, or once for panels that follow each other ("consecutive").
        separate: whether nobody may act in two panels, be it for others (separation of duties).
    """

    name: str
    panels: tuple[Panel, ...] = attrs.field(converter=_panels)
    covers: tuple[str, ...] = attrs.field(default=("*",), converter=_names, kw_only=True)
    when: str | None = attrs.field(default=None, kw_only=True)
    repeated: Literal["each", "first", "consecutive"] = attrs.field(default="each", kw_only=True)
    separate: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Sitting:
    """A panel at work.

    Attributes:
        people: who decides, in order.
        mode: how.
        quorum: how many, or how much weight, must agree.
        weights: from a person to their weight.
        yes: who agreed.
        no: who did not.
        actors: who acted here, for themselves or for others.
    """

    people: tuple[str, ...]
    mode: str = "any"
    quorum: int = 1
    weights: Fields = EMPTY
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()

    @property
    def due(self) -> tuple[str, ...]:
        """Who may decide now."""
        left = tuple(one for one in self.people if one not in self.yes and one not in self.no)
        return left[:1] if self.mode == "sequence" else left

    @property
    def verdict(self) -> bool | None:
        """True if they agree, False if they no longer can, None while that is open."""
        total, agreed = self._weight(self.people), self._weight(self.yes)
        needed = {"any": 1, "quorum": self.quorum, "weighted": self.quorum}.get(self.mode, total)
        if agreed >= needed:
            return True
        return False if total - self._weight(self.no) < needed else None

    def _weight(self, people: tuple[str, ...]) -> int:
        return sum(self.weights.get(one, 1) for one in people) if self.mode == "weighted" else len(people)


@attrs.frozen
class Request:
    """An approval that was asked for, and what became of it.

    Attributes:
        approval: which one.
        by: who asked.
        sittings: the panels.
        status: what became of it.
        now: the panel that sits, from 0.
        covers: the fields that are approved.
        content: the hash of what they held.
        repeated: see `Approval`.
        separate: see `Approval`.
    """

    approval: str
    by: str | None
    sittings: tuple[Sitting, ...]
    status: Status = "pending"
    now: int = 0
    covers: tuple[str, ...] = ("*",)
    content: str = ""
    repeated: str = "each"
    separate: bool = False

    @property
    def due(self) -> tuple[str, ...]:
        """Who may decide now; nobody if it is not pending."""
        return self.sittings[self.now].due if self.status == "pending" else ()

    def valid(self, fields: Mapping[str, Any]) -> bool:
        """Whether what was asked for is what the fields hold."""
        return self.content == content_of(fields, self.covers)

    def granted(self, fields: Mapping[str, Any]) -> bool:
        """Whether it was granted, for what the fields hold."""
        return self.status == "granted" and self.valid(fields)


def content_of(fields: Mapping[str, Any], covers: Iterable[str]) -> str:
    """The hash of what covered fields hold: 16 hex digits of SHA-256."""
    names = fields.keys() if "*" in covers else covers
    held = Fields({name: fields[name] for name in sorted(names) if fields.get(name) is not None})
    return sha256(fields_to_json(held).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def answered(requests: tuple[Request, ...], event: Event) -> tuple[Request, ...]:
    """The requests of a case after one more fact; total: what does not fit changes nothing."""
    name = getattr(event, "approval", None)
    if isinstance(event, Requested):
        return (*(one for one in requests if one.approval != name), _asked(event))
    return tuple(_after(one, event) if one.approval == name and one.status == "pending" else one for one in requests)


def _asked(event: Requested) -> Request:
    sittings = tuple(Sitting(**panel) for panel in event.panels)
    request = Request(
        event.approval, event.who, sittings, "pending", 0, event.covers, event.content, event.repeated, event.separate
    )
    return _advanced(request)


def _after(request: Request, event: Event) -> Request:
    person, now = event.on_behalf_of or event.who or "", request.now
    match event:
        case Approved() | Rejected():
            sitting = request.sittings[now]
            if person not in sitting.due:
                return request
            actors = tuple(dict.fromkeys((*sitting.actors, event.who or person, person)))
            if isinstance(event, Approved):
                voted = attrs.evolve(sitting, actors=actors, yes=(*sitting.yes, person))
            else:
                voted = attrs.evolve(sitting, actors=actors, no=(*sitting.no, person))
            return _advanced(_with(request, voted))
        case Returned():
            return _back(request, event.panel)
        case ApproverAdded():
            place = now if event.before else now + 1
            sittings = (*request.sittings[:place], Sitting((event.approver,)), *request.sittings[place:])
            return _advanced(attrs.evolve(request, sittings=sittings))
        case Withdrawn():
            return attrs.evolve(request, status="withdrawn")
        case _:
            return request


def _with(request: Request, sitting: Sitting) -> Request:
    now = request.now
    return attrs.evolve(request, sittings=(*request.sittings[:now], sitting, *request.sittings[now + 1 :]))


def _back(request: Request, panel: int) -> Request:
    if panel < 1:
        return attrs.evolve(request, status="returned")
    now = min(panel - 1, request.now)
    again = (attrs.evolve(one, yes=(), no=(), actors=()) for one in request.sittings[now:])
    return _advanced(attrs.evolve(request, now=now, sittings=(*request.sittings[:now], *again)))


def _advanced(request: Request) -> Request:
    """On to the panel that has something to decide, past those that others' answers have settled."""
    while request.now < len(request.sittings):
        sitting = request.sittings[request.now]
        known = [one for one in _agreed_before(request) if one in sitting.due]
        while known:
            sitting = attrs.evolve(sitting, yes=(*sitting.yes, known[0]))
            known = [one for one in _agreed_before(request) if one in sitting.due]
        request = _with(request, sitting)
        if sitting.verdict is None:
            return request
        if sitting.verdict is False:
            return attrs.evolve(request, status="rejected")
        request = attrs.evolve(request, now=request.now + 1)
    return attrs.evolve(request, status="granted")


def _agreed_before(request: Request) -> tuple[str, ...]:
    first = {"first": 0, "consecutive": max(request.now - 1, 0)}.get(request.repeated, request.now)
    return tuple(one for sitting in request.sittings[first : request.now] for one in sitting.yes)
