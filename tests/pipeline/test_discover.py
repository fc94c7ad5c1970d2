"""Discovery: what a draft claims to explain, it does; real logs and a textbook; milestones against all ways."""

from collections import Counter
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from logs import STAGES, Stay, applications, journal_of, read, receipt, runs, textbook, ways

from crmkit.errors import InvalidValue, NotFound
from crmkit.pipeline import Pipeline, Stage
from crmkit.pipeline.conform import conform
from crmkit.pipeline.discover import discover, milestones, usual_order
from crmkit.pipeline.flow import bottlenecks, directly_follows, handovers, rework, variants


def drafted(stays, **options):
    """What was discovered in a log, or nothing where it shows no way to a closed stage."""
    found = discover(journal_of(stays), **options)
    try:
        return found, found.draft
    except InvalidValue:
        return found, None


@settings(max_examples=100, deadline=None)
@given(runs(), st.floats(0.05, 1.0))
def test_a_draft_explains_what_it_says(stays, coverage):
    """Its shares are those of a loop and of `conform`, what it has and what it left out are all there is."""
    found, draft = drafted(stays, coverage=coverage)
    assume(draft is not None)
    law, every = draft.pipeline, Counter((s.stage, s.next) for s in stays if s.next)
    kept = {(origin, move.to) for origin, moves in law.moves.items() for move in moves.values()}
    assert kept | set(draft.left_out) == set(every)
    assert not kept & set(draft.left_out)
    assert {**draft.left_out} == {edge: n for edge, n in every.items() if edge not in kept}
    assert draft.moves == pytest.approx(sum(every[edge] for edge in kept) / max(1, sum(every.values())))
    good = [way[0] == law.start and all(pair in kept for pair in pairwise(way)) for way in ways(stays).values()]
    assert draft.cases == pytest.approx(sum(good) / len(good)) == pytest.approx(conform(found.journal, law).share)
    names = {stage.name for stage in law.stages}
    assert names | set(draft.stages_out) == {name for way in ways(stays).values() for name in way}
    assert {stage.name for stage in law.stages if stage.outcome} == names & set(found.closed)


@settings(max_examples=60, deadline=None)
@given(runs())
def test_a_draft_of_everything_leaves_out_only_dead_ends(stays):
    """With full coverage a move is missing only if no way leads to it from the start, or from it to a closed stage."""
    found, draft = drafted(stays, coverage=1.0)
    assume(draft is not None)
    graph = nx.DiGraph([(s.stage, s.next) for s in stays if s.next])
    graph.add_nodes_from(s.stage for s in stays)
    start = draft.pipeline.start
    live = {
        name for name in graph
        if nx.has_path(graph, start, name) and any(end in graph and nx.has_path(graph, name, end) for end in found.closed)
    }  # fmt: skip
    assert {stage.name for stage in draft.pipeline.stages} == live | {start}
    assert set(draft.left_out) == {edge for edge in graph.edges if not {*edge} <= live}


def test_the_running_example():
    """Of the textbook's log everything is explained; no way to a compensation avoids the decision."""
    found = discover(textbook(), coverage=1.0, won=["pay compensation"], lost=["reject request"])
    assert (found.draft.moves, found.draft.cases, found.draft.guesses) == (1.0, 1.0, ())
    law = found.pipeline("claims")
    assert [stage.name for stage in law.stages] == [
        "register request", "examine thoroughly", "examine casually", "check ticket", "decide", "reinitiate request",
        "pay compensation", "reject request",
    ]  # fmt: skip
    assert (law.name, law.start) == ("claims", "register request")
    assert law.moves_from("decide") == ("to reject request", "to pay compensation", "to reinitiate request")
    assert milestones(law) == ("register request", "decide", "pay compensation")
    assert Pipeline.from_toml(law.to_toml()) == law


def test_the_parts_are_those_of_flow():
    """A discovery holds the same figures, with one idea of what is closed."""
    journal = textbook()
    found = discover(journal)
    closed = found.closed
    assert closed == directly_follows(journal).closed
    pairs = (
        (found.graph, directly_follows(journal)), (found.variants, variants(journal)), (found.rework, rework(journal)),
        (found.bottlenecks, bottlenecks(journal)), (found.handovers, handovers(journal)),
    )  # fmt: skip
    for mine, theirs in pairs:
        assert str(mine) == str(theirs)
    assert "guess: 'reject request' is closed" in str(found)


@pytest.mark.parametrize("log", [applications, receipt])
def test_real_logs(log, shared):
    """Nine tenths of the moves are kept, or all that lead on to a closed stage; the draft is a valid pipeline."""
    journal = read(log(shared))
    found = discover(journal, coverage=0.9)
    assert found.draft.moves > 0.9
    assert found.draft.cases == pytest.approx(conform(journal, found.pipeline()).share)
    assert "more moves" in str(found.draft) or len(found.draft.left_out) <= 10


def test_rare_moves_are_added_where_a_stage_hangs_in_the_air():
    """A way back that is frequent does not make a draft that nobody can leave."""
    loop = [
        Stay(f"{n}", stage, day, day + 1, to, None)
        for n in range(9)
        for day, (stage, to) in enumerate([("in", "talk"), ("talk", "in")])
    ]
    end = [
        Stay("x", "in", 0, 1, "talk", None),
        Stay("x", "talk", 1, 2, "sign", None),
        Stay("x", "sign", 2, 3, "won", None),
    ]
    _, draft = drafted(loop + end, coverage=0.4)
    assert draft.pipeline.moves.keys() == {"in", "talk", "sign"}
    assert {move.to for moves in draft.pipeline.moves.values() for move in moves.values()} == {"talk", "sign", "won"}
    assert draft.left_out == {("talk", "in"): 9}


def test_the_order_is_that_of_the_mean_place():
    """Stages stand where cases usually pass them; one that is only ever gone to counts too."""
    stays = [Stay("1", "a", 0, 1, "b", None), Stay("1", "b", 1, 2, "c", None), Stay("2", "b", 0, 1, "c", None)]
    assert usual_order(journal_of(stays, stages=("c", "b", "a"))) == ("a", "b", "c")


def test_what_cannot_be_drafted_is_said():
    """No stays, no closed stage, none that a case began outside of, no way there; a coverage or a name that is none."""
    loop = [Stay("1", "a", 0, 1, "b", None), Stay("1", "b", 1, 2, "a", None)]
    with pytest.raises(InvalidValue, match="has no stays"):
        discover(journal_of(loop)[np.zeros(0, np.int64)])
    with pytest.raises(InvalidValue, match="has no closed stage; say which are"):
        _ = discover(journal_of(loop)).draft
    with pytest.raises(InvalidValue, match="began in a stage that is not closed"):
        _ = discover(journal_of([Stay("1", "won", 0, None, None, None)])).draft
    apart = [*loop, Stay("2", "x", 0, 1, "won", None), Stay("3", "a", 0, None, None, None)]
    with pytest.raises(InvalidValue, match="no way from the usual start on to a closed stage"):
        _ = discover(journal_of(apart)).draft
    for coverage in (0.0, 1.1):
        with pytest.raises(InvalidValue, match="coverage"):
            discover(journal_of(loop), coverage=coverage)
    with pytest.raises(NotFound, match="'B'"):
        discover(journal_of(loop), won=["B"])


@settings(max_examples=100, deadline=None)
@given(st.data(), st.booleans())
def test_milestones_are_on_every_way(data, two):
    """A stage is a milestone if and only if without it the outcome cannot be reached; they stand in the order of any way."""
    outcome = {"won": "won", "lost": "won" if two else "lost"}
    edges = data.draw(st.sets(st.tuples(st.sampled_from(STAGES[:4]), st.sampled_from(STAGES)), max_size=5))
    # Every stage has a way in and every open one a way on: only such a definition is a pipeline.
    edges |= {(data.draw(st.sampled_from(STAGES[: min(i, 4)])), STAGES[i]) for i in range(1, len(STAGES))}
    edges |= {(STAGES[i], data.draw(st.sampled_from(STAGES[i + 1 :]))) for i in range(4)}
    moves = {}
    for origin, to in sorted(edges):
        moves.setdefault(origin, {})[f"to {to}"] = to
    law = Pipeline("p", [Stage(name, outcome.get(name)) for name in STAGES], moves)
    graph = nx.DiGraph([*edges, *((name, "goal") for name in outcome if outcome[name] == "won")])
    way = nx.shortest_path(graph, "lead", "goal")
    expected = []
    for name in way[:-1]:
        without = graph.subgraph(set(graph) - {name})
        if name == "lead" or not nx.has_path(without, "lead", "goal"):
            expected.append(name)
    assert milestones(law) == tuple(expected)


def test_milestones_of_an_outcome_that_is_not_there():
    """The message names the outcomes there are."""
    law = Pipeline("p", ["lead", Stage("lost", "lost")], {"lead": {"lose": "lost"}})
    with pytest.raises(NotFound, match="no outcome 'won' in pipeline 'p'; there are: lost"):
        milestones(law)
    assert milestones(law, "lost") == ("lead", "lost")
