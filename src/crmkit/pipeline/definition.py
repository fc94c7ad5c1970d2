"""A pipeline is one frozen value: stages, moves, guards, time limits. Everything else is derived from it."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, Self, TypeAlias

import attrs

from crmkit.errors import DefinitionErrors, InvalidValue, MoveNotAllowed, NotFound
from crmkit.events import Edited, Event, Opened
from crmkit.pipeline import _checks, _machine, codec, diagram, history
from crmkit.pipeline._machine import Edge, Guard
from crmkit.pipeline.case import Accepted, Case, Refused, Step, Verdict, Visit
from crmkit.values import EMPTY, Fields, aware

__all__ = ["Move", "Outcome", "Pipeline", "Stage"]

#: What a closed stage means.
Outcome: TypeAlias = Literal["won", "lost", "cancelled"]


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


@attrs.frozen
class Stage:
    """A stage of a pipeline.

    Attributes:
        name: unique in its pipeline.
        outcome: "won", "lost" or "cancelled" for a closed stage; None for an open one. Closed is a category, not an
            end: a move may lead out of it (a reopened deal).
        requires: the fields that must have a value before a case may enter.
        limit: how long a case may stay, such as "5 business days" or "4 hours".
    """

    name: str
    outcome: Outcome | None = None
    requires: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    limit: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Move:
    """A move from one stage to another.

    Attributes:
        to: the stage it leads to.
        guard: a function of an `Attempt`. True or None lets the move pass; False refuses it in the guard's name; a
            text, or several, are the reasons to refuse.
        requires: fields that this move needs, besides those of the stage it leads to.
    """

    to: str
    guard: Guard | None = attrs.field(default=None, kw_only=True)
    requires: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)


def _stages(values: Iterable[Stage | str]) -> tuple[Stage, ...]:
    return tuple(Stage(value) if isinstance(value, str) else value for value in values)


def _moves(values: Mapping[str, Mapping[str, Move | str]]) -> dict[str, dict[str, Move]]:
    return {
        stage: {name: Move(move) if isinstance(move, str) else move for name, move in moves.items()}
        for stage, moves in values.items()
    }


@attrs.frozen(eq=False)
class Pipeline:
    """A process: its stages in order, and the moves between them.

    The order of `stages` is the order of the funnel. The first is where a case starts, unless `start` says otherwise.
    All errors of the definition are reported at once.

    >>> deals = Pipeline("deals", stages=["lead", Stage("won", "won"), Stage("lost", "lost")],
    ...                  moves={"lead": {"sign": "won", "lose": "lost"}})
    >>> deals.moves_from("lead")
    ('sign', 'lose')

    Attributes:
        name: how people call it.
        stages: in order.
        moves: from stage name to move name to where it leads.
        start: the stage a case starts in.

    Raises:
        DefinitionErrors: with everything that is wrong.
    """

    name: str
    stages: tuple[Stage, ...] = attrs.field(converter=_stages)
    moves: Mapping[str, Mapping[str, Move]] = attrs.field(converter=_moves)
    start: str = attrs.field(default="")
    _table: _machine.Table = attrs.field(init=False, repr=False)
    definition: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        if not self.start and self.stages:
            object.__setattr__(self, "start", self.stages[0].name)
        found = _checks.check(self)
        if found:
            problems = "1 problem" if len(found) == 1 else f"{len(found)} problems"
            raise DefinitionErrors(f"pipeline {self.name!r} has {problems}", found)
        object.__setattr__(self, "_table", self._compiled())
        object.__setattr__(
            self, "definition", sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pipeline) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.definition)

    # -- reading the definition

    def stage(self, name: str) -> Stage:
        """A stage by name.

        Raises:
            NotFound: with the nearest name.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise NotFound("stage", name, tuple(stage.name for stage in self.stages), f"pipeline {self.name!r}")

    def moves_from(self, stage: str) -> tuple[str, ...]:
        """The names of the moves out of a stage."""
        return tuple(self._table[self.stage(stage).name])

    # -- deciding

    def open(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime,
        who: str | None = None,
        recorded: datetime | None = None,
        key: str | None = None,
        fields: Mapping[str, Any] = EMPTY,
        **more: Any,
    ) -> Step:
        """Open a case in the start stage.

        Args:
            id: the host's key.
            at: when it happened (aware).
            who: who opened it; they own it unless a field `owner` names somebody else.
            recorded: when we came to know it; `at` if not given.
            key: the idempotency key of the command.
            fields: fields whose names are no Python names.
            more: further fields.

        Raises:
            MoveNotAllowed: if the start stage requires fields that have no value.
        """
        if not id or not isinstance(id, str):
            raise InvalidValue("case id", id, "is empty or no text")
        data = Fields({**fields, **more})
        missing = [name for name in self.stage(self.start).requires if not _machine.has_value(data, name)]
        if missing:
            raise MoveNotAllowed(
                id, self.start, "open", tuple(f"stage {self.start!r} needs {name!r}" for name in missing)
            )
        event = Opened(
            id=f"{id}#1", case=id, at=at, recorded=recorded or at, who=who, definition=self.definition, key=key,
            data=data, stage=self.start,
        )  # fmt: skip
        return Step(_machine.opened_case(event), event)

    def move(
        self,
        case: Case,
        move: str,
        *,
        at: datetime,
        who: str | None = None,
        on_behalf_of: str | None = None,
        recorded: datetime | None = None,
        key: str | None = None,
        cause: str | None = None,
        fields: Mapping[str, Any] = EMPTY,
        **more: Any,
    ) -> Step:
        """Take a move, and return the new case and the fact; nothing is saved.

        Args:
            case: the case as it is.
            move: the name of the move.
            at: when it happened (aware).
            who: who moves it.
            on_behalf_of: in whose place.
            recorded: when we came to know it; `at` if not given.
            key: the idempotency key of the command.
            cause: the id of the event or command that led to it.
            fields: fields to set whose names are no Python names.
            more: further fields to set; `owner="li"` hands the case over.

        Raises:
            MoveNotAllowed: with every reason.
        """
        decided = _machine.decide(
            self._table,
            case,
            {
                "id": f"{case.id}#{case.version + 1}",
                "case": case.id,
                "at": aware(at),
                "recorded": aware(recorded, "recorded") if recorded else at,
                "who": who,
                "on_behalf_of": on_behalf_of,
                "definition": self.definition,
                "cause": cause,
                "key": key,
                "data": EMPTY if fields is EMPTY and not more else Fields({**fields, **more}),
                "move": move,
                "origin": case.stage,
                "entered": case.entered,
                "held_by": case.held_by,
            },
        )
        if isinstance(decided, Refused):
            raise MoveNotAllowed(case.id, case.stage, move, decided.reasons, decided.missing, decided.nearest)
        return decided

    def try_move(self, case: Case, move: str, *, at: datetime, **command: Any) -> Verdict:
        """Whether a case may take a move: `Accepted` with the step, or `Refused` with every reason.

        Args:
            case: the case as it is.
            move: the name of the move.
            at: when it would happen (aware).
            command: the other arguments of `move`.
        """
        try:
            return Accepted(self.move(case, move, at=at, **command))
        except MoveNotAllowed as refusal:
            return Refused(refusal.reasons, refusal.missing, refusal.nearest)

    def edit(
        self,
        case: Case,
        *,
        at: datetime,
        who: str | None = None,
        recorded: datetime | None = None,
        key: str | None = None,
        fields: Mapping[str, Any] = EMPTY,
        **more: Any,
    ) -> Step:
        """Change fields without a move; `owner="li"` hands the case over.

        Raises:
            InvalidValue: if it happened before the case's last event.
        """
        event = Edited(
            id=f"{case.id}#{case.version + 1}", case=case.id, at=at, recorded=recorded or at, who=who,
            definition=self.definition, key=key, data={**fields, **more},
        )  # fmt: skip
        return _machine.edited(case, event)

    # -- history

    def evolve(self, case: Case | None, event: Event) -> Case:
        """The case after one more event."""
        return _machine.evolve(case, event)

    def replay(self, events: Iterable[Event]) -> Case | None:
        """The case after a run of events; None if there are none."""
        return history.replay(events)

    def timeline(self, events: Iterable[Event]) -> tuple[Visit, ...]:
        """Every stay in every stage, in order."""
        return history.timeline(events)

    def state(self, events: Iterable[Event], *, at: datetime, known_at: datetime | None = None) -> Case | None:
        """The case as it was at an instant, from what was known at another; None if it did not exist then."""
        return history.state(events, at=at, known_at=known_at)

    # -- forms

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what is hashed, and what TOML holds. A guard is written by its name."""
        return codec.to_dict(self)

    def to_toml(self) -> str:
        """The definition as TOML."""
        return codec.to_toml(self.to_dict())

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], guards: Mapping[str, Guard] | None = None) -> Self:
        """The pipeline of its plain data.

        Args:
            plain: as `to_dict` gives it.
            guards: the functions behind the guard names.

        Raises:
            DefinitionErrors: with everything that is wrong, unknown guards included.
        """
        parts = codec.from_dict(plain, guards or {})
        return cls(parts.name, parts.stages_of(Stage), parts.moves_of(Move), parts.start)

    @classmethod
    def from_toml(cls, text: str, guards: Mapping[str, Guard] | None = None) -> Self:
        """The pipeline of a TOML text; see `from_dict`.

        Raises:
            InputError: if the text is no TOML, with the line.
        """
        return cls.from_dict(codec.read_toml(text), guards)

    def to_mermaid(self) -> str:
        """A Mermaid state diagram, drawn from the table."""
        return diagram.to_mermaid(self)

    def _compiled(self) -> dict[str, dict[str, Edge]]:
        needs = {stage.name: stage.requires for stage in self.stages}
        return {
            stage.name: {
                name: Edge(move.to, tuple(dict.fromkeys((*needs[move.to], *move.requires))), move.guard)
                for name, move in self.moves.get(stage.name, {}).items()
            }
            for stage in self.stages
        }
