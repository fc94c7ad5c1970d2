"""The memory stores pass the contracts they define."""

from crmkit.adapters.memory import MemoryBlobStore, MemoryEventStore, MemoryRecordStore
from crmkit.testing.contracts import (
    BlobStoreContract,
    EventStoreContract,
    RecordStoreContract,
    check_blob_store,
    check_event_store,
    check_record_store,
)


class TestMemoryEvents(EventStoreContract):
    """Events in memory."""

    def make(self, tmp_path):
        return MemoryEventStore()


class TestMemoryRecords(RecordStoreContract):
    """Records in memory."""

    def make(self, tmp_path):
        return MemoryRecordStore()


class TestMemoryBlobs(BlobStoreContract):
    """Blobs in memory."""

    def make(self, tmp_path):
        return MemoryBlobStore()


def test_the_same_checks_run_without_pytest():
    """The plain functions run every check."""
    check_event_store(MemoryEventStore, examples=5)
    check_record_store(MemoryRecordStore)
    check_blob_store(MemoryBlobStore)
