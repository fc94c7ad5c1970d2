"""How figures were asked for."""

from typing import Any

import attrs

from crmkit.metrics.buckets import Buckets
from crmkit.metrics.metric import Metric
from crmkit.metrics.view import View

__all__ = ["Recipe"]


@attrs.frozen(eq=False)
class Recipe:
    """How figures were asked for."""

    metrics: tuple[Metric, ...]
    by: tuple[str, ...]
    buckets: Buckets
    since: int
    until: int
    versus: Any
    level: float
    views: tuple[View, ...]

    @property
    def observed(self) -> range:
        """The numbers of the periods of which anything was observed."""
        edges = self.buckets.edges
        return range(int((edges[1:] <= self.since).sum()), int((edges[:-1] <= self.until).sum()))
