"""One evaluation: what it may cost, what it is told of the world, and what it noted on the way."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, TypeAlias

import attrs

from crmkit.rules.feel._limits import Limits
from crmkit.rules.feel._nodes import Node, Span
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._types import Type
from crmkit.rules.feel._values import UNKNOWN, Function, kind

Handler: TypeAlias = "Callable[[Run, Any, Scope], Any]"
Seen: TypeAlias = Callable[[Node, Any], None]

_MOST_NOTES = 200
#: How deep lists may hold lists.
_DEEPEST = 50


@attrs.frozen
class Note:
    """Why a part of an expression has no value.

    Attributes:
        code: a stable name for the reason.
        why: the reason.
        span: the part of the text.
    """

    code: str
    why: str
    span: Span


class Scope:
    """Names and their values, inner ones first."""

    __slots__ = ("outer", "values")

    def __init__(self, values: Mapping[str, Any], outer: "Scope | None" = None) -> None:
        self.values, self.outer = values, outer

    def find(self, name: str) -> Any:
        """The value of a name; KeyError if nobody has it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.outer
        raise KeyError(name)


@attrs.frozen
class World:
    """What an evaluation may know beside the names of its expression.

    Attributes:
        limits: what it may cost.
        now: the time that `now()` gives; None if rules may not ask.
        today: the day that `today()` gives; that of `now` if None.
        types: named types, for `instance of`.
    """

    limits: Limits = attrs.field(factory=Limits)
    now: datetime | None = None
    today: date | None = None
    types: Mapping[str, Type] = attrs.field(factory=dict[str, Type])


@attrs.define
class Run:
    """One evaluation under way.

    Attributes:
        world: what it may know and cost.
        handlers: what to do with each class of nodes.
        seen: called with each node and its value, if anybody wants to explain.
        notes: why parts have no value.
        steps: how many it has taken.
        calls: how deep it is in functions.
        asked: which tests speak of `?`, by the id of their node.
    """

    world: World
    handlers: Mapping[type, Handler]
    seen: Seen | None = None
    notes: list[Note] = attrs.field(factory=list[Note])
    steps: int = 0
    calls: int = 0
    asked: dict[int, bool] = attrs.field(factory=dict[int, bool])
    _sizes: dict[int, tuple[Any, int, int]] = attrs.field(factory=dict[int, tuple[Any, int, int]])

    def value(self, node: Node, scope: Scope) -> Any:
        """The value of a node; null with a note if it has none."""
        self.spend(1)
        try:
            value = self.handlers[type(node)](self, node, scope)
        except Problem as problem:
            self.note(problem, node.span)
            value = None
        if type(value) is list or type(value) is dict:
            self.size(value)
        if self.seen is not None:
            self.seen(node, value)
        return value

    def spend(self, steps: int) -> None:
        """Count steps; what takes long without visiting nodes counts for as many as it visits values."""
        self.steps += steps
        if self.steps > self.world.limits.steps:
            raise Exhausted(f"takes more than {self.world.limits.steps} steps")

    def size(self, value: Any) -> int:
        """How many values there are in a value, each as often as it is there; 64 characters are as one.

        Raises:
            Exhausted: if it is more than what the world allows, or if they nest too deep.
        """
        return self._measured(value)[1]

    def _measured(self, value: Any) -> tuple[Any, int, int]:
        if type(value) is str:
            return value, 1 + len(value) // 64, 0
        if type(value) is not list and type(value) is not dict:
            return value, 1, 0
        known = self._sizes.get(id(value))
        if known is not None:
            return known
        self.spend(len(value))
        parts = [self._measured(item) for item in (value.values() if type(value) is dict else value)]
        size, depth = 1 + sum(part[1] for part in parts), 1 + max((part[2] for part in parts), default=0)
        if size > self.world.limits.items or depth > _DEEPEST:
            raise Exhausted(f"a value holds more than {self.world.limits.items} others, or nests {_DEEPEST} deep")
        # The value is kept, lest another gets its id.
        self._sizes[id(value)] = found = value, size, depth
        return found

    def note(self, problem: Problem, span: Span) -> None:
        """Remember why there is no value."""
        if len(self.notes) < _MOST_NOTES:
            self.notes.append(Note(problem.code, problem.why, span))

    def apply(self, function: Function, arguments: Iterable[Any]) -> Any:
        """Call a function, not too deep."""
        self.calls += 1
        if self.calls > self.world.limits.calls:
            raise Exhausted(f"functions call one another more than {self.world.limits.calls} deep")
        try:
            return function.body(*arguments)
        except RecursionError:
            raise Exhausted("functions call one another too deep") from None
        finally:
            self.calls -= 1


class Exhausted(Exception):
    """The run would cost too much; no value, not even null, is right."""


def truth(run: Run, value: Any, span: Span) -> Any:
    """A value as one of true, false, null, UNKNOWN; what is none of them is null, with a note."""
    if value is None or value is UNKNOWN or isinstance(value, bool):
        return value
    run.note(Problem("type", f"a {kind(value)} is neither true nor false"), span)
    return None
