"""Whether a method lets nothing pass that was not stated beforehand, and nothing stay that was not judged.

Where stages and requirements say it, they are read. What only guards can say is asked: a case that lacks the one thing
in question is put before the move, and there must be a reason against it that a case with it does not get.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import attrs

from crmkit.errors import DefinitionError
from crmkit.pipeline.case import Case, Refused
from crmkit.pipeline.definition import Pipeline
from crmkit.pipeline.stages import Move
from crmkit.values import Fields

__all__ = ["check"]

_OPENS_WITH = ("kind", "problem", "found")
_ACTS_WITH = ("hypothesis", "owner", "due", "actions")
# The moves that end a case: what they are called, what they ask for, and for which verdict alone they are.
_ENDS = {
    "won": ("standardise", "standard", "worked"),
    "lost": ("undo", "undone", "did not"),
    "cancelled": ("drop", "drop reason", None),
}
_VERDICTS = ("worked", "did not", "cannot tell")
_NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
_CLAIM = Fields({
    "metric": "stage_conversion", "metric definition": "0", "where": {"who": "wei"}, "effect": 0.1,
    "before": "2025-10-01 .. 2026-01-01", "after": "2026-01-05 .. 2026-04-01", "design": "before and after",
})  # fmt: skip
_READY = Fields({
    "kind": "coach", "problem": "conversion is low", "found": {"definition": "0"}, "owner": "li",
    "due": date(2026, 4, 1), "hypothesis": _CLAIM, "actions": [{"what": "train", "who": "li", "due": date(2026, 2, 1)}],
})  # fmt: skip

_Found: TypeAlias = Iterator[DefinitionError]
# A stage, the name of a move out of it, the move.
_Edge: TypeAlias = tuple[str, str, Move]


def check(pipeline: Pipeline) -> tuple[DefinitionError, ...]:
    """Where a method breaks the contract that all methods keep; nothing if it keeps it.

    Args:
        pipeline: the method. Its guards are asked about cases made up for that; those in Python may look at any field.
    """
    method = _Method(pipeline)
    rules = (_opens, _acts, _unready, _judges, _ends, _goes_on, _begins_anew, _drops)
    return tuple(error for rule in rules for error in rule(method))


@attrs.frozen
class _Method:
    pipeline: Pipeline

    @property
    def edges(self) -> list[_Edge]:
        """Every move."""
        return [(origin, name, move) for origin, of in self.pipeline.moves.items() for name, move in of.items()]

    def reached_by(self, name: str) -> list[str]:
        """The stages that moves of a name lead to, in the order of the pipeline."""
        to = {move.to for _, called, move in self.edges if called == name}
        return [stage.name for stage in self.pipeline.stages if stage.name in to]

    @property
    def acting(self) -> list[str]:
        """Where is acted."""
        return self.reached_by("act")

    @property
    def judged(self) -> list[str]:
        """Where a verdict is there."""
        return [name for name in self.reached_by("judge") if self.pipeline.stage(name).outcome is None]

    def needs(self, move: Move) -> set[str]:
        """What a move asks for."""
        return {*move.requires, *self.pipeline.stage(move.to).requires}

    def stops(self, edge: _Edge, good: Mapping[str, Any], bad: Mapping[str, Any]) -> bool:
        """Whether there is a reason against what is bad that there is not against what is good."""
        return not self._against(edge, bad) <= self._against(edge, good)

    def _against(self, edge: _Edge, fields: Mapping[str, Any]) -> set[str]:
        origin, name, _ = edge
        definition = self.pipeline.definition
        case = Case("probe", origin, _NOW, _NOW, _NOW, "li", "li", Fields(_READY), definition=definition)
        verdict = self.pipeline.try_move(case, name, at=_NOW, who="li", fields=fields)
        return {*verdict.reasons} if isinstance(verdict, Refused) else set()


def _place(edge: _Edge) -> str:
    return f"moves[{edge[0]!r}][{edge[1]!r}]"


def _lacking(place: str, asked: set[str], wanted: tuple[str, ...]) -> _Found:
    for name in wanted:
        if name not in asked:
            yield DefinitionError(f"{place}.requires", f"lacks {name!r}")


def _opens(method: _Method) -> _Found:
    start = method.pipeline.stage(method.pipeline.start)
    yield from _lacking(f"stages[{start.name!r}]", {*start.requires}, _OPENS_WITH)


def _acts(method: _Method) -> _Found:
    if not method.acting:
        yield DefinitionError("moves", "none is called 'act'")
    for name in method.acting:
        stage, place = method.pipeline.stage(name), f"stages[{name!r}]"
        # Asked for by the stage, they are asked for by whatever leads there.
        yield from _lacking(place, {*stage.requires}, _ACTS_WITH)
        if stage.outcome is not None:
            yield DefinitionError(f"{place}.outcome", "is closed; where is acted is open")
        elif not stage.locks("hypothesis"):
            yield DefinitionError(f"{place}.locked", "lacks 'hypothesis': it is not changed while it is tried")
        if "judge" not in method.pipeline.moves_from(name):
            yield DefinitionError(f"moves[{name!r}]", "has no move 'judge'")


def _unready(method: _Method) -> _Found:
    """Moves that let act what is not ready."""
    wrong: tuple[tuple[str, Any, str], ...] = (
        ("hypothesis", Fields(), "lets a hypothesis pass that says nothing"),
        ("actions", (), "lets pass without any action"),
        ("verdict", "did not", "lets the verdict of an earlier attempt stand: guard it with verdict = null"),
    )
    for edge in method.edges:
        origin, _, move = edge
        if move.to in method.acting and origin not in method.acting:
            for name, value, why in wrong:
                if not method.stops(edge, {}, {name: value}):
                    yield DefinitionError(_place(edge), why)


def _judges(method: _Method) -> _Found:
    for edge in method.edges:
        origin, name, move = edge
        if name == "judge":
            if method.pipeline.stage(move.to).outcome is not None:
                yield DefinitionError(f"{_place(edge)}.to", "leads to a closed stage; what follows is decided after it")
            yield from _lacking(_place(edge), method.needs(move), ("verdict",))
            if not method.stops(edge, {"verdict": "worked", "low": 0.1}, {"verdict": "too early"}):
                yield DefinitionError(_place(edge), "takes 'too early' for a verdict")
        if move.to in method.judged and origin not in (*method.judged, *(method.acting if name == "judge" else ())):
            yield DefinitionError(_place(edge), "leads past 'judge' out of where is acted")


def _ends(method: _Method) -> _Found:
    """Moves that close a case otherwise than a verdict says."""
    for edge in method.edges:
        _, name, move = edge
        outcome = method.pipeline.stage(move.to).outcome
        if outcome is None:
            continue
        wanted, field, verdict = _ENDS[outcome]
        if name != wanted:
            yield DefinitionError(_place(edge), f"closes a case as {outcome}, which is what {wanted!r} does")
        yield from _lacking(_place(edge), method.needs(move), (field,))
        for other in _VERDICTS if verdict is not None else ():
            if other != verdict and not method.stops(edge, _said(verdict), _said(other)):
                yield DefinitionError(_place(edge), f"may be taken though the verdict is {other!r}")


def _said(verdict: str | None) -> dict[str, Any]:
    return {"verdict": verdict, "low": 0.1 if verdict == "worked" else -0.1}


def _goes_on(method: _Method) -> _Found:
    """What is judged goes on in one of three ways."""
    for name in method.judged:
        for wanted in ("standardise", "undo", "try again"):
            if wanted not in method.pipeline.moves_from(name):
                yield DefinitionError(f"moves[{name!r}]", f"has no move {wanted!r}")
        again = method.pipeline.moves.get(name, {}).get("try again")
        if again is not None:
            edge = (name, "try again", again)
            yield from _lacking(_place(edge), method.needs(again), ("learnt",))
            kept = {"hypothesis": None}
            if not method.stops(edge, {**_said("did not"), **kept}, {**_said("worked"), **kept}):
                yield DefinitionError(_place(edge), "may be taken though the verdict is 'worked'")


def _begins_anew(method: _Method) -> _Found:
    """Ways back that keep the hypothesis of an earlier attempt."""
    tried = {*method.acting, *method.judged, *(one.name for one in method.pipeline.stages if one.outcome is not None)}
    for edge in method.edges:
        origin, _, move = edge
        if origin in tried and move.to not in tried:
            said = _said("worked" if method.pipeline.stage(origin).outcome == "won" else "did not")
            if not method.stops(edge, {**said, "hypothesis": None}, said):
                why = "keeps the hypothesis that was tried: guard it with hypothesis = null"
                yield DefinitionError(_place(edge), why)


def _drops(method: _Method) -> _Found:
    for stage in method.pipeline.stages:
        if stage.outcome is None and "drop" not in method.pipeline.moves_from(stage.name):
            yield DefinitionError(f"moves[{stage.name!r}]", "has no move 'drop'")
