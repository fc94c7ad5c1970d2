"""Records made into knowledge: once each, near ones together, nobody named, and nothing lost."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryRecordStore
from crmkit.errors import InvalidValue
from crmkit.kb.cards import Card, Cards, Source
from crmkit.kb.feedback import Collected, Feedback, collect, doubles, merged
from crmkit.kb.usage import Searched
from crmkit.pipeline import presets

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TAX = "The invoice of Acme shows the wrong tax rate"


def said(number, text=TAX, **more):
    """A record."""
    return Feedback(f"T-{number}", text, at=NOW + timedelta(hours=number), **more)


def searched(number, question, customer=None):
    """A search in vain, as a record."""
    made = Searched(id=f"S-{number}", at=NOW + timedelta(hours=number), question=question, customer=customer)
    return Feedback.of_search(made, area="marketing")


def again(records, found, cards=(), **more):
    """The same collected on what came of it."""
    changed = {card.id: card for card in (*cards, *found.drafts, *found.reinforced)}
    return collect(records, changed.values(), **more)


def test_from_a_record_to_a_card():
    """What was asked, how it was handled and by whom, of whom and where; names and numbers are gone, the source is named."""
    record = said(
        1, TAX + ", call 13812345678", area="service", asked_by="chen", who="wei", handling="Set the region for Acme",
        outcome="solved", customer="acme", case="D-7", stage="proposal", language="en",
    )  # fmt: skip
    (card,) = collect([record], names=["Acme"]).drafts
    assert card == Card(
        card.id, "The invoice of […] shows the wrong tax rate, call […]", solution="Set the region for […]", author="wei",
        customer="acme", case="D-7", stage="proposal", language="en", evidence=[
            Source("ticket", "T-1", "service, solved: Set the region for […]"), Source("case", "D-7"),
        ],
    )  # fmt: skip


def test_a_draft_goes_through_its_states():
    """A draft is a case of the preset, with its text and its author."""
    (card,) = collect([said(1)], author="li").drafts
    kcs = presets.get("knowledge-card")
    case = kcs.open(card.id, who="li", at=NOW, problem=card.problem, author=card.author).case
    assert case.stage == card.state
    case = kcs.move(case, "complete", who="li", at=NOW, solution="Set the region", environment="4").case
    stored = Cards(MemoryRecordStore()).put(attrs.evolve(card, state=case.stage, solution="Set the region"))
    assert collect([said(2)], [stored]).reinforced[0].solution == "Set the region"


def test_near_records_are_one_card():
    """Of three areas and two customers one draft, about none of them, with the first solution there is."""
    records = [
        said(3, TAX + " again", area="sales", handling="Ask service", customer="beta"),
        said(1, customer="acme", case="D-7"), said(2, TAX + "!", area="marketing", handling="Set the region", outcome="solved"),
        said(4, "The printer burns", customer="beta"),
    ]  # fmt: skip
    found = collect(records, author="li")
    tax, printer = found.drafts
    assert (tax.customer, tax.case, tax.solution, tax.author) == (None, None, "Set the region", "li")
    assert [source.id for source in tax.evidence] == ["T-1", "D-7", "T-2", "T-3"]
    assert (printer.problem, printer.customer) == ("The printer burns", "beta")


def test_what_most_customers_ask_for_comes_first():
    """Customers count before records."""
    records = [said(n, "one thing is wrong here", customer="acme") for n in range(3)]
    records += [said(n, "quite another matter altogether", customer=f"c{n}") for n in (7, 8)]
    assert [card.problem for card in collect(records).drafts] == [records[-1].text, records[0].text]


def test_a_card_that_says_it_already():
    """It gets the evidence, its texts stay; a draft gets the solution, and one of a customer stays theirs."""
    record = said(9, handling="Set the region", outcome="solved", customer="beta")
    complete = Card("K-1", TAX, solution="Ask us", state="validated", audience="staff", customer="acme")
    (card,) = collect([record], [complete]).reinforced
    assert card == attrs.evolve(complete, evidence=[Source("ticket", "T-9", "service, solved: Set the region")])
    (card,) = collect([record], [Card("K-1", TAX, customer="acme")]).reinforced
    assert (card.solution, card.customer) == ("Set the region", None)
    (card,) = collect([record], [Card("K-1", TAX, customer="acme", audience="customer")]).reinforced
    assert card.customer == "acme"
    (card,) = collect([record], [Card("K-1", TAX, customer="beta", case="D-1")]).reinforced
    assert (card.customer, card.case) == ("beta", "D-1")


def test_customers_do_not_read_what_a_card_rests_on():
    """A card that outsiders may see names its sources, and says nothing of them."""
    card = Card("K-1", TAX, state="published", audience="public")
    (card,) = collect([said(9, handling="They shouted at us")], [card]).reinforced
    assert card.evidence == (Source("ticket", "T-9"),)


def test_what_was_rejected_does_not_come_again():
    """The same question makes the same id; if that card is out of use it is evidence there, not a new draft."""
    (card,) = collect([said(1)]).drafts
    rejected = attrs.evolve(card, state="rejected")
    found = collect([said(2, TAX.upper())], [rejected])
    assert found.drafts == ()
    assert [source.id for source in found.reinforced[0].evidence] == ["T-1", "T-2"]


def test_failed_searches_become_drafts():
    """The same words in any order and nearly the same questions are one draft, whenever they are collected."""
    questions = [
        "vat invoice wrong rate",
        "Wrong rate: VAT invoice",
        "vat invoice wrong rate cn",
        "printer",
        "发票 税率",
    ]
    records = [searched(n, question, f"c{n}") for n, question in enumerate(questions)]
    found = collect(records, author="li")
    assert [[source.id for source in card.evidence] for card in found.drafts] == [["S-0", "S-1", "S-2"], *sorted(
        [["S-3"], ["S-4"]], key=lambda ids: next(card.id for card in found.drafts if card.evidence[0].id == ids[0])
    )]  # fmt: skip
    assert again(records, found) == Collected()
    later = again([searched(8, "rate vat wrong invoice")], found)
    assert (later.drafts, later.reinforced[0].id) == ((), found.drafts[0].id)
    assert collect([searched(77, questions[1])]).drafts[0].id == found.drafts[0].id


def test_what_says_nothing_is_told():
    """A record without a word makes nothing, and comes back with the reason."""
    found = collect([said(1, " ?! "), searched(2, "")])
    assert [(one.record.id, one.why) for one in found.left_out] == [("T-1", "says nothing"), ("S-2", "says nothing")]
    assert found.drafts == ()


WORDS = st.lists(
    st.sampled_from(["tax", "rate", "invoice", "printer", "burns", "wrong", "发票", "again"]), min_size=1, max_size=5
)
RECORDS = st.lists(
    st.builds(
        lambda number, words, kind, outcome: said(number, " ".join(words), kind=kind, outcome=outcome, handling="x"),
        st.integers(0, 9), WORDS, st.sampled_from(["ticket", "search", "call"]), st.sampled_from(["open", "solved"]),
    ),
    max_size=12,
)  # fmt: skip


@given(RECORDS, st.randoms(use_true_random=False))
def test_every_record_is_evidence_once(records, random):
    """Law: in any order, each record is evidence of exactly one card, and collecting it again changes nothing."""
    unique = list({(one.kind, one.id): one for one in records}.values())
    found = collect(unique)
    sources = [(one.kind, one.id) for card in found.drafts for one in card.evidence]
    assert sorted(sources) == sorted((one.kind, one.id) for one in unique)
    assert again(unique + unique, found) == Collected()
    assert collect(random.sample(unique, len(unique))) == found


@given(RECORDS, st.integers(0, 12))
def test_collected_in_two_goes(records, cut):
    """Law: what is collected bit by bit loses nothing, and makes no card twice."""
    unique = sorted({(one.kind, one.id): one for one in records}.values(), key=lambda one: (one.at, one.kind))
    first = collect(unique[:cut])
    second = again(unique[cut:], first)
    cards = {card.id: card for card in (*first.drafts, *second.drafts, *second.reinforced)}
    sources = [(one.kind, one.id) for card in cards.values() for one in card.evidence]
    assert sorted(sources) == sorted((one.kind, one.id) for one in unique)
    assert not {card.id for card in first.drafts} & {card.id for card in second.drafts}


def test_doubles_are_merged():
    """Cards in use that say the same are found, and one takes the place of the others with all that they have."""
    kept = Card("K-1", TAX, author="wei", customer="acme", subjects="vat", evidence=[Source("mail", "1", "a")])
    other = Card("K-2", TAX + "!", cause="no region", solution="Set it", customer="beta", subjects=["vat", "tax"],
                 keywords="rate", evidence=[Source("mail", "1", "b"), Source("call", "2")])  # fmt: skip
    cards = [kept, other, Card("K-3", "The printer burns"), Card("K-4", TAX, state="archived"), Card("K-5")]
    ((first, second),) = doubles(cards)
    assert (first, second) == (kept, other)
    card = merged(kept, [other])
    assert (card.cause, card.solution, card.customer, card.supersedes) == ("no region", "Set it", None, ("K-2",))
    assert (card.subjects, card.keywords) == (("vat", "tax"), ("rate",))
    assert card.evidence == (Source("mail", "1", "a"), Source("call", "2"))
    complete = merged(attrs.evolve(kept, state="validated"), [other])
    assert (complete.solution, complete.customer, len(complete.evidence)) == ("", "acme", 2)
    assert merged(kept, [attrs.evolve(other, customer="acme")]).customer == "acme"
    with pytest.raises(InvalidValue, match="cannot supersede itself"):
        merged(kept, [kept])


@pytest.mark.parametrize(("make", "message"), [
    (lambda: said(1, area="sale"), "did you mean 'sales'"), (lambda: said(1, outcome="done"), "none of open, solved"),
    (lambda: Feedback("", "x", at=NOW), "id"), (lambda: Feedback("1", "x", at=NOW.replace(tzinfo=None)), "zone"),
    (lambda: collect([], alike=0), "at_least"),
], ids=["area", "outcome", "no id", "no zone", "alike"])  # fmt: skip
def test_what_is_refused(make, message):
    """Areas and outcomes that nobody knows, with the nearest; what has no id or no zone."""
    with pytest.raises(ValueError, match=message):
        make()
