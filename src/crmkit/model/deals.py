"""Dated facts of a deal, from the first visit to the last payment: each is one row of a `Ledger`."""

from datetime import datetime
from typing import ClassVar

import attrs

from crmkit.values import Money, aware

__all__ = ["Activity", "Complaint", "Dated", "Expense", "Invoice", "Order", "Payment", "Quote"]


def _aware(at: datetime) -> datetime:
    return aware(at)


@attrs.frozen(kw_only=True)
class Dated:
    """What all dated facts share.

    Attributes:
        id: the host's key, unique within its kind.
        at: when it happened (aware).
        customer: the id of the customer concerned.
        case: the id of the deal or ticket, if it belongs to one.
        who: the id of the person of ours who did it.
        amount: exact money, if it has any; negative for a credit note or a refund.
        refers_to: the id of the fact it follows from: the invoice of a payment, the quote of an order.
        revision: 1 for the first issue, 2 for its first revision ...
    """

    kind: ClassVar[str] = "fact"
    id: str
    at: datetime = attrs.field(converter=_aware)
    customer: str | None = None
    case: str | None = None
    who: str | None = None
    amount: Money | None = None
    refers_to: str | None = None
    revision: int = 1


class Quote(Dated):
    """A quotation, first issue or revision."""

    kind = "quote"


class Order(Dated):
    """A customer's order."""

    kind = "order"


class Invoice(Dated):
    """An invoice; a credit note is one with a negative amount that refers to it."""

    kind = "invoice"


class Payment(Dated):
    """Cash allocated to one invoice (`refers_to`); unapplied cash refers to nothing."""

    kind = "payment"


class Expense(Dated):
    """Money we spent to sell or to serve."""

    kind = "expense"


@attrs.frozen(kw_only=True)
class Activity(Dated):
    """A contact with the customer.

    Attributes:
        channel: "visit", "proposal", "call", "mail" ...
        done: False for one that is only planned, and is not counted.
    """

    kind = "activity"
    channel: str = "visit"
    done: bool = True


class Complaint(Dated):
    """A complaint as received; how it was resolved is the history of its case."""

    kind = "complaint"
