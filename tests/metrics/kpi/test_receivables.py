"""Receivables at the end of each month, against a loop over every unit of money on that day."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from crmkit.errors import InvalidValue
from crmkit.journal import Ledger
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi.receivables import Ageing, Overdue, Receivable
from crmkit.metrics.measure import measure
from crmkit.model import Invoice
from crmkit.values import Money, Rate, RateTable

from .oracle import START, ZONE, measured
from .test_collections import END, accounts, invoice, payment, settled


def ends():
    """The months of five, each with the instant at which it, or observation, ended."""
    for number in range(1, 7):
        edge = datetime(2026, number, 1, tzinfo=ZoneInfo(ZONE)) + timedelta(days=32)
        edge = edge.replace(day=1)
        yield f"2026-{number:02}", min(edge, END + timedelta(microseconds=1))
        if edge > END:
            return


def standing(facts, end):
    """(invoice, open units) just before an instant."""
    for one, steps in settled(facts).items():
        if one.at < end:
            yield one, one.amount.minor - sum(change for at, change, _ in steps if at < end)
    for fact in facts:
        if isinstance(fact, Invoice) and fact.amount.minor < 0 and fact.at < end and not refers(fact, facts):
            yield fact, fact.amount.minor


def refers(note, facts):
    """Whether a credit note names an invoice of its currency."""
    return any(
        isinstance(one, Invoice) and one.id == note.refers_to and one.amount.currency == note.amount.currency
        for one in facts
    )


def rows_of(figures):
    """{(period, currency, further): minor units} without zeros."""
    return {(row.period, row.unit, *row.group.values()): row.exact.minor for row in figures if row.exact.minor}


def due_of(one, terms=30):
    """When an invoice is to be paid, which is not before it is dated."""
    return max(one.due or one.at + timedelta(days=terms), one.at)


@given(accounts())
def test_receivables_are_what_is_open_on_the_day(facts):
    """At the end of each month, or of observation; a stock of the month, not a sum over months."""
    expected, late = {}, {}
    for period, end in ends():
        for one, left in standing(facts, end):
            key = (period, one.amount.currency.code)
            expected[key] = expected.get(key, 0) + left
            if due_of(one) < end:
                late[key] = late.get(key, 0) + left
    assert rows_of(measured(facts, "receivables", as_of=END)) == {k: v for k, v in expected.items() if v}
    assert rows_of(measured(facts, Overdue(), as_of=END)) == {k: v for k, v in late.items() if v}


@given(accounts())
def test_ages_add_up_to_receivables(facts):
    """Each unit is in the bucket of its days past due."""
    expected = {}
    for period, end in ends():
        for one, left in standing(facts, end):
            past = end - due_of(one)
            age = "not due" if past <= timedelta(0) else "1-10 days" if past <= timedelta(10) else "11-40 days"
            age = "over 40 days" if past > timedelta(40) else age
            key = (period, one.amount.currency.code, age)
            expected[key] = expected.get(key, 0) + left
    figures = measured(facts, Ageing(edges=(10, 40)), as_of=END)
    assert rows_of(figures) == {k: v for k, v in expected.items() if v}


def test_a_stock_before_the_period_asked_for_is_in_it():
    """What was open when the period began is open in it."""
    facts = [invoice("1", 0, 100), payment("p", 40, 30, "1"), invoice("2", 50, 7)]
    from crmkit.values import Period

    figures = measured(facts, "receivables", over=Period.quarter(2026, 1), as_of=END)
    assert [row.exact.minor for row in figures] == [100, 77, 77]
    (march,) = measured(facts, "receivables", over=Period.month(2026, 3), every=None, as_of=END)
    assert (march.exact.minor, march.n) == (77, 2)


def test_dso_and_cei_by_hand():
    """January: 100 invoiced, 40 paid; 60 are open, 60 / 100 x 31 days. None of it is due: 40 of 40 was collected."""
    facts = [invoice("1", 1, 100), payment("p", 20, 40, "1"), invoice("2", 40, 50), payment("q", 45, 15, "1")]
    dso, cei = (measured(facts, key, as_of=START + timedelta(days=58)) for key in ("dso", "cei"))
    assert [row.value for row in dso] == pytest.approx([60 / 100 * 31, 95 / 50 * 28])
    # February: 60 before + 50 - 95 after, of which 50 are not due, the first invoice being due on the 1st of February.
    assert [row.value for row in cei] == pytest.approx([40 / 40, (60 + 50 - 95) / (60 + 50 - 50)])
    assert [row.group for row in dso] == [{"money": "EUR"}] * 2


def test_no_sales_no_dso():
    """0/0 is no data: a month without invoices has receivables, and no turnover."""
    facts = [invoice("1", 1, 100), payment("p", 20, 100, "1")]
    assert [row.value for row in measured(facts, "dso", as_of=START + timedelta(days=50))] == [0.0, None]
    assert [row.value for row in measured(facts, "cei", as_of=START + timedelta(days=50))] == [1.0, None]


def test_credit_notes_are_negative_invoices():
    """One that names its invoice takes away from it; one that names none stands by itself."""
    facts = [invoice("1", 0, 100), invoice("c", 40, -30, refers_to="1"), invoice("d", 41, -5)]
    assert [row.exact.minor for row in measured(facts, "receivables")] == [100, 65]


def test_a_payment_that_was_taken_back_is_owed_again():
    """In January it was paid, in February it is open."""
    facts = [invoice("1", 0, 100), payment("p", 10, 100, "1"), payment("r", 40, -100, "1")]
    assert [row.exact.minor for row in measured(facts, "receivables")] == [0, 100]
    assert measured(facts, "days_to_pay")["days_to_pay"].n_open == 1


def test_open_amounts_are_converted_at_the_day_of_the_invoice():
    """So that a paid invoice leaves nothing behind; without a rate it is counted as unusable."""
    table = RateTable(
        [Rate("USD", "EUR", (START + timedelta(days=day)).date(), rate) for day, rate in ((0, "0.5"), (20, "2"))]
    )
    facts = [invoice("1", 0, 100, unit="USD"), payment("p", 20, 40, "1", unit="USD")]
    how = {"tz": ZONE, "currency": "EUR", "rates": table}
    (row,) = measure(Facts(ledger=Ledger.from_facts(facts), **how), ["receivables"], as_of=END)
    assert row.exact == Money.from_minor(30, "EUR")
    early = [invoice("0", -1, 100, unit="USD"), invoice("e", 0, 5), *facts]
    figures = measure(Facts(ledger=Ledger.from_facts(early), **how), ["receivables"], as_of=END)
    assert (figures["receivables"].n_unusable, figures["receivables"].exact.minor) == (1, 35)


def test_edges_ascend():
    """Days past due, each once, in order."""
    for wrong in ((), (30, 30), (60, 30), (0, 30)):
        with pytest.raises(InvalidValue, match="edges"):
            Ageing(edges=wrong)
    with pytest.raises(InvalidValue, match="terms_days"):
        Receivable(terms_days=-1)
