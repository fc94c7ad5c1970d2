"""What a pipeline is made of: stages, moves between them, and what follows from a move."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from crmkit.pipeline.case import Attempt, Effect

if TYPE_CHECKING:
    from crmkit.rules.ruleset import Rule

__all__ = ["Answer", "Guard", "Move", "Outcome", "Stage"]

#: What a closed stage means.
Outcome: TypeAlias = Literal["won", "lost", "cancelled"]
#: What a guard in Python may say: True or None lets the move pass, False refuses it in the guard's name, a text or
#: several are the reasons to refuse.
Answer: TypeAlias = bool | str | Iterable[str] | None
#: A condition of a move: a text in FEEL, a rule with a message and an `on_null` of its own, or a Python function.
Guard: TypeAlias = "str | Rule | Callable[[Attempt], Answer]"


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def _guards(values: "Guard | list[Guard] | tuple[Guard, ...] | None") -> "tuple[Guard, ...]":
    if values is None:
        return ()
    return tuple(values) if isinstance(values, list | tuple) else (values,)


def _effects(values: Effect | str | Iterable[Effect | str]) -> tuple[Effect, ...]:
    given = (values,) if isinstance(values, Effect | str) else values
    return tuple(Effect(value) if isinstance(value, str) else value for value in given)


@attrs.frozen
class Stage:
    """A stage of a pipeline.

    Attributes:
        name: unique in its pipeline.
        outcome: "won", "lost" or "cancelled" for a closed stage; None for an open one. Closed is a category, not an
            end: a move may lead out of it (a reopened deal).
        requires: the fields that must have a value before a case may enter.
        limit: how long a case may stay, such as "5 business days" or "4 hours".
        locked: the fields that may not be changed in it; "*" is all of them.
        labels: its name for people, by language.
        note: what it means to be there, in words.
    """

    name: str
    outcome: Outcome | None = None
    requires: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    limit: str | None = attrs.field(default=None, kw_only=True)
    locked: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    labels: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)
    note: str = attrs.field(default="", kw_only=True)

    def locks(self, field: str) -> bool:
        """Whether a field may not be changed in this stage."""
        return field in self.locked or "*" in self.locked


@attrs.frozen
class Move:
    """A move from one stage to another.

    Attributes:
        to: the stage it leads to.
        guards: the conditions under which it may be taken; all that fail are reported. See `Guard`.
        requires: fields that this move needs, besides those of the stage it leads to.
        roles: who may take it: anybody who has one of these roles; anybody at all if empty.
        approval: the name of an approval that must be granted, for the content as it is.
        effects: what is to be done once it is taken.
        labels: its name for people, by language.
        note: what it means, in words.
    """

    to: str
    guards: "tuple[Guard, ...]" = attrs.field(default=(), converter=_guards, kw_only=True, alias="guard")
    requires: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    roles: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    approval: str | None = attrs.field(default=None, kw_only=True)
    effects: tuple[Effect, ...] = attrs.field(default=(), converter=_effects, kw_only=True)
    labels: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)
    note: str = attrs.field(default="", kw_only=True)
