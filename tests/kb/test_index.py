"""The index: what it finds, that this is what a scan of all documents finds, and what it says about the question."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import model
from crmkit.adapters.memory import MemoryBlobStore
from crmkit.errors import AnalyzerMismatch, Damaged, InputError, InvalidValue, NotFound
from crmkit.kb import Document, Phrase, SegmentIndex, Text
from crmkit.kb.query import And, Boost, Eq, Exists, Fuzzy, In, MatchAll, Not, Or, Prefix, Range, Term, Under, Without
from crmkit.kb.results import Bucket, Note, Span
from crmkit.kb.text import Analyzer
from crmkit.testing._naive_search import NaiveIndex
from crmkit.values import Money

from .asking import DOCUMENTS, FIELDS, FILTERS, IDS, QUERIES

ABC = st.lists(st.sampled_from("abc"), max_size=8).map(" ".join)


def indexed(*documents, **choices):
    """An index in memory."""
    made = SegmentIndex(MemoryBlobStore(), **choices)
    made.add(documents)
    return made


def texts(*some, **choices):
    """An index of documents d0, d1, ..."""
    return indexed(*(Document(f"d{number}", {"text": text}) for number, text in enumerate(some)), **choices)


def found(answer):
    """The ids of the hits."""
    return [hit.id for hit in answer.hits]


def same(answer, expected):
    """The same hits with the same scores, the best first."""
    assert {hit.id: pytest.approx(hit.score) for hit in answer.hits} == expected
    assert answer.total == len(expected)
    ranked = [(-hit.score, hit.id) for hit in answer.hits]
    assert ranked == sorted(ranked)


# -- the same as a scan


@given(st.lists(DOCUMENTS, max_size=12), st.lists(IDS, max_size=4), QUERIES, st.lists(FILTERS, max_size=2))
def test_a_scan_agrees(documents, gone, query, filters):
    """Whatever is asked of whatever is left, every document that a scan finds is found, no other, and with its score."""
    index = indexed(*documents[:5], fields=FIELDS, segment=3)
    index.apply(documents[5:], delete=gone)
    left = {document.id: document for document in documents[:5] if document.id not in gone}
    left |= {document.id: document for document in documents[5:]}
    expected = NaiveIndex(left.values(), FIELDS, Analyzer()).search(query, filters)
    assert len(index) == len(left)
    before = index.search(query, filters=filters, limit=100)
    same(before, expected)
    index.merge()
    assert index.search(query, filters=filters, limit=100) == before


@given(st.lists(ABC, max_size=4), ABC, st.integers(0, 3))
def test_phrases_are_those_of_a_scan(some, phrase, slop):
    """With three words in all, phrases repeat, overlap and have gaps, and a scan finds as many."""
    documents = [Document(str(number), {"title": text, "text": text[::-1]}) for number, text in enumerate(some)]
    expected = NaiveIndex(documents, FIELDS, Analyzer()).search(Phrase(phrase, slop))
    same(indexed(*documents, fields=FIELDS).search(Phrase(phrase, slop), limit=100), expected)


def test_scores_by_hand():
    """BM25F as the paper has it: two fields, one document that is longer than the mean."""
    one = Document("1", {"title": "vat", "text": "vat and more words"})
    index = indexed(one, Document("2", {"title": "else", "text": "no"}))
    # One of two documents has it: log(1 + 1.5 / 1.5). Mean lengths are 1 and 2.5.
    weighted = 2 * 1 / (0.25 + 0.75 * 1 / 1) + 1 * 1 / (0.25 + 0.75 * 4 / 2.5)
    assert index.search("vat").hits[0].score == pytest.approx(math.log(2) * 2.2 * weighted / (1.2 + weighted))


def test_a_long_posting_list_is_cut_into_blocks():
    """More postings than a block holds, more documents than a page: the last word and document are as near as the first."""
    index = texts(*(f"common word{number} also" for number in range(20_000)))
    assert index.search("common", limit=1).total == 20_000
    answer = index.search(Phrase("common word19999 also"))
    assert answer.hits[0].document == Document("d19999", {"text": "common word19999 also"})
    assert answer.total == 1


def test_large_documents():
    """A document larger than a page comes back, and so does the one behind it."""
    long = Document("a", {"text": "vat " * 20_000})
    index = indexed(long, Document("b", {"text": "vat"}), long, cache=10)
    assert index.search("vat").hits[0].document == long
    assert index.get("b").texts == {"text": "vat"}
    assert indexed(long).get("a") == long


def test_deleted_words_do_not_hide_others():
    """A word that only deleted documents have is corrected like one that nobody ever wrote."""
    index = texts("invoice", "invoise", "invoicx")
    index.delete(["d1", "d2"])
    assert found(index.search("invoise")) == ["d0"]
    assert found(index.search("invoixce")) == ["d0"]


# -- questions


@pytest.mark.parametrize(("query", "expected"), [
    (Text("vat credit"), ["d1", "d0", "d2"]), (Text("vat credit", op="all"), ["d1"]), (Text("vat credit note", op=2), ["d1", "d2"]),
    (Phrase("credit note"), ["d2"]), (Phrase("note credit"), []), (Phrase("vat note", slop=2), ["d1"]), (Phrase("vat note"), []),
    (Term("invoices"), ["d0"]), (Term("增值税"), ["d3"]), (Text("發票"), ["d3"]), (Phrase("税票"), []), (Prefix("inv"), ["d0"]), (Prefix("增值"), ["d3"]), (Prefix("?"), []), (Prefix("增"), ["d3"]),
    (And([Text("credit"), Not(Text("vat"))]), ["d2"]), (Or([]), []), (And([]), ["d0", "d1", "d2", "d3"]), (Text("—"), []),
    (Fuzzy("crdeit"), ["d2", "d1"]), (Fuzzy("crdeit", edits=0), []), (Fuzzy("xredit", prefix=1), []),
    (And([MatchAll(), Boost(Term("credit"), 2)]), ["d2", "d1"]), ("ＶＡＴ", ["d0", "d1"]), (Text('AND NOT "vat* (credit', exact=True), ["d1", "d0", "d2"]),
])  # fmt: skip
def test_queries(query, expected):
    """Words, phrases, beginnings, logic; nothing that a user types is an operator."""
    index = texts("vat invoice", "vat credit, the note", "a credit note", "增值税发票")
    assert found(index.search(query)) == expected


def test_common_chinese_words():
    """A word of two characters in a long run is found, in whichever script it is typed."""
    index = texts("增值税发票开具流程", "合同模板", fields={"text": 1})
    for asked in ("发票", "發票", "流程", "开"):
        assert found(index.search(asked)) == ["d0"], asked


@pytest.mark.parametrize(("asked", "expected", "note"), [
    ("invioce", ["d0"], Note("corrected", ("invioce",), ("invoices",), "is in no document; nearly alike")),
    ("credit notebook", ["d1"], Note("corrected", ("notebook",), ("note", "book"), "is two words in the documents")),
    ("cre dit", ["d1"], Note("corrected", ("cre", "dit"), ("credit",), "is one word in the documents")),
    ("vat zzzzz", ["d0"], Note("dropped", ("zzzzz",), (), "is in no document")),
    ("xy", [], Note("dropped", ("xy",), (), "is in no document")),
    ("龙 vat", ["d0"], Note("dropped", ("龙",), (), "is in no document")),
    ("12345", [], Note("dropped", ("12345",), (), "is in no document")),
    ("", [], Note("dropped", ("",), (), "holds no word to look for")),
])  # fmt: skip
def test_what_became_of_words_is_said(asked, expected, note):
    """A word that no document has is corrected, joined, split or dropped, and the answer says so."""
    answer = texts("vat invoices 10", "credit note book").search(asked)
    assert found(answer) == expected
    assert answer.notes == (note,)
    assert str(note).endswith((note.why, ")"))


def test_what_is_too_long_for_a_word_is_not_corrected():
    """Ten megabytes of letters are in no document, which is said at once."""
    answer = texts("vat invoice").search("x" * 10_000_000)
    assert (answer.total, [note.kind for note in answer.notes]) == (0, ["dropped"])


def test_exact_and_required_words():
    """`exact` corrects nothing; a required word that is unknown leaves nothing; stop words are required of nobody."""
    index = texts("vat invoice", analyzer=Analyzer(stop=["the"]))
    assert not index.search(Text("invioce", exact=True)).hits
    assert not index.search(Text("vat zzzzz", op="all")).hits
    answer = index.search(Text("the vat", op="all"))
    assert found(answer) == ["d0"]
    assert answer.notes == (Note("dropped", ("the",), (), "is a stop word"),)


@pytest.mark.parametrize(("query", "why"), [
    (Prefix("vat inv"), "is not the beginning of one word; only its last word was taken for one"), (Fuzzy("vat invoice"), "is not one word of letters; taken as a text"),
    (Prefix("w"), "stands for 60 words; the 50 that are in most documents were looked for"),
])  # fmt: skip
def test_what_is_not_supported_is_said_or_refused(query, why):
    """What an index cannot do is done nearly, left out, or refused, as the caller wants it."""
    index = texts("vat invoice", " ".join(f"w{chr(97 + n // 26)}{chr(97 + n % 26)}q" for n in range(60)))
    answer = index.search(query)
    assert [(note.kind, note.why) for note in answer.notes] == [("emulated", why)]
    assert answer.hits
    dropped = index.search(query, on_unsupported="degrade")
    assert not dropped.hits
    assert [note.kind for note in dropped.notes] == ["dropped"]
    with pytest.raises(InvalidValue, match=why.split(";")[0]):
        index.search(query, on_unsupported="error")


def test_pinyin():
    """With sounds, a homophone is found, and what is typed in pinyin."""
    pytest.importorskip("pypinyin", reason="pypinyin is not installed")
    index = texts("增值税发票", "合同", analyzer=Analyzer(pinyin=True))
    answer = index.search("fapiao")
    assert found(answer) == ["d0"]
    assert answer.notes == (Note("corrected", ("fapiao",), ("fa piao",), "was taken for pinyin"),)
    assert answer.hits[0].spans == (Span("text", 3, 5),)
    assert found(index.search("发漂")) == ["d0"]


# -- filters, facets, pages

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(("filters", "expected"), [
    ([Eq("n", 1)], "a"), ([Eq("n", Decimal("2.5"))], "b"), ([Eq("n", True)], "c"), ([In("n", [1, 2.5])], "ab"), ([Range("n", 1, 2.5)], "a"),
    ([Range("n", end=3)], "ab"), ([Range("n", 2)], "b"), ([Range("n", 9, 3)], ""), ([Exists("at")], "ab"), ([Without(Exists("at"))], "c"), ([Eq("none", 1)], ""),
    ([Eq("at", NOON.astimezone(timezone(timedelta(hours=8))))], "a"), ([Range("at", date(2026, 1, 1))], "b"), ([Range("worth", Money(2, "EUR"))], "a"),
    ([Under("term", "finance")], "ab"), ([Under("term", "tax")], "a"), ([Without(Under("term", "loop"))], "ab"), ([Eq("tags", "x"), Eq("tags", "y")], "a"),
])  # fmt: skip
def test_filters(filters, expected):
    """Numbers compare with numbers, days with days; a list counts as several values; a range excludes its end."""
    index = indexed(
        Document("a", {}, {"n": 1, "at": NOON, "worth": Money(5, "EUR"), "term": "tax", "tags": ["x", "y", "x"]}),
        Document("b", {}, {"n": Decimal("2.5"), "at": date(2026, 1, 5), "worth": Money(1, "EUR"), "term": "finance"}),
        Document("c", {}, {"n": True, "worth": Money(9, "USD"), "term": "loop"}),
    )  # fmt: skip
    narrower = {"finance": ["tax"], "loop": ["loop"]}
    answer = index.search(MatchAll(), filters=filters, narrower=lambda term: narrower.get(term, []))
    assert "".join(found(answer)) == expected


def test_facets_count_all_that_match():
    """Not only those on the page, over all segments, the most frequent first."""
    index = indexed(*(Document(str(n), {"text": "vat"}, {"k": n % 3, "tags": ["x"]}) for n in range(10)), segment=4)
    answer = index.search("vat", facets=["k", "tags", "none"], limit=0)
    assert answer.facets == {"k": (Bucket(0, 4), Bucket(1, 3), Bucket(2, 3)), "tags": (Bucket("x", 10),), "none": ()}
    assert (answer.hits, answer.total, answer.next) == ((), 10, None)
    assert index.search("vat", facets=["k"], buckets=1).facets == {"k": (Bucket(0, 4),)}


@given(st.lists(DOCUMENTS, max_size=12), QUERIES, st.integers(1, 4))
def test_pages_are_the_whole(documents, query, limit):
    """Page after page is what one long page holds, also where scores are equal and where segments meet."""
    index = indexed(*documents, fields=FIELDS, segment=3)
    whole = index.search(query, limit=100)
    pages, after = [], None
    while True:
        page = index.search(query, limit=limit, after=after)
        assert page.total == whole.total
        pages += page.hits
        after = page.next
        if after is None:
            break
    assert tuple(pages) == whole.hits


def test_a_page_of_an_index_that_changed_is_marked():
    """The next page is of the new state, and says so; a cursor belongs to its question."""
    index = texts("vat", "vat", "vat")
    first = index.search("vat", limit=1)
    index.delete(["d1"])
    second = index.search("vat", limit=1, after=first.next)
    assert found(second) == ["d2"]
    assert [note.kind for note in second.notes] == ["stale"]
    index.delete(["d0"])
    assert found(index.search("vat", limit=1, after=first.next)) == ["d2"]
    with pytest.raises(InvalidValue, match="belongs to another question"):
        index.search("credit", after=first.next)
    for nonsense in ("?", "", "bnVsbA==", "WzEsMiwzLDRd", "WzEsMSwiYSIsMSwxXQ==", "€"):
        with pytest.raises(InvalidValue, match="is no cursor"):
            index.search("vat", after=nonsense)


# -- hits


def test_spans_lead_to_the_original():
    """What stands at a span is what was meant: accents, full width, stems, pairs of characters."""
    text = "Ｉｎｖｏｉｃｅｓ: 開具發票的流程, 票"
    hit = texts(text).search("invoice 发票").hits[0]
    assert [text[span.start : span.end] for span in hit.spans] == ["Ｉｎｖｏｉｃｅｓ", "發票"]
    assert hit.reasons == {"text": ("Ｉｎｖｏｉｃｅｓ", "發票")}
    assert texts("增值税").search("增值税").hits[0].spans == (Span("text", 0, 3),)


def test_single_characters_are_marked_where_nothing_better_is():
    """A document that has only one of the characters shows it."""
    hit = texts("传票", "发票").search("发票").hits[1]
    assert hit.reasons == {"text": ("票",)}


def test_field_of_a_query_is_the_field_of_the_span():
    """A word that is looked for in titles is marked in titles."""
    index = indexed(Document("1", {"title": "vat", "text": "vat"}))
    assert index.search(Text("vat", field="title")).hits[0].spans == (Span("title", 0, 3),)


def test_documents_come_back():
    """A hit holds the document; the model's documents are taken with their fields."""
    document = model.Document("m", "Title", "Some text", at=NOON, customer="K", fields={"x": [1, 2]})
    index = indexed(document)
    assert index.search("text").hits[0].document == Document.of(document)
    assert index.get("m").fields == {"x": (1, 2), "at": NOON, "customer": "K"}
    assert index.get("none") is None
    assert index.delete(["m", "none"]) == 2
    assert index.get("m") is None
    assert index.delete(["m"]) == 2


def test_similar():
    """Documents that share rare words, not the document itself; a document that is not in the index may be given."""
    index = texts("vat invoice germany", "germany vat rules", "holiday plan", "plan b")
    assert found(index.similar("d0")) == ["d1"]
    assert found(index.similar(Document("new", {"text": "a plan"}), limit=1)) == ["d2"]
    assert index.similar("d0", filters=[Exists("x")]).total == 0
    with pytest.raises(NotFound, match="no document 'none'"):
        index.similar("none")


def test_near_terms():
    """Words that differ by few letters, the nearest first, as they are written."""
    index = texts("invoices invoice", "invoice voice", "choice")
    near = index.near_terms("invoise")
    assert [(term.word, term.documents, term.edits) for term in near] == [("invoice", 2, 1)]
    assert [term.word for term in index.near_terms("vioce choic", limit=2)] == ["choice", "voice"]


# -- mistakes


@pytest.mark.parametrize(("call", "kind", "why"), [
    (lambda index: index.search(Text("a", field="txt")), NotFound, "no text 'txt' .did you mean 'text'"),
    (lambda index: index.search(MatchAll(), filters=[Under("t", "x")]), InvalidValue, "narrower"),
    (lambda index: index.search(MatchAll(), filters=[Range("n", 1, "a")]), InvalidValue, "one kind of value to another"),
    (lambda index: index.search("a", limit=-1), InvalidValue, "limit"), (lambda index: index.search("a", limit=True), InvalidValue, "limit"),
    (lambda index: index.search("a", after=5), InvalidValue, "is no cursor"), (lambda index: index.search("a", after="é"), InvalidValue, "is no cursor"),
    (lambda index: index.search(Eq("a", 1)), InvalidValue, "is no query"), (lambda index: index.search("a", on_unsupported="x"), InvalidValue, "none of error"),
    (lambda index: index.add([Document("1", {"txt": ""})]), NotFound, "no text 'txt'"), (lambda index: index.delete("abc"), InvalidValue, "several ids"),
    (lambda _: Document("1", {"text": 5}), InvalidValue, "is no text"), (lambda _: indexed(fields={}), InvalidValue, "fields"),
    (lambda _: indexed(fields={"a": 0}), InvalidValue, "positive"), (lambda _: indexed(segment=0), InvalidValue, "segment"),
])  # fmt: skip
def test_mistakes(call, kind, why):
    """What cannot be meant is refused with the place and what is allowed."""
    with pytest.raises(kind, match=why):
        call(texts("a"))


def test_deep_questions_are_refused():
    """A question may be deep, but not without end."""
    query = Text("a")
    for _ in range(100):
        query = Not(query)
    with pytest.raises(InvalidValue, match="deeper than 64"):
        texts("a").search(query)


def test_another_analyzer_is_refused_and_rebuilt():
    """An index made in another way is not searched in vain; `rebuild` makes it anew."""
    store = MemoryBlobStore()
    SegmentIndex(store).add([Document("1", {"text": "running"})])
    other = SegmentIndex(store, analyzer=Analyzer(english=False))
    for call in (lambda: other.search("running"), lambda: other.add([]), lambda: len(other)):
        with pytest.raises(AnalyzerMismatch, match=r"cannot be searched .* rebuild"):
            call()
    other.rebuild()
    assert found(other.search("running")) == ["1"]
    assert not other.search(Text("run", exact=True)).hits
    with pytest.raises(AnalyzerMismatch, match="texts text"):
        SegmentIndex(store, fields={"text": 1}, analyzer=Analyzer(english=False)).search("a")


def test_damage_is_found():
    """A blob that was changed or lost, a head that is none or of the future: said, never searched."""
    for change in (lambda data: data[:-1] + b"!", lambda data: b"", lambda data: None):
        store = MemoryBlobStore()
        SegmentIndex(store).add([Document("1", {"text": "vat"})])
        name = next(one for one in store.list() if one.endswith("/postings-00000"))
        changed = change(store.get(name))
        store.delete(name) if changed is None else store.put(name, changed)
        with pytest.raises(Damaged, match="postings-00000"):
            SegmentIndex(store).search("vat")
    for head, kind in ((b"{", Damaged), (b"[]", Damaged), (b'{"format": 9}', InputError)):
        store.put("search/head", head)
        with pytest.raises(kind):
            SegmentIndex(store).search("vat")
