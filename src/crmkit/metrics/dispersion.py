"""How much more units differ than chance allows, and by how much that widens the limits of chance.

Persons, regions and products differ for reasons that no table holds. Where they differ more than chance allows, limits
of chance alone would call half of them; Spiegelhalter (2005) widens the limits by what the units themselves show.
"""

from typing import Literal, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics._checks import Floats, numbers
from crmkit.values.display import Listed

__all__ = ["Dispersion", "Overdispersion", "dispersion"]

#: What widens the limits: a variance between units that adds to that of chance, a factor on it, or nothing.
Overdispersion: TypeAlias = Literal["additive", "multiplicative", "none"]


@attrs.frozen
class Dispersion(Listed):
    """How much more units differ than chance allows.

    Attributes:
        phi: mean square of the winsorised z scores; 1 on average if all is chance, and less after winsorising.
        tau2: variance between units beyond chance, on the scale of the effects; 0 if there is no more than chance.
        p: how often chance alone varies as much (chi-square); NaN without units to compare.
        n: units.
        winsorised: the share of z scores at either end that was pulled in.
        kind: what widens the limits.
        alpha: they are widened if `p` is at most this.
    """

    phi: float
    tau2: float
    p: float
    n: int
    winsorised: float
    kind: Overdispersion
    alpha: float = 1.0

    @property
    def widens(self) -> bool:
        """Whether limits are wider than those of chance."""
        more = self.tau2 > 0.0 if self.kind == "additive" else self.phi > 1.0
        return self.kind != "none" and more and self.p <= self.alpha

    @property
    def method(self) -> str:
        """How it widens, in words."""
        if not self.widens:
            return "limits of chance alone"
        if self.kind == "additive":
            return f"additive over-dispersion, tau {self.tau2**0.5:.3g} (DerSimonian & Laird)"
        return f"multiplicative over-dispersion, phi {self.phi:.3g}"

    def factor(self, information: npt.ArrayLike) -> Floats:
        """By what a z score is divided, at least 1.

        Args:
            information: 1 / variance of each effect by chance alone.
        """
        weight = np.asarray(information, np.float64)
        if not self.widens:
            return np.ones_like(weight)
        return np.sqrt(1.0 + self.tau2 * weight) if self.kind == "additive" else np.full_like(weight, self.phi**0.5)

    def kept(self, information: npt.ArrayLike) -> Floats:
        """The share of each effect that is left after shrinking: the best guess of what would be seen again.

        1 - (n - 3) / (n - 1) / (1 + tau2 w): empirical Bayes with Morris's correction (1983). Where all units are known
        alike and nothing is winsorised it is the estimator of James and Stein as Efron and Morris (1975) use it. Up to
        three units tell too little of how units differ, and nothing is shrunk.

        Args:
            information: w, 1 / variance of each effect by chance alone.
        """
        weight = np.asarray(information, np.float64)
        return 1.0 - max(self.n - 3, 0) / max(self.n - 1, 1) / (1.0 + self.tau2 * weight)


def dispersion(
    z: npt.ArrayLike,
    information: npt.ArrayLike,
    *,
    winsorise: float = 0.10,
    corrected: bool = False,
    alpha: float = 1.0,
    kind: Overdispersion = "additive",
) -> Dispersion:
    """How much more z scores vary than chance allows (Spiegelhalter 2005, sections 3.1 to 3.3).

    The lowest and the highest tenth of the scores are pulled in to the tenth and the ninetieth percentile, so that who
    is out of line does not hide by widening the limits. phi is the mean square of what results;
    tau2 = (n phi - (n - 1)) / (sum w - sum w^2 / sum w), at least 0, is the moment estimator of DerSimonian and Laird.

    Args:
        z: effect / standard error of each unit, shape (n,).
        information: w = 1 / standard error squared, shape (n,).
        winsorise: the share pulled in at either end, at least 0 and below a half.
        corrected: divide by what winsorising leaves of the variance of a normal distribution (0.68 for a tenth at
            either end), so that phi is 1 if all is chance; the paper does not.
        alpha: widen only if chance alone varies as much in no more than this share of cases; 1 to widen always.
        kind: what widens the limits.

    Raises:
        InvalidValue: for columns that do not fit together, a share outside 0 to 0.5, or an alpha outside 0 to 1.
        NotFound: for another kind.

    >>> found = dispersion([-3.1, 0.4, 2.2, -1.9, 2.8, -0.3], [9.0, 8.0, 4.0, 7.0, 9.0, 5.0])
    >>> found.method
    'additive over-dispersion, tau 0.685 (DerSimonian & Laird)'
    """
    from scipy.special import chdtrc

    if kind not in get_args(Overdispersion):
        raise NotFound("over-dispersion", kind, get_args(Overdispersion), "kind=")
    if not 0.0 <= winsorise < 0.5:
        raise InvalidValue("winsorise", winsorise, "is no share from 0 to below a half")
    if not 0.0 < alpha <= 1.0:
        raise InvalidValue("alpha", alpha, "is no share above 0 and up to 1")
    score, weight = np.asarray(z, np.float64), numbers(information, "information")
    if score.ndim != 1 or score.shape != weight.shape or not np.isfinite(score).all():
        raise InvalidValue("z", f"shapes {score.shape}, {weight.shape}", "are no columns of finite numbers, one length")
    n = score.size
    if not n:
        return Dispersion(float("nan"), 0.0, float("nan"), 0, winsorise, kind, alpha)
    held = np.clip(score, *np.quantile(score, [winsorise, 1.0 - winsorise]))
    phi = float((held**2).mean()) / (_left_by(winsorise) if corrected else 1.0)
    total = float(weight.sum())
    room = total - float((weight**2).sum()) / total if total else 0.0
    tau2 = max(0.0, (n * phi - (n - 1)) / room) if room > 0 else 0.0
    p = float(chdtrc(n - 1, n * phi)) if n > 1 else float("nan")
    return Dispersion(phi, tau2, p, n, winsorise, kind, alpha)


def _left_by(winsorise: float) -> float:
    """The variance of a standard normal whose tails are pulled in to their quantiles."""
    from scipy.special import ndtri

    if winsorise == 0.0:
        return 1.0
    at = float(ndtri(1.0 - winsorise))
    density = float(np.exp(-(at**2) / 2.0) / np.sqrt(2.0 * np.pi))
    return (1.0 - 2.0 * winsorise) - 2.0 * at * density + 2.0 * winsorise * at**2
