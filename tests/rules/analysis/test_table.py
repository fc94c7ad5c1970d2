"""What is said of a table, against a look at every point with the interpreter."""

from collections import Counter
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tabled import POOLS, RANKED, SCHEMA, holds, inputs, matching, points, tables

from crmkit.errors import DefinitionErrors, InvalidValue
from crmkit.rules.analysis import Budget, analyse, diff
from crmkit.rules.analysis._layout import layout, ranks
from crmkit.rules.analysis._table import _DECIDING
from crmkit.rules.feel._parser import parse_tests
from crmkit.rules.schema import Field, Schema
from crmkit.rules.table import DecisionTable

FEW = st.shared(inputs(most=2), key="inputs")
UNCOMPUTED = tables(defaults=False, most=5)


def region(laid, findings, kind):
    """The points of the cells of some findings."""
    found = set()
    for one in findings:
        if one.kind == kind and one.cells:
            box = [column.mask(parse_tests(text, ["?"])) for column, text in zip(laid.columns, one.cells, strict=True)]
            found |= {point for point, _ in points(laid) if holds(box, point)}
    return found


@given(UNCOMPUTED)
def test_gaps_are_where_no_row_matches(table):
    """Exactly the points that no row matches, by the interpreter, lie in the cells of a gap."""
    laid = layout(table)
    empty = {point for point, values in points(laid) if not matching(table, values)}
    assert region(laid, analyse(table), "gap") == empty


@given(tables(policies=["U", "A"], defaults=True))
def test_a_default_closes_every_gap(table):
    """A table with a default decides everywhere."""
    assert "gap" not in {one.kind for one in analyse(table)}


@given(tables(policies=["U"], most=5))
def test_overlaps_are_where_two_rows_match(table):
    """Two rows of a unique table are reported if, and only if, some point matches both; it is an error."""
    laid = layout(table)
    found = {one.rows: one for one in analyse(table) if one.kind == "overlap"}
    pairs = {}
    for point, values in points(laid):
        rows = matching(table, values)
        for n, first in enumerate(rows):
            for second in rows[n + 1 :]:
                pairs.setdefault((first + 1, second + 1), set()).add(point)
    assert {rows: region(laid, [one], "overlap") for rows, one in found.items()} == pairs
    assert all(one.severity == "error" and one.certain for one in found.values())


@given(tables(policies=["A"], most=5))
def test_any_allows_the_same_result_twice(table):
    """Under A only rows that match together and give different results are reported."""
    laid = layout(table)
    found = {one.rows for one in analyse(table) if one.kind == "overlap"}
    pairs = set()
    for _, values in points(laid):
        rows = matching(table, values)
        pairs |= {(a + 1, b + 1) for a in rows for b in rows if a < b and laid.outcomes[a] != laid.outcomes[b]}
    assert found == pairs


def decider(table, rows):
    """The row that decides, of those that match."""
    order = ranks(table.node)
    return min(rows, key=lambda row: (order[row], row), default=None)


@given(tables(policies=["F", "P"], most=5))
def test_shadowed_rows_never_decide(table):
    """Under F, a row is reported if no point is decided by it; under P, if better ones match wherever it does."""
    laid = layout(table)
    found = {one.rows[0] - 1 for one in analyse(table) if one.kind == "shadowed"}
    order = ranks(table.node)
    deciding = set()
    for _, values in points(laid):
        rows = matching(table, values)
        deciding |= {row for row in rows if order[row] == min(order[other] for other in rows)}
    assert found == set(range(len(table.rows))) - deciding


@given(tables(policies=["U", "A", "F", "P"], most=5))
def test_merging_keeps_every_decision(table):
    """Two rows in one, as suggested, decide all points as before."""
    laid = layout(table)
    for one in analyse(table):
        if one.kind != "mergeable":
            continue
        place = int(one.why.rpartition(" ")[2]) - 1
        rows = [list(row) for row in table.rows]
        rows[place] = [*one.cells, *rows[place][len(table.inputs) :]]
        del rows[next(row - 1 for row in one.rows if row - 1 != place)]
        after = attrs.evolve(table, rows=rows)
        for _, values in points(laid):
            assert after.evaluate(values).value == table.evaluate(values).value


@given(tables(columns=["vip", "rate"], opaque=True, policies=["U", "F"]), st.data())
def test_what_cells_do_not_express_is_only_possible(table, data):
    """No finding about a row with a condition beyond values and ranges is certain, but that others shadow it."""
    opaque = {row + 1 for row in layout(table).opaque}
    for one in analyse(table):
        if one.kind == "overlap" and opaque & {*one.rows}:
            assert not one.certain
            assert one.severity == "warning"
        assert one.kind != "mergeable" or not opaque & {*one.rows}


def outcome(table, values):
    """What a table gives, as something to compare."""
    value = table.evaluate(values).value
    return Counter(map(repr, value)) if isinstance(value, list) else repr(value)


@given(st.data())
def test_differences_are_where_the_values_differ(data):
    """Just the points that two tables decide differently, by the interpreter, lie in one change each."""
    names = data.draw(FEW)
    policy = data.draw(st.sampled_from([["U", "A", "F", "P"], ["C"], ["R"], ["O"], ["C+"], ["C<"], ["C>"], ["C#"]]))
    before, after = (data.draw(tables(columns=names, policies=policy, most=4)) for _ in range(2))
    if len(before.outputs) != len(after.outputs):
        with pytest.raises(InvalidValue, match="outputs"):
            diff(before, after)
        return
    found = diff(before, after)
    assert found.proved
    for point, values in points(layout(before, after)):
        here = [one for one in found.changes if holds(one.box, point)]
        differ = outcome(before, values) != outcome(after, values)
        assert len(here) == differ, (values, outcome(before, values), outcome(after, values))


@given(tables())
def test_a_table_does_not_differ_from_itself(table):
    """Nothing differs between a table and itself."""
    assert diff(table, table).changes == ()


WHO = Field("who")


def small(rows, policy="U", *, inputs=("amount",), outputs=(WHO,), schema=SCHEMA, **more):
    """A table with few words."""
    return DecisionTable("small", schema, inputs, outputs, rows, policy=policy, **more)


def test_changes_say_what_was_and_what_is():
    """A change names its place, what was decided there and what is now."""
    before = small([["< 10", '"rep"']])
    after = small([["< 10", '"rep"'], ["[10..20)", '"manager"']])
    assert [str(one) for one in diff(before, after).changes] == ['[10..20): nothing -> "manager"']
    assert [str(one) for one in diff(after, before).changes] == ['[10..20): "manager" -> nothing']


def test_versions_must_be_comparable():
    """Other inputs, other kinds of results, opaque cells and computed priorities are refused."""
    plain = small([["< 10", '"rep"']])
    with pytest.raises(InvalidValue, match="inputs"):
        diff(plain, small([["< 10", '"rep"']], inputs=["days"]))
    with pytest.raises(InvalidValue, match="policy"):
        diff(plain, small([["< 10", '"rep"']], "C"))
    with pytest.raises(InvalidValue, match="values and ranges"):
        diff(plain, small([["< days", '"rep"']]))
    ranked = small([["< 10", 'if vip then "rep" else "nobody"']], "P", outputs=[RANKED])
    with pytest.raises(InvalidValue, match="priority"):
        diff(ranked, ranked)
    other = Schema([Field("amount")])
    with pytest.raises(InvalidValue, match="decimal in one"):
        diff(plain, small([['"x"', '"rep"']], schema=other))


def test_sums_of_computed_results_are_compared_as_texts():
    """What a row computes is unknown here; the same text is the same result."""
    rows = [["< 10", "days + 1"], ["-", "2"]]
    before = small(rows, "C+", outputs=[Field("n", "decimal")])
    after = small([*rows, ["> 50", "3"]], "C+", outputs=[Field("n", "decimal")])
    assert [str(one) for one in diff(before, after).changes] == ["(50..100]: 2 -> 5"]
    more = small([["< 10", "days + 2"], ["-", "2"]], "C+", outputs=[Field("n", "decimal")])
    assert [str(one) for one in diff(before, more).changes] == ["[0..10): 2, days + 1 -> 2, days + 2"]


def test_a_wider_schema_is_no_obstacle():
    """Two versions over different values, bounds and emptiness are compared on what either knows."""
    old = Schema([Field("tier", values=["gold"]), Field("n", "decimal", low=0)])
    new = Schema([Field("tier", values=["gold", "iron"], nullable=True), Field("n", "decimal", low=-5)])
    before = small([["-", "-", '"rep"']], schema=old, inputs=["tier", "n"])
    after = small([['"gold"', "-", '"rep"'], ["null", "-", '"rep"']], schema=new, inputs=["tier", "n"])
    assert [one.cells for one in diff(before, after).changes] == [('"iron"', "-")]
    loose = attrs.evolve(before, schema=Schema([Field("tier"), Field("n", "decimal", low=0)]))
    assert [one.cells for one in diff(after, loose).changes] == [('not("gold", null)', "-")]
    assert diff(
        small([["-", "-", '"rep"']], inputs=["n", "n + 1"], schema=old),
        small([["-", "-", '"rep"']], inputs=["n", "n + 1"], schema=old),
    ).proved


def test_budgets_are_kept_and_said():
    """What could not be proved within the budget is said, never passed over."""
    rows = [[f"[{n}..{n + 40}]", f"[{n % 7}..{n % 7 + 3}]", '"rep"'] for n in range(0, 60, 3)]
    said = [
        one
        for one in analyse(small(rows, "F", inputs=["amount", "days"]), budget=Budget(1))
        if one.kind == "not-proved"
    ]
    assert {one.rows == () for one in said} == {True, False}
    assert not diff(
        small(rows, "F", inputs=["amount", "days"]), small(rows[1:], "F", inputs=["amount", "days"]), budget=Budget(1)
    ).proved
    many = [[f'"{n}"', f'"{n}"', '"rep"'] for n in range(150)]
    schema = Schema([Field("a"), Field("b")])
    found = analyse(small(many, schema=schema, inputs=["a", "b"]))
    assert any("more gaps" in one.why for one in found)


def test_long_lists_of_overlaps_are_cut_short():
    """Beyond a hundred pairs their number is enough."""
    rows = [["-", '"rep"'] for _ in range(20)]
    found = [one for one in analyse(small(rows)) if one.kind == "overlap"]
    assert len(found) == 101
    assert "90 more" in found[-1].why


def test_findings_speak():
    """A finding says how bad it is, what, where, and whether that is certain."""
    found = [str(one) for one in analyse(small([["< 10", '"rep"'], ["< days", '"manager"']]))]
    assert found == [
        "warning: no row matches where [10..100], null (possible)",
        "warning: rows 1 and 2 both match, and the hit policy is U where [0..10) (possible)",
        "advice: with hit policy F the first of the rows that overlap would decide",
    ]
    shadowed = small([["< 10", '"rep"'], [">= 10", '"rep"'], ["not(null)", '"x"'], ["5", '"y"']], "F")
    said = [str(one) for one in analyse(shadowed)]
    assert "warning: row 3 never decides: rows 1, 2 match all that it does" in said
    assert "warning: row 4 never decides: row 1 matches all that it does" in said


def test_policies_are_advised():
    """Disjoint rows could be unique; overlapping ones with one result any, with several first."""
    disjoint = [["< 10", '"rep"'], [">= 10", '"x"'], ["null", '"x"']]
    assert "U would say so" in analyse(small(disjoint, "F"))[-1].why
    assert "A allows" in analyse(small([["< 10", '"rep"'], ["-", '"rep"']]))[-1].why
    assert [one.kind for one in analyse(small(disjoint, "C"))] == []


def test_inputs_that_depend_on_each_other_prove_nothing():
    """Places that only exist where a field and a calculation from it disagree are reported as possible."""
    rows = [["< 10", "-", '"a"'], [">= 10", "> 20", '"b"'], ["null", "-", '"c"'], ["-", "> 150", '"d"']]
    found = analyse(small(rows, inputs=["amount", "amount * 2"]))
    assert {one.certain for one in found if one.kind in {"gap", "overlap"}} == {False}
    assert {one.severity for one in found if one.kind == "overlap"} == {"warning"}
    twice = analyse(small([["< 10", "> 20", '"a"']], inputs=["amount", "amount"]))
    assert any(not one.certain for one in twice if one.kind == "gap")


def test_computed_results_may_be_the_same():
    """Under A, two rows that compute their results contradict each other possibly, not certainly."""
    outputs = [Field("n", "decimal")]
    (one,) = [
        f for f in analyse(small([["-", "days + 1"], ["< 5", "1 + days"]], "A", outputs=outputs)) if f.kind == "overlap"
    ]
    assert not one.certain


def test_priorities_are_those_of_all_outputs():
    """Rows of several outputs are ranked by the first, then by the second; what depends on the record has no rank."""
    outputs = [RANKED, Field("n", "decimal", values=[1, Decimal(2)])]
    rows = [["-", '"rep"', "2"], ["-", '"rep"', "1"], ["-", '"nobody"', "2"]]
    assert ranks(small(rows, "P", outputs=outputs).node) == [4, 3, 1]
    assert ranks(small([["-", '"rep"', "days"]], "P", outputs=outputs).node) is None
    assert analyse(small([["-", '"rep"', "days"]], "P", outputs=outputs))[0].kind == "advice"


def test_kinds_without_cells_are_no_obstacle():
    """A list as an input is opaque, and everything else is said all the same."""
    schema = Schema([Field("tags", "list", item="string"), Field("amount", "decimal")])
    found = analyse(small([['list contains(?, "a")', "< 10", '"x"']], inputs=["tags", "amount"], schema=schema))
    assert [(one.cells, one.certain) for one in found if one.kind == "gap"] == [
        (("-", ">= 10"), True),
        (("-", "-"), False),
    ]


@given(tables())
def test_every_finding_has_cells_that_can_be_pasted(table):
    """The cells of a finding, pasted into a row, make a table that is accepted."""
    for one in analyse(table):
        if one.cells:
            row = [*one.cells, *table.rows[0][len(table.inputs) :]]
            try:
                attrs.evolve(table, rows=[row])
            except DefinitionErrors as errors:  # pragma: no cover - the message is for whoever breaks it
                pytest.fail(f"{one}: {errors}")


def test_deciding_policies_are_those_with_one_result():
    """Collecting hit policies are left in peace about gaps and rows alike."""
    assert frozenset({"U", "A", "F", "P"}) == _DECIDING
    assert {*POOLS} == {*SCHEMA.names}
