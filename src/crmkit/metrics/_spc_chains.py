"""How long a chart runs before it cries wolf: Markov chains (Brook & Evans 1972) for sums and averages that remember.

All of them are one question. A statistic moves by steps that are independent and alike, is held at 0 from below, and
the run ends when it passes a limit. On a grid of m values the expected run length is the solution of (I - Q) L = 1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from crmkit.metrics._checks import Floats

__all__ = ["cusum_run_length", "ewma_run_length", "risk_adjusted_run_length", "two_sided"]

_CELLS = 200


def cusum_run_length(k: float, h: float, *, shift: float = 0.0, head_start: float = 0.0) -> float:
    """The average run length of a one-sided tabular CUSUM of standard normal points (Brook & Evans 1972).

    Args:
        k: the reference value, in sigmas.
        h: the limit, in sigmas.
        shift: how far the mean has moved in the direction of the CUSUM, in sigmas.
        head_start: where it begins, in sigmas.
    """
    from scipy.special import ndtr

    # The error of a grid of m cells falls with its square: two grids tell where it goes.
    coarse, fine = (
        _cusum_on(cells, h, head_start, lambda x: np.asarray(ndtr(x + k - shift), np.float64))
        for cells in (_CELLS, 2 * _CELLS)
    )
    return _refined(coarse, fine)


def _refined(coarse: float, fine: float) -> float:
    return fine + (fine - coarse) / 3.0 if np.isfinite(coarse) and np.isfinite(fine) else np.inf


def _cusum_on(cells: int, h: float, head_start: float, cdf: Callable[[Any], Floats]) -> float:
    width = 2.0 * h / (2 * cells - 1)
    offsets = np.arange(-(cells - 1), cells + 1)
    below = cdf((offsets - 0.5) * width)
    below[0] = 0.0
    kernel = np.diff(below).astype(np.float64)
    return _held(kernel, head_start / width)


def _held(kernel: Floats, start: float) -> float:
    """The expected run of a walk held at 0 on a grid.

    Args:
        kernel: the probability of each step, shape (2m - 1,): from -(m - 1), which holds all below it, to m - 1.
        start: where it begins, in steps of the grid.
    """
    m = (len(kernel) + 1) // 2
    q = kernel[m - 1 + np.arange(m)[None, :] - np.arange(m)[:, None]]
    q[:, 0] = np.cumsum(kernel)[m - 1 - np.arange(m)]
    found = _solved(q)
    return float(np.interp(start, np.arange(m), found)) if np.isfinite(found).all() else np.inf


def _solved(q: Floats) -> Floats:
    """The expected number of steps until a chain with these transitions among its lasting states ends."""
    away = np.eye(len(q)) - q
    try:
        found = np.linalg.solve(away, np.ones(len(q)))
    except np.linalg.LinAlgError:
        return np.full(len(q), np.inf)
    # A chain that ends less than once in 10^12 steps ends never, as far as floats can tell.
    return np.where((found > 0) & (found < 1e12), found, np.inf)


def two_sided(up: tuple[float, float], down: tuple[float, float]) -> float:
    """The run length of two one-sided CUSUMs run together.

    Each is given as its run length from 0 and from its head start: 1 / (1 / up + 1 / down) without one (Van Dobben de
    Bruyn 1968), (up_s down + down_s up - up down) / (up + down) with one (Lucas & Crosier 1982).
    """
    (zero_up, head_up), (zero_down, head_down) = up, down
    if np.isinf(zero_up) or np.isinf(zero_down):
        return min(head_up, head_down)
    return (head_up * zero_down + head_down * zero_up - zero_up * zero_down) / (zero_up + zero_down)


def ewma_run_length(weight: float, reach: float, *, shift: float = 0.0, varying: bool = False) -> float:
    """The average run length of an EWMA of standard normal points (Lucas & Saccucci 1990).

    Args:
        weight: the weight of the newest point, lambda.
        reach: the distance of the limits in sigmas of the average, L.
        shift: how far the mean has moved, in sigmas.
        varying: whether the limits begin narrow, as the average does, or are those that they come to.
    """
    coarse, fine = (_ewma_on(cells, weight, reach, shift, varying=varying) for cells in (_CELLS // 2, _CELLS))
    return _refined(coarse, fine)


def _ewma_on(cells: int, weight: float, reach: float, shift: float, *, varying: bool) -> float:
    limit = reach * (weight / (2.0 - weight)) ** 0.5
    lasting = _solved(_averaging(cells, (limit, limit), weight, shift))
    if not np.isfinite(lasting).all():
        return np.inf
    if not varying:
        return 1.0 + float(_averaging(cells, (0.0, limit), weight, shift)[cells] @ lasting)
    # From here on the limits do not move by more than a part in 10^8.
    steps = 1 + int(np.ceil(-9.0 / np.log10((1.0 - weight) ** 2))) if weight < 1.0 else 1
    limits = limit * np.sqrt(1.0 - (1.0 - weight) ** (2.0 * np.arange(steps + 1)))
    for before, after in zip(limits[-2::-1], limits[:0:-1], strict=True):
        lasting = 1.0 + _averaging(cells, (before, after), weight, shift) @ lasting
    return float(lasting[cells])


def _averaging(cells: int, limits: tuple[float, float], weight: float, shift: float) -> Floats:
    """Transitions of the average from 2 cells + 1 cells within one limit to as many within the next."""
    from scipy.special import ndtr

    places = np.arange(-cells, cells + 1)
    widths = [2.0 * limit / (2 * cells + 1) for limit in limits]
    edges = np.append(places - 0.5, cells + 0.5) * widths[1]
    made: Floats = np.diff(ndtr((edges - (1.0 - weight) * (places * widths[0])[:, None]) / weight - shift), axis=1)
    return made


def risk_adjusted_run_length(expected: Floats, log_odds: float, limit: float, *, shift: float = 0.0) -> float:
    """The average run length of one side of a risk-adjusted CUSUM whose cases come as these did (Steiner et al. 2000).

    Args:
        expected: the probabilities of the cases, shape (n,).
        log_odds: the logarithm of the odds ratio that it looks for.
        limit: the limit.
        shift: how far the log odds of all cases have moved.
    """
    from scipy.special import expit, logit

    cells = 2 * _CELLS
    base = np.log1p(expected * np.expm1(log_odds))
    steps = np.concatenate([log_odds - base, -base]) / (limit / cells)
    happens = expit(logit(expected) + shift)
    chance = np.concatenate([happens, 1.0 - happens]) / len(expected)
    # A step between two places of the grid is shared by both, so that the mean stays.
    floor = np.floor(steps)
    kernel = np.zeros(2 * cells + 1)
    for place, part in ((floor, chance * (floor + 1.0 - steps)), (floor + 1.0, chance * (steps - floor))):
        np.add.at(kernel, np.clip(place, -cells, cells).astype(np.int64) + cells, part)
    # The last place passes the limit.
    return _held(kernel[1:-1] + np.append(kernel[0], np.zeros(2 * cells - 2)), 0.0)
