"""Laws of decision tables: what holds of every table, yours included, whatever its rows say.

Each law takes a table and some records, and raises AssertionError with the row and the record that break it;
`crmkit.testing.rules.check_ruleset` runs them all. Those of rules are in `rule_laws`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from crmkit.errors import InvalidValue
from crmkit.rules.analysis import TableFinding, analyse, diff
from crmkit.rules.backtest import backtest_table
from crmkit.rules.explain import explain_table
from crmkit.rules.feel import UNKNOWN
from crmkit.rules.table import DecisionTable
from crmkit.testing._holds import holds

__all__ = [
    "TABLE_LAWS",
    "differences_are_what_replay_says",
    "gaps_and_rows_tile_the_domain",
    "idle_rows_never_decide",
    "merged_rows_decide_alike",
    "overlaps_are_all",
    "tables_decide_one_way",
    "unknown_decides_nothing",
]

_Record: TypeAlias = Mapping[str, Any]
#: How many neighbours of a table its differences are looked at with.
_NEIGHBOURS = 8


def _matched(table: DecisionTable, record: _Record) -> tuple[int, ...]:
    return explain_table(table, record).matched


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _pasted(table: DecisionTable, places: Iterable[Sequence[str]]) -> DecisionTable:
    """A table with places that were printed as its rows: that they can be copied so is part of each law."""
    results = ["null"] * len(table.outputs)
    return attrs.evolve(table, rows=[[*cells, *results] for cells in places], policy="C", defaults=())


def tables_decide_one_way(table: DecisionTable, tested: Sequence[_Record]) -> None:
    """The interpreter, the generated function and the explanation give one result, of the rows that match."""
    function = table.function()
    for record in tested:
        told, decided = explain_table(table, record), table.decide(record).value
        said = {"interpreter": decided, "function": function(record), "explanation": told.result}
        same = all(_same(value, decided) for value in said.values())
        holds(same, f"table {table.name!r}: the evaluators disagree on {dict(record)}: {said}")
        for row in told.rows:
            place = f"table {table.name!r}, row {row.row} on {dict(record)}"
            holds((row.value is True) == (not row.failed), f"{place} is {row.value}, and fails at {row.failed}")


def _allows(part: Any, whole: Any) -> bool:
    """Whether a result, parts of which may be UNKNOWN, may yet become another."""
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(map(_allows, part, whole))
    if isinstance(part, dict) and isinstance(whole, dict):
        return part.keys() == whole.keys() and all(_allows(part[name], whole[name]) for name in part)
    return part is UNKNOWN or _same(part, whole)


def unknown_decides_nothing(table: DecisionTable, tested: Sequence[_Record]) -> None:
    """Without a field the result, or what of it hangs on the field, is UNKNOWN; the rest is as it is with the field."""
    for record in tested:
        whole = table.decide(record).value
        for name in record:
            rest = {key: value for key, value in record.items() if key != name}
            part = table.decide(rest, partial=True).value
            same = _allows(part, whole)
            holds(
                same, f"table {table.name!r} decides {part!r} without {name!r}, and {whole!r} with it: {dict(record)}"
            )


def gaps_and_rows_tile_the_domain(table: DecisionTable, tested: Sequence[_Record]) -> None:
    """A record lies in a gap just if it matches no row; with the gaps as rows there is none left."""
    plain = attrs.evolve(table, defaults=())
    found = analyse(plain)
    gaps = [one for one in found if one.kind == "gap" and one.cells]
    listed, complete = _pasted(table, [one.cells for one in gaps]), not _open(found, "gap")
    for record in tested:
        rows, places = _matched(plain, record), [gaps[place - 1] for place in _matched(listed, record)]
        place = f"table {table.name!r} on {dict(record)}"
        holds(bool(rows or places) or not complete, f"{place}: no row matches, and no gap is reported")
        wrong = [one for one in places if one.certain and rows]
        holds(not wrong, f"{place}: rows {rows} match in a gap: {_listed(wrong)}")
    closed = attrs.evolve(plain, rows=[*table.rows, *listed.rows], policy="C")
    left = [one for one in analyse(closed) if one.kind == "gap" and complete]
    holds(not left, f"table {table.name!r}: with its gaps as rows there still are gaps: {_listed(left)}")


def _open(found: Iterable[TableFinding], kind: str) -> bool:
    """Whether not all findings of a kind are listed with their places."""
    return any(one.kind == "not-proved" or (one.kind == kind and not one.cells) for one in found)


def _listed(found: Iterable[TableFinding]) -> str:
    return "; ".join(map(str, found))


def overlaps_are_all(table: DecisionTable, tested: Sequence[_Record]) -> None:
    """Where rows contradict each other, the hit policy being U, an overlap is reported, and nowhere else."""
    plain = attrs.evolve(table, policy="U", defaults=())
    found = analyse(plain)
    overlaps = [one for one in found if one.kind == "overlap" and one.cells]
    listed = _pasted(table, [one.cells for one in overlaps])
    complete = not _open(found, "overlap")
    for record in tested:
        rows, places = _matched(plain, record), [overlaps[place - 1] for place in _matched(listed, record)]
        place = f"table {table.name!r} on {dict(record)}"
        holds(not complete or len(rows) < 2 or bool(places), f"{place}: rows {rows} match, and no overlap is reported")
        wrong = [one for one in places if one.certain and not {*one.rows} <= {*rows}]
        holds(not wrong, f"{place}: rows {rows} match in an overlap of others: {_listed(wrong)}")


def idle_rows_never_decide(table: DecisionTable, tested: Sequence[_Record]) -> None:
    """Without the rows that are said never to decide every result is the same."""
    for one in analyse(table):
        if one.kind == "shadowed":
            idle = one.rows[0]
            _alike(table, [*table.rows[: idle - 1], *table.rows[idle:]], tested, f"row {idle} never decides")


def merged_rows_decide_alike(table: DecisionTable, tested: Sequence[_Record]) -> None:
    """With one row in place of two that could be one every result is the same."""
    for one in analyse(table):
        if one.kind == "mergeable":
            first, second = (row - 1 for row in one.rows)
            # What is said to people is what is tried out.
            at = int(one.why.rpartition(" ")[2]) - 1
            rows = [*table.rows]
            rows[at] = (*one.cells, *rows[first][len(table.inputs) :])
            del rows[second if at == first else first]
            _alike(table, rows, tested, one.why)


def _alike(table: DecisionTable, rows: Sequence[Sequence[str]], tested: Sequence[_Record], why: str) -> None:
    other = attrs.evolve(table, rows=rows)
    for record in tested:
        one, two = table.decide(record).value, other.decide(record).value
        holds(_same(one, two), f"table {table.name!r}, {why}: yet {one!r} becomes {two!r} on {dict(record)}")


def differences_are_what_replay_says(table: DecisionTable, tested: Sequence[_Record]) -> None:
    """A table does not differ from itself; from itself without a row, just where a replay gives another result."""
    try:
        found = diff(table, table)
    except InvalidValue:
        # What cells do not express is refused, and that is an answer.
        return
    holds(not found.changes, f"table {table.name!r} differs from itself: {[*map(str, found.changes)]}")
    for row in range(min(len(table.rows), _NEIGHBOURS)):
        other = attrs.evolve(table, rows=[*table.rows[:row], *table.rows[row + 1 :]])
        told = backtest_table(table, other, tested)
        wrong = [dict(tested[record]) for record in told.unexplained]
        holds(not wrong, f"table {table.name!r} without row {row + 1}: proof and replay differ on {wrong[:1]}")


#: All laws of decision tables, in the order in which they are tried.
TABLE_LAWS: tuple[Callable[[DecisionTable, Sequence[_Record]], None], ...] = (
    tables_decide_one_way, unknown_decides_nothing, gaps_and_rows_tile_the_domain, overlaps_are_all,
    idle_rows_never_decide, merged_rows_decide_alike, differences_are_what_replay_says,
)  # fmt: skip
