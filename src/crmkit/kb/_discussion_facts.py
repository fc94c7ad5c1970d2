"""What happens in a discussion."""

from collections.abc import Iterable

import attrs

from crmkit.events import Event, from_json, known_types, to_json

__all__ = ["Assigned", "Closed", "Decided", "Done", "Joined", "Left", "Posted", "Reopened", "Started", "known"]


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)


@attrs.frozen(kw_only=True, slots=False)
class Started(Event):
    """A discussion was started.

    Attributes:
        topic: what it is about.
        others: who takes part from the beginning, besides who started it.
        customer: the id of the customer it concerns, if one.
        about: the id of the deal, ticket or other case it concerns, if one.
    """

    type = "Discussion.Started"
    topic: str
    others: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    customer: str | None = None
    about: str | None = None


@attrs.frozen(kw_only=True, slots=False)
class Joined(Event):
    """Somebody takes part from now on.

    Attributes:
        person: who; `who` is the one who asked them in.
    """

    type = "Discussion.Joined"
    person: str


@attrs.frozen(kw_only=True, slots=False)
class Left(Event):
    """Somebody takes part no longer.

    Attributes:
        person: who.
    """

    type = "Discussion.Left"
    person: str


@attrs.frozen(kw_only=True, slots=False)
class Posted(Event):
    """Something was said.

    Attributes:
        text: what.
        quotes: the ids of the posts it answers.
        via: how it came: "web", "mail" ...
    """

    type = "Discussion.Posted"
    text: str
    quotes: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    via: str = ""


@attrs.frozen(kw_only=True, slots=False)
class Decided(Event):
    """Something was decided.

    Attributes:
        text: what.
        quotes: the ids of the posts that it rests on.
    """

    type = "Discussion.Decided"
    text: str
    quotes: tuple[str, ...] = attrs.field(default=(), converter=_texts)


@attrs.frozen(kw_only=True, slots=False)
class Assigned(Event):
    """Something is to be done.

    Attributes:
        text: what.
        to: the person who does it.
        by: the day it is due, as ISO text; "" if none was named.
    """

    type = "Discussion.Assigned"
    text: str
    to: str
    by: str = ""


@attrs.frozen(kw_only=True, slots=False)
class Done(Event):
    """What was to be done is done.

    Attributes:
        action: the id of the `Assigned` fact.
    """

    type = "Discussion.Done"
    action: str


@attrs.frozen(kw_only=True, slots=False)
class Closed(Event):
    """The discussion was closed.

    Attributes:
        summary: what came of it.
    """

    type = "Discussion.Closed"
    summary: str = ""


@attrs.frozen(kw_only=True, slots=False)
class Reopened(Event):
    """The discussion goes on.

    Attributes:
        reason: why.
    """

    type = "Discussion.Reopened"
    reason: str = ""


_TYPES = known_types((Started, Joined, Left, Posted, Decided, Assigned, Done, Closed, Reopened))


def known(fact: Event) -> Event:
    """The fact in its own class, though the store did not know it."""
    return from_json(to_json(fact), _TYPES) if fact.type == "Unknown" else fact
