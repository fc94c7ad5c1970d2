"""A case driven by commands, with a law looked at after each of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.events import Event, Opened, from_json, to_json
from crmkit.pipeline import Accepted, Around, Case, Refused
from crmkit.pipeline.case import Verdict
from crmkit.pipeline.commands import Approve, Command, Open, OpenChild, Submit, Take
from crmkit.rules.explain import explain
from crmkit.rules.ruleset import Rule
from crmkit.testing._holds import holds
from crmkit.testing._scripts import START, WHO, Script, place_of, roles_of

Draw = Callable[..., Any]

_NONE = Case("", "", START, START, START)
_MOST_ANSWERS = 40
HOURS = st.integers(0, 24 * 20)


class Driven:
    """A case, its facts, and its children.

    Attributes:
        case: as it stands; nothing before it is opened.
        facts: its own facts, in order.
        now: the time.
        children: child cases by id.
    """

    def __init__(self, script: Script, id_: str = "C-1") -> None:
        self.script = script
        self.id = id_
        self.case = _NONE
        self.facts: list[Event] = []
        self.now = START
        self.children: dict[str, Driven] = {}

    @property
    def is_open(self) -> bool:
        """Whether it was opened and is not closed."""
        return bool(self.facts) and self.script.pipeline.stage(self.case.stage).outcome is None

    @property
    def every_stage(self) -> list[str]:
        """The names of all stages that there are."""
        return [stage.name for stage in self.script.pipeline.stages]

    @property
    def stages(self) -> tuple[str, ...]:
        """Every stage it has been in, in order."""
        return tuple(visit.stage for visit in self.script.pipeline.timeline(self.facts))

    @property
    def around(self) -> Around:
        """What is known besides the case: all roles, everybody, and its children."""
        cases = {id_: child.case for id_, child in self.children.items()}
        return Around(frozenset(roles_of(self.script.pipeline)), self.script.directory, cases)

    # -- one command

    def do(self, command: Command, around: Around | None = None) -> Verdict:
        """Decide a command twice, hold the answer against the laws, and take it over.

        Raises:
            AssertionError: naming the law that is broken.
        """
        around = self.around if around is None else around
        before = self.id if isinstance(command, Open) else self.case
        verdict, again = (self.script.pipeline.decide(before, command, self.now, around=around) for _ in range(2))
        holds(verdict == again, f"one command, decided twice, had two answers: {verdict} and {again}")
        if isinstance(verdict, Refused):
            holds(bool(verdict.reasons), f"{command} was refused without a reason")
            holds(not self.facts or self._replayed() == self.case, f"{command} was refused and changed the case")
            return verdict
        self._take_over(command, verdict, around)
        return verdict

    def _replayed(self) -> Case | None:
        return self.script.pipeline.replay(self.facts)

    def _take_over(self, command: Command, verdict: Accepted, around: Around) -> None:
        pipeline, before = self.script.pipeline, self.case
        for event in verdict.events:
            holds(from_json(to_json(event)) == event, f"{event} changed on its way through text")
        own = [event for event in verdict.events if event.case == self.id]
        self.facts += own
        self.case = verdict.case
        evolved: Case | None = before if len(self.facts) > len(own) else None
        for event in own:
            evolved = pipeline.evolve(evolved, event)
        holds(evolved == self.case, f"evolve over the facts of {command} is {evolved}, decided was {self.case}")
        holds(self._replayed() == self.case, f"the facts after {command} give another case than was decided")
        holds(self.case.version == len(self.facts), f"{command} miscounts the facts of the case")
        _as_defined(self.script, before, command, self.case, around)
        self._share(verdict, command)

    def _share(self, verdict: Accepted, command: Command) -> None:
        """Give the children their facts."""
        for event in verdict.events:
            if event.case == self.id:
                continue
            if isinstance(event, Opened) and isinstance(command, OpenChild):
                self.children[event.case] = Driven(self.script.children[command.link], event.case)
            child = self.children[event.case]
            child.facts.append(event)
            child.case = child.script.pipeline.replay(child.facts) or _NONE
            child.now = self.now

    # -- many commands

    def wait(self, hours: int) -> None:
        """Let time pass."""
        self.now += timedelta(hours=hours)
        for child in self.children.values():
            child.now = self.now

    def open(self, draw: Draw) -> Verdict:
        """Open it with drawn fields, those that are required among them."""
        pipeline = self.script.pipeline
        return self.do(Open(who=WHO, fields=self.some(draw, pipeline.stage(pipeline.start).requires)))

    def some(self, draw: Draw, needed: tuple[str, ...]) -> dict[str, Any]:
        """Drawn values for required fields."""
        return {name: draw(self.script.values[name]) for name in needed}

    def walk(self, draw: Draw, to: str) -> bool:
        """Go to a stage by the shortest way, round what cannot be passed; False if there is no way."""
        barred: set[tuple[str, str]] = set()
        while self.case.stage != to:
            way = self.script.ways(self.case.stage, to, barred)
            if way is None:
                return False
            if not self.take(draw, way[0]):
                barred.add((self.case.stage, way[0]))
        return True

    def take(self, draw: Draw, move: str) -> bool:
        """Take a move: see to its children, its fields and its approval first."""
        script, stage = self.script, self.case.stage
        read = script.reads(stage, move)
        for link in script.pipeline.links:
            if link.name in read:
                self._finish_child(draw, link.name)
        missing = tuple(name for name in script.needed(stage, move) if not _is_value(self.case.fields.get(name)))
        data = script.filled(self.case, move, self.some(draw, missing), self.around, self.now)
        wanted = script.pipeline.moves[stage][move].approval
        if "approved" in read and wanted is None and not script.passes(self.case, move, data, self.around, self.now):
            wanted = script.pipeline.approvals[0].name if script.pipeline.approvals else None
        if wanted is not None and script.asks(script.pipeline.approval(wanted), self.case, move, data, self.around):
            self._approve(wanted, data)
            data = {name: value for name, value in data.items() if self.case.fields.get(name) != value}
        return bool(self.do(Take(move, who=WHO, fields=data)))

    def _approve(self, approval: str, data: Mapping[str, Any]) -> None:
        self.do(Submit(approval, who=WHO, fields=data))
        for _ in range(_MOST_ANSWERS):
            request = self.case.request(approval)
            if request is None or not request.due:
                return
            # With separate panels whoever has answered already may not answer again.
            acted = {one for sitting in request.sittings for one in sitting.actors}
            able = [one for one in request.due if one not in acted] or [*request.due]
            if not self.do(Approve(approval, who=able[0])):
                return

    def open_child(self, draw: Draw, link: str) -> Verdict:
        """Open a child case."""
        pipeline = self.script.children[link].pipeline
        child = Driven(self.script.children[link])
        data = child.some(draw, pipeline.stage(pipeline.start).requires)
        return self.do(OpenChild(link, f"{self.id}/{len(self.children) + 1}", who=WHO, fields=data))

    def _finish_child(self, draw: Draw, link: str) -> None:
        """See to it that there is a child that is closed, if possible well."""
        child = self.children.get(self.case.child(link) or "")
        if child is None and self.open_child(draw, link):
            child = self.children[self.case.child(link) or ""]
        if child is not None and child.is_open:
            closed = [one for one in child.script.pipeline.stages if one.outcome is not None]
            for stage in sorted(closed, key=lambda one: one.outcome != "won"):
                if child.walk(draw, stage.name):
                    return


def _is_value(value: Any) -> bool:
    return value is not None and not (isinstance(value, str) and not value.strip())


def driven_case(draw: Draw, script: Script, id_: str) -> Driven:
    """A case that went to some stages."""
    driven = Driven(script, id_)
    if not driven.open(draw):
        raise InvalidValue("pipeline", script.pipeline.name, "opens no case; give strategies for its fields")
    for to in draw(journeys(script)):
        driven.wait(draw(HOURS))
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


# -- the definition, read a second time: nothing here asks the machine


def _as_defined(script: Script, before: Case, command: Command, after: Case, around: Around) -> None:
    """Whether the definition allows what was accepted."""
    pipeline, said = script.pipeline, f"{command} was accepted"
    # The fields of a child are in the child's own fact.
    told = after.fields if isinstance(command, OpenChild) else {**before.fields, **command.fields}
    holds(dict(after.fields) == dict(told), f"{said}, but the case holds {after.fields}, not {told}")
    for name, value in command.fields.items():
        _fits(script, name, value, said)
    if isinstance(command, Open):
        holds(after.stage == pipeline.start, f"{said} in stage {after.stage!r}")
        _has_all(pipeline.stage(pipeline.start).requires, after, said)
        return
    needed: tuple[str, ...] = ()
    if isinstance(command, Take):
        move = pipeline.moves.get(before.stage, {}).get(command.move)
        if move is None or move.to != after.stage:
            raise AssertionError(f"{said} from {before.stage!r} to {after.stage!r}, which is no such move")
        needed = script.needed(before.stage, command.move)
        _has_all(needed, after, said)
        _is_allowed(script, before, command, after, around)
    else:
        holds(after.stage == before.stage, f"{said} and moved the case to {after.stage!r}")
    holds(after.at >= before.at, f"{said} before the last event of its case")
    locked = [name for name in command.fields if name not in needed and pipeline.stage(before.stage).locks(name)]
    free = isinstance(command, OpenChild) or not locked
    holds(free, f"{said} and changes {locked}, locked in {before.stage!r}")


def _fits(script: Script, name: str, value: Any, said: str) -> None:
    schema = script.pipeline.schema
    if schema is not None and name in schema.aliases and value is not None:
        try:
            schema.field(name).read(value, partial=True)
        except InvalidValue as error:
            raise AssertionError(f"{said}, but {error}") from None


def _has_all(needed: tuple[str, ...], case: Case, said: str) -> None:
    missing = [name for name in needed if not _is_value(case.fields.get(name))]
    holds(not missing, f"{said} without {missing}")


def _is_allowed(script: Script, before: Case, command: Take, after: Case, around: Around) -> None:
    fields, at = after.fields, after.at
    move = script.pipeline.moves[before.stage][command.move]
    said = f"{command} was accepted from {before.stage!r}"
    if move.roles and command.on_behalf_of is None:
        held = around.roles | around.directory.roles_of(command.who)
        holds(not held.isdisjoint(move.roles), f"{said} by {command.who}, who is none of {move.roles}")
    if move.approval is not None:
        approval, request = script.pipeline.approval(move.approval), before.request(move.approval)
        granted = request is not None and request.granted(fields)
        asked = granted or script.asks(approval, before, command.move, command.fields, around)
        holds(granted or not asked, f"{said} without approval {move.approval!r}")
    record = script.recorded(before, command, around, at)
    for number, guard in enumerate(move.guards):
        if not callable(guard):
            _keeps(script, before, command, (number, guard), record)


def _keeps(script: Script, before: Case, command: Take, guard: tuple[int, Any], record: Mapping[str, Any]) -> None:
    """Whether the interpreter, too, lets a move pass that the compiled guard has passed."""
    number, written = guard
    if script.asked is None:
        return
    place = place_of(before.stage, command.move, number)
    checked, schema = script.asked.rules.checked[place], script.asked.rules.schema
    # An empty field that may be empty is null; what else is not there is unknown.
    read = {name: record.get(name) for name in checked.fields if name in record or schema.field(name).nullable}
    try:
        value = explain(script.asked.rules, place, read).value
    except InvalidValue as error:
        raise AssertionError(f"{command} was accepted, and {written} cannot be read: {error}") from None
    passes = value is True or (not isinstance(value, bool) and isinstance(written, Rule) and written.on_null == "pass")
    holds(passes, f"{command} was accepted, and {written} is {value} for {read}")
