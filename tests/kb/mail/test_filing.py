"""Filing: rules and their evidence, ambiguity to the queue, and links that stay."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.kb.mail import Address, Book, Filed, Filing, Message, Queued, file_mail
from crmkit.model import Contact

from ._office import judged

US, COLLEAGUE = Address("us@crm.example"), Address("colleague@crm.example")
EVA, BO, LI = (
    Address("eva@nordwind.example", "Eva Meier"),
    Address("bo@nordwind.example"),
    Address("li@gmail.com", "Li Wei"),
)
BOOK = Book(
    [Contact("1", "nordwind", "Eva", (EVA.email,)), Contact("2", "li", "Li", (LI.email,))],
    ours=["crm.example"],
    secret=b"s",
)
FORWARD = "See below.\n\n---------- Forwarded message ---------\nFrom: {}\nDate: x\nSubject: y\n\nWhat does it cost?"

EMAILS = [f"{who}@{where}" for who in ("eva", "bo") for where in ("a.example", "b.example", "gmail.com", "crm.example")]
PEOPLE = st.sampled_from([Address(email, name) for email in EMAILS for name in ("Eva Meier", "")])
IDS = st.sampled_from([f"{n}@x" for n in range(5)])
MESSAGES = st.lists(st.builds(
    Message, id=IDS, sent=st.integers(0, 9).map(lambda day: at(day)), subject=st.sampled_from(["Offer", "Re: Offer", "Fwd: " + BOOK.token("one")]),
    sender=st.none() | PEOPLE, to=st.lists(PEOPLE, max_size=2).map(tuple), references=st.lists(IDS, max_size=2).map(tuple),
    text=st.sampled_from(["", FORWARD.format("eva@a.example"), FORWARD.format("bo@gmail.com")]), automatic=st.sampled_from([None, None, "bulk"]),
), max_size=6, unique_by=lambda message: message.id)  # fmt: skip
CONTACTS = st.builds(
    Contact,
    st.just("1"),
    st.sampled_from(["one", "two", "three"]),
    emails=st.lists(st.sampled_from(EMAILS), max_size=2).map(tuple),
)


def at(day):
    """An instant of a day."""
    return datetime(2024, 3, 1, tzinfo=UTC) + timedelta(days=day)


def mail(number=1, sender=EVA, to=(US,), subject="Offer", **more):
    """A message in short."""
    return Message(f"{number}@x", at(number), subject, sender, to, **more)


def links(*messages, book=BOOK, **more):
    """What is filed, in short."""
    found = file_mail(messages, book, **more)
    return [
        (each.message[0], each.customer, each.role, each.rule, each.evidence, each.confidence) for each in found.filings
    ]


def test_by_address_and_domain():
    """The writer, who got it and who got a copy, each by what is known of them; spellings and subdomains do not matter."""
    assert links(mail()) == [("1", "nordwind", "from", "address", EVA.email, 1.0)]
    assert links(mail(sender=US, to=(BO,), cc=(Address("Li+x@googlemail.com"),))) == [
        ("1", "li", "cc", "address", "li@gmail.com", 1.0), ("1", "nordwind", "to", "domain", "nordwind.example", 0.9)]  # fmt: skip
    assert links(mail(sender=Address("x@mx.nordwind.example"))) == [
        ("1", "nordwind", "from", "domain", "nordwind.example", 0.9)
    ]
    assert links(mail(sender=Address("form@web.example"), reply_to=(EVA,))) == [
        ("1", "nordwind", "from", "address", EVA.email, 1.0)
    ]
    assert links(mail(sender=BO, to=(US, EVA))) == [("1", "nordwind", "to", "address", EVA.email, 1.0)]


def test_free_mail_says_nothing_of_a_company():
    """Somebody else at a provider of free mail is unknown."""
    found = file_mail([mail(sender=Address("zhang@gmail.com"))], BOOK)
    assert found == Filed(queue=(Queued("1@x", "unknown", Address("zhang@gmail.com")),))
    assert file_mail([mail(sender=Address("x@localhost"))], BOOK).queue[0].reason == "unknown"


def test_by_token():
    """Our own mark in the subject names the customer whoever writes; one that nobody made with the secret does not."""
    stranger = Address("x@stranger.example")
    token = BOOK.token("nordwind")
    assert links(mail(sender=stranger, subject=f"Re: Offer {token}")) == [
        ("1", "nordwind", "about", "token", token, 0.95)
    ]
    assert links(mail(sender=stranger, subject="Re: Offer [#AAAAAAAAAAAAAAAA]")) == []
    assert links(mail(sender=stranger, subject=token), book=attrs.evolve(BOOK, secret=b"other")) == []
    with pytest.raises(InvalidValue, match="secret"):
        Book([]).token("nordwind")
    assert "secret" not in repr(BOOK)


def test_what_a_colleague_passes_on():
    """Whose message it is, if one of us passes it on; a stranger who writes such a block is not believed."""
    expected = [("1", "nordwind", "about", "forwarded", EVA.email, 0.8)]
    assert links(mail(sender=COLLEAGUE, text=FORWARD.format(EVA))) == expected
    assert links(mail(sender=COLLEAGUE, enclosed=EVA)) == expected
    assert (
        links(
            mail(
                sender=COLLEAGUE,
                subject="WG: x",
                text="a\n\nVon: Eva <eva@nordwind.example>\nGesendet: x\nAn: y\nBetreff: z",
            )
        )
        == expected
    )
    assert (
        links(
            mail(
                sender=COLLEAGUE,
                subject="AW: x",
                text="a\n\nVon: Eva <eva@nordwind.example>\nGesendet: x\nAn: y\nBetreff: z",
            )
        )
        == []
    )
    assert links(mail(sender=Address("x@stranger.example"), text=FORWARD.format(EVA))) == []
    unknown = file_mail([mail(sender=COLLEAGUE, text=FORWARD.format("x@stranger.example"))], BOOK)
    assert unknown.queue == (Queued("1@x", "unknown", Address("x@stranger.example")),)
    assert file_mail([mail(sender=COLLEAGUE, text=FORWARD.format("us@crm.example"))], BOOK).internal == ("1@x",)


def test_by_thread():
    """What says nothing itself inherits the only customer of its thread, with less confidence by subject."""
    stranger = Address("x@gmail.com")
    assert links(mail(), mail(2, stranger, references=("1@x",)))[1] == ("2", "nordwind", "about", "thread", "1@x", 0.7)
    assert links(mail(), mail(2, US, (EVA, stranger)), mail(3, stranger, subject="Re: Offer"))[2] == (
        "3",
        "nordwind",
        "about",
        "thread",
        "2@x",
        0.5,
    )
    assert links(mail(), mail(2, COLLEAGUE, references=("1@x",)))[1] == ("2", "nordwind", "about", "thread", "1@x", 0.7)
    several = file_mail([mail(to=(US, LI)), mail(2, stranger, references=("1@x",))], BOOK)
    assert several.queue == (Queued("2@x", "several", stranger, ("li", "nordwind")),)


def test_by_another_address_of_the_same_person():
    """Who writes under a known name from elsewhere, in a thread with the known address, is the same; elsewhere not."""
    private = Address("eva.meier@gmail.com", "Meier, Eva"), Address("eva.m@gmail.com", "EVA  MEIER")
    assert links(mail(), mail(2, private[1], references=("1@x",)))[1] == (
        "2",
        "nordwind",
        "from",
        "identity",
        EVA.email,
        0.8,
    )
    assert links(mail(), mail(2, private[0], subject="Other")) == links(mail())
    assert (
        links(mail(2, private[1], (US, Address("li@gmail.com", "Eva Meier"))), mail(3, references=("2@x",)))[0][1]
        == "li"
    )
    colleague = Address("eva@crm.example", "Eva Meier")
    assert [each[:2] for each in links(mail(), mail(2, colleague, references=("1@x",)))] == [
        ("1", "nordwind"),
        ("2", "nordwind"),
    ]
    assert links(mail(), mail(2, Address("e@gmail.com", "Eva"), references=("1@x",)))[1][3] == "thread"


def test_several_are_not_guessed():
    """An address or a domain that may be that of several customers waits, unless the thread has one of them."""
    both = Book([*BOOK.contacts, Contact("3", "südwind", emails=(EVA.email,))], ours=["crm.example"])
    assert file_mail([mail()], both) == Filed(queue=(Queued("1@x", "several", EVA, ("nordwind", "südwind")),))
    assert file_mail([mail(sender=BO)], both).queue == (Queued("1@x", "several", BO, ("nordwind", "südwind")),)
    kept = Filed((Filing("1@x", "südwind", "from", "person", "Anna decided", 1.0),))
    assert file_mail([mail()], both, filed=kept).filings == kept.filings
    assert file_mail([mail()], both, filed=kept).queue == ()
    assert links(mail(), mail(2, BO, references=("1@x",)), book=both, filed=kept)[1] == (
        "2",
        "südwind",
        "about",
        "thread",
        "1@x",
        0.7,
    )
    partly = file_mail([mail(to=(US, LI))], both)
    assert (partly.under("li"), partly.queue) == (("1@x",), (Queued("1@x", "several", EVA, ("nordwind", "südwind")),))


def test_domains_of_customers():
    """A domain may be given, also below another, or for several; what is none, or free, is refused."""
    book = Book([], domains={"holding.example": "holding", "berlin.holding.example": "berlin"})
    assert [
        links(mail(sender=Address(f"x@{host}")), book=book)[0][1]
        for host in ("holding.example", "a.berlin.holding.example")
    ] == ["holding", "berlin"]
    shared = Book([], domains=[("both.example", "a"), ("Both.example.", "b")])
    assert file_mail([mail(sender=Address("x@both.example"))], shared).queue[0].customers == ("a", "b")
    with pytest.raises(InvalidValue, match="anybody gets an address"):
        Book([], domains={"gmail.com": "a"})
    with pytest.raises(InvalidValue, match="none that somebody can register"):
        Book([], ours=["com"])
    with pytest.raises(InvalidValue, match="one text"):
        Book([], ours="crm.example")


def test_addresses_of_contacts():
    """They are read as people write them; what is none is a finding."""
    book = Book([Contact("1", "a", emails=("Eva <EVA@x.example>; bo@gmail.com", "by phone"))])
    assert book.findings == ("contact 1 of a: 'by phone' is no address",)
    assert [links(mail(sender=Address(email)), book=book)[0][3] for email in ("eva@x.example", "bo@gmail.com")] == [
        "address",
        "address",
    ]


def test_machines_never_propose_a_contact():
    """What a machine wrote may be linked; otherwise it is ignored, whoever it is from."""
    assert links(mail(automatic="auto-submitted")) == [("1", "nordwind", "from", "address", EVA.email, 1.0)]
    assert file_mail([mail(sender=Address("news@shop.example"), automatic="newsletter")], BOOK) == Filed(
        ignored=("1@x",)
    )
    both = Book([*BOOK.contacts, Contact("3", "südwind", emails=(EVA.email,))])
    assert file_mail([mail(automatic="bulk")], both).queue == ()


def test_what_is_between_colleagues_and_what_names_nobody():
    """The one is about nobody, the other waits."""
    assert file_mail([mail(sender=US, to=(COLLEAGUE,))], BOOK) == Filed(internal=("1@x",))
    assert file_mail([mail(sender=None, to=())], BOOK) == Filed(queue=(Queued("1@x", "nobody"),))
    contact = Contact("3", "sister", emails=(COLLEAGUE.email,))
    assert links(mail(sender=COLLEAGUE, to=(US,)), book=Book([contact], ours=["crm.example"]))[0][1] == "sister"


@given(MESSAGES, st.lists(CONTACTS, max_size=4), CONTACTS, st.randoms(use_true_random=False))
def test_a_contact_more_only_files_more(messages, contacts, new, chance):
    """With earlier links kept, another contact moves mail out of the queue or adds a link, and does nothing else."""
    before = file_mail(messages, Book(contacts, ours=["crm.example"], secret=b"s"))
    after = file_mail(messages, Book([*contacts, new], ours=["crm.example"], secret=b"s"), filed=before)
    assert {(each.message, each.customer) for each in before.filings} <= {
        (each.message, each.customer) for each in after.filings
    }
    assert {each.message for each in after.queue} <= {each.message for each in before.queue}
    shuffled = chance.sample(messages, len(messages))
    assert (
        file_mail(shuffled, Book(chance.sample(contacts, len(contacts)), ours=["crm.example"], secret=b"s")) == before
    )


@given(MESSAGES, st.lists(CONTACTS, max_size=4))
def test_every_message_is_somewhere(messages, contacts):
    """Filed, queued, ignored or internal, and of the last three in one; filing again with the outcome changes nothing."""
    book = Book(contacts, ours=["crm.example"], secret=b"s")
    found = file_mail(messages, book)
    filed, queued = {each.message for each in found.filings}, {each.message for each in found.queue}
    assert filed | queued | {*found.ignored, *found.internal} == {message.id for message in messages}
    assert not filed & {*found.ignored, *found.internal}
    assert not queued & {*found.ignored, *found.internal}
    machines = {message.id for message in messages if message.automatic}
    assert not queued & machines
    assert file_mail(messages, book, filed=found) == found


def test_an_office():
    """Of two thousand made-up messages nearly all links are right, nearly all are found, and little is left to decide."""
    filed, precision, recall, waiting, _ = judged(1, 70, 2_000)
    print(f"2,000 messages: precision {precision:.4f}, recall {recall:.4f}, queued {waiting:.4f}")  # noqa: T201  # the figures are what one wants to see
    assert precision > 0.98
    assert recall > 0.93
    assert waiting < 0.06
    assert {each.rule for each in filed.filings} == {"address", "domain", "forwarded", "identity", "thread", "token"}
