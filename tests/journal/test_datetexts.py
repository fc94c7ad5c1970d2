"""The ways in which exports write dates and times."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.journal._datetexts import MONTHS, Reading, read

_EPOCH = date(1970, 1, 1).toordinal()


def _said(text: str) -> tuple[date, int | None, int | None]:
    reading = read(text)
    assert isinstance(reading, Reading), (text, reading)
    days = {day for day in reading.days if day is not None}
    assert len(days) == 1, text
    return date.fromordinal(days.pop() + _EPOCH), reading.clock, reading.offset


_H, _M, _S = 3_600_000_000, 60_000_000, 1_000_000
_AFTERNOON = 14 * _H + 5 * _M


@pytest.mark.parametrize(
    ("text", "clock", "offset"),
    [
        ("2024-01-31", None, None),
        ("2024-1-31", None, None),
        ("2024-01-31T14:05", _AFTERNOON, None),
        ("2024-01-31 14:05:06", _AFTERNOON + 6 * _S, None),
        ("2024-01-31t14:05:06z", _AFTERNOON + 6 * _S, 0),
        ("2024-01-31T14:05:06.5Z", _AFTERNOON + 6 * _S + 500_000, 0),
        ("2024-01-31T14:05:06,123456789+02:00", _AFTERNOON + 6 * _S + 123_456, 2 * _H),
        ("2024-01-31 14:05:06 -0530", _AFTERNOON + 6 * _S, -(5 * _H + 30 * _M)),
        ("2024-01-31 14:05+08", _AFTERNOON, 8 * _H),
        ("2024-01-31T14:05:00+01:00[Europe/Berlin]", _AFTERNOON, _H),
        ("2024-01-31 14:05:00 UTC", _AFTERNOON, 0),
        ("2024-01-31T24:00", 24 * _H, None),
        ("2024-01-31+02:00", None, 2 * _H),
        ("20240131", None, None),
        ("20240131T140506Z", _AFTERNOON + 6 * _S, 0),
        ("20240131T1405", _AFTERNOON, None),
        ("20240131140506", _AFTERNOON + 6 * _S, None),
        ("20240131 14:05", _AFTERNOON, None),
        ("2024/01/31", None, None),
        ("2024.1.31 14:05", _AFTERNOON, None),
        ("31.01.2024 14:05", _AFTERNOON, None),
        ("31-01-2024", None, None),
        ("31. 1. 2024", None, None),
        ("1/31/2024 2:05 PM", _AFTERNOON, None),
        ("1/31/24 2:05 p.m.", _AFTERNOON, None),
        ("1/31/2024, 2:05:06 PM", _AFTERNOON + 6 * _S, None),
        ("1/31/2024 2 PM", 14 * _H, None),
        ("31-Jan-24", None, None),
        ("31 January 2024", None, None),
        ("31JAN2024", None, None),
        ("Jan 31, 2024", None, None),
        ("January 31st, 2024 2:05pm", _AFTERNOON, None),
        ("Jan. 31 2024 14:05", _AFTERNOON, None),
        ("2024-Jan-31", None, None),
        ("Wed, 31 Jan 2024 14:05:06 +0800", _AFTERNOON + 6 * _S, 8 * _H),
        ("Wed Jan 31 2024 14:05:00 GMT+0800 (China Standard Time)", _AFTERNOON, 8 * _H),
        ("2024年1月31日 14时05分", _AFTERNOON, None),
        ("2024年01月31日14时05分06秒", _AFTERNOON + 6 * _S, None),
        ("2024年1月31日 星期三 下午2:05", _AFTERNOON, None),
        ("2024/1/31 下午 2:05:06", _AFTERNOON + 6 * _S, None),
        ("２０２４－０１－３１　１４：０５", _AFTERNOON, None),
        ("1706709900", _AFTERNOON, 0),
        ("1706709900.25", _AFTERNOON + 250_000, 0),
        ("1706709900123", _AFTERNOON + 123_000, 0),
    ],
)
def test_one_day_in_many_forms(text, clock, offset):
    """Every form of 31 January 2024 is read as that day, with its time and offset."""
    assert _said(text) == (date(2024, 1, 31), clock, offset)


@pytest.mark.parametrize(
    ("text", "hour"),
    [("12:00 AM", 0), ("12:30 am", 0), ("12:00 PM", 12), ("1:00 PM", 13), ("13:00 PM", 13), ("11:59 AM", 11)],
)
def test_halves_of_the_day(text, hour):
    """12 AM is midnight, 12 PM is noon, and PM adds nothing to 13 o'clock."""
    clock = _said(f"1/31/2024 {text}")[1]
    assert clock is not None
    assert clock // _H == hour


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30", "31/13/2024", "2024-01-31 25:00", "2024-01-31 24:01", "2024-01-31 14:60",
        "2024-01-31T14:05+25:00", "1/31/2024 13:00 AM", "2024年2月30日", "0000-01-01", "30 Feb 2024", "20241301",
    ],
)  # fmt: skip
def test_days_and_times_that_do_not_exist_are_said_to(text):
    """A text of a known form with an impossible value gets that reason."""
    assert read(text) == "names a day or time that does not exist"


@pytest.mark.parametrize(
    "text",
    [
        "", "?", "Pre-PQ Process", "Date Not Captured", "N/A", "June 2006", "2006", "14:05", "31 Foo 2024", "1/2",
        "1/2/3", "2024-01", "12345678901", "2024-01-31 noon", "31.01-2024", "x" * 1000, "٢٠٢٤-٠١-٣١x", "true", "nan",
        "1e9", "-5",
    ],
)  # fmt: skip
def test_what_is_no_date_is_not_read(text):
    """Words, numbers and half dates give a reason, not a guess."""
    assert read(text) == "is no date or time in a known form"


def test_a_day_number_of_a_spreadsheet_is_recognised():
    """45322 is most likely a date that lost its format; the reason says so, and nothing is guessed."""
    assert (
        read("45322") == read("45322.587") == "looks like the day number of a spreadsheet; export the column as dates"
    )


@pytest.mark.parametrize(("year", "full"), [("69", 1969), ("99", 1999), ("00", 2000), ("68", 2068), ("06", 2006)])
def test_two_digit_years_follow_posix(year, full):
    """Years 69 to 99 are 19xx and 00 to 68 are 20xx (POSIX strptime, %y)."""
    reading = read(f"2-Jun-{year}")
    assert isinstance(reading, Reading)
    assert reading.century
    assert _said(f"2-Jun-{year}")[0].year == full


def test_numeric_dates_keep_all_their_readings():
    """The readings of an all-numeric date are day first, month first, and year first if two digits begin it."""
    reading = read("06-02-03")
    assert isinstance(reading, Reading)
    days = [date.fromordinal(day + _EPOCH) for day in reading.days if day is not None]
    assert days == [date(2003, 2, 6), date(2003, 6, 2), date(2006, 2, 3)]
    slashed = read("3/4/2024")
    assert isinstance(slashed, Reading)
    assert slashed.days[2] is None


def test_digits_beyond_the_microsecond_are_stated_only_if_they_say_something():
    """Nine digits are cut to six; zeros among the last three lose nothing."""
    cut, whole = read("2024-01-31T00:00:00.123456700Z"), read("2024-01-31T00:00:00.123456000Z")
    assert isinstance(cut, Reading)
    assert isinstance(whole, Reading)
    assert (cut.cut, whole.cut) == (True, False)
    assert cut.clock == whole.clock == 123_456


@settings(deadline=None, max_examples=200)
@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001 - localised below
    st.none() | st.integers(-14 * 60, 14 * 60),
)
def test_what_python_writes_is_read_back(at, minutes):
    """`isoformat` of any datetime, and the day in words, name the same instant."""
    zone = UTC if minutes is None else timezone(timedelta(minutes=minutes))
    aware = at.replace(tzinfo=zone)
    for text in (aware.isoformat(), aware.isoformat(" ")):
        day, clock, offset = _said(text)
        assert clock is not None
        assert offset is not None
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        assert midnight + timedelta(microseconds=clock) - timedelta(microseconds=offset) == aware
    spelt = f"{at.day} {MONTHS[at.month - 1]} {at.year:04d}"
    assert _said(spelt)[0] == at.date()


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=40) | st.from_regex(r"[0-9年月日时分:/.\-T Zapm+]{0,30}", fullmatch=True))
def test_any_text_gets_a_reading_or_a_reason(text):
    """No text makes the reader fail."""
    said = read(text)
    assert isinstance(said, Reading | str)
    if isinstance(said, Reading):
        assert any(day is not None for day in said.days)
