"""The ways of cases through a funnel, as a result: when each step was reached, and whether more may come."""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import OPEN, Journal
from crmkit.metrics._cases import cases_of
from crmkit.metrics._paths import walk
from crmkit.metrics._route import Route
from crmkit.metrics.policy import StageOrder
from crmkit.values import from_micros
from crmkit.values.display import ROWS, Display, Lang, Shown, Table

__all__ = ["Paths", "checked_steps", "paths"]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@attrs.frozen(eq=False)
class Paths(Shown):
    """The ways of cases through the steps of a funnel, one a row.

    Attributes:
        journal: the stays.
        steps: the names of the steps.
        rows: the row of the journal that reached each step, int64, shape (n, steps); -1 where it was not reached.
        level: how many steps were reached, shape (n,).
        filled: whether a step was skipped and counts as reached all the same, shape (n, steps).
        at: when each step was reached, int64 microseconds UTC; `OPEN` where it was not.
        ended: when it became certain that no further step comes (the case was closed, the window passed, the order
            was broken); `OPEN` where one may still come, or none is left.
        skipped: whether a later step was visited though the next one was not, shape (n,).
        route: how they were read.
    """

    journal: Journal = attrs.field(repr=False)
    steps: tuple[str, ...]
    rows: Ints
    level: Ints
    filled: Mask
    at: Ints
    ended: Ints
    skipped: Mask
    route: Route

    def __len__(self) -> int:
        return len(self.level)

    @property
    def open(self) -> Mask:
        """Whether a further step may still come (censored), shape (n,)."""
        waiting: Mask = (self.ended == OPEN) & (self.level < len(self.steps))
        return waiting

    def to_dict(self) -> dict[str, list[Any]]:
        """The ways as columns: the case, the steps reached, whether it is open, and when each step was reached."""
        return self._columns(None)

    def _columns(self, most: int | None) -> dict[str, list[Any]]:
        cases = self.journal.cases[self.rows[:most, 0]].decode()
        times = {
            step: [None if at == OPEN else from_micros(at) for at in self.at[:most, k].tolist()]
            for k, step in enumerate(self.steps)
        }
        return {"case": cases, "level": self.level[:most].tolist(), "open": self.open[:most].tolist(), **times}

    def to_frame(self, backend: Any = "pandas") -> Any:
        """The same as a frame of the named library: "pandas", "polars" or "pyarrow"."""
        import narwhals as nw

        return nw.from_dict(self.to_dict(), backend=backend).to_native()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The first ways as a table; see `Shown.display`."""
        table = Table.of(self._columns(most), n=len(self), most=most, caption="Paths", lang=lang)
        return Display.of(table, lang=lang)


def checked_steps(steps: Sequence[str]) -> tuple[str, ...]:
    """The steps, if they are some and different.

    Raises:
        InvalidValue: if not.
    """
    names = tuple(steps)
    if not names or len(set(names)) < len(names):
        raise InvalidValue("steps", ", ".join(names), "are no steps of a funnel: give at least one, each once")
    return names


def paths(
    journal: Journal,
    steps: Sequence[str] | None = None,
    *,
    route: Route | None = None,
    stages: Any = None,
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
) -> Paths:
    """The ways of cases through the steps of a funnel; a case that never began has none.

    Stays are in the total order (time, row). A way is open while its case is not closed, its window has not passed and
    its order is not broken.

    Args:
        journal: the stays.
        steps: stages in order; the open stages and then the won ones together, if None.
        route: how ways are read; `Route()` if None.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.

    Raises:
        NotFound: if a step is no stage.
        InvalidValue: if no step is given, or one is given twice.
    """
    order, how = StageOrder.of(stages, journal, won, lost), route or Route()
    names, step_of = _steps(steps, order, journal)
    for name in how.direct:
        if name not in names:
            raise NotFound("step", name, names, "the funnel")
    found = walk(journal, names, step_of, how)
    at = np.append(journal.entered, OPEN)[found.rows]
    cases = cases_of(journal, order)
    closed = np.full(len(journal.cases.values), OPEN)
    closed[journal.cases.codes[cases.first]] = cases.closed
    begun = journal.cases.codes[found.rows[:, 0]]
    ended = np.minimum(found.broken, closed[begun])
    if how.limit is not None:
        ended = np.minimum(ended, at[:, 0] + how.limit)
    ended = np.where((found.level == len(names)) | (ended > journal.until), OPEN, ended)
    # A case is closed no earlier than it came to its last step, even if that is the closing.
    last = at[np.arange(len(at)), found.level - 1]
    return Paths(
        journal, names, found.rows, found.level, found.filled, at, np.maximum(ended, last), found.beyond, how
    )  # fmt: skip


def _steps(steps: Sequence[str] | None, order: StageOrder, journal: Journal) -> tuple[tuple[str, ...], Ints]:
    """The names of the steps, and the step of each stage code."""
    if steps is None:
        won = [next(iter(order.won)) if len(order.won) == 1 else "won"] if order.won else []
        names = checked_steps([*order.open, *won])
        place = {name: number for number, name in enumerate(order.open)} | dict.fromkeys(order.won, len(order.open))
    else:
        names = checked_steps(steps)
        for name in names:
            if name not in order.names:
                raise NotFound("stage", name, order.names, "the journal")
        place = {name: number for number, name in enumerate(names)}
    return names, np.array([place.get(name, -1) for name in journal.stages.values], np.int64)
