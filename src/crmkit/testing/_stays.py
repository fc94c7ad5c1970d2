"""The stays of a driven case as rows of a log, and what `conform` says of them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np

from crmkit.calendars import BusinessCalendar
from crmkit.events import Moved, Opened
from crmkit.journal import OPEN, Journal, code
from crmkit.pipeline import Case, Move, Pipeline
from crmkit.pipeline.commands import Take
from crmkit.pipeline.conform import conform
from crmkit.testing._driving import Driven
from crmkit.testing._holds import holds
from crmkit.testing._scripts import WHO, Script, roles_of
from crmkit.values import to_micros

Row: TypeAlias = dict[str, Any]

COLUMNS = ("case", "stage", "entered", "left", "next", "who")
# Machines let time pass as they like: whether a case was late is another question than whether its moves were legal.
_OF_TIME = frozenset({"breached limit", "open too long"})
_OF_MOVES = frozenset({"skip", "backward", "illegal move", "resurrected"})
_ALWAYS = BusinessCalendar("always", tz="UTC", week={"mon-sun": "00:00-24:00"})


def rows_of(script: Script, driven: Driven) -> list[Row]:
    """The stays of a case, each with the required fields as they were at entry."""
    case: Case | None = None
    entries: list[Case] = []
    for event in driven.facts:
        case = script.pipeline.evolve(case, event)
        if isinstance(event, Opened | Moved):
            entries.append(case)
    stays = zip(script.pipeline.timeline(driven.facts), entries, strict=True)
    return [
        row_of(script, driven.id, (visit.stage, visit.entered, visit.left, visit.next, visit.who), entry.fields)
        for visit, entry in stays
    ]


def row_of(script: Script, id_: str, stay: tuple[Any, ...], fields: Mapping[str, Any]) -> Row:
    """One stay: (stage, entered, left, next, who), and the required fields as texts."""
    told = {name: fields.get(name) for name in script.required if name not in COLUMNS}
    texts = {name: None if value is None else str(value) for name, value in told.items()}
    return {**dict(zip(COLUMNS, (id_, *stay), strict=True)), **texts}


def check_history(driven: Driven) -> None:
    """What the machine accepted has no deviation.

    Raises:
        AssertionError: naming the deviations.
    """
    if driven.facts:
        found = [*_deviations(driven.script, rows_of(driven.script, driven), roles_of(driven.script.pipeline))]
        holds(not found, f"an accepted history deviates: {found}")
    for child in driven.children.values():
        check_history(child)


def check_forced(driven: Driven, to: str) -> None:
    """A case that goes to a stage without being asked deviates if and only if no declared move leads there.

    Raises:
        AssertionError: naming what was found instead.
    """
    script, stage = driven.script, driven.case.stage
    declared = {move.to for move in script.pipeline.moves.get(stage, {}).values()}
    # All fields are filled in: only the move itself is in question.
    forced = [*_forced(driven, to, dict.fromkeys(script.required, "x"))]
    kinds = {kind for kind, _ in _deviations(script, forced, roles_of(script.pipeline))}
    said = f"{driven.id} went from {stage!r} to {to!r}, and conform finds {sorted(kinds)}"
    holds((to in declared) is not bool(kinds & _OF_MOVES), said)


def check_refused(driven: Driven, command: Take, missing: tuple[str, ...], *, alone: bool) -> None:
    """A move that was refused for a missing field, or a role, and was made all the same, deviates.

    Args:
        driven: the case.
        command: what was refused.
        missing: the fields that were missing.
        alone: whether whoever commanded had no role.

    Raises:
        AssertionError: naming what was found instead.
    """
    script = driven.script
    move = script.pipeline.moves.get(driven.case.stage, {}).get(command.move)
    if move is None:
        return
    forced = [*_forced(driven, move.to, driven.case.fields | command.fields)]
    kinds = {kind for kind, _ in _deviations(script, forced, () if alone else roles_of(script.pipeline))}
    said = f"{command} was refused in {driven.case.stage!r}, and conform finds {sorted(kinds)} when it is made"
    # Of several moves that join the same two stages a log does not say which was taken.
    joined = [one for one in script.pipeline.moves[driven.case.stage].values() if one.to == move.to]
    asked = _asked_by_all(script.pipeline, move.to, joined)
    holds("missing field" in kinds or not asked.intersection(missing) - {*COLUMNS}, said)
    holds("wrong role" in kinds or not (alone and all(one.roles for one in joined)), said)


def _asked_by_all(pipeline: Pipeline, to: str, joined: list[Move]) -> set[str]:
    return {*pipeline.stage(to).requires, *set.intersection(*(set(one.requires) for one in joined))}


def _forced(driven: Driven, to: str, fields: Mapping[str, Any]) -> Iterator[Row]:
    at: datetime = max(driven.now, driven.case.at)
    *before, last = rows_of(driven.script, driven)
    yield from before
    yield {**last, "left": at, "next": to}
    yield row_of(driven.script, driven.id, (to, at, None, None, WHO), fields)


def _deviations(script: Script, told: list[Row], roles: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    found = conform(_journal(script, told), script.pipeline, roles={WHO: roles}, calendar=_ALWAYS)
    return ((one.kind, one.detail) for one in found.deviations if one.kind not in _OF_TIME)


def _journal(script: Script, told: list[Row]) -> Journal:
    """The rows as they are: a frame is read as people write, and blanks around a name are lost there."""
    stages = tuple(stage.name for stage in script.pipeline.stages)
    ends = [one["left"] for one in told]
    return Journal(
        code([one["case"] for one in told]), code([one["stage"] for one in told]).recode(stages),
        np.array([to_micros(one["entered"]) for one in told], np.int64),
        np.array([OPEN if end is None else to_micros(end) for end in ends], np.int64),
        np.array([-1 if one["next"] is None else stages.index(one["next"]) for one in told], np.int32),
        code([one["who"] for one in told]), to_micros(max(one["entered"] for one in told)),
        dims={name: code([one[name] for one in told]) for name in told[0] if name not in COLUMNS},
    )  # fmt: skip
