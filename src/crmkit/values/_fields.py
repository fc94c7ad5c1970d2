"""The open fields of a case or a fact: a frozen mapping with a text form that gives back exactly what went in."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self

from crmkit.errors import InvalidValue
from crmkit.values._instants import aware
from crmkit.values._money import Money

_DEEPEST = 20
_LARGEST_INT = 10**40


class Fields(Mapping[str, Any]):
    """A frozen, picklable mapping from field names to plain values.

    Values are None, bool, int, float, str, Decimal, Money, date, aware datetime, and lists or text-keyed mappings of
    them. Lists are kept as tuples, so that nothing in a fact can change.

    >>> (Fields(stage="lead") | {"amount": Money("10", "EUR")})["amount"]
    Money(10 EUR)
    """

    __slots__ = ("_hash", "_items")
    _items: dict[str, Any]
    _hash: int | None

    def __init__(self, items: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        merged = {**(items or {}), **named}
        self._items = {_name(key): _frozen(key, value, 0) for key, value in merged.items()}
        self._hash = None

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def get(self, name: str, default: Any = None, /) -> Any:
        """The value of a field, or a default."""
        return self._items.get(name, default)

    def __or__(self, other: Mapping[str, Any]) -> Self:
        return type(self)({**self._items, **other})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self._items == dict(other)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._items.items()))
        return self._hash

    def __repr__(self) -> str:
        return f"Fields({', '.join(f'{name}={value!r}' for name, value in self._items.items())})"

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any]]]:
        return type(self), (self._items,)


def _name(key: object) -> str:
    if not isinstance(key, str) or not key:
        raise InvalidValue("field name", key, "is no text")
    return key


def _frozen(name: str, value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise InvalidValue(f"field {name!r}", "…", f"is nested deeper than {_DEEPEST}")
    match value:
        case None | bool() | str() | Money():
            return value
        case int() if abs(value) < _LARGEST_INT:
            return value
        case float() if value == value and abs(value) != float("inf"):  # noqa: PLR0124 - NaN is what differs from itself
            return value
        case Decimal() if value.is_finite():
            return value
        case datetime():
            return aware(value, f"field {name!r}")
        case date():
            return value
        case list() | tuple():
            return tuple(_frozen(name, item, depth + 1) for item in value)
        case Mapping():
            return Fields({_name(key): _frozen(name, item, depth + 1) for key, item in value.items()})
        case _:
            raise InvalidValue(f"field {name!r}", value, f"is a {type(value).__name__}; give a plain value")


def to_plain(value: Any) -> Any:
    """A JSON-ready form of a field value; exact types travel as {"$type": text}.

    The inverse of `from_plain`.
    """
    match value:
        case Money():
            return {"$money": [str(value.amount), value.currency.code]}
        case Decimal():
            return {"$decimal": str(value)}
        case datetime():
            return {"$instant": value.isoformat()}
        case date():
            return {"$date": value.isoformat()}
        case tuple():
            return [to_plain(item) for item in value]
        case Mapping():
            # A key that starts with "$" would read back as a type; "$$" escapes it.
            return {("$" + key if key.startswith("$") else key): to_plain(item) for key, item in value.items()}
        case _:
            return value


def from_plain(value: Any) -> Any:
    """The field value of a JSON form.

    Raises:
        InvalidValue: if the form names a type that does not exist, or a text that is not of its type.
    """
    match value:
        case list():
            return tuple(from_plain(item) for item in value)
        case {"$money": [str(amount), str(currency)]} if len(value) == 1:
            return Money(amount, currency)
        case {"$decimal": str(text)} if len(value) == 1:
            return Decimal(text)
        case {"$instant": str(text)} if len(value) == 1:
            return datetime.fromisoformat(text)
        case {"$date": str(text)} if len(value) == 1:
            return date.fromisoformat(text)
        case dict():
            return Fields({_unescaped(key): from_plain(item) for key, item in value.items()})
        case _:
            return value


def _unescaped(key: str) -> str:
    if key.startswith("$$"):
        return key[1:]
    if key.startswith("$"):
        raise InvalidValue("stored field", key, "names a type this version does not know")
    return key


#: No fields at all.
EMPTY = Fields()
