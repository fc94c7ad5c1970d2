"""Measuring: any metrics, by any groups, over any periods, as a table that says what each number rests on."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import chain
from typing import Literal, TypeAlias, get_args

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Finding, summarise
from crmkit.metrics import kpi
from crmkit.metrics._checks import confidence
from crmkit.metrics._counting import state_of
from crmkit.metrics._recipe import Recipe, check
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.facts import Facts
from crmkit.metrics.figures import Figures
from crmkit.metrics.metric import Metric, State
from crmkit.metrics.view import View
from crmkit.values import Every, FiscalCalendar, Period, PeriodCalendar, from_micros, to_micros, zone

__all__ = ["Versus", "measure"]

_DAY_US = 86_400_000_000
# What so many metrics in a row made no use of is let go.
_IDLE = 2

#: What figures are compared with: the period before, or the group that has these values.
Versus: TypeAlias = Literal["previous"] | Mapping[str, str]


def measure(
    facts: Facts,
    metrics: Iterable[Metric | str] | Metric | str,
    *,
    by: Sequence[str] = (),
    over: Period | None = None,
    every: Every | None = None,
    calendar: PeriodCalendar | None = None,
    as_of: datetime | None = None,
    as_known_at: datetime | None = None,
    versus: Versus | None = None,
    level: float = 0.95,
) -> Figures:
    """Make figures of facts.

    Args:
        facts: what happened.
        metrics: KPIs of `crmkit.metrics.kpi`, your own, or keys of its catalogue; one or several.
        by: columns to group by: "who", "customer", columns of the ledger or the journals (`dims`), or of
            `Facts.customers`. A metric takes them from its own rows, else from the customer, else from the case.
        over: the period; all that was observed if None, in whole units where `every` cuts it.
        every: "day", "week", "month", "quarter" or "year": the buckets.
        calendar: the business calendar of the buckets, if `over` does not bring its own.
        as_of: the end of observation (aware, inclusive); what came later is not there.
        as_known_at: leaves out what was recorded later than this (aware, inclusive).
        versus: compare each figure with that of the period before ("previous"), or of a group ({"region": "North"}).
        level: the confidence of the intervals.

    Raises:
        InvalidValue: for facts that a metric needs and that are not there, an unknown comparison, or a period or a
            metric that is none.
        NotFound: for a metric, a column or a unit of time that is not there.
    """
    groups, wanted = tuple([by] if isinstance(by, str) else by), _named(metrics)
    _check_times(over, every)
    check(wanted, groups, versus)
    known = facts if as_known_at is None else facts.known_at(as_known_at)
    seen = known if as_of is None else known.as_of(as_of)
    until = seen.until() if as_of is None else to_micros(as_of, "as_of")
    there = zone(facts.tz)
    since = min(seen.since(), until)
    whole = over or _spanning(since, until, every, there, calendar)
    cut = Buckets.of(whole, every, there)
    if versus == "previous":
        cut = cut.one_earlier(there)
    view = View(seen, cut, groups, until)
    states: dict[str, State] = {}
    found: dict[Hashable, tuple[State, tuple[Finding, ...]]] = {}
    for metric in wanted:
        if metric.reads not in found:
            state, findings = state_of(metric, view)
            found[metric.reads] = state, summarise(findings)
            view.forget(_IDLE)
        states[metric.key] = found[metric.reads][0]
    view.forget()
    recipe = Recipe(wanted, groups, cut, since, until, versus, confidence(level), (view,))
    return Figures(recipe, states, _told_once(findings for _, findings in found.values()))


def _told_once(found: Iterable[Iterable[Finding]]) -> tuple[Finding, ...]:
    """The findings of several metrics, which read the same rows: what all of them find is not more for that."""
    largest: dict[tuple[str | None, str, bool], Finding] = {}
    for finding in chain.from_iterable(found):
        key = (finding.column, finding.reason, finding.dropped)
        if key not in largest or finding.count > largest[key].count:
            largest[key] = finding
    return tuple(largest.values())


def _named(metrics: Iterable[Metric | str] | Metric | str) -> tuple[Metric, ...]:
    given = [metrics] if isinstance(metrics, Metric | str) else metrics
    wanted = tuple(kpi.named(metric) if isinstance(metric, str) else metric for metric in given)
    for metric in wanted:
        if not isinstance(metric, Metric):
            name = getattr(metric, "__name__", repr(metric))
            raise InvalidValue("metrics", name, "is no metric; give a key of the catalogue, or an instance")
    return wanted


def _check_times(over: Period | None, every: Every | None) -> None:
    if over is not None and not isinstance(over, Period):
        raise InvalidValue("over", over, "is no period; give one such as Period.quarter(2026, 1)")
    if every is not None and every not in get_args(Every):
        raise NotFound("unit of time", every, get_args(Every), "every=")


def _spanning(first: int, last: int, every: Every | None, tz: tzinfo, calendar: PeriodCalendar | None) -> Period:
    """The period from the day of one instant to that of another; whole units, if it is to be cut.

    Raises:
        InvalidValue: if they are more than four centuries apart: a mistake of units, not a history.
    """
    if last - first > 400 * 366 * _DAY_US:
        raise InvalidValue("period", f"{(last - first) // _DAY_US} days", "is no history; are these microseconds?")
    start, end = (from_micros(at).astimezone(tz).date() for at in (first, last))
    cut = calendar or FiscalCalendar()
    if every is None:
        return Period(start, end + timedelta(days=1), "all", cut)
    units = [cut.bounds(every, *cut.containing(every, day)) for day in (start, end)]
    return Period(units[0][0], units[1][1], "all", cut)
