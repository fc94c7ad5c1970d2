"""A Pratt parser for FEEL: boxed-expression text, and the unary tests of a table's cells.

Precedence climbing after Pratt (1973). Names may hold spaces and signs, so the parser, not the lexer, decides where one
ends: at the longest name that is known there, or, of a name nobody declared, at the first keyword or sign.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from decimal import Decimal, DecimalException
from typing import Final, NoReturn

from crmkit.errors import RuleError
from crmkit.rules.feel._cursor import Cursor
from crmkit.rules.feel._lexer import KEYWORDS, STOPPERS, Names, Token
from crmkit.rules.feel._limits import Limits
from crmkit.rules.feel._nodes import (
    And,
    Arithmetic,
    Between,
    Call,
    Compare,
    Filter,
    HalfLine,
    In,
    InstanceOf,
    Literal_,
    Name,
    Negate,
    Node,
    Or,
    Path,
    Temporal,
    Tests,
    children,
)  # fmt: skip
from crmkit.rules.feel._numbers import rounded
from crmkit.rules.feel._phrases import BRACKETS, PHRASES, argument_name, interval, type_name
from crmkit.rules.feel._temporal import read_any

_COMPARE: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})
#: How tightly the operators bind.
_OR, _AND, _COMPARISON, _SUM, _PRODUCT, _POWER, _PREFIX = range(1, 8)
_BINDING = {"or": _OR, "and": _AND, "between": _COMPARISON, "in": _COMPARISON, "+": _SUM, "-": _SUM, "*": _PRODUCT,
            "/": _PRODUCT, "**": _POWER, **dict.fromkeys(_COMPARE, _COMPARISON)}  # fmt: skip


class Parser(Cursor):
    """One reading of one text."""

    def __init__(self, text: str, names: Names, members: Names, where: str, limits: Limits) -> None:
        super().__init__(text, where)
        self.names, self.members, self.limits = names, members, limits
        self.depth = self.count = 0
        self.inside = False
        self._heights: dict[int, tuple[Node, int]] = {}
        if len(text) > limits.length:
            self.lexer.fail("limit", f"the text is longer than {limits.length} characters", limits.length)

    def made(self, node: Node) -> Node:
        """Count a node, and how high the tree below it is."""
        self.count += 1
        if self.count > self.limits.nodes:
            self.lexer.fail("limit", f"the text has more than {self.limits.nodes} parts", *node.span)
        height = 1
        if not isinstance(node, _LEAVES):
            height += max((self._height(child) for child in children(node)), default=0)
        if height > self.limits.depth:
            self.too_deep(node.span[0])
        self._heights[id(node)] = node, height
        return node

    def _height(self, node: Node) -> int:
        """Of what was made, as counted then; of a loop's variable, that of the list."""
        known = self._heights.get(id(node))
        return max(map(self._height, children(node)), default=0) if known is None else known[1]

    def too_deep(self, position: int) -> NoReturn:
        """Refuse what nests too deep."""
        self.lexer.fail("limit", f"nests deeper than {self.limits.depth} levels", position, position + 1)

    @contextmanager
    def knowing(self, names: Iterable[str]) -> Generator[None]:
        """With more names known, for a while."""
        before = self.names
        self.names = before.plus(names)
        yield
        self.names = before

    # -- whole texts

    def whole(self, phrase: Callable[[], Node]) -> Node:
        """A phrase that is the whole text."""
        try:
            node = phrase()
        except RecursionError:
            # The host stands too deep itself.
            self.too_deep(self.position)
        if self.next.kind != "end":
            self.refuse("expected an operator or the end")
        return node

    def cell(self) -> Node:
        """The unary tests of a cell."""
        start = self.lexer.skip(self.position)
        if self.next.kind == "symbol" and self.next.text == "-" and self.lexer.token(self.next.end).kind == "end":
            self.advance()
            return self.made(Tests((), span=(start, self.position)))
        tests = self._negated_tests()
        if tests is not None:
            return self.made(Tests(tests, negated=True, span=(start, self.position)))
        return self.made(Tests(self.test_list(), span=(start, self.position)))

    def _negated_tests(self) -> tuple[Node, ...] | None:
        """The tests in `not(...)` if that is the whole cell; None, and nothing read, if the cell only begins so."""
        if not self.at("not") or self.lexer.token(self.next.end).text != "(":
            return None
        before = self.position, self.depth, self.count, self.names, self.members, self.inside
        self.go(self.lexer.token(self.next.end).end)
        with suppress(RuleError):
            tests = self.test_list()
            self.expect(")")
            if self.next.kind == "end":
                return tests
        position, self.depth, self.count, self.names, self.members, self.inside = before
        self.go(position)
        return None

    def test_list(self) -> tuple[Node, ...]:
        """Tests with commas between them."""
        tests = [self.test()]
        while self.take(","):
            tests.append(self.test())
        return tuple(tests)

    def test(self) -> Node:
        """One test: `< 5`, or an expression that is compared, contained, or true."""
        start = self.lexer.skip(self.position)
        if self.next.kind == "symbol" and self.next.text in _COMPARE:
            op = self.advance().text
            return self.made(HalfLine(op, self.expression(_SUM - 1), span=(start, self.position)))  # type: ignore[arg-type] # one of _COMPARE
        return self.expression()

    # -- expressions

    def expression(self, binding: int = 0, *, filters: bool = True) -> Node:
        """An expression of operators that bind more tightly than `binding`."""
        self.depth += 1
        if self.depth > self.limits.depth:
            self.too_deep(self.position)
        start = self.lexer.skip(self.position)
        left = self.postfix(self.prefix(), start, filters=filters)
        while (power := self._binding()) > binding:
            left = self.made(self._infix(left, start, power, filters=filters))
        self.depth -= 1
        return left

    def _binding(self) -> int:
        token = self.next
        return _BINDING.get(token.text, 0) if token.kind in {"word", "symbol"} else 0

    def _infix(self, left: Node, start: int, power: int, *, filters: bool) -> Node:
        op = self.advance().text
        if op in {"and", "or"}:
            return self._joined(op, left, start, power, filters=filters)
        if op == "between":
            low = self.expression(_COMPARISON)
            self.expect("and")
            return Between(left, low, self.expression(_COMPARISON, filters=filters), span=(start, self.position))
        if op == "in":
            return In(left, self._in_tests(filters=filters), span=(start, self.position))
        right = self.expression(power, filters=filters)
        span = (start, self.position)
        if op in _COMPARE:
            return Compare(op, left, right, span=span)  # type: ignore[arg-type] # one of _COMPARE
        return Arithmetic(op, left, right, span=span)  # type: ignore[arg-type] # the other operators

    def _joined(self, op: str, left: Node, start: int, power: int, *, filters: bool) -> Node:
        """All operands of one `and` or `or` in one node: a rule of thousands is wide, not deep."""
        operands = [left, self.expression(power, filters=filters)]
        while self.take(op):
            operands.append(self.expression(power, filters=filters))
        return (And if op == "and" else Or)(tuple(operands), span=(start, self.position))

    def _in_tests(self, *, filters: bool) -> tuple[Node, ...]:
        if self.at("("):
            return self._in_parentheses(self.advance().start)
        if self.next.kind == "symbol" and self.next.text in _COMPARE:
            return (self.test(),)
        return (self.expression(_COMPARISON, filters=filters),)

    def _in_parentheses(self, start: int) -> tuple[Node, ...]:
        """`(test, test)`, or a range that begins with a parenthesis."""
        first = self.test()
        if self.take(".."):
            return (self.made(interval(self, first, start, low_included=False)),)
        tests = (first, *self.test_list()) if self.take(",") else (first,)
        self.expect(")")
        return tests

    def prefix(self) -> Node:
        """What an expression may begin with."""
        named = self._known_name()
        if named is not None:
            return named
        token = self.next
        span = (token.start, token.end)
        if token.kind == "number":
            self.advance()
            return self._number(token)
        if token.kind == "string":
            self.advance()
            return self.made(Literal_(token.text, span=span))
        if token.kind == "temporal":
            return self._temporal(self.advance())
        if token.kind == "word":
            return self._word(token)
        if token.kind == "symbol" and token.text in {"-", "?"}:
            self.advance()
            if token.text == "?":
                return self.made(Name("?", span=span))
            operand = self.expression(_PREFIX - 1)
            return self.made(Negate(operand, span=(token.start, self.position)))
        phrase = BRACKETS.get(token.text)
        if token.kind != "symbol" or phrase is None:
            self.refuse("expected a value")
        self.advance()
        return self.made(phrase(self, token.start))

    def _number(self, token: Token) -> Node:
        try:
            value = rounded(Decimal(token.text))
        except DecimalException:
            self.lexer.fail("literal", "the number is too large", token.start, token.end)
        return self.made(Literal_(value, span=(token.start, token.end)))

    def _temporal(self, token: Token) -> Node:
        value = read_any(token.text)
        if value is None:
            self.lexer.fail("literal", f"{token.text!r} is no date, time or duration", token.start, token.end)
        return self.made(Temporal(token.text, value, span=(token.start, token.end)))

    def _known_name(self) -> Node | None:
        found = self.lexer.name(self.position, self.names)
        if self.inside:
            # A filter sees the members of the items.
            others = (self.lexer.name(self.position, known) for known in (self.members, _ITEM))
            found = max(found, *others, key=lambda one: one[1] if one else -1)
        if found is None:
            return None
        start = self.lexer.skip(self.position)
        name, end = found
        # "not" and "if" alone are the language's own, "not yet called" is a name.
        if name in KEYWORDS and name != "not":
            return None
        self.go(end)
        return self.made(Name(name, span=(start, end)))

    def _word(self, token: Token) -> Node:
        span = (token.start, token.end)
        if token.text in _CONSTANTS:
            self.advance()
            return self.made(Literal_(_CONSTANTS[token.text], span=span))
        phrase = PHRASES.get(token.text)
        if phrase is not None:
            self.advance()
            return self.made(phrase(self, token.start))
        if token.text in KEYWORDS - {"not", "of", "external"}:
            self.refuse("expected a value")
        name = self.loose_name()
        return self.made(Name(name, span=(token.start, self.position)))

    def loose_name(self) -> str:
        """A name that nobody declared: words up to a keyword or a sign."""
        words = [self.advance().text]
        while self.next.kind in {"word", "number"} and self.next.text not in STOPPERS and _nameable(self.next):
            words.append(self.advance().text)
        return " ".join(words)

    def postfix(self, node: Node, start: int, *, filters: bool = True) -> Node:
        """Members, filters, calls and type questions that follow a value."""
        while True:
            sign = self.next.text if self.at(*_POSTFIX) else ""
            if sign == ".":
                self.advance()
                node = Path(node, self._member(), span=(start, self.position))
            elif sign == "[" and filters:
                self.advance()
                node = self._filter(node, start)
            elif sign == "(":
                node = self._call(node, start)
            elif sign == "instance":
                self.advance()
                self.expect("of")
                node = InstanceOf(node, type_name(self), span=(start, self.position))
            else:
                return node
            self.made(node)

    def _member(self) -> str:
        found = self.lexer.name(self.position, self.members)
        if found is not None:
            self.go(found[1])
            return found[0]
        if self.next.kind != "word":
            self.refuse("expected the name of a member")
        return self.loose_name()

    def _filter(self, node: Node, start: int) -> Node:
        before, self.inside = self.inside, True
        condition = self.expression()
        self.inside = before
        self.expect("]")
        return Filter(node, condition, span=(start, self.position))

    def _call(self, node: Node, start: int) -> Node:
        self.expect("(")
        names: list[str] = []
        arguments: list[Node] = []
        while not self.at(")"):
            name = argument_name(self)
            if name is not None:
                names.append(name)
            if names and len(names) != len(arguments) + 1:
                self.refuse("expected a name and a colon: arguments are all named or none is")
            arguments.append(self.expression())
            if not self.take(","):
                break
        self.expect(")")
        return Call(node, tuple(arguments), tuple(names), span=(start, self.position))


_POSTFIX: Final = (".", "[", "(", "instance")
_LEAVES: Final = (Literal_, Name, Temporal)
_ITEM: Final = Names({"item"})
_CONSTANTS: Final = {"true": True, "false": False, "null": None}


def _nameable(token: Token) -> bool:
    return token.kind == "word" or token.text.isdigit()


def parse(
    text: str,
    names: Iterable[str] | Names = (),
    *,
    members: Iterable[str] | Names = (),
    where: str = "",
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Node:
    """The tree of an expression.

    Args:
        text: the expression.
        names: the variables and functions that are known; needed for names with spaces and signs.
        members: the names of members that may follow a dot.
        where: the rule and the cell, for messages.
        limits: how long and deep it may be.

    Raises:
        RuleError: with the place of the first mistake.
    """
    parser = _parser(text, names, members, where, limits)
    return parser.whole(parser.expression)


def parse_tests(
    text: str,
    names: Iterable[str] | Names = (),
    *,
    members: Iterable[str] | Names = (),
    where: str = "",
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Tests:
    """The tree of a cell: its unary tests; see `parse`.

    Raises:
        RuleError: with the place of the first mistake.
    """
    parser = _parser(text, names, members, where, limits)
    node = parser.whole(parser.cell)
    assert isinstance(node, Tests)  # noqa: S101 - what `cell` makes
    return node


def _parser(
    text: str, names: Iterable[str] | Names, members: Iterable[str] | Names, where: str, limits: Limits
) -> Parser:
    known = names if isinstance(names, Names) else Names(names)
    parts = members if isinstance(members, Names) else Names(members)
    return Parser(text, known, parts, where, limits)
