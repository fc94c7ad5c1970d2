"""What a definition takes its parts from, and how one of them is found."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from crmkit.errors import NotFound
from crmkit.pipeline.approvals import Approval
from crmkit.pipeline.clocks import Clock
from crmkit.pipeline.links import Link
from crmkit.pipeline.stages import Move, Stage

_Part = TypeVar("_Part", Approval, Link)


def stages(values: Iterable[Stage | str]) -> tuple[Stage, ...]:
    """Stages, named or built."""
    return tuple(Stage(value) if isinstance(value, str) else value for value in values)


def moves(values: Mapping[str, Mapping[str, Move | str]] | None) -> dict[str, dict[str, Move]]:
    """Moves by stage and name, named by where they lead or built."""
    return {
        stage: {name: Move(move) if isinstance(move, str) else move for name, move in moves.items()}
        for stage, moves in (values or {}).items()
    }


def approvals(values: Iterable[Approval]) -> tuple[Approval, ...]:
    """Approvals, as a tuple."""
    return tuple(values)


def clocks(values: Iterable[Clock]) -> tuple[Clock, ...]:
    """Clocks, as a tuple."""
    return tuple(values)


def links(values: Iterable[Link]) -> tuple[Link, ...]:
    """Links, as a tuple."""
    return tuple(values)


def named(what: str, name: str, parts: Iterable[_Part], pipeline: str) -> _Part:
    """A part by its name.

    Raises:
        NotFound: with the nearest name.
    """
    known: dict[str, _Part] = {part.name: part for part in parts}
    if name not in known:
        raise NotFound(what, name, tuple(known), f"pipeline {pipeline!r}")
    return known[name]
