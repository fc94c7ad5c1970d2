"""What an extreme figure is worth: neither all that it shows, nor nothing of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.improve._contrasts import Reading, settled


def read(value, variance, n=50):
    """A figure with symmetric limits."""
    half = 2 * np.sqrt(variance)
    return Reading(value, value - half, value + half, variance, n)


@given(
    own=st.floats(-50, 50), others=st.lists(st.floats(-10, 10), min_size=4, max_size=12),
    variance=st.floats(0.01, 25.0),
)  # fmt: skip
def test_it_lies_between_the_figure_and_the_others(own, others, variance):
    """Drawn towards the mean of the others and never beyond it; never surer than the mean of the others is."""
    found = settled(read(own, variance), {str(n): read(value, variance) for n, value in enumerate(others)}, share=False)
    mean = float(np.mean(others))
    assert min(own, mean) - 1e-9 <= found.value <= max(own, mean) + 1e-9
    assert found.variance > 0
    assert found.low < found.value < found.high


def test_what_would_be_seen_again():
    """Of 2,000 companies the worst of twelve persons is seen again where it is said, whether persons differ or not."""
    rng = np.random.default_rng(3)
    for spread in (0.0, 1.0, 3.0):
        told, seen, inside = [], [], []
        for _ in range(2000):
            true = rng.normal(20, spread, 12)
            first = rng.normal(true, 2.0)
            worst = int(first.argmin())
            rest = {str(n): read(first[n], 4.0) for n in range(12) if n != worst}
            found = settled(read(first[worst], 4.0), rest, share=False)
            told.append(found.value)
            seen.append(true[worst])
            inside.append(abs(true[worst] - found.value) <= 1.96 * np.sqrt(found.variance))
        assert np.mean(told) == pytest.approx(np.mean(seen), abs=0.45)
        assert np.mean(inside) > 0.93


def test_a_share_of_nobody_and_of_all():
    """Shares of 0 and 1 have a spread like any other."""
    others = {str(n): Reading(1.0, 0.9, 1.0, 0.0005, 30) for n in range(5)}
    assert 0 < settled(Reading(0.0, 0.0, 0.1, 0.0005, 30), others, share=True).value < 1
    assert settled(Reading(0.0, 0.0, 0.1, 0.0005, 30), {}, share=True) is None
