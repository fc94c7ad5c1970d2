"""Which method fits a problem: a decision table chooses, says why, and asks for what it needs to know (R3).

    >>> print(choose({"kind": "recurrence", "cause known": False, "severity": "major"}))
    8D: kind of problem recurrence, cause known no, severity major
    >>> print(choose({"kind": "chart", "severity": "minor"}))
    Not settled without cause known, cross team, times in the last quarter, cost a year: DMAIC, A3, five whys or PDCA

The table is `crmkit.rules.catalogue`'s "method-choice"; give your own as `table=`. It leaves nothing open and decides
nothing twice, which `crmkit.rules.analysis` proves of yours, too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors, InvalidValue, did_you_mean
from crmkit.improve.methods import names
from crmkit.rules import DecisionTable, Rule, RuleSet, explain_table
from crmkit.rules.explain import RowExplanation, TableExplanation
from crmkit.rules.feel import UNKNOWN, evaluate
from crmkit.rules.ruleset import RuleFinding
from crmkit.values.display import Told

__all__ = ["Choice", "choose"]

_OUTPUT = "method"


@attrs.frozen(kw_only=True)
class Choice(Told):
    """What a table says of a problem.

    Attributes:
        method: the method, as the table calls it; None while it is not settled.
        pipeline: the name of its pipeline: `crmkit.improve.methods.get` knows it, if it is none of your own.
        rows: the rows of the table that decided, from 1.
        because: the inputs that decided, with their values: label of the input, value.
        missing: the fields that were not given and would settle it.
        possible: the methods that are possible as far as is known, in the order of the table's output: the most
            thorough first.
        cautious: whether the method is the first of several that are possible, taken because that was asked for.
        then: what follows by the set's other rules, such as "open an improvement case".
        advice: rules of the set that the problem does not keep, each with a message in English and Chinese.
        version: the version of the set.
        told: why, in English and Chinese.
    """

    method: str | None
    pipeline: str | None
    rows: tuple[int, ...]
    because: tuple[tuple[str, Any], ...]
    missing: tuple[str, ...]
    possible: tuple[str, ...]
    cautious: bool = False
    then: tuple[str, ...] = ()
    advice: tuple[RuleFinding, ...] = ()
    version: str
    told: tuple[str, str]

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """The method, and why.

        Raises:
            NotFound: for another language.
        """
        from crmkit.improve._method_words import place_of

        return self.told[place_of(lang)]


def choose(
    problem: Mapping[str, Any], *, table: RuleSet | None = None, own: Iterable[str] = (), cautious: bool = False
) -> Choice:
    """The method that a decision table chooses for a problem.

    Args:
        problem: its fields: kind, recurrence, severity, cause known, cross team, cost; what is None is not known.
            Others are passed over, so that the fields of a case will do.
        table: your own rules, with one table that has an output "method". The catalogue's if None.
        own: the names of your own methods, beside those of `crmkit.improve.methods.names`.
        cautious: whether to take the most thorough method that is possible where inputs are missing: the first of them
            in the order of the output's values. Nothing is guessed unless you ask for it.

    Raises:
        InvalidValue: for a value that an input cannot have, or rules without such a table.
        DefinitionErrors: if the table names a method that nobody knows, with every place.
    """
    rules = _catalogue() if table is None else table
    decision = _decision(rules)
    known = {_pipeline(name): None for name in (*names(), *own)}
    _checked(decision, known)
    optional = {field.name for field in rules.schema.fields if field.nullable}
    given = {name: value for name, value in problem.items() if value is not None or name in optional}
    found = explain_table(decision, given)
    method = found.result if isinstance(found.result, str) else _part(found.result)
    open_ = found.result is UNKNOWN
    possible = (method,) if method is not None else _possible(decision, found.rows if open_ else ())
    missing = _missing(rules, decision, found, given) if open_ else ()
    guessed = cautious and method is None and bool(possible)
    method = possible[0] if guessed else method
    rows = () if open_ else found.matched
    because = _because(decision, rows, found.inputs)
    from crmkit.improve._method_words import why_chosen

    return Choice(
        method=method, pipeline=None if method is None else _named(decision, method, known, rows), rows=rows,
        because=because, missing=missing, possible=possible, cautious=guessed, then=_then(rules, given),
        advice=tuple(one for one in rules.findings(given, partial=True) if one.value is False or one.value is None),
        version=rules.version, told=why_chosen(rules.schema, method, because, (missing, possible), guessed=guessed),
    )  # fmt: skip


def _catalogue() -> RuleSet:
    from crmkit.rules.catalogue import load

    return load("method-choice")


def _decision(rules: RuleSet) -> DecisionTable:
    fitting = [one for one in rules.tables if any(output.name == _OUTPUT for output in one.outputs)]
    if len(fitting) != 1:
        raise InvalidValue("table", rules.name, f"has {len(fitting)} tables with an output {_OUTPUT!r}; it needs one")
    return fitting[0]


def _pipeline(method: str) -> str:
    """The name of the pipeline of a method: "practice sharing" is "practice-sharing"."""
    return "-".join(method.casefold().split())


def _results(table: DecisionTable) -> Iterator[tuple[int, Any]]:
    """The methods that rows name, as far as they are the same for every problem; row 0 is the default."""
    column = [output.name for output in table.outputs].index(_OUTPUT)
    nothing = table.schema.read({}, partial=True)
    default = table.node.outputs[column].default
    nodes = [default, *(row.results[column] for row in table.node.rows)]
    for number, node in enumerate(nodes):
        value = UNKNOWN if node is None else evaluate(node, nothing).value
        if value is not UNKNOWN:
            yield number, value


def _checked(table: DecisionTable, known: Mapping[str, None]) -> None:
    _refused(table, {
        number: value for number, value in _results(table)
        if not isinstance(value, str) or _pipeline(value) not in known
    }, known)  # fmt: skip


def _refused(table: DecisionTable, wrong: Mapping[int, Any], known: Mapping[str, None]) -> None:
    if wrong:
        errors = [
            DefinitionError(
                f"{table.name}, {f'row {number}' if number else 'default'}, {_OUTPUT!r}",
                f"no method {value!r}{did_you_mean(str(value), known)}; there are: {', '.join(known)}",
            )
            for number, value in wrong.items()
        ]
        raise DefinitionErrors(f"table {table.name!r} names methods that nobody knows", errors)


def _named(table: DecisionTable, method: str, known: Mapping[str, None], rows: Sequence[int]) -> str:
    """The pipeline of what was decided; a method that a row computes is known only now."""
    name = _pipeline(method)
    if name not in known:
        _refused(table, dict.fromkeys(rows or (0,), method), known)
    return name


def _part(result: Any) -> str | None:
    """The method of a result of several outputs; None if there is none, or not yet."""
    value = result.get(_OUTPUT) if isinstance(result, Mapping) else None if result is UNKNOWN else result
    if value is None or value is UNKNOWN or isinstance(value, str):
        return value if isinstance(value, str) else None
    raise InvalidValue("table", value, "is no single method; choose a hit policy that gives one")


def _possible(table: DecisionTable, rows: Iterable[RowExplanation]) -> tuple[str, ...]:
    """What the rows name that match or may match, in the order of the output's values."""
    output = next(one for one in table.outputs if one.name == _OUTPUT)
    named, order = dict(_results(table)), [*output.values]
    found = dict.fromkeys(named[one.row] for one in rows if one.value in {True, UNKNOWN} and one.row in named)
    return tuple(sorted(found, key=lambda name: order.index(name) if name in order else len(order)))


def _missing(
    rules: RuleSet, table: DecisionTable, found: TableExplanation, given: Mapping[str, Any]
) -> tuple[str, ...]:
    """The fields that are not there and that rows which may match look at, in the order of the inputs."""
    doubtful = [table.rows[one.row - 1] for one in found.rows if one.value is UNKNOWN]
    missing: dict[str, None] = {}
    for place, label in enumerate(table.inputs):
        if found.inputs[label] is UNKNOWN and _looked_at(doubtful, place):
            asked = RuleSet("input", rules.schema, [Rule("input", f"({label}) = null")])
            missing |= dict.fromkeys(name for name in asked.checked["input"].fields if name not in given)
    return tuple(missing)


def _looked_at(rows: Iterable[Sequence[str]], place: int) -> bool:
    return any(row[place].strip() not in ("", "-") for row in rows)


def _because(table: DecisionTable, rows: Iterable[int], inputs: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    asked = [table.rows[number - 1] for number in rows]
    return tuple((label, inputs[label]) for place, label in enumerate(table.inputs) if _looked_at(asked, place))


def _then(rules: RuleSet, given: Mapping[str, Any]) -> tuple[str, ...]:
    said = zip(rules.rules, rules.judge(given, partial=True), strict=True)
    return tuple(one.then for one, verdict in said if isinstance(one, Rule) and one.then and verdict.value is True)
