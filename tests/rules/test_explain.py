"""Why and why not, what is nearest, what would settle it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
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


NEAREST = [
    # What makes one part true makes another one false.
    ("a > 2.995 and a != 3", {"a": 3}, {"a": Decimal("3.005")}),
    ("b < a and a < 5", {"a": 7, "b": 6}, {"a": Decimal("4.99"), "b": Decimal("4.98")}),
    ("a > b", {"a": 1, "b": 2}, {"a": Decimal("2.01")}),
    # The neighbours of days, instants, lengths and floats.
    ('day > @"2026-01-01"', {"day": date(2025, 1, 1)}, {"day": date(2026, 1, 2)}),
    ('day != @"2026-01-01" and day < @"2026-01-02"', {"day": date(2026, 1, 1)}, {"day": date(2025, 12, 31)}),
    ('at < @"2026-01-01T00:00:00Z"', {"at": datetime(2027, 1, 1, tzinfo=UTC)}, {"at": datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)}),
    ('wait < @"PT1H"', {"wait": timedelta(hours=2)}, {"wait": timedelta(minutes=59, seconds=59)}),
    ("rate > 0.5", {"rate": 0.5}, {"rate": 0.51}),
    ('day > @"9999-12-31" or day < @"9999-12-31"', {"day": date(9999, 12, 31)}, {}),
    # No value makes all of it true.
    ("a > 5 and a < b and b < 3", {"a": 1, "b": 9}, {}),
    ("a + 1 < b and b < a * 0 + 1", {"a": 9, "b": 0}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "record", "changes"), NEAREST)
def test_the_nearest_changes_are_tried_out(condition, record, changes):
    """Values are named only if the rule as a whole is true with all of them."""
    fields = [Field("a", "decimal"), Field("b", "decimal"), Field("day", "date"), Field("at", "date and time"),
              Field("wait", "days and time duration"), Field("rate", "float")]  # fmt: skip
    plain = {
        "a": 0,
        "b": 0,
        "day": date(2026, 1, 1),
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "wait": timedelta(0),
        "rate": 0.1,
    }
    rules = RuleSet("r", Schema(fields), [Rule("r", condition)])
    said = explain(rules, "r", {**plain, **record})
    assert {change.field: change.to for change in said.nearest if change.field} == changes
    assert said.nearest
    if changes:
        assert rules.judge({**plain, **record, **changes})[0].value is True


def test_a_change_is_one_of_the_record_after_it():
    """Of a set that judges changes a new value is that of `new`, too."""
    rules = RuleSet(
        "r", Schema([Field("n", "integer")]), [Rule("r", "n > 5 and (old = null or new.n < 7)")], transitions=True
    )
    said = explain(rules, "r", {"n": 1}, old={"n": 0})
    assert [(change.field, change.to) for change in said.nearest] == [("n", 6)]
    rules = attrs.evolve(rules, rules=[Rule("r", "n > 2 and n != 3 and new.n < 9")])
    assert [(change.field, change.to) for change in explain(rules, "r", {"n": 3}).nearest] == [("n", 4)]
