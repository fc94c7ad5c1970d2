"""Functions on numbers and booleans (OMG DMN 1.5, 10.3.4.2 and 10.3.4.5)."""

from datetime import timedelta
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
)  # fmt: skip
from typing import Any

from crmkit.rules.feel._builtins import builtin
from crmkit.rules.feel._numbers import CONTEXT, EXACT, rounded
from crmkit.rules.feel._operators import Problem, inverted, less, negated

_FINEST, _COARSEST = 6176, -6111


def _placed(value: Decimal, scale: Decimal, rounding: str) -> Decimal:
    places = int(scale)
    if not _COARSEST <= places <= _FINEST:
        raise Problem("range", f"a scale lies between {_COARSEST} and {_FINEST}")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent <= places:
        return value
    return rounded(value.quantize(Decimal(1).scaleb(-places, EXACT), rounding, EXACT))


@builtin("decimal(n: number, scale: number)")
def decimal(value: Decimal, scale: Decimal) -> Decimal:
    """Rounded half even to places."""
    return _placed(value, scale, ROUND_HALF_EVEN)


@builtin("floor(n: number, scale: number?)")
def floor(value: Decimal, scale: Decimal = Decimal(0)) -> Decimal:
    """Rounded down."""
    return _placed(value, scale, ROUND_FLOOR)


@builtin("ceiling(n: number, scale: number?)")
def ceiling(value: Decimal, scale: Decimal = Decimal(0)) -> Decimal:
    """Rounded up."""
    return _placed(value, scale, ROUND_CEILING)


@builtin("round up(n: number, scale: number)")
def round_up(value: Decimal, scale: Decimal) -> Decimal:
    """Rounded away from zero."""
    return _placed(value, scale, ROUND_UP)


@builtin("round down(n: number, scale: number)")
def round_down(value: Decimal, scale: Decimal) -> Decimal:
    """Rounded towards zero."""
    return _placed(value, scale, ROUND_DOWN)


@builtin("round half up(n: number, scale: number)")
def round_half_up(value: Decimal, scale: Decimal) -> Decimal:
    """Rounded to the nearest, ties away from zero."""
    return _placed(value, scale, ROUND_HALF_UP)


@builtin("round half down(n: number, scale: number)")
def round_half_down(value: Decimal, scale: Decimal) -> Decimal:
    """Rounded to the nearest, ties towards zero."""
    return _placed(value, scale, ROUND_HALF_DOWN)


@builtin("abs(n: number|days and time duration|years and months duration)")
def absolute(value: Any) -> Any:
    """Without its sign."""
    zero = {Decimal: Decimal(0), float: 0.0, timedelta: timedelta(0)}.get(type(value))
    below = less(value, zero) if zero is not None else value.months < 0
    return negated(value) if below else value


@builtin("modulo(dividend: number, divisor: number)")
def modulo(dividend: Decimal, divisor: Decimal) -> Decimal:
    """The remainder of the division that rounds down; it has the divisor's sign."""
    if not divisor:
        raise Problem("number", "division by zero")
    rest = EXACT.remainder(dividend, divisor)
    return rounded(EXACT.add(rest, divisor) if rest and (rest < 0) != (divisor < 0) else rest)


@builtin("sqrt(number: number)")
def sqrt(value: Decimal) -> Decimal:
    """The square root."""
    if value < 0:
        raise Problem("range", "a negative number has no square root")
    return CONTEXT.sqrt(value)


@builtin("log(number: number)")
def log(value: Decimal) -> Decimal:
    """The natural logarithm."""
    if value <= 0:
        raise Problem("range", "only positive numbers have a logarithm")
    return CONTEXT.ln(value)


@builtin("exp(number: number)")
def exp(value: Decimal) -> Decimal:
    """The exponential."""
    return CONTEXT.exp(value)


def _integer(value: Decimal) -> int:
    if value != value.to_integral_value() or abs(value) > Decimal(10) ** 40:
        raise Problem("range", "only integers are odd or even")
    return int(value)


@builtin("odd(number: number)")
def odd(value: Decimal) -> bool:
    """Whether two does not divide it."""
    return _integer(value) % 2 == 1


@builtin("even(number: number)")
def even(value: Decimal) -> bool:
    """Whether two divides it."""
    return _integer(value) % 2 == 0


@builtin("not(negand: boolean|null)")
def negation(value: bool | None) -> Any:  # noqa: FBT001 - its one argument
    """Three-valued negation."""
    return inverted(value)
