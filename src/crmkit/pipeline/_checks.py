"""What can be wrong with a definition: one small function for each, all run, all reported at once."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crmkit.errors import DefinitionError, DefinitionErrors, InvalidValue, did_you_mean
from crmkit.pipeline._compiled import switched_off
from crmkit.pipeline.limits import Limit

if TYPE_CHECKING:
    from crmkit.pipeline.definition import Pipeline

_OUTCOMES = (None, "won", "lost", "cancelled")
_REPEATED = ("each", "first", "consecutive")
_WORDS = {
    "mode": ("all", "any", "sequence", "quorum", "weighted"),
    "empty": ("refuse", "pass", "ask"),
    "own": ("skip", "allow", "superior"),
}


def check(pipeline: "Pipeline") -> list[DefinitionError]:
    """Everything wrong with a pipeline; reachability is only worth asking when the names are right."""
    rules = (_names, _stages, _targets, _guards, _switches, _approvals, _panels, _clocks, _links)
    found = [error for rule in rules for error in rule(pipeline)]
    return found or [error for rule in (_reachable, _leads_out) for error in rule(pipeline)]


def flat(group: DefinitionErrors) -> list[DefinitionError]:
    """The errors of a group as one list."""
    return [error for error in group.exceptions if isinstance(error, DefinitionError)]


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
            yield DefinitionError(f"{place}.outcome", f"outcome {stage.outcome!r} is none of won, lost, cancelled")
        if stage.limit is not None:
            yield from _limit(f"{place}.limit", stage.limit)
        yield from _required(place, stage.requires)
    if pipeline.stages and all(stage.outcome is None for stage in pipeline.stages):
        yield DefinitionError("stages", "none is closed; give one an outcome, such as Stage('won', outcome='won')")
    start = next((stage for stage in pipeline.stages if stage.name == pipeline.start), None)
    if start is not None and start.outcome is not None:
        yield DefinitionError("start", f"stage {start.name!r} is closed")


def _limit(place: str, text: str) -> Iterator[DefinitionError]:
    try:
        Limit.parse(text)
    except InvalidValue as error:
        yield DefinitionError(place, f"limit {text!r} {error.why}")


def _required(place: str, names: tuple[str, ...]) -> Iterator[DefinitionError]:
    for name in names:
        if not isinstance(name, str) or not name.strip():
            yield DefinitionError(f"{place}.requires", f"requires {name!r}, which is no field name")


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
                yield DefinitionError(f"{place}.to", f"no stage {move.to!r}{did_you_mean(move.to, known)}")
            yield from _required(place, move.requires)


def _guards(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    for origin, moves in pipeline.moves.items():
        for name, move in moves.items():
            for guard in move.guards:
                if not callable(guard) and not isinstance(guard, str) and not hasattr(guard, "condition"):
                    yield DefinitionError(
                        f"moves[{origin!r}][{name!r}].guard", f"guard {guard!r} is no text, no rule and no function"
                    )


def _switches(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    order = {stage.name: number for number, stage in enumerate(s for s in pipeline.stages if s.outcome is None)}
    for origin, moves in pipeline.moves.items():
        for name, move in moves.items():
            for why in switched_off(pipeline, order, origin, move.to):
                yield DefinitionError(f"moves[{origin!r}][{name!r}].to", why)


def _approvals(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    known = [approval.name for approval in pipeline.approvals]
    yield from _once("approvals", known)
    for origin, moves in pipeline.moves.items():
        for name, move in moves.items():
            if move.approval is not None and move.approval not in known:
                hint = did_you_mean(move.approval, known)
                yield DefinitionError(f"moves[{origin!r}][{name!r}].approval", f"no approval {move.approval!r}{hint}")


def _panels(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    for approval in pipeline.approvals:
        if not approval.panels:
            yield DefinitionError(f"approvals[{approval.name!r}].panels", "has no panel")
        if approval.repeated not in _REPEATED:
            why = f"repeated {approval.repeated!r} is none of {', '.join(_REPEATED)}"
            yield DefinitionError(f"approvals[{approval.name!r}].repeated", why)
        for number, panel in enumerate(approval.panels):
            place = f"approvals[{approval.name!r}].panels[{number}]"
            for what, values in _WORDS.items():
                if getattr(panel, what) not in values:
                    word = getattr(panel, what)
                    yield DefinitionError(f"{place}.{what}", f"{what} {word!r} is none of {', '.join(values)}")
            if not (panel.people or panel.roles or panel.fields):
                yield DefinitionError(place, "names no people, roles or fields")
            if panel.empty == "ask" and not panel.deputies:
                yield DefinitionError(place, "asks deputies, and names none")
            if panel.quorum < 1:
                yield DefinitionError(f"{place}.quorum", f"quorum is {panel.quorum}, less than 1")


def _clocks(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    yield from _once("clocks", [clock.name for clock in pipeline.clocks])
    limited = [stage.name for stage in pipeline.stages if stage.limit is not None]
    for clock in pipeline.clocks:
        place = f"clocks[{clock.name!r}]"
        if clock.name in limited:
            yield DefinitionError(place, "is also the clock of the stage of that name, which has a limit")
        yield from _limit(f"{place}.limit", clock.limit)
        for share in clock.warn:
            if not 0 < share < 100:
                yield DefinitionError(f"{place}.warn", f"warns at {share} %, which is not between 0 and 100")
        if clock.resume is not None and clock.pause is None:
            yield DefinitionError(f"{place}.resume", "resumes, but never pauses")


def _links(pipeline: "Pipeline") -> Iterator[DefinitionError]:
    yield from _once("links", [link.name for link in pipeline.links])
    known = [stage.name for stage in pipeline.stages]
    for link in pipeline.links:
        place = f"links[{link.name!r}]"
        for problem in link.problems():
            yield DefinitionError(place, problem)
        for stage in link.stages:
            if stage not in known:
                yield DefinitionError(f"{place}.stages", f"no stage {stage!r}{did_you_mean(stage, known)}")


def _once(what: str, names: list[str]) -> Iterator[DefinitionError]:
    for name, count in Counter(names).items():
        if not name or not name.strip():
            yield DefinitionError(what, f"{name!r} is no name")
        if count > 1:
            yield DefinitionError(f"{what}[{name!r}]", f"is there {count} times")


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
