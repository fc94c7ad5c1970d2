"""Service times, against a loop over the stays of each ticket, in wall time and in working time."""

import gzip
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.calendars import BusinessCalendar
from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, decode_csv
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi._durations import bin_of, value_of
from crmkit.metrics.kpi.service import (
    FirstResponse,
    FirstWithin,
    NextResponse,
    ResolutionTime,
    ResolvedWithin,
)  # fmt: skip
from crmkit.metrics.measure import measure
from crmkit.metrics.survival import aalen_johansen, kaplan_meier

from .oracle import START

END = START + timedelta(days=20)
OFFICE = BusinessCalendar("office", tz="Europe/Berlin", week={"mon-fri": "09:00-12:30 13:15-17:00"})
STAGES = ["new", "working", "on hold", "won", "lost"]

ticket = st.tuples(
    st.integers(0, 5 * 1440),
    st.lists(st.tuples(st.integers(0, 2000), st.sampled_from(STAGES)), max_size=6),
)
tickets = st.lists(ticket, min_size=1, max_size=10)


def changes_of(listed):
    """(case, stage, instant) of each change."""
    for number, (minute, steps) in enumerate(listed):
        at = START + timedelta(minutes=minute)
        yield f"T{number}", "new", at
        for wait, stage in steps:
            at += timedelta(minutes=wait, seconds=7)
            yield f"T{number}", stage, at


def journal_of(listed):
    """A journal that was observed for twenty days."""
    cases, stages, at = zip(*changes_of(listed), strict=True)
    columns = {"t": cases, "s": stages, "at": at}
    return Journal.from_frame(columns, case="t", stage="s", at="at", stages=STAGES, as_of=END)


def stays_of(listed):
    """{case: [(stage, entered, left or None)]}."""
    made = defaultdict(list)
    for case, stage, at in changes_of(listed):
        if made[case]:
            made[case][-1][2] = at
        made[case].append([stage, at, None])
    return made


def minutes(start, end, hours):
    """Whole minutes, rounded up, by the calendar's own scalar function."""
    span = hours.elapsed(start, end) if hours else end - start
    return -(-span // timedelta(minutes=1))


def waited(listed, waiting, hours):
    """For each ticket its waits in order: (minutes, 0 open, 1 answered, 2 withdrawn)."""
    for stays in stays_of(listed).values():
        mine, began = [], None
        for stage, entered, left in stays:
            if stage in waiting and began is None:
                began = entered
            if stage not in waiting and began is not None:
                mine.append((minutes(began, entered, hours), 2 if stage == "lost" else 1))
                began = None
            if left is None and began is not None:
                mine.append((minutes(began, END, hours), 0))
        yield mine


def median_of(spans):
    """The quantile by Kaplan-Meier over the middles of bins, with its limits; None where there is none."""
    times = value_of(bin_of(np.array([span for span, _ in spans], np.int64)))
    found = kaplan_meier(times, np.array([how == 1 for _, how in spans])).quantile(0.5, 0.95, method="log-log")
    return [None if np.isnan(x) else pytest.approx(x) for x in (found.value, found.low, found.high)]


def figure(metric, listed, hours):
    """The figure of all tickets."""
    found = list(measure(Facts(service=journal_of(listed), hours=hours), [metric]))
    return found[0] if found else None


@given(tickets, st.sampled_from([(), ("new", "on hold")]), st.sampled_from([None, OFFICE]))
def test_responses_are_kaplan_meier_over_waits(listed, waiting, hours):
    """The first wait of each ticket, and each later one; stays that follow one another are one wait."""
    waits = list(waited(listed, waiting or ("new",), hours))
    for metric, spans in (
        (FirstResponse(waiting=waiting), [mine[0] for mine in waits]),
        (NextResponse(waiting=waiting), [span for mine in waits for span in mine[1:]]),
    ):
        row = figure(metric, listed, hours)
        if not spans:
            assert row is None
            continue
        assert (row.n, row.n_open) == (len(spans), sum(how == 0 for _, how in spans))
        assert [row.value, row.low, row.high] == median_of(spans)


@given(tickets, st.sampled_from([None, OFFICE]), st.sampled_from([30, 600]))
def test_shares_within_a_limit_are_aalen_johansen(listed, hours, limit):
    """Withdrawing is a competing end; where nobody was observed that long there is no data."""
    spans = [mine[0] for mine in waited(listed, ("new",), hours)]
    row = figure(FirstWithin(limit_minutes=limit), listed, hours)
    ages, how = (np.array(column, np.int64) for column in zip(*spans, strict=True))
    wanted = aalen_johansen(ages, how, causes=2).at(limit)[0]
    assert row.value is None if np.isnan(wanted) else row.value == pytest.approx(wanted, abs=1e-12)


def resolved(listed, paused, hours, policy):
    """For each ticket: (minutes without paused stays, 0 open, 1 resolved, 2 withdrawn)."""
    for stays in stays_of(listed).values():
        closings = [entered for stage, entered, _ in stays if stage in ("won", "lost")]
        end, how = None, 0
        if policy == "first" and closings:
            end = closings[0]
            how = next(1 if stage == "won" else 2 for stage, entered, _ in stays if stage in ("won", "lost"))
        if policy == "last" and stays[-1][0] in ("won", "lost"):
            end, how = stays[-1][1], 1 if stays[-1][0] == "won" else 2
        spent = timedelta()
        for stage, entered, left in stays:
            if stage not in paused and (end is None or entered < end):
                last = min(left or END, end or END)
                spent += hours.elapsed(entered, last) if hours else last - entered
        yield -(-spent // timedelta(minutes=1)), how


@given(
    tickets, st.sampled_from([(), ("on hold",)]), st.sampled_from([None, OFFICE]), st.sampled_from(["first", "last"])
)
def test_resolution_by_a_loop(listed, paused, hours, policy):
    """Paused stays do not count; a reopened ticket is open, or was resolved first, by policy."""
    spans = list(resolved(listed, paused, hours, policy))
    row = figure(ResolutionTime(paused=paused, reopened=policy), listed, hours)
    assert (row.n, row.n_open) == (len(spans), sum(how == 0 for _, how in spans))
    assert [row.value, row.low, row.high] == median_of(spans)
    share = figure(ResolvedWithin(paused=paused, reopened=policy, limit_minutes=400), listed, hours)
    ages, how = (np.array(column, np.int64) for column in zip(*spans, strict=True))
    wanted = aalen_johansen(ages, how, causes=2).at(400)[0]
    assert share.value is None if np.isnan(wanted) else share.value == pytest.approx(wanted, abs=1e-12)


@given(tickets, tickets)
def test_parts_of_the_tickets_add_up(one, other):
    """Tickets measured apart and merged."""

    def with_names(listed, prefix):
        cases, stages, at = zip(*changes_of(listed), strict=True)
        return [f"{prefix}{case}" for case in cases], list(stages), list(at)

    def journal(*columns):
        joined = {name: [value for part in columns for value in part[i]] for i, name in enumerate(("t", "s", "at"))}
        return Journal.from_frame(joined, case="t", stage="s", at="at", stages=STAGES, as_of=END)

    a, b = with_names(one, "a"), with_names(other, "b")
    metrics = ["first_response", "next_response", "first_response_within", "resolution_time", "resolved_within"]
    from crmkit.values import Period

    how = {"over": Period.month(2026, 1), "as_of": END}
    first, second, both = (measure(Facts(service=journal(*part)), metrics, **how) for part in ((a,), (b,), (a, b)))
    assert list(first.merge(second)) == list(both)


def test_a_night_is_no_wait():
    """A ticket of Friday 16:55 that is answered on Monday at 9:05 waited ten minutes of working time."""
    friday = datetime(2026, 1, 9, 15, 55, tzinfo=UTC)
    monday = datetime(2026, 1, 12, 8, 5, tzinfo=UTC)
    columns = {"t": ["1", "1"], "s": ["new", "working"], "at": [friday, monday]}
    journal = Journal.from_frame(columns, case="t", stage="s", at="at")
    assert measure(Facts(service=journal), ["first_response"])["first_response"].value == pytest.approx(3850, rel=4e-3)
    assert measure(Facts(service=journal, hours=OFFICE), ["first_response"])["first_response"].value == 10


def test_unanswered_tickets_are_not_left_out():
    """Two of three are never answered: the median is not that of the one that was."""
    columns = {"t": ["1", "1", "2", "3"], "s": ["new", "working", "new", "new"],
               "at": [START, START + timedelta(minutes=5), START, START]}  # fmt: skip
    journal = Journal.from_frame(columns, case="t", stage="s", at="at", as_of=END)
    row = measure(Facts(service=journal), ["first_response"])["first_response"]
    assert (row.value, row.n, row.n_open) == (None, 3, 2)
    assert measure(Facts(service=journal), ["first_response_within"])["first_response_within"].value == pytest.approx(
        1 / 3
    )


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=50))
def test_bins_ascend_and_are_near(ticks):
    """Exact up to 255 ticks, within 0.4 % beyond, and in the order of the ticks."""
    given_ = np.sort(np.array(ticks, np.int64))
    bins = bin_of(given_)
    assert (np.diff(bins) >= 0).all()
    near = value_of(bins)
    assert (near[given_ < 256] == given_[given_ < 256]).all()
    assert (np.abs(near - given_) <= given_ / 256).all()


def test_policies_and_stages_that_are_not_there():
    """With their names."""
    with pytest.raises(InvalidValue, match="reopened"):
        ResolutionTime(reopened="never")
    with pytest.raises(InvalidValue, match="limit_minutes"):
        FirstWithin(limit_minutes=0)
    with pytest.raises(NotFound, match="working"):
        figure(FirstResponse(waiting="worker"), [(0, [(5, "working")])], None)
    with pytest.raises(NotFound, match="on hold"):
        figure(ResolutionTime(paused="onhold"), [(0, [(5, "on hold")])], None)
    with pytest.raises(InvalidValue, match="service"):
        measure(Facts(), ["first_response"], as_of=END)


def test_real_incidents(shared):
    """An incident log: as many first waits as tickets, and the median wait is that of a loop over its rows."""
    path = next(shared("data", "service", "uci_incidents").glob("*.gz"))
    table = decode_csv(gzip.decompress(path.read_bytes()), name="uci")
    journal = Journal.from_frame(
        table, case="number", stage="incident_state", at="sys_updated_at", tz="UTC", dates="dmy", repeats="merge"
    )
    order = [*(name for name in journal.stages.values if name not in ("Resolved", "Closed")), "Resolved", "Closed"]
    row = measure(Facts(service=journal, service_stages=order), ["first_response"])["first_response"]
    first, ends = {}, {}
    for case, stage, entered, left, _, _ in journal.rows():
        start = first.setdefault(case, (stage, entered))
        if stage == start[0] and ends.get(case, entered) == entered:
            ends[case] = left
    spans = [
        (-(-(min(ends[case], journal.until) - at) // 60_000_000), int(ends[case] < 2**62))
        for case, (_, at) in first.items()
    ]
    assert row.n == len(first)
    assert row.value == median_of(spans)[0]
