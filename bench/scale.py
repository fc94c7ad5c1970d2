"""Counts of stays in a Parquet file, block by block, beside the engines that stream and the libraries that load it.

What all come to is how many stays each person had in each stage, by what came next and after how many days: the state
from which conversion is estimated. crmkit also reads the ids of the cases, and keeps a finding for every row that it
cannot use.
"""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness import Comparison, Contender, Run

from crmkit.adapters.blocks import ParquetBlocks
from crmkit.journal.blocks import Layout
from crmkit.metrics import Conversion, StageOrder
from crmkit.metrics.partials import gather

STAYS, QUICK_STAYS = 4_000_000, 20_000
PER_CASE, PEOPLE = 4, 40
STAGES = ("lead", "offer", "contract", "won", "lost")
FILE = "stays.parquet"
BEGIN, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000
_END_US = int(END.timestamp()) * 1_000_000


def comparisons(*, quick: bool, rows: int | None = None) -> list[Comparison]:
    """Stays in the order of their cases."""
    size = rows or (QUICK_STAYS if quick else STAYS)
    block = 1 << 20 if size > QUICK_STAYS else 5_000
    contenders = [
        Contender("crmkit", partial(_ours, rows=block), _our_counts, "blocks", "pyarrow"),
        Contender("polars", partial(_polars, engine="streaming"), _rows, "streaming"),
        Contender("polars, loaded", partial(_polars, engine="in-memory"), _rows, "in memory", "polars"),
        Contender("duckdb", _duckdb, _rows),
        Contender("pandas", _pandas, _pandas_rows, "loaded"),
    ]
    what = f"stays of a Parquet file by person, stage, next and days, {PEOPLE} persons"
    return [Comparison(what, size, "stays", partial(write, size=size), contenders, _equal)]


def write(folder: Path, *, size: int) -> None:
    """The file: stays of cases, four each, some of which last."""
    import pyarrow as pa
    from pyarrow import parquet

    rng = np.random.default_rng(2026)
    cases = -(-size // PER_CASE)
    spans = (rng.exponential(30, (cases, PER_CASE)) * _DAY_US).astype(np.int64)
    ends = int(BEGIN.timestamp()) * 1_000_000 + rng.integers(0, 200 * _DAY_US, (cases, 1)) + spans.cumsum(axis=1)
    step = np.tile(np.arange(PER_CASE), cases)[:size]
    then = np.where((step == PER_CASE - 1) | (rng.random(size) < 0.2), len(STAGES) - 1, step + 1)
    entered, left = (np.minimum(one, _END_US).ravel()[:size] for one in (ends - spans, ends))
    lasts = left == _END_US
    who = rng.integers(PEOPLE, size=cases).repeat(PER_CASE)[:size]
    instants = pa.timestamp("us", "UTC")
    table = pa.table({
        "case": np.arange(size) // PER_CASE, "stage": _names(step, STAGES),
        "entered": pa.array(entered).cast(instants), "left": pa.array(left, mask=lasts).cast(instants),
        "next": _names(then, STAGES, lasts), "who": _names(who, [f"p{n:02}" for n in range(PEOPLE)]),
        "seq": np.arange(size),
    })  # fmt: skip
    parquet.write_table(table, folder / FILE, row_group_size=1 << 19, compression="zstd")


def _names(codes: Any, names: Any, missing: Any = None) -> Any:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=missing), list(names)).cast(pa.string())


def _equal(ours: Any, theirs: Any) -> None:
    assert theirs == ours


def _ours(folder: Path, *, rows: int) -> Run:
    layout = Layout(
        case="case", stage="stage", entered="entered", left="left", next="next", who="who", as_of=END
    )  # fmt: skip
    metric = Conversion(StageOrder.given(STAGES))
    return lambda: gather(metric, ParquetBlocks(folder / FILE, layout, rows=rows)).state


def _our_counts(counts: Any) -> dict[Any, int]:
    return {tuple(key): n for *key, n in counts.table()}


def _polars(folder: Path, *, engine: Any) -> Run:
    import polars as pl

    days = (pl.col("left").fill_null(END) - pl.col("entered")).dt.total_days().alias("days")
    query = pl.scan_parquet(folder / FILE).group_by("who", "stage", "next", days).len()
    return lambda: query.collect(engine=engine).rows()


def _duckdb(folder: Path) -> Run:
    import duckdb

    days = f'(coalesce(epoch_us("left"), {_END_US}) - epoch_us(entered)) // {_DAY_US}'
    query = f"""select who, stage, "next", {days} as days, count(*) from read_parquet('{folder / FILE}') group by all"""  # noqa: S608 - our own
    base = duckdb.connect()
    base.execute("set threads = 1")
    return lambda: base.execute(query).fetchall()


def _rows(rows: Any) -> dict[Any, int]:
    return {tuple(key): n for *key, n in rows}


def _pandas(folder: Path) -> Run:
    import pandas as pd

    def run() -> Any:
        frame = pd.read_parquet(folder / FILE, columns=["who", "stage", "next", "entered", "left"])
        days = (frame["left"].fillna(END) - frame["entered"]).dt.days.rename("days")
        return frame.groupby(["who", "stage", "next", days], dropna=False, observed=True).size()

    return run


def _pandas_rows(sizes: Any) -> dict[Any, int]:
    plain = ((*(None if one != one else one for one in key[:3]), key[3]) for key in sizes.index)  # noqa: PLR0124 - NaN
    return dict(zip(plain, sizes.tolist(), strict=True))
