"""Dated facts of knowledge at work: what was searched, which card was used, who keeps the cards, what became a ticket.

    >>> from datetime import UTC, datetime
    >>> from crmkit.journal import Ledger
    >>> nine = datetime(2026, 3, 2, 9, tzinfo=UTC)
    >>> facts = [
    ...     Searched(id="S-1", at=nine, question="printer on fire", customer="acme", channel="self-service"),
    ...     TicketOpened(id="T-1", at=nine, customer="acme"),
    ...     CardChanged(id="C-1", at=nine, card="K-17", change="written", who="wei"),
    ...     CardUsed(id="U-1", at=nine, card="K-17", who="li", case="T-1"),
    ... ]
    >>> Ledger.from_facts(facts).dimension("answer").decode()
    ['none', None, None, None]

They are rows of a `Ledger` like any other dated fact, and `crmkit.metrics.kpi.knowledge` makes figures of them. What
was searched in vain becomes the draft of a card (`crmkit.kb.feedback`).
"""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, get_args

import attrs

from crmkit.errors import InvalidValue, did_you_mean
from crmkit.model import Dated

__all__ = ["CardChanged", "CardUsed", "Change", "Searched", "TicketOpened", "in_vain"]

#: What somebody did to a card.
Change: TypeAlias = Literal["written", "improved", "reviewed", "retired"]


def _change(_: object, __: object, value: str) -> None:
    known = get_args(Change)
    if value not in known:
        raise InvalidValue("change", value, f"is none of {', '.join(known)}{did_you_mean(value, known)}")


def _count(_: object, __: object, value: int) -> None:
    if value < 0:
        raise InvalidValue("found", value, "is no number of documents")


def _named(fact: Dated, **dims: Any) -> None:
    # What a row is grouped by follows from the fact itself.
    object.__setattr__(fact, "dims", fact.dims | dims)


@attrs.frozen(kw_only=True)
class Searched(Dated):
    """Somebody searched.

    Attributes:
        question: what they typed.
        found: how many documents there were: the `total` of `Results`.
        channel: where: "self-service", "service desk" ...

    Raises:
        InvalidValue: if `found` is negative.
    """

    kind = "search"
    question: str = ""
    found: int = attrs.field(default=0, validator=_count)
    channel: str | None = None

    def __attrs_post_init__(self) -> None:
        _named(self, answer="some" if self.found else "none")


@attrs.frozen(kw_only=True)
class CardUsed(Dated):
    """A card was opened, or helped with the case that is named; `refers_to` is the search that led to it, if one did.

    Attributes:
        card: the id of the card.
    """

    kind = "card-use"
    card: str

    def __attrs_post_init__(self) -> None:
        _named(self, card=self.card)


@attrs.frozen(kw_only=True)
class CardChanged(Dated):
    """Somebody wrote a card, improved it, looked through it, or took it out of use.

    Attributes:
        card: the id of the card.
        change: what they did.

    Raises:
        InvalidValue: if the change is none that is known.
    """

    kind = "card-change"
    card: str
    change: Change = attrs.field(default="improved", validator=_change)

    def __attrs_post_init__(self) -> None:
        _named(self, card=self.card, change=self.change)


class TicketOpened(Dated):
    """A customer asked us."""

    kind = "ticket"


def in_vain(searches: Iterable[Searched], uses: Iterable[CardUsed] | None = None) -> tuple[Searched, ...]:
    """The searches that found nothing; with `uses`, also those of whose hits none was used."""
    led = None if uses is None else {use.refers_to for use in uses}
    return tuple(one for one in searches if not one.found or (led is not None and one.id not in led))
