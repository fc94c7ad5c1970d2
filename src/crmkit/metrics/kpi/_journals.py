"""Stays and cases of the journals as parts: ages to be counted by how they ended."""

from collections.abc import Hashable, Iterator, Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Coded, Finding
from crmkit.metrics._checks import normal_quantile
from crmkit.metrics._kernels import first_at_most, incidence_band
from crmkit.metrics.metric import Cells, Estimate, Metric, Part
from crmkit.metrics.policy import Days
from crmkit.metrics.survival import CumulativeIncidence, grouped_aj
from crmkit.metrics.view import TableName, View

__all__ = ["OfDeals", "cohort", "cycle_by", "days_between", "incidence_by"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_DAY_US = 86_400_000_000
# Of what still lasts as nobody was observed for longer: where it is more, there is no figure.
_FEW_LEFT = 0.05


@attrs.frozen
class OfDeals(Metric):
    """A KPI of deals by the period in which they were opened."""

    @property
    def reads(self) -> Hashable:
        """Deals are the same, whatever is asked about them; their days are not."""
        return type(self).parts, self._days

    @property
    def _days(self) -> Days:
        """Which days their ages count."""
        return "calendar"

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Deals by age at their end."""
        yield cohort(view, "journal", self.key, self._days)


def cohort(view: View, table: TableName, metric: str, days: Days = "calendar") -> Part:
    """Cases by the period in which they were opened, with their age in days when they ended, and how."""
    cases = view.cases(table, metric)
    ended = np.where(cases.outcome > 0, cases.closed, view.until)
    return Part(
        name="cases",
        table=table,
        rows=cases.first,
        period=view.periods(cases.opened),
        bins=days_between(view, cases.opened, ended, metric, days),
        keys={"end": Coded((cases.outcome - 1).astype(np.int32), ("won", "lost"))},
    )


def days_between(view: View, start: Ints, end: Ints, metric: str, days: Days) -> Ints:
    """Whole days from one instant to another: of 24 hours, or business days after that of the first.

    Raises:
        InvalidValue: for business days of facts without a calendar.
    """
    if days == "calendar":
        return (end - start) // _DAY_US
    if view.facts.hours is None:
        raise InvalidValue(
            metric, "facts", "have no calendar to say which days are business days; give Facts(hours=...)"
        )
    return view.facts.hours.business_days_us(start, end)


def incidence_by(cells: Cells, part: str, ends: Sequence[str], horizon: int, level: float) -> Estimate:
    """The chance of the first of several ends within a horizon of days (Aalen & Johansen 1978).

    There is no data where nobody was observed that long and more than one in twenty still lasts: what they will come to
    is not known. Of fewer the upper limit allows for all to come to the wanted end.

    Args:
        cells: the cells.
        part: ages in days by "end".
        ends: the causes, the wanted one first.
        horizon: days.
        level: the confidence of the limits.
    """
    table = cells.risk(part, ends, horizon + 1)
    estimate = grouped_aj(table)
    at = estimate.cif[:, 0, horizon].clip(0.0, 1.0)
    ended = estimate.n_event.sum(axis=1)
    known = np.minimum.accumulate(np.cumsum(ended, axis=-1) - ended + estimate.n_risk, axis=-1)[:, horizon]
    error = estimate.std_err()[:, 0, horizon]
    low, high = incidence_band(at, error, known, level, normal_quantile(level))
    left = _left(estimate, horizon)
    unknown = np.where(left <= _FEW_LEFT, 0.0, np.nan)
    return Estimate(
        value=at + unknown, low=low + unknown, high=np.minimum(high + left, 1.0) + unknown, n=table.sum(axis=(1, 2)),
        n_open=cells.lasting(part), method=f"aalen-johansen within {horizon} days, complementary log-log",
    )  # fmt: skip


def cycle_by(cells: Cells, part: str, ends: Sequence[str], within: tuple[int, float], level: float) -> Estimate:
    """By when a share of the first of several ends has come, given that it comes within a horizon of days.

    The limits invert the band of the incidence at that height; they hold for a known last value.

    Args:
        cells: the cells.
        part: ages in days by "end".
        ends: the causes, the wanted one first.
        within: the horizon in days, and the share.
        level: the confidence of the limits.
    """
    horizon, share = within
    table = cells.risk(part, ends, horizon + 1)
    estimate = grouped_aj(table)
    height = share * estimate.cif[:, 0, -1:]
    lower, upper = (limit[:, 0] for limit in estimate.interval(level))
    first, last = (first_at_most(estimate.time, -band, -height) for band in (upper, lower))
    unknown = np.where(_left(estimate, horizon) <= 0.0, 0.0, np.nan) + np.where(height[:, 0] > 0, 0.0, np.nan)
    return Estimate(
        value=estimate.quantile_given(1, share) + unknown, low=first + unknown,
        high=np.where(np.isnan(last), np.inf, last) + unknown, n=table.sum(axis=(1, 2)), n_open=cells.lasting(part),
        method=f"aalen-johansen {share:g} quantile given {ends[0]} within {horizon} days, band inverted",
    )  # fmt: skip


def _left(estimate: CumulativeIncidence, horizon: int) -> Floats:
    """The share that still lasts where nobody was observed up to the horizon; 0 where somebody was."""
    left: Floats = np.where(estimate.n_risk[:, horizon] > 0, 0.0, estimate.survival[:, horizon])
    return left
