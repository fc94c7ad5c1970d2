"""The cycle of conversion and the time in a stage, against estimators over single cases."""

import math
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from crmkit.calendars import BusinessCalendar
from crmkit.errors import InvalidValue
from crmkit.metrics import cycle_time, time_in_stage
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi._durations import quantiles_of
from crmkit.metrics.kpi.cycle import ConversionCycle, StageDuration
from crmkit.metrics.measure import measure
from crmkit.metrics.metric import UNUSABLE, Cells
from crmkit.metrics.states import Counts
from crmkit.metrics.survival import aalen_johansen

from .oracle import START
from .test_conversion import deals, journal_of, stays_of

OFF = {date(2026, 1, 1), date(2026, 2, 17), date(2026, 2, 18)}
WORK = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-17:00"}, holidays=sorted(OFF))


@given(deals)
def test_the_cycle_is_aalen_johansen_given_a_win(listed):
    """By person; open deals are censored, and no data where nobody was observed for the horizon and some last."""
    cells = {}
    for day, who, wait, after, more, end in listed:
        won, lost = after == "offer" and end == "won", after == "lost" or (after == "offer" and end == "lost")
        age = wait + more if after == "offer" else wait
        cells.setdefault(who, []).append((age, 1 if won else 2) if won or lost else (120 - day, 0))
    figures = measure(Facts(journal=journal_of(listed)), [ConversionCycle(horizon_days=65)], by=["who"])
    assert {row.group["who"] for row in figures} == set(cells)
    for row in figures:
        stays = [(min(age, 65), cause if age <= 65 else 0) for age, cause in cells[row.group["who"]]]
        ages, causes = zip(*stays, strict=True)
        estimate = aalen_johansen(np.array(ages), np.array(causes), causes=2)
        wanted = float(estimate.quantile_given(1, 0.5))
        unseen = math.isnan(estimate.at(65)[0])
        assert row.value is None if unseen or math.isnan(wanted) else row.value == pytest.approx(wanted)
        assert row.n == len(stays)
        assert row.value is None or row.low <= row.value <= row.high


def closed():
    """Thirty deals, two in three of them won, and one that is open."""
    made = [(day, "wei", day % 7, "offer", 3 + day % 11, "won" if day % 3 else "lost") for day in range(30)]
    return [*made, (0, "wei", 1, "offer", 0, "stays")]


def test_the_cycle_is_that_of_the_function():
    """Observed for the whole horizon, it is `cycle_time` with its limits; without a win there is none."""
    journal = journal_of(closed())
    (row,) = measure(Facts(journal=journal), [ConversionCycle(horizon_days=120)])
    wanted = cycle_time(journal)
    assert (row.value, row.low, row.high) == (wanted.median, wanted.low, wanted.high)
    assert (row.n, row.n_open) == (31, 1)
    lost = journal_of([(day, "wei", 3, "lost", 0, "stays") for day in range(5)])
    assert measure(Facts(journal=lost), ["conversion_cycle"])["conversion_cycle"].value is None


def test_a_band_that_never_gets_there_has_no_upper_limit():
    """One win says by when it came, and not by when others come."""
    listed = [
        (0, "wei", 3, "offer", 3, "won"),
        *[(0, "wei", 3, "lost", 0, "stays")] * 9,
        (0, "wei", 1, "offer", 0, "stays"),
    ]
    (row,) = measure(Facts(journal=journal_of(listed)), [ConversionCycle(horizon_days=100)])
    assert (row.value, row.high) == (6.0, math.inf)


@given(deals)
def test_time_in_stage_is_kaplan_meier(listed):
    """Each stay counts, the open ones as censored; minutes are grouped to 0.4 %."""
    journal = journal_of(listed)
    rows = {row.group["stage"]: row for row in measure(Facts(journal=journal), [StageDuration()])}
    single = {row.stage: row for row in time_in_stage(journal)}
    counted = {}
    for (case, stage, *_), (following, *_rest) in pairwise([*stays_of(listed), (None,)]):
        if stage in ("lead", "offer"):
            n, n_open = counted.get(stage, (0, 0))
            counted[stage] = n + 1, n_open + (following != case)
    assert {stage: (row.n, row.n_open) for stage, row in rows.items()} == counted
    for stage, row in rows.items():
        wanted = single[stage].median
        assert row.value is None if math.isnan(wanted) else row.value == pytest.approx(wanted, rel=0.005)


def test_parts_add_up_and_people_are_apart():
    """Halves of the deals merge to the whole; a person has the cycle of the own deals."""
    journal = journal_of(closed())
    half = journal.cases.codes % 2 == 0
    keys = [ConversionCycle(horizon_days=100), "stage_time"]
    whole, one, other = (
        measure(Facts(journal=part), keys, by=["who"], as_of=None, over=None)
        for part in (journal, journal[half], journal[~half])
    )
    assert len(whole) == 3
    assert list(one.merge(other)) == list(whole)


def test_what_is_no_share_is_refused():
    """A quantile lies between 0 and 1, a horizon is a day."""
    with pytest.raises(InvalidValue, match="between 0 and 1"):
        StageDuration(share=1.0)
    with pytest.raises(InvalidValue, match="below 1"):
        ConversionCycle(horizon_days=0)


def test_a_cell_in_which_nothing_could_be_used_has_no_data():
    """There is a figure, which says so; it rests on nothing."""
    nothing = Counts.from_table(("period", "end"), [])
    cells = Cells.of(
        {"stays": nothing, UNUSABLE: Counts.from_table(("period",), [("all", 0, 3)])}, ("period",), ("all",)
    )
    found = quantiles_of(cells, "stays", "left", 0.5, 0.95)
    assert (found.n.tolist(), np.isnan(found.value).tolist()) == ([0], [True])


def business_days(first, last):
    """How many business days come after a day, up to another: counted one by one; offsets in days from the start."""
    days = [(START + timedelta(days=day)).date() for day in range(first + 1, last + 1)]
    return sum(day.weekday() < 5 and day not in OFF for day in days)


@given(deals)
def test_the_cycle_in_business_days_counts_single_days(listed):
    """Ages, of open deals too, and the horizon are business days after that of the opening."""
    stays = []
    for day, _, wait, after, more, end in listed:
        won, lost = after == "offer" and end == "won", after == "lost" or (after == "offer" and end == "lost")
        closed = day + wait + (more if after == "offer" else 0) if won or lost else 120
        age = business_days(day, closed)
        stays.append((min(age, 60), (1 if won else 2) if (won or lost) and age <= 60 else 0))
    facts = Facts(journal=journal_of(listed), hours=WORK)
    (row,) = measure(facts, [ConversionCycle(horizon_days=60, days="business")])
    ages, causes = zip(*stays, strict=True)
    estimate = aalen_johansen(np.array(ages), np.array(causes), causes=2)
    wanted = float(estimate.quantile_given(1, 0.5))
    unseen = math.isnan(estimate.at(60)[0])
    assert row.value is None if unseen or math.isnan(wanted) else row.value == pytest.approx(wanted)


def test_a_stage_of_a_week_lasts_five_business_days():
    """A win rate of the same facts, and the cycle in calendar days, are what they are without business days."""
    listed = [(day, "wei", 7, "lost", 0, "stays") for day in (5, 12, 19)]
    facts = Facts(journal=journal_of(listed), hours=WORK)
    days = {kind: StageDuration(days=kind) for kind in ("calendar", "business")}
    assert {kind: measure(facts, [one])["stage_time", "lead"].value for kind, one in days.items()} == {
        "calendar": pytest.approx(7.0, rel=0.005), "business": 5.0
    }  # fmt: skip
    facts = Facts(journal=journal_of(closed()), hours=WORK)
    alone = measure(facts, [ConversionCycle(horizon_days=100)])["conversion_cycle"]
    business = ConversionCycle(horizon_days=70, days="business")
    (shorter,) = measure(facts, [business])
    assert measure(facts, [ConversionCycle(horizon_days=100), "win_rate"])["conversion_cycle"] == alone
    assert shorter.value < alone.value
    assert business.definition != ConversionCycle(horizon_days=70).definition


def test_business_days_need_a_calendar():
    """It is said how to give one, and which words there are."""
    facts = Facts(journal=journal_of(closed()))
    for metric in (ConversionCycle(days="business"), StageDuration(days="business")):
        with pytest.raises(InvalidValue, match=r"give Facts\(hours=...\)"):
            measure(facts, [metric])
    with pytest.raises(InvalidValue, match="is none of calendar, business"):
        StageDuration(days="working")
