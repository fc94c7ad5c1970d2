"""Discussions by mail: what a real server is given, and the whole way round to a post."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from imaplib import IMAP4
from smtplib import SMTP

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.imap import read_folder
from crmkit.adapters.memory import MemoryEventStore
from crmkit.adapters.smtp import MailTransport
from crmkit.errors import InvalidValue, NotFound, Unavailable
from crmkit.kb.correspondence import Correspondence, Placed
from crmkit.kb.discussions import Discussion, Discussions
from crmkit.kb.mail import parse, threads
from crmkit.protocols import Transport

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TALK = Discussion.start("G-1", "Why do we win in the 南方?", who="li", at=NOW, others=["wei"])
PEOPLE = {"li": "li@crm.example", "wei": "wei@crm.example"}
BY_MAIL = Correspondence({address: who for who, address in PEOPLE.items()}, b"at least sixteen bytes")


TWO_LINES = {"token": "a\r\nBcc: y@z"}


class Kept:
    """Keeps what the server is given: envelopes with their bytes."""

    def __init__(self):
        self.envelopes = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the name that aiosmtpd calls
        self.envelopes.append(envelope)
        return "250 OK"


class Delivered:
    """Delivers what the server is given into the folders of a mail server, one a receiver, as an MTA does."""

    def __init__(self, imap_port):
        self.imap_port = imap_port

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the name that aiosmtpd calls
        with IMAP4("127.0.0.1", self.imap_port, timeout=60) as mailbox:
            mailbox.login("eva", "secret")
            for receiver in envelope.rcpt_tos:
                mailbox.create(receiver)
                mailbox.append(receiver, None, None, envelope.content)
        return "250 OK"


def transport_to(port, people=PEOPLE, **more):
    """A transport to a server of ours."""
    return MailTransport(lambda: SMTP("127.0.0.1", port, timeout=60), "talk@crm.example", people, **more)


def first_notice(talk=TALK, by_mail=BY_MAIL):
    """The first notice of a discussion."""
    return by_mail.notices(talk)[0]


def test_what_a_server_is_given(smtp):
    """One receiver in the envelope, plain text, answers to the shared address, threaded below the first mail."""
    talk = TALK.post("Ask for the budget:\n.\nFrom the first call on\n" + "很" * 500, who="wei", at=NOW)
    kept = Kept()
    with smtp(kept) as port:
        transport = transport_to(port, names={"wei": "伟, Wei"})
        assert isinstance(transport, Transport)
        for notice in BY_MAIL.notices(talk):
            transport.send(notice)
    assert [(one.mail_from, one.rcpt_tos) for one in kept.envelopes] == [
        ("talk@crm.example", [PEOPLE[notice.to]]) for notice in BY_MAIL.notices(talk)
    ]
    first, second = (parse(one.content) for one in kept.envelopes)
    assert (first.subject, second.subject) == ("Why do we win in the 南方?", "Re: Why do we win in the 南方?")
    assert (str(second.sender), second.reply_to[0].email) == ("伟, Wei <talk@crm.example>", "talk@crm.example")
    assert second.text == talk.posts[0].text
    assert (first.sent, first.references, len(second.references)) == (NOW, (), 1)
    plain = message_from_bytes(kept.envelopes[1].content)
    assert (plain["In-Reply-To"], plain["Auto-Submitted"]) == (plain["References"], "auto-generated")
    assert (plain.get_content_type(), plain.is_multipart()) == ("text/plain", False)


def test_mails_of_a_discussion_are_one_thread():
    """For each receiver what was sent hangs together, and what they wrote by mail hangs there by its own id."""
    talk = TALK.post("a", who="wei", at=NOW, via="mail", key="77@wei.example").post(
        "b", who="li", at=NOW, quotes="G-1#2"
    )
    talk = talk.post("c", who="wei", at=NOW, quotes=["G-1#3", "G-1#2"]).close(who="li", at=NOW)
    transport = transport_to(0)
    for who in PEOPLE:
        sent = [parse(transport.mail(notice)) for notice in BY_MAIL.notices(talk) if notice.to == who]
        assert len(threads(sent)) == 1
    to_wei = [parse(transport.mail(notice)) for notice in BY_MAIL.notices(talk) if notice.to == "wei"]
    assert to_wei[1].references[-1] == "77@wei.example"


def test_the_whole_way_round(imap_port, smtp):
    """Sent, read from a mailbox, answered, read from the shared mailbox, and a post, once; and the other is told."""
    talks = Discussions(MemoryEventStore(), lambda: NOW + timedelta(hours=2))
    talk = talks.start(TALK)
    with smtp(Delivered(imap_port)) as port, IMAP4("127.0.0.1", imap_port, timeout=60) as mailbox:
        mailbox.login("eva", "secret")
        for folder in ("li@crm.example", "wei@crm.example", "talk@crm.example"):
            mailbox.delete(folder)
        transport = transport_to(port)
        for notice in BY_MAIL.notices(talk):
            transport.send(notice)
        ((_, told),) = read_folder(mailbox, "wei@crm.example")
        answer(port, told.raw, "wei@crm.example", "They ask for the budget first")
        ((_, raw),) = read_folder(mailbox, "talk@crm.example")
        placed = BY_MAIL.take(parse(raw.raw), talks)
        assert isinstance(placed, Placed)
        assert BY_MAIL.take(parse(raw.raw), talks) == placed
        assert [(post.text, post.who, post.via) for post in placed.discussion.posts] == [
            ("They ask for the budget first", "wei", "mail")
        ]
        for notice in BY_MAIL.notices(placed.discussion, after=1):
            transport.send(notice)
        ((_, told),) = read_folder(mailbox, "li@crm.example")
        answer(port, told.raw, "li@crm.example", "谢谢")
        *_, (_, raw) = read_folder(mailbox, "talk@crm.example")
        placed = BY_MAIL.take(parse(raw.raw), talks)
        assert (placed.discussion.posts[1].text, placed.discussion.posts[1].quotes) == ("谢谢", ("G-1#2",))


def answer(port, told, sender, text):
    """Answer a mail as a client does: its id, its text quoted, a signature."""
    before = parse(told)
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, before.reply_to[0].email, f"Re: {before.subject}"
    made["Date"], made["Message-ID"] = NOW + timedelta(hours=1), f"<{len(text)}.own@client.example>"
    made["In-Reply-To"] = f"<{before.id}>"
    quoted = "\n".join(f"> {line}" for line in before.text.split("\n"))
    made.set_content(f"{text}\n\nOn Mon, 2 Mar 2026 at 09:00, li <talk@crm.example> wrote:\n{quoted}\n")
    with SMTP("127.0.0.1", port, timeout=60) as server:
        server.send_message(made)


def test_the_same_notice_is_the_same_mail():
    """Sent again after a failure it has the same id, and every byte is the same."""
    assert transport_to(0).mail(first_notice()) == transport_to(0).mail(first_notice())


class Refused(Kept):
    """A server that takes nothing today."""

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the name that aiosmtpd calls
        return "451 try again later"


def test_a_server_that_does_not_take_it(smtp):
    """A refusal and a server that is not there are errors of ours, with the server's words."""
    with smtp(Refused()) as port, pytest.raises(Unavailable, match=r"451.*try again later"):
        transport_to(port).send(first_notice())
    with pytest.raises(Unavailable, match="ConnectionRefused"):
        transport_to(port).send(first_notice())


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: transport_to(0, {"li": "x"}).mail(first_notice()), InvalidValue, r"people\['li'\]: 'x' is no address"),
    (lambda: transport_to(0, {"li": "li@x\r\nBcc: y@z"}), InvalidValue, "is no address"),
    (lambda: MailTransport(SMTP, "张@x.cn", {}), InvalidValue, "address: '张@x.cn' is no address"),
    (lambda: transport_to(0, {"li": "li@x.org"}).send(first_notice()), NotFound, "no address of 'wei'"),
    (lambda: transport_to(0).send(TALK.notices()[0]), InvalidValue, "see crmkit.kb.correspondence"),
    (lambda: transport_to(0).mail(attrs.evolve(first_notice(), **TWO_LINES)), InvalidValue, "is none that"),
], ids=["no address", "a second header", "not ASCII", "unknown person", "no token", "token with a header"])  # fmt: skip
def test_what_is_refused(make, error, message):
    """Addresses that are none, people without one, and notices that could not be answered."""
    with pytest.raises(error, match=message):
        make()


HEADERS = {"From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
           "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}  # fmt: skip
NASTY = st.text(st.sampled_from('ab:<>@,;"\\=?南\r\n\t \0\x0b\x0c\x85\u2028\ud800é') | st.characters(), max_size=60)


@given(topic=NASTY, name=NASTY, text=NASTY, follows=st.lists(NASTY | st.just("1@x.org"), max_size=40))
def test_words_are_never_headers(topic, name, text, follows):
    """Whatever a topic, a name, a text and an id of mail hold, there are our headers once each, and lines that fit."""
    talk = Discussion.start("G-1", f"x{topic}", who="li", at=NOW, others=["wei"])
    notice = attrs.evolve(first_notice(talk), text=text, follows=tuple(follows))
    raw = transport_to(0, names={"wei": name, "li": name}).mail(notice)
    made = message_from_bytes(raw)
    assert len(made.keys()) == len(set(made.keys()))
    assert set(made.keys()) <= HEADERS
    assert max(map(len, raw.split(b"\r\n"))) < 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    read = parse(raw)
    assert [one.email for one in read.addresses] == ["talk@crm.example", "wei@crm.example"]
    assert read.id == f"{notice.token}@crm.example"
    assert set(read.references) <= {*follows, *(f"{one}@crm.example" for one in follows)}


def test_long_references_keep_both_ends():
    """Of a very long discussion the first mail and the last ones are named."""
    ids = [f"{number}{'x' * 60}@x.org" for number in range(40)]
    read = parse(transport_to(0).mail(attrs.evolve(first_notice(), follows=tuple(ids))))
    assert read.references[0] == ids[0]
    assert read.references[1:] == tuple(ids[-len(read.references) + 1 :])
    assert len(read.references) > 5
    assert read.subject.startswith("Re: ")


def test_long_topics_are_cut():
    """A topic is a subject of at most two hundred characters, and an ellipsis says that there is more."""
    talk = Discussion.start("G-1", "long " * 100, who="li", at=NOW, others=["wei"])
    subject = parse(transport_to(0).mail(first_notice(talk))).subject
    assert (len(subject), subject[-1]) == (200, "…")
