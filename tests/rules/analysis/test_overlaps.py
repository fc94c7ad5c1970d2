"""Overlaps and shadows, against a look at every point."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointwise import interval_table, points, problems, region

from crmkit.errors import InvalidValue
from crmkit.rules.analysis._boxes import Budget, Grid
from crmkit.rules.analysis._overlaps import overlaps, shadowed


@given(problems(), st.data())
def test_overlaps_are_the_common_points(problem, data):
    """A pair is listed just if there is a common point; its box is all of them."""
    grid, rules, opaque = problem
    outcomes = data.draw(st.none() | st.lists(st.integers(0, 1), min_size=len(rules), max_size=len(rules)))
    wanted = {
        (a, b): points(grid, rules[a]) & points(grid, rules[b])
        for a, b in combinations(range(len(rules)), 2)
        if outcomes is None or outcomes[a] != outcomes[b]
    }
    found = overlaps(grid, rules, outcomes=outcomes, opaque=opaque)
    assert found.complete
    assert {(one.first, one.second): points(grid, one.box) for one in found.pairs} == {
        k: v for k, v in wanted.items() if v
    }
    assert all(one.certain == (not {one.first, one.second} & opaque) for one in found.pairs)


def test_a_limit_cuts_the_list_and_not_the_count():
    """All pairs are counted, so many are listed."""
    found = overlaps(Grid((2,)), [(3,)] * 4, limit=2)
    assert [(one.first, one.second) for one in found.pairs] == [(0, 1), (0, 2)]
    assert found.total == 6
    assert not found.complete


@given(problems(), st.data(), st.sampled_from([0, 10, 200, 100_000]))
def test_shadowed_is_covered_by_those_before(problem, data, steps):
    """A rule is reported just if the certain rules of lower rank cover it; those named do; doubt is said."""
    grid, rules, opaque = problem
    rank = data.draw(st.none() | st.lists(st.integers(0, 3), min_size=len(rules), max_size=len(rules)))
    places = list(range(len(rules))) if rank is None else rank
    found = {one.rule: one for one in shadowed(grid, rules, rank=rank, opaque=opaque, budget=Budget(steps))}
    for rule, box in enumerate(rules):
        before = {one for one in range(len(rules)) if places[one] < places[rule]} - opaque
        covered = bool(all(box)) and points(grid, box) <= region(grid, [rules[one] for one in before])
        if rule not in found:
            assert not covered
        elif found[rule].proved:
            assert covered
            assert set(found[rule].by) <= before
            assert points(grid, box) <= region(grid, [rules[one] for one in found[rule].by])
        else:
            assert found[rule].by == ()
            assert steps < 100_000


@given(problems())
def test_no_covering_rule_can_be_spared(problem):
    """With enough steps each rule named is needed."""
    grid, rules, _ = problem
    for one in shadowed(grid, rules):
        for other in one.by:
            left = [rules[rule] for rule in one.by if rule != other]
            assert not points(grid, rules[one.rule]) <= region(grid, left)


def test_many_small_rules_that_cover_are_found_by_the_sweep():
    """Where cutting into pieces runs out of steps, the sweep still proves the shadow."""
    cells = [(1 << a, 1 << b) for a in range(6) for b in range(6)]
    grid = Grid((6, 6))
    (found,) = shadowed(grid, [*cells, grid.full], budget=Budget(700))
    assert found.proved
    assert found.by == tuple(range(36))
    assert shadowed(grid, [*cells[1:], grid.full], budget=Budget(700)) == ()


def test_running_out_of_steps_is_said():
    """Rules that could not be decided are named without a proof."""
    found = shadowed(Grid((3, 3)), [(7, 3), (7, 6), (7, 7)], budget=Budget(0))
    assert [(one.rule, one.by, one.proved) for one in found] == [(1, (), False), (2, (), False)]


def test_there_is_one_rank_for_each_rule():
    """A rank of another length than the rules is refused."""
    with pytest.raises(InvalidValue, match="one place for each of 1 rules"):
        shadowed(Grid((1,)), [(1,)], rank=[1, 2])


@pytest.mark.parametrize("seed", range(3))
def test_larger_tables_at_every_budget(seed):
    """Whatever the budget, a proved shadow is one, and what is not reported is none."""
    grid, rules = interval_table(seed, rules=60, columns=3)
    covered = {r for r, box in enumerate(rules) if points(grid, box) <= region(grid, rules[:r])}
    assert {one.rule for one in shadowed(grid, rules)} == covered
    for steps in range(0, 6000, 250):
        found = shadowed(grid, rules, budget=Budget(steps))
        assert covered <= {one.rule for one in found}
        for one in found:
            by = region(grid, [rules[rule] for rule in one.by])
            assert not one.proved or (one.rule in covered and points(grid, rules[one.rule]) <= by)
