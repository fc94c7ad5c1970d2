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
from crmkit.metrics._blocks import Whole
from crmkit.metrics._packing import Ascending, cells_of, narrow, packed_of, runs

__all__ = ["Counts", "exact_sums"]

Ints = npt.NDArray[np.int64]
# Up to this many cells are counted densely: 16 Mi cells are 128 MiB, and faster than sorting.
_DENSE = 1 << 24
# Of sums, which take three tables meanwhile, up to this many.
_DENSE_SUMS = 1 << 22
_BLOCK = 1 << 16
_SPARSE = 16
_APART = 16
# Floats hold whole numbers up to 2^53; of larger numbers three pieces of 22 bits are added up.
_WHOLE = 1 << 53
_MOST = 2.0**62
_SIGNLESS = 63
_BITS = 22
_PIECE = (1 << _BITS) - 1


@attrs.frozen(eq=False, init=False)
class Counts:
    """Integer counters over text keys and one integer bin.

    They are kept packed, in two to eight bytes each, and unpacked anew whenever they are asked for: ask once.

    Attributes:
        dims: the names of the key's parts.
        labels: for each part, its dictionary.
    """

    dims: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    _width: int
    _packed: Ascending
    _n: npt.NDArray[Any]

    def __init__(
        self, dims: Iterable[str], labels: tuple[tuple[str, ...], ...], keys: Ints, bins: Ints, n: Ints
    ) -> None:
        """Counters from their columns, in any order.

        Args:
            dims: the names of the key's parts.
            labels: for each part, its dictionary.
            keys: int64, shape (m, d): codes into `labels`, -1 for missing; each row at most once with its bin.
            bins: int64, shape (m,): the bin, at least 0.
            n: int64, shape (m,): the counts or sums.

        Raises:
            InvalidValue: if 64 bits cannot number the cells.
        """
        width = int(bins.max()) + 1 if len(bins) else 1
        packed = packed_of([*keys.T], _sizes(labels), bins, width)
        order = np.argsort(packed, kind="stable")
        _hold(self, packed[order], n[order], dims=tuple(dims), labels=labels, _width=width)

    @classmethod
    def _made(cls, dims: Iterable[str], labels: tuple[tuple[str, ...], ...], width: int, packed: Ints, n: Ints) -> Self:
        made = cls.__new__(cls)
        _hold(made, packed, n, dims=tuple(dims), labels=labels, _width=width)
        return made

    @property
    def keys(self) -> Ints:
        """Codes into `labels`, int64, shape (m, d), -1 for missing; each row at most once with its bin."""
        columns = [self.column(dim).codes for dim in self.dims]
        return np.stack(columns, axis=1).astype(np.int64) if columns else np.zeros((len(self), 0), np.int64)

    @property
    def bins(self) -> Ints:
        """The bin of each (days, seconds ...), int64, shape (m,); 0 where there is none."""
        return self._packed.plain() % self._width

    @property
    def n(self) -> Ints:
        """The counts or sums, int64, shape (m,), never 0."""
        return self._n.astype(np.int64)

    def __len__(self) -> int:
        return len(self._n)

    def column(self, dim: str) -> Coded:
        """A part of the key of each, shape (m,)."""
        part, sizes = self.dims.index(dim), _sizes(self.labels)
        packed = self._packed.plain()
        packed //= int(np.prod(sizes[part + 1 :], dtype=np.int64)) * self._width
        if part:
            packed %= sizes[part]
        return Coded(packed.astype(np.int32) - 1, self.labels[part])

    @classmethod
    def zero(cls, dims: Sequence[str]) -> Self:
        """Nothing counted yet."""
        none = np.zeros(0, np.int64)
        return cls._made(dims, tuple(() for _ in dims), 1, none, none)

    @classmethod
    def of(cls, columns: Mapping[str, Coded], bins: Whole | None = None, weights: Ints | None = None) -> Self:
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
        return cls._made(columns, tuple(column.values for column in columns.values()), width, packed, n)

    def merge(self, other: Self) -> Self:
        """Both counters added up; keys are matched by their texts, never by their codes.

        Raises:
            InvalidValue: if they count other things.
        """
        if self.dims != other.dims:
            raise InvalidValue("counts", other.dims, f"cannot be merged with {self.dims}")
        if not len(self) and not any(self.labels):
            return other
        labels = tuple(
            mine if mine is theirs else tuple(dict.fromkeys([*mine, *theirs]))
            for mine, theirs in zip(self.labels, other.labels, strict=True)
        )
        width = max(self._width, other._width)
        packed = np.concatenate([self._over(labels, width), other._over(labels, width)])
        distinct, total = _sums(packed, np.concatenate([self._n, other._n]))
        return self._made(self.dims, labels, width, distinct, total)

    def dense(self, labels: Mapping[str, Sequence[str]], *, width: int | None = None) -> Ints:
        """The counts as an array over given labels, one axis a part and a last one for bins.

        Args:
            labels: for each part the texts wanted, in order; a last place is added for missing and unlisted ones.
            width: the number of bins; as many as needed if None.

        Returns:
            int64, shape (len + 1 for each part ..., width).
        """
        keys = [self.column(dim).recode(tuple(labels[dim])).codes for dim in self.dims]
        bins = self.bins
        top = int(bins.max()) + 1 if len(bins) else 1
        wide = top if width is None else width
        out = np.zeros((*(len(labels[dim]) + 1 for dim in self.dims), wide), np.int64)
        # -1 addresses the last place of each axis, which is the one for missing keys.
        np.add.at(out, (*keys, np.minimum(bins, wide - 1)), self.n)
        return out

    def table(self) -> list[tuple[Any, ...]]:
        """The counters as sorted rows (key parts ..., bin, n): the portable form; None is a missing part."""
        texts = [self.column(dim).decode() for dim in self.dims]
        rows = zip(*texts, self.bins.tolist(), self.n.tolist(), strict=True)
        return sorted(rows, key=_sortable)

    @classmethod
    def from_table(cls, dims: Sequence[str], rows: Iterable[Sequence[Any]]) -> Self:
        """The counters of rows as `table` gives them, or as a GROUP BY does; repeated keys add up."""
        listed = [tuple(row) for row in rows]
        if not listed:
            return cls.zero(dims)
        from crmkit.journal import code

        *parts, bins, n = zip(*listed, strict=True)
        coded = [code(part) for part in parts]
        labels, where = tuple(column.values for column in coded), np.array(bins, np.int64)
        width, sizes = int(where.max()) + 1, _sizes(labels)
        packed = packed_of([column.codes for column in coded], sizes, where, width)
        return cls._made(dims, labels, width, *_sums(packed, np.array(n, np.int64)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self.dims == other.dims and self.table() == other.table()

    __hash__ = None  # type: ignore[assignment] # holds arrays

    def _over(self, labels: tuple[tuple[str, ...], ...], width: int) -> npt.NDArray[Any]:
        """The packed keys over other dictionaries and another width."""
        if width == self._width and all(mine is wanted for mine, wanted in zip(self.labels, labels, strict=True)):
            return self._packed.plain()
        columns = [self.column(dim).recode(wanted).codes for dim, wanted in zip(self.dims, labels, strict=True)]
        return packed_of(columns, _sizes(labels), self.bins, width)


def _hold(made: Counts, packed: Ints, n: Ints, **held: Any) -> None:
    """Give a new state what it holds; its keys are in ascending order."""
    for name, value in {**held, "_packed": Ascending.of(packed), "_n": narrow(n)}.items():
        object.__setattr__(made, name, value)


def _sizes(labels: Iterable[tuple[str, ...]]) -> list[int]:
    """How many codes each part has, missing among them."""
    return [len(values) + 1 for values in labels]


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


def _add(columns: list[Any], sizes: list[int], bins: Whole | None, width: int, weights: Ints) -> tuple[Ints, Ints]:
    """Distinct packed keys and the sum of what each row adds."""
    cells = cells_of(sizes, width)
    packed = packed_of(columns, sizes, np.zeros(len(weights), np.int8) if bins is None else bins, width)
    if cells > min(_DENSE_SUMS, _sparse(len(weights))):
        return _sums(packed, weights)
    total = exact_sums(packed, weights, cells)
    left = np.flatnonzero(total)
    return left, total[left]


def _sums(packed: npt.NDArray[Any], weights: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    """Distinct keys in ascending order, and the sum of each that does not come to 0; it may write over the keys."""
    packed, weights = _in_order(packed, weights)
    starts = runs(packed)
    if len(starts) < len(packed):
        packed, weights = packed[starts], _run_sums(weights, starts)
    if weights.all():
        return packed, weights
    left = np.flatnonzero(weights)
    return packed[left], weights[left]


def _in_order(packed: npt.NDArray[Any], weights: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Keys in ascending order, and what each row adds in that order."""
    shift = len(packed).bit_length()
    if not len(packed) or int(packed.max()).bit_length() + shift > _SIGNLESS:
        order = np.argsort(packed)
        return packed[order], weights[order]
    # Numpy sorts numbers several times as fast as it finds their order: let each bring its row along.
    both, found = packed.astype(np.int64, copy=False), np.empty_like(weights)
    both <<= shift
    for start in range(0, len(both), _BLOCK):
        both[start : start + _BLOCK] |= np.arange(start, min(start + _BLOCK, len(both)))
    both.sort()
    for start in range(0, len(both), _BLOCK):
        found[start : start + _BLOCK] = weights[both[start : start + _BLOCK] & ((1 << shift) - 1)]
    both >>= shift
    return both, found


def _run_sums(weights: npt.NDArray[Any], starts: Ints) -> Ints:
    """The exact sum of each run."""
    times = np.diff(starts, append=len(weights))
    if max(int(weights.max()), -int(weights.min())) * int(times.max()) <= _MOST:
        sums: Ints = np.add.reduceat(weights, starts, dtype=np.int64)
        return sums
    return exact_sums(np.repeat(np.arange(len(starts)), times), weights.astype(np.int64), len(starts))


def _sparse(rows: int) -> int:
    """From how many cells on it is faster to sort so many rows than to sweep the cells."""
    return max(_BLOCK, _SPARSE * rows)


def _count(columns: list[Any], sizes: list[int], bins: Whole | None, width: int) -> tuple[Ints, Ints]:
    """Distinct packed keys and how often each occurs."""
    cells, first = cells_of(sizes, width), columns[0] if columns else bins
    rows = 0 if first is None else len(first)
    if cells > min(_DENSE, _sparse(rows)):
        packed = packed_of(columns, sizes, bins, width)
        packed.sort()
        starts = runs(packed)
        return packed[starts], np.diff(starts, append=len(packed))
    if cells > _BLOCK or first is None:
        total = np.bincount(packed_of(columns, sizes, bins, width), minlength=cells)
    else:
        total = _blockwise(columns, sizes, bins, width, rows)
    # Of booleans numpy finds those that are not 0 ten times as fast as of numbers.
    packed = np.flatnonzero(total != 0)
    return packed, total[packed]


def _blockwise(columns: list[Any], sizes: list[int], bins: Whole | None, width: int, rows: int) -> Ints:
    """All counters, block by block, so that neither the packed key nor the counters leave the cache."""
    cells = int(np.prod(sizes)) * width
    total = np.zeros(cells, np.int64)
    buffer = np.empty(_BLOCK, np.int32)
    for start in range(0, rows, _BLOCK):
        block = slice(start, min(start + _BLOCK, rows))
        some = [column[block] for column in columns], None if bins is None else bins[block]
        key = _key(*some, sizes, width, buffer[: block.stop - start])
        # Sorted rows raise one counter again and again, each time waiting for the time before: keep neighbours apart.
        apart = key.reshape(_APART, -1).T.ravel() if len(key) == _BLOCK else key
        total += np.bincount(apart, minlength=cells)
    return total


def _key(columns: list[Any], bins: Whole | None, sizes: list[int], width: int, key: npt.NDArray[np.int32]) -> Whole:
    """The packed keys of a block, in the room given; bins alone are their own."""
    if not columns and bins is not None:
        return bins
    key[:] = columns[0]
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        key *= size
        key += column
    if bins is not None:
        key *= width
        np.add(key, bins, out=key, casting="unsafe")
    # Missing is code -1: adding 1 to every part at once is adding this to the packed key.
    key += sum(int(np.prod(sizes[part + 1 :])) for part in range(len(sizes))) * width
    return key


def _sortable(row: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
    return tuple((part is None, part or 0) if part is None else (False, part) for part in row)
