"""What rules would have done to history, told twice where it can be."""

from datetime import UTC, date, datetime
from decimal import Decimal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, Ledger
from crmkit.rules import DecisionTable, Field, Rule, RuleSet, Schema, rule
from crmkit.rules.backtest import Effect, backtest, backtest_table, verdicts
from crmkit.rules.columns import Columns
from crmkit.values import Period

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


# -- by person and period, on journals and ledgers


def test_by_person_and_period():
    """Groups may be of anything that history says, and of the months in which its dates fall, in a zone of one's choice."""
    at = [datetime(2026, 1, 31, 20, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), None]
    told = [{**one, "closed": moment, "team": "A"} for one, moment in zip(HISTORY, at, strict=True)]
    january, february = Period.month(2026, 1), Period.month(2026, 2)

    def groups(**more):
        return {
            one.group: one.failed.n
            for one in backtest(limit("0.12"), told, dated="closed", **more)
            if one.rule == "limit"
        }

    assert groups(by=["who"], every="month") == {("wei", january): 1, ("li", None): 1}
    assert groups(by=["team"], every="month", tz="Asia/Shanghai") == {
        ("A", february): 0,
        ("A", january): 1,
        ("A", None): 1,
    }
    days = [{**one, "closed": date(2026, 2, 1)} for one in HISTORY]
    assert {one.group for one in backtest(limit("0.12"), days, every="quarter", dated="closed")} == {
        (Period.quarter(2026, 1),)
    }
    plain = [{**one, "closed": datetime(2026, 2, 1)} for one in HISTORY]  # noqa: DTZ001 - a local time
    assert {one.group for one in backtest(limit("0.12"), plain, every="year", dated="closed")} == {(Period.year(2026),)}
    with pytest.raises(NotFound, match="nobody"):
        backtest(limit("0.12"), told, by=["nobody"])
    with pytest.raises(InvalidValue, match="falls in no period"):
        backtest(limit("0.12"), told, every="month", dated="team")
    with pytest.raises(InvalidValue, match="cannot be added up"):
        backtest(limit("0.12"), told, weight="team")
    with pytest.raises(NotFound):
        backtest(limit("0.12"), Columns.from_records(told, DEAL), by=["team"])


def test_a_ledger_is_history():
    """Money keeps its currency and adds up exactly, further columns are read as their fields, people group."""
    quotes = {
        "id": ["1", "2", "3"], "day": ["2026-01-05", "2026-01-06", "2026-02-01"], "sum": ["100.10", "0.20", None],
        "by": ["wei", "wei", "li"], "discount": ["0.1", "0.3", "0.3"],
    }  # fmt: skip
    ledger = Ledger.from_frame(
        quotes, kind="quote", id="id", at="day", amount="sum", currency="CNY", who="by", dims=["discount"], tz="UTC"
    )
    schema = Schema(
        [Field("discount", "decimal"), Field("amount", "decimal", unit="CNY", nullable=True), Field("at", "date")]
    )
    rules = RuleSet("quotes", schema, [Rule("limit", 'discount <= 0.15 and at > @"2026-01-01"')])
    found = backtest(rules, ledger, weight="amount", by=["who"], every="month")
    assert [(one.group[0], one.group[1].name, one.judged.weight, one.failed.n, one.failed.weight) for one in found] == [
        ("wei", "2026-01", Decimal("100.30"), 1, Decimal("0.20")), ("li", "2026-02", Decimal(0), 1, Decimal(0)),
    ]  # fmt: skip
    cheap = RuleSet("cheap", Schema([Field("discount", "decimal")]), [Rule("limit", "discount <= 0.15")])
    assert [one.failed.weight for one in backtest(cheap, ledger, weight="amount")] == [Decimal("0.20")]
    euros = attrs.evolve(schema, fields=[Field("amount", "decimal", unit="EUR", nullable=True)])
    with pytest.raises(InvalidValue, match="is not in EUR"):
        backtest(RuleSet("euros", euros, [Rule("some", "amount > 0")]), ledger)
    with pytest.raises(InvalidValue, match="is no boolean"):
        backtest(RuleSet("b", Schema([Field("discount", "boolean")]), [Rule("some", "discount")]), ledger)


def test_a_journal_is_history():
    """Rules look at stays and their amounts; a table may be tried on them, too."""
    moves = {"case": ["a", "a", "b"], "stage": ["lead", "won", "lead"], "at": ["2026-01-05", "2026-01-07", "2026-02-01"],
             "amount": ["10", "12.50", None], "who": ["wei", "wei", "li"]}  # fmt: skip
    journal = Journal.from_frame(moves, case="case", stage="stage", at="at", amount="amount", who="who", tz="UTC")
    schema = Schema([Field("stage", values=["lead", "won"]), Field("amount", "decimal", nullable=True)])
    rules = RuleSet("stays", schema, [Rule("large", "amount >= 11", on_null="fail")])
    found = backtest(rules, journal, weight="amount", by=["who"], every="month", dated="entered")
    assert [(one.group[0], one.failed.n, one.unanswered.n, one.judged.weight) for one in found] == [
        ("wei", 1, 0, Decimal("22.50")),
        ("li", 0, 1, Decimal(0)),
    ]

    def level(edge):
        rows = [[f"< {edge}", '"low"'], [f">= {edge}", '"high"'], ["null", '"none"']]
        return DecisionTable("level", schema, ["amount"], [Field("level")], rows)

    told = backtest_table(level(11), level(13), journal, weight="amount")
    assert ([effect for _, effect in told.changes], told.unexplained) == ([Effect(1, Decimal("12.50"))], ())
    bare = Journal.from_frame(moves, case="case", stage="stage", at="at", tz="UTC")
    with pytest.raises(NotFound):
        backtest(rules, bare)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [("string", " a ", " a "), ("decimal", " 1.5", Decimal("1.5")), ("integer", "", None), ("boolean", "no", False),
     ("boolean", "是", True), ("date", "2026-01-31", date(2026, 1, 31))],
)  # fmt: skip
def test_texts_of_fields(kind, text, value):
    """What files say of a field is read as its kind; what is empty says nothing."""
    assert Field("f", kind).parse(text) == value
    with pytest.raises(InvalidValue, match="is no decimal"):
        Field("f", "decimal").parse("x")
