"""What kind each name must be, by the company it keeps in a text: for conditions that come without a schema."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from crmkit.errors import DefinitionError, DefinitionErrors, RuleError
from crmkit.rules._kinds import FieldKind
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._builtins import BUILTINS
from crmkit.rules.feel._lexer import Names
from crmkit.rules.feel._library import FUNCTIONS
from crmkit.rules.feel._parser import parse
from crmkit.rules.feel._values import kind
from crmkit.rules.schema import Field

_FIELD_KINDS: dict[str, FieldKind] = {
    "number": "decimal", "string": "string", "boolean": "boolean", "date": "date", "time": "time",
    "date and time": "date and time", "days and time duration": "days and time duration",
    "years and months duration": "years and months duration",
}  # fmt: skip


def inferred(texts: Iterable[tuple[str, str]], known: Sequence[Field]) -> tuple[Field, ...]:
    """The fields that conditions speak of, all of them nullable.

    Args:
        texts: pairs of a place, for messages, and a condition.
        known: fields that are known already.

    Raises:
        DefinitionErrors: for what cannot be read, for a name that nothing tells the kind of, and for one that would
            have to be two kinds.
    """
    names = Names({*FUNCTIONS, *(field.name for field in known)})
    found: dict[str, tuple[FieldKind, str]] = {}
    untold: dict[str, str] = {}
    errors: list[DefinitionError] = []
    for place, text in texts:
        try:
            tree = parse(text, names, where=place)
        except RuleError as error:
            errors.append(error)
            continue
        local = {one.name for part in nodes.walk(tree) for one in _bound(part)} | {field.name for field in known}
        for name, told in _told(tree):
            if name in local or name in FUNCTIONS:
                continue
            if told is None:
                untold.setdefault(name, place)
            elif found.setdefault(name, (told, place))[0] != told:
                before, there = found[name]
                errors.append(DefinitionError(place, f"{name!r} is a {told} here and a {before} in {there}"))
    errors += [
        DefinitionError(place, f"nothing tells what {name!r} is; give a schema")
        for name, place in untold.items()
        if name not in found
    ]
    if errors:
        raise DefinitionErrors("the conditions cannot be used without a schema", errors)
    return tuple(Field(name, told, nullable=True) for name, (told, _) in found.items())


#: A part of a condition, and the kind that it must be; None if its place does not say.
_Expected: TypeAlias = tuple[nodes.Node, FieldKind | None]


def _bound(node: nodes.Node) -> Iterator[nodes.Iteration]:
    if isinstance(node, nodes.For | nodes.Quantified):
        yield from node.iterations


def _told(tree: nodes.Node) -> Iterator[tuple[str, FieldKind | None]]:
    """Each name that a condition reads, and what its place says of its kind."""
    waiting: list[_Expected] = [(tree, "boolean")]
    while waiting:
        node, told = waiting.pop()
        if isinstance(node, nodes.Name):
            yield node.name, told
        else:
            # The last is taken first: turned round, names come in the order of the text.
            waiting += reversed([*_expected(node)])


def _expected(node: nodes.Node) -> Iterator[_Expected]:
    """The parts of a node, and the kind that each must be."""
    match node:
        case nodes.And() | nodes.Or():
            yield from _each(node.operands, "boolean")
        case nodes.If():
            yield node.condition, "boolean"
            yield from _each((node.then, node.otherwise), None)
        case nodes.Compare() | nodes.Between() | nodes.In():
            parts = [*_compared(node)]
            yield from _each(parts, _first(parts))
        case nodes.Negate():
            yield node.operand, "decimal"
        case nodes.Arithmetic():
            sides = (node.left, node.right)
            yield from _each(sides, "decimal" if _first(sides) in {None, "decimal"} else None)
        case nodes.Call(function=nodes.Name(name), names=()) if name in FUNCTIONS:
            for place, part in enumerate(node.arguments):
                yield part, _argument(name, place)
        case _:
            yield from _each(nodes.children(node), None)


def _first(parts: Iterable[nodes.Node]) -> FieldKind | None:
    """The kind of the first part that says so itself."""
    for part in parts:
        told = _kind(part)
        if told is not None:
            return told
    return None


def _argument(function: str, place: int) -> FieldKind | None:
    """The kind of an argument of a function, if every form of that function wants the same one there."""
    wanted = {
        kind for way in BUILTINS.get(function, ()) for one in way.parameters[place : place + 1] for kind in one.kinds
    }
    return _FIELD_KINDS.get(next(iter(wanted - {"null"}))) if len(wanted - {"null"}) == 1 else None


def _each(parts: Iterable[nodes.Node], told: FieldKind | None) -> Iterator[_Expected]:
    for part in parts:
        yield part, told


def _compared(node: nodes.Node) -> Iterator[nodes.Node]:
    match node:
        case nodes.Interval():
            yield from (node.low, node.high)
        case nodes.HalfLine():
            yield node.bound
        case nodes.ListOf():
            yield from node.items
        case nodes.Compare() | nodes.Between():
            yield from nodes.children(node)
        case nodes.In():
            yield node.operand
            for test in node.tests:
                yield from _compared(test)
        case _:
            yield node


def _kind(node: nodes.Node) -> FieldKind | None:
    """The kind of a part that says so itself."""
    match node:
        case nodes.Literal_() | nodes.Temporal():
            return _FIELD_KINDS.get(kind(node.value)) if node.value is not None else None
        case nodes.Negate() | nodes.Arithmetic(op="*" | "/" | "**"):
            return "decimal"
        case _:
            return None
