"""From what a user writes to the rules of a calendar, with everything wrong found at once."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo

import attrs

from crmkit.calendars._hours import LONG_NAMES, MIDNIGHT, WEEKDAYS, Hours, clock, show, slots_of
from crmkit.errors import DefinitionError, DefinitionErrors, InvalidValue, did_you_mean
from crmkit.values import zone

Found = list[DefinitionError]


@attrs.frozen(eq=False)
class Rules:
    """The checked rules of one calendar.

    Attributes:
        tz: the IANA name of the zone.
        week: the hours of each weekday, Monday first.
        special: the hours of the days that differ from their weekday; empty hours are a holiday.
        workdays: what was written for each make-up workday, in one spelling.
        until: the first day of which exceptions are not known; None if they always are.
    """

    tz: str
    week: tuple[Hours, ...]
    special: Mapping[date, Hours]
    workdays: Mapping[date, str]
    until: date | None = None

    @property
    def holidays(self) -> tuple[date, ...]:
        """The days without work, in order."""
        return tuple(sorted(day for day in self.special if day not in self.workdays))


def refuse(what: str, found: Found) -> None:
    """Raise what was found, if anything.

    Raises:
        DefinitionErrors: with all of it.
    """
    if found:
        problems = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        raise DefinitionErrors(f"{what} has {problems}", found)


def read(
    name: object, tz: object, week: object, holidays: Iterable[object], workdays: object, *, until: object = None
) -> Rules:
    """The rules of a calendar.

    Raises:
        DefinitionErrors: with everything that is wrong.
    """
    found: Found = []
    if not isinstance(name, str) or not name.strip():
        found.append(DefinitionError("name", f"is {name!r}; give the calendar a name"))
    zone_name = _zone(tz, found)
    hours = _week(week, found)
    off = _holidays(holidays, found)
    made_up = _workdays(workdays, hours, found)
    end = None if until is None else read_date("until", until, found)
    for day in sorted(off & made_up.keys()):
        found.append(DefinitionError(f"workdays[{day}]", "is a holiday too; a day is one or the other"))
    refuse(f"calendar {name!r}", found)
    special = dict.fromkeys(off, Hours()) | {
        day: hours[WEEKDAYS.index(text)] if text in WEEKDAYS else Hours(text) for day, text in made_up.items()
    }
    return Rules(zone_name, hours, special, dict(sorted(made_up.items())), end)


def _zone(tz: object, found: Found) -> str:
    name = "UTC" if tz is UTC else getattr(tz, "key", None) if isinstance(tz, tzinfo) else tz
    if not isinstance(name, str):
        found.append(DefinitionError("tz", f"{tz!r} is no IANA zone, such as 'Europe/Berlin' or 'Asia/Shanghai'"))
        return "UTC"
    try:
        zone(name)
    except InvalidValue as error:
        found.append(DefinitionError("tz", f"{name!r} {error.why}"))
        return "UTC"
    return name


def _week(week: object, found: Found) -> tuple[Hours, ...]:
    by_day: dict[int, Hours] = {}
    if not isinstance(week, Mapping):
        found.append(DefinitionError("week", f"is {week!r}; write a mapping such as {{'mon-fri': '09:00-17:00'}}"))
        week = {}
    for key, text in week.items():
        place = f"week[{key!r}]"
        hours = _hours(place, text, found)
        for day in _weekdays(place, key, found):
            if day in by_day:
                found.append(DefinitionError(place, f"gives {WEEKDAYS[day]} its hours a second time"))
            by_day[day] = hours
    hours_of = tuple(by_day.get(day, Hours()) for day in range(7))
    _nights(hours_of, found)
    return hours_of


def _hours(place: str, text: object, found: Found) -> Hours:
    slots, wrong = slots_of(text)
    found += [DefinitionError(place, why) for why in wrong]
    return Hours() if wrong else Hours(show(slots))


def _weekdays(place: str, key: object, found: Found) -> list[int]:
    days: list[int] = []
    words = re.sub(r"\s*-\s*", "-", key).replace(",", " ").split() if isinstance(key, str) else []
    if not words:
        found.append(DefinitionError(place, "names no weekday; write 'mon', 'mon-fri' or 'mon, wed'"))
    for word in words:
        ends = [_weekday(place, part, found) for part in word.split("-", 1)]
        first, last = ends[0], ends[-1]
        if first is not None and last is not None:
            days += [(first + i) % 7 for i in range((last - first) % 7 + 1)]
    return days


def _weekday(place: str, word: str, found: Found) -> int | None:
    name = word.strip().casefold()
    for names in (WEEKDAYS, LONG_NAMES):
        if name in names:
            return names.index(name)
    hint = did_you_mean(name, WEEKDAYS) or did_you_mean(name, LONG_NAMES)
    found.append(DefinitionError(place, f"{word!r} is no weekday{hint}; there are: {', '.join(WEEKDAYS)}"))
    return None


def _nights(week: tuple[Hours, ...], found: Found) -> None:
    for day, hours in enumerate(week):
        after = (day + 1) % 7
        if not hours.slots or not week[after].slots:
            continue
        end, begin = hours.slots[-1][1] - MIDNIGHT, week[after].slots[0][0]
        if begin < end:
            why = f"begins at {clock(begin)}, before the night slot of {WEEKDAYS[day]} ends at {clock(end)}"
            found.append(DefinitionError(f"week[{WEEKDAYS[after]!r}]", why))


def _holidays(days: Iterable[object], found: Found) -> set[date]:
    read_days = [read_date(f"holidays[{i}]", day, found) for i, day in enumerate(days)]
    return {day for day in read_days if day is not None}


def _workdays(workdays: object, week: tuple[Hours, ...], found: Found) -> dict[date, str]:
    if not isinstance(workdays, Mapping):
        why = f"is {workdays!r}; write a mapping such as {{date(2026, 10, 10): 'mon'}}"
        found.append(DefinitionError("workdays", why))
        return {}
    texts: dict[date, str] = {}
    for key, text in workdays.items():
        place = f"workdays[{key}]"
        day = read_date(place, key, found)
        shown = _workday(place, text, week, found)
        if day in texts:
            found.append(DefinitionError(place, "is there twice"))
        if day is not None and shown:
            texts[day] = shown
    return texts


def _workday(place: str, text: object, week: tuple[Hours, ...], found: Found) -> str:
    if not isinstance(text, str) or any(sign in text for sign in ":："):
        return _hours(place, text, found).text
    if not text.strip():
        found.append(DefinitionError(place, "has no slots; a day without work belongs to holidays"))
        return ""
    weekday = _weekday(place, text, found)
    if weekday is None:
        return ""
    # A week that could not be read has no hours to miss.
    if not week[weekday].slots and not found:
        found.append(DefinitionError(place, f"is to be worked like {text!r}, which has no hours in week"))
    return WEEKDAYS[weekday]


def read_date(place: str, day: object, found: Found) -> date | None:
    """A civil day, or its ISO text; otherwise None, and what is wrong is added to `found`."""
    if isinstance(day, str):
        try:
            return date.fromisoformat(day)
        except ValueError:
            found.append(DefinitionError(place, f"{day!r} is no date such as '2026-10-01'"))
            return None
    if not isinstance(day, date) or isinstance(day, datetime):
        found.append(DefinitionError(place, f"{day!r} is no civil date; give a datetime.date"))
        return None
    return day
