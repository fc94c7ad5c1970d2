"""Twins of the KPIs whose rows are those of the ledger: customers, sales, quotations, expense, contacts, complaints."""

from collections.abc import Iterator

from crmkit.metrics._sql_writer import DAY_US, Piece, Writer, amounts
from crmkit.metrics.kpi import activities, collections, complaints, customers, expense, quotes, sales
from crmkit.metrics.kpi.customers import FirstSign
from crmkit.metrics.metric import UNUSABLE

__all__ = [
    "acquisition_cost",
    "booked",
    "clustered",
    "collected",
    "complained",
    "complaint_rate",
    "contact_interval",
    "contact_rate",
    "contacts",
    "expense_per_order",
    "expense_ratio",
    "invoiced",
    "new_customers",
    "quoted",
    "quotes_issued",
    "reactivated",
    "recurrence",
    "sales_expense",
    "unapplied",
    "unrevised",
    "untouched",
]

# -- customers


def _purchases(of: Writer, kind: FirstSign) -> str:
    """The purchases that make a customer: not credit notes, nor what they wholly took back."""
    rows = of.of(kind)
    taken = f"SELECT refers_to AS id, SUM(minor) AS taken FROM {rows} WHERE minor < 0 GROUP BY refers_to"
    joined = f"SELECT t.*, t.minor + COALESCE(c.taken, 0) AS kept FROM {rows} t LEFT JOIN ({taken}) c ON c.id = t.id"
    kept = "customer IS NOT NULL AND minor >= 0 AND NOT (minor > 0 AND kept <= 0)"
    return of.let("purchases", f"SELECT * FROM ({joined}) t WHERE {kept}")


def _firsts(of: Writer, kind: FirstSign) -> str:
    """The first purchase of each customer, and the first of all."""
    rows = of.let("bought", f"SELECT t.*, MIN(moment) OVER () AS begun FROM {_purchases(of, kind)} t")
    return of.first("firsts", rows, "customer", "moment, seq")


def new_customers(of: Writer, metric: customers.NewCustomers) -> Iterator[Piece]:
    """First purchases; those as the facts begin are unusable."""
    firsts, history = _firsts(of, metric.first), metric.history_days * DAY_US
    yield Piece(name="n", source=firsts, where=f"moment >= begun + {history}")
    yield Piece(name=UNUSABLE, source=firsts, where=f"moment < begun + {history}")


def reactivated(of: Writer, metric: customers.ReactivatedCustomers) -> Iterator[Piece]:
    """Purchases that end a silence."""
    before = "LAG(moment) OVER (PARTITION BY customer ORDER BY moment, seq)"
    rows = of.let("again", f"SELECT t.*, {before} AS earlier FROM {_purchases(of, metric.first)} t")
    yield Piece(name="n", source=rows, where=f"moment - earlier > {metric.gap_days * DAY_US}")


# -- sums


def booked(of: Writer, _metric: sales.Booked) -> Iterator[Piece]:
    """Orders as they stand."""
    yield from amounts(of.latest("order"))


def invoiced(of: Writer, metric: sales.Invoiced) -> Iterator[Piece]:
    """Invoices and credit notes, these as they are dated or with what they correct."""
    rows = of.of("invoice")
    if metric.credit_notes == "as dated":
        yield from amounts(rows)
        return
    first = of.first("invoice_first", rows, "id", "moment, seq")
    moved = (
        f"SELECT t.*, CASE WHEN t.minor < 0 THEN COALESCE(f.moment, t.moment) ELSE t.moment END AS counts FROM {rows} t"
    )
    yield from amounts(of.let("restated", f"{moved} LEFT JOIN {first} f ON f.id = t.refers_to"), at="counts")


def collected(of: Writer, _metric: collections.Collected) -> Iterator[Piece]:
    """Payments that refer to something."""
    yield from amounts(of.of("payment"), where="refers_to IS NOT NULL")


def unapplied(of: Writer, _metric: collections.Unapplied) -> Iterator[Piece]:
    """Payments that refer to nothing."""
    yield from amounts(of.of("payment"), where="refers_to IS NULL")


# -- quotations


def quotes_issued(of: Writer, _metric: quotes.QuotesIssued) -> Iterator[Piece]:
    """First issues, and revisions."""
    yield Piece(name="n", source=of.of("quote"), where="revision = 1")
    yield Piece(name="revisions", source=of.of("quote"), where="revision > 1")


def quoted(of: Writer, _metric: quotes.QuotesValue) -> Iterator[Piece]:
    """First issues."""
    yield from amounts(of.of("quote"), where="revision = 1")


def unrevised(of: Writer, _metric: object) -> Iterator[Piece]:
    """Quotations by whether they were revised."""
    rows = of.let("issues", f"SELECT t.*, COUNT(*) OVER (PARTITION BY id) AS times FROM {of.of('quote')} t")
    first = of.first("quote_first", rows, "id", "revision, moment, seq")
    end = "CASE WHEN times > 1 OR revision > 1 THEN 'revised' ELSE 'unrevised' END"
    yield Piece(name="quotes", source=first, keys={"end": end})


# -- expense


def clustered(source: str, name: str, where: str = "TRUE") -> Iterator[Piece]:
    """Amounts by currency and customer, as `_ratios.clustered` counts them."""
    yield from amounts(source, name=name, count=f"{name} rows", where=where, key="money", keys={"cluster": "customer"})


def _counted(source: str, where: str = "TRUE") -> Iterator[Piece]:
    return (piece for piece in amounts(source, where=where) if piece.name in ("n", UNUSABLE))


def _spent(of: Writer, metric: expense.SalesExpense | expense.ExpenseRatio | expense._PerCount) -> tuple[str, str]:
    """The expenses that count: the relation, and which of its rows."""
    rows = of.of("expense")
    return rows, of.one_of(of.dimension(metric.column), metric.categories) if metric.categories else "TRUE"


def sales_expense(of: Writer, metric: expense.SalesExpense) -> Iterator[Piece]:
    """Expenses."""
    rows, where = _spent(of, metric)
    yield from amounts(rows, where=where)


def expense_per_order(of: Writer, metric: expense.ExpensePerOrder) -> Iterator[Piece]:
    """Expenses and orders."""
    rows, where = _spent(of, metric)
    yield from amounts(rows, count="expenses", where=where)
    yield from _counted(of.latest("order"))


def acquisition_cost(of: Writer, metric: expense.AcquisitionCost) -> Iterator[Piece]:
    """Expenses later by the lag, and new customers."""
    rows, where = _spent(of, metric)
    yield from amounts(rows, at=f"(moment + {metric.lag_days * DAY_US})", count="expenses", where=where)
    firsts, history = _firsts(of, metric.first), metric.history_days * DAY_US
    yield from _counted(firsts, f"moment >= begun + {history}")
    yield Piece(name=UNUSABLE, source=firsts, where=f"moment < begun + {history}")


def expense_ratio(of: Writer, metric: expense.ExpenseRatio) -> Iterator[Piece]:
    """Expenses and invoices by customer."""
    rows, where = _spent(of, metric)
    yield from clustered(rows, "expense", where)
    yield from clustered(of.of("invoice"), "sales")


# -- contacts


def _touches(of: Writer, metric: activities._Contacting) -> str:
    """The contacts that count, each once."""
    rows = of.latest("activity")
    if not metric.channels:
        return rows
    return of.let("channelled", f"SELECT * FROM {rows} WHERE {of.one_of(of.dimension('channel'), metric.channels)}")


def contacts(of: Writer, metric: activities.Contacts) -> Iterator[Piece]:
    """Contacts."""
    yield Piece(name="n", source=_touches(of, metric))


def _at_risk(of: Writer, unit: str) -> str:
    """The first fact of each account or person, and when its last one is dated."""
    ledger = of.ledger()
    rows = f"SELECT t.*, MAX(moment) OVER (PARTITION BY {unit}) AS latest FROM {ledger} t"
    return of.first("at_risk", of.let("units", rows), unit, "moment, seq", where=f"{unit} IS NOT NULL")


def contact_rate(of: Writer, metric: activities.ContactRate | activities.ContactDispersion) -> Iterator[Piece]:
    """Contacts and seconds at risk, by account or person."""
    unit = "customer" if metric.exposure == "account" else "who"
    rows = _touches(of, metric)
    yield Piece(name=UNUSABLE, source=rows, where=f"{unit} IS NULL")
    yield Piece(name="n", source=rows, where=f"{unit} IS NOT NULL", keys={"cluster": unit})
    until = of.asked.until
    end = f"CAST({until} AS BIGINT)" if metric.exposure == "account" else f"LEAST(latest + {DAY_US}, {until + 1})"
    spans = f"SELECT t.*, p.period, LEAST({end}, p.till) - GREATEST(moment, p.since) AS span"
    exposed = of.let("exposed", f"{spans} FROM {_at_risk(of, unit)} t CROSS JOIN {of.periods()} p")
    yield Piece(
        name="exposure", source=exposed, period="period", where="span >= 1000000", n=of.div("span", 1_000_000),
        keys={"cluster": unit},
    )  # fmt: skip


def untouched(of: Writer, metric: activities.Untouched) -> Iterator[Piece]:
    """Each account at each end, by whether it was touched."""
    there = f"SELECT t.*, p.period, p.seen FROM {_at_risk(of, 'customer')} t CROSS JOIN {of.periods()} p"
    accounts = of.let("accounts", f"{there} WHERE p.since <= {of.asked.until} AND t.moment < p.seen")
    recent = f"c.moment < p.seen AND c.moment >= p.seen - {metric.days * DAY_US}"
    pairs = f"SELECT DISTINCT c.customer, p.period FROM {_touches(of, metric)} c JOIN {of.periods()} p ON {recent}"
    touched = of.let("touched", f"SELECT * FROM ({pairs}) t WHERE customer IS NOT NULL")
    end = "CASE WHEN c.customer IS NULL THEN 'untouched' ELSE 'touched' END AS ending"
    joined = (
        f"SELECT t.*, {end} FROM {accounts} t LEFT JOIN {touched} c ON c.customer = t.customer AND c.period = t.period"
    )
    yield Piece(name="accounts", source=of.let("told", joined), period="period", keys={"end": "ending"})


def contact_interval(of: Writer, metric: activities.ContactInterval) -> Iterator[Piece]:
    """Days from each contact to the next, or so far."""
    after = "LEAD(moment) OVER (PARTITION BY customer ORDER BY moment, seq)"
    rows = of.let("gaps", f"SELECT t.*, {after} AS then_ FROM {_touches(of, metric)} t WHERE customer IS NOT NULL")
    days = of.div(f"COALESCE(then_, {of.asked.until}) - moment", DAY_US)
    aged = of.let("aged", f"SELECT t.*, {days} AS days FROM {rows} t")
    end = "CASE WHEN then_ IS NOT NULL THEN 'again' END"
    yield Piece(name="gaps", source=aged, bin=of.bin_of("days"), keys={"end": end})


# -- complaints


def complained(of: Writer, _metric: complaints.Complaints) -> Iterator[Piece]:
    """Complaints, each once."""
    yield Piece(name="n", source=of.latest("complaint"))


def complaint_rate(of: Writer, metric: complaints.ComplaintRate) -> Iterator[Piece]:
    """Complaints, and what they are counted against."""
    yield Piece(name="n", source=of.latest("complaint"))
    if metric.base == "order":
        yield Piece(name="base", source=of.latest("order"))
        return
    kinds = ("order", "invoice", "payment")
    placed = f"SELECT t.*, {of.placed('moment')} AS period, {of.named('kind', kinds)} AS sort FROM {of.ledger()} t"
    rows = of.let("active", f"{placed} WHERE {of.one_of('kind', kinds)} AND customer IS NOT NULL")
    yield Piece(
        name="base", source=of.first("active_first", rows, "period, customer", "sort, moment, seq"), period="period"
    )


def recurrence(of: Writer, metric: complaints.Recurrence) -> Iterator[Piece]:
    """Days from each complaint to the next like it, or so far."""
    cause = "''" if metric.cause is None else of.dimension(metric.cause)
    after = f"LEAD(moment) OVER (PARTITION BY customer, {cause} ORDER BY moment, seq)"
    after = f"CASE WHEN {cause} IS NOT NULL THEN {after} END"
    rows = f"SELECT t.*, {after} AS then_ FROM {of.latest('complaint')} t WHERE customer IS NOT NULL"
    end = "CASE WHEN then_ IS NOT NULL THEN 'again' END"
    days = of.div(f"COALESCE(then_, {of.asked.until}) - moment", DAY_US)
    yield Piece(name="complaints", source=of.let("recurring", rows), bin=days, keys={"end": end})
