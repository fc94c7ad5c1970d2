"""Small tables, and what a look at every single point says about them."""

from itertools import pairwise, product
from random import Random

from hypothesis import strategies as st

from crmkit.rules.analysis._boxes import Grid, bits


@st.composite
def grids(draw, *, weighted=False):
    """A grid of at most three columns of at most four cells, of every kind."""
    sizes = tuple(draw(st.lists(st.integers(1, 4), min_size=0, max_size=3)))
    flags = st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes))
    weight = st.integers(0, 5) | st.sampled_from([0.1, 2.5])
    weights = tuple(tuple(draw(st.lists(weight, min_size=size, max_size=size))) for size in sizes) if weighted else ()
    return Grid(sizes, ordered=tuple(draw(flags)), nullable=tuple(draw(flags)), weights=weights)


def sides(size):
    """Any set of cells, often all, seldom none."""
    full = (1 << size) - 1
    return st.one_of(st.just(full), st.integers(min(1, full), full), st.integers(0, full))


def boxes(grid):
    """Any box on a grid."""
    return st.tuples(*map(sides, grid.sizes))


def tables(grid, most=8):
    """Any list of boxes on a grid."""
    return st.lists(boxes(grid), max_size=most)


@st.composite
def problems(draw, *, weighted=False):
    """A grid, a table on it, and which of its rules are opaque."""
    grid = draw(grids(weighted=weighted))
    rules = draw(tables(grid))
    opaque = draw(st.sets(st.sampled_from(range(len(rules))))) if rules else set()
    return grid, rules, opaque


def points(grid, box=None):
    """All points of a box, or of the domain."""
    return set(product(*map(list, map(bits, grid.full if box is None else box))))


def region(grid, listed):
    """All points of some boxes."""
    return set().union(*(points(grid, box) for box in listed))


def hits(box, point):
    """Whether a box holds a point."""
    return all(side >> cell & 1 for side, cell in zip(box, point, strict=True))


def weight(grid, found):
    """The weight of some points, one by one."""
    total = 0
    for point in found:
        one = 1
        for column, cell in enumerate(point):
            one *= grid.weights[column][cell] if grid.weights else 1
        total += one
    return total


def reportable(grid, column, side):
    """Whether a side is an interval, with or without the null point, or may be any set."""
    if not grid.ordered[column]:
        return side > 0
    null = grid.sizes[column] - 1 if grid.nullable[column] else -1
    cells = [cell for cell in bits(side) if cell != null]
    return side > 0 and all(high - low == 1 for low, high in pairwise(cells))


def disjoint(grid, listed):
    """Whether no point is in two of the boxes."""
    return sum(len(points(grid, box)) for box in listed) == len(region(grid, listed))


def interval_table(seed, *, rules=12, columns=4, size=5):
    """A grid and some rules of random intervals, large enough for parts of it to look alike."""
    chance = Random(seed)
    full = (1 << size) - 1

    def side():
        low, high = sorted((chance.randrange(size), chance.randrange(size)))
        return full if chance.random() < 0.2 else full >> size - 1 - high & full << low

    return Grid((size,) * columns), [tuple(side() for _ in range(columns)) for _ in range(rules)]
