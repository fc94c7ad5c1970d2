"""A company whose weak spot, star and ailing stage are known, and that changes when somebody does something about it.

It is watched for a year, then quarter by quarter. What is planted is found or not; what is done about it has its effect
or not; and a twin of the same seed in which nothing is done tells what the doing was worth.
"""

from collections.abc import Mapping
from typing import Literal, Self, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import NotFound
from crmkit.journal import OPEN, Coded, Journal, Ledger
from crmkit.metrics import Facts
from crmkit.values import Period, zone

__all__ = ["Company", "Planted", "planted"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: What may be planted: a person who is weak in a stage, one who is strong in a stage because customers hear from them
#: within a day, a stage that works worse for everybody from the second quarter of the watched year on.
Planted: TypeAlias = Literal["weak", "star", "ailing"]

_DAY_US = 86_400_000_000
_FIRST = 2025
_BASE, _GAP, _AILING = 0.55, 0.25, 0.12
# Customers who hear within a day are won more often; the usual share of them, that of a star, and of those it taught.
_LIFT, _USUAL, _STAR, _TAUGHT = 0.40, 0.30, 0.925, 0.70
_DAYS_IN_STAGE = 13.0


@attrs.frozen(eq=False)
class Company:
    """A company as it is at the end of a quarter; `quarter` goes on by one.

    Attributes:
        people: the persons.
        stages: the stages, each of which ends in a gain or a loss.
        load: cases a quarter of each stage and person, shape (stages, people).
        gaps: by stage and person, by how much the chance of advancing differs.
        ailing: by stage, the number of the quarter from which it works worse, and by how much.
        prompt: the share of customers who hear within a day, shape (stages, people).
        quarters: how many quarters are over; the first is that of January 2025.
        truth: what was planted, and where.
    """

    people: tuple[str, ...]
    stages: tuple[str, ...]
    load: Floats
    gaps: Mapping[tuple[str, str], float]
    ailing: Mapping[str, tuple[int, float]]
    prompt: Floats
    quarters: int
    truth: Mapping[Planted, tuple[str, ...]]
    _rng: np.random.Generator = attrs.field(repr=False)
    _parts: tuple[tuple[Ints, ...], ...] = attrs.field(default=(), repr=False)

    @property
    def period(self) -> Period:
        """The quarter that ended last."""
        return _quarter(self.quarters)

    def quarter(self) -> Self:
        """The company a quarter later."""
        quarters = self.quarters + 1
        return attrs.evolve(self, quarters=quarters, parts=(*self._parts, self._grown(quarters)))

    def coached(self, stage: str, who: str) -> Self:
        """Whoever was weak in a stage is as good as the others; whoever was not stays as they are."""
        kept = {cell: gap for cell, gap in self.gaps.items() if cell != (stage, who) or gap > 0.0}
        return attrs.evolve(self, gaps=kept)

    def mended(self, stage: str) -> Self:
        """A stage works as before."""
        return attrs.evolve(self, ailing={name: how for name, how in self.ailing.items() if name != stage})

    def taught(self, stage: str) -> Self:
        """Customers in a stage hear from everybody sooner, if from nobody as soon as from a star."""
        prompt = self.prompt.copy()
        row = self.stages.index(stage)
        prompt[row] = np.maximum(prompt[row], _TAUGHT)
        return attrs.evolve(self, prompt=prompt)

    @property
    def advancing(self) -> float:
        """How many cases of the next quarter advance, on average."""
        return float((self.load * self._chances(self.quarters + 1).clip(0.02, 0.98)).sum())

    def facts(self) -> Facts:
        """What an export at the end of the last quarter would hold: the stays, and the contacts with customers."""
        stage, who, entered, left, won, first = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        until = self.period.instants(zone("UTC"))[1]
        over = np.flatnonzero(left <= until)
        end = np.where(won, len(self.stages), len(self.stages) + 1)
        names = tuple(f"D-{number + 1:06}" for number in range(len(stage)))
        case = np.concatenate([np.arange(len(stage)), over])
        people = Coded(who.astype(np.int32), self.people)
        journal = Journal(
            cases=Coded(case.astype(np.int32), names),
            stages=Coded(np.concatenate([stage, end[over]]).astype(np.int32), (*self.stages, "won", "lost")),
            entered=np.concatenate([entered, left[over]]),
            left=np.concatenate([np.where(left > until, OPEN, left), np.full(len(over), OPEN)]),
            next=np.concatenate([np.where(left > until, -1, end), np.full(len(over), -1)]).astype(np.int32),
            who=people[case], until=until, facts={"origin": f"simulated, {len(stage)} stays"},
        )  # fmt: skip
        seen = np.flatnonzero(first <= until)
        return Facts(journal=journal, ledger=_contacts(first[seen], names, people, seen), stages=journal.stages.values)

    def _chances(self, quarter: int) -> Floats:
        """The chance of advancing of each stage and person whose customers hear as soon as they do."""
        chances = np.full(self.load.shape, _BASE) + _LIFT * (self.prompt - _USUAL)
        for (stage, who), gap in self.gaps.items():
            chances[self.stages.index(stage), self.people.index(who)] += gap
        for stage, (since, gap) in self.ailing.items():
            if quarter >= since:
                chances[self.stages.index(stage)] -= gap
        return chances

    def _grown(self, quarter: int) -> tuple[Ints, ...]:
        """The cases that are opened in a quarter."""
        rng, shape = self._rng, self.load.shape
        start, end = _quarter(quarter).instants(zone("UTC"))
        n = rng.poisson(self.load).ravel()
        cell = np.repeat(np.arange(n.size), n)
        entered = start + (rng.random(cell.size) * (end - start)).astype(np.int64)
        prompt = rng.random(cell.size) < self.prompt.ravel()[cell]
        delay = np.where(prompt, rng.uniform(0.02, 0.95, cell.size), rng.uniform(1.1, 6.0, cell.size))
        chance = self._chances(quarter).ravel()[cell] + _LIFT * (prompt - self.prompt.ravel()[cell])
        won = rng.random(cell.size) < chance
        first = entered + (delay * _DAY_US).astype(np.int64)
        left = first + 1 + (rng.exponential(_DAYS_IN_STAGE, cell.size) * _DAY_US).astype(np.int64)
        return cell // shape[1], cell % shape[1], entered, left, won.astype(np.int64), first


def planted(
    *what: Planted,
    rng: np.random.Generator,
    people: int = 40,
    stages: int = 5,
) -> Company:
    """A company after its first year, of which nothing but the facts is known.

    A person has 5 to 80 cases a stage and quarter; 55 of 100 advance. Whoever is weak advances 25 points less, a star
    25 points more; a stage that ails 12 points less, from the second quarter of the second year on.

    Args:
        what: what is planted; a weak person or a star has at least 30 cases a quarter.
        rng: the source of randomness; the same gives the same company, and the same cases as long as nothing is done.
        people: how many persons.
        stages: how many stages.

    Raises:
        NotFound: for what cannot be planted.
    """
    known: tuple[Planted, ...] = get_args(Planted)
    for name in what:
        if name not in known:
            raise NotFound("planted", name, known, "a company")
    names = tuple(f"stage {number + 1}" for number in range(stages))
    who = tuple(f"p{number + 1:02}" for number in range(people))
    load = rng.uniform(5.0, 80.0, (stages, people))
    # Drawn whether they are used or not, so that all companies of a seed have the same cases.
    places, spots = rng.permutation(stages), rng.permutation(people)
    prompt = np.full(load.shape, _USUAL)
    gaps: dict[tuple[str, str], float] = {}
    ailing: dict[str, tuple[int, float]] = {}
    truth: dict[Planted, tuple[str, ...]] = {}
    for number, one in enumerate(known):
        if one not in what:
            continue
        row, column = int(places[number % stages]), int(spots[number])
        if one == "ailing":
            ailing[names[row]], truth["ailing"] = (6, _AILING), (names[row],)
            continue
        load[row, column] = max(load[row, column], 30.0)
        if one == "weak":
            gaps[names[row], who[column]], truth["weak"] = -_GAP, (names[row], who[column])
        else:
            prompt[row, column], truth["star"] = _STAR, (names[row], who[column])
    company = Company(who, names, load, gaps, ailing, prompt, 0, truth, rng)
    for _ in range(4):
        company = company.quarter()
    return company


def _quarter(number: int) -> Period:
    year, quarter = divmod(number - 1, 4)
    return Period.quarter(_FIRST + year, quarter + 1)


def _contacts(at: Ints, names: tuple[str, ...], people: Coded, rows: Ints) -> Ledger:
    """The first contact of each case: a call by whoever has it."""
    size = len(at)
    nothing = Coded(np.full(size, -1, np.int32), ())
    one = np.zeros(size, np.int32)
    return Ledger(
        kinds=Coded(one, ("activity",)), ids=Coded(np.arange(size, dtype=np.int32), tuple(f"A-{row}" for row in rows)),
        at=at, customers=nothing, cases=Coded(rows.astype(np.int32), names), who=people[rows],
        minor=np.zeros(size, np.int64), currencies=nothing, refers_to=nothing, revision=np.ones(size, np.int32),
        dims={"channel": Coded(one, ("call",))},
    )  # fmt: skip
