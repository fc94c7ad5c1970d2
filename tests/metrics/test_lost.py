"""Lost deals: found, counted and added up as a slow reading of the history does; trends by R's examples."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import UNKNOWN, Journal
from crmkit.metrics import lost
from crmkit.testing.simulate import sales_pipeline, simulate
from crmkit.values import Period

from ._charts import english, said

LETTERS = {"l": "lead", "d": "demo", "w": "won", "x": "lost", "c": "cancelled"}
REASONS = st.sampled_from(["price", "late", None])


def histories(*cases):
    """A journal of cases, each a list of (letter, reason, amount, who), a day apart."""
    rows = [
        (f"D{i}", LETTERS[letter], f"2026-01-{day + 1:02}", reason, amount, who)
        for i, case in enumerate(cases)
        for day, (letter, reason, amount, who) in enumerate(case)
    ]
    names = ("case", "stage", "at", "reason", "amount", "who")
    frame = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return Journal.from_frame(
        frame, case="case", stage="stage", at="at", who="who", amount="amount", dims=["reason"], tz="UTC"
    )


def plain(letters):
    """Steps without a word beyond their stage."""
    return [(letter, None, None, "wei") for letter in letters]


def slow(case):
    """The losses of one case, step by step: (stage it was lost from, reason, amount, who, whether it stands)."""
    found, stage, amount, said, held = [], None, None, None, None
    for letter, reason, given_, who in case:
        is_lost = letter in "xc"
        was_lost = stage is not None and stage in "xc"
        amount = amount if given_ is None else given_
        if is_lost and not was_lost:
            found.append([stage, reason or said, amount, held if stage else who, True])
        if not is_lost:
            found = [[*one[:4], False] for one in found]
        stage, said, held = letter, reason, who
    return found


STEPS = st.tuples(
    st.sampled_from("ldwxc"), REASONS, st.sampled_from([None, "10.00", "7.50"]), st.sampled_from(["wei", "ana"])
)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.lists(STEPS, min_size=1, max_size=6), min_size=1, max_size=5),
    st.sampled_from(["as it stands", "each loss"]),
)
def test_losses_against_a_slow_reading(cases, reopened):
    """Every loss is found once, with its stage, reason, amount and person; reopened ones by the stated policy."""
    found = lost.losses(histories(*cases), lost=["lost", "cancelled"], won=["won"], stages=LETTERS.values(),
                        currency="EUR", reopened=reopened).to_dict()  # fmt: skip
    expected = [one for case in cases for one in slow(case) if reopened == "each loss" or one[4]]
    told = zip(found["stage"], found["reason"], found["amount"], found["who"], strict=True)
    assert [*told] == [
        (LETTERS.get(stage), reason, None if amount is None else Decimal(amount), who)
        for stage, reason, amount, who, _ in expected
    ]


CASES = (
    [("l", None, "100.00", "wei"), ("x", "price", None, "wei")],
    [("l", None, "50.00", "ana"), ("d", None, "60.00", "ana"), ("x", "price", None, "ana")],
    [("l", None, None, "ana"), ("x", None, None, "ana")],
    [("l", None, "30.00", "wei"), ("x", "late", None, "wei"), ("d", None, None, "wei")],
    [("l", None, "20.00", "wei"), ("w", None, None, "wei")],
)


def test_a_table_by_hand():
    """Counts, shares and money by reason; the reason nobody gave is a row; a reopened loss is told, not counted."""
    found = lost.losses(histories(*CASES), currency="EUR")
    table = found.by("reason")
    assert [(row.group["reason"], row.n, row.amounts, row.n_unpriced) for row in table] == [
        ("price", 2, {"EUR": Decimal("160.00")}, 0), (None, 1, {}, 1),
    ]  # fmt: skip
    assert (table.n, table.n_reopened) == (3, 1)
    assert sum(row.share for row in table) == 1
    assert "amount EUR" in str(table)
    assert [finding.column for finding in table.findings] == ["reason", "amount"]
    assert [(row.group, row.n) for row in found.by("reason", "stage")] == [
        ({"reason": "price", "stage": "demo"}, 1), ({"reason": "price", "stage": "lead"}, 1),
        ({"reason": None, "stage": "lead"}, 1),
    ]  # fmt: skip
    assert found.where(reason="price", who="ana").to_dict()["case"] == ["D1"]
    assert len(found.where(reason=None)) == 1
    assert len(found.where(reason="weather")) == 0
    assert lost.losses(histories(*CASES), reopened="each loss").by("reason").n == 4


def test_currencies_stay_apart():
    """Amounts of two currencies are two columns, each with shares of its own."""
    frame = {"c": ["a", "b", "c"], "o": ["2026-01-01"] * 3, "e": ["2026-01-02"] * 3, "s": ["lost"] * 3,
             "amount": ["10", "30", "5"], "currency": ["EUR", "EUR", "USD"], "reason": ["price", "late", "price"]}  # fmt: skip
    journal = Journal.from_snapshot(frame, case="c", opened="o", closed="e", outcome="s", amount="amount",
                                    dims=["currency", "reason"], tz="UTC")  # fmt: skip
    table = lost.losses(journal).by("reason").to_dict()
    assert table["amount EUR"] == [Decimal("10.00"), Decimal("30.00")]
    assert table["share of EUR"] == [0.25, 0.75]
    assert table["amount USD"] == [Decimal("5.00"), None]


def test_amounts_without_a_currency_are_in_no_sum():
    """What an amount is worth is not guessed."""
    found = lost.losses(histories(*CASES))
    assert "give currency=" in found.findings[-1].reason
    assert all(not row.amounts and row.n_unpriced == row.n for row in found.by("reason"))


def test_interval_form_without_lost_stays():
    """An export that holds open stages only still says where deals went."""
    frame = {"c": ["a", "a", "b"], "s": ["lead", "demo", "lead"], "f": ["2026-01-01", "2026-01-05", "2026-01-02"],
             "t": ["2026-01-05", "2026-01-09", None], "n": ["demo", "lost", None]}  # fmt: skip
    journal = Journal.from_frame(frame, case="c", stage="s", entered="f", left="t", next="n", tz="UTC")
    found = lost.losses(journal)
    assert found.to_dict()["stage"] == ["demo"]
    assert found.chances("stage", days=8).rows[0].chance == 1.0


def test_what_cannot_be_asked():
    """Names that are not there, and questions that make no sense, are refused with the reason."""
    journal = histories(*CASES)
    with pytest.raises(NotFound, match="reasonn"):
        lost.losses(journal, reason="reasonn")
    with pytest.raises(InvalidValue, match="give lost="):
        lost.losses(journal[journal.stages.codes == 0], stages=["lead"])
    found = lost.losses(journal, reopened="each loss")
    for wrong in (found.by, lambda: found.chances(days=3), lambda: found[:0].trend()):
        with pytest.raises(InvalidValue):
            wrong()
    with pytest.raises(NotFound, match="colour"):
        found.by("colour")


def test_likely_spellings_of_one_reason_are_told():
    """Reasons that differ in case and blanks only are kept apart, and said to be."""
    cases = [[("l", None, None, "wei"), ("x", reason, None, "wei")] for reason in ("price", "Price", "late")]
    (finding,) = lost.losses(histories(*cases)).findings[-1:]
    assert "'Price', 'price'" in finding.reason


def test_a_period_takes_its_losses_only():
    """Losses outside the period are in no row; within chances they are a cause that is not shown."""
    journal = histories(*CASES)
    found = lost.losses(journal, over=Period.of("day", 2026, 2))
    assert [row.group["reason"] for row in found.by("reason")] == ["price", None]
    assert (len(found), found.n_reopened) == (2, 1)
    assert len(found.chances(days=30)) == 2
    assert not len(lost.losses(journal, over=Period.year(2001)).by("reason"))


def test_chances_without_censoring_are_plain_shares():
    """Where no deal is open the chance of each reason is its share of all deals."""
    found = lost.losses(histories(*(CASES[i] for i in (0, 1, 2, 4))), currency="EUR")
    chances = found.chances(days=30)
    assert {row.value: row.chance for row in chances} == {"price": pytest.approx(0.5), None: pytest.approx(0.25)}
    assert (chances.n, chances.n_open) == (4, 0)
    assert {row.chance for row in found.chances(days=0.5)} == {0.0}
    assert not len(found[:0].chances(days=3))
    nothing = lost.losses(histories(*CASES)[:0])
    assert (len(nothing), len(nothing.by("reason")), len(nothing.chances(days=3))) == (0, 0, 0)


def test_chances_find_the_truth():
    """The chance to be lost in the first stage is the simulated one, though many deals are open."""
    simulated = simulate(n=6000, rng=np.random.default_rng(3))
    found = lost.losses(simulated.journal, stages=sales_pipeline())
    chances = found.chances("stage", days=300)
    assert chances.n_open > 500
    assert {row.value for row in chances} == {"lead", "qualified", "demo", "proposal", "negotiation"}
    lead = next(row for row in chances if row.value == "lead")
    assert lead.low < 0.38 < lead.high


def test_trend_tests_are_those_of_r():
    """prop.trend.test of R's help page: chi-square 8.2249, p 0.004132; without variation there is no test."""
    test = lost.cochran_armitage([83, 90, 129, 70], [86, 93, 136, 82])
    assert (round(test.z**2, 4), round(test.p, 6), test.n) == (8.2249, 0.004132, 397)
    assert test.z < 0
    for silent in (lost.cochran_armitage([0, 0], [5, 5]), lost.cochran_armitage([], []), lost.poisson_trend([], []),
                   lost.poisson_trend([4], [2]), lost.cochran_armitage([0], [0])):  # fmt: skip
        assert np.isnan(silent.p)


def test_poisson_trend_is_the_conditional_score():
    """The z value is (observed - expected) / deviation of the scores of events thrown at random over the exposure."""
    count, exposure, scores = [3, 5, 9], [10.0, 10.0, 20.0], [0.0, 1.0, 3.0]
    test = lost.poisson_trend(count, exposure, scores)
    thrown = np.array([s for s, e in zip(scores, exposure, strict=True) for _ in range(int(e))])
    expected, deviation = 17 * thrown.mean(), (17 * thrown.var()) ** 0.5
    assert test.z == pytest.approx((5 + 27 - expected) / deviation)


def test_trends_are_checked():
    """Columns that do not fit, and events without exposure, are refused."""
    for wrong in (
        lambda: lost.cochran_armitage([1, 2], [3]), lambda: lost.cochran_armitage([4], [3]),
        lambda: lost.poisson_trend([1], [0]),
    ):  # fmt: skip
        with pytest.raises(InvalidValue):
            wrong()


def rising(n=300):
    """Losses over a year of which ever more are to a rival, and a last month that is not over."""
    rng = np.random.default_rng(7)
    day = np.sort(rng.integers(0, 380, n))
    start = np.datetime64("2025-01-01")
    frame = {
        "c": [str(i) for i in range(n)], "o": (start + day).astype(str).tolist(),
        "e": (start + day + 1).astype(str).tolist(), "s": ["lost"] * n,
        "rival": ["Bolt" if rng.random() < 0.1 + 0.5 * d / 380 else None for d in day],
    }  # fmt: skip
    return Journal.from_snapshot(frame, case="c", opened="o", closed="e", outcome="s", dims=["rival"], tz="UTC")


def test_a_trend_is_found():
    """A share that rises is told to rise, on whole months only; the one that is not over is marked."""
    journal = rising()
    trend = lost.losses(journal, competitor="rival").trend("competitor", every="month")
    bolt = [row for row in trend if row.value == "Bolt"]
    assert bolt[0].rising
    assert bolt[0].share_q < 0.01
    assert [row.complete for row in bolt[-2:]] == [True, False]
    assert sum(row.n for row in trend) == len(journal) // 2
    clear = [row for row in bolt if row.complete]
    test = lost.cochran_armitage([row.n for row in clear], [row.total for row in clear])
    assert test.p == bolt[0].share_p
    year = lost.losses(journal, competitor="rival").trend("competitor", every="year", over=Period.year(2025))
    assert np.isnan(year.rows[0].share_p)
    assert year.rows[0].rising is None


def test_results_become_frames_and_charts():
    """Every result is a frame in three libraries and a Vega-Lite chart that compiles."""
    vl_convert = pytest.importorskip("vl_convert")
    found = lost.losses(rising(60), competitor="rival")
    assert len(found.to_frame("polars")) == len(found) == 60
    for result in (found.by("competitor", "stage"), found.trend("competitor"), found.chances("competitor", days=9)):
        assert {len(result.to_frame(backend)) for backend in ("pandas", "polars", "pyarrow")} == {len(result)}
        for lang in ("en", "zh"):
            assert vl_convert.vegalite_to_svg(result.plot(lang)).startswith("<svg")


def test_charts_speak_chinese():
    """Titles, and the name of what nobody named, are Chinese where it is asked for; names of the host stay."""
    found = lost.losses(rising(60), competitor="rival")
    table, trend, chances = found.by("competitor"), found.trend("competitor"), found.chances("competitor", days=9)
    assert english(table.plot("zh"), "group") == {"Bolt"}
    assert english(trend.plot("zh"), "value") == {"Bolt", "competitor"}
    assert english(chances.plot("zh"), "value") == {"Bolt"}
    assert said(table.plot(), "group") == {"lost deals", "share of losses", "Bolt", "(unknown)"}
    assert {"lost deals by competitor", "share of losses"} <= said(trend.plot())
    assert {"chance of losing", "lost within 9 days"} == said(chances.plot())
    with pytest.raises(NotFound, match="language"):
        trend.plot("fr")


def test_losses_print_as_a_table():
    """One line a loss, in words and civil instants; without a loss that is said."""
    found = lost.losses(rising(3), competitor="rival")
    lines = str(found).splitlines()
    assert lines[0].split() == ["case", "at", "reason", "competitor", "stage", "who", "currency", "amount"]
    assert len(lines) == 4
    assert all("00:00+00:00" in line and "open" in line for line in lines[1:])
    assert str(found[:0]) == "(no rows)"


def test_maven(shared):
    """A public export: 2,473 losses by product as pandas counts them; nobody gave a reason, and that is said."""
    frame = pd.read_csv(shared("data", "sales", "maven_crm", "sales_pipeline.csv"))
    journal = Journal.from_snapshot(
        frame, case="opportunity_id", opened="engage_date", closed="close_date", outcome="deal_stage", won=["Won"],
        lost=["Lost"], who="sales_agent", amount="close_value", dims=["product"], tz="UTC",
    )  # fmt: skip
    found = lost.losses(journal, currency="USD")
    assert len(found) == 2473
    counts = frame[frame["deal_stage"] == "Lost"].groupby("product").size()
    assert {row.group["product"]: row.n for row in found.by("product")} == counts.to_dict()
    (row,) = found.by("reason")
    assert (row.group["reason"], row.n) == (None, 2473)
    assert (found.amount != UNKNOWN).all()
