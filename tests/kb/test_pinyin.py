"""Pinyin: typed without tones and blanks, and read from characters."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import ExtraMissing
from crmkit.kb._pinyin import _SYLLABLES, reader, spelled


@pytest.mark.parametrize(("word", "syllables"), [
    ("fapiao", ("fa", "piao")), ("zengzhishui", ("zeng", "zhi", "shui")), ("xian", ("xian",)), ("tianan", ("tian", "an")),
    ("nvzhuang", ("nv", "zhuang")), ("invoice", None), ("fapiaox", None), ("13", None), ("发票", None),
])  # fmt: skip
def test_typed_words_are_cut_into_syllables(word, syllables):
    """What is pinyin is cut into as few syllables as possible; what is not is left alone."""
    assert spelled(word) == syllables


@given(st.lists(st.sampled_from(sorted(_SYLLABLES)), min_size=1, max_size=6))
def test_whatever_is_put_together_can_be_cut(syllables):
    """Any run of syllables is cut into syllables that give it back, no more of them than went in."""
    word = "".join(syllables)
    found = spelled(word)
    assert found is not None
    assert "".join(found) == word
    assert len(found) <= len(syllables)


def test_characters_have_sounds():
    """Each character has one syllable, read in its context; what is not Chinese has none."""
    pytest.importorskip("pypinyin", reason="pypinyin is not installed")
    read, version = reader()
    assert read("重庆银行カ") == ["chong", "qing", "yin", "hang", ""]
    assert version.startswith("pypinyin ")


def test_without_the_extra(monkeypatch):
    """Without pypinyin the error says what to install."""
    reader.cache_clear()
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    with pytest.raises(ExtraMissing, match=r"crmkit\[zh\]"):
        reader()
    reader.cache_clear()
