"""Signals: silence under chance, a voice for real differences, and no star that makes others look weak."""

import math

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.journal import Journal
from crmkit.metrics import conversion, signals
from crmkit.metrics.conversion import Rate
from crmkit.testing.simulate import sales_pipeline, simulate

LINE = sales_pipeline()


def rated(cells):
    """Rates of one stage from (who, advanced, ended)."""
    journal = simulate(LINE, 5, rng=np.random.default_rng(0), people={"x": 1}).journal
    empty = conversion(journal, stages=LINE)
    rows = tuple(
        Rate("lead", who, n, x, n - x, 0, 0, x / n if n else 0.0, 0.0, 1.0, "wilson", 9.0, x / n if n else math.nan,
             x / n if n else math.nan, 0.0, 1.0, "d")
        for who, x, n in cells
    )  # fmt: skip
    return attrs.evolve(empty, rows=rows)


def test_agents_of_a_public_crm_export_are_within_chance(shared):
    """Win rates from 55 to 70 % over 30 agents are what chance gives (chi-square 33.35 on 29 df): nobody is called."""
    found = signals(conversion(maven(shared), won=["won"], lost=["lost"]))
    assert len(found) == 30
    assert not found.calls


def maven(shared):
    """The export in snapshot form."""
    import pandas as pd

    frame = pd.read_csv(shared("data", "sales", "maven_crm", "sales_pipeline.csv"))
    return Journal.from_snapshot(
        frame, case="opportunity_id", opened="engage_date", closed="close_date", outcome="deal_stage", won=["Won"],
        lost=["Lost"], who="sales_agent",
    )  # fmt: skip


def test_silence_under_chance():
    """Forty companies without any real difference: few reports have a call, each direction at most one in ten."""
    loud = 0
    for seed in range(40):
        simulated = simulate(
            LINE, 800, rng=np.random.default_rng(seed), people={f"p{i}": 1 for i in range(10)}, days=200
        )
        loud += bool(signals(conversion(simulated.journal, stages=LINE)).calls)
    # Both directions at 10 %: P(more than 14 of 40 at 19 %) is 0.6 %.
    assert loud <= 14


def test_real_differences_are_found():
    """Three times the odds is shared, a third of them coached; of all calls few are of the ordinary persons."""
    people = {f"p{i}": 1.0 for i in range(8)} | {"star": 3.0, "weak": 0.33}
    right = wrong = 0
    for seed in range(8):
        simulated = simulate(LINE, 4000, rng=np.random.default_rng(seed), people=people)
        calls = signals(conversion(simulated.journal, stages=LINE)).calls
        first = {(row.who, row.kind) for row in calls if row.stage == "lead"}
        assert first >= {("star", "share"), ("weak", "coach")}
        right += sum((row.who, row.kind) in {("star", "share"), ("weak", "coach")} for row in calls)
        wrong += sum((row.who, row.kind) not in {("star", "share"), ("weak", "coach")} for row in calls)
    assert wrong / (right + wrong) < 0.15


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 0.5), st.integers(3, 12), st.integers(40, 300))
def test_a_star_makes_nobody_weak(seed, base, people, n):
    """Adding a star to persons of one kind creates no new call for coaching."""
    rng = np.random.default_rng(seed)
    cells = [(f"p{i}", int(rng.binomial(n, base)), n) for i in range(people)]
    before = {row.who for row in signals(rated(cells)) if row.kind == "coach"}
    after = {row.who for row in signals(rated([*cells, ("star", int(0.97 * 4 * n), 4 * n)])) if row.kind == "coach"}
    assert after <= before


def test_the_warning_of_ordinary_sellers():
    """17 % and 20 % beside a star of 90 %: the pooled 44 % would coach both; the robust centre shares the star only."""
    found = {row.who: row.kind for row in signals(rated([("a", 34, 200), ("b", 40, 200), ("star", 180, 200)]))}
    assert found == {"a": "none", "b": "none", "star": "share"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 80)), min_size=1, max_size=8))
def test_laws_of_a_report(pairs):
    """Of any report: half of p, the smaller tail, is at most q; limits hold the effect; shrinking goes towards the centre; a smaller n detects less."""
    cells = [(f"p{i}", min(x, n), n) for i, (x, n) in enumerate(pairs)]
    found = signals(rated(cells))
    assert len(found) == len(cells)
    for row, (_, _, n) in zip(found, cells, strict=True):
        if n < 10:
            assert row.kind == "insufficient data"
        if row.kind == "insufficient data":
            continue
        assert row.p / 2 <= row.q + 1e-12 <= 1 + 2e-12
        assert row.low <= row.effect + 1e-12
        assert row.effect <= row.high + 1e-12
        assert abs(row.shrunk) <= abs(row.effect) + 1e-12
        assert row.kind not in ("coach", "share") or (row.effect < 0) == (row.kind == "coach")
    known = [(row.least_detectable, row.n) for row in found if row.kind != "insufficient data"]
    assert all(math.isfinite(least) and least > 0 for least, _ in known)


def test_least_detectable_difference():
    """At n = 40 and a centre of 55 % three standard errors are 23.6 points."""
    cells = [(f"p{i}", 550, 1000) for i in range(5)]
    row = signals(rated([*cells, ("small", 22, 40)])).rows[-1]
    assert row.least_detectable == pytest.approx(0.236, abs=5e-4)


def test_two_people_cannot_tell():
    """With two persons nobody knows who is out of line; without persons there is nothing to say."""
    assert {row.kind for row in signals(rated([("a", 10, 100), ("b", 90, 100)]))} == {"insufficient data"}
    assert len(signals(rated([]))) == 0


def test_false_alarms_are_stated():
    """The report says how many of its calls may be chance."""
    found = signals(rated([("a", 34, 200), ("b", 40, 200), ("star", 180, 200)]), rate=0.2)
    assert found.false_alarms == pytest.approx(0.2)


def test_no_rows_is_an_empty_table():
    """An empty result has no columns and prints as such."""
    found = signals(rated([]))
    assert found.to_dict() == {}
    assert str(found) == "(no rows)"
