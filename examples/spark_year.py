"""A year of stage changes on Spark: who moves what, how long stages last, and what is won, counted by its workers.

`python examples/spark_year.py [FOLDER]` runs on this machine; on a cluster see docs/how-to/run-on-spark.md.
FOLDER has Parquet files with the columns case, stage, entered and who; without it a year is simulated.
"""

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pyarrow import parquet
from pyspark.sql import SparkSession

from crmkit.adapters.spark import count
from crmkit.journal.blocks import Layout
from crmkit.metrics import Conversion, StageOrder
from crmkit.metrics.partials import Kpis, Sojourns
from crmkit.metrics.sql import Asked
from crmkit.testing.simulate import sales_pipeline, simulate
from crmkit.values import Period

PEOPLE = {"wei": 1.4, "li": 1.0, "ana": 1.0, "tom": 0.7}
END = datetime(2026, 1, 1, tzinfo=UTC)
LINE = sales_pipeline()
ORDER = StageOrder.given(LINE)


def simulated(folder: str) -> str:
    """Write a year to four files, the rows of a case in any of them, as a nightly export may leave them."""
    table = simulate(n=5_000, rng=np.random.default_rng(2025), people=PEOPLE).journal.to_frame("pyarrow")
    for number in range(4):
        rows = table.select(["case", "stage", "entered", "who"]).take(np.arange(number, len(table), 4))
        parquet.write_table(rows, Path(folder) / f"part-{number}.parquet")
    return folder


with tempfile.TemporaryDirectory() as made:
    spark = SparkSession.builder.appName("crmkit: a year").getOrCreate()
    changes = spark.read.parquet(sys.argv[1] if len(sys.argv) > 1 else simulated(made))
    layout = Layout(case="case", stage="stage", at="entered", who="who", as_of=END)

    conversion = Conversion(ORDER)
    found = count(changes, conversion, layout)
    print(f"{found.stays:,} stays", *found.findings, sep="\n")
    print("\nAdvancing, of the stays that end:")
    for rate in conversion.finish(found.state).rows:
        if rate.stage == "proposal":
            print(f"{rate.who or 'all':5}{rate.decided:6.1%}  {rate.entered:,} entered, {rate.open} last")

    print("\nDays by which half of the stays are over:")
    sojourns = Sojourns(ORDER.open, "hour")
    for stage, curve in sojourns.finish(count(changes, sojourns, layout).state).items():
        print(f"{stage:12}{curve.median().value / 24:6.1f}")

    asked = Asked(over=Period.year(2025), every="quarter", as_of=END, stages=LINE)
    kpis = Kpis(["win_rate", "conversion_cycle", "open_deals"], asked)
    print()
    print(kpis.finish(count(changes, kpis, layout).state))
    spark.stop()
