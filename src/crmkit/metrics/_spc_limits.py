"""Limits of control charts: what a baseline says is usual, and how far from it points of each size may lie."""

from collections.abc import Callable
from math import exp, lgamma
from typing import Any, Literal, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats

__all__ = [
    "ChartKind",
    "ChartLimits",
    "bounds",
    "c4",
    "distances",
    "enough",
    "fitted",
    "inflation",
    "moving_ranges",
    "placed",
    "range_constants",
]

Mask = npt.NDArray[np.bool_]

#: The charts: individual values (XmR) and their moving range, means of samples and the range or standard deviation
#: within them, shares (p) and numbers (np) of cases, counts (c) and rates (u), cases between rare events (g, by
#: probability or by 3 sigma), exponentially weighted averages, and shares and rates that vary more than chance (Laney).
ChartKind: TypeAlias = Literal[
    "xmr", "moving range", "xbar", "range", "sd", "p", "np", "c", "u", "g", "g-sigma", "ewma", "laney p", "laney u"
]

# The charts whose sigma does not follow from their centre.
_ESTIMATED = ("xmr", "moving range", "xbar", "range", "sd", "ewma")
# The false alarm rate of one 3 sigma limit: 1 - Phi(3).
_TAIL = 0.0013498980316300933


def range_constants(n: int) -> tuple[float, float]:
    """The mean and the standard deviation of the range of n standard normal values: d2 and d3.

    P(range <= w) = n integral of phi(x) (Phi(x + w) - Phi(x))^(n - 1) dx (Tippett 1925), integrated numerically; the
    published tables are its rounding.

    Args:
        n: how many values, at least 2.

    >>> d2, d3 = range_constants(5)
    >>> round(d2, 3), round(d3, 4)
    (2.326, 0.8641)
    """
    from scipy.special import ndtr

    nodes, weights = np.polynomial.legendre.leggauss(120)
    w, step = 9.0 * (nodes + 1.0), 0.05
    x = np.arange(-18.0, 9.0, step)
    density = np.exp(-x * x / 2.0) / (2.0 * np.pi) ** 0.5
    inside = n * step * (density * (ndtr(x + w[:, None]) - ndtr(x)) ** (n - 1)).sum(axis=1)
    beyond = 9.0 * weights * (1.0 - inside)
    mean, square = float(beyond.sum()), float((2.0 * w * beyond).sum())
    return mean, (square - mean * mean) ** 0.5


def c4(n: int) -> float:
    """The mean of the standard deviation of n standard normal values, of which there are at least 2.

    >>> round(c4(5), 4)
    0.94
    """
    return float((2.0 / (n - 1)) ** 0.5) * exp(lgamma(n / 2.0) - lgamma((n - 1) / 2.0))


# d2 of two values has a closed form.
_D2 = 2.0 / np.pi**0.5


@attrs.frozen(kw_only=True)
class ChartLimits:
    """What is usual: made by a baseline, or known. Points of any size get their limits from it.

    Attributes:
        kind: the chart that they are for.
        centre: the mean, the share, the rate, or the mean number of cases between events.
        sigma: the standard deviation of one value, where it is estimated; of shares, counts and rates it follows from
            the centre, and is None.
        inflation: how many times as much as chance values vary (Laney); 1 for other charts.
        n: how many points of the baseline it rests on; 0 if it was not estimated.
    """

    kind: ChartKind
    centre: float
    sigma: float | None = None
    inflation: float = 1.0
    n: int = 0

    def __attrs_post_init__(self) -> None:
        """Refuse what no points can be judged by.

        Raises:
            InvalidValue: for a kind that is none, a centre that points of the kind cannot have, or a sigma that is
                missing where it does not follow from the centre.
        """
        if self.kind not in get_args(ChartKind):
            raise InvalidValue("limits", self.kind, f"is no kind of chart; there are {', '.join(get_args(ChartKind))}")
        if not np.isfinite(self.centre) or (self.kind not in _ESTIMATED and self.centre < 0):
            raise InvalidValue(f"limits of a {self.kind} chart", self.centre, "is no centre of its points")
        if self.kind in ("p", "np", "laney p") and self.centre > 1:
            raise InvalidValue(f"limits of a {self.kind} chart", self.centre, "is no share: its centre is from 0 to 1")
        if self.kind in _ESTIMATED and not (self.sigma is not None and 0 <= self.sigma < np.inf):
            raise InvalidValue(f"limits of a {self.kind} chart", self.sigma, "is no sigma, which it needs")


def moving_ranges(values: Floats) -> Floats:
    """How far each point lies from the one before; NaN for the first, and where one of the two has no data."""
    return np.append(np.nan, np.abs(np.diff(values)))[: len(values)]


def fitted(kind: ChartKind, values: Floats, sizes: Floats, inside: Mask) -> ChartLimits:
    """Limits by a baseline, for charts of one column.

    Args:
        kind: the chart.
        values: the points, shape (n,).
        sizes: what each rests on: cases, exposure; 1 if nothing.
        inside: which points are the baseline.

    Raises:
        InvalidValue: for a baseline that has fewer than two points with data.
    """
    there = inside & ~np.isnan(values)
    n = int(there.sum())
    enough(n)
    if kind in ("xmr", "ewma"):
        ranges = moving_ranges(np.where(inside, values, np.nan))
        _neighbours(ranges, n)
        sigma = float(np.nanmean(ranges)) / _D2
        return ChartLimits(kind=kind, centre=float(values[there].mean()), sigma=sigma, n=n)
    if kind in ("c", "g", "g-sigma"):
        return ChartLimits(kind=kind, centre=float(values[there].mean()), n=n)
    weight = np.ones(n) if kind == "np" else sizes[there]
    centre = float((values[there] * weight).sum() / (sizes[there].sum() if kind == "np" else weight.sum()))
    made = ChartLimits(kind=kind, centre=centre, n=n)
    if not kind.startswith("laney"):
        return made
    _neighbours(moving_ranges(np.where(inside, values, np.nan)), n)
    by = inflation(made, values, sizes, inside)
    # Where nothing varies, nothing varies more than chance.
    return attrs.evolve(made, inflation=1.0 if np.isnan(by) else by)


def _neighbours(ranges: Floats, n: int) -> None:
    if np.isnan(ranges).all():
        reason = "have no two neighbours with data, which tell how much they vary"
        raise InvalidValue("baseline", f"{n} points", reason)


def enough(n: int) -> None:
    """Refuse a baseline that cannot tell what is usual.

    Raises:
        InvalidValue: if it has fewer than two points.
    """
    if n < 2:
        points = "1 point with data" if n else "no point with data"
        raise InvalidValue("baseline", points, "cannot tell what is usual; give two at least, better twenty")


def inflation(limits: ChartLimits, values: Floats, sizes: Floats, inside: Mask) -> float:
    """How many times as much as chance points of a baseline vary from one to the next (Laney 2002); NaN if unknown."""
    centre, sigma = placed(attrs.evolve(limits, inflation=1.0), sizes)
    ranges = moving_ranges(np.where(inside, distances(limits, values, centre, sigma), np.nan))
    return float(np.nanmean(ranges)) / _D2 if (~np.isnan(ranges)).any() else float("nan")


def placed(limits: ChartLimits, sizes: Floats) -> tuple[Floats, Floats]:
    """The centre and the standard deviation of points of these sizes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        centre, sigma = _PLACED[limits.kind](limits, sizes)
    return np.broadcast_to(centre, sizes.shape), np.broadcast_to(sigma, sizes.shape)


def _ranges(limits: ChartLimits, sizes: Floats) -> tuple[Floats, Floats]:
    return _within(limits, sizes, range_constants)


def _deviations(limits: ChartLimits, sizes: Floats) -> tuple[Floats, Floats]:
    return _within(limits, sizes, lambda n: (c4(n), (1.0 - c4(n) ** 2) ** 0.5))


def _within(
    limits: ChartLimits, sizes: Floats, constants: Callable[[int], tuple[float, float]]
) -> tuple[Floats, Floats]:
    """Centre and standard deviation of a spread within samples; NaN for samples of one."""
    made = {n: constants(int(n)) if n > 1 else (np.nan, np.nan) for n in np.unique(sizes).tolist()}
    both = np.array([made[n] for n in sizes.tolist()]).reshape(-1, 2) * (limits.sigma or 0.0)
    return both[:, 0], both[:, 1]


def _geometric(limits: ChartLimits, sizes: Floats) -> tuple[Floats, Floats]:
    """The median; distances are told by probability, and there is no standard deviation."""
    return np.full(sizes.shape, max(0.0, np.ceil(np.log(0.5) / _log_q(limits.centre) - 1.0))), np.ones(sizes.shape)


def _log_q(mean: float) -> float:
    """The log of the chance that the next case is no event, of cases between events with a mean above 0."""
    return float(np.log(mean) - np.log1p(mean)) if mean > 0 else -np.inf


_PLACED: dict[str, Callable[[ChartLimits, Floats], tuple[Any, Any]]] = {
    "xmr": lambda limits, _: (limits.centre, limits.sigma),
    "ewma": lambda limits, _: (limits.centre, limits.sigma),
    "moving range": _ranges,
    "range": _ranges,
    "sd": _deviations,
    "xbar": lambda limits, sizes: (limits.centre, (limits.sigma or 0.0) / np.sqrt(sizes)),
    "p": lambda limits, sizes: (limits.centre, _of_share(limits, sizes)),
    "laney p": lambda limits, sizes: (limits.centre, _of_share(limits, sizes)),
    "np": lambda limits, sizes: (limits.centre * sizes, _of_share(limits, sizes) * sizes),
    "c": lambda limits, _: (limits.centre, limits.centre**0.5),
    "u": lambda limits, sizes: (limits.centre, limits.inflation * np.sqrt(limits.centre / sizes)),
    "laney u": lambda limits, sizes: (limits.centre, limits.inflation * np.sqrt(limits.centre / sizes)),
    "g": _geometric,
    "g-sigma": lambda limits, _: (limits.centre, (limits.centre * (limits.centre + 1.0)) ** 0.5),
}


def _of_share(limits: ChartLimits, sizes: Floats) -> Floats:
    made: Floats = limits.inflation * np.sqrt(limits.centre * (1.0 - limits.centre) / sizes)
    return made


def distances(limits: ChartLimits, values: Floats, centre: Floats, sigma: Floats) -> Floats:
    """How many sigmas points lie from the centre; NaN for none, and where nothing varies."""
    if limits.kind == "g":
        return _by_probability(limits.centre, values, centre)
    off = values - centre
    # What floats make of no distance at all is none.
    off = np.where(np.abs(off) <= 1e-12 * np.maximum(np.abs(values), np.abs(centre)), 0.0, off)
    made: Floats = np.divide(off, sigma, out=np.full(values.shape, np.nan), where=sigma > 0)
    return made


def _by_probability(mean: float, values: Floats, median: Floats) -> Floats:
    """Cases between events as normal distances: how likely so many or more are, or so few or fewer."""
    from scipy.special import ndtri

    with np.errstate(invalid="ignore"):
        more, fewer = -ndtri(np.exp(_log_q(mean) * values)), ndtri(-np.expm1(_log_q(mean) * (values + 1.0)))
    known = np.where(np.isnan(values) | (mean <= 0), np.nan, 0.0)
    return known + np.where(values > median, more, np.where(values < median, fewer, 0.0))


def bounds(limits: ChartLimits, centre: Floats, sigma: Floats, reach: float) -> tuple[Floats, Floats]:
    """The lower and the upper limit of points, held to what they can be; NaN where nothing varies.

    Args:
        limits: what is usual.
        centre: the centre of each point.
        sigma: its standard deviation.
        reach: how many of them a limit lies away.
    """
    if limits.kind == "g":
        log_q = _log_q(limits.centre)
        low, high = np.ceil(np.log1p(-_TAIL) / log_q - 1.0), np.floor(np.log(_TAIL) / log_q)
        ends = (max(0.0, low), high) if limits.centre > 0 else (np.nan, np.nan)
        return np.full(centre.shape, ends[0]), np.full(centre.shape, ends[1])
    away = np.where(sigma > 0, reach * sigma, np.nan)
    low, high = centre - away, centre + away
    if limits.kind not in ("xmr", "xbar", "ewma"):
        low = np.maximum(low, 0.0)
    if limits.kind in ("p", "laney p"):
        high = np.minimum(high, 1.0)
    return low, high
