"""Dated facts of a deal, from the first visit to the last payment: each is one row of a `Ledger`."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

import attrs

from crmkit.errors import InvalidValue
from crmkit.values import EMPTY, Fields, Money, aware

__all__ = ["Activity", "Complaint", "Dated", "Expense", "Invoice", "Order", "Payment", "Quote"]


def _aware(at: datetime) -> datetime:
    return aware(at)


def _aware_if_any(at: datetime | None) -> datetime | None:
    return None if at is None else aware(at)


def _quantity(value: str | int | Decimal | None) -> Decimal | None:
    if value is None or isinstance(value, Decimal):
        return value
    if isinstance(value, float | bool):
        raise InvalidValue("quantity", value, "is not exact; give a Decimal, an int or a text such as '2.5'")
    try:
        return Decimal(value)
    except InvalidOperation:
        raise InvalidValue("quantity", value, "is not a number, such as '2.5'") from None


def _fields(data: Mapping[str, Any]) -> Fields:
    return data if isinstance(data, Fields) else Fields(data)


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
        quantity: units sold, hours spent ..., to two decimals, if they are counted.
        due: when it is to be paid or done (aware), if that was agreed.
        recorded: when it became known (aware); None if that is when it happened.
        dims: what to group by: region, product, channel ...
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
    quantity: Decimal | None = attrs.field(default=None, converter=_quantity)
    due: datetime | None = attrs.field(default=None, converter=_aware_if_any)
    recorded: datetime | None = attrs.field(default=None, converter=_aware_if_any)
    dims: Fields = attrs.field(default=EMPTY, converter=_fields)


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
