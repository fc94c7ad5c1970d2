"""The calibration line, the ranked probability score and the censored Brier score, against slow oracles and identities."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.metrics import scores


def test_the_line_is_the_maximum_of_the_likelihood():
    """Slope and intercept against a general optimiser; the model-based limits against its curvature."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(1)
    p = rng.uniform(0.02, 0.98, 400)
    logit = np.log(p / (1 - p))
    y = rng.random(400) < 1 / (1 + np.exp(-(0.4 + 0.6 * logit)))

    def loss(beta, offset, x):
        eta = beta @ x + offset
        return float(np.logaddexp(0.0, np.where(y, -eta, eta)).sum())

    line = minimize(loss, [0.0, 1.0], (0.0, np.stack([np.ones(400), logit])), method="BFGS", options={"gtol": 1e-9})
    height = minimize(loss, [0.0], (logit, np.ones((1, 400))), method="BFGS", options={"gtol": 1e-9})
    found = scores.calibration_line(p, y)
    assert found.slope == pytest.approx(line.x[1], abs=1e-6)
    assert found.intercept == pytest.approx(height.x[0], abs=1e-6)
    # Robust and model-based errors agree where the model is right.
    assert (found.slope_high - found.slope) / 1.959964 == pytest.approx(math.sqrt(line.hess_inv[1, 1]), rel=0.15)
    assert found.slope_low < 0.6 < found.slope_high
    assert found.intercept_low < found.intercept < found.intercept_high
    assert found.n == 400


def test_repeated_forecasts_are_no_new_evidence():
    """Each forecast twice, in one block: the limits of one each; as if independent they would be narrower by sqrt(2)."""
    rng = np.random.default_rng(2)
    p = rng.uniform(0.1, 0.9, 300)
    y = rng.random(300) < p
    once = scores.calibration_line(p, y)
    twice = scores.calibration_line(np.tile(p, 2), np.tile(y, 2), block=np.tile(np.arange(300), 2))
    naive = scores.calibration_line(np.tile(p, 2), np.tile(y, 2))
    assert twice.slope_low == pytest.approx(once.slope_low)
    assert (naive.slope_high - naive.slope) * math.sqrt(2) == pytest.approx(once.slope_high - once.slope)


def test_the_line_covers():
    """Chances that are right: the limits hold slope 1 and intercept 0 in 90 to 99 of 100 companies."""
    held = np.zeros(2)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        p = rng.beta(2, 3, 150)
        found = scores.calibration_line(p, rng.random(150) < p)
        held += [found.slope_low <= 1 <= found.slope_high, found.intercept_low <= 0 <= found.intercept_high]
    assert (abs(held / 200 - 0.95) < 0.05).all()


@pytest.mark.parametrize(
    ("p", "y"), [([0.5], [True]), ([], []), ([0.0, 0.5], [True, False]), ([1.0, 0.5], [True, False])]
)
def test_the_line_is_refused(p, y):
    """Where everything happened, or a chance is 0 or 1, there is no line."""
    with pytest.raises(InvalidValue, match=r"inside 0\.\.1"):
        scores.calibration_line(p, y)


@pytest.mark.parametrize(("p", "y"), [
    ([0.3, 0.3, 0.3], [True, False, True]), ([0.1, 0.2, 0.7], [False, False, True]), ([0.1, 0.1, 0.7], [True, False, False]),
])  # fmt: skip
def test_a_line_of_any_slope_is_refused(p, y):
    """Chances that are all alike, or part the two without error, either way and up to a tie: no slope."""
    with pytest.raises(InvalidValue, match="no slope"):
        scores.calibration_line(p, y)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(-1e6, 1e6))
def test_crps_is_that_of_the_definition(values, actual):
    """Against the double sum, and against the integral of the squared distance of the distribution functions."""
    x = np.array(values)
    pairs = np.abs(x[:, None] - x[None, :]).mean()
    found = scores.crps(values, actual)
    assert found == pytest.approx(np.abs(x - actual).mean() - 0.5 * pairs, abs=1e-6)
    points = np.sort(np.append(x, actual))
    inside = (points[1:] + points[:-1]) / 2
    step = (x[None, :] <= inside[:, None]).mean(axis=1) - (actual <= inside)
    assert found == pytest.approx(float((step**2 * np.diff(points)).sum()), abs=1e-6)


def test_crps_of_nothing_is_refused():
    """No values say nothing."""
    with pytest.raises(InvalidValue, match="say nothing"):
        scores.crps([], 1.0)


def test_without_censoring_it_is_the_brier_score():
    """Everybody seen beyond the horizon or to the end: equal, whatever the times."""
    rng = np.random.default_rng(3)
    time, won = rng.integers(1, 60, 300).astype(float), rng.random(300) < 0.6
    p = rng.random(300)
    within = won & (time <= 30)
    closed = time <= 30
    assert scores.brier_censored(p, time, closed, won & closed, 30) == pytest.approx(scores.brier(p, within))


def test_censoring_does_not_move_the_score():
    """With half of the deals lost from sight the score stays, in the mean, that of all; leaving them out moves it."""
    found, plain, dropped = [], [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        end, seen = rng.exponential(40, 600), rng.exponential(50, 600)
        won = rng.random(600) < 0.5
        p = np.full(600, 0.35)
        happened = won & (end <= 30)
        time, closed = np.minimum(end, seen), end <= seen
        found.append(scores.brier_censored(p, time, closed, won & closed, 30))
        plain.append(scores.brier(p, happened))
        known = closed | (time > 30)
        dropped.append(scores.brier(p[known], happened[known]))
    assert np.mean(found) == pytest.approx(np.mean(plain), abs=0.002)
    assert abs(np.mean(dropped) - np.mean(plain)) > 0.006


def test_nobody_seen_so_long_is_no_data():
    """All lost from sight before the horizon: NaN. Columns that do not fit are refused."""
    assert math.isnan(scores.brier_censored([0.5, 0.5], [1.0, 2.0], [False, False], [False, False], 5.0))
    with pytest.raises(InvalidValue, match="does not fit"):
        scores.brier_censored([0.5, 0.5], [1.0], [True, True], [True, True], 5.0)
