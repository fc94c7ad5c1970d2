"""Knowledge at work (B1, B2): is it found, used again, linked to cases, kept fresh, and by whom; does it save tickets?

The rows of the ledger are of the kinds "search" (its `answer` is "none" or "some"), "card-use" and "card-change" (each
with its `card`; a change is "written", "improved", "reviewed" or "retired") and "ticket"; `crmkit.kb.usage` makes them.
The measures are those of Knowledge-Centered Service (KCS v6, Consortium for Service Innovation), with intervals.
"""

from collections.abc import Iterator
from typing import ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded, Finding, Ledger
from crmkit.metrics._estimates import counts_of, rates_of, shares_of
from crmkit.metrics.kpi._checks import at_least_nothing, at_least_one, names
from crmkit.metrics.kpi._journals import incidence_by
from crmkit.metrics.kpi._ledgers import latest, periods_of, tallied
from crmkit.metrics.metric import UNUSABLE, About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = ["CardChanges", "CardReuse", "Deflection", "LinkRate", "SearchesWithoutResult", "StaleCards"]

Ints = npt.NDArray[np.int64]
_DAY_US = 86_400_000_000
_MINUTE_US = 60_000_000
_KCS = "KCS v6 Practices Guide, Consortium for Service Innovation"
_WILSON = f"{_KCS}; proportion, Wilson 1927"
_ONCE = "a fact that was entered twice under one id is one"
_RETIRED = "retired"


def _column(ledger: Ledger, name: str, rows: Ints) -> Coded:
    """A column of rows; without rows nobody needs one.

    Raises:
        NotFound: if there are rows, and no such column.
    """
    if not len(rows) and name not in ledger.dims:
        return Coded(np.zeros(0, np.int32), ())
    return ledger.dimension(name)[rows]


@attrs.frozen
class SearchesWithoutResult(Metric):
    """The share of searches that found nothing."""

    about: ClassVar[About] = About(
        key="searches_without_result",
        en="Searches without a result",
        zh="无结果搜索占比",
        mission="B2",
        unit="share",
        better="less",
        grain="search",
        formula="Searches that found nothing / searches.",
        source=_WILSON,
        needs=("search",),
        traps=(_ONCE, "what was found need not have helped: read it with deflection and card_reuse"),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Searches, by what they found."""
        rows = latest(view, "search", self.key)
        answer = _column(view.ledger(self.key), "answer", rows).recode(("none", "some"))
        unknown = answer.missing
        if unknown.any():
            yield tallied(view, rows[unknown], UNUSABLE)
            yield Finding(None, "answer", "search of which nobody knows whether it found something", int(unknown.sum()))
        yield tallied(view, rows[~unknown], "searches", {"end": answer[~unknown]})

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Wilson."""
        return shares_of(cells.ended("searches", "none"), cells.sum("searches"), level)


@attrs.frozen
class _OfCards(Metric):
    """Cards as they stand at the end of periods."""

    def _standing(self, view: View) -> Iterator[tuple[int, Ints, Ints]]:
        """For each period that has begun: its number, the row that wrote each card in use at its end, the last row."""
        ledger = view.ledger(self.key)
        rows = latest(view, "card-change", self.key)
        card, change = (_column(ledger, name, rows) for name in ("card", "change"))
        rows = rows[order := np.lexsort((ledger.at[rows], card.codes))]
        order = order[known := card.codes[order] >= 0]
        codes, rows, retired = card.codes[order], rows[known], ~change.recode((_RETIRED,)).missing[order]
        for number, edge in enumerate(view.buckets.edges[1:].tolist()):
            if view.buckets.edges[number] > view.until:
                return
            before = np.flatnonzero(ledger.at[rows] < min(edge, view.until + 1))
            starts = np.flatnonzero(np.append(True, np.diff(codes[before]) != 0)[: len(before)])
            ends = np.append(starts[1:], len(before))[: len(starts)] - 1
            used = ~retired[before[ends]]
            yield number, rows[before[starts[used]]], rows[before[ends[used]]]

    def _unknown(self, view: View, kind: str) -> Iterator[Part | Finding]:
        """What names no card."""
        rows = latest(view, kind, self.key)
        bare = _column(view.ledger(self.key), "card", rows).missing
        if bare.any():
            yield tallied(view, rows[bare], UNUSABLE)
            yield Finding(None, "card", f"{kind} of no card", int(bare.sum()))


@attrs.frozen
class CardReuse(_OfCards):
    """How often a card is used by others than its author."""

    about: ClassVar[About] = About(
        key="card_reuse",
        en="Uses for each card",
        zh="每张卡片复用次数",
        mission="B1",
        unit="uses",
        better="more",
        grain="card in use at the end of the period",
        formula="Uses of cards by others than their authors in the period / cards in use at its end.",
        source=f"{_KCS}; rate, Garwood 1936",
        needs=("card-use", "card-change"),
        traps=(
            _ONCE,
            "an author who opens their own card is no reuse",
            "cards that nobody used count, and retired ones do not",
            "group by the card; who used it has no cards of their own",
        ),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Uses, and cards in use."""
        ledger = view.ledger(self.key)
        yield from self._unknown(view, "card-use")
        yield from self._unknown(view, "card-change")
        rows = latest(view, "card-use", self.key)
        card = _column(ledger, "card", rows)
        changes = latest(view, "card-change", self.key)
        written = _column(ledger, "card", changes)
        # The first who changed it wrote it.
        first = changes[order := np.argsort(ledger.at[changes], kind="stable")][::-1]
        author = dict(zip(written.codes[order][::-1].tolist(), ledger.who.codes[first].tolist(), strict=True))
        by = np.array([author.get(code, -1) for code in card.codes.tolist()], np.int64)
        own = (by >= 0) & (by == ledger.who.codes[rows])
        yield tallied(view, rows[~own & ~card.missing], "uses")
        for number, standing, _ in self._standing(view):
            period = Coded(np.full(len(standing), number, np.int32), view.buckets.names)
            yield Part(name="cards", table="ledger", rows=standing, period=period)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Garwood."""
        return rates_of(cells.sum("uses"), cells.sum("cards").astype(np.float64), level)


@attrs.frozen
class StaleCards(_OfCards):
    """The share of cards in use that nobody has looked after for long.

    Attributes:
        days: how long.
    """

    about: ClassVar[About] = About(
        key="stale_cards",
        en="Stale cards",
        zh="过期未复核卡片占比",
        mission="B2",
        unit="share",
        better="less",
        grain="card in use at the end of the period",
        formula="Cards not written, improved or reviewed in the days before the end of the period / cards in use.",
        source=_WILSON,
        needs=("card-change",),
        traps=(_ONCE, "a stock at the end of its period", "retired cards are not stale, they are gone"),
    )

    days: int = attrs.field(default=180, validator=at_least_one)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Each card at each end, by whether it was looked after."""
        ledger, edges = view.ledger(self.key), view.buckets.edges
        yield from self._unknown(view, "card-change")
        for number, _, last in self._standing(view):
            old = ledger.at[last] < min(int(edges[number + 1]), view.until + 1) - self.days * _DAY_US
            period = Coded(np.full(len(last), number, np.int32), view.buckets.names)
            keys = {"end": Coded(old.astype(np.int32), ("fresh", "stale"))}
            yield Part(name="cards", table="ledger", rows=last, period=period, keys=keys)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Wilson."""
        return shares_of(cells.ended("cards", "stale"), cells.sum("cards"), level)


@attrs.frozen
class LinkRate(Metric):
    """The share of closed tickets to which a card is linked."""

    about: ClassVar[About] = About(
        key="link_rate",
        en="Tickets closed with a card",
        zh="工单关联知识率",
        mission="B2",
        unit="share",
        better="more",
        grain="closed ticket, by the period of its closing",
        formula="Closed tickets for which a card was used / closed tickets.",
        source=_WILSON,
        needs=("service", "card-use"),
        traps=(
            "several cards of one ticket are one link",
            "open tickets are left out: a card may yet be linked",
            "a target for it makes people link whatever is near: read it with deflection",
        ),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Closed tickets, by whether a card was used."""
        journal, cases = view.journal("service", self.key), view.cases("service", self.key)
        ledger = view.ledger(self.key)
        uses = ledger.cases[view.of("card-use", self.key)].recode(journal.cases.values)
        linked = np.zeros(len(journal.cases.values), np.bool_)
        linked[uses.codes[~uses.missing]] = True
        closed = np.flatnonzero(cases.outcome > 0)
        rows = cases.last[closed]
        codes = linked[journal.cases.codes[rows]].astype(np.int32)
        yield Part(
            name="closed",
            table="service",
            rows=rows,
            period=view.periods(cases.closed[closed]),
            keys={"end": Coded(codes, ("without", "linked"))},
        )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Wilson."""
        return shares_of(cells.ended("closed", "linked"), cells.sum("closed"), level)


@attrs.frozen
class Deflection(Metric):
    """The chance that a customer who searched by themself needs no ticket.

    Attributes:
        within_days: within how many days.
        channels: the channels in which customers search; all if empty.
        attempt_minutes: searches of a customer that follow each other within so many minutes are one attempt.
    """

    about: ClassVar[About] = About(
        key="deflection",
        en="Searches that needed no ticket",
        zh="自助解决率（搜索后未建工单）",
        mission="B2",
        unit="share",
        better="more",
        grain="attempt of a known customer, by the period of its first search",
        formula="1 - chance of a ticket of the customer within the days after an attempt.",
        source=f"{_KCS}; Aalen & Johansen 1978; complementary log-log limits, ABGK 1993 IV.4",
        needs=("search", "ticket"),
        traps=(
            "recent attempts are censored: they had no time to become a ticket",
            "somebody who asks in three ways made one attempt, not three",
            "an upper limit: who gives up files no ticket, either; and the ticket may be about something else",
        ),
    )

    within_days: int = attrs.field(default=7, validator=at_least_one)
    channels: tuple[str, ...] = attrs.field(default=("self-service",), converter=names)
    attempt_minutes: int = attrs.field(default=30, validator=at_least_nothing)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Days from each attempt to the next ticket, or so far."""
        ledger = view.ledger(self.key)
        rows = latest(view, "search", self.key)
        if self.channels:
            rows = rows[~_column(ledger, "channel", rows).recode(self.channels).missing]
        unknown = ledger.customers.missing[rows]
        if unknown.any():
            yield Finding(None, "customer", "search by nobody knows whom is followed by nothing", int(unknown.sum()))
        rows = _attempts(ledger, rows[~unknown], self.attempt_minutes)
        then, filed = _next_of(ledger, rows, latest(view, "ticket", self.key))
        gap = np.where(filed, then, view.until) - ledger.at[rows]
        yield Part(
            name="attempts",
            table="ledger",
            rows=rows,
            period=periods_of(view, rows),
            bins=gap // _DAY_US,
            keys={"end": Coded(np.where(filed, 0, -1).astype(np.int32), ("ticket",))},
        )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Aalen-Johansen, from the other side."""
        filed = incidence_by(cells, "attempts", ("ticket",), self.within_days, level)
        return attrs.evolve(filed, value=1.0 - filed.value, low=1.0 - filed.high, high=1.0 - filed.low)


def _attempts(ledger: Ledger, rows: Ints, minutes: int) -> Ints:
    """The first searches of attempts, by customer and time."""
    rows = rows[np.lexsort((ledger.at[rows], ledger.customers.codes[rows]))]
    same = np.diff(ledger.customers.codes[rows]) == 0
    near = np.diff(ledger.at[rows]) <= minutes * _MINUTE_US
    first: Ints = rows[np.append(True, ~(same & near))[: len(rows)]]
    return first


def _next_of(ledger: Ledger, rows: Ints, tickets: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """When the customer of each row next filed a ticket, and whether."""
    tickets = tickets[np.lexsort((ledger.at[tickets], ledger.customers.codes[tickets]))]
    owner, at = ledger.customers.codes[tickets], ledger.at[tickets]
    found = np.zeros(len(rows), np.int64)
    filed = np.zeros(len(rows), np.bool_)
    for code in np.unique(ledger.customers.codes[rows]).tolist():
        mine = np.flatnonzero(ledger.customers.codes[rows] == code)
        theirs = at[np.searchsorted(owner, code, "left") : np.searchsorted(owner, code, "right")]
        place = np.searchsorted(theirs, ledger.at[rows[mine]], "left")
        there = place < len(theirs)
        filed[mine] = there
        found[mine[there]] = theirs[place[there]]
    return found, filed


@attrs.frozen
class CardChanges(Metric):
    """How often cards were written, improved or reviewed; `by=["who"]` says by whom.

    Attributes:
        changes: what counts.
    """

    about: ClassVar[About] = About(
        key="contributions",
        en="Contributions to knowledge",
        zh="知识贡献次数",
        mission="B2",
        unit="contributions",
        better="more",
        grain="change of a card",
        formula="Number of cards written, improved or reviewed in the period.",
        source=f"{_KCS}; count, exact Poisson interval, Garwood 1936",
        needs=("card-change",),
        absent="zero",
        traps=(_ONCE, "a count invites cards that nobody needs: read it with card_reuse of the same person"),
    )

    changes: tuple[str, ...] = attrs.field(default=("written", "improved", "reviewed"), converter=names)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Changes."""
        rows = latest(view, "card-change", self.key)
        yield tallied(view, rows[~_column(view.ledger(self.key), "change", rows).recode(self.changes).missing])

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Counts."""
        return counts_of(cells.sum("n"), level)
