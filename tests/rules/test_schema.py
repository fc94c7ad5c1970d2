"""Fields, what they hold, and where they come from."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Literal

import attrs
import numpy as np
import pandas as pd
import pytest

from crmkit.errors import DefinitionErrors, InvalidValue, NotFound
from crmkit.rules import Rule, RuleSet
from crmkit.rules.columns import Columns
from crmkit.rules.feel._values import UNKNOWN, YearsMonths
from crmkit.rules.schema import Field, Schema
from crmkit.values import Money

WRONG = [
    (Field("a", "dezimal"), "has no kind 'dezimal'"),
    (Field("and"), "cannot be called 'and'"),
    (Field("count"), "cannot be called 'count'"),
    (Field(" "), "cannot be called ' '"),
    (Field("?"), "cannot be called '?'"),
    (Field("a", labels={"en": "not"}), "cannot be called 'not'"),
    (Field("a", unit="EUR"), "has a unit but holds no number"),
    (Field("a", "boolean", low=1), "a boolean has no order"),
    (Field("a", "decimal", low="x"), "lists 'x', which is no decimal"),
    (Field("a", "decimal", values=[object()]), "which is no decimal"),
    (Field("a", "context"), "is a context without members"),
    (Field("a", "list", item="strin"), "has items of no kind 'strin'"),
    (Field("a", "list", fields=[Field("b", "nothing")]), "a.b: has no kind 'nothing'"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "said"), WRONG)
def test_wrong_fields_are_refused(field, said):
    """What is wrong with a field is told when the schema is made."""
    with pytest.raises(DefinitionErrors) as caught:
        Schema([field])
    assert any(said in str(error) for error in caught.value.exceptions)


def test_all_mistakes_of_a_schema_are_told_at_once():
    """Two fields of one name, and a wrong kind, are three mistakes of one definition."""
    with pytest.raises(DefinitionErrors) as caught:
        Schema([Field("a", "x"), Field("b", labels={"en": "a"}), Field("b")])
    assert len(caught.value.exceptions) == 3


def test_fields_are_found_by_name_and_label():
    """A field has a name and labels; the nearest name is told where there is none."""
    schema = Schema([Field("amount", "decimal", labels={"zh": "金额"}), Field("o", "context", fields=[Field("x y")])])
    assert schema.field("金额") is schema.field("amount")
    assert schema.names == ("amount", "o")
    assert schema.members == {"x y"}
    with pytest.raises(NotFound, match="amount"):
        schema.field("amuont")


class Stage(Enum):
    """Stages."""

    LEAD = "lead"
    WON = "won"


@attrs.frozen
class Item:
    """An item."""

    sku: str
    qty: int


@attrs.frozen
class Deal:
    """A deal."""

    amount: Decimal
    stage: Stage
    kind: Literal["a", "b"]
    ratio: float | None
    day: date
    at: datetime
    clock: time
    spent: timedelta
    items: tuple[Item, ...]
    tags: list[str]
    best: Item


def test_a_schema_is_derived_from_a_class():
    """Annotations give kinds, listed values, emptiness, members and items."""
    schema = Schema.from_class(Deal)
    assert {field.name: field.kind for field in schema.fields} == {
        "amount": "decimal", "stage": "string", "kind": "string", "ratio": "float", "day": "date", "at": "date and time",
        "clock": "time", "spent": "days and time duration", "items": "list", "tags": "list", "best": "context",
    }  # fmt: skip
    assert schema.field("stage").values == ("lead", "won")
    assert schema.field("ratio").nullable
    assert [field.kind for field in schema.field("items").fields] == ["string", "integer"]
    assert schema.field("tags").item == "string"


@attrs.define
class Several:
    """Of two types."""

    a: int | str


@attrs.define
class Odd:
    """Of no type that a field has."""

    a: complex


@attrs.define
class Vague:
    """Of something that is no type."""

    a: Literal[b"x"] | None
    b: "dict[str, int]"


@pytest.mark.parametrize("of", [int, Several, Odd, Vague])
def test_a_class_without_fields_for_it_is_refused(of):
    """What no field stands for is an InvalidValue."""
    with pytest.raises(InvalidValue):
        Schema.from_class(of)


@attrs.define
class Mapped:
    """Of a mapping."""

    a: dict[str, int]


def test_a_mapping_is_no_field():
    """A mapping has no members that could be named."""
    with pytest.raises(InvalidValue, match="is no type of a field"):
        Schema.from_class(Mapped)


DOCUMENT = {
    "required": ["amount", "items"],
    "properties": {
        "amount": {"type": "number", "minimum": 0, "title": "Amount"},
        "ratio": {"type": ["number", "null"], "format": "double"},
        "stage": {"enum": ["lead", None]},
        "day": {"type": "string", "format": "date"},
        "mail": {"type": "string", "format": "email"},
        "items": {"type": "array", "items": {"type": "object", "properties": {"qty": {"type": "integer"}}}},
        "tags": {"type": "array"},
    },
}


def test_a_schema_is_derived_from_a_json_schema():
    """Types, formats, bounds, listed values, titles and what is required are taken over."""
    schema = Schema.from_json_schema(DOCUMENT)
    assert [field.kind for field in schema.fields] == ["decimal", "float", "string", "date", "string", "list", "list"]
    assert (schema.field("Amount").low, schema.field("amount").nullable) == (Decimal(0), False)
    assert (schema.field("stage").values, schema.field("stage").nullable) == (("lead",), True)
    assert (schema.field("tags").item, schema.field("items").fields[0].kind) == ("string", "integer")


@pytest.mark.parametrize("part", [{"type": ["string", "number"]}, {"type": "what"}, {"type": "number", "minimum": "x"}])
def test_a_json_schema_without_fields_for_it_is_refused(part):
    """Several types, unknown ones, and bounds that are no numbers are InvalidValue."""
    with pytest.raises(InvalidValue):
        Schema.from_json_schema({"properties": {"a": part}})
    with pytest.raises(InvalidValue, match="no JSON Schema"):
        Schema.from_json_schema({})


READ = [
    (Field("a", "decimal", unit="EUR"), Money("1.50", "EUR"), Decimal("1.50")),
    (Field("a", "decimal"), 10**40, Decimal(10**40)),
    (Field("a", "integer"), 3.0, Decimal(3)),
    (Field("a", "float"), 3, 3.0),
    (Field("a"), UNKNOWN, UNKNOWN),
    (Field("a", nullable=True), None, None),
    (Field("a", "list", values=["x"], item="string"), ["x"], ["x"]),
    (Field("a", "list"), (1, "x"), [Decimal(1), "x"]),
    (Field("a", "list", fields=[Field("b")]), {"b": "x", "c": 1}, [{"b": "x"}]),
    (Field("a", "context", fields=[Field("sku"), Field("qty", "integer")]), Item("x", 2), {"sku": "x", "qty": Decimal(2)}),
    (Field("a", "years and months duration"), YearsMonths(3), YearsMonths(3)),
]  # fmt: skip


@pytest.mark.parametrize(("field", "given", "read"), READ)
def test_a_field_reads_what_it_can_hold(field, given, read):
    """Values of the host become values of rules, exactly."""
    made = field.read(given)
    assert made == read
    assert type(made) is type(read)


REFUSED = [
    (Field("a", "decimal", unit="EUR"), Money("1.50", "USD"), "is not in EUR"),
    (Field("a", values=["won"]), "wno", "won"),
    (Field("a", "date and time"), pd.NaT, "is no date and time"),
    (Field("a", "list", values=["x"], item="string"), ["y"], "is none of its values"),
    (Field("a", "float"), 10**400, "is no finite number"),
    (Field("a", "string"), None, "may not be empty"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "given", "said"), REFUSED)
def test_a_field_refuses_what_it_cannot_hold(field, given, said):
    """The error names what is wrong, and the nearest value."""
    with pytest.raises(InvalidValue, match=said):
        field.read(given)


def test_a_record_is_read_in_part():
    """Fields, and members, that are not there are UNKNOWN where part of a record is enough."""
    schema = Schema([Field("a"), Field("b", nullable=True), Field("o", "context", fields=[Field("x"), Field("y")])])
    assert schema.read({"o": {"x": "1"}}, partial=True) == {"a": UNKNOWN, "b": UNKNOWN, "o": {"x": "1", "y": UNKNOWN}}
    assert schema.read({"a": "1"}, only={"a", "b"}) == {"a": "1", "b": None}
    with pytest.raises(NotFound, match="y"):
        schema.read({"a": "1", "o": {"x": "1"}})


def test_bounds_are_kept():
    """What lies beyond the bounds of a field is refused, by records and by columns alike; floats and whole numbers too."""
    for kind, low, high, bad in (("decimal", 0, 1, "1.5"), ("integer", 1, 5, 0), ("float", 0, 1, 2.5)):
        field = Field("x", kind, low=low, high=high)
        value = Decimal(bad) if kind == "decimal" else bad
        with pytest.raises(InvalidValue, match=r"is (more|less) than"):
            field.read(value)
        for values in ([value], np.array([float(bad) if kind == "float" else int(float(bad)) + (kind == "decimal")])):
            with pytest.raises(InvalidValue, match=r"is (more|less) than"):
                Columns.from_frame({"x": values}, Schema([field]))
    assert Columns.from_frame({"x": np.array([1, 5])}, Schema([Field("x", "integer", low=1, high=5)])).size == 2
    with pytest.raises(InvalidValue, match="is less than 0"):
        RuleSet("r", Schema([Field("x", "decimal", low=0)]), [Rule("r", "x > 5")]).judge({"x": Decimal(-1)})
