"""Sales expense, against sums in a loop."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics.estimators import garwood
from crmkit.metrics.kpi._ratios import fieller
from crmkit.metrics.kpi.expense import AcquisitionCost, ExpensePerOrder, SalesExpense
from crmkit.model import Expense, Invoice, Order
from crmkit.values import Money, Period

from .oracle import START, measured, month, values

KINDS = {"expense": Expense, "order": Order, "invoice": Invoice}


def made(kind, key, day, cents, *, customer=None, category=None, unit="EUR"):
    """A fact."""
    amount = None if cents is None else Money.from_minor(cents, unit)
    dims = {"category": category} if category else {}
    return KINDS[kind](id=key, at=START + timedelta(days=day), amount=amount, customer=customer, dims=dims)


row = st.tuples(
    st.sampled_from(["expense", "order", "invoice"]), st.integers(0, 80), st.integers(1, 300),
    st.sampled_from(["Acme", "Beta", "Cato", None]), st.sampled_from(["ads", "travel", None]),
    st.sampled_from(["EUR", "EUR", "USD"]), st.integers(0, 9),
)  # fmt: skip
books = st.lists(row, min_size=1, max_size=20).map(
    lambda rows: [
        made(kind, f"{kind}{n}", day, cents if known else None, customer=customer, category=category, unit=unit)
        for n, (kind, day, cents, customer, category, unit, known) in enumerate(rows)
    ]
)


def of(facts, kind, *, unit=None):
    """The facts of a kind that have an amount."""
    chosen = [fact for fact in facts if fact.kind == kind and fact.amount is not None]
    return [fact for fact in chosen if unit is None or fact.amount.currency.code == unit]


@given(books)
def test_expense_is_the_exact_sum(facts):
    """By month and currency; of some categories, if they are named."""
    for metric, wanted in ((SalesExpense(), ("ads", "travel", None)), (SalesExpense(categories="ads"), ("ads",))):
        expected = {}
        for fact in of(facts, "expense"):
            if fact.dims.get("category") in wanted:
                key = (month(fact.at), fact.amount.currency.code)
                expected[key] = expected.get(key, 0) + fact.amount.minor
        if any(fact.dims for fact in facts):
            figures = measured(facts, metric)
            assert {key: money.minor for key, money in values(figures).items()} == expected


@given(books)
def test_expense_per_order_by_a_loop(facts):
    """The sum by the count, with the limits that the count has; no orders are no data."""
    for line in measured(facts, ExpensePerOrder()):
        spent = sum(f.amount.minor for f in of(facts, "expense", unit=line.unit) if month(f.at) == line.period) / 100
        n = sum(month(f.at) == line.period for f in of(facts, "order", unit=line.unit))
        assert line.n == n
        if n == 0:
            assert (line.value, line.low, line.high) == (None, None, None)
        else:
            low, high = garwood(n)
            assert (line.value, line.low, line.high) == pytest.approx((spent / n, spent / high, spent / low))


@given(books)
def test_expense_ratio_by_a_loop(facts):
    """By customers; what was spent on none is added without error, and unbounded limits are said."""
    for line in measured(facts, "expense_ratio", every=None):
        sums, fixed = {}, 0
        for side, kind in enumerate(("expense", "invoice")):
            for fact in of(facts, kind, unit=line.group["money"]):
                if fact.customer is None and side == 0:
                    fixed += fact.amount.minor
                else:
                    sums.setdefault(fact.customer, [0, 0])[side] += fact.amount.minor
        top, bottom = np.array(list(sums.values())).reshape(-1, 2).T
        wanted = [None if np.isnan(limit) else pytest.approx(limit) for limit in fieller(top, bottom, fixed=fixed)]
        assert [line.value, line.low, line.high] == wanted


def test_unbounded_limits_are_said():
    """Sales of one customer out of three: they may be 0, and the ratio anything."""
    facts = [made("invoice", "1", 0, 100, customer="Acme")]
    facts += [made("expense", f"E{name}", 0, 10, customer=name) for name in ("Acme", "Beta", "Cato")]
    line = measured(facts, "expense_ratio")["expense_ratio"]
    assert (line.value, line.low, line.high) == (0.3, -np.inf, np.inf)
    assert "unbounded" in line.method


def test_spending_leads_winning():
    """What was spent in January wins customers of February, with a lag of 31 days."""
    facts = [made("expense", "E", 5, 600), made("invoice", "1", 3, 9, customer="Acme")]
    facts += [made("invoice", str(n), 40, 9, customer=f"C{n}") for n in range(3)]
    assert [line.value for line in measured(facts, AcquisitionCost())] == [6.0, 0.0]
    assert [line.value for line in measured(facts, AcquisitionCost(lag_days=31))] == [0.0, 2.0]
    early = measured(facts, AcquisitionCost(history_days=10))
    assert early.findings[0].reason.startswith("first seen within 10 days")


@given(books, st.integers(0, 20))
def test_parts_of_the_books_add_up(facts, where):
    """Measured apart and merged, whatever the split."""
    halves = (facts[:where], facts[where:])
    if all(halves):
        how = {"as_of": START + timedelta(days=200), "over": Period.year(2026)}
        for key in ("sales_expense", "expense_per_order", "expense_ratio"):
            one, other, both = (measured(part, key, **how) for part in (*halves, facts))
            assert list(one.merge(other)) == list(both)


def test_unknown_columns_and_lags_are_refused():
    """With what there is."""
    with pytest.raises(NotFound, match="kindred"):
        measured([made("expense", "E", 0, 1)], SalesExpense(categories=["ads"], column="kindred"))
    with pytest.raises(InvalidValue, match="lag_days"):
        AcquisitionCost(lag_days=-1)


def test_northwind_has_orders_and_no_expenses(shared):
    """Freight as the expense of each order of a sample company: its mean is that of SQL."""
    import sqlite3
    from contextlib import closing

    from crmkit.journal import Ledger
    from crmkit.metrics.facts import Facts
    from crmkit.metrics.measure import measure

    path = shared("data", "erp", "northwind.sqlite")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("select OrderID, OrderDate, CustomerID, EmployeeID, Freight from Orders").fetchall()
        ((mean, n),) = db.execute("select avg(Freight), count(*) from Orders").fetchall()
    names = ("id", "at", "customer", "who", "freight")
    frame = {
        name: [str(value) for value in column] for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
    common = {
        "id": "id",
        "at": "at",
        "customer": "customer",
        "who": "who",
        "amount": "freight",
        "currency": "USD",
        "tz": "UTC",
    }
    ledgers = [Ledger.from_frame(frame, kind=kind, **common) for kind in ("expense", "order")]
    figures = measure(Facts(ledger=ledgers), ["expense_per_order"])
    assert figures["expense_per_order"].n == n
    assert figures["expense_per_order"].value == pytest.approx(mean)
    by_person = measure(Facts(ledger=ledgers), ["expense_per_order"], by=["who"])
    assert sum(line.n for line in by_person) == n
    assert len(by_person) == 9
