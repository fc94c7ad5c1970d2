"""Measured time: wall time with the two questions that business time answers, and deadlines that pauses put off."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from crmkit.errors import InvalidValue


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
        try:
            return start.astimezone(UTC) + work
        except OverflowError:
            raise InvalidValue("limit", work, f"from {start} on ends after the year 9999") from None


#: Round the clock.
WALL: Time = _WallTime()


def prolonged(time: Time, due: datetime, pauses: Iterable[tuple[datetime, datetime]]) -> datetime:
    """A deadline put off by the pauses that begin before it, each by the measured time that it took out.

    Args:
        time: what counts as time.
        due: the deadline without pauses.
        pauses: from and to, in order, without overlaps.
    """
    for start, end in pauses:
        if start >= due:
            break
        due = time.due(due, time.elapsed(start, end))
    return due.astimezone(UTC)
