"""Customers lost, against a loop over their purchases or contracts, and against `churned`."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.journal import Ledger
from crmkit.metrics.churn import churned, lapses, purchases, subscriptions
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi.leaving import CustomerChurn, LostCustomers
from crmkit.metrics.measure import measure
from crmkit.model import Invoice
from crmkit.values import Money, Period

from .oracle import START

END = datetime(2026, 7, 1, tzinfo=UTC) - timedelta(microseconds=1)
HALF = Period(date(2026, 1, 1), date(2026, 7, 1), "half")
names = st.sampled_from(["Acme", "Beta", "Cato", "Dido"])
bought = st.lists(st.tuples(st.integers(0, 180), names, st.sampled_from(["wei", "li"])), min_size=1, max_size=30)
signed = st.lists(
    st.tuples(st.integers(0, 150), st.one_of(st.none(), st.integers(1, 90)), names, st.sampled_from(["wei", "li"]),
              st.integers(1, 9)),
    min_size=1, max_size=14,
)  # fmt: skip


def invoices(listed):
    """Facts of invoices on given days."""
    return Facts(ledger=Ledger.from_facts(
        Invoice(id=str(number), at=START + timedelta(days=day), customer=customer, who=who, amount=Money("1", "EUR"))
        for number, (day, customer, who) in enumerate(sorted(listed))
    ))  # fmt: skip


def contracts(listed, *, units=None, lasts=True):
    """Facts of contracts: day, days that it lasts or None, customer, who, amount."""
    frame = {
        "n": [str(n) for n in range(len(listed))],
        "from": [START + timedelta(days=row[0]) for row in listed],
        "to": [None if row[1] is None else START + timedelta(days=row[0] + row[1]) for row in listed],
        "c": [row[2] for row in listed], "w": [row[3] for row in listed], "a": [f"{row[4]}.00" for row in listed],
        "u": units or ["EUR"] * len(listed),
    }  # fmt: skip
    due = {"due": "to"} if lasts else {}
    return Facts(ledger=Ledger.from_frame(
        frame, kind="contract", id="n", at="from", customer="c", who="w", amount="a", currencies="u", tz="UTC", **due
    ))  # fmt: skip


def owners(listed, start):
    """Whose the last row of each customer before a day is: by the order of days, then as they are listed."""
    day = (start - START.date()).days
    owner = {}
    for row in sorted(listed, key=lambda row: row[0]):
        if row[0] < day:
            owner[row[-2] if len(row) == 3 else row[2]] = row[-1] if len(row) == 3 else row[3]
    return owner


@given(bought, st.integers(1, 60))
def test_lapsing_is_that_of_churned(listed, limit):
    """All customers together it is `churned` of `lapses`; a period that is not over has no rate, but a count so far."""
    facts = invoices(listed)
    figures = measure(
        facts, [CustomerChurn(gap_days=limit, least=3), LostCustomers(gap_days=limit, least=3)], over=HALF, every="month",
        as_of=END,
    )  # fmt: skip
    spells = lapses(
        purchases([row[1] for row in listed], [START.date() + timedelta(days=row[0]) for row in listed],
                  as_of=date(2026, 6, 30)), q=0.95, least=3, usual=limit,
    )  # fmt: skip
    names_of = {str(period): period.name for period in HALF.split("month")}
    wanted = {names_of[row.period]: row for row in churned(spells, over=HALF.split("month")).rows}
    for row in figures:
        single = wanted[row.period]
        assert (row.n, row.n_open) == (single.n, single.n_open)
        if row.metric == "lost_customers":
            assert row.exact == single.lost
        elif single.n:
            assert (row.value, row.low, row.high) == pytest.approx((single.value, single.low, single.high))
    assert sum(row.n for row in figures if row.metric == "churn_rate") == sum(row.n for row in wanted.values())


@given(bought)
def test_a_customer_belongs_to_whom_the_last_purchase_belongs(listed):
    """By person, the base of each month is the customers whose last purchase before it was theirs."""
    listed = sorted({(row[0], row[1]): row for row in listed}.values())
    figures = measure(
        invoices(listed), [CustomerChurn(gap_days=365, least=99)], by=["who"], over=HALF, every="month", as_of=END
    )
    for period in HALF.split("month"):
        owned = list(owners(listed, period.start).values())
        mine = {row.group["who"]: row.n for row in figures if row.period == period.name and row.n}
        assert mine == {who: owned.count(who) for who in set(owned)}


@settings(max_examples=60)
@given(signed)
def test_contracts_are_those_of_churned(listed):
    """Customers and revenue; who renews has not left."""
    figures = measure(contracts(listed), ["contract_churn", "revenue_churn"], over=HALF, every="month", as_of=END)
    day = [START.date() + timedelta(days=row[0]) for row in listed]
    end = [None if row[1] is None else START.date() + timedelta(days=row[0] + row[1]) for row in listed]
    spells = subscriptions(
        [row[2] for row in listed], day, end, as_of=date(2026, 6, 30), amounts=np.array([100 * row[4] for row in listed]),
        currency="EUR",
    )  # fmt: skip
    names_of = {str(period): period.name for period in HALF.split("month")}
    wanted = {(row.measure, names_of[row.period]): row for row in churned(spells, over=HALF.split("month")).rows}
    seen = 0
    for row in figures:
        money = row.metric == "revenue_churn"
        single = wanted["revenue EUR" if money else "customers", row.period]
        seen += row.n
        assert row.n == single.n
        if single.n:
            assert row.value == pytest.approx(single.value)
    assert seen == sum(row.n for row in wanted.values())


def test_contracts_without_an_end_last():
    """Without a column of ends nobody leaves; a month that is not over has a base and no rate."""
    facts = contracts([(0, None, "Acme", "wei", 5), (3, None, "Beta", "wei", 5)], lasts=False)
    figures = measure(facts, ["contract_churn", "revenue_churn"], over=HALF, every="month",
                      as_of=datetime(2026, 3, 5, tzinfo=UTC))  # fmt: skip
    assert [(row.period, row.value, row.n, row.n_open) for row in figures if row.metric == "contract_churn"] == [
        ("2026-02", 0.0, 2, 2), ("2026-03", None, 2, 2)
    ]  # fmt: skip
    assert [(row.period, row.value) for row in figures if row.metric == "revenue_churn"] == [("2026-02", 0.0)]


def test_who_has_left_and_come_back_is_not_lost_so_far():
    """In a period under way, a customer whose new contract lasts has not left."""
    facts = contracts([(0, 40, "Acme", "wei", 5), (50, None, "Acme", "wei", 5), (0, 45, "Beta", "wei", 5)])
    figures = measure(facts, ["contract_churn"], over=Period.month(2026, 2), as_of=datetime(2026, 2, 25, tzinfo=UTC))
    assert figures["contract_churn"].value is None
    over = measure(facts, ["contract_churn"], over=Period.month(2026, 2), as_of=END)
    assert over["contract_churn"].value == 0.5


def test_rows_that_are_no_contracts_are_said():
    """Without a customer, ending before it begins, or without an amount: counted, and the rest is used."""
    facts = contracts([(0, 20, None, "wei", 5), (5, -2, "Acme", "wei", 5), (0, 40, "Beta", "wei", 5)])
    figures = measure(facts, ["contract_churn"], over=Period.quarter(2026, 1), as_of=END)
    assert sorted((finding.column, finding.count) for finding in figures.findings) == [("customer", 1), ("due", 1)]
    nothing = measure(contracts([(0, -1, "Acme", "wei", 5)]), ["contract_churn", "revenue_churn"], as_of=END)
    assert [finding.column for finding in nothing.findings] == ["due"]
    assert len(nothing) == 0
    unpriced = contracts([(0, None, "Acme", "wei", 5), (0, None, "Beta", "wei", 5)], units=["EUR", None])
    (row,) = measure(unpriced, ["revenue_churn"], over=Period.month(2026, 2), as_of=END)
    assert (row.value, row.n, row.group["money"]) == (0.0, 1, "EUR")
    early = measure(unpriced, ["revenue_churn"], over=HALF, every="month", as_of=END)
    assert early["revenue_churn", "2026-02"].value == 0.0


def test_revenue_of_currencies_stays_apart():
    """Each currency has a rate of its own, by customers as units."""
    listed = [(0, 40, "Acme", "wei", 3), (0, None, "Beta", "wei", 1), (0, 40, "Cato", "wei", 5)]
    figures = measure(contracts(listed, units=["EUR", "EUR", "USD"]), ["revenue_churn"], over=Period.month(2026, 2),
                      as_of=END)  # fmt: skip
    assert {row.group["money"]: (row.value, row.n) for row in figures} == {"EUR": (0.75, 2), "USD": (1.0, 1)}


def test_parts_of_the_customers_add_up():
    """Customers are measured apart and merged, as the limit of one does not hang on others."""
    listed = [(day, name, "wei") for day in range(0, 180, 7) for name in ("Acme", "Beta") if day < 90 or name == "Beta"]
    kept = [row for row in listed if row[1] == "Acme"], [row for row in listed if row[1] == "Beta"]
    keys = ["churn_rate", LostCustomers(gap_days=20)]
    whole, one, other = (measure(invoices(rows), keys, over=HALF, every="month", as_of=END) for rows in (listed, *kept))
    assert list(one.merge(other)) == list(whole)
    assert whole["lost_customers", "2026-04"].exact == 1


def test_nobody_bought():
    """Without purchases nobody is a customer; a gap is a day at least."""
    facts = invoices([(0, None, "wei")])
    assert len(measure(facts, ["churn_rate"], as_of=END)) == 0
    with pytest.raises(InvalidValue, match="below 1"):
        CustomerChurn(gap_days=0)
    with pytest.raises(InvalidValue, match="nobody bought twice"):
        lapses(purchases(["a"], [date(2026, 1, 1)], as_of=date(2026, 1, 5)))
