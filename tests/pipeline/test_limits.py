"""Limits in words, and when they are over."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar
from crmkit.errors import InvalidValue
from crmkit.pipeline.limits import Limit
from crmkit.values import from_micros, to_micros

BERLIN = BusinessCalendar(
    "Berlin", tz="Europe/Berlin", week={"mon-fri": "09:00-12:00 13:00-17:00"},
    holidays=[date(2024, 4, 1)], workdays={date(2024, 3, 30): "mon"},
)  # fmt: skip
LIMITS = [
    "90 minutes", "1 hour", "1.5 days", "2 weeks", "45 business minutes", "4 business hours", "0.25 business hours",
    "1 business day", "5 business days", "2 business weeks",
]  # fmt: skip


@pytest.mark.parametrize("text", LIMITS)
def test_a_limit_is_written_as_it_is_read(text):
    """What a limit says of itself reads back as the same limit."""
    limit = Limit.parse(text)
    assert Limit.parse(str(limit)) == limit
    assert limit.business == ("business" in text)


def test_amounts_are_exact():
    """A tenth of an hour is a tenth."""
    assert Limit.parse("0.1 hours").amount == Fraction(1, 10)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("soon", "is no time limit, such as '5 business days' or '4 hours'"),
        ("4 hours ", "is no time limit"),
        ("-4 hours", "is no time limit"),
        ("٤ hours", "is no time limit"),
        (4, "is no time limit"),
        ("0 days", "is no time at all"),
        ("0.5 business days", "has a part of a business day; give business hours"),
        ("0.3 business weeks", "has a part of a business day"),
    ],
)
def test_what_is_no_limit_is_refused(text, why):
    """Words that are no limit are named with what one looks like."""
    with pytest.raises(InvalidValue, match=why):
        Limit.parse(text)


@pytest.mark.parametrize("text", LIMITS)
@given(at=st.datetimes(datetime(2024, 3, 20), datetime(2024, 4, 10), timezones=st.just(ZoneInfo("Europe/Berlin"))))  # noqa: DTZ001 - the zone is drawn beside it
def test_columns_and_instants_agree(text, at):
    """A limit over a column is the limit of each of its instants, and is in UTC."""
    limit = Limit.parse(text)
    at = from_micros(to_micros(at))
    (found,) = limit.due_us(np.array([to_micros(at)]), BERLIN)
    assert from_micros(int(found)) == limit.due(at, BERLIN)
    assert limit.due(at, BERLIN).tzinfo is UTC


def test_days_are_hours_and_business_days_are_days():
    """Two days are 48 hours, also over a change of the hour; two business days end at the same hour of the day."""
    friday = datetime(2024, 3, 29, 14, tzinfo=ZoneInfo("Europe/Berlin"))
    assert Limit.parse("2 days").due(friday).astimezone(friday.tzinfo).isoformat() == "2024-03-31T15:00:00+02:00"
    # Saturday is a make-up workday, and Monday a holiday.
    due = Limit.parse("2 business days").due(friday, BERLIN).astimezone(friday.tzinfo)
    assert due.isoformat() == "2024-04-02T14:00:00+02:00"


@pytest.mark.parametrize(
    "text", [text for text in LIMITS if "business" in text and "day" not in text and "week" not in text]
)
def test_pauses_are_those_of_the_calendar(text):
    """A limit of working time is put off by pauses exactly as `WorkingTime.due` has it."""
    limit, start = Limit.parse(text), datetime(2024, 3, 29, 14, tzinfo=UTC)
    pauses = [(start + timedelta(hours=hour), start + timedelta(hours=hour + 5)) for hour in (0, 6, 20, 70)]
    work = BERLIN.elapsed(start, limit.due(start, BERLIN))
    assert limit.due(start, BERLIN, pauses=pauses) == BERLIN.due(start, work, pauses=pauses)


def test_business_time_needs_a_calendar():
    """Without a calendar a limit in business time says what it needs, also over columns."""
    limit = Limit.parse("4 business hours")
    with pytest.raises(InvalidValue, match="'4 business hours' is in business time, and no calendar was given"):
        limit.due(datetime(2024, 3, 29, tzinfo=UTC))
    with pytest.raises(InvalidValue, match="no calendar was given"):
        limit.due_us(np.array([0]))
