"""The way of each case through the steps of a funnel: one assignment, from which rates and times both come.

All ways are walked together, a step at a time: the next visit to a step is a binary search among its visits, whose
order is that of cases, times and rows.
"""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Journal
from crmkit.metrics._route import Route

__all__ = ["Walk", "walk"]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@attrs.frozen(eq=False)
class Walk:
    """Ways, one a row.

    Attributes:
        rows: the row of the journal that reached each step, int64, shape (n, steps); -1 where it was not reached.
        level: how many steps were reached, shape (n,).
        filled: whether a step was not visited but skipped, shape (n, steps).
        broken: when a way ended by its own rules before the next step, int64 microseconds UTC; `OPEN` if it did not.
        beyond: whether a later step was visited though the next one was not.
    """

    rows: Ints
    level: Ints
    filled: Mask
    broken: Ints
    beyond: Mask


class _Visits:
    """The stays of a journal in the order of cases, times and rows, and where to look for the next one."""

    def __init__(self, journal: Journal, step_of: Ints, steps: int) -> None:
        self.rows = np.lexsort((np.arange(len(journal)), journal.entered, journal.cases.codes))
        self.case = journal.cases.codes[self.rows]
        self.step = step_of[journal.stages.codes[self.rows]] if len(journal) else np.zeros(0, np.int64)
        # A last place for "none", which is later than everything.
        self.at = np.append(journal.entered[self.rows], OPEN)
        self.none = len(self.rows)
        self.of_step = [np.append(np.flatnonzero(self.step == k), self.none) for k in range(steps)]
        changes = np.flatnonzero(self.case[1:] != self.case[:-1]) + 1
        ends = np.append(changes, self.none)
        self.end = np.append(ends[np.searchsorted(ends, np.arange(self.none), "right")], self.none)

    def next(self, step: int, start: Ints, end: Ints) -> Ints:
        """The first visit to a step from `start` on and before `end`; "none" without one."""
        places = self.of_step[step]
        found = places[np.searchsorted(places, start, "left")]
        return np.where(found < end, found, self.none)

    def change(self, start: Ints) -> Ints:
        """The first stay after each that is not in the same step of the same case; "none" without one."""
        differs = np.append((self.step[1:] != self.step[:-1]) | (self.case[1:] != self.case[:-1]), True)[: self.none]
        places = np.append(np.flatnonzero(differs) + 1, self.none)
        found = places[np.searchsorted(places, start, "right")] if self.none else start
        return np.where(found < self.end[start], found, self.none)

    def later(self, start: Ints) -> Ints:
        """The first stay of the same case at a later instant, or where the case ends."""
        differs = np.append((self.at[1:-1] > self.at[:-2]) | (self.case[1:] != self.case[:-1]), True)[: self.none]
        places = np.append(np.flatnonzero(differs) + 1, self.none)
        return places[np.searchsorted(places, start, "right")]


def walk(journal: Journal, steps: Sequence[str], step_of: Ints, route: Route) -> Walk:
    """The ways of a journal's cases through steps; a case that never began has none.

    Args:
        journal: the stays.
        steps: the names of the steps.
        step_of: from stage code to step, -1 for none.
        route: how ways are read.
    """
    visits = _Visits(journal, step_of, len(steps))
    free = route.order == "any" or route.skipped == "backfill"
    starts = np.flatnonzero(visits.step >= 0) if free else visits.of_step[0][:-1]
    if route.entry == "first":
        starts = starts[np.unique(visits.case[starts], return_index=True)[1]]
    end = visits.end[starts]
    if route.entry == "each visit":
        following = np.append(starts[1:], visits.none)
        end = np.minimum(end, following)
    if free:
        place, filled = _gathered(visits, starts, end, len(steps), route)
        stop = np.full(len(starts), visits.none)
    else:
        place, stop = _stepped(visits, starts, end, steps, route)
        filled = np.zeros(place.shape, np.bool_)
    level = (place < visits.none).sum(axis=1)
    if route.entry == "each visit":
        again = (end < visits.end[starts]) & (level < len(steps))
        stop = np.where(again, np.minimum(stop, end), stop)
    beyond = (
        np.zeros(len(starts), np.bool_) if free else _beyond(visits, place, level, end, _limits(visits, starts, route))
    )
    kept = np.arange(len(starts))
    if route.entry == "furthest":
        order = np.lexsort((starts, -level, visits.case[starts]))
        kept = np.sort(order[np.unique(visits.case[starts][order], return_index=True)[1]])
    rows = np.append(visits.rows, -1)[place[kept]]
    return Walk(rows, level[kept], filled[kept], visits.at[stop[kept]], beyond[kept])


def _limits(visits: _Visits, starts: Ints, route: Route) -> Ints:
    """The last instant at which a way may reach a step."""
    return np.full(len(starts), OPEN - 1) if route.limit is None else visits.at[starts] + route.limit


def _stepped(visits: _Visits, starts: Ints, end: Ints, steps: Sequence[str], route: Route) -> tuple[Ints, Ints]:
    """Where each step was reached, in order, and where a way ended by its own rules."""
    place = np.full((len(starts), len(steps)), visits.none)
    place[:, 0] = now = starts
    going, last = np.ones(len(starts), np.bool_), _limits(visits, starts, route)
    stop = np.full(len(starts), visits.none)
    for k in range(1, len(steps)):
        begin = visits.later(now) if route.ties == "later" else now + 1
        found = visits.next(k, begin, end)
        cut = np.full(len(starts), visits.none)
        if route.is_direct(steps[k]):
            cut = visits.change(now)
            found = np.where((found <= cut) & (cut < end), found, visits.none)
        if route.repeats == "end":
            again = np.min([visits.next(j, now + 1, end) for j in range(k)], axis=0)
            cut = np.minimum(cut, again)
            found = np.where(found <= again, found, visits.none)
        reached = going & (visits.at[found] <= last)
        stop = np.where(going & ~reached, cut, stop)
        place[reached, k] = found[reached]
        now, going = np.where(reached, found, now), reached
    return place, stop


def _gathered(visits: _Visits, starts: Ints, end: Ints, steps: int, route: Route) -> tuple[Ints, Mask]:
    """Where each step was reached in any order, or with skipped ones filled in, and which were."""
    last = _limits(visits, starts, route)
    own = np.stack([visits.next(k, starts, end) for k in range(steps)], axis=1)
    own = np.where(visits.at[own] <= last[:, None], own, visits.none)
    if route.order == "any":
        return np.sort(own, axis=1), np.zeros(own.shape, np.bool_)
    place = np.minimum.accumulate(own[:, ::-1], axis=1)[:, ::-1]
    return place, (place != own) & (place < visits.none)


def _beyond(visits: _Visits, place: Ints, level: Ints, end: Ints, last: Ints) -> Mask:
    """Whether a way that stopped was seen, in its time, at a step after the next one."""
    reached = place[np.arange(len(level)), level - 1]
    seen = np.zeros(len(level), np.bool_)
    for k in range(2, place.shape[1]):
        seen |= (level < k) & (visits.at[visits.next(k, np.minimum(reached + 1, visits.none), end)] <= last)
    return seen
