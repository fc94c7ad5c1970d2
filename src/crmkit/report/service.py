"""The service desk this morning: where every ticket stands, what is late, how the backlog grows, and who has room.

>>> from datetime import UTC, datetime, timedelta
>>> from crmkit.pipeline import Pipeline, Stage
>>> desk = Pipeline("ticket", [Stage("new", limit="8 hours"), "working", Stage("solved", "won")])
>>> eight = datetime(2026, 3, 2, 8, tzinfo=UTC)
>>> tickets = [desk.open(f"T-{n}", at=eight + timedelta(hours=n), who="li") for n in (1, 7)]
>>> facts = [event for step in tickets for event in step.events]
>>> print(morning(desk, facts, now=datetime(2026, 3, 2, 18, tzinfo=UTC)))
2 tickets open on 2026-03-02 18:00: 1 late, 0 nearly, 1 in time
  under 1 day: 2
In the last 7 days 2 came and 0 were closed: +2 (95 % interval -2.1 to +7.2)
What will become of the backlog is not known: no ticket was closed yet
  T-1: step 1 of 3, new, li, 9 h old, late since 2026-03-02 17:00
  T-7: step 1 of 3, new, li, 3 h old, due 2026-03-02 23:00
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from crmkit.events import Event
from crmkit.journal import Journal
from crmkit.metrics.backlog import BacklogAhead, backlog_ahead
from crmkit.metrics.facts import Facts
from crmkit.metrics.figures import Figures
from crmkit.metrics.measure import measure
from crmkit.pipeline.attention import Issue, attention
from crmkit.pipeline.clocks import Calendars
from crmkit.pipeline.history import replay
from crmkit.pipeline.progress import Progress, progress
from crmkit.pipeline.staffing import Job, Plan, Worker, assign
from crmkit.report._service_words import said
from crmkit.values import Period, aware
from crmkit.values.display import Told

if TYPE_CHECKING:
    from crmkit.calendars import WorkingTime
    from crmkit.pipeline.definition import Pipeline

__all__ = ["Morning", "Standing", "Timing", "morning"]

#: How a ticket stands to the nearest of its limits; "no limit" if none of its clocks runs.
Timing: TypeAlias = Literal["late", "near", "in time", "no limit"]
_BANDS = (1, 3, 7, 30)
_WEEK = timedelta(days=7)


@attrs.frozen
class Standing:
    """One open ticket.

    Attributes:
        issue: how old, whose, when it is due.
        progress: its step of how many, what it lacks, its clocks.
        customer: whose ticket it is, if a field "customer" says so.
        urgency: its value of the field that was asked for; None if it has none.
        timing: how it stands to its limits.
        band: the place of its age among 1, 3, 7 and 30 days.
    """

    issue: Issue
    progress: Progress
    customer: str | None
    urgency: str | None
    timing: Timing
    band: int


@attrs.frozen(eq=False)
class Morning(Told):
    """The desk at an instant.

    Attributes:
        at: the instant (aware).
        tickets: every open ticket, the most urgent first.
        table: how many are open, by urgency and band of age.
        week: the figures of unresolved work over the last seven days.
        ahead: the backlog ahead; None if no ticket was closed yet, to learn from.
        plan: who does what when and who has room; None without workers.
        unread: the tickets whose history could not be read, and why.
    """

    at: datetime
    tickets: tuple[Standing, ...]
    table: Mapping[tuple[str | None, int], int]
    week: Figures
    ahead: BacklogAhead | None
    plan: Plan | None
    unread: Mapping[str, str]

    def count(self, timing: Timing) -> int:
        """How many tickets stand so."""
        return sum(one.timing == timing for one in self.tickets)

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """What to read before the day begins.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        return said(self, lang)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "at": self.at.isoformat(),
            "tickets": [
                {
                    **one.progress.to_dict(), "owner": one.issue.owner, "customer": one.customer,
                    "urgency": one.urgency, "timing": one.timing, "age": one.issue.age.total_seconds(),
                    "due": None if one.issue.due is None else one.issue.due.isoformat(),
                }
                for one in self.tickets
            ],
            "table": [
                {"urgency": urgency, "from_days": (0, *_BANDS)[band], "tickets": n}
                for (urgency, band), n in self.table.items()
            ],
            "week": {row.metric: row.exact if row.exact is not None else row.value for row in self.week},
            "ahead": [] if self.ahead is None else [attrs.asdict(row) for row in self.ahead.ahead],
            "room": {} if self.plan is None else {one.who: one.room.total_seconds() for one in self.plan.loads},
            "dealt": {} if self.plan is None else {one.job.id: one.who for one in self.plan.choices if not one.kept},
            "nobody": [] if self.plan is None else [job.id for job in self.plan.unassigned],
            "unread": dict(self.unread),
        }  # fmt: skip


def morning(
    pipeline: "Pipeline",
    events: Iterable[Event],
    *,
    now: datetime,
    calendars: "Calendars | WorkingTime | None" = None,
    by: str | None = None,
    near: float = 0.8,
    workers: Iterable[Worker] = (),
    jobs: Iterable[Job] = (),
) -> Morning:
    """The desk at an instant.

    Args:
        pipeline: that of the tickets.
        events: their facts, those of each ticket in order.
        now: the instant (aware); its zone says what day it is.
        calendars: the working time of limits in business hours or days.
        by: the field that says how urgent a ticket is, such as "priority".
        near: the share of its time from which a ticket is nearly late.
        workers: who there is.
        jobs: all open jobs of theirs, and those that nobody has.

    Raises:
        InvalidValue: if a limit is in business time and there is no calendar.
        DefinitionErrors: for workers or jobs that are wrong.
    """
    facts = [event for event in events if event.at <= aware(now, "now")]
    found = attention(pipeline, facts, now=now, calendars=calendars, near=near)
    histories: dict[str, list[Event]] = {}
    for event in facts:
        histories.setdefault(event.case, []).append(event)
    tickets = tuple(
        _standing(issue, pipeline, histories[issue.case], (now, calendars, by, near)) for issue in found.issues
    )
    table = Counter((one.urgency, one.band) for one in tickets)
    names = [stage.name for stage in pipeline.stages]
    readable = (event for event in facts if event.case not in found.unread)
    journal = Journal.from_events(readable, stages=names, as_of=now)
    people = tuple(workers)
    plan = assign(jobs, people, at=now) if people else None
    ordered = dict(sorted(table.items(), key=lambda one: (one[0][0] is None, one[0][0] or "", one[0][1])))
    return Morning(
        now, tickets, ordered, _week(pipeline, journal, now), _ahead(pipeline, journal, now), plan, found.unread
    )


def _standing(
    issue: Issue, pipeline: "Pipeline", history: list[Event],
    of: tuple[datetime, "Calendars | WorkingTime | None", str | None, float],
) -> Standing:  # fmt: skip
    now, calendars, by, near = of
    case = replay(history)
    assert case is not None  # noqa: S101 - an issue is a case with events
    used = issue.used
    timing: Timing = "no limit" if used is None else "late" if used > 1.0 else "near" if used >= near else "in time"
    days = issue.age / timedelta(days=1)
    urgency = None if by is None else case.fields.get(by)
    customer = case.fields.get("customer")
    where = progress(pipeline, history, now=now, calendars=calendars)
    return Standing(
        issue, where, None if customer is None else str(customer), None if urgency is None else str(urgency), timing,
        sum(days >= edge for edge in _BANDS),
    )  # fmt: skip


def _week(pipeline: "Pipeline", journal: Journal, now: datetime) -> Figures:
    day = now.astimezone(UTC).date()
    facts = Facts(service=journal, service_stages=pipeline)
    keys = ["open_tickets", "tickets_arrived", "tickets_left", "backlog_growth", "days_to_clear"]
    over = Period(day - _WEEK + timedelta(days=1), day + timedelta(days=1), "7 days")
    return measure(facts, keys, over=over, as_of=now)


def _ahead(pipeline: "Pipeline", journal: Journal, now: datetime) -> BacklogAhead | None:
    closed = [stage.name for stage in pipeline.stages if stage.outcome is not None]
    ended = {place for place, name in enumerate(journal.stages.values) if name in closed}
    return backlog_ahead(journal, stages=pipeline, at=now) if ended & set(journal.stages.codes.tolist()) else None
