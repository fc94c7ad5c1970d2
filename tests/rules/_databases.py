"""The same rules and records in several databases: tables made from a schema, conditions at the edges, random ones."""

import json
from datetime import timedelta
from decimal import Decimal

import duckdb
from hypothesis import HealthCheck, Phase, given, settings

from crmkit.errors import DefinitionErrors, InvalidValue, NotFound, RuleError
from crmkit.rules import Field, Rule, RuleSet, Schema
from crmkit.rules.coverage import literals
from crmkit.rules.dialect import identifier
from crmkit.rules.feel import YearsMonths
from crmkit.rules.sql import condition_sql, verdicts_sql
from crmkit.testing.rules import examples_of

from . import test_agreement as agreement
from .conftest import DEAL

# Microseconds and months are whole numbers in all of them.
WHOLE = ("integer", "days and time duration", "years and months duration")
TYPES = {
    "duckdb": {"decimal": "decimal(12, 4)", "float": "double", "string": "varchar", "date and time": "timestamptz"},
    "postgresql": {"decimal": "numeric", "float": "double precision", "string": "text", "date and time": "timestamptz",
                   "list": "jsonb"},
    "spark": {"decimal": "decimal(12, 4)", "float": "double", "date and time": "timestamp"},
}  # fmt: skip

WIDE = Schema([
    *DEAL.fields, Field("upper", nullable=True), Field("low", "integer", nullable=True), Field("high", "integer", nullable=True),
    Field("cap", "decimal", nullable=True), Field("floor of rate", "float", nullable=True), Field("due", "date", nullable=True),
    Field("seen", "date and time", nullable=True), Field("spent", "days and time duration", nullable=True),
    Field("term", "years and months duration", nullable=True), Field("qty", "integer", nullable=True), Field("i", nullable=True),
    Field("金额 `{n}", "integer", nullable=True),
])  # fmt: skip

EDGES = (
    # Ends of ranges that are null: before the start is outside, without a start there is no answer.
    "contacts in [low..high]", "contacts in (low..high)", "contacts in [low..5]", "contacts in [1..high]", "not(contacts in [low..5])",
    "amount in (cap..100)", "amount in (0..cap]", 'region in [upper.."z"]', 'opened in [due..@"2026-06-01"]',
    'touched in [seen..@"2026-06-01T00:00:00Z"]', "rate in [floor of rate..0.5]", "contacts in ([low..high], 7)", "contacts between low and high",
    "contacts in (< low, > high)", "contacts in (= low)", "contacts in (!= low)", "contacts in (null, 3)", "null in (low, 3)",
    # Lists are of values; null is one of them.
    "contacts in ([low, high, 3])", "contacts in ([null, 3])", "contacts in ([])", "not(contacts in ([]))", "region in ([upper, null])",
    # Texts.
    'region < "O" or region >= role', 'region = "it\'s"', 'region = "a\\\\b"', 'region = "a\\\\\'b"', 'region = "\\"q\\""', 'region = "${env:HOME}"',
    'region = "${x}"', 'region < "\U0001f600"', 'region > "\uffee"', 'contains(region, "\\\\")', 'contains(region, "%")', 'starts with(region, "")',
    'ends with(region, "\U0001f600")', "string length(region) > contacts", 'string length("\U0001f600\u0301") = 2', 'region = "line\\nline"', 'region = "金额"',
    "contains(region, upper)", "starts with(region, upper) or ends with(region, upper)", 'contains("", region)', 'region = "a--b/*"', 'region = "?"',
    # Numbers.
    "-contacts < -2 and -3 < contacts", "contacts in [1..3] or contacts in (> 8, 5)", "contacts in (1..3)", "rate in ([0.25, 0.5])",
    "amount - 10 > -amount", "contacts - 1.5 = 2.5", "contacts * 2 > 2.5", "2000000000 + 2000000000 > contacts",
    "string length(region) * 2000000000 > 4000000000", "count(items) * 2000000000 > 4000000000", "count(items) - 1 > 2000000000 + 2000000000",
    "rate / 3 > 0.08", "contacts / rate > 4", "rate / contacts < 0.1", "rate / 0 > 1", "rate * 0.1 = 0.025", "rate = 0.1234567890123456789", "rate > contacts",
    "amount * discount * 0.01 > 3", "amount = cap", "amount != cap", "amount + cap >= amount * 1.0000001", "-cap < cap", "amount = 5000.00",
    "if strategic then contacts > 1 else false", "(if strategic then amount else 7) > 5", "(if strategic then null else contacts) = null",
    "(if strategic then rate else contacts) > 0.3", "contacts + low * 2 - high > 3", "-(contacts + 1) < -low",
    # Truth.
    "strategic = true and strategic != false", "strategic", "not(strategic)", "strategic = (contacts > 3)", "(contacts > 3) = null",
    "strategic and null", "strategic or null", "if null then strategic else null", "if (if strategic then null else null) then true else strategic", 'role in (["rep", "manager"])', "region = upper or region = null", "null = null", "role != null",
    # Days, instants, lengths.
    'touched - @"2026-01-01T00:00:00Z" > @"P30D"', "touched - seen > spent", "opened - due >= spent", 'spent > @"PT1H30M"', "spent = -spent",
    'spent in [@"-PT1S"..@"P2D"]', 'term < @"P1Y2M"', 'term = -@"P1Y"', 'touched = @"2026-01-01T08:00:00+08:00"',
    'touched > @"2026-03-29T02:30:00@Europe/Berlin"', 'touched < @"2026-01-01T00:00:00.123456Z"', 'opened > @"0999-12-31"', 'due = @"9998-12-31"',
    # Lists of contexts; members and loops may be called like columns, tables and one another.
    "count(items) = 0", "items = null", "some i in items satisfies i.qty > 10", "every i in items satisfies i.qty > 1", "count(items) = null",
    "some i in items satisfies i.qty > qty", "some deals in items satisfies deals.qty > qty and deals.qty > contacts", "every qty in items satisfies qty.qty != low",
    "some i in items satisfies i.sku = region or i.qty in [low..high]", "every i in items satisfies i.qty != null and (some j in items satisfies j.qty > i.qty)",
    "not(some i in items satisfies i.qty = null)", "every i in items satisfies i.sku = \"\\\\\" or contains(i.sku, \"'\")",
    "金额 > 2",
)  # fmt: skip


def rules_of(schema, conditions):
    """A set of rules r0, r1, ... with these conditions."""
    return RuleSet("deals", schema, [Rule(f"r{number}", text) for number, text in enumerate(conditions)])


def edges(size=150):
    """Conditions at the edges of what databases agree on, and records at theirs: each literal is met at least once."""
    rules = rules_of(WIDE, EDGES)
    found = examples_of(rules, size)
    return rules, [*found, *_met(rules, found)]


def _met(rules, found):
    for name, values in literals(rules).items():
        for number, value in enumerate(values):
            try:
                known = rules.schema.field(name).read(value)
            except (InvalidValue, NotFound):
                continue
            # What has more places than the column is another number there.
            if not isinstance(known, Decimal) or known == round(known, 4):
                yield {**found[number], name: known}


def random_rules(dialect, size=300):
    """Well-typed conditions of every kind that the dialect does not refuse, with records at their edges.

    Left out are the columns that SQL knows nothing of, and numbers whose products have more than 38 digits.
    """
    schema = Schema([f for f in agreement.SCHEMA.fields if f.name not in {"clock", "clock2", "tags", "tags2", "owner"}])
    kept = [text for text in gathered(agreement.texts(), size) if _written(schema, text, dialect)]
    rules = rules_of(schema, kept)
    return rules, [deal for deal in examples_of(rules, 80) if _fits(deal)]


def _fits(deal):
    return all(abs(value) < 10**8 for value in deal.values() if isinstance(value, Decimal))


def _written(schema, text, dialect):
    if "1e30" in text or "0000001" in text or ("9007199254740993" in text and "*" in text):
        return False
    try:
        condition_sql(rules_of(schema, [text]).checked["r0"], dialect=dialect, prefix="deals")
    except (DefinitionErrors, RuleError):
        return False
    return True


def gathered(strategy, size):
    """Examples of a strategy, always the same."""
    found = []

    @settings(max_examples=size, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=[*HealthCheck])  # fmt: skip
    @given(strategy)
    def gather(one):
        found.append(one)

    gather()
    return [*dict.fromkeys(found)]


def ours(rules, deals):
    """The verdicts on each record, by the interpreter."""
    known = [rules.schema.read(deal) for deal in deals]
    return [[rules.checked[one.name].interpret(values).value for one in rules.rules] for values in known]


def disagreements(rules, deals, found):
    """Where a database says something else: the condition, its record, what we say and what it says."""
    return [
        (rule.condition, {name: value for name, value in deal.items() if name in rule.condition}, ours_, theirs)
        for deal, said, row in zip(deals, ours(rules, deals), found, strict=True)
        for rule, ours_, theirs in zip(rules.rules, said, row, strict=True)
        if ours_ is not theirs
    ]


# -- tables


def columns(schema, dialect):
    """The columns of a table, as its definition has them."""
    listed = [f"{identifier(field.name, dialect)} {_type(field, dialect)}" for field in schema.fields]
    return ", ".join(["id int", *listed])


def _type(field, dialect):
    if field.fields and dialect == "duckdb":
        return f"struct({', '.join(f'{inner.name} {_type(inner, dialect)}' for inner in field.fields)})[]"
    if field.fields and dialect == "spark":
        return f"array<struct<{', '.join(f'{inner.name}: {_type(inner, dialect)}' for inner in field.fields)}>>"
    return "bigint" if field.kind in WHOLE else TYPES[dialect].get(field.kind, field.kind)


def rows(schema, deals):
    """The rows of a table: a number, then the fields."""
    return [
        [number, *(_stored(deal[name], field) for name, field in zip(schema.names, schema.fields, strict=True))]
        for number, deal in enumerate(deals)
    ]


def _stored(value, field):
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    if isinstance(value, Decimal) and field.kind == "integer":
        return int(value)
    return value.months if isinstance(value, YearsMonths) else value


def in_duckdb(rules, deals):
    """The verdicts of each rule, by DuckDB."""
    with duckdb.connect() as base:
        base.execute("set timezone = 'UTC'")
        base.execute(f"create table deals ({columns(rules.schema, 'duckdb')})")
        places = ", ".join("?" * (len(rules.schema.names) + 1))
        base.executemany(f"insert into deals values ({places})", rows(rules.schema, deals))  # noqa: S608 - our own
        found = base.execute(verdicts_sql(rules, "deals", columns=["id"]) + " order by id").fetchall()
    return [list(row[1:]) for row in found]


def in_postgresql(query, rules, deals):
    """The verdicts of each rule, by a PostgreSQL server."""
    listed = ", ".join(f"({', '.join(map(_constant, row))})" for row in rows(rules.schema, deals))
    verdicts = verdicts_sql(rules, "deals", dialect="postgresql", columns=["id"])
    found = query(
        f"drop table if exists deals; create table deals ({columns(rules.schema, 'postgresql')}); insert into deals values {listed};"  # noqa: S608 - our own rows
        f"select to_jsonb(v) from ({verdicts}) v order by id;"
    )
    return [[row[rule.name] for rule in rules.rules] for row in map(json.loads, found.splitlines())]


def _constant(value):
    if value is None:
        return "null"
    text = json.dumps(value, default=str) if isinstance(value, list) else str(value)
    return "'" + text.replace("'", "''") + "'"


def fits_postgresql(deal):
    """PostgreSQL has no zero bytes in texts, and refuses to multiply floats to one that is as small as floats get."""
    text = json.dumps(deal, default=str)
    inner = [value for item in deal["items"] or () for value in item.values()]
    small = [value for value in (*deal.values(), *inner) if isinstance(value, float) and 0 < abs(value) < 1e-30]
    return "\\u0000" not in text and not small


def in_spark(session, rules, deals):
    """The verdicts of each rule, by Spark: one job for all of them."""
    frame = session.createDataFrame(rows(rules.schema, deals), columns(rules.schema, "spark"))
    frame.createOrReplaceTempView("deals")
    found = session.sql(verdicts_sql(rules, "deals", dialect="spark", columns=["id"])).collect()
    return [list(row[1:]) for row in sorted(found)]
