"""What the checker knows of each part of a rule: kind, emptiness, unit, and the values it can have."""

from collections.abc import Mapping
from typing import Any

import attrs

from crmkit.rules.schema import Field

#: The kinds of numbers, and the one kind that FEEL has for them.
NUMBERS = frozenset({"decimal", "integer", "float"})


@attrs.frozen
class Shape:
    """What a part of a rule is.

    Attributes:
        kind: a kind of field, or "any", "null", "range", "function".
        nullable: whether it may be null.
        unit: of a number with one.
        values: all values it may have, if they are listed.
        fields: the members of a context, or of each item of a list.
        item: what each item of a list, or each end of a range, is.
        field: the field itself, if it is no more than that.
        constant: whether it is a literal.
    """

    kind: str = "any"
    nullable: bool = True
    unit: str = ""
    values: tuple[Any, ...] = ()
    fields: Mapping[str, Field] = attrs.field(factory=dict[str, Field])
    item: "Shape | None" = None
    field: Field | None = None
    constant: bool = False

    @property
    def feel(self) -> str:
        """FEEL's name for the kind."""
        return "number" if self.kind in NUMBERS else self.kind

    def __str__(self) -> str:
        return f"{self.kind}{f' in {self.unit}' if self.unit else ''}"


ANY = Shape()
NULL = Shape("null", constant=True)
BOOLEAN = Shape("boolean", nullable=False)


def of_field(field: Field) -> Shape:
    """The shape of a field."""
    members = {inner.name: inner for inner in field.fields}
    item = None
    if field.kind == "list":
        item = Shape("context", nullable=False, fields=members) if members else _of_item(field)
    return Shape(field.kind, field.nullable, field.unit, field.values, members, item, field)


def _of_item(field: Field) -> Shape:
    return ANY if field.item is None else Shape(field.item, nullable=False, unit=field.unit, values=field.values)


#: What the functions give: their kind, and whether they give a value for all arguments that fit.
RESULTS: Mapping[str, tuple[str, bool]] = {
    "string": ("string", True), "number": ("decimal", False), "substring": ("string", False),
    "string length": ("integer", True), "upper case": ("string", True), "lower case": ("string", True),
    "substring before": ("string", True), "substring after": ("string", True), "replace": ("string", False),
    "contains": ("boolean", True), "starts with": ("boolean", True), "ends with": ("boolean", True),
    "matches": ("boolean", False), "split": ("list", False), "string join": ("string", False),
    "list contains": ("boolean", True), "count": ("integer", True), "min": ("any", False), "max": ("any", False),
    "sum": ("any", False), "mean": ("any", False), "all": ("boolean", False), "any": ("boolean", False),
    "sublist": ("list", False), "append": ("list", True), "concatenate": ("list", True), "reverse": ("list", True),
    "index of": ("list", True), "distinct values": ("list", True), "union": ("list", True), "flatten": ("list", True),
    "insert before": ("list", False), "remove": ("list", False), "sort": ("list", False), "mode": ("list", False),
    "product": ("any", False), "median": ("any", False), "stddev": ("any", False), "decimal": ("decimal", False),
    "floor": ("decimal", False), "ceiling": ("decimal", False), "round up": ("decimal", False),
    "round down": ("decimal", False), "round half up": ("decimal", False), "round half down": ("decimal", False),
    "modulo": ("decimal", False), "sqrt": ("decimal", False), "log": ("decimal", False), "exp": ("decimal", False),
    "odd": ("boolean", False), "even": ("boolean", False), "not": ("boolean", True), "date": ("date", False),
    "time": ("time", False), "date and time": ("date and time", False), "duration": ("any", False),
    "years and months duration": ("years and months duration", True), "day of year": ("integer", True),
    "day of week": ("string", True), "month of year": ("string", True), "week of year": ("integer", True),
    "is": ("boolean", True), "now": ("date and time", False), "today": ("date", False), "before": ("boolean", False),
    "after": ("boolean", False), "includes": ("boolean", False), "during": ("boolean", False),
    "overlaps": ("boolean", False), "meets": ("boolean", False), "met by": ("boolean", False),
    "starts": ("boolean", False), "finishes": ("boolean", False), "coincides": ("boolean", False),
}  # fmt: skip

#: The properties of values: their kind, and whether they are always there.
PROPERTIES: Mapping[str, tuple[str, bool]] = {
    "year": ("integer", True), "month": ("integer", True), "day": ("integer", True), "weekday": ("integer", True),
    "hour": ("integer", True), "minute": ("integer", True), "second": ("integer", True),
    "time offset": ("days and time duration", False), "timezone": ("string", False), "days": ("integer", True),
    "hours": ("integer", True), "minutes": ("integer", True), "seconds": ("integer", True), "years": ("integer", True),
    "months": ("integer", True), "start included": ("boolean", True), "end included": ("boolean", True),
    "start": ("any", False), "end": ("any", False),
}  # fmt: skip
