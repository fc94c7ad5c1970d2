"""Texts to instants: one reading for a whole column, and no guess that is not stated."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Literal, NoReturn, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import AmbiguousDates, InputError, InvalidValue
from crmkit.journal._coded import Coded, Codes, Longs, Micros
from crmkit.journal._datetexts import EPOCH_DAY, MONTHS, NUMERIC, ORDERS, Reading, read
from crmkit.journal._findings import Finding
from crmkit.values._instants import DAY_US, MICROSECOND, SECOND_US

__all__ = ["Instants", "localise", "parse_instants"]

_Bools: TypeAlias = npt.NDArray[np.bool_]
_Order: TypeAlias = Literal["dmy", "mdy", "ymd"]

_NONE = int(np.iinfo(np.int64).min)
_QUARTER_US = 15 * 60 * SECOND_US
_FIRST_DAY, _LAST_DAY = (day.toordinal() - EPOCH_DAY for day in (date(1677, 1, 1), date(2262, 12, 31)))
_FIRST_US, _LAST_US = ((day.toordinal() - EPOCH_DAY) * DAY_US for day in (date(2, 1, 1), date(9999, 1, 1)))
_SPOKEN = ("day, month, year", "month, day, year", "year, month, day")
_SAID = np.dtype(
    [("days", np.int64, (3,)), ("clock", np.int64), ("offset", np.int64), ("word", np.int64), ("flags", np.int64)]
)
_CUT, _CENTURY = 1, 2


@attrs.frozen(eq=False)
class Instants:
    """A column of instants.

    Attributes:
        micros: int64 microseconds since 1970-01-01 UTC, shape (n,); 0 where not ok.
        ok: bool, shape (n,): whether there is an instant.
        findings: what could not be read (dropped), and what was read with a repair.
        style: how the texts were read, in words.
    """

    micros: Micros
    ok: _Bools
    findings: tuple[Finding, ...]
    style: str


def parse_instants(
    column: Coded, *, rows: Longs, name: str, column_name: str, order: _Order | None = None, tz: tzinfo | None = None
) -> Instants:
    """Read a column of dates or times; each distinct text is read once.

    Read are ISO 8601, all-numeric dates, dates with an English month's name, Chinese dates, and seconds or milliseconds
    since 1970. All-numeric dates have the order of those among them that allow only one. Days without a time, and local
    times of a column in which all are midnights, begin at midnight in `tz` (in UTC if None). Local times that clocks
    skip or repeat: see `localise`. Missing cells are not ok, and no finding.

    Args:
        column: the texts.
        rows: int64, shape (n,): the source line of each.
        name: the source, for messages.
        column_name: the column, for messages.
        order: the order of all-numeric dates; found out if None.
        tz: the zone of times that have no offset.

    Raises:
        AmbiguousDates: if no date tells the order of day and month, or if dates contradict each other about it.
        InputError: if a time has no offset and `tz` is None.

    >>> from crmkit.journal import code
    >>> column = code(["31.01.2024", "03.02.2024", "soon"])
    >>> won = parse_instants(column, rows=np.array([2, 3, 4]), name="deals.csv", column_name="won")
    >>> won.micros.astype("datetime64[us]").astype("datetime64[D]").astype(str).tolist()[:2], won.ok.tolist()
    (['2024-01-31', '2024-02-03'], [True, True, False])
    >>> print(won.findings[0])
    row 4, column 'won': is no date or time in a known form ('soon')
    """
    texts = _texts(column, rows, name, column_name)
    said, words = _said(texts.texts)
    number, spoken = _numbers(said["days"], texts, order)
    usable = (number >= _FIRST_DAY) & (number <= _LAST_DAY)
    local = usable & (said["offset"] == _NONE)
    if (said["clock"][local & (said["clock"] != _NONE)] == 0).all():
        # Databases write days as midnights: where every clock reads 00:00 there are no times to place.
        said["clock"][local] = _NONE
    micros, repaired = _placed(said, np.where(usable, number, 0), usable, texts, tz)
    dropped = [texts.found(mask, reason) for mask, reason in _unusable(said, words, number, order)]
    findings = tuple(finding for finding in (*dropped, *repaired) if finding is not None)
    style = _style(said[usable], texts.counts[usable], words, spoken, tz)
    return Instants(texts.spread(np.where(usable, micros, 0)), texts.spread(usable), findings, style)


def localise(
    local: Micros, tz: tzinfo, *, rows: Longs, column_name: str, ok: _Bools | None = None
) -> tuple[Micros, tuple[Finding, ...]]:
    """Local times of a zone to instants.

    A local time that the clocks skip is moved forward by the gap, one that occurs twice is its first occurrence
    (PEP 495, fold=0); both are findings.

    Args:
        local: int64 microseconds since 1970-01-01 00:00 on the zone's clocks, shape (n,).
        tz: the zone.
        rows: int64, shape (n,): the source row of each.
        column_name: the column, for the findings.
        ok: where there is a time at all; the others become 0.

    Returns:
        int64 microseconds since the epoch UTC, and the findings.
    """
    there = np.ones(len(local), dtype=np.bool_) if ok is None else ok
    east = np.zeros((len(local), 2), dtype=np.int64)
    east[there] = _east(local[there], tz)
    findings = [
        Finding(int(rows[i]), column_name, reason, int(mask.sum()), str(np.datetime64(int(local[i]), "us")), False)
        for mask, reason in _moved(east)
        if mask.any()
        for i in [int(mask.argmax())]
    ]
    return np.where(there, local - east[:, 0], 0), tuple(findings)


def _east(local: Longs, tz: tzinfo, step: int = _QUARTER_US) -> Longs:
    """Microseconds east of UTC of local times, shape (n, 2): before and after a change of the clocks (fold 0 and 1).

    The zone is asked once for each end of each quarter of an hour in use; where it changes inside one, for each time.
    """
    blocks, block = np.unique(np.clip(local, _FIRST_US, _LAST_US) // step, return_inverse=True)
    starts = blocks * step
    east = _asked(starts, tz)
    if step > 1:
        changing = (east != _asked(starts + (step - 1), tz)).any(axis=1)[block]
        east = east[block]
        if changing.any():
            east[changing] = _east(local[changing], tz, 1)
        return east
    return east[block]


def _asked(local: Longs, tz: tzinfo) -> Longs:
    epoch = datetime(1970, 1, 1, tzinfo=tz)
    offsets: list[tuple[int, int]] = []
    for micros in local.tolist():
        # Adding to an aware datetime is arithmetic on its local clock.
        early = epoch + timedelta(microseconds=micros)
        before, after = early.utcoffset(), early.replace(fold=1).utcoffset()
        if before is None or after is None:
            raise InvalidValue("tz", tz, "does not tell its offset from UTC")
        offsets.append((before // MICROSECOND, after // MICROSECOND))
    return np.array(offsets, dtype=np.int64).reshape(-1, 2)


def _moved(east: Longs) -> tuple[tuple[_Bools, str], ...]:
    return (
        (east[:, 0] < east[:, 1], "is a local time that the clocks skip; it was moved forward by the gap"),
        (east[:, 0] > east[:, 1], "is a local time that occurs twice; its first occurrence was taken"),
    )


@attrs.frozen(eq=False)
class _Texts:
    """The distinct texts of a column, with where each occurs first and how often."""

    name: str
    column_name: str
    column: Coded
    codes: Codes
    texts: list[str]
    firsts: Longs
    rows: Longs
    counts: Longs

    def first(self, mask: _Bools) -> int:
        """Which of the marked texts comes first in the column."""
        marked = np.flatnonzero(mask)
        return int(marked[self.firsts[marked].argmin()])

    def found(self, mask: _Bools, reason: str, *, dropped: bool = True) -> Finding | None:
        if not mask.any():
            return None
        i = self.first(mask)
        count = int(self.counts[mask].sum())
        return Finding(int(self.rows[i]), self.column_name, reason, count, self.texts[i][:80], dropped)

    def spread(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """From one value per distinct text to one per row; 0 where the cell is missing."""
        table = np.zeros(len(self.column.values) + 1, dtype=values.dtype)
        table[self.codes] = values
        return table[self.column.codes]


def _texts(column: Coded, rows: Longs, name: str, column_name: str) -> _Texts:
    codes, firsts, counts = np.unique(column.codes, return_index=True, return_counts=True)
    used = codes >= 0
    codes, firsts, counts = codes[used], firsts[used], counts[used]
    texts = [column.values[i] for i in codes.tolist()]
    return _Texts(name, column_name, column, codes, texts, firsts, np.asarray(rows)[firsts], counts)


def _said(texts: list[str]) -> tuple[npt.NDArray[Any], list[str]]:
    """What each text says, as columns; `word` points to its form, or to why it cannot be read."""
    words: dict[str, int] = {}

    def tell(text: str) -> tuple[tuple[int, int, int], int, int, int, int]:
        said = read(text)
        if not isinstance(said, Reading):
            return (_NONE, _NONE, _NONE), _NONE, _NONE, words.setdefault(said, len(words)), 0
        dmy, mdy, ymd = said.days
        days = (_number(dmy), _number(mdy), _number(ymd))
        flags = _CUT * said.cut + _CENTURY * said.century
        return days, _number(said.clock), _number(said.offset), words.setdefault(said.form, len(words)), flags

    return np.fromiter(map(tell, texts), _SAID, count=len(texts)), list(words)


def _number(part: int | None) -> int:
    return _NONE if part is None else part


def _numbers(days: Longs, texts: _Texts, asked: _Order | None) -> tuple[Longs, str]:
    """The day each text means, and in words how the order of all-numeric dates was found."""
    if asked is not None:
        return days[:, ORDERS.index(asked)], f"{_SPOKEN[ORDERS.index(asked)]}, as told"
    can = days != _NONE
    # Nobody begins with a two-digit year where another order reads all dates.
    if not (can == [False, False, True]).all(axis=1).any():
        can[:, 2] &= can[:, 0] & can[:, 1] & (days[:, 2] == days[:, 0])
    days = np.where(can, days, _NONE)
    only = can & (can.sum(axis=1) == 1)[:, None]
    decisive = np.flatnonzero(only.any(axis=0)).tolist()
    highest = days.max(axis=1)
    open_ = can.any(axis=1) & (np.where(can, days, highest[:, None]).min(axis=1) != highest)
    if not open_.any():
        return highest, "each with one reading only" if len(decisive) != 1 else _because(decisive[0], only, texts)
    if len(decisive) != 1:
        _refuse_order(days, open_, only, texts)
    return days[:, decisive[0]], _because(decisive[0], only, texts)


def _because(order: int, only: _Bools, texts: _Texts) -> str:
    return f"{_SPOKEN[order]}, because of {texts.texts[texts.first(only[:, order])]}"


def _refuse_order(days: Longs, open_: _Bools, only: _Bools, texts: _Texts) -> NoReturn:
    i = texts.first(open_)
    readings = [(order, _spoken(day)) for order, day in zip(ORDERS, days[i].tolist(), strict=True) if day != _NONE]
    reason = f"{texts.texts[i]} is " + " or ".join(f"{day} ({order})" for order, day in readings)
    proofs = [
        f"{texts.texts[j]} (row {texts.rows[j]}) can only be {order}"
        for order, mask in zip(ORDERS, only.T, strict=True)
        if mask.any()
        for j in [texts.first(mask)]
    ]
    if proofs:
        reason = f"{reason}, and the column does not tell: {', but '.join(proofs)}"
    remedy = "say " + " or ".join(f"--dates {order}" for order, _ in readings)
    raise AmbiguousDates(texts.name, reason, f"{remedy} (dates= in Python)", int(texts.rows[i]), texts.column_name)


def _spoken(number: int) -> str:
    day = date.fromordinal(number + EPOCH_DAY)
    return f"{day.day} {MONTHS[day.month - 1]}"


def _placed(
    said: npt.NDArray[Any], number: Longs, usable: _Bools, texts: _Texts, tz: tzinfo | None
) -> tuple[Longs, tuple[Finding | None, ...]]:
    """The instant of each text, and what the clocks of the zone made of it."""
    whole, zoned = said["clock"] == _NONE, said["offset"] != _NONE
    wall = number * DAY_US + np.where(whole, 0, said["clock"])
    local = usable & ~zoned
    if tz is None:
        if (local & ~whole).any():
            i = texts.first(local & ~whole)
            reason = f"{texts.texts[i]!r} does not say its time zone"
            remedy = "say which zone the times are in with --tz, e.g. --tz Europe/Berlin (tz= in Python)"
            raise InputError(texts.name, reason, remedy, int(texts.rows[i]), texts.column_name)
        return wall - np.where(zoned, said["offset"], 0), ()
    east = np.zeros((len(wall), 2), dtype=np.int64)
    east[local] = _east(wall[local], tz)
    micros = wall - np.where(zoned, said["offset"], east[:, 0])
    # A day has a first instant whatever its clocks do: only a time can be skipped or repeated.
    east[whole] = 0
    return micros, tuple(texts.found(mask, reason, dropped=False) for mask, reason in _moved(east))


def _unusable(
    said: npt.NDArray[Any], words: list[str], number: Longs, order: _Order | None
) -> Iterator[tuple[_Bools, str]]:
    unread = (said["days"] == _NONE).all(axis=1)
    for word in np.unique(said["word"][unread]).tolist():
        yield unread & (said["word"] == word), words[word]
    unfit = "is not in the order that the other dates show" if order is None else f"is no date in the order {order}"
    yield (number == _NONE) & ~unread, unfit
    yield (number != _NONE) & ((number < _FIRST_DAY) | (number > _LAST_DAY)), "has a year outside 1677 to 2262"


def _style(said: npt.NDArray[Any], counts: Longs, words: list[str], spoken: str, tz: tzinfo | None) -> str:
    """How the texts were read, the most frequent form first."""
    forms = Counter[int]()
    for word, count in zip(said["word"].tolist(), counts.tolist(), strict=True):
        forms[word] += count
    parts = [f"{words[word]} ({spoken})" if words[word] == NUMERIC else words[word] for word, _ in forms.most_common()]
    whole, zoned = said["clock"] == _NONE, said["offset"] != _NONE
    remarks = (
        (whole & ~zoned, f"days begin at midnight {'UTC' if tz is None else f'in {tz}'}"),
        (~whole & ~zoned, f"times without an offset are local times of {tz}"),
        ((said["flags"] & _CENTURY) > 0, "two-digit years 69 to 99 are 19xx, others 20xx"),
        ((said["flags"] & _CUT) > 0, "digits beyond the microsecond are cut off"),
    )
    return "; ".join([*parts, *(remark for mask, remark in remarks if mask.any())]) or "nothing read"
