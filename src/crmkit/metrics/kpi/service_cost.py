"""Service cost (K12): what tickets cost, in all, each, and as a share of what is sold."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import UNKNOWN, Coded, Finding
from crmkit.metrics._estimates import major, money_of
from crmkit.metrics.kpi._dealt import REPLICATES, deal, spread_of
from crmkit.metrics.kpi._ledgers import periods_of
from crmkit.metrics.kpi._money import by_money
from crmkit.metrics.kpi._ratios import clustered, ratios_of
from crmkit.metrics.metric import UNUSABLE, About, Cells, Estimate, Metric, Part
from crmkit.metrics.states import exact_sums
from crmkit.metrics.view import TableName, View
from crmkit.values import Money

__all__ = ["CostPerTicket", "ServiceCost", "ServiceCostRatio"]

Ints = npt.NDArray[np.int64]
_NEEDS = ("expense", "service")
_TRAPS = (
    "an expense belongs to a ticket by its case; what names none is no cost of service here",
    "time that was not logged costs nothing here: compare with the hours paid",
    "currencies are not added up",
)


@attrs.frozen
class _Costing(Metric):
    """What tickets cost.

    Attributes:
        hourly: what an hour costs, for expenses that have a quantity (hours) and no amount; without it they are
            unusable.
    """

    hourly: Money | None = None

    def _costs(self, view: View) -> tuple[Ints, Ints, Coded, list[Finding]]:
        """Expenses of tickets: rows of the ledger, minor units, currencies, and what has no rate."""
        ledger = view.ledger(self.key)
        rows = view.of("expense", self.key)
        tickets = view.journal("service", self.key).cases
        # A ticket that was opened later has a name in the journal, and no row.
        there = np.append(np.bincount(tickets.codes, minlength=len(tickets.values)) > 0, [False])
        rows = rows[there[ledger.cases.recode(tickets.values).codes[rows]]]
        minor, unit, findings = view.money(rows)
        if self.hourly is None or ledger.quantity is None:
            return rows, minor, unit, findings
        hours = ledger.quantity[rows]
        timed = np.flatnonzero(unit.missing & ledger.currencies.missing[rows] & (hours != UNKNOWN))
        codes, names = unit.codes.copy(), dict.fromkeys((*unit.values, self._currency(view)))
        codes[timed] = list(names).index(self._currency(view))
        minor = minor.copy()
        minor[timed] = _hundredth(hours[timed] * self.hourly.minor)
        return rows, minor, Coded(codes, tuple(names)), findings

    def _currency(self, view: View) -> str:
        assert self.hourly is not None  # noqa: S101 - the caller has an hourly rate
        wanted = view.facts.currency
        if wanted is not None and wanted != self.hourly.currency:
            raise InvalidValue("hourly", str(self.hourly), f"is not in {wanted}, to which the facts are converted")
        return self.hourly.currency.code


def _hundredth(values: Ints) -> Ints:
    """Hundredths to whole numbers, half to even."""
    whole, rest = np.divmod(values, 100)
    rounded: Ints = whole + ((rest > 50) | ((rest == 50) & (whole % 2 == 1)))
    return rounded


@attrs.frozen
class ServiceCost(_Costing):
    """What was spent on tickets; `by=["customer"]` gives what serving each costs."""

    about: ClassVar[About] = About(
        key="service_cost",
        en="Service cost",
        zh="服务成本",
        mission="K12",
        unit="money",
        better="less",
        grain="expense of a ticket, as it was incurred",
        formula="Sum of the expenses of tickets, hours at the hourly rate.",
        source="exact sum; no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=_TRAPS,
        within=("currency",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Expenses."""
        rows, minor, unit, findings = self._costs(view)
        yield from findings
        yield from _priced(view, rows, minor, unit)

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - a sum has no sampling error
        """Exact sums."""
        return money_of(cells, "amount", cells.sum("n"))


def _priced(view: View, rows: Ints, minor: Ints, unit: Coded) -> Iterator[Part]:
    """Amounts and counts by currency, and rows without an amount as unusable."""
    when = periods_of(view, rows)
    have, bare = np.flatnonzero(~unit.missing), np.flatnonzero(unit.missing)
    keys = {"currency": unit[have]}
    yield Part(name="amount", table="ledger", rows=rows[have], period=when[have], weights=minor[have], keys=keys)
    yield Part(name="n", table="ledger", rows=rows[have], period=when[have], keys=keys)
    if len(bare):
        yield Part(name=UNUSABLE, table="ledger", rows=rows[bare], period=when[bare])


@attrs.frozen
class CostPerTicket(_Costing):
    """What a ticket costs on average, those that cost nothing included."""

    about: ClassVar[About] = About(
        key="cost_per_ticket",
        en="Cost per ticket",
        zh="单均服务成本",
        mission="K12",
        unit="money",
        better="less",
        grain="ticket, by the period in which it was opened",
        formula="Expenses so far of the tickets opened in the period / tickets opened in it.",
        source="mean; bootstrap of tickets in random groups, Chamandy et al. 2012",
        needs=_NEEDS,
        traps=(
            *_TRAPS,
            "tickets without an expense count as 0",
            "costs are heavy-tailed: the interval is that of resampled tickets, not a normal one",
            "recent tickets may cost more yet",
        ),
        within=("currency",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Tickets (bin 0) and what they cost (bin 1), by groups of tickets."""
        rows, minor, unit, findings = self._costs(view)
        yield from findings
        journal, cases = view.journal("service", self.key), view.cases("service", self.key)
        place = np.full(len(journal.cases.values), -1, np.int64)
        place[journal.cases.codes[cases.first]] = np.arange(len(cases.first))
        ticket = place[view.ledger(self.key).cases.recode(journal.cases.values).codes[rows]]
        one = self._only_currency(view, unit)
        known = np.flatnonzero(~unit.missing)
        when = view.periods(cases.opened)
        bare = np.flatnonzero(unit.missing)
        if len(bare):
            lost = ticket[bare]
            yield Part(name=UNUSABLE, table="service", rows=cases.first[lost], period=when[lost])
        which = np.concatenate([np.arange(len(cases.first)), ticket[known]])
        yield Part(
            name="tickets",
            table="service",
            rows=cases.first[which],
            period=when[which],
            bins=np.repeat([0, 1], [len(cases.first), len(known)]),
            weights=np.concatenate([np.ones(len(cases.first), np.int64), minor[known]]),
            keys={
                "currency": Coded(np.full(len(which), 0 if one else -1, np.int32), one),
                "group": deal(journal.cases[cases.first[which]]),
            },
        )

    def behind(self, view: View, rows: Mapping[str, Ints]) -> Mapping[str, tuple[TableName, Ints]]:
        """The expenses of the tickets."""
        journal = view.journal("service", self.key)
        spent, *_ = self._costs(view)
        ticket = view.ledger(self.key).cases.recode(journal.cases.values).codes[spent]
        mine = np.isin(ticket, journal.cases.codes[rows.get("tickets", np.zeros(0, np.int64))])
        return {"expenses": ("ledger", spent[mine])}

    def _only_currency(self, view: View, unit: Coded) -> tuple[str, ...]:
        """The one currency of the costs, in which tickets without costs count, too."""
        if view.facts.currency is not None:
            return (view.facts.currency.code,)
        used = [unit.values[code] for code in np.unique(unit.codes).tolist() if code >= 0]
        if len(used) > 1:
            reason = "are of several currencies, and a ticket without costs has none; give Facts(currency=, rates=)"
            raise InvalidValue(self.key, ", ".join(used), reason)
        return tuple(used)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Means, with the percentile interval of tickets drawn again."""
        where, counts = cells.entries("tickets")
        bins, n = counts.bins, counts.n
        count, cost = (exact_sums(where[bins == b], n[bins == b], len(cells)) for b in (0, 1))
        low, high = spread_of(cells, "tickets", (1, 0), level)
        priced = np.where(cells.keys[:, cells.dims.index("currency")] >= 0, 1.0, np.nan)
        value, low, high = (major(cells, column * priced) for column in (cost / count, low, high))
        method = f"mean, poisson bootstrap of {REPLICATES} over tickets"
        return Estimate(value=value, low=low, high=high, n=count, method=method)


@attrs.frozen
class ServiceCostRatio(_Costing):
    """What tickets cost, as a share of what is sold."""

    about: ClassVar[About] = About(
        key="service_cost_ratio",
        en="Service cost ratio",
        zh="服务成本率",
        mission="K12",
        unit="share",
        better="less",
        grain="customer in the period",
        formula="Expenses of tickets incurred in the period / net invoices dated in it.",
        source="ratio of sums; Fieller 1954, over customers",
        needs=("expense", "service", "invoice"),
        traps=(*_TRAPS, "where sales may be 0 the ratio may be anything: the limits are then unbounded"),
        within=("money",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Costs and invoices by customer."""
        customers = view.ledger(self.key).customers
        rows, minor, unit, findings = self._costs(view)
        yield from findings
        for part in by_money(_priced(view, rows, minor, unit)):
            if isinstance(part, Part) and part.name == "amount":
                keys = {**part.keys, "cluster": customers[part.rows]}
                yield attrs.evolve(part, name="cost", keys=keys)
            else:
                yield part
        yield from clustered(view, view.of("invoice", self.key), "sales", customers)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Fieller."""
        return ratios_of(cells, ("cost", "sales"), cells.sum("n") + cells.sum("sales rows"), level)
