"""Decision tables as boxes on one grid: what the kernels of analysis read."""

from collections.abc import Sequence

import attrs

from crmkit.errors import InvalidValue
from crmkit.rules._boxed import Row, TableNode
from crmkit.rules._columns import NOT_CONSTANT, Column, column, constant
from crmkit.rules._shapes import Shape
from crmkit.rules.analysis._boxes import Box, Grid
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._operators import compare
from crmkit.rules.feel._printer import unparse
from crmkit.rules.table import DecisionTable

Words = tuple[str, ...]


@attrs.frozen
class Layout:
    """A table as boxes.

    Attributes:
        columns: the inputs, cut wherever a cell changes its answer.
        grid: the domain.
        boxes: for each row its box.
        opaque: the rows with conditions that cells do not express.
        outcomes: what each row gives, as text.
        computed: the inputs that may not take every value with every value of the others.
    """

    columns: tuple[Column, ...]
    grid: Grid
    boxes: tuple[Box, ...]
    opaque: frozenset[int]
    outcomes: Words
    computed: frozenset[int]

    def cells(self, box: Box) -> Words:
        """A box as texts of cells."""
        return tuple(one.text(side) for one, side in zip(self.columns, box, strict=True))

    def exists(self, box: Box) -> bool:
        """Whether some record surely lies in a box: inputs that are computed from others may never meet there."""
        return all(box[number] == self.grid.full[number] for number in self.computed)


def layout(table: DecisionTable, *others: DecisionTable) -> Layout:
    """A table on the grid that all of the tables share: the rows of all, one table after another.

    Raises:
        InvalidValue: if they do not have the same inputs, of the same kinds.
    """
    tables = (table, *others)
    if any(other.inputs != table.inputs for other in others):
        raise InvalidValue("tables", table.inputs, "do not have the same inputs")
    rows = [row for one in tables for row in one.node.rows]
    columns: list[Column] = []
    opaque: set[int] = set()
    sides: list[list[int]] = []
    for number, label in enumerate(table.inputs):
        shape = _shared(label, [_shape(one, number) for one in tables])
        cells = [row.cells[number] for row in rows]
        # By their texts: 1 and true are equal to Python.
        texts = [unparse(cell) for cell in cells]
        listed = dict(zip(texts, cells, strict=True))
        plain = {text: column(label, shape, [cell]) is not None for text, cell in listed.items()}
        made = column(label, shape, [listed[text] for text, is_plain in plain.items() if is_plain])
        assert made is not None, label  # noqa: S101 - cells that are plain one by one are so together
        full = (1 << len(made.cells)) - 1
        masks = {text: made.mask(listed[text]) if is_plain else full for text, is_plain in plain.items()}
        columns.append(made)
        sides.append([masks[text] for text in texts])
        opaque |= {row for row, text in enumerate(texts) if not plain[text]}
    grid = Grid(
        tuple(len(one.cells) for one in columns),
        ordered=[one.ordered for one in columns],
        nullable=[one.nullable for one in columns],
    )
    outcomes = tuple(" | ".join(map(unparse, row.results)) for row in rows)
    boxes = tuple(zip(*sides, strict=True))
    return Layout(tuple(columns), grid, boxes, frozenset(opaque), outcomes, _computed(table))


def _shape(table: DecisionTable, number: int) -> Shape:
    return table.checked.shapes[id(table.node.inputs[number].expression)]


def _shared(label: str, shapes: Sequence[Shape]) -> Shape:
    """The domain of an input in several tables: what it may be in one of them."""
    first = shapes[0]
    for other in shapes[1:]:
        if other.kind != first.kind:
            raise InvalidValue("tables", label, f"is a {first} in one, a {other} in the other")
        values = tuple(dict.fromkeys((*first.values, *other.values))) if first.values and other.values else ()
        same = first.field is not None and other.field is not None and _bounds(first) == _bounds(other)
        field = first.field if same else None
        first = attrs.evolve(first, nullable=first.nullable or other.nullable, values=values, field=field)
    return first


def _bounds(shape: Shape) -> tuple[object, object]:
    return (None, None) if shape.field is None else (shape.field.low, shape.field.high)


def _computed(table: DecisionTable) -> frozenset[int]:
    """The inputs that are no fields, or that were asked for before."""
    found: set[int] = set()
    for number, part in enumerate(table.node.inputs):
        earlier = [one.expression for one in table.node.inputs[:number]]
        if not isinstance(part.expression, nodes.Name) or part.expression in earlier:
            found.add(number)
    return frozenset(found)


def fixed(row: Row) -> bool:
    """Whether the results of a row are literals."""
    return all(constant(result) is not NOT_CONSTANT for result in row.results)


def ranks(node: TableNode) -> list[int] | None:
    """The order in which rows decide, best first; None if all that match do, or if it depends on the record."""
    if node.policy == "F":
        return list(range(len(node.rows)))
    if node.policy != "P" or not all(map(fixed, node.rows)):
        return None
    return [_rank(node, row) for row in node.rows]


def _rank(node: TableNode, row: Row) -> int:
    """The places of a row's results in the order of priority, as one number; what is not listed comes last."""
    total = 0
    for output, result in zip(node.outputs, row.results, strict=True):
        value = constant(result)
        places = [n for n, candidate in enumerate(output.values) if compare("=", constant(candidate), value) is True]
        total = total * (len(output.values) + 1) + min(places, default=len(output.values))
    return total
