"""The runs of every clock of a case, read off its facts: nothing is counted, so nothing can drift."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import attrs

from crmkit.events import Breached, Event, Found, Migrated, Moved, Warned
from crmkit.pipeline._machine import evolve
from crmkit.pipeline._spans import Span
from crmkit.pipeline.case import ALONE, Case

if TYPE_CHECKING:
    from crmkit.pipeline._conditions import Conditions
    from crmkit.pipeline.clocks import Clock
    from crmkit.pipeline.definition import Pipeline

#: What a cycle of a clock does: it runs, stands still, was stopped, or was cut short by the next cycle.
ClockStatus: TypeAlias = Literal["running", "paused", "stopped", "reset"]
# What crmkit notes about a case is no news of the case: a clock that heard it would depend on who looked at it when.
_NOTES = (Warned, Breached, Found)


@attrs.define
class Run:
    """One run of a clock: from its start, or its reset, to its stop, or the next reset.

    Attributes:
        case: the case.
        clock: its name.
        cycle: which run of it, from 1.
        started: when (UTC).
        who: who held the case then.
        ended: when (UTC); None while it goes on.
        status: what it does.
        pauses: when it stood still, in order; the end of the last is None while it does.
    """

    case: str
    clock: str
    cycle: int
    started: datetime
    who: str | None
    ended: datetime | None = None
    status: ClockStatus = "running"
    pauses: list[tuple[datetime, datetime | None]] = attrs.field(factory=list[tuple[datetime, datetime | None]])

    def hold(self, at: datetime) -> None:
        """Stand still from an instant on."""
        self.pauses.append((at, None))
        self.status = "paused"

    def resume(self, at: datetime) -> None:
        """Run on, if it stands still."""
        if self.status == "paused":
            self.pauses[-1] = (self.pauses[-1][0], at)
            self.status = "running"

    def end(self, at: datetime, status: ClockStatus) -> None:
        """End it."""
        self.resume(at)
        self.ended, self.status = at, status

    def held(self, until: datetime) -> tuple[Span, ...]:
        """When it stood still, up to an instant."""
        return tuple((start, until if end is None else end) for start, end in self.pauses)


class _Watch:
    """The runs of one clock, fact by fact."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.runs: list[Run] = []

    @property
    def current(self) -> Run | None:
        """The run that goes on."""
        return self.runs[-1] if self.runs and self.runs[-1].ended is None else None

    def begin(self, case: str, at: datetime, who: str | None) -> Run:
        self.runs.append(Run(case, self.name, len(self.runs) + 1, at.astimezone(UTC), who))
        return self.runs[-1]


class _StageWatch(_Watch):
    """The clock of the stages that have a limit: each stay is a run."""

    def look(self, before: Case | None, after: Case, event: Event, at: datetime) -> None:
        if isinstance(event, Migrated) and before is not None:
            self._renamed(before.stage, after)
        elif before is None or isinstance(event, Moved):
            if self.current is not None:
                self.current.end(at, "stopped")
            if after.stage == self.name:
                self.begin(after.id, after.entered, after.held_by)

    def _renamed(self, name: str, after: Case) -> None:
        """A stage that is called otherwise after a migration is the same stay: its time goes on."""
        if name == after.stage:
            return
        if name == self.name:
            self.runs.pop()
        if after.stage == self.name:
            self.begin(after.id, after.entered, after.held_by)


class _ClockWatch(_Watch):
    """A clock with conditions."""

    def __init__(self, clock: "Clock", holds: Callable[[str, str, Mapping[str, Any]], bool]) -> None:
        super().__init__(clock.name)
        self._parts = frozenset(clock.conditions)
        self._holds = holds
        self._was = {"start": False, "reset": False}

    def look(self, record: Mapping[str, Any], after: Case, at: datetime) -> None:
        """What a fact means for it: stop goes before reset, and reset before pause."""
        starts, resets = self._rises("start", record), self._rises("reset", record)
        run = self.current
        if run is not None and self._true("stop", record):
            run.end(at, "stopped")
        elif run is not None and resets:
            run.end(at, "reset")
            self.begin(after.id, at, after.owner)
        elif run is None and (starts or (resets and self.runs)):
            run = self.begin(after.id, at, after.owner)
            if self._true("stop", record):
                run.end(at, "stopped")
        if self.current is not None:
            self._pause(self.current, record, at)

    def _pause(self, run: Run, record: Mapping[str, Any], at: datetime) -> None:
        pauses = self._true("pause", record)
        resumes = self._true("resume", record) if "resume" in self._parts else not pauses
        if resumes:
            run.resume(at)
        elif pauses and run.status == "running":
            run.hold(at)

    def _true(self, part: str, record: Mapping[str, Any]) -> bool:
        if part not in self._parts:
            # Without a start it begins with the case.
            return part == "start"
        return self._holds(self.name, part, record)

    def _rises(self, part: str, record: Mapping[str, Any]) -> bool:
        was, self._was[part] = self._was[part], self._true(part, record)
        return self._was[part] and not was


def runs(pipeline: "Pipeline", events: Iterable[Event], now: datetime) -> list[Run]:
    """Every run of every clock of a case, stages first, each in the order of the definition.

    Args:
        pipeline: the definition.
        events: the facts of one case, in order; those after `now` have not happened.
        now: until when (aware).

    Raises:
        InvalidValue: if the facts are no history of a case, or a condition cannot read what a field holds.
    """
    stages = [_StageWatch(stage.name) for stage in pipeline.stages if stage.limit is not None]
    clocks = [_ClockWatch(clock, _asked(pipeline)) for clock in pipeline.clocks]
    case: Case | None = None
    for event in events:
        if event.at > now:
            continue
        before, case = case, evolve(case, event)
        if isinstance(event, _NOTES):
            continue
        # Facts that were recorded late happened, for a clock, when the one before them had.
        at = case.at.astimezone(UTC)
        for stage in stages:
            stage.look(before, case, event, at)
        if clocks:
            record = _record(pipeline, before, case, event)
            for clock in clocks:
                clock.look(record, case, at)
    return [run for watch in (*stages, *clocks) for run in watch.runs]


def by_case(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Facts of any number of cases, by case, in order."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.case, []).append(event)
    return found


def _record(pipeline: "Pipeline", before: Case | None, after: Case, event: Event) -> dict[str, Any]:
    """What the conditions of clocks speak of: the case after a fact. A field that was never set is null."""
    values = {
        "stage": after.stage, "move": event.move if isinstance(event, Moved) else None, "who": event.who,
        "at": event.at,
    }  # fmt: skip
    conditions = _conditions(pipeline)
    made: dict[str, Any] = {field.name: None for field in conditions.rules.schema.fields if field.nullable}
    made |= conditions.record(after, after.fields, values, ALONE)
    known = {stage.name for stage in pipeline.stages}
    # A case that was migrated may have been in a stage that this version does not have: nobody can tell which it is.
    if after.stage not in known:
        del made["stage"]
    made["previous stage"] = before.stage if before is not None and before.stage in known else None
    return {**made, **after.fields}


def _asked(pipeline: "Pipeline") -> Callable[[str, str, Mapping[str, Any]], bool]:
    conditions = _conditions(pipeline)
    certain = [field.name for field in conditions.rules.schema.fields if not field.nullable]

    def holds(clock: str, part: str, record: Mapping[str, Any]) -> bool:
        place = f"clocks[{clock!r}].{part}"
        found = conditions.holds(place, record)
        if found is None and any(name not in record for name in certain):
            # A field that cannot be null and was not set yet is unknown: "a or b" holds if a does.
            rules = conditions.rules
            found = rules.checked[place].interpret(rules.world.read(record, partial=True)).value
        return found is True

    return holds


def _conditions(pipeline: "Pipeline") -> "Conditions":
    # Whoever has clocks has conditions: `stop` is one.
    return cast("Conditions", pipeline._conditions)  # noqa: SLF001 - the definition's own room
