"""Panels of work: response and backlog, control charts, rules, knowledge."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import attrs

from crmkit.errors import InvalidValue
from crmkit.events import Found
from crmkit.kb.usage import in_vain
from crmkit.metrics import kpi, spc
from crmkit.metrics.estimators import wilson
from crmkit.metrics.figures import Figures
from crmkit.report._sources import Made, Sources, kpi_panel
from crmkit.report.charts import bilingual
from crmkit.report.panels import Alert, Grid, Panel, Spec, Text, between, figure
from crmkit.rules.backtest import Effect, RuleEffect

__all__ = ["backlog", "charted", "complaints", "fired", "knowledge", "passed_over", "response", "unanswered"]

_MOST_CHARTS = 6
_LANGS: tuple[Literal["en"], Literal["zh"]] = ("en", "zh")


def response(given: Sources) -> Made:
    """How soon customers are answered and helped."""
    keys = ("first_response", "first_response_within", "next_response", "resolution_time", "resolved_within",
            "first_contact_resolution", "tickets_reopened")  # fmt: skip
    return kpi_panel(given, keys, ("response", Text("Response and resolution", "响应与解决")), draws="first_response")


def backlog(given: Sources) -> Made:
    """What is not done, and whether it grows."""
    keys = ("open_tickets", "tickets_arrived", "tickets_left", "backlog_growth", "days_to_clear", "oldest_ticket",
            "backlog_age")  # fmt: skip
    return kpi_panel(given, keys, ("backlog", Text("Backlog", "积压")), draws="open_tickets")


def complaints(given: Sources) -> Made:
    """What customers complain about."""
    keys = ("complaints", "complaint_rate", "complaints_resolved", "complaints_reopened", "complaint_recurrence")
    return kpi_panel(given, keys, ("complaints", Text("Complaints", "投诉")), draws="complaint_rate")


def knowledge(given: Sources) -> Made:
    """Whether what is known is found and used."""
    keys = ("searches_without_result", "deflection", "link_rate", "card_reuse", "stale_cards", "contributions")
    title = Text("Knowledge: found and used", "知识：检索与使用")
    return kpi_panel(given, keys, ("knowledge", title), draws="searches_without_result")


def unanswered(given: Sources) -> Made:
    """The questions that found nothing, the most frequent first."""
    if not given.searches:
        return Text("no searches were given", "没有检索记录")
    vain = in_vain(given.searches)
    asked = Counter(one.question for one in given.searches)
    missed = Counter(one.question for one in vain)
    says = Text("{n} of {all} searches found nothing.", "{all} 次检索中有 {n} 次没有结果。")
    heads = (
        Text("question", "问题"),
        Text("in vain", "无结果"),
        Text("asked", "检索次数"),
        Text("95 % interval", "95% 区间"),
    )
    rows = [(question, f"{n:,}", f"{asked[question]:,}", between(*wilson(n, asked[question]), "share"))
            for question, n in missed.most_common()]  # fmt: skip
    latest = sorted(vain, key=lambda one: one.at, reverse=True)
    return Panel(
        id="unanswered", title=Text("Questions without an answer", "无答案的问题"), n=len(given.searches),
        says=says.format(n=f"{len(vain):,}", all=f"{len(given.searches):,}"), method="count; wilson",
        about=Text("Searches that found nothing, by question; each is the draft of a card.",
                   "没有结果的检索，按问题统计；每一条都可以写成一张知识卡片。"),
        table=Grid.of(heads, rows),
        rows=Grid.of((Text("when", "时间"), Text("question", "问题"), Text("customer", "客户")),
                     [(f"{one.at:%Y-%m-%d %H:%M}", one.question, one.customer or "–") for one in latest],
                     most=12, words=3),
        alerts=tuple(
            Alert(says=Text("Nothing is found for “{question}”", "检索“{question}”没有结果").format(question=question),
                  value=f"{n:,}", base=f"{asked[question]:,}", weight=n / len(given.searches))
            for question, n in missed.most_common(1) if n > 2
        ),
    )  # fmt: skip


def charted(given: Sources) -> Made:
    """Figures month by month that a control chart finds something in."""
    keys = [metric.key for metric in kpi.CATALOGUE if metric.about.unit != "money" and not metric.about.within]
    made, _ = given.measured(keys, monthly=True)
    drawn = list(_charts(made))
    if not drawn:
        return Text("no figure has two whole months of data", "没有任何指标有两个完整月份的数据")
    # What is out of line now comes before what was so once.
    drawn.sort(key=lambda one: (not one.chart.rows[-1].rules, -abs(one.chart.rows[-1].z or 0.0)))
    found = [one for one in drawn if one.chart.findings]
    shown = (found or drawn)[:_MOST_CHARTS]
    says = Text("{k} of {n} charts find more than the usual ups and downs; {shown} are drawn.",
                "{n} 张控制图中有 {k} 张发现超出常规波动；绘出 {shown} 张。")  # fmt: skip
    specs = [bilingual(*(_plain(one, lang) for lang in _LANGS)) for one in shown]
    heads = (
        Text("figure", "指标"), Text("chart", "图种"), Text("points", "点数"), Text("found", "发现"),
        Text("usual", "中心"), Text("false alarms a year", "每年误报"),
    )  # fmt: skip
    return Panel(
        id="charts", title=Text("Control charts", "控制图"), n=sum(len(one.chart.rows) for one in drawn), wide=True,
        says=says.format(k=len(found), n=len(drawn), shown=len(shown)),
        method="Shewhart charts, Western Electric rules",
        about=Text("Each figure of the catalogue month by month, with limits of its own past; the kind of chart "
                   "follows from what is counted. An orange point breaks a rule.",
                   "目录中各指标逐月绘制，控制限取自其自身历史；图种由计数方式决定。橙色点违反判异规则。"),
        chart=_stacked(specs),
        table=Grid.of(heads, [
            (_name(one), one.chart.kind, f"{len(one.chart.rows)}", f"{len(one.chart.findings)}",
             figure(one.chart.limits.centre), figure(_false(one))) for one in drawn
        ]),
        alerts=tuple(_broken(one) for one in found if one.chart.rows[-1].rules),
    )  # fmt: skip


def _plain(one: spc.GroupChart, lang: Literal["en", "zh"]) -> Spec:
    """A chart without that of its spread, under the name of its figure."""
    spec = attrs.evolve(one.chart, spread=None).plot(lang)
    for layer in spec["layer"]:
        if "y" in layer["encoding"]:
            layer["encoding"]["y"]["title"] = None
    return {**spec, "title": getattr(_name(one), lang), "width": 340, "height": 120}


def _charts(made: Iterable[Figures]) -> Iterator[spc.GroupChart]:
    for figures in made:
        try:
            yield from spc.chart(figures)
        except InvalidValue:
            # Too little data for a chart: it is not in the table.
            continue


def _name(one: spc.GroupChart) -> Text:
    about = kpi.named(one.metric).about
    inner = [value or "–" for value in one.group.values()]
    return Text(" · ".join([about.en, *inner]), " · ".join([about.zh, *inner]))


def _false(one: spc.GroupChart) -> float | None:
    return one.chart.run_length().alarms_per_year if one.chart.rules else None


def _stacked(specs: list[Spec]) -> Spec:
    """Several charts as one, two beside each other."""
    words: dict[str, str] = {}
    for spec in specs:
        words |= spec.pop("usermeta")["zh"]
        spec.pop("$schema")
    schema = "https://vega.github.io/schema/vega-lite/v5.json"
    resolve = {"scale": {"x": "independent", "y": "independent", "color": "independent"}}
    return {"$schema": schema, "concat": specs, "columns": 2, "resolve": resolve, "usermeta": {"zh": words}}


def _broken(one: spc.GroupChart) -> Alert:
    last, name = one.chart.rows[-1], _name(one)
    unit = "share" if one.unit == "share" else ""
    says = Text("{name} is out of its usual range in {period}", "{name} 在 {period} 超出常规范围")
    named = figure(last.value, unit) + ("" if unit else f" {one.unit}")
    better, higher = kpi.named(one.metric).about.better, (last.value or 0.0) > (last.centre or 0.0)
    return Alert(
        says=says.format(name=name, period=last.label), value=named, base=figure(last.centre, unit),
        limits=between(last.low, last.high, unit), n="" if one.chart.kind == "xmr" else figure(last.n),
        weight=max(abs(last.z or 3.0) / 3.0, 1.0), good=better == ("more" if higher else "less"), about=one.metric,
    )  # fmt: skip


def fired(given: Sources) -> Made:
    """What each rule would have stopped in history, and what a newer version would change."""
    if not given.rules:
        return Text("no rules were tried on history", "没有对历史试运行规则")
    rows = sorted(given.rules, key=lambda row: -row.failed.n)
    first = rows[0]
    tried = any(row.newly_failed for row in rows)
    says = Text("“{rule}” stops most: {n} of {all} ({share}).", "“{rule}”拦截最多：{all} 条中 {n} 条（{share}）。")
    new = (Text("newly fails", "新增不通过"), Text("newly passes", "新增通过"), Text("proved", "已证明"))
    heads = (
        Text("rule", "规则"), Text("judged", "判定"), Text("would fail", "不通过"), Text("share", "占比"),
        Text("95 % interval", "95% 区间"), Text("amount", "金额"), Text("cannot tell", "无法判定"),
        *(new if tried else ()),
    )  # fmt: skip
    return Panel(
        id="rules", title=Text("What rules would have done", "规则回测"), n=first.judged.n, method="replay; wilson",
        says=says.format(rule=first.rule, n=f"{first.failed.n:,}", all=f"{first.judged.n:,}",
                         share=figure(first.failed.n / max(first.judged.n, 1), "share")),
        about=Text("Every record of history judged by every rule; with a newer version in shadow, what would change, "
                   "replayed and proved.", "用每条规则判定全部历史记录；若有新版本影子运行，给出经回放与证明的变化。"),
        table=Grid.of(heads, [_effect(row, tried=tried) for row in rows]), wide=True,
    )  # fmt: skip


def _effect(row: RuleEffect, *, tried: bool) -> tuple[str | Text, ...]:
    name = " · ".join([row.rule, *(str(one) for one in row.group if one is not None)])
    low, high = wilson(row.failed.n, row.judged.n)
    made = (
        name, f"{row.judged.n:,}", f"{row.failed.n:,}", figure(row.failed.n / max(row.judged.n, 1), "share"),
        between(low, high, "share"), _weight(row.failed), f"{row.unanswered.n:,}",
    )  # fmt: skip
    if not tried:
        return made
    sure = {True: Text("yes", "是"), False: Text("no", "否"), None: Text.of("–")}[row.proved]
    return (*made, _n(row.newly_failed), _n(row.newly_kept), sure)


def _n(effect: Effect | None) -> str:
    return "–" if effect is None else f"{effect.n:,}"


def _weight(effect: Effect) -> str:
    return "–" if effect.weight is None else f"{effect.weight:,.0f}"


def passed_over(given: Sources) -> Made:
    """Which warnings people pass over, and what rules in shadow would have said."""
    found = [event for event in given.events if isinstance(event, Found)]
    if not found:
        return Text("no rule has spoken in these facts", "这些事实中没有规则发言")
    open_, shadow = Counter[str](), Counter[str]()
    for event in found:
        (shadow if event.shadow else open_)[event.rule] += event.verdict == "false"
    says = Text("{n} warnings were passed over; rules in shadow would have spoken {k} times.",
                "{n} 次警告被越过；影子规则本会发言 {k} 次。")  # fmt: skip
    heads = (Text("rule", "规则"), Text("passed over", "被越过"), Text("in shadow", "影子"))
    names = sorted({*open_, *shadow}, key=lambda name: -(open_[name] + shadow[name]))
    latest = sorted(found, key=lambda event: event.at, reverse=True)
    total = max(open_.total(), 1)
    return Panel(
        id="overrides", title=Text("Warnings passed over", "被越过的警告"), n=len(found), method="count",
        says=says.format(n=f"{open_.total():,}", k=f"{shadow.total():,}"),
        about=Text("Findings of rules that were no errors: the case went on all the same. What a rule in shadow says, "
                   "nobody saw.", "规则给出的非错误性结论：案例仍继续。影子规则的结论无人看到。"),
        table=Grid.of(heads, [(name, f"{open_[name]:,}", f"{shadow[name]:,}") for name in names]),
        rows=Grid.of((Text("when", "时间"), Text("case", "案例"), Text("rule", "规则"), Text("who", "人员")),
                     [(f"{one.at:%Y-%m-%d %H:%M}", one.case, one.rule, one.who or "–") for one in latest],
                     most=12, words=4),
        alerts=tuple(
            Alert(says=Text("The warning “{rule}” is passed over", "警告“{rule}”被越过").format(rule=rule),
                  value=f"{n:,}", base=f"{open_.total():,}", weight=n / total)
            for rule, n in open_.most_common(1) if n > 2
        ),
    )  # fmt: skip
