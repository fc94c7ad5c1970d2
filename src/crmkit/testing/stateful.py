"""A state machine that drives any event store beside the memory store, which is taken to be right."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from crmkit.adapters.memory import MemoryEventStore
from crmkit.errors import Conflict, KeyReused
from crmkit.events import Edited, Event
from crmkit.protocols import EventStore, Query
from crmkit.testing._holds import HOSTILE_KEYS
from crmkit.values import Fields

__all__ = ["event_store_machine", "run_event_store_machine"]

_NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)

_cases = st.sampled_from(HOSTILE_KEYS)
_keys = st.none() | st.sampled_from(["k", "K", "k ", "键"])


def _fact(case: str, number: int, key: str | None, value: int) -> Event:
    return Edited(id=f"{case}#{number}", case=case, at=_NOW, recorded=_NOW, key=key, data=Fields(value=value))


_events = st.lists(st.builds(_fact, _cases, st.integers(1, 3), _keys, st.integers(0, 1)), max_size=3)
_queries = st.builds(
    Query,
    st.none() | st.frozensets(_cases, max_size=3),
    st.none() | st.frozensets(st.sampled_from(["Edited", "Moved"]), max_size=2),
    st.none() | st.frozensets(st.sampled_from(["k", "K"]), max_size=2),
)


def event_store_machine(make: Callable[[], EventStore]) -> type[RuleBasedStateMachine]:
    """The state machine of a store, for `hypothesis.stateful`.

    Args:
        make: gives an empty store at each call.
    """

    class EventStoreMachine(RuleBasedStateMachine):
        """Appends, conditions, retries and reads; both stores must answer alike."""

        def __init__(self) -> None:
            super().__init__()
            self.model: EventStore = MemoryEventStore()
            self.store = make()
            # Positions may have gaps: the model's are translated by rank.
            self.places: list[int] = [0]

        @rule(events=_events, query=st.none() | _queries, seen=st.integers(0, 5))
        def append(self, events: list[Event], query: Query | None, seen: int) -> None:
            """Append under a condition that looks back over some of the last events."""
            after = max(len(self.places) - 1 - seen, 0)
            expected = _outcome(lambda: self.model.append(events, unless=query, after=after))
            actual = _outcome(lambda: self.store.append(events, unless=query, after=self.places[after]))
            _same(_kind(actual), _kind(expected), f"append of {[one.id for one in events]} unless {query}")
            self.places = [0, *(recorded.position for recorded in self.store.read())]
            if isinstance(expected, int):
                _same(actual, self.places[expected], "the position that append returns")

        @precondition(lambda self: len(self.places) > 1)
        @rule(data=st.data())
        def retry(self, data: st.DataObject) -> None:
            """Append again what is stored already."""
            stored = data.draw(st.sampled_from(list(self.model.read())))
            _same(self.store.append([stored.event]), self.places[stored.position], "the position of a retry")

        @rule(query=_queries, limit=st.none() | st.integers(0, 4), skip=st.integers(0, 6))
        def read(self, query: Query, limit: int | None, skip: int) -> None:
            """Read a part."""
            after = min(skip, len(self.places) - 1)
            expected = [recorded.event for recorded in self.model.read(query, after=after, limit=limit)]
            actual = [recorded.event for recorded in self.store.read(query, after=self.places[after], limit=limit)]
            _same(actual, expected, f"read of {query} after {after}, limit {limit}")

        @invariant()
        def all_is_the_same(self) -> None:
            """Both hold the same events in the same order."""
            _same(_everything(self.store), _everything(self.model), "what is stored")

        def teardown(self) -> None:
            """Close what can be closed."""
            close = getattr(self.store, "close", None)
            if close is not None:
                close()

    return EventStoreMachine


def run_event_store_machine(make: Callable[[], EventStore], *, examples: int = 40) -> None:
    """Run the state machine.

    Args:
        make: gives an empty store at each call.
        examples: how many runs.

    Raises:
        AssertionError: with the shortest run in which both stores differ.
    """
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    how = settings(
        max_examples=examples, stateful_step_count=15, deadline=None, database=None, suppress_health_check=quiet
    )
    run_state_machine_as_test(event_store_machine(make), settings=how)


def _outcome(call: Callable[[], int]) -> int | Conflict | KeyReused:
    try:
        return call()
    except (Conflict, KeyReused) as refusal:
        return refusal


def _kind(outcome: object) -> type[object]:
    return type(outcome)


def _everything(store: EventStore) -> list[Event]:
    return [recorded.event for recorded in store.read()]


def _same(actual: Any, expected: Any, what: str) -> None:
    if actual != expected:
        raise AssertionError(f"{what}: the store says {actual!r}, memory says {expected!r}")
