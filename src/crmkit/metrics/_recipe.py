"""How figures were asked for."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs

from crmkit.errors import InvalidValue
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.metric import Metric
from crmkit.metrics.view import View

__all__ = ["Recipe", "check"]


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


def check(metrics: Sequence[Metric], by: Sequence[str], versus: Any) -> None:
    """Refuse what cannot be asked.

    Raises:
        InvalidValue: for a metric or a group that is named twice, and a comparison with what is not grouped by.
    """
    twice = [key for key, times in Counter(metric.key for metric in metrics).items() if times > 1]
    if twice:
        raise InvalidValue("metrics", twice[0], "is asked for twice; measure other policies of it apart")
    if len(set(by)) < len(by):
        raise InvalidValue("by", ", ".join(by), "names a column twice")
    if "period" in by:
        raise InvalidValue("by", "period", "is what every= gives")
    if versus is None or versus == "previous":
        return
    if isinstance(versus, str):
        raise InvalidValue("versus", versus, 'is unknown; give "previous", or a group such as {"region": "North"}')
    strange = [name for name in versus if name not in by]
    if strange:
        raise InvalidValue("versus", strange[0], f"is not grouped by; by= has {', '.join(by) or 'nothing'}")
