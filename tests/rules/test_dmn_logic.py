"""Boxed expressions: what each means, and what is wrong with those that mean nothing."""

import re
from decimal import Decimal
from html import escape

import pytest

from crmkit.errors import DefinitionErrors
from crmkit.rules.dmn import read_dmn

MODEL = "https://www.omg.org/spec/DMN/20230324/MODEL/"


def text(said, of=""):
    """A literal expression."""
    return f'<literalExpression typeRef="{of}"><text>{escape(said)}</text></literalExpression>'


def read(box, *more, of="", requires=""):
    """A graph with one decision, `d`, made by a box that may ask for `x`."""
    parts = [
        '<inputData name="x" id="x"/>',
        f'<decision name="d"><variable name="d" typeRef="{of}"/><informationRequirement><requiredInput href="#x"/></informationRequirement>{requires}{box}</decision>',
        *more,
    ]
    return read_dmn(f'<definitions xmlns="{MODEL}" name="m">{"".join(parts)}</definitions>'.encode())


def decide(box, x=None, *more, of="", requires=""):
    """The value of the decision, and the codes of its notes."""
    outcome = read(box, *more, of=of, requires=requires).decide("d", {"x": x})
    return outcome.value, [note.code for note in outcome.notes]


def refused(box, *more):
    """All that is wrong with a model."""
    with pytest.raises(DefinitionErrors) as caught:
        read(box, *more)
    return str(caught.value)


def entry(name, box, of=""):
    """An entry of a context; the result, if it has no name."""
    variable = f'<variable name="{name}" typeRef="{of}"/>' if name else ""
    return f"<contextEntry>{variable}{box}</contextEntry>"


def context(*entries):
    """A context."""
    return f"<context>{''.join(entries)}</context>"


def function(box, *parameters, kind="FEEL"):
    """A function definition; a parameter may be a name, a colon and a type."""
    formal = "".join('<formalParameter name="{}" typeRef="{}"/>'.format(*p.partition(":")[::2]) for p in parameters)
    return f'<functionDefinition kind="{kind}">{formal}{box}</functionDefinition>'


def invocation(called, **arguments):
    """An invocation with bindings."""
    bindings = "".join(f'<binding><parameter name="{name}"/>{box}</binding>' for name, box in arguments.items())
    return f"<invocation>{text(called)}{bindings}</invocation>"


def loop(tag, source, last, body, name=""):
    """A filter, a for, a some or an every."""
    variable = f' iteratorVariable="{name}"' if name else ""
    return f"<{tag}{variable}><in>{source}</in><{last}>{body}</{last}></{tag}>"


def table(*rows, inputs=("x",), outputs=("",), policy="UNIQUE", more=""):
    """A table; each row is a list of cells, conditions first."""
    head = "".join(f"<input><inputExpression><text>{i}</text></inputExpression></input>" for i in inputs)
    head += "".join(f'<output name="{name}"/>' for name in outputs)
    body = ""
    for row in rows:
        cells = [f"<text>{escape(cell)}</text>" for cell in row]
        body += "<rule>" + "".join(f"<inputEntry>{cell}</inputEntry>" for cell in cells[: len(inputs)])
        body += "".join(f"<outputEntry>{cell}</outputEntry>" for cell in cells[len(inputs) :]) + "</rule>"
    return f'<decisionTable hitPolicy="{policy}"{more}>{head}{body}</decisionTable>'


def n(*numbers):
    """Numbers as FEEL has them."""
    return [Decimal(number) for number in numbers]


FACTORIAL = function(text("if n < 2 then 1 else n * the factorial(n - 1)"), "n:number")


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        ("", None),
        ("<literalExpression/>", None),
        (text("x + 1"), Decimal(3)),
        (text("x", "string"), None),
        (text("[x]", "number"), Decimal(2)),
        (context(), {}),
        (context(entry("a b", text("x")), entry("c", text("a b + 1"))), {"a b": Decimal(2), "c": Decimal(3)}),
        (context(entry("a", text("x")), entry("", text("a * 10"))), Decimal(20)),
        (context(entry("a", text("x"), "string")), {"a": None}),
        (context(entry("a", ""), entry("", "")), None),
        (context(entry("a", table(["2", '"two"'])), entry("", text("a"))), "two"),
        (context(entry("the factorial", FACTORIAL), entry("", text("the factorial(4)"))), Decimal(24)),
        (context(entry("k", text("10")), entry("f", function(text("k * n"), "n")), entry("", text("f(x)"))), Decimal(20)),
        (context(entry("f", function("", "n")), entry("", text("f(x)"))), None),
        (context(entry("f", function(text("n"), "n:string")), entry("", text("f(x)"))), None),
        (context(entry("f", function(text("n"), "n")), entry("", invocation("f", n=text("x")))), Decimal(2)),
        (context(entry("f", function(text("n"), "n")), entry("", invocation("f", m=text("x")))), None),
        (invocation("string length", string=text('"abc"')), Decimal(3)),
        (invocation("string length", string=""), None),
        ("<invocation/>", None),
        ("<list>" + text("x") + text("x + 1") + "</list>", n(2, 3)),
        ('<list typeRef="string">' + text("1") + text("2") + "</list>", None),
        ('<relation><column name="a"/><column name="b c"/><row>' + text("1") + text("x") + "</row></relation>", [{"a": Decimal(1), "b c": Decimal(2)}]),
        ("<conditional><if>" + text("x > 1") + "</if><then>" + text("1") + "</then><else>" + text("2") + "</else></conditional>", Decimal(1)),
        ("<conditional><if>" + text("null") + "</if><then>" + text("1") + "</then><else>" + text("2") + "</else></conditional>", Decimal(2)),
        ("<conditional><if>" + text("x > 9") + "</if></conditional>", None),
        (loop("filter", text("[1, 2, 3]"), "match", text("item >= x")), n(2, 3)),
        (context(entry("a b", text("0")), entry("", loop("filter", text("[{a b: 1}, {a b: 2}]"), "match", text("a b = x")))), [{"a b": Decimal(2)}]),
        (loop("filter", text("[5, 6, 7]"), "match", text("x")), Decimal(6)),
        (loop("for", text("[1..3]"), "return", text("my i * x"), "my  i"), n(2, 4, 6)),
        (loop("for", text("[1, 2]"), "return", text("count(partial)"), "i"), n(0, 1)),
        (loop("some", text("[1, 2]"), "satisfies", text("i = x"), "i"), True),
        (loop("every", text("[1, 2]"), "satisfies", text("i = x"), "i"), False),
        (table(["1", "10"], ["2", "20"]), Decimal(20)),
        (table(["-", "10"], ["", "20"], policy="RULE ORDER"), n(10, 20)),
        (table(["not(1)", "10", ""], outputs=("a", "b")), {"a": Decimal(10), "b": None}),
        (table([">= 1", "1"], ["2", "2"], policy="COLLECT", more=' aggregation="SUM"'), Decimal(3)),
    ],
)  # fmt: skip
def test_each_box_means_what_its_text_would(box, wanted):
    """Every kind of boxed expression gives its value, with x = 2."""
    assert decide(box, 2)[0] == wanted


def test_a_null_of_a_box_has_its_reason():
    """Where a box gives null for want of a value, a note says why."""
    assert decide(text("x", "string"), 1) == (None, ["type"])
    assert decide(table(["1", "10"]), 2) == (None, ["no-match"])


UNKNOWN = [
    (invocation("nobody", n=text("1")), "unknown name 'nobody'"),
    (text("x + xs"), r"d, XML line \d+, line 1, column 5: unknown name 'xs' \(did you mean 'x'\?\) \[unknown-name\]\n.*x \+ xs\n +\^\^"),
    (table(["> y", "10"]), "row 1, condition 1, XML line .*unknown name 'y'"),
    (text("for i in [1] return i + j"), "unknown name 'j'"), (text("some i in [x] satisfies k = i"), "unknown name 'k'"),
    (text("function(a) a + b"), "unknown name 'b'"), (text("{a: 1, b: a + c}"), "unknown name 'c'"),
    (text("[x][item > 1] = y"), "unknown name 'y'"),
]  # fmt: skip


@pytest.mark.parametrize(("box", "said"), UNKNOWN)
def test_a_name_that_nobody_has_is_a_mistake(box, said):
    """It is shown at its place with the nearest one, wherever it stands; a lenient reader leaves it null, with a note."""
    with pytest.raises(DefinitionErrors) as error:
        decide(box)
    assert re.search(said, str(error.value)), str(error.value)


def test_names_that_somebody_has():
    """Those of loops, parameters, entries, partial results and items, and in filters those of any member."""
    for known in (
        "for i in [1], j in [i] return i + j + count(partial)", "every i in [x] satisfies i = x", "function(a) a + x",
        "{a: 1, b: a + 1}", "[{a: 1}][a = x]", "[x][item = x]", "x in (? = x)", "count([x])",
    ):  # fmt: skip
        decide(text(known), 2)


@pytest.mark.parametrize("kind", ["Java", "PMML"])
def test_functions_in_other_languages_are_null_with_a_note(kind):
    """External functions are read, and give null with the code external, boxed or as knowledge."""
    body = context(entry("class", text('"java.lang.Math"')), entry("method signature", text('"cos(double)"')))
    boxed = context(entry("f", function(body, "a", kind=kind)), entry("", text("f(1)")))
    assert decide(boxed)[1][0] == "external"
    model = f'<businessKnowledgeModel name="f" id="f"><encapsulatedLogic kind="{kind}"><formalParameter name="a"/>{body}</encapsulatedLogic></businessKnowledgeModel>'
    calls = '<knowledgeRequirement><requiredKnowledge href="#f"/></knowledgeRequirement>'
    assert decide(text("f(1)"), None, model, requires=calls) == (None, ["external"])


def test_types_of_parameters_are_those_of_the_model():
    """A parameter of a boxed function has a type of the model, with its constraints, also behind a prefix."""
    small = '<itemDefinition name="tSmall"><typeRef>number</typeRef><allowedValues><text>&lt; 5</text></allowedValues></itemDefinition>'
    boxed = context(entry("f", function(text("n"), "n:tns:tSmall")), entry("", text("f(x)")))
    assert decide(boxed, 4, small)[0] == Decimal(4)
    listed = context(entry("f", function(text("n"), "n:tSmall")), entry("", text("f(x)")))
    assert decide(listed, 4, small)[0] == Decimal(4)
    assert decide(listed, "four", small)[0] is None


def test_decisions_are_fitted_to_their_type():
    """The result of a decision is converted to its type, or null with a note."""
    assert decide(text("[x]"), 1, of="number") == (Decimal(1), [])
    assert decide(text("x"), "a", of="number") == (None, ["type"])


TYPED = """<decisionTable hitPolicy="PRIORITY">
  <input label="size"><inputExpression typeRef="number"><text>x</text></inputExpression><inputValues><text>[0..9]</text></inputValues></input>
  <output name="level" typeRef="tLevel"><defaultOutputEntry><text>"none"</text></defaultOutputEntry></output>
  <annotation name="why"/>
  <rule id="r1"><inputEntry><text>&gt; 1</text></inputEntry><outputEntry><text>"low"</text></outputEntry><annotationEntry><text>so</text></annotationEntry></rule>
  <rule label="big"><inputEntry><text>&gt; 2</text></inputEntry><outputEntry><text>"high"</text></outputEntry></rule>
</decisionTable>"""
LEVEL = '<itemDefinition name="tLevel"><typeRef>string</typeRef><allowedValues><text>"high", "low", "none"</text></allowedValues></itemDefinition>'


def test_a_column_without_values_has_those_of_its_type():
    """The order of priority is that of the values of the column's type, where the column lists none."""
    assert decide(TYPED, 3, LEVEL) == ("high", [])
    assert decide(TYPED, 2, LEVEL) == ("low", [])
    assert decide(TYPED, 0, LEVEL) == ("none", [])
    assert decide(TYPED, 10, LEVEL) == (None, ["domain"])
    own = TYPED.replace(
        "<defaultOutputEntry>", '<outputValues><text>"low", "high"</text></outputValues><defaultOutputEntry>'
    )
    assert decide(own, 3, LEVEL) == ("low", [])
    node = read(TYPED, LEVEL).elements["d"].logic
    assert [(row.name, row.notes) for row in node.rows] == [("r1", ("so",)), ("big", ())]
    assert (node.inputs[0].label, node.outputs[0].allowed) == ("size", None)


@pytest.mark.parametrize(
    ("box", "said"),
    [
        (text("x +"), "d, XML line 1, line 1, column 4: expected a value"),
        (table(["<", "1"]), "d, row 1, condition 1, XML line 1, line 1, column 2"),
        (table(["1", "2"], ["1", "(2"]), "d, row 2, result 1, XML line 1, line 1, column 3"),
        (table(["1"]), "d, row 1, XML line 1: has 1 conditions and 0 results; the table has 1 and 1"),
        (table(["1", "1"], policy="BEST"), "d, XML line 1: 'BEST' is no hit policy; there are: UNIQUE, ANY, PRIORITY"),
        (table(["1", "1"], more=' aggregation="SUM"'), "'UNIQUE SUM' is no hit policy"),
        (table(outputs=()), "d, XML line 1: has no output"),
        (table(outputs=("a", "a")), "d, XML line 1: names 'a' 2 times"),
        (table(outputs=("a", "")), "d, XML line 1: leaves a name out"),
        (table(inputs=("x x",)), "d, input 'x x'"),
        (context(entry("a", text("1")), entry("a", text("2"))), "names 'a' 2 times"),
        (context(entry("", text("1")), entry("", text("2"))), "names 'the result' 2 times"),
        (context(entry("a", context(entry("b", text("("))))), "d, entry 'a', entry 'b', XML line 1"),
        (context(entry("a", text("1")), entry("", text("("))), "d, result, XML line 1"),
        (invocation("f", a=text(")")), "d, argument 'a', XML line 1"),
        (function(text("1"), "a", "a"), "names 'a' 2 times"),
        ("<list>" + text("1") + text("*") + "</list>", "d, item 2, XML line 1"),
        ('<relation><column name="a"/><row>' + text("1") + text("2") + "</row></relation>", "d, row 1, XML line 1: has 2 cells; the relation has 1 columns"),
        ('<relation><column name="a"/><column name="a"/></relation>', "names 'a' 2 times"),
        ("<for><in>" + text("[1]") + "</in><return>" + text("1") + "</return></for>", "leaves a name out"),
        ("<conditional><if>" + text("1 1") + "</if></conditional>", "d, if, XML line 1"),
    ],
)  # fmt: skip
def test_what_a_box_cannot_mean_is_told_with_its_place(box, said):
    """A malformed text, a row of another width, an unknown policy and names that stand twice are refused."""
    assert said in refused(box)


def test_mistakes_of_a_table_come_together():
    """All cells of a table are read before it is refused."""
    said = refused(table(["<", "("], ["1", "1"], ["1", "]"], policy="BEST"))
    assert said.count("\n  - ") == 4
