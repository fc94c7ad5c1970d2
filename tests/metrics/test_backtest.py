"""The track record: published figures beaten, coverage on known truth, drift noticed, refusals."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from crmkit.errors import InvalidValue
from crmkit.journal import Journal
from crmkit.metrics import backtest, forecast
from crmkit.testing import Truth, simulate

CUTS = [datetime(2017, month, 1, tzinfo=UTC) - timedelta(microseconds=1) for month in range(6, 11)]


@pytest.fixture(scope="module")
def maven(shared):
    """8,800 opportunities of a public CRM export."""
    import pandas as pd

    frame = pd.read_csv(shared("data", "sales", "maven_crm", "sales_pipeline.csv"))
    return Journal.from_snapshot(
        frame, case="opportunity_id", opened="engage_date", closed="close_date", outcome="deal_stage", tz="UTC",
        amount="close_value", dims=["product"],
    )  # fmt: skip


def test_a_public_crm_export(maven):
    """Five monthly cuts, 90 days: the cases and baselines of an earlier study, and better than its best method.

    That was Brier .198, log loss .559, ratio 1.23, with the best window picked afterwards.
    """
    found = backtest(maven, cuts=CUTS, rng=np.random.default_rng(1))
    assert (found.n, sum(row.wins for row in found)) == (10152, 3018)
    by = {row.method: row for row in found.methods}
    assert by["stage weights"].ratio == pytest.approx(2.14, abs=0.005)
    assert by["stage weights"].brier == pytest.approx(0.321, abs=0.003)
    assert by["stage weights"].log_loss == pytest.approx(0.840, abs=0.006)
    assert by["constant hazards"].ratio == pytest.approx(1.36, abs=0.005)
    assert by["constant hazards"].brier == pytest.approx(0.223, abs=0.004)
    ours = by["crmkit"]
    assert ours.brier < 0.19
    assert ours.log_loss < 0.54
    assert ours.ratio < 1.15
    assert all(row.better for row in found.methods if row.method != "crmkit")
    assert [row.window for row in found][:3] == [91, 91, 91]
    assert all(row.verdict.startswith("insufficient history") for row in found.coverage)
    assert found.wape < 0.08
    assert "WAPE" in str(found)
    assert "calibration slope" in str(found)
    # Too few cuts before each for a distribution of the total.
    assert np.isnan(found.crps)
    month = backtest(maven, cuts=CUTS, horizon=30)
    # What a quarter's months are worth: without them it is 0.26.
    assert month.wape < 0.16


def test_what_came_is_exact(maven):
    """The sum of what came within 90 days of a cut is that of the export, to the cent, in any grouping."""
    import pandas as pd

    found = backtest(maven, cuts=CUTS[:1])
    frame = pd.DataFrame(maven.to_dict() | {"amount": maven.amount})
    cut = pd.Timestamp(CUTS[0])
    won = frame[(frame.stage == "won") & (frame.entered > cut) & (frame.entered <= cut + pd.Timedelta(days=90))]
    assert found.rows[0].actual * 100 == int(won.amount.sum())
    assert found.methods.rows[1].better is None


def test_open_deals_that_never_close_are_not_counted_on(maven):
    """At the end of the export most open deals are older than any that was ever closed: they are worth little."""
    made = forecast(maven, by="product")
    old = [row.chance for row in made if row.age > 150]
    assert len(old) > 500
    assert max(old) < 0.05
    assert made.total.value < made.total.stage_weights
    assert made.total.interval == "insufficient history: 7 past cuts of 8"


def test_intervals_of_known_truth_cover():
    """Six steady companies over four years: 80 % intervals hold at 75 to 85 % of the cuts, and the average is right."""
    n = inside = 0
    biases = []
    for seed in range(6):
        company = simulate(n=5000, rng=np.random.default_rng(seed), days=1460)
        found = backtest(company.journal, stages=company.pipeline, horizon=60)
        row = found.coverage.rows[1]
        n, inside = n + row.n, inside + row.inside
        biases.append(found.bias)
        # Counts that come by themselves (Poisson) would score 0.56 of their standard deviation if the rate were known.
        assert 0.4 < found.crps / np.sqrt(np.mean([float(one.actual) for one in found])) < 0.9
        assert found.line.slope_low < 1.1
        assert found.line.slope_high > 0.9
        assert row.verdict in ("calibrated", "not refuted")
    assert abs(inside / n - 0.8) <= 0.05
    assert np.mean(biases) == pytest.approx(1, abs=0.03)


def test_better_is_not_said_by_chance():
    """Where stays are exponential the constant hazards are the truth: we are not called better than they are."""
    company = simulate(n=3000, rng=np.random.default_rng(3), days=900)
    found = backtest(company.journal, stages=company.pipeline, rng=np.random.default_rng(4))
    by = {row.method: row for row in found.methods}
    assert by["constant hazards"].better is not True
    assert by["closed rate"].better
    assert by["closed rate"].skill_low > 0


def drifting():
    """A company that wins half as often from its second year on."""
    moves = {"lead": {"qualified": 0.6, "lost": 0.4}, "qualified": {"demo": 0.7, "lost": 0.3},
             "demo": {"proposal": 0.7, "lost": 0.3}, "proposal": {"negotiation": 0.7, "lost": 0.3}}  # fmt: skip
    days = {"lead": 8.0, "qualified": 8.0, "demo": 8.0, "proposal": 8.0, "negotiation": 8.0}
    years = [
        simulate(
            n=4000, rng=np.random.default_rng(year), days=400, start=datetime(2024 + year, 1, 1, tzinfo=UTC),
            truth=Truth(days, {**moves, "negotiation": {"won": won, "lost": 1 - won}}),
        ).journal
        for year, won in enumerate((0.8, 0.3))
    ]  # fmt: skip
    plain = [year.to_dict() for year in years]
    for number, year in enumerate(plain):
        year["case"] = [f"{number}-{case}" for case in year["case"]]
    joined = {name: plain[0][name] + plain[1][name] for name in ("case", "stage", "entered", "left", "next")}
    return Journal.from_frame(
        joined, case="case", stage="stage", entered="entered", left="left", next="next",
        stages=["lead", "qualified", "demo", "proposal", "negotiation", "won", "lost"],
    )  # fmt: skip


def test_drift_is_noticed_and_followed():
    """When wins halve, the alarm says since when; choosing by past cuts ends nearer to what comes than all history."""
    journal = drifting()
    plain, chosen = (backtest(journal, horizon=30, window=window) for window in (None, "auto"))
    assert plain.drift.alarm
    assert plain.drift.since >= datetime(2024, 11, 1, tzinfo=UTC)
    assert "drift since" in str(plain)
    assert {row.drift for row in plain} == {1.0}
    last = [rows[-4:] for rows in (plain.rows, chosen.rows)]
    errors = [sum(abs(row.predicted_wins - row.wins) for row in rows) for rows in last]
    assert errors[1] < errors[0]


def test_without_a_win_there_is_no_line():
    """Nothing that was open at the cut was won afterwards: no calibration line, and the rest is still said."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    rows = [(f"d{i}", "lead", start + timedelta(days=i)) for i in range(60)]
    rows += [(f"d{i}", "won" if i % 2 else "lost", start + timedelta(days=i + 3)) for i in range(30)]
    case, stage, at = zip(*rows, strict=True)
    journal = Journal.from_frame(
        {"case": case, "stage": stage, "at": at},
        case="case",
        stage="stage",
        at="at",
        stages=["lead", "won", "lost"],
        as_of=start + timedelta(days=120),
    )
    found = backtest(journal, cuts=[start + timedelta(days=70)], horizon=30)
    assert found.line is None
    assert "slope" not in str(found)


def test_a_cut_before_the_first_win_says_no_amount():
    """Its chances are scored, its total is not: what deals are worth was not known yet."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    rows = [(f"d{i}", "lead", start + timedelta(days=i), 10) for i in range(200)]
    rows += [(f"d{i}", "won" if i > 40 and i % 2 else "lost", start + timedelta(days=i + 9), 10) for i in range(180)]
    case, stage, at, amount = zip(*rows, strict=True)
    columns = {"case": case, "stage": stage, "at": at, "amount": amount}
    journal = Journal.from_frame(
        columns, case="case", stage="stage", at="at", amount="amount", stages=["lead", "won", "lost"],
        as_of=start + timedelta(days=200),
    )  # fmt: skip
    early, late = (start + timedelta(days=days) for days in (45, 120))
    both, alone = (backtest(journal, cuts=cuts, horizon=30) for cuts in ([early, late], [late]))
    assert np.isnan([row.predicted for row in both]).tolist() == [True, False]
    assert both.wape == alone.wape
    assert both.pinball == alone.pinball
    nothing = backtest(journal, cuts=[early], horizon=30)
    assert np.isnan([nothing.wape, nothing.pinball, nothing.crps]).all()
    assert not nothing.drift.alarm


def test_no_drift_no_alarm():
    """A steady company does not alarm."""
    company = simulate(n=4000, rng=np.random.default_rng(5), days=900)
    assert not backtest(company.journal, stages=company.pipeline).drift.alarm


def test_refusals():
    """A cut whose horizon is not over, one without a past, and a history too short for any."""
    company = simulate(n=300, rng=np.random.default_rng(6), days=200)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    for cut, said in ((start + timedelta(days=150), "not over"), (start + timedelta(days=1), "fewer than 20")):
        with pytest.raises(InvalidValue, match=said):
            backtest(company.journal, stages=company.pipeline, cuts=[cut])
    with pytest.raises(InvalidValue, match="too short"):
        backtest(company.journal, stages=company.pipeline, horizon=195)
