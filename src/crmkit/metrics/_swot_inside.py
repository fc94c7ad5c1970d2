"""Comparisons inside a company: a segment or a person against the rest, in what happens to their stays."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Journal
from crmkit.metrics._checks import normal_quantile
from crmkit.metrics.conversion import conversion
from crmkit.metrics.policy import CLOCK_US, StageOrder
from crmkit.metrics.signals import signals
from crmkit.metrics.survival import kaplan_meier, logrank

__all__ = ["Comparison", "Indicator", "Table", "inside"]

Ints = npt.NDArray[np.int64]
#: What is compared.
Indicator: TypeAlias = Literal[
    "conversion", "time in stage", "arrivals", "sales", "losses to", "customers lost", "largest share"
]
#: Where the rows behind a comparison are.
Table: TypeAlias = Literal["journal", "ledger", "spells"]

#: Fewer ended stays than this, here or among the rest, say nothing about time.
_LEAST_ENDED = 20
#: The spread of fewer others than this is not known.
_LEAST_OTHERS = 3


@attrs.frozen(eq=False, kw_only=True)
class Comparison:
    """One comparison that was made, or could not be.

    Attributes:
        figure: what is compared.
        inside: whether it is about us (strength or weakness) or about what comes to us (opportunity or threat).
        dimension: what segments are of; "" for the whole.
        segment: which one.
        stage: the stage, if it is about one.
        currency: the currency, if it is about money.
        value: the figure.
        base: what it is compared with.
        low: lower limit of the figure.
        high: upper limit.
        good: whether the difference is to our advantage.
        p: two-sided p value; NaN where there was not enough to compare.
        n: what it rests on.
        n_open: of this, not ended yet.
        table: where its rows are.
        rows: their numbers.
        method: the test and the interval.
    """

    figure: Indicator
    inside: bool
    dimension: str
    segment: str
    stage: str | None = None
    currency: str | None = None
    value: float = math.nan
    base: float = math.nan
    low: float = math.nan
    high: float = math.nan
    good: bool = True
    p: float = math.nan
    n: int = 0
    n_open: int = 0
    table: Table = "journal"
    rows: Ints = attrs.field(factory=lambda: np.zeros(0, np.int64), repr=False)
    method: str = ""


def inside(
    journal: Journal, order: StageOrder, by: Sequence[str], bounds: tuple[int, int], level: float
) -> Iterator[Comparison]:
    """Every segment against the rest, stage by stage, over the stays that began in a period."""
    chosen = np.flatnonzero((journal.entered >= bounds[0]) & (journal.entered < bounds[1]))
    if not len(chosen):
        return
    stays = journal[chosen]
    for dimension in by:
        yield from _conversions(stays, order, dimension, level, chosen)
        yield from _times(stays, order, dimension, level, chosen)


def _conversions(stays: Journal, order: StageOrder, dimension: str, level: float, chosen: Ints) -> Iterator[Comparison]:
    rates = conversion(stays, stages=order.names, by=dimension, won=order.won, lost=order.lost, level=level)
    column = stays.dimension(dimension)
    for one in signals(rates):
        here = stays.stages.codes == stays.stages.values.index(one.stage)
        here &= column.codes == column.values.index(one.who)
        known = one.kind != "insufficient data"
        yield Comparison(
            figure="conversion", inside=True, dimension=dimension, segment=one.who, stage=one.stage, value=one.value,
            base=one.centre, low=one.centre + one.low, high=one.centre + one.high, good=one.effect > 0,
            p=one.p if known else math.nan, n=one.n, n_open=one.n_open, rows=chosen[here],
            method="mid-p binomial against the others, wilson",
        )  # fmt: skip


@attrs.frozen
class _Pace:
    """How fast the stays of a segment end, as the logarithm of a ratio to the rest, and medians in days."""

    log: float
    variance: float
    median: float
    others: float


def _times(stays: Journal, order: StageOrder, dimension: str, level: float, chosen: Ints) -> Iterator[Comparison]:
    column, spent, ended = stays.dimension(dimension), stays.sojourn(), ~stays.open
    for stage in order.open:
        if stage not in stays.stages.values:
            continue
        here = np.flatnonzero((stays.stages.codes == stays.stage_code(stage)) & (column.codes >= 0))
        codes = np.unique(column.codes[here]).tolist()
        members = [column.codes[here] == code for code in codes]
        paces = [_pace(spent[here], ended[here], mine) for mine in members]
        judged = _against_others(paces)
        for code, mine, pace, (p, good) in zip(codes, members, paces, judged, strict=True):
            yield Comparison(
                figure="time in stage", inside=True, dimension=dimension, segment=column.values[code], stage=stage,
                n=int(mine.sum()), n_open=int((mine & ~ended[here]).sum()), rows=chosen[here[mine]], p=p, good=good,
                method="log-rank pace against the spread of the others (t), Peto limits", **_medians(pace, level),
            )  # fmt: skip


def _pace(spent: Ints, ended: npt.NDArray[np.bool_], mine: npt.NDArray[np.bool_]) -> _Pace | None:
    """The pace of a segment; None if too few stays have ended, of it or of the rest."""
    if min(int((ended & mine).sum()), int((ended & ~mine).sum())) < _LEAST_ENDED:
        return None
    test = logrank(spent, ended, mine.astype(np.int64))
    (others, own), (rest, expected) = test.observed, test.expected
    medians = [kaplan_meier(spent[part], ended[part]).median().value / CLOCK_US["day"] for part in (mine, ~mine)]
    return _Pace(math.log(own / expected * rest / others), 1 / expected + 1 / rest, *medians)


def _against_others(paces: Sequence[_Pace | None]) -> list[tuple[float, bool]]:
    """The p value of each pace against the spread of the others, and whether it is faster; NaN for too few others.

    Whoever works differs from others by more than chance in the stays, which come and end in bursts: a pace stands out
    only if it would surprise as one more of the others (the prediction of Higgins, Thompson & Spiegelhalter 2009).
    """
    from scipy.special import stdtr

    known = [pace for pace in paces if pace is not None]
    judged: list[tuple[float, bool]] = []
    for pace in paces:
        others = [other for other in known if other is not pace]
        if pace is None or len(others) < _LEAST_OTHERS:
            judged.append((math.nan, True))
            continue
        centre, error, between = _pooled(others)
        z = (pace.log - centre) / math.sqrt(pace.variance + error + between)
        judged.append((float(2 * stdtr(len(others) - 1, -abs(z))), z > 0))
    return judged


def _pooled(paces: Sequence[_Pace]) -> tuple[float, float, float]:
    """The mean of paces, its variance, and the variance between them (DerSimonian & Laird 1986)."""
    log, variance = (np.array([getattr(pace, name) for pace in paces]) for name in ("log", "variance"))
    weight = 1 / variance
    off = float((weight * (log - (weight * log).sum() / weight.sum()) ** 2).sum())
    room = float(weight.sum() - (weight**2).sum() / weight.sum())
    between = max(0.0, (off - (len(paces) - 1)) / room)
    weight = 1 / (variance + between)
    return float((weight * log).sum() / weight.sum()), float(1 / weight.sum()), between


def _medians(pace: _Pace | None, level: float) -> dict[str, Any]:
    if pace is None:
        return {}
    reach = normal_quantile(level) * math.sqrt(pace.variance)
    # A pace twice as fast is half the time: limits of the median follow from those of the pace.
    low, high = (pace.others / math.exp(pace.log + step) for step in (reach, -reach))
    return {"value": pace.median, "base": pace.others, "low": low, "high": high}
