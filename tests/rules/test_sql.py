"""The same verdicts in databases that nobody here wrote: DuckDB in the process, PostgreSQL as a server."""

import pytest
from hypothesis import given, settings

from crmkit.errors import InvalidValue, RuleError
from crmkit.rules import Field, Rule, RuleSet, Schema
from crmkit.rules.sql import condition_sql, verdicts_sql
from crmkit.testing.rules import examples_of, records

from ._databases import disagreements, edges, fits_postgresql, in_duckdb, in_postgresql, random_rules
from .conftest import DEAL, RULES


def test_duckdb_agrees(rules):
    """On records at the edges of every rule, nulls included."""
    deals = examples_of(rules, 300)
    assert disagreements(rules, deals, in_duckdb(rules, deals)) == []


def test_duckdb_agrees_at_the_edges():
    """Null ends of ranges, texts with quotes and backslashes, numbers of all kinds, instants, lists."""
    rules, deals = edges()
    assert disagreements(rules, deals, in_duckdb(rules, deals)) == []


def test_duckdb_agrees_on_random_rules():
    """Whatever the rule."""
    rules, deals = random_rules("duckdb")
    assert len(rules.rules) > 50
    assert disagreements(rules, deals, in_duckdb(rules, deals)) == []


@pytest.mark.parametrize("made", [lambda rules: (rules, examples_of(rules, 200)), lambda _: edges(), lambda _: random_rules("postgresql")],
                         ids=["deals", "edges", "random"])  # fmt: skip
def test_postgresql_agrees(server, rules, made):
    """On the same rules and records, with lists as JSONB."""
    judged, records_ = made(rules)
    deals = [deal for deal in records_ if fits_postgresql(deal)]
    assert disagreements(judged, deals, in_postgresql(server, judged, deals)) == []


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
    ("(for i in items return i.qty) != null", "no form"), ("items = items", "not compared"), ("[1][1] > 0", "no form"), ("some x in [1] satisfies x > 0", "one list"),
    ("now() > touched", "function 'now'"), ("count = null", "no column"),
    ("amount / contacts > 5", "divide"), ('upper case(region) = "N"', "upper case"), ('touched = touched and matches(region, "a")', "matches"),
    ("amount ** 2 > 4", "no form"), ("contacts in (? > 3)", "with ?"), ("count(items.qty) > 1", "members"),
    ('region = "a\\u0000b"', "zero byte"), ("some i in items, j in items satisfies i.qty > j.qty", "one list"),
    ("contacts in [[1..2], 7]", "in a list"), ("contacts in [(< 3), 7]", "in a list"), ("amount > 1e40", "so many digits"), ('touched > @"0001-01-01T00:00:00+10:00"', "beyond the years"),
    ("amount > 0.0000000000000000001", "so many digits"), ("rate < 1e400", "so many digits"), ("rate < 1" + 320 * "0", "so many digits"),
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
    with pytest.raises(InvalidValue, match="did you mean 'spark'"):
        verdicts_sql(odd, "a", dialect="sparc")


def test_spark_puts_no_variables_into_texts():
    """Spark would put the value of ${env:HOME} in its place, wherever it stands; as a name it is refused."""
    rules = RuleSet("one", Schema([Field("s")]), [Rule("r", 's = "${env:HOME}"')])
    assert condition_sql(rules.checked["r"], dialect="spark") == "(`s` <=> '$\\{env:HOME}')"
    with pytest.raises(InvalidValue, match="column"):
        verdicts_sql(rules, "${env:HOME}", dialect="spark")
    assert verdicts_sql(rules, "${env:HOME}").endswith('FROM "${env:HOME}"')


def test_members_and_columns_are_told_apart():
    """A member hides the column of its name in PostgreSQL, unless a prefix says whose it is; a loop never hides either."""
    schema = Schema([*DEAL.fields, Field("qty", "integer")])
    rules = RuleSet(
        "one",
        schema,
        [
            Rule("r", "some region in items satisfies region.qty > qty"),
            Rule("s", "some i in items satisfies i.qty > 1"),
        ],
    )
    with pytest.raises(RuleError, match="prefix="):
        condition_sql(rules.checked["r"], dialect="postgresql")
    assert '"region_"."qty" > region."qty"' in condition_sql(rules.checked["r"], dialect="postgresql", prefix="region")
    assert '"i"."qty" > 1' in condition_sql(rules.checked["s"], dialect="postgresql")
    assert '"region_"."qty" > "qty"' in condition_sql(rules.checked["r"])


@settings(max_examples=25, deadline=None)
@given(records(RuleSet("deals", DEAL, RULES)))
def test_any_record(record):
    """Whatever the record."""
    rules = RuleSet("deals", DEAL, RULES)
    assert disagreements(rules, [record], in_duckdb(rules, [record])) == []
