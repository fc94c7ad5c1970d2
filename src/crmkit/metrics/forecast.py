"""What will be won soon: each open deal, new deals, totals by month and segment, and the track record (T8, K3).

A deal's chance is that of a clock-reset semi-Markov process given its stage and its age there: Aalen-Johansen estimates
with open deals censored. The window of history and a drift of the odds come from earlier cuts that were over by then.
An interval is given only where past cuts calibrate it. Amounts are in the unit of the currency; expectations are
floats, what happened is exact.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np

from crmkit.errors import InvalidValue
from crmkit.journal import UNKNOWN, Frameable, Journal
from crmkit.metrics._checks import confidence
from crmkit.metrics._cuts import Cut, exact, moment, sum_of
from crmkit.metrics._fan import fan
from crmkit.metrics._foresight import LEAST_DAYS, baselines
from crmkit.metrics._horizons import buckets
from crmkit.metrics._judged import actual_of, held, in_units, limits, refuted, workshop
from crmkit.metrics._records import Record, Workshop
from crmkit.metrics._signal_words import Lang
from crmkit.metrics.policy import StageOrder, definition_id
from crmkit.values import to_micros
from crmkit.values.display import ROWS, Chart, Display

__all__ = ["DealForecast", "Expectation", "Expectations", "Forecast", "PastCut", "Track", "Window", "forecast"]

#: How much history counts: days, all of it (None), or what did best at past cuts.
Window: TypeAlias = int | Literal["auto"] | None
_TOTAL = "total"


@attrs.frozen
class DealForecast:
    """One open deal.

    Attributes:
        case: the deal.
        stage: where it is.
        age: days in the stage.
        chance: to be won within the horizon.
        worth: what it brings if it is won; None without amounts.
        expected: chance x worth.
        segment: its value of the grouping column.
        method: how the hazard at its age was found: "aalen-johansen", "exponential tail" or "stages pooled".
    """

    case: str
    stage: str
    age: int
    chance: float
    worth: float | None
    expected: float | None
    segment: str | None
    method: str


@attrs.frozen
class Expectation:
    """A month, a segment, or all.

    Attributes:
        name: of the month or segment, or "total".
        deals: open deals.
        wins: expected wins of them.
        new_wins: expected wins of deals that are not in the pipeline yet; None for a segment, and where the history is
            too short to say.
        value: expected amount of both (of `wins` for a segment); expected wins without amounts.
        new_value: the part of new deals; None where it is not known.
        low: lower limit of the value; None where no interval is calibrated.
        high: upper limit.
        stage_weights: what open deals x win rate of the stage says; None for a month, of which it knows nothing.
        last_period: what came in during as many days before the cut, exact; None but for the total.
        interval: where the limits come from, or why there are none.
    """

    name: str
    deals: int
    wins: float
    new_wins: float | None
    value: float
    new_value: float | None
    low: float | None
    high: float | None
    stage_weights: float | None
    last_period: Decimal | None
    interval: str


@attrs.frozen
class PastCut:
    """What was, or would have been, forecast earlier, and what came.

    Attributes:
        at: the cut.
        predicted: expected value of the horizon.
        actual: what came, exact.
        ratio: predicted / actual; NaN if nothing came.
    """

    at: datetime
    predicted: float
    actual: Decimal
    ratio: float


@attrs.frozen
class Expectations(Frameable[Expectation]):
    """Several outlooks."""

    rows: tuple[Expectation, ...]


@attrs.frozen
class Track(Frameable[PastCut]):
    """The track record, oldest first; without rows there is none."""

    rows: tuple[PastCut, ...]


@attrs.frozen
class Forecast(Frameable[DealForecast]):
    """The forecast: a row for each open deal, the most expected first.

    Attributes:
        rows: the deals.
        at: the cut.
        horizon: days.
        unit: what `value` counts: "amount", or "wins" where there are no amounts.
        total: all of it.
        periods: by month (or what was asked for).
        segments: by the grouping column; empty without one. Only open deals: of new ones no segment is known.
        track: earlier cuts of the same method, as known then.
        policies: what the figures mean, in words.
        definition: the id of the definition.
        level: the confidence of the limits.
    """

    rows: tuple[DealForecast, ...]
    at: datetime
    horizon: int
    unit: Literal["amount", "wins"]
    total: Expectation
    periods: Expectations
    segments: Expectations
    track: Track
    policies: dict[str, str]
    definition: str
    level: float

    def plot(self, lang: Lang = "en") -> Chart:
        """The periods with their bands, and the track record, as a Vega-Lite specification.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        return Chart(fan(self, lang))

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The periods and the total, the segments, and the track record; see `Shown.display`."""
        periods = Expectations((*self.periods.rows, self.total)).display(lang, most=most)
        segments = [self.segments.display(lang, most=most)] if self.segments.rows else []
        none = "no track record: no earlier cut has come to its end"
        return Display.of(
            periods, *segments, self.track.display(lang, most=most) if self.track.rows else none, lang=lang
        )


def forecast(
    journal: Journal,
    *,
    stages: Any = None,
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
    at: datetime | None = None,
    horizon: int = 90,
    every: str = "month",
    by: str | None = None,
    window: Window = "auto",
    level: float = 0.8,
    tz: str = "UTC",
) -> Forecast:
    """Forecast what will be won, as known at a cut.

    Args:
        journal: the stays.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        at: the cut (aware); the end of observation if None.
        horizon: days.
        every: the buckets: "day", "week", "month", "quarter" or "year".
        by: the column to group by, see `conversion`.
        window: days of history that count, None for all, or "auto" to choose by past cuts.
        level: the confidence of the limits.
        tz: the zone whose months count.

    Raises:
        InvalidValue: for a cut after the end of observation, a horizon below 1 day, a journal without open stages or
            without a win or loss before the cut.
        NotFound: for a column or a unit that is not there.
    """
    order = StageOrder.of(stages, journal, won, lost)
    cut = journal.until if at is None else to_micros(at)
    shop = workshop(journal, order, horizon=horizon, window=window, by=by, every=every, tz=tz)
    confidence(level)
    if cut > journal.until:
        raise InvalidValue("cut", str(at), f"lies after the end of observation, {moment(journal.until)}")
    made = shop.forecast(cut, asked=True)
    assert made is not None  # noqa: S101 - what is asked for is made
    if not len(made.cut.won_case) + len(made.cut.lost_case):
        raise InvalidValue("forecast", str(moment(cut)), "has no won or lost deal before it to learn from")
    definition = definition_id(
        "forecast", order=order, horizon=horizon, every=every, by=by, window=window, level=level, tz=tz
    )
    names = [part.name for part in buckets(cut, horizon, every, tz)]
    periods = [_expectation(shop, made, place, name, level) for place, name in enumerate(names)]
    return Forecast(
        _deals(shop, made), moment(cut), horizon, "amount" if shop.priced else "wins",
        _total(shop, made, level), Expectations(tuple(periods)), Expectations(_segments(shop, made)),
        Track(tuple(_past(shop, one) for one in made.past)), _policies(made, shop), definition, level,
    )  # fmt: skip


def _expectation(shop: Workshop, made: Record, place: int, name: str, level: float) -> Expectation:
    found = limits(made, place, level)
    n, inside = held(made.past, level)
    if refuted(n, inside, level, shop.horizon):
        found = f"refused: {inside} of {n} past intervals held"
    low, high, said = (None, None, found) if isinstance(found, str) else found
    chance, fresh = made.ahead.chance, made.ahead.fresh
    if place >= 0:
        chance, fresh = np.diff(chance, axis=1, prepend=0.0), np.diff(fresh, prepend=0.0)
    new = float(fresh[place])
    known = made.ahead.arrivals is not None
    value = in_units(shop, new * made.worth.fresh) if shop.priced else new
    return Expectation(
        name, len(chance), float(chance[:, place].sum()), new if known else None, in_units(shop, made.mean[place]),
        value if known else None,
        None if low is None else in_units(shop, low), None if high is None else in_units(shop, high),
        None, None, said,
    )  # fmt: skip


def _total(shop: Workshop, made: Record, level: float) -> Expectation:
    weights = baselines(made.cut, shop.horizon)["stage weights"]
    before = made.cut.won_day > -shop.horizon
    came = exact(sum_of(made.cut.won_amount[before])) if shop.priced else Decimal(int(before.sum()))
    said = float(weights @ made.worth.mean) if shop.priced else float(weights.sum())
    plain = _expectation(shop, made, -1, _TOTAL, level)
    return attrs.evolve(plain, stage_weights=in_units(shop, said), last_period=came)


def _segments(shop: Workshop, made: Record) -> tuple[Expectation, ...]:
    if shop.by is None:
        return ()
    segment, chance = made.cut.segment[made.cut.live], made.ahead.chance[:, -1]
    weights = baselines(made.cut, shop.horizon)["stage weights"]
    value = made.worth.mean if shop.priced else np.ones(len(chance))
    rows: list[Expectation] = []
    for code in np.unique(segment).tolist():
        here = segment == code
        rows.append(Expectation(
            made.cut.segments[code] if code >= 0 else "(unknown)", int(here.sum()), float(chance[here].sum()), None,
            in_units(shop, float(chance[here] @ value[here])), None, None, None,
            in_units(shop, float(weights[here] @ value[here])), None, "segments are not calibrated one by one",
        ))  # fmt: skip
    return tuple(rows)


def _deals(shop: Workshop, made: Record) -> tuple[DealForecast, ...]:
    cut, live = made.cut, made.cut.live
    chance, worth = made.ahead.chance[:, -1], made.worth.mean / 100.0
    rows = [
        DealForecast(
            cut.cases[cut.case[row]], cut.stages[cut.stage[row]], int(-cut.start[row]), p,
            w if shop.priced else None, p * w if shop.priced else None, _segment(cut, row), method,
        )
        for row, p, w, method in zip(live.tolist(), chance.tolist(), worth.tolist(), made.ahead.support, strict=True)
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda row: (-(row.chance if row.expected is None else row.expected), row.case)))


def _segment(cut: Cut, row: int) -> str | None:
    code = int(cut.segment[row])
    return None if code < 0 else cut.segments[code]


def _past(shop: Workshop, one: Record) -> PastCut:
    predicted, actual = in_units(shop, one.mean[-1]), actual_of(shop, one)
    return PastCut(moment(one.cut.at), predicted, actual, predicted / float(actual) if actual else float("nan"))


def _arrivals(made: Record) -> str:
    if made.ahead.arrivals is None:
        return f"not counted: {1 - made.cut.first_day} days of history do not say how many come; {LEAST_DAYS} would"
    return f"{made.ahead.arrivals:.3g} a day"


def _pooling(made: Record, shop: Workshop) -> str:
    if shop.by is None:
        return "none"
    odds = np.exp(sorted(made.apart.values()))
    if not len(odds):
        return "pooled: odds of their own did not forecast better at past cuts"
    return f"partially pooled: odds x {odds[0]:.2f} to {odds[-1]:.2f}"


def _policies(made: Record, shop: Workshop) -> dict[str, str]:
    cut = made.cut
    unpriced = int((cut.amount[cut.live] == UNKNOWN).sum()) if shop.priced else 0
    return {
        "estimator": "clock-reset semi-Markov, Aalen-Johansen given age, open stays right-censored",
        "window": "all history" if made.window is None else f"{made.window} days, longer where an age is not supported",
        "drift": f"odds x {np.exp(made.shift):.3f}, from {len(made.past)} past cuts",
        "season": str(made.season),
        "segments": _pooling(made, shop),
        "new deals": _arrivals(made),
        "amounts": f"{made.worth.policy}; {unpriced} open deals say none" if shop.priced else "none",
        "clock": "days that end at the cut",
    }
