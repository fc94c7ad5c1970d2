"""What follows what, and which ways cases take."""

from pathlib import Path
from typing import Any

import numpy as np
from harness import Contender, Run
from process_log import STAGES, duckdb_of, formatted, journal_of, named_of, pandas_of, polars_of

from crmkit.journal import Journal
from crmkit.pipeline.flow import directly_follows, variants


def equal(ours: Any, theirs: Any) -> None:
    assert theirs.keys() == ours.keys(), (len(ours), len(theirs))
    for key, value in ours.items():
        assert np.allclose(value, theirs[key], rtol=1e-9, atol=1e-6), (key, value, theirs[key])


# -- what follows what: count, mean, median, least and most of each edge, in days


def edges() -> list[Contender]:
    return [
        Contender("crmkit", _our_edges, _our_plain),
        Contender("pm4py", _pm4py_edges, _pm4py_plain, "formatted frame"),
        Contender("polars", _polars_edges, _rows_plain, "lazy, small integers, sorted"),
        Contender("duckdb", _duckdb_edges, _rows_plain, "small integers, sorted"),
    ]


def texts() -> list[Contender]:
    return [
        Contender("crmkit", _our_texts, _our_plain),
        Contender("pm4py", _pm4py_texts, _pm4py_plain),
        Contender("polars", _polars_texts, _named_plain, "lazy"),
        Contender("duckdb", _duckdb_texts, _named_plain),
    ]


def _our_edges(folder: Path) -> Run:
    journal = journal_of(folder)
    return lambda: directly_follows(journal)


def _our_texts(folder: Path) -> Run:
    frame = named_of(folder).to_arrow()
    return lambda: directly_follows(Journal.from_frame(frame, case="case", stage="stage", at="at"))


def _our_plain(graph: Any) -> dict[Any, Any]:
    return {(row.stage, row.next): (row.n, row.mean, row.median, row.shortest, row.longest) for row in graph}


def _pm4py_edges(folder: Path) -> Run:
    import pm4py

    frame = formatted(folder)
    return lambda: pm4py.discover_performance_dfg(frame)[0]


def _pm4py_texts(folder: Path) -> Run:
    import pm4py

    given = pandas_of(folder)

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
    frame = polars_of(folder).lazy()
    return lambda: _aggregated(frame).collect().rows()


def _polars_texts(folder: Path) -> Run:
    import polars as pl

    frame = named_of(folder).lazy()
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
    connection = duckdb_of(polars_of(folder))
    return lambda: connection.execute(_SQL).fetchall()


def _duckdb_texts(folder: Path) -> Run:
    import duckdb

    connection = duckdb.connect()
    connection.register("given", named_of(folder).to_arrow())
    connection.execute('create table log as select "case" as id, stage, epoch_us("at") as t from given')
    connection.unregister("given")
    return lambda: connection.execute(_SQL).fetchall()


def _named_plain(rows: Any) -> dict[Any, Any]:
    return {(a, b): (n, *(time / 86_400e6 for time in times)) for a, b, n, *times in rows}


def _rows_plain(rows: Any) -> dict[Any, Any]:
    return _named_plain((STAGES[a], STAGES[b], *rest) for a, b, *rest in rows)


# -- variants


def ways() -> list[Contender]:
    return [
        Contender("crmkit", _our_ways, lambda found: {row.stages: row.n for row in found}),
        Contender("pm4py", _pm4py_ways, dict, "formatted frame"),
        Contender("polars", _polars_ways, _coded_ways, "lazy, small integers, sorted"),
        Contender("duckdb", _duckdb_ways, _coded_ways, "small integers, sorted"),
    ]


def _our_ways(folder: Path) -> Run:
    journal = journal_of(folder)
    return lambda: variants(journal)


def _pm4py_ways(folder: Path) -> Run:
    import pm4py

    frame = formatted(folder)
    return lambda: pm4py.get_variants(frame)


def _polars_ways(folder: Path) -> Run:
    import polars as pl

    frame = polars_of(folder).lazy()
    way = pl.col("stage").cast(pl.String).str.join("")
    return lambda: frame.group_by("case").agg(way).group_by("stage").len().collect().rows()


def _duckdb_ways(folder: Path) -> Run:
    connection = duckdb_of(polars_of(folder))
    query = (
        "select way, count(*) from (select string_agg(stage, '' order by t) as way from log group by id) group by way"
    )
    return lambda: connection.execute(query).fetchall()


def _coded_ways(rows: Any) -> dict[Any, int]:
    return {tuple(STAGES[int(digit)] for digit in way): n for way, n in rows}
