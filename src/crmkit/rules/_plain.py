"""Rule sets as plain data: what JSON and TOML hold, read with the place of everything that is not what it should be."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any, get_args

from crmkit.errors import InputError, did_you_mean
from crmkit.rules._boxed import HIT_POLICIES
from crmkit.rules.feel import _temporal as temporal
from crmkit.rules.feel._numbers import to_number
from crmkit.rules.feel._text import write
from crmkit.rules.ruleset import Kind, OnNull, PythonRule, Rule, RuleSet, Severity
from crmkit.rules.schema import Field, FieldKind, Schema
from crmkit.rules.table import DecisionTable

_READ = {
    "date": temporal.read_date, "time": temporal.read_time, "date and time": temporal.read_datetime,
    "days and time duration": temporal.read_duration, "years and months duration": temporal.read_duration,
}  # fmt: skip
_NUMBERS = frozenset({"decimal", "integer", "float"})
_OF_FIELD = frozenset({"name", "kind", "nullable", "values", "low", "high", "unit", "labels", "fields", "item"})
_OF_RULE = frozenset({"name", "condition", "kind", "severity", "on_null", "message", "then", "source", "python"})
_DEEPEST = 30
# A number of FEEL has 34 digits; a whole one with more is another one.
_DIGITS = 34


def plain(rules: RuleSet) -> dict[str, Any]:
    """A rule set as plain data."""
    return {
        "name": rules.name,
        "fields": [_field(field) for field in rules.schema.fields],
        "rules": [_rule(one) for one in rules.rules],
        "tables": [_table(table) for table in rules.tables],
        "transitions": rules.transitions,
        "shadow": rules.shadow,
    }


def _value(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    # One number has one text, whatever class of Python's it came in.
    return write(Decimal(str(value)) if isinstance(value, int | float) else value)


def _field(field: Field) -> dict[str, Any]:
    said: dict[str, Any] = {"name": field.name, "kind": field.kind}
    optional = {"nullable": field.nullable, "unit": field.unit, "item": field.item}
    said |= {name: value for name, value in optional.items() if value}
    said |= {name: _value(bound) for name, bound in (("low", field.low), ("high", field.high)) if bound is not None}
    if field.values:
        said["values"] = [_value(value) for value in field.values]
    if field.labels:
        said["labels"] = dict(field.labels)
    if field.fields:
        said["fields"] = [_field(inner) for inner in field.fields]
    return said


def _rule(one: Rule | PythonRule) -> dict[str, Any]:
    said: dict[str, Any] = {"name": one.name, "kind": one.kind, "severity": one.severity, "on_null": one.on_null}
    if one.message:
        said["message"] = dict(one.message)
    if isinstance(one, PythonRule):
        return {**said, "python": one.version}
    extra = {name: value for name, value in (("then", one.then), ("source", one.source)) if value}
    return {**said, "condition": one.condition, **extra}


def _table(table: DecisionTable) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": table.name,
        "policy": table.policy,
        "inputs": list(table.inputs),
        "outputs": [_field(output) for output in table.outputs],
        "rows": [list(row) for row in table.rows],
    }
    return {**said, "defaults": list(table.defaults)} if table.defaults else said


def from_plain(data: Any, *, name: str, python: Sequence[PythonRule] = ()) -> RuleSet:
    """The rule set of plain data; see `from_json`."""
    reader, whole = _Plain(name), "the rule set"
    functions = {one.name: one for one in python}
    said = reader.mapping(data, whole, {"name", "fields", "rules", "tables", "transitions", "shadow"})
    schema = Schema(reader.fields(said, "fields", ""))
    rules = [reader.rule(one, f"rules[{n}]", functions) for n, one in enumerate(reader.items(said, "rules", whole))]
    tables = [reader.table(one, f"tables[{n}]", schema) for n, one in enumerate(reader.items(said, "tables", whole))]
    return RuleSet(
        reader.text(said, "name", whole, name),
        schema,
        rules,
        tables=tables,
        transitions=reader.flag(said, "transitions", whole),
        shadow=reader.flag(said, "shadow", whole),
    )


class _Plain:
    """Reads plain data, saying where something is not what it should be."""

    def __init__(self, name: str) -> None:
        self.name = name

    def wrong(self, where: str, why: str) -> InputError:
        """An error at a place."""
        return InputError(self.name, f"{where}: {why}")

    def mapping(self, data: Any, where: str, known: AbstractSet[str]) -> Mapping[str, Any]:
        """A mapping with none but known keys."""
        if not isinstance(data, Mapping):
            raise self.wrong(where, "is no table of names and values")
        for key in data:
            if key not in known:
                raise self.wrong(where, f"has no {key!r}{did_you_mean(str(key), known)}")
        return data

    def items(self, data: Mapping[str, Any], key: str, where: str) -> list[Any]:
        """A list, empty if it is not there."""
        found = data.get(key, [])
        if not isinstance(found, list):
            raise self.wrong(where, f"{key!r} is no list")
        return found

    def text(self, data: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
        """A text."""
        found = data.get(key, default)
        if not isinstance(found, str):
            raise self.wrong(where, f"needs {key!r}, a text")
        return found

    def texts(self, data: Mapping[str, Any], key: str, where: str) -> list[str]:
        """A list of texts."""
        found = self.items(data, key, where)
        if not all(isinstance(one, str) for one in found):
            raise self.wrong(where, f"{key!r} holds something other than texts")
        return found

    def flag(self, data: Mapping[str, Any], key: str, where: str) -> bool:
        """True or false; false if it is not there."""
        found = data.get(key, False)
        if not isinstance(found, bool):
            raise self.wrong(where, f"{key!r} is neither true nor false")
        return found

    def labels(self, data: Mapping[str, Any], key: str, where: str) -> dict[str, str]:
        """Texts by language."""
        found = data.get(key, {})
        if not isinstance(found, Mapping) or not all(isinstance(one, str) for one in found.values()):
            raise self.wrong(where, f"{key!r} are texts by language")
        return dict(found)

    def choice(self, data: Mapping[str, Any], key: str, where: str, known: Sequence[str], default: Any) -> Any:
        """One of some words; the default if it is not there."""
        if key not in data:
            return default
        found = data[key]
        if found not in known:
            hint = did_you_mean(str(found), known)
            raise self.wrong(where, f"no {key} {found!r}{hint}; there are: {', '.join(known)}")
        return found

    def field(self, data: Any, where: str, depth: int) -> Field:
        """A field."""
        said = self.mapping(data, where, _OF_FIELD)
        where = f"field {said.get('name', where)!r}"
        kind = self.choice(said, "kind", where, get_args(FieldKind), "string")
        return Field(
            self.text(said, "name", where),
            kind,
            nullable=self.flag(said, "nullable", where),
            values=[self.value(value, kind, where) for value in self.items(said, "values", where)],
            low=self.value(said.get("low"), kind, where),
            high=self.value(said.get("high"), kind, where),
            unit=self.text(said, "unit", where, ""),
            labels=self.labels(said, "labels", where),
            fields=self.fields(said, "fields", where, depth + 1),
            item=self.choice(said, "item", where, get_args(FieldKind), None),
        )

    def fields(self, data: Mapping[str, Any], key: str, where: str, depth: int = 0) -> list[Field]:
        """Some fields, and those inside them."""
        if depth > _DEEPEST:
            raise self.wrong("fields", f"nest deeper than {_DEEPEST} levels")
        place = f"{where}.{key}" if where else key
        items = self.items(data, key, where or "the rule set")
        return [self.field(inner, f"{place}[{n}]", depth) for n, inner in enumerate(items)]

    def value(self, value: Any, kind: str, where: str) -> Any:
        """A bound or value of a field."""
        if kind in _NUMBERS and isinstance(value, str | int | Decimal) and not isinstance(value, bool):
            return self.number(value, kind, where)
        if kind in _READ and isinstance(value, str):
            read = _READ[kind](value)
            if read is None:
                raise self.wrong(where, f"{value!r} is no {kind}")
            return read
        return value

    def number(self, value: str | int | Decimal, kind: str, where: str) -> Any:
        """A number of a kind."""
        try:
            number = to_number(Decimal(value))
        except (ArithmeticError, ValueError):
            raise self.wrong(where, f"{value!r} is no number") from None
        if kind == "integer":
            if number.adjusted() >= _DIGITS or number != int(number):
                raise self.wrong(where, f"{value!r} is no whole number of up to {_DIGITS} digits")
            return int(number)
        return float(number) if kind == "float" else number

    def rule(self, data: Any, where: str, functions: Mapping[str, PythonRule]) -> Rule | PythonRule:
        """A rule."""
        said = self.mapping(data, where, _OF_RULE)
        name = self.text(said, "name", where)
        where = f"rule {name!r}"
        if "python" in said:
            if name not in functions:
                raise self.wrong(where, "is written in Python, and was not given")
            return functions[name]
        return Rule(
            name,
            self.text(said, "condition", where),
            kind=self.choice(said, "kind", where, get_args(Kind), "guard"),
            severity=self.choice(said, "severity", where, get_args(Severity), "error"),
            on_null=self.choice(said, "on_null", where, get_args(OnNull), "report"),
            message=self.labels(said, "message", where),
            then=self.text(said, "then", where, ""),
            source=self.text(said, "source", where, ""),
        )

    def table(self, data: Any, where: str, schema: Schema) -> DecisionTable:
        """A table."""
        said = self.mapping(data, where, {"name", "policy", "inputs", "outputs", "rows", "defaults"})
        where = f"table {said.get('name', where)!r}"
        rows = self.items(said, "rows", where)
        if not all(isinstance(row, list) and all(isinstance(cell, str) for cell in row) for row in rows):
            raise self.wrong(where, "a row is a list of texts")
        return DecisionTable(
            self.text(said, "name", where),
            schema,
            self.texts(said, "inputs", where),
            self.fields(said, "outputs", where),
            rows,
            policy=self.choice(said, "policy", where, HIT_POLICIES, "U"),
            defaults=self.texts(said, "defaults", where),
        )
