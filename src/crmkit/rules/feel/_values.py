"""The values of FEEL: Python's own where Python has them, and the few kinds it lacks."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import attrs

if TYPE_CHECKING:
    from crmkit.rules.feel._types import Type

__all__ = ["UNKNOWN", "Function", "Range", "Unknown", "WideDate", "WideDateTime", "WideTime", "YearsMonths", "kind"]

#: The names of FEEL's kinds of values.
Kind: TypeAlias = Literal[
    "null", "unknown", "number", "string", "boolean", "date", "time", "date and time", "days and time duration",
    "years and months duration", "list", "context", "range", "function",
]  # fmt: skip


@final
class Unknown(Enum):
    """The one value that says: not known yet. It is not null, which is known to be empty."""

    UNKNOWN = "UNKNOWN"

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("UNKNOWN is neither true nor false; compare with `is`")


#: A value that is not known yet.
UNKNOWN: Final = Unknown.UNKNOWN


@attrs.frozen(order=True)
class YearsMonths:
    """A duration of years and months, as a number of months.

    >>> YearsMonths(14)
    YearsMonths(months=14)
    """

    months: int


@attrs.frozen
class Range:
    """An interval; None for a side without an end.

    Attributes:
        low: the lower end.
        high: the upper end.
        low_included: whether the lower end belongs to it.
        high_included: whether the upper end belongs to it.
        test: "=" or "!=" for the ranges `(=10)` and `(!=10)`, which are no intervals of two ends.
    """

    low: Any
    high: Any
    low_included: bool
    high_included: bool
    test: Literal["", "=", "!=", "<", "<=", ">", ">="] = ""


@attrs.frozen(eq=False)
class Function:
    """A function as a value: names of its parameters, and what it does with arguments in their order."""

    parameters: tuple[str, ...]
    body: Callable[..., Any]
    name: str = ""
    #: How many of the parameters must be given; None means all.
    needed: int | None = None
    #: Whether the last parameter takes all further arguments.
    variadic: bool = False
    #: What the parameters may be, None for anything; None if nothing is known of them.
    types: "tuple[Type | None, ...] | None" = None
    #: What it gives; None if that is not known.
    result: "Type | None" = None

    def takes(self, number: int) -> bool:
        """Whether it can be called with so many arguments."""
        needed = len(self.parameters) if self.needed is None else self.needed
        return needed <= number and (self.variadic or number <= len(self.parameters))


@attrs.frozen(order=True)
class WideDate:
    """A date outside the years 1 to 9999, which Python's own cannot hold."""

    year: int
    month: int
    day: int


@attrs.frozen
class WideTime:
    """A time of day finer than a microsecond: nanoseconds since midnight, and the zone."""

    nanos: int
    zone: Any = None


@attrs.frozen
class WideDateTime:
    """A date and time outside the years 1 to 9999, or finer than a microsecond."""

    day: date | WideDate
    nanos: int
    zone: Any = None


_KINDS: dict[type, Kind] = {
    type(None): "null",
    Unknown: "unknown",
    bool: "boolean",
    Decimal: "number",
    int: "number",
    float: "number",
    str: "string",
    datetime: "date and time",
    WideDateTime: "date and time",
    date: "date",
    WideDate: "date",
    time: "time",
    WideTime: "time",
    timedelta: "days and time duration",
    YearsMonths: "years and months duration",
    list: "list",
    tuple: "list",
    dict: "context",
    Range: "range",
    Function: "function",
}


def kind(value: Any) -> Kind:
    """Which kind of value it is.

    Raises:
        TypeError: if FEEL has no such value.
    """
    found = _KINDS.get(type(value))
    if found is not None:
        return found
    for base, name in _KINDS.items():
        if isinstance(value, base):
            return name
    if isinstance(value, Mapping):
        return "context"
    if isinstance(value, Sequence):
        return "list"
    raise TypeError(f"{type(value).__name__} is no kind of value that rules know")
