"""The geometry, against a look at every point."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointwise import boxes, disjoint, grids, hits, points, problems, region, reportable, weight

from crmkit.errors import InvalidValue
from crmkit.rules.analysis._boxes import Grid, Index, Meter, bits, marked, minus, ones, unreachable


@given(st.integers(0, 1 << 80))
def test_bits_and_ones_are_inverse(mask):
    """A mask is the mask of its bits."""
    assert ones(bits(mask)) == mask


@given(st.data())
def test_minus_is_the_difference_of_regions(data):
    """What is left are disjoint boxes that hold the points of the one and not of the other."""
    grid = data.draw(grids())
    one, other = data.draw(boxes(grid)), data.draw(boxes(grid))
    left = minus(one, other)
    assert region(grid, left) == points(grid, one) - points(grid, other)
    assert disjoint(grid, left)


@given(st.data())
def test_pieces_can_be_reported(data):
    """Splitting a box gives disjoint boxes of intervals, or sets where there is no order, and loses nothing."""
    grid = data.draw(grids())
    box = data.draw(boxes(grid))
    found = list(grid.split(box))
    assert region(grid, found) == points(grid, box)
    assert disjoint(grid, found)
    assert all(reportable(grid, column, side) for one in found for column, side in enumerate(one))


@given(st.data())
def test_stretching_is_maximal(data):
    """A stretched side holds the old one, stays within what is allowed, and no larger side does."""
    grid = data.draw(grids().filter(lambda grid: grid.sizes))
    full = grid.full[0]
    allowed = data.draw(st.integers(1, full))
    side = data.draw(
        st.sampled_from([one for one in range(1, full + 1) if not one & ~allowed and reportable(grid, 0, one)])
    )
    found = grid.stretch(0, side, allowed)
    assert reportable(grid, 0, found)
    assert found & side == side
    assert not found & ~allowed
    larger = [one for one in range(found + 1, full + 1) if one & found == found and not one & ~allowed]
    assert not any(reportable(grid, 0, one) for one in larger)


@given(grids(weighted=True), st.data())
def test_volumes_are_exact(grid, data):
    """The volume of a box is the sum over its points, without rounding."""
    box = data.draw(boxes(grid))
    assert grid.volume(box) == weight(grid, points(grid, box))


@given(problems(), st.data())
def test_the_index_knows_who_meets_and_who_contains(problem, data):
    """Masks of rules that meet or contain a box agree with the points."""
    grid, rules, _ = problem
    box = data.draw(boxes(grid).filter(all))
    index = Index(grid, rules)
    assert index.live == ones(r for r, rule in enumerate(rules) if all(rule))
    assert index.meeting(box) == ones(r for r, rule in enumerate(rules) if points(grid, rule) & points(grid, box))
    assert index.containing(box) == ones(r for r, rule in enumerate(rules) if points(grid, rule) >= points(grid, box))


@given(problems(), st.data())
def test_undominated_rules_have_the_same_union(problem, data):
    """Dropping dominated rules loses no point, and none of those kept holds another."""
    grid, rules, _ = problem
    index = Index(grid, rules)
    rest = (1 << len(grid.sizes)) - 1
    alive = index.live & data.draw(st.integers(0, max(index.live, 1)))
    kept = [rules[rule] for rule in bits(index.undominated(alive, rest))]
    assert region(grid, kept) == region(grid, [rules[rule] for rule in bits(alive)])
    assert not any(a is not b and points(grid, a) >= points(grid, b) for a in kept for b in kept)
    assert index.wide(rest) == ones(r for r, rule in enumerate(rules) if rule == grid.full)


def test_rules_that_match_nothing_are_named():
    """A rule with an empty side is unreachable."""
    assert unreachable([(1, 1), (0, 1), (3, 0)]) == (1, 2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Grid((2, 0)),
        lambda: Grid((2, 2), ordered=(True,)),
        lambda: Grid((2,), weights=((1, 2, 3),)),
        lambda: Grid((2,), weights=((1, -1),)),
        lambda: Grid((2,), weights=((1, float("inf")),)),
        lambda: Index(Grid((2,)), [(1, 1)]),
        lambda: Index(Grid((2,)), [(4,)]),
        lambda: marked([1], [(1,)]),
    ],
)
def test_what_does_not_fit_is_refused(make):
    """Grids, rules and positions that make no sense are errors, not wrong answers."""
    with pytest.raises(InvalidValue):
        make()


def test_weights_are_taken_at_their_exact_value():
    """A tenth as a float is not a tenth."""
    assert Grid((2,), weights=((0.5, 2.0),)).weights == ((Fraction(1, 2), 2),)
    assert Grid((1,), weights=((0.1,),)).volume((1,)) == Fraction(0.1)


def test_without_flags_everything_is_ordered_and_nothing_null():
    """The defaults of a grid are intervals of ordinary cells, each of weight 1."""
    grid = Grid((3,))
    assert grid.pieces(0, 0b101) == [1, 4]
    assert grid.volume((0b101,)) == 2
    assert hits((0b101,), (2,))


def test_a_meter_says_when_it_is_spent():
    """More than the budget cannot be spent unnoticed."""
    meter = Meter(2)
    assert meter.spend(2)
    assert not meter.spent
    assert not meter.spend(1)
    assert meter.spent
