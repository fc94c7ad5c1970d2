"""Text to tokens, one at a time, since what a name is depends on the names that are known at that place."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NoReturn, TypeAlias

import attrs

from crmkit.errors import RuleError

TokenKind: TypeAlias = Literal["number", "string", "temporal", "word", "symbol", "end"]

KEYWORDS = frozenset({
    "and", "or", "if", "then", "else", "for", "in", "return", "some", "every", "satisfies", "between", "instance", "of",
    "function", "external", "true", "false", "null", "not",
})  # fmt: skip
#: Words that end a name which nobody declared.
STOPPERS = KEYWORDS - {"not", "of", "external", "true", "false", "null", "function", "if", "for", "some", "every"}

_SPACE = re.compile(r"(?:[\s\u0085\u180e\u200b\ufeff]+|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)+")
_NUMBER = re.compile(r"(?:\d+(?:\.(?!\.)\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SYMBOL = re.compile(r"\*\*|\.\.|->|<=|>=|!=|[-+*/=<>()\[\]{},:.?@|]")
# The letters of a name: those of the standard's grammar, which are wider than Python's.
_START = (
    r"A-Za-z_\u00b7\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f"
    r"\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_PART = _START + r"0-9\u0300-\u036f\u203f-\u2040"
_WORD = re.compile(f"[{_START}][{_PART}']*")
_LETTERS = re.compile(f"[{_PART}]+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\"}


@attrs.frozen
class Token:
    """A piece of text, where it stands, and what it is."""

    kind: TokenKind
    text: str
    start: int
    end: int


class Lexer:
    """Reads tokens from any place of a text."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where

    def fail(self, code: str, why: str, start: int, end: int | None = None) -> NoReturn:
        """Refuse the text at a place."""
        raise RuleError(self.where, why, code, self.text, start, start + 1 if end is None else end)

    def skip(self, position: int) -> int:
        """The first character at or after a place that is neither space nor comment."""
        if self.text[position : position + 1].isalnum():
            return position
        found = _SPACE.match(self.text, position)
        position = position if found is None else found.end()
        if self.text.startswith("/*", position):
            self.fail("syntax", "a comment is not closed with */", position, position + 2)
        return position

    def token(self, position: int) -> Token:
        """The token at or after a place."""
        start = self.skip(position)
        if start >= len(self.text):
            return Token("end", "", start, start)
        if self.text[start] == '"':
            return self._string(start, start, "string")
        if self.text.startswith('@"', start):
            return self._string(start + 1, start, "temporal")
        for kind, pattern in _PATTERNS:
            found = pattern.match(self.text, start)
            if found is not None:
                return Token(kind, found.group(), start, found.end())
        return self.fail("syntax", f"{self.text[start]!r} means nothing here", start)

    def name(self, position: int, known: "Names") -> tuple[str, int] | None:
        """The longest known name that starts at a place, and where it ends."""
        start = self.skip(position)
        found: tuple[str, int] | None = None
        branches, position = [known.tree], start
        while branches:
            after = self.skip(position) if position > start else position
            word = _piece(self.text, after)
            keys = [(True, word), (False, word)] if after == position else [(True, word)]
            branches = [branch[key] for branch in branches for key in keys if key in branch] if word else []
            position = after + len(word)
            found = next(((branch[_NAME], position) for branch in branches if _NAME in branch), found)
        return found

    def _string(self, quote: int, start: int, kind: TokenKind) -> Token:
        found = _STRING.match(self.text, quote)
        if found is None:
            self.fail("syntax", "a string is not closed", start)
        return Token(kind, self._unescaped(found.group()[1:-1], quote + 1), start, found.end())

    def _unescaped(self, text: str, start: int) -> str:
        if "\\" not in text:
            return text

        def one(found: re.Match[str]) -> str:
            short, long, letter = found.groups()
            if letter is not None:
                # A backslash before any other letter stays: patterns are full of them.
                return _ESCAPES.get(letter, f"\\{letter}")
            number = int(short or long, 16)
            if number > 0x10FFFF:
                self.fail("syntax", "there is no such character", start + found.start(), start + found.end())
            return chr(number)

        # Text in UTF-16 escapes writes rare characters as two halves.
        joined = _ESCAPE.sub(one, text)
        return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Names:
    """The names that are known at a place: a tree of their words and signs, shared with the names it was made from."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.tree: dict[_Step, Any] = {}
        self._insert(names)

    def _insert(self, names: Iterable[str]) -> None:
        """Add names, copying the branches that others share."""
        own = {id(self.tree)}
        for name in names:
            branch = self.tree
            for step in _steps(name):
                below: dict[_Step, Any] = branch.get(step, {})
                if id(below) not in own:
                    below = dict(below)
                    own.add(id(below))
                    branch[step] = below
                branch = below
            if branch is not self.tree:
                branch[_NAME] = name

    def __contains__(self, name: str) -> bool:
        branch: Any = self.tree
        for step in _steps(name):
            branch = branch.get(step, {})
        return bool(branch.get(_NAME) == name)

    def plus(self, names: Iterable[str]) -> "Names":
        """With more names."""
        added = [name for name in names if name not in self]
        if not added:
            return self
        made = Names()
        made.tree = dict(self.tree)
        made._insert(added)
        return made


#: A word or sign of a name, and whether space may stand before it.
_Step: TypeAlias = tuple[bool, str]
_NAME: _Step = (False, "")


def _piece(text: str, position: int) -> str:
    """The letters at a place, or the one sign."""
    found = _LETTERS.match(text, position)
    return text[position : position + 1] if found is None else found.group()


def _steps(name: str) -> Iterator[_Step]:
    for part in name.split():
        at = 0
        while at < len(part):
            piece = _piece(part, at)
            yield at == 0, piece
            at += len(piece)


_PATTERNS: tuple[tuple[TokenKind, re.Pattern[str]], ...] = (
    ("number", _NUMBER), ("word", _WORD), ("symbol", _SYMBOL),
)  # fmt: skip
