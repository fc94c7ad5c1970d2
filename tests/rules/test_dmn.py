"""DMN models as XML: what is read, what is refused, and how models import one another."""

from decimal import Decimal
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors, InputError, RuleError
from crmkit.rules.dmn import read_dmn, write_dmn
from crmkit.rules.graph import Decision, InputData, Knowledge, Service

MODEL = "https://www.omg.org/spec/DMN/20230324/MODEL/"


def model(*parts, name="m", namespace="urn:m"):
    """The bytes of a model."""
    return f'<definitions xmlns="{MODEL}" name="{name}" namespace="{namespace}">{"".join(parts)}</definitions>'.encode()


def text(said, **attributes):
    """A literal expression."""
    more = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<literalExpression{more}><text>{escape(said)}</text></literalExpression>"


def given_(name, of=""):
    """An input."""
    return f'<inputData name="{name}" id="{name}"><variable name="{name}" typeRef="{of}"/></inputData>'


def needs(*hrefs, calls=()):
    """Requirements."""
    info = "".join(f'<informationRequirement><requiredInput href="{h}"/></informationRequirement>' for h in hrefs)
    return info + "".join(
        f'<knowledgeRequirement><requiredKnowledge href="{h}"/></knowledgeRequirement>' for h in calls
    )


def decision(name, logic, requires="", of=""):
    """A decision; logic that is no XML is a text."""
    box = logic if logic.startswith("<") or not logic else text(logic)
    return f'<decision name="{name}" id="{name}"><variable name="{name}" typeRef="{of}"/>{requires}{box}</decision>'


def knowledge(name, logic, *parameters, requires="", of="", kind="FEEL"):
    """A business knowledge model; a parameter may be a name, a colon and a type."""
    formal = "".join('<formalParameter name="{}" typeRef="{}"/>'.format(*p.partition(":")[::2]) for p in parameters)
    body = f'<encapsulatedLogic kind="{kind}">{formal}{logic if logic.startswith("<") else text(logic)}</encapsulatedLogic>'
    return f'<businessKnowledgeModel name="{name}" id="{name}"><variable name="{name}" typeRef="{of}"/>{body}{requires}</businessKnowledgeModel>'


def read(*parts, find=None):
    """The graph of a model."""
    return read_dmn(model(*parts), find=None if find is None else find.get)


def refused(*parts, find=None):
    """What is wrong with a model: the errors, and all that is said."""
    with pytest.raises(DefinitionErrors) as caught:
        read(*parts, find=find)
    return caught.value.exceptions, str(caught.value)


def value(graph, name, **inputs):
    """What a graph decides."""
    return graph.decide(name, inputs).value


def test_a_model_is_read_with_all_its_kinds_of_elements():
    """Inputs, decisions with their question, knowledge and services are read, with what they require, in order."""
    graph = read(
        given_("price", "number"),
        '<decision name="total" id="total"><question> How much? </question><variable name="total" typeRef="number"/>'
        + needs("#price", calls=["#tax"]) + text("price + tax(price)") + "</decision>",
        knowledge("tax", "p * 0.5", "p:number", of="number"),
        '<decisionService name="s" id="s"><variable name="s" typeRef="number"/><outputDecision href="#total"/>'
        '<inputData href="#price"/></decisionService>',
        '<businessKnowledgeModel name="later" id="later"/>', '<decision name="open" id="open"/>',
    )  # fmt: skip
    assert [type(element) for element in graph.elements.values()] == [
        InputData,
        Decision,
        Knowledge,
        Service,
        Knowledge,
        Decision,
    ]
    assert graph.name == "m"
    assert graph.elements["total"].question == "How much?"
    assert graph.elements["total"].requires == ("price", "tax")
    assert graph.elements["later"].logic is None
    assert value(graph, "total", price=2) == value(graph, "s", price=2) == Decimal(3)
    assert value(graph, "open") is None


def test_requirements_have_the_order_of_the_standard():
    """Information comes before knowledge, whatever their order in the file."""
    graph = read(given_("a"), knowledge("f", "1"), decision("d", "a", needs(calls=["#f"]) + needs("#a")))
    assert graph.elements["d"].requires == ("a", "f")


def test_names_stand_at_the_variable_or_the_element():
    """The variable's name is the one that texts use; without one it is that of the element."""
    graph = read(
        '<inputData name="x" id="x"><variable name="deal  size"/></inputData><inputData name="y"><variable/></inputData>',
        decision("d", "deal size + 1", needs("#x")),
    )
    assert graph.inputs == ("deal size", "y")
    assert value(graph, "d", **{"deal size": 1}) == Decimal(2)


def test_a_function_type_at_a_function_is_its_own():
    """The variable of knowledge or a service has the type of its result, or a function type with that result."""
    function = '<itemDefinition name="tF"><functionItem outputTypeRef="string"><parameters name="a" typeRef="number"/></functionItem></itemDefinition>'
    service = '<decisionService name="s"><variable name="s" typeRef="tF"/><outputDecision href="#d"/></decisionService>'
    graph = read(function, knowledge("f", "1", of="tF"), decision("d", '"a"'), service)
    assert (graph.elements["f"].type.kind, graph.elements["s"].type.kind) == ("string", "string")
    assert graph.types["tF"].parameters[0].kind == "number"
    assert graph.decide("f", {}).notes[0].code == "type"


def test_everything_wrong_is_said_at_once():
    """Mistakes in texts, references, names and cycles come together, each with its place."""
    errors, said = refused(
        decision("a", "1 +"), decision("a", "2"), decision("b", "1", needs("#nobody", "urn:other#a")),
        decision("c", "1", needs("#e")), decision("e", "\n 1 1", needs("#c")), "<decision/>",
        '<itemDefinition name="t"/><itemDefinition name="t"/>',
    )  # fmt: skip
    assert len(errors) == 8
    assert "a, XML line 1, line 1, column 4: expected a value, but the text ends [syntax]" in said
    assert "    1 +\n       ^" in said
    assert "a, XML line 1: has a name that another element has" in said
    assert "b, XML line 1: refers to '#nobody', which nobody defines" in said
    assert "refers to 'urn:other#a'" in said
    assert "c: requires itself: c -> e -> c" in said
    assert "e, XML line 1, line 2, column 4" in said
    assert "XML line 2: has no name" in said
    assert "type 't', XML line 2: is defined twice" in said
    assert {error.line for error in errors if isinstance(error, RuleError)} == {1, 2}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<a/>", "is no DMN model: its root is <a> of no namespace"),
        (b'<definitions xmlns="urn:x"/>', "is no DMN model: its root is <definitions> of urn:x"),
        (b"<definitions", "is no XML"),
    ],
)
def test_what_is_no_model_is_refused(data, why):
    """XML of another kind, and what is no XML, is an InputError."""
    with pytest.raises(InputError, match=why):
        read_dmn(data, name="m.dmn")


def test_what_nests_too_deep_is_refused():
    """Item definitions in a chain without end are an InputError, not a RecursionError."""
    chain = "".join(f'<itemDefinition name="t{n}"><typeRef>t{n + 1}</typeRef></itemDefinition>' for n in range(5000))
    with pytest.raises(InputError, match="nests too deep"):
        read(chain)


# -- models that import models


def imports(namespace, name, of=MODEL):
    """An import."""
    return f'<import namespace="{namespace}" name="{name}" importType="{of}"/>'


PERSON = '<itemDefinition name="tPerson"><itemComponent name="full name"><typeRef>string</typeRef></itemComponent></itemDefinition>'
BASE = model(
    PERSON, given_("person", "tPerson"), decision("greeting", "greet(person.full name)", needs("#person", calls=["#greet"])),
    knowledge("greet", '"hello " + n', "n:string"), name="base", namespace="urn:base",
)  # fmt: skip
ANN = {"full name": "Ann"}


def test_a_model_imports_another_under_a_name():
    """What is imported stands behind the name of the import: data, decisions, knowledge and types."""
    graph = read(
        imports("urn:base", "my base"), imports("urn:pmml", "p", "http://www.dmg.org/PMML-4_2"), given_("other", "my base.tPerson"),
        decision("d", 'my base.greeting + "; " + my base.greet(other.full name)', needs("urn:base#greeting", "#other", calls=["urn:base#greet"])),
        decision("is", "other instance of my base.tPerson", needs("#other")),
        find={"urn:base": BASE},
    )  # fmt: skip
    assert graph.elements["d"].requires == ("my base.greeting", "other", "my base.greet")
    inputs = {"my base": {"person": ANN}, "other": {"full name": "Bob"}}
    assert graph.decide("d", inputs).value == "hello Ann; hello Bob"
    assert graph.decide("is", inputs).value is True
    assert graph.decide("d", {"my base": {"greeting": "x"}, "other": {"full name": 1}}).value is None


def test_an_import_without_a_name_brings_the_names_as_they_are():
    """Elements and types of an import without a name are the model's own, with what they import in turn."""
    middle = model(
        imports("urn:base", "b"), decision("middle", "b.greeting", needs("urn:base#greeting")), namespace="urn:middle"
    )
    graph = read(
        imports("urn:middle", ""), imports("urn:base", ""),
        decision("d", 'middle + greet("you")', needs("urn:middle#middle", calls=["urn:base#greet"])),
        find={"urn:base": BASE, "urn:middle": middle},
    )  # fmt: skip
    assert {*graph.elements} == {"middle", "d", "person", "greeting", "greet"}
    assert {*graph.types} == {"tPerson", "b.tPerson"}
    assert value(graph, "d", b={"person": ANN}) == "hello Annhello you"


def test_two_ways_to_one_model_are_one():
    """A model that two imports share is read once and its elements are no duplicates."""
    seen = []

    def find(namespace):
        seen.append(namespace)
        return {"urn:base": BASE, "urn:l": left, "urn:r": right}.get(namespace)

    left = model(imports("urn:base", ""), namespace="urn:l")
    right = model(imports("urn:base", ""), namespace="urn:r")
    graph = read_dmn(model(imports("urn:l", ""), imports("urn:r", "")), find=find)
    assert {*graph.elements} == {"person", "greeting", "greet"}
    assert seen == ["urn:l", "urn:base", "urn:r"]


def test_names_of_imports_must_not_collide():
    """An element that has the name of one that is imported without a name is refused."""
    _, said = refused(imports("urn:base", ""), given_("person"), find={"urn:base": BASE})
    assert "person, XML line 1: has a name that another element has" in said


def test_ids_belong_to_their_model():
    """One id in two models is no confusion: the namespace of a reference says which is meant."""
    graph = read(
        imports("urn:base", "b"), given_("person"),
        decision("mine", "person", needs("#person")), decision("same", "person", needs("urn:m#person")),
        decision("theirs", "b.person", needs("urn:base#person")), find={"urn:base": BASE},
    )  # fmt: skip
    assert [graph.elements[name].requires for name in ("mine", "same", "theirs")] == [
        ("person",),
        ("person",),
        ("b.person",),
    ]


def test_imports_that_cannot_be_had_are_refused():
    """A model that nobody gave, and models that import themselves, are an InputError with the line."""
    with pytest.raises(InputError, match="imports a model of namespace 'urn:none', which was not given") as caught:
        read(imports("urn:none", "n"))
    assert caught.value.row == 1
    circle = {"urn:n": model(imports("urn:m", "m"), namespace="urn:n"), "urn:m": model(imports("urn:n", "n"))}
    with pytest.raises(InputError, match="imports itself: urn:m -> urn:n -> urn:m"):
        read(imports("urn:n", "n"), find=circle)


def test_a_service_may_have_imported_parts():
    """A service names imported decisions and inputs; it is called with bindings, or invoked."""
    service = '<decisionService name="s" id="s"><outputDecision href="urn:base#greeting"/><inputData href="urn:base#person"/></decisionService>'
    graph = read(imports("urn:base", "b"), service, find={"urn:base": BASE})
    assert graph.elements["s"] == Service("s", ("b.greeting",), (), (), ("b.person",))
    assert value(graph, "s", b={"person": ANN}) == "hello Ann"


def test_a_lenient_reader_keeps_what_can_be_read():
    """A text that cannot be read is null with a note, and the rest of the model decides as before."""
    parts = (
        item("t", REF("number") + allowed("(")), given_("x", "t"), decision("good", "x", needs("#x")), decision("bad", '@"no date"'),
        decision("cell", "<decisionTable><input/><output/><rule><inputEntry><text>&lt;</text></inputEntry><outputEntry/></rule></decisionTable>"),
    )  # fmt: skip
    assert len(refused(*parts)[0]) == 3
    graph = read_dmn(model(*parts), lenient=True)
    outcomes = {name: graph.decide(name, {"x": 1}) for name in graph.decisions}
    assert {name: outcome.value for name, outcome in outcomes.items()} == {
        "good": Decimal(1),
        "bad": None,
        "cell": None,
    }
    assert outcomes["bad"].notes[0].code == "literal"
    assert "the text cannot be read" in outcomes["cell"].notes[0].why
    with pytest.raises(DefinitionErrors, match="cannot be written"):
        write_dmn(graph)


def test_a_lenient_reader_passes_over_what_refers_to_nothing():
    """Unknown references and malformed boxes make null where they are used; two elements of one name stay an error."""
    twice = "<context>" + 2 * '<contextEntry><variable name="a"/><literalExpression/></contextEntry>' + "</context>"
    parts = decision("a", "none", needs("#none")), decision("b", twice), knowledge("f", twice), item("t", "") * 2
    graph = read_dmn(model(*parts), lenient=True)
    notes = [graph.decide(name, {}).notes[0] for name in ("a", "b", "f")]
    assert [note.code for note in notes] == ["unknown-name", "definition", "definition"]
    assert "names 'a' 2 times" in notes[1].why
    with pytest.raises(DefinitionErrors):
        read_dmn(model(given_("a"), given_("a")), lenient=True)


# -- types


def item(name, inside, **attributes):
    """An item definition."""
    more = "".join(f' {key}="{said}"' for key, said in attributes.items())
    return f'<itemDefinition name="{name}"{more}>{inside}</itemDefinition>'


def allowed(said, tag="allowedValues"):
    """Tests of a type."""
    return f"<{tag}><text>{escape(said)}</text></{tag}>"


REF = "<typeRef>{}</typeRef>".format


@pytest.mark.parametrize(
    ("definitions", "of", "good", "bad"),
    [
        ("", "feel:number", 1, "a"),
        ("", "{http://www.omg.org/spec/FEEL/}string", "a", 1),
        ("", "nonsense", "a", None),
        (item("t", REF("number") + allowed("&lt; 5".replace("&lt;", "<"))), "t", 4, 5),
        (item("t", REF("number") + allowed("not(5)")), "tns:t", 4, 5),
        (item("t", REF("number") + allowed(" ")), "t", 5, "a"),
        (item("t", REF("number") + allowed("< 5"), isCollection="true"), "t", [4, 4], [4, 5]),
        (
            item("t", REF("number") + allowed("count(?) < 3", "typeConstraint"), isCollection="true"),
            "t",
            [9, 9],
            [1, 1, 1],
        ),
        (item("t", REF("b") + allowed("> 1")) + item("b", REF("number") + allowed("< 5")), "t", 4, 5),
        (item("t", REF("b") + allowed("> 1")) + item("b", REF("number") + allowed("not(3)")), "t", 4, 3),
        (item("t", REF("b") + allowed("not(3)")) + item("b", REF("number") + allowed("< 5")), "t", 4, 3),
        (item("t", REF("b")) + item("b", REF("number") + allowed("< 5")), "t", 4, 5),
        (item("t", '<itemComponent name="a b">' + REF("t") + "</itemComponent>"), "t", {"a b": {"a b": 1}}, {}),
        (
            item("t", '<itemComponent name="x" isCollection="true">' + REF("number") + "</itemComponent>"),
            "t",
            {"x": [1]},
            {"x": 1},
        ),
        (
            item("t", '<itemComponent name="x">' + REF("number") + "</itemComponent>" + allowed("?.x > 1")),
            "t",
            {"x": 2},
            {"x": 1},
        ),
        (item("t", ""), "t", {"x": 2}, None),
    ],
)
def test_item_definitions_say_what_a_value_may_be(definitions, of, good, bad):
    """Bases, collections, components, constraints at each level, and types that hold themselves are types of inputs."""
    graph = read(definitions, given_("x", of), decision("d", "x", needs("#x")))
    wanted = graph.decide("x", {"x": good})
    assert (wanted.value, wanted.notes) == (good, ())
    assert value(graph, "d", x=bad) is None


def test_mistakes_in_types_are_told():
    """A constraint that is no test, and names that stand twice or not at all, are refused with their line."""
    _, said = refused(
        item("t", REF("number") + allowed("< < 5")),
        item("u", '<itemComponent name="c">' + REF("number") + allowed("(") + "</itemComponent>"),
    )
    assert "type 't', XML line 1, line 1, column 3" in said
    assert "a component, XML line 1, line 1, column 2" in said
    _, said = refused(item("", REF("number")), item("t", '<itemComponent name="a"/><itemComponent name="a"/>'))
    assert "type '', XML line 1: has no name" in said
    assert "component 'a', XML line 1: is defined twice" in said


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_models_are_read_or_refused(data):
    """A model with a piece cut out, doubled or overwritten raises nothing but InputError and DefinitionErrors."""
    whole = model(
        PERSON, item("t", REF("number") + allowed("< 5")), given_("x", "t"), knowledge("f", "a + 1", "a:number"),
        decision("d", "<conditional><if>" + text("x > 1") + "</if><then>" + text("f(x)") + "</then></conditional>", needs("#x", calls=["#f"])),
        decision("e", '<decisionTable hitPolicy="UNIQUE"><input><inputExpression><text>x</text></inputExpression></input><output/>'
                 '<rule><inputEntry><text>&lt; 3</text></inputEntry><outputEntry><text>1</text></outputEntry></rule></decisionTable>', needs("#x")),
    )  # fmt: skip
    start = data.draw(st.integers(0, len(whole)))
    end = min(len(whole), start + data.draw(st.integers(0, 40)))
    new = data.draw(
        st.sampled_from([b"", whole[start:end] * 2, b'"', b"<", b"</decision>", b"x"]) | st.binary(max_size=5)
    )
    try:
        graph = read_dmn(whole[:start] + new + whole[end:])
    except (InputError, DefinitionErrors):
        return
    for name in graph.decisions:
        graph.decide(name, {"x": 1})
