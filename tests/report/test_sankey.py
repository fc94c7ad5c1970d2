"""The layout of a flow: nothing is lost, nothing overlaps, ribbons are as high as what flows."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.report._sankey import Moves, lay_out

STAGES, WON, LOST = ("a", "b", "c"), ("won",), ("lost", "dropped")


@st.composite
def flows(draw):
    """Moves between stages in any direction, and stays that are as many as leave, last, and arrive."""
    pairs = [(a, b) for a in STAGES for b in (*STAGES, *WON, *LOST) if a != b]
    moves = {pair: n for pair in pairs if (n := draw(st.integers(0, 50)))}
    still = {name: draw(st.integers(0, 20)) for name in STAGES}
    stays = {name: still[name] + sum(n for (a, _), n in moves.items() if a == name) for name in STAGES}
    # Whatever arrives had to leave somewhere; a stage holds at least that.
    for name in STAGES:
        stays[name] = max(stays[name], sum(n for (_, b), n in moves.items() if b == name))
    stays |= {name: sum(n for (_, b), n in moves.items() if b == name) for name in (*WON, *LOST)}
    return Moves(STAGES, WON, LOST, stays, moves, still)


@given(flows())
def test_every_move_is_drawn_once_and_as_high_as_it_is(moves):
    """One ribbon for each move between boxes that are there, of a height in one scale; what lasts is a stub."""
    flow = lay_out(moves)
    boxes = {box.name: box for box in flow.boxes}
    assert {*boxes} == {name for name, n in moves.stays.items() if n}
    drawn = {(one.stage, one.next): one.n for one in flow.ribbons if one.kind != "open"}
    assert drawn == {pair: n for pair, n in moves.moves.items() if n}
    assert {one.stage: one.n for one in flow.ribbons if one.kind == "open"} == {
        name: n for name, n in moves.still.items() if n
    }
    scale = {round(one.width / one.n, 6) for one in flow.ribbons if one.kind != "back"}
    assert len(scale) <= 1


@given(flows())
def test_ribbons_stay_inside_their_boxes(moves):
    """What leaves a box leaves between its edges, in order, and does not overlap; boxes lie from left to right."""
    flow = lay_out(moves)
    boxes = {box.name: box for box in flow.boxes}
    for name in STAGES:
        spans = []
        for one in flow.ribbons:
            if one.stage == name and one.kind != "back":
                x, y = map(float, re.match(r"M([\d.]+),([\d.]+)", one.path).groups())
                assert x == pytest.approx(boxes[name].x + boxes[name].width, abs=0.1)
                spans.append((y, y + one.width))
        assert spans == sorted(spans)
        assert all(low >= before - 0.11 for (_, before), (low, _) in pairwise(spans))
        if spans:
            assert spans[0][0] >= boxes[name].y - 0.11
            assert spans[-1][1] <= boxes[name].y + boxes[name].height + 0.11
    places = [boxes[name].x for name in STAGES if name in boxes]
    assert places == sorted(places)
    assert all(box.y >= 0 and box.y + box.height <= flow.height for box in flow.boxes)


def test_ends_do_not_overlap():
    """Won lies above lost, each with room for its name."""
    flow = lay_out(Moves(("a",), WON, LOST, {"a": 90, "won": 30, "lost": 30, "dropped": 30},
                         {("a", "won"): 30, ("a", "lost"): 30, ("a", "dropped"): 30}, {}))  # fmt: skip
    ends = [box for box in flow.boxes if box.name != "a"]
    for upper, lower in pairwise(ends):
        assert upper.y + upper.height + 30 <= lower.y


def test_nothing_flows():
    """No stay at all is an empty drawing, not an error."""
    assert lay_out(Moves((), (), (), {}, {}, {})).boxes == ()
