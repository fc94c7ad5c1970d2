"""States that are folded from events, stored, and compared with a replay."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from crmkit.errors import Damaged
from crmkit.events import checksum, fields_to_json
from crmkit.feed._reading import next_events, position_of
from crmkit.protocols import EventStore, Query, Recorded, RecordStore
from crmkit.values import EMPTY, Fields

__all__ = ["PROJECTION", "Difference", "Projected", "Projection", "Step"]

#: The kind of the records that hold projections.
PROJECTION = "crmkit.projection"

#: From a state, as plain fields that may not be changed, and an event to the next state.
Step: TypeAlias = Callable[[Mapping[str, Any], Recorded], Mapping[str, Any]]


@attrs.frozen
class Projected:
    """A state and what it rests on.

    Attributes:
        position: every event up to here is in it.
        state: the state.
        definition: of the projection that made it.
        version: of its record; 0 if it is not stored.
    """

    position: int
    state: Fields
    definition: str
    version: int = 0


@attrs.frozen
class Difference:
    """A place in which a stored state is not what a replay gives.

    Attributes:
        path: the place: "definition", "position", or names inside the state: "state.won.wei".
        stored: what is stored; None if nothing is.
        replayed: what it should be; None if there should be nothing.
    """

    path: str
    stored: Any
    replayed: Any

    def __str__(self) -> str:
        return f"{self.path}: stored {self.stored!r}, replayed {self.replayed!r}"


@attrs.frozen
class Projection:
    """A state that is folded from events and kept, so that nobody has to read them all again.

    Attributes:
        name: unique in its record store.
        step: from a state and an event to the next state: a pure function. States are plain fields (as `Fields` takes
            them); make a new one, the old one cannot be changed.
        events: the store.
        records: where the state is kept, as a record of the kind `PROJECTION`.
        start: the state before the first event.
        revision: change it whenever `step` changes: a state of another revision is not used.
        query: which events; None is all.
    """

    name: str
    step: Step
    events: EventStore
    records: RecordStore
    start: Fields = attrs.field(default=EMPTY, converter=Fields)
    revision: str = "1"
    query: Query | None = None

    @property
    def definition(self) -> str:
        """What a state depends on besides events: a hash of name, revision, query and start."""
        parts = [self.name, self.revision, str(self.query or Query()), fields_to_json(self.start)]
        return checksum(json.dumps(parts, ensure_ascii=False))

    def stored(self) -> Projected | None:
        """The state as it is stored, of whatever definition; None if none is.

        Raises:
            Damaged: if the record is no state.
        """
        found = self.records.get(PROJECTION, self.name)
        if found is None:
            return None
        try:
            state, definition = found.value["state"], found.value["definition"]
            return Projected(position_of(found.value["position"]), Fields(state), str(definition), found.version)
        except (KeyError, TypeError) as error:
            raise Damaged(f"record {PROJECTION} {self.name!r}", 0, f"is no projection: {error}") from None

    def advance(self, *, every: int = 1000) -> Projected:
        """Fold in what is new, and store the state; a state of another definition is made anew.

        Args:
            every: after how many events to store it, so that an interrupted run goes on from there.

        Raises:
            Conflict: if another worker was faster; what it stored is right, too.
            InvalidValue: if a state is not made of plain fields.
        """
        now = self.stored()
        if now is None or now.definition != self.definition:
            now = Projected(0, self.start, self.definition, 0 if now is None else now.version)
        return self._forward(now, every)

    def rebuild(self, *, every: int = 1000) -> Projected:
        """Make the state anew from the first event on, and store it; see `advance`."""
        found = self.records.get(PROJECTION, self.name)
        return self._forward(Projected(0, self.start, self.definition, 0 if found is None else found.version), every)

    def verify(self) -> tuple[Difference, ...]:
        """Fold everything again, up to where the stored state is, and say in what both differ; empty if in nothing."""
        now = self.stored()
        if now is None:
            return ()
        if now.definition != self.definition:
            return (Difference("definition", now.definition, self.definition),)
        state, last = self.start, 0
        for events, end in self._batches(0, 1000):
            fitting = [recorded for recorded in events if recorded.position <= now.position]
            state, last = self._folded(state, fitting), end
            if last >= now.position:
                break
        found = [Difference("position", now.position, last)] if last < now.position else []
        return (*found, *_differences("state", now.state, state))

    def _forward(self, now: Projected, every: int) -> Projected:
        for events, position in self._batches(now.position, every):
            state = self._folded(now.state, events)
            value = {"definition": self.definition, "position": position, "state": state}
            version = self.records.put(PROJECTION, self.name, value, expected=now.version)
            now = Projected(position, state, self.definition, version)
        return now

    def _batches(self, after: int, every: int) -> Iterator[tuple[tuple[Recorded, ...], int]]:
        more = True
        while more:
            events, position, more = next_events(self.events, self.query, after, every)
            if position > after:
                yield events, position
            after = position

    def _folded(self, state: Fields, events: Iterable[Recorded]) -> Fields:
        now: Mapping[str, Any] = state
        for number, recorded in enumerate(events):
            try:
                now = self.step(now, recorded)
                # The first one as it will be read back: a step that relies on lists fails at once, not at the next run.
                now = now if number else Fields(now)
            except Exception as error:
                error.add_note(f"projection {self.name!r}, position {recorded.position}, event {recorded.event.id!r}")
                raise
        return Fields(now)


_NOTHING = object()


def _differences(path: str, stored: Any, replayed: Any) -> Iterator[Difference]:
    if isinstance(stored, Mapping) and isinstance(replayed, Mapping):
        for name in sorted({*stored, *replayed}):
            yield from _differences(f"{path}.{name}", stored.get(name, _NOTHING), replayed.get(name, _NOTHING))
    elif stored is _NOTHING or replayed is _NOTHING or _exact(stored) != _exact(replayed):
        yield Difference(path, *(None if one is _NOTHING else one for one in (stored, replayed)))


def _exact(value: Any) -> str:
    """1, 1.0, True and Decimal("1") are four values."""
    return fields_to_json(Fields(value=value))
