"""Periods are half-open civil days [start, end); a calendar names them and cuts them into buckets."""

from datetime import date, timedelta, tzinfo
from typing import Literal, Protocol, Self

import attrs

from crmkit.errors import InvalidValue
from crmkit.values._instants import civil_midnight

#: The units a calendar cuts time into.
Every = Literal["day", "week", "month", "quarter", "year"]
EVERY: tuple[Every, ...] = ("day", "week", "month", "quarter", "year")
_FIRST, _LAST = 1, 9998


class PeriodCalendar(Protocol):
    """Names and bounds of the periods of a business year."""

    def bounds(self, unit: Every, year: int, number: int) -> tuple[date, date]:
        """First day and the day after the last of the `number`-th unit of a business year."""
        ...

    def containing(self, unit: Every, day: date) -> tuple[int, int]:
        """The (business year, number) of the unit that holds a day."""
        ...


def _after_start(period: "Period", _field: object, end: date) -> None:
    if end <= period.start:
        raise InvalidValue("period", f"{period.start} .. {end}", "ends before it starts; the end day is not part of it")


def _civil() -> PeriodCalendar:
    return CIVIL


@attrs.frozen
class Period:
    """A half-open run of civil days, cut by a calendar.

    >>> Period.quarter(2026, 3)
    Period('2026-Q3', 2026-07-01 .. 2026-09-30)
    >>> [month.name for month in Period.quarter(2026, 3).split("month")]
    ['2026-07', '2026-08', '2026-09']

    Attributes:
        start: the first day.
        end: the day after the last.
        name: how a reader knows it.
        calendar: the calendar that split it, and splits it further.
    """

    start: date
    end: date = attrs.field(validator=_after_start)
    name: str = attrs.field(default="", eq=False)
    calendar: PeriodCalendar = attrs.field(factory=_civil, eq=False, repr=False)

    def __repr__(self) -> str:
        return f"Period({self.name!r}, {self.start} .. {self.end - timedelta(days=1)})"

    @classmethod
    def of(cls, unit: Every, year: int, number: int = 1, calendar: PeriodCalendar | None = None) -> Self:
        """The `number`-th unit of a business year.

        Raises:
            InvalidValue: if the year has no such unit.
        """
        cut = calendar or CIVIL
        start, end = cut.bounds(unit, year, number)
        return cls(start, end, _name(unit, year, number, start), cut)

    @classmethod
    def year(cls, year: int, calendar: PeriodCalendar | None = None) -> Self:
        """A business year."""
        return cls.of("year", year, 1, calendar)

    @classmethod
    def quarter(cls, year: int, number: int, calendar: PeriodCalendar | None = None) -> Self:
        """A quarter of a business year, 1 to 4."""
        return cls.of("quarter", year, number, calendar)

    @classmethod
    def month(cls, year: int, number: int, calendar: PeriodCalendar | None = None) -> Self:
        """A month of a business year, 1 to 12; in a fiscal year month 1 is its first."""
        return cls.of("month", year, number, calendar)

    def split(self, every: Every) -> tuple["Period", ...]:
        """The units of the calendar that touch this period, clipped to it: a partition of its days."""
        cut = self.calendar
        parts: list[Period] = []
        day = self.start
        while day < self.end:
            year, number = cut.containing(every, day)
            start, end = cut.bounds(every, year, number)
            parts.append(Period(day, min(end, self.end), _name(every, year, number, start), cut))
            day = end
        return tuple(parts)

    def previous(self) -> "Period":
        """The period of the same length that ends where this one starts (calendar units stay calendar units)."""
        cut = self.calendar
        for unit in EVERY:
            year, number = cut.containing(unit, self.start)
            if cut.bounds(unit, year, number) == (self.start, self.end):
                before_year, before = cut.containing(unit, self.start - timedelta(days=1))
                return Period.of(unit, before_year, before, cut)
        return Period(self.start - (self.end - self.start), self.start, calendar=cut)

    def overlaps(self, other: "Period") -> bool:
        """Whether some day is in both."""
        return self.start < other.end and other.start < self.end

    def instants(self, tz: tzinfo) -> tuple[int, int]:
        """Half-open bounds in microseconds UTC, at civil midnight in a zone."""
        return civil_midnight(self.start, tz), civil_midnight(self.end, tz)

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.start <= day < self.end


def _is_month(_owner: object, _field: object, value: int) -> None:
    if not 1 <= value <= 12:
        raise InvalidValue("business calendar", value, "is no month; give 1 to 12")


def _is_pattern(_owner: object, _field: object, value: tuple[int, int, int]) -> None:
    if sorted(value) != [4, 4, 5]:
        raise InvalidValue("retail calendar", value, "is no 4-4-5 pattern; give (4, 4, 5), (4, 5, 4) or (5, 4, 4)")


@attrs.frozen
class FiscalCalendar:
    """A year of twelve civil months that starts in any month; `FiscalCalendar()` is the civil year itself.

    Attributes:
        starts: the first month, 1 to 12.
        named_by_end: True names fiscal year 2026 after the civil year in which it ends (the common custom).
        week_starts: 0 for Monday to 6 for Sunday.
    """

    starts: int = attrs.field(default=1, validator=_is_month)
    named_by_end: bool = True
    week_starts: int = 0

    def bounds(self, unit: Every, year: int, number: int) -> tuple[date, date]:
        """See `PeriodCalendar`."""
        first = self._first(year)
        match unit:
            case "day" | "week":
                return _run_bounds(unit, first, self._first(year + 1), number, self.week_starts)
            case _:
                months = {"month": 1, "quarter": 3, "year": 12}[unit]
                _check_number(unit, number, 12 // months)
                return _add_months(first, months * (number - 1)), _add_months(first, months * number)

    def containing(self, unit: Every, day: date) -> tuple[int, int]:
        """See `PeriodCalendar`."""
        year = self._year_of(day)
        if unit in ("day", "week"):
            return year, _run_number(unit, self._first(year), day, self.week_starts)
        month = (day.month - self.starts) % 12
        return year, 1 + month // {"month": 1, "quarter": 3, "year": 12}[unit]

    def _first(self, year: int) -> date:
        _check_year(year)
        civil = year - 1 if self.starts > 1 and self.named_by_end else year
        return date(civil, self.starts, 1)

    def _year_of(self, day: date) -> int:
        civil = day.year if day.month >= self.starts else day.year - 1
        return civil + 1 if self.starts > 1 and self.named_by_end else civil


CIVIL: PeriodCalendar = FiscalCalendar()


@attrs.frozen
class RetailCalendar:
    """A 4-4-5 (or 4-5-4, 5-4-4) year of 52 or 53 whole weeks.

    The year ends on the `week_ends` weekday nearest to the last day of `ends` (`nearest=True`), or on the last such
    weekday of that month. The 53rd week, when there is one, lengthens the last month.

    Attributes:
        ends: the month in whose end the year ends, 1 to 12.
        week_ends: 0 for Monday to 6 for Sunday.
        pattern: weeks of the three months of a quarter.
        nearest: which of the two customs.
        named_by_end: True names the year after the civil year in which `ends` falls.
    """

    ends: int = attrs.field(default=1, validator=_is_month)
    week_ends: int = 5
    pattern: tuple[int, int, int] = attrs.field(default=(4, 4, 5), validator=_is_pattern)
    nearest: bool = True
    named_by_end: bool = False

    def bounds(self, unit: Every, year: int, number: int) -> tuple[date, date]:
        """See `PeriodCalendar`."""
        first, after = self._first(year), self._first(year + 1)
        if unit in ("day", "week"):
            return _run_bounds(unit, first, after, number, first.weekday())
        if unit == "year":
            _check_number(unit, number, 1)
            return first, after
        edges = self._edges(first, after, unit)
        _check_number(unit, number, len(edges) - 1)
        return edges[number - 1], edges[number]

    def containing(self, unit: Every, day: date) -> tuple[int, int]:
        """See `PeriodCalendar`."""
        year = day.year - 1
        while self._first(year + 1) <= day:
            year += 1
        first = self._first(year)
        if unit in ("day", "week"):
            return year, _run_number(unit, first, day, first.weekday())
        if unit == "year":
            return year, 1
        edges = self._edges(first, self._first(year + 1), unit)
        return year, sum(edge <= day for edge in edges[1:]) + 1

    def _edges(self, first: date, after: date, unit: Every) -> list[date]:
        weeks = list(self.pattern) * 4 if unit == "month" else [13] * 4
        edges = [first]
        for n in weeks:
            edges.append(edges[-1] + timedelta(weeks=n))
        edges[-1] = after
        return edges

    def _first(self, year: int) -> date:
        """The day after the end of the year before."""
        _check_year(year)
        # Named by start: year 2026 that ends in January ends in January 2027.
        civil = year - 1 if self.named_by_end or self.ends == 12 else year
        last = _add_months(date(civil, self.ends, 1), 1) - timedelta(days=1)
        back = (last.weekday() - self.week_ends) % 7
        end = last - timedelta(days=back)
        if self.nearest and back > 3:
            end += timedelta(days=7)
        return end + timedelta(days=1)


def _run_bounds(unit: Every, first: date, after: date, number: int, week_starts: int) -> tuple[date, date]:
    """Days, or weeks clipped to the business year, counted from its first day."""
    if unit == "day":
        _check_number(unit, number, (after - first).days)
        return first + timedelta(days=number - 1), first + timedelta(days=number)
    start = first - timedelta(days=(first.weekday() - week_starts) % 7) + timedelta(weeks=number - 1)
    _check_number(unit, number, 54)
    low, high = max(start, first), min(start + timedelta(weeks=1), after)
    if low >= high:
        raise InvalidValue("week", number, "is not in that year")
    return low, high


def _run_number(unit: Every, first: date, day: date, week_starts: int) -> int:
    if unit == "day":
        return (day - first).days + 1
    return ((day - first).days + (first.weekday() - week_starts) % 7) // 7 + 1


def _add_months(day: date, months: int) -> date:
    total = day.year * 12 + day.month - 1 + months
    return date(total // 12, total % 12 + 1, 1)


def _check_number(unit: str, number: int, most: int) -> None:
    if not 1 <= number <= most:
        raise InvalidValue(unit, number, f"is not in that year; give 1 to {most}")


def _check_year(year: int) -> None:
    if not _FIRST < year < _LAST:
        raise InvalidValue("year", year, f"is outside {_FIRST + 1} .. {_LAST - 1}")


def _name(unit: Every, year: int, number: int, start: date) -> str:
    match unit:
        case "day":
            return start.isoformat()
        case "week":
            return f"{year}-W{number:02}"
        case "month":
            return f"{year}-{number:02}"
        case "quarter":
            return f"{year}-Q{number}"
        case _:
            return str(year)
