"""What slows work down: rework, waiting, hand-overs; `crmkit.pipeline.flow` passes them on."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from crmkit.journal import Frameable, Journal, ProductLimit
from crmkit.pipeline._trails import DAY_US, Longs, Trails, closed_stages, is_closed, networkx
from crmkit.values.display import Listed


@attrs.frozen
class Rework(Listed):
    """Work done again in one stage, by everybody or by one person.

    Attributes:
        stage: the stage.
        who: the person who held the case at entry; None for all.
        visits: stays there.
        cases: cases that came there.
        repeats: stays of a case that had been there before.
        self_loops: of these, directly after another stay there.
        ping_pongs: of these, after one stay elsewhere (A, B, A).
        days: time spent in repeats, so far.
    """

    stage: str
    who: str | None
    visits: int
    cases: int
    repeats: int
    self_loops: int
    ping_pongs: int
    days: float


def rework(journal: Journal) -> Frameable[Rework]:
    """Loops: how often cases come back to a stage, for all and for each person.

    A repeat is counted for whoever holds the case then, who need not have caused it. Stays without a person are in the
    rows for all only.

    Args:
        journal: the stays.

    Returns:
        Rows by stage in the order of the journal, all first, then persons by name; those without any stay left out.
    """
    trails = Trails.of(journal)
    stage, case = trails.stage, trails.case
    _, first = np.unique(case * len(trails.stages) + stage, return_index=True)
    again = np.ones(len(stage), np.bool_)
    again[first] = False
    # Padded with a case of its own, so that the first stays have nothing before them.
    twice = (_before(stage, 1) == stage) & (_before(case, 1) == case)
    back = (_before(stage, 2) == stage) & (_before(case, 2) == case) & ~twice
    who = trails.take(journal.who.codes)
    days = trails.take(journal.sojourn()) / DAY_US
    people = sorted(enumerate(journal.who.values), key=lambda person: person[1])
    rows: list[Rework] = []
    for code, name in enumerate(trails.stages):
        here = np.flatnonzero(stage == code)
        held, figures = who[here], (again[here], twice[here], back[here])
        for person, called in [(None, None), *people]:
            mine = slice(None) if person is None else held == person
            places = here[mine]
            if len(places):
                repeats, loops, pongs = (int(figure[mine].sum()) for figure in figures)
                cases, spent = len(np.unique(case[places])), float(days[places][again[places]].sum())
                rows.append(Rework(name, called, len(places), cases, repeats, loops, pongs, spent))
    return Frameable(tuple(rows))


def _before(column: Any, steps: int) -> Longs:
    return np.append(np.full(min(steps, len(column)), -1), column[:-steps])


@attrs.frozen
class Bottleneck:
    """Waiting in one stage.

    Attributes:
        stage: the stage.
        group: the value of the column grouped by; None without one, or where it is missing.
        n: stays.
        n_open: of these, last (right-censored).
        median: days by which half of the stays have ended, those that last counted as such (Kaplan-Meier); NaN if that
            was not yet observed.
        p90: days by which nine in ten have ended, likewise.
        ended_only: the median of the stays that have ended, what one gets by dropping the open ones; NaN if none has.
        waiting: days of all stays together, so far.
        share: of the waiting of the whole journal.
    """

    stage: str
    group: str | None
    n: int
    n_open: int
    median: float
    p90: float
    ended_only: float
    waiting: float
    share: float


@attrs.frozen
class Bottlenecks(Frameable[Bottleneck]):
    """Where cases wait, most waiting first.

    Attributes:
        rows: the stages, without the closed ones: nobody waits there.
        closed: the closed stages, each with how that is known.
    """

    rows: tuple[Bottleneck, ...]
    closed: Mapping[str, str]


def bottlenecks(journal: Journal, *, by: str | None = None, closed: Iterable[str] | None = None) -> Bottlenecks:
    """Where cases wait, open stays counted as right-censored.

    Args:
        journal: the stays.
        by: a column to group by besides the stage: "who" or one of `dims`.
        closed: the stages that close a case.

    Raises:
        NotFound: if there is no such column.
    """
    trails = Trails.of(journal)
    known = closed_stages(trails, closed)
    group = None if by is None else journal.dimension(by)
    values = (*(group.values if group is not None else ()), None)
    held = np.full(len(journal), -1) if group is None else group.codes
    waits = ~is_closed(trails, known)[journal.stages.codes]
    took, ended = journal.sojourn()[waits], journal.next[waits] >= 0
    key = (journal.stages.codes * np.int64(len(values)) + held + 1)[waits]
    order = np.argsort(key, kind="stable")
    total = float((took / DAY_US).sum())
    rows: list[Bottleneck] = []
    for places in np.split(order, np.flatnonzero(np.diff(key[order])) + 1) if len(order) else ():
        code, who = divmod(int(key[places[0]]), len(values))
        spans, over = took[places], ended[places]
        lasting, waiting = ProductLimit.of(spans, over), float((spans / DAY_US).sum())
        rows.append(
            Bottleneck(
                trails.stages[code], values[who - 1], lasting.n, lasting.n_open,
                _days(lasting.quantile(0.5)), _days(lasting.quantile(0.9)),
                _days(float(np.median(spans[over])) if over.any() else None), waiting,
                waiting / total if total else 0.0,
            )
        )  # fmt: skip
    return Bottlenecks(tuple(sorted(rows, key=lambda row: -row.waiting)), known)


def _days(micros: float | None) -> float:
    return float("nan") if micros is None else micros / DAY_US


@attrs.frozen
class Handover:
    """Work handed from one person to another.

    Attributes:
        giver: who held the case before.
        taker: who held it next.
        n: how often.
        cases: in how many cases.
    """

    giver: str
    taker: str
    n: int
    cases: int


@attrs.frozen
class Handovers(Frameable[Handover]):
    """Hand-overs of work, the most frequent first.

    Attributes:
        rows: the pairs.
        kept: successions of stays in which the person stayed the same.
        unknown: successions in which one of the two is not known.
    """

    rows: tuple[Handover, ...]
    kept: int
    unknown: int

    def to_networkx(self) -> Any:
        """People as nodes; each edge has `n` and `cases`, and `weight`, which is `n`."""
        graph = networkx().DiGraph()
        for row in self.rows:
            graph.add_edge(row.giver, row.taker, n=row.n, cases=row.cases, weight=row.n)
        return graph


def handovers(journal: Journal) -> Handovers:
    """Who hands work over to whom: successive stays of a case that different people hold.

    Args:
        journal: the stays.
    """
    trails = Trails.of(journal)
    who, case, names = trails.take(journal.who.codes), trails.case, journal.who.values
    same = case[1:] == case[:-1]
    giver, taker, case = who[:-1][same].astype(np.int64), who[1:][same], case[1:][same]
    known = (giver >= 0) & (taker >= 0)
    passed = known & (giver != taker)
    pairs = (giver * len(names) + taker)[passed]
    distinct, n = np.unique(pairs, return_counts=True)
    # One entry for each pair and case.
    once = np.unique(np.stack([pairs, case[passed]]), axis=1)[0]
    cases = np.searchsorted(once, distinct, "right") - np.searchsorted(once, distinct, "left")
    rows = [
        Handover(names[pair // len(names)], names[pair % len(names)], *counts)
        for pair, *counts in zip(distinct.tolist(), n.tolist(), cases.tolist(), strict=True)
    ]
    rows.sort(key=lambda row: (-row.n, row.giver, row.taker))
    return Handovers(tuple(rows), int((known & ~passed).sum()), int((~known).sum()))
