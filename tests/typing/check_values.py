"""What type checkers see of values: run by mypy and pyright, never executed."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, assert_type

import crmkit as crm
from crmkit.values import Fields, Rate, RateTable, aware, from_micros, to_micros


def money() -> None:
    """Sums and multiples of money are money; money and numbers do not mix."""
    price = crm.Money("12.50", "EUR")
    assert_type(price, crm.Money)
    assert_type(price.amount, Decimal)
    assert_type(price.currency, crm.Currency)
    assert_type(price + price, crm.Money)
    assert_type(price * 3, crm.Money)
    assert_type(-price, crm.Money)
    assert_type(price.minor, int)
    assert_type(price.rounded(), crm.Money)
    assert_type(price < price, bool)
    assert_type(crm.Money.from_minor(1250, "EUR"), crm.Money)
    price + 1  # type: ignore[operator] # a sum with a bare number must not pass
    price * 1.5  # type: ignore[operator] # nor a binary fraction


def rates() -> None:
    """A conversion comes with the rate it used."""
    table = RateTable([Rate("EUR", "CNY", date(2026, 1, 2), Decimal("7.8"))])
    assert_type(table.on(date(2026, 1, 2), "EUR", "CNY"), Rate)
    assert_type(table.convert(crm.Money(1, "EUR"), "CNY", date(2026, 1, 2)), tuple[crm.Money, Rate])


def periods() -> None:
    """Parts and neighbours of periods are periods."""
    quarter = crm.Period.quarter(2026, 3)
    assert_type(quarter, crm.Period)
    assert_type(quarter.start, date)
    assert_type(quarter.split("month"), tuple[crm.Period, ...])
    assert_type(quarter.previous(), crm.Period)
    assert_type(quarter.instants(UTC), tuple[int, int])
    crm.Period.quarter(2026, 3, calendar=crm.FiscalCalendar(4))
    quarter.split("fortnight")  # type: ignore[arg-type] # only the five units are known


def instants() -> None:
    """Instants are datetimes at the border and integers in columns."""
    assert_type(aware(datetime.now(UTC)), datetime)
    assert_type(to_micros(datetime.now(UTC)), int)
    assert_type(from_micros(0), datetime)


def fields() -> None:
    """Fields are a mapping of names to plain values."""
    some: Mapping[str, Any] = Fields(budget=150_000)
    assert_type(some["budget"], Any)
