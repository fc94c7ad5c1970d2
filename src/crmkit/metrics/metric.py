"""What a KPI is: a declaration, the integers it counts, and the estimate it makes of them.

A metric reads the facts into parts: columns of whole numbers to be counted or added up by key. The counters of all
parts are its state, and states of parts of the data add up to the state of the whole, whoever counted them: one core,
blocks, workers, or a GROUP BY in a database. What is estimated is estimated from the state alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded, Finding
from crmkit.metrics._blocks import Whole
from crmkit.metrics._packing import runs
from crmkit.metrics.policy import definition_id
from crmkit.metrics.states import Counts, exact_sums
from crmkit.metrics.view import Rows, TableName, View

__all__ = ["UNUSABLE", "About", "Better", "Cells", "Estimate", "Metric", "Part", "State", "counted"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Which way is better.
Better: TypeAlias = Literal["more", "less", "neither"]
#: The counters of each part of a metric, by name.
State: TypeAlias = Mapping[str, Counts]

#: The part in which a metric counts rows that it could not use.
UNUSABLE = "unusable"


@attrs.frozen(kw_only=True)
class About:
    """What is declared of a metric.

    Attributes:
        key: its name in code and files.
        en: its name in English.
        zh: its name in Chinese.
        mission: the requirements it answers: "K1" ...
        unit: what the value is in: "customers", "days", "share"; "money" is the currency of the cell.
        better: which way is better.
        grain: what is counted: the unit of analysis.
        formula: what is computed.
        source: where the definition and the estimator come from.
        needs: the facts it reads: "invoice", "journal" ...
        traps: the errors that it avoids.
        within: further keys of its cells: "currency", "stage", "age" ...
        absent: what a period is in which a group that is seen in another has nothing: 0, or no data.
    """

    key: str
    en: str
    zh: str
    mission: str
    unit: str
    better: Better
    grain: str
    formula: str
    source: str
    needs: tuple[str, ...]
    traps: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    absent: Literal["zero", "no data"] = "no data"


@attrs.frozen(eq=False, kw_only=True)
class Part:
    """Rows to be counted.

    Attributes:
        name: the part of the metric's state.
        table: where the rows are.
        rows: which rows.
        period: the period of each row; rows of none are not counted.
        bins: a bin of each row, a whole number of at least 0, or None.
        weights: what each row adds, int64; 1 if None.
        keys: further keys: those that the metric has `within` its cells, and others that only this part has.
        shown: whether its rows are evidence of a figure; rows drawn again for an interval are not.
    """

    name: str
    table: TableName
    rows: Rows
    period: Coded
    bins: Whole | None = None
    weights: Ints | None = None
    keys: Mapping[str, Coded] = attrs.field(factory=dict[str, Coded])
    shown: bool = True

    @classmethod
    def joined(cls, parts: Sequence["Part"]) -> "Part":
        """Parts of one name, table and kind of keys as one."""
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        bins, weights = ([column for part in parts if (column := getattr(part, name)) is not None]
                         for name in ("bins", "weights"))  # fmt: skip
        return attrs.evolve(
            first,
            rows=np.concatenate([np.asarray(part.rows) for part in parts]),
            period=Coded.joined([part.period for part in parts]),
            bins=np.concatenate(bins) if bins else None,
            weights=np.concatenate(weights) if weights else None,
            keys={name: Coded.joined([part.keys[name] for part in parts]) for name in first.keys},
        )


@attrs.frozen(eq=False, kw_only=True)
class Estimate:
    """Figures of all cells of a metric, as columns of one length.

    Attributes:
        value: NaN where there is no data.
        low: lower limit; NaN where there is none, as for exact sums.
        high: upper limit.
        n: what the figure rests on.
        n_open: of these, not ended yet (censored).
        exact: the value as a whole number (a count, minor units), where it is one.
        method: the estimator and the interval.
    """

    value: Floats
    low: Floats
    high: Floats
    n: Ints
    n_open: Ints | None = None
    exact: Ints | None = None
    method: str


@attrs.frozen
class Metric(ABC):
    """A KPI; its attributes are its policies, which are printed with its figures and hashed into its definition id.

    A subclass declares `about`, and gives `parts` and `estimate`.
    """

    about: ClassVar[About]

    @abstractmethod
    def parts(self, view: View) -> Iterator[Part | Finding]:
        """The rows to be counted, and what could not be used."""

    @abstractmethod
    def estimate(self, cells: "Cells", level: float) -> Estimate:
        """The figures of a state."""

    @property
    def key(self) -> str:
        """The name in code."""
        return self.about.key

    @property
    def policies(self) -> dict[str, Any]:
        """What the figure depends on beyond the facts, by name."""
        return {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}

    @property
    def definition(self) -> str:
        """The id of the definition: the same number, the same definition."""
        return definition_id(self.key, **self.policies)

    @property
    def reads(self) -> Hashable:
        """What its parts hang on: of metrics that read the same, `measure` counts one, and all have its counters.

        A class that shares its parts with others names `type(self).parts`, and the policies that they look at.
        """
        return type(self), self.definition

    def behind(self, view: "View", rows: Mapping[str, Ints]) -> Mapping[str, tuple[TableName, Ints]]:  # noqa: ARG002 - for those that have some
        """Further rows on which a figure rests though no part counts them, as the payments of its invoices.

        Args:
            view: what the metric saw.
            rows: by part, the rows that the figure counted.

        Returns:
            By the name under which they are shown: where they are, and their numbers.
        """
        return {}

    def using(self, **policies: Any) -> Self:
        """The metric with other policies."""
        return attrs.evolve(self, **policies)


def counted(part: Part, view: View) -> Counts:
    """The counters of a part: by the groups of the view, the period, and the keys of the part."""
    keys = {name: view.key(part.table, name)[part.rows] for name in view.by}
    columns = {**keys, "period": part.period, **part.keys}
    bins, weights = part.bins, part.weights
    if part.period.codes.size and int(part.period.codes.min()) < 0:
        inside = np.flatnonzero(part.period.codes >= 0)
        columns = {name: column[inside] for name, column in columns.items()}
        bins, weights = (None if column is None else column[inside] for column in (bins, weights))
    return Counts.of(columns, bins, weights)


@attrs.frozen(eq=False)
class Cells:
    """The state of a metric by cell, a cell being a combination of groups, period, and keys within.

    Attributes:
        dims: the names of the keys: the groups, "period", and the metric's `within`.
        labels: the dictionary of each.
        keys: int64, shape (cells, dims): codes into `labels`, -1 for missing.
        state: the counters.
    """

    dims: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    keys: Ints
    state: State
    _where: Mapping[str, Ints]

    @classmethod
    def of(cls, state: State, dims: Sequence[str], periods: Sequence[str], observed: range | None = None) -> Self:
        """The cells that occur in any part of a state.

        Args:
            state: the counters.
            dims: the names of the keys of a cell.
            periods: the names of the periods, in order.
            observed: the periods of which anything was observed: a group that occurs in one of them has a cell in each.
                None leaves out the cells in which nothing was counted.
        """
        named = [dict.fromkeys(v for c in state.values() for v in c.labels[c.dims.index(dim)]) for dim in dims]
        labels = tuple(
            tuple(periods) if dim == "period" else tuple(sorted(v)) for dim, v in zip(dims, named, strict=True)
        )
        sizes = [len(values) + 1 for values in labels]
        packed = {name: _place(counts, dims, labels, sizes) for name, counts in state.items()}
        every = np.unique(np.concatenate([np.zeros(0, np.int64), *map(_distinct, packed.values())]))
        if observed is not None:
            every = _in_all(every, sizes, dims.index("period"), observed)
        where = {name: np.searchsorted(every, packed.pop(name)) for name in state}
        keys = np.zeros((len(every), len(dims)), np.int64)
        rest = every.copy()
        for part in range(len(dims) - 1, -1, -1):
            rest, keys[:, part] = np.divmod(rest, sizes[part])
        return cls(tuple(dims), labels, keys - 1, state, where)

    def __len__(self) -> int:
        return len(self.keys)

    def column(self, dim: str) -> list[str | None]:
        """One key of each cell, as text."""
        place = self.dims.index(dim)
        return Coded(self.keys[:, place].astype(np.int32), self.labels[place]).decode()

    def sum(self, part: str) -> Ints:
        """What a part comes to in each cell, over its bins and its further keys; 0 where it has nothing."""
        if part not in self.state:
            return np.zeros(len(self), np.int64)
        return exact_sums(self._where[part], self.state[part].n, len(self))

    def entries(self, part: str) -> tuple[Ints, Counts]:
        """The cell of each counter of a part, shape (m,), and the counters: for keys that only this part has."""
        return self._where[part], self.state[part]

    def ended(self, part: str, end: str) -> Ints:
        """How much of a part with a key "end" ended in one way, in each cell."""
        where, counts = self.entries(part)
        mine = ~counts.column("end").recode((end,)).missing
        return exact_sums(where[mine], counts.n[mine], len(self))

    def lasting(self, part: str) -> Ints:
        """How many stays of a part with a key "end" last, in each cell."""
        counts = self.state[part]
        last = counts.column("end").missing
        return exact_sums(self._where[part][last], counts.n[last], len(self))

    def risk(self, part: str, ends: Sequence[str], width: int) -> Ints:
        """The risk table of a part whose key "end" says how a stay ended, int64, shape (cells, ends + 1, width).

        Row 0 holds the stays that last: those of which "end" says nothing.

        Args:
            part: the part; its bins are ages.
            ends: the causes of the end, in order.
            width: how many ages there are. Stays that last longer are censored at the last.
        """
        counts = self.state[part]
        cause, bins = counts.column("end").recode(ends).codes + 1, counts.bins
        cause[bins >= width] = 0
        cell = (self._where[part] * (len(ends) + 1) + cause) * width + np.minimum(bins, width - 1)
        return exact_sums(cell, counts.n, len(self) * (len(ends) + 1) * width).reshape(len(self), len(ends) + 1, width)


def _in_all(packed: Ints, sizes: Sequence[int], place: int, observed: range) -> Ints:
    """Each combination of the other keys in every period that was observed."""
    step = int(np.prod(sizes[place + 1 :], dtype=np.int64))
    # Where there is nothing but periods, the one group is always there.
    bare = np.zeros(1, np.int64) if len(sizes) == 1 else np.unique(packed - packed // step % sizes[place] * step)
    filled = (bare[:, None] + np.arange(observed.start + 1, observed.stop + 1) * step).ravel()
    return np.unique(np.concatenate([packed[packed // step % sizes[place] > 0], filled]))


def _place(counts: Counts, dims: Sequence[str], labels: Sequence[tuple[str, ...]], sizes: Sequence[int]) -> Ints:
    packed = np.zeros(len(counts), np.int64)
    for dim, wanted, size in zip(dims, labels, sizes, strict=True):
        packed *= size
        packed += counts.column(dim).recode(wanted).codes
        packed += 1
    return packed


def _distinct(places: Ints) -> Ints:
    """What occurs among places, of which many that are alike follow one another."""
    return np.unique(places[runs(places)])
