"""How cases really flow: what follows what, the ways they take, rework, waiting, hand-overs (T4).

All of it is counted on the columns of a `Journal`; a stay that lasts is counted as lasting, never dropped and never
taken for an end. Times are days. A stage is closed if it is named in `closed=`; without that, if its name says won or
lost; without such a name, if no case has left it. Every result says which stages that were, and why.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Frameable, Journal
from crmkit.pipeline._groups import Groups
from crmkit.pipeline._trails import Trails, closed_stages, is_closed, networkx
from crmkit.pipeline._ways import Ways
from crmkit.pipeline._work import (
    Bottleneck,
    Bottlenecks,
    Handover,
    Handovers,
    Rework,
    bottlenecks,
    handovers,
    rework,
)
from crmkit.values.display import ROWS, Display, Lang

__all__ = [
    "Bottleneck",
    "Bottlenecks",
    "FlowGraph",
    "Follows",
    "Handover",
    "Handovers",
    "Rework",
    "Variant",
    "Variants",
    "bottlenecks",
    "directly_follows",
    "handovers",
    "rework",
    "variants",
]


# Pairs of so many stages still fit into 32 bits.
_FEW = 1 << 15


@attrs.frozen
class Follows:
    """One stage directly after another.

    Attributes:
        stage: the stage that was left.
        next: the stage that was entered.
        n: how often.
        share: of all moves.
        median: days in `stage` before such a move.
        mean: the mean of these.
        p90: nine in ten took no longer.
        shortest: the least.
        longest: the most.
    """

    stage: str
    next: str
    n: int
    share: float
    median: float
    mean: float
    p90: float
    shortest: float
    longest: float


@attrs.frozen
class FlowGraph(Frameable[Follows]):
    """The directly-follows graph.

    Attributes:
        rows: the edges, the most frequent first.
        cases: how many cases there are.
        starts: cases by the stage they began in.
        ends: closed cases by the stage they ended in.
        open: cases that are not closed, by the stage they are in.
        closed: the closed stages, each with how that is known.
    """

    rows: tuple[Follows, ...]
    cases: int
    starts: Mapping[str, int]
    ends: Mapping[str, int]
    open: Mapping[str, int]
    closed: Mapping[str, str]

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Where cases begin, end and wait, and what follows what; see `Shown.display`."""
        told = (("start", self.starts), ("end", self.ends), ("open", self.open))
        lines = [f"{name}: {', '.join(f'{stage} {n}' for stage, n in of.items()) or '-'}" for name, of in told]
        head = Display.lines([f"{self.cases} cases", *lines], most=most, lang=lang)
        return Display.of(head, self._table(lang, most), lang=lang)

    def to_networkx(self) -> Any:
        """The graph, with the fields of a row on each edge, and `starts`, `ends`, `open` on each stage."""
        graph = networkx().DiGraph()
        for name, of in (("starts", self.starts), ("ends", self.ends), ("open", self.open)):
            for stage, n in of.items():
                graph.add_node(stage, **{name: n})
        for row in self.rows:
            graph.add_edge(row.stage, row.next, **attrs.asdict(row))
        return graph


def directly_follows(journal: Journal, *, closed: Iterable[str] | None = None) -> FlowGraph:
    """What directly follows what, how often, and after how long.

    Args:
        journal: the stays.
        closed: the stages that close a case.

    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 3, 4)]
    >>> log = {"case": [1, 1, 2], "stage": ["lead", "won", "lead"], "at": at}
    >>> print(directly_follows(Journal.from_frame(log, case="case", stage="stage", at="at")))
    2 cases
    start: lead 2
    end: won 1
    open: lead 1
    stage  next  n  share  median  mean  p90  shortest  longest
    lead   won   1      1       2     2    2         2        2
    """
    trails = Trails.of(journal)
    names = trails.stages
    known = closed_stages(trails, closed)
    edge: npt.NDArray[Any] = journal.stages.codes.astype(np.int32 if len(names) < _FEW else np.int64)
    edge *= len(names)
    edge += journal.next
    took, lasts = journal.left - journal.entered, journal.next < 0
    np.copyto(edge, -1, where=lasts)
    np.copyto(took, 0, where=lasts)
    found = Groups.of(edge, took, (0.5, 0.9, 0.0, 1.0))
    median, p90, least, most = found.quantiles
    figures = (found.sizes, found.sizes / max(1, int(found.sizes.sum())), median, found.mean, p90, least, most)
    edges = zip(found.keys.tolist(), *(figure.tolist() for figure in figures), strict=True)
    rows = [Follows(names[key // len(names)], names[key % len(names)], *figure) for key, *figure in edges]
    final = _by_stage(trails, trails.final)
    return FlowGraph(
        tuple(sorted(rows, key=lambda row: -row.n)), len(trails.starts), _by_stage(trails, trails.stage[trails.starts]),
        {name: n for name, n in final.items() if name in known},
        {name: n for name, n in final.items() if name not in known}, known,
    )  # fmt: skip


def _by_stage(trails: Trails, codes: Any) -> dict[str, int]:
    counts = np.bincount(codes, minlength=len(trails.stages))
    return {trails.stages[code]: int(counts[code]) for code in np.argsort(-counts, kind="stable") if counts[code]}


@attrs.frozen
class Variant:
    """One way that cases took.

    Attributes:
        stages: the stages in order.
        n: how many cases took it.
        share: of all cases.
        median: of closed cases, days from the first entry to the closing; of open ones, days so far.
        open: whether these cases are open: they may still become another variant.
    """

    stages: tuple[str, ...]
    n: int
    share: float
    median: float
    open: bool


@attrs.frozen
class Variants(Frameable[Variant]):
    """All ways that cases took, the most frequent first.

    Attributes:
        rows: the variants.
        cases: how many cases there are.
        closed: the closed stages, each with how that is known.
    """

    rows: tuple[Variant, ...]
    cases: int
    closed: Mapping[str, str]

    def to_dict(self) -> dict[str, list[Any]]:
        """The rows as columns; the stages of a variant are one text."""
        columns = Frameable.to_dict(self)
        return {**columns, "stages": [" > ".join(row.stages) for row in self.rows]} if columns else {}


def variants(journal: Journal, *, closed: Iterable[str] | None = None) -> Variants:
    """The ways that cases took: cases are of one variant if and only if they went through the same stages in order.

    Args:
        journal: the stays.
        closed: the stages that close a case.
    """
    trails = Trails.of(journal)
    known = closed_stages(trails, closed)
    shut = is_closed(trails, known)
    ways = Ways.of(trails, shut)
    order, cases = ways.order(), int(ways.n.sum())
    figures = (ways.n, ways.n / max(1, cases), ways.median, ~shut[ways.final])
    told = zip(ways.stages(order), *(figure[order].tolist() for figure in figures), strict=True)
    return Variants(tuple(Variant(*row) for row in told), cases, known)
