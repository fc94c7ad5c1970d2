"""What customers say and colleagues handle, made into knowledge: each record becomes a card, or evidence of one.

    >>> from datetime import UTC
    >>> nine = datetime(2026, 3, 2, 9, tzinfo=UTC)
    >>> found = collect([
    ...     Feedback("T-1", "The invoice shows the wrong tax rate", at=nine, area="service", customer="acme", who="wei",
    ...              handling="Set the region, as Ms Chen asked", outcome="solved"),
    ...     Feedback("T-9", "Our invoice shows the wrong tax rate", at=nine, area="sales", customer="beta"),
    ... ], names=["Chen"])
    >>> [(card.problem, card.solution, [one.id for one in card.evidence]) for card in found.drafts]
    [('The invoice shows the wrong tax rate', 'Set the region, as Ms […] asked', ['T-1', 'T-9'])]

Records that say nearly the same are one (`crmkit.kb.duplicates`), and one that a card already says becomes its
evidence, once, however often it is collected. Names, addresses of mail and long numbers are taken out, as in
discussions; who asked is for whoever may read the record that the evidence names. Drafts begin in the state "work in
progress" of the preset "knowledge-card", and nobody but their author sees them. What a card for customers rests on is
named, and not told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, Self, TypeAlias, get_args

import attrs

from crmkit.errors import InvalidValue, did_you_mean
from crmkit.kb._redaction import redacted
from crmkit.kb.cards import Card, Source
from crmkit.kb.duplicates import Shingles
from crmkit.kb.text import Analyzer
from crmkit.kb.usage import Searched
from crmkit.values import aware
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = ["Area", "Collected", "Feedback", "LeftOut", "Outcome", "collect", "doubles", "merged"]

#: Who heard it.
Area: TypeAlias = Literal["marketing", "sales", "service"]
#: What came of it.
Outcome: TypeAlias = Literal["open", "solved", "not solved"]

_SEARCH = "search"
_ALIKE = 0.5
# Questions are a few words: two are one if they share at least so many of them, in whatever order.
_ALIKE_QUESTIONS = 0.75
_OUT_OF_USE = frozenset({"archived", "rejected"})


def _aware(at: datetime) -> datetime:
    return aware(at, "feedback")


def _chosen(_: object, field: "attrs.Attribute[Any]", value: str) -> None:
    known = get_args(Area if field.name == "area" else Outcome)
    if value not in known:
        raise InvalidValue(field.name, value, f"is none of {', '.join(known)}{did_you_mean(value, known)}")


@attrs.frozen
class Feedback:
    """What somebody said or asked, and how it was handled.

    Attributes:
        id: the host's key, unique within its kind.
        text: what was said or asked, in their words.
        at: when (aware).
        area: who heard it: marketing, sales, service.
        kind: what holds it: "ticket", "survey", "call", "mail", "visit" ...
        asked_by: the id of the person who said it, if known.
        who: the id of the one of us who handled it.
        handling: what was done.
        outcome: what came of it.
        customer: the id of the customer.
        case: the id of the deal or ticket.
        stage: the stage of that case.
        language: such as "en" or "zh"; "" if nobody said.

    Raises:
        InvalidValue: if it has no id, or the area or the outcome is none that is known.
        NaiveDatetime: if `at` has no zone.
    """

    id: str = attrs.field(validator=attrs.validators.min_len(1))
    text: str
    at: datetime = attrs.field(converter=_aware, kw_only=True)
    area: Area = attrs.field(default="service", validator=_chosen, kw_only=True)
    kind: str = attrs.field(default="ticket", kw_only=True)
    asked_by: str | None = attrs.field(default=None, kw_only=True)
    who: str | None = attrs.field(default=None, kw_only=True)
    handling: str = attrs.field(default="", kw_only=True)
    outcome: Outcome = attrs.field(default="open", validator=_chosen, kw_only=True)
    customer: str | None = attrs.field(default=None, kw_only=True)
    case: str | None = attrs.field(default=None, kw_only=True)
    stage: str | None = attrs.field(default=None, kw_only=True)
    language: str = attrs.field(default="", kw_only=True)

    @classmethod
    def of_search(cls, search: Searched, *, area: Area = "service") -> Self:
        """A search that was in vain (`crmkit.kb.usage.in_vain`), as something that was asked."""
        return cls(
            search.id, search.question, at=search.at, area=area, kind=_SEARCH, who=search.who,
            customer=search.customer, case=search.case,
        )  # fmt: skip


@attrs.frozen
class LeftOut:
    """A record that nothing was made of.

    Attributes:
        record: the record.
        why: the reason, to be read.
    """

    record: Feedback
    why: str


@attrs.frozen
class Collected(Shown):
    """What became of records.

    Attributes:
        drafts: new cards, those that most customers asked for first.
        reinforced: cards that were there, with their new evidence.
        left_out: records of which nothing was made.
    """

    drafts: tuple[Card, ...] = ()
    reinforced: tuple[Card, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """What became of the records; see `Shown.display`."""
        from crmkit.kb._shown import collected

        return collected(self, lang, most)


@attrs.frozen
class _Said:
    """A record and its texts as others may read them."""

    record: Feedback
    text: str
    handling: str

    @property
    def key(self) -> tuple[str, str]:
        return self.record.kind, self.record.id

    @property
    def sources(self) -> tuple[Source, ...]:
        """The record as evidence, and the case that it belongs to."""
        record, shown = self.record, f"{self.record.area}, {self.record.outcome}"
        own = Source(record.kind, record.id, f"{shown}: {self.handling}" if self.handling else shown)
        case = record.case
        return (own,) if case is None or case == record.id else (own, Source("case", case))

    @property
    def solution(self) -> str:
        """What solved it, if it is solved."""
        return self.handling if self.record.outcome == "solved" else ""


def collect(
    records: Iterable[Feedback],
    cards: Iterable[Card] = (),
    *,
    names: Iterable[str] = (),
    author: str | None = None,
    alike: float = _ALIKE,
    analyzer: Analyzer | None = None,
) -> Collected:
    """Make cards of records, and evidence of those that cards already say; nothing is stored.

    A draft says what the first record of its group says, and the first handling that solved one of them. The id of a
    draft comes from the words of that record: the same question, asked again, never makes a second one. Drafts get the
    solution of a later record if they have none; of cards that somebody has completed the texts are left alone.

    Args:
        records: in any order; those that are evidence of a card already, and repetitions, do nothing.
        cards: all that there are, those out of use included: what was rejected once does not come again.
        names: of people and companies, which must not be named.
        author: who looks after drafts whose records nobody handled.
        alike: how much of the wording two records or a card must share to be one, above 0 and at most 1.
        analyzer: how texts become words.

    Raises:
        InvalidValue: if `alike` is not.
    """
    reader, hide, given = analyzer or Analyzer(), list(names), {card.id: card for card in cards}
    seen = {(source.kind, source.id) for card in given.values() for source in card.evidence}
    new: dict[tuple[str, str], _Said] = {}
    out: list[LeftOut] = []
    for record in sorted(records, key=_first):
        said = _Said(record, redacted(record.text, hide).strip(), redacted(record.handling, hide).strip())
        if said.key in seen:
            continue
        if reader.terms(said.text)[0]:
            new.setdefault(said.key, said)
        else:
            out.append(LeftOut(record, "says nothing"))
    folder = _Folder(reader, author, dict(given))
    folder.fold([one for one in new.values() if one.record.kind != _SEARCH], 2, alike)
    folder.fold([one for one in new.values() if one.record.kind == _SEARCH], 1, max(alike, _ALIKE_QUESTIONS))
    made = [card for id_, card in folder.cards.items() if id_ not in given]
    changed = tuple(card for id_, card in folder.cards.items() if id_ in given and card != given[id_])
    wanted = {card.id: _wanted(card, new) for card in made}
    return Collected(tuple(sorted(made, key=lambda card: (wanted[card.id], card.id))), changed, tuple(out))


@attrs.frozen
class _Folder:
    """Folds records into cards.

    Attributes:
        analyzer: how texts become words.
        author: of drafts that nobody handled.
        cards: by id, as they are so far.
    """

    analyzer: Analyzer
    author: str | None
    cards: dict[str, Card]

    def fold(self, records: Sequence[_Said], size: int, alike: float) -> None:
        """Fold in records.

        Args:
            records: in order of time.
            size: how many words in a row are compared.
            alike: how much two must share.
        """
        live = {id_: card.problem or card.name for id_, card in self.cards.items() if card.state not in _OUT_OF_USE}
        known = Shingles.of(live, size=size, analyzer=self.analyzer)
        rest: dict[str, _Said] = {}
        for number, said in enumerate(records):
            near = known.near(said.text, at_least=alike)
            if near:
                self.cards[near[0].id] = _reinforced(self.cards[near[0].id], said)
            else:
                rest[str(number)] = said
        texts = {number: said.text for number, said in rest.items()}
        groups = Shingles.of(texts, size=size, analyzer=self.analyzer).groups(at_least=alike)
        grouped = {number for group in groups for number in group}
        for group in (*groups, *((number,) for number in rest if number not in grouped)):
            self._add([rest[number] for number in sorted(group, key=int)])

    def _add(self, group: Sequence[_Said]) -> None:
        """A draft of records that say the same, or evidence for the one that is there under its id."""
        first = group[0]
        words = sorted(set(self.analyzer.terms(first.text)[0]))
        id_ = f"draft-{sha256(' '.join(words).encode('utf-8', 'replace')).hexdigest()[:12]}"
        if id_ not in self.cards:
            record = first.record
            self.cards[id_] = Card(
                id_, first.text, author=record.who or self.author, customer=record.customer, case=record.case,
                stage=record.stage, language=record.language,
            )  # fmt: skip
        for said in group:
            self.cards[id_] = _reinforced(self.cards[id_], said)


def _first(record: Feedback) -> tuple[datetime, str, str]:
    return record.at, record.kind, record.id


def _reinforced(card: Card, said: _Said) -> Card:
    """A card with a record as evidence."""
    more = _with_evidence(card, said.sources)
    if card.state != "work in progress":
        return more
    more = attrs.evolve(more, solution=card.solution or said.solution)
    return more if card.customer == said.record.customer else _of_nobody(more)


def _with_evidence(card: Card, sources: Iterable[Source]) -> Card:
    known = {(source.kind, source.id) for source in card.evidence}
    inside = card.audience in ("author", "staff")
    more = [one if inside else attrs.evolve(one, note="") for one in sources if (one.kind, one.id) not in known]
    return attrs.evolve(card, evidence=(*card.evidence, *more))


def _of_nobody(card: Card) -> Card:
    """What several ask for is not about one of them."""
    return card if card.audience == "customer" else attrs.evolve(card, customer=None, case=None, stage=None)


def _wanted(card: Card, said: Mapping[tuple[str, str], _Said]) -> tuple[int, int]:
    """How many customers asked, and how many records there are, the most first."""
    records = [said[key].record for key in ((one.kind, one.id) for one in card.evidence) if key in said]
    return -len({record.customer for record in records if record.customer is not None}), -len(records)


def doubles(
    cards: Iterable[Card], *, alike: float = _ALIKE, analyzer: Analyzer | None = None
) -> Iterator[tuple[Card, ...]]:
    """Cards in use that say nearly the same problem, the largest groups first.

    Raises:
        InvalidValue: if `alike` is not above 0 and at most 1.
    """
    live = {card.id: card for card in cards if card.state not in _OUT_OF_USE}
    texts = {id_: card.problem or card.name for id_, card in live.items()}
    for group in Shingles.of(texts, analyzer=analyzer).groups(at_least=alike):
        yield tuple(live[id_] for id_ in group)


def merged(kept: Card, others: Iterable[Card]) -> Card:
    """A card that takes the place of others, with all their evidence, subjects and keywords.

    While it is in progress it also takes from them what it does not say itself; a card that somebody has completed
    says what they read. Store it, and archive the others.

    Raises:
        InvalidValue: if it is among the others.
    """
    made = kept
    for other in others:
        made = attrs.evolve(
            _with_evidence(made, other.evidence), supersedes=(*made.supersedes, other.id),
            subjects=(*made.subjects, *other.subjects), keywords=(*made.keywords, *other.keywords),
        )  # fmt: skip
        if kept.state == "work in progress":
            made = attrs.evolve(
                made, problem=made.problem or other.problem, need=made.need or other.need,
                environment=made.environment or other.environment, cause=made.cause or other.cause,
                solution=made.solution or other.solution,
            )  # fmt: skip
            made = made if made.customer == other.customer else _of_nobody(made)
    return made
