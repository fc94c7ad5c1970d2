"""Values of fields from texts, as files and further columns of journals have them."""

from decimal import Decimal, DecimalException
from typing import Any

from crmkit.errors import InvalidValue
from crmkit.rules._kinds import FieldKind
from crmkit.rules.feel._temporal import read_value

_TRUE, _FALSE = frozenset({"true", "yes", "1", "t", "y", "是"}), frozenset({"false", "no", "0", "f", "n", "否"})


def parsed(name: str, kind: FieldKind, text: str) -> Any:
    """The value of a kind that a text says; None if it is empty.

    Raises:
        InvalidValue: if it says none.
    """
    if kind == "string":
        return text
    plain = text.strip()
    made = _read(kind, plain) if plain else None
    if made is None and plain:
        raise InvalidValue(name, text, f"is no {kind}")
    return made


def _read(kind: FieldKind, text: str) -> Any:
    if kind == "boolean":
        return True if text.casefold() in _TRUE else False if text.casefold() in _FALSE else None
    if kind in {"decimal", "integer", "float"}:
        try:
            return Decimal(text)
        except DecimalException:
            return None
    return read_value(kind, text)
