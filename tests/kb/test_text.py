"""Terms: the same for all ways to write the same, each with its place in the original."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.kb import Analyzer
from crmkit.kb.text import Token

# An index made by one release is read by the next, unless the analysis changed, and `_VERSION` with it.
FINGERPRINT = "e887ad56386b52e9"
TEXTS = st.text(st.characters() | st.sampled_from("abc 's’發票稅增ｶﾞé\u0301한 -ก่"), max_size=60)


def terms(text, **choices):
    """The terms of a text alone."""
    return [token.term for token in Analyzer(**choices).tokens(text)]


def sounding(**choices):
    """An analyzer that knows sounds."""
    pytest.importorskip("pypinyin", reason="pypinyin is not installed")
    return Analyzer(pinyin=True, **choices)


@pytest.mark.parametrize(("text", "expected"), [
    ("Invoices were issued", ["invoic", "were", "issu"]), ("the customer's order, customers’ orders", ["the", "custom", "order", "custom", "order"]),
    ("l’été d'Arthur", ["l", "ete", "d", "arthur"]), ("can't we'll", ["can't", "we'll"]), ("snake_case GTX-Pro/3.5", ["snake", "case", "gtx", "pro", "3", "5"]),
    ("发票", ["发", "票", "发票"]), ("票", ["票"]), ("用Excel导出", ["用", "excel", "导", "出", "导出"]), ("發票", ["发", "票", "发票"]),
    ("サポート", ["サ", "ポ", "ー", "ト", "サポ", "ポー", "ート"]), ("서울", ["서", "울", "서울"]),
    ("हिन्दी में", ["हिन्दी", "में"]), ("กข", ["ก", "ข", "กข"]), ("… — !", []), ("", []), ("A" * 100, ["a" * 64]),
])  # fmt: skip
def test_examples(text, expected):
    """Western words, elisions, names with signs, Chinese, Japanese, Korean, Hindi, Thai, and nothing at all."""
    assert terms(text) == expected


def test_choices():
    """Stemming and simplification can be turned off, and stop words are left out but keep their place."""
    assert terms("Invoices 發票", english=False, simplify=False) == ["invoices", "發", "票", "發票"]
    analyzer = Analyzer(stop=["Thé"])
    assert analyzer.tokens("the VAT") == (Token("vat", 4, 7, 1, "word"),)
    assert analyzer.terms("the VAT") == (["vat"], [1], ["vat"])
    assert [piece.stopped for piece in analyzer.pieces("the VAT")] == [True, False]
    with pytest.raises(InvalidValue, match="one text"):
        Analyzer(stop="the")


def test_sounds():
    """With sounds, homophones meet, and typed pinyin gives the same terms as characters."""
    analyzer = sounding()
    assert analyzer.sounds("发票") == ["~fa~piao"]
    assert analyzer.sounds("发飘") == analyzer.typed("fapiao") == ["~fa~piao"]
    assert analyzer.sounds("税") == analyzer.typed("shui") == ["~shui"]
    assert analyzer.typed("invoice") == []
    assert Analyzer().typed("fapiao") == ()
    assert analyzer.terms("开票") == (
        ["开", "票", "开票", "~kai~piao"],
        [0, 1, 0, 0],
        ["开", "票", "开票", "~kai~piao"],
    )
    assert analyzer.tokens("开票")[-1] == Token("~kai~piao", 0, 2, 0, "sound")


def test_pieces():
    """Words and runs, folded, with the places of the original."""
    found = Analyzer().pieces("ＶＡＴ：增值稅 ﬁne")
    assert [(piece.text, piece.spaced, piece.position) for piece in found] == [
        ("vat", True, 0),
        ("增值税", False, 1),
        ("fine", True, 4),
    ]
    assert [(piece.start, piece.end) for piece in found] == [(0, 3), (4, 7), (8, 11)]


@given(TEXTS)
def test_places_lead_to_what_was_written(text):
    """The original between a token's places gives that token's term again, and tokens and terms agree."""
    analyzer = Analyzer()
    tokens = analyzer.tokens(text)
    found, positions, forms = analyzer.terms(text)
    assert [(token.term, token.position) for token in tokens] == list(zip(found, positions, strict=True))
    assert len(forms) == len(found)
    for token in tokens:
        assert token.term in terms(text[token.start : token.end])


@given(TEXTS)
def test_upper_case_and_traditional_characters_change_nothing(text):
    """A text has the terms of its lower case."""
    assert terms(text) == terms(text.casefold())


def test_fingerprints_tell_choices_apart():
    """Equal choices have one fingerprint, each other choice another; it does not depend on the run."""
    many = [Analyzer(), Analyzer(english=False), Analyzer(simplify=False), Analyzer(stop=["a"]), sounding()]
    assert len({analyzer.fingerprint for analyzer in many}) == len(many)
    assert Analyzer(stop=["b", "a"]).fingerprint == Analyzer(stop=["a", "b"]).fingerprint
    assert Analyzer().fingerprint == FINGERPRINT
