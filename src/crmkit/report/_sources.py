"""What a page is made from, and what every panel does with it: measure, tell the change, show the rows behind."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import CrmkitError, InputError, InvalidValue, NotFound
from crmkit.events import Event
from crmkit.improve.improvement import Improvement
from crmkit.improve.review import Review
from crmkit.improve.tally import Tally
from crmkit.journal import Finding, Journal, Ledger
from crmkit.kb.usage import Searched
from crmkit.metrics import Facts, kpi, measure
from crmkit.metrics.figures import Figure, Figures
from crmkit.metrics.metric import Metric
from crmkit.report.charts import bilingual
from crmkit.report.figures import Report
from crmkit.report.panels import Alert, Grid, Panel, Said, Text, between, figure
from crmkit.rules.backtest import RuleEffect
from crmkit.values import Money, Period, from_micros, zone

__all__ = ["Made", "Sources", "kpi_panel", "limits", "line_of", "margins", "signed", "stays"]

#: What a function of panels gives: a panel, or why there is none, or None where there is no such question.
Made: TypeAlias = Panel | Text | None
_NO_FACTS = Text("none of these figures can be made of the facts", "现有数据无法计算这些指标")
_BETTER = {"more": "▲", "less": "▼", "neither": "·"}


@attrs.frozen(eq=False, slots=False)
class Sources:
    """All that is known; what is not given is None or empty.

    Attributes:
        sales: the report of the deals.
        facts: what figures are made of.
        over: the period that is looked at.
        review: what a team should talk about.
        cases: the improvement cases.
        tally: what became of them.
        rules: what each rule would have done.
        events: facts of cases, among which are the findings of rules.
        searches: what was searched, to name what was searched in vain.
        findings: what could not be used, of other sources.
    """

    sales: Report | None = None
    facts: Facts | None = None
    over: Period | None = None
    review: Review | None = None
    cases: tuple[Improvement, ...] = ()
    tally: Tally | None = None
    rules: tuple[RuleEffect, ...] = ()
    events: tuple[Event, ...] = ()
    searches: tuple[Searched, ...] = ()
    findings: tuple[Finding, ...] = ()

    @cached_property
    def moved(self) -> dict[str, tuple[Figure, ...]]:
        """The figures that changed, though so many were looked at, by metric."""
        found: dict[str, tuple[Figure, ...]] = {}
        for row in self.review.changed if self.review else ():
            found[row.metric] = (*found.get(row.metric, ()), row)
        return found

    @property
    def ledger(self) -> Ledger:
        """The ledger.

        Raises:
            InvalidValue: if there is none.
        """
        if self.facts is None or self.facts.ledger is None:
            raise InvalidValue("facts", "no ledger", "have no amounts; give dated facts")
        return self.facts.ledger

    @property
    def deals(self) -> Journal:
        """The journal of deals.

        Raises:
            InvalidValue: if there is none.
        """
        if self.facts is None or self.facts.journal is None:
            raise InvalidValue("facts", "no journal", "have no deals; give the stays of deals")
        return self.facts.journal

    @cached_property
    def there(self) -> frozenset[str]:
        """What the facts hold: kinds of the ledger, and journals; a kind of which there is no row is not there."""
        if self.facts is None:
            return frozenset()
        found = {name for name in ("journal", "service", "complaints") if getattr(self.facts, name) is not None}
        if self.facts.ledger is not None:
            kinds = self.facts.ledger.kinds
            found |= {kinds.values[code] for code in np.unique(kinds.codes).tolist() if code >= 0}
        return frozenset(found)

    def measured(self, keys: Iterable[str], *, monthly: bool = False) -> tuple[list[Figures], tuple[str, ...]]:
        """Figures of the period, or of the months up to its end, one table a metric; and those that cannot be made."""
        made, silent = list[Figures](), list[str]()
        facts, over = self.facts, self.over
        for key in keys if facts is not None and over is not None else ():
            assert facts is not None  # noqa: S101 - the loop runs only if there are facts
            assert over is not None  # noqa: S101 - likewise
            if not self.there.issuperset(kpi.named(key).about.needs):
                silent.append(key)
                continue
            end = min(from_micros(facts.until(), zone(facts.tz)), from_micros(over.instants(zone(facts.tz))[1]))
            try:
                figures = (
                    measure(facts, key, over=self.months(facts, over), every="month", as_of=end)
                    if monthly
                    else measure(facts, key, over=over, as_of=end, versus="previous")
                )
            except (InvalidValue, NotFound, InputError):
                silent.append(key)
                continue
            if any(row.value is not None for row in figures):
                made.append(figures)
            else:
                silent.append(key)
        return made, tuple(silent)

    @staticmethod
    def months(facts: Facts, over: Period) -> Period:
        """The whole months that were observed up to the end of the period, two years at most."""
        first = from_micros(facts.since(), zone(facts.tz)).date()
        year, month = divmod(over.end.year * 12 + over.end.month - 1 - 24, 12)
        begun = max(first.replace(day=1), over.end.replace(year=year, month=month + 1, day=1))
        return Period(min(begun, over.start), over.end, "months", over.calendar)


def stays(rows_of: Journal | Ledger, rows: npt.ArrayLike, *, most: int = 12) -> Grid:
    """The latest of some rows of a journal or a ledger."""
    places = np.asarray(rows, np.int64)
    at = rows_of.entered if isinstance(rows_of, Journal) else rows_of.at
    chosen = places[np.argsort(-at[places], kind="stable")[:most]]
    grid = Grid.columns(rows_of[chosen].to_dict(), most=most) if len(chosen) else Grid((), ())
    return attrs.evolve(grid, left_out=len(places) - len(chosen))


def line_of(figures: Figures) -> Any:
    """The first metric of figures over months as a chart in both languages."""
    spec = bilingual(figures.plot(lang="en"), figures.plot(lang="zh"))
    for layer in spec["layer"]:
        # The title says what is drawn; one group needs no legend.
        layer["encoding"]["y"]["title"] = None
        layer["encoding"]["color"]["legend"] = None
    return {**spec, "width": 640, "height": 150}


def limits(row: Figure) -> str:
    """The interval of a figure in its unit."""
    return between(row.low, row.high, row.unit)


def signed(value: float | None, unit: str = "") -> str:
    """A difference with its sign; of shares in points."""
    if value is None:
        return "–"
    text = figure(abs(100 * value)) if unit == "share" else figure(abs(value))
    return f"{'+' if value >= 0 else '-'}{text}{' pp' if unit == 'share' else ''}"


def kpi_panel(given: Sources, keys: Sequence[str], name: tuple[str, Text], *, draws: str | None = None) -> Made:
    """A table of KPIs, each with its interval and its change since the period before.

    Args:
        given: the sources.
        keys: the metrics.
        name: the id and the title of the panel.
        draws: the metric whose months are drawn.
    """
    made, _ = given.measured(keys)
    rows = [(kpi.named(row.metric), row) for figures in made for row in figures if row.value is not None]
    if not rows or given.over is None:
        return _NO_FACTS
    heads = (
        Text("KPI", "指标"), Text("value", "数值"), Text("95 % interval", "95% 区间"), Text("before", "上期"),
        Text("change, interval", "变化及区间"), Text("n", "样本数"), Text("open", "进行中"), Text("unusable", "不可用"),
    )  # fmt: skip
    first = rows[0][1]
    months = given.measured([draws], monthly=True)[0] if draws else []
    worse = [row for key in keys for row in given.moved.get(key, ())]
    return Panel(
        id=name[0], title=name[1], says=_told(rows, worse, given.over), n=first.n, n_open=first.n_open,
        n_unusable=max(row.n_unusable for _, row in rows), method=first.method, definition=first.definition,
        about=_abouts(metric for metric, _ in rows), chart=line_of(months[0]) if months else None,
        table=Grid.of(heads, [_kpi_row(metric, row) for metric, row in rows]), rows=_evidence(made[0], first),
        alerts=tuple(_changed(row) for row in worse), wide=True,
    )  # fmt: skip


def _abouts(metrics: Iterable[Metric]) -> Text:
    once = {metric.key: metric.about for metric in metrics}
    en = " ".join(f"{about.en}: {about.formula}" for about in once.values())
    zh = " ".join(f"{about.zh}：{about.formula}" for about in once.values())
    return Text(en, zh)


def _told(rows: list[tuple[Metric, Figure]], moved: list[Figure], over: Period) -> Text:
    if not moved:
        said = Text(
            "{n} figures of {period}; none changed by more than chance since the period before.",
            "{period} 的 {n} 个指标；与上期相比，均无超出偶然的变化。",
        )
        return said.format(n=len(rows), period=over.name)
    said = Text(
        "{n} figures of {period}; {k} changed by more than chance.", "{period} 的 {n} 个指标；{k} 个的变化超出偶然。"
    )
    return said.format(n=len(rows), period=over.name, k=len(moved))


def _kpi_row(metric: Metric, row: Figure) -> list[Said]:
    inner = [value for value in row.group.values() if value is not None]
    name = Text(" · ".join([metric.about.en, *inner]), " · ".join([metric.about.zh, *inner]))
    change = signed(row.change, row.unit)
    span = (
        "" if row.change_low is None else f" ({signed(row.change_low, row.unit)} … {signed(row.change_high, row.unit)})"
    )
    return [
        name, shown(row), limits(row), figure(row.base, row.unit), change + span, f"{row.n:,}", f"{row.n_open:,}",
        f"{row.n_unusable:,}",
    ]  # fmt: skip


def shown(row: Figure) -> str:
    """A figure with its unit."""
    if isinstance(row.exact, Money):
        return f"{row.exact.amount:,.2f} {row.unit}"
    return figure(row.value, row.unit) if row.unit == "share" else f"{figure(row.value)} {row.unit}"


def _evidence(figures: Figures, row: Figure) -> Grid | None:
    try:
        behind = figures.explain(row).rows
    except CrmkitError:
        return None
    return next((Grid.columns(columns) for columns in behind.values()), None)


def _changed(row: Figure) -> Alert:
    """A figure that changed by more than chance."""
    about = kpi.named(row.metric).about
    inner = [value for value in row.group.values() if value is not None]
    change, low, high = row.change or 0.0, row.change_low or 0.0, row.change_high or 0.0
    near = low if change > 0 else high
    good = about.better == ("more" if change > 0 else "less")
    mark = "" if about.better == "neither" else " ✓" if good else " ✗"
    return Alert(
        says=Text(" · ".join([about.en, *inner]) + mark, " · ".join([about.zh, *inner]) + mark),
        value=shown(row), base=figure(row.base, row.unit),
        limits=f"{signed(change, row.unit)} ({signed(low, row.unit)} … {signed(high, row.unit)})", n=f"{row.n:,}",
        weight=margins(change, near), good=good, about=row.metric,
    )  # fmt: skip


def margins(change: float, near: float) -> float:
    """By how many margins of error something differs, given the limit nearer to no difference.

    >>> margins(0.2, 0.1), margins(-0.2, -0.2)
    (2.0, 9.0)
    """
    error = abs(change - near)
    return min(abs(change) / error, 9.0) if error else 9.0
