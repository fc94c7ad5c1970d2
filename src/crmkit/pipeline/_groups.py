"""Durations by group: sizes, means and quantiles, without putting them in order.

Sorting all is most of the work of taking quantiles, and needless: durations are counted into bins, the bins that hold
the wanted ranks are looked up, and only what lies in these is sorted. The figures are exact.
"""

from collections.abc import Sequence
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

DAY_US = 86_400_000_000
# Counters of bins stay in the cache, and are at most so many.
_CELLS = 1 << 18
_BLOCK = 1 << 16
# Of the range of durations, and of every so many of them, it is told where bins begin that hold about equally many.
_FINE_BITS, _EACH = 16, 16


@attrs.frozen(eq=False)
class Groups:
    """Figures of durations by group.

    Attributes:
        keys: the groups that have any, ascending, shape (g,).
        sizes: how many durations it has, shape (g,).
        mean: days, shape (g,).
        quantiles: days, shape (quantiles, g); linear between neighbours (type 7 of Hyndman & Fan 1996).
    """

    keys: Longs
    sizes: Longs
    mean: Floats
    quantiles: Floats

    @classmethod
    def of(cls, group: npt.NDArray[Any], micros: Longs, quantiles: Sequence[float]) -> Self:
        """Group durations in microseconds by codes; those of a code below 0 do not count.

        Args:
            group: integers, shape (n,).
            micros: shape (n,).
            quantiles: shares from 0, the least, to 1, the most.
        """
        codes: Longs | None = None
        if int(group.max(initial=-1)) >= max(_CELLS, len(group)):
            codes, group = np.unique(group, return_inverse=True)
            group = np.where(codes[group] < 0, -1, group)
        bins = _Bins.of(group, micros)
        sizes = bins.counts.reshape(bins.groups + 1, -1).sum(axis=1)
        sizes[0] = 0
        keys = np.flatnonzero(sizes)
        sizes = sizes[keys]
        before = np.append(0, bins.through)[keys << bins.bits]
        place = np.asarray(quantiles)[:, None] * (sizes - 1)
        below = np.floor(place).astype(np.int64)
        low, high = bins.ranked(np.stack([before + below, before + np.minimum(below + 1, sizes - 1)]))
        figures = (low + (place - below) * (high - low)) / DAY_US
        mean = _sums(group, micros, bins.groups)[keys] / sizes / DAY_US
        return cls(keys - 1 if codes is None else codes[keys - 1], sizes, mean, figures)


@attrs.frozen(eq=False)
class _Bins:
    """Durations counted by group and bin.

    Attributes:
        key: of each duration its group plus 1, and behind it its bin.
        micros: the durations.
        groups: how many groups there are.
        bits: how many bits a bin takes.
        counts: durations by key.
        through: durations of that key or a lesser one.
    """

    key: npt.NDArray[Any]
    micros: Longs
    groups: int
    bits: int
    counts: Longs
    through: Longs

    @classmethod
    def of(cls, group: npt.NDArray[Any], micros: Longs) -> Self:
        """Count durations."""
        groups = int(group.max(initial=-1)) + 1
        bits = max(0, (_CELLS // (groups + 1)).bit_length() - 1)
        least = int(micros.min(initial=0))
        fine = max(0, (int(micros.max(initial=0)) - least).bit_length() - _FINE_BITS)
        coarse = _even(micros[::_EACH] - least >> fine, bits)
        key = np.empty(len(group), np.int32)
        cells = groups + 1 << bits
        counts = np.zeros(cells, np.int64)
        block = max(_BLOCK, 4 * cells)
        for begin in range(0, len(group), block):
            rows = slice(begin, begin + block)
            part = micros[rows] - least
            part >>= fine
            key[rows] = (group[rows] + 1).astype(np.int32) << bits
            key[rows] += coarse.take(part, mode="clip")
            counts += np.bincount(key[rows], minlength=cells)
        return cls(key, micros, groups, bits, counts, np.cumsum(counts))

    def ranked(self, rank: Longs) -> Longs:
        """The durations of some ranks, which count all durations from 0, first by group, then by length."""
        cell = np.searchsorted(self.through, rank, "right")
        wanted = np.zeros(len(self.counts), np.bool_)
        wanted[cell] = True
        rows = np.flatnonzero(wanted.take(self.key, mode="clip"))
        chosen = np.flatnonzero(wanted)
        starts = np.cumsum(self.counts[chosen]) - self.counts[chosen]
        place = rank - (self.through[cell] - self.counts[cell]) + starts[np.searchsorted(chosen, cell)]
        found: Longs = self._sorted(rows)[place]
        return found

    def _sorted(self, rows: Longs) -> Longs:
        """Some durations, by key and then by length."""
        key, micros = self.key[rows], self.micros[rows]
        least = int(micros.min(initial=0))
        spread = (int(micros.max(initial=0)) - least).bit_length()
        if spread + len(self.counts).bit_length() > 63:
            return micros[np.lexsort((micros, key))]
        # Sorting one packed integer costs a tenth of an argsort.
        packed = key.astype(np.int64) << spread
        packed += micros
        packed -= least
        packed.sort()
        packed &= (1 << spread) - 1
        packed += least
        return packed


def _even(fine: Longs, bits: int) -> npt.NDArray[np.int32]:
    """For each part of the range a bin, ascending, so that all bins hold about equally many of a sample."""
    through = np.cumsum(np.bincount(fine, minlength=1 << _FINE_BITS))
    before = np.append(0, through[:-1])
    # Beyond the longest of the sample it is the last bin still.
    coarse: Longs = np.minimum((before << bits) // max(1, len(fine)), (1 << bits) - 1)
    return coarse.astype(np.int32)


def _sums(group: npt.NDArray[Any], micros: Longs, groups: int) -> Floats:
    """The sum of each group, behind that of what counts in none, shape (groups + 1,).

    In floats: the sum of so many microseconds may not fit into 64 bits.
    """
    total = np.zeros(groups + 1)
    block = max(_BLOCK, 4 * groups)
    for begin in range(0, len(group), block):
        rows = slice(begin, begin + block)
        total += np.bincount(group[rows] + 1, micros[rows], groups + 1)
    return total
