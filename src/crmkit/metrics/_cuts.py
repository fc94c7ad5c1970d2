"""A journal at a cut: stays of open stages on a grid of days that ends at the cut, and what happened afterwards.

Day 0 is the day up to the cut, day -1 the one before, day 1 the one after. Instants are put on the grid, not lengths:
the days of the stays of a case then add up to the days of the case, and "won within h days" is "won on day 1..h".
"""

from calendar import monthrange
from datetime import datetime, timedelta
from decimal import Decimal

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import UNKNOWN, Coded, Journal
from crmkit.metrics.policy import CLOCK_US, StageOrder
from crmkit.values import from_micros, to_micros

__all__ = [
    "DAY_US",
    "LASTS",
    "Cut",
    "Outcome",
    "cut_of",
    "days",
    "exact",
    "last_known",
    "moment",
    "months_before",
    "outcome_of",
    "sum_of",
]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

DAY_US = CLOCK_US["day"]
LASTS = -1
_INSTANT = timedelta(microseconds=1)


@attrs.frozen(eq=False)
class Cut:
    """What was known at an instant.

    Attributes:
        at: the instant, int64 microseconds UTC.
        stages: names of the open stages, S of them.
        case: the case of each stay in an open stage, coded; shape (n,).
        cases: the names of cases.
        stage: 0..S-1.
        start: the day it began, at most 0.
        stop: the day it ended or, while it lasts, 0.
        target: the open stage it moved to, S for won, S + 1 for lost, -1 while it lasts.
        fresh: whether the case came from outside: new, or reopened.
        amount: int64 hundredths as said at entry, `UNKNOWN` where nothing was; all unknown without amounts.
        segment: codes of the grouping column, all -1 without one.
        segments: its values.
        won_case: the case of each win so far, shape (w,).
        won_day: its day, at most 0.
        won_amount: its amount, or the last that was known of the case.
        lost_case: the case of each loss so far.
    """

    at: int
    stages: tuple[str, ...]
    case: Ints
    cases: tuple[str, ...]
    stage: Ints
    start: Ints
    stop: Ints
    target: Ints
    fresh: Mask
    amount: Ints
    segment: Ints
    segments: tuple[str, ...]
    won_case: Ints
    won_day: Ints
    won_amount: Ints
    lost_case: Ints

    @property
    def live(self) -> Ints:
        """The rows that last: the open pipeline."""
        return np.flatnonzero(self.target == LASTS)

    @property
    def first_day(self) -> int:
        """The first day of the history, at most 0."""
        return int(self.start.min()) if len(self.start) else 0


@attrs.frozen(eq=False)
class Outcome:
    """What happened after a cut, up to its horizon.

    Attributes:
        day: for each live row of the cut, the day its case was won, 0 if it was not within the horizon.
        won_day: the day of every win within the horizon, those of new cases included.
        won_amount: its amount in hundredths, or `UNKNOWN`.
        late: whether the case of the win was not in the pipeline at the cut.
    """

    day: Ints
    won_day: Ints
    won_amount: Ints
    late: Mask


def cut_of(journal: Journal, order: StageOrder, at: int, by: str | None = None) -> Cut:
    """The journal as it stood at an instant; nothing later is looked at."""
    seen = journal.as_of(from_micros(at))
    kind = _kinds(seen, order)
    stays, opens = len(order.open), kind[seen.stages.codes]
    rows = np.flatnonzero(opens < stays)
    group = Coded(np.full(len(seen), -1, np.int32), ()) if by is None else seen.dimension(by)
    lasting = seen.open[rows]
    amounts = _amounts(seen)
    wins = np.flatnonzero(opens == stays)
    return Cut(
        at, order.open, seen.cases.codes[rows].astype(np.int64), seen.cases.values, opens[rows],
        days(seen.entered[rows], at), np.where(lasting, 0, days(np.minimum(seen.left[rows], at), at)),
        np.where(lasting, LASTS, kind[seen.next[rows]]), _fresh(seen, opens < stays)[rows], amounts[rows],
        group.codes[rows].astype(np.int64), group.values, seen.cases.codes[wins].astype(np.int64),
        days(seen.entered[wins], at), last_known(seen, amounts)[wins],
        seen.cases.codes[opens > stays].astype(np.int64),
    )  # fmt: skip


def outcome_of(journal: Journal, order: StageOrder, cut: Cut, horizon: int) -> Outcome:
    """What a cut did not know yet: only scoring may look at it."""
    seen = journal.as_of(from_micros(cut.at + horizon * DAY_US))
    wins = np.flatnonzero((_kinds(seen, order)[seen.stages.codes] == len(order.open)) & (seen.entered > cut.at))
    case, day = seen.cases.codes[wins].astype(np.int64), days(seen.entered[wins], cut.at)
    first = np.full(len(cut.cases) + 1, horizon + 1)
    np.minimum.at(first, case, day)
    live = cut.case[cut.live]
    won = first[live]
    return Outcome(np.where(won > horizon, 0, won), day, last_known(seen, _amounts(seen))[wins], ~np.isin(case, live))


def days(at: Ints, origin: int) -> Ints:
    """The day of each instant on the grid that ends at `origin`."""
    return -((origin - at) // DAY_US)


def months_before(at: int, months: int) -> int:
    """The cut a number of months earlier; the end of a month stays the end of a month."""
    after = from_micros(at) + _INSTANT
    count = 12 * after.year + after.month - 1 - months
    year, month = divmod(count, 12)
    day = min(after.day, monthrange(year, month + 1)[1])
    return to_micros(after.replace(year=year, month=month + 1, day=day) - _INSTANT)


def sum_of(amounts: Ints) -> int:
    """The exact sum of those that are known; it need not fit 64 bits."""
    return sum(amounts[amounts != UNKNOWN].tolist())


def exact(hundredths: int) -> Decimal:
    """An amount in the unit of the currency."""
    return Decimal(hundredths).scaleb(-2)


def moment(at: int) -> datetime:
    """The instant of a cut."""
    return from_micros(at)


def _kinds(journal: Journal, order: StageOrder) -> Ints:
    """For each stage of the journal: its place among the open ones, S for won, S + 1 for lost."""
    place = {name: number for number, name in enumerate(order.open)}
    stays = len(order.open)
    return np.array(
        [place.get(name, stays if name in order.won else stays + 1) for name in journal.stages.values], np.int64
    )


def _fresh(journal: Journal, opens: Mask) -> Mask:
    """Stays in an open stage that do not continue another one of the same case."""
    order = np.lexsort((np.arange(len(journal)), journal.left, journal.entered, journal.cases.codes))
    same = np.append(False, journal.cases.codes[order][1:] == journal.cases.codes[order][:-1])
    continued = same & np.append(False, opens[order][:-1])
    fresh = np.empty(len(journal), np.bool_)
    fresh[order] = ~continued
    return fresh


def _amounts(journal: Journal) -> Ints:
    return np.full(len(journal), UNKNOWN) if journal.amount is None else journal.amount


def last_known(journal: Journal, amounts: Ints) -> Ints:
    """For each row its own amount, or the last that its case had said by then."""
    known = amounts != UNKNOWN
    if known.all():
        return amounts
    order = np.lexsort((np.arange(len(journal)), journal.left, journal.entered, journal.cases.codes))
    case = journal.cases.codes[order]
    place = np.arange(len(order))
    last = np.maximum.accumulate(np.where(known[order], place, -1))
    begin = np.searchsorted(case, case, "left")
    filled = np.empty(len(journal), np.int64)
    filled[order] = np.where(last >= begin, amounts[order][last], UNKNOWN)
    return filled
