"""The tree as text: what it prints parses to the same tree."""

from collections.abc import Callable
from typing import Any

from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._text import literal, quoted

_OR, _AND, _COMPARISON, _SUM, _PRODUCT, _POWER, _PREFIX, _POSTFIX = range(1, 9)
_ARITHMETIC = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "**": _POWER}


def unparse(node: nodes.Node) -> str:
    """The text of a tree."""
    return _WRITERS[type(node)](node)


def _at(node: nodes.Node, least: int) -> str:
    """The text of an operand, in parentheses if it binds less tightly than its place asks."""
    text = unparse(node)
    return text if _strength(node) >= least else f"({text})"


def _strength(node: nodes.Node) -> int:
    if isinstance(node, nodes.Arithmetic):
        return _ARITHMETIC[node.op]
    return _STRENGTHS.get(type(node), _POSTFIX)


_STRENGTHS: dict[type, int] = {
    nodes.Or: _OR,
    nodes.And: _AND,
    nodes.Compare: _COMPARISON,
    nodes.Between: _COMPARISON,
    nodes.In: _COMPARISON,
    nodes.Negate: _PREFIX,
    # A type swallows what follows: `date and time`, `list < 5`, `a.b`.
    nodes.InstanceOf: 0,
    # These reach as far to the right as they can.
    nodes.If: 0,
    nodes.For: 0,
    nodes.Quantified: 0,
    nodes.Lambda: 0,
}


def type_text(of: nodes.TypeName) -> str:
    """The text of a type."""
    if of.name == "function" and of.parameters:
        return f"function<{', '.join(map(type_text, of.parameters[:-1]))}> -> {type_text(of.parameters[-1])}"
    if of.names:
        inside = [f"{name}: {type_text(part)}" for name, part in zip(of.names, of.parameters, strict=True)]
        return f"{of.name}<{', '.join(inside)}>"
    return f"{of.name}<{', '.join(map(type_text, of.parameters))}>" if of.parameters else of.name


def _literal(node: nodes.Literal_) -> str:
    return literal(node.value)


def _path(node: nodes.Path) -> str:
    # A number before a dot would swallow it.
    least = _POSTFIX + isinstance(node.of, nodes.Literal_)
    return f"{_at(node.of, least)}.{node.name}"


def _call(node: nodes.Call) -> str:
    arguments = [unparse(argument) for argument in node.arguments]
    if node.names:
        arguments = [f"{name}: {text}" for name, text in zip(node.names, arguments, strict=True)]
    return f"{_at(node.function, _POSTFIX)}({', '.join(arguments)})"


def _arithmetic(node: nodes.Arithmetic) -> str:
    strength = _ARITHMETIC[node.op]
    return f"{_at(node.left, strength)} {node.op} {_at(node.right, strength + 1)}"


def _compare(node: nodes.Compare) -> str:
    return f"{_at(node.left, _COMPARISON)} {node.op} {_at(node.right, _SUM)}"


def _joined(word: str, least: int) -> Callable[[Any], str]:
    # The first operand may be of the same kind only if it was written in parentheses.
    return lambda node: f" {word} ".join(_at(operand, least) for operand in node.operands)


def _between(node: nodes.Between) -> str:
    return f"{_at(node.operand, _COMPARISON)} between {_at(node.low, _SUM)} and {_at(node.high, _SUM)}"


def _in(node: nodes.In) -> str:
    operand = _at(node.operand, _COMPARISON)
    return f"{operand} in ({', '.join(map(_test, node.tests))})"


def _test(node: nodes.Node) -> str:
    # Without the parentheses that make it a range of its own.
    return f"{node.op} {_at(node.bound, _SUM)}" if isinstance(node, nodes.HalfLine) else unparse(node)


def _tests(node: nodes.Tests) -> str:
    if not node.tests:
        return "-"
    inside = ", ".join(map(_test, node.tests))
    if node.negated:
        return f"not({inside})"
    # A call of `not` that is all of a cell would negate it.
    return f"({inside})" if len(node.tests) == 1 and inside.startswith("not(") else inside


def _instance_of(node: nodes.InstanceOf) -> str:
    return f"{_at(node.operand, _POSTFIX)} instance of {type_text(node.type)}"


def _if(node: nodes.If) -> str:
    return f"if {unparse(node.condition)} then {unparse(node.then)} else {unparse(node.otherwise)}"


def _iteration(node: nodes.Iteration) -> str:
    high = "" if node.high is None else f"..{unparse(node.high)}"
    return f"{node.name} in {unparse(node.source)}{high}"


def _for(node: nodes.For) -> str:
    return f"for {', '.join(map(_iteration, node.iterations))} return {unparse(node.body)}"


def _quantified(node: nodes.Quantified) -> str:
    word = "every" if node.every else "some"
    return f"{word} {', '.join(map(_iteration, node.iterations))} satisfies {unparse(node.condition)}"


def _filter(node: nodes.Filter) -> str:
    return f"{_at(node.of, _POSTFIX)}[{unparse(node.condition)}]"


def _list(node: nodes.ListOf) -> str:
    return f"[{', '.join(map(unparse, node.items))}]"


def _context(node: nodes.ContextOf) -> str:
    entries = [f"{quoted(name)}: {unparse(value)}" for name, value in zip(node.names, node.values, strict=True)]
    return f"{{{', '.join(entries)}}}"


def _interval(node: nodes.Interval) -> str:
    opening, closing = "[" if node.low_included else "(", "]" if node.high_included else ")"
    # The end is read without filters: a bracket there would close the range.
    plain = isinstance(node.high, nodes.Literal_ | nodes.Temporal | nodes.Name | nodes.Negate)
    high = unparse(node.high)
    return f"{opening}{unparse(node.low)}..{high if plain else f'({high})'}{closing}"


def _half_line(node: nodes.HalfLine) -> str:
    return f"({_test(node)})"


def _lambda(node: nodes.Lambda) -> str:
    parameters = [
        name if of is None else f"{name}: {type_text(of)}" for name, of in zip(node.parameters, node.types, strict=True)
    ]
    external = "external " if node.external else ""
    return f"function({', '.join(parameters)}) {external}{unparse(node.body)}"


_WRITERS: dict[type, Callable[[Any], str]] = {
    nodes.Literal_: _literal,
    nodes.Temporal: lambda node: f"@{quoted(node.text)}",
    nodes.Name: lambda node: node.name,
    nodes.Path: _path,
    nodes.Call: _call,
    nodes.Negate: lambda node: f"-{_at(node.operand, _PREFIX)}",
    nodes.Arithmetic: _arithmetic,
    nodes.Compare: _compare,
    nodes.And: _joined("and", _AND + 1),
    nodes.Or: _joined("or", _OR + 1),
    nodes.Between: _between,
    nodes.In: _in,
    nodes.Tests: _tests,
    nodes.InstanceOf: _instance_of,
    nodes.If: _if,
    nodes.For: _for,
    nodes.Quantified: _quantified,
    nodes.Filter: _filter,
    nodes.ListOf: _list,
    nodes.ContextOf: _context,
    nodes.Interval: _interval,
    nodes.HalfLine: _half_line,
    nodes.Lambda: _lambda,
}
