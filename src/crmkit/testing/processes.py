"""Tests from a process: a state machine that drives any pipeline by commands, and cases and logs drawn from it.

Random commands hardly ever reach a deep stage; so the machine walks: it draws a stage, goes there by the shortest way
that is open, fills in what moves require and what their guards ask for, and gets approvals granted. On its way, and
beside it, it does everything that should be refused.

The laws, after every command: decided twice, it has one answer; a refusal has a reason and changes nothing; replaying
the facts gives the case; facts survive their text; and what was accepted is allowed by the definition, read a second
time without the machine: stages, required fields, locks, the schema, roles, approvals, guards.

And the checker of logs agrees with the machine: no accepted history has a deviation, and a log in which a case made a
move that there is not, or that was refused for a missing field or a role, has one.
"""

import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crmkit.pipeline import Around, Case, Pipeline, Refused
from crmkit.pipeline.commands import AddApprover, Approve, Command, Edit, Open, Reject, SendBack, Submit, Take, Withdraw
from crmkit.testing._driving import HOURS, Driven, driven_case, journeys
from crmkit.testing._holds import holds
from crmkit.testing._scripts import START, WHO, Script, Values
from crmkit.testing._stays import check_forced, check_history, check_refused

__all__ = ["cases", "check_process", "stateful_tests"]

Draw = Callable[..., Any]

# A walk draws dozens of values, and that is no fault here.
_SLOW = (HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.large_base_example)


def _is_there(machine: Any) -> bool:
    return bool(machine.driven.facts)


def _is_not_there(machine: Any) -> bool:
    return not _is_there(machine)


def _has_approvals(machine: Any) -> bool:
    return _is_there(machine) and bool(machine.script.pipeline.approvals)


def _has_links(machine: Any) -> bool:
    return _is_there(machine) and bool(machine.script.pipeline.links)


class _ProcessMachine(RuleBasedStateMachine):
    """One case of `script` and its children."""

    script: ClassVar[Script]

    def __init__(self) -> None:
        super().__init__()
        self.driven = Driven(self.script)

    @initialize(data=st.data(), bare=st.booleans())
    def begin(self, data: st.DataObject, bare: bool) -> None:  # noqa: FBT001 - drawn
        """Open the case, perhaps after it was refused, and go to some stages."""
        if bare:
            self.driven.do(Open(who=WHO, fields=_drawn(self.script, data.draw)))
        if not self.driven.facts:
            opened = self.driven.open(data.draw)
            holds(bool(opened) or self.script.pipeline.rules is not None, f"no case can be opened: {opened}")
        for to in data.draw(journeys(self.script)) if self.driven.facts else ():
            self.probe(data)
            self.driven.walk(data.draw, to)

    @precondition(_is_not_there)
    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        """Try once more to open a case that rules have refused, with other fields."""
        needed = self.script.pipeline.stage(self.script.pipeline.start).requires
        drawn = _drawn(self.script, data.draw)
        self.driven.do(Open(who=WHO, fields={**drawn, **self.driven.some(data.draw, needed)}))

    @precondition(_is_there)
    @rule(data=st.data())
    def walk(self, data: st.DataObject) -> None:
        """Go to a stage."""
        self.driven.wait(data.draw(HOURS))
        self.driven.walk(data.draw, data.draw(st.sampled_from(self.driven.every_stage)))

    @precondition(_is_there)
    @rule(data=st.data())
    def probe(self, data: st.DataObject) -> None:
        """Take any move with any fields, too early perhaps, or without any role."""
        early, alone = data.draw(st.sampled_from([(False, False), (False, True), (True, False)]))
        at = START - timedelta(days=1) if early else None
        name = data.draw(st.sampled_from(_moves(self.driven)))
        command = Take(name, who=WHO, at=at, fields=_drawn(self.script, data.draw))
        verdict = self.driven.do(command, Around(children=self.driven.around.children) if alone else None)
        if isinstance(verdict, Refused):
            check_refused(self.driven, command, verdict.missing, alone=alone)

    @precondition(_is_there)
    @rule(data=st.data())
    def stray(self, data: st.DataObject) -> None:
        """Look at a log in which the case went to any stage, asked or not."""
        check_forced(self.driven, data.draw(st.sampled_from(self.driven.every_stage)))

    def teardown(self) -> None:
        """Look at the log of the case, unless a law was broken already: that one is told."""
        if sys.exception() is None:
            check_history(self.driven)

    @precondition(_is_there)
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        """Change any fields."""
        self.driven.do(Edit(who=WHO, fields=_drawn(self.script, data.draw)))

    @precondition(_has_approvals)
    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        """Ask for an approval, answer, return it, call somebody in or withdraw it."""
        self.driven.do(data.draw(_answers(self.driven)))

    @precondition(_has_links)
    @rule(data=st.data())
    def child(self, data: st.DataObject) -> None:
        """Open a child case, or take one some way."""
        below = data.draw(st.sampled_from([None, *self.driven.children.values()]))
        if below is None:
            links = [link.name for link in self.script.pipeline.links]
            self.driven.open_child(data.draw, data.draw(st.sampled_from(links)))
        else:
            below.walk(data.draw, data.draw(st.sampled_from(below.every_stage)))


def stateful_tests(pipeline: Pipeline, *, fields: Mapping[str, Values] | None = None) -> type[RuleBasedStateMachine]:
    """A state machine that drives a process; its attribute `TestCase` is what pytest and unittest find and run.

    Args:
        pipeline: any pipeline. What fields can hold comes from its schema, from what its guards compare them with, and
            else is a short text.
        fields: strategies for fields that this does not tell, such as those that guards in Python read.
    """
    return type("ProcessMachine", (_ProcessMachine,), {"script": Script(pipeline, fields)})


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
        suppress_health_check=_SLOW,
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
    called = st.sampled_from(["chief", "zoe"])
    command: Command = draw(st.one_of(
        st.builds(Submit, st.just(name), who=st.just(WHO), fields=st.just(_drawn(driven.script, draw))),
        *[st.just(Approve(name, who=who))] * 2,
        st.just(Reject(name, who=who, reason="too much")),
        st.builds(SendBack, st.just(name), who=st.just(who), panel=st.integers(0, 2)),
        st.builds(AddApprover, st.just(name), called, who=st.just(who), before=st.booleans()),
        st.just(Withdraw(name, who=draw(st.sampled_from([WHO, who])))),
    ))  # fmt: skip
    return command
