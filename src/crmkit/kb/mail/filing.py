"""Mail under the customers that it is about: by evidence, several of them if need be, and never by a guess."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias, cast

import attrs

from crmkit.errors import InvalidValue
from crmkit.kb.mail._index import Index, Match, token_of
from crmkit.kb.mail._subjects import subject_of
from crmkit.kb.mail.addresses import Address, addresses_of
from crmkit.kb.mail.domains import is_free_mail, registrable_domain
from crmkit.kb.mail.message import Message
from crmkit.kb.mail.replies import reply
from crmkit.kb.mail.threads import Thread, threads
from crmkit.model import Contact
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = ["CONFIDENCE", "Book", "Filed", "Filing", "Queued", "Reason", "Role", "Rule", "file_mail"]

#: What a customer has to do with a message.
Role: TypeAlias = Literal["from", "to", "cc", "about"]
#: How a message was filed; "person" is for links that somebody made by hand.
Rule: TypeAlias = Literal["address", "token", "domain", "identity", "forwarded", "thread", "person"]

#: Why somebody has to decide.
Reason: TypeAlias = Literal["unknown", "several", "nobody"]

#: How much a rule is trusted; of two that say the same the stronger is kept.
CONFIDENCE: Mapping[Rule, float] = MappingProxyType({
    "person": 1.0, "address": 1.0, "token": 0.95, "domain": 0.9, "identity": 0.8, "forwarded": 0.8, "thread": 0.7,
})  # fmt: skip
_BY_SUBJECT = 0.5


@attrs.frozen
class Filing:
    """A message under a customer.

    Attributes:
        message: its id.
        customer: the id of the customer.
        role: what the customer has to do with it: wrote it, got it, or is what it is about.
        rule: how that is known.
        evidence: what was seen: the address, the domain, the id of the message from which it is inherited.
        confidence: 1 is certain; by rule, not estimated.
    """

    message: str
    customer: str
    role: Role
    rule: Rule
    evidence: str
    confidence: float


@attrs.frozen
class Queued:
    """What somebody has to decide.

    Attributes:
        message: the id of the message.
        reason: "unknown" (nobody knows the address), "several" (more than one customer may be meant), or "nobody" (the
            message names no address).
        address: the one in question; a new contact may be made of one that is unknown.
        customers: who may be meant.
    """

    message: str
    reason: Reason
    address: Address | None = None
    customers: tuple[str, ...] = ()


@attrs.frozen
class Filed(Shown):
    """What came of filing.

    Attributes:
        filings: the links, each message and customer once.
        queue: what somebody has to decide.
        ignored: the ids of messages that machines wrote and that are about nobody known.
        internal: the ids of messages between colleagues that are about nobody known.
    """

    filings: tuple[Filing, ...] = ()
    queue: tuple[Queued, ...] = ()
    ignored: tuple[str, ...] = ()
    internal: tuple[str, ...] = ()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """What is filed where, and what is to be decided; see `Shown.display`."""
        from crmkit.kb._shown import filed

        return filed(self, lang, most)

    def under(self, customer: str) -> tuple[str, ...]:
        """The ids of the messages of a customer."""
        return tuple(each.message for each in self.filings if each.customer == customer)


def _all(contacts: Iterable[Contact]) -> tuple[Contact, ...]:
    return tuple(contacts)


def _own(domains: Iterable[str]) -> frozenset[str]:
    if isinstance(domains, str):
        raise InvalidValue("our domains", domains, "is one text; give several domains")
    return frozenset(_domain(each) for each in domains)


def _pairs(domains: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    given = domains.items() if isinstance(domains, Mapping) else domains
    found = [(_domain(domain), who) for domain, who in cast("Iterable[tuple[str, str]]", given)]
    for domain, _ in found:
        if is_free_mail(domain):
            raise InvalidValue("domain of a customer", domain, "is one where anybody gets an address")
    return tuple(found)


def _domain(text: str) -> str:
    if registrable_domain(text) is None:
        raise InvalidValue("domain", text, "is none that somebody can register")
    return text.strip().rstrip(".").lower()


@attrs.frozen
class Book:
    """Who is who: the contacts of customers, and ourselves.

    Attributes:
        contacts: the people of customers. The domains of their addresses are taken for their companies', unless
            anybody gets an address there.
        ours: our own domains. What is between colleagues is about nobody, unless they pass something on.
        domains: further domains of customers, as a mapping or as pairs, since a domain may be that of several.
        secret: what our tokens in subjects are made with; without it there are none.

    Raises:
        InvalidValue: if a domain is none, or is one where anybody gets an address.
    """

    contacts: tuple[Contact, ...] = attrs.field(converter=_all)
    ours: frozenset[str] = attrs.field(converter=_own, default=frozenset())
    domains: tuple[tuple[str, str], ...] = attrs.field(converter=_pairs, default=())
    secret: bytes | None = attrs.field(default=None, repr=False)

    @property
    def findings(self) -> tuple[str, ...]:
        """What stands for an address of a contact and is none; mail cannot be filed by it."""
        some = ((each, email) for each in self.contacts for email in each.emails if not addresses_of(email))
        return tuple(f"contact {each.id} of {each.customer}: {email!r} is no address" for each, email in some)

    def token(self, customer: str) -> str:
        """A mark for the subject of what we send: whatever answers it is filed under the customer.

        Raises:
            InvalidValue: if the book has no secret.
        """
        if not self.secret:
            raise InvalidValue("secret", None, "is needed for a token; give the book one")
        return token_of(customer, self.secret)


def file_mail(messages: Iterable[Message], book: Book, *, filed: Filed | None = None) -> Filed:
    """File messages under customers.

    By the address of anybody named (confidence 1), by our token in the subject (0.95), by the company's domain (0.9),
    by another address of the same person in the thread (0.8), by the author of what a colleague passes on (0.8), and,
    if all that says nothing, by the only customer of the thread (0.7; 0.5 if only the subject connects it). A message
    that names several customers is filed under each. Where one address may be that of several, nothing is guessed.

    Args:
        messages: all that are to be looked at together, in any order.
        book: contacts and domains.
        filed: the outcome of an earlier run, whose links are kept: with more contacts, mail only leaves the queue or
            gains a link. Links that somebody made by hand are given here, too.

    Returns:
        The links in the order of the messages, and what is open. What a machine wrote may be linked, and is never in
        the queue, so that no contact is made of it.

    >>> book = Book([Contact("c1", "nordwind", emails=("eva@nordwind.example",))], ours=["crm.example"])
    >>> mail = Message("1@x", sender=Address("bo@nordwind.example"), to=(Address("us@crm.example"),))
    >>> [(each.customer, each.rule, each.confidence) for each in file_mail([mail], book).filings]
    [('nordwind', 'domain', 0.9)]
    """
    grouped = threads(messages)
    index = Index.of(book.contacts, book.domains, book.ours, book.secret)
    cabinet = _Cabinet({(each.message, each.customer): each for each in (filed.filings if filed else ())})
    for thread in grouped:
        same = _same_people(thread, index)
        for message, why in zip(thread.messages, thread.evidence, strict=True):
            cabinet.look(_Look.at(message, index, {} if why == "subject" else same))
        cabinet.inherit(thread)
    return cabinet.result([message.id for thread in grouped for message in thread.messages])


@attrs.frozen
class _Look:
    """What a message says itself.

    Attributes:
        message: which.
        outside: the addresses that are not ours, the author of what is passed on first.
        found: who may be meant, and in which role.
    """

    message: Message
    outside: tuple[Address, ...]
    found: tuple[tuple[Role, Address | None, Match], ...]

    @classmethod
    def at(cls, message: Message, index: Index, same: Mapping[str, Match]) -> "_Look":
        outside: list[Address] = []
        found: list[tuple[Role, Address | None, Match]] = [
            ("about", None, each) for each in index.named(message.subject)
        ]
        for role, address in _people(message, index):
            if index.is_ours(address):
                continue
            outside.append(address)
            match = index.match(address) or same.get(address.key)
            if match is not None:
                found.append((role, address, match))
        return cls(message, tuple(outside), tuple(dict.fromkeys(found)))


def _people(message: Message, index: Index) -> Iterator[tuple[Role, Address]]:
    """Everybody that a message is from, to or about."""
    sender = message.sender
    if sender is not None and index.is_ours(sender) and (author := _passed_on(message)) is not None:
        yield "about", author
    for each in (*((sender,) if sender else ()), *message.reply_to):
        yield "from", each
    for each in message.to:
        yield "to", each
    for each in message.cc:
        yield "cc", each


def _passed_on(message: Message) -> Address | None:
    """Who wrote what a message passes on: attached, marked as such, or quoted under such a subject."""
    if message.enclosed is not None:
        return message.enclosed
    parts = reply(message.text)
    return parts.author if parts.marker == "forward" or subject_of(message.subject).forwarded else None


def _same_people(thread: Thread, index: Index) -> dict[str, Match]:
    """Addresses that nobody knows, of people whose other address in the same thread is known."""
    named: dict[str, dict[str, Address]] = {}
    for message, why in zip(thread.messages, thread.evidence, strict=True):
        for address in message.addresses if why != "subject" else ():
            name = " ".join(unicodedata.normalize("NFKC", address.name).casefold().replace(",", " ").split())
            if (len(name) > 3 and " " in name) or (len(name) > 1 and not name.isascii()):
                named.setdefault(name, {})[address.key] = address
    found: dict[str, Match] = {}
    for some in named.values():
        known = {key: index.addresses[key] for key in sorted(some) if key in index.addresses}
        for key, address in some.items() if known else ():
            if key not in known and not index.is_ours(address):
                found[key] = Match("identity", next(iter(known)), frozenset().union(*known.values()))
    return found


@attrs.define
class _Cabinet:
    """What is filed so far, by message and customer, and what is open."""

    links: dict[tuple[str, str], Filing]
    customers: dict[str, set[str]] = attrs.Factory(dict)
    looks: dict[str, _Look] = attrs.Factory(dict)
    queue: list[Queued] = attrs.Factory(list)
    ignored: list[str] = attrs.Factory(list)
    internal: list[str] = attrs.Factory(list)

    def __attrs_post_init__(self) -> None:
        for message, customer in self.links:
            self.customers.setdefault(message, set()).add(customer)

    def add(self, filing: Filing) -> None:
        """File; of two reasons for one link the stronger stays, and the earlier of equals."""
        key = filing.message, filing.customer
        known = self.links.get(key)
        if known is None or known.confidence < filing.confidence:
            self.links[key] = filing
            self.customers.setdefault(filing.message, set()).add(filing.customer)

    def look(self, look: _Look) -> None:
        """File a message by what it says itself."""
        self.looks[look.message.id] = look
        for role, _, match in look.found:
            if len(match.customers) == 1:
                (customer,) = match.customers
                rule: Rule = "forwarded" if role == "about" and match.rule != "token" else match.rule
                self.add(Filing(look.message.id, customer, role, rule, match.evidence, CONFIDENCE[rule]))

    def inherit(self, thread: Thread) -> None:
        """File the rest of a thread by what is filed of it, and queue what then is open."""
        ids = [message.id for message in thread.messages]
        links = [self.links[each, who] for each in ids for who in sorted(self.customers.get(each, ()))]
        sources = {link.customer: link for link in reversed(links) if link.rule != "thread"}
        for message, why in zip(thread.messages, thread.evidence, strict=True):
            confidence = _BY_SUBJECT if why == "subject" else CONFIDENCE["thread"]
            for customers in self._wanting(message.id, frozenset(sources)):
                if len(customers) == 1:
                    (customer,) = customers
                    source = sources[customer].message
                    self.add(Filing(message.id, customer, "about", "thread", source, confidence))
            self._close(self.looks[message.id], tuple(sorted(sources)))

    def _wanting(self, message: str, sources: frozenset[str]) -> list[frozenset[str]]:
        """Who of a thread may be meant by a message that is not filed, by each address that leaves it open."""
        if self.customers.get(message):
            return []
        several = [match.customers & sources for _, _, match in self.looks[message].found]
        return several or [sources]

    def _close(self, look: _Look, sources: tuple[str, ...]) -> None:
        """Queue what is open of a message."""
        message, filed = look.message, self.customers.get(look.message.id, set())
        asked = dict.fromkeys((address, match.customers) for _, address, match in look.found)
        several = [(address, customers) for address, customers in asked if not customers & filed]
        if message.automatic:
            self.ignored += [] if filed else [message.id]
        elif several:
            self.queue += [Queued(message.id, "several", who, tuple(sorted(some))) for who, some in several]
        elif not filed and (look.outside or not message.addresses):
            first = next(iter(look.outside), None)
            reason: Reason = "nobody" if first is None else "several" if sources else "unknown"
            self.queue.append(Queued(message.id, reason, first, sources))
        elif not filed:
            self.internal.append(message.id)

    def result(self, ids: list[str]) -> Filed:
        place = {message: n for n, message in enumerate(ids)}
        links = sorted(self.links.values(), key=lambda link: (place.get(link.message, -1), link.message, link.customer))
        return Filed(tuple(links), tuple(self.queue), tuple(self.ignored), tuple(self.internal))
