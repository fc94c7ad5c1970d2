"""Looking early: all looks together err no more often than one, and the time to wait is what simulation says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from crmkit.improve._looks import days_needed, level_of_look, spent


def test_the_spending_function_of_o_brien_and_fleming():
    """2 - 2 Phi(z / sqrt(t)) at the fractions of a table of five looks, and nothing before the first case."""
    assert [round(spent(t, 0.95), 6) for t in (0.2, 0.4, 0.6, 0.8, 1.0)] == pytest.approx(
        [2 - 2 * norm.cdf(norm.ppf(0.975) / np.sqrt(t)) for t in (0.2, 0.4, 0.6, 0.8, 1.0)], abs=1e-6
    )
    assert spent(0.0, 0.95) == 0.0
    assert spent(1.0, 0.95) == pytest.approx(0.05)
    assert spent(2.0, 0.95) == pytest.approx(0.05)


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=8).map(sorted), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_looks_spend_no_more_than_was_allowed(times, level):
    """However often and whenever one looks, the errors of all looks add up to at most 1 - level."""
    levels = [level_of_look(now, before, level) for before, now in zip([0.0, *times], times, strict=False)]
    assert sum(1 - one for one in levels) <= 1 - level + 1e-6
    assert all(0 < one < 1 for one in levels)


def test_five_looks_at_chance():
    """Of 20,000 series without any effect, at most 5 % are called at one of five looks; uncorrected 14 %."""
    rng = np.random.default_rng(8)
    times = np.arange(1, 6) / 5
    sums = np.cumsum(rng.standard_normal((20_000, 5)) / np.sqrt(5), axis=1) / np.sqrt(times)
    limits = np.array([norm.ppf((1 + level_of_look(t, t - 0.2, 0.95)) / 2) for t in times])
    assert (np.abs(sums) > limits).any(axis=1).mean() < 0.05
    assert (np.abs(sums) > 1.96).any(axis=1).mean() > 0.13


def test_the_days_to_wait_give_the_power_that_was_asked_for():
    """With so many cases after, an effect of that size is seen in four of five simulations."""
    fixed, one, a_day, effect = 0.001, 0.24, 2.0, 0.15
    days = days_needed(effect, fixed, one, a_day, 0.95)
    spread = np.sqrt(fixed + one / (a_day * days))
    found = np.random.default_rng(2).normal(effect, spread, 40_000) > 1.96 * spread
    assert found.mean() == pytest.approx(0.80, abs=0.01)


def test_some_effects_are_never_seen():
    """What is compared with is too uncertain by itself, or no case ever comes."""
    assert days_needed(0.1, 0.01, 0.2, 1.0, 0.95) == float("inf")
    assert days_needed(0.1, 0.0, 0.2, 0.0, 0.95) == float("inf")
