"""Who has been out of line for a while (K15)? Evidence that adds up over periods.

A quarter of one person rarely holds enough cases to prove a difference of twelve points; two years do. Each stay that
ends adds to a CUSUM of what the others would have achieved with it, and a shift is signalled once: when it began, in
which direction, how strongly, and until when.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Frameable, Journal
from crmkit.metrics._checks import confidence
from crmkit.metrics._signal_words import Lang, said_of_shift, said_of_signals, worded
from crmkit.metrics._standard import bins_of_age
from crmkit.metrics._watch import PathPoint, PeriodLimit, Shift, Watch, watched
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.dispersion import Dispersion, Overdispersion
from crmkit.metrics.policy import StageOrder, definition_id
from crmkit.values import Every, Period, zone

__all__ = ["PathPoint", "PeriodLimit", "Shift", "Shifts", "shifts"]


@attrs.frozen
class Shifts(Frameable[Shift]):
    """The shifts of a span, and what was watched.

    Attributes:
        rows: by the period in which they were signalled, then by stage and person.
        periods: what was watched in each period, by stage, and the limit.
        points: the CUSUM of every person in every stage, period by period.
        run_length: periods between two false signals of one person in one stage.
        odds_ratio: the shift that is looked for.
        dispersion: by stage, how much persons differ beyond chance; differences of that size are no signal.
        policies: what the figures mean, in words.
        definition: the id of the definition.
    """

    rows: tuple[Shift, ...]
    periods: tuple[PeriodLimit, ...]
    points: tuple[PathPoint, ...] = attrs.field(repr=False)
    run_length: float
    odds_ratio: float
    dispersion: dict[str, Dispersion]
    policies: dict[str, str]
    definition: str

    @property
    def lasting(self) -> tuple[Shift, ...]:
        """Those that are not over."""
        return tuple(row for row in self.rows if row.last is None)

    @property
    def new(self) -> tuple[Shift, ...]:
        """Those that were first signalled in the last period."""
        return tuple(row for row in self.rows if row.first == self.periods[-1].period)

    @property
    def false_alarms(self) -> float:
        """How many signals chance alone would have given in all periods, on average."""
        return sum(row.cells for row in self.periods) / self.run_length

    def to_text(self, lang: Lang = "en") -> str:
        """The shifts, a line each, and how many of them may be chance.

        Raises:
            NotFound: for another language than "en" and "zh".
        """
        told = [worded(lang, said_of_shift(row)) for row in self.rows]
        return "\n".join([*told, worded(lang, said_of_signals(len(told), self.false_alarms))])

    def path(self, stage: str, who: str) -> tuple[PathPoint, ...]:
        """The CUSUM of one person in one stage, for a chart.

        Raises:
            NotFound: if that person was not watched in that stage.
        """
        found = tuple(point for point in self.points if (point.stage, point.who) == (stage, who))
        if not found:
            raise NotFound("path", f"{stage}, {who}", tuple(f"{p.stage}, {p.who}" for p in self.points), "these shifts")
        return found


def shifts(
    journal: Journal,
    *,
    rng: np.random.Generator,
    strata: Sequence[str] = (),
    stages: Any = None,
    by: str = "who",
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
    over: Period | None = None,
    every: Every = "quarter",
    tz: Any = "UTC",
    ages: int = 4,
    overdispersion: Overdispersion = "additive",
    odds_ratio: float = 1.6,
    run_length: float = 500.0,
    level: float = 0.95,
) -> Shifts:
    """Watch every person in every stage over periods, by a risk-adjusted CUSUM (Steiner et al. 2000).

    What is expected of a stay is what the other persons achieve with such cases, as in
    `crmkit.metrics.casemix.case_mix_signals`, in the same period where periods differ. It is settled at the end of the
    period in which the stay ended, from what was known then, and never changes afterwards.

    Limits are dynamic probability control limits (Zhang & Woodall 2015), one a stage: at the end of each period
    simulated companies without any shift, that have the very cases of this one, tell by which limit a person would
    signal falsely once in `run_length` periods, in either direction. 40 persons in 5 stages give 0.4 false signals a
    quarter by default. Spread between persons beyond chance, and the uncertainty of the standard, are simulated, too.

    A shift opens when the CUSUM passes the limit, is the same shift as long as it does not return to 0, and then is
    over. After a signal the CUSUM is held at log 20 or below at the end of each period, so that a shift is over once
    the evidence against it is twenty to one.

    Args:
        journal: the stays.
        rng: the source of randomness of the simulated limits.
        strata: see `case_mix_signals`.
        stages: see `case_mix_signals`.
        by: see `case_mix_signals`.
        won: see `case_mix_signals`.
        lost: see `case_mix_signals`.
        over: the span that is watched; all that was observed, in whole periods, if None.
        every: the period at whose end is looked.
        tz: the zone whose civil days make up the periods.
        ages: see `case_mix_signals`.
        overdispersion: see `case_mix_signals`.
        odds_ratio: the shift that is looked for: how many times the odds, or one divided by it. 1.6 is some 12 points
            around a half.
        run_length: periods between two false signals of one person in one stage, on average.
        level: the confidence of the limits of each ratio.

    Raises:
        NotFound: if a column or a stage is not there.
        InvalidValue: for an odds ratio, a run length, a level or a number of bins that is none.
    """
    _check(odds_ratio, run_length)
    order = StageOrder.of(stages, journal, won, lost)
    policies = {
        "strata": ", ".join(strata) or "none", "ages": str(ages), "over-dispersion": overdispersion, "every": every,
        "odds ratio": f"{odds_ratio:g}", "run length": f"{run_length:g} periods", "attribution": "owner at entry",
        "re-entry": "each visit", "open stays": "not counted",
    }  # fmt: skip
    span = None if over is None else f"{over.start} .. {over.end}"
    definition = definition_id("shifts", order=order, by=by, over=span, tz=str(tz), level=level, **policies)
    watch = Watch(
        journal,
        order,
        by,
        tuple(strata),
        bins_of_age(ages),
        overdispersion,
        odds_ratio,
        run_length,
        confidence(level),
        definition,
    )
    ended = journal.left[~journal.open]
    if over is None and not len(ended):
        return Shifts((), (), (), run_length, odds_ratio, {}, policies, definition)
    there = zone(tz)
    if over is None:
        buckets = Buckets.around(int(ended.min()), int(ended.max()), every, there)
    else:
        buckets = Buckets.of(over, every, there)
    log, limits, found = watched(watch, buckets, rng)
    return Shifts(log.shifts(), limits, tuple(log.points), run_length, odds_ratio, found, policies, definition)


def _check(odds_ratio: float, run_length: float) -> None:
    if not 1.0 < odds_ratio < float("inf"):
        raise InvalidValue("odds ratio", odds_ratio, "is not above 1; its reciprocal is looked for as well")
    if not 2.0 <= run_length < float("inf"):
        raise InvalidValue("run length", run_length, "is no number of periods of at least 2")
