"""Desks that look at clocks and change cases over: each fact once, whoever else is at it."""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

import pytest

from crmkit.adapters.memory import MemoryEventStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.calendars import BusinessCalendar
from crmkit.desk import Desk
from crmkit.errors import Conflict, InvalidValue, NotFound
from crmkit.events import Breached, Edited, Moved, Warned
from crmkit.pipeline import Clock, Pipeline, Stage
from crmkit.pipeline.migration import Migration
from crmkit.pipeline.versions import Versions

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICKETS = Pipeline(
    "tickets", ["new", "work", Stage("solved", "won")],
    {"new": {"take": "work"}, "work": {"turn": "new", "solve": "solved"}},
    clocks=[Clock("reply", "4 hours", stop="replied", warn=[50], effects="mail")],
)  # fmt: skip
OTHERS = Pipeline("others", ["a", Stage("won", "won")], {"a": {"go": "won"}}, clocks=TICKETS.clocks)


class Time:
    """A host's clock that stands still until it is moved."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


def test_a_desk_stores_each_warning_and_breach_once():
    """Of all its cases, with what is to be done and when to look again; those of other pipelines are left alone."""
    store, time = MemoryEventStore(), Time()
    desk = Desk(store, TICKETS, time)
    for case in ("T-1", "T-2"):
        desk.open(case)
    Desk(store, OTHERS, time).open("O-1")
    time.now += 3 * HOUR
    first = desk.tick(["T-1", "T-1"])
    assert [(fact.case, fact.type, fact.at) for fact in first.events] == [("T-1", "Warned", NOW + 2 * HOUR)]
    assert first.next == NOW + 4 * HOUR + timedelta.resolution
    time.now += 3 * HOUR
    second = desk.tick()
    assert [(fact.case, fact.type) for fact in second.events] == [
        ("T-1", "Breached"), ("T-2", "Warned"), ("T-2", "Breached"),
    ]  # fmt: skip
    assert [(fact.case, effect.kind) for fact, effect in second.effects] == [("T-1", "mail"), ("T-2", "mail")]
    assert desk.tick().events == ()
    assert [event.type for event in desk.history("T-2")] == ["Opened", "Warned", "Breached"]
    assert len(Desk(store, OTHERS, time).history("O-1")) == 1
    assert len(Desk(store, Versions([(None, OTHERS)]), time).tick().events) == 2


def test_what_a_desk_cannot_tick_is_said():
    """No such case, another's case by name, a history without its beginning, and no calendar."""
    store = MemoryEventStore()
    desk = Desk(store, TICKETS, Time())
    Desk(store, OTHERS, Time()).open("O-1")
    with pytest.raises(NotFound, match="no case 'T-9'"):
        desk.tick(["T-9"])
    with pytest.raises(NotFound, match="no definition"):
        desk.tick(["O-1"])
    store.append([Edited(id="T-8#1", case="T-8", at=NOW, recorded=NOW)])
    assert "not Opened" in desk.tick().unread["T-8"]
    odd = Pipeline("odd", ["a", Stage("won", "won")], {"a": {"go": "won"}}, clocks=[Clock("c", "1 hour", stop="n > 5")])
    Desk(store, odd, Time()).open("X-1", n="many")
    assert "'many'" in Desk(store, odd, Time()).tick(["X-1"]).unread["X-1"]
    business = Pipeline("b", [Stage("a", limit="1 business hour"), Stage("won", "won")], {"a": {"go": "won"}})
    Desk(store, business, Time()).open("B-1")
    with pytest.raises(InvalidValue, match="in business time"):
        Desk(store, business, Time()).tick(["B-1"])
    office = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-17:00"})
    assert Desk(store, business, Time(NOW + 2 * HOUR)).tick(["B-1"], calendars=office).events[0].due == NOW + HOUR


class Overtaken(MemoryEventStore):
    """A store in which another desk is faster, some times."""

    def __init__(self, act, times):
        super().__init__()
        self.act, self.left = act, times

    def append(self, events, *, unless=None, after=0):
        events = list(events)
        if self.left and any(isinstance(event, Breached) or event.type == "Migrated" for event in events):
            self.left -= 1
            self.act(self, self.left)
        return super().append(events, unless=unless, after=after)


def test_a_tick_that_was_overtaken_looks_again():
    """Another desk was faster with the same breach: nothing is stored twice, and nothing is reported as ours."""

    def same(store, _):
        Desk(store, TICKETS, Time(NOW + 9 * HOUR)).tick()

    store = Overtaken(same, 1)
    Desk(store, TICKETS, Time()).open("T-1")
    ticked = Desk(store, TICKETS, Time(NOW + 8 * HOUR)).tick()
    assert ticked.events == ticked.effects == ()
    assert [event.type for event in Desk(store, TICKETS, Time()).history("T-1")] == ["Opened", "Warned", "Breached"]

    def edit(store, left):
        Desk(store, TICKETS, Time()).edit("T-1", n=left)

    store = Overtaken(edit, 9)
    desk = Desk(store, TICKETS, Time(NOW + 8 * HOUR))
    Desk(store, TICKETS, Time()).open("T-1")
    with pytest.raises(Conflict):
        desk.tick()
    assert len(desk.tick().events) == 2


def test_a_desk_changes_cases_over():
    """One fact for each case, those that cannot stay; whoever was faster is planned anew; and back again."""
    new = Pipeline(
        "tickets", ["queue", Stage("work", requires="team"), Stage("solved", "won")],
        {"queue": {"take": "work"}, "work": {"solve": "solved"}}, clocks=TICKETS.clocks,
    )  # fmt: skip

    def take(store, _):
        Desk(store, TICKETS, Time()).move("T-1", "take")

    store = Overtaken(take, 1)
    desk = Desk(store, TICKETS, Time())
    for case in ("T-1", "T-2", "T-3"):
        desk.open(case)
    desk.move("T-3", "take")
    desk.move("T-3", "solve")
    before = desk.case("T-2")
    there = Migration(TICKETS, new, {"new": "queue"})
    plan = desk.migrate(there, who="boss")
    assert [(one.case.id, one.stage, one.blocked) for one in plan.changeovers] == [
        ("T-1", "work", ("stage 'work' needs 'team'",)), ("T-2", "queue", ()),
    ]  # fmt: skip
    both = Desk(store, Versions(TICKETS).put(new, start=NOW), Time())
    assert both.case("T-2").definition == new.definition
    assert both.move("T-2", "take", team="a").stage == "work"
    assert both.move("T-1", "solve").stage == "solved"
    assert desk.migrate(there).changeovers == ()
    again = Desk(store, TICKETS, Time())
    again.open("T-4")
    opened = again.case("T-4")
    both.migrate(there, ["T-4"])
    both.migrate(there.reversed(), ["T-4"])
    assert again.case("T-4")._replace(version=1) == opened
    assert before.stage == "new"


def _busy(path, worker):
    """Tick and move one and the same case; what was stored by whom."""
    with SqliteStore(path, durability="normal") as store:
        time = Time(NOW)
        desk = Desk(store.events, TICKETS, time, tries=500)
        facts = []
        for number in range(12):
            # No two hosts read their clocks in one and the same microsecond.
            time.now = NOW + number * HOUR + int(worker[1:]) * timedelta.resolution
            facts += [fact.key for fact in desk.tick().events]
            desk.edit("T-1", at=NOW, key=f"{worker}-{number}", n=number)
    return facts


@pytest.mark.parametrize("pool", ["threads", "processes"])
def test_desks_that_tick_at_once_say_each_breach_once(tmp_path, pool):
    """Four desks on one file tick and edit the same cases: every edit is there, every warning and breach once."""
    path, workers = str(tmp_path / "crm.db"), ["w1", "w2", "w3", "w4"]
    with SqliteStore(path) as store:
        for case in ("T-1", "T-2", "T-3"):
            Desk(store.events, TICKETS, Time()).open(case)
    kind = ThreadPoolExecutor(4) if pool == "threads" else ProcessPoolExecutor(4, get_context("spawn"))
    with kind as executor:
        said = [executor.submit(_busy, path, worker) for worker in workers]
        keys = Counter(key for one in said for key in one.result())
    with SqliteStore(path) as store:
        stored = [recorded.event for recorded in store.events.read()]
    clocks = [event for event in stored if isinstance(event, Warned | Breached)]
    expected = {f"T-{n}:reply:1:{what}" for n in (1, 2, 3) for what in ("50", "breach")}
    assert keys == Counter(expected) == Counter(event.key for event in clocks)
    assert {(event.type, event.at) for event in clocks} == {("Warned", NOW + 2 * HOUR), ("Breached", NOW + 4 * HOUR)}
    assert sum(isinstance(event, Edited) for event in stored) == 4 * 12
    mine = [event for event in stored if event.case == "T-1"]
    assert [event.id for event in mine] == [f"T-1#{number}" for number in range(1, len(mine) + 1)]
    assert not any(isinstance(event, Moved) for event in stored)
