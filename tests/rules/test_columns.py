"""Records as columns, and back."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit.errors import InvalidValue, NotFound
from crmkit.rules.columns import Columns
from crmkit.rules.columns import _column as column
from crmkit.rules.feel._values import UNKNOWN, YearsMonths
from crmkit.rules.schema import Field, Schema

BERLIN = ZoneInfo("Europe/Berlin")
VALUES = [
    ("decimal", [Decimal("1.50"), Decimal("-0.000000000000000000000000000001"), Decimal(0)], None),
    ("decimal", [Decimal("1e-200"), Decimal(1)], None),
    ("decimal", [Decimal("9007199254740993.25"), None], None),
    ("decimal", [Decimal(10**30)], None),
    ("integer", [1, -(2**61), None], None),
    ("integer", [2**70], [Decimal(2**70)]),
    ("float", [0.1, -0.0, None], None),
    ("string", ["a", "", "a", None], None),
    ("boolean", [True, False, None], None),
    ("date", [date(1, 1, 1), date(9999, 12, 31), None], None),
    ("time", [time(8), None], None),
    ("date and time", [datetime(2026, 1, 1, tzinfo=UTC), None], None),
    ("date and time", [datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1), None], None),
    ("date and time", [datetime(2026, 1, 1), None], None),  # noqa: DTZ001 - a naive one is meant
    ("days and time duration", [timedelta(0), timedelta(-1), None], None),
    ("days and time duration", [timedelta.max], None),
    ("years and months duration", [YearsMonths(0), YearsMonths(-13), None], None),
    ("years and months duration", [YearsMonths(10**30)], None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "back"), VALUES)
def test_values_come_back_as_they_were(kind, values, back):
    """A column gives back exactly what it was made from, block by block, whatever the host's decimal context."""
    schema = Schema([Field("a", kind, nullable=True)])
    with localcontext() as context:
        context.prec = 3
        columns = Columns.from_records([{"a": value} for value in values], schema)
        found = [block.record(row)["a"] for block in columns.blocks(2) for row in range(block.size)]
    assert found == (back or values)
    if kind == "date and time":
        assert [value and value.tzinfo for value in found] == [value and value.tzinfo for value in values]


def test_lists_of_contexts_are_columns_of_their_items():
    """Items stand one after another, and come back in their lists; a single one is a list of one."""
    field = Field("a", "list", fields=[Field("x", "integer"), Field("y", nullable=True)], nullable=True)
    rows = [[{"x": 1, "y": "a"}], None, [], [{"x": 2}, {"x": 3, "y": None}], {"x": 4}]
    columns = Columns.from_records([{"a": row} for row in rows], Schema([field]))
    back = [block.record(row)["a"] for block in columns.blocks(3) for row in range(block.size)]
    assert back == [
        [{"x": 1, "y": "a"}], None, [], [{"x": 2, "y": None}, {"x": 3, "y": None}], [{"x": 4, "y": None}],
    ]  # fmt: skip


def test_other_lists_and_contexts_are_kept_as_they_are():
    """What has no array is read and kept."""
    schema = Schema([Field("a", "list"), Field("o", "context", fields=[Field("x")])])
    columns = Columns.from_records([{"a": [1, "x"], "o": {"x": "y"}}], schema)
    assert columns.record(0) == {"a": [Decimal(1), "x"], "o": {"x": "y"}}


FRAME = {"day": [date(2026, 1, 1), None], "amount": [1.5, float("nan")], "name": ["a", "b"]}
FRAME_SCHEMA = Schema([Field("day", "date", nullable=True), Field("amount", "float", nullable=True), Field("name")])


@pytest.mark.parametrize(
    "make", [dict, pd.DataFrame, pl.DataFrame, pl.LazyFrame, lambda data: pl.DataFrame(data).to_arrow()]
)
def test_frames_of_all_kinds_are_columns(make):
    """What is not a number in a frame is null."""
    columns = Columns.from_frame(make(FRAME), FRAME_SCHEMA)
    assert [columns.record(row) for row in range(columns.size)] == [
        {"day": date(2026, 1, 1), "amount": 1.5, "name": "a"}, {"day": None, "amount": None, "name": "b"},
    ]  # fmt: skip


def test_a_query_is_a_frame():
    """A DuckDB relation is read as well; a column that is missing is told with the nearest name."""
    relation = duckdb.sql("select 1.5::double as amount, 'a' as name, date '2026-01-01' as day")
    assert Columns.from_frame(relation, FRAME_SCHEMA).record(0)["day"] == date(2026, 1, 1)
    with pytest.raises(NotFound, match="amount"):
        Columns.from_frame({"amuont": [1], "day": [None]}, FRAME_SCHEMA)


ARRAYS = [
    (Field("a", "float"), np.array([1, 2]), [1.0, 2.0]),
    (Field("a", "float", nullable=True), np.array([1.5, np.nan]), [1.5, None]),
    (Field("a", "integer"), np.array([1, 2], np.uint8), [1, 2]),
    (Field("a", "integer"), np.array([], np.int64), []),
    (Field("a", "decimal"), np.array([2**63], np.uint64), [Decimal(2**63)]),
    (Field("a", "decimal"), np.array([0.1]), [Decimal("0.1")]),
    (Field("a", "integer", values=[1, 2]), np.array([1, 2]), [1, 2]),
    (Field("a", "boolean"), np.array([True, False]), [True, False]),
    (Field("a", "string"), np.array(["x", "y"]), ["x", "y"]),
    (Field("a", "date", nullable=True), np.array(["2026-01-01", "NaT"], "M8[ns]"), [date(2026, 1, 1), None]),
    (Field("a", "date and time"), np.array(["2026-01-01T08:00"], "M8[ns]"), [datetime(2026, 1, 1, 8)]),  # noqa: DTZ001 - numpy's are naive
]  # fmt: skip


@pytest.mark.parametrize(("field", "array", "values"), ARRAYS)
def test_arrays_are_columns(field, array, values):
    """An array of the right kind is taken as it is, others value by value."""
    made = column(field, array)
    assert [made.value(row) for row in range(len(values))] == values


REFUSED = [
    (Field("a", "float"), np.array([np.nan])),
    (Field("a", "float"), np.array([np.inf])),
    (Field("a", "integer"), np.array([1.5])),
    (Field("a", "boolean"), np.array([1])),
    (Field("a", "string"), [["unhashable"]]),
    (Field("a", "string"), [UNKNOWN]),
    (Field("a", "float"), [float("nan")]),
    (Field("a", "integer", values=[1]), np.array([2])),
]  # fmt: skip


@pytest.mark.parametrize(("field", "values"), REFUSED)
def test_what_a_field_cannot_hold_is_refused(field, values):
    """Wrong values of a column are InvalidValue, as those of a record are."""
    with pytest.raises(InvalidValue):
        column(field, values)
