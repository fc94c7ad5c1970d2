"""Generated Python: one function for a rule, or one for all rules of a set.

The function takes a record as the host has it. Where the record is not what the schema says, or a part has no plain
form, the interpreter decides: it is slower, and it says clearly what is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, TypeAlias

import attrs

from crmkit.errors import DefinitionErrors, RuleError
from crmkit.rules._check import Checker
from crmkit.rules._emit import GLOBALS, Emitter, held
from crmkit.rules._native import build
from crmkit.rules._shapes import Shape, of_field
from crmkit.rules._trees import renamed
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._evaluate import Outcome, evaluate
from crmkit.rules.feel._lexer import Names
from crmkit.rules.feel._library import FUNCTIONS
from crmkit.rules.feel._parser import parse
from crmkit.rules.feel._properties import NAMES as PROPERTIES
from crmkit.rules.feel._run import Seen, World
from crmkit.rules.feel._values import UNKNOWN
from crmkit.rules.schema import Field, Schema

Record: TypeAlias = Mapping[str, Any]

#: What generated code raises on a record that is not what the schema says.
_ASTRAY = (KeyError, TypeError, AttributeError, ArithmeticError, ValueError)


@attrs.frozen(eq=False, slots=False)
class Checked:
    """A text that has been read and checked against a schema.

    Attributes:
        text: the text.
        node: its tree, with fields by their names.
        schema: what its names are.
        shapes: what is known of each part, by its `id`.
        shape: what the whole is.
    """

    text: str
    node: nodes.Node
    schema: Schema
    shapes: Mapping[int, Shape]
    shape: Shape

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields that it reads, in the order of the schema."""
        return names_in(self.node, self.schema)

    def interpret(self, values: Record, *, world: World | None = None, seen: Seen | None = None) -> Outcome:
        """The value for values as `Schema.read` gives them."""
        return evaluate(self.node, values, world, seen=seen)


def names_in(node: nodes.Node, schema: Schema) -> tuple[str, ...]:
    """The fields that a tree reads, in the order of the schema."""
    read = {part.name for part in nodes.walk(node) if isinstance(part, nodes.Name)}
    return tuple(name for name in schema.names if name in read)


@cache
def _known() -> tuple[Names, Names]:
    """The names and the members that every schema knows."""
    return Names({*FUNCTIONS, "?"}), Names(PROPERTIES)


@attrs.frozen(eq=False)
class Vocabulary:
    """A schema made ready for reading texts: names, members, and what each name is."""

    schema: Schema
    names: Names
    members: Names
    aliases: Mapping[str, str]
    shapes: Mapping[str, Shape]

    @property
    def labelled(self) -> bool:
        """Whether a field has a second name."""
        return len(self.aliases) > len(self.shapes)

    @classmethod
    def of(cls, schema: Schema) -> "Vocabulary":
        """The vocabulary of a schema."""
        aliases = schema.aliases
        names, members = (known.plus(more) for known, more in zip(_known(), (aliases, schema.members), strict=True))
        return cls(schema, names, members, aliases, {field.name: of_field(field) for field in schema.fields})


def check(text: str, vocabulary: Vocabulary, *, where: str = "", boolean: bool = False) -> Checked:
    """Read and check a text.

    Args:
        text: an expression.
        vocabulary: what its names are.
        where: the rule, for messages.
        boolean: whether it must be a condition.

    Raises:
        RuleError: if it cannot be read.
        DefinitionErrors: everything that is wrong with it.
    """
    try:
        node = parse(text, vocabulary.names, members=vocabulary.members, where=where)
        if vocabulary.labelled:
            node = renamed(node, vocabulary.aliases)
    except RuleError as error:
        raise DefinitionErrors(f"rule {where!r} cannot be used", [error]) from None
    checker = Checker(text, where, vocabulary.shapes, labels=vocabulary.aliases)
    shape = checker.boolean(node, "a condition") if boolean else checker.shape(node)
    if checker.errors:
        raise DefinitionErrors(f"rule {where!r} cannot be used", checker.errors)
    return Checked(text, node, vocabulary.schema, checker.shapes, shape)


def _emitter(conditions: Sequence[Checked]) -> Emitter:
    schema = conditions[0].schema
    shapes = {key: shape for condition in conditions for key, shape in condition.shapes.items()}
    read = {name for condition in conditions for name in condition.fields}
    fields = {name: f"f{number}" for number, name in enumerate(schema.names) if name in read}
    return Emitter(shapes, fields, {}, [])


def _built(source: str, emit: Emitter, schema: Schema, ways: Mapping[str, Any]) -> Any:
    read = {number: names_in(node, schema) for number, node in enumerate(emit.opaque)}

    def interpret(number: int, record: Record, _bound: Record) -> Any:
        return evaluate(emit.opaque[number], schema.read(record, only=read[number])).value

    space: dict[str, Any] = {
        **GLOBALS, **emit.constants, **ways, "_ASTRAY": _ASTRAY, "_interpret": interpret,
    }  # fmt: skip
    return build(source, space)


class _Native(dict[str, Any]):
    """A record whose values are what generated code takes them for."""


def _native(field: Field, value: Any) -> Any:
    """What `Field.read` gave, as generated code wants it: whole numbers as Python's own."""
    if value is UNKNOWN:
        raise TypeError("what is not known yet is for the interpreter")
    if value is None:
        return None
    if field.kind == "list" and field.fields:
        return [{inner.name: _native(inner, item[inner.name]) for inner in field.fields} for item in value]
    if field.kind == "list" and field.item == "integer":
        return [*map(int, value)]
    if field.kind == "context":
        return {inner.name: _native(inner, value[inner.name]) for inner in field.fields}
    return int(value) if field.kind == "integer" else value


def _source(emit: Emitter, fields: Mapping[str, Field], body: Sequence[str], given: Sequence[str]) -> str:
    """Source of a function: it reads each field once, and makes sure that each value is what the body takes it for.

    Args:
        emit: what wrote the body.
        fields: the fields of the record.
        body: statements; they hold where no field is null if the emitter is for complete records. What it has read
            is then given to `_rest` where a value is not what it should be.
        given: the variables that the caller has read already.
    """
    used = {name: variable for name, variable in emit.fields.items() if name in emit.used}
    lines = [f"{variable} = r[{emit.constant(name)}]" for name, variable in used.items() if variable not in given]
    tests: list[str] = []
    for name, variable in used.items():
        tests.append(held(emit, variable, fields[name], nullable=fields[name].nullable and not emit.complete))
        tests += (read.test for read in emit.members.get(variable, {}).values())
    lines += [f"if {' and '.join(tests) or True}:", *(f"    {line}" for line in body)]
    other = f"_rest({', '.join(['r', *used.values()])})" if emit.complete else "_slow(r)"
    return "\n".join([
        f"def decide({', '.join(['r', *given])}):", "    try:", *(f"        {line}" for line in lines),
        "    except _ASTRAY:", "        return _slow(r)", f"    return {other}", "",
    ])  # fmt: skip


def _body(emit: Emitter, parts: Sequence[nodes.Node], form: str, write: Callable[[nodes.Node], str]) -> list[str]:
    """The statements that return the verdicts: plain loops first, then all the rest in one expression."""
    statements: list[str] = []
    looped: dict[int, str] = {}
    for number, part in enumerate(parts):
        loop = emit.loop(part)
        if loop is not None:
            looped[number] = loop[0]
            statements += loop[1]
    texts = [looped.get(number) or write(part) for number, part in enumerate(parts)]
    return [*statements, f"return {form.format(', '.join(texts))}"]


def _written(
    conditions: Sequence[Checked],
    form: str,
    ways: Mapping[str, Any],
    *,
    complete: bool = False,
    given: Sequence[str] = (),
) -> tuple[Any, Sequence[str]]:
    """A function for records without nulls, or for any, and the variables that it reads; see `_source`.

    Args:
        conditions: what it decides, over one schema.
        form: the source of its result, with a place for the verdicts.
        ways: where it goes with what is not for it: `_slow`, and `_rest`.
        complete: whether it is for records without nulls.
        given: the variables that the caller has read already.
    """
    schema, emit = conditions[0].schema, _emitter(conditions)
    emit.complete = complete
    fields = {field.name: field for field in schema.fields if field.name in emit.fields}
    body = _body(emit, [one.node for one in conditions], form, emit.completely if complete else emit.verdict)
    source = _source(emit, fields, body, given)
    return _built(source, emit, schema, ways), [emit.fields[name] for name in emit.fields if name in emit.used]


def _decider(conditions: Sequence[Checked], form: str, slow: Callable[[Record], Any]) -> Callable[[Record], Any]:
    """The function; where a value is not what its source takes it for, the values are converted, or it is refused."""
    schema = conditions[0].schema
    names = {name for condition in conditions for name in condition.fields}
    fields = [field for field in schema.fields if field.name in names]

    def converted(record: Record) -> Any:
        if isinstance(record, _Native):
            return slow(record)
        values = schema.read(record, only=names)
        try:
            made = _Native((field.name, _native(field, values[field.name])) for field in fields)
        except TypeError:
            return slow(record)
        return decide(made)

    def rest(record: Record, *read: Any) -> Any:
        # Most records have no null, and many a set never sees one: what is for nulls is written for the first.
        made, _ = _written(conditions, form, {"_slow": converted}, given=given)
        decide.__globals__["_rest"] = made
        return made(record, *read)

    complete = len(conditions) > 1 and any(field.nullable for field in fields)
    decide, given = _written(conditions, form, {"_slow": converted, "_rest": rest}, complete=complete)
    made: Callable[[Record], Any] = decide
    return made


def compiled(condition: Checked) -> Callable[[Record], bool | None]:
    """A function from a record to True, False or None (no answer: something it needs is null)."""

    def slow(record: Record) -> Any:
        values = condition.schema.read(record, only=condition.fields)
        return _boolean(condition.interpret(values).value)

    return _decider([condition], "{}", slow)


def fused(conditions: Sequence[Checked]) -> Callable[[Record], tuple[bool | None, ...]]:
    """One function for all conditions over one schema: each field is read once."""
    if not conditions:
        return lambda _record: ()
    read = {name for condition in conditions for name in condition.fields}

    def slow(record: Record) -> Any:
        values = conditions[0].schema.read(record, only=read)
        return tuple(_boolean(condition.interpret(values).value) for condition in conditions)

    return _decider(conditions, "({},)", slow)


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
