"""SWOT: silence under chance, a voice for what is true, and a way to the rows of every statement."""

import math
from datetime import date, timedelta
from itertools import pairwise

import attrs
import numpy as np
import pytest

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Coded, Journal, Ledger
from crmkit.metrics.churn import subscriptions
from crmkit.metrics.swot import swot
from crmkit.testing.simulate import sales_pipeline, simulate
from crmkit.values import Period

from ._charts import english, said

LINE = sales_pipeline()
FIRST, SECOND = (Period(date(2025, 1, 1), date(2025, 7, 1), "H1"), Period(date(2025, 7, 1), date(2026, 1, 1), "H2"))
HALF_YEARS = {"over": SECOND, "versus": FIRST}
DAY_US = 86_400_000_000
START_US = 1_735_689_600 * 1_000_000


def company(rng, people=None, n=1500, **more):
    """The journal of a simulated company, with regions and rivals that mean nothing."""
    journal = simulate(n=n, rng=rng, people=people or {f"p{i}": 1 for i in range(8)}, **more).journal
    region = rng.integers(4, size=len(journal.cases.values)).astype(np.int32)[journal.cases.codes]
    rival = np.where(rng.random(len(journal)) < 0.5, rng.integers(3, size=len(journal)), -1).astype(np.int32)
    dims = {"region": Coded(region, ("N", "S", "E", "W")), "rival": Coded(rival, ("Bolt", "Acme", "Zed"))}
    return attrs.evolve(journal, dims=dims)


def orders(rng, n=1200, *, product=None, customer=None, at=None, minor=None):
    """A ledger of orders over a year; what is not given is drawn, and means nothing."""
    at = np.sort((rng.random(n) * 365 * DAY_US).astype(np.int64)) if at is None else at
    product = rng.integers(8, size=n) if product is None else product
    customer = rng.integers(60, size=n) if customer is None else customer
    minor = rng.lognormal(11, 1, n).astype(np.int64) if minor is None else minor
    none = Coded(np.full(n, -1, np.int32), ())
    return Ledger(
        kinds=Coded(np.zeros(n, np.int32), ("order",)), ids=none, at=START_US + at, cases=none, who=none,
        customers=Coded(customer.astype(np.int32), tuple(f"c{i}" for i in range(60))), minor=minor,
        currencies=Coded(np.zeros(n, np.int32), ("EUR",)), refers_to=none, revision=np.ones(n, np.int32),
        dims={"product": Coded(product.astype(np.int32), tuple("ABCDEFGH"))},
    )  # fmt: skip


def test_silence_under_chance():
    """Of sixty companies in which nothing differs and nothing changes one in ten may say anything, give or take chance."""
    loud = comparisons = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        found = swot(company(rng), orders(rng), **HALF_YEARS, by=["who", "region"], sales_by=["product"],
                     competitor="rival", stages=LINE)  # fmt: skip
        loud += bool(len(found))
        comparisons += found.n_comparisons
    assert comparisons > 60 * 100
    # P(more than 13 of 60 at a rate of 10 %) is 0.2 %.
    assert loud <= 13


def test_agents_of_a_public_crm_export_are_within_chance(shared):
    """No agent, manager or region of the export becomes a strength or weakness by the cases they win: it is chance."""
    import pandas as pd

    folder = shared("data", "sales", "maven_crm")
    frame = pd.read_csv(folder / "sales_pipeline.csv").merge(pd.read_csv(folder / "sales_teams.csv"), on="sales_agent")
    journal = Journal.from_snapshot(
        frame, case="opportunity_id", opened="engage_date", closed="close_date", outcome="deal_stage", won=["Won"],
        lost=["Lost"], who="sales_agent", dims=["manager", "regional_office"], tz="UTC",
    )  # fmt: skip
    year = Period(date(2016, 10, 1), date(2018, 1, 1), "all")
    found = swot(journal, over=year, by=["who", "manager", "regional_office"])
    assert found.n_comparisons > 60
    assert not [row for row in found if row.dimension]


def test_what_is_true_is_said():
    """A star and a weak one among eight persons are found in most stages, with limits that hold and rows that count."""
    people = {f"p{i}": 1.0 for i in range(6)} | {"star": 3.0, "weak": 0.33}
    journal = company(np.random.default_rng(5), people, n=6000)
    found = swot(journal, over=Period.year(2025), stages=LINE)
    assert {row.segment for row in found.strengths if row.figure == "conversion"} == {"star"}
    assert {row.segment for row in found.weaknesses if row.figure == "conversion"} == {"weak"}
    for row in found.strengths:
        assert row.low < row.value < row.high
        assert row.q <= 0.1
        evidence = found.evidence(row)
        assert len(evidence) == row.n
        assert {*evidence.who.decode()} == {row.segment}
        assert {*evidence.stages.decode()} == {row.stage}
    assert found.false_statements == pytest.approx(0.1 * len(found))


def test_a_slow_person_is_found():
    """Stays of one person that take twice as long are a weakness, told in days."""
    journal = company(np.random.default_rng(6), n=3000)
    slow = np.flatnonzero(journal.who.codes == 0)
    stretched = journal.entered[slow] + 2 * (journal.left[slow] - journal.entered[slow])
    left = journal.left.copy()
    left[slow] = np.where(journal.open[slow], journal.left[slow], np.minimum(stretched, journal.until))
    found = swot(attrs.evolve(journal, left=left), over=Period.year(2025), stages=LINE)
    said = [row for row in found.weaknesses if row.figure == "time in stage"]
    assert {row.segment for row in said} == {"p0"}
    assert all(row.value > row.base for row in said)
    assert "half of the stays" in said[0].text


def rising(at, now, before):
    """Rows kept so that the first half of a year has fewer than the second."""
    return np.flatnonzero((at >= 181 * DAY_US) | (np.random.default_rng(1).random(len(at)) < before / now))


def test_flows_that_change_are_found():
    """More new cases, a product that grows, and one customer who brings half: two opportunities and a threat."""
    rng = np.random.default_rng(9)
    journal = company(rng, n=3000)
    opened = np.full(len(journal.cases.values), np.iinfo(np.int64).max)
    np.minimum.at(opened, journal.cases.codes, journal.entered)
    kept = np.isin(journal.cases.codes, rising(opened - START_US, 1.0, 0.6))
    n = 2000
    at = np.sort((rng.random(n) * 365 * DAY_US).astype(np.int64))
    product = np.where((at < 181 * DAY_US) & (rng.random(n) < 0.8), 1, rng.integers(8, size=n))
    customer = np.where(rng.random(n) < 0.5, 0, rng.integers(60, size=n))
    ledger = orders(rng, n, product=product, customer=customer, at=at, minor=np.full(n, 12_345))
    found = swot(journal[kept], ledger, **HALF_YEARS, sales_by=["product"], stages=LINE)
    arrivals = [row for row in found.opportunities if row.figure == "arrivals"]
    assert arrivals[0].dimension == ""
    assert arrivals[0].low > arrivals[0].base
    sales = {(row.quadrant, row.segment) for row in found if row.figure == "sales"}
    assert ("threat", "B") in sales
    assert ("opportunity", "A") in sales
    (risk,) = [row for row in found.threats if row.figure == "largest share"]
    assert (risk.segment, risk.currency) == ("c0", "EUR")
    assert {*found.evidence(risk).customers.decode()} == {"c0"}
    assert "EUR a day" in next(row.text for row in found if row.figure == "sales")


def test_bursts_are_no_growth():
    """Cases that come forty at a time are no trend: the spread of weeks is counted."""
    days = [3, 40, 90, 130, 170, 190, 200, 220, 260, 290, 310, 350]
    frame = {
        "case": [f"{day}-{i}" for day in days for i in range(40)], "stage": ["lead"] * 40 * len(days),
        "at": [str(date(2025, 1, 1) + timedelta(days=day)) for day in days for _ in range(40)],
    }  # fmt: skip
    journal = Journal.from_frame(frame, case="case", stage="stage", at="at", tz="UTC")
    # 200 cases and then 280 would be certain (p 0.0003) if they came one by one.
    assert not swot(journal, **HALF_YEARS, by=[])


def test_losses_to_a_rival_and_customers_who_leave():
    """A rival that takes ever more, and a churn that doubles, are threats; the first comparison says so in Chinese too."""
    n = 800
    rng = np.random.default_rng(3)
    days = [date(2025, 1, 1) + timedelta(days=int(d)) for d in np.sort(rng.integers(0, 360, n))]
    rivals = ["Bolt" if rng.random() < (0.5 if day >= SECOND.start else 0.2) else None for day in days]
    frame = {"c": [*map(str, range(n))], "o": [*map(str, days)], "e": [str(day + timedelta(days=2)) for day in days],
             "s": ["lost"] * n, "rival": rivals}  # fmt: skip
    journal = Journal.from_snapshot(frame, case="c", opened="o", closed="e", outcome="s", dims=["rival"], tz="UTC")
    ends = [date(2025, 3, 1)] * 20 + [date(2025, 9, 1)] * 80 + [None] * 300
    spells = subscriptions([*map(str, range(400))], [date(2024, 1, 1)] * 400, ends, as_of=date(2026, 3, 1))
    found = swot(journal, **HALF_YEARS, by=[], competitor="rival", spells=spells)
    bolt, churn = sorted((row for row in found.threats if row.figure != "arrivals"), key=lambda row: row.figure)[::-1]
    assert (bolt.figure, bolt.segment) == ("losses to", "Bolt")
    assert "Bolt" in bolt.text_zh
    assert {*found.evidence(bolt).dims["rival"].decode()} == {"Bolt"}
    assert (churn.value, churn.base) == (pytest.approx(80 / 380), pytest.approx(20 / 400))
    assert found.evidence(churn) is None
    text = found.to_text("zh")
    assert text.startswith("优势\n- 无超出偶然的发现")
    assert "流失率" in text
    early = subscriptions(["a"], [date(2024, 1, 1)], [None], as_of=date(2025, 8, 1))
    for few in (early, subscriptions(["a"], [date(2024, 1, 1)], [None], as_of=date(2026, 3, 1))):
        assert [one.figure for one in swot(spells=few, **HALF_YEARS).silent] == ["customers lost"]


def test_it_says_when_there_is_not_enough():
    """Fifteen cases and ten orders let nothing be compared, and each figure says so."""
    rng = np.random.default_rng(0)
    found = swot(
        company(rng, n=15), orders(rng, 10), **HALF_YEARS, sales_by=["product"], competitor="rival", stages=LINE
    )
    assert (len(found), found.n_comparisons) == (0, 0)
    assert {one.figure for one in found.silent} == {
        "conversion", "time in stage", "arrivals", "losses to", "sales", "largest share",
    }  # fmt: skip
    assert all(one.n == one.of for one in found.silent)
    assert "0 comparisons" in str(found)


def test_even_flows_have_no_spread():
    """The same amount every day: no variance, no comparison of sales, and a share that is certain."""
    n = 365
    ledger = orders(
        np.random.default_rng(0), n, product=np.zeros(n), customer=np.zeros(n), at=np.arange(n) * DAY_US,
        minor=np.full(n, 100),
    )  # fmt: skip
    found = swot(
        ledger=ledger[np.arange(n) % 7 < 5],
        over=Period(date(2025, 3, 5), date(2025, 6, 4)),
        versus=Period(date(2025, 1, 1), date(2025, 3, 5)),
    )
    assert [(row.figure, row.value, row.p) for row in found] == [("largest share", 1.0, 0.0)]
    assert not len(swot(ledger=ledger, over=Period.year(2031)))


def test_empty_periods():
    """A period without a stay, a journal without a row: nothing is compared, nothing fails."""
    journal = company(np.random.default_rng(0), n=50)
    assert not len(swot(journal, over=Period.year(2031), stages=LINE))
    assert not len(swot(journal[:0], over=Period.year(2031), stages=LINE))
    leads = journal[journal.stages.codes == 0]
    assert "nothing beyond chance" in str(
        swot(leads, over=Period.year(2025), stages=["lead", "qualified", "call", "lost"])
    )


def test_what_makes_no_sense_is_refused():
    """Nothing to compare, periods that overlap, columns that are not there."""
    rng = np.random.default_rng(0)
    journal = company(rng, n=20)
    with pytest.raises(InvalidValue, match="give a journal"):
        swot(over=SECOND)
    with pytest.raises(InvalidValue, match="does not come before"):
        swot(journal, over=FIRST, versus=SECOND)
    with pytest.raises(NotFound, match="region"):
        swot(journal, over=SECOND, versus=FIRST, by=["regionn"], stages=LINE)


def test_results_become_frames_and_charts():
    """Statements are a frame without their rows, in a stable order, and the chart compiles."""
    vl_convert = pytest.importorskip("vl_convert")
    people = {f"p{i}": 1.0 for i in range(6)} | {"star": 3.0, "weak": 0.33}
    found = swot(company(np.random.default_rng(5), people, n=4000), over=Period.year(2025), stages=LINE)
    frame = found.to_frame("polars")
    assert frame["rows"].to_list() == [len(row.rows) for row in found]
    assert all(one.q <= other.q for one, other in pairwise(found.strengths))
    assert "“" in found.to_text("zh")
    for lang in ("en", "zh"):
        assert vl_convert.vegalite_to_svg(found.plot(lang)).startswith("<svg")
    assert {"SWOT", "strength", "times what it is compared with"} <= said(found.plot(), "quadrant")
    assert english(found.plot("zh"), "quadrant") == {"SWOT"}
    assert {row["text_zh"] for row in found.plot("zh")["data"]["values"]} == {row.text_zh for row in found}
    with pytest.raises(NotFound, match="language"):
        found.plot("fr")
    assert not math.isnan(found.rows[0].value)
