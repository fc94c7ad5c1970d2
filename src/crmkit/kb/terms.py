"""Subject terms: one vocabulary for what documents are about, whatever words their authors chose.

    >>> thesaurus = Thesaurus([
    ...     Concept("finance", {"en": "Finance", "zh": "财务"}),
    ...     Concept("invoicing", {"en": "Invoicing", "zh": "开票"}, alternative={"zh": ["发票"]}, broader="finance"),
    ... ])
    >>> [(tag.label, tag.concepts) for tag in thesaurus.tag("我要發票 (invoicing)")]
    [('发票', ('invoicing',)), ('Invoicing', ('invoicing',))]
    >>> thesaurus.under("finance")
    ('finance', 'invoicing')

The model is that of SKOS (W3C 2009) and ISO 25964-1: a concept has one preferred label in each language, alternative
ones, and hidden ones that are only found (misspellings); it stands under broader concepts and beside related ones.
Concepts are never lost: one that was merged into another is still resolved, so that old documents keep their terms.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, BinaryIO, Self

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.kb import _thesaurus_checks, _thesaurus_csv, _thesaurus_json, _turtle
from crmkit.kb._concepts import Concept, Merged
from crmkit.kb._tagging import Automaton, Tag
from crmkit.kb.text import Analyzer

__all__ = ["Concept", "Merged", "Tag", "Thesaurus"]


def _concepts(concepts: Iterable[Concept]) -> tuple[Concept, ...]:
    return tuple(concepts)


def _merges(merges: Iterable[Merged]) -> tuple[Merged, ...]:
    return tuple(merges)


@attrs.frozen(slots=False)
class Thesaurus:
    """Concepts and how they stand to each other.

    Attributes:
        concepts: those in use, in any order.
        merges: which were merged into others, oldest first.
        analyzer: how labels and texts are compared; its stop words do not count here.

    Raises:
        DefinitionErrors: with every id that occurs twice or that nobody knows, every ring of broader concepts, every
            label that is two things to one concept, and whatever is related to what it stands under.
    """

    concepts: tuple[Concept, ...] = attrs.field(default=(), converter=_concepts)
    merges: tuple[Merged, ...] = attrs.field(default=(), converter=_merges)
    analyzer: Analyzer = attrs.field(default=Analyzer(), kw_only=True)

    def __attrs_post_init__(self) -> None:
        _thesaurus_checks.check(self.concepts, self.merges)

    def __len__(self) -> int:
        return len(self.concepts)

    def __iter__(self) -> Iterator[Concept]:
        return iter(self.concepts)

    def __contains__(self, id: object) -> bool:  # noqa: A002 - the field's word
        return id in self._known or id in self._replaced

    def current(self, id: str) -> str:  # noqa: A002 - the field's word
        """The id itself, or that of the concept it was merged into at last.

        Raises:
            NotFound: with the nearest id.
        """
        while id in self._replaced:
            id = self._replaced[id]  # noqa: A001 - as above
        if id not in self._known:
            raise NotFound("concept", id, tuple(self._known), "the thesaurus")
        return id

    def get(self, id: str) -> Concept:  # noqa: A002 - the field's word
        """The concept, or the one it was merged into.

        Raises:
            NotFound: with the nearest id.
        """
        return self._known[self.current(id)]

    def label(self, id: str, language: str = "en") -> str:  # noqa: A002 - the field's word
        """The preferred label in a language; in another one if it has none; at last the id.

        Raises:
            NotFound: with the nearest id.
        """
        concept = self.get(id)
        return concept.preferred.get(language) or next(iter(concept.preferred.values()), concept.id)

    def broader(self, id: str) -> tuple[str, ...]:  # noqa: A002 - the field's word
        """The ids right above a concept.

        Raises:
            NotFound: with the nearest id.
        """
        return self.get(id).broader

    def narrower(self, id: str) -> tuple[str, ...]:  # noqa: A002 - the field's word
        """The ids right below a concept.

        Raises:
            NotFound: with the nearest id.
        """
        return tuple(self._narrower.get(self.current(id), ()))

    def related(self, id: str) -> tuple[str, ...]:  # noqa: A002 - the field's word
        """The ids beside a concept, whichever of the two names the other.

        Raises:
            NotFound: with the nearest id.
        """
        own = self.get(id)
        return tuple(dict.fromkeys([*own.related, *(one.id for one in self.concepts if own.id in one.related)]))

    def under(self, id: str) -> tuple[str, ...]:  # noqa: A002 - the field's word
        """A concept, all below it, and all that were merged into one of them: what a filter by subject has to accept.

        Raises:
            NotFound: with the nearest id.
        """
        found = {self.current(id): None}
        queue = list(found)
        for one in queue:
            new = [below for below in self._narrower.get(one, ()) if below not in found]
            found.update(dict.fromkeys(new))
            queue += new
        return (*found, *(old for old in self._replaced if self.current(old) in found))

    def put(self, concept: Concept) -> Self:
        """The thesaurus with a concept, in place of the one that has its id.

        Raises:
            DefinitionErrors: as for a new thesaurus.
            InvalidValue: if the id was merged into another.
        """
        if concept.id in self._replaced:
            raise InvalidValue("concept", concept.id, f"was merged into {self.current(concept.id)!r}; change that one")
        return attrs.evolve(self, concepts={**self._known, concept.id: concept}.values())

    def merge(self, id: str, *, into: str, at: datetime, who: str = "", why: str = "") -> Self:  # noqa: A002 - the field's word
        """The thesaurus without a concept, whose labels and narrower and related concepts go to another one.

        Its preferred labels become alternative ones. Both ids lead to the same concept from now on; documents need not
        be touched.

        Raises:
            NotFound: if there is no such concept; with the nearest id.
            InvalidValue: if both are the same.
            DefinitionErrors: if the other one would stand under itself.
        """
        old, survivor = self.get(id), self.get(into)
        if old.id == survivor.id:
            raise InvalidValue("concept", id, f"cannot be merged into {into!r}: they are the same already")
        kept = {one.id: one.pointing(old.id, survivor.id) for one in self.concepts if one.id != old.id}
        kept[survivor.id] = kept[survivor.id].absorbing(old)
        fact = Merged(old.id, into=survivor.id, at=at, who=who, why=why)
        return attrs.evolve(self, concepts=kept.values(), merges=(*self.merges, fact))

    def tag(self, text: str) -> tuple[Tag, ...]:
        """Where a text speaks of a concept: the longest labels from the left, of whole words, across no stop or comma.

        Of words, stems are compared ("invoices" is found by "invoice"), except that a label in capitals which else is
        a common word (IT, WHO) must stand there in capitals. Chinese is found wherever its characters stand. A label
        of several concepts gives them all: which one is meant is for somebody to say.
        """
        return tuple(self._automaton.tags(text))

    def subjects(self, text: str, *, limit: int = 10) -> tuple[tuple[str, int], ...]:
        """The concepts that a text names beyond doubt, and how often; the most frequent come first."""
        counts = Counter(tag.concepts[0] for tag in self.tag(text) if tag.clear)
        return tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:limit])

    @property
    def ambiguous(self) -> Mapping[str, tuple[str, ...]]:
        """Labels that mean several concepts."""
        return self._automaton.ambiguous

    @classmethod
    def from_csv(cls, source: bytes | BinaryIO, *, name: str = "csv", analyzer: Analyzer | None = None) -> Self:
        """Read a table with a row for each concept.

        Columns are "id", "preferred en", "alternative zh", "hidden en", "note en" and so on for any language, "broader"
        and "related" with ids, and "replaced by", "replaced at", "replaced who", "replaced why" for what was merged.
        Several labels or ids in one cell have a bar between them: "bill | invoice".

        Args:
            source: bytes, or a file opened in binary mode.
            name: how messages call it.
            analyzer: how labels and texts are compared.

        Raises:
            InputError: with the row and the column of a cell that cannot be used, or of a column that means nothing.
            DefinitionErrors: if the concepts do not fit together, each with its row.
        """
        return cls._read(_thesaurus_csv.read(source, name), analyzer)

    def to_csv(self) -> str:
        """The table that `from_csv` reads.

        Raises:
            InvalidValue: if a label or an id has a bar in it, which parts them in a cell.
        """
        return _thesaurus_csv.write(self.concepts, self.merges)

    @classmethod
    def from_json(cls, text: str, *, analyzer: Analyzer | None = None) -> Self:
        """Read what `to_json` writes.

        Raises:
            InputError: if it is no JSON, or not of that form, with the place.
            DefinitionErrors: if the concepts do not fit together.
        """
        return cls._read(_thesaurus_json.read(text), analyzer)

    def to_json(self) -> str:
        """`{"concepts": [{"id", "preferred": {"en": ...}, ...}], "merges": [...]}`."""
        return _thesaurus_json.write(self.concepts, self.merges)

    @classmethod
    def from_turtle(cls, text: str, *, base: str, analyzer: Analyzer | None = None) -> Self:
        """Read SKOS in Turtle (W3C 2014) without blank nodes and collections; what is not of SKOS is left out.

        What is above may be stated by `skos:broader` or `skos:narrower`; `dcterms:isReplacedBy` says what was merged.

        Args:
            text: the Turtle.
            base: what ids begin with in it; the id here is the rest, or the whole IRI if it begins otherwise.
            analyzer: how labels and texts are compared.

        Raises:
            InputError: with line and column, if it is no Turtle or uses what is not read.
            DefinitionErrors: if the concepts do not fit together, each with its line.
        """
        return cls._read(_turtle.read(text, base), analyzer)

    def to_turtle(self, *, base: str) -> str:
        """SKOS in Turtle, sorted, so that two versions can be compared line by line.

        Args:
            base: what the ids are appended to, such as the address of your site; ids that are IRIs stay.

        Raises:
            InvalidValue: if `base` is no IRI.
        """
        return _turtle.write(self.concepts, self.merges, base)

    @classmethod
    def _read(cls, found: tuple[list[Concept], list[Merged], _thesaurus_checks.Places], analyzer: Any) -> Self:
        concepts, merges, places = found
        _thesaurus_checks.check(concepts, merges, places)
        return cls(concepts, merges, analyzer=analyzer or Analyzer())

    @cached_property
    def _known(self) -> dict[str, Concept]:
        return {concept.id: concept for concept in self.concepts}

    @cached_property
    def _replaced(self) -> dict[str, str]:
        return {merged.concept: merged.into for merged in self.merges}

    @cached_property
    def _narrower(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for concept in self.concepts:
            for above in concept.broader:
                found.setdefault(above, []).append(concept.id)
        return found

    @cached_property
    def _automaton(self) -> Automaton:
        return Automaton.of(self.concepts, self.analyzer)
