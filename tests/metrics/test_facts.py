"""Facts as they were known at an instant: what was recorded later is not there."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from crmkit.errors import InvalidValue
from crmkit.journal import Journal, Ledger
from crmkit.metrics.facts import Facts
from crmkit.metrics.measure import measure
from crmkit.model import Order
from crmkit.values import Money, to_micros

START = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = [Order(id="1", at=START, customer="Acme", who="wei", amount=Money("10", "EUR"), case="D1")]


def deals():
    """A journal of one deal, of a table that does not say when it was entered."""
    return Journal.from_frame({"d": ["D1"], "s": ["lead"], "at": [START]}, case="d", stage="s", at="at")


def test_journals_of_events_know_when_they_knew():
    """A journal of facts is made anew from those that were recorded; a bare one cannot tell."""
    from crmkit.pipeline import Pipeline, Stage

    sales = Pipeline("s", stages=["lead", Stage("won", "won")], moves={"lead": {"sign": "won"}})
    opened = sales.open("D", customer="Acme", who="wei", at=START)
    signed = sales.move(opened.case, "sign", who="wei", at=START + timedelta(days=1))
    facts = Facts(ledger=Ledger.from_facts(ORDERS), events=[opened.event, signed.event])
    assert len(facts.journal) == 2
    assert len(facts.known_at(START).journal) == 1
    assert facts.known_at(START - timedelta(days=1)).journal is None
    assert len(Facts(events=[opened.event]).known_at(START).journal) == 1
    with pytest.raises(InvalidValue, match="give events="):
        Facts(journal=deals()).known_at(START)
    with pytest.raises(InvalidValue, match="give service_events="):
        Facts(service=deals()).known_at(START)
    with pytest.raises(InvalidValue, match="give complaint_events="):
        Facts(complaints=deals()).known_at(START)


def test_tickets_and_complaints_know_when_they_knew():
    """An answer that was entered a day late was not known before: as known then, the ticket waits still."""
    from crmkit.pipeline import Pipeline, Stage

    desk = Pipeline(
        "t", stages=["new", "answered", Stage("done", "won")],
        moves={"new": {"answer": "answered"}, "answered": {"close": "done"}},
    )  # fmt: skip
    opened = desk.open("T", customer="Acme", who="li", at=START)
    answered = desk.move(opened.case, "answer", who="li", at=START + timedelta(hours=1))
    closed = desk.move(answered.case, "close", who="li", at=START + timedelta(hours=5))
    late = [opened.event, attrs.evolve(answered.event, recorded=START + timedelta(days=1)),
            attrs.evolve(closed.event, recorded=START + timedelta(days=1))]  # fmt: skip
    facts = Facts(service_events=late, service_stages=desk, complaint_events=late, complaint_stages=desk)
    noon, after = START + timedelta(hours=12), START + timedelta(days=1)
    response = [measure(facts, "first_response", as_of=noon, as_known_at=known) for known in (noon, after)]
    assert [(row["first_response"].n_open, row["first_response"].value) for row in response] == [
        (1, None), (0, pytest.approx(60, rel=0.005)),
    ]  # fmt: skip
    resolved = [facts.known_at(known).complaints for known in (noon, after)]
    assert [len(journal) for journal in resolved] == [1, 3]
    assert facts.known_at(START - timedelta(days=1)).service is None
    assert facts.recorded() == to_micros(after)
    assert attrs.evolve(facts, complaint_events=None, complaints=resolved[1]).recorded() is None
    assert Facts().recorded() is None
    late = [attrs.evolve(ORDERS[0], recorded=START + timedelta(days=9))]
    assert Facts(ledger=Ledger.from_facts(late)).recorded() == to_micros(START + timedelta(days=9))
