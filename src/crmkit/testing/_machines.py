"""State machines that drive record stores, blob stores and search indexes beside what is taken to be right."""

from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from crmkit.adapters.memory import MemoryBlobStore, MemoryRecordStore
from crmkit.errors import Conflict
from crmkit.kb import query as ask
from crmkit.kb.results import Document
from crmkit.kb.text import Analyzer
from crmkit.testing._holds import HOSTILE_KEYS
from crmkit.testing._naive_search import NaiveIndex

__all__ = ["run_machine"]

_names = st.sampled_from(HOSTILE_KEYS)
_kinds = st.sampled_from(["customer", "Customer", "customer "])
_values = st.fixed_dictionaries({}, optional={"n": st.integers(0, 2), "name": _names, "none": st.none()})
_expected = st.none() | st.integers(0, 3)
_bytes = st.sampled_from([b"", b"a", b"A", b"\0", b"x" * 5000])
_words = st.sampled_from(["invoice", "invoices", "note", "credit", "发票", "发", "NOTE"])
_documents = st.builds(
    Document,
    st.sampled_from(["1", "01", "a", "A", "é"]),
    st.fixed_dictionaries({}, optional={"title": _words, "text": st.lists(_words, max_size=4).map(" ".join)}),
    st.fixed_dictionaries({}, optional={"n": st.integers(0, 3)}),
)
_pairs = st.tuples(_words, _words).map(" ".join)
_texts = st.builds(ask.Text, _words, exact=st.just(True))
_queries: st.SearchStrategy[ask.Query] = st.one_of(
    st.just(ask.MatchAll()),
    _texts,
    st.builds(ask.Text, _pairs, op=st.just("all"), exact=st.just(True)),
    st.builds(ask.Phrase, _pairs),
    st.builds(ask.Not, _texts),
)


class _Machine(RuleBasedStateMachine):
    """What they share; a subclass has the `make` of the store."""

    make: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self.store = type(self).make()

    def teardown(self) -> None:
        """Close what can be closed."""
        close = getattr(self.store, "close", None)
        if close is not None:
            close()


class _Records(_Machine):
    """Puts, deletes and questions under versions; both stores must answer alike."""

    def __init__(self) -> None:
        super().__init__()
        self.model = MemoryRecordStore()

    @rule(kind=_kinds, name=_names, value=_values, expected=_expected)
    def put(self, kind: str, name: str, value: dict[str, Any], expected: int | None) -> None:
        """Store a record."""
        self._both(f"put of {kind} {name!r}", lambda store: store.put(kind, name, value, expected=expected))

    @rule(kind=_kinds, name=_names, expected=_expected)
    def delete(self, kind: str, name: str, expected: int | None) -> None:
        """Remove a record."""
        self._both(f"delete of {kind} {name!r}", lambda store: store.delete(kind, name, expected=expected))

    @rule(kind=_kinds, name=_names)
    def get(self, kind: str, name: str) -> None:
        """Look a record up."""
        self._both(f"get of {kind} {name!r}", lambda store: store.get(kind, name))

    @rule(kind=_kinds, where=_values)
    def find(self, kind: str, where: dict[str, Any]) -> None:
        """Ask by fields."""
        self._both(f"find of {kind} where {where}", lambda store: list(store.find(kind, where)))

    @invariant()
    def all_is_the_same(self) -> None:
        """Both hold the same records."""
        kinds = ("customer", "Customer", "customer ")
        self._both("what is stored", lambda store: [list(store.find(kind)) for kind in kinds])

    def _both(self, what: str, call: Callable[[Any], object]) -> None:
        _same(_outcome(lambda: call(self.store)), _outcome(lambda: call(self.model)), what)


class _Blobs(_Machine):
    """Puts, swaps, deletes and lists; both stores must answer alike."""

    def __init__(self) -> None:
        super().__init__()
        self.model = MemoryBlobStore()

    @rule(name=_names, data=_bytes)
    def put(self, name: str, data: bytes) -> None:
        """Store bytes."""
        self._both(f"put of {name!r}", lambda store: store.put(name, data))

    @rule(name=_names, data=_bytes, expected=st.none() | _bytes)
    def swap(self, name: str, data: bytes, expected: bytes | None) -> None:
        """Store bytes if others are there."""
        self._both(f"swap of {name!r}", lambda store: store.swap(name, data, expected=expected))

    @rule(name=_names)
    def delete(self, name: str) -> None:
        """Remove bytes."""
        self._both(f"delete of {name!r}", lambda store: store.delete(name))

    @rule(prefix=_names)
    def list(self, prefix: str) -> None:
        """List names."""
        self._both(f"list of {prefix!r}", lambda store: [*store.list(prefix)])

    @invariant()
    def all_is_the_same(self) -> None:
        """Both hold the same bytes."""
        self._both("what is stored", lambda store: {name: store.get(name) for name in store.list()})

    def _both(self, what: str, call: Callable[[Any], object]) -> None:
        _same(call(self.store), call(self.model), what)


class _Search(_Machine):
    """Documents come, change and go; a search finds what a scan finds."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: dict[str, Document] = {}

    @rule(add=st.lists(_documents, max_size=3, unique_by=lambda one: one.id), delete=st.frozensets(_names, max_size=1),
          gone=st.frozensets(st.sampled_from(["1", "a", "é"]), max_size=2))  # fmt: skip
    def apply(self, add: list[Document], delete: frozenset[str], gone: frozenset[str]) -> None:
        """A commit."""
        self.store.apply(add, delete=sorted(delete | gone))
        for name in delete | gone:
            self.documents.pop(name, None)
        self.documents |= {one.id: one for one in add}

    @rule(query=_queries, least=st.none() | st.integers(0, 3))
    def search(self, query: ask.Query, least: int | None) -> None:
        """A question."""
        filters = [] if least is None else [ask.Range("n", least, 3)]
        scan = NaiveIndex(self.documents.values(), {"title": 2.0, "text": 1.0}, Analyzer())
        found = self.store.search(query, filters=filters, limit=100)
        _same({hit.id for hit in found.hits}, set(scan.search(query, filters)), f"search for {query} with {filters}")
        _same(found.total, len(found.hits), f"the total of {query}")

    @invariant()
    def all_is_the_same(self) -> None:
        """All documents are found, as they are now."""
        found = {hit.id: hit.document for hit in self.store.search(ask.MatchAll(), limit=100).hits}
        _same(found, self.documents, "what is stored")


_MACHINES = {"records": _Records, "blobs": _Blobs, "search": _Search}


def run_machine(kind: str, make: Callable[[], Any], *, examples: int) -> None:
    """Run the state machine of a kind of store.

    Raises:
        AssertionError: with the shortest run in which both differ.
    """
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    how = settings(
        max_examples=examples, stateful_step_count=15, deadline=None, database=None, suppress_health_check=quiet
    )
    machine: Any = type(f"{kind}_machine", (_MACHINES[kind],), {"make": staticmethod(make)})
    run_state_machine_as_test(machine, settings=how)


def _outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except Conflict as refusal:
        return "Conflict", refusal.position


def _same(actual: object, expected: object, what: str) -> None:
    if actual != expected:
        raise AssertionError(f"{what}: the store says {actual!r}, it should be {expected!r}")
