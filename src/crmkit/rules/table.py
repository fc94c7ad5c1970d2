"""Decision tables over a schema: cells in FEEL, all eleven hit policies, checked when they are made."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors, RuleError, did_you_mean
from crmkit.rules._boxed import BOXED, HIT_POLICIES, HitPolicy, Input, Output, Row, TableNode
from crmkit.rules._check import Checker, tests
from crmkit.rules._columns import column
from crmkit.rules._compile import Vocabulary
from crmkit.rules._shapes import ANY, Shape, of_field
from crmkit.rules._trees import renamed
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._convert import to_feel
from crmkit.rules.feel._evaluate import Outcome, evaluated
from crmkit.rules.feel._parser import parse, parse_tests
from crmkit.rules.feel._run import Seen, World
from crmkit.rules.feel._text import write
from crmkit.rules.schema import Field, Schema
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = ["CheckedTable", "DecisionTable", "HitPolicy"]

_ORDERED_BY_OUTPUT = frozenset({"P", "O"})
_OF_ONE_OUTPUT = frozenset({"C+", "C<", "C>"})


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)


def _fields(fields: Iterable[Field]) -> tuple[Field, ...]:
    return tuple(fields)


def _rows(rows: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row) for row in rows)


@attrs.frozen(slots=False)
class DecisionTable(Shown):
    """Conditions in rows, one column an input, with results.

    >>> deal = Schema([Field("discount", "decimal", low=0, high=1), Field("strategic", "boolean")])
    >>> who = Field("approver", values=["nobody", "manager", "director"])
    >>> table = DecisionTable("discount authority", deal, ["discount", "strategic"], [who], [
    ...     ["<= 0.1",     "-",     '"nobody"'],
    ...     ["(0.1..0.3]", "false", '"manager"'],
    ...     ["(0.1..0.3]", "true",  '"nobody"'],
    ...     ["> 0.3",      "-",     '"director"'],
    ... ])
    >>> table.decide({"discount": 0.2, "strategic": False}).value
    'manager'

    Attributes:
        name: its name.
        schema: what its texts may speak of.
        inputs: an expression a column.
        outputs: the result's fields; their `values` are in order of priority, best first.
        rows: for each rule the texts of its cells and then of its results; an empty cell is `-`.
        policy: the hit policy: U unique, A any, P priority, F first, R rule order, O output order, C collect,
            C+ sum, C< least, C> greatest, C# count.
        defaults: the results when no row matches, as texts; none if empty.

    Raises:
        DefinitionErrors: everything that is wrong with its texts, each with its row, column and place.
    """

    name: str
    schema: Schema
    inputs: tuple[str, ...] = attrs.field(converter=_texts)
    outputs: tuple[Field, ...] = attrs.field(converter=_fields)
    rows: tuple[tuple[str, ...], ...] = attrs.field(converter=_rows)
    policy: HitPolicy = attrs.field(default="U", kw_only=True)
    defaults: tuple[str, ...] = attrs.field(default=(), converter=_texts, kw_only=True)

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The table as it is drawn in DMN; see `Shown.display`."""
        from crmkit.rules._shown import decision_table

        return decision_table(self, lang, most)

    def __attrs_post_init__(self) -> None:
        _ = self.checked

    @cached_property
    def checked(self) -> "CheckedTable":
        """The table read and checked."""
        return _Reader(self).read()

    @property
    def node(self) -> TableNode:
        """The table as a tree."""
        return self.checked.node

    def decide(self, record: Mapping[str, Any], *, partial: bool = False, world: World | None = None) -> Outcome:
        """The result for a record, with notes on why there is none.

        Args:
            record: the record.
            partial: whether fields that are not there are UNKNOWN.
            world: clock and limits.
        """
        return self.evaluate(self.schema.read(record, partial=partial), world=world)

    def evaluate(self, values: Mapping[str, Any], *, world: World | None = None, seen: Seen | None = None) -> Outcome:
        """The result for values as `Schema.read` gives them."""
        return evaluated(self.node, values, world, BOXED, seen)

    def function(self) -> Callable[[Mapping[str, Any]], Any]:
        """The table as generated Python: from a record to what `decide` gives as its value, many times faster.

        Fields that the table does not speak of are not looked at, so that nothing is said of what is wrong with them.
        """
        from crmkit.rules._table_code import function

        return function(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # What is known of a part is found by its identity, which does not survive pickling: it is checked again.
        return _remade, (self.name, self.schema, self.inputs, self.outputs, self.rows, self.policy, self.defaults)


def _remade(*parts: Any) -> DecisionTable:
    *first, policy, defaults = parts
    return DecisionTable(*first, policy=policy, defaults=defaults)


@attrs.frozen(eq=False)
class CheckedTable:
    """A table that was read, and what is known of its parts."""

    node: TableNode
    shapes: Mapping[int, Shape]


class _Reader:
    """Reads the texts of one table, collecting every mistake."""

    def __init__(self, table: DecisionTable) -> None:
        self.table, self.vocabulary = table, Vocabulary.of(table.schema)
        self.errors: list[DefinitionError] = []
        self.shapes: dict[int, Shape] = {}

    def read(self) -> CheckedTable:
        """The table's tree.

        Raises:
            DefinitionErrors: everything that is wrong.
        """
        table = self.table
        self._policy()
        self._outputs()
        shapes = [self._input(text) for text in table.inputs]
        rows = tuple(self._row(number, row, shapes) for number, row in enumerate(table.rows, 1))
        outputs = tuple(self._output(number, output) for number, output in enumerate(table.outputs))
        if self.errors:
            raise DefinitionErrors(f"table {table.name!r} cannot be used", self.errors)
        inputs = tuple(Input(node, text) for text, (node, _) in zip(table.inputs, shapes, strict=True))
        return CheckedTable(TableNode(table.policy, inputs, outputs, rows), self.shapes)

    def wrong(self, where: str, why: str) -> None:
        """Note a mistake of the table as a whole."""
        self.errors.append(DefinitionError(f"{self.table.name}, {where}", why))

    def _policy(self) -> None:
        table = self.table
        if table.policy not in HIT_POLICIES:
            hint = did_you_mean(str(table.policy), HIT_POLICIES)
            self.wrong("policy", f"no hit policy {table.policy!r}{hint}; there are: {' '.join(HIT_POLICIES)}")
        if not table.inputs or not table.outputs:
            self.wrong("columns", "a table has at least one input and one output")
        if table.policy in _ORDERED_BY_OUTPUT and not all(output.values for output in table.outputs):
            self.wrong("outputs", f"hit policy {table.policy} needs the values of each output, best first")
        if table.policy in _OF_ONE_OUTPUT and len(table.outputs) > 1:
            self.wrong("outputs", f"hit policy {table.policy} needs a single output")

    def _outputs(self) -> None:
        table = self.table
        names = [output.name for output in table.outputs]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            self.wrong(f"output {name!r}", "is the name of two outputs")
        for output in table.outputs:
            for problem in output.problems():
                self.wrong(f"output {output.name!r}", problem)
        if table.defaults and len(table.defaults) != len(table.outputs):
            self.wrong("defaults", f"has {len(table.defaults)} defaults; the table has {len(table.outputs)} outputs")

    def _text(self, text: str, where: str, reader: Callable[..., nodes.Node]) -> nodes.Node | None:
        place = f"{self.table.name}, {where}"
        try:
            node = reader(text, self.vocabulary.names, members=self.vocabulary.members, where=place)
        except RuleError as error:
            self.errors.append(error)
            return None
        return renamed(node, self.vocabulary.aliases) if self.vocabulary.labelled else node

    def _checked(self, checker: Checker, check: Callable[[], Any]) -> Any:
        """What a check gives; whatever it finds is kept."""
        made = check()
        self.errors += checker.errors
        self.shapes |= checker.shapes
        return made

    def _input(self, text: str) -> tuple[nodes.Node, Shape]:
        where = f"input {text!r}"
        node = self._text(text, where, parse)
        if node is None:
            # Its cells are read all the same, as those of an input of which nothing is known.
            return nodes.Literal_(None), ANY
        checker = Checker(text, f"{self.table.name}, {where}", self.vocabulary.shapes)
        return node, self._checked(checker, lambda: checker.shape(node))

    def _row(self, number: int, row: Sequence[str], inputs: Sequence[tuple[nodes.Node, Shape]]) -> Row:
        table = self.table
        wanted = len(table.inputs) + len(table.outputs)
        if len(row) != wanted:
            self.wrong(f"row {number}", f"has {len(row)} cells; the table has {wanted} columns")
        cells = tuple(
            self._cell(text, label, f"row {number}, {label!r}", shape)
            for text, label, (_, shape) in zip(row, table.inputs, inputs, strict=False)
        )
        results = tuple(
            self._result(text, f"row {number}, {output.name!r}", output)
            for text, output in zip(row[len(table.inputs) :], table.outputs, strict=False)
        )
        return Row(cells, results, str(number))

    def _cell(self, text: str, label: str, where: str, of: Shape) -> nodes.Tests:
        node = self._text(text, where, parse_tests) if text.strip() else nodes.Tests(())
        if not isinstance(node, nodes.Tests):
            return nodes.Tests(())
        place = f"{self.table.name}, {where}"
        checker = Checker(text, place, {**self.vocabulary.shapes, "?": of})
        self._checked(checker, lambda: tests(checker, of, node.tests))
        why = None if checker.errors else _never(label, of, node)
        if why is not None:
            self.errors.append(RuleError(place, why[1], why[0], text, 0, len(text)))
        return node

    def _result(self, text: str, where: str, output: Field) -> nodes.Node:
        node = self._text(text, where, parse)
        if node is None:
            return nodes.Literal_(None)
        wanted = of_field(output)
        checker = Checker(text, f"{self.table.name}, {where}", self.vocabulary.shapes)

        def check() -> None:
            found = checker.shape(node)
            if found.feel != wanted.feel and found.kind not in {"any", "null"}:
                checker.wrong("type", f"is a {found}, not a {wanted}", node)
            checker.listed(node, wanted, node)

        self._checked(checker, check)
        return node

    def _output(self, number: int, output: Field) -> Output:
        default = None
        if number < len(self.table.defaults):
            default = self._result(self.table.defaults[number], f"default {output.name!r}", output)
        return Output(output.name, values=tuple(map(_literal, output.values)), default=default)


def _literal(value: Any) -> nodes.Node:
    """A value of an output as a node."""
    made = to_feel(value)
    if made is None or isinstance(made, str | bool | Decimal):
        return nodes.Literal_(made)
    return nodes.Temporal(write(made), made)


def _never(label: str, of: Shape, cell: nodes.Tests) -> tuple[str, str] | None:
    """The code and the reason, if no value of a column passes a cell."""
    made = column(label, of, [cell])
    if made is None or made.mask(cell):
        return None
    field = of.field
    unbounded = column(label, attrs.evolve(of, field=None), [cell])
    if field is not None and unbounded is not None and unbounded.mask(cell):
        bounds = "..".join("" if bound is None else write(to_feel(bound)) for bound in (field.low, field.high))
        return "domain", f"is never true of {label}, which lies in {bounds}"
    return "constant", f"is never true of {label}"
