"""Boxes on a grid of elementary cells: the geometry under all questions about a table of rules.

A column of a table is cut at every breakpoint into cells, points and open intervals in turn; a rule is a box, one
integer bitmask a column, bit i set where it matches cell i. Reading tables this way is due to Calvanese, Dumas,
Laurson, Maggi, Montali and Teinemaa, "Semantics, analysis and simplification of DMN decision tables", Information
Systems 78 (2018).
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import isfinite
from typing import TypeVar

import attrs

from crmkit.errors import InvalidValue

__all__ = [
    "Box",
    "Budget",
    "Grid",
    "Index",
    "Meter",
    "Weight",
    "alike",
    "bits",
    "marked",
    "minus",
    "ones",
    "unreachable",
]

Key = TypeVar("Key", bound=Hashable)

#: One bitmask a column: the cells the box stands on.
Box = tuple[int, ...]
#: An exact volume.
Weight = int | Fraction


def _exact(weights: Iterable[Iterable[float | Fraction]]) -> tuple[tuple[Weight, ...], ...]:
    return tuple(tuple(_weight(one) for one in column) for column in weights)


def _weight(value: float | Fraction) -> Weight:
    if not isfinite(value) or value < 0:
        raise InvalidValue("weight", value, "is not a finite number of at least 0")
    exact = Fraction(value)
    return exact.numerator if exact.denominator == 1 else exact


def _flags(given: Iterable[bool]) -> tuple[bool, ...]:
    return tuple(given)


@attrs.frozen
class Grid:
    """The domain of a table: how many elementary cells each column has, and what they are.

    Attributes:
        sizes: the number of cells of each column, at least 1.
        ordered: for each column, whether cell i lies next to cell i + 1, so that boxes are reported as intervals; any
            set of cells is one side where it is false. All are ordered if left out.
        nullable: for each column, whether its last cell is the null point, which may accompany any interval of an
            ordered column. None is if left out.
        weights: for each column the weight of each cell, so that volumes mean something; 1 each if left out. Floats
            are taken at their exact value.

    Raises:
        InvalidValue: if a column has no cells, a weight is negative, or the lengths do not fit each other.
    """

    sizes: tuple[int, ...]
    ordered: tuple[bool, ...] = attrs.field(default=(), converter=_flags, kw_only=True)
    nullable: tuple[bool, ...] = attrs.field(default=(), converter=_flags, kw_only=True)
    weights: tuple[tuple[Weight, ...], ...] = attrs.field(default=(), converter=_exact, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if any(size < 1 for size in self.sizes):
            raise InvalidValue("grid", self.sizes, "has a column without cells")
        for name, given in (("ordered", self.ordered), ("nullable", self.nullable), ("weights", self.weights)):
            if given and len(given) != len(self.sizes):
                raise InvalidValue("grid", given, f"is not one {name} for each of {len(self.sizes)} columns")
        if self.weights and tuple(map(len, self.weights)) != self.sizes:
            raise InvalidValue("grid", self.weights, f"is not one weight for each cell of {self.sizes}")

    @property
    def full(self) -> Box:
        """The box that is the whole domain."""
        return tuple((1 << size) - 1 for size in self.sizes)

    def weigh(self, column: int, side: int) -> Weight:
        """The weight of some cells of a column."""
        if not self.weights:
            return side.bit_count()
        weights = self.weights[column]
        return sum((weights[cell] for cell in bits(side)), 0)

    def volume(self, box: Box) -> Weight:
        """The exact weight of a box: the product of the weights of its sides."""
        total: Weight = 1
        for column, side in enumerate(box):
            total *= self.weigh(column, side)
        return total

    def pieces(self, column: int, side: int) -> list[int]:
        """A side as disjoint sides that can be reported: intervals where ordered, the side itself where not.

        The null point goes with the interval if there is but one, else it stands alone.
        """
        if not side or not self._is_ordered(column):
            return [side] if side else []
        null = side & self._null(column)
        found = list(_runs(side ^ null))
        if null and len(found) == 1:
            return [found[0] | null]
        return [*found, null] if null else found

    def split(self, box: Box) -> Iterator[Box]:
        """A box as disjoint boxes whose sides can be reported."""
        return product(*(self.pieces(column, side) for column, side in enumerate(box)))

    def stretch(self, column: int, side: int, allowed: int) -> int:
        """The largest side that can be reported, holds `side` and stays within `allowed`, which holds `side`."""
        if not self._is_ordered(column):
            return allowed
        null = allowed & self._null(column)
        body = side & ~self._null(column)
        found = [run for run in _runs(allowed ^ null) if not body or run & body]
        return max(found, key=int.bit_count, default=0) | null

    def _is_ordered(self, column: int) -> bool:
        return not self.ordered or self.ordered[column]

    def _null(self, column: int) -> int:
        return 1 << self.sizes[column] - 1 if self.nullable and self.nullable[column] else 0


@attrs.frozen
class Budget:
    """How much work an answer may cost, counted in steps (a cell or a rule looked at), never in seconds.

    Attributes:
        steps: a million are roughly a quarter of a second.
    """

    steps: int = 2_000_000


class Meter:
    """What is left of a budget."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int) -> bool:
        """Take steps off; whether there were enough."""
        self.left -= steps
        return self.left >= 0

    @property
    def spent(self) -> bool:
        """Whether more was asked for than there was, so that the answer is not complete."""
        return self.left < 0


def alike(keys: Iterable[Key]) -> dict[Key, int]:
    """For each key the mask of the positions it stands at."""
    found: dict[Key, int] = {}
    for position, key in enumerate(keys):
        found[key] = found.get(key, 0) | 1 << position
    return found


def bits(mask: int) -> Iterator[int]:
    """The positions of the set bits, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def ones(positions: Iterable[int]) -> int:
    """The mask with these bits set."""
    mask = 0
    for position in positions:
        mask |= 1 << position
    return mask


def minus(box: Box, other: Box) -> list[Box]:
    """What is left of a box without another: at most one disjoint box a column."""
    found: list[Box] = []
    rest = list(box)
    for column, (side, taken) in enumerate(zip(box, other, strict=True)):
        if not side & taken:
            return [box]
        if side & ~taken:
            found.append((*rest[:column], side & ~taken, *rest[column + 1 :]))
            rest[column] = side & taken
    return found


def marked(positions: Collection[int], rules: Sequence[Box]) -> int:
    """The mask of rules named by position.

    Raises:
        InvalidValue: if there is no such rule.
    """
    for position in positions:
        if not 0 <= position < len(rules):
            raise InvalidValue("rule", position, f"is not one of {len(rules)}")
    return ones(positions)


def unreachable(rules: Sequence[Box]) -> tuple[int, ...]:
    """The positions of the rules with an empty side: they match nothing, and every other question ignores them."""
    return tuple(position for position, rule in enumerate(rules) if not all(rule))


def _runs(mask: int) -> Iterator[int]:
    """The maximal runs of neighbouring set bits, lowest first."""
    while mask:
        low = mask & -mask
        # Adding the lowest bit carries through its run.
        run = mask & ~(mask + low)
        yield run
        mask ^= run


class Index:
    """A list of rules turned on its side: for each cell of each column, the bitmask of the rules that match it.

    Attributes:
        rules: the boxes, as given; bit r of every mask is rule r.
        live: the rules that match anything at all.
        cells: for each column and cell, the rules that match it.
        groups: for each column, the distinct masks of rules with the cells they belong to.
        narrow: for each column, the rules that do not match all of it.

    Raises:
        InvalidValue: if a rule has another number of columns than the grid, or cells the grid has not.
    """

    def __init__(self, grid: Grid, rules: Sequence[Box]) -> None:
        _check(grid, rules)
        self.rules = rules
        self.live = ones(position for position, rule in enumerate(rules) if all(rule))
        self.cells = [_turned(size, [rule[column] for rule in rules]) for column, size in enumerate(grid.sizes)]
        self.groups = [_grouped(cells) for cells in self.cells]
        self._equal = [alike(rule[column] for rule in rules) for column in range(len(grid.sizes))]
        self.narrow = [self.live & ~equal.get(full, 0) for equal, full in zip(self._equal, grid.full, strict=True)]
        self._wide: dict[int, int] = {0: self.live}
        self._touching: list[dict[int, int]] = [{} for _ in grid.sizes]
        self._holding: list[dict[int, int]] = [{} for _ in grid.sizes]
        self._joints = [[cells] for cells in self.cells]
        self._over: dict[int, dict[int, int]] = {}

    def touching(self, column: int, side: int) -> int:
        """The rules that match at least one of these cells."""
        known = self._touching[column]
        if side not in known:
            found = 0
            for mask, cells in self.groups[column]:
                if cells & side:
                    found |= mask
            known[side] = found
        return known[side]

    def holding(self, column: int, side: int) -> int:
        """The rules that match all of these cells."""
        known = self._holding[column]
        if side not in known:
            found = self.live
            for run in _runs(side):
                low, size = (run & -run).bit_length() - 1, run.bit_count()
                level = self._joint(column, size.bit_length() - 1)
                # Two ranges of a power of two of cells, which may overlap, are the run.
                found &= level[low] & level[low + size - (1 << size.bit_length() - 1)]
            known[side] = found
        return known[side]

    def _joint(self, column: int, level: int) -> list[int]:
        """For each cell of a column the rules that match it and the cells after it, `2 ** level` in all."""
        levels = self._joints[column]
        while len(levels) <= level:
            last, half = levels[-1], 1 << len(levels) - 1
            levels.append([one & other for one, other in zip(last, last[half:], strict=False)])
        return levels[level]

    def meeting(self, box: Box) -> int:
        """The rules that share a point with the box."""
        found = self.live
        for column, side in enumerate(box):
            found &= self.touching(column, side)
        return found

    def missing(self, box: Box) -> list[int]:
        """For each column the rules that share a point with the box in all other columns, and none in this one."""
        near, met = 0, self.live
        touching = [self.touching(column, side) for column, side in enumerate(box)]
        for rules in touching:
            near, met = near & rules | met & ~rules, met & rules
        return [near & ~rules for rules in touching]

    def containing(self, box: Box) -> int:
        """The rules that hold the whole box."""
        found = self.live
        for column, side in enumerate(box):
            found &= self.holding(column, side)
        return found

    def wide(self, rest: int) -> int:
        """The rules that match everything in the columns of the mask `rest`."""
        known = self._wide.get(rest)
        if known is None:
            low = rest & -rest
            known = self._wide[rest] = self.wide(rest ^ low) & ~self.narrow[low.bit_length() - 1]
        return known

    def undominated(self, alive: int, rest: int) -> int:
        """The alive rules without those that another one holds in all columns of `rest`: the same union."""
        kept = left = alive
        known = self._over.setdefault(rest, {})
        while left:
            low = left & -left
            left ^= low
            over = known.get(low)
            if over is None:
                over = known[low] = self._dominating(low, rest)
            if over & alive:
                kept ^= low
        return kept

    def _dominating(self, bit: int, rest: int) -> int:
        """The rules that hold the rule of a bit in all columns of `rest`; of equal ones only those before it."""
        rule = self.rules[bit.bit_length() - 1]
        over = equal = self.live
        for column in bits(rest):
            over &= self.holding(column, rule[column])
            equal &= self._equal[column][rule[column]]
        return over & ~(equal & -bit)


def _check(grid: Grid, rules: Sequence[Box]) -> None:
    for rule in rules:
        if len(rule) != len(grid.sizes) or any(side >> size for side, size in zip(rule, grid.sizes, strict=True)):
            raise InvalidValue("rule", rule, f"does not lie on a grid of {grid.sizes} cells")


def _turned(size: int, sides: Sequence[int]) -> list[int]:
    """For each cell the mask of the sides that hold it: toggled where runs begin and end, then summed up."""
    toggles = [0] * (size + 1)
    for position, side in enumerate(sides):
        bit = 1 << position
        for edge in bits(side ^ side << 1):
            toggles[edge] ^= bit
    cells: list[int] = []
    mask = 0
    for toggle in toggles[:size]:
        mask ^= toggle
        cells.append(mask)
    return cells


def _grouped(cells: Sequence[int]) -> list[tuple[int, int]]:
    groups: dict[int, int] = {}
    for cell, mask in enumerate(cells):
        groups[mask] = groups.get(mask, 0) | 1 << cell
    return list(groups.items())
