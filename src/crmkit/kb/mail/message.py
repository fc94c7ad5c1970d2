"""A message as it came: who, to whom, when, about what, in reply to what, and the text; with all that was lost."""

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.message import Message as Parsed
from hashlib import sha256

import attrs

from crmkit.errors import InvalidValue
from crmkit.kb.mail._automatic import automatic
from crmkit.kb.mail._headers import decoded, ids_of, instant_of, received_of, text_of
from crmkit.kb.mail._html import html_text
from crmkit.kb.mail.addresses import Address, addresses_of

__all__ = ["Attachment", "Message", "parse"]

_DEEPEST = 50
_LONGEST_HEADER = 200_000


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
        conversation: the root of Outlook's Thread-Index, if there is one.
        text: its plain text; that of the HTML part if there is no other.
        automatic: why it was written by a machine ("auto-submitted", "list", "bounce" ...); None for a person's.
        attachments: what came with it.
        findings: what could not be read as it claims to be, in words.
    """

    id: str
    sent: datetime | None = None
    subject: str = ""
    sender: Address | None = None
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    references: tuple[str, ...] = ()
    conversation: str | None = None
    text: str = ""
    automatic: str | None = None
    attachments: tuple[Attachment, ...] = ()
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
        raw: the message as stored, with or without an mbox `From ` line.
        longest: characters of text that are kept; what is cut is said.

    Raises:
        InvalidValue: if what is given is not bytes.

    >>> message = parse(b"From: Eva <eva@nordwind.example>\nSubject: =?utf-8?b?5oql5Lu3?=\n\nHello\n")
    >>> message.subject, message.sender.email, message.text
    ('报价', 'eva@nordwind.example', 'Hello')
    """
    if not isinstance(raw, bytes | bytearray | memoryview):
        raise InvalidValue(f"a message is bytes as they were received, not {type(raw).__name__}")
    data = bytes(raw)
    lost: list[str] = []
    try:
        parsed = message_from_bytes(data)
    except (RecursionError, ValueError):
        parsed = _headers_only(data)
        lost.append("its parts are nested too deeply or broken; only the headers are read")
    head = _Head(parsed, lost)
    senders = head.addresses("From") or head.addresses("Sender")
    text, attachments = _body(parsed, lost, longest)
    return Message(
        id=head.id(data),
        sent=head.sent(),
        subject=head.text("Subject"),
        sender=senders[0] if senders else None,
        to=head.addresses("To"),
        cc=(*head.addresses("Cc"), *head.addresses("Bcc")),
        references=ids_of([*head.raw("References"), *head.raw("In-Reply-To")]),
        conversation=head.conversation(),
        text=text,
        automatic=automatic(head.raw, senders[0].email if senders else ""),
        attachments=attachments,
        findings=tuple(dict.fromkeys(lost)),
    )


def _headers_only(data: bytes) -> "Parsed[str, str]":
    head, _, _ = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    return message_from_bytes(head + b"\nContent-Type: text/plain\n\n")


@attrs.frozen
class _Head:
    """The headers of a message by name, whatever their case."""

    parsed: "Parsed[str, str]"
    lost: list[str]

    def raw(self, name: str) -> list[str]:
        values = [value for key, value in self.parsed.raw_items() if key.lower() == name.lower()]
        if any(len(value) > _LONGEST_HEADER for value in values):
            self.lost.append(f"{name} is longer than {_LONGEST_HEADER} characters; the rest is not read")
        return [value[:_LONGEST_HEADER] for value in values]

    def text(self, name: str) -> str:
        values = self.raw(name)
        return decoded(values[0], self.lost, name) if values else ""

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Those of all headers of that name. Structure is read before words are decoded, which may hold commas."""
        found: dict[str, Address] = {}
        for value in self.raw(name):
            shown = value if value.isascii() else decoded(value, self.lost, name)
            some = addresses_of(shown)
            if not some and any(char.isalnum() for char in shown.partition(":")[2] or shown):
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
        values = ["".join(value.split()) for value in self.raw("Thread-Index")]
        return values[0][:29] if values and len(values[0]) >= 30 else None


def _body(parsed: "Parsed[str, str]", lost: list[str], longest: int) -> tuple[str, tuple[Attachment, ...]]:
    """The text of the first readable part, and what else there is."""
    plain: str | None = None
    marked: str | None = None
    files: list[Attachment] = []
    for part in _leaves(parsed, lost):
        kind = part.get_content_type()
        shown = part.get_content_disposition() != "attachment"
        if shown and kind == "text/plain" and not plain:
            plain = _text(part, lost, longest)
        elif shown and kind == "text/html" and marked is None:
            marked = _text(part, lost, longest)
        else:
            files.append(_attachment(part, kind, lost))
    if plain and plain.strip():
        return plain.strip("\n"), tuple(files)
    return html_text(marked or ""), tuple(files)


def _leaves(parsed: "Parsed[str, str]", lost: list[str]) -> Iterator["Parsed[str, str]"]:
    """The parts that have no parts, in their order; a message inside a message is one."""
    waiting: list[tuple[Parsed[str, str], int]] = [(parsed, 0)]
    while waiting:
        part, depth = waiting.pop()
        if part.defects:
            lost.append("its MIME structure is broken: " + ", ".join(sorted({type(d).__name__ for d in part.defects})))
        inner = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            if depth >= _DEEPEST:
                lost.append(f"parts deeper than {_DEEPEST} are not read")
            else:
                waiting += [(each, depth + 1) for each in reversed(inner)]  # type: ignore[misc]  # lists hold messages
        else:
            yield part


def _text(part: "Parsed[str, str]", lost: list[str], longest: int) -> str:
    data = part.get_payload(decode=True)
    body = data if isinstance(data, bytes) else b""
    if len(body) > longest * 4:
        body = body[: longest * 4]
    charset = part.get_content_charset()
    text = text_of(body, charset, lost, "the text").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if len(text) > longest:
        lost.append(f"the text is longer than {longest} characters; the rest is not read")
    return text[:longest]


def _attachment(part: "Parsed[str, str]", kind: str, lost: list[str]) -> Attachment:
    """A name is only a name: what looks like a path loses it."""
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError):
        lost.append("an attachment's name cannot be read")
        name = ""
    shown = re.split(r"[/\\]", decoded(name, lost, "an attachment's name"))[-1]
    return Attachment(re.sub(r"[\x00-\x1f\x7f]", "", shown).strip(". "), kind, _size(part))


def _size(part: "Parsed[str, str]") -> int:
    """The length of what a part holds, that of the parts of a forwarded message together."""
    total, waiting = 0, [part]
    while waiting:
        inner = waiting.pop().get_payload()
        if isinstance(inner, list):
            waiting += inner  # type: ignore[arg-type]  # lists hold messages
        else:
            total += len(str(inner))
    return total
