"""A case: one deal or ticket on its way through a pipeline, and what a move can answer."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import attrs

from crmkit.events import Event
from crmkit.values import EMPTY, Fields

__all__ = ["Accepted", "Attempt", "Case", "Refused", "Step", "Verdict", "Visit"]


# Frozen classes with a dict are built about twice as fast as slotted ones, and a move builds three of them.
@attrs.frozen(slots=False)
class Case:
    """The state of a case, computed from its events and never stored.

    Attributes:
        id: the host's key.
        stage: the stage it is in.
        opened: when it was opened (aware).
        entered: when it entered its stage (aware).
        owner: who holds it: the field `owner`, or else who opened it.
        held_by: who held it when it entered its stage.
        fields: its open fields, as of now.
        version: how many events it has.
        definition: the hash of the pipeline version that opened it.
        at: when its last event happened; no later event may happen before it.
    """

    id: str
    stage: str
    opened: datetime
    entered: datetime
    owner: str | None = None
    held_by: str | None = None
    fields: Fields = EMPTY
    version: int = 1
    definition: str | None = None
    at: datetime = attrs.field(default=attrs.Factory(lambda self: self.entered, takes_self=True))


class Step(NamedTuple):
    """The outcome of a decision; nothing was saved.

    Attributes:
        case: the new state.
        event: the fact to append.
    """

    case: Case
    event: Event


@attrs.frozen(slots=False)
class Attempt:
    """What a guard gets to see: `attempt["discount"]` is a field, None if it has no value.

    Attributes:
        case: the case before the move.
        fields: the case's fields with those of the move laid over them.
        to: the stage the move leads to.
    """

    case: Case
    fields: Fields
    to: str
    _command: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.fields.get(name)

    @property
    def move(self) -> str:
        """The name of the move."""
        move: str = self._command["move"]
        return move

    @property
    def who(self) -> str | None:
        """Who wants to move."""
        who: str | None = self._command["who"]
        return who

    @property
    def at(self) -> datetime:
        """When (aware)."""
        at: datetime = self._command["at"]
        return at


@attrs.frozen
class Accepted:
    """The move is legal.

    Attributes:
        step: the new case and the fact.
    """

    step: Step

    def __bool__(self) -> bool:
        return True


@attrs.frozen
class Refused:
    """The move is not legal, with every reason.

    Attributes:
        reasons: readable, all that apply.
        missing: the required fields that have no value.
        nearest: the shortest legal ways to what was asked for, each a run of moves from the present stage.
    """

    reasons: tuple[str, ...]
    missing: tuple[str, ...] = ()
    nearest: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        return False


#: What a move can answer: true if it is accepted.
Verdict: TypeAlias = Accepted | Refused


@attrs.frozen
class Visit:
    """One stay in one stage.

    Attributes:
        stage: where.
        entered: when it began (aware).
        left: when it ended; None while it lasts.
        next: the stage that followed; None while it lasts.
        move: the move that ended it.
        who: who held the case at entry.
    """

    stage: str
    entered: datetime
    left: datetime | None = None
    next: str | None = None
    move: str | None = None
    who: str | None = None

    @property
    def sojourn(self) -> timedelta | None:
        """How long it lasted; None while it lasts (right-censored)."""
        return None if self.left is None else self.left - self.entered
