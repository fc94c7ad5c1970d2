"""Business time against clocks that are stepped through, against numpy's business days, and against its own laws."""

import pickle
import zoneinfo
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar, Hours
from crmkit.errors import InvalidValue
from crmkit.values import Period, from_micros, to_micros

BERLIN = ZoneInfo("Europe/Berlin")
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
MINUTE_US, DAY_US = 60_000_000, 86_400_000_000

# Days on which the clocks were changed, by the tz database; Shanghai knew summer time from 1986 to 1991.
SWITCHES = [
    ("Europe/Berlin", date(2024, 3, 31)), ("Europe/Berlin", date(2024, 10, 27)),
    ("America/New_York", date(2024, 3, 10)), ("America/New_York", date(2024, 11, 3)),
    ("Asia/Shanghai", date(1991, 4, 14)), ("Asia/Shanghai", date(1991, 9, 15)), ("Asia/Shanghai", date(2026, 10, 10)),
    ("Australia/Lord_Howe", date(2024, 4, 7)), ("Australia/Lord_Howe", date(2024, 10, 6)),
]  # fmt: skip


def office(**changes) -> BusinessCalendar:
    """Monday to Friday, nine to five, in Berlin."""
    return BusinessCalendar(**{"name": "office", "tz": "Europe/Berlin", "week": {"mon-fri": "09:00-17:00"}} | changes)


def berlin(*parts: int) -> datetime:
    """A wall time in Berlin."""
    return datetime(*parts, tzinfo=BERLIN)


def text_of(slots) -> str:
    """Slots in minutes as the text a user writes."""
    return ", ".join(f"{b // 60}:{b % 60:02}-{e % 1440 // 60:02}:{e % 60:02}" for b, e in slots)


@st.composite
def patterns(draw):
    """The slots of one day on a grid of a quarter of an hour; the last may run into the next day's free morning."""
    points = sorted(draw(st.sets(st.integers(1, 95), min_size=2, max_size=6)))
    if len(points) % 2:
        points.pop()
    quarters = [15 * point for point in points]
    if draw(st.booleans()):
        quarters = [*quarters[1:], quarters[0] + 1440]
    return list(zip(quarters[::2], quarters[1::2], strict=True))


@st.composite
def offices(draw):
    """A calendar around a change of clocks, and the slots that begin on each day of that fortnight."""
    tz, switch = draw(st.sampled_from(SWITCHES))
    usual, other = draw(patterns()), draw(patterns())
    worked = draw(st.sets(st.integers(0, 6), min_size=3))
    names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    around = [switch + timedelta(days) for days in range(-7, 8)]
    off = draw(st.sets(st.sampled_from(around[5:10]), max_size=1))
    special = draw(st.sets(st.sampled_from(around[5:10]), max_size=1)) - off
    calendar = BusinessCalendar(
        "drawn", tz=tz, week={names[day]: text_of(usual) for day in worked},
        holidays=off, workdays={day: text_of(other) for day in special},
    )  # fmt: skip
    slots = {day: other if day in special else usual for day in around if day in special or day.weekday() in worked}
    return calendar, switch, {day: slots[day] for day in slots.keys() - off}


def stands_open(at: int, tz: ZoneInfo, slots) -> bool:
    """Whether the wall clock, read at a second since the epoch, stands in a slot."""
    wall = datetime.fromtimestamp(at, tz)
    minute, day = wall.hour * 60 + wall.minute, wall.date()
    today, eve = slots.get(day, ()), slots.get(day - timedelta(1), ())
    return any(b <= minute < e for b, e in today) or any(b <= minute + 1440 < e for b, e in eve)


# -- numbers


def test_a_day_with_the_change_to_summer_time_has_23_hours():
    """Round the clock in Berlin, noon to noon over 31 March 2024 is 23 h, and over 27 October 25 h."""
    always = BusinessCalendar.always("Europe/Berlin")
    assert always.elapsed(berlin(2024, 3, 30, 12), berlin(2024, 3, 31, 12)) == 23 * HOUR
    assert always.elapsed(berlin(2024, 10, 26, 12), berlin(2024, 10, 27, 12)) == 25 * HOUR


def test_a_slot_shrinks_in_a_gap_and_grows_in_a_fold():
    """Slots are civil: 01:00-04:00 lasts 2 h in spring and 4 h in autumn; one that lies in the gap does not exist."""
    night = office(week={"sun": "01:00-04:00"})
    assert night.elapsed(berlin(2024, 3, 31), berlin(2024, 4, 1)) == 2 * HOUR
    assert night.elapsed(berlin(2024, 10, 27), berlin(2024, 10, 28)) == 4 * HOUR
    gap = office(week={"sun": "02:00-03:00"})
    assert gap.elapsed(berlin(2024, 3, 31), berlin(2024, 4, 1)) == timedelta(0)
    assert gap.days(Period.month(2024, 3)) == tuple(date(2024, 3, day) for day in (3, 10, 17, 24))
    half = office(week={"sun": "02:30-03:30"}).slots(Period(date(2024, 10, 27), date(2024, 10, 28)))
    assert [to_micros(closes) - to_micros(opens) for opens, closes in half] == [30 * MINUTE_US, 60 * MINUTE_US]


def test_limits_that_meet_a_weekend_or_a_holiday():
    """4 h from Saturday 16:00 end on Monday 13:00; 4 h from a holiday's 14:00 end on the next workday's 13:00."""
    assert office().due(berlin(2024, 3, 23, 16), 4 * HOUR) == berlin(2024, 3, 25, 13)
    easter = office(holidays=[date(2024, 4, 1)])
    assert easter.due(berlin(2024, 4, 1, 14), 4 * HOUR) == berlin(2024, 4, 2, 13)


def test_a_hold_outside_working_time_shifts_nothing():
    """An 8 h limit keeps its end when the case is on hold from closing to opening; within hours the hold adds on."""
    start = berlin(2024, 3, 25, 10)
    hold = (berlin(2024, 3, 25, 17), berlin(2024, 3, 26, 9))
    assert office().due(start, 8 * HOUR) == office().due(start, 8 * HOUR, pauses=[hold]) == berlin(2024, 3, 26, 10)
    longer = (berlin(2024, 3, 25, 16), berlin(2024, 3, 26, 9, 30))
    assert office().due(start, 8 * HOUR, pauses=[longer]) == berlin(2024, 3, 26, 11, 30)


def test_pauses_are_united():
    """Overlapping pauses are taken out once, and only their working part."""
    hours = [((15, 0), (20, 0)), ((14, 0), (16, 0)), ((14, 30), (14, 45))]
    pauses = [(berlin(2024, 3, 25, *start), berlin(2024, 3, 25, *end)) for start, end in hours]
    span = berlin(2024, 3, 25, 9), berlin(2024, 3, 26, 17)
    assert office().elapsed(*span, pauses=pauses) == 13 * HOUR
    assert office().elapsed(*span[::-1], pauses=pauses) == -13 * HOUR


def test_make_up_workdays():
    """A Saturday worked like a Monday, and one with own slots, count as they say."""
    saturday, next_saturday = date(2024, 3, 23), date(2024, 3, 30)
    calendar = office(workdays={saturday: "Monday", next_saturday: "09:00-12:00"})
    assert calendar.elapsed(berlin(2024, 3, 22, 17), berlin(2024, 3, 25, 9)) == 8 * HOUR
    assert calendar.elapsed(berlin(2024, 3, 29, 17), berlin(2024, 4, 1, 9)) == 3 * HOUR
    assert (calendar.hours(saturday), calendar.hours(next_saturday)) == (Hours("09:00-17:00"), Hours("09:00-12:00"))


def test_a_night_slot_belongs_to_the_day_it_begins_on():
    """The shift of the eve of a holiday runs to its end; that of the holiday does not begin."""
    night = office(week={"mon-fri": "22:00-06:00"}, holidays=[date(2024, 4, 3)])
    assert night.elapsed(berlin(2024, 4, 2, 12), berlin(2024, 4, 4, 12)) == 8 * HOUR
    assert night.is_open(berlin(2024, 4, 3, 5))
    assert not night.is_open(berlin(2024, 4, 3, 23))


def test_slots_that_run_into_each_other_count_once():
    """A night slot that swallows a slot of the make-up workday after it adds nothing twice, and ends where it ends."""
    night = office(week={"mon-fri": "22:00-06:00"}, workdays={date(2024, 3, 23): "01:00-02:00 05:00-08:00"})
    assert night.elapsed(berlin(2024, 3, 22, 12), berlin(2024, 3, 24)) == 10 * HOUR
    assert night.is_open(berlin(2024, 3, 23, 3))


def test_looking_back_finds_when_to_warn():
    """Two hours before Monday 10:00 is Friday 16:00, and one hour before is Monday 09:00, not Friday 17:00."""
    assert office().due(berlin(2024, 3, 25, 10), -2 * HOUR) == berlin(2024, 3, 22, 16)
    assert office().due(berlin(2024, 3, 25, 10), -HOUR) == berlin(2024, 3, 25, 9)


# -- oracles


@settings(deadline=None, max_examples=60)
@given(offices(), st.integers(0, 2880), st.integers(0, 2880), st.integers(0, 3000))
def test_equal_to_a_clock_stepped_minute_by_minute(drawn, first, last, work):
    """Over any slots, holidays, workdays and changes of clocks: elapsed, due, is_open and next_open."""
    calendar, switch, slots = drawn
    tz = ZoneInfo(calendar.tz)
    zero = int(datetime(switch.year, switch.month, switch.day, tzinfo=tz).timestamp()) - 86_400
    opened = [stands_open(zero + 60 * minute, tz, slots) for minute in range(2 * 2880)]
    at = [from_micros((zero + 60 * minute) * 1_000_000, tz) for minute in (first, last)]
    wanted = sum(opened[first:last]) if first <= last else -sum(opened[last:first])
    assert calendar.elapsed(*at) == timedelta(minutes=wanted)
    assert calendar.is_open(at[0]) == opened[first]
    if any(opened[first:]):
        assert to_micros(calendar.next_open(at[0])) == (zero + 60 * opened.index(True, first)) * 1_000_000
    passed = np.cumsum(opened[first:])
    if 0 < work <= passed[-1]:
        due = first + int(np.searchsorted(passed, work)) + 1
        assert to_micros(calendar.due(at[0], timedelta(minutes=work))) == (zero + 60 * due) * 1_000_000


@cache
def stepped(tz: str, day: date) -> tuple[int, np.ndarray]:
    """The first second of a window around a change of clocks, and the working seconds up to each of its seconds."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(tz)).timestamp()) - 3600
    slots = dict.fromkeys([day - timedelta(1), day], ((30, 135), (165, 300), (1410, 1450)))
    opened = [stands_open(start + second, ZoneInfo(tz), slots) for second in range(8 * 3600)]
    return start, np.concatenate([[0], np.cumsum(opened)])


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(SWITCHES), st.lists(st.integers(0, 8 * 3600), min_size=2, max_size=50))
def test_equal_to_a_clock_stepped_second_by_second(switch, seconds):
    """With a break in the hour of the change, on make-up workdays, every pair of seconds is as stepped through."""
    start, passed = stepped(*switch)
    # Clocks change on Sundays: that one and the day before are worked like a Monday.
    made_up = dict.fromkeys([switch[1] - timedelta(1), switch[1]], "mon")
    week = {"mon-fri": "00:30-02:15 02:45-05:00 23:30-00:10"}
    calendar = BusinessCalendar("break", tz=switch[0], week=week, workdays=made_up)
    at = (start + np.array(seconds)) * 1_000_000
    worked = calendar.elapsed_us(at[:, None], at[None, :])
    np.testing.assert_array_equal(worked, (passed[seconds][None, :] - passed[seconds][:, None]) * 1_000_000)


@settings(deadline=None, max_examples=60)
@given(
    st.dates(date(2023, 6, 1), date(2024, 12, 1)),
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
    st.sets(st.dates(date(2023, 6, 1), date(2025, 3, 1)), max_size=9),
)
def test_business_days_are_numpys(day, counts, holidays):
    """due_days and business_days agree with numpy.busday_offset and busday_count, from any day of the week."""
    calendar = office(holidays=holidays)
    start = datetime(day.year, day.month, day.day, 12, tzinfo=BERLIN)
    off = sorted(holidays)
    wanted = np.busday_offset(day, counts, roll="backward", holidays=off)
    found = from_days(calendar.due_days_us(np.array(to_micros(start)), np.array(counts)))
    np.testing.assert_array_equal(found, wanted)
    for count, due in zip(counts, wanted.tolist(), strict=True):
        tomorrow, after = day + timedelta(1), due + timedelta(1)
        assert calendar.business_days(day, due) == np.busday_count(tomorrow, after, holidays=off) == count
        assert calendar.business_days(due, start) == -count


def from_days(micros: np.ndarray) -> np.ndarray:
    """The civil day in Berlin of each instant."""
    return np.array([from_micros(at, BERLIN).date() for at in micros], dtype="datetime64[D]")


# -- laws

INSTANTS = st.integers(1_640_000_000_000_000, 1_800_000_000_000_000)


@settings(deadline=None)
@given(offices(), st.tuples(INSTANTS, INSTANTS, INSTANTS))
def test_elapsed_is_additive_antisymmetric_and_bounded(drawn, instants):
    """W(a,c) = W(a,b) + W(b,c); W(b,a) = -W(a,b); and 0 <= W <= the wall clock's time when a <= b."""
    calendar = drawn[0]
    a, b, c = (from_micros(at) for at in instants)
    assert calendar.elapsed(a, c) == calendar.elapsed(a, b) + calendar.elapsed(b, c)
    assert calendar.elapsed(b, a) == -calendar.elapsed(a, b)
    assert timedelta(0) <= calendar.elapsed(min(a, b), max(a, b)) <= abs(b - a)


@settings(deadline=None)
@given(offices(), INSTANTS, st.integers(1, 90 * DAY_US))
def test_due_is_the_first_instant_with_that_much_work_behind_it(drawn, start_us, work_us):
    """elapsed(a, due(a, x)) = x, and a microsecond earlier it is less; backwards it is the last such instant."""
    calendar, start, work = drawn[0], from_micros(start_us), timedelta(microseconds=work_us)
    due = calendar.due(start, work).astimezone(UTC)
    assert calendar.elapsed(start, due) == work
    assert calendar.elapsed(start, due - MICROSECOND) == work - MICROSECOND
    warn = calendar.due(start, -work).astimezone(UTC)
    assert calendar.elapsed(warn, start) == work
    assert calendar.elapsed(warn + MICROSECOND, start) == work - MICROSECOND
    assert to_micros(calendar.due(start, timedelta(0))) == start_us


@settings(deadline=None)
@given(
    offices(),
    INSTANTS,
    st.integers(0, 5 * DAY_US),
    st.lists(st.tuples(st.integers(-5 * DAY_US, 20 * DAY_US), st.integers(0, 5 * DAY_US)), max_size=4),
)
def test_due_and_elapsed_agree_about_pauses(drawn, start_us, work_us, pauses):
    """With pauses, too, due is the first instant by which exactly that much has elapsed."""
    calendar, work = drawn[0], timedelta(microseconds=work_us)
    held = [(from_micros(start_us + a), from_micros(start_us + a + length)) for a, length in pauses]
    start = from_micros(start_us)
    due = calendar.due(start, work, pauses=held).astimezone(UTC)
    assert calendar.elapsed(start, due, pauses=held) == work
    if due > start:
        assert calendar.elapsed(start, due - MICROSECOND, pauses=held) < work


@settings(deadline=None)
@given(offices())
def test_slots_are_the_working_time_of_a_period(drawn):
    """They are apart, in order, open at their begin and closed at their end, and add up to the elapsed time."""
    calendar, switch, _ = drawn
    over = Period(switch - timedelta(3), switch + timedelta(3))
    tz = ZoneInfo(calendar.tz)
    start, end = (from_micros(at) for at in over.instants(tz))
    edges = [to_micros(at) for slot in calendar.slots(over) for at in slot]
    assert all(a < b for a, b in pairwise(edges))
    lengths = sum(b - a for a, b in zip(edges[::2], edges[1::2], strict=True))
    assert timedelta(microseconds=lengths) == calendar.elapsed(start, end)
    for opens, closes in calendar.slots(over):
        assert calendar.is_open(opens)
        assert not calendar.is_open(closes) or to_micros(closes) == to_micros(end)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(zoneinfo.available_timezones())), INSTANTS, INSTANTS)
def test_round_the_clock_is_the_wall_clock_in_every_zone(tz, first, last):
    """Without any rule, elapsed time is the difference of the instants, whatever the zone does to its clocks."""
    always = BusinessCalendar.always(tz)
    assert always.elapsed_us(np.array(first), np.array(last)) == last - first
    assert always.due_us(np.array(first), np.array(last - first)) == last


@settings(deadline=None, max_examples=40)
@given(offices(), st.lists(st.tuples(INSTANTS, st.integers(-DAY_US, DAY_US)), max_size=9))
def test_columns_are_the_scalars(drawn, rows):
    """Each row of a column has the result of a single question, in the shape of the column."""
    calendar = drawn[0]
    start, work = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    due, days = calendar.due_us(start, work), calendar.due_days_us(start, np.array(2))
    worked = calendar.elapsed_us(start[:, None], start[None, :])
    counted = calendar.business_days_us(start, start[::-1])
    assert worked.shape == (len(rows), len(rows))
    fresh = pickle.loads(pickle.dumps(calendar))  # noqa: S301 - our own bytes
    for i, (at, amount) in enumerate(rows):
        assert to_micros(fresh.due(from_micros(at), timedelta(microseconds=amount))) == due[i]
        assert to_micros(fresh.due_days(from_micros(at), 2)) == days[i]
        assert fresh.business_days(from_micros(at), from_micros(rows[-1 - i][0])) == counted[i]
        assert [fresh.elapsed(from_micros(at), from_micros(to)) // MICROSECOND for to, _ in rows] == worked[i].tolist()


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["Pacific/Kiritimati", "America/New_York", "Pacific/Niue"]), st.integers(0, DAY_US), st.booleans()
)
def test_an_answer_does_not_depend_on_what_was_asked_before(tz, offset, late):
    """At the edges of the years a calendar already knows, it answers like a new one, nights and zones included."""
    rules = {"tz": tz, "week": {"mon-sun": "06:00-12:00 22:00-04:00"}}
    asked = office(**rules)
    asked.is_open(datetime(2024, 6, 1, tzinfo=UTC))
    edge = (
        to_micros(datetime(2026, 1, 1, tzinfo=UTC)) - 1 - DAY_US
        if late
        else to_micros(datetime(2023, 1, 1, tzinfo=UTC))
    )
    start, ends = np.array(edge), edge + np.array([offset, DAY_US])
    np.testing.assert_array_equal(asked.elapsed_us(start, ends), office(**rules).elapsed_us(start, ends))
    np.testing.assert_array_equal(
        asked.due_us(ends, start * 0 + DAY_US), office(**rules).due_us(ends, start * 0 + DAY_US)
    )


# -- refusals


def test_what_is_never_reached_is_refused():
    """Without enough working time a deadline is an error, ahead and back, not an endless search."""
    start = berlin(2024, 3, 25, 10)
    never = office(week={})
    lone = office(week={"mon": "09:00-17:00"}).changed(date(2024, 4, 1), week={})
    asked = [
        lambda: never.due(start, HOUR), lambda: never.due(start, -HOUR), lambda: never.next_open(start),
        lambda: never.due_days(start, 1), lambda: lone.due(start, 8 * HOUR),
        lambda: office().due(start, timedelta(days=200 * 365)),
    ]  # fmt: skip
    for ask in asked:
        with pytest.raises(InvalidValue, match="too little working time from"):
            ask()
    assert lone.due(start, 7 * HOUR) == berlin(2024, 3, 25, 17)
    assert never.elapsed(start, berlin(2025, 1, 1)) == timedelta(0)


def test_a_deadline_may_be_years_away():
    """The table grows as far as the question reaches: 40 years of 8-hour Mondays, from 2024 and back."""
    mondays = office(week={"mon": "09:00-17:00"})
    start = berlin(2024, 1, 1, 9)
    assert mondays.due(start, 40 * 52 * 8 * HOUR).date() == date(2024, 1, 1) + timedelta(weeks=40 * 52 - 1)
    assert mondays.due(start, -40 * 52 * 8 * HOUR).date() == date(2024, 1, 1) - timedelta(weeks=40 * 52)
    both = mondays.due_us(np.array(to_micros(start)), np.array([0, 8 * 60 * MINUTE_US, -8 * 60 * MINUTE_US]))
    assert [from_micros(at, BERLIN) for at in both] == [start, berlin(2024, 1, 1, 17), berlin(2023, 12, 25, 9)]


def test_empty_columns_stay_empty():
    """No rows in, no rows out, whatever the calendar."""
    none = np.empty(0, dtype=np.int64)
    calendar = office(week={})
    for ask in (calendar.elapsed_us, calendar.due_us, calendar.due_days_us, calendar.business_days_us):
        result = ask(none, none)
        assert (result.shape, result.dtype) == ((0,), np.int64)
    assert calendar.slots(Period.month(2024, 3)) == ()
    assert calendar.days(Period.month(2024, 3)) == ()
