"""Parts of a journal: the cases that meet conditions, whole, so that every figure of them is that of cases."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta, tzinfo

import numpy as np
import numpy.typing as npt

from crmkit.errors import NotFound
from crmkit.journal import Coded, Journal
from crmkit.pipeline._trails import Trails, closed_stages, is_closed
from crmkit.values import Period, zone

__all__ = ["select"]

Bools = npt.NDArray[np.bool_]
_MICROSECOND = timedelta(microseconds=1)


def select(
    journal: Journal,
    *,
    variant: Sequence[str] | None = None,
    reached: str | Iterable[str] = (),
    who: str | Iterable[str] | None = None,
    over: Period | None = None,
    tz: str | tzinfo = "UTC",
    longer: timedelta | None = None,
    shorter: timedelta | None = None,
    where: Mapping[str, str | None] | None = None,
    closed: Iterable[str] | None = None,
) -> Journal:
    """The journal of the cases that meet every condition given; a case is kept whole or not at all.

    What counts as closed is inferred from the journal, so a part of it may infer otherwise: give `closed=` to both.

    Args:
        journal: the stays.
        variant: the run of stages the case went through, exactly.
        reached: stages that the case was in, all of them.
        who: one of these people held the case at some time.
        over: the case began in this period.
        tz: the zone of the period's days.
        longer: the case took at least this long: to its closing, or so far.
        shorter: the case took less than this.
        where: a column of `dims` and a value that some stay of the case has; None for a missing one.
        closed: the stages that close a case.

    Raises:
        NotFound: if a stage, a person, a column or a value is not in the journal.
    """
    trails = Trails.of(journal)
    kept = np.ones(len(trails.starts), np.bool_)
    if variant is not None:
        kept &= _took(trails, variant)
    for name in (reached,) if isinstance(reached, str) else reached:
        code = journal.stage_code(name)
        kept &= _some(trails, journal.stages.codes == code) | (trails.tail == code)
    if who is not None:
        people = [_code(journal.who, name, "person") for name in ((who,) if isinstance(who, str) else who)]
        kept &= _some(trails, np.isin(journal.who.codes, people))
    for column, value in (where or {}).items():
        coded = journal.dimension(column)
        kept &= _some(trails, coded.codes == _code(coded, value, f"value of {column!r}"))
    if over is not None:
        begin, end = over.instants(zone(tz))
        kept &= (trails.began >= begin) & (trails.began < end)
    lasted = trails.lasted(is_closed(trails, closed_stages(trails, closed)))
    if longer is not None:
        kept &= lasted >= longer // _MICROSECOND
    if shorter is not None:
        kept &= lasted < shorter // _MICROSECOND
    rows = np.empty(len(journal), np.bool_)
    rows[trails.rows] = kept[trails.case]
    return journal[rows]


def _code(column: Coded, value: str | None, what: str) -> int:
    if value is None:
        return -1
    if value not in column.values:
        raise NotFound(what, value, column.values, "the journal")
    return column.values.index(value)


def _some(trails: Trails, rows: Bools) -> Bools:
    """Whether some stay of each case is among the rows."""
    found = np.zeros(len(trails.starts), np.bool_)
    found[trails.case[trails.take(rows)]] = True
    return found


def _took(trails: Trails, variant: Sequence[str]) -> Bools:
    codes = [trails.journal.stage_code(name) for name in variant]
    sizes, tail = trails.sizes, trails.tail
    same: Bools = sizes + (tail >= 0) == len(codes)
    for place, code in enumerate(codes):
        here = trails.stage.take(trails.starts + place, mode="clip")
        same &= np.where(place < sizes, here, tail) == code
    return same
