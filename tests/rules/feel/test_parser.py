"""The grammar: what is read as what, and what is refused where."""

import sys

import pytest

from crmkit.errors import RuleError
from crmkit.rules.feel import FUNCTIONS, Limits, parse, parse_tests, unparse
from crmkit.rules.feel._lexer import Names
from crmkit.rules.feel._nodes import Literal_, children, walk


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a or b and c", "a or (b and c)"), ("a = b and c < d", "(a = b) and (c < d)"), ("- a * b", "(-a) * b"), ("a + b between 1 and 2 and c", "((a + b) between 1 and 2) and c"), ("a in [1..2] or b", "(a in [1..2]) or b"), ("]1..2[", "(1..2)"), ("(> 5)", "((> 5))"),
        ("1 // rest\n+ 2", "1 + 2"), ("1 /* a * b **/ + 2", "1 + 2"), ("\u00a01\u20032", None), ("x . y", "x.y"), ("{a: 1,}", '{"a": 1}'), ("[1, 2,]", "[1, 2]"), ("f(1,)", "f(1)"), ("function(a,) a", "function(a) a"), ("x in > 5", "x in (> 5)"), ("x in (1..2)", "x in ((1..2))"), ("x in ((1..2), 3)", "x in ((1..2), 3)"),
        ("undeclared name 1 + 2", "undeclared name 1 + 2"), ("for x in 1..2, y in z return x", "for x in 1..2, y in z return x"), ("x instance of list<context<a: date and time>>", None), ("x instance of function<number> -> string", None), ("not(a)", "not(a)"), ("\U0001f600 + 1", "\U0001f600 + 1"),
        ("x instance of years and months duration and b", "(x instance of years and months duration) and b"), ("x instance of date and b", "(x instance of date) and b"), ("x instance of list<number,>", "x instance of list<number>"),
    ],
)  # fmt: skip
def test_same_tree(text, same):
    """Two texts are read as one tree."""
    if same is None:
        with_or_without = parse("x") if text.startswith("\u00a0") else parse(text)
        assert with_or_without == parse(unparse(with_or_without))
    else:
        assert parse(text, FUNCTIONS) == parse(same, FUNCTIONS)


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        ("a b + 1", {"a b"}, ["a b"]), ("a+b", {"a+b", "a", "b"}, ["a+b"]), ("a + b", {"a+b", "a", "b"}, ["a", "b"]), ("a  /**/ b", {"a b"}, ["a b"]), ("counter", {"count"}, ["counter"]), ("a b c", {"a", "a b", "a b c"}, ["a b c"]), ("a - b", {"a -b", "a"}, ["a", "b"]), ("a-b", {"a -b"}, ["a -b"]),
        ("not yet called", {"not yet called"}, ["not yet called"]), ("if in then 1 else 2", {"in", "if"}, None), ("[1][item > member name]", {"x"}, ["item", "member name"]), ("{a b: 1, c: a b + 1}", set(), ["a b"]), ("for new one in [] return new one - 1", set(), ["new one"]), ("function(p q) p q", set(), ["p q"]), ("x.member name + 1", set(), ["x"]),
    ],
)  # fmt: skip
def test_names(text, names, found):
    """The longest known name wins; space inside does not matter, space where the name has none does."""
    if found is None:
        with pytest.raises(RuleError):
            parse(text, names)
        return
    tree = parse(text, names, members={"member name"})
    assert sorted(node.name for node in walk(tree) if type(node).__name__ == "Name") == sorted(found)


@pytest.mark.parametrize(
    ("text", "code", "start"),
    [
        ("", "syntax", 0), ("1 +", "syntax", 3), ("1 2", "syntax", 2), ("(1", "syntax", 2), ("[1", "syntax", 2), ("{a 1}", "syntax", 4), ("{a: 1, a: 2}", "duplicate", 0), ('"abc', "syntax", 0), ("/* a", "syntax", 0), ("1 /* a", "syntax", 2), ("#", "syntax", 0), ('@"x"', "literal", 0), ("@", "syntax", 0), ("1e9999", "literal", 0), ("if 1 then 2", "syntax", 11),
        ("for in x return 1", "syntax", 4), ("for x y return 1", "syntax", 16), ("f(1, a: 2)", "syntax", 8), ("f(a: 1, 2)", "syntax", 8), ("x instance of 5", "syntax", 14), ("a.5", "syntax", 1), ("a.", "syntax", 2), ("then", "syntax", 0), ('"\\U110000"', "syntax", 1), ("{: 1}", "syntax", 1), ("for 'x in 1 return 1", "syntax", 4), ("x in (1, 2", "syntax", 10), ("x between 1 or 2", "syntax", 12), ("function(a", "syntax", 10), ("{[]: 1}", "syntax", 1),
        ("a" * 99_999, "limit", 50_000), ("[" * 100, "limit", 60), ("1" + "+1" * 200, "limit", None), ("a" + ".b" * 200, "limit", None), ("a" + "[1]" * 200, "limit", None), ("1 instance of " + "list<" * 200, "limit", None), ("-" * 200 + "1", "limit", None), ("function() " * 200, "limit", None), ("1 in (" * 200, "limit", None), ("{a:" * 200, "limit", None), ("for " + "a in b," * 200, "limit", None),
        ("[" + "1," * 20_001 + "]", "limit", None), ("(" * 50 + "1" + "+1)" * 50 + "+1" * 50, "limit", None), ("not(" * 200, "limit", None), ("if " * 200, "limit", None),
    ],
)  # fmt: skip
def test_refused(text, code, start):
    """What is no expression is refused, with the place; so is what is too long, too large or too deep."""
    with pytest.raises(RuleError) as caught:
        parse(text)
    assert code is None or caught.value.code == code
    assert start is None or caught.value.start == start


def test_a_thousand_terms_are_wide():
    """Conjunctions and disjunctions of thousands of terms are no deeper than one."""
    assert len(list(children(parse(" and ".join(["a"] * 5000))))) == 5000
    assert len(list(children(parse(" or ".join(["a"] * 5000))))) == 5000


def test_thousands_of_names():
    """A context may have thousands of entries that name one another."""
    entries = ",".join(f"a{i}: a{max(i - 1, 0)}" for i in range(2500))
    assert len(parse("{" + entries + "}").names) == 2500


@pytest.mark.parametrize(
    "text",
    ["not(1), 2", "not(1) = 2", "not(", "not((1)", "not (1, 2)", "not(1)", "not([1..5))", "-", " - ", "-1", "- 1"],
)
def test_cells(text):
    """A cell is negated if `not(...)` is all of it; a lone `-` is no test at all."""
    if text in {"not(", "not((1)"}:
        with pytest.raises(RuleError):
            parse_tests(text, FUNCTIONS)
        return
    cell = parse_tests(text, FUNCTIONS)
    assert cell.negated == (text in {"not (1, 2)", "not(1)", "not([1..5))"})
    assert (not cell.tests) == (text.strip() == "-")


def test_a_cell_has_no_more():
    """What follows the tests of a cell is refused."""
    with pytest.raises(RuleError):
        parse_tests("1 2")


def test_escapes():
    """Strings hold the escapes of the standard; a backslash before another letter stays."""
    tree = parse(r'"a\n\t\r\"\'\\\d\u00e9\U01F600\uD83D\uDE00"')
    assert isinstance(tree, Literal_)
    assert tree.value == "a\n\t\r\"'\\\\d\u00e9\U0001f600\U0001f600"


def test_names_share():
    """More names make new ones; those that are known already do not."""
    names = Names(["a", "a b"])
    assert names.plus(["a"]) is names
    more = names.plus(["a b c", ""])
    assert "a b c" in more
    assert "a b c" not in names


def test_a_host_that_stands_deep():
    """Where Python's own stack ends first, that is a refusal, too."""
    text = "[" * 55 + "]" * 55

    def deeper(depth):
        return deeper(depth - 1) if depth else parse(text)

    here = len(__import__("inspect").stack(0))
    with pytest.raises(RuleError):
        deeper(sys.getrecursionlimit() - here - 100)


def test_limits_are_given():
    """A host may allow less."""
    with pytest.raises(RuleError):
        parse("[[1]]", limits=Limits(depth=2))
