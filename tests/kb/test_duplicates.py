"""Near-duplicates: every pair above the threshold and none below it, as comparing all with all finds them."""

import json
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.kb import Analyzer
from crmkit.kb.duplicates import Match, Shingles

WORDS = st.sampled_from(["we", "answer", "answers", "all", "mail", "税", "发", "票", "."])
TEXTS = st.dictionaries(st.sampled_from("abcdefg"), st.lists(WORDS, max_size=8).map(" ".join), max_size=7)
SHARES = st.sampled_from([0.2, 1 / 3, 0.5, 0.75, 1.0])


def cut(text, size):
    """The oracle's shingles: a set of tuples of terms."""
    units = [token.term for token in Analyzer().tokens(text) if token.kind != "pair"]
    return {tuple(units[start : start + size]) for start in range(max(len(units) - size + 1, min(len(units), 1)))}


def alike(one, other):
    """Jaccard; what is empty is like nothing."""
    return len(one & other) / len(one | other) if one | other else 0.0


@given(TEXTS, SHARES, st.integers(1, 4))
def test_pairs_are_those_of_the_slow_way(texts, share, size):
    """All pairs at or above the threshold, with their similarity, the highest first."""
    sets = {id_: cut(text, size) for id_, text in texts.items()}
    expected = {
        (a, b): alike(sets[a], sets[b])
        for a, b in combinations(sets, 2)
        if sets[a] and alike(sets[a], sets[b]) >= share
    }
    found = Shingles.of(texts, size=size).pairs(at_least=share)
    assert {(pair.first, pair.second): pair.similarity for pair in found} == expected
    assert len(found) == len(expected)
    assert [pair.similarity for pair in found] == sorted(expected.values(), reverse=True)


@given(TEXTS, st.lists(WORDS | st.just("new"), max_size=8).map(" ".join), SHARES, st.integers(1, 4))
def test_near_is_what_comparing_with_each_gives(texts, text, share, size):
    """The similar ones of any text, whether its words are known or not."""
    own = cut(text, size)
    expected = {id_: alike(own, cut(other, size)) for id_, other in texts.items()}
    found = Shingles.of(texts, size=size).near(text, at_least=share)
    assert {match.id: match.similarity for match in found} == {
        id_: score for id_, score in expected.items() if score >= share
    }
    assert [match.similarity for match in found] == sorted((match.similarity for match in found), reverse=True)


@given(TEXTS, SHARES)
def test_groups_are_what_pairs_join(texts, share):
    """Each group is connected by pairs, no pair leads out of one, and the largest come first."""
    library = Shingles.of(texts)
    groups = library.groups(at_least=share)
    home = {id_: number for number, group in enumerate(groups) for id_ in group}
    pairs = [(pair.first, pair.second) for pair in library.pairs(at_least=share)]
    assert all(home[first] == home[second] for first, second in pairs)
    for group in groups:
        reached = {group[0]}
        while grown := {id_ for pair in pairs if reached & {*pair} for id_ in pair} - reached:
            reached |= grown
        assert reached == {*group}
    assert [len(group) for group in groups] == sorted(map(len, groups), reverse=True)


def test_scripts_and_stems_do_not_matter():
    """Traditional or simplified, upper or lower case, one form of a word or another: the same text."""
    library = Shingles.of(
        {
            "a": "我們開了增值稅發票。",
            "b": "我们开了增值税发票",
            "c": "MAILS answered",
            "d": "Mail is answered",
            "e": "",
        }
    )
    assert [(pair.first, pair.second, pair.similarity) for pair in library.pairs()] == [("a", "b", 1.0)]
    assert library.near("mail answers") == (Match("c", 1.0),)
    assert library.near("") == ()
    assert library.groups() == (("a", "b"),)
    assert Shingles.of({"a": "the mail", "b": "mail"}, analyzer=Analyzer(stop=["the"])).groups() == (("a", "b"),)


def test_many_copies_of_one_text_cost_little():
    """A thousand copies are one set; comparing is done once for all of them."""
    library = Shingles.of({str(number): f"one text {number % 2}" for number in range(1000)})
    assert len(library.sets) == 2
    assert [len(group) for group in library.groups()] == [500, 500]


@pytest.mark.parametrize("ask", [
    lambda: Shingles.of({}, size=0), lambda: Shingles.of({}).pairs(at_least=0), lambda: Shingles.of({}).groups(at_least=1.1),
    lambda: Shingles.of({}).near("", at_least=float("nan")),
])  # fmt: skip
def test_what_is_refused(ask):
    """A shingle has terms, and everything is at least 0 similar."""
    with pytest.raises(InvalidValue, match=r"below 1|not above 0"):
        ask()


def test_noisy_copies_are_found(shared):
    """Of abstracts and 300 copies with 3 to 20 % of the words gone, 97 % are found, and what else is found is alike, too."""
    lines = shared("data", "search", "cranfield", "corpus.jsonl").read_text("utf-8").splitlines()
    texts = {str(number): json.loads(line)["text"] for number, line in enumerate(lines)}
    texts = {id_: text for id_, text in texts.items() if len(text.split()) >= 20}
    rng = Random(7)
    copies = {}
    for id_ in rng.sample(sorted(texts), 300):
        rate = rng.uniform(0.03, 0.2)
        copies["copy " + id_] = " ".join(word for word in texts[id_].split() if rng.random() > rate)
    found = {(pair.first, pair.second) for pair in Shingles.of({**texts, **copies}).pairs(at_least=0.5)}
    hits = sum((id_.removeprefix("copy "), id_) in found for id_ in copies)
    assert hits >= 0.97 * len(copies)
    # The collection has near-duplicates of its own; two or three of them have a copy here.
    assert len(found) - hits <= 0.03 * len(found)
