"""How long stays last, of those that ended and those that go on."""

from typing import Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal._coded import Longs
from crmkit.values.display import Listed

__all__ = ["ProductLimit"]

_SAME = 1e-12


@attrs.frozen(eq=False)
class ProductLimit(Listed):
    """The product-limit estimate of how long stays last (Kaplan & Meier 1958), stays that go on included.

    Attributes:
        n: how many stays there are.
        n_open: how many of them go on.
        longest: how long the longest of them lasted, or lasts so far.
        time: the distinct durations of those that ended, ascending, int64, shape (T,).
        n_risk: how many lasted at least so long, shape (T,).
        n_event: how many ended then, shape (T,).
    """

    n: int
    n_open: int
    longest: int
    time: Longs
    n_risk: Longs
    n_event: Longs

    @classmethod
    def of(cls, durations: Longs, ended: npt.NDArray[np.bool_]) -> Self:
        """The estimate from stays.

        Args:
            durations: how long each lasted, or lasts so far; int64, shape (n,).
            ended: whether it ended, shape (n,).
        """
        time, events = np.unique(durations[ended], return_counts=True)
        at_risk = durations.size - np.searchsorted(np.sort(durations), time, side="left")
        longest = int(durations.max(initial=0))
        return cls(durations.size, int(np.count_nonzero(~ended)), longest, time, at_risk, events)

    def beyond(self, ages: Longs, *, others: bool = False) -> npt.NDArray[np.float64]:
        """The estimated share of stays that last at least as long as each of some ages.

        Args:
            ages: int64, shape (m,).
            others: whether each age is that of a stay of these that goes on, which is then left out.

        Returns:
            float64, shape (m,).
        """
        # A stay that goes on is at risk at every duration before its age, and only those count for it.
        at_risk = np.maximum(self.n_risk - others, 1)
        steps = np.concatenate([[1.0], np.cumprod(1.0 - np.minimum(self.n_event, at_risk) / at_risk)])
        found: npt.NDArray[np.float64] = steps[np.searchsorted(self.time, ages, side="left")]
        return found

    def quantile(self, share: float) -> float | None:
        """The duration by which a share of the stays has ended; None if that is not known yet.

        Where the curve rests exactly at that height the middle of the rest is taken, as R's `survival` does.
        """
        left = np.cumprod(1.0 - self.n_event / self.n_risk)
        # A product of fractions may miss the height by its rounding.
        reached = np.flatnonzero(left <= 1.0 - share + _SAME)
        passed = np.flatnonzero(left < 1.0 - share - _SAME)
        if not reached.size:
            return None
        return float(self.time[reached[0]] + (self.time[passed[0]] if passed.size else self.longest)) / 2.0
