"""Records as columns, for judging many at once: arrays with null masks, strings as codes, lists as offsets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias, TypeGuard

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.rules._frames import lists
from crmkit.rules.feel._numbers import EXACT
from crmkit.rules.feel._values import UNKNOWN, YearsMonths
from crmkit.rules.schema import Field, Schema

__all__ = ["Column", "Columns"]

Mask: TypeAlias = npt.NDArray[np.bool_]
Array: TypeAlias = npt.NDArray[Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
#: What a whole number in a column stays below, so that adding two does not overflow.
_WIDEST = 2**62
#: Numbers with more digits behind the point have no array.
_DIGITS = 100


@attrs.frozen(eq=False)
class Column:
    """One field of many records.

    Attributes:
        field: the field.
        data: numbers as float64 or int64 (decimals scaled to whole numbers), booleans, strings as int32 codes, days
            and microseconds since 1970 as int64; of a list the int64 offsets of its items, one more than records.
        null: which are null; None if none is.
        scale: of a decimal, how many digits stand behind the point.
        values: of strings, the text of each code.
        items: of a list of contexts, the items of all records one after another.
        raw: of values that have no array, the values themselves.
        given: of instants with clocks of several zones, the values as they were given.
    """

    field: Field
    data: Array
    null: Mask | None = None
    scale: int = 0
    values: tuple[str, ...] = ()
    items: "Columns | None" = None
    raw: tuple[Any, ...] | None = None
    given: tuple[Any, ...] | None = None

    def block(self, start: int, stop: int) -> "Column":
        """Some records in a row."""
        null = None if self.null is None else self.null[start:stop]
        raw = None if self.raw is None else self.raw[start:stop]
        given = None if self.given is None else self.given[start:stop]
        if self.items is None:
            return attrs.evolve(self, data=self.data[start:stop], null=null, raw=raw, given=given)
        offsets = self.data[start : stop + 1]
        items = self.items.block(int(offsets[0]), int(offsets[-1]))
        return attrs.evolve(self, data=offsets - offsets[0], null=null, items=items)

    def value(self, row: int) -> Any:
        """The value of one record, as the host would have it."""
        if self.null is not None and self.null[row]:
            return None
        kept = self.raw if self.given is None else self.given
        if kept is not None:
            return kept[row]
        return _BACK[self.field.kind](self, row)


@attrs.frozen(eq=False)
class Columns:
    """Many records over one schema.

    Attributes:
        schema: what they are.
        columns: by the name of the field.
        size: how many records.
    """

    schema: Schema
    columns: Mapping[str, Column]
    size: int

    @classmethod
    def from_records(cls, records: Sequence[Mapping[str, Any]], schema: Schema) -> "Columns":
        """Columns of records; what a record lacks is null.

        Raises:
            InvalidValue: for a value that its field cannot hold, or a null that it may not have.
        """
        for record in records:
            if not isinstance(record, Mapping):
                raise InvalidValue("record", record, "is no mapping from names to values")
        made = {field.name: _of_list(field, [record.get(field.name) for record in records]) for field in schema.fields}
        return cls(schema, made, len(records))

    @classmethod
    def from_frame(cls, frame: Any, schema: Schema) -> "Columns":
        """Columns of a pandas, polars or pyarrow table, a DuckDB relation, or a dict of lists.

        Raises:
            NotFound: for a field without a column.
            InvalidValue: for a value that its field cannot hold.
        """
        columns = lists(frame)
        for name in schema.names:
            if name not in columns:
                raise NotFound("column", name, tuple(columns), "the frame")
        made = {field.name: _column(field, columns[field.name]) for field in schema.fields}
        return cls(schema, made, len(next(iter(columns.values()), ())))

    def block(self, start: int, stop: int) -> "Columns":
        """Some records in a row."""
        parts = {name: one.block(start, stop) for name, one in self.columns.items()}
        return Columns(self.schema, parts, stop - start)

    def blocks(self, size: int) -> Iterator["Columns"]:
        """All records, some at a time."""
        for start in range(0, self.size, size):
            yield self.block(start, min(start + size, self.size))

    def record(self, row: int) -> dict[str, Any]:
        """One record."""
        return {name: one.value(row) for name, one in self.columns.items()}


def _column(field: Field, values: Sequence[Any]) -> Column:
    """The column of a field; what is not a number, or no time, is null, as in frames.

    Raises:
        InvalidValue: for a value that the field cannot hold, or a null that it may not have.
    """
    if not _is_array(values):
        return _of_list(field, [None if _missing(value) else value for value in values])
    array = values
    if array.dtype.kind == "M":
        array = array.astype("datetime64[us]" if field.kind == "date and time" else "datetime64[D]")
    made = None if field.values else _of_array(field, array)
    return made or _of_list(field, [None if _missing(value) else value for value in array.tolist()])


def _is_array(values: Any) -> TypeGuard[Array]:
    return isinstance(values, np.ndarray)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float | date | timedelta) and value != value)  # noqa: PLR0124 - NaN, NaT


def _of_list(field: Field, values: Sequence[Any]) -> Column:
    null = np.fromiter((value is None for value in values), np.bool_, len(values))
    if not null.any():
        masked = None
    elif field.nullable:
        masked = null
    else:
        raise _empty(field, null)
    return _MAKERS.get(field.kind, _raw)(field, values, masked)


def _empty(field: Field, null: Mask) -> InvalidValue:
    return InvalidValue(field.name, None, f"may not be empty (record {int(np.flatnonzero(null)[0]) + 1})")


def _of_array(field: Field, array: Array) -> Column | None:
    """An array that is a column already, NaN being null; None if it is none."""
    if field.kind == "float" and array.dtype.kind in "fiu":
        data = array.astype(np.float64)
        null = np.isnan(data)
        if null.any() and not field.nullable:
            raise _empty(field, null)
        if np.isinf(data).any():
            raise InvalidValue(field.name, float(data[np.isinf(data)][0]), "is no finite number")
        _within(field, data)
        return Column(field, data, null if null.any() else None)
    if field.kind in {"integer", "decimal"} and array.dtype.kind in "iu":
        wide = len(array) > 0 and max(abs(int(array.min())), abs(int(array.max()))) >= _WIDEST
        _within(field, array)
        return None if wide else Column(field, array.astype(np.int64))
    return Column(field, array) if field.kind == "boolean" and array.dtype.kind == "b" else None


def _within(field: Field, data: Array) -> None:
    """Refuse values beyond the bounds of the field: the first of them is read, and says so."""
    low, high = field.bounds
    beyond = np.zeros(len(data), np.bool_)
    for end, outside in ((low, np.less), (high, np.greater)):
        if end is not None:
            beyond |= outside(data, float(end))
    for value in data[beyond][:1].tolist():
        field.read(value)


def _raw(field: Field, values: Sequence[Any], null: Mask | None) -> Column:
    return _kept(field, _read(field, values), null)


def _kept(field: Field, read: Sequence[Any], null: Mask | None) -> Column:
    """The values themselves: there is no array that holds them."""
    return Column(field, np.zeros(len(read), np.int8), null, raw=tuple(read))


def _read(field: Field, values: Sequence[Any]) -> list[Any]:
    return [value if value is None else _known(field, value) for value in values]


def _known(field: Field, value: Any) -> Any:
    made = field.read(value)
    if made is UNKNOWN:
        raise InvalidValue(field.name, value, "has no place in a column")
    return made


def _floats(field: Field, values: Sequence[Any], null: Mask | None) -> Column:
    return Column(
        field, np.array([0.0 if value is None else value for value in _read(field, values)], np.float64), null
    )


def _decimals(field: Field, values: Sequence[Any], null: Mask | None) -> Column:
    read = _read(field, values)
    scale = max((max(0, -_exponent(value)) for value in read if value), default=0)
    if scale > _DIGITS:
        return _kept(field, read, null)
    return _whole(field, read, [value and int(EXACT.scaleb(value, scale)) for value in read], null, scale=scale)


def _exponent(value: Decimal) -> int:
    exponent = EXACT.normalize(value).as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101 - fields hold finite numbers
    return exponent


def _booleans(field: Field, values: Sequence[Any], null: Mask | None) -> Column:
    return Column(field, np.array([bool(value) for value in _read(field, values)], np.bool_), null)


def _strings(field: Field, values: Sequence[Any], null: Mask | None) -> Column:
    known: dict[Any, int] = {}
    try:
        coded = [-1 if value is None else known.setdefault(value, len(known)) for value in values]
    except TypeError:
        # What cannot be a key is no text; reading says which it is.
        return _strings(field, _read(field, values), null)
    return Column(field, np.array(coded, np.int32), null, values=tuple(_read(field, [*known])))


def _instants(field: Field, values: Sequence[Any], null: Mask | None) -> Column:
    read = _read(field, values)
    if any(value is not None and value.utcoffset() is None for value in read):
        return _kept(field, read, null)
    elsewhere = any(value is not None and value.tzinfo is not UTC for value in read)
    numbers = [value and (value - _EPOCH) // _MICRO for value in read]
    return _whole(field, read, numbers, null, given=tuple(read) if elsewhere else None)


def _days(field: Field, values: Sequence[Any], null: Mask | None) -> Column:
    read = _read(field, values)
    return _whole(field, read, [value and value.toordinal() for value in read], null)


def _lengths(field: Field, values: Sequence[Any], null: Mask | None) -> Column:
    read = _read(field, values)
    return _whole(field, read, [None if value is None else value // _MICRO for value in read], null)


def _months(field: Field, values: Sequence[Any], null: Mask | None) -> Column:
    read = _read(field, values)
    return _whole(field, read, [value and value.months for value in read], null)


def _whole(field: Field, read: Sequence[Any], numbers: Sequence[int | None], null: Mask | None, **more: Any) -> Column:
    """Whole numbers for the values; the values themselves if one is too large."""
    whole = [number or 0 for number in numbers]
    if any(abs(number) >= _WIDEST for number in whole):
        return _kept(field, read, null)
    return Column(field, np.array(whole, np.int64), null, **more)


def _contexts(field: Field, values: Sequence[Any], null: Mask | None) -> Column:
    if not field.fields:
        return _raw(field, values, null)
    lists = [value if _contexts_only(value) else field.read(value) for value in values if value is not None]
    items = [item for listed in lists for item in listed]
    sizes = iter(map(len, lists))
    offsets = np.cumsum([0, *(0 if value is None else next(sizes) for value in values)], dtype=np.int64)
    return Column(field, offsets, null, items=Columns.from_records(items, Schema(field.fields)))


def _contexts_only(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, Mapping) for item in value)


_MAKERS: Mapping[str, Callable[[Field, Sequence[Any], Mask | None], Column]] = {
    "float": _floats, "integer": _decimals, "decimal": _decimals, "boolean": _booleans, "string": _strings,
    "date and time": _instants, "date": _days, "days and time duration": _lengths,
    "years and months duration": _months, "list": _contexts,
}  # fmt: skip


def _list_back(one: Column, row: int) -> list[Any]:
    assert one.items is not None  # noqa: S101 - lists without items are kept raw
    return [one.items.record(i) for i in range(int(one.data[row]), int(one.data[row + 1]))]


def _months_back(one: Column, row: int) -> YearsMonths:
    return YearsMonths(int(one.data[row]))


_BACK: Mapping[str, Callable[[Column, int], Any]] = {
    "float": lambda one, row: float(one.data[row]),
    "integer": lambda one, row: int(one.data[row]),
    "decimal": lambda one, row: EXACT.scaleb(Decimal(int(one.data[row])), -one.scale),
    "boolean": lambda one, row: bool(one.data[row]),
    "string": lambda one, row: one.values[int(one.data[row])],
    "date and time": lambda one, row: _EPOCH + timedelta(microseconds=int(one.data[row])),
    "date": lambda one, row: date.fromordinal(int(one.data[row])),
    "days and time duration": lambda one, row: int(one.data[row]) * _MICRO,
    "years and months duration": _months_back,
    "list": _list_back,
}
