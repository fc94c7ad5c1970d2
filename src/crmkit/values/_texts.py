"""Canonical JSON (sorted keys, no blanks, exact values) of field values, and of objects whose attributes they are.

Exact types are written here, each by a function of its own; whatever else there is goes the long way, through
`to_plain` and the encoder of json, which says what the text is. A store writes each fact once, and writing its text is
most of what that costs.
"""

import json
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from json.encoder import encode_basestring as quoted
from math import isfinite
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Any

import attrs

from crmkit.values._fields import EMPTY, Fields, to_plain
from crmkit.values._instants import EPOCH, to_micros
from crmkit.values._money import Money

__all__ = ["WRITER", "parsed", "text_of", "writer_of"]

WRITER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_NAME = itemgetter(0)


def parsed(text: str) -> Any:
    """What a text says.

    Raises:
        ValueError: if it is no JSON, or names something twice.
        RecursionError: if it is nested too deeply.
    """
    return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)


def text_of(value: Any) -> str:
    """The text of a field value: that of its plain form."""
    return _TEXTS.get(type(value), _other)(value)


def writer_of(kind: type[Any], instants: Collection[str], without: Collection[str] = ()) -> Callable[[Any], str]:
    """What writes the objects of an attrs class: their attributes and their `type`, without those that hold nothing.

    Args:
        kind: the class.
        instants: the names of attributes that are written as microseconds.
        without: the names of attributes that are not written.
    """
    names = sorted({"type", *(field.name for field in attrs.fields(kind))} - {*without})
    values_of = attrgetter(*names)
    begins = [f",{quoted(name)}:" for name in names]
    # Most attributes hold texts. Those are written in place: a call costs more than the text does.
    in_place = [None if name in instants else str for name in names]
    parts = [_instant if name in instants else _part for name in names]

    def write(of: Any) -> str:
        texts = [
            begin + quoted(value) if type(value) is exact else part(begin, value)
            for begin, exact, part, value in zip(begins, in_place, parts, values_of(of), strict=False)
            if value is not None and value is not EMPTY
        ]
        return f"{{{''.join(texts)[1:]}}}"

    return write


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name appears twice")
    return dict(pairs)


def _instant(begin: str, at: datetime) -> str:
    try:
        since = at - EPOCH
    except TypeError:
        return f"{begin}{to_micros(at)}"
    return f"{begin}{(since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds}"


def _part(begin: str, value: Any) -> str:
    text = _TEXTS.get(type(value), _other)(value)
    # An empty mapping is left out, as None is.
    return "" if text == "{}" else begin + text


def _fields(fields: Fields) -> str:
    # To write "$" before the names that begin with it leaves their order as it is.
    texts = [
        f"{quoted(f'${name}' if name[0] == '$' else name)}:{_TEXTS.get(type(value), _other)(value)}"
        for name, value in sorted(fields._items.items(), key=_NAME)  # noqa: SLF001 - the views of a Mapping are slow
    ]
    return f"{{{','.join(texts)}}}"


def _float(value: float) -> str:
    return float.__repr__(value) if isfinite(value) else _other(value)


def _other(value: Any) -> str:
    return WRITER.encode(to_plain(value))


_TEXTS: Mapping[type, Callable[[Any], str]] = {
    str: quoted,
    int: int.__repr__,
    float: _float,
    bool: lambda value: "true" if value else "false",
    NoneType: lambda _: "null",
    tuple: lambda items: f"[{','.join([text_of(item) for item in items])}]",
    Fields: _fields,
    Money: lambda money: f'{{"$money":["{money.amount}","{money.currency.code}"]}}',
    Decimal: lambda value: f'{{"$decimal":"{value}"}}',
    datetime: lambda at: f'{{"$instant":"{at.isoformat()}"}}',
    date: lambda day: f'{{"$date":"{day.isoformat()}"}}',
}
