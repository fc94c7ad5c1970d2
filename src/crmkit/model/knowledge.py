"""Documents: whatever holds text that someone may want to find again."""

from datetime import datetime

import attrs

from crmkit.values import EMPTY, Fields

__all__ = ["Document"]


@attrs.frozen
class Document:
    """A text with its origin.

    Attributes:
        id: the host's key.
        title: one line.
        text: the whole text.
        at: when it was written (aware), if known.
        who: the id of its author, if one of us.
        customer: the id of the customer it concerns, if one.
        case: the id of the deal or ticket it concerns, if one.
        fields: further fields to filter by.
    """

    id: str
    title: str
    text: str
    at: datetime | None = None
    who: str | None = None
    customer: str | None = None
    case: str | None = None
    fields: Fields = EMPTY
