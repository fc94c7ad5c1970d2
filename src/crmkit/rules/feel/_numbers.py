"""Exact decimals of 34 digits, as the standard has them (IEEE 754-2008 decimal128)."""

from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

#: Arithmetic of numbers: 34 digits, half even; what has no result raises.
CONTEXT = Context(
    prec=34, rounding=ROUND_HALF_EVEN, Emin=-6143, Emax=6144, traps=[DivisionByZero, InvalidOperation, Overflow]
)
#: For counting on more digits than a number has: rounding to places, and taking powers apart.
EXACT = Context(prec=8000, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[DivisionByZero, InvalidOperation, Overflow])


def rounded(value: Decimal) -> Decimal:
    """The nearest number of 34 digits.

    Raises:
        Overflow: if it is too large.
    """
    return CONTEXT.plus(value)


def to_number(value: float | Decimal) -> Decimal:
    """A host's number as an exact decimal; a float as the shortest text that gives it back.

    Raises:
        InvalidOperation: if it is not finite.
    """
    made = rounded(Decimal(repr(float(value))) if isinstance(value, float) else Decimal(value))
    if not made.is_finite():
        raise InvalidOperation(f"{value} is no number")
    return made


def write_number(value: Decimal) -> str:
    """The shortest plain text: no exponent, no trailing zeros."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
