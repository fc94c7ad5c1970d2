"""Who moves cases from where to where, beside the frame libraries and a database."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness import Comparison, Contender, Run

from crmkit.journal import OPEN, Coded, Journal
from crmkit.metrics.conversion import transitions

STAYS, QUICK_STAYS = 10_000_000, 20_000
PEOPLE, STAGES = 40, 8
WHO = tuple(f"p{i:02}" for i in range(PEOPLE))
NAMES = tuple(f"s{i}" for i in range(STAGES))
COLUMNS = ("who", "stage", "next")


def comparisons(*, quick: bool) -> list[Comparison]:
    """Counts over person, stage and next stage; rows as they arrive, and rows sorted by person and stage."""
    size = QUICK_STAYS if quick else STAYS
    contenders = [
        Contender("crmkit", _ours, _our_counts),
        Contender("polars", _polars_codes, _code_counts, "lazy, small integers"),
        Contender("polars", _polars_names, _name_counts, "lazy, Enum"),
        Contender("polars, key packed by hand", _polars_packed, _packed_counts, "lazy", "polars"),
        Contender("pandas", _pandas, _pandas_counts, "categories"),
        Contender("duckdb", _duckdb, _row_counts, "ENUM"),
    ]
    return [
        Comparison(
            f"stage to next stage, {PEOPLE} persons, {STAGES} stages, rows {order}", size, "stays",
            partial(_write, size=size, in_order=in_order), contenders, _equal,
        )
        for order, in_order in (("as they arrive", False), ("sorted by the key", True))
    ]  # fmt: skip


def _write(folder: Path, *, size: int, in_order: bool) -> None:
    rng = np.random.default_rng(2026)
    who, stage = rng.integers(PEOPLE, size=size), rng.integers(STAGES, size=size)
    ahead = np.where(rng.random(size) < 0.6, np.minimum(stage + 1, STAGES - 1), rng.integers(STAGES, size=size))
    then = np.where(rng.random(size) < 0.2, -1, ahead)
    order = np.lexsort((then, stage, who)) if in_order else slice(None)
    for name, column in zip(COLUMNS, (who, stage, then), strict=True):
        np.save(folder / f"{name}.npy", column[order].astype(np.int32))


def _load(folder: Path) -> list[Any]:
    return [np.load(folder / f"{name}.npy") for name in COLUMNS]


def _equal(ours: Any, theirs: Any) -> None:
    assert theirs == ours


def _ours(folder: Path) -> Run:
    who, stage, then = _load(folder)
    # The peers hold the three columns they count over; the rest of the journal is of no size either.
    one, none = np.broadcast_to(np.int32(0), who.shape), np.broadcast_to(np.int64(0), who.shape)
    left = np.broadcast_to(np.int64(OPEN), who.shape)
    journal = Journal(Coded(one, ("c",)), Coded(stage, NAMES), none, left, then, Coded(who, WHO), 0)
    return lambda: transitions(journal)


def _our_counts(counts: Any) -> dict[Any, int]:
    return {key: n for *key_and_bin, n in counts.table() if (key := tuple(key_and_bin[:-1]))}


def _polars_codes(folder: Path) -> Run:
    # Lazily polars counts three times as fast as eagerly.
    frame = _small(folder).lazy()
    return lambda: frame.group_by(COLUMNS).len().collect()


def _polars_packed(folder: Path) -> Run:
    import polars as pl

    frame, after = _small(folder).lazy(), STAGES + 1
    key = (pl.col("who").cast(pl.UInt16) * after + pl.col("stage")) * after + pl.col("next")
    return lambda: frame.group_by(key.alias("key")).len().collect()


def _small(folder: Path) -> Any:
    import polars as pl

    # The open stays get a code of their own: a column without nulls is counted faster.
    columns = zip(COLUMNS, _load(folder), strict=True)
    return pl.DataFrame({name: np.where(codes < 0, STAGES, codes).astype(np.uint8) for name, codes in columns})


def _code_counts(frame: Any) -> dict[Any, int]:
    names = (*NAMES, None)
    return {(WHO[who], names[stage], names[then]): n for who, stage, then, n in frame.rows()}


def _packed_counts(frame: Any) -> dict[Any, int]:
    names = (*NAMES, None)
    unpacked = ((divmod(key, len(names)), n) for key, n in frame.rows())
    return {(WHO[rest // len(names)], names[rest % len(names)], names[then]): n for (rest, then), n in unpacked}


def _polars_names(folder: Path) -> Run:
    import polars as pl

    dictionaries = zip(COLUMNS, _load(folder), (WHO, NAMES, NAMES), strict=True)
    frame = pl.DataFrame(
        [
            pl.Series(name, codes).replace_strict({-1: None, **dict(enumerate(texts))}, return_dtype=pl.Enum(texts))
            for name, codes, texts in dictionaries
        ]
    ).lazy()
    return lambda: frame.group_by(COLUMNS).len().collect()


def _name_counts(frame: Any) -> dict[Any, int]:
    return {tuple(key): n for *key, n in frame.rows()}


def _pandas(folder: Path) -> Run:
    frame = _categories(folder)
    return lambda: frame.groupby([*COLUMNS], observed=True, dropna=False, sort=False).size()


def _categories(folder: Path) -> Any:
    import pandas as pd

    dictionaries = zip(COLUMNS, _load(folder), (WHO, NAMES, NAMES), strict=True)
    return pd.DataFrame({name: pd.Categorical.from_codes(codes, texts) for name, codes, texts in dictionaries})


def _pandas_counts(sizes: Any) -> dict[Any, int]:
    return {tuple(None if part != part else part for part in key): n for key, n in sizes.items()}  # noqa: PLR0124 - NaN


def _duckdb(folder: Path) -> Run:
    import duckdb

    connection = duckdb.connect()
    connection.register("given", _categories(folder))
    for name, texts in zip(COLUMNS, (WHO, NAMES, NAMES), strict=True):
        connection.execute(f"create type {name}_names as enum {texts}")
    connection.execute(
        "create table stays as"
        " select who::who_names as who, stage::stage_names as stage, next::next_names as next from given"
    )
    connection.unregister("given")
    return lambda: connection.execute("select who, stage, next, count(*) from stays group by all").fetchall()


def _row_counts(rows: Any) -> dict[Any, int]:
    return {tuple(key): n for *key, n in rows}
