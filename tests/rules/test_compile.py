"""Texts read and checked, and functions made of them."""

from decimal import Decimal

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
