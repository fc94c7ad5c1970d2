"""Proposals: a brief is split into what it requires, and each requirement is answered from the proposal library.

    library = Library([Material(card), ...])
    index.apply(library.documents())
    proposal = propose(Brief(text), library, index, aim=Aim(at=now, readers=[Viewer(customer="acme")], language="en"))
    proposal.to_markdown()          # paragraphs of the library as they stand there, each with its source; gaps marked
    proposal.gaps                   # what the library could not answer

Nothing is written by the program: every paragraph of the draft stands in a material that its readers may see and that
is valid at that moment, and what has no paragraph is a marked gap. Asking for each requirement by itself, dropping
near-duplicates, covers one and a half to two and a half times as many requirements as asking for the whole brief
(measured on three collections with ten paragraphs for five requirements).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any

import attrs

from crmkit.errors import InvalidValue
from crmkit.kb._assembling import Budget, Choice, assembled, length, success, usual_success
from crmkit.kb._coverage import Yardstick, spans
from crmkit.kb._drafting import Part, markdown, parts
from crmkit.kb._library import Aim, Library, Material, Paragraph
from crmkit.kb._matching import Candidate, Found, Reason, Shelf, Status, match
from crmkit.kb._requirements import Brief, Passage, Requirement
from crmkit.kb.cards import Card, Source
from crmkit.kb.index import SearchIndex
from crmkit.kb.results import Note
from crmkit.kb.text import Analyzer
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = [
    "Aim",
    "Brief",
    "Budget",
    "Gap",
    "Library",
    "Matched",
    "Material",
    "Offer",
    "Paragraph",
    "Part",
    "Passage",
    "Proposal",
    "Requirement",
    "Yardstick",
    "propose",
]

_MOST = 5000
_NO_BUDGET = Budget()
_USUAL = Yardstick()


@attrs.frozen
class Offer:
    """A paragraph of the library with where it comes from and why it is offered.

    Attributes:
        id: the paragraph's.
        material: the id of the material it stands in.
        title: the material's.
        heading: the heading above it in the material.
        text: as it stands there.
        start: its first character there.
        end: the first one after it.
        version: that of the material's card; 0 if it was not stored.
        digest: sixteen digits of the SHA-256 of the material.
        owner: the id of who is in charge of it.
        language: the material's.
        approved: when the material was last approved.
        valid_until: from when on it must not be used; None: without end.
        review_by: the day by which somebody has to look at it.
        share: the share of the requirement's words that it has.
        score: that of the index; it compares within one requirement.
        words: which words, as the requirement writes them.
        spans: where they stand in the text; those in its titles have no span.
        copies: the ids of paragraphs that are nearly the same and that it stands for.
        won: in how many won proposals the material was.
        lost: in how many lost ones.
        success: its win rate, shrunk towards that of the library; it decides between equally relevant ones only.
    """

    id: str
    material: str
    title: str
    heading: str
    text: str
    start: int
    end: int
    version: int
    digest: str
    owner: str | None
    language: str
    approved: date | None
    valid_until: datetime | None
    review_by: date | None
    share: float
    score: float
    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    copies: tuple[str, ...]
    won: int
    lost: int
    success: float


@attrs.frozen
class Gap:
    """Something that is required and that the library does not answer: a signal that knowledge is missing.

    Attributes:
        id: the same for the same words, whichever brief asks for them.
        requirement: what is required.
        status: "weak" or "uncovered".
        reason: as that of the `Matched`: what is expired, in another language ... is renewed or translated.
        missing: the words that even the nearest paragraph lacks.
        nearest: the id of that paragraph; None if there is none.
        brief: the name of the brief.
        customer: the id of the customer who asks.
        case: the id of the deal.
        at: when it was found.
    """

    id: str
    requirement: Requirement
    status: Status
    reason: Reason
    missing: tuple[str, ...]
    nearest: str | None
    brief: str
    customer: str | None
    case: str | None
    at: datetime

    def card(self, author: str, *, id: str | None = None) -> Card:  # noqa: A002 - the field's word
        """The card that is begun for it, in the words of whoever asked, for its author only.

        Args:
            author: the id of the person who is to answer it.
            id: the card's; "gap-" and the gap's id, if none.
        """
        one = self.requirement
        source = Source("brief", self.brief, f"line {one.line}" + (f", {one.number}" if one.number else ""))
        return Card(
            id or f"gap-{self.id}", one.text, need=one.lead, environment=" / ".join(one.headings), evidence=[source],
            customer=self.customer, case=self.case, author=author,
        )  # fmt: skip


@attrs.frozen
class Matched:
    """What the library has for a requirement.

    Attributes:
        requirement: which.
        status: "covered", "weak" or "uncovered".
        reason: "enough" of its words stand together; "some": fewer; "few": it has too few words to tell; "corrected":
            only words that are nearly alike; "little" or "nothing" of it; "no words": it has none to look for; or why
            the material that would cover it is not offered: "expired", "early", "language", "product", "superseded".
        offers: its paragraphs, if it is covered and there is room.
        nearest: what comes nearest if it is not covered; it is not in the draft.
        missing: the words that the best paragraph lacks: figures among them are worth a look.
        no_room: whether it is covered and the budget left no room for it.
        notes: what the index did to the question.
        cut: whether it is so long that only its beginning was looked for.
    """

    requirement: Requirement
    status: Status
    reason: Reason
    offers: tuple[Offer, ...]
    nearest: Offer | None
    missing: tuple[str, ...]
    no_room: bool
    notes: tuple[Note, ...]
    cut: bool

    @property
    def share(self) -> float:
        """The share of the requirement's words that the best of its paragraphs has; 0 if there is none."""
        known = [*self.offers, *([self.nearest] if self.nearest is not None else [])]
        return max((one.share for one in known), default=0.0)


@attrs.frozen(slots=False)
class Proposal(Shown):
    """A proposal as far as the library goes, made by `propose`.

    Attributes:
        brief: what was asked for.
        aim: for whom, when and about what.
        budget: how long it may be.
        yard: what counts as covered.
        answers: one for each requirement, in order.
        gaps: what is not covered, in order.
        words: how many words its paragraphs have, each counted once.
        materials: how many materials the library has.
        unusable: how many of them are not offered, by reason.
        stale: ids of paragraphs that the index has and the library has not: index the library anew.
    """

    brief: Brief
    aim: Aim
    budget: Budget
    yard: Yardstick
    answers: tuple[Matched, ...]
    gaps: tuple[Gap, ...]
    words: int
    materials: int
    unusable: Mapping[str, int]
    stale: tuple[str, ...]

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Each requirement, and what there is for it; see `Shown.display`."""
        from crmkit.kb._shown import answered

        return answered(self, lang, most)

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """The paragraphs of the draft, each once, in the order in which they first stand there."""
        first: dict[str, Offer] = {}
        for answer in self.answers:
            for one in answer.offers:
                first.setdefault(one.id, one)
        return tuple(first.values())

    def counts(self) -> Mapping[Status, int]:
        """How many requirements are covered, weak and uncovered."""
        found = Counter(answer.status for answer in self.answers)
        return {status: found[status] for status in ("covered", "weak", "uncovered")}

    def draft(self, language: str = "en") -> tuple[Part, ...]:
        """The draft in parts, for whoever lays it out.

        Args:
            language: that of what stands around the paragraphs: "en" or "zh".

        Raises:
            NotFound: if the language is not there.
        """
        return parts(self, language)

    def to_markdown(self, language: str = "en") -> str:
        """The draft, its coverage and its sources.

        Args:
            language: that of what stands around the paragraphs: "en" or "zh".

        Raises:
            NotFound: if the language is not there.
        """
        return markdown(parts(self, language))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data, times as texts."""
        plain = attrs.asdict(self, value_serializer=_plain)
        return plain | {"counts": dict(self.counts()), "yard": attrs.asdict(self.yard) | {"id": self.yard.id}}


def _plain(_: object, __: object, value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def propose(
    brief: Brief,
    library: Library,
    index: SearchIndex,
    *,
    aim: Aim,
    budget: Budget = _NO_BUDGET,
    yard: Yardstick = _USUAL,
) -> Proposal:
    """Matched a brief from the library.

    Requirements that bind come first when the budget is short, each gets its first paragraph before another gets its
    second, and of paragraphs that are nearly the same the one approved last stands for all. Between paragraphs whose
    scores do not differ in their first two digits the shrunk win rate decides; it never goes before relevance.

    Args:
        brief: what is asked for.
        library: what may be offered.
        index: an index of `library.documents()`, with the library's analyzer.
        aim: for whom, when and about what.
        budget: how long it may be.
        yard: what counts as covered.

    Raises:
        InvalidValue: if the brief requires nothing, or more than five thousand things.
    """
    requirements = brief.requirements
    if not requirements:
        why = "requires nothing: no clause, no bullet, no row, no sentence with shall, must, should, 须, 应, 不得"
        raise InvalidValue("brief", brief.name, why)
    if len(requirements) > _MOST:
        raise InvalidValue(
            "brief", brief.name, f"has {len(requirements):,} requirements; give parts of up to {_MOST:,}"
        )
    unusable = library.unusable(aim)
    shelf = Shelf(library, index, unusable, yard)
    found = [match(one, shelf) for one in requirements]
    choices = assembled(found, library, budget, alike=yard.alike, doubt=yard.doubt)
    usual = usual_success(library)
    answers = tuple(_answer(one, choice, library, usual, yard) for one, choice in zip(found, choices, strict=True))
    texts = {one.id: one.text for answer in answers for one in answer.offers}
    short = [(one, answer) for one, answer in zip(found, answers, strict=True) if answer.status != "covered"]
    return Proposal(
        brief, aim, budget, yard, answers,
        tuple(_gap(one, answer, brief, aim) for one, answer in short),
        sum(length(text, library.analyzer) for text in texts.values()),
        len(library.materials),
        dict(sorted(Counter(unusable.values()).items())),
        tuple(sorted(frozenset().union(*(one.stale for one in found)))),
    )  # fmt: skip


def _answer(found: Found, choice: Choice, library: Library, usual: float, yard: Yardstick) -> Matched:
    def offer(one: Candidate, copies: tuple[str, ...] = ()) -> Offer:
        rate = success(one.material, usual, yard.doubt)
        return _offer(one, found, copies, rate, library.analyzer)

    offers = tuple(offer(one, copies) for one, copies in zip(choice.chosen, choice.copies, strict=True))
    nearest = None if found.nearest is None else offer(found.nearest)
    return Matched(
        found.requirement, found.status, found.reason, offers, nearest, found.missing, choice.no_room, found.notes,
        found.words.cut,
    )  # fmt: skip


def _offer(one: Candidate, found: Found, copies: tuple[str, ...], rate: float, analyzer: Analyzer) -> Offer:
    material, part, card = one.material, one.paragraph, one.material.card
    return Offer(
        part.id, material.id, card.name, part.heading, part.text, part.start, part.end, card.version, material.digest,
        card.author, card.language, material.approved, card.valid_until, card.review_by, one.share, one.score,
        found.words.spelled(one.terms), spans(part.text, frozenset(one.terms), analyzer), copies, material.won,
        material.lost, rate,
    )  # fmt: skip


def _gap(found: Found, answer: Matched, brief: Brief, aim: Aim) -> Gap:
    terms = sorted(found.words.own) or [found.requirement.text]
    id_ = sha256("\0".join(terms).encode()).hexdigest()[:12]
    nearest = None if answer.nearest is None else answer.nearest.id
    return Gap(
        id_, found.requirement, found.status, found.reason, found.missing, nearest, brief.name, brief.customer,
        brief.case, aim.at,
    )  # fmt: skip
