"""Two judgements of a log: what deviates from the definition, and who brings deals forward.

pm4py knows neither open cases nor people; it stands here with the part of the work that it can do.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from harness import Contender, Run
from process_log import DAY, DEALS, LOST, PEOPLE, STAGES, WON, duckdb_of, formatted, journal_of, stays_of

from crmkit.metrics.conversion import conversion
from crmkit.pipeline.conform import conform

_FRAME = "small integers, sorted"
_BESIDES = ("wrong start", "time order")


def alike(ours: Any, theirs: Any) -> None:
    """What a peer finds is what crmkit finds; there are peers that find less."""
    for part, found in theirs.items():
        assert found.keys() == ours[part].keys(), (part, len(ours[part]), len(found))
        for key, value in found.items():
            assert np.allclose(value, ours[part][key], rtol=1e-9, atol=1e-9), (part, key, value, ours[part][key])


# -- conformance: deviations with kind, place, instant and person, order of times checked; three verdicts


def deviations() -> list[Contender]:
    """Of a journal's stays; pm4py compares the edges of its graph."""
    return [
        Contender("crmkit", _our_deviations, _our_findings),
        Contender("pm4py", _pm4py_deviations, lambda edges: {"moves": dict(edges)}, "edges only, formatted frame"),
        Contender("polars", _polars_deviations, _polars_findings, f"lazy, {_FRAME}"),
        Contender("duckdb", _duckdb_deviations, _duckdb_findings, _FRAME),
    ]


def _our_deviations(folder: Path) -> Run:
    journal = journal_of(folder)
    return lambda: conform(journal, DEALS)


def _our_findings(found: Any) -> dict[str, Any]:
    rows = found.to_dict()
    return {
        "moves": Counter(pair for pair in zip(rows["stage"], rows["next"], strict=True) if pair[1] is not None),
        "kinds": Counter(rows["kind"]),
        "people": Counter(who for who in rows["who"] if who is not None),
        "verdicts": found.counts,
    }


def _kinds() -> Any:
    """What each move is, by 8 times the stage plus that of the next one plus 1; 0 where it is declared or none."""
    kinds = np.zeros((len(STAGES), 8), np.int8)
    for origin, name in enumerate(STAGES):
        declared = {move.to for move in DEALS.moves.get(name, {}).values()}
        for to, then in enumerate(STAGES):
            if then not in declared:
                closes = to >= WON
                rank = to > origin or closes
                kinds[origin, to + 1] = (
                    _ILLEGAL if origin == to else _RESURRECTED if origin >= WON else _SKIP if rank else _BACKWARD
                )
    return kinds.ravel()


_KINDS = ("", "skip", "backward", "illegal move", "resurrected", *_BESIDES)
_SKIP, _BACKWARD, _ILLEGAL, _RESURRECTED, _START, _ORDER = range(1, len(_KINDS))


def _pm4py_deviations(folder: Path) -> Run:
    import pm4py

    frame, kinds = formatted(folder), _kinds()
    declared = {(a, b) for i, a in enumerate(STAGES) for j, b in enumerate(STAGES) if not kinds[8 * i + j + 1]}
    # The cheapest that finds illegal moves; replay of a Petri net takes some ten times as long.
    return lambda: {edge: n for edge, n in pm4py.discover_dfg(frame)[0].items() if edge not in declared}


def _polars_deviations(folder: Path) -> Run:
    import polars as pl

    frame, c = stays_of(folder).lazy(), pl.col
    pair = c("stage").cast(pl.UInt32) * 8 + (c("next") + 1).cast(pl.UInt32)
    ends = (c("case") != c("case").shift(-1)).fill_null(True)
    begins = (c("case") != c("case").shift(1)).fill_null(True)
    breaks = ~ends & ((c("at").shift(-1) != c("left")) | (c("stage").shift(-1) != c("next")))
    judged = frame.with_row_index("row").with_columns(
        pl.lit(pl.Series(_kinds())).gather(pair).alias("kind"),
        pl.when(ends).then(-1).otherwise(c("who").shift(-1)).alias("taker"),
        (begins & (c("stage") != 0)).alias("start"),
        ((c("left") < c("at")) | breaks).fill_null(False).alias("order"),
    )
    place, none, at = ("row", "case", "stage"), pl.lit(-1, pl.Int8).alias("next"), c("left").alias("at")
    start, order = (pl.lit(number, pl.Int8).alias("kind") for number in (_START, _ORDER))
    found = pl.concat([
        judged.filter(c("kind") != 0).select(*place, "next", at, c("taker").alias("who"), "kind"),
        judged.filter("start").select(*place, none, "at", "who", start),
        judged.filter("order").select(*place, "next", at, "who", order),
    ]).sort("row")  # fmt: skip
    deviates = ((c("kind") != 0) | c("start") | c("order")).any()
    verdicts = judged.group_by("case").agg(
        pl.when(deviates).then(2).when(c("stage").last() >= WON).then(0).otherwise(1).alias("verdict")
    )
    return lambda: pl.collect_all([found, verdicts])


def _polars_findings(found: Any) -> dict[str, Any]:
    rows, verdicts = found
    return _findings(
        *(rows[name].to_numpy() for name in ("stage", "next", "who", "kind")), verdicts["verdict"].to_numpy()
    )


def _findings(stage: Any, then: Any, who: Any, kind: Any, verdict: Any) -> dict[str, Any]:
    def counted(column: Any) -> list[tuple[int, int]]:
        codes, counts = np.unique(np.asarray(column), return_counts=True)
        return list(zip(codes.tolist(), counts.tolist(), strict=True))

    pairs = counted((np.asarray(stage).astype(np.int64) * 8 + then)[np.asarray(then) >= 0])
    names = ("conforming", "conforming so far", "deviating")
    return {
        "moves": {(STAGES[pair // 8], STAGES[pair % 8]): n for pair, n in pairs},
        "kinds": {_KINDS[code]: n for code, n in counted(kind)},
        "people": {PEOPLE[code]: n for code, n in counted(who) if code >= 0},
        "verdicts": {names[code]: n for code, n in counted(verdict)},
    }


def _duckdb_deviations(folder: Path) -> Run:
    connection = duckdb_of(stays_of(folder))
    judged = f"""
        create or replace temp table judged as
        select id, t, "left", stage, next, who, kind, taker, first and stage <> 0 as start,
            "left" < t or coalesce(after <> "left" or follower <> next, false) as disorder
        from (
            select *, ({_kinds().tolist()})[stage::int * 8 + next + 2] as kind, lead(t) over w as after,
                lead(stage) over w as follower, coalesce(lead(who) over w, -1) as taker,
                row_number() over w = 1 as first
            from log window w as (partition by id order by t)
        )
    """  # noqa: S608 - numbers of our own
    found = f"""
        select id, stage, next, "left" as t, taker as who, kind from judged where kind <> 0
        union all select id, stage, -1, t, who, {_START} from judged where start
        union all select id, stage, next, "left", who, {_ORDER} from judged where disorder
    """  # noqa: S608 - likewise
    verdicts = f"""
        select id, case when bool_or(kind <> 0 or start or disorder) then 2 when arg_max(stage, t) >= {WON} then 0
            else 1 end as verdict from judged group by id
    """  # noqa: S608 - likewise

    def run() -> Any:
        connection.execute(judged)
        return connection.execute(found).fetchnumpy(), connection.execute(verdicts).fetchnumpy()

    return run


def _duckdb_findings(found: Any) -> dict[str, Any]:
    rows, verdicts = found
    return _findings(*(rows[name] for name in ("stage", "next", "who", "kind")), verdicts["verdict"])


# -- conversion: of the stays of each person in each stage, the chance to advance, those that last censored


def chances() -> list[Contender]:
    """Aalen-Johansen in whole days; pm4py counts, with people and stages joined to one activity."""
    return [
        Contender("crmkit", _our_chances, _our_rates),
        Contender("pm4py", _pm4py_counts, _pm4py_rates, "counts only, person and stage joined, formatted frame"),
        Contender("polars", _polars_chances, _row_rates, "no intervals, lazy, small integers"),
        Contender("duckdb", _duckdb_chances, _row_rates, "no intervals, small integers"),
    ]


def _our_chances(folder: Path) -> Run:
    journal = journal_of(folder)
    return lambda: conversion(journal, stages=DEALS)


def _our_rates(rates: Any) -> dict[str, Any]:
    rows = [row for row in rates if row.who != "(unknown)"]
    return {
        "counts": {(row.who, row.stage): (row.advanced, row.lost, row.back, row.open) for row in rows if row.who},
        "chance": {(row.who, row.stage): row.value for row in rows},
    }


def _pm4py_counts(folder: Path) -> Run:
    import pm4py

    frame = formatted(folder, joined=True)
    return lambda: pm4py.discover_dfg(frame)


def _pm4py_rates(graph: Any) -> dict[str, Any]:
    edges, _, ends = graph
    counts: dict[Any, Any] = {}
    for (here, there), n in edges.items():
        _add(counts, here, _outcome(here.split("|")[1], there.split("|")[1]), n)
    for here, n in ends.items():
        _add(counts, here, 3, n)
    return {"counts": {key: tuple(of) for key, of in counts.items() if STAGES.index(key[1]) < WON}}


def _add(counts: dict[Any, Any], here: str, outcome: int, n: int) -> None:
    counts.setdefault(tuple(here.split("|")), [0] * 4)[outcome] += n


def _outcome(here: str, there: str) -> int:
    """0 advanced, 1 lost, 2 back."""
    return 1 if there == STAGES[LOST] else 0 if STAGES.index(there) > STAGES.index(here) else 2


def _polars_chances(folder: Path) -> Run:
    import polars as pl

    frame, c = stays_of(folder), pl.col
    until = frame["at"].max()
    days = ((pl.min_horizontal("left", pl.lit(until)) - c("at")) // DAY).cast(pl.UInt32)
    key = ((c("who").cast(pl.UInt32) * 8 + c("stage")) * 8 + (c("next") + 1).cast(pl.UInt32)) * 4096 + days
    # One small key is counted faster than four; the rest is small.
    counts = frame.lazy().filter(c("stage") < WON).group_by(key.alias("key")).len("n").with_columns(
        who=c("key") // 262_144, stage=c("key") // 32_768 % 8, next=(c("key") // 4096 % 8).cast(pl.Int32) - 1,
        day=c("key") % 4096,
    )  # fmt: skip
    to, here = c("next"), c("stage").cast(pl.Int32)
    kind = pl.when(to < 0).then(3).when(to == LOST).then(1).when(to > here).then(0).otherwise(2)
    outcomes = [(c("n") * (kind == number)).sum().alias(f"n{number}") for number in range(4)]
    everybody = counts.with_columns(who=pl.lit(-1, pl.Int64))
    daily = (
        pl.concat([counts.with_columns(who=c("who").cast(pl.Int64)), everybody])
        .group_by("who", "stage", "day")
        .agg(outcomes)
    )
    ended = c("n0") + c("n1") + c("n2")
    risk = (ended + c("n3")).reverse().cum_sum().reverse()
    alive = (1 - ended / risk).cum_prod().shift(1, fill_value=1.0)
    rates = daily.sort("day").group_by("who", "stage", maintain_order=True).agg(
        *(c(f"n{number}").sum() for number in range(4)), (alive * c("n0") / risk).sum().alias("chance")
    )  # fmt: skip
    return lambda: rates.collect().rows()


def _duckdb_chances(folder: Path) -> Run:
    frame = stays_of(folder)
    connection = duckdb_of(frame)
    query = f"""
        with counts as (
            select who, stage, next, (least("left", {frame["at"].max()}) - t) // {DAY} as day, count(*) as n
            from log where stage < {WON} group by all
        ), twice as (from counts union all select -1, stage, next, day, n from counts), daily as (
            select who, stage, day, sum(n) as n, sum(n) filter (next > stage and next <> {LOST}) as n0,
                sum(n) filter (next = {LOST}) as n1, sum(n) filter (next between 0 and stage) as n2,
                sum(n) filter (next < 0) as n3
            from twice group by all
        ), risks as (
            select *, coalesce(n0, 0) + coalesce(n1, 0) + coalesce(n2, 0) as ended,
                sum(n) over (partition by who, stage order by day desc) as risk from daily
        ), steps as (
            select *, coalesce(product(1 - ended / risk) over (partition by who, stage order by day
                rows between unbounded preceding and 1 preceding), 1) as alive from risks
        )
        select who, stage, coalesce(sum(n0), 0), coalesce(sum(n1), 0), coalesce(sum(n2), 0), coalesce(sum(n3), 0),
            coalesce(sum(alive * n0 / risk), 0) from steps group by who, stage
    """  # noqa: S608 - numbers of our own
    return lambda: connection.execute(query).fetchall()


def _row_rates(rows: Any) -> dict[str, Any]:
    return {
        "counts": {(PEOPLE[who], STAGES[stage]): tuple(n) for who, stage, *n, _ in rows if who >= 0},
        "chance": {(None if who < 0 else PEOPLE[who], STAGES[stage]): chance for who, stage, *_, chance in rows},
    }
