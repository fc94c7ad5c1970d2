"""A hypothesis on a long series: the step at its beginning, by segmented regression (`crmkit.metrics.interrupted`)."""

from datetime import date

import numpy as np

from crmkit.errors import InvalidValue
from crmkit.improve._contrasts import NOTHING, Contrast, Found, Reading, is_of
from crmkit.improve.hypothesis import Hypothesis
from crmkit.metrics.figures import Figure, Figures
from crmkit.metrics.interrupted import Family, Interruption, interrupted
from crmkit.values import Period

__all__ = ["stepped"]

# Fewer periods on either side tell no trend (Penfold & Zhang 2013).
_LEAST = 8
# Neighbouring periods that hang together more than this make limits of a short series too narrow.
_CLOSE = 0.5


def stepped(figures: Figures, claim: Hypothesis, level: float) -> Found:
    """The mean before, the mean after, and the step between them in the unit of the figure.

    The step is that of the model; its limits are carried over to what the model says the figure would have been.

    Raises:
        InvalidValue: if the series has a gap at the change, or a group fits several figures.
    """
    if claim.before.end != claim.after.start:
        why = "leaves days between before and after; a series has no gaps"
        raise InvalidValue("periods", f"{claim.before.end} .. {claim.after.start}", why)
    rows, starts = _rows(figures, claim)
    before = sum(start < claim.after.start for start in starts)
    if claim.after.start not in starts and len(starts) > before:
        raise InvalidValue("after", claim.after.start, "begins within a period of the series; give every= that fits")
    told = f"segmented regression of {len(rows)} periods"
    sides = [rows[:before], rows[before:]]
    first, last = (_mean(side) for side in sides)
    if min(map(len, sides)) < _LEAST or any(row is None for row in rows):
        return Found(first, first, last, None, told, (_SHORT,))
    family, values, trials = _columns([row for row in rows if row is not None])
    try:
        found = interrupted(values, before=before, of=trials, family=family, level=level)
    except InvalidValue as error:
        return Found(first, first, last, None, told, ((str(error), f"无法拟合：{error}"),))
    notes = (_HANGING,) if found.autocorrelation > _CLOSE else ()
    return Found(first, first, last, _contrast(found, trials, before, level), found.method, notes)


def _rows(figures: Figures, claim: Hypothesis) -> tuple[list[Figure | None], list[date]]:
    """The figure of each period that is over, None where there is none; and the first days of these periods."""
    found: dict[str, Figure] = {}
    for row in figures:
        if not is_of(row, claim.where):
            continue
        if row.period in found:
            raise InvalidValue("where", dict(claim.where), f"fits several figures of {claim.metric.key}; say which")
        found[row.period] = row
    ended = [row.period for row in found.values() if row.complete]
    buckets: list[Period] = list(figures.buckets.periods)
    names = figures.buckets.names
    last = max((names.index(name) for name in ended), default=-1) + 1
    return [found.get(name) for name in names[:last]], [period.start for period in buckets[:last]]


def _mean(rows: list[Figure | None]) -> Reading:
    known = {row.period: row.value for row in rows if row is not None and row.value is not None}
    if not known:
        return NOTHING
    n = sum(row.n for row in rows if row is not None)
    return Reading(float(np.mean([*known.values()])), np.nan, np.nan, np.nan, n)


def _columns(rows: list[Figure]) -> tuple[Family, list[float], list[float] | None]:
    """Cases of so many trials for a share, events for a count, numbers for all else."""
    value = [float("nan") if row.value is None else row.value for row in rows]
    if rows[0].unit == "share":
        trials = [float(row.n - row.n_open) for row in rows]
        return "binomial", [one * n for one, n in zip(value, trials, strict=True)], trials
    if all(isinstance(row.exact, int) for row in rows):
        return "poisson", value, None
    return "normal", value, None


def _contrast(found: Interruption, trials: list[float] | None, before: int, level: float) -> Contrast:
    from scipy.special import ndtri

    scale = np.ones(len(found.fitted)) if trials is None else np.array(trials)
    base = float((found.counterfactual[before:] / scale[before:]).mean())
    step = found.effect()
    value, low, high = (_moved(base, by, found.scale) - base for by in (step.value, step.low, step.high))
    spread = ((high - low) / (2.0 * float(ndtri((1.0 + level) / 2.0)))) ** 2
    after = len(found.fitted) - before
    # More periods after tell the step better, however well the model is known from before: half of it, at a guess.
    return Contrast(value, low, high, spread / 2.0, spread / 2.0 * after)


def _moved(base: float, by: float, scale: str) -> float:
    if scale == "difference":
        return base + by
    return base * by if scale == "rate ratio" else base * by / (1.0 - base + base * by)


_SHORT = (
    f"a series needs {_LEAST} periods with data before and after",
    f"时间序列前后各需至少 {_LEAST} 个有数据的周期",
)
_HANGING = (
    "neighbouring periods hang together; the limits are too narrow",
    "相邻周期相关性较强，区间可能过窄",
)
