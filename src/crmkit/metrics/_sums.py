"""Exact sums of whole numbers by group, and the period that each instant falls in."""

from datetime import tzinfo

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.values import Every, FiscalCalendar, Period, from_micros

__all__ = ["Spans", "counted", "summed"]

Ints = npt.NDArray[np.int64]

# A block of places and its weights stay in the second-level cache.
_BLOCK = 1 << 16
# Floats hold whole numbers up to 2^53; pieces of 22 bits add up exactly over 2^31 rows.
_WHOLE = 1 << 53
_BITS = 22
_PIECE = (1 << _BITS) - 1
_MOST = 2.0**62


def counted(place: Ints, size: int) -> Ints:
    """How many rows each place has, int64, shape (size,)."""
    return np.bincount(place, minlength=size).astype(np.int64)


def summed(place: Ints, values: Ints, size: int) -> Ints:
    """Sums of whole numbers by place, int64, shape (size,); exact in every order.

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


@attrs.frozen(eq=False)
class Spans:
    """Contiguous periods in a zone.

    Attributes:
        periods: in order.
        edges: int64 microseconds UTC, shape (n + 1,).
    """

    periods: tuple[Period, ...]
    edges: Ints

    @classmethod
    def of(cls, over: Period, every: Every | None, tz: tzinfo) -> "Spans":
        """The parts of a period; itself, if it is not to be cut."""
        periods = (over,) if every is None else over.split(every)
        edges = [period.instants(tz)[0] for period in periods]
        return cls(periods, np.array([*edges, periods[-1].instants(tz)[1]], np.int64))

    @classmethod
    def around(cls, first: int, last: int, every: Every, tz: tzinfo) -> "Spans":
        """The whole civil units from the one that holds one instant to the one that holds another."""
        cut = FiscalCalendar()
        days = [from_micros(at, tz).date() for at in (first, last)]
        bounds = [cut.bounds(every, *cut.containing(every, day)) for day in days]
        return cls.of(Period(bounds[0][0], bounds[1][1]), every, tz)

    @property
    def names(self) -> tuple[str, ...]:
        """What a reader calls them."""
        return tuple(period.name or f"{period.start} .. {period.end}" for period in self.periods)

    def place(self, at: Ints) -> Ints:
        """The number of the period of each instant; -1 outside all of them."""
        found = np.searchsorted(self.edges, at, "right").astype(np.int64) - 1
        return np.where(found == len(self.periods), -1, found)
