"""What signals, shifts and interruptions say, in English and Chinese."""

from typing import Any, Literal, TypeAlias

from crmkit.errors import NotFound

__all__ = ["Lang", "said_of_change", "said_of_shift", "said_of_signal", "said_of_signals", "worded"]

#: The languages of texts.
Lang: TypeAlias = Literal["en", "zh"]

_ASKS = {"coach": ("coach", "建议辅导"), "share": ("share the practice", "值得推广")}
_VERDICTS = {
    "rose": ("rose", "上升"),
    "fell": ("fell", "下降"),
    "no change seen": ("no change seen", "未见变化"),
    "insufficient data": ("insufficient data", "数据不足"),
}
_SCALES = {
    "rate ratio": ("rate ratio", "率比"),
    "odds ratio": ("odds ratio", "优势比"),
    "difference": ("difference", "差值"),
}


def worded(lang: str, pair: tuple[str, str]) -> str:
    """The text of a language.

    Raises:
        NotFound: if it is not spoken here.
    """
    if lang not in ("en", "zh"):
        raise NotFound("language", lang, ("en", "zh"), "texts")
    return pair[lang == "zh"]


def said_of_signal(row: Any) -> tuple[str, str]:
    """A call that case mix does not explain."""
    asks, chinese = _ASKS[row.kind]
    seen = f"{row.ratio:.2f}", f"{row.low:.2f}", f"{row.high:.2f}"
    ratio, measure = f"ratio {seen[0]}, {seen[1]} to {seen[2]}", f"比值 {seen[0]}，{seen[1]} 至 {seen[2]}"
    of, expected = f"{row.observed} of {row.n}", f"{row.expected:.1f}"
    return (
        f"{row.who} in {row.stage}: {of} advanced, {expected} expected ({ratio}): {asks}",
        f"{row.who}，“{row.stage}”阶段：{row.n} 个中推进 {row.observed} 个，预期 {expected} 个（{measure}）：{chinese}",
    )


def said_of_shift(row: Any) -> tuple[str, str]:
    """A shift, since when and until when."""
    english, chinese = said_of_signal(row)
    over = ("lasting", "仍在持续") if row.last is None else (f"over in {row.last}", f"{row.last} 结束")
    return (
        f"{english}; since {row.since}, seen in {row.first}, {over[0]}",
        f"{chinese}；始于 {row.since}，{row.first} 发现，{over[1]}",
    )


def said_of_signals(n: int, false: float) -> tuple[str, str]:
    """How many calls there are, and how many chance may have made."""
    if not n:
        return "nobody is out of line beyond chance", "无人超出偶然范围"
    return f"of {n} calls up to {false:.1f} may be chance", f"共 {n} 项，其中至多约 {false:.1f} 项可能出于偶然"


def said_of_change(one: Any) -> tuple[str, str]:
    """Whether a figure changed at the interruption, and by how much."""
    step = one.effect()
    seen = f"{step.value:.3g}", f"{step.low:.3g}", f"{step.high:.3g}"
    (verdict, chinese), (scale, measure) = _VERDICTS[one.verdict], _SCALES[one.scale]
    periods = f"{one.n_before} periods before the change and {one.n_after} since"
    return (
        f"{verdict}: {scale} {seen[0]} ({seen[1]} to {seen[2]}), {periods}",
        f"{chinese}：{measure} {seen[0]}（{seen[1]} 至 {seen[2]}），变化前 {one.n_before} 期，之后 {one.n_after} 期",
    )
