"""The four forms in which stage changes arrive, each turned into the columns of a journal.

Every form ends in `finished`: coded columns, findings for the rows that could not be used, and the end of observation.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InputError, NotFound, did_you_mean
from crmkit.journal._coded import Coded, Longs, Micros
from crmkit.journal._outcomes import usual_outcome
from crmkit.journal._rows import OPEN, Common, Mask, Rows, finished
from crmkit.journal._sources import Source

Repeats: TypeAlias = Literal["visit", "merge"]


@attrs.frozen
class Bounds:
    """The columns of interval form."""

    entered: str
    left: str | None
    next: str | None


@attrs.frozen(eq=False)
class _Entries:
    """The usable rows of event form, case by case in order of time, each column of shape (n,).

    Attributes:
        rows: their rows in the source.
        cases: the codes of their cases.
        stages: the codes of the stages entered.
        at: int64 microseconds UTC.
    """

    rows: Longs
    cases: npt.NDArray[np.int32]
    stages: npt.NDArray[np.int32]
    at: Micros

    @cached_property
    def goes_on(self) -> Mask:
        """Whether the row after each but the last one is of the same case."""
        same: Mask = self.cases[1:] == self.cases[:-1]
        return same

    @property
    def ends(self) -> Mask:
        """Whether each is the last of its case."""
        return np.append(~self.goes_on, np.ones(min(1, len(self.rows)), np.bool_))

    def __getitem__(self, which: Any) -> "_Entries":
        return _Entries(self.rows[which], self.cases[which], self.stages[which], self.at[which])


@attrs.frozen
class Snapshot:
    """The columns of snapshot form, and what their texts mean."""

    opened: str
    closed: str
    outcome: str
    won: frozenset[str]
    lost: frozenset[str]


def from_events(source: Source, common: Common, stage: str, at: str, repeats: Repeats) -> dict[str, Any]:
    """Event form: each row says that a case entered a stage."""
    rows, stages = _start(source, common, stage)
    micros = rows.instants(at, needed=True)
    entries = _deduplicated(rows, _ordered(rows, stages, micros))
    if repeats == "merge":
        entries = _merged(rows, entries)
    last = np.flatnonzero(entries.ends)
    left, following = np.append(entries.at[1:], OPEN), np.append(entries.stages[1:], np.int32(-1))
    left[last], following[last] = OPEN, -1
    cases = Coded(entries.cases, rows.cases.values)
    bounds = entries.at, left, following
    return finished(rows, entries.rows, Coded(entries.stages, stages.values), bounds, cases)


def from_intervals(source: Source, common: Common, stage: str, bounds: Bounds) -> dict[str, Any]:
    """Interval form: each row is a stay already."""
    rows, stages = _start(source, common, stage)
    cases = rows.cases
    entered = rows.instants(bounds.entered, needed=True)
    left = np.full(len(entered), OPEN)
    if bounds.left is not None:
        ends = rows.instants(bounds.left, needed=False)
        left = np.where(source.empty(bounds.left), OPEN, ends)
        rows.drop(left < entered, bounds.left, "is before the stay began")
    following = np.full(len(entered), -1, dtype=np.int32)
    if bounds.next is not None:
        named, stages = _shared_dictionary(source.text(bounds.next), stages)
        following = named.codes.astype(np.int32)
        rows.drop((following < 0) & (left != OPEN), bounds.next, "says nothing though the stay has ended")
        rows.note((following >= 0) & (left == OPEN), bounds.next, "names a next stage of a stay that lasts; ignored")
        following = np.where(left == OPEN, -1, following).astype(np.int32)
    kept = np.flatnonzero(rows.keep)
    if bounds.next is None:
        kept = kept[np.lexsort((kept, entered[kept], cases.codes[kept]))]
        following[kept] = _followers(rows, kept, cases.codes, stages.codes, left)
        kept = kept[rows.keep[kept]]
    return finished(rows, kept, stages[kept], (entered[kept], left[kept], following[kept]))


def from_snapshot(source: Source, common: Common, columns: Snapshot) -> dict[str, Any]:
    """Snapshot form: one row a case, opened and perhaps closed."""
    rows = Rows.of(source, common)
    outcome = source.text(columns.outcome)
    meaning = np.array([*_meanings(source, outcome, columns), 0], dtype=np.int32)[outcome.codes]
    opened = rows.instants(columns.opened, needed=True)
    closed = rows.instants(columns.closed, needed=False)
    none = source.empty(columns.closed)
    rows.drop((meaning > 0) & none, columns.closed, "has no closing time though the outcome is known", outcome)
    rows.drop((meaning == 0) & ~none, columns.outcome, "is neither won nor lost though the case is closed", outcome)
    rows.drop((meaning > 0) & (closed < opened), columns.closed, "is before the case was opened")
    kept = rows.first_of_each()
    ended = kept[meaning[kept] > 0]
    both = np.concatenate([kept, ended])
    stage = np.concatenate([np.zeros(len(kept), np.int32), meaning[ended]]).astype(np.int32)
    left = np.concatenate([np.where(meaning[kept] > 0, closed[kept], OPEN), np.full(len(ended), OPEN)])
    following = np.concatenate([np.where(meaning[kept] > 0, meaning[kept], -1), np.full(len(ended), -1)])
    entered = np.concatenate([opened[kept], closed[ended]])
    stages = Coded(stage, ("open", "won", "lost"))
    return finished(rows, both, stages, (entered, left, following))


def from_milestones(source: Source, common: Common, milestones: Mapping[str, str]) -> dict[str, Any]:
    """Wide form: one row a case, one date column a stage; a stage without a date was not entered."""
    rows = Rows.of(source, common)
    names, n = tuple(milestones), len(source)
    at, known = np.zeros((len(names), n), np.int64), np.zeros((len(names), n), np.bool_)
    for number, column in enumerate(milestones.values()):
        # A date that cannot be read loses its stage, not the whole row.
        read = source.instants(column, common.tz, common.dates)
        at[number], known[number] = read.micros, read.ok & rows.keep
        rows.facts[f"dates in {column!r}"] = read.style
        rows.findings += (
            attrs.evolve(found, reason=f"{found.reason}; stage left out", dropped=False) for found in read.findings
        )
    rows.drop(known.sum(axis=0) == 0, None, "has no date for any stage")
    rows.first_of_each()
    _drop_backwards(rows, at, known, tuple(milestones.values()))
    known &= rows.keep
    stage, row = np.nonzero(known)
    order = np.lexsort((stage, at[stage, row], row))
    stage, row = stage[order], row[order]
    entered = at[stage, row]
    same = np.append(row[1:] == row[:-1], False)
    left = np.where(same, np.roll(entered, -1), OPEN)
    following = np.where(same, np.roll(stage, -1), -1)
    return finished(rows, row, Coded(stage.astype(np.int32), names), (entered, left, following))


def _start(source: Source, common: Common, stage: str) -> tuple[Rows, Coded]:
    rows, stages = Rows.of(source, common), source.text(stage)
    rows.drop(stages.missing, stage, "has no stage")
    _note_twins(rows, stages, stage)
    if common.stages is not None:
        recoded = stages.recode(common.stages)
        for number, value in enumerate(stages.values):
            if value not in common.stages:
                hint = did_you_mean(value, common.stages)
                rows.drop(stages.codes == number, stage, f"stage {value!r} is not in the pipeline{hint}")
        stages = recoded
    return rows, stages


def _note_twins(rows: Rows, stages: Coded, column: str) -> None:
    """Say when stages differ in nothing but case: two names for one stage are likely, but not ours to decide."""
    twins: dict[str, list[int]] = {}
    for number, value in enumerate(stages.values):
        twins.setdefault(value.casefold(), []).append(number)
    for numbers in twins.values():
        if len(numbers) > 1:
            names = ", ".join(repr(stages.values[number]) for number in numbers)
            rows.note(
                np.isin(stages.codes, numbers), column, f"stages differ in case only and were kept apart: {names}"
            )


def _ordered(rows: Rows, stages: Coded, at: Micros) -> _Entries:
    """Rows by case and time; rows of one instant keep the order of the source."""
    cases = rows.cases
    if rows.keep.all():
        kept = cases.order()
    else:
        kept = np.flatnonzero(rows.keep)
        kept = kept[cases[kept].order()]
    entries = _Entries(kept, cases.codes[kept], stages.codes[kept], at[kept])
    early = np.flatnonzero(entries.goes_on & (entries.at[1:] < entries.at[:-1])) + 1
    if not len(early):
        return entries
    rows.note(
        _marked(rows, kept[early]),
        None,
        "is earlier than the row of its case before it; rows were put in order of time",
    )
    return entries[np.lexsort((entries.at, entries.cases))]


def _deduplicated(rows: Rows, entries: _Entries) -> _Entries:
    """The same case, stage and instant twice in a row is one event."""
    same = entries.goes_on & (entries.stages[1:] == entries.stages[:-1]) & (entries.at[1:] == entries.at[:-1])
    if not same.any():
        return entries
    rows.drop(_marked(rows, entries.rows[1:][same]), None, "repeats an event: same case, stage and time")
    return entries[np.append(True, ~same)]


def _merged(rows: Rows, entries: _Entries) -> _Entries:
    same = np.append(False, entries.goes_on & (entries.stages[1:] == entries.stages[:-1]))[: len(entries.rows)]
    again = _marked(rows, entries.rows[same])
    rows.note(again, None, "names the stage the case is in already; taken as no change")
    rows.merge(entries.rows, same)
    return entries[~same]


def _marked(rows: Rows, which: Longs) -> Mask:
    marks = np.zeros(len(rows.keep), np.bool_)
    marks[which] = True
    return marks


def _followers(
    rows: Rows, kept: Longs, cases: npt.NDArray[np.int32], stages: npt.NDArray[np.int32], left: Micros
) -> npt.NDArray[np.int32]:
    same = np.append(cases[kept][1:] == cases[kept][:-1], False)
    following = np.where(same, np.roll(stages[kept], -1), -1).astype(np.int32)
    lost = np.zeros(len(rows.keep), np.bool_)
    lost[kept[(following < 0) & (left[kept] != OPEN)]] = True
    rows.drop(lost, None, "has ended, and no later row of its case says where it went")
    return np.where(left[kept] == OPEN, -1, following).astype(np.int32)


def _drop_backwards(rows: Rows, at: Longs, known: Mask, columns: tuple[str, ...]) -> None:
    """Drop rows with a date before that of an earlier stage: which of the two is wrong cannot be known."""
    reached = np.where(known[0], at[0], np.iinfo(np.int64).min)
    for number in range(1, len(columns)):
        rows.drop(known[number] & (at[number] < reached), columns[number], "is before an earlier stage of its row")
        reached = np.where(known[number], np.maximum(at[number], reached), reached)


def _shared_dictionary(following: Coded, stages: Coded) -> tuple[Coded, Coded]:
    """Both columns over one dictionary: the stages, then whatever only `next` names."""
    values = (*stages.values, *(value for value in following.values if value not in stages.values))
    return following.recode(values), Coded(stages.codes, values)


def _meanings(source: Source, outcome: Coded, columns: Snapshot) -> list[int]:
    """For each text of the outcome column: 1 won, 2 lost, 0 neither."""
    texts, place = outcome.values, f"column {columns.outcome!r} of {source.name}"
    for kind, given in (("won", columns.won), ("lost", columns.lost)):
        for named in given:
            # Nobody may have won yet: only a name with a likely meaning elsewhere is a mistake.
            if named not in texts and (did_you_mean(named, texts) or any(usual_outcome(t) == kind for t in texts)):
                raise NotFound("outcome", named, texts, place)
    won = columns.won or {text for text in texts if usual_outcome(text) == "won"}
    lost = columns.lost or {text for text in texts if usual_outcome(text) == "lost"}
    if not won and not lost:
        reason = f"which outcome means won is not known; there are: {', '.join(texts[:10])}"
        raise InputError(source.name, reason, "give --won and --lost (won= and lost= in Python)", None, columns.outcome)
    return [1 if text in won else 2 if text in lost else 0 for text in texts]
