"""Rule sets and tables as text: canonical JSON for storing, TOML for writing by hand, CSV and XLSX for tables."""

import json
import tomllib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from crmkit.errors import InputError
from crmkit.rules._boxed import HitPolicy
from crmkit.rules._plain import from_plain, plain
from crmkit.rules._sheets import csv_rows, sheet_table, xlsx_rows
from crmkit.rules.ruleset import PythonRule, RuleSet
from crmkit.rules.schema import Field, Schema
from crmkit.rules.table import DecisionTable

__all__ = ["from_dict", "from_json", "from_toml", "table_from_csv", "table_from_xlsx", "to_dict", "to_json"]


def to_dict(rules: RuleSet) -> dict[str, Any]:
    """A rule set as plain data, ready for JSON."""
    return plain(rules)


def from_dict(data: Any, *, name: str = "rules", python: Sequence[PythonRule] = ()) -> RuleSet:
    """The rule set of plain data; see `from_json`.

    Raises:
        InputError: if it is no rule set, with the place.
        DefinitionErrors: everything that is wrong with its rules.
    """
    return from_plain(data, name=name, python=python)


def to_json(rules: RuleSet) -> str:
    """The canonical text of a rule set: equal sets have equal texts, whatever the order of their keys."""
    return json.dumps(plain(rules), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str, *, name: str = "rules", python: Sequence[PythonRule] = ()) -> RuleSet:
    """The rule set of a text as `to_json` writes it.

    Args:
        text: the text.
        name: how the user knows it, for messages.
        python: the rules in Python that it names.

    Raises:
        InputError: if it is no rule set.
        DefinitionErrors: everything that is wrong with its rules.
    """
    try:
        data = json.loads(text, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise InputError(name, f"is no JSON: {error}") from None
    return from_plain(data, name=name, python=python)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of two values of one name one would be lost."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice in one object")
    return made


def from_toml(text: str, *, name: str = "rules", python: Sequence[PythonRule] = ()) -> RuleSet:
    """The rule set of a text in TOML: `[[fields]]`, `[[rules]]`, `[[tables]]`; see `from_json`.

    Raises:
        InputError: if it is no rule set, with the place.
        DefinitionErrors: everything that is wrong with its rules.
    """
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise InputError(name, f"is no TOML: {error}") from None
    return from_plain(data, name=name, python=python)


def table_from_csv(
    text: str,
    schema: Schema,
    *,
    outputs: Sequence[Field],
    name: str = "table",
    policy: HitPolicy = "U",
    defaults: Sequence[str] = (),
    delimiter: str = ",",
) -> DecisionTable:
    """A table from CSV: a header with the inputs and then the names of the outputs, and a line for each row.

    Args:
        text: the CSV; lines without anything in them are passed over.
        schema: what the cells may speak of.
        outputs: the result's fields.
        name: how the user knows the table, for messages.
        policy: the hit policy.
        defaults: the results when no row matches.
        delimiter: what stands between two cells.

    Raises:
        InputError: if it is no CSV, the header does not end with the outputs or has one name twice, or a line has too
            few or too many cells.
        DefinitionErrors: everything that is wrong with its cells.
    """
    return sheet_table(csv_rows(text, name, delimiter), schema, outputs, name=name, policy=policy, defaults=defaults)


def table_from_xlsx(
    data: bytes,
    schema: Schema,
    *,
    outputs: Sequence[Field],
    name: str = "table",
    policy: HitPolicy = "U",
    defaults: Sequence[str] = (),
    sheet: str | None = None,
) -> DecisionTable:
    """A table from a sheet of an Excel file, laid out as the CSV of `table_from_csv` is.

    A cell that holds a number, a date or a truth value is read as the literal; any other is FEEL. What stands in merged
    cells stands in each of them.

    Args:
        data: the file.
        schema: what the cells may speak of.
        outputs: the result's fields.
        name: how the user knows the table, for messages.
        policy: the hit policy.
        defaults: the results when no row matches.
        sheet: the name of the sheet; the first one if None.

    Raises:
        ExtraMissing: if openpyxl is not installed.
        NotFound: if there is no such sheet.
        InputError: if it is no Excel file, the header does not end with the outputs or has one name twice, a row has
            too many cells, or a formula comes without its result.
        DefinitionErrors: everything that is wrong with its cells.
    """
    return sheet_table(xlsx_rows(data, name, sheet), schema, outputs, name=name, policy=policy, defaults=defaults)
