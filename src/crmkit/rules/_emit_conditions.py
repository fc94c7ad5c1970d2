"""Conditions as Python source: comparisons, tests, junctions and quantifiers, each as what is true or what is false."""

from collections.abc import Callable, Mapping, Sequence

import attrs

from crmkit.rules._emit_values import as_kind, literal_number, or_none
from crmkit.rules._shapes import NUMBERS, Shape
from crmkit.rules._writer import Opaque, Plain, Read, Writer, guarded, interpreted
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._evaluate import asks

_NATIVE = NUMBERS | {
    "string", "boolean", "date", "date and time", "days and time duration", "years and months duration",
}  # fmt: skip
_PYTHON = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_OPPOSITE = {"=": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def compared(emit: Writer, op: str, left: nodes.Node, right: nodes.Node, *, wanted: bool) -> str:
    """Source of a comparison.

    Raises:
        Opaque: if it has no plain form.
    """
    for literal, other in ((right, left), (left, right)):
        if isinstance(literal, nodes.Literal_) and literal.value is None:
            return _null_test(emit, other, empty=(op == "=") == wanted)
    if op not in {"=", "!="}:
        return guarded(*ordered(emit, op, left, right, wanted=wanted))
    x, y = _sides(emit, left, right)
    symbol = (_PYTHON if wanted else _OPPOSITE)[op]
    if (x.guards or y.guards) and not (_bare_null(x) and _bare_null(y)):
        # Both null is equal, one null is not.
        return f"(({or_none(x)}) {symbol} ({or_none(y)}))"
    # None is equal to nothing but itself, in Python as in FEEL.
    return f"({x.text} {symbol} {y.text})"


def ordered(emit: Writer, op: str, left: nodes.Node, right: nodes.Node, *, wanted: bool) -> tuple[tuple[str, ...], str]:
    """The guards of an ordered comparison, and what it is while they hold.

    Raises:
        Opaque: if it has no plain form.
    """
    x, y = _sides(emit, left, right)
    guards = (*x.guards, *y.guards)
    if not wanted and (_computed(emit, left) or _computed(emit, right)):
        # Too large a float less another is not even a number: neither less nor greater, and so not less.
        return guards, f"not {x.text} {op} {y.text}"
    return guards, f"{x.text} {(_PYTHON if wanted else _OPPOSITE)[op]} {y.text}"


def _computed(emit: Writer, node: nodes.Node) -> bool:
    return emit.shape(node).kind == "float" and not isinstance(node, nodes.Name | nodes.Path)


def _sides(emit: Writer, left: nodes.Node, right: nodes.Node) -> tuple[Plain, Plain]:
    """Both sides of a comparison, ready to be compared by Python."""
    a, b = emit.shape(left), emit.shape(right)
    if a.feel != b.feel or a.kind not in _NATIVE:
        raise Opaque
    x, y = emit.value(left), emit.value(right)
    if interpreted(x, y):
        # One evaluation of the whole is cheaper than one of a part, and does not mix two kinds of numbers.
        raise Opaque
    if a.feel == "number":
        kind = _met(left, a, right, b)
        x, y = as_kind(emit, left, x, kind), as_kind(emit, right, y, kind)
    if a.kind == "date and time":
        x, y = _on_one_clock(x), _on_one_clock(y)
    return x, y


def _met(left: nodes.Node, a: Shape, right: nodes.Node, b: Shape) -> str:
    """The kind in which two numbers meet: that of the one which is no literal, a float if either is one."""
    if "float" in {a.kind, b.kind}:
        return "float"
    return b.kind if literal_number(left) is not None else a.kind if literal_number(right) is not None else "decimal"


def _on_one_clock(plain: Plain) -> Plain:
    """Python compares two times of one zone by what that zone's clock shows, even if it shows an hour twice."""
    return attrs.evolve(plain, text=f"_utc({plain.text})")


def _bare_null(part: Plain) -> bool:
    """Whether the source is None where the value is null."""
    return not part.guards or part.guards == (f"{part.text} is not None",)


def _null_test(emit: Writer, operand: nodes.Node, *, empty: bool) -> str:
    part = emit.value(operand)
    if not part.guards:
        return str(not empty)
    return f"(not {guarded(part.guards)})" if empty else guarded(part.guards)


def _compare(emit: Writer, node: nodes.Compare, *, wanted: bool) -> str:
    return compared(emit, node.op, node.left, node.right, wanted=wanted)


def _junction(emit: Writer, node: nodes.And | nodes.Or, *, wanted: bool) -> str:
    word = " and " if isinstance(node, nodes.And) == wanted else " or "
    return f"({word.join(emit.condition(operand, wanted=wanted) for operand in node.operands)})"


def _between(emit: Writer, node: nodes.Between, *, wanted: bool) -> str:
    low = compared(emit, ">=", node.operand, node.low, wanted=wanted)
    high = compared(emit, "<=", node.operand, node.high, wanted=wanted)
    return f"({low} {'and' if wanted else 'or'} {high})"


def _inside(emit: Writer, operand: nodes.Node, test: nodes.Interval, *, wanted: bool) -> str:
    """A value in a range: a value before its start is outside whatever its end; without a start there is no answer."""
    guards, low = ordered(emit, ">=" if test.low_included else ">", operand, test.low, wanted=wanted)
    high = compared(emit, "<=" if test.high_included else "<", operand, test.high, wanted=wanted)
    return guarded(guards, f"({low} {'and' if wanted else 'or'} {high})")


def _in(emit: Writer, node: nodes.In, *, wanted: bool) -> str:
    items = node.tests[0].items if len(node.tests) == 1 and isinstance(node.tests[0], nodes.ListOf) else node.tests
    return listed(emit, node.operand, items, wanted=wanted) or _any_of(emit, node.operand, node.tests, wanted=wanted)


def _any_of(emit: Writer, operand: nodes.Node, tests: Sequence[nodes.Node], *, wanted: bool) -> str:
    parts = [tested(emit, operand, test, wanted=wanted) for test in tests]
    return f"({(' or ' if wanted else ' and ').join(parts)})" if parts else str(not wanted)


def listed(emit: Writer, operand: nodes.Node, items: Sequence[nodes.Node], *, wanted: bool) -> str | None:
    """Source that says whether a field is in a set of strings, if that is what is asked."""
    values = [item.value for item in items if isinstance(item, nodes.Literal_) and isinstance(item.value, str)]
    plain = isinstance(operand, nodes.Name) and emit.shape(operand).kind == "string"
    if not plain or len(values) < max(len(items), 2):
        return None
    # Null is in no set of strings, and FEEL says false as well.
    return f"({emit.value(operand).text} {'in' if wanted else 'not in'} {emit.constant(frozenset(values))})"


def tested(emit: Writer, operand: nodes.Node, test: nodes.Node, *, wanted: bool) -> str:
    """Source of one test of an operand.

    Raises:
        Opaque: if it has no plain form.
    """
    if isinstance(test, nodes.HalfLine):
        return compared(emit, test.op, operand, test.bound, wanted=wanted)
    if isinstance(test, nodes.Interval):
        return _inside(emit, operand, test, wanted=wanted)
    if asks(test):
        if "?" not in emit.scope:
            raise Opaque
        return emit.condition(test, wanted=wanted)
    if isinstance(test, nodes.ListOf) and emit.shape(operand).kind not in {"list", "any"}:
        if any(isinstance(item, nodes.HalfLine | nodes.Interval | nodes.ListOf) for item in test.items):
            # In a list they are values: what cannot be compared with one is passed over, and not null.
            raise Opaque
        return _any_of(emit, operand, test.items, wanted=wanted)
    if emit.shape(test).feel not in {emit.shape(operand).feel, "null"}:
        raise Opaque
    return compared(emit, "=", operand, test, wanted=wanted)


def _quantified(emit: Writer, node: nodes.Quantified, *, wanted: bool) -> str:
    loop = looped(emit, node, wanted=wanted)
    tests = " and ".join(read.test for read in loop.reads.values())
    condition = f"({loop.condition} if {tests} else _astray())" if tests else loop.condition
    items = "".join(f" for {read.name} in ({text},)" for text, read in loop.reads.items() if read.name)
    # Some is true as soon as one is; false when every one is. Every is the other way round.
    gather = "any" if node.every != wanted else "all"
    return guarded(loop.source.guards, f"{gather}({condition} for {loop.variable} in {loop.source.text}{items})")


@attrs.frozen
class Loop:
    """A list that is gone through.

    Attributes:
        source: the list.
        variable: what holds an item.
        condition: what is asked of it.
        reads: what is read from an item, by its source.
    """

    source: Plain
    variable: str
    condition: str
    reads: Mapping[str, Read]


def looped(emit: Writer, node: nodes.Quantified, *, wanted: bool) -> Loop:
    """The loop that a quantifier is.

    Raises:
        Opaque: if it is no plain loop.
    """
    iteration = node.iterations[0]
    of = emit.shape(iteration.source)
    if len(node.iterations) > 1 or iteration.high is not None or of.kind != "list" or of.item is None:
        raise Opaque
    source, variable = emit.value(iteration.source), emit.temporary()
    if emit.root(source.text) is None:
        raise Opaque
    before = len(emit.opaque)
    with emit.binding({iteration.name: (variable, of.item)}):
        condition = emit.condition(node.condition, wanted=wanted)
    reads = emit.members.pop(variable, {})
    if len(emit.opaque) != before or ":=" in condition:
        # A variable assigned in the loop would be seen by the wrong one.
        raise Opaque
    return Loop(source, variable, condition, reads)


def _if(emit: Writer, node: nodes.If, *, wanted: bool) -> str:
    then, other = emit.condition(node.then, wanted=wanted), emit.condition(node.otherwise, wanted=wanted)
    return f"({then} if {emit.condition(node.condition, wanted=True)} else {other})"


CONDITIONS: Mapping[type, Callable[..., str]] = {
    nodes.Compare: _compare,
    nodes.And: _junction,
    nodes.Or: _junction,
    nodes.Between: _between,
    nodes.In: _in,
    nodes.Quantified: _quantified,
    nodes.If: _if,
}
