"""CUSUM charts: sums as in the books, run lengths as published, and outcomes judged by their own chances."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics import spc

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
