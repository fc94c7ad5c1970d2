"""Where the parts of a TOML text stand: line and column of every key and item, which tomllib does not tell."""

import ast
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_TEXT = r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:[^"\\]|\\.)*"|' + r"'[^']*'"
_KEY = re.compile(rf"{_TEXT}|[A-Za-z0-9_-]+", re.DOTALL)
# A date and its time may stand apart: 2026-03-02 09:00.
_SCALAR = re.compile(rf"{_TEXT}|[^\s,\]}}#]+(?: \d\d:[^\s,\]}}#]+)?", re.DOTALL)
_WHERE = re.compile(r"""\.?(?P<key>[\w-]+)|\[(?P<number>\d+)\]|\[(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\]""")


@attrs.define(eq=False)
class Spot:
    """A key or an item: where it begins, and what is inside it.

    Attributes:
        start: the offset of the key, or of the value where there is none.
        inside: the members of a table by key, the items of a list by number.
        tables: whether it is an array of tables, whose headers open one table after the other.
    """

    start: int
    inside: "dict[str | int, Spot]" = attrs.field(factory=dict[str | int, "Spot"])
    tables: bool = False


def scanned(text: str) -> Spot:
    """The spots of a text that tomllib has read without complaint; linear in its length."""
    return _Scanner(text).document()


class _Scanner:
    """Walks over a text once. What is nested waits on a stack, so that no depth is too much."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.root = Spot(0)

    def document(self) -> Spot:
        """The spots of the whole text."""
        table = self.root
        while self._blank() < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._value(self._key(table))
        return self.root

    def _blank(self) -> int:
        self.at = self._end(_BLANK)
        return self.at

    def _end(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.at)
        return self.at if found is None else found.end()

    def _names(self) -> list[tuple[str, int]]:
        """A dotted key: its names, and where each begins."""
        names: list[tuple[str, int]] = []
        while True:
            start = self._blank()
            self.at = self._end(_KEY)
            names.append((_name(self.text[start : self.at]), start))
            if self.text[self._blank()] != ".":
                return names
            self.at += 1

    def _header(self) -> Spot:
        """`[a.b]` or `[[a.b]]`: the table that the lines below it fill."""
        several = self.text.startswith("[[", self.at)
        self.at += 2 if several else 1
        names = self._names()
        self.at += 2 if several else 1
        spot = self.root
        for name, start in names:
            spot = _within(spot).inside.setdefault(name, Spot(start))
        if several:
            spot.tables = True
            spot.inside[len(spot.inside)] = Spot(names[-1][1])
        return _within(spot)

    def _key(self, table: Spot) -> Spot:
        """A key and its equals sign."""
        for name, start in self._names():
            table = table.inside.setdefault(name, Spot(start))
        self.at += 1
        self._blank()
        return table

    def _value(self, spot: Spot) -> None:
        """A value, and all that is inside it."""
        waiting = self._begun(spot)
        while waiting:
            self._blank()
            spot, is_list = waiting[-1]
            letter = self.text[self.at]
            if letter in ",]}":
                self.at += 1
                if letter != ",":
                    waiting.pop()
            elif is_list:
                item = spot.inside[len(spot.inside)] = Spot(self.at)
                waiting += self._begun(item)
            else:
                waiting += self._begun(self._key(spot))

    def _begun(self, spot: Spot) -> list[tuple[Spot, bool]]:
        """Past a single value, or into a list or table, which is given back to be finished."""
        letter = self.text[self.at]
        if letter in "[{":
            self.at += 1
            return [(spot, letter == "[")]
        self.at = self._end(_SCALAR)
        return []


def _within(spot: Spot) -> Spot:
    """Of an array of tables the last one, which is the one that headers speak of."""
    return spot.inside[len(spot.inside) - 1] if spot.tables else spot


def _name(token: str) -> str:
    return next(iter(tomllib.loads(f"{token} = 0"))) if token[:1] in "\"'" else token


class Places:
    """Finds the places of a text that errors speak of.

    Attributes:
        text: the text.
        plain: its plain data.
    """

    def __init__(self, text: str, plain: Any) -> None:
        # tomllib, too, takes the two for one line end.
        self.text, self.plain = text.replace("\r\n", "\n"), plain
        self._root = scanned(self.text)
        self._lines = [0, *(found.end() for found in re.finditer("\n", self.text))]

    def of(self, where: str) -> tuple[int, int]:
        """The line and column, from 1, of a place as errors write it: "moves['lead']['sign'].guard[1]".

        A name in brackets is a key, or of a list the item with that name. Of a place that is not in the text it is
        the nearest one around it.
        """
        spot = self._root
        for step in steps(where, self.plain):
            spot = spot.inside[step]
        line = bisect_right(self._lines, spot.start)
        return line, spot.start - self._lines[line - 1] + 1


def steps(where: str, plain: Any) -> Iterator[Any]:
    """The keys and numbers that lead to a place in plain data, as far as there is one; see `Places.of`."""
    there: Any = plain
    for found in _WHERE.finditer(where):
        step: Any = found["key"]
        if found["number"]:
            step = int(found["number"])
        elif found["quoted"]:
            # It was written with `repr`.
            step = str(ast.literal_eval(found["quoted"]))
        if isinstance(there, list) and isinstance(step, str):
            step = _numbered(there, step)
        try:
            there = there[step]
        except (LookupError, TypeError):
            return
        yield step


def _numbered(items: list[Any], name: str) -> int | None:
    """The last item of that name: of two with one name it is the later one that is wrong."""
    names = [item.get("name") if isinstance(item, Mapping) else item for item in items]
    return len(names) - 1 - names[::-1].index(name) if name in names else None
