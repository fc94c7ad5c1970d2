"""Panels of amounts: the forecast, what sales are made of and why they changed, lost deals, SWOT, collections."""

from collections.abc import Iterator

import numpy as np

from crmkit.journal import Ledger
from crmkit.metrics import backtest, composition, forecast
from crmkit.metrics.backtest import Backtest
from crmkit.metrics.forecast import Expectation, Forecast
from crmkit.metrics.lost import losses
from crmkit.metrics.swot import Statement, swot
from crmkit.report._sales_panels import word
from crmkit.report._sources import Made, Sources, kpi_panel, signed, stays
from crmkit.report.charts import bilingual
from crmkit.report.panels import Alert, Grid, Panel, Spec, Text, between, figure

__all__ = ["ahead", "changed_why", "collections", "lost_reasons", "made_of", "swot_panel"]

_PARTS = ("product", "region", "industry", "channel", "customer")
_LEVEL = Text("95 % interval", "95% 区间")


def ahead(given: Sources) -> Made:
    """What will be won, beside what the same method would have said before."""
    if given.facts is None:
        return word("no_won")
    facts = given.facts
    made = forecast(given.deals, stages=facts.stages, tz=facts.tz)
    past = backtest(given.deals, stages=facts.stages, tz=facts.tz)
    total = made.total
    unit = Text("wins", "赢单数") if made.unit == "wins" else Text("amount", "金额")
    says = Text("In {days} days {value} {unit} ({limits}); past forecasts came to {ratio} of what happened.",
                "未来 {days} 天预计{unit} {value}（{limits}）；过往预测为实际的 {ratio}。")  # fmt: skip
    heads = (
        Text("period", "期间"), Text("expected", "预计"), Text("80 % interval", "80% 区间"),
        Text("of new deals", "其中新商机"), Text("stage weights say", "按阶段权重"), Text("last period", "上期"),
    )  # fmt: skip
    deals = (word("case"), word("stage"), Text("chance", "概率"), Text("expected", "预计"), Text("method", "方法"))
    rows = [(one.case, one.stage, figure(one.chance, "share"), figure(one.expected), one.method) for one in made]
    return Panel(
        id="forecast", title=Text("Forecast and track record", "预测与历史表现"), n=total.deals, n_open=total.deals,
        says=says.format(days=made.horizon, value=figure(total.value), unit=unit, ratio=figure(_ratio(past)),
                         limits=between(total.low, total.high)),
        about=Text("Semi-Markov by Aalen-Johansen, given stage and age; new deals included. "
                   f"{total.interval}. Baselines: stage weights, the last period.",
                   f"半马尔可夫 Aalen-Johansen，按阶段与停留时间；含新商机。{total.interval}。基线：阶段权重、上期。"),
        method=total.interval, definition=made.definition, chart=_fan(made),
        table=Grid.of(heads, [_expected(row) for row in (*made.periods, total)]),
        rows=Grid.of(deals, rows, most=12, words=2), alerts=tuple(_drifted(past, made)), wide=True,
    )  # fmt: skip


def _fan(made: Forecast) -> Spec:
    """What is ahead beside what was said before."""
    spec = bilingual(made.plot("en"), made.plot("zh"))
    ahead, past = spec.pop("vconcat")
    for layer in (*ahead["layer"], past):
        layer["encoding"]["y"]["title"] = None
    return {**spec, "hconcat": [{**ahead, "width": 220, "height": 190}, {**past, "width": 380, "height": 190}]}


def _sized(spec: Spec, width: int, height: int) -> Spec:
    return {**spec, "width": width, "height": height}


def _ratio(past: Backtest) -> float:
    return next(row.ratio for row in past.methods)


def _expected(row: Expectation) -> tuple[str | Text, ...]:
    name = Text("all", "合计") if row.name == "total" else row.name
    last = None if row.last_period is None else float(row.last_period)
    return (name, figure(row.value), between(row.low, row.high), figure(row.new_value), figure(row.stage_weights),
            figure(last))  # fmt: skip


def _drifted(past: Backtest, made: Forecast) -> Iterator[Alert]:
    if past.drift.alarm and past.drift.since is not None:
        says = Text("Forecasts drift since {day}", "预测自 {day} 起偏离")
        yield Alert(
            says=says.format(day=f"{past.drift.since:%Y-%m-%d}"), value=figure(_ratio(past)), base="1",
            n=f"{len(made.track.rows)}", weight=2.0,
        )  # fmt: skip


def _invoices(given: Sources) -> Ledger:
    sold = given.ledger.of("invoice")
    return sold if len(sold) else given.ledger.of("order")


def _part(ledger: Ledger) -> str:
    return next((name for name in _PARTS if name in ledger.dims), "customer")


def made_of(given: Sources) -> Made:
    """What sales are made of."""
    sold = _invoices(given)
    by = _part(sold)
    made = composition.shares(sold, by, over=given.over, tz="UTC" if given.facts is None else given.facts.tz)
    if not made.rows:
        return Text("nothing was invoiced in the period", "本期没有开票")
    first = made.rows[0]
    says = Text("{first} is the largest of {n} by {by}: {share}.", "按{by}划分的 {n} 个部分中，{first} 最大：{share}。")
    heads = (
        by,
        Text("amount", "金额"),
        Text("share", "占比"),
        Text("running", "累计"),
        Text("class", "类别"),
        word("n"),
    )
    return Panel(
        id="composition", title=Text("What sales are made of", "销售构成"), n=sum(row.n for row in made.rows),
        says=says.format(first=first.value or "–", n=len(made.rows), by=by, share=figure(first.share, "share")),
        about=Text("Invoiced amounts of the period by part, exact; class A makes up the first 80 %, B up to 95 %.",
                   "本期开票金额按构成划分（精确）；A 类占前 80%，B 类至 95%。"),
        method="exact sums", definition=made.definition,
        chart=_sized(bilingual(made.plot("en"), made.plot("zh")), 240, 190),
        table=Grid.of(heads, [
            (row.value or "–", f"{row.amount:,.2f} {row.currency}", figure(row.share, "share"),
             figure(row.cumulative, "share"), row.kind or "–", f"{row.n:,}") for row in made.rows
        ]),
        rows=stays(sold, np.arange(len(sold))),
    )  # fmt: skip


def changed_why(given: Sources) -> Made:
    """Why sales changed since the period before."""
    if given.over is None:
        return Text("no period was given", "未给出期间")
    sold, after = _invoices(given), given.over
    before, by = after.previous(), _part(sold)
    counted = sold.quantity is not None
    made = composition.change(sold, by, before=before, after=after, units="quantity" if counted else "facts")
    if not made.totals:
        return Text("nothing was invoiced in either period", "两期均没有开票")
    total = made.totals[0]
    parts = {name: getattr(total, name) for name in composition.EFFECTS}
    most = max(parts, key=lambda name: abs(parts[name]))
    says = Text("From {before} to {after} {currency}; most of it by {most}: {effect}.",
                "由 {before} 变为 {after} {currency}；主要来自{most}：{effect}。")  # fmt: skip
    heads: list[str | Text] = [by, Text("before", "上期"), Text("after", "本期"), *map(_effect, composition.EFFECTS)]
    rows: list[tuple[str | Text, ...]] = [
        (row.value or "–", f"{row.before:,.0f}", f"{row.after:,.0f}",
         *(signed(float(getattr(row, name))) for name in composition.EFFECTS)) for row in (*made.rows, total)
    ]  # fmt: skip
    return Panel(
        id="change", title=Text("What changed, and why", "变化及原因"), n=total.n_after, method="exact decomposition",
        says=says.format(before=f"{total.before:,.0f}", after=f"{total.after:,.0f}", currency=total.currency,
                         most=_effect(most), effect=signed(float(parts[most]))),
        about=Text("The change of the amount by volume, mix, price, new and gone parts, valued at the mean of both "
                   "periods; the effects add up to the change to the cent.",
                   "金额变化分解为数量、结构、价格、新增与流失，按两期均值计价；各项之和精确等于变化。"),
        definition=made.definition, chart=_sized(bilingual(made.plot("en"), made.plot("zh")), 260, 190),
        table=Grid.of(heads, rows),
        rows=stays(sold, np.arange(len(sold))),
    )  # fmt: skip


_EFFECTS = {"volume": "数量", "mix": "结构", "price": "价格", "new": "新增", "gone": "流失", "unsplit": "未分解"}


def _effect(name: str) -> Text:
    return Text(name, _EFFECTS[name])


def lost_reasons(given: Sources) -> Made:
    """Why deals are lost, and whether that changes."""
    journal = given.deals
    by = next((name for name in ("reason", "competitor") if name in journal.dims), "stage")
    facts = given.facts
    found = losses(
        journal, stages=None if facts is None else facts.stages,
        reason="reason" if "reason" in journal.dims else None,
        competitor="competitor" if "competitor" in journal.dims else None,
    )  # fmt: skip
    table = found.by(by)
    if not table.rows:
        return Text("no deal was lost", "没有输单")
    first, name = table.rows[0], str(table.rows[0].group[by] or "–")
    trend = {row.value: row for row in found.trend(by, every="quarter").rows}
    says = Text(
        "{first} is the most frequent: {n} of {all} ({share}).", "“{first}”最多：{all} 个中有 {n} 个（{share}）。"
    )
    heads = (by, Text("lost", "输单"), Text("share", "占比"), _LEVEL, Text("trend", "趋势"), "q")
    ways = {True: Text("rising", "上升"), False: Text("falling", "下降"), None: Text.of("–")}
    return Panel(
        id="lost", title=Text("Why deals are lost", "输单原因"), n=table.n, method="wilson; Cochran-Armitage, BH",
        says=says.format(first=name, n=f"{first.n:,}", all=f"{table.n:,}", share=figure(first.share, "share")),
        about=Text("Lost deals by what was given as the reason; a reason nobody gave is a row of its own. "
                   "The trend is that of the share over whole quarters.",
                   "按所填原因统计输单；未填写者单列一行。趋势为各完整季度占比的变化。"),
        definition=table.definition,
        chart=_sized(bilingual(table.plot("en"), table.plot("zh")), 270, 24 * len(table.rows)),
        table=Grid.of(heads, [
            (row.group[by] or "–", f"{row.n:,}", figure(row.share, "share"), between(row.low, row.high, "share"),
             ways[trend[row.group[by]].rising], figure(trend[row.group[by]].share_q)) for row in table.rows
        ]),
        rows=stays(journal, found.rows),
        alerts=tuple(
            Alert(says=Text("Lost for “{why}” ever more often", "因“{why}”输单越来越多").format(why=row.value or "–"),
                  value=figure(row.share, "share"), limits=between(row.low, row.high, "share"), n=f"{row.total:,}",
                  weight=1.0 - np.log10(max(row.share_q, 1e-8)) / 4.0)
            for row in trend.values() if row.rising and row.share_q < 0.1
        ),
    )  # fmt: skip


def swot_panel(given: Sources) -> Made:
    """Strengths, weaknesses, opportunities and threats that are more than chance."""
    if given.over is None or given.facts is None:
        return Text("no period was given", "未给出期间")
    facts, ledger = given.facts, given.facts.ledger
    sold = None if ledger is None or "invoice" not in ledger.kinds.values else ledger.of("invoice")
    parts = () if sold is None else tuple(name for name in ("product", "region") if name in sold.dims)
    found = swot(facts.journal, sold, over=given.over, by=("who",), sales_by=parts, stages=facts.stages, tz=facts.tz)
    if not found.n_comparisons:
        return Text("there is too little data for any comparison", "数据不足，无法比较")
    quadrants = (
        ("strengths", Text("strength", "优势")), ("weaknesses", Text("weakness", "劣势")),
        ("opportunities", Text("opportunity", "机会")), ("threats", Text("threat", "威胁")),
    )  # fmt: skip
    rows = [(name, _stated(one), f"{one.n:,}", figure(one.q)) for quadrant, name in quadrants
            for one in getattr(found, quadrant)]  # fmt: skip
    empty = [name for quadrant, name in quadrants if not getattr(found, quadrant)]
    says = Text("{n} statements of {k} comparisons; at most {false} may be chance.{none}",
                "{k} 项比较得出 {n} 条结论；其中至多约 {false} 条可能出于偶然。{none}")  # fmt: skip
    none = Text(f" Nothing beyond chance: {', '.join(one.en for one in empty)}.",
                f"无超出偶然者：{'、'.join(one.zh for one in empty)}。") if empty else Text.of("")  # fmt: skip
    return Panel(
        id="swot", title=Text("Strengths, weaknesses, opportunities, threats", "SWOT 分析"), n=found.n_comparisons,
        says=says.format(n=len(rows), k=found.n_comparisons, false=f"{found.false_statements:.1f}", none=none),
        about=Text("Persons and parts against the rest, and the period against the one before; judged together by "
                   "Benjamini and Hochberg.",
                   "人员与各部分同其余相比，本期同上期相比；全部比较经 Benjamini-Hochberg 校正。"),
        method=f"false discovery rate {found.rate:.0%}", definition=found.definition,
        table=Grid.of((Text("", ""), Text("statement", "结论"), word("n"), "q"), rows, words=2) if rows else None,
        rows=_evidence(found.evidence(found.rows[0])) if found.rows else None,
    )  # fmt: skip


def _stated(one: Statement) -> Text:
    return Text(one.text, one.text_zh)


def _evidence(behind: object) -> Grid | None:
    return stays(behind, np.arange(len(behind))) if behind is not None else None  # type: ignore[arg-type] # tables only


def collections(given: Sources) -> Made:
    """What customers owe, how old it is, and how they pay."""
    keys = ("receivables", "overdue", "paid_on_time", "dso", "cei", "collected", "ageing")
    return kpi_panel(given, keys, ("collections", Text("Collections and ageing", "回款与账龄")), draws="overdue")
