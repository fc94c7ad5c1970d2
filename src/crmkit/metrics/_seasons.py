"""The months of a quarter: quotas and budgets end with it, and hazards know.

Each complete calendar month has, for each way to leave a stage, events O and those that hazards by stage and age would
expect, E. The logs of O / E of the first, second and third months are compared (one-way, random effects), and a month's
factor is its mean shrunk by as much as months of one kind differ among themselves: where there is no pattern the
factors are 1. Empirical Bayes of a normal mean: Efron & Morris (1975).
"""

from datetime import timedelta

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.metrics._cuts import Cut, days
from crmkit.metrics._semimarkov import count, hazards, width_of
from crmkit.values import Period, from_micros, zone

__all__ = ["Season", "season_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_KINDS = 3
# Months of the past that are looked at, and how many of each kind there must be.
_MOST, _LEAST = 12, 2
# Fewer expected events say nothing of a month.
_LEAST_EVENTS = 10.0


@attrs.frozen(eq=False)
class Season:
    """What the months of a quarter do to the days ahead.

    Attributes:
        factors: what hazards are multiplied with, shape (3, 3): months of a quarter by moves onward, to won, to lost;
            of each move the mean, weighted by the events that each month would expect, is 1.
        kinds: the month of its quarter, 0..2, of each of the days 1..h, shape (h,).
    """

    factors: Floats
    kinds: Ints

    def apply(self, rate: Floats) -> Floats:
        """Hazards of shape (S, A, S + 2) for each month of a quarter, shape (3, S, A, S + 2)."""
        stages = len(rate)
        by_target = self.factors[:, [0] * stages + [1, 2]]
        found = rate * by_target[:, None, None, :]
        return np.asarray(found / np.maximum(found.sum(axis=-1, keepdims=True), 1.0))

    def __str__(self) -> str:
        if (self.factors == 1.0).all():
            return "months of a quarter do not differ beyond chance, or are too few"
        told = zip(("onward", "won", "lost"), self.factors.T.tolist(), strict=True)
        parts = (f"{move} x {', '.join(f'{one:.2f}' for one in row)}" for move, row in told if row != [1.0] * _KINDS)
        return f"months of a quarter: {'; '.join(parts)}"


def season_of(cut: Cut, horizon: int, tz: str) -> Season:
    """The season that a history shows, for the days 1..horizon after its cut; the months are those of a zone."""
    return Season(_quarter_factors(cut, tz), _month_kinds(cut.at, horizon, tz))


def _quarter_factors(cut: Cut, tz: str) -> Floats:
    spans = _months(cut, tz)
    if len(spans) < _KINDS * _LEAST:
        return np.ones((_KINDS, 3))
    width, stages = width_of(cut), len(cut.stages)
    rate = hazards(count(cut, cut.first_day - 1, width=width)).rate
    seen, expected = np.zeros((len(spans), 3)), np.zeros((len(spans), 3))
    for place, (since, until, _) in enumerate(spans):
        counted = count(cut, since, until, width=width)
        seen[place] = _by_move(counted.moves.sum(axis=(0, 1)), stages)
        expected[place] = _by_move(np.einsum("sa,sam->m", counted.n, rate), stages)
    # An export often begins with what was open then: the months before the first move show no season.
    begun = int(np.argmax(seen.any(axis=1)))
    kind, seen, expected = np.array([span[2] for span in spans])[begun:], seen[begun:], expected[begun:]
    return np.column_stack([_factors(kind, seen[:, move], expected[:, move]) for move in range(3)])


def _month_kinds(at: int, horizon: int, tz: str) -> Ints:
    """Of the middle of each day."""
    noon, place = from_micros(at) - timedelta(hours=12), zone(tz)
    ahead = ((noon + timedelta(days=day)).astimezone(place) for day in range(1, horizon + 1))
    return np.array([(day.month - 1) % _KINDS for day in ahead])


def _months(cut: Cut, tz: str) -> list[tuple[int, int, int]]:
    """The last complete months of the history: the day before the first, the last day, and the month of its quarter."""
    place = zone(tz)
    first, last = (
        (from_micros(cut.at) + timedelta(days=day)).astimezone(place).date() for day in (cut.first_day - 1, 0)
    )
    spans: list[tuple[int, int, int]] = []
    for month in Period(first, last + timedelta(days=1)).split("month"):
        if month.start.day == 1 and month.end.day == 1 and month.start > first:
            since, until = days(np.array(month.instants(place)) - 1, cut.at).tolist()
            spans.append((since, until, (month.start.month - 1) % _KINDS))
    return spans[-_MOST:]


def _by_move(moves: Floats, stages: int) -> Floats:
    """Onward, won, lost."""
    return np.array([moves[:stages].sum(), moves[stages], moves[stages + 1]])


def _factors(kind: Ints, seen: Floats, expected: Floats) -> Floats:
    """The factor of each kind of month; 1 where there are too few, or they differ no more than those of one kind."""
    enough = expected >= _LEAST_EVENTS
    kind, ratio = kind[enough], np.log((seen[enough] + 0.5) / (expected[enough] + 0.5))
    n = np.bincount(kind, minlength=_KINDS)
    if n.min() < _LEAST:
        return np.ones(_KINDS)
    mean = np.bincount(kind, ratio) / n
    within = float(((ratio - mean[kind]) ** 2).sum()) / (len(ratio) - _KINDS)
    # Months of one kind may agree by chance, but not for longer: events alone make them differ by so much.
    within = max(within, float((1.0 / (seen[enough] + 0.5)).mean()))
    apart = mean - mean.mean()
    noise = float((within / n).mean())
    signal = max(0.0, float((apart**2).sum()) / (_KINDS - 1) - noise)
    if signal == 0.0:
        return np.ones(_KINDS)
    found = np.exp(apart * signal / (signal + noise))
    # As many events in all as without a season.
    usual = np.bincount(kind, expected[enough])
    return np.asarray(found * usual.sum() / (found @ usual))
