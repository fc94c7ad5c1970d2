"""The Sankey of stages as a Vega specification: the places are worked out already, and are only drawn."""

from crmkit.report import charts
from crmkit.report._sankey import Flow
from crmkit.report.charts import _label
from crmkit.report.panels import Spec
from crmkit.report.words import Words

__all__ = ["flow_chart"]

_RIBBONS = {"on": charts.BLUE, "won": charts.BLUE, "lost": charts.ORANGE, "open": charts.GREY, "back": charts.INK}


def flow_chart(flow: Flow, say: Words) -> Spec:
    """A Sankey of stages: a Vega specification whose places are worked out already."""
    ribbons = [
        {"path": one.path, "kind": one.kind, "width": one.width, "color": _RIBBONS[one.kind]} for one in flow.ribbons
    ]
    boxes = [
        {
            "x": box.x,
            "y": box.y,
            "w": box.width,
            "h": max(box.height, 1.0),
            "name": _label(box.name),
            "n": f"{box.n:,}",
        }
        for box in flow.boxes
    ]
    legend = [
        {"x": 140.0 * i, "text": say[key], "color": _RIBBONS[kind]}
        for i, (key, kind) in enumerate((("advanced", "on"), ("open", "open"), ("lost", "lost"), ("back", "back")))
    ]
    filled = {"path": {"field": "path"}, "fill": {"field": "color"}, "fillOpacity": {"value": 0.42}}
    line = {
        "path": {"field": "path"}, "stroke": {"field": "color"}, "strokeWidth": {"field": "width"},
        "strokeOpacity": {"value": 0.5},
    }  # fmt: skip
    written = {"fill": {"value": charts.INK}, "fontSize": {"value": 12}, "x": {"field": "x"}}
    square = {"x": {"field": "x"}, "y": {"value": flow.height}, "width": {"value": 12}, "height": {"value": 12}}
    return {
        "$schema": "https://vega.github.io/schema/vega/v5.json",
        "width": flow.width + 60, "height": flow.height + 16, "padding": 5,
        "data": [{"name": name, "values": rows} for name, rows in (
            ("ribbons", [row for row in ribbons if row["kind"] != "back"]),
            ("arcs", [row for row in ribbons if row["kind"] == "back"]), ("boxes", boxes), ("legend", legend),
        )],
        "marks": [
            {"type": "path", "from": {"data": "ribbons"}, "encode": {"enter": filled}},
            {"type": "path", "from": {"data": "arcs"}, "encode": {"enter": line}},
            {"type": "rect", "from": {"data": "boxes"}, "encode": {"enter": {
                "x": {"field": "x"}, "y": {"field": "y"}, "width": {"field": "w"}, "height": {"field": "h"},
                "fill": {"value": charts.INK}}}},
            *({"type": "text", "from": {"data": "boxes"}, "encode": {"enter": {
                **written, "y": {"field": "y", "offset": up}, "text": {"field": field}, "limit": {"value": 120}}}}
              for field, up in (("name", -19), ("n", -5))),
            {"type": "rect", "from": {"data": "legend"}, "encode": {"enter": {
                **square, "fill": {"field": "color"}, "fillOpacity": {"value": 0.6}}}},
            {"type": "text", "from": {"data": "legend"}, "encode": {"enter": {
                **written, "x": {"field": "x", "offset": 18}, "y": {"value": flow.height + 10},
                "text": {"field": "text"}}}},
        ],
    }  # fmt: skip
