"""Service cost, against sums in a loop."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.journal import Journal, Ledger
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi._ratios import fieller
from crmkit.metrics.kpi.service_cost import CostPerTicket, ServiceCost, ServiceCostRatio
from crmkit.metrics.measure import measure
from crmkit.model import Expense, Invoice
from crmkit.values import Money, Period, Rate, RateTable

from .oracle import START, month

END = START + timedelta(days=120)
RATE = Money("40.01", "EUR")


def spent(key, case, cents, *, day=5, hours=None, customer="Acme", unit="EUR"):
    """An expense of a ticket."""
    amount = None if cents is None else Money.from_minor(cents, unit)
    return Expense(id=key, at=START + timedelta(days=day), case=case, amount=amount, quantity=hours, customer=customer)


def tickets(days):
    """A journal of tickets, opened on given days."""
    columns = {"t": list(days), "s": ["new"] * len(days), "at": [START + timedelta(days=day) for day in days.values()]}
    return Journal.from_frame(columns, case="t", stage="s", at="at", as_of=END)


row = st.tuples(
    st.sampled_from(["T1", "T2", "T3", "T9", None]), st.one_of(st.none(), st.integers(0, 500)),
    st.one_of(st.none(), st.sampled_from(["0.25", "1", "1.13"])), st.integers(0, 80),
    st.sampled_from(["Acme", "Beta", "Cato"]),
)  # fmt: skip
books = st.lists(row, min_size=1, max_size=15).map(
    lambda rows: [
        spent(f"E{n}", case, cents, day=day, hours=hours, customer=customer)
        for n, (case, cents, hours, day, customer) in enumerate(rows)
    ]
)
SALES = [Invoice(id=f"I{n}", at=START + timedelta(days=n), amount=Money(n + 9, "EUR"), customer=name)
         for n, name in enumerate(["Acme", "Beta", "Cato"] * 5)]  # fmt: skip
OPENED = {"T1": 0, "T2": 3, "T3": 40, "T4": 41}


def cost_of(fact, hourly):
    """Minor units of an expense; None if it has neither an amount nor hours that cost something."""
    if fact.amount is not None:
        return fact.amount.minor
    if hourly is None or fact.quantity is None:
        return None
    return int((fact.quantity * hourly.minor).quantize(Decimal(1)))


@given(books, st.sampled_from([None, RATE]))
def test_costs_by_a_loop(facts, hourly):
    """Expenses whose case is a ticket, hours at the rate; the mean over all tickets of the month, free ones too."""
    ours = [fact for fact in facts if fact.case in OPENED]
    costs = [(fact, cost_of(fact, hourly)) for fact in ours]
    data = Facts(ledger=Ledger.from_facts([*facts, *SALES]), service=tickets(OPENED))
    how = {"every": "month", "as_of": END}
    expected = {}
    for fact, cost in costs:
        if cost is not None:
            expected[month(fact.at, "UTC")] = expected.get(month(fact.at, "UTC"), 0) + cost
    total = measure(data, [ServiceCost(hourly=hourly)], **how)
    assert {line.period: line.exact.minor for line in total if line.n} == expected
    mean = list(measure(data, [CostPerTicket(hourly=hourly)], **how))
    for line in mean:
        mine = [case for case, day in OPENED.items() if month(START + timedelta(days=day), "UTC") == line.period]
        sums = [cost for fact, cost in costs if fact.case in mine and cost is not None]
        assert line.n == len(mine)
        if any(cost is not None for _, cost in costs):
            assert line.value == pytest.approx(sum(sums) / len(mine) / 100)
            assert line.low is None or line.high is None or line.low <= line.high
        else:
            assert line.value is None
    assert {line.period for line in mean} == {"2026-01", "2026-02"}


@given(books)
def test_ratio_is_fieller_over_customers(facts):
    """Costs of tickets by what the customers were invoiced."""
    sums = {}
    for side, listed in enumerate((facts, SALES)):
        for fact in listed:
            if fact.amount is not None and (side or fact.case in OPENED):
                sums.setdefault(fact.customer, [0, 0])[side] += fact.amount.minor
    data = Facts(ledger=Ledger.from_facts([*facts, *SALES]), service=tickets(OPENED))
    (line,) = measure(data, [ServiceCostRatio()], as_of=END)
    assert (line.value, line.low, line.high) == pytest.approx(fieller(*zip(*sums.values(), strict=True)))


@given(books, books)
def test_parts_of_the_tickets_add_up(one, other):
    """Tickets measured apart with their expenses, and merged, also their resamples."""
    halves = [
        ([f for f in (*one, *other) if f.case in names], {name: OPENED[name] for name in names})
        for names in (("T1", "T2"), ("T3", "T4"))
    ]
    facts = [
        Facts(ledger=Ledger.from_facts([*expenses, *SALES[i::2]]), service=tickets(opened), currency="EUR")
        for i, (expenses, opened) in enumerate(halves)
    ]
    whole = Facts(
        ledger=Ledger.from_facts([*halves[0][0], *halves[1][0], *SALES]), service=tickets(OPENED), currency="EUR"
    )
    metrics = [ServiceCost(hourly=RATE), CostPerTicket(hourly=RATE), ServiceCostRatio()]
    made = [measure(part, metrics, over=Period.year(2026), as_of=END) for part in (*facts, whole)]
    assert list(made[0].merge(made[1])) == list(made[2])


def test_the_interval_is_that_of_tickets():
    """Costs of one heavy ticket among many free ones: the lower limit is that it was not drawn."""
    opened = {f"T{n}": 0 for n in range(20)}
    data = Facts(ledger=Ledger.from_facts([spent("E", "T0", 10_000)]), service=tickets(opened))
    line = measure(data, ["cost_per_ticket"], as_of=END)["cost_per_ticket"]
    assert (line.value, line.low) == (5.0, 0.0)
    assert 10 <= line.high <= 30


def test_the_bootstrap_agrees_with_the_standard_error():
    """For many light-tailed costs the percentile interval is the normal one, within a tenth of its width."""
    draws = np.random.default_rng(7).integers(0, 1000, 400)
    opened = {f"T{n}": 0 for n in range(400)}
    facts = [spent(f"E{n}", f"T{n}", int(cents)) for n, cents in enumerate(draws)]
    line = measure(Facts(ledger=Ledger.from_facts(facts), service=tickets(opened)), ["cost_per_ticket"], as_of=END)[
        "cost_per_ticket"
    ]
    half = 1.96 * draws.std() / np.sqrt(400) / 100
    assert line.value == pytest.approx(draws.mean() / 100)
    assert line.high - line.low == pytest.approx(2 * half, rel=0.25)


def test_several_currencies_need_one():
    """A ticket without costs has no currency: costs of two cannot be averaged, unless they are converted."""
    facts = [spent("E", "T1", 100), spent("F", "T2", 100, unit="USD")]
    data = {"ledger": Ledger.from_facts(facts), "service": tickets(OPENED)}
    with pytest.raises(InvalidValue, match="several currencies"):
        measure(Facts(**data), ["cost_per_ticket"], as_of=END)
    rates = RateTable([Rate("USD", "EUR", (START + timedelta(days=5)).date(), "0.5")])
    line = measure(Facts(**data, currency="EUR", rates=rates), ["cost_per_ticket"], as_of=END)["cost_per_ticket"]
    assert line.value == pytest.approx(1.5 / 4)
    with pytest.raises(InvalidValue, match="is not in USD"):
        measure(
            Facts(ledger=Ledger.from_facts([spent("E", "T1", None, hours=1)]), service=tickets(OPENED), currency="USD"),
            [ServiceCost(hourly=RATE)], as_of=END,
        )  # fmt: skip


def test_behind_a_mean_cost_are_tickets_and_their_expenses():
    """Each ticket once, and what was spent on it, whenever that was."""
    facts = Facts(
        ledger=Ledger.from_facts([spent("a", "T1", 100), spent("b", "T1", 50, day=60), spent("c", "T3", 7)]),
        service=tickets(OPENED),
    )
    figures = measure(facts, "cost_per_ticket", every="month", as_of=END)
    rows = figures.explain(("cost_per_ticket", month(START))).rows
    assert rows["tickets"]["case"] == ["T1", "T2"]
    assert rows["expenses"]["id"] == ["a", "b"]


def test_an_expense_before_its_ticket_was_opened_is_of_no_ticket_yet():
    """Seen before the ticket is there, what was spent on it is not taken for the cost of another."""
    facts = Facts(ledger=Ledger.from_facts([spent("a", "T3", 100)]), service=tickets({"T1": 0, "T3": 40}))
    before, after = (START + timedelta(days=day) for day in (20, 60))
    assert measure(facts, "cost_per_ticket", as_of=before)["cost_per_ticket"].value is None
    assert measure(facts, "service_cost", as_of=before, every="month").rows == ()
    assert measure(facts, "cost_per_ticket", as_of=after)["cost_per_ticket"].value == 0.5
