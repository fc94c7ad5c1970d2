"""Looking early without fooling oneself, and how long there is still to wait.

Who looks every month and stops at the first good news finds good news too often. The chance of error is spent instead:
little on early looks, nearly all at the end (Lan & DeMets 1983, with the spending function of O'Brien and Fleming).
Each look may spend what has come due since the one before; by Bonferroni's inequality all looks together spend no more
than was allowed.
"""

import math

__all__ = ["FEWEST", "days_needed", "level_of_look", "spent"]

#: Figures of fewer than these say nothing.
FEWEST = 10
# Nothing can be concluded at a level that is not below 1.
_HIGHEST = 1.0 - 1e-9
#: The power that is asked for: how often an effect of the size that was promised is to be seen.
POWER = 0.80


def spent(fraction: float, level: float) -> float:
    """How much of 1 - level may be spent by a fraction of the time: 2 - 2 Phi(z / sqrt(fraction))."""
    from scipy.special import ndtr, ndtri

    if fraction <= 0.0:
        return 0.0
    z = float(ndtri((1.0 + level) / 2.0))
    return 2.0 - 2.0 * float(ndtr(z / math.sqrt(min(fraction, 1.0))))


def level_of_look(fraction: float, earlier: float, level: float) -> float:
    """The level of an interval at a look, after a look at an earlier fraction (0 for none)."""
    return min(1.0 - max(spent(fraction, level) - spent(earlier, level), 0.0), _HIGHEST)


def days_needed(effect: float, fixed: float, one: float, a_day: float, level: float) -> float:
    """Days of the period after until an effect of this size is seen with a power of 80 %.

    Args:
        effect: what was promised.
        fixed: the variance that no waiting makes smaller: that of what is compared with.
        one: the variance of a single unit of the period after.
        a_day: units a day.
        level: the confidence.

    Returns:
        Infinity if it will never be seen.
    """
    from scipy.special import ndtri

    allowed = (effect / float(ndtri((1.0 + level) / 2.0) + ndtri(POWER))) ** 2
    if fixed >= allowed or a_day <= 0.0:
        return math.inf
    return one / (allowed - fixed) / a_day
