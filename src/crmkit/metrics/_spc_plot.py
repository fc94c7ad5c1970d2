"""Control charts as Vega-Lite specifications."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from crmkit.metrics._vega import Spec, layered, number, plain

if TYPE_CHECKING:
    from crmkit.metrics._spc_chart import ControlChart
    from crmkit.metrics._spc_points import Lang
    from crmkit.metrics._spc_sprt import SequentialTest
    from crmkit.metrics._spc_sums import CusumChart

__all__ = ["points", "sequential", "sums"]

# Okabe and Ito (2008).
_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#767676"
_WIDTH = 480


def points(made: "ControlChart", lang: "Lang") -> dict[str, Any]:
    """Values between their limits, what is flagged in another colour; the chart of the spread below."""
    upper = {**_points(made, lang), "width": _WIDTH}
    if made.spread is None:
        return upper
    lower = {**_points(made.spread, lang), "width": _WIDTH, "height": 100}
    schema = upper.pop("$schema")
    lower.pop("$schema")
    return {"$schema": schema, "vconcat": [upper, lower]}


def _points(made: "ControlChart", lang: "Lang") -> Spec:
    rows = plain(made.rows, ("label", "value", "centre", "low", "high"))
    for row, one in zip(rows, made.rows, strict=True):
        row["rules"] = ", ".join(one.rules)
    x, title = _along(made.rows), ("value", "值")[lang == "zh"]
    return layered(
        rows,
        [
            *_beginning(x, made.rows),
            _line(x, "centre", title, color=_GREY, interpolate="step"),
            _line(x, "low", title, color=_GREY, interpolate="step", strokeDash=[4, 3]),
            _line(x, "high", title, color=_GREY, interpolate="step", strokeDash=[4, 3]),
            _line(x, "value", title, color=_BLUE),
            {
                "mark": {"type": "point", "filled": True, "size": 50, "opacity": 1},
                "encoding": {
                    "x": x, "y": _scaled("value", title), "color": _flagged("datum.rules"),
                    "tooltip": [{"field": name} for name in ("label", "value", "rules")],
                },
            },
        ],
        title=made.name(lang),
    )  # fmt: skip


def sums(made: "CusumChart", lang: "Lang") -> dict[str, Any]:
    """Both sums, the one that looks for less downwards, and their limits."""
    rows = plain(made.rows, ("label", "up", "down", "alarm"))
    for row in rows:
        down = row.pop("down")
        row |= {"down": None if down is None else -down, "limit": made.limit, "other": -made.limit}
    x, title = _along(made.rows), ("sum", "累积和")[lang == "zh"]
    lines = [_line(x, name, title, color=_BLUE) for name in ("up", "down")]
    marks = [
        {
            "mark": {"type": "point", "filled": True, "size": 40, "opacity": 1},
            "encoding": {"x": x, "y": _scaled(name, title), "color": _flagged(f"abs(datum.{name}) > datum.limit")},
        }
        for name in ("up", "down")
    ]
    limits = [_line(x, name, title, color=_GREY, strokeDash=[4, 3]) for name in ("limit", "other")]
    begins = _beginning(x, made.rows)
    return {**layered(rows, [*begins, *limits, *lines, *marks], title=made.name(lang)), "width": _WIDTH}


def sequential(made: "SequentialTest", lang: "Lang") -> dict[str, Any]:
    """The sum between the limits at which it decides; the case that decided in another colour."""
    rows = plain(made.rows, ("label", "sum", "verdict"))
    for row in rows:
        row |= {"lower": made.lower, "upper": made.upper}
    x, title = _along(made.rows), ("sum", "累积和")[lang == "zh"]
    point = {
        "mark": {"type": "point", "filled": True, "size": 40, "opacity": 1},
        "encoding": {"x": x, "y": _scaled("sum", title), "color": _flagged("datum.verdict != 'continue'")},
    }
    limits = [_line(x, name, title, color=_GREY, strokeDash=[4, 3]) for name in ("lower", "upper")]
    named = layered(rows, [*limits, _line(x, "sum", title, color=_BLUE), point], title=made.name(lang))
    return {**named, "width": _WIDTH}


def _beginning(x: Spec, rows: Any) -> list[Spec]:
    """A line where the baseline ends and the points are judged by it."""
    begins = [
        after.label for before, after in pairwise(rows) if (before.phase, after.phase) == ("baseline", "monitored")
    ]
    only = {"filter": {"field": "label", "oneOf": begins}}
    mark = {"type": "rule", "color": _GREY, "strokeDash": [2, 2]}
    return [{"transform": [only], "mark": mark, "encoding": {"x": x}}] if begins else []


def _along(rows: Any) -> Spec:
    labels = [row.label for row in rows]
    return {"field": "label", "type": "ordinal", "sort": labels, "title": None, "axis": {"labelOverlap": True}}


def _scaled(field: str, title: str) -> Spec:
    return number(field, title, scale={"zero": False})


def _line(x: Spec, field: str, title: str, **mark: Any) -> Spec:
    return {"mark": {"type": "line", **mark}, "encoding": {"x": x, "y": _scaled(field, title)}}


def _flagged(test: str) -> Spec:
    return {"condition": {"test": test, "value": _ORANGE}, "value": _BLUE}
