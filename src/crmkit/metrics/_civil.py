"""Columns as they come to a chapter about customers: civil days, and who."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Coded, code
from crmkit.values import Period, to_micros, zone

__all__ = ["as_day", "civil_days", "coded", "day_number", "from_day"]

Ints = npt.NDArray[np.int64]

_EPOCH = date(1970, 1, 1)
_DAY_US = 86_400_000_000
# A column that spans more is a mistake of units (seconds or milliseconds for microseconds), not a history.
_MOST_DAYS = 400_000


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def from_day(number: int) -> date:
    """The civil day of a day number."""
    return _EPOCH + timedelta(days=int(number))


def as_day(day: Any, what: str) -> int:
    """The number of a civil day that somebody gave.

    Raises:
        InvalidValue: unless it is a plain date.
    """
    # A datetime is a date to isinstance, and its hours would be lost without a word.
    if type(day) is not date:
        raise InvalidValue(what, day, "is no civil day; give a datetime.date")
    return day_number(day)


def civil_days(at: Any, tz: str, what: str) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Day numbers of a column, and which rows have one.

    Args:
        at: int64 microseconds UTC, datetime64[D], or an iterable of dates, aware datetimes and None.
        tz: the zone whose civil days count, for instants.
        what: how the user knows the column.

    Raises:
        InvalidValue: for anything else, such as datetime64 with hours, which has no zone.
    """
    column = np.asarray(at) if isinstance(at, np.ndarray) else _listed(at, what)
    if column.ndim != 1:
        raise InvalidValue(what, f"shape {column.shape}", "is no column")
    if column.dtype == np.dtype("datetime64[D]"):
        known = ~np.isnat(column)
        return np.where(known, column.astype(np.int64), 0), known
    if column.dtype.kind not in "iu":
        raise InvalidValue(what, str(column.dtype), "is neither int64 microseconds, datetime64[D], dates nor datetimes")
    return _in_zone(column.astype(np.int64), tz, what), np.ones(len(column), np.bool_)


def coded(customers: Any, size: int) -> Coded:
    """A column of customers: `Coded`, an array of numbers, or texts and None.

    Raises:
        InvalidValue: for another length than that of the other columns.
    """
    if isinstance(customers, np.ndarray) and customers.dtype.kind in "iu":
        values, codes = np.unique(customers, return_inverse=True)
        customers = Coded(codes.astype(np.int32), tuple(map(str, values.tolist())))
    elif not isinstance(customers, Coded):
        customers = code([None if name is None else str(name) for name in customers])
    column: Coded = customers
    if len(column) != size:
        raise InvalidValue("customers", f"{len(column)} rows", f"do not match the {size} of the other columns")
    return column


def _listed(at: Iterable[Any], what: str) -> npt.NDArray[Any]:
    values = list(at)
    if all(value is None or type(value) is date for value in values):
        return np.array(values, "datetime64[D]")
    if all(isinstance(value, int) for value in values):
        return np.array(values, np.int64)
    return np.array([to_micros(value, what) for value in values], np.int64)


def _in_zone(micros: Ints, tz: str, what: str) -> Ints:
    if not len(micros):
        return micros
    # No zone is more than a day away from UTC.
    first, last = int(micros.min()) // _DAY_US - 1, int(micros.max()) // _DAY_US + 2
    if last - first > _MOST_DAYS:
        raise InvalidValue(what, f"{last - first} days", "is too wide for microseconds since 1970")
    there = zone(tz)
    days = [from_day(number) for number in range(first, last + 1)]
    midnights = [Period(day, day + timedelta(days=1)).instants(there)[0] for day in days]
    return first - 1 + np.searchsorted(midnights, micros, "right").astype(np.int64)
