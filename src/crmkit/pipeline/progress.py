"""How far a case has come: which milestone of how many, how much of its time it has used, and what remains."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import InvalidValue
from crmkit.events import Event
from crmkit.pipeline._machine import has_value
from crmkit.pipeline.clocks import Calendars, ClockState, states
from crmkit.pipeline.history import replay, timeline
from crmkit.values.display import ROWS, Display, Lang, Shown

if TYPE_CHECKING:
    from crmkit.calendars import WorkingTime
    from crmkit.pipeline.definition import Pipeline
    from crmkit.pipeline.stages import Outcome

__all__ = ["Progress", "progress"]


@attrs.frozen
class Progress(Shown):
    """Where a case stands.

    Attributes:
        case: the case.
        stage: the stage it is in.
        outcome: what became of it; None while it is open.
        path: the milestones: the open stages of its pipeline in order, and the first stage that is won.
        step: how many of them it has reached, from 1; of a case that was lost or cancelled, had reached.
        ahead: the milestones that remain.
        lacks: the fields without a value that the next milestone asks for.
        clocks: the clocks that are on, with the time that they have used and that is left.
    """

    case: str
    stage: str
    outcome: "Outcome | None"
    path: tuple[str, ...]
    step: int
    ahead: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    clocks: tuple[ClockState, ...] = ()

    @property
    def share(self) -> float:
        """The share of the milestones that it has reached."""
        return self.step / len(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "case": self.case,
            "stage": self.stage,
            "outcome": self.outcome,
            "path": [*self.path],
            "step": self.step,
            "ahead": [*self.ahead],
            "lacks": [*self.lacks],
            "clocks": [
                {
                    "clock": one.clock, "status": one.status, "due": one.due.isoformat(), "used": one.used,
                    "elapsed": one.elapsed.total_seconds(), "remaining": one.remaining.total_seconds(),
                }
                for one in self.clocks
            ],
        }  # fmt: skip

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Where it stands, and what is next; see `Shown.display`."""
        parts = [f"{self.case}: step {self.step} of {len(self.path)}, {self.stage!r}"]
        if self.outcome is not None:
            parts.append(self.outcome)
        if self.ahead:
            parts.append(f"then {', '.join(self.ahead)}")
        if self.lacks:
            parts.append(f"{self.ahead[0]!r} needs {', '.join(self.lacks)}")
        parts += [f"{one.used:.0%} of the time of {one.clock!r} used" for one in self.clocks]
        said = "; ".join(parts)
        return Display.lines([said], most=most, lang=lang)


def progress(
    pipeline: "Pipeline", events: Iterable[Event], *, now: datetime, calendars: "Calendars | WorkingTime | None" = None
) -> Progress:
    """Where a case stands.

    Args:
        pipeline: the definition.
        events: the facts of the case, in order; those after `now` have not happened.
        now: as of when (aware).
        calendars: the working time of limits in business hours or days.

    Raises:
        InvalidValue: if there are no events by then, or as `crmkit.pipeline.clocks.states` does.
        NotFound: if the case is in a stage that the pipeline does not have.
    """
    facts = [event for event in events if event.at <= now]
    clocks = tuple(state for state in states(pipeline, facts, now=now, calendars=calendars) if state.on)
    case = replay(facts)
    if case is None:
        raise InvalidValue("history", now, "is before any event of the case")
    outcome = pipeline.stage(case.stage).outcome
    won = [stage.name for stage in pipeline.stages if stage.outcome == "won"][:1]
    path = (*(stage.name for stage in pipeline.stages if stage.outcome is None), *won)
    if outcome == "won":
        return Progress(case.id, case.stage, outcome, path, len(path), clocks=clocks)
    reached = [visit.stage for visit in timeline(facts)] if outcome is not None else [case.stage]
    step = max((path.index(name) + 1 for name in reached if name in path), default=0)
    if outcome is not None:
        return Progress(case.id, case.stage, outcome, path, step, clocks=clocks)
    ahead = path[step:]
    needs = pipeline.stage(ahead[0]).requires if ahead else ()
    lacks = tuple(name for name in needs if not has_value(case.fields, name))
    return Progress(case.id, case.stage, outcome, path, step, ahead, lacks, clocks)
