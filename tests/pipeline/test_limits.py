"""Time limits: texts in and out, wall time, and business time against the calendar itself."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar
from crmkit.errors import InvalidValue
from crmkit.pipeline.limits import Limit
from crmkit.testing.strategies import instants
from crmkit.values import from_micros, to_micros

OFFICE = BusinessCalendar(
    "office", tz="Europe/Berlin", week={"mon-thu": "09:00-12:00 13:00-17:00", "fri": "09:00-12:00"},
    holidays=[date(2026, 4, 3), date(2026, 4, 6)],
)  # fmt: skip
INSTANTS = instants(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}


@given(st.integers(0, 999_999), st.integers(0, 6), st.sampled_from([*UNITS]), st.booleans())
def test_a_limit_is_what_its_text_says(digits, places, unit, business):
    """Reading what a limit writes gives the limit; the plural is optional."""
    amount = Decimal(digits).scaleb(-places)
    limit = Limit(Decimal(f"{amount:f}"), unit, business)
    assert Limit.parse(str(limit)) == limit
    assert Limit.parse(str(limit).removesuffix("s")) == limit


@pytest.mark.parametrize(
    "text", ["", "5", "days", "5  days", "-1 days", "5 Days", "1e3 days", "5 days ", "5 years", 5, None]
)
def test_what_is_no_limit_is_refused(text):
    """The message shows what a limit looks like."""
    with pytest.raises(InvalidValue, match="such as '5 business days' or '4 hours'"):
        Limit.parse(text)


@given(INSTANTS, st.decimals(0, 5000, places=3), st.sampled_from([*UNITS]))
def test_wall_time_is_added(at, amount, unit):
    """Without business a day is 24 hours."""
    assert Limit(amount, unit).due(at) == at + timedelta(
        microseconds=int(amount * (UNITS[unit] // timedelta(microseconds=1)))
    )


@settings(deadline=None)
@given(INSTANTS, st.integers(0, 40))
def test_whole_business_limits_are_those_of_the_calendar(at, n):
    """Hours are working time, days are business days, a week is five of them."""
    hours = timedelta(hours=n)
    assert Limit(Decimal(n), "hour", business=True).due(at, OFFICE) == (OFFICE.due(at, hours) if n else at)
    assert Limit(Decimal(60 * n), "minute", business=True).due(at, OFFICE) == (OFFICE.due(at, hours) if n else at)
    assert Limit(Decimal(n), "day", business=True).due(at, OFFICE) == (OFFICE.due_days(at, n) if n else at)
    assert Limit(Decimal(n), "week", business=True).due(at, OFFICE) == (OFFICE.due_days(at, 5 * n) if n else at)


@settings(deadline=None)
@given(INSTANTS, st.integers(0, 10), st.decimals("0.001", "0.999", places=3))
def test_a_fraction_of_a_business_day_is_working_time_pro_rata(at, whole, rest):
    """It lies between the whole days around it, at that share of the working time between them."""
    due = Limit(whole + rest, "day", business=True).due(at, OFFICE)
    before = OFFICE.due_days(at, whole) if whole else at
    after = OFFICE.due_days(at, whole + 1)
    assert before <= due <= after
    gap = OFFICE.elapsed(before, after)
    assert abs(OFFICE.elapsed(before, due) - gap * float(rest)) <= timedelta(microseconds=2)


def test_half_a_business_day_by_hand():
    """Monday 09:00 and half a day of seven working hours: 12:30 of work is 13:30 on the clock, after lunch."""
    monday = datetime(2026, 3, 2, 8, tzinfo=UTC)
    due = Limit.parse("0.5 business days").due(monday, OFFICE)
    assert due == datetime(2026, 3, 2, 12, 30, tzinfo=UTC)


def test_columns_are_the_same_as_single_values():
    """`due_us` of many is `due` of each, also of none."""
    moments = [datetime(2026, 3, 27, hour, tzinfo=UTC) for hour in range(24)]
    micros = np.array([to_micros(at) for at in moments])
    for text in ("3 hours", "1.5 business days", "2 business hours", "1 business week"):
        limit = Limit.parse(text)
        assert [from_micros(at) for at in limit.due_us(micros, OFFICE)] == [limit.due(at, OFFICE) for at in moments]
        assert limit.due_us(micros[:0], OFFICE).tolist() == []


def test_business_time_needs_a_calendar():
    """The message names the limit."""
    with pytest.raises(InvalidValue, match="'2 business hours' counts business time and needs calendar="):
        Limit.parse("2 business hours").due(datetime(2026, 3, 2, tzinfo=UTC))
