"""How a figure differs after from before, and what of it the choice of the case explains."""

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from crmkit.errors import InvalidValue
from crmkit.improve._looks import FEWEST
from crmkit.improve.hypothesis import Hypothesis
from crmkit.metrics.dispersion import dispersion
from crmkit.metrics.figures import Figure, Figures

__all__ = ["NOTHING", "Contrast", "Found", "Reading", "against", "between", "cell", "is_of", "others_of", "settled"]

# Three more than tell a mean: of fewer units nobody knows how much units differ.
_FEWEST_PEERS = 4


@attrs.frozen
class Reading:
    """A figure with its spread.

    Attributes:
        value: NaN where there is no data.
        low: lower limit.
        high: upper limit.
        variance: of the estimate, from the width of the limits.
        n: what it rests on.
    """

    value: float
    low: float
    high: float
    variance: float
    n: int

    @property
    def enough(self) -> bool:
        """Whether it says anything."""
        return self.n >= FEWEST and np.isfinite(self.variance) and self.variance > 0.0


NOTHING = Reading(np.nan, np.nan, np.nan, np.nan, 0)


@attrs.frozen
class Contrast:
    """A difference of two readings, or of two such differences.

    Attributes:
        value: after - before.
        low: lower limit.
        high: upper limit.
        fixed: the variance that more cases after do not make smaller.
        one: the variance that one case after would have.
    """

    value: float
    low: float
    high: float
    fixed: float
    one: float


@attrs.frozen
class Found:
    """What was found, as the figure goes, not yet as better or worse.

    Attributes:
        before: the figure before.
        settled: what it would have become by itself.
        after: the figure after.
        contrast: the difference; None if it cannot be told.
        method: how it was told.
        notes: what to know about it, in English and Chinese.
    """

    before: Reading
    settled: Reading
    after: Reading
    contrast: Contrast | None
    method: str
    notes: tuple[tuple[str, str], ...] = ()


def reading(figure: Figure | None, z: float) -> Reading:
    """What a figure says; one without limits cannot be compared."""
    if figure is None or figure.value is None:
        return NOTHING
    if figure.low is None or figure.high is None:
        why = "has no interval, so that nobody knows what chance does to it; take the design 'series'"
        raise InvalidValue("metric", figure.metric, why)
    width = (figure.high - figure.low) / (2.0 * z)
    return Reading(figure.value, figure.low, figure.high, width**2, figure.n - figure.n_open)


def cell(figures: Figures, claim: Hypothesis, where: Mapping[str, str], z: float) -> Reading:
    """The figure of a group; none if the facts have nothing of it.

    Raises:
        InvalidValue: if `where` fits several figures: it must name the stage, the currency ... of which it speaks.
    """
    found = [row for row in figures if is_of(row, where)]
    if len(found) > 1:
        open_ = sorted({name for row in found for name in row.group if name not in where} or {"unit"})
        told = ", ".join(f"{name} {value}" for name, value in where.items())
        why = f"fits {len(found)} figures of {claim.metric.key}; say which: {', '.join(open_)}"
        raise InvalidValue("where", told, why)
    return reading(found[0] if found else None, z)


def others_of(
    figures: Figures, claim: Hypothesis, z: float, leave_out: Sequence[Mapping[str, str]] = ()
) -> dict[str, Reading]:
    """The same figure of everybody else: of each other value of the first column of `where`."""
    among = next(iter(claim.where))
    rest = {name: value for name, value in claim.where.items() if name != among}
    found: dict[str, Reading] = {}
    for row in figures:
        name = row.group.get(among)
        if name is None or name == claim.where[among] or not is_of(row, rest):
            continue
        if any(is_of(row, group) for group in leave_out):
            continue
        one = reading(row, z)
        if one.enough:
            found[name] = one
    return found


def is_of(row: Figure, where: Mapping[str, str]) -> bool:
    """Whether a figure is that of a group."""
    group = {**row.group, "currency": row.unit, "unit": row.unit}
    return all(group.get(name) == value for name, value in where.items())


def settled(own: Reading, others: Mapping[str, Reading], *, share: bool) -> Reading | None:
    """What an extreme figure is worth, given how much others differ: what would be seen again if nothing were done.

    Empirical Bayes: the figure is drawn towards the mean of the others by the share of its distance that is chance, as
    far as all of them differ; what is not known about that share is added to its variance (Morris 1983). None if there
    are too few others.

    Args:
        own: the figure.
        others: those of the others.
        share: whether they are shares. The spread of a share hangs on its value, and an extreme one seems to be known
            better than it is: all are then given the spread of the mean.
    """
    if len(others) < _FEWEST_PEERS:
        return None
    value = np.array([own.value, *(one.value for one in others.values())])
    variance = np.array([own.variance, *(one.variance for one in others.values())])
    if share:
        n = np.array([own.n, *(one.n for one in others.values())], np.float64)
        mean = float(np.clip((value * n).sum() / n.sum(), 0.5 / n.sum(), 1.0 - 0.5 / n.sum()))
        variance = mean * (1.0 - mean) / n
    known = 1.0 / variance
    pooled = float((value * known).sum() / known.sum())
    # Morris's correction of the share would keep some of the distance where there is nothing but chance.
    tau2 = dispersion((value - pooled) * np.sqrt(known), known, winsorise=0.0).tau2
    weight = 1.0 / (variance[1:] + tau2)
    centre, unsure = float((value[1:] * weight).sum() / weight.sum()), float(1.0 / weight.sum())
    kept = float(tau2 / (tau2 + variance[0]))
    left = kept * float(variance[0]) + (1.0 - kept) ** 2 * unsure
    left += 2.0 / max(len(value) - 3, 1) * ((1.0 - kept) * (own.value - centre)) ** 2
    half = float(np.sqrt(left))
    shrunk = centre + kept * (own.value - centre)
    return Reading(shrunk, shrunk - half, shrunk + half, left, own.n)


def between(before: Reading, after: Reading, z: float, *, normal: bool) -> Contrast:
    """After - before: by the limits of both (MOVER: Zou & Donner 2008), or by their variances."""
    value = after.value - before.value
    if normal:
        half = z * float(np.sqrt(before.variance + after.variance))
        low, high = value - half, value + half
    else:
        low = value - float(np.hypot(after.value - after.low, before.high - before.value))
        high = value + float(np.hypot(after.high - after.value, before.value - before.low))
    return Contrast(value, low, high, before.variance, after.variance * after.n)


def against(own: Contrast, others: Sequence[Contrast]) -> Contrast:
    """The own difference less that of others, who are pooled by how well each is known."""
    halves = np.array([(one.high - one.low) / 2.0 for one in others])
    weight = 1.0 / halves**2
    value = float((np.array([one.value for one in others]) * weight).sum() / weight.sum())
    half = float(1.0 / np.sqrt(weight.sum()))
    low = own.value - value - float(np.hypot(own.value - own.low, half))
    high = own.value - value + float(np.hypot(own.high - own.value, half))
    return Contrast(own.value - value, low, high, own.fixed, own.one)
