"""Does what happened agree with the definition? The pipeline that runs a process also judges its history.

Every deviation is typed and has its place. A case that is open and has not deviated is conforming so far: nobody knows
yet, and it is neither counted as unfit nor as done. What a journal cannot show is listed as not checked, never assumed
fine.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import NotFound
from crmkit.journal import Frameable, Journal
from crmkit.pipeline._evidence import KINDS, Bench, Found
from crmkit.pipeline._judge import judge
from crmkit.pipeline._laws import Laws
from crmkit.pipeline._trails import DAY_US, Bools, Trails
from crmkit.values import from_micros
from crmkit.values.display import ROWS, Display, Lang, Shown

if TYPE_CHECKING:
    from crmkit.calendars import WorkingTime

__all__ = ["VERDICTS", "CaseVerdict", "Conformance", "Deviation", "Impact", "Impacts", "Share", "conform", "what_if"]

#: What is said of a case.
CaseVerdict: TypeAlias = Literal["conforming", "conforming so far", "deviating"]
#: All verdicts: open cases that have not deviated are conforming so far.
VERDICTS: tuple[CaseVerdict, ...] = ("conforming", "conforming so far", "deviating")
_LATE = tuple(KINDS.index(kind) for kind in ("breached limit", "open too long"))
_DATA = KINDS.index("time order")


@attrs.frozen
class Deviation:
    """One departure from the definition.

    Attributes:
        case: the case.
        row: the row of the journal.
        stage: the stage of that row; of an unknown stage without a stay, that stage.
        next: the stage it was left for, where that is in question.
        at: when (UTC): of the entry or the move; of a limit, when it was up.
        who: who made the entry or the move, which is the person recorded with the stay it began; None if not known.
        kind: "unknown stage", "wrong start", "skip", "backward", "illegal move", "resurrected" (left a closed stage by
            no declared move), "missing field", "wrong role", "breached limit", "open too long" (still there, beyond the
            limit) or "time order" (stays of a case that overlap, leave a gap or contradict each other).
        detail: what exactly, in words.
        late: days beyond the limit; None where no limit is in question.
        version: the hash of the version that judged; None before the first.
    """

    case: str
    row: int
    stage: str
    next: str | None
    at: datetime
    who: str | None
    kind: str
    detail: str
    late: float | None
    version: str | None


@attrs.frozen
class Share:
    """Deviations of one part of the history.

    Attributes:
        of: the kind, the person, or the version; None for stays without a person, or before the first version.
        entries: how often a stage was entered there; of a kind, in the whole journal.
        deviations: how many there are.
        cases: how many cases have some.
    """

    of: str | None
    entries: int
    deviations: int
    cases: int


@attrs.frozen(eq=False)
class Conformance(Shown):
    """What a check found.

    Attributes:
        journal: what was judged.
        counts: cases by verdict.
        not_checked: what could not be checked, and how often it would have been.
    """

    journal: Journal
    counts: Mapping[CaseVerdict, int]
    not_checked: Mapping[str, int]
    _verdicts: npt.NDArray[np.int8] = attrs.field(repr=False)
    _bench: Bench = attrs.field(repr=False)
    _found: Found = attrs.field(repr=False)

    def __len__(self) -> int:
        """How many deviations there are."""
        return len(self._found.kind)

    @property
    def n(self) -> int:
        """How many cases there are."""
        return len(self._verdicts)

    @property
    def share(self) -> float:
        """The share of cases that do not deviate, open ones included; NaN without cases."""
        return 1.0 - self.counts["deviating"] / self.n if self.n else float("nan")

    @cached_property
    def deviations(self) -> Frameable[Deviation]:
        """Every deviation, case by case in order of time."""
        columns = self.to_dict()
        return Frameable(tuple(Deviation(*row) for row in zip(*columns.values(), strict=True)))

    def to_dict(self) -> dict[str, list[Any]]:
        """The deviations as columns."""
        found, trails = self._found, self._bench.trails
        rows = trails.rows[found.place]
        stages, people = [*trails.stages, None], [*self.journal.who.values, None]
        versions = [*(law.pipeline.definition for law in self._bench.laws.laws), None]
        limited = np.isin(found.kind, _LATE).tolist()
        late = zip((found.late / DAY_US).tolist(), limited, strict=True)
        return {
            "case": self.journal.cases[rows].decode(),
            "row": rows.tolist(),
            "stage": [stages[code] for code in found.stage.tolist()],
            "next": [stages[code] for code in found.next.tolist()],
            "at": [from_micros(at) for at in found.at.tolist()],
            "who": [people[code] for code in found.who.tolist()],
            "kind": [KINDS[code] for code in found.kind.tolist()],
            "detail": [found.details[code] for code in found.detail.tolist()],
            "late": [days if is_late else None for days, is_late in late],
            "version": [versions[number] for number in found.law.tolist()],
        }

    def to_frame(self, backend: Any = "pandas") -> Any:
        """The deviations as a frame of the named library: "pandas", "polars" or "pyarrow"."""
        import narwhals as nw

        return nw.from_dict(self.to_dict(), backend=backend).to_native()

    def cases(self, verdict: CaseVerdict) -> tuple[str | None, ...]:
        """The cases with a verdict.

        Raises:
            NotFound: if there is no such verdict.
        """
        if verdict not in VERDICTS:
            raise NotFound("verdict", verdict, VERDICTS)
        trails = self._bench.trails
        first = trails.rows[trails.starts[self._verdicts == VERDICTS.index(verdict)]]
        return tuple(self.journal.cases[first].decode())

    def by_kind(self) -> Frameable[Share]:
        """Deviations by kind, those that occur."""
        kinds = self._shares(self._found.kind, np.zeros(len(self._bench.entered), np.int64), [*KINDS, None])
        return Frameable(tuple(attrs.evolve(row, entries=len(self._bench.entered)) for row in kinds if row.deviations))

    def by_who(self) -> Frameable[Share]:
        """Deviations by the person recorded with the stay that was entered, most first."""
        rows = self._shares(self._found.who, self._bench.who, [*self.journal.who.values, None])
        return Frameable(tuple(sorted(rows, key=lambda row: -row.deviations)))

    def by_version(self) -> Frameable[Share]:
        """Deviations by the version that was in force, in order of time."""
        names = [*(law.pipeline.definition for law in self._bench.laws.laws), None]
        return Frameable(tuple(self._shares(self._found.law, self._bench.law, names)))

    def _shares(self, found: Any, entries: Any, names: list[str | None]) -> list[Share]:
        case = self._bench.trails.case[self._found.place]
        made, hits = np.bincount(entries + 1, minlength=len(names)), np.bincount(found + 1, minlength=len(names))
        pairs = np.unique(np.stack([found + 1, case]), axis=1)[0]
        cases = np.bincount(pairs, minlength=len(names))
        # Code -1 is counted in the first place, and its name is the last.
        rows = zip([names[-1], *names[:-1]], made.tolist(), hits.tolist(), cases.tolist(), strict=True)
        return [Share(*row) for row in rows if row[1] or row[2]]

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The verdicts, and the deviations by kind; see `Shown.display`."""
        lines = [f"{self.n} cases: " + ", ".join(f"{n} {verdict}" for verdict, n in self.counts.items())]
        lines += [f"{row.of}: {row.deviations} in {row.cases} cases" for row in self.by_kind()]
        lines += [f"not checked: {what} ({n})" for what, n in self.not_checked.items()]
        return Display.lines(lines, most=most, lang=lang)


def conform(
    journal: Journal,
    pipeline: Any,
    *,
    roles: Mapping[str, str | Iterable[str]] | None = None,
    calendar: "WorkingTime | None" = None,
    as_of: datetime | None = None,
) -> Conformance:
    """Every deviation of a journal from a pipeline, and a verdict on every case.

    The version in force when a stage was entered judges the entry and the stay; the one in force when it was left
    judges the move. Where several moves join the same two stages, the journal does not say which was taken: what all of
    them ask for is asked for, and whoever may take one of them may pass.

    Args:
        journal: the stays.
        pipeline: a `Pipeline`, or its versions: an object with `eras`, pairs of a start (aware; None for ever) and a
            pipeline, in order of time.
        roles: the role or roles of each person; without it roles are not checked.
        calendar: says what business time is; only business limits need it.
        as_of: judge the journal as it stood then (aware); its own end of observation if not given.

    Raises:
        InvalidValue: if a business limit has no calendar, or `pipeline` is none.

    >>> from crmkit.pipeline import Pipeline, Stage
    >>> deals = Pipeline("deals", ["lead", "offer", Stage("won", "won"), Stage("lost", "lost")],
    ...                  {"lead": {"offer": "offer", "lose": "lost"}, "offer": {"sign": "won"}})
    >>> log = {"case": [1, 1, 2], "stage": ["lead", "won", "lead"], "at": ["2026-01-01", "2026-01-03", "2026-01-04"]}
    >>> print(conform(Journal.from_frame(log, case="case", stage="stage", at="at"), deals))
    2 cases: 0 conforming, 1 conforming so far, 1 deviating
    skip: 1 in 1 cases
    """
    return _conformance(*_judged(journal, pipeline, roles=roles, calendar=calendar, as_of=as_of))


def _judged(
    journal: Journal,
    pipeline: Any,
    *,
    roles: Mapping[str, str | Iterable[str]] | None,
    calendar: "WorkingTime | None",
    as_of: datetime | None,
) -> tuple[Bench, Found]:
    trails = Trails.of(journal if as_of is None else journal.as_of(as_of))
    bench = Bench(trails, Laws.of(pipeline, trails.stages), _role_sets(roles), calendar)
    return bench, judge(bench)


def _conformance(bench: Bench, found: Found) -> Conformance:
    trails = bench.trails
    verdicts = (~_closed(bench)).view(np.int8)
    codes = trails.take(trails.journal.cases.codes)
    # -1, a missing case, is the last place.
    deviates = np.zeros(len(trails.journal.cases.values) + 1, np.bool_)
    deviates[codes[found.place]] = True
    np.maximum(verdicts, deviates[codes[trails.starts]] * np.int8(2), out=verdicts)
    by_verdict: dict[CaseVerdict, int] = {
        verdict: int(np.count_nonzero(verdicts == code)) for code, verdict in enumerate(VERDICTS)
    }
    return Conformance(trails.journal, by_verdict, dict(bench.skipped), verdicts, bench, found)


def _role_sets(roles: Mapping[str, str | Iterable[str]] | None) -> dict[str, frozenset[str]] | None:
    if roles is None:
        return None
    return {name: frozenset((held,) if isinstance(held, str) else held) for name, held in roles.items()}


def _closed(bench: Bench) -> Bools:
    """Which cases are in a closed stage at the end."""
    trails = bench.trails
    last = trails.last
    reached = (
        bench.entered[last] if bench.laws.one else np.where(trails.tail >= 0, bench.left[last], bench.entered[last])
    )
    tables: list[Any] = [*(law.closed for law in bench.laws.laws), np.zeros(len(trails.stages), np.bool_)]
    return bench.laws.look(tables, bench.laws.at(reached), trails.final)


@attrs.frozen
class Impact:
    """What a changed definition would have done to one entry of a past case.

    Attributes:
        what: "refused" or "late".
        first: whether it is the first refusal of its case; what came after it might never have happened.
        deviation: the place and the reason.
    """

    what: Literal["refused", "late"]
    first: bool
    deviation: Deviation


@attrs.frozen(eq=False)
class Impacts(Shown):
    """What a changed definition would have done to past cases.

    Attributes:
        rows: case by case in order of time.
        n: all cases.
        refused: cases of which a move would have been refused.
        late: cases that would have been late.
        not_checked: what could not be checked under the changed definition.
    """

    rows: tuple[Impact, ...]
    n: int
    refused: int
    late: int
    not_checked: Mapping[str, int]

    def to_dict(self) -> dict[str, list[Any]]:
        """The impacts as columns: what, first, and those of `Deviation`."""
        columns = Frameable(tuple(row.deviation for row in self.rows)).to_dict()
        return {"what": [row.what for row in self.rows], "first": [row.first for row in self.rows], **columns}

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """What would have been refused, or late; see `Shown.display`."""
        lines = [f"{self.n} cases: {self.refused} would have been refused, {self.late} late"]
        for row in self.rows:
            one = row.deviation
            if row.first or row.what == "late":
                move = one.stage if one.next is None else f"{one.stage} > {one.next}"
                lines.append(f"{one.case}: {row.what} at {move} on {one.at.date()}: {one.kind}, {one.detail}")
        lines += [f"not checked: {what} ({n})" for what, n in self.not_checked.items()]
        return Display.lines(lines, most=most, lang=lang)


def what_if(
    journal: Journal,
    changed: Any,
    *,
    pipeline: Any = None,
    roles: Mapping[str, str | Iterable[str]] | None = None,
    calendar: "WorkingTime | None" = None,
    as_of: datetime | None = None,
) -> Impacts:
    """Which past cases a changed definition would have refused or found late, and the one in force did not.

    An entry that was refused already, for whatever reason, is not refused anew.

    Args:
        journal: the stays.
        changed: the definition to try, or versions; see `conform`.
        pipeline: the definition in force; without it whatever happened counts as allowed.
        roles: see `conform`; for both.
        calendar: likewise.
        as_of: likewise.

    Raises:
        InvalidValue: see `conform`.
    """
    bench, after = _judged(journal, changed, roles=roles, calendar=calendar, as_of=as_of)
    is_late, new = np.isin(after.kind, _LATE), after.kind != _DATA
    if pipeline is not None:
        _, before = _judged(journal, pipeline, roles=roles, calendar=calendar, as_of=as_of)
        was_late, was_data = np.isin(before.kind, _LATE), before.kind == _DATA
        known = [np.isin(after.entry, before.entry[rows]) for rows in (was_late, ~was_late & ~was_data)]
        new &= ~np.where(is_late, *known)
    case = bench.trails.case[after.place]
    refused = np.flatnonzero(new & ~is_late)
    _, once = np.unique(case[refused], return_index=True)
    first = np.zeros(len(new), np.bool_)
    first[refused[once]] = True
    every = _conformance(bench, after).deviations.rows
    rows = tuple(Impact("late" if is_late[i] else "refused", bool(first[i]), every[i]) for i in np.flatnonzero(new))
    late = len(np.unique(case[new & is_late]))
    return Impacts(rows, len(bench.trails.starts), len(once), late, dict(bench.skipped))
