"""Elapsed times as integer bins, and the quantiles of censored ones from how often each bin occurs."""

from itertools import pairwise

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
_MANTISSA = 52
# The exponent of a float is counted from 1023; the first bin of two ticks, of 256, is 2 x 128.
_FIRST = (1023 + _BITS - 2) * _HALF
_CACHED = 1 << 14


def bin_of(ticks: Ints) -> npt.NDArray[np.int32]:
    """The bin of whole ticks, of at least 0: their leading eight bits, and how many follow.

    Bins ascend with the ticks. Up to 255 a tick is its own bin; beyond, a bin is at most 1/128 of its ticks wide.
    """
    bins = np.empty(len(ticks), np.int32)
    room = np.empty(_CACHED), np.empty(_CACHED, np.int64)
    for start in range(0, len(ticks), _CACHED):
        block = ticks[start : start + _CACHED]
        floats, small = (part[: len(block)] for part in room)
        floats[:] = block
        # The exponent of a float and its leading bits, side by side, are the bin from the tick 128 on.
        leading = floats.view(np.int64)
        leading >>= _MANTISSA - _BITS + 1
        leading -= _FIRST
        np.minimum(block, _HALF - 1, out=small)
        np.maximum(leading, small, out=bins[start : start + _CACHED], casting="same_kind")
    return bins


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
