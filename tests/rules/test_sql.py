"""The same verdicts in databases that nobody here wrote: DuckDB in the process, PostgreSQL as a server."""

import json
import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings

from crmkit.errors import InvalidValue, RuleError
from crmkit.rules import Field, Rule, RuleSet, Schema
from crmkit.rules.sql import condition_sql, verdicts_sql
from crmkit.testing.rules import examples_of, records

from .conftest import DEAL, RULES

TABLE = (
    "create table deals (id integer, amount decimal(18, 4), discount decimal(9, 4), rate double, role varchar, contacts bigint, "
    "strategic boolean, region varchar, opened date, touched timestamptz, items struct(sku varchar, qty bigint)[])"
)
PG_TABLE = (
    "create table deals (id integer, amount numeric, discount numeric, rate double precision, role text, contacts bigint, "
    "strategic boolean, region text, opened date, touched timestamptz, items jsonb);"
)


def in_duckdb(rules, deals):
    """The verdicts of each rule, by DuckDB."""
    with duckdb.connect() as base:
        base.execute("set timezone = 'UTC'")
        base.execute(TABLE)
        rows = [[number, *(deal[name] for name in DEAL.names)] for number, deal in enumerate(deals)]
        places = ", ".join("?" * (len(DEAL.names) + 1))
        base.executemany(f"insert into deals values ({places})", rows)  # noqa: S608 - our own question marks
        found = base.execute(verdicts_sql(rules, "deals", columns=["id"]) + " order by id").fetchall()
    return [list(row[1:]) for row in found]


def ours(rules, deals):
    """The verdicts of each rule, by the generated function."""
    return [[verdict.value for verdict in rules.judge(deal)] for deal in deals]


def test_duckdb_agrees(rules):
    """On records at the edges of every rule, nulls included."""
    deals = examples_of(rules, 300)
    assert in_duckdb(rules, deals) == ours(rules, deals)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A PostgreSQL server of our own, on a socket in a temporary folder."""
    found = sorted(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server is installed")
    tools = found[-1].removesuffix("/initdb")
    folder = tmp_path_factory.mktemp("postgresql")
    who = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if who:
        shutil.chown(folder, "postgres")
        for parent in list(folder.parents)[:3]:
            if parent.name:
                parent.chmod(parent.stat().st_mode | 0o055)
    data = folder / "data"
    subprocess.run([*who, f"{tools}/initdb", "-D", data, "-A", "trust", "-U", "crm", "-E", "UTF8", "--locale=C"], check=True,
                   capture_output=True, cwd=folder)  # fmt: skip
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    subprocess.run([*who, f"{tools}/pg_ctl", "-D", data, "-o", options, "-w", "-l", folder / "log", "start"], check=True,
                   stdout=subprocess.DEVNULL, cwd=folder)  # fmt: skip

    def query(text):
        command = [
            f"{tools}/psql",
            "-h",
            folder,
            "-U",
            "crm",
            "-d",
            "postgres",
            "-v",
            "ON_ERROR_STOP=1",
            "-qAt",
            "-f",
            "-",
        ]
        done = subprocess.run(command, input=text, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield query
    subprocess.run(
        [*who, f"{tools}/pg_ctl", "-D", data, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder
    )


def pg(value):
    """A value as a PostgreSQL literal."""
    if value is None:
        return "null"
    if isinstance(value, bool | int | float | Decimal):
        return f"'{value}'"
    text = json.dumps(value) if isinstance(value, list) else str(value)
    return "'" + text.replace("'", "''") + "'"


def fits_postgresql(deal):
    """PostgreSQL has no zero bytes in texts, and refuses to halve a float that is as small as floats get."""
    text = json.dumps(deal, default=str)
    return "\\u0000" not in text and (not deal["rate"] or abs(deal["rate"]) > 1e-300)


def test_postgresql_agrees(server, rules):
    """On the same records, with lists as JSONB."""
    deals = [deal for deal in examples_of(rules, 200) if fits_postgresql(deal)]
    rows = ", ".join(
        "(" + ", ".join([str(n), *(pg(deal[name]) for name in DEAL.names)]) + ")" for n, deal in enumerate(deals)
    )
    verdicts = verdicts_sql(rules, "deals", dialect="postgresql", columns=["id"])
    text = f"{PG_TABLE} insert into deals values {rows}; select to_jsonb(v) - 'id' from ({verdicts}) v order by id;"  # noqa: S608 - a test's own rows
    found = [json.loads(line) for line in server(text).splitlines()]
    said = [[row[rule.name] for rule in RULES] for row in found]
    assert said == ours(rules, deals)


MORE = (
    'region < "O" or region >= role', "-contacts < -2 and -3 < contacts", "contacts in [1..3] or contacts in (> 8, 5)", "contacts in (1..3)",
    "strategic = true and strategic != false", 'role in (["rep", "manager"])', "rate in ([0.25, 0.5])", "if strategic then contacts > 1 else false",
    "(if strategic then amount else 7) > 5", 'touched - @"2026-01-01T00:00:00Z" > @"P30D"', "amount - 10 > -amount", "string length(region) > contacts",
    "strategic", "not(strategic)", "contacts - 1.5 = 2.5", "region = upper or region = null",
)  # fmt: skip


def test_every_form_agrees():
    """Further forms, in DuckDB."""
    names = [*DEAL.fields, Field("upper", nullable=True)]
    rules = RuleSet("more", Schema(names), [Rule(f"r{n}", text) for n, text in enumerate(MORE)])
    deals = [{**deal, "upper": deal["region"]} for deal in examples_of(RuleSet("m", DEAL, [*RULES]), 150)]
    with duckdb.connect() as base:
        base.execute("set timezone = 'UTC'")
        base.execute(TABLE.removesuffix(")") + ", upper varchar)")
        rows = [[number, *(deal[name] for name in rules.schema.names)] for number, deal in enumerate(deals)]
        base.executemany(f"insert into deals values ({', '.join('?' * (len(names) + 1))})", rows)  # noqa: S608 - our own
        found = base.execute(verdicts_sql(rules, "deals", columns=["id"]) + " order by id").fetchall()
    assert [list(row[1:]) for row in found] == ours(rules, deals)


def test_durations_are_whole_numbers():
    """Microseconds and months; dates and instants in each database's own words."""
    spans = Schema(
        [Field("days", "days and time duration"), Field("months", "years and months duration"), Field("on", "date")]
    )
    rules = RuleSet("spans", spans, [Rule("a", 'days > @"PT1S" and months < @"P1Y" and on - on = @"P0D"')])
    text = condition_sql(rules.checked["a"], dialect="postgresql")
    assert (
        text
        == '(("days" > 1000000) AND ("months" < 12) AND ((("on" - "on")::BIGINT * 86400000000) IS NOT DISTINCT FROM 0))'
    )


@pytest.mark.parametrize(("condition", "part"), [
    ('touched > @"2026-01-01T00:00:00"', "literal"), ("clock > clock", "not compared"), ('clock - clock > @"PT1H"', "difference"),
    ("(for i in items return i.qty) != null", "not compared"), ("[1][1] > 0", "no form"), ("some x in [1] satisfies x > 0", "one list"),
    ("now() > touched", "function 'now'"), ("count = null", "no column"),
    ("amount / contacts > 5", "divide"), ('upper case(region) = "N"', "upper case"), ('touched = touched and matches(region, "a")', "matches"),
    ("amount ** 2 > 4", "no form"), ("contacts in (? > 3)", "with ?"), ("count(items.qty) > 1", "members"),
    ('region = "a\\u0000b"', "zero byte"), ("some i in items, j in items satisfies i.qty > j.qty", "one list"),
    ('touched + @"P1D" > touched', "no form"), ("contacts in ([1, 2][item > 1])", "kinds"),
])  # fmt: skip
def test_what_would_differ_is_refused(condition, part):
    """With the place of the part, rather than approximated."""
    schema = Schema([*DEAL.fields, Field("clock", "time")])
    rules = RuleSet("one", schema, [Rule("one", condition)])
    with pytest.raises(RuleError, match=part.replace("?", r"\?")) as caught:
        condition_sql(rules.checked["one"])
    assert caught.value.code == "sql"


def test_names_and_dialects(rules):
    """Names are quoted, prefixes put before them, unknown dialects refused, Spark's own words used."""
    odd = RuleSet(
        "odd", Schema([Field('a "b`', "integer"), Field("s")]), [Rule("r", 's = "it\'s \\\\ x" and s != null')]
    )
    assert (
        condition_sql(odd.checked["r"], prefix="t")
        == "((t.\"s\" IS NOT DISTINCT FROM 'it''s \\ x') AND (t.\"s\" IS DISTINCT FROM NULL))"
    )
    assert condition_sql(odd.checked["r"], dialect="spark") == "((`s` <=> 'it\\'s \\\\ x') AND (NOT (`s` <=> NULL)))"
    assert "exists(`items`, `i` ->" in condition_sql(rules.checked["stock"], dialect="spark")
    with pytest.raises(InvalidValue, match="did you mean 'duckdb'"):
        condition_sql(odd.checked["r"], dialect="duckdbb")
    with pytest.raises(InvalidValue, match="column"):
        verdicts_sql(odd, "a\0b")


@settings(max_examples=25, deadline=None)
@given(records(RuleSet("deals", DEAL, RULES)))
def test_any_record(record):
    """Whatever the record."""
    rules = RuleSet("deals", DEAL, RULES)
    assert in_duckdb(rules, [record]) == ours(rules, [record])
