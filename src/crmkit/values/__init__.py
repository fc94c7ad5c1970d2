"""Values: money, exchange rates, instants, periods and the calendars that cut time into them.

Everything here is frozen, compares by content and needs nothing but attrs.
"""

from crmkit.values._fields import EMPTY, Fields
from crmkit.values._instants import aware, from_micros, to_micros, zone
from crmkit.values._money import Currency, Money, Rate, RateTable
from crmkit.values._periods import Every, FiscalCalendar, Period, PeriodCalendar, RetailCalendar

__all__ = [
    "EMPTY",
    "Currency",
    "Every",
    "Fields",
    "FiscalCalendar",
    "Money",
    "Period",
    "PeriodCalendar",
    "Rate",
    "RateTable",
    "RetailCalendar",
    "aware",
    "from_micros",
    "to_micros",
    "zone",
]
