"""Boxed expressions beyond text: decision tables, and values of a declared type.

A boxed context, list, relation, invocation, function, condition or loop means what the text means that has the same
shape, and is read into the same tree; only tables and types need nodes of their own.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from crmkit.rules.feel._builtins import call_builtin
from crmkit.rules.feel._evaluate import HANDLERS, any_test
from crmkit.rules.feel._nodes import Node, Tests
from crmkit.rules.feel._operators import Problem, both, equal
from crmkit.rules.feel._run import Handler, Run, Scope
from crmkit.rules.feel._types import ANY, Type, fitted
from crmkit.rules.feel._values import UNKNOWN

#: Which of the rules that match decide: unique, any, priority, first, rule order, output order, collect and its sums.
HitPolicy: TypeAlias = Literal["U", "A", "P", "F", "R", "O", "C", "C+", "C<", "C>", "C#"]
HIT_POLICIES: tuple[HitPolicy, ...] = ("U", "A", "P", "F", "R", "O", "C", "C+", "C<", "C>", "C#")

#: The policies that hold results against one another.
_COMPARING = frozenset({"A", "P", "O"})
_AGGREGATORS = {"C+": "sum", "C<": "min", "C>": "max"}


@attrs.frozen
class Input(Node):
    """A column of conditions: what is looked at, its type, and the values it may have."""

    expression: Node
    label: str = ""
    type: Type = ANY
    allowed: Tests | None = None


@attrs.frozen
class Output(Node):
    """A column of results; `values` in order of priority, best first, and a default for when no rule matches."""

    name: str = ""
    type: Type = ANY
    values: tuple[Node, ...] = ()
    allowed: Tests | None = None
    default: Node | None = None


@attrs.frozen
class Row(Node):
    """One rule: a cell for each input, a result for each output."""

    cells: tuple[Tests, ...]
    results: tuple[Node, ...]
    name: str = ""
    notes: tuple[str, ...] = ()


@attrs.frozen
class TableNode(Node):
    """A decision table."""

    policy: HitPolicy
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rows: tuple[Row, ...]


@attrs.frozen
class Typed(Node):
    """A value that must be of a type; one that is not is null, with a note."""

    of: Node
    type: Type


@attrs.frozen
class Broken(Node):
    """A text that could not be read: null, with a note; in place of a test it asks for `?`, lest it equal null."""

    code: str
    why: str
    asks: Node | None = None


def _broken(_run: Run, node: Broken, _scope: Scope) -> Any:
    raise Problem(node.code, f"the text cannot be read: {node.why}")


def _typed(run: Run, node: Typed, scope: Scope) -> Any:
    return checked(run, run.value(node.of, scope), node.type, scope)


def checked(run: Run, value: Any, of: Type, scope: Scope) -> Any:
    """The value as one of the type, converted as the standard allows (10.3.2.9.4).

    A list of one stands for its item, an item for a list of one, a date for its midnight; the value as a whole is
    converted, its parts are not.

    Raises:
        Problem: if it is none, or none of the values that the type allows.
    """
    made = fitted(value, of)
    _allowed(run, made, of, scope)
    return made


def passes(run: Run, tests: Tests | None, value: Any, scope: Scope) -> bool:
    """Whether a value may stand where only some are allowed; null may, and what is not known yet."""
    if tests is None or value is None or value is UNKNOWN:
        return True
    return run.value(tests, Scope({"?": value}, scope)) is not False


def _allowed(run: Run, value: Any, of: Type, scope: Scope) -> None:
    if not passes(run, of.allowed, value, scope):
        raise Problem("domain", f"the value is none that {of} allows")
    if of.item is not None and isinstance(value, list):
        for item in value:
            _allowed(run, item, of.item, scope)
    if of.members is not None and isinstance(value, dict):
        for name, member in of.members.items():
            _allowed(run, value.get(name), member, scope)


# -- tables


def _table(run: Run, node: TableNode, scope: Scope) -> Any:
    matched, doubt = matches(run, node, scope)
    if doubt and (not matched or node.policy != "F" or doubt[0] < matched[0]):
        return UNKNOWN
    return decided(run, node, matched, scope)


def matches(run: Run, node: TableNode, scope: Scope) -> tuple[list[int], list[int]]:
    """The rows that match, and those of which that is not known yet.

    Raises:
        Problem: if an input has a value that its column does not allow.
    """
    inputs = [_input(run, column, scope) for column in node.inputs]
    matched: list[int] = []
    doubt: list[int] = []
    for number, row in enumerate(node.rows):
        verdict: Any = True
        for cell, inner in zip(row.cells, inputs, strict=True):
            verdict = both(verdict, run.value(cell, inner))
            if verdict is False:
                break
        if verdict is True:
            matched.append(number)
            if node.policy == "F":
                break
        elif verdict is UNKNOWN:
            doubt.append(number)
    return matched, doubt


def _input(run: Run, column: Input, scope: Scope) -> Scope:
    value = checked(run, run.value(column.expression, scope), column.type, scope)
    if not passes(run, column.allowed, value, scope):
        raise Problem("domain", f"the value of {column.label or 'an input'} is none that its column allows")
    return Scope({"?": value}, scope)


def decided(run: Run, node: TableNode, matched: Sequence[int], scope: Scope) -> Any:
    """The result of the rows that match, by the hit policy.

    Raises:
        Problem: if several match where one may, or differ where they may not.
    """
    if not matched:
        return _default(run, node, scope)
    if node.policy == "U" and len(matched) > 1:
        raise Problem("unique", f"rows {_numbers(matched)} match, and the hit policy allows one")
    if node.policy in {"U", "F"}:
        return _result(run, node, node.rows[matched[0]], scope)
    results = [_result(run, node, node.rows[number], scope) for number in matched]
    if node.policy in _COMPARING and any(map(_open, results)):
        return UNKNOWN
    return _POLICIES[node.policy](run, node, results, matched, scope)


def _open(result: Any) -> bool:
    """Whether a part of a result is not known yet."""
    return result is UNKNOWN or (isinstance(result, dict) and any(map(_open, result.values())))


def _numbers(matched: Sequence[int]) -> str:
    return ", ".join(str(number + 1) for number in matched)


def _default(run: Run, node: TableNode, scope: Scope) -> Any:
    if all(output.default is None for output in node.outputs):
        raise Problem("no-match", "no row matches, and there is no default")
    values = [None if output.default is None else run.value(output.default, scope) for output in node.outputs]
    return values[0] if len(values) == 1 else dict(zip((output.name for output in node.outputs), values, strict=True))


def _result(run: Run, node: TableNode, row: Row, scope: Scope) -> Any:
    values = [_output(run, column, result, scope) for column, result in zip(node.outputs, row.results, strict=True)]
    return values[0] if len(values) == 1 else dict(zip((output.name for output in node.outputs), values, strict=True))


def _output(run: Run, column: Output, result: Node, scope: Scope) -> Any:
    value = checked(run, run.value(result, scope), column.type, scope)
    if not passes(run, column.allowed, value, scope):
        raise Problem("domain", f"the result is none of the values of output {column.name or ''!r}")
    return value


def _any(run: Run, node: TableNode, results: list[Any], matched: Sequence[int], scope: Scope) -> Any:  # noqa: ARG001 - one shape for all policies
    for result in results[1:]:
        if equal(result, results[0]) is not True:
            raise Problem("any", f"rows {_numbers(matched)} match with different results")
    return results[0]


def _rank(run: Run, node: TableNode, result: Any, scope: Scope) -> tuple[int, ...]:
    """The places of the result's values in the order of priority; what is not listed comes last."""
    values = [result] if len(node.outputs) == 1 else [result[output.name] for output in node.outputs]
    return tuple(_place(run, column, value, scope) for column, value in zip(node.outputs, values, strict=True))


def _place(run: Run, column: Output, value: Any, scope: Scope) -> int:
    places = (place for place, listed in enumerate(column.values) if any_test(run, (listed,), value, scope) is True)
    return next(places, len(column.values))


def _output_order(run: Run, node: TableNode, results: list[Any], _matched: Sequence[int], scope: Scope) -> Any:
    return sorted(results, key=lambda result: _rank(run, node, result, scope))


def _priority(run: Run, node: TableNode, results: list[Any], matched: Sequence[int], scope: Scope) -> Any:
    return _output_order(run, node, results, matched, scope)[0]


def _rule_order(_run: Run, _node: TableNode, results: list[Any], _matched: Sequence[int], _scope: Scope) -> Any:
    return results


def _count(_run: Run, _node: TableNode, results: list[Any], _matched: Sequence[int], _scope: Scope) -> Any:
    return call_builtin("count", [results])


def _aggregate(_run: Run, node: TableNode, results: list[Any], _matched: Sequence[int], _scope: Scope) -> Any:
    if len(node.outputs) > 1:
        raise Problem("type", "results of several outputs have no sum and no order")
    return call_builtin(_AGGREGATORS[node.policy], [results])


_POLICIES: Mapping[str, Any] = {
    "A": _any,
    "P": _priority,
    "R": _rule_order,
    "O": _output_order,
    "C": _rule_order,
    "C+": _aggregate,
    "C<": _aggregate,
    "C>": _aggregate,
    "C#": _count,
}

#: What to do with each class of nodes, boxed ones too.
BOXED: Mapping[type, Handler] = {**HANDLERS, TableNode: _table, Typed: _typed, Broken: _broken}
