"""A period in which problems are looked for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from crmkit.improve.problem import Problem, ProblemKind
from crmkit.values import Period, from_micros, to_micros, zone

__all__ = ["Span"]


@attrs.frozen
class Span:
    """A period in a zone, seen as of its end or as of an earlier instant."""

    over: Period
    first: int
    last: int
    at: datetime
    known_at: datetime | None

    @classmethod
    def of(cls, over: Period, tz: str, at: datetime | None = None, known_at: datetime | None = None) -> "Span":
        """A period in the zone of this name."""
        first, last = over.instants(zone(tz))
        end = from_micros(last, zone(tz))
        return cls(over, first, last, end if at is None else min(at, end), known_at)

    def holds(self, moment: datetime) -> bool:
        """Whether an instant is in the period."""
        return self.first <= to_micros(moment) < self.last

    def problem(self, kind: ProblemKind, where: Mapping[str, Any], found: Mapping[str, Any], **more: Any) -> Problem:
        """A problem that was seen in it."""
        return Problem(
            kind=kind, where=where, found=found, over=self.over, at=self.at, known_at=self.known_at, **more
        )  # fmt: skip
