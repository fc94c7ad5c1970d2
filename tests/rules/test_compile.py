"""Texts read and checked, and functions made of them."""

from decimal import Decimal

import attrs
import pytest

from crmkit.errors import DefinitionErrors, InvalidValue, NotFound
from crmkit.rules._compile import Vocabulary, check, compiled, fused
from crmkit.rules.feel._values import UNKNOWN
from crmkit.rules.schema import Field, Schema

SCHEMA = Schema(
    [
        Field("amount", "decimal", nullable=True, labels={"zh": "金额"}),
        Field("calls", "integer"),
        Field("stage", values=["won", "lost"]),
        Field("sizes", "list", item="integer", nullable=True),
        Field("owner", "context", fields=[Field("level", "integer")], nullable=True),
        Field("items", "list", fields=[Field("qty", "integer"), Field("price", "float")], nullable=True),
    ]
)
VOCABULARY = Vocabulary.of(SCHEMA)
RECORD = {"amount": Decimal(1), "calls": 2, "stage": "won"}


def rule(text):
    """A condition over the schema."""
    return check(text, VOCABULARY, boolean=True)


def test_names_and_labels_are_one():
    """A rule in any language reads the field by its name."""
    assert rule("金额 > 0 and calls > 1").fields == ("amount", "calls")
    assert rule("金额 > 0").node == rule("amount > 0").node


@pytest.mark.parametrize("text", ["amount >", "amount > x"])
def test_texts_that_cannot_be_used_are_refused(text):
    """Mistakes of the grammar and of types come as one kind of error."""
    with pytest.raises(DefinitionErrors, match="cannot be used"):
        rule(text)


def test_nothing_fused_says_nothing():
    """No conditions give no verdicts."""
    assert fused([])(RECORD) == ()


def test_what_a_rule_does_not_read_is_not_looked_at():
    """A wrong value elsewhere in the record, or none at all, does not concern it."""
    assert compiled(rule("calls > 1"))({"calls": 2, "stage": "bogus"}) is True
    assert fused([rule("calls > 1"), rule("calls > 2")])({"calls": 2}) == (True, False)


@pytest.mark.parametrize("first", [0, 1])
def test_nulls_are_judged_whenever_the_first_one_comes(first):
    """What is written for records with nulls says the same before and after, and complete records do not wait for it."""
    conditions = [rule("amount > 0 or calls > 5"), rule("amount = null"), rule("calls > 1"), rule("owner.level > 1")]
    whole = {**RECORD, "owner": {"level": 1}}
    rows = [({**whole, "amount": None}, (None, True, True, False)), (whole, (True, False, True, False)),
            ({**whole, "owner": None}, (True, False, True, None)), ({**whole, "calls": 9.0, "amount": None},
            (True, True, True, False))]  # fmt: skip
    function = fused(conditions)
    for record, verdicts in [*rows[first:], *rows]:
        assert function(record) == verdicts


ENDS = [
    (Field("x", "integer", low=2, high=5), [2, 5, 3.0, Decimal(4)], [1, 6, 1.0, True]),
    (Field("x", "integer", low=Decimal(10) ** 30, high=Decimal("1E6000")), [10**30, 10**33, Decimal("1E6000")], [1, 10**30 - 1]),
    (Field("x", "integer", values=[2, 5]), [2, 5, 5.0], [3, True]),
    (Field("x", "float", low=0.5), [0.5, 1e308, 2, Decimal("0.5")], [0.4, float("inf"), float("nan")]),
    (Field("x", "float", high=1), [1.0, -1e308, 1], [1.1, float("-inf"), float("nan")]),
    (Field("x", "float"), [1.7976931348623157e308, -1.7976931348623157e308], [float("inf"), float("nan"), -float("inf")]),
    (Field("x", "decimal", low=0, high=1), [Decimal(0), Decimal(1), 0.5], [Decimal("NaN"), Decimal("Infinity"), Decimal(2)]),
    (Field("x", "decimal", low=0), [Decimal(0), 7], [Decimal("NaN"), Decimal("Infinity"), Decimal(-1), Decimal("sNaN")]),
]  # fmt: skip


@pytest.mark.parametrize("nullable", [False, True])
@pytest.mark.parametrize(("field", "inside", "outside"), ENDS)
def test_the_ends_of_a_field_are_kept(field, inside, outside, nullable):
    """Generated functions take what the schema takes, and refuse what it refuses, at the very ends too."""
    schema = Schema([attrs.evolve(field, nullable=nullable)])
    condition = check("x = x", Vocabulary.of(schema), boolean=True)
    for function, answer in ((compiled(condition), True), (fused([condition, condition]), (True, True))):
        for value in inside:
            assert function({"x": value}) == answer
        for value in outside:
            with pytest.raises(InvalidValue):
                function({"x": value})


UNUSUAL = [
    ("amount > 0", {"amount": 1}, True),
    ("amount > 0", {}, None),
    ("amount > 0", {"amount": UNKNOWN}, None),
    ("calls > 1", {"calls": 2.0}, True),
    ("some i in sizes satisfies i > 1", {"sizes": (1, 2)}, True),
    ("some i in sizes satisfies i > 1", {"sizes": [1.0, Decimal(2)]}, True),
    ("some i in sizes satisfies i > 1", {"sizes": None}, None),
    ("owner.level > 1", {"owner": {"level": 2.0}}, True),
    ("owner.level > 1", {"owner": None}, None),
    ("some i in items satisfies i.qty * i.price > 1", {"items": [{"qty": 2, "price": 1}]}, True),
    ("some i in items satisfies i.qty * i.price > 1", {"items": [{"qty": 2, "price": UNKNOWN}]}, None),
    ("every i in items satisfies i.qty > 1", {"items": []}, True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "record", "verdict"), UNUSUAL)
def test_unusual_records_are_converted(text, record, verdict):
    """Where a value is not of the class that the source takes it for, it is read as the schema says."""
    condition = rule(text)
    assert compiled(condition)(record) is verdict
    assert fused([condition, condition])(record) == (verdict, verdict)


def test_wrong_records_are_refused():
    """Values that a field cannot hold, and fields that are not there, are told by name."""
    for one in (compiled(rule("calls > 1")), fused([rule("calls > 1")])):
        with pytest.raises(InvalidValue, match="calls"):
            one({"calls": "2"})
        with pytest.raises(NotFound, match="calls"):
            one({})


def test_a_condition_of_another_kind_is_null():
    """What is neither true nor false is no answer."""
    assert compiled(check("owner.level", VOCABULARY))({"owner": {"level": 1}}) is None
