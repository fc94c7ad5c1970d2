"""The stays of each case one after another, and the kernels that run over them.

All kernels work on codes. They sort packed integers, one sort for all groups, because sorting one column of int64 costs
a tenth of an argsort.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
from importlib import import_module
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, usual_outcome

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

DAY_US = 86_400_000_000
# So many rows at a time that what is computed on the way stays in the cache.
_BLOCK = 1 << 16


@attrs.frozen(eq=False)
class Trails:
    """A journal read case by case, each in the order of `entered`, then `left`, then the rows of the source.

    Attributes:
        journal: the stays.
        order: the rows in order; None if they lie in order already.
    """

    journal: Journal
    order: Longs | None

    @classmethod
    def of(cls, journal: Journal) -> Self:
        """The trails of a journal.

        Raises:
            InvalidValue: if a stay has no stage.
        """
        if len(journal) and int(journal.stages.codes.min()) < 0:
            row = int(journal.stages.codes.argmin())
            raise InvalidValue("journal", f"row {row}", "has no stage; were all stages of the process given?")
        in_order = _in_order(journal.cases.codes, journal.entered, journal.left)
        return cls(journal, None if in_order else _ordered(journal))

    def parts(self, rows: int) -> Iterator[tuple[int, Self]]:
        """Whole cases, of about so many rows at a time, each part with the place where it begins."""
        codes, begin = self.journal.cases.codes, 0
        while begin < self.size:
            stop = min(begin + rows, self.size)
            # To the end of the case.
            code = self._at(codes, stop - 1)
            stop = bisect_right(range(self.size), code, lo=stop, key=partial(self._at, codes))
            which = slice(begin, stop)
            if self.order is None:
                yield begin, attrs.evolve(self, journal=self.journal[which])
            else:
                yield begin, attrs.evolve(self, order=self.order[which])
            begin = stop

    def _at(self, column: npt.NDArray[Any], place: int) -> int:
        return int(column[place if self.order is None else self.order[place]])

    @property
    def size(self) -> int:
        """How many stays there are."""
        return len(self.journal) if self.order is None else len(self.order)

    @cached_property
    def starts(self) -> Longs:
        """The place of the first stay of each case, shape (c,)."""
        ranked = self.take(self.journal.cases.codes)
        begins = np.ones(len(ranked), np.bool_)
        np.not_equal(ranked[1:], ranked[:-1], out=begins[1:])
        return np.flatnonzero(begins)

    @cached_property
    def sizes(self) -> Longs:
        """How many stays each case has, shape (c,)."""
        return np.diff(self.starts, append=self.size)

    def take(self, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A column of the journal, or anything of its length, in this order."""
        return column if self.order is None else column[self.order]

    @cached_property
    def stage(self) -> Codes:
        """The stage of each stay."""
        return self.take(self.journal.stages.codes)

    @property
    def stages(self) -> tuple[str, ...]:
        """The names behind the codes."""
        return self.journal.stages.values

    @property
    def last(self) -> Longs:
        """The place of the last stay of each case."""
        return self.starts + self.sizes - 1

    @cached_property
    def case(self) -> Longs:
        """The number of its case, 0..c-1, for each stay."""
        return np.repeat(np.arange(len(self.starts)), self.sizes)

    @cached_property
    def rows(self) -> Longs:
        """The row in the journal of each stay."""
        return np.arange(len(self.journal)) if self.order is None else self.order

    def pick(self, column: npt.NDArray[Any], places: Longs) -> npt.NDArray[Any]:
        """What a column of the journal says of the stays in some places."""
        return column[places if self.order is None else self.order[places]]

    @cached_property
    def tail(self) -> Codes:
        """The stage a case went to in which it has no stay, -1 if there is none: the journal ends with the move."""
        return self.pick(self.journal.next, self.last)

    @cached_property
    def final(self) -> Codes:
        """The stage each case is in at the end."""
        return np.where(self.tail >= 0, self.tail, self.stage[self.last])

    @cached_property
    def began(self) -> Longs:
        """When each case began."""
        return self.pick(self.journal.entered, self.starts)

    def lasted(self, closed: Bools) -> Longs:
        """Microseconds from the first entry to the entry into the closed stage, or so far if a case is not closed.

        Args:
            closed: shape (stages,).
        """
        last, gone = self.last, self.tail >= 0
        reached = self.pick(self.journal.entered, last)
        if gone.any():
            reached = np.where(gone, self.pick(self.journal.left, last), reached)
        return np.where(closed[self.final], reached, self.journal.until) - self.began


def _in_order(case: Codes, entered: Longs, left: Longs) -> bool:
    for begin in range(0, len(case), _BLOCK):
        # Each block with the first row of the next one.
        here = slice(begin, begin + _BLOCK + 1)
        if not _runs_on(case[here], entered[here], left[here]):
            return False
    return True


def _runs_on(case: Codes, entered: Longs, left: Longs) -> bool:
    if (case[1:] < case[:-1]).any():
        return False
    # As a rule nothing but the first stay of a case begins before the row above it, or at once with it.
    early = entered[1:] <= entered[:-1]
    early &= case[1:] == case[:-1]
    tied = np.flatnonzero(early)
    ahead = (entered[tied + 1] == entered[tied]) & (left[tied + 1] >= left[tied])
    return bool(ahead.all())


def _ordered(journal: Journal) -> Longs:
    case, entered, left = journal.cases.codes, journal.entered, journal.left
    size = len(case)
    by_time = np.arange(size)
    if (entered[1:] < entered[:-1]).any():
        by_time = np.argsort(entered, kind="stable")
    shift = size.bit_length()
    # A missing case has code -1; 1 makes it sortable.
    packed = (case[by_time].astype(np.int64) + 1) << shift
    packed |= np.arange(size)
    packed.sort()
    packed &= (1 << shift) - 1
    order: Longs = by_time[packed]
    if _in_order(case[order], entered[order], left[order]):
        return order
    # Two stays of a case begin at once, the one that ends later first: rare, so three sorts do no harm.
    return np.lexsort((left, entered, case))


def closed_stages(trails: Trails, given: Iterable[str] | None) -> Mapping[str, str]:
    """The closed stages of a log, each with how that is known.

    Those that were given; else those whose name says won or lost; else those that no case has left, unless for another
    such: the last strongly connected parts of the graph, but for parts in which cases begin.

    Args:
        trails: the stays.
        given: the names, or names with how they are known.

    Raises:
        NotFound: if a stage was given that the journal does not know.
    """
    names = trails.stages
    if given is not None:
        wanted = (given,) if isinstance(given, str) else given
        for name in wanted:
            if name not in names:
                raise NotFound("stage", name, names, "the journal")
        return wanted if isinstance(wanted, Mapping) else dict.fromkeys(wanted, "given")
    named = {name: f"its name means {usual_outcome(name)}" for name in names if usual_outcome(name)}
    if named:
        return named
    return {names[code]: "no case has left it" for code in np.flatnonzero(_last_parts(trails)).tolist()}


def _last_parts(trails: Trails) -> Bools:
    size, ended = len(trails.stages), trails.journal.next >= 0
    seen = np.zeros(size, np.bool_)
    seen[trails.stage] = True
    reach = np.eye(size, dtype=np.bool_)
    reach[trails.journal.stages.codes[ended], trails.journal.next[ended]] = True
    seen[trails.journal.next[ended]] = True
    # Ways of up to 2, 4, 8 ... moves.
    for _ in range(size.bit_length()):
        reach = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
    last: Bools = seen & ~(reach & ~reach.T).any(axis=1)
    begun = np.unique(trails.stage[trails.starts])
    return last & ~(reach & reach.T)[:, begun].any(axis=1)


def networkx() -> Any:
    """The graph library, which has no types; it is loaded when a graph is asked for."""
    return import_module("networkx")


def is_closed(trails: Trails, closed: Mapping[str, str]) -> Bools:
    """Which stage codes are closed, shape (stages,)."""
    return np.array([name in closed for name in trails.stages], np.bool_)
