"""Discussions by mail: what makes an answer find its way back, and what becomes of it.

    >>> from datetime import UTC, datetime
    >>> from crmkit.kb.discussions import Discussion
    >>> nine = datetime(2026, 3, 2, 9, tzinfo=UTC)
    >>> talk = Discussion.start("G-1", "Why do we win in the south?", who="li", at=nine, others=["wei"])
    >>> by_mail = Correspondence({"li@crm.example": "li", "wei@crm.example": "wei"}, b"at least sixteen bytes")
    >>> [notice.token for notice in by_mail.notices(talk)]
    ['472d312331.3c174302c32e58aee8a0']

A token says what somebody was told and to whom, and nobody without the secret can make one (HMAC, RFC 2104). A mail is
taken for an answer if it brings back a token that was given to its sender: neither an address that is put on nor a mail
that was passed on is enough by itself. `crmkit.adapters.smtp` writes tokens as ids of mails.
"""

from collections.abc import Iterator, Mapping
from hmac import compare_digest, digest

import attrs

from crmkit.errors import InvalidValue, KeyReused, NotFound
from crmkit.kb._discussion_words import Lang
from crmkit.kb.discussions import Discussion, Discussions
from crmkit.kb.mail import Address, Attachment, Message, reply
from crmkit.protocols import Notice

__all__ = ["Correspondence", "Placed", "Unplaced"]

_LEAST_SECRET = 16
# Ids of mails must fit on a line of 998 bytes (RFC 5322), with that of the host.
_LONGEST = 300
_SIGNED = 10


@attrs.frozen
class Placed:
    """A mail that became a post.

    Attributes:
        discussion: as it is stored now.
        left_out: what came with the mail and is not in the post.
    """

    discussion: Discussion
    left_out: tuple[Attachment, ...] = ()


@attrs.frozen
class Unplaced:
    """A mail that became nothing; somebody has to look at it.

    Attributes:
        id: of the mail.
        why: the reason, to be read.
    """

    id: str
    why: str


def _by_key(people: Mapping[str, str]) -> Mapping[str, str]:
    return {Address(address).key: person for address, person in people.items()}


def _long_enough(_: object, __: object, secret: bytes) -> None:
    if len(secret) < _LEAST_SECRET:
        raise InvalidValue("secret", f"{len(secret)} bytes", f"is too short; give at least {_LEAST_SECRET}")


@attrs.frozen
class Correspondence:
    """What goes out, and what comes back.

    Attributes:
        people: from address to person, as many addresses as somebody has; spelled in any way.
        secret: what tokens are made with, kept by the host.
        lang: the language of notices.

    Raises:
        InvalidValue: if the secret is shorter than 16 bytes.
    """

    people: Mapping[str, str] = attrs.field(converter=_by_key)
    secret: bytes = attrs.field(validator=_long_enough, repr=False)
    lang: Lang = "en"

    def notices(self, talk: Discussion, *, after: int = 0) -> tuple[Notice, ...]:
        """The notices of a discussion, as `Discussion.notices` has them, with tokens and what each follows.

        Raises:
            InvalidValue: if an id is too long for a token.
        """
        plain = talk.notices(after=after, lang=self.lang)
        return tuple(
            attrs.evolve(one, token=self._token(one.fact.id, one.to), follows=tuple(self._before(talk, one)))
            for one in plain
        )

    def take(self, message: Message, discussions: Discussions) -> Placed | Unplaced:
        """Make a post of the answer to a notice; the same mail again changes nothing.

        What it quotes and its signature are left out, and so are attachments, which are named in the result.

        Args:
            message: as `crmkit.kb.mail.parse` gives it.
            discussions: where it belongs.

        Raises:
            Conflict: if others were faster in every try.
        """
        if message.automatic is not None:
            return Unplaced(message.id, f"a machine wrote it ({message.automatic})")
        if message.sender is None:
            return Unplaced(message.id, "nobody sent it")
        person = self.people.get(message.sender.key)
        if person is None:
            return Unplaced(message.id, f"nobody who takes part has the address {message.sender.email}")
        answered = next(self._told(message, person), None)
        if answered is None:
            return Unplaced(message.id, f"it answers nothing that {person} was told")
        return self._post(message, person, answered, discussions)

    def _post(self, message: Message, who: str, answered: str, discussions: Discussions) -> Placed | Unplaced:
        now = discussions.clock()
        sent = now if message.sent is None else min(message.sent, now)
        text = reply(message.text).text

        def say(talk: Discussion) -> Discussion:
            quotes = [post.id for post in talk.posts if post.id == answered]
            return talk.post(text, who=who, at=sent, quotes=quotes, via="mail", key=message.id)

        try:
            return Placed(discussions.change(answered.rpartition("#")[0], say), message.attachments)
        except (InvalidValue, KeyReused, NotFound) as error:
            return Unplaced(message.id, str(error))

    def _told(self, message: Message, person: str) -> Iterator[str]:
        """The ids of the facts that a mail answers and its sender was told, the last first."""
        for id_ in reversed(message.references):
            token = id_.partition("@")[0].lower()
            try:
                fact = bytes.fromhex(token.partition(".")[0]).decode()
            except ValueError:
                continue
            if compare_digest(self._token(fact, person).encode(), token.encode()):
                yield fact

    def _token(self, fact: str, person: str) -> str:
        named = fact.encode()
        if len(named) > _LONGEST:
            raise InvalidValue("fact", fact[:40], f"has an id of more than {_LONGEST} bytes, too long for mail")
        signed = digest(self.secret, b"%d:%b%b" % (len(named), named, person.encode()), "sha256")
        return f"{named.hex()}.{signed[:_SIGNED].hex()}"

    def _before(self, talk: Discussion, notice: Notice) -> Iterator[str]:
        """What a notice follows, for whom it is: the beginning, then what it quotes."""
        quoted = {talk.started.id, *getattr(notice.fact, "quotes", ())} - {notice.fact.id}
        for fact in talk.facts:
            if fact.id in quoted:
                own = fact.who == notice.to and getattr(fact, "via", "") == "mail" and fact.key and "@" in fact.key
                yield str(fact.key) if own else self._token(fact.id, notice.to)
