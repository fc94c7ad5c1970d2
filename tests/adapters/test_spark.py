"""Partials on Spark, on two threads of this machine: the integers of one core, whatever the partitions and batches."""

import sys
from datetime import UTC, date, datetime, timedelta

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from crmkit.adapters.files import read_table
from crmkit.errors import ExtraMissing, InputError, NotFound
from crmkit.journal import Journal
from crmkit.journal.blocks import Layout
from crmkit.metrics import Conversion, Facts, StageOrder, conversion, measure, transitions
from crmkit.metrics.partials import Kpis, Moves, Sojourns, gather
from crmkit.metrics.sql import Asked
from crmkit.testing.simulate import sales_pipeline, simulate
from crmkit.testing.strategies import journals
from crmkit.values import Period, from_micros

LINE = sales_pipeline()
NAMES = tuple(stage.name for stage in LINE.stages)
SIMULATED = simulate(n=120, rng=np.random.default_rng(7), people={"wei": 1.0, "li": 2.0}).journal
END = from_micros(SIMULATED.until, UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
STAYS = Layout(case="case", stage="stage", entered="entered", left="left", next="next", who="who", as_of=END)
EVENTS = Layout(case="case", stage="stage", at="entered", who="who", as_of=END)
YEAR = Asked(over=Period(date(2025, 1, 1), date(2026, 1, 1)), every="quarter", by="who", as_of=END, stages=LINE)


@pytest.fixture
def count(spark):
    """`count`, in a session with three partitions after a shuffle, whose batches of seven rows split cases."""
    from crmkit.adapters.spark import count

    changed = {"spark.sql.shuffle.partitions": "3", "spark.sql.execution.arrow.maxRecordsPerBatch": "7",
               "spark.sql.session.timeZone": "Asia/Shanghai", "spark.sql.adaptive.enabled": "false"}  # fmt: skip
    before = {name: spark.conf.get(name) for name in changed}
    for name, value in changed.items():
        spark.conf.set(name, value)
    yield count
    for name, value in before.items():
        spark.conf.set(name, value)


def shuffled(table):
    """The rows in another order."""
    return table.take(np.random.default_rng(0).permutation(len(table)))


def parquet(spark, folder, table, files=2):
    """A table as some files, read by Spark."""
    folder.mkdir(exist_ok=True)
    size = -(-len(table) // files)
    for number in range(files):
        pq.write_table(table.slice(number * size, size), folder / f"{number}.parquet")
    return spark.read.parquet(str(folder))


def test_stays_are_counted_where_they_lie(spark, count, tmp_path):
    """Interval form from files: conversion by person, and survival by stage, as one core has them."""
    frame = parquet(spark, tmp_path / "stays", shuffled(pa.table(SIMULATED.to_dict())))
    metric = Conversion(StageOrder.given(LINE))
    found = count(frame, metric, STAYS)
    assert found.state == metric.update(metric.zero(), SIMULATED)
    assert str(metric.finish(found.state)) == str(conversion(SIMULATED, stages=LINE))
    assert (found.stays, found.findings) == (len(SIMULATED), ())
    sojourns = Sojourns(NAMES, "hour")
    assert count(frame, sojourns, STAYS).state == sojourns.update(sojourns.zero(), SIMULATED)


def test_events_are_put_together_across_batches_and_partitions(spark, count, tmp_path):
    """Event form from a table whose rows lie in any order: KPIs of whole cases, as `measure` has them."""
    parquet(spark, tmp_path / "events", shuffled(pa.table(SIMULATED.to_dict())), 3).createOrReplaceTempView(
        "stage_changes"
    )
    kpis = Kpis(["win_rate", "conversion_cycle", "stage_time", "open_deals"], YEAR)
    found = count(spark.table("stage_changes"), kpis, EVENTS)
    facts = Facts(journal=SIMULATED, stages=LINE)
    once = measure(facts, kpis.metrics, by=["who"], over=YEAR.over, every="quarter", as_of=END)
    assert str(kpis.finish(found.state).rows) == str(once.rows)
    assert found.stays == len(SIMULATED)


def test_generated_journals_in_one_table(spark, count, tmp_path):
    """What hypothesis makes up, each journal under a name of its own: equal in both forms, with `seq` for what is alike."""
    made = []

    @settings(max_examples=12, database=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
    @given(journals(LINE))
    def gather_some(journal):
        made.append(journal.to_dict())

    gather_some()
    rows = [
        {name: column[row] for name, column in one.items()} | {"case": f"{number}/{one['case'][row]}"}
        for number, one in enumerate(made)
        for row in range(len(one["case"]))
    ]
    table = pa.Table.from_pylist(rows).append_column("seq", pa.array(range(len(rows))))
    end = max(filter(None, (row[name] for row in rows for name in ("entered", "left")))) + timedelta(days=1)
    stays, events = (attrs.evolve(layout, as_of=end) for layout in (STAYS, EVENTS))
    frame = parquet(spark, tmp_path / "made", shuffled(table))
    for layout, more in ((stays, {}), (events, {"at": "entered", "entered": None, "left": None, "next": None})):
        form = {
            "case": "case",
            "stage": "stage",
            "who": "who",
            "entered": "entered",
            "left": "left",
            "next": "next",
        } | more
        once = Journal.from_frame(table, **form, as_of=end)
        found = count(frame, Moves(), layout, seq="seq")
        assert (found.state, found.stays) == (transitions(once), len(once))


KINDS = "`a case` string, stage string, at timestamp, who string, seq int"
ROWS = [
    ("1", "a", START, "x", 1), (" 1\u2003", "b", START + timedelta(days=3), None, 2), (None, "a", START, "x", 3),
    ("", "a", START, "x", 4), ("2", None, START, "x", 5), ("2", "a", None, "x", 6), ("2", "a", START, " ", 7),
]  # fmt: skip
PLAIN = Layout(case="a case", stage="stage", at="at", who="who", as_of=START + timedelta(days=9))


def test_nothing_is_dropped_in_silence(spark, count):
    """Rows that cannot be used are findings of all partitions, those of one core without numbers of rows; ids are trimmed."""
    once = Journal.from_frame(
        {name: [row[n] for row in ROWS] for n, name in enumerate(("a case", "stage", "at", "who"))},
        case="a case", stage="stage", at="at", who="who", as_of=PLAIN.as_of,
    )  # fmt: skip
    found = count(spark.createDataFrame(ROWS, KINDS).repartition(4), Moves(), PLAIN)
    assert found.state == transitions(once)
    assert {(f.column, f.reason, f.count, f.dropped) for f in found.findings} == {
        (f.column, f.reason, f.count, f.dropped) for f in once.findings
    }
    assert {f.row for f in found.findings} == {None}


def test_what_is_dated_alike_has_no_order(spark, count):
    """Two rows of a case and an instant that differ are refused, or ordered by a column; equal ones are one."""
    rows = [("1", "a", START, "x", 2), ("1", "b", START, "x", 1), ("1", "b", START, "x", 1)]
    frame = spark.createDataFrame(rows, KINDS)
    with pytest.raises(
        InputError, match=r"deals, column 'at': case '1' has two rows of 2026-01-01 .* that differ; .*seq="
    ):
        count(frame, Moves(), PLAIN, name="deals")
    found = count(frame, Moves(), PLAIN, seq="seq")
    assert found.state.table() == [("x", "a", None, 0, 1), ("x", "b", "a", 0, 1)]
    assert [str(one) for one in found.findings] == ["input: repeats an event: same case, stage and time"]
    assert count(spark.createDataFrame(rows[1:], KINDS), Moves(), PLAIN).stays == 1


def test_no_rows_at_all(spark, count):
    """A table without rows, and one whose partitions are mostly empty, count what there is."""
    nothing = spark.createDataFrame([], KINDS)
    assert count(nothing, Moves(), PLAIN).state == Moves().zero()
    kpis = Kpis("win_rate", attrs.evolve(YEAR, by=()))
    assert len(kpis.finish(count(nothing, kpis, PLAIN).state)) == 0
    assert count(spark.createDataFrame(ROWS[:1], KINDS).repartition(5), Moves(), PLAIN).stays == 1


def test_tables_that_do_not_fit(spark, count):
    """A column that is missing, there twice, or of another kind is refused before anything runs; local times need a zone."""
    frame = spark.createDataFrame(ROWS, KINDS)
    for change, error, said in (
        (frame.drop("who"), NotFound, "no column 'who' in deals"),
        (frame.selectExpr("*", "who as at"), InputError, "deals, column 'at': there are 2 columns of this name"),
        (frame.withColumn("at", frame.seq), InputError, "deals, column 'at': holds int32, no times"),
        (frame.withColumn("a case", frame.seq + 0.5), InputError, "deals, column 'a case': holds double, no names"),
        (frame.selectExpr("*", "cast(at as timestamp_ntz) as then").drop("at").withColumnRenamed("then", "at").filter("who = 'x'"),
         InputError, "deals, column 'at': has times without a zone"),
    ):  # fmt: skip
        with pytest.raises(error, match=said):
            count(change, Moves(), PLAIN, name="deals")
    with pytest.raises(NotFound, match="no column 'order'"):
        count(frame, Moves(), PLAIN, seq="order")


def test_errors_of_workers_arrive_as_they_were(spark, count):
    """An error that is none of the input says where it came from, too."""
    with pytest.raises(NotFound, match="no column 'region' in deals"):
        count(spark.createDataFrame(ROWS, KINDS), Moves("region"), attrs.evolve(PLAIN, dims="region"), name="deals")
    with pytest.raises(InputError, match="deals: no column 'region' in the journal"):
        count(spark.createDataFrame(ROWS, KINDS), Moves("region"), PLAIN, name="deals")


def test_without_spark_the_extra_is_named(monkeypatch):
    """The message says what to install."""
    from crmkit.adapters.spark import count

    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(ExtraMissing, match=r"crmkit\[spark\]"):
        count(None, Moves(), PLAIN)


def test_real_applications_on_spark(spark, count, shared, tmp_path):
    """5,337 loan applications with their people: the moves of one core."""
    table = read_table(next(shared("data", "sales", "bpic2012").glob("*.csv.gz")))
    moments = [datetime.fromisoformat(text).astimezone(UTC) for text in table.column("time:timestamp").decode()]
    typed = pa.table({
        "case": table.column("case").decode(), "stage": table.column("concept:name").decode(),
        "who": table.column("org:resource").decode(), "at": pa.array(moments, pa.timestamp("us", "UTC")),
        "seq": range(len(moments)),
    })  # fmt: skip
    once = Journal.from_frame(typed, case="case", stage="stage", at="at", who="who")
    layout = Layout(case="case", stage="stage", at="at", who="who", as_of=from_micros(once.until, UTC))
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "1000")
    found = count(parquet(spark, tmp_path / "bpic", typed, 3), Moves(), layout, seq="seq")
    assert (found.state, found.stays) == (transitions(once), len(once))
    assert gather(Moves(), [once]).state == found.state
