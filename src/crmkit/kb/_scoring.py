"""BM25F over the documents of a part, and the best of them.

What a word may add is bounded by the most that it is worth anywhere: once a whole page is better than what the words
that are left could give to a document that has none of the others, only those that have some are looked at (Turtle,
Flood: Query evaluation: strategies and optimizations, 1995, "max score").
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias

import attrs
import numpy as np

from crmkit.kb._filters import Mask
from crmkit.kb._impacts import Few, Floats, Many, impacts, worth
from crmkit.kb._packing import Array
from crmkit.kb._plan import Both, Either, Everything, Inverse, Plan, Row, Sum, Weighted
from crmkit.kb._segment import Posting
from crmkit.kb._snapshot import Snapshot

__all__ = ["All", "Ranked", "Scorer", "Worth"]

_Matched = tuple[Mask, Floats]
#: The weight of a word, and what it is worth in each document.
Worth: TypeAlias = tuple[float, Few | Many]
#: The documents that have one of some words, their scores, and how many they are: where a score is negative, a document
#: stands again.
All: TypeAlias = tuple[Array, Floats, int]
#: Score, id and number of a document.
Ranked: TypeAlias = tuple[float, str, int]
# Positions of one text, with room for a phrase before the first.
_ROOM = 1 << 32
# Bounds are rounded, too.
_LOOSE = 1 + 1e-5
# Of words with so many postings all are sorted.
_SORTED = 1 << 15
# More than so many times a page are not sorted one by one.
_TIED = 4


@attrs.frozen
class Scorer:
    """Scores the documents of one state.

    Attributes:
        snapshot: the state.
    """

    snapshot: Snapshot

    def matched(self, plan: Plan) -> _Matched:
        """Which documents match, dead ones perhaps included, and the scores of those; those of all others are 0."""
        match plan:
            case Sum():
                return self._sum(plan)
            case Row():
                return self._phrase(plan)
            case Everything():
                return np.ones(self.snapshot.extent, np.bool_), self._zeros()
            case Inverse():
                return ~self.matched(plan.part)[0], self._zeros()
            case _:
                return self._parts(plan)

    def _parts(self, plan: Both | Either) -> _Matched:
        everything = isinstance(plan, Both)
        mask, scores = np.full(self.snapshot.extent, everything), self._zeros()
        for part in plan.parts:
            matched, added = self.matched(part)
            mask = mask & matched if everything else mask | matched
            scores += added
        if everything:
            scores[~mask] = 0
        return mask, scores

    def _zeros(self) -> Floats:
        return np.zeros(self.snapshot.extent, np.float32)

    # -- words

    def any_of(self, words: Sequence[Worth]) -> Mask:
        """Which documents that are alive have one of the words."""
        mask = np.zeros(self.snapshot.extent, np.bool_)
        for _, one in words:
            one.mark(mask)
        return mask

    def all_of(self, words: Sequence[Worth]) -> All | None:
        """All documents that have one of the words; None: the words are in too many documents.

        What few documents have is sorted sooner than any of it is left out.
        """
        few = [(weight, one) for weight, one in words if isinstance(one, Few)]
        if not few or len(few) < len(words) or sum(len(one.docs) for _, one in few) > _SORTED:
            return None
        docs = np.concatenate([one.docs for _, one in few])
        scores = np.concatenate([weight * one.values for weight, one in few])
        # Runs that rise are merged, and of one document the heaviest word stays first.
        order = docs.argsort(kind="stable")
        rising = docs[order]
        (again,) = (rising[1:] == rising[:-1]).nonzero()
        if len(again):
            before, after = order[again], order[again + 1]
            values = scores[after]
            # The second word of a document has its sum after one turn, the third after two.
            for _ in few[1:]:
                scores[after] = scores[before] + values
            scores[before] = -1
        return docs, scores, len(docs) - len(again)

    def best_of(self, words: Sequence[Worth], most: int, found: All) -> list[Ranked]:
        """The best, as `top` gives them, of what `all_of` found."""
        docs, scores, _ = found
        return self.top(*_only(scores >= self._by_one(words, most), docs, scores), most)

    def _by_one(self, words: Sequence[Worth], most: int) -> float:
        """What so many documents score at least by one word alone."""
        return max((weight * one.at_rank(most - 1) for weight, one in words), default=0.0) / _LOOSE

    def best(self, words: Sequence[Worth], most: int, mask: Mask | None) -> list[Ranked]:
        """The best of the documents that have one of the words, as `top` gives them.

        Args:
            words: as `worth` gives them, none of which is required.
            most: how many, at least 1.
            mask: which documents are let through; None: all that have one of the words.
        """
        bounds = [weight * one.most * _LOOSE for weight, one in words]
        left = [*accumulate(reversed(bounds), initial=0.0)][::-1]
        found, scores = np.empty(0, np.int32), np.empty(0, np.float32)
        least = self._by_one(words, most) if mask is None else 0.0
        for place in range(len(words)):
            # A document that has none of the words before.
            if left[place] < least:
                break
            more, values = self._first_with(words, place, left, least, mask)
            found, scores = np.concatenate([found, more]), np.concatenate([scores, values])
            if len(scores) >= most:
                least = max(least, _at_rank(scores, most) / _LOOSE)
        return self.top(found, scores, most)

    def _first_with(
        self, words: Sequence[Worth], place: int, left: Sequence[float], least: float, mask: Mask | None
    ) -> tuple[Array, Floats]:
        """The documents that have a word and none of those before, and may score so much; their scores."""
        weight, first = words[place]
        docs, values = first.above((least - left[place + 1]) / weight)
        if mask is not None:
            docs, values = _only(mask[docs.astype(np.intp)], docs, values)
        for _, before in words[:place]:
            docs, values = _only(before.at(docs) == 0, docs, values)
        values = weight * values
        for number in range(place + 1, len(words)):
            weight, following = words[number]
            values += weight * following.at(docs)
            if least > left[number + 1]:
                docs, values = _only(values >= least - left[number + 1], docs, values)
        return docs, values

    def worth(self, plan: Sum) -> list[Worth]:
        """Weights and impacts of the words that documents have, the heaviest first."""
        terms = sorted((term for slot in plan.slots for term in slot.terms), key=_weight)
        found = [(term.weight, self._impacts(term)) for term in terms]
        return [(weight, one) for weight, one in found if one.ranked]

    def _impacts(self, term: Weighted) -> Few | Many:
        key = f"{self.snapshot.manifest.number} {term.stats.term} {term.field}"
        kept: Few | Many | None = self.snapshot.cache.get(key)
        if kept is None:
            posting, values = worth(self.snapshot.posting(term.stats), self.snapshot.norms, term.field)
            kept = impacts(posting.docs, values, self.snapshot.extent)
            self.snapshot.cache.put(key, kept.nbytes, kept)
        return kept

    def _sum(self, plan: Sum) -> _Matched:
        scores = self._zeros()
        words = self.worth(plan)
        for weight, one in words:
            one.add(scores, weight)
        mask = self._enough(plan) if plan.need else self.any_of(words)
        scores[~mask] = 0
        return mask, scores

    def _enough(self, plan: Sum) -> Mask:
        """Which documents have as many of the words as are needed."""
        words = np.zeros(self.snapshot.extent, np.int32)
        for slot in plan.slots:
            if slot.counts:
                mask = np.zeros(self.snapshot.extent, np.bool_)
                for term in slot.terms:
                    self._impacts(term).mark(mask)
                words += mask
        return words >= plan.need

    # -- phrases

    def _phrase(self, row: Row) -> _Matched:
        posting, values = worth(self._row(row), self.snapshot.norms, row.field)
        mask, scores = np.zeros(self.snapshot.extent, np.bool_), self._zeros()
        mask[posting.docs] = True
        scores[posting.docs] = row.weight * values
        return mask, scores

    def _row(self, row: Row) -> Posting:
        """How often the terms of a phrase follow each other, by document and field."""
        fields = len(self.snapshot.manifest.fields)
        last = row.terms[-1][1]
        keys: list[Array] = []
        for stats, offset in row.terms:
            places, positions = self.snapshot.positions(stats)
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
        if self.snapshot.alive is not None:
            places = places[self.snapshot.alive[places // fields]]
        docs, numbers = np.unique(places // fields, return_inverse=True)
        counts = np.bincount(numbers * fields + places % fields, minlength=len(docs) * fields)
        return Posting(docs, counts.reshape(len(docs), fields).T)

    # -- the best

    def top(self, found: Array, scores: Floats, most: int) -> list[Ranked]:
        """The best documents, the best first, equal ones in order of id.

        Args:
            found: the numbers of those that match.
            scores: theirs.
            most: how many.
        """
        if len(scores) > _TIED * most:
            least = _at_rank(scores, most)
            found, scores = _only(scores >= least, found, scores)
            if len(scores) > _TIED * most:
                found, scores = self._fewer(found, scores, least, most)
        ranked = sorted(zip(scores.tolist(), found.tolist(), strict=True), reverse=True)
        if len(ranked) > most:
            # Those that score like the last one are in order of their ids, not yet known.
            least = ranked[most - 1][0]
            ranked = [pair for pair in ranked if pair[0] >= least]
        ids = self.snapshot.ids([number for _, number in ranked])
        return sorted([(score, name, number) for (score, number), name in zip(ranked, ids, strict=True)], key=_rank)[
            :most
        ]

    def _fewer(self, found: Array, scores: Floats, least: float, most: int) -> tuple[Array, Floats]:
        """Of those that score the least only the first ones of each part, whose ids rise."""
        order = np.argsort(found)
        found, scores = found[order], scores[order]
        tied = scores == least
        kept = ~tied
        for low, high in pairwise(found.searchsorted(self.snapshot.starts).tolist()):
            kept[low + np.flatnonzero(tied[low:high])[:most]] = True
        return _only(kept, found, scores)


def _only(kept: Mask, docs: Array, values: Floats) -> tuple[Array, Floats]:
    (places,) = kept.nonzero()
    return (docs, values) if len(places) == len(docs) else (docs[places], values[places])


def _at_rank(scores: Floats, rank: int) -> float:
    place, ranked = len(scores) - rank, scores.copy()
    ranked.partition(place)
    return float(ranked[place])


def _rank(hit: Ranked) -> tuple[float, str]:
    return -hit[0], hit[1]


def _weight(term: Weighted) -> tuple[float, str]:
    return -term.weight, term.stats.term
