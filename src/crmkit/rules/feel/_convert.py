"""Values of the host as values of FEEL, and back."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal, DecimalException
from enum import Enum
from typing import Any

import attrs

from crmkit.errors import InvalidValue
from crmkit.rules.feel._numbers import to_number
from crmkit.rules.feel._values import Function, Range, Unknown, WideDate, WideDateTime, WideTime, YearsMonths
from crmkit.values import Money

_SAME = (
    str, bool, datetime, date, time, timedelta, YearsMonths, Range, Function, Unknown, WideDate, WideDateTime, WideTime,
)  # fmt: skip
_DEEPEST = 30


def to_feel(value: Any, depth: int = 0) -> Any:
    """A host's value as rules see it: numbers exact, sequences as lists, mappings and attrs objects as contexts.

    Money is its amount; whether two amounts are of one currency is for the schema to know.

    Raises:
        InvalidValue: if rules know no such value.
    """
    if value is None or type(value) in _EXACT or isinstance(value, _SAME):
        return value.value if isinstance(value, Enum) and not isinstance(value, Unknown) else value
    if depth > _DEEPEST:
        raise InvalidValue("rules", value, f"nests deeper than {_DEEPEST} levels")
    if isinstance(value, int | float | Decimal):
        return _number(value)
    if isinstance(value, Money):
        return _number(value.amount)
    if isinstance(value, Enum):
        return to_feel(value.value, depth + 1)
    return _compound(value, depth)


_EXACT = frozenset({str, bool, datetime, date, time, timedelta})


def _number(value: float | Decimal) -> Decimal:
    try:
        return to_number(value)
    except DecimalException:
        raise InvalidValue("rules", value, "is no finite number") from None


def _compound(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {str(name): to_feel(item, depth + 1) for name, item in value.items()}
    if isinstance(value, Sequence | AbstractSet):
        return [to_feel(item, depth + 1) for item in value]
    if attrs.has(type(value)):
        return {field.name: to_feel(getattr(value, field.name), depth + 1) for field in attrs.fields(type(value))}
    if hasattr(value, "item") and not getattr(value, "shape", None):
        # A scalar of numpy.
        return to_feel(value.item(), depth + 1)
    raise InvalidValue("rules", value, "is no kind of value that rules know")
