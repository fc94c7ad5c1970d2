"""Figures: what a measurement came to, as rows with intervals, comparisons, and the facts behind each."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Finding, Journal, Ledger, summarise
from crmkit.metrics._checks import confidence
from crmkit.metrics._counting import added
from crmkit.metrics._estimates import mover
from crmkit.metrics._figure import Figure
from crmkit.metrics._figure_text import table_of
from crmkit.metrics._recipe import Recipe, check
from crmkit.metrics._sql_tables import Asked
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.metric import UNUSABLE, Cells, Estimate, Metric, Part, State
from crmkit.metrics.states import Counts
from crmkit.metrics.view import TableName, View
from crmkit.values import Money, from_micros
from crmkit.values.display import ROWS, Chart, Display, Lang, Shown

__all__ = ["Evidence", "Figure", "Figures"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@attrs.frozen
class Evidence:
    """The facts behind one figure.

    Attributes:
        figure: the figure.
        rows: for each part of the metric, the rows of the ledger or the journal that are in it, as columns.
        text: what was counted, in words.
    """

    figure: Figure
    rows: Mapping[str, Mapping[str, Sequence[Any]]]
    text: str

    def __str__(self) -> str:
        return self.text


@attrs.frozen(eq=False, slots=False)
class Figures(Shown):
    """A table of figures; `measure` makes it.

    Attributes:
        states: the counters of each metric by key: what can be kept, sent and merged.
        findings: what could not be used.
    """

    _recipe: Recipe = attrs.field(repr=False)
    states: Mapping[str, State] = attrs.field(repr=False)
    findings: tuple[Finding, ...] = ()

    @classmethod
    def from_states(cls, states: Mapping[Metric, State], asked: Asked) -> Self:
        """Figures of counters that were made elsewhere: by a twin in a database, or by workers.

        Such figures have no rows behind them to explain.

        Args:
            states: the counters of each metric.
            asked: what was asked.

        Raises:
            InvalidValue: for two metrics of one key, or what cannot be asked.
        """
        metrics = tuple(states)
        check(metrics, asked.by, asked.versus)
        recipe = Recipe(
            metrics, asked.by, asked.buckets, asked.begun, asked.until, asked.versus, confidence(asked.level), ()
        )
        return cls(recipe, {metric.key: state for metric, state in states.items()})

    @cached_property
    def rows(self) -> tuple[Figure, ...]:
        """The figures: metric by metric, group by group, in the order of the periods."""
        # Groups are few and figures many: those of one group share it.
        shared: dict[tuple[Any, ...], dict[str, str | None]] = {}
        return tuple(figure for metric in self._recipe.metrics for figure in self._of(metric, shared))

    def _of(self, metric: Metric, shared: dict[tuple[Any, ...], dict[str, str | None]]) -> Iterator[Figure]:
        return _figures(metric, dict(self.states[metric.key]), self._recipe, shared)

    @property
    def buckets(self) -> Buckets:
        """The periods that were asked for, in order; of some of them there may be no figure."""
        first, cut = int(self._recipe.versus == "previous"), self._recipe.buckets
        return Buckets(cut.periods[first:], cut.edges[first:])

    @property
    def level(self) -> float:
        """The confidence of the intervals."""
        return self._recipe.level

    def __iter__(self) -> Iterator[Figure]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, cell: str | tuple[str | None, ...]) -> Figure:
        """The figure of a metric, its groups in the order of `by`, and its period, as far as they are needed.

        Raises:
            NotFound: if there is none.
            InvalidValue: if there are several.
        """
        wanted = (cell,) if isinstance(cell, str) else cell
        fitting = [row for row in self.rows if _is_at(row, wanted)]
        if not fitting:
            near = tuple(dict.fromkeys(" ".join(map(str, _place(row))) for row in self.rows))
            raise NotFound("figure", " ".join(map(str, wanted)), near, "the table")
        if len(fitting) > 1:
            told = "; ".join(" ".join(map(str, _place(row))) for row in fitting[:3])
            raise InvalidValue("figure", " ".join(map(str, wanted)), f"is one of {len(fitting)}: {told} ...")
        return fitting[0]

    def interval(self, level: float) -> Self:
        """The same figures with intervals of another confidence."""
        recipe = attrs.evolve(self._recipe, level=confidence(level))
        return type(self)(recipe, self.states, self.findings)

    def to_dict(self) -> dict[str, list[Any]]:
        """The rows as columns, groups among them; exact values are decimal texts."""
        made: dict[str, list[Any]] = {}
        names = [field.name for field in attrs.fields(Figure)]
        groups = list(dict.fromkeys(name for row in self.rows for name in row.group))
        for name in names:
            if name == "group":
                made |= {one: [row.group.get(one) for row in self.rows] for one in groups}
            elif name == "exact":
                made[name] = [_decimal(row.exact) for row in self.rows]
            elif self._recipe.versus is not None or name not in ("base", "change", "change_low", "change_high"):
                made[name] = [getattr(row, name) for row in self.rows]
        return made

    def to_frame(self, backend: Any = "pandas") -> Any:
        """The rows as a frame of the named library: "pandas", "polars" or "pyarrow"."""
        import narwhals as nw

        return nw.from_dict(self.to_dict(), backend=backend).to_native()

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """The table for people: the name of each metric in their language."""
        return self.display(lang, most=None).to_text()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The first figures, with the name of each metric in the reader's language; see `Shown.display`."""
        about = {metric.key: metric.about for metric in self._recipe.metrics}
        return Display.of(table_of(self.rows, about, lang, most), lang=lang)

    def plot(self, metric: str | None = None, lang: Literal["en", "zh"] = "en") -> Chart:
        """A chart as a Vega-Lite specification: lines over periods or bars over groups, with their intervals.

        Args:
            metric: the key of the metric; the first one if None.
            lang: the language of its titles.

        Raises:
            NotFound: if it was not measured, or for another language.
        """
        from crmkit.metrics._figure_chart import chart

        return Chart(chart(self.rows, self._recipe, metric, lang))

    def explain(self, cell: str | tuple[str | None, ...] | Figure) -> Evidence:
        """The facts behind a figure: the rows of the ledger or the journals that it counted, and what these rest on.

        Args:
            cell: the figure, or what finds it (see indexing).
        """
        figure = cell if isinstance(cell, Figure) else self[cell]
        metric = next(one for one in self._recipe.metrics if one.key == figure.metric)
        rows: dict[str, dict[str, list[Any]]] = {}
        for view in self._recipe.views:
            seen: dict[str, tuple[TableName, Ints]] = {}
            for part in metric.parts(view):
                if isinstance(part, Part) and part.shown:
                    before = seen.get(part.name, (part.table, np.zeros(0, np.int64)))[1]
                    seen[part.name] = part.table, _once(np.concatenate([before, _rows_of(part, figure, view)]))
            seen |= metric.behind(view, {name: counted for name, (_, counted) in seen.items()})
            for name, (table, counted) in seen.items():
                _collect(rows.setdefault(name, {}), view.table(table)[counted])
        found = {name: columns for name, columns in rows.items() if columns}
        return Evidence(figure, found, _words(figure, metric, found))

    def merge(self, other: Self) -> Self:
        """The figures of both, as if the facts had been measured together.

        The parts of the data must not share a unit of analysis: a case, or a customer where those are counted.

        Raises:
            InvalidValue: if they were asked for in another way, or observed until another instant (give `as_of=`).
        """
        mine, theirs = _asked(self._recipe), _asked(other._recipe)
        if mine != theirs:
            raise InvalidValue("figures", theirs, f"cannot be merged with {mine}")
        views = (*self._recipe.views, *other._recipe.views)
        recipe = attrs.evolve(self._recipe, since=min(self._recipe.since, other._recipe.since), views=views)
        states = {
            metric.key: added(self.states[metric.key], other.states[metric.key]) for metric in self._recipe.metrics
        }
        return type(self)(recipe, states, summarise((*self.findings, *other.findings)))


def _asked(recipe: Recipe) -> str:
    metrics = ", ".join(f"{metric.key} {metric.definition}" for metric in recipe.metrics)
    periods = ", ".join(recipe.buckets.names)
    return f"{metrics} by {', '.join(recipe.by) or 'nothing'} over {periods} until {from_micros(recipe.until)}"


def _figures(
    metric: Metric, state: dict[str, Counts], recipe: Recipe, shared: dict[tuple[Any, ...], dict[str, str | None]]
) -> Iterator[Figure]:
    unusable = state.pop(UNUSABLE, None)
    dims = (*recipe.by, "period", *metric.about.within)
    observed = recipe.observed if metric.about.absent == "zero" else None
    cells = Cells.of(state, dims, recipe.buckets.names, observed)
    if not len(cells):
        return
    made = metric.estimate(cells, recipe.level)
    compared = _compared(cells, made, recipe)
    lost = _unusable(cells, unusable, recipe)
    # The currency of money is its unit; of a count it is a group like another.
    told = metric.about.within if metric.about.unit != "money" else [n for n in metric.about.within if n != "currency"]
    names, definition = (*recipe.by, *told), metric.definition
    groups = [*zip(*(cells.column(name) for name in names), strict=True)] if names else [()] * len(cells)
    periods, first = cells.column("period"), int(recipe.versus == "previous")
    units = cells.column("currency") if "currency" in cells.dims else [metric.about.unit] * len(cells)
    over = recipe.buckets.edges[1:] <= recipe.until + 1
    codes = cells.keys[:, cells.dims.index("period")]
    ends = made.n_open if made.n_open is not None else np.zeros(len(cells), np.int64)
    for i in np.lexsort(
        [codes, *(cells.keys[:, part] for part in range(len(dims)) if dims[part] != "period")]
    ).tolist():
        if codes[i] < first:
            continue
        value = _known(made.value[i])
        group = shared.setdefault((names, groups[i]), dict(zip(names, groups[i], strict=True)))
        yield Figure(
            metric=metric.key, name=metric.about.en, group=group,
            period=periods[i] or "", complete=bool(over[codes[i]]), value=value,
            exact=_exact(made, i, units[i], money=metric.about.unit == "money") if value is not None else None,
            low=_known(made.low[i]), high=_known(made.high[i]),
            unit=_unit(metric, units[i]), n=int(made.n[i]), n_open=int(ends[i]), n_unusable=int(lost[i]),
            **{name: _known(column[i]) for name, column in compared.items()},
            method=made.method, definition=definition,
        )  # fmt: skip


def _unit(metric: Metric, unit: str | None) -> str:
    return (unit or "no currency") if metric.about.unit == "money" else metric.about.unit


def _exact(made: Estimate, i: int, unit: str | None, *, money: bool) -> Money | int | None:
    if made.exact is None:
        return None
    whole = int(made.exact[i])
    return Money.from_minor(whole, unit) if money and unit else whole


def _known(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _unusable(cells: Cells, counts: Counts | None, recipe: Recipe) -> Ints:
    """Rows that could not be used, of the group and period of each cell."""
    dims = (*recipe.by, "period")
    if counts is None or not len(counts):
        return np.zeros(len(cells), np.int64)
    other = Cells.of({UNUSABLE: counts}, dims, recipe.buckets.names)
    total = dict(zip(zip(*(other.column(dim) for dim in dims), strict=True), other.sum(UNUSABLE).tolist(), strict=True))
    return np.array([total.get(key, 0) for key in zip(*(cells.column(dim) for dim in dims), strict=True)], np.int64)


def _compared(cells: Cells, made: Estimate, recipe: Recipe) -> dict[str, Floats]:
    if recipe.versus is None:
        return {}
    other = cells.keys.copy()
    if recipe.versus == "previous":
        other[:, cells.dims.index("period")] -= 1
    else:
        for name, value in recipe.versus.items():
            labels = cells.labels[cells.dims.index(name)]
            if value not in labels:
                raise NotFound(name, value, labels, "the figures")
            other[:, cells.dims.index(name)] = labels.index(value)
    known = {key: number for number, key in enumerate(map(tuple, cells.keys.tolist()))}
    base = np.array([known.get(key, -1) for key in map(tuple, other.tolist())], np.int64)
    value, low, high = (np.append(column, np.nan)[base] for column in (made.value, made.low, made.high))
    lower, upper = mover((made.value, made.low, made.high), (value, low, high))
    return {"base": value, "change": made.value - value, "change_low": lower, "change_high": upper}


def _place(row: Figure) -> tuple[str | None, ...]:
    return (row.metric, *row.group.values(), row.period, row.unit)


def _is_at(row: Figure, wanted: tuple[str | None, ...]) -> bool:
    """Whether the wanted names appear, in order, among those of the row, beginning with the metric."""
    if wanted[0] != row.metric:
        return False
    rest = iter(_place(row)[1:])
    return all(name in rest for name in wanted[1:])


def _decimal(value: Money | int | None) -> str | None:
    return None if value is None else f"{value.amount:f}" if isinstance(value, Money) else str(value)


def _rows_of(part: Part, figure: Figure, view: View) -> Ints:
    """The rows of a part that are in the cell of a figure."""
    size = len(view.table(part.table))
    rows: Ints = np.arange(size, dtype=np.int64)[part.rows]
    codes = part.period.codes
    named = part.period.values.index(figure.period) if figure.period in part.period.values else -2
    inside = codes == named
    for name, value in {**figure.group, "currency": figure.unit}.items():
        column = view.key(part.table, name)[part.rows] if name in view.by else part.keys.get(name)
        if column is None:
            continue
        wanted = -1 if value is None else column.values.index(value) if value in column.values else -2
        inside = inside & (column.codes == wanted)
    kept: Ints = rows[inside]
    return kept


def _once(rows: Ints) -> Ints:
    """Each row where it comes first: an invoice that was paid in two parts is one row."""
    _, first = np.unique(rows, return_index=True)
    kept: Ints = rows[np.sort(first)]
    return kept


def _collect(columns: dict[str, list[Any]], rows: Ledger | Journal) -> None:
    """Add the rows of a table to lists."""
    if len(rows):
        for name, values in rows.to_dict().items():
            columns.setdefault(name, []).extend(values)


def _words(figure: Figure, metric: Metric, rows: Mapping[str, Mapping[str, Sequence[Any]]]) -> str:
    where = ", ".join(f"{name} {value}" for name, value in figure.group.items())
    value = "no data" if figure.value is None else f"{figure.exact if figure.exact is not None else figure.value}"
    value += "" if isinstance(figure.exact, Money) else f" {figure.unit}"
    policies = ", ".join(f"{name}={value}" for name, value in metric.policies.items())
    parts = "; ".join(f"{name}: {len(next(iter(columns.values())))} rows" for name, columns in rows.items())
    return (
        f"{metric.about.en} [{', '.join(filter(None, (where, figure.period)))}] = {value}\n"
        f"{metric.about.formula} Policies: {policies or 'none'}. {parts}. Source: {metric.about.source}."
    )
