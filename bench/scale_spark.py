"""The same counts on Spark, by its workers with crmkit and by its own API: `python bench/scale_spark.py [--rows N]`.

Interval form counts rows where they lie. Event form has to find what came next: crmkit partitions and sorts by case and
carries, Spark's API takes a window. The SQL twin counts stays in open stages by how they end, without Python on the
workers, beside Spark's API for the same. What counts is the CPU time of the virtual machine, its workers and this
process, once both have warmed up; of each the median of the rounds, in turns. On Linux only: times are from /proc.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as sf
from scale import BEGIN, END, FILE, STAGES, write

from crmkit.adapters.spark import count
from crmkit.journal.blocks import Layout
from crmkit.metrics import Conversion, StageOrder
from crmkit.metrics.sql import Asked, JournalTable, twin
from crmkit.values import Period

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
STAYS = Layout(case="case", stage="stage", entered="entered", left="left", next="next", who="who", as_of=END)
EVENTS = Layout(case="case", stage="stage", at="entered", who="who", as_of=END)
Sides: TypeAlias = Mapping[str, Callable[[Any, Layout], dict[Any, int]]]
_COLUMNS = ("case", "stage", "entered", "left", "next", "who")
KEYS = ("who", "stage", "next", "days")


def cpu_of_tree(root: int) -> float:
    """CPU seconds of a process and of those that it began, the finished ones included."""
    found: dict[int, tuple[int, float]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        found[int(path.parent.name)] = int(fields[1]), sum(map(int, fields[11:15])) * _TICK_S
    family = {root}
    while grown := {pid for pid, (parent, _) in found.items() if parent in family} - family:
        family |= grown
    return sum(found[pid][1] for pid in family if pid in found)


def ours(frame: Any, layout: Layout) -> dict[Any, int]:
    """By the workers, with crmkit."""
    metric = Conversion(StageOrder.given(STAGES))
    seq = "seq" if layout.whole_cases else None
    return {tuple(key): n for *key, n in count(frame, metric, layout, seq=seq).state.table()}


def native(frame: Any, layout: Layout) -> dict[Any, int]:
    """By Spark's API."""
    if layout.whole_cases:
        following = Window.partitionBy("case").orderBy("entered", "seq")
        columns = {name: sf.lead(of).over(following) for name, of in (("left", "entered"), ("next", "stage"))}
        frame = frame.select("case", "who", "stage", "entered", "seq").withColumns(columns)
    end = sf.coalesce(sf.col("left"), sf.lit(END))
    days = sf.floor((sf.unix_micros(end) - sf.unix_micros("entered")) / sf.lit(86_400_000_000)).alias("days")
    rows = frame.select("who", "stage", "next", days).groupBy(*KEYS).count().collect()
    return {tuple(row[:4]): row[4] for row in rows}


def by_twin(frame: Any, _layout: Layout) -> dict[Any, int]:
    """By the statement that counts the stages' conversion, in Spark SQL."""
    spark, table = frame.sparkSession, JournalTable("bench_stays", {name: name for name in _COLUMNS})
    frame.createOrReplaceTempView("bench_stays")
    asked = Asked(over=Period(BEGIN.date(), END.date()), as_of=END, by=("who",), stages=STAGES)
    query = twin("stage_conversion", asked, tables=[table], dialect="spark")
    return {(row[1], row[3], row[4], row[5]): row[6] for row in spark.sql(query.text).collect()}


def native_ends(frame: Any, _layout: Layout) -> dict[Any, int]:
    """The same by Spark's API."""
    rank = sf.create_map(*(sf.lit(one) for pair in zip(STAGES, range(len(STAGES)), strict=True) for one in pair))
    following, stage = sf.col("next"), sf.col("stage")
    end = (
        sf.when(following.isNull(), None).when(following == "won", "advanced").when(following == "lost", "lost")
        .when(rank[following] <= rank[stage], "back").otherwise("advanced")
    )  # fmt: skip
    left = sf.coalesce(sf.col("left"), sf.lit(END))
    days = sf.floor((sf.unix_micros(left) - sf.unix_micros("entered")) / sf.lit(86_400_000_000)).alias("days")
    here = frame.filter(stage.isin(*STAGES[:3]) & (sf.col("entered") < sf.lit(END)))
    rows = here.select("who", "stage", end.alias("end"), days).groupBy("who", "stage", "end", "days").count().collect()
    return {tuple(row[:4]): row[4] for row in rows}


def measured(run: Callable[[], Any], machine: int) -> tuple[float, float]:
    """CPU seconds of all, and seconds on the clock."""
    began, spent = time.perf_counter(), cpu_of_tree(machine) + time.process_time()
    run()
    return cpu_of_tree(machine) + time.process_time() - spent, time.perf_counter() - began


def compared(frame: Any, layout: Layout, sides: Sides, machine: int, rounds: int) -> dict[str, Any]:
    """The work of both, in turns, after they have agreed."""
    mine, theirs = (side(frame, layout) for side in sides.values())
    assert mine == theirs
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name in sorted(sides, reverse=turn % 2 == 1):
            taken[name].append(measured(lambda side=sides[name]: side(frame, layout), machine))
    return {name: [round(median(one[i] for one in runs), 2) for i in range(2)] for name, runs in taken.items()}


def main() -> int:
    """Compare interval form and event form."""
    parser = argparse.ArgumentParser(description="Count stays on Spark, with crmkit and by its own API.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "4", "spark.driver.memory": "2g",
                "spark.sql.session.timeZone": "UTC", "spark.log.level": "ERROR"}  # fmt: skip
    spark = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    # The command line of Spark is the parent of its virtual machine, or has become it.
    machine = spark.sparkContext._gateway.proc.pid  # noqa: SLF001 - there is no other way to know
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), size=asked.rows)
        frame = spark.read.parquet(f"{folder}/{FILE}")
        for form, layout, sides in (
            ("interval form", STAYS, {"crmkit": ours, "Spark": native}),
            ("event form", EVENTS, {"crmkit": ours, "Spark": native}),
            ("SQL twin", STAYS, {"crmkit": by_twin, "Spark": native_ends}),
        ):
            usable = frame if layout is STAYS else frame.filter(sf.col("entered") < sf.lit(END))
            found = compared(usable, layout, sides, machine, asked.rounds)
            print(json.dumps({"form": form, "rows": asked.rows, "CPU s, clock s": found}), flush=True)
        spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
