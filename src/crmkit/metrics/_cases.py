"""The cases of a journal, one row each: where each began, where it stands, and how it was closed."""

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Journal
from crmkit.metrics._blocks import Whole
from crmkit.metrics.policy import StageOrder

__all__ = ["LOST", "WON", "Cases", "cases_of"]

Ints = npt.NDArray[np.int64]

WON, LOST = 1, 2


@attrs.frozen(eq=False)
class Cases:
    """The cases of a journal as they stand at the end of observation.

    Attributes:
        first: the row of the journal in which each was opened, shape (c,).
        last: the row in which it stands.
        opened: int64 microseconds UTC.
        closed: when it entered the stage that it is closed in; `OPEN` for open cases.
        outcome: 0 open, 1 won, 2 lost.
    """

    first: Whole
    last: Whole
    opened: Ints
    closed: Ints
    outcome: Whole

    def spent(self, until: int) -> Ints:
        """Time from opening to closing, of open cases so far."""
        return np.minimum(self.closed, until) - self.opened


def cases_of(journal: Journal, order: StageOrder) -> Cases:
    """The cases of a journal; one of which no stay lasts stands where its last stay went."""
    # A stable order: rows of one instant stay as they are.
    rows = np.lexsort((journal.entered, journal.cases.codes))
    case = journal.cases.codes[rows]
    changes = case[1:] != case[:-1]
    first = rows[np.append(True, changes)[: len(rows)]].astype(np.int32)
    last = rows[np.append(changes, True)[: len(rows)]].astype(np.int32)
    lasting = np.full(len(journal.cases.values), -1, np.int32)
    now = np.flatnonzero(journal.open)
    lasting[journal.cases.codes[now]] = now
    mine = lasting[journal.cases.codes[last]]
    del rows, case, changes
    last = np.where(mine >= 0, mine, last)
    kind = np.array([WON if s in order.won else LOST if s in order.lost else 0 for s in journal.stages.values], np.int8)
    stage = np.where(mine >= 0, journal.stages.codes[last], journal.next[last])
    since = np.where(mine >= 0, journal.entered[last], journal.left[last])
    outcome = kind[stage] if len(kind) else stage.astype(np.int8)
    return Cases(first, last, journal.entered[first], np.where(outcome > 0, since, OPEN), outcome)
