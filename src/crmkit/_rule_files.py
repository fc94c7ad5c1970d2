"""The files that rules, their records and other definitions are read from."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from crmkit.adapters.files import read_table
from crmkit.errors import InputError, InvalidValue, did_you_mean
from crmkit.journal import Table
from crmkit.rules.codec import from_json, from_toml
from crmkit.rules.dmn import read_dmn
from crmkit.rules.graph import Graph
from crmkit.rules.ruleset import RuleSet
from crmkit.rules.schema import Field, Schema

__all__ = ["read_bytes", "read_model", "read_record", "read_records", "read_rows", "read_rules", "read_text"]

_LONGEST = 100_000_000


def read_model(file: Path) -> Graph:
    """A DMN model; what it imports lies beside it."""

    def find(namespace: str) -> bytes | None:
        models = (read_bytes(path) for path in sorted(file.parent.glob("*.dmn")) if path.name != file.name)
        named = f'namespace="{namespace}"'.encode()
        return next((model for model in models if named in model), None)

    return read_dmn(read_bytes(file), name=file.name, find=find)


def read_text(file: Path) -> str:
    """The text of a file that somebody named, or one clear error."""
    try:
        return read_bytes(file).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise InputError(str(file), f"is no UTF-8: byte {error.start} does not fit") from None


def read_bytes(file: Path) -> bytes:
    """What a file that somebody named holds, or one clear error; a document of XML says its encoding itself."""
    if file.is_dir():
        raise InputError(str(file), "is a directory", "name a file")
    try:
        if file.stat().st_size > _LONGEST:
            raise InputError(str(file), f"is larger than {_LONGEST:,} bytes")
        return file.read_bytes()
    except FileNotFoundError:
        near = [path.name for path in file.parent.glob("*")] if file.parent.is_dir() else []
        raise InputError(str(file), f"there is no such file{did_you_mean(file.name, near)}") from None
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror}") from None


def read_rules(file: Path) -> RuleSet:
    """Rules as TOML or JSON."""
    read: Callable[..., RuleSet] = from_json if file.suffix == ".json" else from_toml
    return read(read_text(file), name=file.name)


def read_record(text: str, schema: Schema) -> dict[str, Any]:
    """A record as JSON, or @FILE with it."""
    found = _json(read_text(Path(text[1:])) if text.startswith("@") else text, "--record")
    if not isinstance(found, dict):
        raise InputError("--record", "is no JSON object")
    return {name: _value(schema.field(name), value, "--record", None) for name, value in found.items()}


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InputError(name, f"is no JSON: {error}") from None


def read_records(file: Path, schema: Schema) -> list[dict[str, Any]]:
    """Records of a file: JSON, JSON Lines, or a table."""
    # A line of CSV is counted with its header, as everywhere else.
    first = 1 if file.suffix in {".json", ".jsonl"} else 2
    if file.suffix == ".json":
        listed = _json(read_text(file), file.name)
    elif file.suffix == ".jsonl":
        lines = [(n, line) for n, line in enumerate(read_text(file).splitlines(), 1) if line.strip()]
        listed = [_json(line, f"{file.name}, line {n}") for n, line in lines]
    else:
        listed = read_rows(file)
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise InputError(file.name, "is no list of records")
    return [
        {field.name: _value(field, one.get(field.name), file.name, row) for field in schema.fields}
        for row, one in enumerate(listed, first)
    ]


def read_rows(file: Path) -> list[dict[str, Any]]:
    """The rows of a table; a line that could not be read is an error, for nobody would miss it."""
    table = read_table(file)
    if not isinstance(table, Table):
        return list(table.to_pylist())
    lost = next((finding for finding in table.findings if finding.dropped), None)
    if lost is not None:
        raise InputError(str(file), lost.reason, row=lost.row)
    columns = {name: table.column(name).decode() for name in table.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _value(field: Field, value: Any, name: str, row: int | None) -> Any:
    """A value from a text, as its field has it."""
    if not isinstance(value, str) or field.kind == "string":
        return value
    try:
        return field.parse(value)
    except InvalidValue as error:
        raise InputError(name, f"{value!r} {error.why}", "", row, field.name) from None
