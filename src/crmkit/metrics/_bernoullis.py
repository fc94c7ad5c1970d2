"""How many of many unequal chances come true: the Poisson-binomial distribution, and its odds multiplied.

If the odds of every chance are multiplied by the same theta, the probability of k successes is that of theta = 1 times
theta^k, normed: one convolution serves the p values and the limits of theta.
"""

import attrs
import numpy as np

from crmkit.metrics._checks import Floats

__all__ = ["OddsFactor", "odds_times"]

# Up to here the distribution is convolved exactly; beyond, a sum of so many chances is normal for every purpose.
_EXACT = 4000
_HALVINGS = 60
_REACH = 40.0


def odds_times(p: Floats, log_factor: Floats | float) -> Floats:
    """Chances whose odds are multiplied by a factor, given by its logarithm."""
    odds = p / (1.0 - p) * np.exp(log_factor)
    return np.asarray(odds / (1.0 + odds))


def _distribution(chance: Floats, count: Floats) -> Floats:
    """P(k) of k = 0..n successes, from distinct chances and how often each occurs."""
    from scipy.special import gammaln

    whole = np.ones(1)
    for p, n in zip(chance.tolist(), count.astype(int).tolist(), strict=True):
        k = np.arange(n + 1)
        ways = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
        one: Floats = np.exp(ways + k * np.log(p) + (n - k) * np.log1p(-p))
        whole = np.convolve(whole, one)
    return np.asarray(whole, np.float64)


@attrs.frozen(eq=False)
class OddsFactor:
    """What a count of successes says of the factor on all odds.

    Attributes:
        observed: the successes.
        chance: the distinct chances, strictly between 0 and 1.
        count: how often each occurs.
        at: the logarithm of the factor at which `observed` is expected; near it where that is 0 or infinite.
        log_p: log P(k) at `at`; empty where the sum is taken as normal.
    """

    observed: float
    chance: Floats
    count: Floats
    at: float
    log_p: Floats

    @classmethod
    def of(cls, observed: float, chances: Floats) -> "OddsFactor":
        """From the successes and the chance of each trial."""
        chance, times = np.unique(chances, return_counts=True)
        count = times.astype(np.float64)
        n = float(count.sum())
        target = min(max(observed, 0.5), n - 0.5)
        low, high = -_REACH, _REACH
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            short = float(count @ odds_times(chance, middle)) < target
            low, high = (middle, high) if short else (low, middle)
        at = (low + high) / 2.0
        log_p = np.zeros(0)
        if n <= _EXACT:
            with np.errstate(divide="ignore"):
                log_p = np.log(_distribution(odds_times(chance, at), count))
        return cls(float(observed), chance, count, at, log_p)

    @property
    def method(self) -> str:
        """How p values and limits are found."""
        return "mid-p poisson-binomial" if len(self.log_p) else "normal sum"

    def tails(self, log_factor: Floats) -> tuple[Floats, Floats]:
        """Both one-sided mid-p values (Lancaster 1961), where the odds are multiplied by each factor."""
        if not len(self.log_p):
            return self._normal(log_factor)
        k = np.arange(len(self.log_p))
        weight = self.log_p + (np.asarray(log_factor) - self.at)[:, None] * k
        weight = np.exp(weight - weight.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        place = int(self.observed)
        half = weight[:, place] / 2.0
        return weight[:, :place].sum(axis=1) + half, weight[:, place + 1 :].sum(axis=1) + half

    def limits(self, level: float) -> tuple[float, float]:
        """Mid-p limits of the logarithm of the factor; infinite where no success, or no failure, gives none."""
        tail = (1.0 - level) / 2.0
        near, far = np.full(2, self.at), self.at + np.array([-_REACH, _REACH])
        for _ in range(_HALVINGS):
            middle = (near + far) / 2.0
            low, high = self.tails(middle)
            inside = np.array([high[0], low[1]]) > tail
            near, far = np.where(inside, middle, near), np.where(inside, far, middle)
        none, all_ = self.observed <= 0.0, self.observed >= self.count.sum()
        return -np.inf if none else float(near[0]), np.inf if all_ else float(near[1])

    def expected(self, log_factor: float) -> float:
        """The successes that are expected where the odds are multiplied."""
        if np.isinf(log_factor):
            return float(self.count.sum()) if log_factor > 0 else 0.0
        return float(self.count @ odds_times(self.chance, log_factor))

    def _normal(self, log_factor: Floats) -> tuple[Floats, Floats]:
        from scipy.special import ndtr

        p = odds_times(self.chance, np.asarray(log_factor)[:, None])
        z = (self.observed - p @ self.count) / np.sqrt((p * (1.0 - p)) @ self.count)
        return np.asarray(ndtr(z)), np.asarray(ndtr(-z))
