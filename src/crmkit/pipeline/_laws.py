"""A pipeline as tables over the stage codes of a journal, and which version of it was in force when."""

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.pipeline._trails import Bools, Longs, networkx
from crmkit.pipeline.definition import Pipeline
from crmkit.pipeline.stages import Move, Stage
from crmkit.values import to_micros

#: What a move from one stage to another is. `UNJUDGED`: one of the two is in no pipeline of that time.
LEGAL, SKIP, BACKWARD, ILLEGAL, RESURRECTED, UNJUDGED = range(6)
_EVER = np.iinfo(np.int64).min
# So many rows at a time that what is computed on the way stays in the cache.
_BLOCK = 1 << 14


@attrs.frozen(eq=False)
class Law:
    """A pipeline over the stage codes of a journal.

    Attributes:
        pipeline: the definition.
        names: the stages of the journal.
        known: whether the pipeline has them, shape (stages,).
        closed: whether they are closed, shape (stages,).
        start: the code of the start; -1 if the journal does not know it.
        moves: what each move is, int8, shape (stages, stages).
    """

    pipeline: Pipeline
    names: tuple[str, ...]
    known: Bools
    closed: Bools
    start: int
    moves: npt.NDArray[np.int8]

    @classmethod
    def of(cls, pipeline: Pipeline, names: tuple[str, ...]) -> Self:
        """The tables of a pipeline."""
        place = {stage.name: number for number, stage in enumerate(pipeline.stages)}
        size = len(place)
        legal = np.zeros((size, size), np.bool_)
        for origin, moves in pipeline.moves.items():
            legal[place[origin], [place[move.to] for move in moves.values()]] = True
        # A stage that the pipeline lacks is its last place.
        at = np.array([place.get(name, size) for name in names], np.int64)
        shut = np.array([*(stage.outcome is not None for stage in pipeline.stages), False])
        table = np.full((size + 1, size + 1), UNJUDGED, np.int8)
        table[:size, :size] = _kinds(legal, shut[:size])
        start = names.index(pipeline.start) if pipeline.start in names else -1
        return cls(pipeline, names, at < size, shut[at], start, table[np.ix_(at, at)])

    @cached_property
    def odd(self) -> npt.NDArray[np.int8]:
        """What each move is, those that cannot be judged taken for legal, int8, shape (stages, stages)."""
        return np.where(self.moves == UNJUDGED, np.int8(LEGAL), self.moves)

    @cached_property
    def no_start(self) -> Bools:
        """Which stages the pipeline has and does not start in, shape (stages,)."""
        wrong = self.known.copy()
        wrong[self.start if self.start >= 0 else slice(0)] = False
        return wrong

    @cached_property
    def stages(self) -> dict[int, Stage]:
        """The stages of the pipeline that the journal knows, by code."""
        known = {stage.name: stage for stage in self.pipeline.stages}
        return {code: known[name] for code, name in enumerate(self.names) if name in known}

    @cached_property
    def pairs(self) -> dict[tuple[int, int], list[Move]]:
        """The moves by the codes of where they lead from and to; several may join the same two stages."""
        code = {name: number for number, name in enumerate(self.names)}
        found: dict[tuple[int, int], list[Move]] = {}
        for origin, moves in self.pipeline.moves.items():
            for move in moves.values():
                if origin in code and move.to in code:
                    found.setdefault((code[origin], code[move.to]), []).append(move)
        return found

    def between(self, origin: int, to: int) -> list[str]:
        """The stages on a shortest declared way from one stage to another."""
        moves = self.pipeline.moves.items()
        graph = networkx().DiGraph([(name, move.to) for name, out in moves for move in out.values()])
        way: list[str] = networkx().shortest_path(graph, self.names[origin], self.names[to])
        return way[1:-1]


def _kinds(legal: Bools, closed: Bools) -> npt.NDArray[np.int8]:
    size = len(legal)
    reach = legal.copy()
    for _ in range(size.bit_length()):
        reach |= (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
    # All closed stages come after all open ones, wherever the definition lists them.
    rank = np.where(closed, size, np.arange(size))
    ahead, behind = rank[:, None] < rank, rank[:, None] > rank
    return np.select(
        [legal, np.eye(size, dtype=np.bool_), np.broadcast_to(closed[:, None], legal.shape), behind, ahead & reach],
        [LEGAL, ILLEGAL, RESURRECTED, BACKWARD, SKIP],
        ILLEGAL,
    ).astype(np.int8)


@attrs.frozen(eq=False)
class Laws:
    """The versions of a pipeline, each in force from an instant on.

    Attributes:
        laws: in order of time.
        since: int64 microseconds UTC from which each is in force.
    """

    laws: tuple[Law, ...]
    since: Longs

    @classmethod
    def of(cls, given: Any, names: tuple[str, ...]) -> Self:
        """The versions behind a `Pipeline`, or behind the `eras` of whatever has them.

        Raises:
            InvalidValue: if it is neither, or the eras are not in order of time.
        """
        eras: Iterable[tuple[datetime | None, Pipeline]]
        eras = ((None, given),) if isinstance(given, Pipeline) else tuple(getattr(given, "eras", ()))
        if not eras:
            raise InvalidValue("pipeline", given, "is no Pipeline and has no versions of one")
        since = [_EVER if start is None else to_micros(start, "version") for start, _ in eras]
        if sorted(set(since)) != since:
            raise InvalidValue("versions", [start for start, _ in eras], "are not in order of time")
        return cls(tuple(Law.of(pipeline, names) for _, pipeline in eras), np.array(since, np.int64))

    @property
    def one(self) -> bool:
        """Whether a single version was always in force."""
        return len(self.laws) == 1 and int(self.since[0]) == _EVER

    def at(self, instants: Longs) -> npt.NDArray[np.int64]:
        """The number of the version in force, -1 before the first; broadcast from one number if there is one only."""
        if self.one:
            return np.broadcast_to(np.int64(0), instants.shape)
        return np.searchsorted(self.since, instants, "right") - 1

    def look(
        self, tables: list[npt.NDArray[Any]], law: Longs, first: npt.NDArray[Any], *second: Any
    ) -> npt.NDArray[Any]:
        """What the table of the version in force says of each row.

        Args:
            tables: one for each version, and a last one for the time before the first.
            law: as `at` gives it.
            first: the place on the first axis.
            second: for tables of two axes the place on the second, and what to add to it.
        """
        every = np.stack(tables).reshape(len(tables), -1)
        found = np.empty(len(first), every.dtype)
        for begin in range(0, len(first), _BLOCK):
            rows = slice(begin, begin + _BLOCK)
            flat = first[rows]
            if second:
                place, more = second
                flat = flat * np.int32(tables[0].shape[1])
                flat += place[rows]
                flat += np.int32(more)
            # -1 is the last table.
            found[rows] = every[0].take(flat, mode="clip") if self.one else every[law[rows], flat]
        return found
