"""Control charts of figures: one for each metric and group, of the kind that its numbers ask for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, Unpack, get_args

import attrs
import numpy as np

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Frameable
from crmkit.metrics._checks import Floats
from crmkit.metrics._spc_chart import ChartOptions, ControlChart
from crmkit.metrics._spc_kinds import c_chart, laney_p_chart, laney_u_chart, np_chart, p_chart, u_chart, xmr_chart
from crmkit.metrics._spc_limits import moving_ranges
from crmkit.metrics._spc_memory import ewma_chart
from crmkit.metrics._spc_points import ChartFinding, ChartNote, Lang, baseline_of
from crmkit.metrics.estimators import garwood
from crmkit.metrics.figures import Figure, Figures
from crmkit.values.display import ROWS, Chart, Display

__all__ = ["ChartChoice", "Charts", "GroupChart", "chart"]

#: Which chart figures get: by what they are ("auto"), or a given one.
ChartChoice: TypeAlias = Literal["auto", "xmr", "p", "np", "c", "u", "ewma", "laney p", "laney u"]

_YEAR_US = 365.2425 * 86_400_000_000
# What each chart needs to know of a figure: nothing but its value, a share, a count, or a rate.
_NEEDS = {"p": "proportion", "np": "proportion", "laney p": "proportion", "c": "count", "u": "rate", "laney u": "rate"}
_AUTO: dict[str, tuple[ChartChoice, str, str]] = {
    "proportion": (
        "p",
        "a share of cases, each of which is of the kind or not: binomial",
        "比率：每个个案只有是与否，服从二项分布",
    ),
    "rate": ("u", "events by exposure: Poisson", "单位暴露量的事件数，服从泊松分布"),
    "count": ("c", "a count of events: Poisson", "事件计数，服从泊松分布"),
}
_OTHER = (
    "a measurement: its variation is taken from how it changes from one period to the next",
    "计量值：以相邻各期的变化估计其变异",
)


@attrs.frozen(kw_only=True, eq=False)
class GroupChart:
    """The chart of one metric in one group.

    Attributes:
        metric: the key of the metric.
        name: its name.
        group: the value of each group.
        unit: what the values are in.
        chart: the chart.
        why: why it is this one.
        why_zh: likewise in Chinese.
    """

    metric: str
    name: str
    group: Mapping[str, str | None]
    unit: str
    chart: ControlChart
    why: str
    why_zh: str

    @property
    def title(self) -> str:
        """The metric and the group."""
        return ", ".join([self.name, *(value or "(unknown)" for value in self.group.values())]) + f" [{self.unit}]"


@attrs.frozen(eq=False)
class Charts(Frameable[GroupChart]):
    """Charts of figures; as a frame, the points of all of them.

    Attributes:
        rows: the charts, metric by metric, group by group.
        notes: groups that have too little data for a chart.
    """

    rows: tuple[GroupChart, ...]
    notes: tuple[ChartNote, ...] = ()

    def __getitem__(self, cell: str | tuple[str | None, ...]) -> ControlChart:
        """The chart of a metric, and of the values of its groups as far as they are needed.

        Raises:
            NotFound: if there is none.
            InvalidValue: if there are several.
        """
        wanted = (cell,) if isinstance(cell, str) else cell
        found = [row for row in self.rows if _is_of(row, wanted)]
        if not found:
            raise NotFound("chart", " ".join(map(str, wanted)), tuple(row.title for row in self.rows), "the charts")
        if len(found) > 1:
            raise InvalidValue("chart", " ".join(map(str, wanted)), f"is one of {len(found)}; name its groups")
        return found[0].chart

    @property
    def findings(self) -> tuple[tuple[GroupChart, ChartFinding], ...]:
        """What was found in any of them, with the chart that it is in."""
        return tuple((row, finding) for row in self.rows for finding in row.chart.findings)

    def to_dict(self) -> dict[str, list[Any]]:
        """The points of all charts as columns, groups among them."""
        names = dict.fromkeys(name for row in self.rows for name in row.group)
        parts = [row.chart.to_dict() | {"rules": [point.found for point in row.chart]} for row in self.rows]
        made: dict[str, list[Any]] = {"metric": [row.metric for row in self.rows for _ in row.chart]}
        for name in names:
            made[name] = [row.group.get(name) for row in self.rows for _ in row.chart]
        made["kind"] = [row.chart.kind for row in self.rows for _ in row.chart]
        return made | {name: [one for part in parts for one in part[name]] for name in parts[0]}

    def to_text(self, lang: Lang = "en") -> str:
        """The charts for people, in their language, each with why it is of its kind.

        Raises:
            NotFound: for an unknown language.
        """
        return self.display(lang, most=None).to_text()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The first charts, each with why it is of its kind; see `Shown.display`."""
        blocks: list[str | Display] = []
        for row in self.rows[:most]:
            blocks += [f"\n{row.title}: {row.why if lang == 'en' else row.why_zh}", row.chart.display(lang, most=most)]
        notes = [f"\n{note.en if lang == 'en' else note.zh}" for note in self.notes[:most]]
        return Display.of(*blocks, *notes, lang=lang)

    def plot(self, lang: Lang = "en") -> Chart:
        """The charts as one Vega-Lite specification, one below the other."""
        specs = [{**row.chart.plot(lang), "title": row.title} for row in self.rows]
        schema = [spec.pop("$schema") for spec in specs]
        return Chart({"$schema": schema[0], "vconcat": specs})


def _is_of(row: GroupChart, wanted: Sequence[str | None]) -> bool:
    rest = iter((*row.group.values(), row.unit))
    return row.metric == wanted[0] and all(name in rest for name in wanted[1:])


def chart(figures: Figures, kind: ChartChoice = "auto", **options: Unpack[ChartOptions]) -> Charts:
    """Charts of figures that were measured period by period: one for each metric and group.

    A share of cases gets a p chart, a rate a u chart, a count a c chart, and everything else an XmR chart;
    `GroupChart.why` says so. A share that allows for cases still open (Aalen-Johansen) is no count of cases: it gets
    an XmR chart. Periods that are not over, or have no figure, are no data.

    Args:
        figures: what `crmkit.metrics.measure` gave, with `every=`.
        kind: "auto", or the chart that all of them get.
        options: see `ChartOptions`; `labels` are the periods, and `every` is how many of them there are in a year.

    Raises:
        InvalidValue: for a chart that the figures are not made for, or if no group has enough data.
        NotFound: for an unknown kind.
    """
    if kind not in get_args(ChartChoice):
        raise NotFound("chart", kind, get_args(ChartChoice), "kind=")
    if options.get("labels") is not None:
        raise InvalidValue("labels", "given", "are the periods of the figures")
    buckets = figures.buckets
    told: ChartOptions = {**options, "labels": buckets.names}
    told.setdefault("every", _YEAR_US * len(buckets.names) / float(buckets.edges[-1] - buckets.edges[0]))
    made: list[GroupChart] = []
    notes: list[ChartNote] = []
    for rows in _grouped(figures):
        one = _charted(rows, kind, told, figures.level)
        (made if isinstance(one, GroupChart) else notes).append(one)  # type: ignore[arg-type] # of the one or the other
    if not made:
        periods = f"{len(buckets.names)} periods"
        raise InvalidValue(
            "figures", periods, "have too little data for a chart; measure with every=, over two at least"
        )
    return Charts(tuple(made), tuple(notes))


def _grouped(figures: Figures) -> Iterator[list[Figure]]:
    """The figures of each metric and group."""
    groups: dict[Any, list[Figure]] = {}
    for row in figures:
        groups.setdefault((row.metric, *row.group.items(), row.unit), []).append(row)
    yield from groups.values()


def _charted(rows: Sequence[Figure], kind: ChartChoice, options: ChartOptions, level: float) -> GroupChart | ChartNote:
    first = rows[0]
    what = first.method.split()[0].strip(",")
    auto, *why = _AUTO.get(what, ("xmr", *_OTHER))
    chosen = auto if kind == "auto" else kind
    if _NEEDS.get(chosen, what) != what:
        reason = f"is no {_NEEDS[chosen]}, which a {chosen} chart is for; it would get one of kind {auto!r}"
        raise InvalidValue("chart", f"{first.name} ({first.method})", reason)
    if chosen != auto:
        why = ["as asked for", "按要求选用"]
    names = tuple(options.get("labels") or ())
    by_period = {row.period: row for row in rows if row.complete}
    places = [by_period.get(name) for name in names]
    values, sizes = _columns(places, what, level)
    if options.get("limits") is None and not _enough(values, chosen, baseline_of(options.get("baseline"), len(values))):
        where = ", ".join([first.name, *(value or "(unknown)" for value in first.group.values())])
        return ChartNote(f"{where}: too little data for a chart.", f"{where}：数据不足，无法绘制控制图。")
    made = _OF_ONE[chosen](values, **options) if chosen in _OF_ONE else _OF_TWO[chosen](values, sizes, **options)
    return GroupChart(
        metric=first.metric, name=first.name, group=first.group, unit=first.unit, chart=made, why=why[0], why_zh=why[1]
    )


def _columns(places: Sequence[Figure | None], what: str, level: float) -> tuple[Floats, Floats]:
    """What is charted in each period, and of how many or of how much."""
    never = garwood(0, level=level)[1]
    made = [_counted(row, what, never) for row in places]
    return np.array([value for value, _ in made]), np.array([size for _, size in made])


def _counted(row: Figure | None, what: str, never: float) -> tuple[float, float]:
    if row is None or row.value is None:
        return np.nan, np.nan
    if what == "proportion":
        return round(row.value * row.n), row.n
    if what == "rate":
        # Of no events, the exposure is what their upper limit says.
        return row.n, row.n / row.value if row.n else never / (row.high or np.nan)
    return row.value, 1.0


def _enough(values: Floats, kind: ChartChoice, inside: Any) -> bool:
    there = np.where(inside, values, np.nan)
    if kind in ("xmr", "ewma", "laney p", "laney u"):
        return bool((~np.isnan(moving_ranges(there))).any())
    return bool((~np.isnan(there)).sum() > 1)


_OF_ONE: dict[str, Callable[..., ControlChart]] = {"xmr": xmr_chart, "ewma": ewma_chart, "c": c_chart}
_OF_TWO: dict[str, Callable[..., ControlChart]] = {
    "p": p_chart, "np": np_chart, "laney p": laney_p_chart, "u": u_chart, "laney u": laney_u_chart,
}  # fmt: skip
