"""What clocks have to say, as facts, each once."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.events import Breached, Event, Warned

if TYPE_CHECKING:
    from crmkit.pipeline.clocks import ClockState

_NEWS = (Warned, Breached)


@attrs.frozen
class _Passed:
    """An instant that a clock has passed: that of a share of its time, or of all of it (None)."""

    at: datetime
    clock: str
    cycle: int
    share: int | None
    due: datetime


def _passed(state: "ClockState") -> Iterator[_Passed]:
    for share, at, due_then in state.warnings:
        if at < state.until:
            yield _Passed(at, state.clock, state.cycle, share, due_then)
    if state.breached:
        yield _Passed(state.due, state.clock, state.cycle, None, state.due)


def _in_order(one: _Passed) -> tuple[datetime, str, int, int]:
    return one.at, one.clock, one.cycle, 100 if one.share is None else one.share


def news(
    history: list[Event], found: "Iterable[ClockState]", now: datetime, definition: str
) -> list[Warned | Breached]:
    """The facts that the history of a case lacks, numbered on from its last."""
    known = {(fact.clock, fact.cycle, getattr(fact, "share", None)) for fact in history if isinstance(fact, _NEWS)}
    passed = (one for state in found for one in _passed(state))
    lacking = sorted((one for one in passed if (one.clock, one.cycle, one.share) not in known), key=_in_order)
    return [_fact(one, history[0].case, len(history) + n, now, definition) for n, one in enumerate(lacking, 1)]


def _fact(one: _Passed, case: str, number: int, now: datetime, definition: str) -> Warned | Breached:
    what = "breach" if one.share is None else str(one.share)
    shared: dict[str, Any] = {
        "id": f"{case}#{number}", "case": case, "at": one.at, "recorded": now, "definition": definition,
        "key": f"{case}:{one.clock}:{one.cycle}:{what}", "clock": one.clock, "cycle": one.cycle, "due": one.due,
    }  # fmt: skip
    return Breached(**shared) if one.share is None else Warned(**shared, share=one.share)
