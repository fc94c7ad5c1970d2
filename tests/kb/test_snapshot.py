"""A state of the index remembers the terms it was asked about, not all of them for ever."""

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.kb import Document, SegmentIndex
from crmkit.kb.query import Term


def test_what_is_remembered_has_a_limit():
    """After more terms than are remembered, the first is answered as before."""
    index = SegmentIndex(MemoryBlobStore())
    index.add([Document("1", {"text": "vat"})])
    first = index.search("vat")
    for number in range(20_001):
        index.search(Term(f"x{number}"))
    assert index.search("vat") == first
    assert index.analyzer.fingerprint
