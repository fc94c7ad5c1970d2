"""Which messages belong together, in whatever order they arrive."""

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import attrs

from crmkit.kb.mail._subjects import subject_of
from crmkit.kb.mail.message import Message
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = ["Evidence", "Thread", "threads"]

#: Why a message is in its thread: it is the first, or by its references, by Outlook's Thread-Index, by its subject.
Evidence: TypeAlias = Literal["first", "references", "index", "subject"]

_LATEST = datetime.max.replace(tzinfo=UTC)


@attrs.frozen
class Thread(Shown):
    """Messages that belong together.

    Attributes:
        messages: in the order of their dates; those without one are last.
        parents: for each, the id of the message that it answers, if that is there.
        evidence: for each, why it is here.
    """

    messages: tuple[Message, ...]
    parents: tuple[str | None, ...]
    evidence: tuple[Evidence, ...]

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The messages in order; see `Shown.display`."""
        from crmkit.kb._shown import conversation

        return conversation(self, lang, most)

    @property
    def id(self) -> str:
        """That of the first message."""
        return self.messages[0].id


def threads(messages: Iterable[Message], *, within: timedelta | None = timedelta(days=7)) -> tuple[Thread, ...]:
    """Put messages together that belong together.

    Messages belong together that name each other, or both name a third, which need not be there, or share the root of
    a Thread-Index. A message that says it is a reply and has nothing before it is put to the latest message of the same
    subject, if that is not older than `within` and the writer of one is named in the other; its evidence is "subject",
    so that it can be told and undone. The result does not depend on the order of the messages.

    Args:
        messages: a message that comes twice counts once.
        within: how long a subject connects; None if it never does.

    Returns:
        The threads in the order of their first messages.

    >>> first = Message("1@a", datetime(2024, 3, 1, tzinfo=UTC))
    >>> reply = Message("3@a", datetime(2024, 3, 2, tzinfo=UTC), references=("1@a", "2@a"))
    >>> [thread.parents for thread in threads([reply, first])]
    [(None, '1@a')]
    """
    known = _known(messages)
    joined = _Joined()
    for message in known.values():
        for each in message.references:
            joined.join(message.id, each)
        if message.conversation:
            joined.join(message.id, ("index", message.conversation))
    about = {} if within is None else dict(_by_subject(known, joined, within))
    for answer, earlier in about.items():
        joined.join(answer, earlier)
    parents = _parents(known, about)
    groups: dict[Hashable, list[Message]] = {}
    for message in known.values():
        groups.setdefault(joined.root(message.id), []).append(message)
    return tuple(_thread(group, parents, about) for group in groups.values())


def _known(messages: Iterable[Message]) -> dict[str, Message]:
    """Each message once, by date. Of two that share an id the same one stays, whichever comes first."""
    found: dict[str, Message] = {}
    for message in messages:
        other = found.get(message.id)
        if other is None or (other != message and repr(message) < repr(other)):
            found[message.id] = message
    return {message.id: message for message in sorted(found.values(), key=_when)}


def _when(message: Message) -> tuple[datetime, str]:
    return message.sent or _LATEST, message.id


class _Joined:
    """Sets that are joined (union-find): which set a thing is in does not depend on the order of joining."""

    def __init__(self) -> None:
        self._up: dict[Hashable, Hashable] = {}

    def root(self, thing: Hashable) -> Hashable:
        up = self._up
        while (above := up.get(thing, thing)) != thing:
            up[thing] = up.get(above, above)
            thing = above
        return thing

    def join(self, one: Hashable, other: Hashable) -> bool:
        """Whether they were apart."""
        first, second = self.root(one), self.root(other)
        if first != second:
            self._up[first] = second
        return first != second


def _by_subject(known: dict[str, Message], joined: _Joined, within: timedelta) -> Iterator[tuple[str, str]]:
    """Replies with nothing before them, each with the message that its subject and its people tell."""
    begun: set[Hashable] = set()
    written: dict[tuple[str, str, bool], list[tuple[datetime, str]]] = {}
    for message in known.values():
        root, subject = joined.root(message.id), subject_of(message.subject)
        if message.sent is None or message.sender is None or not subject.about:
            begun.add(root)
            continue
        writer, named = message.sender.key, {each.key for each in message.addresses}
        if subject.replied and root not in begun:
            places = [(subject.about, writer, False), *((subject.about, name, True) for name in named)]
            earlier = max(
                filter(None, (_latest(written.get(place, []), message.sent) for place in places)), default=None
            )
            if earlier and message.sent - earlier[0] <= within:
                yield message.id, earlier[1]
        begun.add(root)
        written.setdefault((subject.about, writer, True), []).append(_when(message))
        for name in named:
            written.setdefault((subject.about, name, False), []).append(_when(message))


def _latest(before: list[tuple[datetime, str]], sent: datetime) -> tuple[datetime, str] | None:
    """The last one that is older; they are in order."""
    at = bisect_left(before, (sent, ""))
    return before[at - 1] if at else None


def _parents(known: dict[str, Message], about: dict[str, str]) -> dict[str, str]:
    """What each message answers: of what it refers to and what is there the last, unless that answers it itself."""
    trees = _Joined()
    parents: dict[str, str] = {}
    for message in known.values():
        named = (*((about[message.id],) if message.id in about else ()), *message.references)
        for each in reversed(named):
            # a message without a parent is the top of its tree, so that a circle would be within one
            if each in known and trees.join(message.id, each):
                parents[message.id] = each
                break
    return parents


def _thread(group: list[Message], parents: dict[str, str], about: dict[str, str]) -> Thread:
    evidence: tuple[Evidence, ...] = tuple(_evidence(message, n, about) for n, message in enumerate(group))
    return Thread(tuple(group), tuple(parents.get(message.id) for message in group), evidence)


def _evidence(message: Message, place: int, about: dict[str, str]) -> Evidence:
    if message.id in about:
        return "subject"
    if not place:
        return "first"
    if message.conversation and not message.references:
        return "index"
    return "references"
