"""A pipeline as plain data and as TOML, both ways."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors, InputError, did_you_mean
from crmkit.events import fields_from_json, fields_to_json
from crmkit.pipeline import _toml
from crmkit.pipeline._machine import name_of
from crmkit.pipeline._shape import problems
from crmkit.pipeline.approvals import Approval, Panel
from crmkit.pipeline.clocks import Clock
from crmkit.pipeline.links import Link
from crmkit.pipeline.stages import Effect, Guard, Move, Stage
from crmkit.values import Fields

if TYPE_CHECKING:
    from crmkit.pipeline.definition import Pipeline

__all__ = ["deciding", "from_dict", "read_toml", "to_dict", "to_toml"]

_SIMPLE = ("name", "start", "skip", "back", "reopen", "labels", "source")
#: What people read and machines pass over: no part of what is hashed.
_TOLD = frozenset({"labels", "note", "source"})


def to_dict(pipeline: "Pipeline") -> dict[str, Any]:
    """Plain data; parts that say nothing are left out."""
    plain: dict[str, Any] = _plain(pipeline)
    return {name: plain[name] for name in ("name", "start", "stages", "moves")} | plain


def deciding(pipeline: "Pipeline") -> dict[str, Any]:
    """The part of the plain data that decides, without labels, notes and sources."""
    made: dict[str, Any] = _without(to_dict(pipeline), _TOLD)
    return made


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        made = {key: _without(item, names) for key, item in value.items() if key not in names}
        return made["to"] if made.keys() == {"to"} else made
    return [_without(item, names) for item in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    writer = _WRITERS.get(type(value).__name__)
    if writer is not None:
        return writer(value)
    if attrs.has(type(value)):
        return _members(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return {"python": name_of(value)} if callable(value) else value


def _members(value: Any) -> dict[str, Any]:
    """The attributes that do not hold what they hold unless said otherwise."""
    made: dict[str, Any] = {}
    for field in attrs.fields(type(value)):
        if field.init and not field.name.startswith("_"):
            member = _plain(getattr(value, field.name))
            silent = _plain(_default(field))
            if member not in ([], {}, None, silent) or field.name in {"name", "to"}:
                made[field.alias or field.name] = member
    return made


def _default(field: "attrs.Attribute[Any]") -> Any:
    factory = getattr(field.default, "factory", None)
    return field.default if factory is None else factory()


def _rule_set(rules: Any) -> dict[str, Any]:
    from crmkit.rules.codec import to_dict as plain_rules

    return plain_rules(rules)


def _schema(schema: Any) -> Any:
    from crmkit.rules.ruleset import RuleSet

    return _rule_set(RuleSet("schema", schema, []))["fields"]


def _guards(guards: list[Any]) -> Any:
    return guards[0] if len(guards) == 1 else guards


def _move(move: Move) -> Any:
    made = _members(move)
    if "guard" in made:
        made["guard"] = _guards(made["guard"])
    return made["to"] if made.keys() == {"to"} else made


_WRITERS: Mapping[str, Callable[[Any], Any]] = {
    "Schema": _schema,
    "RuleSet": _rule_set,
    "Move": _move,
    "Fields": lambda fields: _toml.from_json(fields_to_json(fields)),
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
        return tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise InputError("pipeline", f"this is no TOML: {error}") from None


def from_dict(plain: Mapping[str, Any], guards: Mapping[str, Guard]) -> dict[str, Any]:
    """The arguments of `Pipeline` in plain data.

    Raises:
        DefinitionErrors: with everything that is wrong with its shape, and every function that is not in `guards`.
    """
    found = [*problems(plain), *_unknown_functions(plain, guards)]
    if found:
        raise DefinitionErrors("the definition cannot be read", found)
    made = {"name": "", **{name: plain[name] for name in _SIMPLE if name in plain}}
    made["stages"] = [Stage(stage) if isinstance(stage, str) else Stage(**stage) for stage in plain.get("stages", [])]
    made["moves"] = {
        stage: {name: _read_move(move, guards) for name, move in of.items()}
        for stage, of in plain.get("moves", {}).items()
    }
    made["approvals"] = [
        Approval(**{**one, "panels": [_read_panel(panel) for panel in one["panels"]]})
        for one in plain.get("approvals", [])
    ]
    made["clocks"] = [Clock(**{**one, "effects": _read_effects(one)}) for one in plain.get("clocks", [])]
    made["links"] = [_read_link(one, guards) for one in plain.get("links", [])]
    if "schema" in plain:
        made["schema"] = _read_rules({"fields": plain["schema"]}, "schema").schema
    if "rules" in plain:
        made["rules"] = _read_rules(plain["rules"], "rules")
    return made


def _read_rules(plain: Mapping[str, Any], name: str) -> Any:
    from crmkit.rules.codec import from_dict as rules_of

    try:
        return rules_of({"name": name, "rules": [], **plain}, name=name)
    except InputError as error:
        raise DefinitionErrors("the definition cannot be read", [DefinitionError(name, error.reason)]) from None


def _read_panel(plain: Mapping[str, Any]) -> Panel:
    return Panel(**plain)


def _read_link(plain: Mapping[str, Any], guards: Mapping[str, Guard]) -> Link:
    from crmkit.pipeline.definition import Pipeline

    return Link(**{**plain, "pipeline": Pipeline.from_dict(plain["pipeline"], guards)})


def _read_effects(plain: Mapping[str, Any]) -> list[Effect]:
    return [
        Effect(one) if isinstance(one, str) else Effect(one["kind"], _read_fields(one.get("data", {})))
        for one in plain.get("effects", [])
    ]


def _read_fields(plain: Mapping[str, Any]) -> Fields:
    return fields_from_json(_toml.to_json(plain))


def _read_move(plain: Any, guards: Mapping[str, Guard]) -> Move:
    if isinstance(plain, str):
        return Move(plain)
    given = plain.get("guard", [])
    read = [_read_guard(one, guards) for one in (given if isinstance(given, list) else [given])]
    return Move(**{**plain, "guard": read, "effects": _read_effects(plain)})


def _read_guard(plain: Any, guards: Mapping[str, Guard]) -> Guard:
    if isinstance(plain, str):
        return plain
    if "python" in plain:
        return guards[plain["python"]]
    from crmkit.rules.ruleset import Rule

    return Rule(**{"name": "", **plain})


def _unknown_functions(plain: Mapping[str, Any], guards: Mapping[str, Guard]) -> Iterator[DefinitionError]:
    moves = plain.get("moves", {})
    for stage, of in moves.items() if isinstance(moves, Mapping) else ():
        for name, move in of.items() if isinstance(of, Mapping) else ():
            given = move.get("guard", []) if isinstance(move, Mapping) else []
            for one in given if isinstance(given, list) else [given]:
                wanted = one.get("python") if isinstance(one, Mapping) else None
                if wanted is not None and wanted not in guards:
                    hint = did_you_mean(str(wanted), guards) or "; pass the function in guards="
                    yield DefinitionError(f"moves[{stage!r}][{name!r}]", f"no guard {wanted!r}{hint}")
