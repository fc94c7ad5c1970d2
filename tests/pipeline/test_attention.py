"""What needs attention: every kind, its figures, its order, and what is said of what cannot be judged."""

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar
from crmkit.errors import InvalidValue
from crmkit.events import Edited
from crmkit.journal import Journal
from crmkit.pipeline import Clock, Pipeline, Stage
from crmkit.pipeline.attention import attention, stalled

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OFFICE = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-17:00"})
DEALS = Pipeline("deals", ["lead", "offer", Stage("won", "won"), Stage("lost", "lost")])


def case(pipeline, name, opened, *changes, **command):
    """The facts of a case: opened so long ago, then (so long ago, the move or the fields)."""
    step = pipeline.open(name, at=NOW - opened, **command)
    facts = [*step.events]
    for ago, change in changes:
        if isinstance(change, str):
            step = pipeline.move(step.case, change, at=NOW - ago)
        else:
            step = pipeline.edit(step.case, at=NOW - ago, fields=change)
        facts += step.events
    return facts


def peers(n, days=lambda number: number % 10 + 1):
    """Deals that were leads for some days, then won after another such stay."""
    facts = []
    for number in range(n):
        stay = days(number)
        facts += case(DEALS, f"P-{number}", 100 * DAY, ((100 - stay) * DAY, "offer"), ((100 - 2 * stay) * DAY, "won"))
    return facts


def test_a_deal_is_stalled_if_hardly_any_peer_stays_so_long():
    """The judgement comes from the peers: the same age is late among quick ones, and not among slow ones."""
    late = case(DEALS, "D-1", 40 * DAY, who="wei")
    found = attention(DEALS, [*peers(50), *late], now=NOW)
    slow = next(one for one in found.concerns if one.kind == "stalled")
    assert (slow.case, slow.stage, slow.owner) == ("D-1", "lead", "wei")
    assert slow.reason == "in 'lead' for 40 days; 0.0% of 50 peers stay so long, and half at most 6 days"
    assert slow.figures == {
        "age": 40 * 86_400.0, "share": 0.0, "peers": 50, "ended": 50, "median": 6 * 86_400.0,
        "entered": (NOW - 40 * DAY).isoformat(),
    }  # fmt: skip
    patient = attention(DEALS, [*peers(50, lambda number: number % 45 + 1), *late], now=NOW)
    assert [one for one in patient.concerns if one.kind == "stalled"] == []


def test_open_peers_count():
    """Peers that are still there are censored, not left out: with them the same age is no longer rare."""
    young = [fact for number in range(150) for fact in case(DEALS, f"Y-{number}", 9 * DAY + number * HOUR)]
    late = case(DEALS, "D-1", 30 * DAY)
    alone = attention(DEALS, [*peers(50), *late], now=NOW).concerns
    among = attention(DEALS, [*peers(50), *young, *late], now=NOW).concerns
    assert [(one.case, one.kind) for one in alone] == [("D-1", "stalled"), ("D-1", "old")]
    assert [one.kind for one in among] == ["old"]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=30), st.integers(1, 40))
def test_stalled_says_what_a_count_says_when_all_peers_have_moved_on(stays, age):
    """Without censored peers the estimated share is the plain share of peers that stayed at least as long."""
    done = [days for days, _ in stays]
    facts = [
        fact for n, days in enumerate(done) for fact in case(DEALS, f"P-{n}", 60 * DAY, ((60 - days) * DAY, "offer"))
    ]
    facts += case(DEALS, "D-1", age * DAY)
    journal = Journal.from_events(facts, as_of=NOW)
    found, unjudged = stalled(DEALS, journal, rare=1.01, peers=1)
    mine = next(one for one in found if one.case == "D-1")
    assert mine.figures["share"] == pytest.approx(sum(days >= age for days in done) / len(done))
    assert "lead" not in unjudged


def test_too_few_peers_are_said():
    """Where hardly anybody has moved on nobody is called late, and it is said why."""
    found = attention(DEALS, [*peers(5), *case(DEALS, "D-1", 400 * DAY)], now=NOW)
    assert found.concerns == ()
    assert found.unjudged == {
        "lead": "5 of 6 stays have ended; 20 are asked for", "": "5 of 6 stays have ended; 20 are asked for",
    }  # fmt: skip
    assert "not judged: the whole way: 5 of 6 stays have ended; 20 are asked for" in str(found)


def test_old_cases():
    """A case that is open for longer than nearly all were until they were closed is old, however fresh its stage."""
    fresh = case(DEALS, "D-1", 90 * DAY, (DAY, "offer"))
    found = attention(DEALS, [*peers(50), *fresh], now=NOW)
    assert [(one.kind, one.case) for one in found.concerns] == [("old", "D-1")]
    assert found.concerns[0].reason == "open for 90 days; 0.0% of 50 peers stay so long, and half at most 12 days"
    back = case(DEALS, "D-2", 90 * DAY, (80 * DAY, "lost"), (DAY, "lead"))
    again = attention(DEALS, [*peers(50), *back], now=NOW)
    assert [(one.kind, one.case) for one in again.concerns] == [("old", "D-2")]


CLOCKS = Pipeline(
    "tickets", ["open", Stage("solved", "won")],
    clocks=[
        Clock("reply", "8 business hours", stop="replied", pause="hold"),
        Clock("solve", "10 days", stop='stage = "solved"', warn=[60]),
    ],
)  # fmt: skip


def test_clocks_that_are_late_or_nearly():
    """A clock that is on and whose time is up, or nearly, is a concern; one that was stopped is none."""
    facts = [
        *case(CLOCKS, "T-1", 3 * DAY + 17 * HOUR, who="li"),
        *case(CLOCKS, "T-2", 3 * DAY + 17 * HOUR, (3 * DAY + 16 * HOUR, {"replied": True})),
        *case(CLOCKS, "T-3", 7 * DAY, (7 * DAY, {"replied": True})),
        *case(CLOCKS, "T-4", 2 * DAY + 17 * HOUR, (HOUR / 2, {"hold": True})),
        *case(CLOCKS, "T-5", 20 * DAY, (DAY, {"replied": True})),
        *case(CLOCKS, "T-6", 20 * DAY, (15 * DAY, {"replied": True}), (12 * DAY, "solved")),
    ]
    later = NOW + 7 * HOUR
    found = attention(CLOCKS, facts, now=later, calendars=OFFICE)
    assert [(one.rank, one.kind, one.case, one.figures["clock"]) for one in found.concerns] == [
        (1, "breached", "T-5", "solve"),
        (2, "breached", "T-1", "reply"),
        (3, "near", "T-3", "solve"),
    ]
    assert str(found.concerns[0]) == (
        "1. T-5 (open, nobody): the time of 'solve' was up at 2026-02-20 09:00 UTC, 10 days ago (203% used)"
    )
    assert str(found.concerns[2]) == (
        "3. T-3 (open, nobody): 73% of the time of 'solve' are used; it is up at 2026-03-05 09:00 UTC"
    )
    assert [issue.case for issue in found.issues] == ["T-5", "T-1", "T-3", "T-2", "T-4"]
    assert [str(issue) for issue in found.issues[1:4:2]] == [
        "T-1 (open, li): open for 4 days, due 2026-02-27 16:00 UTC, 200% used",
        "T-2 (open, nobody): open for 4 days, due 2026-03-08 16:00 UTC, 40% used",
    ]
    assert found.issues[0].concerns == ("breached",)


def test_a_clock_that_stands_still_is_near_too():
    """Somebody should know of a case on hold whose time is nearly used up."""
    facts = case(CLOCKS, "T-1", 3 * DAY + 16 * HOUR, (HOUR, {"hold": True}))
    quick = Pipeline(
        "tickets", ["open", Stage("solved", "won")], clocks=[Clock("r", "4 hours", stop="done", pause="hold")]
    )
    held = case(quick, "T-9", 4 * HOUR, (HOUR / 2, {"hold": True}))
    (only,) = attention(quick, held, now=NOW).concerns
    assert only.reason == "88% of the time of 'r' are used, standing still; it is up at 2026-03-02 09:30 UTC"
    (late,) = attention(quick, held[:1], now=NOW + 10 * HOUR / 60).concerns
    assert late.reason == "the time of 'r' was up at 2026-03-02 09:00 UTC, 10 minutes ago (104% used)"
    with pytest.raises(InvalidValue, match="'reply' are in business time"):
        attention(CLOCKS, facts, now=NOW)


def test_no_next_step():
    """An open case without a next step, or with one in the past, is a concern; the zone of `now` says what day it is."""
    facts = [
        *case(DEALS, "D-1", DAY),
        *case(DEALS, "D-2", DAY, fields={"next step": "  "}),
        *case(DEALS, "D-3", DAY, fields={"next step": date(2026, 2, 20)}),
        *case(DEALS, "D-4", DAY, fields={"next step": NOW - 2 * DAY}),
        *case(DEALS, "D-5", DAY, fields={"next step": date(2026, 3, 2)}),
        *case(DEALS, "D-6", DAY, fields={"next step": NOW + DAY}),
        *case(DEALS, "D-7", DAY, fields={"next step": "call them"}),
        *case(DEALS, "D-8", 3 * DAY, (DAY, "won")),
    ]
    found = attention(DEALS, facts, now=NOW, next_step="next step").concerns
    assert [(one.case, one.reason, one.figures["days"]) for one in found] == [
        ("D-1", "has no 'next step'", None),
        ("D-2", "has no 'next step'", None),
        ("D-3", "its 'next step' was on 2026-02-20", 10.0),
        ("D-4", "its 'next step' was at 2026-02-28 09:00 UTC", 2.0),
    ]
    tomorrow = attention(DEALS, facts, now=NOW.astimezone(ZoneInfo("Pacific/Kiritimati")), next_step="next step")
    assert "D-5" not in {one.case for one in tomorrow.concerns}
    late = (NOW + 3 * HOUR).astimezone(ZoneInfo("Pacific/Kiritimati"))
    assert "D-5" in {one.case for one in attention(DEALS, facts, now=late, next_step="next step").concerns}
    assert attention(DEALS, facts, now=NOW).concerns == ()


def test_it_is_plain_data_and_stable():
    """The answer is JSON, does not depend on the order of the cases, and looks only at what had happened."""
    facts = [*peers(25), *case(DEALS, "D-1", 40 * DAY, who="wei"), *case(DEALS, "D-2", 40 * DAY)]
    backwards = [fact for fact in facts if fact.case.startswith("D-2")]
    backwards += [fact for fact in facts if not fact.case.startswith("D-2")]
    found = attention(DEALS, facts, now=NOW, next_step="next step")
    assert attention(DEALS, backwards, now=NOW, next_step="next step") == found
    assert [one["case"] for one in json.loads(json.dumps(found.to_dict()))["concerns"]] == [
        "D-1", "D-2", "D-1", "D-2", "D-1", "D-2",
    ]  # fmt: skip
    assert [one.rank for one in found.concerns] == [1, 2, 3, 4, 5, 6]
    assert attention(DEALS, facts, now=NOW - 200 * DAY).issues == ()
    assert str(found).splitlines()[0] == "concerns: 6, open cases: 2, at 2026-03-02 09:00 UTC"


def test_what_cannot_be_read_is_named():
    """A history without its beginning is named, and the others are looked at; nobody is no error."""
    headless = Edited(id="X-1#1", case="X-1", at=NOW - DAY, recorded=NOW - DAY)
    found = attention(DEALS, [headless, *case(DEALS, "D-1", DAY)], now=NOW)
    assert [issue.case for issue in found.issues] == ["D-1"]
    assert str(found).splitlines()[-1].startswith("  not read: X-1: history: 'X-1#1' begins case 'X-1'")
    nothing = attention(DEALS, [], now=NOW)
    assert (nothing.concerns, nothing.issues, nothing.unjudged) == ((), (), {})
