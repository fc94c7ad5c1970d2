"""Twins of the backlog and of how well tickets are resolved."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from crmkit.journal import OPEN
from crmkit.metrics._sql_journals import known
from crmkit.metrics._sql_open import standing
from crmkit.metrics._sql_writer import DAY_US, Piece, Writer
from crmkit.metrics.kpi import backlog, resolution
from crmkit.metrics.kpi._backlog import BY_LIMIT, bands

__all__ = [
    "arrived",
    "by_age",
    "by_limit",
    "clearing",
    "escalation",
    "first_contact",
    "gone",
    "growth",
    "oldest",
    "open_tickets",
    "reopened",
]

_MINUTE_US = 60_000_000
_ROW = "PARTITION BY matter ORDER BY entered, left_at, seq"


def _held(of: Writer) -> str:
    """Tickets as each period ends, with the days since they were opened."""
    opened = f"SELECT t.*, MIN(entered) OVER (PARTITION BY matter) AS opened FROM {of.stays('service')} t"
    held = standing(of, of.let("with_opening", opened), "service")
    return of.let("held", f"SELECT t.*, {of.div('stood - opened', DAY_US)} AS old FROM {held} t")


def open_tickets(of: Writer, _metric: backlog.OpenTickets) -> Iterator[Piece]:
    """Open tickets."""
    yield Piece(name="tickets", source=_held(of), period="period")


def by_age(of: Writer, metric: backlog.BacklogAge) -> Iterator[Piece]:
    """Open tickets by band."""
    named = [of.text(name) for name in bands("edges_days", metric.edges_days)]
    cases = " ".join(f"WHEN old < {edge} THEN {name}" for edge, name in zip(metric.edges_days, named, strict=False))
    yield Piece(name="tickets", source=_held(of), period="period", keys={"age": f"CASE {cases} ELSE {named[-1]} END"})


def oldest(of: Writer, _metric: backlog.OldestTicket) -> Iterator[Piece]:
    """Open tickets by days."""
    yield Piece(name="tickets", source=_held(of), period="period", bin="old")


def by_limit(of: Writer, metric: backlog.BacklogByLimit) -> Iterator[Piece]:
    """Open tickets by the time that they have used: as `_backlog.by_limit` has it."""
    stays, order = of.stays("service"), of.order("service")
    known(of, "service", metric.paused)
    counts = f"{of.one_of('stage', order.open)} AND NOT ({of.one_of('stage', metric.paused)})"
    spent = f"CASE WHEN {counts} THEN LEAST(left_at, {of.asked.until}) - entered ELSE 0 END AS spent"
    used = f"SUM(spent) OVER ({_ROW} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    earlier = f"SELECT t.*, COALESCE({used}, 0) AS earlier FROM (SELECT t.*, {spent} FROM {stays} t) t"
    held = standing(of, of.let("with_earlier", earlier), "service")
    here = f"CASE WHEN {counts} THEN stood - entered ELSE 0 END"
    timed = of.let("timed", f"SELECT t.*, earlier + {here} AS used FROM {held} t")
    limit = metric.limit_minutes * _MINUTE_US
    late, near, fine = (of.text(BY_LIMIT[place]) for place in (2, 1, 0))
    place = (
        f"CASE WHEN used > {limit} THEN {late} WHEN used >= {round(metric.near * limit)} THEN {near} ELSE {fine} END"
    )
    yield Piece(name="tickets", source=timed, period="period", keys={"clock": place})


def _flows(of: Writer) -> str:
    """Stays in open stages, with whether they begin and end being open: as `_backlog._flows` has them."""
    is_open = of.one_of("stage", of.order("service").open)
    marked = f"SELECT t.*, CASE WHEN {is_open} THEN 1 ELSE 0 END AS held FROM {of.stays('service')} t"
    near = [f"{side}({name}) OVER ({_ROW})" for side, name in
            (("LAG", "held"), ("LAG", "left_at"), ("LEAD", "held"), ("LEAD", "entered"))]  # fmt: skip
    begins = f"CASE WHEN held = 1 AND NOT COALESCE({near[0]} = 1 AND {near[1]} = entered, FALSE) THEN 1 ELSE 0 END"
    ends = f"CASE WHEN held = 1 AND NOT COALESCE({near[2]} = 1 AND {near[3]} = left_at, FALSE) THEN 1 ELSE 0 END"
    return of.let("flows", f"SELECT t.*, {begins} AS begins, {ends} AS ends FROM ({marked}) t")


def arrived(of: Writer, _metric: backlog.TicketsArrived | backlog.BacklogGrowth) -> Iterator[Piece]:
    """Openings and reopenings."""
    yield Piece(name="arrived", source=_flows(of), at="entered", where="begins = 1")


def gone(of: Writer, _metric: backlog.TicketsLeft | backlog.BacklogGrowth) -> Iterator[Piece]:
    """Closings."""
    yield Piece(name="left", source=_flows(of), at="left_at", where=f"ends = 1 AND left_at <> {OPEN}")


def growth(of: Writer, metric: backlog.BacklogGrowth) -> Iterator[Piece]:
    """Both."""
    yield from arrived(of, metric)
    yield from gone(of, metric)


def clearing(of: Writer, _metric: backlog.DaysToClear) -> Iterator[Piece]:
    """Open tickets, and closings by the observed minutes of their period."""
    yield Piece(name="tickets", source=_held(of), period="period")
    edges, after = of.asked.buckets.edges.tolist(), of.asked.until + 1
    minutes = [-(-max(min(b, after) - a, 0) // _MINUTE_US) for a, b in pairwise(edges)]
    ended = f"ends = 1 AND left_at <> {OPEN}"
    yield Piece(name="left", source=_flows(of), at="left_at", where=ended, bin=minutes)


# -- resolution


def _numbered(of: Writer) -> str:
    return of.let("numbered", f"SELECT t.*, ROW_NUMBER() OVER ({_ROW}) AS nth FROM {of.stays('service')} t")


def _resolved(of: Writer, resolved: Sequence[str], contacts: Sequence[str]) -> str:
    """First resolutions: when the ticket came back, and whether it had further contacts: as `_resolution` has them."""
    known(of, "service", (*resolved, *contacts))
    order, all_ = of.order("service"), "PARTITION BY matter"
    good = of.one_of("stage", (*order.won, *resolved))
    again = of.one_of("next_stage", [name for name in order.open if name not in resolved])
    back = f"MIN(CASE WHEN {good} AND {again} AND left_at <> {OPEN} THEN left_at END) OVER ({all_}) AS back"
    first = f"MIN(CASE WHEN {good} THEN nth END) OVER ({all_}) AS first_good"
    told = of.let("told", f"SELECT t.*, {first}, {back} FROM {_numbered(of)} t")
    mark = f"CASE WHEN {of.one_of('stage', contacts)} AND nth < first_good THEN 1 ELSE 0 END"
    hand = "CASE WHEN nth > 1 AND nth < first_good THEN who END"
    one = f"MAX({mark}) OVER ({all_}) AS marked, MIN({hand}) OVER ({all_}) AS least, MAX({hand}) OVER ({all_}) AS most"
    marked = of.let("hands", f"SELECT t.*, {one} FROM {told} t")
    several = "CASE WHEN marked = 1 OR COALESCE(least <> most, FALSE) THEN 1 ELSE 0 END AS further"
    days = of.div(f"COALESCE(back, {of.asked.until}) - entered", DAY_US)
    return of.let("resolved", f"SELECT t.*, {several}, {days} AS days FROM {marked} t WHERE nth = first_good")


def first_contact(of: Writer, metric: resolution.FirstContact) -> Iterator[Piece]:
    """Resolved tickets by the days until it failed."""
    source = _resolved(of, metric.resolved, metric.contacts)
    end = "CASE WHEN further = 1 OR back IS NOT NULL THEN 'failed' END"
    days = "CASE WHEN further = 1 THEN 0 ELSE days END"
    yield Piece(name="resolved", source=source, at="entered", bin=days, keys={"end": end})


def reopened(of: Writer, metric: resolution.TicketsReopened) -> Iterator[Piece]:
    """Resolved tickets by the days until they came back."""
    end = "CASE WHEN back IS NOT NULL THEN 'failed' END"
    yield Piece(name="resolved", source=_resolved(of, metric.resolved, ()), at="entered", bin="days", keys={"end": end})


def escalation(of: Writer, metric: resolution.Escalation) -> Iterator[Piece]:
    """Tickets by the days until they were passed on or closed: as `_resolution.passed_on` has them."""
    cases, order, numbered = of.cases("service"), of.order("service"), _numbered(of)
    known(of, "service", metric.stages)
    rows = f"SELECT t.* FROM {numbered} t WHERE {of.one_of('stage', metric.stages)}"
    if not metric.stages:
        given = f"nth > 1 AND who IS NOT NULL AND {of.one_of('stage', order.open)}"
        first = "FIRST_VALUE(who) OVER (PARTITION BY matter ORDER BY nth) AS whose"
        rows = f"SELECT t.* FROM (SELECT t.*, {first} FROM {numbered} t WHERE {given}) t WHERE who <> whose"
    passed = of.let("passed", f"SELECT matter, MIN(entered) AS passed_at FROM ({rows}) t GROUP BY matter")
    closed = of.one_of("stage", (*order.won, *order.lost))
    over = of.let("over", f"SELECT matter, MIN(entered) AS over_at FROM {numbered} t WHERE {closed} GROUP BY matter")
    joined = (
        f"SELECT c.*, p.passed_at, o.over_at FROM {cases} c LEFT JOIN {passed} p ON p.matter = c.matter "
        f"LEFT JOIN {over} o ON o.matter = c.matter"
    )
    how = (
        "CASE WHEN passed_at IS NULL AND over_at IS NULL THEN NULL "
        f"WHEN COALESCE(passed_at, {OPEN}) <= COALESCE(over_at, {OPEN}) THEN 'escalated' ELSE 'closed' END"
    )
    until = f"LEAST(COALESCE(passed_at, {OPEN}), COALESCE(over_at, {OPEN}), {of.asked.until})"
    source = of.let("passing", f"SELECT t.*, {of.div(f'{until} - entered', DAY_US)} AS days FROM ({joined}) t")
    yield Piece(name="tickets", source=source, at="entered", bin="days", keys={"end": how})
