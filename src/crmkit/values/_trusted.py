"""Building a frozen attrs object from values that were checked already."""

from typing import Any, TypeVar

T = TypeVar("T")
_new, _set = object.__new__, object.__setattr__


def trusted(kind: type[T], values: dict[str, Any]) -> T:
    """An instance of a dict-based frozen attrs class, without running its converters and validators again.

    A move builds three objects out of values it has just looked at; checking them twice doubles its cost. Every
    attribute that the class itself has no value for must be in `values`, which the object keeps as its own.
    """
    made = _new(kind)
    _set(made, "__dict__", values)
    return made
