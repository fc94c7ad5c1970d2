"""BM25F over the documents of a segment, and the best of several segments.

Robertson, Zaragoza, Taylor: Simple BM25 extension to multiple weighted fields (CIKM 2004). A term that is `tf` times in
a field of length `len` counts weight x tf / (1 - b + b x len / mean); the sum x over the fields scores
rarity x (k1 + 1) x / (k1 + x).
"""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.kb._packing import Array
from crmkit.kb._plan import Both, Either, Everything, Inverse, Plan, Row, Sum
from crmkit.kb._segment import Posting
from crmkit.kb._snapshot import Part

__all__ = ["K1", "B", "Scorer", "top"]

#: How soon more of the same counts less.
K1 = 1.2
#: How much a long text has to have more of it.
B = 0.75

_Scores = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]
_Matched = tuple[_Mask, _Scores]
# Positions of one text, with room for a phrase before the first.
_ROOM = 1 << 32


@attrs.frozen
class Scorer:
    """Scores the documents of one part.

    Attributes:
        part: the part.
        number: which of the parts it is.
        weights: of the fields.
        means: their mean lengths, over all parts.
    """

    part: Part
    number: int
    weights: Sequence[float]
    means: Sequence[float]

    def matched(self, plan: Plan) -> _Matched:
        """Which documents match, dead ones perhaps included, and the scores of those; those of all others are 0."""
        match plan:
            case Sum():
                return self._sum(plan)
            case Row():
                scores = np.zeros(self.part.size)
                self._add(scores, self._row(plan), plan.weight, plan.field)
                return scores > 0, scores
            case Everything():
                return np.ones(self.part.size, np.bool_), np.zeros(self.part.size)
            case Inverse():
                return ~self.matched(plan.part)[0], np.zeros(self.part.size)
            case _:
                return self._parts(plan)

    def _parts(self, plan: Both | Either) -> _Matched:
        everything = isinstance(plan, Both)
        mask, scores = np.full(self.part.size, everything), np.zeros(self.part.size)
        for part in plan.parts:
            matched, added = self.matched(part)
            mask = mask & matched if everything else mask | matched
            scores += added
        if everything:
            scores[~mask] = 0
        return mask, scores

    def _sum(self, plan: Sum) -> _Matched:
        scores = np.zeros(self.part.size)
        words = np.zeros(self.part.size, np.int32) if plan.need else None
        for slot in plan.slots:
            found: list[Array] = []
            for term in slot.terms:
                number = term.stats.numbers[self.number]
                if number >= 0:
                    found.append(self._add(scores, self.part.posting(number), term.weight, term.field))
            if words is not None and slot.counts and found:
                words[found[0] if len(found) == 1 else np.unique(np.concatenate(found))] += 1
        if words is None:
            return scores > 0, scores
        mask = words >= plan.need
        scores[~mask] = 0
        return mask, scores

    def _add(self, scores: _Scores, posting: Posting, weight: float, field: int | None) -> Array:
        """Add what a posting is worth, and say which documents it has."""
        docs, counts = posting.docs, posting.counts
        if field is not None:
            kept = counts[field] > 0
            docs, counts = docs[kept], counts[:, kept]
        lengths = self.part.segment.lengths
        total = np.zeros(len(docs))
        for number in range(len(counts)) if field is None else (field,):
            times = counts[number]
            # Few words stand in every field.
            if field is not None or times.any():
                share = lengths[number][docs] * (B / self.means[number]) + (1 - B)
                total += times * self.weights[number] / share
        scores[docs] += weight * (K1 + 1) * total / (K1 + total)
        return docs

    def _row(self, row: Row) -> Posting:
        """How often the terms of a phrase follow each other, by document and field."""
        fields = len(self.means)
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


def top(found: Array, scores: _Scores, most: int) -> list[tuple[float, int]]:
    """The best documents: (score, number), the best first, equal ones in order of number.

    Args:
        found: the numbers of those that match, rising.
        scores: of all.
        most: how many.
    """
    values = scores[found]
    if len(values) > most:
        least = np.partition(values, len(values) - most)[len(values) - most]
        better = values >= least
        found, values = found[better], values[better]
    order = np.lexsort((found, -values))[:most]
    return list(zip(values[order].tolist(), found[order].tolist(), strict=True))
