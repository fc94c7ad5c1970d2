"""Where two versions of a decision table decide differently, as boxes of inputs."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from crmkit.errors import InvalidValue
from crmkit.rules._columns import constant
from crmkit.rules.analysis._boxes import Box, Budget, Grid
from crmkit.rules.analysis._gaps import gaps
from crmkit.rules.analysis._layout import Layout, fixed, layout, ranks
from crmkit.rules.analysis._merge import Change, difference
from crmkit.rules.analysis._overlaps import overlaps
from crmkit.rules.feel._builtins import call_builtin
from crmkit.rules.feel._printer import unparse
from crmkit.rules.feel._text import write
from crmkit.rules.table import DecisionTable
from crmkit.values.display import ROWS, Display, Lang, Shown

_ONE_ROW = frozenset({"U", "A", "F", "P"})
_AGGREGATES: Mapping[str, Callable[[Any], Any]] = {
    "C+": lambda amounts: call_builtin("sum", [amounts]), "C<": min, "C>": max,
}  # fmt: skip
#: What a table gives where its rows contradict each other.
_CONFLICT = "a conflict of rows"

#: Boxes with what is decided there.
Entries: TypeAlias = list[tuple[Box, Hashable]]


@attrs.frozen
class TableChange:
    """Where two versions of a table decide differently.

    Attributes:
        cells: where, as a text for each input.
        before: what the earlier version gives; None if no row matches.
        after: what the later version gives.
        box: the same place as a box, for counting records in it.
    """

    cells: tuple[str, ...]
    before: str | None
    after: str | None
    box: Box

    def __str__(self) -> str:
        return f"{' | '.join(self.cells)}: {self.before or 'nothing'} -> {self.after or 'nothing'}"


@attrs.frozen
class TableDiff(Shown):
    """All places where two versions of a table decide differently.

    Attributes:
        changes: disjoint.
        proved: whether these are all; not where rows of hit policy A match together whose results are computed.
    """

    changes: tuple[TableChange, ...]
    proved: bool

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Where the versions differ; see `Shown.display`."""
        from crmkit.rules._shown import differences

        name = "table" if lang == "en" else "决策表"
        return differences(self.changes, proved=self.proved, name=name, lang=lang, most=most)


def diff(before: DecisionTable, after: DecisionTable, *, budget: Budget = Budget()) -> TableDiff:  # noqa: B008 - a frozen value
    """Where two versions of a table decide differently, as boxes of inputs.

    Results are compared as texts: those of a row that computes something are different if it computes it differently.
    Of tables that collect, the results are compared without their order.

    Raises:
        InvalidValue: if they have other inputs or outputs, conditions that cells do not express, or hit policies whose
            results are of two kinds.
    """
    laid = layout(before, after)
    if laid.opaque:
        rows = sorted(row + 1 for row in laid.opaque)
        raise InvalidValue("tables", rows, "have cells that are more than values and ranges")
    if [output.name for output in before.outputs] != [output.name for output in after.outputs]:
        raise InvalidValue("tables", after.outputs, "do not have the same outputs")
    size = len(before.node.rows)
    parts = _Part(before, laid, 0, size), _Part(after, laid, size, len(laid.boxes))
    if {before.policy, after.policy} <= _ONE_ROW:
        changes, proved = _single(laid.grid, parts, budget)
    elif before.policy == after.policy:
        changes, proved = _collected(laid.grid, parts, budget)
    else:
        raise InvalidValue("tables", after.policy, f"is no hit policy to compare with {before.policy}")
    return TableDiff(tuple(TableChange(laid.cells(box), old, new, box) for box, old, new in changes), proved)


class _Part:
    """One of two tables, on the grid of both."""

    def __init__(self, table: DecisionTable, laid: Layout, start: int, stop: int) -> None:
        self.table, self.grid = table, laid.grid
        self.boxes, self.outcomes, self.sure = laid.boxes[start:stop], laid.outcomes[start:stop], True
        # Of rows that are added up or compared: what each text amounts to.
        self.amounts = {
            outcome: constant(row.results[0])
            for row, outcome in zip(table.node.rows, self.outcomes, strict=True)
            if table.policy in _AGGREGATES
        }

    @property
    def default(self) -> str | None:
        """What it gives where no row matches."""
        if not self.table.defaults:
            return None
        return " | ".join(unparse(output.default) for output in self.table.node.outputs if output.default is not None)

    def first(self) -> Entries:
        """The rows as ones of which the first that matches decides, whatever the hit policy."""
        rows = list(zip(self.boxes, self.outcomes, strict=True))
        if self.table.policy in {"U", "A"}:
            outcomes = self.outcomes if self.table.policy == "A" else None
            conflicts = overlaps(self.grid, self.boxes, outcomes=outcomes).pairs
            # Of results that are computed nobody knows whether they differ.
            shown = {number for pair in conflicts for number in (pair.first, pair.second)}
            self.sure = outcomes is None or all(fixed(self.table.node.rows[number]) for number in shown)
            rows = [*((pair.box, _CONFLICT) for pair in conflicts), *rows]
        elif self.table.policy == "P":
            order = ranks(self.table.node)
            if order is None:
                raise InvalidValue("tables", self.table.name, "has results whose priority depends on the record")
            rows = [rows[number] for number in sorted(range(len(rows)), key=order.__getitem__)]
        default = self.default
        return [*rows, *([] if default is None else [(self.grid.full, default)])]

    def all(self) -> Entries:
        """The rows as ones of which all that match decide; equal results are told apart, for they may be counted."""
        seen: Counter[str] = Counter()
        entries: Entries = []
        for box, outcome in zip(self.boxes, self.outcomes, strict=True):
            entries.append((box, (outcome, seen[outcome])))
            seen[outcome] += 1
        return entries

    def said(self, found: Hashable) -> str | None:
        """What a collection of results amounts to."""
        texts = sorted(outcome for outcome, _ in found) if isinstance(found, frozenset) else []
        if not texts:
            return self.default
        if self.table.policy == "C#":
            return str(len(texts))
        added = self.table.policy in _AGGREGATES
        amounts = [self.amounts.get(text) for text in texts]
        if added and all(isinstance(amount, Decimal) for amount in amounts):
            return write(_AGGREGATES[self.table.policy](amounts))
        joined = ", ".join(texts)
        return joined if added else f"[{joined}]"


_Changes: TypeAlias = list[tuple[Box, str | None, str | None]]


def _single(grid: Grid, parts: tuple[_Part, _Part], budget: Budget) -> tuple[_Changes, bool]:
    found = difference(grid, parts[0].first(), parts[1].first(), policy="first", budget=budget)
    # No row and a conflict of rows are one and the same null.
    changes: _Changes = [
        (one.box, _text(one.before), _text(one.after))
        for one in found.changes
        if not {one.before, one.after} <= {None, _CONFLICT}
    ]
    return changes, found.proved and found.complete and all(part.sure for part in parts)


def _text(outcome: Hashable) -> str | None:
    return None if outcome is None else str(outcome)


def _collected(grid: Grid, parts: tuple[_Part, _Part], budget: Budget) -> tuple[_Changes, bool]:
    old, new = parts
    found = difference(grid, old.all(), new.all(), policy="all", budget=budget)
    changes = [*_real(parts, found.changes)]
    proved = found.proved and found.complete
    if old.default != new.default:
        # Where neither has a row, their defaults differ.
        open_ = gaps(grid, [*old.boxes, *new.boxes], limit=1000, budget=budget)
        boxes: Sequence[Box] = [piece for tile in open_.tiles for piece in grid.split(tile)]
        changes += [(box, old.default, new.default) for box in boxes]
        proved = proved and open_.proved and open_.complete
    return changes, proved


def _real(parts: tuple[_Part, _Part], changes: Sequence[Change]) -> Iterator[tuple[Box, str | None, str | None]]:
    """The changes of what is decided; the same results may come from other rows."""
    old, new = parts
    for one in changes:
        before, after = old.said(one.before), new.said(one.after)
        if before != after:
            yield one.box, before, after
