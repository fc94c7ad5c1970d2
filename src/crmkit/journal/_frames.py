"""The columns of frames and mappings as values of few kinds: codes of texts, numpy datetimes, or lists."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any, Self, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InputError
from crmkit.journal._coded import Coded, Codes, code
from crmkit.values._instants import MICROSECOND

__all__ = ["Columns", "Values", "Zoned", "as_text", "coded", "is_nothing"]

# The year 9999.
_LAST_DAY = 8030 * 366
_BLOCK = 1 << 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAT = np.iinfo(np.int64).min
_TEXTS = ("string", "large_string", "string_view")


@attrs.frozen(eq=False)
class Zoned:
    """Instants: numpy datetimes in UTC, and the values as their library has them."""

    utc: npt.NDArray[np.datetime64]
    listed: Callable[[], Sequence[Any]]


Values: TypeAlias = "Sequence[Any] | npt.NDArray[Any] | Coded | Zoned"


@attrs.define(eq=False)
class Columns(Mapping[str, Values]):
    """Columns, each read when it is asked for, and once."""

    size: int
    _readers: Mapping[str, Callable[[], Values]]
    _read: dict[str, Values] = attrs.field(factory=dict[str, Values])

    @classmethod
    def of_frame(cls, frame: Any, name: str) -> Self:
        """The columns of a frame of any library.

        Raises:
            InputError: if it is no frame.
        """
        import narwhals as nw

        try:
            wrapped = nw.from_native(frame)
        except TypeError:
            kind = type(frame).__name__
            reason = f"a {kind} is no table; give a frame, a dict of columns or a decoded export"
            raise InputError(name, reason) from None
        eager = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
        return cls(len(eager), {column: partial(_column, eager, column, name) for column in eager.columns})

    @classmethod
    def of_mapping(cls, columns: Mapping[Any, Any], name: str) -> Self:
        """Columns in lists, arrays or series.

        Raises:
            InputError: if they differ in length.
        """
        sized = {str(key): values if hasattr(values, "__len__") else [*values] for key, values in columns.items()}
        sizes = {len(values) for values in sized.values()}
        if len(sizes) > 1:
            raise InputError(name, f"its columns differ in length: {sorted(sizes)}")
        return cls(max(sizes, default=0), {key: partial(_given, values) for key, values in sized.items()})

    def __getitem__(self, column: str) -> Values:
        if column not in self._read:
            self._read[column] = self._readers[column]()
        return self._read[column]

    def __contains__(self, column: object) -> bool:
        return column in self._readers

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


def coded(listed: Sequence[Any]) -> Coded:
    """Values as texts; see `as_text`."""
    # Of these kinds equal values have equal texts, and each needs to be put into words once only.
    if {*map(type, listed)} - {type(None)} in ({int}, {float}, {str}):
        distinct: dict[Any, int] = defaultdict(count().__next__)
        codes = np.fromiter(map(distinct.__getitem__, listed), np.int32, len(listed))
        return _named(codes, [*map(as_text, distinct)])
    return code([as_text(value) for value in listed])


def as_text(value: Any) -> str | None:
    """Names as texts: 7 and 7.0 are the key "7", NaN and blanks are nothing, "NA" is a name."""
    if is_nothing(value):
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def is_nothing(value: Any) -> bool:
    """Whether a cell is empty: NaN, NaT and their kin differ from themselves, whichever library they come from."""
    return value is None or bool(value != value)  # noqa: PLR0124 - NaN


def _given(values: Any) -> Values:
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return values
    return _listed(values.tolist() if hasattr(values, "tolist") else list(values))


def _listed(listed: list[Any]) -> Values:
    """A list as something that is read at once, if its values are all texts or all datetimes."""
    kinds = {*map(type, listed)} - {type(None)}
    if kinds == {str}:
        return coded(listed)
    return _datetimes(listed) if kinds == {datetime} else listed


def _datetimes(listed: list[datetime | None]) -> Values:
    local = sum(one is not None and one.tzinfo is None for one in listed)
    if local and local < len(listed) - listed.count(None):
        return listed
    epoch = _EPOCH.replace(tzinfo=None) if local else _EPOCH
    try:
        # To divide takes half the time that numpy needs to read a timedelta.
        since = (_NAT if one is None else (one - epoch) // MICROSECOND for one in listed)
        micros = np.fromiter(since, np.int64, len(listed)).view("datetime64[us]")
    except TypeError:
        # A zone that does not tell its offset.
        return listed
    return micros if local else Zoned(micros, lambda: listed)


def _column(frame: Any, key: str, name: str) -> Values:
    """Datetimes as numpy, so that no library localises them for us; texts as codes; all else as Python values."""
    import narwhals as nw

    series = frame[key]
    if isinstance(series.dtype, nw.List | nw.Struct | nw.Array):
        raise InputError(name, "holds lists or records, not single values", "", None, key)
    if isinstance(series.dtype, nw.Datetime):
        micros = _plausible(_instants(series), name, key).astype("datetime64[us]", copy=False)
        return micros if series.dtype.time_zone is None else Zoned(micros, series.to_list)
    if isinstance(series.dtype, nw.String | nw.Categorical | nw.Enum):
        column = _arrow(series)
        if column is not None:
            return _from_arrow(column)
    return _listed(series.to_list())


def _plausible(given: npt.NDArray[np.datetime64], name: str, column: str) -> npt.NDArray[np.datetime64]:
    # Days first: seconds of a far future do not fit into microseconds, and numpy does not say so.
    ends = np.array([np.fmin.reduce(given), np.fmax.reduce(given)]).astype("datetime64[D]")
    if (np.abs(ends.astype(np.int64))[~np.isnat(ends)] > _LAST_DAY).any():
        raise InputError(name, "holds times outside the years 1 to 9999", "", None, column)
    return given


def _instants(series: Any) -> npt.NDArray[np.datetime64]:
    """Times of a series, those with a zone in UTC."""
    found: npt.NDArray[np.datetime64]
    native = series.to_native()
    if hasattr(native, "dictionary_encode"):
        found = _joined([_whole(chunk, "int64", _NAT) for chunk in native.chunks])
        found = found.view(f"datetime64[{native.type.unit}]")
    elif series.dtype.time_zone is None:
        found = series.to_numpy()
    elif series.dtype.time_unit == "us" and not series.null_count():
        # The microseconds are those of UTC already, and nothing is copied.
        found = series.dt.timestamp("us").to_numpy().view("datetime64[us]")
    else:
        found = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
    return found


def _arrow(series: Any) -> Any:
    """A series as an array of pyarrow, whole or in chunks; None where that is not installed."""
    native = series.to_native()
    if hasattr(native, "dictionary_encode"):
        # What arrow holds already is not to be copied into one piece.
        return native
    try:
        return series.to_arrow()
    except ImportError:
        return None


def _chunks(column: Any) -> list[Any]:
    return [*getattr(column, "chunks", (column,))]


def _from_arrow(column: Any) -> Values:
    """Texts or categories by their codes: only what is distinct becomes Python values."""
    given = hasattr(column.type, "index_type")
    if not given:
        column = column.dictionary_encode()
    elif str(column.type.value_type) not in _TEXTS:
        # Equal texts are one name; of other values only lists know how they are put into words.
        return _listed([value for chunk in _chunks(column) for value in _spelt(chunk)])
    if len(_chunks(column)) > 1:
        column = column.unify_dictionaries()
    codes = _joined([_whole(chunk.indices, "int32", -1) for chunk in _chunks(column)])
    found = _named(codes, [*map(as_text, _chunks(column)[0].dictionary.to_pylist())])
    return _as_seen(found) if given else found


def _spelt(chunk: Any) -> list[Any]:
    values = [*chunk.dictionary.to_pylist(), None]
    return [values[place] for place in _whole(chunk.indices, "int32", -1).tolist()]


def _joined(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _whole(chunk: Any, kind: str, missing: int) -> npt.NDArray[Any]:
    """Whole numbers of arrow: its own ways to numpy load pandas, which takes more memory than a million of them."""
    wanted = chunk.cast(kind)
    there, values = wanted.buffers()
    rows = slice(wanted.offset, wanted.offset + len(wanted))
    found = np.frombuffer(b"" if values is None else values, kind)[rows]
    if not wanted.null_count:
        return found
    known = np.unpackbits(np.frombuffer(there, np.uint8), bitorder="little")[rows].view(np.bool_)
    return np.where(known, found, missing).astype(kind, copy=False)


def _named(codes: Codes, names: Sequence[str | None]) -> Coded:
    """Codes of names, some of which may be alike, or nothing."""
    if None not in names and len({*names}) == len(names):
        # As a rule all are distinct.
        return Coded(codes, tuple(name for name in names if name is not None))
    distinct = code(names)
    return Coded(np.append(distinct.codes, np.int32(-1))[codes], distinct.values)


def _as_seen(column: Coded) -> Coded:
    """A column over the values that it has, in order of first appearance, as a list of texts has them."""
    size, codes = len(column), column.codes
    # Code -1 is the last place.
    first = np.full(len(column.values) + 1, size)
    for begin in reversed(range(0, size, _BLOCK)):
        part = codes[begin : begin + _BLOCK]
        # Of several rows of one code the one that is written last stays.
        first[part[::-1]] = np.arange(begin + len(part) - 1, begin - 1, -1)
    seen = np.argsort(first[:-1])[: int((first[:-1] < size).sum())].tolist()
    return column.recode([column.values[place] for place in seen])
