"""Finding what is out of line in the figures of a period.

`find` looks where nobody has to be asked: who is out of line in a stage, which stage is, and which complaints come
again. `charts` and `shifted` take what control charts and the watch over persons found. For what is counted and not
inferred, see `crmkit.improve.counting`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, get_args

import numpy as np

from crmkit.errors import InvalidValue
from crmkit.improve._span import Span
from crmkit.improve._stage_charts import breaks
from crmkit.improve.counting import repeats
from crmkit.improve.problem import Problem, Problems
from crmkit.journal import Journal
from crmkit.metrics import Facts, conversion, signals
from crmkit.metrics.policy import definition_id
from crmkit.values import Every, Period, from_micros, zone

if TYPE_CHECKING:
    from crmkit.metrics.shifts import Shifts
    from crmkit.metrics.spc import Charts

__all__ = ["charts", "find", "shifted", "stage_breaks", "stage_signals"]

_NEITHER = (
    "there are neither deals nor complaints, which are what is looked at here",
    "没有商机或投诉数据，无可检查的内容",
)


def find(
    facts: Facts,
    over: Period,
    *,
    by: str = "who",
    rate: float = 0.10,
    at: datetime | None = None,
    as_known_at: datetime | None = None,
) -> Problems:
    """What is out of line in a period, as far as the facts alone can say.

    Args:
        facts: what happened; without a journal of deals there are no stages to look at, without complaints none.
        over: the period.
        by: the column of persons.
        rate: the false discovery rate of the calls to coach, and of those to share.
        at: as of when (aware); the end of the period if None or later.
        as_known_at: leaves out what was recorded later (aware).

    Returns:
        The problems, and notes of what could not be looked at. Whoever asks the same of the same facts gets the same.

    Raises:
        InvalidValue: if there are no facts at all, or `as_known_at` asks what they cannot tell.
    """
    known = facts if as_known_at is None else facts.known_at(as_known_at)
    parts: list[Problems] = []
    if known.journal is not None:
        parts.append(stage_signals(known, over, by=by, rate=rate, at=at, as_known_at=as_known_at))
        parts.append(stage_breaks(known, over, at=at, as_known_at=as_known_at))
    if known.ledger is not None and "complaint" in known.ledger.kinds.values:
        parts.append(repeats(known, over, at=at, as_known_at=as_known_at))
    if not parts:
        if all(one is None for one in (known.ledger, known.service, known.complaints)):
            raise InvalidValue("facts", "nothing at all", "hold nothing to look for; give a journal")
        parts.append(Problems((), 0.0, (_NEITHER,)))
    return Problems.joined(parts)


def stage_signals(
    facts: Facts,
    over: Period,
    *,
    by: str = "who",
    rate: float = 0.10,
    at: datetime | None = None,
    as_known_at: datetime | None = None,
) -> Problems:
    """Who is out of line in which stage (`crmkit.metrics.signals`), by the stays that ended in a period.

    Args:
        facts: what happened, with a journal of deals.
        over: the period.
        by: the column of persons.
        rate: the false discovery rate of the calls to coach, and of those to share.
        at: as of when (aware); the end of the period if None or later.
        as_known_at: what the facts are known as of; it is written down, and the facts are taken as they are.

    Raises:
        InvalidValue: without a journal.
        NotFound: if the journal has no such column.
    """
    span = Span.of(over, facts.tz, at, as_known_at)
    found = signals(conversion(_ended(_deals(facts), span), stages=facts.stages, by=by), rate=rate)
    rows = [
        span.problem(
            row.kind, {"stage": row.stage, by: row.who},
            {"value": row.value, "expected": row.centre, "effect": row.effect, "low": row.low, "high": row.high,
             "shrunk": row.shrunk, "p": row.p, "q": row.q, "n": row.n, "method": row.method},
            definition=row.definition, metric="stage_conversion", weight=abs(row.shrunk) * row.n,
        )
        for row in found.calls if row.kind in ("coach", "share")
    ]  # fmt: skip
    few = sum(row.kind == "insufficient data" for row in found)
    told = f"of {few} persons in a stage there is too little to judge"
    notes = ((told, f"{few} 个“阶段×人员”组合数据不足，未作判断"),)
    # Benjamini and Hochberg's rule: of m true calls in a direction, rate x (m + 1) false ones come beside them.
    alarms = rate * (len(rows) + 2)
    return Problems.joined([Problems(tuple(rows), alarms, notes if few else ())])


def _deals(facts: Facts) -> Journal:
    if facts.journal is None:
        raise InvalidValue("facts", "no journal", "have no stages to look at; give the stays of deals")
    return facts.journal


def _seen(journal: Journal, span: Span) -> Journal:
    """What was observed by then; what was not observed any more is not taken for standing still."""
    return journal.as_of(min(span.at, from_micros(journal.until)))


def _ended(journal: Journal, span: Span) -> Journal:
    """The stays that ended in the period.

    Those that last say nothing of how stays end; with them a share would vary more than that of so many cases does.
    """
    seen = _seen(journal, span)
    return seen[(seen.left >= span.first) & (seen.left < span.last)]


def stage_breaks(
    facts: Facts, over: Period, *, at: datetime | None = None, as_known_at: datetime | None = None
) -> Problems:
    """Which stages went below their usual range in a month of the period.

    A p chart of the shares that advance among the stays that end, month by month, with limits from the months before
    the period: a month counts if it is below three sigma, of chance alone and of what the shares vary (Laney 2002).

    Args:
        facts: what happened, with a journal of deals of at least eight whole months before the period.
        over: the period.
        at: as of when (aware); the end of the period if None or later.
        as_known_at: what the facts are known as of; it is written down, and the facts are taken as they are.

    Raises:
        InvalidValue: without a journal.
    """
    span = Span.of(over, facts.tz, at, as_known_at)
    found = breaks(_seen(_deals(facts), span), facts.stages, over, zone(facts.tz))
    rows = [
        span.problem(
            "chart", {"stage": row.stage},
            {"value": row.value, "expected": row.centre, "low": row.low, "high": row.high, "n": row.n, "z": row.z,
             "months": [*row.months], "baseline": row.baseline, "method": "p chart, below 3 sigma"},
            definition=definition_id("stage breaks", tz=facts.tz), metric="stage_conversion", weight=-row.z,
        )
        for row in found.rows
    ]  # fmt: skip
    return Problems.joined([Problems(tuple(rows), found.false_alarms, found.notes)])


def charts(found: "Charts", over: Period, *, worse: Mapping[str, str], tz: str = "UTC") -> Problems:
    """Control charts that broke out of their range, to the worse side, in a period.

    Args:
        found: the charts (`crmkit.metrics.spc.chart`).
        over: the period: a finding counts if the point by which it could be told is of a bucket in it.
        worse: from the key of each metric to the side that is worse: "above" or "below".
        tz: the zone of the period.

    Raises:
        InvalidValue: for another side, or a metric without one.
    """
    span, rows = Span.of(over, tz), list[Problem]()
    names = {period.name for unit in get_args(Every) for period in over.split(unit)}
    alarms = 0.0
    for one in found:
        side = worse.get(one.metric)
        if side not in ("above", "below"):
            raise InvalidValue("worse", side, f"is no side for {one.metric}; give 'above' or 'below'")
        inside = [point for point in one.chart.rows if point.label in names and point.phase != "baseline"]
        length = one.chart.run_length(rng=np.random.default_rng(1))
        alarms += len(inside) / (2.0 * length.mean)
        hits = [hit for hit in one.chart.findings if hit.side == side and one.chart.rows[hit.at].label in names]
        if not hits:
            continue
        point = one.chart.rows[hits[-1].at]
        where = {name: value for name, value in one.group.items() if value is not None} or {"metric": one.metric}
        rows.append(span.problem(
            "chart", where,
            {"value": point.value, "expected": point.centre, "low": point.low, "high": point.high, "n": point.n,
             "z": point.z, "months": [point.label], "method": f"{one.chart.kind} chart, {hits[-1].rule}"},
            definition=definition_id("charts", of=one.metric, kind=one.chart.kind, side=side), metric=one.metric,
            weight=abs(point.z or 0.0),
        ))  # fmt: skip
    return Problems.joined([Problems(tuple(rows), alarms)])


def shifted(found: "Shifts", over: Period, *, by: str = "who", tz: str = "UTC") -> Problems:
    """Who has been out of line for a while (`crmkit.metrics.shifts.shifts`), signalled in the last period watched.

    Args:
        found: the shifts.
        over: the last period that they watched.
        by: the column of persons.
        tz: the zone of the period.
    """
    span = Span.of(over, tz)
    rows = [
        span.problem(
            "coach" if row.kind == "coach" else "share", {"stage": row.stage, by: row.who},
            {"value": row.observed / row.n, "expected": row.expected / row.n, "ratio": row.ratio, "low": row.low,
             "high": row.high, "n": row.n, "since": row.since, "method": "risk-adjusted CUSUM"},
            definition=found.definition, metric="stage_conversion", weight=abs(row.observed - row.expected),
        )
        for row in found.new
    ]  # fmt: skip
    return Problems.joined([Problems(tuple(rows), found.periods[-1].cells / found.run_length)])
