"""The thin shell: read the case, decide, check nobody was faster, append.

Rules for this file: it is the only place of floors 0-6 that calls a store, and the clock is the host's.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import attrs

from crmkit.errors import Conflict, KeyReused, NotFound
from crmkit.events import Event
from crmkit.pipeline import Case, Pipeline, Step, Visit
from crmkit.protocols import EventStore, Query
from crmkit.values import EMPTY

__all__ = ["Desk"]

T = TypeVar("T")


@attrs.frozen
class _Seen:
    """A case as read, and how far the reading went."""

    case: Case | None
    events: tuple[Event, ...]
    position: int


@attrs.frozen
class Desk:
    """A pipeline at work on a store.

    Every command reads the case afresh, decides, and appends under the condition that nothing it read has changed. On
    a `Conflict` it reads and decides again: a move that is no longer legal is then refused, not forced.

    Attributes:
        store: any `EventStore`.
        pipeline: the definition.
        clock: gives the present instant (aware); it dates commands without `at=` and every `recorded`.
        tries: how often to decide before a `Conflict` is passed on.
    """

    store: EventStore
    pipeline: Pipeline
    clock: Callable[[], datetime]
    tries: int = 5

    def open(self, case: str, *, at: datetime | None = None, key: str | None = None, **command: Any) -> Case:
        """Open a case and store the fact.

        Args:
            case: its id.
            at: when it happened; now if not given.
            key: the idempotency key: the same command twice gives the first result twice.
            command: the other arguments of `Pipeline.open`.

        Raises:
            KeyReused: if the id is taken, or the key belongs to another command.
            MoveNotAllowed: if required fields are missing.
        """
        now = self.clock()
        step = self.pipeline.open(case, at=at or now, recorded=now, key=key, **command)
        seen = self._read(case)
        first = _earlier(seen, key)
        if first is None and seen.case is not None:
            raise KeyReused(step.event.id, seen.position)
        if first is not None:
            return self._same(seen, None, first, step.event)
        self.store.append([step.event], unless=Query(cases=[case]), after=seen.position)
        return step.case

    def move(
        self,
        case: str,
        move: str,
        *,
        at: datetime | None = None,
        key: str | None = None,
        reads: Iterable[str] = (),
        **command: Any,
    ) -> Case:
        """Take a move and store the fact.

        Args:
            case: the case id.
            move: the name of the move.
            at: when it happened; now if not given.
            key: the idempotency key.
            reads: other cases whose facts the guards rely on; a new fact in one of them is a conflict too.
            command: the other arguments of `Pipeline.move`.

        Raises:
            NotFound: if there is no such case.
            MoveNotAllowed: with every reason.
            Conflict: if others were faster `tries` times in a row.
        """

        def decide(found: Case, now: datetime) -> Step:
            return self.pipeline.move(found, move, at=at or now, recorded=now, key=key, **command)

        return self._decide(case, decide, key, tuple(reads))

    def edit(
        self,
        case: str,
        *,
        at: datetime | None = None,
        key: str | None = None,
        fields: Mapping[str, Any] = EMPTY,
        **more: Any,
    ) -> Case:
        """Change fields of a case and store the fact; see `Pipeline.edit`.

        Raises:
            NotFound: if there is no such case.
        """

        def decide(found: Case, now: datetime) -> Step:
            return self.pipeline.edit(found, at=at or now, recorded=now, key=key, fields=fields, **more)

        return self._decide(case, decide, key, ())

    def case(self, case: str, *, at: datetime | None = None, known_at: datetime | None = None) -> Case:
        """The case as it is, or as it was at an instant, from what was known at another.

        Raises:
            NotFound: if there was no such case then.
        """
        events = self.history(case)
        found = self.pipeline.replay(events) if at is None else self.pipeline.state(events, at=at, known_at=known_at)
        if found is None:
            raise NotFound("case", case)
        return found

    def timeline(self, case: str) -> tuple[Visit, ...]:
        """Every stay of a case in every stage."""
        return self.pipeline.timeline(self.history(case))

    def history(self, case: str) -> tuple[Event, ...]:
        """The facts of a case, in order."""
        return self._read(case).events

    def _decide(
        self, case: str, decide: Callable[[Case, datetime], Step], key: str | None, reads: tuple[str, ...]
    ) -> Case:
        left = self.tries
        while True:
            left -= 1
            # The position comes first: a fact of another case that arrives while we read must count as unseen.
            after = self._last() if reads else 0
            seen = self._read(case)
            if seen.case is None:
                raise NotFound("case", case)
            first = _earlier(seen, key)
            if first is not None:
                return self._repeated(seen, first, decide)
            step = decide(seen.case, self.clock())
            try:
                unless = Query(cases=[case, *reads])
                self.store.append([step.event], unless=unless, after=after if reads else seen.position)
            except Conflict:
                if left <= 0:
                    raise
            else:
                return step.case

    def _repeated(self, seen: _Seen, first: Event, decide: Callable[[Case, datetime], Step]) -> Case:
        """The first result of a command that comes again: decided on the case of then, at the time of then."""
        before = self.pipeline.replay(seen.events[: seen.events.index(first)])
        if before is None:
            raise KeyReused(str(first.key), seen.position)
        return self._same(seen, before, first, decide(before, first.at).event)

    def _same(self, seen: _Seen, before: Case | None, first: Event, again: Event) -> Case:
        """The case after the first command with this key, if it was the same command."""
        # A retry is recorded later, perhaps by a newer definition: that does not make it another command.
        if attrs.evolve(again, at=first.at, recorded=first.recorded, definition=first.definition) != first:
            raise KeyReused(str(first.key), seen.position)
        return self.pipeline.evolve(before, first)

    def _read(self, case: str) -> _Seen:
        events: list[Event] = []
        position = 0
        for recorded in self.store.read(Query(cases=[case])):
            events.append(recorded.event)
            position = recorded.position
        return _Seen(self.pipeline.replay(events), tuple(events), position)

    def _last(self) -> int:
        return self.store.append([])


def _earlier(seen: _Seen, key: str | None) -> Event | None:
    return None if key is None else next((event for event in seen.events if event.key == key), None)
