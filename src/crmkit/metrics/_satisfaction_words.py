"""What is said of satisfaction and process, in English and Chinese."""

from typing import TYPE_CHECKING

from crmkit.metrics._process_figures import FIGURES
from crmkit.metrics._signal_words import Lang, worded

if TYPE_CHECKING:
    from crmkit.metrics.satisfaction import Link, Satisfaction

__all__ = ["told"]


def told(made: "Satisfaction", lang: Lang) -> str:
    """All of it.

    Raises:
        NotFound: for an unknown language.
    """
    lines = [*_head(made), *(_of(one) for one in made.rows), *_caveats(made)]
    return "\n".join(worded(lang, line) for line in lines)


def _head(made: "Satisfaction") -> list[tuple[str, str]]:
    share, low, high = (f"{one:.0%}" for one in (made.answered, made.answered_low, made.answered_high))
    silent, mean = made.closed - made.n, f"{made.mean:.2f}"
    english = f"Scores of {made.n} of {made.closed} closed tickets ({share}, {low} to {high}), mean {mean}"
    chinese = f"已结工单 {made.closed} 个，其中 {made.n} 个有评分（{share}，{low} 至 {high}），平均 {mean}"
    lines = [(f"{english}; {silent} did not answer", f"{chinese}；{silent} 个未答复")]
    if made.unmatched or made.early:
        lines.append((
            f"Left out: {made.unmatched} scores of unknown tickets, {made.early} of tickets that are still open",
            f"未计入：{made.unmatched} 个评分找不到工单，{made.early} 个评分的工单尚未结束",
        ))  # fmt: skip
    english, chinese = "two tickets that differ in a figure", "两个工单某项数值不同时"
    if made.strata is not None:
        english = f"two tickets of the same {made.strata} that differ in a figure"
        chinese = f"同一 {made.strata} 的{chinese}"
    more = "how much more often the one with more of it is rated higher than lower"
    lines.append((
        f"Somers' D of the score: of {english}, {more}",
        f"评分的 Somers' D：{chinese}，数值较大者评分较高比较低多出的比例",
    ))  # fmt: skip
    return lines


def _of(one: "Link") -> tuple[str, str]:
    english, chinese = FIGURES[one.figure]
    between, dash = "no limits", "无区间"
    if one.low is not None and one.high is not None:
        low, high = f"{one.low:+.2f}", f"{one.high:+.2f}"
        between, dash = f"{low} to {high}", f"{low} 至 {high}"
    verdict, said = "no link seen", "未见关联"
    if one.linked:
        falls = ("satisfaction falls with it", "越多越不满意"), ("satisfaction rises with it", "越多越满意")
        verdict, said = falls[one.d > 0]
    least, most = f"{one.least:.2f}", "-" if one.most is None else f"{one.most:.2f}"
    link, linked = f"{one.d:+.2f} ({between}), q {one.q:.3f}", f"{one.d:+.2f}（{dash}），q {one.q:.3f}"
    return (
        f"  {english}: {link}: {verdict}; mean score {least} up to the median, {most} above",
        f"  {chinese}：{linked}：{said}；不超过中位数者平均 {least}，超过者 {most}",
    )


def _caveats(made: "Satisfaction") -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    if made.constant:
        english, chinese = (", ".join(FIGURES[name][place] for name in made.constant) for place in (0, 1))
        lines.append((f"The same for all tickets, so not judged: {english}", f"各工单相同，无法判断：{chinese}"))
    apart = [one.figure for one in made.rows if one.answering_q is not None and one.answering_q <= made.q]
    if apart:
        english, chinese = (", ".join(FIGURES[name][place] for name in apart) for place in (0, 1))
        lines.append((
            f"Those who answered were not served like the rest ({english}): the links may be theirs alone",
            f"答复者所受服务与其他客户不同（{chinese}）：上述关联可能只适用于答复者",
        ))  # fmt: skip
    elif made.n < made.closed:
        lines.append((
            "Those who answered were served no differently in these figures, as far as can be seen",
            "就这些数值看，答复者与其他客户所受服务未见差别",
        ))  # fmt: skip
    lines.append((
        f"{made.top:.0%} gave the highest score: what differs among them is not seen",
        f"{made.top:.0%} 给了最高分：其间的差别看不出来",
    ))  # fmt: skip
    lines.append((
        f"{len(made.rows)} figures were looked at; of those called links {made.q:.0%} may be chance",
        f"共看 {len(made.rows)} 项数值；所称关联中约 {made.q:.0%} 可能出于偶然",
    ))  # fmt: skip
    lines.append((
        "An association, no proof of a cause: hard tickets take longer and please less, whoever handles them",
        "这是关联，不是因果：棘手的工单无论谁处理都更费时、更难令人满意",
    ))  # fmt: skip
    return lines
