"""What can be known of a pipeline before there is any case: values worth trying, people, the ways between stages."""

from collections import deque
from collections.abc import Container, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import islice, product
from typing import Any

import attrs
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.pipeline import Case, Directory, Move, Panel, Pipeline
from crmkit.pipeline.approvals import Approval
from crmkit.pipeline.case import Around
from crmkit.pipeline.commands import Take
from crmkit.rules.coverage import literals
from crmkit.rules.ruleset import Rule, RuleSet
from crmkit.rules.schema import Field
from crmkit.testing import rules as records

Values = st.SearchStrategy[Any]

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
WHO = "ann"
# What a fact can hold of what a rule can speak of: durations and times of day are computed, not stored.
_STORED = frozenset({"decimal", "integer", "float", "string", "date", "date and time", "boolean", "list", "context"})
_COMMON = frozenset({
    "stage", "previous stage", "move", "who", "owner", "at", "opened", "entered", "approved",
})  # fmt: skip
# Drawn values are never thrown away: a walk draws dozens, and hypothesis would give up on most examples.
_TEXTS = st.text(max_size=8).map(lambda text: text if text.strip() else f"x{text}")
_MOST_TRIES = 5000


class Script:
    """How cases of a pipeline can be driven.

    Attributes:
        pipeline: the definition.
        values: for each field that something asks for, a strategy of values that it can hold, none of them empty.
        directory: people for every role, all under one chief.
        children: the same for each link.
    """

    def __init__(self, pipeline: Pipeline, given: Mapping[str, Values] | None = None) -> None:
        self.pipeline = pipeline
        # What guards read is public nowhere else yet, and nothing is changed here.
        self.asked = pipeline._conditions  # noqa: SLF001 - see above
        own = {} if given is None else dict(given)
        near = self._near
        told = {name: _values(field, near) for name, field in self.fields.items()}
        self.values: dict[str, Values] = {**dict.fromkeys((*self.required, *self._locked), _TEXTS), **told, **own}
        self.directory = _directory(pipeline)
        self.children = {link.name: Script(link.pipeline, given) for link in pipeline.links}

    @cached_property
    def fields(self) -> dict[str, Field]:
        """The fields that are known, under every name that something requires them by."""
        found: dict[str, Field] = {}
        for schema in (self.pipeline.schema, *(rules.schema for rules in self._rules)):
            for field in schema.fields if schema is not None else ():
                if field.kind in _STORED and (schema is self.pipeline.schema or field.name not in self._reserved):
                    found.setdefault(field.name, field)
        schema = self.pipeline.schema
        aliases = {} if schema is None else schema.aliases
        return found | {name: found[aliases[name]] for name in self.required if aliases.get(name) in found}

    @property
    def _reserved(self) -> frozenset[str]:
        return _COMMON.union(link.name for link in self.pipeline.links)

    @property
    def _rules(self) -> list[RuleSet]:
        asked = [self.asked.rules] if self.asked is not None else []
        return [*asked, *([self.pipeline.rules] if self.pipeline.rules is not None else [])]

    @cached_property
    def _near(self) -> dict[str, tuple[Any, ...]]:
        found: dict[str, tuple[Any, ...]] = {}
        for rules in self._rules:
            for name, values in literals(rules).items():
                found[name] = (*found.get(name, ()), *values)
        return found

    @property
    def required(self) -> dict[str, None]:
        """Every field that some stage, move or panel asks for, in order."""
        moves = [move for of in self.pipeline.moves.values() for move in of.values()]
        names = [name for stage in self.pipeline.stages for name in stage.requires]
        names += [name for move in moves for name in move.requires]
        panels = [name for one in self.pipeline.approvals for panel in one.panels for name in panel.fields]
        return dict.fromkeys([*names, *panels])

    @property
    def _locked(self) -> list[str]:
        return [name for stage in self.pipeline.stages for name in stage.locked if name != "*"]

    # -- ways

    def ways(self, stage: str, to: str, barred: Container[tuple[str, str]] = ()) -> tuple[str, ...] | None:
        """The shortest run of moves from one stage to another, without some moves; None if there is none."""
        queue: deque[tuple[str, tuple[str, ...]]] = deque([(stage, ())])
        seen = {stage}
        while queue:
            here, path = queue.popleft()
            if here == to:
                return path
            for name, move in self.pipeline.moves.get(here, {}).items():
                if move.to not in seen and (here, name) not in barred:
                    seen.add(move.to)
                    queue.append((move.to, (*path, name)))
        return None

    # -- values

    def needed(self, stage: str, move: str) -> tuple[str, ...]:
        """The fields that a move requires."""
        taken = self.pipeline.moves[stage][move]
        return tuple(dict.fromkeys((*self.pipeline.stage(taken.to).requires, *taken.requires)))

    def filled(self, case: Case, name: str, data: Mapping[str, Any], around: Around, at: datetime) -> dict[str, Any]:
        """Fields for a move: those given, changed as little as its guards ask for; as given if nothing will do."""
        move = self.pipeline.moves[case.stage][name]
        if self.asked is None or self.passes(case, name, data, around, at):
            return dict(data)
        needed, stage = self.needed(case.stage, name), self.pipeline.stage(case.stage)
        open_ = [one for one in self._read(case.stage, name, move) if one in needed or not stage.locks(one)]
        # What was drawn comes first: of lists and contexts there is nothing else to try.
        tries = [[*([data[one]] if one in data else []), *self._tries(one, at)] for one in open_]
        for values in islice(product(*tries), _MOST_TRIES):
            made = {**data, **dict(zip(open_, values, strict=True))}
            if self.passes(case, name, made, around, at):
                return made
        return dict(data)

    def passes(self, case: Case, name: str, data: Mapping[str, Any], around: Around, at: datetime) -> bool:
        """Whether the guards in FEEL let a move pass."""
        record = self._record(case, name, data, around, at)
        move = self.pipeline.moves[case.stage][name]
        return all(self._passes(case.stage, name, number, move, record) for number in range(len(move.guards)))

    def _passes(self, stage: str, name: str, number: int, move: Move, record: Mapping[str, Any]) -> bool:
        guard = move.guards[number]
        if callable(guard) or self.asked is None:
            return True
        try:
            value = self.asked.holds(place_of(stage, name, number), record)
        except InvalidValue:
            return False
        return value is True or (value is None and isinstance(guard, Rule) and guard.on_null == "pass")

    def asks(self, approval: Approval, case: Case, name: str, data: Mapping[str, Any], around: Around) -> bool:
        """Whether an approval is needed for a move."""
        if approval.when is None or self.asked is None:
            return True
        record = self._record(case, name, data, around, case.at)
        try:
            return self.asked.holds(_place_of_approval(approval.name), record) is not False
        except InvalidValue:
            return True

    def _record(
        self, case: Case, name: str, data: Mapping[str, Any], around: Around, at: datetime
    ) -> Mapping[str, Any]:
        return self.recorded(case, Take(name, who=WHO, fields=data), around, at)

    def recorded(self, case: Case, command: Take, around: Around, at: datetime) -> Mapping[str, Any]:
        """What guards read of a command."""
        if self.asked is None:
            return {}
        values = {"move": command.move, "who": command.who, "at": at}
        return self.asked.record(case, case.fields | command.fields, values, around)

    def reads(self, stage: str, name: str) -> frozenset[str]:
        """Every name that the guards in FEEL of a move read."""
        if self.asked is None:
            return frozenset()
        guards = enumerate(self.pipeline.moves[stage][name].guards)
        places = [place_of(stage, name, number) for number, guard in guards if not callable(guard)]
        return frozenset(one for place in places for one in self.asked.rules.checked[place].fields)

    def _read(self, stage: str, name: str, move: Move) -> list[str]:
        found = {*self.reads(stage, name)}
        if move.approval is not None and self.asked is not None:
            place = _place_of_approval(move.approval)
            found |= {*(self.asked.rules.checked[place].fields if place in self.asked.rules.checked else ())}
        return sorted(found & self.fields.keys())

    def _tries(self, name: str, at: datetime) -> list[Any]:
        field = self.fields[name]
        tried = [*field.values] or [*_TRIES.get(field.kind, _no_tries)(self._near.get(name, ()), at)]
        return [value for value in dict.fromkeys(tried) if _fits(field, value)] + [None] * field.nullable


def _values(field: Field, near: Mapping[str, tuple[Any, ...]]) -> Values:
    filled = records.values(attrs.evolve(field, nullable=False), near)
    if field.kind != "string" or field.values:
        return filled
    return filled.map(lambda text: text if text.strip() else f"x{text}")


def place_of(stage: str, move: str, number: int) -> str:
    """The name under which a pipeline keeps a guard."""
    return f"moves[{stage!r}][{move!r}].guard" + (f"[{number}]" if number else "")


def _place_of_approval(name: str) -> str:
    return f"approvals[{name!r}].when"


def _fits(field: Field, value: Any) -> bool:
    try:
        field.read(value)
    except InvalidValue:
        return False
    return True


def _numbers(near: tuple[Any, ...], _at: datetime) -> Iterator[Any]:
    known = [one for one in near if isinstance(one, Decimal)]
    yield from known
    yield from (one + step for one in known for step in (Decimal("0.01"), Decimal("-0.01"), Decimal(1), Decimal(-1)))
    yield from map(Decimal, (1, 0, 100, 10**6))


def _strings(near: tuple[Any, ...], _at: datetime) -> Iterator[Any]:
    yield from (one for one in near if isinstance(one, str))
    yield from ("a", "b", "long enough to be told, whatever the limit is")


def _dates(near: tuple[Any, ...], at: datetime) -> Iterator[Any]:
    yield from (one for one in near if type(one) is date)
    yield from (at.date() + timedelta(days=shift) for shift in (0, 400, 800, -400))


def _moments(near: tuple[Any, ...], at: datetime) -> Iterator[Any]:
    yield from (one for one in near if isinstance(one, datetime))
    yield from (at + timedelta(days=shift) for shift in (0, 400, 800, -400))


def _booleans(_near: tuple[Any, ...], _at: datetime) -> Iterator[Any]:
    yield from (True, False)


def _no_tries(_near: tuple[Any, ...], _at: datetime) -> Iterator[Any]:
    yield from ()


_TRIES: Mapping[str, Any] = {
    "decimal": _numbers, "integer": _numbers, "float": _numbers, "string": _strings, "date": _dates,
    "date and time": _moments, "boolean": _booleans,
}  # fmt: skip


def roles_of(pipeline: Pipeline) -> tuple[str, ...]:
    """Every role that a pipeline speaks of."""
    moves = [role for of in pipeline.moves.values() for move in of.values() for role in move.roles]
    return tuple(dict.fromkeys([*moves, *(role for panel in _panels(pipeline) for role in panel.roles)]))


def _panels(pipeline: Pipeline) -> list[Panel]:
    return [panel for approval in pipeline.approvals for panel in approval.panels]


def _directory(pipeline: Pipeline) -> Directory:
    """Enough people in every role for every quorum."""
    many = max([2, *(panel.quorum for panel in _panels(pipeline))])
    roles = {role: [f"{role} {number}" for number in range(1, many + 1)] for role in roles_of(pipeline)}
    people = {WHO, *(one for of in roles.values() for one in of)}
    return Directory(roles=roles, superiors=dict.fromkeys(sorted(people), "chief"))
