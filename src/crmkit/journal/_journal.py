"""The journal: every stay of every case in every stage, one row each, as columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import _build, _facts, _sources
from crmkit.journal._coded import Coded, Longs, Micros
from crmkit.journal._findings import Finding
from crmkit.journal._rows import OPEN, Common
from crmkit.journal._shown import stays
from crmkit.values import from_micros, to_micros
from crmkit.values.display import ROWS, Display, Lang, Shown

if TYPE_CHECKING:
    from crmkit.events import Event
    from crmkit.journal._sources import Dates, Zone

__all__ = ["Journal"]


@attrs.frozen(eq=False)
class Journal(Shown):
    """Stage intervals as columns: row i says that a case entered a stage, who held it then, and what came next.

    A stay that has not ended is open: right-censored at `until`. Closed stages (won, lost) are stays too; they last
    until the case is reopened. Two journals are equal if they hold the same rows, in any order and coding.

    Attributes:
        cases: the case of each row.
        stages: the stage of each row; its `values` list the stages in the order given, or of first appearance.
        entered: int64 microseconds UTC, shape (n,).
        left: int64 microseconds UTC, shape (n,); `OPEN` while the stay lasts.
        next: int32 codes into `stages.values`, shape (n,); -1 while the stay lasts.
        who: who held the case at entry; missing where unknown.
        until: int64 microseconds UTC: nothing after it was observed.
        dims: further columns to group by, by name.
        amount: int64 in hundredths, shape (n,), `UNKNOWN` where a row says none; None without such a column.
        findings: what could not be used, and why.
        facts: what was assumed or detected on the way in.
    """

    cases: Coded
    stages: Coded
    entered: Micros
    left: Micros
    next: npt.NDArray[np.int32]
    who: Coded
    until: int
    dims: Mapping[str, Coded] = attrs.field(factory=dict[str, Coded])
    amount: Longs | None = None
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """How much there is, and the first stays; see `Shown.display`."""
        return stays(self, lang, most)

    # -- making one

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        case: str,
        stage: str,
        at: str | None = None,
        entered: str | None = None,
        left: str | None = None,
        next: str | None = None,  # noqa: A002 - the field's word
        who: str | None = None,
        amount: str | None = None,
        dims: Sequence[str] = (),
        stages: Sequence[str] | None = None,
        tz: "Zone" = None,
        dates: "Dates" = None,
        as_of: datetime | None = None,
        repeats: _build.Repeats = "visit",
        name: str = "frame",
    ) -> Self:
        """A journal from a table in event form (`at`) or interval form (`entered`, `left`, `next`).

        Args:
            frame: a pandas, polars or pyarrow table, a DuckDB relation, a dict of arrays or lists, or a decoded export.
            case: the column with the case id.
            stage: the column with the stage; in event form the stage that was entered.
            at: event form: when the stage was entered.
            entered: interval form: when it was entered.
            left: interval form: when it was left; missing while it lasts.
            next: interval form: the stage that followed; found from the rows of the case if not given.
            who: the column with the person who held the case at entry.
            amount: the column with the deal's amount.
            dims: further columns to group by.
            stages: the stages in order; rows with another stage become findings.
            tz: the zone of times that carry none; without it such times are refused.
            dates: "dmy", "mdy" or "ymd", for texts like 03/04/2026.
            as_of: the end of observation (aware); the last instant in the data if not given.
            repeats: what a row means that names the stage the case is in already: "visit", a new stay (rework), or
                "merge", nothing new (exports that log every save).
            name: how the user knows the table, for messages.

        Raises:
            InputError: if a column cannot be used at all.
            NotFound: if a column is not there.
        """
        source = _sources.open_source(frame, name)
        common = Common(case, who, amount, tuple(dims), tz, dates, _micros(as_of), stages)
        if at is not None:
            return cls(**_build.from_events(source, common, stage, at, repeats))
        if entered is None:
            raise InvalidValue("from_frame", name, "needs at= (event form) or entered= and left= (interval form)")
        return cls(**_build.from_intervals(source, common, stage, _build.Bounds(entered, left, next)))

    @classmethod
    def from_snapshot(
        cls,
        frame: Any,
        *,
        case: str,
        opened: str,
        closed: str,
        outcome: str,
        won: Sequence[str] = (),
        lost: Sequence[str] = (),
        who: str | None = None,
        amount: str | None = None,
        dims: Sequence[str] = (),
        tz: "Zone" = None,
        dates: "Dates" = None,
        as_of: datetime | None = None,
        name: str = "frame",
    ) -> Self:
        """A journal from a table with one row a case: when it was opened, when it was closed, and how.

        The stages are "open", "won" and "lost". A row whose outcome is neither won nor lost is open, if it has no
        closing date.

        Args:
            frame: see `from_frame`.
            case: the column with the case id.
            opened: the column with the opening time.
            closed: the column with the closing time.
            outcome: the column with the outcome.
            won: the texts of `outcome` that mean won; those with a usual name for it if empty.
            lost: the texts that mean lost; likewise.
            who: see `from_frame`.
            amount: see `from_frame`.
            dims: see `from_frame`.
            tz: see `from_frame`.
            dates: see `from_frame`.
            as_of: see `from_frame`.
            name: see `from_frame`.

        Raises:
            NotFound: if `won` or `lost` names a text that the column lacks.
            InputError: if no text of the column means won or lost.
        """
        source = _sources.open_source(frame, name)
        common = Common(case, who, amount, tuple(dims), tz, dates, _micros(as_of), None)
        columns = _build.Snapshot(opened, closed, outcome, frozenset(won), frozenset(lost))
        return cls(**_build.from_snapshot(source, common, columns))

    @classmethod
    def from_milestones(
        cls,
        frame: Any,
        *,
        case: str,
        milestones: Mapping[str, str],
        who: str | None = None,
        amount: str | None = None,
        dims: Sequence[str] = (),
        tz: "Zone" = None,
        dates: "Dates" = None,
        as_of: datetime | None = None,
        name: str = "frame",
    ) -> Self:
        """A journal from a table with one row a case and one date column a stage.

        Args:
            frame: see `from_frame`.
            case: the column with the case id.
            milestones: from stage name to the column that says when it was entered, in the order of the process.
            who: see `from_frame`.
            amount: see `from_frame`.
            dims: see `from_frame`.
            tz: see `from_frame`.
            dates: see `from_frame`.
            as_of: see `from_frame`.
            name: see `from_frame`.
        """
        source = _sources.open_source(frame, name)
        common = Common(case, who, amount, tuple(dims), tz, dates, _micros(as_of), tuple(milestones))
        return cls(**_build.from_milestones(source, common, milestones))

    @classmethod
    def from_csv(cls, data: bytes | BinaryIO, *, name: str = "csv", **columns: Any) -> Self:
        """A journal from the bytes of a CSV or TSV file, or an open binary file; see `from_frame` for `columns`.

        To open a path, a gzip or a Parquet file, use `crmkit.adapters.files.read_table`.
        """
        return cls.from_frame(_sources.decoded_csv(data, name, columns), name=name, **columns)

    @classmethod
    def from_xes(cls, data: bytes | BinaryIO, *, name: str = "xes", **columns: Any) -> Self:
        """A journal from the bytes of an XES event log, or an open binary file.

        Args:
            data: the log.
            name: how the user knows it.
            columns: as for `from_frame`; `case`, `stage`, `at` and `who` default to the standard extensions. A log
                that `to_xes` wrote also says when stays ended and until when was observed.
        """
        table = _sources.decoded_xes(data, name)
        standard = _sources.xes_columns(table, columns)
        if "who" not in columns and "org:resource" in table.columns:
            columns["who"] = "org:resource"
        return cls.from_frame(table, name=name, **{**standard, **columns})

    @classmethod
    def from_events(
        cls, events: "Iterable[Event]", *, stages: Sequence[str] | None = None, as_of: datetime | None = None
    ) -> Self:
        """A journal from crmkit's own facts, in the order of the store.

        Args:
            events: of any number of cases; only `Opened` and `Moved` make stays. What the field "amount" said last
                in a stay is its amount, and the currency a column to group by.
            stages: the stages in order.
            as_of: the end of observation (aware); the last event if not given.
        """
        return cls(**_facts.from_facts(events, stages, _micros(as_of)))

    # -- reading it

    def __len__(self) -> int:
        return len(self.entered)

    @property
    def open(self) -> npt.NDArray[np.bool_]:
        """Bool mask, shape (n,): the stays that last."""
        lasting: npt.NDArray[np.bool_] = self.left == OPEN
        return lasting

    def sojourn(self) -> Micros:
        """Time in stage, int64 microseconds, shape (n,); of an open stay, so far."""
        return np.minimum(self.left, self.until) - self.entered

    def as_of(self, at: datetime) -> Self:
        """The journal as it stood at an instant (inclusive): what had not happened yet is not there."""
        moment = to_micros(at)
        kept = self[self.entered <= moment]
        still = kept.left > moment
        return attrs.evolve(
            kept,
            left=np.where(still, OPEN, kept.left),
            next=np.where(still, -1, kept.next).astype(np.int32),
            until=min(moment, self.until) if moment < self.until else moment,
        )

    def __getitem__(self, rows: Any) -> Self:
        return attrs.evolve(
            self,
            cases=self.cases[rows],
            stages=self.stages[rows],
            entered=self.entered[rows],
            left=self.left[rows],
            next=self.next[rows],
            who=self.who[rows],
            dims={name: column[rows] for name, column in self.dims.items()},
            amount=None if self.amount is None else self.amount[rows],
        )

    def dimension(self, name: str) -> Coded:
        """A column to group by: "who", "stage", or one of `dims`.

        Raises:
            NotFound: if there is no such column.
        """
        columns = {"who": self.who, "stage": self.stages, **self.dims}
        if name not in columns:
            raise NotFound("column", name, tuple(columns), "the journal")
        return columns[name]

    def stage_code(self, name: str) -> int:
        """The code of a stage.

        Raises:
            NotFound: with the nearest name.
        """
        if name not in self.stages.values:
            raise NotFound("stage", name, self.stages.values, "the journal")
        return self.stages.values.index(name)

    def to_dict(self) -> dict[str, list[Any]]:
        """Interval form as lists (case, stage, entered, left, next, who, dims): times in UTC, None where unknown."""
        names = [*self.stages.values, None]
        return {
            "case": self.cases.decode(),
            "stage": self.stages.decode(),
            "entered": [from_micros(at) for at in self.entered.tolist()],
            "left": [None if at == OPEN else from_micros(at) for at in self.left.tolist()],
            "next": [names[code] for code in self.next.tolist()],
            "who": self.who.decode(),
            **{name: column.decode() for name, column in self.dims.items()},
        }

    def to_frame(self, backend: Any) -> Any:
        """The same as `to_dict`, as a frame of the named library ("pandas", "polars", "pyarrow")."""
        import narwhals as nw

        return nw.from_dict(self.to_dict(), backend=backend).to_native()

    def to_xes(self) -> bytes:
        """An event log in XES (IEEE 1849), for tools of process mining; `from_xes` gives the journal back.

        An event is a stay that begins, with the extensions concept, time, organizational and lifecycle; what came next,
        and when, stands in attributes of our own, as do `dims` and the amount by their names. Readers, ours among
        them, pass over blanks around names.

        Raises:
            InvalidValue: for a name that holds a character which XML has none of.
        """
        from crmkit.journal._xes_out import encode_xes

        return encode_xes(self)

    def rows(self) -> Iterator[tuple[str | None, str | None, int, int, str | None, str | None]]:
        """The rows as tuples (case, stage, entered, left, next, who), in the order of `entered` within each case."""
        names = [*self.stages.values, None]
        following = [names[code] for code in self.next.tolist()]
        columns = zip(
            self.cases.decode(), self.stages.decode(), self.entered.tolist(), self.left.tolist(), following,
            self.who.decode(), strict=True,
        )  # fmt: skip
        yield from sorted(columns, key=_row_key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Journal) and self.until == other.until and [*self.rows()] == [*other.rows()]

    __hash__ = None  # type: ignore[assignment] # rows are arrays: a journal is no key


def _row_key(row: tuple[str | None, str | None, int, int, str | None, str | None]) -> tuple[str, int, int, str, str]:
    case, stage, entered, left, following, who = row
    return case or "", entered, left, f"{stage}\0{following}", who or ""


def _micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at, "as_of")
