"""Columns of frames, whatever library holds them."""

import sys
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit.journal import Journal


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
