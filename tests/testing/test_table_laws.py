"""The laws of decision tables hold, and each fails where something that it is about is broken."""

import functools

import attrs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.rules.analysis.tabled import SCHEMA, tables

from crmkit.rules import UNKNOWN, DecisionTable, Field, RuleSet, Schema
from crmkit.rules._boxed import HIT_POLICIES
from crmkit.rules.analysis import TableChange, TableFinding, analyse, diff
from crmkit.rules.backtest import backtest_table
from crmkit.rules.explain import explain_table
from crmkit.testing import table_laws
from crmkit.testing.rules import check_ruleset, examples_of, values

DEAL = Schema([Field("discount", "decimal", low=0, high=1), Field("key", "boolean", nullable=True)])
WHO = Field("who", values=["nobody", "manager", "director"])
TABLE = DecisionTable("authority", DEAL, ["discount", "key"], [WHO], [
    ["<= 0.1", "-", '"nobody"'],
    ["(0.1..0.3]", "false", '"manager"'],
    ["<= 0.3", "true", '"nobody"'],
    ["[0.05..0.1]", "-", '"manager"'],
    ["> 0.6", "false", '"director"'],
    ["> 0.6", "true", '"director"'],
], policy="F")  # fmt: skip


def records_of(table, size=80):
    """Records at the edges of a table."""
    return examples_of(RuleSet("set", table.schema, [], tables=[table]), size)


@pytest.fixture(scope="module")
def tested():
    """Records at the edges."""
    return records_of(TABLE)


@settings(deadline=None, max_examples=40, suppress_health_check=[*HealthCheck])
@given(tables(opaque=True, computed=True), st.data())
def test_all_laws_hold_of_any_table(table, data):
    """Whatever the hit policy, the cells, the results and the defaults."""
    near = {name: [] for name in SCHEMA.names}
    drawn = st.fixed_dictionaries({field.name: values(field, near) for field in SCHEMA.fields})
    records = data.draw(st.lists(drawn, min_size=1, max_size=5))
    for law in table_laws.TABLE_LAWS:
        law(table, records)


@settings(deadline=None, max_examples=60, suppress_health_check=[*HealthCheck])
@given(st.data())
def test_proof_and_replay_agree_on_any_two_tables(data):
    """Whatever two tables of the same columns: a record flips just if it lies in a place that was proved to change."""
    policy = [data.draw(st.sampled_from(HIT_POLICIES))]
    one = data.draw(tables(policies=policy))
    two = data.draw(tables(policies=policy, columns=one.inputs))
    assume(one.outputs == two.outputs)
    told = backtest_table(one, two, [*records_of(one, 15), *records_of(two, 15)])
    assert told.unexplained == ()


def test_tables_of_a_set_are_checked():
    """With the records of the set, or with records of their own schema; those look at the edges of their cells."""
    other = attrs.evolve(TABLE, name="other", schema=Schema([*DEAL.fields, Field("m")]))
    check_ruleset(RuleSet("both", DEAL, [], tables=[TABLE, other]))
    assert {row for record in records_of(TABLE) for row in explain_table(TABLE, record).matched} == {1, 2, 3, 4, 5, 6}


class Lying(DecisionTable):
    """Generates another function than it says."""

    def function(self):
        return lambda _record: "manager"


class Hasty(DecisionTable):
    """Takes what is not known for empty."""

    def decide(self, record, *, partial=False, world=None):
        return super().decide({"key": None, "discount": 0, **record} if partial else record, world=world)


def odd_rows(table, record):
    """An explanation whose rows match and fail at once."""
    told = explain_table(table, record)
    return attrs.evolve(told, rows=[attrs.evolve(row, failed=()) for row in told.rows])


def without(kind):
    """An analysis that overlooks one kind of finding."""
    return lambda table: tuple(one for one in analyse(table) if one.kind != kind)


def adding(kind, rows=(), cells=(), why="row 1"):
    """An analysis with a finding that is not so."""
    return lambda table: (*analyse(table), TableFinding(kind, why, rows, cells))


def smaller(table):
    """An analysis whose gaps are too small to be closed by themselves, though no record lies in what is left out."""
    found = analyse(table)
    return tuple(attrs.evolve(one, cells=("(0.3..0.6)", *one.cells[1:])) if one.kind == "gap" else one for one in found)


def restless(before, after):
    """A comparison of versions that finds a change in everything."""
    return attrs.evolve(diff(before, after), changes=[TableChange(("-", "-"), "a", "b", (1, 1))])


def unsure(before, after, records):
    """A replay that differs from the proof."""
    return attrs.evolve(backtest_table(before, after, records), unexplained=[0])


DEFECTS = [
    ("tables_decide_one_way", "explain_table", odd_rows, r"is False, and fails at \(\)"),
    ("gaps_and_rows_tile_the_domain", "analyse", without("gap"), "no row matches, and no gap is reported"),
    ("gaps_and_rows_tile_the_domain", "analyse", adding("gap", cells=("<= 0.2", "-")), r"rows \(1,\) match in a gap"),
    ("overlaps_are_all", "analyse", without("overlap"), "match, and no overlap is reported"),
    ("overlaps_are_all", "analyse", adding("overlap", (1, 2), ("-", "-")), "match in an overlap of others"),
    ("idle_rows_never_decide", "analyse", adding("shadowed", (3,)), "row 3 never decides: yet"),
    ("merged_rows_decide_alike", "analyse", adding("mergeable", (1, 3), ("-", "-")), "yet None becomes 'nobody'"),
    ("merged_rows_decide_alike", "analyse", adding("mergeable", (1, 3), ("-", "true"), "row 3"), "yet 'nobody' becomes"),
    ("differences_are_what_replay_says", "diff", restless, "differs from itself"),
    ("differences_are_what_replay_says", "backtest_table", unsure, "proof and replay differ"),
]  # fmt: skip


@pytest.mark.parametrize(("law", "part", "broken", "said"), DEFECTS)
def test_a_broken_part_breaks_its_law(monkeypatch, tested, law, part, broken, said):  # noqa: PLR0917 - a table
    """Each law holds, and no longer does once the part that it is about is broken in one way."""
    check = functools.partial(getattr(table_laws, law), TABLE, tested)
    check()
    monkeypatch.setattr(table_laws, part, broken)
    with pytest.raises(AssertionError, match=said):
        check()


def test_a_gap_that_no_record_shows_is_missed_by_the_proof(monkeypatch):
    """Gaps that are too small leave gaps beside them, even where no record lies."""
    monkeypatch.setattr(table_laws, "analyse", smaller)
    with pytest.raises(AssertionError, match="with its gaps as rows there still are gaps"):
        table_laws.gaps_and_rows_tile_the_domain(TABLE, [])


@pytest.mark.parametrize(
    ("kind", "law", "said"),
    [
        (Lying, table_laws.tables_decide_one_way, "disagree"),
        (Hasty, table_laws.unknown_decides_nothing, "without 'discount'"),
    ],
)
def test_a_broken_table_breaks_its_law(tested, kind, law, said):
    """A table that decides in two ways is found."""
    law(TABLE, tested)
    with pytest.raises(AssertionError, match=said):
        law(kind("broken", DEAL, TABLE.inputs, TABLE.outputs, TABLE.rows, policy="F"), tested)


def test_every_law_has_a_defect():
    """No law goes untried, and all that there are are run."""
    tried = {law for law, *_ in DEFECTS} | {"unknown_decides_nothing"}
    assert tried == {law.__name__ for law in table_laws.TABLE_LAWS} == {*table_laws.__all__} - {"TABLE_LAWS"}


@pytest.mark.parametrize("policy", ["A", "P", "O"])
def test_results_that_are_held_against_others_wait_until_all_are_known(policy):
    """Where one result of several is not known, neither is the best of them, nor their order, nor whether they agree."""
    table = DecisionTable("t", DEAL, ["discount"], [WHO], [
        ["-", '"manager"'], ["-", 'if key then "nobody" else "manager"'],
    ], policy=policy)  # fmt: skip
    assert table.decide({"discount": 0}, partial=True).value is UNKNOWN
    table_laws.unknown_decides_nothing(table, [{"discount": 0, "key": key} for key in (True, False, None)])
    pairs = attrs.evolve(
        table, outputs=[WHO, Field("n", "decimal", values=[1, 2])], rows=[[*row, "1"] for row in table.rows]
    )
    assert pairs.decide({"discount": 0}, partial=True).value is UNKNOWN
    lists = attrs.evolve(pairs, policy="R")
    assert lists.decide({"discount": 0}, partial=True).value[1] == {"who": UNKNOWN, "n": 1}
    table_laws.unknown_decides_nothing(lists, [{"discount": 0, "key": True}])
