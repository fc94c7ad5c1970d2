"""Measured time: wall time with the two questions that business time answers, and deadlines that pauses put off."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from crmkit.errors import InvalidValue

if TYPE_CHECKING:
    from crmkit.calendars import WorkingTime
    from crmkit.pipeline.limits import Limit


class Time(Protocol):
    """How much time lies between two instants, and when so much of it will have passed; `WorkingTime` is one."""

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """The time between two instants; negative if `end` is the earlier."""
        ...

    def due(self, start: datetime, work: timedelta) -> datetime:
        """The earliest instant by which so much time has passed."""
        ...


class _WallTime:
    """Round the clock."""

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        return end - start

    def due(self, start: datetime, work: timedelta) -> datetime:
        # In UTC: adding to a local time counts the hours on its wall, which summer time skips and repeats.
        return start.astimezone(UTC) + work


#: Round the clock.
WALL: Time = _WallTime()


def promised(limit: "Limit", start: datetime, calendar: "WorkingTime | None") -> tuple[Time, datetime]:
    """What a limit counts as time, and its deadline without pauses.

    Raises:
        InvalidValue: if there is no calendar for business time, or too little of it, or the deadline is too far off.
    """
    try:
        end = limit.due(start, calendar)
    except OverflowError:
        raise InvalidValue("deadline", str(limit), f"from {start} on is after the year 9999") from None
    return (WALL if calendar is None or not limit.business else calendar), end


def prolonged(time: Time, due: datetime, holds: Iterable[tuple[datetime, timedelta]]) -> datetime:
    """A deadline put off by the pauses that begin before it, each by the time that it took out.

    Args:
        time: what counts as time.
        due: the deadline without pauses.
        holds: when each pause began, in order, and the time inside it; pauses do not overlap.
    """
    for start, held in holds:
        if start >= due:
            break
        due = time.due(due, held)
    return due.astimezone(UTC)
