"""The same verdicts in Spark, in a session of its own on this machine."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from crmkit.rules import Field, Schema
from crmkit.rules.sql import SPARK_SETTINGS

from ._databases import disagreements, edges, in_spark, ours, random_rules, rules_of


@pytest.fixture
def settings(spark):
    """Change settings of the session for one test."""
    changed = {}

    def change(**values):
        for name, value in values.items():
            key = name.replace("__", ".")
            changed.setdefault(key, spark.conf.get(key))
            spark.conf.set(key, value)

    yield change
    for key, value in changed.items():
        spark.conf.set(key, value)


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_spark_agrees_at_the_edges(spark, settings, ansi):
    """Null ends of ranges, texts with quotes and backslashes, numbers of all kinds, instants, lists; in any zone."""
    settings(spark__sql__ansi__enabled=ansi, spark__sql__session__timeZone="Asia/Shanghai")
    rules, deals = edges()
    assert disagreements(rules, deals, in_spark(spark, rules, deals)) == []


def test_spark_agrees_on_random_rules(spark):
    """Whatever the rule."""
    rules, deals = random_rules("spark")
    assert len(rules.rules) > 50
    assert disagreements(rules, deals, in_spark(spark, rules, deals)) == []


TOO_LARGE = [
    ("n * n > 0", {"n": 2**62}, "overflow"),
    ("x * x * x * x > 0.1", {"x": Decimal("99999999.9999")}, "cannot be represented"),
]


@pytest.mark.parametrize(("condition", "values", "said"), TOO_LARGE)
def test_what_does_not_fit_is_an_error(spark, condition, values, said):
    """Under our settings a number that is too large is an error, and not another number."""
    rules = rules_of(Schema([Field("n", "integer", nullable=True), Field("x", "decimal", nullable=True)]), [condition])
    with pytest.raises(Exception, match=said):
        in_spark(spark, rules, [{"n": None, "x": None, **values}])


def test_without_our_settings_numbers_are_others(spark, settings):
    """The settings are needed: Spark would wrap integers, and round decimals whose digits are too many."""
    schema = Schema([Field("n", "integer"), Field("x", "decimal")])
    rules = rules_of(schema, ["n * n > 0", "x * x * x * x > 0"])
    deals = [{"n": 2**62, "x": Decimal("0.0001")}]
    settings(spark__sql__ansi__enabled="false", spark__sql__decimalOperations__allowPrecisionLoss="true")
    assert ours(rules, deals) == [[True, True]]
    assert in_spark(spark, rules, deals) == [[False, False]]


def test_the_session_has_our_settings(spark):
    """The tests run under the settings that we name, and on UTC."""
    assert {name: spark.conf.get(name) for name in SPARK_SETTINGS} == dict(SPARK_SETTINGS)
    assert spark.sql("select timestamp_ltz '2026-01-01 08:00:00+08:00'").collect()[0][0].replace(
        tzinfo=UTC
    ) == datetime(2026, 1, 1, tzinfo=UTC)
