"""Questions about the rows of a decision table, for z3: what boxes leave possible is proved or refuted."""

from collections.abc import Sequence

from crmkit.rules._boxed import TableNode
from crmkit.rules._compile import Vocabulary
from crmkit.rules.analysis._boxes import Budget
from crmkit.rules.analysis._core import joined
from crmkit.rules.analysis._questions import Answer
from crmkit.rules.analysis._z3_solver import Z3Solver
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._parser import parse_tests
from crmkit.rules.table import DecisionTable

_NOT_TRUE = (False, None)


class Rows:
    """Asks z3 about the rows of a table, and about places in it."""

    def __init__(self, table: DecisionTable, places: Sequence[Sequence[str]], budget: Budget) -> None:
        node = table.node
        self._rows = range(len(node.rows))
        self._places = {tuple(cells): len(node.rows) + number for number, cells in enumerate(places)}
        names = Vocabulary.of(table.schema).names
        read = [[parse_tests(cell, names) for cell in cells] for cells in places]
        conditions = [_condition(node, [*row.cells]) for row in node.rows]
        conditions += [_condition(node, [cell for cell in cells if isinstance(cell, nodes.Tests)]) for cells in read]
        self._solver = Z3Solver(table.schema, conditions, budget)

    def both(self, first: int, second: int) -> Answer:
        """Whether a record matches both of two rows."""
        return self._solver.ask({first: [True], second: [True]})

    def none(self, cells: Sequence[str]) -> Answer:
        """Whether a record in a place matches no row."""
        return self._solver.ask({self._places[tuple(cells)]: [True], **dict.fromkeys(self._rows, _NOT_TRUE)})

    def closed(self, cells: Sequence[str]) -> bool:
        """Whether some record in a place may match a row."""
        place = self._places[tuple(cells)]
        return any(not self._solver.ask({place: [True], row: [True]}).impossible for row in self._rows)

    def first(self, row: int, before: Sequence[int]) -> Answer:
        """Whether a record matches a row and none of those that go before it."""
        return self._solver.ask({row: [True], **dict.fromkeys(before, _NOT_TRUE)})


def _condition(node: TableNode, cells: Sequence[nodes.Tests]) -> nodes.Node:
    """A row as a condition."""
    found: list[nodes.Node] = []
    for column, cell in zip(node.inputs, cells, strict=True):
        test = nodes.In(column.expression, cell.tests)
        if cell.tests:
            found.append(nodes.Call(nodes.Name("not"), (test,)) if cell.negated else test)
    return joined(nodes.And, found)
