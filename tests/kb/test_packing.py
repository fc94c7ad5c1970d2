"""Blobs: arrays and texts come back as they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import Damaged
from crmkit.kb._packing import Strings, pack, smallest, unpack


@given(st.lists(st.text(), unique=True))
def test_texts_are_found(texts):
    """Every text is found at its place, whatever its letters; slices and iteration agree."""
    kept = Strings.of(sorted(texts))
    assert list(kept) == sorted(texts) == kept[:]
    assert [kept.find(text) for text in sorted(texts)] == list(range(len(texts)))
    assert kept.find("\ud800 not there") == -1


@pytest.mark.parametrize("most", [0, 255, 256, 65_535, 65_536])
def test_counts_take_little_room(most):
    """Counts come back from the narrowest type that holds them."""
    array = smallest(np.array([0, most]))
    assert unpack(pack({"a": array, "b": np.empty((2, 0), np.int64)}), "x")["a"].tolist() == [0, most]
    assert array.itemsize == (1 if most < 256 else 2 if most < 65_536 else 4)


@given(st.binary(max_size=40), st.integers(0, 200), st.integers(1, 255))
def test_damage_is_noticed(data, place, change):
    """A changed byte anywhere is noticed."""
    packed = bytearray(pack({"a": np.frombuffer(data, np.uint8)}))
    packed[place % len(packed)] ^= change
    with pytest.raises(Damaged):
        unpack(bytes(packed), "x")
