"""What rules would have done to history, told twice where it can be."""

from decimal import Decimal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.rules import DecisionTable, Field, Rule, RuleSet, Schema, rule
from crmkit.rules.backtest import backtest, backtest_table, verdicts
from crmkit.rules.columns import Columns

DEAL = Schema([
    Field("discount", "decimal", low=0, high=1), Field("who"), Field("amount", "decimal", nullable=True), Field("key", "boolean"),
])  # fmt: skip
HISTORY = [
    {"discount": Decimal("0.1"), "who": "wei", "amount": Decimal("100.10"), "key": False},
    {"discount": Decimal("0.14"), "who": "wei", "amount": Decimal("0.20"), "key": False},
    {"discount": Decimal("0.3"), "who": "li", "amount": None, "key": True},
]


def limit(most):
    """A rule set with a limit."""
    return RuleSet("limits", DEAL, [Rule("limit", f"discount <= {most}"), Rule("known", "amount > 0")])


def test_what_would_have_failed():
    """Counts and exact sums, by person, for one version and for a change."""
    (wei, li, *_) = backtest(limit("0.12"), HISTORY, before=limit("0.15"), weight="amount", by=["who"])
    assert (wei.group, wei.judged.n, wei.failed.n, wei.failed.weight) == (("wei",), 2, 1, Decimal("0.20"))
    assert (wei.newly_failed.n, wei.newly_kept.n, wei.flips) == (1, 0, (1,))
    assert (li.failed.n, li.failed.weight, li.newly_failed.n) == (1, Decimal(0), 0)
    known = backtest(limit("0.12"), HISTORY)[1]
    assert (known.unanswered.n, known.unanswered.weight, known.newly_failed) == (1, None, None)


def test_any_form_of_history():
    """Records, columns and frames say the same; so do rules in Python."""
    import polars as pl

    @rule()
    def strategic(record):
        return record["key"]

    rules = attrs.evolve(limit("0.12"), rules=[*limit("0.12").rules, strategic])
    columns = Columns.from_records(HISTORY, DEAL)
    assert backtest(rules, HISTORY) == backtest(rules, columns) == backtest(rules, pl.DataFrame(HISTORY))
    assert verdicts(rules, HISTORY) == {
        "limit": [True, False, False],
        "known": [True, True, None],
        "strategic": [False, False, True],
    }
    assert backtest(rules, HISTORY, before=limit("0.12"))[2].newly_failed is None


def test_what_cannot_be_added_or_grouped():
    """Unknown fields and rules about changes are refused."""
    for wrong in ({"weight": "amuont"}, {"by": ["whom"]}):
        with pytest.raises(NotFound, match="did you mean"):
            backtest(limit("0.1"), HISTORY, **wrong)
    with pytest.raises(InvalidValue, match="before and after"):
        backtest(RuleSet("t", DEAL, [], transitions=True), HISTORY)


def table(rows):
    """A table of approvers."""
    return DecisionTable("who", DEAL, ["discount", "key", "who"], [Field("approver")], rows, policy="F")


BEFORE = table([["<= 0.1", "-", "-", '"rep"'], ["<= 0.3", "false", '"wei"', '"boss"'], ["-", "-", "-", '"board"']])
AFTER = table([["<= 0.12", "-", "-", '"rep"'], ["<= 0.3", "false", "-", '"boss"'], ["-", "-", "-", '"board"']])


def test_a_table_changed():
    """Each region with its records, and every flip inside a region."""
    found = backtest_table(
        BEFORE, AFTER, [*HISTORY, {**HISTORY[0], "discount": Decimal("0.11"), "who": "bo"}], weight="amount"
    )
    assert found.flips == (3,)
    assert found.unexplained == ()
    assert found.proved
    with pytest.raises(InvalidValue, match="is more than 1"):
        backtest_table(BEFORE, AFTER, [{**HISTORY[0], "discount": Decimal("1.5")}])
    assert sum(effect.n for _, effect in found.changes) == 1
    assert sum(effect.weight for _, effect in found.changes) == Decimal("100.10")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(dict, discount=st.decimals(0, 1, places=2), who=st.sampled_from(["wei", "li"]),
                          amount=st.none(), key=st.booleans()), max_size=20))  # fmt: skip
def test_replay_and_proof_agree(history):
    """Whatever the history: a record flips just if it lies in a region that was proved to change."""
    assert backtest_table(BEFORE, AFTER, history).unexplained == ()
