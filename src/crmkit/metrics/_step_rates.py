"""The chance and the time of each next step of a funnel, from one way a case."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Frameable, Journal
from crmkit.metrics._chart_words import speaking
from crmkit.metrics._checks import confidence
from crmkit.metrics._route import Route
from crmkit.metrics._signal_words import Lang
from crmkit.metrics._vega import bars, layered, nominal, number, plain, whiskers
from crmkit.metrics._ways import Paths, paths
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.conversion import NOBODY
from crmkit.metrics.estimators import wilson
from crmkit.metrics.policy import CLOCK_US, definition_id
from crmkit.metrics.survival import aalen_johansen
from crmkit.values import Every, Period, zone
from crmkit.values.display import Chart

__all__ = ["StepRate", "StepRates", "Timing", "step_rates"]

Ints = npt.NDArray[np.int64]
#: Whose steps a period's figures are of: the ways that began in it, or the steps that were taken in it.
Timing: TypeAlias = Literal["cohort", "period"]

_DAY_US = CLOCK_US["day"]
_ON, _OFF = 1, 2
_NAN = float("nan")


@attrs.frozen
class StepRate:
    """One step of a funnel, for a group and a period.

    Attributes:
        group: the value of the group as the way began; None for all; "(unknown)" for none.
        period: the name of the period; "all" without periods.
        step: the step; under order "any", how many steps were reached.
        n: ways that had reached the step before and could take this one; of the first step, ways that began.
        reached: of these, reached it.
        dropped: of these, certain not to.
        open: of these, may still do so (censored).
        filled: of those that reached it, skipped it on the way to a later one.
        skipped: of those that did not reach it, were seen at a later step.
        value: the chance of this step after the one before (Aalen-Johansen, dropping off as a competing cause); NaN for
            the first step and without ways.
        low: lower limit.
        high: upper limit.
        median: days from the step before, of those that come to this one; NaN if none did.
        p90: by when nine in ten of them have come.
        overall: the chance of this step for a way that begins.
        overall_low: lower limit.
        overall_high: upper limit.
        complete: of a cohort, whether no way is open; of a period, whether it was over when observation ended.
        method: the estimator and the interval of `value`.
        definition: the id of the definition.
    """

    group: str | None
    period: str
    step: str
    n: int
    reached: int
    dropped: int
    open: int
    filled: int
    skipped: int
    value: float
    low: float
    high: float
    median: float
    p90: float
    overall: float
    overall_low: float
    overall_high: float
    complete: bool
    method: str
    definition: str


@attrs.frozen
class StepRates(Frameable[StepRate]):
    """Steps of a funnel: group by group (all first), period by period, in the order of the steps.

    Attributes:
        rows: the steps.
        policies: what the figures mean, in words.
        definition: the id of the definition.
    """

    rows: tuple[StepRate, ...]
    policies: dict[str, str]
    definition: str

    def plot(self, lang: Lang = "en") -> Chart:
        """The chance to come to each step for a way that begins, with its limits; a chart a group.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        say = speaking(lang)
        names = ("group", "period", "step", "n", "reached", "open", "overall", "overall_low", "overall_high")
        values = [
            {
                **row,
                "group": say(row["group"] or "all") if row["group"] in (None, NOBODY) else row["group"],
                "period": say(row["period"]) if row["period"] == "all" else row["period"],
                "low": row["overall_low"],
                "high": row["overall_high"],
            }
            for row in plain(self.rows, names)
        ]
        y, x = nominal("step"), number("overall", say("share of ways"), axis={"format": "%"})
        offset = {"yOffset": {"field": "period", "type": "nominal", "sort": None}}
        hue = {"color": {"field": "period", "type": "ordinal", "sort": None, "title": None}}
        layers = [bars({"y": y, "x": x, **offset, **hue}), whiskers("x", x, {"y": y, **offset})]
        return Chart(layered(values, layers, title=say("funnel"), rows="group"))


def step_rates(
    journal: Journal,
    steps: Sequence[str] | None = None,
    *,
    route: Route | None = None,
    by: str | None = None,
    view: Timing = "cohort",
    over: Period | None = None,
    every: Every | None = None,
    tz: Any = "UTC",
    stages: Any = None,
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
    level: float = 0.95,
) -> StepRates:
    """The chance and the time of each next step of a funnel, open cases counted.

    Rates and times come from the same ways (`paths`). A cohort is the ways that began in a period, followed to the end
    of observation. The view of a period is of all ways that stood before a step in it, for the time that they did:
    ways that had begun to wait earlier come under observation late (delayed entry), and are censored at its end. A few
    ways at risk early on make its estimates unsteady, and their limits wide.

    Args:
        journal: the stays.
        steps: stages in order; the open stages and then the won ones together, if None.
        route: how ways are read; `Route()` if None.
        by: the column to group by, as it was when the way began.
        view: whose steps a period's figures are of.
        over: the period; all of time if None.
        every: the unit that the period is cut into; without `over`, from the first way to the last, in whole units.
        tz: the zone whose civil days make up periods.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        level: the confidence of the limits.

    Raises:
        NotFound: if a step is no stage, or there is no such column.
        InvalidValue: if no step is given, or one is given twice.
    """
    ways = paths(journal, steps, route=route, stages=stages, won=won, lost=lost)
    policies = {
        "steps": ", ".join(ways.steps), "view": view, "open cases": "right-censored", "attribution": "as the way began",
        **{name: str(value) for name, value in attrs.asdict(ways.route).items()},
    }  # fmt: skip
    definition = definition_id("step rates", by=by, over=over, every=every, tz=str(tz), level=level, **policies)
    # A period without bounds has no name of its own.
    buckets = (
        [("all", np.iinfo(np.int64).min, OPEN)] if over is None and every is None else _buckets(ways, over, every, tz)
    )
    rows = [
        rate
        for group, members in _groups(ways, by)
        for span in buckets
        for rate in _rated(ways, members, (group, *span), (view, confidence(level), definition))
    ]
    return StepRates(tuple(rows), policies, definition)


def _buckets(ways: Paths, over: Period | None, every: Every | None, tz: Any) -> list[tuple[str, int, int]]:
    if over is not None:
        buckets = Buckets.of(over, every, zone(tz))
    elif every is None or not len(ways):
        return []
    else:
        buckets = Buckets.around(int(ways.at[:, 0].min()), int(ways.at[:, 0].max()), every, zone(tz))
    return [*zip(buckets.names, buckets.edges[:-1].tolist(), buckets.edges[1:].tolist(), strict=True)]


def _groups(ways: Paths, by: str | None) -> Iterator[tuple[str | None, Ints]]:
    every = np.arange(len(ways))
    yield None, every
    if by is None:
        return
    column = ways.journal.dimension(by)
    codes = column.codes[ways.rows[:, 0]]
    names = {name: i for i, name in enumerate(column.values)}
    for name in sorted(names):
        if (codes == names[name]).any():
            yield name, every[codes == names[name]]
    if (codes < 0).any():
        yield NOBODY, every[codes < 0]


@attrs.frozen(eq=False)
class _Waits:
    """Waits for a step: how long, how they ended, and at which age they came under observation."""

    spent: Ints
    cause: Ints
    entry: Ints | None

    def __getitem__(self, rows: Any) -> "_Waits":
        return _Waits(self.spent[rows], self.cause[rows], None if self.entry is None else self.entry[rows])


def _rated(
    ways: Paths, members: Ints, place: tuple[str | None, str, int, int], asked: tuple[Timing, float, str]
) -> Iterator[StepRate]:
    """The steps of one group in one period."""
    (group, period, start, end), (view, level, definition) = place, asked
    began = (ways.at[members, 0] >= start) & (ways.at[members, 0] < end)
    chosen = members[began] if view == "cohort" else members
    over = not ways.open[chosen].any() if view == "cohort" else end <= ways.journal.until
    bounds = None if view == "cohort" else (start, end)
    for k, step in enumerate(ways.steps):
        name = f"{k + 1} of {len(ways.steps)}" if ways.route.order == "any" else step
        if k == 0:
            n = int(began.sum())
            filled = int(ways.filled[members[began], 0].sum())
            whole = (1.0, 1.0, 1.0) if n else (_NAN, 0.0, 1.0)
            yield StepRate(group, period, name, n, n, 0, 0, filled, 0, _NAN, _NAN, _NAN, _NAN, _NAN, *whole,
                           over, "count", definition)  # fmt: skip
            continue
        mine = chosen[ways.level[chosen] >= k]
        waits, kept = _waits(ways, mine, k - 1, k, bounds)
        mine, counts = mine[kept], np.bincount(waits.cause, minlength=3)
        value, low, high, method = _chance(waits, level)
        seen = ~ways.filled[mine, k - 1] & ~ways.filled[mine, k]
        overall = _chance(_waits(ways, chosen, 0, k, bounds)[0], level)
        filled = int((ways.filled[mine, k] & (waits.cause == _ON)).sum())
        skipped = int((ways.skipped[mine] & (waits.cause != _ON) & (ways.level[mine] == k)).sum())
        yield StepRate(
            group, period, name, len(mine), int(counts[_ON]), int(counts[_OFF]), int(counts[0]), filled, skipped,
            value, low, high, *_quantiles(waits[seen]), *overall[:3], over, method, definition,
        )  # fmt: skip


def _waits(ways: Paths, chosen: Ints, since: int, step: int, bounds: tuple[int, int] | None) -> tuple[_Waits, Ints]:
    """Waits from one step to another, and which of the ways they are of."""
    begin, there = ways.at[chosen, since], ways.level[chosen] > step
    gone = ~there & (ways.ended[chosen] != OPEN)
    end = np.where(there, ways.at[chosen, step], np.minimum(ways.ended[chosen], ways.journal.until))
    cause = np.where(there, _ON, np.where(gone, _OFF, 0))
    if bounds is None:
        return _Waits(end - begin, cause, None), np.arange(len(chosen))
    start, stop = bounds
    kept = np.flatnonzero((begin < stop) & (end >= start))
    begin, end, cause = begin[kept], end[kept], cause[kept]
    # Whoever waited before is at risk from the first instant of the period, which belongs to it.
    entry = np.maximum(start - begin - 1, 0) if start > np.iinfo(np.int64).min else np.zeros(len(kept), np.int64)
    return _Waits(np.minimum(end, stop) - begin, np.where(end < stop, cause, 0), entry), kept


def _chance(waits: _Waits, level: float) -> tuple[float, float, float, str]:
    n = len(waits.spent)
    if not n:
        return _NAN, 0.0, 1.0, "no data"
    late = waits.entry is not None and bool(waits.entry.any())
    if not late and waits.cause.all():
        low, high = wilson(int((waits.cause == _ON).sum()), n, level)
        return float((waits.cause == _ON).mean()), float(low), float(high), "wilson"
    estimate = aalen_johansen(waits.spent, waits.cause, causes=2, entry=waits.entry)
    low, high = (limit[0, -1] for limit in estimate.interval(level))
    method = "aalen-johansen, complementary log-log" + (", delayed entry" if late else "")
    return min(float(estimate.cif[0, -1]), 1.0), float(low), float(high), method


def _quantiles(waits: _Waits) -> tuple[float, float]:
    if not (waits.cause == _ON).any():
        return _NAN, _NAN
    estimate = aalen_johansen(waits.spent, waits.cause, causes=2, entry=waits.entry)
    median, p90 = (float(estimate.quantile_given(_ON, share)) / _DAY_US for share in (0.5, 0.9))
    return median, p90
