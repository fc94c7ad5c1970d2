"""The English stemmer is Porter2."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.kb._english import stem

ROOT = Path(__file__).parents[2]

# Examples from the description of the algorithm.
PUBLISHED = {
    "consign": "consign", "consigned": "consign", "consigning": "consign", "consignment": "consign", "consist": "consist",
    "consistency": "consist", "consistently": "consist", "consolation": "consol", "consolidate": "consolid",
    "consolingly": "consol", "conspicuous": "conspicu", "conspiracy": "conspiraci", "knack": "knack", "knackeries": "knackeri",
    "knavish": "knavish", "kneaded": "knead", "knightly": "knight", "knitting": "knit", "knots": "knot", "dying": "die",
    "luxuriating": "luxuri", "hopping": "hop", "hoping": "hope", "ties": "tie", "cries": "cri", "gas": "gas", "gaps": "gap",
    "kiwis": "kiwi", "succeed": "succeed", "proceeds": "proceed", "added": "add", "generally": "general", "customer's": "custom",
    "sayings": "say", "evening": "evening", "skies": "sky", "news": "news", "falling": "fall", "university": "universiti",
    "is": "is", "'tis": "tis", "by": "by", "boys'": "boy", "agreed": "agre", "feed": "feed", "apology": "apolog",
}  # fmt: skip
SUFFIXES = (
    "", "s", "'s", "ed", "ing", "edly", "ingly", "eed", "ation", "ational", "ization", "izer", "fulness", "ousness", "iveness",
    "biliti", "bility", "ogist", "ogy", "ogi", "li", "ly", "ally", "fully", "lessly", "ement", "ment", "ent", "ion", "sion",
    "ative", "icate", "iciti", "ical", "ness", "ful", "e", "ll", "y", "ies", "ied", "sses", "us", "ism", "able", "ible", "ance",
)  # fmt: skip
WORDS = st.builds(
    "".join,
    st.tuples(st.text("abceghilnoprstuvwxy'", max_size=8), st.sampled_from(SUFFIXES), st.sampled_from(SUFFIXES)),
)


@pytest.mark.parametrize(("word", "expected"), PUBLISHED.items())
def test_published_examples(word, expected):
    """The examples of the published description come out as published."""
    assert stem(word) == expected


@pytest.fixture(scope="module")
def reference():
    """The stemmer of the Snowball project."""
    return pytest.importorskip("snowballstemmer", reason="snowballstemmer is not installed").stemmer("english").stemWord


def test_it_agrees_with_snowball_on_our_own_prose(reference):
    """Every word of our documentation and comments has the stem that Snowball's own implementation gives it."""
    files = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.py"), ROOT / "LICENSE"]
    words = {
        word for path in files for word in re.findall(r"[a-z]+(?:'[a-z]+)?", path.read_text(encoding="utf-8").lower())
    }
    assert len(words) > 3000
    assert {word: stem(word) for word in words} == {word: reference(word) for word in words}


@given(WORDS, st.sampled_from("abfhjkopquvwxz3éß税"))
def test_without_an_ending_a_word_is_its_own_stem(word, last):
    """Whatever ends in a letter that no suffix ends in stays as it is, but for an apostrophe before it."""
    assert stem(word + last) == (word + last).removeprefix("'")


@given(WORDS)
def test_it_agrees_with_snowball_on_any_heap_of_suffixes(reference, word):
    """Letters and suffixes thrown together have the stem that Snowball's own implementation gives them."""
    assert stem(word) == reference(word)
