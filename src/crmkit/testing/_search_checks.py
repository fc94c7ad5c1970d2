"""What every search index must do: one small function a check, each given an empty index of title and text."""

from collections.abc import Callable
from functools import partial
from typing import Any

from crmkit.kb import query as ask
from crmkit.kb.index import SearchIndex
from crmkit.kb.results import Bucket, Document
from crmkit.kb.text import Analyzer
from crmkit.testing._holds import HOSTILE_KEYS, holds, threaded, together
from crmkit.testing._naive_search import NaiveIndex

__all__ = ["SEARCH_CHECKS"]

Check = Callable[[Any], None]

_DOCUMENTS = (
    Document("1", {"title": "VAT invoices", "text": "How to issue an invoice: 增值税发票"}, {"kind": "faq", "n": 1}),
    Document("2", {"title": "Credit notes", "text": "A credit note corrects an invoice."}, {"kind": "faq", "n": 2}),
    Document("3", {"title": "發票", "text": "開具發票的流程"}, {"kind": ["faq", "law"], "n": 2.5}),
    Document("4", {"title": "Notes of the meeting", "text": "no credit, but a note"}, {"n": 4}),
    Document("5", {}, {"kind": "empty"}),
)
_QUERIES: tuple[ask.Query, ...] = (
    ask.MatchAll(),
    ask.Text("invoice credit", exact=True),
    ask.Text("invoice credit", op="all", exact=True),
    ask.Text("发票", op="all", exact=True),
    ask.Text("票", exact=True),
    ask.Term("notes", field="title"),
    ask.Phrase("credit note"),
    ask.Phrase("credit note", slop=2),
    ask.Phrase("發票的"),
    ask.Prefix("inv"),
    ask.Fuzzy("invoise"),
    ask.And([ask.Text("note", exact=True), ask.Not(ask.Phrase("credit note"))]),
    ask.Or([ask.Term("vat"), ask.Boost(ask.Term("meeting"), 3)]),
    ask.And([]),
    ask.Or([]),
)
_FILTERS: tuple[ask.Filter, ...] = (
    ask.Eq("kind", "faq"),
    ask.In("n", [1, 4]),
    ask.Range("n", 2, 4),
    ask.Exists("n"),
    ask.Without(ask.Eq("kind", "law")),
)


def _found(index: SearchIndex, query: ask.Query | str, *filters: ask.Filter) -> list[str]:
    return [hit.id for hit in index.search(query, filters=filters, limit=100).hits]


def finds_what_a_scan_finds(index: SearchIndex) -> None:
    """Every query, with every filter, finds the documents that a scan finds, and no other."""
    index.apply(_DOCUMENTS)
    scan = NaiveIndex(_DOCUMENTS, {"title": 2.0, "text": 1.0}, Analyzer())
    for query in _QUERIES:
        for filters in ((), *((filter_,) for filter_ in _FILTERS)):
            expected, found = set(scan.search(query, filters)), set(_found(index, query, *filters))
            holds(found == expected, f"{query} with {filters} finds {sorted(found)}, not {sorted(expected)}")


def changes_are_seen(index: SearchIndex) -> None:
    """A document is replaced as a whole, and one that is deleted is no more found."""
    index.apply(_DOCUMENTS)
    index.apply([Document("1", {"text": "replaced"})], delete=["2", "no such id"])
    holds(_found(index, "replaced") == ["1"], "a replaced document is not found by its new text")
    holds(_found(index, ask.Term("vat")) == [], "a replaced document is found by its old text")
    holds(sorted(_found(index, ask.MatchAll())) == ["1", "3", "4", "5"], "a deleted document is found")


def ids_are_exact(index: SearchIndex) -> None:
    """Ids that differ in case, blanks, accents or signs are different documents."""
    index.apply(Document(key, {"text": "vat"}) for key in HOSTILE_KEYS)
    found = _found(index, "vat")
    holds(sorted(found) == sorted(HOSTILE_KEYS), f"{len(found)} of {len(HOSTILE_KEYS)} ids come back")


def nothing_typed_is_syntax(index: SearchIndex) -> None:
    """Operators of any engine's query language are words like others, or nothing."""
    index.apply(_DOCUMENTS)
    for typed in (
        '"',
        "AND",
        "NOT vat",
        "vat*",
        "title:vat",
        "(vat",
        "vat OR",
        "-vat",
        "vat~2",
        "vat^9",
        "\\",
        "'",
        "%",
    ):
        expected = "1" if "vat" in typed else ""
        holds(expected in ["", *_found(index, ask.Text(typed, exact=True))], f"{typed!r} does not find what it says")


def what_is_dropped_is_said(index: SearchIndex) -> None:
    """A word that is left out, or replaced by another, is in the notes; an answer to a plain question has none."""
    index.apply(_DOCUMENTS)
    holds(index.search("invoice").notes == (), "a plain question has notes")
    holds(any("zzzzzz" in note.words for note in index.search("invoice zzzzzz").notes), "a dropped word is not noted")
    notes = index.search("invoise").notes
    holds([note.kind for note in notes] == ["corrected"], f"a corrected word is not noted as such: {notes}")


def pages_follow_each_other(index: SearchIndex) -> None:
    """Pages of one are the whole list, also among equals; each has the total."""
    index.apply(Document(f"d{number}", {"text": "vat"}) for number in range(5))
    pages: list[str] = []
    after: str | None = None
    for _ in range(5):
        page = index.search("vat", limit=1, after=after)
        holds(page.total == 5, f"the total of a page is {page.total}, not 5")
        pages += [hit.id for hit in page.hits]
        after = page.next
    holds(pages == [f"d{number}" for number in range(5)] and after is None, f"pages are {pages}, then {after}")


def facets_count_what_matches(index: SearchIndex) -> None:
    """Facets count over all that match, not over the page."""
    index.apply(_DOCUMENTS)
    facets = index.search(ask.MatchAll(), limit=1, facets=["kind"]).facets
    expected = (Bucket("faq", 3), Bucket("empty", 1), Bucket("law", 1))
    holds(facets["kind"] == expected, f"the facets are {facets}")


def spans_lead_to_the_original(index: SearchIndex) -> None:
    """What stands at the spans is what was looked for, as it was written."""
    index.apply(_DOCUMENTS)
    hit = next(hit for hit in index.search("invoicing 发票").hits if hit.id == "3")
    marked = [hit.document.texts[span.field][span.start : span.end] for span in hit.spans]
    holds(marked == ["發票", "發票"], f"the spans mark {marked}")


def likeness_and_nearness(index: SearchIndex) -> None:
    """Documents like one, itself left out; words near one."""
    index.apply(_DOCUMENTS)
    alike = [hit.id for hit in index.similar("2").hits]
    holds("2" not in alike and {"1", "4"} <= set(alike), f"like document 2 are {alike}")
    near = [term.word for term in index.near_terms("invoise")]
    holds(near[:1] == ["invoice"], f"near invoise are {near}")


@threaded
def commits_of_threads_are_not_lost(index: SearchIndex) -> None:
    """Several threads add documents while one searches: all are found in the end, and of no commit only a part."""
    writers, each = 3, 5

    def write(writer: int) -> None:
        for number in range(each):
            index.apply([Document(f"{writer}-{number}-{part}", {"text": "vat"}) for part in "ab"])

    def read() -> None:
        for _ in range(10):
            total = index.search("vat", limit=0).total
            holds(total % 2 == 0, f"half of a commit is found: {total} documents")

    together([*(partial(write, number) for number in range(writers)), read])
    total = index.search("vat", limit=0).total
    holds(total == writers * each * 2, f"{total} documents are found, not {writers * each * 2}")


#: The checks of search indexes.
SEARCH_CHECKS: tuple[Check, ...] = (
    finds_what_a_scan_finds,
    changes_are_seen,
    ids_are_exact,
    nothing_typed_is_syntax,
    what_is_dropped_is_said,
    pages_follow_each_other,
    facets_count_what_matches,
    spans_lead_to_the_original,
    likeness_and_nearness,
    commits_of_threads_are_not_lost,
)
