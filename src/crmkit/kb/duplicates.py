"""Near-duplicates: texts that are copies of each other but for some words.

    >>> library = Shingles.of({
    ...     "a": "We answer every complaint within two working days.",
    ...     "b": "We answer every complaint within five working days.",
    ...     "c": "Spare parts are kept for ten years.",
    ... })
    >>> library.pairs()
    (Pair(first='a', second='b', similarity=0.5555555555555556),)

A text is the set of its shingles: so many terms in a row (Broder 1997). Two texts are as similar as the share of their
shingles that they have in common (Jaccard). Every pair above a threshold is found and none below it: candidates come
from the rarest shingles of each text, of which two similar ones must share one (Chaudhuri, Ganti and Kaushik 2006), and
each is verified exactly. No chance is involved, as it would be with MinHash, and nothing is missed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations, product
from math import ceil
from typing import Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.kb._shingling import Encoder
from crmkit.kb.text import Analyzer

__all__ = ["Match", "Pair", "Shingles"]

Ints = npt.NDArray[np.int64]

# Quotients that are equal on paper must not differ because of rounding.
_EPSILON = 1e-9


@attrs.frozen
class Match:
    """A text that is similar to the one asked about.

    Attributes:
        id: whose.
        similarity: from 0 to 1.
    """

    id: str
    similarity: float


@attrs.frozen
class Pair:
    """Two texts that are similar.

    Attributes:
        first: the id that was given first.
        second: the other one.
        similarity: from 0 to 1.
    """

    first: str
    second: str
    similarity: float


@attrs.frozen(eq=False, slots=False)
class Shingles:
    """Texts as sets of shingles, made by `of`.

    Attributes:
        ids: of the texts, as they were given.
        members: for each distinct set, which texts have it; a text without any term is in none.
        sets: for each distinct set, its shingles by number, the rarest first.
    """

    ids: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]
    sets: tuple[Ints, ...]
    _encoder: Encoder = attrs.field(repr=False)

    @classmethod
    def of(cls, texts: Mapping[str, str], *, size: int = 2, analyzer: Analyzer | None = None) -> Self:
        """Cut texts into shingles.

        Args:
            texts: by id.
            size: how many terms (words or unspaced characters) a shingle has; shorter texts are one shingle. Where a
                fifth of the words of a text is gone, half of its pairs are left, but a third of its triples.
            analyzer: how texts become terms; sounds do not count.

        Raises:
            InvalidValue: if `size` is below 1.
        """
        if size < 1:
            raise InvalidValue("size", size, "is below 1")
        encoder, coded = Encoder.of(texts.values(), size, analyzer or Analyzer())
        members: dict[bytes, list[int]] = {}
        for number, one in enumerate(coded):
            if len(one):
                members.setdefault(one.tobytes(), []).append(number)
        sets = tuple(np.frombuffer(key, np.int64) for key in members)
        return cls(tuple(texts), tuple(map(tuple, members.values())), sets, encoder)

    def near(self, text: str, *, at_least: float = 0.5) -> tuple[Match, ...]:
        """The texts that are similar to another one, the most similar first: to be asked before that one is added.

        Args:
            text: it need not be among them; if it is, it finds itself.
            at_least: the similarity wanted, above 0 and at most 1.

        Raises:
            InvalidValue: if `at_least` is not.
        """
        _check(at_least)
        own, unknown = self._encoder.encode(text)
        found = [
            Match(self.ids[member], shared / (len(own) + unknown + len(other) - shared))
            for members, other, shared in zip(self.members, self.sets, self._shared(own), strict=True)
            if shared and shared + _EPSILON >= at_least * (len(own) + unknown + len(other) - shared)
            for member in members
        ]
        return tuple(sorted(found, key=lambda match: -match.similarity))

    def pairs(self, *, at_least: float = 0.5) -> tuple[Pair, ...]:
        """Every two texts that are similar, the most similar first.

        Args:
            at_least: the similarity wanted, above 0 and at most 1.

        Raises:
            InvalidValue: if `at_least` is not.
        """
        _check(at_least)
        found = [(two, 1.0) for members in self.members for two in combinations(members, 2)]
        for one, other, similarity in self._similar(at_least):
            found += [(two, similarity) for two in product(self.members[one], self.members[other])]
        ordered = sorted((-similarity, min(two), max(two)) for two, similarity in found)
        return tuple(Pair(self.ids[first], self.ids[second], -score) for score, first, second in ordered)

    def groups(self, *, at_least: float = 0.5) -> tuple[tuple[str, ...], ...]:
        """Texts that hang together by similar pairs, the largest groups first; texts without a pair are in none.

        Two of a group need not be similar, if there is a chain of pairs between them.

        Args:
            at_least: the similarity wanted, above 0 and at most 1.

        Raises:
            InvalidValue: if `at_least` is not.
        """
        _check(at_least)
        root = list(range(len(self.sets)))

        def top(one: int) -> int:
            while root[one] != one:
                root[one] = root[root[one]]
                one = root[one]
            return one

        for one, other, _ in self._similar(at_least):
            root[top(one)] = top(other)
        joined: dict[int, list[int]] = {}
        for number, members in enumerate(self.members):
            joined.setdefault(top(number), []).extend(members)
        ordered = sorted((sorted(group) for group in joined.values()), key=lambda group: (-len(group), group))
        return tuple(tuple(self.ids[member] for member in group) for group in ordered if len(group) > 1)

    def _shared(self, own: Ints) -> list[int]:
        """How many shingles each set has in common with another one."""
        shingles, owner = self._postings
        starts, ends = (np.searchsorted(shingles, own, side) for side in ("left", "right"))
        hits = [owner[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        counts: list[int] = np.bincount(np.concatenate([*hits, owner[:0]]), minlength=len(self.sets)).tolist()
        return counts

    @cached_property
    def _postings(self) -> tuple[Ints, Ints]:
        """Every shingle of every set in order, and whose it is."""
        return _owned(self.sets)

    def _similar(self, at_least: float) -> Iterator[tuple[int, int, float]]:
        """Every two distinct sets that are similar."""
        for one, other in self._candidates(at_least):
            first, second = self.sets[one], self.sets[other]
            shared = len(np.intersect1d(first, second, assume_unique=True))
            union = len(first) + len(second) - shared
            if shared + _EPSILON >= at_least * union:
                yield one, other, shared / union

    def _candidates(self, at_least: float) -> Iterable[tuple[int, int]]:
        """Every two sets that share one of their rarest shingles.

        If n of the shingles of a set must be shared, one of any len - n + 1 of them is, whichever these are.
        """
        heads = [one[: len(one) - ceil(at_least * len(one) - _EPSILON) + 1] for one in self.sets]
        return _together(*_owned(heads))


def _owned(sets: Sequence[Ints]) -> tuple[Ints, Ints]:
    shingles = np.concatenate([*sets, np.empty(0, np.int64)])
    owner = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    order = np.argsort(shingles, kind="stable")
    return shingles[order], owner[order]


def _together(shingles: Ints, owner: Ints) -> Iterable[tuple[int, int]]:
    """Every two owners of one shingle, once; shingles are sorted, and owners within each."""
    count = int(owner.max(initial=0)) + 1
    keys = np.empty(0, np.int64)
    left = np.arange(len(shingles))
    step = 1
    while len(left):
        left = left[left + step < len(shingles)]
        left = left[shingles[left] == shingles[left + step]]
        keys = np.union1d(keys, owner[left] * count + owner[left + step])
        step += 1
    return zip((keys // count).tolist(), (keys % count).tolist(), strict=True)


def _check(at_least: float) -> None:
    if not 0 < at_least <= 1:
        raise InvalidValue("at_least", at_least, "is not above 0 and at most 1")
