"""Twins in SQL count what the kernels count, in databases that nobody here wrote."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.metrics.sql import twin
from crmkit.rules.dialect import identifier

from ._twins import METRICS, TABLES, TYPES, asked, facts, kernel, plain, tables


def in_duckdb(base, given_):
    """Put facts into tables."""
    for name, columns in tables(given_):
        types = [
            f"{identifier(column, 'duckdb')} {TYPES.get(column.removesuffix(' of'), 'varchar')}" for column in columns
        ]
        listed = ", ".join(types).replace("moment", "timestamptz")
        base.execute(f"create or replace table {identifier(name, 'duckdb')} ({listed})")
        rows = [*zip(*columns.values(), strict=True)]
        if rows:
            base.executemany(f"insert into {identifier(name, 'duckdb')} values ({', '.join('?' * len(columns))})", rows)  # noqa: S608 - our own


@settings(max_examples=40)
@given(facts(), st.sampled_from([(), ("who",), ("customer", "who"), ("region",), ("category",)]))
def test_duckdb_counts_what_the_kernels_count(given_, by):
    """Every metric with a twin, with all its policies, by any groups, in days that are an hour longer or shorter."""
    with duckdb.connect() as base:
        base.execute("set timezone = 'America/New_York'")
        in_duckdb(base, given_)
        for metric in METRICS:
            wanted = asked(by=by)
            try:
                expected = plain(kernel(given_, metric, wanted))
            except Exception as error:
                with pytest.raises(type(error)):
                    twin(metric, wanted, tables=TABLES)
                continue
            query = twin(metric, wanted, tables=TABLES)
            found = query.read(base.execute(query.text).fetchall())
            assert plain(found) == expected, metric
