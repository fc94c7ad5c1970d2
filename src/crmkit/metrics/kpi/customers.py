"""New customers, and those who came back (K1)."""

from collections.abc import Iterator
from typing import ClassVar, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Finding
from crmkit.metrics._estimates import counts_of
from crmkit.metrics.kpi._buying import buying
from crmkit.metrics.kpi._ledgers import tallied
from crmkit.metrics.metric import UNUSABLE, About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = ["FirstSign", "NewCustomers", "ReactivatedCustomers"]

Ints = npt.NDArray[np.int64]

#: What makes a customer: the first fact of this kind.
FirstSign: TypeAlias = Literal["order", "invoice", "payment"]

_DAY_US = 86_400_000_000


def _at_least_nothing(_metric: object, field: "attrs.Attribute[int]", value: int) -> None:
    if value < 0:
        raise InvalidValue(field.name, value, "is below 0 days")


@attrs.frozen
class NewCustomers(Metric):
    """Customers who buy for the first time.

    Attributes:
        first: what makes a customer.
        history_days: whoever is first seen within so many days of the first fact may be an old customer, and is
            counted as unusable.
    """

    about: ClassVar[About] = About(
        key="new_customers",
        en="New customers",
        zh="新客户数",
        mission="K1",
        unit="customers",
        better="more",
        grain="customer, at the first purchase that was not wholly credited",
        formula="Number of customers whose first purchase is dated in the period.",
        source="count; exact Poisson interval, Garwood 1936",
        needs=("invoice",),
        absent="zero",
        traps=(
            "a first invoice that was wholly credited makes no customer",
            "a customer is new once, whatever the groups: in that of the first purchase",
            "whoever is seen as the facts begin may be an old customer (left truncation)",
            "duplicates, and the companies of a group, are one customer where Facts.merged says so",
        ),
    )

    first: FirstSign = "invoice"
    history_days: int = attrs.field(default=0, validator=_at_least_nothing)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """The row of each customer's first purchase."""
        rows, findings = buying(view, self.first, self.key)
        yield from findings
        ledger = view.ledger(self.key)
        order = rows[np.argsort(ledger.customers.codes[rows], kind="stable")]
        codes = ledger.customers.codes[order]
        firsts = np.sort(order[np.append(True, codes[1:] != codes[:-1])[: len(codes)]])
        if not len(firsts):
            return
        settled = int(ledger.at[rows].min()) + self.history_days * _DAY_US
        early = ledger.at[firsts] < settled
        yield tallied(view, firsts[~early])
        if early.any():
            yield tallied(view, firsts[early], UNUSABLE)
            reason = f"first seen within {self.history_days} days of the first {self.first}; may be old customers"
            yield Finding(None, "customer", reason, int(early.sum()), dropped=True)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Counts."""
        return counts_of(cells.sum("n"), level)


@attrs.frozen
class ReactivatedCustomers(Metric):
    """Customers who buy again after a long silence.

    Attributes:
        first: what counts as a purchase.
        gap_days: the silence.
    """

    about: ClassVar[About] = About(
        key="reactivated_customers",
        en="Reactivated customers",
        zh="重新激活客户数",
        mission="K1",
        unit="customers",
        better="more",
        grain="purchase after a silence",
        formula="Number of purchases in the period that follow the customer's purchase before by more than the gap.",
        source="count; exact Poisson interval, Garwood 1936",
        needs=("invoice",),
        absent="zero",
        traps=("who returns is not new", "the silence is that of the customer, whatever the groups"),
    )

    first: FirstSign = "invoice"
    gap_days: int = attrs.field(default=365, validator=_at_least_nothing)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """The purchases that end a silence."""
        rows, findings = buying(view, self.first, self.key)
        yield from findings
        ledger = view.ledger(self.key)
        order = rows[np.argsort(ledger.customers.codes[rows], kind="stable")]
        codes, at = ledger.customers.codes[order], ledger.at[order]
        again = (codes[1:] == codes[:-1]) & (at[1:] - at[:-1] > self.gap_days * _DAY_US)
        yield tallied(view, np.sort(order[1:][again]))

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Counts."""
        return counts_of(cells.sum("n"), level)
