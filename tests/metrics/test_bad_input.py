"""Facts that do not fit: each a finding with its count or an error that names it, in every KPI of the catalogue."""

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from crmkit.errors import CrmkitError, InvalidValue
from crmkit.journal import Journal, Ledger
from crmkit.metrics import Facts, measure
from crmkit.metrics.appraisal import Absolute, Scheme, Span, Target, VersusLastYear, appraise
from crmkit.metrics.kpi import CATALOGUE
from crmkit.metrics.survival import kaplan_meier
from crmkit.model import Activity, Complaint, Expense, Invoice, Order, Payment, Quote
from crmkit.values import Money, Period

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=91)


def at(day, hours=0):
    """An instant."""
    return START + timedelta(days=day, hours=hours)


def stays(rows):
    """A journal of cases (id, [(day, stage)]) that was observed until the end."""
    listed = [(case, stage, at(day), "wei") for case, moves in rows for day, stage in moves]
    columns = dict(zip(("case", "stage", "at", "who"), map(list, zip(*listed, strict=True)), strict=True))
    return Journal.from_frame(columns | {"amount": ["100"] * len(listed)}, case="case", stage="stage", at="at",
                              who="who", amount="amount", as_of=END)  # fmt: skip


DEALS = [("D1", [(1, "new"), (9, "won")]), ("D2", [(2, "new"), (5, "lost")]), ("D3", [(40, "new")])]
TICKETS = [("T1", [(1, "new"), (2, "won")]), ("T2", [(50, "new")])]
COMPLAINTS = [("C1", [(3, "new"), (6, "won"), (7, "new")])]


def told(facts, *, every=None, **more):
    """Figures and findings of all KPIs that can be measured; what cannot says so by name, and no figure is NaN."""
    given = Facts(ledger=Ledger.from_facts(facts), journal=stays(DEALS), service=stays(TICKETS),
                  complaints=stays(COMPLAINTS), **({"currency": "EUR"} | more))  # fmt: skip
    figures, findings, refused = {}, {}, {}
    for metric in CATALOGUE:
        try:
            made = measure(given, metric, every=every, as_of=END)
        except CrmkitError as error:
            refused[metric.key] = str(error)
            continue
        for row in made:
            numbers = [row.value, row.low, row.high]
            assert all(number is None or not math.isnan(number) for number in numbers), row
            assert row.value is None or math.isfinite(row.value), row
            figures.setdefault(metric.key, []).append(row)
        findings |= {(metric.key, one.reason): one.count for one in made.findings}
    return figures, findings, refused


def bought(number, day, amount, unit="EUR", kind=Invoice, **more):
    """A fact with an amount."""
    return kind(
        id=f"{kind.__name__}{number}", at=at(day), customer="Acme", who="wei", amount=Money(amount, unit), **more
    )


def test_mixed_currencies_without_rates():
    """They stay apart; to convert them without rates is refused, and a rate that is missing is counted."""
    facts = [bought(1, 1, "10"), bought(2, 2, "7", "USD"), bought(3, 3, "500", "JPY")]
    with pytest.raises(InvalidValue, match="needs rates= to convert"):
        told(facts)
    ledger = Facts(ledger=Ledger.from_facts(facts))
    sums = {row.unit: row.exact for row in measure(ledger, "invoiced", as_of=END)}
    assert sums == {one.currency.code: one for one in (Money("10", "EUR"), Money("7", "USD"), Money("500", "JPY"))}
    figures, _, refused = told(facts, currency=None)
    assert not {"invoiced", "receivables", "days_to_pay"} & {*refused}
    assert len(figures["receivables"]) == 3


def test_durations_below_zero():
    """A stay that ends before it begins is left out, counted, and named; a column of such is refused."""
    columns = {
        "case": ["D1", "D2"], "stage": ["new", "new"], "entered": [at(5), at(1)], "left": [at(3), at(2)],
        "next": ["won", "won"],
    }  # fmt: skip
    journal = Journal.from_frame(columns, case="case", stage="stage", entered="entered", left="left", next="next",
                                 as_of=END)  # fmt: skip
    (finding,) = journal.findings
    assert (finding.reason, finding.count, finding.dropped) == ("is before the stay began", 1, True)
    (row,) = measure(Facts(journal=journal), "stage_time")
    assert (row.value, row.n) == (pytest.approx(1.0, rel=0.005), 1)
    with pytest.raises(InvalidValue, match="below 0"):
        kaplan_meier(np.array([3, -2]), np.array([True, True]))


def test_credit_notes_beyond_the_invoice():
    """They count as they are, with a finding; no rate is made of what is left, which is nothing or less."""
    facts = [bought(1, 1, "10"), bought(2, 2, "-25", refers_to="Invoice1"), bought(3, 3, "5", kind=Expense)]
    figures, findings, refused = told(facts)
    assert findings["invoiced", "credit notes exceed the invoice; they are counted as they are"] == 1
    assert figures["invoiced"][0].exact == Money("-15", "EUR")
    assert figures["dso"][0].value is None
    assert "invoiced" not in refused


def test_payments_before_their_invoice():
    """They count as paid on the day of the invoice, with a finding, and make no time below 0."""
    facts = [bought(1, 9, "10"), bought(1, 2, "10", kind=Payment, refers_to="Invoice1")]
    figures, findings, _ = told(facts)
    reason = "payment before its invoice; counted as paid on the day of the invoice"
    assert findings["collected", reason] == findings["days_to_pay", reason] == 1
    assert figures["days_to_pay"][0].value == 0.0
    assert "receivables" not in figures


def test_no_exposure():
    """Contacts without a time at risk, complaints without orders, expenses without customers: no data, never 0."""
    last = (END - START).days
    facts = [
        Activity(id="A", at=END, customer="Acme", who="wei", channel="visit"),
        Complaint(id="C", at=at(3), customer="Acme", who="wei", case="C1"),
        bought(1, last - 1, "5", kind=Expense),
    ]
    figures, _, _ = told(facts, every="month")
    for key in ("complaint_rate", "cac", "expense_per_order", "expense_ratio", "service_cost_ratio"):
        assert [row.value for row in figures.get(key, [])] == [None] * len(figures.get(key, [])), key
    alone = Facts(ledger=Ledger.from_facts(facts[:1]))
    assert [row.value for row in measure(alone, "contact_rate", as_of=END)] in ([], [None])


def test_empty_groups():
    """A group with nothing in a period has 0 of what is counted, and no data where there is nothing to divide by."""
    facts = [
        bought(1, 1, "10"), bought(2, 70, "10"), bought(1, 1, "9", kind=Order), bought(1, 0, "9", kind=Quote),
        Activity(id="A", at=at(70), customer="Acme", who="wei", channel="visit"),
    ]  # fmt: skip
    figures, _, refused = told(facts, every="month")
    april = {key: [row for row in rows if row.period == "2026-04"] for key, rows in figures.items()}
    assert [row.exact for row in april["invoiced"]] == [Money("0", "EUR")]
    assert [row.value for row in april["new_customers"]] == [0.0]
    for key in ("quote_accuracy", "quote_ratio", "paid_on_time", "cost_per_ticket", "expense_per_order", "dso"):
        assert all(row.value is None for row in april.get(key, []) if row.n == 0), key
    assert {*refused} <= {metric.key for metric in CATALOGUE if {"contract", "expense"} & {*metric.about.needs}} | {
        "complaint_recurrence"
    }


def test_a_period_in_which_the_clock_jumps():
    """A day of 23 hours is a day, and the hour that comes twice belongs to one day: nothing is lost or doubled."""
    facts = [
        Invoice(id=f"I{hour}", at=datetime(2026, 3, 28, 20, tzinfo=UTC) + timedelta(hours=hour), customer="Acme",
                who="wei", amount=Money("1", "EUR"))
        for hour in range(60)
    ]  # fmt: skip
    days = measure(
        Facts(ledger=Ledger.from_facts(facts), tz="Europe/Berlin"), "invoiced", every="day",
        over=Period(date(2026, 3, 28), date(2026, 4, 1)),
    )  # fmt: skip
    assert [row.exact.minor // 100 for row in days] == [3, 23, 24, 10]


def test_the_catalogue_of_next_to_nothing():
    """One fact of each kind: every KPI has a figure, no data, or says what it lacks."""
    facts = [
        bought(1, 1, "0"), bought(1, 1, "0", kind=Order), bought(1, 1, "0", kind=Quote), bought(1, 1, "0", kind=Payment),
        bought(1, 1, "0", kind=Expense, case="T1"), Activity(id="A", at=at(1), channel="visit"),
        Complaint(id="C", at=at(1), case="C1"),
    ]  # fmt: skip
    _, _, refused = told(facts)
    assert {*refused} <= {"contract_churn", "revenue_churn", "complaint_recurrence"}


def test_targets_of_zero():
    """A target of 0 is refused, with what to give instead; one that comes from figures of 0 is no target."""
    with pytest.raises(InvalidValue, match="attainment is a ratio to it"):
        Absolute(0)
    with pytest.raises(InvalidValue, match="it begins where it ends"):
        Span(0, 0)
    facts = Facts(ledger=Ledger.from_facts([bought(1, 1, "10"), bought(2, 1 - 365, "0")]))
    scheme = Scheme("March", (Target("invoiced", VersusLastYear()),))
    cards = appraise(facts, scheme, over=Period.month(2026, 3), members=["wei"], as_of=END)
    (row,) = cards["wei"].results
    assert (row.verdict, row.note) == ("no target", "what the target is taken from is not above 0")
    assert cards["wei"].score is None
