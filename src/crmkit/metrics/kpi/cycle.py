"""The cycle of conversion (K10): how long a deal takes to be won, and how long it stays in each stage."""

from collections.abc import Iterator
from typing import ClassVar, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Coded, Finding
from crmkit.metrics._blocks import blockwise
from crmkit.metrics.kpi._checks import at_least_one, inner_share, one_of
from crmkit.metrics.kpi._durations import bin_of, quantiles_of
from crmkit.metrics.kpi._journals import OfDeals, cycle_by, days_between
from crmkit.metrics.metric import About, Cells, Estimate, Metric, Part
from crmkit.metrics.policy import Days
from crmkit.metrics.view import View

__all__ = ["ConversionCycle", "StageDuration"]

Ints = npt.NDArray[np.int64]
_MINUTE_US = 60_000_000
_MINUTES = 1440.0
_NEEDS = ("journal",)


@attrs.frozen
class ConversionCycle(OfDeals):
    """Days from opening to winning, of the deals that are won within a horizon.

    Attributes:
        horizon_days: the horizon.
        share: which share of these wins; 0.5 is the median.
        days: which days the horizon and the figure count: "business" ones after that of the opening, by `Facts.hours`.
    """

    about: ClassVar[About] = About(
        key="conversion_cycle",
        en="Conversion cycle",
        zh="平均成交周期",
        mission="K10",
        unit="days",
        better="less",
        grain="deal, by the period in which it was opened; whose it was then",
        formula="By when a share of the wins within the horizon has come, losing being a competing end.",
        source="Aalen & Johansen 1978 given a win; the band at that height inverted, as Brookmeyer & Crowley 1982",
        needs=_NEEDS,
        traps=(
            "open deals are censored: the mean over deals that are won already is too short while business grows",
            "a period whose deals were not observed for the whole horizon has no data yet",
            "a quantile, not a mean: a few deals that took years would carry it",
            "calendar days or business days is a policy: the same deals take 7 of these and 5 of those",
        ),
    )

    horizon_days: int = attrs.field(default=180, validator=at_least_one)
    share: float = attrs.field(default=0.5, validator=inner_share)
    days: Days = attrs.field(default="calendar", validator=one_of(*get_args(Days)))

    @property
    def _days(self) -> Days:
        return self.days

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Aalen-Johansen, given a win."""
        return cycle_by(cells, "cases", ("won", "lost"), (self.horizon_days, self.share), level)


@attrs.frozen
class StageDuration(Metric):
    """Days in a stage, whatever comes after it.

    Attributes:
        share: which share of the stays has ended by then; 0.5 is the median.
        days: which days count: "business" ones, by `Facts.hours`, are whole ones after that of the beginning.
    """

    about: ClassVar[About] = About(
        key="stage_time",
        en="Time in stage",
        zh="阶段停留时间",
        mission="K10",
        unit="days",
        better="less",
        grain="stay in a stage, by the period in which it began; whose it was as it began",
        formula="By when a share of the stays in the stage has ended.",
        source="Kaplan & Meier 1958; log-log limits, Brookmeyer & Crowley 1982; minutes exact to 255, then to 0.4 %",
        needs=_NEEDS,
        traps=(
            "stays that last are censored at their age, not left out",
            "a case that comes back begins another stay",
            "calendar days run on nights and holidays, as a buyer's time does; business days are a policy",
        ),
        within=("stage",),
    )

    share: float = attrs.field(default=0.5, validator=inner_share)
    days: Days = attrs.field(default="calendar", validator=one_of(*get_args(Days)))

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Stays in open stages by their minutes, or business days."""
        journal = view.journal("journal", self.key)
        rows = view.in_open_stages("journal", self.key)
        entered, left = journal.entered, journal.left
        ended = ((left != OPEN) & (left <= view.until))[rows]
        yield Part(
            name="stays",
            table="journal",
            rows=rows,
            period=view.periods(journal.entered, of=("journal", "entered"))[rows],
            bins=blockwise(
                rows, lambda some: bin_of(self._ticks(view, entered[some], np.minimum(left[some], view.until)))
            ),
            keys={"stage": journal.stages[rows], "end": Coded(ended.astype(np.int32) - 1, ("left",))},
        )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Kaplan-Meier."""
        found = quantiles_of(cells, "stays", "left", self.share, level)
        ticks = _MINUTES if self.days == "calendar" else 1.0
        value, low, high = (limit / ticks for limit in (found.value, found.low, found.high))
        return attrs.evolve(found, value=value, low=low, high=high)

    def _ticks(self, view: View, start: Ints, end: Ints) -> Ints:
        if self.days == "business":
            return days_between(view, start, end, self.key, self.days)
        return (end - start) // _MINUTE_US
