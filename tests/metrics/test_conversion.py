"""Conversion: laws of the counts, the estimator against known truth and against the plain proportion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import OPEN, Coded, Journal, code
from crmkit.metrics import Conversion, StageOrder, conversion, transitions
from crmkit.testing.simulate import sales_pipeline, simulate
from crmkit.testing.strategies import journals

LINE = sales_pipeline()
DAY = 86_400_000_000


def small(rows, until=100):
    """A journal of (case, stage, entered day, left day or None, next or None, who)."""
    case, stage, entered, left, following, who = zip(*rows, strict=True)
    stages = code(stage)
    names = tuple(dict.fromkeys([*stages.values, *(name for name in following if name)]))
    return Journal(
        code(case), stages.recode(names), np.array(entered) * DAY,
        np.array([OPEN if day is None else day * DAY for day in left]),
        np.array([-1 if name is None else names.index(name) for name in following], np.int32), code(who), until * DAY,
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(journals(LINE, cases=15))
def test_counts_add_up(journal):
    """Law: entered = advanced + lost + back + open; persons add up to all; rates and limits are ordered within 0..1."""
    rates = conversion(journal, stages=LINE)
    for stage in {row.stage for row in rates}:
        rows = [row for row in rates if row.stage == stage]
        whole = next(row for row in rows if row.who is None)
        for field in ("entered", "advanced", "lost", "back", "open"):
            assert getattr(whole, field) == sum(getattr(row, field) for row in rows if row.who is not None)
        for row in rows:
            assert row.entered == row.advanced + row.lost + row.back + row.open
            assert 0 <= row.low <= row.value + 1e-12
            assert row.value <= row.high + 1e-12 <= 1 + 2e-12
        here = journal.stages.codes == journal.stages.values.index(stage) if stage in journal.stages.values else [False]
        assert whole.entered == np.sum(here)


@settings(max_examples=40, deadline=None)
@given(journals(LINE, cases=12), st.data())
def test_any_split_merges_to_the_whole(journal, data):
    """Two parts of a journal, counted apart and merged, give the same state and the same figures."""
    side = np.array([data.draw(st.booleans()) for _ in range(len(journal))])
    metric = Conversion(StageOrder.of(LINE, journal))
    parts = [metric.update(metric.zero(), journal[mask]) for mask in (side, ~side) if mask.any()]
    merged = parts[0] if len(parts) == 1 else metric.merge(*parts)
    whole = metric.update(metric.zero(), journal)
    assert merged == whole
    assert str(metric.finish(merged)) == str(metric.finish(whole))
    shuffled = journal[np.array(data.draw(st.permutations(range(len(journal)))))]
    assert metric.update(metric.zero(), shuffled) == whole


def test_without_open_stays_it_is_the_plain_proportion():
    """Nothing censored: the estimate is advanced / entered with its Wilson interval."""
    journal = small([(f"D{i}", "lead", 0, 1 + i % 5, "won" if i < 15 else "lost", "wei") for i in range(148)])
    row = conversion(journal, stages=["lead"], won=["won"], lost=["lost"]).stage("lead")
    assert (row.value, row.method, row.n_open) == (pytest.approx(15 / 148), "wilson", 0)
    assert (round(row.low, 4), round(row.high, 4)) == (0.0624, 0.1605)
    assert row.closed_only == row.decided == pytest.approx(15 / 148)


def test_open_stays_count():
    """Young open cases are no failures: the estimate is that of the stays they are at risk with, by hand."""
    rows = [("a", "lead", 0, 10, "won", "w"), ("b", "lead", 0, 20, "lost", "w"), ("c", "lead", 0, 30, "won", "w")]
    journal = small([*rows, ("d", "lead", 95, None, None, "w")])
    row = conversion(journal, stages=["lead"], won=["won"], lost=["lost"]).stage("lead")
    # d is censored at day 5, before anything ends: three are at risk, two of them advance.
    assert row.value == pytest.approx(2 / 3)
    assert (row.entered, row.open, row.horizon) == (4, 1, 31)


def test_an_old_open_stay_lowers_the_chance_but_not_the_person():
    """A stay that outlives all others has not advanced within the horizon; of those that ended, all that can be known."""
    rows = [("a", "lead", 0, 10, "won", "w"), ("b", "lead", 0, 20, "lost", "w"), ("c", "lead", 0, None, None, "w")]
    row = conversion(small(rows), stages=["lead"], won=["won"], lost=["lost"]).stage("lead", "w")
    assert row.value == pytest.approx(1 / 3)
    assert row.decided == pytest.approx(1 / 2)


def test_back_moves_and_self_moves_are_back():
    """Going to an earlier stage, or starting the same one anew, is neither advance nor loss."""
    journal = small(
        [
            ("a", "x", 0, 1, "y", "w"),
            ("a", "y", 1, 2, "x", "w"),
            ("a", "x", 2, 3, "x", "w"),
            ("a", "x", 3, None, None, "w"),
        ]
    )
    rates = conversion(journal, stages=["x", "y"], won=["won"])
    assert (rates.stage("x").advanced, rates.stage("x").back, rates.stage("y").back) == (1, 1, 1)


def test_interval_of_another_level_and_frames():
    """A wider level widens the limits; results become frames of the caller's library."""
    journal = simulate(n=300, rng=np.random.default_rng(2), people={"ann": 1, "bo": 1}).journal
    rates = conversion(journal, stages=LINE)
    wide = rates.interval(0.99)
    assert all(w.low <= r.low and r.high <= w.high for r, w in zip(rates, wide, strict=True))
    assert wide.definition != rates.definition
    assert rates.to_frame("polars").height == rates.to_frame("pandas").shape[0] == len(rates)
    assert "negotiation" in str(rates)
    with pytest.raises(KeyError):
        rates.stage("lead", "nobody")


def test_definition_id_follows_the_policies():
    """The same policies give the same id, another policy another one."""
    journal = simulate(n=50, rng=np.random.default_rng(2)).journal
    one, again = conversion(journal, stages=LINE), conversion(journal, stages=LINE)
    assert one.definition == again.definition == one.rows[0].definition
    assert one.definition != conversion(journal, stages=LINE, clock="hour").definition
    assert one.definition != conversion(journal, stages=LINE, by=None).definition


def test_stage_orders():
    """Order from a pipeline, from names, from the journal; what is unknown is named."""
    journal = simulate(n=50, rng=np.random.default_rng(2)).journal
    order = StageOrder.of(LINE, journal)
    assert order == StageOrder.of(None, journal) == StageOrder.of([s.name for s in LINE.stages], journal)
    with pytest.raises(NotFound, match="did you mean 'won'"):
        StageOrder.of(None, journal, won=["wonn"])
    with pytest.raises(InvalidValue, match="not among"):
        conversion(journal, stages=["lead", "won"])


def test_persons_who_are_not_known():
    """Stays without a person are in the whole and in a row of their own."""
    journal = small([("a", "lead", 0, 1, "won", "w"), ("b", "lead", 0, 1, "won", None)])
    rates = conversion(journal, stages=["lead"], won=["won"])
    assert rates.stage("lead").entered == 2
    assert rates.stage("lead", "(unknown)").entered == 1
    assert len(conversion(journal, stages=["lead"], won=["won"], by=None)) == 1


def test_group_by_a_dimension():
    """Any column of the journal groups."""
    import attrs

    journal = small([("a", "lead", 0, 1, "won", "w"), ("b", "lead", 0, 1, "lost", "w")])
    journal = attrs.evolve(journal, dims={"region": code(["N", "S"])})
    rates = conversion(journal, stages=["lead"], won=["won"], lost=["lost"], by="region")
    assert (rates.stage("lead", "N").value, rates.stage("lead", "S").value) == (1, 0)


def test_transitions_are_a_group_by():
    """The cheap state equals a GROUP BY of the interval table in DuckDB."""
    duckdb = pytest.importorskip("duckdb")
    journal = simulate(n=400, rng=np.random.default_rng(5), people={"ann": 1, "bo": 2}).journal
    frame = journal.to_frame("pandas")  # noqa: F841 - DuckDB reads it by its name
    rows = duckdb.sql("select who, stage, next, 0, count(*) from frame group by all").fetchall()
    assert transitions(journal).from_table(("by", "stage", "next"), rows) == transitions(journal)


def test_states_of_other_codings_merge():
    """Codes are matched by value: the same persons in another order add up."""
    journal = simulate(n=100, rng=np.random.default_rng(5), people={"ann": 1, "bo": 2}).journal
    import attrs

    turned = attrs.evolve(journal, who=Coded(1 - journal.who.codes, journal.who.values[::-1]))
    assert transitions(turned) == transitions(journal)
    assert transitions(turned).merge(transitions(journal)).n.sum() == 2 * len(journal)
