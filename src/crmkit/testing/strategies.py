"""Hypothesis strategies: what crmkit itself is tested with."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from crmkit.events import Event
from crmkit.journal import Journal
from crmkit.pipeline import Accepted, Case, Pipeline
from crmkit.values import Money

__all__ = ["case_ids", "histories", "instants", "journals", "money"]

_START = datetime(2026, 1, 1, tzinfo=UTC)
Draw = Callable[..., Any]


def instants(
    first: datetime = datetime(2000, 1, 1, tzinfo=UTC), last: datetime = datetime(2050, 1, 1, tzinfo=UTC)
) -> st.SearchStrategy[datetime]:
    """Aware instants in UTC between two others."""
    naive = st.datetimes(first.astimezone(UTC).replace(tzinfo=None), last.astimezone(UTC).replace(tzinfo=None))
    return naive.map(_in_utc)


def money(*currencies: str) -> st.SearchStrategy[Money]:
    """Amounts in whole minor units of some currencies; EUR, CNY and JPY if none is named."""
    return st.builds(
        Money.from_minor, st.integers(-(10**12), 10**12), st.sampled_from(currencies or ("CNY", "EUR", "JPY"))
    )


def case_ids() -> st.SearchStrategy[str]:
    """Keys that adapters get wrong: case twins, trailing blanks, combining marks, wildcards, quotes, NUL, long ones."""
    hostile = [
        "D-1",
        "d-1",
        "D-1 ",
        "é",
        "e\u0301",
        "客户",
        "100%",
        "a_b",
        "'; --",
        '"',
        "NA",
        "null",
        "\x00",
        "x" * 1000,
    ]
    return st.sampled_from(hostile) | st.text(min_size=1, max_size=20)


@st.composite
def histories(
    draw: Draw,
    pipeline: Pipeline,
    *,
    case: str = "D-1",
    most: int = 12,
    apart: int = 0,
    fields: st.SearchStrategy[Any] | None = None,
) -> tuple[Case, list[Event]]:
    """A legal history of one case: the case as it stands, and its facts.

    Moves are drawn from what the pipeline allows in each stage; a move that needs fields or whose guard refuses is left
    out. Some facts are recorded late.

    Args:
        draw: given by hypothesis.
        pipeline: the process.
        case: the case id.
        most: the largest number of facts after the opening.
        apart: the least number of minutes between two facts; 0 draws facts of the same instant too.
        fields: values to draw required fields from; short texts if None.
    """
    values = fields or st.text(min_size=1, max_size=8).filter(str.strip)
    at = _START
    needed = {name: draw(values) for name in pipeline.stage(pipeline.start).requires}
    step = pipeline.open(case, at=at, recorded=at, who=draw(st.sampled_from(["ann", "bo"])), fields=needed)
    events = [step.event]
    for _ in range(draw(st.integers(0, most))):
        at += timedelta(minutes=draw(st.integers(apart, 60 * 24 * 20)))
        recorded = at + timedelta(hours=draw(st.integers(0, 72)))
        moves = pipeline.moves_from(step.case.stage)
        if not moves:
            break
        move = draw(st.sampled_from(moves))
        to = pipeline.moves[step.case.stage][move]
        wanted = {name: draw(values) for name in (*pipeline.stage(to.to).requires, *to.requires)}
        verdict = pipeline.try_move(
            step.case, move, at=at, recorded=recorded, who=draw(st.sampled_from(["ann", "bo"])), fields=wanted
        )
        if isinstance(verdict, Accepted):
            step = verdict.step
            events.append(step.event)
    return step.case, events


@st.composite
def journals(draw: Draw, pipeline: Pipeline, *, cases: int = 8, most: int = 8) -> Journal:
    """A journal of several legal histories, observed until some time after the last fact.

    Args:
        draw: given by hypothesis.
        pipeline: the process.
        cases: the largest number of cases.
        most: the largest number of facts of one case.
    """
    events: list[Event] = []
    for number in range(draw(st.integers(1, cases))):
        events += draw(histories(pipeline, case=f"D-{number}", most=most))[1]
    until = max(event.at for event in events) + timedelta(days=draw(st.integers(0, 30)))
    return Journal.from_events(events, stages=[stage.name for stage in pipeline.stages], as_of=until)


def _in_utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)
