"""Merges and differences, against a look at every point."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointwise import disjoint, grids, hits, interval_table, points, problems, reportable, tables

from crmkit.errors import InvalidValue
from crmkit.rules.analysis._boxes import Budget, Grid
from crmkit.rules.analysis._merge import Merge, difference, merged


def decided(entries, point, policy):
    """What a table decides at a point."""
    found = [outcome for box, outcome in entries if hits(box, point)]
    return frozenset(found) if policy == "all" else next(iter(found), None)


@st.composite
def versions(draw):
    """A grid and two tables on it that may share rules."""
    grid = draw(grids())
    pool = [grid.full, *draw(tables(grid, most=5))]
    entry = st.tuples(st.sampled_from(pool), st.sampled_from("abc"))
    return grid, draw(st.lists(entry, max_size=6)), draw(st.lists(entry, max_size=6))


@given(problems(), st.data(), st.booleans())
def test_merging_changes_no_decision(problem, data, ordered):
    """Putting the box in place of the two rules leaves what is decided as it was, everywhere."""
    grid, rules, opaque = problem
    outcomes = data.draw(st.lists(st.sampled_from("ab"), min_size=len(rules), max_size=len(rules)))
    policy = "first" if ordered else "all"
    before = list(zip(rules, outcomes, strict=True))
    for one in merged(grid, rules, outcomes, ordered_policy=ordered, opaque=opaque):
        assert not opaque & set(one.rules)
        after = list(before)
        after[one.at] = one.box, outcomes[one.rules[0]]
        del after[sum(one.rules) - one.at]
        assert all(decided(before, point, policy) == decided(after, point, policy) for point in points(grid))
        assert points(grid, one.box) == points(grid, rules[one.rules[0]]) | points(grid, rules[one.rules[1]])


def test_intervals_that_meet_are_merged():
    """Neighbouring intervals become one, distant ones do not, and sets of unordered values always do."""
    rules = [(0b00011, 1), (0b01100, 1), (0b10000, 2)]
    assert merged(Grid((5, 2)), rules, "aaa", ordered_policy=True) == (Merge((0, 1), (0b01111, 1), 0),)
    distant = [(0b00001,), (0b10000,)]
    assert merged(Grid((5,)), distant, "aa", ordered_policy=True) == ()
    assert merged(Grid((5,), ordered=(False,)), distant, "aa", ordered_policy=True) == (Merge((0, 1), (0b10001,), 0),)


def test_a_rule_between_decides_where_the_merged_one_goes():
    """The later rule cannot move up past one that decides otherwise, so the earlier one moves down."""
    rules = [(0b0011,), (0b0100,), (0b1100,)]
    assert merged(Grid((4,)), rules, "aba", ordered_policy=True) == (Merge((0, 2), (0b1111,), 2),)
    assert merged(Grid((4,)), [rules[0], (0b0110,), rules[2]], "aba", ordered_policy=True) == ()


def test_a_rule_within_another_is_merged_into_it():
    """A rule that an earlier one holds with the same outcome adds nothing; a later one that holds it may."""
    small, large = (0b001, 0b001), (0b111, 0b111)
    assert merged(Grid((3, 3)), [large, (7, 2), small], "aba", ordered_policy=True) == (Merge((0, 2), large, 0),)
    assert merged(Grid((3, 3)), [small, (7, 2), large], "aba", ordered_policy=True) == (Merge((0, 2), large, 2),)


def test_there_is_one_outcome_for_each_rule():
    """Another number of outcomes is refused."""
    with pytest.raises(InvalidValue, match="one for each of 1 rules"):
        merged(Grid((1,)), [(1,)], "ab", ordered_policy=True)


@given(versions(), st.sampled_from(["first", "all"]))
def test_difference_is_exact(version, policy):
    """Changes are disjoint boxes, hold just the points decided differently, and say how."""
    grid, before, after = version
    found = difference(grid, before, after, policy=policy)
    assert found.proved
    assert found.complete
    assert disjoint(grid, [change.box for change in found.changes])
    wanted = {
        point: (decided(before, point, policy), decided(after, point, policy))
        for point in points(grid)
        if decided(before, point, policy) != decided(after, point, policy)
    }
    assert {p: (one.before, one.after) for one in found.changes for p in points(grid, one.box)} == wanted
    assert found.volume == len(wanted)
    assert all(reportable(grid, column, side) for one in found.changes for column, side in enumerate(one.box))


@given(versions(), st.sampled_from(["first", "all"]))
def test_a_table_does_not_differ_from_itself(version, policy):
    """No table has a difference to itself, and no step is needed to see it."""
    grid, before, _ = version
    found = difference(grid, before, before, policy=policy, budget=Budget(0))
    assert found.changes == ()
    assert found.proved


@given(versions(), st.sampled_from(["first", "all"]), st.integers(0, 30), st.integers(0, 3))
def test_a_small_budget_claims_nothing_wrong(version, policy, steps, limit):
    """What is reported before the steps or the list run out are real changes, and what is missing is said."""
    grid, before, after = version
    found = difference(grid, before, after, policy=policy, limit=limit, budget=Budget(steps))
    real = {p for p in points(grid) if decided(before, p, policy) != decided(after, p, policy)}
    listed = {p for one in found.changes for p in points(grid, one.box)}
    assert listed <= real
    assert found.volume == len(real) if found.proved else found.volume <= len(real)
    if found.complete:
        assert listed == real


def test_a_changed_outcome_is_one_change():
    """A table with one outcome changed differs in one box, from the old to the new."""
    rules = [((0b00111, 0b11), "low"), ((0b11111, 0b01), "mid")]
    found = difference(Grid((5, 2)), rules, [rules[0], (rules[1][0], "high")], policy="first")
    assert [(one.box, one.before, one.after) for one in found.changes] == [((0b11000, 0b01), "mid", "high")]


def test_changes_that_touch_are_joined():
    """Tiles of the same change that differ in one column only are reported as one box."""
    cells = [((1 << a, 1 << b), "x") for a in range(3) for b in range(3)]
    found = difference(Grid((3, 3)), [], cells, policy="first")
    assert [(one.box, one.before, one.after) for one in found.changes] == [((7, 7), None, "x")]


def test_running_out_of_steps_is_said():
    """Without steps nothing is proved, although nothing was found."""
    found = difference(Grid((3, 3)), [], [((1, 1), "x")], policy="first", budget=Budget(0))
    assert (found.changes, found.volume, found.proved, found.complete) == ((), 0, False, False)


@pytest.mark.parametrize("policy", ["first", "all"])
@pytest.mark.parametrize("seed", range(4))
def test_larger_tables_at_every_budget(seed, policy):
    """The changes of an edited table are exact, and however early the steps run out, what is reported is a change."""
    grid, rules = interval_table(seed)
    before = [(box, "abc"[place % 3]) for place, box in enumerate(rules)]
    after = [*before[1:6], (rules[6], "x"), before[0], *before[8:]]
    real = {
        point: pair
        for point in points(grid)
        if (pair := (decided(before, point, policy), decided(after, point, policy)))[0] != pair[1]
    }
    for steps in [*range(0, 3000, 150), 1_000_000]:
        found = difference(grid, before, after, policy=policy, budget=Budget(steps))
        listed = {point: (one.before, one.after) for one in found.changes for point in points(grid, one.box)}
        assert listed.items() <= real.items()
        assert found.proved == found.complete
        assert listed == real if found.proved else steps < 1_000_000
