"""The blocks of a brief: headings, clauses, bullets, rows of tables, paragraphs, each with its place in the text."""

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from crmkit.kb._obligations import obligation

__all__ = ["Block", "Kind", "blocks"]

#: What a block is; a "header" is the row with the names of columns.
Kind: TypeAlias = Literal["heading", "item", "row", "header", "paragraph", "code"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_QUOTED = re.compile(r"[ \t]{0,3}(?:>[ \t]?)+")
_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"[ \t]{0,3}(#{1,6})[ \t]+")
_RULE = re.compile(r"[ \t]*(?:-[ \t]*){3,}$|[ \t]*={3,}[ \t]*$|[ \t]*(?:\*[ \t]*){3,}$|[ \t]*(?:_[ \t]*){3,}$")
_BULLET = re.compile(r"([ \t]*)(?:[-*+•‣◦▪●○■□◆·–—][ \t]+)(?:\[[ xX]?\][ \t]+)?")
_CHINESE = "零〇一二三四五六七八九十百"
# What numbers a clause: 1.2.3, 1), (a), iv., 一、, （二）, 第三条, ①. A number without a mark behind it must have a
# point, and after it a word that is not in lower case: "3.5 million" is no clause.
_NUMBER = re.compile(
    rf"([ \t]*)(?:(?P<dotted>\d{{1,4}}(?:\.\d{{1,4}}){{1,9}})(?:[.)、．][ \t]*|[ \t]+(?![a-zß-ÿ]))|"
    rf"(?P<marked>\d{{1,4}}|[a-zA-Z]|[ivxIVX]{{1,5}})(?:[.)][ \t]+|[、．）][ \t]*)|"
    rf"[(（](?P<paired>\d{{1,4}}(?:\.\d{{1,4}}){{0,9}}|[a-zA-Z]|[ivxIVX]{{1,5}}|[{_CHINESE}]{{1,5}})[)）][ \t]*|"
    rf"(?P<chinese>第[{_CHINESE}\d]{{1,5}}[章节条款项])[ \t　、：:]*|(?P<counted>[{_CHINESE}]{{1,5}})、[ \t]*|"
    rf"(?P<ringed>[①-⑳])[ \t]*)"
)
_CELL_NUMBER = re.compile(r"[A-Za-z]{0,8}[-_. #]?\d+(?:[.\-]\d+)*[.)]?|[①-⑳]")
_DASHES = re.compile(r"[ \t|:\-]+$")
_NAMES = frozenset("no no. nr nr. id # ref ref. item 序号 编号 条款 项目".split())  # noqa: SIM905 - a word list
_ENDS = (".", ";", ":", "?", "!", "。", "；", "：", "？", "！", ",", "，")
_SHORT = 80
_TITLE = 40
_BARE = re.compile(r"(\d{1,3})[ \t]+(?=\S)")


@attrs.frozen
class Block:
    """A part of a brief.

    Attributes:
        kind: what it is.
        start: the first character of what it says, behind its mark.
        end: the first one after it.
        number: that of the clause or row; "" if it has none.
        shape: how deep it lies and how it is marked; items of one list have the same.
    """

    kind: Kind
    start: int
    end: int
    number: str = ""
    shape: tuple[str, int] = ("", 0)


def blocks(text: str) -> list[Block]:
    """The blocks of a text in order; what is not in one are marks, lines and blanks."""
    found = _Reader(text)
    for line in _LINE.finditer(text):
        if line.end() > line.start():
            found.line(line.start(), line.start() + len(line[0].rstrip("\r\n")))
    return _with_headings(text, found.done())


class _Reader:
    """Reads lines one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: list[Block] = []
        self._open = False
        self._fence = ""

    def done(self) -> list[Block]:
        """What was found."""
        return self._found

    def line(self, start: int, end: int) -> None:
        """Take the next line."""
        quoted = _QUOTED.match(self._text, start, end)
        start = quoted.end() if quoted else start
        fence = _FENCE.match(self._text, start, end)
        if self._fence or fence:
            self._code(start, end, fence[1] if fence else "")
        elif not self._text[start:end].strip() or self._underlines(start, end):
            self._open = False
        elif not (self._heading(start, end) or self._row(start, end) or self._item(start, end)):
            self._words(start, end)

    def _add(self, kind: Kind, start: int, end: int, number: str = "", shape: tuple[str, int] = ("", 0)) -> None:
        kept = self._text[start:end]
        start += len(kept) - len(kept.lstrip())
        end = start + len(kept.strip())
        self._open = end > start and kind in {"item", "paragraph"}
        if end > start:
            self._found.append(Block(kind, start, end, number, shape))

    def _code(self, start: int, end: int, fence: str) -> None:
        closing = bool(self._fence) and fence.startswith(self._fence)
        if self._fence and not closing:
            self._add("code", start, end)
        else:
            self._fence = "" if closing else fence
        self._open = False

    def _underlines(self, start: int, end: int) -> bool:
        """Whether this is a line of dashes; one right under a line of words makes that a heading."""
        if not _RULE.match(self._text, start, end):
            return False
        last = self._found[-1] if self._open else None
        marked = self._text[start:end].strip()[0]
        if last is not None and last.kind == "paragraph" and marked in "=-" and not _breaks(self._text, last):
            self._found[-1] = attrs.evolve(last, kind="heading", shape=("#", 1 if marked == "=" else 2))
        return True

    def _heading(self, start: int, end: int) -> bool:
        found = _HEADING.match(self._text, start, end)
        if found is None:
            return False
        words = self._text[found.end() : end].rstrip().rstrip("#")
        number = _NUMBER.match(words)
        self._add("heading", found.end(), found.end() + len(words), _number(number), ("#", len(found[1])))
        return True

    def _row(self, start: int, end: int) -> bool:
        line = self._text[start:end]
        if line.lstrip().startswith("|"):
            if "-" in line and _DASHES.match(line):
                self._names(len(self._found) - 1)
                return True
            cells = _cells(line, start, "|")
        elif "\t" in line.strip():
            cells = _cells(line, start, "\t")
        else:
            return False
        self._cells(cells)
        return True

    def _cells(self, cells: Sequence[tuple[int, int]]) -> None:
        self._open = False
        if not cells:
            return
        first = self._text[slice(*cells[0])]
        numbered = len(cells) > 1 and _CELL_NUMBER.fullmatch(first) is not None
        begins = not self._found or self._found[-1].kind not in {"row", "header"}
        kind: Kind = "header" if begins and first.casefold() in _NAMES else "row"
        self._add(kind, cells[int(numbered)][0], cells[-1][1], first if numbered else "")
        self._open = False

    def _names(self, last: int) -> None:
        """A line of dashes makes the row above it the names of columns."""
        if last >= 0 and self._found[last].kind == "row":
            self._found[last] = attrs.evolve(self._found[last], kind="header")

    def _item(self, start: int, end: int) -> bool:
        bullet = _BULLET.match(self._text, start, end)
        numbered = _NUMBER.match(self._text, bullet.end() if bullet else start, end)
        first = bullet or numbered
        last = numbered or bullet
        if first is None or last is None:
            return False
        number = _number(numbered)
        self._add("item", last.end(), end, number, _shape(numbered, number, len(first[1].expandtabs(4))))
        return True

    def _words(self, start: int, end: int) -> None:
        """A line without a mark goes on with what is open, but for the title of a clause."""
        if not self._open or self._follows_title(start):
            self._add("paragraph", start, end)
            return
        last = self._found[-1]
        stop = start + len(self._text[start:end].rstrip())
        self._found[-1] = Block(last.kind, last.start, stop, last.number, last.shape)

    def _follows_title(self, start: int) -> bool:
        """Whether what is open is a clause of few words without an end, and the line begins as a sentence does."""
        last = self._found[-1]
        if last.kind != "item" or not last.number or last.end - last.start > _TITLE:
            return False
        first = self._text[start : start + _TITLE].lstrip()[:1]
        whole = _breaks(self._text, last) or self._text[last.start : last.end].endswith(_ENDS)
        return not whole and (first.isupper() or "\u4e00" <= first <= "\u9fff")


def _breaks(text: str, block: Block) -> bool:
    return "\n" in text[block.start : block.end] or "\r" in text[block.start : block.end]


def _cells(line: str, start: int, mark: str) -> list[tuple[int, int]]:
    """Where the cells of a row stand that hold something."""
    found: list[tuple[int, int]] = []
    place = start
    for cell in line.split(mark):
        if kept := cell.strip():
            begin = place + len(cell) - len(cell.lstrip())
            found.append((begin, begin + len(kept)))
        place += len(cell) + 1
    return found


def _number(found: "re.Match[str] | None") -> str:
    return "" if found is None or found.lastgroup is None else found[found.lastgroup]


def _shape(found: "re.Match[str] | None", number: str, indent: int) -> tuple[str, int]:
    if found is None:
        return "bullet", indent
    if number[0].isascii() and number[0].isdigit():
        return "number", number.count(".")
    return f"{found.lastgroup}{number[-1] if found.lastgroup == 'chinese' else ''}", indent


def _with_headings(text: str, found: list[Block]) -> list[Block]:
    """Clauses that are titles of what stands under them become headings."""
    firsts = [None, *found]
    titled = [_titled(text, before, one, after) for before, one, after in zip(firsts, found, found[1:], strict=False)]
    return [*titled, *found[-1:]]


def _titled(text: str, before: Block | None, one: Block, after: Block) -> Block:
    words = text[one.start : one.end]
    if len(words) > _SHORT or words.endswith(_ENDS) or _breaks(text, one) or obligation(words) != "stated":
        return one
    if one.kind == "paragraph":
        bare = _BARE.match(words)
        if bare is None or not after.number.startswith(f"{bare[1]}."):
            return one
        return attrs.evolve(one, kind="heading", start=one.start + bare.end(), number=bare[1], shape=("number", 0))
    return attrs.evolve(one, kind="heading") if _is_title(before, one, after) else one


def _is_title(before: Block | None, one: Block, after: Block) -> bool:
    if one.kind != "item" or not one.number or one.shape == after.shape:
        return False
    if one.shape[0] in {"chinese章", "chinese节"}:
        return True
    if one.shape[0] not in {"number", "counted"}:
        return False
    if after.shape[0] == "number":
        return one.shape[0] == "counted" or after.number.startswith(f"{one.number}.")
    return before is None or before.shape != one.shape or after.kind == "item"
