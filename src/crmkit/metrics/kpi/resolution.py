"""How well tickets are resolved (T11, K11): at the first contact, for good, without being passed on.

Each is a chance within a horizon, and a ticket of which that horizon is not over is neither a success nor a failure.
"""

from collections.abc import Iterator
from typing import ClassVar

import attrs
import numpy as np

from crmkit.journal import Coded, Finding
from crmkit.metrics.kpi._checks import at_least_one, names
from crmkit.metrics.kpi._journals import incidence_by
from crmkit.metrics.kpi._resolution import passed_on, resolved_first
from crmkit.metrics.metric import About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = ["Escalation", "FirstContact", "TicketsReopened"]

_NEEDS = ("service",)
_DAY_US = 86_400_000_000
_GRAIN = "ticket that was ever resolved, by the period of its first resolution"
_KM = "Kaplan & Meier 1958; complementary log-log limits"
_WINDOW = "a recent resolution may come back yet: it is censored, not called good"
_FAILED = ("failed",)


@attrs.frozen
class FirstContact(Metric):
    """The share of resolved tickets that were resolved at the first contact, and stayed so.

    Attributes:
        contacts: the stages that mean a further contact, such as waiting for the customer or the second line.
        resolved: the stages that mean resolved, beside those that mean it by their outcome.
        within_days: for so many days it must not have been reopened.
    """

    about: ClassVar[About] = About(
        key="first_contact_resolution",
        en="Resolved at first contact",
        zh="首次联系解决率",
        mission="K11",
        unit="share",
        better="more",
        grain=_GRAIN,
        formula="Tickets that one person resolved without further contact, for good / tickets that were resolved.",
        source=_KM,
        needs=_NEEDS,
        traps=(
            _WINDOW,
            "who holds a ticket as it is opened only takes it down: being given to somebody is no hand-over",
            "of tickets that were resolved: hard ones that go on are not among them, see resolved_within",
        ),
    )

    contacts: tuple[str, ...] = attrs.field(default=(), converter=names)
    resolved: tuple[str, ...] = attrs.field(default=(), converter=names)
    within_days: int = attrs.field(default=7, validator=at_least_one)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Days from resolution until it failed: none, where it was not at the first contact."""
        first = resolved_first(view, self.key, self.resolved)
        further = first.further(view, self.contacts)
        failed = further | first.came_back
        days = np.where(further, 0, (first.back - first.at) // _DAY_US)
        yield first.part(view, days, Coded(np.where(failed, 0, -1).astype(np.int32), _FAILED))

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Kaplan-Meier."""
        made = _incidence(cells, "resolved", _FAILED, self.within_days, level)
        return attrs.evolve(
            made, value=1.0 - made.value, low=1.0 - made.high, high=1.0 - made.low,
            method=f"kaplan-meier at {self.within_days} days, complementary log-log",
        )  # fmt: skip


@attrs.frozen
class TicketsReopened(Metric):
    """The chance that a resolved ticket is opened again.

    Attributes:
        resolved: as in `FirstContact`.
        within_days: within how many days.
    """

    about: ClassVar[About] = About(
        key="tickets_reopened",
        en="Tickets reopened",
        zh="工单重开率",
        mission="K11",
        unit="share",
        better="less",
        grain=_GRAIN,
        formula="Chance that a ticket leaves the resolved stages for an open one within the days.",
        source=_KM,
        needs=_NEEDS,
        traps=(_WINDOW, "customers who open a new ticket instead are not seen: read complaint_recurrence beside it"),
    )

    resolved: tuple[str, ...] = attrs.field(default=(), converter=names)
    within_days: int = attrs.field(default=7, validator=at_least_one)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Days from resolution until the ticket was reopened, or so far."""
        first = resolved_first(view, self.key, self.resolved)
        end = Coded(np.where(first.came_back, 0, -1).astype(np.int32), _FAILED)
        yield first.part(view, (first.back - first.at) // _DAY_US, end)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Kaplan-Meier."""
        made = _incidence(cells, "resolved", _FAILED, self.within_days, level)
        return attrs.evolve(made, method=f"1 - kaplan-meier at {self.within_days} days, complementary log-log")


@attrs.frozen
class Escalation(Metric):
    """The chance that a ticket is passed on before it is closed.

    Attributes:
        stages: the stages that mean it, such as "second line"; any change of the person in charge if empty.
        within_days: within how many days of its opening.
    """

    about: ClassVar[About] = About(
        key="escalation",
        en="Tickets escalated",
        zh="工单升级率",
        mission="K11",
        unit="share",
        better="neither",
        grain="ticket, by the period in which it was opened",
        formula="Cumulative incidence of being passed on within the days, closing being a competing end.",
        source="Aalen & Johansen 1978; complementary log-log limits with the Greenwood-type variance, ABGK 1993 IV.4",
        needs=_NEEDS,
        traps=(
            "open tickets that were not passed on yet are censored",
            "a closed ticket can no longer be passed on: a competing end, not a censoring",
            "who holds a ticket as it is opened only takes it down: being given to somebody is no hand-over",
        ),
    )

    stages: tuple[str, ...] = attrs.field(default=(), converter=names)
    within_days: int = attrs.field(default=30, validator=at_least_one)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Days from opening until each ticket was passed on or closed, or so far."""
        cases = view.cases("service", self.key)
        at, how = passed_on(view, self.key, self.stages)
        yield Part(
            name="tickets", table="service", rows=cases.first, period=view.periods(cases.opened),
            bins=(at - cases.opened) // _DAY_US, keys={"end": Coded(how, ("escalated", "closed"))},
        )  # fmt: skip

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Aalen-Johansen."""
        return _incidence(cells, "tickets", ("escalated", "closed"), self.within_days, level)


def _incidence(cells: Cells, part: str, ends: tuple[str, ...], within: int, level: float) -> Estimate:
    """The chance within the days; open is of what they are not over."""
    made = incidence_by(cells, part, ends, within, level)
    return attrs.evolve(made, n_open=cells.risk(part, ends, within + 1)[:, 0, :within].sum(axis=1))
