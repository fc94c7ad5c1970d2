"""The plain parts of which the charts of results are made, as Vega-Lite specifications."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["Spec", "bars", "labelled", "layered", "nominal", "number", "plain", "whiskers"]

Spec: TypeAlias = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


def plain(rows: Iterable[Any], names: Sequence[str]) -> list[Spec]:
    """Rows as data: exact numbers as floats, NaN and infinity as nothing."""
    return [{name: _plain(getattr(row, name)) for name in names} for row in rows]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    number = float(value)
    return number if abs(number) < float("inf") else None


def labelled(rows: list[Spec], name: str, unknown: str) -> list[Spec]:
    """The rows with a name for what has none."""
    return [{**row, name: unknown if row[name] is None else row[name]} for row in rows]


def number(field: str, title: str | None = None, **more: Any) -> Spec:
    """A quantity on an axis."""
    return {"field": field, "type": "quantitative", "title": title or field, **more}


def nominal(field: str, title: str | None = None, sort: Any = None) -> Spec:
    """A name on an axis, in the order of the rows unless said otherwise."""
    return {"field": field, "type": "nominal", "title": title, "sort": sort}


def bars(encoding: Mapping[str, Spec]) -> Spec:
    """A layer of bars."""
    return {"mark": "bar", "encoding": dict(encoding)}


def whiskers(axis: str, along: Spec, encoding: Mapping[str, Spec]) -> Spec:
    """A layer of intervals from `low` to `high` along the axis of a quantity.

    It has the title of the quantity, since the titles of layers that share an axis are put together.
    """
    limits = {axis: {**along, "field": "low"}, f"{axis}2": {"field": "high"}}
    return {"mark": "rule", "encoding": {**encoding, **limits}}


def layered(
    values: list[Spec], layers: list[Spec], *, title: str, rows: str | None = None, apart: str | None = None
) -> Spec:
    """A chart of layers over one table; several of them, one below the other, by a column.

    The layers share their scales, but for that of an axis on which they stand apart.
    """
    chart: Spec = {"layer": layers, **({"resolve": {"scale": {apart: "independent"}}} if apart else {})}
    spec: Spec = {"$schema": _SCHEMA, "title": title, "data": {"values": values}}
    order = [] if rows is None else list(dict.fromkeys(row[rows] for row in values))
    if len(order) < 2:
        return {**spec, **chart}
    facet = {"facet": {"row": {"field": rows, "type": "nominal", "title": None, "sort": order}}, "spec": chart}
    return {**spec, **facet, "resolve": {"scale": {"x": "independent", "y": "independent"}}}
