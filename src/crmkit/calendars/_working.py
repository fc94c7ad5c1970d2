"""Everything that business time can answer; the rules themselves are the subclass's."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np

from crmkit.calendars._hours import Hours
from crmkit.calendars._pauses import Pauses, merged
from crmkit.calendars._table import Longs, Micros, Table, build
from crmkit.errors import InvalidValue
from crmkit.values import Period, from_micros, to_micros, zone
from crmkit.values._instants import DAY_US, MICROSECOND

_FIRST_YEAR, _LAST_YEAR, _MOST_YEARS = 2, 9998, 300
_STEPS = (1, 10, 50, _MOST_YEARS)
_LONGEST_US = _MOST_YEARS * 366 * DAY_US
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Cache:
    """Holds the table of a calendar; a copy or a pickle of it starts empty.

    The table follows from the rules, so two threads at most build it twice, and either result is right.
    """

    __slots__ = ("table",)

    def __init__(self) -> None:
        self.table: Table | None = None

    def __reduce__(self) -> tuple[type["Cache"], tuple[()]]:
        return Cache, ()


class WorkingTime(ABC):
    """What `BusinessCalendar` and `CalendarHistory` can answer; name this type to accept either.

    Instants are aware datetimes, and results are in the calendar's zone. The methods that end in `_us` take and give
    int64 arrays of microseconds since 1970-01-01 UTC, broadcast against each other.

    All of them raise `NaiveDatetime` for a datetime without a zone, and `InvalidValue` for years outside 2 to 9998, for
    questions that span more than 300 years, and for those that reach beyond `until`, or whose answer does.

    Attributes:
        name: how people call it.
        tz: the IANA name of its zone.
        until: the first civil day that it does not know; None if it knows all.
        definition: a hash of all of it.
    """

    __slots__ = ()
    name: str
    tz: str
    until: date | None
    definition: str
    _cache: Cache

    @abstractmethod
    def hours(self, day: date) -> Hours:
        """The slots that begin on a civil day."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, from which `calendar_from_dict` makes an equal calendar."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, WorkingTime) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.definition)

    # -- working time

    def elapsed(self, start: datetime, end: datetime, *, pauses: Pauses = ()) -> timedelta:
        """The working time between two instants, without that inside the pauses; negative if `end` is the earlier.

        Args:
            start: from when.
            end: until when.
            pauses: (from, to) pairs, in any order; where they overlap, time is taken out once.

        Raises:
            InvalidValue: if a pause ends before it starts.
        """
        first, last = to_micros(start, "start"), to_micros(end, "end")
        low, high = min(first, last), max(first, last)
        held = [(max(a, low), min(b, high)) for a, b in merged(pauses) if a < high and b > low]
        edges = np.array([(low, high), *held], dtype=np.int64)
        spans = self.elapsed_us(edges[:, 0], edges[:, 1])
        net = timedelta(microseconds=int(spans[0] - spans[1:].sum()))
        return net if last >= first else -net

    def elapsed_us(self, start_us: Micros, end_us: Micros) -> Micros:
        """The working time between two instants, W(end) - W(start).

        Args:
            start_us: int64.
            end_us: int64, broadcast against `start_us`.

        Returns:
            int64 microseconds.
        """
        start, end = _pair(start_us, end_us, ("start_us", "end_us"))
        if not start.size:
            return start
        table = self._over(min(start.min(), end.min()), max(start.max(), end.max()))
        return np.asarray(table.work(end) - table.work(start))

    def due(self, start: datetime, work: timedelta, *, pauses: Pauses = ()) -> datetime:
        """The earliest instant, from `start` on, by which `work` has elapsed outside the pauses.

        A negative `work` looks back: the latest instant from which that much working time elapses until `start`, such
        as when to warn of a deadline.

        Args:
            start: from when.
            work: how much working time.
            pauses: (from, to) pairs, in any order; not with a negative `work`.

        Raises:
            InvalidValue: if the calendar has not that much working time within 300 years.
        """
        if not isinstance(work, timedelta):
            raise InvalidValue("work", work, "is no timedelta; crmkit.values.duration reads '8 hours'")
        first, amount = to_micros(start, "start"), work // MICROSECOND
        held = merged(pauses)
        if held and amount < 0:
            raise InvalidValue("work", work, "is negative; looking back knows no pauses")
        end = self._due(first, amount)
        for a, b in held:
            if max(a, first) >= end:
                break
            if b > first:
                amount += int(self.elapsed_us(np.array([max(a, first)]), np.array([b]))[0])
                end = self._due(first, amount)
        return from_micros(end, zone(self.tz))

    def _due(self, start: int, work: int) -> int:
        if abs(work) > _LONGEST_US:
            raise InvalidValue("work", timedelta(microseconds=work), f"is more than {_MOST_YEARS} years")
        return int(self.due_us(np.array([start]), np.array([work]))[0])

    def due_us(self, start_us: Micros, work_us: Micros) -> Micros:
        """The earliest instants t with W(t) = W(start) + work; looking back, where work is negative, the latest.

        Args:
            start_us: int64.
            work_us: int64 microseconds of working time, broadcast against `start_us`. 0 gives `start_us` itself.

        Returns:
            int64.

        Raises:
            InvalidValue: if the calendar has not that much working time within 300 years of one of them.
        """
        start, work = _pair(start_us, work_us, ("start_us", "work_us"))
        if not start.size:
            return start
        longest = max(int(work.max()), -int(work.min()))
        if longest > _LONGEST_US:
            raise InvalidValue("work_us", longest, f"is more than {_MOST_YEARS} years")
        due = start.copy()
        for way in (1, -1):
            rows = work * way > 0
            if rows.any():
                due[rows] = self._reached(start[rows], work[rows], way)
        self._know(max(start.max(), due.max()))
        return due

    def _reached(self, start: Micros, work: Micros, way: int) -> Micros:
        first, last = _year(start.min()), _year(start.max())
        table = self._covering(first, last)
        lo, hi = table.lo, table.hi
        goal = table.work(start) + work
        lack = goal.max() - table.work_at(hi) if way > 0 else -goal.min()

        def enough(wider: Table) -> bool:
            gained = wider.work_at(wider.hi) - wider.work_at(hi) if way > 0 else wider.work_at(lo)
            return bool(gained >= lack)

        if lack > 0:
            table = self._further(first, last, way, enough)
        goal += table.work_at(lo)
        return table.earliest(goal) if way > 0 else table.latest(goal)

    # -- working moments

    def is_open(self, at: datetime) -> bool:
        """Whether an instant is working time."""
        start = np.array([to_micros(at)])
        return bool(self.elapsed_us(start, start + 1)[0])

    def next_open(self, at: datetime) -> datetime:
        """`at` itself if it is working time, otherwise when working time next begins.

        Raises:
            InvalidValue: if it does not within 300 years.
        """
        return from_micros(self._due(to_micros(at), 1) - 1, zone(self.tz))

    def slots(self, over: Period) -> tuple[tuple[datetime, datetime], ...]:
        """The stretches of working time in a period, clipped to it; slots that touch are one stretch."""
        tz = zone(self.tz)
        start, end = _period(over).instants(tz)
        table = self._over(start, end - 1)
        rows = slice(np.searchsorted(table.closes, start, "right"), np.searchsorted(table.opens, end, "left"))
        opens, closes = np.maximum(table.opens[rows], start), np.minimum(table.closes[rows], end)
        return tuple((from_micros(a, tz), from_micros(b, tz)) for a, b in zip(opens, closes, strict=True))

    # -- business days

    def days(self, over: Period) -> tuple[date, ...]:
        """The business days of a period: the civil days on which a slot begins."""
        start, end = _number(_period(over).start), _number(over.end)
        table = self._over_days(start, end - 1)
        return tuple(
            date.fromordinal(_EPOCH_DAY + day) for day in table.days[slice(*np.searchsorted(table.days, [start, end]))]
        )

    def business_days(self, start: date, end: date) -> int:
        """How many business days later `end` is: those after the day of `start`, up to and with the day of `end`.

        The day of the event does not count, as in Regulation (EEC, Euratom) No 1182/71, Article 3, and in the WORKDAY
        function of spreadsheets. Negative if `end` is the earlier.

        Args:
            start: a civil day, or an aware datetime: then its civil day in the calendar's zone, or, inside a night
                slot, the day on which that began.
            end: likewise.
        """
        first, last = self._day(start), self._day(end)
        table = self._over_days(min(first, last), max(first, last))
        return int(np.diff(table.days_to(np.array([first, last])))[0])

    def business_days_us(self, start_us: Micros, end_us: Micros) -> Longs:
        """`business_days` of int64 arrays of instants.

        Args:
            start_us: int64.
            end_us: int64, broadcast against `start_us`.

        Returns:
            int64 numbers of business days.
        """
        start, end = _pair(start_us, end_us, ("start_us", "end_us"))
        if not start.size:
            return start
        table = self._over(min(start.min(), end.min()), max(start.max(), end.max()))
        first, last = table.day_of(start), table.day_of(end)
        self._know_day(max(first.max(), last.max()))
        return np.asarray(table.days_to(last) - table.days_to(first))

    def due_days(self, start: datetime, n: int) -> datetime:
        """The same wall time on the `n`-th business day after the day of `start`.

        If that falls outside the slots of that day it moves to the next of them to begin, and after the last of them
        back to where that ends. So for a slot of 09:00-17:00, from Friday 16:00 one business day leads to Monday
        16:00, from Saturday 20:00 to Monday 17:00, and from Saturday 07:00 to Monday 09:00.

        Args:
            start: from when; its day is meant as in `business_days`.
            n: at least 1.

        Raises:
            InvalidValue: if n is less than 1, or there are not so many business days within 300 years.
        """
        if not isinstance(n, (int, np.integer)) or not 1 <= n <= _MOST_YEARS * 366:
            raise InvalidValue("business days", n, "is no number of days from 1 on")
        return from_micros(self.due_days_us(np.array([to_micros(start, "start")]), np.array([n]))[0], zone(self.tz))

    def due_days_us(self, start_us: Micros, n: Longs) -> Micros:
        """`due_days` of int64 arrays.

        Args:
            start_us: int64.
            n: int64 numbers of business days, each at least 1, broadcast against `start_us`.

        Returns:
            int64.

        Raises:
            InvalidValue: as `due_days` does.
        """
        start, count = _pair(start_us, n, ("start_us", "n"))
        if not start.size:
            return start
        if not 1 <= count.min() <= count.max() <= _MOST_YEARS * 366:
            raise InvalidValue("business days", [int(count.min()), int(count.max())], "are no numbers from 1 on")
        first, last = _year(start.min()), _year(start.max())
        table = self._covering(first, last)
        day, wall = table.day_of(start), table.wall(start)

        def enough(wider: Table) -> bool:
            return bool((wider.days_to(day) + count).max() <= len(wider.days))

        if not enough(table):
            table = self._further(first, last, 1, enough)
        due = table.days[table.days_to(day) + count - 1]
        self._know_day(max(day.max(), due.max()))
        return table.place(wall + (due - day) * DAY_US, due)

    def _day(self, day: date) -> int:
        if isinstance(day, datetime):
            at = np.array([to_micros(day)])
            return int(self._over(at[0], at[0]).day_of(at)[0])
        if not isinstance(day, date):
            raise InvalidValue("day", day, "is no date and no aware datetime")
        return _number(day)

    # -- the table

    def _over(self, first: int, last: int) -> Table:
        table = self._covering(_year(first), _year(last))
        self._know(last)
        return table

    def _over_days(self, first: int, last: int) -> Table:
        table = self._covering(_year(first * DAY_US), _year(last * DAY_US))
        self._know_day(last)
        return table

    def _know(self, at: int) -> None:
        if self.until is not None and at > to_micros(datetime.combine(self.until, time(), zone(self.tz))):
            self._refuse(from_micros(int(at), zone(self.tz)))

    def _know_day(self, day: int) -> None:
        if self.until is not None and day >= _number(self.until):
            self._refuse(date.fromordinal(_EPOCH_DAY + int(day)))

    def _refuse(self, asked: date) -> None:
        why = f"is beyond {self.until}, until which calendar {self.name!r} knows its holidays and workdays"
        raise InvalidValue("day", asked.isoformat(), why)

    def _covering(self, first: int, last: int) -> Table:
        if first < _FIRST_YEAR or last > _LAST_YEAR:
            years = f"{first} to {last}"
            raise InvalidValue("years", years, f"reach beyond what calendars know, {_FIRST_YEAR} to {_LAST_YEAR}")
        if last - first >= _MOST_YEARS:
            raise InvalidValue("years", f"{first} to {last}", f"are more than the {_MOST_YEARS} of one question")
        table = self._cache.table
        if table is not None and table.first <= first and last <= table.last:
            return table
        # A year on either side, as questions about this year soon ask about the next.
        low, high = max(first - 1, _FIRST_YEAR), min(last + 1, _LAST_YEAR)
        if table is not None and max(high, table.last) - min(low, table.first) < _MOST_YEARS:
            low, high = min(low, table.first), max(high, table.last)
        table = build(self.hours, zone(self.tz), low, high)
        self._cache.table = table
        return table

    def _further(self, first: int, last: int, way: int, enough: Callable[[Table], bool]) -> Table:
        low, high = first, last
        for years in _STEPS:
            if way > 0:
                high = min(last + years, first + _MOST_YEARS - 1, _LAST_YEAR)
            else:
                low = max(first - years, last - _MOST_YEARS + 1, _FIRST_YEAR)
            table = self._covering(low, high)
            if enough(table):
                return table
        raise InvalidValue(
            "calendar", self.name, f"has too little working time from {low} to {high} for what was asked"
        )


def _period(over: Period) -> Period:
    if not isinstance(over, Period):
        raise InvalidValue("over", over, "is no Period, such as Period.month(2026, 10)")
    return over


def _pair(left: Micros, right: Micros, names: tuple[str, str]) -> tuple[Micros, Micros]:
    arrays = [_longs(values, name) for values, name in zip((left, right), names, strict=True)]
    try:
        one, other = np.broadcast_arrays(*arrays)
    except ValueError:
        shapes = f"{arrays[0].shape} and {arrays[1].shape}"
        raise InvalidValue(" and ".join(names), shapes, "are shapes that do not fit together") from None
    return one, other


def _longs(values: Micros, name: str) -> Micros:
    array = np.asarray(values)
    if array.size and array.dtype.kind != "i":
        raise InvalidValue(name, str(array.dtype), "is no int64; give microseconds since 1970-01-01 UTC as integers")
    return array.astype(np.int64, copy=False)


def _number(day: date) -> int:
    return day.toordinal() - _EPOCH_DAY


def _year(at: int) -> int:
    return int(np.datetime64(int(at), "us").astype("datetime64[Y]").astype(np.int64)) + 1970
