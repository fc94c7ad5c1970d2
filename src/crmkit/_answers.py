"""How commands answer: texts for people, JSON for programs, both on standard output."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
from rich.console import Console

from crmkit.errors import InputError
from crmkit.journal import Frameable

__all__ = ["exact", "rows", "say", "tell", "write_file", "write_json"]


def say(parts: Iterable[str]) -> None:
    """Paragraphs for people, as they are: nothing in them is markup."""
    Console(highlight=False, soft_wrap=True).print("\n\n".join(parts), markup=False)


def write_json(plain: Mapping[str, Any]) -> None:
    """A document for programs: times as texts, what is not known as null."""
    print(json.dumps(_plain(plain), ensure_ascii=False, indent=1, allow_nan=False))  # noqa: T201 - for a pipe


def tell(plain: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """A document for programs if that is asked for, else lines for people."""
    if as_json:
        write_json(plain)
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


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN
