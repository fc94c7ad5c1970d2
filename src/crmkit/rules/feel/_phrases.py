"""What begins with a word or a bracket: loops, conditions, lists, contexts, ranges, functions, types.

Each reads on from behind its first word or sign, and is given where that one stood.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from crmkit.rules.feel._lexer import KEYWORDS
from crmkit.rules.feel._nodes import (
    ContextOf,
    For,
    HalfLine,
    If,
    Interval,
    Iteration,
    Lambda,
    ListOf,
    Node,
    Quantified,
    TypeName,
)  # fmt: skip

if TYPE_CHECKING:
    from crmkit.rules.feel._parser import Parser

Phrase: TypeAlias = "Callable[[Parser, int], Node]"


def _if(p: "Parser", start: int) -> Node:
    condition = p.expression()
    p.expect("then")
    then = p.expression()
    p.expect("else")
    return If(condition, then, p.expression(), span=(start, p.position))


def _for(p: "Parser", start: int) -> Node:
    before = p.names
    iterations = _iterations(p)
    p.expect("return")
    with p.knowing({"partial"}):
        body = p.expression()
    p.names = before
    return For(iterations, body, span=(start, p.position))


def _quantified(p: "Parser", start: int, *, every: bool) -> Node:
    before = p.names
    iterations = _iterations(p)
    p.expect("satisfies")
    condition = p.expression()
    p.names = before
    return Quantified(every, iterations, condition, span=(start, p.position))


def _some(p: "Parser", start: int) -> Node:
    return _quantified(p, start, every=False)


def _every(p: "Parser", start: int) -> Node:
    return _quantified(p, start, every=True)


def _iterations(p: "Parser") -> tuple[Iteration, ...]:
    """`x in list, y in 1..3`; each name is known from then on."""
    found: list[Iteration] = []
    while not found or p.take(","):
        start = p.lexer.skip(p.position)
        name = _binding(p, "in")
        p.expect("in")
        source = p.expression()
        high = p.expression() if p.take("..") else None
        found.append(Iteration(name, source, high, span=(start, p.position)))
        if len(found) > p.limits.depth:
            p.too_deep(start)
        p.names = p.names.plus({name})
    return tuple(found)


def _function(p: "Parser", start: int) -> Node:
    p.expect("(")
    names: list[str] = []
    types: list[TypeName | None] = []
    while not p.at(")"):
        names.append(_binding(p, ":", ",", ")"))
        types.append(type_name(p) if p.take(":") else None)
        if not p.take(","):
            break
    p.expect(")")
    external = p.take("external")
    with p.knowing(names):
        body = p.expression()
    return Lambda(tuple(names), tuple(types), body, external, span=(start, p.position))


def _context(p: "Parser", start: int) -> Node:
    names: dict[str, Node] = {}
    before = p.names
    while not p.at("}"):
        name = p.advance().text if p.next.kind == "string" else _binding(p, ":")
        if name in names:
            p.lexer.fail("duplicate", f"the context names {name!r} twice", start, p.position)
        p.expect(":")
        names[name] = p.expression()
        p.names, p.members = p.names.plus({name}), p.members.plus({name})
        if not p.take(","):
            break
    p.expect("}")
    p.names = before
    return ContextOf(tuple(names), tuple(names.values()), span=(start, p.position))


def _parenthesis(p: "Parser", start: int) -> Node:
    """`(a)`, `(a..b]`, or `(< 5)`."""
    if p.at("=", "!=", "<", "<=", ">", ">="):
        node = p.test()
        p.expect(")")
        return node
    inside = p.expression()
    if p.take(".."):
        return interval(p, inside, start, low_included=False)
    p.expect(")")
    return inside


def _bracket(p: "Parser", start: int) -> Node:
    """`[a, b]` or `[a..b)`."""
    items: list[Node] = []
    while not p.at("]"):
        # `[< 5, > 9]` lists ranges: the standard calls them unary tests, and allows them wherever an expression stands.
        items.append(p.test())
        if len(items) == 1 and not isinstance(items[0], HalfLine) and p.take(".."):
            return interval(p, items[0], start, low_included=True)
        if not p.take(","):
            break
    p.expect("]")
    return ListOf(tuple(items), span=(start, p.position))


def _outward(p: "Parser", start: int) -> Node:
    """`]a..b]`: a bracket turned outward leaves its end out."""
    low = p.expression()
    p.expect("..")
    return interval(p, low, start, low_included=False)


def interval(p: "Parser", low: Node, start: int, *, low_included: bool) -> Node:
    # A bracket behind the upper end closes the range; it is no filter.
    high = p.expression(filters=False)
    closing = p.expect("]", ")", "[").text
    return Interval(low, high, low_included, closing == "]", span=(start, p.position))


def _binding(p: "Parser", *ends: str) -> str:
    """The name that is bound here: everything up to one of the ends, spaces made even."""
    start = p.lexer.skip(p.position)
    while not p.at(*ends):
        if p.next.kind not in {"word", "number"} and p.next.text not in _IN_NAMES:
            p.refuse(f"expected a name and then {' or '.join(ends)}")
        p.advance()
    name = " ".join(p.text[start : p.position].split())
    if not name or name in KEYWORDS:
        p.refuse("expected a name")
    return name


_IN_NAMES = frozenset({"-", "+", "/", "*", ".", "?", "'"})


def argument_name(p: "Parser") -> str | None:
    """The name before a colon, if an argument begins with one."""
    here = p.position
    if p.next.kind != "word":
        return None
    name = p.loose_name()
    while p.next.kind == "word":
        name = f"{name} {p.advance().text}"
    if p.take(":"):
        return name
    p.go(here)
    return None


def type_name(p: "Parser") -> TypeName:
    """A type: words, with parameters in angle brackets."""
    p.depth += 1
    if p.depth > p.limits.depth:
        p.too_deep(p.position)
    if p.next.kind != "word":
        p.refuse("expected a type")
    words = [p.advance().text]
    while p.next.kind == "word" and (p.next.text not in KEYWORDS or (p.at("and") and _compound(words, p))):
        words.append(p.advance().text)
    while p.take("."):
        words[-1] += f".{p.advance().text}"
    name = " ".join(words)
    made = _parametrised(p, name) if p.take("<") else TypeName(name)
    p.depth -= 1
    return made


def _compound(words: list[str], p: "Parser") -> bool:
    """Whether "and" belongs to the type, as in `date and time`, rather than joining two conditions."""
    second = p.lexer.token(p.next.end)
    third = p.lexer.token(second.end).text
    return (*words, second.text) == ("date", "time") or (*words, second.text, third) in _DURATIONS


_DURATIONS = {("days", "time", "duration"), ("years", "months", "duration")}


def _parametrised(p: "Parser", name: str) -> TypeName:
    names: list[str] = []
    parameters: list[TypeName] = []
    while not p.at(">"):
        if name == "context":
            names.append(_binding(p, ":"))
            p.expect(":")
        parameters.append(type_name(p))
        if not p.take(","):
            break
    p.expect(">")
    if name == "function":
        p.expect("->")
        parameters.append(type_name(p))
    return TypeName(name, tuple(parameters), tuple(names))


#: What a word at the beginning of an expression starts.
PHRASES: dict[str, Phrase] = {"if": _if, "for": _for, "some": _some, "every": _every, "function": _function}

#: What a sign at the beginning of an expression starts.
BRACKETS: dict[str, Phrase] = {"(": _parenthesis, "[": _bracket, "]": _outward, "{": _context}
