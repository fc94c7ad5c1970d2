"""See, measure, regulate and improve sales and service processes from inside the system you already run.

The door holds what nearly everybody needs; the rooms hold the rest: `crmkit.metrics`, `crmkit.pipeline`,
`crmkit.journal`, `crmkit.calendars`, `crmkit.adapters`, `crmkit.report`, `crmkit.testing`, and `crmkit.protocols` for
those who plug something in. Importing the door loads no numpy: what needs it is loaded at first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crmkit.errors import CrmkitError, MoveNotAllowed
from crmkit.events import Event
from crmkit.pipeline import Accepted, Case, Move, Pipeline, Refused, Stage, Step
from crmkit.protocols import EventStore, Query
from crmkit.values import Currency, FiscalCalendar, Money, Period, RateTable, RetailCalendar

if TYPE_CHECKING:
    from crmkit import metrics
    from crmkit.calendars import BusinessCalendar
    from crmkit.desk import Desk
    from crmkit.journal import Journal, Ledger

__version__ = "0.1.0"

__all__ = [
    "Accepted",
    "BusinessCalendar",
    "Case",
    "CrmkitError",
    "Currency",
    "Desk",
    "Event",
    "EventStore",
    "FiscalCalendar",
    "Journal",
    "Ledger",
    "Money",
    "Move",
    "MoveNotAllowed",
    "Period",
    "Pipeline",
    "Query",
    "RateTable",
    "Refused",
    "RetailCalendar",
    "Stage",
    "Step",
    "metrics",
]

_LAZY = {
    "BusinessCalendar": "crmkit.calendars",
    "Desk": "crmkit.desk",
    "Journal": "crmkit.journal",
    "Ledger": "crmkit.journal",
}


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module("crmkit.metrics")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'crmkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
