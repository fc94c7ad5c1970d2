"""Flow: every figure against loops over plain lists, real logs against pandas, and a textbook."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from statistics import mean, median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import (
    DAY,
    STAGES,
    Stay,
    applications,
    by_case,
    journal_of,
    pandas_edges,
    pandas_variants,
    read,
    receipt,
    runs,
    steps,
    textbook,
    ways,
)

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Coded, Journal
from crmkit.metrics.survival import kaplan_meier
from crmkit.pipeline._groups import Groups
from crmkit.pipeline._trails import Trails
from crmkit.pipeline.filters import select
from crmkit.pipeline.flow import bottlenecks, directly_follows, handovers, rework, variants
from crmkit.values import Period

CLOSED = ("won", "lost")


def known(stays):
    """The closed stages that a log knows."""
    names = {s.stage for s in stays} | {s.next for s in stays}
    return [name for name in CLOSED if name in names]


@settings(max_examples=80, deadline=None)
@given(runs())
def test_edges_are_those_of_a_loop(stays):
    """Counts, shares and times of each edge, starts, ends and open ends are what a loop over the stays finds."""
    graph = directly_follows(journal_of(stays), closed=known(stays))
    took = defaultdict(list)
    for s in stays:
        if s.next is not None:
            took[s.stage, s.next].append(s.left - s.entered)
    assert {(row.stage, row.next): row.n for row in graph} == {edge: len(days) for edge, days in took.items()}
    for row in graph:
        days = took[row.stage, row.next]
        assert row.share == pytest.approx(len(days) / sum(map(len, took.values())))
        found = (row.median, row.mean, row.p90, row.shortest, row.longest)
        assert found == pytest.approx((median(days), mean(days), np.quantile(days, 0.9), min(days), max(days)))
    every = ways(stays).values()
    assert graph.cases == len(every)
    assert graph.starts == Counter(way[0] for way in every)
    assert graph.ends == Counter(way[-1] for way in every if way[-1] in CLOSED)
    assert graph.open == Counter(way[-1] for way in every if way[-1] not in CLOSED)
    assert [row.n for row in graph] == sorted((row.n for row in graph), reverse=True)


@settings(max_examples=80, deadline=None)
@given(runs(most=70, stages=STAGES[:2]) | runs(most=30) | runs())
def test_variants_are_those_of_a_loop(stays):
    """Cases share a variant if and only if they went through the same stages, however long their way is."""
    found = variants(journal_of(stays), closed=known(stays))
    expected, lasted = Counter(ways(stays).values()), defaultdict(list)
    for case, way in ways(stays).items():
        run = by_case(stays)[case]
        # Where the last stay only says where it led, that stage was reached when it was left.
        reached = run[-1].entered if run[-1].next is None else run[-1].left
        lasted[way].append((reached if way[-1] in CLOSED else 1_000) - run[0].entered)
    assert {row.stages: row.n for row in found} == expected
    for row in found:
        assert row.median == pytest.approx(median(lasted[row.stages]))
        assert row.open == (row.stages[-1] not in CLOSED)
        assert row.share == pytest.approx(row.n / len(by_case(stays)))
    assert found.cases == len(by_case(stays))


@settings(max_examples=80, deadline=None)
@given(runs())
def test_rework_is_that_of_a_loop(stays):
    """Visits, repeats, self loops, ping-pongs and their days, for all and for each person."""
    expected = defaultdict(lambda: [0, set(), 0, 0, 0, 0])
    for case, run in by_case(stays).items():
        for i, s in enumerate(run):
            seen = [one.stage for one in run[:i]]
            again = s.stage in seen
            loop = seen[-1:] == [s.stage]
            pong = seen[-2:-1] == [s.stage] and not loop
            for who in {None, s.who}:
                cell = expected[s.stage, who]
                cell[0] += 1
                cell[1].add(case)
                cell[2] += again
                cell[3] += loop
                cell[4] += pong
                cell[5] += again * ((1_000 if s.left is None else s.left) - s.entered)
    found = rework(journal_of(stays))
    rows = {(r.stage, r.who): [r.visits, r.cases, r.repeats, r.self_loops, r.ping_pongs, r.days] for r in found}
    assert rows == {key: [cell[0], len(cell[1]), *cell[2:]] for key, cell in expected.items()}


@settings(max_examples=80, deadline=None)
@given(runs(), st.booleans())
def test_waiting_counts_open_stays_as_censored(stays, grouped):
    """The medians are those of the Kaplan-Meier curve of `crmkit.metrics`, to the last digit that counts."""
    found = bottlenecks(journal_of(stays), by="who" if grouped else None, closed=known(stays))
    parts = defaultdict(list)
    for s in stays:
        if s.stage not in CLOSED:
            parts[s.stage, s.who if grouped else None].append(s)
    assert {(row.stage, row.group) for row in found} == set(parts)
    total = 0
    for row in found:
        part = parts[row.stage, row.group]
        days = [(1_000 if s.left is None else s.left) - s.entered for s in part]
        ended = [s.left is not None for s in part]
        curve = kaplan_meier(days, ended)
        assert row.median == pytest.approx(curve.median().value, nan_ok=True)
        assert row.p90 == pytest.approx(curve.quantile(0.9).value, nan_ok=True)
        over = [d for d, e in zip(days, ended, strict=True) if e]
        assert row.ended_only == pytest.approx(median(over) if over else float("nan"), nan_ok=True)
        assert (row.n, row.n_open, row.waiting) == (len(part), ended.count(False), sum(days))
        total += row.share
    assert total == pytest.approx(1.0 if any(row.waiting for row in found) else 0.0)


@settings(max_examples=80, deadline=None)
@given(runs())
def test_handovers_are_those_of_a_loop(stays):
    """Pairs of different people in successive stays; the rest is counted too."""
    found = handovers(journal_of(stays))
    pairs = Counter((a.who, b.who) for a, b in steps(stays))
    passed = {pair: n for pair, n in pairs.items() if None not in pair and pair[0] != pair[1]}
    assert {(row.giver, row.taker): row.n for row in found} == passed
    for row in found:
        assert row.cases == len({a.case for a, b in steps(stays) if (a.who, b.who) == (row.giver, row.taker)})
    assert found.kept == sum(n for (a, b), n in pairs.items() if a == b and a is not None)
    assert found.unknown == sum(n for pair, n in pairs.items() if None in pair)
    graph = found.to_networkx()
    assert {(a, b): data["weight"] for a, b, data in graph.edges(data=True)} == passed


@settings(max_examples=80, deadline=None)
@given(runs(), st.data())
def test_select_keeps_whole_cases(stays, data):
    """Each condition keeps the cases that a loop would keep, with all their stays."""
    journal, runs_ = journal_of(stays, dims={"region": [s.who for s in stays]}), by_case(stays)
    way = data.draw(st.sampled_from([*ways(stays).values()]))
    days = data.draw(st.integers(0, 60))
    lasted = {case: ends(run) - run[0].entered for case, run in runs_.items()}
    last_day = date(1970, 1, 1) + timedelta(days=days)
    kept = {
        "variant": ({"variant": way}, lambda case, run: ways(stays)[case] == way),
        "reached": ({"reached": way[-1]}, lambda case, run: way[-1] in ways(stays)[case]),
        "both": ({"reached": [way[0], way[-1]]}, lambda case, run: {way[0], way[-1]} <= {*ways(stays)[case]}),
        "longer": ({"longer": timedelta(days=days)}, lambda case, run: lasted[case] >= days),
        "shorter": ({"shorter": timedelta(days=days)}, lambda case, run: lasted[case] < days),
        "over": (
            {"over": Period(date(1970, 1, 1), last_day + timedelta(days=1))},
            lambda case, run: run[0].entered <= days,
        ),
        "missing": ({"where": {"region": None}}, lambda case, run: None in [s.who for s in run]),
    }
    for name in journal.who.values:
        kept[name] = ({"who": name}, lambda case, run, name=name: name in [s.who for s in run])
        kept[f"where {name}"] = ({"where": {"region": name}}, kept[name][1])
    for what, (conditions, keeps) in kept.items():
        found = select(journal, closed=known(stays), **conditions)
        expected = [s for s in stays if keeps(s.case, runs_[s.case])]
        assert found.cases.decode() == [s.case for s in expected], what
        assert found.stages.decode() == [s.stage for s in expected], what


def ends(run):
    """When a case closed, or the end of observation."""
    last = run[-1]
    if last.next is not None:
        return last.left if last.next in CLOSED else 1_000
    return last.entered if last.stage in CLOSED else 1_000


def test_select_refuses_names_that_are_not_there():
    """A person, a value, a stage and a column that nobody knows are named."""
    journal = textbook()
    for condition in ({"who": "Petra"}, {"reached": "decided"}, {"where": {"colour": "red"}}, {"variant": ["pay"]}):
        with pytest.raises(NotFound):
            select(journal, **condition)
    with pytest.raises(NotFound, match="no value of 'stage' 'decode'"):
        select(journal, where={"stage": "decode"})


@pytest.mark.parametrize("log", [applications, receipt])
def test_real_logs_agree_with_pandas(log, shared):
    """Edges and variants of real logs, counted by pandas."""
    frame = log(shared)
    journal = read(frame)
    assert {(row.stage, row.next): row.n for row in directly_follows(journal)} == pandas_edges(frame)
    assert {row.stages: row.n for row in variants(journal)} == pandas_variants(frame)


def test_the_running_example():
    """The six cases of the textbook are six variants; the counts are those one gets by hand from its table."""
    journal = textbook()
    assert sorted(row.n for row in variants(journal)) == [1] * 6
    graph = directly_follows(journal)
    edges = {(row.stage, row.next): row.n for row in graph}
    assert edges["check ticket", "decide"] == 6
    assert edges["register request", "examine casually"] == 3
    assert edges["decide", "reinitiate request"] == 3
    assert len(edges) == 16
    assert graph.ends == {"reject request": 3, "pay compensation": 3}
    assert graph.closed == dict.fromkeys(("reject request", "pay compensation"), "no case has left it")
    assert next(iter(rework(journal))).repeats == 0
    assert {row.stage: row.repeats for row in rework(journal)}["decide"] == 3


def test_closed_stages_are_given_named_or_last():
    """What was given counts, then names; else the last parts of the graph, even if cases move about in them."""
    a = [Stay("1", "in", 0, 1, "x", None), Stay("1", "x", 1, 2, "y", None), Stay("1", "y", 2, None, None, None)]
    b = [Stay("2", "in", 0, 1, "y", None), Stay("2", "y", 1, 2, "x", None), Stay("2", "x", 2, None, None, None)]
    assert directly_follows(journal_of(a + b)).closed == dict.fromkeys("xy", "no case has left it")
    # Everything is one loop: where cases begin cannot be where they end.
    assert directly_follows(journal_of([*a, Stay("3", "y", 0, 1, "in", None)])).closed == {}
    assert directly_follows(journal_of(a + b), closed="y").closed == {"y": "given"}
    assert directly_follows(journal_of([Stay("1", "Closed Won", 0, None, None, None), *b])).closed == {
        "Closed Won": "its name means won"
    }
    with pytest.raises(NotFound, match="did you mean 'in'"):
        directly_follows(journal_of(a), closed=["inn"])


def test_the_graph_and_the_tables_can_be_read():
    """Edges carry their figures into networkx, variants are one text in a frame, an empty log is no error."""
    graph = directly_follows(textbook())
    drawn = graph.to_networkx()
    assert drawn.edges["check ticket", "decide"]["n"] == 6
    assert drawn.nodes["register request"]["starts"] == 6
    assert "start: register request 6" in str(graph)
    assert variants(textbook()).to_frame("pandas")["stages"][0].startswith("register request > ")
    none = journal_of([Stay("1", "in", 0, 1, "won", "li")])[np.zeros(0, np.int64)]
    for figure in (directly_follows, variants, rework, bottlenecks, handovers):
        assert len(figure(none)) == 0
    assert variants(none).to_dict() == {}


def test_a_stay_without_a_stage_is_refused():
    """It would be counted as the last of the stages."""
    journal = journal_of([Stay("1", "in", 0, 1, "won", "li")])
    broken = Journal(
        journal.cases, Coded(np.array([-1], np.int32), journal.stages.values), journal.entered, journal.left,
        journal.next, journal.who, journal.until,
    )  # fmt: skip
    with pytest.raises(InvalidValue, match="row 0"):
        directly_follows(broken)


def test_rows_of_one_instant_that_end_in_another_order():
    """Of two stays that begin at once the one that ends first comes first, wherever its row stands."""
    late, soon = Stay("1", "b", 0, 2, "c", None), Stay("1", "a", 0, 0, "b", None)
    assert [row.stages for row in variants(journal_of([late, soon]))] == [("a", "b", "c")]
    assert Trails.of(journal_of([late, soon])).rows.tolist() == [1, 0]


def grouped(group, micros, q):
    """Sizes, means and quantiles of each group that counts, by numpy."""
    parts = {g: micros[group == g] / DAY for g in sorted(set(group[group >= 0].tolist()))}
    means = [part.mean() for part in parts.values()]
    return [*parts], [len(part) for part in parts.values()], means, [np.quantile(part, q) for part in parts.values()]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_figures_of_groups_are_those_of_numpy(data):
    """Whatever the groups and durations, outliers among them, what is counted into bins loses nothing."""
    group = np.array(data.draw(st.lists(st.integers(-1, 4), max_size=60)), np.int64)
    some = st.integers(0, 50) | st.integers(0, 10**6) | st.integers(-(10**15), 10**16)
    micros = np.array(data.draw(st.lists(some, min_size=len(group), max_size=len(group))), np.int64)
    if data.draw(st.booleans()):
        group = np.where(group == 4, 1 << 40, group)
    q = (0.5, 0.9, 0.0, 1.0)
    found = Groups.of(group, micros, q)
    keys, sizes, means, quantiles = grouped(group, micros, q)
    assert found.keys.tolist() == keys
    assert found.sizes.tolist() == sizes
    assert found.mean == pytest.approx(means, rel=1e-9, abs=1e-9)
    assert found.quantiles.T.tolist() == [pytest.approx(one, rel=1e-9, abs=1e-9) for one in quantiles]


@pytest.mark.parametrize("groups", [3, 60, 100_000, 300_000])
def test_figures_of_many_durations(groups):
    """Few groups or nearly as many as durations, which last between no time and a century: the figures are exact."""
    rng = np.random.default_rng(groups)
    group = rng.integers(-1, groups, 300_000)
    micros = np.exp(rng.uniform(0, np.log(100 * 365 * DAY), len(group))).astype(np.int64)
    found = Groups.of(group.astype(np.int32), micros, (0.5, 1.0))
    assert found.sizes.tolist() == np.bincount(group[group >= 0], minlength=groups)[found.keys].tolist()
    order = np.lexsort((micros, group))
    order = order[group[order] >= 0]
    parts = np.split(micros[order], np.cumsum(found.sizes)[:-1])
    for i in rng.integers(0, len(parts), 300):
        assert found.quantiles[:, i] == pytest.approx(np.quantile(parts[i] / DAY, (0.5, 1.0)), rel=1e-12)
        assert found.mean[i] == pytest.approx(parts[i].mean() / DAY, rel=1e-9)


def test_variants_of_many_cases():
    """Thousands of cases of up to hundreds of stays: variants are those that a counter of tuples finds."""
    rng = np.random.default_rng(8)
    sizes = np.append(1 + rng.geometric(0.3, 12_000), [300, 300])
    case, stage = np.repeat(np.arange(len(sizes)), sizes), rng.integers(0, 3, int(sizes.sum()))
    stage[-300:] = stage[-600:-300]
    names = ("c", "a", "b")
    log = {"case": case, "stage": np.array(names)[stage], "at": np.arange(len(case)).astype("datetime64[s]")}
    ways = [tuple(np.array(names)[part].tolist()) for part in np.split(stage, np.cumsum(sizes)[:-1])]
    expected = sorted(Counter(ways).items(), key=lambda way: (-way[1], way[0]))
    found = variants(Journal.from_frame(log, case="case", stage="stage", at="at", tz="UTC"))
    assert [(row.stages, row.n) for row in found] == expected


def test_a_day_is_a_civil_day_of_the_zone():
    """A case that began late in the evening in UTC began on the next day in Shanghai."""
    at = [datetime(2026, 1, 31, 20, tzinfo=UTC)]
    journal = Journal.from_frame({"c": ["1"], "s": ["in"], "t": at}, case="c", stage="s", at="t")
    month = Period.month(2026, 1)
    assert len(select(journal, over=month)) == 1
    assert len(select(journal, over=month, tz="Asia/Shanghai")) == 0
