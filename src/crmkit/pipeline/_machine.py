"""The machine is the table: look an edge up, take it, or say why not.

Rules for this file: everything that decides or evolves a case lives here; nothing here knows how a pipeline is written
down, stored or drawn. No clock, no I/O: time comes in as an argument.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from crmkit.errors import InvalidValue, did_you_mean
from crmkit.events import Edited, Event, Moved, Opened
from crmkit.pipeline.case import Attempt, Case, Refused, Step
from crmkit.values import EMPTY, Fields
from crmkit.values._trusted import trusted

Answer: TypeAlias = bool | str | Iterable[str] | None
Guard: TypeAlias = Callable[[Attempt], Answer]


@attrs.frozen
class Edge:
    """A move, ready to be taken: where it leads, what it asks for."""

    to: str
    requires: tuple[str, ...] = ()
    guard: Guard | None = None


Table: TypeAlias = Mapping[str, Mapping[str, Edge]]


# What a named tuple's own constructor calls, without the way there.
_pair = tuple.__new__


def decide(table: Table, case: Case, values: dict[str, Any]) -> Step | Refused:
    """The step that a command leads to, or every reason against it.

    Args:
        table: the compiled pipeline.
        case: the case as it is.
        values: the attributes of the `Moved` event this will be, all but `stage`; the event keeps the dictionary.
    """
    move = values["move"]
    edge = table[case.stage].get(move) if case.stage in table else None
    if edge is None:
        return _no_such_move(table, case, move)
    fields = case.fields if values["data"] is EMPTY else case.fields | values["data"]
    at, guard = values["at"], edge.guard
    answer: Answer = None
    if guard is not None:
        try:
            answer = guard(Attempt(case, fields, edge.to, values))
        except Exception as error:
            # A guard that fails is a defect of the host's code: let it surface, but say where.
            error.add_note(f"in guard {name_of(guard)!r} of move {move!r}, case {case.id!r}")
            raise
    # The common case first: nothing is missing, nothing is refused, and no list of reasons is built.
    if edge.requires or at < case.at or not (answer is True or answer is None):
        reasons = [*_missing(edge, fields), *_late(case, at), *_refusals(guard, move, answer)]
        if reasons:
            missing = tuple(name for name in edge.requires if not has_value(fields, name))
            return Refused(tuple(reasons), missing, ((move,),) if missing else ())
    values["stage"] = edge.to
    # A copy with changes is cheaper than a new case: most of it stays.
    after = case.__dict__.copy()
    after["stage"] = edge.to
    after["entered"] = after["at"] = at
    after["version"] += 1
    after["definition"] = values["definition"]
    if fields is not case.fields:
        after["fields"] = fields
        after["owner"] = fields.get("owner") or case.owner
    after["held_by"] = after["owner"]
    return _pair(Step, (trusted(Case, after), trusted(Moved, values)))


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
    stage, entered, held_by = case.stage, case.entered, case.held_by
    owner = fields.get("owner") or case.owner
    if isinstance(event, Moved):
        stage, entered, held_by = event.stage, event.at, owner
    return Case(
        case.id,
        stage,
        case.opened,
        entered,
        owner,
        held_by,
        fields,
        case.version + 1,
        event.definition if isinstance(event, Moved) and event.definition else case.definition,
        max(case.at, event.at),
    )


def edited(case: Case, event: Edited) -> Step:
    """The step of a change of fields without a move.

    Raises:
        InvalidValue: if it happened before the case's last event.
    """
    if event.at < case.at:
        raise InvalidValue("at", event.at.isoformat(), f"is before the last event of case {case.id!r}")
    return Step(evolve(case, event), event)


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


def _refusals(guard: Guard | None, move: str, answer: object) -> list[str]:
    if guard is None or answer is None:
        return []
    if isinstance(answer, str):
        return [answer]
    if isinstance(answer, Iterable):
        return [str(reason) for reason in answer]
    # Whatever is true allows the move, as in any condition: numpy's True is not Python's.
    return [] if answer else [f"guard {name_of(guard)!r} does not allow {move!r}"]


def name_of(guard: Guard) -> str:
    """The name under which a guard is written down."""
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
    owner = event.data.get("owner") or event.who
    return Case(
        id=event.case,
        stage=event.stage,
        opened=event.at,
        entered=event.at,
        owner=owner,
        held_by=owner,
        fields=event.data,
        definition=event.definition,
    )
