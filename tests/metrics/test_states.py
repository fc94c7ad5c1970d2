"""States add up: any split, any order, any coding gives the same integers."""

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.journal import Coded, code
from crmkit.metrics.states import Counts, exact_sums

rows = st.lists(
    st.tuples(st.none() | st.sampled_from("abc"), st.none() | st.sampled_from(["x", "y"]), st.integers(0, 9)),
    max_size=30,
)


def counted(listed):
    """The state of some rows."""
    if not listed:
        return Counts.zero(("p", "s"))
    p, s, bins = zip(*listed, strict=True)
    return Counts.of({"p": code(p), "s": code(s)}, np.array(bins))


@given(rows)
def test_counts_what_a_counter_counts(listed):
    """The table is what collections.Counter says."""
    expected = Counter(listed)
    assert {tuple(row[:-1]): row[-1] for row in counted(listed).table()} == expected


@given(rows, rows, rows)
def test_merge_is_a_commutative_monoid(a, b, c):
    """Associative, commutative, with zero; and the same as counting everything at once."""
    one, two, three = counted(a), counted(b), counted(c)
    assert one.merge(two).merge(three) == one.merge(two.merge(three)) == counted(a + b + c)
    assert one.merge(two) == two.merge(one)
    assert one.merge(Counts.zero(("p", "s"))) == one


@given(rows)
def test_table_round_trip(listed):
    """from_table(table()) is the state; repeated rows add up."""
    state = counted(listed)
    assert Counts.from_table(state.dims, state.table()) == state
    assert Counts.from_table(state.dims, state.table() * 2) == state.merge(state)


@given(rows)
def test_dense_holds_every_count(listed):
    """The dense form has each cell in its place, missing keys last."""
    dense = counted(listed).dense({"p": "abc", "s": ["x", "y"]}, width=10)
    for (p, s, bins), n in Counter(listed).items():
        assert dense["abc".index(p) if p else -1, ["x", "y"].index(s) if s else -1, bins] == n
    assert dense.sum() == len(listed)


def test_wide_keys_take_the_sorting_path():
    """More cells than can be counted densely give the same integers."""
    rng = np.random.default_rng(1)
    bins = rng.integers(0, 30_000_000, 500)
    columns = {"p": code([str(i % 7) for i in range(500)])}
    assert {(p, b): n for p, b, n in Counts.of(columns, bins).table()} == Counter(
        (str(i % 7), b) for i, b in enumerate(bins.tolist())
    )


def test_other_things_are_not_added_up():
    """Two states of different keys do not merge; impossible sizes are refused."""
    with pytest.raises(InvalidValue, match="cannot be merged"):
        Counts.zero(("p",)).merge(Counts.zero(("q",)))
    huge = {str(i): code([str(i)]) for i in range(40)}
    with pytest.raises(InvalidValue, match="64 bits"):
        Counts.of(huge, np.array([2**40]))


def test_many_rows_are_counted_block_by_block():
    """More rows than a block holds, sorted and not, with and without bins: the same as a plain count."""
    rng = np.random.default_rng(2)
    n = 200_001
    who, stage, bins = (
        rng.integers(-1, 5, n).astype(np.int32),
        rng.integers(-1, 3, n).astype(np.int32),
        rng.integers(0, 7, n),
    )
    for order in (np.arange(n), np.lexsort((bins, stage, who))):
        columns = {"p": Coded(who[order], tuple("abcde")), "s": Coded(stage[order], tuple("xyz"))}
        keys, counts = np.unique(np.stack([who, stage, bins]), axis=1, return_counts=True)
        expected = {(p, s, b): c for (p, s, b), c in zip(keys.T.tolist(), counts.tolist(), strict=True)}
        state = Counts.of(columns, bins[order])
        found = {
            (*key, b): c for key, b, c in zip(state.keys.tolist(), state.bins.tolist(), state.n.tolist(), strict=True)
        }
        assert found == expected
        assert Counts.of(columns).n.sum() == n


def test_a_state_of_bins_alone():
    """No key, only bins."""
    assert Counts.of({}, np.array([1, 1, 3])).table() == [(1, 2), (3, 1)]


def test_keys_alone_may_be_many():
    """Without bins too, keys of more cells than fit a table are counted by sorting."""
    texts = [str(number) for number in range(4000)]
    state = Counts.of({"a": code(texts), "b": code(texts[::-1]), "c": code(texts)}, None)
    assert len(state.table()) == 4000
    assert {row[-1] for row in state.table()} == {1}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-(2**61), 2**61)), max_size=30))
def test_sums_are_exact_however_large(pairs):
    """The sums of Python's integers, or a refusal where they need more than 63 bits."""
    place, amounts = (np.array([pair[i] for pair in pairs], np.int64) for i in (0, 1))
    expected = [sum(value for cell, value in pairs if cell == i) for i in range(4)]
    if all(abs(total) < 2**61 for total in expected):
        assert exact_sums(place, amounts, 4).tolist() == expected


def test_sums_beyond_64_bits_are_refused():
    """They do not wrap around."""
    with pytest.raises(InvalidValue, match="does not fit 64 bits"):
        exact_sums(np.zeros(4, np.int64), np.full(4, 2**61), 1)


def test_sums_by_very_many_keys():
    """More cells than fit a dense table are sorted instead, with the same sums; those that come to 0 are left out."""
    many = [code([str(i % size) for i in range(5000)]) for size in (4999, 4998)]
    columns = {"a": many[0], "b": many[1]}
    weights = np.arange(5000) - 2
    state = Counts.of(columns, None, weights)
    assert int(state.n.sum()) == int(weights.sum())
    assert len(state.n) == 4999 == int((weights != 0).sum())
    dense = Counts.of({"a": code(["x", "x", "y"])}, np.array([0, 0, 1]), np.array([5, -5, 2]))
    assert dense.table() == [("y", 1, 2)]


@given(rows)
def test_columns_in_any_order_make_the_same_state(listed):
    """The attributes of a state, shuffled, make it again; so does a pickle."""
    state = counted(listed)
    order = np.random.default_rng(0).permutation(len(state))
    again = Counts(state.dims, state.labels, state.keys[order], state.bins[order], state.n[order])
    assert again == state == pickle.loads(pickle.dumps(state))  # noqa: S301 - our own bytes
    assert len(again) == len(state.n) == len(state.bins) == len(state.keys)
    parts = zip(*(state.column(dim).decode() for dim in state.dims), state.bins.tolist(), state.n.tolist(), strict=True)
    assert Counter(parts) == Counter(state.table())


def test_sums_of_keys_that_fill_64_bits():
    """Where a key leaves no room for the number of its row, the sums are the same; and so are sums of large numbers."""
    names, many = code(["a", "b", "a", "b", "a"]), np.array([2**60, 2**60, 2**60, 1, 0])
    weights = np.array([2**60, 5, -(2**60) + 7, 3, 2**61])
    state = Counts.of({"a": names}, many, weights)
    assert state.table() == [("a", 0, 2**61), ("a", 2**60, 7), ("b", 1, 3), ("b", 2**60, 5)]


def test_large_sums_that_are_sorted():
    """Sums of many large numbers of one key are exact, and refused where they need more than 64 bits."""
    columns = {"a": code([str(i % 3) for i in range(40)]), "b": code([str(i) for i in range(40)])}
    bins, weights = np.repeat([2**30, 0], 20), np.tile([2**61, -(2**61) + 1], 20)
    assert int(Counts.of(columns, bins, weights).n.sum()) == 20
    one = Counts.of({"a": code(["x"] * 6)}, np.full(6, 2**30), np.tile([2**61, -(2**61) + 1], 3))
    assert one.table() == [("x", 2**30, 3)]
    with pytest.raises(InvalidValue, match="does not fit 64 bits"):
        Counts.of({"a": code(["x"] * 6)}, np.full(6, 2**30), np.full(6, 2**61))
