"""The funnel: how many cases reach each stage, how likely they are to take the next step, and when (T4).

`funnel` counts the cases that visited each stage. `step_rates` follows each case along one way through the steps, read
as a `Route` says (order, window, re-entry, skipped steps), and gives the chance and the time of each next step with
open cases counted: by cohort or by period, for all and for each group. `paths` is those ways, case by case.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Frameable, Journal
from crmkit.metrics._paths import walk
from crmkit.metrics._route import Entry, Repeats, Route, Skipped, Ties
from crmkit.metrics._signal_words import Lang, worded
from crmkit.metrics._step_rates import StepRate, StepRates, Timing, step_rates
from crmkit.metrics._vega import bars, layered, nominal, number, plain
from crmkit.metrics._ways import Paths, checked_steps, paths
from crmkit.metrics.curves import case_outcomes
from crmkit.metrics.estimators import wilson
from crmkit.metrics.policy import Order, StageOrder, definition_id
from crmkit.values.display import Chart

__all__ = [
    "Entry",
    "Funnel",
    "FunnelStep",
    "Paths",
    "Repeats",
    "Route",
    "Skipped",
    "StepRate",
    "StepRates",
    "Ties",
    "Timing",
    "depth",
    "funnel",
    "paths",
    "step_rates",
]

Ints = npt.NDArray[np.int64]


@attrs.frozen
class FunnelStep:
    """One step of the funnel.

    Attributes:
        stage: the stage; the last step is the won stage, or all of them together.
        cases: cases that visited it, each once.
        share: of all cases.
        low: lower Wilson limit of the share.
        high: upper limit.
        skipped: cases that were seen further on but never here.
        n: all cases.
        n_open: cases that are not closed and have come no further: they may still go on.
        method: the interval.
        definition: the id of the definition.
    """

    stage: str
    cases: int
    share: float
    low: float
    high: float
    skipped: int
    n: int
    n_open: int
    method: str
    definition: str


@attrs.frozen
class Funnel(Frameable[FunnelStep]):
    """Cases by the stages they reached; lost cases and open ones are in it."""

    rows: tuple[FunnelStep, ...]

    def plot(self, lang: Lang = "en") -> Chart:
        """Bars of cases by stage, in order.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        values = plain(self.rows, ("stage", "cases", "share", "skipped", "n_open"))
        x = number("cases", worded(lang, ("cases", "商机数")))
        return Chart(layered(values, [bars({"y": nominal("stage"), "x": x})], title=worded(lang, ("funnel", "漏斗"))))


def funnel(
    journal: Journal, *, stages: Any = None, won: Iterable[str] = (), lost: Iterable[str] = (), level: float = 0.95
) -> Funnel:
    """How many cases visited each stage, and how many were seen beyond it without visiting it.

    Visits are counted as observed: a skipped stage is reported as skipped, never filled in. Shares are of the cases
    that were opened; those of late stages rise while cases are open, which `n_open` tells.

    Args:
        journal: the stays.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        level: the confidence of the interval.
    """
    order = StageOrder.of(stages, journal, won, lost)
    definition = definition_id("funnel", order=order, level=level)
    steps = [*order.open, *(["won"] if order.won else [])]
    if len(order.won) == 1:
        steps[-1] = next(iter(order.won))
    rank = np.array([_step(name, order) for name in journal.stages.values], np.int64)
    visited = np.zeros((len(journal.cases.values), len(steps) + 1), np.bool_)
    visited[journal.cases.codes, rank[journal.stages.codes]] = True
    standing = case_outcomes(journal, order)
    cases = visited[standing >= 0, :-1]
    is_open = standing[standing >= 0] == 0
    furthest = cases.shape[1] - 1 - np.argmax(cases[:, ::-1], axis=1)
    rows: list[FunnelStep] = []
    for place, stage in enumerate(steps):
        reached = int(cases[:, place].sum())
        low, high = wilson(reached, len(cases), level)
        skipped = int((~cases[:, place] & cases[:, place + 1 :].any(axis=1)).sum())
        waiting = int((is_open & cases.any(axis=1) & (furthest <= place)).sum())
        share = reached / len(cases)
        rows.append(
            FunnelStep(
                stage, reached, share, float(low), float(high), skipped, len(cases), waiting, "wilson", definition
            )
        )
    return Funnel(tuple(rows))


def depth(
    journal: Journal, steps: Sequence[str], *, order: Order = "loose", route: Route | None = None
) -> dict[str, int]:
    """How far each case got through a sequence of stages.

    Args:
        journal: the stays.
        steps: the stages of the funnel, in order.
        order: "loose": other stages may come between; "strict": nothing but a repetition may; "any": in any order.
        route: all choices at once, instead of `order`; else the visit to the first step that leads furthest counts.

    Returns:
        From case id to the number of steps reached, 0 to len(steps).

    Raises:
        InvalidValue: if no step is given, or one is given twice.
    """
    chosen = Route(order=order, entry="furthest") if route is None else route
    names = checked_steps(steps)
    position = {name: number for number, name in enumerate(names)}
    step_of = np.array([position.get(name, -1) for name in journal.stages.values], np.int64)
    found = walk(journal, names, step_of, chosen)
    levels = np.zeros(len(journal.cases.values), np.int64)
    np.maximum.at(levels, journal.cases.codes[found.rows[:, 0]], found.level)
    present = np.unique(journal.cases.codes)
    return {journal.cases.values[code]: int(levels[code]) for code in present.tolist()}


def _step(name: str, order: StageOrder) -> int:
    if name in order.won:
        return len(order.open)
    # The last column of `visited` collects the lost stages; it is cut off.
    return order.open.index(name) if name in order.open else len(order.open) + bool(order.won)
