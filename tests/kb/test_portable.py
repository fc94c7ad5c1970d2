"""An index as plain data: what is in it, what it refuses. That a browser finds the same with it is tested where it does."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.errors import InvalidValue, NotFound
from crmkit.kb import Analyzer, Document, SegmentIndex, Text
from crmkit.kb._plan import rarity
from crmkit.kb.portable import portable_index

WORDS = st.sampled_from(["tax", "taxes", "invoice", "invoices", "税", "发票", "发票税", "don't", "x1"])
TEXTS = st.lists(WORDS, max_size=6).map(" ".join)
DOCUMENTS = st.lists(st.fixed_dictionaries({}, optional={"title": TEXTS, "text": TEXTS}), max_size=6).map(
    lambda some: [Document(f"d{place}", texts) for place, texts in enumerate(some)]
)


def postings(data):
    """From a term to what it is worth in each document, unpacked one by one."""
    found = {}
    for term, packed in zip(data["terms"], data["postings"], strict=True):
        place = -1
        for one in packed:
            place += one // data["steps"]
            found.setdefault(term, {})[data["ids"][place]] = one % data["steps"] / data["scale"]
    return found


@given(DOCUMENTS)
def test_what_a_term_is_worth_is_what_the_index_gives_for_it(documents):
    """For each term: the documents that a search for it finds, with its worth times its rarity as their score."""
    data = portable_index(documents)
    index = SegmentIndex(MemoryBlobStore(), "x")
    index.add(documents)
    found = postings(data)
    analyzer = Analyzer()
    assert found.keys() == {
        term for one in documents for text in one.texts.values() for term in analyzer.terms(text)[0]
    }
    for word in ("tax", "invoices", "don't", "x1", "税"):
        known = found.get(analyzer.tokens(word)[0].term, {})
        hits = {hit.id: hit.score for hit in index.search(Text(word, exact=True), limit=10).hits}
        weight = rarity(len(known), len(documents))
        assert hits == pytest.approx({id_: weight * worth for id_, worth in known.items()}, abs=2e-3)


def test_it_is_plain_and_small():
    """It goes through JSON unchanged, and holds neither the texts nor the fields of the documents."""
    data = portable_index([Document("b", {"text": "Taxes paid"}, {"secret": "zebra"}), Document("a", {"title": "税"})])
    assert json.loads(json.dumps(data)) == data
    assert (data["ids"], data["terms"]) == (["a", "b"], ["paid", "tax", "税"])
    assert (data["words"], data["owners"]) == (["paid", "taxes"], [0, 1])
    assert "zebra" not in json.dumps(data)


def test_an_index_of_nothing():
    """Without documents there are no terms, and the tables are there all the same."""
    data = portable_index([])
    assert (data["ids"], data["terms"], data["postings"], data["words"]) == ([], [], [], [])
    assert data["analyzer"] == Analyzer().portable()


def test_the_tables_follow_the_choices():
    """What an analyzer does not do is not carried along; its fingerprint says which one it was."""
    plain = Analyzer(english=False, simplify=False, stop=["The", "a"])
    carried = plain.portable()
    assert carried["fingerprint"] == plain.fingerprint
    assert (carried["stemming"], carried["folding"]["simplified"], carried["stop"]) == (None, [], ["a", "the"])
    usual = Analyzer().portable()
    assert ["發", "发"] in usual["folding"]["simplified"]
    assert ["ß", "ss"] in usual["folding"]["casefold"]
    assert usual["stemming"]["fourth"][0] == "ement"


@pytest.mark.parametrize(("given", "error", "said"), [
    (lambda: portable_index([Document("a", {}), Document("a", {})]), InvalidValue, "documents: 'a' comes twice"),
    (lambda: portable_index([Document("a", {"titel": "x"})]), NotFound, "did you mean 'title'"),
    (lambda: portable_index([], fields={}), InvalidValue, "positive weights"),
    (lambda: portable_index([], fields={"title": 0}), InvalidValue, "positive weights"),
    (lambda: portable_index([], analyzer=Analyzer(pinyin=True)), InvalidValue, "cannot be carried along"),
], ids=["twice", "stray text", "no fields", "no weight", "pinyin"])  # fmt: skip
def test_what_cannot_be_carried_is_refused(given, error, said):
    """Each refusal says what was wrong."""
    with pytest.raises(error, match=said):
        given()
