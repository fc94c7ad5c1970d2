"""Conditions over columns: what has a vector form, and that none of it overflows."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from crmkit.rules import _vector_values, _vectors
from crmkit.rules._compile import Vocabulary, check, compiled
from crmkit.rules._vectors import judge
from crmkit.rules.columns import Columns
from crmkit.rules.feel._values import YearsMonths
from crmkit.rules.schema import Field, Schema

BIG = 2**61
SCHEMA = Schema(
    [
        Field("a", "decimal", nullable=True), Field("b", "decimal"), Field("i", "integer", nullable=True),
        Field("f", "float", nullable=True), Field("g", "float"), Field("s", nullable=True), Field("t"),
        Field("flag", "boolean", nullable=True), Field("on", "boolean"), Field("day", "date", nullable=True),
        Field("at", "date and time"), Field("spent", "days and time duration"),
        Field("term", "years and months duration"),
        Field("items", "list", nullable=True, fields=[
            Field("q", "integer"), Field("p", "decimal", nullable=True), Field("k"), Field("w", "float"),
            Field("sub", "list", fields=[Field("z", "integer")]),
        ]),
    ]
)  # fmt: skip
VOCABULARY = Vocabulary.of(SCHEMA)
AT = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = {
    "a": Decimal("1.5"), "b": Decimal(2), "i": 3, "f": 0.5, "g": 0.1, "s": "x", "t": "y", "flag": True, "on": False,
    "day": date(2026, 1, 1), "at": AT, "spent": timedelta(1), "term": YearsMonths(3),
    "items": [{"q": 1, "p": Decimal("0.5"), "k": "x", "w": 0.5, "sub": [{"z": 1}]}],
}  # fmt: skip
EMPTY = {**FIRST, "a": None, "i": None, "f": None, "s": None, "flag": None, "day": None, "items": None}
OTHER = {
    **FIRST, "a": Decimal(0), "b": Decimal("-0.000001"), "i": -BIG, "f": 0.0, "g": -1e308, "s": "y", "flag": False,
    "on": True, "at": AT + timedelta(days=1), "items": [],
}  # fmt: skip
WIDE = {
    **FIRST,
    "i": BIG,
    "b": Decimal(BIG),
    "items": [FIRST["items"][0] | {"q": -1, "p": None, "k": "z", "sub": []}] * 3,
}
RECORDS = [FIRST, EMPTY, OTHER, WIDE] * 3

VECTORS = [
    "a > b", "a = b", "a != b", "a < 1.5", "a >= i", "i > 2.5", "f > 0.1", "f = 0.5", "f < g", "f > i", "g > 1", "-a < b", "-f < g",
    "a + b > 1", "a - b > 1", "a * b > 1", "f * g > 0", "f * 2 > g", "f / g > 1", "g / f > 1", "i / f > 1", "f + i > 1", "i + i > 0", "i * i > 0",
    "a = null", "null != a", "a + b = null", "flag", "on", "not(flag)", "not(on)", "flag and on", "flag or on",
    "true", "null", "if flag then on else flag", "a between 1 and b", "a in (1.5, null)", "a in [1..b]", "i in (1..3]",
    "a in (> 1, [0..1])", "a in ([1.5, 2])", "a in (-1)", 's = "x"', 's != "x"', 's > "x"', 's in ("x", "q")', "s = t", "s < t", "t < t", "s != t",
    "contains(t, s)", 'starts with(t, "y")', 'upper case(s) = "X"', "s = null", "s in (null)", 'day > @"2025-01-01"', "day = null",
    'at > @"2026-01-01T12:00:00Z"', 'at - @"2026-01-01T00:00:00Z" > @"PT1H"', 'spent >= @"P1D"', 'term < @"P1Y"', "-spent < spent",
    "count(items) > 1", "count(items) = null", "some i in items satisfies i.q > 0", "every i in items satisfies i.p > 0",
    "some i in items satisfies i.q > b", "some i in items satisfies i.k = t", 'every i in items satisfies i.k in ("x", "z")',
    "some i in items satisfies i.p = null", "some i in items satisfies some j in i.sub satisfies j.z > 0",
    "some i in items satisfies some j in items satisfies j.q > i.q", "some a in items satisfies a.q > 0", "some i in items satisfies i = null",
    "some i in items satisfies flag", "1 > 2", "9007199254740993 > f", "1e40 > i", "i > 1e-40", "a > 1.00000000000000000000000000000000001",
    "flag = true", "items = null", "a ** 2 > 1", "a / b > 1", "floor(a) > 1", "day.year > 2000", "at > at", 'day - day > @"P1D"',
    "count(items[q > 0]) > 0", "a in (1, (if on then 2 else 3))", "some i in items, j in items satisfies i.q > j.q", "a > b and contains(s, t)",
    "a + 0.25 > 1e-150", "b * 0.001 * b * b > 1", "some i in items satisfies i.q * i.w > 0",
    "i between 4611686018427387904 and 9223372036854775808", 'at = @"2026-01-01T00:00:00"', "f * 1e30 > g",
]  # fmt: skip


@pytest.mark.parametrize("size", [65_536, 5])
@pytest.mark.parametrize("text", VECTORS)
def test_columns_say_what_functions_say(text, size, monkeypatch):
    """Masks of true and false are those of the function, record by record, in blocks of any size."""
    monkeypatch.setattr(_vectors, "BLOCK", size)
    checked = check(text, VOCABULARY, boolean=True)
    ((true, false),) = judge([checked], Columns.from_records(RECORDS, SCHEMA))
    said = [compiled(checked)(record) for record in RECORDS]
    assert true.tolist() == [value is True for value in said]
    assert false.tolist() == [value is False for value in said]


def test_no_records_give_no_verdicts():
    """Of nothing the masks are empty."""
    checked = check("a > b", VOCABULARY, boolean=True)
    ((true, false),) = judge([checked], Columns.from_records([], SCHEMA))
    assert (true.size, false.size, true.dtype) == (0, 0, np.bool_)
    assert judge([], Columns.from_records(RECORDS, SCHEMA)) == []


def test_many_items_are_counted_as_few_are():
    """Where few of many items are hits they are looked up, otherwise they are counted: both say the same."""
    schema = Schema([Field("items", "list", fields=[Field("q", "integer")])])
    rows = [{"items": [{"q": int(n == 7 * row)} for n in range(50)]} for row in range(9)]
    columns = Columns.from_records(rows, schema)
    texts = [
        "some i in items satisfies i.q > 0",
        "some i in items satisfies i.q < 1",
        "every i in items satisfies i.q < 1",
    ]
    checked = [check(text, Vocabulary.of(schema), boolean=True) for text in texts]
    for one, (true, _) in zip(checked, judge(checked, columns), strict=True):
        assert true.tolist() == [compiled(one)(row) for row in rows]


def test_scaled_numbers_are_no_floats():
    """What was scaled to whole numbers is not taken for floats, and only numbers are."""
    with pytest.raises(_vector_values.Scalar):
        _vector_values.rough(_vector_values.Vector(np.array([1]), None, 2))


@pytest.mark.parametrize("text", ["items = items", "t instance of string", "count = null", '(if on then duration("P1D") else duration("P2D")) = null', '"a" = null', 'items[1].k = "x"', "t < s",
                                  'max(t) > "a"', "items.q = items.q"])  # fmt: skip
def test_what_has_no_vector_form(text):
    """It is decided for each text, or record by record."""
    checked = check(text, VOCABULARY, boolean=True)
    ((true, false),) = judge([checked], Columns.from_records(RECORDS, SCHEMA))
    said = [compiled(checked)(record) for record in RECORDS]
    assert true.tolist() == [value is True for value in said]
    assert false.tolist() == [value is False for value in said]
