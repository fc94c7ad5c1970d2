"""Patterns: XPath's rules, Python's `re` as a twin where both mean the same, and no pattern that takes long."""

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.rules.feel._regex import Pattern, PatternError, compile_pattern
from crmkit.rules.feel._regex_syntax import Parser

TIMES = ["*", "+", "?", "{1,2}", "{2}", "{0,}", "{2,}", "{0}", "{0,3}", "*?", "+?", "??", "{1,2}?"]
atoms = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", r"\d", r"[\d-]", r"\w", "[a-c-[b]]"])
anchors = st.sampled_from(["^", "$", ""])
texts = st.text("abc1\n", max_size=10)


def grown(inner):
    """Larger patterns, of which each says whether it may match nothing."""
    return st.one_of(
        st.tuples(inner, inner).map(lambda two: (two[0][0] + two[1][0], two[0][1] and two[1][1])),
        st.tuples(st.sampled_from(["(", "(?:"]), inner, inner).map(
            lambda parts: (f"{parts[0]}{parts[1][0]}|{parts[2][0]})", parts[1][1] or parts[2][1])
        ),
        # A repetition of what may match nothing is where engines differ; a character makes it something.
        st.tuples(st.sampled_from(["(", "(?:"]), inner, atoms, st.sampled_from(TIMES)).map(
            lambda parts: (
                f"{parts[0]}{parts[1][0]}{parts[2] if parts[1][1] else ''}){parts[3]}",
                parts[3][0] not in "+{" or parts[3][:2] == "{0",
            )
        ),
    )


patterns = st.recursive(
    st.one_of(atoms.map(lambda one: (one, False)), anchors.map(lambda one: (one, True))), grown, max_leaves=8
)
anything = st.recursive(
    st.one_of(atoms, anchors),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(TIMES)).map(lambda two: f"({two[0]}){two[1]}"),
    ),
    max_leaves=8,
)


def twin(pattern, *, lines=False):
    """What Python's engine is told: the end is the very end, words have no underscore, nothing is taken away."""
    told = pattern.replace("[a-c-[b]]", "[ac]").replace(r"\w", "[^\\W_]")
    return re.compile(told if lines else told.replace("$", r"\Z"), re.MULTILINE if lines else 0)


@given(anything, texts, st.booleans())
def test_finds_what_re_finds(pattern, text, lines):
    """Whether there is a match is what Python says, in lines and without, whatever is repeated."""
    # Behind a last end of line there is a line for Python, and none for XPath.
    text = text.rstrip("\n") if lines else text
    assert compile_pattern(pattern, "m" * lines).search(text) == bool(twin(pattern, lines=lines).search(text))


@given(patterns, texts)
def test_replaces_and_splits_as_re_does(made, text):
    """Which matches there are and what their groups caught is what Python says; what matches nothing is refused."""
    pattern, nothing = made
    compiled, python = compile_pattern(pattern), twin(pattern)
    if python.search(""):
        assert nothing
        with pytest.raises(PatternError, match="empty"):
            compiled.replace(text, "x")
        with pytest.raises(PatternError, match="empty"):
            compiled.split("")
    else:
        groups = range(python.groups + 1)
        said = compiled.replace(text, "<" + "|".join(f"${number}" for number in groups) + ">")
        assert said == python.sub(lambda found: "<" + "|".join(found[number] or "" for number in groups) + ">", text)
        ends = [0, *(end for found in python.finditer(text) for end in found.span()), len(text)]
        assert compiled.split(text) == ([text[a:b] for a, b in zip(ends[::2], ends[1::2], strict=True)] if text else [])


@given(patterns, st.lists(texts, max_size=5))
def test_what_was_learnt_changes_no_answer(made, seen):
    """A pattern that has seen other texts answers as a new one does."""
    pattern = made[0]
    old = Pattern(Parser(pattern, "").program())
    for text in seen:
        new = Pattern(Parser(pattern, "").program())
        assert old.search(text) == new.search(text)
        if not new.search(""):
            assert old.replace(text, "<$0>") == new.replace(text, "<$0>")


def fault(pattern, flags, text):
    """What is wrong with a pattern, if anything."""
    try:
        compile_pattern(pattern, flags).search(text)
    except PatternError as error:
        return error
    return None


@given(st.text(".\\?*+(){}[]|^$-abp0123,LuIs \n", max_size=20), st.text("smixqz", max_size=2), st.text(max_size=10))
def test_any_text_is_a_pattern_or_none(pattern, flags, text):
    """Whatever is no pattern is refused with a place within it, and nothing else is raised."""
    error = fault(pattern, flags, text)
    assert error is None or (0 <= error.position <= len(pattern) and error.message in str(error))


@pytest.mark.parametrize(("pattern", "flags", "text", "found"), [
    # Flags and anchors.
    ("a.b", "", "a\nb", False), ("a.b", "s", "a\nb", True), ("Mary.Jones", "", "Mary\rJones", False),
    ("^b", "", "a\nb", False), ("^b", "m", "a\nb", True), ("a$", "", "a\n", False), ("a$", "m", "a\nb", True),
    ("^$", "m", "a\n", False), ("^$", "m", "a\n\nb", True), ("\n$", "m", "a\n", False), ("^$", "m", "", True), ("(^)*a", "", "ba", True), ("$?b", "", "b", True),
    ("h e l l o", "x", "hello", True), ("hello[ ]sworld", "x", "hello sworld", True), (r"h \[ o", "x", "h[o", True), ("\\ [ a ", "x", "[a", True),
    (r"[\]] a", "x", "]a", True), ("a.b", "q", "a.b", True), ("a.b", "q", "axb", False), ("X[y-Z]", "qi", "x[Y-z]", True), ("a b", "qx", "ab", False), ("^a", "qm", "a", False),
    # Case.
    ("ABC", "i", "xabcx", True), ("[^B]", "i", "b", False), ("[A-Z-[OI]]", "i", "o", False), ("[A-Z-[OI]]", "", "Q", True),
    ("k", "i", "\u212a", True), ("[A-Z]", "i", "\u212a", True), ("\u212a", "i", "K", True), ("\u03c2", "i", "\u03a3", True), ("stra\u00dfe", "i", "STRASSE", False),
    (r"\p{Lu}", "i", "a", False), (r"[\p{Lu}]", "i", "a", False), (r"\p{IsGreek}", "i", "\u00b5", False), (r"\n", "i", "\n", True),
    # Classes.
    (r"\p{Lu}", "", "a", False), (r"\P{Lu}", "", "a", True), (r"\p{L}+", "", "商机", True), (r"\p{IsHiragana}", "", "あ", True), (r"\P{IsBasicLatin}", "", "é", True),
    (r"[\p{IsBasicLatin}]", "", "é", False), (r"^\w+$", "", "a_b", False), (r"^\w+$", "", "a1b", True), (r"^\i\c*$", "", "_a-1", True), (r"\I", "", "-", True), (r"\C", "", "-", False),
    (r"\S", "", " ", False), (r"\D", "", "1", False), (r"\W", "", "_", True), (r"[\d\-x]", "", "-", True), (r"[^\d]", "", "1", False), (r"[\D]", "", "1", False),
    ("[-a]", "", "-", True), ("[a-]", "", "-", True), ("[^-a]", "", "-", False), ("^[a-c-e]+$", "", "b-e", True), (r"[\w-a]", "", "-", True), ("[+--]", "", ",", True), (r"[a-\]]", "", "", None),
    ("[a-c-[b]]", "", "b", False), ("[^a-[b]]", "", "b", False), ("[a-z-[a-m-[c]]]", "", "c", True), ("[a-z-[a-m-[c]]]", "", "d", False), ("a[^b]", "", "a ", True),
    (r"[.*^$|()?+{}]", "", "{", True), ("\U0001f600{2}", "", "\U0001f600\U0001f600", True), ("[\U0001f600-\U0001f610]", "", "\U0001f605", True),
    # The rest.
    (r"\n\t\r", "", "\n\t\r", True), ("", "", "", True), ("a|", "", "", True), ("|a", "", "b", True), ("()", "", "", True), ("(?:){3}", "", "", True), ("a{2}", "", "a", False),
    ("x{2,3}", "", "xxxx", True), ("x{0}y", "", "y", True), ("^x{002}$", "", "xx", True), ("a,b", "", "a,b", True), ("^(a|b){3,}$", "", "ab", False), ("^(a|b){3,}$", "", "abab", True),
    (r"\{\}\(\)\[\]\.\*\+\?\|\^\$\-\\", "", "{}()[].*+?|^$-\\", True),
])  # fmt: skip
def test_facts_of_xpath(pattern, flags, text, found):
    """Flags, anchors, cases, classes, categories, blocks and escapes are as F&O 3.1, 5.6, and Schema 1.1 say."""
    if found is None:
        with pytest.raises(PatternError):
            compile_pattern(pattern, flags)
    else:
        assert compile_pattern(pattern, flags).search(text) is found


@pytest.mark.parametrize(("pattern", "flags", "part", "position"), [
    ("(a", "", "not closed", 0), ("a)", "", "none to close", 1), ("b[a", "", "not closed", 1), ("[", "", "not closed", 0), ("[]", "", "empty", 0), ("[^]", "", "empty", 0), ("a**", "", "write \\*", 2),
    ("a???", "", "write", 3), ("{2}", "", "write", 0), ("a]", "", "write", 1), ("a}", "", "write", 1), ("a{2", "", "expected {n}", 1), ("a{x}", "", "expected {n}", 1), ("a{,2}", "", "expected {n}", 1),
    ("a{1,x}", "", "expected {n}", 1), ("a{2,1}", "", "greater", 1), ("\\", "", "too early", 1), ("[a-", "", "too early", 3), (r"\3", "", "no group 3", 0), (r"(a\1)", "", "no group 1", 2),
    (r"(a)\1", "", "back-references cannot be matched in linear time", 3), (r"\0", "", "means nothing", 0), (r"[\1]", "", "means nothing", 1), (r"\b", "", "means nothing", 0), ("[z-a]", "", "before it begins", 1),
    (r"[a-\d]", "", "single character", 1), ("[a--b]", "", "before it begins", 1), (r"\p{Foo}", "", "no category", 0), (r"\p{IsFoo}", "", "no category", 0), (r"\p{Cs}", "", "no category", 0), (r"\pL", "", "in braces", 0),
    (r"\p{L", "", "in braces", 0), ("(?i)a", "", "begins only", 0), ("[a[b]", "", "write \\[", 2), ("[a-[b]c]", "", "not closed", 0), ("  a  **", "x", "write", 6), (" a )", "x", "none to close", 3),
    ("a", "z", "no flag 'z'", 0), ("a" * 2001, "", "longer", 2000), ("(" * 101, "", "deeper", 100), ("[a-" * 102, "", "deeper", 304), ("()" * 101, "", "groups", 200),
    ("(a{1000}){1000}", "", "grows", 15), ("a{99999999}", "", "grows", 11), ("a{9999}" * 3, "", "grows", 21), ("a{15000}|b{15000}", "", "grows", 17), ("a{0,15000}", "", "grows", 10),
])  # fmt: skip
def test_what_is_no_pattern(pattern, flags, part, position):
    """What is no pattern, or too large a one, is refused, saying what is wrong and where."""
    with pytest.raises(PatternError, match=re.escape(part)) as caught:
        compile_pattern(pattern, flags)
    assert caught.value.position == position


def test_errors_are_values():
    """An error is a ValueError with fields, and survives pickling."""
    error = PatternError("the class is empty", 3)
    assert isinstance(error, ValueError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "the class is empty (character 4)"  # noqa: S301 - our own bytes


def test_large_patterns_within_the_limits():
    """What just fits is a pattern: deep groups, deep subtractions, many groups and many steps."""
    assert compile_pattern("(?:" * 100 + "a" + ")" * 100).search("a")
    assert compile_pattern("[a-" * 100 + "[a]" + "]" * 100).search("a") is True
    assert compile_pattern("(a)" * 100).replace("a" * 100, "$100-$99") == "a-a"
    assert compile_pattern("(?:){20000}" * 3).search("")
    assert compile_pattern("^(?:a{1999}){10}").search("a" * 19_990)


@pytest.mark.parametrize(("replacement", "made"), [
    ("$2$1", "ba"), (r"\$\\", "$\\"), ("$0", "ab"), ("$12", "a2"), ("x", "x"), ("$3", ""), ("$30", "0"), ("$01", "a"), ("$00", "ab"), ("", ""), ("$" + "0" * 9_999 + "2", "b"),
])  # fmt: skip
def test_replacements(replacement, made):
    """Groups go by number, as many digits as name one; one that is not there is empty; escaped signs are themselves."""
    assert compile_pattern("(a)(b)").replace("ab", replacement) == made


def test_groups_that_matched_nothing_are_empty():
    """A group that took no part is empty, and with q a replacement has no groups."""
    assert compile_pattern("(a)|b").replace("b", "[$1]") == "[]"
    assert compile_pattern("a", "q").replace("ab", "$1") == "$1b"


@pytest.mark.parametrize("replacement", ["$", "$x", "\\", "\\n", "a$ "])
def test_what_is_no_replacement(replacement):
    """A lone sign is refused even where nothing matches."""
    with pytest.raises(PatternError, match="in a replacement"):
        compile_pattern("(a)(b)").replace("c", replacement)


@pytest.mark.parametrize(("text", "pieces"), [
    ("", []), ("a", ["a"]), (",", ["", ""]), (",a,,b,", ["", "a", "", "b", ""]), ("a ,\tb", ["a", "b"]),
])  # fmt: skip
def test_pieces(text, pieces):
    """Separators at the ends and beside each other leave empty pieces; no text has none (fn:tokenize)."""
    assert compile_pattern(r"\s*,\s*").split(text) == pieces


@pytest.mark.parametrize(("pattern", "flags", "text", "made"), [
    ("a+?", "", "aaa", "<a><a><a>"), ("a+", "", "aaa", "<aaa>"), ("ab|a|abc", "", "abc", "<ab>c"), ("(a|ab)(c|bcd)", "", "abcd", "<abcd>"), ("a.*?b", "", "aabab", "<aab><ab>"),
    ("^a", "m", "a\na\n", "<a>\n<a>\n"), ("a$", "m", "a\na\n", "<a>\n<a>\n"), ("a$", "m", "a\na", "<a>\n<a>"), ("a$", "", "a\na", "a\n<a>"), ("\n^", "m", "a\n\n", "a<\n>\n"), ("(?:^a|b)+", "", "abab", "<ab>a<b>"),
])  # fmt: skip
def test_which_match_is_preferred(pattern, flags, text, made):
    """The leftmost match is taken, and of those the one whose choices come first."""
    assert compile_pattern(pattern, flags).replace(text, "<$0>") == made


HOSTILE = [
    "(a+)+$", "(a|a)*b", "(.*)*x", "(a|aa)+$", "a{0,500}b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a?){30}a{30}c", "a(.*)b|a", "(a|b){20}c|a", "((a*)*)*b|a", "(.*?,){9}P|a",
]  # fmt: skip


@pytest.mark.parametrize("pattern", HOSTILE)
def test_no_pattern_takes_long(pattern):
    """Patterns that make other engines go back for years are answered at once on long texts."""
    compiled = compile_pattern(pattern)
    assert compiled.search("e" * 100_000 + "!") is False
    assert compiled.search("a" * 100_000 + "!") is pattern.endswith("|a")


@pytest.mark.parametrize("pattern", [*HOSTILE, "[ab]*a[ab]{12}c|b"])
def test_work_is_linear(pattern):
    """Twice the text is at most about twice the characters and steps to look at, in searching and in replacing."""

    def work(size):
        fresh = Pattern(Parser(pattern, "").program())
        text = "aab" * size + "!"
        fresh.search(text)
        if not fresh.search(""):
            fresh.replace(text, "<$0>")
        return fresh.machine.work

    assert work(2_000) <= 2 * work(1_000) + 1_000


def test_memory_is_bounded():
    """A pattern that meets ever new states forgets old ones, and answers the same."""
    compiled = Pattern(Parser("(?:[ab]{9})*(b)[ab]{40}c|(d)", "").program())
    number, text = 1, ""
    while len(text) < 2_500:
        number = number * 1_103_515_245 + 12_345 & 0x7FFFFFFF
        text += "ab"[number >> 16 & 1]
    assert compiled.search(text + "!") is False
    assert compiled.replace(text + "dcd", "<$2>") == text + "<d>c<d>"
    assert compiled.search(text) is False
    assert compiled.machine.kept < 25_000
    letters = "".join(map(chr, range(0x4E00, 0x4E00 + 25_000)))
    assert compile_pattern(".").replace(letters, "") == ""
    assert compile_pattern("(.)").machine.matches(letters)
