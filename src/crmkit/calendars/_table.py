"""W(t), the working time up to t, as prefix sums over a run of years; every method takes and gives int64 arrays.

Civil slots become instants piece by piece: between two changes of its offset a zone is a shift, so the instants at
which the wall clock stands inside a slot are the slot, shifted and clipped to the piece.
"""

from collections.abc import Callable
from datetime import date, timedelta, tzinfo
from itertools import pairwise

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.calendars._hours import Hours
from crmkit.values._instants import DAY_US, EPOCH, SECOND_US

Micros = npt.NDArray[np.int64]
Longs = npt.NDArray[np.int64]

_FAR = np.int64(2**62)
_MINUTE_US = 60 * SECOND_US
# Offsets stay below a day, and a night slot ends on the day after its own.
_MARGIN_DAYS = 3


@attrs.frozen(eq=False)
class Table:
    """Working time of the years `first` to `last`, in UTC; W is 0 at `lo`.

    Rows 0 of the slot and stretch columns stand before all time, so that a search always finds a row.

    Attributes:
        first: the first year.
        last: the last year.
        lo: where the first year begins.
        hi: where the last year ends.
        since: when each offset of the zone begins.
        offset: what to add to UTC from then on.
        begins: wall time at which each slot begins.
        ends: wall time at which it ends.
        owner: the civil day it belongs to, in days since 1970-01-01, ascending.
        days: the business days.
        opens: when each stretch of working time (the union of the slots) begins.
        closes: when it ends.
        before: W where it begins.
        after: W where it ends.
    """

    first: int
    last: int
    lo: int
    hi: int
    since: Micros
    offset: Micros
    begins: Micros
    ends: Micros
    owner: Longs
    days: Longs
    opens: Micros
    closes: Micros
    before: Micros
    after: Micros

    def work(self, at: Micros) -> Micros:
        """W(at)."""
        k = np.searchsorted(self.opens, at, "right") - 1
        return np.minimum(self.before[k] + (at - self.opens[k]), self.after[k])

    def work_at(self, at: int) -> int:
        """W of a single instant."""
        return int(self.work(np.array([at]))[0])

    def earliest(self, work: Micros) -> Micros:
        """The earliest instant at which W is `work`."""
        k = np.searchsorted(self.after, work, "left")
        return self.closes[k] - (self.after[k] - work)

    def latest(self, work: Micros) -> Micros:
        """The latest instant at which W is `work`."""
        k = np.searchsorted(self.before, work, "right") - 1
        return self.opens[k] + (work - self.before[k])

    def days_to(self, day: Longs) -> Longs:
        """How many business days there are up to and with each civil day."""
        return np.asarray(np.searchsorted(self.days, day, "right"), dtype=np.int64)

    def day_of(self, at: Micros) -> Longs:
        """The civil day of each instant; inside a night slot it is the day on which the slot began."""
        wall = self.wall(at)
        k = np.searchsorted(self.begins, wall, "right") - 1
        return np.where(wall < self.ends[k], self.owner[k], wall // DAY_US)

    def wall(self, at: Micros) -> Micros:
        """The wall clock at each instant, counted like an instant."""
        return at + self.offset[np.searchsorted(self.since, at, "right") - 1]

    def place(self, wall: Micros, day: Longs) -> Micros:
        """The instant of a wall time, moved into the slots of a business day.

        Outside the slots it is the next time one of them begins; after the last of them, the time that one ends.
        """
        first, beyond = np.searchsorted(self.owner, day, "left"), np.searchsorted(self.owner, day, "right")
        k = np.clip(np.searchsorted(self.begins, wall, "right") - 1, first - 1, beyond - 1)
        inside = (k >= first) & (wall < self.ends[k])
        following = self.begins[np.minimum(k + 1, beyond - 1)]
        moved = np.where(inside, wall, np.where(k + 1 < beyond, following, self.ends[beyond - 1]))
        return _instant(moved, self.since, self.offset)


def build(hours: Callable[[date], Hours], tz: tzinfo, first: int, last: int) -> Table:
    """The table of the years `first` to `last`."""
    lo, hi = _year_start(first), _year_start(last + 1)
    start, stop = lo // DAY_US - _MARGIN_DAYS, hi // DAY_US + _MARGIN_DAYS
    since, offset = _offsets(tz, start, stop + 2)
    begins, ends, owner = _slots(hours, start, stop)
    # A slot that the clock skips altogether does not exist, nor does its day if there is no other.
    exists = _instant(begins, since, offset) < _instant(ends, since, offset)
    begins, ends, owner = begins[exists], ends[exists], owner[exists]
    opens, closes = _instants(*_union(begins, ends), since, offset)
    after = np.cumsum(closes - opens) - (np.minimum(closes, lo) - np.minimum(opens, lo)).sum()
    before = after - (closes - opens)
    none = before[:1] if len(before) else np.zeros(1, dtype=np.int64)
    return Table(
        first=first, last=last, lo=lo, hi=hi, since=since, offset=offset,
        begins=_led(begins), ends=_led(ends), owner=_led(owner), days=np.unique(owner),
        opens=_led(opens), closes=_led(closes),
        before=np.concatenate([none, before]), after=np.concatenate([none, after]),
    )  # fmt: skip


def _led(column: Micros) -> Micros:
    return np.concatenate([np.array([-_FAR]), column])


def _year_start(year: int) -> int:
    return (date(year, 1, 1) - date(1970, 1, 1)).days * DAY_US


def _slots(hours: Callable[[date], Hours], start: int, stop: int) -> tuple[Micros, Micros, Longs]:
    epoch = date(1970, 1, 1).toordinal()
    rows = [(d, begin, end) for d in range(start, stop) for begin, end in hours(date.fromordinal(epoch + d)).slots]
    owner, begin, end = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return owner * DAY_US + begin * _MINUTE_US, owner * DAY_US + end * _MINUTE_US, owner


def _union(begins: Micros, ends: Micros) -> tuple[Micros, Micros]:
    if not len(begins):
        return begins, ends
    reach = np.maximum.accumulate(ends)
    fresh = np.flatnonzero(begins[1:] > reach[:-1]) + 1
    return begins[np.append(0, fresh)], reach[np.append(fresh, len(begins)) - 1]


def _instants(begins: Micros, ends: Micros, since: Micros, offset: Micros) -> tuple[Micros, Micros]:
    opens: list[Micros] = [begins[:0]]
    closes: list[Micros] = [ends[:0]]
    for start, stop, shift in zip(since, np.append(since[1:], _FAR), offset, strict=True):
        piece = slice(np.searchsorted(ends, start + shift, "right"), np.searchsorted(begins, stop + shift, "left"))
        opens.append(np.maximum(begins[piece] - shift, start))
        closes.append(np.minimum(ends[piece] - shift, stop))
    return _union(np.concatenate(opens), np.concatenate(closes))


def _instant(wall: Micros, since: Micros, offset: Micros) -> Micros:
    # The first instant at which the clock shows `wall`, or would have, had it not been put forward over it.
    piece = np.searchsorted(since[1:] + offset[:-1], wall, "right")
    return np.asarray(np.maximum(wall - offset[piece], since[piece]), dtype=np.int64)


def _offsets(tz: tzinfo, start: int, stop: int) -> tuple[Micros, Micros]:
    # A look every three days finds every change: the shortest-lived offset in the tz database stood for four days
    # (Africa/Freetown, 1939), the next for seven.
    seen = [(day * DAY_US, _offset(tz, day * DAY_US)) for day in range(start, stop + 3, 3)]
    changes = [(-int(_FAR), seen[0][1])]
    for (left, old), (right, new) in pairwise(seen):
        if old != new:
            changes.append((_change(tz, left, right), new))
    since, offset = np.array(changes, dtype=np.int64).T
    return since, offset


def _change(tz: tzinfo, left: int, right: int) -> int:
    old = _offset(tz, left)
    while right - left > SECOND_US:
        middle = (left + right) // (2 * SECOND_US) * SECOND_US
        left, right = (middle, right) if _offset(tz, middle) == old else (left, middle)
    return right


def _offset(tz: tzinfo, at: int) -> int:
    found = (EPOCH + timedelta(microseconds=at)).astimezone(tz).utcoffset()
    return 0 if found is None else found // timedelta(microseconds=1)
