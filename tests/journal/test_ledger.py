"""The ledger: exact sums, currencies apart."""

from datetime import UTC, datetime

import pytest

from crmkit.errors import NaiveDatetime, NotFound
from crmkit.journal import Ledger
from crmkit.model import Activity, Invoice, Payment, Quote
from crmkit.values import Money, Period

JAN, FEB = datetime(2026, 1, 31, 17, tzinfo=UTC), datetime(2026, 2, 3, tzinfo=UTC)
FACTS = [
    Quote(id="Q1", at=JAN, who="wei", customer="Acme", amount=Money("100.10", "EUR")),
    Quote(id="Q1", at=FEB, who="wei", customer="Acme", amount=Money("90.20", "EUR"), revision=2),
    Invoice(id="I1", at=FEB, who="li", customer="Acme", amount=Money("90.20", "EUR")),
    Invoice(id="I2", at=FEB, who="li", customer="Beta", amount=Money("1000", "JPY")),
    Payment(id="P1", at=FEB, customer="Acme", amount=Money("40", "EUR"), refers_to="I1"),
    Activity(id="V1", at=JAN, who="wei", customer="Acme", channel="visit"),
]


def test_totals_keep_currencies_apart():
    """One exact sum for each currency; facts without money do not count as zero."""
    ledger = Ledger.from_facts(FACTS)
    assert ledger.of("invoice").total() == {(None, "EUR"): Money("90.20", "EUR"), (None, "JPY"): Money("1000", "JPY")}
    assert ledger.total("who")["wei", "EUR"] == Money("190.30", "EUR")
    assert ledger.total("who")[None, "EUR"] == Money("40.00", "EUR")
    assert len(ledger.of("activity").total()) == 0
    assert len(ledger.of("order")) == 0


def test_periods_are_civil_days_of_a_zone():
    """17:00 UTC on 31 January is February in Shanghai."""
    ledger = Ledger.from_facts(FACTS)
    january = Period.month(2026, 1)
    assert len(ledger.within(january, "UTC")) == 2
    assert len(ledger.within(january, "Asia/Shanghai")) == 0


def test_what_it_refuses():
    """A column that is not there, and a fact without a zone."""
    with pytest.raises(NotFound, match="did you mean 'customers'"):
        Ledger.from_facts(FACTS).total("customer")
    with pytest.raises(NaiveDatetime):
        Quote(id="Q", at=datetime(2026, 1, 1))  # noqa: DTZ001 - the point


def test_revisions_and_references_are_kept():
    """A revision is its own row; a payment points at its invoice."""
    ledger = Ledger.from_facts(FACTS)
    assert ledger.of("quote").revision.tolist() == [1, 2]
    assert ledger.of("payment").refers_to.decode() == ["I1"]
