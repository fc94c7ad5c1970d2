"""Control charts: the numbers of the books, limits that stay, gaps that are seen, and laws."""

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics import spc
from crmkit.metrics._spc_limits import c4, range_constants

VISCOSITY = [33.75, 33.05, 34, 33.81, 33.46, 34.02, 33.68, 33.27, 33.49, 33.2, 33.62, 33, 33.54, 33.12, 33.84]
FLOW = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
JUICE = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]
BOARDS = [21, 24, 16, 12, 15, 5, 28, 20, 31, 25, 20, 24, 16, 19, 10, 17, 13, 22, 18, 39, 30, 24, 16, 19, 17, 15]
WAFERS = [16, 14, 28, 16, 12, 20, 10, 12, 10, 17, 19, 17, 14, 16, 15, 13, 14, 16, 11, 20, 11, 19, 16, 31, 13]
COMPUTERS = [10, 12, 8, 14, 10, 16, 11, 7, 10, 15, 9, 5, 7, 11, 12, 6, 8, 10, 7, 5]
# Thousandths above 74 mm: the first 25 samples of the piston rings, as R's qcc has them.
RINGS = 74 + np.array([
    30, 2, 19, -8, 8, -5, -8, 1, 11, 4, -12, 24, 21, 5, 2, 2, -4, -7, 15, 9, -8, 7, 15, -11, 14, 9, -6, -3, -15, -7, -5, 6,
    -6, 0, 5, -15, 3, -7, 15, -12, 8, -5, 9, 5, 4, -2, 0, -10, 7, -5, -6, -2, -6, -5, -10, 4, 0, 7, 0, -4, -17, 2, -2, -3,
    12, 6, -33, -6, 0, -16, 12, 14, -2, -1, 7, 0, -16, 5, -2, -4, -6, 12, -14, 5, 7, 6, 10, 18, 3, 0, -16, 2, 3, 5, -3, 0,
    10, 13, 20, 3, -12, 1, 9, 5, -4, 4, -1, -10, 6, 9, 10, -11, -10, 9, 14, 15, 8, -7, 0, 10, -18, -16, -5, 17, 13,
]).reshape(25, 5) / 1000  # fmt: skip
WHOLE = st.lists(st.integers(-1000, 1000), min_size=2, max_size=40)


def limits_of(chart):
    """Centre, upper and lower limit of the first point that has data."""
    row = next(row for row in chart if row.value is not None)
    return row.centre, row.high, row.low


@pytest.mark.parametrize(
    ("n", "d2", "d3", "c"),
    [(2, 1.128, 0.853, 0.7979), (3, 1.693, 0.888, 0.8862), (4, 2.059, 0.880, 0.9213), (5, 2.326, 0.864, 0.9400),
     (6, 2.534, 0.848, 0.9515), (10, 3.078, 0.797, 0.9727), (15, 3.472, 0.756, 0.9823), (25, 3.931, 0.708, 0.9896)],
)  # fmt: skip
def test_constants_are_those_of_the_tables(n, d2, d3, c):
    """ASTM's table, to its digits; d2 of two values is 2 / sqrt(pi)."""
    assert [round(x, 3) for x in range_constants(n)] == [d2, d3]
    assert round(c4(n), 4) == c
    assert range_constants(2)[0] == pytest.approx(2 / math.pi**0.5, rel=1e-9)


def test_individuals_of_the_books():
    """Montgomery's viscosity and NIST's flow rate (6.3.2.2), which take 1.128 for d2; the moving ranges below."""
    chart = spc.xmr_chart(VISCOSITY)
    assert limits_of(chart) == pytest.approx((33.523333, 34.801829, 32.244838), abs=6e-4)
    assert limits_of(chart.spread)[0] == pytest.approx(0.480714, abs=1e-6)
    assert limits_of(chart.spread)[1] == pytest.approx(3.267 * 0.480714, abs=5e-4)
    assert limits_of(chart.spread)[2] == 0
    assert chart.limits.sigma * 2 / math.pi**0.5 == pytest.approx(0.480714, abs=1e-6)
    flow = spc.xmr_chart(FLOW)
    assert limits_of(flow) == pytest.approx((50.81, 55.8041, 45.8159), abs=2e-3)
    assert not flow.findings


def test_shares_of_the_books():
    """Montgomery's orange juice: 30 samples of 50 cans; samples 15 and 23 are out; the number of cans likewise."""
    chart = spc.p_chart(JUICE, 50)
    assert limits_of(chart) == pytest.approx((0.2313, 0.4102, 0.0524), abs=5e-5)
    assert [row.index + 1 for row in chart if row.rules] == [15, 23]
    assert {one.en for one in chart.findings} == {
        "15: beyond 3 sigma, above (western electric 1)", "23: beyond 3 sigma, above (western electric 1)"
    }  # fmt: skip
    numbers = spc.np_chart(JUICE, 50)
    assert limits_of(numbers) == pytest.approx([50 * one for one in limits_of(chart)])
    assert [row.z for row in numbers] == pytest.approx([row.z for row in chart])


def test_counts_of_the_books():
    """Montgomery's circuit boards and NIST's wafers (6.3.3.1); rates of his computers, five a sample."""
    assert limits_of(spc.c_chart(BOARDS)) == pytest.approx((19.85, 33.21, 6.48), abs=5e-3)
    assert limits_of(spc.c_chart(WAFERS)) == pytest.approx((16, 28, 4))
    assert limits_of(spc.u_chart(COMPUTERS, 5)) == pytest.approx((1.93, 3.79, 0.07), abs=5e-3)


def test_samples_of_the_books():
    """Piston rings: 25 samples of five by their ranges, as R's qcc prints, and by their standard deviations."""
    chart = spc.xbar_r_chart(RINGS)
    assert limits_of(chart) == pytest.approx((74.00118, 74.0143, 73.98805), abs=6e-6)
    assert limits_of(chart.spread) == pytest.approx((0.02276, 2.114 * 0.02276, 0), abs=2e-5)
    assert chart.limits.sigma == pytest.approx(0.009785, abs=5e-7)
    other = spc.xbar_s_chart(RINGS)
    deviations = RINGS.std(axis=1, ddof=1)
    assert other.limits.sigma == pytest.approx(deviations.mean() / 0.9400, rel=1e-4)
    # B4 and A3 of the tables for five.
    assert limits_of(other.spread) == pytest.approx((deviations.mean(), 2.089 * deviations.mean(), 0), rel=1e-4)
    assert limits_of(other)[1] == pytest.approx(RINGS.mean() + 1.427 * deviations.mean(), abs=1e-5)
    assert not chart.findings
    assert not chart.spread.findings


def test_samples_of_any_size():
    """Larger samples have narrower limits; one value has a mean and no range, none is no data."""
    chart = spc.xbar_r_chart([[1, 2, 4], [2, 3], [], [5], [1, 3, 2, 2]])
    assert [row.value for row in chart] == [pytest.approx(7 / 3), 2.5, None, 5, 2]
    assert [row.value for row in chart.spread] == [3, 1, None, None, 2]
    sigma = (3 / range_constants(3)[0] + 1 / range_constants(2)[0] + 2 / range_constants(4)[0]) / 3
    assert chart.limits.sigma == pytest.approx(sigma)
    assert chart.limits.centre == pytest.approx(25 / 10)
    assert chart.rows[4].high == pytest.approx(2.5 + 3 * sigma / 2)
    with pytest.raises(InvalidValue, match="use xmr_chart"):
        spc.xbar_s_chart([[1], [2], [3]])


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(30, 300)), min_size=3, max_size=30))
def test_laney_widens_by_how_much_shares_move(cases):
    """Limits of p' are those of p times sigma z, which is the mean moving range of its z over 1.128 (Laney 2002); so has u'."""
    x, n = (np.array(column, float) for column in zip(*cases, strict=True))
    for plain, laney in ((spc.p_chart, spc.laney_p_chart), (spc.u_chart, spc.laney_u_chart)):
        narrow, wide = plain(x, n), laney(x, n)
        assume(narrow.rows[0].z is not None)
        z = np.array([row.z for row in narrow])
        by = np.abs(np.diff(z)).mean() / (2 / math.pi**0.5)
        assume(by > 0)
        assert wide.limits.inflation == pytest.approx(by)
        assert [row.z for row in wide] == pytest.approx((z / by).tolist(), abs=1e-9)


@given(st.lists(st.integers(0, 40), min_size=3, max_size=20), st.integers(41, 400), st.integers(2, 9))
def test_limits_of_counts_depend_on_their_size(counts, n, times):
    """The more cases, the narrower; c is u of one unit, np is p times n."""
    assume(any(counts))
    one, more = spc.p_chart(counts, n), spc.p_chart([times * x for x in counts], times * n)
    assert one.rows[0].centre == pytest.approx(more.rows[0].centre)
    assert one.rows[0].high - one.rows[0].centre > more.rows[0].high - more.rows[0].centre
    assert [row.high for row in spc.c_chart(counts)] == [row.high for row in spc.u_chart(counts, 1)]
    assert [row.z for row in spc.np_chart(counts, n)] == pytest.approx([row.z for row in one], abs=1e-9)


def test_over_dispersion_is_said():
    """Shares that vary four times as much as chance: the p chart says so; its Laney chart is quiet."""
    rng = np.random.default_rng(5)
    n = np.full(30, 10_000)
    x = rng.binomial(n, rng.normal(0.3, 0.02, 30))
    chart = spc.p_chart(x, n)
    assert any("times as much as chance" in note.en and "Laney" in note.zh for note in chart.notes)
    assert chart.findings
    assert not [one for one in spc.laney_p_chart(x, n).findings if one.rule == "western electric 1"]
    assert not spc.p_chart(rng.binomial(n, 0.3), n).notes


def test_a_baseline_that_cannot_be_trusted_is_told():
    """Points that follow those before them, and points far off in the baseline; none of it of independent points."""
    noise = np.random.default_rng(7).normal(size=80)
    walk = [0.0]
    for shock in noise:
        walk.append(0.8 * walk[-1] + shock)
    assert any(note.en.startswith("Points are like those before them") for note in spc.xmr_chart(walk).notes)
    assert not spc.xmr_chart(noise).notes
    step = [*noise[:40], *(noise[40:] + 9)]
    assert not spc.xmr_chart(step, baseline=40).notes
    spoilt = spc.xmr_chart([*noise[:20], 9, *noise[20:]], baseline=40)
    assert [note.en for note in spoilt.notes] == [
        "The baseline has points beyond 3 sigma: find their causes, or leave them out of it."
    ]


BETWEEN = [5, 30, 12, 4, 50, 22, 9, 3, 80, 14, 27, 1, 33, 18, 7, 45, 20, 11, 2, 60]


def test_rare_events_by_probability():
    """A point is beyond the limits of a g chart if so long a wait, or so short a one, has a chance below 0.135 %."""
    chart = spc.g_chart([*BETWEEN, 400], baseline=20)
    stays = chart.limits.centre / (chart.limits.centre + 1)
    row = chart.rows[0]
    assert stays**row.high >= 0.00135 > stays ** (row.high + 1)
    assert 1 - stays**row.centre < 0.5 <= 1 - stays ** (row.centre + 1)
    assert row.low == 0
    assert [(one.rule, one.points) for one in chart.findings] == [("western electric 1", (20,))]
    often = spc.g_chart([2000, 900, 40, 3100, 1500, 700, *[0] * 9], baseline=6)
    assert {one.side for one in often.findings} == {"below"}
    assert often.rows[0].low == math.ceil(math.log(1 - 0.0013498980316) / math.log(stays_of(often)) - 1) > 0


def stays_of(chart):
    """The chance that the next case is no event."""
    return chart.limits.centre / (chart.limits.centre + 1)


def test_rare_events_by_custom():
    """Mean +- 3 sigma with sigma^2 = mean (mean + 1) (Benneyan 2001), and how often that is passed for nothing."""
    chart = spc.g_chart(BETWEEN, limits_by="3 sigma")
    mean = sum(BETWEEN) / len(BETWEEN)
    assert limits_of(chart) == pytest.approx((mean, mean + 3 * (mean * (mean + 1)) ** 0.5, 0))
    beyond = stays_of(chart) ** (math.floor(chart.rows[0].high) + 1)
    assert chart.run_length().mean == pytest.approx(1 / beyond)
    assert spc.g_chart(BETWEEN, rules=spc.WESTERN_ELECTRIC[:1]).run_length().mean > 4 / beyond
    with pytest.raises(InvalidValue, match="neither"):
        spc.g_chart(BETWEEN, limits_by="2 sigma")


def test_alarms_of_counts_are_counted_exactly():
    """Points of p, np, c and u charts are binomial and Poisson: 1 / P(beyond) by adding up what lies beyond."""
    rules = spc.WESTERN_ELECTRIC[:1]
    p, n = sum(JUICE) / 1500, 50
    binomial = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    chart = spc.p_chart(JUICE, n, rules=rules)
    _, high, low = limits_of(chart)
    beyond = sum(chance for k, chance in enumerate(binomial) if not low <= k / n <= high)
    assert chart.run_length().mean == pytest.approx(1 / beyond)
    assert spc.np_chart(JUICE, n, rules=rules).run_length().mean == pytest.approx(1 / beyond)
    counts = spc.c_chart(WAFERS, rules=rules)
    poisson = sum(math.exp(-16) * 16**k / math.factorial(k) for k in range(4, 29))
    assert counts.run_length().mean == pytest.approx(1 / (1 - poisson))
    assert spc.u_chart(WAFERS, 2, rules=rules).run_length().mean == pytest.approx(1 / (1 - poisson))
    for one in (chart, counts, spc.g_chart(BETWEEN), spc.xmr_chart(FLOW)):
        assert one.run_length(shift=2).mean < one.run_length().mean
        simulated = one.run_length(rng=np.random.default_rng(6), runs=2000)
        assert simulated.mean == pytest.approx(one.run_length().mean, abs=4 * simulated.error)


def test_limits_do_not_move():
    """Later points neither move the limits of a baseline nor those of an earlier chart; both judge them alike."""
    first = spc.xmr_chart(VISCOSITY)
    later = [33.1, 36.0, 33.5]
    whole = spc.xmr_chart([*VISCOSITY, *later], baseline=15)
    assert whole.limits == first.limits
    assert [row.phase for row in whole][14:16] == ["baseline", "monitored"]
    frozen = spc.xmr_chart(later, limits=first.limits)
    assert [row.z for row in frozen] == [row.z for row in whole.rows[15:]]
    assert [row.high for row in frozen] == [first.rows[0].high] * 3
    assert frozen.findings[0].points == (1,)
    again = spc.xmr_chart([*VISCOSITY, *later], baseline=slice(3, None))
    assert again.limits != first.limits
    assert again.limits.n == 15


def test_periods_without_data_are_seen_and_passed_over():
    """No exposure is no data, not zero; it stands in the table, breaks no run, and no moving range crosses it."""
    chart = spc.u_chart([3, 0, 0, 2, None, 4], [10, 0, 10, 10, 10, 8])
    assert [row.value for row in chart] == [0.3, None, 0, 0.2, None, 0.5]
    assert [(row.high is None) for row in chart] == [False, True, False, False, True, False]
    assert chart.limits.centre == pytest.approx(9 / 38)
    assert any(note.en.startswith("2 points have no data") for note in chart.notes)
    series = [10, 12, 11, 13, None, 50, 51, 50, 52, 51, 50, 51, 52]
    gone = spc.xmr_chart(series, limits=spc.ChartLimits(kind="xmr", centre=20, sigma=50))
    assert gone.findings[0].at == 12
    assert [one.points for one in gone.findings] == [(5, 6, 7, 8, 9, 10, 11, 12)]
    assert gone.spread.rows[5].value is None
    alone = spc.xmr_chart([1, None, 2, 3])
    assert alone.limits.sigma == pytest.approx(1 / (2 / math.pi**0.5))


@given(WHOLE, st.integers(-1000, 1000), st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_the_unit_and_the_origin_do_not_matter(values, shift, scale):
    """Adding a constant and multiplying by one moves limits likewise, and changes no distance and no finding."""
    chart = spc.xmr_chart(values, rules=spc.NELSON)
    other = spc.xmr_chart([scale * value + shift for value in values], rules=spc.NELSON)
    assert other.limits.centre == pytest.approx(scale * chart.limits.centre + shift)
    assert other.limits.sigma == pytest.approx(scale * chart.limits.sigma)
    for row, moved in zip(chart, other, strict=True):
        assert (row.z is None) == (moved.z is None)
        assert row.z is None or moved.z == pytest.approx(row.z, abs=1e-6)
    near = [abs(abs(row.z) - edge) < 1e-6 for row in chart if row.z is not None for edge in (1, 2, 3)]
    assert any(near) or [one.points for one in chart.findings] == [one.points for one in other.findings]


@given(WHOLE)
def test_mirrored_values_have_mirrored_findings(values):
    """What was above is below, what rose falls."""
    sides = {"above": "below", "below": "above", "both": "both"}
    chart = spc.xmr_chart(values, rules=spc.NELSON)
    other = spc.xmr_chart([-value for value in values], rules=spc.NELSON)
    mirrored = {(one.rule, sides[one.side], one.points) for one in other.findings}
    assert {(one.rule, one.side, one.points) for one in chart.findings} == mirrored


@given(WHOLE)
def test_order_matters(values):
    """Nothing varies less from point to point than the same values sorted: there sigma is the least."""
    sigma = spc.xmr_chart(values).limits.sigma
    least = spc.xmr_chart(sorted(values)).limits.sigma
    assert least == pytest.approx((max(values) - min(values)) / (len(values) - 1) / (2 / math.pi**0.5))
    assert sigma >= least - 1e-9


@given(st.floats(-1e6, 1e6), st.integers(2, 40))
def test_what_does_not_vary_has_no_findings(value, n):
    """A constant has no limits, no findings and no run length, and the chart says why."""
    chart = spc.xmr_chart([value] * n, rules=spc.NELSON)
    assert not chart.findings
    assert chart.rows[0].high is None
    assert "does not vary" in str(chart)
    assert "no run length" in str(chart)


@pytest.mark.parametrize(
    "make", [spc.c_chart, spc.g_chart, lambda x: spc.p_chart(x, 9), lambda x: spc.laney_u_chart(x, 9)]
)
def test_nothing_ever_happened(make):
    """Zero events in all periods: no limits, and no findings."""
    chart = make([0] * 12)
    assert not chart.findings
    assert any("does not vary" in note.en for note in chart.notes)
    assert chart.rows[0].high is None


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: spc.xmr_chart([5]), "1 point with data' cannot tell what is usual"),
        (lambda: spc.p_chart([5], 9), "1 point with data"),
        (lambda: spc.c_chart([None, None]), "no point with data"),
        (lambda: spc.xbar_r_chart([[1, 2]]), "1 point with data"),
        (lambda: spc.xmr_chart([5, None, 6]), "no two neighbours"),
        (lambda: spc.laney_p_chart([5, None, 6], 9), "no two neighbours"),
        (lambda: spc.ChartLimits(kind="t", centre=1), "'t' is no kind of chart"),
        (lambda: spc.ChartLimits(kind="xmr", centre=1), "None is no sigma"),
        (lambda: spc.ChartLimits(kind="c", centre=-1), "-1 is no centre"),
        (lambda: spc.ChartLimits(kind="xmr", centre=math.nan, sigma=1), "nan is no centre"),
        (lambda: spc.ChartLimits(kind="p", centre=2), "2 is no share"),
        (lambda: spc.xmr_chart(FLOW, baseline=0), "is no number of points from 1 to 10"),
        (lambda: spc.xmr_chart(FLOW, baseline=11), "is no number of points from 1 to 10"),
        (lambda: spc.xmr_chart(FLOW, baseline=slice(20, 30)), "is no piece of 10 points"),
        (lambda: spc.xmr_chart(FLOW, baseline=slice(0, 9, 2)), "is no piece"),
        (lambda: spc.xmr_chart(FLOW, baseline="all"), "neither a number of points nor a slice"),
        (lambda: spc.xmr_chart(FLOW, baseline=True), "neither a number of points nor a slice"),
        (lambda: spc.c_chart(BOARDS, limits=spc.ChartLimits(kind="xmr", centre=1, sigma=1)), "'xmr' are those of another chart"),
        (
            lambda: spc.xmr_chart(FLOW, baseline=5, limits=spc.ChartLimits(kind="xmr", centre=50, sigma=1)),
            "Give one of both",
        ),
        (lambda: spc.xmr_chart(FLOW, labels=["a"]), "do not fit 10 points"),
        (lambda: spc.xmr_chart([1, 2, 3], labels=["a", "b", "a"]), "'a' names two points"),
        (lambda: spc.xmr_chart([1, 2], labels=[date(2026, 2, 1), date(2026, 1, 1)]), "2026-01-01' comes after 2026-02-01"),
        (lambda: spc.p_chart([5, 10], [9, 9]), "10 at index 1' exceeds the cases"),
        (lambda: spc.u_chart([5, 1], [9, 0]), "1 at index 1' has no exposure"),
        (lambda: spc.u_chart([5, 1], [9, -1]), "-1 at index 1' is below 0"),
        (lambda: spc.c_chart([5, -1]), "-1 at index 1' is below 0"),
        (lambda: spc.u_chart([5, 1], [9]), "do not fit 2 points"),
        (lambda: spc.xmr_chart(FLOW).spread.run_length(), "'moving range' has none of its own"),
    ],
)  # fmt: skip
def test_what_is_no_chart_is_refused(make, reason):
    """With the place and what is wrong."""
    with pytest.raises(InvalidValue, match=reason):
        make()


def test_dates_are_labels():
    """In their order, as text."""
    chart = spc.c_chart([1, 2, 9], labels=[date(2026, month, 1) for month in (1, 2, 4)])
    assert [row.label for row in chart] == ["2026-01-01", "2026-02-01", "2026-04-01"]
    once = spc.xmr_chart([1, 2, 9], labels=iter("abc"))
    assert [row.label for row in once] == [row.label for row in once.spread] == ["a", "b", "c"]


def test_a_chart_is_told_in_two_languages():
    """Points, findings, run length and notes; sizes only where they differ from one."""
    chart = spc.p_chart(JUICE[10:20], 50, every="month")
    english, chinese = str(chart), chart.to_text("zh")
    assert english.startswith("p chart of 10 points")
    assert chinese.startswith("p 控制图（比率）：10 点")
    assert "基线" in chinese
    assert "false alarms a year (exact Markov chain, binomial points of 50)" in english
    assert "超出 3 倍标准差，上侧" in chinese
    assert str(chart.notes[-1]) in english
    assert str(chart.notes[-1]).startswith("The limits rest on 10 points")
    assert " n " in english.splitlines()[1]
    assert " n " not in str(spc.xmr_chart(FLOW)).splitlines()[1]
    assert "No run length is stated" in str(spc.xmr_chart(FLOW, rules=spc.NELSON))
    assert "In control" not in str(spc.xmr_chart(FLOW).spread)
    rising = spc.xmr_chart(range(1, 9), rules=spc.NELSON)
    assert "1 to 8: 6 points in a row all rising or all falling, rising (nelson 3)" in str(rising)
    falling = spc.xmr_chart(range(8, 0, -1), rules=spc.NELSON)
    assert "连续 6 点递增或递减，递减" in falling.to_text("zh")
    assert "western electric 1" in str(spc.xmr_chart([1, 2, 1, 2, 1, 9, 1, 2, 1, 2]))
    with pytest.raises(NotFound):
        chart.to_text("de")


def test_charts_become_frames_and_pictures():
    """Points in three libraries, and a Vega-Lite chart that compiles, in two languages."""
    vl_convert = pytest.importorskip("vl_convert")
    known = spc.ChartLimits(kind="xmr", centre=50, sigma=2)
    for chart in (
        spc.xmr_chart([*FLOW, None, 60]),
        spc.p_chart(JUICE, 50),
        spc.ewma_chart(FLOW),
        spc.cusum_chart(FLOW, limits=known),
    ):
        assert {len(chart.to_frame(backend)) for backend in ("pandas", "polars", "pyarrow")} == {len(chart)}
        for lang in ("en", "zh"):
            assert vl_convert.vegalite_to_svg(chart.plot(lang)).startswith("<svg")
