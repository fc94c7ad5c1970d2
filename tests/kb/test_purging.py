"""Forgetting: no byte of what was deleted is left in an index, whoever writes meanwhile; and opening what is there."""

import pytest

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.errors import AnalyzerMismatch, Damaged, NotFound, Unavailable
from crmkit.kb import Document, SegmentIndex
from crmkit.kb.text import Analyzer


class Raced(MemoryBlobStore):
    """Lets somebody else write right before a swap."""

    other = None

    def swap(self, name, data, *, expected):
        """After the other one."""
        other, self.other = self.other, None
        if other is not None:
            self.other = other()
        return super().swap(name, data, expected=expected)


def bytes_of(store):
    """All that is kept."""
    return b"".join(store.get(name) + name.encode() for name in store.list())


def filled(store, size=30):
    """An index of many commits, in which every third document tells of Meier."""
    index = SegmentIndex(store)
    for number in range(size):
        text = "meierson pumps" if number % 3 else "secretword pumps"
        index.add([Document(f"d{number}", {"text": text}, {"by": text})])
    return index


def test_nothing_is_left_of_what_was_deleted():
    """Neither texts nor words nor fields, in live segments or in those that were merged away."""
    store = MemoryBlobStore()
    index = filled(store)
    index.delete([f"d{number}" for number in range(0, 30, 3)])
    assert b"secretword" in bytes_of(store)
    index.purge()
    assert b"secretword" not in bytes_of(store)
    assert b"meierson" in bytes_of(store)
    assert sorted(one.id for one in index.documents()) == sorted(f"d{number}" for number in range(30) if number % 3)
    assert index.search("pumps").total == len(index) == 20
    assert index.near_terms("secretword") == ()
    assert index.verify() == ()
    index.delete([one.id for one in index.documents()])
    index.purge()
    assert [*store.list()] == ["search/head"]


def test_an_index_that_is_not_there_has_nothing_to_forget():
    """It is not made by it."""
    store = MemoryBlobStore()
    SegmentIndex(store).purge()
    assert [*store.list()] == []
    assert SegmentIndex(store).documents() == ()


def test_documents_are_those_that_are_alive():
    """With texts and fields, each once, replaced ones as they are now."""
    index = SegmentIndex(MemoryBlobStore())
    index.add([Document("a", {"text": "1"}, {"n": 1}), Document("b", {"text": "2"})])
    index.add([Document("a", {"title": "t", "text": "3"}, {"n": 2})])
    index.delete(["b"])
    assert index.documents() == (Document("a", {"title": "t", "text": "3"}, {"n": 2}),)
    index.add([Document(name, {"text": name}) for name in "cdef"])
    index.delete(["d"])
    assert sorted(one.id for one in index.documents()) == ["a", "c", "e", "f"]


def test_others_write_meanwhile():
    """Their documents are kept, and what was to be forgotten is forgotten."""
    store = Raced()
    index = filled(store)
    index.delete(["d0"])
    for number in range(3, 30, 3):
        index.delete([f"d{number}"])

    def once():
        SegmentIndex(store).add([Document("new", {"text": "pumps"})])

    store.other = once
    index.purge()
    assert b"secretword" not in bytes_of(store)
    assert index.get("new") is not None


def test_it_gives_up_where_others_never_stop():
    """With what to do about it; nothing is lost."""
    store = Raced()
    index = filled(store, 4)

    def always():
        store.other = None
        other = SegmentIndex(store)
        other.add([Document("x", {"text": str(other._writer.head())[:9]})])
        return always

    store.other = always
    with pytest.raises(Unavailable, match="others keep changing it"):
        index.purge()
    store.other = None
    assert index.search("pumps").total == 4


def test_an_index_is_opened_as_it_was_made():
    """With its texts; one that is not there, was made by none of the analyzers, or is damaged is refused."""
    store = MemoryBlobStore()
    plain, other = Analyzer(), Analyzer(english=False)
    SegmentIndex(store, "cards", fields={"name": 3, "body": 1}, analyzer=other).add(
        [Document("a", {"name": "running"})]
    )
    index = SegmentIndex.opened(store, "cards", analyzers=iter([plain, other]))
    assert index.search("running").total == 1
    with pytest.raises(AnalyzerMismatch, match="any of those that were offered"):
        SegmentIndex.opened(store, "cards")
    with pytest.raises(NotFound, match="no index 'none'"):
        SegmentIndex.opened(store, "none")
    store.put("cards/head", b"[]")
    with pytest.raises(Damaged):
        SegmentIndex.opened(store, "cards")
