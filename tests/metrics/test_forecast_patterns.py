"""What a forecast learns beside stage and age: the months of a quarter, segments with odds of their own; and when not."""

from datetime import UTC, datetime, timedelta

import attrs
import numpy as np
import pytest

from crmkit.journal import Journal
from crmkit.metrics import backtest, forecast
from crmkit.metrics._cuts import cut_of
from crmkit.metrics._records import segment_shifts
from crmkit.metrics._seasons import Season, season_of
from crmkit.metrics.policy import StageOrder
from crmkit.testing import Truth, simulate

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def quarterly(rng, days, n, busy):
    """Deals of one stage: a chance to be won each day, `busy` times that in the third month of a quarter."""
    rows = []
    for number, begin in enumerate(np.sort(rng.integers(0, days, n)).tolist()):
        rows.append((f"d{number}", "lead", START + begin * DAY))
        for day in range(begin + 1, days):
            at = START + day * DAY
            chance = 0.01 * (busy if at.month % 3 == 0 else 1.0)
            if (draw := rng.random()) < chance + 0.01:
                rows.append((f"d{number}", "won" if draw < chance else "lost", at))
                break
    case, stage, at = zip(*rows, strict=True)
    frame = {"case": case, "stage": stage, "at": at}
    return Journal.from_frame(
        frame, case="case", stage="stage", at="at", stages=["lead", "won", "lost"], as_of=START + days * DAY
    )


def found_season(journal):
    """The season at its end."""
    order = StageOrder.of(None, journal)
    return season_of(cut_of(journal, order, journal.until), 40, "UTC")


def test_the_end_of_a_quarter_is_found():
    """Wins come three times as often in every third month: the factors say so, losses show nothing, months ahead count."""
    journal = quarterly(np.random.default_rng(1), 366, 3000, 3.0)
    season = found_season(journal)
    onward, won, lost = season.factors.T
    assert won[2] / won[0] == pytest.approx(3.0, rel=0.25)
    assert won[2] / won[1] == pytest.approx(3.0, rel=0.25)
    assert won == pytest.approx([0.6, 0.6, 1.8], rel=0.12)
    assert lost == pytest.approx(np.ones(3), abs=0.12)
    assert onward.tolist() == [1, 1, 1]
    # The journal ends with 2024: January, then February.
    assert season.kinds.tolist() == [0] * 31 + [1] * 9
    made = forecast(journal, horizon=90, window=None)
    # Of 100 open deals, day by day, with the chances of the generator.
    left, wins = 100.0, []
    for length, chance in ((31, 0.01), (28, 0.01), (31, 0.03)):
        wins.append(left * (1 - (1 - chance - 0.01) ** length) * chance / (chance + 0.01))
        left *= (1 - chance - 0.01) ** length
    share = 100.0 / made.total.deals
    assert [row.wins * share for row in made.periods] == pytest.approx(wins, rel=0.2)
    assert made.policies["season"].startswith("months of a quarter: won x ")


def test_a_season_helps_the_forecast():
    """A month ahead, the forecast with the season is nearer to what came than the one of a cut too early to know it."""
    journal = quarterly(np.random.default_rng(2), 700, 4000, 4.0)
    cuts = [datetime(2025, month, 1, tzinfo=UTC) for month in (6, 7, 8, 9)]
    with_season = backtest(journal, cuts=cuts, horizon=28, window=None)
    assert with_season.bias == pytest.approx(1.0, abs=0.12)
    assert with_season.wape < 0.15
    plain = attrs.evolve(found_season(journal), factors=np.ones((3, 3)))
    rates = np.array([[[0.2, 0.3, 0.1]]])
    assert np.array_equal(plain.apply(rates), np.repeat(rates[None], 3, axis=0))


def test_without_a_season_none_is_found():
    """Steady companies: the factors stay near 1, and most are 1."""
    factors = [found_season(quarterly(np.random.default_rng(seed), 366, 1200, 1.0)).factors for seed in range(6)]
    assert np.abs(np.log(factors)).max() < 0.25
    assert (np.abs(np.array(factors) - 1.0) < 0.02).mean() > 0.5


def test_a_short_history_has_no_season():
    """Five months hold no two of each kind: nothing is said, and why is told."""
    journal = quarterly(np.random.default_rng(3), 150, 600, 5.0)
    assert found_season(journal).factors.tolist() == np.ones((3, 3)).tolist()
    assert "too few" in forecast(journal, horizon=10).policies["season"]
    few = quarterly(np.random.default_rng(4), 366, 20, 5.0)
    assert found_season(few).factors.tolist() == np.ones((3, 3)).tolist()


def test_factors_never_make_more_than_certainty():
    """A hazard of nine tenths that doubles takes all there is, in its proportions."""
    season = Season(np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 2.0], [1.0, 2.0, 1.0]]), np.zeros(1, np.int64))
    found = season.apply(np.array([[[0.0, 0.6, 0.3]]]))
    assert found[1, 0, 0] == pytest.approx([0, 2 / 3, 1 / 3])
    assert found[2, 0, 0] == pytest.approx([0, 0.8, 0.2])


def regions(spread, seed):
    """A company of eight regions whose chances to win differ by a spread of log odds."""
    rng = np.random.default_rng(seed)
    days = dict.fromkeys(("lead", "qualified", "demo", "proposal", "negotiation"), 8.0)
    parts = []
    for region in range(8):
        odds = np.exp(rng.normal() * spread)
        wins = float(odds / (1.0 + odds))
        moves = {"lead": {"qualified": 0.6, "lost": 0.4}, "qualified": {"demo": 0.7, "lost": 0.3},
                 "demo": {"proposal": 0.7, "lost": 0.3}, "proposal": {"negotiation": wins, "lost": 1 - wins},
                 "negotiation": {"won": wins, "lost": 1 - wins}}  # fmt: skip
        part = simulate(n=400, rng=np.random.default_rng(100 * seed + region), days=700, truth=Truth(days, moves))
        plain = part.journal.to_dict()
        plain["case"] = [f"{region}-{case}" for case in plain["case"]]
        plain["region"] = [f"r{region}"] * len(plain["case"])
        parts.append(plain)
    names = ("case", "stage", "entered", "left", "next", "region")
    joined = {name: [value for part in parts for value in part[name]] for name in names}
    return Journal.from_frame(
        joined, case="case", stage="stage", entered="entered", left="left", next="next", dims=["region"],
        stages=[*days, "won", "lost"],
    )  # fmt: skip


def test_segments_that_differ_get_their_own_odds():
    """Where regions differ their own odds forecast better, and the policy says how far apart they are."""
    journal = regions(0.9, 2)
    pooled, own = (backtest(journal, horizon=30, by=by) for by in (None, "region"))
    assert own.methods.rows[0].log_loss < pooled.methods.rows[0].log_loss
    assert own.methods.rows[0].brier < pooled.methods.rows[0].brier
    made = forecast(journal, horizon=30, by="region")
    assert made.policies["segments"].startswith("partially pooled: odds x ")
    assert sum(row.wins for row in made.segments) == pytest.approx(made.total.wins)
    fixed = forecast(journal, horizon=30, by="region", window=None)
    assert fixed.policies["segments"].startswith("pooled")


def test_segments_alike_stay_pooled():
    """Where they do not differ nothing is learned from chance, and without past cuts, or with two segments, neither."""
    journal = regions(0.0, 3)
    pooled, own = (backtest(journal, horizon=30, by=by).methods.rows[0] for by in (None, "region"))
    assert own.log_loss == pytest.approx(pooled.log_loss, abs=0.004)
    assert segment_shifts((), None, 0.0, 1.0) == {}
    two = attrs.evolve(journal, dims={"region": attrs.evolve(
        journal.dims["region"], codes=(journal.dims["region"].codes % 2).astype(np.int32)
    )})  # fmt: skip
    assert "pooled" in forecast(two, horizon=30, by="region").policies["segments"]


def test_a_day_of_history_does_not_count_new_deals():
    """What came on one day is not what comes every day: new deals are left out, which is said."""
    rows = [(f"d{i}", "lead", START) for i in range(40)]
    rows += [(f"d{i}", "won" if i % 2 else "lost", START + timedelta(hours=5)) for i in range(20)]
    case, stage, at = zip(*rows, strict=True)
    journal = Journal.from_frame({"case": case, "stage": stage, "at": at}, case="case", stage="stage", at="at",
                                 stages=["lead", "won", "lost"])  # fmt: skip
    made = forecast(journal)
    assert (made.total.new_wins, made.total.new_value) == (None, None)
    assert made.total.value == pytest.approx(made.total.wins)
    assert made.policies["new deals"].startswith("not counted: 1 days of history")
