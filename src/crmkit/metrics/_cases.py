"""The cases of a journal, one row each: where each began, where it stands, and how it was closed."""

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Journal
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

    first: Ints
    last: Ints
    opened: Ints
    closed: Ints
    outcome: Ints

    def spent(self, until: int) -> Ints:
        """Time from opening to closing, of open cases so far."""
        return np.minimum(self.closed, until) - self.opened


def cases_of(journal: Journal, order: StageOrder) -> Cases:
    """The cases of a journal; one of which no stay lasts is not among them, for nobody knows where it stands."""
    rows = np.lexsort((np.arange(len(journal)), journal.entered, journal.cases.codes))
    case = journal.cases.codes[rows]
    starts = np.append(True, case[1:] != case[:-1])[: len(case)]
    first = np.full(len(journal.cases.values), -1, np.int64)
    first[case[starts]] = rows[starts]
    last = np.full(len(first), -1, np.int64)
    lasting = np.flatnonzero(journal.open)
    last[journal.cases.codes[lasting]] = lasting
    used = np.flatnonzero((first >= 0) & (last >= 0))
    first, last = first[used], last[used]
    kind = np.array(
        [WON if s in order.won else LOST if s in order.lost else 0 for s in journal.stages.values], np.int64
    )
    outcome = kind[journal.stages.codes[last]]
    closed = np.where(outcome > 0, journal.entered[last], OPEN)
    return Cases(first, last, journal.entered[first], closed, outcome)
