"""Answers by mail: which become posts, and why the others do not."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryEventStore
from crmkit.errors import InvalidValue, NotFound
from crmkit.kb.correspondence import Correspondence, Placed, Unplaced
from crmkit.kb.discussions import Discussion, Discussions
from crmkit.kb.mail import Address, Attachment, Message

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SECRET = b"at least sixteen bytes"
BY_MAIL = Correspondence({"LI@crm.example": "li", "wei@crm.example": "wei", "wei@home.example": "wei"}, SECRET)
TALK = Discussion.start("G-1", "Why do we win?", who="li", at=NOW, others=["wei"]).post("Ask first", who="li", at=NOW)


@pytest.fixture
def talks():
    """A store with a discussion."""
    made = Discussions(MemoryEventStore(), lambda: LATER)
    made.start(TALK)
    return made


def token_of(fact, to, by_mail=BY_MAIL, talk=TALK):
    """The token that a person was given with a fact."""
    return next(one.token for one in by_mail.notices(talk) if (one.fact.id, one.to) == (fact, to))


def answer(fact="G-1#2", to="wei", **more):
    """An answer of somebody to what they were told."""
    usual = Message("m1@wei.example", NOW, sender=Address("Wei@crm.example"), text="Yes\n\n> Ask first",
                    references=(f"{token_of(fact, to)}@crm.example",))  # fmt: skip
    return attrs.evolve(usual, **more)


def test_an_answer_is_a_post(talks):
    """Without what it quotes, of whom it is, when it was sent, to what it answers; the second time nothing."""
    attached = (Attachment("plan.pdf", "application/pdf", 900),)
    placed = BY_MAIL.take(answer(attachments=attached), talks)
    assert isinstance(placed, Placed)
    (_, post) = placed.discussion.posts
    assert (post.text, post.who, post.at, post.via) == ("Yes", "wei", NOW, "mail")
    assert (post.quotes, post.key, placed.left_out) == (("G-1#2",), "m1@wei.example", attached)
    assert BY_MAIL.take(answer(attachments=attached), talks) == placed


def test_from_any_address_of_theirs(talks):
    """Who writes from another of their addresses is who they are."""
    placed = BY_MAIL.take(answer(sender=Address("wei@home.example")), talks)
    assert placed.discussion.posts[1].who == "wei"


def test_what_is_no_post_is_not_quoted(talks):
    """An answer to the beginning quotes nothing, and one from the future or without a date is of now."""
    for number, sent in enumerate((None, LATER + timedelta(days=400))):
        placed = BY_MAIL.take(answer("G-1#1", id=f"{number}@x", sent=sent), talks)
        assert (placed.discussion.posts[-1].quotes, placed.discussion.posts[-1].at) == ((), LATER)


def test_the_last_that_was_told_counts(talks):
    """Of several ids, in any letters and with strangers between them, the last that the sender was given."""
    references = ("x@y", f"{token_of('G-1#1', 'wei')}@a", f"{token_of('G-1#2', 'wei').upper()}@a", "zz.zz@b", "ff.00@b")
    placed = BY_MAIL.take(answer(references=references), talks)
    assert placed.discussion.posts[-1].quotes == ("G-1#2",)


OTHER = Correspondence({"wei@crm.example": "wei"}, b"quite another secret")


@pytest.mark.parametrize(("mail", "why"), [
    (answer(automatic="bounce"), "a machine wrote it"), (answer(sender=None), "nobody sent it"),
    (answer(sender=Address("eve@x.org")), "has the address eve@x.org"), (answer(references=()), "nothing that wei was told"),
    (answer(sender=Address("li@crm.example")), "nothing that li was told"), (answer(text="> Ask first"), "says nothing"),
    (answer(references=(f"{token_of('G-1#2', 'wei', OTHER)}@x",)), "nothing that wei was told"),
    (answer(references=(f"{token_of('G-2#1', 'wei', talk=Discussion.start('G-2', 'x', who='li', at=NOW, others=['wei']))}@x",)), "no discussion 'G-2'"),
], ids=["machine", "no sender", "stranger", "no reference", "passed on", "empty", "forged", "unknown discussion"])  # fmt: skip
def test_what_becomes_nothing(talks, mail, why):
    """Machines, strangers, mail that was passed on or made up: nothing is stored, and the reason is told."""
    unplaced = BY_MAIL.take(mail, talks)
    assert isinstance(unplaced, Unplaced)
    assert why in unplaced.why
    assert len(talks.get("G-1").facts) == len(TALK.facts)


def test_too_late_or_twice(talks):
    """Closed, it takes no answers; nor does an answer go into two discussions."""
    other = Discussion.start("G-2", "x", who="li", at=NOW, others=["wei"])
    talks.start(other)
    assert isinstance(BY_MAIL.take(answer(), talks), Placed)
    again = BY_MAIL.take(answer(references=(f"{token_of('G-2#1', 'wei', talk=other)}@x",)), talks)
    assert "m1@wei.example" in again.why
    talks.change("G-1", lambda talk: talk.close(who="li", at=LATER))
    assert "it is closed" in BY_MAIL.take(answer(id="m2@wei.example"), talks).why


def test_what_a_notice_follows():
    """The beginning, then what is quoted; where somebody wrote that by mail, the id of their mail."""
    talk = TALK.post("a", who="wei", at=NOW, via="mail", key="7@wei.example").post(
        "b", who="wei", at=NOW, via="mail", key="sha256:1"
    )
    talk = talk.post("c", who="li", at=NOW, quotes=["G-1#3", "G-1#4", "G-1#2"])
    notices = {(one.fact.id, one.to): one for one in BY_MAIL.notices(talk)}
    root, second = notices["G-1#1", "wei"].token, notices["G-1#2", "wei"].token
    follows = notices["G-1#5", "wei"].follows
    assert (follows[:3], notices["G-1#1", "wei"].follows) == ((root, second, "7@wei.example"), ())
    assert len(follows) == 4
    assert "@" not in follows[3]
    assert notices["G-1#2", "wei"].follows == (root,)
    assert [one.text for one in BY_MAIL.notices(talk, after=4)] == ["c"]


def test_words_of_a_language():
    """Notices are in the language of the correspondence."""
    chinese = attrs.evolve(BY_MAIL, lang="zh")
    assert chinese.notices(TALK)[0].text == "li 发起讨论：Why do we win?"


@given(st.text(min_size=1, max_size=70), st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5))
def test_tokens_are_for_one_person_and_one_fact(topic_id, one, other):
    """No two facts and no two people have a token in common, and each is letters, digits and a dot."""

    def tokens(id_):
        talk = Discussion.start(id_, "x", who="", at=NOW, others=[one, other])
        return {(notice.fact.id, notice.to): notice.token for notice in BY_MAIL.notices(talk)}

    found = tokens(topic_id.encode("utf-8", "replace").decode()) | tokens("another")
    assert len(set(found.values())) == len(found)
    assert all(token.replace(".", "").isalnum() and token.isascii() for token in found.values())


def test_what_is_refused():
    """A secret that could be guessed, an id that no mail holds, a language that is not spoken."""
    with pytest.raises(InvalidValue, match="give at least 16"):
        Correspondence({}, b"short")
    with pytest.raises(InvalidValue, match="too long for mail"):
        BY_MAIL.notices(Discussion.start("x" * 300, "x", who="li", at=NOW, others=["wei"]))
    with pytest.raises(NotFound, match="language"):
        attrs.evolve(BY_MAIL, lang="fr").notices(TALK)
