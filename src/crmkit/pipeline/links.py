"""Child cases: a quotation approval or a credit check that lives inside a deal, with a definition of its own."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.events import Event, Moved
from crmkit.pipeline.case import Around, Case

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
    outcome is "cancelled".

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
        cancelled = {one.name for one in self.pipeline.stages if one.outcome == "cancelled"}
        for name, move in self.pipeline.moves.get(stage, {}).items():
            if move.to in cancelled:
                return name, move.to
        return None

    def problems(self) -> Iterator[str]:
        """What keeps it from being a link."""
        for stage in self.pipeline.stages:
            if stage.outcome is None and self.way_out(stage.name) is None:
                yield f"stage {stage.name!r} of {self.pipeline.name!r} has no move into a cancelled stage"


def outcome_of(link: Link, child: Case) -> str | None:
    """What became of a child: the outcome of its stage; None while it is open."""
    return link.pipeline.stage(child.stage).outcome


def seen(links: Iterable[Link], case: Case, around: Around) -> dict[str, Any]:
    """What guards see of the children: a context for each link, None where there is no child.

    A child whose state nobody gave is not there: what needs it is not known.
    """
    made: dict[str, Any] = {}
    for link in links:
        id_ = case.child(link.name)
        child = around.children.get(id_ or "")
        if id_ is None:
            made[link.name] = None
        elif child is not None:
            made[link.name] = {"stage": child.stage, "outcome": outcome_of(link, child)}
    return made


def closer(
    links: tuple[Link, ...],
) -> Callable[[Case, Mapping[str, Any], Around], tuple[list[str], tuple[Event, ...]]]:
    """What closes the open children of a case that closes."""
    by_name = {link.name: link for link in links}

    def close(case: Case, values: Mapping[str, Any], around: Around) -> tuple[list[str], tuple[Event, ...]]:
        reasons: list[str] = []
        facts: list[Event] = []
        for name, id_ in case.children:
            child = around.children.get(id_)
            if child is None:
                reasons.append(f"{name} {id_!r} may still be open: its state was not given")
            elif name in by_name and outcome_of(by_name[name], child) is None:
                facts.append(_cancelled(by_name[name], child, values))
        return reasons, tuple(facts)

    return close


def _cancelled(link: Link, child: Case, values: Mapping[str, Any]) -> Moved:
    move, to = link.way_out(child.stage) or ("", "")
    return Moved(
        id=f"{child.id}#{child.version + 1}",
        case=child.id,
        at=max(values["at"], child.at),
        recorded=max(values["recorded"], child.at),
        who=values["who"],
        definition=link.pipeline.definition,
        cause=values["id"],
        move=move,
        origin=child.stage,
        entered=child.entered,
        held_by=child.held_by,
        stage=to,
    )
