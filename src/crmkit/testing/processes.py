"""Tests from a process: a state machine that drives any pipeline by commands, and cases and logs drawn from it.

Random commands hardly ever reach a deep stage; so the machine walks: it draws a stage, goes there by the shortest way
that is open, fills in what moves require and what their guards ask for, and gets approvals granted. On its way, and
beside it, it does everything that should be refused.

The laws, after every command: decided twice, it has one answer; a refusal has a reason and changes nothing; replaying
the facts gives the case; facts survive their text; and what was accepted is allowed by the definition, read a second
time without the machine: stages, required fields, locks, the schema, roles, approvals, guards.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crmkit.errors import InvalidValue
from crmkit.pipeline import Around, Case, Pipeline
from crmkit.pipeline.commands import AddApprover, Approve, Command, Edit, Open, Reject, SendBack, Submit, Take, Withdraw
from crmkit.testing._driving import Driven
from crmkit.testing._holds import holds
from crmkit.testing._scripts import START, WHO, Script, Values

__all__ = ["cases", "check_process", "stateful_tests"]

Draw = Callable[..., Any]

_HOURS = st.integers(0, 24 * 20)


def stateful_tests(pipeline: Pipeline, *, fields: Mapping[str, Values] | None = None) -> type[RuleBasedStateMachine]:
    """The state machine of a process, for `hypothesis.stateful`: `TestDeals = stateful_tests(deals).TestCase`.

    Args:
        pipeline: any pipeline. What fields can hold comes from its schema, from what its guards compare them with, and
            else is a short text.
        fields: strategies for fields that this does not tell, such as those that guards in Python read.
    """
    script = Script(pipeline, fields)
    stages = st.sampled_from([stage.name for stage in pipeline.stages])
    goals = journeys(script)

    class ProcessMachine(RuleBasedStateMachine):
        """One case and its children."""

        def __init__(self) -> None:
            super().__init__()
            self.driven = Driven(script)

        @initialize(data=st.data(), bare=st.booleans(), goals=goals)
        def begin(self, data: st.DataObject, bare: bool, goals: list[str]) -> None:  # noqa: FBT001 - drawn
            """Open the case, perhaps after it was refused, and go to some stages."""
            if bare:
                self.driven.do(Open(who=WHO, fields=_drawn(script, data.draw)))
            if not self.driven.facts:
                opened = self.driven.open(data.draw)
                holds(bool(opened) or pipeline.rules is not None, f"no case can be opened: {opened}")
            for to in goals if self.driven.facts else ():
                self.probe(data)
                self.walk(data, to)

        @precondition(lambda self: self.driven.facts)
        @rule(data=st.data(), to=stages)
        def walk(self, data: st.DataObject, to: str) -> None:
            """Go to a stage."""
            self.driven.wait(data.draw(_HOURS))
            self.driven.walk(data.draw, to)

        @precondition(lambda self: self.driven.facts)
        @rule(data=st.data())
        def probe(self, data: st.DataObject) -> None:
            """Take any move with any fields, too early perhaps, or without any role."""
            early, alone = data.draw(st.sampled_from([(False, False), (False, True), (True, False)]))
            at = START - timedelta(days=1) if early else None
            name = data.draw(st.sampled_from(_moves(self.driven)))
            command = Take(name, who=WHO, at=at, fields=_drawn(script, data.draw))
            self.driven.do(command, Around(children=self.driven.around.children) if alone else None)

        @precondition(lambda self: self.driven.facts)
        @rule(data=st.data())
        def edit(self, data: st.DataObject) -> None:
            """Change any fields."""
            self.driven.do(Edit(who=WHO, fields=_drawn(script, data.draw)))

        @precondition(lambda self: self.driven.facts and pipeline.approvals)
        @rule(data=st.data())
        def approve(self, data: st.DataObject) -> None:
            """Ask for an approval, answer, return it, call somebody in or withdraw it."""
            self.driven.do(data.draw(_answers(self.driven)))

        @precondition(lambda self: self.driven.facts and pipeline.links)
        @rule(data=st.data())
        def child(self, data: st.DataObject) -> None:
            """Open a child case, or take one some way."""
            driven = self.driven
            below = data.draw(st.sampled_from([None, *driven.children.values()]))
            if below is None:
                driven.open_child(data.draw, data.draw(st.sampled_from([link.name for link in pipeline.links])))
            else:
                below.walk(
                    data.draw, data.draw(st.sampled_from([stage.name for stage in below.script.pipeline.stages]))
                )

    return ProcessMachine


def check_process(pipeline: Pipeline, *, examples: int = 50, fields: Mapping[str, Values] | None = None) -> None:
    """Run the state machine of a process.

    Args:
        pipeline: any pipeline.
        examples: how many runs.
        fields: see `stateful_tests`.

    Raises:
        AssertionError: naming the law that is broken, with the shortest run that breaks it.
    """
    how = settings(
        max_examples=examples,
        stateful_step_count=15,
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],
    )
    run_state_machine_as_test(stateful_tests(pipeline, fields=fields), settings=how)


@st.composite
def cases(draw: Draw, pipeline: Pipeline, *, fields: Mapping[str, Values] | None = None) -> Case:
    """A case in any stage that can be reached, with legal values in its fields.

    Args:
        draw: given by hypothesis.
        pipeline: the process.
        fields: see `stateful_tests`.

    Raises:
        InvalidValue: if no case can be opened.
    """
    return driven_case(draw, Script(pipeline, fields), "C-1").case


def driven_case(draw: Draw, script: Script, id_: str) -> Driven:
    """A case that went to some stages."""
    driven = Driven(script, id_)
    if not driven.open(draw):
        raise InvalidValue("pipeline", script.pipeline.name, "opens no case; give strategies for its fields")
    for to in draw(journeys(script)):
        driven.wait(draw(_HOURS))
        driven.walk(draw, to)
    return driven


def journeys(script: Script) -> st.SearchStrategy[list[str]]:
    """Up to three open stages to go to, and then mostly a closed one.

    What closes a case for good must come last, and some closed stages can only be reached from early ones: open stages
    from which the others could no longer be reached are left out.
    """
    still = [stage.name for stage in script.pipeline.stages if stage.outcome is None]
    ends = [stage.name for stage in script.pipeline.stages if stage.outcome is not None]
    between = st.sampled_from([None, *still])
    return st.tuples(between, between, between, st.sampled_from([None, *ends])).map(
        lambda goals: _possible(script, goals)
    )


def _possible(script: Script, goals: Sequence[str | None]) -> list[str]:
    made: list[str] = []
    for goal in reversed([goal for goal in goals if goal is not None]):
        if not made or script.ways(goal, made[0]) is not None:
            made.insert(0, goal)
    return made


def _moves(driven: Driven) -> list[str]:
    """Mostly the moves out of the stage that the case is in."""
    here, pipeline = driven.script.pipeline.moves_from(driven.case.stage), driven.script.pipeline
    names = dict.fromkeys(name for of in pipeline.moves.values() for name in of)
    return [*here * 3, *names, "no such move"]


def _drawn(script: Script, draw: Draw) -> dict[str, Any]:
    """Any fields with any values, and sometimes none, or a text where there should be none."""
    if not script.values:
        return {}
    chosen = draw(st.lists(st.sampled_from([*script.values]), max_size=4, unique=True))
    odd = st.none() | st.just("") | st.just("odd")
    return {name: draw(script.values[name] | script.values[name] | odd) for name in chosen}


@st.composite
def _answers(draw: Draw, driven: Driven) -> Command:
    """A command about an approval, mostly by whoever may give it."""
    name = draw(st.sampled_from([one.name for one in driven.script.pipeline.approvals]))
    request = driven.case.request(name)
    due = () if request is None else request.due
    who = draw(st.sampled_from([*due, *due, WHO, "chief", "nobody"]))
    return draw(st.one_of(
        st.builds(Submit, st.just(name), who=st.just(WHO), fields=st.just(_drawn(driven.script, draw))),
        *[st.just(Approve(name, who=who))] * 2,
        st.just(Reject(name, who=who, reason="too much")),
        st.builds(SendBack, st.just(name), who=st.just(who), panel=st.integers(0, 2)),
        st.builds(AddApprover, st.just(name), st.sampled_from(["chief", "zoe"]), who=st.just(who), before=st.booleans()),
        st.just(Withdraw(name, who=draw(st.sampled_from([WHO, who])))),
    ))  # fmt: skip
