"""One way to read columns, whatever holds them: a decoded export, or a frame of any library."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, BinaryIO, Literal, Protocol, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InputError, InvalidValue, NotFound
from crmkit.journal._amounts import Amounts, parse_amounts
from crmkit.journal._coded import Coded, Longs, code
from crmkit.journal._findings import Finding
from crmkit.journal._frames import Columns, Values, Zoned, as_text, coded, is_nothing
from crmkit.journal._table import Table
from crmkit.journal._times import Instants, localise, parse_instants
from crmkit.values import aware, zone
from crmkit.values._instants import DAY_US

# 291 years on either side of 1970.
_FURTHEST_US = 291 * 365 * DAY_US

#: The attributes in which a log that `to_xes` wrote says what its events alone cannot.
LEFT, NEXT, UNTIL = "crmkit:left", "crmkit:next", "crmkit:until"

Zone: TypeAlias = str | tzinfo | None
Dates: TypeAlias = Literal["dmy", "mdy", "ymd"] | None


class Source(Protocol):
    """Named columns with a row number each."""

    @property
    def name(self) -> str: ...
    @property
    def rows(self) -> Longs: ...
    @property
    def facts(self) -> Mapping[str, str]: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...
    def __len__(self) -> int: ...

    def text(self, column: str) -> Coded:
        """A column as text."""
        ...

    def empty(self, column: str) -> npt.NDArray[np.bool_]:
        """Where a column says nothing."""
        ...

    def instants(self, column: str, tz: Zone, dates: Dates) -> Instants:
        """A column as instants."""
        ...

    def amounts(self, column: str) -> Amounts:
        """A column as exact amounts."""
        ...


def open_source(frame: Any, name: str) -> Source:
    """The source behind whatever the user passed.

    Raises:
        InputError: if it is no table.
    """
    if isinstance(frame, Table):
        return _Decoded(frame)
    read = Columns.of_mapping(frame, name) if isinstance(frame, Mapping) else Columns.of_frame(frame, name)
    return _Columns(name, read, read.size)


def decoded_csv(data: bytes | BinaryIO, name: str, columns: Mapping[str, Any]) -> Table:
    """The columns of a CSV that a call names."""
    from crmkit.journal._csv import decode_csv

    _refuse_path(data, "from_csv")
    keys = ("case", "stage", "at", "entered", "left", "next", "who", "amount")
    wanted = {columns[key] for key in keys if columns.get(key) is not None} | {*columns.get("dims", ())}
    return decode_csv(data, name=name, columns=wanted)


def decoded_xes(data: bytes | BinaryIO, name: str) -> Table:
    """An event log as a table."""
    from crmkit.journal._xes import decode_xes

    _refuse_path(data, "from_xes")
    return decode_xes(data, name=name)


def xes_columns(table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the columns of a log mean: by the standard, or as `to_xes` wrote them, if nobody says otherwise."""
    until = table.facts.get(UNTIL)
    made: dict[str, Any] = {"case": "case:concept:name", "stage": "concept:name"}
    if until is None or "at" in given or "entered" in given:
        return made if "entered" in given else {**made, "at": "time:timestamp"}
    try:
        observed = aware(datetime.fromisoformat(until), UNTIL)
    except ValueError as error:
        raise InputError(table.name, f"says {UNTIL} is {until!r}, which is no instant: {error}") from None
    # Where every stay lasts, no event says when it ended.
    ends = {"left": LEFT, "next": NEXT} if LEFT in table.columns and NEXT in table.columns else {}
    return {**made, "entered": "time:timestamp", "as_of": observed, **ends}


def _refuse_path(data: object, function: str) -> None:
    # The core opens no files; say where the door is instead of failing on the first read().
    if isinstance(data, str) or hasattr(data, "__fspath__"):
        raise InvalidValue(
            function, data, "is a path; pass the bytes or an open binary file, or use crmkit.adapters.files.read_table"
        )


@attrs.frozen(eq=False)
class _Decoded:
    """A decoded export: all columns are text."""

    table: Table

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def rows(self) -> Longs:
        return self.table.rows

    @property
    def facts(self) -> Mapping[str, str]:
        return self.table.facts

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.table.findings

    def __len__(self) -> int:
        return len(self.table)

    def text(self, column: str) -> Coded:
        return self.table.column(column)

    def empty(self, column: str) -> npt.NDArray[np.bool_]:
        return self.table.column(column).missing

    def instants(self, column: str, tz: Zone, dates: Dates) -> Instants:
        return _parsed(self, self.table.column(column), column, tz, dates)

    def amounts(self, column: str) -> Amounts:
        return parse_amounts(self.table.column(column), rows=self.rows, column=column)


@attrs.frozen(eq=False)
class _Columns:
    """Columns of any frame: lists of Python values, codes of texts, or numpy datetimes; rows count from 1."""

    name: str
    _columns: Mapping[str, Values]
    _size: int
    facts: Mapping[str, str] = attrs.field(factory=dict[str, str])
    findings: tuple[Finding, ...] = ()

    def __attrs_post_init__(self) -> None:
        if not self._size:
            raise InputError(self.name, "has no rows")

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> Longs:
        return np.arange(1, len(self) + 1)

    def text(self, column: str) -> Coded:
        values = self._column(column)
        return values if isinstance(values, Coded) else coded(self._listed(column))

    def empty(self, column: str) -> npt.NDArray[np.bool_]:
        values = self._column(column)
        if isinstance(values, Coded):
            return values.missing
        if isinstance(values, Zoned):
            values = values.utc
        if isinstance(values, np.ndarray) and values.dtype.kind == "M":
            none: npt.NDArray[np.bool_] = np.isnat(values)
            return none
        return np.fromiter((as_text(value) is None for value in self._listed(column)), np.bool_, len(self))

    def instants(self, column: str, tz: Zone, dates: Dates) -> Instants:
        values = self._column(column)
        if isinstance(values, np.ndarray) and values.dtype.kind == "M":
            return self._localised(values, column, tz)
        if isinstance(values, Zoned):
            return self._in_utc(values.utc, column)
        if isinstance(values, Coded):
            return _parsed(self, values, column, tz, dates)
        listed = self._listed(column)
        if all(is_nothing(value) or isinstance(value, str | date) for value in listed):
            return _parsed(self, code([_iso(value) for value in listed]), column, tz, dates)
        first = next(i for i, value in enumerate(listed) if not is_nothing(value) and not isinstance(value, str | date))
        raise InputError(
            self.name, f"{listed[first]!r} is a {type(listed[first]).__name__}, not an instant",
            "give datetimes or texts", first + 1, column,
        )  # fmt: skip

    def amounts(self, column: str) -> Amounts:
        return parse_amounts(self.text(column), rows=self.rows, column=column)

    def _in_utc(self, values: npt.NDArray[Any], column: str) -> Instants:
        micros = values.astype("datetime64[us]", copy=False).view(np.int64)
        # What is missing is the least integer.
        ok = (micros > -_FURTHEST_US) & (micros < _FURTHEST_US)
        far: tuple[Finding, ...] = ()
        if not ok.all():
            micros, far = np.where(ok, micros, 0), self._far(~(ok | np.isnat(values)), column)
        return Instants(micros, ok, far, "instants with a zone")

    def _localised(self, values: npt.NDArray[Any], column: str, tz: Zone) -> Instants:
        """Numpy datetimes carry no zone: they are local times of `tz`."""
        local, ok, far, _ = attrs.astuple(self._in_utc(values, column), recurse=False)
        if tz is None:
            # Days are often kept as midnights; only a time needs a zone.
            if (local % DAY_US).any():
                remedy = "say which with --tz, e.g. --tz Europe/Berlin (tz= in Python)"
                raise InputError(self.name, "has times without a zone", remedy, None, column)
            return Instants(local, ok, far, "days begin at midnight UTC")
        micros, findings = localise(local, zone(tz), rows=self.rows, column_name=column, ok=ok)
        return Instants(micros, ok, (*findings, *far), f"local times of {zone(tz)}")

    def _far(self, rows: npt.NDArray[np.bool_], column: str) -> tuple[Finding, ...]:
        which = np.flatnonzero(rows)
        return tuple(Finding(int(i) + 1, column, "has a year outside 1678 to 2261", len(which)) for i in which[:1])

    def _column(self, name: str) -> Values:
        if name not in self._columns:
            raise NotFound("column", name, tuple(self._columns), self.name)
        return self._columns[name]

    def _listed(self, name: str) -> Sequence[Any]:
        values: Any = self._column(name)
        if isinstance(values, Zoned):
            values = values.listed()
        listed: Sequence[Any] = values.tolist() if isinstance(values, np.ndarray) else values
        return listed


def _parsed(source: Source, texts: Coded, column: str, tz: Zone, dates: Dates) -> Instants:
    return parse_instants(
        texts, rows=source.rows, name=source.name, column_name=column, order=dates, tz=None if tz is None else zone(tz)
    )


def _iso(value: Any) -> str | None:
    if isinstance(value, date) and not is_nothing(value):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return as_text(value)
