"""From p values to calls: each direction has its false discovery rate, over all cells of a report.

Were both directions one family, a call in one would make one in the other more likely: a star would make others weak.
"""

from typing import Literal, TypeAlias

import numpy as np

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats
from crmkit.metrics.estimators import benjamini_hochberg

__all__ = ["SignalKind", "called", "share_of_false", "two_sided"]

#: What a signal asks for.
SignalKind: TypeAlias = Literal["coach", "share", "watch", "insufficient data", "none"]

_UNUSUAL = 0.05


def share_of_false(rate: float) -> float:
    """A false discovery rate, checked.

    Raises:
        InvalidValue: unless it lies strictly between 0 and 1.
    """
    if not 0.0 < rate < 1.0:
        raise InvalidValue("rate", rate, "is no false discovery rate between 0 and 1; 0.10 is usual")
    return float(rate)


def two_sided(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Two-sided p values, and the smaller of two one-sided false discovery rates."""
    return np.minimum(2 * np.fmin(low, high), 1.0), np.fmin(benjamini_hochberg(low), benjamini_hochberg(high))


def called(*, weak: bool, p: float, q: float, rate: float) -> SignalKind:
    """What a judged cell asks for."""
    if q <= rate:
        return "coach" if weak else "share"
    return "watch" if p < _UNUSUAL else "none"
