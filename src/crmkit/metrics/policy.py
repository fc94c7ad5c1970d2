"""What a figure means: its policies, as values that are printed with it and hashed into its definition id."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import sha256
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, usual_outcome

__all__ = [
    "CLOCK_US",
    "OUTCOMES",
    "Attribution",
    "Clock",
    "Days",
    "Denominator",
    "Order",
    "Outcome",
    "RateDay",
    "StageOrder",
    "definition_id",
]

#: What a rate is a share of.
Denominator: TypeAlias = Literal["stage entry"]
#: Whose stay it is.
Attribution: TypeAlias = Literal["owner at entry"]
#: The width of a time bin.
Clock: TypeAlias = Literal["day", "hour", "minute", "second"]
#: Which days count: all of them, or those on which the calendar of the facts has working time.
Days: TypeAlias = Literal["calendar", "business"]
#: The day whose exchange rate an amount takes: its own, that of the order or the invoice it follows from, the last of
#: its period (as far as observed), or a given one: the rates of a budget, or one rate for all years to compare them by.
RateDay: TypeAlias = Literal["own", "order", "invoice", "period end"] | date
#: Whether other stages may come between the steps of a funnel; "any" asks for no order at all.
Order: TypeAlias = Literal["loose", "strict", "any"]

#: Microseconds of each time bin.
CLOCK_US: dict[Clock, int] = {"day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}

#: How a stay ends, as seen from its stage.
Outcome: TypeAlias = Literal["open", "advanced", "lost", "back"]
STAYS, ADVANCED, LOST, BACK = 0, 1, 2, 3
#: The outcomes by code; the codes are the causes of the competing-risks estimators.
OUTCOMES: tuple[Outcome, ...] = ("open", "advanced", "lost", "back")


class _Stage(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def outcome(self) -> str | None: ...


@runtime_checkable
class _Staged(Protocol):
    """Whatever has stages: a pipeline, without importing it."""

    @property
    def stages(self) -> Sequence[_Stage]: ...


@attrs.frozen
class StageOrder:
    """The stages of a funnel in order, and which of them are closed.

    Attributes:
        names: all stages; the order of the open ones is the order of the funnel.
        won: the stages that mean success.
        lost: the stages that mean the end without it.
    """

    names: tuple[str, ...]
    won: frozenset[str]
    lost: frozenset[str]

    @classmethod
    def of(cls, stages: Any, journal: Journal, won: Iterable[str] = (), lost: Iterable[str] = ()) -> "StageOrder":
        """The order of a pipeline, of a list of names, or (None) of the journal's own stages.

        Args:
            stages: a `Pipeline`, names in order, or None.
            journal: what the names must cover.
            won: the stages that mean won, where the names do not say so ("won", "closed won" ...).
            lost: the stages that mean lost.

        Raises:
            NotFound: if `won` or `lost` names a stage that is not there.
            InvalidValue: if the journal has stages that the order lacks.
        """
        order = cls._of(stages, journal.stages.values, tuple(won), tuple(lost))
        for code, name in enumerate(journal.stages.values):
            if name not in order.names and (journal.stages.codes == code).any():
                raise InvalidValue("stage order", name, f"is in the journal but not among {', '.join(order.names)}")
        return order

    @classmethod
    def given(cls, stages: Any) -> "StageOrder":
        """The order of a pipeline, or of a list of names, whatever journal it is for."""
        return cls._of(stages, (), (), ())

    @classmethod
    def _of(cls, stages: Any, known: tuple[str, ...], won: tuple[str, ...], lost: tuple[str, ...]) -> "StageOrder":
        if isinstance(stages, _Staged):
            by = {stage.name: stage.outcome for stage in stages.stages}
            closed = frozenset(name for name, outcome in by.items() if outcome not in (None, "won"))
            return cls(tuple(by), frozenset(name for name, outcome in by.items() if outcome == "won"), closed)
        names = tuple(stages) if stages is not None else known
        names = tuple(dict.fromkeys([*names, *won, *lost]))
        for name in (*won, *lost):
            if name not in known and stages is None:
                raise NotFound("stage", name, known, "the journal")
        return cls(
            names,
            frozenset(won) or frozenset(name for name in names if usual_outcome(name) == "won"),
            frozenset(lost) or frozenset(name for name in names if usual_outcome(name) == "lost"),
        )

    @property
    def open(self) -> tuple[str, ...]:
        """The stages that are not closed, in order."""
        return tuple(name for name in self.names if name not in self.won and name not in self.lost)

    def outcomes(self, stages: Sequence[str]) -> npt.NDArray[np.int8]:
        """How a stay in stage i that is followed by stage j ends: int8, shape (k, k + 1); column 0 is "still there".

        A move to an earlier stage, or to the same one, is a move back.
        """
        rank = {name: number for number, name in enumerate(self.names)}
        table = np.full((len(stages), len(stages) + 1), STAYS, np.int8)
        for i, here in enumerate(stages):
            for j, there in enumerate(stages, 1):
                table[i, j] = self._outcome(rank, here, there)
        return table

    def _outcome(self, rank: dict[str, int], here: str, there: str) -> int:
        if there in self.won:
            return ADVANCED
        if there in self.lost:
            return LOST
        closed = here in self.won or here in self.lost
        return BACK if closed or rank[there] <= rank[here] else ADVANCED


def definition_id(metric: str, **policies: Any) -> str:
    """The first 12 hex digits of SHA-256 over a metric's name and policies: the same number, the same definition."""
    plain = {name: attrs.asdict(value) if attrs.has(type(value)) else value for name, value in policies.items()}
    text = json.dumps({"metric": metric, **plain}, sort_keys=True, default=_listed, ensure_ascii=False)
    return sha256(text.encode()).hexdigest()[:12]


def _listed(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else str(value)
