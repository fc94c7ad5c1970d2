"""From a command to facts, or to every reason why not: one function for each kind of command."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crmkit.errors import InvalidValue, did_you_mean
from crmkit.events import (
    Approved,
    ApproverAdded,
    Edited,
    Event,
    Linked,
    Opened,
    Rejected,
    Requested,
    Returned,
    Withdrawn,
)
from crmkit.pipeline import _approving, _machine, commands
from crmkit.pipeline._children import stage_of
from crmkit.pipeline.case import Accepted, Around, Asked, Case, Refused, Step, Verdict
from crmkit.values import EMPTY, aware
from crmkit.values._trusted import Draft

if TYPE_CHECKING:
    from crmkit.pipeline.definition import Pipeline


# What a named tuple's own constructor calls, without the way there.
_tuple = tuple.__new__


def case_id(given: object) -> str:
    """A case id that can be one."""
    if not given or not isinstance(given, str):
        raise InvalidValue("case id", given, "is empty or no text")
    return given


def opened(pipeline: "Pipeline", id_: str, asked: Asked, parent: str | None) -> Step | Refused:
    """The step that opens a case.

    Args:
        pipeline: the definition.
        id_: the host's key.
        asked: what the command says.
        parent: the case that it is a part of.
    """
    _, at, recorded, who, on_behalf_of, definition, cause, key, data = asked
    fact: Any = Draft()
    fact.id, fact.case, fact.at, fact.recorded = f"{id_}#1", id_, at, recorded
    fact.who, fact.on_behalf_of, fact.definition, fact.cause, fact.key = who, on_behalf_of, definition, cause, key
    fact.stage, fact.parent = pipeline.start, parent
    if data is not EMPTY:
        fact.data = data
    fact.__class__ = Opened
    event: Opened = fact
    case, machine = _machine.opened_case(event), pipeline._engine  # noqa: SLF001 - the definition's own room
    requires = machine.needs
    if not (requires or machine.reader or machine.judge):
        return _tuple(Step, (case, event, (), ()))
    missing = [name for name in requires if not _machine.has_value(event.data, name)]
    reasons = [f"stage {event.stage!r} needs {name!r}" for name in missing]
    also: tuple[Event, ...] = ()
    if machine.reader is not None:
        # Nothing is locked before there is a case.
        reasons += machine.reader(case, case.fields.__class__(), event.data)
    if machine.judge is not None:
        against, also = machine.judge(case, event.data, {**vars(event), "move": None})
        reasons += against
    if reasons:
        return Refused(tuple(reasons), tuple(missing))
    for one in also:
        case = _machine.evolve(case, one)
    return Step(case, event, (), also)


def decide(pipeline: "Pipeline", case: Case | str, command: commands.Command, now: datetime, around: Around) -> Verdict:
    """See `Pipeline.decide`."""
    now = aware(now, "now")
    if isinstance(command, commands.Open) or isinstance(case, str):
        if not isinstance(command, commands.Open) or not isinstance(case, str):
            raise InvalidValue("case", case, "must be an id for Open, and a case for any other command")
        return _verdict(_open(pipeline, case, command, now))
    if case.definition not in (None, pipeline.definition):
        return Refused((_machine.foreign(case.definition, pipeline.definition),))
    return _verdict(_HANDLERS[type(command)](pipeline, case, command, now, around))


def _verdict(decided: Step | Refused) -> Verdict:
    return decided if isinstance(decided, Refused) else Accepted(decided)


def _shared(pipeline: "Pipeline", case: Case, command: Any, now: datetime) -> dict[str, Any]:
    return {
        "id": f"{case.id}#{case.version + 1}",
        "case": case.id,
        "at": now if command.at is None else aware(command.at),
        "recorded": now,
        "who": command.who,
        "on_behalf_of": command.on_behalf_of,
        "definition": pipeline.definition,
        "cause": command.cause,
        "key": command.key,
        "data": command.fields,
    }


def _asked(pipeline: "Pipeline", move: str, command: commands.Open | commands.Take, now: datetime) -> Asked:
    return (
        move, now if command.at is None else aware(command.at), now, command.who, command.on_behalf_of,
        pipeline.definition, command.cause, command.key, command.fields or EMPTY,
    )  # fmt: skip


def _open(pipeline: "Pipeline", id_: str, command: commands.Open, now: datetime) -> Step | Refused:
    return opened(pipeline, case_id(id_), _asked(pipeline, "open", command, now), command.parent)


def _take(pipeline: "Pipeline", case: Case, command: Any, now: datetime, around: Around) -> Step | Refused:
    asked = _asked(pipeline, command.move, command, now)
    return _machine.decide(pipeline._engine, case, asked, around)  # noqa: SLF001 - the definition's own room


def _edit(pipeline: "Pipeline", case: Case, command: Any, now: datetime, _around: Around) -> Step | Refused:
    event = Edited(**_shared(pipeline, case, command, now))
    return _machine.edited(pipeline._engine, case, event)  # noqa: SLF001 - the definition's own room


def _stepped(case: Case, event: Event, also: tuple[Event, ...] = ()) -> Step | Refused:
    if event.at < case.at:
        return Refused((f"{event.at.isoformat()} is before its last event at {case.at.isoformat()}",))
    return Step(_machine.evolve(case, event), event, (), also)


def _open_child(pipeline: "Pipeline", case: Case, command: Any, now: datetime, around: Around) -> Step | Refused:
    links = {link.name: link for link in pipeline.links}
    link = links.get(command.link)
    if link is None:
        return Refused((f"no link {command.link!r}{did_you_mean(command.link, links)}",))
    reasons = []
    stages = link.stages or tuple(stage.name for stage in pipeline.stages if stage.outcome is None)
    if case.stage not in stages:
        reasons.append(f"a {link.name} may be opened in {', '.join(stages)}, and the case is in {case.stage}")
    before = around.children.get(case.child(link.name) or "")
    if before is not None and ((known := stage_of(link, before)) is None or known.outcome is None):
        reasons.append(f"its {link.name} {before.id!r} is still open")
    shared: dict[str, Any] = {**_shared(pipeline, case, command, now), "data": EMPTY}
    own = commands.Open(
        who=command.who, at=command.at, key=command.key, cause=shared["id"], fields=command.fields, parent=case.id
    )
    child = _open(link.pipeline, command.child, own, now)
    if isinstance(child, Refused):
        reasons += child.reasons
    if reasons or isinstance(child, Refused):
        return Refused(tuple(reasons))
    return _stepped(case, Linked(**shared, link=link.name, child=command.child), child.events)


def _submit(pipeline: "Pipeline", case: Case, command: Any, now: datetime, around: Around) -> Step | Refused:
    known = [one.name for one in pipeline.approvals]
    if command.approval not in known:
        return Refused((f"no approval {command.approval!r}{did_you_mean(command.approval, known)}",))
    shared = _shared(pipeline, case, command, now)
    fields = case.fields | command.fields if command.fields else case.fields
    approval = pipeline.approval(command.approval)
    reasons, parts = _approving.submitted(approval, case, command.who, fields, around)
    event = Requested(**shared, approval=approval.name, **parts)
    if command.fields:
        # What cannot be set by an edit cannot be set on the way to an approval.
        return _machine.changed(pipeline._engine, case, event, reasons)  # noqa: SLF001 - the definition's own room
    return Refused(tuple(reasons)) if reasons else _stepped(case, event)


def _answer(pipeline: "Pipeline", case: Case, command: Any, now: datetime, around: Around) -> Step | Refused:
    request = case.request(command.approval)
    shared = _shared(pipeline, case, command, now)
    reasons, person = _approving.answering(request, command, shared["at"], around)
    stale = request is not None and request.status == "pending" and not request.valid(case.fields)
    if stale and not isinstance(command, commands.Withdraw):
        reasons = ["what was asked for has changed since; it must be asked for again", *reasons]
    if command.fields:
        reasons.append("an answer sets no fields")
    if reasons:
        return Refused(tuple(reasons))
    kind = _FACTS[type(command)]
    return _stepped(case, kind(**{**shared, "on_behalf_of": person}, **_approving.facts_of(command)))


_FACTS: Mapping[type, Any] = {
    commands.Approve: Approved,
    commands.Reject: Rejected,
    commands.SendBack: Returned,
    commands.AddApprover: ApproverAdded,
    commands.Withdraw: Withdrawn,
}
_HANDLERS: Mapping[type, Callable[["Pipeline", Case, Any, datetime, Around], Step | Refused]] = {
    commands.Take: _take,
    commands.Edit: _edit,
    commands.OpenChild: _open_child,
    commands.Submit: _submit,
    **dict.fromkeys(_FACTS, _answer),
}
