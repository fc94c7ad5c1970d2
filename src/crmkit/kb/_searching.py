"""One search in one state: the plan run over the parts, the best of them, facets, and the way to the next page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Self

import attrs
import numpy as np

from crmkit.errors import InvalidValue
from crmkit.kb._filters import FilterColumn, Key, Mask, mask
from crmkit.kb._impacts import Floats
from crmkit.kb._packing import Array
from crmkit.kb._plan import Plan, Sum
from crmkit.kb._scoring import All, Ranked, Scorer, Worth
from crmkit.kb._snapshot import Snapshot
from crmkit.kb.query import Filter, Query, Scalar
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
        plain = f"{self.commit} {self.question} {self.score!r} {self.passed} {self.id}"
        return urlsafe_b64encode(plain.encode("utf-8", "surrogatepass")).decode()

    @classmethod
    def from_text(cls, text: str, question: str) -> Self:
        """The cursor of its text.

        Raises:
            InvalidValue: if it is none, or of another question.
        """
        try:
            plain = urlsafe_b64decode(text.encode()).decode("utf-8", "surrogatepass")
            commit, asked, score, passed, name = plain.split(" ", 4)
            made = cls(int(commit), asked, float(score), name, max(int(passed), 1))
        except (ValueError, AttributeError):
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
    """What matches.

    Attributes:
        mask: which documents.
        scored: the scores of all documents, if they had to be computed to know.
    """

    mask: Mask
    scored: Floats | None


@attrs.frozen(eq=False)
class Search:
    """One search in one state.

    Attributes:
        snapshot: the state.
        plan: what matches.
        wish: what else is wanted.
        words: what the words of a plain sum are worth; None for any other plan.
        all: all that match, where that is little; None: it is much, or filters have to be asked.
    """

    snapshot: Snapshot
    plan: Plan
    wish: Wish
    words: Sequence[Worth] | None
    all: All | None

    @classmethod
    def of(cls, snapshot: Snapshot, plan: Plan, wish: Wish) -> Self:
        """The search for what a plan and a wish say."""
        if not isinstance(plan, Sum) or plan.need:
            return cls(snapshot, plan, wish, None, None)
        scorer = Scorer(snapshot)
        words = scorer.worth(plan)
        free = not wish.filters and wish.without is None
        return cls(snapshot, plan, wish, words, scorer.all_of(words) if free else None)

    @property
    def _scorer(self) -> Scorer:
        return Scorer(self.snapshot)

    @cached_property
    def _left_out(self) -> int:
        return -1 if self.wish.without is None else self.snapshot.find(self.wish.without)

    @cached_property
    def _found(self) -> _Found:
        plan, alive = self.plan, self.snapshot.alive
        scores: Floats | None = None
        if self.words is not None:
            through = self._scorer.any_of(self.words)
        else:
            through, scores = self._scorer.matched(plan)
            if alive is not None:
                through = through & alive
        for filter_ in self.wish.filters:
            through = through & np.concatenate([
                np.empty(0, np.bool_), *(mask(filter_, part.segment.filters, part.size) for part in self.snapshot.parts)
            ])  # fmt: skip
        if self._left_out >= 0:
            through[self._left_out] = False
        return _Found(through, scores)

    @cached_property
    def _scores(self) -> Floats:
        """The scores of all documents."""
        scored = self._found.scored
        return self._scorer.matched(self.plan)[1] if scored is None else scored

    @property
    def total(self) -> int:
        """How many documents match."""
        return self.all[2] if self.all is not None else int(np.count_nonzero(self._found.mask))

    def best(self, after: Cursor | None) -> list[Ranked]:
        """The best hits and one more, if there is one."""
        skipped = 0
        if after is not None and after.commit != self.snapshot.manifest.number:
            # Scores have changed. The last hit may have a new one; if it is gone, those before it are counted.
            now = self._score_of(after.id)
            skipped = after.passed - 1 if now is None else 0
            after = None if now is None else attrs.evolve(after, score=now)
        most = self.wish.limit + 1 + skipped
        if after is None and self.words is not None:
            return self._of_words(self.words, most)[skipped:]
        found = self._found
        numbers = np.flatnonzero(found.mask)
        rest = numbers if after is None else self._rest(numbers, after)
        return self._scorer.top(rest, self._scores[rest], most)[skipped:]

    def _of_words(self, words: Sequence[Worth], most: int) -> list[Ranked]:
        if self.all is not None:
            return self._scorer.best_of(words, most, self.all)
        free = not self.wish.filters and self._left_out < 0
        return self._scorer.best(words, most, None if free else self._found.mask)

    def _score_of(self, name: str) -> float | None:
        """The score of a document; None if it does not match."""
        number = self.snapshot.find(name)
        return float(self._scores[number]) if number >= 0 and self._found.mask[number] else None

    def _rest(self, numbers: Array, after: Cursor) -> Array:
        """Those that come after a cursor."""
        scores = self._scores[numbers]
        later = scores < after.score
        tied = np.flatnonzero(scores == after.score)
        for part, low, high in self.snapshot.runs():
            ids = part.segment.ids
            place = ids.at_least(after.id)
            passed = low + place + (place < len(ids) and ids[place] == after.id)
            begin, end = numbers[tied].searchsorted([passed, high])
            later[tied[begin:end]] = True
        return np.asarray(numbers[later])

    def facets(self) -> dict[str, tuple[Bucket, ...]]:
        """The most frequent values of the fields that were asked for."""
        return {name: facet(self._columns(name), self.wish.buckets) for name in self.wish.facets}

    def _columns(self, name: str) -> Iterator[tuple[FilterColumn, Mask]]:
        for part, low, high in self.snapshot.runs():
            column = part.segment.filters.get(name)
            if column is not None:
                yield column, self._found.mask[low:high]


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
    # They are values: what says the same is the same.
    return blake2b(repr((query, filters)).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _frequent(counted: tuple[Key, int]) -> tuple[int, Key]:
    return -counted[1], counted[0]
