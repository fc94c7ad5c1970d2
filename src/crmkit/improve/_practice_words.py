"""Practices in sentences and as the texts of a card, in English and Chinese: evidence, never proof."""

from typing import TYPE_CHECKING

from crmkit.errors import NotFound

if TYPE_CHECKING:
    from crmkit.improve.practices import Practices, Trait
    from crmkit.improve.reuse import Reuse

__all__ = ["card_texts", "reused", "spoken", "told"]

_CAUTION = (
    "Recorded process only. An association, not a proof: what is not recorded may be the reason.",
    "仅依据已记录的流程。这是关联而非证明：未记录的因素也可能是原因。",
)


def spoken(lang: str) -> None:
    """Refuse a language that nothing is said in.

    Raises:
        NotFound: for another one than "en" and "zh".
    """
    if lang not in ("en", "zh"):
        raise NotFound("language", lang, ("en", "zh"), "texts")


def told(found: "Practices", lang: str) -> str:
    """What differs, line by line."""
    spoken(lang)
    zh = lang == "zh"
    lines = [_outcome(found, zh=zh), *_differences(found, zh=zh), _CAUTION[zh]]
    return "\n".join(line for line in lines if line)


def _differences(found: "Practices", *, zh: bool) -> list[str]:
    rows = found.differences
    if not found.judged:
        few = found.success
        if zh:
            return [f"数据不足：{found.star} 有 {few.n} 个案例，可比的其他人 {few.persons} 位。"]
        told = f"{few.n} cases of {found.star} ended, and {few.persons} others have enough to compare with"
        return [f"Too little data: {told}."]
    if not rows:
        if zh:
            return [f"在所考察的 {found.judged} 项中，{found.star} 与其他人的差异均未超出人与人之间的常见差异。"]
        return [f"In none of {found.judged} things looked at does {found.star} differ more than persons do."]
    head = (
        f"在所考察的 {found.judged} 项中，{found.star} 的不同做法（错误发现率 {found.rate:g}）："
        if zh
        else f"What {found.star} did differently, of {found.judged} things looked at "
        f"(false discovery rate {found.rate:g}):"
    )
    return [head, *(line for row in rows for line in _row(found.star, row, zh=zh))]


def _outcome(found: "Practices", *, zh: bool) -> str:
    row = found.success
    stage, all_ = ("阶段", "全部案例") if zh else ("stage", "all cases")
    where = all_ if found.stage is None else f"{stage} {found.stage}"
    if row.star is None:
        return ""
    if zh:
        rest = "" if row.others is None else f"；其他人 {_number(row.others)}（{row.persons} 人）"
        return f"{found.star}，{where}：{row.n} 个案例中结果良好的占 {_number(row.star)}{rest}。"
    rest = "" if row.others is None else f"; others {_number(row.others)} ({row.persons} persons)"
    return f"{found.star} in {where}: {_number(row.star)} of {row.n} ended well{rest}."


def _row(star: str, row: "Trait", *, zh: bool) -> list[str]:
    name, *numbers = row.name[zh], row.star, row.others, row.difference, row.low, row.high, row.q
    own, rest, gap, low, high, q = (_number(value) for value in numbers)
    if zh:
        line = f"{name}：{star} 为 {own}（n = {row.n}），其他人为 {rest}（{row.persons} 人）；差异 {gap}"
        return [f"{line}（{low} 至 {high}），q = {q}。", _along(row, zh=zh)]
    line = f"{name[0].upper()}{name[1:]}: {star} {own} (n = {row.n}), others {rest} ({row.persons} persons);"
    return [f"{line} difference {gap} ({low} to {high}), q {q}.", _along(row, zh=zh)]


def _along(row: "Trait", *, zh: bool) -> str:
    """Whether success goes along with it among the others."""
    if row.along is None:
        return _UNTOLD[zh]
    low, high = _number(row.along_low), _number(row.along_high)
    per = _PER[row.unit][zh]
    if zh:
        said = "与成功相关" if row.supported else "未见明显与成功相关"
        return f"其他人中{said}：{per}，成功机会 {row.along:+.3g}（{low} 至 {high}，n = {row.n_along}）。"
    said = "success went along with it" if row.supported else "success did not clearly go along with it"
    return f"Among the others {said}: {row.along:+.3g} {per} ({low} to {high}, n = {row.n_along})."


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def card_texts(found: "Practices", lang: str) -> tuple[str, str, str, str, str]:
    """Title, problem, need, cause and solution of a card."""
    spoken(lang)
    zh = lang == "zh"
    rows = found.differences
    told = found.shared
    names = ("、" if zh else ", ").join(row.name[zh] for row in told)
    lines = [line for row in told for line in _row(found.star, row, zh=zh)]
    if len(told) < len(rows):
        rest = ("、" if zh else ", ").join(row.name[zh] for row in rows if row not in told)
        lines.append(
            f"另有不同，但未见与成功相关：{rest}。"
            if zh
            else f"Also different, without a sign that it matters: {rest}."
        )
    outcome = _outcome(found, zh=zh)
    if zh:
        return (
            f"{found.star} 的做法：{names}",
            f"同样的工作，结果因人而异。{outcome}",
            "了解哪些做法可供他人借鉴。",
            f"尚不清楚。{_CAUTION[1]}",
            "\n".join(["记录显示：", *lines, "采用之前请询问本人如何做到；采用之后验证效果。"]),
        )
    return (
        f"How {found.star} works: {names}",
        f"The same work ends differently with different people. {outcome}".strip(),
        "To know what of it others could do, too.",
        f"Not known. {_CAUTION[0]}",
        "\n".join(
            ["What the records say:", *lines, "Ask how it is done before it is taken up, and verify afterwards."]
        ),
    )


def reused(reuse: "Reuse", lang: str) -> str:
    """Who took a practice up, how far, and the verdict."""
    spoken(lang)
    zh = lang == "zh"
    names = ("、" if zh else ", ").join(reuse.taken_up)
    lines = [f"采用者 {len(reuse.taken_up)} 人：{names}。" if zh else f"Taken up by {len(reuse.taken_up)}: {names}."]
    if not names:
        lines = [f"{reuse.why[1]}。" if zh else f"{reuse.why[0][0].upper()}{reuse.why[0][1:]}."]
    for row in reuse.rows:
        if row.moved:
            change = f"{_number(row.before)} -> {_number(row.after)}"
            lines.append(f"{row.who}：{row.key}，{change}。" if zh else f"{row.who}: {row.key}, {change}.")
    for who, times in reuse.used.items():
        lines.append(f"{who}：使用卡片 {times} 次。" if zh else f"{who}: used the card {times} times.")
    if reuse.verdict is not None:
        lines += [reuse.verdict.to_text("zh" if zh else "en"), _CHOSEN[zh]]
    elif names:
        lines.append(f"{reuse.why[1]}。" if zh else f"{reuse.why[0][0].upper()}{reuse.why[0][1:]}.")
    return "\n".join(lines)


_PER = {
    "share": ("from never to always", "从从不到总是"),
    "a day": ("for one more a day", "每天多一次"),
    "a case": ("for one more a case", "每案例多一次"),
}
_UNTOLD = (
    "Whether success goes along with it among the others cannot be told.",
    "其他人中是否与成功相关尚无法判断。",
)
_CHOSEN = (
    "Who takes something up chooses to: this is a comparison, and no experiment.",
    "采用与否出于自愿：这是比较而非实验。",
)
