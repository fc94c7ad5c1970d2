"""Properties of values: `.year`, `.start included` and the like (OMG DMN 1.5, table 65)."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from crmkit.rules.feel import _temporal as temporal
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._values import kind

_HOUR, _MINUTE = 3_600_000_000_000, 60_000_000_000


def _zone_name(value: Any) -> str | None:
    zone = temporal.zone_of(value)
    return zone.key if isinstance(zone, ZoneInfo) else None


def _weekday(value: Any) -> Decimal:
    return Decimal((temporal.ordinal_of(temporal.date_of(value)) - 1) % 7 + 1)


def _second(value: Any) -> Decimal:
    return Decimal(temporal.nanos_of(value) % _MINUTE // 1_000_000_000)


def _part(of: Decimal, unit: int, size: int) -> Decimal:
    """How many whole units, less those that make up the next larger one; with the sign of the whole."""
    number = abs(int(of)) // unit
    return Decimal((number % size if size else number) * (-1 if of < 0 else 1))


def _days(unit: int, size: int) -> Callable[[Any], Decimal]:
    return lambda value: _part(Decimal(value // timedelta(microseconds=1)), unit, size)


_DATE: dict[str, Callable[[Any], Any]] = {
    "year": lambda value: Decimal(temporal.date_of(value).year),
    "month": lambda value: Decimal(temporal.date_of(value).month),
    "day": lambda value: Decimal(temporal.date_of(value).day),
    "weekday": _weekday,
}
_TIME: dict[str, Callable[[Any], Any]] = {
    "hour": lambda value: Decimal(temporal.nanos_of(value) // _HOUR),
    "minute": lambda value: Decimal(temporal.nanos_of(value) % _HOUR // _MINUTE),
    "second": _second,
    "time offset": temporal.offset_of,
    "timezone": _zone_name,
}
#: What each kind of value can be asked.
PROPERTIES: dict[str, dict[str, Callable[[Any], Any]]] = {
    "date": _DATE,
    "date and time": {**_DATE, **_TIME},
    "time": _TIME,
    "days and time duration": {
        "days": _days(86_400_000_000, 0),
        "hours": _days(3_600_000_000, 24),
        "minutes": _days(60_000_000, 60),
        "seconds": _days(1_000_000, 60),
    },
    "years and months duration": {
        "years": lambda value: _part(Decimal(value.months), 12, 0),
        "months": lambda value: _part(Decimal(value.months), 1, 12),
    },
    "range": {
        "start": lambda value: value.low,
        "end": lambda value: value.high,
        "start included": lambda value: value.low_included,
        "end included": lambda value: value.high_included,
    },
}
#: Their names, which may follow any dot.
NAMES = frozenset(name for properties in PROPERTIES.values() for name in properties)


def property_of(value: Any, name: str) -> Any:
    """A property of a value.

    Raises:
        Problem: if values of its kind have no such property.
    """
    found = PROPERTIES.get(kind(value), {}).get(name)
    if found is None:
        raise Problem("no-member", f"a {kind(value)} has no {name!r}")
    return found(value)
