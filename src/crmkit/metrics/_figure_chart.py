"""Figures as a Vega-Lite specification."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmkit.metrics.figures import Figure

__all__ = ["chart"]


def chart(rows: Sequence["Figure"], by: Sequence[str]) -> dict[str, Any]:
    """Lines over periods, a colour a group, with bands; bars with whiskers where there is one period."""
    periods = list(dict.fromkeys(row.period for row in rows))
    shown = ("period", "value", "low", "high", "n")
    values = [{"group": _group(row), **{name: getattr(row, name) for name in shown}} for row in rows]
    title = f"{rows[0].name} ({rows[0].unit})" if rows else ""
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


def _group(row: "Figure") -> str:
    return " / ".join(value or "(unknown)" for value in row.group.values()) or "all"
