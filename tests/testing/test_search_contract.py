"""The contract of search indexes: ours keeps it on every store, and what breaks it is named."""

import attrs
import pytest

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.kb import SegmentIndex
from crmkit.kb.query import Term, Text
from crmkit.testing.checking import Claims
from crmkit.testing.contracts import SearchIndexContract, check_search_index


class TestInMemory(SearchIndexContract):
    """Blobs in memory."""

    def make(self, tmp_path):
        return SegmentIndex(MemoryBlobStore())


class Kept(SegmentIndex):
    """An index in a file, with segments of two documents."""

    def __init__(self, folder):
        self.store = SqliteStore(folder / "index.db")
        super().__init__(self.store.blobs, segment=2)

    def close(self):
        self.store.close()


class TestInSqlite(SearchIndexContract):
    """Blobs in a file, shared by processes that are killed."""

    claims = Claims(processes=True, durable=True)

    def make(self, tmp_path):
        return Kept(tmp_path)


class Wrong(SegmentIndex):
    """Does one thing in another way."""

    def search(self, query, *, limit=10, **wishes):
        return self.change(super().search(query, limit=limit, **wishes), query)


class Silent(Wrong):
    """Says nothing about words that are left out."""

    def change(self, results, query):
        return attrs.evolve(results, notes=())


class Doubtful(Wrong):
    """Notes without need."""

    def change(self, results, query):
        return results if results.notes else attrs.evolve(results, notes=self.search("zzzzzzzz").notes)


class Guessing(Wrong):
    """Total of the page."""

    def change(self, results, query):
        return attrs.evolve(results, total=len(results.hits))


class PageFacets(Wrong):
    """Facets of nothing."""

    def change(self, results, query):
        return attrs.evolve(results, facets=dict.fromkeys(results.facets, ()))


class Forgetful(SegmentIndex):
    """Deletes nothing."""

    def apply(self, add=(), *, delete=()):
        return super().apply(add)


class Syntax(SegmentIndex):
    """Takes a minus for NOT."""

    def search(self, query, **wishes):
        return super().search(Term("x") if isinstance(query, Text) and query.text.startswith("-") else query, **wishes)


class Lossy(SegmentIndex):
    """Loses the last hit."""

    def search(self, query, **wishes):
        results = super().search(query, **wishes)
        return attrs.evolve(results, hits=results.hits[:-1]) if len(results.hits) > 2 else results


@pytest.mark.parametrize(("kind", "check"), [
    (Silent, "what_is_dropped_is_said"), (Doubtful, "what_is_dropped_is_said"), (Guessing, "pages_follow_each_other"), (PageFacets, "facets_count_what_matches"),
    (Forgetful, "changes_are_seen"), (Syntax, "nothing_typed_is_syntax"), (Lossy, "finds_what_a_scan_finds"),
])  # fmt: skip
def test_defects_are_found(kind, check):
    """An index with one planted defect fails the check that is about it."""
    with pytest.raises(AssertionError, match=check):
        check_search_index(lambda: kind(MemoryBlobStore()))
