"""Customers who buy until they silently stop: BG/NBD and Pareto/NBD.

All times here are in the unit of the model, and every function takes numbers or arrays that broadcast.
"""

from abc import abstractmethod
from typing import Any, ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats, as_given, numbers
from crmkit.metrics._fits import Fit, above_0, maximise
from crmkit.metrics._purchases import BuyerCounts, Purchases
from crmkit.values.display import Listed

__all__ = ["BgNbd", "ParetoNbd", "bg_nbd", "pareto_nbd"]

_BETA_NODES, _LOG_NODES = 48, 32
# e^-40 of the integrand is beyond what a double adds up.
_DROP = 40.0


@attrs.frozen
class _Dropout(Listed):
    """What both models can tell; `x` purchases after the first, the last `recency` after it, `age` observed.

    The defaults are those of a customer who has just bought for the first time.
    """

    def alive(self, x: npt.ArrayLike = 0, recency: npt.ArrayLike = 0.0, age: npt.ArrayLike = 0.0) -> Any:
        """The chance that a customer has not stopped at age `age`.

        BG/NBD says 1 for everybody who bought once, for in that model customers stop only after a later purchase: ask
        `silent` who is being lost.
        """
        return as_given(self._alive(*_history(x, recency, age)))

    def expected(
        self, t: npt.ArrayLike, x: npt.ArrayLike = 0, recency: npt.ArrayLike = 0.0, age: npt.ArrayLike = 0.0
    ) -> Any:
        """Expected purchases in the next `t`."""
        count, last, until, ahead = np.broadcast_arrays(*_history(x, recency, age), numbers(t, "t"))
        return as_given(np.asarray(self._alive(count, last, until) * self._purchases(ahead, count, until)))

    def silent(
        self, t: npt.ArrayLike, x: npt.ArrayLike = 0, recency: npt.ArrayLike = 0.0, age: npt.ArrayLike = 0.0
    ) -> Any:
        """The chance of no purchase in the next `t`: an event one can see, unlike being alive."""
        count, last, until, ahead = np.broadcast_arrays(*_history(x, recency, age), numbers(t, "t"))
        return as_given(np.asarray(1.0 - self._alive(count, last, until) * (1.0 - self._quiet(ahead, count, until))))

    @abstractmethod
    def _alive(self, x: Floats, recency: Floats, age: Floats) -> Floats: ...

    @abstractmethod
    def _purchases(self, t: Floats, x: Floats, age: Floats) -> Floats:
        """Expected purchases of customers who are alive."""
        ...

    @abstractmethod
    def _quiet(self, t: Floats, x: Floats, age: Floats) -> Floats:
        """The chance that customers who are alive buy nothing."""
        ...


@attrs.frozen
class BgNbd(_Dropout):
    """BG/NBD (Fader, Hardie & Lee 2005): customers may stop after each purchase but the first.

    Attributes:
        r: shape of the gamma distribution of purchase rates.
        alpha: its rate, in units of time.
        a: of the beta distribution of the chance to stop after a purchase.
        b: its other parameter.
        unit: days of one unit of time.
        fit: where the parameters come from; None if they were given.
    """

    model: ClassVar[str] = "BG/NBD"

    r: float = attrs.field(validator=above_0)
    alpha: float = attrs.field(validator=above_0)
    a: float = attrs.field(validator=above_0)
    b: float = attrs.field(validator=above_0)
    unit: int = 7
    fit: Fit | None = None

    def _alive(self, x: Floats, recency: Floats, age: Floats) -> Floats:
        some = np.maximum(x, 1.0)
        odds = (
            np.log(self.a / (self.b + some - 1.0))
            + (self.r + some) * np.log((self.alpha + age) / (self.alpha + recency))
        )  # fmt: skip
        return np.where(x > 0, np.exp(-np.logaddexp(0.0, odds)), 1.0)

    def _purchases(self, t: Floats, x: Floats, age: Floats) -> Floats:
        # E[(1 - (1 + p t / alpha')^-r') / p] over p ~ Beta(a, b + x): the published form with 2F1 is its value, but
        # breaks down at a = 1 and cancels near it.
        ahead = t / (self.alpha + age)
        result = np.empty(np.broadcast_shapes(x.shape, age.shape, t.shape))
        for count in np.unique(x):
            same = x == count
            p, weight = _beta_rule(self.a, self.b + float(count))
            once = -np.expm1(-(self.r + count) * np.log1p(np.multiply.outer(ahead[same], p)))
            result[same] = (once / p) @ weight
        return result

    def _quiet(self, t: Floats, x: Floats, age: Floats) -> Floats:
        return np.asarray(np.exp(-(self.r + x) * np.log1p(t / (self.alpha + age))))


@attrs.frozen
class ParetoNbd(_Dropout):
    """Pareto/NBD (Schmittlein, Morrison & Colombo 1987): customers may stop at any moment.

    Attributes:
        r: shape of the gamma distribution of purchase rates.
        alpha: its rate, in units of time.
        s: shape of the gamma distribution of the rates of stopping.
        beta: its rate, in units of time.
        unit: days of one unit of time.
        fit: where the parameters come from; None if they were given.
    """

    model: ClassVar[str] = "Pareto/NBD"

    r: float = attrs.field(validator=above_0)
    alpha: float = attrs.field(validator=above_0)
    s: float = attrs.field(validator=above_0)
    beta: float = attrs.field(validator=above_0)
    unit: int = 7
    fit: Fit | None = None

    def _alive(self, x: Floats, recency: Floats, age: Floats) -> Floats:
        stays, stops = _pareto_parts(np.array([self.r, self.alpha, self.s, self.beta]), x, recency, age)[:2]
        return np.exp(stays - np.logaddexp(stays, stops))

    def _purchases(self, t: Floats, x: Floats, age: Floats) -> Floats:
        # (1 - q^(s - 1)) / (s - 1) with its limit -ln q where s is 1.
        log_q = -np.log1p(t / (self.beta + age))
        power = (self.s - 1.0) * log_q
        lasting = -log_q * np.where(np.abs(power) < 1e-12, 1.0, np.expm1(power) / np.where(power == 0.0, 1.0, power))
        return np.asarray((self.r + x) * (self.beta + age) / (self.alpha + age) * lasting)

    def _quiet(self, t: Floats, x: Floats, age: Floats) -> Floats:
        # Whoever is alive is like a new customer with these parameters, of whom t without a purchase was seen.
        r, alpha, beta = self.r + x, self.alpha + age, self.beta + age
        stays, stops = _pareto_parts([r, alpha, self.s, beta], np.zeros_like(r), np.zeros_like(t), t)[:2]
        return np.exp(r * np.log(alpha) + self.s * np.log(beta) + np.logaddexp(stays, stops))


def bg_nbd(bought: Purchases | BuyerCounts, *, unit: int = 7, level: float = 0.95) -> BgNbd:
    """BG/NBD by maximum likelihood on the counts by (x, t_x, T).

    Args:
        bought: who bought when, or the counts.
        unit: days of one unit of time; 7 for weeks, as in the paper.
        level: the confidence of the limits.

    Raises:
        InvalidValue: if nobody bought twice, or the likelihood has no maximum; it says how far the search got.
    """
    from scipy.special import gammaln, psi

    x, last, age, n = _columns(bought, unit, BgNbd.model)
    kinds, weight = _by_count(x, n)
    total = float(weight.sum())
    again = x > 0
    once, once_n = age[~again], n[~again]
    x, last, age, n = x[again], last[again], age[again], n[again]
    bought_again = kinds > 0
    more, more_n = kinds[bought_again], weight[bought_again]

    def objective(at: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = np.exp(at)
        to_end, to_last = np.log(alpha + age), np.log(alpha + last)
        stays = -(r + x) * to_end
        stops = np.log(a / (b + x - 1.0)) - (r + x) * to_last
        both = np.logaddexp(stays, stops)
        alive = n * np.exp(stays - both)
        gone = n - alive
        repeaters, only = more_n.sum(), _dot(once_n, np.log(alpha + once))
        by_p = repeaters * psi(a + b) - _dot(more_n, psi(a + b + more))
        value = (
            _dot(weight, gammaln(r + kinds)) + total * (r * at[1] - gammaln(r)) + _dot(n, both) - r * only
            + _dot(more_n, gammaln(b + more) - gammaln(a + b + more)) + repeaters * (gammaln(a + b) - gammaln(b))
        )  # fmt: skip
        slope = np.array([
            _dot(weight, psi(r + kinds)) + total * (at[1] - psi(r)) - _dot(alive, to_end) - _dot(gone, to_last) - only,
            total * r / alpha - _dot(r + x, alive / (alpha + age) + gone / (alpha + last))
            - r * (once_n / (alpha + once)).sum(),
            by_p + gone.sum() / a,
            by_p + _dot(more_n, psi(b + more)) - repeaters * psi(b) - (gone / (b + x - 1.0)).sum(),
        ])  # fmt: skip
        return float(value), slope * np.exp(at)

    start = {"r": 1.0, "alpha": float(age.mean()), "a": 1.0, "b": 1.0}
    policies, unusable = _said(bought, unit)
    fit = maximise(
        objective, start, BgNbd.model,
        n=int(total), n_unusable=unusable, level=level, policies=policies,
    )  # fmt: skip
    r, alpha, a, b = (row.value for row in fit.rows)
    return BgNbd(r, alpha, a, b, unit, fit)


def pareto_nbd(bought: Purchases | BuyerCounts, *, unit: int = 7, level: float = 0.95) -> ParetoNbd:
    """Pareto/NBD by maximum likelihood on the counts by (x, t_x, T).

    The integral over the moment of stopping is added up as it stands; the published difference of two 2F1 cancels.

    Args:
        bought: who bought when, or the counts.
        unit: days of one unit of time.
        level: the confidence of the limits.

    Raises:
        InvalidValue: if nobody bought twice, or the likelihood has no maximum; it says how far the search got.
    """
    from scipy.special import gammaln, psi

    x, last, age, n = _columns(bought, unit, ParetoNbd.model)
    kinds, weight = _by_count(x, n)
    total = float(weight.sum())

    def objective(at: Floats) -> tuple[float, Floats]:
        theta = np.exp(at)
        r, alpha, s, beta = theta
        stays, stops, inner = _pareto_parts(theta, x, last, age)
        both = np.logaddexp(stays, stops)
        alive = n * np.exp(stays - both)
        value = _dot(weight, gammaln(r + kinds)) + total * (r * at[1] + s * at[3] - gammaln(r)) + _dot(n, both)
        outer = np.array([-np.log(alpha + age), -(r + x) / (alpha + age), -np.log(beta + age), -s / (beta + age)])
        slope = np.einsum("ij,j->i", outer, alive) + np.einsum("ij,j->i", inner, n - alive)
        slope += [
            _dot(weight, psi(r + kinds)) + total * (at[1] - psi(r)),
            total * r / alpha,
            total * at[3],
            total * s / beta,
        ]
        return float(value), slope * theta

    mean = float(age.mean())
    policies, unusable = _said(bought, unit)
    fit = maximise(
        objective, {"r": 1.0, "alpha": mean, "s": 1.0, "beta": mean}, ParetoNbd.model,
        n=int(total), n_unusable=unusable, level=level, policies=policies,
    )  # fmt: skip
    r, alpha, s, beta = (row.value for row in fit.rows)
    return ParetoNbd(r, alpha, s, beta, unit, fit)


def _said(bought: Purchases | BuyerCounts, unit: int) -> tuple[dict[str, str], int]:
    """The policies of a fit, and how many rows could not be used."""
    policies = {"unit": f"{unit} days", "purchases": "one a civil day"}
    if isinstance(bought, BuyerCounts):
        return policies, 0
    return {**policies, "zone": bought.zone, "until": str(bought.calibration)}, bought.n_unusable


def _history(x: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    count, last, until = np.broadcast_arrays(numbers(x, "x"), numbers(recency, "recency"), numbers(age, "age"))
    bad = (last > until) | ((count == 0) & (last > 0))
    if bad.any():
        found = tuple(float(column[bad][0]) for column in (count, last, until))
        raise InvalidValue(
            "(x, recency, age)", found, "has a last purchase after its age, or without one after the first"
        )
    return count, last, until


def _columns(bought: Purchases | BuyerCounts, unit: int, model: str) -> tuple[Floats, Floats, Floats, Floats]:
    counts = bought.counts() if isinstance(bought, Purchases) else bought
    if unit < 1:
        raise InvalidValue("unit", unit, "is no whole number of days above 0")
    if not counts.frequency.any():
        raise InvalidValue(f"{model} fit", f"{counts.customers} customers", "of whom nobody bought twice tell nothing")
    x, n = counts.frequency.astype(np.float64), counts.n.astype(np.float64)
    return x, counts.recency / unit, counts.age / unit, n


def _dot(one: Floats, other: Floats) -> float:
    """The sum of products without BLAS, whose threads cost more than these sums."""
    return float(np.einsum("i,i", one, other))


def _by_count(x: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Distinct numbers of purchases, and how many customers have each: the gamma functions need no more."""
    kinds, which = np.unique(x, return_inverse=True)
    return kinds, np.bincount(which, n).astype(np.float64)


def _beta_rule(a: float, b: float) -> tuple[Floats, Floats]:
    """Nodes and weights of the mean over Beta(a, b), by Golub & Welsch (1969) from the Jacobi recurrence."""
    from scipy.linalg import eigh_tridiagonal

    k = np.arange(_BETA_NODES, dtype=np.float64)
    # Jacobi's weight (1 - z)^p (1 + z)^q, with z = 2 y - 1.
    p, q = b - 1.0, a - 1.0
    twice = 2.0 * k + p + q
    centre = np.append((q - p) / (p + q + 2.0), (q * q - p * p) / (twice[1:] * (twice[1:] + 2.0)))
    j, m = k[1:], twice[1:]
    # At j = 1 the factor (j + p + q) / (m - 1) is 1, and 0 / 0 where a + b is 1.
    ratio = np.append(1.0, (j[1:] + p + q) / (m[1:] - 1.0))
    beside = 4.0 * j * (j + p) * (j + q) * ratio / (m * m * (m + 1.0))
    z, vectors = eigh_tridiagonal(centre, np.sqrt(beside))
    # A node that rounding puts on 0 would divide by 0.
    return np.clip((1.0 + z) / 2.0, np.finfo(np.float64).tiny, 1.0).astype(np.float64), vectors[0] ** 2


def _pareto_parts(theta: Any, x: Floats, last: Floats, age: Floats) -> tuple[Floats, Floats, Floats]:
    """The two ways to be silent since the last purchase, as logarithms, but for the factors of all customers.

    Returns:
        ln of (alpha + T)^-(r + x) (beta + T)^-s; ln of the integral of s (alpha + u)^-(r + x) (beta + u)^-(s + 1) over
        u from t_x to T; and the slope of the latter by r, alpha, s and beta, shape (4, n).
    """
    r, alpha, s, beta = theta
    stays = -(r + x) * np.log(alpha + age) - s * np.log(beta + age)
    # u = (m + t_x) e^v - m with the smaller m of alpha and beta: in v the logarithm of the integrand is smooth and
    # falls ever faster, so that what lies beyond _DROP over its first slope adds nothing.
    low = np.minimum(alpha, beta) + last
    fall = (r + x) * low / (alpha + last) + (s + 1.0) * low / (beta + last) - 1.0
    end = np.log1p((age - last) / low)
    end = np.where(fall > 0, np.minimum(end, _DROP / np.maximum(fall, 1e-300)), end)
    z, weight = np.polynomial.legendre.leggauss(_LOG_NODES)
    v = np.multiply.outer((1.0 + z) / 2.0, end)
    since = low * np.expm1(v)
    to_alpha, to_beta = alpha + last + since, beta + last + since
    log_alpha, log_beta = np.log(to_alpha), np.log(to_beta)
    f = v - (r + x) * log_alpha - (s + 1.0) * log_beta
    top = f[0]
    part = np.exp(f - top) * weight.reshape(-1, *[1] * last.ndim)
    area = part.sum(axis=0)
    with np.errstate(divide="ignore"):
        stops = top + np.log(area * end * low * s / 2.0)
    part /= area
    slope = np.array([
        -(part * log_alpha).sum(axis=0), -(r + x) * (part / to_alpha).sum(axis=0),
        1.0 / s - (part * log_beta).sum(axis=0), -(s + 1.0) * (part / to_beta).sum(axis=0),
    ])  # fmt: skip
    return stays, stops, slope
