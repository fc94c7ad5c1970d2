"""Limits in words: "4 hours" of wall time, "4 business hours" of working time, "5 business days" of a calendar."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import attrs

from crmkit.errors import InvalidValue
from crmkit.pipeline._spans import WALL, Time, prolonged

if TYPE_CHECKING:
    from crmkit.calendars import WorkingTime

__all__ = ["Limit", "Unit"]

#: What a limit counts.
Unit: TypeAlias = Literal["minute", "hour", "day", "week"]

_TEXT = re.compile(r"(\d{1,6}(?:\.\d{1,6})?) (business )?(minute|hour|day|week)s?\Z", re.ASCII)
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 7 * 86_400}
# A business week is five business days, whatever the week of a calendar.
_DAYS = {"day": 1, "week": 5}


@attrs.frozen
class Limit:
    """How long something may take.

    >>> Limit.parse("4 business hours")
    Limit(amount=Fraction(4, 1), unit='hour', business=True)

    Minutes and hours of business time are working time. Business days end at the same wall time so many business days
    later (see `crmkit.calendars.WorkingTime.due_days`); a business week is five of them. Without "business" a day is
    24 hours and a week seven days of wall time.

    Attributes:
        amount: how many; exact.
        unit: of what.
        business: whether the time of a calendar counts.
    """

    amount: Fraction
    unit: Unit
    business: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """The limit of its words.

        Raises:
            InvalidValue: if they are none.
        """
        found = _TEXT.match(text) if isinstance(text, str) else None
        if found is None:
            raise InvalidValue("limit", text, "is no time limit, such as '5 business days' or '4 hours'")
        unit: Any = found[3]
        limit = cls(Fraction(found[1]), unit, found[2] is not None)
        if not limit.amount:
            raise InvalidValue("limit", text, "is no time at all")
        if limit.business and unit in _DAYS and limit._days.denominator > 1:
            raise InvalidValue("limit", text, "has a part of a business day; give business hours")
        return limit

    @property
    def _days(self) -> Fraction:
        return self.amount * _DAYS[self.unit]

    @property
    def _span(self) -> timedelta:
        return timedelta(microseconds=round(self.amount * _SECONDS[self.unit] * 1_000_000))

    def time(self, calendar: "WorkingTime | None") -> Time:
        """What it counts as time: that of a calendar, or wall time.

        Raises:
            InvalidValue: if it is in business time and there is no calendar.
        """
        if not self.business:
            return WALL
        if calendar is None:
            raise InvalidValue("limit", str(self), "is in business time, and no calendar was given")
        return calendar

    def due(
        self,
        start: datetime,
        calendar: "WorkingTime | None" = None,
        *,
        pauses: Iterable[tuple[datetime, datetime]] = (),
    ) -> datetime:
        """When it is over, in UTC.

        Args:
            start: from when (aware).
            calendar: the working time that counts, if any does.
            pauses: (from, to) pairs in order, without overlaps; each puts the end off by the time inside it.

        Raises:
            InvalidValue: if it is in business time and there is no calendar, or that has too little working time.
        """
        time = self.time(calendar)
        if self.business and calendar is not None and self.unit in _DAYS:
            end = calendar.due_days(start, int(self._days))
        else:
            end = time.due(start, self._span)
        return prolonged(time, end, pauses)

    def due_us(self, start_us: Any, calendar: "WorkingTime | None" = None) -> Any:
        """When it is over, for columns.

        Args:
            start_us: int64 microseconds UTC.
            calendar: the working time that counts, if any does.

        Returns:
            int64 of the same shape.

        Raises:
            InvalidValue: as `due` does.
        """
        import numpy as np

        self.time(calendar)
        span = np.array(self._span // timedelta(microseconds=1))
        if not self.business or calendar is None:
            return start_us + span
        if self.unit in _DAYS:
            return calendar.due_days_us(start_us, np.array(int(self._days)))
        return calendar.due_us(start_us, span)

    def __str__(self) -> str:
        amount = f"{float(self.amount):g}"
        return f"{amount} {'business ' if self.business else ''}{self.unit}{'' if amount == '1' else 's'}"
