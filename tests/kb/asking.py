"""Documents and questions of few words, which meet often."""

from hypothesis import strategies as st

from crmkit.kb import Document
from crmkit.kb.query import (
    And,
    Boost,
    Eq,
    Exists,
    Fuzzy,
    In,
    MatchAll,
    Not,
    Or,
    Phrase,
    Prefix,
    Range,
    Term,
    Text,
    Without,
)

FIELDS = {"title": 2.0, "text": 1.0}
WORDS = st.sampled_from([
    "vat", "vats", "invoice", "invoices", "invoiced", "credit", "note", "notes", "发票", "票", "增值税", "發票", "a", "b2b", "-",
])  # fmt: skip
TEXTS = st.lists(WORDS, max_size=6).map(" ".join)
VALUES = st.sampled_from([1, 1.0, 2, True, "a", "b"])
IDS = st.sampled_from("abcdefghij")
DOCUMENTS = st.builds(
    Document, IDS, st.fixed_dictionaries({}, optional={"title": TEXTS, "text": TEXTS}),
    st.fixed_dictionaries({}, optional={"n": VALUES, "many": st.lists(VALUES, max_size=3)}),
)  # fmt: skip
FIELD = st.sampled_from([None, "title", "text"])
LEAVES = st.one_of(
    st.just(MatchAll()),
    st.builds(Text, TEXTS, st.sampled_from(["any", "all", 1, 2]), FIELD, st.just(True)),
    st.builds(Term, WORDS.filter("-".__ne__), FIELD),
    st.builds(Phrase, TEXTS, st.integers(0, 2), FIELD),
    st.builds(Prefix, st.sampled_from(["v", "inv", "invoices", "b", "no", "x"]), FIELD),
    st.builds(
        Fuzzy, st.sampled_from(["vot", "invoise", "noet", "credit"]), st.sampled_from(["auto", 0, 1, 2]),
        st.integers(0, 2), FIELD,
    ),
)  # fmt: skip
QUERIES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3)), st.builds(Or, st.lists(inner, max_size=3)),
        st.builds(Not, inner), st.builds(Boost, inner, st.sampled_from([0.5, 3.0])),
    ),
    max_leaves=5,
)  # fmt: skip
FILTERS = st.recursive(
    st.one_of(
        st.builds(Eq, st.sampled_from(["n", "many"]), VALUES),
        st.builds(In, st.just("many"), st.lists(VALUES, max_size=2)),
        st.builds(Range, st.just("n"), st.sampled_from([1, 1.5]), st.sampled_from([None, 2])),
        st.builds(Range, st.just("many"), st.none(), st.just("b")),
        st.builds(Exists, st.sampled_from(["n", "x"])),
    ),
    lambda inner: st.builds(Without, inner),
    max_leaves=2,
)  # fmt: skip
