"""Conversion of opportunities (K9), and of each stage (K15), with losing as a competing end and open cases censored."""

from collections.abc import Iterator
from typing import ClassVar

import attrs
import numpy as np

from crmkit.errors import InvalidValue
from crmkit.journal import Coded, Finding
from crmkit.metrics._blocks import blockwise
from crmkit.metrics.kpi._journals import OfDeals, incidence_by
from crmkit.metrics.metric import About, Cells, Estimate, Metric, Part
from crmkit.metrics.policy import OUTCOMES
from crmkit.metrics.view import View

__all__ = ["StageConversion", "WinRate"]

_DAY_US = 86_400_000_000
_MANY = 1 << 21
_SOURCE = "Aalen & Johansen 1978; complementary log-log limits with the Greenwood-type variance, ABGK 1993 IV.4"
_TRAPS = (
    "open ones are censored: neither dropped nor called lost",
    "a period whose cases were not observed for the whole horizon has no data yet, unless hardly any still last",
)


def _at_least_a_day(_metric: object, field: "attrs.Attribute[int]", value: int) -> None:
    if value < 1:
        raise InvalidValue(field.name, value, "is below 1 day")


@attrs.frozen
class WinRate(OfDeals):
    """The chance that a deal is won within a horizon of its opening.

    Attributes:
        horizon_days: the horizon.
    """

    about: ClassVar[About] = About(
        key="win_rate",
        en="Win rate",
        zh="赢单率",
        mission="K9",
        unit="share",
        better="more",
        grain="deal, by the period in which it was opened",
        formula="Cumulative incidence of winning at the horizon, losing being a competing end.",
        source=_SOURCE,
        needs=("journal",),
        traps=(
            *_TRAPS,
            "won / (won + lost) of what happens to be closed drifts with growth",
            "a reopened deal counts as it stands",
        ),
    )

    horizon_days: int = attrs.field(default=90, validator=_at_least_a_day)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Aalen-Johansen."""
        return incidence_by(cells, "cases", ("won", "lost"), self.horizon_days, level)


@attrs.frozen
class StageConversion(Metric):
    """The chance that a stay in a stage goes on to a later one within a horizon.

    Attributes:
        horizon_days: the horizon.
    """

    about: ClassVar[About] = About(
        key="stage_conversion",
        en="Stage conversion",
        zh="阶段转化率",
        mission="K15",
        unit="share",
        better="more",
        grain="stay in a stage, by the period in which it began; whose it was as it began",
        formula="Cumulative incidence of advancing at the horizon, losing and going back being competing ends.",
        source=_SOURCE,
        needs=("journal",),
        traps=(
            *_TRAPS,
            "a case that comes back begins another stay",
            "a stay belongs to who held the case as it began",
        ),
        within=("stage",),
    )

    horizon_days: int = attrs.field(default=90, validator=_at_least_a_day)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Stays in open stages by age at their end."""
        journal = view.journal("journal", self.key)
        order = view.order("journal", self.key)
        stages, rows = journal.stages, view.in_open_stages("journal", self.key)
        outcomes, entered, left = order.outcomes(stages.values) - 1, journal.entered, journal.left
        period = view.periods(entered, of=("journal", "entered"))
        # A few at a time: they are many, and their counters few.
        for start in range(0, max(len(rows), 1), _MANY):
            part = rows[start : start + _MANY]
            end = blockwise(part, lambda some: outcomes[stages.codes[some], journal.next[some] + 1])
            yield Part(
                name="stays",
                table="journal",
                rows=part,
                period=period[part],
                bins=blockwise(part, lambda some: (np.minimum(left[some], view.until) - entered[some]) // _DAY_US),
                keys={"stage": stages[part], "end": Coded(end, OUTCOMES[1:])},
            )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Aalen-Johansen."""
        return incidence_by(cells, "stays", OUTCOMES[1:], self.horizon_days, level)
