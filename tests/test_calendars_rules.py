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
from crmkit.errors import DefinitionErrors
from crmkit.values import to_micros

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
CALENDARS = SINGLE | st.builds(lambda calendar, day: calendar.changed(day, week={"tue": "0:00-24:00"}), SINGLE, DAYS)


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


@settings(deadline=None, max_examples=40)
@given(CALENDARS)
def test_plain_data_gives_an_equal_calendar(calendar):
    """Through JSON, pickle and deepcopy it stays equal, with the same hash, and the table does not travel."""
    size = len(pickle.dumps(calendar))
    calendar.elapsed(datetime(2020, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))
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


# -- refusals


def test_everything_wrong_with_a_definition_is_said_at_once():
    """Each problem names its place and the remedy."""
    new_year = date(2026, 1, 1)
    definition = dict(
        name="", tz="Europe/Berln",
        week={"mom": "09:00-17:00", "tue": "25:00-26:00", "wed": "09:00-12:00 11:00-13:00", "thu": "9-5", "fri": 8,
              "sat": "22:00-06:00", "sun": "05:00-08:00 12:00-12:00", "wed-thu": "", "": "24:00-25:00"},
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
