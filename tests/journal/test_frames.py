"""The forms in which libraries hold columns: each is read as the same values in a list are."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InputError
from crmkit.journal import Journal
from crmkit.journal._frames import Zoned
from crmkit.journal._sources import open_source

TEXTS = st.lists(st.none() | st.sampled_from(["a", " a", "a ", "b", "é", "NA", "", "  ", "7"]), min_size=1, max_size=12)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def local(year, month=1, day=1, *clock):
    """A datetime without a zone."""
    return datetime(year, month, day, *clock)  # noqa: DTZ001 - that is what it is for


class Silent(tzinfo):
    """A zone that does not tell its offset."""

    def utcoffset(self, _dt):
        return None


def plain(texts):
    """What a column of texts says, cell by cell."""
    return [None if text is None else text.strip() or None for text in texts]


def read(values):
    """A column as texts."""
    return open_source({"c": values} if isinstance(values, list) else values, "f").text("c")


def chunks(texts, cut, index):
    """A column in two pieces, each over a dictionary of its own with a text that no row has."""
    parts = []
    for part in (texts[:cut], texts[cut:]):
        distinct = [*dict.fromkeys(text for text in reversed(part) if text is not None), "unused"]
        codes = [None if text is None else distinct.index(text) for text in part]
        parts.append(pa.DictionaryArray.from_arrays(pa.array(codes, index), pa.array(distinct)))
    return pa.table({"c": pa.chunked_array(parts)})


@given(TEXTS, st.data())
def test_categories_are_read_as_the_texts_they_stand_for(texts, data):
    """Whatever the categories' order, the unused among them, missing cells and pieces: as a list of the same texts."""
    names = [*dict.fromkeys([*(text for text in texts if text is not None), "unused", "other"])]
    names = data.draw(st.permutations(names))
    cut, ordered = data.draw(st.integers(0, len(texts))), data.draw(st.booleans())
    categories = pd.Categorical(texts, names, ordered=ordered)
    arrow = chunks(texts, cut, data.draw(st.sampled_from([pa.int8(), pa.uint16(), pa.uint32(), pa.int64()])))
    forms = (
        pd.DataFrame({"c": categories}), pl.DataFrame({"c": pl.Series(texts, dtype=pl.Enum(names))}),
        pl.DataFrame({"c": pl.Series(texts, dtype=pl.Categorical)}), arrow,
        pa.table({"c": pa.chunked_array([pa.array(texts[:cut], pa.string()), pa.array(texts[cut:], pa.string())])}),
        pd.DataFrame({"c": pd.Series(texts, dtype=object)}), pl.DataFrame({"c": pl.Series(texts, dtype=pl.String)}),
    )  # fmt: skip
    wanted = plain(texts)
    assert read(texts).decode() == wanted
    for form in forms:
        found = read(form)
        assert found.decode() == wanted
        assert found.values == tuple(dict.fromkeys(text for text in wanted if text is not None))
    # A part of a table shares the memory of the whole.
    assert read(arrow.slice(len(texts) // 2)).decode() == wanted[len(texts) // 2 :] if len(texts) > 1 else True


def test_categories_without_pyarrow(monkeypatch):
    """Where pyarrow is not installed, categories are read as lists; times need it nowhere."""
    at = pl.Series(["2026-01-01T00:00:00Z", None]).str.to_datetime(
        "%Y-%m-%dT%H:%M:%SZ", time_unit="ms", time_zone="UTC"
    )
    assert open_source(pl.DataFrame({"c": at}), "f").instants("c", None, None).ok.tolist() == [True, False]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert read(pd.DataFrame({"c": pd.Categorical(["b", None, " a"], ["x", " a", "b"])})).decode() == ["b", None, "a"]


def test_a_dictionary_that_holds_nothing_and_one_of_other_values():
    """A missing value in the dictionary is a missing cell; numbers and instants are read as without a dictionary."""
    hollow = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2], pa.int8()), pa.array(["a", None, " a"]))
    assert read(pa.table({"c": hollow})).decode() == ["a", None, None, "a"]
    numbers = pa.array([7, None, 9, 7]).dictionary_encode()
    assert read(pa.table({"c": [7, None]})).decode() == ["7", None]
    assert read(pa.table({"c": numbers})).decode() == ["7", None, "9", "7"]
    assert read(pd.DataFrame({"c": pd.Categorical([7.0, 8.5, None])})).decode() == ["7", "8.5", None]
    at = [datetime(2026, 1, 2, 3, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)]
    log = {"c": ["1", "1"], "s": ["in", "out"]}
    coded = pa.table({**log, "t": pa.array(at).dictionary_encode()})
    wanted = {"case": "c", "stage": "s", "at": "t"}
    assert Journal.from_frame(coded, **wanted) == Journal.from_frame({**log, "t": at}, **wanted)


@given(st.lists(st.none() | st.datetimes(local(1700), local(2250)), min_size=1), st.data())
def test_datetimes_in_lists_are_exact(at, data):
    """Whatever their zones, instants in a list are those that Python's own arithmetic gives, to the microsecond."""
    zones = data.draw(st.lists(st.sampled_from([UTC, BERLIN, timezone(timedelta(hours=-9))]), min_size=1))
    fold = data.draw(st.integers(0, 1))
    aware = [one and one.replace(tzinfo=zones[i % len(zones)], fold=fold) for i, one in enumerate(at)]
    if aware[0] is None:
        aware[0] = EPOCH
    source = open_source({"c": aware}, "f")
    found = source.instants("c", None, None)
    assert found.ok.tolist() == [one is not None for one in aware] == (~source.empty("c")).tolist()
    expected = [0 if one is None else (one - EPOCH) // timedelta(microseconds=1) for one in aware]
    assert np.where(found.ok, found.micros, 0).tolist() == expected
    assert source.text("c").decode() == [None if one is None else str(one) for one in aware]


def test_local_datetimes_in_lists():
    """Datetimes without a zone are local times of `tz`; beside such with a zone they still are."""
    wall = [local(2026, 7, 1, 9, 30), None, local(2026, 1, 1, 9, 30)]
    mixed = [wall[0], datetime(2026, 7, 1, 9, 30, tzinfo=UTC), None]
    for at, hours in ((wall, (7.5, None, 8.5)), (mixed, (7.5, 9.5, None))):
        found = open_source({"c": at}, "f").instants("c", "Europe/Berlin", None)
        framed = pl.DataFrame({"c": at}) if at is wall else {"c": at}
        assert (open_source(framed, "f").instants("c", "Europe/Berlin", None).micros == found.micros).all()
        assert [micros / 3_600e6 % 24 if ok else None for micros, ok in zip(found.micros, found.ok, strict=True)] == [
            *hours
        ]
    with pytest.raises(InputError, match="without a zone"):
        open_source({"c": wall}, "f").instants("c", None, None)
    midnights = open_source({"c": [local(2026, 7), date(2026, 7, 2)]}, "f").instants("c", None, None)
    assert np.diff(midnights.micros).tolist() == [86_400_000_000]
    with pytest.raises(InputError, match="its time zone"):
        open_source({"c": [datetime(2026, 7, 1, 9, tzinfo=Silent())]}, "f").instants("c", None, None)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("tz", [None, "Asia/Shanghai"])
def test_timestamps_of_arrow_in_pieces(unit, tz):
    """In every unit, with and without a zone, with missing ones and in pieces: the instants are those in a list."""
    at = [local(2026, 1, 2, 3, 4, 5), None, local(1960, 1, 2), local(2030, 6)]
    pieces = [pa.array(part, pa.timestamp(unit, tz)) for part in (at[:1], at[1:3], [], at[3:])]
    found = open_source(pa.table({"c": pa.chunked_array(pieces)}), "f")
    expected = open_source({"c": [one and one.replace(tzinfo=UTC) for one in at]}, "f").instants("c", None, None)
    read_ = found.instants("c", "UTC", None)
    assert read_.ok.tolist() == expected.ok.tolist() == [True, False, True, True]
    assert read_.micros[read_.ok].tolist() == expected.micros[expected.ok].tolist()


@given(
    st.lists(st.none() | st.integers(-3, 3) | st.sampled_from([0.0, -0.0, 2.0, 2.5, float("nan"), True, "2", " b "]))
)
def test_names_in_lists_are_put_into_words_one_by_one(values):
    """Numbers, truth values and texts in one list keep their own words; nothing is taken for its equal."""
    for some in (values, [v for v in values if type(v) is int], [v for v in values if type(v) is float]):
        if some:
            words = [
                None if v is None or v != v else str(int(v)) if type(v) is float and v == int(v) else str(v).strip()
                for v in some
            ]
            assert read(some).decode() == words
            assert open_source({"c": some}, "f").empty("c").tolist() == [word is None for word in words]


def test_iterators_and_arrays_are_columns_too():
    """A column may be anything that has an end; arrays of numpy and of arrow are read as lists."""
    kinds = (["x", "y", "x"], np.array(["x", "y", "x"]), np.array(["x", "y", "x"], object), pa.array(["x", "y", "x"]))
    for column in kinds:
        assert open_source({"c": column}, "f").text("c").decode() == ["x", "y", "x"]
    assert open_source({"c": iter(["x", "y"]), "d": np.array(["2026-01-01", "NaT"], "M8[D]")}, "f").empty(
        "d"
    ).tolist() == [False, True]
    with pytest.raises(InputError, match="differ in length"):
        open_source({"c": ["x"], "d": [1, 2]}, "f")
    with pytest.raises(InputError, match="int is no table"):
        open_source(7, "f")
    assert isinstance(open_source({"c": [EPOCH]}, "f")._columns["c"], Zoned)


def test_frames_of_arrow_do_not_load_pandas():
    """A table of arrow is read without pandas, which takes more memory than the table."""
    script = """
import io, sys
from pyarrow import csv
from crmkit.journal import Journal
log = csv.read_csv(io.BytesIO(b"c,s,t\\na,x,2026-01-01T00:00:00Z\\nb,,\\n"))
log = log.append_column("d", log["s"].dictionary_encode())
assert len(Journal.from_frame(log, case="c", stage="d", at="t", dims=["s"])) == 1
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
