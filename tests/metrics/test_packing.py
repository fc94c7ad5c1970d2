"""Keys as single numbers, and ascending numbers in less room."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.metrics._blocks import blockwise
from crmkit.metrics._packing import Ascending, cells_of, narrow, packed_of, runs

numbers = st.lists(st.integers(0, 2**20) | st.integers(0, 2**62), max_size=40).map(sorted)


@given(numbers)
def test_ascending_numbers_come_back(listed):
    """Whatever they are, also alike ones, they come back as they were."""
    held = Ascending.of(np.array(listed, np.int64))
    assert held.plain().tolist() == listed
    assert len(held) == len(listed)


@pytest.mark.parametrize(("step", "each"), [(3, 1), (300, 2), (1 << 20, 4)])
def test_close_numbers_take_little_room(step, each):
    """The closer they are, the fewer bytes each takes."""
    held = Ascending.of(np.arange(0, 50_000 * step, step))
    assert held.last.itemsize == each
    assert held.last.nbytes + held.rest.nbytes + held.times.nbytes < 50_000 * (each + 1)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_narrow_numbers_are_the_same(listed):
    """No value is lost, and no narrower kind would hold them all."""
    found = narrow(np.array(listed, np.int64))
    assert found.tolist() == listed
    if found.itemsize > 1:
        smaller = np.iinfo(f"i{found.itemsize // 2}")
        assert min(listed) < smaller.min or max(listed) > smaller.max


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 5), st.integers(0, 8)), min_size=1, max_size=20))
def test_packed_keys_sort_like_the_keys(rows):
    """One number for each key, in the order of the keys, whether it takes 32 bits or more."""
    a, b, bins = (np.array(column) for column in zip(*rows, strict=True))
    for width in (9, 1 << 40):
        packed = packed_of([a, b], [5, 7], bins, width)
        assert packed.dtype == (np.int32 if width == 9 else np.int64)
        assert sorted(range(len(rows)), key=rows.__getitem__) == np.argsort(packed, kind="stable").tolist()


def test_runs_and_cells():
    """Where equal numbers begin; and a refusal of more cells than 64 bits number."""
    assert runs(np.array([2, 2, 5, 7, 7, 7])).tolist() == [0, 2, 3]
    assert runs(np.zeros(0, np.int64)).tolist() == []
    assert cells_of([3, 4], 5) == 60
    with pytest.raises(InvalidValue, match="64 bits"):
        cells_of([2**40, 2**20], 2**10)


def test_blocks_are_put_together():
    """What is made block by block is what is made at once."""
    rows = np.arange(200_000, dtype=np.int32)[::-1]
    assert (blockwise(rows, lambda some: some // 7) == rows // 7).all()
    assert len(blockwise(rows[:0], lambda some: some)) == 0
