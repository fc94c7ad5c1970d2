"""Patterns: XPath's rules, Python's `re` as a twin where both mean the same, and no pattern that takes long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.rules.feel._regex import PatternError, compile_pattern

pieces = st.recursive(
    st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", r"\d", "^", "$"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{1,2}", "{2}", "{0,}", "*?", "+?", "??", "{1,2}?"])).map(
            lambda two: f"({two[0]}){two[1]}"
        ),
        inner.map(lambda one: f"(?:{one})"),
    ),
    max_leaves=6,
)
texts = st.text("abc1", max_size=8)


def twin(pattern):
    """What Python's engine is told: the end is the very end."""
    return re.compile(pattern.replace("$", r"\Z"))


@given(pieces, texts)
def test_finds_what_re_finds(pattern, text):
    """Whether there is a match."""
    assert compile_pattern(pattern).search(text) == bool(twin(pattern).search(text))


@given(pieces, texts)
def test_replaces_and_splits_as_re_does(pattern, text):
    """Which match, and what its groups caught; patterns that match nothing at all are refused."""
    compiled = compile_pattern(pattern)
    if twin(pattern).search(""):
        with pytest.raises(PatternError, match="empty"):
            compiled.replace(text, "x")
    else:
        groups = pattern.replace("(?:", "").count("(")
        ours, theirs = ("<$0>", r"<\g<0>>") if not groups else ("<$1-$0>", r"<\1-\g<0>>")
        assert compiled.replace(text, ours) == twin(pattern).sub(theirs, text)
        plain = pattern.replace("(?:", "(").replace("(", "(?:")
        assert compiled.split(text) == (twin(plain).split(text) if text else [])


@given(st.text(".\\?*+(){}[]|^$-abp0123,LuIs \n", max_size=20), st.text("smixqz", max_size=2), st.text(max_size=10))
def test_any_text_is_a_pattern_or_none(pattern, flags, text):
    """Nothing but PatternError, with a place in the pattern."""
    try:
        compile_pattern(pattern, flags).search(text)
    except PatternError as error:
        position = error.position
    else:
        position = 0
    assert 0 <= position <= len(pattern) + 1


@pytest.mark.parametrize(("pattern", "flags", "text", "found"), [
    ("a.b", "", "a\nb", False), ("a.b", "s", "a\nb", True), ("Mary.Jones", "", "Mary\rJones", False),
    ("^b", "", "a\nb", False), ("^b", "m", "a\nb", True), ("a$", "", "a\n", False), ("a$", "m", "a\nb", True),
    ("^$", "m", "a\n", False), ("^$", "m", "a\n\nb", True), ("ABC", "i", "xabcx", True), ("[^B]", "i", "b", False),
    ("[A-Z-[OI]]", "i", "o", False), ("[A-Z-[OI]]", "", "Q", True), ("h e l l o", "x", "hello", True),
    ("hello[ ]sworld", "x", "hello sworld", True), (r"h \[ o", "x", "h[o", True), ("a.b", "q", "a.b", True), ("a.b", "q", "axb", False),
    (r"\p{Lu}", "", "a", False), (r"\P{Lu}", "", "a", True), (r"\p{L}+", "", "商机", True), (r"\p{IsHiragana}", "", "あ", True),
    (r"^\w+$", "", "a_b", False), (r"^\w+$", "", "a1b", True), (r"^\i\c*$", "", "_a-1", True), (r"\S", "", " ", False), (r"\D", "", "1", False),
    (r"[\d\-x]", "", "-", True), (r"[^\d]", "", "1", False), (r"[\D]", "", "1", False), ("[-a]", "", "-", True), ("[a-]", "", "-", True),
    (r"\n\t\r", "", "\n\t\r", True), ("", "", "", True), ("a|", "", "", True), ("x{2,3}", "", "xxxx", True), ("x{0}y", "", "y", True),
    (r"\{\}\(\)\[\]\.\*\+\?\|\^\$\-\\", "", "{}()[].*+?|^$-\\", True), ("[a-c-[b]]", "", "b", False), ("[^a-[b]]", "", "b", False),
])  # fmt: skip
def test_facts_of_xpath(pattern, flags, text, found):
    """Flags, anchors, classes, categories, blocks and escapes as F&O 5.6 says."""
    assert compile_pattern(pattern, flags).search(text) is found


@pytest.mark.parametrize(("pattern", "flags", "part"), [
    ("(a", "", "not closed"), ("a)", "", "none to close"), ("[a", "", "too early"), ("[]", "", "empty"), ("a**", "", "write"), ("{2}", "", "write"),
    ("a{2", "", "expected {n}"), ("a{x}", "", "expected {n}"), ("a{2,1}", "", "greater"), ("\\", "", "too early"), (r"\3", "", "means nothing"),
    (r"(a)\1", "", "back-references"), (r"[\1]", "", "means nothing"), ("[z-a]", "", "before it begins"), (r"[a-\d]", "", "before it begins"),
    (r"\p{Foo}", "", "no category"), (r"\pL", "", "in braces"), ("(?i)a", "", "begins only"), ("[a[b]", "", "write"), ("[a--b]", "", "write"),
    ("a", "z", "no flag"), ("a" * 2001, "", "longer"), ("(" * 101, "", "deeper"), ("[a-" * 200, "", "deeper"), ("()" * 101, "", "groups"),
    ("(a{1000}){1000}", "", "grows"), ("a{99999999}", "", "grows"), ("[a-[b]c]", "", "not closed"),
])  # fmt: skip
def test_what_is_no_pattern(pattern, flags, part):
    """Refused, saying what is wrong and where."""
    with pytest.raises(PatternError, match=re.escape(part)):
        compile_pattern(pattern, flags)


@pytest.mark.parametrize(("replacement", "made"), [
    ("$2$1", "ba"), (r"\$\\", "$\\"), ("$0", "ab"), ("$12", "a2"), ("x", "x"),
])  # fmt: skip
def test_replacements(replacement, made):
    """Groups by number, as many digits as name one; escaped signs."""
    assert compile_pattern("(a)(b)").replace("ab", replacement) == made
    assert compile_pattern("(a)|b").replace("b", "[$1]") == "[]"
    assert compile_pattern("a", "q").replace("ab", "$1") == "$1b"


@pytest.mark.parametrize("replacement", ["$", "$x", "\\", "\\n", "$3"])
def test_what_is_no_replacement(replacement):
    """A lone sign, or a group that is not there."""
    with pytest.raises(PatternError):
        compile_pattern("(a)(b)").replace("ab", replacement)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "(a|aa)+$", "a{0,300}b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a?){30}a{30}c"]
)
def test_no_pattern_takes_long(pattern):
    """Patterns that make other engines go back for years are answered at once on long texts."""
    assert compile_pattern(pattern).search("a" * 20_000 + "!") is False


def test_replacing_is_bounded():
    """Where each match must look to the end of the text, the work is stopped."""
    with pytest.raises(PatternError, match="too long"):
        compile_pattern("a(.*)b|a").replace("a" * 20_000, "x")
