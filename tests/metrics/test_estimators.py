"""Intervals of rates: published tables, exact tail sums, and laws."""

from math import comb, exp, factorial, inf, isnan, nan

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crmkit.errors import InvalidValue
from crmkit.metrics.estimators import (
    benjamini_hochberg,
    clopper_pearson,
    garwood,
    midp_binomial,
    newcombe,
    poisson_funnel_limits,
    quantile,
    quantile_interval,
    rate_ratio,
    wilson,
)

quick = settings(deadline=None, max_examples=60)

trials = st.integers(1, 60)
samples = trials.flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.floats(0.5, 0.999)
shares = st.floats(0.0, 1.0)


def tail(x, n, p):
    """P(X >= x), summed."""
    return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(max(x, 0), n + 1))


# Newcombe 1998a, table I.
TABLE = ([81, 15, 0, 1], [263, 148, 20, 29])


def test_wilson_table():
    """Wilson reproduces Newcombe (1998a), table I, method 3."""
    low, high = wilson(*TABLE)
    assert low == pytest.approx([0.2553, 0.0624, 0.0, 0.0061], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1605, 0.1611, 0.1718], abs=5e-5)


def test_clopper_pearson_table():
    """Clopper and Pearson's limits are those of Newcombe (1998a), table I, method 5."""
    low, high = clopper_pearson(*TABLE)
    assert low == pytest.approx([0.2527, 0.0578, 0.0, 0.0009], abs=5e-5)
    assert high == pytest.approx([0.3676, 0.1617, 0.1684, 0.1776], abs=5e-5)


def test_newcombe_table():
    """The interval of a difference is that of Newcombe (1998b), table II, method 10."""
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)


def test_garwood_table():
    """Garwood's limits are those R prints (survival::cipoisson(4)) and the classic tables hold for 0 and 10."""
    low, high = garwood([4, 0, 10])
    assert low == pytest.approx([1.089865, 0.0, 4.795389], abs=1e-6)
    assert high == pytest.approx([10.241589, 3.688879, 18.390356], abs=1e-6)


def test_rate_ratio_of_r():
    """The exact ratio is that of the example of R's poisson.test: 11 in 800 against 21 in 3011 person-years."""
    assert rate_ratio(11, 800, 21, 1083 + 1050 + 878) == pytest.approx((0.8584264, 4.2772659), abs=1e-6)


def test_funnel_limits_of_funnelplotr():
    """The Poisson limits are those in the tests of the R package FunnelPlotR."""
    expected = [15, 20, 30]
    low, high = poisson_funnel_limits(expected)
    assert low == pytest.approx([0.5596924, 0.6108260, 0.6746958], abs=1e-6)
    assert high == pytest.approx([1.649348, 1.544419, 1.427562], abs=1e-6)
    low, high = poisson_funnel_limits(expected, 0.998)
    assert low == pytest.approx([0.3862650, 0.4479107, 0.5289724], abs=1e-6)
    assert high == pytest.approx([2.082907, 1.902094, 1.702771], abs=1e-6)


def test_benjamini_hochberg_1995():
    """The example of the paper: four of fifteen hypotheses are rejected at .05, where Bonferroni rejects three."""
    low = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p = [*low, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    q = benjamini_hochberg(p)
    assert q[:5] == pytest.approx([0.0015, 0.0030, 0.0095, 0.035625, 0.0603])
    assert (q <= 0.05).sum() == 4
    assert (np.array(p) * 15 <= 0.05).sum() == 3


def test_median_ranks():
    """For n = 100 the median lies between the 40th and the 61st value with confidence .9648 (Conover 1999)."""
    low, high, coverage = quantile_interval(100, 0.5)
    assert (low, high) == (40, 61)
    assert coverage == pytest.approx(0.9648, abs=5e-5)


def test_hyndman_fan():
    """quantile(1:10, .25, type = 1..9) in R gives these nine numbers."""
    found = [quantile(range(1, 11), 0.25, kind) for kind in range(1, 10)]
    assert found == pytest.approx([3, 3, 2, 2.5, 3, 2.75, 3.25, 2 + 11 / 12, 2.9375])
    # 0.1 + 0.2 exceeds 0.3 by rounding only.
    assert quantile(range(1, 11), 0.1 + 0.2, 1) == 3


@quick
@given(samples, levels)
def test_exact_limits_are_where_the_tail_says(sample, level):
    """At the Clopper-Pearson limits the tail beyond the count has probability alpha / 2."""
    x, n = sample
    low, high = clopper_pearson(x, n, level)
    if x > 0:
        assert tail(x, n, low) == pytest.approx((1 - level) / 2, rel=1e-6)
    if x < n:
        assert 1 - tail(x + 1, n, high) == pytest.approx((1 - level) / 2, rel=1e-6)


@quick
@given(st.integers(0, 40), st.floats(0.1, 1000), levels)
def test_poisson_limits_are_where_the_tail_says(count, exposure, level):
    """At Garwood's limits the tail beyond the count has probability alpha / 2."""
    low, high = (limit * exposure for limit in garwood(count, exposure, level=level))

    def at_most(k, mean):
        return sum(exp(-mean) * mean**i / factorial(i) for i in range(k + 1))

    assert at_most(count, high) == pytest.approx((1 - level) / 2, rel=1e-6)
    if count:
        assert 1 - at_most(count - 1, low) == pytest.approx((1 - level) / 2, rel=1e-6)


@quick
@given(samples, shares)
def test_midp_is_the_summed_tail(sample, p):
    """For whole counts the mid-p values are the tails with half of the count's own probability, and add up to 1."""
    x, n = sample
    low, high = midp_binomial(x, n, p)
    assert high == pytest.approx((tail(x, n, p) + tail(x + 1, n, p)) / 2, abs=1e-12)
    assert low + high == pytest.approx(1.0)


@quick
@given(st.floats(0, 1), st.floats(0.1, 500), st.floats(0.01, 0.99))
def test_midp_between_whole_counts(share, n, p):
    """Between whole counts the mid-p value stays a probability and falls as the count grows."""
    high = midp_binomial(share * n, n, p)[1]
    more = midp_binomial(min(share * n + 0.1, n), n, p)[1]
    assert 0.0 <= more <= high + 1e-12 <= 1.0 + 1e-12


@quick
@given(samples, levels)
def test_proportion_intervals(sample, level):
    """Every interval lies in 0..1, holds the proportion, mirrors that of the failures, and widens with confidence."""
    x, n = sample
    for method in (wilson, clopper_pearson):
        low, high = method(x, n, level)
        assert 0.0 <= low <= x / n <= high <= 1.0
        assert method(n - x, n, level) == pytest.approx((1 - high, 1 - low), abs=1e-9)
        wider = method(x, n, (1 + level) / 2)
        assert wider[0] <= low + 1e-12
        assert high <= wider[1] + 1e-12


@quick
@given(samples, samples)
def test_difference_turns_its_sign(one, other):
    """Swapping the samples turns the interval of the difference around; it lies in -1..1 and holds the difference."""
    low, high = newcombe(*one, *other)
    assert newcombe(*other, *one) == pytest.approx((-high, -low), abs=1e-12)
    assert -1.0 - 1e-12 <= low <= one[0] / one[1] - other[0] / other[1] + 1e-12
    assert high <= 1.0 + 1e-12


@quick
@given(st.integers(0, 50), st.integers(0, 50), st.floats(0.1, 100), st.floats(0.1, 100))
def test_ratio_turns_over(k1, k2, e1, e2):
    """Swapping the groups gives the reciprocal limits."""
    low, high = rate_ratio(k1, e1, k2, e2)
    assert low <= high
    swapped_low, swapped_high = rate_ratio(k2, e2, k1, e1)
    assert swapped_low == pytest.approx(1 / high if high else inf)
    assert swapped_high == pytest.approx(1 / low if low else inf)


@quick
@given(st.integers(0, 80), st.floats(0.01, 0.99), levels)
def test_quantile_ranks_cover(n, q, level):
    """The ranks are the tightest with at most alpha / 2 on either side, and the coverage is that of the binomial."""
    low, high, coverage = quantile_interval(n, q, level)
    room = (1 - level) / 2
    assert 0 <= low <= high <= n + 1
    assert coverage == pytest.approx(tail(low, n, q) - tail(high, n, q), abs=1e-9)
    assert coverage >= level - 1e-9
    assert low == 0 or 1 - tail(low, n, q) <= room + 1e-12
    assert high == n + 1 or tail(high, n, q) <= room + 1e-12
    assert low >= n or 1 - tail(low + 1, n, q) > room - 1e-9
    assert high == 0 or tail(high - 1, n, q) > room - 1e-9


@quick
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), shares, st.integers(1, 9))
def test_quantiles_as_numpy_counts_them(sample, q, kind):
    """Every definition agrees with numpy's of the same name, save where rounding decides between two steps."""
    names = "inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull linear"
    method = [*names.split(), "median_unbiased", "normal_unbiased"][kind - 1]
    place = len(sample) * q * 2
    if kind > 3 or abs(place - round(place)) > 1e-9:
        assert quantile(sample, q, kind) == pytest.approx(np.quantile(sample, q, method=method), rel=1e-9, abs=1e-6)


@quick
@given(st.lists(st.one_of(shares, st.just(nan)), max_size=30))
def test_adjusted_by_definition(p):
    """An adjusted p value is the least p m / rank among the tests at or above it; NaN does not count as a test."""
    known = sorted(value for value in p if not isnan(value))
    for value, found in zip(p, benjamini_hochberg(p).tolist(), strict=True):
        if isnan(value):
            assert isnan(found)
        else:
            above = [min(1.0, v * (len(known) / (i + 1))) for i, v in enumerate(known) if v >= value]
            assert found == pytest.approx(min(above), rel=1e-12)


@quick
@given(st.lists(shares, min_size=1, max_size=30), st.randoms())
def test_adjusted_keeps_order(p, random):
    """Adjusting keeps the order of the p values, never lowers one, and does not depend on the order of the input."""
    q = benjamini_hochberg(p)
    order = np.argsort(p, kind="stable")
    assert (np.diff(q[order]) >= 0).all()
    assert (q >= np.array(p) - 1e-15).all()
    random.shuffle(mixed := list(range(len(p))))
    assert benjamini_hochberg(np.array(p)[mixed]).tolist() == q[mixed].tolist()


def test_no_data_is_everything():
    """Without data the interval is everything that is possible, and nothing was tested."""
    assert wilson(0, 0) == clopper_pearson(0, 0) == (0.0, 1.0)
    assert newcombe(0, 0, 1, 2) == (-1.0, 1.0)
    assert garwood(0, 0) == rate_ratio(0, 0, 3, 5) == rate_ratio(0, 1, 0, 5) == poisson_funnel_limits(0) == (0.0, inf)
    assert quantile_interval(3, 0.5) == (0, 4, 1.0)
    assert all(isnan(p) for p in midp_binomial(0, 0, 0.5))
    assert benjamini_hochberg([]).shape == (0,)


def test_shapes():
    """Arrays broadcast, numbers stay numbers, and adjusted p values keep their shape."""
    low, high = wilson([[1], [2]], [3, 4, 5])
    assert low.shape == high.shape == (2, 3)
    assert isinstance(wilson(1, 3)[0], float)
    assert benjamini_hochberg(np.full((2, 3), 0.5)).shape == (2, 3)
    assert quantile([3, 1, 2], [0, 1]).tolist() == [1, 3]


def test_effective_counts():
    """Counts need not be whole, and a count above its trials by rounding only is taken as all of them."""
    assert wilson(2.5, 7.5)[0] < wilson(2.6, 7.5)[0]
    assert wilson(7.5 * (1 + 1e-15), 7.5)[1] == 1.0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: wilson(4, 3), "successes: 4.0 exceed the 3 trials"),
        (lambda: wilson(-1, 3), "successes: -1.0 is no finite number of at least 0"),
        (lambda: wilson(nan, 3), "successes: nan is no"),
        (lambda: wilson("many", 3), "successes: 'many' is not numeric"),
        (lambda: wilson(1, 3, 95), "confidence level: 95 does not lie between 0 and 1"),
        (lambda: garwood(3, 0), "exposure: 0.0 has events"),
        (lambda: midp_binomial(1, 2, 1.5), "probability: 1.5 is outside 0..1"),
        (lambda: benjamini_hochberg([0.1, 1.1]), "p value: 1.1 is outside 0..1"),
        (lambda: quantile_interval(2.5, 0.5), "sample size: 2.5 is no whole number"),
        (lambda: quantile_interval(2, 1.5), "quantile: 1.5 is outside 0..1"),
        (lambda: quantile([], 0.5), "sample: 'shape (0,)' is empty"),
        (lambda: quantile([1], 1.5), "quantile: 1.5 is outside 0..1"),
        (lambda: quantile([1], 0.5, 10), "quantile kind: 10 is none of 1..9"),
    ],
)
def test_refusals(call, said):
    """Impossible input is refused in words that name the value."""
    with pytest.raises(InvalidValue) as caught:
        call()
    assert said in str(caught.value)
