"""Intervals that know which rows belong together, from states that add up.

Units (invoices, tickets) are dealt into 256 groups by their names, so that parts of the data, and databases, deal
alike; a state keeps a counter for each group. Groups of whole units are independent of one another, and how much they
differ is how much the figure does: the method of random groups (Wolter 2007, chapter 2), whose standard errors have 255
degrees of freedom at most.
"""

from hashlib import md5
from typing import Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded
from crmkit.metrics._checks import Floats, Longs, confidence
from crmkit.metrics._kernels import first_at_most, ratio
from crmkit.metrics.kpi._durations import value_of
from crmkit.metrics.metric import Cells
from crmkit.metrics.states import Counts, exact_sums
from crmkit.metrics.survival import SurvivalCurve

__all__ = ["REPLICATES", "Swings", "deal", "spread_of"]

# How many groups there are.
GROUPS = 256
#: How often groups are drawn.
REPLICATES = 200

_NAMES = tuple(f"{number:02x}" for number in range(GROUPS))
# Poisson probabilities up to 17 events: the rest is below 2^-53.
_POISSON = np.cumsum(np.exp(-1.0 - np.cumsum(np.log(np.maximum(np.arange(18.0), 1.0)))))
# Survival is a product of many quotients: heights closer than this are the same step.
_SAME = 1e-9
_STEP = np.uint64(0x9E3779B97F4A7C15)


def deal(units: Coded) -> Coded:
    """The group of each unit, which depends on its text alone: the first byte of its MD5, which databases have, too."""
    used = np.flatnonzero(np.bincount(units.codes[units.codes >= 0], minlength=1))
    texts = map(units.values.__getitem__, used.tolist())
    group = np.full(len(units.values) + 1, -1, np.int32)
    group[used] = np.fromiter((md5(text.encode(), usedforsecurity=False).digest()[0] for text in texts), np.int32)
    return Coded(group[units.codes], _NAMES)


def spread_of(cells: Cells, part: str, bins: tuple[int, int], level: float) -> tuple[Floats, Floats]:
    """The percentile interval of a ratio of two sums over drawn groups (Poisson bootstrap).

    Drawing each group Poisson(1) times is the bootstrap of clusters, and needs no count of them (Chamandy,
    Muralidharan, Najmi & Naidu 2012).

    Args:
        cells: the cells.
        part: it has a key "group".
        bins: that of what is above the line, and below it.
        level: the confidence.

    Returns:
        Lower and upper limits, NaN where there is nothing below the line.
    """
    where, counts = cells.entries(part)
    group = _group_of(counts)
    above, below = (_by_group(where, counts, group, one, len(cells)) @ _draws() for one in bins)
    found = np.sort(np.where(below > 0, ratio(above, below), np.inf), axis=1)
    tail = int((1.0 - level) / 2.0 * REPLICATES)
    low, high = found[:, tail], found[:, REPLICATES - 1 - tail]
    return np.where(np.isinf(low), np.nan, low), np.where(np.isinf(high), np.nan, high)


def _by_group(where: Longs, counts: Counts, group: Longs, wanted: int, size: int) -> Floats:
    mine = np.flatnonzero(counts.bins == wanted)
    sums = exact_sums(where[mine] * GROUPS + group[mine], counts.n[mine], size * GROUPS)
    return sums.reshape(size, GROUPS).astype(np.float64)


def _group_of(counts: Counts) -> Longs:
    """The group of each counter."""
    return counts.column("group").recode(_NAMES).codes.astype(np.int64)


def _mixed(seeds: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014)."""
    with np.errstate(over="ignore"):
        mixed = seeds * _STEP
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _draws() -> Floats:
    """How often each group is drawn in each replicate, shape (GROUPS, REPLICATES)."""
    uniform = (_mixed(np.arange(1, GROUPS * REPLICATES + 1, dtype=np.uint64)) >> np.uint64(11)) * 2.0**-53
    return np.searchsorted(_POISSON, uniform, side="right").astype(np.float64).reshape(GROUPS, REPLICATES)


@attrs.frozen(eq=False)
class Swings:
    """How Kaplan-Meier curves move with the weight of each group (infinitesimal jackknife, Jaeckel 1972).

    A stay that weighs more moves log S(t) by H(min(b, t)) - [ended by t] / (n - d) for each unit of weight, b being its
    age and H the sum of d / (n (n - d)) that is in Greenwood's formula.

    Attributes:
        curve: curves of shape (cells, T).
        cell: of each counter of the part, shape (m,).
        group: likewise.
        tick: its place among the times of the curve.
        ended: 1.0 for ends, 0.0 for stays that last.
        weight: what it counts for.
    """

    curve: SurvivalCurve
    cell: Longs
    group: Longs
    tick: Longs
    ended: Floats
    weight: Floats

    @classmethod
    def of(cls, cells: Cells, part: str, curve: SurvivalCurve) -> Self:
        """Of the curves that `curves_of` made of a part with a key "group"."""
        where, counts = cells.entries(part)
        group, tick = _group_of(counts), np.searchsorted(curve.time, value_of(counts.bins))
        ended = ~counts.column("end").missing
        # In one order, so that parts of the data come to the same floats.
        order = np.argsort(((where * GROUPS + group) * len(curve.time) + tick) * 2 + ended)
        weights = counts.n[order].astype(np.float64)
        return cls(curve, where[order], group[order], tick[order], ended[order].astype(np.float64), weights)

    def quantile(self, q: float, level: float) -> tuple[Floats, Floats]:
        """Limits of the time by which a share has ended: the log-log band at the quantile, inverted (Woodruff 1952).

        NaN where the band does not get that far.
        """
        s, rows = self.curve.survival, np.arange(len(self.curve.survival))
        reached = s <= 1.0 - q + _SAME
        at = np.where(reached.any(axis=-1), reached.argmax(axis=-1), s.shape[-1] - 1)
        # Where nothing is left the formula says nothing; the step before does.
        at = np.where((s[rows, at] <= 0.0) & (at > 0), at - 1, at)
        height, hazard = s[rows, at], self._hazard()
        stops = np.minimum(self.tick, at[self.cell])
        rest = (self.curve.n_risk - self.curve.n_event)[self.cell, self.tick].astype(np.float64)
        moved = hazard[self.cell, stops] - self.ended * (self.tick <= at[self.cell]) * ratio(np.ones_like(rest), rest)
        error, degrees = self._error(moved)
        inside = (height > 0.0) & (height < 1.0)
        log = np.log(np.where(inside, height, 0.5))
        factor = np.exp(_reach(degrees, level) * np.where(inside, error, 0.0) / -log)
        # The band S^factor .. S^(1/factor) reaches 1 - q where the curve reaches this:
        early, late = ((1.0 - q) ** power for power in (1.0 / factor, factor))
        low, high = (first_at_most(self.curve.time, s, limit[:, None] + _SAME) for limit in (early, late))
        unknown = np.where(degrees > 0, 0.0, np.nan)
        return low + unknown, high + unknown

    def rmst(self, tau: float, level: float) -> tuple[Floats, Floats]:
        """Limits of the restricted mean, by t with as many degrees of freedom as there are groups, less one."""
        edges = np.minimum(np.append(self.curve.time, np.inf), tau)
        ahead = np.cumsum((self.curve.survival * np.diff(edges))[:, ::-1], axis=1)[:, ::-1]
        n, d = (column.astype(np.float64) for column in (self.curve.n_risk, self.curve.n_event))
        gained = np.cumsum(ahead * ratio(d, n * (n - d)), axis=1)
        lost = ratio(ahead, n - d)
        moved = gained[self.cell, self.tick] - self.ended * lost[self.cell, self.tick]
        error, degrees = self._error(moved)
        mean, reach = self.curve.rmst(tau).value, _reach(degrees, level) * error
        unknown = np.where(degrees > 0, 0.0, np.nan)
        return np.maximum(mean - reach, 0.0) + unknown, np.minimum(mean + reach, tau) + unknown

    def _hazard(self) -> Floats:
        n, d = (column.astype(np.float64) for column in (self.curve.n_risk, self.curve.n_event))
        return np.cumsum(ratio(d, n * (n - d)), axis=1)

    def _error(self, moved: Floats) -> tuple[Floats, Longs]:
        """The standard error of what each counter moves by so much a unit, and its degrees of freedom."""
        size = len(self.curve.survival)
        place = self.cell * GROUPS + self.group
        sums = np.bincount(place, self.weight * moved, size * GROUPS).reshape(size, GROUPS)
        k = (np.bincount(place, minlength=size * GROUPS).reshape(size, GROUPS) > 0).sum(axis=1)
        return np.sqrt(k / np.maximum(k - 1, 1) * (sums**2).sum(axis=1)), k - 1


def _reach(degrees: Longs, level: float) -> Floats:
    from scipy.special import stdtrit

    return np.asarray(stdtrit(np.maximum(degrees, 1), (1.0 + confidence(level)) / 2.0), np.float64)
