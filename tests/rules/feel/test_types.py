"""Types: what belongs to them, and what is fitted to them."""

from collections import UserDict, UserList
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from crmkit.rules.feel import UNKNOWN, YearsMonths
from crmkit.rules.feel._nodes import TypeName
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._types import ANY, Type, fitted, included, instance_of, named_type
from crmkit.rules.feel._values import kind

NUMBER, TEXT = Type("number"), Type("string")


@pytest.mark.parametrize(
    ("value", "of", "made"),
    [
        (1, NUMBER, 1), ([1], NUMBER, 1), (1, Type("list", item=NUMBER), [1]), ([1], Type("list"), [1]), (None, NUMBER, None), (UNKNOWN, NUMBER, UNKNOWN), ("a", ANY, "a"), ({"a": 1, "b": 2}, Type("context", members={"a": NUMBER}), {"a": 1, "b": 2}), (date(2026, 3, 1), Type("date and time"), datetime(2026, 3, 1, tzinfo=UTC)), ({}, Type("context"), {}),
    ],
)  # fmt: skip
def test_fitted(value, of, made):
    """A list of one stands for its item, an item for a list of one, a date for its midnight in UTC."""
    assert fitted(value, of) == made


@pytest.mark.parametrize(("value", "of"), [("a", NUMBER), ([[1]], NUMBER), ([1, [2]], Type("list", item=NUMBER)), ({"a": [1]}, Type("context", members={"a": NUMBER})), ([1, 2], NUMBER), (["a"], Type("list", item=NUMBER)), ({}, Type("context", members={"a": NUMBER})), (1, Type("context", members={"a": NUMBER}))])  # fmt: skip
def test_misfits(value, of):
    """What is of another type has no value, and the parts of a value are not converted."""
    with pytest.raises(Problem):
        fitted(value, of)


PAIR = Type("context", members={"a": NUMBER, "b": TEXT})
TO_TEXT = Type("function", parameters=(NUMBER,), result=TEXT)


@pytest.mark.parametrize(
    ("inner", "outer", "wanted"),
    [
        (NUMBER, ANY, True), (ANY, NUMBER, False), (Type("null"), NUMBER, True), (NUMBER, TEXT, False), (NUMBER, NUMBER, True), (Type("list", item=NUMBER), Type("list"), True), (Type("list"), Type("list", item=NUMBER), False), (Type("range", item=NUMBER), Type("range", item=TEXT), False), (PAIR, Type("context", members={"a": NUMBER}), True), (Type("context", members={"a": NUMBER}), PAIR, False),
        (Type("context"), PAIR, False), (PAIR, Type("context"), True), (TO_TEXT, TO_TEXT, True), (TO_TEXT, Type("function"), True), (Type("function"), TO_TEXT, False), (Type("function", parameters=(ANY,), result=TEXT), TO_TEXT, True), (TO_TEXT, Type("function", parameters=(ANY,), result=TEXT), False), (TO_TEXT, Type("function", parameters=(NUMBER,), result=NUMBER), False), (TO_TEXT, Type("function", parameters=()), False),
    ],
)  # fmt: skip
def test_included(inner, outer, wanted):
    """Lists and contexts belong to those of wider parts, functions to those that are given less and promise less."""
    assert included(inner, outer) is wanted


def test_names():
    """Types say what they are, and known types come first."""
    assert str(Type("list", item=NUMBER)) == "list<number>"
    assert str(Type(name="tMoney")) == "tMoney"
    assert named_type(TypeName("tMoney"), {"tMoney": TEXT}) is TEXT
    assert instance_of(None, Type("null"))


def test_kinds():
    """Subclasses and look-alikes of Python's containers are of the same kind; what is none is refused."""
    assert [kind(one) for one in (UserDict(), UserList(), type("Text", (str,), {})(), YearsMonths(1), Decimal(1))] == ["context", "list", "string", "years and months duration", "number"]  # fmt: skip
    with pytest.raises(TypeError):
        kind(object())
    with pytest.raises(TypeError):
        bool(UNKNOWN)
    assert repr(UNKNOWN) == "UNKNOWN"
