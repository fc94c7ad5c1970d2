"""The months (or weeks, quarters ...) that a horizon touches, as days after a cut."""

from datetime import timedelta
from typing import get_args

import numpy as np
import numpy.typing as npt

from crmkit.errors import NotFound
from crmkit.metrics._cuts import days
from crmkit.values import Every, Period, from_micros, zone

__all__ = ["bucket_days", "buckets"]


def buckets(at: int, horizon: int, every: str, tz: str) -> tuple[Period, ...]:
    """The calendar's units that touch the days after a cut, clipped to them.

    Raises:
        NotFound: for a unit that the calendar lacks.
    """
    if every not in get_args(Every):
        raise NotFound("unit of time", every, get_args(Every), "every=")
    first = (from_micros(at).astimezone(zone(tz)) + timedelta(microseconds=1)).date()
    return Period(first, first + timedelta(days=horizon)).split(every)  # type: ignore[arg-type] # checked above


def bucket_days(at: int, horizon: int, every: str, tz: str) -> npt.NDArray[np.int64]:
    """The last day of each, 1..horizon."""
    parts = buckets(at, horizon, every, tz)
    edges = np.array([part.instants(zone(tz))[1] - 1 for part in parts], np.int64)
    ends = np.clip(days(edges, at), 1, horizon)
    ends[-1] = horizon
    return ends
