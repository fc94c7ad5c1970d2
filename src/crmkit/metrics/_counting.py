"""What a metric counts of a view: its state."""

from collections.abc import Sequence

from crmkit.journal import Finding
from crmkit.metrics.metric import Metric, Part, State, counted
from crmkit.metrics.states import Counts
from crmkit.metrics.view import View

__all__ = ["added", "state_of"]

_MANY = 1 << 18


def state_of(metric: Metric, view: View) -> tuple[State, list[Finding]]:
    """The counters of a metric, and what it could not use."""
    state: dict[str, Counts] = {}
    findings: list[Finding] = []
    waiting: dict[str, list[Part]] = {}
    for part in metric.parts(view):
        if not isinstance(part, Part):
            findings.append(part)
            continue
        held = waiting.setdefault(part.name, [])
        held.append(part)
        # Many small parts are counted at once, large ones are not kept.
        if sum(len(one.period) for one in held) > _MANY:
            _count(waiting.pop(part.name), state, view)
    for held in waiting.values():
        _count(held, state, view)
    return state, findings


def _count(parts: Sequence[Part], state: dict[str, Counts], view: View) -> None:
    part = Part.joined(parts)
    made = counted(part, view)
    state[part.name] = state[part.name].merge(made) if part.name in state else made


def added(one: State, other: State) -> State:
    """Both states added up, part by part."""
    shared = {name: counts.merge(other[name]) for name, counts in one.items() if name in other}
    return {**one, **other, **shared}
