"""Strategies and laws for rules."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import find, given, settings

from crmkit.rules import Field, Rule, RuleSet, Schema
from crmkit.rules.feel import YearsMonths
from crmkit.testing.rules import check_ruleset, examples_of, records

EVERY = Schema([
    Field("n", "integer", low=0, high=9), Field("x", "float"), Field("d", "decimal"), Field("s"), Field("on", "boolean"),
    Field("day", "date"), Field("at", "date and time"), Field("length", "days and time duration"), Field("clock", "time"),
    Field("months", "years and months duration"), Field("kind", values=["a", "b"]), Field("tags", "list", item="string"),
    Field("lines", "list", fields=[Field("qty", "integer")]), Field("owner", "context", fields=[Field("name")]),
])  # fmt: skip
RULES = RuleSet("every", EVERY, [
    Rule("n", "n >= 3 and x < 2.5"), Rule("s", 's = "abc" or contains(s, "b")'), Rule("day", 'day > @"2026-01-01" and months < @"P1Y"'),
    Rule("at", 'at >= @"2026-01-01T00:00:00Z" and length <= @"PT8H"'), Rule("lines", "some l in lines satisfies l.qty = 7"),
    Rule("owner", 'owner.name != "x" and count(tags) < 3 and d > 0.5'), Rule("clock", 'clock < @"12:00:00" and on and kind = "a"'),
])  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(records(RULES))
def test_records_fit_their_schema(record):
    """Every kind of field gets values that it can hold."""
    EVERY.read(record)


@pytest.mark.parametrize("outcome", [True, False])
def test_a_wanted_outcome(outcome):
    """A record for a rule and a verdict."""
    found = find(records(RULES, "n", outcome), lambda _: True)
    assert RULES.function("n")(found) is outcome


def test_far_from_the_edges():
    """Without looking at the edges records are simply any."""
    assert find(records(RULES, near_boundary=False), lambda record: record["n"] == 5)["n"] == 5


def test_laws():
    """All evaluators agree and nothing unknown settles anything wrongly; a broken evaluator is found."""
    check_ruleset(RULES, examples_of(RULES, 60))
    moves = RuleSet(
        "moves", Schema([Field("n", "integer")]), [Rule("up", "old = null or old.n <= new.n")], transitions=True
    )
    check_ruleset(moves, [{"n": 1}])

    class Lying(RuleSet):
        """Says the opposite when asked for one rule."""

        def function(self, name):
            return lambda record: not super(Lying, self).function(name)(record)

    with pytest.raises(AssertionError, match="disagree"):
        check_ruleset(Lying("lie", EVERY, RULES.rules), examples_of(RULES, 3))


def test_the_first_and_the_last_day_have_one_neighbour_each():
    """Records near a date that has nothing beyond it can be drawn all the same."""
    schema = Schema([Field("until", "date")])
    rules = RuleSet("ends", schema, [Rule("end", 'until < @"9999-12-31" and until > @"0001-01-01"')])
    assert find(records(rules, "end", False), lambda record: record["until"] in {date.min, date.max})


def test_records_keep_to_the_bounds_of_their_fields():
    """A field of any kind with bounds gets values between them, also where the rules compare with others."""
    fields = [
        Field("n", "integer", low=5, high=2000), Field("d", "decimal", low=2, high=3), Field("x", "float", high=-2e6), Field("s", low="b", high="m"),
        Field("day", "date", low=date(1900, 1, 1), high=date(1900, 1, 3)), Field("clock", "time", low=time(9), high=time(17)),
        Field("at", "date and time", low=datetime(2090, 1, 1, tzinfo=UTC)), Field("length", "days and time duration", low=timedelta(0)),
        Field("months", "years and months duration", high=YearsMonths(-70)),
    ]  # fmt: skip
    rules = RuleSet("bounded", Schema(fields), [
        Rule("r", 'n > 5 and n < 2000 and s > "b" and clock > @"09:00:00" and length > @"PT0S" and months < @"-P5Y10M" and d > 2.995'),
    ])  # fmt: skip
    for near in (True, False):
        for record in examples_of(rules, 60, near_boundary=near):
            rules.schema.read(record)
