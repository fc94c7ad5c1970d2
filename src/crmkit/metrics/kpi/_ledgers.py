"""Rows of the ledger as parts: what most KPIs of money and counts are made of."""

from collections.abc import Iterator, Mapping

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded, Finding
from crmkit.metrics._estimates import money_of
from crmkit.metrics.kpi._rate_days import converted_at
from crmkit.metrics.metric import UNUSABLE, Cells, Estimate, Metric, Part
from crmkit.metrics.policy import RateDay
from crmkit.metrics.view import View

__all__ = ["Summed", "amounts", "latest", "periods_of", "tallied"]

Ints = npt.NDArray[np.int64]


@attrs.frozen
class Summed(Metric):
    """A KPI that is an exact sum of money: its parts are those that `amounts` gives."""

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - a sum has no sampling error
        """Exact sums."""
        return money_of(cells, "amount", cells.sum("n"))


def periods_of(view: View, rows: Ints) -> Coded:
    """The period in which each row of the ledger is dated."""
    ledger = view.facts.ledger
    assert ledger is not None  # noqa: S101 - `rows` are rows of it
    return view.periods(ledger.at, of=("ledger", "at"))[rows]


def tallied(view: View, rows: Ints, name: str = "n", keys: Mapping[str, Coded] | None = None) -> Part:
    """Rows to be counted, as they are dated."""
    return Part(name=name, table="ledger", rows=rows, period=periods_of(view, rows), keys=keys or {})


def amounts(
    view: View,
    rows: Ints,
    *,
    period: Coded | None = None,
    day: RateDay = "own",
    name: str = "amount",
    count: str = "n",
) -> Iterator[Part | Finding]:
    """Amounts to be added up by currency, how many there are, and rows without an amount as unusable.

    Args:
        view: the facts.
        rows: rows of the ledger.
        period: of each row; as it is dated if None.
        day: the day whose exchange rate each takes.
        name: of the sums.
        count: of the counts.
    """
    when = periods_of(view, rows) if period is None else period
    at = None if day == "own" else converted_at(view, rows, day, when)
    minor, unit, findings = view.money(rows, at=at)
    yield from findings
    bare = unit.missing
    if bare.any():
        none = np.flatnonzero(bare)
        yield Part(name=UNUSABLE, table="ledger", rows=rows[none], period=when[none])
        have = np.flatnonzero(~bare)
        rows, when, minor, unit = rows[have], when[have], minor[have], unit[have]
    yield Part(name=name, table="ledger", rows=rows, period=when, weights=minor, keys={"currency": unit})
    yield Part(name=count, table="ledger", rows=rows, period=when, keys={"currency": unit})


def latest(view: View, kind: str, metric: str) -> Ints:
    """Of the rows of a kind with one id, the last: the one that stands."""
    return view.once(("latest", kind), lambda: _latest_by_id(view, view.of(kind, metric)))


def _latest_by_id(view: View, rows: Ints) -> Ints:
    ledger = view.facts.ledger
    assert ledger is not None  # noqa: S101 - `rows` are rows of it
    codes = ledger.ids.codes[rows]
    if np.bincount(codes, minlength=1).max() <= 1:
        return rows
    order = np.lexsort((ledger.revision[rows], ledger.at[rows], codes))
    codes = codes[order]
    return np.sort(rows[order][np.append(codes[1:] != codes[:-1], True)[: len(codes)]])
