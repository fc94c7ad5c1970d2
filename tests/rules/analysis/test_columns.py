"""Columns of a table: cut where its cells change their answers, and written as cells again."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tabled import NOON, OPAQUE, POOLS, SCHEMA, cells

from crmkit.rules._columns import Cell, column, constant
from crmkit.rules._shapes import Shape, of_field
from crmkit.rules.feel._evaluate import evaluate
from crmkit.rules.feel._parser import parse, parse_tests
from crmkit.rules.feel._values import YearsMonths
from crmkit.rules.schema import Field, Schema

fields = st.sampled_from(sorted(POOLS))


def of(name):
    """The shape of a field."""
    return of_field(SCHEMA.field(name))


def read(text):
    """A cell."""
    return parse_tests(text or "-", ["?", "days", "amount", "rate", "starts with"])


@st.composite
def columns(draw):
    """A column with some cells, and these."""
    name = draw(fields)
    listed = draw(st.lists(cells(name), min_size=1, max_size=4))
    return name, column(name, of(name), map(read, listed)), listed


def pointwise(made, tests):
    """What each cell says, one by one."""
    return sum(1 << n for n, cell in enumerate(made.cells) if evaluate(tests, {"?": cell.value}).value is True)


@given(columns())
def test_every_plain_cell_cuts_a_column(made):
    """Cells of values and ranges always give a column, and each of them is true somewhere in it."""
    _, found, listed = made
    assert found is not None
    assert all(found.mask(read(text)) for text in listed)


@given(columns())
def test_masks_are_what_the_interpreter_says(made):
    """A mask that was found by places is the mask that asking every cell gives."""
    _, found, listed = made
    for text in listed:
        assert found.mask(read(text)) == pointwise(found, read(text)), text


@given(columns(), st.data())
def test_values_of_one_cell_are_alike(made, data):
    """A value of a record is decided as the one cell that it lies in is."""
    name, found, listed = made
    value = SCHEMA.field(name).read(data.draw(st.sampled_from(POOLS[name][1])))
    where = [n for n, cell in enumerate(found.plain) if _lies(value, cell, found)]
    assert len(where) == 1
    for text in listed:
        assert (evaluate(read(text), {"?": value}).value is True) == bool(found.mask(read(text)) >> where[0] & 1), text


def _lies(value, cell, found):
    if cell.other:
        return all(value != one.value for one in found.plain if not one.other)
    if cell.point:
        return value == cell.value
    return (cell.low is None or cell.low < value) and (cell.high is None or value < cell.high)


@given(columns(), st.data())
def test_texts_read_back(made, data):
    """Any set of cells, written as a cell, is the same set again."""
    _, found, _ = made
    side = data.draw(st.integers(1, (1 << len(found.cells)) - 1))
    assert found.mask(read(found.text(side))) == side, found.text(side)


def test_no_cell_is_called_nothing():
    """The empty set of cells has a word of its own."""
    assert column("vip", of("vip"), []).text(0) == "nothing"


@pytest.mark.parametrize(("name", "texts", "said"), [
    ("amount", ["[10..20)"], {"-": 255, "not(null)": 127, "[0..10)": 3, "[10..20)": 12, "[20..100], null": 240}),
    ("rate", ["< 0.1", "0.3"], {"< 0.1": 1, "0.1": 2, "(0.1..0.3)": 4, "> 0.3, null": 48, "< 0.1, >= 0.3": 25}),
    ("days", ["[0..1]", "< 3"], {"[-3..0)": 3, "[0..1]": 12}),
    ("name", ['"ann", "bob"'], {'"ann"': 1, 'not("ann", "bob", null)': 4, 'not("ann")': 14, "null": 8, 'not("bob", null)': 5}),
    ("tier", ["-"], {'"gold", "bronze"': 5, "null": 8, '"silver", null': 10}),
    ("clock", ['>= @"09:00:00"'], {'< @"09:00:00"': 1, '>= @"09:00:00"': 6}),
])  # fmt: skip
def test_texts_are_those_that_people_write(name, texts, said):
    """A set of cells is written as short as it can be."""
    found = column(name, of(name), map(read, texts))
    for text, side in said.items():
        assert found.text(side) == text


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in OPAQUE.items() for text in texts])
def test_other_conditions_cut_no_column(name, text):
    """A cell that compares with more than literals, or texts by their order, says so."""
    assert column(name, of(name), [read(text)]) is None


@pytest.mark.parametrize("text", [
    "< amount", "[amount..5]", "[1..2][1]", "? in amount", "5 = ?", "not(? > amount)", "-amount", "[1, amount]", "? between 1 and amount",
    "days between 1 and 2",
])  # fmt: skip
def test_what_is_no_literal_cuts_no_column(text):
    """Names, calculations and turned comparisons are more than a column can say."""
    assert column("days", Shape("integer"), [read(text)]) is None


def test_listed_values_take_any_test():
    """Where all values are known, every test that speaks of nothing else is tried on each of them."""
    found = column("tier", of("tier"), [read('starts with(?, "g")')])
    assert found.text(found.mask(read('starts with(?, "g")'))) == '"gold"'
    assert column("tier", of("tier"), [read('starts with(amount, "g")')]) is None


def test_whole_numbers_have_no_gaps_between_neighbours():
    """Between two neighbouring days or integers lies nothing, and a fraction falls between two of them."""
    found = column("days", Shape("integer", nullable=False), map(read, ["< 2.5", "3"]))
    assert [cell.value for cell in found.cells] == [1, 2, 3, 4]
    days = column("day", Shape("date", nullable=False), map(read, ['@"2026-01-31"', '@"2026-02-01"']))
    assert [cell.point for cell in days.cells] == [False, True, True, False]


def test_lines_end_where_their_kinds_do():
    """Before the first day of the calendar, and after the last, there is nothing."""
    found = column("day", Shape("date", nullable=False), map(read, ['@"0001-01-01"', '@"9999-12-31"']))
    assert [cell.point for cell in found.cells] == [True, False, True]
    edge = column(
        "rate", Shape("float", nullable=False), map(read, ["1.7976931348623157e308", "-1.7976931348623157e308"])
    )
    assert [cell.point for cell in edge.cells] == [True, False, True]
    close = column("rate", Shape("float", nullable=False), map(read, ["0.1", "0.10000000000000002"]))
    assert [cell.point for cell in close.cells] == [False, True, True, False]


def test_numbers_beyond_all_digits_are_told_apart():
    """Huge literals, and tiny distances between them, still have something between and beyond."""
    texts = ["1e6000", "1.000000000000000000000000000000001", "1"]
    found = column("n", Shape("decimal", nullable=False), map(read, texts))
    assert len({cell.value for cell in found.cells}) == len(found.cells) == 7


@pytest.mark.parametrize("text", ['@"2026-03-01T12:00:00"', '@"99999-01-01T12:00:00Z"'])
def test_instants_have_a_zone(text):
    """A date and time without a zone, or too wide for a record, is compared with no instant."""
    assert column("at", of("at"), [read(text)]) is None
    assert column("clock", of("clock"), [read('@"09:00:00+01:00"')]) is None
    assert column("day", of("day"), [read('@"99999-01-01"')]) is None


@pytest.mark.parametrize(
    "kind",
    [
        "date",
        "time",
        "date and time",
        "days and time duration",
        "years and months duration",
        "decimal",
        "integer",
        "float",
    ],
)
def test_a_line_without_literals_is_one_cell(kind):
    """A column that nobody cuts has one value to stand for all, and null."""
    found = column("x", Shape(kind), [read("-"), read("null")])
    assert [cell.point for cell in found.cells] == [False, True]
    assert found.text(1) == "not(null)"


def test_kinds_without_order_know_null_and_no_more():
    """A list can be there or not; other cells cut it nowhere."""
    found = column("tags", Shape("list"), [read("null"), read("-"), read("not(null)")])
    assert [found.mask(read(text)) for text in ("null", "not(null)", "-")] == [2, 1, 3]
    assert column("tags", Shape("list"), [read('"a"')]) is None
    assert column("any", Shape("any"), [read("[1, 2]")]) is None


def test_bounds_are_those_of_the_schema():
    """Bounds are cut as the schema has them, whatever class of number they came in."""
    schema = Schema([
        Field("a", "decimal", low=0.1, high=5), Field("b", "integer", low=0.5, high=2.5), Field("c", "float", low=0.1),
        Field("d", "date", low=date(2026, 1, 1)), Field("e", "date and time", low=datetime(2026, 1, 1)),  # noqa: DTZ001
        Field("f", "years and months duration", high=YearsMonths(12)), Field("g", "date and time", high=NOON),
    ])  # fmt: skip
    ends = {field.name: column(field.name, of_field(field), []).cells for field in schema.fields}
    assert [ends["a"][0].value, ends["a"][-1].value] == [Decimal("0.1"), 5]
    assert [cell.value for cell in ends["b"]] == [1, 2]
    assert ends["c"][0] == Cell(0.1)
    assert ends["d"][0] == Cell(date(2026, 1, 1))
    assert len(ends["e"]) == 1
    assert ends["f"][-1] == Cell(YearsMonths(12))
    assert ends["g"][-1] == Cell(NOON)


def test_constants_are_literals_with_a_sign():
    """A literal has a value; a negated one too."""
    assert constant(parse("-2.5")) == Decimal("-2.5")
    assert constant(parse("null")) is None
