"""A table in blocks: a journal of each, for tables that are larger than memory, or lie on several machines.

    layout = Layout(case="deal", stage="stage", entered="entered", left="left", next="next", as_of=end)
    journals = map(layout.journal, blocks)       # frames that hold some rows each

A block is read as `Journal.from_frame` reads a whole table, but for what only the whole can tell: the end of
observation has to be said, and how texts are written is not found out from other rows. Give times as datetimes or ISO
texts, and amounts as numbers.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InputError, InvalidValue
from crmkit.journal import _build, _sources
from crmkit.journal._findings import Finding
from crmkit.journal._journal import Journal
from crmkit.journal._rows import Common
from crmkit.values import to_micros

if TYPE_CHECKING:
    from crmkit.journal._sources import Dates, Zone

__all__ = ["Layout"]


def _names(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _order(given: Any) -> tuple[str, ...] | None:
    return None if given is None else _names(given)


@attrs.frozen(kw_only=True)
class Layout:
    """What the columns of a table mean: event form (`at`) or interval form (`entered`, `left`, `next`).

    Attributes:
        case: the column with the case id.
        stage: the column with the stage; in event form the stage that was entered.
        as_of: the end of observation (aware): of all blocks, none of which sees the last instant of the others.
        at: event form: when the stage was entered.
        entered: interval form: when it was entered.
        left: interval form: when it was left; missing while it lasts.
        next: interval form: the stage that followed.
        who: the column with the person who held the case at entry.
        amount: the column with the deal's amount.
        dims: further columns to group by.
        stages: the stages in order; rows with another stage become findings.
        tz: the zone of times that carry none; without it such times are refused.
        dates: "dmy", "mdy" or "ymd", for texts like 03/04/2026.
        repeats: as of `Journal.from_frame`.
    """

    case: str
    stage: str
    as_of: datetime
    at: str | None = None
    entered: str | None = None
    left: str | None = None
    next: str | None = None
    who: str | None = None
    amount: str | None = None
    dims: tuple[str, ...] = attrs.field(default=(), converter=_names)
    stages: tuple[str, ...] | None = attrs.field(default=None, converter=_order)
    tz: "Zone" = None
    dates: "Dates" = None
    repeats: _build.Repeats = "visit"

    def __attrs_post_init__(self) -> None:
        to_micros(self.as_of, "as_of")
        if (self.at is None) == (self.entered is None):
            raise InvalidValue("layout", self.case, "needs at= (event form) or entered= and left= (interval form)")

    @property
    def instants(self) -> tuple[str, ...]:
        """The columns with times."""
        return tuple(name for name in (self.at, self.entered, self.left) if name is not None)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, each once."""
        named = (self.case, self.stage, *self.instants, self.next, self.who, self.amount, *self.dims)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def whole_cases(self) -> bool:
        """Whether the rows of a case have to be in one block: where a stay ends is told by the row after it."""
        return self.at is not None or (self.left is not None and self.next is None)

    def journal(self, frame: Any, *, numbers: npt.ArrayLike | None = None, name: str = "frame") -> Journal:
        """The journal of a block; without stays, if no row can be used.

        Args:
            frame: see `Journal.from_frame`.
            numbers: the number of each row in the table, for findings; counted from 1 if None.
            name: how the user knows the block, for messages.

        Raises:
            InputError: if a column cannot be used at all, there is no row, or all-numeric dates come without `dates`.
            NotFound: if a column is not there.
        """
        rows = None if numbers is None else np.asarray(numbers)
        try:
            made = self._read(_sources.open_source(frame, name))
        except InputError as error:
            if rows is not None and error.row is not None:
                error.row = int(rows[error.row - 1])
            raise
        self._check_dates(made, name)
        if rows is None:
            return made
        return attrs.evolve(made, findings=tuple(_renumbered(found, rows) for found in made.findings))

    def _read(self, source: _sources.Source) -> Journal:
        common = Common(
            self.case, self.who, self.amount, self.dims, self.tz, self.dates, to_micros(self.as_of), self.stages, True
        )
        if self.at is not None:
            return Journal(**_build.from_events(source, common, self.stage, self.at, self.repeats))
        assert self.entered is not None  # noqa: S101 - one of the two forms
        bounds = _build.Bounds(self.entered, self.left, self.next)
        return Journal(**_build.from_intervals(source, common, self.stage, bounds))

    def _check_dates(self, made: Journal, name: str) -> None:
        """How one block tells day and month apart need not be how another does."""
        for column in self.instants:
            style = made.facts[f"dates in {column!r}"]
            if self.dates is None and "because of" in style:
                raise InputError(name, f"the block says {style}, the next one may not", "give dates=", None, column)


def _renumbered(found: Finding, rows: npt.NDArray[Any]) -> Finding:
    return found if found.row is None else attrs.evolve(found, row=int(rows[found.row - 1]))
