"""How long contracts last: hazards by age in renewals, and their projection."""

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable
from crmkit.metrics._checks import Floats, as_given, numbers
from crmkit.metrics._civil import as_day
from crmkit.metrics._fits import Fit, above_0, maximise
from crmkit.metrics._spells import Spells
from crmkit.metrics.estimators import wilson
from crmkit.metrics.policy import definition_id
from crmkit.metrics.survival import SurvivalCurve, kaplan_meier
from crmkit.values.display import ROWS, Display, Lang, Listed

__all__ = ["Hazard", "Retention", "ShiftedBetaGeometric", "lasting", "retention", "shifted_beta_geometric"]

Ints = npt.NDArray[np.int64]


@attrs.frozen
class Hazard:
    """What happens at one renewal.

    Attributes:
        age: which renewal, from 1.
        at_risk: spells that came up for it.
        left: of these, ended.
        value: the share that ends; NaN where nobody came up for it.
        low: lower limit.
        high: upper limit.
        survival: the share that outlasts it, from the beginning (Kaplan-Meier).
    """

    age: int
    at_risk: int
    left: int
    value: float
    low: float
    high: float
    survival: float


@attrs.frozen
class Retention(Frameable[Hazard]):
    """Discrete hazards; `retention` makes it.

    Attributes:
        rows: renewal by renewal.
        every: days between renewals; None where they came as a table of survivors.
        n: spells.
        n_open: of these, last (right-censored).
        n_unusable: rows that could not be used.
        level: the confidence of the limits.
        definition: the id of the definition.
        policies: what the figures mean, in words.
    """

    rows: tuple[Hazard, ...]
    every: int | None
    n: int
    n_open: int
    n_unusable: int
    level: float
    definition: str
    policies: dict[str, str]

    #: The estimator and the interval.
    method = "Kaplan-Meier by renewal, wilson"

    @staticmethod
    def of_survivors(alive: Sequence[int], *, level: float = 0.95) -> "Retention":
        """The hazards of one cohort, from how many were there at the start and after each renewal.

        Raises:
            InvalidValue: for fewer than two whole numbers, or an increase.
        """
        counts = np.asarray(alive)
        if counts.ndim != 1 or counts.size < 2 or counts.dtype.kind not in "iu" or (np.diff(counts) > 0).any():
            raise InvalidValue("survivors", list(alive), "are no two or more whole numbers that never rise")
        if counts[-1] < 0 or counts[0] == 0:
            raise InvalidValue("survivors", list(alive), "begin with nobody, or fall below 0")
        risk, left = counts[:-1].astype(np.int64), -np.diff(counts).astype(np.int64)
        policies = {"setting": "contract", "cohort": "one"}
        return _tabulated(risk, left, None, (int(counts[0]), int(counts[-1]), 0), level=level, policies=policies)

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """How many there are, the hazards, and what they mean; see `Shown.display`."""
        said = "; ".join(f"{name}: {text}" for name, text in self.policies.items())
        head = f"retention, n = {self.n}, {self.n_open} open, {self.n_unusable} unusable"
        return Display.of(
            head, self._table(lang, most), f"{self.method}; {said}; definition {self.definition}", lang=lang
        )


def lasting(spells: Spells) -> SurvivalCurve:
    """The share of spells that last longer than t days, by Kaplan and Meier, with delayed entry where `since` says so.

    Raises:
        InvalidValue: if no spell was observed for a day.
    """
    days, entry = _ages(spells)
    seen = days > entry
    if not seen.any():
        raise InvalidValue("spells", f"{len(spells)} spells", "of which none was observed for a day")
    return kaplan_meier(days[seen], spells.ended[seen], entry=entry[seen])


def retention(spells: Spells, *, every: int = 30, level: float = 0.95) -> Retention:
    """The share that ends at each renewal, of the spells that come up for it.

    A spell that ended after 45 of 30 days ended at its second renewal; one that is open after 45 has come up for the
    first only. A spell that began before `since` comes up for those after it.

    Args:
        spells: who was a customer when; each spell of one who returned is one.
        every: days between renewals.
        level: the confidence of the limits.

    Raises:
        InvalidValue: if nothing has come up for renewal yet.
    """
    if every < 1:
        raise InvalidValue("every", every, "is no whole number of days above 0")
    days, entry = _ages(spells)
    # -(-a // b) rounds up.
    last, first = np.where(spells.ended, -(-days // every), days // every), -(-entry // every)
    came = last > first
    if not came.any():
        raise InvalidValue(
            "spells", f"{len(spells)} spells", f"of which none has come up for renewal after {every} days"
        )
    last, first, ended = last[came], first[came], spells.ended[came]
    width = int(last.max()) + 2
    risk = np.cumsum(np.bincount(first + 1, minlength=width) - np.bincount(last + 1, minlength=width))[1:-1]
    left = np.bincount(last[ended], minlength=width)[1:-1]
    policies = {**spells.policies, "renewal": f"every {every} days", "return": "a new spell"}
    if spells.since is not None:
        policies["observed from"] = str(spells.since)
    counts = (len(spells), int((~spells.ended).sum()), spells.n_unusable)
    return _tabulated(risk, left, every, counts, level=level, policies=policies)


@attrs.frozen
class ShiftedBetaGeometric(Listed):
    """Shifted beta-geometric (Fader & Hardie 2007): each customer leaves at each renewal with a chance of their own.

    Attributes:
        alpha: of the beta distribution of that chance.
        beta: its other parameter.
        fit: where the parameters come from; None if they were given.
    """

    model: ClassVar[str] = "shifted beta-geometric"

    alpha: float = attrs.field(validator=above_0)
    beta: float = attrs.field(validator=above_0)
    fit: Fit | None = None

    def survival(self, t: npt.ArrayLike) -> Any:
        """The share of a cohort that is there after t renewals, however far ahead."""
        from scipy.special import betaln

        ahead = numbers(t, "t")
        return as_given(np.asarray(np.exp(betaln(self.alpha, self.beta + ahead) - betaln(self.alpha, self.beta))))

    def rate(self, t: npt.ArrayLike) -> Any:
        """The share retained at renewal t (from 1) of those who came up for it: it rises, for the loyal remain."""
        at = numbers(t, "t")
        if (at < 1).any():
            raise InvalidValue("renewal", float(at.min()), "is below 1, the first")
        return as_given(np.asarray((self.beta + at - 1.0) / (self.alpha + self.beta + at - 1.0)))

    def expected(self, horizon: int, after: int = 0) -> float:
        """Renewals within the next `horizon` by a customer who has renewed `after` times."""
        ahead = np.arange(after + 1, after + horizon + 1)
        return float((self.survival(ahead) / self.survival(after)).sum())


def shifted_beta_geometric(renewals: Retention, *, level: float = 0.95) -> ShiftedBetaGeometric:
    """Shifted beta-geometric by maximum likelihood on the hazards, so that open and late-coming spells count rightly.

    Args:
        renewals: who came up and who left, at each renewal.
        level: the confidence of the limits.

    Raises:
        InvalidValue: if nobody left or nobody stayed, or the likelihood has no maximum, as where all have one chance.
    """
    columns = renewals.to_dict()
    left, risk = np.array(columns["left"], np.float64), np.array(columns["at_risk"], np.float64)
    stayed, before = risk - left, np.arange(len(left), dtype=np.float64)
    if not left.any() or not stayed.any():
        raise InvalidValue(
            f"{ShiftedBetaGeometric.model} fit", f"{left.sum():g} of {risk.sum():g}", "left: all or none"
        )

    def objective(at: Floats) -> tuple[float, Floats]:
        alpha, beta = np.exp(at)
        both = alpha + beta + before
        value = left.sum() * at[0] + stayed @ np.log(beta + before) - risk @ np.log(both)
        shared = risk @ (1.0 / both)
        return float(value), np.array([left.sum() - alpha * shared, beta * (stayed @ (1.0 / (beta + before)) - shared)])

    fit = maximise(
        objective, {"alpha": 1.0, "beta": 1.0}, ShiftedBetaGeometric.model,
        n=renewals.n, n_unusable=renewals.n_unusable, level=level, policies=renewals.policies,
    )  # fmt: skip
    alpha, beta = (row.value for row in fit.rows)
    return ShiftedBetaGeometric(alpha, beta, fit)


def _tabulated(
    risk: Ints, left: Ints, every: int | None, spells: tuple[int, int, int], *, level: float,
    policies: dict[str, str],
) -> Retention:  # fmt: skip
    hazard = np.divide(left, risk, out=np.full(len(risk), np.nan), where=risk > 0)
    low, high = wilson(left, risk, level)
    survival = np.cumprod(1.0 - np.nan_to_num(hazard))
    columns = (column.tolist() for column in (risk, left, hazard, low, high, survival))
    rows = tuple(Hazard(age, *row) for age, row in enumerate(zip(*columns, strict=True), 1))
    return Retention(rows, every, *spells, level, definition_id("retention", level=level, **policies), policies)


def _ages(spells: Spells) -> tuple[Ints, Ints]:
    """Days each spell lasted until it ended or was last seen, and its age when it came under observation."""
    since = np.iinfo(np.int64).min if spells.since is None else as_day(spells.since, "since")
    return spells.end - spells.start, np.maximum(np.maximum(spells.start, since) - spells.start, 0)
