"""Pipelines as BPMN 2.0, and what of BPMN is a pipeline."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.errors import CrmkitError, DefinitionErrors, InputError
from crmkit.pipeline import Move, Pipeline, Stage
from crmkit.pipeline.bpmn import from_bpmn, to_bpmn
from crmkit.testing.pipelines import guards_of, pipelines

heavy = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@heavy
@given(pipelines())
def test_a_pipeline_comes_back_from_its_model(pipeline):
    """from_bpmn(to_bpmn(p)) == p for any pipeline: what BPMN has no words for travels with it."""
    again = from_bpmn(to_bpmn(pipeline), guards=guards_of(pipeline))
    assert again == pipeline
    assert again.definition == pipeline.definition
    assert {s: [*m] for s, m in again.moves.items()} == {s: [*m] for s, m in pipeline.moves.items()}


HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:x="urn:other" '
    'xmlns:crmkit="urn:crmkit:bpmn" id="d">\n'
)


def model(*parts, process="", root=""):
    """A model as another tool writes it, one element a line."""
    lines = [f'<process id="p" {process}>', *parts, "</process>", root, "</definitions>"]
    return HEAD + "\n".join(lines)


def flow(id_, source, target, inside="", **attributes):
    """A sequence flow."""
    more = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<sequenceFlow id="{id_}" sourceRef="{source}" targetRef="{target}"{more}>{inside}</sequenceFlow>'


def when(text, language=' language="feel"'):
    """A condition."""
    return f"<conditionExpression{language}>{text}</conditionExpression>"


START, LEAD, WON = '<startEvent id="s"/>', '<userTask id="t" name="lead"/>', '<endEvent id="e" name="Won"/>'
SMALL = [START, LEAD, WON, flow("f", "s", "t"), flow("g", "t", "e", name="sign")]

FOREIGN = model(
    "<documentation>As drawn.</documentation><extensionElements><x:y/></extensionElements>",
    '<laneSet id="ls"><lane id="l" name="sales"><flowNodeRef>offer</flowNodeRef></lane>'
    '<lane id="m" name="office"><flowNodeRef> check </flowNodeRef><flowNodeRef>s</flowNodeRef></lane></laneSet>',
    START,
    '<task id="check" name="check"><documentation>Is it one of ours?</documentation><incoming>f</incoming></task>',
    '<exclusiveGateway id="g" default="no"/><manualTask id="offer" name="offer"/><exclusiveGateway id="join"/>',
    '<boundaryEvent id="b" attachedToRef="offer"><timerEventDefinition><timeDuration>P3D</timeDuration></timerEventDefinition></boundaryEvent>',
    WON, '<endEvent id="n1" name="no deal"/><endEvent id="n2" name="no deal"><terminateEventDefinition/></endEvent>',
    flow("f", "s", "check"), flow("f1", "check", "g"),
    flow("f2", "g", "offer", when("= amount &gt; 100", ""), name="go on"),
    flow("no", "g", "n1", name="too small"),
    flow("f4", "offer", "join"), flow("f5", "join", "e", when("amount &lt; 5000"), name="sign"),
    flow("f6", "join", "n2"), flow("f7", "join", "offer", name="again"),
    '<textAnnotation id="a"><text>hello</text></textAnnotation>',
    process='name="sales" isExecutable="true"',
    root='<collaboration id="c"><participant id="q" processRef="p"/></collaboration>',
)  # fmt: skip


def test_a_model_of_another_tool_is_read():
    """Tasks are stages, gateways choices, lanes roles, timers limits, default flows what is left, ends closed stages."""
    read = from_bpmn(FOREIGN, outcomes={"no deal": "lost"})
    assert read == Pipeline(
        "sales",
        [
            Stage("check", note="Is it one of ours?"), Stage("offer", limit="3 days"), Stage("Won", "won"),
            Stage("no deal", "lost"),
        ],
        {
            "check": {
                "go on": Move("offer", guard="amount > 100", roles=["office"]),
                "too small": Move("no deal", guard="(amount > 100) != true", roles=["office"]),
            },
            "offer": {
                "sign": Move("Won", guard="amount < 5000", roles=["sales"]),
                "no deal": Move("no deal", roles=["sales"]),
                "again": Move("offer", roles=["sales"]),
            },
        },
    )  # fmt: skip
    assert [*read.moves["offer"]] == ["sign", "no deal", "again"]
    assert from_bpmn(to_bpmn(read).encode()) == read


def test_what_is_drawn_holds():
    """Names, conditions, limits, lanes and notes that a modeller changed are those of the pipeline; the rest stays."""
    before = Pipeline(
        "p",
        [Stage("a", limit="5 business days", labels={"zh": "甲"}, note="old"), Stage("b", locked=["x"]), Stage("w", "won")],
        {
            "a": {"go": Move("b", guard=["amount > 1", "amount < 9"], roles=["rep"], note="so"), "win": Move("w", roles=["rep"])},
            "b": {"win": Move("w", guard="amount > 1", requires=["y"], labels={"zh": "赢"}), "back": "a"},
        },
    )  # fmt: skip
    text = to_bpmn(before)
    assert from_bpmn(text) == before
    for old, new in [
        ('name="a"', 'name="lead"'), (">old<", ">new<"), (">P5D<", ">PT4H<"), ('name="rep"', 'name="boss"'),
        ('name="win" ', 'name="win" '), ("(amount &gt; 1) and (amount &lt; 9)", "amount = 3"), (">so<", "><"),
    ]:  # fmt: skip
        assert old in text or old == new
        text = text.replace(old, new)
    after = from_bpmn(text)
    assert after.stages[0] == Stage("lead", limit="4 hours", labels={"zh": "甲"}, note="new")
    assert after.moves["lead"] == {
        "go": Move("b", guard="amount = 3", roles=["boss"]),
        "win": Move("w", roles=["boss"]),
    }
    assert after.moves["b"] == {**before.moves["b"], "back": Move("lead")}
    # A limit that was taken out of the drawing is gone.
    cut = text[: text.index("<boundaryEvent")] + text[text.index("</boundaryEvent>") + len("</boundaryEvent>") :]
    assert from_bpmn(cut).stages[0].limit is None


def checks(attempt):
    """A guard in Python."""


def test_guards_in_python_stay_when_the_condition_changes():
    """What is drawn replaces what was drawn, and nothing else."""
    made = Pipeline("p", ["a", Stage("w", "won")], {"a": {"win": Move("w", guard=["x > 1", checks])}})
    text = to_bpmn(made).replace(">x &gt; 1<", ">x &gt; 2<")
    assert from_bpmn(text, guards={"checks": checks}).moves["a"]["win"].guards == ("x > 2", checks)


@pytest.mark.parametrize(("parts", "where", "why"), [
    ([*SMALL, '<parallelGateway id="x"/>'], "parallelGateway 'x'", "has no place in a pipeline"),
    ([*SMALL, '<inclusiveGateway id="x"/>'], "inclusiveGateway 'x'", "has no place in a pipeline"),
    ([*SMALL, '<eventBasedGateway id="x"/>'], "eventBasedGateway 'x'", "has no place in a pipeline"),
    ([*SMALL, '<subProcess id="x"/>'], "subProcess 'x'", "has no place in a pipeline"),
    ([*SMALL, '<serviceTask id="x"/>'], "serviceTask 'x'", "has no place in a pipeline"),
    ([*SMALL, '<intermediateCatchEvent id="x"/>'], "intermediateCatchEvent 'x'", "has no place in a pipeline"),
    ([*SMALL, '<x:task id="x"/>'], "task 'x'", "has no place in a pipeline"),
    ([START.replace("/>", "><messageEventDefinition/></startEvent>"), *SMALL[1:]], "<messageEventDefinition>", "inside <startEvent>"),
    ([LEAD.replace("/>", "><multiInstanceLoopCharacteristics/></userTask>"), START, *SMALL[2:]], "<multiInstanceLoopCharacteristics>", "inside <userTask>"),
    ([*SMALL, START.replace('"s"', '"s2"')], "process 'p'", "has 2 start events"),
    ([*SMALL, flow("h", "s", "e")], "startEvent 's'", "must lead to one stage"),
    ([*SMALL, flow("h", "t", "s")], "sequenceFlow 'h'", "leads to a <startEvent>"),
    ([*SMALL, flow("h", "t", "nowhere")], "sequenceFlow 'h'", "does not lead from one element"),
    ([*SMALL, flow("h", "t", "e", name="sign")], "sequenceFlow 'h'", "second move called 'sign'"),
    ([*SMALL, '<task id="x"/>'], "task 'x'", "has no name"),
    ([*SMALL, '<task id="x" name="lead"/>'], "task 'x'", "second one called 'lead'"),
    ([*SMALL, '<endEvent id="x" name="over"/>'], "endEvent 'x'", "say so in outcomes="),
    ([*SMALL, '<exclusiveGateway id="x"/>', flow("h", "t", "x"), flow("i", "x", "x")], "exclusiveGateway 'x'", "a loop of gateways"),
    ([*SMALL[:-1], flow("g", "t", "e", when("${a}", ""))], "sequenceFlow 'g'", "in no language we know"),
    ([*SMALL, '<boundaryEvent id="x" attachedToRef="t"><timerEventDefinition><timeCycle>R/P1D</timeCycle></timerEventDefinition></boundaryEvent>'], "boundaryEvent 'x'", "is no time limit"),
    ([*SMALL, '<boundaryEvent id="x" attachedToRef="t"><signalEventDefinition/></boundaryEvent>'], "<signalEventDefinition>", "inside <boundaryEvent>"),
    ([*SMALL, '<boundaryEvent id="x" attachedToRef="e"/>'], "boundaryEvent 'x'", "a limit of no task"),
    ([*SMALL, '<boundaryEvent id="x" attachedToRef="t"><timerEventDefinition><timeDuration>P1W</timeDuration></timerEventDefinition></boundaryEvent>', flow("h", "x", "e")], "boundaryEvent 'x'", "leads somewhere when time is over"),
    ([*SMALL[:-1], flow("g", "t", "e", '<extensionElements><crmkit:part>{"roles": 3}</crmkit:part></extensionElements>')], "sequenceFlow 'g'", "a part of ours that is damaged"),
])  # fmt: skip
def test_what_a_pipeline_cannot_be_is_refused_by_its_id(parts, where, why):
    """Each thing that has no place is named, with the line it stands in."""
    text = model(*parts)
    with pytest.raises(DefinitionErrors) as caught:
        from_bpmn(text)
    found = {error.where: error for error in caught.value.exceptions}
    assert why in found[where].why
    line = text.split("\n")[found[where].line - 1]
    assert line[found[where].column - 1] == "<"
    assert where.strip("<>").split(" ")[0] in line


def test_mistakes_of_the_pipeline_have_their_element():
    """What is wrong with a stage or a move is said with the line of its element."""
    trap = '<task id="x" name="trap"/>'
    parts = [*SMALL[:-1], trap, flow("g", "t", "e", when("a &gt;")), flow("h", "t", "x", name="fall")]
    with pytest.raises(DefinitionErrors) as caught:
        from_bpmn(model(*parts))
    assert [(error.where, error.place) for error in caught.value.exceptions] == [
        ("stages['trap']", (7, 1)), ("moves['lead']['Won'].guard", (8, 1)),
    ]  # fmt: skip
    with pytest.raises(DefinitionErrors, match="BPMN process 'p'") as caught:
        from_bpmn(model(*parts).replace("a &gt;", "a &gt; 1"))
    assert [(error.where, error.place) for error in caught.value.exceptions] == [("stages['trap']", (7, 1))]
    lone = '<extensionElements><crmkit:part>{"skip": "no"}</crmkit:part></extensionElements>'
    with pytest.raises(DefinitionErrors) as caught:
        from_bpmn(model(lone, *SMALL))
    assert [(error.where, error.place) for error in caught.value.exceptions] == [("skip", None)]


@pytest.mark.parametrize(("text", "why"), [
    ("", "is no XML"),
    ("<definitions/>", "is no model of BPMN 2.0"),
    (HEAD + "</definitions>", "has 0 processes"),
    (HEAD + "<process id='a'/><process id='b'/></definitions>", "has 2 processes"),
    ('<!DOCTYPE d [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>' + model(*SMALL), "declares a document type"),
    ('<!DOCTYPE d SYSTEM "file:///etc/passwd">' + model(*SMALL), "declares a document type"),
    (HEAD + "<process>" * 300, "nests deeper than"),
    (model("<extensionElements><crmkit:part>{</crmkit:part></extensionElements>", *SMALL), "a part of ours that is damaged"),
    (model("<extensionElements><crmkit:part>" + "[" * 100_000 + "</crmkit:part></extensionElements>", *SMALL), "a part of ours that is damaged"),
])  # fmt: skip
def test_what_is_no_model_is_one_clear_error(text, why):
    """No XML, no BPMN, bombs, other files and endless depth are refused."""
    with pytest.raises(InputError) as caught:
        from_bpmn(text)
    assert why in str(caught.value)


def test_gateways_in_a_row_do_not_multiply_without_end():
    """Thirty choices one after the other would be a thousand million moves."""
    gates = [f'<exclusiveGateway id="x{n}"/>' for n in range(31)]
    ways = [flow(f"{side}{n}", f"x{n}", f"x{n + 1}" if n < 30 else "e") for n in range(31) for side in "ab"]
    with pytest.raises(DefinitionErrors) as caught:
        from_bpmn(model(*SMALL, *gates, flow("h", "t", "x0"), *ways))
    assert "more than 1000 moves" in str(caught.value)


def test_parts_that_say_nothing_are_passed_over():
    """A part of ours that is no table, or of somebody else, is none; a lane may have no part."""
    other = "<extensionElements><x:part>{}</x:part><crmkit:part>[]</crmkit:part></extensionElements>"
    assert from_bpmn(model(other, *SMALL)) == from_bpmn(model(*SMALL))
    # A stage without moves that was since taken out of the drawing.
    gone = '<extensionElements><crmkit:part>{"idle": ["gone", []]}</crmkit:part></extensionElements>'
    assert from_bpmn(model(gone, *SMALL)) == from_bpmn(model(*SMALL))


SPOILS = st.sampled_from(
    [
        "",
        "<task id='q'/>",
        "<exclusiveGateway/>",
        "&x;",
        "\x00",
        "<!--",
        '"',
        "stage_0",
        "choice_stage_0",
        "{",
        "null",
        "P1D",
    ]
)


@settings(heavy, max_examples=150)
@given(pipelines(links=False), st.data())
def test_spoilt_models_give_a_pipeline_or_our_errors(pipeline, data):
    """Whatever is cut out of a model or put into it, there is a pipeline or an error of ours."""
    text = to_bpmn(pipeline)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(SPOILS) + text[at + data.draw(st.sampled_from([0, 1, 8, 40])) :]
    with contextlib.suppress(CrmkitError):
        assert isinstance(from_bpmn(text, guards=guards_of(pipeline)), Pipeline)
