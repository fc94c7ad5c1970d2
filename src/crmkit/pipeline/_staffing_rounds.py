"""Dealing jobs: rounds that are optimal each, and chains that make room for what the rounds could not place.

A round takes the next jobs by `job_key`, gives every worker at most one, as many as can be given, at the least total
cost: the assignment problem, solved exactly. Between rounds loads and limits are counted anew.

A job that no round could place may still have a place if somebody hands a job on: an augmenting path from it to a
worker with room (C. Berge, Two theorems in graph theory, 1957). What has been dealt stays dealt, and urgent jobs come
first, so as long as only skills, territories and numbers of jobs limit, the most urgent jobs are as many as possible,
and given those the next (assignable sets are the independent sets of a transversal matroid, where greed is optimal;
J. Edmonds and D. R. Fulkerson, Transversals and matroid partition, 1965).
"""

from bisect import insort
from collections.abc import Sequence
from itertools import groupby

import attrs
import numpy as np

from crmkit.pipeline._staffing_roster import Bools, Floats, Roster


@attrs.frozen
class Deal:
    """Why a job went where it did, at the moment it was dealt.

    Attributes:
        worker: who got it.
        points: name of a weight -> points an hour.
        total: what it cost.
        second: the next best worker who had room, if there was one.
        second_total: what it would have cost there.
        handed_on: whether it was moved to make room.
    """

    worker: int
    points: dict[str, float]
    total: float
    second: int | None = None
    second_total: float = 0.0
    handed_on: bool = False


def deal(roster: Roster) -> dict[int, Deal]:
    """Fill the queues of the roster with the jobs that are not held; the result is why each went where it did."""
    deals: dict[int, Deal] = {}
    asked = np.full(len(roster.workers), False)
    free = [j for j in range(len(roster.jobs)) if j not in roster.held]
    left: list[int] = []
    for urgent in _by_urgency(roster, free):
        waiting = _rounds(roster, urgent, deals)
        left += [j for j in waiting if not _hand_on(roster, j, deals, asked)]
    # Where hours limit, handing on may have made room for a job that had none before.
    for urgent in _by_urgency(roster, left):
        _rounds(roster, urgent, deals)
    return deals


def _by_urgency(roster: Roster, jobs: list[int]) -> list[list[int]]:
    return [list(group) for _, group in groupby(jobs, lambda j: roster.jobs[j].urgency)]


def _rounds(roster: Roster, jobs: list[int], deals: dict[int, Deal]) -> list[int]:
    numbers = np.array(jobs, dtype=np.int64)
    rows = [roster.terms(w, numbers) for w in range(len(roster.workers))]
    total = np.array([row.total for row in rows]).reshape(len(rows), len(jobs))
    fits = np.array([row.fits for row in rows], dtype=bool).reshape(len(rows), len(jobs))
    while fits.any():
        batch = np.flatnonzero(fits.any(axis=0))[: len(rows)]
        pairs = optimal(total[:, batch], fits[:, batch])
        for w, k in pairs:
            column = batch[k]
            deals[jobs[column]] = _reason(roster, w, jobs[column], (total[:, column], fits[:, column]))
        for w, k in pairs:
            insort(roster.queues[w], jobs[batch[k]])
            fits[:, batch[k]] = False
            numbers[batch[k]] = -1
        left = numbers >= 0
        for w, _ in pairs:
            terms = roster.terms(w, numbers[left])
            total[w, left], fits[w, left] = terms.total, terms.fits
    return [int(j) for j in numbers if j >= 0]


def optimal(total: Floats, fits: Bools) -> list[tuple[int, int]]:
    """Pairs (row, column), each used once: as many as fit, and of those the ones with the least sum.

    Args:
        total: float64 (rows, columns).
        fits: bool, likewise; at least one is True.
    """
    from scipy.optimize import linear_sum_assignment

    least = total[fits].min()
    # One pair more is worth any difference of sums.
    beyond = (total[fits].max() - least + 1) * (min(total.shape) + 1)
    rows, columns = linear_sum_assignment(np.where(fits, total - least, beyond))
    return [(int(w), int(k)) for w, k in zip(rows, columns, strict=True) if fits[w, k]]


def _reason(roster: Roster, w: int, j: int, column: tuple[Floats, Bools]) -> Deal:
    total, fits = column
    others = np.where(fits, total, np.inf)
    others[w] = np.inf
    second = int(np.argmin(others))
    if not np.isfinite(others[second]):
        return Deal(w, *_price(roster, w, j))
    return Deal(w, *_price(roster, w, j), second, float(others[second]))


def _price(roster: Roster, w: int, j: int) -> tuple[dict[str, float], float]:
    terms = roster.terms(w, [j])
    return {name: float(values[0]) for name, values in terms.points.items() if values[0]}, float(terms.total[0])


def _hand_on(roster: Roster, job: int, deals: dict[int, Deal], asked: Bools) -> bool:
    """Place a job by a chain of jobs handed on, the shortest there is; nothing changes if there is none.

    Workers whom a failed search has asked cannot reach room any more; they stay asked, and no later search does.
    """
    # Worker -> (the job they would get, who would give it up; None for the job that has nobody).
    seen: dict[int, tuple[int, int | None]] = {}
    frontier: list[tuple[int, int | None]] = [(job, None)]
    for moved, giver in frontier:
        for w in map(int, np.flatnonzero(roster.able[:, moved] & ~asked)):
            seen[w], asked[w] = (moved, giver), True
            if roster.takes(w, moved, roster.queues[w]):
                _apply(roster, w, seen, deals)
                asked[list(seen)] = False
                return True
            frontier += [(i, w) for i in _exchanged(roster, w, moved)]
    return False


def _exchanged(roster: Roster, w: int, job: int) -> list[int]:
    """The jobs that worker `w` could hand on so that `job` fits."""
    queue = roster.queues[w]
    if roster.counts(w) and not roster.takes(w, job, queue[1:]):
        return []
    if roster.counts(w):
        return [i for i in queue if i not in roster.held]
    return [i for i in queue if i not in roster.held and roster.takes(w, job, _without(queue, i))]


def _apply(roster: Roster, last: int, seen: dict[int, tuple[int, int | None]], deals: dict[int, Deal]) -> None:
    taker: int | None = last
    while taker is not None:
        job, giver = seen[taker]
        if giver is not None:
            roster.queues[giver] = _without(roster.queues[giver], job)
        deals[job] = Deal(taker, *_price(roster, taker, job), handed_on=giver is not None)
        insort(roster.queues[taker], job)
        taker = giver


def _without(queue: Sequence[int], job: int) -> list[int]:
    return [i for i in queue if i != job]
