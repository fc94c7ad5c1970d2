"""What becomes source, and what is left to the interpreter."""

from decimal import Decimal

import pytest

from crmkit.rules._compile import Vocabulary, _emitter, check, compiled
from crmkit.rules._emit import Opaque, cell
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._parser import parse_tests
from crmkit.rules.schema import Field, Schema

SCHEMA = Schema(
    [
        Field("a", "integer"),
        Field("b", "decimal", nullable=True),
        Field("f", "float"),
        Field("s"),
        Field("t", nullable=True),
        Field("n", "integer", values=[1, 2, 3]),
        Field("day", "date"),
        Field("due", "date", nullable=True),
        Field("flag", "boolean"),
        Field("clock", "time"),
        Field("o", "context", fields=[Field("x", "integer"), Field("p", "context", fields=[Field("z")], nullable=True)], nullable=True),
        Field("items", "list", fields=[Field("q", "integer"), Field("r", nullable=True), Field("l", "list", item="integer")]),
        Field("things", "list"),
    ]
)  # fmt: skip
VOCABULARY = Vocabulary.of(SCHEMA)
RECORD = {
    "a": 2, "b": None, "f": 0.5, "s": "x", "t": None, "n": 1, "day": None, "flag": True, "o": {"x": 1, "p": {"z": "x"}},
    "items": [{"q": 1, "r": None, "l": [1, 2]}], "things": [1, "x"],
}  # fmt: skip


def emitter(text):
    """An emitter for a text, and the text's tree."""
    checked = check(text, VOCABULARY, boolean=True)
    return _emitter([checked]), checked.node


SOURCES = [
    ("a > 1.5", "((f0 > k0))"),
    ("a = 3", "((f0 == 3))"),
    ("f > 0.1 and f < 1", "(((f2 > 0.1) and (f2 < 1.0)))"),
    ('s in ("x", "y")', "((f3 in {'x', 'y'}))"),
    ('s = "__import__(\'os\')"', "((f3 == \"__import__('os')\"))"),
    ("not(flag)", "((f8 is False))"),
    ("b = null", "((not (f1 is not None)))"),
    ("a != null", "(True)"),
    ("b > 1", "(f1 > k0 if (f1 is not None) else None)"),
    ('starts with(s, "x") or ends with(s, "yz")', "((((f3[k0] == 'x')) or ((f3[k1] == 'yz'))))"),
    ('starts with(s, "")', "((f3.startswith('')))"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "source"), SOURCES)
def test_conditions_become_plain_python(text, source):
    """Comparisons are Python's own, texts are quoted, other values are names for constants."""
    emit, node = emitter(text)
    assert emit.verdict(node) == source


OPAQUE = ["clock < clock", "a in (things[1])", "a in [[1..3]]", "count(items[q > 0]) > 0", "some i in 1..2 satisfies i > 1",
          "b ** 2 > 1", "some i in things satisfies i = 1", "some i in items, j in items satisfies i.q > j.q",
          'some i in items satisfies substring(i.r, 1) = "x"', "things = things", "now() = null"]  # fmt: skip


@pytest.mark.parametrize("text", OPAQUE)
def test_what_has_no_plain_form_is_interpreted(text):
    """Such a part is handed over as a whole; its neighbours stay plain."""
    emit, node = emitter(f"a > 1 and ({text})")
    source = emit.verdict(node)
    assert source.startswith("((f0 > 1) and ")
    assert "_interpret(" in source


TRUE = [
    "o.x > 0", 'o.p.z = "x"', "o.p.z = s", "some i in items satisfies some j in i.l satisfies j > a - 1",
    "every i in items satisfies i.r = null", "some i in items satisfies i.q = n", "-a < a", "-f < f", "-(b) = null",
    'upper case(substring(s, 1)) = "X"', 's + substring(s, 1) = "xx"', "a * abs(a) = 4", "-abs(a) = -2", "-(-a) = a",
    "(if flag then a else null) = 2", "(if flag then things[1] else null) = 1", "if flag then flag else null",
    "(b = null) = true", "not(b = null) = false", "(b > 1) = null", "(not(b > 1)) = null", "-(1.5) < f", "1.5 > a - 1",
    "some a in items satisfies a.q = 1", "a in (null, 2)", "null = b", "a in (? > 1)", "f / a < 1", "a ** 2 = 4",
    's in ("x", s)', 't = null or t in ("x", "y")', "a between 1 and 2", "a in [1..2]", "a in ]1..3[", "a in ([3, 2])",
    "count(things) = 2", "(a > 1 and b > 1) = null", "true", "a in (>= 2)", "9007199254740993 > a", "1e30 > a",
    'contains(string(a), "2")', 'list contains(things, "x")', "flag = true",
]  # fmt: skip


@pytest.mark.parametrize("end", ["x", "xy", "\U0001f600", "yx", "xyx" * 9, "'"])
@pytest.mark.parametrize("text", ["", "x", "xy", "xyx", "\U0001f600x\U0001f600", "x'", "xyx" * 9])
def test_the_ends_of_texts_are_those_of_python(text, end):
    """Comparing a slice says what asking the text for its end does, for shorter and longer texts, and for nulls."""
    for function, asked in (("starts with", text.startswith), ("ends with", text.endswith)):
        for name in "st":
            checked = check(f'{function}({name}, "{end}")', VOCABULARY, boolean=True)
            assert compiled(checked)({"s": text, "t": text}) is asked(end)
    assert compiled(check(f'ends with(t, "{end}")', VOCABULARY, boolean=True))({"t": None}) is None


@pytest.mark.parametrize("text", TRUE)
def test_all_forms_say_what_the_interpreter_says(text):
    """Each of these is true of the record, for the function and for the interpreter."""
    checked = check(text, VOCABULARY, boolean=True)
    record = {name: value for name, value in RECORD.items() if name != "day"}
    values = SCHEMA.read(record, only=checked.fields)
    assert checked.interpret(values).value is True
    assert compiled(checked)(record) is True


def test_a_text_that_looks_like_source_stays_a_text():
    """A literal that spells a variable or a call of the generated source is compared, and not run."""
    items = [{"q": 1, "r": "t1['r']", "l": []}, {"q": 1, "r": "f0 := _interpret(", "l": []}]
    for text in ("t1['r']", "f0 := _interpret("):
        checked = check(f'some i in items satisfies i.r = "{text}"', VOCABULARY, boolean=True)
        assert compiled(checked)({"items": items}) is True
        assert compiled(checked)({"items": items[:0]}) is False


CELLS = [
    ("-", "True"),
    ("> 1", "(v > 1)"),
    ("not(1, 2)", "((v != 1) and (v != 2))"),
    ("1, 2", "((v == 1) or (v == 2))"),
    ("? > 1", "(v > 1)"),
    ("[1..2]", "((v >= 1 and (v <= 2)))"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "source"), CELLS)
def test_cells_of_tables_become_source(text, source):
    """A cell asks of `?`, which the caller binds."""
    from crmkit.rules._check import Checker, tests
    from crmkit.rules._emit import Emitter
    from crmkit.rules._shapes import Shape

    node = parse_tests(text, ["?"])
    of, asked = Shape("integer", nullable=False), nodes.Name("?")
    checker = Checker(text, "", {"?": of})
    tests(checker, of, node.tests)
    emit = Emitter({**checker.shapes, id(asked): of}, {}, {}, [])
    with emit.binding({"?": ("v", of)}):
        assert cell(emit, asked, node) == source
        with pytest.raises(Opaque):
            cell(emit, asked, nodes.Tests((nodes.ListOf((nodes.ListOf(()),)),)))


def test_constants_are_shared():
    """One value has one name; equal values of two kinds have two."""
    emit, _ = emitter("a > 1")
    names = [emit.constant(value) for value in (Decimal(1), Decimal(1), True, Decimal("1.5"))]
    assert names == ["k0", "k0", "k1", "k2"]
