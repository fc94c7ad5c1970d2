"""The day whose exchange rate an amount of the ledger takes."""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, cast

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Coded
from crmkit.metrics.policy import RateDay
from crmkit.metrics.view import View
from crmkit.values import to_micros, zone

__all__ = ["RATE_DAYS", "as_day", "converted_at", "day_or"]

Ints = npt.NDArray[np.int64]
# What an amount may follow from, the nearest first; a credit note follows from an invoice, as a payment does.
_CHAIN = ("invoice", "order")
#: What the policy may be of amounts that follow from an order and an invoice, beside a date.
RATE_DAYS = ("own", "order", "invoice", "period end")


def as_day(given: RateDay | str) -> RateDay:
    """A day as it may be given: also as the text of a date."""
    try:
        return date.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        return cast("RateDay", given)


def day_or(*words: str) -> Callable[[object, "attrs.Attribute[Any]", Any], None]:
    """A validator: a date, or one of some words, else `InvalidValue`."""

    def check(_metric: object, field: "attrs.Attribute[Any]", value: Any) -> None:
        if value not in words and (not isinstance(value, date) or isinstance(value, datetime)):
            raise InvalidValue(field.name, str(value), f"is no day (2026-01-01) and none of {', '.join(words)}")

    return check


def converted_at(view: View, rows: Ints, day: RateDay, period: Coded) -> Ints:
    """The instant at whose civil day each row is converted.

    Args:
        view: the facts.
        rows: rows of the ledger, shape (n,).
        day: the policy, if it is not "own".
        period: of each row.

    Returns:
        int64 microseconds UTC, shape (n,).
    """
    ledger = view.facts.ledger
    assert ledger is not None  # noqa: S101 - `rows` are rows of it
    if isinstance(day, date):
        return np.full(len(rows), to_micros(datetime.combine(day, time(12), zone(view.facts.tz))))
    if day == "period end":
        # What is in no period takes the last: it is not counted.
        ends: Ints = np.minimum(view.buckets.edges[1:] - 1, view.until)[period.codes]
        return ends
    at = rows
    for kind in _CHAIN[: _CHAIN.index(day) + 1]:
        at = _followed(view, at, kind)
    return ledger.at[at]


def _followed(view: View, rows: Ints, kind: str) -> Ints:
    """The fact of a kind that each row refers to; the row itself if it refers to none, or is one and no credit note."""
    ledger = view.facts.ledger
    assert ledger is not None  # noqa: S101 - `rows` are rows of it
    known = view.of(kind, kind)
    known = known[ledger.minor[known] >= 0]
    place = np.full(len(ledger.ids.values) + 1, -1, np.int64)
    # Written last to first, so that the first of equals stays; the last place is of what refers to nothing.
    place[ledger.ids.codes[known][::-1]] = known[::-1]
    place[-1] = -1
    found = place[view.referred(kind).codes[rows]]
    itself = np.isin(rows, known)
    return np.where((found >= 0) & ~itself, found, rows)
