"""Twins in SQL count what the kernels count, in databases that nobody here wrote."""

import json
from datetime import UTC, date, datetime

import attrs
import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NaiveDatetime, NotFound
from crmkit.metrics import Facts, measure
from crmkit.metrics.estimators import wilson
from crmkit.metrics.figures import Figures
from crmkit.metrics.kpi import CATALOGUE, sales
from crmkit.metrics.sql import WITHOUT_TWIN, Asked, JournalTable, LedgerTable, Twin, twin
from crmkit.rules.dialect import identifier
from crmkit.values import Period, from_micros

from ._twins import AS_OF, GROUPS, METRICS, STAGES, TABLES, TYPES, asked, facts, gathered, kernel, plain, tables, twins


def columns_of(columns, dialect, words):
    """The columns of a table, as its definition has them."""
    types = {column: TYPES.get(column.removesuffix(" of"), "text") for column in columns}
    return ", ".join(f"{identifier(name, dialect)} {words.get(kind, kind)}" for name, kind in types.items())


def in_duckdb(base, given_):
    """Put facts into tables."""
    for name, columns in tables(given_):
        quoted = identifier(name, "duckdb")
        base.execute(f"create or replace table {quoted} ({columns_of(columns, 'duckdb', {'moment': 'timestamptz'})})")
        rows = [*zip(*columns.values(), strict=True)]
        if rows:
            base.executemany(f"insert into {quoted} values ({', '.join('?' * len(columns))})", rows)  # noqa: S608 - our own


@settings(max_examples=20)
@given(facts(), st.sampled_from(GROUPS))
def test_duckdb_counts_what_the_kernels_count(given_, by):
    """Every metric with a twin, with all its policies, by any groups, in days that are an hour longer or shorter."""
    with duckdb.connect() as base:
        base.execute("set timezone = 'America/New_York'")
        in_duckdb(base, given_)
        for metric, expected in twins(given_, by):
            query = twin(metric, asked(by=by), tables=TABLES)
            assert plain(query.read(base.execute(str(query)).fetchall())) == expected, metric


def literal(value):
    """A value for PostgreSQL."""
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


def test_postgresql_counts_what_the_kernels_count(server):
    """The same on a server, whose zone is another."""
    for number, given_ in enumerate(gathered(facts(), 12)):
        by, script = GROUPS[number % len(GROUPS)], ["set timezone = 'Asia/Shanghai';"]
        for name, columns in tables(given_):
            quoted = identifier(name, "postgresql")
            script.append(
                f"drop table if exists {quoted}; create table {quoted} ({columns_of(columns, 'postgresql', {'moment': 'timestamptz'})});"
            )
            rows = [f"({', '.join(map(literal, row))})" for row in zip(*columns.values(), strict=True)]
            script += [f"insert into {quoted} values {', '.join(rows)};"] if rows else []  # noqa: S608 - our own
        metrics = [*twins(given_, by)]
        queries = [twin(metric, asked(by=by), tables=TABLES, dialect="postgresql") for metric, _ in metrics]
        script += [f"select coalesce(array_to_json(array_agg(v)), '[]') from ({query}) v;" for query in queries]  # noqa: S608 - our own
        lines = [json.loads(line) for line in server("\n".join(script)).splitlines()]
        for query, found, (metric, expected) in zip(queries, lines, metrics, strict=True):
            assert plain(query.read([*row.values()] for row in found)) == expected, metric


def test_spark_counts_what_the_kernels_count(spark):
    """The same in a session, on a larger set of facts."""
    given_ = max(gathered(facts(60, 40), 20), key=lambda one: len(one.ledger))
    for name, columns in tables(given_):
        rows = [
            tuple(None if value is None else str(value) for value in row) for row in zip(*columns.values(), strict=True)
        ]
        named = {column: identifier(column, "spark") for column in columns}
        spark.createDataFrame(rows, ", ".join(f"{quoted} string" for quoted in named.values())).createOrReplaceTempView(
            "raw"
        )
        words = {"moment": "timestamp", "text": "string"}
        kinds = {column: TYPES.get(column.removesuffix(" of"), "text") for column in columns}
        typed = [
            f"cast({named[column]} as {words.get(kind, kind)}) as {named[column]}" for column, kind in kinds.items()
        ]
        spark.sql(f"select {', '.join(typed)} from raw").createOrReplaceTempView(identifier(name, "spark"))  # noqa: S608 - our own
    for by in (("customer", "who"), ("region",)):
        for metric, expected in twins(given_, by):
            query = twin(metric, asked(by=by), tables=TABLES, dialect="spark")
            assert plain(query.read(spark.sql(query.text).collect())) == expected, metric
