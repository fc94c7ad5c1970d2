"""What rules, decision tables and what is found of them show of themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crmkit.rules.feel._text import literal
from crmkit.rules.feel._values import UNKNOWN
from crmkit.values.display import Display, Lang, Table

if TYPE_CHECKING:
    from crmkit.rules.backtest import TableEffect
    from crmkit.rules.explain import Explanation, TableExplanation
    from crmkit.rules.ruleset import PythonRule, Rule, RuleSet
    from crmkit.rules.table import DecisionTable

__all__ = ["decided", "decision_table", "differences", "effects", "explained", "literal_of", "ruleset"]

_HEADS = {"en": ("rule", "kind", "severity", "condition"), "zh": ("规则", "类型", "严重程度", "条件")}


def ruleset(rules: "RuleSet", lang: Lang, most: int | None) -> Display:
    """The rules, and the decision tables that go with them."""
    n, tables = len(rules.rules), len(rules.tables)
    head = (
        f"rule set {rules.name!r}: {n} rules, {tables} decision tables; version {rules.version}"
        if lang == "en"
        else f"规则集“{rules.name}”：{n} 条规则，{tables} 张决策表；版本 {rules.version}"
    )
    rows = [(one.name, one.kind, one.severity, _condition(one)) for one in rules.rules]
    columns = dict(zip(_HEADS[lang], zip(*rows, strict=True), strict=True)) if rows else {}
    table = [Table.of(columns, most=most, caption=rules.name, lang=lang)] if rows else []
    return Display.of(head, *table, *(decision_table(one, lang, most) for one in rules.tables), lang=lang)


def _condition(one: "Rule | PythonRule") -> str:
    condition = getattr(one, "condition", None)
    return condition if isinstance(condition, str) else f"Python, version {getattr(one, 'version', '')}"


def decision_table(table: "DecisionTable", lang: Lang, most: int | None) -> Display:
    """As it is drawn in DMN: the hit policy in the corner, inputs, then outputs, a number a row."""
    said = f"decision table {table.name!r}" if lang == "en" else f"决策表“{table.name}”"
    # Two columns may have one name, which a mapping would lose.
    heads = (table.policy, *table.inputs, *(f"→ {field.name}" for field in table.outputs))
    texts = [(str(number), *row) for number, row in enumerate(table.rows[:most], 1)]
    if table.defaults and (most is None or len(texts) < most):
        texts.append(("*", *("" for _ in table.inputs), *table.defaults))
    made = Table.of({str(i): column for i, column in enumerate(zip(*texts, strict=True))}, most=None, numbers=())
    left = len(table.rows) - min(len(table.rows), len(texts))
    named = Table.of({str(i): (head,) for i, head in enumerate(heads)}, most=None)
    shown = Table(named.rows[0], made.rows, frozenset({0}), table.name, left, lang)
    return Display.of(f"\n{said}", shown, lang=lang)


def differences(changes: Sequence[Any], *, proved: bool, name: str, lang: Lang, most: int | None) -> Display:
    """Where two versions differ, and whether that is all."""
    sure = (" (proved to be all)", "（已证明为全部）") if proved else (" (there may be more)", "（可能还有）")
    n, chinese = len(changes), lang == "zh"
    head = f"{name}{'：' if chinese else ': '}{n} {'处差异' if chinese else 'differences'}{sure[chinese]}"
    return Display.lines([head, *(f"- {one}" for one in changes)], most=most, lang=lang)


def effects(found: "TableEffect", lang: Lang, most: int | None) -> Display:
    """Where the versions differ, with how much of the past is there."""
    rows = [(str(change), effect.n, effect.weight) for change, effect in found.changes]
    heads = ("where", "n", "weight") if lang == "en" else ("位置", "记录数", "权重")
    columns: dict[str, Any] = dict(zip(heads, zip(*rows, strict=True), strict=True)) if rows else {}
    head = (
        f"{found.judged.n} records judged, {len(found.flips)} would change"
        if lang == "en"
        else f"已判定 {found.judged.n} 条记录，{len(found.flips)} 条结果会改变"
    )
    return Display.of(head, Table.of(columns, most=most, caption="TableEffect", lang=lang), lang=lang)


def explained(found: "Explanation", lang: Lang, most: int | None) -> Display:
    """The verdict, the conditions that decided, and what would change it."""
    chinese = lang == "zh"
    lines = [f"{found.rule}: {literal_of(found.value)}"]
    for one in found.because:
        read = ", ".join(f"{name} = {literal_of(value)}" for name, value in one.reads.items())
        lines.append(f"  {literal_of(one.value)}: {one.text} ({read})")
    if found.nearest:
        nearest = ("、" if chinese else " and ").join(map(str, found.nearest))
        lines.append(f"  {'若 ' if chinese else 'it would be true with '}{nearest}{'，则成立' if chinese else ''}")
    if found.settle:
        lines.append(f"  {'尚待：' if chinese else 'it waits for '}{', '.join(found.settle)}")
    return Display.lines(lines, most=most, lang=lang)


def literal_of(value: Any) -> str:
    """A value as it is written in a rule, or that it is not known."""
    return "UNKNOWN" if value is UNKNOWN else literal(value)


def decided(found: "TableExplanation", lang: Lang, most: int | None) -> Display:
    """The result, the rows that gave it, and what the nearest others fail on."""
    matched = ", ".join(map(str, found.matched)) or "-"
    read = ", ".join(f"{name} = {value}" for name, value in found.inputs.items())
    by = f" by row {matched} ({read})" if lang == "en" else f"，依据第 {matched} 行（{read}）"
    head = f"{found.result!r}{by}"
    said = "row {row} fails on {cells}" if lang == "en" else "第 {row} 行不满足：{cells}"
    near = [said.format(row=row.row, cells="; ".join(row.failed)) for row in found.nearest]
    return Display.lines([head, *(f"- {one}" for one in (*near, *found.notes))], most=most, lang=lang)
