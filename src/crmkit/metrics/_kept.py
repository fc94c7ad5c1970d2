"""Scorecards as a plain document that can be kept, with the id of its content."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

import attrs

from crmkit.errors import InvalidValue
from crmkit.metrics._cards import Card, GateResult, Result
from crmkit.values import FiscalCalendar, Period, RetailCalendar

__all__ = ["frozen", "hashed", "period_in", "thawed"]

_FORMAT = "crmkit appraisal 1"


def frozen(header: Mapping[str, Any], cards: tuple[Card, ...]) -> dict[str, Any]:
    """The document: texts, numbers, lists and dictionaries, with the id of its content."""
    plain = {"format": _FORMAT, **header, "cards": [_out(card) for card in cards]}
    return {**plain, "id": _id(plain)}


def thawed(document: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Card, ...]]:
    """The header and the cards of a document.

    Raises:
        InvalidValue: if it is none, or was changed since.
    """
    plain = {name: value for name, value in document.items() if name != "id"}
    if plain.get("format") != _FORMAT:
        raise InvalidValue("appraisal", plain.get("format"), f"is not the format {_FORMAT!r}")
    if _id(plain) != document.get("id"):
        raise InvalidValue(
            "appraisal", document.get("id"), f"is not the id of its content, {_id(plain)}: it was changed"
        )
    cards = tuple(_card_in(card) for card in plain["cards"])
    return {name: value for name, value in plain.items() if name not in ("format", "cards")}, cards


def period_in(document: Mapping[str, Any]) -> Period:
    """The period of a document, with its calendar.

    Raises:
        InvalidValue: for a calendar that is neither fiscal nor retail.
    """
    given = dict(document["calendar"])
    kinds: dict[str, Any] = {one.__name__: one for one in (FiscalCalendar, RetailCalendar)}
    kind = given.pop("kind")
    if kind not in kinds:
        raise InvalidValue("calendar", kind, "is of your own; measure with it, and compare with Scorecards.from_frozen")
    calendar = kinds[kind](**{name: tuple(v) if isinstance(v, list) else v for name, v in given.items()})
    start, end = (date.fromisoformat(document[name]) for name in ("start", "end"))
    return Period(start, end, document["name"], calendar)


def _id(plain: Mapping[str, Any]) -> str:
    return hashed(json.dumps(plain, sort_keys=True, ensure_ascii=False))


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _out(one: Card | Result | GateResult) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for field in attrs.fields(type(one)):
        value = getattr(one, field.name)
        if isinstance(value, tuple):
            made[field.name] = [_out(part) for part in value]
        else:
            made[field.name] = str(value) if isinstance(value, Decimal) else value
    return made


def _card_in(document: Mapping[str, Any]) -> Card:
    results = tuple(Result(**_decimals(one, ("weight", "points"))) for one in document["results"])
    gates = tuple(GateResult(**_decimals(one, ("cap",))) for one in document["gates"])
    plain: dict[str, Any] = {**_decimals(document, ("score", "raw")), "results": results, "gates": gates}
    return Card(**plain)


def _decimals(document: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    exact = {name: None if document[name] is None else Decimal(document[name]) for name in names}
    return {**document, **exact}
