"""How long stays last, of those that ended and those that go on."""

from typing import Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal._coded import Longs

__all__ = ["ProductLimit"]


@attrs.frozen(eq=False)
class ProductLimit:
    """The product-limit estimate of how long stays last (Kaplan & Meier 1958), stays that go on included.

    Attributes:
        n: how many stays there are.
        n_open: how many of them go on.
        time: the distinct durations of those that ended, ascending, int64, shape (T,).
        n_risk: how many lasted at least so long, shape (T,).
        n_event: how many ended then, shape (T,).
    """

    n: int
    n_open: int
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
        return cls(durations.size, int(np.count_nonzero(~ended)), time, at_risk, events)

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

    @property
    def median(self) -> int | None:
        """The shortest duration by which half of the stays have ended; None if that is not known yet."""
        steps = np.cumprod(1.0 - self.n_event / self.n_risk)
        # A product of fractions that is a half may come out above it by its rounding.
        reached = np.flatnonzero(steps <= 0.5 + 1e-12)
        return int(self.time[reached[0]]) if reached.size else None
