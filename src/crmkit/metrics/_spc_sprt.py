"""Wald's sequential probability ratio test: decide between two chances as soon as the outcomes tell, and no later."""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable
from crmkit.metrics._checks import Floats
from crmkit.metrics._cusum import steps_of, weights
from crmkit.metrics._spc_points import ChartNote, Lang, as_series, known, labels_of, told
from crmkit.metrics._spc_sums import cases_of
from crmkit.values.display import ROWS, Chart, Display

__all__ = ["SequentialPoint", "SequentialTest", "SequentialVerdict", "risk_adjusted_sprt", "sprt"]

#: What a sequential test says: the chances are as usual, they are the suspected ones, or go on.
SequentialVerdict: TypeAlias = Literal["usual", "suspected", "continue"]

_NAMES = {
    "label": ("point", "点"),
    "value": ("value", "值"),
    "expected": ("expected", "期望"),
    "sum": ("sum", "累积和"),
    "verdict": ("verdict", "结论"),
}
_SAID: dict[str, tuple[str, str]] = {
    "usual": ("the chances are as usual", "概率如常"),
    "suspected": ("the chances are the suspected ones", "概率为所怀疑的水平"),
    "continue": ("not decided yet, go on", "尚未判定，继续观察"),
}


@attrs.frozen(kw_only=True)
class SequentialPoint:
    """A case of a sequential test.

    Attributes:
        index: its place, from 0.
        label: its name.
        value: its outcome; None if it is not known.
        expected: the chance it usually has.
        sum: the logarithm of the likelihood ratio so far; None without an outcome, and once the test has decided.
        verdict: what the test says by then.
    """

    index: int
    label: str
    value: float | None
    expected: float | None
    sum: float | None
    verdict: SequentialVerdict


@attrs.frozen(kw_only=True, eq=False)
class SequentialTest(Frameable[SequentialPoint]):
    """A sequential probability ratio test.

    Attributes:
        rows: the cases, in order of time.
        alpha: the chance that usual chances are called suspected, at most alpha / (1 - beta).
        beta: the chance that suspected ones are called usual, at most beta / (1 - alpha).
        lower: log(beta / (1 - alpha)): at or below it the chances are as usual.
        upper: log((1 - beta) / alpha): at or above it they are the suspected ones.
        verdict: what is decided.
        decided_at: the index of the case that decided; None if none did.
        slope: of both lines in a chart of events by cases; NaN if the chances are not all alike.
        usual_intercept: where the line of the usual chances begins there, -h1; NaN likewise.
        suspected_intercept: where that of the suspected ones begins, h2; NaN likewise.
        average_n: how many such cases a test takes on average if the chances are usual, and if they are the suspected
            ones, by Wald's approximation; NaN without cases.
    """

    rows: tuple[SequentialPoint, ...]
    alpha: float
    beta: float
    lower: float
    upper: float
    verdict: SequentialVerdict
    decided_at: int | None
    slope: float
    usual_intercept: float
    suspected_intercept: float
    average_n: tuple[float, float]

    def to_text(self, lang: Lang = "en") -> str:
        """The test for people, in their language.

        Raises:
            NotFound: for an unknown language.
        """
        return self.display(lang, most=None).to_text()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The points, and what was decided; see `Shown.display`."""
        en = f"{self.name('en')} of {len(self)} points, alpha {self.alpha:g}, beta {self.beta:g}"
        zh = f"{self.name('zh')}：{len(self)} 点，alpha {self.alpha:g}，beta {self.beta:g}"
        return told(en if lang == "en" else zh, self.rows, _NAMES, self._notes(), lang, most=most)

    def name(self, lang: Lang = "en") -> str:
        """What kind of test it is."""
        return "Sequential probability ratio test" if lang == "en" else "序贯概率比检验"

    def _notes(self) -> list[ChartNote]:
        en, zh = _SAID[self.verdict]
        if self.decided_at is not None:
            label = self.rows[self.decided_at].label
            en, zh = f"{en}, decided at {label}", f"{zh}，于 {label} 判定"
        usual, suspected = (f"{n:.0f}" if np.isfinite(n) else "-" for n in self.average_n)
        return [
            ChartNote(f"{en[0].upper()}{en[1:]}.", f"{zh}。"),
            ChartNote(
                f"The sum decides at {self.lower:.3f} (as usual) and at {self.upper:.3f} (suspected). It takes {usual} "
                f"cases on average if all is as usual, {suspected} if it is not (Wald).",
                f"累积和达到 {self.lower:.3f} 判为如常，达到 {self.upper:.3f} 判为所怀疑的水平；"
                f"平均所需案例数：如常时 {usual}，否则 {suspected}（Wald）。",
            ),
        ]

    def plot(self, lang: Lang = "en") -> Chart:
        """The sum between its limits, as a Vega-Lite specification."""
        from crmkit.metrics._spc_plot import sequential

        return Chart(sequential(self, lang))


def sprt(
    outcomes: npt.ArrayLike,
    p0: float,
    p1: float,
    *,
    alpha: float = 0.05,
    beta: float = 0.10,
    labels: Iterable[Any] | None = None,
) -> SequentialTest:
    """Decide between two chances, case by case (Wald 1945): as usual, p0, or as suspected, p1.

    An outcome y adds y log(p1 / p0) + (1 - y) log((1 - p1) / (1 - p0)) to a sum, which decides at
    log((1 - beta) / alpha) for p1 and at log(beta / (1 - alpha)) for p0. Drawn as events by cases these are two lines
    (NIST/SEMATECH 6.2.6). No other test with these errors needs fewer cases on average (Wald & Wolfowitz 1948).

    Args:
        outcomes: whether each case ended so, in order of time, shape (n,): 0 or 1; None for what is not known yet.
        p0: the usual chance.
        p1: the suspected one.
        alpha: how often p1 may be called where p0 is true.
        beta: how often p0 may be called where p1 is true.
        labels: the names of the cases; dates must be in order.

    Raises:
        InvalidValue: for outcomes other than 0 and 1, chances that are none or equal, or errors that make no test.

    >>> test = sprt([0, 0, 1, 0, 0, 1, 0, 0, 1], 0.01, 0.10)
    >>> test.verdict, test.rows[test.decided_at].label
    ('suspected', '6')
    >>> print(f"{test.slope:.4f} n {test.usual_intercept:+.3f}, {test.slope:.4f} n {test.suspected_intercept:+.3f}")
    0.0397 n -0.939, 0.0397 n +1.205
    """
    for name, chance in (("p0", p0), ("p1", p1)):
        if not 0 < chance < 1:
            raise InvalidValue(name, chance, "is no probability strictly between 0 and 1")
    if p0 == p1:
        raise InvalidValue("p1", p1, "is p0; there is nothing to decide")
    y = as_series(outcomes, "outcomes")
    odds_ratio = p1 / (1.0 - p1) / (p0 / (1.0 - p0))
    return _tested(*cases_of(y, np.full(len(y), float(p0))), odds_ratio, (alpha, beta), labels, alike=p0)


def risk_adjusted_sprt(
    outcomes: npt.ArrayLike,
    expected: npt.ArrayLike,
    odds_ratio: float = 2.0,
    *,
    alpha: float = 0.05,
    beta: float = 0.10,
    labels: Iterable[Any] | None = None,
) -> SequentialTest:
    """Decide, case by case, whether the odds are as expected or `odds_ratio` times that (Spiegelhalter et al. 2003).

    Unlike `risk_adjusted_cusum`, which watches on and on for a change, a test begins with a question, can also find
    that all is as usual, and ends. It suits a person who was coached: is the rate now what it ought to be?

    Args:
        outcomes: whether each case ended so, in order of time, shape (n,): 0 or 1; None for what is not known yet.
        expected: the probability of each, from a model, strictly between 0 and 1, shape (n,).
        odds_ratio: of the suspected odds to the expected ones; below 1 to suspect fewer events.
        alpha: how often that is called where the odds are as expected.
        beta: how often the expected odds are called where it is true.
        labels: the names of the cases; dates must be in order.

    Raises:
        InvalidValue: for outcomes other than 0 and 1, expectations that are no probabilities, an odds ratio that is
            none, or errors that make no test.

    >>> print(risk_adjusted_sprt([0, 0, 0, 0, 0, 0], [0.6, 0.7, 0.5, 0.8, 0.6, 0.7], 0.4).verdict)
    suspected
    """
    if not 0 < odds_ratio < np.inf or odds_ratio == 1:
        raise InvalidValue("odds ratio", odds_ratio, "is no ratio above 0 other than 1")
    y, p = cases_of(outcomes, expected)
    counted = np.unique(p[~np.isnan(y)])
    alike = float(counted[0]) if len(counted) == 1 else np.nan
    return _tested(y, p, odds_ratio, (alpha, beta), labels, alike=alike)


def _tested(
    y: Floats, p: Floats, odds_ratio: float, errors: tuple[float, float], labels: Iterable[Any] | None, *, alike: float
) -> SequentialTest:
    alpha, beta = errors
    if min(alpha, beta) <= 0 or alpha + beta >= 1:
        raise InvalidValue("alpha and beta", f"{alpha:g} and {beta:g}", "are not above 0 with a sum below 1")
    lower, upper = float(np.log(beta / (1.0 - alpha))), float(np.log((1.0 - beta) / alpha))
    steps = steps_of(y, p, odds_ratio)
    there = np.flatnonzero(~np.isnan(steps))
    sums = np.cumsum(steps[there])
    over = np.flatnonzero((sums <= lower) | (sums >= upper))
    last = int(there[over[0]]) if len(over) else None
    found: SequentialVerdict = "continue" if last is None else "usual" if sums[over[0]] <= lower else "suspected"
    shown = np.full(len(y), np.nan)
    shown[there] = sums
    if last is not None:
        shown[last + 1 :] = np.nan
    names = labels_of(labels, len(y))
    rows = tuple(
        SequentialPoint(
            index=i, label=names[i], value=known(y[i]), expected=known(p[i]), sum=known(shown[i]),
            verdict="continue" if last is None or i < last else found,
        )
        for i in range(len(y))
    )  # fmt: skip
    scale = float(np.log(odds_ratio))
    slope = -float(weights(np.array(alike), odds_ratio)[1]) / scale
    ends = (lower / scale, upper / scale) if np.isfinite(slope) else (np.nan, np.nan)
    return SequentialTest(
        rows=rows, alpha=float(alpha), beta=float(beta), lower=lower, upper=upper, verdict=found, decided_at=last,
        slope=slope, usual_intercept=ends[0], suspected_intercept=ends[1],
        average_n=_average_n(p[there], odds_ratio, (alpha, beta), (lower, upper)),
    )  # fmt: skip


def _average_n(
    p: Floats, odds_ratio: float, errors: tuple[float, float], limits: tuple[float, float]
) -> tuple[float, float]:
    """Wald's average sample numbers: where the sum ends on average, by what a case adds on average."""
    if not len(p):
        return np.nan, np.nan
    (alpha, beta), (lower, upper) = errors, limits
    up, down = weights(p, odds_ratio)
    suspected = odds_ratio * p / (1.0 - p + odds_ratio * p)
    usual, other = (float((chance * up + (1.0 - chance) * down).mean()) for chance in (p, suspected))
    return ((1.0 - alpha) * lower + alpha * upper) / usual, (beta * lower + (1.0 - beta) * upper) / other
