"""Measured time: working time of a calendar, or wall time where there is None, and deadlines that pauses put off."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from crmkit.values import from_micros, to_micros

if TYPE_CHECKING:
    from crmkit.calendars import WorkingTime

Span: TypeAlias = tuple[datetime, datetime]

_MICROSECOND = timedelta(microseconds=1)


# Asking a calendar costs the same for one span as for ten: all of a clock are asked together.
def elapsed(calendar: "WorkingTime | None", spans: Sequence[Span]) -> list[timedelta]:
    """The measured time inside each span (UTC)."""
    if calendar is None:
        return [end - start for start, end in spans]
    import numpy as np

    edges = np.array([(to_micros(start), to_micros(end)) for start, end in spans], dtype=np.int64)
    return [timedelta(microseconds=us) for us in calendar.elapsed_us(edges[:, 0], edges[:, 1]).tolist()]


def after(calendar: "WorkingTime | None", start: datetime, works: Sequence[timedelta]) -> list[datetime]:
    """The earliest instants (UTC) by which so much measured time has passed since one."""
    if calendar is None or not works:
        return [start + work for work in works]
    import numpy as np

    amounts = np.array([work // _MICROSECOND for work in works], dtype=np.int64)
    return [from_micros(us) for us in calendar.due_us(np.array([to_micros(start)]), amounts).tolist()]


def prolonged(calendar: "WorkingTime | None", due: datetime, holds: Iterable[tuple[datetime, timedelta]]) -> datetime:
    """A deadline put off by the pauses that begin before it, each by the time that it took out.

    Args:
        calendar: whose time is measured; None is wall time.
        due: the deadline without pauses.
        holds: when each pause began, in order, and the time inside it; pauses do not overlap.
    """
    due = due.astimezone(UTC)
    for start, held in holds:
        if start >= due:
            break
        (due,) = after(calendar, due, [held])
    return due
