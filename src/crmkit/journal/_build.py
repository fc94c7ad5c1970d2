"""The four forms in which stage changes arrive, each turned into the columns of a journal.

Every form ends in `_journal`: coded columns, findings for the rows that could not be used, and the end of observation.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InputError, NotFound, did_you_mean
from crmkit.events import Event, Moved, Opened
from crmkit.journal._coded import Coded, Longs, Micros, code
from crmkit.journal._findings import Finding, summarise
from crmkit.journal._outcomes import usual_outcome
from crmkit.journal._sources import Dates, Source, Zone
from crmkit.values import to_micros

Repeats: TypeAlias = Literal["visit", "merge"]
Mask: TypeAlias = npt.NDArray[np.bool_]

OPEN = np.iinfo(np.int64).max


@attrs.frozen
class Common:
    """What all forms share."""

    case: str
    who: str | None
    amount: str | None
    dims: tuple[str, ...]
    tz: Zone
    dates: Dates
    as_of: int | None
    stages: Sequence[str] | None


@attrs.frozen
class Bounds:
    """The columns of interval form."""

    entered: str
    left: str | None
    next: str | None


@attrs.frozen
class Snapshot:
    """The columns of snapshot form, and what their texts mean."""

    opened: str
    closed: str
    outcome: str
    won: frozenset[str]
    lost: frozenset[str]


@attrs.define
class _Rows:
    """The rows that are still usable, and what was said about the others."""

    source: Source
    keep: Mask
    findings: list[Finding]
    facts: dict[str, str]

    def drop(self, bad: Mask, column: str | None, reason: str, example: Coded | None = None) -> None:
        """Leave rows out, saying why; rows that are out already are not counted twice."""
        self._note(bad & self.keep, column, reason, example, dropped=True)
        self.keep &= ~bad

    def note(self, odd: Mask, column: str | None, reason: str, example: Coded | None = None) -> None:
        """Say something about rows that are used all the same."""
        self._note(odd & self.keep, column, reason, example, dropped=False)

    def _note(self, rows: Mask, column: str | None, reason: str, example: Coded | None, *, dropped: bool) -> None:
        which = np.flatnonzero(rows)
        if not len(which):
            return
        first = int(which[0])
        text = None if example is None or example.codes[first] < 0 else example.values[example.codes[first]]
        self.findings.append(Finding(int(self.source.rows[first]), column, reason, len(which), text, dropped))

    def instants(self, column: str, common: Common, *, needed: bool) -> Micros:
        """A time column; rows whose time cannot be read are dropped, empty ones only if the time is needed."""
        read = self.source.instants(column, common.tz, common.dates)
        self.findings += read.findings
        self.facts[f"dates in {column!r}"] = read.style
        empty = self.source.empty(column)
        self.keep &= read.ok | empty
        if needed:
            self.drop(empty, column, "has no time")
        return read.micros


def from_events(source: Source, common: Common, stage: str, at: str, repeats: Repeats) -> dict[str, Any]:
    """Event form: each row says that a case entered a stage."""
    rows, cases, stages = _start(source, common, stage)
    micros = rows.instants(at, common, needed=True)
    kept = np.flatnonzero(rows.keep)
    kept = _ordered(rows, kept, cases.codes, micros)
    kept = _deduplicated(rows, kept, cases.codes, stages.codes, micros)
    if repeats == "merge":
        kept = _merged(rows, kept, cases.codes, stages.codes)
    same = np.append(cases.codes[kept][1:] == cases.codes[kept][:-1], False)
    entered, code_of = micros[kept], stages.codes[kept]
    left = np.where(same, np.roll(entered, -1), OPEN)
    following = np.where(same, np.roll(code_of, -1), -1).astype(np.int32)
    return _journal(rows, common, kept, (cases[kept], stages[kept]), (entered, left, following))


def from_intervals(source: Source, common: Common, stage: str, bounds: Bounds) -> dict[str, Any]:
    """Interval form: each row is a stay already."""
    rows, cases, stages = _start(source, common, stage)
    entered = rows.instants(bounds.entered, common, needed=True)
    left = np.full(len(entered), OPEN)
    if bounds.left is not None:
        ends = rows.instants(bounds.left, common, needed=False)
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
    return _journal(rows, common, kept, (cases[kept], stages[kept]), (entered[kept], left[kept], following[kept]))


def from_snapshot(source: Source, common: Common, columns: Snapshot) -> dict[str, Any]:
    """Snapshot form: one row a case, opened and perhaps closed."""
    rows = _Rows(source, np.ones(len(source), dtype=np.bool_), [*source.findings], dict(source.facts))
    cases = source.text(common.case)
    rows.drop(cases.missing, common.case, "has no case id")
    outcome = source.text(columns.outcome)
    meaning = np.array([*_meanings(source, outcome, columns), 0], dtype=np.int32)[outcome.codes]
    opened = rows.instants(columns.opened, common, needed=True)
    closed = rows.instants(columns.closed, common, needed=False)
    none = source.empty(columns.closed)
    rows.drop((meaning > 0) & none, columns.closed, "has no closing time though the outcome is known", outcome)
    rows.drop((meaning == 0) & ~none, columns.outcome, "is neither won nor lost though the case is closed", outcome)
    rows.drop((meaning > 0) & (closed < opened), columns.closed, "is before the case was opened")
    kept = np.flatnonzero(rows.keep)
    kept = kept[_first_of_each(rows, kept, cases, common.case)]
    ended = kept[meaning[kept] > 0]
    both = np.concatenate([kept, ended])
    stage = np.concatenate([np.zeros(len(kept), np.int32), meaning[ended]]).astype(np.int32)
    left = np.concatenate([np.where(meaning[kept] > 0, closed[kept], OPEN), np.full(len(ended), OPEN)])
    following = np.concatenate([np.where(meaning[kept] > 0, meaning[kept], -1), np.full(len(ended), -1)])
    entered = np.concatenate([opened[kept], closed[ended]])
    stages = Coded(stage, ("open", "won", "lost"))
    return _journal(rows, common, both, (cases[both], stages), (entered, left, following.astype(np.int32)))


def from_milestones(source: Source, common: Common, milestones: Mapping[str, str]) -> dict[str, Any]:
    """Wide form: one row a case, one date column a stage; a stage without a date was not entered."""
    rows = _Rows(source, np.ones(len(source), dtype=np.bool_), [*source.findings], dict(source.facts))
    cases = source.text(common.case)
    rows.drop(cases.missing, common.case, "has no case id")
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
    first = _first_of_each(rows, np.flatnonzero(rows.keep), cases, common.case)
    kept = np.zeros(n, np.bool_)
    kept[np.flatnonzero(rows.keep)[first]] = True
    known &= kept
    known &= ~_backwards(rows, at, known, tuple(milestones.values()))
    stage, row = np.nonzero(known)
    order = np.lexsort((stage, at[stage, row], row))
    stage, row = stage[order], row[order]
    entered = at[stage, row]
    same = np.append(row[1:] == row[:-1], False)
    left = np.where(same, np.roll(entered, -1), OPEN)
    following = np.where(same, np.roll(stage, -1), -1).astype(np.int32)
    return _journal(rows, common, row, (cases[row], Coded(stage.astype(np.int32), names)), (entered, left, following))


def from_facts(events: Iterable[Event], stages: Sequence[str] | None, as_of: int | None) -> dict[str, Any]:
    """Our own facts: a `Moved` carries the stay that it ends."""
    ended: list[tuple[str, str, int, int, str | None, str | None]] = []
    lasting: dict[str, tuple[str, int, str | None]] = {}
    owners: dict[str, str | None] = {}
    latest = 0
    for event in events:
        at = to_micros(event.at)
        latest = max(latest, at)
        owners[event.case] = event.data.get("owner") or owners.get(event.case)
        if isinstance(event, Opened):
            owners[event.case] = owners[event.case] or event.who
            lasting[event.case] = (event.stage, at, owners[event.case])
        elif isinstance(event, Moved):
            ended.append((event.case, event.origin, to_micros(event.entered), at, event.stage, event.held_by))
            lasting[event.case] = (event.stage, at, owners[event.case])
    ended += [(case, stage, entered, OPEN, None, who) for case, (stage, entered, who) in lasting.items()]
    case, stage, entered, left, following, who = zip(*ended, strict=True) if ended else ((),) * 6
    if stages is None:
        stages = tuple(dict.fromkeys([*stage, *(name for name in following if name is not None)]))
    position = {name: number for number, name in enumerate(stages)}
    return {
        "cases": code(case),
        "stages": code(stage).recode(stages),
        "entered": np.array(entered, np.int64),
        "left": np.array(left, np.int64),
        "next": np.array([-1 if name is None else position[name] for name in following], np.int32),
        "who": code(who),
        "until": latest if as_of is None else as_of,
    }


def _start(source: Source, common: Common, stage: str) -> tuple[_Rows, Coded, Coded]:
    rows = _Rows(source, np.ones(len(source), dtype=np.bool_), [*source.findings], dict(source.facts))
    cases, stages = source.text(common.case), source.text(stage)
    rows.drop(cases.missing, common.case, "has no case id")
    rows.drop(stages.missing, stage, "has no stage")
    _note_twins(rows, stages, stage)
    if common.stages is not None:
        recoded = stages.recode(common.stages)
        for number, value in enumerate(stages.values):
            if value not in common.stages:
                hint = did_you_mean(value, common.stages)
                rows.drop(stages.codes == number, stage, f"stage {value!r} is not in the pipeline{hint}")
        stages = recoded
    return rows, cases, stages


def _note_twins(rows: _Rows, stages: Coded, column: str) -> None:
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


def _ordered(rows: _Rows, kept: Longs, cases: npt.NDArray[np.int32], at: Micros) -> Longs:
    """Rows by case and time; rows of one instant keep the order of the source."""
    if not len(kept):
        return kept
    by_case = kept[np.argsort(cases[kept], kind="stable")]
    same = cases[by_case][1:] == cases[by_case][:-1]
    early = np.zeros(len(rows.keep), np.bool_)
    early[by_case[1:][same & (at[by_case][1:] < at[by_case][:-1])]] = True
    rows.note(early, None, "is earlier than the row of its case before it; rows were put in order of time")
    return by_case if not early.any() else by_case[np.lexsort((at[by_case], cases[by_case]))]


def _deduplicated(
    rows: _Rows, kept: Longs, cases: npt.NDArray[np.int32], stages: npt.NDArray[np.int32], at: Micros
) -> Longs:
    """The same case, stage and instant twice in a row is one event."""
    same = (
        (cases[kept][1:] == cases[kept][:-1])
        & (stages[kept][1:] == stages[kept][:-1])
        & (at[kept][1:] == at[kept][:-1])
    )
    twice = np.zeros(len(rows.keep), np.bool_)
    twice[kept[1:][same]] = True
    rows.drop(twice, None, "repeats an event: same case, stage and time")
    return kept[rows.keep[kept]]


def _merged(rows: _Rows, kept: Longs, cases: npt.NDArray[np.int32], stages: npt.NDArray[np.int32]) -> Longs:
    same = (cases[kept][1:] == cases[kept][:-1]) & (stages[kept][1:] == stages[kept][:-1])
    again = np.zeros(len(rows.keep), np.bool_)
    again[kept[1:][same]] = True
    rows.note(again, None, "names the stage the case is in already; taken as no change")
    return kept[~again[kept]]


def _followers(
    rows: _Rows, kept: Longs, cases: npt.NDArray[np.int32], stages: npt.NDArray[np.int32], left: Micros
) -> npt.NDArray[np.int32]:
    same = np.append(cases[kept][1:] == cases[kept][:-1], False)
    following = np.where(same, np.roll(stages[kept], -1), -1).astype(np.int32)
    lost = np.zeros(len(rows.keep), np.bool_)
    lost[kept[(following < 0) & (left[kept] != OPEN)]] = True
    rows.drop(lost, None, "has ended, and no later row of its case says where it went")
    return np.where(left[kept] == OPEN, -1, following).astype(np.int32)


def _first_of_each(rows: _Rows, kept: Longs, cases: Coded, column: str) -> Longs:
    """Positions in `kept` of the first row of each case; the others become findings."""
    _, first = np.unique(cases.codes[kept], return_index=True)
    again = np.ones(len(rows.keep), np.bool_)
    again[kept[first]] = False
    rows.drop(again, column, "names a case that has a row already", cases)
    return np.sort(first)


def _backwards(rows: _Rows, at: Longs, known: Mask, columns: tuple[str, ...]) -> Mask:
    """Dates that lie before the date of an earlier stage of their row."""
    bad = np.zeros_like(known)
    reached = np.where(known[0], at[0], np.iinfo(np.int64).min)
    for number in range(1, len(columns)):
        bad[number] = known[number] & (at[number] < reached)
        rows.note(bad[number], columns[number], "is before an earlier stage of its row; the date was left out")
        reached = np.where(known[number] & ~bad[number], at[number], reached)
    return bad


def _shared_dictionary(following: Coded, stages: Coded) -> tuple[Coded, Coded]:
    """Both columns over one dictionary: the stages, then whatever only `next` names."""
    values = (*stages.values, *(value for value in following.values if value not in stages.values))
    return following.recode(values), Coded(stages.codes, values)


def _meanings(source: Source, outcome: Coded, columns: Snapshot) -> list[int]:
    """For each text of the outcome column: 1 won, 2 lost, 0 neither."""
    texts, place = outcome.values, f"column {columns.outcome!r} of {source.name}"
    for named in (*columns.won, *columns.lost):
        if named not in texts:
            raise NotFound("outcome", named, texts, place)
    won = columns.won or {text for text in texts if usual_outcome(text) == "won"}
    lost = columns.lost or {text for text in texts if usual_outcome(text) == "lost"}
    if not won and not lost:
        reason = f"which outcome means won is not known; there are: {', '.join(texts[:10])}"
        raise InputError(source.name, reason, "give --won and --lost (won= and lost= in Python)", None, columns.outcome)
    return [1 if text in won else 2 if text in lost else 0 for text in texts]


def _journal(
    rows: _Rows, common: Common, kept: Longs, names: tuple[Coded, Coded], bounds: tuple[Micros, Micros, Any]
) -> dict[str, Any]:
    (cases, stages), (entered, left, following) = names, bounds
    source = rows.source
    if not len(kept):
        said = summarise(rows.findings)
        why = f"; the first of {len(said)} findings: {said[0]}" if said else ""
        raise InputError(source.name, f"no row can be used{why}")
    ends = left[left != OPEN]
    until = max(int(entered.max()), int(ends.max()) if len(ends) else 0)
    who = source.text(common.who) if common.who else Coded(np.full(len(source), -1, np.int32), ())
    amount = None
    if common.amount is not None:
        read = source.amounts(common.amount)
        amount = read.hundredths
        rows.findings += read.findings
    return _until(
        {
            "cases": cases,
            "stages": stages,
            "entered": entered,
            "left": left,
            "next": following,
            "who": who[kept],
            "until": until,
            "dims": {name: source.text(name)[kept] for name in common.dims},
            "amount": None if amount is None else amount[kept],
            "findings": summarise(rows.findings),
            "facts": rows.facts,
        },
        common.as_of,
        until,
    )


def _until(columns: dict[str, Any], as_of: int | None, last: int) -> dict[str, Any]:
    """Cut at the end of observation: what came after it is not known yet."""
    if as_of is None:
        return columns
    if as_of >= last:
        return {**columns, "until": as_of}
    seen = columns["entered"] <= as_of
    if not seen.any():
        raise InputError(
            "", "nothing had happened by the as-of date; the first event is later", "choose a later --as-of"
        )
    cut: dict[str, Any] = {name: columns[name][seen] for name in ("cases", "stages", "entered", "left", "next", "who")}
    still = cut["left"] > as_of
    cut["left"], cut["next"] = np.where(still, OPEN, cut["left"]), np.where(still, -1, cut["next"]).astype(np.int32)
    later = Finding(None, None, "lies after the as-of date and was left out", int((~seen).sum()), None, False)
    return {
        **columns,
        **cut,
        "until": as_of,
        "dims": {name: column[seen] for name, column in columns["dims"].items()},
        "amount": None if columns["amount"] is None else columns["amount"][seen],
        "findings": (*columns["findings"], later),
    }
