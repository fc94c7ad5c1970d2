"""Sales expense (K8): what selling costs, for each order, each new customer, and as a share of sales."""

from collections.abc import Iterator
from typing import ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Finding
from crmkit.metrics._estimates import major
from crmkit.metrics.estimators import garwood
from crmkit.metrics.kpi._checks import at_least_nothing, names
from crmkit.metrics.kpi._ledgers import Summed, amounts, latest
from crmkit.metrics.kpi._ratios import clustered, ratios_of
from crmkit.metrics.kpi.customers import FirstSign, NewCustomers
from crmkit.metrics.metric import UNUSABLE, About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = ["AcquisitionCost", "ExpensePerOrder", "ExpenseRatio", "SalesExpense"]

Ints = npt.NDArray[np.int64]
_DAY_US = 86_400_000_000
_NEEDS = ("expense",)
_TRAPS = (
    "an expense counts as it was incurred, whenever it was approved",
    "currencies are not added up; a count is of what has the currency of the expense",
)
_PER_COUNT = "exact sum / count; limits from the exact Poisson interval of the count, Garwood 1936"


@attrs.frozen
class _Spent(Metric):
    """What is spent.

    Attributes:
        categories: the categories of expenses that count; all if empty.
        column: the column of the ledger that has the category.
    """

    categories: tuple[str, ...] = attrs.field(default=(), converter=names)
    column: str = "category"

    def _rows(self, view: View) -> Ints:
        """The expenses that count."""
        rows = view.of("expense", self.key)
        if not self.categories:
            return rows
        category = view.ledger(self.key).dimension(self.column)
        return rows[np.isin(category.recode(self.categories).codes[rows], np.arange(len(self.categories)))]


@attrs.frozen
class SalesExpense(_Spent, Summed):
    """What was spent to sell; `by=["category"]` parts it."""

    about: ClassVar[About] = About(
        key="sales_expense",
        en="Sales expense",
        zh="销售费用",
        mission="K8",
        unit="money",
        better="less",
        grain="expense, as it was incurred",
        formula="Sum of the expenses incurred in the period.",
        source="exact sum; no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=(_TRAPS[0], "currencies are not added up", "sums never pass through floats"),
        within=("currency",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Expenses."""
        yield from amounts(view, self._rows(view))


@attrs.frozen
class _PerCount(_Spent):
    """Expense by a count, which is what chance has a part in."""

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """A ratio; no data where nothing was counted."""
        n, spent = cells.sum("n"), major(cells, cells.sum("amount"))
        few, many = garwood(n, level=level)
        some = n > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            value, low, high = (np.where(some, spent / below, np.nan) for below in (n, many, few))
        return Estimate(value=value, low=low, high=high, n=n, method="ratio, garwood of the count")


def _counted(view: View, rows: Ints) -> Iterator[Part | Finding]:
    """How many rows of each currency there are; those without an amount are unusable."""
    for part in amounts(view, rows):
        if not isinstance(part, Part) or part.name in ("n", UNUSABLE):
            yield part


@attrs.frozen
class ExpensePerOrder(_PerCount):
    """Expense for each order."""

    about: ClassVar[About] = About(
        key="expense_per_order",
        en="Sales expense per order",
        zh="单均销售费用",
        mission="K8",
        unit="money",
        better="less",
        grain="order of the period",
        formula="Expenses incurred in the period / orders dated in it.",
        source=_PER_COUNT,
        needs=("expense", "order"),
        traps=(*_TRAPS, "no orders are no data, not an expense of 0 or infinity"),
        within=("currency",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Expenses and orders."""
        yield from amounts(view, self._rows(view), count="expenses")
        yield from _counted(view, latest(view, "order", self.key))


@attrs.frozen
class AcquisitionCost(_PerCount):
    """Expense for each new customer.

    Attributes:
        lag_days: how long an expense takes to win a customer: it counts in the period so many days later.
        first: what makes a customer.
        history_days: as in `NewCustomers`.
    """

    about: ClassVar[About] = About(
        key="cac",
        en="Customer acquisition cost",
        zh="获客成本",
        mission="K8",
        unit="money",
        better="less",
        grain="new customer of the period",
        formula="Expenses incurred the lag before the period / customers who first buy in it.",
        source=_PER_COUNT,
        needs=("expense", "invoice"),
        traps=(*_TRAPS, "spending leads winning by a cycle: the lag is a policy", "no new customers are no data"),
        within=("currency",),
    )

    lag_days: int = attrs.field(default=0, validator=at_least_nothing)
    first: FirstSign = "invoice"
    history_days: int = attrs.field(default=0, validator=at_least_nothing)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Expenses later by the lag, and new customers."""
        rows = self._rows(view)
        later = view.periods(view.ledger(self.key).at[rows] + self.lag_days * _DAY_US)
        yield from amounts(view, rows, period=later, count="expenses")
        for part in NewCustomers(first=self.first, history_days=self.history_days).parts(view):
            if isinstance(part, Part) and part.name == "n":
                yield from _counted(view, np.asarray(part.rows))
            else:
                yield part


@attrs.frozen
class ExpenseRatio(_Spent):
    """Expense as a share of sales."""

    about: ClassVar[About] = About(
        key="expense_ratio",
        en="Sales expense ratio",
        zh="销售费用率",
        mission="K8",
        unit="share",
        better="less",
        grain="customer in the period; what is spent on none in particular is added without sampling error",
        formula="Expenses incurred in the period / net invoices dated in it.",
        source="ratio of sums; Fieller 1954, over customers",
        needs=("expense", "invoice"),
        traps=(*_TRAPS, "where sales may be 0 the ratio may be anything: the limits are then unbounded"),
        within=("money",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Expenses and invoices by customer."""
        customers = view.ledger(self.key).customers
        yield from clustered(view, self._rows(view), "expense", customers)
        yield from clustered(view, view.of("invoice", self.key), "sales", customers)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Fieller."""
        return ratios_of(cells, ("expense", "sales"), cells.sum("expense rows") + cells.sum("sales rows"), level)
