"""What can be wrong with a definition: one small function for each, all run, all reported at once."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crmkit.errors import DefinitionError, InvalidValue, did_you_mean
from crmkit.pipeline.limits import Limit

if TYPE_CHECKING:
    from crmkit.pipeline.definition import Pipeline

_OUTCOMES = (None, "won", "lost", "cancelled")


def check(pipeline: "Pipeline") -> list[DefinitionError]:
    """Everything wrong with a pipeline; reachability is only worth asking when the names are right."""
    found = [error for rule in (_names, _stages, _targets, _guards) for error in rule(pipeline)]
    return found or [error for rule in (_reachable, _leads_out) for error in rule(pipeline)]


def _names(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    if not pipeline.name:
        yield DefinitionError("name", "is empty")
    if not pipeline.stages:
        yield DefinitionError("stages", "there are none")
    for name, count in Counter(stage.name for stage in pipeline.stages).items():
        if not name or not isinstance(name, str):
            yield DefinitionError("stages", f"{name!r} is no name")
        if count > 1:
            yield DefinitionError(f"stages[{name!r}]", f"is there {count} times")
    known = [stage.name for stage in pipeline.stages]
    if known and pipeline.start not in known:
        yield DefinitionError("start", f"no stage {pipeline.start!r}{did_you_mean(pipeline.start, known)}")


def _stages(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    for stage in pipeline.stages:
        place = f"stages[{stage.name!r}]"
        if stage.outcome not in _OUTCOMES:
            yield DefinitionError(place, f"outcome {stage.outcome!r} is none of won, lost, cancelled")
        try:
            Limit.parse("0 days" if stage.limit is None else stage.limit)
        except InvalidValue as error:
            yield DefinitionError(place, str(error).replace("limit: ", "limit ", 1))
        yield from _required(place, stage.requires)
    if pipeline.stages and all(stage.outcome is None for stage in pipeline.stages):
        yield DefinitionError("stages", "none is closed; give one an outcome, such as Stage('won', outcome='won')")
    start = next((stage for stage in pipeline.stages if stage.name == pipeline.start), None)
    if start is not None and start.outcome is not None:
        yield DefinitionError("start", f"stage {start.name!r} is closed")


def _required(place: str, names: tuple[str, ...]) -> Iterator[DefinitionError]:
    for name in names:
        if not isinstance(name, str) or not name.strip():
            yield DefinitionError(place, f"requires {name!r}, which is no field name")


def _targets(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    known = [stage.name for stage in pipeline.stages]
    for origin, moves in pipeline.moves.items():
        if origin not in known:
            yield DefinitionError(f"moves[{origin!r}]", f"no stage {origin!r}{did_you_mean(origin, known)}")
        for name, move in moves.items():
            place = f"moves[{origin!r}][{name!r}]"
            if not name:
                yield DefinitionError(place, "has no name")
            if move.to not in known:
                yield DefinitionError(place, f"no stage {move.to!r}{did_you_mean(move.to, known)}")
            yield from _required(place, move.requires)


def _guards(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    for origin, moves in pipeline.moves.items():
        for name, move in moves.items():
            if move.guard is not None and not callable(move.guard):
                yield DefinitionError(f"moves[{origin!r}][{name!r}]", f"guard {move.guard!r} is no function")


def _reachable(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    seen = _closure({pipeline.start}, {o: {m.to for m in moves.values()} for o, moves in pipeline.moves.items()})
    for stage in pipeline.stages:
        if stage.name not in seen:
            yield DefinitionError(f"stages[{stage.name!r}]", f"no run of moves leads there from {pipeline.start!r}")


def _leads_out(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    back: dict[str, set[str]] = {}
    for origin, moves in pipeline.moves.items():
        for move in moves.values():
            back.setdefault(move.to, set()).add(origin)
    seen = _closure({stage.name for stage in pipeline.stages if stage.outcome is not None}, back)
    for stage in pipeline.stages:
        if stage.name not in seen:
            yield DefinitionError(
                f"stages[{stage.name!r}]", "is a trap: no run of moves leads from it to a closed stage"
            )


def _closure(start: set[str], edges: dict[str, set[str]]) -> set[str]:
    seen, new = set(start), set(start)
    while new:
        new = {after for stage in new for after in edges.get(stage, ())} - seen
        seen |= new
    return seen
