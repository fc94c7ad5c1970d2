"""Interrupted time series: a published analysis, least squares by hand, and what correlated residuals do."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics.interrupted import interrupted

# Hospital admissions for acute coronary events in Sicily by month, 2002-2006, and the standardised population in tens:
# the example of Lopez Bernal, Cummins & Gasparrini, Int. J. Epidemiol. 2017; 46: 348-355. Smoking was banned in 2005.
EVENTS = (
    "728 659 791 734 757 726 760 740 720 814 795 858 887 766 851 769 781 756 766 752 765 831 879 928 914 808 937 840 916 "
    "828 845 818 860 839 887 886 831 796 833 820 877 758 767 738 781 843 850 908 1021 859 976 888 962 838 810 876 843 "
    "936 912"
)
PEOPLE = (
    "379875.3 376495.5 377040.8 377116.4 377383.4 374113.1 379513.3 376295.5 374653.2 378485.6 375955.5 378349.7 "
    "376762.4 379032.3 379360.4 376162 377972.4 381830.7 379888.6 380872.2 380966.9 381240.4 382104.9 381802.7 381656.3 "
    "383680 383504.2 386462.9 383783.1 380836.8 383483 380906.2 382926.8 384052.4 384449.6 383428.4 388153.2 388373.2 "
    "386470.1 386033.2 383686.4 385509.3 385901.9 386516.6 388436.5 383255.2 390148.7 385874.9 391613.6 391750.4 394005.6 "
    "391364.9 391664.6 389022.3 391878.5 388575.3 392989 390018.8 390712.3"
)
SICILY = {"values": [int(n) for n in EVENTS.split()], "of": [float(n) for n in PEOPLE.split()], "before": 36}


def test_the_smoking_ban_in_sicily():
    """The step is that of the paper's corrected code in R: 0.894 (0.865-0.925), by season 0.885 (0.839-0.933)."""
    step = interrupted(**SICILY, errors="model").effect()
    assert (step.value, step.low, step.high) == pytest.approx((0.894, 0.865, 0.925), abs=5e-4)
    found = interrupted(**SICILY, season=12, errors="dispersion")
    step = found.effect()
    assert (step.value, step.low, step.high) == pytest.approx((0.885, 0.839, 0.933), abs=5e-4)
    assert found.dispersion == pytest.approx(2.262, abs=5e-4)
    assert (found.verdict, found.n_before, found.n_after) == ("fell", 36, 23)
    assert found.to_text() == "fell: rate ratio 0.885 (0.839 to 0.933), 36 periods before the change and 23 since"
    assert found.to_text("zh") == "下降：率比 0.885（0.839 至 0.933），变化前 36 期，之后 23 期"
    assert found.counterfactual[:36] == pytest.approx(found.fitted[:36])
    assert found.fitted[36:] / found.counterfactual[36:] == pytest.approx(step.value)


def newey_west(x, y, lags):
    """Least squares and its covariance by the sum over all pairs of periods, weighted by Bartlett's kernel."""
    n, k = x.shape
    inverse = np.linalg.inv(x.T @ x)
    at = inverse @ x.T @ y
    off = y - x @ at
    meat = np.zeros((k, k))
    for i in range(n):
        for j in range(n):
            weight = max(0.0, 1.0 - abs(i - j) / (lags + 1.0))
            meat += weight * off[i] * off[j] * np.outer(x[i], x[j])
    return at, inverse @ meat @ inverse * n / (n - k)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(20, 40), st.booleans(), st.integers(0, 6))
def test_newey_west_by_hand(seed, n, slope, lags):
    """Of plain numbers the effects are least squares, and their errors those of the double sum over periods."""
    rng = np.random.default_rng(seed)
    before = n // 2
    time = np.arange(n) - before
    y = 5 + 0.1 * time + rng.standard_normal(n).cumsum() * 0.2
    columns = [np.ones(n), time, time >= 0] + ([np.maximum(time, 0)] if slope else [])
    at, covariance = newey_west(np.stack(columns, axis=1).astype(float), y, lags)
    found = interrupted(y, before=before, family="normal", slope=slope, lags=lags)
    for row, place in zip(found, [2, 3, 1] if slope else [2, 1], strict=True):
        assert row.value == row.coefficient == pytest.approx(at[place], rel=1e-6, abs=1e-9)
        assert row.std_err == pytest.approx(covariance[place, place] ** 0.5, rel=1e-6)
        assert row.low < row.value < row.high


def test_residuals_that_hang_together():
    """Where neighbouring residuals correlate by 0.5, plain errors see a change in a fifth of the series without one."""
    false = dict.fromkeys(("newey-west", "dispersion"), 0)
    series = 400
    for seed in range(series):
        rng = np.random.default_rng(seed)
        noise = np.zeros(120)
        for i, shock in enumerate(rng.standard_normal(120)):
            noise[i] = 0.5 * noise[i - 1] * (i > 0) + shock
        for errors in false:
            found = interrupted(10 + noise, before=60, family="normal", errors=errors)
            false[errors] += found.verdict != "no change seen"
    assert false["dispersion"] / series > 0.15
    # Nominal 5 %; Newey and West are known to promise a little too much in short series.
    assert false["newey-west"] / series < 0.13
    assert false["newey-west"] < 0.6 * false["dispersion"]


@pytest.mark.parametrize(("family", "scale"), [("poisson", "rate ratio"), ("binomial", "odds ratio")])
def test_a_known_change(family, scale):
    """A step of one third more is found within its limits, 95 times of a hundred, and a trend is not taken for it."""
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        time = np.arange(48)
        odds = 0.3 * np.exp(0.01 * time) * np.where(time >= 24, 4 / 3, 1.0)
        of = rng.integers(300, 500, 48)
        y = rng.poisson(of * odds) if family == "poisson" else rng.binomial(of, odds / (1 + odds))
        found = interrupted(y, of=of, before=24, family=family, errors="model")
        held += found.effect().low <= 4 / 3 <= found.effect().high
        assert found.scale == scale
        assert found.dispersion < 2
    assert 90 <= held <= 99


def test_a_change_of_slope():
    """A slope that changes is told from a step: without noise both are found exactly."""
    time = np.arange(30) - 15
    y = 20 + 0.5 * time + np.where(time >= 0, 3 - 1.5 * time, 0)
    found = interrupted(y, before=15, family="normal", slope=True)
    assert [row.name for row in found] == ["step", "slope", "trend"]
    assert [row.value for row in found] == pytest.approx([3, -1.5, 0.5])
    assert found.effect("slope").value == found.rows[1].value
    assert "slope" in str(found)


def test_too_little_to_judge():
    """With seven periods on a side there are figures, and no verdict."""
    found = interrupted(SICILY["values"][:43], before=36)
    assert (found.enough, found.verdict) == (False, "insufficient data")
    assert str(found).startswith("insufficient data: 36 periods before, 7 since; rate ratios")


def test_verdicts():
    """A figure rose, fell, or shows no change."""
    low, high = [10, 12, 11, 9, 10, 11, 12, 10] * 2, [30, 28, 31, 33, 30, 29, 30, 32] * 2
    assert interrupted(low + high, before=16).verdict == "rose"
    assert interrupted(high + low, before=16, family="normal").verdict == "fell"
    assert interrupted(low + low, before=16).verdict == "no change seen"


def test_no_noise_at_all():
    """A series without any noise has no error, and so no p; its residuals have no correlation."""
    found = interrupted(np.full(20, 5.0), before=10, family="normal")
    assert found.verdict == "no change seen"
    assert np.isnan(found.autocorrelation) or abs(found.autocorrelation) <= 1
    assert found.effect().value == pytest.approx(0, abs=1e-9)


def test_the_same_question_has_the_same_id():
    """The id tells the policies, not the data."""
    one, same = interrupted([1, 2, 3, 4, 5, 6], before=3), interrupted([4, 4, 3, 2, 1, 2], before=3)
    assert one.definition == same.definition != interrupted([1, 2, 3, 4, 5, 6], before=3, lags=0).definition


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: interrupted([1, 2, 3, 4], before=0), InvalidValue, "before: 0 leaves no period"),
        (lambda: interrupted([1, 2, 3, 4], before=2.0), InvalidValue, "before: 2.0 leaves"),
        (lambda: interrupted([1, 2, 3], before=2), InvalidValue, "3 periods' are too few for the 3 parameters"),
        (lambda: interrupted([1, 2, np.nan, 4, 5], before=2), InvalidValue, "values: 'nan in period 3' is no finite"),
        (lambda: interrupted([1, 2, -1, 4, 5], before=2), InvalidValue, "'-1 in period 3' is below 0"),
        (lambda: interrupted(["a"], before=2), InvalidValue, "is no column of numbers"),
        (lambda: interrupted([[1, 2]], before=1), InvalidValue, "is no column"),
        (lambda: interrupted([1, 2, 3, 4, 5], of=[1, 2], before=2), InvalidValue, "2 periods' do not match the 5"),
        (lambda: interrupted([1, 2, 3, 4, 5], of=[1, 2, 0, 1, 1], before=2), InvalidValue, "'0 in period 3' is not"),
        (lambda: interrupted([1, 2, 3, 4, 5], of=[2] * 5, before=2, family="binomial"), InvalidValue, "period 3' exc"),
        (lambda: interrupted([0, 0, 3, 4, 5], before=2), InvalidValue, "'0 in all before the change'"),
        (lambda: interrupted([1, 2, 0, 0, 0], before=2), InvalidValue, "'0 in all after the change'"),
        (lambda: interrupted([1, 1, 2, 2, 2], of=[2] * 5, before=2, family="binomial"), InvalidValue, "6 in all after"),
        (lambda: interrupted([1, 2, 3, 4, 5], before=2, season=2), InvalidValue, "season: 2 periods do not hold 2"),
        (lambda: interrupted([1, 2, 3, 4, 5, 6], before=5, slope=True), InvalidValue, "do not tell the parts"),
        (
            lambda: interrupted([1, 2, 3, 4, 5], before=2, lags=5),
            InvalidValue,
            "lags: 5 is no whole number from 0 to 4",
        ),
        (lambda: interrupted([1, 2, 3, 4, 5], before=2, level=95), InvalidValue, "confidence level: 95"),
        (lambda: interrupted([1, 2, 3, 4, 5], before=2, family="gamma"), NotFound, "gamma"),
        (lambda: interrupted([1, 2, 3, 4, 5], before=2, errors="white"), NotFound, "white"),
        (lambda: interrupted([1, 2, 3, 4, 5], before=2).effect("slope"), NotFound, "slope"),
    ],
)
def test_refusals(call, error, said):
    """What cannot be used is refused with its place, and what has no answer with the reason."""
    with pytest.raises(error) as caught:
        call()
    assert said in str(caught.value)
