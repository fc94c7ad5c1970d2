"""Open an export from a path: CSV, TSV, Parquet or XES, plain or gzipped; and a table of exchange rates."""

import gzip
import zlib
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib import import_module
from io import BufferedReader, FileIO
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from crmkit.errors import ExtraMissing, InputError, InvalidValue, NotFound, did_you_mean
from crmkit.journal import Table, decode_csv, decode_xes
from crmkit.values import Rate, RateTable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Progress", "read_rates", "read_table"]

#: Called with bytes read and bytes in all.
Progress: TypeAlias = Callable[[int, int], None]

_BLOCK = 1 << 20
_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"


def read_table(
    path: str | PathLike[str],
    *,
    columns: Collection[str] | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    on_progress: Progress | None = None,
) -> Any:
    """Read an export; what `Journal.from_frame` takes.

    The kind of file is told by its content, not by its name. Encoding, delimiter and line ends are detected and stated
    in the table's `facts`.

    Args:
        path: the file.
        columns: the columns that are needed; the others are not kept.
        encoding: if the detection should not be trusted.
        delimiter: if the detection should not be trusted.
        on_progress: called with bytes read and bytes in all, now and then.

    Returns:
        A `Table`; for Parquet a pyarrow table.

    Raises:
        InputError: if it cannot be read, in one line that says why.
        NotFound: if a column is not there.
        ExtraMissing: for Parquet without pyarrow, or XES without defusedxml.
    """
    file = Path(fspath(path))
    with _opened(file, on_progress) as stream:
        head = stream.read(4096)
        stream.seek(0)
        if head.startswith(_PARQUET) and isinstance(stream, gzip.GzipFile):
            raise InputError(str(file), "is gzipped Parquet, which is compressed already", "unpack it first")
        if head.startswith(_PARQUET):
            return _parquet(file, columns)
        if head.startswith(_ZIP):
            raise InputError(str(file), "is a zip archive or a spreadsheet", "unpack it, or save it as CSV")
        if _is_xes(head):
            return decode_xes(stream, name=file.name)
        return decode_csv(stream, name=file.name, columns=columns, encoding=encoding, delimiter=delimiter)


def read_rates(path: str | PathLike[str], *, base: str = "EUR", stale_after: int = 10) -> RateTable:
    """Read exchange rates from CSV: one rate a row, or one day a row with a column for each currency.

    Args:
        path: the file. One rate a row has the columns `day`, `base`, `quote` and `value`; one day a row has the day in
            the first column, and in each other the price of one unit of `base` in the currency that heads it, as the
            reference rates of the European Central Bank are published. Cells that are empty or "N/A" are no rates.
        base: of one day a row.
        stale_after: as in `RateTable`.

    Raises:
        InputError: if it cannot be read, or a cell is neither a rate nor empty.
    """
    table = read_table(path)
    if not isinstance(table, Table):
        raise InputError(str(path), "is no CSV file", "save the rates as CSV")
    known = {name.strip().casefold(): name for name in table.columns}
    long = [known.get(name) for name in ("day", "base", "quote", "value")]
    cells = _long(table, [name for name in long if name is not None]) if all(long) else _wide(table, base)
    return RateTable(tuple(_rate(path, table, row, cell) for row, cell in cells), stale_after)


_Cell: TypeAlias = tuple[str | None, str | None, str | None, str]


def _long(table: Table, names: list[str]) -> Iterator[tuple[int, _Cell]]:
    columns = [table.column(name).decode() for name in names]
    for row, (day, base, quote, value) in enumerate(zip(*columns, strict=True)):
        if value is not None and value != "N/A":
            yield row, (day, base, quote, value)


def _wide(table: Table, base: str) -> Iterator[tuple[int, _Cell]]:
    first, *others = table.columns
    days = table.column(first).decode()
    for name in (other for other in others if other.strip()):
        for row, value in enumerate(table.column(name).decode()):
            if value is not None and value != "N/A":
                yield row, (days[row], base, name.strip(), value)


def _rate(path: str | PathLike[str], table: Table, row: int, cell: _Cell) -> Rate:
    day, base, quote, value = cell
    try:
        return Rate(base or "", quote or "", date.fromisoformat(day or ""), Decimal(value))
    except (InvalidOperation, InvalidValue, ValueError):
        reason = f"row {table.row_of(row)}: {day}, {base}/{quote}, {value!r} is no rate"
        remedy = "give a day as 2026-06-30, ISO currencies, and a number"
        raise InputError(str(path), reason, remedy) from None


@contextmanager
def _opened(file: Path, on_progress: Progress | None) -> Generator[BinaryIO]:
    """The file's bytes, unzipped; trouble on the way becomes one clear error."""
    try:
        # A pipe would be waited for, and cannot be read twice.
        if file.exists() and not file.is_file() and not file.is_dir():
            raise InputError(str(file), "is no regular file", "save it to one first")
        with BufferedReader(_Counted(file, on_progress), _BLOCK) as raw:
            if raw.peek(2)[:2] != _GZIP:
                yield raw
            else:
                with gzip.GzipFile(fileobj=raw) as unzipped:
                    yield cast("BinaryIO", unzipped)
    except FileNotFoundError:
        near = did_you_mean(file.name, _siblings(file))
        raise InputError(str(file), f"there is no such file{near}") from None
    except IsADirectoryError:
        raise InputError(str(file), "is a directory", "name the file in it") from None
    except PermissionError:
        raise InputError(str(file), "may not be read by this user") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(str(file), f"the gzip data is cut short or damaged ({error})", "copy the file again") from None
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror or error}") from None


class _Counted(FileIO):
    """A file that says how far it was read."""

    def __init__(self, file: Path, on_progress: Progress | None) -> None:
        super().__init__(file, "rb")
        self._size = file.stat().st_size
        self._on_progress = on_progress

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        count = super().readinto(buffer)
        if self._on_progress is not None:
            self._on_progress(self.tell(), self._size)
        return count


def _is_xes(head: bytes) -> bool:
    # In UTF-16 every other byte of the first tag is 0.
    text = (
        head.removeprefix(b"\xef\xbb\xbf")
        .removeprefix(b"\xff\xfe")
        .removeprefix(b"\xfe\xff")
        .replace(b"\0", b"")
        .lstrip()
    )
    return text.startswith((b"<?xml", b"<log", b"<!--", b"<!DOCTYPE"))


def _parquet(file: Path, columns: Collection[str] | None) -> Any:
    try:
        pa, pq = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise ExtraMissing("pyarrow", "parquet", "reading Parquet") from None
    try:
        known = tuple(pq.read_schema(file).names)
        for column in columns or ():
            if column not in known:
                raise NotFound("column", column, known, file.name)
        return pq.read_table(file, columns=None if columns is None else sorted(columns))
    except pa.ArrowException as error:
        raise InputError(str(file), f"is no readable Parquet file: {str(error).splitlines()[0]}") from None


def _siblings(file: Path) -> list[str]:
    try:
        return [other.name for other in file.parent.iterdir()]
    except OSError:
        return []
