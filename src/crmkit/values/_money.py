"""Money is exact: a Decimal and a currency, int64 minor units in columns, never a float."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, localcontext
from typing import Self

import attrs

from crmkit.errors import CurrencyMismatch, InvalidValue, RateMissing

# ISO 4217 currencies whose minor unit is not 1/100.
_DIGITS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
# 28 digits, the default, cannot hold every int64 amount times a rate of ten digits.
_EXACT = Context(prec=60)
_INT64 = 2**63 - 1
_LONGEST = 64


def _is_code(_owner: object, _field: object, value: str) -> None:
    if not (isinstance(value, str) and len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()):
        raise InvalidValue("currency", value, "is no ISO 4217 code, such as 'CNY' or 'EUR'")


@attrs.frozen(order=True)
class Currency:
    """An ISO 4217 currency.

    Attributes:
        code: three capital letters.
    """

    code: str = attrs.field(validator=_is_code)

    @property
    def digits(self) -> int:
        """Decimal places of the minor unit: 2 for CNY, 0 for JPY."""
        return _DIGITS.get(self.code, 2)

    @classmethod
    def unusual(cls) -> dict[str, int]:
        """The codes of the currencies whose minor unit is not 1/100, and its decimal places."""
        return dict(_DIGITS)

    def __str__(self) -> str:
        return self.code


def _to_currency(value: str | Currency) -> Currency:
    return value if isinstance(value, Currency) else Currency(value)


def _to_decimal(value: str | int | Decimal) -> Decimal:
    if isinstance(value, float | bool) or not isinstance(value, str | int | Decimal):
        raise InvalidValue("amount", value, "is not exact; give a Decimal, an int or a text such as '12.50'")
    # A bound on the text first: Decimal('1e9999999') is cheap to build and ruinous to use.
    if isinstance(value, str) and len(value) > _LONGEST:
        raise InvalidValue("amount", value, f"is longer than {_LONGEST} characters")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise InvalidValue("amount", value, "is not a number, such as '12.50'") from None
    if not number.is_finite() or (number and not -30 <= number.adjusted() <= 30):
        raise InvalidValue("amount", value, "is out of range")
    return number


@attrs.frozen
class Money:
    """An exact amount in one currency.

    Two currencies never mix: adding them, or comparing them, is an error; convert with a `RateTable` first.

    >>> Money("12.50", "EUR") + Money("0.50", "EUR")
    Money(13.00 EUR)

    Attributes:
        amount: the exact amount; a text, an int or a Decimal, never a float.
        currency: an ISO 4217 code.
    """

    amount: Decimal = attrs.field(converter=_to_decimal)
    currency: Currency = attrs.field(converter=_to_currency)

    @classmethod
    def from_minor(cls, minor: int, currency: str | Currency) -> Self:
        """Money from whole minor units: 1250 and EUR are 12.50 EUR."""
        unit = _to_currency(currency)
        return cls(Decimal(int(minor)).scaleb(-unit.digits, _EXACT), unit)

    @property
    def minor(self) -> int:
        """Whole minor units, as stored in columns.

        Raises:
            InvalidValue: if the amount has more decimals than its currency, or does not fit int64.
        """
        scaled = self.amount.scaleb(self.currency.digits, _EXACT)
        if scaled != scaled.to_integral_value():
            raise InvalidValue("money", str(self), f"has more than {self.currency.digits} decimals; round it first")
        if abs(scaled) > _INT64:
            raise InvalidValue("money", str(self), "does not fit 64 bits of minor units")
        return int(scaled)

    def rounded(self) -> Self:
        """Rounded half to even to the minor unit of the currency."""
        return type(self)(
            self.amount.quantize(Decimal(1).scaleb(-self.currency.digits), ROUND_HALF_EVEN, _EXACT), self.currency
        )

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    def __repr__(self) -> str:
        return f"Money({self})"

    def __add__(self, other: Self) -> Self:
        with localcontext(_EXACT):
            return type(self)(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Self) -> Self:
        with localcontext(_EXACT):
            return type(self)(self.amount - self._same(other).amount, self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.amount, self.currency)

    def __mul__(self, factor: int | Decimal) -> Self:
        with localcontext(_EXACT):
            return type(self)(self.amount * _to_decimal(factor), self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: Self) -> bool:
        return self.amount < self._same(other).amount

    def __le__(self, other: Self) -> bool:
        return self.amount <= self._same(other).amount

    def __gt__(self, other: Self) -> bool:
        return self.amount > self._same(other).amount

    def __ge__(self, other: Self) -> bool:
        return self.amount >= self._same(other).amount

    def _same(self, other: object) -> Self:
        if not isinstance(other, type(self)):
            raise InvalidValue("money", other, f"cannot be combined with {self}")
        if other.currency != self.currency:
            raise CurrencyMismatch("money", str(other), f"cannot be combined with {self}; convert one of them first")
        return other


def _is_positive(_owner: object, _field: object, value: Decimal) -> None:
    if value <= 0:
        raise InvalidValue("rate", str(value), "is not positive")


@attrs.frozen
class Rate:
    """An exchange rate: one unit of `base` bought `value` units of `quote` on `day`."""

    base: Currency = attrs.field(converter=_to_currency)
    quote: Currency = attrs.field(converter=_to_currency)
    day: date
    value: Decimal = attrs.field(converter=_to_decimal, validator=_is_positive)


def _by_pair(rates: Iterable[Rate]) -> dict[tuple[str, str], list[Rate]]:
    table: dict[tuple[str, str], list[Rate]] = {}
    for rate in sorted(rates, key=_day):
        table.setdefault((rate.base.code, rate.quote.code), []).append(rate)
    return table


def _day(rate: Rate) -> date:
    return rate.day


@attrs.frozen(eq=False)
class RateTable:
    """Dated exchange rates; the last known rate on or before a day applies.

    Attributes:
        rates: the rates, in any order.
        stale_after: a rate older than this many days counts as missing (weekends and holidays need a few).
    """

    _pairs: dict[tuple[str, str], list[Rate]] = attrs.field(converter=_by_pair, alias="rates")
    stale_after: int = 10

    def on(self, day: date, base: str | Currency, quote: str | Currency) -> Rate:
        """The rate that applied on a day: direct, inverted, or crossed over a third currency.

        Raises:
            RateMissing: if there is none, or only stale ones. A missing rate is never taken as one.
        """
        b, q = _to_currency(base), _to_currency(quote)
        if b == q:
            return Rate(b, q, day, Decimal(1))
        found = self._direct(day, b.code, q.code) or self._crossed(day, b.code, q.code)
        if found is None:
            raise RateMissing(
                "exchange rate", f"{b}/{q} on {day.isoformat()}", tuple(f"{x}/{y}" for x, y in self._pairs)
            )
        return found

    def convert(self, money: Money, to: str | Currency, day: date) -> tuple[Money, Rate]:
        """The converted amount, rounded to the minor unit, and the rate that was used.

        Raises:
            RateMissing: see `on`.
        """
        rate = self.on(day, money.currency, to)
        return Money((money * rate.value).amount, rate.quote).rounded(), rate

    def _direct(self, day: date, base: str, quote: str) -> Rate | None:
        if found := self._last(day, base, quote):
            return found
        if found := self._last(day, quote, base):
            return Rate(base, quote, found.day, _EXACT.divide(Decimal(1), found.value))
        return None

    def _crossed(self, day: date, base: str, quote: str) -> Rate | None:
        for pivot in sorted({code for pair in self._pairs for code in pair} - {base, quote}):
            first, second = self._direct(day, base, pivot), self._direct(day, pivot, quote)
            if first and second:
                # The older of the two days dates the cross rate.
                value = _EXACT.multiply(first.value, second.value)
                return Rate(base, quote, min(first.day, second.day), value)
        return None

    def _last(self, day: date, base: str, quote: str) -> Rate | None:
        rates = self._pairs.get((base, quote), [])
        at = bisect_right(rates, day, key=_day) - 1
        if at < 0 or (day - rates[at].day).days > self.stale_after:
            return None
        return rates[at]
