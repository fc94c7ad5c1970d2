"""First resolutions of tickets, what became of them, and tickets that were passed on."""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Coded
from crmkit.metrics.kpi._tickets import first_closing, in_order
from crmkit.metrics.metric import Part
from crmkit.metrics.view import View

__all__ = ["FirstResolutions", "passed_on", "resolved_first"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@attrs.frozen(eq=False)
class FirstResolutions:
    """Tickets that were ever resolved.

    Attributes:
        rows: the stay with which each was first resolved, shape (n,).
        at: when, int64 microseconds UTC.
        back: when it was first reopened, or until when it was seen that it was not.
        came_back: whether it was.
    """

    rows: Ints
    at: Ints
    back: Ints
    came_back: Bools

    def part(self, view: View, days: Ints, end: Coded) -> Part:
        """All of them, by the period of their resolution."""
        period = view.periods(self.at)
        return Part(name="resolved", table="service", rows=self.rows, period=period, bins=days, keys={"end": end})

    def further(self, view: View, contacts: Sequence[str]) -> Bools:
        """Whether each was in a stage of further contact, or in the hands of several, before it was resolved."""
        journal = view.journal("service", "contacts")
        case, size = journal.cases.codes, len(journal.cases.values)
        place = _places(view)
        until = np.zeros(size, np.int64)
        until[case[self.rows]] = place[self.rows]
        earlier = place < until[case]
        told = [journal.stage_code(name) for name in contacts]
        marked = np.zeros(size, np.bool_)
        marked[case[earlier & np.isin(journal.stages.codes, told)]] = True
        rows = np.flatnonzero(earlier & ~_opening(view) & ~journal.who.missing)
        least, most = np.full(size, len(journal.who.values)), np.full(size, -1)
        np.minimum.at(least, case[rows], journal.who.codes[rows])
        np.maximum.at(most, case[rows], journal.who.codes[rows])
        return np.asarray((marked | (most > least))[case[self.rows]])


def resolved_first(view: View, metric: str, resolved: Sequence[str]) -> FirstResolutions:
    """The tickets that were ever resolved.

    Args:
        view: the facts.
        metric: who asks.
        resolved: the stages that mean it, beside those that are won.

    Raises:
        NotFound: for a stage that the journal does not have.
    """
    journal, order = view.journal("service", metric), view.order("service", metric)
    told = {journal.stage_code(name) for name in resolved}
    stages = journal.stages.values
    good = np.array([*(code in told or name in order.won for code, name in enumerate(stages)), False])
    again = np.array([*(name in order.open for name in stages), False]) & ~good
    rows = np.flatnonzero(good[journal.stages.codes])
    over = np.full(len(journal.cases.values), OPEN)
    returned = rows[again[journal.next[rows]] & (journal.left[rows] <= view.until)]
    np.minimum.at(over, journal.cases.codes[returned], journal.left[returned])
    rows = rows[np.argsort(_places(view)[rows])]
    _, first = np.unique(journal.cases.codes[rows], return_index=True)
    rows = rows[first]
    back = over[journal.cases.codes[rows]]
    return FirstResolutions(rows, journal.entered[rows], np.minimum(back, view.until), back != OPEN)


def passed_on(view: View, metric: str, stages: Sequence[str]) -> tuple[Ints, npt.NDArray[np.int32]]:
    """When each ticket was first passed on (0) or closed (1), or until when it was seen that it was neither (-1).

    Args:
        view: the facts.
        metric: who asks.
        stages: the stages that mean passed on; a change of the person if empty.

    Raises:
        NotFound: for a stage that the journal does not have.
    """
    journal, cases = view.journal("service", metric), view.cases("service", metric)
    closed, _ = first_closing(view, "service", metric)
    if stages:
        rows = np.flatnonzero(np.isin(journal.stages.codes, [journal.stage_code(name) for name in stages]))
    else:
        rows = _changed_hands(view)
    passed = np.full(len(journal.cases.values), OPEN)
    np.minimum.at(passed, journal.cases.codes[rows], journal.entered[rows])
    mine = passed[journal.cases.codes[cases.first]]
    how = np.where((mine == OPEN) & (closed == OPEN), -1, np.where(mine <= closed, 0, 1))
    return np.minimum(np.minimum(mine, closed), view.until), how.astype(np.int32)


def _places(view: View) -> Ints:
    """The place of each row among all, by case and as they followed one another."""
    order = in_order(view.journal("service", "places"))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place


def _opening(view: View) -> Bools:
    """Which rows are the first of their case."""
    journal, place = view.journal("service", "opening"), _places(view)
    least = np.full(len(journal.cases.values), len(journal))
    np.minimum.at(least, journal.cases.codes, place)
    return np.asarray(place == least[journal.cases.codes])


def _changed_hands(view: View) -> Ints:
    """Rows of open stages with another person than the first who was given the ticket."""
    journal = view.journal("service", "hands")
    rows = view.in_open_stages("service", "hands").astype(np.int64)
    rows = rows[~(_opening(view) | journal.who.missing)[rows]]
    rows = rows[np.argsort(_places(view)[rows])]
    case, who = journal.cases.codes[rows], journal.who.codes[rows]
    return np.asarray(rows[who != who[np.searchsorted(case, case, "left")]])
