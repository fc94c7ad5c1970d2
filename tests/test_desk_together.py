"""Desks that work together: children, versions, people, and many of them on one SQLite file."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

import pytest

from crmkit.adapters.memory import MemoryEventStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.desk import Desk
from crmkit.errors import Conflict, KeyReused, MoveNotAllowed, NotFound
from crmkit.pipeline import Approval, Directory, Link, Move, Panel, Pipeline, Stage
from crmkit.pipeline.commands import Approve, OpenChild, Submit, Take
from crmkit.pipeline.directory import Delegation
from crmkit.pipeline.versions import Versions

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CREDIT = Pipeline(
    "credit",
    stages=["asked", Stage("good", "won"), Stage("void", "cancelled")],
    moves={"asked": {"grant": "good", "drop": "void"}},
)
DEALS = Pipeline(
    "deals",
    stages=["open", Stage("won", "won"), Stage("lost", "lost")],
    moves={"open": {"sign": Move("won", guard='credit.outcome = "won"', effects="invoice"), "lose": "lost"}},
    links=[Link("credit", CREDIT)],
)
# Rounds: a case goes round and round, and every round counts.
ROUNDS = Pipeline(
    "rounds", ["a", "b", Stage("won", "won")], {"a": {"on": "b", "end": "won"}, "b": {"on": "a", "end": "won"}}
)


def clock():
    """A host's clock that stands still."""
    return NOW


def test_the_desk_reads_the_children_of_a_case():
    """The guard sees the child as it is stored; a parent that closes takes an open child with it, in one append."""
    store = MemoryEventStore()
    deals, checks = Desk(store, DEALS, clock), Desk(store, CREDIT, clock)
    deals.open("D-1", who="wei")
    deals.do("D-1", OpenChild("credit", "C-1", who="wei", fields={"sum": 5}))
    assert checks.case("C-1").fields == {"sum": 5}
    with pytest.raises(MoveNotAllowed, match=r'needs credit\.outcome = "won"'):
        deals.move("D-1", "sign")
    deals.open("D-2")
    with pytest.raises(KeyReused):
        deals.do("D-2", OpenChild("credit", "C-1"))
    checks.move("C-1", "grant")
    assert deals.do("D-1", Take("sign")).effects[0].kind == "invoice"
    deals.do("D-2", OpenChild("credit", "C-2"))
    deals.move("D-2", "lose")
    assert checks.case("C-2").stage == "void"


class Overtaken(MemoryEventStore):
    """A store in which a child moves between the reading and the writing of its parent."""

    def __init__(self):
        super().__init__()
        self.armed = False

    def append(self, events, *, unless=None, after=0):
        events = list(events)
        if self.armed and any(event.case == "D-1" for event in events):
            self.armed = False
            Desk(self, CREDIT, clock).move("C-1", "drop")
        return super().append(events, unless=unless, after=after)


def test_a_child_that_changes_meanwhile_is_a_conflict():
    """The parent decides again on the child as it now is: what was legal a moment ago is refused."""
    store = Overtaken()
    desk = Desk(store, DEALS, clock)
    desk.open("D-1")
    desk.do("D-1", OpenChild("credit", "C-1"))
    store.armed = True
    desk.move("D-1", "lose")
    # The child had been dropped by somebody else: it is not cancelled a second time.
    assert [event.type for event in desk.history("C-1")] == ["Opened", "Moved"]


def test_cases_stay_with_their_version():
    """A case is decided by the version that opened it; a version nobody knows is refused."""
    old = Pipeline("p", ["a", Stage("won", "won")], {"a": {"go": "won"}})
    new = Pipeline("p", ["a", "b", Stage("won", "won")], {"a": {"go": "b"}, "b": {"go": "won"}})
    store = MemoryEventStore()
    Desk(store, old, clock).open("old")
    desk = Desk(store, Versions([(None, old), (NOW, new)]), clock)
    desk.open("new")
    desk.open("back-dated", at=NOW - timedelta(days=1))
    assert [desk.move(case, "go").stage for case in ("old", "new", "back-dated")] == ["won", "b", "won"]
    with pytest.raises(NotFound, match="no definition"):
        Desk(store, new, clock).move("old", "go")
    with pytest.raises(NotFound, match="no definition"):
        Desk(store, Versions(new), clock).move("old", "go")


def test_the_directory_is_asked_for_every_decision():
    """A function gives the directory of the moment; roles may come with the command too."""
    pipeline = Pipeline(
        "p", ["a", Stage("won", "won")], {"a": {"go": Move("won", roles="boss", approval="x")}},
        approvals=[Approval("x", Panel(roles="boss"))],
    )  # fmt: skip
    people = {"boss": ["li"]}
    desk = Desk(MemoryEventStore(), pipeline, clock, directory=lambda: Directory(
        roles=people, delegations=[Delegation("li", "fang", NOW)]
    ))  # fmt: skip
    desk.open("P", who="wei")
    desk.do("P", Submit("x", who="wei", key="s"))
    assert desk.do("P", Submit("x", who="wei", key="s")).event.type == "Requested"
    first = desk.do("P", Approve("x", who="fang", key="k"))
    people["boss"] = ["chen"]
    # A retry is the same command, whoever is boss by now.
    assert desk.do("P", Approve("x", who="fang", key="k")).case == first.case
    with pytest.raises(KeyReused):
        desk.do("P", Approve("x", who="li", key="k"))
    with pytest.raises(MoveNotAllowed, match="needs role boss"):
        desk.move("P", "go", who="wei")
    assert desk.move("P", "go", who="wei", roles=["boss"]).stage == "won"


def _rounds(path, worker, count):
    """Move one case on, a number of times, each time under a key of its own, twice each; how often it was refused."""
    refused = 0
    with SqliteStore(path, durability="normal") as store:
        desk = Desk(store.events, ROUNDS, clock, tries=200)
        for number in range(count):
            for _ in range(2):
                try:
                    desk.move("R", "on", who=worker, key=f"{worker}-{number}")
                except Conflict:
                    refused += 1
    return refused


@pytest.mark.parametrize("pool", ["threads", "processes"])
def test_no_move_is_lost_and_none_is_done_twice(tmp_path, pool):
    """Four desks on one file, every command sent twice: each takes effect once, and the stages alternate."""
    path, workers, count = str(tmp_path / "crm.db"), ["w1", "w2", "w3", "w4"], 25
    with SqliteStore(path) as store:
        Desk(store.events, ROUNDS, clock).open("R")
    kind = ThreadPoolExecutor(4) if pool == "threads" else ProcessPoolExecutor(4, get_context("spawn"))
    with kind as executor:
        results = [executor.submit(_rounds, path, worker, count) for worker in workers]
        assert [result.result() for result in results] == [0] * 4
    with SqliteStore(path) as store:
        history = Desk(store.events, ROUNDS, clock).history("R")
    moves = history[1:]
    assert sorted(event.key for event in moves) == sorted(f"{w}-{n}" for w in workers for n in range(count))
    assert [event.id for event in history] == [f"R#{number}" for number in range(1, len(history) + 1)]
    assert all(before.stage == after.origin for before, after in zip(history, moves, strict=False))
