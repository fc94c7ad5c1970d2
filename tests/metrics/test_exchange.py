"""Amounts in one currency, against the conversion of single amounts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import RateMissing
from crmkit.journal import Ledger, code
from crmkit.metrics._exchange import exchanged
from crmkit.metrics.facts import Facts
from crmkit.metrics.measure import measure
from crmkit.model import Invoice, Payment
from crmkit.values import Currency, Money, Rate, RateTable, to_micros, zone

START = datetime(2026, 3, 28, 20, tzinfo=UTC)
UNITS = ["EUR", "USD", "JPY", "KWD", None]
rates = st.builds(
    Rate, st.sampled_from(["USD", "JPY", "KWD"]), st.just("EUR"), st.dates(date(2026, 3, 20), date(2026, 4, 5)),
    st.sampled_from(["0.5", "0.005", "1.25", "3.1415926535", "0.0061728395", "1234567.125"]).map(Decimal),
)  # fmt: skip
amounts = st.lists(
    st.tuples(st.one_of(st.integers(-999, 999), st.integers(-(2**40), 2**40)), st.sampled_from(UNITS),
              st.integers(0, 9 * 24)),
    min_size=1, max_size=30,
)  # fmt: skip


@given(amounts, st.lists(rates, max_size=8), st.sampled_from(["EUR", "JPY"]))
def test_columns_are_converted_as_single_amounts_are(rows, listed, target):
    """At the civil day of each, rounded half to even; without a rate it has no currency, and is counted once."""
    table = RateTable(listed)
    minor = np.array([row[0] for row in rows], np.int64)
    at = [START + timedelta(hours=row[2]) for row in rows]
    micros = np.array([to_micros(one) for one in at], np.int64)
    made, unit, findings = exchanged(
        minor, code(row[1] for row in rows), micros, to=Currency(target), rates=table, tz="Europe/Berlin"
    )
    missing = 0
    for (given_, currency, _), when, got, said in zip(rows, at, made.tolist(), unit.decode(), strict=True):
        if currency is None:
            assert said is None
            continue
        try:
            wanted, _ = table.convert(
                Money.from_minor(given_, currency), target, when.astimezone(zone("Europe/Berlin")).date()
            )
        except RateMissing:
            missing += 1
            assert said is None
            continue
        assert (got, said) == (wanted.minor, target)
    assert sum(finding.count for finding in findings) == missing


def test_a_count_by_currency_keeps_its_currency():
    """The currency of money is its unit; of a count it is a group."""
    facts = Facts(ledger=Ledger.from_facts(
        [Invoice(id=unit, at=START, customer=unit, amount=Money("5", unit)) for unit in ("EUR", "USD")]
    ))  # fmt: skip
    figures = measure(facts, ["new_customers", "invoiced"], by=["currency"])
    assert figures["new_customers", "USD"].exact == 1
    assert {row.group["currency"] for row in figures} == {"EUR", "USD"}
    assert figures.to_dict()["currency"] == ["EUR", "USD"] * 2


def test_evidence_leaves_out_what_was_drawn_again():
    """Rows that were drawn for an interval are not the facts behind a figure."""
    facts = Facts(ledger=Ledger.from_facts([
        Invoice(id="1", at=START, customer="Acme", amount=Money("5", "EUR")),
        Payment(id="2", at=START + timedelta(days=3), customer="Acme", amount=Money("5", "EUR"), refers_to="1"),
    ]))  # fmt: skip
    figures = measure(facts, ["days_to_pay"])
    assert set(figures.explain("days_to_pay").rows) == {"money", "invoices", "settlements"}
