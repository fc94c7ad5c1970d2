"""Why a rule says what it says: the conditions, the values that were read, the nearest change, what would settle it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import attrs

from crmkit.rules._boxed import TableNode
from crmkit.rules._compile import Checked, Record
from crmkit.rules._shown import decided, explained, literal_of
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._operators import Problem, inverted
from crmkit.rules.feel._printer import unparse
from crmkit.rules.feel._values import UNKNOWN
from crmkit.rules.ruleset import PythonRule, RuleSet
from crmkit.rules.schema import Schema
from crmkit.rules.table import DecisionTable
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = ["Change", "Condition", "Explanation", "RowExplanation", "TableExplanation", "explain", "explain_table"]


@attrs.frozen
class Condition:
    """One condition of a rule, and what became of it.

    Attributes:
        text: the condition.
        value: True, False, None or `UNKNOWN`.
        reads: the fields that it looked at, with their values.
        notes: why it has no answer.
    """

    text: str
    value: Any
    reads: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@attrs.frozen
class Change:
    """Something that would have to be otherwise.

    Attributes:
        condition: what must become true.
        reads: what its fields are now.
        field: the field to change, if a value is known with which the rule, all changes made, is true.
        to: that value.
    """

    condition: str
    reads: Mapping[str, Any]
    field: str | None = None
    to: Any = None

    def __str__(self) -> str:
        now = ", ".join(f"{name} is {literal_of(value)}" for name, value in self.reads.items())
        return f"{self.condition} ({now})" if now else self.condition


@attrs.frozen
class Explanation(Shown):
    """Why a rule says what it says of a record.

    Attributes:
        rule: the rule's name.
        value: True, False, None or `UNKNOWN`.
        conditions: all its conditions, in the order of the text.
        because: those that decided.
        nearest: the fewest changes after which it would be true; empty if it is.
        settle: the fields that would settle it, if it is UNKNOWN or null: each is not known, or is empty.
    """

    rule: str
    value: Any
    conditions: tuple[Condition, ...]
    because: tuple[Condition, ...]
    nearest: tuple[Change, ...]
    settle: tuple[str, ...]

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The verdict, and what decided it; see `Shown.display`."""
        return explained(self, lang, most)


def explain(rules: RuleSet, name: str, record: Record, *, old: Record | None = None) -> Explanation:
    """Why a rule of a set says what it says; fields that the record lacks are UNKNOWN.

    Args:
        rules: the set.
        name: the rule.
        record: the record, after the change if there is one.
        old: the record before the change.

    Raises:
        NotFound: if there is no such rule.
        InvalidValue: for a value that its field cannot hold.
    """
    one = rules.rule(name)
    values = rules.world.read(rules.record(record, old), partial=True)
    if isinstance(one, PythonRule):
        return Explanation(name, one.function(record), (), (), (), ())
    return _explained(rules.checked[name], values, name, transitions=rules.transitions)


def _explained(checked: Checked, values: Record, name: str, *, transitions: bool) -> Explanation:
    found: dict[int, Any] = {}
    outcome = checked.interpret(values, seen=lambda node, value: found.__setitem__(id(node), value))
    teller = _Teller(checked, values, found, transitions)
    atoms = [*teller.atoms(checked.node)]
    value = outcome.value
    deciding = [*teller.deciding(checked.node, value)]
    nearest = () if value is True else tuple(teller.nearest(atoms))
    open_ = [one for one in deciding if teller.value(one) in {None, UNKNOWN}]
    empty = {UNKNOWN} if value is UNKNOWN else {None}
    settle = (
        [field for one in open_ for field, now in teller.reads(one).items() if _is_one_of(now, empty)]
        if value is None or value is UNKNOWN
        else []
    )
    return Explanation(
        name,
        value,
        tuple(map(teller.condition, atoms)),
        tuple(map(teller.condition, deciding)),
        nearest,
        tuple(dict.fromkeys(settle)),
    )


def _is_one_of(value: Any, wanted: set[Any]) -> bool:
    return any(value is one for one in wanted)


_JOINING = (nodes.And, nodes.Or)
_MOST_TRIED = 500


@attrs.define
class _Teller:
    """What an evaluation of one condition saw."""

    checked: Checked
    values: Record
    found: Mapping[int, Any]
    transitions: bool

    def value(self, node: nodes.Node) -> Any:
        """The value of a part; evaluated now if it was not needed then."""
        if id(node) not in self.found:
            whole = attrs.evolve(self.checked, node=node)
            return whole.interpret(self.values).value
        return self.found[id(node)]

    def reads(self, node: nodes.Node) -> dict[str, Any]:
        """The fields that a part looks at; of `old` and `new` the member that it does."""
        read: dict[str, Any] = {}
        for part in nodes.walk(node):
            if isinstance(part, nodes.Path) and isinstance(part.of, nodes.Name) and part.of.name in self.values:
                inner = self.values[part.of.name]
                if isinstance(inner, dict):
                    read[f"{part.of.name}.{part.name}"] = inner.get(part.name)
            elif isinstance(part, nodes.Name) and not isinstance(self.values.get(part.name, {}), dict):
                read[part.name] = self.values[part.name]
        return dict(sorted(read.items()))

    def condition(self, node: nodes.Node) -> Condition:
        """A part as a condition."""
        outcome = attrs.evolve(self.checked, node=node).interpret(self.values)
        notes = tuple(dict.fromkeys(note.why for note in outcome.notes)) if outcome.value is None else ()
        return Condition(unparse(node), outcome.value, self.reads(node), notes)

    def atoms(self, node: nodes.Node) -> Iterator[nodes.Node]:
        """The conditions that are joined by and, or, not."""
        inner = _negated(node)
        if inner is not None:
            yield from self.atoms(inner)
        elif isinstance(node, _JOINING):
            for operand in node.operands:
                yield from self.atoms(operand)
        else:
            yield node

    def deciding(self, node: nodes.Node, value: Any) -> Iterator[nodes.Node]:
        """The conditions that gave a part its value."""
        inner = _negated(node)
        if inner is not None:
            yield from self.deciding(inner, inverted(value))
        elif isinstance(node, _JOINING):
            for operand in node.operands:
                if self.value(operand) is value:
                    yield from self.deciding(operand, value)
        else:
            yield node

    def nearest(self, atoms: Sequence[nodes.Node]) -> list[Change]:
        """The fewest changes after which the whole is true, tried out."""
        found = self.changes(self.checked.node, wanted=True)
        if any(one.field is None for one in found) or self._passes([(one.field, one.to) for one in found]):
            return found
        # What makes one condition true may make another one false: the fields are changed with all of them in view.
        for changed in islice(self._choices(atoms), _MOST_TRIED):
            if self._passes(changed):
                reads = self.reads(self.checked.node)
                return [Change(f"{f} = {literal_of(to)}", {f: reads[f]}, f, to) for f, to in changed]
        return [attrs.evolve(one, field=None, to=None) for one in found]

    def _choices(self, atoms: Sequence[nodes.Node]) -> Iterator[list[tuple[str, Any]]]:
        """Values for one of the fields, then for two of them."""
        single = [*self.singles(atoms)]
        yield from ([one] for one in single)
        for field, value in single:
            after = attrs.evolve(self, values={**self.values, field: value}, found={})
            yield from ([(field, value), one] for one in after.singles(atoms) if one[0] != field)

    def singles(self, atoms: Sequence[nodes.Node]) -> Iterator[tuple[str, Any]]:
        """Fields with values that could change a condition."""
        for atom in atoms:
            for field in self.reads(atom):
                if field in self.values:
                    yield from ((field, value) for value in self._candidates(atom, field))

    def _passes(self, changes: Iterable[tuple[str | None, Any]]) -> bool:
        """Whether the whole is true after some changes."""
        changed = {field: to for field, to in changes if field is not None}
        values = {**self.values, **changed}
        if self.transitions:
            values["new"] = {**values["new"], **changed}
        return self.checked.interpret(values).value is True

    def changes(self, node: nodes.Node, *, wanted: bool) -> list[Change]:
        """The fewest changes after which a part has the wanted value."""
        if self.value(node) is wanted:
            return []
        inner = _negated(node)
        if inner is not None:
            return self.changes(inner, wanted=not wanted)
        if isinstance(node, _JOINING):
            parts = [self.changes(operand, wanted=wanted) for operand in node.operands]
            if isinstance(node, nodes.And) == wanted:
                return [change for part in parts for change in part]
            return min((part for part in parts if part), key=len, default=[])
        return [self._change(node, wanted=wanted)]

    def _change(self, node: nodes.Node, *, wanted: bool) -> Change:
        text = unparse(node) if wanted else f"not({unparse(node)})"
        reads = self.reads(node)
        for field in reads:
            if field not in self.values:
                continue
            for candidate in self._candidates(node, field):
                changed = {**self.values, field: candidate}
                if attrs.evolve(self.checked, node=node).interpret(changed).value is wanted:
                    return Change(text, reads, field, candidate)
        return Change(text, reads)

    def _candidates(self, node: nodes.Node, field: str) -> Iterator[Any]:
        """Values of a field that could change a condition: those it is compared with, and their neighbours."""
        of = self.checked.schema.field(field)
        literals = [part.value for part in nodes.walk(node) if isinstance(part, nodes.Literal_ | nodes.Temporal)]
        literals += [value for name, value in self.reads(node).items() if name != field]
        now = self.values[field]
        options = [*of.values] if of.values else [True, False] if of.kind == "boolean" else _around(literals, of.kind)
        # The nearest first, where nearness can be said.
        for value in sorted(options, key=lambda option: _distance(option, now)):
            try:
                yield of.read(value)
            except (ValueError, TypeError, Problem):
                continue


def _negated(node: nodes.Node) -> nodes.Node | None:
    if isinstance(node, nodes.Call) and node.function == nodes.Name("not") and len(node.arguments) == 1:
        return node.arguments[0]
    return None


def _around(literals: list[Any], kind: str) -> list[Any]:
    """The literals, and just beside each."""
    found: list[Any] = []
    for value in literals:
        found.append(value)
        step = Decimal(1) if kind == "integer" else _STEPS.get(type(value))
        if step is not None:
            with suppress(TypeError, OverflowError):
                found += [value - step, value + step]
    return found


#: From a value of each class to the one beside it.
_STEPS: Mapping[type, Any] = {
    Decimal: Decimal("0.01"), float: 0.01, date: timedelta(days=1), datetime: timedelta(seconds=1),
    timedelta: timedelta(seconds=1),
}  # fmt: skip


def _distance(option: Any, now: Any) -> tuple[int, float]:
    try:
        apart = option - now
        return 0, abs(apart.total_seconds() if isinstance(apart, timedelta) else float(apart))
    except (TypeError, ValueError, ArithmeticError):
        return 1, 0


# -- tables


@attrs.frozen
class RowExplanation:
    """Why a row matches, or does not.

    Attributes:
        row: its number, from 1.
        value: True, False, None or `UNKNOWN`.
        failed: the cells that do not pass, as `input: cell (value)`.
    """

    row: int
    value: Any
    failed: tuple[str, ...]


@attrs.frozen
class TableExplanation(Shown):
    """Why a table decides what it decides.

    Attributes:
        result: the result.
        inputs: the values of the inputs.
        matched: the rows that match, from 1.
        rows: each row.
        nearest: of the rows that do not match, those that fail in the fewest cells.
        notes: why there is no result.
    """

    result: Any
    inputs: Mapping[str, Any]
    matched: tuple[int, ...]
    rows: tuple[RowExplanation, ...]
    nearest: tuple[RowExplanation, ...]
    notes: tuple[str, ...]

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The result, and what decided it; see `Shown.display`."""
        return decided(self, lang, most)


def explain_table(table: DecisionTable, record: Record) -> TableExplanation:
    """Why a table decides what it decides; fields that the record lacks are UNKNOWN.

    Raises:
        InvalidValue: for a value that its field cannot hold.
    """
    values = table.schema.read(record, partial=True)
    outcome = table.evaluate(values)
    node = table.node
    columns = zip(table.inputs, node.inputs, strict=True)
    inputs = {label: _value(table.schema, column.expression, values) for label, column in columns}
    rows = tuple(_row(number, node, table, values, inputs) for number in range(len(node.rows)))
    failing = [row for row in rows if row.value is not True]
    fewest = min((len(row.failed) for row in failing), default=0)
    return TableExplanation(
        outcome.value,
        inputs,
        tuple(row.row for row in rows if row.value is True),
        rows,
        tuple(row for row in failing if len(row.failed) == fewest),
        tuple(dict.fromkeys(note.why for note in outcome.notes)) if outcome.value is None else (),
    )


def _value(schema: Schema, node: nodes.Node, values: Record) -> Any:
    return Checked("", node, schema, {}, attrs.NOTHING).interpret(values).value  # type: ignore[arg-type] # only the tree is asked


def _row(
    number: int, node: TableNode, table: DecisionTable, values: Record, inputs: Mapping[str, Any]
) -> RowExplanation:
    failed: list[str] = []
    worst: Any = True
    for label, cell, text in zip(table.inputs, node.rows[number].cells, table.rows[number], strict=False):
        said = _value(table.schema, cell, {**values, "?": inputs[label]})
        if said is not True:
            failed.append(f"{label}: {text} ({literal_of(inputs[label])})")
            worst = False if said is False or worst is False else said
    return RowExplanation(number + 1, worst, tuple(failed))
