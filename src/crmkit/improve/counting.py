"""Problems that are counted and not inferred: complaints, warnings, questions, requirements that come again and again.

What is counted is so; how often is too often, you say. Each function takes what another part of the library found, and
`crmkit.improve.problem.Problems.joined` makes one list of all of them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from crmkit.errors import InvalidValue
from crmkit.events import Event, Found
from crmkit.improve._span import Span
from crmkit.improve.problem import ProblemKind, Problems
from crmkit.metrics import Facts
from crmkit.metrics.policy import definition_id
from crmkit.values import Period, to_micros

if TYPE_CHECKING:
    from crmkit.kb.proposals import Gap
    from crmkit.kb.usage import Searched
    from crmkit.pipeline.attention import Concern

__all__ = ["gaps", "late", "overrides", "repeats", "unanswered"]

_DAY_US = 86_400_000_000


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
    span, ledger = Span.of(over, facts.tz, at, as_known_at), facts.ledger
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
    return _often(span, ("recurrence", cause), counts, policies, metric="complaint_recurrence")


def late(concerns: Iterable["Concern"], over: Period, *, at: datetime, least: int = 3) -> Problems:
    """Where work piles up: stages with several cases that are past their time, or older than nearly all of their peers.

    Args:
        concerns: those of `crmkit.pipeline.attention.attention`.
        over: the period that they count for.
        at: as of when they were looked for (aware).
        least: how many cases make a problem.
    """
    span, cases = Span(over, 0, 0, at, None), dict[str, dict[str, str]]()
    for one in concerns:
        if one.kind in ("breached", "stalled", "old"):
            cases.setdefault(one.stage, {})[one.case] = one.owner or "nobody"
    counts = Counter({stage: len(of) for stage, of in cases.items()})
    more = {stage: {"cases": [*of][:20], "owners": dict(Counter(of.values()))} for stage, of in cases.items()}
    return _often(span, ("backlog", "stage"), counts, {"least": least}, more)


def overrides(events: Iterable[Event], over: Period, *, least: int = 5, tz: str = "UTC") -> Problems:
    """Which rules people pass over: a warning was given, and the case went on all the same.

    Args:
        events: the facts of any cases; what a rule said in shadow is not counted, since nobody saw it.
        over: the period.
        least: how many warnings make a problem.
        tz: the zone of the period.
    """
    span, counts, cases = Span.of(over, tz), Counter[str](), dict[str, set[str]]()
    for event in events:
        if isinstance(event, Found) and event.verdict == "false" and not event.shadow and span.holds(event.at):
            counts[event.rule] += 1
            cases.setdefault(event.rule, set()).add(event.case)
    more = {rule: {"cases": len(of)} for rule, of in cases.items()}
    return _often(span, ("override", "rule"), counts, {"least": least}, more)


def unanswered(searches: Iterable["Searched"], over: Period, *, least: int = 3, tz: str = "UTC") -> Problems:
    """Which questions find nothing, again and again.

    Args:
        searches: those that were in vain (`crmkit.kb.usage.in_vain`).
        over: the period.
        least: how many make a problem.
        tz: the zone of the period.
    """
    span = Span.of(over, tz)
    counts = Counter(" ".join(one.question.casefold().split()) for one in searches if span.holds(one.at))
    counts.pop("", None)
    return _often(span, ("no result", "question"), counts, {"least": least})


def gaps(found: Iterable["Gap"], over: Period, *, least: int = 1, tz: str = "UTC") -> Problems:
    """What customers require and the library of proposals has nothing for.

    Args:
        found: the gaps of proposals (`crmkit.kb.proposals.Proposal`); the same words are the same gap.
        over: the period.
        least: how many make a problem.
        tz: the zone of the period.
    """
    span, texts, counts = Span.of(over, tz), dict[str, str](), Counter[str]()
    for one in found:
        if span.holds(one.at):
            texts[one.id] = one.requirement.text
            counts[texts[one.id]] += 1
    return _often(span, ("gap", "requirement"), counts, {"least": least})


def _often(
    span: Span,
    what: tuple[ProblemKind, str],
    counts: Mapping[str, int],
    policies: Mapping[str, Any],
    more: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    metric: str | None = None,
) -> Problems:
    """What was counted at least as often as the policies ask for: the kind of problem, and the column it is told by."""
    (kind, name), least = what, policies["least"]
    if least < 1:
        raise InvalidValue("least", least, "is below 1, so that nothing at all would be a problem")
    definition = definition_id(kind, **policies)
    rows = [
        span.problem(
            kind, {name: value}, {"n": n, **(more or {}).get(value, {})}, definition=definition, metric=metric,
            weight=float(n),
        )
        for value, n in counts.items() if n >= least
    ]  # fmt: skip
    return Problems.joined([Problems(tuple(rows))])
