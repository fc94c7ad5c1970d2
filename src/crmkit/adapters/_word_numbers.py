"""The numbers that Word shows before clauses, which a document does not hold: they are counted again."""

import re
from collections.abc import Mapping

import attrs

__all__ = ["Numbering"]

_HOLE = re.compile(r"%([1-9])")
_HEADING = re.compile(r"(?:heading|标题) ?([1-9])", re.IGNORECASE)
_LEVELS = 9


@attrs.define
class _Level:
    """How one depth of a list is numbered."""

    form: str = "decimal"
    text: str = ""
    start: int = 1


@attrs.define
class _Style:
    """What a style says of its paragraphs."""

    heading: int = 0
    list: str = ""
    depth: int = 0


class Numbering:
    """Lists and styles of a document; reads its parts "styles" and "numbering", then counts."""

    def __init__(self) -> None:
        self._styles: dict[str, _Style] = {}
        self._forms: dict[str, dict[int, _Level]] = {}
        self._lists: dict[str, str] = {}
        self._counts: dict[str, list[int | None]] = {}
        # Where the reader is.
        self._style = _Style()
        self._form: dict[int, _Level] = {}
        self._level = _Level()
        self._list = ""

    # -- reading

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element of "styles" or "numbering"."""
        value = attributes.get("val", "")
        if tag == "style":
            self._style = self._styles[attributes.get("styleId", "")] = _Style()
        elif tag == "name" and (found := _HEADING.fullmatch(value)):
            self._style.heading = int(found[1])
        elif tag == "numId":
            self._style.list = value
        elif tag == "ilvl":
            self._style.depth = _whole(value)
        elif tag == "num":
            self._list = attributes.get("numId", "")
        elif tag == "abstractNumId":
            self._lists[self._list] = value
        else:
            self._read_level(tag, value, attributes)

    def _read_level(self, tag: str, value: str, attributes: Mapping[str, str]) -> None:
        if tag == "abstractNum":
            self._form = self._forms[attributes.get("abstractNumId", "")] = {}
        elif tag == "lvl":
            self._level = self._form[_whole(attributes.get("ilvl", ""))] = _Level()
        elif tag == "numFmt":
            self._level.form = value
        elif tag == "lvlText":
            self._level.text = value
        elif tag == "start":
            self._level.start = _whole(value)

    def end(self, tag: str) -> None:
        """An element ends: nothing hangs on it."""

    def words(self, text: str) -> None:
        """Text: there is none that matters."""

    # -- counting

    def heading(self, style: str) -> int:
        """The level of the headings of a style; 0 if it is none of headings."""
        return self._styles.get(style, _Style()).heading

    def mark(self, style: str, list_: str | None, depth: int | None) -> str:
        """What Word shows before the next paragraph: "- " for a bullet, "1.2 " for a number, "" for nothing.

        Args:
            style: the paragraph's.
            list_: its list; None: that of the style. "0" is none.
            depth: how deep in the list; None: as the style says.
        """
        known = self._styles.get(style, _Style())
        used = known.list if list_ is None else list_
        level = min(known.depth if depth is None else depth, _LEVELS - 1)
        form = self._forms.get(self._lists.get(used, ""), {})
        if level not in form:
            return ""
        counts = self._counts.setdefault(self._lists[used], [None] * _LEVELS)
        before = counts[level]
        counts[level] = form[level].start if before is None else before + 1
        counts[level + 1 :] = [None] * (_LEVELS - level - 1)
        if form[level].form in {"bullet", "none"}:
            return "- " if form[level].form == "bullet" else ""
        return _HOLE.sub(lambda found: _shown(counts, form, int(found[1]) - 1), form[level].text).strip() + " "


def _shown(counts: list[int | None], form: Mapping[int, _Level], level: int) -> str:
    how = form.get(level, _Level())
    count = counts[level]
    number = how.start if count is None else count
    if how.form in {"lowerLetter", "upperLetter"} and 1 <= number <= 26:
        letter = chr(ord("a") + number - 1)
        return letter if how.form == "lowerLetter" else letter.upper()
    if how.form.startswith("chinese") and 1 <= number <= 10:
        return "一二三四五六七八九十"[number - 1]
    return str(number)


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
