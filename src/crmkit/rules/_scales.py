"""Kinds of values as points of a line: where each lies, what lies between two of them, and where the line ends."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import attrs

from crmkit.rules.feel._convert import to_feel
from crmkit.rules.feel._numbers import EXACT
from crmkit.rules.feel._values import YearsMonths

_MICRO = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_MIDNIGHT = datetime(2000, 1, 1)  # noqa: DTZ001 - times of day have no zone


@attrs.frozen
class Scale:
    """How values of one kind lie on a line.

    Attributes:
        holds: whether a value lies on it; those of other zones and sizes do not.
        places: the places next to a value, each with the value there: one, or two where it falls between two places.
        value: the value at a place.
        between: a place strictly between two; None if there is none.
        beyond: a place beyond another one, in a direction; None if the line ends there.
        zero: some place.
    """

    holds: Callable[[Any], bool]
    places: Callable[[Any], Iterable[tuple[Any, Any]]]
    value: Callable[[Any], Any]
    between: Callable[[Any, Any], Any]
    beyond: Callable[[Any, int], Any]
    zero: Any


def aligned(scale: Scale, bound: Any, *, up: bool = True) -> tuple[Any, Any] | None:
    """The place of a bound of a field, and the value there; None if there is none on the line.

    Args:
        scale: the line.
        bound: the bound, as the schema has it.
        up: which place to take if it falls between two: the upper or the lower one.
    """
    made = to_feel(bound)
    if made is None or not scale.holds(made):
        return None
    return [*scale.places(made)][-1 if up else 0]


def _between_decimals(low: Decimal, high: Decimal) -> Decimal:
    return EXACT.divide(EXACT.add(low, high), Decimal(2))


def _between_whole(low: int, high: int) -> int | None:
    return low + 1 if low + 1 < high else None


def _between_floats(low: float, high: float) -> float | None:
    middle = low / 2 + high / 2
    return middle if low < middle < high else None


def _beyond_decimal(place: Decimal, direction: int) -> Decimal:
    return EXACT.add(place, Decimal(direction))


def _beyond_float(place: float, direction: int) -> float | None:
    found = math.nextafter(place, direction * math.inf)
    return found if math.isfinite(found) else None


def _whole_numbers(value: Decimal) -> Iterable[tuple[int, Decimal]]:
    for rounding in dict.fromkeys((value.to_integral_value(ROUND_FLOOR), value.to_integral_value(ROUND_CEILING))):
        yield int(rounding), rounding


def _discrete(
    of: type, key: Callable[[Any], int], value: Callable[[int], Any], ends: tuple[Any, Any] | None = None, zero: int = 0
) -> Scale:
    """A line of whole steps."""
    low, high = (None, None) if ends is None else map(key, ends)

    def beyond(place: int, direction: int) -> int | None:
        found = place + direction
        return None if (low is not None and found < low) or (high is not None and found > high) else found

    def holds(found: Any) -> bool:
        return type(found) is of and _zoned(found)

    return Scale(holds, lambda found: [(key(found), found)], value, _between_whole, beyond, zero)


def _zoned(value: Any) -> bool:
    """Whether a value has a zone if, and only if, it is an instant."""
    return (
        getattr(value, "tzinfo", None) is not None if isinstance(value, datetime) else not getattr(value, "tzinfo", 0)
    )


def _number(_value: Any) -> bool:
    return True


SCALES: Mapping[str, Scale] = {
    "decimal": Scale(_number, lambda value: [(value, value)], Decimal, _between_decimals, _beyond_decimal, Decimal(0)),
    "integer": attrs.evolve(_discrete(Decimal, int, Decimal), holds=_number, places=_whole_numbers),
    "float": Scale(_number, lambda value: [(float(value), float(value))], float, _between_floats, _beyond_float, 0.0),
    "date": _discrete(date, date.toordinal, date.fromordinal, (date.min, date.max), date(2000, 1, 1).toordinal()),
    "time": _discrete(
        time,
        lambda value: (datetime.combine(_MIDNIGHT, value) - _MIDNIGHT) // _MICRO,
        lambda place: (_MIDNIGHT + place * _MICRO).time(),
        (time.min, time.max),
    ),
    "date and time": _discrete(
        datetime, lambda value: (value - _EPOCH) // _MICRO, lambda place: _EPOCH + place * _MICRO, (_FIRST, _LAST)
    ),
    "days and time duration": _discrete(
        timedelta,
        lambda value: value // _MICRO,
        lambda place: timedelta(microseconds=place),
        (timedelta.min, timedelta.max),
    ),
    "years and months duration": _discrete(YearsMonths, lambda value: value.months, YearsMonths),
}
