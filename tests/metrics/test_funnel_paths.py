"""Ways through a funnel against a slow reading of each case, and against published truth tables."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import OPEN, Journal
from crmkit.metrics.funnel import Route, depth, funnel, paths, step_rates
from crmkit.metrics.survival import aalen_johansen
from crmkit.testing.simulate import sales_pipeline, simulate
from crmkit.values import Period

from ._charts import english, said

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
US = timedelta(microseconds=1)
STAGES = [*"ABCD", "won", "lost"]


def logged(*cases, until=None):
    """A journal of cases, each a list of (stage, day); a text is its letters, a day apart."""
    rows = [
        (f"case{i}", stage, START + day * DAY)
        for i, case in enumerate(cases)
        for stage, day in (zip(case, range(99), strict=False) if isinstance(case, str) else case)
    ]
    case, stage, at = (list(column) for column in zip(*rows, strict=True))
    as_of = None if until is None else START + until * DAY
    return Journal.from_frame({"c": case, "s": stage, "t": at}, case="c", stage="s", at="t", stages=STAGES, as_of=as_of)


@pytest.mark.parametrize(
    ("route", "levels"),
    [
        (Route(entry="furthest"), [3, 3, 3, 3, 3, 1]),
        (Route(entry="furthest", order="strict"), [3, 1, 3, 3, 2, 1]),
        (Route(entry="furthest", direct=("B", "C")), [3, 1, 3, 3, 2, 1]),
        (Route(entry="furthest", direct=("C",)), [3, 3, 3, 3, 2, 1]),
        (Route(entry="furthest", order="any"), [3, 3, 3, 3, 3, 3]),
        (Route(entry="furthest", skipped="backfill"), [3, 3, 3, 3, 3, 3]),
    ],
)
def test_the_table_of_clickhouse(route, levels):
    """The truth table of ClickHouse pull request 9773 for windowFunnel over A, B, C, with the modes that it lacks."""
    assert [
        *depth(logged("ABC", "ADBC", "AABBCC", "AAAABBCC", "AABBDCC", "BBCCAA"), "ABC", route=route).values()
    ] == levels


def test_the_examples_of_window_funnel_elsewhere():
    """StarRocks and Doris: A-B-C-B-D without repeats is 3, A-B-D-C in fixed order 2; one instant does not increase."""
    assert depth(logged("ABCBD"), "ABCD", route=Route(repeats="end")) == {"case0": 3}
    assert depth(logged("ABCBD"), "ABCD") == {"case0": 4}
    assert depth(logged("ABDC"), "ABCD", order="strict") == {"case0": 2}
    ties = logged([("A", 0), ("B", 0), ("C", 1)])
    assert depth(ties, "ABC") == {"case0": 3}
    assert depth(ties, "ABC", route=Route(ties="later")) == {"case0": 1}


# -- a slow reading


def read(stays, steps, start, stop, route):
    """One way from one start: (where each step was reached, when it was broken)."""
    begun = stays[start][1]
    limit = None if route.within is None else begun + route.within // DAY
    reached, at, broken = [start], start, None
    while len(reached) < len(steps) and broken is None:
        found = None
        for here in range(at + 1, stop):
            stage, day = stays[here]
            if stage == steps[len(reached)] and (route.ties == "sequence" or day > stays[at][1]):
                found = here
                break
            if route.repeats == "end" and stage in steps[: len(reached)]:
                broken = day
                break
            if route.is_direct(steps[len(reached)]) and stage != steps[len(reached) - 1]:
                broken = day
                break
        if found is None or (limit is not None and stays[found][1] > limit):
            if found is not None and route.is_direct(steps[len(reached)]):
                broken = stays[found][1]
            break
        reached.append(found)
        at = found
    return reached, broken


def slow(stays, steps, until, route):
    """All ways of one case: (days of the steps, the day it ended or None while it may go on)."""
    starts = [i for i, (stage, _) in enumerate(stays) if stage == steps[0]]
    if not starts:
        return []
    bounds = [*starts[1:], len(stays)] if route.entry == "each visit" else [len(stays)] * len(starts)
    ways = [(*read(stays, steps, start, stop, route), stop) for start, stop in zip(starts, bounds, strict=True)]
    if route.entry == "first":
        ways = ways[:1]
    if route.entry == "furthest":
        ways = [max(ways, key=lambda way: (len(way[0]), -way[0][0]))]
    closed = stays[-1][1] if stays[-1][0] in ("won", "lost") else None
    made = []
    for reached, broken, stop in ways:
        days = [stays[i][1] for i in reached]
        ends = [broken, closed, None if route.within is None else days[0] + route.within // DAY]
        if stop < len(stays):
            ends.append(stays[stop][1])
        known = [max(end, days[-1]) for end in ends if end is not None and end <= until]
        made.append((days, min(known) if known and len(days) < len(steps) else None))
    return made


CASES = st.lists(
    st.lists(st.tuples(st.sampled_from(STAGES), st.integers(0, 2)), min_size=1, max_size=8), min_size=1, max_size=5
)
ROUTES = st.builds(
    Route, order=st.sampled_from(["loose", "strict"]), within=st.sampled_from([None, DAY, 3 * DAY]),
    entry=st.sampled_from(["first", "furthest", "each visit"]), ties=st.sampled_from(["sequence", "later"]),
    repeats=st.sampled_from(["ignored", "end"]), direct=st.sampled_from([(), ("C",)]),
)  # fmt: skip


def spaced(cases):
    """Cases whose stays come some days after one another; what repeats itself at one instant is one event."""
    made = []
    for case in cases:
        day, stays = 0, []
        for stage, gap in case:
            day += gap
            if not stays or stays[-1] != (stage, day):
                stays.append((stage, day))
        made.append(stays)
    return made


@settings(max_examples=400, deadline=None)
@given(CASES, ROUTES, st.integers(0, 3))
def test_ways_against_a_slow_reading(cases, route, later):
    """Times, levels and ends of all ways are those of reading each case stay by stay, whatever the route."""
    cases, steps = spaced(cases), ["A", "B", "C", "won"]
    until = max(day for case in cases for _, day in case) + later
    ways = paths(logged(*cases, until=until), steps, route=route)
    expected = [way for case in cases for way in slow(case, steps, until, route)]
    assert [*ways.level] == [len(days) for days, _ in expected]
    for i, (days, end) in enumerate(expected):
        assert [(START + day * DAY - datetime(1970, 1, 1, tzinfo=UTC)) // US for day in days] == ways.at[
            i, : len(days)
        ].tolist()
        gone = OPEN if end is None else (START + end * DAY - datetime(1970, 1, 1, tzinfo=UTC)) // US
        assert ways.ended[i] == gone
        assert ways.open[i] == (end is None and len(days) < len(steps))


@settings(deadline=None)
@given(CASES, st.sampled_from([None, 2 * DAY]), st.sampled_from(["first", "furthest"]))
def test_any_order_against_a_slow_reading(cases, within, entry):
    """In any order: the best (or first) window of distinct steps, in the order of their times."""
    cases, steps = spaced(cases), ["A", "B", "C"]
    found = depth(logged(*cases), steps, route=Route(order="any", within=within, entry=entry))
    for i, case in enumerate(cases):
        starts = [day for stage, day in case if stage in steps]
        places = [k for k, (stage, _) in enumerate(case) if stage in steps]
        seen = [
            len(
                {
                    stage
                    for stage, day in case[place:]
                    if stage in steps and (within is None or (day - start) * DAY <= within)
                }
            )
            for start, place in zip(starts, places, strict=True)
        ]
        assert found[f"case{i}"] == (0 if not seen else seen[0] if entry == "first" else max(seen))


@given(CASES)
def test_backfilled_steps_are_marked(cases):
    """With skipped steps filled in, a way's level is its furthest step, and what was not visited first is marked."""
    cases, steps = spaced(cases), ["A", "B", "C"]
    ways = paths(logged(*cases), steps, route=Route(skipped="backfill"))
    visited = [[stage for stage, _ in case if stage in steps] for case in cases]
    assert [*ways.level] == [max(steps.index(stage) for stage in case) + 1 for case in visited if case]
    for i, case in enumerate(one for one in visited if one):
        for k in range(ways.level[i]):
            own = case.index(steps[k]) if steps[k] in case else 99
            deeper = min(case.index(step) if step in case else 99 for step in steps[k:])
            assert ways.filled[i, k] == (own > deeper)


# -- rates


def test_open_cases_are_no_drop_offs():
    """Of ten leads in the window three came on, five were lost, two may still come: the chance is neither 3/10 nor 3/8."""
    cases = [[("A", 0), ("B", 2)]] * 3 + [[("A", 0), ("lost", 4)]] * 5 + [[("A", 3)]] * 2
    rates = step_rates(logged(*cases, until=6), ["A", "B"])
    first, second = rates
    assert (first.n, first.overall, first.complete) == (10, 1.0, False)
    assert (second.n, second.reached, second.dropped, second.open) == (10, 3, 5, 2)
    # All ten are at risk on day 2; the censored two left before the losses on day 4.
    assert second.value == pytest.approx(0.3)
    assert second.median == 2.0
    assert second.method.startswith("aalen-johansen")
    later = step_rates(logged(*cases, until=6), ["A", "B"], route=Route(within=3 * DAY)).rows[1]
    assert (later.dropped, later.open, later.method) == (7, 0, "wilson")
    assert later.complete


def test_rates_of_a_cohort_are_aalen_johansen():
    """Value and overall are the estimates from the ways' own times, and the median is of the same ones."""
    journal = simulate(n=800, rng=np.random.default_rng(4)).journal
    steps = ["lead", "qualified", "proposal", "won"]
    ways, rates = paths(journal, steps), step_rates(journal, steps)
    for k in (1, 2, 3):
        mine = ways.level >= k
        at, ended = ways.at[mine], np.minimum(ways.ended[mine], journal.until)
        there = ways.level[mine] > k
        cause = np.where(there, 1, np.where(ways.ended[mine] != OPEN, 2, 0))
        estimate = aalen_johansen(np.where(there, at[:, k], ended) - at[:, k - 1], cause, causes=2)
        assert rates.rows[k].value == pytest.approx(estimate.cif[0, -1])
        assert rates.rows[k].median == pytest.approx(estimate.quantile_given(1, 0.5) / 86.4e9)
        assert rates.rows[k].n == rates.rows[k].reached + rates.rows[k].dropped + rates.rows[k].open
    assert rates.rows[3].overall <= rates.rows[2].overall <= rates.rows[1].overall


def test_rates_find_the_truth():
    """In a simulated company the chance to get from the first stage to the second is within its limits, in both views."""
    simulated = simulate(n=4000, rng=np.random.default_rng(2))
    for more in ({}, {"view": "period", "over": Period.quarter(2025, 3)}):
        rate = step_rates(simulated.journal, ["lead", "qualified"], stages=sales_pipeline(), **more).rows[1]
        assert rate.low < simulated.truth.chances["lead"]["qualified"] < rate.high
        assert rate.n > 500
        assert rate.high - rate.low < 0.15


def test_groups_and_cohorts_are_partitions():
    """Ways of groups add up to all, ways of cohorts too, and the last cohort is not complete."""
    journal = simulate(n=600, rng=np.random.default_rng(8), people={"wei": 1, "ana": 2}, days=350).journal
    by = step_rates(journal, ["lead", "won"], by="who")
    assert [row.group for row in by] == [None, None, "ana", "ana", "wei", "wei"]
    assert by.rows[0].n == by.rows[2].n + by.rows[4].n == 600
    cohorts = step_rates(journal, ["lead", "won"], every="month").rows[::2]
    assert sum(row.n for row in cohorts) == 600
    assert not cohorts[-1].complete
    view = step_rates(journal, ["lead", "won"], view="period", every="month")
    assert sum(row.reached for row in view.rows[1::2]) == by.rows[1].reached
    assert [row.complete for row in view.rows[1::2]][-2:] == [True, False]
    assert any("delayed entry" in row.method for row in view)


def test_the_instant_a_period_begins_belongs_to_it():
    """A step at midnight is counted in the period that begins then, and in no other."""
    journal = logged([("A", 0), ("B", 31)], [("A", 40), ("lost", 45)])
    rows = step_rates(journal, ["A", "B"], view="period", over=Period.year(2026), every="month").rows[1::2]
    assert [row.reached for row in rows] == [0, 1, *[0] * 10]
    assert [row.n for row in rows] == [1, 2, *[0] * 10]
    assert step_rates(journal, ["A", "B"], view="period").rows[1].reached == 1


def test_skips_and_names():
    """A skipped step is told; in any order steps have no names; a group without a name has one; won stages are one."""
    journal = logged([("A", 0), ("C", 1), ("D", 2)], [("A", 0), ("B", 1)])
    assert [row.skipped for row in step_rates(journal, ["A", "B", "C"])] == [0, 1, 0]
    assert [row.step for row in step_rates(journal, ["A", "B"], route=Route(order="any"))] == ["1 of 2", "2 of 2"]
    assert {row.group for row in step_rates(journal, ["A"], by="who")} == {None, "(unknown)"}
    assert {row.group for row in step_rates(journal, ["B"], by="stage")} == {None, "B"}
    filled = step_rates(journal, ["A", "B", "C"], route=Route(skipped="backfill"))
    assert [(row.reached, row.filled) for row in filled] == [(2, 0), (2, 1), (1, 0)]
    assert [row.step for row in step_rates(journal)] == ["A", "B", "C", "D", "won"]
    two = step_rates(journal, won=["C", "D", "won"], lost=["lost"])
    assert [(row.step, row.reached) for row in two] == [("A", 2), ("B", 1), ("won", 0)]
    assert two.rows[1].skipped == 1


def test_what_makes_no_sense_is_refused():
    """Contradictory routes, steps that are no stages, and repeated ones."""
    for wrong in (
        {"order": "any", "direct": ("B",)}, {"order": "any", "entry": "each visit"}, {"order": "any", "ties": "later"},
        {"order": "any", "repeats": "end"}, {"order": "strict", "skipped": "backfill"}, {"within": timedelta(0)},
    ):  # fmt: skip
        with pytest.raises(InvalidValue):
            Route(**wrong)
    journal = logged("ABC")
    for steps in ([], ["A", "A"]):
        with pytest.raises(InvalidValue, match="are no steps"):
            paths(journal, steps)
    with pytest.raises(NotFound, match="did you mean"):
        paths(journal, ["A", "lst"])
    with pytest.raises(NotFound, match="step"):
        paths(journal, ["A", "B"], route=Route(direct=("C",)))


def test_nobody_began():
    """Without a way there is no data, not nought."""
    rates = step_rates(logged("BC"), ["A", "B"])
    assert [(row.n, row.method) for row in rates] == [(0, "count"), (0, "no data")]
    assert all(np.isnan(row.overall) for row in rates)
    assert not len(step_rates(logged("BC"), ["A", "B"], every="month"))
    assert depth(logged("BC")[:0], ["A", "B"]) == {}


def test_results_become_frames_and_charts():
    """Rates and ways are frames, and the chart compiles."""
    vl_convert = pytest.importorskip("vl_convert")
    journal = logged("ABC", "AB", "A")
    assert paths(journal, "ABC").to_frame("polars")["level"].to_list() == [3, 2, 1]
    rates = step_rates(journal, "ABC", by="who")
    assert {len(rates.to_frame(backend)) for backend in ("pandas", "polars", "pyarrow")} == {6}
    for spec in (rates.plot(), rates.plot("zh"), funnel(journal, stages=STAGES[:4]).plot()):
        assert vl_convert.vegalite_to_svg(spec).startswith("<svg")
    assert {"funnel", "share of ways", "all", "(unknown)"} <= said(rates.plot(), "group", "period")
    assert not english(rates.plot("zh"), "group", "period")
    with pytest.raises(NotFound, match="language"):
        rates.plot("fr")
    assert funnel(journal, stages=STAGES[:4]).plot("zh")["title"] == "漏斗"


def test_ways_print_as_a_table():
    """One line a way: how far it came, whether more may come, and when; a dash for what did not come."""
    lines = str(paths(logged("ABC", "AB"), "ABC")).splitlines()
    assert lines[0].split() == ["case", "level", "open", "A", "B", "C"]
    assert lines[2].split()[:3] == ["case1", "2", "True"]
    assert lines[2].endswith("-")
    assert str(paths(logged("BC"), "ABC")) == "(no rows)"


def test_bpic(shared):
    """A public log of loan applications: steps on one instant and rework; levels are those of the slow reading."""
    import pandas as pd

    frame = pd.read_csv(next(shared("data", "sales", "bpic2012").glob("*.csv.gz")))
    case, stage, at = "case", "concept:name", "time:timestamp"
    frame = frame[frame[stage].str.startswith("A_")]
    journal = Journal.from_frame(frame, case=case, stage=stage, at=at, tz="UTC")
    steps = ["A_SUBMITTED", "A_PARTLYSUBMITTED", "A_PREACCEPTED", "A_ACCEPTED", "A_APPROVED"]
    rates = step_rates(journal, steps, won=["A_APPROVED"], lost=["A_DECLINED", "A_CANCELLED"])
    reached = [row.reached for row in rates]
    assert reached[0] == frame[case].nunique()
    assert all(one >= other for one, other in pairwise(reached))
    assert rates.rows[1].overall == 1.0
    assert reached[3] == (frame.groupby(case)[stage].agg(set).map(set(steps[:4]).issubset)).sum()
