"""The report as one self-contained HTML page."""

from typing import Any

from crmkit.errors import ExtraMissing
from crmkit.metrics.conversion import Rate
from crmkit.metrics.signals import Signal
from crmkit.report import charts
from crmkit.report.figures import Report
from crmkit.report.text import headlines, horizon
from crmkit.report.words import Words, days, percent, span, words

__all__ = ["to_html"]

_MARKS = {"coach": "▼", "share": "▲", "watch": "·"}
_MOST_PEOPLE, _MOST_FINDINGS = 60, 40


def to_html(report: Report, *, name: str, language: str = "en") -> str:
    """The page: charts as SVG inside, no script, nothing loaded from anywhere.

    Args:
        report: what to show.
        name: what the data are called, for the title.
        language: "en" or "zh".

    Raises:
        ExtraMissing: if Jinja2 or vl-convert is not installed.
        NotFound: if the language is not there.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise ExtraMissing("jinja2", "report", "writing the page") from None
    say = words(language)
    people, few = _people(report)
    findings = sorted(report.findings, key=_weight)
    environment = Environment(
        loader=PackageLoader("crmkit.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(
        "page.html.j2"
    ).render(
        report=report,
        totals=report.totals,
        name=name,
        language=language,
        say=say,
        headlines=headlines(report, language),
        by=report.curve.at(horizon(report)),
        amount=_grouped(report.totals.won_amount),
        charts={key: Markup(svg) for key, svg in _charts(report, say).items()},  # noqa: S704 - our own SVG, not user text
        stages=report.order.open,
        times={row.stage: row for row in report.times},
        people=people,
        few=few,
        marks=_MARKS,
        findings=findings[:_MOST_FINDINGS],
        more_findings=max(len(findings) - _MOST_FINDINGS, 0),
        percent=percent,
        days=days,
        span=span,
    )


def _charts(report: Report, say: Words) -> dict[str, str]:
    specs = {"funnel": charts.funnel_chart(report, say), "conversion": charts.conversion_chart(report, say)}
    if report.curve.rows:
        specs["curve"] = charts.curve_chart(report, say)
    if report.times.rows:
        specs["times"] = charts.times_chart(report, say)
    if report.open_cases.rows:
        specs["open"] = charts.open_chart(report, say)
    return {name: charts.to_svg(spec) for name, spec in specs.items()}


def _people(report: Report) -> tuple[list[tuple[str, list[tuple[Rate | None, Signal | None]]]], int]:
    """The table's rows: whoever has enough data in some stage, the most marked first; and how many have not."""
    rates = {(row.who, row.stage): row for row in report.rates if row.who is not None}
    found = {(row.who, row.stage): row for row in report.signals}
    names = list(dict.fromkeys(who for who, _ in rates if who is not None))
    shown: list[tuple[str, list[tuple[Rate | None, Signal | None]]]] = []
    for who in names:
        cells = [(rates.get((who, stage)), found.get((who, stage))) for stage in report.order.open]
        if any(signal is not None and signal.kind != "insufficient data" for _, signal in cells):
            shown.append((who, cells))
    shown.sort(key=_marked)
    return shown[:_MOST_PEOPLE], len(names) - len(shown[:_MOST_PEOPLE])


def _marked(row: tuple[str, list[tuple[Rate | None, Signal | None]]]) -> tuple[int, str]:
    marks = sum(signal is not None and signal.kind in ("coach", "share") for _, signal in row[1])
    return -marks, row[0].casefold()


def _weight(finding: Any) -> tuple[bool, int]:
    return not finding.dropped, -finding.count


def _grouped(amount: str | None) -> str:
    if amount is None:
        return ""
    whole, _, cents = amount.partition(".")
    return f"{int(whole):,}" + (f".{cents}" if cents.strip("0") else "")
