"""The checks of what stores may offer besides: the stores of the library pass, and a store that cheats does not."""

import pytest

from crmkit.adapters.memory import MemoryEventStore, MemoryRecordStore, MemoryStore
from crmkit.protocols import ErasableEvents, MovableRecords, Scrubbable
from crmkit.testing.keeping import check_erasable_events, check_movable_records


def test_every_store_can_be_moved_and_can_forget(new_store):
    """All of them pass both checks."""
    check_movable_records(lambda: new_store().records)
    check_erasable_events(lambda: new_store().events)
    store = new_store()
    assert isinstance(store.records, MovableRecords)
    assert isinstance(store.events, ErasableEvents)
    assert isinstance(store, Scrubbable) == (not isinstance(store, MemoryStore))


class Forgetful(MemoryRecordStore):
    """Begins versions anew."""

    def restore(self, record):
        """With another version."""
        self.put(record.kind, record.id, record.value)


class Torn(MemoryEventStore):
    """Changes what it can, and then refuses."""

    def rewrite(self, changed):
        """One after the other."""
        for one in changed:
            super().rewrite([one])


@pytest.mark.parametrize(("check", "store"), [(check_movable_records, Forgetful), (check_erasable_events, Torn)])
def test_a_store_that_cheats_is_found(check, store):
    """Versions that begin anew, and a change that is half done."""
    with pytest.raises(AssertionError):
        check(store)
