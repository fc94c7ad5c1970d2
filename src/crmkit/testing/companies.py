"""Companies that show what the usual figures of sales get wrong, and the truth to hold them against.

`deals` grow in number, win slowly and lose quickly, and end with the observation, so that whatever counts only closed
deals is off. `team` has persons of whom a known few are out of line, and a case mix that tells the wrong ones.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Coded, Journal
from crmkit.values import to_micros

__all__ = ["Deals", "Team", "deals", "team"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DAY_US = 86_400_000_000
_MONTH = 30.4375
_START = datetime(2023, 1, 1, tzinfo=UTC)
# Medians in days and standard deviations of the logarithm.
_WIN, _LOSS = (60.1, 0.907), (30.0, 1.0)
_DAYS_IN_STAGE = 15.0
_ODDS_OF_SOURCE = {"fair": 0.5, "web": 1.0, "referral": 2.0}


@attrs.frozen
class Deals:
    """Deals of one stage that are won, lost, or open still.

    Attributes:
        journal: what an export would hold.
        win: the true chance that a deal is won.
    """

    journal: Journal
    win: float

    #: The true mean and median days of deals that are won, however late.
    mean_days = _WIN[0] * float(np.exp(_WIN[1] ** 2 / 2.0))
    median_days = _WIN[0]

    def won_by(self, days: Sequence[float]) -> Floats:
        """The true chance that a new deal is won within each of `days`."""
        from scipy.special import ndtr

        return np.asarray(self.win * ndtr((np.log(np.asarray(days)) - np.log(_WIN[0])) / _WIN[1]))


@attrs.frozen
class Team:
    """Persons in stages, some of them out of line.

    Attributes:
        journal: what an export would hold: each case is worked on in one stage, where it is won or lost; with the
            dimension "source".
        gaps: by stage and person, by how many points the chance of advancing differs; only those that do.
        quarters: how many quarters of stays there are.
    """

    journal: Journal
    gaps: dict[tuple[str, str], float]
    quarters: int


def deals(
    months: int = 36, *, rng: np.random.Generator, first_month: float = 100.0, growth: float = 0.05, win: float = 0.25
) -> Deals:
    """Deals that are opened every month, more each month, and observed until the end of the last.

    Wins take 60 days in the median and 91 on average, losses 30 in the median (both log-normal).

    Args:
        months: of how many months.
        rng: the source of randomness.
        first_month: how many deals are opened in the first.
        growth: by what share their number grows each month.
        win: the chance that a deal is won; the others are lost.
    """
    opened = [m + rng.random(rng.poisson(first_month * (1.0 + growth) ** m)) for m in range(months)]
    at = np.sort(np.concatenate(opened)) * _MONTH * _DAY_US
    won = rng.random(len(at)) < win
    median, sd = (np.where(won, *pair) for pair in zip(_WIN, _LOSS, strict=True))
    stay = median * np.exp(sd * rng.standard_normal(len(at))) * _DAY_US
    start = to_micros(_START)
    until = start + int(months * _MONTH * _DAY_US)
    entered = start + at.astype(np.int64)
    left = entered + np.maximum(stay, 1).astype(np.int64)
    nobody = Coded(np.full(len(at), -1, np.int32), ())
    return Deals(_journal((np.zeros(len(at), np.int64), entered, left, won), nobody, nobody, ("open",), until), win)


def team(
    *,
    rng: np.random.Generator,
    people: int = 40,
    stages: int = 5,
    quarters: int = 8,
    share: float = 0.0,
    gap: float = 0.0,
    base: float = 0.55,
    spread: float = 0.0,
    mix: bool = False,
) -> Team:
    """Persons who work on cases in stages, quarter after quarter.

    A person ends 5 to 80 stays a stage and quarter, on average.

    Args:
        rng: the source of randomness.
        people: how many persons.
        stages: how many stages.
        quarters: how many quarters of 91 days.
        share: of the cells of stage and person that are out of line, half of them above and half below.
        gap: by how much their chance of advancing differs from `base`.
        base: the chance of the others.
        spread: standard deviation of the logarithm of everybody's odds, which makes nobody out of line.
        mix: whether persons get cases of different sources; fairs halve the odds of a case, referrals double them.
    """
    names = tuple(f"stage {number + 1}" for number in range(stages))
    who = tuple(f"p{number + 1:02}" for number in range(people))
    load = rng.uniform(5.0, 80.0, (stages, people))
    off = np.zeros(stages * people)
    odd = rng.permutation(off.size)[: round(share * off.size)]
    off[odd] = np.where(np.arange(odd.size) % 2, gap, -gap)
    p = np.clip(base + off, 0.01, 0.99)
    odds = p / (1.0 - p) * np.exp(spread * rng.standard_normal(off.size))
    n = rng.poisson(load.ravel()[:, None], (off.size, quarters))
    cell = np.repeat(np.tile(np.arange(off.size)[:, None], quarters), n.ravel())
    quarter = np.repeat(np.tile(np.arange(quarters), off.size), n.ravel())
    shares = rng.dirichlet(np.ones(3), people) if mix else np.tile([0.0, 1.0, 0.0], (people, 1))
    source = (rng.random(cell.size)[:, None] >= shares[cell % people].cumsum(axis=1)[:, :-1]).sum(axis=1)
    odds_of_stay = odds[cell] * np.array([*_ODDS_OF_SOURCE.values()])[source]
    won = rng.random(cell.size) < odds_of_stay / (1.0 + odds_of_stay)
    start = to_micros(_START)
    left = start + ((quarter + rng.random(cell.size)) * 91 * _DAY_US).astype(np.int64)
    entered = left - (rng.exponential(_DAYS_IN_STAGE, cell.size) * _DAY_US).astype(np.int64) - 1
    journal = _journal(
        (cell // people, entered, left, won),
        Coded((cell % people).astype(np.int32), who),
        Coded(source.astype(np.int32), tuple(_ODDS_OF_SOURCE)),
        names,
        start + quarters * 91 * _DAY_US,
    )
    gaps = {(names[i // people], who[i % people]): float(off[i]) for i in odd.tolist()}
    return Team(journal, gaps, quarters)


def _journal(
    stays: tuple[Ints, Ints, Ints, npt.NDArray[np.bool_]], who: Coded, source: Coded, names: tuple[str, ...], until: int
) -> Journal:
    """One case a stay (stage, entered, left, won), and a stay in won or lost for each that has ended by then."""
    stage, entered, left, won = stays
    over = np.flatnonzero(left <= until)
    case = np.concatenate([np.arange(len(stage)), over])
    end = np.where(won, len(names), len(names) + 1)
    still = np.full(len(over), OPEN)
    return Journal(
        cases=Coded(case.astype(np.int32), tuple(f"D-{i + 1:06}" for i in range(len(stage)))),
        stages=Coded(np.concatenate([stage, end[over]]).astype(np.int32), (*names, "won", "lost")),
        entered=np.concatenate([entered, left[over]]),
        left=np.concatenate([np.where(left > until, OPEN, left), still]),
        next=np.concatenate([np.where(left > until, -1, end), np.full(len(over), -1)]).astype(np.int32),
        who=who[case],
        dims={"source": source[case]},
        until=until,
        facts={"origin": f"simulated, {len(stage)} stays"},
    )
