"""What the policies of KPIs may be."""

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from crmkit.errors import InvalidValue

__all__ = ["at_least_nothing", "at_least_one", "inner_share", "names", "one_of"]


def at_least_nothing(_metric: object, field: "attrs.Attribute[Any]", value: int) -> None:
    """A whole number from 0 on.

    Raises:
        InvalidValue: otherwise.
    """
    if value < 0:
        raise InvalidValue(field.name, value, "is below 0")


def at_least_one(_metric: object, field: "attrs.Attribute[Any]", value: int) -> None:
    """A whole number from 1 on.

    Raises:
        InvalidValue: otherwise.
    """
    if value < 1:
        raise InvalidValue(field.name, value, "is below 1")


def inner_share(_metric: object, field: "attrs.Attribute[Any]", value: float) -> None:
    """A share between 0 and 1.

    Raises:
        InvalidValue: otherwise.
    """
    if not 0.0 < value < 1.0:
        raise InvalidValue(field.name, value, "does not lie between 0 and 1")


def names(given: Sequence[str]) -> tuple[str, ...]:
    """Names as they may be given: several, or one."""
    return tuple([given] if isinstance(given, str) else given)


def one_of(*words: str) -> Callable[[object, "attrs.Attribute[Any]", Any], None]:
    """A validator: one of some words, else `InvalidValue`."""

    def check(_metric: object, field: "attrs.Attribute[Any]", value: Any) -> None:
        if value not in words:
            raise InvalidValue(field.name, value, f"is none of {', '.join(words)}")

    return check
