"""What judges of a journal look at, and the deviations that they write down."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.calendars import WorkingTime
from crmkit.pipeline._laws import Laws
from crmkit.pipeline._trails import Bools, Longs, Trails

KINDS = (
    "unknown stage",
    "wrong start",
    "skip",
    "backward",
    "illegal move",
    "resurrected",
    "missing field",
    "wrong role",
    "breached limit",
    "open too long",
    "time order",
)
Array = npt.NDArray[Any]


@attrs.frozen(eq=False)
class Found:
    """Deviations as columns, each of shape (d,).

    Attributes:
        kind: its place in `KINDS`.
        place: the stay, by its place in the trails.
        entry: what was judged: twice the place of the stay that was entered, plus 1 if the stay before it is the last
            of its case and only says where it went.
        stage: the code of the stage.
        next: the code of the stage that it was left for, -1 where that is not in question.
        at: int64 microseconds UTC.
        who: the code of the person, -1 if not known.
        law: the number of the version that judged.
        late: microseconds beyond a limit, else 0.
        detail: its place in `details`.
        details: texts.
    """

    kind: Array
    place: Longs
    entry: Longs
    stage: Array
    next: Array
    at: Longs
    who: Array
    law: Array
    late: Longs
    detail: Array
    details: tuple[str, ...]


@attrs.frozen(eq=False)
class Bench:
    """What the judges need, and where they write.

    Attributes:
        trails: the stays.
        laws: the versions of the pipeline.
        roles: the roles of each person.
        calendar: what working time is.
        skipped: what was not checked, and how often.
    """

    trails: Trails
    laws: Laws
    roles: Mapping[str, frozenset[str]] | None
    calendar: WorkingTime | None
    skipped: dict[str, int] = attrs.field(factory=dict[str, int])
    _texts: dict[str, int] = attrs.field(factory=dict[str, int])
    _parts: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])

    @cached_property
    def entered(self) -> Longs:
        """When each stay began."""
        return self.trails.take(self.trails.journal.entered)

    @cached_property
    def left(self) -> Longs:
        """When each stay ended, `OPEN` while it lasts."""
        return self.trails.take(self.trails.journal.left)

    @cached_property
    def next(self) -> Array:
        """Where each stay was left for."""
        return self.trails.take(self.trails.journal.next)

    @cached_property
    def who(self) -> Array:
        """Who held each stay at entry."""
        return self.trails.take(self.trails.journal.who.codes)

    @cached_property
    def law(self) -> Array:
        """The version in force when each stay began."""
        return self.laws.at(self.entered)

    @cached_property
    def is_last(self) -> Bools:
        """Whether each stay is the last of its case."""
        found = np.zeros(len(self.trails.stage), np.bool_)
        found[self.trails.last] = True
        return found

    @cached_property
    def tails(self) -> Longs:
        """The last stays of cases that went on to a stage in which they have none."""
        return self.trails.last[self.trails.tail >= 0]

    def text(self, detail: str) -> int:
        """The number of a detail."""
        return self._texts.setdefault(detail, len(self._texts))

    def note(self, what: str, count: int) -> None:
        """Say that something could not be checked."""
        if count:
            self.skipped[what] = self.skipped.get(what, 0) + count

    def add(self, kind: str | Array, place: Longs, entry: Longs, **columns: Any) -> None:
        """Write deviations down, in the order of stays; columns that are not given are those of the stay.

        Args:
            kind: the kind of all, or the place of each in `KINDS`.
            place: the stays.
            entry: what was judged; see `Found`.
            columns: others of `Found`.
        """
        if not len(place):
            return
        of_stay: dict[str, Callable[[], Any]] = {
            "stage": lambda: self.trails.stage[place], "at": lambda: self.entered[place],
            "who": lambda: self.who[place], "law": lambda: self.law[place],
        }  # fmt: skip
        part = {
            "kind": np.int8(KINDS.index(kind)) if isinstance(kind, str) else kind, "place": place, "entry": entry,
            "next": np.int32(-1), "late": np.int64(0), **columns,
            **{name: read() for name, read in of_stay.items() if name not in columns},
        }  # fmt: skip
        self._parts.append({name: np.broadcast_to(column, place.shape) for name, column in part.items()})

    def found(self) -> Found:
        """All that was written down, in the order of cases and entries."""
        names = [field.name for field in attrs.fields(Found) if field.name != "details"]
        if len(self._parts) == 1:
            columns = self._parts[0]
        else:
            none = np.zeros(0, np.int64)
            columns = {name: np.concatenate([none, *(part[name] for part in self._parts)]) for name in names}
        # An entry is that of its stay or of the one after it; the parts are in order, which a stable sort makes use of.
        key = (columns["place"] * 3 + columns["entry"] - 2 * columns["place"]) * len(KINDS) + columns["kind"]
        if (key[1:] < key[:-1]).any():
            order = np.argsort(key, kind="stable")
            columns = {name: column[order] for name, column in columns.items()}
        return Found(**columns, details=tuple(self._texts))
