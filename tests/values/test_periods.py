"""Periods partition time, whichever calendar cuts it."""

from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.values import FiscalCalendar, Period, RetailCalendar, zone
from crmkit.values._periods import EVERY

calendars = st.one_of(
    st.builds(FiscalCalendar, st.integers(1, 12), st.booleans(), st.integers(0, 6)),
    st.builds(
        RetailCalendar, st.integers(1, 12), st.integers(0, 6), st.sampled_from([(4, 4, 5), (4, 5, 4), (5, 4, 4)]),
        st.booleans(), st.booleans(),
    ),
)  # fmt: skip
days = st.dates(date(1900, 1, 1), date(2200, 1, 1))


@given(calendars, days, st.sampled_from(EVERY))
def test_each_day_is_in_exactly_the_unit_that_claims_it(calendar, day, unit):
    """bounds(containing(day)) holds the day, and the neighbours do not."""
    year, number = calendar.containing(unit, day)
    start, end = calendar.bounds(unit, year, number)
    assert start <= day < end
    assert calendar.containing(unit, end - timedelta(days=1)) == (year, number)
    assert calendar.containing(unit, end) != (year, number)


@given(calendars, st.integers(1950, 2150), st.sampled_from(EVERY))
def test_a_year_is_the_sum_of_its_parts(calendar, year, unit):
    """Splitting a year gives parts that touch, neither overlap nor leave a gap, and have distinct names."""
    whole = Period.year(year, calendar)
    parts = whole.split(unit)
    assert parts[0].start == whole.start
    assert parts[-1].end == whole.end
    assert all(one.end == other.start for one, other in pairwise(parts))
    assert len({part.name for part in parts}) == len(parts)


@given(calendars, st.integers(1950, 2150), st.integers(1, 4))
def test_previous_touches(calendar, year, number):
    """The previous quarter ends where this one starts, and is a quarter."""
    quarter = Period.quarter(year, number, calendar)
    before = quarter.previous()
    assert before.end == quarter.start
    assert before.split("quarter") == (before,)


@pytest.mark.parametrize(("year", "first", "weeks"), [
    (2017, date(2017, 1, 29), 53), (2022, date(2022, 1, 30), 52), (2023, date(2023, 1, 29), 53), (2024, date(2024, 2, 4), 52),
])  # fmt: skip
def test_retail_years_of_the_national_retail_federation(year, first, weeks):
    """The published 4-5-4 calendar: starts of years, and which have 53 weeks."""
    whole = Period.year(year, RetailCalendar(pattern=(4, 5, 4)))
    assert (whole.start, (whole.end - whole.start).days) == (first, 7 * weeks)


def test_fiscal_names():
    """A fiscal year is named after the year it ends in, unless the house says otherwise."""
    april = FiscalCalendar(4)
    assert Period.quarter(2026, 1, april).start == date(2025, 4, 1)
    assert Period.quarter(2026, 1, FiscalCalendar(4, named_by_end=False)).start == date(2026, 4, 1)
    assert date(2025, 4, 1) in Period.year(2026, april)
    assert "x" not in Period.year(2026, april)


def test_previous_of_a_free_period():
    """A run of days that is no unit goes back by its own length."""
    free = Period(date(2026, 3, 10), date(2026, 3, 20))
    assert free.previous() == Period(date(2026, 2, 28), date(2026, 3, 10))


def test_instants_follow_the_zone():
    """A day with a clock change has 23 hours."""
    day = Period.of("day", 2024, 91)
    start, end = day.instants(ZoneInfo("Europe/Berlin"))
    assert day.name == "2024-03-31"
    assert end - start == 23 * 3_600_000_000


@pytest.mark.parametrize("make", [
    lambda: Period(date(2026, 1, 2), date(2026, 1, 2)), lambda: Period.quarter(2026, 5), lambda: Period.month(2026, 0),
    lambda: FiscalCalendar(13), lambda: RetailCalendar(pattern=(5, 5, 3)), lambda: Period.of("week", 2026, 54),
    lambda: Period.year(99999), lambda: zone("Europe/Atlantis"), lambda: zone("../etc"),
    lambda: Period.of("week", 2026, 99),
])  # fmt: skip
def test_what_does_not_exist_is_refused(make):
    """Empty periods, thirteenth months, unknown zones: one clear error each."""
    with pytest.raises(InvalidValue):
        make()
