"""Conditions as SQL: the same verdict in the host's own database, nulls included.

FEEL's three values are SQL's. Equality is IS NOT DISTINCT FROM, since null equals null in FEEL; ordered comparisons,
`and`, `or` and `not` are SQL's own. What a database would decide otherwise (exact division, case folding, functions
that it lacks) is refused rather than approximated.

Columns hold what the schema says: decimals as DECIMAL or NUMERIC, floats as DOUBLE, instants as timestamps with a zone,
days and time durations as microseconds and years and months durations as months in BIGINT, lists of contexts as arrays
of structs (DuckDB, Spark) or JSONB arrays of objects (PostgreSQL).

Numbers have to fit: a database raises an error where an integer leaves 64 bits or a decimal 38 digits, and Spark does
so only under `SPARK_SETTINGS`. Floats that leave their range are infinite in one database, an error in another.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import isinf
from types import MappingProxyType
from typing import Any

import attrs

from crmkit.errors import InvalidValue, RuleError
from crmkit.rules._compile import Checked
from crmkit.rules._dialects import ALL, EXISTS, MEMBER_TYPES, ROWS, Words, words_of
from crmkit.rules._shapes import ANY, NUMBERS, Shape
from crmkit.rules.dialect import Dialect, identifier
from crmkit.rules.dialect import text as write_text
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._evaluate import asks
from crmkit.rules.feel._numbers import write_number
from crmkit.rules.feel._values import YearsMonths
from crmkit.rules.ruleset import RuleSet
from crmkit.rules.schema import Field

__all__ = ["SPARK_SETTINGS", "condition_sql", "verdicts_sql"]

#: The settings of a Spark session for which verdicts hold: what does not fit is an error, neither rounded nor null.
SPARK_SETTINGS: Mapping[str, str] = MappingProxyType({
    "spark.sql.ansi.enabled": "true",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
})  # fmt: skip

_MICRO = timedelta(microseconds=1)
_COMPARED = frozenset({
    "number", "string", "boolean", "date", "date and time", "days and time duration", "years and months duration",
})  # fmt: skip
# Beside 20 digits of a BIGINT these leave 38, which is what the databases have.
_MOST_DECIMALS, _MOST_DIGITS = 18, 34


def condition_sql(condition: Checked, *, dialect: Dialect = "duckdb", prefix: str = "") -> str:
    """A condition as a boolean SQL expression that is TRUE, FALSE or NULL as the condition is.

    Args:
        condition: the condition.
        dialect: the database.
        prefix: the name of the table or alias that its columns belong to.

    Raises:
        InvalidValue: if there is no such dialect.
        RuleError: for the part that the database would not decide alike, with its place.
    """
    words = words_of(dialect)
    columns = {name: (f"{prefix}." if prefix else "") + identifier(name, dialect) for name in condition.schema.names}
    return _Writer(words, condition, columns, prefix).condition(condition.node)


def verdicts_sql(rules: RuleSet, table: str, *, dialect: Dialect = "duckdb", columns: Sequence[str] = ()) -> str:
    """A query that judges the rows of a table: the chosen columns, and one for the verdict of each rule.

    Args:
        rules: the rules; those in Python cannot go along.
        table: the table's name.
        dialect: the database.
        columns: the columns to show beside the verdicts.

    Raises:
        InvalidValue: if there is no such dialect.
        RuleError: for a part that the database would not decide alike.
    """
    source = identifier(table, dialect)
    verdicts = [
        f"{condition_sql(rules.checked[one.name], dialect=dialect, prefix=source)} AS {identifier(one.name, dialect)}"
        for one in rules.written
    ]
    shown = ", ".join([*(f"{source}.{identifier(name, dialect)}" for name in columns), *verdicts])
    return f"SELECT {shown} FROM {source}"  # noqa: S608 - names are quoted, literals escaped


@attrs.define
class _Writer:
    words: Words
    whole: Checked
    columns: dict[str, str]
    prefix: str

    def shape(self, node: nodes.Node) -> Shape:
        """What the checker found of a part."""
        return self.whole.shapes.get(id(node), ANY)

    def refuse(self, node: nodes.Node, why: str) -> RuleError:
        """That a part cannot be said in SQL."""
        return RuleError("SQL", why, "sql", self.whole.text, *node.span)

    def condition(self, node: nodes.Node) -> str:
        """A condition."""
        text = self.value(node)
        # A bare NULL has no kind, and Spark wants one of conditions.
        return f"CAST({text} AS BOOLEAN)" if self.shape(node).kind == "null" else text

    def value(self, node: nodes.Node) -> str:
        """A value."""
        writer = _WRITERS.get(type(node))
        if writer is None:
            raise self.refuse(node, "this has no form in SQL that decides alike")
        return writer(self, node)

    def literal(self, value: Any, node: nodes.Node, like: Shape) -> str:
        """A literal, of the kind that it meets."""
        match value:
            case None:
                return "NULL"
            case bool():
                return "TRUE" if value else "FALSE"
            case Decimal():
                return self.number(value, node, like)
            case str():
                return self.string(value, node)
            case datetime() if value.tzinfo is not None:
                return self.moment(value, node)
            case date() if not isinstance(value, datetime):
                return self.words.day.format(value.isoformat())
            case timedelta():
                return str(value // _MICRO)
            case YearsMonths():
                return str(value.months)
            case _:
                raise self.refuse(node, "this literal has no form in SQL")

    def moment(self, value: datetime, node: nodes.Node) -> str:
        """A literal instant."""
        try:
            return self.words.moment.format(value.astimezone(UTC).isoformat(sep=" "))
        except OverflowError:
            raise self.refuse(node, "this instant lies beyond the years that databases are asked for") from None

    def number(self, value: Decimal, node: nodes.Node, like: Shape) -> str:
        """A literal number."""
        if like.kind == "float" and not isinf(float(value)):
            # From a text: not every database finds the float that is nearest to a decimal.
            return f"CAST('{float(value)!r}' AS {self.words.float_type})"
        text = write_number(value)
        if like.kind == "float" or len(text) > _MOST_DIGITS or len(text.partition(".")[2]) > _MOST_DECIMALS:
            raise self.refuse(node, "databases do not keep a number of so many digits")
        return text

    def string(self, text: str, node: nodes.Node) -> str:
        """A string literal."""
        try:
            return write_text(text, self.words.name)
        except InvalidValue:
            raise self.refuse(node, "a string with a zero byte has no form in SQL") from None


# -- conditions


def _and(of: _Writer, node: nodes.And) -> str:
    return f"({' AND '.join(map(of.condition, node.operands))})"


def _or(of: _Writer, node: nodes.Or) -> str:
    return f"({' OR '.join(map(of.condition, node.operands))})"


def _compare(of: _Writer, node: nodes.Compare) -> str:
    return _compared(of, node.op, node.left, node.right, node)


def _compared(of: _Writer, op: str, left: nodes.Node, right: nodes.Node, node: nodes.Node) -> str:
    a, b = of.shape(left), of.shape(right)
    if a.feel != b.feel and "null" not in {a.kind, b.kind}:
        raise of.refuse(node, "the kinds of both sides must be known")
    if "null" not in {a.kind, b.kind} and a.feel not in _COMPARED:
        raise of.refuse(node, "values of this kind are not compared in SQL")
    x, y = _side(of, left, b), _side(of, right, a)
    if "string" in {a.kind, b.kind} and op not in {"=", "!="}:
        x, y = of.words.text.format(x), of.words.text.format(y)
    match op:
        case "=":
            return f"({x} IS NOT DISTINCT FROM {y})" if of.words.quote == '"' else f"({x} <=> {y})"
        case "!=":
            return f"({x} IS DISTINCT FROM {y})" if of.words.quote == '"' else f"(NOT ({x} <=> {y}))"
        case _:
            return f"({x} {op} {y})"


def _side(of: _Writer, node: nodes.Node, other: Shape) -> str:
    if isinstance(node, nodes.Literal_ | nodes.Temporal):
        return of.literal(node.value, node, other)
    if isinstance(node, nodes.Negate) and isinstance(node.operand, nodes.Literal_):
        return f"(-{of.literal(node.operand.value, node, other)})"
    return of.value(node)


def _between(of: _Writer, node: nodes.Between) -> str:
    low = _compared(of, ">=", node.operand, node.low, node)
    return f"({low} AND {_compared(of, '<=', node.operand, node.high, node)})"


def _in(of: _Writer, node: nodes.In) -> str:
    return f"({' OR '.join(_test(of, node.operand, test) for test in node.tests)})"


def _test(of: _Writer, operand: nodes.Node, test: nodes.Node) -> str:
    match test:
        case nodes.HalfLine():
            return _compared(of, test.op, operand, test.bound, test)
        case nodes.Interval():
            low = _compared(of, ">=" if test.low_included else ">", operand, test.low, test)
            high = _compared(of, "<=" if test.high_included else "<", operand, test.high, test)
            # Without a start there is no answer, even for a value after the end.
            return (
                f"(CASE WHEN {low} THEN {high} ELSE {low} END)"
                if of.shape(test.low).nullable
                else f"({low} AND {high})"
            )
        case nodes.ListOf() if of.shape(operand).kind != "list":
            return _listed(of, operand, test)
        case _ if asks(test):
            raise of.refuse(test, "a test with ? has no form in SQL; write the condition itself")
        case _:
            return _compared(of, "=", operand, test, test)


def _listed(of: _Writer, operand: nodes.Node, test: nodes.ListOf) -> str:
    for item in test.items:
        if isinstance(item, nodes.HalfLine | nodes.Interval):
            raise of.refuse(item, "in a list this is a value; write the tests beside one another, without a list")
    found = [_compared(of, "=", operand, item, test) for item in test.items]
    return f"({' OR '.join(found)})" if found else "FALSE"


def _if(of: _Writer, node: nodes.If) -> str:
    like = of.shape(node)
    then, other = _side(of, node.then, like), _side(of, node.otherwise, like)
    return f"(CASE WHEN {of.condition(node.condition)} THEN {then} ELSE {other} END)"


def _quantified(of: _Writer, node: nodes.Quantified) -> str:
    iteration = node.iterations[0]
    source = of.shape(iteration.source)
    if len(node.iterations) > 1 or iteration.high is not None or source.item is None or not source.item.fields:
        raise of.refuse(node, "only one list of contexts at a time is gone through in SQL")
    text, item = of.value(iteration.source), identifier(_free(of, iteration.name), of.words.name)
    fields = source.item.fields.items()
    if of.words.some == ROWS and not of.prefix:
        for name in nodes.walk(node.condition):
            if isinstance(name, nodes.Name) and name.name in source.item.fields:
                raise of.refuse(name, "the items have a member of that name; say by prefix= whose column is meant")
    members = {f"{iteration.name}.{name}": _member(of, item, field) for name, field in fields}
    inner = attrs.evolve(of, columns={**of.columns, **members})
    condition = inner.condition(node.condition)
    columns = ", ".join(
        f"{identifier(name, of.words.name)} {MEMBER_TYPES.get(field.kind, 'JSONB')}" for name, field in fields
    )

    def there(what: str) -> str:
        return of.words.some.format(source=text, item=item, condition=what, columns=columns)

    form = ALL if node.every else EXISTS
    return "(" + form.format(source=text, true=there(condition), false=there(f"NOT ({condition})"),
                             null=there(f"({condition}) IS NULL")) + ")"  # fmt: skip


def _free(of: _Writer, name: str) -> str:
    """The name of a loop, but another one where it is that of a table or a column."""
    taken = {*of.columns, of.prefix.strip(of.words.quote)}
    while name in taken:
        name += "_"
    return name


def _member(of: _Writer, item: str, field: Field) -> str:
    return f"{item}.{identifier(field.name, of.words.name)}"


def _call(of: _Writer, node: nodes.Call) -> str:
    name = node.function.name if isinstance(node.function, nodes.Name) else ""
    if name == "not" and len(node.arguments) == 1:
        return f"(NOT {of.condition(node.arguments[0])})"
    if name == "count" and of.shape(node.arguments[0]).kind == "list":
        return of.words.size.format(of.value(node.arguments[0]))
    form = of.words.functions.get(name)
    if form is None or node.names or any(of.shape(one).kind != "string" for one in node.arguments):
        raise of.refuse(node, f"the function {name!r} has no form in SQL that decides alike")
    return form.format(*(_side(of, argument, of.shape(argument)) for argument in node.arguments))


# -- values


def _literal(of: _Writer, node: nodes.Literal_ | nodes.Temporal) -> str:
    return of.literal(node.value, node, of.shape(node))


def _name(of: _Writer, node: nodes.Name) -> str:
    if node.name not in of.columns:
        raise of.refuse(node, f"{node.name!r} is no column")
    return of.columns[node.name]


def _path(of: _Writer, node: nodes.Path) -> str:
    if isinstance(node.of, nodes.Name) and f"{node.of.name}.{node.name}" in of.columns:
        return of.columns[f"{node.of.name}.{node.name}"]
    raise of.refuse(node, "members are read in SQL only inside some and every")


def _negate(of: _Writer, node: nodes.Negate) -> str:
    return f"(-{_number(of, node.operand, of.shape(node))})"


def _number(of: _Writer, node: nodes.Node, made: Shape) -> str:
    """What is computed with: whole numbers as the widest that the database has."""
    text = _side(of, node, made)
    computed = isinstance(node, nodes.Arithmetic | nodes.Negate)
    return f"CAST({text} AS {of.words.whole_type})" if made.kind == "integer" and not computed else text


def _arithmetic(of: _Writer, node: nodes.Arithmetic) -> str:
    left, right, made = of.shape(node.left), of.shape(node.right), of.shape(node)
    if made.kind == "days and time duration" and node.op == "-":
        form = {"date": of.words.days_between, "date and time": of.words.micros_between}.get(left.kind)
        if form is None or left.kind != right.kind:
            raise of.refuse(node, "this difference has no form in SQL that decides alike")
        return form.format(of.value(node.left), of.value(node.right))
    if made.kind not in NUMBERS or node.op == "**":
        raise of.refuse(node, f"{left} {node.op} {right} has no form in SQL that decides alike")
    if node.op == "/" and made.kind != "float":
        raise of.refuse(node, "databases divide exact numbers in their own ways; multiply instead, or declare floats")
    x, y = _number(of, node.left, made), _number(of, node.right, made)
    return f"({x} / NULLIF({y}, 0))" if node.op == "/" else f"({x} {node.op} {y})"


_WRITERS: Mapping[type, Callable[[_Writer, Any], str]] = {
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Compare: _compare,
    nodes.Between: _between,
    nodes.In: _in,
    nodes.If: _if,
    nodes.Quantified: _quantified,
    nodes.Call: _call,
    nodes.Literal_: _literal,
    nodes.Temporal: _literal,
    nodes.Name: _name,
    nodes.Path: _path,
    nodes.Negate: _negate,
    nodes.Arithmetic: _arithmetic,
}
