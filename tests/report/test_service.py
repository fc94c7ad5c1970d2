"""The desk in the morning: counts by a loop over the cases, people, what is not known, in both languages."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from crmkit.calendars import BusinessCalendar
from crmkit.errors import NotFound
from crmkit.events import Event
from crmkit.pipeline import Clock, Pipeline, Stage
from crmkit.pipeline.staffing import Job, Worker
from crmkit.report.service import morning

OFFICE = BusinessCalendar("office", tz="UTC", week={"mon-sun": "08:00-18:00"})
DESK = Pipeline(
    "ticket",
    [Stage("new"), Stage("working", requires=["group"]), Stage("solved", "won"), Stage("withdrawn", "lost")],
    clocks=[Clock("solution", "20 business hours", stop='stage = "solved" or stage = "withdrawn"')],
)
NOW = datetime(2026, 3, 31, 9, tzinfo=UTC)


def facts():
    """Sixty tickets, four a day but one, the older ones closed after a day or two."""
    found = []
    for number in range(60):
        at = NOW - timedelta(days=32) + timedelta(hours=12.5 * number)
        step = DESK.open(
            f"T-{number:02d}", at=at, who="li", customer="Acme" if number % 2 else "Beta",
            fields={"priority": "P1"} if number % 3 == 0 else {"priority": "P2"} if number % 3 == 1 else {},
        )  # fmt: skip
        found += step.events
        done = at + timedelta(days=1 + number % 2)
        if done < NOW and number % 7:
            step = DESK.move(step.case, "working", at=done - timedelta(hours=6), who="wei", group="second")
            found += step.events
            found += DESK.move(step.case, "withdrawn" if number % 10 == 1 else "solved", at=done, who="wei").events
    return found


def standing(events):
    """{case: (opened, fields)} of the open ones."""
    opened, closed = {}, set()
    for event in events:
        if event.type == "Opened":
            opened[event.case] = event.at
        elif event.stage in ("solved", "withdrawn"):
            closed.add(event.case)
    return {case: at for case, at in opened.items() if case not in closed}


@pytest.fixture
def made():
    """The desk on the last day of March."""
    workers = [Worker("li", OFFICE, skills={"net"}), Worker("wei", OFFICE, at_once=1)]
    jobs = [
        Job("T-56", timedelta(hours=3), who="wei"), Job("T-00", timedelta(hours=2), needs={"net"}),
        Job("T-07", timedelta(hours=1), needs={"phone"}), Job("T-14", timedelta(hours=900), who="li", due=NOW),
    ]  # fmt: skip
    return morning(DESK, facts(), now=NOW, calendars=OFFICE, by="priority", workers=workers, jobs=jobs)


def test_counts_are_those_of_a_loop(made):
    """How many are open, by urgency and age, late, nearly and in time; what came and went in seven days."""
    events = facts()
    still = standing(events)
    assert {one.issue.case for one in made.tickets} == set(still)
    table = {}
    for case, at in still.items():
        number = int(case[2:])
        urgency = ("P1", "P2", None)[number % 3]
        band = sum((NOW - at) / timedelta(days=1) >= edge for edge in (1, 3, 7, 30))
        table[urgency, band] = table.get((urgency, band), 0) + 1
    assert made.table == table
    for one in made.tickets:
        used = OFFICE.elapsed(still[one.issue.case], NOW) / timedelta(hours=20)
        assert one.timing == ("late" if used > 1 else "near" if used >= 0.8 else "in time")
        assert one.customer == ("Acme" if int(one.issue.case[2:]) % 2 else "Beta")
    assert sum(map(made.count, ("late", "near", "in time", "no limit"))) == len(still)
    since = datetime(2026, 3, 25, tzinfo=UTC)
    came = sum(event.type == "Opened" and event.at >= since for event in events)
    went = sum(
        event.type == "Moved" and event.stage in ("solved", "withdrawn") and event.at >= since for event in events
    )
    figures = {row.metric: row.exact for row in made.week}
    assert (figures["tickets_arrived"], figures["tickets_left"], figures["backlog_growth"]) == (came, went, came - went)
    assert figures["open_tickets"] == len(still)
    assert len(made.ahead) == len(still)


def test_it_is_said_in_both_languages(made):
    """Heads, urgencies, days ahead, people, tickets with what they lack."""
    english, chinese = str(made), made.to_text("zh")
    n = len(made.tickets)
    assert english.startswith(f"{n} tickets open on 2026-03-31 09:00: ")
    assert chinese.startswith(f"2026-03-31 09:00 未结工单 {n} 个：")
    for text in ("  P1: ", "  unknown: ", "In the last 7 days", "they would last", "  in 7 days: ", "Who has room:",
                 "  T-00 should go to li", "  nobody can take T-07", "late: T-14", "next needs group", "late since"):  # fmt: skip
        assert text in english
    for text in ("  P1：", "  未知：", "近 7 天新增", "天可清理完", "  7 天后：", "谁有余力：", "T-00 宜交 li", "无人可接 T-07",
                 "将超时：T-14", "下一步缺 group", "起超时"):  # fmt: skip
        assert text in chinese
    with pytest.raises(NotFound, match="language"):
        made.to_text("fr")


def test_it_is_plain_data(made):
    """As JSON, with who has room and who should take what."""
    told = json.loads(json.dumps(made.to_dict()))
    assert set(told["room"]) == {"li", "wei"}
    assert told["dealt"] == {"T-00": "li"}
    assert told["nobody"] == ["T-07"]
    assert sum(row["tickets"] for row in told["table"]) == len(told["tickets"])
    assert [row["days"] for row in told["ahead"]] == [7, 14, 28]


def test_what_is_not_known_is_said():
    """An empty desk, one of which nothing was closed; people who are away, many tickets, unreadable ones."""
    empty = morning(DESK, [], now=NOW, calendars=OFFICE)
    assert (empty.ahead, empty.plan) == (None, None)
    assert "no ticket was closed yet" in str(empty)
    assert "尚无办结的工单" in empty.to_text("zh")
    assert json.loads(json.dumps(empty.to_dict()))["room"] == {}
    endless = Pipeline("log", ["new", Stage("kept", "won")])
    many = [event for n in range(25) for event in endless.open(f"T-{n}", at=NOW - timedelta(days=40), who=None).events]
    strange = Event(id="x", case="X", at=NOW - timedelta(days=1), recorded=NOW)
    away = Worker("li", OFFICE.layered(name="li", holidays=[(NOW + timedelta(days=n)).date() for n in range(40)]))
    made = morning(endless, [*many, strange], now=NOW, workers=[away])
    text = str(made)
    for part in ("25 without a limit", "30 days and more: 25", "  li: away", "and 5 more", "nobody, 40 days old"):
        assert part in text
    assert "不在" in made.to_text("zh")
