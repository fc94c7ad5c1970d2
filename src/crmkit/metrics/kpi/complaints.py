"""Complaints (K14): how many for what was done, and whether they were resolved, for good, and without coming back."""

from collections.abc import Iterator
from typing import ClassVar, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Coded, Finding
from crmkit.metrics._estimates import counts_of, rates_of, shares_of
from crmkit.metrics.kpi._checks import at_least_one, inner_share, one_of
from crmkit.metrics.kpi._durations import bin_of, quantiles_of
from crmkit.metrics.kpi._journals import cohort, incidence_by
from crmkit.metrics.kpi._ledgers import latest, periods_of, tallied
from crmkit.metrics.kpi._tickets import ENDS
from crmkit.metrics.metric import About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = [
    "Base",
    "ComplaintRate",
    "Complaints",
    "Confirmed",
    "Recurrence",
    "Reopening",
    "Resolved",
]

Ints = npt.NDArray[np.int64]
_DAY_US = 86_400_000_000
_ONCE = "a complaint that was entered twice under one id is one"
_AJ = "Aalen & Johansen 1978; complementary log-log limits with the Greenwood-type variance, ABGK 1993 IV.4"

#: What complaints are counted against: orders, or customers with an order, an invoice or a payment in the period.
Base: TypeAlias = Literal["order", "customer"]


@attrs.frozen
class Complaints(Metric):
    """How many complaints came in."""

    about: ClassVar[About] = About(
        key="complaints",
        en="Complaints",
        zh="投诉数",
        mission="K14",
        unit="complaints",
        better="less",
        grain="complaint as it was received",
        formula="Number of complaints received in the period.",
        source="count; exact Poisson interval, Garwood 1936",
        needs=("complaint",),
        absent="zero",
        traps=(_ONCE, "few complaints may mean that few dare: read it with the rate and with recurrence"),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Complaints."""
        yield tallied(view, latest(view, "complaint", self.key))

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Counts."""
        return counts_of(cells.sum("n"), level)


@attrs.frozen
class ComplaintRate(Metric):
    """Complaints for each thousand orders or active customers.

    Attributes:
        base: what they are counted against.
    """

    about: ClassVar[About] = About(
        key="complaint_rate",
        en="Complaints per thousand",
        zh="千单投诉率",
        mission="K14",
        unit="complaints per 1,000",
        better="less",
        grain="order or active customer of the period",
        formula="Complaints received in the period / orders (or active customers) of the period x 1,000.",
        source="rate; Garwood 1936",
        needs=("complaint", "order"),
        traps=(_ONCE, "more orders bring more complaints: what counts is the rate", "no orders are no data"),
    )

    base: Base = attrs.field(default="order", validator=one_of("order", "customer"))

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Complaints, and what they are counted against."""
        yield tallied(view, latest(view, "complaint", self.key))
        if self.base == "order":
            yield tallied(view, latest(view, "order", self.key), "base")
            return
        ledger = view.ledger(self.key)
        rows = np.concatenate([view.of(kind, self.key) for kind in ("order", "invoice", "payment")])
        rows = rows[~ledger.customers.missing[rows]]
        period = periods_of(view, rows).codes.astype(np.int64)
        pair = (period + 1) * len(ledger.customers.values) + ledger.customers.codes[rows]
        _, first = np.unique(pair, return_index=True)
        yield tallied(view, rows[first], "base")

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Garwood."""
        return rates_of(cells.sum("n"), cells.sum("base") / 1000.0, level)


@attrs.frozen
class Resolved(Metric):
    """The chance that a complaint is resolved within a horizon.

    Attributes:
        horizon_days: the horizon.
    """

    about: ClassVar[About] = About(
        key="complaints_resolved",
        en="Complaints resolved in time",
        zh="投诉按期解决率",
        mission="K14",
        unit="share",
        better="more",
        grain="complaint, by the period in which it was opened",
        formula="Cumulative incidence of resolution at the horizon, withdrawal being a competing end.",
        source=_AJ,
        needs=("complaints",),
        traps=(
            "open ones are censored: neither dropped nor called unresolved",
            "who withdraws was not satisfied: a competing end, not a censoring",
            "a reopened complaint counts as it stands",
        ),
    )

    horizon_days: int = attrs.field(default=30, validator=at_least_one)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Complaints by age at their end."""
        yield cohort(view, "complaints", self.key)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Aalen-Johansen."""
        return incidence_by(cells, "cases", ("won", "lost"), self.horizon_days, level)


@attrs.frozen
class Confirmed(Metric):
    """How long it takes until a complaint is resolved and the customer says so.

    Attributes:
        stage: the stage that the customer's confirmation leads to; any resolved stage if None.
        share: by when this share is confirmed; 0.5 is the median.
    """

    about: ClassVar[About] = About(
        key="complaint_resolution_time",
        en="Days to confirmed resolution",
        zh="投诉解决天数（中位数）",
        mission="K14",
        unit="days",
        better="less",
        grain="complaint, by the period in which it was opened",
        formula="Days until the complaint stands resolved (confirmed), for the share of complaints.",
        source="Kaplan & Meier 1958; log-log limits, Brookmeyer & Crowley 1982",
        needs=("complaints",),
        traps=(
            "resolved as we say is not confirmed as the customer says",
            "what was reopened is not resolved, and open ones are censored; so are withdrawn ones",
        ),
    )

    stage: str | None = None
    share: float = attrs.field(default=0.5, validator=inner_share)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Days until each complaint stood resolved, or so far."""
        journal, cases = view.journal("complaints", self.key), view.cases("complaints", self.key)
        done = cases.outcome == 1
        if self.stage is not None:
            done = journal.stages.codes[cases.last] == journal.stage_code(self.stage)
        end = np.where(done | (cases.outcome == 2), journal.entered[cases.last], view.until)
        codes = np.where(done, 0, np.where(cases.outcome == 2, 1, -1)).astype(np.int32)
        yield Part(
            name="complaints",
            table="complaints",
            rows=cases.first,
            period=view.periods(cases.opened),
            bins=bin_of((end - cases.opened) // _DAY_US),
            keys={"end": Coded(codes, ENDS)},
        )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Kaplan-Meier."""
        return quantiles_of(cells, "complaints", ENDS[0], self.share, level)


@attrs.frozen
class Reopening(Metric):
    """The share of resolved complaints that had to be opened again.

    Attributes:
        within_days: within how many days of the resolution: those of which these are not over are censored. None for
            ever so far, which flatters recent periods.
    """

    about: ClassVar[About] = About(
        key="complaints_reopened",
        en="Complaints reopened",
        zh="投诉重开率",
        mission="K14",
        unit="share",
        better="less",
        grain="complaint that was ever resolved, by the period of its first resolution",
        formula="Complaints that left a resolved stage for one that is not / complaints that were ever resolved.",
        source="proportion, Wilson 1927; within days Kaplan & Meier 1958",
        needs=("complaints",),
        traps=("a recent resolution may come back yet: compare periods of one age, or ask within days",),
    )

    within_days: int | None = attrs.field(default=None, validator=attrs.validators.optional(at_least_one))

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Complaints that were resolved, by whether they came back, or by the days until they did."""
        journal, order = view.journal("complaints", self.key), view.order("complaints", self.key)
        won = np.array([*(name in order.won for name in journal.stages.values), False])
        rows = np.flatnonzero(won[journal.stages.codes])
        over = np.full(len(journal.cases.values), OPEN)
        left = rows[(journal.left[rows] != OPEN) & ~won[journal.next[rows]]]
        np.minimum.at(over, journal.cases.codes[left], journal.left[left])
        rows = rows[np.lexsort((journal.entered[rows], journal.cases.codes[rows]))]
        _, first = np.unique(journal.cases.codes[rows], return_index=True)
        rows = rows[first]
        back = over[journal.cases.codes[rows]]
        made = Part(
            name="resolved",
            table="complaints",
            rows=rows,
            period=view.periods(journal.entered[rows]),
            keys={"end": Coded((back != OPEN).astype(np.int32), ("for good", "reopened"))},
        )
        if self.within_days is not None:
            days = (np.minimum(back, view.until) - journal.entered[rows]) // _DAY_US
            end = Coded(np.where(back != OPEN, 0, -1).astype(np.int32), ("reopened",))
            made = attrs.evolve(made, bins=days, keys={"end": end})
        yield made

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Wilson, or Kaplan-Meier."""
        if self.within_days is None:
            return shares_of(cells.ended("resolved", "reopened"), cells.sum("resolved"), level)
        return incidence_by(cells, "resolved", ("reopened",), self.within_days, level)


@attrs.frozen
class Recurrence(Metric):
    """The chance that a customer complains of the same cause again.

    Attributes:
        within_days: within how many days.
        cause: the column of the ledger that has the cause; None takes any complaint for the same.
    """

    about: ClassVar[About] = About(
        key="complaint_recurrence",
        en="Complaints that recur",
        zh="投诉复发率",
        mission="K14",
        unit="share",
        better="less",
        grain="complaint of a known customer, by its period",
        formula="Chance of another complaint of the customer, of the same cause, within the days.",
        source=_AJ,
        needs=("complaint",),
        traps=(
            _ONCE,
            "recent complaints are censored: they had no time to recur",
            "the same customer and cause, whatever the groups; an unknown cause is like no other",
        ),
    )

    within_days: int = attrs.field(default=90, validator=at_least_one)
    cause: str | None = "cause"

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Days from each complaint to the next like it, or so far."""
        ledger = view.ledger(self.key)
        rows = latest(view, "complaint", self.key)
        unknown = ledger.customers.missing[rows]
        if unknown.any():
            yield Finding(None, "customer", "complaint without a customer cannot recur", int(unknown.sum()))
        rows = rows[~unknown]
        cause = np.zeros(len(ledger), np.int32) if self.cause is None else ledger.dimension(self.cause).codes
        rows = rows[np.lexsort((ledger.at[rows], cause[rows], ledger.customers.codes[rows]))]
        who, why, at = ledger.customers.codes[rows], cause[rows], ledger.at[rows]
        alike = (who[1:] == who[:-1]) & (why[1:] == why[:-1]) & (why[1:] >= 0)
        again = np.append(alike, False)[: len(rows)]
        then = np.where(again, np.append(at[1:], 0)[: len(rows)], view.until)
        yield Part(
            name="complaints",
            table="ledger",
            rows=rows,
            period=periods_of(view, rows),
            bins=(then - at) // _DAY_US,
            keys={"end": Coded(np.where(again, 0, -1).astype(np.int32), ("again",))},
        )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Aalen-Johansen, with one end."""
        return incidence_by(cells, "complaints", ("again",), self.within_days, level)
