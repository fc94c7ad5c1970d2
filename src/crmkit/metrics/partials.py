"""Measuring in parts: metrics that are counted block by block, on one machine or on many, and added up.

A partial has `zero`, `update` with a journal, `merge`, and `finish`. Its state is whole numbers by key (`Counts`), so
that the counters of all blocks add up to those of the whole, in any order and whoever adds: `gather` here, the SUM of
an engine elsewhere (`crmkit.adapters.spark`), for which `to_rows` and `from_rows` give the portable form.

    rates = Conversion(StageOrder.given(["lead", "offer", "won", "lost"]))
    found = gather(rates, blocks)        # journals, as `crmkit.adapters.blocks` reads them
    rates.finish(found.state)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.calendars import WorkingTime
from crmkit.errors import InvalidValue
from crmkit.journal import Coded, Finding, Journal, summarise
from crmkit.metrics import policy
from crmkit.metrics._counting import added, state_of
from crmkit.metrics.conversion import transitions
from crmkit.metrics.facts import Facts
from crmkit.metrics.figures import Figures
from crmkit.metrics.kpi import conversion, cycle, named
from crmkit.metrics.metric import Metric, State
from crmkit.metrics.policy import Clock
from crmkit.metrics.sql import Asked
from crmkit.metrics.states import Counts
from crmkit.metrics.survival import SurvivalCurve, grouped_km
from crmkit.metrics.view import TableName, View
from crmkit.values import Currency

__all__ = ["Gathered", "Kpis", "Moves", "Partial", "Sojourns", "from_rows", "gather", "to_rows"]

S = TypeVar("S")
F_co = TypeVar("F_co", covariant=True)
#: One counter: the name of the part, the names of its key, the key, the bin, and how much.
_Row = tuple[str, tuple[str, ...], tuple[str | None, ...], int, int]

# These look at one stay at a time; all others want the stays of a case together.
_BY_STAY = (conversion.StageConversion, cycle.StageDuration)
_LEFT = ("left",)


class Partial(Protocol[S, F_co]):
    """What can be measured in parts; `crmkit.metrics.conversion.Conversion` is one, and so are those of this chapter.

    It is sent to workers, so it has to be picklable, as attrs classes of plain values are.
    """

    @property
    def whole_cases(self) -> bool:
        """Whether the stays of a case have to be in one journal."""
        ...

    def zero(self) -> S:
        """Nothing counted: `Counts`, or `Counts` by the name of the part."""
        ...

    def update(self, state: S, journal: Journal) -> S:
        """The state with the stays of a journal added."""
        ...

    def merge(self, one: S, other: S) -> S:
        """Both states added up."""
        ...

    def finish(self, state: S) -> F_co:
        """The figures of a state."""
        ...


@attrs.frozen
class Moves:
    """How often each stage was followed by each other, by person: `transitions`, in parts.

    Attributes:
        by: the column to group by: "who", one of the journal's `dims`, or None.
    """

    by: str | None = "who"
    whole_cases: bool = attrs.field(default=False, init=False)

    def zero(self) -> Counts:
        """Nothing counted."""
        return Counts.zero(("by", "stage", "next"))

    def update(self, state: Counts, journal: Journal) -> Counts:
        """The state with the stays of a journal added."""
        return state.merge(transitions(journal, by=self.by))

    def merge(self, one: Counts, other: Counts) -> Counts:
        """Both states added up."""
        return one.merge(other)

    def finish(self, state: Counts) -> Counts:
        """The counts themselves."""
        return state


@attrs.frozen
class Sojourns:
    """How long stays last: a Kaplan-Meier curve for each stage, of times in whole bins.

    Attributes:
        stages: the stages wanted.
        clock: the width of a bin.
    """

    stages: tuple[str, ...] = attrs.field(converter=tuple[str, ...])
    clock: Clock = "day"
    whole_cases: bool = attrs.field(default=False, init=False)

    def zero(self) -> Counts:
        """Nothing counted."""
        return Counts.zero(("stage", "end"))

    def update(self, state: Counts, journal: Journal) -> Counts:
        """The state with the stays of a journal added."""
        ends = Coded(np.where(journal.open, -1, 0).astype(np.int32), _LEFT)
        bins = journal.sojourn() // policy.CLOCK_US[self.clock]
        return state.merge(Counts.of({"stage": journal.stages, "end": ends}, bins))

    def merge(self, one: Counts, other: Counts) -> Counts:
        """Both states added up."""
        return one.merge(other)

    def finish(self, state: Counts) -> dict[str, SurvivalCurve]:
        """The curve of each stage that has stays, over bins of the clock."""
        # The last place of "end" is for stays that last; `grouped_km` wants them first.
        table: npt.NDArray[np.int64] = state.dense({"stage": self.stages, "end": _LEFT})[:-1, ::-1]
        curves = grouped_km(table)
        return {stage: curves[i] for i, stage in enumerate(self.stages) if table[i].any()}


def _metrics(given: Iterable[Metric | str] | Metric | str) -> tuple[Metric, ...]:
    listed = [given] if isinstance(given, Metric | str) else given
    return tuple(named(metric) if isinstance(metric, str) else metric for metric in listed)


def _currency(given: str | Currency | None) -> Currency | None:
    return Currency(given) if isinstance(given, str) else given


@attrs.frozen
class Kpis:
    """KPIs of a journal, in parts; the figures are those that `measure` makes of the whole.

    Attributes:
        metrics: KPIs of `crmkit.metrics.kpi`, your own, or keys of its catalogue, that need one journal and no ledger.
        asked: the period, its buckets, the groups, the instant, and the order of the stages.
        of: "journal" for deals, "service" for tickets, "complaints".
        currency: of amounts, where no column "currency" among the dims says it.
        hours: the working time of those who answer; without it, elapsed time is wall time.
    """

    metrics: tuple[Metric, ...] = attrs.field(converter=_metrics)
    asked: Asked
    of: TableName = "journal"
    currency: Currency | None = attrs.field(default=None, converter=_currency)
    hours: WorkingTime | None = None

    def __attrs_post_init__(self) -> None:
        self.asked.order(self.of)
        for metric in self.metrics:
            more = [need for need in metric.about.needs if need != self.of]
            if more:
                raise InvalidValue("metric", metric.key, f"needs {', '.join(more)}, and there is the {self.of} only")

    @property
    def whole_cases(self) -> bool:
        """Whether a metric looks at cases, and not only at stays."""
        return not all(isinstance(metric, _BY_STAY) for metric in self.metrics)

    def zero(self) -> State:
        """Nothing counted: for each metric its parts, by the names of both."""
        none, nothing = Coded(np.zeros(0, np.int32), ()), np.zeros(0, np.int64)
        dims = dict.fromkeys((*self.asked.by, "currency"), none)
        journal = Journal(none, none, nothing, nothing, none.codes, none, self.asked.until, dims, nothing)
        return self.update({}, journal)

    def update(self, state: State, journal: Journal) -> State:
        """The state with the stays of a journal added."""
        asked = self.asked
        told: dict[str, Any] = {
            self.of: journal, "tz": asked.tz, "currency": self.currency, "hours": self.hours, "stages": asked.stages,
            "service_stages": asked.service_stages, "complaint_stages": asked.complaint_stages,
        }  # fmt: skip
        view = View(Facts(**told).as_of(asked.as_of), asked.buckets, asked.by, asked.until)
        for metric in self.metrics:
            made, _ = state_of(metric, view)
            state = added(state, {f"{metric.key}.{name}": counts for name, counts in made.items()})
        return state

    def merge(self, one: State, other: State) -> State:
        """Both states added up."""
        return added(one, other)

    def finish(self, state: State) -> Figures:
        """The figures; there are no rows behind them to explain."""
        return Figures.from_states({metric: _of(metric, state) for metric in self.metrics}, self.asked)


def _of(metric: Metric, state: State) -> State:
    start = f"{metric.key}."
    return {name.removeprefix(start): counts for name, counts in state.items() if name.startswith(start)}


@attrs.frozen(eq=False)
class Gathered(Generic[S]):
    """What was counted.

    Attributes:
        state: the counters, for `finish`.
        stays: how many stays were counted.
        findings: what could not be used.
    """

    state: S
    stays: int
    findings: tuple[Finding, ...]


def gather(partial: Partial[S, Any], journals: Iterable[Journal], *, whole_cases: bool | None = None) -> Gathered[S]:
    """Count journals one after the other; of the rows only the counters are kept.

    Args:
        partial: what to count.
        journals: the blocks; all observed until the same instant.
        whole_cases: whether no case is in two of them; if None, what their attribute of that name says, else no.

    Raises:
        InvalidValue: if cases may be split and the partial wants them whole, or the ends of observation differ.
    """
    whole = getattr(journals, "whole_cases", False) if whole_cases is None else whole_cases
    if partial.whole_cases and not whole:
        reason = "may be in several blocks, and are counted whole; read blocks of whole cases"
        raise InvalidValue("cases", type(partial).__name__, reason)
    state, stays, until = partial.zero(), 0, None
    findings: tuple[Finding, ...] = ()
    for journal in journals:
        if until not in (None, journal.until):
            raise InvalidValue("until", journal.until, f"is not the end of observation of other blocks, {until}")
        until, stays = journal.until, stays + len(journal)
        findings = summarise((*findings, *journal.findings))
        state = partial.update(state, journal)
    return Gathered(state, stays, findings)


def to_rows(state: Counts | State) -> Iterator[_Row]:
    """The counters of a state as rows: the portable form, in which any engine can add them up.

    Yields:
        The name of the part (empty if there is one), the names of its key, the key, the bin, and how much. A part in
        which nothing was counted is one row of nothing, so that it is known to be there.
    """
    parts = {"": state} if isinstance(state, Counts) else state
    for name, counts in parts.items():
        nothing: Sequence[tuple[Any, ...]] = [(*(None for _ in counts.dims), 0, 0)]
        for *key, at, n in counts.table() or nothing:
            yield name, counts.dims, tuple(key), at, n


def from_rows(partial: Partial[S, Any], rows: Iterable[Sequence[Any]]) -> S:
    """The state of rows as `to_rows` gives them; rows of one key add up.

    Raises:
        InvalidValue: if a sum does not fit 64 bits.
    """
    parts: dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]] = {}
    for name, dims, key, at, n in rows:
        if not -(2**63) <= n < 2**63:
            raise InvalidValue("sum", n, "does not fit 64 bits")
        parts.setdefault(name, (tuple(dims), []))[1].append((*key, at, n))
    made: Mapping[str, Counts] = {name: Counts.from_table(dims, listed) for name, (dims, listed) in parts.items()}
    zero = partial.zero()
    found: Any = made.get("", zero) if isinstance(zero, Counts) else made
    return partial.merge(zero, found)
