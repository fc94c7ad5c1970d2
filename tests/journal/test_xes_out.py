"""Journals as event logs in XES, and back."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.errors import InputError, InvalidValue
from crmkit.journal import Journal
from crmkit.pipeline import Move, Pipeline, Stage
from crmkit.testing.strategies import journals

STAGES = ["a", "b & <c>", 'd"', "won"]
PROCESS = Pipeline(
    "p",
    [*STAGES[:3], Stage("won", "won"), Stage("lost", "lost")],
    {"a": {"go": STAGES[1], "again": Move("a")}, STAGES[1]: {"go": 'd"', "lose": "lost"},
     'd"': {"win": "won", "lose": "lost"}, "lost": {"reopen": "a"}},
)  # fmt: skip
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
many = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@many
@given(journals(PROCESS))
def test_a_journal_comes_back_from_its_log(journal):
    """from_xes(to_xes(j)) == j: stays, what came next, who, and until when was observed."""
    again = Journal.from_xes(journal.to_xes())
    assert again == journal
    assert again.findings == ()
    assert Journal.from_xes(again.to_xes()) == journal


@many
@given(st.lists(st.tuples(
    st.integers(0, 3), st.sampled_from(STAGES), st.integers(0, 99), st.integers(0, 99),
    st.sampled_from([None, *STAGES]), st.sampled_from([None, "ann"]),
), min_size=1, max_size=6))  # fmt: skip
def test_stays_with_gaps_come_back_too(rows):
    """A stay that did not end when the next one began, as in interval form, keeps its own end."""
    columns = {
        "case": [f"D-{case}" for case, *_ in rows],
        "stage": [stage for _, stage, *_ in rows],
        "in": [START + timedelta(microseconds=at) for _, _, at, *_ in rows],
        "out": [START + timedelta(microseconds=at + more) if to else None for _, _, at, more, to, _ in rows],
        "to": [to for *_, to, _ in rows],
        "who": [who for *_, who in rows],
    }
    journal = Journal.from_frame(columns, case="case", stage="stage", entered="in", left="out", next="to", who="who")
    assert Journal.from_xes(journal.to_xes()) == journal


def simple(**more):
    """Two cases in event form."""
    frame = {
        "case": ["1", "1", "2"], "stage": ["lead", "won", "lead"], "at": ["2026-03-01", "2026-03-05", "2026-03-02"],
        "amount": ["10.50", "-7", ""], "team": ["north", None, "south"],
    }  # fmt: skip
    return Journal.from_frame(frame, case="case", stage="stage", at="at", tz="UTC", amount="amount", **more)


def test_the_log_is_what_other_tools_expect():
    """Traces and events with the standard extensions; times with their zone; attributes of the right kind."""
    root = ET.fromstring(simple(dims=["team"]).to_xes())  # noqa: S314 - our own bytes
    space = "{http://www.xes-standard.org/}"
    assert root.tag == f"{space}log"
    assert [one.get("prefix") for one in root.iter(f"{space}extension")] == ["concept", "time", "org", "lifecycle"]
    traces = [
        [
            {one.get("key"): (one.tag.removeprefix(space), one.get("value")) for one in event}
            for event in trace.iter(f"{space}event")
        ]
        for trace in root.iter(f"{space}trace")
    ]
    assert traces[0] == [
        {
            "concept:name": ("string", "lead"), "time:timestamp": ("date", "2026-03-01T00:00:00.000000+00:00"),
            "lifecycle:transition": ("string", "start"), "crmkit:left": ("date", "2026-03-05T00:00:00.000000+00:00"),
            "crmkit:next": ("string", "won"), "team": ("string", "north"), "amount": ("float", "10.50"),
        },
        {
            "concept:name": ("string", "won"), "time:timestamp": ("date", "2026-03-05T00:00:00.000000+00:00"),
            "lifecycle:transition": ("string", "start"), "amount": ("float", "-7.00"),
        },
    ]  # fmt: skip
    assert "amount" not in traces[1][0]


def test_further_columns_come_back_when_asked_for():
    """Dimensions and amounts are read as from any other log."""
    journal = simple(dims=["team"])
    again = Journal.from_xes(journal.to_xes(), dims=["team"], amount="amount")
    assert again == journal
    assert again.dims["team"].decode() == ["north", None, "south"]
    assert again.amount.tolist() == journal.amount.tolist()


def test_other_columns_may_be_asked_for():
    """Whoever says which columns to read gets those, and the end of observation is that of the data."""
    data = simple().to_xes()
    assert Journal.from_xes(data, at="time:timestamp").as_of(START) == simple().as_of(START)
    entered = Journal.from_xes(data, entered="time:timestamp")
    assert entered.open.all()


def test_stays_that_all_last_need_no_end():
    """A log without a single end is read in the same way."""
    journal = simple().as_of(datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert b"crmkit:left" not in journal.to_xes()
    assert Journal.from_xes(journal.to_xes()) == journal


def test_what_xml_cannot_say_is_refused():
    """A control character in a name is an error, not a broken file; so is an end of observation that is none."""
    journal = Journal.from_frame(
        {"case": ["\x01"], "stage": ["lead"], "at": [START]}, case="case", stage="stage", at="at"
    )
    with pytest.raises(InvalidValue, match="holds a character that XML has none of"):
        journal.to_xes()
    for wrong in (b"soon", b"2026-03-05T00:00:00"):
        data = (
            simple()
            .to_xes()
            .replace(b'until" value="2026-03-05T00:00:00.000000+00:00"', b'until" value="' + wrong + b'"')
        )
        with pytest.raises(InputError, match="is no instant"):
            Journal.from_xes(data)
