"""The counters of a page: what a browser makes of them is what Python makes of the facts."""

import json

import pytest

from crmkit.journal import Journal
from crmkit.metrics import Facts, kpi, measure
from crmkit.report._filters import Asked, states
from crmkit.report._sources import Sources
from crmkit.values import FiscalCalendar, Period, from_micros

from . import pages
from .chromium import opened

#: Who, region, first and last month: by their places in the page's lists, None for all.
CHOICES = [
    (None, None, 0, 23), (0, None, 0, 23), (2, 1, 3, 20), (None, 2, 12, 17), (5, 0, 5, 5), (7, 2, 0, 11), (9, 1, 6, 23),
    (None, None, 23, 23),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What the page's script makes of each choice, in a real browser."""
    folder = tmp_path_factory.mktemp("page")
    script = f"""<script>const made = {json.dumps(CHOICES)}.map(([who, region, from, to]) =>
        crmkitReport.figures([who, region], from, to));
      const plain = (key, value) => typeof value === "number" && !Number.isFinite(value) ? null : value;
      document.title = JSON.stringify(made, plain);</script></body>"""
    path = folder / "page.html"
    path.write_text(pages.html().replace("</body>", script), encoding="utf-8")
    return opened(path.as_uri(), folder, "--dump-dom").told


def expected(place, key):
    """The same figure, made of the facts for the persons and months alone."""
    page, facts = pages.page(), pages.firm().facts
    known = facts if key != "searches_without_result" else Facts(ledger=_learnt())
    who, region, first, last = CHOICES[place]
    months, dims = page.states["months"], page.states["dims"]
    begin, end = (Period.of("month", *map(int, months[month].split("-"))) for month in (first, last))
    over = Period(begin.start, end.end, "chosen", FiscalCalendar())
    wanted = {
        dim["name"]: dim["values"][number]
        for dim, number in zip(dims, (who, region), strict=True)
        if number is not None
    }
    metric = kpi.named(key).using(horizon_days=90) if key == "win_rate" else kpi.named(key)
    moment = min(from_micros(facts.until()), from_micros(page.over.instants(_utc())[1]))
    found = measure(known, metric, by=tuple(wanted), over=over, as_of=moment)
    rows = [row for row in found if row.group == wanted]
    return rows[0] if rows else None


def _utc():
    from crmkit.values import zone

    return zone("UTC")


def _learnt():
    from crmkit.journal import Ledger

    return Ledger.from_facts(pages.firm().knowledge)


def test_there_are_counters_of_every_kind():
    """Shares, rates, counts, and a chance with open cases counted: each kind of estimator is on the page."""
    given = pages.page().states
    assert {one["kind"] for one in given["kpis"]} == {"share", "rate", "count", "incidence"}
    assert [dim["name"] for dim in given["dims"]] == ["who", "region"]
    assert len(given["months"]) == 24


@pytest.mark.parametrize("place", range(len(CHOICES)))
def test_the_browser_makes_the_figures_of_python(made, place):
    """Value, limits and n of every figure and every choice, to nine digits."""
    compared = 0
    for one in pages.page().states["kpis"]:
        if one["key"] == "searches_without_result" and CHOICES[place][:2] != (None, None):
            continue
        row = expected(place, one["key"])
        value, low, high, n = made[place][one["key"]][:4]
        if row is None or row.value is None:
            assert value is None or n == 0, (one["key"], value)
            continue
        assert [value, low, high] == pytest.approx([row.value, row.low, row.high], rel=1e-9, abs=1e-12), one["key"]
        assert n == row.n, one["key"]
        compared += 1
    assert compared >= 2


def test_what_does_not_add_up_is_not_offered():
    """No median, no stock, no money: a sum of those is no figure of the sum."""
    offered = {one["key"] for one in pages.page().states["kpis"]}
    assert not offered & {"first_response", "open_tickets", "receivables", "booked", "cycle_time"}


def test_facts_without_persons_have_no_counters():
    """Where nobody is named and no ledger is, the page offers no choice."""
    frame = {"c": ["a", "a"], "s": ["lead", "won"], "t": ["2026-01-01", "2026-02-01"]}
    facts = Facts(journal=Journal.from_frame(frame, case="c", stage="s", at="t"))
    assert states(facts, Period.quarter(2026, 1), ("region",)) == {}


def test_what_is_asked_is_two_years_at_most():
    """The months that are offered are whole, and end with the period."""
    facts = pages.firm().facts
    over = Sources.months(facts, Period.quarter(2025, 4))
    assert (str(over.start), str(over.end)) == ("2024-01-01", "2026-01-01")
    row = Asked(facts, over, ("who",)).measured(kpi.named("contacts")).rows[0]
    assert row.n > 0
