"""Elapsed times as integer bins, and the quantiles of censored ones from how often each bin occurs."""

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.metrics.metric import Cells, Estimate
from crmkit.metrics.states import exact_sums
from crmkit.metrics.survival import SurvivalCurve, grouped_km

__all__ = ["bin_of", "curves_of", "quantiles_of", "value_of"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Eight leading bits are kept: exact below 256 ticks, and within 1/256 beyond.
_BITS = 8
_HALF = 1 << (_BITS - 1)


def bin_of(ticks: Ints) -> Ints:
    """The bin of whole ticks, of at least 0: their leading eight bits, and how many follow.

    Bins ascend with the ticks. Up to 255 a tick is its own bin; beyond, a bin is at most 1/128 of its ticks wide.
    """
    shift = np.maximum(np.frexp(ticks.astype(np.float64))[1].astype(np.int64) - _BITS, 0)
    return (shift << (_BITS - 1)) + (ticks >> shift)


def value_of(bins: Ints) -> Floats:
    """The middle of the ticks of each bin."""
    shift = np.maximum(bins // _HALF - 1, 0)
    middle: Floats = ((bins - shift * _HALF) << shift) + ((1 << shift) - 1) / 2.0
    return middle


def curves_of(cells: Cells, part: str, end: str) -> tuple[SurvivalCurve, Ints]:
    """Kaplan-Meier curves of all cells, in ticks, and how many stays each rests on.

    Args:
        cells: the cells.
        part: bins of ages, with a key "end".
        end: the end that is asked about; with any other a stay is censored.
    """
    where, counts = cells.entries(part)
    place = counts.dims.index("end")
    wanted = counts.labels[place].index(end) if end in counts.labels[place] else -2
    bins, tick = np.unique(counts.bins, return_inverse=True)
    cell = (where * 2 + (counts.keys[:, place] == wanted)) * len(bins) + tick
    table = exact_sums(cell, counts.n, len(cells) * 2 * len(bins)).reshape(len(cells), 2, len(bins))
    return attrs.evolve(grouped_km(table), time=value_of(bins)), table.sum(axis=(1, 2))


def quantiles_of(cells: Cells, part: str, end: str, q: float, level: float) -> Estimate:
    """By when a share q has ended, in ticks; no data where the curve does not get that far."""
    curve, n = curves_of(cells, part, end)
    found = curve.quantile(q, level, method="log-log")
    return Estimate(
        value=found.value, low=found.low, high=found.high, n=n, n_open=cells.lasting(part),
        method=f"kaplan-meier {q:g} quantile, log-log limits",
    )  # fmt: skip
