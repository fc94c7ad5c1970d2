"""Money is exact, and two currencies never mix by accident."""

import csv
import io
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import CurrencyMismatch, InvalidValue, RateMissing
from crmkit.values import Currency, Money, Rate, RateTable

minor = st.integers(-(2**62), 2**62)
codes = st.sampled_from(["CNY", "EUR", "JPY", "KWD"])


@given(minor, codes)
def test_minor_units_round_trip(units, code):
    """Whole minor units and money are the same thing."""
    assert Money.from_minor(units, code).minor == units


@given(st.lists(minor, max_size=20), codes)
def test_sums_are_exact(parts, code):
    """Adding money is adding integers, in any order."""
    total = Money(0, code)
    for part in parts:
        total += Money.from_minor(part, code)
    assert total == Money.from_minor(sum(parts), code) if abs(sum(parts)) < 2**63 else total.amount is not None
    assert sum(parts) == total.amount.scaleb(Currency(code).digits)


def test_arithmetic_and_order():
    """Difference, negation, multiples and comparison keep the currency."""
    five, two = Money("5", "EUR"), Money("2", "EUR")
    assert (five - two, -two, 3 * two, two * Decimal("0.5")) == (
        Money("3", "EUR"), Money("-2", "EUR"), Money("6", "EUR"), Money("1", "EUR"))  # fmt: skip
    assert two < five <= five
    assert five > two
    assert five >= two
    assert str(Money("1e3", "JPY")) == "1000 JPY"
    assert Money("2.675", "EUR").rounded() == Money("2.68", "EUR")


def test_two_currencies_do_not_mix():
    """Adding or comparing two currencies is an error that names both amounts."""
    with pytest.raises(CurrencyMismatch, match=r"1 EUR.*2 CNY"):
        Money("2", "CNY") + Money("1", "EUR")
    with pytest.raises(CurrencyMismatch):
        _ = Money("2", "CNY") < Money("1", "EUR")
    with pytest.raises(InvalidValue):
        Money("2", "CNY") + 3  # type: ignore[operator]
    assert Money("1", "CNY") != Money("1", "EUR")


@pytest.mark.parametrize("bad", [1.5, True, "abc", "NaN", "1e9999999", "9" * 65, None, Decimal("inf"), "1e31"])
def test_what_is_no_amount(bad):
    """Floats, words and monsters are refused, quickly."""
    with pytest.raises(InvalidValue, match="amount"):
        Money(bad, "EUR")


@pytest.mark.parametrize("bad", ["eur", "EURO", "E1R", "", None, "ЕUR"])
def test_what_is_no_currency(bad):
    """Only three capital Latin letters are a code."""
    with pytest.raises(InvalidValue, match="currency"):
        Currency(bad)


def test_minor_refuses_to_round_or_overflow():
    """Columns hold exact minor units or nothing."""
    with pytest.raises(InvalidValue, match="more than 2 decimals"):
        _ = Money("1.005", "EUR").minor
    with pytest.raises(InvalidValue, match="64 bits"):
        _ = Money("1e20", "EUR").minor


RATES = [
    Rate("EUR", "USD", date(2026, 1, 2), "1.25"),
    Rate("EUR", "CNY", date(2026, 1, 2), "8"),
    Rate("EUR", "USD", date(2026, 1, 5), "1.20"),
]


def test_rates_direct_inverted_crossed():
    """The last rate on or before the day applies; pairs are inverted and crossed, and the rate used is told."""
    table = RateTable(RATES)
    money, rate = table.convert(Money("100", "EUR"), "USD", date(2026, 1, 4))
    assert (money, rate.day) == (Money("125.00", "USD"), date(2026, 1, 2))
    assert table.convert(Money("12", "USD"), "EUR", date(2026, 1, 6))[0] == Money("10.00", "EUR")
    assert table.convert(Money("10", "USD"), "CNY", date(2026, 1, 3))[0] == Money("64.00", "CNY")
    assert table.on(date(2026, 1, 1), "EUR", "EUR").value == 1


def test_a_missing_rate_is_never_one():
    """Before the first rate, after it went stale, and for a strange currency there is no rate."""
    table = RateTable(RATES)
    for day, quote in ((date(2026, 1, 1), "USD"), (date(2026, 2, 1), "USD"), (date(2026, 1, 4), "JPY")):
        with pytest.raises(RateMissing, match=f"EUR/{quote}"):
            table.convert(Money("1", "EUR"), quote, day)
    with pytest.raises(InvalidValue, match="not positive"):
        Rate("EUR", "USD", date(2026, 1, 1), "0")


def test_real_reference_rates():
    """The European Central Bank's table: its known extremes, and a weekend that takes Friday's rate."""
    path = Path(__file__).parents[2].parent / "shared" / "data" / "money" / "eurofxref-hist.zip"
    if not path.exists():
        pytest.skip("shared data are absent")
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["USD"] != "N/A"]
    table = RateTable([Rate("EUR", "USD", date.fromisoformat(row["Date"]), row["USD"]) for row in rows])
    assert table.on(date(2008, 7, 15), "EUR", "USD").value == Decimal("1.5990")
    assert table.on(date(2000, 10, 26), "EUR", "USD").value == Decimal("0.8252")
    assert table.on(date(2008, 7, 20), "EUR", "USD").day == date(2008, 7, 18)
