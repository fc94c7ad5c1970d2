"""Ratios of two sums over customers: Fieller's limits, which may be unbounded."""

from collections.abc import Iterator
from itertools import chain, pairwise

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded, Finding
from crmkit.metrics._checks import Longs, confidence
from crmkit.metrics._packing import runs
from crmkit.metrics.kpi._ledgers import amounts
from crmkit.metrics.kpi._money import by_money
from crmkit.metrics.metric import Cells, Estimate, Part
from crmkit.metrics.states import exact_sums
from crmkit.metrics.view import View

__all__ = ["clustered", "clusters_of", "fieller", "ratios_of"]


def fieller(
    top: npt.ArrayLike, bottom: npt.ArrayLike, level: float = 0.95, *, fixed: float = 0.0
) -> tuple[float, float, float]:
    """A ratio of sums over clusters with Fieller's limits (Fieller 1954), by t with k - 1 degrees of freedom.

    The limits are the ratios that the data do not refute: those at which top - ratio * bottom is within t standard
    errors of 0. Where 0 is a possible value of the bottom they are unbounded.

    Args:
        top: the sum of each cluster above the line.
        bottom: and below it.
        level: the confidence.
        fixed: what is added above the line without sampling error.

    Returns:
        Ratio, lower and upper limit; NaN for no data and for the limits of one cluster, -inf and inf where the limits
        are unbounded.
    """
    y, x = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    above, below, k = float(y.sum()) + fixed, float(x.sum()), y.size
    if below == 0:
        return np.nan, np.nan, np.nan
    if k < 2:
        return above / below, np.nan, np.nan
    from scipy.special import stdtrit

    reach = float(stdtrit(k - 1, (1.0 + confidence(level)) / 2.0)) ** 2
    y, x = y - y.mean(), x - x.mean()
    yy, xy, xx = (reach * k / (k - 1) * float(one @ other) for one, other in ((y, y), (x, y), (x, x)))
    a, b, c = below * below - xx, below * above - xy, above * above - yy
    if a <= 0:
        return above / below, -np.inf, np.inf
    root = float(np.sqrt(max(b * b - a * c, 0.0)))
    return above / below, (b - root) / a, (b + root) / a


def clustered(view: View, rows: Longs, name: str, cluster: Coded) -> Iterator[Part | Finding]:
    """Amounts to be added up by currency ("money") and cluster, and how many there are.

    Args:
        view: the facts.
        rows: rows of the ledger.
        name: of the sums; the count is of " rows".
        cluster: of each row of the ledger.
    """
    for part in by_money(amounts(view, rows, name=name, count=f"{name} rows")):
        if isinstance(part, Part) and part.name == name:
            yield attrs.evolve(part, keys={**part.keys, "cluster": cluster[part.rows]})
        else:
            yield part


def clusters_of(cells: Cells, parts: tuple[str, str]) -> Iterator[tuple[Longs, Longs, int]]:
    """For each cell the sums of two parts by their key "cluster", and what the first has of no cluster.

    What the second has of no cluster is a cluster of its own. Clusters are in the order of their names.
    """
    entries = [cells.entries(part) for part in parts]
    labels = [counts.labels[counts.dims.index("cluster")] for _, counts in entries]
    names = labels[0] if labels[0] is labels[1] else tuple(dict.fromkeys(chain(*labels)))
    names = tuple(sorted(names))
    packed = [where * (len(names) + 1) + counts.column("cluster").recode(names).codes + 1 for where, counts in entries]
    distinct = np.concatenate(packed)
    distinct.sort()
    distinct = distinct[runs(distinct)]
    table = np.zeros((len(distinct), len(parts)), np.int64)
    for side, (_, counts) in enumerate(entries):
        table[:, side] = exact_sums(np.searchsorted(distinct, packed.pop(0)), counts.n, len(distinct))
    edges = np.searchsorted(distinct, np.arange(len(cells) + 1) * (len(names) + 1))
    for start, end in pairwise(edges.tolist()):
        # The first, if it is there, is that without a name.
        bare = start < end and distinct[start] % (len(names) + 1) == 0
        above, below = table[start].tolist() if bare else (0, 0)
        named = table[start + bare : end]
        pairs = np.append(named, [[0, below]], axis=0) if below else named
        yield pairs[:, 0], pairs[:, 1], above


def ratios_of(cells: Cells, parts: tuple[str, str], n: Longs, level: float, *, n_open: Longs | None = None) -> Estimate:
    """The ratio of two parts in each cell, with Fieller's limits by clusters."""
    found = [fieller(top, bottom, level, fixed=fixed) for top, bottom, fixed in clusters_of(cells, parts)]
    value, low, high = np.array(found, np.float64).reshape(-1, 3).T
    return Estimate(
        value=value, low=low, high=high, n=n, n_open=n_open,
        method="ratio of sums, fieller by customer; unbounded where the sum below may be 0",
    )  # fmt: skip
