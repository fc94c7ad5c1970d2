"""Decision tables in sheets: a header with the inputs and then the names of the outputs, and a line for each row."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

from crmkit.errors import ExtraMissing, InputError, NotFound
from crmkit.rules._boxed import HitPolicy
from crmkit.rules.feel._convert import to_feel
from crmkit.rules.feel._text import literal
from crmkit.rules.schema import Field, Schema
from crmkit.rules.table import DecisionTable

#: A line and its number in the file.
Line = tuple[int, list[str]]


def csv_rows(text: str, name: str, delimiter: str) -> Iterator[Line]:
    """The lines of a CSV.

    Raises:
        InputError: if it cannot be read, with the line.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter, strict=True)
    while True:
        row = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError(name, f"is no CSV: {error}", row=row) from None
        if cells is None:
            return
        yield row, cells


def xlsx_rows(data: bytes, name: str, sheet: str | None) -> Iterator[Line]:
    """The rows of a sheet of an Excel file.

    Raises:
        ExtraMissing: if openpyxl is not installed.
        InputError: if it is no Excel file.
        NotFound: if it has no such sheet.
    """
    try:
        openpyxl: Any = import_module("openpyxl")
    except ImportError:
        raise ExtraMissing("openpyxl", "rules", "reading a table from Excel") from None
    try:
        # What formulas amount to, and what they are.
        books = [openpyxl.load_workbook(io.BytesIO(data), data_only=plain) for plain in (True, False)]
    except Exception as error:  # noqa: BLE001 - the reader of a foreign format fails in many ways
        raise InputError(name, f"is no Excel file: {error}") from None
    names = books[0].sheetnames
    if sheet is not None and sheet not in names:
        raise NotFound("sheet", sheet, tuple(names), name)
    found, formulas = (book[names[0] if sheet is None else sheet] for book in books)
    above = _merged(found)
    for number, row in enumerate(found.iter_rows(), 1):
        places = [str(cell.coordinate) for cell in row]
        yield number, [_written(_value(name, found, formulas, above.get(place, place))) for place in places]


def _merged(sheet: Any) -> dict[str, str]:
    """From each cell of a merged area to the first one, which holds what all of them show."""
    return {
        sheet.cell(row, column).coordinate: area.start_cell.coordinate
        for area in sheet.merged_cells.ranges
        for row, column in area.cells
    }


def _value(name: str, sheet: Any, formulas: Any, place: str) -> Any:
    """What a cell holds.

    Raises:
        InputError: for a formula without a result: an empty cell would be a condition that is always true.
    """
    value = sheet[place].value
    if value is None and formulas[place].value is not None:
        why = f"cell {place} has a formula whose result the file does not hold"
        raise InputError(name, why, "open it in Excel and save it", sheet[place].row)
    return value


def _written(value: Any) -> str:
    """What a cell of Excel holds, as FEEL."""
    if value is None or isinstance(value, str):
        return value or ""
    # Excel knows no date without a time.
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        value = value.date()
    return literal(to_feel(Decimal(repr(value)) if isinstance(value, float) else value))


def sheet_table(
    lines: Iterable[Line],
    schema: Schema,
    outputs: Sequence[Field],
    *,
    name: str,
    policy: HitPolicy,
    defaults: Sequence[str],
) -> DecisionTable:
    """The table of some lines.

    Raises:
        InputError: if the header does not end with the outputs, or a line does not have as many cells.
        DefinitionErrors: everything that is wrong with the cells.
    """
    filled = [(number, [cell.strip() for cell in row]) for number, row in lines if any(cell.strip() for cell in row)]
    wanted = [output.name for output in outputs]
    if not filled:
        raise InputError(name, "is empty", "it begins with a header: the inputs, then the names of the outputs")
    (first, header), *rest = filled
    while not header[-1]:
        header.pop()
    for label in header:
        if header.count(label) > 1:
            raise InputError(name, f"the header has {label!r} twice", row=first)
    inputs, named = header[: len(header) - len(wanted)], header[len(header) - len(wanted) :]
    if not wanted or not inputs or named != wanted:
        raise InputError(name, f"the header does not end with the outputs {', '.join(wanted)}", row=first)
    rows = [_row(name, number, row, len(header)) for number, row in rest]
    return DecisionTable(name, schema, inputs, outputs, rows, policy=policy, defaults=defaults)


def _row(name: str, number: int, row: list[str], size: int) -> list[str]:
    if len(row) < size or any(row[size:]):
        raise InputError(name, f"has {len(row)} cells; the header has {size}", row=number)
    return row[:size]
