"""The thin shell: read the case, decide, check nobody was faster, append.

Rules for this file: it is the only place of floors 0-6 that calls a store, and the clock is the host's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from crmkit.errors import Conflict, InvalidValue, KeyReused, MoveNotAllowed, NotFound
from crmkit.events import Event
from crmkit.pipeline import Around, Case, Directory, Pipeline, Refused, Step, Visit, commands, history
from crmkit.pipeline.clocks import Calendars, Ticked, tick
from crmkit.pipeline.versions import Versions
from crmkit.protocols import EventStore, Query, Recorded
from crmkit.values import EMPTY

if TYPE_CHECKING:
    from crmkit.calendars import WorkingTime
    from crmkit.pipeline.migration import Migration, MigrationPlan

__all__ = ["Desk"]

T = TypeVar("T")

_NOBODY = Directory()


@attrs.frozen
class _Facts:
    """The facts of a case, and how far the reading went."""

    case: str
    events: tuple[Event, ...]
    position: int


@attrs.frozen
class _Seen:
    """A case as read, and how far the reading went."""

    case: Case | None
    events: tuple[Event, ...]
    position: int
    children: Mapping[str, Case] = attrs.field(factory=dict[str, Case])


@attrs.frozen
class Desk:
    """A pipeline at work on a store.

    Every command reads the case afresh, decides, and appends under the condition that nothing it read has changed. On
    a `Conflict` it reads and decides again: a move that is no longer legal is then refused, not forced.

    Nothing is done but to store facts. What is to be done because of them, `Pipeline.effects` tells of each fact, so
    that whoever follows the store's feed can do it at least once, whatever crashes in between.

    Attributes:
        store: any `EventStore`.
        pipeline: the definition, or all its versions; a case stays with the version that opened it.
        clock: gives the present instant (aware); it dates commands without `at=` and every `recorded`.
        tries: how often to decide before a `Conflict` is passed on.
        directory: who has which role, and who acts for whom; a function is asked anew for every decision.
    """

    store: EventStore
    pipeline: Pipeline | Versions
    clock: Callable[[], datetime]
    tries: int = 5
    directory: Directory | Callable[[], Directory] = _NOBODY

    def open(
        self,
        case: str,
        *,
        at: datetime | None = None,
        who: str | None = None,
        key: str | None = None,
        parent: str | None = None,
        fields: Mapping[str, Any] = EMPTY,
        **more: Any,
    ) -> Case:
        """Open a case and store the fact.

        Args:
            case: its id.
            at: when it happened; now if not given.
            who: who opens it.
            key: the idempotency key, known as long as its fact is: the same command twice gives the first result twice.
            parent: the case that it is a part of.
            fields: fields whose names are no Python names.
            more: further fields.

        Raises:
            KeyReused: if the id is taken, or the key belongs to another command.
            MoveNotAllowed: if required fields are missing.
        """
        command = commands.Open(at=at, who=who, key=key, parent=parent, fields={**fields, **more})
        return self.do(case, command).case

    def move(
        self,
        case: str,
        move: str,
        *,
        at: datetime | None = None,
        who: str | None = None,
        on_behalf_of: str | None = None,
        key: str | None = None,
        cause: str | None = None,
        roles: Iterable[str] = (),
        reads: Iterable[str] = (),
        fields: Mapping[str, Any] = EMPTY,
        **more: Any,
    ) -> Case:
        """Take a move and store the fact.

        Args:
            case: the case id.
            move: the name of the move.
            at: when it happened; now if not given.
            who: who moves it.
            on_behalf_of: in whose place.
            key: the idempotency key.
            cause: the id of the event or command that led to it.
            roles: the roles of whoever moves it, besides those in the directory.
            reads: other cases whose facts the guards rely on; a new fact in one of them is a conflict too.
            fields: fields to set whose names are no Python names.
            more: further fields to set.

        Raises:
            NotFound: if there is no such case.
            MoveNotAllowed: with every reason.
            Conflict: if others were faster `tries` times in a row.
        """
        command = commands.Take(
            move, at=at, who=who, on_behalf_of=on_behalf_of, key=key, cause=cause, fields={**fields, **more}
        )
        return self.do(case, command, roles=roles, reads=reads).case

    def edit(
        self,
        case: str,
        *,
        at: datetime | None = None,
        who: str | None = None,
        key: str | None = None,
        fields: Mapping[str, Any] = EMPTY,
        **more: Any,
    ) -> Case:
        """Change fields of a case and store the fact; see `Pipeline.edit`.

        Raises:
            NotFound: if there is no such case.
            MoveNotAllowed: with every reason.
        """
        return self.do(case, commands.Edit(at=at, who=who, key=key, fields={**fields, **more})).case

    def do(self, case: str, command: commands.Command, *, roles: Iterable[str] = (), reads: Iterable[str] = ()) -> Step:
        """Decide any command and store its facts, all or none.

        Args:
            case: the case id.
            command: what is asked; see `crmkit.pipeline.commands`.
            roles: the roles of whoever commands, besides those in the directory.
            reads: other cases whose facts the guards rely on; a new fact in one of them is a conflict too.

        Returns:
            The new case, the facts and the effects. For a command that was done before under the same key: the case
            as it was then, and the first of its facts.

        Raises:
            NotFound: if there is no such case, or it was opened under a definition that nobody knows.
            KeyReused: if the id of a new case is taken, or the key belongs to another command.
            MoveNotAllowed: with every reason.
            Conflict: if others were faster `tries` times in a row.
        """
        others, left = tuple(reads), self.tries
        while True:
            left -= 1
            seen = self._around(case, others)
            first = next((event for event in seen.events if command.key and event.key == command.key), None)
            if first is not None:
                return _repeated(seen, first, command)
            step = self._decided(case, seen, command, frozenset(roles))
            # Facts of other cases that the decision leads to are conditions too.
            cases = [case, *others, *seen.children, *(event.case for event in step.also)]
            try:
                self.store.append([*step.events], unless=Query(cases=[*dict.fromkeys(cases)]), after=seen.position)
            except Conflict:
                if left <= 0:
                    raise
            else:
                return step

    def tick(self, cases: Iterable[str] | None = None, *, calendars: "Calendars | WorkingTime | None" = None) -> Ticked:
        """Store the warnings and breaches that have come about and are not stored yet.

        Each is stored exactly once, whoever else is at it: a case that changed since it was read is read again.

        Args:
            cases: the cases to look at; if None, all in the store that are under a version of this desk.
            calendars: the working time of limits in business hours or days.

        Returns:
            What this call stored, and what is to be done because of it; see `crmkit.pipeline.clocks.tick`. Two desks
            whose clocks show one and the same microsecond may both report a fact, which is stored once.

        Raises:
            NotFound: if there is no such case, or it was opened under a definition that nobody knows.
            InvalidValue: if a limit is in business time and there is no calendar at all.
            Conflict: if others were faster `tries` times in a row.
        """
        now = self.clock()
        found: list[Ticked] = []
        unread: dict[str, str] = {}
        for facts in self._facts(cases):
            try:
                pipeline = self._law(facts, skip=cases is None)
            except InvalidValue as error:
                unread[facts.case] = str(error)
                continue
            if pipeline is not None:
                look = partial(tick, pipeline, now=now, calendars=calendars)
                found.append(self._settled(facts, look, lambda ticked: ticked.events))
        return Ticked(
            tuple(fact for one in found for fact in one.events),
            tuple(effect for one in found for effect in one.effects),
            min((one.next for one in found if one.next is not None), default=None),
            {**unread, **{case: why for one in found for case, why in one.unread.items()}},
        )

    def migrate(
        self,
        migration: "Migration",
        cases: Iterable[str] | None = None,
        *,
        who: str | None = None,
        calendars: "Calendars | WorkingTime | None" = None,
        closed: bool = False,
    ) -> "MigrationPlan":
        """Change cases over to another version, each by one fact; those that cannot stay as they are.

        A case that changed since it was read is planned anew. For a dry run see `Migration.plan`.

        Args:
            migration: from which version to which.
            cases: the cases; if None, all in the store that are under the old version.
            who: who changes them over.
            calendars: says what business time is, for the limits of stages and clocks.
            closed: whether closed cases change over too.

        Returns:
            What became of each, and why some could not.

        Raises:
            NotFound: if there is no such case.
            Conflict: if others were faster `tries` times in a row; some may have changed over already.
        """
        now = self.clock()
        plans = [
            self._settled(
                facts, lambda events: migration.plan([events], calendars=calendars, closed=closed, at=now),
                lambda plan: plan.events(at=now, who=who),
            )
            for facts in self._facts(cases)
        ]  # fmt: skip
        return migration.plan([]).joined(plans)

    def case(self, case: str, *, at: datetime | None = None, known_at: datetime | None = None) -> Case:
        """The case as it is, or as it was at an instant, from what was known at another.

        Raises:
            NotFound: if there was no such case then.
        """
        events = self.history(case)
        found = history.replay(events) if at is None else history.state(events, at=at, known_at=known_at)
        if found is None:
            raise NotFound("case", case)
        return found

    def timeline(self, case: str) -> tuple[Visit, ...]:
        """Every stay of a case in every stage."""
        return history.timeline(self.history(case))

    def history(self, case: str) -> tuple[Event, ...]:
        """The facts of a case, in order."""
        return self._read(case).events

    def _decided(self, id_: str, seen: _Seen, command: commands.Command, roles: frozenset[str]) -> Step:
        now = self.clock()
        if isinstance(command, commands.Open):
            if seen.case is not None:
                raise KeyReused(f"{id_}#1", seen.position)
            pipeline, stage = self._newest(command.at or now), "new"
        else:
            if seen.case is None:
                raise NotFound("case", id_)
            if isinstance(command, commands.OpenChild) and self._read(command.child).case is not None:
                raise KeyReused(f"{command.child}#1", seen.position)
            pipeline, stage = self._pinned(seen.case), seen.case.stage
        directory = self.directory() if callable(self.directory) else self.directory
        verdict = pipeline.decide(seen.case or id_, command, now, around=Around(roles, directory, seen.children))
        if isinstance(verdict, Refused):
            asked = command.move if isinstance(command, commands.Take) else type(command).__name__.lower()
            raise MoveNotAllowed(id_, stage, asked, verdict.reasons, verdict.missing, verdict.nearest)
        return verdict.step

    def _newest(self, at: datetime) -> Pipeline:
        return self.pipeline if isinstance(self.pipeline, Pipeline) else self.pipeline.at(at)

    def _pinned(self, case: Case) -> Pipeline:
        if not isinstance(self.pipeline, Pipeline):
            return self.pipeline.of(case.definition)
        if case.definition not in {None, self.pipeline.definition}:
            known = (self.pipeline.definition,)
            raise NotFound("definition", str(case.definition), known, f"the desk, for case {case.id!r}")
        return self.pipeline

    def _around(self, case: str, reads: tuple[str, ...]) -> _Seen:
        """The case and its children, and the position up to which all of that, and what is read besides, was seen."""
        seen = self._read(case)
        children = () if seen.case is None else tuple(child.case for child in seen.case.children)
        if not children and not reads:
            return seen
        # The position comes first: a fact that arrives while we read must count as unseen.
        position = self.store.append([])
        seen = self._read(case)
        found = {child: self._read(child).case for child in children}
        return attrs.evolve(seen, position=position, children={id_: one for id_, one in found.items() if one})

    def _read(self, case: str) -> _Seen:
        facts = self._one(case)
        return _Seen(history.replay(facts.events), facts.events, facts.position)

    # -- many cases

    def _one(self, case: str) -> _Facts:
        found = [*self.store.read(Query(cases=[case]))]
        return _Facts(case, tuple(one.event for one in found), found[-1].position if found else 0)

    def _facts(self, cases: Iterable[str] | None) -> Iterator[_Facts]:
        if cases is not None:
            for case in dict.fromkeys(cases):
                facts = self._one(case)
                if not facts.events:
                    raise NotFound("case", case)
                yield facts
            return
        found: dict[str, list[Recorded]] = {}
        for recorded in self.store.read():
            found.setdefault(recorded.event.case, []).append(recorded)
        for case, of in found.items():
            yield _Facts(case, tuple(one.event for one in of), of[-1].position)

    def _law(self, facts: _Facts, *, skip: bool) -> Pipeline | None:
        """The version that a case is under; None if that is none of ours and others' cases are to be passed over."""
        case = history.replay(facts.events)
        try:
            return None if case is None else self._pinned(case)
        except NotFound:
            if skip:
                return None
            raise

    def _settled(
        self, facts: _Facts, decide: Callable[[tuple[Event, ...]], T], told: Callable[[T], tuple[Event, ...]]
    ) -> T:
        """What is decided of the facts of a case, stored under the condition that there are no newer ones."""
        left = self.tries
        while True:
            left -= 1
            made = decide(facts.events)
            new = told(made)
            try:
                if new:
                    self.store.append([*new], unless=Query(cases=[facts.case]), after=facts.position)
            except Conflict:
                if left <= 0:
                    raise
            else:
                # Others may have stored the same words meanwhile, which is no conflict: then it was they who did it.
                now = self._one(facts.case).events if new else ()
                if all(fact in now for fact in new):
                    return made
            facts = self._one(facts.case)


def _repeated(seen: _Seen, first: Event, command: commands.Command) -> Step:
    """The first result of a command that comes again, if it is the same command."""
    if not commands.led_to(command, first):
        raise KeyReused(str(first.key), seen.position)
    count = seen.events.index(first) + 1
    also = [event for event in seen.events[count:] if event.cause == first.id and event.type == "Found"]
    case = history.replay([*seen.events[:count], *also])
    # A fact that was found is the fact of a case.
    return Step(cast("Case", case), first, (), tuple(also))
