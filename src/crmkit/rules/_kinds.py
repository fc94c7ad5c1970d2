"""The kinds of fields, and which of them holds a value of the host."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from crmkit.errors import InvalidValue
from crmkit.rules.feel._values import YearsMonths
from crmkit.values import Money

#: What a field may hold. A decimal is exact, an integer is exact and whole, a float is what the machine computes.
FieldKind: TypeAlias = Literal[
    "decimal", "integer", "float", "string", "boolean", "date", "time", "date and time", "days and time duration",
    "years and months duration", "list", "context",
]  # fmt: skip
#: The kind of field for each class of values.
CLASSES: dict[type, FieldKind] = {
    bool: "boolean", Decimal: "decimal", Money: "decimal", int: "integer", float: "float", str: "string",
    datetime: "date and time", date: "date", time: "time", timedelta: "days and time duration",
    YearsMonths: "years and months duration",
}  # fmt: skip


def kind_of(value: Any) -> FieldKind:
    """The kind of field that holds a value.

    Raises:
        InvalidValue: if no field does.
    """
    for base, name in CLASSES.items():
        if isinstance(value, base):
            return name
    if isinstance(value, Mapping):
        return "context"
    if isinstance(value, Sequence):
        return "list"
    raise InvalidValue("field", value, "is no kind of value that rules know")
