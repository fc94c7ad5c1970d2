"""Everything the report says, as results and as plain data; the page and the summary only show it."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from crmkit.improve.review import Review
from crmkit.journal import UNKNOWN, Finding, Journal
from crmkit.metrics import (
    Rates,
    Signals,
    StageOrder,
    conversion,
    cycle_time,
    funnel,
    signals,
    time_in_stage,
    win_curve,
)
from crmkit.metrics.curves import CycleTime, StageTimes, WinCurve, case_outcomes
from crmkit.metrics.funnel import Funnel
from crmkit.report._finite import finite
from crmkit.values import from_micros
from crmkit.values.display import ROWS, Display, Lang, Listed, Shown

__all__ = ["AGES", "AgeGroup", "OpenCases", "Report", "Totals", "build"]

_DAY_US = 86_400_000_000
#: The edges of the age groups, in days.
AGES = (0, 7, 30, 90, 180, 365)


@attrs.frozen
class AgeGroup:
    """Open cases of one stage by how long they have been in it.

    Attributes:
        stage: the stage.
        cases: open cases in it.
        ages: cases by age: up to 7, 30, 90, 180, 365 days, and older.
        median_age: days.
        oldest: days.
        overdue: cases that have been there longer than nine in ten stays take; None where that is not known.
    """

    stage: str
    cases: int
    ages: tuple[int, ...]
    median_age: float
    oldest: float
    overdue: int | None


@attrs.frozen
class OpenCases:
    """All open cases.

    Attributes:
        rows: a group a stage.
        oldest: the cases that have waited longest, as (case, stage, who, days), ten at most.
    """

    rows: tuple[AgeGroup, ...]
    oldest: tuple[tuple[str, str, str | None, float], ...]


@attrs.frozen
class Totals(Listed):
    """The counts a reader can check against their own system.

    Attributes:
        cases: cases that could be used.
        open: not closed.
        won: won.
        lost: lost or cancelled.
        closed_only_rate: won / (won + lost): shown to be compared, not to be used.
        won_amount: the sum of the amounts of won cases, exact, as text; None without an amount column.
        days_to_win: mean and median of the cases won so far.
        days_to_lose: mean and median of the cases lost so far.
    """

    cases: int
    open: int
    won: int
    lost: int
    closed_only_rate: float
    won_amount: str | None
    days_to_win: tuple[float, float]
    days_to_lose: tuple[float, float]


@attrs.frozen(eq=False)
class Report(Shown):
    """Everything the report says.

    Attributes:
        journal: the stays.
        order: the stages.
        source: where the data came from and what was assumed.
        totals: checkable counts.
        rates: conversion per stage and person.
        funnel: cases by the stages they reached.
        curve: the win curve.
        cycle: the time to win.
        times: time in stage.
        signals: who is out of line.
        open_cases: what is open, by age.
        truth: what a simulation knows, shown beside the estimates; empty for real data.
        agenda: what a team should talk about; None if nobody asked for it.
    """

    journal: Journal
    order: StageOrder
    source: Mapping[str, Any]
    totals: Totals
    rates: Rates
    funnel: Funnel
    curve: WinCurve
    cycle: CycleTime
    times: StageTimes
    signals: Signals
    open_cases: OpenCases
    truth: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    agenda: Review | None = None

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """What to look at first; see `Shown.display`."""
        from crmkit.report.text import summary

        return Display.lines(summary(self, lang).split("\n"), most=most, lang=lang)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What could not be used, and why."""
        return self.journal.findings

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `report.json` holds it; NaN and infinity are null."""
        plain = {
            "schema": "crmkit-report-1",
            "source": dict(self.source),
            "findings": [attrs.asdict(finding) for finding in self.findings],
            "totals": attrs.asdict(self.totals),
            "stages": [_stage(name, self.order) for name in self.order.names],
            "conversion": [{**attrs.asdict(row), "n": row.n, "n_open": row.n_open} for row in self.rates],
            "funnel": [attrs.asdict(row) for row in self.funnel],
            "win_curve": [self._point(row) for row in self.curve],
            "cycle_time": attrs.asdict(self.cycle),
            "time_in_stage": [attrs.asdict(row) for row in self.times],
            "signals": [attrs.asdict(row) for row in self.signals if row.kind != "none"],
            "open_cases": [_open_row(row) for row in self.open_cases.rows],
            "oldest_cases": [
                dict(zip(("case", "stage", "who", "days"), row, strict=True)) for row in self.open_cases.oldest
            ],
            "definitions": self._definitions(),
            **({"truth": dict(self.truth)} if self.truth else {}),
            **({} if self.agenda is None else {"agenda": self.agenda.to_dict()}),
        }
        cleaned: dict[str, Any] = finite(plain)
        return cleaned

    def _point(self, row: Any) -> dict[str, Any]:
        curve = self.curve
        about = {"n": curve.n, "n_open": curve.n_open, "method": curve.method, "definition": curve.definition}
        return {**attrs.asdict(row), **about}

    def _definitions(self) -> dict[str, Any]:
        return {
            self.rates.definition: {"metric": "conversion", **self.rates.policies},
            self.curve.definition: {"metric": "win curve", "method": self.curve.method},
            self.cycle.definition: {"metric": "cycle time", "method": self.cycle.method},
            **{row.definition: {"metric": "time in stage", "method": row.method} for row in self.times.rows[:1]},
            **{row.definition: {"metric": "funnel", "method": row.method} for row in self.funnel.rows[:1]},
            **{row.definition: {"metric": "signals", "method": row.method} for row in self.signals.rows[:1]},
        }


def build(
    journal: Journal,
    *,
    stages: Any = None,
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
    level: float = 0.95,
    source: Mapping[str, Any] | None = None,
    truth: Mapping[str, Any] | None = None,
) -> Report:
    """Compute everything the report says.

    Args:
        journal: the stays.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        level: the confidence of all intervals.
        source: where the data came from: shown, not used.
        truth: what a simulation knows.

    Raises:
        InputError: if the journal has no open stage to report on.
    """
    won, lost = tuple(won), tuple(lost)
    order = StageOrder.of(stages, journal, won, lost)
    by = "who" if journal.who.values else None
    rates = conversion(journal, stages=stages, by=by, won=won, lost=lost, level=level)
    times = time_in_stage(journal, stages=stages, level=level, won=won, lost=lost)
    return Report(
        journal,
        order,
        {**_seen(journal), **(source or {})},
        _totals(journal, order),
        rates,
        funnel(journal, stages=stages, level=level, won=won, lost=lost),
        win_curve(journal, stages=stages, level=level, won=won, lost=lost),
        cycle_time(journal, stages=stages, level=level, won=won, lost=lost),
        times,
        signals(rates),
        _open_cases(journal, order, times),
        dict(truth or {}),
    )


def _seen(journal: Journal) -> dict[str, Any]:
    return {
        "stays": len(journal),
        "cases": len(np.unique(journal.cases.codes)),
        "first": from_micros(int(journal.entered.min())).isoformat(),
        "until": from_micros(journal.until).isoformat(),
        **journal.facts,
    }


def _totals(journal: Journal, order: StageOrder) -> Totals:
    standing = case_outcomes(journal, order)
    size = len(journal.cases.values)
    opened = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(opened, journal.cases.codes, journal.entered)
    last = np.full(size, np.iinfo(np.int64).min)
    np.maximum.at(last, journal.cases.codes, journal.entered)
    days = (last - opened) / _DAY_US
    won, lost = int((standing == 1).sum()), int((standing == 2).sum())
    return Totals(
        cases=int((standing >= 0).sum()),
        open=int((standing == 0).sum()),
        won=won,
        lost=lost,
        closed_only_rate=won / (won + lost) if won + lost else math.nan,
        won_amount=_amount(journal, standing),
        days_to_win=_mean_median(days[standing == 1]),
        days_to_lose=_mean_median(days[standing == 2]),
    )


def _amount(journal: Journal, standing: Any) -> str | None:
    """The exact sum of the last known amount of each won case."""
    if journal.amount is None:
        return None
    known = np.flatnonzero(journal.amount != UNKNOWN)
    if not len(known):
        return None
    of_case = np.zeros(len(journal.cases.values), np.int64)
    order = known[np.argsort(journal.entered[known], kind="stable")]
    of_case[journal.cases.codes[order]] = journal.amount[order]
    # Python's integers: a sum of 64-bit amounts need not fit 64 bits.
    whole, cents = divmod(sum(of_case[standing == 1].tolist()), 100)
    return f"{whole}.{cents:02}"


def _mean_median(days: Any) -> tuple[float, float]:
    return (float(days.mean()), float(np.median(days))) if len(days) else (math.nan, math.nan)


def _open_cases(journal: Journal, order: StageOrder, times: StageTimes) -> OpenCases:
    usual = {row.stage: row.p90 for row in times}
    rows: list[AgeGroup] = []
    age = journal.sojourn() / _DAY_US
    waiting = np.zeros(len(journal), np.bool_)
    for stage in order.open:
        if stage not in journal.stages.values:
            continue
        here = journal.open & (journal.stages.codes == journal.stage_code(stage))
        waiting |= here
        days, limit = age[here], usual.get(stage, math.nan)
        if not len(days):
            continue
        groups = np.bincount(np.searchsorted(AGES[1:], days, side="left"), minlength=len(AGES)).tolist()
        overdue = None if math.isnan(limit) else int((days > limit).sum())
        rows.append(AgeGroup(stage, len(days), tuple(groups), float(np.median(days)), float(days.max()), overdue))
    first = np.flatnonzero(waiting)[np.argsort(-age[waiting], kind="stable")[:10]]
    who = journal.who[first].decode()
    names = zip(journal.cases[first].decode(), journal.stages[first].decode(), who, age[first].tolist(), strict=True)
    return OpenCases(tuple(rows), tuple((case or "", stage or "", person, days) for case, stage, person, days in names))


def _open_row(row: AgeGroup) -> dict[str, Any]:
    labels = [f"<= {day} days" for day in AGES[1:]] + [f"> {AGES[-1]} days"]
    return {**attrs.asdict(row), "ages": dict(zip(labels, row.ages, strict=True))}


def _stage(name: str, order: StageOrder) -> dict[str, Any]:
    outcome = "won" if name in order.won else "lost" if name in order.lost else None
    return {"name": name, "outcome": outcome}
