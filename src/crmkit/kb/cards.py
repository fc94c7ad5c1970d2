"""Cards: a problem, what was needed, and what solved it, so that it is solved once.

    >>> from datetime import UTC
    >>> card = Card("K-17", "The invoice shows the wrong tax rate", solution="Set the region", author="wei")
    >>> now = datetime(2026, 3, 2, tzinfo=UTC)
    >>> visible(card, Viewer(who="li", staff=True), now)
    False
    >>> published = attrs.evolve(card, state="published", audience="customers")
    >>> visible(published, Viewer(customer="acme"), now)
    True

A card follows Knowledge-Centered Service (KCS v6, Consortium for Service Innovation): it is begun in the requester's
words while the case is being solved, and improved by whoever uses it. Its states are the stages of the preset
"knowledge-card" (`crmkit.pipeline.presets`). Nobody but its author sees a card unless something says so (`visible`).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Literal, Self, TypeAlias, get_args

import attrs

from crmkit.errors import InvalidValue, NotFound, did_you_mean
from crmkit.protocols import Record, RecordStore
from crmkit.values import aware
from crmkit.values.display import Listed

__all__ = ["Audience", "Card", "Cards", "Source", "State", "Viewer", "hidden_because", "shown", "visible"]

#: For whom a card is: only its author; our own people; the customer it is about; every customer; everybody.
Audience: TypeAlias = Literal["author", "staff", "customer", "customers", "public"]

#: How far a card is, as in the preset "knowledge-card".
State: TypeAlias = Literal["work in progress", "not validated", "validated", "published", "archived", "rejected"]

_KIND = "card"
_FOR_STAFF = frozenset({"not validated", "validated", "published"})
_TEXTS = ("title", "problem", "need", "environment", "cause", "solution")


def _aware(at: datetime | None) -> datetime | None:
    return None if at is None else aware(at, "validity")


def _names(names: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([names] if isinstance(names, str) else names))


def _roles(roles: str | Iterable[str]) -> frozenset[str]:
    return frozenset([roles] if isinstance(roles, str) else roles)


@attrs.frozen
class Source:
    """What a card rests on.

    Attributes:
        kind: "mail", "ticket", "deal", "discussion", "figure", "document" ...
        id: the host's key.
        note: what it shows.
    """

    kind: str
    id: str
    note: str = ""


def _evidence(evidence: Iterable[Source | Mapping[str, str]]) -> tuple[Source, ...]:
    return tuple(one if isinstance(one, Source) else Source(**one) for one in evidence)


def _chosen(_: "Card", attribute: "attrs.Attribute[Any]", value: Any) -> None:
    known = get_args(State if attribute.name == "state" else Audience)
    if value not in known:
        raise InvalidValue(attribute.name, value, f"is none of {', '.join(known)}{did_you_mean(str(value), known)}")


@attrs.frozen
class Card(Listed):
    """What is known about one problem.

    Attributes:
        id: the host's key; also the case id in the pipeline "knowledge-card".
        problem: what was wrong, in the words of whoever had it.
        title: one line to show in lists; the first line of the problem if empty.
        need: what they wanted to reach.
        environment: where it happens: product, version, contract, market.
        cause: why it happens, once that is known.
        solution: what to do.
        evidence: what it rests on.
        customer: the id of the customer it is about, if it is about one.
        case: the id of the deal or ticket it came from.
        stage: the stage of that case in which the problem arose.
        author: the id of the person who wrote it.
        language: its language, such as "en" or "zh"; "" if nobody said.
        subjects: ids of subject terms (`crmkit.kb.terms`).
        keywords: words to find it by (`crmkit.kb.keywords`).
        audience: for whom it is.
        roles: of our own people only those with one of these roles; all if empty. Only for the audience "staff".
        state: how far it is.
        valid_from: it is not shown before (aware); None: always.
        valid_until: nor from then on (aware); None: never ends.
        review_by: the day by which somebody must look at it again.
        supersedes: the ids of cards that it replaces.
        version: that of the record it was read from; 0 if it was not stored yet.

    Raises:
        InvalidValue: if the state or the audience is unknown, the validity ends before it begins, the card supersedes
            itself, roles are given for another audience than "staff", or the audience "customer" has no customer.
    """

    id: str
    problem: str = ""
    title: str = attrs.field(default="", kw_only=True)
    need: str = attrs.field(default="", kw_only=True)
    environment: str = attrs.field(default="", kw_only=True)
    cause: str = attrs.field(default="", kw_only=True)
    solution: str = attrs.field(default="", kw_only=True)
    evidence: tuple[Source, ...] = attrs.field(default=(), converter=_evidence, kw_only=True)
    customer: str | None = attrs.field(default=None, kw_only=True)
    case: str | None = attrs.field(default=None, kw_only=True)
    stage: str | None = attrs.field(default=None, kw_only=True)
    author: str | None = attrs.field(default=None, kw_only=True)
    language: str = attrs.field(default="", kw_only=True)
    subjects: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    keywords: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    audience: Audience = attrs.field(default="author", validator=_chosen, kw_only=True)
    roles: frozenset[str] = attrs.field(default=frozenset(), converter=_roles, kw_only=True)
    state: State = attrs.field(default="work in progress", validator=_chosen, kw_only=True)
    valid_from: datetime | None = attrs.field(default=None, converter=_aware, kw_only=True)
    valid_until: datetime | None = attrs.field(default=None, converter=_aware, kw_only=True)
    review_by: date | None = attrs.field(default=None, kw_only=True)
    supersedes: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    version: int = attrs.field(default=0, eq=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        what, until = f"card {self.id!r}", self.valid_until
        if not self.id:
            raise InvalidValue("card", self.id, "has no id")
        if self.valid_from is not None and until is not None and until <= self.valid_from:
            raise InvalidValue(what, until.isoformat(), "is no end of validity: it begins later")
        if self.id in self.supersedes:
            raise InvalidValue(what, self.id, "cannot supersede itself")
        if self.roles and self.audience != "staff":
            raise InvalidValue(what, sorted(self.roles), f"are roles of staff; the audience is {self.audience!r}")
        if self.audience == "customer" and self.customer is None:
            raise InvalidValue(what, self.audience, "needs the customer it is about")

    @property
    def name(self) -> str:
        """The title, or else the first line of the problem, or else the id."""
        return self.title or self.problem.strip().partition("\n")[0] or self.id

    @property
    def texts(self) -> Mapping[str, str]:
        """The parts to be searched, each by itself; those that are empty are left out."""
        return {name: getattr(self, name) for name in _TEXTS if getattr(self, name)}

    def current(self, now: datetime) -> bool:
        """Whether an instant lies in its validity.

        Raises:
            NaiveDatetime: if `now` has no zone.
        """
        at, start, end = aware(now, "now"), self.valid_from, self.valid_until
        return (start is None or start <= at) and (end is None or at < end)

    def to_fields(self) -> dict[str, Any]:
        """What is not empty, as plain fields for a `RecordStore`."""
        plain = attrs.asdict(self) | {"roles": sorted(self.roles)}
        return {name: value for name, value in plain.items() if value and name not in ("id", "version")}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """The card of a stored record.

        Raises:
            InvalidValue: if the record holds what a card has not.
        """
        known = {field.name for field in attrs.fields(cls)} - {"id", "version"}
        stray = next((name for name in record.value if name not in known), None)
        if stray is not None:
            raise InvalidValue(f"card {record.id!r}", stray, f"is no part of a card{did_you_mean(stray, known)}")
        return cls(record.id, version=record.version, **record.value)


@attrs.frozen
class Viewer:
    """Who wants to see something. Without anything said it is anybody: a visitor of the public site.

    Attributes:
        who: the id of the person, if known.
        staff: whether it is one of us.
        roles: which roles one of us has.
        customer: the id of the customer for whom an outsider has signed in.

    Raises:
        InvalidValue: if it is one of us and a customer, or an outsider with roles.
    """

    who: str | None = None
    staff: bool = attrs.field(default=False, kw_only=True)
    roles: frozenset[str] = attrs.field(default=frozenset(), converter=_roles, kw_only=True)
    customer: str | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.staff and self.customer is not None:
            raise InvalidValue("viewer", self.customer, "is a customer, and the viewer is one of us")
        if self.roles and not self.staff:
            raise InvalidValue("viewer", sorted(self.roles), "are roles of staff, and the viewer is none of us")


def visible(card: Card, viewer: Viewer, now: datetime) -> bool:
    """Whether somebody may see a card: the one question that lists, links, search, feeds and pages all ask.

    Nothing is shown unless all of this holds: the card is valid at that moment, it is far enough (published, for
    outsiders; neither in progress nor put away, for our own people), and it is for an audience that the viewer belongs
    to. Its author, if still one of us, always sees it.

    Args:
        card: the card.
        viewer: who asks.
        now: when (aware).

    Raises:
        NaiveDatetime: if `now` has no zone.
    """
    return not hidden_because(card, viewer, now)


def shown(cards: Iterable[Card], viewer: Viewer, now: datetime) -> tuple[Card, ...]:
    """Those of some cards that somebody may see, without those that another one which they may see supersedes.

    Args:
        cards: all that there are: one that is left out supersedes nothing.
        viewer: who asks.
        now: when (aware).

    Raises:
        NaiveDatetime: if `now` has no zone.
    """
    seen = [card for card in cards if visible(card, viewer, now)]
    replaced = {id_ for card in seen for id_ in card.supersedes}
    return tuple(card for card in seen if card.id not in replaced)


def hidden_because(card: Card, viewer: Viewer, now: datetime) -> str:
    """Why somebody may not see a card; "" if they may. For those who look after cards: it tells that there is one.

    Raises:
        NaiveDatetime: if `now` has no zone.
    """
    current = card.current(now)
    if viewer.staff and viewer.who is not None and viewer.who == card.author:
        return ""
    if not current:
        return "it is not valid at that time"
    if viewer.staff:
        return _from_staff(card, viewer)
    return _from_outsiders(card, viewer)


def _from_staff(card: Card, viewer: Viewer) -> str:
    if card.state not in _FOR_STAFF:
        return f"it is {card.state}"
    if card.audience == "author":
        return "it is for its author only"
    if card.roles and not card.roles & viewer.roles:
        return f"it is for {', '.join(sorted(card.roles))}"
    return ""


def _from_outsiders(card: Card, viewer: Viewer) -> str:
    if card.state != "published":
        return f"it is {card.state}"
    if card.audience == "public":
        return ""
    if card.audience == "customers" and viewer.customer is not None:
        return ""
    if card.audience == "customer" and viewer.customer is not None and viewer.customer == card.customer:
        return ""
    return f"it is for {'the customer it is about' if card.audience == 'customer' else card.audience}"


@attrs.frozen
class Cards:
    """The cards of a `RecordStore`.

    Attributes:
        store: where they are kept, as records of the kind "card".
    """

    store: RecordStore

    def get(self, id: str) -> Card:  # noqa: A002 - the field's word
        """A card.

        Raises:
            NotFound: if there is none.
        """
        record = self.store.get(_KIND, id)
        if record is None:
            raise NotFound("card", id)
        return Card.from_record(record)

    def put(self, card: Card) -> Card:
        """Store a card, if nobody else has since it was read; the card with its new version.

        Raises:
            Conflict: if another version is stored.
            NotFound: if it supersedes a card that does not exist.
            InvalidValue: if one of those supersedes it.
        """
        for old in self._superseded(card):
            if old.id == card.id:
                raise InvalidValue(f"card {card.id!r}", card.supersedes, "supersede this card themselves")
        version = self.store.put(_KIND, card.id, card.to_fields(), expected=card.version)
        return attrs.evolve(card, version=version)

    def find(self, **where: Any) -> Iterator[Card]:
        """Cards whose attributes equal all that is given, such as `customer="acme"`, in order of id."""
        return (Card.from_record(record) for record in self.store.find(_KIND, where))

    def visible(self, viewer: Viewer, now: datetime, **where: Any) -> Iterator[Card]:
        """The cards that somebody may see, without those that another one which they may see supersedes.

        Args:
            viewer: who asks.
            now: when (aware).
            where: as for `find`.

        Raises:
            NaiveDatetime: if `now` has no zone.
        """
        kept = {card.id for card in shown(self.find(), viewer, now)}
        return (card for card in self.find(**where) if card.id in kept and visible(card, viewer, now))

    def due(self, on: date) -> tuple[Card, ...]:
        """Cards in use that must be looked at again on a day or should have been before, the oldest promise first."""
        used = [(card.review_by, card) for card in self.find() if card.state in _FOR_STAFF]
        due = [(day, card.id, card) for day, card in used if day is not None and day <= on]
        return tuple(card for *_, card in sorted(due, key=lambda one: one[:2]))

    def _superseded(self, card: Card) -> Iterator[Card]:
        """Every card that one replaces, straight or through others."""
        seen: set[str] = set()
        queue = [card]
        for one in queue:
            for id_ in one.supersedes:
                if id_ not in seen:
                    seen.add(id_)
                    queue.append(card if id_ == card.id else self.get(id_))
                    yield queue[-1]
