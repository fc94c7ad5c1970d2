"""Why and why not, what is nearest, what would settle it."""

from decimal import Decimal

import pytest
from hypothesis import given, settings

from crmkit.errors import NotFound
from crmkit.rules import UNKNOWN, DecisionTable, Field, Rule, RuleSet, Schema, explain, explain_table, rule
from crmkit.testing.rules import records


def test_why_not(rules, make):
    """The conditions that failed with what they read, and the fewest changes that would pass."""
    said = explain(rules, "discount", make())
    assert said.value is False
    assert [one.text for one in said.because] == ["discount <= 0.15", 'role = "manager"']
    assert [one.reads for one in said.because] == [{"discount": Decimal("0.18")}, {"role": "rep"}]
    assert [(one.field, one.to) for one in said.nearest] == [("discount", Decimal("0.15"))]
    assert "it would be true with discount <= 0.15 (discount is 0.18)" in str(said)
    assert len(said.conditions) == 4


def test_why(rules, make):
    """What made it true; nothing would have to change."""
    said = explain(rules, "discount", make(discount=Decimal("0.1")))
    assert [one.text for one in said.because] == ["discount <= 0.15"]
    assert said.nearest == ()
    assert said.settle == ()


def test_what_is_not_known(rules, make):
    """The fields whose value would settle it; null and UNKNOWN are told apart."""
    known = make(role="manager")
    known.pop("contacts")
    known.pop("strategic")
    said = explain(rules, "discount", known)
    assert said.value is UNKNOWN
    assert said.settle == ("contacts", "strategic")
    assert "it waits for contacts, strategic" in str(said)
    empty = explain(rules, "discount", make(role="manager", contacts=None))
    assert (empty.value, empty.settle) == (None, ("contacts",))
    assert empty.because[0].notes == ("null is neither less nor greater than anything",)


def test_nearest_of_each_kind(rules, make):
    """A value that passes, for numbers, days, texts in lists, booleans and negations; none where there is no single one."""
    near = explain(rules, "fresh", make(opened=make()["opened"].replace(year=2025))).nearest
    assert [(one.field, str(one.to)) for one in near] == [("opened", "2026-01-01")]
    both = explain(rules, "discount", make(discount=Decimal("0.3"), role="manager", contacts=1, strategic=True)).nearest
    assert [one.field for one in both] == ["discount"]
    members = explain(rules, "stock", make(items=[])).nearest
    assert [(one.field, one.to) for one in members] == [(None, None)]
    schema = Schema([Field("n", "integer"), Field("on", "boolean"), Field("s", nullable=True)])
    few = RuleSet(
        "few", schema, [Rule("a", 'n > 5 and on and not(s = "x")'), Rule("b", "n * n > 50"), Rule("c", "1 > 2")]
    )
    near = explain(few, "a", {"n": 5, "on": False, "s": "x"}).nearest
    assert [(one.field, one.to) for one in near] == [("n", Decimal(6)), ("on", True), (None, None)]
    assert explain(few, "b", {"n": 1, "on": True, "s": ""}).nearest[0].field == "n"
    assert str(explain(few, "c", {"n": 1, "on": True, "s": ""}).nearest[0]) == "1 > 2"


def test_before_and_after():
    """A rule about a change says what the record was."""
    schema = Schema([Field("stage", values=["lead", "won"]), Field("amount", "decimal")])
    moves = RuleSet("moves", schema, [Rule("kept", "old = null or new.amount >= old.amount")], transitions=True)
    old, new = {"stage": "lead", "amount": 10}, {"stage": "won", "amount": 5}
    said = explain(moves, "kept", new, old=old)
    assert said.value is False
    assert said.because[-1].reads == {"new.amount": Decimal(5), "old.amount": Decimal(10)}
    assert explain(moves, "kept", new).value is True


def test_rules_in_python_have_no_parts(make):
    """They say what they say; unknown rules are refused with the nearest name."""

    @rule(severity="info")
    def reachable(record):
        return record["contacts"] > 1

    rules = RuleSet("p", Schema([Field("contacts", "integer")]), [reachable])
    assert explain(rules, "reachable", {"contacts": 2}).value is True
    with pytest.raises(NotFound, match="did you mean 'reachable'"):
        explain(rules, "reachabel", {"contacts": 2})


def test_tables():
    """Which rows match, and where the nearest ones fail."""
    schema = Schema([Field("discount", "decimal", low=0, high=1), Field("amount", "decimal", low=0)])
    who = Field("who", values=["rep", "boss"])
    table = DecisionTable(
        "who", schema, ["discount", "amount"], [who], [["<= 0.1", "-", '"rep"'], ["> 0.2", "> 5", '"boss"']]
    )
    found = explain_table(table, {"discount": 0.3, "amount": 9})
    assert (found.result, found.matched) == ("boss", (2,))
    missed = explain_table(table, {"discount": 0.3, "amount": 1})
    assert [(row.row, row.failed) for row in missed.nearest] == [
        (1, ("discount: <= 0.1 (0.3)",)),
        (2, ("amount: > 5 (1)",)),
    ]
    assert missed.notes == ("no row matches, and there is no default",)
    partly = explain_table(table, {"discount": 0.3})
    assert partly.result is UNKNOWN
    assert [row.value for row in partly.rows] == [False, UNKNOWN]


def test_nearest_really_passes(rules):
    """Whatever the record: after the changes that name a value, the rule is true."""

    @settings(max_examples=60, deadline=None)
    @given(records(rules))
    def law(record):
        for one in rules.written:
            said = explain(rules, one.name, record)
            if said.nearest and all(change.field for change in said.nearest):
                changed = {**record, **{change.field: change.to for change in said.nearest}}
                assert explain(rules, one.name, changed).value is True, (one, record, said.nearest)

    law()
