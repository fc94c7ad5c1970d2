"""A page as one self-contained HTML file: both languages and both lights inside, nothing loaded from anywhere.

It is complete without its script; with it, a reader may change language and light, and choose persons, regions and
months. The script adds up counters and makes the same figures of them as Python does.
"""

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from crmkit.errors import ExtraMissing
from crmkit.report import charts
from crmkit.report.composing import Page, compose
from crmkit.report.figures import Report
from crmkit.report.panels import Cell, Said, Text, between, figure
from crmkit.report.text import horizon
from crmkit.report.words import LANGUAGES, days, percent, span, words

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["drawn", "to_html"]

_MARKS = {"coach": "▼", "share": "▲", "watch": "·"}
_MOST_ALERTS = 8
_DIMS = {"who": Text("person", "人员"), "region": Text("region", "区域"), "customer": Text("customer", "客户")}


def to_html(report: Report, *, name: str, language: str = "en") -> str:
    """The page of the deals alone.

    Args:
        report: what to show.
        name: what the data are called, for the title.
        language: "en" or "zh": which the page speaks first.

    Raises:
        ExtraMissing: if Jinja2 or vl-convert is not installed.
        NotFound: if the language is not there.
    """
    return drawn(compose(sales=report), name=name, language=language)


def drawn(page: Page, *, name: str, language: str = "en") -> str:
    """A page drawn; see `to_html` for the arguments and the errors."""
    words(language)
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise ExtraMissing("jinja2", "report", "writing the page") from None
    texts = {key: Text(value, LANGUAGES["zh"][key]) for key, value in words("en").items()}
    environment = Environment(
        loader=PackageLoader("crmkit.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    here = files("crmkit.report")
    # Our own drawings, styles and script, and JSON without a way out of its element: not user text.
    css, js = (Markup(here.joinpath(part).read_text(encoding="utf-8")) for part in ("page.css", "page.js"))  # noqa: S704
    packed = Markup(json.dumps(page.states, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))  # noqa: S704
    alerts = page.alerts
    return environment.get_template("page.html.j2").render(
        page=page, name=name, language=language, title=texts["company" if page.over else "title"],
        css=css, js=js, packed=packed, say=_said,
        text=Text, words=texts,
        drawn_cell=_cell, figure=figure, between=between, dims=_DIMS, states=page.states,
        cards=_cards(page.report) if page.report else [], alerts=alerts[:_MOST_ALERTS], more=alerts[_MOST_ALERTS:],
        svgs={
            panel.id: Markup(charts.to_svg(panel.chart, key=panel.id))  # noqa: S704 - see above
            for section in page.sections for panel in section.panels if panel.chart is not None
        },
    )  # fmt: skip


def _said(text: Said) -> "Markup":
    """A text in both languages, of which the page shows one."""
    from markupsafe import Markup, escape

    if isinstance(text, str):
        return escape(text)
    if text.en == text.zh:
        return escape(text.en)
    return Markup('<span lang="en">{}</span><span lang="zh-Hans">{}</span>').format(text.en, text.zh)


def _cell(cell: Said | Cell, place: int, first: int) -> "Markup":
    """A cell of a table; the first of a row is its head."""
    from markupsafe import Markup

    of = cell if isinstance(cell, Cell) else Cell(cell)
    body = _said(of.text)
    if of.mark:
        word = Text(LANGUAGES["en"][of.mark], LANGUAGES["zh"][of.mark])
        body += Markup("<em>{} {}</em>").format(_MARKS[of.mark], _said(word))
    if of.small:
        body += Markup("<small>{}</small>").format(_said(of.small))
    kind = of.mark or ("text" if place < first else "")
    tag = Markup('th scope="row"') if place == 0 else Markup("td")
    attribute = Markup(' class="{}"').format(kind) if kind else Markup("")
    return Markup("<{}{}>{}</{}>").format(tag, attribute, body, "th" if place == 0 else "td")


def _cards(report: Report) -> list[tuple[Said, Said]]:
    """The counts a reader can check, and the three figures of the deals."""
    totals = report.totals
    both = [LANGUAGES["en"], LANGUAGES["zh"]]

    def word(key: str, **values: Any) -> Text:
        return Text(*(say[key].format(**values) for say in both))

    made: list[tuple[Said, Said]] = [
        (f"{getattr(totals, name):,}", word(name)) for name in ("cases", "won", "lost", "open")
    ]
    if report.curve.won:
        by = report.curve.at(horizon(report))
        limits = f" ({percent(by.low)}–{percent(by.high)})"
        within = word("win_by", days=int(by.days))
        made.append((percent(by.won), Text(within.en + limits, within.zh + limits)))
        naive, note = word("closed_only_rate"), word("closed_only_note")
        made.append((percent(totals.closed_only_rate), Text(f"{naive.en} ({note.en})", f"{naive.zh}（{note.zh}）")))
        cycle = report.cycle
        spans = [span(cycle.low, cycle.high, say) for say in both]
        median = Text(*(days(cycle.median, say) for say in both))
        made.append((median, Text(f"{word('cycle').en} ({spans[0]})", f"{word('cycle').zh}（{spans[1]}）")))
    if totals.won_amount:
        made.append((_grouped(totals.won_amount), word("amount")))
    return made


def _grouped(amount: str) -> str:
    """An exact amount with thousands apart."""
    whole, _, cents = amount.partition(".")
    return f"{int(whole):,}" + (f".{cents}" if cents.strip("0") else "")
