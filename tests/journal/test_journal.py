"""The journal: four forms of the same history, findings for every row that could not be used."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InputError, InvalidValue, NotFound
from crmkit.journal import OPEN, UNKNOWN, Journal, Table, code, decode_csv
from crmkit.testing.simulate import sales_pipeline, simulate
from crmkit.testing.strategies import histories, journals

LINE = sales_pipeline()
NAMES = [stage.name for stage in LINE.stages]
DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


def events_frame(journal):
    """The event form of a journal: one row for each stay, its beginning."""
    rows = journal.to_dict()
    return {"case": rows["case"], "stage": rows["stage"], "at": rows["entered"], "who": rows["who"]}


def until(journal):
    """The end of observation as a datetime."""
    return datetime.fromtimestamp(journal.until / 1e6, UTC)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_interval_form_is_event_form_is_facts(data):
    """The same history read from facts, from stage events and from intervals is the same journal.

    Facts lie apart: an export cannot tell two entries into one stage at one instant from a repeated row.
    """
    number = data.draw(st.integers(1, 4))
    events = [e for i in range(number) for e in data.draw(histories(LINE, case=f"D-{i}", apart=1))[1]]
    facts = Journal.from_events(events, stages=NAMES)
    form = events_frame(facts)
    from_rows = Journal.from_frame(
        form, case="case", stage="stage", at="at", who="who", stages=NAMES, as_of=until(facts)
    )
    rows = facts.to_dict()
    intervals = Journal.from_frame(
        rows, case="case", stage="stage", entered="entered", left="left", next="next", who="who", stages=NAMES,
        as_of=until(facts),
    )  # fmt: skip
    assert facts == from_rows == intervals
    assert not from_rows.findings
    without_next = Journal.from_frame(
        rows, case="case", stage="stage", entered="entered", left="left", who="who", stages=NAMES, as_of=until(facts)
    )
    assert without_next == facts


@settings(max_examples=25, deadline=None)
@given(journals(LINE), st.randoms())
def test_order_of_rows_does_not_matter(journal, random):
    """A shuffled interval table is the same journal."""
    order = list(range(len(journal)))
    random.shuffle(order)
    assert journal[np.array(order)] == journal


@settings(max_examples=25, deadline=None)
@given(journals(LINE), st.integers(0, 400))
def test_as_of_is_what_the_facts_said_then(journal, days):
    """Cutting the journal at an instant gives the journal of an export made at that instant."""
    at = START + days * DAY
    cut = journal.as_of(at)
    moment = int(at.timestamp()) * 1_000_000
    expected = [
        (case, stage, entered, OPEN if left > moment else left, None if left > moment else nxt, who)
        for case, stage, entered, left, nxt, who in journal.rows()
        if entered <= moment
    ]
    assert [*cut.rows()] == expected
    assert (cut.sojourn() >= 0).all()


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_of_every_library(library):
    """Interval form out, and in again, through three libraries."""
    journal = simulate(n=60, rng=np.random.default_rng(3), people={"ann": 1, "bo": 2}).journal
    frame = journal.to_frame(library)
    again = Journal.from_frame(
        frame, case="case", stage="stage", entered="entered", left="left", next="next", who="who",
        stages=journal.stages.values, as_of=until(journal),
    )  # fmt: skip
    assert again == journal


def test_duckdb_relation():
    """A DuckDB relation is a frame too."""
    duckdb = pytest.importorskip("duckdb")
    frame = pd.DataFrame(  # noqa: F841 - DuckDB reads it by its name
        {"c": ["a", "a"], "s": ["x", "won"], "t": pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True)}
    )
    relation = duckdb.sql("select * from frame")
    assert len(Journal.from_frame(relation, case="c", stage="s", at="t")) == 2


@pytest.mark.parametrize("make", [
    lambda d: pd.DataFrame(d), lambda d: pl.DataFrame(d), lambda d: pa.table(d), lambda d: d,
    lambda d: {k: np.array(v, dtype=object) for k, v in d.items()},
])  # fmt: skip
def test_keys_are_matched_by_value(make):
    """A numeric key, a literal "NA", a category and a blank are what they say, in every library."""
    frame = make(
        {
            "c": ["7", "7", "NA", "  "],
            "s": ["x", "won", "x", "x"],
            "t": ["2026-01-01", "2026-01-03", "2026-01-02", "2026-01-02"],
        }
    )
    journal = Journal.from_frame(frame, case="c", stage="s", at="t")
    assert set(journal.cases.values) >= {"7", "NA"}
    assert len(journal) == 3
    assert [(f.row, f.reason) for f in journal.findings] == [(4, "has no case id")]


def test_categories_and_numbers():
    """Categorical codes of the library are never taken for ours; 7 and 7.0 are one key."""
    frame = pd.DataFrame(
        {
            "c": [7.0, 7.0, 8.0],
            "s": pd.Categorical(["b", "a", "b"], categories=["a", "b"]),
            "t": pd.to_datetime(["2026-01-01"] * 3, utc=True),
        }
    )
    frame["t"] += pd.to_timedelta([0, 1, 2], unit="D")
    journal = Journal.from_frame(frame, case="c", stage="s", at="t")
    assert [(case, stage) for case, stage, *_ in journal.rows()] == [("7", "b"), ("7", "a"), ("8", "b")]


def test_naive_times_need_a_zone():
    """Local times are refused without a zone and placed with one, across the change of clocks."""
    frame = pd.DataFrame(
        {"c": ["a", "a"], "s": ["x", "won"], "t": pd.to_datetime(["2024-03-30 12:00", "2024-03-31 12:00"])}
    )
    with pytest.raises(InputError, match="zone"):
        Journal.from_frame(frame, case="c", stage="s", at="t")
    days = frame.assign(t=frame["t"].dt.normalize())
    assert "midnight UTC" in Journal.from_frame(days, case="c", stage="s", at="t").facts["dates in 't'"]
    journal = Journal.from_frame(frame, case="c", stage="s", at="t", tz="Europe/Berlin")
    assert journal.left[0] - journal.entered[0] == 23 * 3_600_000_000


def test_duplicates_disorder_and_repeats_are_told():
    """Duplicate events are dropped, disorder is put right, repeated stages are visits or no change, each with a finding."""
    frame = {
        "c": ["a", "a", "a", "a", "b"],
        "s": ["x", "y", "x", "y", "x"],
        "t": ["2026-01-01", "2026-01-03", "2026-01-01", "2026-01-04", "2026-01-01"],
    }
    journal = Journal.from_frame(frame, case="c", stage="s", at="t")
    assert [(s, n) for _, s, _, _, n, _ in journal.rows()] == [("x", "y"), ("y", "y"), ("y", None), ("x", None)]
    reasons = {finding.reason: (finding.row, finding.count, finding.dropped) for finding in journal.findings}
    assert reasons["repeats an event: same case, stage and time"] == (3, 1, True)
    assert any("order" in reason for reason in reasons)
    merged = Journal.from_frame(frame, case="c", stage="s", at="t", repeats="merge")
    assert len(merged) == 3


def test_unknown_stages_name_the_nearest():
    """A stage that is not in the list is a finding with the nearest name."""
    frame = {"c": ["a", "a"], "s": ["lead", "qualifed"], "t": ["2026-01-01", "2026-01-02"]}
    journal = Journal.from_frame(frame, case="c", stage="s", at="t", stages=NAMES)
    assert len(journal) == 1
    assert "did you mean 'qualified'" in journal.findings[0].reason


def test_snapshot_form():
    """Open, won, lost, impossible and unknown rows each go where they belong."""
    frame = {
        "id": ["a", "b", "c", "d", "e", "f", "a", "g"],
        "opened": ["2026-01-01"] * 4 + [None, "2026-02-01", "2026-01-01", "2026-01-01"],
        "closed": ["2026-01-05", "2026-01-02", None, None, None, "2026-01-01", None, "2026-03-01"],
        "how": ["Won", "Lost", "Open", "Won", "Open", "Won", "Open", "Hmm"],
    }
    journal = Journal.from_snapshot(
        frame, case="id", opened="opened", closed="closed", outcome="how", won=["Won"], lost=["Lost"]
    )
    assert [(c, s, n) for c, s, _, _, n, _ in journal.rows()] == [
        ("a", "open", "won"), ("a", "won", None), ("b", "open", "lost"), ("b", "lost", None), ("c", "open", None),
    ]  # fmt: skip
    assert {(f.row, f.column) for f in journal.findings} == {
        (4, "closed"),
        (5, "opened"),
        (6, "closed"),
        (7, "id"),
        (8, "how"),
    }
    early = Journal.from_snapshot(
        frame, case="id", opened="opened", closed="closed", outcome="how", won=["Won"], lost=["Lost"],
        as_of=datetime(2026, 1, 3, tzinfo=UTC),
    )  # fmt: skip
    assert [(c, s, n) for c, s, _, _, n, _ in early.rows()] == [
        ("a", "open", None), ("b", "open", "lost"), ("b", "lost", None), ("c", "open", None),
    ]  # fmt: skip


def test_milestones():
    """One date column a stage; a row whose dates contradict the order is left out and told."""
    frame = {"id": ["a", "b", "c"], "q": ["2026-01-01", "2026-01-05", "soon"], "o": ["2026-01-04", "2026-01-02", None],
             "d": [None, "2026-01-09", None]}  # fmt: skip
    journal = Journal.from_milestones(frame, case="id", milestones={"quoted": "q", "ordered": "o", "delivered": "d"})
    assert [(c, s, n) for c, s, _, _, n, _ in journal.rows()] == [("a", "quoted", "ordered"), ("a", "ordered", None)]
    assert {(f.row, f.column, f.dropped) for f in journal.findings} == {
        (3, "q", False),
        (2, "o", True),
        (3, None, True),
    }


@pytest.mark.parametrize(("call", "error", "part"), [
    ({"case": "c", "stage": "s", "at": "badd"}, NotFound, "did you mean 'bad'"),
    ({"case": "c", "stage": "s"}, InvalidValue, "event form"),
    ({"case": "c", "stage": "s", "at": "n"}, InputError, "not an instant"),
    ({"case": "c", "stage": "s", "at": "bad"}, InputError, "no row can be used"),
    ({"case": "c", "stage": "s", "at": "t", "as_of": datetime(2000, 1, 1, tzinfo=UTC)}, InputError, "as-of"),
])  # fmt: skip
def test_tables_that_cannot_be_used(call, error, part):
    """A wrong column, half a form, numbers for times, nothing left: one line each."""
    frame = {"c": ["a"], "s": ["x"], "t": ["2026-01-01"], "n": [5], "bad": ["soon"]}
    with pytest.raises(error, match=part):
        Journal.from_frame(frame, **call)


@pytest.mark.parametrize("frame", [{}, {"c": []}, {"c": ["a"], "s": ["x", "y"]}, 5, "deals.csv"])
def test_what_is_no_table(frame):
    """Empty, ragged, or no table at all."""
    with pytest.raises(InputError):
        Journal.from_frame(frame, case="c", stage="s", at="t")


def test_paths_are_sent_to_the_right_door():
    """The core opens no files; the message says who does."""
    for make in (Journal.from_csv, Journal.from_xes):
        with pytest.raises(InvalidValue, match="read_table"):
            make("deals.csv", case="c", stage="s", at="t")


def test_csv_bytes():
    """Bytes of a file are enough."""
    data = b"c,s,t,who\na,x,2026-01-01,wei\na,won,2026-01-02,wei\n"
    journal = Journal.from_csv(data, case="c", stage="s", at="t", who="who")
    assert [row[5] for row in journal.rows()] == ["wei", "wei"]
    assert journal.facts["encoding"] == "utf-8"


def test_amounts_and_dims_come_along():
    """An amount column and further columns to group by."""
    frame = {"c": ["a", "b"], "s": ["x", "x"], "t": ["2026-01-01"] * 2, "m": ["1,234.50", "n/a"], "r": ["N", None]}
    journal = Journal.from_frame(frame, case="c", stage="s", at="t", amount="m", dims=["r"])
    assert journal.amount.tolist() == [123450, UNKNOWN]
    assert journal.dimension("r").decode() == ["N", None]
    assert journal.to_dict()["r"] == ["N", None]
    with pytest.raises(NotFound, match="did you mean 'who'"):
        journal.dimension("whom")
    with pytest.raises(NotFound):
        journal.stage_code("z")


def test_a_repeated_stage_brings_its_amount_along():
    """Merged rows keep the entry and its owner, and the last amount that any of them knew."""
    frame = {"c": ["a"] * 4 + ["b"] * 2, "s": ["x", "x", "x", "won", "x", "x"], "m": ["5", "7", None, None, None, None],
             "t": [f"2026-01-0{day}" for day in (1, 2, 3, 4, 1, 2)], "w": ["li", "wei", "wei", "wei", "li", "li"]}  # fmt: skip
    merged = Journal.from_frame(frame, case="c", stage="s", at="t", amount="m", who="w", repeats="merge")
    assert merged.amount.tolist() == [700, UNKNOWN, UNKNOWN]
    assert merged.who.decode() == ["li", "wei", "li"]
    apart = Journal.from_frame(frame, case="c", stage="s", at="t", amount="m", repeats="visit")
    assert apart.amount.tolist() == [500, 700, *[UNKNOWN] * 4]


def test_columns_of_frames_that_hold_no_single_values():
    """Lists, records, and times that numpy cannot hold: one line, or a finding with its row."""
    nested = pa.table({"c": [["a"], ["b"]], "s": ["x", "y"], "t": ["2026-01-01"] * 2})
    with pytest.raises(InputError, match="lists or records"):
        Journal.from_frame(nested, case="c", stage="s", at="t")
    far = pd.DataFrame({"c": ["a", "b"], "s": ["x", "x"]})
    far["t"] = np.array(["2026-01-01", "9999-01-01"], "datetime64[s]")
    journal = Journal.from_frame(far, case="c", stage="s", at="t")
    assert [(found.row, found.column, found.reason) for found in journal.findings] == [
        (2, "t", "has a year outside 1678 to 2261")
    ]
    beyond = pa.table({"c": ["a"], "s": ["x"], "t": pa.array([2**60], pa.timestamp("s", "UTC"))})
    with pytest.raises(InputError, match="outside the years"):
        Journal.from_frame(beyond, case="c", stage="s", at="t")


def test_the_end_of_observation_stays_in_reach():
    """A year typed wrong in as_of would censor everything centuries late; it is refused."""
    frame = {"c": ["a"], "s": ["x"], "t": ["2026-01-01"]}
    with pytest.raises(InputError, match="ten years"):
        Journal.from_frame(frame, case="c", stage="s", at="t", as_of=datetime(2206, 1, 1, tzinfo=UTC))
    with pytest.raises(NotFound, match="did you mean 'won'"):
        Journal.from_snapshot({"c": ["a"], "o": ["2026-01-01"], "e": ["2026-01-02"], "r": ["won"]}, case="c", opened="o",
                              closed="e", outcome="r", won=["wonn"])  # fmt: skip


def test_an_outcome_that_nobody_had_yet():
    """Nobody has lost yet: naming the text for it is no mistake."""
    frame = {"c": ["a"], "o": ["2026-01-01"], "e": ["2026-01-02"], "r": ["sold"]}
    journal = Journal.from_snapshot(frame, case="c", opened="o", closed="e", outcome="r", won=["sold"], lost=["gone"])
    assert journal.to_dict()["stage"] == ["open", "won"]


def test_coded_columns():
    """Decode is the inverse of code; recoding is by value; missing stays missing."""
    column = code(["b", None, "a", "b"])
    assert column.decode() == ["b", None, "a", "b"]
    assert column.recode(["a"]).decode() == [None, None, "a", None]
    assert column.missing.tolist() == [False, True, False, False]
    assert code(iter(["x"])).values == ("x",)


def test_xes_bytes():
    """Bytes of an event log are enough; the person comes from the standard extension."""
    pytest.importorskip("defusedxml")
    event = '<event><string key="concept:name" value="{}"/><date key="time:timestamp" value="2026-01-0{}T00:00:00Z"/>{}</event>'
    who = '<string key="org:resource" value="wei"/>'
    data = f'<log><trace><string key="concept:name" value="D"/>{event.format("x", 1, who)}{event.format("won", 2, who)}</trace></log>'
    journal = Journal.from_xes(data.encode())
    assert [(row[0], row[1], row[5]) for row in journal.rows()] == [("D", "x", "wei"), ("D", "won", "wei")]
    assert Journal.from_xes(data.replace(who, "").encode()).who.values == ()


def test_joined_tables_count_rows_on():
    """Findings of the second file say its rows, counted on from the first; a column that one lacks is named."""
    one = decode_csv(b"c,s,t\na,x,2026-01-01\n", name="one.csv")
    other = decode_csv(b"c,s,t\na,won,2026-01-05\nb,x,soon\n", name="other.csv")
    both = Table.joined([one, other])
    assert both.name == "one.csv, other.csv"
    assert both.facts["rows"] == "one.csv from 1, other.csv from 3"
    journal = Journal.from_frame(both, case="c", stage="s", at="t")
    assert journal.to_dict()["next"] == ["won", None]
    assert [found.row for found in journal.findings] == [5]
    with pytest.raises(NotFound, match=r"two\.csv"):
        Table.joined([one, decode_csv(b"c,s\na,x\n", name="two.csv")])


def test_tables_name_their_columns_and_rows():
    """A decoded table answers for its columns and rows."""
    from crmkit.journal import decode_csv

    table = decode_csv(b"c,s\na,x\n\nb,y\n")
    assert [table.row_of(i) for i in range(len(table))] == [2, 4]
    with pytest.raises(NotFound, match="there are: c, s"):
        table.column("S ")


def test_empty_facts_and_first_rows():
    """No facts are an empty journal; a finding keeps the first row of its kind."""
    from crmkit.journal import Finding
    from crmkit.journal._findings import summarise

    assert len(Journal.from_events([])) == 0
    merged = summarise([Finding(7, "c", "bad", 2, "x"), Finding(3, "c", "bad", 1, "y"), Finding(1, "d", "bad")])
    assert merged == (Finding(3, "c", "bad", 3, "y"), Finding(1, "d", "bad"))


def test_interval_form_needs_no_ends():
    """Stays without an end column all last; facts of other kinds make no stays."""
    from crmkit.events import Edited

    journal = Journal.from_frame({"c": ["a"], "s": ["x"], "e": ["2026-01-01"]}, case="c", stage="s", entered="e")
    assert [(row[3], row[4]) for row in journal.rows()] == [(OPEN, None)]
    edited = Edited(id="D#1", case="D", at=START, recorded=START)
    assert len(Journal.from_events([edited])) == 0


def test_stages_that_differ_in_case_are_told():
    """Two spellings stay two stages, and the reader is told."""
    frame = {"c": ["a", "a"], "s": ["Lead", "lead"], "t": ["2026-01-01", "2026-01-02"]}
    journal = Journal.from_frame(frame, case="c", stage="s", at="t")
    assert len(journal) == 2
    assert [(f.count, f.dropped) for f in journal.findings] == [(2, False)]
    assert "'Lead', 'lead'" in journal.findings[0].reason
