"""Somers' D: of two cases that differ in x, how much more often y differs the same way than the other way.

Concordant less discordant pairs, over the pairs that differ in x (Somers 1962); pairs are formed within strata only, so
that what differs between strata explains nothing. Its standard error is that of the delta method over cases (Goodman &
Kruskal 1963; Brown & Benedetti 1977), the limits are symmetric on the scale of Fisher's z (Newson 2006). Whether there
is any link is tested by the variance that the count has when y is dealt out anew within strata, ties counted (Kendall
1970, chapter 4), which for one stratum is the test of Kendall's tau.
"""

import math

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.metrics._checks import normal_quantile

__all__ = ["Somers", "somers"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@attrs.frozen
class Somers:
    """A rank association of y with x.

    Attributes:
        d: from -1 to 1; None if no two cases differ in x.
        std_err: its standard error; None likewise.
        p: of no link at all, two-sided; 1 if nothing can differ.
        pairs: pairs within strata that differ in x.
    """

    d: float | None
    std_err: float | None
    p: float
    pairs: int

    def limits(self, level: float) -> tuple[float, float] | None:
        """The confidence limits; None where there is no standard error, or all pairs agree."""
        if self.d is None or self.std_err is None or abs(self.d) >= 1.0:
            return None
        reach = normal_quantile(level) * self.std_err / (1.0 - self.d**2)
        return math.tanh(math.atanh(self.d) - reach), math.tanh(math.atanh(self.d) + reach)


def somers(x: Floats, y: Floats, strata: Ints | None = None) -> Somers:
    """The association of y with x, within strata.

    Args:
        x: what may explain, shape (n,).
        y: what may follow, shape (n,).
        strata: the stratum of each case, shape (n,); one if None.
    """
    groups = np.zeros(len(x), np.int64) if strata is None else strata
    net, differ = np.zeros(len(x)), np.zeros(len(x))
    variance = 0.0
    for code in np.unique(groups):
        mine = np.flatnonzero(groups == code)
        ranks, levels = (np.unique(column[mine], return_inverse=True)[1] for column in (x, y))
        net[mine] = _net(ranks, levels)
        ties = np.bincount(ranks)
        differ[mine] = len(mine) - ties[ranks]
        variance += _null_variance(len(mine), ties, np.bincount(levels))
    total, pairs = float(net.sum()), float(differ.sum())
    p = math.erfc(abs(total / 2.0) / math.sqrt(variance) / math.sqrt(2.0)) if variance > 0 else 1.0
    if not pairs:
        return Somers(None, None, p, 0)
    d = total / pairs
    # Each case is in its pairs twice over: the influence of one on the ratio of sums is twice its own residual.
    error = 2.0 * math.sqrt(float(((net - d * differ) ** 2).sum())) / pairs
    return Somers(d, error, p, int(pairs) // 2)


def _net(ranks: Ints, levels: Ints) -> Floats:
    """For each case, the concordant pairs it is in less the discordant ones."""
    size = int(ranks.max()) + 1
    every = np.bincount(ranks, minlength=size)
    below = np.zeros(size, np.int64)
    found = np.zeros(len(ranks))
    for level in range(int(levels.max()) + 1):
        mine = np.flatnonzero(levels == level)
        here = np.bincount(ranks[mine], minlength=size)
        above = every - below - here
        lesser, greater = (np.cumsum(part) - part for part in (below, above))
        left, right = lesser[ranks[mine]], greater[ranks[mine]]
        more_below = below.sum() - lesser[ranks[mine]] - below[ranks[mine]]
        more_above = above.sum() - greater[ranks[mine]] - above[ranks[mine]]
        found[mine] = left + more_above - right - more_below
        below = below + here
    return found


def _null_variance(n: int, x: Ints, y: Ints) -> float:
    """The variance of concordant less discordant pairs if y is dealt out at random, given the ties of both."""
    if n < 2:
        return 0.0
    ties = [column.astype(np.float64) for column in (x, y)]
    first = [float((t * (t - 1.0) * (2.0 * t + 5.0)).sum()) for t in ties]
    two = [float((t * (t - 1.0)).sum()) for t in ties]
    three = [float((t * (t - 1.0) * (t - 2.0)).sum()) for t in ties]
    found = (n * (n - 1.0) * (2.0 * n + 5.0) - sum(first)) / 18.0 + two[0] * two[1] / (2.0 * n * (n - 1.0))
    return found + (three[0] * three[1] / (9.0 * n * (n - 1.0) * (n - 2.0)) if n > 2 else 0.0)
