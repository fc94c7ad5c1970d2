"""A control chart: points between limits, what the rules find in them, and how often they find it for nothing."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypedDict

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable
from crmkit.metrics._checks import Floats
from crmkit.metrics._spc_chances import chances_of
from crmkit.metrics._spc_limits import ChartKind, ChartLimits, bounds, distances, placed
from crmkit.metrics._spc_points import (
    Baseline,
    ChartFinding,
    ChartNote,
    Lang,
    Phase,
    known,
    labels_of,
    place_of,
    run_length_text,
    told,
)
from crmkit.metrics._spc_rules import WESTERN_ELECTRIC, RunRule, checked_rules, hits
from crmkit.metrics._spc_runs import RunLength, rules_run_length, yearly
from crmkit.values import Every
from crmkit.values.display import ROWS, Chart, Display

__all__ = ["ChartOptions", "ChartPoint", "ControlChart", "Series", "charted", "notes_on", "rules_for"]

_NAMES: dict[ChartKind, tuple[str, str]] = {
    "xmr": ("XmR chart", "单值控制图"),
    "moving range": ("moving range chart", "移动极差控制图"),
    "xbar": ("x-bar chart", "均值控制图"),
    "range": ("R chart", "极差控制图"),
    "sd": ("S chart", "标准差控制图"),
    "p": ("p chart", "p 控制图（比率）"),
    "np": ("np chart", "np 控制图（件数）"),
    "c": ("c chart", "c 控制图（次数）"),
    "u": ("u chart", "u 控制图（单位次数）"),
    "g": ("g chart", "g 控制图（间隔）"),
    "g-sigma": ("g chart (3 sigma)", "g 控制图（3 倍标准差）"),
    "ewma": ("EWMA chart", "指数加权移动平均控制图"),
    "laney p": ("Laney p' chart", "Laney p' 控制图"),
    "laney u": ("Laney u' chart", "Laney u' 控制图"),
}
_COLUMNS = {
    "label": ("point", "点"),
    "phase": ("phase", "阶段"),
    "value": ("value", "值"),
    "n": ("n", "样本量"),
    "centre": ("centre", "中心线"),
    "low": ("low", "下限"),
    "high": ("high", "上限"),
    "found": ("rules", "规则"),
}
_SIDES = {"above": ("above", "上侧"), "below": ("below", "下侧")}
_USUAL = 20
Mask = npt.NDArray[np.bool_]
# The charts of spread, which stand below another one.
_BELOW = ("moving range", "range", "sd")


class ChartOptions(TypedDict, total=False):
    """What every chart can be told.

    Attributes:
        baseline: the points that make the limits: the first so many, a slice, or all (None). Others are judged by
            limits that they do not move.
        limits: known limits, as of an earlier chart (`ControlChart.limits`): all points are judged by them.
        labels: the names of the points; dates must be in order.
        rules: what is looked for; None for what suits the chart: all Western Electric rules for measurements, the
            first and the fourth for counts, whose zones are not those of normal points, the first for ranges.
        every: points a year, or one a "day", "week" ..., for false alarms a year.
    """

    baseline: Baseline
    limits: ChartLimits | None
    labels: Iterable[Any] | None
    rules: Iterable[RunRule] | None
    every: Every | float | None


@attrs.frozen(kw_only=True)
class ChartPoint:
    """A point of a control chart.

    Attributes:
        index: its place, from 0.
        label: its name.
        phase: whether it made the limits.
        observed: what was counted or measured.
        n: what it rests on: cases, exposure, values of a sample.
        value: what is drawn; None for no data.
        centre: the centre of points of its size.
        low: lower limit; None without data, or where nothing varies.
        high: upper limit.
        z: how many sigmas it lies from the centre.
        rules: the ids of the rules that it is part of.
    """

    index: int
    label: str
    phase: Phase
    observed: float | None
    n: float | None
    value: float | None
    centre: float | None
    low: float | None
    high: float | None
    z: float | None
    rules: tuple[str, ...]

    @property
    def found(self) -> str:
        """The rules as text."""
        return ", ".join(self.rules)


@attrs.frozen(kw_only=True, eq=False)
class ControlChart(Frameable[ChartPoint]):
    """A control chart.

    Attributes:
        rows: the points, in order of time, those without data among them.
        kind: what chart it is.
        limits: what is usual; give it to another chart to judge by it.
        rules: what is looked for.
        findings: what was found: stretches of points, in the order in which it could be told.
        spread: the chart of the moving ranges, or of the spread within samples, if it has one.
        notes: what else a reader has to know.
    """

    rows: tuple[ChartPoint, ...]
    kind: ChartKind
    limits: ChartLimits
    rules: tuple[RunRule, ...]
    findings: tuple[ChartFinding, ...]
    spread: "ControlChart | None" = None
    notes: tuple[ChartNote, ...] = ()
    _per_year: float | None = attrs.field(default=None, alias="per_year")

    def run_length(
        self, *, shift: float = 0.0, rng: np.random.Generator | None = None, runs: int = 10_000
    ) -> RunLength:
        """How long its rules run until they are met, of points as the chart assumes them, independent of each other.

        It is that of this chart alone; the one below it has alarms of its own.

        Means of samples, individual values and Laney's shares are taken for normal, shares for binomial, counts for
        Poisson (each of typical size), cases between events for geometric. Limits are taken for known.

        Args:
            shift: how many sigmas the mean has moved; 0 for false alarms.
            rng: the source of randomness; without it the run length is exact, by a Markov chain (Champ & Woodall 1987).
            runs: how many series are simulated.

        Raises:
            InvalidValue: without `rng`, if rules look at how points follow each other; and for ranges, averages and
                deviations, of which there is no such model.
        """
        if self.kind in _BELOW:
            raise InvalidValue("run length", self.kind, "has none of its own; ask for that of the chart above")
        sizes = [row.n for row in self.rows if row.n is not None and row.n > 0]
        chances = chances_of(self.limits, float(np.median(sizes)) if sizes else 1.0, self.rules, shift)
        return rules_run_length(self.rules, chances, rng=rng, runs=runs, per_year=self._per_year)

    def name(self, lang: Lang = "en") -> str:
        """What chart it is, in a language."""
        return _NAMES[self.kind][lang == "zh"]

    def to_text(self, lang: Lang = "en") -> str:
        """The chart for people, in their language: points, findings, and how often they are for nothing.

        Raises:
            NotFound: for an unknown language.
        """
        return self.display(lang, most=None).to_text()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The points, the findings, and how often they are for nothing; see `Shown.display`."""
        zh = lang == "zh"
        of = f"：{len(self)} 点" if zh else f" of {len(self)} points"
        names = dict(_COLUMNS)
        if all(row.n == 1 or row.n is None for row in self.rows):
            names.pop("n")
        below = self.spread.findings if self.spread else ()
        said: list[ChartFinding | ChartNote] = [*self.findings, *below, *self._stated(), *self.notes]
        return told(self.name(lang) + of, self.rows, names, said, lang, most=most)

    def _stated(self) -> Iterator[ChartNote]:
        """The run length in words, or why there is none."""
        if self.kind in _BELOW:
            return
        if all(row.high is None for row in self.rows):
            yield ChartNote("Without limits there is no run length.", "没有控制限，无法给出平均运行长度。")
            return
        try:
            length = self.run_length()
        except InvalidValue as reason:
            yield ChartNote(f"No run length is stated: {reason}.", f"未给出平均运行长度：{reason}。")
            return
        yield ChartNote(run_length_text(length, "en"), run_length_text(length, "zh"))

    def plot(self, lang: Lang = "en") -> Chart:
        """The chart as a Vega-Lite specification: values, centre, limits, flagged points; the spread below."""
        from crmkit.metrics._spc_plot import points

        return Chart(points(self, lang))


@attrs.frozen(eq=False)
class Series:
    """Points in order of time.

    Attributes:
        values: what is drawn, shape (n,); NaN for no data.
        sizes: what each rests on.
        observed: what was counted or measured.
        inside: which points are the baseline.
    """

    values: Floats
    sizes: Floats
    observed: Floats
    inside: Mask


def rules_for(kind: ChartKind) -> tuple[RunRule, ...]:
    """What is looked for in a chart, unless told."""
    if kind in (*_BELOW, "g-sigma"):
        return WESTERN_ELECTRIC[:1]
    return (WESTERN_ELECTRIC[0], WESTERN_ELECTRIC[3]) if kind in ("p", "np", "c", "u", "g") else WESTERN_ELECTRIC


def charted(
    series: Series,
    limits: ChartLimits,
    options: ChartOptions,
    *,
    spread: ControlChart | None = None,
    notes: Sequence[ChartNote] = (),
    away: tuple[Floats, float] | None = None,
) -> ControlChart:
    """A chart of points and limits.

    Args:
        series: the points.
        limits: what is usual.
        options: what the chart was told.
        spread: the chart below.
        notes: what is known already.
        away: the standard deviation of each point, and how many of them a limit lies away, if they follow from neither
            the limits nor the size of the point.
    """
    labels = labels_of(options.get("labels"), len(series.values))
    asked = options.get("rules")
    rules = rules_for(limits.kind) if asked is None else checked_rules(asked)
    centre, sigma = placed(limits, series.sizes)
    sigma, reach = (sigma, 3.0) if away is None else away
    low, high = bounds(limits, centre, sigma, reach)
    z = distances(limits, series.values, centre, sigma)
    found = _found(rules, series.values, z, labels)
    gone = np.isnan(series.values)
    low, high, centre = (np.where(gone, np.nan, column) for column in (low, high, centre))
    part_of: list[dict[str, None]] = [{} for _ in labels]
    for one in found:
        for place in one.points:
            part_of[place][one.rule] = None
    rows = tuple(
        ChartPoint(
            index=i, label=labels[i], phase="baseline" if series.inside[i] else "monitored",
            observed=known(series.observed[i]), n=known(series.sizes[i]), value=known(series.values[i]),
            centre=known(centre[i]), low=known(low[i]), high=known(high[i]), z=known(z[i]), rules=tuple(part_of[i]),
        )
        for i in range(len(labels))
    )  # fmt: skip
    said = [*notes, *_doubts(limits, z, series.inside)]
    said += [] if limits.kind in _BELOW else notes_on(limits, series.values, z)
    return ControlChart(
        rows=rows, kind=limits.kind, limits=limits, rules=rules, findings=found, spread=spread, notes=tuple(said),
        per_year=yearly(options.get("every")),
    )  # fmt: skip


def _found(rules: Sequence[RunRule], values: Floats, z: Floats, labels: tuple[str, ...]) -> tuple[ChartFinding, ...]:
    """What rules find in the points that have data."""
    there = np.flatnonzero(~np.isnan(values))
    found = [
        _finding(hit.rule, hit.side, int(there[hit.at]), there[list(hit.points)].tolist(), labels)
        for hit in hits(rules, values[there], z[there])
    ]
    return tuple(sorted(found, key=lambda one: one.at))


def _finding(rule: RunRule, side: Any, at: int, points: list[int], labels: tuple[str, ...]) -> ChartFinding:
    en, zh = _SIDES.get(side, ("", ""))
    if rule.pattern == "trend":
        en, zh = ("rising", "递增") if side == "above" else ("falling", "递减")
    return ChartFinding(
        rule=rule.id, side=side, first=points[0], last=points[-1], at=at, points=tuple(points),
        en=f"{place_of(points, labels, 'en')}: {rule.en}{en and f', {en}'} ({rule.id})",
        zh=f"{place_of(points, labels, 'zh')}：{rule.zh}{zh and f'，{zh}'}（{rule.id}）",
    )  # fmt: skip


def _doubts(limits: ChartLimits, z: Floats, inside: Mask) -> Iterator[ChartNote]:
    """What speaks against the baseline: points far off in it, and points that follow those before them."""
    if not inside.all() and (np.abs(z[inside]) > 3.0).any():
        yield ChartNote(
            "The baseline has points beyond 3 sigma: find their causes, or leave them out of it.",
            "基线中有点超出 3 倍标准差：请查明原因，或将其排除在基线之外。",
        )
    alike = _autocorrelation(np.where(inside, z, np.nan))
    # Of independent points, one series in a thousand has more.
    if limits.kind not in (*_BELOW, "ewma") and alike > 3.0 / max(limits.n, 1) ** 0.5:
        yield ChartNote(
            f"Points are like those before them (correlation {alike:.2g}): limits are too narrow, alarms too many.",
            f"相邻各点相关（相关系数 {alike:.2g}）：控制限过窄，误报会更多。",
        )


def _autocorrelation(z: Floats) -> float:
    """The correlation of points with those before them; NaN without variation."""
    off = z - np.nanmean(z) if (~np.isnan(z)).any() else z
    total = float(np.nansum(off * off))
    return float(np.nansum(off[1:] * off[:-1])) / total if total > 0 else np.nan


def notes_on(limits: ChartLimits, values: Floats, z: Floats) -> Iterator[ChartNote]:
    """What is to be said of points and limits: gaps, no variation, a short baseline."""
    there = ~np.isnan(values)
    gone = int((~there).sum())
    if gone:
        some, it = ("1 point has", "it") if gone == 1 else (f"{gone} points have", "them")
        yield ChartNote(f"{some} no data; rules pass over {it}.", f"{gone} 个点没有数据，规则判定时跳过。")
    if there.any() and np.isnan(z[there]).all():
        yield ChartNote("The baseline does not vary: there are no limits.", "基线没有变异，无法计算控制限。")
    if 0 < limits.n < _USUAL:
        yield ChartNote(
            f"The limits rest on {limits.n} points; below {_USUAL}, false alarms are more frequent than stated.",
            f"控制限仅基于 {limits.n} 个点，少于 {_USUAL} 个点时误报会比所述更多。",
        )
