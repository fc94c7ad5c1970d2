"""The backlog at cuts: what was foreseen of it with what was known there, and what it came to be.

The chance of each open ticket is that of the forecast: the same records of the same semi-Markov process, in which every
way to leave the backlog is one. Cuts are weeks apart and not months, and what is foreseen is what stays, not what goes.
"""

import math
from collections.abc import Sequence
from functools import cached_property

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Journal
from crmkit.metrics._cuts import DAY_US
from crmkit.metrics._records import LEAST_CUTS, Record, Workshop, interval_scale
from crmkit.metrics.estimators import wilson
from crmkit.metrics.policy import StageOrder

__all__ = ["Backlog", "Weekly", "limits_of", "refuted_by"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_STEP = 7
# Days that may say how many tickets come, with what their errors count: a short span, which follows every flood, has to
# be better by so much. Fewer past cuts do not choose.
_SPANS, _LEAST_CHOICE = {364: 1.0, 91: 1.1, 28: 1.25}, 3
# Coverage may miss its level by five points.
_NEAR = 0.05


@attrs.define(eq=False, slots=False)
class Weekly(Workshop):
    """Makes records at cuts that are whole weeks apart, for some days ahead.

    Attributes:
        days: the days ahead, ascending; the last is the horizon.
        known: the backlogs of earlier cuts, each made once.
    """

    days: tuple[int, ...] = ()
    known: dict[int, "Backlog"] = attrs.field(factory=dict[int, "Backlog"])

    @classmethod
    def over(
        cls, journal: Journal, order: StageOrder, days: Sequence[int], window: int | str | None, tz: str
    ) -> "Weekly":
        """Of a journal in which all closed stages are one: a ticket that leaves the backlog has left it."""
        one = StageOrder(order.names, order.won | order.lost, frozenset())
        return cls(attrs.evolve(journal, amount=None), one, days[-1], window, None, "week", tz, days=tuple(days))

    def before(self, at: int, number: int) -> int:
        """The cut that lies a number of weeks before another."""
        return at - number * _STEP * DAY_US

    def overlapping(self) -> float:
        """How many weekly cuts tell hardly more than one, because their horizons overlap."""
        return max(1.0, self.horizon / _STEP)

    def ends(self, at: int) -> Ints:  # noqa: ARG002 - the same days after every cut
        """The days ahead."""
        return np.array(self.days, np.int64)

    @cached_property
    def edges(self) -> tuple[Ints, Ints]:
        """When tickets came to be open, and when they ceased to be, each ascending: stays that go on cancel out."""
        is_open = np.array([*(name in self.order.open for name in self.journal.stages.values), False])
        held = is_open[self.journal.stages.codes]
        return np.sort(self.journal.entered[held]), np.sort(self.journal.left[held])

    def earlier(self, record: Record) -> tuple["Backlog", ...]:
        """The backlogs of the cuts that were over by then, oldest first."""
        for one in record.past:
            if one.cut.at not in self.known:
                self.known[one.cut.at] = Backlog.of(self, one)
        return tuple(self.known[one.cut.at] for one in record.past)

    @cached_property
    def comings(self) -> Ints:
        """When tickets came to be open: opened, or reopened; ascending."""
        journal = self.journal
        rows = np.lexsort((np.arange(len(journal)), journal.left, journal.entered, journal.cases.codes))
        held = np.isin(journal.stages.codes, [place for place, name in enumerate(journal.stages.values)
                                              if name in self.order.open])[rows]  # fmt: skip
        case = journal.cases.codes[rows]
        on = np.append(False, (case[1:] == case[:-1]) & held[:-1])[: len(rows)]
        return np.sort(journal.entered[rows][held & ~on])

    def rate(self, at: int, span: int) -> float:
        """Tickets that came in a day, in so many days before an instant."""
        first, last = np.searchsorted(self.comings, [at - span * DAY_US, at], "right")
        return float(last - first) / span

    def span(self, record: Record) -> int | None:
        """How many days before a cut say best how many tickets come: those that did at past cuts; None for too few."""
        fits = [span for span in _SPANS if -record.cut.first_day >= span]
        if len(record.past) < _LEAST_CHOICE or not fits:
            return None
        errors = dict.fromkeys(fits, 0.0)
        for one in record.past:
            at, until = one.cut.at, one.cut.at + self.horizon * DAY_US
            first, last = np.searchsorted(self.comings, [at, until], "right")
            for span in fits:
                seen = min(span, max(-one.cut.first_day, 1))
                errors[span] += (self.rate(at, seen) * self.horizon - float(last - first)) ** 2
        return min(fits, key=lambda span: (errors[span] * _SPANS[span], -span))

    def open_at(self, at: Ints) -> Ints:
        """How many tickets are open at instants."""
        entered, left = self.edges
        return np.searchsorted(entered, at, "right") - np.searchsorted(left, at, "right")


@attrs.frozen(eq=False)
class Backlog:
    """What was foreseen at a cut.

    Attributes:
        record: of the tickets.
        now: how many are open.
        staying: expected number of these that are still open, by day, shape (D,).
        fresh: expected number of those open that have come since, shape (D,); 0 where nobody knows how many come.
        spread: standard deviation of the sum if tickets were independent and rates lasted, shape (D,).
        actual: what it came to be, shape (D,); NaN while that is not known.
        arrivals: tickets that come in a day; None where the history is too short to say.
    """

    record: Record
    now: int
    staying: Floats
    fresh: Floats
    spread: Floats
    actual: Floats
    arrivals: float | None

    @classmethod
    def of(cls, shop: Weekly, record: Record) -> "Backlog":
        """The backlog of a record."""
        ahead, ends = record.ahead, record.ends
        chance = ahead.chance
        fresh, arrivals, learned = np.zeros(len(ends)), ahead.arrivals, 1.0
        if arrivals is not None:
            span = shop.span(record)
            # Of new tickets the share is known that is closed by each day; how many come is learned apart.
            open_share = np.maximum(1.0 - ahead.fresh / np.maximum(arrivals * ends, 1e-12), 0.0)
            arrivals = arrivals if span is None else shop.rate(record.cut.at, span)
            fresh = np.asarray(arrivals * ends * open_share, np.float64)
            learned = max(arrivals * (-record.cut.first_day if span is None else span), 1.0)
        variance = (chance * (1.0 - chance)).sum(axis=0) + fresh + fresh**2 / learned
        instants = record.cut.at + ends * DAY_US
        actual = np.where(instants <= shop.journal.until, shop.open_at(instants), np.nan)
        spread = np.sqrt(np.maximum(variance, 1e-9))
        return cls(record, len(chance), (1.0 - chance).sum(axis=0), fresh, spread, actual, arrivals)

    @property
    def predicted(self) -> Floats:
        """Expected backlog by day, shape (D,)."""
        return self.staying + self.fresh

    @property
    def missed(self) -> Floats:
        """By how many standard deviations it was missed, shape (D,)."""
        return (self.actual - self.predicted) / self.spread


def limits_of(one: Backlog, past: Sequence[Backlog], day: int, level: float) -> tuple[float, float] | str:
    """The interval of a day (by its place) that past cuts allow, or why there is none."""
    if one.arrivals is None:
        return "the history is too short to say how many tickets come"
    scores = np.array([each.missed[day] for each in past])
    if len(past) < LEAST_CUTS:
        return f"insufficient history: {len(past)} past cuts of {LEAST_CUTS}"
    scale = interval_scale(scores, level)
    if math.isnan(scale):
        return f"insufficient history: {len(past)} past cuts do not reach a level of {level:g}"
    mean, reach = float(one.predicted[day]), scale * float(one.spread[day])
    return max(0.0, mean - reach), mean + reach


def refuted_by(shop: Weekly, past: Sequence[Backlog], day: int, level: float) -> tuple[int, int, bool]:
    """How many intervals of a day could have been given at past cuts, how many held, and whether that is no chance."""
    n = inside = 0
    for one in past:
        found = limits_of(one, shop.earlier(one.record), day, level)
        if not isinstance(found, str):
            n += 1
            inside += found[0] <= float(one.actual[day]) <= found[1]
    if n < LEAST_CUTS:
        return n, inside, False
    low, high = wilson(inside / shop.overlapping(), n / shop.overlapping())
    return n, inside, bool(low > level + _NEAR or high < level - _NEAR)
