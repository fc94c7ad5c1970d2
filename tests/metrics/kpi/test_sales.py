"""Bookings and invoices, against exact sums in a loop."""

from datetime import timedelta

from hypothesis import given

from crmkit.metrics.kpi.sales import Invoiced
from crmkit.model import Invoice, Order
from crmkit.values import Money

from .oracle import START, measured, month, rows, values


def invoice(key, day, amount, refers_to=None, unit="EUR"):
    """An invoice, or a credit note, on a day."""
    return Invoice(id=key, at=START + timedelta(days=day), amount=Money(amount, unit), refers_to=refers_to)


@given(rows("invoice"))
def test_invoiced_is_the_exact_sum(facts):
    """By person, month and currency; facts without an amount are counted as unusable, not as zero."""
    expected, bare = {}, {}
    for fact in facts:
        if fact.amount is None:
            bare[fact.who, month(fact.at)] = bare.get((fact.who, month(fact.at)), 0) + 1
            continue
        key = (fact.who, month(fact.at), fact.amount.currency.code)
        expected[key] = expected[key] + fact.amount if key in expected else fact.amount
    figures = measured(facts, "invoiced", by=["who"])
    assert values(figures) == expected
    assert {(row.group["who"], row.period): row.n_unusable for row in figures if row.n_unusable} == {
        key: n for key, n in bare.items() if any(key == (row.group["who"], row.period) for row in figures)
    }


@given(rows("order", least=0, revisions=True))
def test_an_order_counts_once_as_it_stands(facts):
    """The last revision of each order, in the month in which it is dated."""
    latest = {fact.id: fact for fact in facts}
    expected = {}
    for fact in latest.values():
        if fact.amount is not None:
            key = (month(fact.at), fact.amount.currency.code)
            expected[key] = expected[key] + fact.amount if key in expected else fact.amount
    assert values(measured(facts, "booked")) == expected


def test_credit_notes_are_posted_or_restated():
    """As dated, the credit note lowers February; with the invoice, January. The year is the same."""
    facts = [invoice("1", 3, "100"), invoice("c", 40, "-30", refers_to="1"), invoice("d", 41, "-1")]
    posted, restated = (
        [row.exact for row in measured(facts, Invoiced(credit_notes=policy))]
        for policy in ("as dated", "with the invoice")
    )
    assert posted == [Money("100", "EUR"), Money("-31", "EUR")]
    assert restated == [Money("70", "EUR"), Money("-1", "EUR")]


def test_credit_notes_beyond_the_invoice_are_a_finding():
    """They are counted as they are, and it is said; other currencies do not count against it."""
    facts = [
        invoice("1", 3, "100"), invoice("c", 5, "-80", refers_to="1"), invoice("d", 6, "-30", refers_to="1"),
        invoice("2", 3, "10"), invoice("e", 5, "-80", refers_to="2", unit="USD"),
    ]  # fmt: skip
    figures = measured(facts, "invoiced")
    (finding,) = figures.findings
    assert (finding.count, finding.example) == (1, "1")
    assert finding.reason.startswith("credit notes exceed the invoice")
    assert figures["invoiced", "EUR"].exact == Money("0", "EUR")


def test_orders_of_a_month_in_which_nothing_came_are_zero():
    """A month that was observed has 0, which is not the same as no data."""
    facts = [Order(id=str(day), at=START + timedelta(days=day), amount=Money("5", "EUR")) for day in (0, 70)]
    assert [row.exact for row in measured(facts, "booked")] == [Money(m, "EUR") for m in ("5", "0", "5")]
