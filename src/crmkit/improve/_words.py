"""Hypotheses and verdicts in sentences, in English and Chinese."""

from typing import TYPE_CHECKING

from crmkit.errors import NotFound

if TYPE_CHECKING:
    from crmkit.improve.hypothesis import Hypothesis
    from crmkit.improve.verify import Verdict
    from crmkit.values import Period

__all__ = ["claimed", "judged", "name_of", "spoken"]

_ANSWERS = {
    "worked": ("It worked", "有效"),
    "did not": ("It did not work", "无效"),
    "too early": ("Too early to tell", "为时尚早"),
    "cannot tell": ("It cannot be told", "无法判断"),
}


def claimed(claim: "Hypothesis", lang: str) -> str:
    """What is expected."""
    spoken(lang)
    about, where = claim.metric.about, ", ".join(f"{name} {value}" for name, value in claim.where.items())
    before, after, rises = name_of(claim.before), name_of(claim.after), claim.direction > 0
    if lang == "zh":
        said = "上升" if rises else "下降"
        return f"{about.zh}（{where or '全部'}）从 {before} 到 {after} 至少{said} {claim.effect:.4g}"
    said = "rises" if rises else "falls"
    return f"{about.en} ({where or 'all'}) {said} by at least {claim.effect:.4g} from {before} to {after}"


def judged(verdict: "Verdict", lang: str) -> str:
    """The answer, the figures behind it, and what to know about them."""
    spoken(lang)
    zh = lang == "zh"
    lines = [f"{_ANSWERS[verdict.answer][zh]}{'：' if zh else ': '}{claimed(verdict.claim, lang)}{'。' if zh else '.'}"]
    before, after = (_figure(value) for value in (verdict.before, verdict.after))
    if zh:
        lines.append(f"之前 {before}（n = {verdict.n_before}），之后 {after}（n = {verdict.n_after}）。")
    else:
        lines.append(f"Before {before} (n = {verdict.n_before}), after {after} (n = {verdict.n_after}).")
    if verdict.settled is not None and verdict.settled != verdict.before:
        settled = _figure(verdict.settled)
        lines.append(
            f"之前的数值因极端而被选中，若不采取措施预计会回到 {settled}。" if zh
            else f"The figure before was picked for being extreme; by itself it would have gone to {settled}."
        )  # fmt: skip
    if verdict.gain is not None:
        gain, low, high = (_figure(value) for value in (verdict.gain, verdict.low, verdict.high))
        level = f"{verdict.level:.4g}"
        lines.append(
            f"改善 {gain}（{level} 置信区间 {low} 至 {high}）。"
            if zh
            else f"Better by {gain} ({low} to {high}, level {level})."
        )
    if verdict.answer in ("too early", "cannot tell") and verdict.days_needed is not None:
        days = verdict.days_needed
        lines.append(
            f"以 80% 的把握看出所承诺的改善，之后的周期共需约 {days} 天。" if zh
            else f"An effect of the promised size would be seen, four times in five, after {days} days in all."
        )  # fmt: skip
    lines += [f"{note[zh]}。" if zh else f"{note[0][0].upper()}{note[0][1:]}." for note in verdict.notes]
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def name_of(period: "Period") -> str:
    """The name of a period, or its days."""
    return period.name or f"{period.start} .. {period.end}"


def spoken(lang: str) -> None:
    """Refuse another language."""
    if lang not in ("en", "zh"):
        raise NotFound("language", lang, ("en", "zh"), "texts")
