"""What was done while somebody held a case: stays of a stage, or whole cases, and the dated facts that fall in them."""

from datetime import timedelta, tzinfo

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import OPEN, Coded, Journal, Ledger
from crmkit.metrics import StageOrder
from crmkit.values import Period, from_micros, zone

__all__ = ["Done", "Windows", "done_in", "local", "windows_of"]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_QUARTER_US = 900_000_000
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
# 1970-01-01 was a Thursday; weeks begin on Monday.
_THURSDAY = 3
_ADVANCED, _LASTS = 1, 0


@attrs.frozen(eq=False)
class Windows:
    """Stretches of time in which somebody held a case, one row each.

    Attributes:
        cases: the case of each, a code into the journal's cases.
        names: the journal's cases.
        who: who held it as it began.
        begin: int64 microseconds UTC.
        end: likewise; of those that last, the end of observation.
        lasting: those that last.
        success: 1 if it ended well, 0 if not, -1 if that is open.
        won: likewise of the whole case.
        until: the end of observation.
    """

    cases: Ints
    names: tuple[str, ...]
    who: Coded
    begin: Ints
    end: Ints
    lasting: Mask
    success: Ints
    won: Ints
    until: int

    def __len__(self) -> int:
        return len(self.begin)

    @property
    def days(self) -> npt.NDArray[np.float64]:
        """How long each was, or is so far."""
        return (self.end - self.begin) / _DAY_US

    def __getitem__(self, rows: npt.NDArray[np.bool_]) -> "Windows":
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return attrs.evolve(self, **columns)


_COLUMNS = ("cases", "who", "begin", "end", "lasting", "success", "won")


def windows_of(
    journal: Journal, order: StageOrder, *, stage: str | None, column: str, over: Period | None, tz: str
) -> tuple[Windows, Ints]:
    """The stays in a stage, or else the cases; and the row of the journal in which each begins.

    Raises:
        NotFound: for a stage or a column that is not there.
        InvalidValue: for a closed stage, in which nothing is done any more.
    """
    if stage is not None and stage not in order.open:
        if stage in order.names:
            raise InvalidValue("stage", stage, f"is closed; there are open ones: {', '.join(order.open)}")
        raise NotFound("stage", stage, order.open, "the journal")
    won = _ends(journal, order)
    made, rows = _cases(journal, column, won) if stage is None else _stays(journal, order, stage, column, won)
    if over is None:
        return made, rows
    start, end = over.instants(zone(tz))
    kept = (made.begin >= start) & (made.begin < end)
    return made[kept], rows[kept]


def _last_rows(journal: Journal) -> tuple[Ints, Ints]:
    """The first and the last row of each case that has rows."""
    order = np.lexsort((journal.left, journal.entered, journal.cases.codes))
    order = order[journal.cases.codes[order] >= 0]
    codes = journal.cases.codes[order]
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1])[: len(codes)])
    return order[starts], order[np.append(starts[1:], len(order))[: len(starts)] - 1]


def _kinds(journal: Journal, order: StageOrder) -> Ints:
    """Of each stage of the journal: 1 if it means won, 0 if lost, -1 if it is open."""
    said = [1 if name in order.won else 0 if name in order.lost else -1 for name in journal.stages.values]
    return np.array(said, np.int64)


def _ends(journal: Journal, order: StageOrder) -> Ints:
    """How each case of the journal stands: 1 won, 0 lost, -1 open."""
    _, last = _last_rows(journal)
    found = np.full(len(journal.cases.values), -1, np.int64)
    found[journal.cases.codes[last]] = _kinds(journal, order)[journal.stages.codes[last]]
    return found


def _stays(journal: Journal, order: StageOrder, stage: str, column: str, won: Ints) -> tuple[Windows, Ints]:
    code = journal.stages.values.index(stage) if stage in journal.stages.values else -2
    rows = np.flatnonzero((journal.stages.codes == code) & (journal.cases.codes >= 0))
    outcome = order.outcomes(journal.stages.values)[code, journal.next[rows] + 1] if len(rows) else np.zeros(0, np.int8)
    success = np.where(outcome == _LASTS, -1, outcome == _ADVANCED).astype(np.int64)
    ends = np.minimum(journal.left[rows], journal.until)
    return _made(journal, rows, (ends, journal.open[rows], success, won), column), rows


def _cases(journal: Journal, column: str, won: Ints) -> tuple[Windows, Ints]:
    first, last = _last_rows(journal)
    success = won[journal.cases.codes[first]]
    lasting = success < 0
    ends = np.where(lasting, journal.until, journal.entered[last])
    return _made(journal, first, (ends, lasting, success, won), column), first


def _made(journal: Journal, rows: Ints, found: tuple[Ints, Mask, Ints, Ints], column: str) -> Windows:
    ends, lasting, success, won = found
    cases = journal.cases.codes[rows].astype(np.int64)
    return Windows(
        cases, journal.cases.values, journal.dimension(column)[rows], journal.entered[rows], ends, lasting,
        success, won[cases], journal.until,
    )  # fmt: skip


@attrs.frozen(eq=False)
class Done:
    """Dated facts that fall in windows, by window and time.

    Attributes:
        window: the number of the window of each.
        at: int64 microseconds UTC.
        rows: the row of the ledger of each.
    """

    window: Ints
    at: Ints
    rows: Ints

    def counts(self, size: int, where: Mask | None = None) -> npt.NDArray[np.float64]:
        """How many fall in each of so many windows."""
        window = self.window if where is None else self.window[where]
        return np.bincount(window, minlength=size).astype(np.float64)

    @property
    def following(self) -> Ints:
        """When the next of the same window came; `OPEN` if none did."""
        found = np.full(len(self.at), OPEN, np.int64)
        same = self.window[1:] == self.window[:-1]
        found[:-1][same] = self.at[1:][same]
        return found

    def first(self, size: int) -> Ints:
        """When the first of each window came; `OPEN` if none did."""
        found = np.full(size, OPEN, np.int64)
        starts = np.flatnonzero(np.append(True, self.window[1:] != self.window[:-1])[: len(self.window)])
        found[self.window[starts]] = self.at[starts]
        return found


def done_in(windows: Windows, ledger: Ledger | None, kind: str, *, once: bool = True) -> Done:
    """The facts of a kind that fall in windows, of one id the first only if it counts once.

    A fact belongs to the window of its case that had begun, and had not ended, as it happened.
    """
    nothing = np.zeros(0, np.int64)
    if ledger is None or kind not in ledger.kinds.values or not len(windows):
        return Done(nothing, nothing, nothing)
    rows = np.flatnonzero(ledger.kinds.codes == ledger.kinds.values.index(kind))
    if once:
        rows = rows[np.lexsort((ledger.at[rows], ledger.ids.codes[rows]))]
        ids = ledger.ids.codes[rows]
        rows = rows[np.append(True, ids[1:] != ids[:-1])[: len(ids)]]
    cases, at = ledger.cases[rows].recode(windows.names).codes.astype(np.int64), ledger.at[rows]
    # One number for case and time, so that one search finds both.
    times, rank = np.unique(np.concatenate([windows.begin, at]), return_inverse=True)
    mine = windows.cases * len(times) + rank[: len(windows)]
    order = np.argsort(mine, kind="stable")
    place = np.searchsorted(mine[order], cases * len(times) + rank[len(windows) :], "right") - 1
    window = order[np.maximum(place, 0)]
    inside = (place >= 0) & (cases >= 0) & (windows.cases[window] == cases)
    inside &= (at < windows.end[window]) | (windows.lasting[window] & (at <= windows.end[window]))
    window, at, rows = window[inside], at[inside], rows[inside]
    order = np.lexsort((rows, at, window))
    return Done(window[order], at[order], rows[order])


def local(at: Ints, tz: str) -> tuple[npt.NDArray[np.float64], Ints]:
    """The hour of the day (0 to 24) and the day of the week (0 Monday) of instants, as clocks there show them."""
    there = zone(tz)
    quarters, place = np.unique(at // _QUARTER_US, return_inverse=True)
    # No zone changes its clocks within a quarter of an hour.
    shown = at + np.array([_offset(quarter, there) for quarter in quarters.tolist()], np.int64)[place]
    return shown % _DAY_US / _HOUR_US, (shown // _DAY_US + _THURSDAY) % 7


def _offset(quarter: int, there: tzinfo) -> int:
    offset = from_micros(quarter * _QUARTER_US).astimezone(there).utcoffset() or timedelta()
    return offset // timedelta(microseconds=1)
