"""Who may be meant by an address: what a book says, looked up."""

import re
from base64 import b32encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from hmac import digest
from typing import Literal

import attrs

from crmkit.kb.mail.addresses import Address, addresses_of
from crmkit.kb.mail.domains import is_free_mail, registrable_domain
from crmkit.model import Contact

_TOKEN = re.compile(r"\[#([A-Z2-7]{16})\]")


def token_of(customer: str, secret: bytes) -> str:
    """What stands in a subject for a customer; nobody without the secret can make one (HMAC of RFC 2104)."""
    return f"[#{b32encode(digest(secret, customer.encode(), sha256)[:10]).decode()}]"


def hosts_of(domain: str) -> Iterator[str]:
    """A host and what it is under, down to the registered name."""
    own = registrable_domain(domain)
    if own is None:
        return
    labels = domain.rstrip(".").split(".")
    for at in range(len(labels) - own.count(".")):
        yield ".".join(labels[at:])


@attrs.frozen
class Match:
    """Who may be meant, by which rule, and what it saw."""

    rule: Literal["address", "token", "domain", "identity"]
    evidence: str
    customers: frozenset[str]


@attrs.frozen
class Index:
    """A book, by what is looked up in it."""

    ours: frozenset[str]
    addresses: Mapping[str, frozenset[str]]
    domains: Mapping[str, frozenset[str]]
    tokens: Mapping[str, str]

    @classmethod
    def of(
        cls,
        contacts: Iterable[Contact],
        domains: Iterable[tuple[str, str]],
        ours: frozenset[str],
        secret: bytes | None,
    ) -> "Index":
        by_address: dict[str, set[str]] = {}
        by_domain: dict[str, set[str]] = {}
        for domain, customer in domains:
            by_domain.setdefault(domain, set()).add(customer)
        for contact in contacts:
            for address in (each for email in contact.emails for each in addresses_of(email)):
                by_address.setdefault(address.key, set()).add(contact.customer)
                own = registrable_domain(address.domain)
                if own and own not in ours and not is_free_mail(own):
                    by_domain.setdefault(own, set()).add(contact.customer)
        customers = set().union(*by_address.values(), *by_domain.values())
        tokens = {} if secret is None else {token_of(each, secret): each for each in customers}
        return cls(ours, _frozen(by_address), _frozen(by_domain), tokens)

    def is_ours(self, address: Address) -> bool:
        """Whether it is a colleague's, who is no contact of a customer as well."""
        return address.key not in self.addresses and any(host in self.ours for host in hosts_of(address.domain))

    def match(self, address: Address) -> Match | None:
        """Who may be meant by an address: whose it is, or whose the domain is."""
        if address.key in self.addresses:
            return Match("address", address.key, self.addresses[address.key])
        host = next((host for host in hosts_of(address.domain) if host in self.domains), None)
        return None if host is None else Match("domain", host, self.domains[host])

    def named(self, subject: str) -> Iterator[Match]:
        """Whose tokens a subject has."""
        for match in _TOKEN.finditer(subject):
            if match[0] in self.tokens:
                yield Match("token", match[0], frozenset((self.tokens[match[0]],)))


def _frozen(found: dict[str, set[str]]) -> dict[str, frozenset[str]]:
    return {key: frozenset(each) for key, each in found.items()}
