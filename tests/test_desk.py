"""The thin shell over a store."""

from datetime import UTC, datetime, timedelta

import pytest

from crmkit.desk import Desk
from crmkit.errors import Conflict, KeyReused, MoveNotAllowed, NotFound
from crmkit.events import Edited
from crmkit.pipeline import Move, Pipeline, Stage

memory = pytest.importorskip("crmkit.adapters.memory")
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
LINE = Pipeline(
    "line",
    ["a", "b", Stage("won", "won"), Stage("lost", "lost")],
    {"a": {"on": "b", "out": "lost"}, "b": {"on": "won", "again": Move("b"), "out": "lost"}},
)


class Clock:
    """A host's clock that stands still until it is moved."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def desk():
    """A desk over an empty memory store."""
    return Desk(memory.MemoryEventStore(), LINE, Clock())


def test_commands_are_stored_and_read_back(desk):
    """What a command returned is what the next reader sees."""
    desk.open("D-1", who="wei", amount=5)
    desk.clock.now += timedelta(days=1)
    moved = desk.move("D-1", "on", who="li")
    assert desk.case("D-1") == moved
    assert [visit.stage for visit in desk.timeline("D-1")] == ["a", "b"]
    assert desk.case("D-1", at=START).stage == "a"
    assert desk.edit("D-1", amount=7).fields["amount"] == 7
    assert len(desk.history("D-1")) == 3


def test_refusals_store_nothing(desk):
    """A refused move leaves the history as it was."""
    desk.open("D-1")
    with pytest.raises(MoveNotAllowed):
        desk.move("D-1", "again")
    assert len(desk.history("D-1")) == 1
    with pytest.raises(NotFound):
        desk.move("D-2", "on")
    with pytest.raises(NotFound):
        desk.case("D-2")
    with pytest.raises(NotFound):
        desk.case("D-1", at=START - timedelta(days=1))


def test_same_key_same_result(desk):
    """A retried command returns the first result, however often and however late."""
    desk.open("D-1", key="o")
    first = desk.move("D-1", "on", key="k1", note="x")
    desk.clock.now += timedelta(hours=5)
    assert desk.move("D-1", "on", key="k1", note="x") == first
    assert len(desk.history("D-1")) == 2
    desk.move("D-1", "on")
    assert desk.move("D-1", "on", key="k1", note="x") == first
    assert desk.open("D-1", key="o").version == 1
    with pytest.raises(KeyReused):
        desk.move("D-1", "on", key="k1", note="other")


def test_a_key_belongs_to_one_kind_of_command(desk):
    """The key of the opening is not the key of a move, nor the other way round."""
    desk.open("D-1", key="k")
    desk.move("D-1", "on", key="m")
    for command in (lambda: desk.move("D-1", "on", key="k"), lambda: desk.open("D-1", key="m")):
        with pytest.raises(KeyReused):
            command()


def test_a_retry_is_judged_by_the_time_of_the_first(desk):
    """A guard that looks at the clock does not refuse what it has allowed before."""

    def mornings(attempt):
        return attempt.at.hour < 12

    line = Pipeline("line", ["a", Stage("won", "won")], {"a": {"sign": Move("won", guard=mornings)}})
    early = Desk(desk.store, line, desk.clock)
    early.open("M-1")
    first = early.move("M-1", "sign", key="s")
    early.clock.now += timedelta(hours=9)
    assert early.move("M-1", "sign", key="s") == first


def test_an_id_is_opened_once(desk):
    """The same id cannot be opened twice by two commands."""
    desk.open("D-1")
    with pytest.raises(KeyReused):
        desk.open("D-1")


class Meddling(memory.MemoryEventStore):
    """A store in which somebody else is always a little faster."""

    def __init__(self, times, then):
        super().__init__()
        self.times, self.then = times, then

    def append(self, events, *, unless=None, after=0):
        events = list(events)
        if events and unless is not None and self.times and events[0].type == "Moved":
            self.times -= 1
            super().append(self.then(self))
        return super().append(events, unless=unless, after=after)


def _edit(store):
    events = [recorded.event for recorded in store.read()]
    case = LINE.replay(events)
    return [LINE.edit(case, at=START, note=len(events)).event]


def test_conflict_means_decide_again():
    """After a conflict the move is decided on the fresh case, and keeps what the other wrote."""
    desk = Desk(Meddling(2, _edit), LINE, Clock())
    desk.open("D-1")
    case = desk.move("D-1", "on")
    assert (case.stage, case.version, case.fields["note"]) == ("b", 4, 2)


def test_conflict_that_makes_the_move_illegal():
    """If the other took the case elsewhere, the move is refused, not forced."""

    def lose(store):
        return [LINE.move(LINE.replay(r.event for r in store.read()), "out", at=START).event]

    desk = Desk(Meddling(1, lose), LINE, Clock())
    desk.open("D-1")
    with pytest.raises(MoveNotAllowed, match="'lost'"):
        desk.move("D-1", "on")


def test_endless_conflict_is_passed_on():
    """A desk does not try for ever."""
    desk = Desk(Meddling(99, _edit), LINE, Clock(), tries=3)
    desk.open("D-1")
    with pytest.raises(Conflict):
        desk.move("D-1", "on")


def test_a_rule_that_reads_another_case_conflicts_with_its_changes():
    """No write skew: what a guard relied on is part of the condition."""

    def touch(store):
        n = sum(1 for recorded in store.read() if recorded.event.case == "quota")
        return [Edited(id=f"quota#{n + 1}", case="quota", at=START, recorded=START)]

    store = Meddling(1, touch)
    desk = Desk(store, LINE, Clock(), tries=1)
    desk.open("D-1")
    with pytest.raises(Conflict):
        desk.move("D-1", "on", reads=["quota"])
    assert desk.move("D-1", "on", reads=["quota"]).stage == "b"
