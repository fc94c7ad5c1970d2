"""Why a version of a rule set is not put in force, and standards in sentences, in English and Chinese."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crmkit.improve._practice_words import spoken

if TYPE_CHECKING:
    from crmkit.improve.standards import Standard

__all__ = [
    "LATE", "LITTLE", "NOTHING", "PAST", "SAME", "SHORT", "SOON", "UNSHADOWED", "disagrees", "standard_text",
    "unworked", "weaker",
]  # fmt: skip

SAME = ("the versions decide alike; there is nothing to put in force", "两个版本的判定相同，无需生效")
NOTHING = (
    "the old version let no record of history pass; nothing can be foretold",
    "旧版本未放行任何历史记录，无从预测",
)
PAST = ("it would be in force from a day that is past when it is decided", "生效日期早于决定日期")
UNSHADOWED = ("it would be in force before its shadow period is over", "试运行结束之前就要生效")
SOON = ("the shadow period is not over", "试运行尚未结束")
LATE = ("the day from which it was to be in force is past; propose a later one", "原定生效日期已过，请另定日期")
LITTLE = ("too little was seen in shadow to agree or disagree", "试运行中的数据太少，无法比较")
SHORT = "the shadow period of {} days is shorter than the least, {} days", "试运行期 {} 天，短于最少的 {} 天"


def unworked(answer: str) -> tuple[str, str]:
    """The action did not work, or nobody knows."""
    return f"the action was verified as {answer!r}, not 'worked'", f"该措施的验证结论为“{_ANSWERS[answer]}”，而非“有效”"


_ANSWERS = {"did not": "无效", "too early": "为时尚早", "cannot tell": "无法判断"}


def weaker(what: str) -> tuple[str, str]:
    """A gap or a contradiction that the old version had not."""
    return f"it opens what was settled: {what}", f"新版本留下旧版本没有的缺口或矛盾：{what}"


def disagrees(expected: float, seen: float, low: float, high: float) -> tuple[str, str]:
    """Shadow and history are not of one mind."""
    told = f"{seen:.3g} - {expected:.3g}: {low:.3g} .. {high:.3g}"
    return (
        f"what it stopped in shadow is not what history foretold ({told})",
        f"试运行中被拦截的比例与历史回放不符（{told}）",
    )


_STATES = {
    "refused": ("refused", "不予采用"),
    "in shadow": ("in shadow", "试运行"),
    "confirmed": ("confirmed", "已确认"),
    "in force": ("in force", "已生效"),
    "withdrawn": ("withdrawn", "已撤回"),
}


def standard_text(one: "Standard", lang: str) -> str:
    """What becomes of it, what changes, what it would have done, and why not."""
    spoken(lang)
    zh = lang == "zh"
    state, shadow, start = _STATES[one.state][zh], f"{one.shadow_until:%Y-%m-%d}", f"{one.effective:%Y-%m-%d}"
    weighed = "" if one.blocked_weight is None else f" ({one.weight} {one.blocked_weight})"
    if zh:
        lines = [f"{one.name}：{state}；试运行至 {shadow}，自 {start} 起生效。"]
        lines += [f"变化：{change}" for change in one.changes]
        lines.append(f"历史回放：{one.judged} 条记录中新拦截 {one.blocked} 条{weighed}，放行 {one.freed} 条。")
    else:
        lines = [f"{one.name}: {state}; shadow until {shadow}, in force from {start}."]
        lines += [f"Change: {change}" for change in one.changes]
        lines.append(
            f"On history: of {one.judged} records {one.blocked} would be stopped that were not{weighed}, "
            f"{one.freed} no longer."
        )
    return "\n".join([*lines, *_tried(one, zh=zh), *_why(one.reasons, zh=zh)])


def _tried(one: "Standard", *, zh: bool) -> list[str]:
    """What happened in shadow."""
    trial = one.trial
    if trial is None:
        return []
    if zh:
        lines = [f"试运行：{trial.judged} 次变更中会拦截 {trial.blocked} 次。"]
        return [*lines, "其中不少最终结果良好，预计会有人申请例外。"] if one.overrides_expected else lines
    lines = [f"In shadow: of {trial.judged} changes {trial.blocked} would have been stopped."]
    told = "Too many of them ended well all the same: expect to be asked for exceptions."
    return [*lines, told] if one.overrides_expected else lines


def _why(reasons: Sequence[tuple[str, str]], *, zh: bool) -> list[str]:
    return [f"原因：{reason[1]}。" if zh else f"Because {reason[0]}." for reason in reasons]
