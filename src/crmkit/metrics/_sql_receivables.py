"""Twins of the KPIs of receivables: invoices in the pieces by which they were settled, as `_receivables` has them."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import attrs

from crmkit.journal import OPEN
from crmkit.metrics._sql_writer import DAY_US, Piece, Writer, amounts
from crmkit.metrics.kpi import collections, receivables

__all__ = ["ageing", "effectiveness", "on_time", "outstanding", "overdue", "paying", "receivable"]

_PAID, _CREDITED, _LOST = 1, 2, 3


def _claims(of: Writer, terms_days: int) -> str:
    """Lines of invoices (how = 0), and what settles them, each with the id and currency of its invoice."""
    ledger, kinds = of.ledger(), ("invoice", "payment", "write-off")
    known = f"SELECT DISTINCT id, currency FROM {ledger} WHERE kind = 'invoice' AND currency IS NOT NULL"
    hit = "CASE WHEN t.kind = 'invoice' AND t.minor < 0 AND k.id IS NOT NULL THEN 'credit' ELSE t.kind END AS sort"
    same = "k.id = t.refers_to AND k.currency = t.currency"
    rows = (
        f"SELECT t.*, {hit} FROM {ledger} t LEFT JOIN ({known}) k ON {same} "
        f"WHERE {of.one_of('t.kind', kinds)} AND t.currency IS NOT NULL"
    )
    how = f"CASE sort WHEN 'invoice' THEN 0 WHEN 'payment' THEN {_PAID} WHEN 'credit' THEN {_CREDITED} ELSE {_LOST} END"
    whole = f"SELECT t.*, COALESCE(due, moment + {terms_days * DAY_US}) AS promised, {how} AS how FROM ({rows}) t"
    invoice = "CASE WHEN how = 0 THEN id ELSE refers_to END AS invoice"
    gain = f"CASE how WHEN 0 THEN 0 WHEN {_CREDITED} THEN -minor ELSE minor END AS gain"
    return of.let("claims", f"SELECT t.*, {invoice}, {gain} FROM ({whole}) t")


def _pieces(of: Writer, terms_days: int) -> str:
    """Every unit of money of an invoice in one piece, that was settled once or is open; lines of one id are one."""
    one = "PARTITION BY invoice, currency"
    order = f"{one} ORDER BY CASE WHEN how = 0 THEN 0 ELSE 1 END, moment, how, seq"
    taken = {"moment": "begun", "promised": "payable", **{name: name for name in _groups(of)}}
    columns = [
        "invoice AS id", "currency", "how", "moment AS paid_at",
        *(f"FIRST_VALUE({name}) OVER ({order}) AS {known}" for name, known in taken.items()),
        f"SUM(CASE WHEN how = 0 THEN minor ELSE 0 END) OVER ({one}) AS owed", f"MIN(how) OVER ({one}) AS least",
        f"SUM(gain) OVER ({order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS total",
        f"ROW_NUMBER() OVER ({order}) AS nth",
    ]  # fmt: skip
    running = f"SELECT {', '.join(columns)} FROM {_claims(of, terms_days)}"
    clip = "LEAST(GREATEST(total, LEAST(owed, 0)), GREATEST(owed, 0)) AS reached"
    reached = f"SELECT t.*, {clip} FROM ({running}) t WHERE least = 0"
    place = "PARTITION BY id, currency ORDER BY nth"
    lasting = f"MIN(reached) OVER ({place} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS lasting"
    final = f"FIRST_VALUE(reached) OVER ({place} DESC) AS final"
    ahead = f"SELECT t.*, {lasting}, {final} FROM ({reached}) t"
    # The lines come before what settles them, and reach nothing.
    before = f"COALESCE(CASE WHEN LAG(how) OVER ({place}) = 0 THEN 0 ELSE LAG(lasting) OVER ({place}) END, 0)"
    steps = f"reached - LAG(reached) OVER ({place}) AS step, lasting - {before} AS lasts"
    stepped = f"SELECT t.*, {steps} FROM ({ahead}) t"
    shown = [
        *_groups(of), "id", "currency", "begun AS moment", "payable", "how",
        f"CASE WHEN how = 0 THEN {OPEN} ELSE GREATEST(paid_at, begun) END AS settled",
        "CASE WHEN how = 0 THEN owed - final ELSE step END AS piece",
        "CASE WHEN how = 0 THEN owed - final ELSE lasts END AS kept",
    ]  # fmt: skip
    return of.let(
        "pieces",
        f"SELECT {', '.join(shown)} FROM ({stepped}) t WHERE how <> 0 OR (nth = 1 AND owed <> final)",
    )


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
    yield Piece(name="invoices", source=of.let("judged", sums), at="payable", where="claim > 0", keys={"end": end})


def paying(of: Writer, _metric: collections.DaysToPay | collections.TrueDaysSales) -> Iterator[Piece]:
    """Money by its age in days when it was paid, or so far, and the invoices that it is of."""
    claims, until = f"SELECT * FROM {_pieces(of, 0)} WHERE how <> {_CREDITED} AND kept > 0", of.asked.until
    # Money that was written off never comes: it goes on being unpaid.
    days = of.div(f"CASE WHEN how = {_PAID} THEN settled ELSE {until} END - moment", DAY_US)
    end = f"CASE WHEN how = {_PAID} THEN 'paid' END AS ending"
    money = of.let("money_aged", f"SELECT t.*, {days} AS days, {end} FROM ({claims}) t")
    keys = {"money": "currency", "end": "ending"}
    group = {"group": of.group_of("id")}
    yield Piece(name="money", source=money, n="kept", bin=of.bin_of("days"), keys={**keys, **group})
    one = ", ".join([*_groups(of), "id", "currency", "moment"])
    whole = f"SELECT {one}, MAX(CASE WHEN how = {_PAID} THEN 0 ELSE 1 END) AS still FROM {money} GROUP BY {one}"
    ended = f"SELECT t.*, CASE WHEN still = 0 THEN 'paid' END AS ending FROM ({whole}) t"
    yield Piece(name="invoices", source=of.let("invoices_paid", ended), keys=keys)
