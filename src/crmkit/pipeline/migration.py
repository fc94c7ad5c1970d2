"""Moving the cases of one version of a definition to another: first what would happen, then one fact for each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors, did_you_mean
from crmkit.events import Event, Migrated, Moved
from crmkit.pipeline._machine import evolve, has_value
from crmkit.pipeline.case import Case
from crmkit.pipeline.clocks import Calendars, survey
from crmkit.pipeline.definition import Pipeline
from crmkit.pipeline.history import replay
from crmkit.pipeline.limits import Limit
from crmkit.values import EMPTY, Fields, aware
from crmkit.values.display import ROWS, Display, Lang, Shown

if TYPE_CHECKING:
    from crmkit.calendars import WorkingTime

__all__ = ["Changeover", "Migration", "MigrationPlan", "Postponed"]


def _stages(values: Mapping[str, str]) -> Mapping[str, str]:
    return dict(values)


def _fields(values: Mapping[str, Any]) -> Fields:
    return values if isinstance(values, Fields) else Fields(values)


@attrs.frozen
class Postponed:
    """A clock that would be due at another instant.

    Attributes:
        clock: its name.
        due: when its time is up now (aware); None if it is not on.
        due_after: when it would be up; None if it would not be on.
    """

    clock: str
    due: datetime | None
    due_after: datetime | None


@attrs.frozen
class Changeover:
    """What would become of one case.

    Attributes:
        case: the case as it is.
        stage: the stage it would be in; None if it has none.
        fills: fields that it would be given: those that it lacks; on the way back also those that the way there had
            filled in, as they were before.
        blocked: every reason why it cannot be moved; empty if it can.
        due: when its time in the stage is up now; None without a limit.
        due_after: when it would be up.
        clocks: the clocks, besides that of its stage, that would be due at another instant.
        unseen: the clocks that could not be looked at: those need the facts of the case.
    """

    case: Case
    stage: str | None
    fills: Fields = EMPTY
    blocked: tuple[str, ...] = ()
    due: datetime | None = None
    due_after: datetime | None = None
    clocks: tuple[Postponed, ...] = ()
    unseen: tuple[str, ...] = ()


@attrs.frozen
class MigrationPlan(Shown):
    """What a migration would do; nothing has happened yet.

    Attributes:
        migration: what was planned.
        changeovers: one for each case.
    """

    migration: "Migration"
    changeovers: tuple[Changeover, ...]

    @property
    def mapped(self) -> tuple[Changeover, ...]:
        """The cases that can be moved."""
        return tuple(one for one in self.changeovers if not one.blocked)

    @property
    def blocked(self) -> tuple[Changeover, ...]:
        """The cases that cannot, each with its reasons."""
        return tuple(one for one in self.changeovers if one.blocked)

    @property
    def deadlines(self) -> tuple[Changeover, ...]:
        """The cases that can be moved and of which a stage or a clock would be due at another instant."""
        return tuple(one for one in self.mapped if one.due != one.due_after or one.clocks)

    def events(self, *, at: datetime, who: str | None = None, recorded: datetime | None = None) -> tuple[Migrated, ...]:
        """One fact for each case that can be moved, in the order of the plan.

        Append each under the condition that its case has no newer fact; where it has, plan again.

        Args:
            at: when they change over (aware); not before the last event of a case.
            who: who moves them.
            recorded: when that is recorded; `at` if not given.
        """
        return tuple(self.migration.event(one, aware(at), who, recorded or at) for one in self.mapped)

    def joined(self, others: Iterable["MigrationPlan"]) -> "MigrationPlan":
        """This plan and others of the same migration as one."""
        return attrs.evolve(
            self, changeovers=(*self.changeovers, *(one for plan in others for one in plan.changeovers))
        )

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """What can change over, and what cannot; see `Shown.display`."""
        migration, moved = self.migration, len(self.mapped)
        lines = [
            f"{migration.old.name}: {moved} of {len(self.changeovers)} cases can change over to {migration.new.name}"
        ]
        lines += [f"  {case} cases: {way}" for way, case in _counted(self.mapped)]
        if self.deadlines:
            lines.append(f"  {len(self.deadlines)} of them get another deadline")
        unseen = sum(bool(one.unseen) for one in self.mapped)
        lines += [f"  {unseen} of them have clocks that nobody looked at: give their facts"] if unseen else []
        lines += [f"  {one.case.id} cannot: {'; '.join(one.blocked)}" for one in self.blocked]
        return Display.lines(lines, most=most, lang=lang)


def _counted(changeovers: Iterable[Changeover]) -> Iterator[tuple[str, int]]:
    counts: dict[str, int] = {}
    for one in changeovers:
        way = one.case.stage if one.case.stage == one.stage else f"{one.case.stage} becomes {one.stage}"
        counts[way] = counts.get(way, 0) + 1
    yield from counts.items()


@attrs.frozen
class Migration:
    """How cases change over from one version of a definition to another.

    A case keeps its history and its stay: a stage that is called otherwise is the same stay under another name, and its
    time goes on.

    >>> from datetime import UTC, datetime
    >>> from crmkit.pipeline import Stage
    >>> old = Pipeline("deals", ["lead", Stage("won", "won")], {"lead": {"sign": "won"}})
    >>> new = Pipeline("deals", ["contact", Stage("won", "won")], {"contact": {"sign": "won"}})
    >>> case = old.open("D-1", at=datetime(2026, 3, 2, tzinfo=UTC)).case
    >>> print(Migration(old, new, stages={"lead": "contact"}).plan([case]))
    deals: 1 of 1 cases can change over to deals
      1 cases: lead becomes contact

    Attributes:
        old: the version they are under.
        new: the version they change over to.
        stages: from each stage that is called otherwise to what it is called now.
        fields: values for fields that a case lacks.
        policy: "move" whatever has a stage and what that requires; or only "if legal": if every move the case ever
            made leads from stage to stage in the new version too.
        undone: fields that a migration the other way filled in; see `reversed`.

    Raises:
        DefinitionErrors: for stages that neither version has.
    """

    old: Pipeline
    new: Pipeline
    stages: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=_stages)
    fields: Fields = attrs.field(default=EMPTY, converter=_fields)
    policy: Literal["move", "if legal"] = "move"
    undone: Fields = attrs.field(default=EMPTY, converter=_fields, kw_only=True)

    def __attrs_post_init__(self) -> None:
        found: list[DefinitionError] = []
        for side, names, pipeline in (("old", self.stages, self.old), ("new", self.stages.values(), self.new)):
            known = [stage.name for stage in pipeline.stages]
            found += (
                DefinitionError(f"stages[{name!r}]", f"the {side} version has no such stage{did_you_mean(name, known)}")
                for name in names
                if name not in known
            )
        if self.policy not in {"move", "if legal"}:
            found.append(DefinitionError("policy", f"{self.policy!r} is none of move, if legal"))
        if found:
            raise DefinitionErrors("the migration cannot be used", found)

    def stage(self, name: str) -> str | None:
        """What a stage of the old version is called in the new one; None if it is not there."""
        to = self.stages.get(name, name)
        return to if any(stage.name == to for stage in self.new.stages) else None

    def reversed(self) -> "Migration":
        """The way back.

        Fields that were filled in are as before again where nobody has said anything of them since, and the old version
        does not require them by now; only the facts of a case tell, so in a plan of bare cases they stay.

        Raises:
            DefinitionErrors: if two stages became one: nobody could tell which it was.
        """
        back: dict[str, list[str]] = {}
        for stage in self.old.stages:
            to = self.stage(stage.name)
            if to is not None:
                back.setdefault(to, []).append(stage.name)
        found = [
            DefinitionError(f"stages[{to!r}]", f"was {' and '.join(names)}: nobody can tell which")
            for to, names in back.items()
            if len(names) > 1
        ]
        if found:
            raise DefinitionErrors("the migration has no way back", found)
        stages = {to: names[0] for to, names in back.items()}
        return Migration(self.new, self.old, stages, self.undone, self.policy, undone=self.fields)

    def plan(
        self,
        cases: Iterable[Case | Sequence[Event]],
        *,
        calendars: "Calendars | WorkingTime | None" = None,
        closed: bool = False,
        at: datetime | None = None,
    ) -> MigrationPlan:
        """What would become of cases: a dry run.

        Args:
            cases: the cases, or the facts of each; the policy "if legal" and clocks need the facts. Those under
                another version than the old one are passed over, and so are closed ones.
            calendars: says what business time is, for the limits of stages and clocks.
            closed: whether closed cases change over too.
            at: when they would change over (aware), for the clocks; right after the last fact of each if None.

        Raises:
            InvalidValue: if a limit counts business time and there is no calendar.
        """
        layers = calendars if calendars is None or isinstance(calendars, Calendars) else Calendars(calendars)
        when = None if at is None else aware(at)
        return MigrationPlan(self, tuple(self._planned(cases, layers, when, closed=closed)))

    def _planned(
        self, cases: Iterable[Case | Sequence[Event]], calendars: Calendars | None, at: datetime | None, *, closed: bool
    ) -> Iterator[Changeover]:
        open_ = {stage.name for stage in self.old.stages if stage.outcome is None}
        for given in cases:
            events = () if isinstance(given, Case) else given
            case = given if isinstance(given, Case) else replay(events)
            if case is not None and case.definition == self.old.definition and (closed or case.stage in open_):
                found = self._changeover(case, events, calendars)
                yield self._with_clocks(found, events, calendars, at or case.at)

    def _with_clocks(
        self, found: Changeover, events: Sequence[Event], calendars: Calendars | None, at: datetime
    ) -> Changeover:
        names = tuple(dict.fromkeys(clock.name for clock in (*self.old.clocks, *self.new.clocks)))
        if not names or found.blocked:
            return found
        if not events:
            return attrs.evolve(found, unseen=names)
        fact = self.event(found, at, None, at)
        before, unread = _dues(self.old, events, fact.at, calendars)
        after, unread_after = _dues(self.new, [*events, fact], fact.at, calendars)
        blocked = tuple(f"its clocks cannot be read: {why}" for why in (unread or unread_after).values())
        moved = (Postponed(name, before.get(name), after.get(name)) for name in names)
        return attrs.evolve(
            found, blocked=blocked, clocks=tuple(one for one in moved if not blocked and one.due != one.due_after)
        )

    def _changeover(self, case: Case, events: Sequence[Event], calendars: Calendars | None) -> Changeover:
        to = self.stage(case.stage)
        given = {name: value for name, value in self.fields.items() if not has_value(case.fields, name)}
        fills = Fields({**given, **self._taken_back(to, events)})
        blocked = [*self._against(case, to, fills, events)]
        due, due_after = _due(self.old, case.stage, case, calendars), None
        if to is not None:
            due_after = _due(self.new, to, case, calendars)
        return Changeover(case, to, fills, tuple(blocked), due, due_after)

    def _taken_back(self, to: str | None, events: Sequence[Event]) -> dict[str, Any]:
        """What the fields that the way there filled in were before, if nobody has said anything of them since."""
        found: dict[str, Any] = {}
        before: Case | None = None
        there = self.new.definition, self.old.definition
        for event in events if self.undone else ():
            found = {name: value for name, value in found.items() if name not in event.data}
            if isinstance(event, Migrated) and (event.previous, event.definition) == there:
                fields = EMPTY if before is None else before.fields
                found = {name: fields.get(name) for name in event.data if name in self.undone}
            before = evolve(before, event)
        needed = () if to is None else self.new.stage(to).requires
        return {name: value for name, value in found.items() if name not in needed}

    def _against(self, case: Case, to: str | None, fills: Fields, events: Sequence[Event]) -> Iterator[str]:
        if to is None:
            yield f"stage {case.stage!r} is not mapped, and the new version has no such stage"
        else:
            after = case.fields | fills
            yield from (
                f"stage {to!r} needs {name!r}" for name in self.new.stage(to).requires if not has_value(after, name)
            )
        approvals = {approval.name for approval in self.new.approvals}
        for request in case.requests:
            if request.status == "pending" and request.approval not in approvals:
                yield f"approval {request.approval!r} is being decided, and the new version has none"
        links = {link.name for link in self.new.links}
        for child in case.children:
            if child.link not in links:
                yield f"its {child.link} {child.case!r} has no link in the new version"
        if self.policy == "if legal":
            yield from self._illegal(case, events)

    def _illegal(self, case: Case, events: Sequence[Event]) -> Iterator[str]:
        if not events and case.version > 1:
            yield "whether its moves were legal cannot be told without its facts"
        for event in events:
            if isinstance(event, Moved):
                origin, to = self.stage(event.origin), self.stage(event.stage)
                moves = self.new.moves.get(origin or "", {})
                if not any(move.to == to for move in moves.values()):
                    yield f"{event.id}: the new version has no move from {event.origin!r} to {event.stage!r}"

    def event(self, changeover: Changeover, at: datetime, who: str | None, recorded: datetime) -> Migrated:
        """The fact of one changeover."""
        case = changeover.case
        return Migrated(
            id=f"{case.id}#{case.version + 1}",
            case=case.id,
            at=max(at, case.at),
            recorded=max(recorded, case.at),
            who=who,
            definition=self.new.definition,
            data=changeover.fills,
            origin=case.stage,
            stage=changeover.stage or case.stage,
            previous=self.old.definition,
        )


def _due(pipeline: Pipeline, stage: str, case: Case, calendars: Calendars | None) -> datetime | None:
    limit = pipeline.stage(stage).limit
    return None if limit is None else Limit.parse(limit).due(case.entered, (calendars or Calendars()).of(case.held_by))


def _dues(
    pipeline: Pipeline, events: Sequence[Event], at: datetime, calendars: Calendars | None
) -> tuple[dict[str, datetime], dict[str, str]]:
    """When each clock that is on is due, without those of stages; and why nobody can tell."""
    own = {clock.name for clock in pipeline.clocks}
    if not own:
        return {}, {}
    found, unread = survey(pipeline, events, now=at, calendars=calendars)
    return {one.clock: one.due for of in found.values() for one in of if one.on and one.clock in own}, unread
