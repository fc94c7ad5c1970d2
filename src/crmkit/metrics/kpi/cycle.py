"""The cycle of conversion (K10): how long a deal takes to be won, and how long it stays in each stage."""

from collections.abc import Iterator
from typing import ClassVar

import attrs
import numpy as np

from crmkit.journal import OPEN, Coded, Finding
from crmkit.metrics._blocks import blockwise
from crmkit.metrics.kpi._checks import at_least_one, inner_share
from crmkit.metrics.kpi._durations import bin_of, quantiles_of
from crmkit.metrics.kpi._journals import OfDeals, cycle_by
from crmkit.metrics.metric import About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = ["ConversionCycle", "StageDuration"]

_MINUTE_US = 60_000_000
_MINUTES = 1440.0
_NEEDS = ("journal",)


@attrs.frozen
class ConversionCycle(OfDeals):
    """Days from opening to winning, of the deals that are won within a horizon.

    Attributes:
        horizon_days: the horizon.
        share: which share of these wins; 0.5 is the median.
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
        ),
    )

    horizon_days: int = attrs.field(default=180, validator=at_least_one)
    share: float = attrs.field(default=0.5, validator=inner_share)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Aalen-Johansen, given a win."""
        return cycle_by(cells, "cases", ("won", "lost"), (self.horizon_days, self.share), level)


@attrs.frozen
class StageDuration(Metric):
    """Days in a stage, whatever comes after it.

    Attributes:
        share: which share of the stays has ended by then; 0.5 is the median.
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
            "time runs on nights and holidays: a buyer's time is no working time of ours",
        ),
        within=("stage",),
    )

    share: float = attrs.field(default=0.5, validator=inner_share)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Stays in open stages by their minutes."""
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
                rows, lambda some: bin_of((np.minimum(left[some], view.until) - entered[some]) // _MINUTE_US)
            ),
            keys={"stage": journal.stages[rows], "end": Coded(ended.astype(np.int32) - 1, ("left",))},
        )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Kaplan-Meier."""
        found = quantiles_of(cells, "stays", "left", self.share, level)
        value, low, high = (limit / _MINUTES for limit in (found.value, found.low, found.high))
        return attrs.evolve(found, value=value, low=low, high=high)
