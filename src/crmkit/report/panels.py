"""What a page is made of: panels of figures, in sections, with alerts that say what to look at.

A panel holds everything that a figure needs to be believed: what it says, how it is defined, how many it rests on, its
intervals, and the rows behind it. Texts are in both languages, so that a reader may change between them.

>>> str(Text("won", "赢单")), Text.of("Acme").zh
('won', 'Acme')
>>> grid = Grid.of(["deal"], [["D-1"], ["D-2"], ["D-3"]], most=2)
>>> len(grid.rows), grid.left_out
(2, 1)
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self, TypeAlias

import attrs

__all__ = ["Alert", "Cell", "Grid", "Mark", "Panel", "Said", "Section", "Silence", "Spec", "Text", "between", "figure"]

#: A Vega-Lite or a Vega specification: plain data.
Spec: TypeAlias = dict[str, Any]
#: How a cell of a table is marked; the mark has a sign and a word besides its colour.
Mark: TypeAlias = Literal["", "coach", "share", "watch"]

_MOST = 25


@attrs.frozen
class Text:
    """A text in both languages.

    Attributes:
        en: in English.
        zh: in Simplified Chinese.
    """

    en: str
    zh: str

    @classmethod
    def of(cls, name: object) -> Self:
        """A name that is the same in every language."""
        return cls(str(name), str(name))

    def format(self, *values: "Said | float", **named: "Said | float") -> "Text":
        """Both texts with values in their places; a value that is a text is put in in its language."""
        made = (
            text.format(*(_in(one, lang) for one in values), **{key: _in(one, lang) for key, one in named.items()})
            for text, lang in ((self.en, "en"), (self.zh, "zh"))
        )
        return Text(*made)

    def __str__(self) -> str:
        return self.en


#: A text in both languages, or a name that needs no translation.
Said: TypeAlias = Text | str


def _in(value: "Said | float", lang: str) -> object:
    return getattr(value, lang) if isinstance(value, Text) else value


def figure(value: float | None, unit: str = "") -> str:
    """A number as people read it: three digits that count, a share as per cent, nothing known as a dash.

    >>> figure(0.5234, "share"), figure(1234567.0), figure(None), figure(2.0), figure(0.00123)
    ('52.3%', '1,234,567', '–', '2', '0.00123')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if unit == "share":
        return f"{100 * value:.1f}%"
    return f"{value:,.0f}" if abs(value) >= 999.5 or value == int(value) else f"{value:.3g}"


def between(low: float | None, high: float | None, unit: str = "") -> str:
    """An interval; a dash where there is none.

    >>> between(0.1, 0.25, "share"), between(None, None)
    ('10.0% … 25.0%', '–')
    """
    if (low is None or math.isnan(low)) and (high is None or math.isnan(high)):
        return "–"
    return f"{figure(low, unit)} … {figure(high, unit)}"


@attrs.frozen
class Cell:
    """A cell with a remark below its text.

    Attributes:
        text: what it says.
        small: the remark: an interval, how many.
        mark: how it is marked.
    """

    text: Said
    small: Said = ""
    mark: Mark = ""


@attrs.frozen
class Grid:
    """A table for people.

    Attributes:
        heads: the titles of the columns.
        rows: the cells, as many a row as there are heads.
        left_out: how many rows are not shown.
        words: how many of the first columns hold words, which stand to the left; numbers stand to the right.
    """

    heads: tuple[Said, ...]
    rows: tuple[tuple[Said | Cell, ...], ...]
    left_out: int = 0
    words: int = 1

    @classmethod
    def of(
        cls, heads: Sequence[Said], rows: Iterable[Sequence[Said | Cell]], *, most: int = _MOST, words: int = 1
    ) -> Self:
        """A table of at most so many rows; the rest is counted."""
        every = [tuple(row) for row in rows]
        return cls(tuple(heads), tuple(every[:most]), max(len(every) - most, 0), words)

    @classmethod
    def columns(cls, given: Mapping[str, Sequence[Any]], *, most: int = 12) -> Self:
        """The rows behind a figure, from columns; a column of which nothing is known is left out."""
        known = {name: column for name, column in given.items() if any(one is not None for one in column)}
        size = len(next(iter(given.values()), ()))
        rows = ([_plain(column[place]) for column in known.values()] for place in range(min(size, most)))
        return cls(tuple(known), tuple(tuple(row) for row in rows), max(size - most, 0), len(known))


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "strftime") else str(value)


@attrs.frozen(kw_only=True)
class Alert:
    """Something to look at.

    Attributes:
        says: what it is.
        value: the figure.
        base: what it is compared with.
        limits: the interval, of the figure or of the difference.
        n: how many it rests on; empty if it is a count itself.
        weight: what is inferred: by how many times its margin of error the figure is off. What is counted: 0 to 1, the
            share of all that it is. The higher the more urgent, what is inferred above what is counted.
        good: whether it is something to be glad of.
        about: what it is about, as a person or a metric; of several alerts about one the heaviest is shown. What it
            says, if nothing is given.
        also: how many others there are about it.
        panel: the id of the panel that shows it.
    """

    says: Text
    value: Said
    base: Said = "–"
    limits: Said = "–"
    n: str = ""
    weight: float
    good: bool = False
    about: str = ""
    also: int = 0
    panel: str = ""

    @classmethod
    def ranked(cls, alerts: Iterable["Alert"]) -> tuple["Alert", ...]:
        """The heaviest alert about each thing: what is inferred and bad, what is inferred and good, what is counted."""
        order = sorted(alerts, key=lambda one: (one.weight < 1.0, one.good, -one.weight))
        first: dict[str, Alert] = {}
        for one in order:
            about = one.about or one.says.en
            first[about] = one if about not in first else attrs.evolve(first[about], also=first[about].also + 1)
        return tuple(first.values())


@attrs.frozen(kw_only=True)
class Panel:
    """A figure, or several that belong together.

    Attributes:
        id: what links point to; unique on a page.
        title: what it is about.
        says: what it says, in a sentence.
        about: how it is defined.
        n: how many it rests on.
        n_open: of these, not ended yet; None where nothing is open.
        n_unusable: rows that could not be used.
        method: the estimator and the interval.
        definition: the id of the definition.
        chart: a specification in both languages (`crmkit.report.charts.bilingual`).
        table: the figures with their intervals.
        rows: the facts behind them.
        alerts: what to look at.
        wide: whether it takes the whole width.
    """

    id: str
    title: Text
    says: Text
    about: Text
    n: int
    n_open: int | None = None
    n_unusable: int = 0
    method: str = ""
    definition: str = ""
    chart: Spec | None = None
    table: Grid | None = None
    rows: Grid | None = None
    alerts: tuple[Alert, ...] = ()
    wide: bool = False


@attrs.frozen
class Silence:
    """A panel that cannot be drawn, and why: there is not enough to speak.

    Attributes:
        title: what it would have been about.
        why: what is missing.
    """

    title: Text
    why: Text


@attrs.frozen
class Section:
    """Panels that belong together.

    Attributes:
        id: what links point to.
        title: what they are about.
        panels: the panels.
        silent: what cannot be said.
    """

    id: str
    title: Text
    panels: tuple[Panel, ...]
    silent: tuple[Silence, ...] = ()

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What to look at, each with the panel that shows it."""
        return tuple(attrs.evolve(alert, panel=panel.id) for panel in self.panels for alert in panel.alerts)
