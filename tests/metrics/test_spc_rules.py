"""Run rules: one engine against a slow reading of each rule, and run lengths against those that were published."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics import spc
from crmkit.metrics._spc_rules import hits

WE, NELSON = spc.WESTERN_ELECTRIC, spc.NELSON
# Few values, so that points lie on limits, repeat, and rise for long.
SERIES = st.lists(st.sampled_from([-3.5, -3.0, -2.5, -1.5, -0.5, 0.0, 0.5, 1.5, 2.5, 3.5]), max_size=40)


def rule(pattern="beyond", k=1, m=0, sigmas=0.0, name="mine"):
    """A rule of one's own."""
    return spc.RunRule(id=name, en="mine", zh="自定义", pattern=pattern, k=k, m=m, sigmas=sigmas)


OWN = (
    rule("beyond", 2, 4, 1.0),
    rule("outside", 3, 4, 1.0),
    rule("within", 3, 5, 1.0),
    rule("trend", 3),
    rule("alternation", 4),
)


def holds(one, side, points):
    """Whether all of some points in a row, or each of them, are as a rule wants: read off its words."""
    sign = 1 if side == "above" else -1
    if one.pattern == "beyond":
        return [sign * x > one.sigmas for x in points]
    if one.pattern == "outside":
        return [abs(x) > one.sigmas for x in points]
    if one.pattern == "within":
        return [abs(x) < one.sigmas for x in points]
    steps = [sign * (b - a) for a, b in pairwise(points)]
    if one.pattern == "trend":
        return [all(step > 0 for step in steps)] * len(points)
    return [all(a * b < 0 for a, b in pairwise(steps))] * len(points)


def slow(one, series):
    """The points that make a rule, by side, and by which of them it is first met."""
    found = {}
    for side in ("above", "below") if one.pattern in ("beyond", "trend") else ("both",):
        members, first = set(), None
        for end in range(len(series)):
            window = range(max(0, end - one.m + 1), end + 1)
            if one.pattern in ("trend", "alternation") and len(window) < one.m:
                continue
            has = holds(one, side, [series[i] for i in window])
            if has[-1] and sum(has) >= one.k:
                members |= {i for i, it in zip(window, has, strict=True) if it}
                first = end if first is None else first
        if members:
            found[side] = (members, first)
    return found


@given(SERIES, st.sampled_from([*NELSON, *WE, *OWN]))
def test_the_engine_reads_rules_as_people_do(series, one):
    """The same points on the same sides, the same first alarm; findings of a side share no point."""
    z = np.array(series)
    found = list(hits([one], z, z))
    for side, (members, first) in slow(one, series).items():
        mine = [hit for hit in found if hit.side == side]
        assert sorted(place for hit in mine for place in hit.points) == sorted(members)
        assert min(hit.at for hit in mine) == first
        assert all(hit.at in hit.points for hit in mine)
    assert {hit.side for hit in found} == set(slow(one, series))


def test_rules_are_data():
    """Eight of Nelson, four of Western Electric, each with an id and a text in two languages; more can be made."""
    assert [len(NELSON), len(WE)] == [8, 4]
    assert len({one.id for one in (*NELSON, *WE)}) == 12
    assert all(one.en and one.zh for one in (*NELSON, *WE))
    chart = spc.xmr_chart([1, 2, 1, 2, 5, 6, 7, 1], rules=[rule("trend", 4)])
    assert [(one.rule, one.side, one.points) for one in chart.findings] == [("mine", "above", (2, 3, 4, 5, 6))]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: rule("beyond", 3, 2), "is not 1 <= k <= m"),
        (lambda: rule("trend", 1), "is not 2 <= k <= m"),
        (lambda: rule("alternation", 4, 5), "alternation allows none"),
        (lambda: rule("beyond", 1, 1, -1.0), "no distance"),
        (lambda: spc.run_length([rule(), rule()]), "'mine' is the id of two rules"),
        (lambda: spc.run_length(["nelson 1"]), "is no RunRule"),
        (lambda: spc.run_length(NELSON), "nelson 3, nelson 4' look at how points follow each other; give rng="),
        (lambda: spc.run_length(rule("beyond", 10, 40)), "1 rules' are too many"),
        (lambda: spc.run_length(WE, rng=np.random.default_rng(0), runs=1), "too few to simulate"),
    ],
)
def test_rules_that_cannot_be_are_refused(make, reason):
    """With what is wrong."""
    with pytest.raises(InvalidValue, match=reason):
        make()


def test_patterns_have_names():
    """Another one is refused."""
    with pytest.raises(ValueError, match="pattern"):
        rule("wavy")


# Champ & Woodall (1987), Technometrics 29, 393-399, table 1.
CHAMP_WOODALL = {
    (1,): 370.40, (1, 2): 225.44, (1, 3): 166.05, (1, 4): 152.73, (1, 2, 3): 132.89, (1, 2, 4): 122.05,
    (1, 3, 4): 105.78, (1, 2, 3, 4): 91.75,
}  # fmt: skip


@pytest.mark.parametrize("numbers", CHAMP_WOODALL, ids=str)
def test_run_lengths_are_those_published(numbers):
    """Shewhart's and the Western Electric rules, each combination, in control."""
    length = spc.run_length([WE[number - 1] for number in numbers], every="month")
    assert length.mean == pytest.approx(CHAMP_WOODALL[numbers], abs=0.006)
    assert length.error is None
    assert length.alarms_per_year == pytest.approx(12 / length.mean)
    assert "exact" in length.method


@pytest.mark.parametrize(("shift", "mean"), [(0.2, 66.80), (0.4, 36.61), (1.0, 9.22), (2.0, 3.13), (3.0, 1.67)])
def test_run_lengths_after_a_shift_are_those_published(shift, mean):
    """All four Western Electric rules, in the same table."""
    assert spc.run_length(WE, shift=shift).mean == pytest.approx(mean, abs=0.006)
    assert spc.run_length(WE, shift=-shift).mean == pytest.approx(mean, abs=0.006)


def test_runs_on_one_side_in_closed_form():
    """A run of r on one side of the centre comes after 2^r - 1 points on average."""
    assert spc.run_length(NELSON[1]).mean == pytest.approx(2**9 - 1)
    assert spc.run_length(WE[3]).mean == pytest.approx(2**8 - 1)


@pytest.mark.parametrize(
    "rules", [WE, OWN[:1], OWN[1:2], OWN[2:3], tuple(NELSON[i] for i in (0, 1, 4, 5, 6, 7))], ids=len
)
def test_simulated_run_lengths_agree_with_exact_ones(rules):
    """Within four standard errors; the same seed gives the same number."""
    exact = spc.run_length(rules, shift=0.5).mean
    simulated, again = (spc.run_length(rules, shift=0.5, rng=np.random.default_rng(4), runs=4000) for _ in range(2))
    assert simulated.mean == pytest.approx(exact, abs=4 * simulated.error)
    assert again.mean == simulated.mean


def test_trends_are_simulated():
    """A trend of 3, up or down, is met as late as permutations without three in order say."""
    length = spc.run_length(rule("trend", 3), rng=np.random.default_rng(1), runs=20_000)
    # P(no 3 in order among n) = 2 E_n / n! with the alternating permutations E_n (Andre 1881); the mean sums it.
    zigzag, lasting = [1, 1], [1.0, 1.0, 1.0]
    for n in range(1, 40):
        zigzag.append(sum(math.comb(n, k) * zigzag[k] * zigzag[n - k] for k in range(n + 1)) // 2)
    lasting += [2 * zigzag[n] / math.factorial(n) for n in range(3, 40)]
    assert length.mean == pytest.approx(sum(lasting), abs=4 * length.error)
    assert "20000 simulated runs" in length.method


def test_all_of_nelson_together():
    """All eight rules cry wolf oftener than the six that are exact, by the two that are simulated."""
    length = spc.run_length(NELSON, rng=np.random.default_rng(2), runs=4000)
    exact = spc.run_length([NELSON[i] for i in (0, 1, 4, 5, 6, 7)]).mean
    assert exact == pytest.approx(98.2, abs=0.1)
    assert 65 < length.mean < 82


def test_rules_that_are_never_or_always_met():
    """An infinite run length, simulated or not; and one of a point."""
    never, always = rule("beyond", 1, 1, 50.0), rule("within", 1, 1, 50.0)
    assert spc.run_length(never).mean == spc.run_length([]).mean == math.inf
    assert spc.run_length(never, rng=np.random.default_rng(0), runs=2).mean == math.inf
    assert spc.run_length([], rng=np.random.default_rng(0), runs=2).mean == math.inf
    assert spc.run_length(always).mean == 1.0
    assert spc.run_length(never, every=12).alarms_per_year == 0


def test_series_that_last_longer_than_anybody_waits():
    """They count for what they have lasted: the mean is that of an exponential, censored."""
    rare = rule("beyond", 1, 1, 4.5)
    length = spc.run_length(rare, rng=np.random.default_rng(3), runs=30)
    assert length.mean == pytest.approx(spc.run_length(rare).mean, abs=4 * length.error)


def test_frequency_is_a_unit_or_a_number():
    """Others are refused."""
    assert spc.run_length(WE).alarms_per_year is None
    assert spc.run_length(WE[0], every="week").alarms_per_year == pytest.approx(365.2425 / 7 / 370.398, rel=1e-5)
    with pytest.raises(NotFound):
        spc.run_length(WE, every="fortnight")
