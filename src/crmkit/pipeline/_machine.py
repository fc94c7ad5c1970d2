"""The machine is the table: look an edge up, take it, or say why not.

Rules for this file: everything that decides a move or evolves a case lives here; nothing here knows how a pipeline is
written down, stored or drawn. No clock, no I/O: time comes in as an argument.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from crmkit.errors import InvalidValue, did_you_mean
from crmkit.events import Breached, Edited, Event, Found, Linked, Migrated, Moved, Opened, Requested, Warned
from crmkit.pipeline.approvals import answered
from crmkit.pipeline.case import ALONE, Around, Asked, Attempt, Case, Child, Effect, Refused, Step
from crmkit.pipeline.stages import Answer
from crmkit.values import EMPTY, Fields
from crmkit.values._trusted import Draft

#: What a move asks: None or True lets it pass, anything else are the reasons why not.
Gate: TypeAlias = Callable[[Attempt], Answer]
#: What a change of fields asks: the reasons why not.
Reader: TypeAlias = Callable[[Case, Fields, Mapping[str, Any]], list[str]]
#: What rules say of a case after a change: the reasons why not, and what is only to be noted.
Judge: TypeAlias = Callable[[Case, Fields, Mapping[str, Any]], tuple[list[str], tuple[Found, ...]]]
#: The facts that close the child cases of a case that closes, and the reasons why that cannot be.
Closer: TypeAlias = Callable[[Case, Mapping[str, Any], Around], tuple[list[str], tuple[Event, ...]]]


@attrs.frozen
class Edge:
    """A move, ready to be taken: where it leads, what it asks for, what follows."""

    to: str
    requires: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    effects: tuple[Effect, ...] = ()
    closes: bool = False


Table: TypeAlias = Mapping[str, Mapping[str, Edge]]


@attrs.frozen
class Machine:
    """A compiled pipeline.

    Attributes:
        table: from stage to move to edge.
        needs: the fields that a case must have to be opened.
        reader: looks at the fields that a command sets; None if they may hold anything.
        judge: the rules that every change must keep; None if there are none.
        closer: closes the children; None if there can be none.
        strict: whether there is any of them.
    """

    table: Table
    needs: tuple[str, ...] = ()
    reader: Reader | None = None
    judge: Judge | None = None
    closer: Closer | None = None
    strict: bool = attrs.field(init=False, default=attrs.Factory(lambda self: self.checks_more(), takes_self=True))

    def checks_more(self) -> bool:
        """Whether there is more to ask than the table."""
        return not (self.reader is None and self.judge is None and self.closer is None)


# What a named tuple's own constructor calls, without the way there.
_tuple = tuple.__new__


def decide(machine: Machine, case: Case, asked: Asked, around: Around = ALONE) -> Step | Refused:
    """The step that a command leads to, or every reason against it.

    Args:
        machine: the compiled pipeline.
        case: the case as it is.
        asked: what the command says.
        around: what else the guards may look at.
    """
    # Reading a tuple at once is much cheaper than reading it part by part, and this is the hot path.
    id_, stage, opened, entered, last, owner, held_by, fields, version, pinned, requests, children, parent = case
    move, at, recorded, who, on_behalf_of, definition, cause, key, data = asked
    if pinned != definition and pinned is not None:
        return Refused((foreign(pinned, definition),))
    table = machine.table
    edge = table[stage].get(move) if stage in table else None
    if edge is None:
        return _no_such_move(table, case, move)
    to = edge.to
    if data is not EMPTY:
        fields = fields | data
        owner = fields.get("owner") or owner
    reasons = _gated(edge, Attempt(case, fields, to, asked, around)) if edge.gates else None
    fact: Any = Draft()
    fact.id, fact.case, fact.at, fact.recorded = f"{id_}#{version + 1}", id_, at, recorded
    fact.who, fact.on_behalf_of, fact.definition, fact.cause, fact.key = who, on_behalf_of, definition, cause, key
    fact.move, fact.origin, fact.entered, fact.held_by, fact.stage = move, stage, entered, held_by, to
    if data is not EMPTY:
        fact.data = data
    fact.__class__ = Moved
    also: tuple[Event, ...] = ()
    # The common case first: nothing is missing, nothing is refused, nobody else has a say.
    if edge.requires or at < last:
        reasons = [*_missing(edge, fields), *_late(case, at), *(reasons or ())]
    if machine.strict:
        against, also = _judged(machine, edge, case, fields, (fact, around))
        reasons = [*(reasons or ()), *against]
    if reasons:
        missing = tuple(name for name in edge.requires if not has_value(fields, name))
        return Refused(tuple(dict.fromkeys(reasons)), missing, ((move,),) if missing else ())
    version += 1 + sum(one.case == id_ for one in also) if also else 1
    after = _tuple(Case, (
        id_, to, opened, at, at, owner, owner, fields, version, definition, requests, children, parent,
    ))  # fmt: skip
    return _tuple(Step, (after, fact, edge.effects, also))


def _judged(
    machine: Machine, edge: Edge, case: Case, fields: Fields, context: tuple[Moved, Around]
) -> tuple[list[str], tuple[Event, ...]]:
    """What the schema, the rules and the children say of a move."""
    fact, around = context
    values, data = vars(fact), fact.data
    reasons: list[str] = []
    also: tuple[Event, ...] = ()
    if machine.reader is not None and data:
        free = {name: value for name, value in data.items() if name not in edge.requires}
        reasons += machine.reader(case, Fields(free), data)
    if machine.judge is not None:
        against, also = machine.judge(case, fields, values)
        reasons += against
    if edge.closes and machine.closer is not None:
        against, closing = machine.closer(case, values, around)
        reasons, also = reasons + against, (*also, *closing)
    return reasons, also


def _gated(edge: Edge, attempt: Attempt) -> list[str]:
    reasons: list[str] = []
    for gate in edge.gates:
        try:
            answer = gate(attempt)
        except Exception as error:
            # A guard that fails is a defect of the host's code: let it surface, but say where.
            error.add_note(f"in guard {name_of(gate)!r} of move {attempt.move!r}, case {attempt.case.id!r}")
            raise
        if not (answer is True or answer is None):
            reasons += _refusals(gate, attempt.move, answer)
    return reasons


def evolve(case: Case | None, event: Event) -> Case:
    """The state after an event; total: an event it does not understand only counts.

    Raises:
        InvalidValue: if the first event of a case does not open it, or the event is of another case.
    """
    if case is None:
        if not isinstance(event, Opened):
            raise InvalidValue("history", event.id, f"begins case {event.case!r} but is {event.type}, not Opened")
        return opened_case(event)
    if event.case != case.id:
        raise InvalidValue("history", event.id, f"belongs to case {event.case!r}, not {case.id!r}")
    fields = case.fields | event.data if event.data else case.fields
    owner = fields.get("owner") or case.owner
    # That time has run out is noticed afterwards: what was done in between may still be recorded.
    last = case.at if isinstance(event, Warned | Breached) else max(case.at, event.at)
    changes: dict[str, Any] = {"fields": fields, "owner": owner, "version": case.version + 1, "at": last}
    match event:
        case Moved():
            changes |= {"stage": event.stage, "entered": event.at, "held_by": owner}
            changes["definition"] = event.definition or case.definition
        case Migrated():
            # The same stay under another name: when it began, and who held the case then, stay as they were.
            changes |= {"definition": event.definition, "stage": event.stage}
        case Linked():
            others = (one for one in case.children if one.link != event.link)
            changes["children"] = (*others, Child(event.link, event.child))
        case _:
            # Most events are not about approvals, and most cases have none.
            if case.requests or isinstance(event, Requested):
                changes["requests"] = answered(case.requests, event)
    return case._replace(**changes)


def edited(machine: Machine, case: Case, event: Edited) -> Step | Refused:
    """The step of a change of fields without a move, or every reason against it."""
    return changed(machine, case, event, [])


def changed(machine: Machine, case: Case, event: Event, reasons: list[str]) -> Step | Refused:
    """The step of a fact that sets fields and leaves the case where it is, or every reason against it.

    Args:
        machine: the compiled pipeline.
        case: the case as it is.
        event: the fact.
        reasons: what is against it already.
    """
    if case.definition not in (None, event.definition):
        return Refused((foreign(case.definition, event.definition),))
    reasons = [*reasons, *_late(case, event.at)]
    also: tuple[Event, ...] = ()
    if machine.reader is not None:
        reasons += machine.reader(case, event.data, event.data)
    if machine.judge is not None:
        values = {**vars(event), "move": None, "stage": case.stage}
        against, also = machine.judge(case, case.fields | event.data, values)
        reasons += against
    if reasons:
        return Refused(tuple(reasons))
    after = evolve(case, event)
    for one in also:
        after = evolve(after, one)
    return Step(after, event, (), also)


def foreign(pinned: str | None, definition: str | None) -> str:
    """Why a definition does not decide about a case that another one opened."""
    return f"and under definition {pinned}, not {definition}: decide with the version it is under, or migrate it first"


def has_value(fields: Fields, name: str) -> bool:
    """Whether a required field is filled in; a blank text and None are not."""
    value = fields.get(name)
    return value is not None and not (isinstance(value, str) and not value.strip())


def routes(table: Table, start: str, wanted: Callable[[str, str, Edge], bool]) -> Iterator[tuple[str, ...]]:
    """Shortest runs of moves from a stage to edges that satisfy `wanted(stage, move, edge)`, breadth first."""
    queue: deque[tuple[str, tuple[str, ...]]] = deque([(start, ())])
    seen = {start}
    while queue:
        stage, path = queue.popleft()
        for move, edge in table.get(stage, {}).items():
            if wanted(stage, move, edge):
                yield (*path, move)
            if edge.to not in seen:
                seen.add(edge.to)
                queue.append((edge.to, (*path, move)))


def _missing(edge: Edge, fields: Fields) -> list[str]:
    return [f"stage {edge.to!r} needs {name!r}" for name in edge.requires if not has_value(fields, name)]


def _late(case: Case, at: datetime) -> list[str]:
    return [f"{at.isoformat()} is before its last event at {case.at.isoformat()}"] if at < case.at else []


def _refusals(guard: Gate, move: str, answer: object) -> list[str]:
    if isinstance(answer, str):
        return [answer]
    if isinstance(answer, Iterable):
        return [str(reason) for reason in answer]
    # Whatever is true allows the move, as in any condition: numpy's True is not Python's.
    return [] if answer else [f"guard {name_of(guard)!r} does not allow {move!r}"]


def name_of(guard: object) -> str:
    """The name under which a function is written down."""
    return getattr(guard, "__name__", type(guard).__name__)


def _no_such_move(table: Table, case: Case, move: str) -> Refused:
    known = table.get(case.stage)
    if known is None:
        return Refused((f"which this pipeline does not have{did_you_mean(case.stage, table)}",))
    elsewhere = tuple(routes(table, case.stage, lambda _s, name, _e: name == move))[:3]
    into = tuple(routes(table, case.stage, lambda _s, _n, edge: edge.to == move))[:3]
    moves = f"its moves are {', '.join(sorted(known))}" if known else "it has no moves"
    if into:
        hint = f" ({move!r} is a stage; the way there is {' → '.join(into[0])})"
    elif elsewhere:
        hint = f" (it is {len(elsewhere[0]) - 1} moves away: {' → '.join(elsewhere[0])})"
    else:
        hint = did_you_mean(move, known)
    return Refused((f"which has no move {move!r}; {moves}{hint}",), (), elsewhere or into)


def opened_case(event: Opened) -> Case:
    """The case that an `Opened` event begins."""
    at, who, data = event.at, event.who, event.data
    owner = (data.get("owner") or who) if data is not EMPTY else who
    return _tuple(Case, (
        event.case, event.stage, at, at, at, owner, owner, data, 1, event.definition, (), (), event.parent,
    ))  # fmt: skip
