"""Laws of rule sets: what holds of every set, yours included, whatever its rules say.

Each law takes a set and some records, and raises AssertionError with the rule and the record that break it;
`crmkit.testing.rules.check_ruleset` runs them all. Those of decision tables are in `table_laws`.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import attrs

from crmkit.errors import DefinitionErrors
from crmkit.rules.backtest import backtest, verdicts
from crmkit.rules.codec import from_json, to_json
from crmkit.rules.dmn import read_dmn, write_dmn
from crmkit.rules.explain import Explanation, explain
from crmkit.rules.feel import UNKNOWN, unparse
from crmkit.rules.graph import Decision, Graph, InputData
from crmkit.rules.relations import SetFinding, relations
from crmkit.rules.ruleset import PythonRule, RuleSet
from crmkit.testing._holds import holds

__all__ = [
    "RULE_LAWS",
    "evaluators_agree",
    "explanations_hold",
    "files_lose_nothing",
    "history_adds_up",
    "printed_rules_say_the_same",
    "proofs_hold",
    "unknown_is_monotone",
    "xml_loses_nothing",
]

_Record: TypeAlias = Mapping[str, Any]
_ALL: tuple[bool | None, ...] = (True, False, None)


def _changes(rules: RuleSet, tested: Sequence[_Record]) -> list[tuple[_Record, _Record | None]]:
    """Each record with the one before the change: None, and, if the rules judge changes, its neighbour."""
    plain: list[tuple[_Record, _Record | None]] = [(record, None) for record in tested]
    return [*plain, *((after, before) for before, after in pairwise(tested))] if rules.transitions else plain


def evaluators_agree(rules: RuleSet, tested: Sequence[_Record]) -> None:
    """The interpreter, the function of each rule, the fused function and the columns give one verdict."""
    masks = {} if rules.transitions else verdicts(rules, tested)
    for row, (record, old) in enumerate(_changes(rules, tested)):
        together = {verdict.rule: verdict.value for verdict in rules.judge(record, old=old)}
        for one in rules.rules:
            said = {
                "interpreter": explain(rules, one.name, record, old=old).value,
                "function": rules.function(one.name)(rules.record(record, old)),
                "fused": together[one.name],
                **({"columns": masks[one.name][row]} if masks else {}),
            }
            first = said["interpreter"]
            same = all(value is first for value in said.values())
            holds(same, f"rule {one.name!r}: the evaluators disagree on {_shown(record, old)}: {said}")


def unknown_is_monotone(rules: RuleSet, tested: Sequence[_Record]) -> None:
    """Without a field a rule is UNKNOWN, or says what it says with it; what it waits for includes that field."""
    for record, old in _changes(rules, tested):
        whole = {verdict.rule: verdict.value for verdict in rules.judge(record, old=old)}
        for one in rules.written:
            read = rules.checked[one.name].fields
            for name in (name for name in record if rules.transitions or name in read):
                rest = {key: value for key, value in record.items() if key != name}
                part = explain(rules, one.name, rest, old=old)
                place = f"rule {one.name!r} without {name!r} on {_shown(record, old)}"
                same = part.value is UNKNOWN or part.value is whole[one.name]
                holds(same, f"{place} says {part.value}, and {whole[one.name]} with it")
                waits = part.value is not UNKNOWN or {name, f"new.{name}"} & {*part.settle}
                holds(bool(waits), f"{place} is UNKNOWN, and waits for {part.settle}")


def printed_rules_say_the_same(rules: RuleSet, tested: Sequence[_Record]) -> None:  # noqa: ARG001 - one shape for all laws
    """The text that is printed of a condition or of a row is read as the same tree."""
    again = attrs.evolve(
        rules,
        rules=[attrs.evolve(one, condition=unparse(rules.checked[one.name].node)) for one in rules.written],
        tables=[],
    )
    for one in rules.written:
        tree, read = rules.checked[one.name].node, again.checked[one.name].node
        holds(tree == read, f"rule {one.name!r} is printed as {unparse(tree)!r}, which says something else")
    for table in rules.tables:
        rows = [[*map(unparse, row.cells), *map(unparse, row.results)] for row in table.node.rows]
        holds(attrs.evolve(table, rows=rows).node.rows == table.node.rows, f"table {table.name!r} prints other rows")


def files_lose_nothing(rules: RuleSet, tested: Sequence[_Record]) -> None:
    """The canonical JSON is read as a set with the same text, and so the same version, and the same verdicts."""
    text = to_json(rules)
    again = from_json(text, python=[one for one in rules.rules if isinstance(one, PythonRule)])
    holds(to_json(again) == text, f"rule set {rules.name!r}: its JSON changes when it is read and written again")
    for record, old in _changes(rules, tested):
        same = again.judge(record, old=old) == rules.judge(record, old=old)
        holds(same, f"rule set {rules.name!r} judges otherwise after reading its JSON: {_shown(record, old)}")


def xml_loses_nothing(rules: RuleSet, tested: Sequence[_Record]) -> None:
    """Rules and tables written as DMN are read as models that decide the same; what XML cannot say is refused."""
    logics = {one.name: rules.checked[one.name].node for one in rules.written}
    logics |= {table.name: table.node for table in rules.tables}
    for name, logic in logics.items():
        inputs = {field: InputData(field) for field in rules.world.names}
        decision = f"decision on {name}"
        graph = Graph(name, {**inputs, decision: Decision(decision, logic, tuple(inputs))})
        try:
            again = read_dmn(write_dmn(graph))
        except DefinitionErrors:
            continue
        for record, old in _changes(rules, tested):
            values = rules.world.read(rules.record(record, old))
            said, read = (one.decide(decision, values).value for one in (graph, again))
            same = type(said) is type(read) and said == read
            holds(same, f"{name!r} decides {said} itself and {read} after reading its XML: {_shown(record, old)}")


def explanations_hold(rules: RuleSet, tested: Sequence[_Record]) -> None:
    """The changes that an explanation names make the rule true; none are named where it is true already."""
    for record, old in _changes(rules, tested):
        for one in rules.written:
            said = explain(rules, one.name, record, old=old)
            place = f"rule {one.name!r} on {_shown(record, old)}"
            holds((said.value is True) == (not said.nearest), f"{place} is {said.value}; changes: {said.nearest}")
            changed = _changed(said, record)
            after = True if changed is None else explain(rules, one.name, changed, old=old).value
            holds(after is True, f"{place} is {after} after the changes that should make it true: {said.nearest}")


def _changed(said: Explanation, record: _Record) -> _Record | None:
    """The record after the changes of an explanation; None if it is true, or does not name a value for each."""
    values = {change.field: change.to for change in said.nearest if change.field is not None}
    return {**record, **values} if said.nearest and all(change.field for change in said.nearest) else None


def proofs_hold(rules: RuleSet, tested: Sequence[_Record]) -> None:
    """No record refutes what is proved of the rules, and what was found to be possible is so."""
    found = relations(rules)
    seen = [{verdict.rule: verdict for verdict in rules.judge(r, old=old)} for r, old in _changes(rules, tested)]
    for name, examples in found.examples.items():
        for said in _ALL:
            refuted = said in examples and examples[said] is None and any(row[name].value is said for row in seen)
            holds(not refuted, f"rule {name!r} is proved never to be {said}, and is so on a record")
            example = examples.get(said)
            holds(example is None or _said(rules, name, example) is said, f"rule {name!r} is not {said} for {example}")
    for finding in found.findings:
        holds(not any(_refuted(rules, finding, row) for row in seen), f"a record refutes: {finding}")


def _said(rules: RuleSet, name: str, example: _Record) -> Any:
    plain = {key: value for key, value in example.items() if key not in {"old", "new"} or not rules.transitions}
    return explain(rules, name, plain, old=example.get("old") if rules.transitions else None).value


def _refuted(rules: RuleSet, finding: SetFinding, row: Mapping[str, Any]) -> bool:
    """Whether the verdicts on one record are others than a finding allows."""
    kept = [row[name].kept is True for name in finding.rules]
    match finding.kind:
        case "contradiction":
            return all(kept)
        case "implied":
            return kept[0] and not kept[1]
        case "equivalent":
            return kept[0] != kept[1]
        case "unreached":
            kind = rules.rule(finding.rules[0]).kind
            first = next((one.name for one in rules.written if one.kind == kind and row[one.name].value is True), None)
            return first == finding.rules[0]
        case _:
            return False


def history_adds_up(rules: RuleSet, tested: Sequence[_Record]) -> None:
    """A backtest counts each record once, in all groups together; against itself a set changes nothing."""
    if rules.transitions:
        return
    whole = backtest(rules, tested, before=rules)
    said = verdicts(rules, tested)
    for one in whole:
        counts = (one.judged.n, one.failed.n, one.unanswered.n)
        brute = (len(tested), said[one.rule].count(False), said[one.rule].count(None))
        holds(counts == brute, f"rule {one.rule!r}: the backtest counts {counts}, and there are {brute}")
        holds(not one.flips, f"rule {one.rule!r} differs from itself on records {one.flips}")
    for field in rules.schema.fields:
        if field.values or field.kind == "boolean":
            _groups_add_up(rules, tested, field.name)


def _groups_add_up(rules: RuleSet, tested: Sequence[_Record], by: str) -> None:
    grouped = backtest(rules, tested, by=[by])
    for one in rules.rules:
        parts = [part for part in grouped if part.rule == one.name]
        total = sum(part.judged.n for part in parts)
        holds(total == len(tested), f"rule {one.name!r}: groups by {by!r} hold {total} of {len(tested)} records")


def _shown(record: _Record, old: _Record | None) -> str:
    return f"{dict(record)}" if old is None else f"{dict(record)}, before {dict(old)}"


#: All laws of rule sets, in the order in which they are tried.
RULE_LAWS: tuple[Callable[[RuleSet, Sequence[_Record]], None], ...] = (
    evaluators_agree, unknown_is_monotone, printed_rules_say_the_same, files_lose_nothing, xml_loses_nothing,
    explanations_hold, proofs_hold, history_adds_up,
)  # fmt: skip
