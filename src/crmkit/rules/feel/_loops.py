"""Loops, quantifiers and filters: the parts of the interpreter that repeat."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel import _temporal as temporal
from crmkit.rules.feel._operators import Problem, both, inverted
from crmkit.rules.feel._run import Exhausted, Run, Scope, truth
from crmkit.rules.feel._values import UNKNOWN, Range, kind


class _Unknown(Exception):
    """What is looped over is not known yet."""


def _items(run: Run, iteration: nodes.Iteration, scope: Scope) -> Iterable[Any]:
    source = run.value(iteration.source, scope)
    if iteration.high is not None:
        return _counted(run, source, run.value(iteration.high, scope))
    if source is UNKNOWN:
        raise _Unknown
    if isinstance(source, Range):
        return _counted(run, source.low, source.high, source)
    if source is None:
        raise Problem("null-operand", "null is no list")
    return source if isinstance(source, list) else [source]


def _counted(run: Run, low: Any, high: Any, within: Range | None = None) -> Iterable[Any]:
    """`low..high` one by one, downwards if the end is less: integers, or days."""
    if UNKNOWN in (low, high):
        raise _Unknown
    kinds = kind(low), kind(high)
    if kinds == ("date", "date"):
        start, stop = temporal.ordinal_of(low), temporal.ordinal_of(high)
    elif kinds == ("number", "number") and low == int(low) and high == int(high):
        start, stop = int(low), int(high)
    else:
        raise Problem("type", f"nobody can count from a {kinds[0]} to a {kinds[1]}")
    step = -1 if stop < start else 1
    if within is not None:
        start, stop = start + (not within.low_included) * step, stop - (not within.high_included) * step
    if abs(stop - start) >= run.world.limits.items:
        raise Exhausted(f"a loop runs more than {run.world.limits.items} times")
    numbers = range(start, stop + step, step) if (stop - start) * step >= 0 else ()
    return map(Decimal if kinds[0] == "number" else temporal.from_ordinal, numbers)


def _combinations(run: Run, iterations: tuple[nodes.Iteration, ...], scope: Scope) -> Iterator[Scope]:
    """A scope for each combination; the first name varies slowest."""
    if not iterations:
        yield scope
        return
    first, rest = iterations[0], iterations[1:]
    for item in _items(run, first, scope):
        yield from _combinations(run, rest, Scope({first.name: item}, scope))


def for_(run: Run, node: nodes.For, scope: Scope) -> Any:
    """The body's value for every combination."""
    results: list[Any] = []
    partial: dict[str, Any] = {"partial": []}
    recalled = any(isinstance(one, nodes.Name) and one.name == "partial" for one in nodes.walk(node.body))
    try:
        for inner in _combinations(run, node.iterations, Scope(partial, scope)):
            run.spend(len(node.iterations))
            if recalled:
                run.spend(len(results) // 16)
                partial["partial"] = [*results]
            results.append(run.value(node.body, inner))
    except _Unknown:
        return UNKNOWN
    return results


def quantified(run: Run, node: nodes.Quantified, scope: Scope) -> Any:
    """Three-valued: some, or every, combination satisfies the condition."""
    result: Any = True
    try:
        for inner in _combinations(run, node.iterations, scope):
            run.spend(len(node.iterations))
            one = truth(run, run.value(node.condition, inner), node.condition.span)
            result = both(result, one if node.every else inverted(one))
            if result is False:
                break
    except _Unknown:
        return UNKNOWN
    return result if node.every else inverted(result)


def filtered(run: Run, node: nodes.Filter, scope: Scope) -> Any:
    """The items for which the condition is true, or the one at a position."""
    source = run.value(node.of, scope)
    if source is UNKNOWN:
        return UNKNOWN
    items = source if isinstance(source, list) else [] if source is None else [source]
    if isinstance(node.condition, nodes.Literal_ | nodes.Negate):
        fixed = run.value(node.condition, scope)
        if kind(fixed) == "number":
            return _at(items, fixed)
    if not items:
        return _of_nothing(run, node, scope)
    kept: list[Any] = []
    for item in items:
        answer = run.value(node.condition, _item_scope(item, scope))
        if answer is UNKNOWN:
            return UNKNOWN
        if kind(answer) == "number":
            return _at(items, answer)
        if truth(run, answer, node.condition.span) is True:
            kept.append(item)
    return kept


def _of_nothing(run: Run, node: nodes.Filter, scope: Scope) -> Any:
    """An empty list has no position; every other condition leaves it as it is."""
    noted = len(run.notes)
    answer = run.value(node.condition, _item_scope(None, scope))
    del run.notes[noted:]
    return _at([], answer) if kind(answer) == "number" else []


def _item_scope(item: Any, scope: Scope) -> Scope:
    inner = Scope({"item": item}, scope)
    return Scope(item, inner) if isinstance(item, dict) else inner


def _at(items: list[Any], position: Decimal) -> Any:
    number = int(position)
    if position != number or not number or abs(number) > len(items):
        raise Problem("range", f"the list has no position {position}")
    return items[number - 1 if number > 0 else number]
