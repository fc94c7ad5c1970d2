"""The clock-reset semi-Markov process on a grid of days: hazards by stage and age, and the chance to be won by a day.

The values are those of the renewal equation on Aalen-Johansen estimates,
W_s(h | a) = [Q_s,won(a+h) - Q_s,won(a) + sum_j sum_{a<u<=a+h} W_j(a+h-u) dQ_sj(u)] / S_s(a), exactly. Working backwards
from the horizon gives all ages at once.
"""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.metrics._cuts import LASTS, Cut

__all__ = [
    "EXACT",
    "POOLED",
    "SUPPORT",
    "TAIL",
    "Chances",
    "Counts",
    "Hazards",
    "chances",
    "count",
    "given_age",
    "hazards",
    "width_of",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Stays older than this are one class: a table by day says nothing of them that a constant does not.
OLDEST = 730
#: Fewer stays at risk than this do not support a hazard of their own.
LEAST = 10
#: How the hazard of an age was found, by code.
EXACT, TAIL, POOLED = 0, 1, 2
SUPPORT = ("aalen-johansen", "exponential tail", "stages pooled")


@attrs.frozen(eq=False)
class Counts:
    """Stays at risk and moves, by stage and age, within some calendar days.

    Attributes:
        n: at risk, shape (S, A); ages beyond the last count in the last.
        moves: shape (S, A, S + 2): to each open stage, to won, to lost.
    """

    n: Floats
    moves: Floats


@attrs.frozen(eq=False)
class Hazards:
    """Chances to move at each age, given that the stay has lasted so long.

    Attributes:
        rate: shape (S, A, S + 2).
        support: how each was found, int, shape (S, A): `EXACT`, `TAIL` or `POOLED`.
        n: stays that say so, shape (S, A).
    """

    rate: Floats
    support: Ints
    n: Floats


@attrs.frozen(eq=False)
class Chances:
    """The chance to be won by each of M days.

    Attributes:
        at_age: of a stay of a given age at the cut, shape (S, A, M).
        entering: summed over a stay that begins on each of days 1..h, shape (S, M): one new deal a day brings so many.
    """

    at_age: Floats
    entering: Floats


def width_of(cut: Cut) -> int:
    """How many ages a table of the cut has."""
    longest = int((cut.stop - cut.start).max()) if len(cut.start) else 0
    return min(longest, OLDEST) + 2


def count(cut: Cut, since: int, until: int = 0, *, width: int, weight: Floats | None = None) -> Counts:
    """Count within the days since+1..until; a stay that began earlier enters late (left truncation).

    Args:
        cut: the stays.
        since: the day before the first.
        until: the last day, at most 0.
        width: how many ages there are.
        weight: what each case counts for, by case code; 1 if None.
    """
    stages = len(cut.stages)
    first = np.maximum(since + 1 - cut.start, 0)
    last = np.minimum(cut.stop, until) - cut.start
    seen = np.flatnonzero(last >= first)
    worth = None if weight is None else weight[cut.case[seen]]
    base = cut.stage[seen] * (width + 1)
    came = np.bincount(base + np.minimum(first[seen], width), worth, stages * (width + 1))
    went = np.bincount(base + np.minimum(last[seen] + 1, width), worth, stages * (width + 1))
    n = np.cumsum((came - went).reshape(stages, width + 1), axis=1)[:, :width].astype(np.float64)
    # Rows that stay beyond the table leave it in its last age, where they are at risk for many days.
    over = np.maximum(last[seen] - np.maximum(first[seen], width - 1) + 1, 0).astype(np.float64)
    n[:, -1] = np.bincount(cut.stage[seen], over if worth is None else over * worth, stages)
    moved = (cut.target[seen] != LASTS) & (cut.stop[seen] <= until)
    cell = (cut.stage[seen] * width + np.minimum(last[seen], width - 1)) * (stages + 2) + cut.target[seen]
    kept = None if worth is None else worth[moved]
    moves = np.bincount(cell[moved], kept, stages * width * (stages + 2))
    return Counts(n, moves.reshape(stages, width, stages + 2).astype(np.float64))


def hazards(counted: Counts, *, least: float = LEAST) -> Hazards:
    """Moves over stays at risk; where too few are at risk a constant hazard, which is said.

    The constant is events over exposure (stay-days) of the oldest ages that hold `least` events, or of all ages; for a
    stage that was hardly ever seen the mean of all stages, which only wins and loses.

    Args:
        counted: at risk and moves.
        least: how many at risk an age needs.
    """
    n, moves = counted.n, counted.moves
    rate = np.divide(moves, n[..., None], out=np.zeros_like(moves), where=n[..., None] > 0)
    support, backing = np.where(n >= least, EXACT, TAIL), n.copy()
    pooled = _pooled(moves, n)
    for stage in range(len(n)):
        thin = n[stage] < least
        # From the oldest age down: exposure, and events.
        exposure, events = n[stage][::-1].cumsum()[::-1], moves[stage][::-1].cumsum(axis=0)[::-1]
        if exposure[0] < least or events[0].sum() < 1:
            rate[stage, thin], support[stage, thin], backing[stage, thin] = pooled, POOLED, n.max()
            continue
        enough = np.flatnonzero(events.sum(axis=1) >= least)
        begin = int(enough[-1]) if len(enough) else 0
        rate[stage, thin] = events[begin] / exposure[begin]
        # A constant is backed by the stays that it was counted on, not by the few that are as old.
        backing[stage, thin] = n[stage, begin:].max()
    return Hazards(rate, support, backing)


def chances(rate: Floats, ends: Sequence[int], kinds: Ints | None = None) -> Chances:
    """Solve backwards from the last of `ends`.

    Args:
        rate: hazards, shape (S, A, S + 2), or those of K kinds of days, shape (K, S, A, S + 2).
        ends: days after the cut, ascending, M of them.
        kinds: the kind of each day 1..h, shape (h,); one kind if None.
    """
    days = [_Day.of(one) for one in rate.reshape(-1, *rate.shape[-3:])]
    kind = np.zeros(ends[-1], np.int64) if kinds is None else kinds
    stages, width = days[0].stay.shape
    lasting, entering = np.zeros((stages, width, len(ends))), np.zeros((stages, len(ends)))
    bounds = np.asarray(ends)
    for day in range(ends[-1], 0, -1):
        of = days[int(kind[day - 1])]
        won = (day <= bounds).astype(np.float64)
        begun = of.same_day @ (of.winning[:, :1] * won + of.stay[:, :1] * lasting[:, 0])
        entering += begun
        after = of.winning[:, :, None] * won + of.stay[:, :, None] * lasting + of.onward @ begun
        # Today's age a is tomorrow's a + 1; the last age is all that are older.
        lasting[:, :-1], lasting[:, -1] = after[:, 1:], after[:, -1]
    return Chances(np.minimum(lasting, 1.0), entering)


def given_age(table: Hazards, solved: Chances, stage: Ints, age: Ints) -> Floats:
    """The chance of each deal to be won by each of M days, shape (n, M), given its stage and its age there.

    Half a case off 0 and 1: that nothing was seen to happen does not make it impossible.
    """
    oldest = table.n.shape[1] - 1
    # The first day ahead decides by what a deal is judged.
    room = 0.5 / (table.n[stage, np.minimum(age + 1, oldest)] + 1.0)
    chance: Floats = np.clip(solved.at_age[stage, np.minimum(age, oldest)], room[:, None], 1.0 - room[:, None])
    return chance


@attrs.frozen(eq=False)
class _Day:
    """What may happen on a day of some kind, by stage and age."""

    stay: Floats
    onward: Floats
    winning: Floats
    same_day: Floats

    @classmethod
    def of(cls, rate: Floats) -> "_Day":
        stages = len(rate)
        onward = rate[:, :, :stages]
        # A stay may end on the day it begins, so that the arrivals of one day hang together. Where they go round for
        # ever they are never won: the smallest solution is that of the pseudo-inverse.
        same_day = np.asarray(np.linalg.pinv(np.eye(stages) - onward[:, 0]), np.float64)
        return cls(np.maximum(1.0 - rate.sum(axis=2), 0.0), onward, rate[:, :, stages], same_day)


def _pooled(moves: Floats, n: Floats) -> Floats:
    """The hazards of winning and of losing over all stages."""
    total = max(float(n.sum()), 1.0)
    pooled = np.zeros(moves.shape[-1])
    pooled[-2:] = moves[..., -2:].sum(axis=(0, 1)) / total
    return pooled
