"""A pipeline as plain data and as TOML, both ways."""

import tomllib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from crmkit.errors import DefinitionErrors, InputError
from crmkit.events import fields_to_json
from crmkit.pipeline import _reading, _toml
from crmkit.pipeline._checks import flat
from crmkit.pipeline._machine import name_of
from crmkit.pipeline._places import Places
from crmkit.pipeline.stages import Move

if TYPE_CHECKING:
    from crmkit.pipeline.definition import Pipeline

__all__ = ["deciding", "from_dict", "from_toml", "read_toml", "to_dict", "to_toml"]

T = TypeVar("T")

# What people read and machines pass over: no part of what is hashed. The labels of a schema do decide: rules use them.
_TOLD = frozenset({"labels", "note", "source"})


def to_dict(pipeline: "Pipeline") -> dict[str, Any]:
    """Plain data; parts that say nothing are left out."""
    plain: dict[str, Any] = _plain(pipeline)
    return {name: plain[name] for name in ("name", "start", "stages", "moves")} | plain


def deciding(pipeline: "Pipeline") -> dict[str, Any]:
    """The part of the plain data that decides, without labels, notes and sources."""
    made: dict[str, Any] = _plain(pipeline, _TOLD)
    return made


def _plain(value: Any, without: frozenset[str] = frozenset()) -> Any:
    writer = _WRITERS.get(type(value).__name__)
    if writer is not None:
        return writer(value, without)
    if attrs.has(type(value)):
        return _members(value, without)
    if isinstance(value, Mapping):
        return {key: _plain(item, without) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item, without) for item in value]
    return {"python": name_of(value)} if callable(value) else value


def _members(value: Any, without: frozenset[str]) -> dict[str, Any]:
    """The attributes that do not hold what they hold unless said otherwise."""
    made: dict[str, Any] = {}
    for field in attrs.fields(type(value)):
        if field.init and not field.name.startswith("_") and field.name not in without:
            member = _plain(getattr(value, field.name), without)
            if field.default is attrs.NOTHING or member != _plain(_default(field)):
                made[field.alias or field.name] = member
    return made


def _default(field: "attrs.Attribute[Any]") -> Any:
    factory = getattr(field.default, "factory", None)
    return field.default if factory is None else factory()


def _rule_set(rules: Any, without: frozenset[str]) -> dict[str, Any]:
    from crmkit.rules.codec import to_dict as plain_rules

    plain = plain_rules(rules)
    told = [{key: item for key, item in one.items() if key not in without} for one in plain["rules"]]
    return {**plain, "rules": told}


def _schema(schema: Any, without: frozenset[str]) -> Any:
    from crmkit.rules.ruleset import RuleSet

    return _rule_set(RuleSet("schema", schema, []), without)["fields"]


def _move(move: Move, without: frozenset[str]) -> Any:
    made = _members(move, without)
    if len(move.guards) == 1:
        made["guard"] = made["guard"][0]
    return made["to"] if made.keys() == {"to"} else made


_WRITERS: Mapping[str, Callable[[Any, frozenset[str]], Any]] = {
    "Schema": _schema,
    "RuleSet": _rule_set,
    "Move": _move,
    "Fields": lambda fields, _without: _toml.from_json(fields_to_json(fields)),
}


def to_toml(plain: Mapping[str, Any]) -> str:
    """TOML of the plain data, laid out to be edited by hand."""
    return _toml.written(plain)


def read_toml(text: str) -> dict[str, Any]:
    """The plain data of a TOML text.

    Raises:
        InputError: with the line and column the parser names.
    """
    try:
        # Numbers with a point are kept as written: rules compute with decimals.
        return tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise InputError("pipeline", f"this is no TOML: {error}") from None


def from_dict(plain: Mapping[str, Any], guards: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `Pipeline` in plain data.

    Raises:
        DefinitionErrors: with everything that is wrong with its shape, every function that is not in `guards`, and
            whatever else can be known to be wrong in spite of them.
    """
    return _reading.arguments(plain, guards)


def from_toml(text: str, make: Callable[[Mapping[str, Any]], T]) -> T:
    """What is made of the plain data of a TOML text; mistakes get their line and column, and the order of the text.

    Args:
        text: the TOML.
        make: from plain data to whatever it defines.

    Raises:
        InputError: if the text is no TOML.
        DefinitionErrors: what `make` finds wrong.
    """
    plain = read_toml(text)
    try:
        return make(plain)
    except DefinitionErrors as group:
        places = Places(text, plain)
        found = [attrs.evolve(error, place=places.of(error.where)) for error in flat(group)]
        raise DefinitionErrors(group.message, sorted(found, key=lambda error: error.place or (0, 0))) from None
