"""A forecast as a Vega-Lite specification: plain data."""

from typing import TYPE_CHECKING, Any

from crmkit.metrics._signal_words import Lang, worded

if TYPE_CHECKING:
    from crmkit.metrics.forecast import Forecast

__all__ = ["fan"]

# Okabe and Ito (2008).
_BLUE, _ORANGE = "#0072B2", "#D55E00"


def fan(made: "Forecast", lang: Lang) -> dict[str, Any]:
    """Expected values of the periods with their bands above, earlier forecasts against what came below.

    Raises:
        NotFound: for an unknown language.
    """
    named = {"predicted": worded(lang, ("predicted", "预测")), "actual": worded(lang, ("actual", "实际"))}
    unit = {"amount": ("amount", "金额"), "wins": ("wins", "赢单数")}[made.unit]
    ahead = [
        {"period": row.name, "value": row.value, "low": row.low, "high": row.high, "new": row.new_value}
        for row in made.periods
    ]
    past = [
        {"at": row.at.date().isoformat(), "value": value, "what": named[what]}
        for row in made.track
        for what, value in (("predicted", row.predicted), ("actual", float(row.actual)))
    ]
    x = {"field": "period", "type": "ordinal", "title": None}
    y = {"type": "quantitative", "title": worded(lang, unit)}
    bands = {"mark": {"type": "rule", "color": _BLUE, "opacity": 0.3, "strokeWidth": 18},
             "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}}  # fmt: skip
    points = {"mark": {"type": "point", "filled": True, "color": _BLUE, "size": 80},
              "encoding": {"x": x, "y": {**y, "field": "value"}}}  # fmt: skip
    record = {
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {"field": "at", "type": "temporal", "title": None},
            "y": {**y, "field": "value"},
            "color": {"field": "what", "type": "nominal", "title": None,
                      "scale": {"domain": [*named.values()], "range": [_BLUE, _ORANGE]}},
        },
    }  # fmt: skip
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "vconcat": [
            {"data": {"values": ahead}, "width": 300, "layer": [bands, points]},
            {"data": {"values": past}, "width": 300, **record},
        ],
    }
