"""Fieller's limits against the equation that defines them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtrit

from crmkit.metrics.kpi._ratios import fieller

sums = st.lists(st.tuples(st.integers(-50, 1000), st.integers(0, 1000)), min_size=2, max_size=15)


@given(sums, st.sampled_from([0.8, 0.95]))
def test_limits_are_the_roots(pairs, level):
    """At a limit the difference top - ratio * bottom is t standard errors from 0; between them it is less."""
    y, x = (np.array(column, float) for column in zip(*pairs, strict=True))
    value, low, high = fieller(y, x, level)
    if x.sum() == 0:
        assert np.isnan([value, low, high]).all()
        return
    t, k = stdtrit(len(y) - 1, (1 + level) / 2), len(y)
    if np.isinf(low):
        # The bottom itself is not told from 0.
        assert x.sum() <= t * np.sqrt(k * np.var(x, ddof=1)) * (1 + 1e-9)
        assert high == np.inf
        return
    assert low <= value + 1e-9
    assert value <= high + 1e-9
    for root in (low, high):
        gap = y - root * x
        assert abs(gap.sum()) == pytest.approx(t * np.sqrt(k * np.var(gap, ddof=1)), rel=1e-5, abs=1e-4)


def test_one_cluster_has_no_limits():
    """Nothing is known of how clusters differ; what is fixed shifts the ratio without a sampling error."""
    value, low, high = fieller([3], [6])
    assert value == 0.5
    assert np.isnan([low, high]).all()
    bare, shifted = fieller([1, 2, 3], [10, 10, 10]), fieller([1, 2, 3], [10, 10, 10], fixed=30)
    assert np.array(shifted) - np.array(bare) == pytest.approx([1, 1, 1])
