"""From a brief to what it requires, and to what of it requires nothing."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal, TypeAlias

import attrs

from crmkit.errors import InvalidValue
from crmkit.kb._blocks import Block, blocks
from crmkit.kb._obligations import Obligation, obligation, sentences, statements

__all__ = ["NO_TEXT", "Brief", "Obligation", "Passage", "PassageKind", "Requirement"]

_LONGEST = 2_000_000
_BREAK = re.compile(r"\r\n|\r|\n")
# What is no text: controls other than tab, breaks and the feeds of old printers; halves of characters; no characters.
NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BINDING = frozenset({"must", "must not", "should", "should not", "asked"})
_LEADS = (":", "：")

_Part: TypeAlias = tuple[int, int]
#: Why a passage requires nothing by itself.
PassageKind: TypeAlias = Literal["heading", "lead", "header", "code", "background"]


@attrs.frozen
class Requirement:
    """Something that a brief requires.

    Attributes:
        text: as it stands in the brief.
        start: its first character in the brief.
        end: the first one after it.
        line: the line in which it begins, from 1.
        column: the column in which it begins, from 1.
        last_line: the line in which it ends.
        last_column: the column of the first character after it.
        obligation: how binding it is.
        number: that of its clause or row; "" if it has none.
        headings: what it stands under, the outermost first.
        lead: the words that lead in the list it is part of: "The system shall export:".
    """

    text: str
    start: int
    end: int
    line: int
    column: int
    last_line: int
    last_column: int
    obligation: Obligation
    number: str = ""
    headings: tuple[str, ...] = ()
    lead: str = ""


@attrs.frozen
class Passage:
    """A part of a brief that requires nothing by itself.

    Attributes:
        text: as it stands in the brief.
        start: its first character in the brief.
        end: the first one after it.
        line: the line in which it begins, from 1.
        kind: "heading"; "lead": it leads in a list; "header": names of columns; "code"; "background": the rest.
    """

    text: str
    start: int
    end: int
    line: int
    kind: PassageKind


@attrs.frozen(slots=False)
class Brief:
    """What a customer asks for: plain text or Markdown.

    Clauses, bullets and rows of tables are requirements, whatever their words; of other paragraphs, the sentences that
    bind, advise or ask (must, shall, should, ?; 必须, 须, 应, 不得, 宜, 请). Every letter is in a requirement, in a
    passage, or in the number of a clause.

    Attributes:
        text: the brief.
        name: what it is called.
        customer: the id of the customer whose it is, if known.
        case: the id of the deal it belongs to, if one.

    Raises:
        InvalidValue: if it holds no text, is no text (with line and column), or is longer than two million characters.
    """

    text: str = attrs.field(repr=False)
    name: str = "brief"
    customer: str | None = attrs.field(default=None, kw_only=True)
    case: str | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        what = f"brief {self.name!r}"
        if len(self.text) > _LONGEST:
            raise InvalidValue(what, f"{len(self.text):,} characters", f"is longer than {_LONGEST:,}; give its parts")
        if not self.text.strip():
            raise InvalidValue(what, self.text, "holds no text")
        if NO_TEXT.search(self.name):
            raise InvalidValue("brief", self.name, "has a name with what is no character of a text")
        odd = NO_TEXT.search(self.text)
        if odd is not None:
            line, column = _Places(self.text)(odd.start())
            raise InvalidValue(what, odd[0], f"in line {line}, column {column} is no character of a text")

    @cached_property
    def requirements(self) -> tuple[Requirement, ...]:
        """What it requires, in order."""
        return tuple(part for part in self._parts if isinstance(part, Requirement))

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        """What requires nothing, in order."""
        return tuple(part for part in self._parts if isinstance(part, Passage))

    @cached_property
    def _parts(self) -> tuple[Requirement | Passage, ...]:
        return tuple(_Splitter(self.text).split(blocks(self.text)))


class _Places:
    """Lines and columns of a text, from 1."""

    def __init__(self, text: str) -> None:
        self._lines = [0, *(found.end() for found in _BREAK.finditer(text))]

    def __call__(self, place: int) -> tuple[int, int]:
        line = bisect_right(self._lines, place)
        return line, place - self._lines[line - 1] + 1


class _Splitter:
    """Goes through the blocks of a brief, and knows under which headings and in which list it is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._places = _Places(text)
        self._headings: list[tuple[int, str]] = []
        # The words that lead in the present list, and the shape of the clause that they are, if they are one.
        self._lead: tuple[str, tuple[str, int] | None] = "", None

    def split(self, found: Sequence[Block]) -> Iterator[Requirement | Passage]:
        """The parts in order."""
        for block, after in zip(found, [*found[1:], None], strict=False):
            yield from self._block(block, after)

    def _block(self, block: Block, after: Block | None) -> Iterator[Requirement | Passage]:
        text = self._text[block.start : block.end]
        whole = block.start, block.end
        if block.kind == "heading":
            self._head(block, text)
            yield self._passage(whole, "heading")
        elif block.kind in {"code", "header"}:
            self._lead = "", None
            yield self._passage(whole, "code" if block.kind == "code" else "header")
        elif block.kind == "row":
            yield self._requirement(whole, block)
        elif text.endswith(_LEADS) and after is not None and after.kind == "item" and after.shape != block.shape:
            self._lead = text, block.shape if block.kind == "item" else None
            yield self._passage(whole, "lead")
        elif block.kind == "item":
            if block.shape == self._lead[1]:
                self._lead = "", None
            yield from (self._requirement(part, block) for part in self._of_item(block))
        else:
            self._lead = "", None
            yield from self._of_paragraph(block)

    def _head(self, block: Block, text: str) -> None:
        self._lead = "", None
        depth = block.shape[1] if block.shape[0] == "#" else 6 + block.shape[1]
        self._headings = [one for one in self._headings if one[0] < depth]
        self._headings.append((depth, text if block.shape[0] == "#" else f"{block.number} {text}"))

    def _requirement(self, part: _Part, block: Block) -> Requirement:
        start, end = part
        text = self._text[start:end]
        lead = self._lead[0] if block.kind == "item" else ""
        bound = obligation(text)
        if bound == "stated" and lead:
            bound = obligation(lead)
        headings = tuple(heading for _, heading in self._headings)
        return Requirement(
            text, start, end, *self._places(start), *self._places(end), bound, block.number, headings, lead
        )

    def _passage(self, part: _Part, kind: PassageKind) -> Passage:
        return Passage(self._text[slice(*part)], *part, self._places(part[0])[0], kind)

    def _of_item(self, block: Block) -> Iterator[_Part]:
        """A clause is one requirement, but for further sentences that bind."""
        text = self._text
        pieces = [piece for one in sentences(text, block.start, block.end) for piece in statements(text, *one)]
        begin, last, bound = block.start, block.start, False
        for start, end in pieces:
            binds = obligation(text[start:end]) in _BINDING
            if binds and bound:
                yield begin, last
                begin = start
            bound, last = bound or binds, end
        yield begin, last

    def _of_paragraph(self, block: Block) -> Iterator[Requirement | Passage]:
        text = self._text
        for sentence in sentences(text, block.start, block.end):
            for piece in statements(text, *sentence):
                if obligation(text[slice(*piece)]) in _BINDING:
                    yield self._requirement(piece, block)
                else:
                    yield self._passage(piece, "background")
