"""What follows what, which ways cases take, and which moves were not allowed: beside pm4py, polars and duckdb.

pm4py is under the AGPL: it is measured here where somebody has installed it, and imported nowhere else.
"""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness import Comparison, Contender, Run

from crmkit.journal import OPEN, Coded, Journal
from crmkit.pipeline import Pipeline, Stage
from crmkit.pipeline.conform import conform
from crmkit.pipeline.flow import directly_follows, variants

EVENTS, MORE_EVENTS, QUICK_EVENTS = 1_000_000, 5_000_000, 3_000
STAGES = ("lead", "qualified", "proposal", "negotiation", "contract", "won", "lost")
WON, LOST = 5, 6
PEOPLE = tuple(f"p{number:02}" for number in range(50))
COLUMNS = ("case", "stage", "who", "at")
SECOND = 1_000_000
START = 1_700_000_000

DEALS = Pipeline(
    "deals",
    [*STAGES[:WON], Stage("won", "won"), Stage("lost", "lost")],
    {
        stage: {"on": STAGES[code + 1], "lose": "lost", **({"back": STAGES[code - 1]} if code else {})}
        for code, stage in enumerate(STAGES[:WON])
    },
)


def comparisons(*, quick: bool) -> list[Comparison]:
    """Three tasks on coded columns, in two sizes, and one on texts as an export has them."""
    tasks = (
        ("what follows what, with times, from coded columns", _edges()),
        ("variants, from coded columns", _ways()),
        ("moves that are not allowed, and a verdict on each case, from coded columns", _moves()),
    )
    texts = ("what follows what, with times, from texts in order of time", _texts())
    small, large = (QUICK_EVENTS, ()) if quick else (EVENTS, tasks)
    return [
        Comparison(what, size, "events", partial(_write, size=size), contenders, _equal)
        for size, listed in ((small, (*tasks, texts)), (MORE_EVENTS, large))
        for what, contenders in listed
    ]


def _write(folder: Path, *, size: int) -> None:
    """A sales log: skips, moves back, hand-overs, a fifth of the cases open; in order of time."""
    rng = np.random.default_rng(2026)
    cases = size // 5
    stage, at, who = np.zeros(cases, np.int64), START + rng.integers(0, 365 * 86_400, cases), rng.integers(0, 50, cases)
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
    columns = (case.astype(np.int32), stage.astype(np.int32), who.astype(np.int32), at * SECOND)
    for name, column in zip(COLUMNS, columns, strict=True):
        np.save(folder / f"{name}.npy", column[order] if name != "at" else column[order] + _apart(at[order]))


def _apart(at: Any) -> Any:
    """Microseconds that tell events of one second apart, so that every library reads one order."""
    first = np.flatnonzero(np.append(True, at[1:] != at[:-1]))
    return np.arange(len(at)) - np.repeat(first, np.diff(first, append=len(at)))


def _load(folder: Path) -> list[Any]:
    return [np.load(folder / f"{name}.npy") for name in COLUMNS]


def _equal(ours: Any, theirs: Any) -> None:
    assert theirs.keys() == ours.keys(), (len(ours), len(theirs))
    for key, value in ours.items():
        assert np.allclose(value, theirs[key], rtol=1e-9, atol=1e-6), (key, value, theirs[key])


# -- the forms in which each library holds the log


def _journal(folder: Path) -> Journal:
    """The stays, as the machine writes them and as `Journal.from_frame` leaves them: case by case."""
    case, stage, who, at = _load(folder)
    order = np.lexsort((at, case))
    case, stage, who, at = case[order], stage[order], who[order], at[order]
    last = np.append(case[1:] != case[:-1], True)
    left, then = np.where(last, OPEN, np.roll(at, -1)), np.where(last, -1, np.roll(stage, -1)).astype(np.int32)
    names = tuple(map(str, range(int(case.max()) + 1)))
    return Journal(Coded(case, names), Coded(stage, STAGES), at, left, then, Coded(who, PEOPLE), int(at.max()))


def _pandas(folder: Path) -> Any:
    import pandas as pd

    case, stage, who, at = _load(folder)
    return pd.DataFrame({
        "case": pd.Series(case).astype(str), "stage": np.array(STAGES, object)[stage],
        "who": np.array(PEOPLE, object)[who], "at": pd.to_datetime(at, unit="us", utc=True),
    })  # fmt: skip


def _formatted(folder: Path) -> Any:
    import pm4py

    return pm4py.format_dataframe(_pandas(folder), case_id="case", activity_key="stage", timestamp_key="at")


def _polars(folder: Path) -> Any:
    return _small(folder).lazy()


def _small(folder: Path) -> Any:
    import polars as pl

    case, stage, who, at = _load(folder)
    columns = {"case": case, "stage": stage.astype(np.uint8), "who": who.astype(np.uint8), "at": at}
    return pl.DataFrame(columns).sort("case", "at")


def _duckdb(folder: Path) -> Any:
    import duckdb

    connection = duckdb.connect()
    connection.register("given", _small(folder).to_arrow())
    connection.execute('create table log as select "case" as id, stage, who, "at" as t from given order by id, t')
    connection.unregister("given")
    return connection


# -- what follows what: count, mean, median, least and most of each edge, in days


def _edges() -> list[Contender]:
    return [
        Contender("crmkit", _our_edges, _our_plain),
        Contender("pm4py", _pm4py_edges, _pm4py_plain, "formatted frame"),
        Contender("polars", _polars_edges, _rows_plain, "lazy, small integers, sorted"),
        Contender("duckdb", _duckdb_edges, _rows_plain, "small integers, sorted"),
    ]


def _texts() -> list[Contender]:
    return [
        Contender("crmkit", _our_texts, _our_plain),
        Contender("pm4py", _pm4py_texts, _pm4py_plain),
        Contender("polars", _polars_texts, _named_plain, "lazy"),
        Contender("duckdb", _duckdb_texts, _named_plain),
    ]


def _our_edges(folder: Path) -> Run:
    journal = _journal(folder)
    return lambda: directly_follows(journal)


def _our_texts(folder: Path) -> Run:
    frame = _arrow(folder)
    return lambda: directly_follows(Journal.from_frame(frame, case="case", stage="stage", at="at"))


def _arrow(folder: Path) -> Any:
    return _named(folder).to_arrow()


def _our_plain(graph: Any) -> dict[Any, Any]:
    return {(row.stage, row.next): (row.n, row.mean, row.median, row.shortest, row.longest) for row in graph}


def _pm4py_edges(folder: Path) -> Run:
    import pm4py

    frame = _formatted(folder)
    return lambda: pm4py.discover_performance_dfg(frame)[0]


def _pm4py_texts(folder: Path) -> Run:
    import pm4py

    given = _pandas(folder)

    def run() -> Any:
        frame = pm4py.format_dataframe(given.copy(), case_id="case", activity_key="stage", timestamp_key="at")
        return pm4py.discover_performance_dfg(frame)[0]

    return run


def _pm4py_plain(times: Any) -> dict[Any, Any]:
    # It does not say how often, but the sum and the mean do.
    return {
        edge: (round(of["sum"] / of["mean"]), *(of[name] / 86_400 for name in ("mean", "median", "min", "max")))
        for edge, of in times.items()
    }


def _aggregated(frame: Any) -> Any:
    import polars as pl

    took, then = pl.col("at").shift(-1) - pl.col("at"), pl.col("stage").shift(-1).alias("next")
    same = pl.col("case") == pl.col("case").shift(-1)
    return (
        frame.select("stage", then, took.alias("took"), same.alias("same")).filter("same").group_by("stage", "next")
        .agg(
            pl.len(), pl.mean("took"), pl.median("took").alias("median"), pl.min("took").alias("least"),
            pl.max("took").alias("most"),
        )
    )  # fmt: skip


def _polars_edges(folder: Path) -> Run:
    frame = _polars(folder)
    return lambda: _aggregated(frame).collect().rows()


def _named(folder: Path) -> Any:
    import polars as pl

    case, stage, who, at = _load(folder)
    return pl.DataFrame({
        "case": pl.Series(case).cast(pl.String), "stage": pl.Series(np.array(STAGES, object)[stage], dtype=pl.String),
        "who": pl.Series(np.array(PEOPLE, object)[who], dtype=pl.String),
        "at": pl.Series(at).cast(pl.Datetime("us", "UTC")),
    })  # fmt: skip


def _polars_texts(folder: Path) -> Run:
    import polars as pl

    frame = _named(folder).lazy()
    # Codes are sorted and compared faster than texts; polars gets them for itself here, as crmkit does.
    coded = frame.with_columns(pl.col("case").cast(pl.Categorical).to_physical(), pl.col("stage").cast(pl.Categorical))
    return lambda: _aggregated(coded.sort("case", "at").with_columns(pl.col("at").to_physical())).collect().rows()


_SQL = """
    select stage, next, count(*), avg(took), median(took), min(took), max(took) from (
        select stage, lead(stage) over w as next, lead(t) over w - t as took
        from log window w as (partition by id order by t)
    ) where next is not null group by stage, next
"""


def _duckdb_edges(folder: Path) -> Run:
    connection = _duckdb(folder)
    return lambda: connection.execute(_SQL).fetchall()


def _duckdb_texts(folder: Path) -> Run:
    import duckdb

    connection = duckdb.connect()
    connection.register("given", _arrow(folder))
    connection.execute('create table log as select "case" as id, stage, epoch_us("at") as t from given')
    connection.unregister("given")
    return lambda: connection.execute(_SQL).fetchall()


def _named_plain(rows: Any) -> dict[Any, Any]:
    return {(a, b): (n, *(time / 86_400e6 for time in times)) for a, b, n, *times in rows}


def _rows_plain(rows: Any) -> dict[Any, Any]:
    return _named_plain((STAGES[a], STAGES[b], *rest) for a, b, *rest in rows)


# -- variants


def _ways() -> list[Contender]:
    return [
        Contender("crmkit", _our_ways, lambda found: {row.stages: row.n for row in found}),
        Contender("pm4py", _pm4py_ways, dict, "formatted frame"),
        Contender("polars", _polars_ways, _coded_ways, "lazy, small integers, sorted"),
        Contender("duckdb", _duckdb_ways, _coded_ways, "small integers, sorted"),
    ]


def _our_ways(folder: Path) -> Run:
    journal = _journal(folder)
    return lambda: variants(journal)


def _pm4py_ways(folder: Path) -> Run:
    import pm4py

    frame = _formatted(folder)
    return lambda: pm4py.get_variants(frame)


def _polars_ways(folder: Path) -> Run:
    import polars as pl

    frame = _polars(folder)
    way = pl.col("stage").cast(pl.String).str.join("")
    return lambda: frame.group_by("case").agg(way).group_by("stage").len().collect().rows()


def _duckdb_ways(folder: Path) -> Run:
    connection = _duckdb(folder)
    query = (
        "select way, count(*) from (select string_agg(stage, '' order by t) as way from log group by id) group by way"
    )
    return lambda: connection.execute(query).fetchall()


def _coded_ways(rows: Any) -> dict[Any, int]:
    return {tuple(STAGES[int(digit)] for digit in way): n for way, n in rows}


# -- conformance: the moves that the definition lacks; and cases that deviate, are open, are closed


def _moves() -> list[Contender]:
    return [
        Contender("crmkit", _our_moves, _our_deviations),
        Contender("pm4py", _pm4py_moves, dict, "edges compared, no verdicts, formatted frame"),
        Contender("polars", _polars_moves, _row_deviations, "lazy, small integers, sorted"),
        Contender("duckdb", _duckdb_moves, _row_deviations, "small integers, sorted"),
    ]


def _allowed() -> list[int]:
    code = {name: number for number, name in enumerate(STAGES)}
    return [code[origin] * 16 + code[move.to] for origin, moves in DEALS.moves.items() for move in moves.values()]


def _our_moves(folder: Path) -> Run:
    journal = _journal(folder)
    return lambda: conform(journal, DEALS)


def _our_deviations(found: Any) -> dict[Any, int]:
    rows = found.to_dict()
    return dict(Counter(pair for pair in zip(rows["stage"], rows["next"], strict=True) if pair[1] is not None))


def _pm4py_moves(folder: Path) -> Run:
    import pm4py

    frame, allowed = _formatted(folder), {(STAGES[pair // 16], STAGES[pair % 16]) for pair in _allowed()}
    # The cheapest that finds illegal moves; replay of a Petri net takes some ten times as long.
    return lambda: {edge: n for edge, n in pm4py.discover_dfg(frame)[0].items() if edge not in allowed}


def _polars_moves(folder: Path) -> Run:
    import polars as pl

    pair = pl.col("stage").cast(pl.UInt8) * 16 + pl.col("stage").shift(-1)
    same = pl.col("case") == pl.col("case").shift(-1)
    judged = _polars(folder).with_columns(
        pair.alias("pair"), (same & ~pair.is_in(_allowed())).fill_null(False).alias("bad")
    )
    verdicts = judged.group_by("case").agg(pl.any("bad"), pl.last("stage") >= WON).group_by("bad", "stage").len()
    return lambda: pl.collect_all([judged.filter("bad").select("case", "at", "pair"), verdicts])


def _duckdb_moves(folder: Path) -> Run:
    connection = _duckdb(folder)
    allowed = ", ".join(map(str, _allowed()))
    judged = f"""
        create or replace temp table judged as
        select id, t, stage, pair, pair is not null and pair not in ({allowed}) as bad from (
            select id, t, stage, stage::int * 16 + lead(stage) over (partition by id order by t) as pair from log
        )
    """  # noqa: S608 - numbers of our own
    verdicts = f"select bad, shut, count(*) from (select bool_or(bad) as bad, arg_max(stage, t) >= {WON} as shut from judged group by id) group by all"  # noqa: S608, E501 - likewise

    def run() -> Any:
        connection.execute(judged)
        found = connection.execute("select id, t, pair from judged where bad").fetchnumpy()
        return found, connection.execute(verdicts).fetchall()

    return run


def _row_deviations(found: Any) -> dict[Any, int]:
    codes, counts = np.unique(np.asarray(found[0]["pair"]), return_counts=True)
    return {(STAGES[code // 16], STAGES[code % 16]): n for code, n in zip(codes.tolist(), counts.tolist(), strict=True)}
