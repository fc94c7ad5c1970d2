"""Figures as a Vega-Lite specification."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crmkit.errors import NotFound
from crmkit.metrics._signal_words import worded

if TYPE_CHECKING:
    from crmkit.metrics._recipe import Recipe
    from crmkit.metrics.figures import Figure

__all__ = ["chart"]

_UNITS = {
    "complaints": "起", "complaints per 1,000": "每千单起数", "contacts": "次", "customers": "位客户", "days": "天",
    "deals": "个商机", "index": "指数", "log ratio": "对数比", "minutes": "分钟", "phi": "phi", "quotations": "份报价",
    "ratio": "比值", "share": "占比",
}  # fmt: skip


def chart(rows: Sequence["Figure"], recipe: "Recipe", metric: str | None, lang: str) -> dict[str, Any]:
    """Lines over periods, a colour a group, with bands; bars with whiskers where there is one period.

    Raises:
        NotFound: for a metric that was not measured, or another language.
    """
    abouts = {one.key: one.about for one in recipe.metrics}
    if metric is not None and metric not in abouts:
        raise NotFound("metric", metric, tuple(abouts), "the table")
    about = abouts[metric or next(iter(abouts))]
    rows = [row for row in rows if row.metric == about.key]
    by, name = recipe.by, worded(lang, (about.en, about.zh))
    periods = list(dict.fromkeys(row.period for row in rows))
    shown = ("period", "value", "low", "high", "n")
    values = [{"group": _group(row, lang), **{field: getattr(row, field) for field in shown}} for row in rows]
    unit = rows[0].unit if rows else ""
    title = f"{name} ({unit})" if lang == "en" else f"{name}（{_UNITS.get(unit, unit)}）"
    title = title if rows else ""
    spec: dict[str, Any] = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": values},
        "title": title,
    }
    y = {"field": "value", "type": "quantitative", "title": title}
    limits = {"y": {"field": "low", "type": "quantitative", "title": title}, "y2": {"field": "high"}}
    if len(periods) > 1:
        x = {"field": "period", "type": "ordinal", "sort": periods, "title": None}
        hue = {"color": {"field": "group", "type": "nominal", "title": ", ".join(by) or None}}
        return {**spec, "layer": [
            {"mark": {"type": "area", "opacity": 0.15}, "encoding": {"x": x, **limits, **hue}},
            {"mark": {"type": "line", "point": True}, "encoding": {"x": x, "y": y, **hue}},
        ]}  # fmt: skip
    x = {"field": "group", "type": "nominal", "sort": "-y", "title": ", ".join(by) or None}
    return {**spec, "layer": [
        {"mark": "bar", "encoding": {"x": x, "y": y}},
        {"mark": "rule", "encoding": {"x": x, **limits}},
    ]}  # fmt: skip


def _group(row: "Figure", lang: str) -> str:
    unknown, everybody = ("(unknown)", "all") if lang == "en" else ("（未知）", "全部")
    return " / ".join(value or unknown for value in row.group.values()) or everybody
