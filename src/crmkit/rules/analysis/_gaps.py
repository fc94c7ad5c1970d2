"""Gaps: what no rule of a table matches, as maximal boxes, with its exact volume.

The sweep reads one column after the other and remembers what it found for each set of rules still alive (a
multi-valued decision diagram). It stops where an alive rule matches everything that is left, drops rules that another
alive rule holds, and at each step reads the column after which most rules match everything that is left.
"""

from collections.abc import Collection, Iterator, Sequence

import attrs

from crmkit.rules.analysis._blocks import MOST_BITS
from crmkit.rules.analysis._boxes import Box, Budget, Grid, Index, Meter, Weight, bits, marked, minus
from crmkit.rules.analysis._diagrams import Diagram

__all__ = ["Gap", "Gaps", "Sweep", "gaps"]

_TILES = 10


@attrs.frozen
class Gap:
    """A box that no rule is known to match.

    Attributes:
        box: where; it cannot be made larger in any column.
        certain: whether no opaque rule meets it either.
    """

    box: Box
    certain: bool


@attrs.frozen
class Gaps:
    """What a table leaves open.

    Attributes:
        boxes: maximal boxes, which may overlap, the heaviest first as a rule.
        tiles: the same region as disjoint boxes, whose sides may be any sets of cells, the heaviest first.
        volume: the exact weight of the region; a lower bound unless `proved`.
        proved: whether the whole domain was read, so that "no gaps" means that there are none.
        complete: whether `boxes` and `tiles` are the whole region: it was proved, and no limit cut the lists.
    """

    boxes: tuple[Gap, ...]
    tiles: tuple[Box, ...]
    volume: Weight
    proved: bool
    complete: bool


def gaps(
    grid: Grid,
    rules: Sequence[Box],
    *,
    opaque: Collection[int] = (),
    limit: int = 100,
    budget: Budget = Budget(),  # noqa: B008 - a frozen value
    most: int = MOST_BITS,
) -> Gaps:
    """What no rule matches.

    Args:
        grid: the domain.
        rules: the boxes.
        opaque: the positions of the rules with conditions that cells do not express; they match somewhere in their
            box or not at all, and so never close a gap.
        limit: how many boxes to report, and a tenth of how many tiles; no tile is read once there are more boxes.
        budget: how much work to spend; what was found by then is reported with `proved` false.
        most: how many bits several columns may take to be read as one bitmask; the answer does not depend on it.

    Raises:
        InvalidValue: if a rule does not lie on the grid, or a position is not that of a rule.
    """
    hidden = marked(opaque, rules)
    index = Index(grid, rules)
    meter = Meter(budget.steps)
    diagram = Diagram(grid, most=most)
    root = Sweep(index, diagram, meter).run(index.live & ~hidden)
    proved = not meter.spent
    tiles = (tile for tile, _ in diagram.tiles(root))
    # Reporting has steps of its own: a sweep that ran out has still found something to report.
    boxes, read, whole = _maximal(grid, index, tiles, hidden, limit=limit, meter=Meter(budget.steps))
    found = tuple(Gap(box, not index.meeting(box) & hidden) for box in boxes)
    return Gaps(found, tuple(read), diagram.volume(root), proved, proved and whole)


class Sweep:
    """The diagram of what the alive rules leave open.

    Attributes:
        closing: once it ran, rules that cover together what all of them cover.
    """

    def __init__(self, index: Index, diagram: Diagram, meter: Meter) -> None:
        self.closing = 0
        self._index = index
        self._diagram = diagram
        self._meter = meter
        self._known: dict[int, dict[int, int]] = {}
        self._blocks = diagram.blocks
        self._masks: dict[int, list[int | None]] = {}

    def run(self, alive: int) -> int:
        """The node of what these rules leave open."""
        rest = (1 << len(self._index.cells)) - 1
        if not alive:
            return self._diagram.leaf(rest, value=True)
        self.closing = alive & self._index.wide(rest)
        return 0 if self.closing else self._node(alive, rest)

    def _node(self, alive: int, rest: int) -> int:
        """The node of some alive rules, none of which matches all of the columns of `rest`."""
        known = self._known.setdefault(rest, {})
        node = known.get(alive)
        if node is None and self._blocks.small(rest):
            node = known[alive] = self._block(alive, rest)
        if node is None:
            kept = self._index.undominated(alive, rest)
            node = known.get(kept)
            if node is None:
                node = known[kept] = self._read(kept, rest)
            known[alive] = node
        return node

    def _read(self, alive: int, rest: int) -> int:
        column = _best(self._index, alive, rest)
        groups = self._index.groups[column]
        if not self._meter.spend(len(groups) + alive.bit_count()):
            return 0
        after = rest ^ 1 << column
        children: dict[int, int] = {}
        for key, side in self._open(alive, groups, after).items():
            child = self._node(key, after) if key else self._diagram.leaf(after, value=True)
            children[child] = children.get(child, 0) | side
        children.pop(0, None)
        return self._diagram.branch(rest, column, children)

    def _block(self, alive: int, rest: int) -> int:
        """A few columns need no cells: they are open outside the boxes of the alive rules, taken as bitmasks."""
        if not self._meter.spend(alive.bit_count()):
            return 0
        masks = self._masks.setdefault(rest, [None] * len(self._index.rules))
        closed, left = 0, alive
        while left:
            rule = left.bit_length() - 1
            left ^= 1 << rule
            mask = masks[rule]
            if mask is None:
                mask = masks[rule] = self._blocks.of(self._index.rules[rule], rest)
            closed |= mask
        self.closing |= alive
        return self._diagram.block(rest, self._blocks.whole(rest) ^ closed)

    def _open(self, alive: int, groups: Sequence[tuple[int, int]], after: int) -> dict[int, int]:
        """The cells of a column by the rules alive in them, without those where one matches all that is left."""
        wide = alive & self._index.wide(after)
        self.closing |= wide
        sides: dict[int, int] = {}
        for mask, side in groups:
            if not wide & mask:
                key = alive & mask
                sides[key] = sides.get(key, 0) | side
        return sides


def _best(index: Index, alive: int, rest: int) -> int:
    """The column to read next: the one that leaves most rules without a condition, then the one with most conditions.

    A greedy choice for each set of rules: a fixed order of columns reads several times as many cells.
    """

    def promise(column: int) -> tuple[int, int]:
        freed = alive & index.wide(rest ^ 1 << column)
        return freed.bit_count(), (alive & index.narrow[column]).bit_count()

    return max(bits(rest), key=promise)


def _maximal(
    grid: Grid, index: Index, tiles: Iterator[Box], hidden: int, *, limit: int, meter: Meter
) -> tuple[list[Box], list[Box], bool]:
    """Maximal boxes that cover the tiles, the tiles that were read for them, and whether these are all."""
    found: list[Box] = []
    read: list[Box] = []
    for tile in tiles:
        if len(read) == limit * _TILES:
            return _needed(found, meter), read, False
        read.append(tile)
        for left in _left(tile, found, meter):
            if len(found) == limit:
                return found, read, False
            found.append(_grown(grid, index, next(grid.split(left)), hidden))
    return _needed(found, meter), read, not meter.spent


def _left(box: Box, covers: Sequence[Box], meter: Meter) -> Iterator[Box]:
    """Parts of the box outside all covers, to which one is added for each part, until the steps run out."""
    stack = [(box, 0)]
    while stack:
        piece, start = stack.pop()
        for position in range(start, len(covers)):
            if not meter.spend(1):
                return
            for side, taken in zip(piece, covers[position], strict=True):
                if not side & taken:
                    break
            else:
                stack += [(one, position + 1) for one in minus(piece, covers[position])]
                break
        else:
            stack.append((piece, len(covers)))
            yield piece


def _needed(boxes: Sequence[Box], meter: Meter) -> list[Box]:
    """The boxes without those that the others cover together; later ones go first, as they are lighter."""
    kept = list(boxes)
    for box in reversed(boxes):
        others = [one for one in kept if one != box]
        if next(_left(box, others, meter), None) is None and not meter.spent:
            kept = others
    return kept


def _grown(grid: Grid, index: Index, box: Box, hidden: int) -> Box:
    """The box, stretched as far as no certain rule is met: always first in the column that gains most."""
    columns = [*range(len(box))]
    while columns:
        walls = index.missing(box)
        sides = {column: _stretched(grid, index, box, column, walls[column] & ~hidden) for column in columns}
        gains = {column: sides[column].bit_count() / box[column].bit_count() for column in columns}
        best = max(columns, key=gains.__getitem__)
        box = (*box[:best], sides[best], *box[best + 1 :])
        # The larger the box, the more rules it meets: what cannot grow now never will, nor what has just grown.
        columns = [column for column in columns if sides[column] != box[column]]
    return box


def _stretched(grid: Grid, index: Index, box: Box, column: int, walls: int) -> int:
    closed = 0
    for rule in bits(walls):
        closed |= index.rules[rule][column]
    return grid.stretch(column, box[column], grid.full[column] & ~closed)
