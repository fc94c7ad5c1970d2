"""Quotation accuracy, against a loop over quotations."""

import gzip
import math
from datetime import timedelta
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.journal import Ledger, decode_csv
from crmkit.metrics.estimators import quantile_interval, wilson
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi._ratios import fieller
from crmkit.metrics.kpi.quote_accuracy import QuoteAccuracy, QuoteBias, QuoteRatio
from crmkit.metrics.measure import measure
from crmkit.model import Invoice, Order, Quote
from crmkit.values import Money, Period

from .oracle import START, measured, month


def made(kind, key, day, cents, *, refers_to=None, customer="Acme", revision=1, unit="EUR"):
    """A quote, an order or an invoice."""
    amount = None if cents is None else Money.from_minor(cents, unit)
    return kind(
        id=key, at=START + timedelta(days=day), amount=amount, refers_to=refers_to, customer=customer, revision=revision
    )


@st.composite
def dealings(draw):
    """Quotations with revisions, of which some were ordered, in one order or two, or in another currency."""
    facts = []
    for number in range(draw(st.integers(1, 12))):
        key, day, cents = f"Q{number}", draw(st.integers(0, 60)), draw(st.integers(0, 300))
        customer = draw(st.sampled_from(["Acme", "Beta", "Cato", "Dada", None]))
        facts.append(made(Quote, key, day, cents, customer=customer))
        facts += [
            made(Quote, key, day + 5 * number, draw(st.integers(1, 300)), customer=customer, revision=number + 1)
            for number in range(1, draw(st.integers(0, 2)) + 1)
        ]
        for order in range(draw(st.integers(0, 2))):
            unit, to = draw(st.sampled_from(["EUR"] * 5 + ["USD"])), draw(st.integers(0, 300))
            facts.append(
                made(Order, f"O{number}.{order}", day + draw(st.integers(0, 20)), to, refers_to=key, unit=unit)
            )
    return facts


def pairs(facts, which):
    """(first issue, quoted or None if it cannot be used, actual or None if there is none), by a loop."""
    for first in facts:
        if not isinstance(first, Quote) or first.revision > 1:
            continue
        orders = [fact for fact in facts if isinstance(fact, Order) and fact.refers_to == first.id]
        issues = [fact for fact in facts if isinstance(fact, Quote) and fact.id == first.id]
        if which == "last" and orders:
            began = min(order.at for order in orders)
            issues = [one for one in issues if one.at <= began] or issues[:1]
        chosen = issues[0 if which == "first" else -1].amount.minor
        if not orders:
            yield first, chosen, None
        elif chosen <= 0 or any(order.amount.currency.code != "EUR" for order in orders):
            yield first, None, 0
        else:
            yield first, chosen, sum(order.amount.minor for order in orders)


@given(dealings(), st.sampled_from(["first", "last"]))
def test_accuracy_is_a_share_within_tolerance(facts, which):
    """By the month of the first issue; without an actual it is open, and what cannot be compared is unusable."""
    figures = measured(facts, QuoteAccuracy(quote=which, tolerance_percent=20))
    cells = {}
    for first, quoted, actual in pairs(facts, which):
        cells.setdefault(month(first.at), []).append((quoted, actual))
    for row in figures:
        closed = [(q, a) for q, a in cells[row.period] if a is not None and q is not None]
        near = sum(100 * abs(a - q) <= 20 * q for q, a in closed)
        assert row.n == len(closed)
        assert row.n_open == sum(a is None for _, a in cells[row.period])
        assert row.n_unusable == sum(q is None for q, _ in cells[row.period])
        assert row.value == (near / len(closed) if closed else None)
        assert not closed or (row.low, row.high) == pytest.approx(wilson(near, len(closed)))


@given(dealings(), st.sampled_from(["first", "last"]))
def test_ratio_and_bias_by_a_loop(facts, which):
    """The ratio of sums with Fieller's limits over customers; the median of log ratios with order statistics."""
    usable = [(first, q, a) for first, q, a in pairs(facts, which) if a is not None and q is not None]
    ratio = [row for row in measured(facts, QuoteRatio(quote=which), every=None) if row.n]
    if usable:
        clusters = {}
        for first, quoted, actual in usable:
            sums = clusters.setdefault(first.customer or first.id, [0, 0])
            sums[0] += actual
            sums[1] += quoted
        value, low, high = fieller(*zip(*clusters.values(), strict=True))
        assert ratio[0].value == pytest.approx(value)
        if len(clusters) > 1:
            assert (ratio[0].low, ratio[0].high) == pytest.approx((low, high))
    assert len(ratio) == bool(usable)
    logs = sorted(math.log(a / q) for _, q, a in usable if a > 0)
    rows = [row for row in measured(facts, QuoteBias(quote=which), every=None) if row.n]
    assert [row.n for row in rows] == ([len(logs)] if logs else [])
    if logs:
        low, high, _ = quantile_interval(len(logs), 0.5)
        assert rows[0].value == pytest.approx(median(logs), abs=6e-4)
        assert rows[0].low == (pytest.approx(logs[low - 1], abs=6e-4) if low >= 1 else None)
        assert rows[0].high == (pytest.approx(logs[high - 1], abs=6e-4) if high <= len(logs) else None)


def test_the_edge_of_the_tolerance_is_inside():
    """Exactly ten percent is within ten percent; a cent more is not."""
    facts = [made(Quote, "1", 0, 1010), made(Order, "a", 1, 1111, refers_to="1")]
    facts += [made(Quote, "2", 0, 1010), made(Order, "b", 1, 1112, refers_to="2")]
    assert measured(facts, "quote_accuracy")["quote_accuracy"].value == 0.5


def test_invoices_count_through_orders_and_credit_notes():
    """An invoice of the quotation, one of its order, and a credit note of that invoice."""
    facts = [
        made(Quote, "Q", 0, 100), made(Order, "O", 1, 100, refers_to="Q"), made(Invoice, "I", 2, 60, refers_to="O"),
        made(Invoice, "J", 2, 70, refers_to="Q"), made(Invoice, "C", 3, -25, refers_to="I"),
        made(Invoice, "Z", 3, 999), made(Invoice, "Y", 3, -9, refers_to="Z"),
    ]  # fmt: skip
    row = measured(facts, QuoteRatio(actual="invoice"))["quote_ratio"]
    assert (row.value, row.n, row.group) == (1.05, 1, {"money": "EUR"})


def test_a_cancelled_order_has_no_logarithm():
    """It is off by all of it, and in no median of logarithms."""
    facts = [made(Quote, "Q", 0, 100), made(Order, "O", 1, 0, refers_to="Q")]
    assert measured(facts, "quote_accuracy")["quote_accuracy"].value == 0
    figures = measured(facts, "quote_bias")
    assert len(figures) == 0
    assert "no logarithm" in figures.findings[0].reason


def test_unrevised_is_a_share_of_quotations():
    """Two of three needed no revision."""
    facts = [made(Quote, key, 0, 5) for key in "ABC"] + [made(Quote, "A", 40, 6, revision=2)]
    row = measured(facts, "quotes_unrevised")["quotes_unrevised"]
    assert (row.value, row.n) == (2 / 3, 3)


@given(dealings(), st.integers(0, 12))
def test_parts_of_the_dealings_add_up(facts, where):
    """Quotations measured apart with their orders, and merged; customers may be in both."""
    apart = [f"Q{n}" for n in range(where)]
    halves = [[f for f in facts if (f.id in apart or f.refers_to in apart) is side] for side in (True, False)]
    if all(halves):
        how = {"as_of": START + timedelta(days=200), "over": Period.year(2026)}
        for key in ("quote_accuracy", "quote_ratio", "quote_bias", "quotes_unrevised"):
            one, other, both = (measured(part, key, **how) for part in (*halves, facts))
            assert list(one.merge(other)) == list(both)


def test_real_quotations(shared):
    """A public agency: 3,842 lines have a quotation and an order, 5 of them are ordered before they are quoted."""
    path = next(shared("data", "sales", "usaid_scms").glob("*.gz"))
    table = decode_csv(gzip.decompress(path.read_bytes()), name="scms")
    common = {"amount": "Line Item Value", "currency": "USD", "customer": "Country", "tz": "UTC"}
    quotes = Ledger.from_frame(table, kind="quote", id="ID", at="PQ First Sent to Client Date", **common)
    orders = Ledger.from_frame(table, kind="order", id="ID", at="PO Sent to Vendor Date", refers_to="ID", **common)
    figures = measure(Facts(ledger=[quotes, orders]), ["quote_accuracy", "quote_ratio", "quotes_unrevised"])
    accuracy = figures["quote_accuracy"]
    # Nine lines are worth nothing.
    assert (accuracy.n, accuracy.n_unusable) == (3_842 - 9, 9)
    assert figures["quote_ratio"].value == 1.0
    assert figures["quotes_unrevised"].n == accuracy.n + accuracy.n_open + accuracy.n_unusable
    early = [one.count for one in figures.findings if "before the quotation" in one.reason]
    assert sum(early) == 5


@pytest.mark.parametrize("wrong", [{"actual": "offer"}, {"quote": "best"}, {"tolerance_percent": -1}])
def test_unknown_policies_are_refused(wrong):
    """With the name of the policy."""
    with pytest.raises(InvalidValue, match=next(iter(wrong))):
        QuoteAccuracy(**wrong)
