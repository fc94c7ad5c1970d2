"""From counters to competing-risks estimates of many cells at once (a cell is a stage, or a person in a stage)."""

import attrs
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@attrs.frozen(eq=False)
class Incidence:
    """Aalen-Johansen cumulative incidence of K causes in g cells over t bins.

    Attributes:
        cif: float64, shape (g, K, t).
        variance: float64, shape (g, K, t): Greenwood type.
        survival: float64, shape (g, t): the share with no event so far.
        at_risk: int64, shape (g, t).
    """

    cif: Floats
    variance: Floats
    survival: Floats
    at_risk: Ints


def incidence(counts: Ints) -> Incidence:
    """Aalen-Johansen with Greenwood-type variance, exact with ties, events before censorings in a bin.

    The variance unrolls the recursion of Andersen, Borgan, Gill and Keiding (1993), section IV.4: the step at u adds
    S(u-)^2 / n times the multinomial variance of "ends by k: 1; ends otherwise: 0; stays: R(u)", where R(u) is the
    chance that a case that stays past u still ends by cause k before t.

    Args:
        counts: int64, shape (g, K + 1, t): how many stays of a cell end in a bin; cause 0 is censored.
    """
    ends = counts[:, 1:, :]
    at_risk = counts.sum(axis=1)[:, ::-1].cumsum(axis=1)[:, ::-1]
    n = np.maximum(at_risk, 1)[:, None, :]
    g = ends / n
    total = g.sum(axis=1)
    survival = np.cumprod(1 - total, axis=1)
    before = np.concatenate([np.ones((len(counts), 1)), survival[:, :-1]], axis=1)
    cif = np.cumsum(before[:, None, :] * g, axis=2)
    return Incidence(cif, _variance(g, cif, survival, before[:, None, :] ** 2 / n), survival, at_risk)


def _variance(g: Floats, cif: Floats, survival: Floats, weight: Floats) -> Floats:
    """Greenwood-type variance at every bin, from running sums.

    With R(u) = (Q(t) - Q(u)) / S(u) the step's multinomial variance is quadratic in Q(t), so three cumulative sums give
    all t at once.
    """
    stay = 1 - g.sum(axis=1, keepdims=True)
    alive = np.where(survival > 0, survival, 1.0)[:, None, :]
    # Where nobody is left, R is 0 whatever divides it: no later step adds to the incidence.
    inverse = np.where(survival[:, None, :] > 0, stay / alive, 0.0)
    # The value of a stay under cause k is a + b Q(t): g_k of it ends by k, `stay` of it goes on with R(u).
    b = inverse
    a = g - b * cif
    square_b = np.where(survival[:, None, :] > 0, stay / alive**2, 0.0)
    square_a, cross = g + square_b * cif**2, -square_b * cif
    constant = np.cumsum(weight * (square_a - a * a), axis=2)
    linear = np.cumsum(weight * 2 * (cross - a * b), axis=2)
    quadratic = np.cumsum(weight * (square_b - b * b), axis=2)
    return np.maximum(constant + linear * cif + quadratic * cif**2, 0.0)


def cloglog_interval(cif: Floats, variance: Floats, n: Ints, level: float) -> tuple[Floats, Floats]:
    """Limits on the complementary log-log scale; they stay within [0, 1].

    A cell with no event at all gets the exact upper limit 1 - alpha^(1/n), one where all end by the cause the exact
    lower limit alpha^(1/n).
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + level / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.log(-np.log1p(-cif))
        width = z * np.sqrt(variance) / ((1 - cif) * np.abs(np.log1p(-cif)))
        low, high = 1 - np.exp(-np.exp(centre - width)), 1 - np.exp(-np.exp(centre + width))
        edge = (1 - level) ** (1 / np.maximum(n, 1))
    low = np.where(cif <= 0, 0.0, np.where(cif >= 1, edge, low))
    high = np.where(cif <= 0, 1 - edge, np.where(cif >= 1, 1.0, high))
    return np.where(n > 0, low, 0.0), np.where(n > 0, high, 1.0)
