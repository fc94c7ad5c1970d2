"""The contract kit catches what adapters get wrong, each defect planted on purpose."""

import itertools
import unicodedata

import attrs
import pytest

from crmkit.adapters.memory import MemoryBlobStore, MemoryEventStore, MemoryRecordStore
from crmkit.errors import KeyReused
from crmkit.protocols import Query, Recorded
from crmkit.testing.contracts import (
    EventStoreContract,
    check_blob_store,
    check_event_store,
    check_record_store,
    waived,
)


class IgnoresCondition(MemoryEventStore):
    """Appends whatever the condition says."""

    def append(self, events, *, unless=None, after=0):
        return super().append(events)


class NotAtomic(MemoryEventStore):
    """Stores event by event."""

    def append(self, events, *, unless=None, after=0):
        last = super().append([], unless=unless, after=after)
        for event in list(events):
            last = super().append([event])
        return last


class RetryDoubles(MemoryEventStore):
    """Forgets that it has seen a key."""

    def append(self, events, *, unless=None, after=0):
        self._named.clear()
        return super().append(events, unless=unless, after=after)


class AcceptsOtherPayload(MemoryEventStore):
    """Takes a known key for a retry, whatever it carries."""

    def append(self, events, *, unless=None, after=0):
        try:
            return super().append(events, unless=unless, after=after)
        except KeyReused:
            return len(self._events)


class FoldsKeys(MemoryEventStore):
    """Compares case ids in a way that loses something."""

    def read(self, query=None, *, after=0, limit=None):
        if query is None or query.cases is None:
            return super().read(query, after=after, limit=limit)
        wanted = {self.fold(case) for case in query.cases}
        plain = attrs.evolve(query, cases=None)
        found = (r for r in super().read(plain, after=after) if self.fold(r.event.case) in wanted)
        return itertools.islice(found, limit)


class IgnoresCase(FoldsKeys):
    """D-1 is d-1."""

    fold = staticmethod(str.casefold)


class IgnoresTrailingBlanks(FoldsKeys):
    """D-1 is "D-1 "."""

    fold = staticmethod(str.rstrip)


class NormalisesUnicode(FoldsKeys):
    """Two spellings of é are one."""

    @staticmethod
    def fold(text):
        return unicodedata.normalize("NFC", text)


class LimitOffByOne(MemoryEventStore):
    """Gives one event too many."""

    def read(self, query=None, *, after=0, limit=None):
        return super().read(query, after=after, limit=None if limit is None else limit + 1)


class LimitBeforeQuery(MemoryEventStore):
    """Counts events that the query leaves out."""

    def read(self, query=None, *, after=0, limit=None):
        return (r for r in super().read(after=after, limit=limit) if query is None or query.matches(r.event))


class AfterIsInclusive(MemoryEventStore):
    """Gives the last event again."""

    def read(self, query=None, *, after=0, limit=None):
        return super().read(query, after=max(after - 1, 0), limit=limit)


class ReadsBackwards(MemoryEventStore):
    """Newest first."""

    def read(self, query=None, *, after=0, limit=None):
        return reversed(list(super().read(query, after=after, limit=limit)))


class LosesFields(MemoryEventStore):
    """Drops what it does not know."""

    def read(self, query=None, *, after=0, limit=None):
        for recorded in super().read(query, after=after, limit=limit):
            known = {name: value for name, value in recorded.event.data.items() if isinstance(value, str | int)}
            yield Recorded(recorded.position, attrs.evolve(recorded.event, data=known))


class EmptySetIsEverything(MemoryEventStore):
    """An empty set of cases means no restriction."""

    def read(self, query=None, *, after=0, limit=None):
        return super().read(Query() if query and query.cases == frozenset() else query, after=after, limit=limit)


class ConditionChecksOwnCase(MemoryEventStore):
    """The condition looks only at the case that is written."""

    def append(self, events, *, unless=None, after=0):
        events = list(events)
        if unless is not None and unless.cases is not None and events:
            unless = attrs.evolve(unless, cases=unless.cases & {event.case for event in events})
        return super().append(events, unless=unless, after=after)


@pytest.mark.parametrize("store", [
    IgnoresCondition, NotAtomic, RetryDoubles, AcceptsOtherPayload, IgnoresCase, IgnoresTrailingBlanks, NormalisesUnicode,
    LimitOffByOne, LimitBeforeQuery, AfterIsInclusive, ReadsBackwards, LosesFields, EmptySetIsEverything,
    ConditionChecksOwnCase,
])  # fmt: skip
def test_planted_defects_of_event_stores_are_caught(store):
    """Each defect fails a check that names it."""
    with pytest.raises(AssertionError, match="_"):
        check_event_store(store, examples=10)


class StaleWrites(MemoryRecordStore):
    """Ignores the expected version."""

    def put(self, kind, id, value, *, expected=None):  # noqa: A002 - as in the protocol
        return super().put(kind, id, value)


class FoldedRecords(MemoryRecordStore):
    """Ids without regard to case."""

    def put(self, kind, id, value, *, expected=None):  # noqa: A002 - same
        return super().put(kind, id.casefold(), value, expected=expected)

    def get(self, kind, id):  # noqa: A002 - same
        return super().get(kind, id.casefold())


class PatternBlobs(MemoryBlobStore):
    """Takes a prefix for a pattern."""

    def list(self, prefix=""):
        import fnmatch

        return iter(sorted(n for n in self._blobs if fnmatch.fnmatchcase(n, prefix.replace("%", "*") + "*")))


class BlindSwaps(MemoryBlobStore):
    """Swaps whatever is expected."""

    def swap(self, name, data, *, expected):
        self.put(name, data)
        return True


@pytest.mark.parametrize(("check", "store"), [
    (check_blob_store, BlindSwaps), (check_record_store, StaleWrites), (check_record_store, FoldedRecords), (check_blob_store, PatternBlobs),
])  # fmt: skip
def test_planted_defects_of_other_stores_are_caught(check, store):
    """The same for records and blobs."""
    with pytest.raises(AssertionError, match="_"):
        check(store)


def test_a_standard_test_is_not_overridden_in_silence():
    """Overriding needs a reason."""
    with pytest.raises(TypeError, match="without saying why"):

        class Silent(EventStoreContract):
            def test_positions_rise(self, tmp_path):
                """Nothing."""

    class Honest(EventStoreContract):
        @waived("positions are random in this store")
        def test_positions_rise(self, tmp_path):
            """Nothing."""

    assert Honest.test_positions_rise.waived
    with pytest.raises(TypeError, match="must define make"):
        Honest().make("x")
