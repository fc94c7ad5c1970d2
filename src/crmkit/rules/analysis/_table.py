"""What is wrong with a decision table, and what could be simpler: in words, with cells to copy."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

import attrs

from crmkit.rules._boxed import TableNode
from crmkit.rules._compile import names_in
from crmkit.rules.analysis._boxes import Budget
from crmkit.rules.analysis._gaps import gaps
from crmkit.rules.analysis._layout import Layout, fixed, layout, ranks
from crmkit.rules.analysis._merge import merged
from crmkit.rules.analysis._overlaps import Overlap, overlaps, shadowed
from crmkit.rules.analysis._settled import Rows
from crmkit.rules.analysis._solvers import SolverName, is_z3
from crmkit.rules.analysis._versions import TableChange, TableDiff, diff
from crmkit.rules.feel._convert import to_feel
from crmkit.rules.feel._text import literal
from crmkit.rules.table import DecisionTable
from crmkit.values.display import Several

__all__ = ["FindingKind", "TableChange", "TableDiff", "TableFinding", "analyse", "diff"]

#: What can be found in a table.
FindingKind: TypeAlias = Literal["gap", "overlap", "shadowed", "mergeable", "advice", "not-proved"]
_Severity: TypeAlias = Literal["error", "warning", "advice"]

_ONE_RESULT = frozenset({"U", "A"})
_DECIDING = frozenset({"U", "A", "F", "P"})
_MOST_PAIRS = 100


@attrs.frozen
class TableFinding:
    """Something to know about a table.

    Attributes:
        kind: what it is.
        why: it in words.
        rows: the rows it is about, counted from 1.
        cells: where, as a text for each input that can be pasted into a row; empty if it has no place.
        certain: whether it is proved; conditions that cells do not express, and inputs that are computed from others,
            leave it possible.
        severity: "error" if the table cannot be right, "warning" if it may be, "advice" otherwise.
    """

    kind: FindingKind
    why: str
    rows: tuple[int, ...] = ()
    cells: tuple[str, ...] = ()
    certain: bool = True
    severity: _Severity = "warning"

    def __str__(self) -> str:
        place = f" where {' | '.join(self.cells)}" if self.cells else ""
        possible = "" if self.certain else " (possible)"
        return f"{self.severity}: {self.why}{place}{possible}"


def analyse(
    table: DecisionTable,
    *,
    solver: SolverName = "boxes",
    budget: Budget = Budget(),  # noqa: B008 - a frozen value
) -> Several[TableFinding]:
    """Everything there is to know about a table: gaps, overlaps, rows that never decide, rows that could be one.

    >>> from crmkit.rules.schema import Field, Schema
    >>> deal = Schema([Field("discount", "decimal", low=0, high=1)])
    >>> table = DecisionTable("authority", deal, ["discount"], [Field("who")], [
    ...     ["<= 0.1", '"anybody"'],
    ...     ["[0.1..0.3)", '"a manager"'],
    ... ])
    >>> for finding in analyse(table):
    ...     print(finding)
    warning: no row matches where [0.3..1]
    error: rows 1 and 2 both match, and the hit policy is U where 0.1
    advice: with hit policy F the first of the rows that overlap would decide

    Args:
        table: the table.
        solver: what proves; with "z3" (the extra "analysis") also what cells do not express, and what inputs that are
            computed from others can be at once.
        budget: how much work to spend; what could not be proved within it is said.

    Raises:
        ExtraMissing: if z3 is asked for and not installed.
        InvalidValue: if there is no such solver.
    """
    exact = is_z3(solver)
    laid = layout(table)
    found = [
        *_gaps(table, laid, budget),
        *_overlaps(table.node, laid),
        *_shadowed(table.node, laid, budget),
        *_mergeable(table.node, laid),
    ]
    if exact and (laid.opaque or laid.computed):
        found = [*_settled(table, found, budget)]
    return Several((*found, *_advice(table.node, laid, found)))


def _gaps(table: DecisionTable, laid: Layout, budget: Budget) -> Iterator[TableFinding]:
    if table.defaults:
        return
    # Where results are collected, none is a result like another.
    severity: _Severity = "warning" if table.policy in _DECIDING else "advice"
    # What stays open even if every condition that cells do not express is true, and then what may.
    sure = gaps(laid.grid, laid.boxes, budget=budget)
    found = gaps(laid.grid, laid.boxes, opaque=laid.opaque, budget=budget) if laid.opaque else sure
    possible = [gap.box for gap in found.boxes if not gap.certain]
    for box in [*(gap.box for gap in sure.boxes), *possible]:
        certain = box not in possible and laid.exists(box)
        yield TableFinding("gap", "no row matches", cells=laid.cells(box), certain=certain, severity=severity)
    if not found.proved:
        why = f"whether there are more gaps was not proved within {budget.steps:,} steps"
        yield TableFinding("not-proved", why, certain=False, severity="advice")
    elif not found.complete:
        yield TableFinding("gap", "there are more gaps than these", severity=severity)


def _overlaps(node: TableNode, laid: Layout) -> Iterator[TableFinding]:
    if node.policy not in _ONE_RESULT:
        return
    outcomes = None if node.policy == "U" else laid.outcomes
    found = overlaps(laid.grid, laid.boxes, outcomes=outcomes, opaque=laid.opaque, limit=_MOST_PAIRS)
    for pair in found.pairs:
        rows = (pair.first + 1, pair.second + 1)
        what = "both match" if node.policy == "U" else "match with different results"
        why = f"rows {rows[0]} and {rows[1]} {what}, and the hit policy is {node.policy}"
        certain = _certain(node, laid, pair)
        yield TableFinding("overlap", why, rows, laid.cells(pair.box), certain, "error" if certain else "warning")
    if not found.complete:
        yield TableFinding("overlap", f"{found.total - len(found.pairs)} more pairs of rows overlap")


def _certain(node: TableNode, laid: Layout, pair: Overlap) -> bool:
    """Whether two rows surely contradict each other; of two computed results nobody knows that they differ."""
    known = node.policy == "U" or (fixed(node.rows[pair.first]) and fixed(node.rows[pair.second]))
    return pair.certain and known and laid.exists(pair.box)


def _shadowed(node: TableNode, laid: Layout, budget: Budget) -> Iterator[TableFinding]:
    rank = ranks(node)
    if rank is None:
        return
    for one in shadowed(laid.grid, laid.boxes, rank=rank, opaque=laid.opaque, budget=budget):
        if one.proved:
            by = ", ".join(str(row + 1) for row in one.by)
            matching = f"rows {by} match" if len(one.by) > 1 else f"row {by} matches"
            why = f"row {one.rule + 1} never decides: {matching} all that it does"
            yield TableFinding("shadowed", why, (one.rule + 1, *(row + 1 for row in one.by)))
        else:
            why = f"whether row {one.rule + 1} ever decides was not proved within {budget.steps:,} steps"
            yield TableFinding("not-proved", why, (one.rule + 1,), certain=False, severity="advice")


def _mergeable(node: TableNode, laid: Layout) -> Iterator[TableFinding]:
    if node.policy not in _DECIDING:
        return
    for one in merged(laid.grid, laid.boxes, laid.outcomes, ordered_policy=node.policy == "F", opaque=laid.opaque):
        first, second = one.rules
        if node.policy == "U" and _meet(laid, first, second):
            # As one row they would decide where they contradict each other now.
            continue
        why = f"rows {first + 1} and {second + 1} could be one row, in the place of row {one.at + 1}"
        yield TableFinding("mergeable", why, (first + 1, second + 1), laid.cells(one.box), severity="advice")


def _meet(laid: Layout, first: int, second: int) -> bool:
    return all(a & b for a, b in zip(laid.boxes[first], laid.boxes[second], strict=True))


def _advice(node: TableNode, laid: Layout, found: Sequence[TableFinding]) -> Iterator[TableFinding]:
    """Which hit policy says best what the table does."""
    if node.policy in {"F", "A", "P"} and not overlaps(laid.grid, laid.boxes, opaque=laid.opaque, limit=1).total:
        yield TableFinding("advice", "no two rows match together: hit policy U would say so", severity="advice")
    if node.policy == "U" and any(one.kind == "overlap" for one in found):
        same = not overlaps(laid.grid, laid.boxes, outcomes=laid.outcomes, opaque=laid.opaque, limit=1).total
        why = (
            "rows that match together have the same result: hit policy A allows that"
            if same
            else "with hit policy F the first of the rows that overlap would decide"
        )
        yield TableFinding("advice", why, severity="advice")


def _settled(table: DecisionTable, found: Sequence[TableFinding], budget: Budget) -> Iterator[TableFinding]:
    """The findings with those that are possible proved, or left out if they are refuted."""
    rows = Rows(table, [one.cells for one in found if one.kind == "gap" and one.cells], budget)
    for one in found:
        if one.certain or not one.cells:
            yield one
        elif one.kind == "gap":
            yield from _settled_gap(rows, one, names_in(table.node, table.schema))
        else:
            yield from _settled_overlap(rows, one, table.node)
    known = {one.rows[0] for one in found if one.kind == "shadowed"}
    yield from _hidden(rows, table.node, known)


def _settled_gap(rows: Rows, one: TableFinding, read: Iterable[str]) -> Iterator[TableFinding]:
    answer = rows.none(one.cells)
    if answer.record is None:
        yield from () if answer.impossible else (one,)
    elif rows.closed(one.cells):
        example = ", ".join(f"{name} = {literal(to_feel(answer.record[name]))}" for name in read)
        yield attrs.evolve(one, why=f"some record (such as {example}) matches no row", certain=True)
    else:
        yield attrs.evolve(one, certain=True)


def _settled_overlap(rows: Rows, one: TableFinding, node: TableNode) -> Iterator[TableFinding]:
    first, second = one.rows[0] - 1, one.rows[1] - 1
    answer = rows.both(first, second)
    if answer.impossible:
        return
    sure = answer.record is not None and (node.policy == "U" or (fixed(node.rows[first]) and fixed(node.rows[second])))
    yield attrs.evolve(one, certain=True, severity="error") if sure else one


def _hidden(rows: Rows, node: TableNode, known: Collection[int]) -> Iterator[TableFinding]:
    """Rows that never decide, for reasons that boxes do not see."""
    rank = ranks(node)
    for row in range(len(node.rows)):
        before = [] if rank is None else [two for two in range(len(rank)) if (rank[two], two) < (rank[row], row)]
        if row + 1 in known:
            continue
        if rows.first(row, []).impossible:
            yield TableFinding("shadowed", f"row {row + 1} never decides: no record matches it", (row + 1,))
        elif before and rows.first(row, before).impossible:
            why = f"row {row + 1} never decides: the rows that go before it match all that it does"
            yield TableFinding("shadowed", why, (row + 1, *(other + 1 for other in before)))
