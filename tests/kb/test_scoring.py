"""The best documents, found without looking at all of them, are the best."""

from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.kb import Document, SegmentIndex, Text, _impacts, _scoring
from crmkit.kb.query import And, Boost, Eq, MatchAll, Not, Query

if TYPE_CHECKING:
    from crmkit.kb.results import Results


def _documents(size: int, seed: int) -> list[Document]:
    """Documents of words some of which are in most, some in few."""
    rng = np.random.default_rng(seed)
    return [
        Document(
            f"d{number:04d}",
            {"text": " ".join(f"w{word}" for word in rng.zipf(1.3, rng.integers(1, 12)) if word < 400)},
            {"half": number % 2},
        )
        for number in range(size)
    ]


def _all(index: SegmentIndex, query: Query, half: int | None) -> "list[tuple[str, float]]":
    """Everything that matches, by the way on which every document is scored."""
    filters = [] if half is None else [Eq("half", half)]
    found = index.search(And([query, MatchAll()]), filters=filters, limit=10_000)
    return [(hit.id, hit.score) for hit in found.hits]


def _index() -> SegmentIndex:
    index = SegmentIndex(MemoryBlobStore(), fields={"text": 1}, segment=256)
    index.add(_documents(900, 5))
    index.delete([f"d{number:04d}" for number in range(0, 900, 7)])
    return index


_INDEX = _index()
# What words are worth is kept in the form that their frequency gives it: each form has an index of its own.
_FORMS = {
    "all words are in few documents": (_INDEX, 1 << 12, 1 << 15),
    "some are in many": (_index(), 0, 1 << 15),
    "too many to sort": (_index(), 1 << 12, 0),
    "many, and too many": (_index(), 0, 0),
}


@given(
    form=st.sampled_from(sorted(_FORMS)),
    words=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    half=st.sampled_from([None, 0, 1]),
    limit=st.integers(1, 90),
    factor=st.sampled_from([1.0, 1e-6, 1e6]),
)
def test_the_best_are_those_of_a_full_count(
    form: str, words: list[int], half: int | None, limit: int, factor: float
) -> None:
    """Score for score, page for page, with filters, deletions, several segments and any number of hits."""
    query = Boost(Text(" ".join(f"w{word}" for word in words), exact=True), factor)
    index, some, sort = _FORMS[form]
    with patch.object(_impacts, "_SOME", some), patch.object(_scoring, "_SORTED", sort):
        expected = _all(index, query, half)
        filters = [] if half is None else [Eq("half", half)]
        page: Results = index.search(query, filters=filters, limit=limit)
        assert page.total == len(expected)
        assert [(hit.id, hit.score) for hit in page.hits] == expected[:limit]
        if page.next is not None:
            second = index.search(query, filters=filters, limit=limit, after=page.next)
            assert [(hit.id, hit.score) for hit in second.hits] == expected[limit : 2 * limit]


def test_scores_are_those_of_bm25() -> None:
    """A word that is twice in a document of four words, of two documents that have three words in the mean."""
    index = SegmentIndex(MemoryBlobStore(), fields={"text": 1})
    index.add([Document("a", {"text": "vat vat is here"}), Document("b", {"text": "nothing there"})])
    lengths = [
        sum(len(index.analyzer.terms(text)[0]) for text in texts) for texts in (["vat vat is here"], ["nothing there"])
    ]
    share = 1 - 0.75 + 0.75 * lengths[0] / (sum(lengths) / 2)
    expected = np.log1p((2 - 1 + 0.5) / (1 + 0.5)) * 2.2 * (2 / share) / (1.2 + 2 / share)
    assert index.search("vat").hits[0].score == pytest.approx(expected, rel=1e-6)


def test_what_does_not_fit_into_the_cache_is_computed_again() -> None:
    """An index that may keep next to nothing finds the same."""
    store = MemoryBlobStore()
    SegmentIndex(store, fields={"text": 1}, segment=256).add(_documents(900, 5))
    small, large = (SegmentIndex(store, fields={"text": 1}, cache=size) for size in (1 << 13, 1 << 26))
    for number in range(1, 40):
        query = Text(f"w{number} w{number + 1}", exact=True)
        assert small.search(query) == large.search(query)
    assert small.search(Not(Text("w1", exact=True))).total == large.search(Not(Text("w1", exact=True))).total


@pytest.mark.parametrize("query", [MatchAll(), Text("vat", exact=True)])
def test_equal_ones_come_in_order_of_their_ids(query: Query) -> None:
    """Of very many that score the same, in several segments, the pages have the first ids, whoever was written first."""
    names = [f"d{number * 7919 % 600:04d}" for number in range(600)]
    index = SegmentIndex(MemoryBlobStore(), fields={"text": 1}, segment=100)
    index.add([Document(name, {"text": "vat"}) for name in names])
    page = index.search(query, limit=5)
    assert [hit.id for hit in page.hits] == sorted(names)[:5]
    second = index.search(query, limit=5, after=page.next)
    assert [hit.id for hit in second.hits] == sorted(names)[5:10]


def test_no_hits_can_be_asked_for() -> None:
    """Of a search for nothing but the number of hits there is one, and no page after it."""
    found = _INDEX.search(Text("w1", exact=True), limit=0)
    assert (found.hits, found.next) == ((), None)
    assert found.total == len(_all(_INDEX, Text("w1", exact=True), None))
