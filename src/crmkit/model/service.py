"""Service work: tickets, and the tasks they are split into. Their progress is the history of their case."""

from datetime import datetime

import attrs

from crmkit.values import EMPTY, Fields

__all__ = ["Task", "Ticket"]


@attrs.frozen
class Ticket:
    """A request of a customer.

    Attributes:
        id: the host's key; also the case id in the service pipeline.
        customer: the id of the customer.
        subject: one line.
        urgency: 1 is the most urgent.
        fields: product, channel, symptom ... as the host has them.
    """

    id: str
    customer: str
    subject: str = ""
    urgency: int = 3
    fields: Fields = EMPTY


@attrs.frozen
class Task:
    """A piece of work with one person in charge.

    Attributes:
        id: the host's key.
        case: the ticket or deal it belongs to.
        who: the id of the person in charge, None while unassigned.
        due: when it is promised (aware), if it is.
    """

    id: str
    case: str
    who: str | None = None
    due: datetime | None = None
