"""Amounts in one currency: converted once for each currency and day, exactly, not row by row."""

from decimal import Context, Decimal

import numpy as np
import numpy.typing as npt

from crmkit.errors import RateMissing
from crmkit.journal import Coded, Finding, summarise
from crmkit.metrics._civil import civil_days, from_day
from crmkit.values import Currency, RateTable

__all__ = ["exchanged"]

Ints = npt.NDArray[np.int64]
# Twice the product and half the divisor still fit 64 bits.
_SAFE = 1 << 61


def exchanged(
    minor: Ints, units: Coded, at: Ints, *, to: Currency, rates: RateTable | None, tz: str
) -> tuple[Ints, Coded, list[Finding]]:
    """Amounts in another currency at the civil day of each, rounded half to even.

    Args:
        minor: minor units, shape (n,).
        units: their currencies.
        at: int64 microseconds UTC.
        to: the currency wanted.
        rates: the rates; without them what is in another currency has none.
        tz: the zone of the days.

    Returns:
        Minor units of `to`, the currency (missing where there is no rate), and what had none.
    """
    same = units.values.index(to.code) if to.code in units.values else -2
    out, codes = minor.copy(), np.where(units.codes == same, 0, -1).astype(np.int32)
    rows = np.flatnonzero((units.codes >= 0) & (units.codes != same))
    findings: list[Finding] = []
    known = RateTable(()) if rates is None else rates
    if len(rows):
        day, _ = civil_days(at[rows], tz, "at")
        pair = units.codes[rows].astype(np.int64) + len(units.values) * day
        order = np.argsort(pair, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(pair[order])) + 1):
            unit, on = units.values[units.codes[rows[group[0]]]], from_day(int(day[group[0]]))
            try:
                rate = known.on(on, unit, to)
            except RateMissing:
                reason = f"no rate {unit}/{to} on its day; counted, and in no sum"
                findings.append(Finding(None, "currency", reason, len(group), str(on), dropped=False))
                continue
            out[rows[group]] = _times(minor[rows[group]], rate.value, to.digits - Currency(unit).digits)
            codes[rows[group]] = 0
    return out, Coded(codes, (to.code,)), list(summarise(findings))


def _times(minor: Ints, rate: Decimal, digits: int) -> Ints:
    """Whole numbers times a rate, rounded half to even, in whole numbers throughout."""
    top, below = (rate.scaleb(digits, Context(prec=100))).as_integer_ratio()
    largest = max(int(minor.max()), -int(minor.min()))
    fits = max(largest * top, below) < _SAFE
    product = (minor if fits else minor.astype(object)) * top
    whole = product // below
    twice = 2 * (product - whole * below)
    rounded: Ints = (whole + ((twice > below) | ((twice == below) & (whole % 2 == 1)))).astype(np.int64)
    return rounded
