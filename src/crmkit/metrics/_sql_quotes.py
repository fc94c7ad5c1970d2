"""Twins of the accuracy of quotations: each with what it came to, as `quote_accuracy` pairs them."""

from collections.abc import Iterator

from crmkit.metrics._sql_writer import Piece, Writer
from crmkit.metrics.kpi import quote_accuracy
from crmkit.metrics.metric import UNUSABLE

__all__ = ["accuracy", "ratio"]

_CLOSED = "rows_ > 0"
_USABLE = "strange = 0 AND unit IS NOT NULL AND quoted > 0"


def _actuals(of: Writer, actual: quote_accuracy.Actual) -> str:
    """What refers to a quotation: its orders, or the invoices of it or of its orders, net of their credit notes."""
    quotes = of.let("quote_ids", f"SELECT DISTINCT id FROM {of.of('quote')}")
    orders = of.latest("order")
    columns = "t.id, t.moment, t.minor, t.currency, q.id AS quote"
    direct = f"SELECT {columns} FROM {orders} t JOIN {quotes} q ON q.id = t.refers_to"
    if actual == "order":
        return of.let("actuals", direct)
    placed = of.let("ordered", direct)
    quote = "COALESCE(q.id, o.quote) AS quote"
    found = of.let(
        "billed",
        f"SELECT t.*, {quote} FROM {of.of('invoice')} t LEFT JOIN {quotes} q ON q.id = t.refers_to "
        f"LEFT JOIN {placed} o ON o.id = t.refers_to",
    )
    last = of.first("billed_last", found, "id", "moment DESC, seq DESC")
    through = "CASE WHEN t.quote IS NULL AND t.minor < 0 THEN i.quote ELSE t.quote END AS quote"
    joined = f"SELECT t.moment, t.minor, t.currency, {through} FROM {found} t LEFT JOIN {last} i ON i.id = t.refers_to"
    return of.let("actuals", f"SELECT * FROM ({joined}) t WHERE quote IS NOT NULL")


def _pairs(of: Writer, metric: quote_accuracy.QuoteAccuracy | quote_accuracy.QuoteRatio) -> str:
    """Quotations at their first issue, with the revision that counts, and what they came to."""
    rows, actuals = of.of("quote"), _actuals(of, metric.actual)
    first = chosen = of.first("quote_first", rows, "id", "revision, moment, seq")
    if metric.quote == "last":
        when = f"SELECT quote, MIN(moment) AS begun FROM {actuals} GROUP BY quote"
        early = "CASE WHEN a.begun IS NULL OR t.moment <= a.begun THEN 0 ELSE 1 END AS late"
        timed = of.let("timed", f"SELECT t.*, {early} FROM {rows} t LEFT JOIN ({when}) a ON a.quote = t.id")
        # Of none that is early enough, the first.
        order = (
            "late, CASE WHEN late = 0 THEN -revision ELSE revision END, CASE WHEN late = 0 THEN -moment ELSE moment END"
        )
        chosen = of.first("quote_last", timed, "id", f"{order}, CASE WHEN late = 0 THEN -seq ELSE seq END")
    strange = "SUM(CASE WHEN a.currency = c.currency THEN 0 ELSE 1 END) AS strange"
    sums = (
        f"SELECT a.quote, SUM(a.minor) AS actual, COUNT(*) AS rows_, {strange} FROM {actuals} a "
        f"JOIN {chosen} c ON c.id = a.quote GROUP BY a.quote"
    )
    counts = "COALESCE(s.rows_, 0) AS rows_, COALESCE(s.strange, 0) AS strange"
    columns = f"c.minor AS quoted, c.currency AS unit, s.actual, {counts}"
    return of.let(
        "pairs",
        f"SELECT f.*, {columns} FROM {first} f JOIN {chosen} c ON c.id = f.id LEFT JOIN ({sums}) s ON s.quote = f.id",
    )


def _lost(pairs: str) -> Piece:
    return Piece(name=UNUSABLE, source=pairs, where=f"{_CLOSED} AND NOT ({_USABLE})")


def accuracy(of: Writer, metric: quote_accuracy.QuoteAccuracy) -> Iterator[Piece]:
    """Quotations by whether they were near enough."""
    pairs, percent = _pairs(of, metric), metric.tolerance_percent
    yield _lost(pairs)
    edge = f"{of.div('quoted', 100)} * {percent} + {of.div(f'MOD(quoted, 100) * {percent}', 100)}"
    near = f"CASE WHEN ABS(actual - quoted) <= {edge} THEN 'near' ELSE 'off' END"
    end = f"CASE WHEN {_CLOSED} THEN {near} END"
    yield Piece(name="quotes", source=pairs, where=f"NOT ({_CLOSED}) OR ({_USABLE})", keys={"end": end})


def ratio(of: Writer, metric: quote_accuracy.QuoteRatio) -> Iterator[Piece]:
    """Both sums by customer, and how many quotations there are."""
    pairs = _pairs(of, metric)
    yield _lost(pairs)
    held, money = f"{_CLOSED} AND {_USABLE}", {"money": "unit"}
    keys = {**money, "cluster": "COALESCE(customer, ' ' || id)"}
    yield Piece(name="actual", source=pairs, where=held, n="actual", keys=keys)
    yield Piece(name="quoted", source=pairs, where=held, n="quoted", keys=keys)
    yield Piece(name="n", source=pairs, where=held, keys=money)
    yield Piece(name="open", source=pairs, where=f"NOT ({_CLOSED}) AND unit IS NOT NULL", keys=money)
