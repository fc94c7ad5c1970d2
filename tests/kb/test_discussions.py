"""Discussions: what may be said when, what they keep, and that several writers lose nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryEventStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import Conflict, InvalidValue, NotFound
from crmkit.events import Unknown
from crmkit.kb.cards import Card, Source
from crmkit.kb.discussions import Discussion, Discussions, Posted, redacted
from crmkit.protocols import Notice

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
TALK = Discussion.start(
    "G-1", "Why do we win at Acme?", who="li", at=NOW, others=["wei", "li"], customer="acme", about="D-7"
)


def test_from_start_to_card():
    """Said, decided, given to somebody, closed; and the card of the decision says where it comes from."""
    talk = TALK.post("Ms Chen of Acme asks for the budget", who="wei", at=NOW, via="mail").post(
        "Yes", who="li", at=NOW, quotes="G-1#2"
    )
    talk = talk.decide("Ask for the budget, as Ms Chen does", who="li", at=NOW, quotes=["G-1#2"])
    talk = talk.assign("Change the script", to="wei", who="li", at=NOW, by=date(2026, 3, 9)).close(
        who="li", at=LATER, summary="agreed"
    )
    assert [post.text for post in talk.posts] == ["Ms Chen of Acme asks for the budget", "Yes"]
    assert talk.posts[1].quotes == ("G-1#2",)
    assert (talk.open_actions[0].to, talk.open_actions[0].by) == ("wei", "2026-03-09")
    assert talk.closed
    assert talk.done("G-1#5", who="wei", at=LATER).open_actions == ()
    assert talk.card("G-1#4", id="K-1", names=["Chen", "Acme"]) == Card(
        "K-1", "Why do we win at […]?", solution="Ask for the budget, as Ms […] does", author="li", customer="acme", case="D-7",
        evidence=[Source("discussion", "G-1"), Source("decision", "G-1#4"), Source("post", "G-1#2", "Ms […] of […] asks for the budget")],
    )  # fmt: skip
    assert talk.card("G-1#4").id == "G-1#4"
    with pytest.raises(NotFound, match="no decision 'G-1#2' in discussion 'G-1'"):
        talk.card("G-1#2")


def test_people_come_and_go():
    """Who takes part may ask others in; who has left says nothing more."""
    assert TALK.participants == ("li", "wei")
    talk = TALK.join("bo", who="wei", at=NOW).leave("li", who="li", at=NOW)
    assert talk.participants == ("wei", "bo")
    assert talk.join("bo", who="wei", at=NOW) is talk
    with pytest.raises(InvalidValue, match="'li' does not take part"):
        talk.post("x", who="li", at=NOW)
    with pytest.raises(NotFound, match="no participant 'li'"):
        talk.assign("x", to="li", who="wei", at=NOW)
    with pytest.raises(NotFound, match="no participant 'zhao'"):
        talk.leave("zhao", who="wei", at=NOW)


def test_a_closed_discussion_is_reopened_first():
    """Closed, it takes nothing but what is done, and being reopened; reopening an open one does nothing."""
    closed = TALK.assign("x", to="wei", who="li", at=NOW).close(who="li", at=NOW)
    with pytest.raises(InvalidValue, match="'Posted' is too late: it is closed"):
        closed.post("x", who="li", at=NOW)
    again = closed.reopen(who="wei", at=LATER, reason="a new case")
    assert not again.closed
    assert again.post("x", who="wei", at=LATER).posts
    assert TALK.reopen(who="li", at=NOW) is TALK


def test_what_arrives_twice_is_counted_once():
    """A key that is there already changes nothing."""
    talk = TALK.post("hello", who="wei", at=NOW, key="<m1@acme.example>")
    assert talk.post("hello", who="wei", at=LATER, key="<m1@acme.example>") is talk


def test_notices_go_to_all_but_who_did_it():
    """Of each new fact, everybody who takes part now is told, but for its author."""
    talk = TALK.join("bo", who="li", at=NOW).post("x", who="wei", at=NOW)
    assert talk.notices(after=2) == tuple(
        Notice(to, "G-1", "Why do we win at Acme?", talk.facts[2], "x") for to in ("li", "bo")
    )
    assert len(talk.notices()) == 6


def test_notices_are_in_words():
    """Each kind of fact is told in English and in Chinese, and one of another program by its name."""
    talk = TALK.join("bo", who="li", at=NOW).leave("bo", who="bo", at=NOW).decide("x", who="li", at=NOW)
    talk = talk.assign("y", to="wei", who="li", at=NOW, by=date(2026, 3, 9)).assign("z", to="wei", who="li", at=NOW)
    talk = (
        talk.done("G-1#5", who="wei", at=NOW)
        .close(who="li", at=NOW)
        .reopen(who="li", at=NOW, reason="new")
        .close(who="li", at=NOW, summary="agreed")
    )
    strange = Discussion([*talk.facts, Unknown(id="x", case="G-1", at=NOW, recorded=NOW, who="li", named="Z")])
    told = [
        [one.text for one in strange.notices(lang=lang) if one.to == "wei" or one.fact.who == "wei"]
        for lang in ("en", "zh")
    ]
    assert told == [
        ["li started a discussion: Why do we win at Acme?", "li asked bo in", "bo has left", "li decided: x", "li asks wei by 2026-03-09: y", "li asks wei: z",
         "wei reports it done: y", "li closed the discussion", "li reopened the discussion: new", "li closed the discussion: agreed", "li: Z"],
        ["li 发起讨论：Why do we win at Acme?", "li 邀请 bo 加入", "bo 已退出", "li 决定：x", "li 请 wei 负责（2026-03-09 前完成）：y", "li 请 wei 负责：z",
         "wei 报告已完成：y", "li 结束了讨论", "li 重新开启了讨论：new", "li 结束了讨论：agreed", "li：Z"],
    ]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: Discussion.start("", "x", who="li", at=NOW), InvalidValue, "no id"), (lambda: Discussion.start("G", " ", who="li", at=NOW), InvalidValue, "says nothing"),
    (lambda: TALK.post("\n", who="li", at=NOW), InvalidValue, "says nothing"), (lambda: TALK.post("x", who="li", at=NOW, quotes=["G-1#1"]), NotFound, "no post 'G-1#1'"),
    (lambda: TALK.done("G-1#1", who="li", at=NOW), NotFound, "no open action"), (lambda: Discussion([]), InvalidValue, "does not begin"),
    (lambda: Discussion([TALK.facts[0], attrs.evolve(TALK.facts[0], case="G-2")]), InvalidValue, "are several"),
])  # fmt: skip
def test_what_is_refused(make, error, message):
    """Nothing said, nothing there to answer, and facts that are no discussion."""
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(("text", "names", "expected"), [
    ("Chen, Chenault, CHEN", ["chen"], "[…], Chenault, […]"), ("陈先生在华星公司", ["陈先生", "华星"], "[…]在[…]公司"), ("a.b+c@d-e.example.com!", [], "[…]!"),
    ("call +49 (30) 123-4567 or 13812345678", [], "call […] or […]"), ("1200.50 EUR on 2026-03-02, 123456", [" "], "1200.50 EUR on […], 123456"), ("Acme China of Acme", ["Acme", "Acme China"], "[…] of […]"),
])  # fmt: skip
def test_redaction(text, names, expected):
    """Names as whole words, Chinese ones anywhere, addresses, long numbers; the longest name first. Dates fall with them."""
    assert redacted(text, names) == expected


@given(
    st.lists(st.sampled_from(["post", "decide", "assign", "join", "leave", "close", "reopen"]), max_size=12), st.data()
)
def test_facts_are_all_there_is(verbs, data):
    """Whatever was done in whatever order: the facts alone give the same discussion, and their ids are in order."""
    talk = TALK
    for verb in verbs:
        who = data.draw(st.sampled_from(["li", "wei", "bo"]))
        try:
            match verb:
                case "assign":
                    talk = talk.assign("x", to="wei", who=who, at=NOW)
                case "join" | "leave":
                    talk = getattr(talk, verb)("bo", who=who, at=NOW)
                case "close" | "reopen":
                    talk = getattr(talk, verb)(who=who, at=NOW)
                case _:
                    talk = getattr(talk, verb)("x", who=who, at=NOW)
        except (InvalidValue, NotFound):
            continue
    again = Discussion(talk.facts)
    assert (again, again.participants, again.closed, again.open_actions) == (
        talk,
        talk.participants,
        talk.closed,
        talk.open_actions,
    )
    assert [fact.id for fact in talk.facts] == [f"G-1#{number}" for number in range(1, len(talk.facts) + 1)]


@pytest.fixture(params=["memory", "sqlite"])
def discussions(request, tmp_path):
    """Discussions in a store."""
    if request.param == "memory":
        yield Discussions(MemoryEventStore(), lambda: LATER)
    else:
        with SqliteStore(tmp_path / "crm.db") as store:
            yield Discussions(store.events, lambda: LATER, tries=50)


def test_what_is_stored_is_read(discussions):
    """Facts come back as they were, but for when they were recorded; there is one discussion with an id."""
    discussions.start(TALK)
    changed = discussions.change(
        "G-1", lambda talk: talk.post("x", who="wei", at=NOW).assign("y", to="li", who="wei", at=NOW)
    )
    read = discussions.get("G-1")
    assert read == changed
    assert isinstance(read.posts[0], Posted)
    assert {fact.recorded for fact in read.facts} == {LATER}
    assert {fact.at for fact in read.facts} == {NOW}
    with pytest.raises(Conflict):
        discussions.start(Discussion.start("G-1", "Another topic", who="bo", at=NOW))
    for ask in (discussions.get, lambda id_: discussions.change(id_, lambda talk: talk)):
        with pytest.raises(NotFound, match="no discussion 'G-2'"):
            ask("G-2")


def test_nobody_is_lost_in_a_crowd(discussions):
    """Eight who write at the same time are all heard, each once."""
    crowd = attrs.evolve(discussions, tries=200)
    crowd.start(TALK)
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda number: crowd.change("G-1", lambda talk: talk.post(str(number), who="wei", at=NOW)), range(24)
            )
        )
    assert sorted(int(post.text) for post in crowd.get("G-1").posts) == list(range(24))


def test_giving_up():
    """Who is always too late is told, and somebody must try at least once."""
    store = MemoryEventStore()
    discussions = Discussions(store, lambda: NOW, tries=2)
    discussions.start(TALK)

    def slow(talk):
        discussions.store.append([attrs.evolve(talk.facts[0], id=f"other-{len(list(store.read()))}")])
        return talk.post("x", who="li", at=NOW)

    with pytest.raises(Conflict):
        discussions.change("G-1", slow)
    with pytest.raises(InvalidValue, match="below 1"):
        attrs.evolve(discussions, tries=0).change("G-1", slow)
