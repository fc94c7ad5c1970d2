"""Twins of the KPIs of receivables: invoices in the pieces by which they were settled, as `_receivables` has them."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import attrs

from crmkit.journal import OPEN
from crmkit.metrics._sql_writer import DAY_US, Piece, Writer, amounts
from crmkit.metrics.kpi import collections, receivables

__all__ = ["ageing", "effectiveness", "on_time", "outstanding", "overdue", "receivable"]

_PAID, _CREDITED, _LOST = 1, 2, 3


def _invoices(of: Writer, terms_days: int) -> tuple[str, str]:
    """Invoices of one id and currency as one, at the first of their rows; and the credit notes that refer to one."""
    rows = of.let("priced", f"SELECT * FROM {of.of('invoice')} WHERE currency IS NOT NULL")
    known = f"SELECT DISTINCT id, currency FROM {rows}"
    credit = "CASE WHEN t.minor < 0 AND k.id IS NOT NULL THEN 1 ELSE 0 END AS credit"
    joined = (
        f"SELECT t.*, {credit} FROM {rows} t LEFT JOIN ({known}) k ON k.id = t.refers_to AND k.currency = t.currency"
    )
    sorted_ = of.let("sorted_", joined)
    total = "SUM(minor) OVER (PARTITION BY id, currency) AS owed"
    due = f"COALESCE(due, moment + {terms_days * DAY_US}) AS payable"
    lines = of.let("lines", f"SELECT t.*, {total}, {due} FROM {sorted_} t WHERE credit = 0")
    return of.first("invoices_owed", lines, "id, currency", "moment, seq"), sorted_


def _pieces(of: Writer, terms_days: int) -> str:
    """Every unit of money of an invoice in one piece, that was settled once or is open."""
    invoices, credits_ = _invoices(of, terms_days)
    columns = "refers_to, currency, moment, seq"
    parts = (
        f"SELECT {columns}, minor, {_PAID} AS how FROM {of.of('payment')}",
        f"SELECT {columns}, -minor AS minor, {_CREDITED} AS how FROM {credits_} WHERE credit = 1",
        f"SELECT {columns}, minor, {_LOST} AS how FROM {of.of('write-off')}",
    )
    settling = of.let("settling", " UNION ALL ".join(parts))
    inside = "PARTITION BY i.id, i.currency ORDER BY s.moment, s.how, s.seq"
    running = f"SUM(s.minor) OVER ({inside} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS total"
    applied = of.let(
        "applied",
        f"SELECT i.*, s.moment AS paid_at, s.how, s.seq AS nth, {running} FROM {invoices} i "
        f"JOIN {settling} s ON s.refers_to = i.id AND s.currency = i.currency",
    )
    clip = "LEAST(GREATEST(total, LEAST(owed, 0)), GREATEST(owed, 0)) AS reached"
    reached = of.let("reached", f"SELECT t.*, {clip} FROM {applied} t")
    order = "PARTITION BY id, currency ORDER BY paid_at, how, nth"
    ahead = f"MIN(reached) OVER ({order} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS lasting"
    lasting = of.let("lasting", f"SELECT t.*, {ahead} FROM {reached} t")
    step = f"reached - COALESCE(LAG(reached) OVER ({order}), 0) AS piece"
    kept = f"lasting - COALESCE(LAG(lasting) OVER ({order}), 0) AS kept"
    steps = of.let("steps", f"SELECT t.*, {step}, {kept} FROM {lasting} t")
    last = of.first("settled_last", steps, "id, currency", "paid_at DESC, how DESC, nth DESC")
    groups = _groups(of)
    columns = ", ".join([*groups, "id", "currency", "moment", "payable", "customer"])
    own = ", ".join(f"i.{name}" for name in (*groups, "id", "currency", "moment", "payable", "customer"))
    left = "i.owed - COALESCE(l.reached, 0)"
    joined = f"FROM {invoices} i LEFT JOIN {last} l ON l.id = i.id AND l.currency = i.currency"
    open_ = f"SELECT {own}, {OPEN} AS settled, {left} AS piece, {left} AS kept, 0 AS how {joined} WHERE {left} <> 0"
    paid = f"SELECT {columns}, GREATEST(paid_at, moment) AS settled, piece, kept, how FROM {steps}"
    return of.let("pieces", f"{paid} UNION ALL {open_}")


def _stock(of: Writer, span: tuple[str, str], part: Piece) -> Iterator[Piece]:
    """What is there at the end of each period, as what comes and goes in it: as `_receivables.stock` counts it.

    Args:
        of: the writer.
        span: from when to when a row is there.
        part: its relation, name, keys, and what a row adds.
    """
    begin, end = span
    until, first = of.asked.until, int(of.asked.buckets.edges[0])
    there = f"({begin}) < ({end}) AND ({begin}) <= {until}"
    for when, sign, held in ((begin, "", there), (end, "-", f"{there} AND ({end}) <= {until}")):
        piece = attrs.evolve(part, n=f"{sign}({part.n})")
        early = f"{held} AND ({when}) < {first}"
        yield attrs.evolve(piece, name=f"{part.name} before", period="0", where=early)
        yield attrs.evolve(piece, at=f"({when})", where=f"{held} AND ({when}) >= {first}")


def _owed(of: Writer, terms_days: int, spans: Sequence[tuple[str, str]], ages: Sequence[str] = ()) -> Iterator[Piece]:
    """The stock of pieces, in money, and of the invoices that they are of.

    Args:
        of: the writer.
        terms_days: after how many days an invoice is due that does not say when.
        spans: from when to when a piece is there; one for each age.
        ages: the names of the ages, if they are asked for.
    """
    pieces, one = _pieces(of, terms_days), ", ".join([*_groups(of), "id", "currency"])
    bounds = ", ".join(
        f"MIN({begin}) AS since_{number}, MAX({end}) AS till_{number}" for number, (begin, end) in enumerate(spans)
    )
    whole = of.let("owed_spans", f"SELECT {one}, {bounds} FROM {pieces} GROUP BY {one}")
    for number, span in enumerate(spans):
        keys = {"currency": "currency", **({"age": of.text(ages[number])} if ages else {})}
        yield from _stock(of, span, Piece(name="amount", source=pieces, n="piece", keys=keys))
        bound = (f"since_{number}", f"till_{number}")
        yield from _stock(of, bound, Piece(name="invoices", source=whole, keys=keys))


def _groups(of: Writer) -> list[str]:
    return [f"g{number}" for number in range(len(of.asked.by))]


_DUE = "GREATEST(payable, moment)"


def receivable(of: Writer, metric: receivables.Receivable) -> Iterator[Piece]:
    """What comes and goes."""
    yield from _owed(of, metric.terms_days, [("moment", "settled")])


def overdue(of: Writer, metric: receivables.Overdue) -> Iterator[Piece]:
    """What becomes overdue, and what is settled thereafter."""
    yield from _owed(of, metric.terms_days, [(_DUE, "settled")])


def ageing(of: Writer, metric: receivables.Ageing) -> Iterator[Piece]:
    """Each bucket as a stock."""
    edges = metric.edges
    names = [
        "not due",
        *(f"{a + 1}-{b} days" for a, b in zip((0, *edges), edges, strict=False)),
        f"over {edges[-1]} days",
    ]
    starts = ["moment", _DUE, *(f"{_DUE} + {edge * DAY_US}" for edge in edges)]
    ends = [*(f"LEAST(settled, {start})" for start in starts[1:]), "settled"]
    yield from _owed(of, metric.terms_days, [*zip(starts, ends, strict=True)], names)


def outstanding(of: Writer, metric: receivables.DaysSales | receivables.CollectionEffectiveness) -> Iterator[Piece]:
    """The stock of receivables, and net invoices by the observed days of their period."""
    pieces, money = _pieces(of, metric.terms_days), {"money": "currency"}
    yield from _stock(of, ("moment", "settled"), Piece(name="amount", source=pieces, n="piece", keys=money))
    edges, after = of.asked.buckets.edges.tolist(), of.asked.until + 1
    days = [-(-max(min(b, after) - a, 0) // DAY_US) for a, b in pairwise(edges)]
    for piece in amounts(of.of("invoice"), name="sales", key="money"):
        if piece.name == "sales":
            yield Piece(name="sales", source=piece.source, where=piece.where, n="minor", bin=days, keys=piece.keys)
        else:
            yield piece


def effectiveness(of: Writer, metric: receivables.CollectionEffectiveness) -> Iterator[Piece]:
    """The same, and what of the receivables is not due."""
    yield from outstanding(of, metric)
    span = ("moment", f"LEAST(settled, {_DUE})")
    pieces = _pieces(of, metric.terms_days)
    yield from _stock(of, span, Piece(name="current", source=pieces, n="piece", keys={"money": "currency"}))


def on_time(of: Writer, metric: collections.OnTime) -> Iterator[Piece]:
    """Invoices by whether they were paid on time."""
    pieces = _pieces(of, metric.terms_days)
    until = f"payable + {metric.grace_days * DAY_US}"
    claim = f"SUM(CASE WHEN how <> {_CREDITED} THEN kept ELSE 0 END) AS claim"
    prompt = f"SUM(CASE WHEN how = {_PAID} AND settled <= {until} THEN kept ELSE 0 END) AS paid"
    one = ", ".join([*_groups(of), "id", "currency", "payable"])
    sums = f"SELECT {one}, {claim}, {prompt} FROM {pieces} GROUP BY {one}"
    paid = "CASE WHEN paid >= claim THEN 'on time' ELSE 'late' END"
    end = f"CASE WHEN {until} <= {of.asked.until} THEN {paid} END"
    yield Piece(name="invoices", source=of.let("claims", sums), at="payable", where="claim > 0", keys={"end": end})
