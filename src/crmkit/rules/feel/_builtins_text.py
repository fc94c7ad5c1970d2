"""Functions on strings, and conversions to and from text (OMG DMN 1.5, 10.3.4.1 and 10.3.4.3)."""

import re
from decimal import Decimal
from typing import Any

from crmkit.rules.feel._builtins import builtin
from crmkit.rules.feel._numbers import rounded
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._regex import PatternError, compile_pattern
from crmkit.rules.feel._text import write

_LONGEST = 1_000_000
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


@builtin("string(from: any)")
def to_string(value: Any) -> str:
    """The text of a value."""
    if isinstance(value, str):
        return value
    waiting, length = [value], 0
    while waiting:
        one = waiting.pop()
        length += len(one) if isinstance(one, str) else 0
        waiting += one if isinstance(one, list) else [*one, *one.values()] if isinstance(one, dict) else ()
    _check_length(length)
    return write(value)


def _check_length(length: int) -> None:
    if length > _LONGEST:
        raise Problem("limit", f"the string would be longer than {_LONGEST} characters")


@builtin("number(from: string, grouping separator: string|null?, decimal separator: string|null?)")
def to_number(text: str, grouping: str | None = None, decimal: str | None = None) -> Decimal:
    """The number that a text says."""
    if grouping not in {None, " ", ",", "."} or decimal not in {None, ",", "."} or (grouping and grouping == decimal):
        raise Problem("arguments", f"{grouping!r} and {decimal!r} are no separators of groups and decimals")
    plain = text.replace(grouping, "") if grouping else text
    plain = plain.replace(decimal, ".") if decimal else plain
    if not _NUMBER.fullmatch(plain):
        raise Problem("number", f"{text[:60]!r} is no number")
    return rounded(Decimal(plain))


@builtin("substring(string: string, start position: number, length: number?)")
def substring(text: str, start: Decimal, length: Decimal | None = None) -> str:
    """Characters from a position, counted from 1, or from the end if negative."""
    begin = int(start)
    if not begin or abs(begin) > len(text):
        raise Problem("range", f"position {start} lies outside the string")
    if length is not None and int(length) < 1:
        raise Problem("range", "the length of a substring is at least 1")
    begin = begin - 1 if begin > 0 else len(text) + begin
    return text[begin:] if length is None else text[begin : begin + int(length)]


@builtin("string length(string: string)")
def string_length(text: str) -> Decimal:
    """How many characters."""
    return Decimal(len(text))


@builtin("upper case(string: string)")
def upper_case(text: str) -> str:
    """In capitals."""
    return text.upper()


@builtin("lower case(string: string)")
def lower_case(text: str) -> str:
    """In small letters."""
    return text.lower()


@builtin("substring before(string: string, match: string)")
def substring_before(text: str, match: str) -> str:
    """What stands before the first occurrence; nothing without one."""
    return text.partition(match)[0] if match and match in text else ""


@builtin("substring after(string: string, match: string)")
def substring_after(text: str, match: str) -> str:
    """What stands behind the first occurrence; nothing without one."""
    return text.partition(match)[2] if match else text


@builtin("contains(string: string, match: string)")
def contains(text: str, match: str) -> bool:
    """Whether it occurs."""
    return match in text


@builtin("starts with(string: string, match: string)")
def starts_with(text: str, match: str) -> bool:
    """Whether it begins so."""
    return text.startswith(match)


@builtin("ends with(string: string, match: string)")
def ends_with(text: str, match: str) -> bool:
    """Whether it ends so."""
    return text.endswith(match)


@builtin("matches(input: string, pattern: string, flags: string|null?)")
def matches(text: str, pattern: str, flags: str | None = None) -> bool:
    """Whether the pattern occurs; in time linear in the text, whatever the pattern."""
    try:
        return compile_pattern(pattern, flags or "").search(text)
    except PatternError as error:
        raise Problem("pattern", str(error)) from None


@builtin("replace(input: string, pattern: string, replacement: string, flags: string|null?)")
def replace(text: str, pattern: str, replacement: str, flags: str | None = None) -> str:
    """With every match replaced; $1 is what the first group matched."""
    # Not every character will match; but all of them might.
    _check_length(len(text) * (len(replacement) + len(pattern)) // 10)
    try:
        return compile_pattern(pattern, flags or "").replace(text, replacement)
    except PatternError as error:
        raise Problem("pattern", str(error)) from None


@builtin("split(string: string, delimiter: string)")
def split(text: str, delimiter: str) -> list[str]:
    """The pieces between the matches of a pattern."""
    try:
        return compile_pattern(delimiter).split(text)
    except PatternError as error:
        raise Problem("pattern", str(error)) from None


@builtin("string join(list: list, delimiter: string|null?)")
def string_join(texts: list[Any], delimiter: str | None = None) -> str:
    """Strings one behind the other; nulls are passed over."""
    kept = [text for text in texts if text is not None]
    if not all(isinstance(text, str) for text in kept):
        raise Problem("type", "string join joins strings")
    _check_length(sum(map(len, kept)) + len(kept) * len(delimiter or ""))
    return (delimiter or "").join(kept)
