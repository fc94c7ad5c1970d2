"""The interpreter: the reference that all other evaluators are tested against, and the one that explains.

Where the standard says that an expression has no value, the value is null and the run keeps a note of where and why.
A field that is not known yet is UNKNOWN and stays so through everything whose result depends on it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._builtins import holds_unknown
from crmkit.rules.feel._calls import call, lambda_, short, variable
from crmkit.rules.feel._loops import filtered, for_, quantified
from crmkit.rules.feel._operators import Problem, arithmetic, both, compare, equal, inside, inverted, less, negated
from crmkit.rules.feel._properties import property_of
from crmkit.rules.feel._run import Exhausted, Handler, Note, Run, Scope, Seen, World, truth
from crmkit.rules.feel._text import literal
from crmkit.rules.feel._types import instance_of, named_type
from crmkit.rules.feel._values import UNKNOWN, Range, kind


def _literal(_run: Run, node: nodes.Literal_, _scope: Scope) -> Any:
    return node.value


def _temporal(_run: Run, node: nodes.Temporal, _scope: Scope) -> Any:
    return node.value


def _path(run: Run, node: nodes.Path, scope: Scope) -> Any:
    return _member(run, run.value(node.of, scope), node)


def _member(run: Run, of: Any, node: nodes.Path) -> Any:
    """A member; of a list, the list of those, with null and a note for what has none."""
    if kind(of) != "list":
        return member(of, node.name)
    found: list[Any] = []
    for item in of:
        try:
            found.append(_member(run, item, node))
        except Problem as problem:
            run.note(problem, node.span)
            found.append(None)
    return found


def member(value: Any, name: str) -> Any:
    """A member of a context, or a property of a value.

    Raises:
        Problem: if there is none.
    """
    match kind(value):
        case "unknown":
            return UNKNOWN
        case "context":
            if name not in value:
                raise Problem("no-member", f"there is no member {name!r}")
            return value[name]
        case "null":
            raise Problem("null-operand", f"null has no {name!r}")
        case _:
            return property_of(value, name)


def _negate(run: Run, node: nodes.Negate, scope: Scope) -> Any:
    return negated(run.value(node.operand, scope))


def _arithmetic(run: Run, node: nodes.Arithmetic, scope: Scope) -> Any:
    value = arithmetic(node.op, run.value(node.left, scope), run.value(node.right, scope))
    return short(run, value) if isinstance(value, str) else value


def _compare(run: Run, node: nodes.Compare, scope: Scope) -> Any:
    left, right = run.value(node.left, scope), run.value(node.right, scope)
    run.spend(min(run.size(left), run.size(right)))
    return compare(node.op, left, right)


def _and(run: Run, node: nodes.And, scope: Scope) -> Any:
    result: Any = True
    for operand in node.operands:
        result = both(result, truth(run, run.value(operand, scope), operand.span))
        if result is False:
            break
    return result


def _or(run: Run, node: nodes.Or, scope: Scope) -> Any:
    result: Any = True
    for operand in node.operands:
        result = both(result, inverted(truth(run, run.value(operand, scope), operand.span)))
        if result is False:
            break
    return inverted(result)


def _between(run: Run, node: nodes.Between, scope: Scope) -> Any:
    value = run.value(node.operand, scope)
    low, high = run.value(node.low, scope), run.value(node.high, scope)
    return both(_compared(run, node, ">=", value, low), _compared(run, node, "<=", value, high))


def _compared(run: Run, node: nodes.Node, op: str, value: Any, end: Any) -> Any:
    """Null where the ends have no order: the other end may decide alone."""
    try:
        return compare(op, value, end)
    except Problem as problem:
        run.note(problem, node.span)
        return None


def _in(run: Run, node: nodes.In, scope: Scope) -> Any:
    return any_test(run, node.tests, run.value(node.operand, scope), scope)


def any_test(run: Run, tests: Iterable[nodes.Node], value: Any, scope: Scope) -> Any:
    """Whether a value passes one of the tests."""
    inner = Scope({"?": value}, scope)
    result: Any = True
    for test in tests:
        try:
            one = _one_test(run, test, value, inner)
        except Problem as problem:
            run.note(problem, test.span)
            one = None
        result = both(result, inverted(one))
        if result is False:
            break
    return inverted(result)


def _one_test(run: Run, test: nodes.Node, value: Any, scope: Scope) -> Any:
    """Whether the value passes: equal to it, contained in it, or the test is true with `?` as the value."""
    if isinstance(test, nodes.HalfLine):
        return compare(test.op, value, run.value(test.bound, scope))
    found = run.value(test, scope)
    if _asks(run, test):
        return truth(run, found, test.span)
    run.spend(run.size(found))
    match kind(found):
        case "range":
            return inside(value, found)
        case "list" if kind(value) != "list":
            return _contained(value, found)
        case "list":
            return _either(compare("=", value, found), _contained(value, found))
        case "boolean" if kind(value) not in {"boolean", "null", "unknown"}:
            return found
        case _:
            return compare("=", value, found)


def _contained(value: Any, items: list[Any]) -> Any:
    result: Any = False
    for item in items:
        within = isinstance(item, Range) and not isinstance(value, Range)
        try:
            one = inside(value, item) if within else compare("=", value, item)
        except Problem:
            continue
        result = _either(result, one)
    return result


def _asks(run: Run, test: nodes.Node) -> bool:
    """What `asks` says, asked once in a run."""
    known = run.asked.get(id(test))
    if known is None:
        known = asks(test)
        run.asked[id(test)] = known
    return known


def _either(left: Any, right: Any) -> Any:
    return inverted(both(inverted(left), inverted(right)))


def asks(test: nodes.Node) -> bool:
    """Whether a test speaks of `?` itself, and so is a condition rather than a value."""
    return any(isinstance(node, nodes.Name) and node.name == "?" for node in nodes.walk(test))


def _tests(run: Run, node: nodes.Tests, scope: Scope) -> Any:
    if not node.tests:
        return True
    result = any_test(run, node.tests, scope.find("?"), scope)
    return inverted(result) if node.negated else result


def _instance_of(run: Run, node: nodes.InstanceOf, scope: Scope) -> Any:
    value = run.value(node.operand, scope)
    of = named_type(node.type, run.world.types)
    run.spend(run.size(value))
    if value is UNKNOWN or (node.type.parameters and holds_unknown(value)):
        return UNKNOWN
    return instance_of(value, of)


def _if(run: Run, node: nodes.If, scope: Scope) -> Any:
    condition = truth(run, run.value(node.condition, scope), node.condition.span)
    if condition is UNKNOWN:
        then, otherwise = run.value(node.then, scope), run.value(node.otherwise, scope)
        run.spend(run.size(then))
        return then if _identical(then, otherwise) else UNKNOWN
    return run.value(node.then if condition is True else node.otherwise, scope)


def _identical(left: Any, right: Any) -> bool:
    # Equal times may show different zones.
    return kind(left) == kind(right) and equal(left, right) is True and literal(left) == literal(right)


def _list(run: Run, node: nodes.ListOf, scope: Scope) -> Any:
    return [run.value(item, scope) for item in node.items]


def _context(run: Run, node: nodes.ContextOf, scope: Scope) -> Any:
    made: dict[str, Any] = {}
    inner = Scope(made, scope)
    for name, value in zip(node.names, node.values, strict=True):
        made[name] = run.value(value, inner)
    return made


def _interval(run: Run, node: nodes.Interval, scope: Scope) -> Any:
    low, high = run.value(node.low, scope), run.value(node.high, scope)
    if UNKNOWN in (low, high):
        return UNKNOWN
    for end in (low, high):
        _check_end(end)
    if low is not None and high is not None:
        less(low, high)
    return Range(low, high, node.low_included, node.high_included)


def _check_end(end: Any) -> None:
    if kind(end) in {"list", "context", "range", "function"}:
        raise Problem("type", f"a {kind(end)} is no end of a range")


def _half_line(run: Run, node: nodes.HalfLine, scope: Scope) -> Any:
    bound_ = run.value(node.bound, scope)
    if bound_ is UNKNOWN:
        return UNKNOWN
    _check_end(bound_)
    if bound_ is None and node.op not in {"=", "!="}:
        raise Problem("null-operand", "null is neither less nor greater than anything")
    match node.op:
        case "=" | "!=":
            return Range(bound_, bound_, node.op == "=", node.op == "=", node.op)
        case "<" | "<=":
            return Range(None, bound_, low_included=False, high_included=node.op == "<=", test=node.op)
        case _:
            return Range(bound_, None, low_included=node.op == ">=", high_included=False, test=node.op)


HANDLERS: dict[type, Handler] = {
    nodes.Literal_: _literal,
    nodes.Temporal: _temporal,
    nodes.Name: variable,
    nodes.Path: _path,
    nodes.Call: call,
    nodes.Negate: _negate,
    nodes.Arithmetic: _arithmetic,
    nodes.Compare: _compare,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Between: _between,
    nodes.In: _in,
    nodes.Tests: _tests,
    nodes.InstanceOf: _instance_of,
    nodes.If: _if,
    nodes.ListOf: _list,
    nodes.ContextOf: _context,
    nodes.Interval: _interval,
    nodes.HalfLine: _half_line,
    nodes.Lambda: lambda_,
    nodes.For: for_,
    nodes.Quantified: quantified,
    nodes.Filter: filtered,
}


@attrs.frozen
class Outcome:
    """What an evaluation gave.

    Attributes:
        value: the value; null where the expression has none.
        notes: where and why parts of it have none.
    """

    value: Any
    notes: tuple[Note, ...] = ()


def evaluate(
    node: nodes.Node,
    values: Mapping[str, Any],
    world: World | None = None,
    *,
    seen: Seen | None = None,
) -> Outcome:
    """The value of an expression, and why parts of it have none.

    Args:
        node: the tree.
        values: what the names mean, as FEEL values (see `to_feel`).
        world: limits, clock, types.
        seen: called with each node and its value.

    Raises:
        Exhausted: if it costs more than the world allows.
    """
    return evaluated(node, values, world, HANDLERS, seen)


def evaluated(
    node: nodes.Node,
    values: Mapping[str, Any],
    world: World | None,
    handlers: Mapping[type, Handler],
    seen: Seen | None = None,
) -> Outcome:
    """What `evaluate` gives; `handlers` say more than `HANDLERS` where trees hold more than expressions."""
    run = Run(world or World(), handlers, seen)
    try:
        value = run.value(node, Scope(values))
    except RecursionError:
        raise Exhausted("functions call one another too deep") from None
    return Outcome(value, tuple(run.notes))
