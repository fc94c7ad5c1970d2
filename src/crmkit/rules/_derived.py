"""Fields that are described elsewhere already: by an attrs class, or a JSON Schema."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, DecimalException
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from crmkit.errors import InvalidValue
from crmkit.rules._kinds import CLASSES, FieldKind, kind_of
from crmkit.rules.schema import Field


def class_fields(of: type) -> list[Field]:
    """The fields of an attrs class.

    Raises:
        InvalidValue: for an annotation that no field stands for.
    """
    if not attrs.has(of):
        raise InvalidValue("schema", of, "is no attrs class")
    attrs.resolve_types(of)
    return [_annotated(field.name, field.type) for field in attrs.fields(of)]


def _annotated(name: str, annotation: Any) -> Field:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        rest = [part for part in arguments if part is not NoneType]
        if len(rest) != 1:
            raise InvalidValue("schema", annotation, f"of {name!r} is several types")
        return attrs.evolve(_annotated(name, rest[0]), nullable=len(rest) < len(arguments))
    if origin is Literal:
        return Field(name, kind_of(arguments[0]), values=arguments)
    if origin in {list, tuple, Sequence, frozenset, set}:
        inner = _annotated(name, arguments[0])
        return Field(name, "list", fields=inner.fields, item=None if inner.fields else inner.kind)
    if isinstance(annotation, type):
        return _of_class(name, annotation)
    raise InvalidValue("schema", annotation, f"of {name!r} is no type of a field")


def _of_class(name: str, annotation: type) -> Field:
    if issubclass(annotation, Enum):
        values = tuple(member.value for member in annotation)
        return Field(name, kind_of(values[0]), values=values)
    for base, kind in CLASSES.items():
        if issubclass(annotation, base):
            return Field(name, kind)
    if attrs.has(annotation):
        return Field(name, "context", fields=class_fields(annotation))
    raise InvalidValue("schema", annotation, f"of {name!r} is no type of a field")


_JSON: dict[tuple[str, str], FieldKind] = {
    ("number", ""): "decimal", ("number", "double"): "float", ("number", "float"): "float", ("integer", ""): "integer",
    ("string", ""): "string", ("string", "date"): "date", ("string", "date-time"): "date and time",
    ("string", "time"): "time", ("string", "duration"): "days and time duration", ("boolean", ""): "boolean",
}  # fmt: skip


def json_fields(document: Mapping[str, Any]) -> list[Field]:
    """The fields of a JSON Schema.

    Raises:
        InvalidValue: for a type that no field stands for.
    """
    properties = document.get("properties")
    if not isinstance(properties, Mapping):
        raise InvalidValue("schema", document, "is no JSON Schema of an object with properties")
    required = set(document.get("required", ()))
    return [_json_field(name, part, nullable=name not in required) for name, part in properties.items()]


def _json_field(name: str, part: Mapping[str, Any], *, nullable: bool) -> Field:
    types = [part.get("type", "string")] if isinstance(part.get("type", "string"), str) else [*part["type"]]
    plain = [of for of in types if of != "null"]
    if len(plain) != 1:
        raise InvalidValue("schema", part.get("type"), f"of {name!r} is several types")
    nullable = nullable or len(plain) < len(types)
    labels = {"en": part["title"]} if part.get("title", name) != name else {}
    if plain[0] == "object":
        return Field(name, "context", fields=json_fields(part), nullable=nullable, labels=labels)
    if plain[0] == "array":
        inner = _json_field(name, part.get("items", {}), nullable=False)
        item = None if inner.fields else inner.kind
        return Field(name, "list", fields=inner.fields, item=item, nullable=nullable, labels=labels)
    kind = _JSON.get((plain[0], part.get("format", ""))) or _JSON.get((plain[0], ""))
    if kind is None:
        raise InvalidValue("schema", part.get("type"), f"of {name!r} is no type of a field")
    bounds = {side: _bound(part.get(word)) for side, word in (("low", "minimum"), ("high", "maximum"))}
    values = tuple(value for value in part.get("enum", ()) if value is not None)
    return Field(name, kind, nullable=nullable or None in part.get("enum", ()), values=values, labels=labels, **bounds)


def _bound(value: Any) -> Any:
    try:
        return None if value is None else Decimal(str(value))
    except DecimalException:
        raise InvalidValue("schema", value, "is no bound of a number") from None
