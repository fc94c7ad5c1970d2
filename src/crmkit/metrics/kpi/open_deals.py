"""Sales expectation (K3): the open deals at the end of a period, what they are worth, and what to expect of them."""

from collections.abc import Hashable, Iterator
from typing import ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded, Finding
from crmkit.metrics._concentration import herfindahl
from crmkit.metrics._estimates import major, money_of, none
from crmkit.metrics.kpi._checks import at_least_one
from crmkit.metrics.kpi._snapshots import Snapshots, history, priced
from crmkit.metrics.kpi._weighted import expectation
from crmkit.metrics.metric import UNUSABLE, About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import Rows, View

__all__ = ["ExpectedRevenue", "ExpectedWins", "OpenDeals", "OpenPipeline", "PipelineHerfindahl", "PipelineTopShare"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NEEDS = ("journal",)
_GRAIN = "deal that is open at the end of the period, or of observation; whose it was as its stay began"
_SNAPSHOT = (
    "a snapshot is added up over persons and regions, never over periods",
    "a deal that is lost is worth nothing from then on",
)
_MONEY = (
    *_SNAPSHOT,
    "a deal without an amount is counted as unusable, not taken as zero",
    "currencies are not added up; an amount is converted at the day of the snapshot",
)
_WEIGHTED = (
    "chances are estimated, not typed in, and fall with the age of a deal in its stage",
    "open deals are censored: neither dropped nor called lost",
    "the sum of amount x chance, never the mean amount x the mean chance",
    "no season and no drift, which forecast() learns from earlier cuts",
    "no interval: independent deals make one that is far too narrow; forecast() calibrates its own on past cuts",
)
_KERNEL = (
    "clock-reset semi-Markov process, Aalen & Johansen 1978 within each stage, given the age; chances of all groups "
    "together, from all that was known at the end of the period"
)


@attrs.frozen
class OpenDeals(Metric):
    """How many deals are open."""

    about: ClassVar[About] = About(
        key="open_deals",
        en="Open deals",
        zh="在跟商机数",
        mission="K3",
        unit="deals",
        better="neither",
        grain=_GRAIN,
        formula="Number of deals that are in an open stage at the end of the period.",
        source="exact count; no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=_SNAPSHOT,
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """The deals that are open as each period ends."""
        standing = Snapshots.of(view, self.key)
        yield Part(name="deals", table="journal", rows=standing.rows, period=standing.period)

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - a stock has no sampling error
        """Counts."""
        n = cells.sum("deals")
        return Estimate(
            value=n.astype(np.float64), low=none(len(n)), high=none(len(n)), n=n, n_open=n, exact=n,
            method="exact count at the end of the period",
        )  # fmt: skip


@attrs.frozen
class OpenPipeline(Metric):
    """What the open deals are worth."""

    about: ClassVar[About] = About(
        key="open_pipeline",
        en="Open pipeline",
        zh="在跟商机金额",
        mission="K3",
        unit="money",
        better="more",
        grain=_GRAIN,
        formula="Sum of the amounts of the deals that are in an open stage at the end of the period.",
        source="exact sum; no sampling error",
        needs=_NEEDS,
        absent="zero",
        traps=(*_MONEY, "not weighted: read expected_revenue beside it"),
        within=("currency",),
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """The deals that are open as each period ends, and those of them without an amount."""
        standing = Snapshots.of(view, self.key)
        have, minor, unit, said = priced(view, standing, self.key)
        yield from said
        rows, period = have.rows, have.period
        yield Part(name="amount", table="journal", rows=rows, period=period, weights=minor, keys={"currency": unit})
        yield Part(name="deals", table="journal", rows=rows, period=period, keys={"currency": unit})

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - a stock has no sampling error
        """Exact sums."""
        n = cells.sum("deals")
        return attrs.evolve(money_of(cells, "amount", n, "exact sum at the end of the period"), n_open=n)


@attrs.frozen
class ExpectedRevenue(Metric):
    """What the open deals are expected to bring within a horizon.

    For a calibrated interval, deals that are not there yet, and a track record see `crmkit.metrics.forecast`.

    Attributes:
        horizon_days: the horizon.
    """

    about: ClassVar[About] = About(
        key="expected_revenue",
        en="Expected revenue of open deals",
        zh="在跟商机预期金额",
        mission="K3",
        unit="money",
        better="more",
        grain=_GRAIN,
        formula="Sum of amount x chance to be won within the horizon, given the stage and the age in it.",
        source=_KERNEL,
        needs=_NEEDS,
        absent="zero",
        traps=(*_MONEY, *_WEIGHTED),
        within=("currency",),
    )

    horizon_days: int = attrs.field(default=90, validator=at_least_one)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Amounts of open deals by stage and age, and the stays from which chances are estimated."""
        standing = Snapshots.of(view, self.key)
        have, minor, unit, said = priced(view, standing, self.key)
        yield from said
        deals = have.part(view, "deals")
        deals = attrs.evolve(deals, keys={**deals.keys, "currency": unit})
        yield deals
        yield attrs.evolve(deals, name="amount", weights=minor)
        del deals
        # Chances are of all currencies together: a stay of the history need not have one, and may be in any cell.
        for part in (attrs.evolve(standing.part(view, "lasting"), shown=False), *history(view, self.key)):
            yield attrs.evolve(part, keys={**part.keys, "currency": _nominal(view, part.rows, unit.values)})

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - not calibrated, so no interval
        """Expectations."""
        value = major(cells, expectation(cells, "amount", self.horizon_days))
        return _weighted(cells, value)


@attrs.frozen
class ExpectedWins(Metric):
    """How many of the open deals are expected to be won within a horizon.

    Attributes:
        horizon_days: the horizon.
    """

    about: ClassVar[About] = About(
        key="expected_wins",
        en="Expected wins of open deals",
        zh="在跟商机预期赢单数",
        mission="K3",
        unit="deals",
        better="more",
        grain=_GRAIN,
        formula="Sum of the chances to be won within the horizon, given the stage and the age in it.",
        source=_KERNEL,
        needs=_NEEDS,
        absent="zero",
        traps=(*_SNAPSHOT, *_WEIGHTED),
    )

    horizon_days: int = attrs.field(default=90, validator=at_least_one)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Open deals by stage and age, and the stays from which chances are estimated."""
        standing = Snapshots.of(view, self.key)
        yield standing.part(view, "deals")
        yield attrs.evolve(standing.part(view, "lasting"), shown=False)
        yield from history(view, self.key)

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - not calibrated, so no interval
        """Expectations."""
        return _weighted(cells, expectation(cells, "deals", self.horizon_days))


@attrs.frozen
class _Concentrated(Metric):
    """How much of the open pipeline is in few hands.

    Attributes:
        of: what the parts are: "case", or a column to group by, such as "customer".
    """

    of: str = "case"

    @property
    def reads(self) -> Hashable:
        """The largest parts are parts of the same pipeline."""
        return type(self).parts, self.of

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Amounts of the open deals by part."""
        standing = Snapshots.of(view, self.key)
        have, minor, unit, said = priced(view, standing, self.key)
        yield from said
        rows, period = have.rows, have.period
        below = np.flatnonzero(minor < 0)
        if len(below):
            yield Part(name=UNUSABLE, table="journal", rows=rows[below], period=period[below])
            yield Finding(None, "amount", "a deal with an amount below 0 has no share; left out", len(below))
            kept = np.flatnonzero(minor >= 0)
            rows, period, minor, unit = rows[kept], period[kept], minor[kept], unit[kept]
        journal = view.journal("journal", self.key)
        whole = journal.cases if self.of == "case" else view.key("journal", self.of)
        yield Part(
            name="amount", table="journal", rows=rows, period=period, weights=minor,
            keys={"money": unit, "cluster": whole[rows]},
        )  # fmt: skip
        yield Part(name="deals", table="journal", rows=rows, period=period, keys={"money": unit})


@attrs.frozen
class PipelineHerfindahl(_Concentrated):
    """How concentrated the open pipeline is."""

    about: ClassVar[About] = About(
        key="pipeline_hhi",
        en="Concentration of the open pipeline (HHI)",
        zh="在跟商机集中度（HHI）",
        mission="K3",
        unit="index",
        better="less",
        grain=_GRAIN,
        formula="Sum of the squared shares of the parts in the open pipeline: from 1/n, all alike, to 1, all in one.",
        source="Herfindahl 1950, Hirschman 1964; exact, no sampling error",
        needs=_NEEDS,
        traps=(*_MONEY, "a sum of expectations hides that it hangs on a single deal"),
        within=("money",),
    )

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - no sampling error
        """The index."""
        return _of_parts(cells, np.array([herfindahl(parts) for parts in _by_part(cells)], np.float64))


@attrs.frozen
class PipelineTopShare(_Concentrated):
    """What part of the open pipeline is in its largest parts.

    Attributes:
        of: as in `PipelineHerfindahl`: "case", or a column to group by.
        top: how many of the largest.
    """

    about: ClassVar[About] = About(
        key="pipeline_top_share",
        en="Share of the largest deals in the open pipeline",
        zh="大单在在跟商机金额中的占比",
        mission="K3",
        unit="share",
        better="less",
        grain=_GRAIN,
        formula="Amounts of the largest parts / open pipeline.",
        source="exact ratio of sums; no sampling error",
        needs=_NEEDS,
        traps=(*_MONEY, "a sum of expectations hides that it hangs on a single deal"),
        within=("money",),
    )

    top: int = attrs.field(default=5, validator=at_least_one)

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - no sampling error
        """The share."""
        shares = [np.sort(parts)[::-1][: self.top].sum() / (parts.sum() or np.nan) for parts in _by_part(cells)]
        return _of_parts(cells, np.array(shares, np.float64))


def _nominal(view: View, rows: Rows, units: tuple[str, ...]) -> Coded:
    """The currency under which each stay of the history is kept: its own, or else the first of any."""
    journal = view.facts.journal
    assert journal is not None  # noqa: S101 - `rows` are rows of it
    size = len(journal.entered[rows])
    if view.facts.currency is None and "currency" in journal.dims:
        own = journal.dims["currency"][rows]
        if own.missing.all():
            return Coded(np.zeros(size, np.int32), ("XXX",))
        first = min(np.unique(own.codes[~own.missing]).tolist(), key=own.values.__getitem__)
        return Coded(np.where(own.missing, first, own.codes).astype(np.int32), own.values)
    return Coded(np.zeros(size, np.int32), units)


def _weighted(cells: Cells, value: Floats) -> Estimate:
    n = cells.sum("deals")
    return Estimate(
        value=value, low=none(len(cells)), high=none(len(cells)), n=n, n_open=n,
        method="semi-markov given stage and age; no interval that was not calibrated",
    )  # fmt: skip


def _by_part(cells: Cells) -> Iterator[Floats]:
    """The amounts of the parts in each cell."""
    where, counts = cells.entries("amount")
    order = np.argsort(where, kind="stable")
    edges = np.searchsorted(where, np.arange(1, len(cells)), sorter=order)
    n = counts.n[order]
    for amounts in np.split(n, edges):
        yield amounts.astype(np.float64)


def _of_parts(cells: Cells, value: Floats) -> Estimate:
    n = cells.sum("deals")
    return Estimate(
        value=value, low=none(len(cells)), high=none(len(cells)), n=n, n_open=n, method="exact, of amounts above 0"
    )
