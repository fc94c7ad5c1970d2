"""Tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import RuleError
from crmkit.rules.feel._lexer import Lexer


@pytest.mark.parametrize(
    ("text", "kind", "piece"),
    [
        ("1", "number", "1"), ("1.5", "number", "1.5"), (".5", "number", ".5"), ("1..2", "number", "1"), ("1e5", "number", "1e5"), ("1.e", "number", "1"), ("a1_b", "word", "a1_b"), ("it's", "word", "it's"), ("**", "symbol", "**"), ("..", "symbol", ".."), ('"a\\"b"', "string", 'a"b'), ('@"P1D"', "temporal", "P1D"), ("  // c\n a", "word", "a"),
        ("", "end", ""), ("\ufeffa", "word", "a"), ("\u4ef7\u683c", "word", "\u4ef7\u683c"), ("\U0001f600", "word", "\U0001f600"), ("?x", "symbol", "?"), ("\u0661", "word", "\u0661"),
    ],
)  # fmt: skip
def test_tokens(text, kind, piece):
    """The first token of a text."""
    token = Lexer(text, "").token(0)
    assert (token.kind, token.text) == (kind, piece)


@given(st.text(max_size=40))
def test_every_text_is_tokens_or_refused(text):
    """Tokens follow one another to the end of the text, or a place in it is refused."""
    lexer, position = Lexer(text, ""), 0
    refused = None
    try:
        while (token := lexer.token(position)).kind != "end":
            assert position <= token.start < token.end <= len(text)
            position = token.end
    except RuleError as error:
        refused = error.start
    assert refused is None or 0 <= refused < len(text)
