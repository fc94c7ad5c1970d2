"""Waiting and resolution of the cases of a journal, in working time where there are working hours."""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Coded, Journal
from crmkit.metrics.view import TableName, View

__all__ = ["ENDS", "Spans", "elapsed", "first_closing", "in_order", "resolutions", "waits"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_MINUTE_US = 60_000_000
#: How a span ends; missing while it lasts.
ENDS = ("done", "withdrawn")


@attrs.frozen(eq=False)
class Spans:
    """Spans of time of cases.

    Attributes:
        rows: the row of the journal in which each begins, shape (n,).
        begun: int64 microseconds UTC.
        minutes: whole minutes, rounded up, of working time or of wall time.
        end: how each ended, among `ENDS`.
        first: whether it is the first of its case.
    """

    rows: Ints
    begun: Ints
    minutes: Ints
    end: Coded
    first: Bools


def elapsed(view: View, start: Ints, end: Ints) -> Ints:
    """Microseconds between instants: working time of those who answer, if the facts have it."""
    hours = view.facts.hours
    return end - start if hours is None else hours.elapsed_us(start, end)


def waits(view: View, table: TableName, metric: str, waiting: Sequence[str]) -> Spans:
    """The spans in which a case waits for us: stays in waiting stages, those that follow one another as one.

    Args:
        view: the facts.
        table: the journal.
        metric: who asks.
        waiting: the stages in which a case waits; that in which it was opened if empty.

    Raises:
        NotFound: for a stage that the journal does not have.
    """
    journal = view.journal(table, metric)
    order = in_order(journal)
    case, stage = journal.cases.codes[order], journal.stages.codes[order]
    new = np.append(True, case[1:] != case[:-1])[: len(case)]
    if waiting:
        held = np.isin(stage, [journal.stage_code(name) for name in waiting])
    else:
        held = stage == np.repeat(stage[new], np.diff(np.append(np.flatnonzero(new), len(case))))
    begins = np.flatnonzero(held & (new | ~np.append(False, held[:-1])[: len(held)]))
    last = np.append(new[1:], True)[: len(new)]
    ends = np.flatnonzero(held & (last | ~np.append(held[1:], False)[: len(held)]))
    rows, left = order[begins], journal.left[order[ends]]
    lost = [name in view.order(table, metric).lost for name in journal.stages.values]
    how = np.where(left == OPEN, -1, np.array([*lost, False])[journal.next[order[ends]]].astype(np.int64))
    begun = journal.entered[rows]
    owner = case[begins]
    return Spans(
        rows=rows,
        begun=begun,
        minutes=_minutes(elapsed(view, begun, np.minimum(left, view.until))),
        end=Coded(how.astype(np.int32), ENDS),
        first=np.append(True, owner[1:] != owner[:-1])[: len(owner)],
    )


def resolutions(view: View, table: TableName, metric: str, paused: Sequence[str], *, last: bool) -> Spans:
    """From the opening of each case until it is resolved, without the stays in paused stages.

    Args:
        view: the facts.
        table: the journal.
        metric: who asks.
        paused: the stages whose time does not count.
        last: whether a case that was reopened is resolved when it was resolved last, and open if it is open; else when
            it was resolved first.

    Raises:
        NotFound: for a stage that the journal does not have.
    """
    journal = view.journal(table, metric)
    cases = view.cases(table, metric)
    still = np.array([journal.stage_code(name) for name in paused], np.int64)
    closed, outcome = (cases.closed, cases.outcome) if last else first_closing(view, table, metric)
    size = len(journal.cases.values)
    until = np.full(size, OPEN)
    until[journal.cases.codes[cases.first]] = closed
    rows = np.flatnonzero((journal.entered < until[journal.cases.codes]) & ~np.isin(journal.stages.codes, still))
    end = np.minimum(np.minimum(journal.left[rows], until[journal.cases.codes[rows]]), view.until)
    total = np.zeros(size, np.int64)
    np.add.at(total, journal.cases.codes[rows], elapsed(view, journal.entered[rows], end))
    return Spans(
        rows=cases.first,
        begun=cases.opened,
        minutes=_minutes(total[journal.cases.codes[cases.first]]),
        end=Coded((outcome - 1).astype(np.int32), ENDS),
        first=np.ones(len(cases.first), np.bool_),
    )


def first_closing(view: View, table: TableName, metric: str) -> tuple[Ints, Ints]:
    """When each case was first closed, and how; `OPEN` and 0 for those that never were."""
    journal, order = view.journal(table, metric), view.order(table, metric)
    cases = view.cases(table, metric)
    kind = np.array([1 if s in order.won else 2 if s in order.lost else 0 for s in journal.stages.values], np.int64)
    rows = in_order(journal)
    rows = rows[kind[journal.stages.codes[rows]] > 0][::-1]
    closed, outcome = np.full(len(journal.cases.values), OPEN), np.zeros(len(journal.cases.values), np.int64)
    # Written last to first, so that the first stays.
    closed[journal.cases.codes[rows]] = journal.entered[rows]
    outcome[journal.cases.codes[rows]] = kind[journal.stages.codes[rows]]
    mine = journal.cases.codes[cases.first]
    return closed[mine], outcome[mine]


def in_order(journal: Journal) -> Ints:
    """The rows by case, as they followed one another."""
    return np.lexsort((journal.left, journal.entered, journal.cases.codes))


def _minutes(micros: Ints) -> Ints:
    return -(-micros // _MINUTE_US)
