"""Plain data as JSON has it."""

from math import isfinite
from typing import Any

__all__ = ["finite"]


def finite(value: Any) -> Any:
    """Plain data for JSON: what is no number is nothing."""
    match value:
        case dict():
            return {key: finite(item) for key, item in value.items()}
        case list() | tuple():
            return [finite(item) for item in value]
        case float() if not isfinite(value):
            return None
        case _:
            return value
