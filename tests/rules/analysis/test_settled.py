"""Decision tables and z3: it agrees with boxes where they know, and settles what they leave possible."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tabled import SCHEMA, matching, records, tables

from crmkit.errors import InvalidValue
from crmkit.rules import DecisionTable, Field
from crmkit.rules.analysis import Budget, analyse
from crmkit.rules.analysis._gaps import gaps
from crmkit.rules.analysis._layout import layout, ranks
from crmkit.rules.analysis._overlaps import overlaps, shadowed
from crmkit.rules.analysis._settled import Rows

OUT = Field("o", values=["a", "b"])


def table(inputs, rows, policy="U"):
    """A table with one output."""
    return DecisionTable("t", SCHEMA, inputs, [OUT], rows, policy=policy)


@given(tables(policies=["U", "A", "F"], defaults=False))
@settings(max_examples=60, deadline=None)
def test_z3_finds_what_boxes_find(made):
    """Gaps, overlaps and rows that never decide: an engine that knows nothing of boxes finds the very same."""
    laid = layout(made)
    open_ = gaps(laid.grid, laid.boxes)
    asked = Rows(made, [laid.cells(gap.box) for gap in open_.boxes], Budget())
    for gap in open_.boxes:
        assert asked.none(laid.cells(gap.box)).record is not None
        assert not asked.closed(laid.cells(gap.box))
    if not open_.boxes:
        whole = Rows(made, [["-"] * len(made.inputs)], Budget())
        assert whole.none(["-"] * len(made.inputs)).impossible
    pairs = {(pair.first, pair.second) for pair in overlaps(laid.grid, laid.boxes).pairs}
    size = len(made.rows)
    assert pairs == {(a, b) for b in range(size) for a in range(b) if asked.both(a, b).record is not None}
    if made.policy == "F":
        covered = {one.rule for one in shadowed(laid.grid, laid.boxes, rank=ranks(made.node))}
        reached = {row for row in range(size) if not asked.first(row, range(row)).impossible}
        assert covered == {*range(size)} - reached - {row for row, box in enumerate(laid.boxes) if not all(box)}


@given(tables(opaque=True, policies=["U", "F"], defaults=False), st.lists(records(), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_settled_findings_hold(made, tried):
    """With z3: a record that no row matches lies in a gap, two rows that one matches overlap, hidden rows never decide."""
    found = analyse(made, solver="z3")
    kinds = {kind: [one for one in found if one.kind == kind] for kind in ("gap", "overlap", "shadowed")}
    for record in tried:
        matched = matching(made, SCHEMA.read(record))
        assert matched or kinds["gap"]
        if made.policy == "U" and len(matched) > 1:
            assert tuple(row + 1 for row in matched[:2]) in {one.rows for one in kinds["overlap"]}
        assert not (matched and made.policy == "F" and matched[0] + 1 in {one.rows[0] for one in kinds["shadowed"]})


def test_opaque_rows():
    """Rows that compare fields: refuted overlaps and gaps go, the others are certain."""
    whole = table(["amount"], [["< days", '"a"'], [">= days", '"b"'], ["null", '"b"']])
    assert {one.kind for one in analyse(whole)} == {"gap", "overlap", "advice"}
    assert analyse(whole, solver="z3") == ()
    part = table(["amount"], [["< days", '"a"'], ["> days + 1", '"b"'], ["> 50", '"b"']])
    found = [one for one in analyse(part, solver="z3") if one.kind in {"gap", "overlap"}]
    assert all(one.certain for one in found)
    assert {one.rows for one in found if one.kind == "overlap"} == {(1, 3), (2, 3)}
    gap = next(one for one in found if one.kind == "gap")
    assert str(gap).startswith("warning: some record (such as amount = ")
    assert "matches no row where" in str(gap)
    told = analyse(table(["days"], [["[0..5]", '"a"'], ["? > 10 and ? > amount", '"b"']]), solver="z3")
    proved, shown = (one for one in told if one.kind == "gap")
    assert str(proved) == "warning: no row matches where [-3..0)"
    assert str(shown).startswith("warning: some record (such as amount = ")
    assert str(shown).endswith("matches no row where > 5")


def test_computed_inputs():
    """Inputs that are computed from others: what they can never be together is no gap and no overlap."""
    made = table(["days", "days * 2"], [["< 5", "< 10", '"a"'], [">= 5", ">= 10", '"b"'], ["< 0", "> 100", '"b"']])
    boxes, exact = analyse(made), analyse(made, solver="z3")
    assert {one.certain for one in boxes if one.kind in {"gap", "overlap"}} == {False}
    assert [str(one) for one in exact] == ["warning: row 3 never decides: no record matches it"]
    open_ = analyse(table(["days", "days * 2"], [["< 5", "-", '"a"'], ["> 6", "-", '"b"']]), solver="z3")
    assert [one.why for one in open_] == ["no row matches"]


def test_hidden_rows():
    """A row that formulas of others cover never decides; one that is refuted by none stays."""
    made = table(["amount"], [["< days", '"a"'], ["< days - 1", '"b"'], ["-", '"b"'], ["> 5", '"a"']], policy="F")
    told = [one for one in analyse(made, solver="z3") if one.kind == "shadowed"]
    assert {one.rows for one in told} == {(4, 3), (2, 1)}
    assert "row 2 never decides: the rows that go before it match all that it does" in {one.why for one in told}


def test_what_stays_possible():
    """What z3 does not settle, and results that may be equal, stay possible. A solver that is none is refused."""
    regular = table(["name"], [['matches(?, ".*")', '"a"'], ['matches(?, "b+")', '"b"'], ["null", '"a"']])
    kinds = {(one.kind, one.certain) for one in analyse(regular, solver="z3")}
    assert ("gap", False) in kinds
    assert ("overlap", False) in kinds
    same = DecisionTable(
        "t", SCHEMA, ["amount"], [Field("n", "decimal")], [["< days", "days"], ["> 1", "days * 1"]], policy="A"
    )
    assert ("overlap", False) in {(one.kind, one.certain) for one in analyse(same, solver="z3")}
    with pytest.raises(InvalidValue, match="there are: boxes, z3"):
        analyse(regular, solver="cvc5")
