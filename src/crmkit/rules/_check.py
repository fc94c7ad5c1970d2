"""The type checker: every mistake of a text that can be known before it meets a record, each with its place.

What it finds out about each part (kind, emptiness) is what the code generators build on.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import attrs

from crmkit.errors import RuleError, did_you_mean
from crmkit.rules._check_calls import called, filtered, for_, quantified
from crmkit.rules._shapes import ANY, BOOLEAN, NULL, NUMBERS, PROPERTIES, Shape, of_field
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._evaluate import asks
from crmkit.rules.feel._library import FUNCTIONS
from crmkit.rules.feel._operators import ARITHMETIC
from crmkit.rules.feel._properties import PROPERTIES as BY_KIND
from crmkit.rules.feel._values import kind

_ORDERED = NUMBERS | {
    "string", "date", "time", "date and time", "days and time duration", "years and months duration",
}  # fmt: skip
_DURATIONS = ("days and time duration", "years and months duration")


class Checker:
    """Checks one text against what its names are.

    After `shape(node)`, `shapes` has the shape of every part by its `id`, and `errors` everything that is wrong.
    """

    def __init__(self, text: str, where: str, known: Mapping[str, Shape], *, labels: Iterable[str] = ()) -> None:
        self.text, self.where, self.labels = text, where, tuple(labels)
        self.scope: dict[str, Shape] = dict(known)
        self.shapes: dict[int, Shape] = {}
        self.errors: list[RuleError] = []

    def shape(self, node: nodes.Node) -> Shape:
        """What a part is."""
        made = _CHECKS.get(type(node), _anything)(self, node)
        self.shapes[id(node)] = made
        return made

    def wrong(self, code: str, why: str, node: nodes.Node) -> Shape:
        """Note a mistake; what is wrong may be anything."""
        self.errors.append(RuleError(self.where, why, code, self.text, *node.span))
        return ANY

    @contextmanager
    def knowing(self, names: Mapping[str, Shape]) -> Generator[None]:
        """With more names, for a while."""
        before = self.scope
        self.scope = {**before, **names}
        yield
        self.scope = before

    def boolean(self, node: nodes.Node, what: str) -> Shape:
        """A part that must be true or false."""
        found = self.shape(node)
        if found.kind not in {"boolean", "any", "null"}:
            self.wrong("type", f"{what} must be true or false, not a {found}", node)
        return found

    def comparable(self, node: nodes.Node, left: Shape, right: Shape, *, ordered: bool) -> None:
        """Two parts that are compared."""
        if "any" in {left.kind, right.kind}:
            return
        if "null" in {left.kind, right.kind}:
            if ordered:
                self.wrong("null", "null is neither less nor greater than anything; compare with = null", node)
            return
        if left.feel != right.feel:
            self.wrong("type", f"a {left} is compared with a {right}", node)
        elif ordered and left.kind not in _ORDERED:
            self.wrong("type", f"a {left} has no order", node)
        else:
            self.same_numbers(node, left, right)

    def same_numbers(self, node: nodes.Node, left: Shape, right: Shape) -> None:
        """Numbers that meet must be of one unit, and not exact and rough at once."""
        if {left.kind, right.kind} == {"decimal", "float"} and not (left.constant or right.constant):
            self.wrong("number-kind", "an exact decimal meets a float; declare both alike", node)
        if left.unit and right.unit and left.unit != right.unit:
            self.wrong("unit", f"{left.unit} meets {right.unit}", node)

    def listed(self, _node: nodes.Node, of: Shape, value: nodes.Node) -> None:
        """A literal that is compared with a field whose values are listed must be one of them."""
        if not isinstance(value, nodes.Literal_) or value.value is None or not of.values:
            return
        if kind(value.value) != of.feel:
            return
        if value.value not in of.values:
            hint = did_you_mean(str(value.value), map(str, of.values))
            name = "it" if of.field is None else repr(of.field.name)
            listed = ", ".join(map(str, of.values[:12]))
            self.wrong("domain", f"{value.value!r} is none of the values of {name}{hint}; there are: {listed}", value)


def _anything(check: Checker, node: nodes.Node) -> Shape:
    for child in nodes.children(node):
        check.shape(child)
    return ANY


def _literal(_check: Checker, node: nodes.Literal_) -> Shape:
    value = node.value
    if value is None:
        return NULL
    if isinstance(value, bool):
        return attrs.evolve(BOOLEAN, constant=True)
    if isinstance(value, Decimal):
        whole = "integer" if value == value.to_integral_value() else "decimal"
        return Shape(whole, nullable=False, constant=True)
    return Shape("string", nullable=False, constant=True)


def _temporal(_check: Checker, node: nodes.Temporal) -> Shape:
    return Shape(kind(node.value), nullable=False, constant=True)


def _name(check: Checker, node: nodes.Name) -> Shape:
    found = check.scope.get(node.name)
    if found is not None:
        return found
    if node.name in FUNCTIONS:
        return Shape("function", nullable=False)
    hint = did_you_mean(node.name, [*check.scope, *check.labels])
    return check.wrong("unknown-name", f"unknown name {node.name!r}{hint}", node)


def _path(check: Checker, node: nodes.Path) -> Shape:
    of = check.shape(node.of)
    if of.kind == "context":
        return _member(check, node, of)
    if of.kind == "list" and of.item is not None and of.item.kind == "context":
        return Shape("list", of.nullable, item=attrs.evolve(_member(check, node, of.item), nullable=True))
    if of.kind in {"any", "list"}:
        return ANY
    known = BY_KIND.get(of.feel, {})
    if node.name not in known:
        return check.wrong("no-member", f"a {of} has no {node.name!r}{did_you_mean(node.name, known)}", node)
    result, there = PROPERTIES[node.name]
    return Shape(result, of.nullable or not there)


def _member(check: Checker, node: nodes.Path, of: Shape) -> Shape:
    field = of.fields.get(node.name)
    if field is None:
        return check.wrong("no-member", f"no member {node.name!r}{did_you_mean(node.name, of.fields)}", node)
    made = of_field(field)
    return attrs.evolve(made, nullable=made.nullable or of.nullable)


def _negate(check: Checker, node: nodes.Negate) -> Shape:
    of = check.shape(node.operand)
    if of.kind not in NUMBERS | {"any", *_DURATIONS}:
        return check.wrong("type", f"a {of} has no negative", node)
    return attrs.evolve(of, values=(), field=None)


def _arithmetic(check: Checker, node: nodes.Arithmetic) -> Shape:
    left, right = check.shape(node.left), check.shape(node.right)
    if "any" in {left.kind, right.kind}:
        return ANY
    if "null" in {left.kind, right.kind} or (left.feel, right.feel) not in ARITHMETIC[node.op]:
        return check.wrong("type", f"{left} {node.op} {right} has no meaning", node)
    nullable = left.nullable or right.nullable or node.op in {"/", "**"}
    if left.feel == right.feel == "number":
        return _number(check, node, left, right, nullable=nullable)
    return Shape(_result_kind(node.op, left.feel, right.feel), nullable)


def _number(check: Checker, node: nodes.Arithmetic, left: Shape, right: Shape, *, nullable: bool) -> Shape:
    kinds = {left.kind, right.kind}
    if node.op in {"+", "-"}:
        check.same_numbers(node, left, right)
    elif kinds == {"decimal", "float"}:
        check.same_numbers(node, attrs.evolve(left, unit=""), attrs.evolve(right, unit=""))
    made = "float" if "float" in kinds else "decimal" if "decimal" in kinds or node.op in {"/", "**"} else "integer"
    return Shape(made, nullable, _unit(node.op, left, right))


def _unit(op: str, left: Shape, right: Shape) -> str:
    if op == "/" and left.unit == right.unit:
        return ""
    return left.unit or (right.unit if op != "/" else "")


def _result_kind(op: str, left: str, right: str) -> str:
    if op == "-" and left == right and left in {"date", "time", "date and time"}:
        return "days and time duration"
    if op == "-" and {left, right} == {"date", "date and time"}:
        return "days and time duration"
    if op == "/" and left == right:
        return "decimal"
    if left in _DURATIONS and right not in {"number", left}:
        return right
    return right if left == "number" else left


def _compare(check: Checker, node: nodes.Compare) -> Shape:
    left, right = check.shape(node.left), check.shape(node.right)
    ordered = node.op not in {"=", "!="}
    check.comparable(node, left, right, ordered=ordered)
    check.listed(node, left, node.right)
    check.listed(node, right, node.left)
    _never(check, node, left, right)
    nullable = ordered and (left.nullable or right.nullable)
    return Shape("boolean", nullable or "any" in {left.kind, right.kind})


_FLIPPED: Mapping[str, nodes.CompareOp] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


def _never(check: Checker, node: nodes.Compare, left: Shape, right: Shape) -> None:
    """A comparison of a field with a literal that its bounds decide."""
    if left.field is not None and isinstance(node.right, nodes.Literal_ | nodes.Temporal):
        field, op, value = left.field, node.op, node.right.value
    elif right.field is not None and isinstance(node.left, nodes.Literal_ | nodes.Temporal):
        field, op, value = right.field, _FLIPPED[node.op], node.left.value
    else:
        return
    verdict = _decided(op, field.low, field.high, value)
    if verdict is not None:
        bounds = f"{field.low if field.low is not None else ''}..{field.high if field.high is not None else ''}"
        said = "always" if verdict else "never"
        check.wrong("constant", f"is {said} true: {field.name!r} lies in {bounds}", node)


def _decided(op: str, low: Any, high: Any, value: Any) -> bool | None:
    """What a comparison with a value is for everything between two bounds, if that is the same."""
    try:
        below, above = high is not None and high < value, low is not None and low > value
        at_most, at_least = high is not None and high <= value, low is not None and low >= value
    except TypeError:
        return None
    true = {"<": below, "<=": at_most, ">": above, ">=": at_least, "=": False, "!=": below or above}
    false = {"<": at_least, "<=": above, ">": at_most, ">=": below, "=": below or above, "!=": False}
    return True if true[op] else False if false[op] else None


def _junction(check: Checker, node: nodes.And | nodes.Or) -> Shape:
    word = "and" if isinstance(node, nodes.And) else "or"
    found = [check.boolean(operand, f"what {word!r} joins") for operand in node.operands]
    return Shape("boolean", any(one.nullable for one in found))


def _between(check: Checker, node: nodes.Between) -> Shape:
    of, low, high = check.shape(node.operand), check.shape(node.low), check.shape(node.high)
    check.comparable(node, of, low, ordered=True)
    check.comparable(node, of, high, ordered=True)
    return Shape("boolean", of.nullable or low.nullable or high.nullable)


def _in(check: Checker, node: nodes.In) -> Shape:
    return tests(check, check.shape(node.operand), node.tests)


def tests(check: Checker, of: Shape, listed: Sequence[nodes.Node]) -> Shape:
    """Tests of a value: what each is compared with must be of its kind."""
    nullable = False
    with check.knowing({"?": of}):
        for test in listed:
            nullable |= _test(check, of, test)
    return Shape("boolean", nullable)


def _test(check: Checker, of: Shape, test: nodes.Node) -> bool:
    """Check one test; whether its verdict may be null."""
    if isinstance(test, nodes.HalfLine):
        bound = check.shape(test.bound)
        ordered = test.op not in {"=", "!="}
        check.comparable(test, of, bound, ordered=ordered)
        check.shapes[id(test)] = BOOLEAN
        return ordered and (of.nullable or bound.nullable)
    if isinstance(test, nodes.Interval):
        low, high = check.shape(test.low), check.shape(test.high)
        check.comparable(test, of, low, ordered=True)
        check.comparable(test, of, high, ordered=True)
        check.shapes[id(test)] = Shape("range", nullable=False, item=low)
        _reversed(check, test)
        return of.nullable or low.nullable or high.nullable
    found = check.shape(test)
    if asks(test):
        if found.kind not in {"boolean", "any"}:
            check.wrong("type", f"a test with ? must be true or false, not a {found}", test)
        return found.nullable
    check.listed(test, of, test)
    return _value_test(check, of, test, found)


def _value_test(check: Checker, of: Shape, test: nodes.Node, found: Shape) -> bool:
    if isinstance(test, nodes.ListOf) and of.kind != "list":
        for item in test.items:
            check.comparable(item, of, check.shapes[id(item)], ordered=False)
            check.listed(test, of, item)
        return False
    if found.kind == "list":
        if found.item is not None and of.kind != "list":
            check.comparable(test, of, found.item, ordered=False)
        return found.nullable
    if found.kind != "boolean" or of.kind in {"boolean", "any"}:
        check.comparable(test, of, found, ordered=False)
    return found.kind in {"any", "range"} or (found.kind == "boolean" and found.nullable)


def _reversed(check: Checker, test: nodes.Interval) -> None:
    low, high = test.low, test.high
    if not isinstance(low, nodes.Literal_ | nodes.Temporal) or not isinstance(high, nodes.Literal_ | nodes.Temporal):
        return
    start: Any = low.value
    end: Any = high.value
    try:
        empty = start > end or (start == end and not (test.low_included and test.high_included))
    except TypeError:
        return
    if empty:
        check.wrong("constant", "is never true: the range is empty", test)


def _if(check: Checker, node: nodes.If) -> Shape:
    check.boolean(node.condition, "the condition")
    then, other = check.shape(node.then), check.shape(node.otherwise)
    if then.kind == other.kind or {then.kind, other.kind} <= NUMBERS:
        check.same_numbers(node, then, other)
        wider = then if then.kind in {"decimal", "float"} else other
        return attrs.evolve(wider, nullable=then.nullable or other.nullable, field=None, values=(), constant=False)
    if "null" in {then.kind, other.kind}:
        return attrs.evolve(other if then.kind == "null" else then, nullable=True, field=None, constant=False)
    if "any" not in {then.kind, other.kind}:
        check.wrong("type", f"is a {then} or a {other}, as the case may be", node)
    return ANY


#: Of several kinds of numbers the list is one of the last.
_WIDTH = {"integer": 1, "decimal": 2, "float": 3}


def _list(check: Checker, node: nodes.ListOf) -> Shape:
    found = [check.shape(item) for item in node.items]
    kinds = {one.feel for one in found}
    if len(kinds) != 1:
        return Shape("list", nullable=False, item=ANY)
    constant = all(one.constant for one in found)
    widest = max(found, key=lambda one: _WIDTH.get(one.kind, 0))
    return Shape("list", nullable=False, item=attrs.evolve(widest, constant=constant, field=None, values=()))


def _instance_of(check: Checker, node: nodes.InstanceOf) -> Shape:
    check.shape(node.operand)
    return BOOLEAN


_CHECKS: dict[type, Callable[[Checker, Any], Shape]] = {
    nodes.Literal_: _literal,
    nodes.Temporal: _temporal,
    nodes.Name: _name,
    nodes.Path: _path,
    nodes.Negate: _negate,
    nodes.Arithmetic: _arithmetic,
    nodes.Compare: _compare,
    nodes.And: _junction,
    nodes.Or: _junction,
    nodes.Between: _between,
    nodes.In: _in,
    nodes.If: _if,
    nodes.ListOf: _list,
    nodes.Quantified: quantified,
    nodes.For: for_,
    nodes.Filter: filtered,
    nodes.Call: called,
    nodes.InstanceOf: _instance_of,
}
