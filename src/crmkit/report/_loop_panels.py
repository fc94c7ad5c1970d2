"""Panels of the loop and of the data: the agenda, improvement cases, what became of them, what could not be used."""

from collections.abc import Iterator

from crmkit.improve.problem import Problem
from crmkit.improve.tally import Part, Tally
from crmkit.journal import Finding
from crmkit.report._sales_panels import word
from crmkit.report._sources import Made, Sources, margins, shown, signed
from crmkit.report.panels import Alert, Grid, Panel, Text, between, figure

__all__ = ["agenda", "cases", "moved", "quality", "truth"]

_MOST_FINDINGS = 40


def agenda(given: Sources) -> Made:
    """What a team should talk about."""
    if given.review is None:
        return Text("nobody asked for an agenda", "未要求议程")
    made = given.review
    en, zh = made.parts("en"), made.parts("zh")
    rows = [(Text(one, other), Text(line, its)) for (one, lines), (other, theirs) in zip(en, zh, strict=True)
            for line, its in zip(lines, theirs, strict=True)]  # fmt: skip
    says = Text("{n} problems without a case, {again} with one; {due} cases want something.",
                "{n} 个问题尚未立项，{again} 个已立项；{due} 个案例待处理。")  # fmt: skip
    return Panel(
        id="agenda", title=Text(made.title("en"), made.title("zh")), n=made.compared, wide=True,
        says=says.format(n=len(made.problems.rows), again=len(made.again), due=len(made.due)),
        about=Text(f"Changes that are sure at {made.level:.0%} all together (Bonferroni); problems by false discovery "
                   "rate.",
                   f"变化整体置信度 {made.level:.0%}（Bonferroni）；问题按错误发现率判定。"),
        method="review", definition=made.definition,
        alerts=tuple(alert for one in (*made.problems, *(row for row, _ in made.again)) for alert in _problem(one)),
        table=Grid.of((Text("topic", "议题"), Text("what", "内容")), rows, most=40, words=2),
    )  # fmt: skip


def _problem(one: Problem) -> Iterator[Alert]:
    """What is out of line, if it was inferred; what was counted, by how often."""
    found, where = one.found, " · ".join(map(str, one.where.values()))
    says, n = word(f"is_{one.kind.replace(' ', '_')}").format(where=where), str(found.get("n", ""))
    about = str(one.where.get("who") or one.key)
    if one.kind in ("coach", "share"):
        value, base, low, high = (float(found[name]) for name in ("value", "expected", "low", "high"))
        effect = float(found["effect"])
        gap = Text("{change} ({low} … {high})", "{change}（{low} … {high}）").format(
            change=signed(effect, "share"), low=signed(low, "share"), high=signed(high, "share"))  # fmt: skip
        yield Alert(
            says=says, value=figure(value, "share"), base=figure(base, "share"), limits=gap, n=n, about=about,
            weight=max(margins(effect, low if effect > 0 else high), 1.0), good=one.kind == "share",
        )  # fmt: skip
    elif one.kind == "chart":
        value, base, low, high = (float(found[name]) for name in ("value", "expected", "low", "high"))
        yield Alert(
            says=says, value=figure(value, "share"), base=figure(base, "share"), limits=between(low, high, "share"),
            n=n, weight=max(abs(float(found["z"])) / 3.0, 1.0), about=about,
        )  # fmt: skip
    else:
        yield Alert(says=says, value=str(found.get("count", one.weight)), weight=0.6, about=about)


def moved(given: Sources) -> Made:
    """The figures that changed by more than chance."""
    if given.review is None:
        return Text("nobody asked for an agenda", "未要求议程")
    rows = [row for of in given.moved.values() for row in of]
    says = Text("{n} of {all} figures changed by more than chance.", "{all} 个指标中有 {n} 个的变化超出偶然。")
    heads = (Text("figure", "指标"), Text("value", "数值"), Text("before", "上期"), Text("change", "变化"),
             Text("interval of the change", "变化的区间"), word("n"))  # fmt: skip
    return Panel(
        id="moved", title=Text("What changed", "变化的指标"), n=given.review.compared, method="difference, Bonferroni",
        says=says.format(n=len(rows), all=given.review.compared), definition=given.review.definition,
        about=Text("Every figure of the catalogue that these facts can make, against the period before.",
                   "这些数据能计算的全部目录指标，与上期相比。"),
        table=Grid.of(heads, [
            (row.name, shown(row), figure(row.base, row.unit), signed(row.change, row.unit),
             f"{signed(row.change_low, row.unit)} … {signed(row.change_high, row.unit)}", f"{row.n:,}") for row in rows
        ]) if rows else None,
    )  # fmt: skip


def cases(given: Sources) -> Made:
    """The improvement cases, and what became of them."""
    if not given.cases or given.tally is None:
        return Text("no improvement case was opened", "没有改进案例")
    made = given.tally
    says = Text("{n} cases, {open} open; of {k} verified {worked} worked.",
                "{n} 个案例，{open} 个进行中；已验证 {k} 个，其中 {worked} 个有效。")  # fmt: skip
    heads = (
        Text("problem", "问题"),
        Text("method", "方法"),
        word("stage"),
        Text("since", "自"),
        Text("verdict", "结论"),
    )
    latest = sorted(given.cases, key=lambda one: one.case.entered, reverse=True)
    rows = [
        (Text(str(one.case.fields.get("problem", one.case.id)), str(one.case.fields.get("problem_zh", one.case.id))),
         one.method, one.case.stage, f"{one.case.entered:%Y-%m-%d}", str(one.case.fields.get("verdict") or "–"))
        for one in latest
    ]  # fmt: skip
    due = given.review.due if given.review else ()
    return Panel(
        id="improvement", title=Text("Improvement cases", "改进案例"), n=made.n, n_open=made.n_open, wide=True,
        says=says.format(n=made.n, open=made.n_open, k=made.worked.of, worked=made.worked.n),
        about=Text("Cases that were opened for problems, and what became of them; shares with Wilson's limits.",
                   "为问题设立的案例及其结果；占比附 Wilson 区间。"),
        method="wilson; Kaplan-Meier", definition=made.definition, table=Grid.of(_TOLD, list(_tallied(made))),
        rows=Grid.of(heads, rows, words=5),
        alerts=tuple(
            Alert(says=Text("The case “{case}” wants {want}", "案例“{case}”待处理：{want}").format(
                case=one.case, want=one.want), value=f"{one.since}", base=one.owner or "–", weight=0.5)
            for one in due[:3]
        ),
    )  # fmt: skip


_TOLD = (
    Text("figure", "指标"), Text("value", "数值"), Text("95 % interval", "95% 区间"), Text("of", "总数"),
)  # fmt: skip


def _tallied(made: Tally) -> Iterator[tuple[Text | str, ...]]:
    parts: tuple[tuple[Text, Part], ...] = (
        (Text("verified, of the closed", "已验证/已结案"), made.verified), (Text("worked", "有效"), made.worked),
        (Text("undone", "撤销"), made.undone), (Text("dropped", "放弃"), made.dropped),
    )  # fmt: skip
    for name, part in parts:
        yield name, figure(part.value, "share"), between(part.low, part.high, "share"), f"{part.of:,}"
    yield (Text("days until half are closed", "半数结案所需天数"), figure(made.days),
           between(made.days_low, made.days_high), f"{made.n:,}")  # fmt: skip
    for gain in made.gains:
        limits = "–" if gain.low is None or gain.high is None else f"{gain.low.amount:,} … {gain.high.amount:,}"
        yield Text("gain", "收益"), f"{gain.value}", limits, f"{gain.n:,}"


def truth(given: Sources) -> Made:
    """What a simulation knows, beside the estimates."""
    if given.sales is None or not given.sales.truth:
        return None
    rows = given.sales.truth["rows"]
    held = sum(row["low"] <= row["truth"] <= row["high"] for row in rows)
    says = Text("{held} of {n} intervals hold the truth.", "{n} 个区间中有 {held} 个覆盖真值。")
    heads = (word("figure"), word("truth"), word("estimate"), word("interval"), word("covered"), word("closed_only"))
    return Panel(
        id="truth", title=word("truth"), says=says.format(held=held, n=len(rows)), about=word("truth_note"),
        n=len(given.sales.journal.cases.values), method="aalen-johansen",
        table=Grid.of(heads, [
            (row["figure"], figure(row["truth"], "share"), figure(row["estimate"], "share"),
             between(row["low"], row["high"], "share"),
             word("yes" if row["low"] <= row["truth"] <= row["high"] else "no"), figure(row["closed_only"], "share"))
            for row in rows
        ]),
    )  # fmt: skip


def quality(given: Sources) -> Made:
    """What could not be used, and what was assumed."""
    found = sorted(_findings(given), key=lambda one: (not one.dropped, -one.count))
    dropped = sum(one.count for one in found if one.dropped)
    says = Text("{n} rows could not be used; {k} remarks on others.", "{n} 行无法使用；另有 {k} 条说明。")
    source = given.sales.source if given.sales else {}
    heads = (word("column"), word("reason"), word("count"), word("row"), word("example"), Text("", ""))
    rows = [
        (one.column or "–", one.reason, f"{one.count:,}", str(one.row or "–"), _short(one.example),
         word("dropped" if one.dropped else "kept")) for one in found
    ]  # fmt: skip
    return Panel(
        id="quality", title=word("quality"), about=word("quality_note"), n=int(source.get("stays", 0)),
        says=says.format(n=f"{dropped:,}", k=sum(not one.dropped for one in found)) if found else word("no_findings"),
        n_unusable=dropped, method="count", table=Grid.of(heads, rows, most=_MOST_FINDINGS, words=2) if rows else None,
        rows=Grid.of((word("source"), Text("", "")), [(key, str(value)) for key, value in source.items()], words=2),
        alerts=(Alert(says=word("alert_findings"), value=f"{dropped:,}", base=f"{source.get('stays', '–')}",
                      weight=min(dropped / max(int(source.get("stays", dropped)), 1), 1.0)),) if dropped else (),
        wide=True,
    )  # fmt: skip


def _short(example: str | None) -> str:
    text = example or "–"
    return text if len(text) <= 40 else f"{text[:39]}…"


def _findings(given: Sources) -> list[Finding]:
    found = [*(given.sales.findings if given.sales else ()), *given.findings]
    if given.facts is not None:
        others = (given.facts.ledger, given.facts.service, given.facts.complaints)
        found += [one for part in others if part is not None for one in part.findings]
    return found
