"""A calendar knows its holidays until some day; what reaches beyond is refused, and all else is as without that day."""

import json
import pickle
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar, CalendarHistory, calendar_from_dict
from crmkit.errors import DefinitionErrors, InvalidValue
from crmkit.journal import Journal
from crmkit.pipeline import Clock, Pipeline, Stage
from crmkit.pipeline.clocks import deadlines, tick
from crmkit.pipeline.conform import conform
from crmkit.values import Period, to_micros

UNTIL, HOUR, MICROSECOND = date(2027, 1, 1), timedelta(hours=1), timedelta(microseconds=1)
ZONES = ("Asia/Shanghai", "America/New_York", "Europe/Berlin", "UTC")
BEYOND = "is beyond 2027-01-01, until which calendar 'office' knows its holidays"


def office(tz="Asia/Shanghai", until=UNTIL, week="09:00-12:00 13:00-18:00"):
    """Monday to Friday with a break, the holidays of 2026 known."""
    return BusinessCalendar("office", tz=tz, week={"mon-fri": week}, holidays=[date(2026, 12, 25)], until=until)


QUESTIONS = {
    "elapsed": lambda c, a, n: c.elapsed(a, a + n * HOUR),
    "elapsed_us": lambda c, a, n: c.elapsed_us(to_micros(a), to_micros(a) + np.arange(3) * n * 3_600_000_000).tolist(),
    "due": lambda c, a, n: c.due(a, n * HOUR),
    "due_days": lambda c, a, n: c.due_days(a, 1 + abs(n)),
    "is_open": lambda c, a, n: c.is_open(a),
    "next_open": lambda c, a, n: c.next_open(a),
    "business_days": lambda c, a, n: c.business_days(a, a + n * HOUR),
    "days": lambda c, a, n: c.days(Period(a.date(), a.date() + timedelta(1 + abs(n)))),
    "slots": lambda c, a, n: c.slots(Period(a.date(), a.date() + timedelta(1 + abs(n)))),
}  # fmt: skip


def reaches(calendar, question, at, n):
    """The last civil day that a question, or its answer by a calendar that knows all, has to do with."""
    if question in ("days", "slots"):
        return at.date() + timedelta(abs(n))
    steps = {"elapsed": n, "elapsed_us": 2 * n, "business_days": n}.get(question, 0)
    ends = [at, at + steps * HOUR]
    if question in ("due", "due_days", "next_open"):
        ends.append(QUESTIONS[question](calendar, at, n))
    last = max(ends).astimezone(ZoneInfo(calendar.tz))
    # Midnight is the end of the day before, for whatever is measured up to it.
    return (last - MICROSECOND if question in ("elapsed", "elapsed_us", "due") else last).date()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(QUESTIONS)), st.sampled_from(ZONES), st.integers(-150, 60), st.integers(-60, 60),
    st.sampled_from(["09:00-12:00 13:00-18:00", "22:00-06:00", "00:00-24:00"]),
)  # fmt: skip
def test_what_is_known_is_told_and_what_is_not_is_refused(question, tz, hours, n, week):
    """Exactly the questions that have to do with a day from `until` on are refused; the others have the same answer."""
    # A night belongs to the day on which it began: where days are counted, what is asked about is daytime.
    assume(week != "22:00-06:00" or question not in ("business_days", "due_days"))
    at = datetime(2027, 1, 1, tzinfo=ZoneInfo(tz)) + hours * HOUR
    free, known = office(tz, None, week), office(tz, UNTIL, week)
    ask = QUESTIONS[question]
    if reaches(free, question, at, n) >= UNTIL:
        with pytest.raises(InvalidValue, match="is beyond 2027-01-01"):
            ask(known, at, n)
    else:
        assert ask(known, at, n) == ask(free, at, n)


def test_it_is_part_of_the_definition():
    """It travels, is hashed and compared, and a layer keeps it; without it the form is that of before."""
    calendar = office()
    for again in (calendar_from_dict(json.loads(json.dumps(calendar.to_dict()))), pickle.loads(pickle.dumps(calendar))):  # noqa: S301 - our own bytes
        assert (again, again.until) == (calendar, UNTIL)
    assert calendar.definition != office(until=None).definition
    assert "until" not in office(until=None).to_dict()
    assert calendar.layered(holidays=[date(2026, 12, 24)]).until == UNTIL
    with pytest.raises(DefinitionErrors) as caught:
        office(until="next year")
    assert "until: 'next year' is no date" in "; ".join(map(str, caught.value.exceptions))


def test_the_next_year_is_put_on_when_it_is_published():
    """A history goes on where the last rules ended, and a gap between them is refused."""
    more = office().changed(UNTIL, holidays=["2027-01-01"], until=date(2028, 1, 1))
    assert isinstance(more, CalendarHistory)
    assert more.until == date(2028, 1, 1)
    eve = datetime(2026, 12, 31, 9, tzinfo=UTC)
    assert more.due(eve, 2 * HOUR) == datetime(2027, 1, 4, 2, tzinfo=UTC)
    with pytest.raises(InvalidValue, match="beyond 2028-01-01"):
        more.due(eve, 5000 * HOUR)
    with pytest.raises(DefinitionErrors) as caught:
        office().changed(date(2027, 2, 1))
    assert "begins on 2027-02-01, and the one before it is known until 2027-01-01 only" in "; ".join(
        map(str, caught.value.exceptions)
    )


def test_deadlines_beyond_it_are_refused_everywhere():
    """Clocks, columns of deadlines and the check of a log say so in the calendar's words."""
    pipeline = Pipeline(
        "p", [Stage("a", limit="4 business hours"), Stage("won", "won")], {"a": {"go": "won"}},
        clocks=[Clock("reply", "4 business hours", stop="replied")],
    )  # fmt: skip
    at = datetime(2026, 12, 31, 9, tzinfo=UTC)
    step = pipeline.open("D-1", at=at)
    journal = Journal.from_events(step.events)
    assert BEYOND in tick(pipeline, step.events, now=at, calendars=office()).unread["D-1"]
    for ask in (
        lambda: deadlines(journal, pipeline, calendars=office()),
        lambda: conform(journal, pipeline, calendar=office()),
    ):
        with pytest.raises(InvalidValue) as caught:
            ask()
        assert BEYOND in str(caught.value)
