"""The service desk this morning in words, English and Chinese."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crmkit.errors import NotFound

if TYPE_CHECKING:
    from crmkit.report.service import Morning, Standing

__all__ = ["said"]

_BANDS = (
    ("under 1 day", "不足 1 天"), ("1 to 3 days", "1 至 3 天"), ("3 to 7 days", "3 至 7 天"),
    ("7 to 30 days", "7 至 30 天"), ("30 days and more", "30 天以上"),
)  # fmt: skip
_SHOWN = 20


def said(made: "Morning", lang: str) -> str:
    """All of it.

    Raises:
        NotFound: for an unknown language.
    """
    if lang not in ("en", "zh"):
        raise NotFound("language", lang, ("en", "zh"), "the desk")
    lines = [*_head(made), *_table(made), *_week(made), *_ahead(made, lang), *_people(made)]
    lines += [_ticket(one) for one in made.tickets[:_SHOWN]]
    if len(made.tickets) > _SHOWN:
        rest = len(made.tickets) - _SHOWN
        lines.append((f"  and {rest} more", f"  另有 {rest} 个"))
    lines += [(f"  not read: {case}: {why}", f"  无法读取：{case}：{why}") for case, why in made.unread.items()]
    return "\n".join(line[lang == "zh"] for line in lines)


def _head(made: "Morning") -> list[tuple[str, str]]:
    n, late, near, fine, free = len(made.tickets), *(made.count(one) for one in ("late", "near", "in time", "no limit"))
    bare = (f", {free} without a limit", f"，{free} 个无时限") if free else ("", "")
    return [(
        f"{n} tickets open on {_moment(made.at)}: {late} late, {near} nearly, {fine} in time{bare[0]}",
        f"{_moment(made.at)} 未结工单 {n} 个：{late} 个超时，{near} 个将超时，{fine} 个在时限内{bare[1]}",
    )]  # fmt: skip


def _table(made: "Morning") -> list[tuple[str, str]]:
    rows: dict[str | None, list[tuple[str, str]]] = {}
    for (urgency, band), n in made.table.items():
        rows.setdefault(urgency, []).append((f"{_BANDS[band][0]}: {n}", f"{_BANDS[band][1]}：{n}"))
    one = len(rows) == 1 and None in rows
    lines: list[tuple[str, str]] = []
    for urgency, cells in rows.items():
        english, chinese = ", ".join(cell[0] for cell in cells), "，".join(cell[1] for cell in cells)
        name = ("", "") if one else (f"{urgency or 'unknown'}: ", f"{urgency or '未知'}：")
        lines.append((f"  {name[0]}{english}", f"  {name[1]}{chinese}"))
    return lines


def _week(made: "Morning") -> list[tuple[str, str]]:
    figures = {row.metric: row for row in made.week}
    if "backlog_growth" not in figures:
        return []
    grown = figures["backlog_growth"]
    came, went = (figures[key].exact for key in ("tickets_arrived", "tickets_left"))
    low, high = f"{grown.low:+.1f}", f"{grown.high:+.1f}"
    net = f"{grown.exact:+d}" if isinstance(grown.exact, int) else "0"
    lines = [(
        f"In the last 7 days {came} came and {went} were closed: {net} (95 % interval {low} to {high})",
        f"近 7 天新增 {came} 个、办结 {went} 个：净增 {net}（95% 区间 {low} 至 {high}）",
    )]  # fmt: skip
    clear = figures.get("days_to_clear")
    if clear is not None and clear.value is not None:
        days, least, most = (f"{one:.1f}" for one in (clear.value, clear.low or 0.0, clear.high or 0.0))
        lines.append((
            f"If nothing more came, they would last {days} days at that rate ({least} to {most})",
            f"若不再新增，按此速度 {days} 天可清理完（{least} 至 {most}）",
        ))  # fmt: skip
    return lines


def _ahead(made: "Morning", lang: str) -> list[tuple[str, str]]:
    if made.ahead is None:
        return [(
            "What will become of the backlog is not known: no ticket was closed yet", "积压走势无法估计：尚无办结的工单"
        )]  # fmt: skip
    text = made.ahead.to_text("zh" if lang == "zh" else "en").splitlines()
    told = text[1 : len(made.ahead.ahead) + 2]
    return [("What will become of the backlog:", "积压走势："), *((line, line) for line in told)]


def _people(made: "Morning") -> list[tuple[str, str]]:
    if made.plan is None:
        return []
    lines = [("Who has room:", "谁有余力：")]
    for one in made.plan.loads:
        share = ("away", "不在")
        if one.utilisation is not None:
            share = f"{one.utilisation:.0%} taken", f"已用 {one.utilisation:.0%}"
        # Working time has no days: a day of it is as long as the calendar says.
        room, jobs, free = one.room / timedelta(hours=1), one.jobs, _moment(one.free)
        late = (f", late: {', '.join(one.late)}", f"，将超时：{', '.join(one.late)}") if one.late else ("", "")
        lines.append((
            f"  {one.who}: {share[0]}, {jobs} open, room for {room:.0f} h, free {free}{late[0]}",
            f"  {one.who}：{share[1]}，任务 {jobs} 个，余 {room:.0f} 小时，{free} 起有空{late[1]}",
        ))  # fmt: skip
    for choice in made.plan.choices:
        if not choice.kept:
            job, who, start = choice.job.id, choice.who, _moment(choice.start)
            lines.append((f"  {job} should go to {who}, {start}", f"  {job} 宜交 {who}，{start}"))
    lines += [(f"  nobody can take {job.id}", f"  无人可接 {job.id}") for job in made.plan.unassigned]
    return lines


def _ticket(one: "Standing") -> tuple[str, str]:
    issue, step = one.issue, one.progress
    age = _span(issue.age)
    known = [text for text in (one.urgency, one.customer) if text is not None]
    more, beside = "".join(f", {text}" for text in known), "".join(f"，{text}" for text in known)
    due = ("", "")
    if issue.due is not None or one.timing == "late":
        at = _moment(issue.due) if issue.due is not None else _moment(min(clock.due for clock in step.clocks))
        due = (f", late since {at}", f"，{at} 起超时") if one.timing == "late" else (f", due {at}", f"，{at} 到期")
    lacks = (f", next needs {', '.join(step.lacks)}", f"，下一步缺 {'、'.join(step.lacks)}") if step.lacks else ("", "")
    who, path = issue.owner, len(step.path)
    english = f"step {step.step} of {path}, {issue.stage}, {who or 'nobody'}{more}, {age[0]} old{due[0]}{lacks[0]}"
    chinese = f"第 {step.step}/{path} 步，{issue.stage}，{who or '无人'}{beside}，已开 {age[1]}{due[1]}{lacks[1]}"
    return f"  {issue.case}: {english}", f"  {issue.case}：{chinese}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _span(span: timedelta) -> tuple[str, str]:
    for unit, size in ((("days", "天"), timedelta(days=1)), (("h", "小时"), timedelta(hours=1))):
        if span >= 2 * size:
            return f"{span // size} {unit[0]}", f"{span // size} {unit[1]}"
    return f"{span // timedelta(minutes=1)} min", f"{span // timedelta(minutes=1)} 分钟"
