"""How long rules run before they cry wolf: exactly where they ask only where points lie, else by simulation."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics._checks import Floats
from crmkit.metrics._spc_rules import RunRule, Side, checked_rules, having, lying, met, sides
from crmkit.values import Every
from crmkit.values.display import Listed

__all__ = ["Chances", "RunLength", "normal_chances", "rules_run_length", "run_length", "yearly"]

_PER_YEAR = {"day": 365.2425, "week": 365.2425 / 7, "month": 12.0, "quarter": 4.0, "year": 1.0}
_MOST_STATES = 20_000
_BLOCK = 256
# A series that has not ended by then counts as lasting.
_LONGEST = 100_000

Tracker: TypeAlias = tuple[RunRule, Side]


@attrs.frozen(kw_only=True)
class RunLength(Listed):
    """How many points a chart runs, on average, until its rules are met.

    Attributes:
        mean: the average run length, in points; infinite if they are never met.
        error: the standard error of the mean, if it was simulated.
        per_year: points a year; None if nobody said.
        method: how it was found, and for what kind of points.
    """

    mean: float
    error: float | None = None
    per_year: float | None = None
    method: str

    @property
    def alarms_per_year(self) -> float | None:
        """How often a year, on average, the rules are met: false alarms, if nothing has changed."""
        return None if self.per_year is None else self.per_year / self.mean


@attrs.frozen(eq=False)
class Chances:
    """What points can be while nothing is wrong.

    Attributes:
        z: their distances from the centre in sigmas; for a continuous distribution one for each zone.
        p: the probability of each.
        text: the distribution, in words.
        exact: whether points take these values only, or any (normal) ones.
        shift: of normal points, how far their mean lies from the centre.
    """

    z: Floats
    p: Floats
    text: str
    exact: bool = True
    shift: float = 0.0

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> Floats:
        """Points by chance."""
        if not self.exact:
            return rng.normal(self.shift, size=size)
        return self.z[np.minimum(np.searchsorted(np.cumsum(self.p), rng.random(size), "right"), len(self.z) - 1)]


def yearly(every: Every | float | None) -> float | None:
    """How many points a year there are.

    Raises:
        NotFound: for an unknown unit of time.
        InvalidValue: for a number that is not above 0.
    """
    if every is None:
        return None
    if isinstance(every, str):
        if every not in _PER_YEAR:
            raise NotFound("unit of time", every, tuple(_PER_YEAR), "every=")
        return _PER_YEAR[every]
    if not 0 < every < float("inf"):
        raise InvalidValue("every", every, "is neither a unit of time nor a number of points a year")
    return float(every)


def normal_chances(rules: Sequence[RunRule], shift: float = 0.0) -> Chances:
    """Standard normal points, by the zones that rules tell apart.

    Args:
        rules: the rules.
        shift: how far the mean has moved, in sigmas.
    """
    from scipy.special import ndtr

    cuts = sorted({side * rule.sigmas for rule in rules for side in (-1.0, 1.0)} | {0.0})
    inner = [(low + high) / 2 for low, high in pairwise(cuts)]
    below = ndtr(np.array([-np.inf, *cuts, np.inf]) - shift)
    # The upper tail is taken from above, where floats are dense.
    above = ndtr(shift - np.array([-np.inf, *cuts, np.inf]))
    p = np.where(below[:-1] < 0.5, np.diff(below), -np.diff(above))
    z = np.array([cuts[0] - 1.0, *inner, cuts[-1] + 1.0])
    text = "normal points" if shift == 0 else f"normal points shifted by {shift:g} sigma"
    return Chances(z, p, text, exact=False, shift=shift)


def rules_run_length(
    rules: Sequence[RunRule], chances: Chances, *, rng: np.random.Generator | None, runs: int, per_year: float | None
) -> RunLength:
    """The average run length of rules.

    Args:
        rules: the rules.
        chances: what points can be.
        rng: the source of randomness, for rules that have to be simulated.
        runs: how many series are simulated.
        per_year: points a year.

    Raises:
        InvalidValue: if they have to be simulated, and there is no `rng`.
    """
    trackers: list[Tracker] = [(rule, side) for rule in rules for side in sides(rule)]
    if rng is None:
        mean = _exact(trackers, chances) if all(rule.zonal for rule in rules) else None
        if mean is None:
            following = ", ".join(rule.id for rule in rules if not rule.zonal)
            reason = "are too many for an exact run length" if not following else "look at how points follow each other"
            raise InvalidValue("rules", following or f"{len(rules)} rules", f"{reason}; give rng= to simulate it")
        return RunLength(mean=mean, per_year=per_year, method=f"exact Markov chain, {chances.text}")
    if runs < 2:
        raise InvalidValue("runs", runs, "are too few to simulate")
    mean, error = _simulated(trackers, chances, rng, runs)
    return RunLength(mean=mean, error=error, per_year=per_year, method=f"{runs} simulated runs, {chances.text}")


def _exact(trackers: Sequence[Tracker], chances: Chances) -> float | None:
    """The run length by a Markov chain of what each rule remembers (Champ & Woodall 1987), or None if that is too much.

    Of k of m points, a rule remembers which of the last m - 1 had its property.
    """
    if not trackers:
        return np.inf
    has = np.array([lying(rule, side, chances.z) for rule, side in trackers])
    kinds, which = np.unique(has, axis=1, return_inverse=True)
    p: Floats = np.bincount(which.ravel(), chances.p, kinds.shape[1]).astype(np.float64)
    columns = [tuple(map(bool, kinds[:, i])) for i in np.flatnonzero(p > 0)]
    places: dict[tuple[int, ...], int] = {(0,) * len(trackers): 0}
    moves: list[list[int]] = []
    for state in (queue := [*places]):
        if len(queue) > _MOST_STATES:
            return None
        row: list[int] = []
        for column in columns:
            after = _remembered(trackers, state, column)
            if after is not None and after not in places:
                places[after] = len(places)
                queue.append(after)
            row.append(-1 if after is None else places[after])
        moves.append(row)
    return _ended(np.array(moves, np.int64), p[p > 0], max(rule.m for rule, _ in trackers))


def _remembered(trackers: Sequence[Tracker], state: Sequence[int], column: Sequence[bool]) -> tuple[int, ...] | None:
    """What the rules remember after a point, or None if one of them is met."""
    after: list[int] = []
    for (rule, _), bits, has in zip(trackers, state, column, strict=True):
        if has and bits.bit_count() + 1 >= rule.k:
            return None
        # Without exceptions, one point that lacks the property makes all before it worthless.
        kept = 0 if rule.k == rule.m and not has else (bits << 1 | has) & ((1 << rule.m - 1) - 1)
        after.append(kept)
    return tuple(after)


def _ended(moves: npt.NDArray[np.int64], p: Floats, window: int) -> float:
    """The expected number of steps until a chain ends: the sum of the chances to last, their tail being geometric.

    Args:
        moves: the next state of each state for each kind of point; -1 ends.
        p: the probabilities of the kinds.
        window: how many points the rules look back at most.
    """
    lasting = np.append(np.ones(len(moves)), 0.0)
    total, held, before, leaving = 0.0, 1.0, np.nan, np.nan
    # Within two windows every rule has had its chance to be met.
    while not abs(leaving - before) <= 1e-9 * leaving:
        before = leaving
        for _ in range(2 * window):
            held = lasting[0]
            total += held
            lasting[:-1] = lasting[moves] @ p
        if lasting[0] <= 1e-15 * total:
            return float(total)
        leaving = 1.0 - lasting[0] / held
    # What leaves less often than a float can tell from never leaves never.
    return float(total + lasting[0] / leaving) if leaving > 1e-13 else np.inf


def _simulated(
    trackers: Sequence[Tracker], chances: Chances, rng: np.random.Generator, runs: int
) -> tuple[float, float]:
    """The mean of simulated run lengths, and its standard error; of those that last, what they say is how long."""
    span = max((rule.m for rule, _ in trackers), default=1)
    ended: list[npt.NDArray[np.int64]] = []
    tail, seen = np.zeros((runs, 0)), 0
    while len(tail) and seen < _LONGEST:
        points = np.concatenate([tail, chances.draw(rng, (len(tail), _BLOCK))], axis=1)
        fresh = points.shape[1] - _BLOCK
        alarm = _any(trackers, points)[:, fresh:]
        over = alarm.any(axis=1)
        ended.append(seen + 1 + alarm[over].argmax(axis=1))
        tail, seen = points[~over][:, max(0, points.shape[1] - span + 1) :], seen + _BLOCK
    lengths = np.concatenate([*ended, np.full(len(tail), seen)]).astype(np.float64)
    n = len(lengths) - len(tail)
    if n == 0:
        return np.inf, np.inf
    mean = float(lengths.sum() / n)
    return mean, float(lengths.std(ddof=1) / n**0.5) if not len(tail) else mean / n**0.5


def _any(trackers: Sequence[Tracker], points: Floats) -> npt.NDArray[np.bool_]:
    alarm = np.zeros(points.shape, np.bool_)
    for rule, side in trackers:
        alarm |= met(rule, having(rule, side, points, points))
    return alarm


def run_length(
    rules: Iterable[RunRule] | RunRule,
    *,
    shift: float = 0.0,
    every: Every | float | None = None,
    rng: np.random.Generator | None = None,
    runs: int = 10_000,
) -> RunLength:
    """How long a set of rules runs on independent normal points until one of them is met.

    Rules that ask only where points lie are a Markov chain of what they remember (Champ & Woodall 1987), whose run
    length is exact; trends and alternations are simulated.

    Args:
        rules: the rules.
        shift: how many sigmas the mean has moved; 0 for false alarms.
        every: points a year, or one a "day", "week" ..., for false alarms a year.
        rng: the source of randomness; if there is one, all rules are simulated.
        runs: how many series are simulated.

    Raises:
        InvalidValue: without `rng`, for rules that have to be simulated.

    >>> from crmkit.metrics.spc import WESTERN_ELECTRIC
    >>> round(run_length(WESTERN_ELECTRIC).mean, 2)
    91.75
    """
    given = checked_rules(rules)
    return rules_run_length(given, normal_chances(given, shift), rng=rng, runs=runs, per_year=yearly(every))
