"""Who: customers and their contacts, our own people and teams."""

import attrs

from crmkit.values import EMPTY, Fields

__all__ = ["Contact", "Customer", "Person", "Team"]


@attrs.frozen
class Customer:
    """A company or person that buys, or may.

    Attributes:
        id: the host's key.
        name: as printed on an invoice.
        industry: as the host classifies it.
        region: where, in the host's words.
        owner: the id of the `Person` in charge.
        group: the id of the parent customer, for a subsidiary.
        fields: whatever else the host wants to carry.
    """

    id: str
    name: str = ""
    industry: str | None = None
    region: str | None = None
    owner: str | None = None
    group: str | None = None
    fields: Fields = EMPTY


@attrs.frozen
class Contact:
    """A human at a customer. Personal data lives here and is referenced by id, so that it can be erased.

    Attributes:
        id: the host's key.
        customer: the id of the `Customer`.
        name: how to address them.
        emails: addresses from which they write.
        role: "decision maker", "user", "buyer" ...
    """

    id: str
    customer: str
    name: str = ""
    emails: tuple[str, ...] = ()
    role: str | None = None


@attrs.frozen
class Person:
    """One of us: a seller, a service agent, a manager.

    Attributes:
        id: the host's key; the `who=` of every fact.
        name: for display.
        team: the id of the `Team`.
        roles: what they may do.
    """

    id: str
    name: str = ""
    team: str | None = None
    roles: frozenset[str] = frozenset()


@attrs.frozen
class Team:
    """A group of people, inside another or at the top.

    Attributes:
        id: the host's key.
        name: for display.
        lead: the id of the `Person` who leads it.
        parent: the id of the team above.
    """

    id: str
    name: str = ""
    lead: str | None = None
    parent: str | None = None
