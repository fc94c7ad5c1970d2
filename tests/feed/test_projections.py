"""Projections: the stored state is what a replay gives, and where it is not, the place is named."""

from collections import Counter
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryEventStore, MemoryRecordStore
from crmkit.errors import Conflict, Damaged, InvalidValue
from crmkit.feed import PROJECTION, Difference, Projection
from crmkit.protocols import Query
from crmkit.values import Fields

from .following import Crash, CrashingRecords, fact


def count(state, recorded):
    """Events by case and type."""
    case, type_ = recorded.event.case, recorded.event.type
    mine = state.get(case, {})
    return {**state, case: {**mine, type_: mine.get(type_, 0) + 1}}


@pytest.fixture
def totals():
    """A count of five facts, not made yet."""
    events = MemoryEventStore()
    events.append([fact(n) for n in range(5)])
    return Projection("totals", count, events, MemoryRecordStore())


def test_it_is_folded_and_goes_on(totals):
    """New events are folded into the stored state, and only they."""
    assert totals.stored() is None
    assert totals.verify() == ()
    made = totals.advance()
    assert (made.position, made.state) == (5, Fields({"D-1": {"Opened": 2, "Edited": 3}}))
    assert totals.stored() == made
    totals.events.append([fact(7)])
    seen = []
    onwards = attrs.evolve(totals, step=lambda state, recorded: seen.append(recorded) or count(state, recorded))
    assert onwards.advance().state["D-1"]["Edited"] == 4
    assert [one.position for one in seen] == [6]
    assert totals.verify() == ()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30), st.integers(1, 7), st.integers(1, 7))
def test_the_state_is_what_a_naive_count_gives(facts, first, second):
    """However the run is cut into pieces; advancing and rebuilding agree."""
    events = MemoryEventStore()
    totals = Projection("totals", count, events, MemoryRecordStore(), query=Query(types=["Edited"]))
    for number, (case, late) in enumerate(facts):
        events.append([fact(number, case)])
        if late:
            totals.advance(every=first)
    state = totals.advance(every=second).state
    naive = Counter(case for number, (case, _) in enumerate(facts) if number % 3)
    assert {case: counts["Edited"] for case, counts in state.items()} == naive
    assert totals.verify() == ()
    assert totals.rebuild(every=first).state == state


def test_an_interrupted_run_goes_on(totals):
    """What was stored before the crash is not folded twice."""
    with pytest.raises(Crash):
        attrs.evolve(totals, records=CrashingRecords(totals.records, after=True)).advance(every=2)
    assert totals.stored().position == 2
    assert totals.advance(every=2).state == Fields({"D-1": {"Opened": 2, "Edited": 3}})


def test_only_one_of_two_workers_stores(totals):
    """The other is refused, and what is stored is right."""
    slow = attrs.evolve(totals, step=lambda state, recorded: totals.advance() and count(state, recorded))
    with pytest.raises(Conflict):
        slow.advance()
    assert totals.verify() == ()


def test_another_definition_is_made_anew(totals):
    """A state of another revision, question or start is never gone on from; `verify` says so before."""
    totals.advance()
    for changed in (
        attrs.evolve(totals, revision="2"),
        attrs.evolve(totals, revision="2", query=Query(types=["Opened"])),
        attrs.evolve(totals, start={"since": "2026"}),
    ):
        stored = changed.stored()
        assert changed.verify() == (Difference("definition", stored.definition, changed.definition),)
        assert changed.advance().definition == changed.definition
        assert changed.verify() == ()


def test_a_state_that_was_changed_is_found(totals):
    """With the place, what is stored there and what should be; a number of another type is another value."""
    totals.advance()
    value = dict(totals.records.get(PROJECTION, "totals").value)
    value["state"] = {"D-1": {"Opened": Decimal(2), "Edited": 4, "Moved": 1}, "D-2": {"Opened": 1}}
    totals.records.put(PROJECTION, "totals", value)
    assert {str(one) for one in totals.verify()} == {
        "state.D-1.Edited: stored 4, replayed 3",
        "state.D-1.Moved: stored 1, replayed None",
        "state.D-1.Opened: stored Decimal('2'), replayed 2",
        "state.D-2: stored Fields(Opened=1), replayed None",
    }
    assert totals.rebuild().state == Fields({"D-1": {"Opened": 2, "Edited": 3}})
    assert totals.verify() == ()


def test_a_state_ahead_of_its_store_is_found(totals):
    """The store was restored from an older copy."""
    totals.advance()
    restored = MemoryEventStore()
    restored.append([fact(n) for n in range(3)])
    found = attrs.evolve(totals, events=restored).verify()
    assert found[0] == Difference("position", 5, 3)
    assert [one.path for one in found[1:]] == ["state.D-1.Edited", "state.D-1.Opened"]


def test_verify_stops_at_the_stored_position(totals):
    """Events that came since are no difference."""
    totals.advance()
    totals.events.append([fact(n) for n in range(5, 9)])
    assert totals.verify() == ()


def test_what_fails_names_its_event(totals):
    """The error of the step goes on, with the position; a state that cannot be stored is one, too."""

    def broken(state, recorded):
        raise KeyError("amount")

    for step, error in ((broken, KeyError), (lambda state, recorded: {"x": object()}, InvalidValue)):
        with pytest.raises(error) as caught:
            attrs.evolve(totals, step=step).advance()
        assert caught.value.__notes__ == ["projection 'totals', position 1, event 'D-1#0'"]
    assert totals.stored() is None


def test_a_record_that_is_no_state_is_named(totals):
    """With its name and what is missing."""
    totals.records.put(PROJECTION, "totals", {"position": 1, "definition": "x"})
    with pytest.raises(Damaged, match="'totals', position 0: is no projection: 'state'"):
        totals.advance()
