"""Messages: read whatever is wrong with them, and what was wrong is said."""

import base64
import io
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.kb.mail import Address, Attachment, parse

from ._growth import grows

HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "References", "Content-Type", "Content-Transfer-Encoding", "Received", "Thread-Index",
           "Content-Disposition", "MIME-Version", "Auto-Submitted"]  # fmt: skip
VALUES = [b"a@b.org", b"=?utf-8?b?5oql5Lu3?=", b"=?gb2312?q?=B1=A8?=", b"=?x?b?!!!?=", b"<1@x> <2@x>", b"multipart/mixed; boundary=b", b"text/html; charset=lies",
          b"base64", b"quoted-printable", b"Mon, 99 Foo 2024 25:61:61 +9999", b"\xff\xfe", b"text/plain; charset=punycode", b"x" * 90, b'"', b"(", b"",
          b"multipart/mixed", b"message/rfc822", b"attachment; filename*0*=utf-8''%e6; filename=../../etc", b"uuencode", b"text/plain; charset*=\0'en'x; name*=\0'en'%e6", b"attachment; filename*=\0'en'%e6"]  # fmt: skip
BODIES = [
    b"\n",
    b"--b\n",
    b"--b--\n",
    b"\r\n\r\n",
    b"text",
    b"\x00\xff",
    "你好".encode(),
    "你好".encode("gb18030"),
    b"begin 644 x\n",
    b"<p>",
    b"=E4",
    b"AAAA",
]


def said(message, word):
    """Whether some finding has a word."""
    return any(word in each for each in message.findings)


def text(body, kind="text/plain", **headers):
    """The text of a message of one part."""
    told = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in headers.items())
    return parse(f"Content-Type: {kind}\n{told}\n".encode() + body)


def test_what_a_client_sends():
    """A message of several parts, made by the standard library, is read as it was meant."""
    sent = EmailMessage()
    sent["From"] = "李 伟 <li@example.cn>"
    sent["To"] = '"Meier, Eva" <eva@nordwind.example>, sales@nordwind.example'
    sent["Cc"], sent["Reply-To"] = "a@x.org", "li@other.cn"
    sent["Subject"] = "报价单 " * 30
    sent["Date"] = "Fri, 01 Mar 2024 17:00:00 +0800"
    sent["Message-ID"], sent["In-Reply-To"], sent["References"] = (
        "<3@example.cn>",
        "<2@n.example>",
        "<1@n.example> <2@n.example>",
    )
    sent["Thread-Index"] = base64.b64encode(bytes(27)).decode()
    sent.set_content("价格如下。\n")
    sent.add_alternative("<p>价格如下。</p>", subtype="html")
    sent.add_attachment(b"x" * 30, maintype="application", subtype="pdf", filename="报价.pdf")
    message = parse(bytes(sent))
    assert message.sender == Address("li@example.cn", "李 伟")
    assert message.to == (Address("eva@nordwind.example", "Meier, Eva"), Address("sales@nordwind.example"))
    assert (message.cc, message.reply_to) == ((Address("a@x.org"),), (Address("li@other.cn"),))
    assert message.subject == ("报价单 " * 30).strip()
    assert message.sent == datetime(2024, 3, 1, 9, tzinfo=UTC)
    assert (message.id, message.references) == ("3@example.cn", ("1@n.example", "2@n.example"))
    assert message.conversation == "A" * 29
    assert message.text == "价格如下。"
    assert message.attachments == (Attachment("报价.pdf", "application/pdf", 41),)
    assert message.findings == ()
    assert [each.email for each in message.addresses] == [
        "li@example.cn",
        "eva@nordwind.example",
        "sales@nordwind.example",
        "a@x.org",
    ]


RFC_5322_A5 = rb"""From: Pete(A nice \) chap) <pete(his account)@silly.test(his host)>
To:A Group(Some people)
     :Chris Jones <c@(Chris's host.)public.example>,
         joe@example.org,
  John <jdoe@one.test> (my dear friend); (the end of the group)
Cc:(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;
Date: Thu,
      13
        Feb
          1969
      23:32
               -0330 (Newfoundland Time)
Message-ID:              <testabcd.1234@silly.test>

Testing.
"""
RFC_5322_A63 = b"""From  : John Doe <jdoe@machine(comment).  example>
To    : Mary Smith

          <mary@example.net>
Subject     : Saying Hello
Date  : Fri, 21 Nov 1997 09(comment):   55  :  06 -0600
Message-ID  : <1234   @   local(blah)  .machine .example>

This is a message just to say hello.
"""


def test_the_torture_of_the_standard():
    """Appendix A.5 of RFC 5322: comments, groups and folding wherever they are allowed."""
    message = parse(RFC_5322_A5)
    assert message.sender == Address("pete@silly.test", "Pete")
    assert message.to == (
        Address("c@public.example", "Chris Jones"),
        Address("joe@example.org"),
        Address("jdoe@one.test", "John"),
    )
    assert message.cc == ()
    assert message.sent == datetime(1969, 2, 14, 3, 2, tzinfo=UTC)
    assert (message.id, message.text, message.findings) == ("testabcd.1234@silly.test", "Testing.", ())


def test_what_was_allowed_once():
    """Appendix A.6.3 of RFC 5322, obsolete since 2001: blanks before colons and inside dates is read as far as it goes."""
    message = parse(RFC_5322_A63)
    assert message.text.endswith("just to say hello.")
    assert message.findings


@pytest.mark.parametrize(("header", "expected"), [
    # The examples of RFC 2047, section 8.
    (b"=?ISO-8859-1?Q?a?=", "a"), (b"=?ISO-8859-1?Q?a?= b", "a b"), (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
    (b"=?ISO-8859-1?Q?a?=\n  =?ISO-8859-1?Q?b?=", "ab"), (b"=?ISO-8859-1?Q?a_b?=", "a b"), (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
    (b"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"), (b"=?utf-8?b?5oql?= =?utf-8?b?5Lu3?=", "报价"),
    # One character cut in two, a wrong label, no label at all, and nonsense.
    (b"=?utf-8?b?5oq=?= =?utf-8?b?pQ==?=", "报"), (b"=?gb2312?b?6EY=?=", "鐵"[:0] + b"\xe8F".decode("gb18030")), ("报价".encode(), "报价"), ("报价".encode("gb18030"), "报价"),
    (b"Re: =?utf-8?b?5oql?=", "Re: 报"), (b"=?utf-8?b?A?=", "=?utf-8?b?A?="), (b"=?no-such?q?a?=", "a"), (b"a =?b", "a =?b"), (b"\xff\xff", "\ufffd\ufffd"), (b"=?zlib?b?eJw=?=", "x\ufffd"),
    (b"=?undefined?q?a?=", "a"), (b"=?utf-7?q?+2AA-?=", "+2AA-"), (b"=?\xff?q?a?=", "a"),
])  # fmt: skip
def test_subjects(header, expected):
    """Encoded words, and what clients make of them."""
    assert parse(b"Subject: " + header + b"\n\n").subject == expected


@pytest.mark.parametrize(("date", "expected"), [
    ("Fri, 1 Mar 2024 17:00:00 +0800", datetime(2024, 3, 1, 9, tzinfo=UTC)), ("1 Mar 24 17:00 GMT", datetime(2024, 3, 1, 17, tzinfo=UTC)),
    ("Fri, 1 Mar 2024 17:00:00", datetime(2024, 3, 1, 17, tzinfo=UTC)), ("yesterday", None), ("Fri, 99 Mar 2024 17:00:00 +0800", None), ("", None),
    ("Fri, 1 Mar 2024 17:00:00 +99999999999999", None), ("31 Dec 9999 23:59:59 -0100", None), ("9" * 100_000, None), (" , ", None), (" : : ", None),
])  # fmt: skip
def test_dates(date, expected):
    """Every zone becomes UTC; what is no date is said to be none."""
    message = parse(f"Date: {date}\n\n".encode())
    assert message.sent == expected
    assert said(message, "no date") == (expected is None)


@pytest.mark.parametrize(("date", "told"), [("1 Mar 2024 17:00:00", True), ("Fri Mar  1 17:00:00 2024", True), ("1 Mar 2024 17:00 GMT", False),
                                           ("1 Mar 2024 17:00:00 -0500", False)])  # fmt: skip
def test_a_date_without_a_zone_is_told(date, told):
    """It is taken for UTC, which it may not be."""
    assert said(parse(f"Date: {date}\n\n".encode()), "no zone") == told


@pytest.mark.parametrize(("encoding", "body", "expected"), [
    ("base64", b"5oql5Lu3", "报价"), ("BASE64", b"5o ql\n5L*u3==", "报价"), ("base64", b"5oql5", "报"), ("base64", b"YQ", "a"), ("base64", b"", ""),
    ("quoted-printable", b"=E6=8A=A5=\n x=4", "报 x=4"), ("8bit", "报".encode(), "报"), ("nonsense", b"a=E6", "a=E6"), ("x-uuencode", b"begin", "begin"),
])  # fmt: skip
def test_transfer_encodings(encoding, body, expected):
    """What the encoding leaves out of the ordinary is passed over."""
    assert text(body, Content_Transfer_Encoding=encoding).text == expected


def test_a_missing_date_is_that_of_the_first_server():
    """The lowest Received header that has a date stands for it, and that is said."""
    message = parse(
        b"Received: from a; Fri, 1 Mar 2024 09:00:02 +0000\nReceived: b; Fri, 1 Mar 2024 09:00:01 +0000\nReceived: odd\n\n"
    )
    assert message.sent == datetime(2024, 3, 1, 9, 0, 1, tzinfo=UTC)
    assert said(message, "received")


@pytest.mark.parametrize(("header", "ids"), [
    (b"References: <a@x>\n <b@x>\nIn-Reply-To: <b@x>", ("a@x", "b@x")), (b"In-Reply-To: a@x", ("a@x",)), (b"In-Reply-To: your mail of Monday <a@x>", ("a@x",)),
    (b"In-Reply-To: your mail", ()), (b"References: < a@x >< >", ("a@x",)), (b"References: <\xff@x>", ("\ufffd@x",)), (b"References: <" + b" " * 150_000, ()),
])  # fmt: skip
def test_references(header, ids):
    """Ids with and without brackets, folded, with words around them."""
    assert parse(header + b"\n\n").references == ids


def test_without_an_id_the_content_is_one():
    """The same message has the same id twice, another message another."""
    one, two = parse(b"Subject: a\n\nx"), parse(b"Subject: a\n\ny")
    assert one.id == parse(b"Subject: a\n\nx").id != two.id
    assert one.id.startswith("sha256:")
    assert said(one, "Message-ID")


@pytest.mark.parametrize(("body", "charset", "expected", "told"), [
    ("你好".encode(), "utf-8", "你好", ""), ("你好".encode("gb18030"), "gb2312", "你好", ""), ("鎔".encode("gb18030"), "gb2312", "鎔", ""),
    ("你好".encode("gb18030"), "utf-8", "你好", "not the utf-8"), ("你好".encode(), "us-ascii", "你好", ""), (b"\x93quoted\x94", "iso-8859-1", "“quoted”", ""),
    ("こんにちは".encode("iso2022_jp"), "iso-2022-jp", "こんにちは", ""), ("안녕".encode("cp949"), "ks_c_5601-1987", "안녕", ""),
    ("你好".encode(), "no-such-thing", "你好", "not the no-such-thing"), (b"\xff\xff\xff", "utf-8", "\ufffd" * 3, "no charset that fits"),
    (b"abc", "unicode_escape", "abc", "not the unicode_escape"), (b"abc", "zlib", "abc", "not the zlib"), (b"abc", "punycode", "abc", "not the punycode"),
    (b"\xff\xff", "", "\ufffd" * 2, "none is named"), (b"a\0b", "utf-8", "ab", ""), (b"a\r\nb\rc", "utf-8", "a\nb\nc", ""),
])  # fmt: skip
def test_charsets(body, charset, expected, told):
    """The declared charset is tried, then those that are likely; lies are told, and no bytes are an error."""
    message = text(body, f"text/plain; charset={charset}", Content_Transfer_Encoding="8bit")
    assert message.text == expected
    assert not told or said(message, told)


def test_text_that_is_too_long_is_cut():
    """What is left is the beginning, without half a character."""
    message = parse(b"Content-Type: text/plain; charset=utf-8\n\n" + "你好吗".encode() * 10, longest=7)
    assert message.text == "你好吗你好吗你"
    assert said(message, "longer than 7")


def test_several_texts_belong_together():
    """Texts around a picture are one; a text with a name after another is a file; HTML is read where there is no other."""
    mixed = (
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: image/png\n\nx\n--b\n\ntwo\n--b\n"
    )
    message = parse(mixed + b"Content-Disposition: inline; filename=log.txt\n\nlog\n--b--\n")
    assert message.text == "one\n\ntwo"
    assert [each.name for each in message.attachments] == ["", "log.txt"]
    assert text(b"<p>a</p>", "text/html").text == "a"
    empty = parse(
        b"Content-Type: multipart/alternative; boundary=b\n\n--b\n\n \n--b\nContent-Type: text/html\n\n<p>a\n--b--\n"
    )
    assert empty.text == "a"


def test_a_message_inside_is_named_and_not_read():
    """Of a message that is attached its author is known; its text is not that of the outer one."""
    outer = b"Subject: Fwd\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee below\n--b\nContent-Type: message/rfc822\n\n"
    message = parse(outer + b"From: Li <li@example.cn>\n\nthe offer\n--b--\n")
    assert message.enclosed == Address("li@example.cn", "Li")
    assert message.text == "see below"
    assert [each.type for each in message.attachments] == ["message/rfc822"]
    assert parse(outer + b"\n\n--b--\n").enclosed is None


@pytest.mark.parametrize(("name", "expected"), [
    ('"../../etc/passwd"', "passwd"), (r'"C:\\evil\\a.exe"', "a.exe"), ('"a\x01\x02b.txt"', "ab.txt"), ('".."', ""), ('".hidden"', "hidden"),
    ("=?utf-8?b?5oql5Lu3?=", "报价"), ('"=?utf-8?b?5oql5Lu3?="', "报价"),
])  # fmt: skip
def test_names_of_attachments_are_no_paths(name, expected):
    """What would lead into another folder is left out, and so are control characters."""
    part = b"Content-Type: application/zip\nContent-Disposition: attachment; filename=" + name.encode()
    assert [each.name for each in parse(part + b"\n\nx").attachments] == [expected]


def test_names_and_charsets_that_cannot_be_read():
    """A charset with a zero byte in it is no error, neither of a text nor of the name of a file."""
    assert text(b"abc", "text/plain; charset*=\0'en'x").text == "abc"
    part = parse(b"Content-Type: application/pdf\nContent-Disposition: attachment; filename*=\0'en'%e6\n\nx")
    assert part.attachments == (Attachment("", "application/pdf", 1),)
    assert said(part, "name cannot be read")


def test_attachments_are_not_unpacked():
    """A bomb is a name and a number of bytes as sent; nothing of it is decoded."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros", bytes(10_000_000))
    sent = EmailMessage()
    sent.set_content("see attachment")
    sent.add_attachment(held.getvalue(), maintype="application", subtype="zip", filename="offer.zip")
    message = parse(bytes(sent))
    assert [(each.name, each.size < 20_000) for each in message.attachments] == [("offer.zip", True)]


@pytest.mark.parametrize("raw", [
    b"", b"\n", b"\x00" * 100, bytes(range(256)) * 100, b"From nobody Mon Jan  1 00:00:00 2024\nSubject: a\n\nb", b"Content-Type: multipart/mixed\n\nlost?",
    b"Content-Type: multipart/mixed; boundary=b\n\n--c\nlost?", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nlost?", b"no header at all\nlost?",
])  # fmt: skip
def test_broken_structure(raw):
    """Garbage is read as far as it goes: text without the parts that are announced is still text."""
    message = parse(raw)
    assert message.findings
    if b"lost?" in raw:
        assert "lost?" in message.text


def test_nesting_has_an_end():
    """Parts in parts in parts, and messages in messages, end at a depth, which is said; an end too deep to reach too."""
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n" for i in range(70)) + "\ntext"
    assert said(parse(deep.encode()), "deeper than 50")
    message = parse(b"Subject: a\nContent-Type: message/rfc822\n\n" * 3_000)
    assert said(message, "nested too deeply")
    assert message.subject == "a"


def test_headers_that_are_too_long_are_cut():
    """A header of ten million characters is read to where it is cut, and that is said."""
    message = parse(
        b"Subject: "
        + b"a" * 10_000_000
        + b"\nTo: "
        + b"a@b.org, " * 1_000_000
        + b"\nContent-Type: text/plain;"
        + b' x=";";' * 100_000
        + b"\n\ntext"
    )
    assert len(message.subject) == 200_000
    assert said(message, "Subject is longer")
    assert message.to == (Address("a@b.org"),)
    assert message.text == "text"


def test_only_bytes_are_messages():
    """A text is refused, since its bytes are no longer known; other buffers are fine."""
    with pytest.raises(InvalidValue, match="bytes"):
        parse("Subject: a\n\nb")
    assert parse(bytearray(b"Subject: a\n\nb")).subject == "a"


def test_an_address_that_is_none_is_said():
    """A header with letters and no address is a finding; an empty group is not."""
    assert said(parse(b"To: Eva\n\n"), "To holds no address")
    assert not said(parse(b"To: undisclosed-recipients:;\n\n"), "To")
    assert parse(b"Sender: a@b.org\n\n").sender == Address("a@b.org")
    assert parse(b"From: =?utf-8?q?Meier=2C_Eva?= <eva@x.org>\n\n").sender == Address("eva@x.org", "Meier, Eva")
    assert parse("From: 李 <li@x.cn>\n\n".encode("gb18030")).sender == Address("li@x.cn", "李")


@pytest.mark.parametrize(("headers", "why"), [
    ("Auto-Submitted: auto-replied", "auto-submitted"), ("Auto-Submitted: no", None), ("Content-Type: multipart/report; boundary=b", "bounce"),
    ("X-Failed-Recipients: a@b.org", "bounce"), ("Return-Path: <>", "bounce"), ("X-Autoreply: yes", "auto-reply"), ("Precedence: bulk", "bulk"),
    ("Precedence: list", None), ("List-Unsubscribe: <mailto:a@b.org>", "newsletter"), ("List-Unsubscribe: <a>\nList-Post: <b>", None),
    ("From: no-reply@shop.example", "sender"), ("From: MAILER-DAEMON@x.org", "sender"), ("From: bounce+12@x.org", "sender"), ("From: eva@x.org", None),
    ("From: shop-noreply+7@x.org", "sender"), ("From: nora.replyson@x.org", None), ("X-Autorespond: 1", "auto-reply"),
])  # fmt: skip
def test_machines(headers, why):
    """Replies, bounces, bulk mail and the addresses of machines are told; people on mailing lists are people."""
    assert parse(f"{headers}\n\n".encode()).automatic == why


@given(
    st.lists(st.tuples(st.sampled_from(HEADERS), st.sampled_from(VALUES)), max_size=8),
    st.lists(st.sampled_from(BODIES), max_size=12),
)
def test_nothing_breaks_the_reading(headers, bodies):
    """Any headers above any body give a message whose every word can be written as UTF-8, and the same one again."""
    raw = b"".join(name.encode() + b": " + value + b"\n" for name, value in headers) + b"\n" + b"".join(bodies)
    message = parse(raw)
    assert message == parse(raw)
    repr(message).encode()


@given(st.binary(max_size=300))
def test_binary_garbage(raw):
    """Any bytes are a message."""
    repr(parse(raw)).encode()


@pytest.mark.parametrize("piece", [
    b"Subject: a\n", b"\n", b"a", b"=?", b"<", b"--b\n", b"--b\n\n", b"From: a@b.org,\n ", b"To: (\n (", b"\0", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n",
])  # fmt: skip
def test_time_is_proportional_to_the_length(piece):
    """Eight times the message takes about eight times the time, and not sixty-four times."""
    assert grows(lambda raw: parse(b"Content-Type: multipart/mixed; boundary=b\n" + raw), piece, 400) < 30
