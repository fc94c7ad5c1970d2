"""The printer's text reads back as the same tree."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.rules.feel import Limits, parse, parse_tests, unparse
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._temporal import read_any

NAMES = ("a", "b c", "d-e", "f's", "g/h i", "not yet")
PLAIN = st.sampled_from(("x", "y", "long name", "n1"))
KINDS = st.recursive(
    st.sampled_from(["number", "date and time", "date", "list", "days and time duration", "my.type", "Any", "range"]).map(nodes.TypeName),
    lambda inner: st.one_of(
        st.builds(lambda of, one: nodes.TypeName(of, (one,)), st.sampled_from(["list", "range"]), inner),
        st.builds(lambda one: nodes.TypeName("context", (one, one), ("x", "long name")), inner),
        st.builds(lambda one: nodes.TypeName("function", one), st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=3,
)  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAVES = st.one_of(
    st.builds(lambda n, places: nodes.Literal_(Decimal(n).scaleb(-places)), st.integers(0, 10**20), st.integers(-5, 30)),
    st.builds(nodes.Literal_, TEXT | st.booleans() | st.none()),
    st.sampled_from(["2021-01-31", "10:00:00Z", "2021-01-31T10:00:00@Europe/Paris", "P1D", "-P1M"]).map(lambda text: nodes.Temporal(text, read_any(text))),
    st.sampled_from([*NAMES, "?"]).map(nodes.Name),
)  # fmt: skip


def several(of, least=0):
    """A short tuple."""
    return st.lists(of, min_size=least, max_size=3).map(tuple)


def iterations(of):
    """The variables of a loop."""
    return several(st.builds(nodes.Iteration, PLAIN, of, st.none() | of), least=1)


def half_lines(of):
    """One-sided ranges."""
    return st.builds(nodes.HalfLine, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), of)


def named(of):
    """Names, each once, with a node for each."""
    choices = st.sampled_from([(), ("x",), ("long name", "y"), ("x", "y", "n1")])
    return st.tuples(choices, st.tuples(of, of, of)).map(lambda pair: (pair[0], pair[1][: len(pair[0])]))


def grown(of):
    """One node more."""
    ops = [nodes.Arithmetic, nodes.Compare]
    signs = (["+", "-", "*", "/", "**"], ["=", "!=", "<", "<=", ">", ">="])
    return st.one_of(
        *(st.builds(op, st.sampled_from(texts), of, of) for op, texts in zip(ops, signs, strict=True)),
        st.builds(nodes.And, several(of, 2)),
        st.builds(nodes.Or, several(of, 2)),
        st.builds(nodes.Negate, of),
        st.builds(nodes.Between, of, of, of),
        st.builds(nodes.In, of, several(of | half_lines(of), 1)),
        st.builds(nodes.InstanceOf, of, KINDS),
        st.builds(nodes.If, of, of, of),
        st.builds(nodes.For, iterations(of), of),
        st.builds(nodes.Quantified, st.booleans(), iterations(of), of),
        st.builds(nodes.Filter, of, of),
        st.builds(nodes.ListOf, several(of)),
        named(of).map(lambda pair: nodes.ContextOf(*pair)),
        st.builds(nodes.Interval, of, of, st.booleans(), st.booleans()),
        half_lines(of),
        st.builds(nodes.Path, of, PLAIN),
        st.builds(nodes.Call, of, several(of)),
        st.builds(lambda function, pair: nodes.Call(function, pair[1], pair[0]), of, named(of)),
        st.builds(lambda pair, types, body, external: nodes.Lambda(pair[0], types[: len(pair[0])], body, external), named(of), st.tuples(*[st.none() | KINDS] * 3), of, st.booleans()),
    )  # fmt: skip


TREES = st.recursive(LEAVES, grown, max_leaves=12)
WIDE = Limits(depth=200)


@st.composite
def trees(draw):
    """Any expression; a function, since the text of the strategy itself would fill pages."""
    return draw(TREES)


@given(trees())
def test_expressions_read_back(tree):
    """What is printed parses to the same tree."""
    assert parse(unparse(tree), NAMES, limits=WIDE) == tree


@st.composite
def cells(draw):
    """The tests of a cell."""
    tests = tuple(draw(trees()) for _ in range(draw(st.integers(0, 3))))
    ends = tuple(draw(half_lines(trees())) for _ in range(draw(st.integers(0, 2))))
    return nodes.Tests(tests + ends, draw(st.booleans()) and bool(tests + ends))


@given(cells() | st.just(nodes.Tests((nodes.Call(nodes.Name("not"), (nodes.Name("a"),)),))))
def test_cells_read_back(tree):
    """So do the tests of a cell; one that is a call of `not` is told from a negated cell."""
    assert parse_tests(unparse(tree), NAMES, limits=WIDE) == tree


@pytest.mark.parametrize(
    "text",
    ["1 + 2 * 3", "(1 + 2) * 3", "2 ** (3 ** 2)", "-a.b", "a.b[c > 1].d", "(x instance of date) and time = 1", "[1..(a + b[1])]", "if a then b else c", "(if a then b else c) + 1", "x in (< 5, [1..2])", "(5).a", "f(a: 1)", 'not("a")', "(a and b) and c", "function(a: list<number>, b) external {}", "-5 ** 2", "(a instance of list) < 5"],
)  # fmt: skip
def test_as_few_parentheses_as_possible(text):
    """Text that is as short as it can be stays as it is."""
    assert unparse(parse(text)) == text
