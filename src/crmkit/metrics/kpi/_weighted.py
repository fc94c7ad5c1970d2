"""What open deals are expected to bring: the semi-Markov kernel of the forecast, from integer counters."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from crmkit.metrics import _semimarkov as kernel
from crmkit.metrics.kpi._snapshots import ENDS
from crmkit.metrics.metric import Cells
from crmkit.metrics.states import Counts

__all__ = ["expectation"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def expectation(cells: Cells, part: str, horizon: int) -> Floats:
    """What a part comes to if each of its units is won with the chance of its stage and age; NaN without history.

    The chances of a period are those of all that was known at its end, whatever the group: a person has too few deals
    for chances of their own.

    Args:
        cells: the cells, with the parts "lasting" and "ended".
        part: what is weighted, by the key "stage" and ages as bins.
        horizon: days.
    """
    stages = tuple(sorted({*_labels(cells, "ended", "next"), *_labels(cells, "ended"), *_labels(cells, "lasting")}))
    where, counts = cells.entries(part)
    period, total = cells.keys[:, cells.dims.index("period")], np.zeros(len(cells))
    stage, age, n = _codes(counts, "stage", stages), counts.bins, counts.n
    known = np.zeros(len(cells), np.bool_)
    for number, counted in _known(cells, stages):
        known |= period == number
        table = kernel.hazards(counted)
        mine = np.flatnonzero(period[where] == number)
        chance = kernel.given_age(table, kernel.chances(table.rate, [horizon]), stage[mine], age[mine])[:, 0]
        total += np.bincount(where[mine], n[mine] * chance, len(cells))
    return np.where(known, total, np.nan)


def _known(cells: Cells, stages: tuple[str, ...]) -> Iterator[tuple[int, kernel.Counts]]:
    """The stays at risk and the moves that were known at the end of each period in which any deal was won or lost."""
    at, ended = cells.entries("ended")
    here, lasting = cells.entries("lasting")
    period = cells.keys[:, cells.dims.index("period")]
    gone, still = ((_codes(one, "stage", stages), one.bins, one.n) for one in (ended, lasting))
    width = min(max(int(column.max(initial=0)) for _, column, _ in (gone, still)), kernel.OLDEST) + 2
    target = _targets(ended, stages)
    past = np.zeros((len(stages), width, len(stages) + 3))
    beyond = np.zeros(len(stages))
    for number in np.unique(period).tolist():
        mine, now = np.flatnonzero(period[at] == number), np.flatnonzero(period[here] == number)
        stage, stayed, left = (column[mine] for column in gone)
        np.add.at(past, (stage, np.minimum(stayed, width - 1), target[mine]), left)
        beyond += _beyond(stage, stayed, left, width, len(stages))
        held, age, n = (column[now] for column in still)
        seen = past.sum(axis=2)
        np.add.at(seen, (held, np.minimum(age, width - 1)), n)
        at_risk = np.cumsum(seen[:, ::-1], axis=1)[:, ::-1].copy()
        at_risk[:, -1] = beyond + _beyond(held, age, n, width, len(stages))
        moves = past[:, :, :-1]
        if moves[:, :, -2:].any():
            yield number, kernel.Counts(at_risk, moves)


def _beyond(stage: Ints, stayed: Ints, n: Ints, width: int, stages: int) -> Floats:
    """Days at risk in the last age of the table, which is of all that are older."""
    return np.bincount(stage, n * np.maximum(stayed - (width - 1) + 1, 0), stages).astype(np.float64)


def _targets(ended: Counts, stages: tuple[str, ...]) -> Ints:
    """Where each stay went: an open stage, then won, lost, and nobody knows."""
    end = _codes(ended, "end", ENDS)
    following = _codes(ended, "next", stages)
    return np.where(end == 2, following, np.where(end < 0, len(stages) + 2, len(stages) + end))


def _labels(cells: Cells, part: str, key: str = "stage") -> tuple[str, ...]:
    _, counts = cells.entries(part)
    return counts.labels[counts.dims.index(key)]


def _codes(counts: Counts, key: str, values: Sequence[str]) -> Ints:
    """A key of each counter, as its place among given values."""
    return counts.column(key).recode(values).codes.astype(np.int64)
