"""Customers lost (K13): those whose contract ends, those who just stop buying, and the revenue that goes with them.

`crmkit.metrics.churn` has how long customers last, and models of who will buy again.
"""

from collections.abc import Hashable, Iterator
from typing import ClassVar

import attrs
import numpy as np

from crmkit.journal import Finding
from crmkit.metrics._estimates import counts_of, shares_of
from crmkit.metrics.kpi._buying import buying
from crmkit.metrics.kpi._checks import at_least_one, inner_share
from crmkit.metrics.kpi._leaving import contracts, lapsing, left_in_periods, lost_revenue
from crmkit.metrics.kpi._ratios import ratios_of
from crmkit.metrics.kpi.customers import FirstSign
from crmkit.metrics.metric import About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = ["ContractChurn", "CustomerChurn", "LostCustomers", "RevenueChurn"]

_HALF_OPEN = (
    "periods are half-open: no end falls between two, and customers before + new - lost = customers after",
    "who leaves and comes back within the period has not left",
    "a period that is not over has no rate yet",
)
_GAP = (
    *_HALF_OPEN,
    "one limit for all would call slow buyers lost: it is that of the customer's own gaps where there are enough",
)


@attrs.frozen
class _Lapsing(Metric):
    """Customers who have not bought for longer than is usual for them.

    Attributes:
        first: what counts as a purchase.
        gap_days: the limit for a customer with few gaps of the own.
        share: the quantile of own gaps that is the limit otherwise.
        least: how many own gaps that needs.
    """

    first: FirstSign = "invoice"
    gap_days: int = attrs.field(default=180, validator=at_least_one)
    share: float = attrs.field(default=0.95, validator=inner_share)
    least: int = attrs.field(default=5, validator=at_least_one)

    @property
    def reads(self) -> Hashable:
        """Who left is the same, counted or as a share."""
        return type(self).parts, self.first, self.gap_days, self.share, self.least

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Customers as each period begins, and who of them left in it."""
        rows, findings = buying(view, self.first, self.key)
        yield from findings
        yield from left_in_periods(view, rows, lapsing(view, rows, self.share, self.least, self.gap_days))


@attrs.frozen
class CustomerChurn(_Lapsing):
    """The share of customers who stop buying; attributes as of `LostCustomers`."""

    about: ClassVar[About] = About(
        key="churn_rate",
        en="Churn rate",
        zh="客户流失率",
        mission="K13",
        unit="share",
        better="less",
        grain="customer as the period begins; whose the last purchase before it was",
        formula="Customers whose silence passes its limit in the period / customers as it begins.",
        source="gap rule by own gaps, Hyndman & Fan kind 7; Wilson 1927",
        needs=("invoice",),
        traps=_GAP,
    )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Wilson."""
        return _shares(cells, level)


@attrs.frozen
class LostCustomers(_Lapsing):
    """How many customers stop buying.

    Attributes:
        first: what counts as a purchase.
        gap_days: the limit for a customer with few gaps of the own.
        share: the quantile of own gaps that is the limit otherwise.
        least: how many own gaps that needs.
    """

    about: ClassVar[About] = About(
        key="lost_customers",
        en="Customers lost",
        zh="流失客户数",
        mission="K13",
        unit="customers",
        better="less",
        grain="customer as the period begins; whose the last purchase before it was",
        formula="Number of customers whose silence passes its limit in the period.",
        source="gap rule by own gaps, Hyndman & Fan kind 7; exact Poisson interval, Garwood 1936",
        needs=("invoice",),
        absent="zero",
        traps=_GAP,
    )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Counts."""
        rests_on = cells.sum("base") + cells.sum("young")
        return attrs.evolve(counts_of(cells.sum("lost"), level, rests_on=rests_on), n_open=cells.sum("open"))


@attrs.frozen
class ContractChurn(Metric):
    """The share of customers whose last contract ends.

    A contract is a row of the ledger of the kind "contract", dated as it begins; it is due on the first day without it.
    """

    about: ClassVar[About] = About(
        key="contract_churn",
        en="Contract churn",
        zh="合同客户流失率",
        mission="K13",
        unit="share",
        better="less",
        grain="customer with a contract as the period begins; whose the last contract begun before it was",
        formula="Customers who have no contract any more as the period ends / customers with one as it begins.",
        source="Wilson 1927",
        needs=("contract",),
        traps=(*_HALF_OPEN, "who renews, or has two contracts, has not left"),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Customers as each period begins, and who of them left in it."""
        found = contracts(view, self.key)
        yield from found.said
        yield from left_in_periods(view, found.rows, found.spells)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Wilson."""
        return _shares(cells, level)


@attrs.frozen
class RevenueChurn(Metric):
    """The share of contract revenue that goes: with those who leave, and by what others pay less."""

    about: ClassVar[About] = About(
        key="revenue_churn",
        en="Revenue churn",
        zh="收入流失率",
        mission="K13",
        unit="share",
        better="less",
        grain="customer with a contract as the period begins; whose the last contract begun before it was",
        formula="What customers of the beginning pay less as the period ends / what they pay as it begins; gross.",
        source="ratio of sums, Fieller 1954 with customers as units",
        needs=("contract",),
        traps=(*_HALF_OPEN, "growth of some customers does not hide the loss of others (gross, not net)"),
        within=("money",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """What was paid and what is gone, by customer."""
        found = contracts(view, self.key)
        yield from found.said
        yield from lost_revenue(view, found)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Ratios of sums."""
        return ratios_of(cells, ("gone", "paid"), cells.sum("customers"), level)


def _shares(cells: Cells, level: float) -> Estimate:
    base = cells.sum("base")
    made = shares_of(np.where(base > 0, cells.sum("lost"), 0), base, level, n_open=cells.sum("open"))
    return attrs.evolve(made, n=base + cells.sum("young"))
