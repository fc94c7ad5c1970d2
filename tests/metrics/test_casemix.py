"""Case-mix adjustment: exact tails, what it equals without strata, and whom the plain rates wrong."""

from datetime import UTC, date, datetime, timedelta

import attrs
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal
from crmkit.metrics import conversion, signals
from crmkit.metrics._bernoullis import OddsFactor, odds_times
from crmkit.metrics.casemix import case_mix_signals
from crmkit.testing.companies import deals, team
from crmkit.values import Period

quick = settings(deadline=None, max_examples=40)


def of_cells(cells, **more):
    """A journal from (who, source, advanced, ended): one case a stay, all of one day."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        (f"{who}-{source}-{i}", who, source, "won" if i < x else "lost")
        for who, source, x, n in cells
        for i in range(n)
    ]
    frame = {
        "case": [row[0] for row in rows for _ in range(2)],
        "stage": [stage for row in rows for stage in ("lead", row[3])],
        "at": [start + timedelta(days=day) for _ in rows for day in (0, 1)],
        "who": [row[1] for row in rows for _ in range(2)],
        "source": [row[2] for row in rows for _ in range(2)],
    }
    return Journal.from_frame(frame, case="case", stage="stage", at="at", who="who", dims=["source"], **more)


def enumerated(p, theta):
    """P(k) of sums of unequal chances whose odds are multiplied, by adding one trial after another."""
    whole = [1.0]
    for chance in p:
        odds = theta * chance / (1 - chance)
        q = odds / (1 + odds)
        whole = [a * (1 - q) + b * q for a, b in zip([*whole, 0.0], [0.0, *whole], strict=True)]
    return whole


@quick
@given(st.lists(st.floats(0.02, 0.98), min_size=1, max_size=25), st.data(), st.floats(0.1, 10))
def test_exact_tails(p, data, theta):
    """Both mid-p tails are those of the enumerated distribution, for any factor on the odds, and its expectation."""
    x = data.draw(st.integers(0, len(p)))
    factor = OddsFactor.of(float(x), np.array(p))
    low, high = factor.tails(np.log([theta]))
    whole = enumerated(p, theta)
    assert low[0] == pytest.approx(sum(whole[:x]) + whole[x] / 2, rel=1e-7, abs=1e-12)
    assert high[0] == pytest.approx(sum(whole[x + 1 :]) + whole[x] / 2, rel=1e-7, abs=1e-12)
    assert (factor.expected(-np.inf), factor.expected(np.inf)) == (0.0, len(p))
    assert factor.expected(np.log(theta)) == pytest.approx(sum(k * q for k, q in enumerate(whole)), rel=1e-9)


@quick
@given(st.lists(st.floats(0.02, 0.98), min_size=2, max_size=25), st.data())
def test_limits_are_where_the_tail_says(p, data):
    """At the limits of the factor the tail beyond the count is 2.5 %; no success, or no failure, gives one limit only."""
    x = data.draw(st.integers(0, len(p)))
    low, high = OddsFactor.of(float(x), np.array(p)).limits(0.95)
    if x:
        whole = enumerated(p, np.exp(low))
        assert sum(whole[x + 1 :]) + whole[x] / 2 == pytest.approx(0.025, rel=1e-5)
    else:
        assert low == -np.inf
    if x < len(p):
        whole = enumerated(p, np.exp(high))
        assert sum(whole[:x]) + whole[x] / 2 == pytest.approx(0.025, rel=1e-5)
    else:
        assert high == np.inf


def test_large_sums_are_normal():
    """From 4,000 trials on the normal sum takes over, and agrees with the exact one to a hundredth of a tail."""
    p = np.random.default_rng(1).uniform(0.2, 0.8, 4000)
    x = float(round(p.sum() + 60))
    exact, normal = OddsFactor.of(x, p), OddsFactor.of(x + odds_times(np.array([0.5]), 0.0)[0], np.append(p, 0.5))
    assert (exact.method, normal.method) == ("mid-p poisson-binomial", "normal sum")
    assert normal.tails(np.zeros(1))[1][0] == pytest.approx(exact.tails(np.zeros(1))[1][0], rel=0.02)
    assert normal.limits(0.95) == pytest.approx(exact.limits(0.95), abs=0.002)


@quick
@given(st.lists(st.integers(26, 34), min_size=3, max_size=8))
def test_without_strata_it_is_the_plain_signal(advanced):
    """With one stratum, one age and nothing open, observed and expected are value and centre of the plain signal."""
    cells = [(f"p{i}", "web", x, 60) for i, x in enumerate(advanced)]
    journal = of_cells(cells)
    plain = signals(conversion(journal), overdispersion="none")
    for one, other in zip(case_mix_signals(journal, ages=1, overdispersion="none"), plain, strict=True):
        assert one.observed == round(other.value * 60)
        assert one.expected == pytest.approx(other.centre * 60, rel=1e-9)
        assert one.kind == other.kind
        assert one.low <= one.ratio <= one.high
        assert one.control_low < 1 < one.control_high
        assert abs(np.log(one.shrunk)) <= abs(np.log(one.ratio)) + 1e-9


def test_the_trade_fair_and_the_referrals():
    """Whoever gets the hard cases is coached by plain rates and acquitted by case mix; the idle one is found."""
    good, hard = ("referral", 0.8), ("fair", 0.3)
    cells = []
    for i in range(6):
        cells += [(f"p{i}", name, round(p * 100), 100) for name, p in (good, hard)]
    cells += [("fairs only", "fair", 60, 200), ("idle", "referral", 110, 200)]
    journal = of_cells(cells)
    plain = {row.who: row.kind for row in signals(conversion(journal))}
    assert plain["fairs only"] == "coach"
    assert plain["idle"] == "none"
    adjusted = {row.who: row for row in case_mix_signals(journal, strata=["source"])}
    assert adjusted["fairs only"].kind == "none"
    assert adjusted["fairs only"].ratio == pytest.approx(1.0, abs=0.05)
    assert adjusted["idle"].kind == "coach"
    assert adjusted["idle"].ratio == pytest.approx(0.55 / 0.8, abs=0.03)
    # The ratio says what was seen, and the limits hold it.
    assert adjusted["idle"].high < 1.0
    assert {row.kind for who, row in adjusted.items() if who.startswith("p")} == {"none"}


def test_calls_are_told_in_two_languages():
    """Each call with its figures, and how many may be chance; silence is told as well."""
    cells = [(name, "web", 20, 100) for name in "abc"] + [("star", "web", 60, 100)]
    english, chance = case_mix_signals(of_cells(cells)).to_text().splitlines()
    assert english == "star in lead: 60 of 100 advanced, 20.0 expected (ratio 3.00, 2.51 to 3.46): share the practice"
    assert chance == "of 1 calls up to 0.1 may be chance"
    chinese = case_mix_signals(of_cells(cells)).to_text("zh")
    assert "star，“lead”阶段：100 个中推进 60 个，预期 20.0 个" in chinese
    assert case_mix_signals(of_cells(cells[:3])).to_text("zh") == "无人超出偶然范围"
    with pytest.raises(NotFound, match="fr"):
        case_mix_signals(of_cells(cells)).to_text("fr")


def test_a_star_makes_nobody_weak():
    """The standard is that of those in line: 17 and 20 % beside a star of 90 %."""
    found = case_mix_signals(of_cells([("a", "web", 34, 200), ("b", "web", 40, 200), ("star", "web", 180, 200)]))
    assert {row.who: row.kind for row in found} == {"a": "none", "b": "none", "star": "share"}
    assert [row.who for row in found.calls] == ["star"]
    assert found.false_alarms == pytest.approx(0.1)
    # What would be seen again of a star is most of what was seen.
    assert found.calls[0].shrunk > 0.9 * found.calls[0].ratio


def test_thin_strata_do_no_harm():
    """With a stratum for nearly every case, expected advances stay near those without strata: all of it is chance."""
    company = team(rng=np.random.default_rng(4), people=6, stages=1, quarters=4)
    journal = company.journal
    code = np.random.default_rng(5).integers(0, 400, len(journal)).astype(np.int32)
    source = attrs.evolve(journal.dims["source"], codes=code, values=tuple(f"s{i}" for i in range(400)))
    thin = attrs.evolve(journal, dims={"source": source})
    plain = [row.expected for row in case_mix_signals(thin)]
    assert [row.expected for row in case_mix_signals(thin, strata=["source"])] == pytest.approx(plain, rel=0.03)


def test_a_newcomer_is_not_weak():
    """Losses end early: one who began a month ago looks weak by the ends seen so far, unless ages are compared."""
    simulated = deals(24, rng=np.random.default_rng(6), first_month=400, growth=0.0)
    whole = simulated.journal
    late = whole.entered >= whole.until - 45 * 86_400_000_000
    rng = np.random.default_rng(7)
    person = np.where(late & (rng.random(len(whole)) < 0.6), 5, rng.integers(0, 5, len(whole)))
    who = attrs.evolve(whole.who, codes=person.astype(np.int32), values=("a", "b", "c", "d", "e", "new"))
    journal = attrs.evolve(whole, who=who)
    by_age, as_seen = ({row.who: row for row in case_mix_signals(journal, ages=ages)} for ages in (8, 1))
    assert as_seen["new"].kind == "coach"
    assert as_seen["new"].ratio < 0.7
    assert by_age["new"].kind != "coach"
    assert by_age["new"].ratio > 0.85


def test_over_dispersion_widens_and_is_said():
    """Where everybody differs, limits of chance alone call many, additive and multiplicative ones few."""
    company = team(rng=np.random.default_rng(8), stages=1, quarters=8, spread=0.4)
    calls = {
        kind: case_mix_signals(company.journal, overdispersion=kind) for kind in ("none", "additive", "multiplicative")
    }
    assert len(calls["none"].calls) > 10
    assert len(calls["additive"].calls) <= 2
    assert len(calls["multiplicative"].calls) <= 2
    assert calls["additive"].dispersion["stage 1"].tau2 == pytest.approx(0.16, rel=0.4)
    assert "additive over-dispersion, tau" in calls["additive"].rows[0].method
    assert "multiplicative over-dispersion, phi" in calls["multiplicative"].rows[0].method
    assert case_mix_signals(company.journal, over=Period(date(2023, 1, 1), date(2023, 1, 3))).calls == ()
    one, wide = calls["none"].rows[0], calls["additive"].rows[0]
    assert wide.control_low < one.control_low < 1 < one.control_high < wide.control_high
    # The limits of a person's own ratio say what the data say, whatever the others do.
    assert (one.low, one.high) == (wide.low, wide.high)


def test_a_period_of_ends():
    """Only stays that ended in the period count."""
    company = team(rng=np.random.default_rng(9), people=4, stages=1, quarters=4)
    whole = case_mix_signals(company.journal)
    half = case_mix_signals(company.journal, over=Period(date(2023, 1, 1), date(2023, 7, 2)))
    rest = case_mix_signals(company.journal, over=Period(date(2023, 7, 2), date(2024, 12, 31)))
    assert [a.n + b.n for a, b in zip(half, rest, strict=True)] == [row.n for row in whole]
    assert half.definition != whole.definition
    assert half.policies["ended in"] == "2023-01-01 .. 2023-07-02 UTC"


def test_too_few_to_compare():
    """Two persons, persons of fewer than ten ended stays, and nobody at all are no comparison."""
    two = case_mix_signals(of_cells([("a", "web", 10, 100), ("b", "web", 90, 100)]))
    assert {row.kind for row in two} == {"insufficient data"}
    assert [row.observed for row in two] == [10, 90]
    few = case_mix_signals(of_cells([(name, "web", 20, 40) for name in "abc"] + [("d", "web", 3, 9)]))
    assert {row.who: row.kind for row in few}["d"] == "insufficient data"
    assert len(case_mix_signals(deals(3, rng=np.random.default_rng(1)).journal)) == 0


def test_an_empty_stage_and_a_missing_source():
    """A stage without stays has no rows; a stay without a source is in a stratum of its own."""
    journal = of_cells([(name, source, 10, 20) for name in "abc" for source in ("web", None)])
    found = case_mix_signals(journal, strata=["source"], stages=["lead", "demo", "won", "lost"])
    assert {row.stage for row in found} == {"lead"}
    assert [row.expected for row in found] == pytest.approx([20, 20, 20], rel=0.05)


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"strata": ["size"]}, NotFound, "size"),
        ({"by": "team"}, NotFound, "team"),
        ({"ages": 0}, InvalidValue, "ages: 0 is no number of bins"),
        ({"rate": 1.0}, InvalidValue, "rate: 1.0 is no false discovery rate"),
        ({"level": 2}, InvalidValue, "confidence level: 2"),
        ({"overdispersion": "some"}, NotFound, "some"),
    ],
)
def test_refusals(more, error, said):
    """Columns that are not there, and settings that are none, are refused by name."""
    with pytest.raises(error) as caught:
        case_mix_signals(of_cells([(name, "web", 10, 20) for name in "abc"]), **more)
    assert said in str(caught.value)
