"""The thesaurus: what it refuses, what it finds in texts, and that no concept is ever lost."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors, InvalidValue, NaiveDatetime, NotFound
from crmkit.kb import Analyzer
from crmkit.kb.terms import Concept, Merged, Tag, Thesaurus

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TERMS = Thesaurus([
    Concept("finance", {"en": "Finance", "zh": "财务"}),
    Concept("invoicing", {"en": "Invoicing", "zh": "开票"}, alternative={"en": ["bill of sale", "bill"], "zh": "发票"}, hidden={"en": ["invocie"]}, broader="finance"),
    Concept("vat", {"en": "VAT", "zh": "增值税"}, alternative={"zh": ["增值税发票"]}, broader=["invoicing"], related="law"),
    Concept("law", {"zh": "法律"}, note={"en": "Only what courts decide"}),
    Concept("it", {"en": "IT"}),
    Concept("bank", {"en": "Bank"}),
    Concept("shore", {"en": "bank"}),
])  # fmt: skip


def found(text, thesaurus=TERMS):
    """The concepts of a text, and the passages."""
    return [("/".join(tag.concepts), text[tag.start : tag.end]) for tag in thesaurus.tag(text)]


def test_how_concepts_stand():
    """Above, below, beside and under, in the language of the reader."""
    assert len(TERMS) == 7
    assert [concept.id for concept in TERMS][:2] == ["finance", "invoicing"]
    assert "vat" in TERMS
    assert "tax" not in TERMS
    assert TERMS.broader("vat") == ("invoicing",)
    assert TERMS.narrower("finance") == ("invoicing",)
    assert TERMS.narrower("vat") == ()
    assert TERMS.under("finance") == ("finance", "invoicing", "vat")
    assert TERMS.related("law") == TERMS.related("law") == ("vat",)
    assert TERMS.related("vat") == ("law",)
    assert [TERMS.label("law", language) for language in ("en", "zh")] == ["法律", "法律"]
    assert TERMS.label("vat") == "VAT"
    assert Thesaurus([Concept("x", {})]).label("x") == "x"
    with pytest.raises(NotFound, match="did you mean 'finance'"):
        TERMS.get("finances")


@pytest.mark.parametrize(("text", "expected"), [
    ("We send bills.", [("invoicing", "bills")]), ("the bill of sale", [("invoicing", "bill of sale")]), ("bill of\nsale", [("invoicing", "bill of\nsale")]),
    ("bill. Of sale", [("invoicing", "bill")]), ("bill of, sale", [("invoicing", "bill")]), ("bill of\n\nsale", [("invoicing", "bill")]),
    ("billboard, debill", []), ("an INVOCIE", [("invoicing", "INVOCIE")]), ("ＶＡＴ", [("vat", "ＶＡＴ")]), ("vat", [("vat", "vat")]),
    ("開增值稅發票了", [("vat", "增值稅發票")]), ("开增值税和发票", [("vat", "增值税"), ("invoicing", "发票")]), ("发，票", []), ("财 务", [("finance", "财 务")]),
    ("it is IT", [("it", "IT")]), ("river bank", [("bank/shore", "bank")]), ("", []), ("…", []),
])  # fmt: skip
def test_what_is_found(text, expected):
    """The longest label, of whole words, in any script and width, and never across a stop or a comma."""
    assert found(text) == expected


def test_a_point_inside_a_label_is_no_stop():
    """A full stop ends a label only if a blank follows it."""
    thesaurus = Thesaurus([Concept("v", {"en": "GTX-Pro 3.5"})])
    assert found("a GTX Pro 3.5, not a GTX Pro 3. 5", thesaurus) == [("v", "GTX Pro 3.5")]


def test_the_written_form_decides_between_labels_of_one_stem():
    """Words of one stem ("experience", "experiment"): each is found for what it is, and what is neither may be both."""
    thesaurus = Thesaurus([Concept("u", {"en": "experience"}), Concept("v", {"en": "experiment"})])
    assert found("experience experiment experiments", thesaurus) == [
        ("u", "experience"),
        ("v", "experiment"),
        ("u/v", "experiments"),
    ]


def test_subjects_are_counted():
    """The most frequent come first; what is ambiguous is not counted, and is on record."""
    assert TERMS.subjects("VAT on bills; a bank, VAT") == (("vat", 2), ("invoicing", 1))
    assert TERMS.subjects("VAT on bills", limit=1) == (("invoicing", 1),)
    assert TERMS.ambiguous == {"Bank": ("bank", "shore")}
    assert Tag(("a", "b"), "x", 0, 1).clear is False


def test_stop_words_and_labels_without_letters():
    """Stop words of the analyzer count inside labels, and a label of signs alone is kept but never found."""
    thesaurus = Thesaurus(
        [Concept("a", {"en": "terms of payment"}), Concept("b", {"en": "§"})], analyzer=Analyzer(stop=["of"])
    )
    assert found("our terms of payment §", thesaurus) == [("a", "terms of payment")]


def test_a_merged_concept_is_still_found():
    """Labels, what was narrower and what was related go to the survivor; both ids lead there, in any number of steps."""
    merged = TERMS.merge("invoicing", into="finance", at=NOON, who="li", why="too fine").merge(
        "law", into="it", at=NOON
    )
    assert merged.merges[0] == Merged("invoicing", into="finance", at=NOON, who="li", why="too fine")
    assert merged.get("invoicing").alternative == {"en": ("Invoicing", "bill of sale", "bill"), "zh": ("开票", "发票")}
    assert merged.get("law").preferred == {"en": "IT", "zh": "法律"}
    assert merged.broader("vat") == ("finance",)
    assert merged.related("vat") == ("it",)
    assert merged.under("finance") == ("finance", "vat", "invoicing")
    assert found("an invoice", merged) == [("finance", "invoice")]
    again = merged.merge("finance", into="bank", at=NOON)
    assert again.current("invoicing") == "bank"
    assert again.get("bank").hidden == {"en": ("invocie",)}
    assert "invoicing" in again
    with pytest.raises(InvalidValue, match="the same already"):
        again.merge("invoicing", into="bank", at=NOON)
    with pytest.raises(InvalidValue, match="was merged into 'bank'"):
        again.put(Concept("finance", {"en": "Money"}))
    with pytest.raises(NaiveDatetime):
        TERMS.merge("law", into="it", at=NOON.replace(tzinfo=None))


def test_merging_must_not_make_a_ring():
    """What stands two steps above cannot be merged into what stands below; one step is no ring."""
    with pytest.raises(DefinitionErrors) as caught:
        TERMS.merge("finance", into="vat", at=NOON)
    assert "invoicing < vat < invoicing" in str(caught.value)
    merged = TERMS.merge("finance", into="invoicing", at=NOON)
    assert merged.broader("invoicing") == ()
    assert TERMS.merge("vat", into="finance", at=NOON).broader("finance") == ()


def test_put_replaces():
    """A concept with a known id takes the place of that one; another one is added."""
    assert TERMS.put(Concept("it", {"en": "Computers"})).label("it") == "Computers"
    assert len(TERMS.put(Concept("tax", {"en": "Tax"}, broader="law"))) == 8
    assert len(TERMS) == 7


WRONG = {
    "twice": ([Concept("a", {}), Concept("a", {})], (), "stands there 2 times"),
    "unknown": ([Concept("alpha", {}), Concept("b", {}, broader="alfa")], (), "broader: there is no concept 'alfa' .did you mean 'alpha'"),
    "unrelated": ([Concept("b", {}, related="x")], (), "related: there is no concept 'x'"),
    "ring": ([Concept("a", {}, broader="b"), Concept("b", {}, broader="c"), Concept("c", {}, broader="a"), Concept("d", {}, broader="b")], (), "1 problem\n.*'a': stands under itself: a < b < c < a$"),
    "self": ([Concept("a", {}, broader="a")], (), "a < a"),
    "rings": ([Concept("a", {}, broader="a"), Concept("b", {}, broader="b")], (), "2 problems"),
    "itself": ([Concept("a", {}, related="a")], (), "related to itself"),
    "below": ([Concept("a", {}, broader="b"), Concept("b", {}, related="a")], (), "'b': is related to 'a', which stands under it"),
    "above": ([Concept("a", {}, broader="b", related="b"), Concept("b", {})], (), "'a': is related to 'b', which it stands under"),
    "labels": ([Concept("a", {"en": "X"}, hidden={"en": "X"})], (), "'X' .en. is both its preferred and its hidden label"),
    "merged": ([Concept("a", {})], [Merged("b", into="aa", at=NOON)], "was merged into 'aa', which is no concept .did you mean 'a'"),
    "used": ([Concept("a", {})], [Merged("a", into="a", at=NOON)], "stands there 2 times"),
    "round": ([], [Merged("a", into="b", at=NOON), Merged("b", into="a", at=NOON)], "'b': was merged into itself"),
}  # fmt: skip


@pytest.mark.parametrize(("concepts", "merges", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_together(concepts, merges, message):
    """Whatever is wrong is said, all at once."""
    with pytest.raises(DefinitionErrors) as caught:
        Thesaurus(concepts, merges)
    assert re.search(message, str(caught.value))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Concept("", {}), "is no text without blanks"), (lambda: Concept(" a", {}), "without blanks"), (lambda: Concept(3, {}), "is no text"),
    (lambda: Concept("a", "b"), "by language"), (lambda: Concept("a", {"en": " "}), "is no text"), (lambda: Concept("a", {}, hidden=["b"]), "by language"),
    (lambda: Concept("a", {}, alternative={"en": [3]}), "is no text"),
])  # fmt: skip
def test_concepts_are_checked(make, message):
    """Ids and labels are texts, and labels have a language."""
    with pytest.raises(InvalidValue, match=message):
        make()


WORDS = st.sampled_from(["bill", "bills", "of", "sale", "发", "票", "IT", "it", "x"])
LABELS = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)


def slowly(concepts, text):
    """The oracle: at each word the longest label that fits there, by comparing the words one by one."""
    analyzer = Analyzer()
    terms = [(token.term, token.start, token.end) for token in analyzer.tokens(text) if token.kind != "pair"]
    place, spans = 0, []
    while place < len(terms):
        best = 0
        for concept in concepts:
            for label in concept.labels:
                wanted = [token.term for token in analyzer.tokens(label) if token.kind != "pair"]
                part = terms[place : place + len(wanted)]
                written = text[part[0][1] : part[-1][2]]
                if [term for term, *_ in part] == wanted and (label != "IT" or written.isupper()):
                    best = max(best, len(wanted))
        if best:
            spans.append((terms[place][1], terms[place + best - 1][2]))
        place += best or 1
    return spans


@given(st.lists(LABELS, max_size=6, unique=True), st.lists(WORDS, max_size=12).map(" ".join))
def test_tags_are_those_of_the_slow_way(labels, text):
    """The trie finds what comparing every label at every word finds."""
    concepts = [Concept(f"c{number}", {"en": label}) for number, label in enumerate(labels)]
    assert [(tag.start, tag.end) for tag in Thesaurus(concepts).tag(text)] == slowly(concepts, text)


@given(st.text(max_size=60))
def test_tags_lie_in_any_text(text):
    """Whatever the text, tags lie in it, in order, and do not overlap."""
    edges = [edge for tag in TERMS.tag(text) for edge in (tag.start, tag.end)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(text) for edge in edges)
