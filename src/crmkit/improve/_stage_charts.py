"""Stages that went below their usual range: shares that advance among the stays that end, month by month."""

from datetime import tzinfo
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Journal
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.policy import OUTCOMES, StageOrder
from crmkit.metrics.spc import WESTERN_ELECTRIC, laney_p_chart, p_chart
from crmkit.values import Period, from_micros

__all__ = ["Breaks", "StageBreak", "breaks"]

Floats = npt.NDArray[np.float64]

# The months that make the limits: not fewer, or they are guessed; not more, or they are of another company.
_LEAST, _MOST = 8, 24
# Short stays end first: the first months of what was observed tell of them only.
_WARMING_UP = 3
# The mean of so few has no three sigma.
_FEWEST = 10
_BEYOND = WESTERN_ELECTRIC[:1]
_UNSEEN = (
    "no month of the period was observed whole, so that no stage can be judged",
    "本期没有完整观察的月份，无法判断各阶段",
)
_NONE = Buckets((), np.zeros(1, np.int64))


@attrs.frozen
class StageBreak:
    """A stage below its usual range.

    Attributes:
        stage: the stage.
        value: the share of the worst month.
        centre: what is usual.
        low: lower limit of that month.
        high: upper limit.
        n: stays that ended in it.
        z: how many sigmas it lies from the centre; below 0.
        months: all months that lie below.
        baseline: how many months made the limits.
    """

    stage: str
    value: float
    centre: float
    low: float
    high: float
    n: int
    z: float
    months: tuple[str, ...]
    baseline: int


@attrs.frozen
class Breaks:
    """The stages, how many of them chance would have given, and what could not be judged."""

    rows: tuple[StageBreak, ...]
    false_alarms: float
    notes: tuple[tuple[str, str], ...]


def breaks(journal: Journal, stages: Any, over: Period, tz: tzinfo) -> Breaks:
    """Judge the months of a period by those before it."""
    months = _months(journal, over, tz) if len(journal) else _NONE
    first = int(over.instants(tz)[0])
    judged = int((months.edges[:-1] >= first).sum())
    before = len(months.periods) - judged
    if not judged:
        return Breaks((), 0.0, (_UNSEEN,))
    if before < _LEAST:
        few = (f"{before} months before tell no usual range of a stage; {_LEAST} do",
               f"之前仅有 {before} 个月，至少需 {_LEAST} 个月才能确定阶段的惯常范围")  # fmt: skip
        return Breaks((), 0.0, (few,))
    order = StageOrder.of(stages, journal)
    advanced, ended = _ends(journal, order, months)
    rows, alarms = list[StageBreak](), 0.0
    for code, name in enumerate(journal.stages.values):
        x, n = advanced[code], ended[code]
        if name in order.won | order.lost or n[:before].sum() < _FEWEST * _LEAST or (n[:before] > 0).sum() < 2:
            continue
        alarms += _chance(n, before)
        found = _broken(x, n, before, months.names)
        if found is not None:
            rows.append(attrs.evolve(found, stage=name))
    return Breaks(tuple(rows), alarms, ())


def _months(journal: Journal, over: Period, tz: tzinfo) -> Buckets:
    """The whole months that were observed and are not too long ago, up to the end of the period."""
    start, until = (from_micros(at, tz).date() for at in (int(journal.entered.min()), journal.until))
    year, month = divmod(start.year * 12 + start.month - 1 + _WARMING_UP + 1, 12)
    earliest = Period.month(year, month + 1)
    oldest, number = divmod(over.start.year * 12 + over.start.month - 1 - _MOST, 12)
    begin = max(earliest.start, Period.month(oldest, number + 1).start)
    if begin >= over.end:
        return _NONE
    whole = Buckets.of(Period(begin, over.end), "month", tz)
    seen = [period.start >= begin and period.end <= min(over.end, until) for period in whole.periods]
    kept = sum(seen)
    return Buckets(whole.periods[:kept], whole.edges[: kept + 1])


def _ends(journal: Journal, order: StageOrder, months: Buckets) -> tuple[Floats, Floats]:
    """Stays of each stage that ended in each month: those that advanced, and all."""
    place = months.place(journal.left)
    rows = np.flatnonzero((journal.left != OPEN) & (place >= 0) & (journal.next >= 0))
    outcomes = order.outcomes(journal.stages.values)
    how = outcomes[journal.stages.codes[rows], journal.next[rows] + 1]
    shape = (len(journal.stages.values), len(months.periods))
    cell = journal.stages.codes[rows].astype(np.int64) * shape[1] + place[rows]
    size = shape[0] * shape[1]
    ended = np.bincount(cell, minlength=size).reshape(shape).astype(np.float64)
    good = np.bincount(cell[how == OUTCOMES.index("advanced")], minlength=size).reshape(shape).astype(np.float64)
    return good, ended


def _broken(x: Floats, n: Floats, before: int, names: tuple[str, ...]) -> StageBreak | None:
    known = n > 0
    share, sizes = np.where(known, x, np.nan), np.where(known, n, np.nan)
    chance = p_chart(share, sizes, baseline=before, rules=_BEYOND)
    varied = laney_p_chart(share, sizes, baseline=before, rules=_BEYOND)
    low = [
        index for index in range(before, len(n))
        if n[index] >= _FEWEST and all((chart.rows[index].z or 0.0) < -3.0 for chart in (chance, varied))
    ]  # fmt: skip
    if not low:
        return None
    # What was passed is the wider of both limits.
    worst = chance.rows[min(low, key=lambda at: chance.rows[at].z or 0.0)]
    wide = min((chance.rows[worst.index], varied.rows[worst.index]), key=lambda point: abs(point.z or 0.0))
    return StageBreak(
        "", float(worst.value or 0.0), float(wide.centre or 0.0), float(wide.low or 0.0), float(wide.high or 0.0),
        int(n[worst.index]), float(wide.z or 0.0), tuple(names[index] for index in low), int(known[:before].sum()),
    )  # fmt: skip


def _chance(n: Floats, before: int) -> float:
    """How often the months that are judged lie below by chance: the centre itself is only estimated."""
    from scipy.special import ndtr

    judged = n[before:][n[before:] >= _FEWEST]
    return float(ndtr(-3.0 / np.sqrt(1.0 + judged / n[:before].sum())).sum())
