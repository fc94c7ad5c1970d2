"""Search by looking at every document: slow, obvious, and what an index must agree with."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from crmkit.kb import query as ask
from crmkit.kb.results import Document
from crmkit.kb.text import Analyzer, Piece
from crmkit.values import Money

__all__ = ["NaiveIndex"]

_K1, _B = 1.2, 0.75
# The score of a document; None: it does not match.
_Scored = float | None
# What may stand for a word, each with its weight, and whether it counts as a word.
_Slot = tuple[Mapping[str, float], bool]


class NaiveIndex:
    """Documents in a list.

    Args:
        documents: the documents, each id once.
        fields: the texts and their weights.
        analyzer: makes the terms.
    """

    def __init__(self, documents: Iterable[Document], fields: Mapping[str, float], analyzer: Analyzer) -> None:
        self._documents = {document.id: document for document in documents}
        self._fields, self._analyzer = fields, analyzer
        # By id and field: the terms with their positions.
        self._read = {
            name: {field: self._terms(document.texts.get(field, "")) for field in fields}
            for name, document in self._documents.items()
        }

    def _terms(self, text: str) -> list[tuple[str, int]]:
        terms, positions, _ = self._analyzer.terms(text)
        return list(zip(terms, positions, strict=True))

    def search(self, query: ask.Query, filters: Sequence[ask.Filter] = ()) -> dict[str, float]:
        """The scores of what matches by id, the best first, equal ones in order of id; no word is corrected."""
        kept = [name for name, one in self._documents.items() if all(_lets(filter_, one) for filter_ in filters)]
        scored = [(self._score(query, name), name) for name in kept]
        return {name: -score for score, name in sorted((-score, name) for score, name in scored if score is not None)}

    # -- queries

    def _score(self, query: ask.Query, name: str) -> _Scored:
        match query:
            case ask.MatchAll():
                return 0.0
            case ask.Not():
                return 0.0 if self._score(query.part, name) is None else None
            case ask.Boost():
                score = self._score(query.part, name)
                return None if score is None else query.factor * score
            case ask.And():
                scores = [self._score(part, name) for part in query.parts]
                return None if None in scores else sum(score or 0 for score in scores)
            case ask.Or():
                found = [score for score in (self._score(part, name) for part in query.parts) if score is not None]
                return sum(found) if found else None
            case ask.Text():
                return self._text(query, name)
            case ask.Term():
                return self._phrase(query.word, 0, query.field, name)
            case ask.Phrase():
                return self._phrase(query.text, query.slop, query.field, name)
            case ask.Prefix() | ask.Fuzzy():
                return self._worth(self._variants(query), query.field, name)

    def _text(self, query: ask.Text, name: str) -> _Scored:
        slots = [slot for piece in self._analyzer.pieces(query.text) for slot in self._slots(piece)]
        scores = [self._worth(words, query.field, name) for words, _ in slots]
        counted = {
            tuple(words): score is not None for (words, counts), score in zip(slots, scores, strict=True) if counts
        }
        need = {"any": 0, "all": max(len(counted), 1)}.get(str(query.op), query.op)
        there = any(score is not None for score in scores)
        enough = there if need == 0 else sum(counted.values()) >= int(need)
        return sum(score or 0 for score in scores) if enough else None

    def _slots(self, piece: Piece) -> list[_Slot]:
        if piece.spaced:
            return [] if piece.stopped else [({self._analyzer.term(piece.text): 1.0}, True)]
        characters: list[_Slot] = [({character: 1.0}, True) for character in piece.text]
        return characters + [({pair: 1.0}, False) for pair in self._analyzer.pairs(piece.text)]

    def _variants(self, query: ask.Prefix | ask.Fuzzy) -> dict[str, float]:
        text = query.text if isinstance(query, ask.Prefix) else query.word
        term = self._analyzer.term(self._analyzer.pieces(text)[0].text)
        vocabulary = {one for fields in self._read.values() for terms in fields.values() for one, _ in terms}
        if isinstance(query, ask.Prefix):
            near = {one: 0 for one in vocabulary if one == term or one.startswith(self._analyzer.pieces(text)[0].text)}
        else:
            edits = (0 if len(term) < 3 else 1 if len(term) < 6 else 2) if query.edits == "auto" else query.edits
            words = {one for one in vocabulary if one == term or (len(one) > 2 and one.replace("'", "").isalpha())}
            far = {
                one: distance(term, one) for one in words if one == term or one[: query.prefix] == term[: query.prefix]
            }
            near = {one: steps for one, steps in far.items() if steps <= edits}
        total = sum(map(self._frequency, near))
        return {one: (1, 0.8, 0.6)[steps] * math.sqrt(self._frequency(one) / total) for one, steps in near.items()}

    def _phrase(self, text: str, slop: int, field: str | None, name: str) -> _Scored:
        """BM25F of how often the words follow each other, with the rarity of them all together."""
        words = self._ordered(text)
        if not words:
            return None
        times = {
            each: sum(_follows(terms, words, slop, start) for one, start in terms if one == words[0][0])
            for each, terms in self._read[name].items()
            if field in (None, each)
        }
        rarity = sum(self._rarity(term) for term, _ in words)
        return self._saturated(times, rarity, name)

    def _ordered(self, text: str) -> list[tuple[str, int]]:
        """The words of a phrase, pairs for the characters they are made of."""
        words: list[tuple[str, int]] = []
        for piece in self._analyzer.pieces(text):
            terms = self._analyzer.pairs(piece.text) if not piece.spaced and len(piece.text) > 1 else [piece.text]
            if piece.spaced:
                terms = [] if piece.stopped else [self._analyzer.term(piece.text)]
            words += [(term, piece.position + place) for place, term in enumerate(terms)]
        return words

    # -- scores

    def _worth(self, words: Mapping[str, float], field: str | None, name: str) -> _Scored:
        """BM25F of words that stand for each other."""
        scores = [
            self._saturated(self._times(word, field, name), w * self._rarity(word), name) for word, w in words.items()
        ]
        found = [score for score in scores if score is not None]
        return sum(found) if found else None

    def _times(self, term: str, field: str | None, name: str) -> dict[str, int]:
        return {
            each: sum(one == term for one, _ in terms)
            for each, terms in self._read[name].items()
            if field in (None, each)
        }

    def _saturated(self, times: Mapping[str, int], rarity: float, name: str) -> _Scored:
        total = 0.0
        for field, count in times.items():
            mean = sum(len(read[field]) for read in self._read.values()) / len(self._read) or 1.0
            length = len(self._read[name][field])
            total += self._fields[field] * count / (1 - _B + _B * length / mean)
        return rarity * (_K1 + 1) * total / (_K1 + total) if total else None

    def _frequency(self, term: str) -> int:
        return sum(any(self._times(term, None, name).values()) for name in self._read)

    def _rarity(self, term: str) -> float:
        frequency = self._frequency(term)
        return math.log(1 + (len(self._read) - frequency + 0.5) / (frequency + 0.5))


def _follows(terms: Sequence[tuple[str, int]], words: Sequence[tuple[str, int]], slop: int, start: int) -> bool:
    """Whether the words of a phrase stand in order, the first one at `start`, with so many others between them."""
    first, shift = words[0][1], 0
    for word, offset in words[1:]:
        least = start + offset - first + shift
        places = [position for term, position in terms if term == word and position >= least]
        if not places:
            return False
        shift += min(places) - least
    return shift <= slop


def distance(one: str, two: str) -> int:
    """Optimal string alignment, by its recursion."""
    rows = [list(range(len(two) + 1))]
    for row, letter in enumerate(one, 1):
        here = [row]
        for place, other in enumerate(two, 1):
            best = min(rows[-1][place] + 1, here[-1] + 1, rows[-1][place - 1] + (letter != other))
            if row > 1 and place > 1 and letter == two[place - 2] and one[row - 2] == other:
                best = min(best, rows[-2][place - 2] + 1)
            here.append(best)
        rows.append(here)
    return rows[-1][-1]


# -- filters


def _lets(filter_: ask.Filter, document: Document) -> bool:
    if isinstance(filter_, ask.Without):
        return not _lets(filter_.part, document)
    value = document.fields.get(filter_.name)
    values = [one for one in (value if isinstance(value, tuple) else (value,)) if one is not None]
    match filter_:
        case ask.Eq():
            return any(_same(one, filter_.value) for one in values)
        case ask.In():
            return any(_same(one, wanted) for one in values for wanted in filter_.values)
        case ask.Range():
            return any(_between(one, filter_.start, filter_.end) for one in values)
        case _:
            return bool(values)


def _kind(value: object) -> object:
    if isinstance(value, Money):
        return value.currency
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _same(one: object, two: object) -> bool:
    return _kind(one) == _kind(two) and one == two


def _between(value: ask.Scalar, start: ask.Scalar | None, end: ask.Scalar | None) -> bool:
    limits: list[tuple[ask.Scalar | None, Callable[..., bool]]] = [(start, _at_least), (end, _before)]
    return all(limit is None or (_kind(value) == _kind(limit) and compare(value, limit)) for limit, compare in limits)


def _at_least(value: object, limit: object) -> bool:
    return bool(value >= limit)  # type: ignore[operator] # of one kind


def _before(value: object, limit: object) -> bool:
    return bool(value < limit)  # type: ignore[operator] # of one kind
