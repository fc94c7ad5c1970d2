"""Dates, times and durations: reading, writing, taking apart and putting together.

Values are Python's own; years outside 1 to 9999 and parts of a microsecond, which the standard allows, have wide twins.
Every function takes both, and gives Python's own wherever it can.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from crmkit.errors import InvalidValue
from crmkit.rules.feel._values import WideDate, WideDateTime, WideTime, YearsMonths
from crmkit.values import zone as named_zone

AnyDate: TypeAlias = date | WideDate
AnyTime: TypeAlias = time | WideTime
AnyDateTime: TypeAlias = datetime | WideDateTime

DAY = 86_400_000_000_000
_EPOCH = 719_163
_FARTHEST_YEAR = 999_999_999
FARTHEST_MONTHS = 12 * 1_000_000_000 * 10

_DATE = r"(?P<year>-?(?:\d{4}|[1-9]\d{4,8}))-(?P<month>\d{2})-(?P<day>\d{2})"
_TIME = r"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9})\d*)?"
_ZONE = r"(?P<zone>Z|[+-]\d{2}:\d{2}(?::\d{2})?|@[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*)?"
_DATE_TEXT = re.compile(_DATE, re.ASCII)
_TIME_TEXT = re.compile(_TIME + _ZONE, re.ASCII)
_DATETIME_TEXT = re.compile(_DATE + "T" + _TIME + _ZONE, re.ASCII)
_DAYS_TEXT = re.compile(
    r"(?P<sign>-)?P(?=\d|T)(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)(?:\.(?P<fraction>\d{1,9})\d*)?S)?)?",
    re.ASCII,
)
_MONTHS_TEXT = re.compile(r"(?P<sign>-)?P(?=\d)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?", re.ASCII)


# -- calendar arithmetic, for any year


def ordinal(year: int, month: int, day: int) -> int:
    """Days since 1 January of year 1, proleptic Gregorian; 1 for that day itself, as in Python."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 305


def civil(days: int) -> tuple[int, int, int]:
    """Year, month, day of an ordinal; the inverse of `ordinal`."""
    era, of_era = divmod(days + 305, 146_097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return year_of_era + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def days_in(year: int, month: int) -> int:
    """How many days the month has."""
    return 29 if month == 2 and year % 4 == 0 and (year % 100 or year % 400 == 0) else _LENGTHS[month - 1]


_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def make_date(year: int, month: int, day: int) -> AnyDate | None:
    """The date, or None if there is no such day."""
    if not (1 <= month <= 12 and 1 <= day <= days_in(year, month) and abs(year) <= _FARTHEST_YEAR):
        return None
    return date(year, month, day) if 1 <= year <= 9999 else WideDate(year, month, day)


def from_ordinal(days: int) -> AnyDate | None:
    """The date of an ordinal; None if it is too far away."""
    return make_date(*civil(days))


def make_time(nanos: int, zone: tzinfo | None) -> AnyTime:
    """The time of day that lies `nanos` after midnight."""
    if nanos % 1000:
        return WideTime(nanos, zone)
    minutes, micros = divmod(nanos // 1000, 60_000_000)
    return time(minutes // 60, minutes % 60, micros // 1_000_000, micros % 1_000_000, zone)


def make_datetime(day: AnyDate, nanos: int, zone: tzinfo | None) -> AnyDateTime:
    """The instant or local time of a day and nanoseconds after its midnight."""
    at = make_time(nanos, zone)
    if isinstance(day, date) and isinstance(at, time):
        return datetime.combine(day, at)
    return WideDateTime(day, nanos, zone)


# -- taking apart


def date_of(value: AnyDate | AnyDateTime) -> AnyDate:
    """The day of a date or of a date and time."""
    if isinstance(value, datetime):
        return value.date()
    return value.day if isinstance(value, WideDateTime) else value


def nanos_of(value: AnyTime | AnyDateTime) -> int:
    """Nanoseconds since midnight."""
    if isinstance(value, WideTime | WideDateTime):
        return value.nanos
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000_000 + value.microsecond * 1000


def zone_of(value: AnyTime | AnyDateTime) -> tzinfo | None:
    """Its zone, None if it is local."""
    return value.zone if isinstance(value, WideTime | WideDateTime) else value.tzinfo


def ordinal_of(value: AnyDate) -> int:
    """The ordinal of a date."""
    return ordinal(value.year, value.month, value.day)


def offset_of(value: AnyTime | AnyDateTime) -> timedelta | None:
    """The offset from UTC; of a time of day in a named zone the one that held on 1 January 1970."""
    zone = zone_of(value)
    if zone is None:
        return None
    if isinstance(value, datetime):
        return value.utcoffset()
    if isinstance(value, WideDateTime):
        # Zones have no rules for such years: those of the nearest year that Python knows.
        year = min(max(value.day.year, 2), 9998)
        day = date(year, value.day.month, min(value.day.day, 28))
        moment = datetime.combine(day, time()) + timedelta(microseconds=value.nanos // 1000)
        return zone.utcoffset(moment)
    return zone.utcoffset(datetime(1970, 1, 1))  # noqa: DTZ001 - the zone is asked, not told


def instant(value: AnyDateTime) -> int:
    """Nanoseconds on the axis of UTC, or of local time if it has no zone; ordered as the values are."""
    offset = offset_of(value) or timedelta(0)
    local = ordinal_of(date_of(value)) * DAY + nanos_of(value)
    return local - offset // timedelta(microseconds=1) * 1000


def time_key(value: AnyTime) -> int:
    """Nanoseconds since midnight UTC, or local midnight without a zone."""
    offset = offset_of(value) or timedelta(0)
    return nanos_of(value) - offset // timedelta(microseconds=1) * 1000


# -- reading; None means that the text is none


def read_date(text: str) -> AnyDate | None:
    """`2026-01-31`; None if it is no date."""
    found = _DATE_TEXT.fullmatch(text)
    return None if found is None else make_date(int(found["year"]), int(found["month"]), int(found["day"]))


def read_time(text: str) -> AnyTime | None:
    """`10:30:00`, with a fraction, and with Z, an offset or @Zone; None if it is no time."""
    found = _TIME_TEXT.fullmatch(text.removeprefix("T"))
    if found is None:
        return None
    nanos, zone, good = _clock(found)
    return make_time(nanos, zone) if good else None


def read_datetime(text: str) -> AnyDateTime | None:
    """`2026-01-31T10:30:00Z`; a bare date is its midnight; None if it is neither."""
    found = _DATETIME_TEXT.fullmatch(text)
    if found is None:
        day = read_date(text)
        return None if day is None else make_datetime(day, 0, None)
    day = make_date(int(found["year"]), int(found["month"]), int(found["day"]))
    if day is None:
        return None
    if found["hour"] == "24" and not int(found["minute"] + found["second"] + (found["fraction"] or "")):
        # Midnight at the end of a day is that at the start of the next.
        following, zone = from_ordinal(ordinal_of(day) + 1), read_zone(found["zone"])
        return None if following is None or zone is False else make_datetime(following, 0, zone)
    nanos, zone, good = _clock(found)
    return make_datetime(day, nanos, zone) if good else None


def read_duration(text: str) -> timedelta | YearsMonths | None:
    """`P1DT2H` or `P1Y2M`; None if it is no duration."""
    months = _MONTHS_TEXT.fullmatch(text)
    if months is not None:
        total = 12 * int(months["years"] or 0) + int(months["months"] or 0)
        return None if total > FARTHEST_MONTHS else YearsMonths(-total if months["sign"] else total)
    found = _DAYS_TEXT.fullmatch(text)
    if found is None:
        return None
    try:
        length = timedelta(
            days=int(found["days"] or 0),
            hours=int(found["hours"] or 0),
            minutes=int(found["minutes"] or 0),
            seconds=int(found["seconds"] or 0),
            microseconds=int((found["fraction"] or "").ljust(9, "0")) // 1000,
        )
    except OverflowError:
        return None
    return -length if found["sign"] else length


def read_any(text: str) -> Any:
    """What `@"..."` means: a date, a time, a date and time or a duration; None if none of them."""
    for read in (read_date, read_datetime, read_time, read_duration):
        value = read(text)
        if value is not None:
            return value
    return None


def read_value(of: str, text: str) -> Any:
    """The value of a kind that a text says ("date", "days and time duration" ...); None if it says none.

    Args:
        of: a kind of dates, times or durations.
        text: the text, as FEEL writes it.
    """
    value = _READERS[of](text) if of in _READERS else None
    wanted = YearsMonths if of == "years and months duration" else timedelta
    return None if of.endswith("duration") and not isinstance(value, wanted) else value


def _clock(found: re.Match[str]) -> tuple[int, tzinfo | None, bool]:
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    fraction = int((found["fraction"] or "").ljust(9, "0"))
    zone = read_zone(found["zone"])
    good = hour < 24 and minute < 60 and second < 60 and zone is not False
    return ((hour * 60 + minute) * 60 + second) * 1_000_000_000 + fraction, zone or None, good


@lru_cache(maxsize=256)
def read_zone(text: str | None) -> Any:
    """The zone that a text ends with; None without one, False if there is no such zone."""
    if not text:
        return None
    if text == "Z":
        return UTC
    if text.startswith("@"):
        try:
            return named_zone(text[1:])
        except InvalidValue:
            return False
    hours, minutes = int(text[1:3]), int(text[4:6])
    seconds = int(text[7:9] or 0)
    if hours > 14 + 4 or minutes > 59 or seconds > 59 or (hours == 18 and minutes + seconds):
        return False
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-offset if text[0] == "-" else offset)


_READERS: dict[str, Callable[[str], Any]] = {
    "date": read_date,
    "time": read_time,
    "date and time": read_datetime,
    "days and time duration": read_duration,
    "years and months duration": read_duration,
}


# -- writing


def write_date(value: AnyDate) -> str:
    """The text that `read_date` reads."""
    sign = "-" if value.year < 0 else ""
    return f"{sign}{abs(value.year):04}-{value.month:02}-{value.day:02}"


def write_time(value: AnyTime | AnyDateTime) -> str:
    """The text that `read_time` reads."""
    seconds, fraction = divmod(nanos_of(value), 1_000_000_000)
    minutes, second = divmod(seconds, 60)
    tail = f".{fraction:09}".rstrip("0") if fraction else ""
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}{tail}{_write_zone(value)}"


def write_datetime(value: AnyDateTime) -> str:
    """The text that `read_datetime` reads."""
    return f"{write_date(date_of(value))}T{write_time(value)}"


def write_duration(value: timedelta | YearsMonths) -> str:
    """The text that `read_duration` reads: `P1Y2M`, `-PT5M`, `PT0S`."""
    if isinstance(value, YearsMonths):
        years, months = divmod(abs(value.months), 12)
        text = (f"{years}Y" if years else "") + (f"{months}M" if months or not years else "")
        return f"{'-' if value.months < 0 else ''}P{text}"
    micros = abs(value) // timedelta(microseconds=1)
    minutes, micros = divmod(micros, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    seconds = f"{micros // 1_000_000}" + (f".{micros % 1_000_000:06}".rstrip("0") if micros % 1_000_000 else "")
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "") + (f"{seconds}S" if micros else "")
    text = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    return f"{'-' if value < timedelta(0) else ''}P{text or 'T0S'}"


def _write_zone(value: AnyTime | AnyDateTime) -> str:
    zone, offset = zone_of(value), offset_of(value)
    if isinstance(zone, ZoneInfo):
        return f"@{zone.key}"
    if offset is None:
        return ""
    seconds = round(offset.total_seconds())
    if not seconds:
        return "Z"
    minutes, second = divmod(abs(seconds), 60)
    tail = f":{second:02}" if second else ""
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}{tail}"
