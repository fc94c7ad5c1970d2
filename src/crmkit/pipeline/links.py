"""Child cases: a quotation approval or a credit check that lives inside a deal, with a definition of its own."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from crmkit.pipeline.definition import Pipeline

__all__ = ["Link"]


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


@attrs.frozen
class Link:
    """A kind of child case that a case may have.

    Guards of the parent read the child under the name of the link: `credit check.outcome = "won"`. When the parent
    closes, a child that is still open is cancelled; so each open stage of the child needs a move into a stage whose
    outcome is "cancelled", and neither the move nor that stage may ask for anything.

    Attributes:
        name: unique in its pipeline; the name that guards use.
        pipeline: the definition of the child.
        stages: the stages of the parent in which it may be opened; any open stage if empty.
    """

    name: str
    pipeline: "Pipeline"
    stages: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)

    def way_out(self, stage: str) -> tuple[str, str] | None:
        """The move that cancels the child in a stage, and where it leads; None if there is none."""
        cancelled = {one.name for one in self.pipeline.stages if one.outcome == "cancelled" and not one.requires}
        for name, move in self.pipeline.moves.get(stage, {}).items():
            # Nobody is there to be asked for a field, a role or an approval.
            if move.to in cancelled and not (move.guards or move.requires or move.roles or move.approval):
                return name, move.to
        return None

    def problems(self) -> Iterator[str]:
        """What keeps it from being a link."""
        for stage in self.pipeline.stages:
            if stage.outcome is None and self.way_out(stage.name) is None:
                wanted = "no move into a cancelled stage that asks for nothing"
                yield f"stage {stage.name!r} of {self.pipeline.name!r} has {wanted}"
