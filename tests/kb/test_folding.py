"""Texts that are written differently and mean the same are folded to the same, and lead back to their originals."""

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.kb._folding import fold
from crmkit.kb._simplified import SIMPLIFIED

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
TRICKY = st.text(
    st.characters()
    | st.sampled_from(
        "éÀßﬁŒøİıＡａ１｡ｶﾞがパ가각ᄀ\u1161\u11a8ㄱㅏ\u0301\u0327\u0345\u3099\u200b\u00ad增稅발ौ\u09cb\U0002f81a⁵½™Ǆ"
    )
)


@pytest.mark.parametrize(("text", "folded"), [
    ("ＶＡＴ１３％", "vat13%"), ("Müller", "muller"), ("MU\u0308LLER", "muller"), ("Straße", "strasse"), ("ﬁnance", "finance"),
    ("İstanbul", "istanbul"), ("Łódź Ørsted Þór", "lodz orsted thor"), ("ёлка", "елка"), ("Ὀδυσσεύς", "οδυσσευσ"),
    ("增值稅專用發票", "增值税专用发票"), ("ｶﾞｰﾄﾞ", "ガード"), ("か\u3099", "が"), ("\u1112\u1161\u11ab", "한"), ("ㅎㅏ", "하"),
    ("co\u00adoperate", "cooperate"), ("a\u200bb", "ab"), ("customer’s", "customer's"), ("½", "1⁄2"), ("", ""), ("\ud800x", "\ud800x"),
    ("हिन्दी", "हिन्दी"),
])  # fmt: skip
def test_examples(text, folded):
    """Width, case, accents, ligatures, traditional characters, invisible characters."""
    assert fold(text).text == folded


def test_traditional_characters_may_be_kept():
    """Without simplification 稅 stays 稅, and everything else is folded all the same."""
    assert fold("Ａ稅", simplify=False).text == "a稅"


@given(TRICKY, st.sampled_from(FORMS), st.sampled_from(FORMS))
def test_all_forms_of_unicode_are_one(text, one, other):
    """The normal forms of a text, which mean the same, are folded to the same."""
    assert fold(normalize(one, text)).text == fold(normalize(other, normalize(one, text))).text


@given(TRICKY)
def test_every_part_leads_back(text):
    """The places rise, and the part of the original that a folded character came from folds to a text that has it."""
    folded = fold(text)
    spans = [folded.span(place, place + 1) for place in range(len(folded.text))]
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    for (start, end), character in zip(spans, folded.text, strict=True):
        assert character in fold(text[start:end]).text


def test_spans_cover_what_became_several_or_none():
    """A ligature is covered as a whole, and marks belong to the letter before them."""
    assert fold("xﬁy").span(1, 2) == (1, 2)
    assert fold("xﬁy").span(2, 4) == (1, 3)
    assert fold("e\u0301x").span(0, 1) == (0, 2)
    assert fold("a\u00adb").span(0, 2) == (0, 3)
    assert fold("plain").span(1, 3) == (1, 3)


def test_the_table_of_characters():
    """3,222 characters have another simplified form, none of which is simplified further."""
    assert len(SIMPLIFIED) == 3222
    assert not {ord(simple) for simple in SIMPLIFIED.values()} & set(SIMPLIFIED)
    assert "後來發現開會時間國際貿易".translate(SIMPLIFIED) == "后来发现开会时间国际贸易"
