"""Deciding about approvals: who sits on a panel, who may answer, and for whom."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from crmkit.errors import did_you_mean
from crmkit.pipeline.approvals import Approval, Panel, Request, content_of
from crmkit.pipeline.case import Around, Case
from crmkit.pipeline.commands import AddApprover, Approve, Reject, SendBack, Submit, Withdraw
from crmkit.values import Fields

OfApproval = Submit | Approve | Reject | SendBack | AddApprover | Withdraw


def lacking(approval: Approval, case: Case, fields: Fields) -> str | None:
    """Why an approval is not granted for what the fields hold; None if it is."""
    request = case.request(approval.name)
    if request is None:
        return f"needs approval {approval.name!r}, which nobody asked for"
    if not request.valid(fields):
        covered = "its content" if "*" in request.covers else ", ".join(request.covers)
        return f"needs approval {approval.name!r} again: {covered} changed since it was asked for"
    if request.status == "granted":
        return None
    if request.status == "pending":
        return f"needs approval {approval.name!r}, which waits for {', '.join(request.due)}"
    return f"needs approval {approval.name!r}, which was {request.status}"


def submitted(
    approval: Approval, case: Case, who: str | None, fields: Fields, around: Around
) -> tuple[list[str], dict[str, Any]]:
    """The reasons why an approval cannot be asked for, and the attributes of `Requested`."""
    request = case.request(approval.name)
    content = content_of(fields, approval.covers)
    reasons: list[str] = []
    if who is None:
        reasons.append(f"somebody must ask for approval {approval.name!r}; give who=")
    if request is not None and request.content == content and request.status in {"pending", "granted"}:
        state = "is granted" if request.status == "granted" else f"waits for {', '.join(request.due)}"
        reasons.append(f"approval {approval.name!r} {state} already")
    panels: list[Fields] = []
    for number, panel in enumerate(approval.panels, 1):
        people = _seated(panel, who, fields, around)
        if people or panel.empty != "pass":
            reasons += _unseated(approval, number, panel, people)
            panels.append(Fields(people=people, mode=panel.mode, quorum=panel.quorum, weights=panel.weights))
    return reasons, {
        "panels": tuple(panels),
        "covers": approval.covers,
        "content": content,
        "repeated": approval.repeated,
        "separate": approval.separate,
    }


def _seated(panel: Panel, who: str | None, fields: Fields, around: Around) -> tuple[str, ...]:
    directory = around.directory
    named = [*panel.people]
    for role in panel.roles:
        named += directory.roles.get(role, ())
    named += (str(fields[name]) for name in panel.fields if fields.get(name))
    if who is not None and panel.own != "allow" and who in named:
        superior = directory.superiors.get(who) if panel.own == "superior" else None
        named = [one for one in named if one != who] + ([superior] if superior else [])
    people = tuple(dict.fromkeys(named))
    return people or (panel.deputies if panel.empty == "ask" else ())


def _unseated(approval: Approval, number: int, panel: Panel, people: tuple[str, ...]) -> list[str]:
    if not people:
        wanted = ", ".join((*panel.people, *(f"role {role!r}" for role in panel.roles), *map(repr, panel.fields)))
        return [f"approval {approval.name!r}, panel {number}: nobody is found to decide (asked for {wanted})"]
    if panel.mode == "quorum" and len(people) < panel.quorum:
        return [f"approval {approval.name!r}, panel {number}: needs {panel.quorum} people and has {len(people)}"]
    weight = sum(panel.weights.get(one, 1) for one in people)
    if panel.mode == "weighted" and weight < panel.quorum:
        return [f"approval {approval.name!r}, panel {number}: needs weight {panel.quorum} and has {weight}"]
    return []


def answering(
    request: Request | None, command: OfApproval, at: datetime, around: Around
) -> tuple[list[str], str | None]:
    """The reasons why somebody may not answer, and the person for whom they do; None is for themselves."""
    if request is None or request.status != "pending":
        state = "was not asked for" if request is None else f"is {request.status}"
        return [f"approval {command.approval!r} {state}"], None
    if command.who is None:
        return ["somebody must answer; give who="], None
    if isinstance(command, Withdraw):
        return _withdrawing(request, command), None
    reasons, person = _person(request, command, command.who, at, around)
    if not reasons:
        reasons = [*_apart(request, command.who, person)]
    if isinstance(command, SendBack) and not 0 <= command.panel <= request.now + 1:
        reasons.append(f"panel {command.panel} has not sat yet; panels so far: 1 to {request.now + 1}, or 0")
    if isinstance(command, AddApprover):
        reasons += _adding(request, command)
    return reasons, None if person == command.who else person


def _adding(request: Request, command: AddApprover) -> Iterable[str]:
    if not command.approver.strip():
        yield "name whom to call in; approver= is empty"
    if command.approver in request.due:
        yield f"{command.approver!r} is to decide already"
    if command.approver == request.by:
        yield f"{command.approver} asked for it and cannot be called in to decide"


def _withdrawing(request: Request, command: Withdraw) -> list[str]:
    return [] if command.who == request.by else [f"{request.by} asked for it, and only they may withdraw it"]


def _person(
    request: Request, command: OfApproval, who: str, at: datetime, around: Around
) -> tuple[list[str], str | None]:
    due = request.due
    held = around.directory.acts_for(who, at=at, scope=request.approval)
    wanted = command.on_behalf_of
    if wanted is not None and wanted != who:
        if wanted not in due:
            return [f"{wanted} is not to decide now, but {_listed(due)}{did_you_mean(wanted, due)}"], None
        return ([] if wanted in held else [f"{who} does not act for {wanted} at {at.isoformat()}"]), wanted
    if who in due:
        return [], who
    able = [one for one in held if one in due]
    if len(able) == 1:
        return [], able[0]
    if able:
        return [f"{who} acts for {_listed(able)}: say for whom, with on_behalf_of="], None
    return [f"{_listed(due)} may decide now, and {who} is none of them and acts for none of them"], None


def _apart(request: Request, who: str, person: str | None) -> Iterable[str]:
    if person != who and who == request.by:
        yield f"{who} asked for it and may not decide for {person}"
    if request.separate:
        for sitting in request.sittings:
            for one in dict.fromkeys((who, person)):
                if one in sitting.actors:
                    yield f"{one} has answered already, and nobody may answer twice"


def _listed(people: Iterable[str]) -> str:
    return ", ".join(people)


def facts_of(command: OfApproval) -> Mapping[str, Any]:
    """The attributes that a command hands on to its fact."""
    own = attrs.asdict(command, recurse=False)
    return {name: own[name] for name in ("approval", "reason", "panel", "approver", "before") if name in own}
