"""Decision tables as generated Python.

A table whose cells are values and ranges becomes an index: each input picks its cell of the grid and with it a mask of
the rows that match there, and what is left of all masks decides. Other tables, and short ones of which the first row
that matches decides, become a chain of conditions. A record that is not what the schema says goes to the interpreter,
which says clearly what is wrong.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from crmkit.rules._boxed import BOXED, TableNode, decided
from crmkit.rules._columns import NOT_CONSTANT, Cell, Column, column, constant
from crmkit.rules._emit import GLOBALS, Emitter, Opaque, cell, guarded
from crmkit.rules._native import build
from crmkit.rules._shapes import Shape
from crmkit.rules._writer import within
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._convert import to_feel
from crmkit.rules.feel._evaluate import evaluate
from crmkit.rules.feel._numbers import CONTEXT
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._printer import unparse
from crmkit.rules.feel._run import Run, Scope, World
from crmkit.rules.feel._values import YearsMonths
from crmkit.rules.schema import Field, Schema
from crmkit.rules.table import DecisionTable

Record: TypeAlias = Mapping[str, Any]
Function: TypeAlias = Callable[[Record], Any]

#: What generated code raises on a record that is not what the schema says.
_ASTRAY = (KeyError, TypeError, AttributeError, ArithmeticError, ValueError)
#: Up to that many rows a chain of conditions is faster than an index, even for the last row.
_FEW = 32
#: The same where an input is of another kind than these, which Python compares at once.
_FEWER = 8
_QUICK = frozenset({"integer", "float", "string", "boolean"})
#: How many results are remembered, by the rows that they come from.
_MOST_RESULTS = 4096
#: Integers beyond that have more digits than a number of FEEL.
_WIDEST = 10**33
#: The one class of a field's values that generated code takes; everything else is converted by the interpreter.
_CLASSES: dict[str, type] = {
    "decimal": Decimal, "integer": int, "float": float, "string": str, "boolean": bool, "date": date, "time": time,
    "date and time": datetime, "days and time duration": timedelta, "years and months duration": YearsMonths,
}  # fmt: skip
#: Kinds whose values Python itself compares as FEEL does.
_INDEXED = frozenset(_CLASSES) - {"time", "date and time"}


def function(table: DecisionTable) -> Function:
    """The table as a function from a record to what `DecisionTable.decide` gives as its value."""

    def slow(record: Record) -> Any:
        return table.decide(record).value

    read = [field for field in table.schema.fields if field.name in _names(table.node)]
    if not all(field.kind in _CLASSES for field in read):
        return slow
    return _Writer(table, read, slow).made()


def _names(node: TableNode) -> set[str]:
    """The names that a table speaks of."""
    parts: list[nodes.Node] = [part.expression for part in node.inputs]
    for row in node.rows:
        parts += [*row.cells, *row.results]
    parts += [output.default for output in node.outputs if output.default is not None]
    return {one.name for part in parts for one in nodes.walk(part) if isinstance(one, nodes.Name)}


class _Writer:
    """Writes the function of one table."""

    def __init__(self, table: DecisionTable, read: Sequence[Field], slow: Function) -> None:
        self.table, self.node, self.read = table, table.node, read
        self.schema = Schema(read)
        self.shapes = [table.checked.shapes[id(part.expression)] for part in self.node.inputs]
        # What a cell looks at: the field itself, or a variable for what is calculated.
        self.operands: list[nodes.Node] = []
        self.cells: list[nodes.Tests] = []
        variables = {field.name: f"f{number}" for number, field in enumerate(read)}
        self.emit = Emitter(dict(table.checked.shapes), variables, {}, [])
        self.variables = [f"v{number}" for number in range(len(self.shapes))]
        self.space: dict[str, Any] = {**GLOBALS, "_ASTRAY": _ASTRAY, "_plus": CONTEXT.plus}
        self.space |= {"_slow": slow, "_cell": self.cell, "_input": self.input, "_result": self.result}
        self.space |= {"_matched": self.matched, "_left": bisect_left, "_right": bisect_right}
        self.space |= {f"_{name.replace(' ', '_')}": kind for name, kind in _CLASSES.items()}
        self.space["__builtins__"] = {**GLOBALS["__builtins__"], "type": type, "TypeError": TypeError}
        self.known: dict[int, Any] = {}
        results = [part for row in self.node.rows for part in row.results]
        results += [output.default for output in self.node.outputs if output.default is not None]
        self.lasting = all(constant(part) is not NOT_CONSTANT for part in results)

    def made(self) -> Function:
        """The function."""
        lines = [line for field in self.read for line in self._load(field)]
        lines += [line for number in range(len(self.shapes)) for line in self._input(number)]
        columns = self._columns()
        few = _FEW if all(shape.kind in _QUICK for shape in self.shapes) else _FEWER
        short = self.node.policy == "F" and len(self.node.rows) <= few
        lines += self._chain() if columns is None or short else self._index(columns)
        body = "".join(f"        {line}\n" for line in lines)
        source = f"def decide(r):\n    try:\n{body}    except _ASTRAY:\n        pass\n    return _slow(r)\n"
        self.space |= self.emit.constants
        made: Function = build(source, self.space)
        return made

    # -- fields and inputs

    def _load(self, field: Field) -> list[str]:
        """A field in its variable; out of here if the interpreter must look at it first."""
        variable = self.emit.fields[field.name]
        name = self.emit.constant(field.name)
        tests = [f"{variable}.__class__ is _{field.kind.replace(' ', '_')}"]
        if field.values:
            tests.append(f"{variable} in {self._allowed(field)}")
        elif field.kind == "integer":
            tests += [
                f"{variable} {sign}{_WIDEST}"
                for sign, end in zip(("> -", "< "), field.bounds, strict=True)
                if end is None
            ]
        lines: list[str] = []
        if field.kind == "decimal":
            # Rounds what has too many digits, as FEEL does.
            lines = [f"if not ({' and '.join(tests)}):", "    raise TypeError", f"{variable} = _plus({variable})"]
            tests = []
        tests += within(self.emit, variable, field)
        lines += [f"if not ({' and '.join(tests)}):", "    raise TypeError"]
        if not field.nullable:
            return [f"{variable} = r[{name}]", *lines]
        return [f"{variable} = r.get({name})", f"if {variable} is not None:", *(f"    {line}" for line in lines)]

    def _allowed(self, field: Field) -> str:
        values = frozenset(field.read(value) for value in field.values)
        name = f"a{len(self.space)}"
        self.space[name] = values
        return name

    def _input(self, number: int) -> list[str]:
        """An input in its variable."""
        expression = self.node.inputs[number].expression
        if isinstance(expression, nodes.Name) and expression.name in self.emit.fields:
            self.variables[number] = self.emit.fields[expression.name]
            self.operands.append(expression)
            return []
        before = len(self.emit.opaque)
        plain = self.emit.value(expression)
        text = f"{plain.text} if {guarded(plain.guards)} else None" if plain.guards else plain.text
        if len(self.emit.opaque) > before:
            text = f"_input({number}, r)"
        variable = nodes.Name(f"input {number}")
        self.emit.fields[variable.name] = f"v{number}"
        self.emit.shapes = {**self.emit.shapes, id(variable): self.shapes[number]}
        self.operands.append(variable)
        return [f"v{number} = {text}"]

    def input(self, number: int, record: Record) -> Any:
        """What the interpreter says of an input."""
        return evaluate(self.node.inputs[number].expression, self.schema.read(record)).value

    def cell(self, number: int, record: Record, value: Any) -> bool:
        """What the interpreter says of a cell."""
        values = {**self.schema.read(record), "?": to_feel(value)}
        return evaluate(self.cells[number], values).value is True

    # -- results

    def result(self, record: Record, row: int) -> Any:
        """What one row decides."""
        return self._decided([row], Scope(self.schema.read(record)))

    def matched(self, record: Record, mask: int) -> Any:
        """What the rows of a mask decide."""
        found = self.known.get(mask, self)
        if found is self:
            rows = [number for number in range(len(self.node.rows)) if mask >> number & 1]
            if not self.lasting:
                return self._decided(rows, Scope(self.schema.read(record)))
            found = self._decided(rows, Scope({}))
            if len(self.known) < _MOST_RESULTS:
                self.known[mask] = found
        return _fresh(found)

    def _decided(self, rows: Sequence[int], scope: Scope) -> Any:
        try:
            return decided(Run(World(), BOXED), self.node, rows, scope)
        except Problem:
            return None

    # -- a chain of conditions

    def _chain(self) -> list[str]:
        if self.node.policy == "F":
            lines = [f"if {self._condition(number)}:\n            return {self._constant(number)}"
                     for number in range(len(self.node.rows))]  # fmt: skip
            return [*lines, "return _matched(r, 0)"]
        lines = ["m = 0"]
        for number in range(len(self.node.rows)):
            lines += [f"if {self._condition(number)}:", f"    m |= {1 << number}"]
        return [*lines, "return _matched(r, m)"]

    def _constant(self, number: int) -> str:
        """The results of a row as source, if they are literals."""
        row = self.node.rows[number]
        values = [constant(result) for result in row.results]
        if any(value is NOT_CONSTANT for value in values):
            return f"_result(r, {number})"
        texts = [
            str(value) if value is None or isinstance(value, bool) else self.emit.constant(value) for value in values
        ]
        if len(texts) == 1:
            return texts[0]
        names = [self.emit.constant(output.name) for output in self.node.outputs]
        return f"{{{', '.join(f'{name}: {text}' for name, text in zip(names, texts, strict=True))}}}"

    def _condition(self, number: int) -> str:
        row = self.node.rows[number]
        parts = [self._cell(place, tests) for place, tests in enumerate(row.cells) if tests.tests]
        return " and ".join(parts) or "True"

    def _cell(self, number: int, tests: nodes.Tests) -> str:
        before = len(self.emit.opaque)
        try:
            text = cell(self.emit, self.operands[number], tests)
        except Opaque:
            text = ""
        if text and len(self.emit.opaque) == before:
            return text
        self.cells.append(tests)
        return f"_cell({len(self.cells) - 1}, r, {self.variables[number]})"

    # -- an index

    def _columns(self) -> list[Column] | None:
        """The inputs cut into cells; None if some cell does more than an index can say."""
        found: list[Column] = []
        for number, (label, shape) in enumerate(zip(self.table.inputs, self.shapes, strict=True)):
            made = column(label, shape, [row.cells[number] for row in self.node.rows])
            if made is None or shape.kind not in _INDEXED:
                return None
            found.append(made)
        return found

    def _index(self, columns: Sequence[Column]) -> list[str]:
        looks = [self._look(number, one) for number, one in enumerate(columns)]
        lines = [f"m = {' & '.join(looks)}"]
        if self.node.policy == "F" and self.lasting:
            results = [self._decided([number], Scope({})) for number in range(len(self.node.rows))]
            self.space["_results"] = results
            fresh = "" if len(self.node.outputs) == 1 else ".copy()"
            lines += ["if m > 0:", f"    return _results[(m & -m).bit_length() - 1]{fresh}"]
        elif self.node.policy == "F":
            lines += ["m &= -m"]
        return [*lines, "return _matched(r, m)"]

    def _look(self, number: int, one: Column) -> str:
        """The rows that match the value of an input, as source."""
        value = self.variables[number]
        masks = _masks(one, [row.cells[number] for row in self.node.rows])
        null = masks.pop() if one.nullable else None
        if not one.ordered:
            other = next((masks[n] for n, part in enumerate(one.plain) if part.other or not part.point), _OUTSIDE)
            known = {part.value: mask for part, mask in zip(one.plain, masks, strict=True) if not part.other}
            self.space[f"_d{number}"] = {**known, None: _OUTSIDE if null is None else null}
            return f"_d{number}.get({value}, {other})"
        points, slots = _slots(one.plain, masks, self.shapes[number])
        self.space[f"_p{number}"], self.space[f"_s{number}"] = points, slots
        place = f"_s{number}[_left(_p{number}, {value}) + _right(_p{number}, {value})]"
        return place if null is None else f"({null} if {value} is None else {place})"


#: The mask of a value that lies in no cell: joined with another it fails, and the interpreter takes over.
_OUTSIDE = None


def _masks(one: Column, cells: Sequence[nodes.Tests]) -> list[int]:
    """For each cell of a column the rows that match it."""
    sides: dict[str, int] = {}
    masks = [0] * len(one.cells)
    for row, tests in enumerate(cells):
        text = unparse(tests)
        side = sides[text] if text in sides else sides.setdefault(text, one.mask(tests))
        for number in range(len(masks)):
            if side >> number & 1:
                masks[number] |= 1 << row
    return masks


def _slots(cells: Sequence[Cell], masks: Sequence[int], shape: Shape) -> tuple[list[Any], list[int | None]]:
    """The points of a line in order, and for each place before, at and after them the rows that match there."""
    points = [part.value for part in cells if part.point]
    slots: list[int | None] = [_OUTSIDE] * (2 * len(points) + 1)
    before = 0
    for part, mask in zip(cells, masks, strict=True):
        slots[2 * before + part.point] = mask
        before += part.point
    if shape.kind == "integer":
        return [int(point) for point in points], slots
    return points, slots


def _fresh(value: Any) -> Any:
    """A result that the caller may change."""
    if isinstance(value, list):
        return [_fresh(item) for item in value]
    return dict(value) if isinstance(value, dict) else value
