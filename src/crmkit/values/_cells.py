"""Values as the cells of a table: short, of a known width, and without characters that act instead of being seen."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from itertools import islice
from numbers import Real
from typing import Any
from unicodedata import category, east_asian_width

from crmkit.values._money import Money

__all__ = ["cell", "numeric", "padded", "visible", "wide"]

# What turns the direction of all that follows it.
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Control characters, halves of characters, breaks of lines and paragraphs.
_ACTS = frozenset({"Cc", "Cs", "Zl", "Zp"})


def cell(value: Any, widest: int | None = None) -> str:
    """A value as a cell: unknown is a dash, floats have four digits, instants whole seconds.

    Args:
        value: anything.
        widest: a longer text is cut; None if it is not.
    """
    text = _text(value, widest)
    return text if widest is None or len(text) <= widest else f"{text[: widest - 1]}…"


def _text(value: Any, widest: int | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds" if value.second or value.microsecond else "minutes")
    if isinstance(value, Mapping):
        return ", ".join(f"{_text(name, widest)}: {_text(value[name], widest)}" for name in islice(value, widest))
    if isinstance(value, AbstractSet):
        return ", ".join(sorted(_text(inner, widest) for inner in value))
    if isinstance(value, tuple | list):
        return ", ".join(_text(inner, widest) for inner in islice(value, widest))
    # What is cut off need not be looked at.
    return visible(str(value)[: None if widest is None else widest + 1])


def numeric(values: Iterable[Any]) -> bool:
    """Whether a column holds numbers, and nothing else but what is not known."""
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, Real | Decimal | Money) and not isinstance(value, bool) for value in known
    )


def visible(text: str) -> str:
    """The text with what would act on a terminal or a page (breaks, escapes, turns of direction) written out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written(char) if char in _TURNS or category(char) in _ACTS else char for char in text)


def _written(char: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char, f"\\u{ord(char):04x}")


def wide(text: str) -> int:
    """How many columns a terminal gives to a text: Chinese characters take two, marks on a letter none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def padded(text: str, width: int, *, right: bool = False) -> str:
    """A cell filled up with blanks, before it or after it."""
    blanks = " " * (width - wide(text))
    return blanks + text if right else text + blanks
