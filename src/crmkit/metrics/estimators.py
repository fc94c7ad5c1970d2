"""Intervals for proportions, rates and quantiles, and the false discovery rate.

Every function takes numbers or arrays that broadcast, and gives floats for numbers and arrays for arrays.
"No data" is no error: the interval is then everything that is possible.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats, as_given, confidence, normal_quantile, numbers

__all__ = [
    "benjamini_hochberg",
    "clopper_pearson",
    "garwood",
    "midp_binomial",
    "newcombe",
    "poisson_funnel_limits",
    "quantile",
    "quantile_interval",
    "rate_ratio",
    "wilson",
]

_EPS = float(np.finfo(np.float64).eps)
# m = fixed + share * q in Hyndman & Fan's position n * q + m, for each kind.
_SHIFT = {
    1: (0.0, 0.0),
    2: (0.0, 0.0),
    3: (-0.5, 0.0),
    4: (0.0, 0.0),
    5: (0.5, 0.0),
    6: (0.0, 1.0),
    7: (1.0, -1.0),
    8: (1.0 / 3.0, 1.0 / 3.0),
    9: (0.375, 0.25),
}


def wilson(x: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95) -> tuple[Any, Any]:
    """Score interval of a proportion, without continuity correction (Wilson 1927; method 3 in Newcombe 1998a).

    The default for rates: its mean coverage is near nominal even for small n, and it never leaves 0..1.

    Args:
        x: successes; need not be whole (effective counts).
        n: trials; 0 gives (0, 1).
        level: confidence.

    Returns:
        Lower and upper limit.

    Raises:
        InvalidValue: unless 0 <= x <= n.

    >>> low, high = wilson(81, 263)
    >>> round(low, 4), round(high, 4)
    (0.2553, 0.3662)
    """
    x_, n_ = _successes(x, n)
    low, high = _wilson(x_, n_, normal_quantile(level))
    return as_given(low), as_given(high)


def clopper_pearson(x: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95) -> tuple[Any, Any]:
    """Exact interval of a proportion (Clopper & Pearson 1934): coverage at least `level`, so wider than Wilson's.

    Args:
        x: successes; a value between whole numbers uses the beta continuation.
        n: trials; 0 gives (0, 1).
        level: confidence.

    Returns:
        Lower and upper limit.

    Raises:
        InvalidValue: unless 0 <= x <= n.
    """
    x_, n_ = _successes(x, n)
    low, high = _clopper_pearson(x_, n_, 1.0 - confidence(level))
    return as_given(low), as_given(high)


def newcombe(
    x1: npt.ArrayLike, n1: npt.ArrayLike, x2: npt.ArrayLike, n2: npt.ArrayLike, *, level: float = 0.95
) -> tuple[Any, Any]:
    """Interval of the difference of two independent proportions, x1/n1 - x2/n2 (Newcombe 1998b, method 10).

    Args:
        x1: successes of the first sample.
        n1: trials of the first sample.
        x2: successes of the second sample.
        n2: trials of the second sample; a sample without trials gives (-1, 1).
        level: confidence.

    Returns:
        Lower and upper limit.

    Raises:
        InvalidValue: unless 0 <= x <= n in both samples.

    >>> low, high = newcombe(56, 70, 48, 80)
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)
    """
    z = normal_quantile(level)
    first, second = _successes(x1, n1), _successes(x2, n2)
    p1, p2 = _share(*first), _share(*second)
    (low1, high1), (low2, high2) = _wilson(*first, z), _wilson(*second, z)
    difference = p1 - p2
    low = difference - np.hypot(p1 - low1, high2 - p2)
    high = difference + np.hypot(high1 - p1, p2 - low2)
    empty = (first[1] == 0) | (second[1] == 0)
    return as_given(np.where(empty, -1.0, low)), as_given(np.where(empty, 1.0, high))


def garwood(count: npt.ArrayLike, exposure: npt.ArrayLike = 1.0, *, level: float = 0.95) -> tuple[Any, Any]:
    """Exact interval of a Poisson rate, count / exposure (Garwood 1936).

    Args:
        count: events; need not be whole.
        exposure: person-days, orders, accounts at risk ...; 0 is allowed where the count is 0, and gives (0, inf).
        level: confidence.

    Returns:
        Lower and upper limit, in events per unit of exposure.

    Raises:
        InvalidValue: for a negative value, or events without exposure.

    >>> low, high = garwood(4)
    >>> round(low, 6), round(high, 6)
    (1.089865, 10.241589)
    """
    count_, exposure_ = _events(count, exposure)
    low, high = _poisson(count_, 1.0 - confidence(level))
    with np.errstate(divide="ignore", invalid="ignore"):
        return as_given(np.where(count_ > 0, low / exposure_, 0.0)), as_given(high / exposure_)


def rate_ratio(
    k1: npt.ArrayLike, e1: npt.ArrayLike, k2: npt.ArrayLike, e2: npt.ArrayLike, *, level: float = 0.95
) -> tuple[Any, Any]:
    """Exact interval of the ratio of two Poisson rates, (k1/e1) / (k2/e2).

    Given k1 + k2, k1 is binomial, and the limits are those of Clopper and Pearson (Przyborowski & Wilenski 1940).

    Args:
        k1: events of the first group.
        e1: its exposure.
        k2: events of the second group.
        e2: its exposure.
        level: confidence.

    Returns:
        Lower and upper limit; (0, inf) where both counts or one exposure are 0.

    Raises:
        InvalidValue: for a negative value, or events without exposure.
    """
    (k1_, e1_), (k2_, e2_) = _events(k1, e1), _events(k2, e2)
    low, high = _clopper_pearson(k1_ + 0.0 * k2_, k1_ + k2_, 1.0 - confidence(level))
    unknown = (k1_ + k2_ == 0) | (e1_ == 0) | (e2_ == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = e2_ / e1_
        low, high = scale * low / (1.0 - low), scale * high / (1.0 - high)
    return as_given(np.where(unknown, 0.0, low)), as_given(np.where(unknown, np.inf, high))


def poisson_funnel_limits(expected: npt.ArrayLike, level: float = 0.95) -> tuple[Any, Any]:
    """Control limits of observed / expected around 1 in a funnel plot (Spiegelhalter 2005, exact gamma limits).

    Args:
        expected: expected events per unit; 0 gives (0, inf).
        level: the share of in-control units inside, usually 0.95 and 0.998.

    Returns:
        Lower and upper limit of the ratio observed / expected.

    Raises:
        InvalidValue: for a negative expectation.
    """
    expected_ = numbers(expected, "expected events")
    low, high = _poisson(expected_, 1.0 - confidence(level))
    with np.errstate(divide="ignore", invalid="ignore"):
        return as_given(np.where(expected_ > 0, low / expected_, 0.0)), as_given(high / expected_)


def benjamini_hochberg(p: npt.ArrayLike) -> Floats:
    """Adjusted p values (Benjamini & Hochberg 1995): flag those at most q, and a share q of the flags is false.

    Args:
        p: p values of any shape; NaN is a test that was not made, and does not count among the tests.

    Returns:
        The adjusted values in the order and shape of the input; NaN stays NaN.

    Raises:
        InvalidValue: for a value outside 0..1.

    >>> benjamini_hochberg([0.01, float("nan"), 0.03, 0.5]).tolist()
    [0.03, nan, 0.045, 0.5]
    """
    given = np.asarray(p, dtype=np.float64)
    known = ~np.isnan(given)
    values = given[known]
    if ((values < 0.0) | (values > 1.0)).any():
        raise InvalidValue("p value", float(values[(values < 0.0) | (values > 1.0)][0]), "is outside 0..1")
    order = np.argsort(-values, kind="stable")
    ranks = np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum.accumulate(np.minimum(values[order] * (values.size / ranks), 1.0))
    result = np.full(given.shape, np.nan)
    result[known] = adjusted
    return result


def quantile_interval(n: npt.ArrayLike, q: npt.ArrayLike, level: float = 0.95) -> tuple[Any, Any, Any]:
    """The order statistics that enclose a quantile of a continuous distribution, whatever its shape.

    Each tail has probability (1 - level) / 2 at most (Conover 1999, section 3.2).

    Args:
        n: sample size.
        q: the quantile, between 0 and 1.
        level: confidence.

    Returns:
        Lower rank, upper rank, coverage. Ranks count from 1 in the sorted sample; rank 0 stands for minus infinity
        and rank n + 1 for plus infinity, where the sample is too small for a limit.

    Raises:
        InvalidValue: for a size that is no whole number, or a quantile outside 0..1.

    >>> low, high, coverage = quantile_interval(100, 0.5)
    >>> low, high, round(coverage, 4)
    (40, 61, 0.9648)
    """
    from scipy.special import bdtr

    size, at = np.broadcast_arrays(numbers(n, "sample size"), numbers(q, "quantile"))
    if (size != np.floor(size)).any():
        raise InvalidValue("sample size", n, "is no whole number")
    if (at > 1.0).any():
        raise InvalidValue("quantile", q, "is outside 0..1")
    tail = (1.0 - confidence(level)) / 2.0
    # The largest k with P(B <= k) <= tail is the lower rank - 1; the upper rank mirrors it at 1 - q.
    low = _largest_below(tail, size, at) + 1
    high = size.astype(np.int64) - _largest_below(tail, size, 1.0 - at)
    coverage = _at_most(bdtr, high - 1, size, at) - _at_most(bdtr, low - 1, size, at)
    return as_given(low), as_given(high), as_given(coverage)


def midp_binomial(x: npt.ArrayLike, n: npt.ArrayLike, p: npt.ArrayLike) -> tuple[Any, Any]:
    """Both one-sided mid-p values of a binomial count (Lancaster 1961).

    Counts between whole numbers, as an effective sample size gives them, use the incomplete beta functions
    P(X >= x) = I_p(x, n - x + 1) and P(X > x) = I_p(x + 1, n - x), which equal the binomial tails at whole numbers.

    Args:
        x: successes.
        n: trials; 0 gives NaN, for nothing was tested.
        p: the probability of a success under the hypothesis.

    Returns:
        P(X < x) + P(X = x)/2 (small when x is low) and P(X > x) + P(X = x)/2 (small when x is high).

    Raises:
        InvalidValue: unless 0 <= x <= n and 0 <= p <= 1.
    """
    from scipy.special import betainc

    x_, n_, p_ = np.broadcast_arrays(*_successes(x, n), numbers(p, "probability"))
    if (p_ > 1.0).any():
        raise InvalidValue("probability", float(p_[p_ > 1.0][0]), "is outside 0..1")
    rest = n_ - x_
    with np.errstate(invalid="ignore"):
        at_least = np.where(x_ == 0, 1.0, betainc(x_, rest + 1.0, p_))
        above = np.where(rest == 0, 0.0, betainc(x_ + 1.0, rest, p_))
    high = np.where(n_ == 0, np.nan, (at_least + above) / 2.0)
    return as_given(1.0 - high), as_given(high)


def quantile(x: npt.ArrayLike, q: npt.ArrayLike, kind: int = 7) -> Any:
    """Sample quantiles, by any of the nine definitions of Hyndman & Fan (1996).

    Args:
        x: the sample, one column.
        q: one or more quantiles in 0..1.
        kind: 1..9; 7 is the default of R and of spreadsheets, 8 is nearly median-unbiased.

    Returns:
        Float for one quantile, array for several.

    Raises:
        InvalidValue: for an empty sample, a NaN, a quantile outside 0..1 or another kind.

    >>> quantile(range(1, 11), 0.25)
    3.25
    """
    sample = np.sort(np.asarray(x, dtype=np.float64))
    if sample.ndim != 1 or sample.size == 0 or np.isnan(sample).any():
        raise InvalidValue("sample", f"shape {sample.shape}", "is empty, is no column, or has a NaN")
    at = numbers(q, "quantile")
    if (at > 1.0).any():
        raise InvalidValue("quantile", q, "is outside 0..1")
    below, weight = _place(at, sample.size, kind)
    left = sample[np.clip(below - 1, 0, sample.size - 1)]
    right = sample[np.clip(below, 0, sample.size - 1)]
    return as_given(np.asarray(np.where(weight == 0.0, left, left + weight * (right - left))))


def _place(at: Floats, n: int, kind: int) -> tuple[npt.NDArray[np.int64], Floats]:
    if kind not in _SHIFT:
        raise InvalidValue("quantile kind", kind, "is none of 1..9")
    fixed, share = _SHIFT[kind]
    position = n * at + (fixed + share * at)
    # n * q may miss a whole number by rounding only, and must not jump to the next order statistic for it.
    slack = 4.0 * _EPS * np.maximum(1.0, position)
    below = np.floor(position + slack)
    part = position - below
    part = np.where(np.abs(part) <= slack, 0.0, part)
    if kind <= 3:
        on_step = np.where(below % 2 == 0, 0.0, 1.0) if kind == 3 else np.full_like(part, 0.5 * (kind == 2))
        part = np.where(part == 0.0, on_step, 1.0)
    return below.astype(np.int64), part


def _successes(x: npt.ArrayLike, n: npt.ArrayLike) -> tuple[Floats, Floats]:
    x_, n_ = np.broadcast_arrays(numbers(x, "successes"), numbers(n, "trials"))
    # An estimated share times an effective size may exceed that size by rounding.
    over = x_ > n_ * (1.0 + 1e-9)
    if over.any():
        raise InvalidValue("successes", float(x_[over][0]), f"exceed the {n_[over][0]:g} trials")
    return np.minimum(x_, n_), n_


def _events(count: npt.ArrayLike, exposure: npt.ArrayLike) -> tuple[Floats, Floats]:
    count_, exposure_ = np.broadcast_arrays(numbers(count, "events"), numbers(exposure, "exposure"))
    if ((count_ > 0) & (exposure_ == 0)).any():
        raise InvalidValue("exposure", 0.0, "has events; a rate needs an exposure above 0")
    return count_, exposure_


def _share(x: Floats, n: Floats) -> Floats:
    return np.divide(x, n, out=np.zeros_like(n), where=n > 0)


def _wilson(x: Floats, n: Floats, z: float) -> tuple[Floats, Floats]:
    spread = z * np.sqrt(z * z + 4.0 * x * (1.0 - _share(x, n)))
    low = (2.0 * x + z * z - spread) / (2.0 * (n + z * z))
    high = (2.0 * x + z * z + spread) / (2.0 * (n + z * z))
    return np.where(x == 0, 0.0, low), np.where(x == n, 1.0, high)


def _clopper_pearson(x: Floats, n: Floats, alpha: float) -> tuple[Floats, Floats]:
    from scipy.special import betaincinv

    # The beta functions have no value at a parameter of 0, where the limits are exact: 1 keeps the call legal.
    low = betaincinv(np.where(x == 0, 1.0, x), n - x + 1.0, alpha / 2.0)
    high = betaincinv(x + 1.0, np.where(x == n, 1.0, n - x), 1.0 - alpha / 2.0)
    return np.where(x == 0, 0.0, low), np.where(x == n, 1.0, high)


def _poisson(count: Floats, alpha: float) -> tuple[Floats, Floats]:
    from scipy.special import gammaincinv

    low = np.asarray(gammaincinv(np.where(count == 0, 1.0, count), alpha / 2.0), np.float64)
    high = np.asarray(gammaincinv(count + 1.0, 1.0 - alpha / 2.0), np.float64)
    return np.where(count == 0, 0.0, low), high


def _largest_below(tail: float, n: Floats, p: Floats) -> npt.NDArray[np.int64]:
    from scipy.special import bdtr, bdtrik

    with np.errstate(all="ignore"):
        guess = bdtrik(tail, n, p)
    low = np.floor(np.where(np.isfinite(guess), guess, -1.0)).astype(np.int64)
    # The inverse is continuous and may be off by rounding: settle it on the whole numbers.
    for _ in range(2):
        low = np.where((low >= 0) & (_at_most(bdtr, low, n, p) > tail), low - 1, low)
        low = np.where(_at_most(bdtr, low + 1, n, p) <= tail, low + 1, low)
    return low


def _at_most(bdtr: Any, k: npt.NDArray[np.int64], n: Floats, p: Floats) -> Floats:
    inside = (k >= 0) & (k < n)
    exact = bdtr(np.where(inside, k, 0).astype(np.float64), n.astype(np.int64), p)
    return np.where(inside, exact, np.where(k < 0, 0.0, 1.0))
