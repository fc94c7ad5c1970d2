"""A pipeline as data is the same pipeline, whatever is in it."""

import json
import pickle
import tomllib

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.errors import DefinitionError, DefinitionErrors, InputError
from crmkit.pipeline import Approval, Clock, Link, Move, Panel, Pipeline, Stage
from crmkit.pipeline.case import Effect
from crmkit.rules import Field, Rule, RuleSet, Schema
from crmkit.testing.pipelines import guards_of, pipelines

heavy = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def same(one, other):
    """Equal, deciding alike, and with moves in the same order."""
    assert other == one
    assert other.definition == one.definition
    assert {stage: [*moves] for stage, moves in other.moves.items()} == {s: [*moves] for s, moves in one.moves.items()}


@heavy
@given(pipelines())
def test_every_form_gives_the_pipeline_back(pipeline):
    """from_toml(to_toml(p)) == p, and so through JSON and pickle, with the same hash and order of moves."""
    guards = guards_of(pipeline)
    same(pipeline, Pipeline.from_toml(pipeline.to_toml(), guards))
    same(pipeline, Pipeline.from_dict(json.loads(json.dumps(pipeline.to_dict())), guards))
    same(pipeline, pickle.loads(pickle.dumps(pipeline)))  # noqa: S301 - our own bytes
    assert tomllib.loads(pipeline.to_toml())["name"] == pipeline.name


def untold(pipeline):
    """The same without labels, notes and sources."""
    moves = {
        stage: {
            name: attrs.evolve(move, labels={}, note="", guard=[*map(unsourced, move.guards)])
            for name, move in of.items()
        }
        for stage, of in pipeline.moves.items()
    }
    rules = pipeline.rules
    return attrs.evolve(
        pipeline,
        stages=[attrs.evolve(stage, labels={}, note="") for stage in pipeline.stages],
        moves=moves,
        clocks=[attrs.evolve(clock, note="") for clock in pipeline.clocks],
        links=[attrs.evolve(link, pipeline=untold(link.pipeline)) for link in pipeline.links],
        rules=rules and attrs.evolve(rules, rules=[*map(unsourced, rules.rules)]),
        labels={},
        source="",
    )


def unsourced(rule):
    """The same rule without its source."""
    return attrs.evolve(rule, source="") if isinstance(rule, Rule) else rule


@heavy
@given(pipelines())
def test_what_people_read_is_no_part_of_the_hash(pipeline):
    """Labels, notes and sources may change: the definition is the same. Stages and fields of that name are not told."""
    assert untold(pipeline).definition == pipeline.definition


RICH = Pipeline(
    "p",
    [Stage("a", limit="1 day"), Stage("b"), Stage("w", "won")],
    {"a": {"go": Move("b", guard="x > 1", approval="ok")}, "b": {"win": "w"}},
    approvals=[Approval("ok", Panel(["ann"], weights={"ann": 2}), when="x > 1")],
    clocks=[Clock("c", "1 day", stop="x > 1", start="x > 2", pause="x > 3", resume="x > 4", reset="x > 5")],
    links=[Link("l", Pipeline("q", ["s", Stage("off", "cancelled")], {"s": {"stop": "off"}}))],
    schema=Schema([Field("x", "decimal", labels={"zh": "数"})]),
    rules=RuleSet("r", Schema([Field("x", "decimal")]), [Rule("one", "x > 1")]),
)
CHANGES = {
    "stages": [
        [attrs.evolve(RICH.stages[0], **change), *RICH.stages[1:]]
        for change in ({"limit": "2 days"}, {"limit": None}, {"requires": ["note"]}, {"locked": ["note"]})
    ]
    + [[*RICH.stages[:2], Stage("w", "lost")], [RICH.stages[1], RICH.stages[0], RICH.stages[2]]],
    "moves": [
        {**RICH.moves, "a": {"go": attrs.evolve(RICH.moves["a"]["go"], **change)}}
        for change in (
            {"guard": "x > 2"}, {"guard": None}, {"guard": Rule("", "x > 1")}, {"guard": len}, {"requires": ["note"]},
            {"roles": ["r"]}, {"approval": None}, {"effects": ["mail"]}, {"effects": [Effect("mail", {"note": 1})]},
        )
    ] + [{**RICH.moves, "b": {"win": "w", "note": "a"}}],
    "approvals": [
        [attrs.evolve(RICH.approvals[0], **change)]
        for change in (
            {"covers": []}, {"covers": ["x"]}, {"when": None}, {"repeated": "first"}, {"separate": True},
            *({"panels": attrs.evolve(RICH.approvals[0].panels[0], **panel)} for panel in (
                {"people": ["bo"]}, {"roles": ["r"]}, {"fields": ["f"]}, {"mode": "all"}, {"quorum": 2},
                {"weights": {"ann": 3}}, {"weights": {"ann": 2, "note": 1}}, {"empty": "pass"}, {"deputies": ["bo"]},
                {"own": "allow"},
            )),
        )
    ],
    "clocks": [
        [attrs.evolve(RICH.clocks[0], **change)]
        for change in (
            {"limit": "2 days"}, {"warn": [50]}, {"effects": ["mail"]}, {"resume": None},
            *({part: "x > 9"} for part in ("stop", "start", "pause", "resume", "reset")),
        )
    ],
    "links": [
        [attrs.evolve(RICH.links[0], stages=["a"])],
        [Link("l", attrs.evolve(RICH.links[0].pipeline, back=False))],
    ],
    "schema": [None, Schema([Field("x", "decimal", labels={"zh": "号"})]), Schema([Field("x", "decimal", low=0)])],
    "rules": [None, attrs.evolve(RICH.rules, shadow=True), attrs.evolve(RICH.rules, rules=[Rule("one", "x > 2")])],
    "skip": [False], "back": [False], "reopen": [False], "start": ["b"], "name": ["q"],
}  # fmt: skip


@pytest.mark.parametrize(("part", "value"), [
    pytest.param(part, value, id=f"{part}-{number}") for part, values in CHANGES.items() for number, value in enumerate(values)
])  # fmt: skip
def test_all_that_decides_is_part_of_the_hash(part, value):
    """One change of anything that decides gives another definition, and comes back from TOML."""
    moves = {**RICH.moves, "b": {"win": "w", "back": "a"}} if part == "start" else None
    before = attrs.evolve(RICH, moves=moves) if moves else RICH
    changed = attrs.evolve(before, **{part: value})
    assert changed.definition != before.definition
    same(changed, Pipeline.from_toml(changed.to_toml(), {"len": len}))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "a", "won", "1 day", "x > 1", "x >"]),
    lambda more: (
        st.lists(more, max_size=2) | st.dictionaries(st.sampled_from(["name", "to", "a", ""]), more, max_size=2)
    ),
    max_leaves=4,
)


@heavy
@given(pipelines(), st.data())
def test_spoilt_data_gives_a_pipeline_or_our_errors(pipeline, data):
    """Whatever stands in a place of plain data, there is a pipeline or errors with places; never anything else."""
    plain = json.loads(json.dumps(pipeline.to_dict()))
    for _ in range(data.draw(st.integers(1, 3))):
        here = plain
        while True:
            keys = [*here] if isinstance(here, dict) else [*range(len(here))]
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if data.draw(st.booleans()) and isinstance(here[key], dict | list):
                here = here[key]
                continue
            if data.draw(st.booleans()) and isinstance(here, dict):
                here[data.draw(st.sampled_from(["nane", "x y", "labels"]))] = here.pop(key)
            else:
                here[key] = data.draw(JSON)
            break
    errors = ()
    try:
        made = Pipeline.from_dict(plain, guards_of(pipeline))
        assert Pipeline.from_dict(made.to_dict(), guards_of(pipeline)) == made
    except DefinitionErrors as group:
        errors = group.exceptions
    assert all(isinstance(error, DefinitionError) and error.where for error in errors)


SPOILS = st.sampled_from(["", "x", '"', "'", "=", "[", "]]", "{}", "#", "\n", "[moves]\n", "name = 1\n", "true", "\\"])


@heavy
@given(pipelines(links=False), st.data())
def test_spoilt_text_gives_a_pipeline_or_our_errors(pipeline, data):
    """Whatever is cut out of a TOML or put into it: a pipeline, errors with places, or one line about the syntax."""
    text = pipeline.to_toml()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(SPOILS) + text[at + data.draw(st.sampled_from([0, 1, 5])) :]
    found = ()
    try:
        Pipeline.from_toml(text, guards_of(pipeline))
    except InputError as error:
        found = (error,)
    except DefinitionErrors as group:
        found = group.exceptions
        assert [error.place for error in found] == sorted(error.place for error in found)
    assert all(map(str, found))
