"""Where two versions of a rule judge differently: proved, and held against what each of them says."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crmkit.rules import Field, Rule, RuleSet, Schema, rule
from crmkit.rules import backtest as backtests
from crmkit.rules.analysis import Budget
from crmkit.rules.backtest import backtest
from crmkit.rules.versions import diff_rules

from . import test_agreement as agreement

DEAL = Schema([
    Field("amount", "decimal", low=0, nullable=True), Field("discount", "decimal", low=0, high=1),
    Field("role", values=["rep", "manager"]), Field("cost", "decimal", low=0),
])  # fmt: skip


def rules(condition, schema=DEAL, **more):
    """A set of one rule."""
    return RuleSet("deals", schema, [Rule("r", condition)], **more)


CHANGES = [
    ("discount <= 0.1", "discount <= 0.1", [], True),
    ("discount <= 0.1", "discount < 0.1", ["discount: 0.1: true -> false"], True),
    ("discount <= 0.1", "not(discount > 0.1)", [], True),
    ("amount > 5", "amount > 5 and amount != null", ["amount: null: null -> false"], True),
    ("amount > 5", 'amount > 5 or role = "manager"',
     ['amount: [0..5]; role: "manager": false -> true', 'amount: null; role: "manager": null -> true'], True),
    ("discount <= 0.1", "discount <= 0.1 and amount > cost",
     ["discount: [0..0.1]; ?: amount > cost: false: true -> false (possible)",
      "discount: [0..0.1]; ?: amount > cost: null: true -> null (possible)"], True),
    ("amount - 2 > 5", "amount - 2 > 6", ["amount - 2: (5..6]: true -> false (possible)"], True),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "told", "proved"), CHANGES)
def test_where_versions_differ(before, after, told, proved):
    """Each place as cells, with both verdicts; none if they say the same in other words."""
    (found,) = diff_rules(rules(before), rules(after))
    assert ([*map(str, found.changes)], found.proved) == (told, proved)


def test_where_everything_changes():
    """Every place is a change, and one that needs no condition is everywhere."""
    (found,) = diff_rules(rules("amount = null"), rules("amount != null"))
    assert [*map(str, found.changes)] == ["amount: null: true -> false", "amount: not(null): false -> true"]
    plain = Schema([Field("key", "boolean")])
    (found,) = diff_rules(rules("key or not(key)", plain), rules("key and not(key)", plain))
    assert [*map(str, found.changes)] == ["everywhere: true -> false"]
    (found,) = diff_rules(rules("key", plain), rules("not(key)", plain))
    assert [*map(str, found.changes)] == ["key: true: true -> false", "key: false: false -> true"]


def test_what_is_not_compared():
    """Rules of one version only, rules in Python, and rules of which the schemas do not say the same."""

    @rule(name="r")
    def ours(_record):
        return True

    assert diff_rules(RuleSet("deals", DEAL, []), rules("discount < 0.1")) == ()
    assert diff_rules(rules("discount < 0.1"), RuleSet("deals", DEAL, [ours])) == ()
    wider = attrs.evolve(DEAL, fields=[attrs.evolve(one, high=None) for one in DEAL.fields])
    assert diff_rules(rules("discount < 0.1"), rules("discount < 0.2", wider)) == ()
    told = backtest(rules("discount < 0.2", wider), HISTORY, before=rules("discount < 0.1"))
    assert [(one.flips, one.proved, one.unexplained) for one in told] == [((1,), False, ())]


def test_times_that_rules_do_not_compare():
    """A time without a zone has no place among times with one, and proves and refutes nothing; nor does it fail."""
    schema = Schema([Field("at", "date and time")])
    one, two = (rules(f'at != @"{year}-01-01T00:00:00Z"', schema) for year in (2025, 2026))
    told = backtest(two, [{"at": datetime(2026, 1, 1)}], before=one)  # noqa: DTZ001 - a local time
    assert [(effect.flips, effect.unexplained) for effect in told] == [((), ())]
    berlin = ZoneInfo("Europe/Berlin")
    for hour in (datetime(2026, 10, 25, 2, 30, tzinfo=berlin), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)):
        ends = [rules(f'at > @"2026-10-25T{hour}:30:00Z"', schema) for hour in ("00", "01")]
        assert [effect.unexplained for effect in backtest(ends[1], [{"at": hour}], before=ends[0])] == [()]


HISTORY = [{"amount": 1, "discount": d, "role": "rep", "cost": 2} for d in (0, 0.15, 0.3)]


def test_more_than_can_be_proved():
    """Where the budget does not do, that is said, and what flips elsewhere is no contradiction."""
    wide = Schema([Field(f"f{number}", "decimal", nullable=True) for number in range(9)])
    one = rules(" and ".join(f"(f{n} > 1 or f{n + 1} > 2)" for n in range(8)), wide)
    two = rules(" and ".join(f"(f{n} > 1 or f{n + 1} > 3)" for n in range(8)), wide)
    (found,) = diff_rules(one, two, budget=Budget(30))
    assert (found.changes, found.proved) == ((), False)


@settings(deadline=None, max_examples=60)
@given(agreement.texts(), agreement.texts(), st.lists(agreement.records, min_size=1, max_size=5))
def test_proof_and_replay_agree(before, after, history):
    """Whatever the conditions: a record flips just if it lies in a place that was proved to change."""
    for text in (before, after):
        agreement.read(text)
    assume(before != after)
    one, two = (rules(text, agreement.SCHEMA) for text in (before, after))
    (told,) = backtest(two, history, before=one)
    assert told.unexplained == (), (before, after, [history[row] for row in told.unexplained])


def test_a_wrong_proof_is_reported(monkeypatch):
    """Places that are overlooked, and places that do not change, stand as unexplained, in the group of their records."""
    one, two = rules("discount < 0.1"), rules("discount < 0.2")
    (told,) = backtest(two, HISTORY, before=one)
    assert (told.flips, told.unexplained, told.proved) == ((1,), (), True)

    def blind(before, after):
        return [attrs.evolve(found, changes=[]) for found in diff_rules(before, after)]

    def everywhere(before, after):
        whole = lambda found: attrs.evolve(found.changes[0], box=tuple(-1 for _ in found.changes[0].box))
        return [attrs.evolve(found, changes=[whole(found)]) for found in diff_rules(before, after)]

    monkeypatch.setattr(backtests, "diff_rules", blind)
    assert [one.unexplained for one in backtest(two, HISTORY, before=one)] == [(1,)]
    monkeypatch.setattr(backtests, "diff_rules", everywhere)
    assert [one.unexplained for one in backtest(two, HISTORY, before=one, by=["discount"])] == [(0,), (), (2,)]
