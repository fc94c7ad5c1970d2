"""Graphs of decisions: what is refused, and what deciding gives and notes."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from crmkit.errors import DefinitionErrors, InvalidValue, NotFound
from crmkit.rules.feel._library import FUNCTIONS
from crmkit.rules.feel._limits import Limits
from crmkit.rules.feel._parser import parse
from crmkit.rules.feel._run import Exhausted
from crmkit.rules.feel._types import Type
from crmkit.rules.feel._values import UNKNOWN
from crmkit.rules.graph import Decision, Graph, InputData, Knowledge, Service

NUMBER, TEXT = Type("number"), Type("string")


def graph(*elements, name="g", imports=None, types=None):
    """A graph of some elements."""
    return Graph(name, {element.name: element for element in elements}, types or {}, imports or {})


def decision(name, text, *requires, of=None):
    """A decision whose logic is a text."""
    logic = None if text is None else parse(text, FUNCTIONS | {*requires})
    return Decision(name, logic, requires, of or Type())


def knowledge(name, text, *parameters, requires=(), types=None, of=None):
    """A function whose body is a text."""
    logic = None if text is None else parse(text, FUNCTIONS | {*parameters, *requires})
    return Knowledge(name, parameters, types or tuple(Type() for _ in parameters), logic, requires, of or Type())


def decide(made, name, /, **inputs):
    """The value of a decision, and the codes of its notes."""
    outcome = made.decide(name, inputs)
    return outcome.value, [note.code for note in outcome.notes]


A, B = InputData("a", NUMBER), InputData("b")
SUM = decision("sum", "a + 1", "a", of=NUMBER)
TWICE = decision("twice", "sum * 2", "sum")


def test_everything_wrong_is_said_at_once():
    """Unknown names, with the nearest known one, and cycles come in one group."""
    with pytest.raises(DefinitionErrors) as caught:
        graph(
            decision("tax", "rat", "rat"), InputData("rate"),
            decision("x", "y", "y"), decision("y", "z", "z"), decision("z", "x", "x"), decision("self", "self", "self"),
            Service("all", ("nothing",)),
        )  # fmt: skip
    said = str(caught.value)
    assert "tax: requires 'rat', which nobody defines (did you mean 'rate'?)" in said
    assert "x: requires itself: x -> y -> z -> x" in said
    assert "self: requires itself: self -> self" in said
    assert "all: requires 'nothing'" in said
    assert len(caught.value.exceptions) == 4


def test_a_knot_of_many_cycles_is_told_briefly():
    """Where everything requires everything, no more than twenty cycles are named."""
    names = [f"d{n}" for n in range(200)]
    with pytest.raises(DefinitionErrors) as caught:
        graph(*(decision(name, "1", *names) for name in names))
    assert len(caught.value.exceptions) == 20


def test_names_of_imports_must_exist_there():
    """A requirement of an imported graph is looked up in it."""
    inner = graph(A, name="inner")
    with pytest.raises(DefinitionErrors) as caught:
        graph(decision("x", "i.c", "i.c"), imports={"i": inner})
    assert "requires 'i.c'" in str(caught.value)
    assert graph(decision("x", "i.a", "i.a"), imports={"i": inner}).find("i.a") == A
    assert graph(A).find("i.a") is None


def test_names_are_listed_in_order():
    """Decisions and inputs are listed as the model has them."""
    made = graph(B, SUM, A, TWICE)
    assert (made.decisions, made.inputs) == (("sum", "twice"), ("b", "a"))


def test_decisions_are_made_from_what_they_require():
    """A decision sees the results of what it requires, and nothing else."""
    made = graph(A, B, SUM, TWICE, decision("blind", "b"))
    assert decide(made, "twice", a=1) == (Decimal(4), [])
    assert decide(made, "blind", b=1) == (None, ["unknown-name"])


def test_decisions_that_are_given_are_taken_as_made():
    """An input with the name of a decision stands for its result, and must be of its type."""
    made = graph(A, SUM, TWICE)
    assert decide(made, "twice", sum=5) == (Decimal(10), [])
    assert decide(made, "sum", sum=[5]) == (Decimal(5), [])
    assert decide(made, "sum", sum="five") == (None, ["type"])


def test_each_null_has_its_reason():
    """An input that is not given, one of another type, and a decision without logic leave notes."""
    made = graph(A, B, SUM, decision("empty", None), decision("echo", "b", "b", of=TEXT), knowledge("hollow", None))
    assert decide(made, "sum") == (None, ["no-input", "null-operand"])
    assert decide(made, "sum", a="one") == (None, ["type", "null-operand"])
    assert decide(made, "a") == (None, ["no-input"])
    assert decide(made, "empty") == (None, ["no-logic"])
    assert decide(made, "echo", b=1) == (None, ["type"])
    assert decide(made, "hollow") == (None, ["no-logic"])


def test_what_is_missing_may_be_unknown():
    """With `missing=UNKNOWN` inputs that are not given are not known yet, rather than null."""
    made = graph(A, SUM, knowledge("f", "x + 1", "x"))
    assert made.decide("sum", {}, missing=UNKNOWN).value is UNKNOWN
    assert made.decide("f", {}, missing=UNKNOWN).value is UNKNOWN


def test_nobody_knows_the_name():
    """A name that the graph lacks is told with those it has."""
    with pytest.raises(NotFound, match=r"no decision 'smu' in graph 'g'.*did you mean 'sum'"):
        graph(A, SUM).decide("smu", {})
    with pytest.raises(InvalidValue):
        graph(A, SUM).decide("sum", {"a": object()})


def test_clock_and_limits_are_passed_on():
    """now() and today() are those that were given, and a run that costs too much is stopped."""
    made = graph(decision("now", "now()"), decision("day", "today()"), decision("long", "for i in 1..9 return i"))
    now = datetime(2026, 1, 31, tzinfo=UTC)
    assert made.decide("now", {}, now=now).value == now
    assert made.decide("day", {}, today=date(2026, 1, 31)).value == date(2026, 1, 31)
    with pytest.raises(Exhausted):
        made.decide("long", {}, limits=Limits(steps=5))


def test_a_chain_without_end_is_stopped():
    """Decisions that require one another too deep raise Exhausted, not RecursionError."""
    chain = [decision(f"d{n}", f"d{n + 1}", f"d{n + 1}") for n in range(3000)]
    with pytest.raises(Exhausted, match="too deep"):
        graph(*chain, decision("d3000", "1")).decide("d0", {})


def test_knowledge_is_called_by_decisions_and_directly():
    """Knowledge is a function of its parameters, knows what it requires, and may call itself."""
    factorial = knowledge("f", "if n < 2 then step else n * f(n - step)", "n", requires=("step",))
    made = graph(InputData("step"), factorial, decision("six", "f(3)", "f"))
    assert decide(made, "six", step=1) == (Decimal(6), [])
    assert decide(made, "f", n=4, step=1) == (Decimal(24), [])
    assert decide(made, "f", n=0) == (None, ["no-input"])


def test_arguments_and_results_are_of_their_types():
    """A function is not called with an argument of another type; a result of another type is null."""
    made = graph(
        knowledge("f", 'if x = null then "nothing" else "something"', "x", types=(NUMBER,)),
        knowledge("g", '"text"', of=NUMBER),
        decision("called", 'f("one")', "f"), decision("opened", "f([1])", "f"), decision("wrong", "g()", "g"),
        decision("few", "f()", "f"),
    )  # fmt: skip
    assert decide(made, "called") == (None, ["type"])
    assert decide(made, "opened") == ("something", [])
    assert decide(made, "wrong") == (None, ["type"])
    assert decide(made, "few") == (None, ["arguments"])
    assert decide(made, "f", x="one") == (None, ["type"])


def test_many_calls_that_fail_do_not_add_up():
    """A call that gives null does not count as one that is still under way."""
    made = graph(knowledge("f", "x", "x", types=(NUMBER,)), decision("d", 'for i in 1..90 return f("a")', "f"))
    value, codes = decide(made, "d")
    assert value == [None] * 90
    assert {*codes} == {"type"}


SERVICE = Service("s", ("twice",), ("sum",), (), ("a",), NUMBER)


def test_a_service_is_a_function_of_its_inputs():
    """A service may be called by a decision or invoked; it sees its inputs and nothing that was made before."""
    made = graph(A, SUM, TWICE, SERVICE, decision("d", "s(10) + s(a: 1) + sum", "s", "sum"))
    assert SERVICE.parameters == ("a",)
    assert decide(made, "s", a=1) == (Decimal(4), [])
    assert decide(made, "d", a=0) == (Decimal(27), [])
    assert decide(made, "s", a="one") == (None, ["type"])
    assert decide(made, "s") == (None, ["no-input", "null-operand", "null-operand"])


def test_a_service_may_be_given_decisions():
    """Input decisions of a service are its last parameters and are not made again."""
    both = Service("both", ("twice", "other"), (), ("sum",), ("b",))
    made = graph(A, B, SUM, TWICE, decision("other", "b", "b"), both)
    assert both.parameters == ("b", "sum")
    assert decide(made, "both", b="x", sum=4) == ({"twice": Decimal(8), "other": "x"}, [])
    assert decide(made, "both", b="x", sum="four") == (None, ["type"])


def test_a_result_of_another_type_makes_a_service_null():
    """The result of a service must be of its type."""
    made = graph(A, SUM, Service("s", ("sum",), input_data=("a",), type=TEXT))
    assert decide(made, "s", a=1) == (None, ["type"])


INNER = graph(
    A, SUM, knowledge("f", "x * 10", "x", types=(NUMBER,)), Service("s", ("sum",), input_data=("a",)),
    Decision("typed", parse("a instance of tSmall", {"a"}), ("a",)), name="inner",
    types={"tSmall": Type("number", name="tSmall")},
)  # fmt: skip


def test_imported_graphs_decide_under_their_name():
    """Inputs, decisions, knowledge and services of an imported graph stand behind its name and a dot."""
    text = "i.sum + i.f(2) + i.s(7) + i.a"
    made = graph(Decision("d", parse(text, {"i"}), ("i.sum", "i.f", "i.s", "i.a")), imports={"i": INNER})
    for inputs in ({"i": {"a": 1}}, {"i.a": 1}):
        assert made.decide("d", inputs).value == Decimal(2 + 20 + 8 + 1)
        assert made.decide("i.sum", inputs).value == Decimal(2)
    assert made.decide("i.f", {"i": {"x": 3}}).value == Decimal(30)
    assert made.decide("d", {"i": {"sum": 100, "a": 1}}).value == Decimal(129)


def test_imported_graphs_have_types_of_their_own():
    """A text of an imported graph means the types that are named there."""
    named = InputData("t", Type(name="tSmall"))
    mine = {"tSmall": Type("string", name="tSmall")}
    made = graph(named, Decision("d", parse("i.typed", {"i"}), ("i.typed",)), imports={"i": INNER}, types=mine)
    assert made.decide("d", {"i": {"a": 1}}).value is True


def test_a_service_may_be_given_what_is_imported():
    """Inputs of a service may be those of an imported graph."""
    made = graph(Service("s", ("i.sum",), input_data=("i.a",)), imports={"i": INNER})
    assert decide(made, "s", **{"i.a": 4}) == (Decimal(5), [])
    assert decide(made, "s", i={"a": 4}) == (Decimal(5), [])
    assert decide(made, "s", i={"a": "four"}) == (None, ["type"])


def test_a_function_as_the_result_of_a_decision_is_not_called():
    """A decision may give a function; only knowledge and services are invoked."""
    value, codes = decide(graph(decision("d", "function(x) x")), "d")
    assert (value.parameters, codes) == (("x",), [])


def test_a_service_whose_call_does_not_return_is_stopped():
    """A service that calls itself without end raises Exhausted."""
    made = graph(A, decision("d", "s(a)", "s", "a"), Service("s", ("d",), input_data=("a",)))
    with pytest.raises(Exhausted):
        made.decide("s", {"a": 1})


def test_an_external_function_is_null_with_a_note():
    """Knowledge in another language gives null, and says so."""
    body = parse("function() external {java: 1}", FUNCTIONS)
    made = graph(Knowledge("f", (), (), body), decision("d", "f()", "f"))
    assert decide(made, "d") == (None, ["external"])
