"""Panels of the deals' report: funnel, flow, conversion, the win curve, times, people, what is open."""

import math
from collections.abc import Callable, Iterator

import attrs
import numpy as np

from crmkit.metrics.conversion import Rate
from crmkit.metrics.signals import Signal
from crmkit.pipeline.flow import directly_follows
from crmkit.report import charts
from crmkit.report._flow_chart import flow_chart
from crmkit.report._sankey import Moves, lay_out
from crmkit.report._sources import Made, Sources, margins, stays
from crmkit.report.figures import Report
from crmkit.report.panels import Alert, Cell, Grid, Mark, Panel, Said, Spec, Text, between, figure
from crmkit.report.text import horizon
from crmkit.report.words import LANGUAGES, Words, days, percent, span

__all__ = ["conversion", "curve", "flow", "funnel", "open_cases", "people", "times", "word"]

_MOST_PEOPLE = 60
_NO_SALES = Text("no stays of deals were given", "没有商机阶段数据")


def word(key: str) -> Text:
    """A word of the report in both languages."""
    return Text(LANGUAGES["en"][key], LANGUAGES["zh"][key])


def _drawn(chart: Callable[[Report, Words], Spec], report: Report) -> Spec:
    return charts.bilingual(chart(report, LANGUAGES["en"]), chart(report, LANGUAGES["zh"]))


def _days(value: float | None) -> Text:
    return Text(days(value, LANGUAGES["en"]), days(value, LANGUAGES["zh"]))


def _span(low: float | None, high: float | None) -> Text:
    return Text(span(low, high, LANGUAGES["en"]), span(low, high, LANGUAGES["zh"]))


def funnel(given: Sources) -> Made:
    """Cases by the stages they reached."""
    if given.sales is None:
        return _NO_SALES
    report = given.sales
    last, first = report.funnel.rows[-1], report.funnel.rows[0]
    says = Text("Of {n} cases {k} reached {stage}: {share}.", "{n} 个商机中有 {k} 个到达“{stage}”：{share}。")
    heads = (
        word("stage"),
        word("cases"),
        Text("share", "占比"),
        word("interval"),
        word("open"),
        Text("skipped", "跳过"),
    )
    return Panel(
        id="funnel", title=word("funnel"), about=word("funnel_note"), n=first.n, n_open=first.n_open,
        says=says.format(n=f"{first.n:,}", k=f"{last.cases:,}", stage=last.stage, share=figure(last.share, "share")),
        method=first.method, definition=first.definition, chart=_drawn(charts.funnel_chart, report),
        table=Grid.of(heads, [
            (row.stage, f"{row.cases:,}", figure(row.share, "share"), between(row.low, row.high, "share"),
             f"{row.n_open:,}", f"{row.skipped:,}") for row in report.funnel
        ]),
        rows=stays(report.journal, np.arange(len(report.journal))),
    )  # fmt: skip


def flow(given: Sources) -> Made:
    """From stage to stage, as often as it happened."""
    if given.sales is None:
        return _NO_SALES
    report, journal = given.sales, given.sales.journal
    closed = [name for name in (*report.order.won, *report.order.lost) if name in journal.stages.values]
    graph = directly_follows(journal, closed=closed)
    size = np.bincount(journal.stages.codes, minlength=len(journal.stages.values)).tolist()
    counted = dict(zip(journal.stages.values, size, strict=True))
    moves = {(row.stage, row.next): row.n for row in graph}
    won, lost = (
        [name for name in report.order.names if name in kind] for kind in (report.order.won, report.order.lost)
    )
    drawing = lay_out(Moves(report.order.open, won, lost, counted, moves, dict(graph.open)))
    order = {name: place for place, name in enumerate(report.order.names)}
    back = sum(n for (stage, then), n in moves.items() if order.get(then, 99) < order.get(stage, -1))
    says = Text("{n} moves, {k} of them back to an earlier stage.", "共 {n} 次流转，其中 {k} 次退回前面的阶段。")
    heads = (word("stage"), Text("next", "下一阶段"), Text("moves", "次数"), Text("share of moves", "占比"),
             Text("median days before", "此前停留天数（中位）"))  # fmt: skip
    return Panel(
        id="flow", title=Text("From stage to stage", "阶段流转"),
        n=sum(moves.values()), n_open=sum(graph.open.values()),
        says=says.format(n=f"{sum(moves.values()):,}", k=f"{back:,}"),
        about=Text("Stays by the stage that directly follows; those that last are stubs, moves back are arcs above.",
                   "按紧随其后的阶段统计停留；仍在进行的为短带，退回为上方弧线。"),
        method="count", chart=charts.bilingual(*(flow_chart(drawing, LANGUAGES[lang]) for lang in ("en", "zh"))),
        table=Grid.of(heads, [
            (row.stage, row.next, f"{row.n:,}", figure(row.share, "share"), figure(row.median)) for row in graph
        ], words=2),
        rows=stays(journal, np.flatnonzero(journal.next >= 0)), wide=True,
    )  # fmt: skip


def conversion(given: Sources) -> Made:
    """The chance that a stay leads on, stage by stage."""
    if given.sales is None:
        return _NO_SALES
    report = given.sales
    rows = [row for row in report.rates if row.who is None]
    if not rows:
        return Text("no stage has a stay", "没有任何阶段停留")
    known = [row for row in rows if row.entered >= 10] or rows
    least = min(known, key=lambda row: row.value)
    times_of = {row.stage: row for row in report.times}
    says = Text(
        "“{stage}” is the narrowest: {value} lead on ({limits}).", "“{stage}”最窄：{value} 继续推进（{limits}）。"
    )
    heads = tuple(map(word, ("stage", "entered", "advanced", "lost", "back", "open", "value", "interval", "closed_only",
                             "times", "interval")))  # fmt: skip
    table: list[list[Said]] = []
    for row in rows:
        time = times_of.get(row.stage)
        counts = [f"{n:,}" for n in (row.entered, row.advanced, row.lost, row.back, row.open)]
        table.append([
            row.stage, *counts, percent(row.value), f"{percent(row.low)}–{percent(row.high)}", percent(row.closed_only),
            _days(time.median if time else None), _span(time.low, time.high) if time else "–",
        ])  # fmt: skip
    return Panel(
        id="conversion", title=word("conversion"), about=word("conversion_note"), n=sum(row.entered for row in rows),
        n_open=sum(row.open for row in rows), method="aalen-johansen / wilson", definition=report.rates.definition,
        says=says.format(stage=least.stage, value=percent(least.value), limits=between(least.low, least.high, "share")),
        chart=_drawn(charts.conversion_chart, report), table=Grid.of(heads, table), rows=_stays_in(report, least.stage),
    )  # fmt: skip


def _stays_in(report: Report, stage: str) -> Grid:
    journal = report.journal
    return stays(journal, np.flatnonzero(journal.stages.codes == journal.stage_code(stage)))


def curve(given: Sources) -> Made:
    """The chance that a new case is won by a day."""
    if given.sales is None:
        return _NO_SALES
    report, found = given.sales, given.sales.curve
    if not found.rows:
        return word("no_won")
    by = horizon(report)
    marks = [day for day in (30, 60, 90, 180, 365) if day <= found.observed] or [by]
    heads = (word("days"), word("won"), word("interval"), word("lost"), Text("still watched", "仍在观察"))
    points = {day: found.at(day) for day in {*marks, by}}
    at = points[by]
    off = not at.low <= found.closed_only <= at.high and found.won > 0
    bias = Alert(
        says=word("bias"), value=percent(at.won), base=percent(found.closed_only), n=f"{found.n:,}",
        limits=between(at.low, at.high, "share"), panel="curve",
        weight=margins(found.closed_only - at.won, (at.high if found.closed_only > at.won else at.low) - at.won),
    )  # fmt: skip
    says = Text("{value} of new cases are won within {days} days ({limits}); won / closed would say {naive}.",
                "{days} 天内有 {value} 的新商机赢单（{limits}）；赢单/已关闭则为 {naive}。")  # fmt: skip
    return Panel(
        id="curve", title=word("curve"), about=word("curve_note"), n=found.n, n_open=found.n_open, method=found.method,
        definition=found.definition, chart=_drawn(charts.curve_chart, report), alerts=(bias,) if off else (),
        says=says.format(value=percent(at.won), days=by, limits=between(at.low, at.high, "share"),
                         naive=percent(found.closed_only)),
        table=Grid.of(heads, [
            (str(day), percent(p.won, 1), between(p.low, p.high, "share"), percent(p.lost, 1), f"{p.at_risk:,}")
            for day, p in sorted(points.items())
        ]),
    )  # fmt: skip


def times(given: Sources) -> Made:
    """How long stays last."""
    if given.sales is None:
        return _NO_SALES
    report = given.sales
    rows = report.times.rows
    if not rows:
        return Text("no stay has ended", "没有已结束的停留")
    known = [row for row in rows if math.isfinite(row.median)]
    longest = max(known, key=lambda row: row.median) if known else rows[0]
    says = Text("Half of the stays in “{stage}” take longer than {median}.", "“{stage}”有一半停留超过 {median}。")
    half, most = Text("median", "中位数"), Text("nine in ten within", "九成不超过")
    heads = (word("stage"), half, word("interval"), most, word("n"), word("open"))
    return Panel(
        id="times", title=word("times"), about=word("times_note"), n=sum(row.n for row in rows),
        n_open=sum(row.n_open for row in rows), method=rows[0].method, definition=rows[0].definition,
        says=says.format(stage=longest.stage, median=_days(longest.median)),
        chart=_drawn(charts.times_chart, report) if known else None,
        table=Grid.of(heads, [
            (row.stage, _days(row.median), _span(row.low, row.high), _days(row.p90), f"{row.n:,}", f"{row.n_open:,}")
            for row in rows
        ]),
        rows=_stays_in(report, longest.stage),
    )  # fmt: skip


def people(given: Sources) -> Made:
    """Who leads on how often in which stage, and who is out of line."""
    if given.sales is None:
        return _NO_SALES
    report = given.sales
    if not report.signals.rows:
        return word("dimension_missing")
    shown, few = _ranked(report)
    if not shown:
        return Text("nobody has enough data in any stage", "所有人在各阶段的样本都太少")
    calls = sorted(report.signals.calls, key=lambda one: one.q)
    says = (
        word("said_calls").format(n=len(calls), false=f"{report.signals.false_alarms:.1f}")
        if calls
        else word("nothing")
    )
    if few:
        says = Text(f"{says.en} + {few} {word('too_few').en}.", f"{says.zh} + {few} {word('too_few').zh}。")
    rows: list[tuple[Said | Cell, ...]] = [(who, *(_cell(*pair) for pair in cells)) for who, cells in shown]
    table = Grid.of([word("who"), *report.order.open], rows, most=_MOST_PEOPLE)
    first = report.signals.rows[0]
    return Panel(
        id="people", title=word("people"), says=says, about=word("people_note"), n=sum(one.n for one in report.signals),
        n_open=sum(one.n_open for one in report.signals), method=first.method, definition=first.definition,
        table=table, alerts=() if given.review else tuple(map(_call, calls)), wide=True,
        rows=_of_person(report, calls[0]) if calls else None,
    )  # fmt: skip


def _call(one: Signal) -> Alert:
    near = one.low if one.effect > 0 else one.high
    said = Text("{mark} {who} in “{stage}”: {en}", "{mark} {who}（{stage}）：{en}")
    mark = {"coach": "▼", "share": "▲"}[one.kind]
    return Alert(
        says=said.format(mark=mark, who=one.who, stage=one.stage, en=word(one.kind)), value=percent(one.value),
        base=percent(one.centre), limits=_gap(one), n=f"{one.n:,}", weight=max(margins(one.effect, near), 1.0),
        good=one.kind == "share", about=one.who,
    )  # fmt: skip


def _gap(one: Signal) -> str:
    low, value, high = (100 * part for part in (one.low, one.effect, one.high))
    return f"{value:+.0f} pp ({low:+.0f} … {high:+.0f})"


def _of_person(report: Report, one: Signal) -> Grid:
    journal = report.journal
    mine = journal.who.codes == journal.who.values.index(one.who)
    return stays(journal, np.flatnonzero(mine & (journal.stages.codes == journal.stage_code(one.stage))))


def _ranked(report: Report) -> tuple[list[tuple[str, list[tuple[Rate | None, Signal | None]]]], int]:
    """Whoever has enough data in some stage, the most marked first; and how many have not."""
    rates = {(row.who, row.stage): row for row in report.rates if row.who is not None}
    found = {(row.who, row.stage): row for row in report.signals}
    names = list(dict.fromkeys(who for who, _ in rates if who is not None))
    shown: list[tuple[str, list[tuple[Rate | None, Signal | None]]]] = []
    for who in names:
        cells = [(rates.get((who, stage)), found.get((who, stage))) for stage in report.order.open]
        if any(signal is not None and signal.kind != "insufficient data" for _, signal in cells):
            shown.append((who, cells))
    shown.sort(key=lambda row: (-sum(bool(s and s.kind in ("coach", "share")) for _, s in row[1]), row[0]))
    return shown[:_MOST_PEOPLE], len(names) - min(len(shown), _MOST_PEOPLE)


def _cell(rate: Rate | None, signal: Signal | None) -> Cell:
    if rate is None:
        return Cell("")
    kind = signal.kind if signal else ""
    mark: Mark = kind if kind in ("coach", "share", "watch") else ""
    small = Text.of("{limits} · {of} {n} · {still} {open}" if rate.open else "{limits} · {of} {n}")
    limits = f"{percent(rate.low)}–{percent(rate.high)}"
    said = small.format(limits=limits, of=word("n"), n=rate.entered, still=word("open"), open=rate.open)
    return Cell(percent(rate.value), said, mark)


def open_cases(given: Sources) -> Made:
    """What is open, by age, and what has waited longest."""
    if given.sales is None:
        return _NO_SALES
    found = given.sales.open_cases
    if not found.rows:
        return Text("no case is open", "没有进行中的商机")
    n = sum(row.cases for row in found.rows)
    late = sum(row.overdue or 0 for row in found.rows)
    says = Text("{n} cases are open; {late} have waited longer than nine in ten stays do.",
                "{n} 个商机进行中；{late} 个的等待时间超过九成的停留。")  # fmt: skip
    heads = (word("stage"), word("open"), word("median_age"), word("oldest"), word("overdue"))
    oldest = Grid.of(
        list(map(word, ("case", "stage", "who", "days"))),
        [(case, stage, who or "–", f"{age:.0f}") for case, stage, who, age in found.oldest],
        words=3,
    )
    return Panel(
        id="open", title=word("open_cases"), n=n, n_open=n, says=says.format(n=f"{n:,}", late=f"{late:,}"),
        about=Text("Days since an open case entered its stage; overdue is beyond nine in ten stays in it.",
                   "进行中商机进入当前阶段的天数；超期指超过该阶段停留时间的第 90 百分位。"),
        method="count; Kaplan-Meier 90 % quantile", chart=_drawn(charts.open_chart, given.sales),
        table=Grid.of(heads, [
            (row.stage, f"{row.cases:,}", _days(row.median_age), _days(row.oldest),
             "–" if row.overdue is None else f"{row.overdue:,}") for row in found.rows
        ]),
        rows=attrs.evolve(oldest, left_out=max(n - len(found.oldest), 0)), alerts=tuple(_overdue(given.sales, n)),
    )  # fmt: skip


def _overdue(report: Report, n: int) -> Iterator[Alert]:
    worst = sorted((row for row in report.open_cases.rows if row.overdue), key=lambda row: -(row.overdue or 0))[:2]
    for row in worst:
        yield Alert(
            says=word("alert_overdue").format(stage=row.stage), value=f"{row.overdue:,}", base=f"{row.cases:,}",
            weight=(row.overdue or 0) / n,
        )  # fmt: skip
