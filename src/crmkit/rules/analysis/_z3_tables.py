"""How operators and functions are written for z3, kind by kind."""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

#: An expression of z3, which has no types of its own.
Formula: TypeAlias = Any

DAY = 86_400_000_000
_EPOCH = date(1970, 1, 1).toordinal()
DAYS, MONTHS, MOMENT = "days and time duration", "years and months duration", "date and time"
_MOST_FACTORS = 5


def terminates(value: Fraction) -> bool:
    """Whether a fraction is a decimal of few digits."""
    below = value.denominator
    for factor in (2, 5):
        while below % factor == 0:
            below //= factor
    return below == 1 and value.denominator < 10**15


def power(base: Formula, exponent: Any) -> Formula | None:
    """A power as a product; None if the exponent is no small whole number."""
    if not isinstance(exponent, Decimal) or exponent not in range(1, _MOST_FACTORS + 1):
        return None
    value = base
    for _ in range(int(exponent) - 1):
        value = value * base
    return value


#: Functions of texts: what they give, how many texts they take, and the formula.
TEXTS: Mapping[str, tuple[str, int, Callable[[Any, Sequence[Formula]], Formula]]] = {
    "starts with": ("boolean", 2, lambda z3, texts: z3.PrefixOf(texts[1], texts[0])),
    "ends with": ("boolean", 2, lambda z3, texts: z3.SuffixOf(texts[1], texts[0])),
    "contains": ("boolean", 2, lambda z3, texts: z3.Contains(texts[0], texts[1])),
    "string length": ("integer", 1, lambda z3, texts: z3.Length(texts[0])),
}
#: Comparisons.
ORDERS: Mapping[str, Callable[[Any, Any], Formula]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: b < a, ">=": lambda a, b: b <= a,
}  # fmt: skip
#: Arithmetic of numbers that is exact.
NUMERIC: Mapping[str, Callable[[Any, Any], Formula]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
}  # fmt: skip


#: The least and the greatest value that Python has.
ENDS: Mapping[str, tuple[int, int]] = {
    "float": (-int(sys.float_info.max), int(sys.float_info.max)),
    "date": (date.min.toordinal(), date.max.toordinal()),
    "time": (0, DAY - 1),
    MOMENT: ((date.min.toordinal() - _EPOCH) * DAY, (date.max.toordinal() + 1 - _EPOCH) * DAY - 1),
    DAYS: (-999_999_999 * DAY, 1_000_000_000 * DAY - 1),
}


def _midnight(day: Formula) -> Formula:
    return (day - _EPOCH) * DAY


#: Arithmetic of days, moments and durations: what it gives, and how it is counted.
TIMES: Mapping[tuple[str, str, str], tuple[str, Callable[[Any, Any], Formula]]] = {
    ("-", "date", "date"): (DAYS, lambda a, b: (a - b) * DAY),
    ("-", MOMENT, MOMENT): (DAYS, lambda a, b: a - b),
    ("-", MOMENT, "date"): (DAYS, lambda a, b: a - _midnight(b)),
    ("-", "date", MOMENT): (DAYS, lambda a, b: _midnight(a) - b),
    ("-", "time", "time"): (DAYS, lambda a, b: a - b),
    ("+", "date", DAYS): ("date", lambda a, b: a + b / DAY),
    ("+", DAYS, "date"): ("date", lambda a, b: b + a / DAY),
    ("-", "date", DAYS): ("date", lambda a, b: a + -b / DAY),
    ("+", MOMENT, DAYS): (MOMENT, lambda a, b: a + b),
    ("+", DAYS, MOMENT): (MOMENT, lambda a, b: a + b),
    ("-", MOMENT, DAYS): (MOMENT, lambda a, b: a - b),
    ("+", DAYS, DAYS): (DAYS, lambda a, b: a + b),
    ("-", DAYS, DAYS): (DAYS, lambda a, b: a - b),
    ("+", MONTHS, MONTHS): (MONTHS, lambda a, b: a + b),
    ("-", MONTHS, MONTHS): (MONTHS, lambda a, b: a - b),
}
