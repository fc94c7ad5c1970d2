"""Who is meant: every spelling of a person, and nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.privacy import ERASED, Subject

from .people import EVA, SPELLINGS


@pytest.mark.parametrize("text", SPELLINGS)
@pytest.mark.parametrize("around", ["{}", "ask {}!", "x\n{}\ny", "（{}）"])
def test_every_spelling_is_found_and_erased(text, around):
    """Case, width, blanks, what stands between digits; what is around it stays, where letters can be told apart."""
    whole = around.format(text)
    assert EVA.tells(whole)
    left = EVA.blanked(whole)
    assert ERASED in left
    assert not EVA.tells(left)
    assert left in (around.format(ERASED), ERASED)


@pytest.mark.parametrize(
    "text",
    ["Evangeline Meier", "Eva", "Meier", "eva", "C-7", "xeva.meier@nordwind.example", "+49 30 5555 12345", "梅艾", ""],
)
def test_nobody_else_is_found(text):
    """A longer word, a part of a name, a number with another digit; an id inside a text is no text of theirs."""
    assert not EVA.tells(text)
    assert EVA.blanked(text) == text


def test_what_cannot_be_seen_does_not_hide():
    """Zero-width characters and put-together accents: nothing of such a text is left."""
    zoe = Subject(texts=["Zoë Krüger"])
    for text in ("Zoe\u0308 Kru\u0308ger", "Zoë\u200b Krü\u00adger called", "ZOË KRÜGER"):
        assert zoe.tells(text)
        assert ERASED in zoe.blanked(text)
        assert not zoe.tells(zoe.blanked(text))


@given(st.text(min_size=1), st.text(), st.text())
def test_what_was_erased_is_not_there_any_more(name, before, after):
    """For any name that a subject may have, in any text."""
    try:
        subject = Subject(texts=[name])
    except InvalidValue:
        return
    assert not subject.tells(subject.blanked(before + name + after)) or subject.tells(ERASED)


@pytest.mark.parametrize(
    "parts", [{}, {"texts": ["Li"]}, {"texts": ["王"]}, {"texts": [" "]}, {"ids": [" "]}, {"texts": ["--- --"]}]
)
def test_a_subject_that_means_everybody_is_refused(parts):
    """Nothing at all, one letter, or signs only."""
    with pytest.raises(InvalidValue):
        Subject(**parts)


def test_one_text_may_be_given_alone():
    """And a subject may be nothing but ids, or records, whose texts are nowhere."""
    assert Subject(ids="C-7", texts="Eva Meier") == Subject(ids=["C-7"], texts=["Eva Meier"])
    assert not Subject(ids="C-7").tells("C-7")
    assert Subject(ids="C-7").blanked("C-7") == "C-7"
    assert Subject(records=[("contact", "C-7")]).needles() == ()


def test_needles_are_found_among_bytes():
    """In UTF-8, UTF-16 and as JSON escapes them."""
    for text in EVA.texts:
        for form in (text.encode(), text.encode("utf-16-le"), text.upper().encode(), ascii(text)[1:-1].encode()):
            assert any(needle in b"xx" + form + b"yy" for needle in EVA.needles())
