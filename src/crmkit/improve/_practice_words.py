"""Practices in sentences and as the texts of a card, in English and Chinese: evidence, never proof."""

from typing import TYPE_CHECKING

from crmkit.errors import NotFound

if TYPE_CHECKING:
    from crmkit.improve.practices import Practices, Trait

__all__ = ["card_texts", "spoken", "told"]

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
        return [f"Too little data: {few.n} cases of {found.star} ended, and {few.persons} others have enough to compare with."]
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
    where = (f"阶段 {found.stage}" if zh else f"stage {found.stage}") if found.stage else ("全部案例" if zh else "all cases")
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
        lines = [
            f"{name}：{star} 为 {own}（n = {row.n}），其他人为 {rest}（{row.persons} 人）；"
            f"差异 {gap}（{low} 至 {high}），q = {q}。"
        ]
    else:
        lines = [
            f"{name[0].upper()}{name[1:]}: {star} {own} (n = {row.n}), others {rest} ({row.persons} persons); "
            f"difference {gap} ({low} to {high}), q {q}."
        ]
    return [*lines, _along(row, zh=zh)]


def _along(row: "Trait", *, zh: bool) -> str:
    """Whether success goes along with it among the others."""
    if row.along is None:
        return "其他人中是否与成功相关尚无法判断。" if zh else "Whether success goes along with it among the others cannot be told."
    low, high = _number(row.along_low), _number(row.along_high)
    if zh:
        said = "与成功相关" if row.supported else "未见与成功相关，可能只是个人习惯"
        return f"其他人中{said}：每多一个单位 {row.along:+.4g}（{low} 至 {high}，n = {row.n_along}）。"
    said = "success went along with it" if row.supported else "success did not clearly go along with it: it may be a mere habit"
    return f"Among the others {said}: {row.along:+.4g} for one more ({low} to {high}, n = {row.n_along})."


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}" if abs(value) >= 0.001 or value == 0 else f"{value:.1g}"


def card_texts(found: "Practices", lang: str) -> dict[str, str]:
    """Title, problem, need, cause and solution of a card."""
    spoken(lang)
    zh = lang == "zh"
    names = ("、" if zh else ", ").join(row.name[zh] for row in found.differences)
    lines = [line for row in found.differences for line in _row(found.star, row, zh=zh)]
    outcome = _outcome(found, zh=zh)
    if zh:
        return {
            "title": f"{found.star} 的做法：{names}",
            "problem": f"同样的工作，结果因人而异。{outcome}",
            "need": "了解哪些做法可供他人借鉴。",
            "cause": f"尚不清楚。{_CAUTION[1]}",
            "solution": "\n".join(["记录显示：", *lines, "采用之前请询问本人如何做到；采用之后验证效果。"]),
        }
    return {
        "title": f"How {found.star} works: {names}",
        "problem": f"The same work ends differently with different people. {outcome}".strip(),
        "need": "To know what of it others could do, too.",
        "cause": f"Not known. {_CAUTION[0]}",
        "solution": "\n".join(
            ["What the records say:", *lines, "Ask how it is done before it is taken up, and verify afterwards."]
        ),
    }
