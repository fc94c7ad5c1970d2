"""What scorecards say, in English and Chinese."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from crmkit.values.display import Display, Table

if TYPE_CHECKING:
    from crmkit.metrics._cards import Card, Result

__all__ = [
    "TEAM",
    "Said",
    "few",
    "gated",
    "no_score",
    "not_yet",
    "several",
    "shown",
    "unclear",
    "unknown",
    "unusable",
]

#: A text in English and in Chinese.
Said: TypeAlias = tuple[str, str]
Language: TypeAlias = Literal["en", "zh"]

#: How the team as a whole is named.
TEAM = "(team)"

_UNKNOWN: dict[str, Said] = {
    "no goal": ("shown, not judged", "仅展示，不考核"),
    "nobody": ("no target was set for this member", "未给该成员设定目标"),
    "no team": ("no figure of the team to take a share of", "没有可分摊的团队数据"),
    "share": ("a share of the team is no target of the team", "团队份额不是团队自身的目标"),
    "no year": ("no figure of the year before", "没有上年同期数据"),
    "zero": ("what the target is taken from is not above 0", "目标所依据的数据不大于 0"),
}
_HEADS: tuple[Said, ...] = (
    ("KPI", "指标"), ("figure", "实际"), ("target", "目标"), ("attainment", "完成率"), ("interval", "区间"),
    ("weight", "权重"), ("points", "得分"), ("verdict", "结论"), ("note", "备注"),
)  # fmt: skip
_VERDICTS: dict[str, str] = {
    "met": "达成",
    "missed": "未达成",
    "too few to say": "数据太少，无法判断",
    "no data": "无数据",
    "no target": "无目标",
}
_MISSING: dict[str, Said] = {
    "reweight": ("a KPI without data or target counts for nothing, and the others for it",
                 "无数据或无目标的指标不计分，其权重由其他指标分摊"),
    "void": ("a KPI without data or target leaves no score", "任一指标无数据或无目标则不计总分"),
}  # fmt: skip


def unknown(reason: str) -> Said:
    """Why there is no attainment."""
    return _UNKNOWN[reason]


def few(n: int, least: int) -> Said:
    """That a figure rests on few."""
    return f"rests on {n}, fewer than {least}: chance decides", f"仅基于 {n} 个样本（少于 {least}），受偶然因素影响大"


def not_yet(n: int, lasting: int) -> Said:
    """Why there are facts and no figure."""
    return f"no figure of {n}, of which {lasting} last", f"{n} 条记录（其中 {lasting} 条尚未结束）不足以得出数据"


def unusable(n: int) -> Said:
    """That rows could not be used."""
    return f"{n} rows could not be used", f"{n} 条记录无法使用"


def unclear(low: float, high: float) -> Said:
    """That an interval is on both sides of the target."""
    return f"by chance anything from {low:.0%} to {high:.0%}", f"偶然波动范围为 {low:.0%} 至 {high:.0%}"


def no_score(labels: Sequence[str]) -> Said:
    """Why there is no score."""
    named = ", ".join(labels)
    return f"no score: no data or target for {named}", f"无总分：{named} 缺少数据或目标"


def gated(gate: str, condition: str, points: str | None) -> Said:
    """What a gate did."""
    if points is None:
        return f"void: {gate} is not {condition}", f"作废：{gate} 不满足 {condition}"
    return f"at most {points} points: {gate} is not {condition}", f"最高 {points} 分：{gate} 不满足 {condition}"


def several(texts: Sequence[Said]) -> Said:
    """Several texts as one."""
    return "; ".join(text for text, _ in texts), "；".join(text for _, text in texts)


def shown(header: Mapping[str, Any], cards: Sequence["Card"], lang: Language, most: int | None) -> Display:
    """Scorecards for people."""
    scheme, chinese = header["scheme"], lang == "zh"
    head = f"{scheme['name']}, {header['over']['name']}; {_MISSING[scheme['missing']][chinese]}"
    lost = "\n".join(f"{one['column']}: {one['reason']} ({one['count']})" for one in header["findings"])
    parts = [part for card in cards[:most] for part in _card(card, lang, most)]
    return Display.of(head, *parts, f"\n{lost}" if lost else "", lang=lang)


def _card(card: "Card", lang: Language, most: int | None) -> tuple[str, Table]:
    chinese = lang == "zh"
    who = card.member or ("（团队）" if chinese else TEAM)
    points = "分" if chinese else " points"
    score = ("无总分" if chinese else "no score") if card.score is None else f"{card.score}{points}"
    limits = "" if card.low is None else f" ({card.low:.1f} - {'∞' if card.high is None else f'{card.high:.1f}'})"
    why = card.why_zh if chinese else card.why
    heads = [head[chinese] for head in _HEADS]
    lines = zip(*(_line(result, chinese=chinese) for result in card.results), strict=True)
    columns = dict(zip(heads, lines, strict=True)) if card.results else {}
    table = Table.of(columns, most=most, caption=who, lang=lang, numbers=heads[1:-2])
    return f"\n{who}: {score}{limits}" + (f"; {why}" if why else ""), table


def _line(row: "Result", *, chinese: bool) -> list[str]:
    unit = "" if row.exact else f" {row.unit}"
    figure = "-" if row.value is None else f"{row.exact or _number(row.value)}{unit}"
    low, high = row.attainment_low, row.attainment_high
    both = "" if low is None and high is None else f"{_share(low, '-∞')} - {_share(high, '∞')}"
    return [
        row.name_zh if chinese else row.name, figure, "-" if row.full is None else _number(row.full),
        _share(row.attainment), both, f"{row.weight:f}" if row.full is not None or row.verdict != "no target" else "-",
        f"{row.points}", _VERDICTS[row.verdict] if chinese else row.verdict, row.note_zh if chinese else row.note,
    ]  # fmt: skip


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 1000 else f"{value:.4g}"


def _share(value: float | None, none: str = "-") -> str:
    return none if value is None else f"{value:.1%}"
