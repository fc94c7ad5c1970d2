"""One search in one state: the plan run over the parts, the best of them, facets, and the way to the next page."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Self

import attrs
import numpy as np

from crmkit.errors import InvalidValue
from crmkit.kb._filters import FilterColumn, Key, Mask, mask
from crmkit.kb._impacts import Floats
from crmkit.kb._packing import Array
from crmkit.kb._plan import Plan, Sum
from crmkit.kb._scoring import Scorer, Worth, top
from crmkit.kb._snapshot import Snapshot
from crmkit.kb.query import Filter, Query, Scalar, to_dict
from crmkit.kb.results import Bucket

__all__ = ["Cursor", "Search", "Wish", "facet", "question_of"]


@attrs.frozen
class Cursor:
    """Where a page ended.

    Attributes:
        commit: the state it was made of.
        question: a hash of what was asked.
        score: the last hit's.
        id: the last hit's.
        passed: how many hits came up to there.
    """

    commit: int
    question: str
    score: float
    id: str
    passed: int

    def to_text(self) -> str:
        """As text that needs no quoting anywhere."""
        return urlsafe_b64encode(json.dumps(attrs.astuple(self)).encode()).decode()

    @classmethod
    def from_text(cls, text: str, question: str) -> Self:
        """The cursor of its text.

        Raises:
            InvalidValue: if it is none, or of another question.
        """
        try:
            commit, asked, score, name, passed = json.loads(urlsafe_b64decode(text.encode()))
            made = cls(int(commit), str(asked), float(score), str(name), max(int(passed), 1))
        except (ValueError, TypeError, OverflowError):
            raise InvalidValue("after", text, "is no cursor; give the `next` of an answer") from None
        if made.question != question:
            raise InvalidValue("after", text, "belongs to another question")
        return made


@attrs.frozen
class Wish:
    """What is wanted besides the query.

    Attributes:
        filters: what lets documents through.
        facets: fields to count the values of.
        limit: how many hits.
        buckets: how many values of each facet.
        without: a document that is left out; None: none.
    """

    filters: Sequence[Filter]
    facets: Sequence[str]
    limit: int
    buckets: int
    without: str | None = None


@attrs.frozen(eq=False)
class _Found:
    """What matches in one part.

    Attributes:
        mask: which documents.
        scored: the scores of all documents, if they had to be computed to know.
        scorer: computes them otherwise.
        words: what the words of a plain sum are worth; None for any other plan.
        free: whether everything that the plan matches and that is alive is let through.
    """

    mask: Mask
    scored: Floats | None
    scorer: Scorer
    words: Sequence[Worth] | None
    free: bool

    @cached_property
    def numbers(self) -> Array:
        """The numbers of the documents, rising."""
        return np.flatnonzero(self.mask)

    def scores(self, plan: Plan) -> Floats:
        """The scores of all documents."""
        return self.scorer.matched(plan)[1] if self.scored is None else self.scored


@attrs.frozen(eq=False)
class Search:
    """One search in one state.

    Attributes:
        snapshot: the state.
        plan: what matches.
        wish: what else is wanted.
    """

    snapshot: Snapshot
    plan: Plan
    wish: Wish

    @cached_property
    def _found(self) -> Sequence[_Found]:
        return tuple(self._matched(number) for number in range(len(self.snapshot.parts)))

    def _matched(self, number: int) -> _Found:
        part, wish, plan = self.snapshot.parts[number], self.wish, self.plan
        scores: Floats | None = None
        words: list[Worth] | None = None
        scorer = Scorer(self.snapshot, number)
        if isinstance(plan, Sum) and not plan.need:
            words = scorer.worth(plan)
            through = scorer.any_of(words)
        else:
            through, scores = scorer.matched(plan)
            if part.alive is not None:
                through = through & part.alive
        for filter_ in wish.filters:
            through = through & mask(filter_, part.segment.filters, part.size)
        left_out = -1 if wish.without is None else part.segment.ids.find(wish.without)
        if left_out >= 0:
            through[left_out] = False
        return _Found(through, scores, scorer, words, free=not wish.filters and left_out < 0)

    @property
    def total(self) -> int:
        """How many documents match."""
        return sum(int(np.count_nonzero(found.mask)) for found in self._found)

    def best(self, after: Cursor | None) -> list[tuple[float, str, int, int]]:
        """The best hits and one more, if there is one: score, id, number of the part, number in it."""
        skipped = 0
        if after is not None and after.commit != self.snapshot.manifest.number:
            # Scores have changed. The last hit may have a new one; if it is gone, those before it are counted.
            now = self._score_of(after.id)
            skipped = after.passed - 1 if now is None else 0
            after = None if now is None else attrs.evolve(after, score=now)
        most = self.wish.limit + 1 + skipped
        hits: list[tuple[float, str, int, int]] = []
        for part in range(len(self._found)):
            ids = self.snapshot.parts[part].segment.ids
            least = hits[most - 1][0] if len(hits) >= most else 0.0
            hits += [(score, ids[number], part, number) for score, number in self._best_of(part, after, most, least)]
            hits.sort(key=_rank)
        return hits[skipped:most]

    def _best_of(self, part: int, after: Cursor | None, most: int, least: float) -> list[tuple[float, int]]:
        """The best of a part that come after a cursor; those that score less than so much may be left out."""
        found, plan = self._found[part], self.plan
        if after is None and found.words is not None:
            return found.scorer.best(found.words, found.mask, most, least, free=found.free)
        scores = found.scores(plan)
        rest = found.numbers if after is None else self._rest(part, scores, after)
        return top(rest, scores[rest], most)

    def _score_of(self, name: str) -> float | None:
        """The score of a document; None if it does not match."""
        part, number = self.snapshot.find(name) or (0, -1)
        if number < 0 or not self._found[part].mask[number]:
            return None
        return float(self._found[part].scores(self.plan)[number])

    def _rest(self, part: int, scores: Floats, after: Cursor) -> Array:
        """Those that come after a cursor."""
        ids, numbers = self.snapshot.parts[part].segment.ids, self._found[part].numbers
        place = ids.at_least(after.id)
        passed = place + (place < len(ids) and ids[place] == after.id)
        values = scores[numbers]
        later = (values < after.score) | ((values == after.score) & (numbers >= passed))
        return np.asarray(numbers[later])

    def facets(self) -> dict[str, tuple[Bucket, ...]]:
        """The most frequent values of the fields that were asked for."""
        return {name: facet(self._columns(name), self.wish.buckets) for name in self.wish.facets}

    def _columns(self, name: str) -> Iterator[tuple[FilterColumn, Mask]]:
        for part, found in zip(self.snapshot.parts, self._found, strict=True):
            column = part.segment.filters.get(name)
            if column is not None:
                yield column, found.mask


def facet(columns: Iterable[tuple[FilterColumn, Mask]], most: int) -> tuple[Bucket, ...]:
    """The most frequent values of columns over the documents of masks.

    Args:
        columns: of one field, each with which of its documents count.
        most: how many values.
    """
    counts: Counter[Key] = Counter()
    values: dict[Key, Scalar] = {}
    for column, matched in columns:
        counted = column.counts(matched)
        counts += counted
        values |= {key: column.value(key) for key in counted}
    ranked = sorted(counts.items(), key=_frequent)[:most]
    return tuple(Bucket(values[key], count) for key, count in ranked)


def question_of(query: Query, filters: Sequence[Filter]) -> str:
    """What a cursor remembers a question by."""
    plain = [to_dict(query), *map(to_dict, filters)]
    return sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]


def _rank(hit: tuple[float, str, int, int]) -> tuple[float, str]:
    return -hit[0], hit[1]


def _frequent(counted: tuple[Key, int]) -> tuple[int, Key]:
    return -counted[1], counted[0]
