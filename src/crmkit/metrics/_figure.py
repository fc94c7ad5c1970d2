"""One figure."""

from collections.abc import Mapping
from math import inf, nan

import attrs

from crmkit.errors import InvalidValue
from crmkit.values import Money

__all__ = ["Figure"]


@attrs.frozen(kw_only=True)
class Figure:
    """One figure: a metric in a cell.

    Attributes:
        metric: the key of the metric.
        name: its name.
        group: the value of each group, None where the facts do not say.
        period: the name of the period.
        complete: whether the period was over when observation ended.
        value: None where there is no data; never 0 for 0/0.
        exact: the value as `Money` or a whole number, where it is one.
        low: lower limit; None where there is none.
        high: upper limit.
        unit: what the value is in.
        n: what it rests on.
        n_open: of these, not ended yet (censored).
        n_unusable: rows of the group and period that could not be used.
        base: what it is compared with, if a comparison was asked for and there is such a figure.
        change: value - base.
        change_low: lower limit of the change.
        change_high: upper limit.
        method: the estimator and the interval.
        definition: the id of the definition.
    """

    metric: str
    name: str
    group: Mapping[str, str | None]
    period: str
    complete: bool
    value: float | None
    exact: Money | int | None
    low: float | None
    high: float | None
    unit: str
    n: int
    n_open: int
    n_unusable: int
    base: float | None = None
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None
    method: str
    definition: str

    def ratio(self, level: float = 0.95) -> tuple[float, float, float]:
        """A count over that of what it is compared with, with exact limits (`crmkit.metrics.estimators.rate_ratio`).

        Both are taken to have had as much occasion: periods of one length, groups of one size.

        Args:
            level: confidence.

        Returns:
            The ratio, infinite if there was nothing before and NaN if there is nothing at all; its limits.

        Raises:
            InvalidValue: if it is no count, or is not compared with anything (`measure(versus=...)`).
        """
        from crmkit.metrics.estimators import rate_ratio

        if not isinstance(self.exact, int):
            raise InvalidValue("ratio", self.metric, "is no count; compare it by its change")
        if self.base is None:
            raise InvalidValue("ratio", self.metric, "is compared with nothing; measure it with versus=")
        low, high = rate_ratio(self.exact, 1.0, self.base, 1.0, level=level)
        value = self.exact / self.base if self.base else nan if not self.exact else inf
        return value, float(low), float(high)
