"""Blocks of a table are read as the whole is, but for what only the whole can tell, which has to be said."""

import pickle
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import AmbiguousDates, InputError, InvalidValue, NaiveDatetime, NotFound
from crmkit.journal import Journal, summarise
from crmkit.journal.blocks import Layout

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=40)
EVENTS = {"case": "deal", "stage": "phase", "at": "at", "who": "seller", "amount": "worth", "dims": ("region",)}
STAYS = {**EVENTS, "at": None, "entered": "at", "left": "left", "next": "next"}


@st.composite
def tables(draw):
    """Stays with all that can be wrong with them; few cases, so that rows meet."""
    size = draw(st.integers(1, 12))
    moments = st.one_of(st.none(), st.integers(0, 60).map(lambda day: START + timedelta(days=day)))
    names = st.sampled_from(["a", "b ", "", None])
    kinds = {
        "deal": st.sampled_from(["1", "2", " 2", "3", None]), "phase": names, "at": moments, "left": moments, "next": names,
        "seller": names, "worth": st.sampled_from([None, 7, 12.5]), "region": names,
    }  # fmt: skip
    return {name: draw(st.lists(kind, min_size=size, max_size=size)) for name, kind in kinds.items()}


def split(table, layout, of):
    """The journals of the rows of each block, `of` says of which one each row is."""
    size = len(table["deal"])
    for block in range(3):
        rows = [row for row in range(size) if of(row) == block]
        if rows:
            part = {name: [column[row] for row in rows] for name, column in table.items()}
            yield layout.journal(part, numbers=[row + 1 for row in rows])


def agree(table, layout, of):
    """Blocks have the rows and the findings of the whole, which may be unusable."""
    blocks = [*split(table, layout, of)]
    findings = {(f.column, f.reason, f.row, f.count) for f in summarise(f for one in blocks for f in one.findings)}
    assert {one.until for one in blocks} == {layout.journal(table).until}
    form = {name: getattr(layout, name) for name in (*EVENTS, "entered", "left", "next", "repeats")}
    if not sum(map(len, blocks)):
        with pytest.raises(InputError, match=r"no row can be used|nothing had happened"):
            Journal.from_frame(table, **form, as_of=END)
        return
    whole = Journal.from_frame(table, **form, as_of=END)
    assert sorted(map(repr, (row for one in blocks for row in one.rows()))) == sorted(map(repr, whole.rows()))
    amounts = sorted(n for one in blocks for n in one.amount.tolist())
    assert amounts == sorted(whole.amount.tolist())
    assert findings == {(f.column, f.reason, f.row, f.count) for f in whole.findings}


@settings(max_examples=120, deadline=None)
@given(tables(), st.lists(st.integers(0, 2), min_size=12, max_size=12))
def test_stays_may_be_in_any_block(table, of):
    """In interval form a row is a stay, whatever block it is in."""
    agree(table, Layout(**STAYS, as_of=END), lambda row: of[row])


@settings(max_examples=120, deadline=None)
@given(tables(), st.sampled_from(["visit", "merge"]))
def test_events_want_the_rows_of_a_case_together(table, repeats):
    """In event form, and without the next stage, the blocks hold whole cases."""
    cases = [None if case is None else case.strip() for case in table["deal"]]
    of = lambda row: {"1": 0, "2": 1}.get(cases[row], 2)
    agree(table, Layout(**EVENTS, repeats=repeats, as_of=END), of)
    agree(table, Layout(**{**STAYS, "next": None}, as_of=END), of)


def test_what_a_layout_reads():
    """Each column once, those with times, and whether rows have to be together."""
    stays = Layout(**{**STAYS, "dims": "seller"}, as_of=END, stages="a")
    assert stays.columns == ("deal", "phase", "at", "left", "next", "seller", "worth")
    assert stays.instants == ("at", "left")
    assert (stays.dims, stays.stages, stays.whole_cases) == (("seller",), ("a",), False)
    assert Layout(**EVENTS, as_of=END).whole_cases
    assert Layout(**{**STAYS, "next": None}, as_of=END).whole_cases
    assert not Layout(**{**STAYS, "next": None, "left": None}, as_of=END).whole_cases
    assert pickle.loads(pickle.dumps(stays)) == stays  # noqa: S301 - it is sent to workers


def test_a_layout_is_of_one_form():
    """Neither form, both, or an end without a zone is refused."""
    with pytest.raises(InvalidValue, match="needs at="):
        Layout(case="deal", stage="phase", as_of=END)
    with pytest.raises(InvalidValue, match="needs at="):
        Layout(case="deal", stage="phase", at="at", entered="at", as_of=END)
    with pytest.raises(NaiveDatetime, match="as_of"):
        Layout(case="deal", stage="phase", at="at", as_of=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_findings_have_the_number_of_the_row_in_the_table():
    """Counted in the block without numbers; a finding about no row stays without."""
    layout = Layout(case="deal", stage="phase", at="at", as_of=START)
    table = {"deal": ["1", None, "1"], "phase": ["a", "a", "b"], "at": [START, START, END]}
    found = layout.journal(table, numbers=np.array([101, 107, 109])).findings
    assert [str(one) for one in found] == ["row 107, column 'deal': has no case id", "input: lies after the as-of date"]
    assert [one.row for one in layout.journal(table).findings] == [2, None]


def test_errors_name_the_block_and_the_row():
    """A column that is not there, a block without rows, and texts that no block may decide about."""
    layout = Layout(case="deal", stage="phase", at="at", as_of=END)
    with pytest.raises(NotFound, match="no column 'at' in rows 1 to 2"):
        layout.journal({"deal": ["1"], "phase": ["a"]}, name="rows 1 to 2")
    with pytest.raises(InputError, match="has no rows"):
        layout.journal({"deal": [], "phase": [], "at": []})
    told = {"deal": ["1", "2"], "phase": ["a", "a"], "at": ["13/02/2026", "03/04/2026"]}
    with pytest.raises(
        InputError, match=r"column 'at': the block says .*13/02/2026.*, the next one may not; give dates="
    ):
        layout.journal(told)
    open_ = {"deal": ["1", "2"], "phase": ["a", "a"], "at": ["2026-02-13", "03/04/2026"]}
    with pytest.raises(AmbiguousDates, match="row 12"):
        layout.journal(open_, numbers=[11, 12])
    with pytest.raises(AmbiguousDates, match="row 2"):
        layout.journal(open_)
    by_day = Layout(case="deal", stage="phase", at="at", as_of=END + timedelta(days=9), dates="dmy").journal(told)
    assert by_day.to_dict()["entered"] == [datetime(2026, 2, 13, tzinfo=UTC)]
    with pytest.raises(InputError, match="is no table"):
        layout.journal(7, numbers=[1])
