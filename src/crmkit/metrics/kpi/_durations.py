"""Elapsed times as integer bins, and the quantiles of censored ones from how often each bin occurs."""

from itertools import pairwise
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.metrics._blocks import Whole
from crmkit.metrics.metric import Cells, Estimate
from crmkit.metrics.states import exact_sums
from crmkit.metrics.survival import SurvivalCurve, grouped_km

__all__ = ["bin_of", "curves_of", "quantiles_of", "value_of"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Eight leading bits are kept: exact below 256 ticks, and within 1/256 beyond.
_BITS = 8
_BLOCK = 1 << 10
_HALF = 1 << (_BITS - 1)
# Bits of the mantissa and bias of the exponent of floats, and what those of 32 bits hold exactly.
_SINGLE, _DOUBLE, _EXACT = (23, 127), (52, 1023), 1 << 24
_CACHED = 1 << 14


def bin_of(ticks: Ints) -> npt.NDArray[np.int32]:
    """The bin of whole ticks, of at least 0: their leading eight bits, and how many follow.

    Bins ascend with the ticks. Up to 255 a tick is its own bin; beyond, a bin is at most 1/128 of its ticks wide.
    """
    bins = np.empty(len(ticks), np.int32)
    # Numpy is four times as fast with an array of one number than with the number.
    narrow, wide = _Room.of(np.int32, np.float32, _SINGLE), _Room.of(np.int64, np.float64, _DOUBLE)
    for start in range(0, len(ticks), _CACHED):
        block = ticks[start : start + _CACHED]
        (narrow if int(block.max()) < _EXACT else wide).fill(block, bins[start : start + _CACHED])
    return bins


@attrs.frozen(eq=False)
class _Room:
    """Room for a block: its ticks, as floats and clipped; and how many bits of a float follow the leading ones."""

    whole: npt.NDArray[Any]
    floats: npt.NDArray[Any]
    small: npt.NDArray[Any]
    half: npt.NDArray[Any]
    shift: int
    first: int

    @classmethod
    def of(cls, whole: type[Any], floating: type[Any], layout: tuple[int, int]) -> "_Room":
        mantissa, bias = layout
        ticks, floats, small = (np.empty(_CACHED, kind) for kind in (whole, floating, whole))
        # The exponent of a float is counted from the bias; the first bin of two ticks, of 256, is 2 x 128.
        half, first = np.full(_CACHED, _HALF - 1, whole), (bias + _BITS - 2) * _HALF
        return cls(ticks, floats, small, half, mantissa - _BITS + 1, first)

    def fill(self, block: Ints, bins: npt.NDArray[np.int32]) -> None:
        size = slice(len(block))
        ticks, floats = self.whole[size], self.floats[size]
        ticks[:] = block
        floats[:] = ticks
        # The exponent of a float and its leading bits, side by side, are the bin from the tick 128 on.
        leading = floats.view(self.whole.dtype)
        leading >>= self.shift
        leading -= self.first
        np.minimum(ticks, self.half[size], out=self.small[size])
        np.maximum(leading, self.small[size], out=bins, casting="same_kind")


def value_of(bins: Whole) -> Floats:
    """The middle of the ticks of each bin."""
    # Of 31 bits are the bins, not the ticks.
    shift = np.maximum(bins.astype(np.int64) // _HALF - 1, 0)
    middle: Floats = ((bins - shift * _HALF) << shift) + ((1 << shift) - 1) / 2.0
    return middle


def curves_of(cells: Cells, part: str, end: str) -> SurvivalCurve:
    """Kaplan-Meier curves of all cells, in ticks.

    Args:
        cells: the cells.
        part: bins of ages, with a key "end".
        end: the end that is asked about; with any other a stay is censored.
    """
    return _curves(*_stays(cells, part, end), len(cells))


def quantiles_of(cells: Cells, part: str, end: str, q: float, level: float) -> Estimate:
    """By when a share q has ended, in ticks; no data where the curve does not get that far."""
    stays = _stays(cells, part, end)
    n = exact_sums(stays[0], stays[3], len(cells))
    made = np.full((3, len(cells)), np.nan)
    # Cells of about as many counters as stay in the cache: a table of all would be cells x bins, nearly all 0.
    edges = np.searchsorted(stays[0], np.arange(len(cells) + 1))
    for first, last in pairwise(_blocks(edges, _BLOCK)):
        inside = slice(edges[first], edges[last])
        where, ended, bins, counted = (column[inside] for column in stays)
        if len(where):
            found = _curves(where - first, ended, bins, counted, last - first).quantile(q, level, method="log-log")
            made[:, first:last] = found.value, found.low, found.high
    return Estimate(
        value=made[0], low=made[1], high=made[2], n=n, n_open=cells.lasting(part),
        method=f"kaplan-meier {q:g} quantile, log-log limits",
    )  # fmt: skip


def _stays(cells: Cells, part: str, end: str) -> tuple[Ints, Ints, Ints, Ints]:
    """The cell of each counter, whether it is of the end, its bin, and how often it occurs; in the order of cells."""
    where, counts = cells.entries(part)
    ends = counts.column("end").recode((end,)).codes
    order = np.argsort(where, kind="stable")
    return where[order], (ends[order] == 0).astype(np.int64), counts.bins[order], counts.n[order]


def _curves(where: Ints, ended: Ints, bins: Ints, n: Ints, size: int) -> SurvivalCurve:
    kinds, tick = np.unique(bins, return_inverse=True)
    table = exact_sums((where * 2 + ended) * len(kinds) + tick, n, size * 2 * len(kinds))
    return attrs.evolve(grouped_km(table.reshape(size, 2, len(kinds))), time=value_of(kinds))


def _blocks(edges: Ints, most: int) -> list[int]:
    """Where to part cells, so that none has more counters than that beside its first cell."""
    parts = np.searchsorted(edges, np.arange(0, int(edges[-1]) + most, most), "right") - 1
    return sorted({0, *parts.tolist(), len(edges) - 1})
