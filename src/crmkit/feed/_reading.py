"""What subscriptions and projections share: reading on from a position."""

from itertools import islice
from typing import Any

from crmkit.errors import InvalidValue
from crmkit.protocols import EventStore, Query, Recorded

__all__ = ["id_at", "next_events", "position_of"]


def position_of(value: Any) -> int:
    """A position as it was stored."""
    if not isinstance(value, int) or value < 0:
        raise TypeError(f"{value!r} is no position")
    return value


def next_events(
    store: EventStore, query: Query | None, after: int, limit: int
) -> tuple[tuple[Recorded, ...], int, bool]:  # fmt: skip
    """The next events, the position up to which there are no others that match, and whether there may be more."""
    if limit < 1:
        raise InvalidValue("limit", limit, "is no positive number of events")
    # The end comes first: what is appended while we read lies beyond it, and is looked at next time.
    end = after if query is None else store.append([])
    found = tuple(islice(store.read(query, after=after, limit=limit), limit))
    last = found[-1].position if found else after
    full = len(found) == limit
    return found, last if full else max(last, end), full


def id_at(store: EventStore, position: int) -> str | None:
    """The id of the event at a position; None if there is none."""
    found = next(iter(store.read(after=position - 1, limit=1)), None) if position else None
    return None if found is None or found.position != position else found.event.id
