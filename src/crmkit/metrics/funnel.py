"""The funnel: how many cases reach each stage (T4)."""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Frameable, Journal
from crmkit.metrics.curves import case_outcomes
from crmkit.metrics.estimators import wilson
from crmkit.metrics.policy import Order, StageOrder, definition_id

__all__ = ["Funnel", "FunnelStep", "depth", "funnel"]

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
    for number, stage in enumerate(steps):
        reached = int(cases[:, number].sum())
        low, high = wilson(reached, len(cases), level)
        skipped = int((~cases[:, number] & cases[:, number + 1 :].any(axis=1)).sum())
        waiting = int((is_open & cases.any(axis=1) & (furthest <= number)).sum())
        share = reached / len(cases)
        rows.append(
            FunnelStep(
                stage, reached, share, float(low), float(high), skipped, len(cases), waiting, "wilson", definition
            )
        )
    return Funnel(tuple(rows))


def depth(journal: Journal, steps: Sequence[str], *, order: Order = "loose") -> dict[str, int]:
    """How far each case got through a sequence of stages, in order.

    Args:
        journal: the stays.
        steps: the stages of the funnel, in order.
        order: "loose": other stages may come between; "strict": nothing but a repetition may.

    Returns:
        From case id to the number of steps reached, 0 to len(steps).
    """
    sequence = np.lexsort((np.arange(len(journal)), journal.entered, journal.cases.codes))
    position = {name: number for number, name in enumerate(steps)}
    step_of = np.array([position.get(name, -1) for name in journal.stages.values], np.int64)
    case, step = journal.cases.codes[sequence], step_of[journal.stages.codes[sequence]]
    if order == "strict":
        fresh = np.append(True, (case[1:] != case[:-1]) | (step[1:] != step[:-1]))[: len(case)]
        case, step = case[fresh], step[fresh]
        levels = _strict(case, step, len(steps), len(journal.cases.values))
    else:
        levels = _loose(case, step, len(steps), len(journal.cases.values))
    present = np.unique(case)
    return {journal.cases.values[code]: int(levels[code]) for code in present.tolist()}


def _loose(case: Any, step: Ints, steps: int, cases: int) -> Ints:
    """The earliest match of each step after the earliest match of the one before is the best there is."""
    place = np.arange(len(case))
    reached, levels = np.full(cases, -1), np.zeros(cases, np.int64)
    for number in range(steps):
        usable = np.flatnonzero((step == number) & (place > reached[case]) & (levels[case] == number))
        first = np.full(cases, len(case))
        np.minimum.at(first, case[usable], usable)
        found = first < len(case)
        reached, levels = np.where(found, first, reached), levels + found
    return levels


def _strict(case: Any, step: Ints, steps: int, cases: int) -> Ints:
    levels = np.zeros(cases, np.int64)
    going = np.flatnonzero(step == 0)
    for number in range(1, steps + 1):
        np.maximum.at(levels, case[going], number)
        after = going + 1
        inside = after < len(case)
        going, after = going[inside], after[inside]
        going = after[(case[after] == case[going]) & (step[after] == number)]
    return levels


def _step(name: str, order: StageOrder) -> int:
    if name in order.won:
        return len(order.open)
    # The last column of `visited` collects the lost stages; it is cut off.
    return order.open.index(name) if name in order.open else len(order.open) + bool(order.won)
