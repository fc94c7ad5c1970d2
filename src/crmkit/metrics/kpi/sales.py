"""Sales amount (K4): bookings, what was invoiced net of credit notes, and the size of an order."""

from collections.abc import Iterator
from typing import ClassVar, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded, Finding
from crmkit.metrics.kpi._ledgers import Summed, amounts, latest, periods_of
from crmkit.metrics.kpi._rate_days import RATE_DAYS, as_day, day_or
from crmkit.metrics.metric import About, Part
from crmkit.metrics.policy import RateDay
from crmkit.metrics.view import View

__all__ = ["Booked", "CreditNotes", "Invoiced"]

Ints = npt.NDArray[np.int64]

#: When a credit note counts: in the period it is dated, or in that of the invoice it corrects.
CreditNotes: TypeAlias = Literal["as dated", "with the invoice"]

_TRAPS = (
    "sums are whole minor units and never pass through floats",
    "currencies are not added up; an amount without a rate is counted as unusable, not taken as zero or at par",
)


@attrs.frozen
class Booked(Summed):
    """What was ordered.

    Attributes:
        rate_day: the day whose exchange rate an amount takes.
    """

    about: ClassVar[About] = About(
        key="booked",
        en="Bookings",
        zh="订单金额",
        mission="K4",
        unit="money",
        better="more",
        grain="order, its last revision",
        formula="Sum of the amounts of orders dated in the period; cancelled orders are revised to 0.",
        source="exact sum; no sampling error",
        needs=("order",),
        absent="zero",
        traps=(*_TRAPS, "an order that was changed counts once, as it stands"),
        within=("currency",),
    )

    rate_day: RateDay = attrs.field(default="own", converter=as_day, validator=day_or("own", "period end"))

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """The last revision of each order, in the period in which that is dated."""
        rows = latest(view, "order", self.key)
        yield from amounts(view, rows, day=self.rate_day)


@attrs.frozen
class Invoiced(Summed):
    """What was invoiced, net of credit notes.

    Attributes:
        credit_notes: when a credit note counts.
        rate_day: the day whose exchange rate an amount takes. By its own a credit note need not cancel its invoice, by
            that of the invoice it does; a row that names none takes its own.
    """

    about: ClassVar[About] = About(
        key="invoiced",
        en="Invoiced, net of credit notes",
        zh="开票净额",
        mission="K4",
        unit="money",
        better="more",
        grain="invoice or credit note",
        formula="Sum of the amounts of invoices, credit notes being negative.",
        source="exact sum; no sampling error",
        needs=("invoice",),
        absent="zero",
        traps=(*_TRAPS, "credit notes of a later period are posted or restated by a stated policy"),
        within=("currency",),
    )

    credit_notes: CreditNotes = "as dated"
    rate_day: RateDay = attrs.field(default="own", converter=as_day, validator=day_or(*RATE_DAYS))

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Invoices and credit notes."""
        rows = view.of("invoice", self.key)
        period = periods_of(view, rows)
        if self.credit_notes == "with the invoice":
            period = _of_invoice(view, rows, period)
        yield from amounts(view, rows, period=period, day=self.rate_day)
        yield from _excessive(view, rows)


def _referred(view: View, rows: Ints) -> Ints:
    """For each row the place in `rows` of the row it refers to, -1 for none."""
    ledger = view.ledger("invoiced")
    place = np.full(len(ledger.ids.values) + 1, -1, np.int64)
    codes = ledger.ids.codes[rows]
    place[codes[::-1]] = np.arange(len(rows))[::-1]
    place[-1] = -1
    return place[view.referred("invoiced").codes[rows]]


def _of_invoice(view: View, rows: Ints, period: Coded) -> Coded:
    """The period of the invoice that a credit note corrects, as far as it names one."""
    ledger = view.ledger("invoiced")
    place = _referred(view, rows)
    moved = (ledger.minor[rows] < 0) & (place >= 0)
    return Coded(np.where(moved, period.codes[np.maximum(place, 0)], period.codes).astype(np.int32), period.values)


def _excessive(view: View, rows: Ints) -> Iterator[Finding]:
    """Invoices that were credited by more than their amount."""
    ledger = view.ledger("invoiced")
    place = _referred(view, rows)
    minor = ledger.minor[rows]
    credited = np.flatnonzero((minor < 0) & (place >= 0))
    if not len(credited):
        return
    target = place[credited]
    alike = ledger.currencies.codes[rows][credited] == ledger.currencies.codes[rows][target]
    left = minor.copy()
    np.add.at(left, target[alike], minor[credited[alike]])
    over = np.unique(target[alike][(left[target[alike]] < 0) & (minor[target[alike]] > 0)])
    if len(over):
        example = ledger.ids.values[ledger.ids.codes[rows[over[0]]]]
        reason = "credit notes exceed the invoice; they are counted as they are"
        yield Finding(None, "amount", reason, len(over), example, dropped=False)
