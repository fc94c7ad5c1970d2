"""What to look at first, in sentences; and a summary for a terminal."""

from crmkit.report.figures import Report
from crmkit.report.words import Words, percent, words

__all__ = ["headlines", "horizon", "summary"]

_HORIZONS = (90, 180, 365)


def headlines(report: Report, language: str = "en") -> list[str]:
    """The few sentences that a manager should read, most urgent first."""
    say = words(language)
    return [
        *_calls(report, say),
        *_overdue(report, say),
        *_narrowest(report, say),
        *_bias(report, say),
        *_left_out(report, say),
    ]


def summary(report: Report, language: str = "en") -> str:
    """The report in a dozen lines."""
    say, totals = words(language), report.totals
    standing = f"{totals.won} {say['won']}, {totals.lost} {say['lost']}, {totals.open} {say['open']}"
    until = report.source["until"][:10]
    head = f"{say['title']} · {say['as_of']} {until} · {totals.cases} {say['cases']} ({standing})"
    stages = [
        f"  {row.stage:<24} {percent(row.value):>5} ({percent(row.low)}–{percent(row.high)})  "
        f"{say['n']} {row.entered}, {say['open']} {row.open}"
        for row in report.rates
        if row.who is None
    ]
    lines = [head, "", *stages]
    return "\n".join([*lines, "", *(f"- {line}" for line in headlines(report, language))])


def horizon(report: Report) -> int:
    """The longest of 90, 180 and 365 days that enough cases were observed for; else the whole time observed."""
    watched = [day for day in _HORIZONS if report.curve.at(day).at_risk >= 10 and day <= report.curve.observed]
    return watched[-1] if watched else int(report.curve.observed)


def _calls(report: Report, say: Words) -> list[str]:
    calls = sorted(report.signals.calls, key=_strength)
    lines = [
        say[f"say_{signal.kind}"].format(
            who=signal.who, stage=signal.stage, value=percent(signal.value), centre=percent(signal.centre), n=signal.n,
            q=f"{signal.q:.1g}" if signal.q >= 0.001 else "<0.001",
        )
        for signal in calls[:4]
    ]  # fmt: skip
    if len(calls) > 4:
        lines.append(say["say_more"].format(count=len(calls) - 4))
    if calls:
        alarms = f"{report.signals.false_alarms:.1f}"
        lines.append(say["say_alarms"].format(calls=len(calls), alarms=alarms))
    return lines or [say["nothing"] if report.signals.rows else say["dimension_missing"]]


def _strength(signal: object) -> float:
    q: float = getattr(signal, "q", 1.0)
    return q


def _overdue(report: Report, say: Words) -> list[str]:
    rows = [row for row in report.open_cases.rows if row.overdue]
    worst = sorted(rows, key=lambda row: -(row.overdue or 0))[:2]
    return [say["say_overdue"].format(count=row.overdue, stage=row.stage) for row in worst]


def _narrowest(report: Report, say: Words) -> list[str]:
    rows = [row for row in report.rates if row.who is None and row.entered >= 10 and row.low < 0.99]
    if len(rows) < 2:
        return []
    row = min(rows, key=lambda row: row.value)
    shown = {"value": percent(row.value), "low": percent(row.low), "high": percent(row.high)}
    return [say["say_narrow"].format(stage=row.stage, **shown)]


def _bias(report: Report, say: Words) -> list[str]:
    if not report.order.won:
        return [say["no_won"]]
    if not report.curve.won:
        return []
    by = horizon(report)
    point = report.curve.at(by)
    shown = {"value": percent(point.won), "low": percent(point.low), "high": percent(point.high)}
    return [say["say_bias"].format(naive=percent(report.curve.closed_only), days=by, **shown)]


def _left_out(report: Report, say: Words) -> list[str]:
    count = sum(finding.count for finding in report.findings if finding.dropped)
    return [say["say_findings"].format(count=count)] if count else []
