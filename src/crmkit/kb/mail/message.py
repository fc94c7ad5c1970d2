"""A message as it came: who, to whom, when, about what, in reply to what, and the text; with all that was lost."""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import datetime
from email import message_from_bytes
from email.message import Message as Parsed
from email.policy import Compat32
from hashlib import sha256
from quopri import decodestring
from typing import cast

import attrs

from crmkit.errors import InvalidValue
from crmkit.kb.mail._automatic import automatic
from crmkit.kb.mail._headers import decoded, ids_of, instant_of, plain, received_of, text_of
from crmkit.kb.mail._html import html_text
from crmkit.kb.mail.addresses import Address, addresses_of

__all__ = ["Attachment", "Message", "parse"]

_DEEPEST = 50
_LONGEST_HEADER = 200_000
# The parameters of these take time by the square of their length.
_LONGEST_STRUCTURED = 8_000
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_STRUCTURED = ("content-type", "content-disposition", "content-transfer-encoding")


class _Part(Parsed):
    """A part whose content is had as it was sent: the standard library decodes it by whatever charset it names."""

    _payload: object

    def raw(self) -> bytes:
        """The content; empty if that is parts."""
        return self._payload.encode("ascii", "surrogateescape") if isinstance(self._payload, str) else b""

    def parts(self) -> list["_Part"]:
        """The parts, or the one message, that this is made of."""
        return [each for each in self._payload if isinstance(each, _Part)] if isinstance(self._payload, list) else []


@attrs.frozen
class Attachment:
    """A file that came with a message. It is named and measured, never opened.

    Attributes:
        name: the file's name without any path; "" if it has none.
        type: the media type that it claims.
        size: bytes as they were sent, before decoding.
    """

    name: str
    type: str
    size: int


@attrs.frozen
class Message:
    """A message, read.

    Attributes:
        id: its Message-ID without brackets; without one, `sha256:` and the digest of the whole message.
        sent: when, UTC; by the first server that received it if the date is missing; None if nothing says.
        subject: on one line.
        sender: the first address of From, or of Sender.
        to: the addresses of To.
        cc: the addresses of Cc and Bcc.
        references: the ids that it answers, the oldest first (References, then In-Reply-To).
        reply_to: the addresses of Reply-To; a form on a web site names its writer there.
        conversation: the root of Outlook's Thread-Index, if there is one.
        text: its plain text; that of the HTML part if there is no other.
        automatic: why it was written by a machine ("auto-submitted", "bounce", "newsletter" ...); None for a person's.
        attachments: what came with it.
        enclosed: who wrote the first message that is attached to it, if one is.
        findings: what could not be read as it claims to be, in words.
    """

    id: str
    sent: datetime | None = None
    subject: str = ""
    sender: Address | None = None
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    references: tuple[str, ...] = ()
    conversation: str | None = None
    text: str = ""
    automatic: str | None = None
    attachments: tuple[Attachment, ...] = ()
    enclosed: Address | None = None
    findings: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Everybody named: the sender, then To, then Cc."""
        return (*((self.sender,) if self.sender else ()), *self.to, *self.cc)


def parse(raw: bytes, *, longest: int = 2_000_000) -> Message:
    r"""Read a message (RFC 5322, MIME) from its bytes.

    Broken structure, wrong charsets and missing headers are read as far as they go, and told in `findings`;
    attachments are neither decoded nor unpacked.

    Args:
        raw: the message as stored, with or without the first line of an mbox.
        longest: characters of text that are kept; what is cut is said.

    Raises:
        InvalidValue: if what is given is not bytes.

    >>> message = parse(b"From: Eva <eva@nordwind.example>\nSubject: =?utf-8?b?5oql5Lu3?=\n\nHello\n")
    >>> message.subject, message.sender.email, message.text
    ('报价', 'eva@nordwind.example', 'Hello')
    """
    if not isinstance(raw, bytes | bytearray | memoryview):
        raise InvalidValue("message", type(raw).__name__, "is no bytes; give them as they were received")
    data = bytes(raw)
    lost: list[str] = []
    try:
        parsed = _parsed(data)
    except (RecursionError, ValueError):
        parsed = _headers_only(data)
        lost.append("its parts are nested too deeply or broken; only the headers are read")
    head = _Head.of(parsed, lost)
    senders = head.addresses("From") or head.addresses("Sender")
    body = _body(parsed, lost, longest)
    return Message(
        id=head.id(data),
        sent=head.sent(),
        subject=head.text("Subject"),
        sender=senders[0] if senders else None,
        to=head.addresses("To"),
        cc=(*head.addresses("Cc"), *head.addresses("Bcc")),
        reply_to=head.addresses("Reply-To"),
        references=ids_of([*head.raw("References"), *head.raw("In-Reply-To")]),
        conversation=head.conversation(),
        text=body.text,
        automatic=automatic(head.raw, senders[0].email if senders else ""),
        attachments=body.attachments,
        enclosed=body.enclosed,
        findings=tuple(dict.fromkeys(lost)),
    )


def _headers_only(data: bytes) -> _Part:
    head, _, _ = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    return _parsed(b"Content-Type: text/plain\n" + head + b"\n\n")


def _parsed(data: bytes) -> _Part:
    return cast("_Part", message_from_bytes(data, _Part, policy=_POLICY))


class _Policy(Compat32):
    """Headers no longer than they are read."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        longest = _LONGEST_STRUCTURED if name.lower() in _STRUCTURED else _LONGEST_HEADER
        return name, value[: longest + 1]


_POLICY = _Policy()


@attrs.frozen
class _Head:
    """The headers of a message by name in lower case."""

    values: Mapping[str, list[str]]
    lost: list[str]

    @classmethod
    def of(cls, parsed: _Part, lost: list[str]) -> "_Head":
        values: dict[str, list[str]] = {}
        for name, value in parsed.raw_items():
            if len(value) > _LONGEST_HEADER:
                lost.append(f"{name} is longer than {_LONGEST_HEADER} characters; the rest is not read")
            values.setdefault(name.lower(), []).append(value[:_LONGEST_HEADER])
        return cls(values, lost)

    def raw(self, name: str) -> list[str]:
        return self.values.get(name.lower(), [])

    def text(self, name: str) -> str:
        values = self.raw(name)
        return decoded(values[0], self.lost, name) if values else ""

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Those of all headers of that name. Structure is read before words are decoded, which may hold commas."""
        found: dict[str, Address] = {}
        for value in self.raw(name):
            shown = value if value.isascii() else decoded(value, self.lost, name)
            some = addresses_of(shown)
            group = ":" in shown and shown.rstrip().endswith(";")
            if not some and not group and any(char.isalnum() for char in shown):
                self.lost.append(f"{name} holds no address: {shown[:60]!r}")
            for each in some:
                found.setdefault(each.email, Address(each.email, decoded(each.name, self.lost, name)))
        return tuple(found.values())

    def id(self, data: bytes) -> str:
        ids = ids_of(self.raw("Message-ID"))
        if ids:
            return ids[0]
        self.lost.append("no Message-ID; its content stands for it")
        return f"sha256:{sha256(data).hexdigest()}"

    def sent(self) -> datetime | None:
        dates = self.raw("Date")
        instant = instant_of(dates[0], self.lost, "Date") if dates else None
        if instant is None:
            instant = received_of(self.raw("Received"))
            told = "no date" if instant is None else "no date; when it was received stands for it"
            self.lost.append(told)
        return instant

    def conversation(self) -> str | None:
        """The first 22 bytes of a Thread-Index are those of the message that began it."""
        values = ["".join(plain(value).split()) for value in self.raw("Thread-Index")]
        return values[0][:29] if values and len(values[0]) >= 30 else None


@attrs.frozen
class _Body:
    text: str
    attachments: tuple[Attachment, ...]
    enclosed: Address | None


def _body(parsed: _Part, lost: list[str], longest: int) -> _Body:
    """The plain texts in their order, or else the first text in HTML, and what else there is."""
    texts: list[str] = []
    marked: str | None = None
    files: list[Attachment] = []
    enclosed: Address | None = None
    for part in _leaves(parsed, lost):
        kind = part.get_content_type()
        shown = part.get_content_disposition() != "attachment" and (not (texts or marked) or not _name(part, lost))
        if shown and (kind == "text/plain" or kind.startswith("multipart/")):
            texts.append(_text(part, lost, longest))
        elif shown and kind == "text/html" and marked is None:
            marked = _text(part, lost, longest)
        else:
            files.append(Attachment(_name(part, lost), kind, _size(part)))
            enclosed = enclosed or _author(part, lost)
    text = "\n\n".join(each.strip("\n") for each in texts if each.strip())[:longest]
    return _Body(text or html_text(marked or ""), tuple(files), enclosed)


def _author(part: _Part, lost: list[str]) -> Address | None:
    """Who wrote a message that is attached."""
    inner = part.parts() if part.get_content_type() == "message/rfc822" else []
    senders = [each for one in inner for each in _Head.of(one, lost).addresses("From")]
    return senders[0] if senders else None


def _leaves(parsed: _Part, lost: list[str]) -> Iterator[_Part]:
    """The parts that have no parts, in their order: a message inside a message, and one whose parts are not found."""
    waiting: list[tuple[_Part, int]] = [(parsed, 0)]
    while waiting:
        part, depth = waiting.pop()
        if part.defects:
            lost.append("its MIME structure is broken: " + ", ".join(sorted({type(d).__name__ for d in part.defects})))
        inner = part.parts()
        if part.get_content_maintype() == "multipart" and inner:
            if depth >= _DEEPEST:
                lost.append(f"parts deeper than {_DEEPEST} are not read")
            else:
                waiting += [(each, depth + 1) for each in reversed(inner)]
        else:
            yield part


def _text(part: _Part, lost: list[str], longest: int) -> str:
    body = _sent(part)
    cut = len(body) > longest * 4
    text = text_of(body[: longest * 4], _charset(part), lost, "the text", cut=cut)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if cut or len(text) > longest:
        lost.append(f"the text is longer than {longest} characters; the rest is not read")
    return text[:longest]


def _sent(part: _Part) -> bytes:
    """The bytes that were meant, as far as the transfer encoding tells."""
    raw, encoding = part.raw(), str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding == "quoted-printable":
        return decodestring(raw)
    if encoding == "base64":
        letters = _NOT_BASE64.sub(b"", raw)
        return b64decode(letters[: len(letters) - (len(letters) % 4 == 1)] + b"=" * (-len(letters) % 4))
    return raw


def _charset(part: _Part) -> str | None:
    try:
        return part.get_content_charset()
    except (LookupError, ValueError):
        return None


def _name(part: _Part, lost: list[str]) -> str:
    """A name is only a name: what looks like a path loses it."""
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError):
        lost.append("an attachment's name cannot be read")
        return ""
    shown = re.split(r"[/\\]", decoded(name, lost, "an attachment's name"))[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", shown).strip(". ")


def _size(part: _Part) -> int:
    """The length of what a part holds, that of the parts of a forwarded message together."""
    total, waiting = 0, [part]
    while waiting:
        each = waiting.pop()
        total += len(each.raw())
        waiting += each.parts()
    return total
