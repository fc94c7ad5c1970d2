"""What the operators mean, by the kinds of their operands: one table an operator.

The standard's semantics (OMG DMN 1.5, 10.3.2.7-10.3.2.9 and tables 45-54): operands of other kinds, and null operands,
have no result. A missing result is raised as a `Problem`, so that whoever evaluates can say where and why.
"""

import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, TypeAlias

import attrs

from crmkit.rules.feel import _temporal as temporal
from crmkit.rules.feel._numbers import CONTEXT
from crmkit.rules.feel._values import UNKNOWN, Range, YearsMonths, kind

Operation: TypeAlias = Callable[[Any, Any], Any]

_MICRO = timedelta(microseconds=1)
_DATE, _TIME, _DATETIME = "date", "time", "date and time"
_DAYS, _MONTHS = "days and time duration", "years and months duration"
_ORDERED = frozenset({"number", "string", _DATE, _TIME, _DATETIME, _DAYS, _MONTHS})


@attrs.define
class Problem(Exception):
    """No result, and why: `code` is stable ("null-operand", "type", "range", "arity", "limit")."""

    code: str
    why: str

    def __str__(self) -> str:
        return self.why


# -- arithmetic


def _shifted(at: Any, months: int) -> temporal.AnyDate:
    """The same day some months later, or the last one of that month if it is shorter."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    made = temporal.make_date(year, month + 1, min(at.day, temporal.days_in(year, month + 1)))
    if made is None:
        raise Problem("range", "is too far away")
    return made


def _day_plus_days(at: temporal.AnyDate, length: timedelta) -> temporal.AnyDate:
    made = temporal.from_ordinal(temporal.ordinal_of(at) + length // timedelta(days=1))
    if made is None:
        raise Problem("range", "is too far away")
    return made


def _day_plus_months(at: temporal.AnyDate, length: YearsMonths) -> temporal.AnyDate:
    return _shifted(at, length.months)


def _moment_plus_days(at: temporal.AnyDateTime, length: timedelta) -> temporal.AnyDateTime:
    zone = temporal.zone_of(at)
    if isinstance(at, datetime) and zone is not None:
        # Elapsed time is the same on every clock; the zone says what the clock shows then.
        try:
            return (at.astimezone(UTC) + length).astimezone(zone)
        except OverflowError:
            pass
    elif isinstance(at, datetime):
        try:
            return at + length
        except OverflowError:
            pass
    whole = temporal.ordinal_of(temporal.date_of(at)) * temporal.DAY + temporal.nanos_of(at) + length // _MICRO * 1000
    day = temporal.from_ordinal(whole // temporal.DAY)
    if day is None:
        raise Problem("range", "is too far away")
    return temporal.make_datetime(day, whole % temporal.DAY, zone)


def _moment_plus_months(at: temporal.AnyDateTime, length: YearsMonths) -> temporal.AnyDateTime:
    day = _shifted(temporal.date_of(at), length.months)
    return temporal.make_datetime(day, temporal.nanos_of(at), temporal.zone_of(at))


def _time_plus_days(at: temporal.AnyTime, length: timedelta) -> temporal.AnyTime:
    nanos = (temporal.nanos_of(at) + length // _MICRO * 1000) % temporal.DAY
    return temporal.make_time(nanos, temporal.zone_of(at))


def _between_days(a: temporal.AnyDate, b: temporal.AnyDate) -> timedelta:
    return timedelta(days=temporal.ordinal_of(a) - temporal.ordinal_of(b))


def _between_moments(a: temporal.AnyDateTime, b: temporal.AnyDateTime) -> timedelta:
    if (temporal.zone_of(a) is None) != (temporal.zone_of(b) is None):
        raise Problem("zone", "one has a zone and the other has none")
    return timedelta(microseconds=(temporal.instant(a) - temporal.instant(b)) // 1000)


def _between_times(a: temporal.AnyTime, b: temporal.AnyTime) -> timedelta:
    return timedelta(microseconds=(temporal.time_key(a) - temporal.time_key(b)) // 1000)


def _midnight(day: temporal.AnyDate) -> temporal.AnyDateTime:
    return temporal.make_datetime(day, 0, UTC)


def _months(value: Decimal | int) -> YearsMonths:
    if not -temporal.FARTHEST_MONTHS <= value <= temporal.FARTHEST_MONTHS:
        raise Problem("range", "is too long")
    return YearsMonths(int(value))


def _micros(length: timedelta) -> Decimal:
    return Decimal(length // _MICRO)


def _length(micros: Decimal) -> timedelta:
    return timedelta(microseconds=int(micros.to_integral_value(ROUND_HALF_EVEN)))


def _numeric(exact: Operation, rough: Operation) -> Operation:
    """Exact on decimals; where a float takes part, as the machine computes it, so that all evaluators agree."""

    def operate(left: Any, right: Any) -> Any:
        if type(left) is float or type(right) is float:
            return rough(float(left), float(right))
        return exact(left, right)

    return operate


_NUMBERS = ("number", "number")
ADD: dict[tuple[str, str], Operation] = {
    _NUMBERS: _numeric(CONTEXT.add, operator.add),
    ("string", "string"): operator.add,
    (_DATE, _DAYS): _day_plus_days,
    (_DATE, _MONTHS): _day_plus_months,
    (_DATETIME, _DAYS): _moment_plus_days,
    (_DATETIME, _MONTHS): _moment_plus_months,
    (_TIME, _DAYS): _time_plus_days,
    (_DAYS, _DAYS): operator.add,
    (_MONTHS, _MONTHS): lambda a, b: _months(a.months + b.months),
}


def _turned(plus: Operation) -> Operation:
    return lambda left, right: plus(right, left)


# A duration may stand first.
ADD.update({(b, a): _turned(plus) for (a, b), plus in ADD.items() if a != b})
SUBTRACT: dict[tuple[str, str], Operation] = {
    _NUMBERS: _numeric(CONTEXT.subtract, operator.sub),
    (_DATE, _DATE): _between_days,
    (_DATETIME, _DATETIME): _between_moments,
    (_DATETIME, _DATE): lambda a, b: _between_moments(a, _midnight(b)),
    (_DATE, _DATETIME): lambda a, b: _between_moments(_midnight(a), b),
    (_TIME, _TIME): _between_times,
    (_DAYS, _DAYS): operator.sub,
    (_MONTHS, _MONTHS): lambda a, b: _months(a.months - b.months),
    (_DATE, _DAYS): lambda a, b: _day_plus_days(a, -b),
    (_DATE, _MONTHS): lambda a, b: _shifted(a, -b.months),
    (_DATETIME, _DAYS): lambda a, b: _moment_plus_days(a, -b),
    (_DATETIME, _MONTHS): lambda a, b: _moment_plus_months(a, YearsMonths(-b.months)),
    (_TIME, _DAYS): lambda a, b: _time_plus_days(a, -b),
}
MULTIPLY: dict[tuple[str, str], Operation] = {
    _NUMBERS: _numeric(CONTEXT.multiply, operator.mul),
    (_DAYS, "number"): lambda a, b: _length(CONTEXT.multiply(_micros(a), b)),
    ("number", _DAYS): lambda a, b: _length(CONTEXT.multiply(_micros(b), a)),
    (_MONTHS, "number"): lambda a, b: _months(CONTEXT.multiply(Decimal(a.months), b)),
    ("number", _MONTHS): lambda a, b: _months(CONTEXT.multiply(Decimal(b.months), a)),
}
DIVIDE: dict[tuple[str, str], Operation] = {
    _NUMBERS: _numeric(CONTEXT.divide, operator.truediv),
    (_DAYS, "number"): lambda a, b: _length(CONTEXT.divide(_micros(a), b)),
    (_MONTHS, "number"): lambda a, b: _months(CONTEXT.divide(Decimal(a.months), b)),
    (_DAYS, _DAYS): lambda a, b: CONTEXT.divide(_micros(a), _micros(b)),
    (_MONTHS, _MONTHS): lambda a, b: CONTEXT.divide(Decimal(a.months), Decimal(b.months)),
}
POWER: dict[tuple[str, str], Operation] = {_NUMBERS: _numeric(CONTEXT.power, operator.pow)}
ARITHMETIC = {"+": ADD, "-": SUBTRACT, "*": MULTIPLY, "/": DIVIDE, "**": POWER}


def arithmetic(op: str, left: Any, right: Any) -> Any:
    """The result of an arithmetic operator.

    Raises:
        Problem: if there is none.
    """
    kinds = kind(left), kind(right)
    if "unknown" in kinds:
        return UNKNOWN
    operation = ARITHMETIC[op].get(kinds)
    if operation is None:
        if "null" in kinds:
            raise Problem("null-operand", f"the {'left' if left is None else 'right'} side of {op} is null")
        raise Problem("type", f"{kinds[0]} {op} {kinds[1]} has no meaning")
    try:
        return operation(left, right)
    except ArithmeticError as error:
        raise Problem("number", _said(op, right, error)) from None


def _said(op: str, right: Any, error: Exception) -> str:
    if op == "/" and not right:
        return "division by zero"
    return f"the result of {op} is no number ({type(error).__name__})"


def negated(value: Any) -> Any:
    """Minus the value.

    Raises:
        Problem: if it has no sign.
    """
    match kind(value):
        case "unknown":
            return UNKNOWN
        case "number":
            return -value if type(value) is float else CONTEXT.minus(value)
        case "days and time duration":
            return -value
        case "years and months duration":
            return YearsMonths(-value.months)
        case "null":
            raise Problem("null-operand", "minus null is nothing")
        case other:
            raise Problem("type", f"a {other} has no negative")


# -- comparison


def _key(value: Any, of: str) -> Any:
    """What values of one kind are ordered and compared by."""
    match of:
        case "date":
            return value if isinstance(value, date) else temporal.ordinal_of(value)
        case "time":
            return temporal.time_key(value)
        case "date and time":
            return temporal.instant(value)
        case _:
            return value


def equal(left: Any, right: Any) -> Any:
    """Whether two values are equal: true or false, UNKNOWN if that depends on one that is not known yet.

    Raises:
        Problem: if they are of two kinds, neither of them null.
    """
    kinds = kind(left), kind(right)
    if "unknown" in kinds:
        return UNKNOWN
    if "null" in kinds:
        return left is right
    if kinds[0] != kinds[1]:
        raise Problem("type", f"a {kinds[0]} is compared with a {kinds[1]}")
    match kinds[0]:
        case "list":
            return len(left) == len(right) and _all_equal(zip(left, right, strict=True))
        case "context":
            return left.keys() == right.keys() and _all_equal((left[key], right[key]) for key in left)
        case "range":
            return _equal_ranges(left, right)
        case "date" if type(left) is not type(right):
            return False
        case "time" | "date and time" if (temporal.zone_of(left) is None) != (temporal.zone_of(right) is None):
            return False
        case "number" if type(left) is not type(right):
            return float(left) == float(right)
        case of:
            return bool(_key(left, of) == _key(right, of))


def order_key(value: Any) -> Any:
    """What orders values of one kind as `less` does."""
    of = kind(value)
    return temporal.ordinal_of(value) if of == _DATE else _key(value, of)


def identity(value: Any) -> Any:
    """Something hashable that two values share if, and only if, they are equal."""
    match kind(value):
        case "list":
            return "list", *map(identity, value)
        case "context":
            return "context", frozenset((name, identity(item)) for name, item in value.items())
        case "range":
            return attrs.evolve(value, low=None, high=None), identity(value.low), identity(value.high)
        case "time" | "date and time" as of:
            return of, temporal.zone_of(value) is None, order_key(value)
        case "date":
            return _DATE, order_key(value)
        case of:
            return of, value


def _all_equal(pairs: Any) -> Any:
    result: Any = True
    for left, right in pairs:
        try:
            one = equal(left, right)
        except Problem:
            # Inside a list or context another kind of value is simply another value.
            one = False
        if one is False:
            return False
        result = one if one is not True else result
    return result


def _equal_ranges(left: Range, right: Range) -> Any:
    sides = attrs.evolve(left, low=None, high=None) == attrs.evolve(right, low=None, high=None)
    return sides and _all_equal([(left.low, right.low), (left.high, right.high)])


def less(left: Any, right: Any, *, or_equal: bool = False) -> Any:
    """Whether one value comes before another; UNKNOWN if that is not known.

    Raises:
        Problem: if they are of two kinds, or of one without an order.
    """
    kinds = kind(left), kind(right)
    if "unknown" in kinds:
        return UNKNOWN
    if "null" in kinds:
        raise Problem("null-operand", "null is neither less nor greater than anything")
    if kinds[0] != kinds[1] or kinds[0] not in _ORDERED:
        raise Problem("type", f"a {kinds[0]} and a {kinds[1]} have no order")
    if kinds[0] in {_TIME, _DATETIME} and (temporal.zone_of(left) is None) != (temporal.zone_of(right) is None):
        raise Problem("zone", "one has a zone and the other has none")
    a, b = _key(left, kinds[0]), _key(right, kinds[0])
    if kinds[0] == "number" and type(a) is not type(b):
        a, b = float(a), float(b)
    elif type(a) is not type(b):
        a, b = temporal.ordinal_of(left), temporal.ordinal_of(right)
    return bool(a <= b if or_equal else a < b)


def compare(op: str, left: Any, right: Any) -> Any:
    """The result of a comparison; see `equal` and `less`.

    Raises:
        Problem: if there is none.
    """
    match op:
        case "=":
            return equal(left, right)
        case "!=":
            same = equal(left, right)
            return same if same is UNKNOWN else not same
        case "<" | "<=":
            return less(left, right, or_equal=op == "<=")
        case _:
            return less(right, left, or_equal=op == ">=")


# -- three values and UNKNOWN

_STRENGTH = {True: 0, None: 1, UNKNOWN: 2, False: 3}


def both(left: Any, right: Any) -> Any:
    """Conjunction: false is stronger than UNKNOWN, that than null, that than true."""
    return left if _STRENGTH[left] >= _STRENGTH[right] else right


def inverted(value: Any) -> Any:
    """Negation; null and UNKNOWN stay."""
    return (not value) if isinstance(value, bool) else value


def inside(value: Any, within: Range) -> Any:
    """Whether a value lies in a range.

    Raises:
        Problem: if it cannot be compared with its ends.
    """
    if within.test in {"=", "!="}:
        return compare(within.test, value, within.low)
    result: Any = True
    if within.low is not None or not within.test:
        result = less(within.low, value, or_equal=within.low_included)
    if result is not False and (within.high is not None or not within.test):
        result = both(result, less(value, within.high, or_equal=within.high_included))
    return result
