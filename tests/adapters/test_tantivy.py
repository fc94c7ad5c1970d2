"""An index of tantivy keeps the contract of search indexes, and finds what ours finds."""

import pytest

pytest.importorskip("tantivy")

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.adapters.tantivy import TantivyIndex
from crmkit.errors import AnalyzerMismatch, InputError, InvalidValue, NotFound, Unavailable
from crmkit.kb import Analyzer, Document, SegmentIndex
from crmkit.kb.query import MatchAll, Text
from crmkit.testing.checking import Claims
from crmkit.testing.contracts import SearchIndexContract

CARDS = [
    Document(f"d{number:02d}", {"title": f"Case {number}", "text": text}, {"n": number})
    for number, text in enumerate(
        ["vat invoice", "invoice", "发票流程", "credit note and invoice", "dunning letter"] * 4
    )
]


class TestTantivy(SearchIndexContract):
    """A folder of its own for each test; a second writer is refused, so that threads take turns by themselves."""

    claims = Claims(threads=False)

    def make(self, tmp_path):
        return TantivyIndex(tmp_path / "index")


@pytest.fixture
def index(tmp_path):
    """Twenty cards, four of each text."""
    made = TantivyIndex(tmp_path / "cards")
    made.apply(CARDS)
    return made


def test_it_finds_what_ours_finds(index):
    """The same documents, corrections and totals, whatever is asked."""
    ours = SegmentIndex(MemoryBlobStore())
    ours.add(CARDS)
    for query in ("vat invoice", "invioce", "發票", "case 3", "credit zzzz", MatchAll(), Text("vat note", op="all")):
        mine, other = ours.search(query, limit=100), index.search(query, limit=100)
        assert {hit.id for hit in mine.hits} == {hit.id for hit in other.hits}
        assert (mine.total, mine.notes) == (other.total, other.notes)


def test_what_is_written_is_there_for_others(index, tmp_path):
    """Another reader sees a commit; a page after it says that the index has changed."""
    other = TantivyIndex(tmp_path / "cards")
    page = other.search("invoice", limit=2)
    index.apply([Document("new", {"text": "invoice"})], delete=["d00"])
    assert other.search(MatchAll()).total == 20
    later = other.search("invoice", limit=2, after=page.next)
    assert [note.kind for note in later.notes] == ["stale"]


def test_a_commit_is_all_or_nothing(index):
    """Of documents one of which is refused none is there."""
    with pytest.raises(NotFound):
        index.apply([Document("x", {"text": "fresh"}), Document("y", {"body": "fresh"})])
    assert index.search("fresh").total == 0
    assert index.apply([Document("x", {"text": "fresh"})])
    assert index.search("fresh").total == 1


def test_what_cannot_be_is_refused(index, tmp_path):
    """Other analyzers and texts, ids as one text, weights of nothing, folders of something else, two writers."""
    with pytest.raises(AnalyzerMismatch):
        TantivyIndex(tmp_path / "cards", analyzer=Analyzer(simplify=False))
    with pytest.raises(AnalyzerMismatch):
        TantivyIndex(tmp_path / "cards", fields={"text": 1})
    with pytest.raises(InvalidValue):
        TantivyIndex(tmp_path / "other", fields={})
    with pytest.raises(InvalidValue):
        index.apply(delete="d01")
    with pytest.raises(NotFound):
        index.similar("nobody")
    (tmp_path / "cards" / "crmkit.json").write_text("{")
    with pytest.raises(InputError):
        TantivyIndex(tmp_path / "cards")
    writer = index._index.writer(20_000_000, 1)
    with pytest.raises(Unavailable):
        index.apply()
    del writer


def test_like_and_near(index):
    """A document that the index does not have can be compared, and is not among the hits."""
    assert index.similar(Document("d01", {"text": "dunning"})).total == 4
    assert index.similar("d04", limit=2).hits[0].id == "d09"
    assert index.near_terms("invoise")[0].word == "invoice"
