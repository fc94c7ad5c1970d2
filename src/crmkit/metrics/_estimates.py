"""Estimates of many cells at once, from whole numbers."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded
from crmkit.metrics.estimators import garwood, wilson
from crmkit.metrics.metric import Cells, Estimate
from crmkit.values import Currency

__all__ = ["counts_of", "money_of", "mover", "none", "rates_of", "shares_of"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Limits: TypeAlias = tuple[Floats, Floats, Floats]


def none(size: int) -> Floats:
    """No data, or no limit."""
    return np.full(size, np.nan)


def counts_of(n: Ints, level: float, *, rests_on: Ints | None = None) -> Estimate:
    """A count with the exact Poisson interval of what it might have been (Garwood 1936)."""
    low, high = garwood(n, level=level)
    return Estimate(
        value=n.astype(np.float64), low=low, high=high, n=n if rests_on is None else rests_on, exact=n,
        method="count, garwood",
    )  # fmt: skip


def rates_of(n: Ints, exposure: Floats, level: float) -> Estimate:
    """Events by exposure, with Garwood's interval; no data without exposure."""
    known = exposure > 0
    held = np.where(known, exposure, 1.0)
    low, high = garwood(np.where(known, n, 0), held, level=level)
    value = np.where(known, n / held, np.nan)
    return Estimate(
        value=value, low=np.where(known, low, np.nan), high=np.where(known, high, np.nan), n=n, method="rate, garwood"
    )


def shares_of(x: Ints, n: Ints, level: float, *, n_open: Ints | None = None) -> Estimate:
    """A proportion with Wilson's interval; no data without trials."""
    known = n > 0
    low, high = wilson(x, n, level)
    value = np.where(known, x / np.maximum(n, 1), np.nan)
    return Estimate(
        value=value, low=np.where(known, low, np.nan), high=np.where(known, high, np.nan), n=n, n_open=n_open,
        method="proportion, wilson",
    )  # fmt: skip


def money_of(cells: Cells, part: str, n: Ints, method: str = "exact sum") -> Estimate:
    """An exact sum of minor units in each cell's currency; it has no sampling error, and so no interval."""
    minor = cells.sum(part)
    return Estimate(
        value=major(cells, minor), low=none(len(cells)), high=none(len(cells)), n=n, exact=minor, method=method
    )


def major(cells: Cells, minor: Ints | Floats) -> Floats:
    """Minor units as a number of the currency of each cell, for charts and comparisons; sums stay in minor units."""
    place = cells.dims.index("currency")
    digits = np.array([*(Currency(code).digits for code in cells.labels[place]), 2])
    return minor / 10.0 ** digits[Coded(cells.keys[:, place].astype(np.int32), ()).codes]


def mover(one: Limits, base: Limits) -> tuple[Floats, Floats]:
    """Limits of the difference of two estimates, from the limits of each (MOVER: Zou & Donner 2008).

    For proportions with Wilson's limits this is Newcombe's method 10.

    Args:
        one: value, lower and upper limit.
        base: what is taken away from it; likewise.
    """
    value, low, high = one
    other, other_low, other_high = base
    lower = value - other - np.hypot(value - low, other_high - other)
    upper = value - other + np.hypot(high - value, other - other_low)
    return lower, upper
