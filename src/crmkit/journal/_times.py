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
from crmkit.journal._datetexts import EPOCH_DAY, NUMERIC, ORDERS, read
from crmkit.journal._findings import Finding
from crmkit.values._instants import DAY_US, MICROSECOND, SECOND_US

__all__ = ["Instants", "localise", "parse_instants"]

_Bools: TypeAlias = npt.NDArray[np.bool_]
_Order: TypeAlias = Literal["dmy", "mdy", "ymd"]

_NONE = int(np.iinfo(np.int64).min)
_QUARTER_US = 15 * 60 * SECOND_US
_FIRST_DAY, _LAST_DAY = (day.toordinal() - EPOCH_DAY for day in (date(1677, 1, 1), date(2262, 12, 31)))
_FIRST_US, _LAST_US = ((day.toordinal() - EPOCH_DAY) * DAY_US for day in (date(2, 1, 1), date(9999, 1, 1)))
_MONTHS = "January February March April May June July August September October November December".split()
_SPOKEN = ("day, month, year", "month, day, year", "year, month, day")
_SKIPPED = "is a local time that the clocks skip; it was moved forward by the gap"
_TWICE = "is a local time that occurs twice; its first occurrence was taken"
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
    since 1970. All-numeric dates have the order of those among them that allow only one. Days without a time begin at
    midnight in `tz` (in UTC if None). Local times that the clocks skip or repeat: see `localise`. Missing cells are not
    ok, and no finding.

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
    texts = _Texts.of(column, rows, name, column_name)
    said, words = _said(texts.texts)
    number, spoken = _numbers(said["days"], texts, order)
    usable = (number >= _FIRST_DAY) & (number <= _LAST_DAY)
    whole, zoned = said["clock"] == _NONE, said["offset"] != _NONE
    wall = np.where(usable, number, 0) * DAY_US + np.where(whole, 0, said["clock"])
    micros = wall - np.where(zoned, said["offset"], 0)
    local, repaired = usable & ~zoned, ()
    if tz is None:
        texts.refuse_local(local & ~whole)
    else:
        east = np.zeros((len(wall), 2), dtype=np.int64)
        east[local] = _east(wall[local], tz)
        micros -= east[:, 0]
        # A day has a first instant whatever its clocks do: only a time can be skipped or repeated.
        east[whole] = 0
        repaired = tuple(texts.found(mask, reason, dropped=False) for mask, reason in _moved(east))
    unfit = _unfit(said, words, number, usable)
    findings = [texts.found(mask, reason) for mask, reason in unfit]
    table = np.zeros(len(column.values) + 1, dtype=np.int64)
    table[texts.codes] = np.where(usable, micros, 0)
    known = np.zeros(len(column.values) + 1, dtype=np.bool_)
    known[texts.codes] = usable
    ...
