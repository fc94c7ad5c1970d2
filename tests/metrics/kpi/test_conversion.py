"""Win rate and stage conversion, against the estimators over single cases."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.journal import Journal
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi.conversion import StageConversion, WinRate
from crmkit.metrics.measure import measure
from crmkit.metrics.survival import aalen_johansen
from crmkit.values import Period

from .oracle import START

END = START + timedelta(days=120)
# A deal: day of opening, who, days in "lead", then how it goes on, days until the end, and the end, by day 120.
deals = st.lists(
    st.tuples(
        st.integers(0, 40), st.sampled_from(["wei", "li"]), st.integers(0, 40),
        st.sampled_from(["stays", "offer", "lost"]), st.integers(0, 40), st.sampled_from(["stays", "won", "lost", "lead"]),
    ),
    min_size=1, max_size=20,
)  # fmt: skip


def stays_of(listed):
    """The stage changes of deals, as columns."""
    events = []
    for number, (day, who, wait, after, more, end) in enumerate(listed):
        events.append((f"D{number}", "lead", day, who))
        if after != "stays":
            events.append((f"D{number}", after, day + wait, who))
        if after == "offer" and end != "stays":
            events.append((f"D{number}", end, day + wait + more, who))
    return events


def journal_of(listed):
    """A journal that was observed until day 120."""
    cases, stages, days, who = zip(*stays_of(listed), strict=True)
    at = [START + timedelta(days=day) for day in days]
    columns = {"d": list(cases), "s": list(stages), "at": at, "who": list(who)}
    names = ["lead", "offer", "won", "lost"]
    return Journal.from_frame(columns, case="d", stage="s", at="at", who="who", stages=names, as_of=END)


def expected(ages, causes, horizon, kinds):
    """The estimate at the horizon over single stays; None where they were not observed so long."""
    estimate = aalen_johansen(np.array(ages), np.array(causes), causes=kinds)
    value = estimate.at(horizon)[0]
    return None if np.isnan(value) else value


@given(deals)
def test_win_rate_is_aalen_johansen_over_deals(listed):
    """By the person and month of the opening; no data where no deal was observed for the horizon and some last."""
    cells = {}
    for day, who, wait, after, more, end in listed:
        # A deal that went back to "lead" is open again.
        won, lost = after == "offer" and end == "won", after == "lost" or (after == "offer" and end == "lost")
        age = wait + more if after == "offer" else wait
        key = (who, f"{START + timedelta(days=day):%Y-%m}")
        cells.setdefault(key, []).append((age, 1 if won else 2) if won or lost else (120 - day, 0))
    figures = measure(Facts(journal=journal_of(listed)), [WinRate(horizon_days=70)], by=["who"], every="month")
    assert {(row.group["who"], row.period) for row in figures} == set(cells)
    for row in figures:
        stays = cells[row.group["who"], row.period]
        ages, causes = zip(*stays, strict=True)
        wanted = expected(ages, causes, 70, 2)
        assert (row.n, row.n_open) == (len(stays), causes.count(0))
        assert row.value is None if wanted is None else row.value == pytest.approx(wanted, abs=1e-12)
        assert row.value is None or row.low <= row.value <= row.high


@given(deals)
def test_stage_conversion_is_aalen_johansen_over_stays(listed):
    """Each stay in an open stage, also that of a deal that came back; advancing competes with losing and going back."""
    cells = {}
    changes = [*stays_of(listed), (None, None, None, None)]
    for (case, stage, day, _), (following, then, left, _) in pairwise(changes):
        if stage in ("lead", "offer"):
            cause = {"offer": 1, "won": 1, "lost": 2, "lead": 3}[then] if following == case else 0
            cells.setdefault(stage, []).append((left - day if cause else 120 - day, cause))
    figures = measure(Facts(journal=journal_of(listed)), [StageConversion(horizon_days=60)])
    assert {row.group["stage"] for row in figures} == set(cells)
    for row in figures:
        ages, causes = zip(*cells[row.group["stage"]], strict=True)
        wanted = expected(ages, causes, 60, 3)
        assert (row.n, row.n_open) == (len(ages), causes.count(0))
        assert row.value is None if wanted is None else row.value == pytest.approx(wanted, abs=1e-12)


def test_a_young_cohort_has_no_data_yet():
    """Two deals of 20 days ago say nothing of 90 days, though one is won; the table says so."""
    listed = [(100, "wei", 2, "offer", 3, "won"), (100, "wei", 2, "stays", 0, "stays")]
    figures = measure(Facts(journal=journal_of(listed)), ["win_rate"])
    (row,) = figures
    assert (row.value, row.low, row.n, row.n_open) == (None, None, 2, 1)
    assert "no data" in str(figures)


def test_deals_outside_the_period_are_not_counted():
    """And a period in which nothing was opened has no cell."""
    figures = measure(
        Facts(journal=journal_of([(0, "wei", 2, "lost", 0, "won")])), ["win_rate"], over=Period.month(2026, 2)
    )
    assert len(figures) == 0


def test_maven_wins(shared):
    """8,800 deals of a real-looking export: the closed ones and the open ones are all there."""
    path = shared("data", "sales", "maven_crm", "sales_pipeline.csv")
    journal = Journal.from_snapshot(
        _table(path), case="opportunity_id", opened="engage_date", closed="close_date", outcome="deal_stage",
        who="sales_agent", tz="UTC",
    )  # fmt: skip
    (row,) = measure(Facts(journal=journal), [WinRate(horizon_days=138)])
    assert row.n == 8300
    assert row.n_open == 1589
    assert row.value == pytest.approx(0.52, abs=0.005)


def _table(path):
    from crmkit.journal import decode_csv

    return decode_csv(path.read_bytes(), name="sales_pipeline.csv")


def test_the_journal_is_needed():
    """Without stays there are no rates."""
    with pytest.raises(InvalidValue, match="have no journal journal"):
        measure(Facts(), ["win_rate"], over=Period.year(2026), as_of=END)


def test_both_rates_together_are_each_alone():
    """A figure does not hang on which others are asked for."""
    facts = Facts(journal=journal_of([(3, "wei", 2, "offer", 3, "won"), (4, "li", 2, "lost", 0, "stays")]))
    both = measure(facts, ["win_rate", "stage_conversion"])
    assert list(both) == [*measure(facts, ["win_rate"]), *measure(facts, ["stage_conversion"])]


def test_horizons_below_a_day_are_refused():
    """A horizon is at least a day."""
    with pytest.raises(InvalidValue, match="below 1 day"):
        WinRate(horizon_days=0)
