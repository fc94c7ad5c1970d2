"""CUSUM charts: sums as in the books, run lengths as published, and outcomes judged by their own chances."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics import spc

# Montgomery's 30 points of mean 10, of which the last ten have mean 11; NIST's 20 points of target 50 (6.3.2.4).
MONTGOMERY = [9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.2, 10.34, 9.03, 11.47, 10.51, 9.4, 10.08, 9.37, 10.62,
              10.31, 8.52, 10.84, 10.9, 9.33, 12.29, 11.5, 10.6, 11.08, 10.38, 11.62, 11.31, 10.52]  # fmt: skip
NIST = [
    52.0,
    47.0,
    53.0,
    49.3,
    50.1,
    47.0,
    51.0,
    50.1,
    51.2,
    50.5,
    49.6,
    47.6,
    49.9,
    51.3,
    47.8,
    51.2,
    52.6,
    52.4,
    53.6,
    52.1,
]
KNOWN = spc.ChartLimits(kind="xmr", centre=10, sigma=1)
CASES = st.lists(st.tuples(st.sampled_from([0, 1, None]), st.floats(0.01, 0.99)), min_size=1, max_size=60)


def slow(cases, odds_ratio):
    """Both sums of a risk-adjusted CUSUM, one case after the other, from the likelihoods themselves."""
    up, down, out = 0.0, 0.0, []
    for y, p in cases:
        if y is None:
            out.append((None, None))
            continue
        more = odds_ratio * p / (1 - p + odds_ratio * p)
        less = p / odds_ratio / (1 - p + p / odds_ratio)
        up = max(0.0, up + math.log((more if y else 1 - more) / (p if y else 1 - p)))
        down = max(0.0, down + math.log((less if y else 1 - less) / (p if y else 1 - p)))
        out.append((up, down))
    return out


@given(CASES, st.floats(1.1, 8), st.floats(0.2, 4))
def test_risk_adjusted_sums_are_those_of_the_likelihoods(cases, odds_ratio, limit):
    """The sums are the log likelihood ratios of the hypotheses; what is not known yet adds nothing."""
    outcomes, expected = zip(*cases, strict=True)
    chart = spc.risk_adjusted_cusum(outcomes, expected, odds_ratio, limit)
    for row, (up, down) in zip(chart, slow(cases, odds_ratio), strict=True):
        assert row.up == (None if up is None else pytest.approx(up, abs=1e-9))
        assert row.down == (None if down is None else pytest.approx(down, abs=1e-9))
    flagged = sorted(place for one in chart.findings for place in one.points)
    assert flagged == sorted(row.index for row in chart for total in (row.up, row.down) if (total or 0) > limit)
    assert {row.index for row in chart if row.alarm} == set(flagged)


@given(CASES, st.floats(1.1, 8), st.floats(0.2, 2))
def test_a_sum_that_restarts_has_an_alarm_a_finding(cases, odds_ratio, limit):
    """After an alarm the sum begins again; each alarm is a finding, and its change lies after the alarm before."""
    outcomes, expected = zip(*cases, strict=True)
    chart = spc.risk_adjusted_cusum(outcomes, expected, odds_ratio, limit, restart=True)
    for side in ("above", "below"):
        found = [one for one in chart.findings if one.side == side]
        assert all(one.points == (one.last,) for one in found)
        assert all(before.last < after.first <= after.at for before, after in pairwise(found))


def test_sums_that_restart_often_and_late():
    """A long series of points, summed one by one: the sum begins again at its head start after each alarm."""
    rng = np.random.default_rng(4)
    values, k, h = rng.normal(0.3, 1.0, 3000), 0.25, 6.0
    known = spc.ChartLimits(kind="xmr", centre=0.0, sigma=1.0)
    chart = spc.cusum_chart(values, k=k, h=h, limits=known, head_start=2.0, restart=True)
    total, alarms = 2.0, 0
    for row, value in zip(chart, values.tolist(), strict=True):
        total = max(0.0, total + value - k)
        assert row.up == pytest.approx(total, abs=1e-9)
        alarms += total > h
        total = 2.0 if total > h else total
    assert alarms == sum(one.side == "above" for one in chart.findings) > 20


def test_swapping_what_counts_swaps_the_sides():
    """Failures with their chances tell of the other side what successes tell of this one."""
    rng = np.random.default_rng(3)
    p = rng.uniform(0.2, 0.7, 300)
    y = (rng.random(300) < p).astype(int)
    chart, other = spc.risk_adjusted_cusum(y, p), spc.risk_adjusted_cusum(1 - y, 1 - p)
    assert [row.up for row in chart] == pytest.approx([row.down for row in other])
    assert chart.run_length().mean == pytest.approx(other.run_length().mean, rel=1e-6)


def test_run_length_of_a_risk_adjusted_cusum():
    """The chain agrees with 4,000 simulated runs of cases with four chances, in control and after a shift."""
    p = np.array([0.1, 0.3, 0.5, 0.7])
    chart = spc.risk_adjusted_cusum(np.zeros(4), p, 2.0, 2.5, every="day")
    for shift in (0.0, 0.7):
        simulated, error = runs_of(p, 2.0, 2.5, shift)
        assert chart.run_length(shift=shift).mean == pytest.approx(simulated, abs=4 * error + 0.02 * simulated)
    length = chart.run_length()
    assert length.alarms_per_year == pytest.approx(365.2425 / length.mean)


def runs_of(p, odds_ratio, limit, shift, runs=4000):
    """Mean run length by simulation, and its standard error."""
    rng = np.random.default_rng(8)
    odds = p / (1 - p) * math.exp(shift)
    happens = odds / (1 + odds)
    up, down, length, lasting = np.zeros(runs), np.zeros(runs), np.zeros(runs), np.ones(runs, bool)
    while lasting.any():
        which = rng.integers(len(p), size=runs)
        y = rng.random(runs) < happens[which]
        up = np.maximum(0, up + y * math.log(odds_ratio) - np.log(1 - p + odds_ratio * p)[which])
        down = np.maximum(0, down - y * math.log(odds_ratio) - np.log(1 - p + p / odds_ratio)[which])
        length += lasting
        lasting &= (up <= limit) & (down <= limit)
    return length.mean(), length.std() / runs**0.5


def test_one_side_at_one_chance():
    """Bernoulli cases of 0.55 that look for odds x 0.62 at 3.5 run about 1,330 cases (simulated independently)."""
    from crmkit.metrics._spc_chains import risk_adjusted_run_length

    assert risk_adjusted_run_length(np.array([0.55]), math.log(0.62), 3.5) == pytest.approx(1330, rel=0.04)


def test_steps_are_those_of_a_sequential_test():
    """NIST 6.2.6: of p = 0.01 against 0.10 the lines have slope 0.0397; a defective lies 1 - slope above them."""
    odds_ratio = 0.10 / 0.90 / (0.01 / 0.99)
    chart = spc.risk_adjusted_cusum([1, 0], [0.01, 0.01], odds_ratio)
    up = [row.up / math.log(odds_ratio) for row in chart]
    assert up == pytest.approx([1 - 0.0397, 1 - 2 * 0.0397], abs=1e-4)


@pytest.mark.parametrize(
    ("outcomes", "expected", "more", "reason"),
    [
        ([0, 2], [0.5, 0.5], {}, "2 at index 1.*neither 0 nor 1"),
        ([0, 1], [0.5, 1.0], {}, "1 at index 1.*no probability"),
        ([0, 1], [0.5, None], {}, "nan at index 1.*no probability"),
        ([0, 1], [0.5], {}, "do not fit 2 points"),
        ([[0, 1]], [0.5], {}, "is no column"),
        (["x"], [0.5], {}, "are no numbers"),
        ([0.0, math.inf], [0.5, 0.5], {}, "infinite at index 1"),
        ([0], [0.5], {"odds_ratio": 1.0}, "is not above 1"),
        ([0], [0.5], {"limit": 0}, "limit.*is not above 0"),
        ([0], [0.5], {"labels": ["a", "b"]}, "do not fit 1 points"),
        ([0], [0.5], {"every": -1}, "number of points a year"),
    ],
)
def test_cases_that_cannot_be_judged_are_refused(outcomes, expected, more, reason):
    """With the place of the first of them."""
    with pytest.raises(InvalidValue, match=reason):
        spc.risk_adjusted_cusum(outcomes, expected, **more)


def test_units_of_time_have_names():
    """Another one is named, with those there are."""
    with pytest.raises(NotFound, match="fortnight"):
        spc.risk_adjusted_cusum([0], [0.5], every="fortnight")


def test_nothing_is_known_yet():
    """Cases without outcomes are no data: no sums, no findings, and no run length to state."""
    chart = spc.risk_adjusted_cusum([None, None], [0.5, 0.5])
    assert [row.up for row in chart] == [None, None]
    assert not chart.findings
    assert chart.run_length().mean == math.inf


def test_a_chart_of_cases_is_told_in_two_languages():
    """With its limit, its points, its findings and its run length."""
    chart = spc.risk_adjusted_cusum([1] * 12, [0.3] * 12, limit=2.5, labels=[f"D{i}" for i in range(12)])
    finding = chart.findings[0]
    assert (finding.side, finding.first, finding.at, finding.last) == ("above", 0, 5, 11)
    assert str(finding) == "D5 to D11: the sum above exceeds 2.5; the change may have begun at D0"
    assert "looks for odds x 2" in str(chart)
    assert "In control it runs" in str(chart)
    assert "风险调整累积和控制图" in chart.to_text("zh")
    assert "D5 至 D11" in chart.to_text("zh")
    with pytest.raises(NotFound):
        chart.to_text("de")


def test_cusum_of_the_books():
    """Montgomery's table: C+ is 5.28 and 5.30 at the last two points, the first above 5; N+ is 7 at the first of them."""
    chart = spc.cusum_chart(MONTGOMERY, limits=KNOWN)
    assert [row.up for row in chart.rows[28:]] == pytest.approx([5.28, 5.30])
    assert [row.down for row in chart.rows[:3]] == pytest.approx([0.05, 1.56, 1.77])
    (finding,) = chart.findings
    assert (finding.side, finding.at, finding.points) == ("above", 28, (28, 29))
    assert finding.at - finding.first + 1 == 7
    assert [row.alarm for row in chart].index(True) == 28


@given(
    st.lists(st.one_of(st.none(), st.integers(-400, 400)), min_size=1, max_size=50), st.sampled_from([0.25, 0.5, 1.0])
)
def test_cusum_sums_as_defined(hundredths, k):
    """max(0, sum + z - k), and of the mirrored points; where there is no data the sums wait; mirrored, they swap."""
    values = [None if x is None else x / 100 for x in hundredths]
    known = spc.ChartLimits(kind="xmr", centre=0.0, sigma=2.0)
    chart = spc.cusum_chart(values, k=k, h=3, limits=known, head_start=1)
    other = spc.cusum_chart([None if x is None else -x for x in values], k=k, h=3, limits=known, head_start=1)
    up = down = 1.0
    for row, mirrored, x in zip(chart, other, values, strict=True):
        if x is None:
            assert row.up is row.down is None
            continue
        up, down = max(0.0, up + x / 2 - k), max(0.0, down - x / 2 - k)
        assert (row.up, row.down) == pytest.approx((up, down), abs=1e-9)
        assert (mirrored.up, mirrored.down) == (row.down, row.up)
        assert row.alarm == (max(up, down) > 3) or abs(max(up, down) - 3) < 1e-9


def test_a_cusum_of_its_own_baseline():
    """Its centre and sigma are those of an XmR chart of the baseline; the rest is monitored."""
    chart = spc.cusum_chart(MONTGOMERY, baseline=20, every="week")
    limits = spc.xmr_chart(MONTGOMERY, baseline=20).limits
    assert chart.rows[0].expected == pytest.approx(limits.centre)
    assert chart.rows[1].down == pytest.approx((limits.centre - 7.99) / limits.sigma - 0.5)
    assert [row.phase for row in chart].count("baseline") == 20
    assert chart.run_length().alarms_per_year == pytest.approx(365.2425 / 7 / 465.44, rel=1e-4)
    assert not spc.cusum_chart([5, 5, 5]).findings
    assert "does not vary" in str(spc.cusum_chart([5, 5, 5]))
    assert "looks for 1 sigma" in str(chart)
    assert "检测1 倍标准差的偏移" in chart.to_text("zh")


def cusum_mean(k, h, shift=0.0, head_start=0.0):
    """The run length that a two-sided CUSUM states."""
    return spc.cusum_chart([0, 1], k=k, h=h, head_start=head_start).run_length(shift=shift).mean


@pytest.mark.parametrize(
    ("h", "shift", "mean"),
    [(4, 0, 168), (4, 0.25, 74.2), (4, 0.5, 26.6), (4, 0.75, 13.3), (4, 1, 8.38), (4, 1.5, 4.75), (4, 2, 3.34),
     (4, 2.5, 2.62), (4, 3, 2.19), (5, 0, 465), (5, 0.25, 139), (5, 0.5, 38.0), (5, 0.75, 17.0), (5, 1, 10.4),
     (5, 1.5, 5.75), (5, 2, 4.01), (5, 2.5, 3.11), (5, 3, 2.57)],
)  # fmt: skip
def test_cusum_run_lengths_are_those_published(h, shift, mean):
    """Montgomery's table of the tabular CUSUM with k = 0.5 (after Lucas & Crosier), to its three digits."""
    assert cusum_mean(0.5, h, shift) == pytest.approx(mean, rel=5e-3)
    assert cusum_mean(0.5, h, -shift) == pytest.approx(mean, rel=5e-3)


@pytest.mark.parametrize(("k", "h"), [(0.25, 8.01), (0.5, 4.77), (0.75, 3.34), (1.0, 2.52), (1.25, 1.99), (1.5, 1.61)])
def test_limits_of_hawkins(k, h):
    """Hawkins (1993): pairs of k and h, to two digits, that run 370 points in control."""
    assert cusum_mean(k, h) == pytest.approx(370.4, rel=0.02)


@pytest.mark.parametrize(
    ("h", "shift", "mean"), [(4, 0, 149), (4, 0.5, 20.1), (4, 1, 5.29), (4, 2, 2.01), (5, 0, 430), (5, 0.5, 28.7), (5, 1, 6.35)]
)  # fmt: skip
def test_head_starts_are_those_published(h, shift, mean):
    """Lucas & Crosier (1982): a head start of h / 2 finds early what is wrong at the start, at little cost."""
    assert cusum_mean(0.5, h, shift, h / 2) == pytest.approx(mean, rel=8e-3)


def test_run_lengths_beyond_floats():
    """Where alarms are rarer than a float can tell, the run length is infinite."""
    assert cusum_mean(3.0, 30.0) == cusum_mean(50.0, 1.0) == math.inf
    assert spc.ewma_chart([0, 1], weight=1.0, reach=9).run_length().mean == math.inf


def test_ewma_of_the_books():
    """Montgomery's table (lambda 0.1, L 2.7): averages, limits and the first signal; NIST's averages and limits."""
    chart = spc.ewma_chart(MONTGOMERY, weight=0.1, reach=2.7, limits=KNOWN)
    value = [row.value for row in chart]
    assert [value[i - 1] for i in (1, 2, 10, 29, 30)] == pytest.approx(
        [9.945, 9.7495, 10.0232, 10.6468, 10.6341], abs=1e-4
    )
    assert [chart.rows[0].high, chart.rows[29].high, chart.rows[29].low] == pytest.approx(
        [10.27, 10.62, 9.38], abs=5e-3
    )
    assert chart.findings[0].at == 28
    assert chart.rows[28].rules == ("ewma",)
    known = spc.ChartLimits(kind="ewma", centre=50, sigma=2.0539)
    nist = spc.ewma_chart(NIST, weight=0.3, reach=3, limits=known)
    assert [nist.rows[i].value for i in (0, 1, 19)] == pytest.approx([50.60, 49.52, 51.99], abs=5e-3)
    assert (nist.rows[19].high, nist.rows[19].low) == pytest.approx((52.5884, 47.4115), abs=2e-4)
    assert not nist.findings


def test_an_average_waits_where_there_is_no_data():
    """And its limits with it."""
    chart = spc.ewma_chart([1, None, 3], weight=0.5, limits=KNOWN)
    assert [row.value for row in chart] == [5.5, None, 4.25]
    assert chart.rows[2].high == pytest.approx(10 + 2.814 * (0.5 / 1.5 * (1 - 0.5**4)) ** 0.5)
    assert [row.observed for row in chart] == [1, None, 3]


# Lucas & Saccucci (1990), as in Montgomery's table: lambda, L, shift and run length with limits at rest.
SACCUCCI = [(0.4, 3.054, 0, 500), (0.25, 2.998, 0, 500), (0.2, 2.962, 0, 500), (0.1, 2.814, 0, 500), (0.05, 2.615, 0, 500),
            (0.4, 3.054, 1, 14.3), (0.25, 2.998, 1, 11.1), (0.2, 2.962, 1, 10.5), (0.1, 2.814, 1, 10.3),
            (0.05, 2.615, 1, 11.4), (0.1, 2.814, 0.5, 31.3), (0.1, 2.814, 2, 4.4)]  # fmt: skip


@pytest.mark.parametrize(("weight", "reach", "shift", "mean"), SACCUCCI)
def test_ewma_run_lengths_are_those_published(weight, reach, shift, mean):
    """With limits at rest as published; with limits that begin narrow, somewhat less."""
    from crmkit.metrics._spc_chains import ewma_run_length

    assert ewma_run_length(weight, reach, shift=shift) == pytest.approx(mean, rel=5e-3, abs=0.06)
    stated = spc.ewma_chart([0, 1], weight=weight, reach=reach).run_length(shift=shift).mean
    assert 0.5 * mean < stated < mean


def test_an_ewma_without_memory_is_shewhart():
    """With a weight of 1 the averages are the points: 370.4."""
    chart = spc.ewma_chart(MONTGOMERY, weight=1, reach=3, limits=KNOWN, every="day")
    assert [row.value for row in chart] == MONTGOMERY
    assert chart.run_length().mean == pytest.approx(370.398, abs=0.01)
    assert "0.986 false alarms a year" in str(chart)
    assert "shifted by 1 sigma" in chart.run_length(shift=1).method


def test_an_ewma_with_narrow_limits_agrees_with_simulation():
    """Limits that begin narrow: 4,000 simulated runs."""
    rng = np.random.default_rng(11)
    average, length, lasting = np.zeros(4000), np.zeros(4000), np.ones(4000, bool)
    for step in range(1, 4000):
        average = 0.2 * (rng.normal(size=4000) + 0.5) + 0.8 * average
        length += lasting
        lasting &= np.abs(average) <= 2.5 * (0.2 / 1.8 * (1 - 0.8 ** (2 * step))) ** 0.5
    stated = spc.ewma_chart([0, 1], weight=0.2, reach=2.5).run_length(shift=0.5).mean
    assert stated == pytest.approx(length.mean(), abs=4 * length.std() / 4000**0.5)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: spc.ewma_chart(MONTGOMERY, weight=0), "weight.*is not above 0 and at most 1"),
        (lambda: spc.ewma_chart(MONTGOMERY, reach=-1), "reach.*is not above 0"),
        (lambda: spc.ewma_chart(MONTGOMERY, rules=spc.NELSON), "mean nothing here"),
        (lambda: spc.cusum_chart(MONTGOMERY, k=0), "k.*is not above 0"),
        (lambda: spc.cusum_chart(MONTGOMERY, h=math.inf), "h.*is not above 0"),
        (lambda: spc.cusum_chart(MONTGOMERY, head_start=5), "is not from 0 to below the limit 5"),
        (lambda: spc.cusum_chart([1]), "cannot tell what is usual"),
        (lambda: spc.ewma_chart([1]), "cannot tell what is usual"),
    ],
)  # fmt: skip
def test_charts_that_remember_refuse_what_makes_no_sense(make, reason):
    """With its name."""
    with pytest.raises(InvalidValue, match=reason):
        make()
