"""A team in which one person works differently, or nobody does, and what is truly behind success."""

from datetime import UTC, datetime

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Coded, Journal, Ledger
from crmkit.values import to_micros

__all__ = ["Office", "office"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DAY_US = 86_400_000_000
_START = datetime(2026, 1, 5, tzinfo=UTC)
_CHANNELS = ("call", "mail", "visit")
# A quick first contact adds this to the chance of winning, for everybody.
_SPAN, _QUICK = 200.0, 0.95
_BASE, _GAIN = 0.30, 0.25


@attrs.frozen
class Office:
    """A team at work.

    Attributes:
        journal: the stays of cases in the stage "offer", and how they ended.
        ledger: the contacts.
        star: the person who may work differently.
        planted: the key of what they truly do differently and what drives success; None if nothing is planted.
    """

    journal: Journal
    ledger: Ledger
    star: str
    planted: str | None


def office(
    *,
    seed: int,
    planted: bool = True,
    lunch: bool = False,
    adopters: int = 0,
    people: int = 9,
    cases: int = 40,
    spread: float = 0.4,
) -> Office:
    """A team in which everybody differs a little, as people do, for 200 days from 2026-01-05 on.

    About a third of first contacts come within a day, and such cases are won more often, whoever has them. Whoever
    stands out makes nearly all of them within a day, if that is planted.

    Args:
        seed: of the randomness.
        planted: whether the star makes first contacts within a day.
        lunch: whether the star makes contacts between noon and two, which drives nothing.
        adopters: how many of the others do as the star does in another 200 days; without any there are none.
        people: how many there are, the star among them.
        cases: how many cases each has in 200 days.
        spread: standard deviation between people, of log odds and log rates.
    """
    rng = np.random.default_rng(seed)
    halves = 2 if adopters else 1
    until = halves * _SPAN
    who = np.tile(np.repeat(np.arange(people), cases), halves)
    half = np.repeat(np.arange(halves), people * cases)
    begin = rng.random(len(who)) * 0.9 * _SPAN + half * _SPAN
    odds = 0.5 * np.exp(spread * rng.standard_normal(people))
    share = np.tile(odds / (1.0 + odds), (halves, 1))
    share[:, 0] = _QUICK if planted else share[:, 0]
    share[1:, 1 : adopters + 1] = _QUICK
    quick = rng.random(len(who)) < share[half, who]
    first = np.where(quick, rng.random(len(who)), 1.0 + rng.exponential(5.0, len(who)))
    end = begin + 1.0 + 20.0 * np.exp(0.6 * rng.standard_normal(len(who)))
    won = rng.random(len(who)) < _BASE + _GAIN * quick
    rate = 0.2 * np.exp(spread * rng.standard_normal(people))
    gaps = rng.exponential(1.0 / rate[who][:, None], (len(who), 60))
    at = begin[:, None] + first[:, None] + np.cumsum(np.insert(gaps, 0, 0.0, axis=1), axis=1)
    case, number = np.nonzero((at < end[:, None]) & (at < until))
    times = at[case, number]
    if lunch:
        moved = np.floor(times) + (12.0 + 2.0 * rng.random(len(times))) / 24.0
        inside = (moved > begin[case]) & (moved < np.minimum(end[case], until))
        times = np.where(inside & (who[case] == 0), moved, times)
    names, ids = tuple(f"p{number}" for number in range(people)), tuple(f"D-{number}" for number in range(len(who)))
    journal = _journal((who, begin, end, won), names, ids, until=until)
    ledger = _ledger(rng, (case, times), who, names, ids)
    return Office(journal, ledger, "p0", "first contact within 1 d" if planted else None)


def _micros(days: Floats) -> Ints:
    return to_micros(_START) + (days * _DAY_US).astype(np.int64)


def _journal(
    stays: tuple[Ints, Floats, Floats, npt.NDArray[np.bool_]],
    names: tuple[str, ...],
    ids: tuple[str, ...],
    *,
    until: float,
) -> Journal:
    who, begin, end, won = stays
    over = np.flatnonzero(end <= until)
    case = np.concatenate([np.arange(len(who)), over])
    last = np.where(won, 1, 2)
    stage = np.concatenate([np.zeros(len(who), np.int64), last[over]])
    ended = end <= until
    lasting = np.full(len(over), OPEN)
    return Journal(
        cases=Coded(case.astype(np.int32), ids),
        stages=Coded(stage.astype(np.int32), ("offer", "won", "lost")),
        entered=np.concatenate([_micros(begin), _micros(end[over])]),
        left=np.concatenate([np.where(ended, _micros(end), OPEN), lasting]),
        next=np.concatenate([np.where(ended, last, -1), np.full(len(over), -1)]).astype(np.int32),
        who=Coded(who[case].astype(np.int32), names),
        until=int(_micros(np.array([until]))[0]),
    )


def _ledger(
    rng: np.random.Generator, contacts: tuple[Ints, Floats], who: Ints, names: tuple[str, ...], ids: tuple[str, ...]
) -> Ledger:
    case, times = contacts
    n = len(case)
    nothing = Coded(np.full(n, -1, np.int32), ())
    return Ledger(
        kinds=Coded(np.zeros(n, np.int32), ("activity",)),
        ids=Coded(np.arange(n, dtype=np.int32), tuple(f"A-{number}" for number in range(n))),
        at=_micros(times),
        customers=nothing,
        cases=Coded(case.astype(np.int32), ids),
        who=Coded(who[case].astype(np.int32), names),
        minor=np.zeros(n, np.int64),
        currencies=nothing,
        refers_to=nothing,
        revision=np.ones(n, np.int32),
        dims={"channel": Coded(rng.integers(0, len(_CHANNELS), n).astype(np.int32), _CHANNELS)},
    )
