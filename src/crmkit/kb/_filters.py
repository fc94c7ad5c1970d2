"""Which documents have which values: columns for filters and facets, and what filters mean on them."""

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.events import fields_from_json, fields_to_json
from crmkit.kb._packing import Array
from crmkit.kb.query import Eq, Filter, In, Range, Scalar, Under, Without
from crmkit.values import Fields, Money

__all__ = ["FilterColumn", "Key", "Mask", "Narrower", "columns_of", "key_of", "mask", "resolved", "unpacked"]

#: What values are sorted by: their family, within which they compare, and what is compared.
Key: TypeAlias = tuple[tuple[int, str], Any]
Mask: TypeAlias = npt.NDArray[np.bool_]


def key_of(value: Scalar) -> Key:
    """How a value compares. 1, 1.0 and Decimal(1) are one; True is another."""
    match value:
        case bool():
            return (0, ""), value
        case int() | float() | Decimal():
            return (1, ""), value
        case str():
            return (2, ""), value
        case datetime():
            return (3, ""), value
        case date():
            return (4, ""), value
        case _:
            return (5, value.currency.code), value.amount


@attrs.frozen
class FilterColumn:
    """The values of one field.

    Attributes:
        plain: the values, sorted, as JSON.
        starts: where the documents of each value begin, and where the last ones end.
        docs: the documents, rising within a value.
    """

    plain: bytes
    starts: Array
    docs: Array

    @cached_property
    def values(self) -> Sequence[Scalar]:
        """The distinct values, sorted."""
        values: Sequence[Scalar] = fields_from_json(self.plain.decode())["values"]
        return values

    @cached_property
    def keys(self) -> list[Key]:
        """What they compare by."""
        return [key_of(value) for value in self.values]

    @cached_property
    def _codes(self) -> Array:
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def between(self, low: int, high: int) -> Array:
        """The documents that have one of a run of values."""
        return self.docs[self.starts[low] : self.starts[high]]

    def equal(self, value: Scalar) -> Array:
        """The documents that have a value."""
        key = key_of(value)
        place = bisect_left(self.keys, key[0], key=_family)
        place = bisect_left(self.keys, key, place, bisect_right(self.keys, key[0], key=_family))
        found = place < len(self.keys) and self.keys[place] == key
        return self.between(place, place + 1) if found else self.docs[:0]

    def within(self, start: Scalar | None, end: Scalar | None) -> Array:
        """The documents that have a value from `start` on and before `end`."""
        low, high = (None if one is None else key_of(one) for one in (start, end))
        (family, _), *_ = [key for key in (low, high) if key is not None]
        first = bisect_left(self.keys, family, key=_family)
        last = bisect_right(self.keys, family, key=_family)
        begin = first if low is None else bisect_left(self.keys, low, first, last)
        stop = last if high is None else bisect_left(self.keys, high, first, last)
        return self.between(begin, max(begin, stop))

    def value(self, key: Key) -> Scalar:
        """The value that compares by a key."""
        return self.values[bisect_left(self.keys, key)]

    def counts(self, matched: Mask) -> Counter[Key]:
        """How many of the matched documents have each value."""
        counted = np.bincount(self._codes[matched[self.docs]], minlength=len(self.keys))
        return Counter({self.keys[code]: int(counted[code]) for code in np.flatnonzero(counted)})


def _family(key: Key) -> tuple[int, str]:
    return key[0]


def columns_of(documents: Iterable[Fields]) -> dict[str, Array]:
    """The columns of all fields, to be packed.

    Args:
        documents: the fields of each, in the order of their numbers.
    """
    found: dict[str, dict[Key, tuple[Scalar, list[int]]]] = {}
    for number, fields in enumerate(documents):
        for name in fields:
            column = found.setdefault(name, {})
            for value in _distinct(fields[name]):
                column.setdefault(key_of(value), (value, []))[1].append(number)
    arrays = {"names": _bytes(json.dumps(sorted(found)).encode())}
    for place, name in enumerate(sorted(found)):
        column = dict(sorted(found[name].items(), key=_first))
        values = [value for value, _ in column.values()]
        docs = [numbers for _, numbers in column.values()]
        arrays[f"{place} values"] = _bytes(fields_to_json(Fields(values=values)).encode())
        arrays[f"{place} starts"] = np.cumsum([0, *map(len, docs)], dtype=np.int64)
        arrays[f"{place} docs"] = np.array([number for numbers in docs for number in numbers], np.int32)
    return arrays


def _first(item: tuple[Key, object]) -> Key:
    return item[0]


def _bytes(data: bytes) -> Array:
    return np.frombuffer(data, np.uint8)


def _distinct(value: Any) -> Iterable[Scalar]:
    """The values of a field that can be compared: mappings and None cannot."""
    values = value if isinstance(value, tuple) else (value,)
    # What differs from itself is no number, and has no place among them.
    kept = [one for one in values if isinstance(one, bool | int | float | Decimal | str | date | Money) and one == one]  # noqa: PLR0124 - see above
    return {key_of(one): one for one in kept}.values()


def unpacked(arrays: Mapping[str, Array]) -> dict[str, FilterColumn]:
    """The columns by field."""
    names = json.loads(arrays["names"].tobytes())
    return {
        name: FilterColumn(arrays[f"{place} values"].tobytes(), arrays[f"{place} starts"], arrays[f"{place} docs"])
        for place, name in enumerate(names)
    }


#: From a subject term to the terms directly under it.
Narrower: TypeAlias = Callable[[str], Iterable[str]]


def resolved(filter_: Filter, narrower: Narrower | None) -> Filter:
    """A filter without `Under`.

    Raises:
        InvalidValue: if there is an `Under` and nobody says what is narrower, or a range between two kinds of values.
    """
    match filter_:
        case Under():
            if narrower is None:
                raise InvalidValue("filter", filter_, "needs narrower=, which says which terms stand under a term")
            return In(filter_.name, _closure(filter_.term, narrower))
        case Without():
            return Without(resolved(filter_.part, narrower))
        case Range(start=start, end=end) if start is not None and end is not None:
            if key_of(start)[0] != key_of(end)[0]:
                raise InvalidValue("filter", filter_, "runs from one kind of value to another")
            return filter_
        case _:
            return filter_


def _closure(term: str, narrower: Narrower) -> list[str]:
    """A term and everything under it, however deep, loops notwithstanding."""
    found = {term: None}
    waiting = [term]
    while waiting:
        for under in narrower(waiting.pop()):
            if under not in found:
                found[under] = None
                waiting.append(under)
    return list(found)


def mask(filter_: Filter, columns: Mapping[str, FilterColumn], size: int) -> Mask:
    """Which documents a filter lets through.

    Args:
        filter_: without `Under`.
        columns: by field.
        size: how many documents there are.
    """
    if isinstance(filter_, Without):
        return ~mask(filter_.part, columns, size)
    through = np.zeros(size, np.bool_)
    column = columns.get(filter_.name)
    if column is not None:
        for docs in _documents(filter_, column):
            through[docs] = True
    return through


def _documents(filter_: Filter, column: FilterColumn) -> Iterable[Array]:
    match filter_:
        case Eq():
            return [column.equal(filter_.value)]
        case In():
            return [column.equal(value) for value in filter_.values]
        case Range():
            return [column.within(filter_.start, filter_.end)]
        case _:
            return [column.docs]
