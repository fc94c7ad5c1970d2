"""Cards: what they refuse, who sees them when, and that a store gives back what was put into it."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product
from typing import get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryRecordStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import Conflict, InvalidValue, NaiveDatetime, NotFound
from crmkit.kb.cards import Audience, Card, Cards, Source, State, Viewer, hidden_because, shown, visible
from crmkit.pipeline import presets

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
AUTHOR, COLLEAGUE, SELLER = Viewer("wei", staff=True), Viewer("li", staff=True), Viewer("bo", staff=True, roles="sales")
ACME, OTHER, ANYBODY = Viewer(customer="acme"), Viewer(customer="other"), Viewer()
ALL = (AUTHOR, COLLEAGUE, SELLER, ACME, OTHER, ANYBODY)


def card(**changes):
    """A published card about Acme by Wei."""
    return Card(
        "K-1", "tax is wrong\nsince May", **{"author": "wei", "customer": "acme", "state": "published", **changes}
    )


def who_sees(one, now=NOW):
    """Which of the six see a card."""
    return [viewer for viewer in ALL if visible(one, viewer, now)]


@pytest.mark.parametrize(("audience", "expected"), [
    ("author", [AUTHOR]), ("staff", [AUTHOR, COLLEAGUE, SELLER]), ("customer", [AUTHOR, COLLEAGUE, SELLER, ACME]),
    ("customers", [AUTHOR, COLLEAGUE, SELLER, ACME, OTHER]), ("public", list(ALL)),
])  # fmt: skip
def test_each_audience_holds_those_before_it(audience, expected):
    """A published card is seen by its audience, and by nobody else."""
    assert who_sees(card(audience=audience)) == expected


def test_nothing_is_shown_by_default():
    """A card of which nothing was said is seen by its author alone, and by nobody if it has none."""
    assert who_sees(Card("K-1", "x", author="wei")) == [AUTHOR]
    assert who_sees(Card("K-1", "x")) == []
    assert not visible(Card("K-1", "x"), Viewer(None, staff=True), NOW)
    assert not visible(Card("K-1", "x", author="wei"), Viewer("wei"), NOW)


@pytest.mark.parametrize(("state", "expected"), [
    ("work in progress", [AUTHOR]), ("not validated", [AUTHOR, COLLEAGUE, SELLER]), ("validated", [AUTHOR, COLLEAGUE, SELLER]),
    ("published", list(ALL)), ("archived", [AUTHOR]), ("rejected", [AUTHOR]),
])  # fmt: skip
def test_each_state_has_its_readers(state, expected):
    """Outsiders see what is published; our own people what is complete; what is put away nobody but the author."""
    assert who_sees(card(state=state, audience="public")) == expected


def test_schedules_work_both_ways():
    """A card appears at its first instant and is gone at its last, in whatever zone either is told."""
    one = card(audience="public", valid_from=NOW, valid_until=NOW + DAY)
    assert [
        len(who_sees(one, NOW + shift))
        for shift in (-timedelta(microseconds=1), timedelta(0), DAY - timedelta(microseconds=1), DAY)
    ] == [1, 6, 6, 1]
    assert visible(one, ANYBODY, NOW.astimezone(timezone(timedelta(hours=8))))
    with pytest.raises(NaiveDatetime):
        visible(one, ANYBODY, NOW.replace(tzinfo=None))


def test_roles_narrow_the_staff():
    """A card for some roles is seen by those who have one of them."""
    assert who_sees(card(audience="staff", roles=["sales", "legal"])) == [AUTHOR, SELLER]


@pytest.mark.parametrize(("one", "viewer", "reason"), [
    (card(), ANYBODY, "it is for author"), (card(audience="customer"), OTHER, "it is for the customer it is about"), (card(), COLLEAGUE, "it is for its author only"),
    (card(state="archived"), COLLEAGUE, "it is archived"), (card(state="validated", audience="public"), ANYBODY, "it is validated"), (card(audience="staff", roles="sales"), COLLEAGUE, "it is for sales"),
    (card(audience="public", valid_until=NOW), ANYBODY, "it is not valid at that time"), (card(audience="public"), ANYBODY, ""),
])  # fmt: skip
def test_reasons(one, viewer, reason):
    """Whoever looks after a card is told why somebody does not see it."""
    assert hidden_because(one, viewer, NOW) == reason


EDGES = st.sampled_from([None, NOW - DAY, NOW, NOW + DAY])
SPANS = st.tuples(EDGES, EDGES).filter(lambda span: None in span or span[0] < span[1])


@given(
    SPANS,
    st.sampled_from(get_args(State)),
    st.sampled_from(get_args(Audience)),
    st.sampled_from([NOW - DAY, NOW, NOW + DAY]),
)
def test_laws_of_seeing(span, state, audience, now):
    """A wider audience hides nothing from anybody; nobody outside sees what all of the staff cannot; time shuts for all."""
    one = card(state=state, audience=audience, valid_from=span[0], valid_until=span[1])
    order = get_args(Audience)
    for wider in order[order.index(audience) :]:
        assert {*who_sees(one, now)} <= {*who_sees(attrs.evolve(one, audience=wider), now)}
    if {ACME, OTHER, ANYBODY} & {*who_sees(one, now)}:
        assert {AUTHOR, COLLEAGUE, SELLER} <= {*who_sees(one, now)}
    if not one.current(now):
        assert who_sees(one, now) == [AUTHOR]


def test_the_states_are_the_stages_of_the_preset():
    """A case of the pipeline and a card speak of the same."""
    assert get_args(State) == tuple(stage.name for stage in presets.get("knowledge-card").stages)
    audiences = presets.get("knowledge-card").schema.field("audience").values
    assert get_args(Audience) == ("author", *audiences)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Card(""), "has no id"), (lambda: card(state="publish"), "did you mean 'published'"), (lambda: card(audience="customeer"), "did you mean 'customer'"),
    (lambda: card(valid_from=NOW, valid_until=NOW), "begins later"), (lambda: card(supersedes="K-1"), "cannot supersede itself"), (lambda: card(roles="sales"), "the audience is 'author'"),
    (lambda: card(audience="customer", customer=None), "needs the customer"), (lambda: card(valid_from=NOW.replace(tzinfo=None)), "zone"),
    (lambda: Viewer(staff=True, customer="acme"), "is one of us"), (lambda: Viewer(roles="sales"), "none of us"),
])  # fmt: skip
def test_what_is_refused(make, message):
    """A card or a viewer that contradicts itself."""
    with pytest.raises(InvalidValue, match=message):
        make()


def test_parts_and_names():
    """Each part is searched by itself; the first line of the problem is the name if there is no title."""
    assert card(solution="set it").texts == {"problem": "tax is wrong\nsince May", "solution": "set it"}
    assert card().name == "tax is wrong"
    assert card(title="Tax").name == "Tax"
    assert Card("K-1").name == "K-1"


FULL = Card(
    "K-2", "p", title="t", need="n", environment="e", cause="c", solution="s", evidence=[Source("mail", "M-1", "says so"), {"kind": "deal", "id": "D-1"}],
    customer="acme", case="D-1", stage="negotiation", author="wei", language="zh", subjects=["vat"], keywords="发票", audience="staff", roles=["sales"],
    state="validated", valid_from=NOW, valid_until=NOW + DAY, review_by=date(2026, 9, 1), supersedes="K-1",
)  # fmt: skip


@pytest.fixture(params=["memory", "sqlite"])
def cards(request, tmp_path):
    """Cards in a store."""
    if request.param == "memory":
        yield Cards(MemoryRecordStore())
    else:
        with SqliteStore(tmp_path / "cards.db") as store:
            yield Cards(store.records)


def test_what_is_stored_is_read(cards):
    """Every part comes back, with its version, and can be looked for."""
    assert cards.put(card()).version == 1
    stored = cards.put(FULL)
    assert cards.get("K-2") == FULL == stored
    assert cards.get("K-2").version == stored.version == 1
    assert [one.id for one in cards.find(customer="acme")] == ["K-1", "K-2"]
    assert [one.id for one in cards.find(state="validated")] == ["K-2"]
    with pytest.raises(NotFound, match="no card 'K-3'"):
        cards.get("K-3")


def test_two_writers_do_not_overwrite_each_other(cards):
    """Who has not seen the newest version cannot store another."""
    first = cards.put(card())
    assert cards.put(attrs.evolve(first, solution="a")).version == 2
    with pytest.raises(Conflict):
        cards.put(attrs.evolve(first, solution="b"))
    with pytest.raises(Conflict):
        cards.put(card())


def test_a_record_of_something_else_is_refused(cards):
    """What a card has not is told with what it may have meant."""
    cards.store.put("card", "K-9", {"solutions": "x"})
    with pytest.raises(InvalidValue, match=r"'solutions' is no part of a card .did you mean 'solution'"):
        cards.get("K-9")


def test_superseding(cards):
    """A card hides those it supersedes from whoever sees it, and from nobody else; no ring, and nothing unknown."""
    cards.put(card(audience="public"))
    cards.put(attrs.evolve(card(audience="customers"), id="K-2", supersedes=["K-1"]))
    assert [one.id for one in cards.visible(ACME, NOW)] == ["K-2"]
    assert [one.id for one in cards.visible(ANYBODY, NOW)] == ["K-1"]
    assert [one.id for one in cards.visible(ACME, NOW, audience="public")] == []
    with pytest.raises(NotFound, match="K-7"):
        cards.put(attrs.evolve(card(), id="K-3", supersedes=["K-7"]))
    cards.put(attrs.evolve(card(), id="K-3", supersedes=["K-2", "K-1"]))
    with pytest.raises(InvalidValue, match="supersede this card"):
        cards.put(attrs.evolve(cards.get("K-1"), supersedes=["K-3"]))


def test_reviews_come_due(cards):
    """Cards in use whose day has come, the oldest first; a day that lies ahead, none at all and what is put away are not."""
    for number, (day, state) in enumerate(
        product([date(2026, 3, 3), date(2026, 3, 2), date(2026, 3, 1), None], ["published", "archived"])
    ):
        cards.put(Card(f"K-{number}", review_by=day, state=state))
    assert [one.id for one in cards.due(date(2026, 3, 2))] == ["K-4", "K-2"]


def test_what_replaces_a_card_hides_it_only_from_those_who_see_both():
    """A card that an unseen card supersedes is still shown; nothing that may not be seen ever is."""
    old, new = card(audience="public"), attrs.evolve(card(audience="staff"), id="K-2", supersedes=["K-1"])
    assert shown([old, new], ANYBODY, NOW) == (old,)
    assert shown([old, new], COLLEAGUE, NOW) == (new,)
    assert shown(iter([new]), ANYBODY, NOW) == ()
