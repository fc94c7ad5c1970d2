"""Tests from a process: a state machine that drives any pipeline by commands, and cases and logs drawn from it.

Random commands hardly ever reach a deep stage; so the machine walks: it draws a stage, goes there by the shortest way
that is open, fills in what moves require and what their guards ask for, and gets approvals granted. On its way, and
beside it, it does everything that should be refused.

The laws, after every command: decided twice, it has one answer; a refusal has a reason and changes nothing; replaying
the facts gives the case; facts survive their text; and what was accepted is allowed by the definition, read a second
time without the machine: stages, required fields, locks, the schema, roles, approvals, guards.
"""

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

from crmkit.errors import InvalidValue
from crmkit.pipeline import Around, Case, Pipeline
from crmkit.pipeline.commands import AddApprover, Approve, Command, Edit, Open, Reject, SendBack, Submit, Take, Withdraw
from crmkit.testing._driving import Driven
from crmkit.testing._holds import holds
from crmkit.testing._scripts import START, WHO, Script, Values

__all__ = ["ProcessMachine", "cases", "check_process", "stateful_tests"]

Draw = Callable[..., Any]

_HOURS = st.integers(0, 24 * 20)


def _opened(machine: "ProcessMachine") -> bool:
    return bool(machine.driven.facts)


def _has_approvals(machine: "ProcessMachine") -> bool:
    return _opened(machine) and bool(machine.script.pipeline.approvals)


def _has_links(machine: "ProcessMachine") -> bool:
    return _opened(machine) and bool(machine.script.pipeline.links)


def _stages(pipeline: Pipeline) -> list[str]:
    return [stage.name for stage in pipeline.stages]


class ProcessMachine(RuleBasedStateMachine):
    """One case and its children, driven by commands; `stateful_tests` makes one for a pipeline.

    Attributes:
        script: what is known of the pipeline.
    """

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
        for to in data.draw(journeys(self.script.pipeline)):
            self._walk(data, to)

    @precondition(_opened)
    @rule(data=st.data())
    def walk(self, data: st.DataObject) -> None:
        """Go to a stage."""
        self._walk(data, data.draw(st.sampled_from(_stages(self.script.pipeline))))

    def _walk(self, data: st.DataObject, to: str) -> None:
        self.driven.wait(data.draw(_HOURS))
        if self.driven.facts:
            self.driven.walk(data.draw, to)

    @precondition(_opened)
    @rule(data=st.data(), early=st.booleans(), alone=st.booleans())
    def move(self, data: st.DataObject, early: bool, alone: bool) -> None:  # noqa: FBT001 - drawn
        """Take any move with any fields, too early perhaps, or without any role."""
        move = data.draw(st.sampled_from(_moves(self.script.pipeline)))
        at = START - timedelta(days=1) if early else None
        command = Take(move, who=WHO, at=at, fields=_drawn(self.script, data.draw))
        self.driven.do(command, Around(children=self.driven.around.children) if alone else None)

    @precondition(_opened)
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
            names = [link.name for link in self.script.pipeline.links]
            self.driven.open_child(data.draw, data.draw(st.sampled_from(names)))
        else:
            below.walk(data.draw, data.draw(st.sampled_from(_stages(below.script.pipeline))))


def stateful_tests(pipeline: Pipeline, *, fields: Mapping[str, Values] | None = None) -> type[ProcessMachine]:
    """The state machine of a process, for `hypothesis.stateful`; `stateful_tests(deals).TestCase` is a test case.

    Args:
        pipeline: any pipeline. What fields can hold comes from its schema, from what its guards compare them with, and
            else is a short text.
        fields: strategies for fields that this does not tell, such as those that guards in Python read.
    """
    return type("ProcessMachine", (ProcessMachine,), {"script": Script(pipeline, fields)})


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
    for to in draw(journeys(script.pipeline)):
        driven.wait(draw(_HOURS))
        driven.walk(draw, to)
    return driven


def journeys(pipeline: Pipeline) -> st.SearchStrategy[list[str]]:
    """Up to two open stages to go to, and then mostly a closed one.

    Some closed stages have no way out, and some can only be reached from the start: so the closed one comes last, and
    in a third of the runs it comes first too.
    """
    still = [stage.name for stage in pipeline.stages if stage.outcome is None]
    ends = [stage.name for stage in pipeline.stages if stage.outcome is not None]
    first, more = (st.sampled_from(names) for names in (still, [None, *still]))
    way = st.sampled_from([(), (first,), (first, more)]).flatmap(lambda parts: st.tuples(*parts))
    return st.tuples(way, st.sampled_from([None, *ends, *ends])).map(lambda to: [one for one in (*to[0], to[1]) if one])


def _moves(pipeline: Pipeline) -> list[str]:
    names = dict.fromkeys(name for of in pipeline.moves.values() for name in of)
    return [*names, "no such move"]


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
    answer: Command = draw(st.one_of(
        st.builds(Submit, st.just(name), who=st.just(WHO), fields=st.just(_drawn(driven.script, draw))),
        *[st.just(Approve(name, who=who))] * 2,
        st.just(Reject(name, who=who, reason="too much")),
        st.builds(SendBack, st.just(name), who=st.just(who), panel=st.integers(0, 2)),
        st.builds(AddApprover, st.just(name), st.sampled_from(["chief", "zoe"]), who=st.just(who),
                  before=st.booleans()),
        st.just(Withdraw(name, who=draw(st.sampled_from([WHO, who])))),
    ))  # fmt: skip
    return answer
