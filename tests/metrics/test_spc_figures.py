"""Charts of figures: the kind that the numbers ask for, one a group, gaps seen, and what is unfinished left out."""

from datetime import UTC, datetime

import numpy as np
import pytest

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Ledger
from crmkit.metrics import measure, spc
from crmkit.metrics.facts import Facts
from crmkit.model import Complaint, Order
from crmkit.testing import simulate
from crmkit.values import Money, Period

START = datetime(2025, 1, 5, tzinfo=UTC)


def month(number):
    """The fifth of a month, counted from January 2025."""
    return datetime(2025 + number // 12, number % 12 + 1, 5, tzinfo=UTC)


def business(complaints, orders, who="wei"):
    """Orders and complaints, so many a month; None is a month without any."""
    facts = []
    for number, (few, many) in enumerate(zip(complaints, orders, strict=True)):
        facts += [
            Order(id=f"{who}{number}-{i}", at=month(number), customer="Acme", who=who, amount=Money("10", "EUR"))
            for i in range(many)
        ]
        facts += [Complaint(id=f"{who}c{number}-{i}", at=month(number), customer="Acme", who=who) for i in range(few)]
    return facts


COMPLAINTS = [2, 0, 3, 1, 2, 4, 0, 2, 1, 3, 2, 30]
ORDERS = [40, 30, 50, 0, 45, 60, 35, 40, 30, 55, 40, 50]
COMPLAINTS[3] = 0


def figures(metrics, facts=None, **how):
    """Figures by month of 2025."""
    known = Facts(ledger=Ledger.from_facts(facts or business(COMPLAINTS, ORDERS)), tz="UTC")
    how = {"over": Period.year(2025), "every": "month", "as_of": datetime(2026, 2, 1, tzinfo=UTC), **how}
    return measure(known, metrics, **how)


def test_a_rate_gets_a_u_chart():
    """Complaints by thousand orders: exposure from the orders, also of months without a complaint; none is no data."""
    charts = spc.chart(figures("complaint_rate"), baseline=11)
    chart = charts["complaint_rate"]
    assert chart.kind == "u"
    assert [row.n for row in chart if row.n is not None] == pytest.approx([many / 1000 for many in ORDERS if many])
    assert [row.label for row in chart if row.value is None] == ["2025-04"]
    assert [row.observed for row in chart] == [
        few if many else None for few, many in zip(COMPLAINTS, ORDERS, strict=True)
    ]
    assert chart.limits.centre == pytest.approx(1000 * sum(COMPLAINTS[:11]) / sum(ORDERS[:11]))
    ((group, finding),) = charts.findings
    assert group.why.startswith("events by exposure")
    assert finding.en.startswith("2025-12: beyond 3 sigma, above")
    assert chart.run_length().per_year == pytest.approx(12, rel=0.01)


def test_a_count_gets_a_c_chart_and_money_an_xmr_chart():
    """Each says why; several metrics have a chart each."""
    charts = spc.chart(figures(["complaints", "booked"]))
    assert [(row.metric, row.chart.kind) for row in charts] == [("complaints", "c"), ("booked", "xmr")]
    assert [row.value for row in charts["complaints"]] == COMPLAINTS
    assert [row.value for row in charts["booked", "EUR"]] == [10 * many for many in ORDERS]
    assert "a count of events" in charts.rows[0].why
    assert "a measurement" in charts.rows[1].why
    assert "计量值" in charts.to_text("zh")
    assert f"{charts.rows[1].title}: a measurement" in str(charts)


def test_a_share_gets_a_p_chart():
    """Of the accounts there are at the end of each month."""
    made = figures("untouched")
    charts = spc.chart(made)
    chart = charts["untouched"]
    assert chart.kind == "p"
    known = [row for row in made if row.value is not None]
    assert [(row.value, row.n) for row in chart if row.value is not None] == [(row.value, row.n) for row in known]


def test_a_share_that_allows_for_open_cases_gets_an_xmr_chart():
    """A win rate by Aalen and Johansen is no count of cases: a binomial would be too sure of it."""
    company = simulate(n=400, rng=np.random.default_rng(1))
    made = measure(Facts(journal=company.journal, stages=company.pipeline), "win_rate", every="month")
    (row,) = spc.chart(made)
    assert row.chart.kind == "xmr"
    assert row.unit == "share"
    with pytest.raises(InvalidValue, match=r"aalen-johansen.*is no proportion"):
        spc.chart(made, kind="p")


def test_each_group_has_its_chart():
    """Groups with too little data are named, not charted; a chart is found by its group."""
    facts = [*business(COMPLAINTS, ORDERS), *business([1] + [0] * 11, [0] * 12, who="li")]
    charts = spc.chart(figures("complaint_rate", facts, by="who"))
    assert [row.group for row in charts] == [{"who": "wei"}]
    assert [note.en for note in charts.notes] == ["Complaints per thousand, li: too little data for a chart."]
    assert "li: too little data" in str(charts)
    both = spc.chart(figures("complaints", facts, by="who"))
    assert both["complaints", "li"].limits.centre == pytest.approx(1 / 12)
    with pytest.raises(InvalidValue, match="one of 2; name its groups"):
        both["complaints"]
    with pytest.raises(NotFound, match="Complaints, li"):
        both["complaints", "chen"]


def test_what_is_not_over_is_no_data():
    """The month in which observation ends is seen, and not judged."""
    chart = spc.chart(figures("complaints", as_of=datetime(2025, 12, 20, tzinfo=UTC)))["complaints"]
    assert [row.value for row in chart] == [*COMPLAINTS[:11], None]
    assert not chart.findings


def test_the_period_before_is_no_point():
    """Figures that are compared with the period before have a chart of the same periods."""
    chart = spc.chart(figures("complaints", versus="previous"))["complaints"]
    assert [row.label for row in chart] == [f"2025-{number:02}" for number in range(1, 13)]


@pytest.mark.parametrize("kind", ["xmr", "c", "ewma"])
def test_another_chart_may_be_asked_for(kind):
    """If the figures are made for it."""
    charts = spc.chart(figures("complaints"), kind=kind, baseline=11)
    assert charts["complaints"].kind == kind
    assert (charts.rows[0].why == "as asked for") == (kind != "c")
    assert charts["complaints"].findings


def test_laney_of_rates_and_shares():
    """The same counts and sizes, with wider limits."""
    wide = spc.chart(figures("complaint_rate"), kind="laney u", baseline=11)["complaint_rate"]
    narrow = spc.chart(figures("complaint_rate"), baseline=11)["complaint_rate"]
    assert wide.limits.centre == narrow.limits.centre
    assert wide.rows[0].high != narrow.rows[0].high
    assert spc.chart(figures("untouched"), kind="np")["untouched"].kind == "np"


def test_limits_of_last_year():
    """Known limits judge a single period."""
    limits = spc.chart(figures("complaints"), baseline=11)["complaints"].limits
    one = figures("complaints", over=Period.month(2025, 12))
    chart = spc.chart(one, limits=limits)["complaints"]
    assert [row.rules for row in chart] == [("western electric 1",)]


def test_figures_without_periods_are_refused():
    """And a chart that figures are not made for, and one that does not exist."""
    with pytest.raises(InvalidValue, match="measure with every="):
        spc.chart(figures("complaints", every=None))
    with pytest.raises(InvalidValue, match=r"is no proportion, which a p chart is for; it would get one of kind 'c'"):
        spc.chart(figures("complaints"), kind="p")
    with pytest.raises(InvalidValue, match="are the periods of the figures"):
        spc.chart(figures("complaints"), labels=["a"])
    with pytest.raises(NotFound, match="laney"):
        spc.chart(figures("complaints"), kind="laney")


def test_charts_become_a_frame_and_a_picture():
    """All points with their groups, in three libraries; one picture."""
    vl_convert = pytest.importorskip("vl_convert")
    charts = spc.chart(figures(["complaints", "booked"], by="who"), baseline=11)
    frame = charts.to_frame("pandas")
    assert list(frame["metric"]) == ["complaints"] * 12 + ["booked"] * 12
    assert set(frame["who"]) == {"wei"}
    assert list(frame["label"][:2]) == ["2025-01", "2025-02"]
    assert {len(charts.to_frame(backend)) for backend in ("polars", "pyarrow")} == {24}
    assert vl_convert.vegalite_to_svg(charts.plot()).startswith("<svg")
    assert vl_convert.vegalite_to_svg(charts.plot("zh")).startswith("<svg")


def test_late_deliveries(shared):
    """Late lines of a public export by quarter, as the how-to page has them: in control until the third of 2009."""
    import pandas as pd

    path = shared("data", "sales", "usaid_scms", "SCMS_Delivery_History_Dataset.csv.gz")
    frame = pd.read_csv(path, sep="\t", lineterminator="\r", encoding="latin1")
    dates = ("Scheduled Delivery Date", "Delivered to Client Date")
    due, delivered = (pd.to_datetime(frame[name], errors="coerce", format="mixed") for name in dates)
    late = (delivered > due).groupby(due.dt.to_period("Q")).agg(["size", "sum"]).loc["2007Q2":"2010Q4"]
    assert late["size"].tolist() == [155, 232, 206, 280, 248, 296, 205, 262, 350, 286, 355, 252, 370, 329, 253]
    assert late["sum"].tolist() == [1, 4, 5, 6, 5, 2, 0, 1, 5, 18, 21, 20, 30, 55, 86]
    chart = spc.p_chart(late["sum"], late["size"], labels=map(str, late.index), baseline=9)
    assert [(one.first, one.last) for one in chart.findings] == [(9, 14)]
