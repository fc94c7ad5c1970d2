"""The ledger: exact sums, currencies apart."""

from datetime import UTC, datetime

import pytest

from crmkit.errors import InvalidValue, NaiveDatetime, NotFound
from crmkit.journal import OPEN, UNKNOWN, Ledger
from crmkit.model import Activity, Invoice, Payment, Quote
from crmkit.values import Money, Period, to_micros

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


FRAME = {
    "no": ["Q1", "Q1", "Q2", None, "Q3", "Q4"],
    "on": ["2026-01-02", "2026-01-01", "2026-01-03", "2026-01-01", "soon", None],
    "value": ["100.10", "90", "on request", "1", "1", "1"],
    "unit": ["EUR", "EUR", "JPY", "EUR", "EUR", "EUR"],
}


def test_from_a_frame():
    """Rows become facts, revisions in order of time; what cannot be read is told, and no amount is taken for zero."""
    ledger = Ledger.from_frame(FRAME, kind="quote", id="no", at="on", amount="value", currencies="unit", who="unit")
    assert ledger.ids.decode() == ["Q1", "Q1", "Q2"]
    assert ledger.revision.tolist() == [1, 2, 1]
    assert ledger.total() == {(None, "EUR"): Money("190.10", "EUR")}
    assert {(f.row, f.column, f.dropped) for f in ledger.findings} == {
        (3, "value", False), (4, "no", True), (5, "on", True), (6, "on", True),
    }  # fmt: skip
    assert ledger.of("quote").findings == ledger.findings


def test_amounts_follow_the_digits_of_their_currency():
    """Yen have no cents and dinars have three decimals; a yen with cents is no amount."""
    frame = {
        "no": ["1", "2", "3"],
        "on": ["2026-01-01"] * 3,
        "value": ["1000", "1.5", "1.50"],
        "unit": ["JPY", "KWD", "JPY"],
    }
    ledger = Ledger.from_frame(frame, kind="order", id="no", at="on", amount="value", currencies="unit")
    assert ledger.total() == {(None, "JPY"): Money("1000", "JPY"), (None, "KWD"): Money("1.500", "KWD")}
    assert [(found.row, found.column, found.dropped) for found in ledger.findings] == [(3, "value", False)]


def test_a_frame_without_a_currency_is_refused():
    """Amounts need to know what they are amounts of."""
    with pytest.raises(InvalidValue, match="no currency"):
        Ledger.from_frame(FRAME, kind="quote", id="no", at="on", amount="value")
    one = Ledger.from_frame(FRAME, kind="quote", id="no", at="on", amount="value", currency="EUR")
    assert one.total() == {(None, "EUR"): Money("190.10", "EUR")}
    with pytest.raises(InvalidValue, match="ISO 4217"):
        Ledger.from_frame(FRAME, kind="quote", id="no", at="on", amount="value", currency="euro")


def test_real_order_lines(shared):
    """10,324 lines of a public agency add up to the cent that an independent count gives."""
    import gzip

    from crmkit.journal import decode_csv

    path = next(shared("data", "sales", "usaid_scms").glob("*.gz"))
    table = decode_csv(gzip.decompress(path.read_bytes()), name="scms")
    ledger = Ledger.from_frame(
        table,
        kind="order",
        id="ID",
        at="Delivered to Client Date",
        amount="Line Item Value",
        currency="USD",
        who="Country",
    )
    assert len(ledger) == 10_324
    assert ledger.total() == {(None, "USD"): Money("1627584457.29", "USD")}


def test_facts_without_money():
    """Visits have no amount; a zone may be given as itself."""
    frame = {"id": ["V1", "V2"], "on": ["2026-01-31", "2026-02-03"]}
    visits = Ledger.from_frame(frame, kind="activity", id="id", at="on", tz=UTC)
    assert len(visits) == 2
    assert visits.total() == {}
    assert len(visits.within(Period.month(2026, 1), UTC)) == 1


def test_further_columns():
    """Facts carry what to group by, how many, until when, and when it became known; a planned visit is no visit."""
    facts = [
        Invoice(id="I1", at=JAN, amount=Money(5, "EUR"), quantity="2.5", due=FEB, recorded=FEB, dims={"region": "N"}),
        Quote(id="Q1", at=JAN, dims={"region": None}),
        Activity(id="V1", at=JAN, done=False),
    ]
    ledger = Ledger.from_facts(facts)
    assert ledger.dims["region"].decode() == ["N", None, None]
    assert ledger.dims["channel"].decode() == [None, None, "visit"]
    assert ledger.kinds.decode() == ["invoice", "quote", "planned activity"]
    assert ledger.quantity.tolist() == [250, UNKNOWN, UNKNOWN]
    assert ledger.due.tolist() == [to_micros(FEB), OPEN, OPEN]
    assert ledger.recorded.tolist() == [to_micros(FEB), to_micros(JAN), to_micros(JAN)]
    assert ledger.dimension("region").decode() == ["N", None, None]
    with pytest.raises(NotFound, match="did you mean 'region'"):
        ledger.dimension("regoin")
    plain = Ledger.from_facts(FACTS)
    assert plain.quantity is None
    assert plain.due is None
    assert plain.recorded is None


def test_quantities_are_exact():
    """A quantity is exact to two decimals, or refused."""
    with pytest.raises(InvalidValue, match="not exact"):
        Invoice(id="I", at=JAN, quantity=1.5)  # type: ignore[arg-type] # the point
    with pytest.raises(InvalidValue, match="is not a number"):
        Invoice(id="I", at=JAN, quantity="much")
    with pytest.raises(InvalidValue, match="more than two decimals"):
        Ledger.from_facts([Invoice(id="I", at=JAN, quantity="0.001")])


def test_joined():
    """Ledgers of several tables become one; what a table lacks is missing in its rows."""
    one = Ledger.from_facts([Invoice(id="I1", at=JAN, quantity=1, due=FEB, recorded=FEB, dims={"region": "N"})])
    other = Ledger.from_facts([Payment(id="P1", at=FEB, refers_to="I1", dims={"bank": "B"})])
    both = Ledger.joined([one, other])
    assert both.kinds.decode() == ["invoice", "payment"]
    assert both.refers_to.decode() == [None, "I1"]
    assert both.dims["region"].decode() == ["N", None]
    assert both.dims["bank"].decode() == [None, "B"]
    assert both.quantity.tolist() == [100, UNKNOWN]
    assert both.due.tolist() == [to_micros(FEB), OPEN]
    assert both.recorded.tolist() == [to_micros(FEB), to_micros(FEB)]
    alone = Ledger.joined([other, other])
    assert alone.quantity is None
    assert alone.recorded is None
    assert len(alone) == 2


def test_further_columns_of_a_frame():
    """Columns to group by, quantities and further times come from a frame; what cannot be read is said, not dropped."""
    frame = {
        "no": ["1", "2"], "on": ["2026-01-02", "2026-01-03"], "region": ["N", None], "pieces": ["2", "many"],
        "due": ["2026-02-01", "later"], "entered": [None, "2026-01-09"],
    }  # fmt: skip
    made = Ledger.from_frame(
        frame, kind="invoice", id="no", at="on", dims=["region"], quantity="pieces", due="due", recorded="entered", tz="UTC"
    )  # fmt: skip
    assert made.dims["region"].decode() == ["N", None]
    assert made.quantity.tolist() == [200, UNKNOWN]
    assert made.due.tolist()[1] == OPEN
    assert made.recorded.tolist()[0] == made.at.tolist()[0]
    assert {finding.column for finding in made.findings} >= {"pieces", "due"}
    assert len(made) == 2


def test_a_column_may_say_what_rows_are():
    """Kinds from a column: revisions count by kind and id, and a row of no kind is left out, and told."""
    frame = {
        "sort": ["quote", "quote", "order", None, "invoice"], "no": ["1", "1", "1", "2", "1"],
        "on": ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"],
    }  # fmt: skip
    ledger = Ledger.from_frame(frame, kinds="sort", id="no", at="on", tz="UTC")
    assert ledger.kinds.decode() == ["quote", "quote", "order", "invoice"]
    assert ledger.revision.tolist() == [1, 2, 1, 1]
    assert [(one.column, one.reason, one.count) for one in ledger.findings] == [("sort", "has no kind", 1)]
    for given in ({}, {"kind": "quote", "kinds": "sort"}):
        with pytest.raises(InvalidValue, match="needs kind= for all rows, or kinds="):
            Ledger.from_frame(frame, id="no", at="on", tz="UTC", **given)
