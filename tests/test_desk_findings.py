"""What rules find on the way through a desk: facts with the rule and its version, in the store and back."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

from crmkit.desk import Desk
from crmkit.errors import MoveNotAllowed
from crmkit.events import Found, from_json, to_json
from crmkit.pipeline import Move, Pipeline, Stage
from crmkit.protocols import Query
from crmkit.rules import Field, Rule, RuleSet, Schema

memory = pytest.importorskip("crmkit.adapters.memory")
sqlite = pytest.importorskip("crmkit.adapters.sqlite")

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
DEAL = Schema([Field("discount", "decimal", nullable=True, low=0, high=1), Field("region", nullable=True)])
RULES = RuleSet("policy", DEAL, [
    Rule("half", "discount <= 0.5", message={"en": "nobody gives half away"}),
    Rule("small", "discount <= 0.05", severity="warning", kind="validation"),
    Rule("known", "region != null", severity="info", kind="validation"),
])  # fmt: skip


def line(rules):
    """A process whose changes keep some rules, and whose last move has a guard."""
    moves = {"lead": {"sign": Move("won", guard=Rule("capped", "discount <= 0.3"))}}
    return Pipeline("line", ["lead", Stage("won", "won")], moves, schema=DEAL, rules=rules)


class Clock:
    """A host's clock, moved on by each look at it."""

    def __init__(self):
        self.now = START

    def __call__(self):
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    """An empty store of each kind."""
    if request.param == "memory":
        yield memory.MemoryEventStore()
        return
    with sqlite.SqliteStore(tmp_path / "facts.db") as opened:
        yield opened.events


def facts_of(store, case):
    """What the store has of a case."""
    return [one.event for one in store.read(Query(cases=[case]))]


def found_in(store, case):
    """The findings that the store has of a case."""
    return [one for one in facts_of(store, case) if isinstance(one, Found)]


def test_findings_are_stored_with_rule_and_version(store):
    """Each says which rule of which version, how bad, what it said, who did what at what time, and which fact it follows."""
    desk = Desk(store, line(RULES), Clock())
    desk.open("D-1", who="wei", discount=Decimal("0.2"), region="east")
    opened, found = facts_of(store, "D-1")
    assert isinstance(found, Found)
    assert (found.rule, found.rules, found.severity, found.verdict, found.shadow) == (
        "small", RULES.version, "warning", "false", False,
    )  # fmt: skip
    assert (found.case, found.who, found.at, found.cause) == ("D-1", "wei", opened.at, opened.id)
    assert from_json(to_json(found)) == found
    assert desk.history("D-1") == (opened, found)
    assert desk.case("D-1") == line(RULES).replay(facts_of(store, "D-1"))


def test_each_change_is_judged_and_refusals_leave_nothing(store):
    """A refused change, by a rule or by a guard, stores no fact; one that is let through says what was found."""
    desk = Desk(store, line(RULES), Clock())
    desk.open("D-1", who="wei", discount=Decimal("0.04"), region="east")
    assert found_in(store, "D-1") == []
    with pytest.raises(MoveNotAllowed, match="nobody gives half away"):
        desk.edit("D-1", discount=Decimal("0.6"))
    desk.edit("D-1", discount=Decimal("0.4"), region=None)
    with pytest.raises(MoveNotAllowed, match=r"discount <= 0.3"):
        desk.move("D-1", "sign")
    assert [(one.rule, one.verdict, one.severity) for one in found_in(store, "D-1")] == [
        ("small", "false", "warning"), ("known", "false", "info"),
    ]  # fmt: skip
    desk.edit("D-1", discount=Decimal("0.1"), region="west")
    desk.move("D-1", "sign", who="li")
    assert Counter((one.rule, one.who) for one in found_in(store, "D-1"))["small", "li"] == 1


def test_a_new_version_is_told_apart(store):
    """What an older version found stays what it was; new findings name the new one, and those of a trial say so."""
    Desk(store, line(RULES), Clock()).open("D-1", who="wei", discount=Decimal("0.2"), region="east")
    stricter = attrs.evolve(RULES, rules=[*RULES.rules[1:]], shadow=True)
    Desk(store, line(stricter), Clock()).open("D-2", who="li", discount=Decimal("0.7"), region="east")
    versions = {(one.rules, one.shadow) for case in ("D-1", "D-2") for one in found_in(store, case)}
    assert versions == {(RULES.version, False), (stricter.version, True)}
    assert RULES.version != stricter.version
