"""Charts as Vega-Lite or Vega specifications (plain data), rendered by vl-convert to SVG.

The SVG has both languages inside, of which a page shows one, and colours that a page may change: `var(--ink)` ...
"""

import json
import re
from html import escape, unescape
from typing import Any
from zlib import crc32

import numpy as np

from crmkit.errors import ExtraMissing
from crmkit.report._finite import finite
from crmkit.report.figures import AGES, Report
from crmkit.report.panels import Spec
from crmkit.report.words import Words

__all__ = [
    "bilingual",
    "conversion_chart",
    "curve_chart",
    "funnel_chart",
    "open_chart",
    "times_chart",
    "to_svg",
]

# Okabe and Ito (2008): told apart by all common forms of colour blindness, and in print.
BLUE, ORANGE, GREY, INK = "#0072B2", "#D55E00", "#8a9099", "#22303c"
_AGES = ["#cfe3f1", "#9cc7e2", "#62a5cf", "#2f82b8", "#145d8e", "#083a5e"]
_WIDTH = 300
_LONGEST = 60
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif"


def funnel_chart(report: Report, say: Words) -> Spec:
    """Bars of cases by stage reached, with the share written beside."""
    rows = [
        {"stage": row.stage, "cases": row.cases, "text": f"{row.cases} · {100 * row.share:.0f}%"}
        for row in report.funnel
    ]
    bars = {"mark": {"type": "bar", "color": BLUE, "height": {"band": 0.62}}}
    texts = {
        "mark": {"type": "text", "align": "left", "dx": 5, "color": INK},
        "encoding": {"text": {"field": "text"}},
    }
    top = max(row.cases for row in report.funnel)
    x = {
        "field": "cases",
        "type": "quantitative",
        "title": say["cases"],
        "scale": {"domain": [0, top * 1.32]},
        "axis": _AXIS,
    }
    return _chart(rows, {"y": _stages([row.stage for row in report.funnel]), "x": x}, [bars, texts])


def conversion_chart(report: Report, say: Words) -> Spec:
    """A dot and its interval for each stage; a hollow mark shows what closed stays alone would say."""
    rows = [
        {"stage": row.stage, "value": row.value, "low": row.low, "high": row.high, "naive": _null(row.closed_only)}
        for row in report.rates
        if row.who is None
    ]
    x = {"type": "quantitative", "scale": {"domain": [0, 1]}, "title": None, "axis": {**_AXIS, "format": "%"}}
    naive = {"type": "point", "shape": "diamond", "color": ORANGE, "size": 50}
    layers = [_rule(x), {"mark": naive, "encoding": {"x": {**x, "field": "naive"}}}, _dot(x, "value")]
    title = f"● {say['value']}   ◇ {say['closed_only']}"
    return {**_chart(rows, {"y": _stages([row["stage"] for row in rows])}, layers), "title": title}


def curve_chart(report: Report, say: Words) -> Spec:
    """Won with its band, and lost, over days since opening."""
    points = [*report.curve.rows]
    # A thousand points draw no better than three hundred.
    keep = sorted({int(i) for i in np.linspace(0, len(points) - 1, min(len(points), 300))}) if points else []
    zero = {"days": 0.0, "won": 0.0, "low": 0.0, "high": 0.0, "lost": 0.0}
    rows: list[Spec] = [zero] + [
        {"days": p.days, "won": p.won, "low": p.low, "high": p.high, "lost": p.lost} for p in (points[i] for i in keep)
    ]
    y = {"type": "quantitative", "title": None, "axis": {**_AXIS, "format": "%"}, "scale": {"domainMin": 0}}
    line = {"type": "line", "interpolate": "step-after", "strokeWidth": 2.5}
    layers: list[Spec] = [
        {"mark": {"type": "area", "interpolate": "step-after", "color": BLUE, "opacity": 0.18},
         "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}}},
        {"mark": {**line, "color": BLUE}, "encoding": {"y": {**y, "field": "won"}}},
        {"mark": {**line, "color": ORANGE, "strokeDash": [5, 3]}, "encoding": {"y": {**y, "field": "lost"}}},
    ]  # fmt: skip
    spec = _chart(rows, {"x": {"field": "days", "type": "quantitative", "title": say["days"], "axis": _AXIS}}, layers)
    return {**spec, "height": 200, "title": f"— {say['won']}   - - {say['lost']}"}


def times_chart(report: Report, say: Words) -> Spec:
    """The median sojourn of each stage with its interval, in days, on a log scale where they differ much."""
    rows = [
        {"stage": row.stage, "median": _null(row.median), "low": _null(row.low), "high": _null(row.high)}
        for row in report.times
    ]
    known = [v for row in rows for v in (row["median"], row["low"], row["high"]) if isinstance(v, float) and v > 0]
    wide = bool(known) and max(known) / min(known) > 50
    scale = {"type": "log"} if wide else {"zero": True}
    x = {"type": "quantitative", "title": say["days"], "scale": scale, "axis": {**_AXIS, "format": "~r"}}
    if wide:
        rows = [{**row, **{k: None for k, v in row.items() if isinstance(v, float) and v <= 0}} for row in rows]
    layers = [_rule(x), _dot(x, "median")]
    return _chart(rows, {"y": _stages([row.stage for row in report.times])}, layers)


def open_chart(report: Report, say: Words) -> Spec:
    """Open cases of each stage, stacked by age."""
    names = [f"≤ {day}" for day in AGES[1:]] + [f"> {AGES[-1]}"]
    rows = [
        {"stage": row.stage, "age": names[i], "cases": cases, "order": i}
        for row in report.open_cases.rows
        for i, cases in enumerate(row.ages)
        if cases
    ]
    color = {
        "field": "age", "type": "nominal", "sort": names, "scale": {"domain": names, "range": _AGES},
        "legend": {"title": say["days"], "orient": "bottom", "columns": 3, "symbolType": "square"},
    }  # fmt: skip
    x = {"field": "cases", "type": "quantitative", "title": say["cases"], "axis": _AXIS}
    encoding = {
        "y": _stages([row.stage for row in report.open_cases.rows]),
        "x": x,
        "color": color,
        "order": {"field": "order"},
    }
    return _chart(rows, encoding, [{"mark": {"type": "bar", "height": {"band": 0.62}}}])


def bilingual(en: Spec, zh: Spec) -> Spec:
    """One specification of two that differ only in their words: the English one, which knows its Chinese words.

    >>> bilingual({"title": "won", "width": 9}, {"title": "赢单", "width": 9})["usermeta"]
    {'zh': {'won': '赢单'}}
    """
    words: dict[str, str] = {}
    made: Spec = _both(en, zh, words)
    return {**made, "usermeta": {"zh": words}}


def _both(en: Any, zh: Any, words: dict[str, str]) -> Any:
    match en:
        case dict() if isinstance(zh, dict):
            return {key: _both(value, zh.get(key, value), words) for key, value in en.items()}
        case list() | tuple() if isinstance(zh, list | tuple):
            return [_both(one, other, words) for one, other in zip(en, zh, strict=False)]
        case str() if isinstance(zh, str) and en != zh:
            words[en] = zh
            return _MARK + en
        case _:
            return en


def to_svg(spec: Spec, *, key: str = "chart") -> str:
    """The chart as an SVG text that scales with its box.

    Args:
        spec: a Vega-Lite specification, or a Vega one that says so in its `$schema`; its words are in both languages
            if `bilingual` made it.
        key: what sets the names inside it apart from those of other charts of a page.

    Raises:
        ExtraMissing: if vl-convert is not installed.
    """
    try:
        import vl_convert
    except ImportError:
        raise ExtraMissing("vl-convert-python", "report", "drawing charts") from None
    lite = "vega-lite" in spec.get("$schema", "vega-lite")
    given, config = dict(spec), dict(spec.get("config", {}))
    words: dict[str, str] = given.pop("usermeta", {}).get("zh", {})
    # The figure around it is named for those who listen; a thousand marks with a name each help nobody.
    given["config"] = {**(_CONFIG if lite else {}), **config, **({"aria": False} if lite else {})}
    text = json.dumps(finite({**given, "background": "transparent"}), allow_nan=False)
    svg: str = vl_convert.vegalite_to_svg(text, vl_version="5.20") if lite else vl_convert.vega_to_svg(text)
    return _dressed(svg, words, key)


def _dressed(svg: str, words: dict[str, str], key: str) -> str:
    """The drawing with the page's colours and font, its own names, and words in both languages."""
    svg = re.sub(r' (?:font-family|aria-[a-z]+|role)="[^"]*"', "", svg)
    svg = re.sub(r' width="(\d+\.?\d*)" height="[^"]*"', r' style="max-width:\1px"', svg, count=1)
    svg = re.sub(r' stroke-miterlimit="10"|<g [^>]*>\s*</g>', "", svg)
    svg = re.sub(r' (?:d|transform)="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), svg)
    svg = re.sub(r"\b(id=\"|url\(#)(?=(?:clip|gradient))", rf"\g<1>{key}-", svg)
    svg = re.sub(r'="(#[0-9A-Fa-f]{3,6}|black)"', lambda found: f'="{_THEME.get(found[1].lower(), found[1])}"', svg)
    return re.sub(f">{_MARK}([^<]*)<", lambda found: f">{_spoken(unescape(found[1]), words)}<", svg).replace(_MARK, "")


def _spoken(text: str, words: dict[str, str]) -> str:
    if text not in words:
        return escape(text)
    return f'<tspan lang="en">{escape(text)}</tspan><tspan lang="zh-Hans">{escape(words[text])}</tspan>'


# Invisible: it stands before a word that has a translation.
_MARK = "\u2063"
# What a page may change: the colours of this file and of the charts of metrics, by the page's variables.
_THEME = {
    "#22303c": "var(--ink)", "#000": "var(--ink)", "black": "var(--ink)", "#000000": "var(--ink)",
    "#0072b2": "var(--blue)", "#d55e00": "var(--orange)", "#8a9099": "var(--grey)", "#767676": "var(--grey)",
    "#e7ebef": "var(--grid)", "#ddd": "var(--grid)", "#888": "var(--grey)", "#009e73": "var(--green)",
}  # fmt: skip

_CONFIG: Spec = {
    "font": _FONT,
    "view": {"stroke": None},
    "bar": {"color": BLUE},
    "rule": {"color": INK},
    "point": {"color": BLUE},
    "line": {"color": BLUE},
    "area": {"color": BLUE},
    "axis": {
        "labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "gridColor": "#e7ebef", "domain": False, "tickColor": "#e7ebef",
    },
    "header": {"labelColor": INK, "titleColor": INK, "labelFontSize": 12},
    "title": {"anchor": "start", "fontSize": 12, "fontWeight": "normal", "color": INK},
    "legend": {
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelColor": INK, "titleColor": INK,
    },
    "text": {"color": INK},
    "range": {"category": [BLUE, ORANGE, "#009e73", GREY, "#CC79A7", "#56B4E9"]},
}  # fmt: skip

_AXIS = {"grid": True, "gridColor": "#e7ebef", "domain": False, "tickCount": 5, "labelFlush": False}


def _label(stage: str) -> str:
    """What a stage is called in a chart: the renderer measures labels letter by letter, so a page of text is cut."""
    # The checksum keeps two names apart that begin alike.
    return stage if len(stage) <= _LONGEST else f"{stage[:_LONGEST]}… ({crc32(stage.encode()):08x})"


def _chart(rows: list[Any], encoding: Spec, layers: list[Spec]) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": _WIDTH,
        # The reader's font may be wider than the one the labels were measured with.
        "padding": {"left": 28, "right": 8, "top": 5, "bottom": 5},
        "background": "transparent",
        "data": {"values": [{**row, "stage": _label(row["stage"])} if "stage" in row else row for row in rows]},
        "encoding": encoding,
        "layer": layers,
    }


def _rule(x: Spec) -> Spec:
    """An interval, from `low` to `high`."""
    mark = {"type": "rule", "color": BLUE, "strokeWidth": 3}
    return {"mark": mark, "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}}}


def _dot(x: Spec, field: str) -> Spec:
    """A point estimate."""
    mark = {"type": "point", "filled": True, "color": BLUE, "size": 80, "opacity": 1}
    return {"mark": mark, "encoding": {"x": {**x, "field": field}}}


def _stages(names: list[Any]) -> Spec:
    """Stages from top to bottom in process order, long names cut by the axis rather than squeezing the chart."""
    axis = {"labelLimit": 130, "title": None, "domain": False, "ticks": False, "labelPadding": 6}
    return {"field": "stage", "type": "nominal", "sort": [*map(_label, names)], "axis": axis, "scale": {"padding": 0.2}}


def _null(value: float) -> float | None:
    return value if np.isfinite(value) else None
