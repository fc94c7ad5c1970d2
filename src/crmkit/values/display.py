"""How results show themselves: one declaration a class gives its plain text, its HTML, and what a notebook shows.

A result inherits `Shown` and says in `display` what there is to see: sentences and tables. From that come `print`, the
rich form in Jupyter, and `to_html` for a page of your own. What is shown stays small however much there is, and says
how much it left out; names from outside are made harmless; nothing is imported and nothing is computed for it that the
result does not hold already.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar

import attrs

from crmkit.errors import CrmkitError, NotFound
from crmkit.values._cells import cell, numeric, padded, visible, wide

__all__ = ["ROWS", "Chart", "Display", "Lang", "Listed", "Several", "Shown", "Table", "Told"]

Row = TypeVar("Row")

#: Most rows of a table that are shown unsaid.
ROWS = 60

#: The languages that people are spoken to in.
Lang: TypeAlias = Literal["en", "zh"]

#: A chart of more rows is not put into a notebook unsaid: its data would be.
_CHARTED = 2_000
# A cell of more characters would push the others out of sight.
_WIDEST = 200
_LONGEST = 2_000
_VEGA = "application/vnd.vegalite.v5+json"
_MORE = {"en": "... {n:,} more rows", "zh": "……另有 {n:,} 行"}
_LINES = {"en": "... {n:,} more lines", "zh": "……另有 {n:,} 行"}
_COUNT = {"en": ("{n:,} row", "{n:,} rows"), "zh": ("{n:,} 行", "{n:,} 行")}
_PAIR = ("name", "value"), ("名称", "值")
_NONE = {"en": "(no rows)", "zh": "（无数据）"}


class Chart(dict[str, Any]):
    """A Vega-Lite specification: a dict, plain data, which a notebook draws where it ends a cell."""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The specification for whoever draws it, and a line for whoever does not."""
        return {_VEGA: dict(self), "text/plain": self._named()}

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 - IPython's signature
        """The line in IPython, which would print any dict by its own rule."""
        printer.text(self._named())

    def _named(self) -> str:
        title = self.get("title")
        return f"Vega-Lite chart: {visible(title)}" if title and isinstance(title, str) else "Vega-Lite chart"


@attrs.frozen
class Table:
    """Cells as people read them, and how many rows were left out.

    Attributes:
        heads: what stands above the columns.
        rows: the cells, each row as long as `heads`.
        numbers: the places of columns that hold numbers, which stand to the right.
        caption: what the table is, for HTML.
        more: rows that are not here.
        lang: the language of what is said about it.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    caption: str = ""
    more: int = 0
    lang: Lang = "en"

    @classmethod
    def of(
        cls,
        columns: Mapping[str, Sequence[Any]],
        *,
        n: int | None = None,
        most: int | None = ROWS,
        caption: str = "",
        lang: Lang = "en",
        numbers: Collection[str] | None = None,
    ) -> Self:
        """A table of columns of values; what is not known is a dash.

        Args:
            columns: the values by head, all of one length.
            n: how many rows there are, if the columns hold only the first of them.
            most: how many rows are kept, and whether long cells are cut; all and none if None.
            caption: what the table is.
            lang: the language of what is said about it.
            numbers: the columns that stand to the right; those that hold nothing but numbers if None.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        _speaks(lang)
        held = [values[:most] for values in columns.values()]
        texts = [[cell(value, None if most is None else _WIDEST) for value in values] for values in held]
        rows = tuple(zip(*texts, strict=True))
        right = [numeric(values) for values in held] if numbers is None else [name in numbers for name in columns]
        size = n if n is not None else max(map(len, columns.values()), default=0)
        heads = tuple(map(visible, columns))
        return cls(
            heads, rows, frozenset(i for i, is_right in enumerate(right) if is_right), caption, size - len(rows), lang
        )

    @classmethod
    def of_rows(
        cls, rows: Sequence[Any], *, n: int | None = None, most: int | None = ROWS, caption: str = "", lang: Lang = "en"
    ) -> Self:
        """A table of objects of one attrs class, a column an attribute; see `of` for the rest."""
        kept, size = rows[:most], n if n is not None else len(rows)
        names = [field.name for field in attrs.fields(type(kept[0]))] if kept else []
        columns = {name: [getattr(row, name) for row in kept] for name in names}
        return cls.of(columns, n=size, most=most, caption=caption, lang=lang)

    def to_text(self) -> str:
        """Columns side by side; a Chinese character takes two places."""
        if not self.rows:
            return _NONE[self.lang]
        lines = (self.heads, *self.rows)
        widths = [max(map(wide, column)) for column in zip(*lines, strict=True)]
        shown = [
            "  ".join(
                padded(text, width, right=place in self.numbers)
                for place, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*shown, *([self._left_out()] if self.more else [])])

    def to_html(self) -> str:
        """A `table` with its caption, and heads that say what they are the heads of; every cell is escaped."""
        size, (one, many) = len(self.rows) + self.more, _COUNT[self.lang]
        counted = (one if size == 1 else many).format(n=size)
        caption = escape(f"{visible(self.caption)}: {counted}" if self.caption else counted)
        heads = "".join(f'<th scope="col"{self._side(at)}>{escape(name)}</th>' for at, name in enumerate(self.heads))
        rows = "\n".join(f"<tr>{''.join(self._cells(row))}</tr>" for row in self.rows)
        foot = f'<tfoot><tr><td colspan="{len(self.heads)}">{self._left_out()}</td></tr></tfoot>\n' if self.more else ""
        return (
            f"<table>\n<caption>{caption}</caption>\n"
            f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n{foot}</table>"
        )

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        """The table, for a notebook."""
        return self.to_html()

    def _left_out(self) -> str:
        return _MORE[self.lang].format(n=self.more)

    def _cells(self, row: Sequence[str]) -> Iterable[str]:
        for place, text in enumerate(row):
            # The first cell names the row. Each is a paragraph of its own direction, so that none turns its neighbours.
            tag, scope = ("th", ' scope="row"') if place == 0 else ("td", "")
            yield f'<{tag}{scope} dir="auto"{self._side(place)}>{escape(text)}</{tag}>'

    def _side(self, place: int) -> str:
        return f' style="text-align:{"right" if place in self.numbers else "left"}"'


@attrs.frozen
class Display:
    """What there is to see of a result: sentences and tables, one after the other.

    Attributes:
        blocks: texts and tables; a line that begins with a blank, or has wide gaps, keeps its form.
        lang: the language they are in.
    """

    blocks: tuple[Table | str, ...]
    lang: Lang = "en"

    @classmethod
    def of(cls, *blocks: "Table | str | Display", lang: Lang = "en") -> Self:
        """One of several; empty texts are left out, and what is a display itself is taken apart.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        _speaks(lang)
        parts = [part for block in blocks for part in (block.blocks if isinstance(block, Display) else (block,))]
        return cls(tuple(part for part in parts if not isinstance(part, str) or part), lang)

    @classmethod
    def lines(cls, lines: Iterable[str], *, most: int | None = ROWS, lang: Lang = "en") -> Self:
        """Text of many lines, of which the first are kept, and the others counted.

        Args:
            lines: the text, line by line.
            most: how many are kept; all if None.
            lang: the language of what is said about it.
        """
        given = [*lines]
        kept = given if most is None else [_cut(line) for line in given[:most]]
        left = [_LINES[lang].format(n=len(given) - len(kept))] if len(kept) < len(given) else []
        return cls.of("\n".join([*kept, *left]), lang=lang)

    def to_text(self) -> str:
        """All of it, with a blank line between two tables."""
        lines: list[str] = []
        before: Table | str = ""
        for block in self.blocks:
            if isinstance(before, Table) and isinstance(block, Table):
                lines.append("")
            lines.append(block.to_text() if isinstance(block, Table) else _readable(block))
            before = block
        # A heading keeps away from what is above it, and above the first there is nothing.
        return "\n".join(lines).removeprefix("\n")

    def to_html(self) -> str:
        """All of it in one `div`; every text is escaped, nothing is fetched."""
        parts = "\n".join(block.to_html() if isinstance(block, Table) else _prose(block) for block in self.blocks)
        return f'<div class="crmkit" lang="{"zh-Hans" if self.lang == "zh" else "en"}">\n{parts}\n</div>'

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        """The page, for a notebook."""
        return self.to_html()


class Shown(ABC):
    """A result that shows itself; a subclass says what there is to see in `display`.

    From it come `print(result)`, the table that a notebook shows, and `to_html`. Where the class has a `plot` that
    needs no argument, a notebook gets the chart too.

    >>> import attrs
    >>> @attrs.frozen
    ... class Stock(Shown):
    ...     boxes: dict[str, int]
    ...     def display(self, lang="en", *, most=ROWS):
    ...         return Display.of(Table.of({"box": [*self.boxes], "n": [*self.boxes.values()]}, most=most, lang=lang))
    >>> print(Stock({"small": 3, "large": 120}))
    box      n
    small    3
    large  120
    """

    __slots__ = ()

    @abstractmethod
    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """What there is to see.

        Args:
            lang: "en" or "zh".
            most: how many rows of a table are shown; all if None.

        Raises:
            NotFound: for another language.
        """

    def to_html(self, lang: Lang = "en", *, most: int | None = ROWS) -> str:
        """The same as a piece of HTML for a page of your own: escaped, with nothing fetched from elsewhere.

        Args:
            lang: "en" or "zh".
            most: how many rows of a table are shown; all if None.
        """
        return self.display(lang, most=most).to_html()

    def __str__(self) -> str:
        return self.display().to_text()

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self.to_html()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """What a notebook keeps: plain text, HTML, and the chart if there is one."""
        chart = _chart(self)
        forms = {"text/plain": str(self), "text/html": self._repr_html_()}
        return forms if chart is None else {**forms, _VEGA: dict(chart)}


class Told(Shown):
    """A result that says itself in sentences: `to_text` gives them, and what is shown is their beginning."""

    __slots__ = ()

    @abstractmethod
    def to_text(self, lang: Lang = "en") -> str:
        """All of it in English or Chinese.

        Args:
            lang: "en" or "zh".
        """

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The sentences, as far as there is room; see `Shown.display`."""
        return Display.lines(self.to_text(lang).split("\n"), most=most, lang=lang)


class Listed(Shown):
    """A result of a few named values: an attrs class whose attributes are shown one below the other."""

    __slots__ = ()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The names and the values; see `Shown.display`."""
        names = [field.name for field in attrs.fields(type(self)) if field.repr]  # type: ignore[arg-type] # subclasses are attrs
        name, value = _PAIR[lang == "zh"]
        columns = {name: names, value: [_held(getattr(self, name)) for name in names]}
        table = Table.of(columns, most=most, caption=type(self).__name__, lang=lang, numbers=())
        return Display.of(table, lang=lang)


class Several(Shown, tuple[Row, ...], Generic[Row]):
    """Several results of one kind: a tuple like any other, which is shown as a table or line by line.

    Objects that say themselves (their class has a `__str__`) are shown line by line.
    """

    __slots__ = ()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The first of them; see `Shown.display`."""
        if not self or (attrs.has(type(self[0])) and type(self[0]).__str__ is object.__str__):
            return Display.of(Table.of_rows(self, most=most, lang=lang), lang=lang)
        return Display.lines(map(str, self), most=most, lang=lang)


def _chart(result: Any) -> Mapping[str, Any] | None:
    """The chart of a result that has one and is small enough for it."""
    plot, size = getattr(result, "plot", None), len(result) if hasattr(result, "__len__") else 1
    if plot is None or not 0 < size <= _CHARTED:
        return None
    try:
        found: Mapping[str, Any] = plot()
    except CrmkitError:
        # It says why it cannot be drawn to who asks for it; who only looks sees the table.
        return None
    return found


def _held(value: Any) -> Any:
    """A value as it is listed: an array is named by its size, not written out."""
    shape = getattr(value, "shape", ())
    if isinstance(value, Shown):
        # What has a form of its own is named by its first line, and asked for by its name.
        return str(value).partition("\n")[0]
    return f"array {shape}" if shape else value


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _speaks(lang: str) -> None:
    if lang not in _NONE:
        raise NotFound("language", lang, tuple(_NONE), "what is shown")


def _readable(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))


def _prose(text: str) -> str:
    """Paragraphs; a text that is laid out by blanks keeps its layout."""
    safe = escape(_readable(text).strip("\n"))
    if "   " in text or "\n " in text or text.startswith(" "):
        return f'<pre style="white-space:pre-wrap">{safe}</pre>'
    return "\n".join(f'<p dir="auto">{part.replace(chr(10), "<br>")}</p>' for part in safe.split("\n\n") if part)
