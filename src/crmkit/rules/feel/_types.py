"""Types of values: what a field may hold, what `instance of` asks, and how a value is fitted to a type."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Literal, TypeAlias

import attrs

from crmkit.rules.feel import _temporal as temporal
from crmkit.rules.feel._nodes import Tests, TypeName
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._values import UNKNOWN, Function, Kind, Range, kind

#: A kind of value, or any of them.
TypeKind: TypeAlias = Kind | Literal["any"]

_NAMES: dict[str, TypeKind] = {
    "number": "number", "string": "string", "boolean": "boolean", "date": "date", "time": "time",
    "date and time": "date and time", "dateTime": "date and time", "days and time duration": "days and time duration",
    "dayTimeDuration": "days and time duration", "years and months duration": "years and months duration",
    "yearMonthDuration": "years and months duration", "Any": "any", "any": "any", "list": "list", "context": "context",
    "range": "range", "function": "function", "Null": "null",
}  # fmt: skip


@attrs.frozen
class Type:
    """What a value may be.

    Attributes:
        kind: the kind of value.
        item: of a list or range, the type of what is inside; None for anything.
        members: of a context, the types of its members by name; None for any members.
        parameters: of a function, the types of its parameters.
        result: of a function, the type of its result.
        allowed: tests that a value must pass, if there are any.
        nullable: whether null belongs to it.
        name: what the user calls it.
    """

    kind: TypeKind = "any"
    item: "Type | None" = None
    members: Mapping[str, "Type"] | None = None
    parameters: tuple["Type", ...] | None = None
    result: "Type | None" = None
    allowed: Tests | None = None
    nullable: bool = True
    name: str = ""

    def __str__(self) -> str:
        if self.name:
            return self.name
        inside = f"<{self.item}>" if self.item is not None else ""
        return f"{self.kind}{inside}"


ANY = Type()


def named_type(written: TypeName, known: Mapping[str, Type]) -> Type:
    """The type that a text names.

    Raises:
        Problem: if nobody knows it.
    """
    base = known.get(written.name)
    if base is not None:
        return base
    of = _NAMES.get(written.name)
    if of is None:
        raise Problem("type", f"no type {written.name!r}")
    inner = tuple(named_type(parameter, known) for parameter in written.parameters)
    match of:
        case "list" | "range":
            return Type(of, item=inner[0] if inner else None)
        case "context" if written.names:
            return Type(of, members=dict(zip(written.names, inner, strict=True)))
        case "function" if inner:
            return Type(of, parameters=inner[:-1], result=inner[-1])
        case _:
            return Type(of)


def instance_of(value: Any, of: Type) -> bool:
    """Whether the value belongs to the type; null belongs to none but Null."""
    if value is None:
        return of.kind == "null"
    if of.kind == "any":
        return True
    if kind(value) != of.kind:
        return False
    match of.kind:
        case "list" if of.item is not None:
            return all(item is None or instance_of(item, of.item) for item in value)
        case "range" if of.item is not None:
            return all(instance_of(end, of.item) for end in _ends(value))
        case "context" if of.members is not None:
            return all(
                name in value and (value[name] is None or instance_of(value[name], member))
                for name, member in of.members.items()
            )
        case "function" if of.parameters is not None:
            return _function_fits(value, of)
        case _:
            return True


def _ends(value: Range) -> list[Any]:
    return [end for end in (value.low, value.high) if end is not None]


def _function_fits(value: Function, of: Type) -> bool:
    """Whether it takes whatever the type gives it, and gives only what the type promises."""
    wanted = of.parameters or ()
    own = value.types or (None,) * len(wanted)
    takes = all(type_ is None or included(given, type_) for given, type_ in zip(wanted, own, strict=False))
    gives = value.result is None or of.result is None or included(value.result, of.result)
    return value.takes(len(wanted)) and takes and gives


def included(inner: Type, outer: Type) -> bool:
    """Whether all values of one type are of another (OMG DMN 1.5, 10.3.2.9.2)."""
    if outer.kind == "any" or inner.kind == "null":
        return True
    if inner.kind != outer.kind:
        return False
    match outer.kind:
        case "list" | "range":
            return included(inner.item or ANY, outer.item or ANY)
        case "context":
            known = inner.members or {}
            return all(name in known and included(known[name], of) for name, of in (outer.members or {}).items())
        case "function" if outer.parameters is not None:
            own = inner.parameters
            takes = own is not None and len(own) == len(outer.parameters)
            return (
                takes
                and all(map(included, outer.parameters, own or ()))
                and included(inner.result or ANY, outer.result or ANY)
            )
        case _:
            return True


def fitted(value: Any, of: Type) -> Any:
    """The value as one of the type, converted as a whole if it must be.

    A list of one stands for its item, an item for a list of one, and a date for its midnight in UTC (DMN 1.5,
    10.3.2.9.4); the parts of a value are not converted.

    Raises:
        Problem: if it is of another type.
    """
    made = _converted(value, of)
    if not conforms(made, of):
        raise Problem("type", f"wanted {of}, got a {kind(value)}{_lacking(made, of)}")
    return made


def _converted(value: Any, of: Type) -> Any:
    if conforms(value, of):
        return value
    if isinstance(value, list) and len(value) == 1 and conforms(value[0], of):
        return value[0]
    if of.kind == "list" and conforms([value], of):
        return [value]
    if (kind(value), of.kind) == ("date", "date and time"):
        day: Any = value
        return temporal.make_datetime(day, 0, UTC)
    return value


def conforms(value: Any, of: Type) -> bool:
    """Whether a value is of the type as it is; null and what is not known yet are of all types, also as parts."""
    if value is None or value is UNKNOWN or of.kind == "any":
        return True
    if kind(value) != of.kind:
        return False
    if of.kind == "list" and of.item is not None:
        return all(conforms(item, of.item) for item in value)
    if of.kind == "context" and of.members is not None:
        return all(name in value and conforms(value[name], member) for name, member in of.members.items())
    return instance_of(value, of)


def _lacking(value: Any, of: Type) -> str:
    """The first member at fault, if the value is a context of another shape."""
    if not isinstance(value, dict):
        return ""
    for name, member in (of.members or {}).items():
        if name not in value:
            return f" without {name!r}"
        if not conforms(value[name], member):
            return f" whose {name!r} is a {kind(value[name])} and no {member}"
    return ""
