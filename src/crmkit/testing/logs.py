"""Logs of a process as another system would export them, with deviations planted where a checker must find them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias, get_args

import attrs
from hypothesis import strategies as st

from crmkit.errors import NotFound
from crmkit.journal import Journal
from crmkit.pipeline import Pipeline
from crmkit.testing._driving import Driven, driven_case
from crmkit.testing._scripts import Script, Values
from crmkit.testing._stays import COLUMNS, Row, row_of, rows_of

__all__ = ["DEVIATIONS", "DeviationKind", "Log", "event_logs"]

#: What can be planted: an open stage passed over, or gone back to, by no declared move; a stage that the process does
#: not have; a required field that is empty; stays that overlap; a closed case that goes on by no declared move.
DeviationKind: TypeAlias = Literal[
    "skip", "backward", "unknown stage", "missing field", "time order", "resurrected"
]  # fmt: skip
#: All of them.
DEVIATIONS: tuple[DeviationKind, ...] = get_args(DeviationKind)

Draw = Callable[..., Any]
_HOUR = timedelta(hours=1)


@attrs.frozen
class Log:
    """A log of stays.

    Attributes:
        rows: one for each stay, in order: case, stage, entered, left, next, who, and every required field as a text at
            entry (of fields that are called as one of these, none).
        planted: the case and the kind of each deviation; all else is as the definition has it, time limits aside.
    """

    rows: tuple[Mapping[str, Any], ...]
    planted: tuple[tuple[str, DeviationKind], ...]

    def journal(self, **options: Any) -> Journal:
        """The log as a journal with a column for every required field.

        Args:
            options: further arguments of `Journal.from_frame`.
        """
        columns = {name: [one[name] for one in self.rows] for name in self.rows[0]}
        dims = [name for name in columns if name not in COLUMNS]
        named: Mapping[str, Any] = {name: name for name in COLUMNS}
        return Journal.from_frame(columns, dims=dims, **named, **options)


@st.composite
def event_logs(
    draw: Draw,
    pipeline: Pipeline,
    *,
    deviations: Sequence[DeviationKind] = (),
    cases: int = 4,
    fields: Mapping[str, Values] | None = None,
) -> Log:
    """Logs of some cases; each deviation is planted in a case of its own, if the definition leaves room for it.

    A process in which every move is allowed leaves no room for a skip.

    Args:
        draw: given by hypothesis.
        pipeline: the process.
        deviations: what to plant.
        cases: the largest number of cases without a deviation.
        fields: see `crmkit.testing.processes.stateful_tests`.

    Raises:
        NotFound: for a deviation that cannot be planted.
    """
    script, rows, planted = Script(pipeline, fields), list[Row](), list[tuple[str, DeviationKind]]()
    for number in range(draw(st.integers(0 if deviations else 1, cases))):
        rows += rows_of(script, driven_case(draw, script, f"C-{number}"))
    for number, kind in enumerate(deviations):
        if kind not in _PLANTERS:
            raise NotFound("deviation", kind, DEVIATIONS)
        id_ = f"X-{number}"
        made = _PLANTERS[kind](draw, script, id_)
        if made:
            rows += made
            planted.append((id_, kind))
    return Log(tuple(rows or rows_of(script, driven_case(draw, script, "C-0"))), tuple(planted))


# -- planting


def _gone_on(draw: Draw, script: Script, id_: str, pairs: list[tuple[str, str]]) -> list[Row]:
    """A case that left a stage for another without a move."""
    for origin, to in draw(st.permutations(pairs)):
        driven = Driven(script, id_)
        if driven.open(draw) and driven.walk(draw, origin):
            return _onward(draw, script, rows_of(script, driven), to)
    return []


def _onward(draw: Draw, script: Script, rows: list[Row], to: str) -> list[Row]:
    last = rows[-1]
    at: datetime = last["entered"] + timedelta(hours=draw(st.integers(1, 400)))
    filled = {name: last[name] or "x" for name in last if name not in COLUMNS}
    new = row_of(script, last["case"], (to, at, None, None, last["who"]), filled)
    return [*rows[:-1], {**last, "left": at, "next": to}, new]


def _order(pipeline: Pipeline) -> dict[str, int]:
    return {stage.name: n for n, stage in enumerate(one for one in pipeline.stages if one.outcome is None)}


def _undeclared(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """Pairs of stages that no move joins, and the second one open."""
    order = _order(pipeline)
    for origin in pipeline.stages:
        declared = {move.to for move in pipeline.moves.get(origin.name, {}).values()}
        yield from ((origin.name, to) for to in order if to not in declared and to != origin.name)


def _skip(draw: Draw, script: Script, id_: str) -> list[Row]:
    order = _order(script.pipeline)
    pairs = [(a, b) for a, b in _undeclared(script.pipeline) if a in order and order[b] > order[a] + 1]
    return _gone_on(draw, script, id_, pairs)


def _backward(draw: Draw, script: Script, id_: str) -> list[Row]:
    order = _order(script.pipeline)
    pairs = [(a, b) for a, b in _undeclared(script.pipeline) if a in order and order[b] < order[a]]
    return _gone_on(draw, script, id_, pairs)


def _resurrected(draw: Draw, script: Script, id_: str) -> list[Row]:
    order = _order(script.pipeline)
    return _gone_on(draw, script, id_, [(a, b) for a, b in _undeclared(script.pipeline) if a not in order])


def _unknown(draw: Draw, script: Script, id_: str) -> list[Row]:
    known = [stage.name for stage in script.pipeline.stages]
    name = next(name for name in (f"no such stage{'!' * n}" for n in range(len(known) + 1)) if name not in known)
    return _onward(draw, script, rows_of(script, driven_case(draw, script, id_)), name)


def _missing(draw: Draw, script: Script, id_: str) -> list[Row]:
    wanting = [stage for stage in script.pipeline.stages if {*stage.requires} - {*COLUMNS}]
    for stage in draw(st.permutations(wanting)):
        driven = Driven(script, id_)
        if driven.open(draw) and driven.walk(draw, stage.name):
            name = draw(st.sampled_from([name for name in stage.requires if name not in COLUMNS]))
            rows = rows_of(script, driven)
            return [*rows[:-1], {**rows[-1], name: draw(st.sampled_from([None, " "]))}]
    return []


def _overlapping(draw: Draw, script: Script, id_: str) -> list[Row]:
    order = [stage.name for stage in script.pipeline.stages if stage.name != script.pipeline.start]
    for to in draw(st.permutations(order)):
        driven = Driven(script, id_)
        if driven.open(draw) and driven.walk(draw, to):
            rows = [*_apart(rows_of(script, driven))]
            place = draw(st.integers(0, len(rows) - 2))
            return [*rows[:place], {**rows[place], "left": rows[place]["left"] + _HOUR}, *rows[place + 1 :]]
    return []


def _apart(rows: list[Row]) -> Iterator[Row]:
    """The same stays, each two hours longer: of several at one instant nobody knows the order once they overlap."""
    for number, row in enumerate(rows):
        left = row["left"]
        entered = row["entered"] + 2 * number * _HOUR
        yield {**row, "entered": entered, "left": None if left is None else left + 2 * (number + 1) * _HOUR}


_PLANTERS: Mapping[str, Callable[[Draw, Script, str], list[Row]]] = {
    "skip": _skip, "backward": _backward, "unknown stage": _unknown, "missing field": _missing,
    "time order": _overlapping, "resurrected": _resurrected,
}  # fmt: skip
