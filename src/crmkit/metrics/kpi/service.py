"""Service response (K11): how long customers wait for an answer and a solution, unanswered ones included."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Literal, TypeAlias

import attrs
import numpy as np

from crmkit.journal import Finding
from crmkit.metrics.kpi._checks import at_least_one, inner_share, names, one_of
from crmkit.metrics.kpi._durations import bin_of, quantiles_of
from crmkit.metrics.kpi._journals import incidence_by
from crmkit.metrics.kpi._tickets import ENDS, Spans, resolutions, waits
from crmkit.metrics.metric import About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = ["FirstResponse", "FirstWithin", "NextResponse", "ResolutionTime", "ResolvedAt", "ResolvedWithin"]

#: When a ticket that was reopened is resolved.
ResolvedAt: TypeAlias = Literal["last", "first"]

_NEEDS = ("service",)
_TRAPS = (
    "what is unanswered is censored at its age, not left out",
    "time is working time where Facts.hours says when work is done: nights, holidays and lunch do not count",
    "a quantile, not a mean: a few tickets that nobody touches would carry it",
)
_QUANTILE = "Kaplan & Meier 1958; log-log limits, Brookmeyer & Crowley 1982; minutes exact to 255, then to 0.4 %"
_SHARE = "Aalen & Johansen 1978, withdrawn tickets being a competing end; complementary log-log limits"


@attrs.frozen
class _Timed(Metric):
    """Spans of tickets, in minutes."""

    @abstractmethod
    def _spans(self, view: View) -> Spans:
        """The spans."""

    def _part(self, view: View, limit: int | None) -> Part:
        spans = self._spans(view)
        bins = bin_of(spans.minutes) if limit is None else np.minimum(spans.minutes, limit + 1)
        return Part(
            name="spans",
            table="service",
            rows=spans.rows,
            period=view.periods(spans.begun),
            bins=bins,
            keys={"end": spans.end},
        )


@attrs.frozen
class _Quantile(_Timed):
    """By when a share of the spans has ended.

    Attributes:
        share: the share; 0.5 is the median.
    """

    share: float = attrs.field(default=0.5, validator=inner_share)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Spans by their minutes."""
        yield self._part(view, None)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Kaplan-Meier."""
        return quantiles_of(cells, "spans", ENDS[0], self.share, level)


@attrs.frozen
class _Within(_Timed):
    """The share of spans that ended within a limit.

    Attributes:
        limit_minutes: the limit, inclusive.
    """

    limit_minutes: int = attrs.field(default=480, validator=at_least_one)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Spans by their minutes, up to the limit."""
        yield self._part(view, self.limit_minutes)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Aalen-Johansen."""
        made = incidence_by(cells, "spans", ENDS, self.limit_minutes, level)
        method = f"aalen-johansen within {self.limit_minutes} minutes, complementary log-log"
        return attrs.evolve(made, method=method)


@attrs.frozen
class FirstResponse(_Quantile):
    """How long a customer waits for the first answer.

    Attributes:
        waiting: the stages in which a ticket waits for us; the one in which it was opened if empty.
    """

    about: ClassVar[About] = About(
        key="first_response",
        en="First response time",
        zh="首次响应时间（中位数）",
        mission="K11",
        unit="minutes",
        better="less",
        grain="ticket, by the period in which it began to wait",
        formula="Minutes until the ticket leaves the waiting stages, for the share of tickets.",
        source=_QUANTILE,
        needs=_NEEDS,
        traps=(*_TRAPS, "a reopened ticket waits anew: that is a next response, not a late first one"),
    )

    waiting: tuple[str, ...] = attrs.field(default=(), converter=names)

    def _spans(self, view: View) -> Spans:
        return _only(waits(view, "service", self.key, self.waiting), first=True)


@attrs.frozen
class NextResponse(_Quantile):
    """How long a customer waits for each further answer.

    Attributes:
        waiting: as in `FirstResponse`.
    """

    about: ClassVar[About] = About(
        key="next_response",
        en="Next response time",
        zh="后续响应时间（中位数）",
        mission="K11",
        unit="minutes",
        better="less",
        grain="wait of a ticket after its first, by the period in which it began",
        formula="Minutes until the ticket leaves the waiting stages again, for the share of waits.",
        source=_QUANTILE,
        needs=_NEEDS,
        traps=_TRAPS,
    )

    waiting: tuple[str, ...] = attrs.field(default=(), converter=names)

    def _spans(self, view: View) -> Spans:
        return _only(waits(view, "service", self.key, self.waiting), first=False)


@attrs.frozen
class FirstWithin(_Within):
    """The share of tickets that are answered within a limit.

    Attributes:
        waiting: as in `FirstResponse`.
    """

    about: ClassVar[About] = About(
        key="first_response_within",
        en="Answered within the limit",
        zh="首次响应及时率",
        mission="K11",
        unit="share",
        better="more",
        grain="ticket, by the period in which it began to wait",
        formula="Chance that a ticket is answered within the limit.",
        source=_SHARE,
        needs=_NEEDS,
        traps=(*_TRAPS[:2], "a ticket that still waits within its limit is neither in time nor late"),
    )

    waiting: tuple[str, ...] = attrs.field(default=(), converter=names)

    def _spans(self, view: View) -> Spans:
        return _only(waits(view, "service", self.key, self.waiting), first=True)


_PAUSED = "the time in paused stages, as waiting for the customer, does not count"


@attrs.frozen
class ResolutionTime(_Quantile):
    """How long it takes to resolve a ticket.

    Attributes:
        paused: the stages whose time does not count.
        reopened: when a ticket that was reopened is resolved.
    """

    about: ClassVar[About] = About(
        key="resolution_time",
        en="Resolution time",
        zh="解决时长（中位数）",
        mission="K11",
        unit="minutes",
        better="less",
        grain="ticket, by the period in which it was opened",
        formula="Minutes from opening to resolution, for the share of tickets; withdrawn ones are censored.",
        source=_QUANTILE,
        needs=_NEEDS,
        traps=(*_TRAPS, _PAUSED, "whether a reopened ticket was resolved is a policy"),
    )

    paused: tuple[str, ...] = attrs.field(default=(), converter=names)
    reopened: ResolvedAt = attrs.field(default="last", validator=one_of("last", "first"))

    def _spans(self, view: View) -> Spans:
        return resolutions(view, "service", self.key, self.paused, last=self.reopened == "last")


@attrs.frozen
class ResolvedWithin(_Within):
    """The share of tickets that are resolved within a limit.

    Attributes:
        paused: as in `ResolutionTime`.
        reopened: as there.
    """

    about: ClassVar[About] = About(
        key="resolved_within",
        en="Resolved within the limit",
        zh="按时解决率",
        mission="K11",
        unit="share",
        better="more",
        grain="ticket, by the period in which it was opened",
        formula="Chance that a ticket is resolved within the limit.",
        source=_SHARE,
        needs=_NEEDS,
        traps=(*_TRAPS[:2], _PAUSED, "whether a reopened ticket was resolved is a policy"),
    )

    paused: tuple[str, ...] = attrs.field(default=(), converter=names)
    reopened: ResolvedAt = attrs.field(default="last", validator=one_of("last", "first"))

    def _spans(self, view: View) -> Spans:
        return resolutions(view, "service", self.key, self.paused, last=self.reopened == "last")


def _only(spans: Spans, *, first: bool) -> Spans:
    kept = spans.first if first else ~spans.first
    return Spans(spans.rows[kept], spans.begun[kept], spans.minutes[kept], spans.end[kept], spans.first[kept])
