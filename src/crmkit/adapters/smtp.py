"""Mail to those who take part in discussions (SMTP, RFC 5321), over connections that the host opens and logs in.

For example::

    def connect():
        server = smtplib.SMTP("mail.crm.example", 587, timeout=60)
        server.starttls(context=ssl.create_default_context())
        server.login("talk", password)
        return server

    transport = MailTransport(connect, "talk@crm.example", {"li": "li@crm.example", "wei": "wei@crm.example"})
    for notice in by_mail.notices(talk, after=before):      # a crmkit.kb.correspondence.Correspondence
        transport.send(notice)

Answers go to the address of the transport; read them from its mailbox (`crmkit.adapters.imap`,
`crmkit.adapters.mailboxes`), and `Correspondence.take` makes posts of them.
"""

import re
from collections.abc import Callable, Mapping
from email import charset, policy
from email.header import Header
from email.message import Message
from email.utils import format_datetime, formataddr
from smtplib import SMTP, SMTPException
from types import MappingProxyType

import attrs

from crmkit.adapters._logs import log_of
from crmkit.errors import InvalidValue, NotFound, Unavailable
from crmkit.protocols import Notice

__all__ = ["MailTransport"]

_LOG = log_of("smtp")
_ADDRESS = re.compile(r"""[^\x00-\x20\x7f-\U0010ffff<>()\[\]\\,;:@"]{1,64}@[A-Za-z0-9.-]{1,255}""")
_TOKEN = re.compile(r"[A-Za-z0-9.]{1,700}")
_ID = re.compile(r"""[^\x00-\x20\x7f-\U0010ffff<>@]{1,700}@[^\x00-\x20\x7f-\U0010ffff<>@]{1,255}""")
# Also what parts lines elsewhere than in mail: a header is one line whoever reads it.
_BREAKS = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")
_LONGEST = 200
# The line of References must stay below 998 bytes (RFC 5322), folded or not.
_REFERENCES = 900


def _address(_: object, field: "attrs.Attribute[str]", address: str) -> None:
    if not _ADDRESS.fullmatch(address):
        raise InvalidValue(field.name, address, "is no address of mail in ASCII, such as talk@crm.example")


def _addresses(_: object, field: "attrs.Attribute[Mapping[str, str]]", people: Mapping[str, str]) -> None:
    for person, address in people.items():
        if not _ADDRESS.fullmatch(address):
            raise InvalidValue(f"{field.name}[{person!r}]", address, "is no address of mail in ASCII")


@attrs.frozen
class MailTransport:
    """A `crmkit.protocols.Transport` that sends plain text, one mail to one person.

    The same notice makes the same mail with the same id, so that a mailbox can tell one that is sent again. Topics and
    names are words and nothing else: no character of them begins another header or names another receiver.

    Attributes:
        connect: opens a connection and logs in; it is closed after each mail. Its timeout is the host's choice.
        address: where mail comes from and answers go to; its domain is that of the mails' ids.
        people: from person to address.
        names: from person to the name to be shown, where that is another.

    Raises:
        InvalidValue: if an address is none.
    """

    connect: Callable[[], SMTP]
    address: str = attrs.field(validator=_address)
    people: Mapping[str, str] = attrs.field(validator=_addresses)
    names: Mapping[str, str] = attrs.field(default=MappingProxyType({}))

    def send(self, notice: Notice) -> None:
        """Tell a person.

        Raises:
            NotFound: if the person has no address.
            InvalidValue: if the notice has no token to be answered by.
            Unavailable: if the server does not take it; give it again later.
        """
        raw = self.mail(notice)
        try:
            with self.connect() as server:
                server.sendmail(self.address, [self.people[notice.to]], raw)
        except (SMTPException, OSError) as error:
            _LOG.warning("a mail was not taken", extra={"error": type(error).__name__})
            raise Unavailable("the mail server", f"{type(error).__name__}: {error}", "send it again later") from None

    def mail(self, notice: Notice) -> bytes:
        """The mail that tells a person, as it is sent; errors as for `send`."""
        if notice.to not in self.people:
            raise NotFound("address of", notice.to, tuple(self.people), "the people of the transport")
        if not _TOKEN.fullmatch(notice.token):
            raise InvalidValue("token", notice.token, "is none that a mail can carry; see crmkit.kb.correspondence")
        made: Message[str | Header, str | Header] = Message(_POLICY)
        made["From"] = self._shown(notice.fact.who, self.address)
        made["To"] = self._shown(notice.to, self.people[notice.to])
        made["Reply-To"] = self.address
        made["Subject"] = Header(("Re: " if notice.follows else "") + _one_line(notice.topic), header_name="Subject")
        made["Date"] = format_datetime(notice.fact.recorded)
        made["Message-ID"] = self._id(notice.token)
        before = [self._id(one) for one in notice.follows if _ID.fullmatch(one) or _TOKEN.fullmatch(one)]
        if before:
            made["In-Reply-To"] = before[-1]
            made["References"] = _fitting(before)
        # Absence notes and the like are not to answer (RFC 3834).
        made["Auto-Submitted"] = "auto-generated"
        made.set_payload(_text(notice.text), _UTF8)
        return made.as_bytes()

    def _shown(self, person: str | None, address: str) -> str:
        name = "" if person is None else self.names.get(person, person)
        return formataddr((_one_line(name), address), "utf-8")

    def _id(self, token: str) -> str:
        return f"<{token}>" if "@" in token else f"<{token}@{self.address.rpartition('@')[2]}>"


def _charset() -> charset.Charset:
    """UTF-8 that people can read where it is letters of ours."""
    made = charset.Charset("utf-8")
    made.body_encoding = charset.QP
    return made


_UTF8 = _charset()
_POLICY = policy.compat32.clone(linesep="\r\n")


def _text(text: str) -> str:
    """What can be sent of a text: no zeros, no halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _one_line(text: str) -> str:
    short = _BREAKS.sub(" ", _text(text)).strip()
    return short if len(short) <= _LONGEST else short[: _LONGEST - 1] + "…"


def _fitting(ids: list[str]) -> str:
    """The first, and as many of the last as a line holds."""
    room = _REFERENCES - len(ids[0])
    kept: list[str] = []
    for one in reversed(ids[1:]):
        room -= len(one) + 1
        if room < 0:
            break
        kept.append(one)
    return " ".join([ids[0], *reversed(kept)])
