"""Patterns of XPath 3.1, matched in time linear in the text, for `matches`, `replace` and `split`.

All alternatives are followed at once, so that no pattern can make the engine go back; `_regex_machine` says how.
"""

from functools import lru_cache
from typing import Final

import attrs

from crmkit.rules.feel._regex_machine import Machine
from crmkit.rules.feel._regex_syntax import Parser, PatternError, Program

__all__ = ["Pattern", "PatternError", "compile_pattern"]

_FLAGS: Final = "smixq"
_DIGITS: Final = frozenset("0123456789")


def _machine(pattern: "Pattern") -> Machine:
    return Machine(pattern.program, lines=pattern.lines)


@attrs.frozen
class Pattern:
    """A compiled pattern.

    Attributes:
        program: its instructions.
        lines: whether ^ and $ match at the ends of lines too.
        literal: whether a replacement is taken as it is written.
        machine: what runs it, and remembers what it has learnt from texts.
    """

    program: Program
    lines: bool = False
    literal: bool = False
    machine: Machine = attrs.field(init=False, eq=False, repr=False, default=attrs.Factory(_machine, takes_self=True))

    def search(self, text: str) -> bool:
        """Whether the pattern matches somewhere in the text (fn:matches)."""
        return self.machine.matches(text)

    def replace(self, text: str, replacement: str) -> str:
        r"""The text with every match replaced (fn:replace).

        $1 is what the first group matched, $0 the whole match; \$ and \\ are themselves. A group that has matched
        nothing, or that the pattern does not have, is empty.

        Raises:
            PatternError: if the pattern matches the empty string, or the replacement has a lone $ or backslash.
        """
        parts = [replacement] if self.literal else _replacement(replacement, self.program.groups)
        pieces: list[str] = []
        end = 0
        for found in self._matches(text):
            pieces.append(text[end : found[0]])
            pieces += [part if isinstance(part, str) else _group(text, found, part) for part in parts]
            end = found[1]
        return "".join([*pieces, text[end:]])

    def split(self, text: str) -> list[str]:
        """The pieces between the matches (fn:tokenize): empty ones too, but none of an empty text.

        Raises:
            PatternError: if the pattern matches the empty string.
        """
        pieces: list[str] = []
        end = 0
        for found in self._matches(text):
            pieces.append(text[end : found[0]])
            end = found[1]
        return [*pieces, text[end:]] if text else []

    def _matches(self, text: str) -> list[list[int]]:
        if self.search(""):
            raise PatternError("the pattern matches the empty string")
        return list(self.machine.caught(text, 2 * self.program.groups + 2))


def _group(text: str, found: list[int], number: int) -> str:
    """What a group matched; -1 cuts out nothing."""
    return text[found[2 * number] : found[2 * number + 1]] if found[2 * number + 1] >= 0 else ""


def _replacement(text: str, groups: int) -> list[str | int]:
    """The pieces of a replacement: texts, and numbers of groups."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        character, following = text[position], text[position + 1 : position + 2]
        if character == "$":
            number, position = _number(text, position, groups)
            # F&O 5.6.4: a group that the pattern does not have is empty.
            parts.append(number if number <= groups else "")
        elif character == "\\" and following not in {"\\", "$"}:
            raise PatternError("a backslash in a replacement stands before \\ or $", position)
        else:
            escaped = character == "\\"
            parts.append(following if escaped else character)
            position += 1 + escaped
    return parts


def _number(text: str, start: int, groups: int) -> tuple[int, int]:
    """The number behind a $, and where it ends: one digit, and further ones as long as they name a group."""
    end = start + 1
    if text[end : end + 1] not in _DIGITS:
        raise PatternError("a $ in a replacement stands before a number, or is written \\$", start)
    number = int(text[end])
    end += 1
    while text[end : end + 1] in _DIGITS and 10 * number + int(text[end]) <= groups:
        number = 10 * number + int(text[end])
        end += 1
    return number, end


def compile_pattern(pattern: str, flags: str = "") -> Pattern:
    r"""A pattern of XPath, made ready; the last ones are kept.

    Without regard to case, two characters are alike if their casefolds are, where those are single characters. This
    holds for characters and ranges, and not for \p{Lu} and other escapes (F&O 5.6.1.1).

    Args:
        pattern: the pattern.
        flags: s (dot matches ends of lines), m (^ and $ match at lines), i (no regard to case), x (white space does
            not count), q (no character is special; but for i, no other flag counts).

    Raises:
        PatternError: if it is none, or too large; or if there is no such flag.
    """
    for flag in flags:
        if flag not in _FLAGS:
            raise PatternError(f"there is no flag {flag!r}; there are {', '.join(_FLAGS)}")
    return _compiled(pattern, "".join(sorted(set(flags))))


@lru_cache(maxsize=128)
def _compiled(pattern: str, flags: str) -> Pattern:
    if "q" in flags:
        return Pattern(Parser(pattern, flags.replace("x", "")).literal(), literal=True)
    return Pattern(Parser(pattern, flags).program(), lines="m" in flags)
