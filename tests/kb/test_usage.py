"""Facts of knowledge at work: what they are grouped by, and which searches were in vain."""

from datetime import UTC, datetime

import attrs
import pytest

from crmkit.errors import InvalidValue
from crmkit.journal import Ledger
from crmkit.kb.usage import CardChanged, CardUsed, Searched, TicketOpened, in_vain

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_facts_are_rows_of_a_ledger():
    """Each has its kind, and what it is grouped by follows from it, beside what the host groups by."""
    facts = [
        Searched(id="S", at=NOW, question="x", channel="desk", dims={"market": "cn"}), CardUsed(id="U", at=NOW, card="K"),
        CardChanged(id="C", at=NOW, card="K", change="written"), TicketOpened(id="T", at=NOW), Searched(id="S2", at=NOW, found=3),
    ]  # fmt: skip
    rows = Ledger.from_facts(facts).to_dict()
    assert rows["kind"] == ["search", "card-use", "card-change", "ticket", "search"]
    assert rows["answer"] == ["none", None, None, None, "some"]
    assert rows["card"] == [None, "K", "K", None, None]
    assert (rows["change"][2], rows["channel"][0], rows["market"][0]) == ("written", "desk", "cn")
    assert attrs.evolve(facts[0], found=1).dims["answer"] == "some"


def test_what_was_in_vain():
    """What found nothing; and of what found something that of which nothing was used, if that is known."""
    searches = [Searched(id=f"S{found}", at=NOW, found=found) for found in range(3)]
    used = CardUsed(id="U", at=NOW, card="K", refers_to="S2")
    assert [one.id for one in in_vain(searches)] == ["S0"]
    assert [one.id for one in in_vain(searches, [used])] == ["S0", "S1"]
    assert [one.id for one in in_vain(iter(searches), ())] == ["S0", "S1", "S2"]


def test_what_is_refused():
    """A change that nobody knows, with the nearest, and fewer documents than none."""
    with pytest.raises(InvalidValue, match=r"'reviwed'.*did you mean 'reviewed'"):
        CardChanged(id="C", at=NOW, card="K", change="reviwed")
    with pytest.raises(InvalidValue, match="no number of documents"):
        Searched(id="S", at=NOW, found=-1)
