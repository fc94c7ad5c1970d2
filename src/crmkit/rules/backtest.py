"""What rules would have done to history: what they would have stopped, what changes between two versions, for how much.

A change is told twice, by replaying every record through both versions and by proving where they differ (of rules by
`crmkit.rules.versions.diff_rules`, of tables by `crmkit.rules.analysis.diff`); that both agree is checked, so that
neither can be wrong alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Any, TypeAlias

import attrs
import numpy as np

from crmkit.errors import InvalidValue
from crmkit.journal import Journal, Ledger
from crmkit.rules._columns import NOT_CONSTANT, constant
from crmkit.rules._compile import Record
from crmkit.rules._histories import History, history
from crmkit.rules._vectors import judge
from crmkit.rules.analysis._layout import Layout, layout
from crmkit.rules.analysis._versions import TableChange, diff
from crmkit.rules.columns import Columns, Mask
from crmkit.rules.feel._evaluate import evaluate
from crmkit.rules.feel._text import write
from crmkit.rules.ruleset import PythonRule, Rule, RuleSet
from crmkit.rules.table import DecisionTable
from crmkit.rules.versions import RuleDiff, diff_rules
from crmkit.values import Every, zone
from crmkit.values.display import ROWS, Display, Lang, Several, Shown

#: History in any form; see `backtest`.
Past: TypeAlias = Sequence[Record] | Columns | Journal | Ledger | Any

__all__ = ["Effect", "RuleEffect", "TableEffect", "backtest", "backtest_table", "verdicts"]


@attrs.frozen
class Effect:
    """How many records, and how much they weigh.

    Attributes:
        n: records.
        weight: the exact sum of their weights; None without a weight.
    """

    n: int
    weight: Decimal | None = None

    def __str__(self) -> str:
        return f"{self.n}" if self.weight is None else f"{self.n} ({self.weight:,f})"


@attrs.frozen
class RuleEffect:
    """What one rule would have done.

    Attributes:
        rule: its name.
        group: the values of the columns that it is grouped by.
        judged: the records.
        failed: those that it would not have let pass.
        unanswered: those of which it could not tell.
        newly_failed: those that fail now and did not with the version before; None without one.
        newly_kept: the other way round.
        flips: the positions of the records whose verdict changes.
        unexplained: the positions of the records whose verdict changes where it was proved not to, or does not where
            it was proved to; empty, or something is wrong with the analysis or the replay.
        proved: whether all places where the verdict changes were proved; None without a version before.
    """

    rule: str
    group: tuple[Any, ...]
    judged: Effect
    failed: Effect
    unanswered: Effect
    newly_failed: Effect | None = None
    newly_kept: Effect | None = None
    flips: tuple[int, ...] = ()
    unexplained: tuple[int, ...] = ()
    proved: bool | None = None


@attrs.frozen
class TableEffect(Shown):
    """What a new version of a table would have changed.

    Attributes:
        judged: the records.
        changes: each region in which the versions differ, with the records of history in it.
        flips: the positions of the records whose result changes.
        unexplained: records whose result changes outside every region though these were proved to be all, and, where
            all results are literals, records inside one whose result does not; empty, or something is wrong with the
            analysis or the replay.
        proved: whether the regions were proved to be all.
    """

    judged: Effect
    changes: tuple[tuple[TableChange, Effect], ...]
    flips: tuple[int, ...]
    unexplained: tuple[int, ...]
    proved: bool

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Where the versions differ, and how much is there; see `Shown.display`."""
        from crmkit.rules._shown import effects

        return effects(self, lang, most)


def backtest(
    rules: RuleSet,
    records: Past,
    *,
    before: RuleSet | None = None,
    weight: str | None = None,
    by: Sequence[str] = (),
    every: Every | None = None,
    dated: str = "at",
    tz: str | tzinfo = "UTC",
) -> Several[RuleEffect]:
    """What the rules of a set would have done to history.

    Args:
        rules: the set.
        records: history: records, columns, a `Journal`, a `Ledger`, or a frame. A journal has the columns of its
            `to_dict` and "amount", a ledger those of its `to_dict`.
        before: the version to compare with; rules are matched by name.
        weight: what to add up, such as the amount; any column of the history.
        by: what to group by, such as the person; any columns of the history.
        every: the periods to group by, too; a group's last value is then its `Period`, None for records without a date.
        dated: the column that says when, a date or an instant.
        tz: the zone whose days those of instants are.

    Raises:
        NotFound: for a column that does not exist.
        InvalidValue: for a value that its field cannot hold, or that cannot be added up or dated.
    """
    past = _past(records, rules)
    columns, weights = past.columns, None if weight is None else past.weights(weight)
    keys = [past.values(name) for name in by]
    keys += [] if every is None else [past.periods(dated, every, zone(tz))]
    groups = _groups(keys, columns.size)
    proofs = {} if before is None else {one.rule: one for one in diff_rules(before, rules)}
    effects: list[RuleEffect] = []
    for one in rules.rules:
        now = _verdicts(one, rules, columns)
        then = _verdicts(before.rule(one.name), before, columns) if before and _has(before, one.name) else None
        effects += _proved(
            [_effect(one.name, key, rows, weights, (now, then)) for key, rows in groups.items()],
            groups.values(),
            proofs.get(one.name),
            lambda row: rules.schema.read(columns.record(row)),
        )
    return Several(effects)


def _proved(
    effects: Iterable[RuleEffect],
    groups: Iterable[Sequence[int]],
    proof: RuleDiff | None,
    read: Callable[[int], Record],
) -> Iterator[RuleEffect]:
    """Effects of a rule, held against where its versions were proved to differ."""
    for effect, rows in zip(effects, groups, strict=True):
        if effect.newly_failed is None or proof is None:
            yield effect if effect.newly_failed is None else attrs.evolve(effect, proved=False)
            continue
        flips = {*effect.flips}
        # If nothing changes anywhere, only what flips is to be looked at.
        inside = {row: proof.holds(read(row)) for row in (rows if proof.changes else effect.flips)}
        wrong = [row for row, within in inside.items() if _contradicts(within, row in flips, proof.proved)]
        yield attrs.evolve(effect, unexplained=tuple(wrong), proved=proof.proved)


def _contradicts(within: bool | None, flipped: bool, proved: bool) -> bool:  # noqa: FBT001 - three facts of one record
    """Whether a record refutes a proof: inside a place it must flip, outside of all places it must not."""
    return within is not None and within is not flipped and (within or proved)


def verdicts(rules: RuleSet, records: Past) -> dict[str, list[bool | None]]:
    """The verdict of each rule on each record, by columns; see `backtest` for the arguments.

    Raises:
        InvalidValue: for a value that its field cannot hold.
    """
    columns = _past(records, rules).columns
    found: dict[str, list[bool | None]] = {}
    for one in rules.rules:
        true, false = _verdicts(one, rules, columns)
        found[one.name] = [True if t else False if f else None for t, f in zip(true, false, strict=True)]
    return found


def _has(rules: RuleSet, name: str) -> bool:
    return any(one.name == name for one in rules.rules)


def _past(records: Any, rules: RuleSet) -> History:
    if rules.transitions:
        raise InvalidValue("backtest", rules.name, "judges changes: give it records before and after, one by one")
    return history(records, rules.schema)


def _verdicts(one: Rule | PythonRule, rules: RuleSet, columns: Columns) -> tuple[Mask, Mask]:
    """Where the rule is true, and where it is false."""
    if isinstance(one, PythonRule):
        said = [one.function(columns.record(row)) for row in range(columns.size)]
        return np.array([v is True for v in said], np.bool_), np.array([v is False for v in said], np.bool_)
    return judge([rules.checked[one.name]], columns)[0]


def _groups(keys: Sequence[Sequence[Any]], size: int) -> dict[tuple[Any, ...], list[int]]:
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row in range(size):
        groups.setdefault(tuple(key[row] for key in keys), []).append(row)
    return groups


def _effect(
    name: str, key: tuple[Any, ...], rows: list[int], weights: Sequence[Decimal] | None, verdicts: tuple[Any, Any]
) -> RuleEffect:
    now, then = verdicts
    true, false = now
    failed = [row for row in rows if false[row]]
    unanswered = [row for row in rows if not true[row] and not false[row]]
    made = RuleEffect(name, key, _sum(rows, weights), _sum(failed, weights), _sum(unanswered, weights))
    if then is None:
        return made
    newly_failed = [row for row in rows if false[row] and not then[1][row]]
    newly_kept = [row for row in rows if true[row] and not then[0][row]]
    flips = tuple(row for row in rows if (true[row], false[row]) != (then[0][row], then[1][row]))
    return attrs.evolve(
        made, newly_failed=_sum(newly_failed, weights), newly_kept=_sum(newly_kept, weights), flips=flips
    )


def _sum(rows: Iterable[int], weights: Sequence[Decimal] | None) -> Effect:
    listed = list(rows)
    return Effect(len(listed), None if weights is None else sum((weights[row] for row in listed), Decimal(0)))


def backtest_table(
    before: DecisionTable,
    after: DecisionTable,
    records: Past,
    *,
    weight: str | None = None,
) -> TableEffect:
    """What a new version of a table would have changed in history.

    Args:
        before: the version in force.
        after: the version proposed.
        records: history, in any form that `backtest` takes.
        weight: what to add up.

    Raises:
        InvalidValue: if the versions have other inputs or conditions that cells do not express, or a record does not
            fit the schema.
    """
    found, laid = diff(before, after), layout(before, after)
    past = history(records, after.schema)
    weights = None if weight is None else past.weights(weight)
    # What is computed differently may yet be the same.
    plain = _decides_plainly(before) and _decides_plainly(after)
    inside: dict[int, list[int]] = {number: [] for number in range(len(found.changes))}
    flips: list[int] = []
    unexplained: list[int] = []
    for row in range(past.columns.size):
        values = after.schema.read(past.columns.record(row))
        cells = _place(laid, after, values)
        regions = [n for n, change in enumerate(found.changes) if _within(change, cells)]
        placed = all(cells)
        for number in regions:
            inside[number].append(row)
        flipped = not _same(before.evaluate(values).value, after.evaluate(values).value)
        flips += [row] * flipped
        unexplained += [row] * (placed and (found.proved and not regions if flipped else plain and bool(regions)))
    changes = tuple((change, _sum(inside[number], weights)) for number, change in enumerate(found.changes))
    return TableEffect(_sum(range(past.columns.size), weights), changes, tuple(flips), tuple(unexplained), found.proved)


def _place(laid: Layout, table: DecisionTable, values: Mapping[str, Any]) -> list[int]:
    """For each input the cell of the grid that the record lies in, as a mask."""
    return [
        column.holding(evaluate(part.expression, values).value)
        for column, part in zip(laid.columns, table.node.inputs, strict=True)
    ]


def _within(change: TableChange, cells: Sequence[int]) -> bool:
    return all(side & cell for side, cell in zip(change.box, cells, strict=True))


def _decides_plainly(table: DecisionTable) -> bool:
    """Whether all results are literals."""
    results = [result for row in table.node.rows for result in row.results]
    defaults = [output.default for output in table.node.outputs if output.default is not None]
    return all(constant(result) is not NOT_CONSTANT for result in (*results, *defaults))


def _same(left: Any, right: Any) -> bool:
    """Whether two results are one; collections are compared without their order, as `diff` does."""
    if isinstance(left, list) and isinstance(right, list):
        return sorted(map(write, left)) == sorted(map(write, right))
    return type(left) is type(right) and bool(left == right)
