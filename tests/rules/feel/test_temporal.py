"""Dates, times and durations: reading, writing, counting."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.rules.feel import _temporal as temporal
from crmkit.rules.feel._operators import arithmetic, less
from crmkit.rules.feel._values import WideDate, WideDateTime, WideTime, YearsMonths

ZONES = st.sampled_from([None, UTC, ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu")]) | st.integers(-64_800, 64_800).filter(bool).map(lambda s: timezone(timedelta(seconds=s)))  # fmt: skip
DAYS = st.integers(-365_000_000_000, 365_000_000_000) | st.integers(1, 3_652_059)
NANOS = st.integers(0, temporal.DAY - 1) | st.integers(0, 86_399).map(lambda s: s * 10**9)
LENGTHS = st.timedeltas(min_value=timedelta(days=-900_000_000), max_value=timedelta(days=900_000_000))


@given(st.dates())
def test_ordinals_are_those_of_python(day):
    """In the years that Python has, days are counted as it counts them."""
    assert temporal.ordinal(day.year, day.month, day.day) == day.toordinal()
    assert temporal.civil(day.toordinal()) == (day.year, day.month, day.day)


@given(DAYS)
def test_civil_is_the_inverse(days):
    """Every ordinal, however far, is that of its own day."""
    made = temporal.from_ordinal(days)
    assert made is None or (temporal.ordinal_of(made) == days and temporal.read_date(temporal.write_date(made)) == made)


@given(DAYS, NANOS, ZONES)
def test_dates_and_times_read_back(days, nanos, zone):
    """What is written reads back as the same value."""
    at = temporal.make_time(nanos, zone)
    assert temporal.read_time(temporal.write_time(at)) == at
    day = temporal.from_ordinal(days)
    if day is not None:
        moment = temporal.make_datetime(day, nanos, zone)
        again = temporal.read_datetime(temporal.write_datetime(moment))
        assert (again, temporal.write_datetime(again)) == (moment, temporal.write_datetime(moment))
        assert temporal.instant(again) == temporal.instant(moment)


@given(LENGTHS | st.integers(-(10**10), 10**10).map(YearsMonths))
def test_durations_read_back(length):
    """So do durations."""
    assert temporal.read_duration(temporal.write_duration(length)) == length


@given(st.datetimes(timezones=ZONES), st.timedeltas(min_value=timedelta(days=-4000), max_value=timedelta(days=4000)))
def test_moments_move_as_in_python(moment, length):
    """Elapsed time is added as Python adds it to instants."""
    try:
        plain = (
            moment + length if moment.tzinfo is None else (moment.astimezone(UTC) + length).astimezone(moment.tzinfo)
        )
    except OverflowError:
        assert isinstance(arithmetic("+", moment, length), datetime | WideDateTime)
        return
    assert arithmetic("+", moment, length) == plain
    assert arithmetic("-", plain, moment) == length


@given(st.dates(), st.dates())
def test_days_between(first, second):
    """Dates lie as many days apart as in Python, and that many days bring one to the other."""
    length = arithmetic("-", first, second)
    assert length == first - second
    assert arithmetic("+", second, length) == first


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=ZONES.filter(bool)))
def test_order_is_that_of_instants(first, second):
    """Moments are ordered by instant."""
    assert less(first, second) == (first < second)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2021-02-29", None), ("2020-02-29", date(2020, 2, 29)), ("2021-13-01", None), ("-2021-01-01", WideDate(-2021, 1, 1)), ("10000-01-01", WideDate(10_000, 1, 1)), ("1000000000-01-01", None), ("02021-01-01", None), ("2021-1-1", None), ("2021-01-01Z", None), ("999999999-12-31", WideDate(999_999_999, 12, 31)),
        ("10:00:00", time(10)), ("T10:00:00", time(10)), ("24:00:00", None), ("10:60:00", None), ("10:00:60", None), ("10:00", None), ("10:00:00.5", time(10, 0, 0, 500_000)), ("10:00:00.123456789", WideTime(36_000_123_456_789)), ("10:00:00Z", time(10, tzinfo=UTC)), ("10:00:00+14:00", time(10, tzinfo=timezone(timedelta(hours=14)))), ("10:00:00-19:00", None), ("10:00:00+18:01", None), ("10:00:00@Nowhere/Land", None), ("10:00:00@Europe/Paris", time(10, tzinfo=ZoneInfo("Europe/Paris"))), ("10:00:00+01:00:30", time(10, tzinfo=timezone(timedelta(seconds=3630)))), ("10:00:00+01:60", None),
        ("2021-01-01T24:00:00", datetime.fromisoformat("2021-01-02")), ("2021-01-01T24:00:01", None), ("999999999-12-31T24:00:00", None), ("2021-01-01T24:00:00@No/Where", None), ("2021-02-30T10:00:00", None), ("2021-01-01T10:00:00+99:00", None), ("2021-01-01 10:00:00", None),
        ("P1Y2M", YearsMonths(14)), ("-P1M", YearsMonths(-1)), ("P", None), ("PT", None), ("P1DT", None), ("P1D", timedelta(1)), ("-PT1H30M", -timedelta(hours=1.5)), ("PT0.5S", timedelta(seconds=0.5)), ("P1Y1D", None), ("P1.5D", None), ("P99999999999999D", None), ("P99999999999Y", None), ("PT36H", timedelta(1.5)), ("", None),
    ],
)  # fmt: skip
def test_texts(text, value):
    """Literals after XML Schema, and what is none."""
    assert temporal.read_any(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(timedelta(0), "PT0S"), (YearsMonths(0), "P0M"), (YearsMonths(24), "P2Y"), (timedelta(days=1, seconds=3661, microseconds=500_000), "P1DT1H1M1.5S"), (-timedelta(seconds=60), "-PT1M")],
)  # fmt: skip
def test_durations_are_written_short(value, text):
    """Durations are written without parts that are zero."""
    assert temporal.write_duration(value) == text


@pytest.mark.parametrize(("of", "text", "there"), [("date", "2021-01-01", True), ("date", "x", False), ("number", "1", False), ("days and time duration", "P1D", True), ("days and time duration", "P1M", False), ("years and months duration", "P1M", True)])  # fmt: skip
def test_values_of_a_kind(of, text, there):
    """Text is read as a value of the kind that is asked for, or not at all."""
    assert (temporal.read_value(of, text) is not None) == there


@pytest.mark.parametrize("text", ["-999999999-01-01T00:00:00@Europe/Paris", "10000-06-30T00:00:00@Europe/Paris", "2021-06-30T00:00:00.000000001@Europe/Paris"])  # fmt: skip
def test_zones_of_far_years(text):
    """A wide date and time in a named zone has an offset."""
    assert temporal.offset_of(temporal.read_datetime(text)) is not None
