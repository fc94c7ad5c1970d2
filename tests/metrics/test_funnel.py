"""The funnel: order semantics by a published table, counts by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.journal import Journal
from crmkit.metrics import funnel
from crmkit.metrics.funnel import depth
from crmkit.testing.simulate import sales_pipeline, simulate

LINE = sales_pipeline()


def logged(*sequences):
    """A journal of cases that pass through single-letter stages, a day apart."""
    rows = [
        (f"case{i}", letter, f"2026-01-{day + 1:02}")
        for i, letters in enumerate(sequences)
        for day, letter in enumerate(letters)
    ]
    case, stage, at = zip(*rows, strict=True)
    return Journal.from_frame({"c": case, "s": stage, "t": at}, case="c", stage="s", at="t")


@pytest.mark.parametrize(("order", "levels"), [("loose", [3, 3, 3, 3, 1]), ("strict", [3, 1, 3, 2, 1])])
def test_the_table_of_clickhouse(order, levels):
    """The windowFunnel over A, B, C: the truth table of ClickHouse pull request 9773, default and strict_order."""
    journal = logged("ABC", "ADBC", "AABBCC", "AABBDCC", "BBCCAA")
    assert [*depth(journal, "ABC", order=order).values()] == levels


def brute(letters, steps, order):
    """The deepest level by trying every start."""
    best = 0
    for start, letter in enumerate(letters):
        if letter != steps[0]:
            continue
        level = 1
        for here in letters[start + 1 :]:
            if level < len(steps) and here == steps[level]:
                level += 1
            elif order == "strict" and here != steps[level - 1]:
                break
        best = max(best, level)
    return best


@settings(deadline=None)
@given(st.lists(st.text("ABCD", min_size=1, max_size=9), min_size=1, max_size=6), st.sampled_from(["loose", "strict"]))
def test_depth_against_brute_force(sequences, order):
    """Every case's depth is what trying every start finds."""
    found = depth(logged(*sequences), "ABC", order=order)
    assert [*found.values()] == [brute(letters, "ABC", order) for letters in sequences]


def test_steps_skips_and_open_cases():
    """Visits are counted once a case; a skipped stage is told, not filled in."""
    frame = {"c": list("aaabbcd"), "s": ["lead", "demo", "won", "lead", "lost", "lead", "qualified"],
             "t": [f"2026-01-{d:02}" for d in (1, 2, 3, 1, 2, 1, 1)]}  # fmt: skip
    steps = {row.stage: row for row in funnel(Journal.from_frame(frame, case="c", stage="s", at="t"), stages=LINE)}
    assert [(row.cases, row.skipped) for row in steps.values()] == [(3, 1), (1, 1), (1, 0), (0, 1), (0, 1), (1, 0)]
    assert (steps["lead"].share, steps["lead"].n, steps["lead"].n_open) == (0.75, 4, 1)
    assert steps["won"].n_open == 2


def test_against_pandas():
    """Distinct cases per stage, as a plain group-by counts them."""
    journal = simulate(LINE, 500, rng=np.random.default_rng(3)).journal
    frame = journal.to_frame("pandas")
    expected = frame.groupby("stage")["case"].nunique()
    assert all(row.cases == expected[row.stage] for row in funnel(journal, stages=LINE))
