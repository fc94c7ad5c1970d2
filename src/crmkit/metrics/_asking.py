"""Measuring for an appraisal: everybody, the team, the year before, and members of whom nothing is recorded."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias, get_args

import attrs
import numpy as np

from crmkit.metrics._appraising import Measured
from crmkit.metrics._goals import VersusLastYear
from crmkit.metrics._schemes import Scheme
from crmkit.metrics.facts import Facts
from crmkit.metrics.figures import Figures
from crmkit.metrics.measure import measure
from crmkit.metrics.metric import UNUSABLE, Metric, State
from crmkit.metrics.states import Counts
from crmkit.values import Every, Period, from_micros

__all__ = ["Asked", "a_year_earlier", "last_known", "lost_from", "measured_by", "plain_of"]


#: Figures by member, and of all.
_Pair: TypeAlias = tuple[Figures, Figures]


@attrs.frozen(eq=False)
class Asked:
    """How an appraisal is asked for.

    Attributes:
        over: the period.
        by: the column of the members; None for the team alone.
        members: the members; None for all of whom there is a figure.
        as_of: the end of observation.
        as_known_at: when what is recorded must have been; None for all of it.
    """

    over: Period
    by: str | None
    members: tuple[str, ...] | None
    as_of: datetime
    as_known_at: datetime | None


def last_known(facts: Facts, as_of: datetime | None) -> tuple[datetime, datetime | None]:
    """The end of observation, and the last instant at which a fact was recorded, if the facts can tell."""
    until = from_micros(facts.until()) if as_of is None else as_of
    known = facts.recorded()
    return until, None if known is None else from_micros(known)


def measured_by(scheme: Scheme, facts: Facts, asked: Asked) -> tuple[dict[str, Measured], tuple[str, ...]]:
    """The figures of every KPI of a scheme, by the id of its definition; and who is appraised.

    That is those who were named, or all who have a figure.
    """
    yearly = {target.metric.definition for target in scheme.targets if isinstance(target.goal, VersusLastYear)}
    earlier = a_year_earlier(asked.over)
    rough: list[tuple[Metric, _Pair, _Pair | None]] = []
    for metric in scheme.metrics:
        before = _both(facts, metric, scheme, asked, earlier) if metric.definition in yearly else None
        rough.append((metric, _both(facts, metric, scheme, asked, asked.over), before))
    members = asked.members
    if members is None:
        found = {row.group[asked.by] for _, (grouped, _), _ in rough for row in grouped} if asked.by else set()
        members = tuple(sorted(name for name in found if name is not None))
    made: dict[str, Measured] = {}
    for metric, (grouped, whole), before in rough:
        everybody = _covering(grouped, metric, asked.by, members)
        earlier_ones = None if before is None else _covering(before[0], metric, asked.by, members)
        of_team = None if before is None else before[1]
        made[metric.definition] = Measured(everybody, whole, earlier_ones, of_team, asked.by)
    return made, members


def lost_from(measured: Mapping[str, Measured], by: str | None) -> list[dict[str, Any]]:
    """What could not be used, and what belongs to no member, as plain rows; what several KPIs find is told once."""
    told: dict[tuple[str | None, str], int] = {}
    for one in measured.values():
        for finding in (*one.members.findings, *one.team.findings):
            key = finding.column, finding.reason
            told[key] = max(told.get(key, 0), finding.count)
        for row in one.members if by is not None else ():
            if row.group[str(by)] is None and row.n:
                told[by, f"{row.metric}: of no member; in the team's figures only"] = row.n
    return [{"column": column, "reason": reason, "count": n} for (column, reason), n in told.items()]


def a_year_earlier(over: Period) -> Period:
    """The same unit of the calendar a year earlier, or the same civil days; 29 February is the 28th."""
    cut = over.calendar
    for unit in get_args(Every):
        year, number = cut.containing(unit, over.start)
        if cut.bounds(unit, year, number) == (over.start, over.end) and unit not in ("day", "week"):
            return Period.of(unit, year - 1, number, cut)
    return Period(_last_year(over.start), _last_year(over.end), calendar=cut)


def _last_year(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _both(facts: Facts, metric: Metric, scheme: Scheme, asked: Asked, over: Period) -> "_Pair":
    how: dict[str, Any] = {
        "over": over, "as_of": asked.as_of, "as_known_at": asked.as_known_at, "level": scheme.level
    }  # fmt: skip
    whole = measure(facts, [metric], **how)
    if asked.by is None:
        return whole, whole
    return measure(facts, [metric], by=[asked.by], **how), whole


def _covering(figures: Figures, metric: Metric, by: str | None, members: Sequence[str]) -> Figures:
    """The figures with a cell for each member who has none, where nothing means 0.

    Whoever sold nothing in the whole history is in no row of it, and has sold nothing all the same.
    """
    state = figures.states[metric.key]
    parts = sorted((name for name in state if name != UNUSABLE), key=lambda name: not len(state[name]))
    # In which currency nobody has sold anything is not known.
    part = next((name for name in parts if len(state[name]) or not metric.about.within), None)
    if metric.about.absent != "zero" or part is None or by is None:
        return figures
    absent = [name for name in members if name not in {row.group[by] for row in figures}]
    if not absent:
        return figures
    filled: State = {**state, part: _with_nothing(state[part], by, metric.about.within, absent)}
    return attrs.evolve(figures, states={metric.key: filled})


def _with_nothing(counts: Counts, by: str, within: Sequence[str], absent: Sequence[str]) -> Counts:
    """The counters, and for each absent value a counter of 0 in every cell that another value has."""
    place = counts.dims.index(by)
    kept = [number for number, dim in enumerate(counts.dims) if dim in ("period", *within)]
    # Of a single period, if nobody has anything in it.
    known = counts.keys if len(counts) else np.zeros((1, len(counts.dims)), np.int64)
    cells = np.full_like(known, -1)
    cells[:, kept] = known[:, kept]
    cells = np.unique(cells, axis=0)
    names = tuple(dict.fromkeys([*counts.labels[place], *absent]))
    more = np.tile(cells, (len(absent), 1))
    more[:, place] = np.repeat([names.index(name) for name in absent], len(cells))
    labels = tuple(names if number == place else own for number, own in enumerate(counts.labels))
    nothing = np.zeros(len(more), np.int64)
    return Counts(
        counts.dims, labels, np.concatenate([counts.keys, more]), np.concatenate([counts.bins, nothing]),
        np.concatenate([counts.n, nothing]),
    )  # fmt: skip


def plain_of(asked: Asked) -> dict[str, Any]:
    """The question as a plain document."""
    return {
        "over": {"name": asked.over.name or f"{asked.over.start} .. {asked.over.end}", "start": str(asked.over.start),
                 "end": str(asked.over.end), "calendar": calendar_out(asked.over.calendar)},
        "by": asked.by, "members": None if asked.members is None else list(asked.members),
        "as_of": asked.as_of.isoformat(),
        "as_known_at": None if asked.as_known_at is None else asked.as_known_at.isoformat(),
    }  # fmt: skip


def calendar_out(calendar: Any) -> dict[str, Any]:
    """A calendar of periods as a plain document: its kind and its attributes."""
    return {"kind": type(calendar).__name__, **attrs.asdict(calendar, value_serializer=_listed)}


def _listed(_owner: Any, _field: Any, value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
