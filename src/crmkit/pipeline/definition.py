"""A pipeline is one frozen value: stages, moves, guards, time limits. Everything else is derived from it."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property, partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

import attrs

from crmkit.errors import DefinitionErrors, MoveNotAllowed, NotFound
from crmkit.events import Breached, Edited, Event, Moved
from crmkit.pipeline import _checks, _compiled, _deciding, _machine, _parts, bpmn, codec, diagram, history
from crmkit.pipeline.approvals import Approval
from crmkit.pipeline.case import ALONE, Accepted, Around, Case, Effect, Refused, Step, Verdict, Visit
from crmkit.pipeline.clocks import Clock
from crmkit.pipeline.commands import Command
from crmkit.pipeline.links import Link
from crmkit.pipeline.stages import Guard, Move, Stage
from crmkit.values import EMPTY, Fields, aware
from crmkit.values.display import ROWS, Display, Lang, Shown

if TYPE_CHECKING:
    from crmkit.pipeline._conditions import Conditions
    from crmkit.rules.ruleset import RuleSet
    from crmkit.rules.schema import Schema

__all__ = ["Pipeline"]


@attrs.frozen(eq=False, slots=False)
class Pipeline(Shown):
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
        moves: from stage name to move name to where it leads; without any, every move that `skip`, `back` and `reopen`
            allow, each called as the stage it leads to.
        start: the stage a case starts in.
        schema: what the fields of a case are. With it guards are checked against it, and so is every value that is
            set; without it the fields of the guards are told by how the guards use them.
        rules: rules that a case must keep after every change. Errors stop the change; warnings, verdicts that nobody
            can tell and sets in shadow become `Found` facts.
        approvals: what moves can ask to be approved.
        clocks: time limits besides those of the stages.
        links: the kinds of child cases that a case may have.
        skip: whether a move may pass over open stages.
        back: whether a move may lead back to an earlier open stage.
        reopen: whether a move may lead out of a closed stage.
        labels: its name for people, by language.
        source: where it comes from: a method, a standard, a handbook.
        definition: the hash of everything that decides: two pipelines with one hash decide alike.

    Raises:
        DefinitionErrors: with everything that is wrong.
    """

    name: str
    stages: tuple[Stage, ...] = attrs.field(converter=_parts.stages)
    moves: Mapping[str, Mapping[str, Move]] = attrs.field(default=None, converter=_parts.moves)
    start: str = attrs.field(default="")
    schema: "Schema | None" = attrs.field(default=None, kw_only=True)
    rules: "RuleSet | None" = attrs.field(default=None, kw_only=True)
    approvals: tuple[Approval, ...] = attrs.field(default=(), converter=_parts.approvals, kw_only=True)
    clocks: tuple[Clock, ...] = attrs.field(default=(), converter=_parts.clocks, kw_only=True)
    links: tuple[Link, ...] = attrs.field(default=(), converter=_parts.links, kw_only=True)
    skip: bool = attrs.field(default=True, kw_only=True)
    back: bool = attrs.field(default=True, kw_only=True)
    reopen: bool = attrs.field(default=True, kw_only=True)
    labels: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)
    source: str = attrs.field(default="", kw_only=True)
    definition: str = attrs.field(init=False)
    _conditions: "Conditions | None" = attrs.field(init=False, repr=False)
    _engine: _machine.Machine = attrs.field(init=False, repr=False)

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The stages, and the moves out of each; see `Shown.display`."""
        from crmkit.pipeline._shown import definition

        return definition(self, lang, most)

    def __attrs_post_init__(self) -> None:
        put = partial(object.__setattr__, self)
        if not self.start and self.stages:
            put("start", self.stages[0].name)
        if not self.moves:
            put("moves", _parts.moves(_compiled.free_moves(self)))
        found = _checks.check(self)
        asked = None
        try:
            asked = _compiled.conditions(self)
        except DefinitionErrors as group:
            found += _checks.flat(group)
        if found:
            problems = "1 problem" if len(found) == 1 else f"{len(found)} problems"
            raise DefinitionErrors(f"pipeline {self.name!r} has {problems}", found)
        plain = codec.deciding(self)
        put("definition", sha256(json.dumps(plain, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:16])
        put("_conditions", asked)
        put("_engine", _compiled.machine(self, asked))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pipeline) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.definition)

    def __reduce__(self) -> tuple[Any, ...]:
        # What is compiled is made of functions, which do not travel: it is compiled again.
        given = {field.name: getattr(self, field.name) for field in attrs.fields(Pipeline) if field.init}
        return _remade, (given,)

    # -- reading the definition

    @cached_property
    def _by_name(self) -> Mapping[str, Stage]:
        return {stage.name: stage for stage in self.stages}

    def stage(self, name: str) -> Stage:
        """A stage by name.

        Raises:
            NotFound: with the nearest name.
        """
        if name not in self._by_name:
            raise NotFound("stage", name, tuple(self._by_name), f"pipeline {self.name!r}")
        return self._by_name[name]

    def moves_from(self, stage: str) -> tuple[str, ...]:
        """The names of the moves out of a stage."""
        return tuple(self.moves.get(self.stage(stage).name, ()))

    def approval(self, name: str) -> Approval:
        """An approval by name.

        Raises:
            NotFound: with the nearest name.
        """
        return _parts.named("approval", name, self.approvals, self.name)

    def link(self, name: str) -> Link:
        """A link by name.

        Raises:
            NotFound: with the nearest name.
        """
        return _parts.named("link", name, self.links, self.name)

    # -- deciding

    def open(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime,
        who: str | None = None,
        recorded: datetime | None = None,
        key: str | None = None,
        parent: str | None = None,
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
            parent: the case that it is a part of.
            fields: fields whose names are no Python names.
            more: further fields.

        Raises:
            MoveNotAllowed: if the start stage requires fields that have no value, or rules refuse what they hold.
        """
        at = at if at.__class__ is datetime and at.tzinfo is UTC else aware(at)
        recorded = at if recorded is None else aware(recorded, "recorded")
        data = EMPTY if fields is EMPTY and not more else Fields({**fields, **more})
        asked = ("open", at, recorded, who, None, self.definition, None, key, data)
        decided = _deciding.opened(self, _deciding.case_id(id), asked, parent)
        if isinstance(decided, Refused):
            raise MoveNotAllowed(id, self.start, "open", decided.reasons, decided.missing)
        return decided

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
        around: Around = ALONE,
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
            around: the roles of whoever moves it, who acts for whom, and the child cases.
            fields: fields to set whose names are no Python names.
            more: further fields to set; `owner="li"` hands the case over.

        Raises:
            MoveNotAllowed: with every reason.
        """
        # In UTC, as most are, there is nothing to ask; a call costs as much as the rest of this.
        at = at if at.__class__ is datetime and at.tzinfo is UTC else aware(at)
        recorded = at if recorded is None else aware(recorded, "recorded")
        data = EMPTY if fields is EMPTY and not more else Fields({**fields, **more})
        decided = _machine.decide(
            self._engine, case, (move, at, recorded, who, on_behalf_of, self.definition, cause, key, data), around
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
            MoveNotAllowed: with every reason: a field that is locked, a value that its field cannot hold, a rule that
                would no longer be kept, a time before the case's last event.
        """
        event = Edited(
            id=f"{case.id}#{case.version + 1}", case=case.id, at=at, recorded=recorded or at, who=who,
            definition=self.definition, key=key, data={**fields, **more},
        )  # fmt: skip
        decided = _machine.edited(self._engine, case, event)
        if isinstance(decided, Refused):
            raise MoveNotAllowed(case.id, case.stage, "edit", decided.reasons)
        return decided

    def decide(self, case: Case | str, command: Command, now: datetime, *, around: Around = ALONE) -> Verdict:
        """What becomes of any command: pure, and the same for the same arguments.

        Args:
            case: the case as it is; for `Open` the id of the new case.
            command: what is asked.
            now: when it is recorded, and when it happens unless the command says otherwise (aware).
            around: the roles of whoever commands, who acts for whom, and the child cases.
        """
        return _deciding.decide(self, case, command, now, around)

    def effects(self, event: Event) -> tuple[Effect, ...]:
        """What is to be done because of a fact; whoever follows a store's feed asks for each."""
        if isinstance(event, Moved):
            move = self.moves.get(event.origin, {}).get(event.move)
            return () if move is None else move.effects
        if isinstance(event, Breached):
            return next((clock.effects for clock in self.clocks if clock.name == event.clock), ())
        return ()

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
        """Plain data: what TOML holds. A guard in Python is written by its name."""
        return codec.to_dict(self)

    def to_toml(self) -> str:
        """The definition as TOML."""
        return codec.to_toml(self.to_dict())

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], guards: Mapping[str, Guard] | None = None) -> Self:
        """The pipeline of its plain data.

        Args:
            plain: as `to_dict` gives it.
            guards: the functions behind the names of guards in Python, and the rules in Python of its rule set.

        Raises:
            DefinitionErrors: with everything that is wrong, unknown guards included.
        """
        return cls(**codec.from_dict(plain, guards or {}))

    @classmethod
    def from_toml(cls, text: str, guards: Mapping[str, Guard] | None = None) -> Self:
        """The pipeline of a TOML text; see `from_dict`.

        Raises:
            InputError: if the text is no TOML, with the line.
            DefinitionErrors: with everything that is wrong, each with its line and column.
        """
        return codec.from_toml(text, lambda plain: cls.from_dict(plain, guards))

    def to_mermaid(self, *, labels: str | None = None) -> str:
        """A Mermaid state diagram, drawn from the table; see `crmkit.pipeline.diagram`."""
        return diagram.to_mermaid(self, labels=labels)

    def to_dot(self, *, labels: str | None = None) -> str:
        """The text of a Graphviz graph, drawn from the table; see `crmkit.pipeline.diagram`."""
        return diagram.to_dot(self, labels=labels)

    def to_bpmn(self) -> str:
        """The definition as BPMN 2.0 XML; see `crmkit.pipeline.bpmn`."""
        return bpmn.to_bpmn(self)

    from_bpmn = staticmethod(bpmn.from_bpmn)


def _remade(given: dict[str, Any]) -> Pipeline:
    return Pipeline(**given)
