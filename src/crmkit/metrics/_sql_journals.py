"""Twins of the KPIs whose rows are stays: conversion, service, its cost, and the resolution of complaints."""

from collections.abc import Iterator, Sequence

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import OPEN
from crmkit.metrics._sql_ledger import clustered
from crmkit.metrics._sql_writer import DAY_US, SEVERAL, Piece, Writer, amounts
from crmkit.metrics.kpi import complaints, conversion, cycle, service, service_cost
from crmkit.metrics.metric import UNUSABLE
from crmkit.metrics.view import TableName

__all__ = [
    "confirmed",
    "conversion_cycle",
    "cost_per_ticket",
    "cost_ratio",
    "known",
    "reopening",
    "resolution_time",
    "resolved",
    "resolved_within",
    "service_cost_",
    "stage_conversion",
    "stage_time",
    "waiting_time",
    "waiting_within",
    "win_rate",
]

_MINUTE_US = 60_000_000

# -- conversion


def _cohort(of: Writer, which: TableName) -> Iterator[Piece]:
    cases, until = of.cases(which), of.asked.until
    days = of.div(f"CASE WHEN outcome IS NULL THEN {until} ELSE since END - entered", DAY_US)
    yield Piece(name="cases", source=cases, at="entered", bin=days, keys={"end": "outcome"})


def _calendar(metric: cycle.ConversionCycle | cycle.StageDuration) -> None:
    """Refuse business days.

    Raises:
        InvalidValue: as no database knows the calendar.
    """
    if metric.days != "calendar":
        reason = "has no twin in SQL with business days: the database has no calendar"
        raise InvalidValue("metric", metric.key, reason)


def conversion_cycle(of: Writer, metric: cycle.ConversionCycle) -> Iterator[Piece]:
    """Deals by age at their end."""
    _calendar(metric)
    yield from _cohort(of, "journal")


def win_rate(of: Writer, _metric: conversion.WinRate) -> Iterator[Piece]:
    """Deals by age at their end."""
    yield from _cohort(of, "journal")


def resolved(of: Writer, _metric: complaints.Resolved) -> Iterator[Piece]:
    """Complaints by age at their end."""
    yield from _cohort(of, "complaints")


def stage_conversion(of: Writer, _metric: conversion.StageConversion) -> Iterator[Piece]:
    """Stays in open stages by age at their end."""
    order, stays = of.order("journal"), of.stays("journal")
    ranks = of.named("next_stage", order.names), of.named("stage", order.names)
    end = (
        f"CASE WHEN next_stage IS NULL THEN NULL WHEN {of.one_of('next_stage', order.won)} THEN 'advanced' "
        f"WHEN {of.one_of('next_stage', order.lost)} THEN 'lost' WHEN {ranks[0]} <= {ranks[1]} THEN 'back' "
        "ELSE 'advanced' END"
    )
    days = of.div(f"LEAST(left_at, {of.asked.until}) - entered", DAY_US)
    yield Piece(
        name="stays", source=stays, at="entered", where=of.one_of("stage", order.open), bin=days,
        keys={"stage": "stage", "end": end},
    )  # fmt: skip


def stage_time(of: Writer, metric: cycle.StageDuration) -> Iterator[Piece]:
    """Stays in open stages by their minutes."""
    _calendar(metric)
    stays, where = of.stays("journal"), of.one_of("stage", of.order("journal").open)
    minutes = of.div(f"LEAST(left_at, {of.asked.until}) - entered", _MINUTE_US)
    timed = of.let("stage_minutes", f"SELECT t.*, {minutes} AS minutes FROM {stays} t WHERE {where}")
    keys = {"stage": "stage", "end": f"CASE WHEN left_at <> {OPEN} THEN 'left' END"}
    yield Piece(name="stays", source=timed, at="entered", bin=of.bin_of("minutes"), keys=keys)


# -- waiting


def known(of: Writer, which: TableName, names: Sequence[str]) -> None:
    """Refuse stages that the order lacks.

    Raises:
        NotFound: for the first of them.
    """
    for name in names:
        if name not in of.order(which).names:
            raise NotFound("stage", name, of.order(which).names, "the journal")


def _waits(of: Writer, waiting: Sequence[str]) -> str:
    """Stays in waiting stages, those that follow one another as one: as `_tickets.waits` has them."""
    stays = of.stays("service")
    known(of, "service", waiting)
    row = "PARTITION BY matter ORDER BY entered, left_at, seq"
    opened = of.let("opened_in", f"SELECT t.*, FIRST_VALUE(stage) OVER ({row}) AS begun_in FROM {stays} t")
    held = of.one_of("stage", waiting) if waiting else "stage = begun_in"
    numbered = (
        f"SELECT t.*, CASE WHEN {held} THEN 1 ELSE 0 END AS held, ROW_NUMBER() OVER ({row}) AS nth FROM {opened} t"
    )
    place = "PARTITION BY matter ORDER BY nth"
    begins = f"CASE WHEN held = 1 AND COALESCE(LAG(held) OVER ({place}), 0) = 0 THEN 1 ELSE 0 END AS begins"
    ends = f"CASE WHEN held = 1 AND COALESCE(LEAD(held) OVER ({place}), 0) = 0 THEN 1 ELSE 0 END AS ends"
    marked = of.let("marked", f"SELECT t.*, {begins}, {ends} FROM ({numbered}) t")
    runs = of.let("runs", f"SELECT t.*, SUM(begins) OVER ({place}) AS run FROM {marked} t")
    lost = of.one_of("e.next_stage", of.order("service").lost)
    end = f"CASE WHEN e.left_at = {OPEN} THEN NULL WHEN {lost} THEN 'withdrawn' ELSE 'done' END AS ending"
    return of.let(
        "waits",
        f"SELECT b.*, {end}, LEAST(e.left_at, {of.asked.until}) - b.entered AS micros FROM {runs} b "
        f"JOIN {runs} e ON e.matter = b.matter AND e.run = b.run AND e.ends = 1 WHERE b.begins = 1",
    )


def _resolutions(of: Writer, paused: Sequence[str], *, last: bool) -> str:
    """From the opening of each ticket until it is resolved: as `_tickets.resolutions` has them."""
    stays, cases, order = of.stays("service"), of.cases("service"), of.order("service")
    known(of, "service", paused)
    if last:
        closing = f"SELECT matter, CASE WHEN outcome IS NULL THEN {OPEN} ELSE since END AS closed, outcome FROM {cases}"
    else:
        closed = of.one_of("stage", (*order.won, *order.lost))
        first = of.first("closed_first", stays, "matter", "entered, left_at, seq", where=closed)
        won = of.one_of("f.stage", order.won)
        how = f"CASE WHEN {won} THEN 'won' WHEN f.stage IS NOT NULL THEN 'lost' END AS outcome"
        closing = (
            f"SELECT c.matter, COALESCE(f.entered, {OPEN}) AS closed, {how} FROM {cases} c "
            f"LEFT JOIN {first} f ON f.matter = c.matter"
        )
    closings = of.let("closings", closing)
    kept = f"t.entered < c.closed AND NOT ({of.one_of('t.stage', paused)})"
    spent = (
        f"SELECT t.matter, SUM(LEAST(t.left_at, c.closed, {of.asked.until}) - t.entered) AS micros FROM {stays} t "
        f"JOIN {closings} c ON c.matter = t.matter WHERE {kept} GROUP BY t.matter"
    )
    end = "CASE l.outcome WHEN 'won' THEN 'done' WHEN 'lost' THEN 'withdrawn' END AS ending"
    return of.let(
        "resolutions",
        f"SELECT c.*, {end}, CAST(COALESCE(s.micros, 0) AS BIGINT) AS micros FROM {cases} c "
        f"JOIN {closings} l ON l.matter = c.matter LEFT JOIN ({spent}) s ON s.matter = c.matter",
    )


def _timed(of: Writer, spans: str, where: str, limit: int | None) -> Iterator[Piece]:
    minutes = of.div(f"micros + {_MINUTE_US - 1}", _MINUTE_US)
    timed = of.let("timed_spans", f"SELECT t.*, {minutes} AS minutes FROM {spans} t")
    ticks = of.bin_of("minutes") if limit is None else f"LEAST(minutes, {limit + 1})"
    yield Piece(name="spans", source=timed, at="entered", where=where, bin=ticks, keys={"end": "ending"})


def waiting_time(of: Writer, metric: service.FirstResponse | service.NextResponse) -> Iterator[Piece]:
    """First waits, or further ones, by their minutes."""
    where = "run = 1" if isinstance(metric, service.FirstResponse) else "run > 1"
    yield from _timed(of, _waits(of, metric.waiting), where, None)


def waiting_within(of: Writer, metric: service.FirstWithin) -> Iterator[Piece]:
    """First waits by their minutes, up to the limit."""
    yield from _timed(of, _waits(of, metric.waiting), "run = 1", metric.limit_minutes)


def resolution_time(of: Writer, metric: service.ResolutionTime) -> Iterator[Piece]:
    """Tickets by their minutes to resolution."""
    yield from _timed(of, _resolutions(of, metric.paused, last=metric.reopened == "last"), "TRUE", None)


def resolved_within(of: Writer, metric: service.ResolvedWithin) -> Iterator[Piece]:
    """Tickets by their minutes to resolution, up to the limit."""
    spans = _resolutions(of, metric.paused, last=metric.reopened == "last")
    yield from _timed(of, spans, "TRUE", metric.limit_minutes)


# -- cost


def _costs(of: Writer, metric: service_cost._Costing) -> str:
    """Expenses of tickets, hours at the hourly rate."""
    tickets = f"SELECT DISTINCT matter FROM {of.rows('service')}"
    rows = f"SELECT t.* FROM {of.of('expense')} t JOIN ({tickets}) c ON c.matter = t.matter"
    if metric.hourly is None:
        return of.let("costs", rows)
    worked = "currency IS NULL AND hundredths IS NOT NULL"
    raw = of.let("raw_costs", f"SELECT t.*, hundredths * {metric.hourly.minor} AS worth FROM ({rows}) t")
    rest = "MOD(MOD(worth, 100) + 100, 100)"
    whole = f"CAST((worth - {rest}) / 100 AS BIGINT)"
    up = f"CASE WHEN {rest} > 50 OR ({rest} = 50 AND MOD({whole}, 2) <> 0) THEN 1 ELSE 0 END"
    names = ("id", "moment", "seq", "customer", "matter", "who", *_groups(of))
    minor = f"CASE WHEN {worked} THEN {whole} + {up} ELSE minor END AS minor"
    unit = f"CASE WHEN {worked} THEN {of.text(metric.hourly.currency.code)} ELSE currency END AS currency"
    return of.let("costs", f"SELECT {', '.join(names)}, {minor}, {unit} FROM {raw}")


def _groups(of: Writer) -> list[str]:
    return [f"g{number}" for number in range(len(of.asked.by))]


def service_cost_(of: Writer, metric: service_cost.ServiceCost) -> Iterator[Piece]:
    """Expenses."""
    yield from amounts(_costs(of, metric))


def cost_per_ticket(of: Writer, metric: service_cost.CostPerTicket) -> Iterator[Piece]:
    """Tickets (bin 0) and what they cost (bin 1), by groups of tickets."""
    costs, cases = _costs(of, metric), of.cases("service")
    one = f"SELECT MIN(currency) AS unit, MAX(currency) AS other FROM {costs}"
    tickets = of.let("costed", f"SELECT c.*, o.unit, o.other FROM {cases} c CROSS JOIN ({one}) o")
    of.refuse(
        Piece(name=SEVERAL, source=tickets, period="0", where="unit <> other", keys={"units": "unit || ', ' || other"})
    )
    spent = of.let(
        "ticket_costs", f"SELECT t.*, x.minor, x.currency FROM {tickets} t JOIN {costs} x ON x.matter = t.matter"
    )
    keys = {"currency": "unit", "group": of.group_of("matter")}
    yield Piece(name=UNUSABLE, source=spent, at="entered", where="currency IS NULL")
    yield Piece(name="tickets", source=tickets, at="entered", keys=keys)
    priced = "currency IS NOT NULL"
    yield Piece(name="tickets", source=spent, at="entered", where=priced, n="minor", bin="1", keys=keys)


def cost_ratio(of: Writer, metric: service_cost.ServiceCostRatio) -> Iterator[Piece]:
    """Costs and invoices by customer."""
    yield from amounts(_costs(of, metric), name="cost", key="money", keys={"cluster": "customer"})
    yield from clustered(of.of("invoice"), "sales")


# -- complaints


def confirmed(of: Writer, metric: complaints.Confirmed) -> Iterator[Piece]:
    """Complaints by the days until they stand resolved, or so far."""
    cases, until = of.cases("complaints"), of.asked.until
    done = "outcome = 'won'"
    if metric.stage is not None:
        known(of, "complaints", (metric.stage,))
        done = f"last_stage = {of.text(metric.stage)}"
    end = f"CASE WHEN {done} THEN 'done' WHEN outcome = 'lost' THEN 'withdrawn' END"
    days = of.div(f"CASE WHEN {end} IS NULL THEN {until} ELSE last_entered END - entered", DAY_US)
    aged = of.let("aged_cases", f"SELECT t.*, {end} AS ending, {days} AS days FROM {cases} t")
    yield Piece(name="complaints", source=aged, at="entered", bin=of.bin_of("days"), keys={"end": "ending"})


def reopening(of: Writer, metric: complaints.Reopening) -> Iterator[Piece]:
    """Complaints that were resolved, by whether they came back, or by the days until they did."""
    won = of.order("complaints").won
    here, there = of.one_of("stage", won), of.one_of("next_stage", won)
    left = f"CASE WHEN left_at <> {OPEN} AND NOT COALESCE({there}, FALSE) THEN left_at END"
    stays = of.let("won_stays", f"SELECT t.*, {left} AS back FROM {of.stays('complaints')} t WHERE {here}")
    told = of.let("won_told", f"SELECT t.*, MIN(back) OVER (PARTITION BY matter) AS came FROM {stays} t")
    first = of.first("won_first", told, "matter", "entered, seq")
    if metric.within_days is None:
        end = "CASE WHEN came IS NOT NULL THEN 'reopened' ELSE 'for good' END"
        yield Piece(name="resolved", source=first, at="entered", keys={"end": end})
        return
    days = of.div(f"COALESCE(came, {of.asked.until}) - entered", DAY_US)
    end = "CASE WHEN came IS NOT NULL THEN 'reopened' END"
    yield Piece(name="resolved", source=first, at="entered", bin=days, keys={"end": end})
