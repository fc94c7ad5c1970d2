"""A reader with a name, whose checkpoint is a record."""

from collections.abc import Callable
from typing import TypeAlias

import attrs

from crmkit.errors import CrmkitError, Damaged, InvalidValue
from crmkit.feed._reading import id_at, next_events, position_of
from crmkit.protocols import EventStore, Query, Record, Recorded, RecordStore

__all__ = ["CHECKPOINT", "Batch", "Checkpoint", "Handler", "Polled", "Skipped", "Stuck", "Subscription"]

#: The kind of the records that hold checkpoints.
CHECKPOINT = "crmkit.checkpoint"

#: Does something about one event; what it raises stops the subscription before that event.
Handler: TypeAlias = Callable[[Recorded], object]


@attrs.frozen
class Stuck:
    """The event that a handler could not take.

    Attributes:
        position: where it is.
        event: its id.
        error: the name of the error's class; its text may name people, and is not stored.
        tries: how often it failed in a row.
    """

    position: int
    event: str
    error: str
    tries: int


@attrs.frozen
class Skipped:
    """An event that was passed over by hand.

    Attributes:
        position: where it is.
        why: who decided, and why.
    """

    position: int
    why: str


@attrs.frozen
class Checkpoint:
    """How far a subscription is.

    Attributes:
        position: everything up to here is done.
        version: of the record that says so; 0 if there is none yet.
        event: the id of the event at that position.
        stuck: the event that stopped it, if one does.
        skipped: the events that were passed over by hand.
    """

    position: int = 0
    version: int = 0
    event: str | None = None
    stuck: Stuck | None = None
    skipped: tuple[Skipped, ...] = ()


@attrs.frozen
class Batch:
    """What is to be done next.

    Attributes:
        events: in order of position.
        since: the checkpoint they follow.
        position: up to where everything is done when these are: further than the last of them if nothing that matches
            follows.
        more: whether more was there.
    """

    events: tuple[Recorded, ...]
    since: Checkpoint
    position: int
    more: bool


@attrs.frozen
class Polled:
    """What a poll did.

    Attributes:
        handled: how many events.
        position: the checkpoint now.
        more: whether more is waiting.
    """

    handled: int
    position: int
    more: bool


@attrs.frozen
class Subscription:
    """A reader with a name, that goes on where it stopped.

    Every event that matches is handled at least once, in order of position, none is left out: the checkpoint moves on
    after the handler returned, so a crash between the two hands the same events over again. Handlers that may not do
    a thing twice tell by `Recorded.position` or by the event's id.

    Of two workers with one name both may be handed the same events, but only one moves the checkpoint; the other is
    told by `Conflict`, and polls again.

    Attributes:
        name: of the subscription; unique in its record store.
        events: the store that is followed.
        records: where the checkpoint is kept, as a record of the kind `CHECKPOINT`.
        query: which events; None is all.
    """

    name: str
    events: EventStore
    records: RecordStore
    query: Query | None = None

    def checkpoint(self) -> Checkpoint:
        """How far it is, from its record.

        Raises:
            InvalidValue: if the checkpoint was made for other events: those before it would never be seen.
            Damaged: if the record is no checkpoint.
        """
        found = self.records.get(CHECKPOINT, self.name)
        if found is None:
            return Checkpoint()
        value = found.value
        if value.get("query") != str(self.query or Query()):
            raise InvalidValue(
                f"subscription {self.name!r}", str(self.query or Query()),
                f"is not what its checkpoint was made for ({value.get('query')}); give it another name, or reset() it",
            )  # fmt: skip
        return _checkpoint(found)

    def fetch(self, limit: int = 500) -> Batch:
        """The next events, without doing anything about them; `confirm` when they are done.

        Args:
            limit: how many at most.

        Raises:
            InvalidValue: if the limit is not positive, or as for `checkpoint`.
            Damaged: if the event at the checkpoint is another one or gone: the store was restored from a copy that is
                older than the checkpoint. What came since is not known to be done; `reset` says from where to go on.
        """
        since = self.checkpoint()
        self._same_history(since)
        events, position, more = next_events(self.events, self.query, since.position, limit)
        return Batch(events, since, position, more)

    def confirm(self, batch: Batch) -> None:
        """Say that the events of a batch are done.

        Raises:
            Conflict: if another worker of this name was faster: nothing has moved.
        """
        if batch.position > batch.since.position or batch.since.stuck is not None:
            self._put(attrs.evolve(batch.since, position=batch.position, stuck=None))

    def poll(self, handle: Handler, *, limit: int = 500) -> Polled:
        """Hand over the next events one by one, and move the checkpoint.

        If the handler raises, the checkpoint stays right before that event, the record says where it is stuck and how
        often it was tried (`checkpoint().stuck`), and the error goes on to the caller with a note that names the
        position. The next poll begins with that event.

        Args:
            handle: takes one event.
            limit: how many at most; the checkpoint moves once for all of them.

        Raises:
            Conflict: if another worker of this name was faster.
            Damaged: as for `fetch`.
        """
        batch = self.fetch(limit)
        for done, recorded in enumerate(batch.events):
            try:
                handle(recorded)
            except Exception as error:
                self._stopped(batch, done, error)
                raise
        self.confirm(batch)
        return Polled(len(batch.events), batch.position, batch.more)

    def skip(self, position: int, *, why: str) -> None:
        """Pass over the event that is next, for good; the checkpoint remembers it.

        Args:
            position: its position: only the event that is next can be passed over.
            why: who decided, and why.

        Raises:
            InvalidValue: if that event is not the next one, or no reason is given.
            Conflict: if another worker moved the checkpoint meanwhile.
        """
        if not why.strip():
            raise InvalidValue("why", why, "gives no reason to pass over an event")
        batch = self.fetch(1)
        following = batch.events[0].position if batch.events else None
        if position != following:
            raise InvalidValue("position", position, f"is not that of the next event, which is {following}")
        skipped = (*batch.since.skipped, Skipped(position, why))
        self._put(attrs.evolve(batch.since, position=position, stuck=None, skipped=skipped))

    def reset(self, position: int = 0) -> None:
        """Go on from another position: everything after it is handed over (again).

        Args:
            position: the last one that counts as done.

        Raises:
            InvalidValue: if it is negative.
        """
        if position < 0:
            raise InvalidValue("position", position, "is negative")
        found = self.records.get(CHECKPOINT, self.name)
        before = Checkpoint(version=found.version) if found else Checkpoint()
        self._put(attrs.evolve(before, position=position))

    def _put(self, checkpoint: Checkpoint) -> None:
        value = {
            "query": str(self.query or Query()),
            "position": checkpoint.position,
            "event": id_at(self.events, checkpoint.position),
            "stuck": None if checkpoint.stuck is None else attrs.asdict(checkpoint.stuck),
            "skipped": [attrs.asdict(one) for one in checkpoint.skipped],
        }
        self.records.put(CHECKPOINT, self.name, value, expected=checkpoint.version)

    def _same_history(self, since: Checkpoint) -> None:
        if since.event is not None and id_at(self.events, since.position) != since.event:
            why = (
                f"event {since.event!r}, the last that subscription {self.name!r} has done, is no longer there; "
                "was the store restored from a copy? reset() says from where to go on"
            )
            raise Damaged("event store", since.position, why)

    def _stopped(self, batch: Batch, done: int, error: Exception) -> None:
        """Keep what was done before the error, and say where it is stuck."""
        failed, since = batch.events[done], batch.since
        again = since.stuck is not None and since.stuck.position == failed.position
        tries = since.stuck.tries + 1 if since.stuck is not None and again else 1
        position = batch.events[done - 1].position if done else since.position
        stuck = Stuck(failed.position, failed.event.id, type(error).__name__, tries)
        error.add_note(
            f"subscription {self.name!r} stopped before position {failed.position}, event {failed.event.id!r}, "
            f"try {tries}; its checkpoint is {position}"
        )
        try:
            self._put(attrs.evolve(since, position=position, stuck=stuck))
        except CrmkitError as other:
            error.add_note(f"and its checkpoint could not be written: {other}")


def _checkpoint(record: Record) -> Checkpoint:
    value = record.value
    try:
        stuck = value["stuck"]
        return Checkpoint(
            position_of(value["position"]),
            record.version,
            value["event"],
            None if stuck is None else Stuck(**stuck),
            tuple(Skipped(**one) for one in value["skipped"]),
        )
    except (KeyError, TypeError) as error:
        raise Damaged(f"record {CHECKPOINT} {record.id!r}", 0, f"is no checkpoint: {error}") from None
