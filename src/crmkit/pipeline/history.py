"""What was, and what was known: every past state of a case, computed from its facts."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import attrs

from crmkit.events import Event, Migrated, Moved, Opened
from crmkit.pipeline._machine import evolve
from crmkit.pipeline.case import Case, Visit
from crmkit.values import aware

__all__ = ["replay", "state", "timeline"]


def replay(events: Iterable[Event]) -> Case | None:
    """The case after a run of its events, in order; None if there are none."""
    case: Case | None = None
    for event in events:
        case = evolve(case, event)
    return case


def state(events: Iterable[Event], *, at: datetime, known_at: datetime | None = None) -> Case | None:
    """The case as it was at one instant, from what was known at another.

    Args:
        events: all events of the case, in order.
        at: what had happened by then (inclusive, aware).
        known_at: what had been recorded by then (inclusive, aware); None is all we know today.

    Returns:
        The case, or None if it did not exist, or nobody knew of it.
    """
    aware(at)
    if known_at is not None:
        aware(known_at, "known_at")
    return replay(e for e in events if e.at <= at and (known_at is None or e.recorded <= known_at))


def timeline(events: Iterable[Event]) -> tuple[Visit, ...]:
    """Every stay of a case in every stage, in order; the last one is open."""
    return tuple(_visits(events))


def _visits(events: Iterable[Event]) -> Iterator[Visit]:
    last: Visit | None = None
    owner: str | None = None
    for event in events:
        owner = event.data.get("owner") or owner
        match event:
            case Opened():
                owner = owner or event.who
                last = Visit(event.stage, event.at, who=owner)
            case Moved():
                yield Visit(event.origin, event.entered, event.at, event.stage, event.move, event.held_by)
                last = Visit(event.stage, event.at, who=owner)
            case Migrated() if last is not None:
                last = attrs.evolve(last, stage=event.stage)
            case _:
                pass
    if last is not None:
        yield last
