"""Columns as a table for people, for results whose rows are no objects."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crmkit.metrics._appraisal_words import table

__all__ = ["printed"]


def printed(columns: Mapping[str, Sequence[Any]]) -> str:
    """Columns side by side; what is not known is a dash, and instants have no more digits than they need."""
    rows = zip(*columns.values(), strict=True)
    return table([[*columns], *([_cell(value) for value in row] for row in rows)])


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(" ", "auto" if value.second or value.microsecond else "minutes")
    return "-" if value is None else str(value)
