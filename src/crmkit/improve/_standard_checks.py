"""What a new version of a rule set changes, what it leaves open that was settled, and what it would have stopped."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import attrs

from crmkit.errors import InvalidValue
from crmkit.rules import DecisionTable, PythonRule, Rule, RuleSet
from crmkit.rules.analysis import TableDiff, TableFinding, analyse, diff
from crmkit.rules.backtest import Effect, Past, backtest, backtest_table
from crmkit.rules.relations import relations
from crmkit.rules.versions import RuleDiff, diff_rules

__all__ = ["Replay", "changes_between", "replayed", "weaknesses"]

_SETTINGS = ("kind", "severity", "on_null", "then")
_OPEN = frozenset({None, "a conflict of rows"})
_TABLE_FAULTS, _RULE_FAULTS = frozenset({"gap", "overlap"}), frozenset({"contradiction", "never-true"})
_WHOLE = "lets pass"


def changes_between(old: RuleSet, new: RuleSet) -> tuple[tuple[str, ...], bool]:
    """What is decided differently, and whether that was proved to be all."""
    found: list[str] = []
    proved = True
    for change, sure in (*_of_rules(old, new), *_of_tables(old, new)):
        found += [change] if change else []
        proved = proved and sure
    return tuple(found), proved


def _of_rules(old: RuleSet, new: RuleSet) -> Iterator[tuple[str, bool]]:
    before, after = ({one.name: one for one in rules.rules} for rules in (old, new))
    diffs = {one.rule: one for one in diff_rules(old, new)}
    yield from ((f"rule {name!r} is gone", True) for name in before if name not in after)
    for name, one in after.items():
        earlier = before.get(name)
        if earlier is None:
            yield f"rule {name!r} is new: {one.condition if isinstance(one, Rule) else 'in Python'}", True
            continue
        for setting in _SETTINGS:
            was, is_ = (getattr(rule, setting, "") for rule in (earlier, one))
            if was != is_:
                yield f"{name}: {setting} {was or 'nothing'} -> {is_ or 'nothing'}", True
        yield from _of_conditions(earlier, one, diffs.get(name))


def _of_conditions(
    before: Rule | PythonRule, after: Rule | PythonRule, found: RuleDiff | None
) -> Iterator[tuple[str, bool]]:
    if found is not None:
        yield from ((f"{after.name}: {change}", True) for change in found.changes)
        yield "", found.proved
    elif _written(before) != _written(after):
        yield f"{after.name}: {_written(before)[0]} -> {_written(after)[0]}", False


def _written(one: Rule | PythonRule) -> tuple[Any, ...]:
    """What the rule says; of one in Python its author's word for the version, and the function."""
    if isinstance(one, Rule):
        return (one.condition,)
    return (f"Python, version {one.version}", one.function)


def _of_tables(old: RuleSet, new: RuleSet) -> Iterator[tuple[str, bool]]:
    before, after = ({one.name: one for one in rules.tables} for rules in (old, new))
    yield from ((f"table {name!r} is gone", True) for name in before if name not in after)
    for name, table in after.items():
        if name not in before:
            yield f"table {name!r} is new", True
            continue
        found = _difference(before[name], table)
        if found is None:
            yield (f"table {name!r} cannot be compared", False) if before[name] != table else ("", True)
            continue
        yield from ((f"{name}: {change}", True) for change in found.changes)
        yield "", found.proved


def _difference(before: DecisionTable, after: DecisionTable) -> TableDiff | None:
    """Where two tables decide differently; None if they cannot be laid side by side."""
    try:
        return diff(before, after)
    except InvalidValue:
        return None


def weaknesses(old: RuleSet, new: RuleSet) -> tuple[str, ...]:
    """What the new version leaves open or contradicts, and the old did not."""
    return (*_open_tables(old, new), *_odd_rules(old, new))


def _open_tables(old: RuleSet, new: RuleSet) -> Iterator[str]:
    before = {one.name: one for one in old.tables}
    for table in new.tables:
        earlier = before.get(table.name)
        found = None if earlier is None else _difference(earlier, table)
        if found is not None:
            lost = (one for one in found.changes if one.after in _OPEN and one.before not in _OPEN)
            yield from (f"{table.name}: {change}" for change in lost)
            continue
        known = set() if earlier is None else {(one.kind, one.cells) for one in _faults(earlier)}
        yield from (f"{table.name}: {one}" for one in _faults(table) if (one.kind, one.cells) not in known)


def _faults(table: DecisionTable) -> Iterator[TableFinding]:
    return (one for one in analyse(table) if one.kind in _TABLE_FAULTS and one.severity != "advice")


def _odd_rules(old: RuleSet, new: RuleSet) -> Iterator[str]:
    known = {(one.kind, one.rules) for one in relations(old).findings}
    for one in relations(new).findings:
        if one.kind in _RULE_FAULTS and (one.kind, one.rules) not in known:
            yield one.why


@attrs.frozen
class Replay:
    """What a new version would have done to what the old one let pass.

    Attributes:
        judged: records that the old version lets pass.
        blocked: of these, those that the new one stops.
        freed: records that the old one stops and the new one lets pass.
        flips: records that a table of both decides differently.
    """

    judged: int
    blocked: Effect
    freed: Effect
    flips: int


def replayed(old: RuleSet, new: RuleSet, records: Past, weight: str | None = None) -> Replay:
    """Replay history through both versions as wholes: a record that breaks three rules is stopped once.

    Raises:
        InvalidValue: for sets that judge changes, or a value that its field cannot hold.
        NotFound: for a column that does not exist.
    """
    if new.transitions or old.transitions:
        raise InvalidValue("rules", new.name, "judge changes: history is replayed record by record")
    whole = (RuleSet(new.name, new.schema, [PythonRule(_WHOLE, _passing(rules, new))]) for rules in (old, new))
    before, after = whole
    nothing = Effect(0, None if weight is None else Decimal(0))
    judged, blocked, freed, stopped = 0, nothing, nothing, 0
    # No history has no groups.
    for found in backtest(after, records, before=before, weight=weight):
        judged, blocked, freed = found.judged.n, found.newly_failed or nothing, found.newly_kept or nothing
        stopped = found.failed.n - blocked.n + freed.n
    tables = {one.name: one for one in old.tables}
    flips: set[int] = set()
    for table in new.tables:
        if table.name in tables and _difference(tables[table.name], table) is not None:
            flips |= {*backtest_table(tables[table.name], table, records).flips}
    return Replay(judged - stopped, blocked, freed, len(flips))


def _passing(rules: RuleSet, read: RuleSet) -> Callable[[Any], bool]:
    """Whether a record as the new version reads it breaks no error of a set; what it lacks is not known."""
    partial = not {one.name for one in rules.schema.fields} <= {one.name for one in read.schema.fields}

    def passes(record: Any) -> bool:
        found = rules.findings(record, partial=partial)
        return not any(one.severity == "error" and one.value is False for one in found)

    return passes
