"""Period by period: what is expected, where the limit is, whose CUSUM passes it, and which shifts that makes."""

import itertools
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Journal
from crmkit.metrics._bernoullis import OddsFactor
from crmkit.metrics._checks import Floats
from crmkit.metrics._cusum import Simulated, path
from crmkit.metrics._standard import Stays, standard_of, stays_of
from crmkit.metrics._verdicts import SignalKind
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.dispersion import Dispersion, Overdispersion
from crmkit.metrics.policy import StageOrder

__all__ = ["PathPoint", "PeriodLimit", "Shift", "Watch", "watched"]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# As many simulated false signals a period and stage settle its limit to a seventh of them.
_FALSE = 50
_LEAST_PATHS = 50
_MOST_PATHS = 20_000
# After a signal the CUSUM is held here, at each period's end: a shift is over once the evidence against it, from where
# it was strongest, is twenty to one.
_HELD = float(np.log(20.0))


@attrs.frozen
class Shift:
    """A person who is out of line in a stage, for a while.

    Attributes:
        stage: the stage.
        who: the person.
        kind: "coach" for fewer advances than expected, "share" for more.
        first: the period at whose end it was first signalled.
        since: the period in which it began, by the best guess: where the CUSUM left 0 for good.
        last: the period in which the CUSUM returned to 0; None if it lasts.
        strength: the highest CUSUM by its limit; above 1. It is the logarithm of a likelihood ratio.
        observed: stays that advanced since `since`, up to `last`.
        expected: how many would have advanced with the other persons.
        ratio: observed / expected; too far from 1 rather than too near, for the worst stretch was picked.
        low: lower limit of the ratio.
        high: upper limit.
        n: stays that ended in that time.
        method: how it was found.
        definition: the id of the definition.
    """

    stage: str
    who: str
    kind: SignalKind
    first: str
    since: str
    last: str | None
    strength: float
    observed: int
    expected: float
    ratio: float
    low: float
    high: float
    n: int
    method: str
    definition: str


@attrs.frozen
class PeriodLimit:
    """What was watched in a stage in a period.

    Attributes:
        period: its name.
        stage: the stage.
        limit: of the CUSUM; NaN where nobody could be compared.
        cells: persons who were watched.
        n: stays that were counted.
        expected_false: how many of its signals chance gives, on average.
        complete: whether the period was over at the end of observation.
    """

    period: str
    stage: str
    limit: float
    cells: int
    n: int
    expected_false: float
    complete: bool


@attrs.frozen
class PathPoint:
    """The CUSUM of one person in one stage at the end of a period.

    Attributes:
        stage: the stage.
        who: the person.
        period: the period.
        weak: evidence of fewer advances than expected.
        strong: evidence of more.
        limit: of both.
    """

    stage: str
    who: str
    period: str
    weak: float
    strong: float
    limit: float


@attrs.frozen(eq=False)
class Watch:
    """What is watched, and how."""

    journal: Journal
    order: StageOrder
    by: str
    strata: tuple[str, ...]
    ages: int
    kind: Overdispersion
    odds_ratio: float
    run_length: float
    level: float
    definition: str


@attrs.define(eq=False)
class _Stage:
    """A stage that is watched: its stays, what is expected of those that were counted, and companies like it."""

    name: str
    stays: Stays
    expected: Floats
    simulated: Simulated
    spread: Dispersion | None = None


def watched(
    watch: Watch, buckets: Buckets, rng: np.random.Generator
) -> "tuple[_Log, tuple[PeriodLimit, ...], dict[str, Dispersion]]":
    """Go through the periods."""
    people = watch.journal.dimension(watch.by).values
    stages = [_stage(watch, name, int(buckets.edges[0]), rng) for name in watch.order.open]
    log = _Log(watch, buckets.names, people)
    limits: list[PeriodLimit] = []
    for number, name in enumerate(buckets.names):
        complete = int(buckets.edges[number + 1]) <= watch.journal.until
        for stage in stages:
            found = _counted(watch, stage, buckets, number)
            if found is None:
                limits.append(PeriodLimit(name, stage.name, float("nan"), 0, 0, 0.0, complete))
                continue
            now, p, unsure = found
            limit = stage.simulated.limit(now.who, p, unsure, share=1.0 / watch.run_length, rng=rng)
            active = log.period(number, stage.name, now, p, limit)
            limits.append(PeriodLimit(name, stage.name, limit, active, len(p), active / watch.run_length, complete))
    spreads = {stage.name: stage.spread for stage in stages if stage.spread is not None}
    return log, tuple(limits), spreads


def _stage(watch: Watch, name: str, start: int, rng: np.random.Generator) -> _Stage:
    stays = stays_of(watch.journal, watch.order, watch.by, watch.strata, name)
    stays = stays[stays.left >= start]
    stays = stays[np.lexsort((stays.left, stays.who))]
    people = len(watch.journal.dimension(watch.by).values)
    busy = max(1, len(np.unique(stays.who)))
    paths = int(np.clip(np.ceil(_FALSE * watch.run_length / busy), _LEAST_PATHS, _MOST_PATHS))
    return _Stage(name, stays, np.full(len(stays.who), np.nan), Simulated.of(people, paths, watch.odds_ratio, rng))


def _counted(watch: Watch, stage: _Stage, buckets: Buckets, number: int) -> tuple[Stays, Floats, Floats] | None:
    """The stays that count in a period, person by person in order, what was expected, and how unsure that is.

    Where nobody can be compared yet, stays wait until somebody can.
    """
    known = stage.stays.left < buckets.edges[number + 1]
    fresh = known & np.isnan(stage.expected)
    if not fresh.any():
        return None
    past = stage.stays[known]
    people = len(watch.journal.dimension(watch.by).values)
    when = buckets.place(past.left).astype(np.int64)
    standard = standard_of(past, people, ages=watch.ages, kind=watch.kind, last=when)
    if not standard.judged.any():
        return None
    stage.expected[fresh] = standard.expected[fresh[known]]
    stage.spread = standard.spread
    return stage.stays[fresh], stage.expected[fresh], standard.unsure


@attrs.define(eq=False)
class _Run:
    """The CUSUM of a cell in one direction since it last was 0, and the shift it is in.

    Attributes:
        value: where it stands.
        since: the period of its first stay.
        first: the period in which it passed the limit; None if it did not.
        strength: its highest value by the limit of the time.
        advanced: how its stays ended.
        expected: their chances.
    """

    value: float = 0.0
    since: int = -1
    first: int | None = None
    strength: float = 0.0
    advanced: list[Floats] = attrs.field(factory=list[Floats])
    expected: list[Floats] = attrs.field(factory=list[Floats])

    def take(self, number: int, advanced: Floats, p: Floats, strength: float) -> None:
        """Add stays of a period."""
        self.since = number if self.since < 0 else self.since
        self.advanced.append(advanced)
        self.expected.append(p)
        self.strength = max(self.strength, strength)
        if self.first is None and strength > 1.0:
            self.first = number


# Stage, person and direction.
_Key: TypeAlias = tuple[str, str, SignalKind]


class _Log:
    """What happened to each cell so far."""

    def __init__(self, watch: Watch, periods: Sequence[str], people: Sequence[str]) -> None:
        self.watch, self.periods, self.people = watch, periods, people
        self.runs: dict[_Key, _Run] = {}
        self.done: list[tuple[tuple[int, int], Shift]] = []
        self.points: list[PathPoint] = []

    def period(self, number: int, stage: str, now: Stays, p: Floats, limit: float) -> int:
        """Add the stays of a period, person by person in order; gives how many persons there are."""
        active, starts = np.unique(now.who, return_index=True)
        for place, first, last in zip(active.tolist(), starts, [*starts[1:], len(p)], strict=True):
            who = self.people[int(place)]
            stays = now.advanced[first:last], p[first:last]
            weak = self._direction(number, (stage, who, "coach"), stays, limit)
            strong = self._direction(number, (stage, who, "share"), stays, limit)
            self.points.append(PathPoint(stage, who, self.periods[number], weak, strong, limit))
        return len(active)

    def shifts(self) -> tuple[Shift, ...]:
        """All shifts, those that last included."""
        lasting = [self._shift(key, run, None) for key, run in self.runs.items() if run.first is not None]
        return tuple(shift for _, shift in sorted([*self.done, *lasting], key=lambda pair: pair[0]))

    def _direction(self, number: int, key: _Key, stays: tuple[Floats, Floats], limit: float) -> float:
        advanced, p = stays
        run = self.runs.setdefault(key, _Run())
        ratio = self.watch.odds_ratio if key[2] == "share" else 1.0 / self.watch.odds_ratio
        held = path(run.value, advanced, p, ratio)
        # A run ends with the stay at which the CUSUM returns to 0.
        bounds = [0, *(np.flatnonzero(held <= 0.0) + 1).tolist(), len(held)]
        for first, last in itertools.pairwise(bounds):
            if first == last:
                continue
            run = self.runs[key]
            run.take(number, advanced[first:last], p[first:last], float(held[first:last].max()) / limit)
            if held[last - 1] <= 0.0:
                if run.first is not None:
                    self.done.append(self._shift(key, run, number))
                self.runs[key] = _Run()
        run, end = self.runs[key], float(held[-1])
        run.value = end if run.first is None else min(end, _HELD)
        return end

    def _shift(self, key: _Key, run: _Run, last: int | None) -> tuple[tuple[int, int], Shift]:
        assert run.first is not None  # noqa: S101 - only of runs that passed the limit
        advanced, chances = np.concatenate(run.advanced), np.concatenate(run.expected)
        factor = OddsFactor.of(float(advanced.sum()), chances)
        expected = factor.expected(0.0)
        low, high = (factor.expected(limit) / expected for limit in factor.limits(self.watch.level))
        shift = Shift(
            *key, self.periods[run.first], self.periods[run.since],
            None if last is None else self.periods[last], run.strength, int(advanced.sum()), expected,
            float(advanced.sum()) / expected, low, high, len(advanced),
            f"risk-adjusted cusum, odds ratio {self.watch.odds_ratio:g}, simulated limits", self.watch.definition,
        )  # fmt: skip
        return (run.first, self.watch.order.names.index(key[0])), shift
