"""Regions of a few columns as one bitmask: a bit for every point, so that boxes are joined as whole words.

The bits of a point are numbered column by column, the last one fastest; it takes whole bytes, so that what lies at one
cell of the first column is a slice of bytes.
"""

from crmkit.rules.analysis._boxes import Box, Grid, bits

__all__ = ["MOST_BITS", "Blocks"]

#: The most bits of several columns: beyond, going from cell to cell is quicker.
MOST_BITS = 1 << 14


class Blocks:
    """The bitmasks of a grid: columns are given as the mask `rest`, and several may take so many bits."""

    def __init__(self, grid: Grid, most: int) -> None:
        self._grid = grid
        self._most = most
        self._sizes: dict[int, int] = {}
        self._combs: dict[int, list[int]] = {}
        self._wholes: dict[int, int] = {}

    def small(self, rest: int) -> bool:
        """Whether a bitmask is the thing for these columns."""
        return not rest & rest - 1 or self.size(rest) <= self._most

    def size(self, rest: int) -> int:
        """How many bits some columns take."""
        size = self._sizes.get(rest)
        if size is None:
            sizes = [self._grid.sizes[column] for column in bits(rest)]
            size = (sizes[-1] + 7) // 8 * 8
            for one in sizes[:-1]:
                size *= one
            self._sizes[rest] = size
        return size

    def whole(self, rest: int) -> int:
        """Everything in some columns."""
        found = self._wholes.get(rest)
        if found is None:
            found = self._wholes[rest] = self.of(self._grid.full, rest)
        return found

    def of(self, box: Box, rest: int) -> int:
        """A box in some columns."""
        columns = [*bits(rest)]
        found = box[columns.pop()]
        while columns:
            column = columns.pop()
            below = rest >> column + 1 << column + 1
            found *= self._spread(box[column], self.size(below))
        return found

    def slices(self, region: int, rest: int) -> tuple[int, dict[int, int]]:
        """The first of some columns, and from what the region is in the others to the cells where it is that."""
        first = rest & -rest
        column = first.bit_length() - 1
        step = self.size(rest ^ first) // 8
        first_cell, length = ((region & -region).bit_length() - 1) // 8 // step, (region.bit_length() + 7) // 8
        data, nothing = region.to_bytes(step * self._grid.sizes[column], "little"), bytes(step)
        sides: dict[bytes, int] = {}
        for cell, start in enumerate(range(first_cell * step, length, step), first_cell):
            part = data[start : start + step]
            if part != nothing:
                sides[part] = sides.get(part, 0) | 1 << cell
        return column, {int.from_bytes(part, "little"): side for part, side in sides.items()}

    def _spread(self, side: int, size: int) -> int:
        """The cells of a side, so far apart: a difference of combs for each run."""
        comb = self._combs.setdefault(size, [0])
        while len(comb) <= side.bit_length():
            comb.append(comb[-1] | 1 << size * (len(comb) - 1))
        found = 0
        while side:
            low = side & -side
            run = side & ~(side + low)
            found |= comb[run.bit_length()] ^ comb[low.bit_length() - 1]
            side ^= run
        return found
