"""Finding what is out of line: in the figures of a period, and in what people did, asked and complained about.

`find` looks where nobody has to be asked: who is out of line in a stage, which stage is, and which complaints come
again. The other functions take what other parts of the library found. `Problems.joined` makes one list of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs
import numpy as np

from crmkit.errors import InvalidValue
from crmkit.events import Event, Found
from crmkit.improve._stage_charts import breaks
from crmkit.improve.problem import Problem, ProblemKind, Problems
from crmkit.journal import Journal
from crmkit.metrics import Facts, conversion, signals
from crmkit.metrics.policy import definition_id
from crmkit.values import Period, from_micros, to_micros, zone

if TYPE_CHECKING:
    from crmkit.metrics.shifts import Shifts
    from crmkit.metrics.spc import Charts

__all__ = ["charts", "find", "gaps", "late", "overrides", "repeats", "shifted", "stage_breaks", "stage_signals", "unanswered"]

T = TypeVar("T")
_DAY_US = 86_400_000_000


class _Late(Protocol):
    """A concern of `crmkit.pipeline.attention`."""

    @property
    def kind(self) -> str: ...
    @property
    def case(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def owner(self) -> str | None: ...


class _Asked(Protocol):
    """A search of `crmkit.kb.usage`."""

    @property
    def at(self) -> datetime: ...
    @property
    def question(self) -> str: ...


class _Wanting(Protocol):
    """A gap of `crmkit.kb.proposals`."""

    @property
    def id(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def requirement(self) -> Any: ...


@attrs.frozen
class _Span:
    """A period in a zone, seen as of its end or as of an earlier instant."""

    over: Period
    first: int
    last: int
    at: datetime
    known_at: datetime | None

    @classmethod
    def of(cls, over: Period, tz: str, at: datetime | None = None, known_at: datetime | None = None) -> "_Span":
        first, last = over.instants(zone(tz))
        end = from_micros(last, zone(tz))
        return cls(over, first, last, end if at is None else min(at, end), known_at)

    def holds(self, moment: datetime) -> bool:
        return self.first <= to_micros(moment) < self.last

    def problem(self, kind: ProblemKind, where: Mapping[str, Any], found: Mapping[str, Any], **more: Any) -> Problem:
        return Problem(
            kind=kind, where=where, found=found, over=self.over, at=self.at, known_at=self.known_at, **more
        )  # fmt: skip


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
        InvalidValue: if there are neither deals nor complaints, or `as_known_at` asks what the facts cannot tell.
    """
    known = facts if as_known_at is None else facts.known_at(as_known_at)
    parts: list[Problems] = []
    if known.journal is not None:
        parts.append(stage_signals(known, over, by=by, rate=rate, at=at, as_known_at=as_known_at))
        parts.append(stage_breaks(known, over, at=at, as_known_at=as_known_at))
    if known.ledger is not None and "complaint" in known.ledger.kinds.values:
        parts.append(repeats(known, over, at=at, as_known_at=as_known_at))
    if not parts:
        raise InvalidValue("facts", "neither deals nor complaints", "hold nothing to look for; give a journal")
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
    span = _Span.of(over, facts.tz, at, as_known_at)
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
    notes = ((f"of {few} persons in a stage there is too little to judge", f"{few} 个“阶段×人员”组合数据不足，未作判断"),)
    # Benjamini and Hochberg's rule: of m true calls in a direction, rate x (m + 1) false ones come beside them.
    alarms = rate * (len(rows) + 2)
    return Problems.joined([Problems(tuple(rows), alarms, notes if few else ())])


def _deals(facts: Facts) -> Journal:
    if facts.journal is None:
        raise InvalidValue("facts", "no journal", "have no stages to look at; give the stays of deals")
    return facts.journal


def _ended(journal: Journal, span: _Span) -> Journal:
    """The stays that ended in the period.

    Those that last say nothing of how stays end; with them a share would vary more than that of so many cases does.
    """
    seen = journal.as_of(span.at)
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
    span = _Span.of(over, facts.tz, at, as_known_at)
    found = breaks(_deals(facts).as_of(span.at), facts.stages, over, zone(facts.tz))
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


def repeats(
    facts: Facts,
    over: Period,
    *,
    cause: str = "cause",
    within_days: int = 90,
    least: int = 3,
    at: datetime | None = None,
    as_known_at: datetime | None = None,
) -> Problems:
    """Which causes customers complain about again, however often others do for the first time.

    Args:
        facts: what happened, with complaints in the ledger.
        over: the period of the later complaint.
        cause: the column of the cause; where there is none, nobody knows whether two complaints are alike.
        within_days: how soon after the one before it a complaint comes again.
        least: how many make a problem.
        at: as of when (aware); the end of the period if None or later.
        as_known_at: what the facts are known as of; it is written down, and the facts are taken as they are.

    Raises:
        InvalidValue: without a ledger.
    """
    span, ledger = _Span.of(over, facts.tz, at, as_known_at), facts.ledger
    if ledger is None:
        raise InvalidValue("facts", "no ledger", "have no complaints to look at; give dated facts")
    if cause not in ledger.dims:
        return Problems((), 0.0, ((f"complaints have no column {cause!r}", f"投诉没有“{cause}”列"),))
    column, seen = ledger.dimension(cause), to_micros(span.at)
    is_complaint = ledger.kinds.codes == [*ledger.kinds.values, "complaint"].index("complaint")
    known = (column.codes >= 0) & ~ledger.customers.missing & (ledger.at <= seen)
    rows = np.flatnonzero(is_complaint & known)
    rows = rows[np.lexsort((ledger.at[rows], column.codes[rows], ledger.customers.codes[rows]))]
    alike = (column.codes[rows][1:] == column.codes[rows][:-1]) & (
        ledger.customers.codes[rows][1:] == ledger.customers.codes[rows][:-1]
    )
    soon = np.diff(ledger.at[rows]) <= within_days * _DAY_US
    again = rows[1:][alike & soon & (ledger.at[rows][1:] >= span.first) & (ledger.at[rows][1:] < span.last)]
    counts = Counter(column.values[code] for code in column.codes[again].tolist())
    policies = {"cause": cause, "within_days": within_days, "least": least}
    made = _counted(span, "recurrence", cause, counts, least, policies, metric="complaint_recurrence")
    return Problems.joined([Problems(tuple(made))])


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
    span, rows = _Span.of(over, tz), list[Problem]()
    names = {period.name for unit in ("day", "week", "month", "quarter", "year") for period in _split(over, unit)}
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


def _split(over: Period, unit: Any) -> tuple[Period, ...]:
    try:
        return over.split(unit)
    except InvalidValue:
        return ()


def shifted(found: "Shifts", over: Period, *, by: str = "who", tz: str = "UTC") -> Problems:
    """Who has been out of line for a while (`crmkit.metrics.shifts.shifts`), signalled in the last period watched.

    Args:
        found: the shifts.
        over: the last period that they watched.
        by: the column of persons.
        tz: the zone of the period.
    """
    span = _Span.of(over, tz)
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


def late(concerns: Iterable[_Late], over: Period, *, at: datetime, least: int = 3) -> Problems:
    """Where work piles up: stages with several cases that are past their time, or older than nearly all of their peers.

    Args:
        concerns: those of `crmkit.pipeline.attention.attention`.
        over: the period that they count for.
        at: as of when they were looked for (aware).
        least: how many cases make a problem.
    """
    span, cases = _Span(over, 0, 0, at, None), dict[str, dict[str, str]]()
    for one in concerns:
        if one.kind in ("breached", "stalled", "old"):
            cases.setdefault(one.stage, {})[one.case] = one.owner or "nobody"
    counts = Counter({stage: len(of) for stage, of in cases.items()})
    more = {stage: {"cases": [*of][:20], "owners": dict(Counter(of.values()))} for stage, of in cases.items()}
    return Problems.joined([Problems(tuple(_counted(span, "backlog", "stage", counts, least, {"least": least}, more)))])


def overrides(events: Iterable[Event], over: Period, *, least: int = 5, tz: str = "UTC") -> Problems:
    """Which rules people pass over: a warning was given, and the case went on all the same.

    Args:
        events: the facts of any cases; what a rule said in shadow is not counted, since nobody saw it.
        over: the period.
        least: how many warnings make a problem.
        tz: the zone of the period.
    """
    span, counts, cases = _Span.of(over, tz), Counter[str](), dict[str, set[str]]()
    for event in events:
        if isinstance(event, Found) and event.verdict == "false" and not event.shadow and span.holds(event.at):
            counts[event.rule] += 1
            cases.setdefault(event.rule, set()).add(event.case)
    more = {rule: {"cases": len(of)} for rule, of in cases.items()}
    return Problems.joined([Problems(tuple(_counted(span, "override", "rule", counts, least, {"least": least}, more)))])


def unanswered(searches: Iterable[_Asked], over: Period, *, least: int = 3, tz: str = "UTC") -> Problems:
    """Which questions find nothing, again and again.

    Args:
        searches: those that were in vain (`crmkit.kb.usage.in_vain`).
        over: the period.
        least: how many make a problem.
        tz: the zone of the period.
    """
    span = _Span.of(over, tz)
    counts = Counter(" ".join(one.question.casefold().split()) for one in searches if span.holds(one.at))
    counts.pop("", None)
    return Problems.joined([Problems(tuple(_counted(span, "no result", "question", counts, least, {"least": least})))])


def gaps(found: Iterable[_Wanting], over: Period, *, least: int = 1, tz: str = "UTC") -> Problems:
    """What customers require and the library of proposals has nothing for.

    Args:
        found: the gaps of proposals (`crmkit.kb.proposals.Proposal.gaps`); the same words are the same gap.
        over: the period.
        least: how many make a problem.
        tz: the zone of the period.
    """
    span, texts, counts = _Span.of(over, tz), dict[str, str](), Counter[str]()
    for one in found:
        if span.holds(one.at):
            texts[one.id] = one.requirement.text
            counts[texts[one.id]] += 1
    return Problems.joined([Problems(tuple(_counted(span, "gap", "requirement", counts, least, {"least": least})))])


def _counted(
    span: _Span,
    kind: ProblemKind,
    name: str,
    counts: Mapping[str, int],
    least: int,
    policies: Mapping[str, Any],
    more: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    metric: str | None = None,
) -> Iterator[Problem]:
    """What was counted often enough."""
    if least < 1:
        raise InvalidValue("least", least, "is below 1, so that nothing at all would be a problem")
    for value, n in counts.items():
        if n >= least:
            found = {"n": n, **(more or {}).get(value, {})}
            definition = definition_id(kind, **policies)
            yield span.problem(kind, {name: value}, found, definition=definition, metric=metric, weight=float(n))
