"""The backlog ahead (T11): by when each open ticket will be closed, and how many will be open on days to come.

The chances are those of the sales forecast: a clock-reset semi-Markov process, given the stage of a ticket and its age
there, with open tickets censored; here every way to leave the backlog is one. How many tickets come is learned, too. An
interval is given only where past cuts, a week apart, calibrate it; the baseline is "as many as now".
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable, Journal
from crmkit.metrics._backlog_words import told
from crmkit.metrics._backlogs import Backlog, Weekly, limits_of, refuted_by
from crmkit.metrics._checks import confidence
from crmkit.metrics._cuts import DAY_US, days, moment
from crmkit.metrics._foresight import baselines
from crmkit.metrics._signal_words import Lang
from crmkit.metrics.forecast import Window
from crmkit.metrics.policy import StageOrder, definition_id
from crmkit.metrics.scores import brier, skill_interval
from crmkit.values import to_micros
from crmkit.values.display import Told

__all__ = ["BacklogAhead", "BacklogCut", "BacklogDay", "BacklogDays", "BacklogTrack", "TicketAhead", "backlog_ahead"]

Floats = npt.NDArray[np.float64]
_TINY = 1e-9


@attrs.frozen
class TicketAhead:
    """One open ticket.

    Attributes:
        case: the ticket.
        stage: where it is.
        who: who held it as it came there.
        age: days in the stage.
        open_days: days since it was opened.
        chances: to be closed within each of the days ahead, given all that.
        method: how the hazard at its age was found: "aalen-johansen", "exponential tail" or "stages pooled".
    """

    case: str
    stage: str
    who: str | None
    age: int
    open_days: int
    chances: tuple[float, ...]
    method: str


@attrs.frozen
class BacklogDay:
    """The backlog on a day to come.

    Attributes:
        days: how many days after the cut.
        expected: tickets that will be open; None where it is not known how many come.
        low: lower limit; None where no interval is calibrated.
        high: upper limit.
        staying: how many of those will be open that are open now.
        fresh: how many that are not there yet; None where it is not known.
        old: how many will be open for at least `BacklogAhead.old` days.
        as_now: the baseline: as many as now.
        interval: where the limits come from, or why there are none.
    """

    days: int
    expected: float | None
    low: float | None
    high: float | None
    staying: float
    fresh: float | None
    old: float
    as_now: int
    interval: str


@attrs.frozen
class BacklogCut:
    """What would have been said earlier of the last of the days ahead, and what came.

    Attributes:
        at: the cut.
        as_now: how many were open then: what the baseline says.
        expected: what we would have said.
        actual: what it came to be.
        brier: mean squared error of the chances of the tickets to be closed by then.
        brier_last: of the baseline for tickets: the share that was closed in as many days before.
    """

    at: datetime
    as_now: int
    expected: float
    actual: int
    brier: float
    brier_last: float


@attrs.frozen
class BacklogDays(Frameable[BacklogDay]):
    """A row for each day ahead."""

    rows: tuple[BacklogDay, ...]


@attrs.frozen
class BacklogTrack(Frameable[BacklogCut]):
    """The track record, oldest first; without rows there is none.

    Attributes:
        rows: earlier cuts, a week apart.
        error: mean absolute error of what was expected; None without a record.
        error_as_now: that of the baseline.
        skill: 1 - error / error_as_now; None without a record or if the baseline made no error.
        skill_low: lower limit, from a paired bootstrap over cuts whose horizons overlap; None without rng.
        skill_high: upper limit.
        given: intervals of the last day that could have been given at these cuts.
        held: those that held.
    """

    rows: tuple[BacklogCut, ...]
    error: float | None
    error_as_now: float | None
    skill: float | None
    skill_low: float | None
    skill_high: float | None
    given: int
    held: int

    @property
    def better(self) -> bool | None:
        """Whether we are better than "as many as now"; None where the interval holds 0, or there is none."""
        if self.skill_low is None or self.skill_high is None:
            return None
        return True if self.skill_low > 0.0 else False if self.skill_high < 0.0 else None


@attrs.frozen
class BacklogAhead(Told, Frameable[TicketAhead]):
    """A row for each open ticket, the least likely to be closed soon first.

    Attributes:
        rows: the tickets.
        at: the cut.
        ahead: the backlog by day.
        track: earlier cuts of the same method, as known then.
        old: from how many days on a ticket is old.
        arrivals: tickets that come in a day; None where the history is too short to say.
        policies: what the figures mean, in words.
        level: the confidence of the limits.
        definition: the id of the definition.
    """

    rows: tuple[TicketAhead, ...]
    at: datetime
    ahead: BacklogDays
    track: BacklogTrack
    old: int
    arrivals: float | None
    policies: dict[str, str]
    level: float
    definition: str

    def to_text(self, lang: Lang = "en") -> str:
        """The days ahead, the track record and the tickets that are the least likely to be closed.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        return told(self, lang)


def backlog_ahead(
    journal: Journal,
    *,
    stages: Any = None,
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
    at: datetime | None = None,
    ahead: Sequence[int] = (7, 14, 28),
    old: int = 30,
    window: Window = "auto",
    level: float = 0.8,
    tz: str = "UTC",
    rng: np.random.Generator | None = None,
) -> BacklogAhead:
    """What will become of the backlog, as known at a cut.

    Args:
        journal: the stays of tickets.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that end a ticket well, where their names do not say so.
        lost: the stages that end it otherwise.
        at: the cut (aware); the end of observation if None.
        ahead: days after the cut, ascending. Whole weeks are the same days of the week as the past cuts.
        old: from how many days on a ticket is old; at least the last of the days ahead.
        window: days of history that count, None for all, or "auto" to choose by past cuts.
        level: the confidence of the limits.
        tz: the zone of the calendar.
        rng: for the interval of the skill; without it there is none.

    Raises:
        InvalidValue: for a cut after the end of observation, days that do not ascend, a journal without open stages, or
            without a closed ticket before the cut.
    """
    order = StageOrder.of(stages, journal, won, lost)
    asked = _days_ahead(ahead, old)
    if not (window is None or window == "auto" or (isinstance(window, int) and window >= 1)):
        raise InvalidValue("window", window, "is neither days, None for all history, nor 'auto'")
    if not order.open or not (order.won or order.lost):
        raise InvalidValue("stages", ", ".join(order.names), "have no open stage, or none that ends a ticket")
    cut = journal.until if at is None else to_micros(at)
    if cut > journal.until:
        raise InvalidValue("cut", str(at), f"lies after the end of observation, {moment(journal.until)}")
    shop = Weekly.over(journal, order, asked, window=window, tz=tz)
    record = shop.forecast(cut, asked=True)
    assert record is not None  # noqa: S101 - what is asked for is made
    if not len(record.cut.won_case):
        raise InvalidValue("backlog_ahead", str(moment(cut)), "has no closed ticket before it to learn from")
    made, past = Backlog.of(shop, record), shop.earlier(record)
    rows = _tickets(shop, made)
    found = tuple(_day(shop, made, past, (place, rows, old, confidence(level))) for place in range(len(asked)))
    definition = definition_id("backlog_ahead", order=order, ahead=asked, old=old, window=window, level=level, tz=tz)
    return BacklogAhead(
        tuple(sorted(rows, key=lambda row: (row.chances[-1], row.case))), moment(cut), BacklogDays(found),
        _track(shop, past, level, rng), old, made.arrivals,
        _policies(record.window, record.shift, len(past)), level, definition,
    )  # fmt: skip


def _days_ahead(ahead: Sequence[int], old: int) -> tuple[int, ...]:
    asked = tuple(ahead)
    if not asked or asked[0] < 1 or asked[-1] > 366 or any(b <= a for a, b in pairwise(asked)):
        raise InvalidValue("ahead", ahead, "are not days from 1 to 366 that ascend")
    if old < asked[-1]:
        raise InvalidValue("old", old, f"is less than the {asked[-1]} days ahead: tickets to come would count as old")
    return asked


def _tickets(shop: Weekly, made: Backlog) -> list[TicketAhead]:
    cut, live = made.record.cut, made.record.cut.live
    journal = shop.journal.as_of(moment(cut.at))
    opened = np.full(len(journal.cases.values), np.iinfo(np.int64).max)
    np.minimum.at(opened, journal.cases.codes, journal.entered)
    place = {name: number for number, name in enumerate(journal.cases.values)}
    lasting = journal[np.flatnonzero(journal.open)]
    held = dict(zip(lasting.cases.decode(), lasting.who.decode(), strict=True))
    rows: list[TicketAhead] = []
    for row, chance, method in zip(live.tolist(), made.record.ahead.chance, made.record.ahead.support, strict=True):
        case = cut.cases[cut.case[row]]
        since = int(-days(opened[[place[case]]], cut.at)[0])
        stage, age = cut.stages[cut.stage[row]], int(-cut.start[row])
        rows.append(TicketAhead(case, stage, held[case], age, since, tuple(chance.tolist()), method))
    return rows


def _day(
    shop: Weekly, made: Backlog, past: Sequence[Backlog], of: tuple[int, Sequence[TicketAhead], int, float]
) -> BacklogDay:
    place, rows, old, level = of
    day = shop.days[place]
    found = limits_of(made, past, place, level)
    n, inside, refused = refuted_by(shop, past, place, level)
    if refused:
        found = f"refused: {inside} of {n} past intervals held"
    known = made.arrivals is not None
    low, high = (None, None) if isinstance(found, str) else found
    said = found if isinstance(found, str) else f"conformal on {len(past)} past cuts"
    return BacklogDay(
        day, float(made.predicted[place]) if known else None, low, high, float(made.staying[place]),
        float(made.fresh[place]) if known else None,
        sum(1.0 - row.chances[place] for row in rows if row.open_days + day >= old), made.now, said,
    )  # fmt: skip


def _track(shop: Weekly, past: Sequence[Backlog], level: float, rng: np.random.Generator | None) -> BacklogTrack:
    rows = tuple(_cut(shop, one) for one in past)
    given, held, _ = refuted_by(shop, past, -1, level)
    if not rows:
        return BacklogTrack(rows, None, None, None, None, None, given, held)
    ours, base = (np.abs([said(row) - row.actual for row in rows]) for said in (_expected, _as_now))
    skill = low = high = None
    if base.sum() > 0:
        skill = 1.0 - float(ours.sum() / base.sum())
        if rng is not None:
            block = np.arange(len(rows)) // round(shop.overlapping())
            # A draw of weeks in which the baseline made no error says nothing for us: no division by zero.
            _, low, high = skill_interval(ours + _TINY, base + _TINY, block, rng=rng)
    return BacklogTrack(rows, float(ours.mean()), float(base.mean()), skill, low, high, given, held)


def _expected(row: BacklogCut) -> float:
    return row.expected


def _as_now(row: BacklogCut) -> float:
    return float(row.as_now)


def _cut(shop: Weekly, one: Backlog) -> BacklogCut:
    happened, record = one.record.happened, one.record
    last = np.nan_to_num(baselines(record.cut, shop.horizon)["last period"], nan=0.5)
    return BacklogCut(
        moment(record.cut.at), one.now, float(one.predicted[-1]), int(one.actual[-1]),
        brier(record.ahead.chance[:, -1], happened), brier(last, happened),
    )  # fmt: skip


def _policies(window: int | None, shift: float, past: int) -> dict[str, str]:
    return {
        "estimator": "clock-reset semi-Markov, Aalen-Johansen given age, open stays right-censored; one way to leave",
        "window": "all history" if window is None else f"{window} days, longer where an age is not supported",
        "drift": f"odds x {np.exp(shift):.3f}, from {past} past cuts",
        "reopened": "a ticket that is reopened comes again",
        "clock": f"days of {DAY_US // 3_600_000_000} hours that end at the cut",
    }
