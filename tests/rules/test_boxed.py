"""Decision tables and typed values: the hit policies, conversions, and reasons for null."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from crmkit.rules._boxed import BOXED, Input, Output, Row, TableNode, Typed, checked
from crmkit.rules.feel._evaluate import evaluated
from crmkit.rules.feel._library import FUNCTIONS
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._parser import parse, parse_tests
from crmkit.rules.feel._run import Run, Scope, World
from crmkit.rules.feel._types import ANY, Type, conforms
from crmkit.rules.feel._values import UNKNOWN, Function, Range

NUMBER, TEXT, MOMENT = Type("number"), Type("string"), Type("date and time")
NUMBERS = Type("list", item=NUMBER)


def cell(text):
    """The tree of a cell."""
    return parse_tests(text, FUNCTIONS | {"?"})


def table(policy, rows, *, outputs=("",), values=(), defaults=(), of=ANY):
    """A table over `x`: rows of a cell and results."""
    columns = tuple(
        Output(
            name,
            of,
            cell(values[n]).tests if values else (),
            cell(values[n]) if values else None,
            parse(defaults[n]) if defaults and defaults[n] else None,
        )
        for n, name in enumerate(outputs)
    )
    made = tuple(Row((cell(test),), tuple(parse(result) for result in results)) for test, *results in rows)
    return TableNode(policy, (Input(parse("x"), "x"),), columns, made)


def decide(node, **values):
    """The value of a table and the codes of its notes."""
    outcome = evaluated(node, values, None, BOXED)
    return outcome.value, [note.code for note in outcome.notes]


def d(*numbers):
    """Numbers as FEEL has them."""
    return [Decimal(number) for number in numbers]


ROWS = [("> 0", "2"), ("> 10", "3"), ("> 20", "1")]


@pytest.mark.parametrize(
    ("policy", "x", "wanted", "codes"),
    [
        ("U", 5, Decimal(2), []),
        ("U", 15, None, ["unique"]),
        ("U", -1, None, ["no-match"]),
        ("A", 5, Decimal(2), []),
        ("A", 15, None, ["any"]),
        ("F", 25, Decimal(2), []),
        ("R", 25, d(2, 3, 1), []),
        ("C", 25, d(2, 3, 1), []),
        ("C+", 25, Decimal(6), []),
        ("C<", 25, Decimal(1), []),
        ("C>", 25, Decimal(3), []),
        ("C#", 25, Decimal(3), []),
    ],
)
def test_each_hit_policy_decides_among_the_rows_that_match(policy, x, wanted, codes):
    """The hit policies give what chapter 8.2.10 of the standard says."""
    assert decide(table(policy, ROWS), x=Decimal(x)) == (wanted, codes)


def test_any_takes_rows_that_agree():
    """Under the policy any, several rows may match with one result."""
    assert decide(table("A", [("> 0", "1"), ("> 1", "1")]), x=Decimal(5)) == (Decimal(1), [])


@pytest.mark.parametrize(("policy", "wanted"), [("P", Decimal(1)), ("O", d(1, 2, 3))])
def test_priorities_are_the_order_of_the_output_values(policy, wanted):
    """Priority gives the result listed first, output order all results in the order of the list."""
    assert decide(table(policy, ROWS, values=["1, 2, 3"]), x=Decimal(25)) == (wanted, [])


def test_priorities_may_be_ranges_and_the_unlisted_come_last():
    """An output value may be any test; results that no test covers rank behind all others."""
    node = table("O", [("-", '"z"'), ("-", "5"), ("-", "1")])
    listed = Output("", values=cell("[0..2], > 4").tests)
    node = TableNode("O", node.inputs, (listed,), node.rows)
    assert decide(node, x=Decimal(0))[0] == [Decimal(1), Decimal(5), "z"]


def test_several_outputs_make_contexts_ordered_by_the_first_that_differs():
    """Rows of several results are contexts; priority looks at the outputs from left to right."""
    rows = [("-", "1", '"b"'), ("-", "1", '"a"'), ("-", "2", '"a"')]
    node = table("O", rows, outputs=("n", "t"), values=["2, 1", '"a", "b"'])
    wanted = [{"n": Decimal(2), "t": "a"}, {"n": Decimal(1), "t": "a"}, {"n": Decimal(1), "t": "b"}]
    assert decide(node, x=None) == (wanted, [])


def test_several_outputs_have_no_sum():
    """Collect with an operator is not defined over several outputs."""
    assert decide(table("C+", [("-", "1", "2")], outputs=("a", "b")), x=None) == (None, ["type"])


def test_a_default_stands_in_when_no_row_matches():
    """Without a row that matches the defaults are the result; an output without one is null then."""
    node = table("U", [("> 1", "1", "2")], outputs=("a", "b"), defaults=["7", None])
    assert decide(node, x=Decimal(0)) == ({"a": Decimal(7), "b": None}, [])
    assert decide(table("U", ROWS, defaults=["7"]), x=Decimal(0)) == (Decimal(7), [])


def test_values_outside_the_columns_make_null():
    """An input value that its column does not list, and a result that its column does not list, make the table null."""
    node = table("U", [("-", "9")], values=["1, 2"])
    assert decide(node, x=None) == (None, ["domain"])
    narrow = Input(parse("x"), "x", NUMBER, cell("not(3)"))
    node = TableNode("U", (narrow,), (Output(),), node.rows)
    assert decide(node, x=Decimal(3)) == (None, ["domain"])
    assert decide(node, x=Decimal(4)) == (Decimal(9), [])
    assert decide(node, x=None) == (Decimal(9), [])
    assert decide(node, x="three") == (None, ["type"])
    unlabelled = TableNode("U", (Input(parse("x"), "", NUMBER, cell("1")),), (Output(),), node.rows)
    assert decide(unlabelled, x=Decimal(3)) == (None, ["domain"])


def test_results_are_fitted_to_the_type_of_their_column():
    """A result of another type makes the table null, a list of one is opened."""
    assert decide(table("U", [("-", '"a"')], of=NUMBER), x=None) == (None, ["type"])
    assert decide(table("U", [("-", "[1]")], of=NUMBER), x=None) == (Decimal(1), [])


def test_what_is_not_known_yet_stays_unknown():
    """A table asks for a value only if the rows before leave its result open."""
    assert decide(table("U", ROWS), x=UNKNOWN)[0] is UNKNOWN
    assert decide(table("F", [("-", "1"), ("> 0", "2")]), x=UNKNOWN)[0] == Decimal(1)
    assert decide(table("F", [("> 0", "1"), ("-", "2")]), x=UNKNOWN)[0] is UNKNOWN
    assert decide(table("C", [("-", "1"), ("> 0", "2")]), x=UNKNOWN)[0] is UNKNOWN
    limited = TableNode("U", (Input(parse("x"), "x", NUMBER, cell("1")),), (Output(),), table("U", [("-", "1")]).rows)
    assert decide(limited, x=UNKNOWN)[0] == Decimal(1)


PERSON = Type("context", members={"name": TEXT, "ages": NUMBERS}, name="tPerson")
RANGE = Type("range", item=NUMBER)


@pytest.mark.parametrize(
    ("value", "of", "wanted"),
    [
        (None, NUMBER, None),
        (UNKNOWN, NUMBER, UNKNOWN),
        ("a", ANY, "a"),
        (Decimal(1), NUMBERS, d(1)),
        (d(1), NUMBER, Decimal(1)),
        ([d(1, 2)], NUMBERS, d(1, 2)),
        (d(1), Type("list", item=NUMBERS), [d(1)]),
        ([None, UNKNOWN], NUMBERS, [None, UNKNOWN]),
        (["a", 1], Type("list"), ["a", 1]),
        (date(2026, 1, 31), MOMENT, datetime(2026, 1, 31, tzinfo=UTC)),
        ({"name": None, "ages": [], "more": 1}, PERSON, {"name": None, "ages": [], "more": 1}),
        ({}, Type("context"), {}),
        (Range(Decimal(1), None, low_included=True, high_included=False), RANGE, ...),
    ],
)
def test_values_are_converted_as_a_whole(value, of, wanted):
    """Lists of one, items, and dates are converted; more members than a type asks for are welcome."""
    run = Run(World(), BOXED)
    assert checked(run, value, of, Scope({})) == (value if wanted is ... else wanted)


@pytest.mark.parametrize(
    ("value", "of", "why"),
    [
        ("1", NUMBER, "wanted number, got a string"),
        ([d(1)], NUMBER, "wanted number, got a list"),
        (["a"], NUMBERS, "wanted list<number>, got a list"),
        ([], NUMBER, "got a list"),
        ({"name": "a"}, PERSON, "wanted tPerson, got a context without 'ages'"),
        ({"name": "a", "ages": ["b"]}, PERSON, "whose 'ages' is a list and no list<number>"),
        ({"name": "a"}, TEXT, "wanted string, got a context"),
        (date(2026, 1, 31), TEXT, "got a date"),
        (Range("a", None, low_included=True, high_included=False), RANGE, "got a range"),
        (Function(("a",), len), Type("function", parameters=(), result=ANY), "got a function"),
    ],
)
def test_what_cannot_be_converted_is_told(value, of, why):
    """A value of another type is refused with what was wanted and what came, and the member at fault."""
    with pytest.raises(Problem, match=why):
        checked(Run(World(), BOXED), value, of, Scope({}))


def test_allowed_values_are_asked_at_every_depth():
    """Tests of a type hold for items of lists and members of contexts, and may be negated."""
    small = Type("number", allowed=cell("< 5"), name="tSmall")
    several = Type("list", item=small, allowed=cell("count(?) < 3"), name="tSeveral")
    outer = Type("context", members={"small": small, "several": several})
    run, scope = Run(World(), BOXED), Scope({})
    assert checked(run, {"small": Decimal(1), "several": d(1, 2)}, outer, scope)
    for wrong in (
        {"small": Decimal(9), "several": []},
        {"small": None, "several": d(9)},
        {"small": None, "several": d(1, 1, 1)},
    ):
        with pytest.raises(Problem, match="none that tS"):
            checked(run, wrong, outer, scope)
    with pytest.raises(Problem, match="allows"):
        checked(run, Decimal(3), Type("number", allowed=cell("not(3)")), scope)


def test_a_typed_value_that_is_of_another_type_is_null():
    """A typed box gives null and a note where its value does not fit."""
    assert decide(Typed(parse("1 + 1"), NUMBER)) == (Decimal(2), [])
    assert decide(Typed(parse("1 + 1"), TEXT)) == (None, ["type"])


def test_conforming_asks_for_the_shape():
    """A function conforms by the number of its parameters, a list without an item type takes all."""
    assert conforms(Function(("a",), len), Type("function", parameters=(ANY,), result=ANY))
    assert not conforms("a", Type("list"))
