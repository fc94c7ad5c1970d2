"""Decision tables: every mistake at once, all hit policies, and generated Python that decides as the interpreter does."""

import pickle
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors, InvalidValue, NotFound, RuleError
from crmkit.rules import UNKNOWN, DecisionTable, Field, Schema, _table_code
from crmkit.rules._boxed import HIT_POLICIES

sys.path.insert(0, str(Path(__file__).parent / "analysis"))
from tabled import RANKED, SCHEMA, records, tables

DEAL = Schema([
    Field("discount", "decimal", low=0, high=1),
    Field("tier", values=["gold", "silver"]),
    Field("day", "date", nullable=True),
    Field("name", labels={"zh": "名称"}),
])  # fmt: skip
WHO = Field("approver", values=["nobody", "manager", "director"])


def refused(rows, **changes):
    """All that is wrong with a table."""
    given_ = {"inputs": ["discount", "tier"], "outputs": [WHO], **changes}
    with pytest.raises(DefinitionErrors) as caught:
        DecisionTable("t", DEAL, rows=rows, **given_)
    return caught.value.exceptions


def test_all_mistakes_are_said_at_once():
    """Malformed, impossible and unknown cells, wrong lengths and an unknown policy come together, each with its place."""
    found = refused([
        ["> > 1", '"gld"', '"bob"'],
        ["> 5", "-", "1"],
        ["[0.5..0.2]", 'not("gold", "silver")', '"manager"'],
        ["< 0"],
        ["-", "-", '"nobody"', "more"],
        ["-", "-", "nobody +"],
    ], policy="X", defaults=['"x"', '"y"'])  # fmt: skip
    assert [(one.where, getattr(one, "code", "")) for one in found] == [
        ("t, policy", ""),
        ("t, defaults", ""),
        ("t, row 1, 'discount'", "syntax"),
        ("t, row 1, 'tier'", "domain"),
        ("t, row 1, 'approver'", "domain"),
        ("t, row 2, 'discount'", "domain"),
        ("t, row 2, 'approver'", "type"),
        ("t, row 3, 'discount'", "constant"),
        ("t, row 3, 'tier'", "constant"),
        ("t, row 4", ""),
        ("t, row 4, 'discount'", "domain"),
        ("t, row 5", ""),
        ("t, row 6, 'approver'", "syntax"),
        ("t, default 'approver'", "domain"),
    ]
    assert "did you mean 'gold'?" in str(found[3])
    assert "lies in 0..1" in str(found[5])
    cell = found[2]
    assert isinstance(cell, RuleError)
    assert (cell.line, cell.column, str(cell).splitlines()[-1].index("^")) == (1, 3, 6)


def test_places_are_counted_in_lines():
    """A cell of several lines is blamed at its line and column."""
    (one,) = refused([["< 0.5,\n  < nothing", "-", '"nobody"']])
    assert (one.line, one.column, one.code) == (2, 5, "unknown-name")


@pytest.mark.parametrize(("changes", "why"), [
    ({"policy": "P", "outputs": [Field("x")]}, "needs the values of each output"),
    ({"policy": "C+", "outputs": [Field("x"), Field("y")]}, "needs a single output"),
    ({"outputs": [Field("x"), Field("x")]}, "is the name of two outputs"),
    ({"outputs": [Field("x", "strnig"), Field("y")]}, "has no kind 'strnig'"),
    ({"inputs": []}, "at least one input and one output"),
    ({"outputs": []}, "at least one input and one output"),
    ({"inputs": ["discuont", "tier"]}, "did you mean 'discount'?"),
    ({"inputs": ["discount +", "tier"]}, "expected a value"),
])  # fmt: skip
def test_tables_are_checked_as_a_whole(changes, why):
    """Policies, inputs and outputs that do not go together are refused."""
    outputs = changes.get("outputs", [WHO])
    row = ["-" for _ in changes.get("inputs", "ab")] + ['"nobody"' for _ in outputs]
    assert any(why in str(one) for one in refused([row], **changes))


def test_names_may_be_labels():
    """A field is called by any of its labels."""
    table = DecisionTable("t", DEAL, ["名称"], [WHO], [['"x"', 'if 名称 = "x" then "nobody" else "manager"']])
    assert table.decide({"discount": 0, "tier": "gold", "name": "x"}).value == "nobody"


def test_tables_travel():
    """A table survives pickling, with everything known of it."""
    table = DecisionTable("t", DEAL, ["discount"], [WHO], [["< 0.5", '"nobody"']], policy="F", defaults=['"manager"'])
    again = pickle.loads(pickle.dumps(table))  # noqa: S301 - our own
    assert again == table
    assert again.function()({"discount": Decimal("0.7")}) == "manager"


def test_values_of_outputs_may_be_anything():
    """Values of outputs are dates and numbers too, ranked as they are listed."""
    when = Field("when", "date", values=[date(2026, 2, 1), date(2026, 1, 1)])
    much = Field("much", "float", values=[0.5, 2])
    rows = [["-", '@"2026-01-01"', "0.5"], ["-", '@"2026-02-01"', "2"]]
    table = DecisionTable("t", DEAL, ["discount"], [when, much], rows, policy="P")
    record = {"discount": Decimal(0)}
    assert table.function()(record) == table.evaluate(record).value == {"when": date(2026, 2, 1), "much": Decimal(2)}


def same(left, right):
    """Whether two results are one, of one class."""
    return type(left) is type(right) and left == right


@given(tables(opaque=True, computed=True), st.lists(records(), min_size=1, max_size=8))
def test_generated_python_decides_as_the_interpreter(table, listed):
    """For every table, hit policy and record, with nulls and defaults, both give the same."""
    decide = table.function()
    for record in [*listed, *listed]:
        assert same(decide(record), table.decide(record).value), record


@given(tables(columns=["amount", "tier"], policies=["F"], computed=True), st.lists(records(), min_size=1, max_size=8))
def test_long_tables_decide_alike(table, listed):
    """With more rows than a chain of conditions is good for, an index decides, and the first row all the same."""
    long = attrs.evolve(table, rows=table.rows * 33)
    decide = long.function()
    for record in listed:
        assert same(decide(record), long.decide(record).value), record


@pytest.mark.parametrize("policy", HIT_POLICIES)
def test_results_may_be_changed_by_the_caller(policy):
    """A result that was given out and changed does not change what is given next."""
    sums = policy in {"C+", "C<", "C>"}
    outputs = [Field("n", "decimal")] if sums else [RANKED, Field("n", "decimal", values=[1])]
    row = ["-", "1"] if sums else ["-", '"rep"', "1"]
    table = DecisionTable("t", SCHEMA, ["vip"], outputs, [row] * (40 if policy == "F" else 1), policy=policy)
    decide = table.function()
    first = decide({"vip": True})
    if isinstance(first, list):
        first[0]["n"] = 7
        first.clear()
    elif isinstance(first, dict):
        first.clear()
    assert decide({"vip": True}) == table.evaluate({"vip": True}).value


ODD = [
    0.05, 5, Decimal("NaN"), Decimal("Infinity"), Decimal("0.1234567890123456789012345678901234567891"), True, "x", None,
    Decimal("9e6144"), [1],
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("name", ["amount", "days", "rate", "tier", "day", "at", "vip", "months"])
@pytest.mark.parametrize("policy", ["F", "C"])
def test_odd_records_are_told_what_is_wrong(policy, name, value):
    """What a field cannot hold is refused as the interpreter refuses it; what can be converted is."""
    cell = {"amount": "< 5", "days": "> 0", "rate": "< 0.1", "tier": '"gold"', "day": '@"2026-01-31"', "vip": "true"}
    table = DecisionTable("t", SCHEMA, [name], [Field("o")], [[cell.get(name, "-"), '"x"']], policy=policy)
    record = {
        "amount": Decimal(1),
        "days": 1,
        "rate": 0.5,
        "tier": None,
        "months": 3,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    record |= {"clock": datetime(2026, 1, 1, tzinfo=UTC).time(), "wait": date.resolution, "term": None, name: value}
    narrow = attrs.evolve(table, schema=Schema([SCHEMA.field(name)]))
    said = []
    for decide in (narrow.function(), lambda given: narrow.decide(given).value):
        try:
            said.append(repr(decide(record)))
        except InvalidValue as error:
            said.append(str(error))
    assert said[0] == said[1]


def test_huge_integers_are_numbers_of_34_digits():
    """An integer with more digits than a number has is rounded, as the interpreter does."""
    table = DecisionTable("t", Schema([Field("n", "integer")]), ["n"], [Field("o")], [["> 1e34", '"x"']], policy="C")
    for value in (10**34, 10**34 + 1, 10**40, -(10**40)):
        assert table.function()({"n": value}) == table.decide({"n": value}).value


def test_missing_and_unknown_fields_are_told():
    """A field that is not there is an error; one that is not known yet decides what does not depend on it."""
    table = DecisionTable("t", DEAL, ["tier"], [WHO], [['"gold"', '"nobody"']])
    with pytest.raises(NotFound, match="tier") as caught:
        table.function()({"discount": Decimal(0)})
    assert caught.value.__context__ is None
    assert table.decide({}, partial=True).value is UNKNOWN


def test_values_beyond_the_domain_are_refused():
    """What lies beyond the bounds of a field is an error, by whatever way a table is asked."""
    table = DecisionTable(
        "t", DEAL, ["discount", "tier"], [WHO], [["< 0.5", "-", '"nobody"'], [">= 0.5", "-", '"director"']]
    )
    record = {"discount": Decimal(7), "tier": "gold", "name": ""}
    for decide in (table.function(), table.decide):
        with pytest.raises(InvalidValue, match="is more than 1"):
            decide(record)


def test_fields_with_members_are_left_to_the_interpreter():
    """Lists and contexts are decided as ever."""
    schema = Schema([Field("customer", "context", fields=[Field("tier")])])
    table = DecisionTable("t", schema, ["customer.tier"], [WHO], [['"gold"', '"nobody"']])
    assert table.function()({"customer": {"tier": "gold"}}) == "nobody"


@pytest.mark.parametrize("policy", ["F", "C"])
def test_inputs_may_be_calculations(policy):
    """An input that is more than a field is calculated once, and may be null."""
    rows = [["> 10", "-", '"a"'], ["null", "true", '"b"'], ["<= 10", "false", '"c"']] * 4
    table = DecisionTable("t", SCHEMA, ["amount / days", "days > 1"], [Field("o")], rows, policy=policy)
    decide = table.function()
    for amount in (None, Decimal(50), Decimal(3)):
        for days in (0, 1, 2):
            record = {"amount": amount, "days": days}
            values = {**record, "days": Decimal(days)}
            assert decide(record) == table.evaluate(values).value


@pytest.mark.parametrize("policy", ["F", "C"])
def test_parts_without_a_plain_form_are_interpreted(policy):
    """Inputs, cells and results that Python has no words for are left to the interpreter, one by one."""
    rows = [["> 3", "< 4", "sqrt(amount)"], ["<= 3", "? * 2 > days", "days"], ["null", "-", "0"]]
    table = DecisionTable("t", SCHEMA, ["sqrt(amount)", "days"], [Field("n", "decimal")], rows, policy=policy)
    decide = table.function()
    for amount in (None, Decimal(16), Decimal(4)):
        for days in (1, 5):
            values = {"amount": amount, "days": Decimal(days)}
            assert decide({"amount": amount, "days": days}) == table.evaluate(values).value


def test_results_are_not_remembered_without_end(monkeypatch):
    """Beyond some number of combinations results are made anew."""
    monkeypatch.setattr(_table_code, "_MOST_RESULTS", 1)
    rows = [["> 1", '"a"'], ["> 3", '"b"']]
    table = DecisionTable("t", SCHEMA, ["days"], [Field("o")], rows, policy="C")
    decide = table.function()
    assert [decide({"days": days}) for days in (2, 4, 4, 2)] == [["a"], ["a", "b"], ["a", "b"], ["a"]]
