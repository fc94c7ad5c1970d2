"""The versions of a definition, one after the other: which one a case is under, and how cases change over."""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import TypeAlias

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors, InvalidValue, NotFound
from crmkit.pipeline.definition import Pipeline
from crmkit.values import aware

__all__ = ["Era", "Versions"]

#: From when a definition opens new cases (aware), None for ever since; and the definition.
Era: TypeAlias = tuple[datetime | None, Pipeline]


def _eras(values: Pipeline | Iterable[Era]) -> tuple[Era, ...]:
    given = [(None, values)] if isinstance(values, Pipeline) else values
    return tuple((None if start is None else aware(start, "start"), pipeline) for start, pipeline in given)


@attrs.frozen
class Versions:
    """Definitions of one process in the order in which they came into force.

    A case stays under the version that opened it until it is migrated; a hash that no version has is refused.

    Attributes:
        eras: from when each opens new cases, and the definition.

    Raises:
        DefinitionErrors: if there are none, or they are not in order.
    """

    eras: tuple[Era, ...] = attrs.field(converter=_eras)

    def __attrs_post_init__(self) -> None:
        found = [] if self.eras else [DefinitionError("eras", "there are none")]
        starts = [start for start, _ in self.eras]
        for number, (before, after) in enumerate(pairwise(starts), 2):
            if after is None or (before is not None and after <= before):
                found.append(DefinitionError(f"era {number}", "does not begin after the one before it"))
        if found:
            raise DefinitionErrors("the versions cannot be used", found)

    def put(self, pipeline: Pipeline, *, start: datetime) -> "Versions":
        """With another version in force from an instant on.

        Raises:
            InvalidValue: if a version that begins later is there already.
        """
        last = self.eras[-1][0]
        if last is not None and aware(start, "start") <= last:
            raise InvalidValue("start", start.isoformat(), f"is not after {last.isoformat()}, when the last one begins")
        return Versions((*self.eras, (start, pipeline)))

    def at(self, moment: datetime) -> Pipeline:
        """The definition that opens cases at an instant.

        Raises:
            NotFound: if none was in force yet.
        """
        moment = aware(moment, "at")
        for start, pipeline in reversed(self.eras):
            if start is None or start <= moment:
                return pipeline
        first = self.eras[0][0]
        raise NotFound("definition in force at", moment.isoformat(), (f"from {first}",), "the versions")

    def of(self, definition: str | None) -> Pipeline:
        """The definition of a hash, as cases and facts carry it.

        Raises:
            NotFound: if no version has it.
        """
        for _, pipeline in self.eras:
            if pipeline.definition == definition:
                return pipeline
        known = tuple(pipeline.definition for _, pipeline in self.eras)
        raise NotFound("definition", str(definition), known, "the versions")
