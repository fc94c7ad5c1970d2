"""How long until, and which of several ends: estimators that count what is still open instead of dropping it.

Times are elapsed times in any unit: whole days or seconds (integers) or floats, at least 0. A stay that lasts is
censored at its present age. At equal times ends come before censorings. A stay that came under observation at age
`entry` is at risk at u if entry < u <= duration (delayed entry, left truncation); entry 0 means from the start. Ties
are exact; nothing is jittered.
"""

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats, Longs, ages, as_codes, as_flags, numbers
from crmkit.metrics._curves import CumulativeIncidence, Quantile, RestrictedMean, SurvivalCurve, curve_of
from crmkit.metrics._kernels import check_entry, incidence, log_ranks, tally, weighted_tally
from crmkit.metrics._multistate import StateProbabilities, state_probabilities
from crmkit.values.display import Listed

__all__ = [
    "CumulativeIncidence",
    "LogRank",
    "Quantile",
    "RestrictedMean",
    "StateProbabilities",
    "SurvivalCurve",
    "aalen_johansen",
    "grouped_aj",
    "grouped_km",
    "kaplan_meier",
    "logrank",
    "risk_table",
    "state_probabilities",
]

Array = npt.NDArray[Any]

# A table of counters larger than this is a mistake of units, not a state to keep: 2^27 counters are 1 GiB.
_MOST_CELLS = 1 << 27


def kaplan_meier(
    durations: npt.ArrayLike,
    observed: npt.ArrayLike,
    *,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
) -> SurvivalCurve:
    """The share of stays that last longer than t (Kaplan & Meier 1958), with Greenwood's standard error.

    For one kind of end only: with several (won, lost), `aalen_johansen` gives the chance of each, and one minus this
    curve with the others censored overstates it.

    Args:
        durations: elapsed times, shape (n,).
        observed: True where the stay ended, False where it was still lasting (censored).
        entry: the age at which each stay came under observation, or None for the start.
        weights: what each stay counts for (an amount), not how often it occurred: the standard error is then the
            infinitesimal jackknife over rows, which equal weights leave as it is. Not together with `entry`.

    Raises:
        InvalidValue: for columns that do not fit together, times below 0, or stays that were never at risk.

    >>> curve = kaplan_meier([1, 2, 2, 3], [True, True, False, True])
    >>> curve.survival.tolist(), curve.median().value
    ([0.75, 0.5, 0.0], 2.5)
    """
    spans, start = _columns(durations, entry)
    ended = as_flags(observed, "observed", spans.size)
    if weights is None:
        count = tally(spans, ended, 2, start)
        return curve_of(count.time, count.n_risk, count.counts[1])
    if entry is not None:
        raise InvalidValue("weights", "delayed entry", "cannot be combined with weights")
    worth = numbers(weights, "weights")
    if worth.shape != spans.shape or not worth.any():
        raise InvalidValue("weights", f"shape {worth.shape}", f"do not match {spans.size} durations, or are all 0")
    held = worth > 0
    count, squares = weighted_tally(spans[held], ended[held], worth[held], 2)
    return curve_of(count.time, count.n_risk, count.counts[1], squares)


def aalen_johansen(
    durations: npt.ArrayLike, cause: npt.ArrayLike, *, causes: int, entry: npt.ArrayLike | None = None
) -> CumulativeIncidence:
    """The share of stays ended by each of K causes by t (Aalen & Johansen 1978): the chance to be won, not 1 - KM.

    Args:
        durations: elapsed times, shape (n,).
        cause: 0 where the stay was still lasting (censored), else 1..causes.
        causes: how many causes there are, K.
        entry: the age at which each stay came under observation, or None for the start.

    Raises:
        InvalidValue: for columns that do not fit together, times below 0, or stays that were never at risk.

    >>> won_or_lost = aalen_johansen([1, 2, 2, 3], [1, 2, 0, 1], causes=2)
    >>> won_or_lost.at(2).tolist(), won_or_lost.quantile_given(1, 0.5)
    ([0.25, 0.25], 3.0)
    """
    spans, start = _columns(durations, entry)
    code = as_codes(cause, "cause", spans.size, first=0, last=_at_least_one("causes", causes))
    count = tally(spans, code, causes + 1, start)
    survival, cif = incidence(count.n_risk, count.counts[1:])
    return CumulativeIncidence(count.time, count.n_risk, count.counts[1:], survival, cif, start is not None)


@attrs.frozen(eq=False)
class LogRank(Listed):
    """The log-rank test of equal survival in k groups.

    Attributes:
        observed: ends in each group, shape (k,).
        expected: what they would be if all groups were alike.
        chi2: the statistic.
        df: groups at risk minus 1.
        p: the p value.
    """

    observed: Longs
    expected: Floats
    chi2: float
    df: int
    p: float


def logrank(durations: npt.ArrayLike, observed: npt.ArrayLike, group: npt.ArrayLike) -> LogRank:
    """Do k groups last equally long? The Mantel-Haenszel test with the hypergeometric variance.

    Args:
        durations: elapsed times, shape (n,).
        observed: True where the stay ended, False where it was censored.
        group: the group of each stay, coded 0..k-1.

    Raises:
        InvalidValue: for columns that do not fit together, or fewer than two groups with an expectation above 0.
    """
    from scipy.special import chdtrc

    spans, _ = _columns(durations, None)
    ended = as_flags(observed, "observed", spans.size)
    code = as_codes(group, "group", spans.size, first=0, last=np.iinfo(np.int32).max - 1)
    groups = int(code.max()) + 1
    count = tally(spans, 2 * code.astype(np.int64) + ended, 2 * groups)
    events = count.counts[1::2]
    n_risk = np.cumsum((count.counts[::2] + events)[:, ::-1], axis=1)[:, ::-1]
    expected, covariance = log_ranks(n_risk, events)
    seen = np.flatnonzero(expected > 0)
    if seen.size < 2:
        raise InvalidValue("group", f"{seen.size} groups", "are at risk when something ends; a comparison needs two")
    # The differences add up to 0: one group follows from the others.
    kept = seen[1:]
    gap = events.sum(axis=1)[kept] - expected[kept]
    chi2 = float(gap @ np.linalg.solve(covariance[np.ix_(kept, kept)], gap))
    return LogRank(events.sum(axis=1), expected, chi2, seen.size - 1, float(chdtrc(seen.size - 1, chi2)))


def risk_table(
    durations: npt.ArrayLike, cause: npt.ArrayLike, group: npt.ArrayLike, *, groups: int, causes: int, width: int
) -> Longs:
    """The mergeable state of survival estimates: how many stays of a group end by a cause at an age.

    Tables of parts of the data add up to the table of the whole.

    Args:
        durations: whole ticks, 0..width-1, shape (n,); n may be 0.
        cause: 0 where the stay was still lasting (censored), else 1..causes.
        group: 0..groups-1.
        groups: how many groups there are.
        causes: how many causes there are.
        width: how many ticks there are.

    Returns:
        int64, shape (groups, causes + 1, width).

    Raises:
        InvalidValue: for a value outside its range; widen the table, or censor at its last tick first.
    """
    ticks = np.asarray(durations)
    if ticks.ndim != 1:
        raise InvalidValue("durations", f"shape {ticks.shape}", "is no column")
    shape = tuple(_at_least_one(*size) for size in (("groups", groups), ("causes", causes), ("width", width)))
    cells = shape[0] * (shape[1] + 1) * shape[2]
    if cells > _MOST_CELLS:
        raise InvalidValue("risk table", cells, f"counters are more than {_MOST_CELLS}; use wider ticks")
    place = as_codes(group, "group", ticks.size, first=0, last=groups - 1).astype(np.int64)
    place *= causes + 1
    place += as_codes(cause, "cause", ticks.size, first=0, last=causes)
    place *= width
    place += as_codes(ticks, "durations", ticks.size, first=0, last=width - 1)
    return np.bincount(place, minlength=cells).reshape(groups, causes + 1, width)


def grouped_km(counts: npt.ArrayLike) -> SurvivalCurve:
    """Kaplan-Meier curves of all groups of a risk table at once, whatever the cause of the end.

    Args:
        counts: int, shape (..., causes + 1, width), as `risk_table` gives it.

    Returns:
        Curves of shape (..., width) on the time axis 0..width-1; the numbers of `kaplan_meier`.

    Raises:
        InvalidValue: for a table of another shape, or a count below 0.
    """
    table, n_risk = _table(counts)
    return curve_of(np.arange(table.shape[-1]), n_risk, table[..., 1:, :].sum(axis=-2))


def grouped_aj(counts: npt.ArrayLike) -> CumulativeIncidence:
    """Aalen-Johansen estimates of all groups of a risk table at once.

    Args:
        counts: int, shape (..., causes + 1, width), as `risk_table` gives it.

    Returns:
        Estimates of shape (..., causes, width) on the time axis 0..width-1; the numbers of `aalen_johansen`.

    Raises:
        InvalidValue: for a table of another shape, or a count below 0.
    """
    table, n_risk = _table(counts)
    n_event = table[..., 1:, :]
    survival, cif = incidence(n_risk, n_event)
    return CumulativeIncidence(np.arange(table.shape[-1]), n_risk, n_event, survival, cif)


def _table(counts: npt.ArrayLike) -> tuple[Longs, Longs]:
    table = np.asarray(counts)
    if table.ndim < 2 or table.shape[-2] < 2 or table.shape[-1] < 1 or table.dtype.kind not in "iu":
        raise InvalidValue("risk table", f"{table.dtype} {table.shape}", "is no integer (..., causes + 1, width)")
    if table.size and table.min() < 0:
        raise InvalidValue("risk table", int(table.min()), "is a count below 0")
    table = table.astype(np.int64, copy=False)
    return table, np.cumsum(table.sum(axis=-2)[..., ::-1], axis=-1)[..., ::-1]


def _columns(durations: npt.ArrayLike, entry: npt.ArrayLike | None) -> tuple[Array, Array | None]:
    spans = ages(durations, "durations")
    if entry is None:
        return spans, None
    start = ages(entry, "delayed entry")
    if start.shape != spans.shape:
        raise InvalidValue("delayed entry", f"shape {start.shape}", f"does not match the {spans.size} durations")
    check_entry(start, spans)
    return spans, start if start.any() else None


def _at_least_one(what: str, size: int) -> int:
    if size < 1:
        raise InvalidValue(what, size, "is below 1")
    return size
