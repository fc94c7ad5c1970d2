"""Comparisons of what comes to a company, and what goes: one period against an earlier one."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Coded, Journal, Ledger
from crmkit.metrics._cases import cases_of
from crmkit.metrics._swot_inside import Comparison
from crmkit.metrics._trends import cochran_armitage
from crmkit.metrics.churn import Spells, churned
from crmkit.metrics.estimators import midp_binomial, newcombe, rate_ratio, wilson
from crmkit.metrics.lost import losses
from crmkit.metrics.policy import CLOCK_US, StageOrder
from crmkit.values import Period

__all__ = ["Against", "arrivals", "concentrated", "leaving", "losing", "sales"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bounds = tuple[int, int]

_DAY_US = CLOCK_US["day"]
_WEEK = 7
#: Fewer events than this, in both periods together, cannot show a change worth telling.
_LEAST = 20
#: A variance between fewer weeks than this is a guess.
_LEAST_WEEKS = 4


@attrs.frozen
class Against:
    """What is compared with what.

    Attributes:
        now: the bounds of the period, int64 microseconds UTC.
        before: those of the earlier one.
        level: the confidence of limits.
    """

    now: Bounds
    before: Bounds
    level: float

    def n(self, at: Ints) -> int:
        """How many of some instants lie in either period."""
        return _within(at, self.now) + _within(at, self.before)

    def rows(self, at: Ints, rows: Ints) -> Ints:
        """The rows whose instants lie in the period."""
        return rows[(at >= self.now[0]) & (at < self.now[1])]


def arrivals(journal: Journal, order: StageOrder, by: Sequence[str], against: Against) -> Iterator[Comparison]:
    """New cases a day, of all and of each segment: the conditional binomial, with the spread of weeks beyond chance."""
    cases = cases_of(journal, order)
    if not len(cases.opened):
        return
    # What was not observed is no exposure.
    now = (against.now[0], min(against.now[1], journal.until))
    before = (max(against.before[0], int(cases.opened.min())), against.before[1])
    seen = Against(now, before, against.level)
    for dimension, segment, mine in _segments(journal, cases.first, by):
        at = cases.opened[mine]
        yield Comparison(
            figure="arrivals", inside=False, dimension=dimension, segment=segment, n=seen.n(at),
            rows=seen.rows(at, cases.first[mine]), method="conditional binomial, mid-p, over-dispersion of weeks",
            **_rates(at, seen),
        )  # fmt: skip


def _segments(journal: Journal, first: Ints, by: Sequence[str]) -> Iterator[tuple[str, str, Ints]]:
    yield "", "", np.arange(len(first))
    for dimension in by:
        column = journal.dimension(dimension)
        codes = column.codes[first]
        for code in np.unique(codes[codes >= 0]).tolist():
            yield dimension, column.values[code], np.flatnonzero(codes == code)


def _within(at: Ints, bounds: Bounds) -> int:
    return int(((at >= bounds[0]) & (at < bounds[1])).sum())


def _rates(at: Ints, against: Against) -> dict[str, Any]:
    now, before = against.now, against.before
    k1, k0 = _within(at, now), _within(at, before)
    days = [(end - start) / _DAY_US for start, end in (now, before)]
    if k1 + k0 < _LEAST or min(days) < _LEAST_WEEKS * _WEEK:
        return {}
    spread = _dispersion([_weekly(at, np.ones(len(at), np.int64), bounds) for bounds in (now, before)])
    low, high = rate_ratio(k1 / spread, days[0], k0 / spread, days[1], level=against.level)
    p = min(1.0, 2 * min(midp_binomial(k1 / spread, (k1 + k0) / spread, days[0] / sum(days))))
    base = k0 / days[1]
    return {"value": k1 / days[0], "base": base, "low": low * base, "high": high * base, "p": p,
            "good": k1 / days[0] > base}  # fmt: skip


def _weekly(at: Ints, worth: Ints, bounds: Bounds) -> Floats:
    """Sums of about a week each, all of the same length."""
    start, end = bounds
    blocks = max(1, round((end - start) / (_WEEK * _DAY_US)))
    inside = (at >= start) & (at < end)
    place = (at[inside] - start) * blocks // (end - start)
    sums: Floats = np.bincount(place, worth[inside], blocks).astype(np.float64)
    return sums


def _dispersion(weeks: Sequence[Floats]) -> float:
    """Pearson's estimate of the variance of weekly counts over their mean, at least that of chance."""
    squares = sum(float(((week - week.mean()) ** 2).sum() / week.mean()) for week in weeks if week.any())
    free = sum(len(week) - 1 for week in weeks if week.any())
    return max(1.0, squares / free)


def sales(ledger: Ledger, by: Sequence[str], against: Against) -> Iterator[Comparison]:
    """Amounts a day, of each currency, of all and of each segment: Welch's t on the logarithm of the ratio of weeks."""
    for unit, currency in enumerate(ledger.currencies.values):
        for dimension, segment, mine in _parts(ledger, by, ledger.currencies.codes == unit):
            at, minor = ledger.at[mine], ledger.minor[mine]
            yield Comparison(
                figure="sales", inside=False, dimension=dimension, segment=segment, currency=currency,
                n=against.n(at), rows=against.rows(at, mine), table="ledger",
                method="welch t of weekly sums, delta method on the log ratio", **_growth(at, minor, against),
            )  # fmt: skip


def _parts(ledger: Ledger, by: Sequence[str], priced: npt.NDArray[np.bool_]) -> Iterator[tuple[str, str, Ints]]:
    yield "", "", np.flatnonzero(priced)
    for dimension in by:
        column: Coded = ledger.dimension(dimension)
        for code in np.unique(column.codes[priced & (column.codes >= 0)]).tolist():
            yield dimension, column.values[code], np.flatnonzero(priced & (column.codes == code))


def _growth(at: Ints, minor: Ints, against: Against) -> dict[str, Any]:
    from scipy.special import stdtr, stdtrit

    now, before = against.now, against.before
    weeks = [_weekly(at, minor, bounds) for bounds in (now, before)]
    means = [float(week.mean()) for week in weeks]
    if (
        min(map(len, weeks)) < _LEAST_WEEKS
        or min(means) <= 0
        or min(_within(at, now), _within(at, before)) < _LEAST // 2
    ):
        return {}
    parts = [float(week.var(ddof=1)) / len(week) / mean**2 for week, mean in zip(weeks, means, strict=True)]
    error = math.sqrt(sum(parts))
    if not error:
        return {}
    free = sum(parts) ** 2 / sum(part**2 / (len(week) - 1) for part, week in zip(parts, weeks, strict=True))
    days = [(end - start) / _DAY_US for start, end in (now, before)]
    value, base = (mean * len(week) / day for mean, week, day in zip(means, weeks, days, strict=True))
    step, reach = math.log(value / base), float(stdtrit(free, (1 + against.level) / 2)) * error
    p = float(2 * stdtr(free, -abs(step) / error))
    return {"value": value, "base": base, "low": value * math.exp(-reach), "high": value * math.exp(reach), "p": p,
            "good": value > base}  # fmt: skip


def losing(journal: Journal, order: StageOrder, competitor: str, against: Against) -> Iterator[Comparison]:
    """The share of each competitor among the losses, now and before: the test of two proportions."""
    found = losses(
        journal, reason=None, competitor=competitor, stages=order.names, won=order.won, lost=order.lost
    )  # fmt: skip
    column = found.dimension("competitor")
    periods = [(found.at >= start) & (found.at < end) for start, end in (against.now, against.before)]
    n1, n0 = (int(period.sum()) for period in periods)
    for code, name in enumerate(column.values):
        mine = column.codes == code
        x1, x0 = (int((mine & period).sum()) for period in periods)
        enough = x1 + x0 >= _LEAST // 2 and min(n1, n0) >= _LEAST
        low, high = newcombe(x1, n1, x0, n0, level=against.level)
        told: dict[str, Any] = {} if not enough else {
            "value": x1 / n1, "base": x0 / n0, "low": x0 / n0 + low, "high": x0 / n0 + high, "good": x1 / n1 < x0 / n0,
            "p": cochran_armitage([x0, x1], [n0, n1]).p,
        }  # fmt: skip
        yield Comparison(
            figure="losses to", inside=False, dimension="competitor", segment=name, n=n1 + n0,
            rows=found.rows[mine & periods[0]], method="two proportions, newcombe", **told,
        )  # fmt: skip


def leaving(spells: Spells, now: Period, before: Period, level: float) -> Iterator[Comparison]:
    """The share of customers who left, now and before; no comparison if one of the periods was not observed."""
    told: dict[str, Any] = {}
    try:
        new, old = (churned(spells, over=period).rows[0] for period in (now, before))
    except InvalidValue:
        yield Comparison(figure="customers lost", inside=False, dimension="", segment="", table="spells")
        return
    if min(new.base, old.base) >= _LEAST:
        low, high = wilson(new.lost, new.base, level)
        told = {"value": new.value, "base": old.value, "low": low, "high": high, "good": new.value < old.value,
                "p": cochran_armitage([old.lost, new.lost], [old.base, new.base]).p}  # fmt: skip
    yield Comparison(
        figure="customers lost", inside=False, dimension="", segment="", n=new.base + old.base, table="spells",
        method="two proportions, wilson", **told,
    )  # fmt: skip


def concentrated(ledger: Ledger, dimension: str, now: Bounds, line: float, level: float) -> Iterator[Comparison]:
    """Whether the largest part of a dimension is more than a line of the sales, of each currency: a ratio of weeks."""
    column = ledger.dimension(dimension)
    inside = (ledger.at >= now[0]) & (ledger.at < now[1]) & (column.codes >= 0)
    for unit, currency in enumerate(ledger.currencies.values):
        rows = np.flatnonzero(inside & (ledger.currencies.codes == unit))
        if not len(rows):
            continue
        sums = np.bincount(column.codes[rows], ledger.minor[rows], len(column.values))
        largest = int(sums.argmax())
        mine = rows[column.codes[rows] == largest]
        part, whole = (_weekly(ledger.at[which], ledger.minor[which], now) for which in (mine, rows))
        told: dict[str, Any] = {}
        if len(rows) >= _LEAST and len(whole) >= _LEAST_WEEKS and whole.sum() > 0:
            told = _beyond(part, whole, line, level)
        yield Comparison(
            figure="largest share", inside=False, dimension=dimension, segment=column.values[largest],
            currency=currency, n=len(rows), rows=mine, table="ledger",
            method="ratio of weekly sums, one-sided t", **told,
        )  # fmt: skip


def _beyond(part: Floats, whole: Floats, line: float, level: float) -> dict[str, Any]:
    """Whether a part is more than a line of the whole, by the linearised ratio of weekly sums."""
    from scipy.special import stdtr, stdtrit

    share = float(part.sum() / whole.sum())
    off, free = part - share * whole, len(whole) - 1
    error = math.sqrt(float((off**2).sum()) * len(whole) / free) / float(whole.sum())
    reach = float(stdtrit(free, (1 + level) / 2)) * error
    p = float(stdtr(free, (line - share) / error)) if error else float(share <= line)
    return {"value": share, "base": line, "low": share - reach, "high": share + reach, "good": False, "p": p}
