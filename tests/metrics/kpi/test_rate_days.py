"""The day whose exchange rate an amount takes, against the conversion of single amounts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.journal import Ledger
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi.collections import Collected
from crmkit.metrics.kpi.sales import Booked, Invoiced
from crmkit.metrics.measure import measure
from crmkit.model import Invoice, Order, Payment
from crmkit.values import Money, Rate, RateTable, zone

ZONE = "Asia/Shanghai"
START = datetime(2026, 1, 30, 12, tzinfo=UTC)
# A rate for each day, so that the day of a conversion is seen in its result.
RATES = RateTable(
    [Rate("USD", "EUR", date(2026, 1, 1) + timedelta(days=n), Decimal(1000 + n) / 1000) for n in range(120)]
)
KINDS = {"order": Order, "invoice": Invoice, "payment": Payment}
facts_ = st.lists(
    st.tuples(st.sampled_from(["order", "invoice", "invoice", "payment"]), st.sampled_from("abc"), st.integers(0, 50),
              st.integers(-5, 9).map(lambda n: n * 1000), st.sampled_from([None, "a", "b", "c", "x"])),
    min_size=1, max_size=14,
)  # fmt: skip


def made(listed):
    """Facts in the order of their days; ids are shared by kinds, and name what is not there."""
    return [
        KINDS[kind](id=key, at=START + timedelta(days=day), amount=Money.from_minor(cents, "USD"), refers_to=refers)
        for kind, key, day, cents, refers in sorted(listed, key=lambda row: row[2])
    ]


def first(facts, kind, key):
    """The first fact of a kind and id that is no credit note."""
    return next((one for one in facts if type(one) is kind and one.id == key and one.amount.minor >= 0), None)


def day_of(facts, fact, policy, end):
    """The slow and obvious way: go from each fact to the one it refers to."""
    if isinstance(policy, date):
        return policy
    if policy == "period end":
        return end
    wanted = [Invoice] if policy == "invoice" else [Invoice, Order]
    for kind in wanted:
        if not (type(fact) is kind and fact.amount.minor >= 0):
            fact = first(facts, kind, fact.refers_to) or fact
    return fact.at.astimezone(zone(ZONE)).date()


@given(facts_, st.sampled_from(["order", "invoice", "period end", date(2026, 1, 5)]))
def test_each_amount_takes_the_rate_of_its_day(listed, policy):
    """Of invoices and credit notes, and of payments, by month; the last month ends where observation does."""
    facts = made(listed)
    until = max(one.at for one in facts).astimezone(zone(ZONE)).date()
    for metric, kind in ((Invoiced(rate_day=policy), Invoice), (Collected(rate_day=policy), Payment)):
        expected = {}
        for one in facts:
            if type(one) is kind and (kind is Invoice or one.refers_to):
                month = f"{one.at.astimezone(zone(ZONE)):%Y-%m}"
                year, number = map(int, month.split("-"))
                end = min(date(year, number + 1, 1) - timedelta(days=1), until)
                value, _ = RATES.convert(one.amount, "EUR", day_of(facts, one, policy, end))
                expected[month] = expected.get(month, Money.from_minor(0, "EUR")) + value
        figures = measure(
            Facts(ledger=Ledger.from_facts(facts), tz=ZONE, currency="EUR", rates=RATES), [metric], every="month"
        ) if expected else []  # fmt: skip
        assert {row.period: row.exact for row in figures if row.n} == expected


def test_a_credit_note_cancels_its_invoice_by_the_rate_of_that():
    """By its own it does not: the rate moved meanwhile. Where credit notes count is another question."""
    facts = [
        Order(id="1", at=START, amount=Money("100", "USD")),
        Invoice(id="1", at=START + timedelta(days=20), amount=Money("100", "USD"), refers_to="1"),
        Invoice(id="C", at=START + timedelta(days=30), amount=Money("-100", "USD"), refers_to="1"),
        Payment(id="P", at=START + timedelta(days=40), amount=Money("100", "USD"), refers_to="1"),
    ]
    told = Facts(ledger=Ledger.from_facts(facts), currency="EUR", rates=RATES)
    net = {day: str(measure(told, [Invoiced(rate_day=day)])["invoiced"].exact) for day in ("own", "invoice", "order")}
    assert net == {"own": "-1.00 EUR", "invoice": "0.00 EUR", "order": "0.00 EUR"}
    paid = {
        day: str(measure(told, [Collected(rate_day=day)])["collected"].exact) for day in ("own", "invoice", "order")
    }
    assert paid == {"own": "106.90 EUR", "invoice": "104.90 EUR", "order": "102.90 EUR"}
    assert str(measure(told, [Booked(rate_day="2026-01-01")])["booked"].exact) == "100.00 EUR"
    assert str(measure(told, [Booked(rate_day="period end")], every="month")["booked", "2026-01"].exact) == "103.00 EUR"


@pytest.mark.parametrize("wrong", ["invoice", "2026-02-30", "day", datetime(2026, 1, 1, tzinfo=UTC)])
def test_what_is_no_day_is_refused(wrong):
    """An order follows from no invoice; an instant is no day."""
    with pytest.raises(InvalidValue, match=r"rate_day: .* is no day \(2026-01-01\) and none of own, period end"):
        Booked(rate_day=wrong)


def test_a_day_without_a_rate_is_counted():
    """A budget rate that is not there makes no figure, and is not taken as one."""
    facts = [Invoice(id=unit, at=START, amount=Money("100", unit)) for unit in ("USD", "EUR")]
    told = Facts(ledger=Ledger.from_facts(facts), currency="EUR", rates=RATES)
    figures = measure(told, [Invoiced(rate_day=date(2025, 1, 1))])
    assert [finding.count for finding in figures.findings] == [1]
    assert [(str(row.exact), row.n_unusable) for row in figures] == [("100.00 EUR", 1)]
