"""How much some records exercise of a rule set, and which changes of it they would not notice.

The mutation score follows DeMillo, Lipton and Sayward, "Hints on test data selection" (1978).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from crmkit.errors import DefinitionErrors
from crmkit.rules._boxed import TableNode
from crmkit.rules._compile import Checked, Record, Vocabulary, check, compiled
from crmkit.rules._trees import rewritten
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._evaluate import evaluate
from crmkit.rules.feel._printer import unparse
from crmkit.rules.ruleset import RuleSet
from crmkit.values.display import Listed

__all__ = ["Coverage", "Mutant", "MutationScore", "coverage", "literals", "mutants", "mutation_score"]


def literals(rules: RuleSet, rule: str | None = None) -> dict[str, tuple[Any, ...]]:
    """For each field, or member of one, the literals that rules compare it with: where tests should look.

    Args:
        rules: the set.
        rule: one rule; all of them, and the tables, if None.
    """
    chosen = [rules.checked[one.name] for one in rules.written if rule in {None, one.name}]
    columns = [_column(table.node, n) for table in rules.tables for n in range(len(table.inputs)) if rule is None]
    found: dict[str, list[Any]] = {}
    for parts in (*([*nodes.walk(atom)] for one in chosen for atom in _leaves(one.node)), *columns):
        constants = [part for part in parts if isinstance(part, nodes.Literal_ | nodes.Temporal)]
        compared = [constant.value for constant in constants if constant.value is not None]
        for part in parts:
            if isinstance(part, nodes.Name | nodes.Path):
                found.setdefault(part.name, []).extend(compared)
    return {name: tuple(dict.fromkeys(values)) for name, values in found.items()}


def _column(table: TableNode, number: int) -> list[nodes.Node]:
    """The parts of a column of a table: what is looked at, and what it is compared with."""
    trees = (table.inputs[number].expression, *(row.cells[number] for row in table.rows))
    return [part for tree in trees for part in nodes.walk(tree)]


def _leaves(node: nodes.Node) -> Iterator[nodes.Node]:
    """The comparisons at the bottom of a condition, those inside loops and branches too."""
    comparing = nodes.Compare | nodes.Between | nodes.In | nodes.Call
    inside: list[nodes.Node] = [part for part in nodes.walk(node) if isinstance(part, comparing)]
    yield from inside or [node]


# -- how much a suite of records exercises


@attrs.frozen
class Coverage(Listed):
    """What some records exercise of a rule set.

    Attributes:
        rules: rules seen true and false, and all rules.
        conditions: single conditions seen true and false, and all of them.
        boundaries: literals that a record met exactly, and all of them.
        missing: what was not seen, in words.
    """

    rules: tuple[int, int]
    conditions: tuple[int, int]
    boundaries: tuple[int, int]
    missing: tuple[str, ...]


def coverage(rules: RuleSet, tested: Sequence[Record]) -> Coverage:
    """What records exercise of a rule set: each rule and each condition both ways, each literal met exactly."""
    missing: list[str] = []
    whole, single, edges = [0, 0], [0, 0], [0, 0]
    read = [rules.world.read(rules.record(record)) for record in tested]
    for one in rules.written:
        checked = rules.checked[one.name]
        _both_ways(checked.node, read, f"rule {one.name!r}", whole, missing)
        for atom in _atoms(checked.node):
            where = f"rule {one.name!r}, condition {unparse(atom)}"
            _both_ways(atom, read, where, single, missing)
            _met(atom, read, where, edges, missing)
    return Coverage((whole[0], whole[1]), (single[0], single[1]), (edges[0], edges[1]), tuple(missing))


def _both_ways(node: nodes.Node, read: Sequence[Record], where: str, tally: list[int], missing: list[str]) -> None:
    seen = {evaluate(node, values).value for values in read if node is not None}
    tally[1] += 1
    tally[0] += {True, False} <= seen
    missing += [f"{where} was never {str(value).lower()}" for value in (True, False) if value not in seen]


def _met(atom: nodes.Node, read: Sequence[Record], where: str, tally: list[int], missing: list[str]) -> None:
    """Whether some record lies exactly on the boundary of an ordered comparison."""
    if not isinstance(atom, nodes.Compare) or atom.op in {"=", "!="}:
        return
    tally[1] += 1
    edge = attrs.evolve(atom, op="=")
    if any(evaluate(edge, values).value is True for values in read):
        tally[0] += 1
    else:
        missing.append(f"{where}: no record meets the boundary")


def _atoms(node: nodes.Node) -> Iterator[nodes.Node]:
    if isinstance(node, nodes.And | nodes.Or):
        for operand in node.operands:
            yield from _atoms(operand)
    elif isinstance(node, nodes.Call) and node.function == nodes.Name("not") and len(node.arguments) == 1:
        yield from _atoms(node.arguments[0])
    else:
        yield node


# -- mutants


@attrs.frozen
class Mutant:
    """A rule with one thing changed.

    Attributes:
        rule: the rule's name.
        text: the changed condition.
        what: the change in words.
    """

    rule: str
    text: str
    what: str

    def __str__(self) -> str:
        return f"your tests would not notice if in rule {self.rule!r} {self.what}"


@attrs.frozen
class MutationScore(Listed):
    """How many changed rules some records tell from the original.

    Attributes:
        killed: those that a record gives another verdict.
        total: all of them.
        survivors: the others.
    """

    killed: int
    total: int
    survivors: tuple[Mutant, ...]

    @property
    def score(self) -> float:
        """The share that is killed; 1 if there is nothing to change."""
        return self.killed / self.total if self.total else 1.0


_OTHER: Mapping[nodes.CompareOp, tuple[nodes.CompareOp, ...]] = {
    "<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"), ">=": (">", "<="), "=": ("!=",), "!=": ("=",),
}  # fmt: skip


def mutants(rules: RuleSet) -> Iterator[tuple[Mutant, Checked]]:
    """Every rule with one operator, literal or part changed."""
    vocabulary = Vocabulary.of(rules.world)
    for one in rules.written:
        node = rules.checked[one.name].node
        seen = {unparse(node)}
        for target in nodes.walk(node):
            for changed, what in _changes(target):
                tree = rewritten(node, _swapping(target, changed))
                text = unparse(tree)
                if text in seen:
                    continue
                seen.add(text)
                try:
                    yield Mutant(one.name, text, what), check(text, vocabulary, where=one.name, boolean=True)
                except DefinitionErrors:
                    # The checker would have refused it: nobody needs a test for that.
                    continue


def _swapping(old: nodes.Node, new: nodes.Node) -> Callable[[nodes.Node], nodes.Node]:
    return lambda part: new if part is old else part


def _changes(node: nodes.Node) -> Iterator[tuple[nodes.Node, str]]:
    """The node with one thing changed, and the change in words."""
    changer = _CHANGERS.get(type(node))
    return iter(()) if changer is None else changer(node)


def _became(node: nodes.Node, made: nodes.Node) -> tuple[nodes.Node, str]:
    return made, f"{unparse(node)} became {unparse(made)}"


def _other_operator(node: nodes.Compare) -> Iterator[tuple[nodes.Node, str]]:
    for op in _OTHER[node.op]:
        yield _became(node, attrs.evolve(node, op=op))


def _other_junction(node: nodes.And | nodes.Or) -> Iterator[tuple[nodes.Node, str]]:
    yield _became(node, (nodes.Or if isinstance(node, nodes.And) else nodes.And)(node.operands))
    for number, operand in enumerate(node.operands):
        rest = node.operands[:number] + node.operands[number + 1 :]
        yield (rest[0] if len(rest) == 1 else attrs.evolve(node, operands=rest)), f"{unparse(operand)} were missing"


def _other_number(node: nodes.Literal_) -> Iterator[tuple[nodes.Node, str]]:
    if isinstance(node.value, Decimal):
        for shift in (Decimal("0.01"), Decimal("-0.01"), Decimal(1), Decimal(-1)):
            yield _became(node, attrs.evolve(node, value=node.value + shift))


def _without_not(node: nodes.Call) -> Iterator[tuple[nodes.Node, str]]:
    if node.function == nodes.Name("not"):
        yield _became(node, node.arguments[0])


def _shorter_list(node: nodes.In) -> Iterator[tuple[nodes.Node, str]]:
    for number, test in enumerate(node.tests if len(node.tests) > 1 else ()):
        rest = node.tests[:number] + node.tests[number + 1 :]
        yield attrs.evolve(node, tests=rest), f"{unparse(test)} were missing from {unparse(node)}"


def _other_ends(node: nodes.Interval) -> Iterator[tuple[nodes.Node, str]]:
    yield _became(node, attrs.evolve(node, low_included=not node.low_included))
    yield _became(node, attrs.evolve(node, high_included=not node.high_included))


def _other_quantifier(node: nodes.Quantified) -> Iterator[tuple[nodes.Node, str]]:
    yield _became(node, attrs.evolve(node, every=not node.every))


_CHANGERS: Mapping[type, Callable[[Any], Iterator[tuple[nodes.Node, str]]]] = {
    nodes.Compare: _other_operator,
    nodes.And: _other_junction,
    nodes.Or: _other_junction,
    nodes.Literal_: _other_number,
    nodes.Call: _without_not,
    nodes.In: _shorter_list,
    nodes.Interval: _other_ends,
    nodes.Quantified: _other_quantifier,
}


def mutation_score(rules: RuleSet, tested: Sequence[Record]) -> MutationScore:
    """How many changes of the rules some records would notice.

    Args:
        rules: the set.
        tested: the records of a test suite.
    """
    seen = [rules.record(record) for record in tested]
    original = {one.name: [compiled(rules.checked[one.name])(record) for record in seen] for one in rules.written}
    killed, total = 0, 0
    survivors: list[Mutant] = []
    for mutant, checked in mutants(rules):
        total += 1
        function = compiled(checked)
        if any(function(record) is not said for record, said in zip(seen, original[mutant.rule], strict=True)):
            killed += 1
        else:
            survivors.append(mutant)
    return MutationScore(killed, total, tuple(survivors))
