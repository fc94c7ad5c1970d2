"""What is said of the backlog ahead, in English and Chinese."""

from typing import TYPE_CHECKING

from crmkit.metrics._signal_words import Lang, worded

if TYPE_CHECKING:
    from crmkit.metrics.backlog import BacklogAhead, BacklogDay, TicketAhead

__all__ = ["told"]

_SHOWN = 5
_BETTER = {True: ("better", "更好"), False: ("worse", "更差"), None: ("not shown to be better", "未证实更好")}


def told(made: "BacklogAhead", lang: Lang) -> str:
    """All of it, with the tickets that are the least likely to be closed.

    Raises:
        NotFound: for an unknown language.
    """
    lines = [_head(made), *(_day(one, made.old) for one in made.ahead), *_record(made)]
    lines += [_ticket(one, made.ahead.rows[-1].days) for one in made.rows[:_SHOWN]]
    return "\n".join(worded(lang, line) for line in lines)


def _head(made: "BacklogAhead") -> tuple[str, str]:
    day, n = f"{made.at:%Y-%m-%d}", len(made.rows)
    if made.arrivals is None:
        return (
            f"{n} tickets open on {day}; the history is too short to say how many come",
            f"{day} 未结工单 {n} 个；历史太短，无法估计新增量",
        )
    return (
        f"{n} tickets open on {day}; {made.arrivals:.3g} come in a day",
        f"{day} 未结工单 {n} 个；每天新增约 {made.arrivals:.3g} 个",
    )


def _day(one: "BacklogDay", old: int) -> tuple[str, str]:
    staying, older = f"{one.staying:.1f}", f"{one.old:.1f}"
    english = f"  in {one.days} days: {staying} of today's still open, {older} of them {old} days old or more"
    chinese = f"  {one.days} 天后：现有工单仍未结 {staying} 个，其中满 {old} 天的 {older} 个"
    if one.expected is None:
        return english, chinese
    between, dash = f"no interval, {one.interval}", "无区间"
    if one.low is not None and one.high is not None:
        low, high = f"{one.low:.0f}", f"{one.high:.0f}"
        between, dash = f"{low} to {high}", f"{low} 至 {high}"
    return (
        f"{english}; {one.expected:.1f} with new ones ({between})",
        f"{chinese}；连同新增共 {one.expected:.1f} 个（{dash}）",
    )


def _record(made: "BacklogAhead") -> list[tuple[str, str]]:
    track = made.track
    if track.error is None or track.error_as_now is None:
        return [("No track record: no earlier cut has come to its end", "没有历史检验：尚无到期的预测")]
    n, ours, base = len(track.rows), f"{track.error:.1f}", f"{track.error_as_now:.1f}"
    better = {True: ("better", "更好"), False: ("worse", "更差"), None: ("not shown to be better", "未证实更好")}[
        track.better
    ]
    return [(
        f"At {n} earlier cuts it was off by {ours} tickets, 'as many as now' by {base}: {better[0]}",
        f"此前 {n} 次预测平均误差 {ours} 个，“与现在相同”误差 {base} 个：{better[1]}",
    )]  # fmt: skip


def _ticket(one: "TicketAhead", days: int) -> tuple[str, str]:
    who, chance = one.who or "-", f"{one.chances[-1]:.0%}"
    return (
        f"  {one.case} ({one.stage}, {who}): open for {one.open_days} days, {chance} to be closed within {days} days",
        f"  {one.case}（{one.stage}，{who}）：已开 {one.open_days} 天，{days} 天内办结的可能性 {chance}",
    )
