"""Archives as files: JSON Lines, and Parquet with the same lines beside columns that people ask for."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from crmkit.adapters._archive import Archived, Blob, Counts, Head, Item, chained, parsed, text_of
from crmkit.errors import ExtraMissing, InputError
from crmkit.protocols import Record, Recorded

__all__ = ["is_parquet", "read_archive", "resumed", "write_lines", "write_parquet"]

# ,"sum":"0123456789abcdef"}
_TAIL = 26
_ROWS = 4096
_LONGEST = 1 << 30


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its first bytes."""
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def read_archive(path: Path) -> Iterator[Archived]:
    """The lines of an archive, checked.

    Raises:
        InputError: with the line, if one is not as it was written, or missing.
        ExtraMissing: for Parquet without pyarrow.
    """
    try:
        lines = _parquet_lines(path) if is_parquet(path) else _json_lines(path)
        yield from parsed(lines, str(path))
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror or error}") from None


def _json_lines(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as stream:
        row = 0
        while line := stream.readline(_LONGEST):
            row += 1
            yield _split(line, str(path), row)


def _split(line: bytes, where: str, row: int) -> tuple[str, str]:
    """The text and the sum of a line."""
    if not line.endswith(b"\n"):
        raise InputError(where, "the file is cut short in the middle of a line", "copy it again", row)
    tail = line[-_TAIL - 1 : -1]
    if not (tail.startswith(b',"sum":"') and tail.endswith(b'"}')):
        raise InputError(where, "is no line of an archive of crmkit", "", row)
    try:
        return line[: -_TAIL - 1].decode() + "}", tail[8:24].decode("ascii")
    except UnicodeDecodeError as error:
        raise InputError(where, f"is no UTF-8: {error.reason}", "copy it again", row) from None


def write_lines(path: Path, items: Iterable[Item], before: str = "") -> None:
    """Append lines to a file, and have them on the disk.

    Args:
        path: the file.
        items: what they hold.
        before: the sum of the last line that is there.
    """
    try:
        with path.open("ab") as stream:
            for item in items:
                text = text_of(item)
                before = chained(text, before)
                stream.write(f'{text[:-1]},"sum":"{before}"}}\n'.encode())
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror or error}") from None


def resumed(path: Path) -> tuple[str, Recorded | None, int]:
    """Cut an interrupted file after its last whole event: the sum of the last line, that event, how many there are."""
    sum_, last, count, end = "", None, 0, 0
    if not path.exists():
        return sum_, last, count
    # What is not as it was written, such as half a line at the end, is written again.
    with suppress(InputError):
        for archived in parsed(_json_lines(path), str(path)):
            if not isinstance(archived.item, (Head, Recorded)):
                break
            sum_ = archived.sum
            last = archived.item if isinstance(archived.item, Recorded) else None
            count += last is not None
            end += len(text_of(archived.item).encode()) + _TAIL
    with path.open("r+b") as stream:
        stream.truncate(end)
    return sum_, last, count


# -- Parquet


def _arrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise ExtraMissing("pyarrow", "parquet", "an archive as Parquet") from None


def write_parquet(path: Path, items: Iterable[Item]) -> None:
    """Write all lines to a file, with columns beside them."""
    pa, pq = _arrow()
    schema = pa.schema([
        ("what", pa.string()), ("position", pa.int64()), ("case", pa.string()), ("type", pa.string()),
        ("id", pa.string()), ("line", pa.large_string()), ("sum", pa.string()),
    ])  # fmt: skip
    try:
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for rows in _chunks(items):
                writer.write_table(pa.table(dict(zip(schema.names, zip(*rows, strict=True), strict=True)), schema))
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror or error}") from None


def _chunks(items: Iterable[Item]) -> Iterator[list[tuple[Any, ...]]]:
    """Rows, some thousands or some megabytes at a time."""
    rows: list[tuple[Any, ...]] = []
    size, before = 0, ""
    for item in items:
        text = text_of(item)
        before = chained(text, before)
        rows.append((*_columns(item), text, before))
        size += len(text)
        if len(rows) >= _ROWS or size > 1 << 26:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _columns(item: Item) -> tuple[str, int | None, str | None, str | None, str | None]:
    """What, position, case, type, id."""
    match item:
        case Recorded(position, event):
            return "event", position, event.case, getattr(event, "named", event.type), event.id
        case Record(kind, id_):
            return "record", None, None, kind, id_
        case Blob(name):
            return "blob", None, None, None, name
        case Head() | Counts():
            return type(item).__name__.lower(), None, None, None, None


def _parquet_lines(path: Path) -> Iterator[tuple[str, str]]:
    pa, pq = _arrow()
    row = 0
    try:
        file = pq.ParquetFile(path)
        for batch in file.iter_batches(batch_size=_ROWS, columns=["line", "sum"]):
            for text, sum_ in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                row += 1
                yield str(text), str(sum_)
    except (pa.ArrowException, OSError) as error:
        why = str(error).strip().splitlines()[0]
        raise InputError(str(path), f"is no whole Parquet file: {why}", "copy it again", row + 1) from None
