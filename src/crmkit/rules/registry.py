"""Which version of a rule set is in force when, and which was known to be."""

from datetime import datetime

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors, InvalidValue, NaiveDatetime, NotFound
from crmkit.rules.ruleset import RuleSet

__all__ = ["Registry", "Version"]


def _aware(*moments: datetime | None) -> None:
    for moment in moments:
        if moment is not None and moment.tzinfo is None:
            raise NaiveDatetime("registry", moment, "needs a zone")


@attrs.frozen
class Version:
    """A rule set put in force.

    Attributes:
        rules: the set.
        start: when it begins to count.
        end: when it ceases to; None for open.
        recorded: when this was decided.
    """

    rules: RuleSet
    start: datetime
    end: datetime | None
    recorded: datetime


@attrs.frozen
class Registry:
    """The versions of a rule set in force: which judged when, and which was known to.

    Attributes:
        versions: what was put in force, in the order in which it was recorded.
    """

    versions: tuple[Version, ...] = ()

    def put(self, rules: RuleSet, *, start: datetime, end: datetime | None = None, recorded: datetime) -> "Registry":
        """With a version in force from `start` until before `end`; later ones go before earlier ones where both are.

        Args:
            rules: the version.
            start: when it begins to count (aware).
            end: when it ceases to; None for open.
            recorded: when this was decided (aware).

        Raises:
            NaiveDatetime: for a moment without a zone.
            InvalidValue: if it ends before it starts, or was recorded before its predecessor.
            DefinitionErrors: if rows of its tables surely contradict each other.
        """
        _aware(start, recorded, end)
        if end is not None and end <= start:
            raise InvalidValue("registry", end, f"is not after {start}")
        if self.versions and recorded < self.versions[-1].recorded:
            raise InvalidValue("registry", recorded, "is before the version recorded last")
        wrong = [DefinitionError(name, str(one)) for name, found in rules.problems().items() for one in found]
        if wrong:
            raise DefinitionErrors(f"rule set {rules.name!r} cannot be put in force", wrong)
        return Registry((*self.versions, Version(rules, start, end, recorded)))

    def at(self, moment: datetime, *, known_at: datetime | None = None) -> RuleSet:
        """The version in force at a moment.

        Args:
            moment: when (aware).
            known_at: as it was known then; as it is known now if None.

        Raises:
            NaiveDatetime: for a moment without a zone.
            NotFound: if none was in force.
        """
        _aware(moment, known_at)
        for version in reversed(self.versions):
            known = known_at is None or version.recorded <= known_at
            if known and version.start <= moment and (version.end is None or moment < version.end):
                return version.rules
        known_ones = tuple(f"{one.rules.version} from {one.start.isoformat()}" for one in self.versions)
        raise NotFound("version", moment.isoformat(), known_ones, "the registry")
