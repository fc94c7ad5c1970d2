"""From a log to a first draft of its pipeline, with what the draft explains and what it leaves out."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, usual_outcome
from crmkit.pipeline import flow
from crmkit.pipeline._trails import Trails, closed_stages, networkx
from crmkit.pipeline.definition import Pipeline
from crmkit.pipeline.stages import Outcome, Stage
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = ["Discovery", "Draft", "discover", "milestones", "usual_order"]

Moves: TypeAlias = set[tuple[int, int]]
_SHOWN = 10


@attrs.frozen(eq=False)
class Draft(Shown):
    """A pipeline drawn from a log, to be corrected by somebody who knows the process.

    Attributes:
        pipeline: the definition.
        moves: the share of all moves in the log that it has.
        cases: the share of cases that it explains: every stage, every move, the start.
        left_out: the moves it lacks, with how often they occurred, the most frequent first.
        stages_out: the stages it lacks: no kept way leads there from the start and on to a closed stage.
        guesses: what was assumed, in words.
    """

    pipeline: Pipeline
    moves: float
    cases: float
    left_out: Mapping[tuple[str, str], int]
    stages_out: tuple[str, ...]
    guesses: tuple[str, ...]

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """How much of the log it has, and what it leaves out; see `Shown.display`."""
        lines = [f"{self.pipeline.name}: {self.moves:.1%} of the moves, {self.cases:.1%} of the cases"]
        lines += [f"left out: {origin} > {to} ({n})" for (origin, to), n in [*self.left_out.items()][:_SHOWN]]
        if len(self.left_out) > _SHOWN:
            lines.append(f"left out: {len(self.left_out) - _SHOWN} more moves")
        lines += [f"left out: stage {name}" for name in self.stages_out]
        return Display.lines([*lines, *(f"guess: {guess}" for guess in self.guesses)], most=most, lang=lang)


@attrs.frozen(eq=False)
class Discovery(Shown):
    """What a log shows of its process; each part is computed when it is asked for.

    Attributes:
        journal: the stays, case by case in order of time.
        coverage: the share of moves that the draft should have.
        won: the stages said to mean won.
        lost: the stages said to mean lost.
        closed: the closed stages, each with how that is known.
    """

    journal: Journal
    coverage: float
    won: tuple[str, ...]
    lost: tuple[str, ...]
    closed: Mapping[str, str]

    @cached_property
    def graph(self) -> flow.FlowGraph:
        """What directly follows what."""
        return flow.directly_follows(self.journal, closed=self.closed)

    @cached_property
    def variants(self) -> flow.Variants:
        """The ways that cases took."""
        return flow.variants(self.journal, closed=self.closed)

    @cached_property
    def rework(self) -> Any:
        """Loops, by stage and person."""
        return flow.rework(self.journal)

    @cached_property
    def bottlenecks(self) -> flow.Bottlenecks:
        """Waiting by stage."""
        return flow.bottlenecks(self.journal, closed=self.closed)

    @cached_property
    def handovers(self) -> flow.Handovers:
        """Work handed from person to person."""
        return flow.handovers(self.journal)

    @cached_property
    def draft(self) -> Draft:
        """A first draft of the pipeline.

        Moves are taken by frequency until they make up `coverage` of all, then those without which a stage of theirs
        could not be reached or not be left for a closed one. Stages stand in the order of their mean place in a case,
        closed ones last. The start is where most cases begin.

        Raises:
            InvalidValue: if no stage is closed, or no case is.
        """
        return _draft(self)

    def pipeline(self, name: str = "discovered") -> Pipeline:
        """The pipeline of the draft, under a name of its own."""
        return attrs.evolve(self.draft.pipeline, name=name)

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The flow, the bottlenecks and the draft; see `Shown.display`."""
        parts = (self.graph, self.bottlenecks, self.draft)
        return Display.of(*(part.display(lang, most=most) for part in parts), lang=lang)


def discover(
    journal: Journal,
    *,
    coverage: float = 0.95,
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
    closed: Iterable[str] | None = None,
) -> Discovery:
    """What a log shows of its process: flow, ways, rework, waiting, hand-overs, and a draft of its pipeline.

    Args:
        journal: the stays.
        coverage: the share of moves that the draft should have, above 0 and up to 1.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost, likewise.
        closed: all closed stages; if not given, `won` and `lost` and what the log shows (see `crmkit.pipeline.flow`).

    Raises:
        InvalidValue: for a coverage outside its range, or a journal without stays.
        NotFound: if a stage was given that the journal does not know.
    """
    if not 0.0 < coverage <= 1.0:
        raise InvalidValue("coverage", coverage, "does not lie above 0 and up to 1")
    if not len(journal):
        raise InvalidValue("journal", "it", "has no stays")
    trails = Trails.of(journal)
    meant = {name: kind for kind, names in (("won", won), ("lost", lost)) for name in names}
    for name in meant:
        journal.stage_code(name)
    known = {**closed_stages(trails, closed), **dict.fromkeys(meant, "given")}
    ordered = journal if trails.order is None else journal[trails.order]
    return Discovery(ordered, coverage, tuple(won), tuple(lost), known)


def usual_order(journal: Journal) -> tuple[str, ...]:
    """The stages of a journal by their mean place among the stays of a case."""
    trails = Trails.of(journal)
    rank = np.arange(len(journal)) - np.repeat(trails.starts, trails.sizes)
    size = len(trails.stages)
    # A stage without stays of its own is known from the ends of cases only.
    ends = trails.tail >= 0
    codes, ranks = np.append(trails.stage, trails.tail[ends]), np.append(rank, trails.sizes[ends])
    mean = np.bincount(codes, ranks, size) / np.maximum(np.bincount(codes, minlength=size), 1)
    return tuple(trails.stages[code] for code in np.argsort(mean, kind="stable"))


def milestones(pipeline: Pipeline, outcome: Outcome = "won") -> tuple[str, ...]:
    """The stages through which every way from the start to an outcome passes, in order.

    They are the dominators of the outcome in the graph of moves (Lengauer & Tarjan 1979). The start is one, and the
    closed stage itself if it is the only one of its outcome.

    Args:
        pipeline: the definition.
        outcome: what is to be reached.

    Raises:
        NotFound: if no stage has that outcome.

    >>> milestones(Pipeline("deals", ["lead", "offer", Stage("won", "won"), Stage("lost", "lost")],
    ...                     {"lead": {"offer": "offer", "lose": "lost"}, "offer": {"sign": "won", "lose": "lost"}}))
    ('lead', 'offer', 'won')
    """
    goals = [stage.name for stage in pipeline.stages if stage.outcome == outcome]
    if not goals:
        known = tuple(sorted({stage.outcome for stage in pipeline.stages if stage.outcome}))
        raise NotFound("outcome", outcome, known, f"pipeline {pipeline.name!r}")
    nx, goal = networkx(), object()
    graph = nx.DiGraph([(origin, move.to) for origin, moves in pipeline.moves.items() for move in moves.values()])
    graph.add_edges_from((name, goal) for name in goals)
    above = nx.immediate_dominators(graph, pipeline.start)
    found: list[str] = []
    here = above[goal]
    while here is not None and here not in found:
        found.append(here)
        # The start is above itself, or has nothing above, as the version of networkx has it.
        here = above.get(here)
    return tuple(reversed(found))


def _draft(discovery: Discovery) -> Draft:
    trails = Trails.of(discovery.journal)
    names, journal = trails.stages, discovery.journal
    size = len(names)
    closed = [code for code, name in enumerate(names) if name in discovery.closed]
    if not closed:
        raise InvalidValue("journal", "it", "has no closed stage; say which are: won=, lost= or closed=")
    ended = journal.next >= 0
    table = np.bincount(journal.stages.codes[ended] * np.int64(size) + journal.next[ended], minlength=size * size)
    table = table.reshape(size, size)
    start = int(np.bincount(_first_open(trails, closed), minlength=size).argmax())
    moves = _frequent(table, discovery.coverage)
    kept = _connected(table, moves, start, closed)
    moves = {(a, b) for a, b in moves if a in kept and b in kept}
    pipeline, guesses = _defined(discovery, moves, kept, start)
    fits = _fits(trails, moves, start)
    out = sorted(((a, b) for a, b in np.argwhere(table).tolist() if (a, b) not in moves), key=lambda e: -table[e])
    used = sum(int(table[move]) for move in moves)
    return Draft(
        pipeline, used / max(1, int(table.sum())), float(fits.mean()),
        {(names[a], names[b]): int(table[a, b]) for a, b in out},
        tuple(name for code, name in enumerate(names) if code not in kept and _occurs(trails, code)), guesses,
    )  # fmt: skip


def _first_open(trails: Trails, closed: list[int]) -> npt.NDArray[Any]:
    """The stages in which cases began, but for those that are closed: a pipeline cannot start there."""
    first = trails.stage[trails.starts]
    begun = first[~np.isin(first, closed)]
    if not len(begun):
        raise InvalidValue("journal", "it", "has no case that began in a stage that is not closed")
    return begun


def _occurs(trails: Trails, code: int) -> bool:
    return bool((trails.stage == code).any() or (trails.tail == code).any())


def _frequent(table: npt.NDArray[np.int64], coverage: float) -> Moves:
    """The most frequent moves that together make up a share of all."""
    counts = table.ravel()
    order = np.argsort(-counts, kind="stable")
    total = np.cumsum(counts[order])
    # Shares are compared as whole numbers would be: a rounding error must not ask for one more.
    enough = int(np.searchsorted(total, coverage * total[-1] - 1e-9)) + 1
    size = len(table)
    return {divmod(int(key), size) for key in order[:enough] if counts[key]}


def _connected(table: npt.NDArray[np.int64], moves: Moves, start: int, closed: list[int]) -> set[int]:
    """Add what it takes to reach each stage from the start and to leave it for a closed one.

    Ways are the cheapest: moves that are kept cost nothing, others the less the more frequent they are.

    Args:
        table: how often each move occurred.
        moves: those kept; grows.
        start: where cases begin.
        closed: the closed stages.

    Returns:
        The stages for which there is such a way.
    """
    nx, goal = networkx(), -1
    graph = nx.DiGraph()
    graph.add_node(start)
    for a, b in np.argwhere(table).tolist():
        graph.add_edge(a, b, weight=0.0 if (a, b) in moves else 1.0 / table[a, b])
    graph.add_edges_from(((code, goal) for code in closed), weight=0.0)
    kept: set[int] = set()
    for stage in [start, *sorted({code for move in moves for code in move})]:
        try:
            way = nx.dijkstra_path(graph, start, stage)[:-1] + nx.dijkstra_path(graph, stage, goal)[:-1]
        except nx.NetworkXNoPath:
            continue
        kept.update(way)
        for a, b in pairwise(way):
            moves.add((a, b))
            graph.edges[a, b]["weight"] = 0.0
    if not kept:
        raise InvalidValue("journal", "it", "shows no way from the usual start on to a closed stage")
    return kept


def _defined(discovery: Discovery, moves: Moves, kept: set[int], start: int) -> tuple[Pipeline, tuple[str, ...]]:
    names = discovery.journal.stages.values
    guesses: list[str] = []
    outcomes: dict[str, Outcome] = {}
    for name in (names[code] for code in sorted(kept) if names[code] in discovery.closed):
        outcomes[name] = _outcome(name, discovery)
        if outcomes[name] == "cancelled":
            guesses.append(
                f"{name!r} is closed ({discovery.closed[name]}), and whether that is won or lost is not known"
            )
    order = [name for name in usual_order(discovery.journal) if names.index(name) in kept]
    rank: tuple[Outcome, ...] = ("won", "lost", "cancelled")
    closed = sorted((name for name in order if name in outcomes), key=lambda name: rank.index(outcomes[name]))
    stages = [name for name in order if name not in outcomes]
    to = {origin: {f"to {names[b]}": names[b] for a, b in sorted(moves) if names[a] == origin} for origin in order}
    pipeline = Pipeline(
        "discovered",
        [*(Stage(name) for name in stages), *(Stage(name, outcomes[name]) for name in closed)],
        {origin: found for origin, found in to.items() if found},
        names[start],
    )
    return pipeline, tuple(guesses)


def _outcome(name: str, discovery: Discovery) -> Outcome:
    if name in discovery.won:
        return "won"
    return "lost" if name in discovery.lost else usual_outcome(name) or "cancelled"


def _fits(trails: Trails, moves: Moves, start: int) -> npt.NDArray[np.bool_]:
    """Which cases the draft explains: whoever comes to a stage that it lacks has made a move that it lacks."""
    size = len(trails.stages)
    legal = np.zeros((size, size + 1), np.bool_)
    # The last place is "nothing followed".
    legal[:, -1] = True
    for move in moves:
        legal[move] = True
    good = legal[trails.stage, trails.take(trails.journal.next)]
    return np.asarray(np.minimum.reduceat(good, trails.starts) & (trails.stage[trails.starts] == start))
