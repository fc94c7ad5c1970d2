"""Measuring: groups, periods, comparisons, what is unusable, what is behind a figure, and parts that add up."""

import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, Ledger
from crmkit.metrics.estimators import clopper_pearson, newcombe, wilson
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi import named
from crmkit.metrics.measure import measure
from crmkit.metrics.metric import Metric
from crmkit.model import Invoice, Order, Payment
from crmkit.values import Currency, FiscalCalendar, Money, Period, Rate, RateTable

from .kpi.oracle import START, measured, rows, values

ORDERS = [
    Order(id="1", at=START, customer="Acme", who="wei", amount=Money("10", "EUR"), case="D1"),
    Order(id="2", at=START + timedelta(days=40), customer="Acme", who="li", amount=Money("20", "EUR"), case="D2"),
    Order(id="3", at=START + timedelta(days=41), customer="Beta", who="wei", amount=Money("30", "USD"), case="D9"),
]


def booked(**how):
    """Bookings of three orders by month."""
    return measured(ORDERS, "booked", **how)


def facts_of(orders, **how):
    """Facts of orders."""
    return Facts(ledger=Ledger.from_facts(orders), **how)


def deals():
    """A journal of two deals with a region."""
    days = [START + timedelta(days=day) for day in (0, 5, 1, 9)]
    return Journal.from_frame(
        {"d": ["D1", "D1", "D2", "D2"], "s": ["lead", "won", "lead", "lost"], "at": days, "region": ["N", "N", "S", "S"],
         "m": ["5", "5", "7.25", "7.25"]},
        case="d", stage="s", at="at", dims=["region"], amount="m",
    )  # fmt: skip


def test_groups_come_from_rows_customers_and_cases():
    """`who` is a column of the ledger, `industry` one of customers, `region` one of the case; others are missing."""
    facts = facts_of(ORDERS, journal=deals(), customers={"industry": {"Acme": "steel"}})
    by_industry = measure(facts, ["booked"], by="industry")
    assert {row.group["industry"]: row.exact for row in by_industry if row.unit == "EUR"} == {
        "steel": Money("30", "EUR")
    }
    by_region = measure(facts, ["booked"], by=["region"])
    assert {(row.group["region"], row.unit): row.exact.amount for row in by_region if row.n} == {
        ("N", "EUR"): 10, ("S", "EUR"): 20, (None, "USD"): 30
    }  # fmt: skip


def test_unknown_columns_and_metrics_are_named():
    """With what there is."""
    with pytest.raises(NotFound, match="who"):
        measure(facts_of(ORDERS), ["booked"], by=["whom"])
    with pytest.raises(NotFound, match="invoiced"):
        measure(facts_of(ORDERS), ["invoicd"])
    with pytest.raises(NotFound):
        measure(Facts(journal=deals(), ledger=Ledger.from_facts(ORDERS)), ["booked"], by=["stag"])


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"by": ["who", "who"]}, "names a column twice"),
        ({"metrics": ["booked", named("booked")]}, "is asked for twice"),
        ({"metrics": [type(named("booked"))]}, "Booked' is no metric"),
        ({"over": "2026-Q1"}, "is no period"),
        ({"by": ["period"]}, "is what every= gives"),
        ({"versus": "last"}, "is unknown"),
        ({"versus": {"who": "li"}}, "is not grouped by; by= has nothing"),
        ({"level": 1.5}, "level"),
    ],
)
def test_questions_that_make_no_sense_are_refused(how, reason):
    """Each with its reason."""
    with pytest.raises(InvalidValue, match=reason):
        measure(facts_of(ORDERS), **{"metrics": ["booked"], **how})


def test_units_of_time_are_those_of_calendars():
    """Another one is named, with those there are."""
    with pytest.raises(NotFound, match=r"fortnight.*there are: day, week"):
        booked(every="fortnight")


def test_one_metric_needs_no_list():
    """By its key, or as it is."""
    assert [row.exact for row in measure(facts_of(ORDERS[:1]), "booked")] == [Money("10", "EUR")]
    assert list(measure(facts_of(ORDERS), named("booked"))) == list(measure(facts_of(ORDERS), ["booked"]))


def test_what_several_metrics_find_is_told_once():
    """One payment before its invoice is one, however many figures read it; two kinds of trouble are two findings."""
    facts = [
        Invoice(id="1", at=START + timedelta(days=5), customer="A", amount=Money("100", "EUR")),
        Payment(id="p", at=START, customer="A", amount=Money("30", "EUR"), refers_to="1"),
        Payment(id="q", at=START + timedelta(days=9), customer="A", amount=Money("900", "EUR"), refers_to="1"),
    ]
    figures = measure(facts_of(facts), ["collected", "days_to_pay", "receivables", "dso"])
    assert [finding.count for finding in figures.findings] == [1, 1]
    assert figures.findings == measure(facts_of(facts), ["receivables"]).findings


def test_facts_that_a_metric_needs():
    """Without a ledger there are no bookings; without facts, nothing at all."""
    with pytest.raises(InvalidValue, match="have no ledger"):
        measure(Facts(journal=deals()), ["booked"])
    with pytest.raises(InvalidValue, match="no rows"):
        measure(Facts(), ["booked"])
    with pytest.raises(InvalidValue, match="is no history"):
        measure(facts_of([*ORDERS, Order(id="x", at=datetime(1, 1, 2, tzinfo=UTC))]), ["booked"])


def test_periods_are_whole_units_of_a_calendar():
    """Months of the civil year, quarters of a fiscal one, the days of a given period, or all at once."""
    assert list(dict.fromkeys(row.period for row in booked())) == ["2026-01", "2026-02"]
    fiscal = booked(every="quarter", calendar=FiscalCalendar(starts=2))
    assert list(dict.fromkeys(row.period for row in fiscal)) == ["2026-Q4", "2027-Q1"]
    february = booked(over=Period.month(2026, 2), every=None)
    assert {row.period for row in february} == {"2026-02"}
    assert {row.exact for row in february} == {Money("20", "EUR"), Money("30", "USD")}
    assert {row.period for row in booked(every=None)} == {"all"}
    unnamed = Period(date(2026, 2, 1), date(2026, 2, 11))
    assert {row.period for row in booked(over=unnamed, every=None)} == {"2026-02-01 .. 2026-02-11"}


def test_midnights_off_the_quarter_hour_are_exact():
    """Zones of long ago are minutes and seconds away from UTC; a day begins at their midnight all the same."""
    zone = "Europe/Amsterdam"  # 0:19:32 ahead of UTC until 1937
    midnight = datetime(1930, 1, 2, tzinfo=UTC) - timedelta(minutes=19, seconds=32)
    orders = [
        Order(id=str(number), at=midnight + timedelta(seconds=number), amount=Money("1", "EUR"))
        for number in (-1, 0, 1)
    ]
    figures = measure(facts_of(orders, tz=zone), ["booked"], every="day")
    assert [(row.period, row.n) for row in figures] == [("1930-01-01", 1), ("1930-01-02", 2)]
    inside = measure(facts_of(orders, tz=zone), ["booked"], over=Period(date(1930, 1, 2), date(1930, 1, 3)))
    assert [row.n for row in inside] == [2]


def test_a_period_that_is_not_over_is_marked():
    """The last month is complete once observation reaches its end."""
    assert [row.complete for row in booked() if row.unit == "EUR"] == [True, False]
    end = datetime(2026, 2, 28, 16, tzinfo=UTC) - timedelta(microseconds=1)
    assert all(row.complete for row in booked(as_of=end))
    assert "2026-02*" in str(booked())


def test_as_of_leaves_out_what_came_later():
    """As of the 10th of January there is one order, and later months have not begun."""
    figures = booked(as_of=START + timedelta(days=9), over=Period.year(2026))
    assert [(row.period, row.exact) for row in figures] == [("2026-01", Money("10", "EUR"))]


def test_as_known_at_leaves_out_what_was_entered_later():
    """An order that was entered late was not known before; one without a time of recording was known as it happened."""
    late = attrs.evolve(ORDERS[0], id="late", recorded=START + timedelta(days=30))
    facts = facts_of([late, *ORDERS])
    known = [START + timedelta(days=29), START + timedelta(days=30)]
    assert [measure(facts, ["booked"], as_known_at=at)["booked"].exact.amount for at in known] == [10, 20]
    assert measure(facts_of(ORDERS), ["booked"], as_known_at=known[0])["booked"].exact.amount == 10


def test_versus_the_period_before():
    """The difference of two counts has MOVER limits; before the facts begin there is nothing to compare with."""
    facts = [Order(id=str(n), at=START + timedelta(days=n), customer=str(n), amount=Money(n, "EUR")) for n in range(50)]
    figures = measured(facts, named("new_customers").using(first="order"), versus="previous")
    first, second = figures
    assert (first.base, first.change) == (None, None)
    assert (second.base, second.change) == (first.value, second.value - first.value)
    assert second.change_low < second.change < second.change_high
    february = measured(facts, "booked", versus="previous", over=Period.month(2026, 2), every=None)
    assert [(row.period, row.change, row.change_low) for row in february] == [
        ("2026-02", sum(range(31, 50)) - sum(range(31)), None)
    ]


@attrs.frozen
class ShareOfEven(Metric):
    """A metric of our own: the share of orders over an even number of euros."""

    about = attrs.evolve(named("booked").about, key="even", en="Even", unit="share", within=(), absent="no data")

    def parts(self, view):
        """All orders, and the even ones."""
        from crmkit.metrics.kpi._ledgers import tallied

        all_rows = view.of("order", self.key)
        yield tallied(view, all_rows)
        yield tallied(view, all_rows[view.ledger(self.key).minor[all_rows] % 200 == 0], "even")

    def estimate(self, cells, level):
        """A proportion."""
        from crmkit.metrics._estimates import shares_of

        return shares_of(cells.sum("even"), cells.sum("n"), level)


def test_versus_a_group_is_newcombe_for_shares():
    """A metric of one's own; the difference of two proportions is Newcombe's hybrid score interval."""
    facts = [
        Order(id=f"{who}{n}", at=START, who=who, amount=Money(2 if n < even else 1, "EUR"))
        for who, even, size in (("wei", 8, 10), ("li", 3, 12))
        for n in range(size)
    ]
    figures = measured(facts, ShareOfEven(), by=["who"], versus={"who": "li"})
    wei = figures["even", "wei"]
    assert (wei.value, wei.base) == (0.8, 0.25)
    assert (wei.low, wei.high) == pytest.approx(wilson(8, 10))
    assert (wei.change_low, wei.change_high) == pytest.approx(newcombe(8, 10, 3, 12))
    with pytest.raises(NotFound, match="wie"):
        _ = measured(facts, ShareOfEven(), by=["who"], versus={"who": "wie"}).rows


def test_zero_of_zero_is_no_data():
    """A group without trials has no cell; one whose period has none shows no data, never 0."""
    from crmkit.metrics._estimates import rates_of, shares_of

    share = shares_of(np.array([0, 1]), np.array([0, 2]), 0.95)
    assert np.isnan([share.value[0], share.low[0], share.high[0]]).all()
    assert share.value[1] == 0.5
    rate = rates_of(np.array([0, 3]), np.array([0.0, 2.0]), 0.95)
    assert np.isnan([rate.value[0], rate.low[0], rate.high[0]]).all()
    assert rate.value[1] == 1.5


def rates():
    """A dollar is half a euro on the day of the third order."""
    return RateTable([Rate("USD", "EUR", date(2026, 2, 11), Decimal("0.5"))])


def test_currencies_are_converted_or_stay_apart():
    """With a currency and rates there is one sum, and what has no rate is counted, in no sum, and said."""
    facts = facts_of(ORDERS, currency="EUR", rates=rates())
    assert measure(facts, ["booked"])["booked"].exact == Money("45", "EUR")
    early = Order(id="4", at=START, amount=Money("8", "USD"))
    figures = measure(facts_of([*ORDERS, early], currency="EUR", rates=rates()), ["booked"])
    assert figures["booked"].exact == Money("45", "EUR")
    assert figures["booked"].n_unusable == 1
    assert "no rate USD/EUR" in str(figures.findings[0])
    with pytest.raises(InvalidValue, match="needs rates= to convert USD"):
        facts_of(ORDERS, currency="EUR")
    assert Facts(journal=deals(), currency="EUR").rates is None
    assert facts_of(ORDERS[:2], currency=Currency("EUR")).currency == Currency("EUR")


def test_amounts_of_deals_have_the_currency_of_their_column_or_of_the_facts():
    """In minor units; what has none is said to."""
    from crmkit.metrics.view import View

    def view(**how):
        figures = measure(Facts(ledger=Ledger.from_facts(ORDERS[:2]), **how), ["booked"])
        (seen,) = figures._recipe.views
        return seen

    journal = deals()
    at = journal.entered
    minor, unit, found = view(journal=journal, currency="EUR").worth("journal", np.arange(4), at, "x")
    assert (minor.tolist(), unit.decode(), found) == ([500, 500, 725, 725], ["EUR"] * 4, [])
    yen = attrs.evolve(journal, dims={"currency": journal.dims["region"].recode_by({"N": "JPY"})})
    minor, unit, found = view(journal=yen).worth("journal", np.arange(4), at, "x")
    assert (minor.tolist(), unit.decode()) == ([5, 5, 0, 0], ["JPY", "JPY", None, None])
    with pytest.raises(InvalidValue, match="without a currency"):
        view(journal=journal).worth("journal", np.arange(4), at, "x")
    with pytest.raises(InvalidValue, match="without amounts"):
        view(journal=attrs.evolve(journal, amount=None)).worth("journal", np.arange(4), at, "x")
    assert isinstance(view(journal=journal), View)


def test_figures_are_found_by_their_names():
    """By metric, group, period and unit, as far as needed; none and several are errors."""
    figures = booked(by=["who"])
    assert figures["booked", "wei", "2026-02", "USD"].exact == Money("30", "USD")
    with pytest.raises(NotFound, match="2026-03"):
        _ = figures["booked", "2026-03"]
    with pytest.raises(InvalidValue, match="is one of"):
        _ = figures["booked"]


def test_explain_gives_the_rows():
    """The rows of the ledger that are in a figure, and what was counted in words."""
    figures = booked(by=["who"])
    evidence = figures.explain(("booked", "li", "2026-02"))
    assert evidence.rows["amount"]["id"] == ["2"]
    assert evidence.rows["amount"]["amount"] == [Money("20", "EUR")]
    assert "Bookings [who li, 2026-02] = 20.00 EUR\n" in str(evidence)
    empty = next(row for row in figures if row.n == 0)
    assert figures.explain(empty).rows == {}


def test_explain_tells_stays_and_leaves_findings_aside():
    """The rows of a journal; a part that could not be used has its rows, too."""
    facts = Facts(ledger=Ledger.from_facts(ORDERS), journal=deals())
    figures = measure(facts, [named("win_rate").using(horizon_days=5), "new_customers", "booked"])
    assert figures["win_rate"].value == 0.5
    assert figures.explain("win_rate").rows["cases"]["case"] == ["D1", "D2"]
    early = measured(ORDERS, named("new_customers").using(first="order", history_days=9), every=None)
    assert early.explain("new_customers").rows["unusable"]["customer"] == ["Acme"]


def test_tables_frames_and_charts():
    """As text in two languages, as columns, as a frame, and as a chart: lines over periods, bars for one."""
    figures = booked(by=["who"])
    assert figures.to_text("zh").splitlines()[1].startswith("订单金额")
    assert list(figures.to_dict())[:4] == ["metric", "name", "who", "period"]
    assert figures.to_dict()["exact"][0] in ("10.00", "0.00", "20.00")
    assert len(figures.to_frame("polars")) == len(figures)
    assert "base" in booked(versus="previous").to_dict()
    compared = measured(ORDERS, named("new_customers").using(first="order"), versus="previous")
    assert "-" in str(compared).splitlines()[-1].split("(")[-1]
    assert [layer["mark"]["type"] for layer in figures.plot()["layer"]] == ["area", "line"]
    assert [layer["mark"] for layer in booked(every=None).plot("booked")["layer"]] == ["bar", "rule"]
    with pytest.raises(NotFound, match="booked"):
        figures.plot("bookd")
    assert (figures.plot()["title"], figures.plot(lang="zh")["title"]) == ("Bookings (EUR)", "订单金额（EUR）")
    shares = measured([Order(id="1", at=START, amount=Money(1, "EUR"))], "booked", every=None)
    assert {row["group"] for row in shares.plot(lang="zh")["data"]["values"]} == {"全部"}
    with pytest.raises(NotFound, match="de"):
        figures.plot(lang="de")
    assert measured([Invoice(id="1", at=START)], ShareOfEven()).plot()["title"] == ""
    assert str(measured([Invoice(id="1", at=START)], ShareOfEven())) == "(no rows)"


@given(rows("invoice"), st.integers(0, 25))
def test_parts_of_the_data_add_up(facts, where):
    """Figures of two parts, merged, are the figures of all, whatever the split; and explain looks into both."""
    end = START + timedelta(days=200)
    how = {"by": ["who"], "as_of": end, "over": Period.year(2026)}
    cut = min(where, len(facts))
    one, other, both = (measured(part, "invoiced", **how) for part in (facts[:cut], facts[cut:], facts))
    merged = one.merge(other)
    assert values(merged) == values(both)
    assert merged.states["invoiced"]["n"] == both.states["invoiced"]["n"]
    for row in both:
        assert len(merged.explain(row).rows.get("n", {"id": []})["id"]) == row.n


@given(rows("invoice"))
def test_how_parts_wait_to_be_counted_does_not_matter(facts):
    """Large parts are counted as they come, small ones together."""
    how = {"by": ["who"], "as_of": START + timedelta(days=200), "over": Period.year(2026)}
    keys = ("invoiced", "ageing", "dso")
    usual = [measured(facts, key, **how) for key in keys]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[measure.__module__], "_MANY", 0)
        for one, key in zip(usual, keys, strict=True):
            assert measured(facts, key, **how).states == one.states


def test_figures_of_other_questions_do_not_merge():
    """Other groups, other instants."""
    with pytest.raises(InvalidValue, match="cannot be merged"):
        booked().merge(booked(by=["who"]))
    with pytest.raises(InvalidValue, match="cannot be merged"):
        booked().merge(booked(as_of=START + timedelta(days=300)))


def test_a_count_as_a_ratio():
    """How many times as many as before, with the exact limits of R's poisson.test; what is no count is refused."""
    figures = measured(ORDERS, named("new_customers").using(first="order"), versus="previous")
    for row in figures:
        if row.base is None:
            with pytest.raises(InvalidValue, match="measure it with versus="):
                row.ratio()
            continue
        value, low, high = row.ratio()
        before, after = int(row.base), row.exact
        if before + after == 0:
            assert np.isnan(value)
        elif not before:
            assert (value, high) == (np.inf, np.inf)
        else:
            share = clopper_pearson(after, before + after)
            assert value == after / before
            assert (low, high) == pytest.approx(tuple(p / (1 - p) if p < 1 else np.inf for p in share))
        assert row.ratio(0.5)[1] >= low
    with pytest.raises(InvalidValue, match="is no count"):
        measured(ORDERS, "booked", versus="previous").rows[0].ratio()
