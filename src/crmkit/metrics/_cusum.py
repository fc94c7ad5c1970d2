"""Evidence that adds up: sums held at 0, and log-likelihood ratios of unequal chances, on data and when simulated.

Steiner, Cook, Farewell & Treasure (2000): a stay with chance p adds log R - log(1 - p + R p) if it advances and
-log(1 - p + R p) if it does not, where R is the odds ratio that is looked for; the sum never falls below 0.
"""

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.metrics._checks import Floats

__all__ = ["Simulated", "held", "path", "steps_of", "weights"]

Ints = npt.NDArray[np.int64]

# A sum that begins again is looked at in pieces, so that many alarms do not cost the square of the points.
_PIECE = 512


def weights(p: Floats, odds_ratio: Floats | float) -> tuple[Floats, Floats]:
    """What a stay adds that advances, and one that does not."""
    fails = -np.log1p(p * (odds_ratio - 1.0))
    return fails + np.log(odds_ratio), fails


def steps_of(outcomes: Floats, p: Floats, odds_ratio: Floats | float) -> Floats:
    """The logarithm of the likelihood ratio of each outcome, 0 or 1; NaN where it is not known."""
    won, not_won = weights(p, odds_ratio)
    return np.where(np.isnan(outcomes), np.nan, np.where(outcomes > 0, won, not_won))


def held(steps: Floats, start: float = 0.0, *, restart: float | None = None) -> Floats:
    """The sum after each step, held at 0 from below (Page 1954).

    Args:
        steps: what each point adds.
        start: where the sum begins.
        restart: begin again after a sum exceeds this; never if None.
    """
    if restart is None:
        free = start + np.cumsum(steps)
        return free - np.minimum(np.minimum.accumulate(free), 0.0)
    sums, at, begun = np.empty(len(steps)), 0, start
    while at < len(steps):
        piece = held(steps[at : at + _PIECE], begun)
        alarms = np.flatnonzero(piece > restart)
        end = int(alarms[0]) + 1 if len(alarms) else len(piece)
        sums[at : at + end] = piece[:end]
        at, begun = at + end, start if len(alarms) else float(piece[-1])
    return sums


def path(start: float, advanced: Floats, p: Floats, odds_ratio: float) -> Floats:
    """The CUSUM of one person in one stage after each stay, from where it stood."""
    return held(steps_of(advanced, p, odds_ratio), start)


@attrs.define(eq=False)
class Simulated:
    """Many companies without any real difference, with the very cases of the real one.

    Attributes:
        odds_ratio: that is looked for, above 1; its reciprocal is looked for as well.
        state: CUSUM of both directions, shape (2, cells, paths).
        lasting: how each cell differs for good: standard normal, shape (cells, paths).
    """

    odds_ratio: float
    state: Floats
    lasting: Floats

    @classmethod
    def of(cls, cells: int, paths: int, odds_ratio: float, rng: np.random.Generator) -> "Simulated":
        """All at 0."""
        return cls(odds_ratio, np.zeros((2, cells, paths)), rng.standard_normal((cells, paths)))

    def limit(self, cell: Ints, p: Floats, spread: Floats, *, share: float, rng: np.random.Generator) -> float:
        """The limit of a period that the given share of its cells passes by chance; the simulation goes on by it.

        Args:
            cell: the cell of each stay, ascending, shape (n,).
            p: its chance.
            spread: by cell, the standard deviation of the logarithm of its odds that is no signal.
            share: of the cells of the period, in either direction.
            rng: the source of randomness.
        """
        active, starts, n = np.unique(cell, return_index=True, return_counts=True)
        factor = np.exp(self.lasting * spread[:, None])
        peak = np.zeros_like(self.state)
        gains = [weights(p, self.odds_ratio), weights(p, 1.0 / self.odds_ratio)]
        for rank in range(int(n.max())):
            at = starts[n > rank] + rank
            where = cell[at]
            odds = p[at, None] * factor[where]
            won = rng.random(odds.shape) < odds / (1.0 - p[at, None] + odds)
            for way, (up, down) in enumerate(gains):
                moved = np.maximum(self.state[way, where] + np.where(won, up[at, None], down[at, None]), 0.0)
                self.state[way, where] = moved
                peak[way, where] = np.maximum(peak[way, where], moved)
        found = peak[:, active].ravel()
        place = int(share * found.size / 2.0)
        limit = float(np.partition(found, -1 - place)[-1 - place])
        self.state[peak > limit] = 0.0
        return limit
