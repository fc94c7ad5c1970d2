"""One commit of an index of tantivy: what a planner asks for, plans as queries, and what they find."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs
import numpy as np

from crmkit.kb._filters import FilterColumn, columns_of, mask, unpacked
from crmkit.kb._marking import Stored
from crmkit.kb._plan import Both, Either, Everything, Inverse, Plan, Row, Sum, Weighted, rarity
from crmkit.kb._searching import facet
from crmkit.kb._snapshot import TermStats
from crmkit.kb._spelling import Speller
from crmkit.kb.query import Filter
from crmkit.kb.results import Bucket, Document
from crmkit.kb.text import Analyzer

__all__ = ["ID", "STORED", "WORDS", "State"]

# Names of our own beside those of texts, which are prefixed.
ID, STORED, WORDS = "id", "stored", "words"


@attrs.frozen
class _Named:
    """What a planner asks a manifest for."""

    fields: tuple[str, ...]


class _Vocabulary:
    """What a planner asks a segment for: sorted terms and words, and those near others."""

    def __init__(self, terms: Iterable[str], words: Iterable[str]) -> None:
        self.terms, self.words = _Sorted(terms), _Sorted(words)

    @property
    def segment(self) -> "_Vocabulary":
        """Itself: there is one."""
        return self

    @cached_property
    def term_speller(self) -> Speller:
        return Speller(self.terms)

    @cached_property
    def word_speller(self) -> Speller:
        return Speller(self.words)


class _Sorted(list[str]):
    """Texts in order."""

    def __init__(self, texts: Iterable[str]) -> None:
        super().__init__(sorted(texts))

    def at_least(self, text: str) -> int:
        """The number of the first one that is not before a text."""
        return int(np.searchsorted(np.array(self, object), text)) if self else 0


class State:
    """One commit: statistics and vocabulary for the planner, and plans as queries of tantivy."""

    def __init__(
        self, engine: Any, schema: Any, searcher: Any, *, number: int, fields: Mapping[str, float], analyzer: Analyzer
    ) -> None:
        self._engine, self._schema, self._searcher, self.number = engine, schema, searcher, number
        self._weights, self._analyzer = fields, analyzer
        self.manifest = _Named(tuple(fields))
        self.size: int = searcher.num_docs
        self._known: dict[str, TermStats] = {}

    # -- what a planner asks for

    @cached_property
    def parts(self) -> Sequence[_Vocabulary]:
        terms = {term for name in self._weights for term, _ in self._searcher.terms_with_prefix(f"text {name}", "")}
        return (_Vocabulary(terms, [word for word, _ in self._searcher.terms_with_prefix(WORDS, "")]),)

    def stats(self, term: str) -> TermStats:
        known = self._known.get(term)
        if known is None:
            query = self._any([self._term(name, term) for name in self._weights])
            known = self._known[term] = TermStats(term, self._searcher.search(query, 1).count, ())
        return known

    def form(self, stats: TermStats) -> str:
        return self._forms.get(stats.term, stats.term)

    @cached_property
    def _forms(self) -> dict[str, str]:
        """The shortest word of each term."""
        forms: dict[str, str] = {}
        for word in sorted(self.parts[0].words, key=lambda word: (len(word), word)):
            forms.setdefault(self._analyzer.term(word), word)
        return forms

    # -- plans as queries

    def _term(self, name: str, term: str) -> Any:
        return self._engine.Query.term_query(self._schema, f"text {name}", term)

    def _joined(self, parts: Iterable[Any], occur: Any, least: int | None = None) -> Any:
        listed = [(occur, part) for part in parts]
        if not listed:
            return self._engine.Query.empty_query()
        return self._engine.Query.boolean_query(listed, least)

    def _any(self, parts: Iterable[Any]) -> Any:
        return self._joined(parts, self._engine.Occur.Should)

    def _everything(self) -> Any:
        return self._engine.Query.const_score_query(self._engine.Query.all_query(), 0.0)

    def query(self, plan: Plan) -> Any:
        """A plan as a query."""
        occur = self._engine.Occur
        match plan:
            case Sum():
                return self._sum(plan)
            case Row():
                return self._row(plan)
            case Everything():
                return self._everything()
            case Inverse():
                return self._engine.Query.boolean_query(
                    [(occur.Must, self._everything()), (occur.MustNot, self.query(plan.part))]
                )
            case Both():
                return self._joined([self._everything(), *map(self.query, plan.parts)], occur.Must)
            case Either():
                return self._any(map(self.query, plan.parts))

    def _sum(self, plan: Sum) -> Any:
        slots = [
            (slot, self._any([part for term in slot.terms for part in self._weighted(term)])) for slot in plan.slots
        ]
        if not plan.need:
            return self._any(query for _, query in slots)
        counted = [query for slot, query in slots if slot.counts]
        if plan.need > len(counted):
            return self._engine.Query.empty_query()
        occur = self._engine.Occur
        enough = self._joined(counted, occur.Should, plan.need)
        others = [(occur.Should, query) for slot, query in slots if not slot.counts]
        return self._engine.Query.boolean_query([(occur.Must, enough), *others])

    def _names(self, field: int | None) -> Iterator[tuple[str, float]]:
        named = list(self._weights.items())
        yield from named if field is None else [named[field]]

    def _weighted(self, term: Weighted) -> Iterator[Any]:
        # tantivy multiplies with the rarity itself.
        weight = term.weight / rarity(term.stats.documents, self.size)
        for name, more in self._names(term.field):
            yield self._engine.Query.boost_query(self._term(name, term.stats.term), weight * more)

    def _row(self, row: Row) -> Any:
        total = sum(rarity(stats.documents, self.size) for stats, _ in row.terms)
        words = [(offset, stats.term) for stats, offset in row.terms]
        phrase, boost = self._engine.Query.phrase_query, self._engine.Query.boost_query
        return self._any(
            boost(phrase(self._schema, f"text {name}", words, row.slop), row.weight / total * more)
            for name, more in self._names(row.field)
        )

    # -- answers

    def ranked(
        self, plan: Plan, filters: Sequence[Filter], most: int, *, without: str | None = None
    ) -> tuple[int, list[tuple[float, str, Stored]]]:
        """How many match, and the best: score, id and document, equal ones in order of id."""
        query = self.query(plan)
        if without is not None:
            occur = self._engine.Occur
            term = self._engine.Query.term_query(self._schema, ID, without)
            query = self._engine.Query.boolean_query([(occur.Must, query), (occur.MustNot, term)])
        if not self.size:
            return 0, []
        if filters:
            total, hits = self._through(query, filters)
        else:
            total, hits = self._best(query, most)
        kept = [hit for hit in hits if most and hit[0] >= hits[min(most, len(hits)) - 1][0]]
        found = [(score, *self._document(address)) for score, address in kept]
        return total, sorted(found, key=_rank)[:most]

    def _best(self, query: Any, most: int) -> tuple[int, list[tuple[float, Any]]]:
        """The best, and all that score as the last of them: tantivy leaves open which of them it gives."""
        limit = most
        while True:
            limit = min(max(limit, 1), self.size)
            found = self._searcher.search(query, limit)
            hits = found.hits
            if len(hits) < limit or limit == self.size or hits[-1][0] < hits[most - 1][0]:
                return found.count, hits
            limit *= 4

    def _through(self, query: Any, filters: Sequence[Filter]) -> tuple[int, list[tuple[float, Any]]]:
        through = np.ones(self.size, np.bool_)
        for one in filters:
            through &= mask(one, self._columns, self.size)
        hits = [hit for hit in self._searcher.search(query, self.size).hits if through[self._number(hit[1])]]
        return len(hits), hits

    def facet(self, plan: Plan, filters: Sequence[Filter], name: str) -> tuple[Bucket, ...]:
        """The values of a field over all that match."""
        matched = np.zeros(self.size, np.bool_)
        if self.size:
            matched[[self._number(address) for _, address in self._through(self.query(plan), filters)[1]]] = True
        column = self._columns.get(name)
        return facet([] if column is None else [(column, matched)], 100)

    def get(self, name: str) -> Document | None:
        """A document by its id."""
        hits = self._searcher.search(self._engine.Query.term_query(self._schema, ID, name), 1).hits
        stored = self._document(hits[0][1])[1] if hits else None
        return None if stored is None else Document(name, stored.texts, stored.fields)

    def _document(self, address: Any) -> tuple[str, Stored]:
        made = self._searcher.doc(address)
        return made.get_first(ID), Stored(bytes(made.get_first(STORED)))

    @cached_property
    def _addresses(self) -> dict[tuple[int, int], int]:
        """The number of each document, by where tantivy has it."""
        hits = self._searcher.search(self._everything(), self.size).hits if self.size else []
        return {(address.segment_ord, address.doc): number for number, (_, address) in enumerate(hits)}

    def _number(self, address: Any) -> int:
        return self._addresses[address.segment_ord, address.doc]

    @cached_property
    def _columns(self) -> dict[str, FilterColumn]:
        address = self._engine.DocAddress
        documents = (self._document(address(*place))[1].fields for place in self._addresses)
        return unpacked(columns_of(documents))


def _rank(hit: tuple[float, str, Stored]) -> tuple[float, str]:
    return -hit[0], hit[1]
