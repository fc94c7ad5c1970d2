"""What charts say, read from their specifications."""

import re
from typing import Any

_LATIN = re.compile(r"[A-Za-z]{2,}")


def said(spec: dict[str, Any], *columns: str) -> set[str]:
    """Every title of a specification, and the values of the columns whose values are words of ours."""
    return {row[name] for row in spec["data"]["values"] for name in columns} | set(_titles(spec))


def english(spec: dict[str, Any], *columns: str) -> set[str]:
    """The words of Latin letters among them."""
    return {word for text in said(spec, *columns) for word in _LATIN.findall(text)}


def _titles(part: Any) -> list[str]:
    parts = part if isinstance(part, list) else []
    if isinstance(part, dict):
        parts = [one for name, one in part.items() if name != "data"]
    own = [part["title"]] if isinstance(part, dict) and isinstance(part.get("title"), str) else []
    return own + [text for one in parts for text in _titles(one)]
