"""Shifts over periods: the published run lengths, one signal a shift, and nothing that later data could change."""

from datetime import UTC, date, datetime, timedelta
from math import log

import attrs
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics._cusum import Simulated, path, weights
from crmkit.metrics.shifts import shifts
from crmkit.testing.companies import deals, team
from crmkit.values import Period

WEEK_US = 7 * 86_400_000_000


def seeded(seed=0):
    """A source of randomness."""
    return np.random.default_rng(seed)


def changed(journal, stage, who, *, advance):
    """The journal with the ended stays of one person in one stage decided anew by their quarter (91 days)."""
    code, person = journal.stages.values.index(stage), journal.who.values.index(who)
    mine = np.flatnonzero((journal.stages.codes == code) & (journal.who.codes == person) & ~journal.open)
    start = int(journal.left[mine].min())
    following = journal.next.copy()
    won, lost = (journal.stages.values.index(name) for name in ("won", "lost"))
    for row in mine:
        following[row] = won if advance((journal.left[row] - start) // (13 * WEEK_US)) else lost
    return attrs.evolve(journal, next=following)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.05, 0.95)), min_size=1, max_size=40),
    st.floats(0, 3),
    st.sampled_from([0.62, 1.6, 3.0]),
)
def test_the_cusum_by_hand(stays, start, ratio):
    """Stay by stay: add the logarithm of the likelihood ratio (Steiner et al. 2000), and never fall below 0."""
    found = path(start, np.array([float(won) for won, _ in stays]), np.array([p for _, p in stays]), ratio)
    value = start
    for (won, p), one in zip(stays, found.tolist(), strict=True):
        shifted = ratio * p / (1 - p + ratio * p)
        value = max(0.0, value + (log(shifted / p) if won else log((1 - shifted) / (1 - p))))
        assert one == pytest.approx(value, abs=1e-9)


def run_lengths(p, limit, ratio, *, stays, runs=4000):
    """When the CUSUM of chance p, where 0.55 is expected, first passes a limit; `stays` if it does not."""
    rng = seeded(7)
    won, lost = (float(one[0]) for one in weights(np.array([0.55]), ratio))
    value, first = np.zeros(runs), np.full(runs, stays)
    for at in range(stays):
        value = np.maximum(value + np.where(rng.random(runs) < p, won, lost), 0.0)
        first = np.where((value > limit) & (first == stays), at + 1, first)
    return first


@pytest.mark.parametrize(("limit", "found", "false"), [(3.5, 0.88, 0.076), (4.5, 0.73, 0.022), (5.0, 0.67, 0.012)])
def test_power_and_false_alarms_of_one_cell(limit, found, false):
    """Twelve points below 0.55 within 160 deals, odds ratio 0.62: as simulated elsewhere (research of the project)."""
    weak = run_lengths(0.43, limit, 0.62, stays=161)
    chance = run_lengths(0.55, limit, 0.62, stays=161)
    assert (weak <= 160).mean() == pytest.approx(found, abs=0.035)
    assert (chance <= 160).mean() == pytest.approx(false, abs=0.012)
    if limit == 3.5:
        assert np.median(weak) == pytest.approx(82, abs=6)


def test_simulated_limits_hold_the_run_length():
    """Under the limits of the simulation other companies without shifts pass as often as asked for."""
    rng = seeded(1)
    who, p = np.repeat(np.arange(20), 30), np.tile(rng.uniform(0.3, 0.7, 30), 20)
    simulated = Simulated.of(20, 500, 1.6, rng)
    spread = np.zeros(20)
    limits = [simulated.limit(who, p, spread, share=1 / 50, rng=rng) for _ in range(6)]
    assert limits[0] < limits[-1]
    assert limits[-1] == pytest.approx(limits[-2], rel=0.15)
    passed = 0
    values = np.zeros((2, 20, 400))
    for limit in limits:
        advanced = rng.random((400, 20, 30)) < p.reshape(20, 30)
        for way, ratio in enumerate((1.6, 1 / 1.6)):
            for company in range(400):
                for cell in range(20):
                    held = path(values[way, cell, company], advanced[company, cell], p[:30], ratio)
                    over = held.max() > limit
                    passed += over
                    values[way, cell, company] = 0.0 if over else held[-1]
    # 400 companies x 20 cells x 6 periods / 50.
    assert passed == pytest.approx(960, rel=0.12)


def test_spread_and_an_unsure_standard_raise_the_limit():
    """Cells that differ for good in the simulated companies push its limit up."""
    who, p = np.repeat(np.arange(20), 30), np.full(600, 0.5)
    limits = []
    for spread in (0.0, 0.3):
        rng = seeded(2)
        simulated = Simulated.of(20, 500, 1.6, rng)
        limits.append([simulated.limit(who, p, np.full(20, spread), share=1 / 50, rng=rng) for _ in range(4)][-1])
    assert limits[1] > 1.3 * limits[0]


@pytest.fixture(scope="module")
def company():
    """Twelve persons in two stages over two years, without any difference."""
    return team(rng=seeded(5), people=12, stages=2, quarters=8).journal


@pytest.fixture(scope="module")
def falling(company):
    """The same, but p03 wins only a quarter of the cases in stage 1 in the second and the third quarter."""
    draws = seeded(6)
    return changed(
        company, "stage 1", "p03", advance=lambda quarter: draws.random() < (0.25 if 1 <= quarter <= 2 else 0.55)
    )


def test_one_signal_a_shift(falling):
    """A shift of two quarters is one signal: when it was seen, since when, and that it is over."""
    found = shifts(falling, rng=seeded())
    assert [(row.stage, row.who, row.kind) for row in found] == [("stage 1", "p03", "coach")]
    (one,) = found
    assert (one.since, one.first, one.last) == ("2023-Q1", "2023-Q3", "2024-Q2")
    assert one.strength > 1
    assert one.high < 1
    assert one.ratio == pytest.approx(one.observed / one.expected)
    assert found.lasting == found.new == ()
    assert "since 2023-Q1, seen in 2023-Q3, over in 2024-Q2" in found.to_text()
    assert "始于 2023-Q1，2023-Q3 发现，2024-Q2 结束" in found.to_text("zh")


def test_a_shift_that_lasts(falling):
    """As it stood at the end of the third quarter the shift was new; later it is the same one, over by now."""
    then = falling.as_of(datetime(2023, 10, 1, tzinfo=UTC) - timedelta(microseconds=1))
    early, late = shifts(then, rng=seeded()), shifts(falling, rng=seeded())
    assert early.lasting == early.new == early.rows
    (one,), (same,) = early, late
    assert "seen in 2023-Q3, lasting" in early.to_text()
    assert (one.stage, one.who, one.first, one.since) == (same.stage, same.who, same.first, same.since)
    assert (one.first, one.last) == ("2023-Q3", None)
    assert same.n > one.n


def test_what_was_settled_stays(falling):
    """Periods, limits and CUSUMs as they stood a year ago are the first half of those of today."""
    then = shifts(falling.as_of(datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC)), rng=seeded())
    now = shifts(falling, rng=seeded())
    seen = {(point.stage, point.who, point.period): point for point in now.points}
    assert then.points
    for point in then.points:
        later = seen[point.stage, point.who, point.period]
        # Paths are drawn for everybody who was ever busy, so limits agree as far as simulations do.
        assert (point.weak, point.strong) == pytest.approx((later.weak, later.strong), rel=1e-9)
        assert point.limit == pytest.approx(later.limit, rel=1e-9)


def test_the_other_direction_and_the_chart(company):
    """One who gets better is a practice to share, and the path shows the evidence passing the limit."""
    draws = seeded(8)
    better = changed(company, "stage 2", "p07", advance=lambda quarter: draws.random() < 0.85)
    found = shifts(better, rng=seeded())
    assert [(row.stage, row.who, row.kind, row.last) for row in found] == [("stage 2", "p07", "share", None)]
    points = found.path("stage 2", "p07")
    assert [point.period for point in points] == [row.period for row in found.periods if row.stage == "stage 2"]
    over = [point.period for point in points if point.strong > point.limit]
    assert over[0] == found.rows[0].first
    with pytest.raises(NotFound, match="p99"):
        found.path("stage 2", "p99")


def test_case_mix_is_no_shift():
    """Who gets only fairs is signalled without strata, and not with them."""
    company = team(rng=seeded(9), people=12, stages=1, quarters=8, mix=True).journal
    plain, fair = (shifts(company, rng=seeded(), strata=strata, overdispersion="none") for strata in ([], ["source"]))
    assert len(plain) >= 2
    assert len(fair) <= 1


def test_a_bad_quarter_for_everybody_is_nobodys_shift(company):
    """In a quarter in which all convert less the others are the measure."""
    draws = seeded(10)
    worse = company
    for who in company.who.values:
        worse = changed(worse, "stage 1", who, advance=lambda quarter: draws.random() < (0.3 if quarter == 4 else 0.55))
    found = shifts(worse, rng=seeded())
    assert [row for row in found if row.stage == "stage 1"] == []


def test_what_was_watched(company):
    """Each period and stage says its limit, its cells and what chance gives; the last one may be unfinished."""
    found = shifts(company.as_of(datetime(2024, 5, 1, tzinfo=UTC)), rng=seeded(), run_length=200)
    assert len(found.periods) == 6 * 2
    assert {row.complete for row in found.periods[:-2]} == {True}
    assert {row.complete for row in found.periods[-2:]} == {False}
    assert found.false_alarms == pytest.approx(sum(row.expected_false for row in found.periods))
    assert found.periods[0].expected_false == pytest.approx(12 / 200)
    assert set(found.dispersion) == {"stage 1", "stage 2"}
    assert sum(row.n for row in found.periods) == sum((~company.open & (company.left <= found_until(company))).tolist())


def found_until(journal):
    """The instant of the test above in microseconds."""
    return journal.as_of(datetime(2024, 5, 1, tzinfo=UTC)).until


def test_a_span_in_months(company):
    """Only stays that ended in the span are watched, by the unit that was asked for."""
    found = shifts(company, rng=seeded(), over=Period(date(2023, 4, 1), date(2023, 7, 1)), every="month")
    assert [row.period for row in found.periods[::2]] == ["2023-04", "2023-05", "2023-06"]


def test_stays_wait_until_somebody_can_be_compared():
    """Where nobody has ten ended stays yet, nothing is lost: what ended counts as soon as there are three who do."""
    company = team(rng=seeded(11), people=3, stages=1, quarters=2).journal
    rare = company[np.sort(seeded(12).permutation(len(company))[: len(company) // 2])]
    found = shifts(rare, rng=seeded(), every="month")
    assert found.periods[0].cells == 0
    assert np.isnan(found.periods[0].limit)
    assert sum(row.n for row in found.periods) == int((~rare.open).sum())


def test_nothing_to_watch():
    """Without ended stays, or without persons, there are no shifts."""
    journal = team(rng=seeded(1), people=3, stages=1, quarters=1).journal
    assert len(shifts(journal[journal.open], rng=seeded())) == 0
    nobody = shifts(deals(3, rng=seeded(2)).journal, rng=seeded())
    assert nobody.rows == nobody.new == ()
    assert nobody.dispersion == {}


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"odds_ratio": 1.0}, InvalidValue, "odds ratio: 1.0 is not above 1"),
        ({"run_length": 1}, InvalidValue, "run length: 1 is no number of periods"),
        ({"ages": 1.5}, InvalidValue, "ages: 1.5 is no number of bins"),
        ({"level": 0}, InvalidValue, "confidence level: 0"),
        ({"strata": ["size"]}, NotFound, "size"),
    ],
)
def test_refusals(company, more, error, said):
    """Settings that are none are refused by name."""
    with pytest.raises(error) as caught:
        shifts(company, rng=seeded(), **more)
    assert said in str(caught.value)
