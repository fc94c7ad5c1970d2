"""Unresolved work, against a loop over the changes of each ticket; and on a log of real incidents."""

import gzip
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmkit.calendars import BusinessCalendar
from crmkit.errors import InvalidValue, NotFound
from crmkit.events import Moved, Opened
from crmkit.journal import Journal, decode_csv
from crmkit.metrics import conversion, signals
from crmkit.metrics.estimators import garwood
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi.backlog import BacklogAge, BacklogByLimit
from crmkit.metrics.measure import measure
from crmkit.values import Period

from .oracle import START

END = START + timedelta(days=20)
OVER = Period(START.date(), (START + timedelta(days=24)).date())
STAGES = ["new", "working", "on hold", "solved", "withdrawn"]
CLOSED = {"solved": "won", "withdrawn": "lost"}
DESK = SimpleNamespace(stages=[SimpleNamespace(name=name, outcome=CLOSED.get(name)) for name in STAGES])
OFFICE = BusinessCalendar("office", tz="UTC", week={"mon-fri": "09:00-12:30 13:15-17:00"})
FLOWS = ["open_tickets", "tickets_arrived", "tickets_left", "backlog_growth"]

ticket = st.tuples(
    st.integers(0, 18 * 1440),
    st.sampled_from(["high", "low"]),
    st.lists(st.tuples(st.integers(0, 4000), st.sampled_from(STAGES)), max_size=6),
)
tickets = st.lists(ticket, min_size=1, max_size=12)


def changes_of(listed):
    """{case: (urgency, [(stage, instant)])}, until observation ends."""
    made = {}
    for number, (minute, urgency, steps) in enumerate(listed):
        at = START + timedelta(minutes=minute)
        rows = [("new", at)]
        for wait, stage in steps:
            at += timedelta(minutes=wait, seconds=7)
            rows.append((stage, at))
        made[f"T{number}"] = urgency, [row for row in rows if row[1] <= END]
    return made


def facts_of(listed, **more):
    """The facts of tickets that were observed for twenty days."""
    rows = [(case, stage, at, urgency) for case, (urgency, steps) in changes_of(listed).items() for stage, at in steps]
    columns = dict(zip("tsau", map(list, zip(*rows, strict=True)), strict=True))
    journal = Journal.from_frame(columns, case="t", stage="s", at="a", dims=["u"], stages=STAGES, as_of=END)
    return Facts(service=journal, service_stages=DESK, **more)


def standing(listed, at):
    """The tickets that are open at an instant: (case, urgency, opened)."""
    for case, (urgency, steps) in changes_of(listed).items():
        now = [stage for stage, when in steps if when <= at]
        if now and now[-1] not in CLOSED:
            yield case, urgency, steps[0][1]


def flows(listed):
    """(urgency, instant, +1 or -1) of each coming and going."""
    for urgency, steps in changes_of(listed).values():
        before = True
        for stage, at in steps:
            closed = stage in CLOSED
            if closed != before:
                yield urgency, at, -1 if closed else 1
            before = closed


def day_ends():
    """(name, beginning, end) of each day, observation ending on the last."""
    for number in range(21):
        begin = START + timedelta(days=number)
        yield f"{begin:%Y-%m-%d}", begin, min(begin + timedelta(days=1, microseconds=-1), END)


def exact(figures, key, **group):
    """{(period, *within): number} of the figures of a group."""
    return {
        (row.period, *(v for k, v in row.group.items() if k not in group)): row.exact
        for row in figures if row.metric == key and all(row.group[k] == v for k, v in group.items()) and row.exact
    }  # fmt: skip


@given(tickets)
def test_stock_and_flow_are_those_of_a_loop(listed):
    """What is open as each day ends, what came and went on it, and by how much the backlog grew: exactly."""
    figures = measure(facts_of(listed), FLOWS, by=["u"], over=OVER, every="day")
    for urgency in {u for _, u, _ in listed}:
        stock = {
            (name,): n for name, _, end in day_ends()
            if (n := sum(u == urgency for _, u, _ in standing(listed, end)))
        }  # fmt: skip
        assert exact(figures, "open_tickets", u=urgency) == stock
        came, went = (
            Counter((f"{at:%Y-%m-%d}",) for u, at, way in flows(listed) if (u, way) == (urgency, sign))
            for sign in (1, -1)
        )
        assert exact(figures, "tickets_arrived", u=urgency) == came
        assert exact(figures, "tickets_left", u=urgency) == went
        grown = exact(figures, "backlog_growth", u=urgency)
        assert grown == {day: came[day] - went[day] for day in came | went if came[day] != went[day]}
        before = 0
        for name, _, _ in day_ends():
            before += grown.get((name,), 0)
            assert before == stock.get((name,), 0)


@given(tickets, st.lists(st.integers(1, 15), min_size=1, max_size=3, unique=True).map(sorted))
def test_ages_are_those_of_a_loop(listed, edges):
    """By band, and of the oldest."""
    figures = measure(facts_of(listed), [BacklogAge(edges_days=tuple(edges)), "oldest_ticket"], over=OVER, every="day")
    bands, most = Counter(), {}
    for name, _, end in day_ends():
        days = [(end - opened) // timedelta(days=1) for _, _, opened in standing(listed, end)]
        bands.update((name, sum(day >= edge for edge in edges)) for day in days)
        if days:
            most[name] = max(days)
    wide = len(str(edges[-1]))
    said = [f"{day:0{wide}d}" for day in (0, *edges)]
    names = [*(f"{a}-{b} days" for a, b in pairwise(said)), f"{said[-1]} days and more"]
    assert names == sorted(names)
    assert exact(figures, "backlog_age") == {(name, names[place]): n for (name, place), n in bands.items()}
    oldest = {row.period: row.exact for row in figures if row.metric == "oldest_ticket"}
    assert oldest == most


@given(tickets, st.sampled_from([None, OFFICE]), st.sampled_from([(), ("on hold",)]), st.integers(1, 3000))
def test_limits_are_those_of_a_loop(listed, hours, paused, limit):
    """Time in open stages, without the paused ones and the nights, as each day ends."""
    metric = BacklogByLimit(limit_minutes=limit, near=0.5, paused=paused)
    figures = measure(facts_of(listed, hours=hours), [metric], over=OVER, every="day")
    expected = Counter()
    for name, _, end in day_ends():
        for case, _, _ in standing(listed, end):
            steps = [step for step in changes_of(listed)[case][1] if step[1] <= end]
            used = timedelta(0)
            for (stage, begin), (_, left) in zip(steps, [*steps[1:], (None, end)], strict=True):
                if stage not in CLOSED and stage not in paused:
                    used += hours.elapsed(begin, left) if hours else left - begin
            whole = timedelta(minutes=limit)
            expected[name, "breached" if used > whole else "near" if used >= whole / 2 else "in time"] += 1
    assert exact(figures, "backlog_by_limit") == expected


def test_a_limit_is_kept_until_the_very_instant():
    """At its limit a ticket is near, and a microsecond later it is late."""
    opened = datetime(2026, 1, 5, 9, tzinfo=UTC)
    journal = Journal.from_frame({"t": ["1"], "s": ["new"], "a": [opened]}, case="t", stage="s", at="a", as_of=END)
    found = []
    for late in (timedelta(minutes=59), timedelta(minutes=60), timedelta(minutes=60, microseconds=1)):
        facts = Facts(service=journal, service_stages=DESK)
        metric = BacklogByLimit(limit_minutes=60, near=0.99)
        found += [row.group["clock"] for row in measure(facts, [metric], as_of=opened + late)]
    assert found == ["in time", "near", "breached"]


def test_growth_and_clearing_have_the_intervals_of_their_counts():
    """Ten came and four went in ten days; the six last fifteen days at the rate of four in ten, by Garwood's limits."""
    listed = [(60 * number, "low", [(2880, "solved")] if number < 4 else []) for number in range(10)]
    facts = facts_of(listed)
    over = Period(START.date(), (START + timedelta(days=10)).date())
    figures = measure(facts, ["backlog_growth", "days_to_clear"], over=over)
    grown, clear = figures["backlog_growth"], figures["days_to_clear"]
    low, high = garwood(4)
    came_low, came_high = garwood(10)
    assert (grown.exact, grown.n) == (6, 14)
    assert grown.low == pytest.approx(6 - np.hypot(10 - came_low, high - 4))
    assert grown.high == pytest.approx(6 + np.hypot(came_high - 10, 4 - low))
    assert (clear.value, clear.n, clear.n_open) == (pytest.approx(15.0), 4, 6)
    assert (clear.low, clear.high) == (pytest.approx(60 / high), pytest.approx(60 / low))


def test_growth_of_nothing_over_is_covered_by_its_interval():
    """With equal rates the limits hold nought in at least the share that they promise."""
    rng, held = np.random.default_rng(7), 0
    for _ in range(400):
        came, went = (int(n) for n in rng.poisson(12, 2))
        rows = [("new", START + timedelta(days=2))] * came
        cases = [f"c{number}" for number in range(came)]
        for number in range(went):
            rows += [("new", START), ("solved", START + timedelta(days=2))]
            cases += [f"g{number}", f"g{number}"]
        frame = {"t": cases, "s": [stage for stage, _ in rows], "a": [at for _, at in rows]}
        journal = Journal.from_frame(frame, case="t", stage="s", at="a", stages=STAGES, as_of=END)
        day = (START + timedelta(days=2)).date()
        over = Period(day, day + timedelta(days=1))
        row = measure(Facts(service=journal, service_stages=DESK), ["backlog_growth"], over=over)["backlog_growth"]
        held += row.low <= 0 <= row.high
    assert held / 400 >= 0.93


def test_nothing_that_left_is_no_rate():
    """Where nothing was closed the backlog has no time to clear; where nothing is open it is cleared at once."""
    open_only = measure(facts_of([(0, "low", [])]), ["days_to_clear"], over=OVER)["days_to_clear"]
    assert (open_only.value, open_only.n, open_only.n_open) == (None, 0, 1)
    done = measure(facts_of([(0, "low", [(9, "solved")])]), ["days_to_clear"], over=OVER)["days_to_clear"]
    assert (done.value, done.low, done.high) == (0.0, 0.0, 0.0)


def test_what_was_known_then():
    """A closing that was written down late was no closing to those who looked before."""
    day = timedelta(days=1)
    events = [
        Opened(id="1", case="T", at=START, recorded=START, stage="new"),
        Moved(
            id="2",
            case="T",
            at=START + day,
            recorded=START + 9 * day,
            move="solve",
            origin="new",
            entered=START,
            stage="solved",
        ),
    ]
    facts = Facts(service_events=events, service_stages=DESK)
    at = START + 5 * day
    known = measure(facts, ["open_tickets"], as_of=at, as_known_at=at)["open_tickets"].exact
    today = measure(facts, ["open_tickets", "tickets_left"], as_of=at, over=OVER)
    assert (known, today["open_tickets"].exact, today["tickets_left"].exact) == (1, 0, 1)


def test_a_hand_over_is_neither_a_coming_nor_a_going():
    """A stay that goes on in another open stage is one piece of being open, whoever has it."""
    frame = {
        "t": ["1", "1", "1"], "s": ["new", "working", "solved"], "w": ["wei", "li", "li"],
        "a": [START, START + timedelta(days=1), START + timedelta(days=2)],
    }  # fmt: skip
    journal = Journal.from_frame(frame, case="t", stage="s", at="a", who="w", stages=STAGES, as_of=END)
    figures = measure(Facts(service=journal, service_stages=DESK), FLOWS[1:3], by=["who"], over=OVER)
    assert exact(figures, "tickets_arrived", who="wei") == {("2026-01-01 .. 2026-01-25",): 1}
    assert exact(figures, "tickets_left", who="li") == {("2026-01-01 .. 2026-01-25",): 1}


def test_parts_of_the_tickets_add_up():
    """Measured apart and merged, or at once."""
    listed = [(977 * number % 9000, "high" if number % 3 else "low", [(1500 + 311 * number % 2900, "solved"), (700, "new")])
              for number in range(30)]  # fmt: skip
    keys = [*FLOWS, "backlog_age", "oldest_ticket", "backlog_by_limit", "days_to_clear"]
    asked = {"over": OVER, "every": "week", "as_of": END}
    whole = facts_of(listed)
    rows = whole.service
    codes = rows.cases.codes % 2 == 0
    halves = [Facts(service=rows[np.flatnonzero(mine)], service_stages=DESK) for mine in (codes, ~codes)]
    one, other = (measure(half, keys, **asked) for half in halves)
    assert str(one.merge(other)) == str(measure(whole, keys, **asked))


@pytest.mark.parametrize("edges", [(), (0, 1), (3, 3), (5, 2)])
def test_edges_ascend(edges):
    """Bands of ages need edges that part them."""
    with pytest.raises(InvalidValue, match="are not days from 1 on that ascend"):
        BacklogAge(edges_days=edges)


def test_what_cannot_be_measured_is_refused():
    """A stage that is not there, a share of the limit that is none, no tickets."""
    facts = facts_of([(0, "low", [])])
    with pytest.raises(NotFound, match="paused"):
        measure(facts, [BacklogByLimit(paused="paused")])
    with pytest.raises(InvalidValue, match="near"):
        BacklogByLimit(near=1.0)
    with pytest.raises(InvalidValue, match="have no service journal"):
        measure(Facts(journal=facts.service), ["open_tickets"])


def test_where_nothing_ends_a_ticket_it_is_said():
    """Names in a list that are not the usual ones leave all stages open; that is no silent thing."""
    journal = Journal.from_frame({"t": ["1"], "s": ["Resolved"], "a": [START]}, case="t", stage="s", at="a", as_of=END)
    figures = measure(Facts(service=journal), [*FLOWS, "backlog_age", "oldest_ticket", "days_to_clear"])
    assert [finding.example for finding in figures.findings] == ["Resolved"]
    assert "no stage ends a ticket" in figures.findings[0].reason


def test_real_incidents(shared):
    """The open incidents as of a day, by group, are those of a loop over the rows of the file; so is the net change."""
    path = next(shared("data", "service", "uci_incidents").glob("*.gz"))
    table = decode_csv(gzip.decompress(path.read_bytes()), name="uci")
    journal = Journal.from_frame(
        table, case="number", stage="incident_state", at="sys_updated_at", dims=["assignment_group", "priority"],
        tz="UTC", dates="dmy", repeats="merge",
    )  # fmt: skip
    closed = ("Resolved", "Closed")
    stages = [SimpleNamespace(name=name, outcome="won" if name in closed else None) for name in journal.stages.values]
    facts = Facts(service=journal, service_stages=SimpleNamespace(stages=stages))
    changes = {}
    text = gzip.decompress(path.read_bytes()).decode().splitlines()
    head = text[0].split(",")
    place = [head.index(name) for name in ("number", "incident_state", "sys_updated_at", "assignment_group")]
    for number, line in enumerate(text[1:]):
        case, stage, at, group = (line.split(",")[i] for i in place)
        moment = datetime.strptime(at, "%d-%m-%Y %H:%M").replace(tzinfo=ZoneInfo("UTC"))
        changes.setdefault(case, []).append((moment, number, stage, group))
    day = datetime(2016, 3, 16, tzinfo=UTC)
    expected = Counter()
    for rows in changes.values():
        seen = [row for row in sorted(rows) if row[0] < day]
        if seen and seen[-1][2] not in closed:
            # Rows of one state are one stay, whose group is that of its first row.
            stay = seen[::-1]
            kept = next((n for n, row in enumerate(stay) if row[2] != seen[-1][2]), len(stay))
            expected[stay[kept - 1][3]] += 1
    made = measure(facts, FLOWS, over=Period(day.date() - timedelta(days=7), day.date()), by=["assignment_group"])
    found = {row.group["assignment_group"]: row.exact for row in made if row.metric == "open_tickets" and row.exact}
    assert sum(found.values()) == sum(expected.values()) > 100
    assert {key or "?": n for key, n in found.items()} == dict(expected)
    weeks = measure(facts, FLOWS, over=Period(day.date() - timedelta(days=14), day.date()), every="week")
    stock = [row.exact for row in weeks if row.metric == "open_tickets"]
    growth = [row.exact for row in weeks if row.metric == "backlog_growth"]
    assert stock[-1] - stock[-2] == growth[-1]


def test_real_groups_differ(shared):
    """Who keeps the time limit, by group: the shares of a loop over the file, and a chi-square that is no chance."""
    path = next(shared("data", "service", "uci_incidents").glob("*.gz"))
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    head, last = lines[0].split(","), {}
    for line in lines[1:]:
        row = dict(zip(head, line.split(","), strict=True))
        last[row["number"]] = row
    known = [row for row in last.values() if row["assignment_group"] != "?"]
    frame = {name: [row[name] for row in known] for name in (*head[:1], "opened_at", "closed_at", "made_sla")}
    frame["group"] = [row["assignment_group"] for row in known]
    incidents = Journal.from_snapshot(
        frame, case="number", opened="opened_at", closed="closed_at", outcome="made_sla", won=["TRUE"], lost=["FALSE"],
        who="group", tz="UTC", dates="dmy",
    )  # fmt: skip
    rates = conversion(incidents)
    every = Counter(row["assignment_group"] for row in known)
    good = Counter(row["assignment_group"] for row in known if row["made_sla"] == "TRUE")
    assert {row.who: (row.entered, row.advanced) for row in rates if row.who} == {
        who: (n, good[who]) for who, n in every.items()
    }
    table = [[good[who], n - good[who]] for who, n in every.items()]
    assert stats.chi2_contingency(table).pvalue < 1e-20
    found = signals(rates)
    for call in found.calls:
        assert call.value == pytest.approx(good[call.who] / every[call.who])
        assert call.n == every[call.who]
    assert len(found.calls) >= 3
