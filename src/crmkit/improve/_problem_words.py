"""Problems in sentences, in English and Chinese."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crmkit.improve._words import name_of, spoken

if TYPE_CHECKING:
    from crmkit.improve.problem import Problem, Problems

__all__ = ["alarmed", "told"]

_KINDS = {
    "coach": ("Conversion is low", "转化率偏低"),
    "share": ("Conversion is high, and worth learning from", "转化率突出，值得借鉴"),
    "chart": ("A figure broke out of its usual range", "指标超出惯常范围"),
    "backlog": ("Work piles up", "工作积压"),
    "recurrence": ("The same is complained about again", "同类投诉反复发生"),
    "override": ("A rule is passed over often", "规则屡被忽略"),
    "no result": ("A question finds no answer", "检索无结果"),
    "gap": ("The library has nothing for a requirement", "资料库缺少对应内容"),
}
_COUNTED = {
    "backlog": ("{n} cases are late", "{n} 个个案逾期"),
    "recurrence": ("{n} came again", "重复 {n} 次"),
    "override": ("{n} times by {cases} cases", "{cases} 个个案中共 {n} 次"),
    "no result": ("{n} times", "{n} 次"),
    "gap": ("asked {n} times", "被要求 {n} 次"),
}


def told(problem: "Problem", lang: str) -> str:
    """What is out of line, where, when, and by how much."""
    spoken(lang)
    zh = lang == "zh"
    where = ", ".join(f"{name} {value}" for name, value in problem.where.items())
    what, period, figures = _KINDS[problem.kind][zh], name_of(problem.over), _figures(problem, zh=zh)
    return f"{what}（{where}），{period}：{figures}" if zh else f"{what} ({where}) in {period}: {figures}"


def _figures(problem: "Problem", *, zh: bool) -> str:
    found = problem.found
    if problem.kind in _COUNTED:
        known: Mapping[str, Any] = {"n": 0, "cases": 0, **found}
        return _COUNTED[problem.kind][zh].format(**known)
    value, expected = (_number(found.get(name)) for name in ("value", "expected"))
    n = found.get("n", "-")
    return f"{value}，通常为 {expected}；n = {n}" if zh else f"{value}, where {expected} is usual; n = {n}"


def alarmed(problems: "Problems", lang: str) -> str:
    """How many there are, how many of them may be chance, and what was not looked at."""
    spoken(lang)
    zh, count, alarms = lang == "zh", len(problems), f"{problems.false_alarms:.1f}"
    lines = [f"共 {count} 项，其中平均约 {alarms} 项可能只是偶然。" if zh
             else f"{count} in all, of which {alarms} may be chance, on average."]  # fmt: skip
    return "\n".join([*lines, *(note[zh] for note in problems.notes)])


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}"
