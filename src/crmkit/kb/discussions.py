"""Group discussions: who said what, what was decided, who does it by when; and the card that keeps it.

    >>> from datetime import UTC
    >>> nine = datetime(2026, 3, 2, 9, tzinfo=UTC)
    >>> talk = Discussion.start("G-1", "Why do we win in the south?", who="li", at=nine, others=["wei"], about="D-7")
    >>> talk = talk.post("We ask for the budget in the first call", who="wei", at=nine)
    >>> talk = talk.decide("Everybody asks for the budget first", who="li", at=nine, quotes=["G-1#2"])
    >>> talk.decisions[0].text, talk.card("G-1#3").solution
    ('Everybody asks for the budget first', 'Everybody asks for the budget first')

A discussion is its facts, kept in any `EventStore`; whatever it says is read off them. How people are reached, and how
what they answer comes back, is the host's affair: `Discussion.notices` says who is to be told what, a
`crmkit.protocols.Transport` is what tells them (`crmkit.kb.correspondence` and
`crmkit.adapters.smtp` do it by mail), and a key, such as the id of a mail, keeps an answer that arrives twice from
being counted twice.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import cached_property
from typing import Any, Self, cast

import attrs

from crmkit.errors import Conflict, InvalidValue, NotFound
from crmkit.events import Event
from crmkit.kb._discussion_facts import (
    Assigned,
    Closed,
    Decided,
    Done,
    Joined,
    Left,
    Posted,
    Reopened,
    Started,
    known,
)
from crmkit.kb._discussion_words import Lang, said
from crmkit.kb._redaction import redacted
from crmkit.kb.cards import Card, Source
from crmkit.protocols import EventStore, Notice, Query
from crmkit.values.display import ROWS, Display, Shown

__all__ = [
    "Assigned",
    "Closed",
    "Decided",
    "Discussion",
    "Discussions",
    "Done",
    "Joined",
    "Lang",
    "Left",
    "Posted",
    "Reopened",
    "Started",
    "redacted",
]


def _facts(facts: Iterable[Event]) -> tuple[Event, ...]:
    return tuple(map(known, facts))


@attrs.frozen(slots=False)
class Discussion(Shown):
    """A discussion, made by `start` or from the facts of one.

    Attributes:
        facts: in the order in which they became known.

    Raises:
        InvalidValue: if the first fact is not that it was started, or they are of several discussions.
    """

    facts: tuple[Event, ...] = attrs.field(converter=_facts)

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """What happened, in order; see `Shown.display`."""
        from crmkit.kb._shown import talk

        return talk(self, lang, most)

    def __attrs_post_init__(self) -> None:
        if not self.facts or not isinstance(self.facts[0], Started):
            raise InvalidValue("discussion", self.facts[:1], "does not begin with being started")
        if len({fact.case for fact in self.facts}) > 1:
            raise InvalidValue("discussion", sorted({fact.case for fact in self.facts}), "are several")

    @classmethod
    def start(
        cls, id: str, topic: str, *, who: str, at: datetime, others: Iterable[str] = (), customer: str | None = None,  # noqa: A002 - the field's word
        about: str | None = None, key: str | None = None,
    ) -> Self:  # fmt: skip
        """Start one.

        Args:
            id: the host's key.
            topic: what it is about.
            who: the person who starts it, and takes part.
            at: when (aware).
            others: who takes part, too.
            customer: the id of the customer it concerns, if one.
            about: the id of the deal, ticket or other case it concerns, if one.
            key: an idempotency key.

        Raises:
            InvalidValue: if it has no id or no topic.
        """
        if not id:
            raise InvalidValue("discussion", id, "has no id")
        invited = dict.fromkeys(one for one in others if one != who)
        fact = Started(
            id=f"{id}#1", case=id, at=at, recorded=at, who=who, key=key, topic=_said(topic), customer=customer,
            about=about, others=invited,
        )  # fmt: skip
        return cls((fact,))

    @property
    def id(self) -> str:
        """The host's key."""
        return self.facts[0].case

    @property
    def started(self) -> Started:
        """How it began: topic, customer, case."""
        return cast("Started", self.facts[0])

    @cached_property
    def participants(self) -> tuple[str, ...]:
        """Who takes part now, in the order in which they came."""
        found = dict.fromkeys(one for one in (self.started.who, *self.started.others) if one is not None)
        for fact in self.facts:
            if isinstance(fact, Joined):
                found[fact.person] = None
            elif isinstance(fact, Left):
                found.pop(fact.person, None)
        return tuple(found)

    @property
    def posts(self) -> tuple[Posted, ...]:
        """What was said."""
        return tuple(fact for fact in self.facts if isinstance(fact, Posted))

    @property
    def decisions(self) -> tuple[Decided, ...]:
        """What was decided."""
        return tuple(fact for fact in self.facts if isinstance(fact, Decided))

    @property
    def open_actions(self) -> tuple[Assigned, ...]:
        """What is still to be done."""
        done = {fact.action for fact in self.facts if isinstance(fact, Done)}
        return tuple(fact for fact in self.facts if isinstance(fact, Assigned) and fact.id not in done)

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        turns = [fact for fact in self.facts if isinstance(fact, Closed | Reopened)]
        return bool(turns) and isinstance(turns[-1], Closed)

    def join(self, person: str, *, who: str, at: datetime, key: str | None = None) -> Self:
        """Somebody comes in, asked by a participant."""
        if person in self.participants:
            return self
        return self._with(Joined, who, at, key, person=_said(person))

    def leave(self, person: str, *, who: str, at: datetime, key: str | None = None) -> Self:
        """Somebody goes.

        Raises:
            NotFound: if they do not take part.
        """
        self._must(person, self.participants, "participant")
        return self._with(Left, who, at, key, person=person)

    def post(
        self, text: str, *, who: str, at: datetime, quotes: Iterable[str] = (), via: str = "", key: str | None = None
    ) -> Self:
        """Say something.

        Args:
            text: what.
            who: a participant.
            at: when (aware); a mail may have been on its way.
            quotes: the ids of the posts it answers.
            via: how it came.
            key: an idempotency key: what is there already with this key is not said again.

        Raises:
            InvalidValue: if it is closed, `who` takes no part, or nothing is said.
            NotFound: if a quoted post does not exist.
        """
        return self._with(Posted, who, at, key, text=_said(text), quotes=self._quotes(quotes), via=via)

    def decide(self, text: str, *, who: str, at: datetime, quotes: Iterable[str] = (), key: str | None = None) -> Self:
        """Decide something, on the ground of posts; errors as for `post`."""
        return self._with(Decided, who, at, key, text=_said(text), quotes=self._quotes(quotes))

    def assign(
        self, text: str, *, to: str, who: str, at: datetime, by: date | None = None, key: str | None = None
    ) -> Self:
        """Give something to do to a participant, by a day; errors as for `post`."""
        self._must(to, self.participants, "participant")
        return self._with(Assigned, who, at, key, text=_said(text), to=to, by=by.isoformat() if by else "")

    def done(self, action: str, *, who: str, at: datetime, key: str | None = None) -> Self:
        """Tick off an action, also when all else is closed.

        Raises:
            NotFound: if there is no open action with that id.
        """
        self._must(action, [fact.id for fact in self.open_actions], "open action")
        return self._with(Done, who, at, key, action=action)

    def close(self, *, who: str, at: datetime, summary: str = "", key: str | None = None) -> Self:
        """Close it; open actions stay open."""
        return self._with(Closed, who, at, key, summary=summary)

    def reopen(self, *, who: str, at: datetime, reason: str = "", key: str | None = None) -> Self:
        """Go on; of one that is open, nothing becomes of it."""
        return self._with(Reopened, who, at, key, reason=reason) if self.closed else self

    def notices(self, *, after: int = 0, lang: Lang = "en") -> tuple[Notice, ...]:
        """Who is to be told what: of each fact beyond the first `after`, all who take part now but whoever did it.

        Raises:
            NotFound: if the language is not spoken here.
        """
        topic, actions = self.started.topic, {fact.id: fact.text for fact in self.facts if isinstance(fact, Assigned)}
        told = [(fact, said(fact, actions, lang)) for fact in self.facts[after:]]
        return tuple(
            Notice(to, self.id, topic, fact, text) for fact, text in told for to in self.participants if to != fact.who
        )

    def card(self, decision: str, *, id: str = "", names: Iterable[str] = ()) -> Card:  # noqa: A002 - the field's word
        """The draft of a card that keeps a decision, with where it comes from; only its author sees it as yet.

        Names, addresses of mail and long numbers are taken out of its texts, as `redacted` does it. Somebody has to
        read it all the same before others may.

        Args:
            decision: the id of the decision.
            id: that of the card; that of the decision if empty.
            names: who and what must not be named.

        Raises:
            NotFound: if there is no such decision.
        """
        self._must(decision, [fact.id for fact in self.decisions], "decision")
        fact = next(one for one in self.decisions if one.id == decision)
        hide = list(names)
        evidence = [Source("discussion", self.id), Source("decision", decision)]
        evidence += [
            Source("post", post.id, redacted(post.text, hide)) for post in self.posts if post.id in fact.quotes
        ]
        return Card(
            id or decision, redacted(self.started.topic, hide), solution=redacted(fact.text, hide), author=fact.who,
            customer=self.started.customer, case=self.started.about, evidence=evidence,
        )  # fmt: skip

    def _with(self, kind: type[Event], who: str, at: datetime, key: str | None, **parts: Any) -> Self:
        if key is not None and any(fact.key == key for fact in self.facts):
            return self
        if who not in self.participants:
            raise InvalidValue(f"discussion {self.id!r}", who, "does not take part in it; ask them in first")
        if self.closed and kind not in (Done, Reopened):
            raise InvalidValue(f"discussion {self.id!r}", kind.__name__, "is too late: it is closed; reopen it")
        number = len(self.facts) + 1
        fact = kind(id=f"{self.id}#{number}", case=self.id, at=at, recorded=at, who=who, key=key, **parts)
        return attrs.evolve(self, facts=(*self.facts, fact))

    def _quotes(self, quotes: Iterable[str]) -> tuple[str, ...]:
        given = tuple([quotes] if isinstance(quotes, str) else quotes)
        for quote in given:
            self._must(quote, [post.id for post in self.posts], "post")
        return given

    def _must(self, name: str, known: Iterable[str], what: str) -> None:
        if name not in known:
            raise NotFound(what, name, tuple(known), f"discussion {self.id!r}")


@attrs.frozen
class Discussions:
    """Discussions in an `EventStore`.

    Attributes:
        store: where the facts are kept.
        clock: gives the present instant (aware), which is when facts are recorded.
        tries: how often to try when others write at the same time.
    """

    store: EventStore
    clock: Callable[[], datetime]
    tries: int = 5

    def get(self, id: str) -> Discussion:  # noqa: A002 - the field's word
        """A discussion.

        Raises:
            NotFound: if there is none.
        """
        facts = [one.event for one in self.store.read(Query(cases=id))]
        if not facts:
            raise NotFound("discussion", id)
        return Discussion(facts)

    def start(self, discussion: Discussion) -> Discussion:
        """Store a new one; the same again changes nothing.

        Raises:
            Conflict: if there is another one with its id.
        """
        return self._append(discussion, (), 0)

    def change(self, id: str, change: Callable[[Discussion], Discussion]) -> Discussion:  # noqa: A002 - the field's word
        """Read a discussion, change it, and store what is new; again from the start if somebody else was faster.

        Args:
            id: which.
            change: such as `lambda talk: talk.post("I agree", who="wei", at=now)`.

        Raises:
            NotFound: if there is none.
            Conflict: if others were faster in every try.
        """
        for left in reversed(range(self.tries)):
            read = list(self.store.read(Query(cases=id)))
            if not read:
                raise NotFound("discussion", id)
            before = Discussion(one.event for one in read)
            try:
                return self._append(change(before), before.facts, read[-1].position)
            except Conflict:
                if not left:
                    raise
        raise InvalidValue("tries", self.tries, "is below 1")

    def _append(self, changed: Discussion, before: tuple[Event, ...], after: int) -> Discussion:
        now = self.clock()
        new = [attrs.evolve(fact, recorded=now) for fact in changed.facts[len(before) :]]
        self.store.append(new, unless=Query(cases=changed.id), after=after)
        return Discussion((*before, *new))


def _said(text: str) -> str:
    if not text.strip():
        raise InvalidValue("discussion", text, "says nothing")
    return text
