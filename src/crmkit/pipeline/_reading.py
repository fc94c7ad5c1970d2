"""From plain data to the arguments of a pipeline: every mistake that can be known at once."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import CrmkitError, DefinitionError, DefinitionErrors, InvalidValue, RuleError, did_you_mean
from crmkit.events import fields_from_json
from crmkit.pipeline._checks import flat
from crmkit.pipeline._places import steps
from crmkit.pipeline._shape import checked
from crmkit.pipeline.approvals import Approval, Panel
from crmkit.pipeline.case import Effect
from crmkit.pipeline.clocks import Clock
from crmkit.pipeline.links import Link
from crmkit.pipeline.stages import Guard, Move, Stage
from crmkit.values import EMPTY, Fields

if TYPE_CHECKING:
    from crmkit.rules.ruleset import RuleSet

_SIMPLE = ("name", "start", "skip", "back", "reopen", "labels", "source")
# Where one of these is wrong, what texts speak of is not known.
_SPOKEN_OF = frozenset({"stages", "schema", "approvals", "links"})


def arguments(plain: Mapping[str, Any], guards: Mapping[str, Any]) -> dict[str, Any]:
    """See `crmkit.pipeline.codec.from_dict`."""
    kept, found = checked(plain)
    reader = _Reader(guards, found)
    made = reader.pipeline(kept)
    if found:
        found += _further(made, [tuple(steps(error.where, plain)) for error in found], plain)
        problems = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        raise DefinitionErrors(f"pipeline {made['name']!r} has {problems}", found)
    return made


def _further(
    made: dict[str, Any], wrong: list[tuple[str | int, ...]], plain: Mapping[str, Any]
) -> Iterator[DefinitionError]:
    """What is wrong with the rest, but for what may follow from the mistakes that are known already."""
    from crmkit.pipeline.definition import Pipeline

    known = {_part(path) for path in wrong}
    sections = {path[0] for path in wrong if path}
    try:
        # Whether stages can be reached is not asked of a pipeline with mistakes, such as having no name: the moves
        # that lead there may be among those that could not be read.
        Pipeline(**_with(made, name=""))
    except DefinitionErrors as group:
        for error in flat(group):
            path = tuple(steps(error.where, plain))
            if error.where == "name":
                follows = bool(made["name"]) or "name" in sections
            elif len(path) < 2:
                follows = bool(sections & {"stages", error.where})
            else:
                follows = _part(path) in known or (_of_text(error, path) and bool(sections & _SPOKEN_OF))
            if not follows:
                yield error


def _part(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The stage, move, approval, clock or link that a place is in."""
    return path[: 3 if path[:1] == ("moves",) else 2]


def _of_text(error: DefinitionError, path: tuple[str | int, ...]) -> bool:
    """Whether an error says what a text means, rather than that nobody can read it."""
    if isinstance(error, RuleError):
        return error.code != "syntax"
    return "guard" in path or path[-1] in {"when", "start", "stop", "pause", "resume", "reset"}


class _Reader:
    """Reads parts of the right shape.

    Attributes:
        guards: the functions behind names.
        found: what is wrong.
    """

    def __init__(self, guards: Mapping[str, Any], found: list[DefinitionError]) -> None:
        self.guards, self.found = guards, found

    def pipeline(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a pipeline."""
        made: dict[str, Any] = {"name": "", **{name: plain[name] for name in _SIMPLE if name in plain}}
        made["stages"] = [one if isinstance(one, str) else Stage(**one) for one in plain.get("stages", [])]
        made["moves"] = {
            stage: {name: self._move(f"moves[{stage!r}][{name!r}]", move) for name, move in of.items()}
            for stage, of in plain.get("moves", {}).items()
        }
        made["approvals"] = [self._approval(one) for one in plain.get("approvals", [])]
        made["clocks"] = [self._clock(one) for one in plain.get("clocks", [])]
        links = [self._link(f"links[{number}]", one) for number, one in enumerate(plain.get("links", []))]
        made["links"] = [link for link in links if link is not None]
        if "schema" in plain:
            read = self._rules("schema", {"fields": plain["schema"]})
            made["schema"] = None if read is None else read.schema
        if "rules" in plain:
            made["rules"] = self._rules("rules", plain["rules"])
        return made

    def _move(self, where: str, plain: Any) -> Move:
        if isinstance(plain, str):
            return Move(plain)
        given = plain.get("guard", [])
        read = [self._guard(f"{where}.guard", one) for one in (given if isinstance(given, list) else [given])]
        guards = [guard for guard in read if guard is not None]
        return Move(**_with(plain, guard=guards, effects=self._effects(where, plain)))

    def _guard(self, where: str, plain: Any) -> "Guard | None":
        if isinstance(plain, str):
            return plain
        if "python" in plain:
            name = plain["python"]
            if name not in self.guards:
                hint = did_you_mean(name, self.guards) or "; pass the function in guards="
                self.found.append(DefinitionError(where, f"no guard {name!r}{hint}"))
            return self.guards.get(name)
        from crmkit.rules.ruleset import Rule

        return Rule(**_with({"name": "", "condition": ""}, **plain))

    def _approval(self, plain: Mapping[str, Any]) -> Approval:
        where = f"approvals[{plain['name']!r}].panels"
        panels = [
            Panel(**_with(panel, weights=self._fields(f"{where}[{number}].weights", panel.get("weights", {}))))
            for number, panel in enumerate(plain["panels"])
        ]
        return Approval(**_with(plain, panels=panels))

    def _clock(self, plain: Mapping[str, Any]) -> Clock:
        return Clock(**_with(plain, effects=self._effects(f"clocks[{plain['name']!r}]", plain)))

    def _link(self, where: str, plain: Mapping[str, Any]) -> Link | None:
        from crmkit.pipeline.definition import Pipeline

        try:
            return Link(**_with(plain, pipeline=Pipeline.from_dict(plain["pipeline"], self.guards)))
        except DefinitionErrors as group:
            self.found += within(f"{where}.pipeline", flat(group))
            return None

    def _effects(self, where: str, plain: Mapping[str, Any]) -> list[Effect]:
        given = plain.get("effects", [])
        return [
            Effect(one) if isinstance(one, str) else Effect(one["kind"], self._fields(where, one.get("data", {})))
            for one in (given if isinstance(given, list) else [given])
        ]

    def _fields(self, where: str, plain: Mapping[str, Any]) -> Fields:
        try:
            return fields_from_json(json.dumps(_nulls(plain), default=_exact))
        except (InvalidValue, ValueError, TypeError) as error:
            self.found.append(DefinitionError(where, str(error)))
            return EMPTY

    def _rules(self, where: str, plain: Mapping[str, Any]) -> "RuleSet | None":
        read = _rule_set(where, plain, self.guards.values())
        if not isinstance(read, list):
            return read
        # Each part by itself, so that all are heard, and each with its place.
        fields = {"fields": plain.get("fields", [])}
        apart: list[DefinitionError] = []
        for section, with_fields in (("fields", {}), ("rules", fields), ("tables", fields)):
            parts = plain.get(section, [])
            for number, part in enumerate(parts if isinstance(parts, list) else []):
                wrong = _rule_set(where, {**with_fields, section: [part]}, self.guards.values())
                place = f"schema[{number}]" if where == "schema" else f"{where}.{section}[{number}]"
                apart += _moved(place, wrong) if isinstance(wrong, list) else ()
            if apart:
                # What rules and tables say of fields that cannot be read is not to be trusted.
                break
        self.found += apart or _moved(where, read)
        return None


def _rule_set(where: str, plain: Mapping[str, Any], python: Iterable[Any]) -> "RuleSet | list[DefinitionError]":
    """A rule set, or what is wrong with it."""
    from crmkit.rules.codec import from_dict
    from crmkit.rules.ruleset import PythonRule

    try:
        return from_dict(
            {"name": where, "rules": [], **plain},
            name=where,
            python=[rule for rule in python if isinstance(rule, PythonRule)],
        )
    except DefinitionErrors as group:
        return flat(group)
    except CrmkitError as error:
        return [DefinitionError(where, getattr(error, "reason", str(error)))]


def _moved(place: str, errors: list[DefinitionError]) -> Iterator[DefinitionError]:
    """Errors at the part of a rule set that they are about, which they name in their own words."""
    for error in errors:
        said = error.where
        # A part that was read by itself calls itself the first of its kind.
        why = re.sub(r"^\w+\[0\]: ", "", error.why)
        told = said and said not in place and not isinstance(error, RuleError)
        yield attrs.evolve(error, where=place, why=f"{said}: {why}" if told else why)


def within(where: str, errors: Iterable[DefinitionError]) -> Iterator[DefinitionError]:
    """Errors of a part, at their places in the whole."""
    for error in errors:
        joint = "" if error.where.startswith("[") else "."
        yield attrs.evolve(error, where=f"{where}{joint}{error.where}")


def _with(plain: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    return {**plain, **changed}


def _nulls(value: Any) -> Any:
    """Data with nulls: TOML has none, and says {"$null": true}."""
    if isinstance(value, Mapping):
        return None if value == {"$null": True} else {key: _nulls(item) for key, item in value.items()}
    return [_nulls(item) for item in value] if isinstance(value, list) else value


def _exact(value: object) -> Any:
    """What TOML says and JSON has no word for."""
    match value:
        case Decimal():
            return float(value)
        case datetime():
            return {"$instant": value.isoformat()}
        case date():
            return {"$date": value.isoformat()}
        case _:
            raise InvalidValue("data", value, "has no place in plain data")
