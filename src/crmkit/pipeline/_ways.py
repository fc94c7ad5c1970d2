"""The ways that cases took, counted part by part: what is held for each case is one duration and one number.

A run of stages is a number: as many stages as a word has room for are its digits, words are numbered as they turn up,
and so are pairs of numbers, until one number is left. Two runs are equal if and only if their numbers are: the table of
numbers compares keys, not hashes.
"""

from collections.abc import Iterator
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.pipeline._trails import DAY_US, Bools, Codes, Floats, Longs, Trails

# Two numbers are a word.
_BITS = 31
_BLOCK = 1 << 14
# So many ways at a time are put into words.
_BATCH = 1 << 10
# The fraction of the golden ratio: neighbours are spread over the whole table (Knuth, TAOCP 3, 6.4).
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_LEAST = 1 << 10


@attrs.frozen(eq=False)
class Ways:
    """The ways of a journal, each shown by one case that took it; no order is promised.

    Attributes:
        trails: the stays.
        n: how many cases took it, shape (w,).
        median: days that they lasted, shape (w,).
        first: the place of the first stay of the case, shape (w,).
        sizes: how many stays that has, shape (w,).
        tail: the stage that it went to in which it has no stay, else -1, shape (w,).
    """

    trails: Trails
    n: Longs
    median: Floats
    first: Longs
    sizes: Longs
    tail: Codes

    @classmethod
    def of(cls, trails: Trails, closed: Bools) -> Self:
        """The ways that cases took.

        Args:
            trails: the stays.
            closed: which stages are closed, shape (stages,).
        """
        base = len(trails.stages) + 1
        numbers, power = _Numbers(), _powers(base)
        # A case has a code of its own, or none; what is not written takes no memory.
        room = min(trails.size, len(trails.journal.cases.values) + 1)
        label, lasted = np.empty(room, np.int32), np.empty(room, np.int64)
        n, first, sizes = np.zeros((3, 0), np.int64)
        done = 0
        for begin, part in trails.parts(_BLOCK):
            found = _labels(part, numbers, power)
            rows = slice(done, done := done + len(found))
            label[rows], lasted[rows] = found, part.lasted(closed)
            n, first, sizes = (
                np.append(of, np.zeros(numbers.size + 1 - len(of), np.int64)) for of in (n, first, sizes)
            )
            n += np.bincount(found, minlength=len(n))
            first[found], sizes[found] = begin + part.starts, part.sizes
        taken = np.flatnonzero(n)
        median = _medians(label[:done], lasted[:done], n)[taken]
        first, sizes = first[taken], sizes[taken]
        return cls(trails, n[taken], median, first, sizes, trails.pick(trails.journal.next, first + sizes - 1))

    @property
    def final(self) -> Codes:
        """The stage each ends in, shape (w,)."""
        stage = self.trails.pick(self.trails.journal.stages.codes, self.first + self.sizes - 1)
        return np.where(self.tail >= 0, self.tail, stage)

    def order(self) -> Longs:
        """The ways in order: the most frequent first, then by the names of their stages."""
        names = self.trails.stages
        # Texts of bytes are compared sooner than tuples of names.
        ranks = np.argsort(np.argsort(np.array(names, object))).astype(">u4" if len(names) > 1 << 8 else "u1")
        keys = [codes.tobytes() for ways in self._batches(np.arange(len(self.n))) for codes in self._runs(ways, ranks)]
        by_stages = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
        order: Longs = by_stages[np.argsort(-self.n[by_stages], kind="stable")]
        return order

    def stages(self, ways: Longs) -> Iterator[tuple[str, ...]]:
        """The names of the stages of each of some ways."""
        names = np.array(self.trails.stages, object)
        for batch in self._batches(ways):
            for run in self._runs(batch, names):
                yield tuple(run.tolist())

    def _batches(self, ways: Longs) -> Iterator[Longs]:
        yield from (ways[begin : begin + _BATCH] for begin in range(0, len(ways), _BATCH))

    def _runs(self, ways: Longs, meaning: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
        tail = self.tail[ways]
        sizes = self.sizes[ways] + (tail >= 0)
        stops = np.cumsum(sizes)
        place = np.arange(int(sizes.sum())) + np.repeat(self.first[ways] - (stops - sizes), sizes)
        codes = self.trails.pick(self.trails.journal.stages.codes, np.minimum(place, self.trails.size - 1))
        codes[(stops - 1)[tail >= 0]] = tail[tail >= 0]
        said = meaning[codes]
        yield from (said[begin:stop] for begin, stop in zip((stops - sizes).tolist(), stops.tolist(), strict=True))


@attrs.define(eq=False)
class _Numbers:
    """Keys numbered from 1 as they turn up; keys are not negative.

    A hash table with open addressing, of which all keys of a part are looked up at once.
    """

    size: int = 0
    _keys: Longs = attrs.field(factory=lambda: np.full(_LEAST, -1, np.int64))
    _found: Codes = attrs.field(factory=lambda: np.zeros(_LEAST, np.int32))

    def of(self, keys: Longs) -> Codes:
        """The numbers of some keys."""
        if 2 * (self.size + len(keys)) > len(self._keys):
            self._grow(2 * (self.size + len(keys)))
        found: Codes = self._found[self._slots(keys)]
        return found

    def _slots(self, keys: Longs) -> Longs:
        shift = np.uint64(64 - (len(self._keys).bit_length() - 1))
        slot = (keys.view(np.uint64) * _SPREAD >> shift).view(np.int64)
        waiting = np.arange(len(keys))
        while len(waiting):
            at, key = slot[waiting], keys[waiting]
            free = self._keys[at] < 0
            if free.any():
                # Of several keys that want one place one gets it.
                self._keys[at[free]] = key[free]
                new = np.unique(at[free])
                self._found[new] = np.arange(self.size + 1, self.size + 1 + len(new))
                self.size += len(new)
            waiting = waiting[self._keys[at] != key]
            slot[waiting] = slot[waiting] + 1 & len(self._keys) - 1
        return slot

    def _grow(self, room: int) -> None:
        used = np.flatnonzero(self._keys >= 0)
        keys, found, size = self._keys[used], self._found[used], self.size
        self._keys = np.full(1 << (room - 1).bit_length(), -1, np.int64)
        self._found = np.zeros(len(self._keys), np.int32)
        self._found[self._slots(keys)] = found
        self.size = size


def _powers(base: int) -> Longs:
    digits = 1
    while base ** (digits + 1) <= 1 << _BITS:
        digits += 1
    return base ** np.arange(digits)


def _labels(part: Trails, numbers: _Numbers, power: Longs) -> Codes:
    """The number of the run of each case of a part."""
    stage, first, sizes, tail = part.stage, part.starts, part.sizes, part.tail
    if (tail >= 0).any():
        went = np.flatnonzero(tail >= 0)
        stage = np.insert(stage, first[went] + sizes[went], tail[went])
        sizes = sizes + (tail >= 0)
        first = np.cumsum(sizes) - sizes
    # 0 stands for nothing.
    digit, words = np.arange(len(stage)) - np.repeat(first, sizes), -(-sizes // len(power))
    if int(sizes.max()) > len(power):
        digit %= len(power)
        first = np.flatnonzero(digit == 0)
    word = np.add.reduceat((stage + np.int64(1)) * power[digit], first)
    return _folded(numbers, numbers.of(word), words)


def _folded(numbers: _Numbers, number: Codes, sizes: Longs) -> Codes:
    """One number for the numbers of each case, two by two: how they are paired hangs on how many they are alone."""
    starts = np.cumsum(sizes) - sizes
    case = np.arange(len(sizes))
    label: Codes = number[starts]
    while int(sizes.max()) > 1:
        long = np.flatnonzero(sizes > 1)
        case, starts, sizes, pairs = case[long], starts[long], sizes[long], sizes[long] + 1 >> 1
        begins = np.cumsum(pairs) - pairs
        left = 2 * np.arange(int(pairs.sum())) + np.repeat(starts - 2 * begins, pairs)
        alone = left + 1 == np.repeat(starts + sizes, pairs)
        right = np.where(alone, 0, number.take(left + 1, mode="clip"))
        number = numbers.of(number[left].astype(np.int64) << _BITS | right)
        starts, sizes = begins, pairs
        label[case] = number[starts]
    return label


def _medians(label: Codes, lasted: Longs, n: Longs) -> Floats:
    """The median of each label in days, 0 where it has no case; the order of `lasted` is lost."""
    least = int(lasted.min(initial=0))
    spread = (int(lasted.max(initial=0)) - least).bit_length()
    if spread + len(n).bit_length() > 63:
        lasted = lasted[np.lexsort((lasted, label))] - least
        spread = 63
    else:
        # Sorting one packed integer in place costs a tenth of an argsort, and no memory.
        for begin in range(0, len(label), _BLOCK):
            rows = slice(begin, begin + _BLOCK)
            lasted[rows] += (label[rows].astype(np.int64) << spread) - least
        lasted.sort()
    place = np.cumsum(n) - n + np.maximum(n - 1, 0) / 2
    low, high = (
        (lasted.take(edge(place).astype(np.int64), mode="clip") & (1 << spread) - 1) + least
        for edge in (np.floor, np.ceil)
    )
    middle: Floats = (low + (high - low) / 2) / DAY_US
    return middle
