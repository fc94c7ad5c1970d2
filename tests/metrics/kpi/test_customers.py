"""New customers and those who came back, against a loop over all facts."""

from datetime import timedelta

import pytest
from hypothesis import given

from crmkit.errors import InvalidValue
from crmkit.journal import Journal, Ledger
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi.customers import NewCustomers, ReactivatedCustomers
from crmkit.metrics.measure import measure
from crmkit.model import Invoice, Order
from crmkit.values import Money

from .oracle import START, measured, month, rows, values


def bought(facts):
    """What makes a customer, in the order of time: known customer, no credit note."""
    return [fact for fact in facts if fact.customer and (fact.amount is None or fact.amount.minor >= 0)]


def invoice(key, day, amount="10", *, customer="Acme", refers_to=None):
    """An invoice on a day."""
    at = START + timedelta(days=day)
    return Invoice(id=key, at=at, customer=customer, amount=Money(amount, "EUR"), refers_to=refers_to)


@given(rows("invoice"))
def test_a_customer_is_new_once(facts):
    """In the group and month of the first purchase, and in no other."""
    firsts = {}
    for fact in bought(facts):
        firsts.setdefault(fact.customer, fact)
    expected = {}
    for fact in firsts.values():
        key = (fact.who, month(fact.at), "customers")
        expected[key] = expected.get(key, 0) + 1
    assert values(measured(facts, NewCustomers(), by=["who"])) == expected


@given(rows("invoice"))
def test_a_customer_returns_after_a_silence(facts):
    """Each purchase that follows the one before by more than the gap."""
    last, expected = {}, {}
    for fact in bought(facts):
        before = last.get(fact.customer)
        if before is not None and fact.at - before > timedelta(days=20):
            key = (month(fact.at), "customers")
            expected[key] = expected.get(key, 0) + 1
        last[fact.customer] = fact.at
    assert values(measured(facts, ReactivatedCustomers(gap_days=20))) == expected


def test_a_purchase_that_was_wholly_credited_makes_no_customer():
    """The first invoice was taken back, so the second is the first; half a credit changes nothing."""
    facts = [
        invoice("1", 0), invoice("1c", 3, "-10", refers_to="1"), invoice("2", 40),
        invoice("3", 0, customer="Beta"), invoice("3c", 3, "-5", customer="Beta", refers_to="3"),
    ]  # fmt: skip
    assert values(measured(facts, "new_customers")) == {("2026-01", "customers"): 1, ("2026-02", "customers"): 1}


def test_early_customers_may_be_old_ones():
    """With a run-in they are counted as unusable, which is said."""
    facts = [invoice("1", 0), invoice("2", 40, customer="Beta")]
    figures = measured(facts, NewCustomers(history_days=30))
    assert [(row.period, row.exact, row.n_unusable) for row in figures] == [("2026-01", 0, 1), ("2026-02", 1, 0)]
    assert [finding.count for finding in figures.findings] == [1]
    assert "first seen within 30 days" in str(figures.findings[0])


def test_orders_make_customers_if_the_policy_says_so():
    """The policy is part of the definition."""
    facts = [Order(id="O", at=START, customer="Acme"), invoice("1", 40)]
    by_order, by_invoice = NewCustomers(first="order"), NewCustomers()
    assert values(measured(facts, by_order)) == {("2026-01", "customers"): 1}
    assert values(measured(facts, by_invoice)) == {("2026-02", "customers"): 1}
    assert by_order.definition != by_invoice.definition == NewCustomers().definition


def test_without_a_customer_nobody_is_new():
    """Rows that name none are a finding, and nobody is new in a month that was observed."""
    figures = measured([invoice("1", 0, customer=None)], "new_customers")
    assert [finding.reason for finding in figures.findings] == ["invoice without a customer"]
    assert [row.exact for row in figures] == [0]


def test_rows_out_of_order_are_sorted():
    """The first purchase is the earliest, wherever it stands."""
    facts = [invoice("2", 40), invoice("1", 0)]
    assert values(measured(facts, "new_customers")) == {("2026-01", "customers"): 1}


def test_days_below_zero_are_refused():
    """A run-in cannot be negative."""
    with pytest.raises(InvalidValue, match="history_days: -1 is below 0 days"):
        NewCustomers(history_days=-1)


def test_duplicates_and_companies_of_a_group_are_one_customer():
    """Who is merged is new once, as the earliest of them was, through chains too; evidence names who stays."""
    days = {"Acme": 40, "Acme Ltd": 3, "ACME": 9, "Beta": 50}
    facts = Facts(
        ledger=Ledger.from_facts([
            Invoice(id=name, at=START + timedelta(days=day), customer=name, amount=Money("1", "EUR"))
            for name, day in days.items()
        ]),
        merged={"ACME": "Acme Ltd", "Acme Ltd": "Acme"},
    )  # fmt: skip
    figures = measure(facts, "new_customers", every="month")
    assert {row.period: row.exact for row in figures} == {"2026-01": 1, "2026-02": 1}
    assert figures.explain(("new_customers", "2026-01")).rows["n"]["customer"] == ["Acme"]
    assert measure(facts, "invoiced", by=["customer"])["invoiced", "Acme"].exact == Money("3", "EUR")


def test_merging_reaches_the_deals_and_never_comes_back_to_itself():
    """Stays are grouped by who stays; where nobody is merged nothing changes; circles are refused."""
    at = [START, START + timedelta(days=1)]
    columns = {"d": ["1", "2"], "s": ["lead", "lead"], "at": at, "customer": ["Acme", "ACME"]}
    deals = Journal.from_frame(columns, case="d", stage="s", at="at", dims=["customer"])
    figures = measure(Facts(journal=deals, merged={"ACME": "Acme"}), "open_deals", by=["customer"])
    assert figures["open_deals", "Acme"].exact == 2
    bare = Journal.from_frame(columns, case="d", stage="s", at="at")
    same = Facts(journal=bare, service=deals, merged={"X": "Y"})
    assert same.journal is bare
    assert same.service.dims["customer"] is deals.dims["customer"]
    with pytest.raises(InvalidValue, match="counts under itself"):
        Facts(merged={"A": "B", "B": "A"})
