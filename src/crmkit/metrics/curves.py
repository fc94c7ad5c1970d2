"""How long, and how likely by when: time in stage, the win curve, and the cycle of the deals that are won (K10)."""

import math
from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Frameable, Journal
from crmkit.metrics._kernels import first_at_most
from crmkit.metrics.policy import CLOCK_US, StageOrder, definition_id
from crmkit.metrics.survival import CumulativeIncidence, aalen_johansen, kaplan_meier
from crmkit.values.display import Listed

__all__ = [
    "CycleTime",
    "StageTime",
    "StageTimes",
    "WinCurve",
    "WinPoint",
    "case_outcomes",
    "cycle_time",
    "time_in_stage",
    "win_curve",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DAY_US = CLOCK_US["day"]
_CENSORED, _WON, _LOST = 0, 1, 2


@attrs.frozen
class StageTime:
    """How long stays in one stage take, in days of wall time; open stays are right-censored.

    Attributes:
        stage: the stage.
        median: by when half of the stays have ended (Kaplan-Meier); NaN if half of them last longer than was observed.
        low: lower limit of the median.
        high: upper limit; infinite if the band never reaches one half.
        p90: by when nine in ten have ended; NaN if not reached.
        n: stays that began.
        n_open: stays that last.
        closed_only: the median of the stays that ended: what one gets by ignoring the open ones.
        method: the estimator and the interval.
        definition: the id of the definition.
    """

    stage: str
    median: float
    low: float
    high: float
    p90: float
    n: int
    n_open: int
    closed_only: float
    method: str
    definition: str


@attrs.frozen
class StageTimes(Frameable[StageTime]):
    """Time in stage, a row a stage."""

    rows: tuple[StageTime, ...]


@attrs.frozen
class WinPoint:
    """One point of the win curve.

    Attributes:
        days: since the case was opened.
        at_risk: cases that were observed that long and not closed.
        won: the chance to be won by then.
        low: lower limit.
        high: upper limit.
        lost: the chance to be lost by then.
    """

    days: float
    at_risk: int
    won: float
    low: float
    high: float
    lost: float


@attrs.frozen
class WinCurve(Frameable[WinPoint]):
    """The chance that a case is won within so many days, losing being a competing cause.

    Attributes:
        rows: a point at every day on which a case was closed.
        n: cases.
        n_open: cases not closed.
        won: cases won.
        lost: cases lost.
        closed_only: won / (won + lost), what one gets by ignoring the open cases; NaN if none is closed.
        level: the confidence of the limits.
        method: the estimator and the interval.
        definition: the id of the definition.
        observed: the longest time a case was observed, in days: the curve says nothing beyond.
    """

    rows: tuple[WinPoint, ...]
    n: int
    n_open: int
    won: int
    lost: int
    closed_only: float
    level: float
    method: str
    definition: str
    observed: float

    def at(self, days: float) -> WinPoint:
        """The curve at a number of days; before the first closing it is 0, after the last it stays where it was."""
        passed = [row for row in self.rows if row.days <= days]
        if passed:
            return attrs.evolve(passed[-1], days=float(days))
        return WinPoint(float(days), self.n, 0.0, 0.0, float(1 - (1 - self.level) ** (1 / max(self.n, 1))), 0.0)


@attrs.frozen
class CycleTime(Listed):
    """Days from opening to winning, of the cases that are won within the time observed.

    Attributes:
        median: half of the eventual wins come by then (Aalen-Johansen); NaN without a win.
        low: lower limit.
        high: upper limit.
        p90: nine in ten of them come by then.
        n: cases.
        n_open: cases not closed.
        n_won: cases won.
        closed_only_mean: the mean over the cases that are won already, which is too short while the business grows.
        closed_only_median: the median over them.
        method: the estimator.
        definition: the id of the definition.
    """

    median: float
    low: float
    high: float
    p90: float
    n: int
    n_open: int
    n_won: int
    closed_only_mean: float
    closed_only_median: float
    method: str
    definition: str


def time_in_stage(
    journal: Journal, *, stages: Any = None, won: Iterable[str] = (), lost: Iterable[str] = (), level: float = 0.95
) -> StageTimes:
    """How long stays in each open stage take.

    Kaplan-Meier of leaving the stage for whatever reason, on the exact times; the interval of the median inverts the
    complementary log-log band (Brookmeyer and Crowley 1982).

    Args:
        journal: the stays.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        level: the confidence of the interval.
    """
    order = StageOrder.of(stages, journal, won, lost)
    definition = definition_id("time in stage", order=order, level=level)
    sojourn, lasts = journal.sojourn(), journal.open
    rows: list[StageTime] = []
    for stage in order.open:
        if stage not in journal.stages.values:
            continue
        here = journal.stages.codes == journal.stage_code(stage)
        times, ended = sojourn[here], ~lasts[here]
        if not len(times):
            continue
        curve = kaplan_meier(times, ended)
        median = curve.median(level, method="log-log")
        rows.append(
            StageTime(
                stage,
                median.value / _DAY_US,
                median.low / _DAY_US,
                median.high / _DAY_US if not math.isnan(median.high) else math.inf,
                curve.quantile(0.9).value / _DAY_US,
                len(times),
                int((~ended).sum()),
                float(np.median(times[ended])) / _DAY_US if ended.any() else float("nan"),
                "kaplan-meier, complementary log-log",
                definition,
            )
        )
    return StageTimes(tuple(rows))


def win_curve(
    journal: Journal, *, stages: Any = None, won: Iterable[str] = (), lost: Iterable[str] = (), level: float = 0.95
) -> WinCurve:
    """The chance to be won within so many days of opening.

    Aalen-Johansen on whole days, with losing as a competing cause. A case that was closed and reopened counts as it
    stands at the end of observation.

    Args:
        journal: the stays.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        level: the confidence of the limits.
    """
    order = StageOrder.of(stages, journal, won, lost)
    taken, cause = _cases(journal, order)
    days = taken // _DAY_US
    estimate = aalen_johansen(days, cause, causes=2)
    low, high = estimate.interval(level)
    closings = np.flatnonzero(estimate.n_event.sum(axis=0))
    # Sums of shares may pass 1 by a rounding error; a chance may not.
    won_by, lost_by = np.minimum(estimate.cif, 1.0)
    columns = (estimate.time, estimate.n_risk, won_by, low[0], high[0], lost_by)
    points = zip(*(column[closings].tolist() for column in columns), strict=True)
    rows = tuple(WinPoint(float(day), *rest) for day, *rest in points)
    wins, losses = int((cause == _WON).sum()), int((cause == _LOST).sum())
    return WinCurve(
        rows, len(days), int((cause == _CENSORED).sum()), wins, losses,
        wins / (wins + losses) if wins + losses else float("nan"),
        level, "aalen-johansen, complementary log-log", definition_id("win curve", order=order, level=level),
        float(days.max()),
    )  # fmt: skip


def cycle_time(
    journal: Journal, *, stages: Any = None, won: Iterable[str] = (), lost: Iterable[str] = (), level: float = 0.95
) -> CycleTime:
    """Days from opening to winning, given that the case is won within the time observed.

    The median is where the win curve reaches half of its last value. Its limits invert the curve's band at that
    height; they hold for a known last value.

    Args:
        journal: the stays.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        level: the confidence of the limits.
    """
    order = StageOrder.of(stages, journal, won, lost)
    taken, cause = _cases(journal, order)
    days = taken // _DAY_US
    estimate = aalen_johansen(days, cause, causes=2)
    wins = cause == _WON
    low, high = _inverted(estimate, level)
    closed_only = taken[wins] / _DAY_US
    none = float("nan")
    return CycleTime(
        float(estimate.quantile_given(_WON, 0.5)), low, high, float(estimate.quantile_given(_WON, 0.9)),
        len(days), int((cause == _CENSORED).sum()), int(wins.sum()),
        float(closed_only.mean()) if len(closed_only) else none,
        float(np.median(closed_only)) if len(closed_only) else none,
        "aalen-johansen given a win", definition_id("cycle time", order=order, level=level),
    )  # fmt: skip


def case_outcomes(journal: Journal, order: StageOrder) -> npt.NDArray[np.int64]:
    """How each case stands at the end of observation: 0 open, 1 won, 2 lost; shape (cases,), -1 for unused codes."""
    standing = np.full(len(journal.cases.values), -1, np.int64)
    now = journal.open
    kind = np.array(
        [_WON if s in order.won else _LOST if s in order.lost else _CENSORED for s in journal.stages.values]
    )
    standing[journal.cases.codes[now]] = kind[journal.stages.codes[now]]
    return standing


def _cases(journal: Journal, order: StageOrder) -> tuple[Ints, Ints]:
    """The time from opening to closing (or to the end of observation) of each case, and how it stands."""
    size = len(journal.cases.values)
    opened, entered = np.full(size, OPEN), np.full(size, np.iinfo(np.int64).min)
    np.minimum.at(opened, journal.cases.codes, journal.entered)
    now = journal.open
    entered[journal.cases.codes[now]] = journal.entered[now]
    cause = case_outcomes(journal, order)
    seen = cause >= 0
    ended = np.where(cause > 0, entered, journal.until)
    return (ended - opened)[seen], cause[seen]


def _inverted(estimate: CumulativeIncidence, level: float) -> tuple[float, float]:
    """Where the band of the first cause reaches half of the last value of its curve; infinite if it never does."""
    half = float(estimate.cif[0, -1]) / 2
    if not half:
        return float("nan"), float("nan")
    lower, upper = (limit[0] for limit in estimate.interval(level))
    first, last = (float(first_at_most(estimate.time, 1 - band, 1 - half)) for band in (upper, lower))
    return first, math.inf if math.isnan(last) else last
