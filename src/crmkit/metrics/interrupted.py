"""Did the countermeasure change the figure (L1, K14)? Interrupted time series by segmented regression.

A figure before and after differs by its trend, its season and by chance, too. Segmented regression holds trend and
season in the model and asks for what is left: a step at the change, and if asked for, another slope since.
"""

from typing import Literal, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Frameable
from crmkit.metrics._checks import Floats, confidence
from crmkit.metrics._segments import Fitted, design, fitted, named, series
from crmkit.metrics._signal_words import Lang, said_of_change, worded
from crmkit.metrics.policy import definition_id
from crmkit.values.display import ROWS, Display

__all__ = ["Effect", "Errors", "Family", "Interruption", "interrupted"]

#: The distribution of a figure: events by exposure, cases of so many trials, or a plain number.
Family: TypeAlias = Literal["poisson", "binomial", "normal"]
#: Where standard errors come from: residuals that may hang together over time, residuals that vary more than the
#: distribution says, or the distribution alone.
Errors: TypeAlias = Literal["newey-west", "dispersion", "model"]

# Fewer periods on either side tell no season and no trend (Penfold & Zhang 2013).
_LEAST = 8


@attrs.frozen
class Effect:
    """One part of the model.

    Attributes:
        name: "step", "slope" (what the slope since the change differs by, a period), or "trend" (a period).
        value: a ratio of rates, a ratio of odds, or a difference, as `Interruption.scale` says.
        low: lower limit.
        high: upper limit.
        p: two-sided.
        coefficient: on the scale of the model: the logarithm of a ratio, or the difference itself.
        std_err: its standard error.
    """

    name: str
    value: float
    low: float
    high: float
    p: float
    coefficient: float
    std_err: float


@attrs.frozen
class Interruption(Frameable[Effect]):
    """What changed at the interruption.

    Attributes:
        rows: the effects.
        scale: "rate ratio", "odds ratio" or "difference".
        level: the confidence of the limits.
        n_before: periods before the change.
        n_after: periods since.
        dispersion: Pearson's chi-square by degrees of freedom; 1 if the residuals are those of the distribution. Of
            plain numbers it is the residual variance.
        autocorrelation: of neighbouring residuals.
        fitted: what the model says, shape (n,), in the unit of the values.
        counterfactual: what it says had nothing changed; the values before.
        method: the model and its errors.
        definition: the id of the definition.
    """

    rows: tuple[Effect, ...]
    scale: str
    level: float
    n_before: int
    n_after: int
    dispersion: float
    autocorrelation: float
    fitted: Floats = attrs.field(repr=False, eq=False)
    counterfactual: Floats = attrs.field(repr=False, eq=False)
    method: str
    definition: str

    def effect(self, name: str = "step") -> Effect:
        """One of the effects.

        Raises:
            NotFound: if the model has none of that name.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise NotFound("effect", name, tuple(row.name for row in self.rows), "the model")

    @property
    def enough(self) -> bool:
        """Whether eight periods lie on either side (Penfold & Zhang 2013); with fewer, limits promise too much."""
        return min(self.n_before, self.n_after) >= _LEAST

    @property
    def verdict(self) -> Literal["rose", "fell", "no change seen", "insufficient data"]:
        """What the limits of the step say; a p value that misses is no proof that nothing changed."""
        if not self.enough:
            return "insufficient data"
        step, none = self.effect(), 0.0 if self.scale == "difference" else 1.0
        if step.low <= none <= step.high:
            return "no change seen"
        return "rose" if step.value > none else "fell"

    def to_text(self, lang: Lang = "en") -> str:
        """The verdict and the step, in a sentence.

        Raises:
            NotFound: for another language than "en" and "zh".
        """
        return worded(lang, said_of_change(self))

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The verdict, the effects, and what they rest on; see `Shown.display`."""
        head = f"{self.verdict}: {self.n_before} periods before, {self.n_after} since; {self.scale}s"
        tail = f"dispersion {self.dispersion:.3g}, autocorrelation {self.autocorrelation:.2f}"
        return Display.of(
            head, self._table(lang, most), f"{self.method}; {tail}; definition {self.definition}", lang=lang
        )


def interrupted(
    values: npt.ArrayLike,
    *,
    before: int,
    of: npt.ArrayLike | None = None,
    family: Family = "poisson",
    season: int | None = None,
    harmonics: int = 2,
    slope: bool = False,
    errors: Errors = "newey-west",
    lags: int | None = None,
    level: float = 0.95,
) -> Interruption:
    """Fit a segmented regression to a figure by period: level, trend, season, and a step at the change.

    Counts are Poisson with a logarithmic link and the exposure as offset, shares binomial with a logistic link, numbers
    normal (Lopez Bernal, Cummins & Gasparrini 2017). Standard errors by Newey and West (1987) hold when residuals of
    neighbouring periods hang together, which they do in nearly every business figure; limits are then those of
    Student's t with n - k degrees of freedom, and variances carry the factor n / (n - k). The other errors take normal
    limits, as R's `glm` does with `Epi::ci.lin`.

    Args:
        values: a figure by period, in order and without gaps, shape (n,): events, cases, or plain numbers.
        before: how many of the periods lie before the change.
        of: exposure of counts (customers, orders, days), or trials of shares; 1 everywhere if None.
        family: how the figure is distributed.
        season: periods in a year (12 for months), for harmonics; None for no season.
        harmonics: pairs of sine and cosine.
        slope: whether the slope may change, too; the step is then that of the first period after the change.
        errors: where standard errors come from.
        lags: of Newey and West; floor(4 (n / 100)^(2/9)) if None (Newey & West 1994).
        level: the confidence of the limits.

    Raises:
        InvalidValue: for a column that cannot be used, with its place; a change outside the series; more parameters
            than periods; or data under which the effect has no limit, such as no event at all on one side.
        NotFound: for another family or other errors.

    >>> found = interrupted([30, 34, 31, 36, 33, 37, 35, 38, 27, 29, 26, 30, 28, 31, 29, 32], before=8)
    >>> found.verdict, round(found.effect().value, 2)
    ('fell', 0.7)
    """
    for given, known, what in ((family, Family, "family"), (errors, Errors, "errors")):
        if given not in get_args(known):
            raise NotFound(what, given, get_args(known), f"{what}=")
    y, scale = series(values, of, before, family)
    x = design(y.size, before, season=season, harmonics=harmonics, slope=slope)
    if y.size <= x.shape[1]:
        raise InvalidValue("series", f"{y.size} periods", f"are too few for the {x.shape[1]} parameters of the model")
    model = fitted(y, scale, x, family)
    lag = int(4 * (y.size / 100) ** (2 / 9)) if lags is None else _lag(lags, y.size)
    covariance, degrees, said = _covariance(model, errors, lag)
    definition = definition_id(
        "interrupted", family=family, season=season, harmonics=harmonics if season else None, slope=slope,
        errors=errors, lags=lags, level=level,
    )  # fmt: skip
    flat = x.copy()
    flat[:, 2 : 3 + slope] = 0.0
    link = {"poisson": "Poisson, log link", "binomial": "binomial, logistic link", "normal": "normal"}[family]
    return Interruption(
        _effects(model, named(slope=slope), covariance, degrees, confidence(level)),
        {"poisson": "rate ratio", "binomial": "odds ratio", "normal": "difference"}[family], level, before,
        y.size - before, model.dispersion, _neighbours(model.pearson), model.mean, model.at(flat),
        f"segmented regression, {link}; {said}", definition,
    )  # fmt: skip


def _lag(lags: int, n: int) -> int:
    if not isinstance(lags, int) or not 0 <= lags < n:
        raise InvalidValue("lags", lags, f"is no whole number from 0 to {n - 1}")
    return lags


def _covariance(model: Fitted, errors: Errors, lag: int) -> tuple[Floats, float, str]:
    """The covariance of the coefficients, degrees of freedom of their limits, and where both are from."""
    bread, n, k = model.bread, len(model.mean), len(model.coefficients)
    if errors == "model" and model.family != "normal":
        return bread, np.inf, "errors of the distribution"
    if errors != "newey-west":
        return bread * model.dispersion, np.inf, f"errors by dispersion {model.dispersion:.3g}"
    score = model.score
    meat = score.T @ score
    for step in range(1, lag + 1):
        cross = score[step:].T @ score[:-step]
        meat += (1.0 - step / (lag + 1.0)) * (cross + cross.T)
    return bread @ meat @ bread * (n / (n - k)), float(n - k), f"errors by Newey and West, {lag} lags, t limits"


def _effects(
    model: Fitted, places: dict[str, int], covariance: Floats, degrees: float, level: float
) -> tuple[Effect, ...]:
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    tail = (1.0 + level) / 2.0
    reach = float(ndtri(tail) if np.isinf(degrees) else stdtrit(degrees, tail))
    shown = float if model.family == "normal" else _exp
    rows: list[Effect] = []
    for name, place in places.items():
        value, error = float(model.coefficients[place]), float(covariance[place, place]) ** 0.5
        # A perfect fit has no error, and nothing to test.
        z = -abs(value) / error if error > 0 else float("nan")
        p = 2.0 * float(ndtr(z) if np.isinf(degrees) else stdtr(degrees, z))
        limits = (value - reach * error, value + reach * error)
        rows.append(Effect(name, shown(value), shown(limits[0]), shown(limits[1]), p, value, error))
    return tuple(rows)


def _exp(number: float) -> float:
    return float(np.exp(number))


def _neighbours(residuals: Floats) -> float:
    off = residuals - residuals.mean()
    whole = float(off @ off)
    return float(off[1:] @ off[:-1]) / whole if whole > 1e-18 else float("nan")
