"""How good forecasts were: scores of chances, and of totals.

A chance is held against what happened, 0 or 1; a total against a number. No score says anything by itself: compare it
with that of a baseline on the same cases.
"""

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable
from crmkit.metrics._checks import Floats, as_flags, confidence, normal_quantile, numbers
from crmkit.metrics.estimators import wilson
from crmkit.values.display import Listed

__all__ = [
    "Bin",
    "Calibration",
    "CalibrationLine",
    "Murphy",
    "brier",
    "brier_censored",
    "calibration",
    "calibration_line",
    "crps",
    "log_loss",
    "murphy",
    "pinball",
    "poisson_binomial",
    "skill_interval",
    "wape",
]


@attrs.frozen
class Murphy(Listed):
    """The parts of a Brier score: score = reliability - resolution + uncertainty + within (Murphy 1973).

    Attributes:
        reliability: how far chances are from what happened, 0 at best.
        resolution: how far the bins differ from the mean, the more the better.
        uncertainty: what the mean rate alone would score.
        within: what is due to chances that differ within a bin (Stephenson, Coelho & Jolliffe 2008); 0 if none do.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float


@attrs.frozen
class Bin:
    """Forecasts of about the same chance.

    Attributes:
        predicted: their mean chance.
        actual: the share that happened.
        low: lower Wilson limit of it.
        high: upper limit.
        n: how many.
    """

    predicted: float
    actual: float
    low: float
    high: float
    n: int


@attrs.frozen
class Calibration(Frameable[Bin]):
    """The reliability table."""

    rows: tuple[Bin, ...]


@attrs.frozen
class CalibrationLine(Listed):
    """Log odds of what happened = intercept + slope x log odds of what was said (Cox 1958).

    Attributes:
        slope: 1 at best; below 1 chances are too extreme, above 1 too cautious.
        slope_low: lower limit.
        slope_high: upper limit.
        intercept: with the slope held at 1: 0 at best; below 0 chances are too high in the mean, above 0 too low.
        intercept_low: lower limit.
        intercept_high: upper limit.
        n: forecasts.
    """

    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    intercept_low: float
    intercept_high: float
    n: int


def brier(chance: npt.ArrayLike, happened: npt.ArrayLike) -> float:
    """The mean squared difference (Brier 1950); NaN without forecasts.

    >>> brier([1.0, 0.5], [True, False])
    0.125
    """
    p, y = _pair(chance, happened)
    return float(np.mean((p - y) ** 2)) if len(p) else float("nan")


def brier_censored(
    chance: npt.ArrayLike, time: npt.ArrayLike, closed: npt.ArrayLike, happened: npt.ArrayLike, horizon: float
) -> float:
    """The Brier score at a horizon although some were not observed for so long (Graf et al. 1999).

    Each that is known counts for as many as were lost from sight before it: it is weighted by one over the Kaplan-Meier
    chance to be still observed. That holds if who is lost from sight does as well as who is not.

    Args:
        chance: to happen within the horizon, shape (n,).
        time: how long each was observed, shape (n,), in the unit of the horizon.
        closed: whether it had ended by then, well or not, shape (n,); otherwise it was censored.
        happened: whether it ended well, shape (n,).
        horizon: what the chances are about.

    Returns:
        The score; NaN where nobody was observed up to the horizon.

    >>> brier_censored([0.5, 0.5, 0.5], [2.0, 5.0, 9.0], [True, False, True], [True, False, True], 6.0)
    0.25
    """
    p, y = _pair(chance, happened)
    t, ended = numbers(time, "time"), as_flags(closed, "closed", len(p))
    if t.shape != p.shape:
        raise InvalidValue("time", f"shape {t.shape}", f"does not fit the chances' {p.shape}")
    # Time order; at equal times what ends goes before what is lost from sight.
    order = np.lexsort((~ended, t))
    at_risk = len(p) - np.arange(len(p))
    seen = np.append(1.0, np.cumprod(np.where(ended[order], 1.0, 1.0 - 1.0 / at_risk)))
    first = np.searchsorted(t[order], np.minimum(t, horizon), "left")
    past_horizon = t > horizon
    # G just before an end; for those that last, G at the horizon.
    first[past_horizon] = np.searchsorted(t[order], horizon, "right")
    known = past_horizon | ended
    if not known.any() or not seen[first[known]].all():
        return float("nan")
    weight = np.divide(1.0, seen[first], out=np.zeros(len(p)), where=known)
    outcome = np.where(past_horizon, 0.0, y)
    return float((weight * (p - outcome) ** 2).sum() / len(p))


def log_loss(chance: npt.ArrayLike, happened: npt.ArrayLike) -> float:
    """The mean of -ln of the chance of what happened; infinite if that was 0, NaN without forecasts."""
    p, y = _pair(chance, happened)
    with np.errstate(divide="ignore"):
        return float(-np.log(np.where(y > 0, p, 1.0 - p)).mean()) if len(p) else float("nan")


def murphy(chance: npt.ArrayLike, happened: npt.ArrayLike, *, bins: int = 10) -> Murphy:
    """Split a Brier score over bins of about equal size.

    Raises:
        InvalidValue: without forecasts, or for columns that do not fit.
    """
    p, y, which = _binned(chance, happened, bins)
    n = np.bincount(which)
    mean_p, mean_y = (np.bincount(which, values) / n for values in (p, y))
    rate = float(y.mean())
    reliability = float((n * (mean_p - mean_y) ** 2).sum() / len(p))
    resolution = float((n * (mean_y - rate) ** 2).sum() / len(p))
    uncertainty = rate * (1.0 - rate)
    within = float(((p - y) ** 2).mean()) - reliability + resolution - uncertainty
    return Murphy(reliability, resolution, uncertainty, within)


def calibration(chance: npt.ArrayLike, happened: npt.ArrayLike, *, bins: int = 10, level: float = 0.95) -> Calibration:
    """Chance against share, in bins of about equal size; equal chances stay together.

    Raises:
        InvalidValue: without forecasts, or for columns that do not fit.
    """
    p, y, which = _binned(chance, happened, bins)
    n = np.bincount(which)
    mean_p, hits = np.bincount(which, p) / n, np.bincount(which, y)
    low, high = wilson(hits, n, level)
    columns = (mean_p, hits / n, low, high, n)
    return Calibration(tuple(Bin(*row) for row in zip(*(column.tolist() for column in columns), strict=True)))


def calibration_line(
    chance: npt.ArrayLike, happened: npt.ArrayLike, *, block: npt.ArrayLike | None = None, level: float = 0.95
) -> CalibrationLine:
    """Slope and intercept of the calibration, by maximum likelihood, with Wald limits.

    Args:
        chance: strictly between 0 and 1, shape (n,).
        happened: shape (n,).
        block: which forecasts belong together (a deal occurs at several cuts), coded from 0: the variance is then that
            of sums of blocks (Liang & Zeger 1986).
        level: the confidence.

    Raises:
        InvalidValue: for chances of 0 or 1, if everything happened, or nothing, or where the chances do not differ or
            part what happened from what did not without error: the slope is then anything.
    """
    p, y = _pair(chance, happened)
    if not len(p) or y.min() == y.max() or (p <= 0.0).any() or (p >= 1.0).any():
        raise InvalidValue(
            "forecasts", len(p), "of which some happened and some not, with chances inside 0..1, are needed"
        )
    well, ill = p[y > 0.0], p[y == 0.0]
    if p.min() == p.max() or well.min() >= ill.max() or ill.min() >= well.max():
        raise InvalidValue("forecasts", len(p), "whose chances do not differ, or make no error, have no slope")
    logit = np.log(p / (1.0 - p))
    blocks = np.arange(len(p)) if block is None else np.asarray(block)
    both, ones = np.column_stack([np.ones(len(p)), logit]), np.ones((len(p), 1))
    line, spread = _logistic(both, y, np.zeros(len(p)), blocks)
    large, error = _logistic(ones, y, logit, blocks)
    z = normal_quantile(level)
    slope, reach, height, room = float(line[1]), z * float(spread[1]), float(large[0]), z * float(error[0])
    return CalibrationLine(slope, slope - reach, slope + reach, height, height - room, height + room, len(p))


def crps(ensemble: npt.ArrayLike, actual: float) -> float:
    """The continuous ranked probability score of m equally likely values (Gneiting & Raftery 2007).

    In the unit of the values; of a single value it is the absolute error.

    >>> crps([1.0, 3.0], 2.0)
    0.5
    """
    x = np.sort(np.asarray(ensemble, np.float64))
    m = len(x)
    if not m:
        raise InvalidValue("ensemble", 0, "values say nothing")
    # mean |x - x'| of sorted values, without the m x m table.
    apart = 2.0 * float(((2.0 * np.arange(m) - m + 1.0) * x).sum()) / m**2
    return float(np.abs(x - actual).mean()) - 0.5 * apart


def wape(predicted: npt.ArrayLike, actual: npt.ArrayLike) -> float:
    """The sum of absolute errors over the sum of what happened; NaN if nothing did."""
    p, y = numbers(predicted, "predicted"), numbers(actual, "actual")
    return float(np.abs(p - y).sum() / y.sum()) if y.sum() > 0 else float("nan")


def pinball(quantile: npt.ArrayLike, actual: npt.ArrayLike, q: float) -> float:
    """The mean pinball loss of forecasts of the quantile q (Koenker & Bassett 1978)."""
    gap = np.asarray(actual, np.float64) - np.asarray(quantile, np.float64)
    return float(np.maximum(confidence(q) * gap, (confidence(q) - 1.0) * gap).mean())


def poisson_binomial(chance: npt.ArrayLike) -> Floats:
    """The distribution of how many of n independent events happen, shape (n + 1,).

    By halving and convolving, without cancellation. Deals of one company are not independent: as the distribution of a
    forecast it is far too narrow, and only its mean may be relied on.

    >>> poisson_binomial([0.5, 0.5]).tolist()
    [0.25, 0.5, 0.25]
    """
    p = numbers(chance, "chance")
    if p.ndim != 1 or (p > 1.0).any():
        raise InvalidValue("chance", f"shape {p.shape}", "is no column of values in 0..1")
    parts = [np.array([1.0 - one, one]) for one in p.tolist()] or [np.ones(1)]
    while len(parts) > 1:
        odd = parts[-1:] if len(parts) % 2 else []
        parts = [np.convolve(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)] + odd
    return parts[0]


def skill_interval(
    ours: npt.ArrayLike, theirs: npt.ArrayLike, block: npt.ArrayLike, *, rng: np.random.Generator,
    level: float = 0.95, draws: int = 1000,
) -> tuple[float, float, float]:  # fmt: skip
    """How much smaller our mean loss is, as a share of theirs, with a paired interval.

    The bootstrap draws whole blocks (a case occurs at several cuts), the same ones for both.

    Args:
        ours: our losses.
        theirs: the baseline's, of the same forecasts.
        block: which forecasts belong together, coded from 0.
        rng: the source of randomness.
        level: the confidence.
        draws: how many.

    Returns:
        The skill and its limits; "better" is a lower limit above 0.
    """
    a, b = numbers(ours, "losses"), numbers(theirs, "losses")
    blocks = np.asarray(block)
    per = np.stack([np.bincount(blocks, values) for values in (a, b)], axis=1)
    per = per[np.bincount(blocks) > 0]
    drawn = np.array([per[rng.integers(len(per), size=len(per))].sum(axis=0) for _ in range(draws)])
    tail = (1.0 - confidence(level)) / 2.0
    low, high = np.quantile(1.0 - drawn[:, 0] / drawn[:, 1], [tail, 1.0 - tail])
    return float(1.0 - a.sum() / b.sum()), float(low), float(high)


def _pair(chance: npt.ArrayLike, happened: npt.ArrayLike) -> tuple[Floats, Floats]:
    p = numbers(chance, "chance")
    if p.ndim != 1 or (p > 1.0).any():
        raise InvalidValue("chance", f"shape {p.shape}", "is no column of values in 0..1")
    return p, as_flags(happened, "happened", len(p)).astype(np.float64)


def _logistic(x: Floats, y: Floats, offset: Floats, block: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Coefficients and their standard errors, robust to dependence within blocks."""
    beta = np.zeros(x.shape[1])
    beta[-1] = float(x.shape[1] > 1)
    # Newton's steps, none longer than 1: the likelihood is concave.
    for _ in range(50):
        score, information = _score(x, y, offset, beta)
        step = np.linalg.solve(information, score.sum(axis=0))
        beta = beta + step / max(1.0, float(np.abs(step).max()))
    score, information = _score(x, y, offset, beta)
    sums = np.column_stack([np.bincount(block, column) for column in score.T])
    inverse = np.linalg.inv(information)
    return beta, np.sqrt(np.diag(inverse @ (sums.T @ sums) @ inverse))


def _score(x: Floats, y: Floats, offset: Floats, beta: Floats) -> tuple[Floats, Floats]:
    p = 1.0 / (1.0 + np.exp(-(x @ beta + offset)))
    return x * (y - p)[:, None], (x * (p * (1.0 - p))[:, None]).T @ x


def _binned(chance: npt.ArrayLike, happened: npt.ArrayLike, bins: int) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    p, y = _pair(chance, happened)
    if not len(p):
        raise InvalidValue("forecasts", 0, "are too few to compare with what happened")
    edges = np.unique(np.quantile(p, np.linspace(0.0, 1.0, bins + 1)[1:-1], method="higher"))
    which = np.searchsorted(edges, p, "left")
    return p, y, np.unique(which, return_inverse=True)[1]
