"""The state of every metric: keyed integer counters, `(key, bin) -> n`. Merging is addition.

The same integers come out of one core, of blocks, of partitions, and of a GROUP BY in the host's database.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Coded

__all__ = ["Counts", "exact_sums"]

Ints = npt.NDArray[np.int64]
# Up to this many cells are counted densely: 16 Mi cells are 128 MiB, and faster than sorting.
_DENSE = 1 << 24
_BLOCK = 1 << 16
_SPARSE = 16
_APART = 16
# Floats hold whole numbers up to 2^53; of larger numbers three pieces of 22 bits are added up.
_WHOLE = 1 << 53
_MOST = 2.0**62
_BITS = 22
_PIECE = (1 << _BITS) - 1


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(eq=False)
class Counts:
    """Integer counters over text keys and one integer bin.

    Attributes:
        dims: the names of the key's parts.
        labels: for each part, its dictionary.
        keys: int64, shape (m, d): codes into `labels`, -1 for missing; each row at most once with its bin.
        bins: int64, shape (m,): the bin (days, seconds ...); 0 where there is none.
        n: int64, shape (m,): the counts or sums, never 0.
    """

    dims: tuple[str, ...] = attrs.field(converter=_names)
    labels: tuple[tuple[str, ...], ...]
    keys: Ints
    bins: Ints
    n: Ints

    @classmethod
    def zero(cls, dims: Sequence[str]) -> Self:
        """Nothing counted yet."""
        none = np.zeros(0, np.int64)
        return cls(dims, tuple(() for _ in dims), np.zeros((0, len(dims)), np.int64), none, none)

    @classmethod
    def of(cls, columns: Mapping[str, Coded], bins: Ints | None = None, weights: Ints | None = None) -> Self:
        """Count rows by key and bin, or add up whole numbers over them.

        Args:
            columns: the parts of the key, all of one length.
            bins: a non-negative bin for each row, or None.
            weights: what each row adds, int64 (minor units ...); 1 if None. Sums are exact in every order.

        Raises:
            InvalidValue: if a sum does not fit 64 bits.
        """
        sizes = [len(column.values) + 1 for column in columns.values()]
        width = 1 if bins is None or not len(bins) else int(bins.max()) + 1
        codes = [column.codes for column in columns.values()]
        packed, n = _count(codes, sizes, bins, width) if weights is None else _add(codes, sizes, bins, width, weights)
        keys, where = _unpacked(packed, sizes, width)
        return cls(tuple(columns), tuple(column.values for column in columns.values()), keys, where, n)

    def merge(self, other: Self) -> Self:
        """Both counters added up; keys are matched by their texts, never by their codes.

        Raises:
            InvalidValue: if they count other things.
        """
        if self.dims != other.dims:
            raise InvalidValue("counts", other.dims, f"cannot be merged with {self.dims}")
        if not len(self.n) and not any(self.labels):
            return other
        labels = tuple(
            mine if mine is theirs else tuple(dict.fromkeys([*mine, *theirs]))
            for mine, theirs in zip(self.labels, other.labels, strict=True)
        )
        keys = np.concatenate([self._over(labels), other._over(labels)])
        bins, n = np.concatenate([self.bins, other.bins]), np.concatenate([self.n, other.n])
        sizes = [len(values) + 1 for values in labels]
        width = int(bins.max()) + 1 if len(bins) else 1
        packed = _packed([keys[:, part] for part in range(len(sizes))], sizes, bins, width)
        distinct, inverse = np.unique(packed, return_inverse=True)
        total = exact_sums(inverse, n, len(distinct))
        left = np.flatnonzero(total)
        keys, bins = _unpacked(distinct[left], sizes, width)
        return type(self)(self.dims, labels, keys, bins, total[left])

    def dense(self, labels: Mapping[str, Sequence[str]], *, width: int | None = None) -> Ints:
        """The counts as an array over given labels, one axis a part and a last one for bins.

        Args:
            labels: for each part the texts wanted, in order; a last place is added for missing and unlisted ones.
            width: the number of bins; as many as needed if None.

        Returns:
            int64, shape (len + 1 for each part ..., width).
        """
        keys = self._over(tuple(tuple(labels[dim]) for dim in self.dims))
        top = int(self.bins.max()) + 1 if len(self.bins) else 1
        wide = top if width is None else width
        out = np.zeros((*(len(labels[dim]) + 1 for dim in self.dims), wide), np.int64)
        # -1 addresses the last place of each axis, which is the one for missing keys.
        np.add.at(out, (*keys.T, np.minimum(self.bins, wide - 1)), self.n)
        return out

    def table(self) -> list[tuple[Any, ...]]:
        """The counters as sorted rows (key parts ..., bin, n): the portable form; None is a missing part."""
        texts = [np.array([*values, None], dtype=object)[self.keys[:, part]] for part, values in enumerate(self.labels)]
        rows = zip(*(column.tolist() for column in texts), self.bins.tolist(), self.n.tolist(), strict=True)
        return sorted(rows, key=_sortable)

    @classmethod
    def from_table(cls, dims: Sequence[str], rows: Iterable[Sequence[Any]]) -> Self:
        """The counters of rows as `table` gives them, or as a GROUP BY does; repeated keys add up."""
        listed = [tuple(row) for row in rows]
        state = cls.zero(dims)
        if not listed:
            return state
        from crmkit.journal import code

        *parts, bins, n = zip(*listed, strict=True)
        coded = [code(part) for part in parts]
        keys = np.stack([column.codes.astype(np.int64) for column in coded], axis=1) if coded else state.keys
        labels = tuple(column.values for column in coded)
        # Merging with nothing adds up repeated keys.
        return cls(dims, labels, keys, np.array(bins, np.int64), np.array(n, np.int64)).merge(state)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self.dims == other.dims and self.table() == other.table()

    __hash__ = None  # type: ignore[assignment] # holds arrays

    def _over(self, labels: tuple[tuple[str, ...], ...]) -> Ints:
        keys = self.keys.copy()
        for part, (mine, wanted) in enumerate(zip(self.labels, labels, strict=True)):
            keys[:, part] = Coded(self.keys[:, part].astype(np.int32), mine).recode(wanted).codes
        return keys


def exact_sums(place: Ints, values: Ints, size: int) -> Ints:
    """Sums of whole numbers by place, int64, shape (size,); exact in every order, though they are counted in floats.

    Raises:
        InvalidValue: if a sum does not fit 64 bits.
    """
    total, rough = np.zeros(size, np.int64), np.zeros(size)
    # A table of counters larger than the block would be swept once a block for nothing.
    block = max(_BLOCK, size)
    limit = _WHOLE // block
    for start in range(0, len(values), block):
        where, part = place[start : start + block], values[start : start + block]
        if part.max() <= limit and part.min() >= -limit:
            sums = np.bincount(where, part, size)
            total += sums.astype(np.int64)
        else:
            sums = np.bincount(where, part, size)
            for shift in (0, _BITS, 2 * _BITS):
                piece = (part >> shift) & _PIECE if shift < 2 * _BITS else part >> shift
                total += np.bincount(where, piece, size).astype(np.int64) << shift
        rough += sums
    beyond = np.abs(rough) > _MOST
    if beyond.any():
        raise InvalidValue("sum", float(rough[beyond][0]), "does not fit 64 bits")
    return total


def _add(columns: list[Any], sizes: list[int], bins: Ints | None, width: int, weights: Ints) -> tuple[Ints, Ints]:
    """Distinct packed keys and the sum of what each row adds."""
    cells = _cells(sizes, width)
    packed = _packed(columns, sizes, np.zeros(len(weights), np.int64) if bins is None else bins, width)
    if cells > min(_DENSE, _sparse(len(weights))):
        distinct, packed = np.unique(packed, return_inverse=True)
        total = exact_sums(packed, weights, len(distinct))
        left = np.flatnonzero(total)
        return distinct[left], total[left]
    total = exact_sums(packed, weights, cells)
    left = np.flatnonzero(total)
    return left, total[left]


def _sparse(rows: int) -> int:
    """From how many cells on it is faster to sort so many rows than to sweep the cells."""
    return max(_BLOCK, _SPARSE * rows)


def _cells(sizes: list[int], width: int) -> int:
    cells = int(np.prod(sizes, dtype=object)) * width
    if cells > np.iinfo(np.int64).max:
        raise InvalidValue("counts", cells, "cells are more than 64 bits can number; group by fewer columns")
    return cells


def _count(columns: list[Any], sizes: list[int], bins: Ints | None, width: int) -> tuple[Ints, Ints]:
    """Distinct packed keys and how often each occurs."""
    cells = _cells(sizes, width)
    rows = next(len(one) for one in (*columns, bins) if one is not None)
    if cells > min(_DENSE, _sparse(rows)):
        return np.unique(_packed(columns, sizes, bins, width), return_counts=True)
    if cells > _BLOCK or not columns:
        total = np.bincount(_packed(columns, sizes, bins, width), minlength=cells)
    else:
        total = _blockwise(columns, sizes, bins, width)
    # Of booleans numpy finds those that are not 0 ten times as fast as of numbers.
    packed = np.flatnonzero(total != 0)
    return packed, total[packed]


def _blockwise(columns: list[Any], sizes: list[int], bins: Ints | None, width: int) -> Ints:
    """All counters, block by block, so that neither the packed key nor the counters leave the cache."""
    cells = int(np.prod(sizes)) * width
    # Missing is code -1: adding 1 to every part at once is adding this to the packed key.
    shift = sum(int(np.prod(sizes[part + 1 :])) for part in range(len(sizes))) * width
    total = np.zeros(cells, np.int64)
    buffer = np.empty(_BLOCK, np.int32)
    rows = len(columns[0])
    for start in range(0, rows, _BLOCK):
        block = slice(start, start + _BLOCK)
        key = buffer[: min(_BLOCK, rows - start)]
        key[:] = columns[0][block]
        for column, size in zip(columns[1:], sizes[1:], strict=True):
            key *= size
            key += column[block]
        if bins is not None:
            key *= width
            np.add(key, bins[block], out=key, casting="unsafe")
        key += shift
        # Sorted rows raise one counter again and again, each time waiting for the time before: keep neighbours apart.
        apart = key.reshape(_APART, -1).T.ravel() if len(key) == _BLOCK else key
        total += np.bincount(apart, minlength=cells)
    return total


def _packed(columns: list[Any], sizes: list[int], bins: Any, width: int) -> Ints:
    """One integer a row: mixed radix over code + 1 of each part, then the bin."""
    packed = columns[0].astype(np.int64) + 1 if columns else np.zeros(len(bins), np.int64)
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        packed *= size
        packed += column
        packed += 1
    if bins is not None:
        packed *= width
        packed += bins
    return packed


def _unpacked(packed: Ints, sizes: list[int], width: int) -> tuple[Ints, Ints]:
    rest, bins = np.divmod(packed, width)
    keys = np.zeros((len(packed), len(sizes)), np.int64)
    for part in range(len(sizes) - 1, -1, -1):
        rest, keys[:, part] = np.divmod(rest, sizes[part])
    return keys - 1, bins


def _sortable(row: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
    return tuple((part is None, part or 0) if part is None else (False, part) for part in row)
