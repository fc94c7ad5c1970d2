"""Gaps, against a look at every point."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointwise import disjoint, interval_table, points, problems, region, reportable, weight

from crmkit.rules.analysis._boxes import Budget, Grid
from crmkit.rules.analysis._gaps import gaps

#: How many bits a mask of several columns may take: none, a few columns, all columns.
SOME_BITS = st.sampled_from([0, 40, 1 << 14])


def uncovered(grid, rules, opaque):
    """The points no certain rule matches."""
    return points(grid) - region(grid, [rule for r, rule in enumerate(rules) if r not in opaque])


@given(problems(weighted=True), SOME_BITS)
def test_tiles_and_rules_tile_the_domain(problem, most):
    """Tiles are disjoint and are just what no certain rule matches, as is the volume."""
    grid, rules, opaque = problem
    found = gaps(grid, rules, opaque=opaque, most=most)
    assert found.proved
    assert found.complete
    assert disjoint(grid, found.tiles)
    assert region(grid, found.tiles) == uncovered(grid, rules, opaque)
    assert found.volume == weight(grid, uncovered(grid, rules, opaque))
    volumes = [grid.volume(tile) for tile in found.tiles]
    assert volumes == sorted(volumes, reverse=True)


@given(problems(), SOME_BITS)
def test_boxes_are_maximal_and_needed(problem, most):
    """Boxes are the gap together, none can grow in any column, none is covered by the others."""
    grid, rules, opaque = problem
    found = [gap.box for gap in gaps(grid, rules, opaque=opaque, most=most).boxes]
    empty = uncovered(grid, rules, opaque)
    assert region(grid, found) == empty
    for box in found:
        assert points(grid, box) - region(grid, [one for one in found if one != box])
        for column, side in enumerate(box):
            assert reportable(grid, column, side)
            larger = [
                one
                for one in range(side + 1, grid.full[column] + 1)
                if one & side == side and reportable(grid, column, one)
            ]
            assert not any(points(grid, (*box[:column], one, *box[column + 1 :])) <= empty for one in larger)


@given(problems())
def test_a_gap_is_certain_where_no_opaque_rule_is(problem):
    """A gap that an opaque rule might fill is reported, and marked."""
    grid, rules, opaque = problem
    maybe = region(grid, [rules[rule] for rule in opaque])
    assert all(gap.certain == (not points(grid, gap.box) & maybe) for gap in gaps(grid, rules, opaque=opaque).boxes)


@given(problems(), st.integers(0, 40), st.integers(1, 3), SOME_BITS)
def test_a_small_budget_claims_nothing_wrong(problem, steps, limit, most):
    """Whatever is reported before the steps run out is a gap, and what is proved is so."""
    grid, rules, opaque = problem
    found = gaps(grid, rules, opaque=opaque, limit=limit, budget=Budget(steps), most=most)
    empty = uncovered(grid, rules, opaque)
    listed = region(grid, found.tiles)
    assert listed <= empty
    assert region(grid, [gap.box for gap in found.boxes]) <= empty
    assert len(found.boxes) <= limit
    assert found.volume == len(empty) if found.proved else found.volume <= len(empty)
    if found.complete:
        assert listed == empty == region(grid, [gap.box for gap in found.boxes])


def test_running_out_of_steps_is_said():
    """Without steps nothing is proved, although nothing was found."""
    found = gaps(Grid((3, 3)), [(1, 1)], budget=Budget(0))
    assert (found.boxes, found.volume, found.proved, found.complete) == ((), 0, False, False)


def test_a_list_cut_short_is_said():
    """With one box allowed out of two, the heavier is listed and the answer is not complete, yet proved."""
    found = gaps(Grid((5,)), [(0b00100,), (0b10000,)], limit=1)
    assert [gap.box for gap in found.boxes] == [(0b00011,)]
    assert found.proved
    assert not found.complete


def test_many_tiles_are_cut_at_the_limit():
    """Where one box holds a dozen tiles, ten are read if one box is allowed, and the answer is not complete."""
    rules = [(1 << cell, 0b10, 1 << cell) for cell in range(12)]
    found = gaps(Grid((12, 2, 12)), rules, limit=1)
    assert [gap.box for gap in found.boxes] == [((1 << 12) - 1, 0b01, (1 << 12) - 1)]
    assert len(found.tiles) == 10
    assert found.proved
    assert not found.complete
    assert found.volume == 12 * 2 * 12 - 12


def test_no_tile_is_read_after_the_last_box():
    """Where each tile has a box of its own, the first that has none any more is the last one read."""
    rules = [tuple(1 << cell for _ in range(2)) for cell in range(30)]
    found = gaps(Grid((30, 30)), rules, limit=4)
    assert len(found.boxes) == 4
    assert len(found.tiles) <= 5
    assert not found.complete
    assert found.volume == 30 * 30 - 30


@pytest.mark.parametrize("most", [0, 1 << 14])
@pytest.mark.parametrize("seed", range(5))
def test_larger_tables_at_every_budget(seed, most):
    """However early the steps run out on a table with parts that look alike, what is reported is a gap."""
    grid, rules = interval_table(seed)
    empty = points(grid) - region(grid, rules)
    enough = gaps(grid, rules, limit=1000, most=most)
    assert enough.complete
    assert region(grid, enough.tiles) == empty
    for steps in [*range(0, 200, 5), *range(200, 4000, 100)]:
        found = gaps(grid, rules, limit=20, budget=Budget(steps), most=most)
        assert region(grid, found.tiles) | region(grid, [gap.box for gap in found.boxes]) <= empty
        assert found.volume == len(empty) if found.proved else found.volume <= len(empty)


def test_parts_that_differ_in_a_dominated_rule_are_read_once():
    """A rule that another one holds in the columns left makes no difference there."""
    found = gaps(Grid((3, 3, 3)), [(0b011, 0b011, 0b011), (0b110, 0b001, 0b001)])
    assert found.volume == 27 - 8 - 1
