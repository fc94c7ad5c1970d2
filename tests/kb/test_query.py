"""Questions as values: to plain data and back, and what is refused."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given

from crmkit.errors import InvalidValue
from crmkit.kb.query import And, Boost, Eq, Fuzzy, In, Phrase, Range, Term, Text, Under, Without, from_dict, to_dict
from crmkit.values import Money

from .asking import FILTERS, QUERIES

NAIVE = datetime(2026, 1, 5, tzinfo=UTC).replace(tzinfo=None)


@given(QUERIES)
def test_queries_come_back(query):
    """What is written as JSON is read as the same question."""
    assert from_dict(json.loads(json.dumps(to_dict(query)))) == query


@given(FILTERS)
def test_filters_come_back(filter_):
    """Filters do, too."""
    assert from_dict(json.loads(json.dumps(to_dict(filter_)))) == filter_


@pytest.mark.parametrize("value", [
    True, 1, 1.5, Decimal("1.50"), "a", date(2026, 1, 5), datetime(2026, 1, 5, 9, tzinfo=UTC), Money("5", "EUR"),
])  # fmt: skip
def test_values_keep_their_types(value):
    """Each kind of value that filters compare with comes back as what it was."""
    back = from_dict(json.loads(json.dumps(to_dict(Without(In("f", [value]))))))
    assert back == Without(In("f", [value]))
    assert type(back.part.values[0]) is type(value)


def test_what_is_usual_is_left_out():
    """Plain data are short, and name the class."""
    plain = to_dict(And([Text("vat", op=2), Boost(Term("a"), 2.0)]))
    assert plain == {
        "type": "And",
        "parts": [
            {"type": "Text", "text": "vat", "op": 2},
            {"type": "Boost", "part": {"type": "Term", "word": "a"}, "factor": 2.0},
        ],
    }


@pytest.mark.parametrize("plain", [
    None, [], {}, {"type": "Nothing"}, {"type": "Text"}, {"type": "Text", "text": "a", "ops": "all"}, {"type": "Text", "text": "a", "op": "some"},
    {"type": "Not", "part": {"type": "Eq", "name": "a", "value": 1}}, {"type": "And", "parts": 5}, {"type": "Range", "name": "a"},
    {"type": "Fuzzy", "word": "a", "edits": 3}, {"type": "Boost", "part": {"type": "MatchAll"}, "factor": 0},
])  # fmt: skip
def test_what_is_no_question_is_refused(plain):
    """Plain data that no question has written are refused, whatever is wrong with them."""
    with pytest.raises(InvalidValue):
        from_dict(plain)


def test_values_of_plain_data_are_checked():
    """A value that filters cannot compare is refused as when it is made."""
    with pytest.raises(InvalidValue, match="filter value"):
        from_dict({"type": "Eq", "name": "a", "value": None})


def test_depth_is_limited():
    """Plain data from outside cannot exhaust the stack."""
    plain = {"type": "MatchAll"}
    for _ in range(500):
        plain = {"type": "And", "parts": [plain]}
    with pytest.raises(InvalidValue, match="deeper"):
        from_dict(plain)


@pytest.mark.parametrize(("make", "why"), [
    (lambda: Text("a", op="some"), "neither"), (lambda: Text("a", op=0), "neither"), (lambda: Text("a", op=True), "neither"),
    (lambda: Eq("a", None), "filter value"), (lambda: Eq("a", float("nan")), "filter value"), (lambda: Eq("a", NAIVE), "aware"),
    (lambda: In("a", "abc"), "one text"), (lambda: Range("a"), "no limit"),
])  # fmt: skip
def test_mistakes(make, why):
    """A question that means nothing is refused when it is made."""
    with pytest.raises(InvalidValue, match=why):
        make()


def test_limits_of_numbers():
    """Slop, edits and factors have limits."""
    for make in (
        lambda: Phrase("a", slop=-1),
        lambda: Fuzzy("a", edits=3),
        lambda: Fuzzy("a", prefix=-1),
        lambda: Boost(Term("a"), 0),
    ):
        with pytest.raises(ValueError, match="must be"):
            make()
    assert Under("a", "b").term == "b"
