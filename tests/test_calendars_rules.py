"""The rules of calendars: what they mean, how they change and combine, how they are stored, and what is refused."""

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar, CalendarHistory, Hours, calendar_from_dict
from crmkit.errors import DefinitionErrors, InvalidValue, NaiveDatetime
from crmkit.values import Period, to_micros

HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
INSTANTS = st.integers(1_640_000_000_000_000, 1_800_000_000_000_000)
DAYS = st.dates(date(2023, 1, 1), date(2025, 1, 1))


def office(**changes) -> BusinessCalendar:
    """Monday to Friday, nine to five, in Berlin."""
    return BusinessCalendar(**{"name": "office", "tz": "Europe/Berlin", "week": {"mon-fri": "09:00-17:00"}} | changes)


SINGLE = st.builds(
    lambda off, worked, sunday: office(
        week={"mon-fri": "22:00-06:00", "sun": sunday},
        holidays=off,
        workdays=dict.fromkeys(worked - off, "mon") | dict.fromkeys(list(worked - off)[:1], "08:00-09:30"),
    ),
    st.sets(DAYS),
    st.sets(DAYS),
    st.sampled_from(["", "00:00-24:00", "10:00-11:00 9:00-10:00"]),
)
CALENDARS = SINGLE | st.builds(
    lambda calendar, day: calendar.changed(day, week={"mon-tue": "0:00-24:00"}), SINGLE, DAYS
)


def berlin(*parts: int) -> datetime:
    """A wall time in Berlin."""
    return datetime(*parts, tzinfo=BERLIN)


def problem(attempt) -> str:
    """Everything that a refused definition is told."""
    with pytest.raises(DefinitionErrors) as caught:
        attempt()
    return str(caught.value)


# -- rules over rules


def test_leave_wins_over_the_company():
    """A person's leave beats the company's make-up workday, and a person's workday beats the company's holiday."""
    saturday, holiday, friday = date(2024, 3, 23), date(2024, 4, 1), date(2024, 3, 22)
    company = office(workdays={saturday: "mon"}, holidays=[holiday, date(2024, 12, 25)])
    anna = company.layered(name="Anna", holidays=[saturday], workdays={holiday: "mon", friday: "09:00-12:00"})
    assert anna.hours(saturday) == Hours()
    assert anna.hours(holiday) == Hours("09:00-17:00")
    assert anna.hours(friday) == Hours("09:00-12:00")
    assert anna.hours(date(2024, 12, 25)) == Hours()
    assert (company.layered(), anna.name) == (company, "Anna")


@settings(deadline=None)
@given(st.lists(INSTANTS, min_size=2, max_size=2), st.dates(date(2023, 1, 1), date(2025, 1, 1)))
def test_a_new_rule_changes_no_past_result(instants, from_):
    """Elapsed time splits at the change: the old rules before it, the new rules after it."""
    old = office()
    history = old.changed(from_, week={"mon-sat": "07:00-19:00"})
    new = history.eras[1][1]
    a, b = sorted(instants)
    change = to_micros(datetime(from_.year, from_.month, from_.day, tzinfo=BERLIN))
    before = old.elapsed_us(np.array(min(a, change)), np.array(min(b, change)))
    after = new.elapsed_us(np.array(max(a, change)), np.array(max(b, change)))
    assert history.elapsed_us(np.array(a), np.array(b)) == before + after


def test_a_history_grows_only_forward():
    """A change on or before the last one is refused, as is another zone or a first era with a date."""
    history = office().changed(date(2024, 5, 1), week={"mon": "09:00-10:00"}).changed(date(2024, 6, 1), name="three")
    assert (history.name, len(history.eras), history.hours(date(2024, 7, 1))) == ("three", 3, Hours("09:00-10:00"))
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    assert "not after 2024-06-01" in problem(lambda: history.changed(date(2024, 6, 1), week={}))
    assert "give the civil day" in problem(lambda: history.changed(noon, week={}))
    assert "one zone" in problem(lambda: CalendarHistory([(None, office()), (noon.date(), BusinessCalendar.always())]))
    assert "begins at None" in problem(lambda: CalendarHistory([(noon.date(), office())]))
    assert "there are none" in problem(lambda: CalendarHistory([]))
    leave = history.layered(holidays=[date(2024, 5, 6)])
    assert (leave.hours(date(2024, 5, 6)), leave.hours(date(2024, 5, 13))) == (Hours(), Hours("09:00-10:00"))


# -- what a calendar is


@settings(deadline=None, max_examples=20)
@given(CALENDARS)
def test_plain_data_gives_an_equal_calendar(calendar):
    """Through JSON, pickle and deepcopy it stays equal, with the same hash, and the table does not travel."""
    size = len(pickle.dumps(calendar))
    assert calendar.elapsed(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC)) > timedelta(0)
    assert len(pickle.dumps(calendar)) == size
    plain = json.loads(json.dumps(calendar.to_dict()))
    for other in (calendar_from_dict(plain), type(calendar).from_dict(plain), copy.deepcopy(calendar)):
        assert other == calendar
        assert hash(other) == hash(calendar)


def test_calendars_compare_by_rules_not_by_spelling():
    """Spelling and order do not matter; a rule, and the name, do."""
    spelled = office(week={"Monday, tue-FRI": "9:00 – 17:00", "sat": ""}, tz=BERLIN, holidays=["2024-12-25"] * 2)
    assert spelled == office(holidays=[date(2024, 12, 25)]) == office(holidays="2024-12-25")
    assert len({office(), office(name="b"), office(tz=UTC), office(week={}), spelled}) == 5
    assert office() != "office"


def test_a_change_keeps_the_exceptions_to_come():
    """What is not given stays as it is from then on; exceptions of the time before need not fit the new week."""
    old = office(holidays=["2024-01-01", "2024-12-25"], workdays={"2024-03-23": "mon", "2024-06-01": "tue"})
    new = old.changed(date(2024, 5, 1), week={"tue-sat": "10:00-18:00"}).eras[1][1]
    assert new == office(week={"tue-sat": "10:00-18:00"}, holidays=["2024-12-25"], workdays={"2024-06-01": "tue"})
    assert "which has no hours in week" in problem(lambda: old.changed(date(2024, 3, 1), week={"tue": "10:00-18:00"}))


def test_a_chinese_keyboard_writes_the_same_hours():
    """Full-width signs mean the plain ones."""
    assert Hours("09：00－12：00，13：00–18：00") == Hours("09:00-12:00 13:00-18:00")


def test_threads_share_a_calendar():
    """Questions about different years at the same time get the answers they get alone."""
    calendar = office()
    years = [*range(2000, 2024)] * 2
    spans = [(datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)) for year in years]
    with ThreadPoolExecutor(4) as pool:
        together = [*pool.map(lambda span: calendar.elapsed(*span), spans)]
    assert together == [office().elapsed(*span) for span in spans]


# -- business days


def test_due_days_moves_into_the_slots_of_its_day():
    """A wall time outside the slots goes to the next that begins, and after the last of them back to its end."""
    lunch = office(week={"mon-fri": "09:00-12:00 13:00-17:00"})
    for start, due in {(22, 16): 16, (23, 20): 17, (23, 7): 9, (22, 12): 13, (24, 13): 13, (22, 17): 17}.items():
        assert lunch.due_days(berlin(2024, 3, *start), 1) == berlin(2024, 3, 25, due), start


def test_due_days_counts_a_night_shift_with_the_day_it_began():
    """At 02:00 on Tuesday the shift is Monday's, so one business day later is 02:00 on Wednesday."""
    night = office(week={"mon-fri": "22:00-06:00"})
    assert night.due_days(berlin(2024, 3, 26, 2), 1) == berlin(2024, 3, 27, 2)
    assert night.due_days(berlin(2024, 3, 26, 6), 1) == berlin(2024, 3, 27, 22)
    assert night.business_days(berlin(2024, 3, 26, 2), berlin(2024, 3, 26, 23)) == 1


def test_due_days_stays_out_of_the_shift_of_the_day_before():
    """02:00 on Tuesday after a free Monday is no shift's time: one day later it is Wednesday's shift, not Tuesday's."""
    night = office(week={"mon-fri": "22:00-06:00"}, holidays=["2024-03-25"])
    assert night.due_days(berlin(2024, 3, 26, 2), 1) == berlin(2024, 3, 27, 22)


def test_due_days_on_the_day_of_a_change_of_clocks():
    """A slot that begins as the repeated hour ends begins once: at 03:00 of winter time, 02:00 UTC."""
    sunday = office(week={"sun": "03:00-05:00"})
    due = sunday.due_days(berlin(2024, 10, 26, 1), 1)
    assert due.astimezone(UTC) == datetime(2024, 10, 27, 2, tzinfo=UTC)


def test_a_day_that_a_zone_skipped_is_no_business_day():
    """Samoa went from 29 to 31 December 2011 (tz database, Pacific/Apia): the Friday between was never worked."""
    samoa = office(tz="Pacific/Apia")
    apia = ZoneInfo("Pacific/Apia")
    assert date(2011, 12, 30) not in samoa.days(Period.month(2011, 12))
    thursday = datetime(2011, 12, 29, 16, tzinfo=apia)
    assert samoa.due(thursday, 2 * HOUR) == datetime(2012, 1, 2, 10, tzinfo=apia)
    assert samoa.due_days(thursday, 1) == datetime(2012, 1, 2, 16, tzinfo=apia)


# -- refusals


def test_everything_wrong_with_a_definition_is_said_at_once():
    """Each problem names its place and the remedy."""
    new_year = date(2026, 1, 1)
    definition = dict(
        name="", tz="Europe/Berln",
        week={"mom": "09:00-17:00", "tue": "25:00-26:00", "wed": "09:00-12:00 11:00-13:00", "thu": "9-5", "fri": 8,
              "sat": "22:00-06:00", "sun": "05:00-08:00 12:00-12:00", "wed-thu": "", "": ""},
        holidays=[new_year, datetime(2026, 1, 2, tzinfo=UTC), "soon"],
        workdays={new_year: "wed", date(2026, 1, 3): "Tuesdy", "2026-01-04": "", date(2026, 1, 5): "8:00", 6: "mon"},
    )  # fmt: skip
    wanted = [
        "name: is ''", "tz: 'Europe/Berln' is no IANA zone", "week['mom']: 'mom' is no weekday (did you mean 'mon'?)",
        "week['tue']: 25:00 is no time of day", "week['wed']: 09:00-12:00 and 11:00-13:00 overlap",
        "week['thu']: '9-5' is no slot", "week['fri']: 8 is no text", "week['sun']: '12:00-12:00' is empty",
        "week['wed-thu']: gives wed its hours a second time", "week['wed-thu']: gives thu its hours a second time",
        "week['']: names no weekday", "holidays[1]: datetime.datetime(2026, 1, 2", "holidays[2]: 'soon' is no date",
        "workdays[2026-01-03]: 'Tuesdy' is no weekday", "workdays[2026-01-04]: has no slots",
        "workdays[2026-01-05]: '8:00' is no slot", "workdays[6]: 6 is no civil date",
        "workdays[2026-01-01]: is a holiday too",
    ]  # fmt: skip
    found = problem(lambda: office(**definition))
    assert [text for text in wanted if f"\n  - {text}" not in found] == []
    assert found.count("\n") == len(wanted)


@pytest.mark.parametrize(
    ("definition", "wanted"),
    [
        ({"tz": None}, "tz: None is no IANA zone"),
        ({"tz": timezone(HOUR)}, "is no IANA zone"),
        ({"week": "mon-fri"}, "week: is 'mon-fri'; write a mapping"),
        ({"week": {"mon": "22:00-06:00", "tue": "05:00-08:00"}}, "before the night slot of mon ends at 06:00"),
        ({"week": {"sun": "22:00-06:00", "mon": "05:59-08:00"}}, "week['mon']: begins at 05:59"),
        ({"holidays": 5}, "holidays[0]: 5 is no civil date"),
        ({"workdays": [date(2026, 1, 1)]}, "workdays: is [datetime.date(2026, 1, 1)]; write a mapping"),
        ({"workdays": {date(2026, 1, 3): "sun"}}, "is to be worked like 'sun', which has no hours in week"),
        ({"workdays": {date(2026, 1, 3): "mon", "2026-01-03": "tue"}}, "workdays[2026-01-03]: is there twice"),
        ({"week": {"mon-": "09:00-17:00"}}, "'' is no weekday"),
        ({"week": {"mon": "24:00-03:00"}}, "begins at the end of the day"),
    ],
)
def test_one_thing_wrong(definition, wanted):
    """A definition that is wrong in one way is refused for that alone."""
    found = problem(lambda: office(**definition))
    assert wanted in found
    assert found.count("\n") == 1


@pytest.mark.parametrize(
    ("plain", "wanted"),
    [
        ({"name": "a", "tz": "UTC", "weeks": {}}, "knows no 'weeks' (did you mean 'week'?)"),
        ({"name": "a", "week": {}}, "lacks 'tz'"),
        ([], "not a mapping"),
        ({"eras": {}}, "eras: is {}, not a list"),
        ({"eras": []}, "eras: there are none"),
        ({"eras": [{"from": "x", "calendar": {"name": "a", "tz": "UTC", "week": {"m": ""}}}]}, "eras[0].week['m']"),
        ({"eras": [{"from": None}]}, "eras[0]: lacks 'calendar'"),
    ],
)
def test_plain_data_that_is_no_calendar(plain, wanted):
    """Stored data is checked like a definition."""
    assert wanted in problem(lambda: calendar_from_dict(plain))


@pytest.mark.parametrize("pair", [5, (None, "office"), (None, office(), 3)])
def test_a_history_takes_pairs(pair):
    """Anything that is no pair of a day and a calendar is refused by its place."""
    assert "eras[0]: is " in problem(lambda: CalendarHistory([pair]))


@pytest.mark.parametrize(
    ("ask", "wanted"),
    [
        (lambda c, at: c.elapsed(at, datetime(2500, 1, 1, tzinfo=UTC)), "2024 to 2500' are more than the 300"),
        (lambda c, at: c.elapsed(at, datetime(9999, 1, 1, tzinfo=UTC)), "reach beyond"),
        (lambda c, at: c.elapsed_us(np.array([-(2**63)]), np.array([0])), "reach beyond"),
        (lambda c, at: c.elapsed_us(np.array([0.5]), np.array([0])), "start_us: 'float64' is no int64"),
        (lambda c, at: c.elapsed_us(np.arange(2), np.arange(3)), "are shapes that do not fit together"),
        (lambda c, at: c.due_us(np.array([0]), np.array([2**62])), "is more than 300 years"),
        (lambda c, at: c.due(at, timedelta.max), "is more than 300 years"),
        (lambda c, at: c.due(at, 8), "8 is no timedelta"),
        (lambda c, at: c.due(at, -HOUR, pauses=[(at, at)]), "looking back knows no pauses"),
        (lambda c, at: c.elapsed(at, at, pauses=[(at, at - HOUR)]), "ends before it starts"),
        (lambda c, at: c.elapsed(at, at, pauses=(at, at)), "is no pair of instants"),
        (lambda c, at: c.slots(at.date()), "is no Period"),
        (lambda c, at: c.days("2024-03"), "is no Period"),
        (lambda c, at: c.due_us(np.array([0]), np.array([-(2**63)])), "is more than 300 years"),
        (lambda c, at: c.due_days(at, 0), "business days: 0 is no number"),
        (lambda c, at: c.due_days(at, 1.5), "business days: 1.5 is no number"),
        (lambda c, at: c.due_days_us(np.array([0]), np.array([0, 1])), "are no numbers from 1 on"),
        (lambda c, at: c.business_days("2024-01-01", at), "is no date and no aware datetime"),
        (lambda c, at: Hours("9-5"), "hours: '9-5' cannot be read"),
    ],
)
def test_questions_without_an_answer(ask, wanted):
    """A question that cannot be answered says why."""
    with pytest.raises(InvalidValue) as caught:
        ask(office(), berlin(2024, 3, 25, 10))
    assert wanted in str(caught.value)


def test_a_naive_datetime_is_refused():
    """No method guesses a zone."""
    naive, at = datetime(2024, 3, 25, 10), berlin(2024, 3, 25)  # noqa: DTZ001 - the point of the test
    asked = [
        lambda: office().elapsed(naive, at), lambda: office().due(naive, HOUR), lambda: office().is_open(naive),
        lambda: office().next_open(naive), lambda: office().due_days(naive, 1),
        lambda: office().business_days(at, naive), lambda: office().elapsed(at, at, pauses=[(at, naive)]),
    ]  # fmt: skip
    for ask in asked:
        with pytest.raises(NaiveDatetime):
            ask()
