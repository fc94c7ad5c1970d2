"""Addresses: what stands in headers, and what people put there instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.kb.mail import Address
from crmkit.kb.mail.addresses import addresses_of

from ._growth import grows

SIGNS = st.text(st.sampled_from("ab1.@<>(),;:\"\\ \t'+-_[]张=?"), max_size=60)


def emails(text):
    """The addresses alone."""
    return [each.email for each in addresses_of(text)]


@pytest.mark.parametrize(("text", "expected"), [
    ("eva@nordwind.de", [Address("eva@nordwind.de")]),
    ("Eva Meier <Eva@Nordwind.DE>", [Address("Eva@nordwind.de", "Eva Meier")]),
    ('"Meier, Eva" <eva@nordwind.de>, li@example.cn', [Address("eva@nordwind.de", "Meier, Eva"), Address("li@example.cn")]),
    ('"boss@bank.example" <thief@example.net>', [Address("thief@example.net", "boss@bank.example")]),
    ("boss@bank.example <thief@example.net>", [Address("thief@example.net", "boss@bank.example")]),
    ("undisclosed-recipients:;", []), ("Team: a@x.org, B <b@x.org>; c@x.org", [Address("a@x.org"), Address("b@x.org", "B"), Address("c@x.org")]),
    ("pete(his (nested) account)@silly.test(his host)", []),
    ("Pete(A nice \\) chap) <pete@silly.test>", [Address("pete@silly.test", "Pete")]),
    ("Pete <pete(his account)@silly.test(his host)>", [Address("pete@silly.test", "Pete")]), ("J <jdoe@one . test>", [Address("jdoe@one.test", "J")]),
    ("<@relay.example:user@host.example>", [Address("user@host.example")]),
    ('"john doe"@example.org', [Address("john_doe@example.org")]),
    ("'eva@nordwind.de' <eva@nordwind.de>", [Address("eva@nordwind.de")]),
    ("a@b@c.org", []), ("@x.org", []), ("a@", []), ("a@x..org", []), ("", []), ("Eva", []), ("<>", []), ('"', []), ("((((", []), ("<", []),
    ("李 <li@例子.cn>", [Address("li@例子.cn", "李")]), ("Eva <eva@x.org", [Address("eva@x.org")]), ("a@x.org b@x.org", [Address("a@x.org")]),
    ("a@x.org;b@x.org", [Address("a@x.org"), Address("b@x.org")]), ("A <a@x.org> <b@x.org>", [Address("a@x.org", "A")]), ("x" * 400 + "@x.org", []),
])  # fmt: skip
def test_examples(text, expected):
    """Names with commas, groups, comments, source routes, quoted local parts, and what is no address."""
    assert list(addresses_of(text)) == expected


def test_spellings_of_one_mailbox_share_a_key():
    """Case, tags and googlemail.com do not make another mailbox; a name that is only a tag keeps it."""
    assert Address("Maria+crm@googlemail.com").key == Address("maria@gmail.com").key
    assert Address("+x@a.org").key == "+x@a.org"
    assert Address("Eva@a.org").domain == "a.org"
    assert str(Address("a@b.org")) == "a@b.org"


@given(SIGNS)
def test_nothing_that_is_written_breaks_the_reading(text):
    """Whatever stands there, every address found has two parts and stands in the text."""
    for each in addresses_of(text):
        local, _, domain = each.email.rpartition("@")
        assert local
        assert domain in text.lower()


@given(st.lists(st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.(org|cn)", fullmatch=True)))
def test_a_list_is_read_in_its_order(many):
    """Addresses with or without names come out as they went in."""
    assert emails(", ".join(many)) == many
    assert emails("; ".join(f'"X, Y" <{each}>' for each in many)) == many


@pytest.mark.parametrize("piece", ["()", "(", '"', '"a"', "<", "<a", "a@b.org,", "\\", ":", '("', "a ", "<(", "<(a)"])
def test_time_is_proportional_to_the_length(piece):
    """Eight times the text takes about eight times the time, and not sixty-four times."""
    assert grows(addresses_of, piece, 4_000) < 30
