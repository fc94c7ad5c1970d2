"""The rows of a source on their way into a journal: which are usable, what was said of the others, where it ends."""

from collections.abc import Sequence
from typing import Any, Self, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InputError
from crmkit.journal._coded import Coded, Longs, Micros
from crmkit.journal._findings import Finding, summarise
from crmkit.journal._sources import Dates, Source, Zone

Mask: TypeAlias = npt.NDArray[np.bool_]

#: `left` of a stay that lasts: later than every instant, so that comparisons need no mask.
OPEN = np.iinfo(np.int64).max
#: The amount of a row that says none: less than every amount.
UNKNOWN = np.iinfo(np.int64).min
_FURTHEST_US = 3660 * 86_400_000_000


@attrs.frozen
class Common:
    """What all forms share; a block is a part of a table, of which there may be no usable row."""

    case: str
    who: str | None
    amount: str | None
    dims: tuple[str, ...]
    tz: Zone
    dates: Dates
    as_of: int | None
    stages: Sequence[str] | None
    block: bool = False


@attrs.define
class Rows:
    """The rows that are still usable, and what was said about the others."""

    source: Source
    common: Common
    cases: Coded
    amount: Longs | None
    keep: Mask
    findings: list[Finding]
    facts: dict[str, str]

    @classmethod
    def of(cls, source: Source, common: Common) -> Self:
        """All rows that name a case."""
        amount, findings = None, [*source.findings]
        if common.amount is not None:
            read = source.amounts(common.amount)
            amount = np.where(read.known, read.hundredths, UNKNOWN)
            findings += read.findings
        every = np.ones(len(source), np.bool_)
        rows = cls(source, common, source.text(common.case), amount, every, findings, dict(source.facts))
        rows.drop(rows.cases.missing, common.case, "has no case id")
        return rows

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

    def instants(self, column: str, *, needed: bool) -> Micros:
        """A time column; rows whose time cannot be read are dropped, empty ones only if the time is needed."""
        read = self.source.instants(column, self.common.tz, self.common.dates)
        self.findings += read.findings
        self.facts[f"dates in {column!r}"] = read.style
        empty = self.source.empty(column)
        self.keep &= read.ok | empty
        if needed:
            self.drop(empty, column, "has no time")
        return read.micros

    def first_of_each(self) -> Longs:
        """The first usable row of each case; the others become findings."""
        kept = np.flatnonzero(self.keep)
        _, first = np.unique(self.cases.codes[kept], return_index=True)
        again = np.ones(len(self.keep), np.bool_)
        again[kept[first]] = False
        self.drop(again, self.common.case, "names a case that has a row already", self.cases)
        return np.flatnonzero(self.keep)

    def merge(self, kept: Longs, again: Mask) -> None:
        """Let the rows of `kept` before those that repeat them take over the last known amount of these."""
        starts = np.flatnonzero(~again)
        if self.amount is not None and len(kept):
            known = np.where(self.amount[kept] == UNKNOWN, -1, np.arange(len(kept)))
            last = np.maximum.reduceat(known, starts)
            self.amount[kept[starts]] = np.where(last < 0, UNKNOWN, self.amount[kept[last]])


def finished(
    rows: Rows,
    kept: Longs,
    stages: Coded,
    bounds: tuple[Micros, Micros, npt.NDArray[Any]],
    cases: Coded | None = None,
) -> dict[str, Any]:
    """The columns of the journal: one stay for each of `kept`, which lists rows of the source, perhaps repeatedly."""
    source, common = rows.source, rows.common
    entered, left, following = bounds if len(kept) else tuple(column[:0] for column in bounds)
    if not len(kept) and not common.block:
        said = summarise(rows.findings)
        why = f"; the first of {len(said)} findings: {said[0]}" if said else ""
        raise InputError(source.name, f"no row can be used{why}")
    until = max(int(np.where(left == OPEN, entered, left).max(initial=UNKNOWN)), int(entered.max(initial=UNKNOWN)))
    who = source.text(common.who)[kept] if common.who else Coded(np.full(len(kept), -1, np.int32), ())
    columns = {
        "cases": rows.cases[kept] if cases is None else cases,
        "stages": stages,
        "entered": entered,
        "left": left,
        "next": following.astype(np.int32, copy=False),
        "who": who,
        "until": until,
        "dims": {name: source.text(name)[kept] for name in common.dims},
        "amount": None if rows.amount is None else rows.amount[kept],
        "findings": summarise(rows.findings),
        "facts": rows.facts,
    }
    if common.as_of is None:
        return columns
    if not common.block:
        _check_end(columns, common.as_of, until)
    return {**columns, "until": common.as_of} if common.as_of >= until else _cut(columns, common.as_of)


def _check_end(columns: dict[str, Any], as_of: int, last: int) -> None:
    if as_of - last > _FURTHEST_US:
        reason = "the as-of date lies more than ten years after the last event"
        raise InputError("", reason, "choose an earlier --as-of")
    if not (columns["entered"] <= as_of).any():
        reason = "nothing had happened by the as-of date; the first event is later"
        raise InputError("", reason, "choose a later --as-of")


def _cut(columns: dict[str, Any], as_of: int) -> dict[str, Any]:
    """Cut at the end of observation: what came after it is not known yet."""
    seen = columns["entered"] <= as_of
    cut: dict[str, Any] = {name: columns[name][seen] for name in ("cases", "stages", "entered", "left", "next", "who")}
    still = cut["left"] > as_of
    cut["left"], cut["next"] = np.where(still, OPEN, cut["left"]), np.where(still, -1, cut["next"]).astype(np.int32)
    later = Finding(None, None, "lies after the as-of date", int((~seen).sum()), None)
    return {
        **columns,
        **cut,
        "until": as_of,
        "dims": {name: column[seen] for name, column in columns["dims"].items()},
        "amount": None if columns["amount"] is None else columns["amount"][seen],
        "findings": (*columns["findings"], later),
    }
