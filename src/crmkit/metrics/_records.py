"""The track record: what would have been forecast at earlier cuts, and what became of it.

A record at a cut may use the records of cuts that were over by then, and nothing later: the window, the shift of the
odds and the width of the intervals are chosen from them.
"""

import math
from collections.abc import Sequence
from functools import cached_property

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import UNKNOWN, Journal
from crmkit.metrics._cuts import DAY_US, Cut, Outcome, cut_of, months_before, outcome_of
from crmkit.metrics._foresight import Foresight, Worth, foresee, shifted, states_amounts, worth_of
from crmkit.metrics._seasons import Season, season_of
from crmkit.metrics.policy import StageOrder

__all__ = [
    "LEAST_CUTS",
    "Record",
    "Workshop",
    "chosen_window",
    "helped",
    "interval_scale",
    "odds_shift",
    "overlap",
    "segment_shifts",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Fewer past cuts do not calibrate an interval.
LEAST_CUTS = 8
# Fewer past cuts do not choose a window, nor shift the odds.
_LEAST_CHOICE, _LEAST_SHIFT = 3, 2
# A history with fewer closed deals has nothing to be judged by.
_LEAST_CLOSED = 20
# What is thought of a drift of the log odds before any cut was seen: its standard deviation.
_DRIFT = 0.5
# Fewer segments do not say how much segments differ; no segment's log odds are shifted by more.
_LEAST_SEGMENTS, _MOST_SHIFT = 3, 1.5
_MOST_CUTS = 24
_MONTH = 30.4


@attrs.frozen(eq=False)
class Record:
    """A forecast at a cut.

    Attributes:
        cut: what was known.
        ends: the last day of each bucket.
        window: the window that was chosen; None for all history.
        shift: of the log odds.
        apart: by how much more those of a segment are shifted; empty where that did not help before.
        season: of the months ahead.
        raw: the forecast before the shift, by window.
        trials: the chances of the horizon with segments pooled, and with their own odds, whichever was used.
        ahead: the forecast.
        worth: of deals.
        mean: expected value of each bucket and of all of them, shape (M + 1,), in hundredths or wins.
        spread: its standard deviation if deals were independent and rates lasted, shape (M + 1,).
        scale: for each of M + 1 and each past record, (actual - mean) / spread, shape (M + 1, k).
        past: the records that were over by then, oldest first.
        priced: whether values are amounts.
        outcome: what became of it, once it is over.
    """

    cut: Cut
    ends: Ints
    window: int | None
    shift: float
    apart: dict[str, float]
    season: Season
    raw: dict[int | None, Foresight]
    trials: tuple[Floats, Floats]
    ahead: Foresight
    worth: Worth
    mean: Floats
    spread: Floats
    scale: Floats
    past: tuple["Record", ...]
    priced: bool
    outcome: Outcome | None = None

    @property
    def happened(self) -> npt.NDArray[np.bool_]:
        """Whether each open deal was won within the horizon."""
        assert self.outcome is not None  # noqa: S101 - records without an outcome are never scored
        return self.outcome.day > 0

    @property
    def worth_of_outcome(self) -> Floats:
        """What became of each bucket and of all of them, shape (M + 1,), in hundredths or wins."""
        assert self.outcome is not None  # noqa: S101 - see above
        amount = np.where(self.outcome.won_amount == UNKNOWN, 0, self.outcome.won_amount)
        worth = amount.astype(np.float64) if self.priced else np.ones(len(amount))
        parts = np.zeros(len(self.ends))
        np.add.at(parts, np.searchsorted(self.ends, self.outcome.won_day), worth)
        return np.append(parts, parts.sum())


@attrs.define(eq=False, slots=False)
class Workshop:
    """Makes records, each once."""

    journal: Journal
    order: StageOrder
    horizon: int
    window: int | str | None
    by: str | None
    every: str
    tz: str
    made: dict[int, Record | None] = attrs.field(factory=dict[int, "Record | None"])

    @cached_property
    def stated(self) -> bool:
        """Whether the whole journal knows amounts of open deals."""
        return states_amounts(cut_of(self.journal, self.order, self.journal.until))

    @property
    def priced(self) -> bool:
        """Whether there are amounts at all."""
        return self.journal.amount is not None and bool((self.journal.amount != UNKNOWN).any())

    def record(self, at: int) -> Record | None:
        """The record at a cut whose horizon is over; None where the history before it is too short."""
        if at not in self.made:
            made = self.forecast(at)
            if made is not None:
                made = attrs.evolve(made, outcome=outcome_of(self.journal, self.order, made.cut, self.horizon))
            self.made[at] = made
        return self.made[at]

    def past(self, at: int) -> tuple[Record, ...]:
        """The records of earlier cuts that were over at a cut, oldest first, 24 at most."""
        begin = int(self.journal.entered.min()) if len(self.journal) else at
        found: list[Record] = []
        number = 1
        while len(found) < _MOST_CUTS and (earlier := self.before(at, number)) > begin:
            number += 1
            if earlier + self.horizon * DAY_US > at:
                continue
            made = self.record(earlier)
            if made is None:
                break
            found.append(made)
        return tuple(reversed(found))

    def forecast(self, at: int, *, asked: bool = False) -> Record | None:
        """What can be said at a cut with what is known there."""
        cut = cut_of(self.journal, self.order, at, self.by)
        closed = len(np.union1d(cut.won_case, cut.lost_case))
        if not asked and (closed < _LEAST_CLOSED or not len(cut.live)):
            return None
        past, ends = self.past(at), self.ends(at)
        windows = self._windows()
        season = season_of(cut, self.horizon, self.tz)
        raw = {window: foresee(cut, window, ends, season) for window in windows}
        window = chosen_window(past, windows)
        shift = odds_shift(past, window) if self.window == "auto" else 0.0
        plain = raw[window]
        apart = segment_shifts(past, window, shift, self.overlapping()) if self.window == "auto" else {}
        own = np.array([0.0, *(apart.get(name, 0.0) for name in cut.segments)])[cut.segment[cut.live] + 1]
        trials = shifted(plain.chance, shift), shifted(plain.chance, (shift + own)[:, None])
        useful = helped(past)
        ahead = attrs.evolve(plain, chance=trials[useful], fresh=_fresh_shifted(plain, shift))
        worth = worth_of(cut, stated=states_amounts(cut) and (asked or self.stated))
        seen = cut.won_day > (cut.first_day - 1 if window is None else -window)
        mean, spread = _moments(ahead, worth if self.priced else _counted(cut), int(seen.sum()))
        misses = [_misses(one, len(mean)) for one in past]
        scale = np.array(misses).reshape(-1, len(mean)).T
        return Record(
            cut, ends, window, shift, apart if useful else {}, season, raw, (trials[0][:, -1], trials[1][:, -1]), ahead,
            worth, mean, spread, scale, past, self.priced,
        )  # fmt: skip

    def before(self, at: int, number: int) -> int:
        """The cut that lies a number of steps before another: months."""
        return months_before(at, number)

    def overlapping(self) -> float:
        """How many cuts tell hardly more than one."""
        return overlap(self.horizon)

    def ends(self, at: int) -> Ints:
        """The last day of each bucket of the horizon, ascending; the last is the horizon."""
        from crmkit.metrics._horizons import bucket_days

        return bucket_days(at, self.horizon, self.every, self.tz)

    def _windows(self) -> list[int | None]:
        if self.window != "auto":
            return [self.window if isinstance(self.window, int) else None]
        usual = max(self.horizon, 91)
        return [usual, 2 * usual, 4 * usual, None]


def chosen_window(past: Sequence[Record], windows: Sequence[int | None]) -> int | None:
    """The window with the least log loss at past cuts; the first, which is the shortest, until three are over."""
    if len(past) < _LEAST_CHOICE or len(windows) == 1:
        return windows[0]
    losses = [float(np.concatenate([_loss(one.raw[window].chance[:, -1], one.happened) for one in past]).mean())
              for window in windows]  # fmt: skip
    return windows[int(np.argmin(losses))]


def overlap(horizon: int) -> float:
    """How many monthly cuts tell hardly more than one, because their horizons overlap."""
    return max(1.0, horizon / _MONTH)


def odds_shift(past: Sequence[Record], window: int | None) -> float:
    """By how much past forecasts were off, in log odds, shrunk to nothing where cuts disagree.

    The maximum of the quasi-binomial likelihood with a normal prior. The over-dispersion, the mean squared z of the
    totals of the cuts, says how little thousands of deals weigh that are won and lost together.
    """
    if len(past) < _LEAST_SHIFT:
        return 0.0
    p = [one.raw[window].chance[:, -1] for one in past]
    gap = np.array([float(y.happened.sum() - q.sum()) for q, y in zip(p, past, strict=True)])
    room = np.array([float((q * (1.0 - q)).sum()) for q in p])
    dispersion = max(1.0, float((gap**2 / np.maximum(room, 1e-9)).mean()))
    every = np.concatenate(p)
    total = float(sum(one.happened.sum() for one in past))
    shift = 0.0
    # The likelihood is concave and the prior keeps it so: Newton's steps end at its maximum.
    for _ in range(25):
        now = shifted(every, shift)
        slope = (total - float(now.sum())) / dispersion - shift / _DRIFT**2
        shift += slope / (float((now * (1.0 - now)).sum()) / dispersion + 1.0 / _DRIFT**2)
    return shift


def segment_shifts(past: Sequence[Record], window: int | None, shift: float, overlap: float) -> dict[str, float]:
    """By how much the odds of a segment differ from those of all: its own past errors, partially pooled.

    A segment's log odds ratio is that of its wins to what was forecast, one Newton step from 0, with variance
    overlap / sum(p (1 - p)): a deal that is open at several cuts is no new evidence at each. Segments are pooled by as
    much as they differ no more than that (DerSimonian & Laird 1986; empirical Bayes).
    """
    if len(past) < _LEAST_SHIFT:
        return {}
    gap: dict[str, float] = {}
    room: dict[str, float] = {}
    for one in past:
        p, segment = shifted(one.raw[window].chance[:, -1], shift), one.cut.segment[one.cut.live]
        for code in np.unique(segment[segment >= 0]).tolist():
            here, name = segment == code, one.cut.segments[code]
            gap[name] = gap.get(name, 0.0) + float((one.happened[here] - p[here]).sum())
            room[name] = room.get(name, 0.0) + float((p[here] * (1.0 - p[here])).sum())
    if len(gap) < _LEAST_SEGMENTS:
        return {}
    precision = np.array([room[name] for name in gap]) / overlap
    effect = np.array([gap[name] for name in gap]) / overlap / precision
    centre = float((precision * effect).sum() / precision.sum())
    q = float((precision * (effect - centre) ** 2).sum())
    reach = float(precision.sum() - (precision**2).sum() / precision.sum())
    between = max(0.0, (q - (len(gap) - 1)) / reach) if reach > 0.0 else 0.0
    pooled = between * precision / (between * precision + 1.0) * (effect - centre)
    return dict(zip(gap, np.clip(pooled, -_MOST_SHIFT, _MOST_SHIFT).tolist(), strict=True))


def helped(past: Sequence[Record]) -> bool:
    """Whether segments with odds of their own were forecast better than pooled ones at past cuts, by log loss."""
    tried = [one for one in past if not np.array_equal(*one.trials)]
    if len(tried) < _LEAST_CHOICE:
        return False
    pooled, own = (sum(float(_loss(one.trials[side], one.happened).sum()) for one in tried) for side in (0, 1))
    return own < pooled


def interval_scale(scale: Floats, level: float) -> float:
    """How many standard deviations make an interval that held at past cuts (split conformal).

    Args:
        scale: by how many standard deviations past cuts were missed, NaN where not known.
        level: how many of the cuts it is to hold.

    Returns:
        The ceil((k + 1) level)-th smallest of k; NaN for fewer than 8, or too few for the level.
    """
    scale = scale[~np.isnan(scale)]
    rank = math.ceil((len(scale) + 1) * level - 1e-9)
    if len(scale) < LEAST_CUTS or rank > len(scale):
        return math.nan
    return float(np.sort(np.abs(scale))[rank - 1])


def _loss(p: Floats, y: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(-np.log(np.where(y, p, 1.0 - p)))


def _fresh_shifted(plain: Foresight, shift: float) -> Floats:
    """New deals drift like old ones."""
    return plain.fresh * np.divide(
        shifted(plain.fresh_chance, shift), plain.fresh_chance,
        out=np.ones_like(plain.fresh), where=plain.fresh_chance > 0,
    )  # fmt: skip


def _misses(one: Record, size: int) -> Floats:
    """(actual - mean) / spread of each bucket and of all of them; NaN for buckets that the record lacks."""
    own = (one.worth_of_outcome - one.mean) / one.spread
    found = np.full(size, np.nan)
    shared = min(size, len(own)) - 1
    found[:shared], found[-1] = own[:shared], own[-1]
    return found


def _counted(cut: Cut) -> Worth:
    ones = np.ones(len(cut.live))
    return Worth(ones, ones, 1.0, 1.0, "one a win")


def _moments(ahead: Foresight, worth: Worth, learned: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each bucket and of all, deals being independent and new wins Poisson.

    A rate learned from n wins is itself uncertain by 1 / sqrt(n) of its value.
    """
    chance = np.column_stack([np.diff(ahead.chance, axis=1, prepend=0.0), ahead.chance[:, -1]])
    fresh = np.append(np.diff(ahead.fresh, prepend=0.0), ahead.fresh[-1])
    mean = worth.mean @ chance + worth.fresh * fresh
    variance = worth.square @ chance - (worth.mean**2) @ chance**2 + worth.fresh_square * fresh
    variance += mean**2 / max(learned, 1)
    return mean, np.sqrt(np.maximum(variance, 1e-12))
