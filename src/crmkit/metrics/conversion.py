"""Conversion of each stage, for everybody and for each person (K9, K15).

Of the stays that begin in a stage, how many go on to a later one? Stays that last are right-censored: neither dropped
nor counted as failures. The estimate is the Aalen-Johansen cumulative incidence of advancing, with losing and going
back as competing causes.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Frameable, Journal
from crmkit.metrics import policy
from crmkit.metrics.estimators import wilson
from crmkit.metrics.policy import Attribution, Clock, Denominator, StageOrder, definition_id
from crmkit.metrics.states import Counts
from crmkit.metrics.survival import grouped_aj

__all__ = ["NOBODY", "Conversion", "Rate", "Rates", "conversion", "transitions"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: The name under which stays without a person are shown.
NOBODY = "(unknown)"


@attrs.frozen
class Rate:
    """The conversion of one stage, for one person or for all.

    Attributes:
        stage: the stage.
        who: the person who held the case at entry; None for all.
        entered: stays that began.
        advanced: of these, went on to a later stage or were won.
        lost: were lost.
        back: went back, or started the same stage anew.
        open: last (right-censored).
        value: the chance that a stay advances within `horizon` days.
        low: lower limit of its interval.
        high: upper limit.
        method: the estimator and the interval.
        horizon: days; the longest observed time to an end of any stay in this stage, the same for all persons.
        decided: the share that advances among the stays that end within `horizon`, censoring accounted for; NaN if none
            ended. Persons are compared by it, so that nobody is judged by cases that are still open.
        closed_only: advanced / (advanced + lost + back), what one gets by ignoring the open stays; NaN if none ended.
        closed_only_low: lower Wilson limit of it.
        closed_only_high: upper Wilson limit.
        definition: the id of the definition.
    """

    stage: str
    who: str | None
    entered: int
    advanced: int
    lost: int
    back: int
    open: int
    value: float
    low: float
    high: float
    method: str
    horizon: float
    decided: float
    closed_only: float
    closed_only_low: float
    closed_only_high: float
    definition: str

    @property
    def n(self) -> int:
        """Stays that began."""
        return self.entered

    @property
    def n_open(self) -> int:
        """Stays that last."""
        return self.open

    @property
    def ended(self) -> int:
        """Stays that ended, whichever way."""
        return self.advanced + self.lost + self.back


@attrs.frozen
class Rates(Frameable[Rate]):
    """Conversion of every stage, for all (`who` is None) and for each person.

    Attributes:
        rows: stage by stage, all first, then persons by name.
        level: the confidence of the intervals.
        definition: the id of the definition; the same for the same policies.
        policies: what the figures mean, in words.
    """

    rows: tuple[Rate, ...]
    level: float
    definition: str
    policies: dict[str, str]
    _state: Counts = attrs.field(repr=False, eq=False)
    _metric: "Conversion" = attrs.field(repr=False, eq=False)

    def stage(self, name: str, who: str | None = None) -> Rate:
        """One row.

        Raises:
            KeyError: if there is none.
        """
        for row in self.rows:
            if row.stage == name and row.who == who:
                return row
        raise KeyError((name, who))

    def interval(self, level: float) -> "Rates":
        """The same figures with intervals of another confidence."""
        return attrs.evolve(self._metric, level=level).finish(self._state)


@attrs.frozen
class Conversion:
    """The metric: `zero`, `update` with a journal, `merge`, `finish`. The state is `Counts` of stays.

    Attributes:
        order: the stages in order, and which are closed.
        by: the column to group by besides the stage; None for none.
        level: the confidence of the intervals.
        clock: the width of a time bin; stays and their ends are compared in whole bins.
        denominator: what the rate is a share of.
        attribution: whose stay it is.
    """

    order: StageOrder
    by: str | None = "who"
    level: float = 0.95
    clock: Clock = "day"
    denominator: Denominator = "stage entry"
    attribution: Attribution = "owner at entry"

    @property
    def whole_cases(self) -> bool:
        """No: a stay says what came next."""
        return False

    @property
    def definition(self) -> str:
        """The id of this definition."""
        return definition_id("conversion", **attrs.asdict(self, recurse=False))

    def zero(self) -> Counts:
        """Nothing counted."""
        return Counts.zero(("by", "stage", "next"))

    def update(self, state: Counts, journal: Journal) -> Counts:
        """The state with the stays of a journal added."""
        bins = journal.sojourn() // policy.CLOCK_US[self.clock]
        return state.merge(Counts.of({"by": _by(journal, self.by), **_next(journal)}, bins))

    def merge(self, one: Counts, other: Counts) -> Counts:
        """Both states added up."""
        return one.merge(other)

    def finish(self, state: Counts) -> Rates:
        """The figures of a state."""
        people = sorted(state.labels[0])
        ends = self._ends(state, people)
        definition = self.definition
        rows: list[Rate] = []
        for number, stage in enumerate(self.order.open):
            rows += self._stage(stage, people, ends[:, number], definition)
        return Rates(
            tuple(rows), self.level, definition,
            {"denominator": self.denominator, "attribution": self.attribution, "clock": self.clock,
             "open stays": "right-censored", "re-entry": "each visit"},
            state, self,
        )  # fmt: skip

    def _ends(self, state: Counts, people: Sequence[str]) -> Ints:
        """Int64 counts, shape (people + 2, open stages, 4 outcomes, bins); the last two: unknown person, everybody."""
        names = self.order.names
        # Column 0 of the outcome table is for stays that last: their next stage is missing, the last place of `next`.
        outcome = np.roll(self.order.outcomes(names), -1, axis=1)
        stays = state.dense({"by": people, "stage": names, "next": names})[:, :-1]
        ends = np.zeros((len(people) + 2, len(self.order.open), len(policy.OUTCOMES), stays.shape[-1]), np.int64)
        for number, stage in enumerate(self.order.open):
            i = names.index(stage)
            for cause in range(len(policy.OUTCOMES)):
                ends[:-1, number, cause] = stays[:, i, outcome[i] == cause].sum(axis=1)
        ends[-1] = ends[:-1].sum(axis=0)
        return ends

    def _stage(self, stage: str, people: Sequence[str], ends: Ints, definition: str) -> list[Rate]:
        resolved = np.flatnonzero(ends[-1, 1:].sum(axis=0))
        horizon = int(resolved[-1]) if len(resolved) else 0
        # After the last end only censoring comes, for which it is enough to be at risk until then.
        within = ends[..., : horizon + 1].copy()
        within[:, 0, horizon] += ends[:, 0, horizon + 1 :].sum(axis=-1)
        estimate = grouped_aj(within)
        # Sums of shares may pass 1 by a rounding error; a chance may not.
        value = np.minimum(estimate.cif[:, 0, horizon], 1.0)
        any_end = np.maximum(estimate.cif[:, :, horizon].sum(axis=1), value)
        decided = np.divide(value, any_end, out=np.full(len(value), np.nan), where=any_end > 0)
        totals = ends.sum(axis=2)
        band = (limit[:, 0, horizon] for limit in estimate.interval(self.level))
        low, high, method = _limits(tuple(band), totals, self.level)
        closed = [limit.tolist() for limit in wilson(totals[:, 1], totals[:, 1:].sum(axis=1), self.level)]
        unit = policy.CLOCK_US[self.clock] / policy.CLOCK_US["day"]
        rows: list[Rate] = []
        for cell, who in [(-1, None), *enumerate(people), (-2, NOBODY)]:
            stays, advanced, lost, back = totals[cell].tolist()
            entered = stays + advanced + lost + back
            if who is not None and (not entered or self.by is None):
                continue
            ended = advanced + lost + back
            rows.append(
                Rate(
                    stage, who, entered, advanced, lost, back, stays, float(value[cell]),
                    float(low[cell]), float(high[cell]), method[cell], (horizon + 1) * unit,
                    float(decided[cell]),
                    advanced / ended if ended else float("nan"), closed[0][cell], closed[1][cell], definition,
                )
            )  # fmt: skip
        return rows


def conversion(
    journal: Journal,
    *,
    stages: Any = None,
    by: str | None = "who",
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
    level: float = 0.95,
    clock: Clock = "day",
) -> Rates:
    """Conversion of every stage, for all and for each person.

    Args:
        journal: the stays.
        stages: a `Pipeline`, or the stage names in order; the journal's own stages if None.
        by: the column to group by: "who" (the owner at entry), one of the journal's `dims`, or None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        level: the confidence of the intervals.
        clock: the width of a time bin.

    Returns:
        `Rates`; the method of a row is "wilson" where nothing is open (the estimate is then a plain proportion) and
        "aalen-johansen" with a complementary log-log interval where stays last.
    """
    metric = Conversion(StageOrder.of(stages, journal, won, lost), by, level, clock)
    return metric.finish(metric.update(metric.zero(), journal))


def transitions(journal: Journal, *, by: str | None = "who") -> Counts:
    """How often each stage was followed by each other, for each person: the cheapest state, one pass, no sort.

    Args:
        journal: the stays.
        by: see `conversion`.

    Returns:
        `Counts` over ("by", "stage", "next"); `next` is missing for stays that last.
    """
    return Counts.of({"by": _by(journal, by), **_next(journal)})


def _by(journal: Journal, by: str | None) -> Any:
    from crmkit.journal import Coded

    if by is None:
        return Coded(np.full(len(journal), -1, np.int32), ())
    return journal.dimension(by)


def _next(journal: Journal) -> dict[str, Any]:
    from crmkit.journal import Coded

    return {"stage": journal.stages, "next": Coded(journal.next, journal.stages.values)}


def _limits(band: tuple[Floats, ...], totals: Ints, level: float) -> tuple[Floats, Floats, list[str]]:
    """Wilson where the estimate is a plain proportion, the band where stays are censored, [0, 1] without stays."""
    plain, entered = totals[:, 0] == 0, totals.sum(axis=1)
    wilsons = wilson(totals[:, 1], entered, level)
    low, high = (np.where(plain, exact, limit) for exact, limit in zip(wilsons, band, strict=True))
    methods = ["wilson" if p else "aalen-johansen, complementary log-log" for p in plain.tolist()]
    return np.where(entered > 0, low, 0.0), np.where(entered > 0, high, 1.0), methods
