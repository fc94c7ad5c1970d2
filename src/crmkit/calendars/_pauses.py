"""Pauses as people give them: in any order, overlapping, touching."""

from collections.abc import Iterable
from datetime import datetime

from crmkit.errors import InvalidValue
from crmkit.values import to_micros

Pauses = Iterable[tuple[datetime, datetime]]


def merged(pauses: Pauses) -> list[tuple[int, int]]:
    """The pauses as microseconds, in order and apart.

    Raises:
        InvalidValue: for what is no pause, or ends before it starts.
    """
    found: list[tuple[int, int]] = []
    for start, end in sorted(_pause(pause) for pause in pauses):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _pause(pause: object) -> tuple[int, int]:
    if not isinstance(pause, (tuple, list)) or len(pause) != 2:
        raise InvalidValue("pause", pause, "is no pair of instants, from and to")
    start, end = to_micros(pause[0], "pause start"), to_micros(pause[1], "pause end")
    if end < start:
        raise InvalidValue("pause", f"{pause[0]} .. {pause[1]}", "ends before it starts")
    return start, end
