"""The text of a Word document as Markdown, block by block."""

from collections.abc import Mapping

from crmkit.adapters._word_numbers import Numbering

__all__ = ["Words"]

# What is no text of the document as it stands: what was deleted or looked otherwise before, what a field is made of,
# what programs show that cannot show the rest.
_FALLBACK = "http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_SKIPPED = frozenset({"del", "moveFrom", "instrText", "pPrChange", "rPrChange", _FALLBACK})


class Words:
    """Reads "document".

    Args:
        numbering: knows styles and lists.
    """

    def __init__(self, numbering: Numbering) -> None:
        self._numbering = numbering
        self._lines: list[str] = []
        self._skipped = 0
        self._in_text = False
        self._pieces: list[str] = []
        # Paragraphs that stand in a text box stand inside another one.
        self._outer: list[tuple[list[str], str, str | None, int | None]] = []
        self._style = ""
        self._list: str | None = None
        self._depth: int | None = None
        self._tables = 0
        self._cells: list[str] = []
        self._cell: list[str] = []
        self._names = False

    def text(self) -> str:
        """What was read."""
        return "\n".join(self._lines)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if self._skipped or tag in _SKIPPED:
            self._skipped += 1
        elif tag == "p":
            self._outer.append((self._pieces, self._style, self._list, self._depth))
            self._pieces, self._style, self._list, self._depth = [], "", None, None
        elif tag == "t":
            self._in_text = True
        elif tag in {"tab", "br", "cr"}:
            self._pieces.append(" ")
        elif tag == "noBreakHyphen":
            self._pieces.append("-")
        else:
            self._properties(tag, attributes)

    def _properties(self, tag: str, attributes: Mapping[str, str]) -> None:
        value = attributes.get("val", "")
        if tag == "pStyle":
            self._style = value
        elif tag == "numId":
            self._list = value
        elif tag == "ilvl":
            self._depth = int(value) if value.isascii() and value.isdigit() and len(value) < 9 else 0
        elif tag == "tbl":
            self._tables += 1
        elif tag == "tr" and self._tables == 1:
            self._cells, self._names = [], False
        elif tag == "tc" and self._tables == 1:
            self._cell = []
        elif tag == "tblHeader":
            self._names = value not in {"0", "false", "off"}

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._skipped:
            self._skipped -= 1
        elif tag == "t":
            self._in_text = False
        elif tag == "p":
            self._paragraph(" ".join("".join(self._pieces).split()))
            self._pieces, self._style, self._list, self._depth = self._outer.pop()
        elif tag == "tc" and self._tables == 1:
            self._cells.append(" ".join(self._cell).replace("|", "¦"))
        elif tag == "tr" and self._tables == 1:
            self._row()
        elif tag == "tbl":
            self._tables -= 1
            if not self._tables:
                self._lines.append("")

    def words(self, text: str) -> None:
        """Text."""
        if self._in_text and not self._skipped:
            self._pieces.append(text)

    def _paragraph(self, text: str) -> None:
        if self._tables:
            self._cell += [text] if text else []
            return
        if not text:
            return
        level = self._numbering.heading(self._style)
        mark = self._numbering.mark(self._style, self._list, self._depth)
        # A paragraph of Word is a block; in Markdown an empty line says so.
        if level:
            self._lines += [f"{'#' * min(level, 6)} {mark if mark != '- ' else ''}{text}", ""]
        else:
            self._lines += [f"{mark}{text}"] + ([] if mark else [""])

    def _row(self) -> None:
        if any(self._cells):
            self._lines.append(f"| {' | '.join(self._cells)} |")
            if self._names:
                self._lines.append("|" + " --- |" * len(self._cells))
