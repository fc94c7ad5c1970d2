"""What can be asked of a case, as data: `decide` turns a command into facts, or into reasons why not."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from crmkit import events
from crmkit.values import EMPTY, Fields

__all__ = [
    "AddApprover",
    "Approve",
    "Command",
    "Edit",
    "Open",
    "OpenChild",
    "Reject",
    "SendBack",
    "Submit",
    "Take",
    "Withdraw",
    "led_to",
]


def _fields(values: Mapping[str, Any]) -> Fields:
    return values if isinstance(values, Fields) else Fields(values)


@attrs.frozen(kw_only=True)
class _Command:
    """What all commands share.

    Attributes:
        who: who commands.
        on_behalf_of: in whose place.
        at: when it happened, if not now.
        key: the idempotency key.
        cause: the id of the event or command that led to it.
        fields: the fields it sets.
    """

    who: str | None = None
    on_behalf_of: str | None = None
    at: datetime | None = None
    key: str | None = None
    cause: str | None = None
    fields: Fields = attrs.field(default=EMPTY, converter=_fields)


@attrs.frozen
class Open(_Command):
    """Open a case.

    Attributes:
        parent: the case that it is a part of.
    """

    parent: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Take(_Command):
    """Take a move.

    Attributes:
        move: its name.
    """

    move: str


@attrs.frozen
class Edit(_Command):
    """Change fields without a move."""


@attrs.frozen
class OpenChild(_Command):
    """Open a child case; its fields are those of the command.

    Attributes:
        link: which of the links of the definition it is.
        child: the id of the child.
    """

    link: str
    child: str


@attrs.frozen
class _OfApproval(_Command):
    approval: str


@attrs.frozen
class Submit(_OfApproval):
    """Ask for an approval.

    Attributes:
        approval: which one.
    """


@attrs.frozen
class Approve(_OfApproval):
    """Agree.

    Attributes:
        approval: to what.
    """


@attrs.frozen
class Reject(_OfApproval):
    """Say no.

    Attributes:
        approval: to what.
        reason: why.
    """

    reason: str = attrs.field(default="", kw_only=True)


@attrs.frozen
class SendBack(_OfApproval):
    """Return a request.

    Attributes:
        approval: which one.
        panel: the panel that is to decide again, from 1; 0 is whoever asked.
        reason: why.
    """

    panel: int = attrs.field(default=0, kw_only=True)
    reason: str = attrs.field(default="", kw_only=True)


@attrs.frozen
class AddApprover(_OfApproval):
    """Call in another.

    Attributes:
        approval: which one.
        approver: whom.
        before: whether they decide before whoever is to decide now, or after.
    """

    approver: str
    before: bool = attrs.field(default=True, kw_only=True)


@attrs.frozen
class Withdraw(_OfApproval):
    """Take a request back.

    Attributes:
        approval: which one.
    """


#: Everything that can be asked of a case.
Command: TypeAlias = Open | Take | Edit | OpenChild | Submit | Approve | Reject | SendBack | AddApprover | Withdraw

_FACTS: Mapping[type, type[events.Event]] = {
    Open: events.Opened,
    Take: events.Moved,
    Edit: events.Edited,
    OpenChild: events.Linked,
    Submit: events.Requested,
    Approve: events.Approved,
    Reject: events.Rejected,
    SendBack: events.Returned,
    AddApprover: events.ApproverAdded,
    Withdraw: events.Withdrawn,
}


def led_to(command: Command, event: events.Event) -> bool:
    """Whether a fact is what a command leads to: it says the same in all that the command says."""
    if type(event) is not _FACTS[type(command)]:
        return False
    asked = {field.name: getattr(command, field.name) for field in attrs.fields(type(command))}
    fields = asked.pop("fields")
    # What a command leaves open is filled in by whoever decides; the fields of a child are in the child's own fact.
    same_fields = isinstance(command, OpenChild) or fields == event.data
    return same_fields and all(value is None or getattr(event, name) == value for name, value in asked.items())
