"""CUSUM charts: sums that find small changes which last, of measurements and of outcomes with their own chances."""

from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable
from crmkit.metrics._checks import Floats
from crmkit.metrics._cusum import held, steps_of
from crmkit.metrics._spc_chains import cusum_run_length, risk_adjusted_run_length, two_sided
from crmkit.metrics._spc_points import (
    ChartFinding,
    ChartNote,
    Lang,
    Phase,
    as_series,
    fitting,
    known,
    labels_of,
    place_of,
    run_length_text,
    told,
)
from crmkit.metrics._spc_rules import Side
from crmkit.metrics._spc_runs import RunLength, yearly
from crmkit.values import Every
from crmkit.values.display import ROWS, Chart, Display

__all__ = ["CusumChart", "CusumPoint", "Walk", "cases_of", "risk_adjusted_cusum", "summed", "walked"]

_NAMES = {
    "label": ("point", "点"),
    "phase": ("phase", "阶段"),
    "value": ("value", "值"),
    "expected": ("expected", "期望"),
    "up": ("up", "上侧累积和"),
    "down": ("down", "下侧累积和"),
    "alarm": ("alarm", "报警"),
}


@attrs.frozen(kw_only=True)
class CusumPoint:
    """A point of a CUSUM chart.

    Attributes:
        index: its place, from 0.
        label: its name.
        phase: whether it made the limits.
        value: what was observed; None for no data.
        expected: what is usual: the target, or the probability of the outcome.
        up: the sum that looks for more; None without data.
        down: the sum that looks for less, as a number of at least 0.
        alarm: whether one of them is above the limit.
    """

    index: int
    label: str
    phase: Phase
    value: float | None
    expected: float | None
    up: float | None
    down: float | None
    alarm: bool


@attrs.frozen(kw_only=True, eq=False)
class CusumChart(Frameable[CusumPoint]):
    """A CUSUM chart, two-sided.

    Attributes:
        rows: the points, in order of time.
        kind: "cusum" or "risk-adjusted cusum".
        limit: what a sum must exceed: in sigmas, or in units of the log likelihood ratio.
        reference: the allowance k in sigmas, or the odds ratio that is looked for.
        findings: each time a sum exceeds the limit; `first` is where the change may have begun: after it was last 0.
        notes: what else a reader has to know.
    """

    rows: tuple[CusumPoint, ...]
    kind: str
    limit: float
    reference: float
    findings: tuple[ChartFinding, ...]
    notes: tuple[ChartNote, ...] = ()
    _head_start: float = attrs.field(default=0.0, alias="head_start")
    _per_year: float | None = attrs.field(default=None, alias="per_year")

    def run_length(self, *, shift: float = 0.0) -> RunLength:
        """How long it runs until an alarm, by a Markov chain (Brook & Evans 1972; Steiner et al. 2000).

        Args:
            shift: a change of the mean by so many sigmas; of a risk-adjusted chart, of the log odds.
        """
        method = f"Markov chain, {'normal points' if self.kind == 'cusum' else 'cases as these'}"
        mean = self._tabular(shift) if self.kind == "cusum" else self._by_risk(shift)
        return RunLength(mean=mean, per_year=self._per_year, method=method + (f", shift {shift:g}" if shift else ""))

    def _tabular(self, shift: float) -> float:
        k, h, head = self.reference, self.limit, self._head_start
        (up, down) = (
            (
                cusum_run_length(k, h, shift=moved),
                cusum_run_length(k, h, shift=moved, head_start=head),
            )
            for moved in (shift, -shift)
        )
        return two_sided(up, down)

    def _by_risk(self, shift: float) -> float:
        expected = np.array([row.expected for row in self.rows if row.value is not None])
        if not len(expected):
            return np.inf
        up, down = (
            risk_adjusted_run_length(expected, side * np.log(self.reference), self.limit, shift=shift)
            for side in (1.0, -1.0)
        )
        return two_sided((up, up), (down, down))

    def to_text(self, lang: Lang = "en") -> str:
        """The chart for people, in their language.

        Raises:
            NotFound: for an unknown language.
        """
        return self.display(lang, most=None).to_text()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The sums, the alarms, and how often they are for nothing; see `Shown.display`."""
        head = (
            f"{self.name('en')} of {len(self)} points, limit {self.limit:g}, looks for {self._looks_for('en')}"
            if lang == "en"
            else f"{self.name('zh')}：{len(self)} 点，控制限 {self.limit:g}，检测{self._looks_for('zh')}"
        )
        length = run_length_text(self.run_length(), lang)
        said: list[ChartFinding | ChartNote] = [*self.findings, ChartNote(length, length), *self.notes]
        return told(head, self.rows, _NAMES, said, lang, most=most)

    def name(self, lang: Lang = "en") -> str:
        """What kind of chart it is."""
        chinese = {"cusum": "累积和控制图"}.get(self.kind, "风险调整累积和控制图")
        return f"{self.kind.replace('cusum', 'CUSUM')} chart" if lang == "en" else chinese

    def _looks_for(self, lang: Lang) -> str:
        if self.kind == "cusum":
            return f"{2 * self.reference:g} sigma" if lang == "en" else f"{2 * self.reference:g} 倍标准差的偏移"
        return f"odds x {self.reference:g}" if lang == "en" else f"优势比 {self.reference:g}"

    def plot(self, lang: Lang = "en") -> Chart:
        """The chart as a Vega-Lite specification: both sums, their limits, and the alarms."""
        from crmkit.metrics._spc_plot import sums

        return Chart(sums(self, lang))


@attrs.frozen(eq=False)
class Walk:
    """Both sums of a CUSUM.

    Attributes:
        up: the sum that looks for more; NaN without data.
        down: the sum that looks for less.
        restarts: whether a sum begins again after an alarm.
    """

    up: Floats
    down: Floats
    restarts: bool = False

    def findings(self, limit: float, labels: tuple[str, ...]) -> Iterator[ChartFinding]:
        """Where the sums are above the limit: stretches of points, in order of their first alarm."""
        sides: tuple[tuple[Side, Floats], ...] = (("above", self.up), ("below", self.down))
        found = [one for side, sums in sides for one in self._stretches(sums, side, limit, labels)]
        yield from sorted(found, key=lambda one: one.at)

    def _stretches(self, sums: Floats, side: Side, limit: float, labels: tuple[str, ...]) -> Iterator[ChartFinding]:
        there = np.flatnonzero(~np.isnan(sums))
        beyond = sums[there] > limit
        first, stretch = 0, list[int]()
        for place in range(len(there)):
            if beyond[place]:
                stretch.append(int(there[place]))
                if self.restarts or place + 1 == len(there) or not beyond[place + 1]:
                    yield _finding(int(there[first]), stretch, side, limit, labels)
                    first, stretch = place + 1 if self.restarts else first, []
            elif sums[there[place]] <= 0.0:
                first = place + 1


def _finding(first: int, points: list[int], side: Side, limit: float, labels: tuple[str, ...]) -> ChartFinding:
    way, chinese = ("above", "上侧") if side == "above" else ("below", "下侧")
    began = labels[first]
    return ChartFinding(
        rule="cusum", side=side, first=first, last=points[-1], at=points[0], points=tuple(points),
        en=f"{place_of(points, labels, 'en')}: the sum {way} exceeds {limit:g}; the change may have begun at {began}",
        zh=f"{place_of(points, labels, 'zh')}：{chinese}累积和超出 {limit:g}，变化可能始于 {began}",
    )  # fmt: skip


def walked(steps: tuple[Floats, Floats], *, head_start: float = 0.0, restart: float | None = None) -> Walk:
    """Sums of steps, held at 0 from below; where there is no step, the sum waits.

    Args:
        steps: what each point adds to the sum that looks for more, and to the one that looks for less.
        head_start: where both begin.
        restart: begin again after a sum exceeds this; never if None.
    """
    made: list[Floats] = []
    for column in steps:
        there = ~np.isnan(column)
        sums = np.full(len(column), np.nan)
        sums[there] = held(column[there], head_start, restart=restart)
        made.append(sums)
    return Walk(made[0], made[1], restart is not None)


def cases_of(outcomes: npt.ArrayLike, expected: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Outcomes and their probabilities; a case without an outcome needs none.

    Raises:
        InvalidValue: for outcomes other than 0 and 1, and for expectations that are no probabilities.
    """
    y = as_series(outcomes, "outcomes")
    p = fitting(expected, "expected", len(y))
    strange = np.flatnonzero(~(np.isnan(y) | (y == 0) | (y == 1)))
    if len(strange):
        raise InvalidValue("outcomes", f"{y[strange[0]]:g} at index {strange[0]}", "is neither 0 nor 1")
    strange = np.flatnonzero(~np.isnan(y) & ~((p > 0) & (p < 1)))
    if len(strange):
        reason = "is no probability strictly between 0 and 1"
        raise InvalidValue("expected", f"{p[strange[0]]:g} at index {strange[0]}", reason)
    return y, p


def risk_adjusted_cusum(
    outcomes: npt.ArrayLike,
    expected: npt.ArrayLike,
    odds_ratio: float = 2.0,
    limit: float = 4.5,
    *,
    labels: Iterable[Any] | None = None,
    every: Every | float | None = None,
    restart: bool = False,
) -> CusumChart:
    """Outcomes against the chances that each of them had: a CUSUM of log likelihood ratios (Steiner et al. 2000).

    An outcome y of probability p adds y log R - log(1 - p + R p) to the sum that looks for odds multiplied by R, and
    likewise with 1 / R to the one that looks for the odds divided by it. Both are held at 0 from below.

    Args:
        outcomes: whether each case ended so, in order of time, shape (n,): 0 or 1; None for what is not known yet.
        expected: the probability of each, from a model, strictly between 0 and 1, shape (n,).
        odds_ratio: R > 1; 2 looks for odds twice, and half, as high as expected.
        limit: an alarm is a sum above this. `CusumChart.run_length` says how often that is by chance.
        labels: the names of the cases; dates must be in order.
        every: cases a year, or one a "day", "week" ..., for false alarms a year.
        restart: whether a sum begins again at 0 after an alarm.

    Raises:
        InvalidValue: for outcomes other than 0 and 1, expectations that are no probabilities, or a ratio or a limit
            that makes no sense.

    >>> chart = risk_adjusted_cusum([0, 1, 1, 0, 1, 1, 1, 1, 1, 1], [0.3] * 10, limit=2.5)
    >>> print(chart.findings[0])
    9 to 10: the sum above exceeds 2.5; the change may have begun at 2
    """
    y, p = cases_of(outcomes, expected)
    if not 1 < odds_ratio < np.inf:
        raise InvalidValue("odds ratio", odds_ratio, "is not above 1; both directions are looked at")
    if not 0 < limit < np.inf:
        raise InvalidValue("limit", limit, "is not above 0")
    walk = walked((steps_of(y, p, odds_ratio), steps_of(y, p, 1.0 / odds_ratio)), restart=limit if restart else None)
    names = labels_of(labels, len(y))
    return summed("risk-adjusted cusum", (y, p, walk), names, limit=limit, reference=odds_ratio, every=every)


def summed(
    kind: str,
    columns: tuple[Floats, Floats, Walk],
    labels: tuple[str, ...],
    *,
    limit: float,
    reference: float,
    every: Every | float | None,
    inside: npt.NDArray[np.bool_] | None = None,
    head_start: float = 0.0,
    notes: tuple[ChartNote, ...] = (),
) -> CusumChart:
    """A chart of values, what they are compared with, and their sums."""
    values, expected, walk = columns
    alarm = (walk.up > limit) | (walk.down > limit)
    rows = tuple(
        CusumPoint(
            index=i, label=labels[i], phase="baseline" if inside is not None and inside[i] else "monitored",
            value=known(values[i]), expected=known(expected[i]), up=known(walk.up[i]), down=known(walk.down[i]),
            alarm=bool(alarm[i]),
        )
        for i in range(len(values))
    )  # fmt: skip
    return CusumChart(
        rows=rows, kind=kind, limit=float(limit), reference=float(reference),
        findings=tuple(walk.findings(limit, labels)), notes=notes, head_start=head_start, per_year=yearly(every),
    )  # fmt: skip
