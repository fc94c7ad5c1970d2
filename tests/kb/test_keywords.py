"""Keywords: against the keys that people gave, by hand, and whatever the text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.kb import Analyzer
from crmkit.kb.keywords import Corpus

from .keyword_scores import f1

PUMPS = ["The pump leaks oil.", "The pump is loud.", "The valve of the pump is stuck.", "The oil is old."]
INVOICES = ["增值税发票开错了怎么办", "增值税发票可以重开", "增值税的税率变了", "发票丢了怎么办", "税率是多少"]
TEXTS = st.text(st.sampled_from("abc the pump 12.,-\n发票税的了é") | st.characters(), max_size=60)


def words(keywords):
    """The texts alone."""
    return [keyword.text for keyword in keywords]


def test_rare_words_and_phrases_come_first():
    """What few documents say counts more than what all say; function words and signs part phrases."""
    corpus = Corpus.of(PUMPS)
    assert corpus.documents == 4
    assert corpus.frequencies["pump"] == 3
    assert "valv of" not in corpus.frequencies
    found = corpus.keywords("The pump, its relief valves (the relief valve is worn)")
    assert words(found) == ["relief valves", "worn", "relief", "pump", "valves"]
    assert (found[0].count, found[0].start, found[0].end) == (2, 14, 27)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_early_words_come_first():
    """Of two words that are alike in all else, the one that comes first counts more."""
    text = "alpha " + "and the " * 40 + "omega"
    assert words(Corpus.of(PUMPS).keywords(text)) == ["alpha", "omega"]


def test_a_part_of_a_phrase_counts_less():
    """A word that only occurs inside a phrase stands behind the phrase."""
    found = words(Corpus.of(PUMPS).keywords("customer lifetime value. customer lifetime value. churn. churn."))
    assert found[:2] == ["customer lifetime value", "churn"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("of the", []),
        ("", []),
        ("3 4", []),
        ("go", []),
        ("gearbox 3", ["gearbox"]),
        ("Q3 2026", []),
        ("A&B-test", ["B-test", "test"]),
    ],
)
def test_what_is_no_keyword(text, expected):
    """Numbers at an end, one or two letters, and function words are no keywords."""
    assert words(Corpus().keywords(text)) == expected


def test_chinese_words_are_found_without_a_dictionary():
    """What stands together in several places is a word; a part of it is not listed beside it; traditional is the same."""
    corpus = Corpus.of(INVOICES)
    assert words(corpus.keywords("增值税发票开错了，请重开增值税发票"))[:1] == ["增值税发票"]
    assert words(corpus.keywords("增值稅發票開錯了，請重開增值稅發票"))[:1] == ["增值稅發票"]
    assert "的税" not in words(corpus.keywords("增值税的税率，增值税的税率"))
    assert words(Corpus().keywords("只说一次的话")) == []
    # One sign that is several characters: the place is that of the sign.
    found = Corpus().keywords("㍿的，株式会社，㍿")
    assert {"㍿": 0}.get(found[0].text) == found[0].start


def test_counted_apart_and_added():
    """Parts of a corpus give what the whole gives, and pruning leaves out what few have."""
    assert Corpus.of(PUMPS[:2]) + Corpus.of(PUMPS[2:]) == Corpus.of(PUMPS)
    assert set(Corpus.of(PUMPS).pruned().frequencies) == {"pump", "oil"}
    assert Corpus.of(PUMPS).pruned(at_least=3).documents == 4
    with pytest.raises(InvalidValue, match="another analyzer"):
        Corpus() + Corpus(analyzer=Analyzer(english=False))
    with pytest.raises(InvalidValue, match="one text"):
        Corpus.of("text")


def test_stop_words_of_the_analyzer_part_phrases():
    """A stop word is no part of a keyword."""
    corpus = Corpus.of(PUMPS, analyzer=Analyzer(stop=["pump"]))
    assert words(corpus.keywords("oil pump gearbox")) == ["gearbox", "oil"]


@given(st.lists(TEXTS, max_size=4), TEXTS)
def test_keywords_of_any_text(texts, text):
    """Whatever the texts: each keyword stands where it says, none twice, in order of score, and no more than asked for."""
    found = Corpus.of([*texts, text]).keywords(text, limit=5)
    assert len(found) <= 5
    assert all(text[one.start : one.end] == one.text and one.text.strip() and one.count > 0 for one in found)
    assert len({one.text for one in found}) == len(found)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert all(score >= 0 for score in scores)


def test_chinese_keywords_of_statutes(shared):
    """On real statutes nine of ten keywords also occur in another document; in each of them a law speaks of something."""
    lines = shared("data", "search", "zh_stard", "corpus.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    corpus = Corpus.of(texts)
    found = [corpus.keywords(text) for text in texts[:100]]
    known = [
        any(keyword.text in other for other in texts if other != text)
        for text, some in zip(texts, found, strict=False)
        for keyword in some
        if keyword.text > "㐀"
    ]
    assert all(found)
    assert sum(known) >= 0.9 * len(known)


def test_the_score_of_a_collection(tmp_path):
    """Two documents with the keys that they should have: two hits of ten and two, one hit of ten and two."""
    for name, text, keys in (
        ("a", "relief valve, relief valve. gearbox", "Relief valves\ngearbox"),
        ("b", "the oil pump", "oil pump\nlubrication"),
    ):
        for folder, ending, content in (("docsutf8", "txt", text), ("keys", "key", keys)):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{name}.{ending}").write_text(content, "utf-8")
    assert f1(tmp_path) == pytest.approx((4 / 12 + 2 / 12) / 2)
