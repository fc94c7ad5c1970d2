"""The forecast: the solver against the renewal equation and against known truth, what it must not know, what it says."""

import json
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import UNKNOWN, Coded, Journal
from crmkit.metrics import forecast
from crmkit.metrics._cuts import cut_of, months_before
from crmkit.metrics._records import interval_scale
from crmkit.metrics._semimarkov import Counts, chances, count, hazards, width_of
from crmkit.metrics.policy import StageOrder
from crmkit.testing import simulate
from crmkit.values import from_micros, to_micros

DAY = timedelta(days=1)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def renewal(rate, horizon):
    """W_s(h) and W_s(h | a) from the equations of the book: Aalen-Johansen, convolution, conditioning; loops only."""
    stages, width, _ = rate.shape
    long = width + horizon + 1
    # The last age stands for all that are older.
    g = np.concatenate([rate, np.repeat(rate[:, -1:], long - width, axis=1)], axis=1)
    before = np.ones((stages, long + 1))
    for u in range(long):
        before[:, u + 1] = before[:, u] * (1 - g[:, u].sum(axis=1))
    dq = before[:, :-1, None] * g
    fresh = np.zeros((stages, horizon + 1))
    for h in range(horizon + 1):
        # Stays that end on the day they begin tie the W_s(h) of all stages together: iterate to the fixed point.
        for _ in range(400):
            for s in range(stages):
                moved = sum(dq[s, u, j] * fresh[j, h - u] for j in range(stages) for u in range(h + 1))
                fresh[s, h] = dq[s, : h + 1, stages].sum() + moved
    aged = np.zeros((stages, width))
    for s in range(stages):
        for a in range(width):
            if before[s, a + 1] > 0:
                moved = sum(
                    dq[s, a + v, j] * fresh[j, horizon - v] for j in range(stages) for v in range(1, horizon + 1)
                )
                aged[s, a] = (dq[s, a + 1 : a + horizon + 1, stages].sum() + moved) / before[s, a + 1]
    return fresh, aged, before[:, 1 : width + 1]


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 6), st.integers(1, 7))
def test_the_solver_is_the_renewal_equation(seed, stages, width, horizon):
    """For any hazards, with moves back and stays of no length: every stage, age and day of entry, to rounding."""
    rate = np.random.default_rng(seed).dirichlet(np.ones(stages + 3) * 0.7, size=(stages, width))[..., : stages + 2]
    rate[:, 0] *= 0.5
    fresh, aged, alive = renewal(rate, horizon)
    solved = chances(rate, [horizon])
    assert np.allclose(solved.at_age[:, :-1, 0][alive[:, :-1] > 1e-9], aged[:, :-1][alive[:, :-1] > 1e-9], atol=1e-9)
    # A stay that begins on day v has h - v days left.
    assert np.allclose(solved.entering[:, 0], fresh[:, :horizon].sum(axis=1), atol=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_chances_grow_with_the_horizon(seed):
    """The chance to be won by a later day is no smaller, and at most 1; several ends at once are the ends one by one."""
    rate = np.random.default_rng(seed).dirichlet(np.ones(6), size=(3, 5))[..., :5]
    ends = [1, 4, 30]
    solved = chances(rate, ends)
    assert (np.diff(solved.at_age, axis=2) >= -1e-12).all()
    assert solved.at_age.max() <= 1
    for place, end in enumerate(ends):
        assert np.allclose(chances(rate, [end]).at_age[..., 0], solved.at_age[..., place])


@pytest.fixture(scope="module")
def company():
    """Four years of a company whose truth is known."""
    return simulate(n=20000, rng=np.random.default_rng(7), days=1460)


def order_of(company):
    """Its stages."""
    return StageOrder.of(company.pipeline, company.journal)


def test_counts_of_days_add_up_and_are_those_of_loops(company):
    """Late entry: the counts of two spans of days are those of both, and each is what slow loops count."""
    cut = cut_of(company.journal[:600], order_of(company), company.journal.until)
    width, first = width_of(cut), cut.first_day - 1
    whole, early, late = (count(cut, *span, width=width) for span in ((first, 0), (first, -700), (-700, 0)))
    assert np.array_equal(whole.n, early.n + late.n)
    assert np.array_equal(whole.moves, early.moves + late.moves)
    n = np.zeros_like(late.n)
    for stage, start, stop in zip(cut.stage, cut.start, cut.stop, strict=True):
        for day in range(max(start, -699), stop + 1):
            n[stage, min(day - start, width - 1)] += 1
    assert np.array_equal(late.n, n)


def test_known_truth_is_found(company):
    """Exponential stays: from every stage the chance to be won in 90 days is that of the generator, within two points."""
    from scipy.linalg import expm

    made = forecast(company.journal, stages=company.pipeline, window=None)
    stages = [stage.name for stage in company.pipeline.stages]
    rates = np.zeros((len(stages), len(stages)))
    for stage, moves in company.truth.chances.items():
        for to, chance in moves.items():
            rates[stages.index(stage), stages.index(to)] = chance / company.truth.days[stage]
    rates -= np.diag(rates.sum(axis=1))
    truth = expm(rates * 90)[:, stages.index("won")]
    for number, stage in enumerate(stages[:5]):
        found = [row.chance for row in made if row.stage == stage]
        assert np.mean(found) == pytest.approx(truth[number], abs=0.02), stage
    # New deals: arrivals a day times the integral of the chance to be won in what is left.
    expected = 20000 / 1460 * company.won_by(np.arange(90) + 0.5).sum()
    assert made.total.new_wins == pytest.approx(expected, rel=0.06)


def test_nothing_of_the_future_is_known(company):
    """With everything after the cut poisoned (other stages, other amounts, other people) the forecast is the same."""
    journal = attrs.evolve(company.journal, amount=np.full(len(company.journal), 10_000))
    at = from_micros(journal.until) - 200 * DAY
    micros = to_micros(at)
    later, over = journal.entered > micros, journal.left > micros
    poisoned = attrs.evolve(
        journal,
        amount=np.where(later, 10**12, journal.amount),
        next=np.where(over & (journal.next >= 0), 6, journal.next).astype(np.int32),
        stages=Coded(np.where(later, 5, journal.stages.codes).astype(np.int32), journal.stages.values),
        who=Coded(np.where(later, -1, journal.who.codes).astype(np.int32), journal.who.values),
    )
    asked = {"stages": company.pipeline, "at": at, "horizon": 60, "by": "who"}
    clean, dirty = forecast(journal, **asked), forecast(poisoned, **asked)
    assert clean.rows == dirty.rows
    assert clean.track == dirty.track
    assert clean.periods == dirty.periods
    assert [clean.total.value, clean.total.last_period] == [dirty.total.value, dirty.total.last_period]


def test_the_whole_is_its_parts(company):
    """Months add up to the total, and segments and deals to the part of the open deals; an interval is told from where."""
    half = Coded((np.arange(len(company.journal)) % 3 - 1).astype(np.int32), ("north", "south"))
    journal = attrs.evolve(company.journal, dims={"region": half}, amount=np.full(len(half), 12_345))
    made = forecast(journal, stages=company.pipeline, by="region")
    assert made.unit == "amount"
    for part in ("wins", "new_wins", "value", "new_value"):
        assert sum(getattr(row, part) for row in made.periods) == pytest.approx(getattr(made.total, part)), part
    assert sum(row.value for row in made.segments) == pytest.approx(made.total.value - made.total.new_value)
    assert sum(row.expected for row in made) == pytest.approx(sum(row.value for row in made.segments))
    assert {row.name for row in made.segments} == {"north", "south", "(unknown)"}
    assert made.total.low < made.total.value < made.total.high
    assert "conformal on" in made.total.interval
    assert [row.actual for row in made.track] == [Decimal("123.45") * round(row.actual / Decimal("123.45"))
                                                  for row in made.track]  # fmt: skip
    assert "north" in str(made)
    plot = json.loads(json.dumps(made.plot(), allow_nan=False))
    assert len(plot["vconcat"][1]["data"]["values"]) == 2 * len(made.track)
    assert {row["what"] for row in made.plot("zh")["vconcat"][1]["data"]["values"]} == {"预测", "实际"}
    assert made.definition != forecast(journal, stages=company.pipeline).definition


def log(rows, **columns):
    """A journal of rows (case, stage, day, amount)."""
    case, stage, day, amount = zip(*rows, strict=True)
    frame = {"case": case, "stage": stage, "at": [NEW_YEAR + d * DAY for d in day], "amount": amount}
    return Journal.from_frame(frame, case="case", stage="stage", at="at", amount="amount", **columns)


def test_what_deals_are_worth():
    """Ten wins at half of what was said in the stage: a ratio half-way from one half to 1; none said: the mean of wins.

    Amounts that only closed deals have are not used for open ones.
    """
    rows = [(f"w{i}", "lead", i, 100) for i in range(10)] + [(f"w{i}", "won", i + 3, 50) for i in range(10)]
    rows += [("l", "lead", 0, 70), ("l", "lost", 5, 70), ("x", "lead", 12, 200), ("y", "lead", 12, None)]
    made = forecast(log(rows, stages=["lead", "won", "lost"]), horizon=30)
    assert {row.case: row.worth for row in made} == {"x": pytest.approx(150), "y": pytest.approx(50)}
    assert made.total.last_period == Decimal("500.00")
    closed = [
        (case, stage, day, amount if stage != "lost" and case[0] != "l" else 0) for case, stage, day, amount in rows
    ]
    late = forecast(log(closed, stages=["lead", "won", "lost"]), horizon=30)
    assert {row.worth for row in late} == {50.0}
    assert "closing" in late.policies["amounts"]


def test_thin_ages_are_named():
    """An age that few have reached gets a constant hazard, a stage without a past the mean of all, and both are named."""
    rows = [(f"w{i}", "lead", i % 5, 1) for i in range(30)] + [
        (f"w{i}", "won", i % 5 + i % 7 + 1, 1) for i in range(30)
    ]
    rows += [("old", "lead", -300, 1), ("new", "lead", 11, 1), ("odd", "demo", 11, 1)]
    made = forecast(log(rows, stages=["lead", "demo", "won", "lost"]), horizon=5)
    methods = {row.case: row.method for row in made}
    assert methods == {"old": "exponential tail", "new": "aalen-johansen", "odd": "stages pooled"}
    assert all(0 < row.chance < 1 for row in made)
    assert made.total.interval == "insufficient history: 0 past cuts of 8"
    assert "no track record" in str(made)
    assert made.policies["drift"].startswith("odds x 1.000")


def test_a_tail_of_few_events_is_that_of_the_whole_stage():
    """With fewer than ten events in all ages the constant is events over exposure of the stage."""
    n, moves = np.array([[20.0, 9.0, 1.0]]), np.zeros((1, 3, 3))
    moves[0, 0, 1], moves[0, 1, 2] = 3, 3
    found = hazards(Counts(n, moves))
    assert found.rate[0].tolist() == [[0, 3 / 20, 0], [0, 3 / 30, 3 / 30], [0, 3 / 30, 3 / 30]]
    assert found.n[0].tolist() == [20, 20, 20]


def test_without_amounts_wins_are_counted(company):
    """No amount column: the value is wins, and what came is a whole number."""
    journal = company.journal
    made = forecast(journal, stages=company.pipeline, horizon=30, every="week")
    assert made.unit == "wins"
    assert made.total.value == pytest.approx(made.total.wins + made.total.new_wins)
    won = (journal.stages.codes == journal.stage_code("won")) & (journal.entered > journal.until - 30 * 86_400_000_000)
    assert made.total.last_period == int(won.sum())
    assert made.rows[0].worth is None
    assert [row.chance for row in made] == sorted((row.chance for row in made), reverse=True)


def test_no_win_yet_is_no_value():
    """With amounts but no win so far a new deal's worth is not known: NaN, not 0."""
    rows = [("l", "lead", 0, 70), ("l", "lost", 5, 70), ("x", "lead", 5, None)]
    made = forecast(log(rows, stages=["lead", "won", "lost"]), horizon=10)
    assert math.isnan(made.total.value)


def test_a_reopened_deal_arrives_again():
    """A deal that comes back from lost counts as an arrival; one that moves on does not."""
    rows = [
        ("a", "lead", 0, 1),
        ("a", "demo", 2, 1),
        ("a", "lost", 4, 1),
        ("a", "lead", 6, 1),
        ("b", "lead", 9, UNKNOWN),
    ]
    journal = log([(*row[:3], None) for row in rows], stages=["lead", "demo", "won", "lost"])
    cut = cut_of(journal, StageOrder.of(None, journal), journal.until)
    assert sorted(zip(cut.start.tolist(), cut.fresh.tolist(), strict=True)) == [
        (-9, True), (-7, False), (-3, True), (0, True),
    ]  # fmt: skip


@pytest.mark.parametrize(("day", "months", "expected"), [
    ((2026, 4, 1), 1, (2026, 3, 1)), ((2026, 3, 31), 1, (2026, 2, 28)), ((2026, 1, 15), 2, (2025, 11, 15)),
])  # fmt: skip
def test_months_before(day, months, expected):
    """The end of a month stays the end of a month; what a shorter month lacks is its last day."""
    at = datetime(*day, tzinfo=UTC) - timedelta(microseconds=1)
    assert from_micros(months_before(to_micros(at), months)) == datetime(*expected, tzinfo=UTC) - timedelta(
        microseconds=1
    )


def test_the_rank_of_a_conformal_interval():
    """The ceil((k + 1) level)-th smallest; with too few cuts for the level there is none."""
    assert interval_scale(np.arange(1.0, 10.0), 0.8) == 8.0
    assert math.isnan(interval_scale(np.arange(1.0, 10.0), 0.95))
    assert math.isnan(interval_scale(np.arange(7.0), 0.5))


def test_an_interval_that_did_not_hold_is_refused():
    """Business grows by a third a month: each error is larger than all before, no past interval held, none is given."""
    rows = [
        (f"{month}-{i}", stage, 30 * month + 30 * i / int(20 * 1.33**month) + after, 1)
        for month in range(24)
        for i in range(int(20 * 1.33**month))
        for stage, after in (("lead", 0), ("won" if i % 2 else "lost", 5))
    ]
    made = forecast(log(rows, stages=["lead", "won", "lost"]), horizon=30, level=0.5)
    assert made.total.interval.startswith("refused: ")
    assert (made.total.low, made.total.high) == (None, None)


@pytest.mark.parametrize(("asked", "said"), [
    ({"horizon": 0}, "no whole number of days"), ({"window": 0}, "neither days"), ({"level": 1.0}, "confidence"),
    ({"at": NEW_YEAR + 900 * DAY}, "after the end of observation"), ({"at": NEW_YEAR + DAY}, "no won or lost deal"),
    ({"stages": ["lead", "demo", "won"], "won": ["lead", "demo", "won"]}, "no open stage"),
])  # fmt: skip
def test_what_cannot_be_asked(asked, said):
    """A wrong question gets one clear sentence."""
    journal = log([("a", "lead", 0, 1), ("a", "won", 5, 1), ("b", "lead", 1, 1)])
    with pytest.raises(InvalidValue, match=said):
        forecast(journal, **asked)


def test_unknown_names_are_refused():
    """A unit or a column that is not there, with the nearest name."""
    journal = log([("a", "lead", 0, 1), ("a", "won", 5, 1), ("b", "lead", 1, 1)])
    with pytest.raises(NotFound, match="month"):
        forecast(journal, every="mnth")
    with pytest.raises(NotFound, match="area"):
        forecast(journal, by="area")
