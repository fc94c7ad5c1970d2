"""Functions on dates, times and durations (OMG DMN 1.5, 10.3.4.1, 10.3.4.7 and 10.3.4.8)."""

from datetime import UTC, timedelta, timezone
from decimal import Decimal
from typing import Any

from crmkit.rules.feel import _temporal as temporal
from crmkit.rules.feel._builtins import builtin
from crmkit.rules.feel._numbers import CONTEXT
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._values import YearsMonths, kind

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip


def _read(value: Any, text: str, what: str) -> Any:
    if value is None:
        raise Problem("literal", f"{text[:60]!r} is no {what}")
    return value


@builtin("date(from: string)")
def date_from_text(text: str) -> Any:
    """The date that a text says."""
    return _read(temporal.read_date(text), text, "date")


@builtin("date(from: date|date and time)")
def date_from(value: Any) -> Any:
    """The day of a date and time."""
    return temporal.date_of(value)


@builtin("date(year: number, month: number, day: number)")
def date_of_parts(year: Decimal, month: Decimal, day: Decimal) -> Any:
    """The date of a year, month and day."""
    return _read(temporal.make_date(int(year), int(month), int(day)), f"{year}-{month}-{day}", "date")


@builtin("date and time(from: string)")
def datetime_from_text(text: str) -> Any:
    """The date and time that a text says."""
    return _read(temporal.read_datetime(text), text, "date and time")


@builtin("date and time(from: date and time)")
def datetime_from(value: Any) -> Any:
    """The value itself."""
    return value


@builtin("date and time(date: date|date and time, time: time)")
def datetime_of_parts(day: Any, time: Any) -> Any:
    """A day at a time."""
    return temporal.make_datetime(temporal.date_of(day), temporal.nanos_of(time), temporal.zone_of(time))


@builtin("date and time(date: date and time, timezone: string)")
def datetime_in_zone(value: Any, zone: str) -> Any:
    """The same instant on the clock of another zone."""
    there = temporal.read_zone(f"@{zone}")
    if there is False or not hasattr(value, "astimezone") or value.tzinfo is None:
        raise Problem("zone", f"{zone!r} is no zone, or the time has none")
    return value.astimezone(there)


@builtin("time(from: string)")
def time_from_text(text: str) -> Any:
    """The time of day that a text says."""
    return _read(temporal.read_time(text), text, "time")


@builtin("time(from: time|date and time)")
def time_from(value: Any) -> Any:
    """The time of day of a date and time."""
    return temporal.make_time(temporal.nanos_of(value), temporal.zone_of(value))


@builtin("time(from: date)")
def time_of_date(value: Any) -> Any:  # noqa: ARG001 - every day begins at the same time
    """Midnight UTC."""
    return temporal.make_time(0, UTC)


@builtin("time(hour: number, minute: number, second: number, offset: days and time duration|null?)")
def time_of_parts(hour: Decimal, minute: Decimal, second: Decimal, offset: timedelta | None = None) -> Any:
    """The time of day of an hour, minute and second, with an offset from UTC."""
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        raise Problem("range", "there is no such time of day")
    if offset is not None and abs(offset) > timedelta(hours=18):
        raise Problem("range", "an offset is at most 18 hours")
    zone = None if offset is None else timezone(offset) if offset else UTC
    return temporal.make_time((int(hour) * 3600 + int(minute) * 60) * 10**9 + int(second.scaleb(9, CONTEXT)), zone)


@builtin("duration(from: string)")
def duration(text: str) -> Any:
    """The duration that a text says."""
    return _read(temporal.read_duration(text), text, "duration")


@builtin("duration(from: days and time duration|years and months duration)")
def duration_from(value: Any) -> Any:
    """The value itself."""
    return value


@builtin("years and months duration(from: date|date and time, to: date|date and time)")
def years_and_months_duration(start: Any, end: Any) -> YearsMonths:
    """Whole months from one day to another."""
    if (_clock(end), 0) < (_clock(start), 0):
        return YearsMonths(-_whole_months(end, start))
    return YearsMonths(_whole_months(start, end))


def _clock(value: Any) -> tuple[int, int, int]:
    day = temporal.date_of(value)
    return day.year, day.month, day.day


def _whole_months(start: Any, end: Any) -> int:
    (year, month, day), (end_year, end_month, end_day) = _clock(start), _clock(end)
    return (end_year - year) * 12 + end_month - month - (end_day < day)


@builtin("day of year(date: date|date and time)")
def day_of_year(value: Any) -> Decimal:
    """1 for 1 January."""
    day = temporal.date_of(value)
    return Decimal(temporal.ordinal_of(day) - temporal.ordinal(day.year, 1, 1) + 1)


@builtin("day of week(date: date|date and time)")
def day_of_week(value: Any) -> str:
    """The name of the weekday."""
    return _DAYS[(temporal.ordinal_of(temporal.date_of(value)) - 1) % 7]


@builtin("month of year(date: date|date and time)")
def month_of_year(value: Any) -> str:
    """The name of the month."""
    return _MONTHS[temporal.date_of(value).month - 1]


@builtin("week of year(date: date|date and time)")
def week_of_year(value: Any) -> Decimal:
    """The week of ISO 8601, whose first is the one with the first Thursday."""
    number = temporal.ordinal_of(temporal.date_of(value))
    thursday = number - (number - 1) % 7 + 3
    year = temporal.civil(thursday)[0]
    return Decimal((thursday - temporal.ordinal(year, 1, 1)) // 7 + 1)


@builtin("is(value1: any|null, value2: any|null)")
def is_same(left: Any, right: Any) -> bool:
    """Whether both are the same value of the same kind, zone and offset included."""
    if kind(left) != kind(right):
        return False
    if kind(left) in {"time", "date and time"}:
        zones = temporal.zone_of(left), temporal.zone_of(right)
        offsets = temporal.offset_of(left), temporal.offset_of(right)
        same_zone = (zones[0] is None) == (zones[1] is None) and offsets[0] == offsets[1]
        days = [temporal.date_of(value) if kind(value) == "date and time" else None for value in (left, right)]
        return same_zone and days[0] == days[1] and temporal.nanos_of(left) == temporal.nanos_of(right)
    return bool(left == right)
