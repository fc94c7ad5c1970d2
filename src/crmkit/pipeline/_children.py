"""What a case has to do with its children: it reads them, and takes them with it when it closes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from crmkit.events import Event, Moved
from crmkit.pipeline.case import Around, Case
from crmkit.pipeline.links import Link
from crmkit.pipeline.stages import Stage


def stage_of(link: Link, child: Case) -> Stage | None:
    """The stage of a child; None if the link knows no such stage: the child has changed over to another version."""
    return next((stage for stage in link.pipeline.stages if stage.name == child.stage), None)


def seen(links: Iterable[Link], case: Case, around: Around) -> dict[str, Any]:
    """What guards see of the children: a context for each link, None where there is no child.

    A child whose state nobody gave, or in a stage that its link does not know, is not there: what needs it is not
    known.
    """
    made: dict[str, Any] = {}
    for link in links:
        id_ = case.child(link.name)
        child = around.children.get(id_ or "")
        if id_ is None:
            made[link.name] = None
        elif child is not None and (stage := stage_of(link, child)) is not None:
            made[link.name] = {"stage": stage.name, "outcome": stage.outcome}
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
            elif name not in by_name:
                reasons.append(f"{name} {id_!r} may still be open: this definition has no link of that name")
            else:
                stage = stage_of(by_name[name], child)
                if stage is None or (stage.outcome is None and _foreign(by_name[name], child)):
                    why = f"is under definition {child.definition}, which the link does not know; migrate this case too"
                    reasons.append(f"{name} {id_!r} {why}")
                elif stage.outcome is None:
                    facts.append(_cancelled(by_name[name], child, values))
        return reasons, tuple(facts)

    return close


def _foreign(link: Link, child: Case) -> bool:
    return child.definition not in (None, link.pipeline.definition)


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
