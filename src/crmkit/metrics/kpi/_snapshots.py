"""Snapshots of a journal: the stays that last at the end of each period, and the stays that ended before it."""

from collections.abc import Iterator
from typing import Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Coded, Finding
from crmkit.metrics._blocks import Whole, blockwise
from crmkit.metrics._cuts import days, last_known
from crmkit.metrics.metric import UNUSABLE, Part
from crmkit.metrics.view import TableName, View

__all__ = ["ENDS", "Snapshots", "history", "priced"]

Ints = npt.NDArray[np.int64]
#: How a stay in an open stage ends; missing while it lasts, or if nobody knows.
ENDS = ("won", "lost", "moved")


@attrs.frozen(eq=False)
class Snapshots:
    """The open cases at the end of each period, or at the end of observation if that comes first.

    Attributes:
        rows: rows of the journal, shape (m,): a stay once for each period at whose end it lasts.
        period: the period of each.
        table: the journal.
    """

    rows: Whole
    period: Coded
    _ends: Ints
    table: TableName = "journal"

    @property
    def at(self) -> Ints:
        """The instant of each, int64 microseconds UTC."""
        return self._ends[self.period.codes]

    def of_places(self, places: Ints) -> Self:
        """Some of them."""
        return type(self)(self.rows[places], self.period[places], self._ends, self.table)

    def age(self, view: View) -> Whole:
        """How many days each has lasted by then."""
        entered = view.journal(self.table, "snapshots").entered
        return blockwise(
            np.arange(len(self.rows), dtype=np.int32),
            lambda some: _aged(view, entered[self.rows[some]], self._ends[self.period.codes[some]]),
        )

    @classmethod
    def of(cls, view: View, metric: str, table: TableName = "journal") -> Self:
        """The snapshots of the deals, or of the cases of another journal."""
        return view.once(("snapshots", table), lambda: cls._of(view, metric, table))

    @classmethod
    def _of(cls, view: View, metric: str, table: TableName) -> Self:
        journal = view.journal(table, metric)
        rows = view.in_open_stages(table, metric)
        edges = view.buckets.edges
        begun = edges[:-1] <= view.until
        ends = np.minimum(edges[1:] - 1, view.until)[begun]
        first, last = (_place(ends, at, rows) for at in (journal.entered, journal.left))
        some = np.flatnonzero(last > first)
        first, times = first[some], (last - first)[some]
        shift = (np.cumsum(times) - times - first).astype(np.int32)
        number = np.arange(times.sum(), dtype=np.int32)
        number -= np.repeat(shift, times)
        return cls(np.repeat(rows[some], times), Coded(number, view.buckets.names), ends, table)

    def part(self, view: View, name: str) -> Part:
        """All of them, counted by stage and age."""
        return Part(
            name=name, table=self.table, rows=self.rows, period=self.period, bins=self.age(view),
            keys={"stage": view.journal(self.table, name).stages[self.rows]},
        )  # fmt: skip


def _place(ends: Ints, at: Ints, rows: Whole) -> Whole:
    """How many periods ended before the instant of each row."""
    return blockwise(rows, lambda some: np.searchsorted(ends, at[some], "left"))


def priced(view: View, standing: Snapshots, metric: str) -> tuple[Snapshots, Ints, Coded, list[Part | Finding]]:
    """The open deals that say an amount, at the rate of the day of the snapshot; a deal's amount is the last it said.

    Returns:
        Their snapshots, minor units, currencies; and the deals that say none.
    """
    return view.once("priced", lambda: _priced(view, standing, metric))


def _priced(view: View, standing: Snapshots, metric: str) -> tuple[Snapshots, Ints, Coded, list[Part | Finding]]:
    journal = view.journal("journal", metric)
    if journal.amount is not None:
        filled = attrs.evolve(journal, amount=last_known(journal, journal.amount))
        view = attrs.evolve(view, facts=attrs.evolve(view.facts, journal=filled))
    minor, unit, findings = view.worth("journal", standing.rows, standing.at, metric)
    bare = np.flatnonzero(unit.missing)
    if not len(bare):
        return standing, minor, unit, [*findings]
    have = np.flatnonzero(~unit.missing)
    said = Part(name=UNUSABLE, table="journal", rows=standing.rows[bare], period=standing.period[bare])
    return standing.of_places(have), minor[have], unit[have], [*findings, said]


def history(view: View, metric: str) -> Iterator[Part]:
    """Stays in open stages by the period in which they ended, counted by stage, days and how they ended.

    What ended before the first period is in the first: the state of a period and of those before it is all that was
    known at its end.
    """
    journal, order = view.journal("journal", metric), view.order("journal", metric)
    rows = view.in_open_stages("journal", metric)
    rows = rows[((journal.left != OPEN) & (journal.left <= view.until))[rows]]
    names = journal.stages.values
    kind = [0 if name in order.won else 1 if name in order.lost else 2 for name in names]
    end = np.array([*kind, -1], np.int32)[journal.next[rows]]
    entered, left = journal.entered, journal.left
    since = int(view.buckets.edges[0])
    yield Part(
        name="ended", table="journal", rows=rows, period=Coded(
            blockwise(rows, lambda some: view.buckets.place(np.maximum(left[some], since))), view.buckets.names
        ),
        bins=blockwise(rows, lambda some: _aged(view, entered[some], left[some])), shown=False,
        keys={
            "stage": journal.stages[rows],
            "end": Coded(end, ENDS),
            "next": Coded(np.where(end == 2, journal.next[rows], -1).astype(np.int32), names),
        },
    )  # fmt: skip


def _aged(view: View, since: Ints, at: Ints) -> Ints:
    """Days between instants on one grid for all, so that the days of the stays of a case add up."""
    origin = int(view.buckets.edges[-1]) - 1
    return days(at, origin) - days(since, origin)
