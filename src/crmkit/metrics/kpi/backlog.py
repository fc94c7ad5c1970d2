"""Unresolved work (T11): how many tickets are open, how old, within their time or not, and whether they grow more.

What was open, plus what arrived, less what left, is what is open: `open_tickets` of a period is that of the period
before plus its `backlog_growth`, exactly. Group by the columns of the tickets: urgency, owner, customer, stage.
"""

from collections.abc import Iterator
from typing import ClassVar

import attrs
import numpy as np

from crmkit.journal import Coded, Finding
from crmkit.metrics._estimates import counts_of, mover, none
from crmkit.metrics.estimators import garwood
from crmkit.metrics.kpi._backlog import BY_LIMIT, Floats, Ints, ages, bands, by_limit, comings, endless, goings
from crmkit.metrics.kpi._checks import at_least_one, inner_share, names
from crmkit.metrics.kpi._snapshots import Snapshots
from crmkit.metrics.metric import About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = [
    "BacklogAge",
    "BacklogByLimit",
    "BacklogGrowth",
    "DaysToClear",
    "OldestTicket",
    "OpenTickets",
    "TicketsArrived",
    "TicketsLeft",
]

_NEEDS = ("service",)
_GRAIN = "ticket that is open at the end of the period, or of observation; whose it was as its stay began"
_STOCK = "a stock is added up over persons and urgencies, never over periods"
_CENSORED = "ages are of open tickets: how long they will take in the end is not known (see resolution_time)"
_FLOW = "what is handed over between groups neither arrives nor leaves: only the sum of all groups adds up then"


@attrs.frozen
class OpenTickets(Metric):
    """How many tickets are open."""

    about: ClassVar[About] = About(
        key="open_tickets",
        en="Open tickets",
        zh="未结工单数",
        mission="T11",
        unit="tickets",
        better="less",
        grain=_GRAIN,
        formula="Number of tickets that are in an open stage at the end of the period.",
        source="exact count; no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=(_STOCK, "a ticket that was reopened is open"),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """The tickets that are open as each period ends."""
        yield from endless(view, self.key)
        standing = Snapshots.of(view, self.key, "service")
        yield Part(name="tickets", table="service", rows=standing.rows, period=standing.period)

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - a stock has no sampling error
        """Counts."""
        return _stock(cells)


def _ascending(_metric: object, field: "attrs.Attribute[tuple[int, ...]]", value: tuple[int, ...]) -> None:
    bands(field.name, value)


@attrs.frozen
class BacklogAge(Metric):
    """Open tickets by their age.

    Attributes:
        edges_days: the ages that part the bands, in days since the ticket was opened.
    """

    about: ClassVar[About] = About(
        key="backlog_age",
        en="Open tickets by age",
        zh="未结工单账龄",
        mission="T11",
        unit="tickets",
        better="less",
        grain=_GRAIN,
        formula="Open tickets whose days since opening reach one edge and not the next.",
        source="exact count; no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=(_STOCK, _CENSORED, "age counts from the first opening, also of a ticket that was reopened"),
        within=("age",),
    )

    edges_days: tuple[int, ...] = attrs.field(default=(1, 3, 7, 30), validator=_ascending)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """The tickets that are open as each period ends, by band."""
        yield from endless(view, self.key)
        standing = Snapshots.of(view, self.key, "service")
        band = np.searchsorted(np.array(self.edges_days), ages(view, standing, self.key), "right")
        age = Coded(band.astype(np.int32), bands("edges_days", self.edges_days))
        yield Part(name="tickets", table="service", rows=standing.rows, period=standing.period, keys={"age": age})

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - a stock has no sampling error
        """Counts."""
        return _stock(cells)


@attrs.frozen
class OldestTicket(Metric):
    """How old the oldest open ticket is."""

    about: ClassVar[About] = About(
        key="oldest_ticket",
        en="Oldest open ticket",
        zh="最久未结工单",
        mission="T11",
        unit="days",
        better="less",
        grain=_GRAIN,
        formula="Whole days since the opening of the open ticket that was opened first.",
        source="exact maximum; no sampling error",
        needs=_NEEDS,
        traps=(_CENSORED, "one ticket that nobody closed is all it says: read backlog_age beside it"),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """The tickets that are open as each period ends, by days."""
        yield from endless(view, self.key)
        standing = Snapshots.of(view, self.key, "service")
        age = ages(view, standing, self.key)
        yield Part(name="tickets", table="service", rows=standing.rows, period=standing.period, bins=age)

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - no sampling error
        """Maxima."""
        where, counts = cells.entries("tickets")
        oldest = np.zeros(len(cells), np.int64)
        np.maximum.at(oldest, where, counts.bins)
        return attrs.evolve(_stock(cells), value=oldest.astype(np.float64), exact=oldest, method="exact maximum")


@attrs.frozen
class BacklogByLimit(Metric):
    """Open tickets that are in time, about to be late, and late.

    Attributes:
        limit_minutes: the time a ticket may take; working time where `Facts.hours` says when work is done.
        near: the share of it from which a ticket is about to be late.
        paused: the stages whose time does not count.
    """

    about: ClassVar[About] = About(
        key="backlog_by_limit",
        en="Open tickets by their time limit",
        zh="未结工单时限状态",
        mission="T11",
        unit="tickets",
        better="less",
        grain=_GRAIN,
        formula="Open tickets by the time that they have used: below the near share of the limit, up to it, beyond it.",
        source="exact count; no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=(
            _STOCK,
            "time is working time where Facts.hours says when work is done, without that in paused stages",
            "one limit for all: the clocks of a pipeline know each ticket's own (crmkit.pipeline.clocks.survey)",
            "a limit is kept until the very instant it is due",
        ),
        within=("clock",),
    )

    limit_minutes: int = attrs.field(default=2400, validator=at_least_one)
    near: float = attrs.field(default=0.8, validator=inner_share)
    paused: tuple[str, ...] = attrs.field(default=(), converter=names)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """The tickets that are open as each period ends, by what they have used of their time."""
        yield from endless(view, self.key)
        standing = Snapshots.of(view, self.key, "service")
        place = by_limit(view, standing, self.limit_minutes, near=self.near, paused=self.paused)
        yield Part(
            name="tickets", table="service", rows=standing.rows, period=standing.period,
            keys={"clock": Coded(place, BY_LIMIT)},
        )  # fmt: skip

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - a stock has no sampling error
        """Counts."""
        return _stock(cells)


@attrs.frozen
class TicketsArrived(Metric):
    """How many tickets came to be open."""

    about: ClassVar[About] = About(
        key="tickets_arrived",
        en="Tickets that arrived",
        zh="新增工单数",
        mission="T11",
        unit="tickets",
        better="neither",
        grain="opening or reopening of a ticket",
        formula="Number of times that a ticket entered the open stages in the period.",
        source="count; exact Poisson interval, Garwood 1936",
        needs=_NEEDS,
        absent="zero",
        traps=(_FLOW, "what is reopened arrives again"),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Openings and reopenings."""
        yield from endless(view, self.key)
        yield comings(view, self.key)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Counts."""
        return counts_of(cells.sum("arrived"), level)


@attrs.frozen
class TicketsLeft(Metric):
    """How many tickets ceased to be open."""

    about: ClassVar[About] = About(
        key="tickets_left",
        en="Tickets that were closed",
        zh="办结工单数",
        mission="T11",
        unit="tickets",
        better="more",
        grain="closing of a ticket",
        formula="Number of times that a ticket left the open stages in the period.",
        source="count; exact Poisson interval, Garwood 1936",
        needs=_NEEDS,
        absent="zero",
        traps=(_FLOW, "withdrawn tickets leave, too", "what is closed twice leaves twice"),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Closings."""
        yield from endless(view, self.key)
        yield goings(view, self.key)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Counts."""
        return counts_of(cells.sum("left"), level)


@attrs.frozen
class BacklogGrowth(Metric):
    """By how many tickets the backlog grew."""

    about: ClassVar[About] = About(
        key="backlog_growth",
        en="Growth of the backlog",
        zh="未结工单净增",
        mission="T11",
        unit="tickets",
        better="less",
        grain="opening, reopening or closing of a ticket",
        formula="Tickets that arrived in the period - tickets that left.",
        source="difference of two counts; MOVER (Zou & Donner 2008) of the limits of Garwood 1936",
        needs=_NEEDS,
        absent="zero",
        traps=(_FLOW, "the number is exact; its interval says what chance would make of the same rates"),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Openings, reopenings and closings."""
        yield from endless(view, self.key)
        yield comings(view, self.key)
        yield goings(view, self.key)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Differences."""
        came, went = cells.sum("arrived"), cells.sum("left")
        one, other = (counts_of(n, level) for n in (came, went))
        low, high = mover((one.value, one.low, one.high), (other.value, other.low, other.high))
        return Estimate(
            value=one.value - other.value, low=low, high=high, n=came + went, exact=came - went,
            method="difference of counts, mover of garwood",
        )  # fmt: skip


@attrs.frozen
class DaysToClear(Metric):
    """How long the backlog would last if nothing more came."""

    about: ClassVar[About] = About(
        key="days_to_clear",
        en="Days to clear the backlog",
        zh="清理积压所需天数",
        mission="T11",
        unit="days",
        better="less",
        grain="period",
        formula="Open tickets at the end of the period / tickets that left in a day of it.",
        source="ratio to a rate; Garwood 1936",
        needs=_NEEDS,
        traps=(
            "more will come: read backlog_growth beside it, and backlog_ahead() for what is to be expected",
            "the last to be cleared are not the first to have come",
            "where nothing was closed there is no rate, and no answer",
        ),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Open tickets, and closings by the observed minutes of their period."""
        yield from endless(view, self.key)
        standing = Snapshots.of(view, self.key, "service")
        yield Part(name="tickets", table="service", rows=standing.rows, period=standing.period)
        gone = goings(view, self.key)
        starts, ends = view.buckets.edges[:-1], np.minimum(view.buckets.edges[1:], view.until + 1)
        minutes = np.append(-(-np.maximum(ends - starts, 0) // 60_000_000), 0)
        yield attrs.evolve(gone, bins=minutes[gone.period.codes])

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Ratios."""
        n, left = cells.sum("tickets"), cells.sum("left")
        days = np.ones(len(cells))
        where, counts = cells.entries("left")
        days[where] = counts.bins / 1440.0
        low, high = garwood(left, days, level=level)
        known = left > 0
        return Estimate(
            value=_per(n, left / days, known), low=_per(n, high, known), high=_per(n, low, known), n=left, n_open=n,
            method="open / daily rate of leaving, garwood",
        )  # fmt: skip


def _per(n: Ints, rate: Floats, known: "np.typing.NDArray[np.bool_]") -> Floats:
    return np.where(known, n / np.where(known, rate, 1.0), np.nan)


def _stock(cells: Cells) -> Estimate:
    n = cells.sum("tickets")
    return Estimate(
        value=n.astype(np.float64), low=none(len(n)), high=none(len(n)), n=n, n_open=n, exact=n,
        method="exact count at the end of the period",
    )  # fmt: skip
