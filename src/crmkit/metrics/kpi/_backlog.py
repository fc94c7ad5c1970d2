"""What is open at the end of periods, what came to be open in them, and what ceased to be."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import OPEN, Finding
from crmkit.metrics._blocks import Whole
from crmkit.metrics.kpi._snapshots import Snapshots
from crmkit.metrics.kpi._tickets import elapsed, in_order
from crmkit.metrics.metric import Part
from crmkit.metrics.view import View

__all__ = ["BY_LIMIT", "Floats", "Ints", "ages", "bands", "by_limit", "comings", "endless", "goings"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_DAY_US = 86_400_000_000
_MINUTE_US = 60_000_000
#: How a ticket stands to its limit.
BY_LIMIT = ("in time", "near", "breached")


def bands(field: str, edges: Sequence[int]) -> tuple[str, ...]:
    """The names of the bands of ages that edges make; their order as text is that of the ages.

    Raises:
        InvalidValue: unless the edges are days that ascend, from 1 on.
    """
    if not edges or edges[0] < 1 or any(b <= a for a, b in pairwise(edges)):
        raise InvalidValue(field, edges, "are not days from 1 on that ascend")
    wide = len(str(edges[-1]))
    said = [f"{day:0{wide}d}" for day in (0, *edges)]
    return (*(f"{a}-{b} days" for a, b in pairwise(said)), f"{said[-1]} days and more")


def ages(view: View, standing: Snapshots, metric: str) -> Ints:
    """Whole days since the case of each was opened."""
    journal, cases = view.journal(standing.table, metric), view.cases(standing.table, metric)
    opened = np.zeros(len(journal.cases.values), np.int64)
    opened[journal.cases.codes[cases.first]] = cases.opened
    return (standing.at - opened[journal.cases.codes[standing.rows]]) // _DAY_US


def by_limit(
    view: View, standing: Snapshots, limit_minutes: int, *, near: float, paused: Sequence[str]
) -> npt.NDArray[np.int32]:
    """The place among `BY_LIMIT` of each: time in the open stages so far, but for paused ones, against the limit."""
    journal = view.journal("service", "limits")
    still = np.array([journal.stage_code(name) for name in paused], np.int64)
    order = in_order(journal)
    case = journal.cases.codes[order]
    counts = np.zeros(len(journal), np.bool_)
    counts[view.in_open_stages("service", "limits")] = True
    counts &= ~np.isin(journal.stages.codes, still)
    spent = np.where(counts, elapsed(view, journal.entered, np.minimum(journal.left, view.until)), 0)[order]
    before = np.cumsum(spent) - spent
    begin = np.searchsorted(case, case, "left")
    earlier = np.empty(len(journal), np.int64)
    earlier[order] = before - (before[begin] if len(begin) else 0)
    here = np.where(counts[standing.rows], elapsed(view, journal.entered[standing.rows], standing.at), 0)
    used, limit = earlier[standing.rows] + here, limit_minutes * _MINUTE_US
    return ((used >= round(near * limit)).astype(np.int32) + (used > limit)).astype(np.int32)


def endless(view: View, metric: str) -> Iterator[Finding]:
    """What is to be said where no stage ends a ticket, as of names in a list that are not the usual ones."""
    order = view.order("service", metric)
    if not (order.won or order.lost):
        reason = "no stage ends a ticket: all are open; say which do, with Facts(service_stages=a pipeline)"
        yield Finding(None, "stage", reason, example=", ".join(order.names), dropped=False)


def comings(view: View, metric: str) -> Part:
    """The stays with which a case came to be open: opened, or reopened."""
    rows = view.once("comings", lambda: _flows(view, metric)[0])
    return _part(view, "arrived", rows, view.journal("service", metric).entered[rows])


def goings(view: View, metric: str) -> Part:
    """The last stays before a case ceased to be open."""
    rows = view.once("goings", lambda: _flows(view, metric)[1])
    return _part(view, "left", rows, view.journal("service", metric).left[rows])


def _part(view: View, name: str, rows: Whole, at: Ints) -> Part:
    return Part(name=name, table="service", rows=rows, period=view.periods(at))


def _flows(view: View, metric: str) -> tuple[Whole, Whole]:
    """Where a stay goes on in another open stage at once, the one does not end and the other does not begin."""
    journal = view.journal("service", metric)
    order = in_order(journal)
    is_open = np.zeros(len(journal), np.bool_)
    is_open[view.in_open_stages("service", metric)] = True
    one, next_ = order[:-1], order[1:]
    on = is_open[one] & is_open[next_] & (journal.cases.codes[one] == journal.cases.codes[next_])
    on &= journal.left[one] == journal.entered[next_]
    begins, ends = is_open.copy(), is_open & (journal.left != OPEN) & (journal.left <= view.until)
    begins[next_[on]] = False
    ends[one[on]] = False
    return np.flatnonzero(begins).astype(np.int32), np.flatnonzero(ends).astype(np.int32)
