"""Keys of counters as single whole numbers, and ascending ones in a quarter of the room."""

from collections.abc import Sequence
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue

__all__ = ["Ascending", "cells_of", "narrow", "packed_of", "runs"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
# A rest and how often it occurs take so many bytes.
_REST = 12
_LAST = {8: np.uint8, 16: np.uint16, 32: np.uint32}
_SIGNED = (np.int8, np.int16, np.int32)


@attrs.frozen(eq=False)
class Ascending:
    """Whole numbers in ascending order: the last bits of each, and how often the rest of it occurs.

    Attributes:
        last: unsigned, shape (m,): the last 8, 16 or 32 bits, whatever takes the least room.
        rest: int64, shape (r,): the distinct rests.
        times: shape (r,): how many numbers have each.
    """

    last: npt.NDArray[Any]
    rest: Ints
    times: npt.NDArray[Any]

    @classmethod
    def of(cls, numbers: Ints) -> Self:
        """Numbers from 0 on, in ascending order."""
        top = int(numbers[-1]) if len(numbers) else 0
        bits = min(_LAST, key=lambda b: len(numbers) * b // 8 + _REST * min(len(numbers), (top >> b) + 1))
        rest = numbers >> bits
        starts = runs(rest)
        return cls(numbers.astype(_LAST[bits]), rest[starts].astype(np.int64), narrow(_lengths(starts, len(rest))))

    def __len__(self) -> int:
        return len(self.last)

    def plain(self) -> Ints:
        """The numbers, int64."""
        numbers = np.repeat(self.rest << (8 * self.last.itemsize), self.times)
        numbers |= self.last
        return numbers


def narrow(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Whole numbers in the narrowest signed integers that hold them."""
    if not len(values):
        return values.astype(np.int8)
    least, most = int(values.min()), int(values.max())
    for kind in _SIGNED:
        if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max:
            return values.astype(kind)
    return values


def runs(ascending: npt.NDArray[Any]) -> Ints:
    """Where each run of equal numbers begins."""
    return np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1])[: len(ascending)])


def _lengths(starts: Ints, size: int) -> Ints:
    return np.diff(starts, append=size)


def cells_of(sizes: Sequence[int], width: int) -> int:
    """How many keys there can be.

    Raises:
        InvalidValue: if 64 bits cannot number them.
    """
    cells = int(np.prod(sizes, dtype=object)) * width
    if cells > np.iinfo(np.int64).max:
        raise InvalidValue("counts", cells, "cells are more than 64 bits can number; group by fewer columns")
    return cells


def packed_of(columns: Sequence[Any], sizes: Sequence[int], bins: Any, width: int) -> npt.NDArray[Any]:
    """One integer a row: mixed radix over code + 1 of each part, then the bin; int32 where that holds all of them."""
    kind = np.int32 if cells_of(sizes, width) <= np.iinfo(np.int32).max else np.int64
    packed: npt.NDArray[Any] = np.zeros(len([*columns, bins][0]), kind)
    for column, size in zip(columns, sizes, strict=True):
        packed *= size
        np.add(packed, column, out=packed, casting="unsafe")
        packed += 1
    if bins is not None:
        packed *= width
        np.add(packed, bins, out=packed, casting="unsafe")
    return packed
