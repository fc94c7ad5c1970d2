"""Clocks: pauses, cycles, what conditions see, whose calendar counts, and what goes wrong."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import numpy as np
import pytest

from crmkit.calendars import BusinessCalendar
from crmkit.errors import DefinitionErrors, InvalidValue
from crmkit.events import Edited, Found, Migrated, Opened, from_json, to_json
from crmkit.journal import OPEN, Journal
from crmkit.pipeline import Clock, Link, Pipeline, Stage
from crmkit.pipeline.clocks import Calendars, deadlines, due, states, tick
from crmkit.rules.schema import Field, Schema
from crmkit.values import from_micros

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OFFICE = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-17:00"}, holidays=[date(2024, 1, 2)])
# Lunch, a make-up Saturday, a holiday, and both changes of the hour: the night shift of Sunday has them in it.
BERLIN = BusinessCalendar(
    "Berlin", tz="Europe/Berlin",
    week={"mon-fri": "09:00-12:00 13:00-17:00", "sun": "00:00-06:00"},
    holidays=[date(2024, 4, 1), date(2024, 10, 25)], workdays={date(2024, 3, 30): "mon", date(2024, 10, 26): "fri"},
)  # fmt: skip
CLOCK = Clock(
    "reply", "4 business hours", start="asked", stop="done", pause="hold", reset="again", warn=[50, 75],
    effects=["mail", "task"],
)  # fmt: skip
TRIGGERED = Clock("reply", "4 business hours", start="asked", stop="done", pause="hold", resume="go", reset="again")


def ticket(*clocks, **more):
    """A pipeline of tickets with clocks."""
    stages = more.pop("stages", ["open", "waiting", Stage("solved", "won")])
    return Pipeline("tickets", stages=stages, clocks=clocks, **more)


def told(pipeline, start, *changes, fields=None):
    """The facts of a case: opened, then (time after the start, the fields that change or the move)."""
    step = pipeline.open("T-1", at=start, who="wei", fields=fields or {})
    facts = [*step.events]
    for after, change in changes:
        if isinstance(change, str):
            step = pipeline.move(step.case, change, at=start + after)
        else:
            step = pipeline.edit(step.case, at=start + after, fields=change)
        facts += step.events
    return facts


# -- the two deadlines that a well-known CRM gets wrong


@pytest.mark.parametrize(
    ("opened", "expected"),
    [
        (datetime(2024, 3, 23, 16, tzinfo=UTC), datetime(2024, 3, 25, 13, tzinfo=UTC)),
        (datetime(2024, 1, 2, 14, tzinfo=UTC), datetime(2024, 1, 3, 13, tzinfo=UTC)),
    ],
    ids=["on a Saturday at 16:00", "on a holiday at 14:00"],
)
def test_four_hours_from_a_day_without_work_begin_with_the_next_slot(opened, expected):
    """Four business hours from a Saturday or a holiday end at 13:00 of the next working day, at whatever hour."""
    pipeline = ticket(Clock("reply", "4 business hours", stop="done"))
    (state,) = states(pipeline, told(pipeline, opened), now=opened, calendars=OFFICE)
    assert (state.due, state.remaining, state.used) == (expected, 4 * HOUR, 0.0)


def test_a_hold_overnight_shifts_nothing():
    """A hold from 17:00 to 09:00 takes out no working time, so an eight-hour promise is due when it was."""
    pipeline = ticket(Clock("solve", "8 business hours", stop="done", pause="hold"))
    monday = datetime(2024, 3, 4, 12, tzinfo=UTC)
    held = told(pipeline, monday, (5 * HOUR, {"hold": True}), (21 * HOUR, {"hold": False}))
    (state,) = states(pipeline, held, now=monday + DAY, calendars=OFFICE)
    assert state.due == states(pipeline, held[:1], now=monday, calendars=OFFICE)[0].due == monday + DAY
    (longer,) = states(
        pipeline, told(pipeline, monday, (4 * HOUR, {"hold": True}), (22 * HOUR, {"hold": False})), now=monday + DAY,
        calendars=OFFICE,
    )  # fmt: skip
    assert longer.due == monday + DAY + 2 * HOUR
    assert longer.elapsed == 6 * HOUR


# -- cycles


def test_cycles():
    """A reset gives the whole time again; after a stop a clock begins anew when its start, or its reset, comes again."""
    pipeline = ticket(Clock("reply", "4 hours", start="asked", stop="answered", reset="again"))
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    facts = told(
        pipeline, start,
        (1 * HOUR, {"asked": True}),
        (3 * HOUR, {"again": True}),
        (4 * HOUR, {"answered": True}),
        (5 * HOUR, {"answered": False, "asked": False}),
        (6 * HOUR, {"asked": True, "again": False}),
        (7 * HOUR, {"answered": True}),
        (8 * HOUR, {"again": True, "answered": False}),
        fields={"asked": False},
    )  # fmt: skip
    found = states(pipeline, facts, now=start + 9 * HOUR)
    assert [(one.cycle, one.status, one.started - start, one.until - start, one.due - start) for one in found] == [
        (1, "reset", 1 * HOUR, 3 * HOUR, 5 * HOUR),
        (2, "stopped", 3 * HOUR, 4 * HOUR, 7 * HOUR),
        (3, "stopped", 6 * HOUR, 7 * HOUR, 10 * HOUR),
        (4, "running", 8 * HOUR, 9 * HOUR, 12 * HOUR),
    ]
    early = told(pipeline, start, (HOUR, {"again": True}), fields={"asked": False})
    assert states(pipeline, early, now=start + DAY) == ()
    assert due(found) == start + 12 * HOUR
    assert due(found[:3]) is None


def test_a_stage_with_a_limit_is_a_clock():
    """Each stay is a cycle, also one that follows at once."""
    pipeline = Pipeline(
        "deals", [Stage("lead"), Stage("offer", limit="2 days"), Stage("won", "won")],
        {"lead": {"offer": "offer"}, "offer": {"revise": "offer", "back": "lead", "sign": "won"}},
    )  # fmt: skip
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    facts = told(pipeline, start, (DAY, "offer"), (2 * DAY, "revise"), (5 * DAY, {"note": "n"}), (6 * DAY, "back"))
    found = states(pipeline, facts, now=start + 8 * DAY)
    assert [(one.clock, one.cycle, one.status, one.due - start, one.breached) for one in found] == [
        ("offer", 1, "stopped", 3 * DAY, False),
        ("offer", 2, "stopped", 4 * DAY, True),
    ]


def test_a_stay_goes_on_in_another_version():
    """A stage that is called otherwise after a migration is the same stay: its clock counts from when it was entered."""
    stages = [Stage("lead", limit="9 days"), Stage("offer", limit="2 days"), Stage("won", "won")]
    pipeline, start = ticket(stages=stages), datetime(2024, 3, 4, 9, tzinfo=UTC)

    def after(origin, to):
        facts = [Opened(id="T-1#1", case="T-1", at=start, recorded=start, who="wei", stage=origin)]
        handed = Edited(id="T-1#2", case="T-1", at=start + DAY, recorded=start + DAY, data={"owner": "li"})
        late = start + 3 * DAY
        moved = Migrated(id="T-1#3", case="T-1", at=late, recorded=late, definition="x", origin=origin, stage=to)
        found = states(pipeline, [*facts, handed, moved], now=start + 4 * DAY)
        return [(one.clock, one.cycle, one.started - start, one.who, one.breached) for one in found]

    assert after("lead", "offer") == after("proposal", "offer") == [("offer", 1, timedelta(), "wei", True)]
    assert after("offer", "lead") == after("lead", "lead") == [("lead", 1, timedelta(), "wei", False)]


def test_business_days_end_at_the_same_hour():
    """A limit in business days is that of `due_days`; a hold of a working day puts it off by one, also from a Saturday."""
    pipeline = ticket(Clock("reply", "1 business day", stop="done", pause="hold", warn=[50]))
    friday = datetime(2024, 3, 1, 16, tzinfo=UTC)
    held = told(pipeline, friday, (2 * DAY + 17 * HOUR, {"hold": True}), (3 * DAY + 17 * HOUR, {"hold": False}))
    plain, after = (states(pipeline, f, now=friday + 4 * DAY, calendars=OFFICE)[0] for f in (held[:1], held))
    assert (plain.due, after.due) == (friday + 3 * DAY, friday + 4 * DAY)
    assert (plain.total, plain.breached, after.breached) == (8 * HOUR, True, False)
    early = datetime(2024, 3, 2, 7, tzinfo=UTC)
    for now, breached in ((early + DAY, False), (early + 3 * DAY, True)):
        (state,) = states(pipeline, told(pipeline, early), now=now, calendars=OFFICE)
        assert (state.due, state.total) == (datetime(2024, 3, 4, 9, tzinfo=UTC), timedelta())
        assert (state.breached, state.used) == (breached, float(breached))


def test_a_hold_after_the_breach_adds_nothing():
    """A clock that stands still after its time was up uses no more of it."""
    pipeline = ticket(Clock("reply", "4 hours", stop="done", pause="hold"))
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    (state,) = states(pipeline, told(pipeline, start, (5 * HOUR, {"hold": True})), now=start + DAY)
    assert (state.status, state.breached, state.used, state.remaining) == ("paused", True, 1.25, -HOUR)


# -- what conditions see


def test_conditions_see_the_case_after_the_fact():
    """Stage, move and previous stage are those of the fact; what crmkit notes about a case is no fact for a clock."""
    pipeline = Pipeline(
        "tickets", ["open", "waiting", Stage("solved", "won")],
        clocks=[
            Clock("wait", "1 day", start='stage = "waiting" and previous stage = "open"', stop='stage != "waiting"'),
            Clock("moved", "1 day", start='move = "waiting"', stop='move = "solved"', pause='move = "waiting"', resume="false"),
            Clock("short", "1 day", start='move = "waiting"', stop='stage = "solved"', pause='move = "waiting"'),
            Clock("first", "1 day", start="previous stage = null", stop='answer = "yes"', pause="answer = null"),
        ],
    )  # fmt: skip
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    facts = told(pipeline, start, (HOUR, "waiting"))
    note = Found(
        id="T-1#3", case="T-1", at=start + HOUR, recorded=start + HOUR, cause="T-1#2", rule="r", rules="x",
    )  # fmt: skip
    for history in (facts, [*facts, note]):
        found = {
            one.clock: (one.status, one.started - start) for one in states(pipeline, history, now=start + 2 * HOUR)
        }
        assert found == {
            "wait": ("running", HOUR),
            "moved": ("paused", HOUR),
            "short": ("paused", HOUR),
            "first": ("paused", timedelta()),
        }


@pytest.mark.parametrize(
    "schema", [None, Schema([Field("paid", "boolean"), Field("n", "decimal")])], ids=["none", "typed"]
)
def test_a_field_that_was_never_set_does_not_hide_what_is_known(schema):
    """`a or b` stops a clock if `a` holds, whether or not `b` was ever set."""
    pipeline = ticket(Clock("reply", "4 hours", stop='stage = "solved" or paid', pause="n > 5"), schema=schema)
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    facts = told(pipeline, start, (HOUR, {"n": 7}), (2 * HOUR, "solved"))
    (state,) = states(pipeline, facts, now=start + DAY)
    assert (state.status, state.elapsed) == ("stopped", HOUR)


def test_a_stage_of_another_version_stops_no_clock():
    """In a stage that the definition does not have nothing can be told of the stage, and the clocks go on."""
    pipeline = ticket(Clock("reply", "4 hours", stop='stage = "solved" or done'))
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    opened = Opened(id="T-1#1", case="T-1", at=start, recorded=start, stage="old")
    done = Edited(id="T-1#2", case="T-1", at=start + HOUR, recorded=start + HOUR, data={"done": True})
    found = [states(pipeline, facts, now=start + DAY)[0].status for facts in ([opened], [opened, done])]
    assert found == ["running", "stopped"]


def test_replay_is_deterministic():
    """For every history of up to four changes, clocks read from the text form of the facts show the same."""
    pipeline = ticket(Clock("reply", "2 hours", start="asked", stop="done", pause="hold", reset="again", warn=[50]))
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    changes = [
        {"asked": True},
        {"done": True},
        {"done": False, "again": True},
        {"hold": True},
        {"hold": False, "again": False},
    ]
    for length in range(4):
        for run in product(changes, repeat=length):
            facts = told(pipeline, start, *(((n + 1) * HOUR, change) for n, change in enumerate(run)))
            now = start + 6 * HOUR
            found = states(pipeline, facts, now=now)
            assert states(pipeline, [from_json(to_json(fact)) for fact in facts], now=now) == found
            assert states(pipeline, [*facts, *tick(pipeline, facts, now=now).events], now=now) == found
            # What had not happened yet is not looked at.
            assert states(pipeline, facts, now=start + HOUR) == states(pipeline, facts[:2], now=start + HOUR)


# -- calendars, and what goes wrong


def test_calendars_of_people_teams_and_the_company():
    """A person's calendar goes before that of the team, and a cycle keeps that of who held the case when it began."""
    late = BusinessCalendar("late", tz="UTC", week={"mon-fri": "12:00-20:00"})
    night = BusinessCalendar("night", tz="UTC", week={"mon-fri": "20:00-24:00"})
    calendars = Calendars(
        OFFICE, teams={"evening": late}, people={"wei": night}, team_of={"wei": "evening", "li": "evening"}
    )
    assert [calendars.of(who) for who in ("wei", "li", "ann", None)] == [night, late, OFFICE, OFFICE]
    assert Calendars().of("wei") is None
    pipeline = ticket(Clock("reply", "2 business hours", stop="done"))
    monday = datetime(2024, 3, 4, 9, tzinfo=UTC)
    handed = told(pipeline, monday, (HOUR, {"owner": "li"}))
    (state,) = states(pipeline, handed, now=monday + HOUR, calendars=calendars)
    assert (state.due, state.who) == (monday + 13 * HOUR, "wei")


def test_a_promise_in_business_time_needs_a_calendar():
    """Without any calendar nothing is computed; a case whose owner has none is named and stops no other."""
    pipeline = ticket(CLOCK, stages=["open", Stage("waiting", limit="5 business days"), Stage("solved", "won")])
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    facts = told(pipeline, start, fields={"asked": True})
    for ask in (states, tick):
        with pytest.raises(InvalidValue, match="the limits of 'waiting', 'reply' are in business time"):
            ask(pipeline, facts, now=start)
    other = pipeline.open("T-2", at=start, who="li", fields={"asked": True}).events
    ticked = tick(pipeline, [*facts, *other], now=start + DAY, calendars=Calendars(people={"li": OFFICE}))
    assert {fact.case for fact in ticked.events} == {"T-2"}
    assert "needs calendar=" in ticked.unread["T-1"]
    assert "clock 'reply' of case 'T-1': '4 business hours'" in ticked.unread["T-1"]


@pytest.mark.parametrize(
    ("limit", "calendar", "why"),
    [
        ("4 business hours", BusinessCalendar("shut", tz="UTC", week={}), "'shut' has too little working time"),
        ("2 business days", BusinessCalendar("shut", tz="UTC", week={}), "'shut' has too little working time"),
        ("999999 weeks", None, "after the year 9999"),
    ],
)
def test_a_deadline_that_cannot_be_told_is_said(limit, calendar, why):
    """A calendar without work, and a deadline beyond all calendars, are reported with the clock and the case."""
    pipeline = ticket(Clock("reply", limit, stop="done"))
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    with pytest.raises(InvalidValue, match=f"clock 'reply' of case 'T-1'.*{why}"):
        states(pipeline, told(pipeline, start), now=start, calendars=calendar)


def test_histories_that_cannot_be_read_are_named():
    """A history that does not begin with its opening, and a value that its condition cannot read, stop no other case."""
    pipeline = ticket(Clock("reply", "4 hours", stop="n > 5"))
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    headless = Edited(id="T-2#1", case="T-2", at=start, recorded=start)
    strange = pipeline.open("T-3", at=start, n="many").events
    ticked = tick(pipeline, [*told(pipeline, start), headless, *strange], now=start + DAY)
    assert [fact.key for fact in ticked.events] == ["T-1:reply:1:breach"]
    assert {case: why.split(":")[0] for case, why in ticked.unread.items()} == {"T-2": "history", "T-3": "n"}


def test_wrong_definitions_are_refused():
    """A clock that is called like a stage's, that reads a child case, or whose limit is none, is refused at once."""
    child = Pipeline("checks", ["begun", Stage("ended", "cancelled")])
    with pytest.raises(DefinitionErrors) as caught:
        ticket(
            Clock("open", "1 hour", stop="done"), Clock("c", "soon", stop='check.stage = "ended"'),
            stages=[Stage("open", limit="2 days"), Stage("solved", "won")], links=[Link("check", child)],
        )  # fmt: skip
    for part in (
        "clocks['open']: is also the clock of the stage of that name",
        "limit 'soon' is no time limit",
        "clocks['c'].stop: reads the child case 'check'",
    ):
        assert part in str(caught.value)


# -- over columns


def test_deadlines_of_a_journal():
    """Over columns each deadline is the one that the clock of the stage shows, by the calendar of who held the case."""
    stages = [
        Stage("lead"), Stage("contact", limit="4 business hours"), Stage("offer", limit="3 business days"),
        Stage("deal", limit="36 hours"), Stage("won", "won"),
    ]  # fmt: skip
    pipeline = Pipeline("deals", stages)
    late = BusinessCalendar("late", tz="Asia/Shanghai", week={"mon-sat": "12:00-20:00"})
    calendars = Calendars(BERLIN, people={"li": late})
    rng, start, facts = np.random.default_rng(7), datetime(2024, 3, 25, tzinfo=UTC), []
    for number in range(40):
        who = [None, "wei", "li"][number % 3]
        at = start + int(rng.integers(0, 10_000)) * MINUTE
        step = pipeline.open(f"T-{number}", at=at, who=who)
        facts += step.events
        for stage in ("contact", "offer", "deal", "won"):
            at += int(rng.integers(1, 4_000)) * MINUTE
            step = pipeline.move(step.case, stage, at=at, who="ann")
            facts += step.events
    journal = Journal.from_events(facts)
    found = deadlines(journal, pipeline, calendars)
    shown = {}
    for case in {fact.case for fact in facts}:
        own = [fact for fact in facts if fact.case == case]
        shown |= {(case, s.clock): s.due for s in states(pipeline, own, now=start + 99 * DAY, calendars=calendars)}
    rows = zip(journal.cases.decode(), journal.stages.decode(), found.tolist(), strict=True)
    assert {(case, stage): from_micros(at) for case, stage, at in rows if at != OPEN} == shown
    assert len(shown) == 120
    with pytest.raises(InvalidValue, match="needs calendar="):
        deadlines(journal, pipeline)
    of_li = journal.who.codes == journal.who.values.index("li")
    assert (deadlines(journal[of_li], pipeline, Calendars(people={"li": late})) == found[of_li]).all()
    same = deadlines(journal, pipeline, BERLIN)
    assert same.dtype == np.int64
    assert (
        same[journal.who.codes == journal.who.values.index("wei")]
        == found[journal.who.codes == journal.who.values.index("wei")]
    ).all()
