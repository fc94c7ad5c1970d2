"""Both solvers: their records are right, what they call impossible is, and they agree."""

import sys
from datetime import date
from itertools import product

import pytest
from conditions import ANY, CROSS, PLAIN, VERDICTS, demands, meets, read, says
from hypothesis import given, settings
from hypothesis import strategies as st
from tabled import SCHEMA, records

from crmkit.errors import ExtraMissing, InvalidValue
from crmkit.rules import Field, Schema
from crmkit.rules.analysis import Budget
from crmkit.rules.analysis._box_solver import BoxSolver
from crmkit.rules.analysis._solvers import solver
from crmkit.rules.analysis._z3_solver import Z3Solver
from crmkit.rules.feel import parse

BOTH = pytest.mark.parametrize("name", ["boxes", "z3"])
SMALL = Schema([
    Field("role", values=["rep", "manager"], nullable=True), Field("key", "boolean", nullable=True),
    Field("n", "integer", values=[0, 1, 2, 5]), Field("m", "decimal", values=[1, 2], nullable=True),
])  # fmt: skip
LEAVES = st.sampled_from([
    'role = "rep"', 'role in ("rep", null)', "key", "key = null", "n > 1", "n = 2", "n between 1 and 2", "m > 1",
    "n < m", "n + m = 3", "n * m >= 4", "m = null", "n / m > 1", "key = (n > m)", "some x in [1, 2] satisfies x = n + m",
])  # fmt: skip


def every():
    """All records of the small schema."""
    for role, key, n, m in product(["rep", "manager", None], [True, False, None], [0, 1, 2, 5], [1, 2, None]):
        yield {"role": role, "key": key, "n": n, "m": m}


def small(text):
    """A condition over the small schema."""
    return parse(text)


def said(answer):
    """An answer in a word."""
    return answer.open or ("none" if answer.impossible else "some")


@given(st.lists(st.recursive(LEAVES, lambda inner: st.one_of(
    st.tuples(inner, inner).map(lambda two: f"({two[0]} and {two[1]})"),
    st.tuples(inner, inner).map(lambda two: f"({two[0]} or {two[1]})"),
    inner.map(lambda one: f"not({one})")), max_leaves=3), min_size=1, max_size=3), st.data())  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_brute_force(texts, data):
    """On a schema of few records: z3 says exactly what a look at all of them says, boxes never say otherwise."""
    nodes = [*map(small, texts)]
    demand = data.draw(demands(len(nodes)))
    found = any(
        all(values[one] in wanted for one, wanted in demand.items())
        for values in (Z3Solver(SMALL, nodes, Budget()).said(record) for record in every())
    )
    assert said(Z3Solver(SMALL, nodes, Budget()).ask(demand)) == ("some" if found else "none")
    assert said(BoxSolver(SMALL, nodes, Budget()).ask(demand)) in {"opaque", "some" if found else "none"}


@given(st.lists(PLAIN, min_size=1, max_size=3), st.data())
@settings(max_examples=80, deadline=None)
def test_boxes_and_z3_agree(texts, data):
    """Conditions that compare fields with literals: both know, and say the same; a record given is one."""
    nodes = [*map(read, texts)]
    demand = data.draw(demands(len(nodes)))
    boxes, exact = BoxSolver(SCHEMA, nodes, Budget()).ask(demand), Z3Solver(SCHEMA, nodes, Budget()).ask(demand)
    assert said(boxes) == said(exact) != "opaque"
    for answer in (boxes, exact):
        assert answer.record is None or meets(nodes, answer.record, demand)


@BOTH
@given(st.lists(ANY, min_size=1, max_size=3), records(), st.data())
@settings(max_examples=80, deadline=None)
def test_impossible_is_impossible(name, texts, record, data):
    """No record at all does what a solver calls impossible, whatever the conditions are made of."""
    nodes = [*map(read, texts)]
    asked = data.draw(st.sets(st.sampled_from(range(len(nodes))), min_size=1))
    demand = {one: {says(nodes[one], record)} for one in asked}
    answer = solver(name, SCHEMA, nodes, Budget()).ask(demand)
    assert not answer.impossible
    assert answer.record is None or meets(nodes, answer.record, demand)


@BOTH
@pytest.mark.parametrize("text", CROSS)
def test_kinds_of_conditions(name, text):
    """Each kind of condition alone: what a solver says it can be, some record makes it."""
    node = read(text)
    asked = solver(name, SCHEMA, [node], Budget())
    for verdict in VERDICTS:
        answer = asked.ask({0: {verdict}})
        assert answer.record is None or says(node, answer.record) is verdict


@pytest.mark.parametrize(("text", "verdicts"), [
    ("amount > days", "yyy"), ("amount * (1 - days) < 5", "yyy"), ("amount / days >= 2", "yyy"), ("days * days = 7", "nyn"),
    ("amount * amount = 2 and amount > 0", "yyn"), ("rate * 2 > 0.3", "yyy"), ('name < "b"', "yyy"),
    ('starts with(name, "\\\\u{41}")', "yyy"), ('name = "\\u4e2d\\\\"', "yyn"), ('name = "\\U0001F600"', "yyn"),
    ('day - @"2026-01-31" > wait', "yyy"), ("wait + wait > wait", "yyy"), ("vip = (amount > 5)", "yyn"),
    ("amount - amount = 0", "yyn"), ("amount / 3 * 3 > amount + 1", "nyy"), ("(if vip then null else days) > 2", "yyy"),
    ("rate * 2 > 0.3 and rate <= 0.15", "nyy"), ("amount / days > 1 and amount = 3 and days = 3", "nyn"), ("rate * 2 > days", "yyy"),
    ("some x in [1, 2] satisfies amount * x > days", "yyy"), ("every x in [] satisfies x", "ynn"),
])  # fmt: skip
def test_what_z3_knows(text, verdicts):
    """True, false, null: yes, no, or open, for formulas over several fields, quotients, texts, times and nulls."""
    asked = Z3Solver(SCHEMA, [read(text)], Budget(20_000_000))
    letters = {"some": "y", "none": "n", "opaque": "o", "steps": "s"}
    assert "".join(letters[said(asked.ask({0: {verdict}}))] for verdict in VERDICTS) == verdicts


def test_same_opaque_parts_are_the_same():
    """What neither expresses still cannot be true and false at once."""
    nodes = [
        read(text)
        for text in (
            'matches(name, "a+")',
            'not(matches(name, "a+")) and vip',
            "floor(amount) > 3",
            "floor(amount) < 2",
        )
    ]
    for name in ("boxes", "z3"):
        asked = solver(name, SCHEMA, nodes, Budget())
        assert asked.ask({0: {True}, 1: {True}}).impossible
        assert asked.ask({2: {True}, 3: {True}}).impossible


@pytest.mark.parametrize("text", [
    "vip > true", "day > at", 'vip = (name in (? in (? = "ann")))', "vip = not(vip)", "starts with(name, days)", "min(days, amount) > 3",
    f"amount > 1{'0' * 1300}", 'at > @"2026-01-01T00:00:00"', "-name = 3", "amount * 3 = 1", "rate * 3 = 1", "(if vip then name else days) = 1",
    "some days in [1, amount] satisfies days > 2", 'some tier in tier satisfies tier = "gold"', "contains(name)", "vip = matches(name, name)",
    'amount in (1, "a")', "days in [1, [2]]", "some x in [1, 2], y in [3, 4] satisfies x + y = days", "vip = null and day = null",
])  # fmt: skip
def test_odd_conditions(text):
    """What a checked rule never says, and what has no formula: open at worst, and what is given is right."""
    node = read(text)
    for name in ("boxes", "z3"):
        asked = solver(name, SCHEMA, [node], Budget())
        answers = {verdict: asked.ask({0: {verdict}}) for verdict in VERDICTS}
        assert not all(answer.impossible for answer in answers.values())
        assert all(answer.record is None or says(node, answer.record) is verdict for verdict, answer in answers.items())


@BOTH
def test_long_conditions(name):
    """Thousands of conditions in one: no recursion, and the answer is right."""
    node = parse(
        f"({' or '.join(f'n = {number}' for number in range(3000))}) and n != 7 and (if true then true else 5)"
    )
    asked = solver(
        name, Schema([Field("n", "integer", low=7, high=5000)]), [node, parse("n <= 7"), parse("n > 2999")], Budget()
    )
    assert said(asked.ask({0: {True}})) == "some"
    assert said(asked.ask({0: {True}, 1: {True}})) == "none"
    assert said(asked.ask({0: {True}, 2: {True}})) in {"none", "steps"}


def test_values_beyond_bounds():
    """Listed values that the bounds of their field forbid: no record is made up of them."""
    schema = Schema([Field("n", "integer", values=[1, 50], low=10)])
    nodes = [parse("n = 1"), parse("n > 1")]
    assert said(BoxSolver(schema, nodes, Budget()).ask({0: {True}})) == "opaque"
    assert [said(Z3Solver(schema, nodes, Budget()).ask({one: {True}})) for one in (0, 1)] == ["none", "some"]


def test_contexts_and_lists():
    """Members of contexts; a context or list that is empty or is not; fields that nobody asks for are filled in."""
    who = Field("who", "context", fields=[Field("age", "integer", low=18), Field("mail", nullable=True)], nullable=True)
    schema = Schema([who, Field("tags", "list", item="string", nullable=True), Field("home", "context", fields=[Field("zip")]),
                     Field("deep", "list", item="string")])  # fmt: skip
    nodes = [parse(text) for text in ("who = null", "who.age > 30", "tags != null", "who.mail = null", 'home.zip = "1"',
                                      "who.age < 30", "home != null")]  # fmt: skip
    for name in ("boxes", "z3"):
        asked = solver(name, schema, nodes, Budget())
        assert asked.ask({0: {True}}).record["who"] is None
        assert asked.ask({0: {False}}).record["who"] is not None
        assert asked.ask({1: {True}}).record["who"]["age"] > 30
        assert asked.ask({1: {None}}).record["who"] is None
        assert asked.ask({2: {True}}).record["tags"] == []
        assert asked.ask({2: {False}}).record["tags"] is None
        assert asked.ask({3: {True}, 1: {False}, 4: {True}}).record["home"] == {"zip": "1"}
        assert asked.ask({1: {True}, 5: {True}}).impossible
        assert asked.ask({6: {False}}).impossible
    assert Z3Solver(schema, nodes, Budget()).ask({0: {True}, 1: {True}}).impossible


def test_values_of_all_kinds():
    """Bounds and listed values hold in every record: of texts and dates too, and of those that null has."""
    schema = Schema([
        Field("a", low="b", high="d"), Field("b", "date", low=date(2026, 1, 1), nullable=True), Field("c", "float", high=1),
        Field("d", "float", values=[0.1, 0.5]), Field("e", "date", values=[date(2026, 1, 1)]),
    ])  # fmt: skip
    texts = ('a > "c"', 'a > "e"', 'b < @"2026-01-01"', "c >= 1", "c > 1", "d > 0.2", 'e != @"2026-01-01"')
    asked = Z3Solver(schema, [*map(parse, texts)], Budget())
    assert [said(asked.ask({one: {True}})) for one in range(7)] == [
        "some",
        "none",
        "none",
        "some",
        "none",
        "some",
        "none",
    ]


def test_steps_run_out():
    """What takes too many steps is not answered, by either; and never called impossible."""
    hard = parse(" and ".join(f"({' or '.join(f'f{i} > {j} and f{i + 1} < {j}' for j in range(6))})" for i in range(6)))
    wide = Schema([Field(f"f{i}", "decimal") for i in range(8)])
    assert said(BoxSolver(wide, [hard], Budget(50)).ask({0: {True}})) == "steps"
    two = [
        parse(text)
        for text in ("f0 > 1 or f1 > 2 or f2 > 3", "f0 < 0 or f1 < 0 or f2 < 0", "f0 = 0 and f1 = 0 and f2 = 0")
    ]
    assert said(BoxSolver(wide, two, Budget(30)).ask({0: [True], 1: [True], 2: [True]})) == "none"
    for steps in (1, 4):
        assert said(BoxSolver(wide, two, Budget(steps)).ask({0: [True], 1: [True]})) == "steps"
    assert said(BoxSolver(wide, [hard, parse("f7 > 1")], Budget(50)).ask({0: {True}, 1: {True}})) == "steps"
    deep = [parse(f"f0 > {n} or f1 > {n} or f2 > {n}") for n in range(40)]
    assert said(BoxSolver(wide, deep, Budget(60)).ask(dict.fromkeys(range(40), (True,)))) == "steps"
    many = parse(f"({' or '.join(f'f0 = {n} and f1 = {n}' for n in range(70))}) and f2 > f3 + 1")
    assert said(BoxSolver(wide, [many], Budget()).ask({0: {True}})) == "opaque"
    cubes = parse("x ** 3 + y ** 3 + z ** 3 = 114 and x > y and y > z")
    whole = Schema([Field(name, "integer") for name in "xyz"])
    assert said(Z3Solver(whole, [cubes], Budget(200_000)).ask({0: {True}})) == "steps"


def test_without_z3(monkeypatch):
    """Asked for and not installed: the error names the extra. A solver that is none: the nearest."""
    monkeypatch.setitem(sys.modules, "z3", None)
    with pytest.raises(ExtraMissing, match=r"crmkit\[analysis\]"):
        solver("z3", SCHEMA, [], Budget())
    with pytest.raises(InvalidValue, match="did you mean 'boxes'"):
        solver("box", SCHEMA, [], Budget())
