"""What the others would have achieved with a person's cases: the standard of indirect standardisation.

Strata are nested in the order given, and each is shrunk towards the one that holds it by as much as the strata
themselves differ: a thin stratum speaks only as loud as it may, and one that does not matter falls silent.
"""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Journal
from crmkit.metrics._checks import Floats
from crmkit.metrics.dispersion import Dispersion, Overdispersion, dispersion
from crmkit.metrics.policy import ADVANCED, STAYS, StageOrder

__all__ = ["LEAST_N", "Standard", "Stays", "bins_of_age", "spread_of", "standard_of", "stays_of"]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Fewer ended stays than this say nothing about a person, whatever the test.
LEAST_N = 10
# Two people cannot tell who of them is out of line.
_LEAST_PEOPLE = 3
_SIGMAS = 2.5
_ROUNDS = 10
# From the median absolute deviation to the standard deviation of a normal distribution.
_MAD = 1.4826
_CERTAIN = 0.001
_MANY = 20


@attrs.frozen(eq=False)
class Stays:
    """Ended stays of one stage whose person is known.

    Attributes:
        who: int64 codes of persons, shape (n,).
        advanced: how they ended.
        left: when, int64 microseconds UTC.
        sojourn: how long they took, int64 microseconds.
        columns: int64 codes of the strata, shape (n, k).
        lasting: codes of the persons of the stays that last.
    """

    who: Ints
    advanced: Floats
    left: Ints
    sojourn: Ints
    columns: Ints
    lasting: Ints

    def __getitem__(self, rows: Mask | Ints) -> "Stays":
        return Stays(
            self.who[rows], self.advanced[rows], self.left[rows], self.sojourn[rows], self.columns[rows], self.lasting
        )


@attrs.frozen(eq=False)
class Standard:
    """What is expected of each stay, had somebody of the others held it.

    Attributes:
        expected: the chance of advancing, shape (n,), strictly between 0 and 1.
        inside: persons who define the standard.
        judged: persons who can be judged; none where there are too few to compare.
        observed: advances by person.
        total: expected advances by person.
        information: sum of p (1 - p) by person: 1 / variance of the logarithm of the odds ratio.
        rest: the information of the others who define the standard, by person.
        spread: how much persons differ beyond chance, save those who are out of line.
        between: how much all persons differ, those who are out of line included.
    """

    expected: Floats
    inside: Mask
    judged: Mask
    observed: Floats
    total: Floats
    information: Floats
    rest: Floats
    spread: Dispersion
    between: Dispersion

    @property
    def factor(self) -> Floats:
        """By what the z score of each person is divided: persons differ, and the standard is an estimate, too."""
        estimated = np.sqrt(1.0 + self.information / np.maximum(self.rest, 1e-12))
        if self.spread.kind == "multiplicative":
            return estimated * self.spread.factor(self.information)
        return np.sqrt(estimated**2 + self.spread.factor(self.information) ** 2 - 1.0)

    @property
    def unsure(self) -> Floats:
        """By person, the standard deviation of the logarithm of the odds that is no signal."""
        more = np.maximum(self.factor**2 - 1.0, 0.0)
        return np.sqrt(np.divide(more, self.information, out=np.zeros_like(more), where=self.information > 0))


def spread_of(z: Floats, information: Floats, kind: Overdispersion) -> Dispersion:
    """How much the persons who define a standard differ beyond chance.

    Winsorised scores show a third too little spread. Where it is certain that there is some, that is corrected; where
    it is not, a correction would widen limits in every other report by nothing but its own chance. Of few persons there
    is no tenth to pull in.
    """
    if len(z) < _MANY:
        return dispersion(z, information, winsorise=0.0, kind=kind)
    certain = dispersion(z, information, corrected=True, alpha=_CERTAIN, kind=kind)
    return certain if certain.widens else dispersion(z, information, kind=kind)


def bins_of_age(ages: int) -> int:
    """A number of bins, checked.

    Raises:
        InvalidValue: unless it is a whole number of at least 1.
    """
    if not isinstance(ages, int) or ages < 1:
        raise InvalidValue("ages", ages, "is no number of bins; 1 for none")
    return ages


def stays_of(journal: Journal, order: StageOrder, by: str, strata: Sequence[str], stage: str) -> Stays:
    """The stays of a stage.

    Raises:
        NotFound: if a column is not there.
    """
    who = journal.dimension(by).codes
    columns = [journal.dimension(name).codes for name in strata]
    names = journal.stages.values
    here = (journal.stages.codes == names.index(stage)) & (who >= 0) if stage in names else np.zeros(len(who), np.bool_)
    outcome = order.outcomes(names)[journal.stages.codes, journal.next + 1]
    ended = here & (outcome != STAYS)
    strata_codes = np.stack(columns, axis=1)[ended] if columns else np.zeros((int(ended.sum()), 0), np.int64)
    return Stays(
        who[ended].astype(np.int64), (outcome[ended] == ADVANCED).astype(np.float64), journal.left[ended],
        journal.sojourn()[ended], strata_codes.astype(np.int64), who[here & ~ended].astype(np.int64),
    )  # fmt: skip


def standard_of(stays: Stays, people: int, *, ages: int, kind: Overdispersion, last: Ints | None = None) -> Standard:
    """The standard of a stage, from the persons who are not themselves out of line.

    Args:
        stays: of the stage.
        people: how many persons there are.
        ages: into how many bins the age at the end is cut; 1 for none.
        kind: what widens the limits.
        last: codes of a further, innermost stratum.
    """
    who, y = stays.who, stays.advanced
    n = np.bincount(who, minlength=people)
    judged = n >= LEAST_N
    if judged.sum() < _LEAST_PEOPLE:
        none = np.full(people, np.nan)
        nobody = np.zeros(people, np.bool_)
        unknown = dispersion([], [], kind=kind)
        return Standard(np.full(len(who), np.nan), nobody, nobody, none, none, none, none, unknown, unknown)
    cells = _nested(stays, ages, last)
    observed = _by_person(stays, y, people)
    inside, found = judged, _against(cells, stays, judged, people)
    near, rounds = _in_line(observed, found, judged, from_median=True), 0
    while near.sum() > 1 and rounds < _ROUNDS and not (near == inside).all():
        inside, rounds = near, rounds + 1
        found = _against(cells, stays, inside, people)
        near = _in_line(observed, found, judged, from_median=False)
    p, total, information = found
    rest = information[inside].sum() - np.where(inside, information, 0.0)
    score = (observed - total) / np.sqrt(np.maximum(information, 1e-12))
    spread = spread_of(score[inside], information[inside], kind)
    between = dispersion(score[judged], information[judged], winsorise=0.0)
    return Standard(p, inside, judged, observed, total, information, rest, spread, between)


def _by_person(stays: Stays, values: Floats, people: int) -> Floats:
    return np.bincount(stays.who, values, people).astype(np.float64)


def _against(cells: Sequence[Ints], stays: Stays, inside: Mask, people: int) -> tuple[Floats, Floats, Floats]:
    """What is expected of each stay, and by person in all, with its information."""
    p = _expected(cells, stays, inside, people)
    return p, _by_person(stays, p, people), _by_person(stays, p * (1.0 - p), people)


def _in_line(observed: Floats, found: tuple[Floats, Floats, Floats], judged: Mask, *, from_median: bool) -> Mask:
    """Who lies within reach of the standard, or of the median person while the standard is that of all."""
    _, total, information = (column[judged] if i else column for i, column in enumerate(found))
    effect = (observed[judged] - total) / information
    z = (effect - (np.median(effect) if from_median else 0.0)) * np.sqrt(information)
    near = judged.copy()
    near[judged] = np.abs(z) <= _SIGMAS * max(1.0, _MAD * float(np.median(np.abs(z))))
    return near


def _nested(stays: Stays, ages: int, last: Ints | None) -> list[Ints]:
    """The cell of each stay at each depth: all, by age at the end, then by one stratum after another."""
    columns = [*stays.columns.T, *([] if last is None else [last])]
    if ages > 1:
        edges = np.quantile(stays.sojourn, np.arange(1, ages) / ages)
        columns.insert(0, np.searchsorted(edges, stays.sojourn, "left"))
    cells = [np.zeros(len(stays.who), np.int64)]
    for column in columns:
        # A missing text is code -1, and a level of its own.
        packed = cells[-1] * (int(column.max()) + 2) + column + 1
        cells.append(np.unique(packed, return_inverse=True)[1].astype(np.int64))
    return cells


def _expected(cells: Sequence[Ints], stays: Stays, inside: Mask, people: int) -> Floats:
    """The chance of each stay to advance, from the stays of the other persons inside."""
    weight = inside[stays.who].astype(np.float64)
    whole, crude = float(weight.sum()), float((weight * stays.advanced).sum())
    edge = 0.5 / (whole + 1.0)
    full = np.full(len(weight), min(max(crude / whole, edge), 1.0 - edge))
    others = full
    for depth, cell in enumerate(cells):
        size = int(cell.max()) + 1
        n, x = np.bincount(cell, weight, size), np.bincount(cell, weight * stays.advanced, size)
        own_n, own_x = _own(cell, stays, weight, people)
        rest_n, rest_x = n[cell] - own_n, x[cell] - own_x
        if depth == 0:
            low = 0.5 / (np.maximum(rest_n, 1.0) + 1.0)
            others = np.clip(rest_x / np.maximum(rest_n, 1.0), low, 1.0 - low)
            continue
        strength = _strength(cell, stays, weight, full)
        if np.isinf(strength):
            continue
        full = (x[cell] + strength * full) / (n[cell] + strength)
        others = (rest_x + strength * others) / (rest_n + strength)
    return others


def _own(cell: Ints, stays: Stays, weight: Floats, people: int) -> tuple[Floats, Floats]:
    """How many stays of its own person each stay finds in its cell, and how many of them advanced."""
    _, pair = np.unique(cell * people + stays.who, return_inverse=True)
    n, x = (np.bincount(pair, column).astype(np.float64) for column in (weight, weight * stays.advanced))
    return n[pair], x[pair]


def _strength(cell: Ints, stays: Stays, weight: Floats, parent: Floats) -> float:
    """How many stays the rate of the parent is worth; infinite if the cells differ no more than chance allows."""
    size = int(cell.max()) + 1
    off = np.bincount(cell, weight * (stays.advanced - parent), size)
    information = np.bincount(cell, weight * parent * (1.0 - parent), size)
    used = information > 0
    spread = dispersion(off[used] / np.sqrt(information[used]), information[used], winsorise=0.0)
    mean = float((weight * parent * (1.0 - parent)).sum() / weight.sum())
    return 1.0 / (spread.tau2 * mean) if spread.tau2 > 0 else np.inf
