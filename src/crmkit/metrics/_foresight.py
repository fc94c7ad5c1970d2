"""What is predicted at a cut, with what is known there and nothing else: each deal, new deals, and the baselines."""

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import UNKNOWN
from crmkit.metrics._cuts import LASTS, Cut
from crmkit.metrics._seasons import Season
from crmkit.metrics._semimarkov import SUPPORT, Hazards, chances, count, given_age, hazards, width_of

__all__ = [
    "BASELINES",
    "LEAST_DAYS",
    "Foresight",
    "Worth",
    "baselines",
    "foresee",
    "shifted",
    "states_amounts",
    "worth_of",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BASELINES = ("stage weights", "closed rate", "last period", "constant hazards")
_SHRINK = 10.0
#: A shorter history, unless the horizon is shorter still, does not say how many new deals come.
LEAST_DAYS = 28


@attrs.frozen(eq=False)
class Foresight:
    """The chances of every open deal and the wins that new deals will bring.

    Attributes:
        chance: to be won by the end of each of M buckets, shape (n, M), non-decreasing.
        support: how the hazard at the deal's age was found.
        fresh: expected wins of deals that are not in the pipeline yet, by then, shape (M,).
        fresh_chance: the mean chance of such a deal to be won by then, shape (M,).
        arrivals: new deals a day; None where the history is too short to say: none are counted then.
    """

    chance: Floats
    support: tuple[str, ...]
    fresh: Floats
    fresh_chance: Floats
    arrivals: float | None


@attrs.frozen(eq=False)
class Worth:
    """What deals are worth if they are won, in hundredths.

    Attributes:
        mean: of each live deal, shape (n,).
        square: the mean of the square.
        fresh: of a new deal.
        fresh_square: the mean of its square.
        policy: how it was found.
    """

    mean: Floats
    square: Floats
    fresh: float
    fresh_square: float
    policy: str


def foresee(cut: Cut, window: int | None, ends: Ints, season: Season) -> Foresight:
    """The semi-Markov forecast.

    Args:
        cut: what is known.
        window: how many days of history count; None for all.
        ends: the last days of the buckets, ascending.
        season: of the days ahead.
    """
    width = width_of(cut)
    since = cut.first_day - 1 if window is None else max(-window, cut.first_day - 1)
    table = _widened(cut, since, width)
    solved = chances(season.apply(table.rate), ends.tolist(), season.kinds)
    live = cut.live
    stage, age = cut.stage[live], np.minimum(-cut.start[live], width - 1)
    ahead = np.minimum(age + 1, width - 1)
    chance = given_age(table, solved, stage, age)
    came = cut.fresh & (cut.start > since)
    rate = np.bincount(cut.stage[came], minlength=len(cut.stages)) / max(-since, 1)
    support = tuple(SUPPORT[code] for code in table.support[stage, ahead].tolist())
    if 1 - cut.first_day < min(LEAST_DAYS, int(ends[-1])):
        return Foresight(chance, support, np.zeros(len(ends)), np.zeros(len(ends)), None)
    fresh, arrivals = rate @ solved.entering, float(rate.sum())
    return Foresight(chance, support, fresh, fresh / np.maximum(arrivals * ends, 1e-12), arrivals)


def _widened(cut: Cut, since: int, width: int) -> Hazards:
    """Hazards of a window; where it does not support an age, those of all history, then their constants."""
    recent, ever = count(cut, since, width=width), hazards(count(cut, cut.first_day - 1, width=width))
    here = hazards(recent)
    thin = (here.support > 0) & (ever.support < here.support)
    return Hazards(
        np.where(thin[..., None], ever.rate, here.rate), np.where(thin, ever.support, here.support),
        np.where(thin, ever.n, here.n),
    )  # fmt: skip


def shifted(chance: Floats, shift: float | Floats) -> Floats:
    """Chances whose odds are multiplied by exp(shift)."""
    odds = np.exp(shift)
    return np.asarray(chance * odds / (1.0 - chance + chance * odds))


def baselines(cut: Cut, horizon: int) -> dict[str, Floats]:
    """What others would say of the open deals, by name, each of shape (n,)."""
    live = cut.live
    stages = len(cut.stages)
    won, lost = np.isin(cut.case, cut.won_case), np.isin(cut.case, cut.lost_case)
    weights = np.array([_share(cut.case[(cut.stage == s) & won], cut.case[(cut.stage == s) & lost & ~won])
                        for s in range(stages)])  # fmt: skip
    overall = _share(np.unique(cut.won_case), np.unique(cut.lost_case))
    return {
        "stage weights": np.where(np.isnan(weights), overall, weights)[cut.stage[live]],
        "closed rate": np.full(len(live), overall),
        "last period": np.full(len(live), _last_period(cut, horizon)),
        "constant hazards": _constant(cut, horizon)[cut.stage[live]],
    }


def _share(won: Ints, lost: Ints) -> float:
    wins, losses = len(np.unique(won)), len(np.unique(lost))
    return wins / (wins + losses) if wins + losses else float("nan")


def _last_period(cut: Cut, horizon: int) -> float:
    """Of the deals that were open a horizon ago, the share that has been won since."""
    there = (cut.start <= -horizon) & ((cut.stop > -horizon) | (cut.target == LASTS))
    since = cut.won_case[cut.won_day > -horizon]
    return float(np.isin(cut.case[there], since).mean()) if there.any() else float("nan")


def _constant(cut: Cut, horizon: int) -> Floats:
    """Events over exposure for each stage, and a chain of exponential stays."""
    counted = count(cut, cut.first_day - 1, width=width_of(cut))
    exposure = np.maximum(counted.n.sum(axis=1), 1.0)
    rate = (counted.moves.sum(axis=1) / exposure[:, None])[:, None, :]
    solved = chances(rate, [horizon])
    return solved.at_age[:, 0, 0]


def worth_of(cut: Cut, *, stated: bool) -> Worth:
    """What a win brings: the mean ratio of won amount to the amount in the stage, or the mean of wins.

    A deal whose amount is known is worth it times the ratio of sums over the wins that were in its stage, shrunk to 1
    by ten cases.

    Args:
        cut: what is known.
        stated: whether open deals say their amount; see `states_amounts`.
    """
    live, known = cut.live, cut.won_amount != UNKNOWN
    wins = cut.won_amount[known].astype(np.float64)
    mean, square = (float(wins.mean()), float((wins**2).mean())) if len(wins) else (np.nan, np.nan)
    size = len(live)
    said = cut.amount[live]
    if not stated:
        policy = "the mean of wins so far; amounts are known at closing only"
        return Worth(np.full(size, mean), np.full(size, square), mean, square, policy)
    ratio = _ratios(cut)[cut.stage[live]]
    own = np.where(said == UNKNOWN, mean, said * ratio)
    return Worth(
        own, np.where(said == UNKNOWN, square, own**2), mean, square, "amount now x ratio at winning, by stage"
    )


def states_amounts(cut: Cut) -> bool:
    """Whether amounts are known while deals are open.

    Where hardly any open deal says an amount although wins do, or all losses say 0, amounts are written at closing; an
    export of today then tells at a past cut what nobody knew.
    """
    open_known = cut.amount[cut.live] != UNKNOWN
    if not len(open_known) or not len(cut.won_case):
        return True
    losses = cut.amount[np.isin(cut.case, cut.lost_case)]
    empty = len(losses) > 0 and bool(((losses == 0) | (losses == UNKNOWN)).all())
    return not empty and float(open_known.mean()) >= 0.5 * float((cut.won_amount != UNKNOWN).mean())


def _ratios(cut: Cut) -> Floats:
    """For each stage: amounts at winning over amounts in the stage, of the deals that were won."""
    final = np.full(len(cut.cases) + 1, UNKNOWN)
    final[cut.won_case] = cut.won_amount
    at_end = final[cut.case]
    pairs = (at_end != UNKNOWN) & (cut.amount != UNKNOWN) & (cut.amount > 0) & (cut.target != LASTS)
    stages = len(cut.stages)
    then, later, n = (
        np.bincount(cut.stage[pairs], values, stages)
        for values in (cut.amount[pairs].astype(np.float64), at_end[pairs].astype(np.float64), np.ones(pairs.sum()))
    )
    raw = np.divide(later, then, out=np.ones(stages), where=then > 0)
    return np.asarray((n * raw + _SHRINK) / (n + _SHRINK))
