"""One text, one reading: the ways in which exports write dates and times."""

import re
import unicodedata
from datetime import date
from typing import Final

import attrs

from crmkit.values._instants import SECOND_US

__all__ = ["EPOCH_DAY", "MONTHS", "NUMERIC", "ORDERS", "Reading", "read"]

ORDERS: Final = ("dmy", "mdy", "ymd")
NUMERIC: Final = "all-numeric dates"
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()

_ISO_8601 = "ISO 8601"
_NAMED = "dates with a month's name"
_UNREADABLE = "is no date or time in a known form"
_IMPOSSIBLE = "names a day or time that does not exist"
_SERIAL = "looks like the day number of a spreadsheet; export the column as dates"
_LONGEST = 80

_FRACTION = r"(?:[.,](?P<fraction>\d{1,9}))?"
_TIME = rf"""
(?: (?P<noon_zh>上午|下午)\ ? )?
(?P<hour>\d{{1,2}})
(?: [:时点](?P<minute>\d{{1,2}}) (?: [:分](?P<second>\d{{1,2}}){_FRACTION} )? [分秒]? | [时点] | (?=\ ?[ap]\.?m) )
(?: \ ?(?P<noon>[ap])\.?m\.? )?
"""
_COMPACT_TIME = rf"(?P<hour>\d{{2}})(?P<minute>\d{{2}})(?:(?P<second>\d{{2}}){_FRACTION})?"
# The name of a zone or a remark may follow an offset, which says it all.
_ZONE = r"""
(?: \ ?(?P<zone> (?:UTC|GMT)?[+-]\d{2}(?::?\d{2}(?::?\d{2})?)? | UTC | GMT | Z ) (?: \[[\w/+-]+\] | \ ?\([^()]*\) )? )?
"""
_YEAR = r"(?P<year>\d{4}|\d{2})"
_MONTH = r"(?P<name>[a-z]{3,9})\.?"
_WEEKDAY = r"(?: (?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\  )?"
_NTH = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"


def _form(day: str, time: str = _TIME, glue: str = r"(?: T | ,?\  )") -> re.Pattern[str]:
    return re.compile(f"{day} (?: {glue} {time} )? {_ZONE}", re.VERBOSE | re.IGNORECASE | re.ASCII)


_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_EPOCH = re.compile(r"(?P<seconds>\d{10})(?:\.(?P<fraction>\d{1,9}))?|(?P<millis>\d{13})", re.ASCII)
_SHEET = re.compile(r"[2-6]\d{4}(?:\.\d+)?", re.ASCII)
_ENGLISH = r"(?P<year>\d{4}) [-/.\ ] (?P<name>[a-z]{3,9}) [-/.\ ] (?P<day>\d{1,2})"
_HANZI = rf"{_YEAR}年(?P<month>\d{{1,2}})月(?P<day>\d{{1,2}})[日号]? (?: \ ?(?:星期|周)[一二三四五六日天] )?"
_FORMS = (
    (NUMERIC, _form(rf"(?P<first>\d{{1,2}})(?P<by>[-/.]\ ?)(?P<middle>\d{{1,2}})(?P=by){_YEAR}")),
    ("year/month/day", _form(r"(?P<year>\d{4})(?P<by>[/.]\ ?)(?P<month>\d{1,2})(?P=by)(?P<day>\d{1,2})")),
    (_ISO_8601, _form(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})")),
    (_ISO_8601, _form(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})", _COMPACT_TIME, r"(?: T | \  )?")),
    (_ISO_8601, _form(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})")),
    (_NAMED, _form(rf"{_WEEKDAY} {_NTH} [-/.,\ ]{{0,2}} {_MONTH} [-/,\ ]{{0,2}} {_YEAR}")),
    (_NAMED, _form(rf"{_WEEKDAY} {_MONTH} [-/\ ]? {_NTH} [-/,\ ]{{1,2}} {_YEAR}")),
    (_NAMED, _form(_ENGLISH)),
    ("Chinese dates", _form(_HANZI, glue=r"\ ?")),
)
_MONTHS = {spelt: i + 1 for i, name in enumerate(map(str.lower, MONTHS)) for spelt in (name, name[:3])} | {"sept": 9}


@attrs.frozen
class Reading:
    """What a text says.

    Attributes:
        form: how it is written, in words.
        days: days since 1970-01-01 when read as dmy, mdy and ymd; None where that is no day.
        clock: microseconds into the day; None for a whole day.
        offset: microseconds east of UTC; None if the text does not say.
        cut: whether digits beyond the microsecond were cut off.
        century: whether the century of a two-digit year was added.
    """

    form: str
    days: tuple[int | None, int | None, int | None]
    clock: int | None = None
    offset: int | None = None
    cut: bool = False
    century: bool = False


def read(text: str) -> Reading | str:
    """Read one text, or say why it cannot be read.

    Two-digit years are those of POSIX strptime: 69 to 99 are 19xx, 00 to 68 are 20xx.

    >>> read("31.01.2024 14:05").days
    (19753, None, None)
    >>> read("Date Not Captured")
    'is no date or time in a known form'
    """
    iso = _ISO.fullmatch(text)
    if iso is None:
        return _read_other(text)
    year, month, day, hour, minute, second, fraction, zone = iso.groups()
    number = _day(int(year), int(month), int(day))
    clock = None if hour is None else _clock(int(hour), int(minute), int(second or 0), fraction)
    offset = None if zone is None else _east(zone)
    if number is None or (hour is not None and clock is None) or (zone is not None and offset is None):
        return _IMPOSSIBLE
    return Reading(_ISO_8601, (number, number, number), clock, offset, _cut(fraction))


def _read_other(text: str) -> Reading | str:
    if len(text) > _LONGEST:
        return _UNREADABLE
    # NFKC makes full-width digits and colons plain; the minus sign it leaves alone.
    tidy = " ".join(unicodedata.normalize("NFKC", text).split()).replace("\u2212", "-")
    for form, pattern in _FORMS:
        found = pattern.fullmatch(tidy)
        if found:
            return _built(form, found.groupdict())
    since = _EPOCH.fullmatch(tidy)
    if since:
        return _since_1970(since)
    return _SERIAL if _SHEET.fullmatch(tidy) else _UNREADABLE


def _built(form: str, said: dict[str, str | None]) -> Reading | str:
    name = said.get("name")
    if name is not None and name.casefold() not in _MONTHS:
        return _UNREADABLE
    days = _days(said)
    hour, zone, fraction = said["hour"], said["zone"], said.get("fraction")
    clock = None
    if hour is not None:
        half = said.get("noon") or {"上午": "a", "下午": "p"}.get(said.get("noon_zh") or "")
        clock = _clock(_hour(int(hour), half), int(said["minute"] or 0), int(said["second"] or 0), fraction)
    offset = None if zone is None else _east(zone)
    if days == (None, None, None) or (hour is not None and clock is None) or (zone is not None and offset is None):
        return _IMPOSSIBLE
    return Reading(form, days, clock, offset, _cut(fraction), len(said["year"] or "") == 2)


def _days(said: dict[str, str | None]) -> tuple[int | None, int | None, int | None]:
    last = said["year"] or ""
    year = _year(last)
    first, middle, name = said.get("first"), said.get("middle"), said.get("name")
    if first is None or middle is None:
        month = _MONTHS[name.casefold()] if name else int(said["month"] or 0)
        number = _day(year, month, int(said["day"] or 0))
        return number, number, number
    # A four-digit year is never anything else; "1/2/24" begins with no year either.
    short = len(first) == len(last) == 2
    ymd = _day(_year(first), int(middle), int(last)) if short else None
    return _day(year, int(middle), int(first)), _day(year, int(first), int(middle)), ymd


def _since_1970(found: re.Match[str]) -> Reading:
    fraction = found["fraction"]
    if found["millis"]:
        form, micros = "milliseconds since 1970", int(found["millis"]) * 1_000
    else:
        form, micros = "seconds since 1970", int(found["seconds"]) * SECOND_US + _micros(fraction)
    day, clock = divmod(micros, 86_400 * SECOND_US)
    return Reading(form, (day, day, day), clock, 0, _cut(fraction))


def _year(text: str) -> int:
    number = int(text)
    if len(text) == 4:
        return number
    return number + (1900 if number >= 69 else 2000)


def _day(year: int, month: int, day: int) -> int | None:
    try:
        return date(year, month, day).toordinal() - EPOCH_DAY
    except ValueError:
        return None


def _hour(hour: int, half: str | None) -> int:
    """The hour of 24; a half of the day beside an hour above 12 adds nothing, or contradicts it (then 99)."""
    if half is None:
        return hour
    afternoon = half in "pP"
    if 1 <= hour <= 12:
        return hour % 12 + 12 * afternoon
    return hour if afternoon == (hour > 12) else 99


def _clock(hour: int, minute: int, second: int, fraction: str | None) -> int | None:
    """Microseconds into the day; 24:00 is the end of it, and a leap second the start of the next minute."""
    ends = hour == 24 and not minute and not second and not _micros(fraction)
    if minute > 59 or second > 60 or (hour > 23 and not ends):
        return None
    return ((hour * 60 + minute) * 60 + second) * SECOND_US + _micros(fraction)


def _micros(fraction: str | None) -> int:
    return int(fraction[:6].ljust(6, "0")) if fraction else 0


def _cut(fraction: str | None) -> bool:
    return bool(fraction and fraction[6:].strip("0"))


def _east(zone: str) -> int | None:
    digits = zone.upper().lstrip("UTCGMZ").replace(":", "")
    if not digits:
        return 0
    hours, minutes, seconds = int(digits[1:3]), int(digits[3:5] or 0), int(digits[5:7] or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    size = ((hours * 60 + minutes) * 60 + seconds) * SECOND_US
    return -size if digits[0] == "-" else size
