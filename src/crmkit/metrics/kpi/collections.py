"""Collections (K5): what was paid, whether on time, and how long customers take to pay."""

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Mapping
from typing import ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded, Finding
from crmkit.metrics._checks import Floats
from crmkit.metrics._estimates import shares_of
from crmkit.metrics.kpi._checks import at_least_nothing, at_least_one, inner_share
from crmkit.metrics.kpi._dealt import Swings, deal
from crmkit.metrics.kpi._durations import bin_of, curves_of
from crmkit.metrics.kpi._ledgers import Summed, amounts, periods_of
from crmkit.metrics.kpi._rate_days import RATE_DAYS, as_day, day_or
from crmkit.metrics.kpi._receivables import Receivables
from crmkit.metrics.metric import About, Cells, Estimate, Metric, Part
from crmkit.metrics.policy import RateDay
from crmkit.metrics.states import exact_sums
from crmkit.metrics.view import TableName, View

__all__ = ["Collected", "DaysToPay", "OnTime", "TrueDaysSales", "Unapplied"]

Ints = npt.NDArray[np.int64]
_DAY_US = 86_400_000_000
_SUM = "exact sum; no sampling error"
_NEEDS = ("invoice", "payment")


@attrs.frozen
class Collected(Summed):
    """Cash that was allocated to invoices.

    Attributes:
        rate_day: the day whose exchange rate an amount takes; a payment that names no order takes its own.
    """

    about: ClassVar[About] = About(
        key="collected",
        en="Cash collected",
        zh="回款额",
        mission="K5",
        unit="money",
        better="more",
        grain="payment that refers to an invoice, as it is dated",
        formula="Sum of the payments dated in the period that refer to an invoice; refunds are negative.",
        source=_SUM,
        needs=_NEEDS,
        absent="zero",
        traps=("unapplied cash is apart", "currencies are not added up", "sums never pass through floats"),
        within=("currency",),
    )

    rate_day: RateDay = attrs.field(default="own", converter=as_day, validator=day_or(*RATE_DAYS))

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Payments with an invoice."""
        rows = view.of("payment", self.key)
        yield from amounts(view, rows[~view.ledger(self.key).refers_to.missing[rows]], day=self.rate_day)
        yield from Receivables.of(view, self.key, 0).findings


@attrs.frozen
class Unapplied(Summed):
    """Cash that was not allocated to an invoice."""

    about: ClassVar[About] = About(
        key="unapplied",
        en="Unapplied cash",
        zh="未核销收款",
        mission="K5",
        unit="money",
        better="less",
        grain="payment that refers to nothing, as it is dated",
        formula="Sum of the payments dated in the period that refer to no invoice.",
        source=_SUM,
        needs=("payment",),
        absent="zero",
        traps=("it lowers no receivable before it is allocated",),
        within=("currency",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Payments without an invoice."""
        rows = view.of("payment", self.key)
        yield from amounts(view, rows[view.ledger(self.key).refers_to.missing[rows]])


@attrs.frozen
class OnTime(Metric):
    """The share of invoices that were paid by the time they were due.

    Attributes:
        terms_days: as in `Receivable`.
        grace_days: how much later still counts as on time.
    """

    about: ClassVar[About] = About(
        key="paid_on_time",
        en="Paid on time",
        zh="按期回款率",
        mission="K5",
        unit="share",
        better="more",
        grain="invoice, by the period in which it is due",
        formula="Invoices paid in full by the due time / invoices whose due time has passed.",
        source="proportion; Wilson 1927",
        needs=_NEEDS,
        traps=(
            "what is not due yet is counted as open, also if it is paid already: those paid early are no sample",
            "what was credited need not be paid; an invoice that was wholly credited does not count",
            "an invoice that was written off was not paid",
        ),
    )

    terms_days: int = attrs.field(default=30, validator=at_least_nothing)
    grace_days: int = attrs.field(default=0, validator=at_least_nothing)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Invoices by whether they were paid on time."""
        owed = Receivables.of(view, self.key, self.terms_days)
        yield from owed.findings
        size = len(owed.rows)
        until = owed.due + self.grace_days * _DAY_US
        credited = owed.how == 2
        claim = exact_sums(owed.invoice[~credited], owed.kept[~credited], size)
        prompt = (owed.how == 1) & (owed.settled <= until[owed.invoice])
        paid = exact_sums(owed.invoice[prompt], owed.kept[prompt], size)
        codes = np.where(until > view.until, -1, (paid >= claim).astype(np.int64))
        some = np.flatnonzero(claim > 0)
        yield Part(
            name="invoices",
            table="ledger",
            rows=owed.rows[some],
            period=view.periods(owed.due[some]),
            keys={"end": Coded(codes[some].astype(np.int32), ("late", "on time"))},
        )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Wilson."""
        still = cells.lasting("invoices")
        paid = cells.ended("invoices", "on time")
        return shares_of(paid, cells.sum("invoices") - still, level, n_open=still)


@attrs.frozen
class _Paying(Metric):
    """How long money takes to come in."""

    @property
    def reads(self) -> Hashable:
        """Money comes in whatever is asked about it."""
        return type(self).parts

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Money by its age in days when it was paid, or so far, and by groups of invoices."""
        owed = Receivables.of(view, self.key, 0)
        yield from owed.findings
        claim = np.flatnonzero((owed.how != 2) & (owed.kept > 0))
        rows = owed.rows[owed.invoice[claim]]
        minor, unit, _ = view.money(rows, owed.kept[claim])
        held = np.flatnonzero(~unit.missing)
        claim, rows, minor, unit = claim[held], rows[held], minor[held], unit[held]
        begun = view.ledger(self.key).at[rows]
        paid = owed.how[claim] == 1
        # Money that was written off never comes: it goes on being unpaid.
        age = (np.where(paid, owed.settled[claim], view.until) - begun) // _DAY_US
        ends = Coded(np.where(paid, 0, -1).astype(np.int32), ("paid",))
        yield Part(
            name="money",
            table="ledger",
            rows=rows,
            period=periods_of(view, rows),
            bins=bin_of(age),
            weights=minor,
            keys={"money": unit, "end": ends, "group": deal(view.ledger(self.key).ids[rows])},
        )
        yield from self._invoices(owed, view, unit, claim)

    def behind(self, view: View, rows: Mapping[str, Ints]) -> Mapping[str, tuple[TableName, Ints]]:
        """What refers to the invoices: payments, credit notes, write-offs."""
        ledger, invoices = view.ledger(self.key), rows.get("invoices", np.zeros(0, np.int64))
        kinds = [view.of(kind, self.key) for kind in ("invoice", "payment", "write-off")]
        found = np.sort(np.concatenate(kinds))
        mine = np.isin(view.referred(self.key).codes[found], ledger.ids.codes[invoices])
        return {"settlements": ("ledger", found[mine])}

    def _invoices(self, owed: Receivables, view: View, unit: Coded, claim: Ints) -> Iterator[Part]:
        """How many invoices there are, and how many are open."""
        invoice = owed.invoice[claim]
        _, first = np.unique(invoice, return_index=True)
        still = np.zeros(len(owed.rows), np.bool_)
        still[invoice[owed.how[claim] != 1]] = True
        rows = owed.rows[invoice[first]]
        ends = Coded(np.where(still[invoice[first]], -1, 0).astype(np.int32), ("paid",))
        yield Part(
            name="invoices",
            table="ledger",
            rows=rows,
            period=periods_of(view, rows),
            keys={"money": unit[first], "end": ends},
        )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Kaplan-Meier over money, with limits that know which money is of one invoice."""
        curve = curves_of(cells, "money", "paid")
        value, low, high = self._figures(Swings.of(cells, "money", curve), level)
        return Estimate(
            value=value, low=low, high=high, n=cells.sum("invoices"), n_open=cells.lasting("invoices"),
            method="amount-weighted kaplan-meier, jackknife over invoices",
        )  # fmt: skip

    @abstractmethod
    def _figures(self, swings: Swings, level: float) -> tuple[Floats, Floats, Floats]:
        """The figure of each curve, and its limits."""


@attrs.frozen
class DaysToPay(_Paying):
    """By when a share of the money has come in.

    Attributes:
        share: the share; 0.5 is the median.
    """

    about: ClassVar[About] = About(
        key="days_to_pay",
        en="Days to pay",
        zh="回款天数（中位数）",
        mission="K5",
        unit="days",
        better="less",
        grain="unit of money invoiced, by the period of its invoice",
        formula="Days from the invoice until the share of the money has been paid, open invoices being censored.",
        source="Kaplan & Meier 1958 with weights; infinitesimal jackknife over invoices, Jaeckel 1972",
        needs=_NEEDS,
        traps=(
            "open invoices are censored, not left out",
            "a large invoice weighs more than a small one, and each of its payments as much as it paid",
            "the interval is that of invoices, not of units of money",
            "what was credited is no debt; what was written off is never paid",
        ),
        within=("money",),
    )

    share: float = attrs.field(default=0.5, validator=inner_share)

    def _figures(self, swings: Swings, level: float) -> tuple[Floats, Floats, Floats]:
        return (swings.curve.quantile(self.share).value, *swings.quantile(self.share, level))


@attrs.frozen
class TrueDaysSales(_Paying):
    """How many days money takes to come in, invoice by invoice, up to a horizon.

    Attributes:
        horizon_days: money that takes longer counts with so many days.
    """

    about: ClassVar[About] = About(
        key="true_dso",
        en="True days sales outstanding",
        zh="逐票应收账款周转天数",
        mission="K5",
        unit="days",
        better="less",
        grain="unit of money invoiced, by the period of its invoice",
        formula="Mean days from the invoice until payment or the horizon, whichever is first, weighted by amount.",
        source="restricted mean of the Kaplan-Meier curve, Karrison 1987; infinitesimal jackknife over invoices",
        needs=_NEEDS,
        traps=(
            "it does not move with sales, as DSO does",
            "open invoices are censored; a period that was not observed up to the horizon has no data yet",
            "what was credited is no debt; what was written off is never paid",
        ),
        within=("money",),
    )

    horizon_days: int = attrs.field(default=90, validator=at_least_one)

    def _figures(self, swings: Swings, level: float) -> tuple[Floats, Floats, Floats]:
        return (swings.curve.rmst(self.horizon_days).value, *swings.rmst(self.horizon_days, level))
