"""Spread between units beyond chance: the published formulas, worked by hand, and what they do to limits."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics.dispersion import dispersion

quick = settings(deadline=None, max_examples=60)
scores = st.lists(st.tuples(st.floats(-6, 6), st.floats(0.5, 50)), min_size=3, max_size=30)


def by_hand(z, w, trim):
    """Phi and tau2 as Spiegelhalter (2005) and the R package FunnelPlotR compute them, in plain Python."""
    ranked = sorted(z)

    def percentile(q):
        at = (len(ranked) - 1) * q
        below = int(at)
        above = min(below + 1, len(ranked) - 1)
        return ranked[below] + (at - below) * (ranked[above] - ranked[below])

    low, high = percentile(trim), percentile(1 - trim)
    phi = sum(min(max(one, low), high) ** 2 for one in z) / len(z)
    top = len(z) * phi - (len(z) - 1)
    return phi, max(0.0, top / (sum(w) - sum(one**2 for one in w) / sum(w)))


@quick
@given(scores, st.sampled_from([0.0, 0.1, 0.25]))
def test_phi_and_tau_by_hand(pairs, trim):
    """Phi is the mean square of the winsorised scores, tau2 DerSimonian and Laird's moment estimator."""
    z, w = zip(*pairs, strict=True)
    found = dispersion(z, w, winsorise=trim)
    phi, tau2 = by_hand(z, w, trim)
    assert found.phi == pytest.approx(phi, rel=1e-9, abs=1e-12)
    assert found.tau2 == pytest.approx(tau2, rel=1e-6, abs=1e-9)


def test_spread_is_found():
    """Effects that differ by a standard deviation of 0.5 show a tau of 0.5; chance alone shows hardly any."""
    rng = np.random.default_rng(3)
    w = rng.uniform(5, 50, 4000)
    z = np.sqrt(w) * (0.5 * rng.standard_normal(4000) + rng.standard_normal(4000) / np.sqrt(w))
    assert dispersion(z, w, winsorise=0.0).tau2 == pytest.approx(0.25, rel=0.1)
    assert dispersion(rng.standard_normal(4000), w, winsorise=0.0).tau2 < 0.003


def test_winsorising_takes_two_thirds_of_chance():
    """Of normal scores a tenth at either end pulled in leave 0.679 of the variance; corrected it is 1."""
    z = np.random.default_rng(4).standard_normal(200_000)
    ones = np.ones(200_000)
    assert dispersion(z, ones).phi == pytest.approx(0.679, abs=0.005)
    assert dispersion(z, ones, corrected=True).phi == pytest.approx(1.0, abs=0.01)
    assert dispersion(z, ones, winsorise=0.0, corrected=True).phi == pytest.approx(1.0, abs=0.01)


def test_who_is_out_of_line_does_not_hide():
    """One score of 20 among 40 of chance moves phi by less than a tenth, for it is pulled in."""
    z = np.random.default_rng(5).standard_normal(40)
    w = np.full(41, 10.0)
    assert dispersion([*z, 20.0], w).phi < dispersion(z, w[:40]).phi + 0.1
    assert dispersion([*z, 20.0], w, winsorise=0.0).phi > 9


@quick
@given(scores, st.sampled_from(["additive", "multiplicative", "none"]))
def test_limits_only_widen(pairs, kind):
    """Scores are divided by at least 1, by the same for all if multiplicative, and it is said what was done."""
    z, w = zip(*pairs, strict=True)
    found = dispersion(z, w, kind=kind)
    factor = found.factor(w)
    assert (factor >= 1.0).all()
    assert found.widens == (factor > 1.0).any()
    assert (found.method == "limits of chance alone") == (not found.widens)
    if found.widens and kind == "multiplicative":
        assert factor == pytest.approx(found.phi**0.5)
        assert found.method.startswith("multiplicative over-dispersion, phi ")
    if found.widens and kind == "additive":
        assert factor == pytest.approx(np.sqrt(1 + found.tau2 * np.array(w)))


def test_only_where_it_is_more_than_chance():
    """With alpha, limits widen only where chance alone would vary so much no more often than that."""
    z, w = [1.4, -1.5, 1.3, -1.2, 1.5, -1.4], np.full(6, 10.0)
    always, tested = (dispersion(z, w, winsorise=0.0, alpha=alpha) for alpha in (1.0, 0.05))
    # Chi-square 11.55 on 5 degrees of freedom.
    assert always.p == tested.p == pytest.approx(0.0415, abs=5e-4)
    assert always.widens
    assert tested.widens
    assert not dispersion(z[:4], w[:4], winsorise=0.0, alpha=0.05).widens


def test_baseball_of_efron_and_morris():
    """Eighteen batters after 45 at bats (Efron & Morris 1975): mean 0.265, c 0.212, Clemente 0.294."""
    hits = np.array([18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7])
    average = hits / 45
    mean = average.mean()
    w = np.full(18, 45 / (mean * (1 - mean)))
    c = dispersion((average - mean) * np.sqrt(w), w, winsorise=0.0).kept(w)
    assert mean == pytest.approx(0.265, abs=5e-4)
    assert c == pytest.approx(0.212, abs=1e-3)
    assert (mean + c * (average - mean))[0] == pytest.approx(0.294, abs=5e-4)
    # Their averages over the rest of the season, as published.
    season = np.array(
        [0.346, 0.298, 0.276, 0.222, 0.273, 0.270, 0.263, 0.210, 0.269, 0.230, 0.264, 0.256, 0.303, 0.264, 0.226, 0.285,
         0.316, 0.200]
    )  # fmt: skip
    shrunk_error, plain_error = (((guess - season) ** 2).sum() for guess in (mean + c * (average - mean), average))
    assert (plain_error, shrunk_error) == pytest.approx((0.075, 0.021), abs=2e-3)


def test_nobody_to_compare():
    """No unit is no data, one unit has no spread, and neither widens anything."""
    for z in ([], [3.0]):
        found = dispersion(z, np.ones(len(z)))
        assert np.isnan(found.p)
        assert (found.tau2, found.widens) == (0.0, False)
    assert dispersion([1.0, 2.0], [0.0, 0.0]).tau2 == 0.0
    assert dispersion([4.0, -4.0, 1.0], np.ones(3)).kept(np.ones(3)).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: dispersion([1.0], [1.0], kind="both"), NotFound, "both"),
        (lambda: dispersion([1.0], [1.0], winsorise=0.5), InvalidValue, "winsorise: 0.5 is no share"),
        (lambda: dispersion([1.0], [1.0], alpha=0), InvalidValue, "alpha: 0 is no share"),
        (lambda: dispersion([1.0, np.nan], [1.0, 1.0]), InvalidValue, "no columns of finite numbers"),
        (lambda: dispersion([1.0], [1.0, 1.0]), InvalidValue, "no columns of finite numbers"),
        (lambda: dispersion([1.0], [-1.0]), InvalidValue, "information: -1.0"),
    ],
)
def test_refusals(call, error, said):
    """Columns that do not fit and settings that are none are refused."""
    with pytest.raises(error) as caught:
        call()
    assert said in str(caught.value)
