"""Time limits of stages: the text in a definition, and when the time is up.

>>> from datetime import UTC, datetime
>>> Limit.parse("4 hours").due(datetime(2026, 3, 2, 22, tzinfo=UTC)).isoformat()
'2026-03-03T02:00:00+00:00'
"""

import re
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import attrs

from crmkit.errors import InvalidValue
from crmkit.values import from_micros, to_micros

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from crmkit.calendars import WorkingTime

__all__ = ["Limit", "Unit"]

#: What a limit is counted in.
Unit: TypeAlias = Literal["minute", "hour", "day", "week"]
Micros: TypeAlias = "npt.NDArray[np.int64]"

_TEXT = re.compile(r"(?P<amount>\d{1,6}(?:\.\d{1,6})?) (?P<business>business )?(?P<unit>minute|hour|day|week)s?")
_MICROS: dict[str, int] = {"minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000, "week": 604_800_000_000}
_WEEK_DAYS = 5


@attrs.frozen
class Limit:
    """How long something may take.

    Without "business" it is wall time: a day is 24 hours, a week seven of them. Business minutes and hours are working
    time of a calendar. Business days are those of `WorkingTime.due_days`: the same wall time so many business days
    later; a business week is five of them. A fraction of a business day is that fraction of the working time up to the
    next whole one.

    Attributes:
        amount: how many; exact.
        unit: of what.
        business: whether only working time counts.
    """

    amount: Decimal
    unit: Unit
    business: bool = False

    @classmethod
    def parse(cls, text: object) -> Self:
        """The limit of a text such as "5 business days" or "1.5 hours".

        Raises:
            InvalidValue: for anything else.
        """
        found = _TEXT.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise InvalidValue("limit", text, "is no time limit, such as '5 business days' or '4 hours'")
        unit: Any = found["unit"]
        return cls(Decimal(found["amount"]), unit, found["business"] is not None)

    def __str__(self) -> str:
        business = "business " if self.business else ""
        return f"{self.amount} {business}{self.unit}{'' if self.amount == 1 else 's'}"

    def due(self, entered: datetime, calendar: "WorkingTime | None" = None) -> datetime:
        """When the time is up for one stay; see `due_us`."""
        import numpy as np

        due = self.due_us(np.array([to_micros(entered, "entered")]), calendar)
        return from_micros(int(due[0])).astimezone(entered.tzinfo)

    def due_us(self, entered_us: Micros, calendar: "WorkingTime | None" = None) -> Micros:
        """When the time is up, for many.

        Args:
            entered_us: int64 microseconds UTC, any shape.
            calendar: says what working time is; only business limits need it.

        Returns:
            int64 microseconds UTC; fractions of a microsecond are cut off.

        Raises:
            InvalidValue: if a business limit has no calendar.
        """
        import numpy as np

        entered = np.asarray(entered_us, np.int64)
        if not self.business:
            return entered + int(self.amount * _MICROS[self.unit])
        if calendar is None:
            raise InvalidValue("limit", str(self), "counts business time and needs calendar=")
        if self.unit in ("minute", "hour"):
            return calendar.due_us(entered, np.array(int(self.amount * _MICROS[self.unit])))
        return self._business_days(entered, calendar)

    def _business_days(self, entered: Micros, calendar: "WorkingTime") -> Micros:
        import numpy as np

        whole, rest = divmod(self.amount * (_WEEK_DAYS if self.unit == "week" else 1), 1)

        def after(days: int) -> Micros:
            return calendar.due_days_us(entered, np.array(days)) if days else entered

        due = after(int(whole))
        if not rest:
            return due
        # Whole numbers throughout: 2^53 microseconds are exact in a float, but a quotient of them is not.
        over, under = rest.as_integer_ratio()
        return calendar.due_us(due, calendar.elapsed_us(due, after(int(whole) + 1)) * over // under)
