"""How one person's habit stands among those of the others, and whether the habit goes along with success.

The star is compared with persons, not with cases: however many cases the others have, ten persons are ten opinions of
how persons differ.
"""

from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.improve._looks import FEWEST
from crmkit.metrics.dispersion import dispersion

__all__ = ["Along", "Compared", "Habit", "People", "along", "compared", "people_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]

#: A part of trials, or events by exposure.
Family: TypeAlias = Literal["share", "rate"]

#: With fewer other persons nobody knows how much persons differ.
FEWEST_OTHERS = 4
# Fewer cases of the others than these tell nothing about success.
_FEWEST_ENDED = 30
# Anscombe (1948): the shift that steadies the variance of small counts.
_SHIFT = 0.375


@attrs.frozen(eq=False)
class Habit:
    """One thing that is done or not in each window.

    Attributes:
        key: what it is, in plain words that do not change.
        en: its name in a sentence.
        zh: the same in Chinese.
        family: "share": a part of trials; "rate": events by exposure.
        unit: what the value is in.
        event: events of each window, shape (n,).
        of: trials, or exposure, of each.
        used: which windows count.
        open: those of them that last.
        whole: whether success is that of the whole case, not of the stay.
        tried: whether it can go along with success at all.
    """

    key: str
    en: str
    zh: str
    family: Family
    unit: str
    event: Floats
    of: Floats
    used: Mask
    open: Mask
    whole: bool = False
    tried: bool = True


@attrs.frozen(eq=False)
class People:
    """A habit by person.

    Attributes:
        value: events / trials or exposure, NaN where there is nothing, shape (p,).
        scaled: on the scale on which its variance does not hang on its value.
        variance: of `scaled`, by chance within the person.
        n: windows of each.
        n_open: of these, lasting ones.
        enough: who has enough to say anything.
    """

    value: Floats
    scaled: Floats
    variance: Floats
    n: Ints
    n_open: Ints
    enough: Mask


def people_of(habit: Habit, who: Codes, size: int) -> People:
    """Add a habit up by person.

    Shares go to the arcsine of their root, rates to their root (Anscombe 1948). Windows of one person that differ more
    than chance widen the variance by Pearson's factor.

    Args:
        habit: what is done in each window.
        who: the code of the person of each, -1 where unknown.
        size: how many persons there are.
    """
    used = habit.used & (who >= 0) & (habit.of > 0)
    mine, event, of = who[used], habit.event[used], habit.of[used]
    n = np.bincount(mine, minlength=size)
    x, e = (np.bincount(mine, weights=column, minlength=size) for column in (event, of))
    share = habit.family == "share"
    value = np.divide(x, e, out=np.full(size, np.nan), where=e > 0)
    enough = (n >= FEWEST) & (e >= FEWEST if share else e > 0)
    factor = _factor(event, of, value[mine], enough[mine], share=share)
    held = np.maximum(e, 1.0) if share else np.where(e > 0, e, 1.0)
    if share:
        scaled, variance = np.arcsin(np.sqrt((x + _SHIFT) / (held + 2 * _SHIFT))), factor / (4.0 * held + 2.0)
    else:
        scaled, variance = np.sqrt((x + _SHIFT) / held), factor / (4.0 * held)
    lasting = np.bincount(who[used & habit.open], minlength=size)
    return People(value, scaled, variance, n, lasting, enough)


def _factor(event: Floats, of: Floats, value: Floats, enough: Mask, *, share: bool) -> float:
    """By how much windows of one person differ more than chance allows: Pearson's chi-square by degree of freedom."""
    event, of, value = event[enough], of[enough], value[enough]
    expected = of * value * (1.0 - value) if share else of * value
    spread = float(expected.sum())
    if spread <= 0.0 or (share and (of == 1.0).all()):
        return 1.0
    return max(1.0, float(((event - of * value) ** 2).sum()) / spread)


@attrs.frozen
class Compared:
    """The star among the others.

    Attributes:
        star: the value of the star.
        others: that of a typical other person.
        low: lower limit of star - others.
        high: upper limit.
        p: two-sided, against the spread of persons.
        persons: how many others there are.
        n_others: their windows.
        tau: how much the others differ beyond chance, on the steadied scale.
    """

    star: float
    others: float
    low: float
    high: float
    p: float
    persons: int
    n_others: int
    tau: float


def compared(people: People, star: int, family: Family, level: float) -> Compared | None:
    """Hold the star against the distribution of the other persons; None if there is too little to do so.

    The star's value is predicted from the others with a random effect for persons (DerSimonian & Laird 1986), whose
    limits are Student's with one degree of freedom less than there are others (Higgins, Thompson & Spiegelhalter 2009
    take one less still); where all are known alike this is the exact prediction of one more draw.
    """
    from scipy.special import stdtr, stdtrit

    rest = people.enough.copy()
    rest[star] = False
    m = int(rest.sum())
    if not people.enough[star] or m < FEWEST_OTHERS:
        return None
    y, v = people.scaled[rest], people.variance[rest]
    pooled = float((y / v).sum() / (1.0 / v).sum())
    tau2 = dispersion((y - pooled) / np.sqrt(v), 1.0 / v, winsorise=0.0).tau2
    weight = 1.0 / (v + tau2)
    centre = float((y * weight).sum() / weight.sum())
    error = float(np.sqrt(people.variance[star] + tau2 + 1.0 / weight.sum()))
    own = float(people.scaled[star])
    half = float(stdtrit(m - 1, (1.0 + level) / 2.0)) * error
    others = back(centre, family)
    return Compared(
        float(people.value[star]), others, back(own - half, family) - others, back(own + half, family) - others,
        2.0 * float(stdtr(m - 1, -abs(own - centre) / error)), m, int(people.n[rest].sum()), float(np.sqrt(tau2)),
    )  # fmt: skip


def back(scaled: float, family: Family) -> float:
    """From the steadied scale to the unit of the habit."""
    if family == "rate":
        return max(scaled, 0.0) ** 2
    return float(np.sin(min(max(scaled, 0.0), np.pi / 2.0)) ** 2)


@attrs.frozen
class Along:
    """How success goes along with a habit, window by window within persons.

    Attributes:
        value: by how much the chance of success is higher for one more unit of the habit.
        low: lower limit.
        high: upper limit.
        p: two-sided, against no slope.
        n: windows that ended.
    """

    value: float
    low: float
    high: float
    p: float
    n: int


def along(habit: Habit, success: Ints, who: Codes, star: int, level: float) -> Along | None:
    """The slope of success on a habit within the other persons; None if there is too little to tell.

    A linear probability model with an intercept for each person, and errors that may differ (White 1980, HC1): what
    only tells persons apart, such as when they go to lunch, has no part in it, and neither has the star.
    """
    from scipy.special import stdtr, stdtrit

    used = habit.used & (who >= 0) & (who != star) & (habit.of > 0) & (success >= 0)
    persons, mine = np.unique(who[used], return_inverse=True)
    n, m = int(used.sum()), len(persons)
    if not habit.tried or n < _FEWEST_ENDED or n <= m + 1:
        return None
    x, y = (_within(column, mine) for column in (habit.event[used] / habit.of[used], success[used].astype(np.float64)))
    spread = float((x * x).sum())
    if spread < 1e-9 or float((y * y).sum()) < 1e-9:
        return None
    slope = float((x * y).sum()) / spread
    rest = y - slope * x
    error = float(np.sqrt(((x * rest) ** 2).sum() * n / (n - m - 1))) / spread
    half = float(stdtrit(n - m - 1, (1.0 + level) / 2.0)) * error
    # Where the slope explains everything there is no error to divide by.
    p = 2.0 * float(stdtr(n - m - 1, -abs(slope) / error)) if error > 0.0 else 0.0
    return Along(slope, slope - half, slope + half, p, n)


def _within(column: Floats, who: npt.NDArray[Any]) -> Floats:
    """A column less the mean of each person."""
    means = np.bincount(who, weights=column) / np.bincount(who)
    return np.asarray(column - means[who], np.float64)
