"""What is sent to OpenSearch, and what is made of its answers. No server has seen these: the adapter is unverified."""

import json
from datetime import date
from pathlib import Path

import pytest

from crmkit.adapters.opensearch import OpenSearchIndex
from crmkit.errors import InvalidValue, NotFound, Unavailable
from crmkit.kb import Document
from crmkit.kb import query as ask

GOLDEN = json.loads(Path(__file__).with_name("opensearch_requests.json").read_bytes())
CARD = Document(
    "c1", {"title": "VAT", "text": "開具發票"}, {"kind": ["faq", "law"], "n": 2.5, "on": date(2026, 1, 2), "x": None}
)
SEARCHES = {
    "words": (ask.Text("VAT 发票"), [], [], 10),
    "all words": (ask.Text("issued invoices", op="all", field="title"), [], [], 10),
    "phrase": (ask.Phrase("credit note", slop=2), [], [], 10),
    "logic": (ask.And([ask.Or([ask.Term("vat"), ask.Boost(ask.Text("note"), 3)]), ask.Not(ask.Phrase("发票"))]), [], [], 10),
    "beginnings": (ask.Or([ask.Prefix("Inv"), ask.Fuzzy("invoise"), ask.Fuzzy("vat", edits=1, prefix=2)]), [], [], 10),
    "everything": (ask.MatchAll(), [], ["kind"], 0),
    "nothing": (ask.Or([ask.And([]), ask.Or([]), ask.Text("!")]), [], [], 1),
    "filters": (
        ask.MatchAll(),
        [
            ask.Eq("n", 2), ask.In("kind", ["faq", True]), ask.Exists("on"), ask.Without(ask.Eq("kind", "law")), ask.Range("n", 1, 2.5),
            ask.Range("on", date(2026, 1, 1)),
        ],
        ["kind", "a.*b"],
        5,
    ),
}  # fmt: skip


def sent(answer=None):
    """An index, and the requests that it has sent."""
    requests = []

    def send(method, path, body):
        requests.append([method, path, body])
        return answer or {}

    return OpenSearchIndex(send, "my cards"), requests


def test_an_index_is_made_and_written_as_recorded():
    """The mapping; a bulk request of one deletion and one document."""
    index, requests = sent()
    index.create()
    assert index.apply([CARD], delete=["old"]) == 2
    assert index.apply() == 0
    assert json.loads(json.dumps(requests)) == GOLDEN["written"]


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_are_sent_as_recorded(name):
    """One request for each question, filters and facets included; nothing typed is syntax."""
    assert sent()[0].request(*SEARCHES[name], None) == GOLDEN[name]


def test_an_answer_becomes_results():
    """Hits with their spans, an exact total, facets, notes of unknown words, and the next page."""
    source = OpenSearchIndex(lambda *_: {})._source(CARD)
    hit = {"_score": 1.5, "_source": {"id": "c1", "stored": source["stored"]}, "sort": [1.5, "c1"]}
    buckets = [{"key": source["values"][0], "doc_count": 2}]
    answer = {
        "hits": {"total": {"value": 3}, "hits": [hit, hit]},
        "aggregations": {
            "facet kind": {"buckets": buckets},
            "every": {"known": {"buckets": {"vat": {"doc_count": 1}, "zzz": {"doc_count": 0}}}},
        },
    }
    index, requests = sent(answer)
    found = index.search("vat zzz", facets=["kind"], limit=1)
    assert [(one.id, one.score, one.document.fields["n"]) for one in found.hits] == [("c1", 1.5, 2.5)]
    assert [(span.field, span.start, span.end) for span in found.hits[0].spans] == [("title", 0, 3)]
    assert (found.total, [note.words for note in found.notes]) == (3, [("zzz",)])
    assert [(one.value, one.count) for one in found.facets["kind"]] == [("faq", 2)]
    index.search("vat zzz", after=found.next)
    assert requests[-1][2]["search_after"] == [1.5, "c1"]


def test_what_cannot_be_asked_or_written_is_refused():
    """Texts, filters, cursors and queries that are none; a server that refuses."""
    index, requests = sent({"errors": True})
    for call in (
        lambda: index.request(ask.Text("vat", field="body"), [], [], 1, None),
        lambda: index.apply([Document("x", {"body": "vat"})]),
    ):
        with pytest.raises(NotFound):
            call()
    for query, filters, after in (
        (ask.Text("vat"), [ask.Range("name", "a", "b")], None),
        (ask.Text("vat"), [ask.Under("term", "a")], None),
        (ask.Text("vat"), ["kind"], None),
        (ask.Text("vat"), [], "x"),
        ("vat", [], None),
    ):
        with pytest.raises(InvalidValue):
            index.request(query, filters, [], 1, after)
    with pytest.raises(InvalidValue):
        OpenSearchIndex(lambda *_: {}, fields={"text": 0})
    assert not requests
    with pytest.raises(Unavailable):
        index.apply([CARD])
