"""Survival and competing risks: exact fractions, and the laws the estimators obey."""

from fractions import Fraction
from math import nan, sqrt

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crmkit.errors import InvalidValue
from crmkit.metrics.survival import (
    aalen_johansen,
    grouped_aj,
    grouped_km,
    kaplan_meier,
    logrank,
    risk_table,
    state_probabilities,
)

quick = settings(deadline=None, max_examples=60)


def exact(rows, causes):
    """Survival, incidence and covariance at each time, by the literal recursions in fractions.

    `rows` holds (entry, duration, cause).
    """
    p, cov = [Fraction(1)] + [Fraction(0)] * causes, [[Fraction(0)] * (causes + 1) for _ in range(causes + 1)]
    size = range(causes + 1)
    for u in sorted({duration for _, duration, _ in rows}):
        n = sum(duration >= u and (entry < u or entry == 0) for entry, duration, _ in rows)
        ends = [sum(duration == u and cause == k for _, duration, cause in rows) for k in size]
        g = [Fraction(n - sum(ends[1:]), n), *(Fraction(d, n) for d in ends[1:])]
        step = [g] + [[Fraction(i == j) for j in size] for i in size[1:]]
        noise = [[((i == j) * g[i] - g[i] * g[j]) / n * p[0] ** 2 for j in size] for i in size]
        half = [[sum(cov[i][k] * step[k][j] for k in size) for j in size] for i in size]
        cov = [[sum(step[k][i] * half[k][j] for k in size) + noise[i][j] for j in size] for i in size]
        p = [sum(p[k] * step[k][j] for k in size) for j in size]
        yield u, n, p, [cov[i][i] for i in size]


stays = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=1, max_size=25)


@st.composite
def late_stays(draw):
    """(entry, duration, cause) rows, some of which come under observation late."""
    rows = draw(stays)
    return [(draw(st.integers(0, max(duration - 1, 0))), duration, cause) for duration, cause in rows]


def split(rows):
    """Rows as columns."""
    return [np.array(column) for column in zip(*rows, strict=True)]


@quick
@given(late_stays())
def test_against_fractions(rows):
    """Numbers at risk, survival, incidence and variances equal the recursions carried out in fractions."""
    entry, duration, cause = split(rows)
    curve, plain = (
        aalen_johansen(duration, cause, causes=2, entry=entry),
        kaplan_meier(duration, cause > 0, entry=entry),
    )
    variance = curve.variance()
    for i, (u, n, p, var) in enumerate(exact(rows, 2)):
        assert (curve.time[i], curve.n_risk[i]) == (u, n)
        assert [curve.survival[i], *curve.cif[:, i]] == pytest.approx([float(x) for x in p], abs=1e-12)
        assert plain.survival[i] == curve.survival[i]
        assert variance[:, i] == pytest.approx([float(x) for x in var[1:]], abs=1e-12)
        error = sqrt(var[0]) if p[0] else nan
        assert plain.std_err[i] == pytest.approx(error, abs=1e-9, nan_ok=True)


@quick
@given(stays, st.data())
def test_jackknife_is_greenwood(rows, data):
    """Without delayed entry the squared derivatives of the incidence by the weight of each row are Greenwood's."""
    duration, cause = split(rows)
    at = data.draw(st.sampled_from(sorted(set(duration.tolist()))))

    def incidence(weight):
        alive, total = 1.0, 0.0
        for u in np.unique(duration[duration <= at]):
            n, d = weight[duration >= u].sum(), weight[duration == u]
            total += alive * d[cause[duration == u] == 1].sum() / n
            alive *= 1 - d[cause[duration == u] > 0].sum() / n
        return total

    one, h = np.ones(len(rows)), 1e-5
    change = [incidence(one + h * row) - incidence(one - h * row) for row in np.eye(len(rows))]
    curve = aalen_johansen(duration, cause, causes=2)
    found = curve.std_err("jackknife")[0, np.searchsorted(curve.time, at)]
    assert found == pytest.approx(float(np.linalg.norm(change)) / (2 * h), abs=1e-6)


@quick
@given(stays)
def test_aalen_term_by_term(rows):
    """Aalen's variance is the sum over times of both independent parts, each with Gray's correction for ties."""
    duration, cause = split(rows)
    curve = aalen_johansen(duration, cause, causes=2)
    alive = np.concatenate([[1.0], curve.survival[:-1]])
    expected = np.zeros(len(curve.time))
    for t, now in enumerate(curve.cif[0]):
        for u, n in enumerate(curve.n_risk[: t + 1].tolist()):
            own, rest = curve.n_event[:, u].tolist()
            worth = (now - curve.cif[0, u]) / curve.survival[u] if curve.survival[u] else 0.0
            for d, factor in ((own, 1 - worth), (rest, worth)):
                ties = 1 if d < 2 else 1 - (d - 1) / (n - 1)
                expected[t] += (alive[u] * factor / n) ** 2 * d * ties
    assert curve.variance("aalen")[0] == pytest.approx(expected, abs=1e-12)


@quick
@given(stays, st.data())
def test_weighted_error_is_the_jackknife(rows, data):
    """With weights, survival and the restricted mean have the error that the derivatives by each weight give."""
    duration, seen = split(rows)
    seen = seen > 0
    weight = np.array(data.draw(st.lists(st.integers(1, 9), min_size=len(rows), max_size=len(rows))), float)
    curve = kaplan_meier(duration, seen, weights=weight)
    tau = float(duration.max() + 0.5) if curve.survival[-1] == 0 else float(max(duration.max(), 0.5))
    h = 1e-5

    def change(part):
        for row in np.eye(len(rows)) * h * weight:
            up, down = (kaplan_meier(duration, seen, weights=w) for w in (weight + row, weight - row))
            yield (part(up) - part(down)) / (2 * h)

    error = np.sqrt(sum(d**2 for d in change(lambda c: c.survival)))
    assert curve.std_err == pytest.approx(np.where(curve.survival > 0, error, nan), abs=1e-6, nan_ok=True)
    if duration.max() > 0:
        area = sqrt(sum(d**2 for d in change(lambda c: c.rmst(tau).value)))
        assert curve.rmst(tau).std_err == pytest.approx(area, abs=1e-5)


def test_logrank_of_a_million():
    """With a million rows the statistic equals the one carried out in fractions: no integer overflows."""
    rng = np.random.default_rng(7)
    group = rng.integers(0, 3, 1_000_000)
    duration = np.minimum(rng.exponential(60 + group, 1_000_000).astype(np.int64), 200)
    seen = rng.random(1_000_000) < 0.7
    test = logrank(duration, seen, group)
    gap, var = [Fraction(0)] * 2, [[Fraction(0)] * 2 for _ in range(2)]
    ends = [np.bincount(duration[seen & (group == g)], minlength=201).tolist() for g in range(3)]
    left = [np.bincount(duration[group == g], minlength=201)[::-1].cumsum()[::-1].tolist() for g in range(3)]
    for t in range(201):
        n, d = sum(rows[t] for rows in left), sum(rows[t] for rows in ends)
        for i in range(2):
            gap[i] += ends[i][t] - Fraction(d * left[i][t], n)
            for j in range(2):
                spread = Fraction(left[i][t] * ((i == j) * n - left[j][t]), n * n)
                var[i][j] += spread * Fraction(d * (n - d), max(n - 1, 1))
    det = var[0][0] * var[1][1] - var[0][1] * var[1][0]
    chi2 = (gap[0] ** 2 * var[1][1] - 2 * gap[0] * gap[1] * var[0][1] + gap[1] ** 2 * var[0][0]) / det
    assert test.chi2 == pytest.approx(float(chi2), rel=1e-9)
    assert test.observed.sum() == seen.sum()
    assert test.expected.sum() == pytest.approx(seen.sum())


@quick
@given(stays)
def test_adds_up(rows):
    """Incidences and survival add up to 1; incidence never falls and never exceeds 1 - KM of the cause by itself."""
    duration, cause = split(rows)
    curve = aalen_johansen(duration, cause, causes=2)
    assert curve.cif.sum(axis=0) + curve.survival == pytest.approx(1.0)
    assert (np.diff(curve.cif, axis=1) >= 0).all()
    for k in (1, 2):
        assert (1 - kaplan_meier(duration, cause == k).survival >= curve.cif[k - 1] - 1e-12).all()


@quick
@given(stays)
def test_without_censoring(rows):
    """When every end is seen, survival is 1 - ECDF and incidence is a proportion, with a proportion's variance."""
    duration, cause = split([(d, 1 + c) for d, c in rows])
    curve = aalen_johansen(duration, cause, causes=3)
    share = np.array([[((duration <= t) & (cause == k)).mean() for t in curve.time] for k in (1, 2, 3)])
    assert curve.cif == pytest.approx(share)
    assert curve.variance() == pytest.approx(share * (1 - share) / len(rows), abs=1e-12)
    assert kaplan_meier(duration, cause > 0).survival == pytest.approx(1 - share.sum(axis=0))


@quick
@given(late_stays())
def test_one_cause_and_merged_causes(rows):
    """With one cause incidence is 1 - KM; merging causes adds their incidences."""
    entry, duration, cause = split(rows)
    both = aalen_johansen(duration, cause, causes=2, entry=entry)
    merged = aalen_johansen(duration, cause > 0, causes=1, entry=entry)
    assert merged.cif[0] == pytest.approx(both.cif.sum(axis=0))
    survival = kaplan_meier(duration, cause > 0, entry=entry)
    assert merged.cif[0] == pytest.approx(1 - survival.survival)
    known = survival.survival > 0
    assert merged.std_err()[0, known] == pytest.approx(survival.std_err[known], abs=1e-9)


@quick
@given(late_stays(), st.randoms(use_true_random=False))
def test_splitting_a_stay(rows, random):
    """Cutting stays in two at any age, the later part entering late, changes neither estimates nor variances."""
    parts = []
    for entry, duration, cause in rows:
        cut = random.randint(entry, duration)
        whole = cut in (entry, duration)
        parts += [(entry, duration, cause)] if whole else [(entry, cut, 0), (cut, duration, cause)]
    random.shuffle(parts)
    (e1, d1, c1), (e2, d2, c2) = split(rows), split(parts)
    one = aalen_johansen(d1, c1, causes=2, entry=e1)
    two = aalen_johansen(d2, c2, causes=2, entry=e2)
    assert two.at(one.time) == pytest.approx(one.cif)
    assert two.variance()[:, np.isin(two.time, one.time)] == pytest.approx(one.variance(), abs=1e-12)


@quick
@given(late_stays(), st.randoms(use_true_random=False))
def test_order_and_route_do_not_matter(rows, random):
    """The order of rows, the unit of time, and whether times are whole or floats change no count and no estimate."""
    entry, duration, cause = split(rows)
    random.shuffle(mixed := list(range(len(rows))))
    here = aalen_johansen(duration, cause, causes=2, entry=entry)
    for unit in (np.int64(1), np.int64(10**12), np.float64(0.125), np.float64(7.5)):
        there = aalen_johansen(duration[mixed] * unit, cause[mixed], causes=2, entry=entry[mixed] * unit)
        assert (there.time == here.time * unit).all()
        assert there.time.dtype == (duration * unit).dtype
        for part in ("n_risk", "n_event", "survival", "cif"):
            assert (getattr(there, part) == getattr(here, part)).all()
        plain = kaplan_meier(duration[mixed] * unit, cause[mixed] > 0, entry=entry[mixed] * unit)
        assert (plain.survival == kaplan_meier(duration, cause > 0, entry=entry).survival).all()


@quick
@given(stays, st.data())
def test_groups_at_once(rows, data):
    """A risk table gives every group the numbers of its own rows, and tables of parts add up to that of the whole."""
    duration, cause = split(rows)
    group = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows))))
    size = {"groups": 4, "causes": 2, "width": 13}
    counts = risk_table(duration, cause, group, **size)
    cut = data.draw(st.integers(0, len(rows)))
    parts = (slice(None, cut), slice(cut, None))
    assert (sum(risk_table(duration[p], cause[p], group[p], **size) for p in parts) == counts).all()
    curves, ends = grouped_km(counts), grouped_aj(counts)
    medians, shares = curves.median(0.9), ends.quantile_given(1, 0.5)
    assert np.isnan(curves[3].at(0))
    assert np.isnan(medians.value[3])
    for g in np.unique(group):
        mine = group == g
        one, many = kaplan_meier(duration[mine], cause[mine] > 0), curves[g]
        for part in ("n_risk", "n_event", "survival"):
            assert (getattr(many, part)[one.time] == getattr(one, part)).all()
        assert many.std_err[one.time] == pytest.approx(one.std_err, nan_ok=True)
        for part in ("value", "low", "high"):
            assert getattr(medians, part)[g] == pytest.approx(getattr(one.median(0.9), part), nan_ok=True)
        assert curves.at([0.0, 5.5, 12.0])[g] == pytest.approx(one.at([0.0, 5.5, 12.0]), nan_ok=True)
        assert curves.rmst(4).value[g] == pytest.approx(one.rmst(4).value, nan_ok=True)
        assert curves.rmst(4).std_err[g] == pytest.approx(one.rmst(4).std_err, nan_ok=True)
        single = aalen_johansen(duration[mine], cause[mine], causes=2)
        assert (ends[g].cif[:, single.time] == single.cif).all()
        assert ends[g].variance()[:, single.time] == pytest.approx(single.variance())
        for here, there in zip(ends.interval(), single.interval(), strict=True):
            assert here[g][:, single.time] == pytest.approx(there)
        assert shares[g] == pytest.approx(single.quantile_given(1, 0.5), nan_ok=True)
        assert ends.at(3.0)[g] == pytest.approx(single.at(3.0), nan_ok=True)


@quick
@given(late_stays())
def test_bands(rows):
    """Every band lies in 0..1 and holds the estimate; the median's limits hold the median."""
    entry, duration, cause = split(rows)
    curve = kaplan_meier(duration, cause > 0, entry=entry)
    known = curve.survival > 0
    for method in ("log", "log-log", "plain"):
        low, high = curve.interval(0.9, method)
        assert (np.isnan(low) == ~known).all()
        assert (low[known] >= 0).all()
        assert (low[known] <= curve.survival[known] + 1e-12).all()
        assert (high[known] >= curve.survival[known] - 1e-12).all()
        assert (high[known] <= 1).all()
        median = curve.median(0.9, method=method)
        assert not median.low > median.value
        assert not median.high < median.value
    ends = aalen_johansen(duration, cause, causes=2, entry=entry)
    low, high = ends.interval(0.9)
    assert ((low >= 0) & (low <= ends.cif + 1e-9) & (ends.cif <= high + 1e-9) & (high <= 1)).all()


def test_exact_limits_of_nothing_and_all():
    """A cause without events among n known stays has the limits 0 and 1 - alpha^(1/n); one with all, the mirror."""
    low, high = aalen_johansen([1, 1, 2, 2, 3], [1, 0, 1, 1, 1], causes=2).interval()
    assert low[1].tolist() == [0, 0, 0]
    assert high[1] == pytest.approx([1 - 0.05 ** (1 / 5), 1 - 0.05 ** (1 / 4), 1 - 0.05 ** (1 / 4)])
    assert (low[0, -1], high[0, -1]) == (pytest.approx(0.05 ** (1 / 4)), 1)
    late = aalen_johansen([2, 3, 9, 9, 9], [1, 0, 0, 0, 0], causes=2, entry=[0, 0, 4, 4, 4])
    assert late.interval()[1][1] == pytest.approx([1 - 0.05 ** (1 / 2)] * 3)


def test_log_log_band_by_hand():
    """One of two stays has ended: the log-log limits are 0.5 to the powers exp(+-z sqrt(1/2) / log 2)."""
    low, high = kaplan_meier([1, 2], [1, 0]).interval(0.95, "log-log")
    reach = np.exp(1.959963985 * sqrt(0.5) / np.log(2))
    assert (low[0], high[0]) == (pytest.approx(0.5**reach), pytest.approx(0.5 ** (1 / reach)))


def test_nothing_counts_for_nothing():
    """A stay of no weight leaves no time on the curve, and -0.0 is no time of its own."""
    assert kaplan_meier([1, 2], [1, 1], weights=[1, 0]).time.tolist() == [1]
    assert aalen_johansen([-0.0, 0.0, 5.0], [1, 2, 0], causes=2).time.tolist() == [0, 5]


def test_beyond_the_data():
    """Nothing is said beyond the last observation, unless every stay has ended by then."""
    lasting, ended = kaplan_meier([1, 4], [1, 0]), kaplan_meier([1, 4], [1, 1])
    assert lasting.at([0, 1, 4, 5]) == pytest.approx([1, 0.5, 0.5, nan], nan_ok=True)
    assert ended.at([0.5, 5]).tolist() == [1, 0]
    assert np.isnan(lasting.rmst(5).value)
    assert ended.rmst(5).value == 2.5
    incidence = aalen_johansen([1, 4], [1, 2], causes=2)
    assert incidence.at(9).tolist() == [0.5, 0.5]
    assert incidence.quantile_given(2, 0.5) == 4
    assert np.isnan(aalen_johansen([1, 4], [1, 1], causes=2).quantile_given(2, 0.5))


@quick
@given(stays, st.floats(0.1, 10))
def test_equal_weights_change_nothing(rows, weight):
    """Giving every stay the same weight changes neither the curve nor its error."""
    duration, cause = split(rows)
    one = kaplan_meier(duration, cause > 0)
    many = kaplan_meier(duration, cause > 0, weights=np.full(len(rows), weight))
    assert many.survival == pytest.approx(one.survival, abs=1e-9)
    assert many.std_err == pytest.approx(one.std_err, abs=1e-7, nan_ok=True)


@quick
@given(late_stays())
def test_states_of_competing_risks(rows):
    """As a process with one state to leave, competing risks have the same estimates, errors and times."""
    entry, duration, cause = split([(0, 1, 1), *(row for row in rows if row[1] > 0)])
    curve = aalen_johansen(duration, cause, causes=2, entry=entry)
    found = state_probabilities(entry, duration, np.zeros(len(cause), int), np.where(cause, cause, -1), states=3)
    at = np.isin(curve.time, found.time)
    chance, variance = found.probability[:, 0, 1:].T, found.std_err()[:, 0, 1:].T ** 2
    assert chance == pytest.approx(curve.cif[:, at])
    assert variance == pytest.approx(curve.variance()[:, at], abs=1e-12)
    assert found.probability.sum(axis=2) == pytest.approx(1.0)
    assert found.covariance.sum(axis=3) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(found.at(found.until + 1)).all()
    assert (found.at(0) == np.eye(3)).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: kaplan_meier([], []), "durations: 'shape (0,)' is no column with at least one row"),
        (lambda: kaplan_meier([-1, 2], [1, 1]), "durations: -1 is below 0"),
        (lambda: kaplan_meier([nan, 2], [1, 1]), "durations: nan is no finite number"),
        (lambda: kaplan_meier(["a"], [1]), "durations: '<U1' is no numeric type"),
        (lambda: kaplan_meier([1, 2], [1]), "observed: 'shape (1,)' does not match the 2 durations"),
        (lambda: kaplan_meier([1, 2], [1, 2]), "observed: [1, 2] has values other than True and False"),
        (lambda: kaplan_meier([1, 2], [1, 1], entry=[1, 0]), "entry 1 with duration 1 in row 0"),
        (lambda: kaplan_meier([1, 2], [1, 1], entry=[1]), "delayed entry: 'shape (1,)' does not match"),
        (lambda: kaplan_meier([1, 2], [1, 1], entry=[0, 1], weights=[1, 1]), "cannot be combined with weights"),
        (lambda: kaplan_meier([1, 2], [1, 1], weights=[0, 0]), "or are all 0"),
        (lambda: kaplan_meier([1, 2], [1, 1]).quantile(1.0), "quantile: 1.0 does not lie between 0 and 1"),
        (lambda: kaplan_meier([1, 2], [1, 1]).interval(0.95, "logit"), "band: 'logit' is none of"),
        (lambda: kaplan_meier([1, 2], [1, 1]).rmst(0), "horizon: 0 is not above 0"),
        (lambda: kaplan_meier([1, 2], [1, 1])[0], "has no groups to choose from"),
        (lambda: aalen_johansen([1, 2], [1, 3], causes=2), "cause: 3 is outside 0..2"),
        (lambda: aalen_johansen([1, 2], [1.0, 2.0], causes=2), "cause: 'float64' is no integer type"),
        (lambda: aalen_johansen([1, 2], [0, 0], causes=0), "causes: 0 is below 1"),
        (lambda: aalen_johansen([1, 2], [1, 2], causes=2).variance("exact"), "variance: 'exact' is none of"),
        (lambda: aalen_johansen([2], [1], causes=1, entry=[1]).std_err("jackknife"), "needs the rows of each case"),
        (lambda: aalen_johansen([1, 2], [1, 2], causes=2).interval(0.95, "plain"), "band: 'plain' is not 'log-log'"),
        (lambda: aalen_johansen([1, 2], [1, 2], causes=2).quantile_given(3, 0.5), "cause: 3 is outside 1..2"),
        (lambda: aalen_johansen([1, 2], [1, 2], causes=2)[0], "has no groups to choose from"),
        (lambda: logrank([1, 2], [1, 1], [0, 0]), "group: '1 groups' are at risk"),
        (lambda: risk_table([5], [1], [0], groups=1, causes=1, width=5), "durations: 5 is outside 0..4"),
        (lambda: risk_table([[5]], [1], [0], groups=1, causes=1, width=5), "durations: 'shape (1, 1)' is no column"),
        (lambda: risk_table([5], [1], [0], groups=10**6, causes=1, width=10**6), "use wider ticks"),
        (lambda: grouped_km([1, 2]), "is no integer (..., causes + 1, width)"),
        (lambda: grouped_aj([[1], [-2]]), "risk table: -2 is a count below 0"),
        (lambda: state_probabilities([1], [1], [0], [1], states=2), "stay: 'row 0' has no length"),
        (lambda: state_probabilities([0], [1], [1], [1], states=2), "stay: 'row 0' moves to its own state"),
        (lambda: state_probabilities([0], [1, 2], [1], [1], states=2), "does not match the 2 exits"),
    ],
)
def test_refusals(call, said):
    """Impossible input is refused in words that name the column and the value."""
    with pytest.raises(InvalidValue) as caught:
        call()
    assert said in str(caught.value)
