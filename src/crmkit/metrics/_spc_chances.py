"""What the points of each chart can be while nothing is wrong: normal, binomial, Poisson or geometric."""

from collections.abc import Sequence

import numpy as np

from crmkit.metrics._checks import Floats
from crmkit.metrics._spc_limits import ChartLimits, distances, placed
from crmkit.metrics._spc_rules import RunRule
from crmkit.metrics._spc_runs import Chances, normal_chances

__all__ = ["chances_of"]

# Beyond so many sigmas nothing happens that a float could tell.
_FAR = 14.0


def chances_of(limits: ChartLimits, size: float, rules: Sequence[RunRule], shift: float) -> Chances:
    """The points of a chart by their distance from the centre.

    Args:
        limits: what is usual.
        size: the size of a typical point.
        rules: what zones are told apart by, where points are normal.
        shift: how many sigmas of the chart the mean has moved.
    """
    values, p, text = _BY_KIND.get(limits.kind, _normal)(limits, size, shift)
    if not len(values):
        return normal_chances(rules, shift)
    sizes = np.full(values.shape, size)
    z = distances(limits, values, *placed(limits, sizes))
    return Chances(z, p, text if shift == 0 else f"{text}, shift {shift:g} sigma")


def _normal(*_: object) -> tuple[Floats, Floats, str]:
    return np.zeros(0), np.zeros(0), ""


def _binomial(limits: ChartLimits, size: float, shift: float) -> tuple[Floats, Floats, str]:
    from scipy.special import bdtr

    n = max(1, round(size))
    spread = (limits.centre * (1 - limits.centre) / n) ** 0.5
    p = min(max(limits.centre + shift * spread, 0.0), 1.0)
    reach = _FAR * max(spread, (p * (1 - p) / n) ** 0.5) * n + 20.0
    k = np.arange(max(0, int(n * min(p, limits.centre) - reach)), min(n, int(n * max(p, limits.centre) + reach)) + 1.0)
    chance = np.diff(bdtr(k, n, p), prepend=0.0)
    values = k if limits.kind == "np" else k / n
    return values, chance, f"binomial points of {n}"


def _poisson(limits: ChartLimits, size: float, shift: float) -> tuple[Floats, Floats, str]:
    from scipy.special import pdtr

    exposure = 1.0 if limits.kind == "c" else size
    usual = limits.centre * exposure
    mean = max(0.0, usual + shift * usual**0.5)
    reach = _FAR * max(mean, usual) ** 0.5 + 20.0
    k = np.arange(max(0, int(min(mean, usual) - reach)), max(mean, usual) + reach)
    return k / exposure, np.diff(pdtr(k, mean), prepend=0.0), f"Poisson points of {usual:.3g}"


def _geometric(limits: ChartLimits, size: float, shift: float) -> tuple[Floats, Floats, str]:  # noqa: ARG001 - a g chart has no sizes
    mean = max(0.0, limits.centre + shift * (limits.centre * (limits.centre + 1.0)) ** 0.5)
    stays = mean / (mean + 1.0)
    last = int(40.0 * max(mean, limits.centre)) + 40
    g = np.arange(last + 1.0)
    chance = stays**g * (1.0 - stays)
    chance[-1] = stays**last
    return g, chance, f"geometric points of {limits.centre:.3g}"


_BY_KIND = {
    "p": _binomial, "np": _binomial, "c": _poisson, "u": _poisson, "g": _geometric, "g-sigma": _geometric,
}  # fmt: skip
