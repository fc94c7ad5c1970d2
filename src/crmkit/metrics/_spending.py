"""What a customer spends each time: the gamma-gamma model."""

from typing import ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats, numbers
from crmkit.metrics._fits import Fit, above_0, maximise
from crmkit.metrics._purchases import Purchases
from crmkit.values import Currency
from crmkit.values.display import Listed

__all__ = ["GammaGamma", "gamma_gamma"]


@attrs.frozen
class GammaGamma(Listed):
    """Gamma-gamma (Fader & Hardie 2013): each customer's purchases vary about a mean, and the means among customers.

    It assumes that what one spends does not depend on how often one buys; `correlation` says how far that holds.

    Attributes:
        p: shape of the gamma distribution of a customer's purchases.
        q: shape of the gamma distribution of their rates among customers.
        gamma: its rate, in major units of the currency.
        currency: ISO code.
        correlation: of the number of repeat purchases and their mean; NaN if not known.
        fit: where the parameters come from; None if they were given.
    """

    model: ClassVar[str] = "Gamma-Gamma"

    p: float = attrs.field(validator=above_0)
    q: float = attrs.field(validator=above_0)
    gamma: float = attrs.field(validator=above_0)
    currency: str
    correlation: float = float("nan")
    fit: Fit | None = None

    @property
    def mean(self) -> float:
        """The mean purchase of all customers, in major units; infinite where q is at most 1."""
        return self.p * self.gamma / (self.q - 1.0) if self.q > 1.0 else float("inf")

    def expected(self, x: npt.ArrayLike, mean: npt.ArrayLike) -> Floats:
        """What a customer spends on average, as an estimate in major units, not as money that was paid.

        Args:
            x: purchases after the first; 0 gives the mean of all.
            mean: their mean, in major units.
        """
        count, seen = np.broadcast_arrays(numbers(x, "x"), numbers(mean, "mean"))
        below = self.p * count + self.q - 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            known = self.p * (self.gamma + count * seen) / below
        return np.asarray(np.where(below > 0, known, np.inf))

    def of(self, bought: Purchases) -> Floats:
        """`expected` for each customer of `bought.names`.

        Raises:
            InvalidValue: for another currency.
        """
        if bought.currency != self.currency:
            raise InvalidValue("purchases", bought.currency, f"are not in {self.currency}, as the model is")
        return self.expected(bought.frequency, _mean(bought))


def gamma_gamma(bought: Purchases, *, level: float = 0.95) -> GammaGamma:
    """Gamma-gamma by maximum likelihood on the purchases after the first.

    Customers who bought once tell nothing. One whose purchases were free has no likelihood, and counts as unusable.

    Args:
        bought: who bought when, with amounts.
        level: the confidence of the limits.

    Raises:
        InvalidValue: for purchases without amounts, a negative sum (a refund is no purchase), nobody who bought twice,
            or a likelihood without a maximum.
    """
    from scipy.special import gammaln, psi

    x, mean, unusable = _repeat(bought)
    log_mean, log_x, count = np.log(mean), np.log(x), float(len(x))

    def objective(at: Floats) -> tuple[float, Floats]:
        p, q, gamma = np.exp(at)
        shape, rate = p * x, gamma + x * mean
        both, log_rate = shape + q, np.log(rate)
        value = (
            (gammaln(both) - gammaln(shape) + (shape - 1.0) * log_mean + shape * log_x - both * log_rate).sum()
            + count * (q * at[2] - gammaln(q))
        )  # fmt: skip
        to_both = psi(both)
        slope = np.array([
            x @ (to_both - psi(shape) + log_mean + log_x - log_rate),
            (to_both - log_rate).sum() + count * (at[2] - psi(q)),
            count * q / gamma - (both / rate).sum(),
        ])  # fmt: skip
        return float(value), slope * np.exp(at)

    policies = {
        "purchases": "all but the first, one a civil day",
        "zone": bought.zone,
        "until": str(bought.calibration),
    }
    fit = maximise(
        objective, {"p": 2.0, "q": 2.0, "gamma": float(mean.mean())}, GammaGamma.model,
        n=len(x), n_unusable=unusable, level=level, policies={"currency": str(bought.currency), **policies},
    )  # fmt: skip
    p, q, gamma = (row.value for row in fit.rows)
    varied = x.std() > 0 and mean.std() > 0
    correlation = float(np.corrcoef(x, mean)[0, 1]) if varied else float("nan")
    return GammaGamma(p, q, gamma, str(bought.currency), correlation, fit)


def _mean(bought: Purchases) -> Floats:
    """The mean purchase after the first, in major units; 0 for who bought once."""
    digits = Currency(str(bought.currency)).digits
    return np.asarray(bought.repeat_minor / np.maximum(bought.frequency, 1) / 10.0**digits)


def _repeat(bought: Purchases) -> tuple[Floats, Floats, int]:
    if bought.currency is None or bought.n_unpriced:
        raise InvalidValue("Gamma-Gamma fit", f"{bought.n_unpriced} purchases", "have no amount; leave them out first")
    if (bought.minor < 0).any():
        row = int(np.flatnonzero(bought.minor < 0)[0])
        found = f"{bought.customers[bought.who[row]]}: {bought.minor[row]}"
        raise InvalidValue("Gamma-Gamma fit", found, "minor units of one day are below 0; a refund is no purchase")
    x, mean = bought.frequency, _mean(bought)
    paid = (x > 0) & (mean > 0)
    if not paid.any():
        raise InvalidValue("Gamma-Gamma fit", f"{len(x)} customers", "of whom nobody paid twice tell nothing")
    return x[paid].astype(np.float64), mean[paid], int(((x > 0) & ~paid).sum())
