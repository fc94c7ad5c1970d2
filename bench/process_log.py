"""A sales log, and the forms in which each library holds it."""

from pathlib import Path
from typing import Any

import numpy as np

from crmkit.journal import OPEN, Coded, Journal
from crmkit.pipeline import Pipeline, Stage

STAGES = ("lead", "qualified", "proposal", "negotiation", "contract", "won", "lost")
WON, LOST = 5, 6
PEOPLE = tuple(f"p{number:02}" for number in range(50))
DAY = 86_400_000_000
_COLUMNS = ("case", "stage", "who", "at")
_SECOND = 1_000_000
_START = 1_700_000_000

DEALS = Pipeline(
    "deals",
    [*STAGES[:WON], Stage("won", "won"), Stage("lost", "lost")],
    {
        stage: {"on": STAGES[code + 1], "lose": "lost", **({"back": STAGES[code - 1]} if code else {})}
        for code, stage in enumerate(STAGES[:WON])
    },
)


def write(folder: Path, *, size: int) -> None:
    """A sales log: skips, moves back, hand-overs, a fifth of the cases open; in order of time."""
    rng = np.random.default_rng(2026)
    cases = size // 5
    stage, at, who = (
        np.zeros(cases, np.int64), _START + rng.integers(0, 365 * 86_400, cases), rng.integers(0, 50, cases),
    )  # fmt: skip
    going, parts = np.arange(cases), []
    open_ = rng.random(cases) < 0.2
    while len(going) and sum(len(part[0]) for part in parts) < size:
        parts.append((going, stage[going], who[going], at[going]))
        luck = rng.random(len(going))
        step = np.select([luck < 0.15, luck < 0.65, luck < 0.75], [WON + 1, 1, 2], -1)
        after = np.where(step > WON, LOST, np.clip(stage[going] + step, 0, WON))
        stays = (stage[going] >= WON) | (open_[going] & (rng.random(len(going)) < 0.25))
        stage[going] = after
        at[going] += 1 + (rng.exponential(5 * 86_400, len(going))).astype(np.int64)
        who[going] = np.where(rng.random(len(going)) < 0.1, rng.integers(0, 50, len(going)), who[going])
        going = going[~stays]
    case, stage, who, at = (np.concatenate(column)[:size] for column in zip(*parts, strict=True))
    order = np.lexsort((case, at))
    columns = (case.astype(np.int32), stage.astype(np.int32), who.astype(np.int32), at * _SECOND)
    for name, column in zip(_COLUMNS, columns, strict=True):
        np.save(folder / f"{name}.npy", column[order] if name != "at" else column[order] + _apart(at[order]))


def _apart(at: Any) -> Any:
    """Microseconds that tell events of one second apart, so that every library reads one order."""
    first = np.flatnonzero(np.append(True, at[1:] != at[:-1]))
    return np.arange(len(at)) - np.repeat(first, np.diff(first, append=len(at)))


def _load(folder: Path) -> list[Any]:
    return [np.load(folder / f"{name}.npy") for name in _COLUMNS]


def journal_of(folder: Path) -> Journal:
    """The stays, as the machine writes them and as `Journal.from_frame` leaves them: case by case."""
    case, stage, who, at = _load(folder)
    order = np.lexsort((at, case))
    case, stage, who, at = case[order], stage[order], who[order], at[order]
    last = np.append(case[1:] != case[:-1], True)
    left, then = np.where(last, OPEN, np.roll(at, -1)), np.where(last, -1, np.roll(stage, -1)).astype(np.int32)
    names = tuple(map(str, range(int(case.max()) + 1)))
    return Journal(Coded(case, names), Coded(stage, STAGES), at, left, then, Coded(who, PEOPLE), int(at.max()))


def pandas_of(folder: Path) -> Any:
    """The events in texts, for pandas."""
    import pandas as pd

    case, stage, who, at = _load(folder)
    return pd.DataFrame({
        "case": pd.Series(case).astype(str), "stage": np.array(STAGES, object)[stage],
        "who": np.array(PEOPLE, object)[who], "at": pd.to_datetime(at, unit="us", utc=True),
    })  # fmt: skip


def formatted(folder: Path, *, joined: bool = False) -> Any:
    """The events as pm4py wants them.

    Args:
        folder: where the log is.
        joined: whether an activity is a person and a stage: pm4py does not tell people apart in a stage.
    """
    import pm4py

    frame = pandas_of(folder)
    if joined:
        frame["stage"] = frame["who"] + "|" + frame["stage"]
    return pm4py.format_dataframe(frame, case_id="case", activity_key="stage", timestamp_key="at")


def polars_of(folder: Path) -> Any:
    """The events in small integers, case by case, for polars."""
    import polars as pl

    case, stage, who, at = _load(folder)
    columns = {"case": case, "stage": stage.astype(np.uint8), "who": who.astype(np.uint8), "at": at}
    return pl.DataFrame(columns).sort("case", "at")


def stays_of(folder: Path) -> Any:
    """The stays in small integers, case by case, as a journal holds them, for polars."""
    import polars as pl

    journal = journal_of(folder)
    columns = {
        "case": journal.cases.codes, "stage": journal.stages.codes.astype(np.uint8),
        "next": journal.next.astype(np.int8), "who": journal.who.codes.astype(np.int8),
        "at": journal.entered, "left": journal.left,
    }  # fmt: skip
    return pl.DataFrame(columns).with_columns(pl.col("case").set_sorted())


def duckdb_of(frame: Any) -> Any:
    """A database with a frame as its table `log`."""
    import duckdb

    connection = duckdb.connect()
    connection.register("given", frame.to_arrow())
    connection.execute('create table log as select * rename ("case" as id, "at" as t) from given order by id, t')
    connection.unregister("given")
    return connection


def named_of(folder: Path) -> Any:
    """The events in texts, in order of time, for polars."""
    import polars as pl

    case, stage, who, at = _load(folder)
    return pl.DataFrame({
        "case": pl.Series(case).cast(pl.String), "stage": pl.Series(np.array(STAGES, object)[stage], dtype=pl.String),
        "who": pl.Series(np.array(PEOPLE, object)[who], dtype=pl.String),
        "at": pl.Series(at).cast(pl.Datetime("us", "UTC")),
    })  # fmt: skip
