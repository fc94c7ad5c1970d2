"""BM25F over the documents of a part, and the best of them.

What a word may add is bounded by the most that it is worth anywhere: once a whole page is better than what the words
that are left could give to a document that has none of the others, only those that have some are looked at (Turtle,
Flood: Query evaluation: strategies and optimizations, 1995, "max score").
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import TypeAlias

import attrs
import numpy as np

from crmkit.kb._filters import Mask
from crmkit.kb._impacts import Floats, Impacts, worth
from crmkit.kb._packing import Array
from crmkit.kb._plan import Both, Either, Everything, Inverse, Plan, Row, Sum, Weighted
from crmkit.kb._segment import Posting
from crmkit.kb._snapshot import Part, Snapshot

__all__ = ["Scorer", "Worth", "top"]

_Matched = tuple[Mask, Floats]
#: The weight of a word, and what it is worth in each document.
Worth: TypeAlias = tuple[float, Impacts]
# Positions of one text, with room for a phrase before the first.
_ROOM = 1 << 32
# Bounds are rounded, too.
_LOOSE = 1 + 1e-5


@attrs.frozen
class Scorer:
    """Scores the documents of one part.

    Attributes:
        snapshot: the state.
        number: which of its parts.
    """

    snapshot: Snapshot
    number: int

    @property
    def part(self) -> Part:
        """The part."""
        return self.snapshot.parts[self.number]

    def matched(self, plan: Plan) -> _Matched:
        """Which documents match, dead ones perhaps included, and the scores of those; those of all others are 0."""
        match plan:
            case Sum():
                return self._sum(plan)
            case Row():
                return self._phrase(plan)
            case Everything():
                return np.ones(self.part.size, np.bool_), self._zeros()
            case Inverse():
                return ~self.matched(plan.part)[0], self._zeros()
            case _:
                return self._parts(plan)

    def _parts(self, plan: Both | Either) -> _Matched:
        everything = isinstance(plan, Both)
        mask, scores = np.full(self.part.size, everything), self._zeros()
        for part in plan.parts:
            matched, added = self.matched(part)
            mask = mask & matched if everything else mask | matched
            scores += added
        if everything:
            scores[~mask] = 0
        return mask, scores

    def _zeros(self) -> Floats:
        return np.zeros(self.part.size, np.float32)

    # -- words

    def any_of(self, words: Sequence[Worth]) -> Mask:
        """Which documents that are alive have one of the words."""
        mask = np.zeros(self.part.size, np.bool_)
        for _, impacts in words:
            impacts.mark(mask)
        return mask

    def best(
        self, words: Sequence[Worth], mask: Mask, most: int, least: float, *, free: bool
    ) -> list[tuple[float, int]]:
        """The best of the documents that have one of the words, as `top` gives them.

        Args:
            words: as `worth` gives them, none of which is required.
            mask: which documents are let through.
            most: how many, at least 1.
            least: what they must score to be among the best of all parts; those that score less may be left out.
            free: whether every document that has one of the words is let through.
        """
        if free:
            # So many documents score at least that much by one word alone.
            least = max((weight * impacts.at_rank(most - 1) for weight, impacts in words), default=least)
        bounds = [weight * impacts.most * _LOOSE for weight, impacts in words]
        left = [*accumulate(reversed(bounds), initial=0.0)][::-1]
        needed = next(number for number, bound in enumerate(left) if bound < least or not bound)
        if not needed:
            return []
        scores = self._zeros()
        for weight, impacts in words[:needed]:
            impacts.add(scores, weight)
        found = np.flatnonzero((scores > 0) & (scores >= least - left[needed]) & mask)
        values = scores[found]
        for weight, impacts in words[needed:]:
            impacts.add_to(values, found, weight)
        return top(found, values, most)

    def worth(self, plan: Sum) -> list[Worth]:
        """Weights and impacts of the words that the part has, the heaviest first: in every part in the same order."""
        terms = sorted((term for slot in plan.slots for term in slot.terms), key=_weight)
        return [(term.weight, self._impacts(term)) for term in terms if term.stats.numbers[self.number] >= 0]

    def _impacts(self, term: Weighted) -> Impacts:
        number = term.stats.numbers[self.number]
        key = f"{self.snapshot.manifest.number} {self.part.segment.name} {number} {term.field}"
        kept: Impacts | None = self.snapshot.cache.get(key)
        if kept is None:
            posting, values = worth(self.part.posting(number), self.snapshot.norms(self.number), term.field)
            kept = Impacts.of(posting, values, self.part.size)
            self.snapshot.cache.put(key, kept.nbytes, kept)
        return kept

    def _sum(self, plan: Sum) -> _Matched:
        scores = self._zeros()
        words = self.worth(plan)
        for weight, impacts in words:
            impacts.add(scores, weight)
        mask = self._enough(plan) if plan.need else self.any_of(words)
        scores[~mask] = 0
        return mask, scores

    def _enough(self, plan: Sum) -> Mask:
        """Which documents have as many of the words as are needed."""
        words = np.zeros(self.part.size, np.int32)
        for slot in plan.slots:
            found = [self._impacts(term) for term in slot.terms if term.stats.numbers[self.number] >= 0]
            if slot.counts and found:
                mask = np.zeros(self.part.size, np.bool_)
                for impacts in found:
                    impacts.mark(mask)
                words += mask
        return words >= plan.need

    # -- phrases

    def _phrase(self, row: Row) -> _Matched:
        posting, values = worth(self._row(row), self.snapshot.norms(self.number), row.field)
        mask, scores = np.zeros(self.part.size, np.bool_), self._zeros()
        mask[posting.docs] = True
        scores[posting.docs] = row.weight * values
        return mask, scores

    def _row(self, row: Row) -> Posting:
        """How often the terms of a phrase follow each other, by document and field."""
        fields = len(self.snapshot.manifest.fields)
        numbers = [stats.numbers[self.number] for stats, _ in row.terms]
        if min(numbers) < 0:
            return Posting(np.empty(0, np.int64), np.empty((fields, 0), np.int64))
        last = row.terms[-1][1]
        keys: list[Array] = []
        for number, (_, offset) in zip(numbers, row.terms, strict=True):
            places, positions = self.part.segment.positions(number)
            # Where the phrase would begin, had nothing come between.
            keys.append(places * _ROOM + (positions + (last - offset)))
        begin = here = keys[0]
        for following in keys[1:]:
            where = np.searchsorted(following, here)
            kept = where < len(following)
            begin, here = begin[kept], following[where[kept]]
            near = here - begin <= row.slop
            begin, here = begin[near], here[near]
        return self._counted(begin // _ROOM, fields)

    def _counted(self, places: Array, fields: int) -> Posting:
        if self.part.alive is not None:
            places = places[self.part.alive[places // fields]]
        docs, numbers = np.unique(places // fields, return_inverse=True)
        counts = np.bincount(numbers * fields + places % fields, minlength=len(docs) * fields)
        return Posting(docs, counts.reshape(len(docs), fields).T)


def top(found: Array, values: Floats, most: int) -> list[tuple[float, int]]:
    """The best documents: (score, number), the best first, equal ones in order of number.

    Args:
        found: the numbers of those that match, rising.
        values: their scores.
        most: how many.
    """
    if len(values) > most:
        least = np.partition(values, len(values) - most)[len(values) - most]
        better = values >= least
        found, values = found[better], values[better]
    order = np.lexsort((found, -values))[:most]
    return list(zip(values[order].tolist(), found[order].tolist(), strict=True))


def _weight(term: Weighted) -> tuple[float, str]:
    return -term.weight, term.stats.term
