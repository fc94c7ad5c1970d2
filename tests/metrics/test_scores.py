"""Scores of forecasts: by hand, by identity, and against slow oracles."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.metrics import scores

CHANCES = st.lists(st.tuples(st.integers(0, 20).map(lambda k: k / 20), st.booleans()), min_size=1, max_size=60)


def test_scores_by_hand():
    """Brier, log loss, WAPE and pinball of numbers that can be worked out on paper."""
    assert scores.brier([0.5, 1.0], [True, True]) == 0.125
    assert scores.log_loss([0.5, 0.25], [True, False]) == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    assert scores.log_loss([0.0], [True]) == math.inf
    assert scores.wape([8, 13], [10, 10]) == pytest.approx(0.25)
    assert scores.pinball([10, 10], [20, 0], 0.8) == pytest.approx((8 + 2) / 2)


def test_no_data_is_no_zero():
    """Without forecasts scores are NaN; a table of nothing is refused."""
    assert math.isnan(scores.brier([], []))
    assert math.isnan(scores.log_loss([], []))
    assert math.isnan(scores.wape([1.0], [0.0]))
    with pytest.raises(InvalidValue, match="too few"):
        scores.murphy([], [])


@pytest.mark.parametrize("bad", [[[0.5]], [1.5], [math.nan], [-0.1]])
def test_chances_are_checked(bad):
    """What is no column of chances is refused, by every function that takes one."""
    for score in (lambda p: scores.brier(p, [True]), scores.poisson_binomial):
        with pytest.raises(InvalidValue):
            score(bad)


@given(CHANCES)
def test_the_parts_of_murphy_add_up(pairs):
    """Brier = reliability - resolution + uncertainty + within, for every set of forecasts."""
    p, y = map(np.array, zip(*pairs, strict=True))
    parts = scores.murphy(p, y)
    whole = parts.reliability - parts.resolution + parts.uncertainty + parts.within
    assert whole == pytest.approx(scores.brier(p, y), abs=1e-12)
    assert min(parts.reliability, parts.resolution, parts.uncertainty) >= 0


@given(CHANCES)
def test_the_calibration_table_holds_every_forecast(pairs):
    """Bins ascend, hold all forecasts and all events, and their limits hold the share."""
    p, y = map(np.array, zip(*pairs, strict=True))
    table = scores.calibration(p, y)
    assert sum(row.n for row in table) == len(p)
    assert sum(row.n * row.actual for row in table) == pytest.approx(y.sum())
    assert [row.predicted for row in table] == sorted(row.predicted for row in table)
    assert all(row.low - 1e-12 <= row.actual <= row.high + 1e-12 for row in table)


@given(st.lists(st.floats(0, 1), max_size=7))
def test_poisson_binomial_is_the_sum_over_all_outcomes(chances):
    """Against the enumeration of all 2^n outcomes; mean and variance follow."""
    slow = np.zeros(len(chances) + 1)
    for outcome in itertools.product((0, 1), repeat=len(chances)):
        slow[sum(outcome)] += math.prod(p if hit else 1 - p for p, hit in zip(chances, outcome, strict=True))
    assert np.allclose(scores.poisson_binomial(chances), slow, atol=1e-14)


def test_poisson_binomial_of_a_large_pipeline():
    """Two thousand deals: the moments are those of the chances, to rounding."""
    p = np.random.default_rng(1).random(2001)
    found, k = scores.poisson_binomial(p), np.arange(2002)
    assert found.sum() == pytest.approx(1)
    assert found @ k == pytest.approx(p.sum())
    assert found @ (k - p.sum()) ** 2 == pytest.approx((p * (1 - p)).sum())


def test_skill_of_the_same_forecast_is_nothing():
    """Equal losses have skill 0 with an interval of 0; half the loss has 0.5; chance alone is not called better."""
    rng = np.random.default_rng(2)
    loss, block = rng.random(400), np.repeat(np.arange(100), 4)
    assert scores.skill_interval(loss, loss, block, rng=rng) == (0.0, 0.0, 0.0)
    assert scores.skill_interval(loss / 2, loss, block, rng=rng) == pytest.approx((0.5, 0.5, 0.5))
    _, low, high = scores.skill_interval(rng.random(400), loss, block, rng=rng)
    assert low < 0 < high
