"""Regions as reduced decision diagrams: exact volumes, and tiles in order of weight."""

import heapq
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from crmkit.rules.analysis._blocks import MOST_BITS, Blocks
from crmkit.rules.analysis._boxes import Box, Grid, Weight, bits

__all__ = ["Diagram"]


class Diagram:
    """A region as a reduced decision diagram: every path is a tile, tiles are disjoint, equal parts are stored once.

    Node 0 is nothing. A node belongs to a set of columns still to be read, given as the mask `rest`; columns may be
    read in different orders along different paths.

    Attributes:
        blocks: the bitmasks of regions of a few columns, which take at most `most` bits.
    """

    def __init__(self, grid: Grid, *, most: int = MOST_BITS) -> None:
        self._grid = grid
        self.blocks = Blocks(grid, most)
        self._regions: dict[tuple[int, int], int] = {}
        self._waiting: dict[int, tuple[int, int]] = {}
        self._known: dict[Hashable, int] = {}
        self._leaves: dict[int, Hashable] = {}
        self._branches: dict[int, tuple[int, tuple[tuple[int, int], ...]]] = {}
        self._sums: list[Weight] = [0]
        self._best: list[Weight] = [0]
        self._whole = [grid.weigh(column, side) for column, side in enumerate(grid.full)]

    def leaf(self, rest: int, value: Hashable) -> int:
        """The node that has this value everywhere in the remaining columns."""
        node = self._known.get((rest, value))
        if node is None:
            weight: Weight = 1
            for column in bits(rest):
                weight *= self._whole[column]
            node = self._known[rest, value] = self._new(weight, weight)
            self._leaves[node] = value
        return node

    def branch(self, rest: int, column: int, sides: Mapping[int, int]) -> int:
        """The node that reads a column and goes on to a child, given `{child: side}` with disjoint sides."""
        if not sides:
            return 0
        found = tuple(sorted(sides.items()))
        node = self._known.get((rest, column, found))
        if node is None:
            weights = [(self._grid.weigh(column, side), child) for child, side in found]
            total = sum((weight * self._sums[child] for weight, child in weights), 0)
            best = max(weight * self._best[child] for weight, child in weights)
            node = self._known[rest, column, found] = self._new(total, best)
            self._branches[node] = column, found
        return node

    def block(self, rest: int, region: int) -> int:
        """The node that is a region of the remaining columns, a leaf that is true; it is read when it is asked for."""
        if not region or region == self.blocks.whole(rest):
            return self.leaf(rest, value=True) if region else 0
        node = self._regions.get((rest, region))
        if node is None:
            if self._grid.weights:
                node = self.branch(rest, *self._parted(rest, region))
            else:
                # A volume is a number of points, and no tile is larger than all of them.
                node = self._new(region.bit_count(), region.bit_count())
                self._waiting[node] = rest, region
            self._regions[rest, region] = node
        return node

    def volume(self, node: int) -> Weight:
        """The exact weight of all tiles below a node."""
        return self._sums[node]

    def tiles(self, root: int) -> Iterator[tuple[Box, Any]]:
        """All tiles with their values, the heaviest first."""
        full = self._grid.full
        start = (0, 0, root, 1, full, 0, full[:1])
        queue: list[tuple[Weight, int, int, Weight, Box, int, Box]] = [start] if root else []
        weigh = self._grid.weigh if self._grid.weights else _size
        count = 0
        while queue:
            _, _, node, weight, box, column, new = heapq.heappop(queue)
            # What never comes out needs no box of its own.
            box = box[:column] + new + box[column + 1 :]
            if node in self._leaves:
                yield box, self._leaves[node]
                continue
            if node in self._waiting:
                rest, region = self._waiting[node]
                if not rest & rest - 1:
                    column = rest.bit_length() - 1
                    yield (*box[:column], region, *box[column + 1 :]), True
                    continue
                read, sides = self._parted(*self._waiting.pop(node))
                self._branches[node] = read, tuple(sides.items())
            column, branches = self._branches[node]
            for child, side in branches:
                count += 1
                heavy = weight * weigh(column, side)
                # What a child can reach at best is known, so the first tile to come out is the heaviest.
                heapq.heappush(queue, (-heavy * self._best[child], count, child, heavy, box, column, (side,)))

    def _parted(self, rest: int, region: int) -> tuple[int, dict[int, int]]:
        """The first column of a region, and from its children to where they are."""
        if not rest & rest - 1:
            return rest.bit_length() - 1, {self.leaf(0, value=True): region}
        column, sides = self.blocks.slices(region, rest)
        return column, {self.block(rest & rest - 1, part): side for part, side in sides.items()}

    def _new(self, total: Weight, best: Weight) -> int:
        self._sums.append(total)
        self._best.append(best)
        return len(self._sums) - 1


def _size(_column: int, side: int) -> Weight:
    return side.bit_count()
