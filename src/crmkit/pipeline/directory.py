"""Who has which role, who is whose superior, and who acts for whom while they are away."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors
from crmkit.values import EMPTY, Fields, aware

__all__ = ["Delegation", "Directory"]


def _start(at: datetime) -> datetime:
    return aware(at, "start")


def _end(at: datetime | None) -> datetime | None:
    return None if at is None else aware(at, "end")


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def _people(values: Mapping[str, Iterable[str]]) -> Fields:
    return Fields({role: _names(people) for role, people in values.items()})


def _superiors(values: Mapping[str, str]) -> Fields:
    return Fields(values)


def _delegations(values: "Iterable[Delegation]") -> "tuple[Delegation, ...]":
    return tuple(values)


@attrs.frozen
class Delegation:
    """One person acts for another, for a while.

    Attributes:
        of: whose authority it is.
        to: who acts for them.
        start: from when (aware).
        end: until before when; None for open.
        scope: the approvals and moves that it is good for; all of them if empty.
    """

    of: str
    to: str
    start: datetime = attrs.field(converter=_start)
    end: datetime | None = attrs.field(default=None, converter=_end)
    scope: tuple[str, ...] = attrs.field(default=(), converter=_names)

    def holds(self, at: datetime, scope: str) -> bool:
        """Whether it is good at an instant for an approval or a move."""
        in_time = self.start <= at and (self.end is None or at < self.end)
        return in_time and (not self.scope or scope in self.scope)


@attrs.frozen
class Directory:
    """What the host knows about its people; it comes with each command and is never stored.

    >>> from datetime import UTC, datetime
    >>> week = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)
    >>> people = Directory(roles={"manager": ["li"]}, delegations=[Delegation("li", "zhang", *week)])
    >>> people.acts_for("zhang", at=datetime(2026, 3, 8, 23, tzinfo=UTC), scope="discount")
    ('li',)
    >>> people.acts_for("zhang", at=datetime(2026, 3, 9, tzinfo=UTC), scope="discount")
    ()

    Attributes:
        roles: from a role to the people who have it.
        superiors: from a person to their superior.
        delegations: who acts for whom, and when.
        longest: how many delegations may follow each other: with 1, nobody passes on what was passed to them.

    Raises:
        DefinitionErrors: for people who act for themselves, periods that end before they begin, and people who would
            act for each other in a circle at the same time.
    """

    roles: Mapping[str, tuple[str, ...]] = attrs.field(default=EMPTY, converter=_people)
    superiors: Mapping[str, str] = attrs.field(default=EMPTY, converter=_superiors)
    delegations: tuple[Delegation, ...] = attrs.field(default=(), converter=_delegations)
    longest: int = 1

    def __attrs_post_init__(self) -> None:
        found = [*_wrong(self)] or [*_circles(self.delegations)]
        if found:
            raise DefinitionErrors("the directory cannot be used", found)

    def roles_of(self, who: str | None) -> frozenset[str]:
        """The roles of a person."""
        return frozenset(role for role, people in self.roles.items() if who in people)

    def acts_for(self, who: str, *, at: datetime, scope: str) -> tuple[str, ...]:
        """The people whose authority somebody holds by delegation, the nearest first.

        Args:
            who: who acts.
            at: when (aware).
            scope: the approval or the move.
        """
        held, last = [who], [who]
        for _ in range(self.longest):
            last = [
                one.of
                for one in self.delegations
                if one.to in last and one.of not in held and one.holds(at, scope)
            ]  # fmt: skip
            held += dict.fromkeys(last)
        return tuple(held[1:])


def _wrong(directory: Directory) -> Iterator[DefinitionError]:
    if directory.longest < 0:
        yield DefinitionError("longest", f"is {directory.longest}, less than 0")
    for number, one in enumerate(directory.delegations, 1):
        if one.of == one.to:
            yield DefinitionError(f"delegation {number}", f"{one.of!r} acts for themselves")
        if one.end is not None and one.end <= one.start:
            yield DefinitionError(f"delegation {number}", f"ends at {one.end.isoformat()}, not after it starts")


def _circles(delegations: tuple[Delegation, ...]) -> Iterator[DefinitionError]:
    """Circles are looked for whenever a delegation begins, in every scope that is named and in all others."""
    scopes = dict.fromkeys(["", *(scope for one in delegations for scope in one.scope)])
    seen: set[frozenset[str]] = set()
    for at in dict.fromkeys(one.start for one in delegations):
        for scope in scopes:
            circle = _circle({(one.of, one.to) for one in delegations if one.holds(at, scope)})
            if circle and circle not in seen:
                seen.add(circle)
                people, when = ", ".join(sorted(circle)), at.isoformat()
                yield DefinitionError("delegations", f"{people} would act for each other in a circle at {when}")


def _circle(edges: set[tuple[str, str]]) -> frozenset[str]:
    """The people who stay when those are taken away, again and again, whom nobody acts for or who act for nobody."""
    while True:
        inner = {of for of, _ in edges} & {to for _, to in edges}
        kept = {(of, to) for of, to in edges if of in inner and to in inner}
        if kept == edges:
            return frozenset(inner)
        edges = kept
