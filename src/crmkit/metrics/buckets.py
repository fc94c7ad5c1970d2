"""Which period an instant falls in, for columns of instants."""

from datetime import tzinfo

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.values import Every, FiscalCalendar, Period, from_micros

__all__ = ["Buckets"]

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

# Civil midnights of all present zones are multiples of a quarter of an hour in UTC.
_QUANTUM = 900_000_000
_BLOCK = 1 << 16


@attrs.frozen(eq=False)
class Buckets:
    """Contiguous periods in a zone.

    Attributes:
        periods: the periods, in order.
        edges: int64 microseconds UTC, shape (n + 1,): where they begin, and where the last one ends.
    """

    periods: tuple[Period, ...]
    edges: Ints

    @classmethod
    def of(cls, over: Period, every: Every | None, tz: tzinfo) -> "Buckets":
        """The buckets of a period; itself, if it is not to be cut."""
        periods = (over,) if every is None else over.split(every)
        edges = [period.instants(tz)[0] for period in periods]
        return cls(periods, np.array([*edges, periods[-1].instants(tz)[1]], np.int64))

    @classmethod
    def around(cls, first: int, last: int, every: Every, tz: tzinfo) -> "Buckets":
        """The whole civil units from the one that holds one instant to the one that holds another."""
        cut = FiscalCalendar()
        days = [from_micros(at, tz).date() for at in (first, last)]
        bounds = [cut.bounds(every, *cut.containing(every, day)) for day in days]
        return cls.of(Period(bounds[0][0], bounds[1][1]), every, tz)

    def one_earlier(self, tz: tzinfo) -> "Buckets":
        """The buckets with the one before the first."""
        before = self.periods[0].previous()
        return Buckets((before, *self.periods), np.append(before.instants(tz)[0], self.edges))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the periods."""
        return tuple(period.name or f"{period.start} .. {period.end}" for period in self.periods)

    def place(self, at: Ints) -> Codes:
        """The number of the period of each instant, int32, shape of `at`; -1 outside all of them."""
        out = np.empty(len(at), np.int32)
        first, last = int(self.edges[0]), int(self.edges[-1])
        whole = not np.any(self.edges % _QUANTUM)
        # A guard at either end stands for "before" and "after".
        table = np.full((last - first) // _QUANTUM + 2, -1, np.int32)
        if whole:
            for number, (start, end) in enumerate(zip(self.edges[:-1], self.edges[1:], strict=True)):
                table[(start - first) // _QUANTUM + 1 : (end - first) // _QUANTUM + 1] = number
        for start in range(0, len(at), _BLOCK):
            block = np.clip(at[start : start + _BLOCK], first - 1, last)
            if whole:
                block -= first - _QUANTUM
                block //= _QUANTUM
                out[start : start + _BLOCK] = table[block]
            else:
                place = np.searchsorted(self.edges, block, "right") - 1
                out[start : start + _BLOCK] = np.where(place == len(self.periods), -1, place)
        return out
