"""The rules of a calendar, and rules that change at a date."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, tzinfo
from hashlib import sha256
from typing import Any, Self, cast

import attrs

from crmkit.calendars._hours import WEEKDAYS, Hours
from crmkit.calendars._reading import Found, Rules, read, read_date, refuse
from crmkit.calendars._working import Cache, WorkingTime
from crmkit.errors import DefinitionError, DefinitionErrors, did_you_mean

__all__ = ["BusinessCalendar", "CalendarHistory", "calendar_from_dict"]

Days = Iterable[date] | Iterable[str]
Workdays = Mapping[date, str] | Mapping[str, str]
Eras = tuple[tuple[date | None, "BusinessCalendar"], ...]

_set = object.__setattr__


# The converters only say what may be given: the reader of the definition finds what is wrong, all of it at once, and
# puts one spelling in place.
def _zone_name(tz: str | tzinfo) -> str:
    return cast("str", tz)


def _day(day: date | str | None) -> date | None:
    return cast("date | None", day)


def _listed(days: Days) -> tuple[date, ...]:
    listed = tuple(days) if isinstance(days, Iterable) and not isinstance(days, str) else (days,)
    return cast("tuple[date, ...]", listed)


def _keyed(workdays: Workdays) -> Mapping[date, str]:
    return cast("Mapping[date, str]", workdays)


@attrs.frozen(eq=False)
class BusinessCalendar(WorkingTime):
    """When work is done: weekly slots in a zone, holidays, and make-up workdays.

    >>> from datetime import timedelta
    >>> from zoneinfo import ZoneInfo
    >>> shanghai = BusinessCalendar(
    ...     "Shanghai office", tz="Asia/Shanghai", week={"mon-fri": "09:00-12:00 13:00-18:00"},
    ...     holidays=[date(2026, 10, day) for day in range(1, 8)], workdays={date(2026, 10, 10): "mon"})
    >>> eve = datetime(2026, 9, 30, 17, tzinfo=ZoneInfo("Asia/Shanghai"))
    >>> [f"{shanghai.due(eve, timedelta(hours=hours)):%d %b %H:%M}" for hours in (1, 2, 18)]
    ['30 Sep 18:00', '08 Oct 10:00', '10 Oct 10:00']

    Attributes:
        name: how people call it.
        tz: an IANA zone; slots are in its civil time.
        week: from weekdays ("mon", "mon-fri", "sat, sun") to slots as `Hours` reads them. A day that is not named has
            no work. Kept by weekday.
        holidays: civil days on which no slot begins; dates, or texts such as "2026-10-01".
        workdays: from a civil day to the weekday it is worked like ("mon"), or to slots of its own.
        until: the first civil day whose exceptions nobody knows yet, such as the year for which no holidays are
            published; questions that reach it are refused. None if the rules hold for ever.
        definition: a hash of its rules.

    Raises:
        DefinitionErrors: with everything that is wrong.
    """

    name: str
    tz: str = attrs.field(converter=_zone_name, kw_only=True)
    week: Mapping[str, str] = attrs.field(kw_only=True)
    holidays: tuple[date, ...] = attrs.field(default=(), converter=_listed, kw_only=True, repr=False)
    workdays: Mapping[date, str] = attrs.field(default={}, converter=_keyed, kw_only=True, repr=False)
    until: date | None = attrs.field(default=None, converter=_day, kw_only=True, repr=False)
    definition: str = attrs.field(init=False)
    _rules: Rules = attrs.field(init=False, repr=False)
    _cache: Cache = attrs.field(factory=Cache, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        rules = read(self.name, self.tz, self.week, self.holidays, self.workdays, until=self.until)
        week = {name: hours.text for name, hours in zip(WEEKDAYS, rules.week, strict=True) if hours.slots}
        ready = {
            "tz": rules.tz, "week": week, "holidays": rules.holidays, "workdays": rules.workdays, "until": rules.until,
            "_rules": rules,
        }  # fmt: skip
        for field, value in ready.items():
            _set(self, field, value)
        _set(self, "definition", _hashed(self.to_dict()))

    @classmethod
    def always(cls, tz: str | tzinfo = "UTC") -> Self:
        """Round the clock, every day."""
        return cls("24x7", tz=tz, week={"mon-sun": "00:00-24:00"})

    def hours(self, day: date) -> Hours:
        """The slots that begin on a civil day."""
        special = self._rules.special.get(day)
        return self._rules.week[day.weekday()] if special is None else special

    def changed(
        self,
        from_: date,
        *,
        name: str | None = None,
        week: Mapping[str, str] | None = None,
        holidays: Days | None = None,
        workdays: Workdays | None = None,
        until: date | None = None,
    ) -> "CalendarHistory":
        """These rules until a day, and others from it on; what is not given stays as it is.

        Args:
            from_: the first civil day of the new rules.
            name: the new name.
            week: the new week.
            holidays: all holidays from then on, not only those that are added.
            workdays: all make-up workdays from then on.
            until: the first civil day whose exceptions nobody knows yet.

        Raises:
            DefinitionErrors: with everything that is wrong with the new rules.
        """
        return CalendarHistory([(None, self)]).changed(
            from_, name=name, week=week, holidays=holidays, workdays=workdays, until=until
        )

    def layered(self, *, name: str | None = None, holidays: Days = (), workdays: Workdays | None = None) -> Self:
        """These rules with the exceptions of a person or a team over them; the exceptions win.

        Args:
            name: whose calendar it is.
            holidays: days of leave, even if they are make-up workdays here.
            workdays: days worked, even if they are holidays here: half a day of leave is a workday with own slots.

        Raises:
            DefinitionErrors: with everything that is wrong with the exceptions.
        """
        title = self.name if name is None else name
        own = type(self)(
            title, tz=self.tz, week=self.week, holidays=_listed(holidays), workdays=workdays or {}, until=self.until
        )
        return attrs.evolve(
            own,
            holidays=[*own.holidays, *(day for day in self.holidays if day not in own.workdays)],
            workdays={day: text for day, text in self.workdays.items() if day not in own.holidays} | dict(own.workdays),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, that `from_dict` reads."""
        return {
            "name": self.name,
            "tz": self.tz,
            "week": dict(self.week),
            "holidays": [day.isoformat() for day in self.holidays],
            "workdays": {day.isoformat(): text for day, text in self.workdays.items()},
            **({} if self.until is None else {"until": self.until.isoformat()}),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The calendar of plain data.

        Raises:
            DefinitionErrors: with everything that is wrong.
        """
        refuse("the calendar", [*_keys("the top", plain, ("name", "tz", "week"), ("holidays", "workdays", "until"))])
        return cls(**plain)


def _eras(eras: Iterable[tuple[date | None, BusinessCalendar]]) -> Eras:
    return tuple(eras)


@attrs.frozen(eq=False)
class CalendarHistory(WorkingTime):
    """Calendars one after the other: what has been measured under old rules stays as it was when new ones come.

    >>> old = BusinessCalendar("support", tz="Europe/Berlin", week={"mon-fri": "09:00-17:00"})
    >>> history = old.changed(date(2026, 7, 1), week={"mon-fri": "08:00-20:00", "sat": "10:00-14:00"})
    >>> history.hours(date(2026, 6, 30)), history.hours(date(2026, 7, 1))
    (Hours('09:00-17:00'), Hours('08:00-20:00'))

    Attributes:
        eras: (first civil day, calendar), in order; the first day is None, for ever since. All share one zone.
        name: that of the newest.
        tz: the zone they share.
        until: that of the newest.
        definition: a hash of their rules.

    Raises:
        DefinitionErrors: with everything that is wrong.
    """

    eras: Eras = attrs.field(converter=_eras)
    name: str = attrs.field(init=False)
    tz: str = attrs.field(init=False)
    until: date | None = attrs.field(init=False, repr=False)
    definition: str = attrs.field(init=False)
    _days: tuple[date, ...] = attrs.field(init=False, repr=False)
    _cache: Cache = attrs.field(factory=Cache, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        refuse("the calendar history", [*_wrong(self.eras)])
        newest = self.eras[-1][1]
        _set(self, "name", newest.name)
        _set(self, "tz", newest.tz)
        _set(self, "until", newest.until)
        _set(self, "_days", tuple(from_ for from_, _ in self.eras if from_ is not None))
        _set(self, "definition", _hashed(self.to_dict()))

    def hours(self, day: date) -> Hours:
        """The slots that begin on a civil day, by the rules of that day."""
        return self.eras[bisect_right(self._days, day)][1].hours(day)

    def changed(
        self,
        from_: date,
        *,
        name: str | None = None,
        week: Mapping[str, str] | None = None,
        holidays: Days | None = None,
        workdays: Workdays | None = None,
        until: date | None = None,
    ) -> Self:
        """This history, and other rules from a day on; see `BusinessCalendar.changed`.

        Raises:
            DefinitionErrors: if the day is not after the last change, or with everything wrong with the new rules.
        """
        # What the old rules say of the days before the change is theirs alone, and need not fit the new week.
        newest = self.eras[-1][1]
        off = [day for day in newest.holidays if _holds(from_, day)]
        worked = {day: text for day, text in newest.workdays.items() if _holds(from_, day)}
        changed = attrs.evolve(
            newest,
            name=newest.name if name is None else name,
            week=newest.week if week is None else week,
            holidays=off if holidays is None else holidays,
            workdays=worked if workdays is None else workdays,
            until=newest.until if until is None else until,
        )
        return type(self)([*self.eras, (from_, changed)])

    def layered(self, *, name: str | None = None, holidays: Days = (), workdays: Workdays | None = None) -> Self:
        """The same history with the exceptions of a person or a team; see `BusinessCalendar.layered`.

        Raises:
            DefinitionErrors: with everything that is wrong with the exceptions.
        """
        days = _listed(holidays)
        return type(self)(
            [(from_, era.layered(name=name, holidays=days, workdays=workdays)) for from_, era in self.eras]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, that `from_dict` reads."""
        return {
            "eras": [
                {"from": None if from_ is None else from_.isoformat(), "calendar": calendar.to_dict()}
                for from_, calendar in self.eras
            ]
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The history of plain data.

        Raises:
            DefinitionErrors: with everything that is wrong.
        """
        refuse("the calendar history", [*_keys("the top", plain, ("eras",), ())])
        found: Found = []
        if not isinstance(plain["eras"], list):
            found.append(DefinitionError("eras", f"is {plain['eras']!r}, not a list"))
        refuse("the calendar history", found)
        eras = [_era(f"eras[{i}]", era, found) for i, era in enumerate(plain["eras"])]
        refuse("the calendar history", found)
        return cls([era for era in eras if era is not None])


def calendar_from_dict(plain: Mapping[str, Any]) -> WorkingTime:
    """The calendar, or the history of calendars, that `to_dict` made plain data of.

    Raises:
        DefinitionErrors: with everything that is wrong.
    """
    return CalendarHistory.from_dict(plain) if "eras" in plain else BusinessCalendar.from_dict(plain)


def _holds(from_: object, day: date) -> bool:
    # A `from_` that is no day is refused with the history.
    return not isinstance(from_, date) or isinstance(from_, datetime) or from_ <= day


def _wrong(eras: Eras) -> Iterator[DefinitionError]:
    if not eras:
        yield DefinitionError("eras", "there are none")
    before: date | None = None
    known: date | None = None
    for i, era in enumerate(eras):
        place = f"eras[{i}]"
        if not isinstance(era, tuple) or len(era) != 2 or not isinstance(era[1], BusinessCalendar):
            yield DefinitionError(place, f"is {era!r}, not a pair of a day and a BusinessCalendar")
            return
        from_, calendar = era
        if calendar.tz != eras[0][1].tz:
            yield DefinitionError(place, f"is in {calendar.tz}, the first in {eras[0][1].tz}; a history has one zone")
        if i == 0 and from_ is not None:
            yield DefinitionError(place, f"begins on {from_}; the first begins at None, so that no day lacks rules")
        elif i and (not isinstance(from_, date) or isinstance(from_, datetime)):
            yield DefinitionError(place, f"begins at {from_!r}; give the civil day from which it holds")
        elif from_ and before and from_ <= before:
            yield DefinitionError(place, f"begins on {from_}, which is not after {before}, the change before it")
        elif from_ and known and from_ > known:
            yield DefinitionError(place, f"begins on {from_}, and the one before it is known until {known} only")
        else:
            before = from_
        known = calendar.until


def _era(place: str, era: object, found: Found) -> tuple[date | None, BusinessCalendar] | None:
    wrong = [*_keys(place, era, ("calendar",), ("from",))]
    found += wrong
    if wrong or not isinstance(era, Mapping):
        return None
    from_ = era.get("from")
    day = None if from_ is None else read_date(f"{place}.from", from_, found)
    try:
        return day, BusinessCalendar.from_dict(era["calendar"])
    except DefinitionErrors as errors:
        found += [
            DefinitionError(f"{place}.{e.where}", e.why) for e in errors.exceptions if isinstance(e, DefinitionError)
        ]
        return None


def _keys(place: str, plain: object, needed: tuple[str, ...], known: tuple[str, ...]) -> Iterator[DefinitionError]:
    if not isinstance(plain, Mapping):
        yield DefinitionError(place, f"is {plain!r}, not a mapping")
        return
    for key in plain:
        if key not in (*needed, *known):
            yield DefinitionError(place, f"knows no {key!r}{did_you_mean(str(key), (*needed, *known))}")
    for key in needed:
        if key not in plain:
            yield DefinitionError(place, f"lacks {key!r}")


def _hashed(plain: Mapping[str, Any]) -> str:
    return sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
