"""Values as Python source: literals, fields, members, arithmetic and the functions that are plain Python."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from crmkit.rules._shapes import NUMBERS, Shape
from crmkit.rules._writer import Plain, Writer, interpreted
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.schema import Field

_EXACT = {"+": "_add", "-": "_subtract", "*": "_multiply", "/": "_divide"}


def literal_number(node: nodes.Node) -> Decimal | None:
    """The number that a literal is, with its sign; None if it is no number."""
    if isinstance(node, nodes.Negate):
        inner = literal_number(node.operand)
        return None if inner is None else -inner
    value = node.value if isinstance(node, nodes.Literal_) else None
    return value if isinstance(value, Decimal) else None


def as_kind(emit: Writer, node: nodes.Node, plain: Plain, kind: str) -> Plain:
    """A number as one of a kind: an exact one never meets a float, in which 0.1 is not 0.1."""
    number = literal_number(node)
    if number is None:
        rough = kind == "float" and emit.shape(node).kind in NUMBERS - {"float"}
        return attrs.evolve(plain, text=f"float({plain.text})") if rough else plain
    if kind == "float":
        return Plain(emit.constant(float(number)))
    if kind == "integer" and number == number.to_integral_value() and abs(number) < 2**62:
        return Plain(emit.constant(int(number)))
    return Plain(emit.constant(number))


def or_none(part: Plain) -> str:
    """Source of the value, or None where it is null."""
    return f"{part.text} if ({' and '.join(part.guards)}) else None" if part.guards else part.text


def _literal(emit: Writer, node: nodes.Literal_) -> Plain:
    if node.value is None:
        emit.guarded = True
        return Plain("None", ("False",))
    return Plain(str(node.value) if isinstance(node.value, bool) else emit.constant(node.value))


def _temporal(emit: Writer, node: nodes.Temporal) -> Plain:
    return Plain(emit.constant(node.value))


def _name(emit: Writer, node: nodes.Name) -> Plain:
    if node.name in emit.scope:
        variable, shape = emit.scope[node.name]
        if shape.kind not in {"any", "context"}:
            emit.member(Plain(variable), Field(node.name, _kind(shape), nullable=shape.nullable, values=shape.values))
        emit.guarded |= shape.nullable
        return Plain(variable, (f"{variable} is not None",) if shape.nullable else ())
    if node.name not in emit.fields:
        return emit.interpreted(node)
    variable = emit.fields[node.name]
    emit.used.add(node.name)
    if emit.complete or not emit.shape(node).nullable:
        return Plain(variable)
    return Plain(variable, (f"{variable} is not None",))


def _kind(shape: Shape) -> Any:
    return shape.kind


def _path(emit: Writer, node: nodes.Path) -> Plain:
    of = emit.shape(node.of)
    if of.kind != "context" or node.name not in of.fields:
        return emit.interpreted(node)
    inner, field = emit.value(node.of), of.fields[node.name]
    text = emit.member(Plain(f"{inner.text}[{emit.constant(node.name)}]", inner.guards), field)
    if not field.nullable:
        return Plain(text, inner.guards)
    emit.guarded = True
    return Plain(text, (*inner.guards, f"{text} is not None"))


def _negate(emit: Writer, node: nodes.Negate) -> Plain:
    number, of = literal_number(node), emit.shape(node)
    if number is not None:
        return Plain(emit.constant(number))
    if of.kind not in NUMBERS:
        return emit.interpreted(node)
    inner = emit.value(node.operand)
    if interpreted(inner):
        return emit.interpreted(node)
    return Plain(f"(-{inner.text})" if of.kind == "float" else f"_minus({inner.text})", inner.guards)


def _arithmetic(emit: Writer, node: nodes.Arithmetic) -> Plain:
    left, right, made = emit.shape(node.left), emit.shape(node.right), emit.shape(node)
    if made.kind in NUMBERS and left.kind in NUMBERS and right.kind in NUMBERS and node.op != "**":
        return _numbers(emit, node, made)
    if not (made.kind == "string" or (node.op == "-" and left.kind == right.kind == "date")):
        return emit.interpreted(node)
    x, y = emit.value(node.left), emit.value(node.right)
    if interpreted(x, y):
        return emit.interpreted(node)
    return Plain(f"({x.text} {node.op} {y.text})", (*x.guards, *y.guards))


def _numbers(emit: Writer, node: nodes.Arithmetic, made: Shape) -> Plain:
    x, y = emit.value(node.left), emit.value(node.right)
    if interpreted(x, y):
        return emit.interpreted(node)
    x, y = as_kind(emit, node.left, x, made.kind), as_kind(emit, node.right, y, made.kind)
    guards = (*x.guards, *y.guards)
    if node.op == "/":
        emit.guarded = True
        guards = (*guards, f"{y.text} != {'0.0' if made.kind == 'float' else '0'}")
    if made.kind == "float":
        return Plain(f"({x.text} {node.op} {y.text})", guards)
    # Whole numbers too: what is computed has 34 digits, whatever it is computed from.
    return Plain(f"{_EXACT[node.op]}({x.text}, {y.text})", guards)


def _if(emit: Writer, node: nodes.If) -> Plain:
    made = emit.shape(node)
    if made.kind == "any":
        return emit.interpreted(node)
    then = as_kind(emit, node.then, emit.value(node.then), made.kind)
    other = as_kind(emit, node.otherwise, emit.value(node.otherwise), made.kind)
    text = f"(({or_none(then)}) if {emit.condition(node.condition, wanted=True)} else ({or_none(other)}))"
    return emit.kept(text, nullable=bool(then.guards or other.guards))


#: Functions that are plain Python for arguments of these kinds.
_CALLS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "contains": (("string", "string"), "({1} in {0})"),
    "starts with": (("string", "string"), "{0}.startswith({1})"),
    "ends with": (("string", "string"), "{0}.endswith({1})"),
    "upper case": (("string",), "{0}.upper()"),
    "lower case": (("string",), "{0}.lower()"),
    "string length": (("string",), "len({0})"),
    "count": (("list",), "len({0})"),
}

#: The end of a text that is compared: a slice, even a new one, costs half of what calling the method does.
_END: Mapping[str, Callable[[int], slice]] = {
    "starts with": slice,
    "ends with": lambda size: slice(-size, None),
}


def _call(emit: Writer, node: nodes.Call) -> Plain:
    name = node.function.name if isinstance(node.function, nodes.Name) else ""
    kinds, form = _CALLS.get(name, ((), ""))
    if not form or node.names or tuple(emit.shape(argument).kind for argument in node.arguments) != kinds:
        return emit.interpreted(node)
    parts = [emit.value(argument) for argument in node.arguments]
    if interpreted(*parts):
        return emit.interpreted(node)
    guards = tuple(guard for part in parts for guard in part.guards)
    end = _END.get(name)
    text = node.arguments[-1].value if isinstance(node.arguments[-1], nodes.Literal_) else None
    if end is not None and isinstance(text, str) and text:
        return Plain(f"({parts[0].text}[{emit.constant(end(len(text)))}] == {parts[1].text})", guards)
    return Plain(form.format(*(part.text for part in parts)), guards)


VALUES: Mapping[type, Callable[[Any, Any], Plain]] = {
    nodes.Literal_: _literal,
    nodes.Temporal: _temporal,
    nodes.Name: _name,
    nodes.Path: _path,
    nodes.Negate: _negate,
    nodes.Arithmetic: _arithmetic,
    nodes.If: _if,
    nodes.Call: _call,
}
