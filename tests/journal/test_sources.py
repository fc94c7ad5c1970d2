"""Columns of frames, whatever library holds them."""

import sys
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from crmkit.errors import InputError, NotFound
from crmkit.journal import Coded, Journal


@pytest.mark.parametrize("arrow", [True, False])
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_texts_and_instants_of_frames_are_read_as_columns(make, arrow, monkeypatch):
    """With pyarrow or without it, the journal of a frame is that of the same values in lists."""
    at = [
        datetime(2026, 1, 1, 23, 30, tzinfo=UTC),
        None,
        datetime(2026, 1, 2, tzinfo=UTC),
        datetime(1200, 1, 1, tzinfo=UTC),
    ]
    columns = {"c": [" a", "b", "a ", "a"], "s": ["x", "x", "NA", "x"], "t": at, "d": ["", None, " ", "é"]}
    wanted = {"case": "c", "stage": "s", "at": "t", "dims": ["d"]}
    frame = make(
        {**columns, "t": np.array([None if t is None else t.replace(tzinfo=None) for t in at], "datetime64[us]")}
    )
    zoned = (
        frame.assign(t=frame["t"].dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai")) if make is pd.DataFrame
        else frame.with_columns(pl.col("t").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Shanghai"))
    )  # fmt: skip
    if not arrow:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    found, expected = Journal.from_frame(zoned, **wanted), Journal.from_frame(columns, **wanted)
    assert found == expected
    assert found.dims["d"].decode() == expected.dims["d"].decode() == [None, None]
    assert {(one.row, one.column) for one in found.findings} == {(2, "t"), (4, "t")}
    # A time can be a name too; pandas itself reads no local times of the year 1200.
    names = Journal.from_frame(zoned.head(3), case="t", stage="s", at="t").cases.values
    assert names == ("2026-01-02 07:30:00+08:00", "2026-01-02 08:00:00+08:00")


@pytest.mark.parametrize("size", [3, 300, 200_000])
def test_rows_in_the_order_of_their_codes(size):
    """Rows are ordered by code, missing ones first, and rows of one code keep their order."""
    rng = np.random.default_rng(size)
    column = Coded(rng.integers(-1, size, size).astype(np.int32), tuple(map(str, range(size))))
    order = column.order()
    assert order.tolist() == sorted(range(size), key=column.codes.tolist().__getitem__)
    assert column[order].order().tolist() == list(range(size))


def test_a_column_that_nobody_asks_for_is_not_read():
    """A frame may have columns that no journal can hold: they are refused only where they are asked for."""
    frame = pl.DataFrame(
        {"c": ["1", "2"], "s": ["x", "y"], "t": [datetime(2026, 1, 1, tzinfo=UTC)] * 2, "l": [[1], []]}
    )
    assert len(Journal.from_frame(frame, case="c", stage="s", at="t")) == 2
    with pytest.raises(InputError, match="lists or records"):
        Journal.from_frame(frame, case="c", stage="s", at="t", who="l")
    with pytest.raises(NotFound, match="column"):
        Journal.from_frame(frame, case="c", stage="s", at="t", who="w")
    assert Journal.from_frame(frame.lazy(), case="c", stage="s", at="t") == Journal.from_frame(
        frame.drop("l"), case="c", stage="s", at="t"
    )


def test_stays_that_begin_before_1970_and_last():
    """The end of observation is the last instant, also where it lies before the epoch."""
    log = {"c": ["1", "2"], "s": ["x", "y"], "t": [datetime(1960, 1, 1, tzinfo=UTC), datetime(1961, 1, 1, tzinfo=UTC)]}
    journal = Journal.from_frame(log, case="c", stage="s", at="t")
    assert journal.until == journal.entered.max()


def test_times_outside_the_years_of_the_calendar_are_refused():
    """Microseconds of the year 30000 are read as such by a library, and are no date."""
    far = np.array([885_000_000_000_000_000, 0]).astype("datetime64[us]")
    frame = pa.table({"c": ["1", "2"], "s": ["x", "y"], "t": pa.array(far, pa.timestamp("us", "UTC"))})
    with pytest.raises(InputError, match="outside the years"):
        Journal.from_frame(frame, case="c", stage="s", at="t")
