"""What the library has for a requirement: asked of the index, judged by the yardstick."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Literal, TypeAlias

import attrs

from crmkit.kb._coverage import Wanted, Yardstick, wanted
from crmkit.kb._library import Library, Material, Paragraph, Unusable
from crmkit.kb._requirements import Requirement
from crmkit.kb.index import SearchIndex
from crmkit.kb.query import Text
from crmkit.kb.results import Hit, Note
from crmkit.kb.text import Analyzer

__all__ = ["Candidate", "Found", "Reason", "Shelf", "Status", "match"]

#: Whether the library answers a requirement.
Status: TypeAlias = Literal["covered", "weak", "uncovered"]

#: Why it does or does not: "enough" words; "some" words; "few" words were asked for, so that all of them say little;
#: "corrected": only words that are nearly alike; "little": less than a weak share; "nothing": none of its words; "no
#: words": it has none to look for; or why the material that would answer it is not offered.
Reason: TypeAlias = Literal["enough", "some", "few", "corrected", "little", "nothing", "no words"] | Unusable

# How many paragraphs that cover a requirement are looked at, the best first; and how many if none does.
_DEPTH = 20
_PAGE = 50
_LARGEST_PAGE = 10_000


@attrs.frozen
class Candidate:
    """A paragraph that has words of a requirement.

    Attributes:
        material: whose.
        paragraph: which.
        share: the share of the words that it has, by the yardstick.
        score: that of the index.
        terms: which words.
    """

    material: Material
    paragraph: Paragraph
    share: float
    score: float
    terms: tuple[str, ...]

    @property
    def id(self) -> str:
        """The paragraph's."""
        return self.paragraph.id


@attrs.frozen
class Found:
    """What there is for a requirement.

    Attributes:
        requirement: which.
        words: its words.
        status: whether the library answers it.
        reason: why it does or does not.
        covering: the paragraphs that cover it, in the order of the index; the first twenty.
        nearest: if there is none, the one with the largest share of the twenty that the index finds best; or one that
            is not offered, if it would cover it.
        missing: the words that the best paragraph lacks, as they are written.
        notes: what the index did to the question.
        stale: paragraphs of the index that the library does not have.
    """

    requirement: Requirement
    words: Wanted
    status: Status
    reason: Reason
    covering: tuple[Candidate, ...] = ()
    nearest: Candidate | None = None
    missing: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    stale: frozenset[str] = frozenset()


@attrs.frozen(slots=False)
class Shelf:
    """A library, an index of it, and what of it may be offered.

    Attributes:
        library: the materials.
        index: knows their paragraphs.
        unusable: the ids of materials that are not offered, and why.
        yard: what counts as covered.
    """

    library: Library
    index: SearchIndex
    unusable: Mapping[str, Unusable]
    yard: Yardstick

    @cached_property
    def _terms(self) -> dict[str, frozenset[str]]:
        return {}

    def terms(self, id_: str) -> frozenset[str]:
        """The terms of a paragraph, its heading, and what its material answers."""
        known = self._terms.get(id_)
        if known is None:
            material, part = self.library.paragraphs[id_]
            text = f"{material.answers}\n{part.heading}\n{part.text}"
            known = self._terms[id_] = frozenset(self.library.analyzer.terms(text)[0])
        return known

    def hits(self, query: Text) -> Iterator[Hit]:
        """Everything that a question finds, page by page."""
        after, limit = None, _PAGE
        while True:
            found = self.index.search(query, limit=limit, after=after)
            yield from found.hits
            after, limit = found.next, min(limit * 4, _LARGEST_PAGE)
            if after is None:
                return

    def candidate(self, hit: Hit, words: Wanted) -> Candidate:
        """A paragraph that was found, and how much of a requirement it has."""
        material, part = self.library.paragraphs[hit.id]
        terms = self.terms(hit.id)
        return Candidate(material, part, words.share(terms, self.yard), hit.score, words.found(terms))


def match(requirement: Requirement, shelf: Shelf) -> Found:
    """What a library has for a requirement."""
    words = wanted(requirement, shelf.library.analyzer)
    if not words.own:
        return Found(requirement, words, "uncovered", "no words")
    looked = _Look(shelf, words)
    looked.through(shelf.hits(words.query(shelf.yard)))
    if looked.covering:
        best = max(looked.covering, key=_share)
        return Found(
            requirement, words, "covered", "enough", tuple(looked.covering), None, looked.missing(best), (),
            frozenset(looked.stale),
        )  # fmt: skip
    return _short(requirement, looked)


class _Look:
    """Goes through what was found."""

    def __init__(self, shelf: Shelf, words: Wanted) -> None:
        self.shelf, self.words = shelf, words
        self.covering: list[Candidate] = []
        # What would cover it and is not offered.
        self.barred: Candidate | None = None
        self.stale: set[str] = set()

    def through(self, hits: Iterator[Hit]) -> None:
        """Take hits until there are enough that cover it."""
        for hit in hits:
            if hit.id not in self.shelf.library.paragraphs:
                self.stale.add(hit.id)
                continue
            one = self.shelf.candidate(hit, self.words)
            if one.material.id in self.shelf.unusable:
                self._barred(one)
            elif self.covers(one):
                self.covering.append(one)
                if len(self.covering) >= _DEPTH:
                    return

    def covers(self, one: Candidate) -> bool:
        """Whether a paragraph covers it."""
        return self.shelf.yard.reached(one.share, self.shelf.yard.enough) and len(one.terms) >= self.shelf.yard.fewest

    def missing(self, one: Candidate | None) -> tuple[str, ...]:
        """The words of the requirement that a paragraph lacks."""
        has = one.terms if one is not None else ()
        return self.words.spelled(term for term in self.words.own if term not in has)

    def _barred(self, one: Candidate) -> None:
        # Nobody is told of what not all readers may see.
        if self.shelf.unusable[one.material.id] == "hidden" or not self.covers(one):
            return
        if self.barred is None or one.share > self.barred.share:
            self.barred = one


def _short(requirement: Requirement, looked: _Look) -> Found:
    """What there is if nothing covers it: what is not offered, what comes nearest, what is nearly alike."""
    yard, barred = looked.shelf.yard, looked.barred
    notes, best, corrected = _second_look(looked)
    status: Status = "uncovered"
    reason: Reason = "nothing" if best is None else "little"
    if best is not None and yard.reached(best.share, yard.weak):
        status, reason = "weak", "few" if yard.reached(best.share, yard.enough) else "some"
    elif corrected is not None:
        status, reason, best = "weak", "corrected", corrected
    if barred is not None:
        reason, best = looked.shelf.unusable[barred.material.id], barred
    return Found(
        requirement, looked.words, status, reason, (), best, looked.missing(best), notes, frozenset(looked.stale)
    )


def _second_look(looked: _Look) -> tuple[tuple[Note, ...], Candidate | None, Candidate | None]:
    """What the index did to words that it does not know; what comes nearest, and by words nearly alike."""
    words, shelf = looked.words, looked.shelf
    found = shelf.index.search(Text(words.text), limit=_DEPTH)
    known = [hit for hit in found.hits if hit.id in shelf.library.paragraphs]
    usable = [one for one in (shelf.candidate(hit, words) for hit in known) if one.material.id not in shelf.unusable]
    instead = _instead(found.notes, shelf.library.analyzer)
    better = [attrs.evolve(one, share=_mended(one, words, instead, shelf)) for one in usable]
    near = max((one for one in usable if one.share), key=_share, default=None)
    corrected = max((one for one in better if instead), key=_share, default=None)
    if corrected is not None and not shelf.yard.reached(corrected.share, shelf.yard.weak):
        corrected = None
    return found.notes, near, corrected


def _instead(notes: Iterable[Note], analyzer: Analyzer) -> Mapping[str, set[str]]:
    """From the term of a word that no document has to the terms that were looked for."""
    found: dict[str, set[str]] = {}
    for note in notes:
        for word in note.words if note.kind == "corrected" else ():
            terms = (term for other in note.instead for term in analyzer.terms(other)[0])
            found.setdefault(analyzer.term(word), set()).update(terms)
    return found


def _mended(one: Candidate, words: Wanted, instead: Mapping[str, set[str]], shelf: Shelf) -> float:
    """The share of a paragraph if words that are nearly alike count."""
    terms = shelf.terms(one.id)
    return words.share(terms | {term for term, others in instead.items() if others & terms}, shelf.yard)


def _share(one: Candidate) -> float:
    return one.share
