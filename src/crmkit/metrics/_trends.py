"""Does a share, or a rate, rise or fall over periods? The score tests for a trend."""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats, numbers
from crmkit.values.display import Listed

__all__ = ["TrendTest", "cochran_armitage", "poisson_trend"]


@attrs.frozen
class TrendTest(Listed):
    """A test for a trend.

    Attributes:
        z: standard normal if there is no trend; above 0 if it rises. NaN where nothing could be compared.
        p: two-sided; NaN likewise.
        n: what it rests on: trials, or events.
    """

    z: float
    p: float
    n: int


def cochran_armitage(x: npt.ArrayLike, n: npt.ArrayLike, scores: Sequence[float] | None = None) -> TrendTest:
    """The test for a linear trend in proportions (Cochran 1954, Armitage 1955).

    z = sum s (x - n p) / sqrt(p (1 - p) (sum n s^2 - (sum n s)^2 / N)), with p pooled. R's prop.trend.test is z^2.

    Args:
        x: successes by period.
        n: trials by period.
        scores: where the periods lie; 0, 1, 2 ... if None.

    Raises:
        InvalidValue: for columns that do not fit together.

    >>> test = cochran_armitage([83, 90, 129, 70], [86, 93, 136, 82])
    >>> round(test.z**2, 4), round(test.p, 6)
    (8.2249, 0.004132)
    """
    x_, n_ = numbers(x, "successes"), numbers(n, "trials")
    s = _scores(x_, n_, scores)
    if (x_ > n_).any():
        raise InvalidValue("successes", float(x_[x_ > n_][0]), "exceed the trials")
    whole = n_.sum()
    p = x_.sum() / whole if whole else 0.0
    spread = (n_ * s * s).sum() - (n_ * s).sum() ** 2 / whole if whole else 0.0
    return _tested(float((s * (x_ - n_ * p)).sum()), float(p * (1 - p) * spread), int(whole))


def poisson_trend(count: npt.ArrayLike, exposure: npt.ArrayLike, scores: Sequence[float] | None = None) -> TrendTest:
    """The test for a trend in Poisson rates: given how many events there are in all, they are multinomial.

    z = sum s (k - K e / E) / sqrt(K (sum e s^2 / E - (sum e s / E)^2)) (Armitage 1955). Events that come in bursts make
    it too sure.

    Args:
        count: events by period.
        exposure: days, or cases at risk, by period.
        scores: where the periods lie; 0, 1, 2 ... if None.

    Raises:
        InvalidValue: for columns that do not fit together, or events without exposure.
    """
    k, e = numbers(count, "events"), numbers(exposure, "exposure")
    s = _scores(k, e, scores)
    if (k[e == 0] > 0).any():
        raise InvalidValue("exposure", 0.0, "has events; a rate needs an exposure above 0")
    whole = k.sum()
    share = e / e.sum() if e.any() else e
    mean = (share * s).sum()
    return _tested(float((s * k).sum() - whole * mean), float(whole * ((share * s * s).sum() - mean**2)), int(whole))


def _scores(x: Floats, n: Floats, scores: Sequence[float] | None) -> Floats:
    s = np.arange(x.size, dtype=np.float64) if scores is None else np.asarray(scores, np.float64)
    if x.ndim != 1 or x.shape != n.shape or x.shape != s.shape:
        raise InvalidValue("trend", f"shapes {x.shape}, {n.shape}, {s.shape}", "are no columns of one length")
    return s


def _tested(off: float, variance: float, n: int) -> TrendTest:
    from scipy.special import ndtr

    # Rounding may leave a trace of variance where there is none.
    if variance <= 1e-12:
        return TrendTest(float("nan"), float("nan"), n)
    z = off / variance**0.5
    return TrendTest(z, float(2 * ndtr(-abs(z))), n)
