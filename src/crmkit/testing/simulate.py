"""A company's years with known truth: the numbers that made the data say what an estimator should find."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Coded, Journal
from crmkit.pipeline import Move, Pipeline, Stage
from crmkit.values import to_micros

__all__ = ["Simulation", "Truth", "sales_pipeline", "simulate"]

Floats = npt.NDArray[np.float64]
_DAY_US = 86_400_000_000


@attrs.frozen
class Truth:
    """How cases really behave: a semi-Markov process with exponential sojourns.

    Attributes:
        days: from stage to the mean sojourn in days.
        chances: from stage to the chance of each next stage; they add up to 1.
        skill: from person to the factor by which they multiply the odds of advancing.
    """

    days: Mapping[str, float]
    chances: Mapping[str, Mapping[str, float]]
    skill: Mapping[str, float] = attrs.field(factory=dict[str, float])


@attrs.frozen
class Simulation:
    """A simulated history and the truth behind it.

    Attributes:
        journal: what an export would hold, censored at its end.
        truth: what made it.
        pipeline: the process.
    """

    journal: Journal
    truth: Truth
    pipeline: Pipeline

    def advance(self, stage: str) -> float:
        """The true chance that a stay in a stage ends in a later open stage or in a win, for a person of skill 1."""
        names = [s.name for s in self.pipeline.stages]
        lost = {s.name for s in self.pipeline.stages if s.outcome not in (None, "won")}
        here = names.index(stage)
        return sum(p for to, p in self.truth.chances[stage].items() if to not in lost and names.index(to) > here)

    def won_by(self, days: Sequence[float]) -> Floats:
        """The true chance that a new case is won within each of `days`, over all persons alike.

        The chain of exponential sojourns is solved exactly: P(t) = expm(Qt).
        """
        from scipy.linalg import expm

        steps = _Steps(self.pipeline, self.truth, np.array([*self.truth.skill.values()] or [1.0]))
        won = [i for i, stage in enumerate(self.pipeline.stages) if stage.outcome == "won"]
        chances = np.zeros((len(steps.chances), len(days)))
        for person, moves in enumerate(steps.chances):
            rates = moves / steps.days[:, None]
            rates -= np.diag(rates.sum(axis=1))
            chances[person] = [expm(rates * t)[steps.start, won].sum() for t in days]
        mean: Floats = chances.mean(axis=0)
        return mean


def sales_pipeline() -> Pipeline:
    """The process that the demonstration simulates: five open stages, won and lost, with a way back."""
    return Pipeline(
        "sales",
        stages=[
            "lead",
            Stage("qualified", limit="10 business days"),
            "demo",
            "proposal",
            "negotiation",
            Stage("won", "won"),
            Stage("lost", "lost"),
        ],
        moves={
            "lead": {"qualify": "qualified", "lose": "lost"},
            "qualified": {"demonstrate": "demo", "lose": "lost"},
            "demo": {"propose": "proposal", "requalify": "qualified", "lose": "lost"},
            "proposal": {"negotiate": "negotiation", "redo": "demo", "lose": "lost"},
            "negotiation": {"sign": "won", "revise": Move("proposal"), "lose": "lost"},
        },
    )


_TRUTH = Truth(
    days={"lead": 12.0, "qualified": 18.0, "demo": 20.0, "proposal": 25.0, "negotiation": 15.0},
    chances={
        "lead": {"qualified": 0.62, "lost": 0.38},
        "qualified": {"demo": 0.66, "lost": 0.34},
        "demo": {"proposal": 0.70, "qualified": 0.06, "lost": 0.24},
        "proposal": {"negotiation": 0.66, "demo": 0.06, "lost": 0.28},
        "negotiation": {"won": 0.68, "proposal": 0.07, "lost": 0.25},
    },
)


def simulate(
    pipeline: Pipeline | None = None,
    n: int = 4000,
    *,
    rng: np.random.Generator,
    truth: Truth = _TRUTH,
    people: Mapping[str, float] | None = None,
    days: float = 365.0,
    start: datetime = datetime(2025, 1, 1, tzinfo=UTC),
) -> Simulation:
    """Simulate cases that are opened evenly over a span and observed until its end.

    Args:
        pipeline: the process; the demonstration's if None.
        n: how many cases are opened.
        rng: the source of randomness.
        truth: how they behave.
        people: from person to skill: the factor on the odds of advancing; one unnamed person of skill 1 if None.
        days: the length of the span.
        start: when it begins (aware).

    Returns:
        The journal, censored at the end of the span, with the truth.
    """
    process = pipeline or sales_pipeline()
    skills = dict(people or {})
    names = tuple(stage.name for stage in process.stages)
    who = rng.integers(len(skills), size=n) if skills else np.full(n, -1)
    begun = to_micros(start)
    opened = begun + np.sort((rng.random(n) * days * _DAY_US).astype(np.int64))
    until = begun + int(days * _DAY_US)
    steps = _Steps(process, truth, np.array([*skills.values(), 1.0]))
    rows = [*steps.run(who, opened, until, rng)]
    case, stage, entered, left, following = (np.concatenate([row[i] for row in rows]) for i in range(5))
    order = np.lexsort((entered, case))
    journal = Journal(
        cases=Coded(case[order].astype(np.int32), tuple(f"D-{i + 1:05}" for i in range(n))),
        stages=Coded(stage[order].astype(np.int32), names),
        entered=entered[order],
        left=left[order],
        next=following[order].astype(np.int32),
        who=Coded(who[case[order]].astype(np.int32), tuple(skills)),
        until=until,
        facts={"origin": f"simulated, {n} cases over {days:g} days"},
    )
    return Simulation(journal, attrs.evolve(truth, skill=skills), process)


class _Steps:
    """All cases take their next step together, until the span ends or they are closed."""

    def __init__(self, process: Pipeline, truth: Truth, skills: Floats) -> None:
        self.names = [stage.name for stage in process.stages]
        self.closed = np.array([stage.outcome is not None for stage in process.stages])
        self.start = self.names.index(process.start)
        self.days = np.array([truth.days.get(name, np.inf) for name in self.names])
        lost = {stage.name for stage in process.stages if stage.outcome not in (None, "won")}
        # By person, stage and next stage.
        self.chances = np.zeros((len(skills), len(self.names), len(self.names)))
        for stage, chances in truth.chances.items():
            i = self.names.index(stage)
            good = np.array([n not in lost and self.names.index(n) > i for n in self.names])
            base = np.array([chances.get(name, 0.0) for name in self.names])
            p = base[good].sum()
            odds = skills * p / (1 - p) if p < 1 else np.full(len(skills), np.inf)
            better = np.where(np.isinf(odds), 1.0, odds / (1 + odds))
            scale = np.where(good, (better / p)[:, None], ((1 - better) / (1 - p) if p < 1 else 0 * better)[:, None])
            self.chances[:, i, :] = base * scale

    def run(
        self, who: npt.NDArray[np.int64], opened: npt.NDArray[np.int64], until: int, rng: np.random.Generator
    ) -> "list[tuple[npt.NDArray[np.int64], ...]]":
        case, at = np.arange(len(who)), opened.copy()
        stage = np.full(len(who), self.start)
        rows: list[tuple[npt.NDArray[np.int64], ...]] = []
        while len(case):
            stay = rng.exponential(self.days[stage]) * _DAY_US
            left = at + np.maximum(stay, 1).astype(np.int64)
            cumulative = self.chances[who[case], stage].cumsum(axis=1)
            after = (rng.random(len(case))[:, None] >= cumulative / cumulative[:, -1:]).sum(axis=1)
            still = left > until
            rows.append((case, stage, at, np.where(still, OPEN, left), np.where(still, -1, after)))
            done = ~still & self.closed[after]
            rows.append((case[done], after[done], left[done], np.full(done.sum(), OPEN), np.full(done.sum(), -1)))
            on = ~still & ~done
            case, stage, at = case[on], after[on], left[on]
        return rows
