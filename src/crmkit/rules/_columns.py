"""From the cells of a decision table to boxes on a grid: each column cut wherever one of its cells changes its answer.

A column is cut at every literal that its cells compare with: a point for each, an open interval between two
neighbours, the values of an enumeration, and null as a point of its own. One representative of each cell is put to the
interpreter, so that a box says exactly what the table does there.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import attrs

from crmkit.rules._scales import SCALES, Scale, aligned
from crmkit.rules._shapes import Shape
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._builtins import BUILTINS
from crmkit.rules.feel._convert import to_feel
from crmkit.rules.feel._evaluate import evaluate
from crmkit.rules.feel._numbers import to_number
from crmkit.rules.feel._operators import Problem, compare
from crmkit.rules.feel._text import literal
from crmkit.rules.feel._values import kind

_COMPOUND = frozenset({"list", "context"})


@attrs.frozen
class Cell:
    """An elementary cell: a point, an open interval, any other text, or null.

    Attributes:
        value: a value in it, as FEEL has it.
        low: the lower end of an open interval; None if it has none, or is a point.
        high: its upper end.
        point: whether it is one value.
        other: whether it is every value that is not listed.
    """

    value: Any
    low: Any = None
    high: Any = None
    point: bool = True
    other: bool = False


@attrs.frozen(slots=False)
class Column:
    """One input of a table, cut into cells.

    Attributes:
        label: its text.
        cells: in order; null comes last.
        ordered: whether neighbours lie next to each other.
        nullable: whether the last cell is null.
    """

    label: str
    cells: tuple[Cell, ...]
    ordered: bool
    nullable: bool

    @cached_property
    def plain(self) -> tuple[Cell, ...]:
        """The cells but null."""
        return self.cells[:-1] if self.nullable else self.cells

    @cached_property
    def _places(self) -> dict[Any, int]:
        return {cell.value: number for number, cell in enumerate(self.plain) if not cell.other}

    def mask(self, tests: nodes.Tests) -> int:
        """The cells that pass, one bit each."""
        sides = [self._side(test) for test in tests.tests]
        if any(side is None for side in sides):
            return self._asked(tests, range(len(self.cells)))
        passed = 0
        for side in sides:
            passed |= side or 0
        if tests.negated or not tests.tests:
            passed = (1 << len(self.plain)) - 1 & ~passed
        return passed | self._asked(tests, range(len(self.plain), len(self.cells)))

    def _asked(self, tests: nodes.Tests, which: Iterable[int]) -> int:
        """Of some cells those that pass, as the interpreter says."""
        passed = 0
        for number in which:
            if evaluate(tests, {"?": self.cells[number].value}).value is True:
                passed |= 1 << number
        return passed

    def _side(self, test: nodes.Node) -> int | None:
        """The cells but null that pass a test, found by their places; None if that takes the interpreter."""
        if isinstance(test, nodes.Literal_) and not self.ordered:
            return 1 << self._places[test.value] if isinstance(test.value, str) and test.value in self._places else None
        if not self.ordered:
            return None
        match test:
            case nodes.Interval():
                low, high = (
                    self._count(test.low, equal=not test.low_included),
                    self._count(test.high, equal=test.high_included),
                )
            case nodes.HalfLine(op="<" | "<="):
                low, high = 0, self._count(test.bound, equal=test.op == "<=")
            case nodes.HalfLine(op=">" | ">="):
                low, high = self._count(test.bound, equal=test.op == ">"), len(self.plain)
            case _:
                low, high = self._count(test, equal=False), self._count(test, equal=True)
        if low is None or high is None:
            return None
        return (1 << high) - 1 & ~((1 << low) - 1)

    def _count(self, bound: nodes.Node, *, equal: bool) -> int | None:
        """How many cells lie below a literal, or at it; None if it is not one that they compare with."""
        value = constant(bound)
        if value is None or value is NOT_CONSTANT or kind(value) != kind(self.cells[0].value):
            return None
        op = "<=" if equal else "<"
        return bisect_left(self.plain, 1, key=lambda cell: int(compare(op, cell.value, value) is not True))

    def holding(self, value: Any) -> int:
        """The cell that a value lies in, as a mask; 0 for one that rules do not compare: a time that lacks a zone."""
        try:
            return next((1 << number for number, cell in enumerate(self.cells) if self._holds(cell, value)), 0)
        except Problem:
            return 0

    def _holds(self, cell: Cell, value: Any) -> bool:
        if cell.other:
            return value is not None and all(known.value != value for known in self.cells if not known.other)
        if cell.value is None or value is None:
            return cell.value is value
        if cell.point:
            # As rules compare: to Python an hour that a clock shows twice equals nothing in another zone.
            return compare("=", cell.value, value) is True
        ends = ((cell.low, "<"), (cell.high, ">"))
        return all(end is None or compare(op, end, value) is True for end, op in ends)

    def text(self, side: int) -> str:
        """The cells of a side as the text of a cell: `-`, `[1..5)`, `"a", "b"`, `null`; "nothing" for none."""
        if side == (1 << len(self.cells)) - 1:
            return "-"
        null = bool(self.nullable and side >> len(self.plain) & 1)
        chosen = [number for number in range(len(self.plain)) if side >> number & 1]
        if len(chosen) == len(self.plain):
            return "not(null)"
        if any(self.cells[number].other for number in chosen):
            return self._but(
                [cell.value for number, cell in enumerate(self.plain) if not side >> number & 1], null=null
            )
        parts = [*self._intervals(chosen)] if self.ordered else [_said(self.cells[number].value) for number in chosen]
        return ", ".join([*parts, *["null"] * null]) or "nothing"

    def _but(self, values: Sequence[Any], *, null: bool) -> str:
        """All values but some."""
        without_null = self.nullable and not null
        return f"not({', '.join([*map(_said, values), *['null'] * without_null])})"

    def _intervals(self, chosen: Sequence[int]) -> Iterator[str]:
        start = 0
        for i in range(len(chosen)):
            if i + 1 == len(chosen) or chosen[i + 1] != chosen[i] + 1:
                yield _interval(self.cells[chosen[start]], self.cells[chosen[i]])
                start = i + 1


def _interval(first: Cell, last: Cell) -> str:
    low, high = first.value if first.point else first.low, last.value if last.point else last.high
    if first is last and first.point:
        return _said(first.value)
    if low is None:
        return f"{'<=' if last.point else '<'} {_said(high)}"
    if high is None:
        return f"{'>=' if first.point else '>'} {_said(low)}"
    return f"{'[' if first.point else '('}{_said(low)}..{_said(high)}{']' if last.point else ')'}"


def _said(value: Any) -> str:
    # A float in the fewest digits that give it back, as people write it.
    return literal(to_number(value) if isinstance(value, float) else value)


def column(label: str, shape: Shape, tests: Iterable[nodes.Tests]) -> Column | None:
    """The column cut at all literals of its cells; None if they do not say where it must be cut."""
    listed = [*tests]
    null = [Cell(None)] if shape.nullable else []
    finite = _finite(shape)
    if finite:
        # Nothing need be known of a test that can be tried on every value.
        return (
            Column(label, (*finite, *null), ordered=False, nullable=bool(null)) if all(map(_closed, listed)) else None
        )
    compared = _literals(listed, ordered=shape.kind in SCALES)
    if compared is None:
        return None
    scale = SCALES.get(shape.kind)
    values = [value for value in compared if value is not None and kind(value) == shape.feel]
    if scale is not None:
        if not all(map(scale.holds, values)):
            return None
        plain = [*_line(scale, shape, values)]
    elif shape.kind == "string":
        plain = _texts(values)
    elif values or any(value is not None for value in compared):
        return None
    else:
        plain = [Cell("anything", point=False)]
    return Column(label, (*plain, *null), scale is not None, bool(null))


def _finite(shape: Shape) -> list[Cell]:
    """The values of a column that can be listed."""
    if shape.kind == "boolean":
        return [Cell(value=False), Cell(value=True)]
    if not shape.values or shape.kind in _COMPOUND:
        return []
    return [Cell(float(value) if shape.kind == "float" else to_feel(value)) for value in shape.values]


def _closed(cell: nodes.Tests) -> bool:
    """Whether a cell speaks of nothing but its input."""
    names = {node.name for node in nodes.walk(cell) if isinstance(node, nodes.Name)}
    return names <= {"?", *BUILTINS}


def _literals(cells: Iterable[nodes.Tests], *, ordered: bool) -> list[Any] | None:
    """The values that cells compare their input with; None if they do more than that.

    Args:
        cells: the cells.
        ordered: whether more and less may be asked, and not just the same.
    """
    found: list[Any] = []
    waiting = deque(test for cell in cells for test in cell.tests)
    while waiting:
        parts = _ends(waiting.popleft(), ordered=ordered)
        if parts is None:
            return None
        for part in parts:
            value = constant(part)
            if value is NOT_CONSTANT:
                waiting.append(part)
            else:
                found.append(value)
    return found


def _ends(test: nodes.Node, *, ordered: bool) -> tuple[nodes.Node, ...] | None:
    """What a test compares its input with, or the tests that it consists of; None if it is no such test."""
    asked = nodes.Name("?")
    match test:
        case nodes.HalfLine() if _bounds(test.op, test.bound, ordered=ordered):
            return (test.bound,)
        case nodes.Compare() if test.left == asked and _bounds(test.op, test.right, ordered=ordered):
            return (test.right,)
        case nodes.Interval() | nodes.Between() if ordered and getattr(test, "operand", asked) == asked:
            return (test.low, test.high) if _both_constant(test.low, test.high) else None
        case nodes.ListOf() if all(constant(item) is not NOT_CONSTANT for item in test.items):
            return test.items
        case nodes.In() if test.operand == asked:
            return test.tests
        case nodes.And() | nodes.Or():
            return test.operands
        case _:
            return None if constant(test) is NOT_CONSTANT else (test,)


def _bounds(op: str, bound: nodes.Node, *, ordered: bool) -> bool:
    return (ordered or op in {"=", "!="}) and constant(bound) is not NOT_CONSTANT


def _both_constant(*parts: nodes.Node) -> bool:
    return all(constant(part) is not NOT_CONSTANT for part in parts)


#: What `constant` says of a part that is no literal.
NOT_CONSTANT = object()


def constant(node: nodes.Node) -> Any:
    """The value of a literal, with a sign or without; `NOT_CONSTANT` if it is more than that."""
    inner = node.operand if isinstance(node, nodes.Negate) else node
    if not isinstance(inner, nodes.Literal_ | nodes.Temporal):
        return NOT_CONSTANT
    return evaluate(node, {}).value


def _texts(values: Sequence[str]) -> list[Cell]:
    known = list(dict.fromkeys(values))
    other = "any other"
    while other in known:
        other += "'"
    return [*map(Cell, known), Cell(other, other=True)]


def _line(scale: Scale, shape: Shape, literals: Sequence[Any]) -> Iterator[Cell]:
    """Points and open intervals in turn, within the field's bounds."""
    field = shape.field
    low, high = (None, None) if field is None else (aligned(scale, field.low), aligned(scale, field.high, up=False))
    places = {place: value for value in reversed(literals) for place, value in scale.places(value)}
    places = {p: v for p, v in places.items() if (low is None or p >= low[0]) and (high is None or p <= high[0])}
    places |= dict(bound for bound in (low, high) if bound is not None)
    points = sorted(places)
    if not points:
        yield Cell(scale.value(scale.zero), point=False)
        return
    first, last = scale.beyond(points[0], -1), scale.beyond(points[-1], 1)
    if low is None and first is not None:
        yield Cell(scale.value(first), None, places[points[0]], point=False)
    for number, point in enumerate(points):
        yield Cell(places[point])
        between = None if point == points[-1] else scale.between(point, points[number + 1])
        if between is not None:
            yield Cell(scale.value(between), places[point], places[points[number + 1]], point=False)
    if high is None and last is not None:
        yield Cell(scale.value(last), places[points[-1]], None, point=False)
