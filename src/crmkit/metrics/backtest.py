"""The track record of a forecast: earlier cuts, only what was known then, against what came, beside the baselines."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable, Journal
from crmkit.metrics._cuts import DAY_US, moment
from crmkit.metrics._foresight import BASELINES, baselines
from crmkit.metrics._judged import actual_of, held, in_units, refuted, workshop
from crmkit.metrics._records import LEAST_CUTS, Record, Workshop
from crmkit.metrics.estimators import wilson
from crmkit.metrics.forecast import Window
from crmkit.metrics.policy import StageOrder, definition_id
from crmkit.metrics.scores import (
    Calibration,
    CalibrationLine,
    brier,
    calibration,
    calibration_line,
    crps,
    log_loss,
    murphy,
    pinball,
    skill_interval,
    wape,
)
from crmkit.values import to_micros
from crmkit.values.display import ROWS, Display, Lang, Listed

__all__ = ["Backtest", "Coverage", "Coverages", "CutScore", "Drift", "MethodScore", "MethodScores", "backtest"]

Floats = npt.NDArray[np.float64]
_OURS = "crmkit"
_LEVELS = (0.5, 0.8, 0.95)
# Coverage may miss its level by five points.
_NEAR = 0.05
# A baseline may say 0 or 1 and be wrong; its log loss is that of a forecaster who leaves one chance in a million.
_FLOOR = 1e-6
# Page's CUSUM with a reference of half a standard deviation; in control it signals about once in 170 steps.
_REFERENCE, _LIMIT = 0.5, 4.0


@attrs.frozen
class CutScore:
    """One cut.

    Attributes:
        at: the cut.
        deals: open deals.
        predicted_wins: of them.
        wins: what came.
        ratio: predicted / actual wins; NaN if none came.
        brier: of the deals.
        log_loss: of the deals.
        predicted: expected value, new deals included; NaN if nobody has won anything yet.
        actual: what came, exact.
        window: days of history; None for all.
        drift: the factor on the odds.
    """

    at: datetime
    deals: int
    predicted_wins: float
    wins: int
    ratio: float
    brier: float
    log_loss: float
    predicted: float
    actual: Decimal
    window: int | None
    drift: float


@attrs.frozen
class MethodScore:
    """One method over all cuts.

    Attributes:
        method: "crmkit", or a baseline.
        ratio: predicted / actual wins of open deals.
        brier: mean squared error.
        reliability: of it (`murphy`).
        resolution: of it.
        log_loss: mean.
        skill: 1 - our Brier score / its Brier score; None for ourselves.
        skill_low: lower limit, from a paired bootstrap over cases; None without rng.
        skill_high: upper limit.
        better: whether we are better than it: None where the interval holds 0 or there is none.
    """

    method: str
    ratio: float
    brier: float
    reliability: float
    resolution: float
    log_loss: float
    skill: float | None
    skill_low: float | None
    skill_high: float | None
    better: bool | None


@attrs.frozen
class Coverage:
    """How often intervals held.

    Attributes:
        level: what they promise.
        n: intervals that could be given at these cuts.
        inside: those that held.
        low: lower Wilson limit of the share.
        high: upper limit.
        verdict: "calibrated" within five points, "not refuted" where a larger gap may be chance, "refused" where it
            cannot, or "insufficient history".
    """

    level: float
    n: int
    inside: int
    low: float
    high: float
    verdict: str


@attrs.frozen
class Drift(Listed):
    """Do errors of one sign pile up (Page's CUSUM of actual - predicted, in standard deviations of independent deals)?

    Attributes:
        above: the largest sum of coming in above.
        below: and below.
        since: the first cut at which a sum passed the limit; None if none did.
    """

    above: float
    below: float
    since: datetime | None

    @property
    def alarm(self) -> bool:
        """Whether it signalled."""
        return self.since is not None


@attrs.frozen
class MethodScores(Frameable[MethodScore]):
    """A row a method."""

    rows: tuple[MethodScore, ...]


@attrs.frozen
class Coverages(Frameable[Coverage]):
    """A row a level."""

    rows: tuple[Coverage, ...]


@attrs.frozen
class Backtest(Frameable[CutScore]):
    """A row for each cut.

    Attributes:
        rows: the cuts, oldest first.
        methods: all methods over all deals of all cuts.
        calibration: our chances against what came.
        line: its slope and intercept, deals that occur at several cuts taken together; None where there is none, see
            `calibration_line`.
        coverage: of the intervals of the total.
        wape: of the totals that are known: the sum of absolute errors over what came.
        bias: predicted / actual totals.
        pinball: mean loss of the expected totals taken as medians, in the unit of the total.
        crps: mean score of the distribution of the total, as past cuts were missed, in the unit of the total; over the
            cuts that have eight earlier ones, NaN if none has.
        drift: the alarm, over cuts whose horizons do not overlap.
        n: forecasts of deals.
        definition: the id of the definition.
    """

    rows: tuple[CutScore, ...]
    methods: MethodScores
    calibration: Calibration
    line: CalibrationLine | None
    coverage: Coverages
    wape: float
    bias: float
    pinball: float
    crps: float
    drift: Drift
    n: int
    definition: str

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The cuts, the methods, the calibration, the coverage, and what they come to; see `Shown.display`."""
        parts = (self.methods, self.calibration, self.coverage)
        tables = [part.display(lang, most=most) for part in parts if len(part)]
        alarm = f"drift since {self.drift.since}" if self.drift.alarm else "no drift"
        said = ""
        if self.line is not None:
            slope, low, high = self.line.slope, self.line.slope_low, self.line.slope_high
            said = f"calibration slope {slope:.2f} ({low:.2f} to {high:.2f}); 1 is right"
        last = f"WAPE {self.wape:.3f}, predicted / actual {self.bias:.3f}, {alarm}"
        return Display.of(self._table(lang, most), *tables, said, last, lang=lang)


def backtest(
    journal: Journal,
    *,
    cuts: Sequence[datetime] | None = None,
    stages: Any = None,
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
    horizon: int = 90,
    by: str | None = None,
    window: Window = "auto",
    tz: str = "UTC",
    rng: np.random.Generator | None = None,
) -> Backtest:
    """Forecast at earlier cuts with what was known there, and compare.

    Args:
        journal: the stays.
        cuts: instants (aware) whose horizon is over; every month that can be scored if None.
        stages: see `forecast`.
        won: see `forecast`.
        lost: see `forecast`.
        horizon: days.
        by: see `forecast`.
        window: see `forecast`.
        tz: see `forecast`.
        rng: for the paired bootstrap of the skill; without it there is no interval and no "better".

    Raises:
        InvalidValue: for a cut whose horizon is not over or that has no closed deal before it, or if no cut is left.
    """
    order = StageOrder.of(stages, journal, won, lost)
    shop = workshop(journal, order, horizon=horizon, window=window, by=by, every="month", tz=tz)
    last = journal.until - horizon * DAY_US
    found = shop.past(journal.until) if cuts is None else tuple(_asked(shop, to_micros(cut), last) for cut in cuts)
    if not found:
        raise InvalidValue("history", str(moment(journal.until)), "is too short: no cut can be scored")
    records = sorted(found, key=lambda one: one.cut.at)
    # Before the first win nobody can say what deals are worth.
    said = [one for one in records if np.isfinite(one.mean[-1])]
    predicted = np.array([in_units(shop, one.mean[-1]) for one in said])
    actual = np.array([float(actual_of(shop, one)) for one in said])
    loss = pinball(predicted, actual, 0.5) if said else float("nan")
    happened = np.concatenate([one.happened for one in records])
    ours = np.concatenate([one.ahead.chance[:, -1] for one in records])
    definition = definition_id("backtest", order=order, horizon=horizon, by=by, window=window, tz=tz)
    return Backtest(
        tuple(_row(shop, one) for one in records), MethodScores(_methods(shop, records, rng)),
        calibration(ours, happened), _line(records, ours, happened),
        Coverages(tuple(_coverage(records, level, horizon) for level in _LEVELS)),
        wape(predicted, actual), _ratio(float(predicted.sum()), float(actual.sum())), loss,
        _crps(shop, said), _drift(shop, said), len(happened), definition,
    )  # fmt: skip


def _asked(shop: Workshop, at: int, last: int) -> Record:
    if at > last:
        raise InvalidValue("cut", str(moment(at)), f"has a horizon that is not over; the last one is {moment(last)}")
    made = shop.record(at)
    if made is None:
        raise InvalidValue("cut", str(moment(at)), "has no open deal, or fewer than 20 closed ones to learn from")
    return made


def _row(shop: Workshop, one: Record) -> CutScore:
    chance, wins = one.ahead.chance[:, -1], one.happened
    return CutScore(
        moment(one.cut.at), len(chance), float(chance.sum()), int(wins.sum()),
        _ratio(float(chance.sum()), float(wins.sum())), brier(chance, wins), log_loss(chance, wins),
        in_units(shop, one.mean[-1]), actual_of(shop, one), one.window, float(np.exp(one.shift)),
    )  # fmt: skip


def _methods(shop: Workshop, records: Sequence[Record], rng: np.random.Generator | None) -> tuple[MethodScore, ...]:
    happened = np.concatenate([one.happened for one in records])
    case = np.concatenate([one.cut.case[one.cut.live] for one in records])
    others = [baselines(one.cut, shop.horizon) for one in records]
    said = {_OURS: np.concatenate([one.ahead.chance[:, -1] for one in records])}
    # Who has seen nothing yet says even odds.
    said |= {name: np.nan_to_num(np.concatenate([one[name] for one in others]), nan=0.5) for name in BASELINES}
    ours = (said[_OURS] - happened) ** 2
    rows: list[MethodScore] = []
    for name, chance in said.items():
        parts, score = murphy(chance, happened), brier(chance, happened)
        skill = low = high = better = None
        if name != _OURS:
            skill = 1.0 - float(ours.mean()) / score if score else None
            if rng is not None and score:
                _, low, high = skill_interval(ours, (chance - happened) ** 2, case, rng=rng)
                better = True if low > 0 else False if high < 0 else None
        rows.append(MethodScore(
            name, _ratio(float(chance.sum()), float(happened.sum())), score, parts.reliability, parts.resolution,
            log_loss(np.clip(chance, _FLOOR, 1.0 - _FLOOR), happened), skill, low, high, better,
        ))  # fmt: skip
    return tuple(rows)


def _coverage(records: Sequence[Record], level: float, horizon: int) -> Coverage:
    n, inside = held(records, level)
    low, high = wilson(inside, n)
    if n < LEAST_CUTS:
        verdict = f"insufficient history: {n} past intervals of {LEAST_CUTS}"
    elif abs(inside / n - level) <= _NEAR:
        verdict = "calibrated"
    else:
        verdict = "refused" if refuted(n, inside, level, horizon) else "not refuted"
    return Coverage(level, n, inside, float(low), float(high), verdict)


def _line(records: Sequence[Record], ours: Floats, happened: npt.NDArray[np.bool_]) -> CalibrationLine | None:
    try:
        return calibration_line(ours, happened, block=np.concatenate([one.cut.case[one.cut.live] for one in records]))
    except InvalidValue:
        return None


def _crps(shop: Workshop, records: Sequence[Record]) -> float:
    scores: list[float] = []
    for one in records:
        missed = one.scale[-1]
        if len(missed) >= LEAST_CUTS:
            ensemble = np.maximum(one.mean[-1] + missed * one.spread[-1], 0.0)
            scores.append(crps(ensemble, float(one.worth_of_outcome[-1])))
    return in_units(shop, float(np.mean(scores))) if scores else float("nan")


def _drift(shop: Workshop, records: Sequence[Record]) -> Drift:
    above = below = most_above = most_below = 0.0
    since: datetime | None = None
    free = min((one.cut.at for one in records), default=0)
    for one in records:
        if one.cut.at < free:
            continue
        free = one.cut.at + shop.horizon * DAY_US
        z = float((one.worth_of_outcome[-1] - one.mean[-1]) / one.spread[-1])
        above, below = max(0.0, above + z - _REFERENCE), max(0.0, below - z - _REFERENCE)
        most_above, most_below = max(most_above, above), max(most_below, below)
        if since is None and max(above, below) > _LIMIT:
            since = moment(one.cut.at)
    return Drift(most_above, most_below, since)


def _ratio(predicted: float, actual: float) -> float:
    return predicted / actual if actual else float("nan")
