"""Operators, on the values of Python that stand for those of FEEL."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.rules.feel import UNKNOWN, YearsMonths, parse
from crmkit.rules.feel._evaluate import asks
from crmkit.rules.feel._operators import Problem, arithmetic, both, compare, equal, identity, inverted, less, negated
from crmkit.rules.feel._text import literal, write
from crmkit.rules.feel._values import WideDate

TRUTHS = st.sampled_from([True, False, None, UNKNOWN])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3).map(Decimal), st.sampled_from(["", "a"]), st.dates(date(2021, 1, 1), date(2021, 1, 3)), st.just(WideDate(10_000, 1, 1)), st.integers(0, 2).map(YearsMonths), st.timedeltas())  # fmt: skip
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner), max_leaves=4)  # fmt: skip


@given(TRUTHS, TRUTHS, TRUTHS)
def test_logic_is_a_lattice(a, b, c):
    """Conjunction is commutative and associative, and negation undoes itself."""
    assert both(a, b) is both(b, a)
    assert both(a, both(b, c)) is both(both(a, b), c)
    assert inverted(inverted(a)) is a


@given(VALUES, VALUES)
def test_identity_is_equality(left, right):
    """Two values have one identity if they are equal, and only then."""
    try:
        same = equal(left, right)
    except Problem:
        same = False
    assert (identity(left) == identity(right)) is same
    assert identity(left) == identity(left)
    assert hash(identity(left)) == hash(identity(left))


@given(st.integers(-3, 3).map(Decimal), st.integers(-3, 3).map(Decimal))
def test_comparisons_agree(left, right):
    """Each comparison is what Python says."""
    assert [compare(op, left, right) for op in ("=", "!=", "<", "<=", ">", ">=")] == [
        left == right, left != right, left < right, left <= right, left > right, left >= right,
    ]  # fmt: skip


def test_floats_take_part():
    """Where a float takes part, it is computed as the machine computes."""
    assert arithmetic("+", 0.1, Decimal("0.2")) == 0.1 + 0.2
    assert equal(0.1, Decimal("0.1")) is True
    assert less(0.1, Decimal("0.2")) is True
    assert negated(0.5) == -0.5


@pytest.mark.parametrize(
    ("value", "text"), [(None, "null"), (UNKNOWN, "UNKNOWN"), ((1, 2), "[1, 2]"), (date(2021, 1, 1), "2021-01-01")]
)
def test_written(value, text):
    """Values of the host are written as their FEEL twins."""
    assert write(value) == text
    assert literal("a\n") == '"a\\n"'


def test_problems_say_why():
    """A problem's text is its reason."""
    with pytest.raises(Problem, match="a string and a number have no order"):
        less("a", Decimal(1))


def test_questions_are_seen():
    """A test that speaks of `?` is a condition."""
    assert asks(parse("1 + ?"))
    assert not asks(parse("1 + a"))


def test_null_is_written():
    """Null is written as the word."""
    assert write(None) == "null"
    assert write("a") == "a"
