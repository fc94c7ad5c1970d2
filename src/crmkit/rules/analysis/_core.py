"""Conditions in few forms: what both solvers read.

A condition becomes `and`, `or`, `not(...)` and `if` over comparisons and over parts that stay as they are: `between`,
`in`, and quantifiers over lists that are written out, are spelt out. What is made means the same as what was written,
null included.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Generic, Protocol, TypeVar

import attrs

from crmkit.rules._check import Checker
from crmkit.rules._columns import NOT_CONSTANT, constant
from crmkit.rules._shapes import NUMBERS, Shape, of_field
from crmkit.rules._trees import rewritten
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._evaluate import asks
from crmkit.rules.schema import Schema

T = TypeVar("T")

#: The names of a field, and of a member of a context: `("old", "stage")`.
Place = tuple[str, ...]

_NULL, _NOT = nodes.Literal_(None), nodes.Name("not")
_MOST_UNROLLED = 200
_ORDERED = NUMBERS | {"string", "date", "time", "date and time", "days and time duration", "years and months duration"}
#: Kinds whose values are compared by `=` as a whole.
SINGLE = _ORDERED | {"boolean"}
_BINDING = (nodes.Quantified, nodes.For, nodes.Filter, nodes.Lambda, nodes.ContextOf)


def negation(node: nodes.Node) -> nodes.Node | None:
    """What stands in `not(...)`; None if a node is something else."""
    if isinstance(node, nodes.Call) and node.function == _NOT and len(node.arguments) == 1:
        return node.arguments[0]
    return None


def place_of(node: nodes.Node) -> Place | None:
    """The place of a field or of a member of one; None if a node is something else."""
    if isinstance(node, nodes.Name):
        return (node.name,)
    above = place_of(node.of) if isinstance(node, nodes.Path) else None
    return None if above is None or not isinstance(node, nodes.Path) else (*above, node.name)


def replaced(node: nodes.Node, old: nodes.Node, new: nodes.Node) -> nodes.Node:
    """The tree with one part, wherever it stands, in place of another."""
    return rewritten(node, lambda one: new if one == old else one)


def judges_changes(schema: Schema) -> bool:
    """Whether rules speak of `old` and `new`, where `new` is the record itself."""
    last = schema.fields[-2:]
    return [one.name for one in last] == ["old", "new"] and last[1].fields == schema.fields[:-2]


def binds(node: nodes.Node) -> bool:
    """Whether names may mean something else in a part of a tree."""
    return any(isinstance(part, _BINDING) for part in nodes.walk(node))


class Reader:
    """Brings conditions over one schema to the few forms."""

    def __init__(self, schema: Schema) -> None:
        self._known = {field.name: of_field(field) for field in schema.fields}
        self._changes = judges_changes(schema)

    def condition(self, node: nodes.Node) -> nodes.Node:
        """A whole condition in the few forms; members of `new` are fields."""
        return self.core(rewritten(node, _without_new) if self._changes and not binds(node) else node)

    def shape(self, node: nodes.Node) -> Shape:
        """What a part is."""
        return Checker("", "", self._known).shape(node)

    def core(self, node: nodes.Node) -> nodes.Node:
        """The condition in the few forms."""
        inner = negation(node)
        match node:
            case nodes.And() | nodes.Or():
                return type(node)(tuple(map(self.core, node.operands)))
            case nodes.If():
                return nodes.If(self.core(node.condition), self.core(node.then), self.core(node.otherwise))
            case nodes.Between(operand=of, low=low, high=high):
                return nodes.And((nodes.Compare(">=", of, low), nodes.Compare("<=", of, high)))
            case nodes.In():
                return self._in(node)
            case nodes.Quantified():
                return self._unrolled(node)
            case _:
                return node if inner is None else nodes.Call(_NOT, (self.core(inner),))

    def _in(self, node: nodes.In) -> nodes.Node:
        found: list[nodes.Node] = []
        for test in node.tests:
            one = self._test(node.operand, test)
            if one is None:
                return node
            found.append(self.core(one))
        return joined(nodes.Or, found)

    def _test(self, of: nodes.Node, test: nodes.Node) -> nodes.Node | None:
        """A test of a value as a condition; None if it is of another kind."""
        if isinstance(test, nodes.HalfLine):
            return nodes.Compare(test.op, of, test.bound)
        if asks(test):
            inner = [one for part in nodes.walk(test) if isinstance(part, nodes.In) for one in part.tests]
            return None if any(map(asks, inner)) else replaced(test, nodes.Name("?"), of)
        match test:
            case nodes.Interval():
                return self._inside(of, test)
            case nodes.ListOf() if all(self._same(of, item) for item in test.items):
                return joined(nodes.Or, [nodes.Compare("=", of, item) for item in test.items])
            case _:
                return nodes.Compare("=", of, test) if self._same(of, test) else None

    def _inside(self, of: nodes.Node, test: nodes.Interval) -> nodes.Node:
        """A range: the lower end is looked at first, and without one there is no answer."""
        within = nodes.And((
            nodes.Compare(">=" if test.low_included else ">", of, test.low),
            nodes.Compare("<=" if test.high_included else "<", of, test.high),
        ))  # fmt: skip
        if constant(test.low) is not NOT_CONSTANT:
            return within
        return nodes.If(nodes.Compare("=", test.low, _NULL), _NULL, within)

    def _same(self, of: nodes.Node, value: nodes.Node) -> bool:
        """Whether two parts are single values of one kind, or null, so that `=` compares them."""
        left, right = self.shape(of), self.shape(value)
        return left.kind in SINGLE and (right.feel == left.feel or right.kind == "null")

    def _unrolled(self, node: nodes.Quantified) -> nodes.Node:
        """A quantifier over lists of literals as the conditions of all items."""
        sources = [one.source for one in node.iterations if isinstance(one.source, nodes.ListOf) and one.high is None]
        listed = [source.items for source in sources]
        total = reduce(lambda size, items: size * len(items), listed, 1)
        literal = all(constant(item) is not NOT_CONSTANT for items in listed for item in items)
        # Inner quantifiers first: what they bind is theirs.
        inner = self.core(node.condition)
        if len(listed) < len(node.iterations) or not literal or binds(inner) or total > _MOST_UNROLLED:
            return node
        found: list[nodes.Node] = []
        for items in product(*listed):
            condition = inner
            for one, item in zip(node.iterations, items, strict=True):
                condition = replaced(condition, nodes.Name(one.name), item)
            found.append(self.core(condition))
        return joined(nodes.And if node.every else nodes.Or, found)


def _without_new(node: nodes.Node) -> nodes.Node:
    match node:
        case nodes.Path(of=nodes.Name(name="new"), name=name):
            return nodes.Name(name)
        case _:
            return node


def joined(of: type[nodes.And | nodes.Or], operands: Sequence[nodes.Node]) -> nodes.Node:
    """Conditions joined, be they two or more, one, or none."""
    if len(operands) == 1:
        return operands[0]
    return of(tuple(operands)) if operands else nodes.Literal_(of is nodes.And)


@attrs.frozen
class Truth(Generic[T]):
    """Where a condition is true, where it is false, and where it has no answer."""

    true: T
    false: T
    null: T

    def turned(self) -> "Truth[T]":
        """Where its negation is."""
        return Truth(self.false, self.true, self.null)


class Algebra(Protocol[T]):
    """Regions of the domain, however they are written."""

    def nowhere(self) -> T:
        """The empty region."""
        ...

    def everywhere(self) -> T:
        """The whole domain."""
        ...

    def both(self, left: T, right: T, /) -> T:
        """What lies in both."""
        ...

    def either(self, left: T, right: T, /) -> T:
        """What lies in one or the other."""
        ...

    def atom(self, node: nodes.Node, /) -> Truth[T]:
        """Where a part that is not joined of others holds."""
        ...


def truth(of: Algebra[T], node: nodes.Node) -> Truth[T]:
    """Where a condition in the few forms is true, false and null, by Kleene's logic."""
    inner = negation(node)
    match node:
        case nodes.And():
            return _all(of, [truth(of, one) for one in node.operands])
        case nodes.Or():
            return _all(of, [truth(of, one).turned() for one in node.operands]).turned()
        case nodes.If():
            return _if(of, *(truth(of, part) for part in (node.condition, node.then, node.otherwise)))
        case nodes.Literal_() if node.value is None or isinstance(node.value, bool):
            where = (of.everywhere() if node.value is one else of.nowhere() for one in (True, False, None))
            return Truth(*where)
        case _:
            return of.atom(node) if inner is None else truth(of, inner).turned()


def _all(of: Algebra[T], parts: Sequence[Truth[T]]) -> Truth[T]:
    """The conjunction, halved again and again: thousands of conditions nest a dozen deep."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return _and(of, _all(of, parts[:middle]), _all(of, parts[middle:]))


def _and(of: Algebra[T], left: Truth[T], right: Truth[T]) -> Truth[T]:
    one = of.both(left.null, of.either(right.true, right.null))
    null = of.either(one, of.both(left.true, right.null))
    return Truth(of.both(left.true, right.true), of.either(left.false, right.false), null)


def _if(of: Algebra[T], condition: Truth[T], then: Truth[T], other: Truth[T]) -> Truth[T]:
    otherwise = of.either(condition.false, condition.null)

    def chosen(one: T, two: T) -> T:
        return of.either(of.both(condition.true, one), of.both(otherwise, two))

    return Truth(chosen(then.true, other.true), chosen(then.false, other.false), chosen(then.null, other.null))


def atoms(node: nodes.Node) -> Iterator[nodes.Node]:
    """The parts that a condition in the few forms joins."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        inner = negation(one)
        if isinstance(one, nodes.And | nodes.Or | nodes.If):
            waiting += nodes.children(one)
        elif inner is not None:
            waiting.append(inner)
        elif not (isinstance(one, nodes.Literal_) and (one.value is None or isinstance(one.value, bool))):
            yield one


#: How a comparison is read from its other side.
FLIPPED: Mapping[nodes.CompareOp, nodes.CompareOp] = {
    "<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!=",
}  # fmt: skip
