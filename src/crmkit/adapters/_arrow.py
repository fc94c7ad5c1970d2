"""Columns of Arrow on their way into journals: of the right kind, names in one form, the rows of a case together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, TypeAlias

from crmkit.errors import ExtraMissing, InputError, NotFound
from crmkit.journal.blocks import Layout

_Fits: TypeAlias = Callable[[Any], bool]

__all__ = ["ROW", "arrow", "blanks", "check_columns", "check_names", "check_ties", "filled", "plain", "together"]

#: The column with the number of each row, beside those of the layout.
ROW = "\0row"
#: What `str.strip` takes off, so that a name is the same wherever it is trimmed.
_BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


def arrow(what: str, extra: str = "parquet") -> tuple[Any, Any]:
    """Pyarrow and its functions.

    Raises:
        ExtraMissing: if it is not installed.
    """
    try:
        return import_module("pyarrow"), import_module("pyarrow.compute")
    except ImportError:
        raise ExtraMissing("pyarrow", extra, what) from None


def blanks() -> str:
    """The characters that are trimmed off names."""
    return _BLANKS


def check_columns(schema: Any, layout: Layout, source: str) -> None:
    """Refuse a table that a layout does not fit.

    Args:
        schema: of Arrow.
        layout: what its columns mean.
        source: the file or table, for messages.

    Raises:
        NotFound: for a column that is not there.
        InputError: for a column that is there twice, or is of another kind.
    """
    check_names(schema.names, layout.columns, source)
    _check_kind(schema, (layout.case, layout.stage, layout.next, layout.who), _NAMES, source)
    _check_kind(schema, layout.instants, _INSTANTS, source)
    _check_kind(schema, (layout.amount,), _NUMBERS, source)


def check_names(there: Sequence[str], wanted: Iterable[str], source: str) -> None:
    """Refuse a table that lacks a column, or has it twice.

    Raises:
        NotFound: for a column that is not there.
        InputError: for one that is there twice.
    """
    for column in wanted:
        if column not in there:
            raise NotFound("column", column, tuple(there), source)
        if there.count(column) > 1:
            reason = f"there are {there.count(column)} columns of this name"
            raise InputError(source, reason, "rename one", None, column)


def _check_kind(schema: Any, columns: Iterable[str | None], kind: tuple[str, str, _Fits], source: str) -> None:
    wanted, remedy, fits = kind
    for column in columns:
        if column is not None and not fits(schema.field(column).type):
            reason = f"holds {schema.field(column).type}, no {wanted}"
            raise InputError(source, reason, f"cast it to {remedy}", None, column)


def _is_text(type_: Any) -> bool:
    types = arrow("reading Arrow")[0].types
    inner = type_.value_type if types.is_dictionary(type_) else type_
    return bool(types.is_string(inner) or types.is_large_string(inner) or types.is_string_view(inner))


def _is_name(type_: Any) -> bool:
    types = arrow("reading Arrow")[0].types
    return _is_text(type_) or bool(types.is_integer(type_) or types.is_null(type_))


def _is_instant(type_: Any) -> bool:
    types = arrow("reading Arrow")[0].types
    return bool(types.is_timestamp(type_) or types.is_date(type_) or types.is_null(type_))


def _is_number(type_: Any) -> bool:
    types = arrow("reading Arrow")[0].types
    return bool(types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_) or types.is_null(type_))


_NAMES: tuple[str, str, _Fits] = "names", "text or whole numbers", _is_name
_INSTANTS: tuple[str, str, _Fits] = "times", "timestamps or dates", _is_instant
_NUMBERS: tuple[str, str, _Fits] = "amounts", "numbers", _is_number


def plain(table: Any, layout: Layout, more: Sequence[str] = ()) -> Any:
    """The columns of a layout, each name a plain text: equal ids of two files are one, whichever way they were written.

    Args:
        table: a table or a batch.
        layout: what its columns mean.
        more: further columns that are kept.
    """
    pa, _ = arrow("reading Arrow")
    names = {layout.stage, layout.next, layout.who, *layout.dims} - {None, layout.case}
    columns = {name: table.column(name) for name in (*layout.columns, *more)}
    columns[layout.case] = columns[layout.case].cast(pa.string())
    return pa.table({name: _coded(column, pa) if name in names else column for name, column in columns.items()})


def _coded(column: Any, pa: Any) -> Any:
    """Names by their codes; what else may be grouped by stays as it is."""
    if not _is_name(column.type):
        return column
    if pa.types.is_dictionary(column.type):
        return column.cast(pa.dictionary(pa.int32(), pa.string()))
    return column.cast(pa.string()).dictionary_encode()


def filled(tables: Iterable[Any], rows: int) -> Iterator[Any]:
    """Tables of at least so many rows each, the last one aside, of smaller ones; none is empty."""
    pa, _ = arrow("reading Arrow")
    held: list[Any] = []
    size = 0
    for table in tables:
        held.append(table)
        size += len(table)
        if size >= rows:
            yield pa.concat_tables(held)
            held, size = [], 0
    if size:
        yield pa.concat_tables(held)


def together(tables: Iterable[Any], case: str) -> Iterator[Any]:
    """Tables cut anew, so that each case is in one of them; the rows of a case follow one another."""
    pa, pc = arrow("reading Arrow")
    held: list[Any] = []
    last = None
    for table in tables:
        known = table.column(case).drop_null()
        if not len(known) or known[-1].as_py() == last:
            held.append(table)
            continue
        # All but the last case of this table is whole now.
        begins = pc.index(table.column(case), known[-1]).as_py()
        if begins or held:
            yield pa.concat_tables([*held, table.slice(0, begins)])
        held, last = [table.slice(begins)], known[-1].as_py()
    if held:
        yield pa.concat_tables(held)


def check_ties(table: Any, layout: Layout, source: str, order: str | None = None) -> None:
    """Refuse rows of one case and instant that differ: which came first would be anybody's guess.

    Args:
        table: rows by case, and in the order of time.
        layout: what its columns mean.
        source: the table, for messages.
        order: a column that orders what is dated alike.

    Raises:
        InputError: naming the case and the instant.
    """
    _, pc = arrow("reading Arrow")
    at = layout.at or layout.entered
    # What cannot be used is in no order either.
    for needed in (layout.stage, at):
        table = table.filter(pc.is_valid(table.column(needed)))
    keys = [table.column(name).combine_chunks() for name in (layout.case, at, order) if name is not None]
    same = [pc.equal(column.slice(1), column.slice(0, max(len(column) - 1, 0))) for column in keys]
    alike = same[0]
    for one in same[1:]:
        alike = pc.and_(alike, one)
    rows = pc.indices_nonzero(alike.fill_null(False))
    for row in rows.to_pylist():
        one, other = (table.slice(place, 1).select(list(layout.columns)).to_pylist()[0] for place in (row, row + 1))
        if one != other:
            reason = f"case {one[layout.case]!r} has two rows of {one[at]} that differ"
            raise InputError(source, reason, "name a column that orders them with seq=", None, at)
