"""Regions as reduced decision diagrams: exact volumes, and tiles in order of weight."""

import heapq
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from crmkit.rules.analysis._boxes import Box, Grid, Weight, bits

__all__ = ["Diagram"]


class Diagram:
    """A region as a reduced decision diagram: every path is a tile, tiles are disjoint, equal parts are stored once.

    Node 0 is nothing. A node belongs to a set of columns still to be read, given as the mask `rest`; columns may be
    read in different orders along different paths.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
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

    def volume(self, node: int) -> Weight:
        """The exact weight of all tiles below a node."""
        return self._sums[node]

    def tiles(self, root: int) -> Iterator[tuple[Box, Any]]:
        """All tiles with their values, the heaviest first."""
        queue: list[tuple[Weight, int, int, Weight, Box]] = [(0, 0, root, 1, self._grid.full)] if root else []
        count = 0
        while queue:
            _, _, node, weight, box = heapq.heappop(queue)
            if node in self._leaves:
                yield box, self._leaves[node]
                continue
            column, branches = self._branches[node]
            for child, side in branches:
                count += 1
                heavy = weight * self._grid.weigh(column, side)
                tile = (*box[:column], side, *box[column + 1 :])
                # What a child can reach at best is known, so the first tile to come out is the heaviest.
                heapq.heappush(queue, (-heavy * self._best[child], count, child, heavy, tile))

    def _new(self, total: Weight, best: Weight) -> int:
        self._sums.append(total)
        self._best.append(best)
        return len(self._sums) - 1
