"""Laws: equations that hold for any pipeline and any metric, yours included.

Each law is a small function that takes one example and asserts; `check_pipeline` and `check_metric` run them on
hundreds of drawn examples. Both need hypothesis and work with and without pytest.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.events import Event, from_json, to_json
from crmkit.journal import Journal
from crmkit.pipeline import Case, Pipeline
from crmkit.testing._holds import holds
from crmkit.testing.strategies import histories, journals

__all__ = [
    "MergeableMetric",
    "check_metric",
    "check_pipeline",
    "merge_is_addition",
    "order_of_rows_does_not_matter",
    "replay_of_record_is_identity",
    "stays_tile_the_life_of_a_case",
    "text_form_loses_nothing",
]

State = TypeVar("State")


class MergeableMetric(Protocol[State]):
    """The contract of a metric: its state adds up."""

    def zero(self) -> State:
        """Nothing counted."""
        ...

    def update(self, state: State, journal: Journal, /) -> State:
        """The state with a journal added."""
        ...

    def merge(self, one: State, other: State, /) -> State:
        """Both states added up."""
        ...


def replay_of_record_is_identity(pipeline: Pipeline, case: Case, events: Sequence[Event]) -> None:
    """What was decided is what the facts say."""
    holds(pipeline.replay(events) == case, f"replaying {len(events)} facts of {case.id!r} gives another case")


def text_form_loses_nothing(pipeline: Pipeline, case: Case, events: Sequence[Event]) -> None:
    """Facts that went through text say the same."""
    again = [from_json(to_json(event)) for event in events]
    holds(again == list(events), "a fact changed on its way through text")
    replay_of_record_is_identity(pipeline, case, again)


def stays_tile_the_life_of_a_case(pipeline: Pipeline, case: Case, events: Sequence[Event]) -> None:
    """Stays follow each other without gap or overlap, and the last one is where the case stands."""
    visits = pipeline.timeline(events)
    for visit, after in pairwise(visits):
        holds((visit.left, visit.next) == (after.entered, after.stage), f"a gap after {visit.stage!r}")
    ends = (visits[0].entered, visits[-1].stage, visits[-1].left)
    holds(ends == (case.opened, case.stage, None), "the timeline does not span the case")


def merge_is_addition(metric: MergeableMetric[Any], parts: Sequence[Journal]) -> None:
    """Counting parts and adding them up, in either order and with nothing added, is counting the whole."""
    whole = metric.zero()
    for part in parts:
        whole = metric.update(whole, part)
    states = [metric.update(metric.zero(), part) for part in parts]
    forward, backward = metric.zero(), metric.zero()
    for state in states:
        forward, backward = metric.merge(forward, state), metric.merge(state, backward)
    holds(forward == whole, "merging the parts is not counting the whole")
    holds(backward == whole, "the order of merging matters")


def order_of_rows_does_not_matter(metric: MergeableMetric[Any], journal: Journal, order: Sequence[int]) -> None:
    """A shuffled journal has the same state."""
    one, other = metric.update(metric.zero(), journal), metric.update(metric.zero(), journal[np.array(order)])
    holds(one == other, "the order of rows matters")


def check_pipeline(pipeline: Pipeline, *, examples: int = 100) -> None:
    """Run every law of pipelines on drawn histories.

    Args:
        pipeline: any pipeline; guards are respected.
        examples: how many histories.

    Raises:
        AssertionError: naming the law, with the smallest history that breaks it.
    """
    laws: tuple[Callable[[Pipeline, Case, Sequence[Event]], None], ...] = (
        replay_of_record_is_identity,
        text_form_loses_nothing,
        stays_tile_the_life_of_a_case,
    )

    @settings(max_examples=examples, deadline=None, database=None)
    @given(histories(pipeline))
    def run(history: tuple[Case, list[Event]]) -> None:
        for law in laws:
            law(pipeline, *history)

    run()


def check_metric(metric: MergeableMetric[Any], pipeline: Pipeline, *, examples: int = 60) -> None:
    """Run every law of metrics on drawn journals.

    Args:
        metric: any object with `zero`, `update` and `merge` whose states compare.
        pipeline: the process whose journals are drawn.
        examples: how many journals.

    Raises:
        AssertionError: naming the law, with the smallest journal that breaks it.
    """

    @settings(max_examples=examples, deadline=None, database=None)
    @given(journals(pipeline), st.data())
    def run(journal: Journal, data: st.DataObject) -> None:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(journal)), max_size=3)))
        bounds = [0, *cuts, len(journal)]
        merge_is_addition(metric, [journal[a:b] for a, b in pairwise(bounds) if a < b])
        order_of_rows_does_not_matter(metric, journal, data.draw(st.permutations(range(len(journal)))))

    run()
