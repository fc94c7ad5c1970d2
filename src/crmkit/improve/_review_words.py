"""An agenda as text for people, in English and Chinese, and as plain data."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from crmkit.improve._words import name_of, spoken
from crmkit.metrics.kpi import CATALOGUE

if TYPE_CHECKING:
    from crmkit.improve.improvement import Due
    from crmkit.improve.problem import Problem
    from crmkit.improve.review import Review
    from crmkit.metrics.figures import Figure

__all__ = ["agenda", "parts", "plain", "titled"]

_TITLES = {
    "head": ("Review of {period}, as of {at}", "{period} 回顾，截至 {at}"),
    "changed": ("What changed", "变化"),
    "problems": ("Out of line, without a case", "异常（尚未立项）"),
    "again": ("Out of line, with a case", "异常（已立项）"),
    "practices": ("Worth sharing", "值得推广"),
    "due": ("What the cases want", "待办"),
    "closed": ("Closed in the period", "本期结案"),
}
_NOTHING = ("nothing", "无")
_ALARMS = (
    "Of what was found by comparison {alarms} may be chance, on average.",
    "通过比较发现的问题中，平均约 {alarms} 项可能只是偶然。",
)
_COMPARED = (
    "{n} figures were compared; that any of these changes is chance has a chance of at most {share}.",
    "共比较 {n} 项指标；以上变化中任何一项出于偶然的概率至多 {share}。",
)
_SILENT = ("Not measured, since the facts do not tell them: {names}.", "数据不足，未测量：{names}。")
_WANTS = {
    "an owner": ("wants an owner", "需指定负责人"),
    "a hypothesis": ("wants a hypothesis", "需提出假设"),
    "to be done": ("is past its day", "行动已逾期"),
    "a verdict": ("wants a verdict", "需作出结论"),
}
_CAME_TO = {
    "won": ("it worked and is the standard now", "有效，已标准化"),
    "lost": ("it did not work and was undone", "无效，已撤销"),
    "cancelled": ("dropped", "已放弃"),
}
_NAMES = {metric.key: (metric.about.en, metric.about.zh) for metric in CATALOGUE}


def agenda(review: "Review", lang: str) -> str:
    """The agenda, part by part; a part of which there is nothing says so."""
    lines = [titled(review, lang)]
    for title, told in parts(review, lang):
        lines += ["", title, *(f"- {line}" for line in told)]
    return "\n".join(lines)


def titled(review: "Review", lang: str) -> str:
    """What it is an agenda of."""
    spoken(lang)
    return _TITLES["head"][lang == "zh"].format(period=name_of(review.over), at=f"{review.at:%Y-%m-%d}")


def parts(review: "Review", lang: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Titles, and the lines below each."""
    spoken(lang)
    zh = lang == "zh"
    shown = [row for row in review.problems if row.kind != "share"]
    made: list[tuple[str, Sequence[str]]] = [
        ("changed", _changed(review, zh=zh)),
        ("problems", [*_each(shown, lambda row: row.to_text("zh" if zh else "en")), *_alarms(review, zh=zh)]),
        ("again", _each([one for one in review.again if one[0].kind != "share"], lambda one: _of_case(one, zh=zh))),
        ("practices", _each(review.practices, lambda row: row.to_text("zh" if zh else "en"))),
        ("due", _each(review.due, lambda row: _due(row, zh=zh))),
        ("closed", _each(review.closed, lambda one: f"{one[0]}{'：' if zh else ': '}{_CAME_TO[one[1]][zh]}")),
    ]
    return tuple((_TITLES[name][zh], tuple(told or [_NOTHING[zh]])) for name, told in made)


def _each(rows: Sequence[Any], told: Callable[[Any], str]) -> list[str]:
    return [told(row) for row in rows]


def _alarms(review: "Review", *, zh: bool) -> list[str]:
    lines = [note[zh] for note in review.problems.notes]
    if review.problems.rows or review.again:
        lines.append(_ALARMS[zh].format(alarms=f"{review.problems.false_alarms:.1f}"))
    return lines


def _changed(review: "Review", *, zh: bool) -> list[str]:
    lines = [_change(row, zh=zh) for row in review.changed]
    if review.compared:
        lines.append(_COMPARED[zh].format(n=review.compared, share=f"{1 - review.level:.0%}"))
    if review.silent:
        lines.append(_SILENT[zh].format(names=", ".join(_called(key, zh=zh) for key in review.silent)))
    return lines


def _called(key: str, *, zh: bool) -> str:
    return _NAMES[key][zh] if key in _NAMES else key


def _change(row: "Figure", *, zh: bool) -> str:
    name = _called(row.metric, zh=zh) if zh and row.metric in _NAMES else row.name
    where = ", ".join(str(value) for value in row.group.values() if value is not None)
    of = f"（{where}）" if zh and where else f" ({where})" if where else ""
    base, value, low, high = (f"{number:.4g}" for number in (row.base, row.value, row.change_low, row.change_high))
    if zh:
        return f"{name}{of}：由 {base} 变为 {value}（变化 {low} 至 {high}），n = {row.n}"
    return f"{name}{of}: from {base} to {value} (change {low} to {high}), n = {row.n}"


def _of_case(one: "tuple[Problem, str]", *, zh: bool) -> str:
    return f"{one[0].to_text('zh')} → {one[1]}" if zh else f"{one[0].to_text()} -> {one[1]}"


def _due(row: "Due", *, zh: bool) -> str:
    owner = row.owner or ("无人负责" if zh else "nobody")
    want, since = _WANTS[row.want][zh], f"{row.since}"
    return f"{row.case}（{owner}）：{want}，自 {since}" if zh else f"{row.case} ({owner}): {want}, since {since}"


def plain(review: "Review") -> dict[str, Any]:
    """The agenda as plain data."""
    return {
        "period": name_of(review.over),
        "from": str(review.over.start),
        "to": str(review.over.end),
        "at": review.at.isoformat(),
        "known_at": None if review.known_at is None else review.known_at.isoformat(),
        "changed": [_figure(row) for row in review.changed],
        "compared": review.compared,
        "silent": [*review.silent],
        "problems": [_problem(row) for row in review.problems],
        "false_alarms": round(review.problems.false_alarms, 6),
        "notes": [list(note) for note in review.problems.notes],
        "again": [{**_problem(row), "case": case} for row, case in review.again],
        "practices": [_problem(row) for row in review.practices],
        "due": [
            {"case": row.case, "want": row.want, "owner": row.owner, "since": str(row.since)} for row in review.due
        ],
        "open": review.open,
        "closed": [{"case": case, "outcome": outcome} for case, outcome in review.closed],
        "level": review.level,
        "definition": review.definition,
    }


def _figure(row: "Figure") -> dict[str, Any]:
    names = ("metric", "period", "value", "base", "change", "change_low", "change_high", "unit", "n", "method")
    return {**{name: getattr(row, name) for name in names}, "group": dict(row.group), "definition": row.definition}


def _problem(row: "Problem") -> dict[str, Any]:
    return {
        "kind": row.kind, "case": row.case, "where": dict(row.where), "text": row.to_text(),
        "text_zh": row.to_text("zh"), "figures": _plain(dict(row.found)), "metric": row.metric,
        "definition": row.definition,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
