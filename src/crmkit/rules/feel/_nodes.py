"""The syntax tree: frozen nodes, equal if they mean the same text, whatever their place in it."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, Literal, TypeAlias

import attrs

#: Where a node stands in its text: the first character, and the first after it.
Span: TypeAlias = tuple[int, int]

CompareOp: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
ArithmeticOp: TypeAlias = Literal["+", "-", "*", "/", "**"]


@attrs.frozen
class Node:
    """What all nodes share."""

    span: Span = attrs.field(default=(0, 0), eq=False, kw_only=True, repr=False)


@attrs.frozen
class Literal_(Node):  # noqa: N801 - Literal is the typing word
    """A number, string, boolean or null."""

    value: Decimal | str | bool | None


@attrs.frozen
class Temporal(Node):
    """`@"2026-01-31"`: a date, time, date and time or duration; `text` is as it was written."""

    text: str
    value: Any = attrs.field(eq=False)


@attrs.frozen
class Name(Node):
    """A variable; `?` is the value that a unary test looks at."""

    name: str


@attrs.frozen
class Path(Node):
    """A member of a context, or a property of a value."""

    of: Node
    name: str


@attrs.frozen
class Call(Node):
    """A function with arguments by position, or by name."""

    function: Node
    arguments: tuple[Node, ...]
    names: tuple[str, ...] = ()


@attrs.frozen
class Negate(Node):
    """Arithmetic minus."""

    operand: Node


@attrs.frozen
class Arithmetic(Node):
    """Plus, minus, times, divided by, to the power of."""

    op: ArithmeticOp
    left: Node
    right: Node


@attrs.frozen
class Compare(Node):
    """Two values compared."""

    op: CompareOp
    left: Node
    right: Node


@attrs.frozen
class And(Node):
    """Three-valued conjunction of two or more."""

    operands: tuple[Node, ...]


@attrs.frozen
class Or(Node):
    """Three-valued disjunction of two or more."""

    operands: tuple[Node, ...]


@attrs.frozen
class Between(Node):
    """`x between low and high`, both included."""

    operand: Node
    low: Node
    high: Node


@attrs.frozen
class In(Node):
    """`x in test`, or `x in (test, test)`."""

    operand: Node
    tests: tuple[Node, ...]


@attrs.frozen
class InstanceOf(Node):
    """`x instance of type`."""

    operand: Node
    type: "TypeName"


@attrs.frozen
class TypeName:
    """A type as it is written: `number`, `list<number>`, `context<a: number>`, `function<number> -> string`."""

    name: str
    parameters: tuple["TypeName", ...] = ()
    names: tuple[str, ...] = ()


@attrs.frozen
class If(Node):
    """`if condition then one else other`; anything but true takes the other."""

    condition: Node
    then: Node
    otherwise: Node


@attrs.frozen
class Iteration(Node):
    """One `x in list` of a loop; `high` is the end of `low..high`."""

    name: str
    source: Node
    high: Node | None = None


@attrs.frozen
class For(Node):
    """`for x in list return body`; `partial` names the results so far."""

    iterations: tuple[Iteration, ...]
    body: Node


@attrs.frozen
class Quantified(Node):
    """`some x in list satisfies condition`, or `every`."""

    every: bool
    iterations: tuple[Iteration, ...]
    condition: Node


@attrs.frozen
class Filter(Node):
    """`list[condition]` or `list[position]`."""

    of: Node
    condition: Node


@attrs.frozen
class ListOf(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]


@attrs.frozen
class ContextOf(Node):
    """`{a: 1, b: a + 1}`: later entries see earlier ones."""

    names: tuple[str, ...]
    values: tuple[Node, ...]


@attrs.frozen
class Interval(Node):
    """`[a..b)`."""

    low: Node
    high: Node
    low_included: bool
    high_included: bool


@attrs.frozen
class HalfLine(Node):
    """`< 5` as a value: a test, or a range when it stands in parentheses."""

    op: CompareOp
    bound: Node


@attrs.frozen
class Lambda(Node):
    """`function(a: number, b) a + b`; `external` ones are read, and refused when called."""

    parameters: tuple[str, ...]
    types: tuple[TypeName | None, ...]
    body: Node
    external: bool = False


@attrs.frozen
class Tests(Node):
    """A cell: any of the tests, or none of them if negated; no tests at all is `-`, which is always true."""

    tests: tuple[Node, ...]
    negated: bool = False


def children(node: Node) -> Iterator[Node]:
    """The nodes directly under a node, in the order of the text."""
    of: Any = type(node)
    for name in _parts(of):
        value = getattr(node, name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Node))


@cache
def _parts(of: Any) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(of) if field.name != "span")


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, without recursion."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += children(current)
