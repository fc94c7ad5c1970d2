"""Resampling that adds up: each unit draws its own weights from its name, so that parts of the data draw alike."""

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded
from crmkit.metrics._checks import Floats, Longs
from crmkit.metrics.metric import Cells, Part
from crmkit.metrics.states import Counts

__all__ = ["REPLICATES", "resampled", "spread_of"]

#: How often is resampled.
REPLICATES = 200

_NAMES = tuple(str(number) for number in range(REPLICATES))
# Poisson probabilities up to 17 events: the rest is below 2^-53.
_POISSON = np.cumsum(np.exp(-1.0 - np.cumsum(np.log(np.maximum(np.arange(18.0), 1.0)))))


def resampled(part: Part, units: Coded, name: str) -> Part:
    """A part with every row in each of `REPLICATES` resamples as often as its unit was drawn (Poisson bootstrap).

    Drawing each unit Poisson(1) times is the bootstrap for large samples, and needs no count of the units
    (Chamandy, Muralidharan, Najmi & Naidu 2012). The draw depends on the text of the unit alone.

    Args:
        part: the rows.
        units: what is drawn: the invoice or the ticket of each row.
        name: of the new part; it has the further key "replicate".
    """
    row, replicate = np.nonzero(draws := _draws(units.values)[units.codes])
    times = draws[row, replicate].astype(np.int64)
    keys = {key: column[row] for key, column in part.keys.items()}
    return Part(
        name=name,
        table=part.table,
        rows=np.asarray(part.rows)[row],
        period=part.period[row],
        bins=None if part.bins is None else part.bins[row],
        weights=times if part.weights is None else part.weights[row] * times,
        keys={**keys, "replicate": Coded(replicate.astype(np.int32), _NAMES)},
        shown=False,
    )


def spread_of(
    cells: Cells, part: str, statistic: Callable[[Counts, Longs], Floats], level: float
) -> tuple[Floats, Floats]:
    """The percentile interval of a statistic over the resamples, cell by cell.

    Args:
        cells: the cells.
        part: what `resampled` gave.
        statistic: from the counters of a cell, and the replicate of each, to one value a replicate; NaN is "never".
        level: the confidence.

    Returns:
        Lower and upper limits, NaN where they are beyond what was observed.
    """
    low, high = np.full((2, len(cells)), np.nan)
    where, counts = cells.entries(part)
    place = counts.dims.index("replicate")
    number = np.array([int(text) for text in counts.labels[place]], np.int64)
    for cell in np.unique(where).tolist():
        inside = np.flatnonzero(where == cell)
        own = Counts(counts.dims, counts.labels, counts.keys[inside], counts.bins[inside], counts.n[inside])
        values = np.sort(np.nan_to_num(statistic(own, number[own.keys[:, place]]), nan=np.inf))
        tail = int((1.0 - level) / 2.0 * REPLICATES)
        low[cell], high[cell] = values[tail], values[REPLICATES - 1 - tail]
    return np.where(np.isinf(low), np.nan, low), np.where(np.isinf(high), np.nan, high)


def _draws(values: tuple[str, ...]) -> npt.NDArray[np.int8]:
    """How often each unit is drawn in each replicate, shape (units, REPLICATES)."""
    seeds = [int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") for text in values]
    with np.errstate(over="ignore"):
        step = np.uint64(0x9E3779B97F4A7C15)
        mixed = np.array(seeds, np.uint64)[:, None] + step * np.arange(1, REPLICATES + 1, dtype=np.uint64)
        # The finaliser of SplitMix64 (Steele, Lea & Flood 2014).
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    uniform = (mixed >> np.uint64(11)) * 2.0**-53
    drawn: npt.NDArray[np.int8] = np.searchsorted(_POISSON, uniform, side="right").astype(np.int8)
    return drawn
