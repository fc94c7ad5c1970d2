"""What loops, filters and functions are made of, and what they give."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import did_you_mean
from crmkit.rules._shapes import ANY, RESULTS, Shape, of_field
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._builtins import BUILTINS, call_builtin
from crmkit.rules.feel._library import FUNCTIONS
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._values import kind

if TYPE_CHECKING:
    from crmkit.rules._check import Checker


def _items(check: "Checker", iterations: Sequence[nodes.Iteration]) -> tuple[dict[str, Shape], bool]:
    """The names that loops bind, and whether one of the lists may be null."""
    bound: dict[str, Shape] = {}
    nullable = False
    for iteration in iterations:
        with check.knowing(bound):
            source = check.shape(iteration.source)
            if iteration.high is not None:
                check.shape(iteration.high)
        if source.kind not in {"list", "any", "range"} and iteration.high is None:
            check.wrong("type", f"nobody can go through a {source}", iteration.source)
        nullable |= source.nullable or iteration.high is not None
        bound[iteration.name] = source if iteration.high is not None else source.item or ANY
    return bound, nullable


def quantified(check: "Checker", node: nodes.Quantified) -> Shape:
    """Some or every item: true, false, or null where one is."""
    bound, nullable = _items(check, node.iterations)
    with check.knowing(bound):
        condition = check.boolean(node.condition, "what is to be satisfied")
    return Shape("boolean", nullable or condition.nullable)


def for_(check: "Checker", node: nodes.For) -> Shape:
    """The list of what the body gives."""
    bound, nullable = _items(check, node.iterations)
    with check.knowing({**bound, "partial": Shape("list", nullable=False)}):
        item = check.shape(node.body)
    return Shape("list", nullable, item=item)


def filtered(check: "Checker", node: nodes.Filter) -> Shape:
    """The items that are kept, or the one at a position."""
    of = check.shape(node.of)
    item = of.item or ANY
    members = {name: of_field(field) for name, field in item.fields.items()} if item.kind == "context" else {}
    with check.knowing({"item": item, **members}):
        condition = check.shape(node.condition)
    if condition.feel == "number":
        return attrs.evolve(item, nullable=True)
    if condition.kind not in {"boolean", "any"}:
        check.wrong("type", f"a filter is a condition or a position, not a {condition}", node.condition)
    return of if condition.kind == "boolean" and of.kind == "list" else ANY


def called(check: "Checker", node: nodes.Call) -> Shape:
    """What a function gives."""
    arguments = [check.shape(argument) for argument in node.arguments]
    if not isinstance(node.function, nodes.Name) or node.function.name in check.scope:
        check.shape(node.function)
        return ANY
    name = node.function.name
    if name not in FUNCTIONS:
        hint = did_you_mean(name, FUNCTIONS)
        return check.wrong("unknown-name", f"unknown function {name!r}{hint}", node.function)
    if name in BUILTINS:
        _arguments(check, node, name, arguments)
    result, total = RESULTS.get(name, ("any", False))
    if result == "any" and name in {"min", "max", "sum", "mean", "abs", "product", "median"} and arguments:
        return _like(arguments)
    return Shape(result, not total or any(one.nullable for one in arguments))


def _like(arguments: Sequence[Shape]) -> Shape:
    """The result of a function that gives what it is given."""
    listed = arguments[0].kind == "list" and len(arguments) == 1
    found = [arguments[0].item or ANY] if listed else arguments
    # An exact number and a float: what it is depends on which of them it is.
    return Shape(found[0].kind, nullable=True, unit=found[0].unit) if len({one.kind for one in found}) == 1 else ANY


def _arguments(check: "Checker", node: nodes.Call, name: str, given: Sequence[Shape]) -> None:
    """Whether some way to call the function takes these arguments."""
    reasons: list[str] = []
    for overload in BUILTINS[name]:
        bound = overload.bind([_Sample(one) for one in given], node.names, kind_of=_sample_kind)
        if not isinstance(bound, str):
            _constant(check, node, name)
            return
        reasons.append(bound)
    check.wrong("arguments", f"{name} {reasons[0]}", node)


#: Functions that look for a pattern in their first argument: whether it is one does not depend on the text.
_SEARCHING = frozenset({"matches", "replace", "split"})


def _constant(check: "Checker", node: nodes.Call, name: str) -> None:
    """A call of literals that has no value never has one."""
    values: list[Any] = []
    for number, argument in enumerate(node.arguments):
        if name in _SEARCHING and (node.names[number] in {"input", "string"} if node.names else number == 0):
            values.append("")
        elif isinstance(argument, nodes.Literal_ | nodes.Temporal):
            values.append(argument.value)
        else:
            return
    try:
        call_builtin(name, values, node.names)
    except Problem as problem:
        check.wrong(problem.code, f"has no value: {problem.why}", node)


@attrs.frozen
class _Sample:
    """A stand-in for a value of some shape."""

    shape: Shape


def _sample_kind(value: Any) -> str:
    if not isinstance(value, _Sample):
        return kind(value)
    return "unknown" if value.shape.kind == "any" else value.shape.feel
