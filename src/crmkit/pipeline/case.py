"""A case: one deal or ticket on its way through a pipeline, and what a move can answer."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import attrs

from crmkit.events import Event
from crmkit.pipeline.approvals import Request
from crmkit.pipeline.directory import Directory
from crmkit.values import EMPTY, Fields
from crmkit.values.display import ROWS, Display, Lang, Listed, Shown

_NOBODY = Directory()

__all__ = ["ALONE", "Accepted", "Around", "Attempt", "Case", "Child", "Effect", "Refused", "Step", "Verdict", "Visit"]


def _fields(values: Mapping[str, object]) -> Fields:
    return values if isinstance(values, Fields) else Fields(values)


@attrs.frozen
class Effect:
    """Something to be done because of a fact: a mail, a task, a call. It is returned as data and never run here.

    Attributes:
        kind: what the host knows it by, such as "mail" or "task".
        data: what the host needs for it.
    """

    kind: str
    data: Fields = attrs.field(default=EMPTY, converter=_fields)


class Child(NamedTuple):
    """A child case.

    Attributes:
        link: which of the links of the definition it is.
        case: its id.
    """

    link: str
    case: str


class Case(NamedTuple):
    """The state of a case, computed from its events and never stored.

    A named tuple, because a move makes one and a company has hundreds of thousands: it is the smallest and quickest
    frozen thing there is. `case._replace` changes a copy.

    Attributes:
        id: the host's key.
        stage: the stage it is in.
        opened: when it was opened (aware).
        entered: when it entered its stage (aware).
        at: when what was last done to it happened; nothing later may have happened before. Warnings and breaches of its
            clocks are not done to it.
        owner: who holds it: the field `owner`, or else who opened it.
        held_by: who held it when it entered its stage.
        fields: its open fields, as of now.
        version: how many events it has.
        definition: the hash of the pipeline version that opened it.
        requests: the approvals that were asked for, each as it was last.
        children: its child cases, of each link the last that was opened.
        parent: the case that it is a part of.
    """

    id: str
    stage: str
    opened: datetime
    entered: datetime
    at: datetime
    owner: str | None = None
    held_by: str | None = None
    fields: Fields = EMPTY
    version: int = 1
    definition: str | None = None
    requests: tuple[Request, ...] = ()
    children: tuple[Child, ...] = ()
    parent: str | None = None

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Where it stands, and its fields; see `crmkit.values.display.Shown.display`."""
        from crmkit.pipeline._shown import state

        return state(self, lang, most)

    def __str__(self) -> str:
        return self.display().to_text()

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self.display().to_html()

    def request(self, approval: str) -> Request | None:
        """The last request for an approval; None if there was none."""
        return next((one for one in self.requests if one.approval == approval), None)

    def child(self, link: str) -> str | None:
        """The id of the last child of a link; None if there was none."""
        return next((one.case for one in self.children if one.link == link), None)


class Step(NamedTuple):
    """The outcome of a decision; nothing was saved.

    Attributes:
        case: the new state.
        event: the fact to append.
        effects: what is to be done now that it is so.
        also: further facts of the same decision, of this case and of its children: append all or none.
    """

    case: Case
    event: Event
    effects: tuple[Effect, ...] = ()
    also: tuple[Event, ...] = ()

    @property
    def events(self) -> tuple[Event, ...]:
        """All facts to append."""
        return (self.event, *self.also)


@attrs.frozen
class Around:
    """What a decision may look at besides the case: it comes with the command and is not stored.

    Attributes:
        roles: the roles of whoever commands.
        directory: who has which role, and who acts for whom.
        children: the child cases as they are, by their ids.
    """

    roles: frozenset[str] = frozenset()
    directory: Directory = _NOBODY
    children: Mapping[str, Case] = EMPTY


#: Nothing but the case.
ALONE = Around()


# What a command to move says: the move, at, recorded, who, on behalf of whom, the hash of the definition, the cause,
# the key, and the fields it sets. A bare tuple, since every move makes one.
Asked: TypeAlias = tuple[str, datetime, datetime, str | None, str | None, str, str | None, str | None, Fields]


# A frozen class with a dict is built about twice as fast as a slotted one.
@attrs.frozen(slots=False)
class Attempt:
    """What a guard gets to see: `attempt["discount"]` is a field, None if it has no value.

    Attributes:
        case: the case before the move.
        fields: the case's fields with those of the move laid over them.
        to: the stage the move leads to.
        around: roles, delegations and child cases.
    """

    case: Case
    fields: Fields
    to: str
    _command: Asked
    around: Around = ALONE

    def __getitem__(self, name: str) -> Any:
        return self.fields.get(name)

    @property
    def move(self) -> str:
        """The name of the move."""
        return self._command[0]

    @property
    def who(self) -> str | None:
        """Who wants to move."""
        return self._command[3]

    @property
    def on_behalf_of(self) -> str | None:
        """In whose place."""
        return self._command[4]

    @property
    def at(self) -> datetime:
        """When (aware)."""
        return self._command[1]


@attrs.frozen
class Accepted(Shown):
    """The move is legal.

    Attributes:
        step: the new case and the fact.
    """

    step: Step

    def __bool__(self) -> bool:
        return True

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Where the case would stand; see `Shown.display`."""
        return self.case.display(lang, most=most)

    @property
    def case(self) -> Case:
        """The case as it would be."""
        return self.step.case

    @property
    def events(self) -> tuple[Event, ...]:
        """The facts to append, all or none."""
        return self.step.events

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What is to be done then."""
        return self.step.effects


@attrs.frozen
class Refused(Listed):
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
