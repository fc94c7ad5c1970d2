"""From a CSV file of events to stays, beside pandas and polars.

crmkit also finds out the encoding and the delimiter, keeps a finding for every row it cannot use, and needs no schema.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness import Comparison, Contender, Run

from crmkit.journal import Journal

EVENTS, QUICK_EVENTS = 1_000_000, 3_000
PER_CASE = 6
STAGES = ("lead", "qualified", "proposal", "negotiation", "contract", "won")
COLUMNS = {"case": "case", "stage": "stage", "at": "at", "who": "who"}


def comparisons(*, quick: bool) -> list[Comparison]:
    """A file in the order of time, as systems export it."""
    size = QUICK_EVENTS if quick else EVENTS
    return [
        Comparison(
            "CSV of events to stays", size, "rows", partial(_write, size=size),
            [Contender("crmkit", _ours, _our_totals),
             Contender("pandas", partial(_pandas, engine="c"), _pandas_totals, "engine c"),
             Contender("pandas", partial(_pandas, engine="pyarrow"), _pandas_totals, "engine pyarrow", "pyarrow"),
             Contender("polars", _polars, _polars_totals, "texts"),
             Contender("polars", partial(_polars, category=True), _polars_totals, "categories")],
            _equal,
        )
    ]  # fmt: skip


def _write(folder: Path, *, size: int) -> None:
    rng = np.random.default_rng(2026)
    cases = size // PER_CASE + 1
    case = np.repeat(np.arange(cases), PER_CASE)[:size]
    stage = np.tile(rng.permuted(np.tile(np.arange(len(STAGES)), (50, 1)), axis=1), (cases // 50 + 1, 1)).ravel()[:size]
    # Whole seconds, and never two events of a case in the same one.
    opened = np.datetime64("2024-01-01", "s") + rng.integers(0, 365 * 86_400, cases)
    at = opened[case] + np.cumsum(rng.integers(60, 20 * 86_400, (cases, PER_CASE)), axis=1).ravel()[:size]
    order = np.argsort(at, kind="stable")
    who = rng.integers(40, size=cases)[case]
    rows = zip(
        case[order].tolist(), stage[order].tolist(), np.datetime_as_string(at[order]), who[order].tolist(), strict=True
    )
    with (folder / "events.csv").open("w", encoding="utf-8", newline="") as file:
        file.write("case,stage,at,who\n")
        file.writelines(f"D-{c:07},{STAGES[s]},{t}Z,p{w:02}\n" for c, s, t, w in rows)


def _equal(ours: Any, theirs: Any) -> None:
    assert theirs == ours


def _ours(folder: Path) -> Run:
    def run() -> Any:
        with (folder / "events.csv").open("rb") as file:
            return Journal.from_csv(file, **COLUMNS)

    return run


def _our_totals(journal: Journal) -> Any:
    """How many stays there are, how many of them last, and the microseconds of those that have ended."""
    assert not journal.findings
    return len(journal), int(journal.open.sum()), int((journal.left - journal.entered)[~journal.open].sum())


def _pandas(folder: Path, *, engine: str) -> Run:
    import pandas as pd

    def run() -> Any:
        frame = pd.read_csv(folder / "events.csv", engine=engine)
        # `parse_dates` takes twice as long as this; where the engine has seen that they are times it takes nothing.
        frame["at"] = pd.to_datetime(frame["at"], format="ISO8601", cache=False)
        frame = frame.sort_values("at", kind="stable")
        groups = frame.groupby("case", sort=False)
        return frame.assign(left=groups["at"].shift(-1), next=groups["stage"].shift(-1))

    return run


def _pandas_totals(frame: Any) -> Any:
    spans = (frame["left"] - frame["at"]).dropna()
    return len(frame), int(frame["left"].isna().sum()), int(spans.dt.total_seconds().sum()) * 1_000_000


def _polars(folder: Path, *, category: bool = False) -> Run:
    import polars as pl

    kinds = dict.fromkeys(("case", "stage", "who"), pl.Categorical if category else pl.String)

    def run() -> Any:
        frame = pl.read_csv(folder / "events.csv", schema_overrides=kinds, try_parse_dates=True)
        frame = frame.sort("case", "at")
        goes_on = pl.col("case") == pl.col("case").shift(-1)
        return frame.with_columns(
            left=pl.when(goes_on).then(pl.col("at").shift(-1)), next=pl.when(goes_on).then(pl.col("stage").shift(-1))
        )

    return run


def _polars_totals(frame: Any) -> Any:
    spans = (frame["left"] - frame["at"]).dt.total_microseconds()
    return len(frame), frame["left"].null_count(), int(spans.sum())
