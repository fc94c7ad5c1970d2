"""Values as text, in the form that reads back as the same value."""

from decimal import Decimal
from typing import Any

from crmkit.rules.feel import _temporal as temporal
from crmkit.rules.feel._numbers import write_number
from crmkit.rules.feel._values import Function, Range, kind

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def write(value: Any) -> str:
    """The text of a value as the standard's `string()` gives it: bare at the top, quoted inside lists and contexts."""
    match kind(value):
        case "null":
            return "null"
        case "boolean":
            return "true" if value else "false"
        case "number":
            return write_number(Decimal(value))
        case "string":
            return str(value)
        case "date":
            return temporal.write_date(value)
        case "time":
            return temporal.write_time(value)
        case "date and time":
            return temporal.write_datetime(value)
        case "days and time duration" | "years and months duration":
            return temporal.write_duration(value)
        case _:
            return _write_compound(value)


def _write_compound(value: Any) -> str:
    match value:
        case dict():
            return f"{{{', '.join(f'{_key(name)}: {literal(item)}' for name, item in value.items())}}}"
        case Range():
            return _write_range(value)
        case Function():
            return f"function({', '.join(value.parameters)})"
        case list() | tuple():
            return f"[{', '.join(map(literal, value))}]"
        case _:
            return repr(value)


def _key(name: str) -> str:
    return name if all(part.isidentifier() for part in name.split(" ")) else quoted(name)


def _write_range(value: Range) -> str:
    if value.test:
        return f"({value.test} {literal(value.low if value.low is not None else value.high)})"
    opening, closing = "[" if value.low_included else "(", "]" if value.high_included else ")"
    return f"{opening}{literal(value.low)}..{literal(value.high)}{closing}"


def quoted(text: str) -> str:
    """A string literal."""
    return f'"{text.translate(_ESCAPES)}"'


def literal(value: Any) -> str:
    """A literal, or an expression of literals, that evaluates to the value."""
    match kind(value):
        case "string":
            return quoted(value)
        case "date" | "time" | "date and time" | "days and time duration" | "years and months duration":
            return f'@"{write(value)}"'
        case _:
            return write(value)
