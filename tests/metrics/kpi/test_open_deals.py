"""Open deals as periods end: a slow loop over deals, the forecast's own kernel, currencies, and what was known then."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.events import Edited, Moved, Opened
from crmkit.journal import OPEN, UNKNOWN, Journal
from crmkit.metrics._cuts import cut_of
from crmkit.metrics._foresight import foresee
from crmkit.metrics._seasons import Season
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi.open_deals import ExpectedWins, PipelineHerfindahl, PipelineTopShare
from crmkit.metrics.measure import measure
from crmkit.metrics.policy import StageOrder
from crmkit.values import Money, Period, Rate, RateTable, from_micros

from .oracle import START

STAGES = ["lead", "offer", "won", "lost"]
END = START + timedelta(days=150)
YEAR = Period.year(2026)
# A deal: day of opening, who, amount in hundreds, and how many days later it enters which stages.
steps = st.lists(st.tuples(st.integers(0, 50), st.sampled_from(STAGES)), max_size=4)
deals = st.lists(
    st.tuples(
        st.integers(0, 90), st.sampled_from(["wei", "li"]), st.one_of(st.none(), st.integers(0, 90)), steps
    ),
    min_size=1, max_size=14,
)  # fmt: skip


def columns_of(listed):
    """Stage changes until day 150, a case being over where it is closed."""
    rows = []
    for number, (day, who, amount, moves) in enumerate(listed):
        stage = "lead"
        rows.append((f"D{number}", stage, day, who, amount))
        since = day
        for wait, following in moves:
            since += wait + 1
            if stage in ("won", "lost") or since >= 150:
                break
            stage = following
            rows.append((f"D{number}", stage, since, who, amount))
    return rows


def journal_of(listed, **more):
    """The journal of deals; amounts in euros, unless a currency of each person is given."""
    case, stage, day, who, amount = zip(*columns_of(listed), strict=True)
    frame = {
        "c": case, "s": stage, "t": [START + timedelta(days=d) for d in day], "w": who,
        "a": [None if a is None else str(100 * a) for a in amount],
    }  # fmt: skip
    dims = []
    if more:
        frame["currency"], dims = [more[w] for w in who], ["currency"]
    return Journal.from_frame(
        frame, case="c", stage="s", at="t", who="w", amount="a", dims=dims, stages=STAGES, as_of=END
    )  # fmt: skip


def foreseen(cut, horizon):
    """What the forecast says at a cut, of all history, as if months of a quarter did not differ."""
    return foresee(cut, None, np.array([horizon]), Season(np.ones((3, 3)), np.zeros(horizon, np.int64)))


def standing(journal, at):
    """The rows of a journal that are open at an instant, one by one."""
    return [
        row for row in range(len(journal))
        if journal.stages.values[journal.stages.codes[row]] in ("lead", "offer")
        and journal.entered[row] <= at < journal.left[row]
    ]  # fmt: skip


def ends():
    """The instants of the snapshots of the year, until day 150."""
    for number in range(1, 6):
        month = Period.month(2026, number)
        last = min(month.instants(UTC)[1] - 1, int(END.timestamp() * 1e6))
        yield month.name, last


@given(deals)
def test_snapshots_are_those_of_a_loop(listed):
    """How many, for how much, how concentrated; by person and month; a deal without an amount is counted as such."""
    journal = journal_of(listed)
    facts = Facts(journal=journal, currency="EUR")
    keys = ["open_deals", "open_pipeline", PipelineHerfindahl(), PipelineTopShare(top=2)]
    figures = measure(facts, keys, by=["who"], over=YEAR, every="month")
    amount = {f"D{number}": deal[2] for number, deal in enumerate(listed)}
    cases = journal.cases.decode()
    for name, last in ends():
        for who in {deal[1] for deal in listed}:
            mine = [cases[row] for row in standing(journal, last) if journal.who.decode()[row] == who]
            said = [amount[case] for case in mine if amount[case] is not None]
            rows = {row.metric: row for row in figures if row.period == name and row.group["who"] == who}
            assert ("open_deals" in rows) or not mine
            assert all(row.exact == len(mine) == row.n_open for key, row in rows.items() if key == "open_deals")
            worth = rows.get("open_pipeline")
            assert (worth.exact if worth else Money("0", "EUR")) == Money(100 * sum(said), "EUR")
            assert worth is None or (worth.n, worth.n_unusable) == (len(said), len(mine) - len(said))
            if sum(said):
                shares = sorted((a / sum(said) for a in said), reverse=True)
                assert rows["pipeline_hhi"].value == pytest.approx(sum(s * s for s in shares))
                assert rows["pipeline_top_share"].value == pytest.approx(sum(shares[:2]))
            else:
                assert all(row.value is None for key, row in rows.items() if key.startswith("pipeline"))


@settings(max_examples=40)
@given(deals, st.integers(1, 120))
def test_expectations_are_those_of_the_forecast(listed, horizon):
    """The chance of each deal is that which the forecast gives it at the same cut, and nobody's without history."""
    journal = journal_of(listed)
    figures = measure(
        Facts(journal=journal, currency="EUR"), [ExpectedWins(horizon_days=horizon), "expected_revenue"],
        over=YEAR, every="month",
    )  # fmt: skip
    order = StageOrder.of(None, journal)
    for name, last in ends():
        closed = journal.entered[np.isin(journal.stages.codes, [2, 3])]
        if not (closed <= last).any():
            assert all(row.value is None for row in figures if row.period == name)
            continue
        for metric, days in (("expected_wins", horizon), ("expected_revenue", 90)):
            cut = cut_of(journal, order, last)
            chance = foreseen(cut, days).chance[:, 0]
            said = cut.amount[cut.live]
            worth = np.ones(len(chance)) if metric == "expected_wins" else np.where(said < 0, 0, said) / 100.0
            row = [row for row in figures if (row.metric, row.period) == (metric, name)]
            assert (row[0].value if row else 0.0) == pytest.approx(float(chance @ worth), abs=1e-9)
            assert all(one.low is None and one.high is None for one in row)


def test_expectations_of_groups_add_up():
    """Chances are those of all groups together, so persons add up to the whole."""
    listed = [(day, "wei" if day % 3 else "li", day % 7, [(day % 40, "offer"), (9, "won" if day % 2 else "lost")])
              for day in range(90)]  # fmt: skip
    facts = Facts(journal=journal_of(listed), currency="EUR")
    whole = measure(facts, ["expected_revenue"], over=YEAR, every="month")
    parts = measure(facts, ["expected_revenue"], over=YEAR, every="month", by=["who"])
    for row in whole:
        mine = [one.value for one in parts if one.period == row.period]
        assert len(mine) == 2
        assert sum(mine) == pytest.approx(row.value)


def test_states_of_parts_add_up():
    """Two halves of the deals, measured apart and merged, give the figures of all."""
    listed = [(day, "wei", day % 7 + 1, [(day % 40, "offer"), (9, "won" if day % 2 else "lost")]) for day in range(60)]
    journal = journal_of(listed)
    cases = np.array([int(name[1:]) for name in journal.cases.values])[journal.cases.codes]
    keys = ["open_deals", "open_pipeline", "expected_revenue", "expected_wins", "pipeline_hhi"]
    made = [
        measure(Facts(journal=part, currency="EUR"), keys, over=YEAR, every="month", as_of=END)
        for part in (journal, journal[cases % 2 == 0], journal[cases % 2 == 1])
    ]
    merged = made[1].merge(made[2])
    assert [(row.metric, row.period, row.n) for row in merged] == [(row.metric, row.period, row.n) for row in made[0]]
    assert [row.value for row in merged] == pytest.approx([row.value for row in made[0]], nan_ok=True)
    assert [row.exact for row in merged] == [row.exact for row in made[0]]


def test_stays_older_than_the_table_are_one_class():
    """Years in a stage are a constant hazard, as in the forecast."""
    old = [(f"D{n}", "lead", datetime(2020, 1, 1 + n % 9, tzinfo=UTC)) for n in range(30)]
    young = [(f"E{n}", stage, START + timedelta(days=n + wait)) for n in range(40)
             for stage, wait in (("lead", 0), ("won" if n % 2 else "lost", 20))]  # fmt: skip
    late = [(f"D{n}", "won", START + timedelta(days=n)) for n in range(9)]
    case, stage, at = zip(*old, *young, *late, strict=True)
    journal = Journal.from_frame({"c": case, "s": stage, "t": at}, case="c", stage="s", at="t", as_of=END)
    (row,) = measure(Facts(journal=journal), ["expected_wins"], as_of=END)
    at_end = foreseen(cut_of(journal, StageOrder.of(None, journal), int(END.timestamp() * 1e6)), 90)
    assert row.value == pytest.approx(float(at_end.chance.sum()))


def test_a_stay_that_ended_nobody_knows_how_is_censored():
    """A deal that was deleted was at risk, and moved nowhere."""
    listed = [(day, "wei", 1, [(5, "won" if day % 2 else "lost")]) for day in range(40)] + [(50, "wei", 1, [])]
    journal = journal_of([*listed, (10, "wei", 1, [])])
    left = np.where(journal.cases.codes == len(listed), journal.entered + 3 * 86_400_000_000, journal.left)
    gone = Journal(**{**{name: getattr(journal, name) for name in
                         ("cases", "stages", "entered", "next", "who", "until", "dims", "amount")}, "left": left})  # fmt: skip
    figures = measure(Facts(journal=gone), ["open_deals", "expected_wins"], over=YEAR)
    assert figures["open_deals"].exact == 1
    assert 0.0 < figures["expected_wins"].value < 1.0
    assert OPEN not in left[journal.cases.codes == len(listed)]


def test_currencies_stay_apart_or_are_converted_at_the_snapshot():
    """A snapshot is worth what its currency was worth that day; without a rate it is counted and in no sum."""
    listed = [(1, "wei", 2, []), (1, "li", 3, [])]
    journal = journal_of(listed, wei="EUR", li="USD")
    apart = measure(Facts(journal=journal), ["open_pipeline", "pipeline_hhi"], over=Period.month(2026, 1))
    assert {row.unit: row.exact.amount for row in apart if row.metric == "open_pipeline"} == {"EUR": 200, "USD": 300}
    assert [row.group["money"] for row in apart if row.metric == "pipeline_hhi"] == ["EUR", "USD"]
    rates = RateTable([Rate("USD", "EUR", date(2026, month, 28), Decimal(month) / 2) for month in (1, 3)])
    facts = Facts(journal=journal, currency="EUR", rates=rates)
    figures = measure(facts, ["open_pipeline"], over=Period.quarter(2026, 1), every="month")
    assert [str(row.exact) for row in figures] == ["350.00 EUR", "200.00 EUR", "650.00 EUR"]
    assert [row.n_unusable for row in figures] == [0, 1, 0]
    assert [finding.count for finding in figures.findings] == [1]
    none = measure(Facts(journal=journal, currency="EUR"), ["open_pipeline"], over=Period.month(2026, 1))
    assert (str(none["open_pipeline"].exact), none["open_pipeline"].n_unusable) == ("200.00 EUR", 1)


def test_expectations_keep_currencies_apart():
    """Chances are of all deals together, amounts are not."""
    listed = [(day, "wei" if day % 2 else "li", 5, [(3, "won" if day % 3 else "lost")]) for day in range(40)]
    journal = journal_of([*listed, (100, "wei", 2, []), (100, "li", 3, [])], wei="EUR", li="USD")
    figures = measure(Facts(journal=journal), ["expected_revenue", "expected_wins"], over=YEAR, by=["who"])
    chance = figures["expected_wins", "wei"].value
    assert figures["expected_revenue", "wei", "EUR"].value == pytest.approx(200 * chance)
    assert figures["expected_revenue", "li", "USD"].value == pytest.approx(300 * chance)
    assert len([row for row in figures if row.metric == "expected_revenue"]) == 2
    bare = journal_of([*listed, (100, "wei", 2, [])], wei=None, li=None)
    (row,) = measure(Facts(journal=bare), ["expected_revenue"], over=YEAR)
    assert (row.value, row.n, row.n_unusable) == (0.0, 0, 1)


def test_an_amount_that_was_said_before_still_stands():
    """What a deal said in an earlier stage is its amount until it says another."""
    frame = {"c": ["D", "D"], "s": ["lead", "offer"], "t": [START, START + timedelta(days=40)], "a": ["7", None]}
    journal = Journal.from_frame(frame, case="c", stage="s", at="t", amount="a", as_of=END)
    figures = measure(Facts(journal=journal, currency="EUR"), ["open_pipeline"], over=YEAR)
    assert figures["open_pipeline"].exact == Money("7", "EUR")


def test_parts_may_be_customers_and_amounts_below_nothing_have_no_share():
    """Concentration over a column; a deal below 0 is counted as unusable, and said."""
    frame = {"c": ["1", "2", "3", "4"], "s": ["lead"] * 4, "t": [START] * 4, "a": ["6", "2", "2", "-1"],
             "customer": ["x", "x", "y", "y"]}  # fmt: skip
    journal = Journal.from_frame(frame, case="c", stage="s", at="t", amount="a", dims=["customer"], as_of=END)
    facts = Facts(journal=journal, currency="EUR")
    figures = measure(facts, [PipelineHerfindahl(of="customer"), PipelineTopShare(top=1)], over=YEAR)
    assert figures["pipeline_hhi"].value == pytest.approx(0.64 + 0.04)
    assert figures["pipeline_top_share"].value == pytest.approx(0.6)
    assert figures["pipeline_hhi"].n_unusable == 1
    assert "below 0" in figures.findings[0].reason


def events():
    """Two deals in crmkit's own facts: one changed its amount, and the other was entered late."""

    def fact(kind, number, case, day, late=0, **more):
        at = START + timedelta(days=day)
        return kind(id=f"{case}#{number}", case=case, at=at, recorded=at + timedelta(days=late), who="wei", **more)

    return [
        fact(Opened, 1, "A", 0, stage="lead", data={"amount": Money("10", "EUR")}),
        fact(Opened, 1, "B", 1, late=30, stage="lead", data={"amount": Money("5", "EUR")}),
        fact(Edited, 2, "A", 3, data={"amount": Money("40", "EUR")}),
        fact(Moved, 3, "A", 8, stage="offer", origin="lead", move="go", entered=START, data={"amount": Decimal("1.005")}),
        fact(Edited, 4, "A", 9, data={"amount": "much"}),
        fact(Edited, 5, "A", 10, data={"amount": Money("80", "EUR")}),
    ]  # fmt: skip


def test_own_facts_bring_their_amounts():
    """What a deal said last in a stay is its amount there; the currency is a column; what is none is said."""
    journal = Journal.from_events(events()[:4])
    assert journal.amount.tolist() == [4000, 100, 500]
    assert journal.dims["currency"].decode() == ["EUR", None, "EUR"]
    assert [finding.reason for finding in journal.findings] == ["has more than two decimals; rounded"]
    assert "is no amount" in Journal.from_events(events()[:5]).findings[0].reason
    assert Journal.from_events(events()).findings == ()
    silent = Opened(id="C#1", case="C", at=START, recorded=START, stage="lead")
    assert Journal.from_events([*events()[:2], silent]).amount.tolist() == [1000, 500, UNKNOWN]


def test_pipeline_as_of_an_instant_and_as_known_at_one():
    """What had not happened yet is not there, nor what was entered later."""
    facts = Facts(events=events())
    month = {"over": Period.month(2026, 1)}
    assert str(measure(facts, ["open_pipeline"], **month)["open_pipeline"].exact) == "85.00 EUR"
    then = measure(facts, ["open_pipeline"], as_of=START + timedelta(days=4), **month)
    assert str(then["open_pipeline"].exact) == "45.00 EUR"
    known = measure(facts, ["open_pipeline", "open_deals"], as_known_at=START + timedelta(days=20), **month)
    assert (str(known["open_pipeline"].exact), known["open_deals"].exact) == ("80.00 EUR", 1)
    assert known.explain("open_pipeline").rows["amount"]["case"] == ["A"]


def test_amounts_are_needed():
    """Deals can be counted without, and not be worth anything."""
    journal = Journal.from_frame({"c": ["D"], "s": ["lead"], "t": [START]}, case="c", stage="s", at="t", as_of=END)
    assert measure(Facts(journal=journal), ["open_deals"], over=YEAR)["open_deals"].exact == 1
    with pytest.raises(InvalidValue, match="without amounts"):
        measure(Facts(journal=journal), ["open_pipeline"], over=YEAR)


def test_evidence_leaves_out_the_history():
    """Behind an expectation are the open deals, not all from which chances were learnt."""
    listed = [(day, "wei", 5, [(3, "won" if day % 3 else "lost")]) for day in range(40)] + [(100, "wei", 2, [])]
    figures = measure(Facts(journal=journal_of(listed), currency="EUR"), ["expected_revenue"], over=YEAR)
    assert set(figures.explain("expected_revenue").rows) == {"amount", "deals"}
    assert figures.explain("expected_revenue").rows["deals"]["case"] == ["D40"]
    assert f"{figures['expected_revenue'].value:.2f} EUR" in str(figures)


def test_maven_pipeline(shared):
    """1,589 deals with a date of engagement are open as the export ends; an earlier snapshot is what the loop says."""
    from crmkit.journal import decode_csv

    path = shared("data", "sales", "maven_crm", "sales_pipeline.csv")
    journal = Journal.from_snapshot(
        decode_csv(path.read_bytes(), name="sales_pipeline.csv"), case="opportunity_id", opened="engage_date",
        closed="close_date", outcome="deal_stage", who="sales_agent", tz="UTC",
    )  # fmt: skip
    figures = measure(Facts(journal=journal), ["open_deals", "expected_wins"], every="quarter")
    before = int(datetime(2017, 7, 1, tzinfo=UTC).timestamp() * 1e6) - 1
    in_open = journal.stages.codes == journal.stage_code("open")
    assert figures["open_deals", "2017-Q2"].exact == int(
        ((journal.entered <= before) & (journal.left > before) & in_open).sum()
    )
    chance = foreseen(cut_of(journal, StageOrder.of(None, journal), before), 90).chance
    assert figures["expected_wins", "2017-Q2"].value == pytest.approx(float(chance.sum()))
    last = list(figures)[-1]
    assert last.n == 1589
    assert from_micros(journal.until).year == 2017
