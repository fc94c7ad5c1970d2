"""Time limits: when a clock starts, stands still, stops and begins anew, and what it has to say.

No clock counts. What each of them shows is computed from the facts of the case, for any instant, so that nothing drifts
and nothing is lost with a process. A stage with a limit has a clock of its own, named as the stage: each stay is a
cycle of it. Instants are in UTC.

A promise is kept until the very instant it is due, and broken after it.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from crmkit.errors import InvalidValue
from crmkit.events import Breached, Event, Warned
from crmkit.pipeline._news import news
from crmkit.pipeline._spans import Span, after, prolonged
from crmkit.pipeline._spans import elapsed as measured
from crmkit.pipeline._ticking import ClockStatus, Run, by_case, runs
from crmkit.pipeline.case import Effect
from crmkit.pipeline.limits import Limit
from crmkit.values import aware
from crmkit.values.display import Listed

if TYPE_CHECKING:
    from crmkit.calendars import WorkingTime
    from crmkit.journal import Journal
    from crmkit.pipeline.definition import Pipeline

__all__ = [
    "Calendars",
    "Clock",
    "ClockState",
    "ClockStatus",
    "Threshold",
    "Ticked",
    "deadlines",
    "due",
    "states",
    "survey",
    "tick",
]

_TICK = timedelta(microseconds=1)


def _shares(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(values)


def _effects(values: Effect | str | Iterable[Effect | str]) -> tuple[Effect, ...]:
    given = (values,) if isinstance(values, Effect | str) else values
    return tuple(Effect(value) if isinstance(value, str) else value for value in given)


@attrs.frozen
class Clock:
    """A time limit of a case. Its conditions are texts in FEEL, looked at after every fact of the case.

    Attributes:
        name: unique in its pipeline.
        limit: how long, such as "4 business hours" or "2 days".
        stop: when what was promised is done.
        start: when it begins to run; when the case is opened if None.
        pause: while it stands still.
        resume: when it runs on; as soon as `pause` no longer holds if None.
        reset: when it begins anew, with its whole time: another cycle.
        warn: the shares of the time, in percent, at which to warn.
        effects: what is to be done when it is breached.
        note: what it promises, in words.
    """

    name: str
    limit: str
    stop: str = attrs.field(kw_only=True)
    start: str | None = attrs.field(default=None, kw_only=True)
    pause: str | None = attrs.field(default=None, kw_only=True)
    resume: str | None = attrs.field(default=None, kw_only=True)
    reset: str | None = attrs.field(default=None, kw_only=True)
    warn: tuple[int, ...] = attrs.field(default=(), converter=_shares, kw_only=True)
    effects: tuple[Effect, ...] = attrs.field(default=(), converter=_effects, kw_only=True)
    note: str = attrs.field(default="", kw_only=True)

    @property
    def conditions(self) -> Mapping[str, str]:
        """Its conditions, by their names."""
        parts = {name: getattr(self, name) for name in ("start", "stop", "pause", "resume", "reset")}
        return {name: text for name, text in parts.items() if text is not None}


def _mapping(values: "Mapping[str, WorkingTime]") -> "Mapping[str, WorkingTime]":
    return dict(values)


def _teams(values: Mapping[str, str]) -> Mapping[str, str]:
    return dict(values)


@attrs.frozen
class Calendars:
    """Whose working time counts: a person's calendar goes before that of the team, and that before the company's.

    A cycle keeps the calendar of whoever held the case when it began; what was measured does not change with the
    owner. Rules that change at a date are a `crmkit.calendars.CalendarHistory`.

    Attributes:
        company: for everybody else; None if there is no such promise.
        teams: by team.
        people: by person.
        team_of: the team of a person.
    """

    company: "WorkingTime | None" = None
    teams: "Mapping[str, WorkingTime]" = attrs.field(factory=dict, converter=_mapping, kw_only=True)
    people: "Mapping[str, WorkingTime]" = attrs.field(factory=dict, converter=_mapping, kw_only=True)
    team_of: Mapping[str, str] = attrs.field(factory=dict, converter=_teams, kw_only=True)

    def of(self, who: str | None) -> "WorkingTime | None":
        """The calendar of whoever holds a case; None if there is none for them."""
        if who is None:
            return self.company
        return self.people.get(who) or self.teams.get(self.team_of.get(who, "")) or self.company


class Threshold(NamedTuple):
    """A share of the time of a clock at which to warn.

    Attributes:
        share: in percent.
        at: when it is used up.
        due: when all of the time is used up, as far as one can tell at that instant.
    """

    share: int
    at: datetime
    due: datetime


@attrs.frozen
class ClockState(Listed):
    """One cycle of one clock, as of an instant.

    Times of a limit in business hours or days are working time, all others are wall time.

    Attributes:
        case: the case.
        clock: the clock; a stage with a limit is one too.
        cycle: which run of it, from 1.
        status: what it does.
        started: when it began.
        until: when it ended, or the instant that was asked for.
        due: when its time is up: if it is paused, as if it ran on at `until`.
        elapsed: the time that was used, without the pauses.
        total: the time it was given. Of business days the working time in them, which is none where they begin and end
            in one stretch without work.
        pauses: when it stood still, in order.
        warnings: the shares of its time at which to warn, and when.
        who: who held the case when it began.
    """

    case: str
    clock: str
    cycle: int
    status: ClockStatus
    started: datetime
    until: datetime
    due: datetime
    elapsed: timedelta
    total: timedelta
    pauses: tuple[Span, ...] = ()
    warnings: tuple[Threshold, ...] = ()
    who: str | None = None

    @property
    def on(self) -> bool:
        """Whether it has not ended."""
        return self.status in ("running", "paused")

    @property
    def breached(self) -> bool:
        """Whether it went on beyond its due instant."""
        return self.due < self.until

    @property
    def warned(self) -> tuple[int, ...]:
        """The shares of the time that it has passed, in percent."""
        return tuple(one.share for one in self.warnings if one.at < self.until)

    @property
    def remaining(self) -> timedelta:
        """The time that is left; negative after the due instant."""
        return self.total - self.elapsed

    @property
    def used(self) -> float:
        """The share of its time that was used; more than 1 after the due instant."""
        return self.elapsed / self.total if self.total else float(self.breached)

    @property
    def next(self) -> datetime | None:
        """From when it will have something new to say, if nothing happens; None if never."""
        if self.status != "running":
            return None
        return min(
            (at + _TICK for at in (self.due, *(one.at for one in self.warnings)) if at >= self.until), default=None
        )


@attrs.frozen
class Ticked:
    """What clocks have to say that the history does not hold yet.

    Attributes:
        events: `Warned` and `Breached` facts to append, case by case.
        effects: what is to be done, each with the fact that asks for it.
        next: when to look again, if nothing happens until then; None if there is nothing to wait for.
        unread: the cases that could not be looked at, and why.
    """

    events: tuple[Warned | Breached, ...] = ()
    effects: tuple[tuple[Warned | Breached, Effect], ...] = ()
    next: datetime | None = None
    unread: Mapping[str, str] = attrs.field(factory=dict)


def states(
    pipeline: "Pipeline", events: Iterable[Event], *, now: datetime, calendars: "Calendars | WorkingTime | None" = None
) -> tuple[ClockState, ...]:
    """Every cycle of every clock of a case, as of an instant: the stages first, each in the order of the definition.

    Args:
        pipeline: the definition.
        events: the facts of one case, in order; those after `now` have not happened.
        now: the instant (aware).
        calendars: the working time of limits in business hours or days.

    Raises:
        InvalidValue: if the events are no history of a case, a condition cannot read what a field holds, there is no
            calendar for a limit in business time, or the calendar has too little working time.
    """
    now = aware(now, "now").astimezone(UTC)
    _need_calendars(pipeline, calendars)
    timed, layers = _timed(pipeline), _layered(calendars)
    return tuple(_state(run, timed[run.clock], layers, now) for run in runs(pipeline, events, now))


def survey(
    pipeline: "Pipeline", events: Iterable[Event], *, now: datetime, calendars: "Calendars | WorkingTime | None" = None
) -> tuple[dict[str, tuple[ClockState, ...]], dict[str, str]]:
    """The `states` of any number of cases, and why the others could not be read: one bad history stops no other."""
    found: dict[str, tuple[ClockState, ...]] = {}
    unread: dict[str, str] = {}
    _need_calendars(pipeline, calendars)
    for case, history in by_case(events).items():
        try:
            found[case] = states(pipeline, history, now=now, calendars=calendars)
        except InvalidValue as error:
            unread[case] = str(error)
    return found, unread


def due(found: Iterable[ClockState]) -> datetime | None:
    """The nearest deadline of clocks that run; None if none does."""
    return min((state.due for state in found if state.status == "running"), default=None)


def tick(
    pipeline: "Pipeline", events: Iterable[Event], *, now: datetime, calendars: "Calendars | WorkingTime | None" = None
) -> Ticked:
    """The warnings and breaches that the histories of cases do not hold yet.

    Each is dated by the instant at which it came about, however late anybody looks, and has the idempotency key
    "case:clock:cycle:share" or "case:clock:cycle:breach". So looking twice, or from two machines, or once a year,
    gives the same facts once.

    Args:
        pipeline: the definition.
        events: the facts of any number of cases of this pipeline, those of each in order.
        now: the instant (aware); also when the facts are recorded.
        calendars: the working time of limits in business hours or days.

    Raises:
        InvalidValue: if a limit is in business time and there is no calendar at all.
    """
    now = aware(now, "now").astimezone(UTC)
    events = tuple(events)
    found, unread = survey(pipeline, events, now=now, calendars=calendars)
    histories = by_case(events)
    facts = [fact for case, one in found.items() for fact in news(histories[case], one, now, pipeline.definition)]
    following = [state.next for one in found.values() for state in one if state.next is not None]
    effects = tuple((fact, effect) for fact in facts for effect in pipeline.effects(fact))
    return Ticked(tuple(facts), effects, min(following, default=None), unread)


def deadlines(journal: "Journal", pipeline: "Pipeline", calendars: "Calendars | WorkingTime | None" = None) -> Any:
    """When the time of each stay in a stage is up.

    Args:
        journal: the stays.
        pipeline: its stages have the limits.
        calendars: the working time of limits in business hours or days; of several, that of who held the case at entry.

    Returns:
        int64 microseconds UTC, shape (n,); `crmkit.journal.OPEN`, later than everything, where there is no limit.

    Raises:
        InvalidValue: if there is no calendar for a limit in business time, or it has too little working time.
    """
    import numpy as np

    from crmkit.journal import OPEN

    limits = {stage.name: Limit.parse(stage.limit) for stage in pipeline.stages if stage.limit is not None}
    layers = _layered(calendars)
    made = np.full(len(journal), OPEN, dtype=np.int64)
    # Many people share few calendars: rows are done a calendar at a time. A missing person has code -1, the last.
    owners = [layers.of(name) for name in (*journal.who.values, None)]
    kinds = [*{id(calendar): calendar for calendar in owners}.values()]
    which = np.array([next(i for i, kind in enumerate(kinds) if kind is calendar) for calendar in owners])
    for code, name in enumerate(journal.stages.values):
        if name not in limits:
            continue
        at_stage = journal.stages.codes == code
        for number, calendar in enumerate(kinds):
            rows = at_stage if len(kinds) == 1 else at_stage & (which[journal.who.codes] == number)
            if rows.any():
                made[rows] = limits[name].due_us(journal.entered[rows], calendar)
    return made


@attrs.frozen
class _Timed:
    """What times a clock: its limit, and when it warns."""

    limit: Limit
    warn: tuple[int, ...] = ()


def _timed(pipeline: "Pipeline") -> dict[str, _Timed]:
    stages = {stage.name: _Timed(Limit.parse(stage.limit)) for stage in pipeline.stages if stage.limit is not None}
    return stages | {
        clock.name: _Timed(Limit.parse(clock.limit), tuple(sorted({*clock.warn}))) for clock in pipeline.clocks
    }


def _layered(calendars: "Calendars | WorkingTime | None") -> Calendars:
    return calendars if isinstance(calendars, Calendars) else Calendars(calendars)


def _need_calendars(pipeline: "Pipeline", calendars: "Calendars | WorkingTime | None") -> None:
    business = [name for name, one in _timed(pipeline).items() if one.limit.business]
    if calendars is None and business:
        names = ", ".join(repr(name) for name in business)
        raise InvalidValue("calendars", calendars, f"will not do: the limits of {names} are in business time")


def _state(run: Run, timed: _Timed, calendars: Calendars, now: datetime) -> ClockState:
    calendar, until = calendars.of(run.who), run.ended or now
    counted = calendar if timed.limit.business else None
    pauses = run.held(until)
    try:
        end = timed.limit.due(run.started, calendar)
        total, elapsed, *inside = measured(counted, [(run.started, end), (run.started, until), *pauses])
        holds = [*zip((start for start, _ in pauses), inside, strict=True)]
        deadline = prolonged(counted, end, holds)
        plain = after(counted, run.started, [total * share // 100 for share in timed.warn])
        reached = [prolonged(counted, at, holds) for at in plain]
        # A fact says what was known when it came about: pauses after it are not.
        dues = [prolonged(counted, end, [hold for hold in holds if hold[0] < at]) for at in reached]
    except (InvalidValue, OverflowError) as error:
        why = "from then on is after the year 9999" if isinstance(error, OverflowError) else str(error)
        raise InvalidValue(f"clock {run.clock!r} of case {run.case!r}", str(timed.limit), why) from None
    return ClockState(
        case=run.case, clock=run.clock, cycle=run.cycle, status=run.status, started=run.started, until=until,
        due=deadline, elapsed=elapsed - sum(inside, timedelta()), total=total, pauses=pauses,
        warnings=tuple(map(Threshold, timed.warn, reached, dues)), who=run.who,
    )  # fmt: skip
