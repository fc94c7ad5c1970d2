"""Journals of Parquet files that are larger than memory, block by block (extra `parquet`).

    layout = Layout(case="deal", stage="stage", entered="entered", left="left", next="next", as_of=end)
    found = gather(Moves(), ParquetBlocks("stays.parquet", layout))       # crmkit.metrics.partials

What is held at a time is a block of rows and the counters, however large the files are.
"""

import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np

from crmkit.adapters._arrow import ROW, arrow, blanks, check_columns, filled, plain, together
from crmkit.errors import InputError, InvalidValue
from crmkit.journal import OPEN, Journal
from crmkit.journal.blocks import Layout
from crmkit.values import from_micros

__all__ = ["Cases", "ParquetBlocks", "last_instant"]

#: Where the rows of a case are: in any block ("split"), one after the other by the order of the ids ("in order"), or
#: anywhere, to be brought together in a temporary folder ("anywhere").
Cases: TypeAlias = Literal["split", "in order", "anywhere"]

_CASES = ("split", "in order", "anywhere")
_BATCH = 1 << 16
# As many files are written at once when cases are brought together.
_MOST_FILES = 512
_WHAT = "reading Parquet in blocks"

_Paths: TypeAlias = str | PathLike[str] | Iterable[str | PathLike[str]]


def _files(given: _Paths) -> tuple[Path, ...]:
    """The files named, and those in the folders named, in the order of their names."""
    listed = [given] if isinstance(given, str | PathLike) else list(given)
    found: list[Path] = []
    for path in map(Path, listed):
        inside = sorted(one for one in path.rglob("*.parquet") if not _is_hidden(one.relative_to(path)))
        if path.is_dir() and not inside:
            raise InputError(str(path), "has no file whose name ends in .parquet")
        found += inside if path.is_dir() else [path]
    if not found:
        raise InvalidValue("path", listed, "names no file")
    return tuple(found)


def _is_hidden(path: Path) -> bool:
    # What a writer has not finished, and its notes.
    return any(part.startswith(("_", ".")) for part in path.parts)


@attrs.frozen
class ParquetBlocks:
    """The blocks of Parquet files as journals; they can be gone through any number of times.

    The files are opened when this is made: a column that is missing, of another kind, or of another type in another
    file is refused before anything is counted. Rows that cannot be used are findings of the journals, with the number
    of the row over all files, from 1.

    Attributes:
        files: a file, a folder of files that end in .parquet ("_" and "." at the start aside), or several of them.
        layout: what the columns mean.
        rows: how many rows a block has, about; a block of whole cases has at least those of its largest case.
        cases: where the rows of a case are; "anywhere" if None and the layout needs whole cases, else "split".
        folder: where "anywhere" puts its temporary files, which take about as much room as the columns unpacked; the
            system's place for such files if None.
    """

    files: tuple[Path, ...] = attrs.field(converter=_files)
    layout: Layout
    rows: int = attrs.field(default=1 << 20, kw_only=True)
    cases: Cases | None = attrs.field(default=None, kw_only=True)
    folder: str | PathLike[str] | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.rows < 1:
            raise InvalidValue("rows", self.rows, "is below 1")
        if self.cases is not None and self.cases not in _CASES:
            raise InvalidValue("cases", self.cases, f"is none of {', '.join(_CASES)}")
        if self.cases == "split" and self.layout.whole_cases:
            reason = "would cut a case in two, and the row that follows a stay tells where it ends"
            raise InvalidValue("cases", "split", f"{reason}; say 'in order' or 'anywhere'")
        sizes = [_checked(path, self.layout) for path in self.files]
        if not sum(sizes):
            raise InputError(str(self.files[0]), "has no rows")
        for path in self.files[1:]:
            _check_alike(self.files[0], path, self.layout)

    @property
    def whole_cases(self) -> bool:
        """Whether all rows of a case are in one block."""
        return self._cases != "split"

    @property
    def _cases(self) -> Cases:
        return self.cases or ("anywhere" if self.layout.whole_cases else "split")

    def __iter__(self) -> Iterator[Journal]:
        if self._cases == "anywhere":
            with tempfile.TemporaryDirectory(prefix="crmkit-", dir=self.folder) as folder:
                yield from map(self._journal, self._sorted_out(Path(folder)))
            return
        tables: Iterator[Any] = filled(self._tables(), self.rows)
        if self._cases == "in order":
            tables = together(self._in_order(tables), self.layout.case)
        yield from map(self._journal, tables)

    @property
    def _name(self) -> str:
        return ", ".join(map(str, self.files[:2])) + (", ..." if len(self.files) > 2 else "")

    def _journal(self, table: Any) -> Journal:
        numbers = table.column(ROW).to_numpy()
        name = f"{self._name}, rows {numbers[0]} to {numbers[-1]}"
        return self.layout.journal(table, numbers=numbers, name=name)

    def _tables(self) -> Iterator[Any]:
        """Some rows after the other, with their numbers."""
        pa, pc = arrow(_WHAT)
        begin = 1
        for path in self.files:
            for batch in _batches(path, self.layout, min(self.rows, _BATCH)):
                table = plain(batch, self.layout)
                if self.whole_cases:
                    place = table.schema.get_field_index(self.layout.case)
                    table = table.set_column(place, self.layout.case, _trimmed(table.column(self.layout.case), pa, pc))
                yield table.append_column(ROW, pa.array(np.arange(begin, begin + len(table))))
                begin += len(table)

    def _in_order(self, tables: Iterator[Any]) -> Iterator[Any]:
        """The same, with the order checked."""
        pa, pc = arrow(_WHAT)
        last = pa.array([], pa.string())
        for table in tables:
            known = table.filter(pc.is_valid(table.column(self.layout.case)))
            column = pa.concat_arrays([last, *known.column(self.layout.case).chunks])
            late = pc.index(pc.less(column.slice(1), column.slice(0, max(len(column) - 1, 0))), value=True).as_py()
            if late >= 0:
                row = known.column(ROW)[late + 1 - len(last)].as_py()
                reason = f"{column[late + 1].as_py()!r} comes after {column[late].as_py()!r}, which is not in order"
                remedy = "sort by the id as text, or say cases='anywhere'"
                raise InputError(self._name, reason, remedy, row, self.layout.case)
            last = column.slice(max(len(column) - 1, 0))
            yield table

    def _sorted_out(self, folder: Path) -> Iterator[Any]:
        """Tables of whole cases, by way of files that each hold the cases of some hashes, in the order of the rows."""
        pa, _ = arrow(_WHAT)
        ipc = import_module("pyarrow.ipc")
        total = sum(_checked(path, self.layout) for path in self.files)
        count = min(_MOST_FILES, -(-total // self.rows))
        paths = [folder / f"{number}.arrow" for number in range(count)]
        with ExitStack() as stack:
            writers: dict[int, Any] = {}
            for table in filled(self._tables(), self.rows):
                for number, part in _dealt(_undictionaried(table, pa), self.layout.case, count):
                    if number not in writers:
                        file = stack.enter_context(pa.OSFile(str(paths[number]), "wb"))
                        writers[number] = stack.enter_context(ipc.new_stream(file, part.schema))
                    writers[number].write_table(part)
        for number in sorted(writers):
            with pa.OSFile(str(paths[number])) as file:
                yield ipc.open_stream(file).read_all()
            paths[number].unlink()


def last_instant(files: _Paths, layout: Layout, *, rows: int = 1 << 20) -> datetime:
    """The last instant in the usable rows of Parquet files: what `Journal.from_frame` takes for the end of observation.

    It reads them all; the `as_of` of the layout is not looked at.

    Raises:
        InputError: if no row can be used.
    """
    unbounded = attrs.evolve(layout, as_of=datetime.max.replace(tzinfo=UTC))
    # Of events each is an instant of its own, whichever case it belongs to.
    if layout.at is not None:
        unbounded = attrs.evolve(unbounded, at=None, entered=layout.at)
    ends = (
        int(np.where(journal.left == OPEN, journal.entered, journal.left).max())
        for journal in ParquetBlocks(files, unbounded, rows=rows)
        if len(journal)
    )
    latest = max(ends, default=OPEN)
    if latest == OPEN:
        raise InputError(str(_files(files)[0]), "no row can be used")
    return from_micros(latest)


def _parquet(path: Path, names: Iterable[str] = ()) -> Any:
    """A file, opened so that it is decoded page by page, and the sums of its pages are looked at.

    Args:
        path: the file.
        names: columns of texts of which few are distinct.
    """
    arrow(_WHAT)
    return import_module("pyarrow.parquet").ParquetFile(
        path, read_dictionary=[*names], buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True
    )


def _checked(path: Path, layout: Layout) -> int:
    """How many rows a file has, which the layout fits."""
    pa, _ = arrow(_WHAT)
    try:
        with _parquet(path) as file:
            check_columns(file.schema_arrow, layout, str(path))
            return int(file.metadata.num_rows)
    except FileNotFoundError:
        raise InputError(str(path), "there is no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise InputError(str(path), f"is no readable Parquet file: {_first_line(error)}") from None


def _check_alike(first: Path, path: Path, layout: Layout) -> None:
    for column in layout.columns:
        one, other = (_type_of(file, column, layout) for file in (first, path))
        if one != other:
            remedy = "write both alike, or read them apart and merge the states"
            raise InputError(str(path), f"holds {other}, and in {first} it holds {one}", remedy, None, column)


def _type_of(path: Path, column: str, layout: Layout) -> str:
    """The type of a column as it is read."""
    with _parquet(path) as file:
        return str(plain(file.schema_arrow.empty_table(), layout).schema.field(column).type)


def _batches(path: Path, layout: Layout, rows: int) -> Iterator[Any]:
    pa, _ = arrow(_WHAT)
    names = {name for name in (layout.stage, layout.next, layout.who) if name is not None}
    group = 0
    try:
        with _parquet(path, names) as file:
            for group in range(file.metadata.num_row_groups):
                yield from file.iter_batches(batch_size=rows, row_groups=[group], columns=list(layout.columns))
    except (pa.ArrowException, OSError) as error:
        why = f"row group {group} cannot be read: {_first_line(error)}"
        raise InputError(str(path), why, "copy or write the file again") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _trimmed(column: Any, pa: Any, pc: Any) -> Any:
    trimmed = pc.utf8_trim(column.cast(pa.string()), blanks())
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _undictionaried(table: Any, pa: Any) -> Any:
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
    return table


def _dealt(table: Any, case: str, count: int) -> Iterator[tuple[int, Any]]:
    """The rows of each number that the hash of their case comes to, in their order."""
    column = table.column(case).combine_chunks().dictionary_encode()
    # A row without a case goes anywhere.
    hashes = np.array([*(zlib.crc32(name.encode()) % count for name in column.dictionary.to_pylist()), 0], np.int32)
    number = hashes[column.indices.fill_null(len(hashes) - 1).to_numpy()]
    order = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[order], np.arange(count + 1)).tolist()
    ordered = table.take(order)
    for bucket in range(count):
        if bounds[bucket] < bounds[bucket + 1]:
            yield bucket, ordered.slice(bounds[bucket], bounds[bucket + 1] - bounds[bucket])
