"""Past states and timelines, against a plain re-telling of the same history."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.events import Unknown, from_json, to_json
from crmkit.pipeline import Move, Pipeline, Stage
from crmkit.pipeline.history import replay, state, timeline

START = datetime(2026, 1, 1, tzinfo=UTC)
LINE = Pipeline(
    "line",
    ["a", "b", "c", Stage("won", "won"), Stage("lost", "lost")],
    {
        "a": {"on": "b", "out": "lost"},
        "b": {"on": "c", "back": "a", "again": Move("b"), "out": "lost"},
        "c": {"on": "won", "back": "b", "out": "lost"},
        "lost": {"reopen": "a"},
    },
)


@st.composite
def histories(draw):
    """Legal histories: opened, moved and edited at random, with entries recorded late."""
    at = START
    step = LINE.open("D", at=at, who=draw(st.sampled_from(["w", "l"])), recorded=at)
    events, case = [step.event], step.case
    for _ in range(draw(st.integers(0, 12))):
        at += timedelta(hours=draw(st.integers(0, 40)))
        recorded = at + timedelta(hours=draw(st.integers(0, 30)))
        moves = LINE.moves_from(case.stage)
        if moves and draw(st.booleans()):
            step = LINE.move(case, draw(st.sampled_from(moves)), at=at, recorded=recorded, n=draw(st.integers()))
        else:
            step = LINE.edit(case, at=at, recorded=recorded, owner=draw(st.sampled_from(["w", "l", "z"])))
        events.append(step.event)
        case = step.case
    return case, events


@given(histories())
def test_replay_of_record_is_identity(history):
    """What was decided is what the facts say, before and after a trip through text."""
    case, events = history
    assert replay(events) == case
    assert replay(from_json(to_json(event)) for event in events) == case


@given(histories(), st.integers(0, 500))
def test_state_as_of(history, hours):
    """The state at an instant is the replay of what had happened by then."""
    _, events = history
    at = START + timedelta(hours=hours)
    assert LINE.state(events, at=at) == LINE.replay([event for event in events if event.at <= at])


@given(histories(), st.integers(0, 500), st.integers(0, 500))
def test_known_at_never_sees_the_future(history, hours, known):
    """What was not recorded by then plays no part, even if it had happened."""
    _, events = history
    at, then = START + timedelta(hours=hours), START + timedelta(hours=known)
    seen = [event for event in events if event.at <= at and event.recorded <= then]
    assert state(events, at=at, known_at=then) == replay(seen)


@given(histories())
def test_timeline_tiles_the_life_of_a_case(history):
    """Stays follow each other without gap or overlap, and end in the present stage."""
    case, events = history
    visits = LINE.timeline(events)
    for visit, after in pairwise(visits):
        assert (visit.left, visit.next) == (after.entered, after.stage)
        assert visit.sojourn == after.entered - visit.entered
    assert (visits[0].entered, visits[-1].stage, visits[-1].left) == (case.opened, case.stage, None)
    assert visits[-1].sojourn is None
    assert visits[-1].who == case.held_by


def test_no_events_make_no_timeline():
    """A case nobody has opened was nowhere."""
    assert not [*timeline([])]


def test_backdated_entry():
    """A move entered two days late was true on its day, and not known then."""
    step = LINE.open("D", at=START)
    moved = LINE.move(step.case, "on", at=START + timedelta(days=1), recorded=START + timedelta(days=3))
    events = [step.event, moved.event]
    day2 = START + timedelta(days=2)
    assert state(events, at=day2).stage == "b"
    assert state(events, at=day2, known_at=day2).stage == "a"
    assert state(events, at=START - timedelta(days=1)) is None


def test_history_of_another_case_is_refused():
    """Facts of two cases do not mix, and a history begins with an opening."""
    one, other = LINE.open("D", at=START), LINE.open("E", at=START)
    with pytest.raises(InvalidValue, match="belongs to case 'E'"):
        replay([one.event, other.event])
    moved = LINE.move(one.case, "on", at=START).event
    with pytest.raises(InvalidValue, match="not Opened"):
        replay([moved])


def test_unknown_events_count_but_change_nothing_else():
    """A fact of a newer version does not stop the replay."""
    step = LINE.open("D", at=START)
    odd = Unknown(id="D#2", case="D", at=START, recorded=START, named="Scored", extra='{"score":3}')
    case = LINE.evolve(step.case, odd)
    assert (case.stage, case.version) == ("a", 2)
    assert [visit.stage for visit in timeline([step.event, odd])] == ["a"]
