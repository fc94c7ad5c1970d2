"""Instants: aware datetimes at the border, int64 microseconds since the epoch (UTC) in columns."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crmkit.errors import InvalidValue, NaiveDatetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US


def aware(at: datetime, what: str = "at") -> datetime:
    """Return `at` unchanged if it has a zone.

    Raises:
        NaiveDatetime: if it has none; crmkit never guesses one.
    """
    # A datetime subclass check first: `date` has no tzinfo and would fail with an AttributeError.
    if not isinstance(at, datetime):
        raise NaiveDatetime(what, at, "is not a datetime with a time zone")
    if at.utcoffset() is None:
        raise NaiveDatetime(what, at, "has no time zone; say which, e.g. at.replace(tzinfo=ZoneInfo('Asia/Shanghai'))")
    return at


def to_micros(at: datetime, what: str = "at") -> int:
    """Microseconds since 1970-01-01 UTC, exact (never through a float).

    Raises:
        NaiveDatetime: if `at` has no zone.
    """
    return (aware(at, what) - EPOCH) // MICROSECOND


def from_micros(micros: int, tz: tzinfo = UTC) -> datetime:
    """The aware datetime of a column value."""
    return (EPOCH + timedelta(microseconds=int(micros))).astimezone(tz)


def zone(name: str | tzinfo) -> tzinfo:
    """A time zone from its IANA name, or the zone itself.

    Raises:
        InvalidValue: if no zone has that name.
    """
    if isinstance(name, tzinfo):
        return name
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidValue("time zone", name, "is no IANA zone, such as 'Europe/Berlin' or 'Asia/Shanghai'") from None


def civil_midnight(day: date, tz: tzinfo) -> int:
    """Microseconds of the first instant of a civil day in a zone.

    Where the clock skips midnight the day begins at the first instant that exists.
    """
    start = datetime(day.year, day.month, day.day, tzinfo=tz)
    # In a gap the zone applies the offset from before it, which maps a skipped midnight to the gap's end.
    return to_micros(start)
