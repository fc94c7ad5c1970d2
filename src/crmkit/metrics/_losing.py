"""Where a journal's cases were lost: the stay that ended so, the stay in the lost stage, and whether it lasted."""

from collections.abc import Collection
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import UNKNOWN, Coded, Journal

__all__ = ["Losing", "found_losses"]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@attrs.frozen(eq=False)
class Losing:
    """Losses, one each; a row of the journal is -1 where there is none.

    Attributes:
        left: the stay that it was lost from.
        entered: the stay in the lost stage.
        at: when, int64 microseconds UTC.
        amount: the last known amount of the case, in hundredths; `UNKNOWN` without one.
        stands: whether the case was not reopened.
    """

    left: Ints
    entered: Ints
    at: Ints
    amount: Ints
    stands: Mask

    def __getitem__(self, rows: Any) -> "Losing":
        return Losing(self.left[rows], self.entered[rows], self.at[rows], self.amount[rows], self.stands[rows])

    @property
    def row(self) -> Ints:
        """A row that each is known by."""
        return np.where(self.entered >= 0, self.entered, self.left)

    def before(self, column: Coded) -> Coded:
        """A column as it was in the stay that was left, or else in the lost stage."""
        return Coded(column.codes[np.where(self.left >= 0, self.left, self.entered)], column.values)

    def last_said(self, column: Coded) -> Coded:
        """A column as the lost stage says it, or where that says nothing, the stay that was left."""
        late, early = (np.where(rows >= 0, column.codes[rows], -1) for rows in (self.entered, self.left))
        return Coded(np.where(late >= 0, late, early).astype(np.int32), column.values)


def found_losses(journal: Journal, lost: Collection[str]) -> Losing:
    """The losses of a journal, in the order of cases and times.

    A loss is an entry into a lost stage from one that is not. A journal may hold the stay that was left, the one that
    was entered, or both.
    """
    rows = np.lexsort((np.arange(len(journal)), journal.entered, journal.cases.codes))
    is_lost = np.array([*(name in lost for name in journal.stages.values), False])
    here, to = is_lost[journal.stages.codes[rows]], is_lost[journal.next[rows]]
    case = journal.cases.codes[rows]
    same = np.append(False, case[1:] == case[:-1])[: len(rows)]
    was_lost = same & np.append(False, here[:-1])[: len(rows)]
    leaving = ~here & to
    left_for_it = same & np.append(False, leaving[:-1])[: len(rows)]
    # A loss stands at the stay in the lost stage, if there is one, else at the one that was left for it.
    entering = np.flatnonzero(here & ~was_lost)
    bare = np.flatnonzero(leaving & ~np.append(left_for_it[1:] & here[1:], False)[: len(rows)])
    known = np.where(left_for_it[entering], rows[entering - 1], -1)
    left = np.concatenate([known, rows[bare]])
    entered = np.concatenate([rows[entering], np.full(len(bare), -1, np.int64)])
    at = np.concatenate([journal.entered[rows[entering]], journal.left[rows[bare]]])
    place = np.concatenate([entering, bare])
    last = np.full(len(journal.cases.values), -1, np.int64)
    alive = np.flatnonzero(~here)
    last[case[alive]] = alive
    stands = place >= last[case[place]]
    order = np.argsort(place, kind="stable")
    amount = _last_amount(journal, rows, case)[place]
    return Losing(left, entered, at, amount, stands)[order]


def _last_amount(journal: Journal, rows: Ints, case: npt.NDArray[np.int32]) -> Ints:
    """The last amount of the case that was known at each row, rows being in order."""
    if journal.amount is None:
        return np.full(len(rows), UNKNOWN)
    given = journal.amount[rows]
    place = np.arange(len(rows))
    last = np.maximum.accumulate(np.where(given != UNKNOWN, place, -1)) if len(rows) else place
    mine = (last >= 0) & (case[np.maximum(last, 0)] == case)
    return np.where(mine, given[np.maximum(last, 0)], UNKNOWN)
