"""How commands answer: texts for people, JSON for programs, both on standard output."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

import attrs
from rich.console import Console

from crmkit.errors import InputError
from crmkit.journal import Frameable
from crmkit.values import Money, Period
from crmkit.values.display import Shown

__all__ = ["exact", "plain", "rows", "say", "tell", "whole", "write_file", "write_json"]


def say(parts: Iterable[str]) -> None:
    """Paragraphs for people, as they are: nothing in them is markup."""
    Console(highlight=False, soft_wrap=True).print("\n\n".join(parts), markup=False)


def whole(found: Shown) -> str:
    """A result with all its rows: whoever wants fewer has `head`."""
    return found.display(most=None).to_text()


def write_json(document: Mapping[str, Any]) -> None:
    """A document for programs: times as texts, what is not known as null."""
    print(json.dumps(plain(document), ensure_ascii=False, indent=1, allow_nan=False))  # noqa: T201 - for a pipe


def tell(document: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """A document for programs if that is asked for, else lines for people."""
    if as_json:
        write_json(document)
        return
    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line, markup=False)


def rows(found: Frameable[Any]) -> list[dict[str, Any]]:
    """The rows of a result as plain data."""
    return [attrs.asdict(row) for row in found]


def exact(row: Mapping[str, Any]) -> dict[str, Any]:
    """Exact amounts as texts: a JSON number is a float to its reader."""
    return {key: str(value) if isinstance(value, Decimal) else value for key, value in row.items()}


def write_file(path: Path, text: str) -> None:
    """Write what was asked for, or say why it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror or error}") from None


def plain(value: Any) -> Any:
    """A value as JSON has it: instances by their fields, exact numbers and times as texts, no NaN and no infinity."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(part) for part in value]
    if attrs.has(type(value)) and not isinstance(value, (Money, Period)):
        fields = [field.name for field in attrs.fields(type(value)) if not field.name.startswith("_")]
        return {name: plain(getattr(value, name)) for name in fields}
    return value.isoformat() if isinstance(value, date) else value.name if isinstance(value, Period) else str(value)
